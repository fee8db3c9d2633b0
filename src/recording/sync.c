#include "meetpool/clock.h"
#include "meetpool/store_alert.h"
#include "recording_int.h"

/* How far back meetings are looked for: after an outage of that length none is lost. */
#define WINDOW_MS (30 * MP_DAY_MS)
/* Taken up in one round: the rest with the next, so that what has piled up is done at a steady pace. */
#define ROUND_MOST 200
/* Work that should have a job by then has lost it. */
#define LOST_MS 60000

int mp_recording_wanted(struct mp_ctx *ctx, int64_t meeting_row, int64_t wait_ms, struct mp_error *err)
{
    return recording_add_find(ctx->db, ctx->arena, meeting_row, wait_ms, MP_JOB_PRIORITY_EVENT, err);
}

int mp_recording_held(struct mp_ctx *ctx, int64_t meeting_row, const char *uuid, int64_t started_at, int64_t ended_at, struct mp_error *err)
{
    struct mp_occurrence_row row = {.uuid = uuid, .meeting_id = meeting_row, .started_at = started_at, .ended_at = ended_at};

    return mp_store_occurrence_ensure(ctx->db, &row, err);
}

static int find_all(struct mp_ctx *ctx, const int64_t *meetings, size_t count, struct mp_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (recording_add_find(ctx->db, ctx->arena, meetings[i], 0, MP_JOB_PRIORITY_NORMAL, err) < 0)
            return -1;
    }
    return 0;
}

static int take_up_ended(struct mp_ctx *ctx, size_t *count, struct mp_error *err)
{
    int64_t now_ms = mp_now_ms(), *meetings;

    if (mp_store_recording_unseen(ctx->db, ctx->arena, now_ms - WINDOW_MS, now_ms - ctx->recording_conf->buffer_s * 1000, ROUND_MOST, &meetings,
                                  count, err) < 0)
        return -1;
    return find_all(ctx, meetings, *count, err);
}

static int take_up_idle(struct mp_ctx *ctx, size_t *count, struct mp_error *err)
{
    int64_t now_ms, *meetings;

    if (mp_db_now(ctx->db, &now_ms, err) < 0 || mp_store_recording_idle(ctx->db, ctx->arena, now_ms - LOST_MS, ROUND_MOST, &meetings, count, err) < 0)
        return -1;
    return find_all(ctx, meetings, *count, err);
}

/* ---- Files whose job is gone ---- */

struct lost {
    struct mp_file_row file;
};

static int give_up_file(struct mp_db *db, void *arg, struct mp_error *err)
{
    const struct lost *lost = arg;
    int rc;

    if (mp_store_recording_lock(db, lost->file.meeting_id, err) < 0)
        return -1;
    rc = mp_store_file_over(db, lost->file.id, NULL, MP_FILE_FAILED, "runner_died", "Every try to bring it home was cut short.", err);
    if (rc <= 0)
        return rc;
    if (mp_store_alert_raise(db, MP_ALERT_RECORDING, lost->file.object_key, "Every try to bring it home was cut short.", err) < 0)
        return -1;
    return mp_store_recording_settle(db, lost->file.meeting_id, false, err);
}

/* Its job was given up after it had killed its runners, or the database had failed at each try. */
static int give_up_lost(struct mp_ctx *ctx, struct mp_error *err)
{
    struct lost lost;
    int64_t *files;
    size_t count;

    if (mp_store_file_idle(ctx->db, ctx->arena, true, ROUND_MOST, &files, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (mp_store_file_by_id(ctx->db, ctx->arena, files[i], &lost.file, err) < 0 || mp_tx_run(ctx->db, give_up_file, &lost, err) < 0)
            return -1;
        mp_log(ctx->log, MP_ERROR, "recording.failed", MP_STR("key", lost.file.object_key), MP_STR("code", "runner_died"));
    }
    return 0;
}

static int take_up_files(struct mp_ctx *ctx, struct mp_error *err)
{
    int64_t *files;
    size_t count;

    if (mp_store_file_idle(ctx->db, ctx->arena, false, ROUND_MOST, &files, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (recording_add_move(ctx->db, ctx->arena, files[i], MP_JOB_PRIORITY_NORMAL, err) < 0)
            return -1;
    }
    return 0;
}

int mp_recording_sync_job(struct mp_ctx *ctx, struct mp_job *job, struct mp_error *err)
{
    size_t ended = 0, idle = 0;

    (void)job;
    if (!mp_account_any(ctx->account_conf))
        return 0;
    if (take_up_ended(ctx, &ended, err) < 0 || take_up_idle(ctx, &idle, err) < 0 || give_up_lost(ctx, err) < 0 || take_up_files(ctx, err) < 0)
        return -1;
    if (ended > 0 || idle > 0)
        mp_log(ctx->log, MP_INFO, "recording.sync", MP_INT("ended", ended), MP_INT("idle", idle));
    return 0;
}
