#include <string.h>

#include "api_int.h"
#include "booking_json.h"
#include "meetpool/clock.h"

#define TITLE_MAX       200
#define DESCRIPTION_MAX 2000
#define DURATION_MAX    1440
#define PEOPLE_MAX      1000

/* A face: how one kind of booking is called and what its members are called. Everything else is the same for all. */
struct face {
    enum mp_booking_kind kind;
    const char *path;  /* "custom-sessions" */
    const char *one;   /* "custom_session": a resource under data */
    const char *many;  /* "custom_sessions" */
    const char *label; /* in messages, and the topic where there is no title */
    const char *time, *length, *host;
    const char *person; /* the one who takes part; NULL: `participantIds` */
    const char *flag;   /* whether a meeting is wanted; NULL: always, or by `type` */
    int64_t usual_length;
    bool typed;  /* `type`: ONLINE or IN_PERSON */
    bool titled; /* `title` is needed */
    bool hosted; /* `hostedBy` */
};

static const struct face faces[] = {
    {MP_KIND_CLASS, "classes", "class", "classes", "Class", "startTime", "duration", "hostId", NULL, "createMeeting", 60, false, true, false},
    {MP_KIND_EVENT, "events", "event", "events", "Event", "startTime", "duration", "hostId", NULL, "createMeeting", 60, false, true, false},
    {MP_KIND_CUSTOM_SESSION, "custom-sessions", "custom_session", "custom_sessions", "Session", "startTime", "duration", "hostId", NULL,
     "createMeeting", 60, false, true, false},
    {MP_KIND_APPOINTMENT, "appointments", "appointment", "appointments", "Appointment", "appointmentTime", "durationMinutes", "doctorId", "patientId",
     NULL, 30, true, false, false},
    {MP_KIND_INTERVIEW, "interviews", "interview", "interviews", "Interview", "startTime", "duration", "interviewerId", "candidateId", NULL, 60,
     false, true, true},
};

/* The face that the path begins with; the route table has sent it here, so there is one. */
static const struct face *face_of(const struct mp_request *req)
{
    for (size_t i = 0; i < MP_COUNT(faces); i++) {
        size_t len = strlen(faces[i].path);

        if (strncmp(req->path, faces[i].path, len) == 0 && (req->path[len] == '\0' || req->path[len] == '/'))
            return &faces[i];
    }
    return &faces[0];
}

/* ---- Answering ---- */

static void put_people(const struct face *face, const struct mp_booking *booking, bool all, const char *viewer, struct json_object *out)
{
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < booking->people_count; i++) {
        const struct mp_booking_person *person = &booking->people[i];

        if (person->part == MP_PART_MEMBER && (all || strcmp(person->sub, viewer) == 0))
            json_object_array_add(list, json_object_new_string(person->sub));
    }
    if (face->person == NULL) {
        mp_json_put(out, "participantIds", list);
        return;
    }
    mp_json_put_text(out, face->person, json_object_array_length(list) > 0 ? json_object_get_string(json_object_array_get_idx(list, 0)) : NULL);
    json_object_put(list);
}

static void put_meeting(const struct mp_request *req, const struct face *face, const struct mp_booking *booking, bool may_change,
                        struct json_object *out)
{
    const struct mp_meeting *meeting = booking->meeting != NULL && booking->meeting->row.zoom_id != 0 ? booking->meeting : NULL;
    const char *id = meeting != NULL ? mp_arena_printf(req->arena, "%lld", (long long)meeting->row.zoom_id) : NULL;

    mp_json_put_text(out, "zoomMeetingId", id);
    mp_json_put_text(out, "zoomJoinUrl", meeting != NULL ? meeting->row.join_url : NULL);
    if (may_change)
        mp_json_put_text(out, "zoomStartUrl", mp_booking_start_url(req, booking));
    mp_json_put_text(out, "zoomMeetingPassword", meeting != NULL ? meeting->row.password : NULL);
    if (may_change)
        mp_json_put_text(out, "zoomAccountUsed", meeting != NULL ? meeting->account_name : NULL);
    if (face->hosted)
        mp_json_put_text(out, "hostedBy", meeting == NULL ? NULL : meeting->own ? "user" : "system");
    mp_json_put_text(out, "meetingState", mp_meeting_state_name(booking->row.meeting_state));
    mp_json_put_text(out, "meetingStateReason", mp_booking_reason(req, booking));
}

static struct json_object *face_json(const struct mp_request *req, const struct face *face, const struct mp_booking *booking)
{
    const struct mp_booking_row *row = &booking->row;
    struct json_object *out = json_object_new_object();
    bool may_change = mp_booking_access(req, booking) == MP_MAY_CHANGE;

    mp_json_put_text(out, "id", row->public_id);
    mp_json_put_text(out, "title", row->title);
    mp_json_put_text(out, "description", row->description != NULL ? row->description : "");
    if (face->typed)
        mp_json_put_text(out, "type", row->wants_meeting ? "ONLINE" : "IN_PERSON");
    mp_json_put_time(out, face->time, row->starts_at);
    mp_json_put_int(out, face->length, (row->ends_at - row->starts_at) / 60000);
    mp_json_put_text(out, "timezone", row->timezone);
    mp_json_put_text(out, face->host, row->host_sub);
    put_people(face, booking, may_change, req->user.sub, out);
    if (face->flag != NULL)
        mp_json_put_bool(out, face->flag, row->wants_meeting);
    mp_json_put_text(out, "status", mp_booking_status_name(row->status));
    mp_json_put_text(out, "seriesId", row->series_id);
    put_meeting(req, face, booking, may_change, out);
    mp_json_put_time(out, "createdAt", row->created_at);
    mp_json_put_time(out, "updatedAt", row->updated_at);
    return out;
}

/* `index`: among others of the same answer; -1: it stands alone. */
static int reply(const struct mp_request *req, struct mp_response *res, unsigned status, const char *message, const struct face *face,
                 const struct mp_booking *booking, int index)
{
    res->status = status;
    res->message = message;
    mp_json_put(mp_response_data(res), face->one, face_json(req, face, booking));
    mp_booking_warn(req, res, booking, index);
    return 0;
}

/* ---- Reading ---- */

static void read_when(const struct mp_json_reader *r, const struct face *face, bool needed, const char *zone, int64_t *starts_at, int64_t *length_min)
{
    if (!needed || mp_json_require(r, face->time))
        (void)mp_json_get_time(r, face->time, zone, starts_at);
    (void)mp_json_get_int(r, face->length, 1, DURATION_MAX, length_min);
}

#define WISH "createMeeting"

/* ONLINE or IN_PERSON, or the wish for a meeting: -1 where the request does not say. */
static int read_wants(const struct mp_json_reader *r, const struct face *face)
{
    static const char *const types[] = {"ONLINE", "IN_PERSON", NULL};
    size_t type;
    bool wants;

    if (face->typed && mp_json_get_enum(r, "type", types, &type) > 0)
        return type == 0 ? 1 : 0;
    if (face->typed || mp_json_get_bool(r, WISH, &wants) <= 0)
        return -1;
    if (face->flag == NULL && !wants) {
        mp_error_field(r->err, WISH, "there is none without a meeting: delete it instead");
        return -1;
    }
    return wants ? 1 : 0;
}

/* Whoever takes part; whether the request says so. */
static bool read_people(const struct mp_request *req, const struct mp_json_reader *r, const struct face *face, const char *const **subs,
                        size_t *count)
{
    const char *one = NULL;
    const char **list;

    if (face->person == NULL)
        return mp_people_read(r, "participantIds", PEOPLE_MAX, subs, count) > 0;
    (void)mp_sub_read(r, face->person, &one);
    if (req->user.role == MP_ROLE_PATIENT) {
        /* A patient books for nobody else. */
        if (one != NULL && strcmp(one, req->user.sub) != 0)
            mp_error_field(r->err, face->person, "a patient books own appointments only");
        one = req->user.sub;
    }
    if (one == NULL)
        return false;
    list = mp_arena_array(r->arena, 1, sizeof(*list));
    list[0] = one;
    *subs = (const char *const *)list;
    *count = 1;
    return true;
}

static void read_host(const struct mp_request *req, const struct mp_json_reader *r, const struct face *face, const char **host)
{
    *host = (req->user.role & MP_STAFF) != 0 ? req->user.sub : NULL;
    if (*host == NULL && face->person != NULL && !mp_json_require(r, face->host))
        return;
    (void)mp_sub_read(r, face->host, host);
    if (*host == NULL)
        *host = req->user.sub;
    else if (req->user.role == MP_ROLE_PATIENT && strcmp(*host, req->user.sub) == 0)
        mp_error_field(r->err, face->host, "somebody else than the patient");
}

struct decoded {
    struct mp_booking_spec spec;
    struct json_object *settings;
    const char *rule;
    bool dry_run;
};

/* Settings decide who may start a meeting, and a series takes many places: neither is a patient's to ask for. */
static void refuse_for_patient(const struct mp_request *req, const struct mp_json_reader *r)
{
    static const char *const keys[] = {"settings", "recurrence"};

    for (size_t i = 0; i < MP_COUNT(keys) && req->user.role == MP_ROLE_PATIENT; i++) {
        if (mp_json_has(r, keys[i]))
            mp_error_field(r->err, keys[i], "is not for patients to choose");
    }
}

static int decode(const struct mp_request *req, struct mp_response *res, const struct face *face, struct decoded *d, struct mp_error *err)
{
    const struct mp_json_reader r = {req->arena, req->json, NULL, err};
    int64_t length_min = face->usual_length;
    struct mp_booking_spec *spec = &d->spec;

    *spec = (struct mp_booking_spec){
        .kind = face->kind, .owner_sub = req->user.sub, .title = face->label, .starts_at = -1, .timezone = mp_request_conf(req)->timezone};
    if (!face->titled || mp_json_require(&r, "title"))
        (void)mp_json_get_name(&r, "title", TITLE_MAX, &spec->title);
    (void)mp_json_get_text(&r, "description", 0, DESCRIPTION_MAX, true, &spec->description);
    (void)mp_json_get_zone(&r, "timezone", &spec->timezone);
    read_when(&r, face, true, spec->timezone, &spec->starts_at, &length_min);
    read_host(req, &r, face, &spec->host_sub);
    if (!read_people(req, &r, face, &spec->members, &spec->members_count) && face->person != NULL)
        (void)mp_json_require(&r, face->person);
    /* What a patient books is the host's: it may be given to another patient. */
    if (req->user.role == MP_ROLE_PATIENT)
        spec->owner_sub = spec->host_sub;
    spec->wants_meeting = read_wants(&r, face) != 0;
    (void)mp_json_get_bool(&r, "dry_run", &d->dry_run);
    d->settings = mp_booking_settings_read(&r, req, res, -1);
    d->rule = mp_booking_rule_read(&r, spec->starts_at, spec->timezone);
    refuse_for_patient(req, &r);
    spec->topic = spec->title;
    spec->ends_at = mp_booking_end(&r, face->time, spec->starts_at, length_min * 60000);
    return mp_error_set(err) ? -1 : 0;
}

static int faces_create(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    const struct face *face = face_of(req);
    struct mp_booking_spec *specs;
    struct mp_booking *made;
    struct decoded d = {0};
    size_t count = 1;

    if (decode(req, res, face, &d, err) < 0 || mp_booking_settings(ctx, face->kind, NULL, d.spec.host_sub, d.settings, &d.spec.settings, err) < 0)
        return -1;
    specs = &d.spec;
    if ((d.rule != NULL && mp_booking_expand(ctx, &d.spec, d.rule, &specs, &count, err) < 0) ||
        mp_booking_create(ctx, specs, count, d.dry_run, &made, err) < 0)
        return -1;
    if (d.dry_run)
        return mp_predictions_reply(req, res, face->many, mp_arena_printf(req->arena, "%s: it would be made so", face->label), made, count);
    (void)reply(req, res, 201, mp_arena_printf(req->arena, "%s created", face->label), face, &made[0], d.rule != NULL ? 0 : -1);
    if (d.rule != NULL) {
        struct json_object *list = json_object_new_array();

        for (size_t i = 0; i < count; i++)
            json_object_array_add(list, face_json(req, face, &made[i]));
        mp_json_put(mp_response_data(res), face->many, list);
        for (size_t i = 1; i < count; i++)
            mp_booking_warn(req, res, &made[i], (int)i);
    }
    return 0;
}

static int faces_list(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    const struct face *face = face_of(req);
    struct mp_booking_query query = {.kind = (int)face->kind};
    struct mp_booking *bookings;
    struct json_object *list;
    struct mp_page page;
    size_t count;
    bool more;

    if (mp_booking_query_read(req, &query, &page, err) < 0)
        return -1;
    if (mp_booking_list(ctx, &query, &bookings, &count, err) < 0)
        return -1;
    more = count > page.size;
    list = json_object_new_array();
    for (size_t i = 0; i < count && i < page.size; i++)
        json_object_array_add(list, face_json(req, face, &bookings[i]));
    mp_json_put(mp_response_data(res), face->many, list);
    mp_page_write(req, mp_response_data(res), more, more ? bookings[page.size - 1].row.starts_at : 0, more ? bookings[page.size - 1].row.id : 0);
    res->message = mp_arena_printf(req->arena, "%s list", face->label);
    return 0;
}

static int find(struct mp_ctx *ctx, const struct mp_request *req, const struct face *face, enum mp_booking_access least, struct mp_booking **booking,
                struct mp_error *err)
{
    int rc = mp_booking_find(ctx, face->kind, req->params[0], booking, err);

    if (rc < 0)
        return -1;
    if (rc == 0 || mp_booking_access(req, *booking) < least)
        return mp_fail(err, MP_E_NOT_FOUND, "There is no such %s.", face->one);
    return 0;
}

static int faces_read(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    const struct face *face = face_of(req);
    struct mp_booking *booking;

    if (find(ctx, req, face, MP_MAY_READ, &booking, err) < 0)
        return -1;
    res->message = face->label;
    mp_json_put(mp_response_data(res), face->one, face_json(req, face, booking));
    return 0;
}

static int decode_change(const struct mp_request *req, struct mp_response *res, const struct face *face, const struct mp_booking *booking,
                         struct mp_booking_change *change, struct mp_error *err)
{
    static const char *const statuses[] = {"scheduled", "completed", NULL};
    const struct mp_json_reader r = {req->arena, req->json, NULL, err};
    const struct mp_booking_row *row = &booking->row;
    int64_t starts_at = row->starts_at, length_min = (row->ends_at - row->starts_at) / 60000;
    size_t status;

    *change = (struct mp_booking_change){.starts_at = -1, .ends_at = -1, .status = -1};
    if (mp_json_get_name(&r, "title", TITLE_MAX, &change->title) > 0)
        change->topic = change->title;
    (void)mp_json_get_text(&r, "description", 0, DESCRIPTION_MAX, true, &change->description);
    (void)mp_json_get_zone(&r, "timezone", &change->timezone);
    (void)mp_sub_read(&r, face->host, &change->host_sub);
    read_when(&r, face, false, change->timezone != NULL ? change->timezone : row->timezone, &starts_at, &length_min);
    if (mp_json_has(&r, face->time) || mp_json_has(&r, face->length)) {
        change->starts_at = starts_at;
        change->ends_at = mp_booking_end(&r, face->time, starts_at, length_min * 60000);
    }
    change->set_members = read_people(req, &r, face, &change->members, &change->members_count);
    change->wants_meeting = read_wants(&r, face);
    if (mp_json_get_enum(&r, "status", statuses, &status) > 0)
        change->status = (int)status;
    change->settings = mp_booking_settings_read(&r, req, res, -1);
    change->time_field = face->time;
    mp_scope_read(&r, &change->scope);
    change->viewer = mp_booking_viewer(req);
    return mp_error_set(err) ? -1 : 0;
}

/* The details of a failure, by the names of the face. */
static int by_own_names(const struct face *face, struct mp_error *err)
{
    for (struct mp_error_detail *d = err->details; d != NULL; d = d->next) {
        if (strcmp(d->field, "start_time") == 0)
            d->field = face->time;
    }
    return -1;
}

static int faces_change(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    const struct face *face = face_of(req);
    struct mp_booking_change change;
    struct mp_booking *booking;

    if (find(ctx, req, face, MP_MAY_CHANGE, &booking, err) < 0 || decode_change(req, res, face, booking, &change, err) < 0)
        return -1;
    if (mp_booking_change(ctx, &booking, &change, err) < 0)
        return by_own_names(face, err);
    return reply(req, res, 200, mp_arena_printf(req->arena, "%s changed", face->label), face, booking, -1);
}

static int faces_delete(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    const struct face *face = face_of(req);
    /* A patient cancels an own appointment. */
    enum mp_booking_access least = req->user.role == MP_ROLE_PATIENT ? MP_MAY_READ : MP_MAY_CHANGE;
    enum mp_series_scope scope;
    struct mp_booking *booking;

    if (mp_scope_query(req, &scope, err) < 0)
        return -1;
    /* Others of a series may be somebody else's by now. */
    if (req->user.role == MP_ROLE_PATIENT && scope != MP_SERIES_THIS) {
        mp_error_field(err, "scope", "a patient cancels one appointment at a time");
        return -1;
    }
    if (find(ctx, req, face, least, &booking, err) < 0 || mp_booking_cancel(ctx, booking, scope, mp_booking_viewer(req), err) < 0)
        return -1;
    mp_booking_warn_trouble(req, res, booking, -1);
    res->message = mp_arena_printf(req->arena, "%s deleted", face->label);
    return 0;
}

/* The meeting for one that has none. */
static int faces_add_meeting(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    const struct face *face = face_of(req);
    struct mp_booking *booking;

    if (find(ctx, req, face, MP_MAY_CHANGE, &booking, err) < 0 || mp_booking_meeting_add(ctx, req, res, &booking, NULL, err) < 0)
        return -1;
    return reply(req, res, 201, mp_booking_meeting_added(booking), face, booking, -1);
}

#define HOSTS    (MP_ROLE_ADMIN | MP_STAFF)
#define PATIENTS (MP_ROLE_ADMIN | MP_STAFF | MP_ROLE_PATIENT) /* and those who book for themselves */

static const struct mp_route rows[] = {
    {"POST", "classes", HOSTS, MP_ROUTE_SLOW, faces_create},
    {"GET", "classes", MP_EVERYONE, 0, faces_list},
    {"GET", "classes/{id}", MP_EVERYONE, 0, faces_read},
    {"PATCH", "classes/{id}", HOSTS, MP_ROUTE_SLOW, faces_change},
    {"DELETE", "classes/{id}", HOSTS, MP_ROUTE_SLOW, faces_delete},
    {"POST", "classes/{id}/create-zoom-meeting", HOSTS, MP_ROUTE_SLOW, faces_add_meeting},
    {"POST", "events", HOSTS, MP_ROUTE_SLOW, faces_create},
    {"GET", "events", MP_EVERYONE, 0, faces_list},
    {"GET", "events/{id}", MP_EVERYONE, 0, faces_read},
    {"PATCH", "events/{id}", HOSTS, MP_ROUTE_SLOW, faces_change},
    {"DELETE", "events/{id}", HOSTS, MP_ROUTE_SLOW, faces_delete},
    {"POST", "events/{id}/create-zoom-meeting", HOSTS, MP_ROUTE_SLOW, faces_add_meeting},
    {"POST", "custom-sessions", HOSTS, MP_ROUTE_SLOW, faces_create},
    {"GET", "custom-sessions", MP_EVERYONE, 0, faces_list},
    {"GET", "custom-sessions/{id}", MP_EVERYONE, 0, faces_read},
    {"PATCH", "custom-sessions/{id}", HOSTS, MP_ROUTE_SLOW, faces_change},
    {"DELETE", "custom-sessions/{id}", HOSTS, MP_ROUTE_SLOW, faces_delete},
    {"POST", "custom-sessions/{id}/create-zoom-meeting", HOSTS, MP_ROUTE_SLOW, faces_add_meeting},
    {"POST", "appointments", PATIENTS, MP_ROUTE_SLOW, faces_create},
    {"GET", "appointments", MP_EVERYONE, 0, faces_list},
    {"GET", "appointments/{id}", MP_EVERYONE, 0, faces_read},
    {"PATCH", "appointments/{id}", HOSTS, MP_ROUTE_SLOW, faces_change},
    {"DELETE", "appointments/{id}", PATIENTS, MP_ROUTE_SLOW, faces_delete},
    {"POST", "appointments/{id}/create-zoom-meeting", HOSTS, MP_ROUTE_SLOW, faces_add_meeting},
    {"POST", "interviews", HOSTS, MP_ROUTE_SLOW, faces_create},
    {"GET", "interviews", MP_EVERYONE, 0, faces_list},
    {"GET", "interviews/{id}", MP_EVERYONE, 0, faces_read},
    {"PATCH", "interviews/{id}", HOSTS, MP_ROUTE_SLOW, faces_change},
    {"DELETE", "interviews/{id}", HOSTS, MP_ROUTE_SLOW, faces_delete},
    {"POST", "interviews/{id}/create-zoom-meeting", HOSTS, MP_ROUTE_SLOW, faces_add_meeting},
};
const struct mp_route_table mp_face_routes = {rows, MP_COUNT(rows)};
