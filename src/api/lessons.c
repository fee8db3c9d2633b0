#include <string.h>

#include "api_int.h"
#include "course_int.h"
#include "lesson_json.h"
#include "meetpool/clock.h"
#include "meetpool/http.h"
#include "meetpool/json.h"

#define TITLE_MAX    200
#define URL_MAX      2000
#define FILENAME_MAX 200

static int none(struct mp_error *err)
{
    return mp_fail(err, MP_E_NOT_FOUND, "There is no such lesson.");
}

/* ---- Lists ---- */

static int reply_list(struct mp_ctx *ctx, const struct mp_request *req, struct mp_response *res, struct mp_lesson_query *query, struct mp_error *err)
{
    static const char *const known[] = {"page_size", "next_page_token", NULL};
    struct json_object *list;
    struct mp_lesson_row *rows;
    struct mp_page page;
    size_t count;

    mp_query_refuse_unknown(req, known, err);
    if (mp_page_read(req, &page, err) < 0 || mp_error_set(err))
        return -1;
    query->before_id = page.first ? INT64_MAX : page.after_a;
    query->limit = page.size + 1;
    if (mp_lesson_list(ctx, query, &rows, &count, err) < 0)
        return -1;
    list = json_object_new_array();
    mp_json_put(mp_response_data(res), "lessons", list);
    for (size_t i = 0; i < count && i < page.size; i++)
        json_object_array_add(list, mp_lesson_json(ctx, &rows[i]));
    mp_page_write(req, mp_response_data(res), count > page.size, count > page.size ? rows[page.size - 1].id : 0, 0);
    res->message = "Lessons";
    return 0;
}

static int batch_lessons(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    struct mp_lesson_query query = {0};
    struct mp_batch_row batch;

    if (mp_batch_find(ctx, req, req->params[0], false, &batch, err) < 0)
        return -1;
    query.batch_id = batch.id;
    return reply_list(ctx, req, res, &query, err);
}

static int session_lessons(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    struct mp_lesson_query query = {0};
    struct mp_booking *session;

    if (mp_session_find(ctx, req, MP_SESSION_READ_ANY, &session, err) < 0)
        return -1;
    query.booking_id = session->row.id;
    return reply_list(ctx, req, res, &query, err);
}

/* ---- One ---- */

/* The lesson of the path, in its session, where the caller may read or (`to_change`) remove it. A session that was cancelled keeps its lessons. */
static int find(struct mp_ctx *ctx, const struct mp_request *req, bool to_change, struct mp_lesson_row *row, struct mp_error *err)
{
    struct mp_booking *session;
    int rc;

    if (mp_session_find(ctx, req, MP_SESSION_READ_ANY, &session, err) < 0)
        return -1;
    if (to_change && mp_booking_access(req, session) != MP_MAY_CHANGE)
        return none(err);
    rc = mp_lesson_find(ctx, req->params[2], row, err);
    if (rc < 0)
        return -1;
    return rc > 0 && row->booking_id == session->row.id ? 0 : none(err);
}

static int lesson_read(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    struct mp_lesson_row row;

    if (find(ctx, req, false, &row, err) < 0)
        return -1;
    if (row.state != MP_LESSON_READY)
        return none(err);
    mp_json_put(mp_response_data(res), "lesson", mp_lesson_json(ctx, &row));
    res->message = "Lesson";
    return 0;
}

static int lesson_delete(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    struct mp_lesson_row row;

    if (find(ctx, req, true, &row, err) < 0 || mp_lesson_remove(ctx, &row, err) < 0)
        return -1;
    res->message = "Lesson deleted";
    return 0;
}

/* ---- Adding ---- */

/* A plain https address: it is shown to others and never fetched. */
static void read_url(const struct mp_json_reader *r, const char **out)
{
    struct mp_url url;

    if (!mp_json_require(r, "url") || mp_json_get_text(r, "url", 1, URL_MAX, false, out) <= 0)
        return;
    if (!mp_url_parse(r->arena, *out, &url) || strcmp(url.scheme, "https") != 0)
        mp_error_field(r->err, "url", "must be an https address without blanks and without a user");
}

static void read_file(const struct mp_json_reader *r, struct mp_lesson_spec *spec)
{
    if (mp_json_require(r, "filename") && mp_json_get_name(r, "filename", FILENAME_MAX, &spec->filename) > 0 &&
        (strpbrk(spec->filename, "/\\") != NULL || spec->filename[0] == '.'))
        mp_error_field(r->err, "filename", "must be the name of a file, without slashes and without a dot in front");
    if (mp_json_require(r, "size"))
        (void)mp_json_get_int(r, "size", 1, MP_LESSON_UPLOAD_MOST, &spec->size);
}

static void refuse(const struct mp_json_reader *r, const char *key, const char *source)
{
    if (mp_json_has(r, key))
        mp_error_field(r->err, key, "goes with another source than %s", source);
}

static int decode(const struct mp_request *req, struct mp_lesson_spec *spec, struct mp_error *err)
{
    static const char *const sources[] = {"external_link", "manual_upload", NULL};
    const struct mp_json_reader r = {req->arena, req->json, NULL, err};
    size_t source;

    if (mp_json_require(&r, "title"))
        (void)mp_json_get_name(&r, "title", TITLE_MAX, &spec->title);
    if (mp_json_require(&r, "source") && mp_json_get_enum(&r, "source", sources, &source) > 0) {
        if (source == 0) {
            read_url(&r, &spec->url);
            refuse(&r, "filename", sources[source]);
            refuse(&r, "size", sources[source]);
        } else {
            read_file(&r, spec);
            refuse(&r, "url", sources[source]);
        }
    }
    return mp_error_set(err) ? -1 : 0;
}

/* As for courses: a try of this unit of work that died may have stored it. */
static int add(struct mp_ctx *ctx, const struct mp_lesson_spec *spec, struct mp_lesson_row *row, struct mp_error *err)
{
    if (mp_lesson_add(ctx, spec, row, err) == 0)
        return 0;
    if (err->code != MP_E_CONFLICT || ctx->unit_key == NULL)
        return -1;
    mp_error_reset(err);
    if (mp_lesson_find(ctx, spec->public_id, row, err) < 0)
        return -1;
    return row->booking_id == spec->booking->id ? 0 : mp_fail(err, MP_E_CONFLICT, "The lesson was removed at the same moment.");
}

static int lesson_create(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    struct mp_lesson_spec spec = {.public_id = mp_unit_public_id(ctx, mp_now_ms()), .owner_sub = req->user.sub};
    struct mp_lesson_row row = {0};
    struct mp_booking *session;

    if (mp_session_find(ctx, req, MP_SESSION_CHANGE, &session, err) < 0 || decode(req, &spec, err) < 0)
        return -1;
    spec.booking = &session->row;
    if (add(ctx, &spec, &row, err) < 0)
        return -1;
    res->status = 201;
    mp_json_put(mp_response_data(res), "lesson", mp_lesson_json(ctx, &row));
    if (row.state == MP_LESSON_WAITING) {
        mp_json_put_text(mp_response_data(res), "upload_url", mp_lesson_upload_url(ctx, &row));
        res->message = "Lesson announced; PUT the file to upload_url";
    } else {
        res->message = "Lesson added";
    }
    return 0;
}

/* ---- recordings/{id}/download ---- */

/* Whoever may see its batch, its session, or made the meeting: 1, 0, -1. */
static int may_see(struct mp_ctx *ctx, const struct mp_request *req, const struct mp_lesson_row *row, struct mp_error *err)
{
    struct mp_batch_row batch;
    struct mp_booking_row booking_row;
    struct mp_booking *booking;
    struct mp_error none_such;
    int rc;

    if (req->user.role == MP_ROLE_ADMIN)
        return 1;
    mp_error_init(&none_such, req->arena);
    rc = row->batch_id != 0 ? mp_store_batch_by_id(ctx->db, req->arena, row->batch_id, &batch, err) : 0;
    if (rc > 0 && mp_batch_find(ctx, req, batch.public_id, false, &batch, &none_such) == 0)
        return 1;
    if (rc >= 0)
        rc = row->booking_id != 0 ? mp_store_booking_by_id(ctx->db, req->arena, row->booking_id, &booking_row, err) : 0;
    if (rc > 0)
        rc = mp_booking_find(ctx, booking_row.kind, booking_row.public_id, &booking, err);
    if (rc < 0)
        return -1;
    if (rc > 0)
        return mp_booking_access(req, booking) != MP_MAY_NOTHING;
    return row->booking_id == 0 && row->owner_sub != NULL && strcmp(row->owner_sub, req->user.sub) == 0;
}

static int recording_download(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    struct mp_lesson_row row;
    int rc = mp_lesson_find(ctx, req->params[0], &row, err);

    if (rc > 0 && row.state == MP_LESSON_READY)
        rc = may_see(ctx, req, &row, err);
    else
        rc = rc < 0 ? -1 : 0;
    if (rc <= 0)
        return rc < 0 ? -1 : mp_fail(err, MP_E_NOT_FOUND, "There is no such recording.");
    return mp_reply_redirect(res, mp_lesson_url(ctx, &row));
}

#define HOSTS (MP_ROLE_ADMIN | MP_STAFF)

static const struct mp_route rows[] = {
    {"GET", "batches/{id}/lessons", MP_EVERYONE, 0, batch_lessons},
    {"GET", "batches/{id}/schedule/{sessionId}/lessons", MP_EVERYONE, 0, session_lessons},
    {"POST", "batches/{id}/schedule/{sessionId}/lessons", HOSTS, MP_ROUTE_SLOW, lesson_create},
    {"GET", "batches/{id}/schedule/{sessionId}/lessons/{lessonId}", MP_EVERYONE, 0, lesson_read},
    {"DELETE", "batches/{id}/schedule/{sessionId}/lessons/{lessonId}", HOSTS, MP_ROUTE_SLOW, lesson_delete},
    {"GET", "courses/{id}/sessions/{sessionId}/lessons", MP_EVERYONE, 0, session_lessons},
    {"POST", "courses/{id}/sessions/{sessionId}/lessons", HOSTS, MP_ROUTE_SLOW, lesson_create},
    {"GET", "courses/{id}/sessions/{sessionId}/lessons/{lessonId}", MP_EVERYONE, 0, lesson_read},
    {"DELETE", "courses/{id}/sessions/{sessionId}/lessons/{lessonId}", HOSTS, MP_ROUTE_SLOW, lesson_delete},
    {"GET", "recordings/{id}/download", MP_EVERYONE, 0, recording_download},
};
const struct mp_route_table mp_lesson_routes = {rows, MP_COUNT(rows)};
