#ifndef MEETPOOL_JOBS_H
#define MEETPOOL_JOBS_H

#include "meetpool/attr.h"
#include "meetpool/ctx.h"
#include "meetpool/error.h"

/*
 * What is done in the background: repair of meetings, and the periodic duties. Any number of runners on any number of hosts may run; what must not be
 * done twice is held by leases in the database.
 */

/*
 * Does what is due now and returns. `idle_ms`: how long the caller may sleep until the next call (at most 1,000).
 * Failures are logged here; -1 tells that the database is away (the caller sleeps and goes on).
 */
int mp_jobs_run(struct mp_ctx *ctx, unsigned *idle_ms, struct mp_error *err) MP_MUST_CHECK;

#endif
