#include "meetpool/clock.h"
#include "meetpool/lesson.h"
#include "meetpool/storage.h"
#include "recording_int.h"

/* An upload that began just before its link expired may take its time. */
#define UPLOAD_MOST_MS MP_DAY_MS
/* Looked for ever more seldom: after a fourth of the time that it has been waited for. */
#define WAIT_SHARE    4
#define WAIT_LEAST_MS 15000
#define WAIT_MOST_MS  3600000

static int64_t next_look_ms(int64_t age_ms)
{
    int64_t wait_ms = age_ms / WAIT_SHARE;

    return wait_ms < WAIT_LEAST_MS ? WAIT_LEAST_MS : wait_ms > WAIT_MOST_MS ? WAIT_MOST_MS : wait_ms;
}

/* A link that was given out outlives the removal, and so may an upload: what comes late goes as well. */
static int drop_object(struct mp_ctx *ctx, struct mp_job *job, const struct mp_lesson_row *row, int64_t left_ms, struct mp_error *err)
{
    if (mp_storage_remove(ctx->storage, ctx->arena, row->object_key, err) < 0)
        return -1;
    if (row->source == MP_LESSON_UPLOAD && left_ms > 0)
        mp_job_later(ctx, job, left_ms < WAIT_MOST_MS ? left_ms : WAIT_MOST_MS, false, "removed", "its link may still be used");
    return 0;
}

int mp_lesson_verify_job(struct mp_ctx *ctx, struct mp_job *job, struct mp_error *err)
{
    struct mp_lesson_row row;
    int64_t now_ms, age_ms, left_ms;
    int rc = mp_store_lesson_by_id(ctx->db, ctx->arena, recording_subject(job), &row, err);

    if (rc <= 0 || row.object_key == NULL || row.state == MP_LESSON_READY)
        return rc < 0 ? -1 : 0;
    if (mp_db_now(ctx->db, &now_ms, err) < 0)
        return -1;
    age_ms = now_ms - row.created_at;
    left_ms = mp_storage_link_ttl_ms(ctx->storage) + UPLOAD_MOST_MS - age_ms;
    if (row.state == MP_LESSON_REMOVED)
        return drop_object(ctx, job, &row, left_ms, err);
    rc = lesson_look(ctx, &row, err);
    if (rc != 0)
        return rc < 0 ? -1 : 0;
    if (left_ms > 0) {
        mp_job_later(ctx, job, next_look_ms(age_ms), false, "waiting", "the upload has not come yet");
        return 0;
    }
    mp_log(ctx->log, MP_INFO, "lesson.abandoned", MP_STR("lesson", row.public_id));
    if (mp_lesson_remove(ctx, &row, err) < 0)
        return -1;
    return drop_object(ctx, job, &row, 0, err);
}
