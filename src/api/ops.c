#include <errno.h>
#include <string.h>

#include "api_int.h"
#include "file.h"
#include "meetpool/clock.h"
#include "meetpool/db.h"
#include "meetpool/json.h"
#include "meetpool/schema.h"
#include "meetpool/store_session.h"

#define OPENAPI_DEFAULT    MP_DATA_DIR "/openapi.json"
#define OPENAPI_MOST_BYTES (4u * 1024 * 1024)

int mp_openapi_load(struct mp_arena *arena, const struct mp_api_conf *conf, struct mp_slice *out, struct mp_error *err)
{
    const char *path = conf->openapi_file != NULL ? conf->openapi_file : OPENAPI_DEFAULT;

    if (mp_file_read(arena, path, OPENAPI_MOST_BYTES, out) == 0)
        return 0;
    *out = (struct mp_slice){0};
    if (conf->openapi_file != NULL)
        return mp_fail(err, MP_E_CONFIG, "MEETPOOL_OPENAPI_FILE: the file cannot be read: %s", strerror(errno));
    return 0;
}

/* Whether this process can answer at all; nothing else is looked at. */
static int healthz(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    (void)ctx;
    (void)req;
    (void)err;
    res->message = "alive";
    return 0;
}

/* A check says what is wrong, for the operator who reads the answer; NULL: nothing. */
static const char *check_database(struct mp_ctx *ctx, struct mp_arena *arena, struct json_object *out)
{
    struct mp_error err;

    (void)out;
    mp_error_init(&err, arena);
    return mp_db_ping(ctx->db, &err) < 0 ? "does not answer" : NULL;
}

static const char *check_schema(struct mp_ctx *ctx, struct mp_arena *arena, struct json_object *out)
{
    struct mp_error err;
    unsigned version = 0;

    mp_error_init(&err, arena);
    if (mp_schema_version(ctx->db, &version, &err) < 0)
        return "cannot be read";
    mp_json_put_int(out, "version", version);
    mp_json_put_int(out, "expected", MP_SCHEMA_VERSION);
    return version < MP_SCHEMA_VERSION ? "is older than this program: run meetpoolctl migrate" : NULL;
}

static const struct {
    const char *name;
    const char *(*check)(struct mp_ctx *ctx, struct mp_arena *arena, struct json_object *out);
} checks[] = {
    {"database", check_database},
    {"schema", check_schema},
};

/* What does not keep it from working, but somebody should know. */
static void warn_of_risks(struct mp_ctx *ctx, struct mp_arena *arena, struct mp_response *res)
{
    struct mp_db_risk risks[MP_DB_RISKS_MOST];
    struct mp_error ignored;
    size_t count;

    mp_error_init(&ignored, arena);
    if (mp_db_risks(ctx->db, arena, risks, &count, &ignored) < 0)
        return;
    for (size_t i = 0; i < count; i++)
        mp_response_warn(res, "database_not_durable", "%s is %s at the database: a crash of it may undo bookings that were confirmed. Set it to %s.",
                         risks[i].variable, risks[i].value, risks[i].better);
}

static int readyz(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    struct json_object *list = json_object_new_array();

    res->data = mp_json_object(req->arena);
    mp_json_put(res->data, "checks", list);
    for (size_t i = 0; i < MP_COUNT(checks); i++) {
        struct json_object *one = json_object_new_object();
        const char *wrong = checks[i].check(ctx, req->arena, one);
        mp_json_put_text(one, "name", checks[i].name);
        mp_json_put_bool(one, "ok", wrong == NULL);
        json_object_array_add(list, one);
        if (wrong != NULL)
            mp_error_note(err, checks[i].name, "%s", wrong);
    }
    if (err->details != NULL)
        return mp_fail(err, MP_E_UNAVAILABLE, "Not ready: the %s %s.", err->details->field, err->details->message);
    warn_of_risks(ctx, req->arena, res);
    res->message = "ready";
    return 0;
}

static int openapi(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    (void)ctx;
    if (req->api->openapi.len == 0)
        return mp_fail(err, MP_E_NOT_FOUND, "This server was installed without its openapi.json.");
    res->raw = req->api->openapi.p;
    res->raw_len = req->api->openapi.len;
    res->raw_type = "application/json; charset=utf-8";
    return 0;
}

static int me(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    struct json_object *user = json_object_new_object();

    (void)ctx;
    (void)err;
    mp_json_put_text(user, "id", req->user.sub);
    mp_json_put_text(user, "role", mp_role_name(req->user.role));
    mp_json_put_text(user, "email", req->user.email);
    mp_json_put_text(user, "name", req->user.name);
    res->message = "This is you";
    res->data = mp_json_object(req->arena);
    mp_json_put(res->data, "user", user);
    return 0;
}

/* The cookie lives as long as the token it was made from. */
static int session_begin(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    const struct mp_identity identity = {.user = req->user, .expires_at_s = req->exchange->auth_expires_at_s};
    const char *sealed = mp_session_seal(req->arena, ctx->keyring, &identity);

    (void)err;
    res->status = 204;
    mp_response_header(res, "Set-Cookie", mp_session_set_cookie(req->arena, sealed, identity.expires_at_s - mp_now_ms() / 1000));
    return 0;
}

/* A bearer token is its issuer's to end: what was asked with it alone has no session. */
static int session_end(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    const struct mp_exchange *ex = req->exchange;

    if (ex->session_id != NULL && mp_store_session_end(ctx->db, ex->session_id, ex->auth_expires_at_s * 1000, err) < 0)
        return -1;
    res->status = 204;
    mp_response_header(res, "Set-Cookie", mp_session_set_cookie(req->arena, "", 0));
    return 0;
}

static const struct mp_route rows[] = {
    {"GET", "healthz", 0, MP_ROUTE_PUBLIC | MP_ROUTE_ROOT, healthz},
    {"GET", "readyz", 0, MP_ROUTE_PUBLIC | MP_ROUTE_ROOT, readyz},
    {"GET", "openapi.json", 0, MP_ROUTE_PUBLIC, openapi},
    {"GET", "me", MP_EVERYONE, 0, me},
    {"POST", "session", MP_EVERYONE, MP_ROUTE_BEARER, session_begin},
    {"DELETE", "session", MP_EVERYONE, 0, session_end},
};
const struct mp_route_table mp_ops_routes = {rows, MP_COUNT(rows)};
