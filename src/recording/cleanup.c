#include "meetpool/clock.h"
#include "meetpool/storage.h"
#include "recording_int.h"

#define HALF_UPLOAD_MS MP_DAY_MS
#define JOBS_KEPT_MS   (7 * MP_DAY_MS)
#define JOBS_AT_ONCE   500
#define ROUNDS_MOST    20
/* By then it is known what became of a meeting. */
#define COUNTED_AFTER_MS 3600000
#define COUNTED_AT_ONCE  1000

static int drop_half_uploads(struct mp_ctx *ctx, struct mp_error *err)
{
    unsigned aborted = 0;

    if (mp_upload_sweep(ctx->storage, ctx->arena, "videos/", mp_now_ms() - HALF_UPLOAD_MS, &aborted, err) < 0)
        return -1;
    if (aborted > 0)
        mp_log(ctx->log, MP_INFO, "recording.uploads_dropped", MP_INT("uploads", aborted));
    return 0;
}

static int drop_jobs(struct mp_ctx *ctx, struct mp_error *err)
{
    int64_t now_ms, removed = JOBS_AT_ONCE;

    if (mp_db_now(ctx->db, &now_ms, err) < 0)
        return -1;
    for (int i = 0; i < ROUNDS_MOST && removed == JOBS_AT_ONCE; i++) {
        if (mp_queue_expire(ctx->db, now_ms - JOBS_KEPT_MS, JOBS_AT_ONCE, &removed, err) < 0)
            return -1;
    }
    return 0;
}

struct count {
    enum mp_day_tally what;
    int64_t counted;
};

static int count_some(struct mp_db *db, void *arg, struct mp_error *err)
{
    struct count *count = arg;

    return mp_store_day_count(db, count->what, mp_now_ms() - COUNTED_AFTER_MS, COUNTED_AT_ONCE, &count->counted, err);
}

static int count_days(struct mp_ctx *ctx, enum mp_day_tally what, struct mp_error *err)
{
    struct count count = {what, COUNTED_AT_ONCE};

    for (int i = 0; i < ROUNDS_MOST && count.counted == COUNTED_AT_ONCE; i++) {
        if (mp_tx_run(ctx->db, count_some, &count, err) < 0)
            return -1;
    }
    return 0;
}

int mp_recording_cleanup_job(struct mp_ctx *ctx, struct mp_job *job, struct mp_error *err)
{
    (void)job;
    if (count_days(ctx, MP_DAY_MEETINGS, err) < 0 || count_days(ctx, MP_DAY_REFUSALS, err) < 0 || drop_jobs(ctx, err) < 0)
        return -1;
    return drop_half_uploads(ctx, err);
}
