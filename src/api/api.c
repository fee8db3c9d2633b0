#include <string.h>

#include "api_int.h"
#include "meetpool/clock.h"
#include "meetpool/log.h"

#define REQUEST_ID_MOST 128

const struct mp_setting mp_api_settings[] = {
    MP_SETTING("MEETPOOL_JWT_SECRET", MP_SET_SECRET, NULL, 32, 4096, mp_api_conf, jwt_secret),
    MP_SETTING("MEETPOOL_JWT_PUBLIC_KEY", MP_SET_TEXT, NULL, 1, 4096, mp_api_conf, jwt_public_key),
    MP_SETTING("MEETPOOL_JWT_ISSUER", MP_SET_TEXT, NULL, 1, 1000, mp_api_conf, jwt_issuer),
    MP_SETTING("MEETPOOL_JWT_AUDIENCE", MP_SET_TEXT, NULL, 1, 1000, mp_api_conf, jwt_audience),
    MP_SETTING("MEETPOOL_MAX_BODY", MP_SET_BYTES, "1MiB", 1024, 64 * 1024 * 1024, mp_api_conf, max_body),
    MP_SETTING("MEETPOOL_IDEMPOTENCY_TTL", MP_SET_SECONDS, "86400", 1, 31536000, mp_api_conf, idempotency_ttl_s),
    MP_SETTING("MEETPOOL_CORS_ORIGINS", MP_SET_TEXT, NULL, 1, 8192, mp_api_conf, cors_origins),
    MP_SETTING("MEETPOOL_PUBLIC_URL", MP_SET_URL, "https://localhost:8443", 1, 1000, mp_api_conf, public_url),
    MP_SETTING("MEETPOOL_TIMEZONE", MP_SET_ZONE, "UTC", 1, 100, mp_api_conf, timezone),
    MP_SETTING("MEETPOOL_OPENAPI_FILE", MP_SET_TEXT, NULL, 1, 4096, mp_api_conf, openapi_file),
};
const size_t mp_api_settings_rows = MP_COUNT(mp_api_settings);

int mp_api_new(struct mp_arena *arena, const struct mp_api_conf *conf, struct mp_api **out, struct mp_error *err)
{
    struct mp_api *api = MP_NEW(arena, struct mp_api);

    api->conf = *conf;
    api->origin = mp_origin_of(arena, conf->public_url);
    if (api->origin == NULL)
        return mp_fail(err, MP_E_CONFIG, "MEETPOOL_PUBLIC_URL must be a http or https URL.");
    if (mp_jwt_key_load(arena, conf, &api->jwt, err) < 0 || mp_cors_read(arena, api, err) < 0 || mp_openapi_load(arena, conf, &api->openapi, err) < 0)
        return -1;
    api->router = mp_router_new(arena, mp_api_tables, mp_api_tables_count);
    api->tokens = mp_token_cache_new(arena);
    *out = api;
    return 0;
}

/* Header names in any case, '_' for '-': FastCGI's HTTP_X_REQUEST_ID is X-Request-Id. */
static bool header_is(struct mp_slice name, const char *wanted)
{
    if (name.len != strlen(wanted))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char a = name.p[i] == '_' ? '-' : name.p[i], b = wanted[i] == '_' ? '-' : wanted[i];
        a = a >= 'A' && a <= 'Z' ? (char)(a - 'A' + 'a') : a;
        b = b >= 'A' && b <= 'Z' ? (char)(b - 'A' + 'a') : b;
        if (a != b)
            return false;
    }
    return true;
}

const char *mp_head_get(const struct mp_head *head, const char *name)
{
    for (size_t i = 0; i < head->headers_count; i++)
        if (header_is(head->headers[i].name, name))
            return head->headers[i].value;
    return NULL;
}

const char *mp_request_header(const struct mp_request *req, const char *name)
{
    return mp_head_get(req->exchange->head, name);
}

const struct mp_api_conf *mp_request_conf(const struct mp_request *req)
{
    return &req->api->conf;
}

static const char *request_id(struct mp_arena *arena, const struct mp_head *head)
{
    static const char taken[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:+/=@-";
    const char *given = mp_head_get(head, "X-Request-Id");

    if (given != NULL && given[0] != '\0' && strlen(given) <= REQUEST_ID_MOST && strspn(given, taken) == strlen(given))
        return mp_arena_strdup(arena, given);
    return mp_random_hex(arena, 16);
}

/* Two of these could mean one thing to nginx and another to us. */
static int refuse_repeated(const struct mp_head *head, struct mp_error *err)
{
    static const char *const single[] = {"Authorization", "Cookie", "Origin", "Idempotency-Key", "Content-Type", "Content-Length"};

    for (size_t i = 0; i < MP_COUNT(single); i++) {
        size_t seen = 0;
        for (size_t j = 0; j < head->headers_count; j++)
            seen += header_is(head->headers[j].name, single[i]);
        if (seen > 1)
            return mp_fail(err, MP_E_BAD_REQUEST, "The header %s is given more than once.", single[i]);
    }
    return 0;
}

/* The handler and its envelope. The answer stands afterwards in any case; `err` says what became of it. */
static int run_handler(struct mp_exchange *ex, struct mp_error *err)
{
    if (ex->route->handler(ex->ctx, &ex->req, &ex->res, err) == 0) {
        mp_error_reset(err);
        mp_audit_deed(ex, err);
        mp_envelope_success(ex);
        return 0;
    }
    if (!mp_error_set(err))
        mp_fail_log(err, MP_E_INTERNAL, "the handler failed and did not say why");
    mp_audit_deed(ex, err);
    mp_envelope_failure(ex->req.arena, ex->answer, ex->req.request_id, err);
    return 0;
}

static void copy_match(struct mp_exchange *ex, const struct mp_route_match *match)
{
    ex->route = match->route;
    ex->req.path = match->path;
    memcpy(ex->req.params, match->params, sizeof(match->params));
}

static int read_query(struct mp_exchange *ex, struct mp_error *err)
{
    if (mp_query_parse(&ex->req, ex->head->query, err) == 0)
        return 0;
    if (!(ex->route->flags & MP_ROUTE_PAGE))
        return -1;
    mp_error_reset(err);
    ex->req.query_count = 0;
    return 0;
}

/* 0: the answer stands, -1: it is to be a failure. */
static int answer_request(struct mp_exchange *ex, struct mp_error *err)
{
    struct mp_route_match match;
    int rc = mp_router_find(ex->api->router, ex->req.arena, ex->head->method, ex->head->uri, &match, err);
    bool options = rc == 0 && match.route == NULL;

    mp_cors_headers(ex, options ? match.allow : NULL);
    if (rc < 0)
        return -1;
    if (options) {
        ex->answer->status = 204;
        mp_answer_header(ex->answer, ex->req.arena, "Allow", match.allow);
        return 0;
    }
    copy_match(ex, &match);
    if (refuse_repeated(ex->head, err) < 0 || read_query(ex, err) < 0 || mp_auth(ex, mp_now_ms() / 1000, err) < 0)
        return -1;
    ex->ctx->log->user = ex->req.user.sub;
    if (mp_body_read(ex, err) < 0)
        return -1;
    return mp_idempotent(ex, run_handler, err);
}

static enum mp_log_level level_of(unsigned status)
{
    if (status >= 500)
        return MP_ERROR;
    return status == 401 || status == 403 ? MP_WARNING : MP_INFO;
}

/* Never the query or a body: both may hold what is secret. */
static void log_request(const struct mp_exchange *ex, const struct mp_error *err, int64_t started_ms)
{
    const struct mp_answer *answer = ex->answer;
    const char *route = ex->route != NULL ? ex->route->path : NULL;
    int64_t took_ms = mp_monotonic_ms() - started_ms;

    if (!mp_error_set(err)) {
        mp_log(ex->ctx->log, level_of(answer->status), "http.request", MP_STR("method", ex->req.method), MP_STR("route", route),
               MP_INT("status", answer->status), MP_INT("duration_ms", took_ms), MP_INT("bytes", answer->body.len));
        return;
    }
    mp_log(ex->ctx->log, level_of(answer->status), "http.request", MP_STR("method", ex->req.method), MP_STR("route", route),
           MP_INT("status", answer->status), MP_INT("duration_ms", took_ms), MP_INT("bytes", answer->body.len),
           MP_STR("code", mp_error_name(err->code)), MP_STR("detail", err->detail != NULL ? err->detail : err->message),
           MP_STR("remote_addr", ex->req.remote_addr));
}

static void count_request(const struct mp_exchange *ex, int64_t started_ms)
{
    struct mp_metrics *metrics = ex->ctx->log->metrics;
    const char *status = mp_arena_printf(ex->ctx->arena, "%u", ex->answer->status);

    mp_metric_add(metrics, MP_METRIC_HTTP_REQUESTS, ex->route != NULL ? ex->route->path : "none", status, 1);
    mp_metric_time(metrics, MP_METRIC_HTTP_TIME, ex->ctx->log->role, mp_monotonic_ms() - started_ms);
}

void mp_api_answer(struct mp_api *api, struct mp_ctx *ctx, const struct mp_head *head, const struct mp_body_source *body, struct mp_answer *answer)
{
    struct mp_exchange ex = {.api = api, .ctx = ctx, .head = head, .source = body, .answer = answer};
    int64_t started_ms = mp_monotonic_ms();
    struct mp_error err;

    *answer = (struct mp_answer){.head_only = strcmp(head->method, "HEAD") == 0};
    mp_error_init(&err, ctx->arena);
    ex.req = (struct mp_request){.arena = ctx->arena, .method = head->method, .remote_addr = head->remote_addr, .api = api, .exchange = &ex};
    ex.res.arena = ctx->arena;
    ex.req.request_id = request_id(ctx->arena, head);
    ctx->log->request_id = ex.req.request_id;
    if (answer_request(&ex, &err) < 0)
        mp_envelope_failure(ctx->arena, answer, ex.req.request_id, &err);
    mp_envelope_common(ctx->arena, answer, ex.req.request_id);
    log_request(&ex, &err, started_ms);
    count_request(&ex, started_ms);
    ctx->log->request_id = NULL;
    ctx->log->user = NULL;
}

void mp_api_answer_refusal(struct mp_ctx *ctx, struct mp_answer *answer)
{
    const char *id = mp_random_hex(ctx->arena, 16);
    struct mp_error err;

    *answer = (struct mp_answer){0};
    mp_error_init(&err, ctx->arena);
    mp_fail_log(&err, MP_E_UNAVAILABLE, "refused unread");
    mp_envelope_failure(ctx->arena, answer, id, &err);
    mp_envelope_common(ctx->arena, answer, id);
    ctx->log->request_id = id;
    mp_metric_add(ctx->log->metrics, MP_METRIC_HTTP_REFUSED, ctx->log->role, NULL, 1);
    mp_log(ctx->log, MP_WARNING, "http.refused", MP_INT("status", answer->status));
    ctx->log->request_id = NULL;
}
