#include <json-c/linkhash.h>
#include <string.h>

#include "meetpool/buf.h"
#include "meetpool/clock.h"
#include "meetpool/json.h"
#include "schedule_int.h"

#define SERIES_MAX   1000
#define TOLD_MAX     2000
#define CANCEL_TRIES 5

/* One change on its way. */
struct changing {
    struct mp_ctx *ctx;
    struct mp_booking *booking;
    struct mp_booking_row before, after;
    struct mp_booking_person *people; /* NULL: as they are */
    size_t people_count;
    bool any;   /* something differs */
    bool dirty; /* something that the meeting is to follow */
    bool moved;
    bool renew; /* the meeting it had is gone, and another one is asked for */
    int64_t now_ms;
};

static bool same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* ---- Whose it is ---- */

static bool is_own(const struct mp_booking *b, const char *viewer)
{
    return viewer == NULL || same(b->row.owner_sub, viewer) || same(b->row.host_sub, viewer) ||
           (b->batch != NULL && (same(b->batch->owner_sub, viewer) || same(b->batch->instructor_sub, viewer))) ||
           (b->course != NULL && same(b->course->owner_sub, viewer));
}

static bool is_member(const struct mp_booking *b, const char *viewer)
{
    for (size_t i = 0; i < b->people_count; i++) {
        if (b->people[i].part == MP_PART_MEMBER && same(b->people[i].sub, viewer))
            return true;
    }
    return false;
}

/* ---- What is wanted ---- */

static int merge_settings(struct changing *c, struct json_object *asked, struct mp_error *err)
{
    struct json_object *base;

    if (asked == NULL)
        return 0;
    if (mp_json_parse(c->ctx->arena, mp_slice_of(c->before.settings != NULL ? c->before.settings : "{}"), &base, err) < 0)
        return mp_fail_log(err, MP_E_INTERNAL, "the settings of booking row %lld are not JSON", (long long)c->before.id);
    json_object_object_foreach(asked, key, value)
    {
        json_object_object_add(base, key, json_object_get(value));
    }
    c->after.settings = mp_json_text(c->ctx->arena, base);
    return 0;
}

/* The people after the change, where it names any. */
static void desire_people(struct changing *c, const struct mp_booking_change *change)
{
    const struct mp_booking *b = c->booking;
    const char **members = mp_arena_array(c->ctx->arena, b->people_count + 1, sizeof(const char *));
    size_t count = 0;

    if (!change->set_members && same(c->before.host_sub, c->after.host_sub))
        return;
    for (size_t i = 0; i < b->people_count; i++) {
        if (b->people[i].part == MP_PART_MEMBER)
            members[count++] = b->people[i].sub;
    }
    c->people = schedule_people(c->ctx->arena, c->after.owner_sub, c->after.host_sub, change->set_members ? change->members : members,
                                change->set_members ? change->members_count : count, &c->people_count);
}

static int desire(struct changing *c, const struct mp_booking_change *change, struct mp_error *err)
{
    struct mp_booking_row *b = &c->before, *a = &c->after;
    bool told, meets, lacks;

    *b = *a = c->booking->row;
    if (merge_settings(c, change->settings, err) < 0)
        return -1;
    a->title = change->title != NULL ? change->title : b->title;
    a->topic = change->topic != NULL ? change->topic : b->topic;
    a->description = change->description != NULL ? change->description : b->description;
    a->timezone = change->timezone != NULL ? change->timezone : b->timezone;
    a->host_sub = change->host_sub != NULL ? change->host_sub : b->host_sub;
    a->wants_meeting = change->wants_meeting >= 0 ? change->wants_meeting != 0 : b->wants_meeting;
    a->status = change->status >= 0 ? (enum mp_booking_status)change->status : b->status;
    if (change->starts_at >= 0 && change->ends_at >= 0) {
        a->starts_at = change->starts_at;
        a->ends_at = change->ends_at;
    }
    desire_people(c, change);
    /* Asked for by name, a meeting that was deleted or was never made is made; else nobody is fought. */
    lacks = change->wants_meeting > 0 && a->status == MP_BOOKING_SCHEDULED && c->booking->meeting == NULL &&
            (b->meeting_state == MP_STATE_NONE || b->meeting_state == MP_STATE_FAILED);
    c->renew = lacks && b->meeting_id != 0;
    c->moved = a->starts_at != b->starts_at || a->ends_at != b->ends_at;
    /* Completed, it is left alone. */
    told = lacks || c->moved || !same(a->topic, b->topic) || !same(a->description, b->description) || !same(a->timezone, b->timezone) ||
           !same(a->host_sub, b->host_sub) || a->wants_meeting != b->wants_meeting || !same(a->settings, b->settings) ||
           (a->status != b->status && a->status != MP_BOOKING_COMPLETED);
    meets = a->wants_meeting || b->wants_meeting || b->meeting_id != 0 || b->dirty;
    c->dirty = told && meets;
    c->any = told || c->people != NULL || a->status != b->status || !same(a->title, b->title);
    return 0;
}

/* What a running meeting does not allow. */
static int check_running(const struct changing *c, struct mp_error *err)
{
    if (c->booking->meeting == NULL || c->booking->meeting->row.status != MP_MEETING_STARTED)
        return 0;
    if (c->after.status == MP_BOOKING_DELETED)
        return mp_fail(err, MP_E_CONFLICT, "Its meeting is running; end it first.");
    if (c->before.wants_meeting && !c->after.wants_meeting)
        return mp_fail(err, MP_E_CONFLICT, "Its meeting is running; end it before it is taken away.");
    if (c->moved)
        return mp_fail(err, MP_E_CONFLICT, "Its meeting is running; its time cannot be changed any more.");
    return 0;
}

/* ---- Writing it ---- */

static int changed_meanwhile(struct mp_error *err)
{
    return mp_fail(err, MP_E_CONFLICT, "It was changed by somebody else at the same moment; read it again and repeat the change.");
}

/* In a transaction. 1 written, 0 somebody else has changed it meanwhile, -1 failed. */
static int write_row(struct mp_db *db, struct changing *c, struct mp_error *err)
{
    struct mp_booking_row row = c->after;
    int rc = mp_store_booking_write(db, &row, c->people, c->people_count, c->dirty, c->ctx->owner, SCHEDULE_LEASE_MS, c->now_ms, err);

    if (rc <= 0)
        return rc;
    if (c->renew && mp_store_booking_renew(db, &row, err) < 0)
        return -1;
    c->booking->row = row;
    return 1;
}

/* The transaction. May run twice. */
static int write_it(struct mp_db *db, void *arg, struct mp_error *err)
{
    int rc = write_row(db, arg, err);

    return rc > 0 ? 0 : rc < 0 ? -1 : changed_meanwhile(err);
}

/* Where the answer of COMMIT was lost the version tells whether it was written; the lease is then asked for like anybody's. 1 it was, 0 it was not.
 */
static int was_written(struct changing *c, struct mp_error *err)
{
    struct mp_booking_row seen;

    if (mp_store_booking_by_id(c->ctx->db, c->ctx->arena, c->before.id, &seen, err) <= 0)
        return mp_error_set(err) ? -1 : mp_fail(err, MP_E_NOT_FOUND, "It is not there any more.");
    if (seen.version == c->before.version)
        return 0;
    if (seen.version != c->before.version + 1 || seen.updated_at != c->now_ms)
        return changed_meanwhile(err);
    c->booking->row = seen;
    c->booking->row.fence = 0;
    return 1;
}

static int write_once(struct changing *c, struct mp_error *err)
{
    int rc;

    if (mp_tx_run(c->ctx->db, write_it, c, err) == 0)
        return 0;
    if (err->code != MP_E_UNCERTAIN)
        return -1;
    mp_error_reset(err);
    rc = was_written(c, err);
    if (rc == 0)
        return mp_tx_run(c->ctx->db, write_it, c, err);
    return rc > 0 ? 0 : -1;
}

struct undoing {
    struct changing *c;
    struct mp_booking_row back;
};

/* The transaction: everything as it was, the lease given back. May run twice. */
static int undo_it(struct mp_db *db, void *arg, struct mp_error *err)
{
    struct undoing *u = arg;
    const struct changing *c = u->c;
    const struct mp_booking_row *was = &c->before;
    struct mp_booking_outcome outcome = {.meeting_id = was->meeting_id,
                                         .leaving_id = was->leaving_id,
                                         .generation = was->generation,
                                         .state = was->meeting_state,
                                         .reason = was->meeting_reason,
                                         .settled = !was->dirty,
                                         .retry_ms = c->ctx->meeting_conf->retry_delay_s * 1000};
    int rc;

    u->back = *was;
    u->back.version = c->booking->row.version;
    u->back.fence = c->booking->row.fence;
    rc = mp_store_booking_write(db, &u->back, c->people != NULL ? c->booking->people : NULL, c->booking->people_count, false, c->ctx->owner, 0,
                                c->now_ms, err);
    if (rc == 0) /* somebody has changed it since: what they want holds, and is told by whoever works on it next */
        u->back = c->booking->row;
    return rc < 0 || mp_store_booking_settle(db, &u->back, &outcome, err) < 0 ? -1 : 0;
}

/* Tells the meeting. MP_E_NO_CAPACITY for a time where there is no room: then all is as it was. */
static int follow(struct changing *c, struct mp_error *err)
{
    struct agreement a = {.booking = c->booking};
    struct undoing undoing = {.c = c};

    if (c->booking->row.fence == 0) {
        int rc = schedule_take(c->ctx, &c->booking->row, mp_monotonic_ms() + SCHEDULE_WAIT_MS, err);

        if (rc <= 0) {
            if (rc == 0 && c->booking->row.dirty) {
                c->booking->trouble = MP_E_UNAVAILABLE;
                c->booking->trouble_text = "Its meeting is being worked on; it follows shortly.";
            }
            return rc;
        }
    }
    schedule_agree(c->ctx, &a, 1);
    if (a.why.code != MP_E_NO_CAPACITY || !c->moved)
        return schedule_settle(c->ctx, &a, 1, err);
    if (mp_tx_run(c->ctx->db, undo_it, &undoing, err) < 0)
        return -1;
    c->booking->row = undoing.back;
    *err = a.why;
    return -1;
}

/* As it is now; what was told meanwhile, and a start URL, stay with it. */
static int read_anew(struct mp_ctx *ctx, struct mp_booking **booking, struct mp_error *err)
{
    struct mp_booking *old = *booking;

    if (schedule_load(ctx, old->row.id, booking, err) <= 0)
        return mp_error_set(err) ? -1 : mp_fail(err, MP_E_NOT_FOUND, "It is not there any more.");
    (*booking)->trouble = old->trouble;
    (*booking)->trouble_text = old->trouble_text;
    (*booking)->nearest_start = old->nearest_start;
    (*booking)->moved = old->moved;
    if (old->meeting != NULL && (*booking)->meeting != NULL && old->meeting->row.id == (*booking)->meeting->row.id)
        (*booking)->meeting->start_url = old->meeting->start_url;
    return 0;
}

/* What is wanted, and that it may be. */
static int plan(struct changing *c, const struct mp_booking_change *change, struct mp_error *err)
{
    if (desire(c, change, err) < 0 || check_running(c, err) < 0)
        return -1;
    c->booking->trouble = MP_E_NONE;
    c->booking->trouble_text = NULL;
    c->booking->moved = false;
    return 0;
}

static int change_one(struct mp_ctx *ctx, struct mp_booking **booking, const struct mp_booking_change *change, struct mp_error *err)
{
    struct changing c = {.ctx = ctx, .booking = *booking, .now_ms = mp_now_ms()};

    if (plan(&c, change, err) < 0)
        return -1;
    if (!c.any)
        return 0;
    if (write_once(&c, err) < 0 || (c.dirty && follow(&c, err) < 0))
        return -1;
    return read_anew(ctx, booking, err);
}

/* ---- Series ---- */

/*
 * A change of several bookings on its way. What is wanted of all of them is written at once, then Zoom is told of one after another: whoever dies in
 * between leaves nothing half done, as the runner goes on.
 */
struct series {
    struct mp_ctx *ctx;
    const struct mp_booking_change *change;
    struct mp_booking_row named;
    int64_t shift_ms;  /* of the wall clock */
    int64_t length_ms; /* new; -1: each keeps its own */
    int64_t now_ms, give_up_ms;
    struct mp_error first;      /* failure */
    enum mp_error_code trouble; /* the first that one which was changed tells */
    struct mp_buf told;
    size_t changed, failed, later;
};

/* One of them, and its new times where those change. */
struct member {
    struct mp_booking *booking;
    int64_t starts_at, ends_at;
    struct changing c;
    bool planned; /* it is to change */
    bool stayed;  /* as it was: somebody else was quicker, or it fits nowhere */
};

/* What the clock on the wall shows, as if it were UTC. */
static bool wall_of(const char *zone, int64_t at_ms, int64_t *wall_ms)
{
    struct mp_civil civil;

    return mp_zone_local(zone, at_ms, &civil) && mp_zone_instant("UTC", &civil, wall_ms, NULL, NULL) == MP_TIME_OK;
}

/* The times of one booking of the series: its own wall clock, shifted as that of the one that was named. */
static int shift(const struct series *s, struct member *m, struct mp_error *err)
{
    const struct mp_booking_row *row = &m->booking->row;
    const char *zone = s->change->timezone != NULL ? s->change->timezone : row->timezone;
    enum mp_time_result result = MP_TIME_UNKNOWN_ZONE;
    int64_t wall_ms, before = 0, after = 0;
    struct mp_civil civil;

    if (wall_of(row->timezone, row->starts_at, &wall_ms) && mp_zone_local("UTC", wall_ms + s->shift_ms, &civil))
        result = mp_zone_instant(zone, &civil, &m->starts_at, &before, &after);
    if (result != MP_TIME_OK) {
        mp_error_field(err, s->change->time_field != NULL ? s->change->time_field : "start_time", "on %04d-%02d-%02d: %s", civil.year, civil.month,
                       civil.day, mp_time_explain(s->ctx->arena, result, zone, before, after));
        return -1;
    }
    m->ends_at = m->starts_at + (s->length_ms >= 0 ? s->length_ms : row->ends_at - row->starts_at);
    return 0;
}

/* All times are looked at before any is changed; every date that has no such time is named. */
static int shift_all(const struct series *s, struct member *members, size_t count, struct mp_error *err)
{
    int rc = 0;

    for (size_t i = 0; i < count; i++) {
        if (s->change->starts_at >= 0 && is_own(members[i].booking, s->change->viewer) && shift(s, &members[i], err) < 0)
            rc = -1;
    }
    return rc;
}

static void note_failure(struct series *s, const struct mp_booking_row *row, const struct mp_error *err)
{
    if (s->failed++ == 0)
        s->first = *err;
    mp_buf_addf(&s->told, " %s: %s", mp_time_format(s->ctx->arena, row->starts_at), mp_error_message(err));
}

/* Somebody else's stays as it is. */
static int plan_member(const struct series *s, struct member *m, struct mp_error *err)
{
    struct mp_booking_change change = *s->change;
    struct mp_booking *booking = m->booking;

    if (!is_own(booking, change.viewer))
        return booking->row.id == s->named.id ? mp_fail(err, MP_E_NOT_FOUND, "It is not there any more.") : 0;
    if (change.starts_at >= 0) {
        change.starts_at = m->starts_at;
        change.ends_at = m->ends_at;
    }
    m->c = (struct changing){.ctx = s->ctx, .booking = booking, .now_ms = s->now_ms};
    if (plan(&m->c, &change, err) < 0)
        return -1;
    m->planned = true;
    return 0;
}

static void plan_all(struct series *s, struct member *members, size_t count, struct mp_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (plan_member(s, &members[i], err) == 0)
            continue;
        note_failure(s, &members[i].booking->row, err);
        mp_error_reset(err);
    }
}

struct writing {
    struct member *members;
    size_t count;
};

/* The transaction. May run twice. */
static int write_all(struct mp_db *db, void *arg, struct mp_error *err)
{
    const struct writing *w = arg;

    for (size_t i = 0; i < w->count; i++) {
        struct member *m = &w->members[i];
        int rc = m->planned && m->c.any ? write_row(db, &m->c, err) : 1;

        if (rc < 0)
            return -1;
        m->stayed = rc == 0;
    }
    return 0;
}

/* As write_once(). */
static int write_all_once(const struct series *s, struct writing *w, struct mp_error *err)
{
    if (mp_tx_run(s->ctx->db, write_all, w, err) == 0)
        return 0;
    if (err->code != MP_E_UNCERTAIN)
        return -1;
    mp_error_reset(err);
    for (size_t i = 0; i < w->count; i++) {
        struct member *m = &w->members[i];
        int rc = m->planned && m->c.any && !m->stayed ? was_written(&m->c, err) : 1;

        if (rc == 0) /* so it is with all of them */
            return mp_tx_run(s->ctx->db, write_all, w, err);
        m->stayed = m->stayed || rc < 0;
        mp_error_reset(err);
    }
    return 0;
}

/* The lease is given back: the runner tells Zoom. Where that fails the lease ends by itself. */
static void leave_to_runner(const struct changing *c, struct mp_error *err)
{
    const struct mp_booking_row *row = &c->booking->row;
    struct agreement a = {
        .booking = c->booking,
        .outcome = {.meeting_id = row->meeting_id, .leaving_id = row->leaving_id, .generation = row->generation, .state = MP_STATE_PENDING}};

    if (row->fence != 0 && schedule_settle(c->ctx, &a, 1, err) < 0)
        mp_error_reset(err);
}

/* -1: it stays as it was. */
static int tell_member(struct series *s, struct member *m, struct mp_error *err)
{
    const struct mp_booking *booking = m->booking;

    if (m->stayed)
        return changed_meanwhile(err);
    if (m->c.dirty && mp_monotonic_ms() > s->give_up_ms) {
        leave_to_runner(&m->c, err);
        s->later++;
    } else if (m->c.dirty && follow(&m->c, err) < 0) {
        return -1;
    }
    s->changed++;
    if (booking->trouble != MP_E_NONE && booking->row.id != s->named.id) {
        s->trouble = s->trouble == MP_E_NONE ? booking->trouble : s->trouble;
        mp_buf_addf(&s->told, " %s: %s", mp_time_format(s->ctx->arena, m->c.before.starts_at), booking->trouble_text);
    }
    return 0;
}

static void tell_all(struct series *s, struct member *members, size_t count, struct mp_error *err)
{
    for (size_t i = 0; i < count; i++) {
        /* Moved to later times the last one goes first, so that none stands in the way of the one before it. */
        struct member *m = &members[s->shift_ms > 0 ? count - 1 - i : i];

        if (!m->planned || tell_member(s, m, err) == 0)
            continue;
        m->stayed = true;
        note_failure(s, &m->c.before, err);
        mp_error_reset(err);
    }
}

/* The bookings that a scope means, earliest first. */
static int members_of(struct series *s, struct mp_booking_row **rows, size_t *count, struct mp_error *err)
{
    int64_t now_ms = mp_now_ms();
    int64_t from = s->change->scope == MP_SERIES_FOLLOWING && s->named.starts_at > now_ms ? s->named.starts_at : now_ms;
    struct mp_booking_query query = {.kind = -1,
                                     .series_id = s->named.series_id,
                                     .status = MP_BOOKING_SCHEDULED,
                                     .from = from,
                                     .until = INT64_MAX,
                                     .ascending = true,
                                     .after_start = INT64_MIN,
                                     .after_id = INT64_MIN,
                                     .limit = SERIES_MAX};
    struct mp_booking_row *with;
    bool has = false;

    if (mp_store_booking_list(s->ctx->db, s->ctx->arena, &query, rows, count, err) < 0)
        return -1;
    for (size_t i = 0; i < *count; i++)
        has = has || (*rows)[i].id == s->named.id;
    if (has)
        return 0;
    /* It has begun, or is completed: it was named all the same. */
    with = mp_arena_array(s->ctx->arena, *count + 1, sizeof(*with));
    with[0] = s->named;
    if (*count > 0)
        memcpy(with + 1, *rows, *count * sizeof(*with));
    *rows = with;
    (*count)++;
    return 0;
}

static int measure(struct series *s, struct mp_error *err)
{
    const struct mp_booking_change *change = s->change;
    int64_t was, is;

    s->length_ms = -1;
    if (change->starts_at < 0)
        return 0;
    if (!wall_of(s->named.timezone, s->named.starts_at, &was) ||
        !wall_of(change->timezone != NULL ? change->timezone : s->named.timezone, change->starts_at, &is))
        return mp_fail_log(err, MP_E_INTERNAL, "a zone of series %s is not known", s->named.series_id);
    s->shift_ms = is - was;
    if (change->ends_at - change->starts_at != s->named.ends_at - s->named.starts_at)
        s->length_ms = change->ends_at - change->starts_at;
    return 0;
}

/* Tells, with the one that was named, how the others fared. */
static void tell_series(struct series *s, struct mp_booking *booking)
{
    struct mp_buf text;

    if (s->told.len == 0 && s->later == 0)
        return;
    mp_buf_init(&text, s->ctx->arena, TOLD_MAX + 1000);
    if (booking->trouble_text != NULL)
        mp_buf_addf(&text, "%s ", booking->trouble_text);
    mp_buf_addf(&text, "%zu of the series changed, %zu stay as they were, %zu are told to Zoom in the background.", s->changed, s->failed, s->later);
    mp_buf_add_slice(&text, mp_buf_slice(&s->told));
    booking->trouble_text = mp_buf_text(&text);
    if (booking->trouble == MP_E_NONE)
        booking->trouble = s->failed > 0 ? s->first.code : s->trouble != MP_E_NONE ? s->trouble : MP_E_UNAVAILABLE;
}

/* The members of the series, each with the times it is to have. */
static int gather(struct series *s, struct member **members, size_t *count, struct mp_error *err)
{
    struct mp_booking *bookings;
    struct mp_booking_row *rows;

    if (measure(s, err) < 0 || members_of(s, &rows, count, err) < 0 || schedule_wrap_all(s->ctx, rows, *count, &bookings, err) < 0)
        return -1;
    *members = mp_arena_array(s->ctx->arena, *count + 1, sizeof(**members));
    for (size_t i = 0; i < *count; i++)
        (*members)[i].booking = &bookings[i];
    return shift_all(s, *members, *count, err);
}

/* The one that was named, with what came of it. */
static struct mp_booking *seen_of(const struct series *s, const struct member *members, size_t count, struct mp_booking *named)
{
    for (size_t i = 0; i < count; i++) {
        if (members[i].booking->row.id == s->named.id && members[i].planned && !members[i].stayed)
            return members[i].booking;
    }
    return named;
}

static int change_series(struct mp_ctx *ctx, struct mp_booking **booking, const struct mp_booking_change *change, struct mp_error *err)
{
    struct series s = {
        .ctx = ctx, .change = change, .named = (*booking)->row, .now_ms = mp_now_ms(), .give_up_ms = mp_monotonic_ms() + SCHEDULE_SERIES_MS};
    struct changing named = {.ctx = ctx, .booking = *booking};
    struct member *members;
    struct writing w;
    size_t count;

    mp_buf_init(&s.told, ctx->arena, TOLD_MAX);
    if (desire(&named, change, err) < 0 || check_running(&named, err) < 0 || gather(&s, &members, &count, err) < 0)
        return -1;
    plan_all(&s, members, count, err);
    w = (struct writing){members, count};
    if (write_all_once(&s, &w, err) < 0)
        return -1;
    tell_all(&s, members, count, err);
    *booking = seen_of(&s, members, count, *booking);
    if (s.changed == 0 && s.failed > 0) {
        *err = s.first;
        return -1;
    }
    if (read_anew(ctx, booking, err) < 0)
        return -1;
    tell_series(&s, *booking);
    return 0;
}

/* ---- The ways in ---- */

int mp_booking_change(struct mp_ctx *ctx, struct mp_booking **booking, const struct mp_booking_change *change, struct mp_error *err)
{
    if (change->scope != MP_SERIES_THIS && (*booking)->row.series_id != NULL)
        return change_series(ctx, booking, change, err);
    return change_one(ctx, booking, change, err);
}

/* Whatever somebody else has changed at the same moment, it is to go; unless it was taken from the viewer, who owned it or took part. */
static int cancel_one(struct mp_ctx *ctx, struct mp_booking **booking, const struct mp_booking_change *change, struct mp_error *err)
{
    bool owned = is_own(*booking, change->viewer);

    for (int tries = 1;; tries++) {
        struct mp_booking *seen;
        struct mp_error unread;

        if (change_one(ctx, booking, change, err) == 0)
            return 0;
        mp_error_init(&unread, ctx->arena);
        if (err->code != MP_E_CONFLICT || tries == CANCEL_TRIES || schedule_load(ctx, (*booking)->row.id, &seen, &unread) <= 0 ||
            seen->row.version == (*booking)->row.version)
            return -1;
        mp_error_reset(err);
        if (owned ? !is_own(seen, change->viewer) : !is_member(seen, change->viewer))
            return mp_fail(err, MP_E_NOT_FOUND, "It is not there any more.");
        *booking = seen;
    }
}

int mp_booking_cancel(struct mp_ctx *ctx, struct mp_booking *booking, enum mp_series_scope scope, const char *viewer, struct mp_error *err)
{
    const struct mp_booking_change change = {
        .starts_at = -1, .ends_at = -1, .wants_meeting = -1, .status = MP_BOOKING_DELETED, .scope = scope, .viewer = viewer};
    struct mp_booking *cancelled = booking;

    if (scope != MP_SERIES_THIS && booking->row.series_id != NULL) {
        if (change_series(ctx, &cancelled, &change, err) < 0)
            return -1;
    } else if (cancel_one(ctx, &cancelled, &change, err) < 0) {
        return -1;
    }
    *booking = *cancelled;
    return 0;
}

int mp_booking_add_meeting(struct mp_ctx *ctx, struct mp_booking **booking, const struct mp_booking_change *change, struct mp_error *err)
{
    struct changing c = {.ctx = ctx, .booking = *booking, .now_ms = mp_now_ms()};

    if (c.booking->meeting != NULL)
        return mp_fail(err, MP_E_HAS_MEETING, "It has a meeting already.");
    if (c.booking->row.status != MP_BOOKING_SCHEDULED)
        return mp_fail(err, MP_E_CONFLICT, "It is %s; only what is scheduled gets a meeting.", mp_booking_status_name(c.booking->row.status));
    if (mp_meeting_usable(ctx->account_conf, err) < 0)
        return -1;
    if (desire(&c, change, err) < 0)
        return -1;
    c.dirty = true;
    c.renew = c.before.meeting_id != 0;
    if (write_once(&c, err) < 0 || follow(&c, err) < 0)
        return -1;
    return read_anew(ctx, booking, err);
}
