#include <json-c/linkhash.h>
#include <string.h>

#include "api_int.h"
#include "meetpool/buf.h"
#include "meetpool/json.h"
#include "meetpool/store_audit.h"

static struct json_object *row_json(struct mp_arena *arena, const struct mp_audit_row *row)
{
    struct json_object *out = json_object_new_object();

    mp_json_put_text(out, "id", mp_arena_printf(arena, "%lld", (long long)row->id));
    mp_json_put_time(out, "at", row->at);
    mp_json_put_text(out, "actor", row->actor);
    mp_json_put_text(out, "action", row->action);
    mp_json_put_text(out, "subject", row->subject);
    mp_json_put_text(out, "outcome", row->outcome);
    mp_json_put_text(out, "detail", row->detail);
    mp_json_put_text(out, "remote_addr", row->remote_addr);
    mp_json_put_text(out, "request_id", row->request_id);
    return out;
}

static int query_read(const struct mp_request *req, struct mp_audit_query *query, struct mp_page *page, struct mp_error *err)
{
    static const char *const taken[] = {"page_size", "next_page_token", "subject", "actor", "action", "outcome", "from", "to", NULL};
    static const char *const outcomes[] = {"ok", "failed", NULL};
    size_t outcome = 0;

    *query = (struct mp_audit_query){.from = INT64_MIN, .until = INT64_MAX};
    mp_query_refuse_unknown(req, taken, err);
    if (mp_query_enum(req, "outcome", outcomes, &outcome, err) > 0)
        query->outcome = outcomes[outcome];
    (void)mp_query_time(req, "from", &query->from, err);
    (void)mp_query_time(req, "to", &query->until, err);
    if (mp_page_read(req, page, err) < 0 || mp_error_set(err))
        return -1;
    query->subject = mp_request_query(req, "subject");
    query->actor = mp_request_query(req, "actor");
    query->action = mp_request_query(req, "action");
    query->before_id = page->first ? INT64_MAX : page->after_a;
    query->limit = page->size + 1;
    return 0;
}

static int audit_log(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    struct mp_audit_query query;
    struct mp_audit_row *found;
    struct json_object *list;
    struct mp_page page;
    size_t count, shown;

    if (query_read(req, &query, &page, err) < 0 || mp_store_audit_list(ctx->db, ctx->arena, &query, &found, &count, err) < 0)
        return -1;
    shown = count > page.size ? page.size : count;
    list = json_object_new_array();
    for (size_t i = 0; i < shown; i++)
        json_object_array_add(list, row_json(req->arena, &found[i]));
    mp_json_put(mp_response_data(res), "entries", list);
    mp_page_write(req, mp_response_data(res), count > shown, shown > 0 ? found[shown - 1].id : 0, 0);
    res->message = "Audit log";
    return 0;
}

/* ---- What people do ---- */

/* The id of the thing that was made: of the one resource in the answer. */
static const char *made_id(struct mp_arena *arena, struct json_object *data)
{
    static const char *const names[] = {"id", "_id"};

    if (data == NULL)
        return NULL;
    json_object_object_foreach(data, key, value)
    {
        (void)key;
        for (size_t i = 0; i < MP_COUNT(names) && json_object_is_type(value, json_type_object); i++) {
            struct json_object *id = json_object_object_get(value, names[i]);
            if (json_object_is_type(id, json_type_string))
                return mp_arena_strdup(arena, json_object_get_string(id));
        }
    }
    return NULL;
}

/* The innermost thing that the path names, else what was made. */
static const char *subject_of(struct mp_exchange *ex)
{
    const char *subject = NULL;

    for (size_t i = 0; i < MP_COUNT(ex->req.params) && ex->req.params[i] != NULL; i++)
        subject = ex->req.params[i];
    return subject != NULL ? subject : made_id(ex->req.arena, ex->res.data);
}

/* Characters that the column holds. */
#define DETAIL_MOST 400

/* Its code; where it was not the caller's, also what was in the way, so that whoever looks why need not look in the log. */
static const char *failure_of(struct mp_arena *arena, const struct mp_error *err)
{
    struct mp_buf text;

    if (mp_error_status(err->code) < 500 && err->code != MP_E_NO_CAPACITY)
        return mp_error_name(err->code);
    mp_buf_init(&text, arena, DETAIL_MOST);
    mp_buf_addf(&text, "%s: %s", mp_error_name(err->code), mp_error_message(err));
    for (const struct mp_error_detail *d = err->details; d != NULL; d = d->next)
        mp_buf_addf(&text, "%s%s: %s", d == err->details ? " (" : "; ", d->field, d->message);
    if (err->details != NULL)
        mp_buf_add(&text, ")");
    return mp_buf_text(&text);
}

/* What was not understood has done nothing and is nobody's deed. */
static bool is_a_deed(const struct mp_exchange *ex, const struct mp_error *err)
{
    if (strcmp(ex->req.method, "GET") == 0 || strcmp(ex->req.method, "HEAD") == 0 || ex->req.user.role == MP_ROLE_NONE)
        return false;
    return err->code != MP_E_INVALID && err->code != MP_E_BAD_REQUEST && err->code != MP_E_MALFORMED;
}

void mp_audit_deed(struct mp_exchange *ex, const struct mp_error *outcome)
{
    struct mp_audit_row row = {
        .actor = ex->req.user.sub,
        .action = mp_arena_printf(ex->req.arena, "%s %s", ex->req.method, ex->route->path),
        .outcome = mp_error_set(outcome) ? "failed" : "ok",
        .detail = mp_error_set(outcome) ? failure_of(ex->req.arena, outcome) : NULL,
        .remote_addr = ex->req.remote_addr,
        .request_id = ex->req.request_id,
    };
    struct mp_error err;

    if (!is_a_deed(ex, outcome))
        return;
    row.subject = subject_of(ex);
    mp_error_init(&err, ex->req.arena);
    /* The deed is done, or was refused, already: that it cannot be told is told to the operator. */
    if (mp_store_audit_add(ex->ctx->db, ex->req.arena, &row, &err) < 0)
        mp_log(ex->ctx->log, MP_ERROR, "audit.failed", MP_STR("action", row.action), MP_STR("subject", row.subject), MP_STR("detail", err.detail));
}

static const struct mp_route rows[] = {
    {"GET", "admin/audit-log", MP_ROLE_ADMIN, 0, audit_log},
};
const struct mp_route_table mp_audit_routes = {rows, MP_COUNT(rows)};
