#include "jobs_int.h"
#include "meetpool/db.h"

/* What fails so often waits for the next instant. */
#define TRIES_MOST 3

/*
 * An instant is the database's clock rounded down to the interval: hosts with different clocks mean the same one, and the unique name of the job lets
 * one of them add it. Where the job of an earlier instant still waits its turn none is added: however long an outage or a queue, one is left.
 */
static int add(struct mp_ctx *ctx, const struct mp_job_kind *kind, int64_t now_ms, struct mp_error *err)
{
    int64_t interval_ms = kind->interval_s(ctx) * 1000;
    struct mp_job_spec spec = {
        .kind = kind->name,
        .subject = "",
        .lane = MP_LANE_QUICK,
        .priority = MP_JOB_PRIORITY_NORMAL,
        .most_attempts = TRIES_MOST,
    };

    spec.slot = now_ms - now_ms % interval_ms;
    return mp_queue_add_periodic(ctx->db, ctx->arena, &spec, err) < 0 ? -1 : 0;
}

int jobs_add_periodic(const struct mp_runner *runner, struct mp_ctx *ctx, struct mp_error *err)
{
    int64_t now_ms;

    if (mp_db_now(ctx->db, &now_ms, err) < 0)
        return -1;
    for (size_t i = 0; i < runner->kinds_count; i++) {
        if (runner->kinds[i].interval_s != NULL && add(ctx, &runner->kinds[i], now_ms, err) < 0)
            return -1;
    }
    return 0;
}
