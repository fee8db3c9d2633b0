#include <string.h>

#include "api_int.h"
#include "meetpool/clock.h"
#include "meetpool/json.h"
#include "meetpool/store_webhook.h"
#include "meetpool/webhook.h"
#include "summary_int.h"

/* ---- What Zoom posts ---- */

static int receive(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    const struct mp_webhook_delivery delivery = {
        .app = req->params[0] != NULL ? req->params[0] : "",
        .body = req->body,
        .signature = mp_request_header(req, "X-Zm-Signature"),
        .timestamp = mp_request_header(req, "X-Zm-Request-Timestamp"),
    };
    const char *challenge;

    if (mp_webhook_receive(ctx, &delivery, &challenge, err) < 0) {
        if (err->code == MP_E_UNAUTHORIZED)
            mp_answer_header(req->exchange->answer, req->arena, "WWW-Authenticate", "x-zm-signature realm=\"meetpool\"");
        return -1;
    }
    if (challenge == NULL) {
        res->status = 204;
        return 0;
    }
    res->raw = challenge;
    res->raw_len = strlen(challenge);
    res->raw_type = "application/json; charset=utf-8";
    return 0;
}

/* ---- What operators see ---- */

static struct json_object *event_json(struct mp_arena *arena, const struct mp_webhook_row *row)
{
    struct json_object *out = json_object_new_object();

    mp_json_put_text(out, "id", mp_arena_printf(arena, "%lld", (long long)row->id));
    mp_json_put_text(out, "app", mp_webhook_app_label(row->app));
    mp_json_put_text(out, "event", row->event);
    mp_json_put_time(out, "event_at", row->event_at);
    mp_json_put_text(out, "subject", row->subject);
    mp_json_put_text(out, "uuid", row->instance);
    mp_json_put_text(out, "state", mp_webhook_state_name(row->state));
    mp_json_put_text(out, "error", row->error);
    mp_json_put_int(out, "copies", row->copies);
    mp_json_put_int(out, "attempts", row->attempts);
    mp_json_put_time(out, "received_at", row->received_at);
    mp_json_put_time(out, "applied_at", row->applied_at);
    return out;
}

static int64_t or_never(int64_t at)
{
    return at > 0 ? at : -1;
}

static struct json_object *app_json(struct mp_arena *arena, const struct mp_webhook_app_row *row, int64_t now_ms)
{
    struct json_object *out = json_object_new_object();
    int64_t age_ms = now_ms - row->last_event_at;

    mp_json_put_text(out, "app", mp_webhook_app_label(row->app));
    mp_json_put_text(out, "path", row->app[0] == '\0' ? "/api/zoom/webhook" : mp_arena_printf(arena, "/api/zoom/webhook/%s", row->app));
    mp_json_put_text(out, "last_event", row->last_event);
    mp_json_put_time(out, "last_event_at", or_never(row->last_event_at));
    if (row->last_event_at > 0)
        mp_json_put_int(out, "age_seconds", age_ms > 0 ? age_ms / 1000 : 0);
    else
        mp_json_put_null(out, "age_seconds");
    mp_json_put_time(out, "last_challenge_at", or_never(row->last_challenge_at));
    mp_json_put_int(out, "refused", row->refused);
    mp_json_put_time(out, "last_refused_at", or_never(row->last_refused_at));
    mp_json_put_bool(out, "silent", row->alarmed_at > row->last_event_at);
    return out;
}

int mp_webhook_put_apps(struct mp_ctx *ctx, struct json_object *data, struct mp_error *err)
{
    struct json_object *list = json_object_new_array();
    int64_t now_ms;

    mp_json_put(data, "apps", list);
    if (mp_db_now(ctx->db, &now_ms, err) < 0)
        return -1;
    for (size_t i = 0; i < ctx->webhook_conf->count; i++) {
        struct mp_webhook_app_row row;

        if (mp_store_webhook_app(ctx->db, ctx->arena, ctx->webhook_conf->apps[i].name, &row, err) < 0)
            return -1;
        json_object_array_add(list, app_json(ctx->arena, &row, now_ms));
    }
    return 0;
}

/* Names as the columns hold them: the database compares them with nothing that is not ASCII. */
static const char *read_name(const struct mp_request *req, const char *name, struct mp_error *err)
{
    const char *value = mp_request_query(req, name);

    if (value == NULL)
        return NULL;
    if (value[0] == '\0' || strlen(value) > 64) {
        mp_error_field(err, name, "must be 1 to 64 characters");
        return NULL;
    }
    for (const char *c = value; *c != '\0'; c++) {
        if (*c <= ' ' || *c > '~') {
            mp_error_field(err, name, "must be printable ASCII without blanks");
            return NULL;
        }
    }
    return value;
}

static int read_query(const struct mp_request *req, struct mp_webhook_query *query, struct mp_error *err)
{
    static const char *const taken[] = {"page_size", "next_page_token", "app", "event", "state", NULL};
    static const char *const states[] = {"stored", "applied", "ignored", "failed", NULL};
    size_t state;

    mp_query_refuse_unknown(req, taken, err);
    *query = (struct mp_webhook_query){.app = read_name(req, "app", err), .event = read_name(req, "event", err), .state = -1};
    if (query->app != NULL && strcmp(query->app, mp_webhook_app_label("")) == 0)
        query->app = "";
    if (mp_query_enum(req, "state", states, &state, err) > 0)
        query->state = (int)state;
    return mp_error_set(err) ? -1 : 0;
}

static int webhook_events(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    struct mp_webhook_query query;
    struct mp_webhook_row *found;
    struct json_object *data, *list;
    struct mp_page page;
    size_t count, shown;

    if (read_query(req, &query, err) < 0 || mp_page_read(req, &page, err) < 0 || mp_error_set(err))
        return -1;
    query.before_id = page.first ? INT64_MAX : page.after_a;
    query.limit = page.size + 1;
    if (mp_store_webhook_list(ctx->db, ctx->arena, &query, &found, &count, err) < 0)
        return -1;
    data = mp_response_data(res);
    if (mp_webhook_put_apps(ctx, data, err) < 0)
        return -1;
    shown = count > page.size ? page.size : count;
    list = json_object_new_array();
    for (size_t i = 0; i < shown; i++)
        json_object_array_add(list, event_json(req->arena, &found[i]));
    mp_json_put(data, "events", list);
    mp_page_write(req, data, count > shown, shown > 0 ? found[shown - 1].id : 0, 0);
    res->message = "Webhook events";
    return 0;
}

static const struct mp_route rows[] = {
    {"POST", "zoom/webhook", 0, MP_ROUTE_PUBLIC | MP_ROUTE_RAW, receive},
    {"POST", "zoom/webhook/{app}", 0, MP_ROUTE_PUBLIC | MP_ROUTE_RAW, receive},
    {"GET", "admin/webhook-events", MP_ROLE_ADMIN, 0, webhook_events},
};
const struct mp_route_table mp_webhook_routes = {rows, MP_COUNT(rows)};
