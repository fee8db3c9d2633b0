#include <string.h>

#include "meetpool/clock.h"
#include "meetpool/store_alert.h"
#include "recording_int.h"

/* Of a meeting that was held again and again the latest are looked through. */
#define OCCURRENCES_MOST 50
/* Between two tries while Zoom does not answer. */
#define TROUBLE_MOST_MS 300000
#define DAY_S           86400

struct search {
    struct mp_ctx *ctx;
    struct mp_job *job;
    struct mp_meeting *meeting;
    struct recording_home home;
    bool asked_for, seen;
    bool unlisted;               /* Zoom does not tell the occurrences: an app may lack that right alone */
    struct mp_recording_row row; /* where `seen` */
    int64_t now_ms, planned_end;
    const char *uuids[OCCURRENCES_MOST];
    size_t count;
    struct recording_taken taken;
    struct mp_zoom_result trouble; /* MP_ZOOM_OK: none */
    bool stop;                     /* the job is not ours any more */
};

/* ---- Has it ended? ---- */

static int ask_zoom(struct search *s, struct mp_error *err)
{
    struct mp_error asked;

    mp_error_init(&asked, s->ctx->arena);
    if (mp_meeting_refresh(s->ctx, s->meeting, &asked) == 0 || asked.code == MP_E_NOT_FOUND)
        return 0;
    if (asked.code != MP_E_ZOOM_FAILED) {
        *err = asked;
        return -1;
    }
    s->trouble = (struct mp_zoom_result){.cls = MP_ZOOM_MAYBE_DONE, .message = asked.message, .retry_after_ms = -1};
    return 0;
}

/* Somebody who has asked since this look began waits for the next one. */
static int looked(const struct search *s, const struct mp_recording_look *look, struct mp_error *err)
{
    struct mp_recording_look told = *look;

    told.asked_at = s->row.asked_at;
    return mp_store_recording_looked(s->ctx->db, s->meeting->row.id, &told, err);
}

static int later(struct search *s, const struct mp_recording_look *look, struct mp_error *err)
{
    if (s->seen && looked(s, look, err) < 0)
        return -1;
    mp_job_later(s->ctx, s->job, look->wait_ms, false, look->code, "%s", look->error);
    return 0;
}

static int not_ended(struct search *s, int64_t wait_ms, struct mp_error *err)
{
    struct mp_recording_look look = {
        .state = s->seen ? s->row.state : MP_RECORDING_WAITING, .wait_ms = wait_ms, .code = "not_ended", .error = "The meeting has not ended yet."};

    mp_log(s->ctx->log, MP_DEBUG, "recording.not_ended", MP_INT("meeting", s->meeting->row.zoom_id), MP_INT("wait_ms", wait_ms));
    return later(s, &look, err);
}

/* 1: it goes on, or is still to come, and the job is told when to look again; 0: it is over, as far as is known; -1. */
static int goes_on(struct search *s, struct mp_error *err)
{
    const struct mp_meeting_row *row = &s->meeting->row;
    int64_t buffer_ms = s->ctx->recording_conf->buffer_s * 1000;

    if (row->status == MP_MEETING_ENDED || row->status == MP_MEETING_DELETED)
        return 0;
    /* That an occurrence is known says that it was held before its time. */
    if (row->status == MP_MEETING_SCHEDULED && s->count == 0 && s->now_ms < s->planned_end)
        return not_ended(s, s->planned_end + buffer_ms - s->now_ms, err) < 0 ? -1 : 1;
    if (ask_zoom(s, err) < 0)
        return -1;
    if (row->status == MP_MEETING_STARTED && s->trouble.cls == MP_ZOOM_OK)
        return not_ended(s, s->ctx->recording_conf->interval_s * 1000, err) < 0 ? -1 : 1;
    return 0;
}

/* ---- What is there? ---- */

static void add_uuid(struct search *s, const char *uuid)
{
    for (size_t i = 0; i < s->count; i++) {
        if (strcmp(s->uuids[i], uuid) == 0)
            return;
    }
    if (s->count < OCCURRENCES_MOST)
        s->uuids[s->count++] = uuid;
}

static int known_occurrences(struct search *s, struct mp_error *err)
{
    struct mp_occurrence_row *rows;
    size_t count;

    if (mp_store_occurrences(s->ctx->db, s->ctx->arena, s->meeting->row.id, OCCURRENCES_MOST, &rows, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        add_uuid(s, rows[i].uuid);
    return 0;
}

static void zooms_occurrences(struct search *s)
{
    struct mp_zoom_instances list;
    struct mp_zoom_result res;

    recording_instances(s->ctx, s->meeting, &list, &res);
    s->unlisted = res.cls == MP_ZOOM_REFUSED;
    if (res.cls != MP_ZOOM_OK && !s->unlisted)
        s->trouble = res;
    for (size_t i = 0; i < list.count; i++)
        add_uuid(s, list.items[i].uuid);
}

/* `id`: a uuid, or the meeting's number: its latest occurrence. */
static int look_at(struct search *s, const char *id, struct mp_error *err)
{
    struct mp_zoom_recording found;
    struct mp_zoom_result res;
    bool none;

    recording_fetch(s->ctx, s->meeting, id, &found, &none, &res);
    if (res.cls != MP_ZOOM_OK)
        s->trouble = res;
    if (res.cls != MP_ZOOM_OK || none)
        return 0;
    return recording_take(s->ctx, &s->home, &found, s->seen ? s->row.again : MP_AGAIN_GONE, &s->taken, err);
}

/* The job is still ours, or `stop` is set. */
static int hold_on(struct search *s, size_t done, struct mp_error *err)
{
    int rc = mp_job_progress(s->ctx, s->job, (int64_t)done, (int64_t)s->count, err);

    s->stop = rc == 0;
    return rc < 0 ? -1 : 0;
}

static int look_through(struct search *s, struct mp_error *err)
{
    const char *number = mp_arena_printf(s->ctx->arena, "%lld", (long long)s->meeting->row.zoom_id);

    if (hold_on(s, 0, err) < 0)
        return -1;
    zooms_occurrences(s);
    for (size_t i = 0; i < s->count && s->trouble.cls == MP_ZOOM_OK && !s->stop; i++) {
        if (look_at(s, s->uuids[i], err) < 0 || hold_on(s, i + 1, err) < 0)
            return -1;
    }
    if (s->stop)
        return 0;
    if (s->trouble.cls != MP_ZOOM_OK)
        return 0;
    /* Zoom's list of occurrences may be behind. */
    return s->unlisted || (s->taken.wanted == 0 && s->taken.unready == 0) ? look_at(s, number, err) : 0;
}

/* ---- What follows ---- */

static bool worth_waiting(enum mp_zoom_class cls)
{
    return cls != MP_ZOOM_REFUSED && cls != MP_ZOOM_NO_HOST && cls != MP_ZOOM_IN_PROGRESS;
}

/* Looks that count: the usual ones, then those of the late days. */
static enum mp_recording_state after(const struct mp_recording_conf *conf, int64_t attempts, int64_t *wait_ms)
{
    int64_t late = conf->late_days * DAY_S / conf->late_interval_s;

    if (attempts < conf->most_attempts) {
        *wait_ms = conf->retry_delay_s * 1000;
        return MP_RECORDING_WAITING;
    }
    if (attempts < conf->most_attempts + late) {
        *wait_ms = conf->late_interval_s * 1000;
        return MP_RECORDING_LATE;
    }
    *wait_ms = -1;
    return MP_RECORDING_NONE;
}

static int give_up(struct search *s, struct mp_recording_look *look, struct mp_error *err)
{
    int64_t zoom_id = s->meeting->row.zoom_id;

    mp_log(s->ctx->log, look->state == MP_RECORDING_FAILED ? MP_ERROR : MP_WARNING,
           look->state == MP_RECORDING_FAILED ? "recording.failed" : "recording.none", MP_INT("meeting", zoom_id),
           MP_INT("attempts", s->row.attempts + 1), MP_STR("reason", look->error));
    if (looked(s, look, err) < 0)
        return -1;
    if (look->state != MP_RECORDING_FAILED)
        return 0;
    if (mp_store_day_add(s->ctx->db, "recordings_failed", 1, err) < 0)
        return -1;
    return mp_store_alert_raise(s->ctx->db, MP_ALERT_RECORDING, mp_arena_printf(s->ctx->arena, "meeting %lld", (long long)zoom_id), look->error, err);
}

/* A look that counts has brought nothing: `why` Zoom refuses (NULL: it has no recording). */
static int nothing(struct search *s, const char *why, struct mp_error *err)
{
    struct mp_recording_look look = {.counted = true, .code = why != NULL ? "zoom_refused" : "no_recording"};

    look.error = why != NULL ? why : "Zoom has no recording of this meeting.";
    look.state = after(s->ctx->recording_conf, s->row.attempts + 1, &look.wait_ms);
    if (look.state == MP_RECORDING_NONE) {
        look.state = why != NULL ? MP_RECORDING_FAILED : MP_RECORDING_NONE;
        return give_up(s, &look, err);
    }
    mp_log(s->ctx->log, MP_INFO, "recording.not_yet", MP_INT("meeting", s->meeting->row.zoom_id), MP_INT("attempts", s->row.attempts + 1),
           MP_STR("state", mp_recording_state_name(look.state)), MP_INT("retry_in_ms", look.wait_ms), MP_STR("reason", look.error));
    return later(s, &look, err);
}

/* Zoom could not be asked: nothing is known, no try is used up. */
static int unanswered(struct search *s, struct mp_error *err)
{
    const struct mp_zoom_result *res = &s->trouble;
    int64_t most_ms = s->ctx->recording_conf->retry_delay_s * 1000;
    struct mp_recording_look look = {.state = s->seen ? s->row.state : MP_RECORDING_WAITING, .code = "zoom_failed"};

    most_ms = most_ms < TROUBLE_MOST_MS ? most_ms : TROUBLE_MOST_MS;
    look.wait_ms = res->retry_after_ms > 0 ? res->retry_after_ms : mp_job_backoff_ms(1, most_ms, most_ms);
    look.wait_ms = look.wait_ms < MP_DAY_MS ? look.wait_ms : MP_DAY_MS;
    look.error = mp_arena_printf(s->ctx->arena, "Zoom could not be asked: %s", res->message != NULL ? res->message : "no reason given");
    if (res->cls == MP_ZOOM_AUTH || res->cls == MP_ZOOM_GRANT || res->cls == MP_ZOOM_TOKEN)
        look.code = "zoom_authentication";
    mp_log(s->ctx->log, MP_WARNING, "recording.skipped", MP_INT("meeting", s->meeting->row.zoom_id), MP_STR("account", s->meeting->account_name),
           MP_STR("code", look.code), MP_STR("reason", look.error), MP_INT("retry_in_ms", look.wait_ms));
    if (mp_store_day_add(s->ctx->db, mp_arena_printf(s->ctx->arena, "recording_failures:%s", look.code), 1, err) < 0)
        return -1;
    return later(s, &look, err);
}

/* For longer than a recording may be late: then looks count though Zoom fails, so that one that it never answers for comes to an end. */
static bool asked_long(const struct search *s)
{
    return s->job->started_at >= 0 && s->now_ms - s->job->started_at > (s->ctx->recording_conf->late_days + 1) * MP_DAY_MS;
}

/* Views, captions and time lines come one by one: one more look while new ones come, or Zoom is at some. */
static int more_to_come(struct search *s)
{
    const struct mp_recording_conf *conf = s->ctx->recording_conf;
    int64_t days = (conf->late_days + 1) * MP_DAY_MS;

    if ((s->taken.unready == 0 && s->taken.fresh == 0) || s->now_ms > s->planned_end + days)
        return 0;
    mp_job_later(s->ctx, s->job, conf->retry_delay_s * 1000, false, NULL, "more files may come");
    return 0;
}

static int conclude(struct search *s, struct mp_error *err)
{
    if (mp_store_recording_over(s->ctx->db, s->meeting->row.id, s->row.asked_at, err) < 0)
        return -1;
    if (s->trouble.cls != MP_ZOOM_OK && worth_waiting(s->trouble.cls) && !asked_long(s))
        return unanswered(s, err);
    if (s->taken.wanted > 0 || s->taken.unready > 0 || (s->seen && s->row.files > 0))
        return more_to_come(s);
    if (!s->seen)
        return 0;
    return nothing(s, s->trouble.cls != MP_ZOOM_OK ? s->trouble.message : NULL, err);
}

static int begin(struct search *s, struct mp_error *err)
{
    struct mp_ctx *ctx = s->ctx;
    const struct mp_meeting_row *row = &s->meeting->row;
    int rc;

    s->now_ms = mp_now_ms();
    s->planned_end = row->ended_at >= 0 ? row->ended_at : row->starts_at + row->duration_min * 60000;
    s->asked_for = recording_asked_for(row);
    if (recording_home(ctx, row, &s->home, err) < 0 || known_occurrences(s, err) < 0)
        return -1;
    if (s->asked_for && s->now_ms >= s->planned_end &&
        mp_store_recording_ensure(ctx->db, row->id, s->home.booked ? s->home.booking.id : 0, s->home.in_batch ? s->home.batch.id : 0, err) < 0)
        return -1;
    rc = mp_store_recording_read(ctx->db, ctx->arena, row->id, &s->row, err);
    s->seen = rc > 0;
    return rc < 0 ? -1 : 0;
}

int mp_recording_find_job(struct mp_ctx *ctx, struct mp_job *job, struct mp_error *err)
{
    struct search s = {.ctx = ctx, .job = job, .trouble = {.cls = MP_ZOOM_OK}};
    int rc = mp_meeting_by_row(ctx, recording_subject(job), &s.meeting, err);

    if (rc <= 0)
        return rc;
    if (s.meeting->row.zoom_id == 0 || s.meeting->row.status == MP_MEETING_FAILED)
        return 0;
    if (begin(&s, err) < 0)
        return -1;
    rc = goes_on(&s, err);
    if (rc != 0)
        return rc < 0 ? -1 : 0;
    if (s.trouble.cls == MP_ZOOM_OK && look_through(&s, err) < 0)
        return -1;
    return s.stop ? 0 : conclude(&s, err);
}
