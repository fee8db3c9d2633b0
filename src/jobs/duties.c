#include "jobs_int.h"
#include "meetpool/clock.h"
#include "meetpool/connection.h"
#include "meetpool/meeting.h"
#include "meetpool/schedule.h"
#include "meetpool/store_idempotency.h"
#include "meetpool/webhook.h"

#define REST_MS 500
#define BUSY_MS 50
/* Rows removed a round; the table never grows faster than that. */
#define EXPIRE_BATCH 200
#define RELEASE_MS   1000

/* A duty that fails for a reason of its own does not keep the others from being done, nor is it done again at once (`count`; NULL: none). */
static int done(struct mp_ctx *ctx, int rc, unsigned *count, struct mp_error *err)
{
    if (rc >= 0)
        return 0;
    if (jobs_is_passing(err))
        return -1;
    if (count != NULL)
        *count = 0;
    jobs_log_failure(ctx, err);
    mp_error_reset(err);
    return 0;
}

static int repair(struct mp_ctx *ctx, bool *more, struct mp_error *err)
{
    unsigned meetings = 0, bookings = 0, swept = 0;
    int rc;

    if (!mp_account_any(ctx->account_conf))
        return 0;
    if (done(ctx, mp_meeting_repair(ctx, &meetings, err), &meetings, err) < 0 ||
        done(ctx, mp_booking_repair(ctx, &bookings, err), &bookings, err) < 0)
        return -1;
    rc = mp_meeting_sweep(ctx, err);
    swept = rc > 0;
    *more = *more || swept > 0 || meetings > 0 || bookings > 0;
    return done(ctx, rc, &swept, err);
}

static int keep_up(struct mp_ctx *ctx, bool *more, struct mp_error *err)
{
    int64_t expired = 0;
    unsigned refreshed = 0;

    if (done(ctx, mp_store_idempotency_expire(ctx->db, EXPIRE_BATCH, &expired, err), NULL, err) < 0 ||
        done(ctx, mp_connection_keep(ctx, &refreshed, err), &refreshed, err) < 0)
        return -1;
    *more = refreshed > 0;
    return repair(ctx, more, err);
}

int jobs_events(struct mp_ctx *ctx, unsigned *idle_ms, struct mp_error *err)
{
    unsigned told = 0;

    if (mp_webhook_apply(ctx, &told, err) < 0)
        return -1;
    if (told > 0)
        *idle_ms = 0;
    return 0;
}

/* Whether it is time; then the next one is `every_ms` away. */
static bool is_due(int64_t *due_ms, int64_t now_ms, int64_t every_ms)
{
    if (now_ms < *due_ms)
        return false;
    *due_ms = now_ms + every_ms;
    return true;
}

static int look_after(struct mp_runner *runner, struct mp_ctx *ctx, unsigned *idle_ms, struct mp_error *err)
{
    bool more = false;

    /* Beside the runner that does so in every round: that one may have a long job in hand. */
    if (done(ctx, jobs_events(ctx, idle_ms, err), NULL, err) < 0 || keep_up(ctx, &more, err) < 0)
        return -1;
    if (more) {
        runner->duties_due_ms = mp_monotonic_ms() + BUSY_MS;
        *idle_ms = BUSY_MS;
    }
    return 0;
}

int jobs_duties(struct mp_runner *runner, struct mp_ctx *ctx, unsigned *idle_ms, struct mp_error *err)
{
    int64_t now_ms = mp_monotonic_ms();

    if (is_due(&runner->releases_due_ms, now_ms, RELEASE_MS) && done(ctx, mp_queue_release_dead(ctx, err), NULL, err) < 0)
        return -1;
    if (now_ms >= runner->periodic_due_ms && done(ctx, jobs_add_periodic(runner, ctx, err), NULL, err) < 0)
        return -1;
    return is_due(&runner->duties_due_ms, now_ms, REST_MS) ? look_after(runner, ctx, idle_ms, err) : 0;
}
