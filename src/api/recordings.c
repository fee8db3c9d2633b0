#include <string.h>

#include "api_int.h"
#include "course_int.h"
#include "meetpool/clock.h"
#include "meetpool/recording.h"
#include "meetpool/store_meeting.h"
#include "recording_json.h"
#include "summary_int.h"

/* All sessions of most batches, so that one answer tells how they stand. */
#define STATUS_PAGE 300
/* Where the guide of the system that this route comes from shows where an id may stand. */
#define PLACEHOLDER "optional_session_id"

static bool is(const char *a, const char *b)
{
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

/* ---- Asking for it ---- */

/* One session of the batch, where the request names one. */
static int read_session(struct mp_ctx *ctx, const struct mp_json_reader *r, const struct mp_batch_row *batch, const char **session,
                        struct mp_error *err)
{
    struct mp_booking_row row;
    const char *id;
    int rc;

    if (mp_json_get_text(r, "sessionId", 1, 64, false, &id) <= 0 || is(id, PLACEHOLDER))
        return mp_error_set(err) ? -1 : 0;
    rc = mp_store_booking_by_public(ctx->db, r->arena, MP_KIND_SESSION, id, &row, err);
    if (rc < 0)
        return -1;
    if (rc == 0 || row.batch_id != batch->id || row.status == MP_BOOKING_DELETED)
        return mp_fail(err, MP_E_NOT_FOUND, "There is no such session in this batch.");
    *session = id;
    return 0;
}

static int ask(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, bool failed_only, const char *message, struct mp_error *err)
{
    const struct mp_json_reader r = {req->arena, req->json, NULL, err};
    struct mp_recording_wish wish = {.failed_only = failed_only, .requested_by = req->user.sub};
    struct mp_batch_row batch;
    struct mp_job job;

    if (mp_batch_find(ctx, req, req->params[0], true, &batch, err) < 0)
        return -1;
    if (!failed_only)
        (void)mp_json_get_bool(&r, "force", &wish.force);
    if (read_session(ctx, &r, &batch, &wish.session, err) < 0 || mp_error_set(err))
        return -1;
    wish.batch = &batch;
    if (mp_recording_ask(ctx, &wish, &job, err) < 0)
        return -1;
    res->status = 202;
    res->message = message;
    mp_json_put_text(mp_response_data(res), "job_id", job.public_id);
    mp_json_put_text(mp_response_data(res), "state", mp_job_state_name(job.state));
    mp_response_header(res, "Location", mp_arena_printf(req->arena, "/api/v1/jobs/%s", job.public_id));
    return 0;
}

static int batch_sync(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    return ask(ctx, req, res, false, "Zoom recording sync started", err);
}

static int batch_retry(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    return ask(ctx, req, res, true, "Zoom recording retry started", err);
}

/* ---- How it stands ---- */

static bool may_change(const struct mp_request *req, const struct mp_batch_row *batch)
{
    if (req->user.role == MP_ROLE_ADMIN)
        return true;
    return (req->user.role & MP_STAFF) != 0 && (is(batch->owner_sub, req->user.sub) || is(batch->instructor_sub, req->user.sub));
}

static bool recording_synced(const struct mp_recording_row *row)
{
    return row->synced_at >= 0 && (row->state == MP_RECORDING_SYNCED || row->state == MP_RECORDING_SYNCING);
}

void mp_recording_put(struct json_object *out, const struct mp_recording_row *row, bool errors)
{
    mp_json_put_bool(out, "recording_synced", row != NULL && recording_synced(row));
    mp_json_put_int(out, "sync_attempts", row != NULL ? row->attempts : 0);
    if (row == NULL)
        return;
    mp_json_put_time(out, "last_sync_date", row->synced_at >= 0 ? row->synced_at : row->last_try_at);
    mp_json_put_text(out, "last_sync_error", errors ? row->error : NULL);
    mp_json_put_time(out, "next_retry_at", row->next_try_at);
}

/* A word for where it stands, and a sentence. */
static const char *state_of(const struct mp_recording_session *s, const char **why)
{
    static const char *const sentences[MP_RECORDING_STATES] = {
        [MP_RECORDING_WAITING] = "Zoom has no recording of this meeting yet; it is looked for again.",
        [MP_RECORDING_LATE] = "Zoom has no recording after the usual tries; it is looked for again for some days.",
        [MP_RECORDING_SYNCING] = "Its files are on their way.",
        [MP_RECORDING_SYNCED] = "All its files are here.",
        [MP_RECORDING_NONE] = "Zoom made no recording of this meeting.",
        [MP_RECORDING_FAILED] = "A file could not be brought home.",
    };

    if (s->meeting_id == 0) {
        *why = "The session has no Zoom meeting.";
        return "no_meeting";
    }
    if (s->seen && !is(s->row.error_code, "not_ended")) {
        *why = sentences[s->row.state];
        return mp_recording_state_name(s->row.state);
    }
    if (!s->wanted && !s->seen) {
        *why = "The meeting is not set to be recorded in the cloud.";
        return "not_recorded";
    }
    *why = s->ended && !s->seen ? "The meeting has ended; its recording is looked for shortly." : "The meeting has not ended yet.";
    return s->ended && !s->seen ? "waiting" : "not_ended";
}

static struct json_object *lessons_json(const struct mp_recording_session *s)
{
    struct json_object *out = json_object_new_object();

    mp_json_put_int(out, "total", s->zoom_lessons + s->manual_lessons + s->external_lessons);
    mp_json_put_int(out, "zoom_auto_sync", s->zoom_lessons);
    mp_json_put_int(out, "manual_upload", s->manual_lessons);
    mp_json_put_int(out, "external_link", s->external_lessons);
    return out;
}

static struct json_object *zoom_json(const struct mp_request *req, const struct mp_recording_session *s, bool errors)
{
    static const struct mp_recording_row untouched = {.first_try_at = -1, .last_try_at = -1, .next_try_at = -1, .synced_at = -1, .updated_at = -1};
    struct json_object *out;

    if (s->meeting_id == 0)
        return NULL;
    out = json_object_new_object();
    mp_json_put_text(out, "meeting_id", mp_arena_printf(req->arena, "%lld", (long long)s->zoom_id));
    mp_recording_put(out, s->seen ? &s->row : &untouched, errors);
    return out;
}

static struct json_object *session_json(const struct mp_request *req, const struct mp_recording_session *s, bool errors)
{
    struct json_object *out = json_object_new_object();
    const char *why, *state = state_of(s, &why);

    mp_json_put_text(out, "session_id", s->public_id);
    mp_json_put_time(out, "session_date", s->starts_at);
    mp_json_put_text(out, "session_title", s->title);
    mp_json_put(out, "zoom_meeting", zoom_json(req, s, errors));
    mp_json_put(out, "recorded_lessons", lessons_json(s));
    mp_json_put_text(out, "sync_state", state);
    mp_json_put_text(out, "sync_state_reason", errors && s->seen && s->row.error != NULL ? s->row.error : why);
    mp_json_put_int(out, "files", s->row.files);
    mp_json_put_int(out, "files_stored", s->row.files_stored);
    return out;
}

static struct json_object *statistics_json(const struct mp_recording_totals *totals)
{
    struct json_object *out = json_object_new_object();

    mp_json_put_int(out, "total_sessions", totals->sessions);
    mp_json_put_int(out, "sessions_with_zoom_meetings", totals->with_meeting);
    mp_json_put_int(out, "synced_sessions", totals->synced);
    mp_json_put_int(out, "total_zoom_recordings", totals->recordings);
    mp_json_put_int(out, "sync_percentage", totals->with_meeting > 0 ? (totals->synced * 100 + totals->with_meeting / 2) / totals->with_meeting : 0);
    return out;
}

static struct json_object *batch_json(const struct mp_batch_row *batch)
{
    struct json_object *out = json_object_new_object();

    mp_json_put_text(out, "id", batch->public_id);
    mp_json_put_text(out, "name", batch->name);
    mp_json_put_text(out, "course_title", batch->course_title);
    mp_json_put_text(out, "batch_type", batch->batch_type);
    return out;
}

static int status_page(const struct mp_request *req, struct mp_page *page, struct mp_error *err)
{
    static const char *const taken[] = {"page_size", "next_page_token", NULL};

    mp_query_refuse_unknown(req, taken, err);
    if (mp_page_read(req, page, err) < 0 || mp_error_set(err))
        return -1;
    if (mp_request_query(req, "page_size") == NULL)
        page->size = STATUS_PAGE;
    return 0;
}

static int batch_status(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    struct json_object *data = mp_response_data(res), *list = json_object_new_array();
    struct mp_recording_session *sessions;
    struct mp_recording_totals totals;
    struct mp_batch_row batch;
    struct mp_page page;
    size_t count, shown;

    mp_json_put(data, "sessions", list);
    if (mp_batch_find(ctx, req, req->params[0], false, &batch, err) < 0 || status_page(req, &page, err) < 0)
        return -1;
    const struct mp_recording_batch_query query = {.batch_id = batch.id,
                                                   .before_start = page.first ? INT64_MAX : page.after_a,
                                                   .before_id = page.first ? INT64_MAX : page.after_b,
                                                   .limit = page.size + 1};

    if (mp_store_recording_sessions(ctx->db, req->arena, &query, &sessions, &count, err) < 0 ||
        mp_store_recording_totals(ctx->db, batch.id, &totals, err) < 0)
        return -1;
    shown = count > page.size ? page.size : count;
    for (size_t i = 0; i < shown; i++)
        json_object_array_add(list, session_json(req, &sessions[i], may_change(req, &batch)));
    mp_json_put(data, "batch", batch_json(&batch));
    mp_json_put(data, "sync_statistics", statistics_json(&totals));
    mp_page_write(req, data, count > shown, shown > 0 ? sessions[shown - 1].starts_at : 0, shown > 0 ? sessions[shown - 1].booking_id : 0);
    res->message = "Zoom recording sync status";
    return 0;
}

/* ---- Admins: recordings by their state ---- */

struct json_object *mp_recording_item_json(struct mp_arena *arena, const struct mp_recording_item *item)
{
    struct json_object *out = json_object_new_object();

    mp_json_put_text(out, "meeting_id", mp_arena_printf(arena, "%lld", (long long)item->zoom_id));
    mp_json_put_text(out, "topic", item->topic);
    mp_json_put_time(out, "start_time", item->starts_at);
    mp_json_put_text(out, "kind", item->kind);
    mp_json_put_text(out, "session_id", item->session_id);
    mp_json_put_text(out, "batch_id", item->batch_public_id);
    mp_json_put_text(out, "state", mp_recording_state_name(item->row.state));
    mp_json_put_bool(out, "unaccounted", item->row.missing);
    mp_recording_put(out, &item->row, true);
    mp_json_put_int(out, "files", item->row.files);
    mp_json_put_int(out, "files_stored", item->row.files_stored);
    mp_json_put_int(out, "bytes_stored", item->row.bytes_stored);
    mp_json_put_time(out, "updated_at", item->row.updated_at);
    return out;
}

static int recordings_list(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    static const char *const taken[] = {"page_size", "next_page_token", "state", NULL};
    /* As the states of a recording, then those that the daily pass names. */
    static const char *const states[] = {"waiting", "late", "syncing", "synced", "none", "failed", "unaccounted", NULL};
    struct json_object *list = json_object_new_array();
    struct mp_recording_item *items;
    struct mp_page page;
    size_t count, shown, state;
    int wanted = -1;

    mp_json_put(mp_response_data(res), "recordings", list);
    mp_query_refuse_unknown(req, taken, err);
    if (mp_query_enum(req, "state", states, &state, err) > 0)
        wanted = (int)state;
    if (mp_page_read(req, &page, err) < 0 || mp_error_set(err))
        return -1;
    if (mp_store_recording_list(ctx->db, req->arena, wanted, page.first ? INT64_MAX : page.after_a, page.size + 1, &items, &count, err) < 0)
        return -1;
    shown = count > page.size ? page.size : count;
    for (size_t i = 0; i < shown; i++)
        json_object_array_add(list, mp_recording_item_json(req->arena, &items[i]));
    mp_page_write(req, mp_response_data(res), count > shown, shown > 0 ? items[shown - 1].row.meeting_id : 0, 0);
    res->message = "Recordings";
    return 0;
}

/* The meeting of that number, as lists name it. */
static int meeting_row(struct mp_ctx *ctx, const struct mp_request *req, int64_t *row_id, struct mp_error *err)
{
    struct mp_meeting_row meeting;
    unsigned long long number;
    int rc = 0;

    if (mp_slice_to_u64(mp_slice_of(req->params[0]), INT64_MAX, &number))
        rc = mp_store_meeting_by_zoom_id(ctx->db, req->arena, (int64_t)number, &meeting, err);
    if (rc <= 0)
        return rc < 0 ? -1 : mp_fail(err, MP_E_NOT_FOUND, "There is no such meeting.");
    *row_id = meeting.id;
    return 0;
}

static int recording_retry(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    struct mp_recording_row row;
    int64_t meeting_id;
    int rc;

    if (meeting_row(ctx, req, &meeting_id, err) < 0)
        return -1;
    rc = mp_store_recording_read(ctx->db, req->arena, meeting_id, &row, err);
    if (rc > 0 && row.state == MP_RECORDING_SYNCED)
        return mp_fail(err, MP_E_CONFLICT, "All its files are here already.");
    if (rc > 0)
        rc = mp_recording_retry(ctx, meeting_id, err);
    if (rc <= 0)
        return rc < 0 ? -1 : mp_fail(err, MP_E_NOT_FOUND, "No recording of that meeting was looked for.");
    mp_json_put_text(mp_response_data(res), "meeting_id", req->params[0]);
    res->status = 202;
    res->message = "The recording is brought home again";
    return 0;
}

#define HOSTS (MP_ROLE_ADMIN | MP_STAFF)

static const struct mp_route rows[] = {
    {"POST", "batches/{id}/sync-zoom-recordings", HOSTS, 0, batch_sync},        {"POST", "batches/{id}/retry-zoom-recordings", HOSTS, 0, batch_retry},
    {"GET", "batches/{id}/zoom-sync-status", MP_EVERYONE, 0, batch_status},     {"GET", "admin/recordings", MP_ROLE_ADMIN, 0, recordings_list},
    {"POST", "admin/recordings/{id}/retry", MP_ROLE_ADMIN, 0, recording_retry}, {"GET", "admin/analytics", MP_ROLE_ADMIN, 0, mp_analytics},
};
const struct mp_route_table mp_recording_routes = {rows, MP_COUNT(rows)};
