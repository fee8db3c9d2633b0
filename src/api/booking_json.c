#include "booking_json.h"

#include <json-c/linkhash.h>
#include <string.h>

#include "meetpool/clock.h"
#include "recording_json.h"

#define SUB_MAX 190
#define BLANKS  "must be a user id without blanks at its ends"

static bool is(const char *a, const char *b)
{
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

enum mp_booking_access mp_booking_access(const struct mp_request *req, const struct mp_booking *booking)
{
    const char *sub = req->user.sub;
    bool own = is(booking->row.owner_sub, sub) || is(booking->row.host_sub, sub) ||
               (booking->batch != NULL && (is(booking->batch->owner_sub, sub) || is(booking->batch->instructor_sub, sub))) ||
               (booking->course != NULL && is(booking->course->owner_sub, sub));

    if (req->user.role == MP_ROLE_ADMIN)
        return MP_MAY_CHANGE;
    if (own && (req->user.role & MP_STAFF) != 0)
        return MP_MAY_CHANGE;
    for (size_t i = 0; i < booking->people_count; i++) {
        /* Having booked it once is no part in it: it may be another patient's by now. */
        if (booking->people[i].part != MP_PART_OWNER && is(booking->people[i].sub, sub))
            return MP_MAY_READ;
    }
    return MP_MAY_NOTHING;
}

const char *mp_booking_viewer(const struct mp_request *req)
{
    return req->user.role == MP_ROLE_ADMIN ? NULL : req->user.sub;
}

/* ---- Sessions ---- */

static const struct mp_meeting *live_meeting(const struct mp_booking *booking)
{
    return booking->meeting != NULL && booking->meeting->row.zoom_id != 0 ? booking->meeting : NULL;
}

const char *mp_booking_start_url(const struct mp_request *req, const struct mp_booking *booking)
{
    const struct mp_meeting *meeting = live_meeting(booking);

    /* A batch's owner may change a session of it, but does not start what somebody else hosts. */
    return meeting != NULL && mp_booking_access(req, booking) == MP_MAY_CHANGE ? mp_meeting_start_link(req, meeting) : NULL;
}

const char *mp_booking_reason(const struct mp_request *req, const struct mp_booking *booking)
{
    return mp_booking_access(req, booking) == MP_MAY_CHANGE ? booking->row.meeting_reason : NULL;
}

static const char *zoom_number(const struct mp_request *req, const struct mp_meeting *meeting)
{
    return mp_arena_printf(req->arena, "%lld", (long long)meeting->row.zoom_id);
}

/* "10:00" in the booking's zone. */
static const char *wall_clock(const struct mp_request *req, const struct mp_civil *civil)
{
    return mp_arena_printf(req->arena, civil->second != 0 ? "%02d:%02d:%02d" : "%02d:%02d", civil->hour, civil->minute, civil->second);
}

static struct json_object *session_zoom(const struct mp_request *req, const struct mp_booking *booking)
{
    const struct mp_meeting *meeting = live_meeting(booking);
    const char *start_url = mp_booking_start_url(req, booking);
    struct json_object *out;

    if (meeting == NULL)
        return NULL;
    out = json_object_new_object();
    mp_json_put_text(out, "meeting_id", zoom_number(req, meeting));
    mp_json_put_text(out, "join_url", meeting->row.join_url);
    if (start_url != NULL)
        mp_json_put_text(out, "start_url", start_url);
    mp_json_put_text(out, "password", meeting->row.password);
    mp_json_put_text(out, "topic", meeting->row.topic);
    mp_recording_put(out, booking->recording, mp_booking_access(req, booking) == MP_MAY_CHANGE);
    return out;
}

struct json_object *mp_session_meeting_json(const struct mp_request *req, const struct mp_booking *booking)
{
    const struct mp_meeting *meeting = live_meeting(booking);
    const char *start_url = mp_booking_start_url(req, booking);
    struct json_object *out;

    if (meeting == NULL)
        return NULL;
    out = json_object_new_object();
    mp_json_put_text(out, "id", zoom_number(req, meeting));
    mp_json_put_text(out, "join_url", meeting->row.join_url);
    if (start_url != NULL)
        mp_json_put_text(out, "start_url", start_url);
    mp_json_put_text(out, "password", meeting->row.password);
    mp_json_put_text(out, "topic", meeting->row.topic);
    mp_json_put_time(out, "start_time", meeting->row.starts_at);
    mp_json_put_int(out, "duration", meeting->row.duration_min);
    return out;
}

struct json_object *mp_session_json(const struct mp_request *req, const struct mp_booking *booking)
{
    const struct mp_booking_row *row = &booking->row;
    struct json_object *out = json_object_new_object();
    struct mp_civil start = {0}, end = {0};

    (void)mp_zone_local(row->timezone, row->starts_at, &start);
    (void)mp_zone_local(row->timezone, row->ends_at, &end);
    mp_json_put_text(out, "_id", row->public_id);
    mp_json_put_text(out, "date", mp_arena_printf(req->arena, "%04d-%02d-%02dT00:00:00.000Z", start.year, start.month, start.day));
    mp_json_put_text(out, "start_time", wall_clock(req, &start));
    mp_json_put_text(out, "end_time", wall_clock(req, &end));
    mp_json_put_text(out, "timezone", row->timezone);
    mp_json_put_time(out, "starts_at", row->starts_at);
    mp_json_put_time(out, "ends_at", row->ends_at);
    mp_json_put_text(out, "title", row->title);
    mp_json_put_text(out, "description", row->description != NULL ? row->description : "");
    mp_json_put_text(out, "status", mp_booking_status_name(row->status));
    mp_json_put_text(out, "batch_id", booking->batch != NULL ? booking->batch->public_id : NULL);
    mp_json_put_text(out, "course_id",
                     booking->course != NULL  ? booking->course->public_id
                     : booking->batch != NULL ? booking->batch->course_public_id
                                              : NULL);
    mp_json_put_text(out, "series_id", row->series_id);
    mp_json_put_bool(out, "create_zoom_meeting", row->wants_meeting);
    mp_json_put_text(out, "meeting_state", mp_meeting_state_name(row->meeting_state));
    mp_json_put_text(out, "meeting_state_reason", mp_booking_reason(req, booking));
    mp_json_put(out, "zoom_meeting", session_zoom(req, booking));
    mp_json_put(out, "recorded_lessons", json_object_new_array());
    if (mp_booking_access(req, booking) == MP_MAY_CHANGE)
        mp_json_put_text(out, "zoomAccountUsed", booking->meeting != NULL ? booking->meeting->account_name : NULL);
    mp_json_put_time(out, "created_at", row->created_at);
    mp_json_put_time(out, "updated_at", row->updated_at);
    return out;
}

/* ---- Warnings ---- */

static const char *trouble_code(enum mp_error_code code)
{
    switch (code) {
    case MP_E_NO_CAPACITY:
        return "no_capacity";
    case MP_E_ZOOM_DISABLED:
    case MP_E_ZOOM_NOT_CONFIGURED:
        return "zoom_disabled";
    case MP_E_INVALID:
        return "validation_failed";
    case MP_E_CONFLICT:
        return "conflict";
    case MP_E_UNAVAILABLE:
    case MP_E_UNCERTAIN:
        return "pending"; /* nothing is in the way but time */
    default:
        return "zoom_failed";
    }
}

static void warn(struct mp_response *res, const struct mp_booking *booking, int index, const char *code, const char *message)
{
    struct json_object *warning = mp_response_warning(res, code, message);

    if (index < 0)
        return;
    mp_json_put_int(warning, "index", index);
    if (booking->row.id != 0) /* a dry run makes none */
        mp_json_put_text(warning, "session_id", booking->row.public_id);
}

/* A meeting that is wanted and will not come by itself. */
static bool is_given_up(const struct mp_booking *booking)
{
    return booking->row.meeting_state == MP_STATE_FAILED && booking->row.wants_meeting && booking->row.status == MP_BOOKING_SCHEDULED;
}

void mp_booking_warn_trouble(const struct mp_request *req, struct mp_response *res, const struct mp_booking *booking, int index)
{
    bool all = booking->trouble_text != NULL && mp_booking_access(req, booking) == MP_MAY_CHANGE;

    if (booking->trouble != MP_E_NONE)
        warn(res, booking, index, trouble_code(booking->trouble), all ? booking->trouble_text : mp_error_sentence(booking->trouble));
    else if (is_given_up(booking))
        warn(res, booking, index, "meeting_failed",
             mp_booking_reason(req, booking) != NULL ? mp_booking_reason(req, booking)
                                                     : "Its meeting is gone, and none is made unless it is asked for.");
}

/* Why the system hosts what its host's own account was to hold; of an interview that is expected. NULL: it need not be told. */
static const char *not_own_text(const struct mp_request *req, const struct mp_booking *booking)
{
    const struct mp_meeting *meeting = booking->meeting;
    const char *by;

    if (meeting == NULL || meeting->own || (meeting->not_own == NULL && booking->row.kind != MP_KIND_INTERVIEW))
        return NULL;
    if (mp_booking_access(req, booking) != MP_MAY_CHANGE)
        return "The host's own Zoom account could not take it; the meeting is hosted by the system's account.";
    by = meeting->row.host_email != NULL ? meeting->row.host_email : "the system's account";
    if (meeting->not_own == NULL)
        return mp_arena_printf(req->arena, "The host has no Zoom account connected here; the meeting is hosted by %s.", by);
    return mp_arena_printf(req->arena, "The host's own Zoom account could not take it (%s); the meeting is hosted by %s.", meeting->not_own, by);
}

void mp_booking_warn(const struct mp_request *req, struct mp_response *res, const struct mp_booking *booking, int index)
{
    const struct mp_booking_row *row = &booking->row;
    const char *not_own = not_own_text(req, booking), *differences = NULL;

    mp_booking_warn_trouble(req, res, booking, index);
    if (booking->moved)
        warn(res, booking, index, "moved",
             "It is at another host now, as its own had no room at that time or was changed: the meeting has a new id and join URL.");
    if (row->starts_at < mp_now_ms() && row->status == MP_BOOKING_SCHEDULED)
        warn(res, booking, index, "start_in_past",
             row->wants_meeting ? "The start is in the past; Zoom opens such a meeting now." : "The start is in the past.");
    if (not_own != NULL)
        warn(res, booking, index, "hosted_by_system", not_own);
    if (booking->meeting != NULL)
        differences = mp_settings_differences(req, booking->meeting->row.settings_requested, booking->meeting->row.settings_effective, false);
    if (differences != NULL)
        warn(res, booking, index, "settings_differ", differences);
}

/* ---- Dry runs ---- */

static struct json_object *prediction_json(const struct mp_request *req, const struct mp_booking *booking)
{
    bool all = mp_booking_access(req, booking) == MP_MAY_CHANGE;
    const struct mp_meeting *meeting = all ? booking->meeting : NULL;
    struct json_object *out = json_object_new_object(), *placement = NULL;
    struct mp_error ignored;

    mp_error_init(&ignored, req->arena);
    mp_json_put_text(out, "title", booking->row.title);
    mp_json_put_time(out, "start_time", booking->row.starts_at);
    mp_json_put_time(out, "end_time", booking->row.ends_at);
    mp_json_put_bool(out, "fits", booking->meeting != NULL || !booking->row.wants_meeting);
    mp_json_put_text(out, "zoomAccountUsed", meeting != NULL ? meeting->account_name : NULL);
    mp_json_put_text(out, "host_email", meeting != NULL ? meeting->row.host_email : NULL);
    mp_json_put_text(out, "reason", booking->trouble == MP_E_NONE ? NULL : all ? booking->trouble_text : mp_error_sentence(booking->trouble));
    mp_json_put_time(out, "nearest_start", booking->trouble == MP_E_NO_CAPACITY ? booking->nearest_start : -1);
    if (req->user.role == MP_ROLE_ADMIN && meeting != NULL && meeting->row.placement != NULL &&
        mp_json_parse(req->arena, mp_slice_of(meeting->row.placement), &placement, &ignored) == 0)
        mp_json_put(out, "placement", json_object_get(placement));
    return out;
}

int mp_predictions_reply(const struct mp_request *req, struct mp_response *res, const char *key, const char *message,
                         const struct mp_booking *predicted, size_t count)
{
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < count; i++) {
        json_object_array_add(list, prediction_json(req, &predicted[i]));
        mp_booking_warn(req, res, &predicted[i], (int)i);
    }
    mp_json_put(mp_response_data(res), key, list);
    res->status = 200;
    res->message = message;
    return 0;
}

/* ---- Settings ---- */

/* What each kind of booking asks of Zoom unless somebody asks otherwise. */
static const char *const kind_settings[MP_KIND_COUNT] = {
    [MP_KIND_SESSION] = "{\"host_video\":true,\"participant_video\":false,\"join_before_host\":true,\"mute_upon_entry\":true,\"waiting_room\":false,"
                        "\"meeting_authentication\":false,\"auto_recording\":\"cloud\"}",
    [MP_KIND_CLASS] = "{\"host_video\":true,\"participant_video\":true,\"join_before_host\":true,\"mute_upon_entry\":true,\"waiting_room\":false}",
    [MP_KIND_EVENT] = "{\"host_video\":true,\"participant_video\":true,\"join_before_host\":true,\"mute_upon_entry\":true,\"waiting_room\":false}",
    [MP_KIND_CUSTOM_SESSION] =
        "{\"host_video\":true,\"participant_video\":true,\"join_before_host\":true,\"mute_upon_entry\":true,\"waiting_room\":false}",
    [MP_KIND_APPOINTMENT] =
        "{\"host_video\":true,\"participant_video\":true,\"join_before_host\":false,\"waiting_room\":false,\"auto_recording\":\"none\"}",
    [MP_KIND_INTERVIEW] =
        "{\"host_video\":true,\"participant_video\":true,\"join_before_host\":false,\"waiting_room\":false,\"auto_recording\":\"none\"}",
};

/* A setting that is null says nothing: what it would override stays. */
static void drop_nulls(struct json_object *settings)
{
    json_object_object_foreach(settings, name, value)
    {
        if (value == NULL)
            json_object_object_del(settings, name);
    }
}

struct json_object *mp_booking_settings_read(const struct mp_json_reader *reader, const struct mp_request *req, struct mp_response *res, int index)
{
    bool pmi_asked;
    struct json_object *settings = mp_settings_read(reader, &pmi_asked);
    const char *differences = mp_settings_differences(req, NULL, NULL, pmi_asked);

    if (settings != NULL)
        drop_nulls(settings);
    if (differences != NULL) {
        struct json_object *warning = mp_response_warning(res, "settings_differ", differences);

        if (index >= 0)
            mp_json_put_int(warning, "index", index);
    }
    return settings;
}

static void override(struct json_object *base, struct json_object *by)
{
    json_object_object_foreach(by, name, value)
    {
        json_object_object_add(base, name, json_object_get(value));
    }
}

static int override_text(struct mp_arena *arena, struct json_object *base, const char *text, struct mp_error *err)
{
    struct json_object *by;

    if (text == NULL)
        return 0;
    if (mp_json_parse(arena, mp_slice_of(text), &by, err) < 0)
        return mp_fail_log(err, MP_E_INTERNAL, "stored settings are not JSON");
    override(base, by);
    return 0;
}

int mp_booking_settings(struct mp_ctx *ctx, enum mp_booking_kind kind, const char *batch_settings, const char *person, struct json_object *asked,
                        struct json_object **merged, struct mp_error *err)
{
    const char *own = NULL;

    if (mp_json_parse(ctx->arena, mp_slice_of(kind_settings[kind]), merged, err) < 0)
        return -1;
    if (person != NULL && mp_store_person_defaults(ctx->db, ctx->arena, person, &own, err) < 0)
        return -1;
    if (override_text(ctx->arena, *merged, batch_settings, err) < 0 || override_text(ctx->arena, *merged, own, err) < 0)
        return -1;
    if (asked != NULL)
        override(*merged, asked);
    return 0;
}

int mp_booking_meeting_add(struct mp_ctx *ctx, const struct mp_request *req, struct mp_response *res, struct mp_booking **booking,
                           const struct mp_booking_change *besides, struct mp_error *err)
{
    static const struct mp_booking_change nothing = {.starts_at = -1, .ends_at = -1, .wants_meeting = 1, .status = -1};
    const struct mp_json_reader r = {req->arena, req->json, NULL, err};
    const struct mp_booking_row *row = &(*booking)->row;
    struct json_object *settings = mp_booking_settings_read(&r, req, res, -1);
    struct mp_booking_change change = besides != NULL ? *besides : nothing;

    if (mp_error_set(err))
        return -1;
    if (row->settings == NULL && mp_booking_settings(ctx, row->kind, (*booking)->batch != NULL ? (*booking)->batch->settings : NULL, row->host_sub,
                                                     settings, &settings, err) < 0)
        return -1;
    change.settings = settings;
    return mp_booking_add_meeting(ctx, booking, &change, err);
}

const char *mp_booking_meeting_added(const struct mp_booking *booking)
{
    return booking->row.meeting_state == MP_STATE_OK ? "Zoom meeting created" : "The Zoom meeting could not be made now; it follows";
}

/* ---- Recurrence ---- */

const char *mp_booking_rule_read(const struct mp_json_reader *reader, int64_t starts_at, const char *zone)
{
    const char *rule = NULL;
    struct mp_error wrong;
    int64_t *starts;
    size_t count;
    int rc;

    if (mp_json_get_text(reader, "recurrence", 1, 500, false, &rule) <= 0)
        return NULL;
    mp_error_init(&wrong, reader->arena);
    if (starts_at >= 0)
        rc = mp_recurrence_expand(reader->arena, rule, starts_at, zone, MP_BOOKING_MOST, "recurrence", &starts, &count, &wrong);
    else
        rc = mp_recurrence_check(reader->arena, rule, MP_BOOKING_MOST, "recurrence", &wrong);
    for (const struct mp_error_detail *d = wrong.details; rc < 0 && d != NULL; d = d->next)
        mp_error_field(reader->err, d->field, "%s", d->message);
    return rule;
}

int mp_booking_expand(struct mp_ctx *ctx, const struct mp_booking_spec *first, const char *rule, struct mp_booking_spec **specs, size_t *count,
                      struct mp_error *err)
{
    const char *series = mp_store_public_id(ctx->arena, mp_now_ms());
    int64_t *starts;

    if (mp_recurrence_expand(ctx->arena, rule, first->starts_at, first->timezone, MP_BOOKING_MOST, "recurrence", &starts, count, err) < 0)
        return -1;
    *specs = mp_arena_array(ctx->arena, *count + 1, sizeof(**specs));
    for (size_t i = 0; i < *count; i++) {
        (*specs)[i] = *first;
        (*specs)[i].series_id = series;
        (*specs)[i].starts_at = starts[i];
        (*specs)[i].ends_at = starts[i] + (first->ends_at - first->starts_at);
    }
    return 0;
}

/* ---- Reading ---- */

int64_t mp_booking_end(const struct mp_json_reader *reader, const char *field, int64_t starts_at, int64_t length_ms)
{
    if (starts_at > MP_TIME_MAX_MS - MP_DAY_MS - length_ms)
        mp_error_field(reader->err, mp_arena_printf(reader->arena, "%s%s", reader->prefix != NULL ? reader->prefix : "", field),
                       "ends outside the years 1970 to 9999");
    return starts_at + length_ms;
}

static bool listed(const char *const *subs, size_t count, const char *sub)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(subs[i], sub) == 0)
            return true;
    }
    return false;
}

/* The data base takes two ids that differ only in the blanks behind them for one person. */
static bool blank_ended(const char *sub)
{
    return sub[0] == ' ' || sub[strlen(sub) - 1] == ' ';
}

int mp_sub_read(const struct mp_json_reader *reader, const char *key, const char **sub)
{
    const char *text;
    int rc = mp_json_get_text(reader, key, 1, SUB_MAX, false, &text);

    if (rc <= 0)
        return rc;
    if (blank_ended(text)) {
        mp_error_field(reader->err, mp_arena_printf(reader->arena, "%s%s", reader->prefix != NULL ? reader->prefix : "", key), BLANKS);
        return -1;
    }
    *sub = text;
    return rc;
}

/* Takes one member of the list; false (and a named field) where it is not one or stands there twice. */
static bool take_sub(const struct mp_json_reader *r, const char *key, size_t index, struct json_object *item, const char **subs, size_t count)
{
    const char *at = mp_arena_printf(r->arena, "[%zu]", index), *text = NULL;
    const char *prefix = mp_arena_printf(r->arena, "%s%s", r->prefix != NULL ? r->prefix : "", key);
    struct mp_json_reader one = {r->arena, mp_json_object(r->arena), prefix, r->err};
    int rc;

    mp_json_put(one.obj, at, json_object_get(item));
    rc = mp_sub_read(&one, at, &text);
    if (rc == 0)
        mp_error_field(r->err, mp_arena_printf(r->arena, "%s%s", prefix, at), "must be a user id");
    else if (rc > 0 && listed(subs, count, text))
        mp_error_field(r->err, mp_arena_printf(r->arena, "%s%s", prefix, at), "stands in the list twice");
    else if (rc > 0) {
        subs[count] = text;
        return true;
    }
    return false;
}

int mp_people_read(const struct mp_json_reader *reader, const char *key, size_t most, const char *const **subs, size_t *count)
{
    struct json_object *list;
    const char **out;
    size_t n, taken = 0;
    int rc = mp_json_get_array(reader, key, most, &list);

    if (rc <= 0)
        return rc;
    n = json_object_array_length(list);
    out = mp_arena_array(reader->arena, n + 1, sizeof(*out));
    for (size_t i = 0; i < n; i++)
        taken += take_sub(reader, key, i, json_object_array_get_idx(list, i), out, taken) ? 1 : 0;
    *subs = out;
    *count = taken;
    return taken == n ? 1 : -1;
}

/* Everybody lists what they have a part in, an admin everything or one person's. */
static void read_person(const struct mp_request *req, struct mp_booking_query *query, struct mp_error *err)
{
    const char *asked = mp_request_query(req, "person");
    bool admin = req->user.role == MP_ROLE_ADMIN;

    if (asked != NULL && (*asked == '\0' || strlen(asked) > SUB_MAX))
        mp_error_field(err, "person", "must be a user id");
    else if (asked != NULL && !admin && strcmp(asked, req->user.sub) != 0)
        mp_error_field(err, "person", "only an admin lists somebody else's");
    query->person = admin ? asked : req->user.sub;
}

int mp_booking_query_read(const struct mp_request *req, struct mp_booking_query *query, struct mp_page *page, struct mp_error *err)
{
    /* Sessions are listed by batch or course. */
    static const char *const all_names[] = {"person", "page_size", "next_page_token", "from", "to", "status", NULL};
    const char *const *names = query->kind == MP_KIND_SESSION ? all_names + 1 : all_names;
    static const char *const statuses[] = {"scheduled", "completed", "deleted", NULL};
    size_t status;

    query->from = INT64_MIN;
    query->until = INT64_MAX;
    mp_query_refuse_unknown(req, names, err);
    (void)mp_query_time(req, "from", &query->from, err);
    (void)mp_query_time(req, "to", &query->until, err);
    query->status = mp_query_enum(req, "status", statuses, &status, err) > 0 ? (int)status : -1;
    if (query->kind != MP_KIND_SESSION)
        read_person(req, query, err);
    if (mp_page_read(req, page, err) < 0 || mp_error_set(err))
        return -1;
    query->after_start = page->first ? INT64_MAX : page->after_a;
    query->after_id = page->first ? INT64_MAX : page->after_b;
    query->limit = page->size + 1;
    return 0;
}

static const char *const scopes[] = {"this", "this_and_following", "all", NULL};

void mp_scope_read(const struct mp_json_reader *reader, enum mp_series_scope *scope)
{
    size_t index = MP_SERIES_THIS;

    (void)mp_json_get_enum(reader, "scope", scopes, &index);
    *scope = (enum mp_series_scope)index;
}

int mp_scope_query(const struct mp_request *req, enum mp_series_scope *scope, struct mp_error *err)
{
    static const char *const names[] = {"scope", NULL};
    size_t index = MP_SERIES_THIS;

    mp_query_refuse_unknown(req, names, err);
    (void)mp_query_enum(req, "scope", scopes, &index, err);
    *scope = (enum mp_series_scope)index;
    return mp_error_set(err) ? -1 : 0;
}
