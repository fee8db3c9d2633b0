#ifndef MEETPOOL_JOBS_H
#define MEETPOOL_JOBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "meetpool/attr.h"
#include "meetpool/ctx.h"
#include "meetpool/error.h"
#include "meetpool/queue.h"

/*
 * What is done in the background, by runners: any number on any number of hosts. What must not be done twice is held by leases in the database.
 *
 * Each host has one runner with the duties (repair of bookings and meetings, idle connections, jobs whose runner died, periodic jobs), which applies
 * what Zoom tells and takes quick jobs beside them; another one without the duties, so that one that waits for Zoom does not hold up the rest; and
 * several that move files. The duties come before the jobs in every round, and a round takes a few jobs only: after an outage bookings come first,
 * and what has piled up is done at a steady pace, the most urgent first.
 */

/* One row a kind of job. */
struct mp_job_kind {
    const char *name;
    mp_job_fn *run;
    /* A periodic one, in the quick lane: one job each time so much of the database's clock has passed. NULL: it is not. */
    int64_t (*interval_s)(const struct mp_ctx *ctx);
};
extern const struct mp_job_kind mp_job_kinds[];
extern const size_t mp_job_kinds_count;

struct mp_runner {
    enum mp_job_lane lane;
    bool duties;
    const struct mp_job_kind *kinds;
    size_t kinds_count;
    /* Its own: monotonic, when something is to be done next. */
    int64_t duties_due_ms, releases_due_ms, periodic_due_ms;
};

/*
 * Does what is due now and returns. `idle_ms`: how long the caller may sleep until the next call (at most 1,000; 0: there is more). A kind that is
 * not in the table is a newer program's: the job is left for that. Failures are logged here; -1 tells that the database is away (the caller sleeps
 * and goes on). Clears nothing: the arena is the caller's.
 */
int mp_runner_round(struct mp_runner *runner, struct mp_ctx *ctx, unsigned *idle_ms, struct mp_error *err) MP_MUST_CHECK;

#endif
