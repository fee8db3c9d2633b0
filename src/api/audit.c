#include "api_int.h"
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

static int audit_log(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    static const char *const taken[] = {"page_size", "next_page_token", "subject", NULL};
    struct mp_audit_row *found;
    struct json_object *list;
    struct mp_page page;
    size_t count, shown;

    mp_query_refuse_unknown(req, taken, err);
    if (mp_page_read(req, &page, err) < 0 || mp_error_set(err))
        return -1;
    if (mp_store_audit_list(ctx->db, ctx->arena, mp_request_query(req, "subject"), page.first ? INT64_MAX : page.after_a, page.size + 1, &found,
                            &count, err) < 0)
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

static const struct mp_route rows[] = {
    {"GET", "admin/audit-log", MP_ROLE_ADMIN, 0, audit_log},
};
const struct mp_route_table mp_audit_routes = {rows, MP_COUNT(rows)};
