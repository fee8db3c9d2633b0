#include <string.h>

#include "api_int.h"
#include "course_int.h"
#include "meetpool/clock.h"

#define NAME_MAX_CHARS 200
#define MEMBERS_MAX    1000

/* A batch as a request describes it; `members` is NULL where it says nothing of them. */
struct wanted {
    bool creating;
    bool host_changes, course_changes;
    struct mp_batch_row row;
    const char *const *members;
    size_t members_count;
    struct mp_arena *arena;
};

/* Admins, and its owner and instructor if they are staff. */
static bool may_change(const struct mp_request *req, const struct mp_batch_row *row)
{
    const char *sub = req->user.sub;

    if (req->user.role == MP_ROLE_ADMIN)
        return true;
    return (req->user.role & MP_STAFF) != 0 &&
           (strcmp(row->owner_sub, sub) == 0 || (row->instructor_sub != NULL && strcmp(row->instructor_sub, sub) == 0));
}

static struct json_object *batch_json(const struct mp_request *req, const struct mp_batch_row *row, const char *const *subs, size_t count)
{
    struct json_object *out = json_object_new_object(), *list, *settings = NULL;
    bool individual = strcmp(row->batch_type, "individual") == 0;
    struct mp_error unreadable;

    mp_error_init(&unreadable, req->arena);
    mp_json_put_text(out, "id", row->public_id);
    mp_json_put_text(out, "name", row->name);
    mp_json_put_text(out, "course_id", row->course_public_id);
    mp_json_put_text(out, "course_title", row->course_title);
    mp_json_put_text(out, "batch_type", row->batch_type);
    mp_json_put_text(out, "instructor_id", row->instructor_sub);
    mp_json_put_text(out, "owner_id", row->owner_sub);
    mp_json_put_text(out, "timezone", row->timezone);
    /* Who else takes part is not a participant's business. */
    if (may_change(req, row)) {
        list = json_object_new_array();
        for (size_t i = 0; i < count; i++)
            json_object_array_add(list, json_object_new_string(subs[i]));
        mp_json_put(out, "member_ids", list);
        mp_json_put_text(out, "student_id", individual && count > 0 ? subs[0] : NULL);
        if (row->settings != NULL && mp_json_parse(req->arena, mp_slice_of(row->settings), &settings, &unreadable) == 0)
            json_object_get(settings);
        mp_json_put(out, "settings", settings);
    }
    mp_json_put_time(out, "created_at", row->created_at);
    mp_json_put_time(out, "updated_at", row->updated_at);
    return out;
}

static int reply(struct mp_ctx *ctx, const struct mp_request *req, struct mp_response *res, unsigned status, const char *message,
                 const struct mp_batch_row *row, struct mp_error *err)
{
    const char **subs;
    size_t count;

    if (mp_store_batch_members(ctx->db, req->arena, row->id, &subs, &count, err) < 0)
        return -1;
    res->status = status;
    res->message = message;
    mp_json_put(mp_response_data(res), "batch", batch_json(req, row, (const char *const *)subs, count));
    return 0;
}

/* `course_id`: one that the caller may read. A new batch has its zone unless it names one. */
static void read_course(struct mp_ctx *ctx, const struct mp_request *req, const struct mp_json_reader *r, bool creating, struct mp_batch_row *row)
{
    struct mp_course_row course;
    struct mp_error missing;
    const char *id;

    if (mp_json_get_text(r, "course_id", 1, 64, false, &id) <= 0) {
        if (mp_json_has(r, "course_id")) { /* null; a wrong one is named already */
            row->course_id = 0;
            row->course_public_id = row->course_title = NULL;
        }
        return;
    }
    mp_error_init(&missing, req->arena);
    if (mp_course_find(ctx, req, id, false, &course, &missing) < 0) {
        if (missing.code == MP_E_NOT_FOUND)
            mp_error_field(r->err, "course_id", "there is no such course");
        else
            *r->err = missing;
        return;
    }
    row->course_id = course.id;
    row->course_public_id = course.public_id;
    row->course_title = course.title;
    if (creating)
        row->timezone = course.timezone;
}

/* student_id for one, member_ids for many. */
static void read_members(const struct mp_json_reader *r, struct wanted *w)
{
    const char *student = NULL;

    if (strcmp(w->row.batch_type, "individual") == 0) {
        if (mp_json_has(r, "member_ids"))
            mp_error_field(r->err, "member_ids", "an individual batch has a student_id instead");
        if ((!w->creating || mp_json_require(r, "student_id")) && mp_sub_read(r, "student_id", &student) > 0) {
            const char **one = mp_arena_array(r->arena, 1, sizeof(*one));

            one[0] = student;
            w->members = one;
            w->members_count = 1;
        }
        return;
    }
    if (mp_json_has(r, "student_id"))
        mp_error_field(r->err, "student_id", "a group batch has member_ids instead");
    (void)mp_people_read(r, "member_ids", MEMBERS_MAX, &w->members, &w->members_count);
}

static int decode(struct mp_ctx *ctx, const struct mp_request *req, struct mp_response *res, struct wanted *w, struct mp_error *err)
{
    static const char *const types[] = {"individual", "group", NULL};
    const struct mp_json_reader r = {req->arena, req->json, NULL, err};
    struct json_object *settings;
    size_t type;

    if (!w->creating || mp_json_require(&r, "name"))
        (void)mp_json_get_name(&r, "name", NAME_MAX_CHARS, &w->row.name);
    read_course(ctx, req, &r, w->creating, &w->row);
    if (mp_json_get_enum(&r, "batch_type", types, &type) > 0) {
        if (!w->creating && strcmp(types[type], w->row.batch_type) != 0)
            mp_error_field(err, "batch_type", "cannot be changed; make another batch");
        w->row.batch_type = types[type];
    }
    if (mp_sub_read(&r, "instructor_id", &w->row.instructor_sub) == 0 && mp_json_has(&r, "instructor_id"))
        w->row.instructor_sub = NULL;
    (void)mp_json_get_zone(&r, "timezone", &w->row.timezone);
    settings = mp_booking_settings_read(&r, req, res, -1);
    if (settings != NULL)
        w->row.settings = mp_json_text(req->arena, settings);
    read_members(&r, w);
    w->arena = req->arena;
    return mp_error_set(err) ? -1 : 0;
}

static bool is_member(const char *const *subs, size_t count, const char *sub)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(subs[i], sub) == 0)
            return true;
    }
    return false;
}

int mp_batch_find(struct mp_ctx *ctx, const struct mp_request *req, const char *public_id, bool to_change, struct mp_batch_row *row,
                  struct mp_error *err)
{
    const char *sub = req->user.sub;
    const char **subs;
    size_t count;
    int rc = mp_store_batch_by_public(ctx->db, req->arena, public_id, row, err);

    if (rc < 0)
        return -1;
    if (rc == 0 || row->deleted)
        return mp_fail(err, MP_E_NOT_FOUND, "There is no such batch.");
    if (may_change(req, row))
        return 0;
    if (to_change)
        return mp_fail(err, MP_E_NOT_FOUND, "There is no such batch.");
    if (mp_store_batch_members(ctx->db, req->arena, row->id, &subs, &count, err) < 0)
        return -1;
    return is_member(subs, count, sub) ? 0 : mp_fail(err, MP_E_NOT_FOUND, "There is no such batch.");
}

/* Who hosts its sessions. */
static const char *host_of(const struct mp_batch_row *row)
{
    return row->instructor_sub != NULL ? row->instructor_sub : row->owner_sub;
}

/* In the transaction that has written the batch: nobody makes a session at the same moment. */
static int check_empty(struct mp_db *db, struct mp_arena *arena, const struct mp_batch_row *row, struct mp_error *err)
{
    const struct mp_booking_query query = {.kind = MP_KIND_SESSION,
                                           .batch_id = row->id,
                                           .status = MP_BOOKING_SCHEDULED,
                                           .from = row->updated_at,
                                           .until = INT64_MAX,
                                           .after_start = INT64_MAX,
                                           .after_id = INT64_MAX,
                                           .limit = 1};
    struct mp_booking_row *sessions;
    size_t count;

    if (mp_store_booking_list(db, arena, &query, &sessions, &count, err) < 0)
        return -1;
    return count == 0 ? 0 : mp_fail(err, MP_E_CONFLICT, "The batch has sessions to come; remove them first.");
}

/* The transaction: batch and members stand or fall together, and the bookings to come follow. May run twice. */
static int store(struct mp_db *db, void *arg, struct mp_error *err)
{
    struct wanted *w = arg;
    struct mp_batch_row row = w->row;
    int rc = 1;

    if (w->creating)
        rc = mp_store_batch_insert(db, &row, err) < 0 ? -1 : 1;
    else
        rc = mp_store_batch_write(db, &row, row.updated_at, err);
    if (rc <= 0)
        return rc < 0 ? -1 : mp_fail(err, MP_E_CONFLICT, "The batch was changed by somebody else at the same moment; read it again.");
    if (row.deleted && check_empty(db, w->arena, &row, err) < 0)
        return -1;
    rc = w->members != NULL ? mp_store_batch_set_members(db, w->arena, row.id, w->members, w->members_count, err) : 0;
    if (rc < 0 || (rc > 0 && !w->creating && mp_store_booking_members(db, row.id, row.updated_at, err) < 0))
        return -1;
    if (w->host_changes && mp_store_booking_hosts(db, row.id, row.updated_at, host_of(&row), err) < 0)
        return -1;
    if (w->course_changes && mp_store_booking_course(db, row.id, row.updated_at, row.course_id, row.course_title, err) < 0)
        return -1;
    w->row.id = row.id;
    return 0;
}

static int batches_create(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    int64_t now_ms = mp_now_ms();
    struct wanted w = {.creating = true,
                       .row = {.public_id = mp_unit_public_id(ctx, now_ms),
                               .owner_sub = req->user.sub,
                               .batch_type = "group",
                               .timezone = mp_request_conf(req)->timezone,
                               .created_at = now_ms,
                               .updated_at = now_ms}};

    if (decode(ctx, req, res, &w, err) < 0)
        return -1;
    if (mp_tx_run(ctx->db, store, &w, err) < 0) {
        if (err->code != MP_E_CONFLICT || ctx->unit_key == NULL)
            return -1;
        /* As for courses: it was stored by a try that died. */
        mp_error_reset(err);
        if (mp_batch_find(ctx, req, w.row.public_id, true, &w.row, err) < 0)
            return -1;
    }
    return reply(ctx, req, res, 201, "Batch created", &w.row, err);
}

/* A page, its members read together. */
static int put_batches(struct mp_ctx *ctx, const struct mp_request *req, struct mp_response *res, const struct mp_batch_row *rows, size_t count,
                       struct mp_error *err)
{
    struct json_object *list = json_object_new_array();
    int64_t *ids = mp_arena_array(req->arena, count + 1, sizeof(*ids));
    size_t *counts = mp_arena_array(req->arena, count + 1, sizeof(*counts));
    const char ***subs = mp_arena_array(req->arena, count + 1, sizeof(*subs));

    mp_json_put(mp_response_data(res), "batches", list);
    for (size_t i = 0; i < count; i++)
        ids[i] = rows[i].id;
    if (mp_store_batch_members_of(ctx->db, req->arena, ids, count, subs, counts, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        json_object_array_add(list, batch_json(req, &rows[i], (const char *const *)subs[i], counts[i]));
    return 0;
}

static int batches_list(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    const char *viewer = req->user.role == MP_ROLE_ADMIN ? NULL : req->user.sub;
    struct mp_batch_row *rows;
    struct mp_page page;
    bool deleted;
    size_t count;

    if (mp_course_query_read(req, &deleted, &page, err) < 0 ||
        mp_store_batch_list(ctx->db, req->arena, viewer, 0, deleted, page.first ? INT64_MAX : page.after_a, page.size + 1, &rows, &count, err) < 0)
        return -1;
    if (put_batches(ctx, req, res, rows, count < page.size ? count : page.size, err) < 0)
        return -1;
    mp_page_write(req, mp_response_data(res), count > page.size, count > page.size ? rows[page.size - 1].id : 0, 0);
    res->message = "Batches";
    return 0;
}

static int batches_read(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    struct mp_batch_row row;

    if (mp_batch_find(ctx, req, req->params[0], false, &row, err) < 0)
        return -1;
    return reply(ctx, req, res, 200, "Batch", &row, err);
}

static int batches_change(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    struct wanted w = {0};
    int64_t course_id;
    const char *host;

    if (mp_batch_find(ctx, req, req->params[0], true, &w.row, err) < 0)
        return -1;
    host = host_of(&w.row);
    course_id = w.row.course_id;
    if (decode(ctx, req, res, &w, err) < 0)
        return -1;
    w.host_changes = strcmp(host, host_of(&w.row)) != 0;
    w.course_changes = course_id != w.row.course_id;
    w.row.updated_at = mp_now_ms();
    if (mp_tx_run(ctx->db, store, &w, err) < 0)
        return -1;
    return reply(ctx, req, res, 200, "Batch changed", &w.row, err);
}

static int batches_delete(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    struct wanted w = {.arena = req->arena};

    if (mp_batch_find(ctx, req, req->params[0], true, &w.row, err) < 0)
        return -1;
    w.row.deleted = true;
    w.row.updated_at = mp_now_ms();
    if (mp_tx_run(ctx->db, store, &w, err) < 0)
        return -1;
    res->message = "Batch deleted";
    return 0;
}

#define HOSTS (MP_ROLE_ADMIN | MP_STAFF)

static const struct mp_route rows[] = {
    {"POST", "batches", HOSTS, 0, batches_create},         {"GET", "batches", MP_EVERYONE, 0, batches_list},
    {"GET", "batches/{id}", MP_EVERYONE, 0, batches_read}, {"PATCH", "batches/{id}", HOSTS, MP_ROUTE_SLOW, batches_change},
    {"DELETE", "batches/{id}", HOSTS, 0, batches_delete},
};
const struct mp_route_table mp_batch_routes = {rows, MP_COUNT(rows)};
