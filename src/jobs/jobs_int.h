#ifndef JOBS_INT_H
#define JOBS_INT_H

#include <string.h>

#include "meetpool/jobs.h"

/* The duties that are due; where one has more to do `idle_ms` gets smaller. */
int jobs_duties(struct mp_runner *runner, struct mp_ctx *ctx, unsigned *idle_ms, struct mp_error *err) MP_MUST_CHECK;

/* Applies what Zoom has told; where there was something there may be more, and `idle_ms` is 0. */
int jobs_events(struct mp_ctx *ctx, unsigned *idle_ms, struct mp_error *err) MP_MUST_CHECK;

/* Adds the periodic jobs whose instant has come, and says in the runner when the next one may have. */
int jobs_add_periodic(struct mp_runner *runner, struct mp_ctx *ctx, struct mp_error *err) MP_MUST_CHECK;

/* The database is away, or was in mid-answer. */
bool jobs_is_passing(const struct mp_error *err);
void jobs_log_failure(struct mp_ctx *ctx, const struct mp_error *err);

#endif
