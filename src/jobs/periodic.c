#include "jobs_int.h"
#include "meetpool/clock.h"
#include "meetpool/db.h"

/* What fails so often waits for the next instant. */
#define TRIES_MOST 3
/* Between two looks: the clocks are not the same, and where none was added as an earlier one waited its turn that one may be over. */
#define LOOK_MOST_MS  10000
#define LOOK_LEAST_MS 50

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

int jobs_add_periodic(struct mp_runner *runner, struct mp_ctx *ctx, struct mp_error *err)
{
    int64_t now_ms, look_ms = LOOK_MOST_MS;

    if (mp_db_now(ctx->db, &now_ms, err) < 0)
        return -1;
    for (size_t i = 0; i < runner->kinds_count; i++) {
        const struct mp_job_kind *kind = &runner->kinds[i];
        int64_t left_ms;

        if (kind->interval_s == NULL)
            continue;
        if (add(ctx, kind, now_ms, err) < 0)
            return -1;
        left_ms = kind->interval_s(ctx) * 1000 - now_ms % (kind->interval_s(ctx) * 1000);
        look_ms = left_ms < look_ms ? left_ms : look_ms;
    }
    runner->periodic_due_ms = mp_monotonic_ms() + (look_ms > LOOK_LEAST_MS ? look_ms : LOOK_LEAST_MS);
    return 0;
}
