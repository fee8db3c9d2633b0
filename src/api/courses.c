#include <string.h>

#include "api_int.h"
#include "course_int.h"
#include "meetpool/clock.h"

#define TITLE_MAX       200
#define DESCRIPTION_MAX 2000

static struct json_object *course_json(const struct mp_course_row *row)
{
    struct json_object *out = json_object_new_object();

    mp_json_put_text(out, "id", row->public_id);
    mp_json_put_text(out, "title", row->title);
    mp_json_put_text(out, "description", row->description != NULL ? row->description : "");
    mp_json_put_text(out, "timezone", row->timezone);
    mp_json_put_text(out, "owner_id", row->owner_sub);
    mp_json_put_time(out, "created_at", row->created_at);
    mp_json_put_time(out, "updated_at", row->updated_at);
    return out;
}

static int reply(struct mp_response *res, unsigned status, const char *message, const struct mp_course_row *row)
{
    res->status = status;
    res->message = message;
    mp_json_put(mp_response_data(res), "course", course_json(row));
    return 0;
}

static int decode(const struct mp_request *req, struct mp_course_row *row, bool creating, struct mp_error *err)
{
    const struct mp_json_reader r = {req->arena, req->json, NULL, err};

    if (!creating || mp_json_require(&r, "title"))
        (void)mp_json_get_name(&r, "title", TITLE_MAX, &row->title);
    (void)mp_json_get_text(&r, "description", 0, DESCRIPTION_MAX, true, &row->description);
    (void)mp_json_get_zone(&r, "timezone", &row->timezone);
    return mp_error_set(err) ? -1 : 0;
}

int mp_course_find(struct mp_ctx *ctx, const struct mp_request *req, const char *public_id, bool to_change, struct mp_course_row *row,
                   struct mp_error *err)
{
    struct mp_batch_row *batches;
    size_t count = 0;
    int rc = mp_store_course_by_public(ctx->db, req->arena, public_id, row, err);

    if (rc < 0)
        return -1;
    if (rc == 0 || row->deleted)
        return mp_fail(err, MP_E_NOT_FOUND, "There is no such course.");
    if (req->user.role == MP_ROLE_ADMIN || strcmp(row->owner_sub, req->user.sub) == 0)
        return 0;
    /* Who teaches or attends one of its batches reads it. */
    if (!to_change && mp_store_batch_list(ctx->db, req->arena, req->user.sub, row->id, false, INT64_MAX, 1, &batches, &count, err) < 0)
        return -1;
    return count > 0 ? 0 : mp_fail(err, MP_E_NOT_FOUND, "There is no such course.");
}

const char *mp_unit_public_id(const struct mp_ctx *ctx, int64_t now_ms)
{
    return ctx->unit_key != NULL ? mp_arena_strndup(ctx->arena, (struct mp_slice){ctx->unit_key, 24}) : mp_store_public_id(ctx->arena, now_ms);
}

static int courses_create(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    int64_t now_ms = mp_now_ms();
    struct mp_course_row row = {.public_id = mp_unit_public_id(ctx, now_ms),
                                .owner_sub = req->user.sub,
                                .timezone = mp_request_conf(req)->timezone,
                                .created_at = now_ms,
                                .updated_at = now_ms};

    if (decode(req, &row, true, err) < 0)
        return -1;
    if (mp_store_course_insert(ctx->db, &row, err) < 0) {
        if (err->code != MP_E_CONFLICT || ctx->unit_key == NULL)
            return -1;
        /* The first try of this unit of work has stored it and died before it could say so. */
        mp_error_reset(err);
        if (mp_course_find(ctx, req, row.public_id, true, &row, err) < 0)
            return -1;
    }
    return reply(res, 201, "Course created", &row);
}

static int courses_list(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    const char *viewer = req->user.role == MP_ROLE_ADMIN ? NULL : req->user.sub;
    struct mp_course_row *rows;
    struct json_object *list;
    struct mp_page page;
    bool deleted;
    size_t count;

    if (mp_course_query_read(req, &deleted, &page, err) < 0 ||
        mp_store_course_list(ctx->db, req->arena, viewer, deleted, page.first ? INT64_MAX : page.after_a, page.size + 1, &rows, &count, err) < 0)
        return -1;
    list = json_object_new_array();
    for (size_t i = 0; i < count && i < page.size; i++)
        json_object_array_add(list, course_json(&rows[i]));
    mp_json_put(mp_response_data(res), "courses", list);
    mp_page_write(req, mp_response_data(res), count > page.size, count > page.size ? rows[page.size - 1].id : 0, 0);
    res->message = "Courses";
    return 0;
}

static int courses_read(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    struct mp_course_row row;

    if (mp_course_find(ctx, req, req->params[0], false, &row, err) < 0)
        return -1;
    return reply(res, 200, "Course", &row);
}

static int write_course(struct mp_db *db, struct mp_course_row *row, int64_t now_ms, struct mp_error *err)
{
    int rc = mp_store_course_write(db, row, now_ms, err);

    if (rc == 0)
        return mp_fail(err, MP_E_CONFLICT, "The course was changed by somebody else at the same moment; read it again.");
    return rc < 0 ? -1 : 0;
}

static int courses_change(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    struct mp_course_row row;

    if (mp_course_find(ctx, req, req->params[0], true, &row, err) < 0 || decode(req, &row, false, err) < 0 ||
        write_course(ctx->db, &row, mp_now_ms(), err) < 0)
        return -1;
    return reply(res, 200, "Course changed", &row);
}

struct removing {
    struct mp_arena *arena;
    struct mp_course_row row;
    int64_t now_ms;
};

/* The transaction: with the course written nobody makes a session of it at the same moment. May run twice. */
static int remove_it(struct mp_db *db, void *arg, struct mp_error *err)
{
    const struct removing *removing = arg;
    struct mp_course_row row = removing->row;
    const struct mp_booking_query query = {.kind = MP_KIND_SESSION,
                                           .course_id = row.id,
                                           .status = MP_BOOKING_SCHEDULED,
                                           .from = removing->now_ms,
                                           .until = INT64_MAX,
                                           .after_start = INT64_MAX,
                                           .after_id = INT64_MAX,
                                           .limit = 1};
    struct mp_booking_row *sessions;
    size_t count;

    if (write_course(db, &row, removing->now_ms, err) < 0 || mp_store_booking_list(db, removing->arena, &query, &sessions, &count, err) < 0)
        return -1;
    return count == 0 ? 0 : mp_fail(err, MP_E_CONFLICT, "The course has sessions to come; remove them first.");
}

static int courses_delete(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    struct removing removing = {.arena = req->arena, .now_ms = mp_now_ms()};

    if (mp_course_find(ctx, req, req->params[0], true, &removing.row, err) < 0)
        return -1;
    removing.row.deleted = true;
    if (mp_tx_run(ctx->db, remove_it, &removing, err) < 0)
        return -1;
    res->message = "Course deleted";
    return 0;
}

int mp_course_query_read(const struct mp_request *req, bool *deleted, struct mp_page *page, struct mp_error *err)
{
    static const char *const names[] = {"page_size", "next_page_token", "status", NULL};
    static const char *const statuses[] = {"active", "deleted", NULL};
    size_t status = 0;

    mp_query_refuse_unknown(req, names, err);
    (void)mp_query_enum(req, "status", statuses, &status, err);
    *deleted = status == 1;
    return mp_page_read(req, page, err) < 0 || mp_error_set(err) ? -1 : 0;
}

#define HOSTS (MP_ROLE_ADMIN | MP_STAFF)

static const struct mp_route rows[] = {
    {"POST", "courses", HOSTS, 0, courses_create},         {"GET", "courses", MP_EVERYONE, 0, courses_list},
    {"GET", "courses/{id}", MP_EVERYONE, 0, courses_read}, {"PATCH", "courses/{id}", HOSTS, 0, courses_change},
    {"DELETE", "courses/{id}", HOSTS, 0, courses_delete},
};
const struct mp_route_table mp_course_routes = {rows, MP_COUNT(rows)};
