#include <string.h>

#include "meetpool/clock.h"
#include "meetpool/storage.h"
#include "meetpool/store_alert.h"
#include "meetpool/transfer.h"
#include "recording_int.h"

/* The lease is held at least so often. */
#define BEAT_MS 5000
/* After failures: the first wait at most, and the longest. */
#define BASE_MOST_MS 30000
#define WAIT_MOST_MS 3600000
/*
 * While Zoom or the storage is away: a try after a share of the time since the first one, at the latest after so long; operators are told when it
 * lasts; and the tries count when it has lasted so long that nobody waits for its end.
 */
#define AWAY_SHARE      2
#define AWAY_WAIT_MS    1800000
#define AWAY_TELL_MS    1800000
#define AWAY_LASTING_MS (7 * MP_DAY_MS)

struct move {
    struct mp_ctx *ctx;
    struct mp_job *job;
    const char *mover;
    struct mp_file_row file;
    struct mp_meeting *meeting;
    struct recording_home home;
    int64_t begun_ms, beat_ms, bytes; /* monotonic, monotonic, brought so far */
    struct mp_secret download_token;  /* what Zoom made for this recording; not set: none known */
    bool stop;                        /* the job is not ours any more */
    struct mp_error broken;           /* the database failed within the transfer */
};

int64_t recording_base_wait_ms(const struct mp_recording_conf *conf)
{
    int64_t base_ms = conf->retry_delay_s * 1000 / 10;

    return base_ms < BASE_MOST_MS ? base_ms : BASE_MOST_MS;
}

/* ---- While it runs ---- */

/* 0: go on, -1: stop. */
static int note(struct move *m, int rc)
{
    if (rc == 0)
        m->stop = true;
    return rc > 0 ? 0 : -1;
}

static int beat(struct move *m)
{
    m->beat_ms = mp_monotonic_ms();
    return note(m, mp_job_progress(m->ctx, m->job, m->bytes, m->file.size, &m->broken));
}

struct upload_note {
    struct move *move;
    const char *upload_id;
    int rc;
};

static int note_upload(struct mp_db *db, void *arg, struct mp_error *err)
{
    struct upload_note *n = arg;

    n->rc = mp_store_file_upload(db, n->move->file.id, n->move->mover, n->upload_id, err);
    return n->rc < 0 ? -1 : 0;
}

static int write_upload(struct move *m, const char *upload_id, struct mp_error *err)
{
    struct upload_note n = {m, upload_id, 0};

    return mp_tx_run(m->ctx->db, note_upload, &n, err) < 0 ? -1 : n.rc;
}

static int on_begun(void *arg, const char *upload_id)
{
    struct move *m = arg;

    return note(m, write_upload(m, upload_id, &m->broken));
}

static int on_part(void *arg, const struct mp_part *part, int64_t bytes_so_far)
{
    struct move *m = arg;
    struct mp_file_part row = {part->number, part->size, part->etag};

    m->bytes = bytes_so_far;
    if (note(m, mp_store_file_part(m->ctx->db, m->file.id, m->mover, &row, &m->broken)) < 0)
        return -1;
    return beat(m);
}

static bool keep_going(void *arg)
{
    struct move *m = arg;

    return mp_monotonic_ms() - m->beat_ms < BEAT_MS || beat(m) == 0;
}

static bool may_have_bearer(void *arg, const struct mp_url *url)
{
    const struct move *m = arg;

    return mp_zoom_may_have_bearer(m->ctx->zoom, m->ctx->arena, url);
}

/* Goes on with what the storage has of it already. */
static int run(struct move *m, const struct mp_secret *token, struct mp_transfer_result *res, struct mp_error *err)
{
    struct mp_file_part *rows;
    struct mp_part *parts;
    size_t count;
    struct mp_transfer transfer = {
        .url = m->file.download_url,
        .bearer = token,
        .may_have_bearer = may_have_bearer,
        .key = m->file.object_key,
        .content_type = recording_content_type(m->file.file_type),
        .size = m->file.size,
        .extension = m->file.file_type,
        .bytes_per_s = m->ctx->recording_conf->bytes_per_s,
        .upload_id = m->file.upload_id,
        .begun = on_begun,
        .part = on_part,
        .keep_going = keep_going,
        .arg = m,
    };

    if (mp_store_file_parts(m->ctx->db, m->ctx->arena, m->file.id, &rows, &count, err) < 0)
        return -1;
    parts = mp_arena_array(m->ctx->arena, count + 1, sizeof(*parts));
    for (size_t i = 0; i < count; i++)
        parts[i] = (struct mp_part){.number = rows[i].number, .size = rows[i].size, .etag = rows[i].etag};
    transfer.parts = parts;
    transfer.parts_count = m->file.upload_id != NULL ? count : 0;
    mp_transfer_run(m->ctx->storage, m->ctx->arena, &transfer, res);
    m->file.upload_id = res->end == MP_TRANSFER_DONE ? NULL : res->upload_id;
    if (mp_error_set(&m->broken)) {
        *err = m->broken;
        return -1;
    }
    if (res->end != MP_TRANSFER_DONE && res->upload_id == NULL && !m->stop)
        return note(m, write_upload(m, NULL, err)) < 0 && mp_error_set(err) ? -1 : 0;
    return 0;
}

/* ---- Another token, another address ---- */

enum again { AGAIN_HERE, AGAIN_GONE, AGAIN_UNKNOWN };

/* The file as Zoom has it now: its address changes, and a token of its own comes with it. */
static int refind(struct move *m, enum again *what, struct mp_error *err)
{
    struct mp_zoom_recording found;
    struct mp_zoom_result res;
    bool none;

    recording_fetch(m->ctx, m->meeting, m->file.uuid, &found, &none, &res);
    *what = res.cls != MP_ZOOM_OK ? AGAIN_UNKNOWN : AGAIN_GONE;
    m->download_token = found.download_token;
    for (size_t i = 0; i < found.count; i++) {
        const struct mp_zoom_recording_file *file = &found.files[i];

        if (strcmp(file->key, m->file.file_key) != 0 || file->download_url == NULL)
            continue;
        *what = AGAIN_HERE;
        m->file.download_url = file->download_url;
        m->file.size = file->size;
        return mp_store_file_address(m->ctx->db, m->file.id, m->mover, file->download_url, err);
    }
    return 0;
}

/* Refused: with a fresh token, then with the one that Zoom makes for the recording. */
static int with_other_tokens(struct move *m, const struct mp_secret *refused, struct mp_transfer_result *res, struct mp_error *err)
{
    struct mp_zoom_result zoom;
    struct mp_secret fresh = {0};
    enum again what;

    recording_token(m->ctx, m->meeting, refused, &fresh, &zoom);
    if (zoom.cls != MP_ZOOM_OK)
        return 0;
    if (refind(m, &what, err) < 0)
        return -1;
    if (what == AGAIN_GONE)
        res->end = MP_TRANSFER_SOURCE_GONE;
    if (what != AGAIN_HERE)
        return 0;
    if (run(m, &fresh, res, err) < 0)
        return -1;
    if (res->end != MP_TRANSFER_SOURCE_AUTH || !mp_secret_is_set(&m->download_token))
        return 0;
    return run(m, &m->download_token, res, err);
}

static int attempt(struct move *m, const struct mp_secret *token, struct mp_transfer_result *res, struct mp_error *err)
{
    enum again what;

    if (run(m, token, res, err) < 0)
        return -1;
    if (res->end == MP_TRANSFER_SOURCE_AUTH)
        return with_other_tokens(m, token, res, err);
    if (res->end != MP_TRANSFER_SOURCE_GONE)
        return 0;
    if (refind(m, &what, err) < 0)
        return -1;
    if (what == AGAIN_HERE)
        return run(m, token, res, err);
    if (what == AGAIN_UNKNOWN) {
        res->end = MP_TRANSFER_SOURCE_FAILS;
        res->away = true;
    }
    return 0;
}

/* ---- What came of it ---- */

struct outcome {
    struct move *move;
    enum mp_file_state state; /* of a file that is over; MP_FILE_MOVING: there will be another try */
    const char *code, *text;
    struct mp_file_stored stored;
    int rc;
};

/* The transaction: there is no lesson without its file, and none is made twice. May run twice. */
static int store_it(struct mp_db *db, void *arg, struct mp_error *err)
{
    struct outcome *o = arg;
    const struct mp_file_row *file = &o->move->file;
    int64_t was;

    if (mp_store_recording_lock(db, file->meeting_id, err) < 0)
        return -1;
    o->rc = mp_store_file_stored(db, file->id, o->move->mover, &o->stored, err);
    if (o->rc <= 0)
        return o->rc;
    if (recording_add_lesson(db, o->move->ctx->arena, &o->move->home, file, o->stored.size, &was, err) < 0 ||
        mp_store_recording_settle(db, file->meeting_id, false, err) < 0)
        return -1;
    /* What is brought home again takes the place of what was there. */
    if (mp_store_day_add(db, "recordings_stored", was < 0 ? 1 : 0, err) < 0 ||
        mp_store_day_add(db, "recording_bytes", o->stored.size - (was > 0 ? was : 0), err) < 0)
        return -1;
    return mp_store_day_add(db, "recordings_moved", 1, err) < 0 ? -1 : mp_store_day_add(db, "recording_move_ms", o->stored.moved_ms, err);
}

static int verify(struct move *m, int64_t size, bool *right, struct mp_error *err)
{
    struct mp_object object;
    int rc = mp_storage_stat(m->ctx->storage, m->ctx->arena, m->file.object_key, &object, err);

    *right = rc > 0 && object.size == size;
    return rc < 0 ? -1 : 0;
}

static int all_stored(struct move *m, bool *all, struct mp_error *err)
{
    struct mp_file_row *files;
    size_t count;

    if (mp_store_files(m->ctx->db, m->ctx->arena, m->file.occurrence_id, &files, &count, err) < 0)
        return -1;
    *all = true;
    for (size_t i = 0; i < count; i++)
        *all = *all && (files[i].state == MP_FILE_STORED || files[i].state == MP_FILE_TRASHED);
    return 0;
}

static int leave_zoom(struct move *m, struct mp_error *err)
{
    struct mp_job_spec spec = {
        .kind = MP_JOB_TRASH,
        .subject = mp_arena_printf(m->ctx->arena, "%lld", (long long)m->file.occurrence_id),
        .slot = MP_JOB_OPEN,
        .lane = MP_LANE_QUICK,
        .priority = MP_JOB_PRIORITY_BULK,
        .most_attempts = 5,
    };
    bool all = false;

    if (!m->ctx->recording_conf->delete_source)
        return 0;
    if (all_stored(m, &all, err) < 0)
        return -1;
    return all && mp_queue_add(m->ctx->db, m->ctx->arena, &spec, NULL, err) < 0 ? -1 : 0;
}

static int done(struct move *m, const struct mp_transfer_result *res, struct mp_error *err)
{
    struct outcome o = {.move = m,
                        .stored = {.size = res->size, .moved_ms = mp_monotonic_ms() - m->begun_ms, .etag = res->etag, .sha256 = res->sha256}};

    if (mp_tx_run(m->ctx->db, store_it, &o, err) < 0)
        return -1;
    if (o.rc == 0)
        return 0;
    mp_metric_add(m->ctx->log->metrics, MP_METRIC_RECORDING_FILES, "stored", NULL, 1);
    mp_metric_add(m->ctx->log->metrics, MP_METRIC_RECORDING_BYTES, NULL, NULL, res->size);
    mp_log(m->ctx->log, MP_INFO, "recording.stored", MP_INT("meeting", m->home.meeting.zoom_id), MP_STR("file_type", m->file.file_type),
           MP_STR("key", m->file.object_key), MP_INT("bytes", res->size), MP_INT("elapsed_ms", o.stored.moved_ms));
    return leave_zoom(m, err);
}

/* The transaction: the file is over, or what is in the way of it is told. May run twice. */
static int write_failure(struct mp_db *db, void *arg, struct mp_error *err)
{
    struct outcome *o = arg;
    const struct mp_file_row *file = &o->move->file;
    const char *count = mp_arena_printf(o->move->ctx->arena, "recording_failures:%s", o->code);

    if (mp_store_recording_lock(db, file->meeting_id, err) < 0)
        return -1;
    if (o->state == MP_FILE_MOVING)
        o->rc = mp_store_file_trouble(db, file->id, o->move->mover, o->code, o->text, err);
    else
        o->rc = mp_store_file_over(db, file->id, o->move->mover, o->state, o->code, o->text, err);
    if (o->rc < 0 || mp_store_recording_settle(db, file->meeting_id, false, err) < 0)
        return -1;
    return mp_store_day_add(db, count, 1, err);
}

static int tell_people(struct move *m, const char *text, struct mp_error *err)
{
    const char *subject = mp_arena_printf(m->ctx->arena, "meeting %lld", (long long)m->home.meeting.zoom_id);

    return mp_store_alert_raise(m->ctx->db, MP_ALERT_RECORDING, subject, mp_arena_printf(m->ctx->arena, "%s: %s", m->file.file_type, text), err);
}

static void log_failure(struct move *m, enum mp_log_level level, const char *event, const char *code, const char *text)
{
    mp_log(m->ctx->log, level, event, MP_INT("meeting", m->home.meeting.zoom_id), MP_STR("file_type", m->file.file_type), MP_STR("code", code),
           MP_STR("reason", text), MP_INT("attempts", m->job->attempts));
}

/* What was begun at the storage is not left there. */
static void clear_away(struct move *m)
{
    struct mp_error ignored;

    mp_error_init(&ignored, m->ctx->arena);
    if (m->file.upload_id != NULL && mp_upload_abort(m->ctx->storage, m->ctx->arena, m->file.object_key, m->file.upload_id, &ignored) < 0)
        mp_log(m->ctx->log, MP_WARNING, "recording.upload_left", MP_STR("key", m->file.object_key), MP_STR("detail", ignored.detail));
}

static int over(struct move *m, enum mp_file_state state, const char *code, const char *text, struct mp_error *err)
{
    struct outcome o = {.move = m, .state = state, .code = code, .text = text};

    clear_away(m);
    if (mp_tx_run(m->ctx->db, write_failure, &o, err) < 0)
        return -1;
    mp_metric_add(m->ctx->log->metrics, MP_METRIC_RECORDING_FILES, state == MP_FILE_EXPIRED ? "expired" : "failed", NULL, 1);
    log_failure(m, MP_ERROR, state == MP_FILE_EXPIRED ? "recording.expired" : "recording.failed", code, text);
    mp_job_fail(m->ctx, m->job, code, "%s", text);
    return tell_people(m, text, err);
}

/* `wait_ms` -1: one that grows. */
static int once_more(struct move *m, const char *code, const char *text, int64_t wait_ms, bool counted, struct mp_error *err)
{
    struct outcome o = {.move = m, .state = MP_FILE_MOVING, .code = code, .text = text};
    int64_t base_ms = recording_base_wait_ms(m->ctx->recording_conf);

    if (counted && m->job->attempts >= m->job->most_attempts)
        return over(m, MP_FILE_FAILED, code, text, err);
    if (mp_tx_run(m->ctx->db, write_failure, &o, err) < 0)
        return -1;
    if (wait_ms < 0)
        wait_ms = mp_job_backoff_ms(m->job->attempts, base_ms, WAIT_MOST_MS);
    log_failure(m, MP_WARNING, "recording.retry", code, text);
    mp_job_later(m->ctx, m->job, wait_ms < MP_DAY_MS ? wait_ms : MP_DAY_MS, counted, code, "%s", text);
    return 0;
}

/*
 * Zoom or the storage is away: hours of that use up no try. Where another file has come home during this very try it is this file that they cannot
 * serve, and its tries count.
 */
static int away(struct move *m, const char *code, const char *text, int64_t wait_ms, struct mp_error *err)
{
    int64_t now_ms, age_ms, most_ms, base_ms = recording_base_wait_ms(m->ctx->recording_conf);
    int served;

    if (mp_db_now(m->ctx->db, &now_ms, err) < 0)
        return -1;
    served = mp_queue_done_since(m->ctx->db, MP_JOB_MOVE, now_ms - (mp_monotonic_ms() - m->begun_ms), err);
    if (served < 0)
        return -1;
    age_ms = m->job->started_at >= 0 ? now_ms - m->job->started_at : 0;
    if (age_ms > AWAY_TELL_MS && tell_people(m, text, err) < 0)
        return -1;
    if (served > 0 || age_ms > AWAY_LASTING_MS)
        return once_more(m, code, text, wait_ms, true, err);
    most_ms = age_ms / AWAY_SHARE < AWAY_WAIT_MS ? age_ms / AWAY_SHARE : AWAY_WAIT_MS;
    most_ms = mp_job_backoff_ms(1, most_ms > base_ms ? most_ms : base_ms, AWAY_WAIT_MS);
    return once_more(m, code, text, wait_ms > most_ms ? wait_ms : most_ms, false, err);
}

/* The storage refuses: somebody has to mend it, and then it goes on by itself. */
static int storage_refuses(struct move *m, const char *text, struct mp_error *err)
{
    if (tell_people(m, text, err) < 0)
        return -1;
    return once_more(m, "storage_refused", text, m->ctx->recording_conf->retry_delay_s * 1000, false, err);
}

static int conclude(struct move *m, const struct mp_transfer_result *res, struct mp_error *err)
{
    const char *text = res->problem != NULL ? res->problem : "no reason given";
    bool right;

    switch (res->end) {
    case MP_TRANSFER_DONE:
        if (verify(m, res->size, &right, err) < 0)
            return -1;
        return right ? done(m, res, err) : once_more(m, "verification_failed", "The storage does not have the file as it was sent.", -1, true, err);
    case MP_TRANSFER_STOPPED:
        break;
    case MP_TRANSFER_SOURCE_AUTH:
        return once_more(m, "download_refused", text, -1, true, err);
    case MP_TRANSFER_SOURCE_GONE:
        return over(m, MP_FILE_EXPIRED, "expired", "Zoom does not have this file any more.", err);
    case MP_TRANSFER_SOURCE_BAD:
        return once_more(m, "download_wrong", text, -1, true, err);
    case MP_TRANSFER_SOURCE_FAILS:
        return res->away ? away(m, "download_failed", text, res->retry_after_ms, err)
                         : once_more(m, "download_failed", text, res->retry_after_ms, true, err);
    case MP_TRANSFER_SINK_FAILS:
        return res->away ? away(m, "upload_failed", text, res->retry_after_ms, err) : once_more(m, "upload_failed", text, -1, true, err);
    case MP_TRANSFER_SINK_REFUSES:
        return storage_refuses(m, text, err);
    }
    return 0;
}

/* ---- The job ---- */

static int load(struct move *m, struct mp_error *err)
{
    int rc = mp_store_file_by_id(m->ctx->db, m->ctx->arena, recording_subject(m->job), &m->file, err);

    if (rc <= 0)
        return rc;
    rc = mp_meeting_by_row(m->ctx, m->file.meeting_id, &m->meeting, err);
    if (rc <= 0)
        return rc;
    if (recording_home(m->ctx, &m->meeting->row, &m->home, err) < 0)
        return -1;
    return mp_store_file_take(m->ctx->db, m->file.id, m->mover, err);
}

static int without_token(struct move *m, const struct mp_zoom_result *zoom, struct mp_error *err)
{
    const char *text = zoom->message != NULL ? zoom->message : "no token";

    if (zoom->cls == MP_ZOOM_REFUSED)
        return once_more(m, "zoom_authentication", text, zoom->retry_after_ms, true, err);
    return away(m, "zoom_authentication", text, zoom->retry_after_ms, err);
}

int mp_recording_move_job(struct mp_ctx *ctx, struct mp_job *job, struct mp_error *err)
{
    struct move m = {.ctx = ctx, .job = job, .begun_ms = mp_monotonic_ms(), .beat_ms = mp_monotonic_ms()};
    struct mp_transfer_result res = {0};
    struct mp_zoom_result zoom;
    struct mp_secret token = {0};
    int rc;

    mp_error_init(&m.broken, ctx->arena);
    m.mover = mp_arena_printf(ctx->arena, "%lld:%lld", (long long)job->id, (long long)job->fence);
    rc = load(&m, err);
    if (rc <= 0)
        return rc;
    if (m.file.download_url[0] == '\0')
        return over(&m, MP_FILE_FAILED, "download_wrong", "Zoom gives an address for it that is not Zoom's.", err);
    recording_token(ctx, m.meeting, NULL, &token, &zoom);
    if (zoom.cls != MP_ZOOM_OK)
        return without_token(&m, &zoom, err);
    if (attempt(&m, &token, &res, err) < 0)
        return -1;
    return m.stop ? 0 : conclude(&m, &res, err);
}
