#include "meetpool/jobs.h"

#include "meetpool/arena.h"
#include "meetpool/connection.h"
#include "meetpool/log.h"
#include "meetpool/meeting.h"
#include "meetpool/schedule.h"
#include "meetpool/store_idempotency.h"

#define IDLE_MS 500
#define BUSY_MS 50
/* Rows removed a round; the table never grows faster than that. */
#define EXPIRE_BATCH 200

/* The runner is an exit: it logs what failed. */
static int fail(struct mp_ctx *ctx, const struct mp_error *err)
{
    mp_log(ctx->log, MP_ERROR, "jobs.failed", MP_STR("code", mp_error_name(err->code)), MP_STR("detail", err->detail));
    return -1;
}

int mp_jobs_run(struct mp_ctx *ctx, unsigned *idle_ms, struct mp_error *err)
{
    int64_t expired = 0;
    unsigned done = 0, bookings = 0, refreshed = 0;
    int rc;

    *idle_ms = IDLE_MS;
    if (mp_store_idempotency_expire(ctx->db, EXPIRE_BATCH, &expired, err) < 0)
        return fail(ctx, err);
    if (mp_connection_keep(ctx, &refreshed, err) < 0)
        return fail(ctx, err);
    if (refreshed > 0)
        *idle_ms = BUSY_MS;
    if (!mp_account_any(ctx->account_conf))
        return 0;
    rc = mp_meeting_repair(ctx, &done, err);
    if (rc == 0)
        rc = mp_booking_repair(ctx, &bookings, err);
    if (rc == 0)
        rc = mp_meeting_sweep(ctx, err);
    if (rc < 0)
        return fail(ctx, err);
    if (rc > 0 || done > 0 || bookings > 0)
        *idle_ms = BUSY_MS;
    return 0;
}
