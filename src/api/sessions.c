#include <string.h>

#include "api_int.h"
#include "course_int.h"
#include "lesson_json.h"
#include "meetpool/clock.h"

#define TITLE_MAX       200
#define DESCRIPTION_MAX 2000
#define DURATION_USUAL  60
#define DURATION_MAX    1440

/* "Course - Session", cut to what Zoom takes. */
static const char *topic_of(struct mp_arena *arena, const char *course_title, const char *title)
{
    const char *topic = course_title != NULL ? mp_arena_printf(arena, "%s - %s", course_title, title) : title;
    size_t end = 0;

    for (size_t chars = 0; topic[end] != '\0'; end++) {
        if (((unsigned char)topic[end] & 0xC0) != 0x80 && chars++ == TITLE_MAX)
            break;
    }
    return mp_arena_strndup(arena, (struct mp_slice){topic, end});
}

/* ---- Reading a session of a batch: a date and two times of day ---- */

static bool two_digits(const char *p, int most, int *out)
{
    if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9')
        return false;
    *out = (p[0] - '0') * 10 + (p[1] - '0');
    return *out <= most;
}

/* "HH:MM" or "HH:MM:SS". */
static bool time_of_day(const char *text, struct mp_civil *civil)
{
    size_t len = strlen(text);

    if ((len != 5 && len != 8) || text[2] != ':' || !two_digits(text, 23, &civil->hour) || !two_digits(text + 3, 59, &civil->minute))
        return false;
    return len == 5 || (text[5] == ':' && two_digits(text + 6, 59, &civil->second));
}

/* "YYYY-MM-DD"; what a session's own `date` looks like ("…T00:00:00.000Z") is taken, too. */
static bool date_of(const char *text, struct mp_civil *civil)
{
    int century, year;

    if (strlen(text) < 10 || (text[10] != '\0' && strcmp(text + 10, "T00:00:00.000Z") != 0) || text[4] != '-' || text[7] != '-')
        return false;
    if (!two_digits(text, 99, &century) || !two_digits(text + 2, 99, &year) || !two_digits(text + 5, 12, &civil->month) ||
        !two_digits(text + 8, 31, &civil->day))
        return false;
    civil->year = century * 100 + year;
    return civil->month > 0 && civil->day > 0;
}

/* The day that is `days` behind this one. */
static void days_behind(struct mp_civil *civil, int days)
{
    struct mp_civil noon = {.year = civil->year, .month = civil->month, .day = civil->day, .hour = 12};
    int64_t at;

    if (days == 0 || mp_zone_instant("UTC", &noon, &at, NULL, NULL) != MP_TIME_OK || !mp_zone_local("UTC", at + days * MP_DAY_MS, &noon))
        return;
    civil->year = noon.year;
    civil->month = noon.month;
    civil->day = noon.day;
}

struct slot {
    const char *date, *start, *end;
    int days; /* that the end lies behind the date */
};

/* Reads the three texts; `known` (NULL: all are needed) stands for those that are absent. Whether the request says anything of them. */
static bool read_slot(const struct mp_json_reader *r, const struct slot *known, struct slot *slot)
{
    static const char *const keys[] = {"date", "start_time", "end_time"};
    const char **out[] = {&slot->date, &slot->start, &slot->end};
    bool any = false;

    *slot = known != NULL ? *known : (struct slot){0};
    for (size_t i = 0; i < MP_COUNT(keys); i++) {
        if (known == NULL && !mp_json_require(r, keys[i]))
            continue;
        if (mp_json_get_text(r, keys[i], 1, 40, false, out[i]) <= 0)
            continue;
        any = true;
        if (out[i] == &slot->end)
            slot->days = 0;
    }
    return any;
}

/* Civil time to an instant; the field is named where the zone does not have it. */
static bool instant_of(const struct mp_json_reader *r, const struct mp_civil *civil, const char *field, const char *zone, int64_t *out)
{
    int64_t before, after;
    enum mp_time_result result = mp_zone_instant(zone, civil, out, &before, &after);

    if (result != MP_TIME_OK)
        mp_error_field(r->err, result == MP_TIME_GAP ? field : "date", "%s", mp_time_explain(r->arena, result, zone, before, after));
    return result == MP_TIME_OK;
}

/* Every part that is there is judged; the instants are read where all are there and right. `ends_at` NULL: the end is not asked for. */
static void read_interval(const struct mp_json_reader *r, const struct slot *slot, const char *zone, int64_t *starts_at, int64_t *ends_at)
{
    struct mp_civil start = {0}, end;
    bool dated = slot->date != NULL && date_of(slot->date, &start), begun, ended;

    end = start;
    begun = slot->start != NULL && time_of_day(slot->start, &start);
    ended = ends_at == NULL || (slot->end != NULL && time_of_day(slot->end, &end));
    if (slot->date != NULL && !dated)
        mp_error_field(r->err, "date", "must be a date like 2024-01-15");
    if (slot->start != NULL && !begun)
        mp_error_field(r->err, "start_time", "must be a time of day like 10:00");
    if (slot->end != NULL && !ended)
        mp_error_field(r->err, "end_time", "must be a time of day like 11:30");
    if (!dated || !begun || !ended)
        return;
    days_behind(&end, slot->days);
    if (!instant_of(r, &start, "start_time", zone, starts_at) || ends_at == NULL || !instant_of(r, &end, "end_time", zone, ends_at))
        return;
    if (*ends_at <= *starts_at)
        mp_error_field(r->err, "end_time", "must be after start_time");
    else if (*ends_at - *starts_at > MP_BOOKING_LENGTH_MS)
        mp_error_field(r->err, "end_time", "must be at most 24 hours after start_time");
}

/* ---- Making ---- */

/* Its host and members are the batch's, as they are when it is stored. */
static struct mp_booking_spec spec_for_batch(const struct mp_request *req, const struct mp_batch_row *batch)
{
    return (struct mp_booking_spec){.kind = MP_KIND_SESSION,
                                    .owner_sub = req->user.sub,
                                    .host_sub = batch->instructor_sub != NULL ? batch->instructor_sub : batch->owner_sub,
                                    .course_id = batch->course_id,
                                    .batch_id = batch->id,
                                    .batch = batch,
                                    .starts_at = -1,
                                    .timezone = batch->timezone,
                                    .wants_meeting = true};
}

/* `index`: among others of the same answer; -1: it stands alone. */
static int reply_session(const struct mp_request *req, struct mp_response *res, unsigned status, const char *message,
                         const struct mp_booking *booking, int index)
{
    res->status = status;
    res->message = message;
    mp_json_put(mp_response_data(res), "session", mp_session_json(req, booking));
    mp_json_put(mp_response_data(res), "zoom_meeting", mp_session_meeting_json(req, booking));
    mp_booking_warn(req, res, booking, index);
    return 0;
}

/* One that was there before: with its recorded lessons. */
static int reply_known(struct mp_ctx *ctx, const struct mp_request *req, struct mp_response *res, unsigned status, const char *message,
                       const struct mp_booking *booking, struct mp_error *err)
{
    struct json_object *session;

    (void)reply_session(req, res, status, message, booking, -1);
    return json_object_object_get_ex(mp_response_data(res), "session", &session) ? mp_sessions_put_lessons(ctx, booking, 1, &session, err) : 0;
}

/* What the schedule of a batch is asked for. */
struct scheduled {
    struct mp_booking_spec spec;
    struct json_object *settings;
    const char *rule;
    bool dry_run;
};

static int decode_scheduled(const struct mp_request *req, struct mp_response *res, struct scheduled *d, struct mp_error *err)
{
    const struct mp_json_reader r = {req->arena, req->json, NULL, err};
    struct mp_booking_spec *spec = &d->spec;
    struct slot slot;

    if (mp_json_require(&r, "title"))
        (void)mp_json_get_name(&r, "title", TITLE_MAX, &spec->title);
    (void)mp_json_get_text(&r, "description", 0, DESCRIPTION_MAX, true, &spec->description);
    (void)mp_json_get_zone(&r, "timezone", &spec->timezone);
    (void)mp_json_get_bool(&r, "create_zoom_meeting", &spec->wants_meeting);
    (void)mp_json_get_bool(&r, "dry_run", &d->dry_run);
    d->settings = mp_booking_settings_read(&r, req, res, -1);
    if (read_slot(&r, NULL, &slot))
        read_interval(&r, &slot, spec->timezone, &spec->starts_at, &spec->ends_at);
    d->rule = mp_booking_rule_read(&r, spec->starts_at, spec->timezone);
    return mp_error_set(err) ? -1 : 0;
}

static int schedule_create(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    struct mp_booking_spec *specs;
    struct mp_batch_row batch;
    struct mp_booking *made;
    struct scheduled d = {.rule = NULL};
    size_t count = 1;

    if (mp_batch_find(ctx, req, req->params[0], true, &batch, err) < 0)
        return -1;
    d.spec = spec_for_batch(req, &batch);
    if (decode_scheduled(req, res, &d, err) < 0)
        return -1;
    specs = &d.spec;
    d.spec.topic = topic_of(req->arena, batch.course_title, d.spec.title);
    if (mp_booking_settings(ctx, MP_KIND_SESSION, batch.settings, d.spec.host_sub, d.settings, &d.spec.settings, err) < 0)
        return -1;
    if (d.rule != NULL && mp_booking_expand(ctx, &d.spec, d.rule, &specs, &count, err) < 0)
        return -1;
    if (mp_booking_create(ctx, specs, count, d.dry_run, &made, err) < 0)
        return -1;
    if (d.dry_run)
        return mp_predictions_reply(req, res, "sessions", "The session would be scheduled so", made, count);
    (void)reply_session(req, res, 201, "Session scheduled successfully", &made[0], d.rule != NULL ? 0 : -1);
    if (d.rule != NULL) {
        struct json_object *list = json_object_new_array();

        for (size_t i = 0; i < count; i++)
            json_object_array_add(list, mp_session_json(req, &made[i]));
        mp_json_put(mp_response_data(res), "sessions", list);
        for (size_t i = 1; i < count; i++)
            mp_booking_warn(req, res, &made[i], (int)i);
    }
    return 0;
}

/* ---- Many at once (courses/{id}/sessions/batch) ---- */

/* One of sessions[]. */
static void decode_item(const struct mp_request *req, struct mp_response *res, struct json_object *item, size_t index,
                        const struct mp_course_row *course, struct mp_booking_spec *spec, struct json_object **settings, struct mp_error *err)
{
    struct mp_arena *arena = req->arena;
    const struct mp_json_reader r = {arena, item, mp_arena_printf(arena, "sessions[%zu].", index), err};
    int64_t duration = DURATION_USUAL;

    if (!json_object_is_type(item, json_type_object)) {
        mp_error_field(err, mp_arena_printf(arena, "sessions[%zu]", index), "must be an object");
        return;
    }
    if (mp_json_require(&r, "title"))
        (void)mp_json_get_name(&r, "title", TITLE_MAX, &spec->title);
    (void)mp_json_get_text(&r, "description", 0, DESCRIPTION_MAX, true, &spec->description);
    (void)mp_json_get_zone(&r, "timezone", &spec->timezone);
    if (mp_json_require(&r, "start_time"))
        (void)mp_json_get_time(&r, "start_time", spec->timezone, &spec->starts_at);
    (void)mp_json_get_int(&r, "duration", 1, DURATION_MAX, &duration);
    (void)mp_json_get_bool(&r, "create_zoom_meeting", &spec->wants_meeting);
    *settings = mp_booking_settings_read(&r, req, res, (int)index);
    spec->ends_at = mp_booking_end(&r, "start_time", spec->starts_at, duration * 60000);
    if (spec->title != NULL)
        spec->topic = topic_of(arena, course->title, spec->title);
}

struct many {
    struct mp_booking_spec *specs;
    size_t count;
    bool dry_run;
};

static int decode_many(struct mp_ctx *ctx, const struct mp_request *req, struct mp_response *res, const struct mp_course_row *course, struct many *m,
                       struct mp_error *err)
{
    const struct mp_json_reader r = {req->arena, req->json, NULL, err};
    struct json_object *items, *settings;
    const char *rule;
    bool wants = true;

    (void)mp_json_get_bool(&r, "create_zoom_meeting", &wants);
    (void)mp_json_get_bool(&r, "dry_run", &m->dry_run);
    if (!mp_json_require(&r, "sessions") || mp_json_get_array(&r, "sessions", MP_BOOKING_MOST, &items) <= 0) {
        (void)mp_booking_rule_read(&r, -1, NULL);
        return -1;
    }
    m->count = json_object_array_length(items);
    m->specs = mp_arena_array(req->arena, m->count + 1, sizeof(*m->specs));
    for (size_t i = 0; i < m->count; i++) {
        m->specs[i] = (struct mp_booking_spec){.kind = MP_KIND_SESSION,
                                               .owner_sub = req->user.sub,
                                               .host_sub = req->user.sub,
                                               .course_id = course->id,
                                               .course = course,
                                               .starts_at = -1,
                                               .timezone = course->timezone,
                                               .wants_meeting = wants};
        settings = NULL;
        decode_item(req, res, json_object_array_get_idx(items, i), i, course, &m->specs[i], &settings, err);
        if (!mp_error_set(err) && mp_booking_settings(ctx, MP_KIND_SESSION, NULL, req->user.sub, settings, &m->specs[i].settings, err) < 0)
            return -1;
    }
    rule = mp_booking_rule_read(&r, m->count == 1 ? m->specs[0].starts_at : -1, m->count == 1 ? m->specs[0].timezone : NULL);
    if (m->count == 0 || (rule != NULL && m->count != 1))
        mp_error_field(err, "sessions", m->count == 0 ? "at least one session" : "exactly one session where there is a recurrence");
    if (mp_error_set(err))
        return -1;
    return rule != NULL ? mp_booking_expand(ctx, &m->specs[0], rule, &m->specs, &m->count, err) : 0;
}

static int course_sessions_create(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    struct mp_course_row course;
    struct mp_booking *made;
    struct json_object *list;
    struct many m = {0};

    if (mp_course_find(ctx, req, req->params[0], true, &course, err) < 0 || decode_many(ctx, req, res, &course, &m, err) < 0 ||
        mp_booking_create(ctx, m.specs, m.count, m.dry_run, &made, err) < 0)
        return -1;
    if (m.dry_run)
        return mp_predictions_reply(req, res, "sessions", "The sessions would be made so", made, m.count);
    list = json_object_new_array();
    for (size_t i = 0; i < m.count; i++) {
        json_object_array_add(list, mp_session_json(req, &made[i]));
        mp_booking_warn(req, res, &made[i], (int)i);
    }
    mp_json_put(mp_response_data(res), "sessions", list);
    res->status = 201;
    res->message = "Sessions created";
    return 0;
}

/* ---- Lists ---- */

static int reply_list(struct mp_ctx *ctx, const struct mp_request *req, struct mp_response *res, const struct mp_booking_query *query,
                      const struct mp_page *page, struct mp_error *err)
{
    struct json_object *list = json_object_new_array(), **json;
    struct mp_booking *sessions;
    size_t count, shown;
    bool more;

    mp_json_put(mp_response_data(res), "sessions", list);
    if (mp_booking_list(ctx, query, &sessions, &count, err) < 0)
        return -1;
    more = count > page->size;
    shown = more ? page->size : count;
    json = mp_arena_array(req->arena, shown + 1, sizeof(struct json_object *));
    for (size_t i = 0; i < shown; i++) {
        json[i] = mp_session_json(req, &sessions[i]);
        json_object_array_add(list, json[i]);
    }
    if (mp_sessions_put_lessons(ctx, sessions, shown, json, err) < 0)
        return -1;
    mp_page_write(req, mp_response_data(res), more, more ? sessions[page->size - 1].row.starts_at : 0, more ? sessions[page->size - 1].row.id : 0);
    res->message = "Sessions";
    return 0;
}

/* The course's owner sees all of its sessions, others those that they host or attend. */
static int course_sessions_list(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    struct mp_booking_query query = {.kind = MP_KIND_SESSION};
    struct mp_course_row course;
    struct mp_page page;

    if (mp_course_find(ctx, req, req->params[0], false, &course, err) < 0 || mp_booking_query_read(req, &query, &page, err) < 0)
        return -1;
    query.course_id = course.id;
    if (req->user.role != MP_ROLE_ADMIN && strcmp(course.owner_sub, req->user.sub) != 0)
        query.person = req->user.sub;
    return reply_list(ctx, req, res, &query, &page, err);
}

static int schedule_list(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    struct mp_booking_query query = {.kind = MP_KIND_SESSION};
    struct mp_batch_row batch;
    struct mp_page page;

    if (mp_batch_find(ctx, req, req->params[0], false, &batch, err) < 0 || mp_booking_query_read(req, &query, &page, err) < 0)
        return -1;
    query.batch_id = batch.id;
    return reply_list(ctx, req, res, &query, &page, err);
}

/* ---- One ---- */

/* Its batch: who may read or change that may the same with each of its sessions. */
static int in_batch(struct mp_ctx *ctx, const struct mp_request *req, bool to_change, const struct mp_booking *booking, struct mp_error *err)
{
    struct mp_batch_row batch;

    if (mp_batch_find(ctx, req, req->params[0], to_change, &batch, err) < 0)
        return -1;
    return booking != NULL && booking->row.batch_id == batch.id ? 0 : mp_fail(err, MP_E_NOT_FOUND, "There is no such session in this batch.");
}

/* Its course, with or without a batch: who has a part in the session, and the course's owner. */
static int in_course(struct mp_ctx *ctx, const struct mp_request *req, bool to_change, const struct mp_booking *booking, struct mp_error *err)
{
    struct mp_course_row course;

    if (mp_course_find(ctx, req, req->params[0], false, &course, err) < 0)
        return -1;
    if (booking == NULL || booking->row.course_id != course.id || mp_booking_access(req, booking) < (to_change ? MP_MAY_CHANGE : MP_MAY_READ))
        return mp_fail(err, MP_E_NOT_FOUND, "There is no such session in this course.");
    return 0;
}

int mp_session_find(struct mp_ctx *ctx, const struct mp_request *req, enum mp_session_wish wish, struct mp_booking **booking, struct mp_error *err)
{
    int (*find)(struct mp_ctx *, enum mp_booking_kind, const char *, struct mp_booking **, struct mp_error *) =
        wish == MP_SESSION_READ_ANY ? mp_booking_find_any : mp_booking_find;
    bool of_course = strncmp(req->path, "courses/", strlen("courses/")) == 0;
    int rc = find(ctx, MP_KIND_SESSION, req->params[1], booking, err);

    if (rc < 0)
        return -1;
    if (rc == 0)
        *booking = NULL;
    return (of_course ? in_course : in_batch)(ctx, req, wish == MP_SESSION_CHANGE, *booking, err);
}

static int session_read(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    struct mp_booking *booking;
    struct json_object *session;

    if (mp_session_find(ctx, req, MP_SESSION_READ, &booking, err) < 0)
        return -1;
    session = mp_session_json(req, booking);
    res->message = "Session";
    mp_json_put(mp_response_data(res), "session", session);
    return mp_sessions_put_lessons(ctx, booking, 1, &session, err);
}

/* The slot as it stands, for a change that names a part of it. */
static struct slot slot_now(struct mp_arena *arena, const struct mp_booking_row *row, const char *zone)
{
    struct mp_civil start = {0}, end = {0};
    bool same_day;

    (void)mp_zone_local(zone, row->starts_at, &start);
    (void)mp_zone_local(zone, row->ends_at, &end);
    /* None is longer than a day. */
    same_day = start.year == end.year && start.month == end.month && start.day == end.day;
    return (struct slot){mp_arena_printf(arena, "%04d-%02d-%02d", start.year, start.month, start.day),
                         mp_arena_printf(arena, "%02d:%02d:%02d", start.hour, start.minute, start.second),
                         mp_arena_printf(arena, "%02d:%02d:%02d", end.hour, end.minute, end.second), same_day ? 0 : 1};
}

/* Whether the start is named with its date, as sessions of a course are made by. */
static bool is_dated(const struct mp_json_reader *r)
{
    struct json_object *start;

    return json_object_object_get_ex(r->obj, "start_time", &start) && json_object_is_type(start, json_type_string) &&
           strchr(json_object_get_string(start), 'T') != NULL;
}

/* A date and two times of day, where the request says anything of them; or the start with its date, or a length, in their place. */
static void read_times(const struct mp_json_reader *r, const struct mp_booking_row *row, const char *zone, struct mp_booking_change *change)
{
    struct slot known = slot_now(r->arena, row, row->timezone), slot;
    int64_t starts_at = row->starts_at, ends_at = -1, minutes = -1;
    bool dated = is_dated(r), ended = mp_json_has(r, "end_time"), any = true;

    (void)mp_json_get_int(r, "duration", 1, DURATION_MAX, &minutes);
    if (dated)
        (void)mp_json_get_time(r, "start_time", zone, &starts_at);
    else if (read_slot(r, &known, &slot))
        read_interval(r, &slot, zone, &starts_at, minutes > 0 && !ended ? NULL : &ends_at);
    else
        any = false;
    if (dated && (ended || mp_json_has(r, "date")))
        mp_error_field(r->err, ended ? "end_time" : "date", "goes with a time of day; beside a start with its date stands a duration");
    if (minutes > 0 && ends_at >= 0 && ends_at - starts_at != minutes * 60000)
        mp_error_field(r->err, "duration", "does not agree with end_time");
    if (!any && minutes < 0)
        return;
    change->starts_at = starts_at;
    change->ends_at = mp_booking_end(r, "start_time", starts_at,
                                     ends_at >= 0  ? ends_at - starts_at
                                     : minutes > 0 ? minutes * 60000
                                                   : row->ends_at - row->starts_at);
}

static int decode_change(const struct mp_request *req, struct mp_response *res, const struct mp_booking *booking, struct mp_booking_change *change,
                         struct mp_error *err)
{
    static const char *const statuses[] = {"scheduled", "completed", NULL};
    const struct mp_json_reader r = {req->arena, req->json, NULL, err};
    const char *zone = booking->row.timezone;
    bool wants;
    size_t status;

    *change = (struct mp_booking_change){.starts_at = -1, .ends_at = -1, .wants_meeting = -1, .status = -1};
    if (mp_json_get_name(&r, "title", TITLE_MAX, &change->title) > 0)
        change->topic = topic_of(req->arena, booking->course != NULL ? booking->course->title : NULL, change->title);
    (void)mp_json_get_text(&r, "description", 0, DESCRIPTION_MAX, true, &change->description);
    if (mp_json_get_zone(&r, "timezone", &change->timezone) > 0)
        zone = change->timezone;
    read_times(&r, &booking->row, zone, change);
    if (mp_json_get_bool(&r, "create_zoom_meeting", &wants) > 0)
        change->wants_meeting = wants ? 1 : 0;
    if (mp_json_get_enum(&r, "status", statuses, &status) > 0)
        change->status = (int)status;
    change->settings = mp_booking_settings_read(&r, req, res, -1);
    mp_scope_read(&r, &change->scope);
    change->viewer = mp_booking_viewer(req);
    return mp_error_set(err) ? -1 : 0;
}

static int session_change(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    struct mp_booking_change change;
    struct mp_booking *booking;

    if (mp_session_find(ctx, req, MP_SESSION_CHANGE, &booking, err) < 0 || decode_change(req, res, booking, &change, err) < 0 ||
        mp_booking_change(ctx, &booking, &change, err) < 0)
        return -1;
    return reply_known(ctx, req, res, 200, "Session changed", booking, err);
}

static int session_delete(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    enum mp_series_scope scope;
    struct mp_booking *booking;

    if (mp_scope_query(req, &scope, err) < 0 || mp_session_find(ctx, req, MP_SESSION_CHANGE, &booking, err) < 0 ||
        mp_booking_cancel(ctx, booking, scope, mp_booking_viewer(req), err) < 0)
        return -1;
    mp_booking_warn_trouble(req, res, booking, -1);
    res->message = "Session deleted";
    return 0;
}

/* ---- The meeting for a session that has none ---- */

static int session_add_meeting(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    struct mp_booking *booking;

    if (mp_session_find(ctx, req, MP_SESSION_CHANGE, &booking, err) < 0 || mp_booking_meeting_add(ctx, req, res, &booking, NULL, err) < 0)
        return -1;
    return reply_known(ctx, req, res, 201, mp_booking_meeting_added(booking), booking, err);
}

/* What of the meeting is to be otherwise than its session says, as zoom/meetings names it. The session agrees with its meeting, so it follows. */
static void read_overrides(const struct mp_json_reader *r, const struct mp_booking_row *row, struct mp_booking_change *change)
{
    int64_t starts_at = row->starts_at, minutes = -1;

    *change = (struct mp_booking_change){.starts_at = -1, .ends_at = -1, .wants_meeting = 1, .status = -1};
    (void)mp_json_get_name(r, "topic", TITLE_MAX, &change->topic);
    (void)mp_json_get_text(r, "agenda", 0, DESCRIPTION_MAX, true, &change->description);
    (void)mp_json_get_zone(r, "timezone", &change->timezone);
    (void)mp_json_get_time(r, "start_time", change->timezone != NULL ? change->timezone : row->timezone, &starts_at);
    (void)mp_json_get_int(r, "duration", 1, DURATION_MAX, &minutes);
    if (!mp_json_has(r, "start_time") && !mp_json_has(r, "duration"))
        return;
    change->starts_at = starts_at;
    change->ends_at = mp_booking_end(r, "start_time", starts_at, minutes > 0 ? minutes * 60000 : row->ends_at - row->starts_at);
}

/* POST zoom/sessions/meeting: any session, named by its id alone. */
static int any_session_add_meeting(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    const struct mp_json_reader r = {req->arena, req->json, NULL, err};
    struct mp_booking_change change;
    struct mp_booking *booking;
    const char *id = NULL;
    int rc;

    if (!mp_json_require(&r, "session_id") || mp_json_get_text(&r, "session_id", 1, 64, false, &id) <= 0)
        return -1;
    rc = mp_booking_find(ctx, MP_KIND_SESSION, id, &booking, err);
    if (rc < 0)
        return -1;
    if (rc == 0 || mp_booking_access(req, booking) != MP_MAY_CHANGE)
        return mp_fail(err, MP_E_NOT_FOUND, "There is no such session.");
    read_overrides(&r, &booking->row, &change);
    if (mp_booking_meeting_add(ctx, req, res, &booking, &change, err) < 0)
        return -1;
    if (booking->meeting != NULL)
        mp_json_put(mp_response_data(res), "meeting", mp_meeting_json(req, booking->meeting));
    else
        mp_json_put_null(mp_response_data(res), "meeting");
    return reply_known(ctx, req, res, 201, mp_booking_meeting_added(booking), booking, err);
}

#define HOSTS (MP_ROLE_ADMIN | MP_STAFF)

static const struct mp_route rows[] = {
    {"POST", "courses/{id}/sessions/batch", HOSTS, MP_ROUTE_SLOW, course_sessions_create},
    {"GET", "courses/{id}/sessions", MP_EVERYONE, 0, course_sessions_list},
    {"GET", "courses/{id}/sessions/{sessionId}", MP_EVERYONE, 0, session_read},
    {"PATCH", "courses/{id}/sessions/{sessionId}", HOSTS, MP_ROUTE_SLOW, session_change},
    {"DELETE", "courses/{id}/sessions/{sessionId}", HOSTS, MP_ROUTE_SLOW, session_delete},
    {"POST", "courses/{id}/sessions/{sessionId}/create-zoom-meeting", HOSTS, MP_ROUTE_SLOW, session_add_meeting},
    {"POST", "batches/{id}/schedule", HOSTS, MP_ROUTE_SLOW, schedule_create},
    {"GET", "batches/{id}/schedule", MP_EVERYONE, 0, schedule_list},
    {"GET", "batches/{id}/schedule/{sessionId}", MP_EVERYONE, 0, session_read},
    {"PATCH", "batches/{id}/schedule/{sessionId}", HOSTS, MP_ROUTE_SLOW, session_change},
    {"DELETE", "batches/{id}/schedule/{sessionId}", HOSTS, MP_ROUTE_SLOW, session_delete},
    {"POST", "batches/{id}/schedule/{sessionId}/create-zoom-meeting", HOSTS, MP_ROUTE_SLOW, session_add_meeting},
    {"POST", "zoom/sessions/meeting", HOSTS, MP_ROUTE_SLOW, any_session_add_meeting},
};
const struct mp_route_table mp_session_routes = {rows, MP_COUNT(rows)};
