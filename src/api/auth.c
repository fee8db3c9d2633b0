#include <string.h>

#include "api_int.h"
#include "meetpool/clock.h"

struct credentials {
    struct mp_slice bearer, cookie; /* p NULL: none */
};

/* "Authorization: Bearer <token>"; another scheme is no credential that we know. */
static int find_bearer(const char *header, struct mp_slice *out, struct mp_error *err)
{
    struct mp_slice rest = mp_slice_of(header), scheme;

    if (header == NULL)
        return 0;
    if (!mp_slice_split(&rest, ' ', &scheme) || !mp_slice_eq_nocase(scheme, "Bearer"))
        return mp_fail(err, MP_E_UNAUTHORIZED, "Send the token as \"Authorization: Bearer <token>\".");
    *out = mp_slice_trim(rest);
    if (out->len == 0)
        return mp_fail(err, MP_E_UNAUTHORIZED, "Send the token as \"Authorization: Bearer <token>\".");
    return 0;
}

static int find_cookie(const char *header, struct mp_slice *out, struct mp_error *err)
{
    struct mp_slice rest = mp_slice_of(header), pair, name;

    while (mp_slice_split(&rest, ';', &pair)) {
        struct mp_slice value = mp_slice_trim(pair);
        if (!mp_slice_split(&value, '=', &name) || !mp_slice_eq_text(name, MP_SESSION_COOKIE) || value.len == 0)
            continue;
        if (out->p != NULL)
            return mp_fail(err, MP_E_BAD_REQUEST, "The session cookie is given more than once.");
        *out = value;
    }
    return 0;
}

static int find_credentials(const struct mp_exchange *ex, struct credentials *out, struct mp_error *err)
{
    *out = (struct credentials){0};
    /* RFC 6750 section 2: one way at a time; a token in the address ends in logs and histories. */
    if (mp_request_query(&ex->req, "access_token") != NULL)
        return mp_fail(err, MP_E_BAD_REQUEST, "A token is taken in the Authorization header only, never in the address.");
    if (find_bearer(mp_head_get(ex->head, "Authorization"), &out->bearer, err) < 0)
        return -1;
    if (ex->route->flags & MP_ROUTE_BEARER)
        return 0;
    if (find_cookie(mp_head_get(ex->head, "Cookie"), &out->cookie, err) < 0)
        return -1;
    if (out->bearer.p != NULL && out->cookie.p != NULL)
        return mp_fail(err, MP_E_BAD_REQUEST, "Send either the bearer token or the session cookie, not both.");
    return 0;
}

static int check_token(struct mp_exchange *ex, enum mp_auth_kind kind, struct mp_slice token, int64_t now_s, struct mp_identity *out,
                       struct mp_error *err)
{
    struct mp_arena *arena = ex->req.arena;
    int rc;

    if (mp_token_cache_get(ex->api->tokens, arena, kind, token, now_s, out))
        return 0;
    if (kind == MP_AUTH_BEARER)
        rc = mp_jwt_check(arena, &ex->api->jwt, token, now_s, out, err);
    else
        rc = mp_session_open(arena, ex->ctx->keyring, token, now_s, out, err);
    if (rc == 0)
        mp_token_cache_put(ex->api->tokens, arena, kind, token, out);
    return rc;
}

static int identify(struct mp_exchange *ex, int64_t now_s, struct mp_error *err)
{
    struct credentials found;
    struct mp_identity identity;

    if (find_credentials(ex, &found, err) < 0)
        return -1;
    ex->auth = found.bearer.p != NULL ? MP_AUTH_BEARER : found.cookie.p != NULL ? MP_AUTH_COOKIE : MP_AUTH_NONE;
    if (ex->auth == MP_AUTH_NONE)
        return mp_fail_log(err, MP_E_UNAUTHORIZED, "no token");
    if (check_token(ex, ex->auth, ex->auth == MP_AUTH_BEARER ? found.bearer : found.cookie, now_s, &identity, err) < 0 ||
        mp_session_check(ex->ctx, &identity, err) < 0)
        return -1;
    ex->req.user = identity.user;
    ex->auth_expires_at_s = identity.expires_at_s;
    ex->session_id = identity.session_id;
    return 0;
}

static bool is_safe(const char *method)
{
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

/* A browser sends the cookie whoever made the page; only our own pages may change something with it. */
static int check_origin(const struct mp_exchange *ex, struct mp_error *err)
{
    const char *origin = mp_head_get(ex->head, "Origin"), *site = mp_head_get(ex->head, "Sec-Fetch-Site");

    if (ex->auth != MP_AUTH_COOKIE || is_safe(ex->req.method))
        return 0;
    if (origin == NULL || strcmp(origin, ex->api->origin) != 0 || (site != NULL && strcmp(site, "same-origin") != 0))
        return mp_fail(err, MP_E_FORBIDDEN, "With the session cookie, changes are taken from this server's own pages only.");
    return 0;
}

static int check_role(const struct mp_exchange *ex, struct mp_error *err)
{
    if (ex->route->roles & (unsigned)ex->req.user.role)
        return 0;
    mp_answer_header(ex->answer, ex->req.arena, "WWW-Authenticate", "Bearer realm=\"meetpool\", error=\"insufficient_scope\"");
    return mp_fail_log(err, MP_E_FORBIDDEN, "role %s", mp_role_name(ex->req.user.role));
}

static void challenge(const struct mp_exchange *ex)
{
    const char *text = "Bearer realm=\"meetpool\"";

    if (mp_head_get(ex->head, "Authorization") != NULL || ex->auth != MP_AUTH_NONE)
        text = "Bearer realm=\"meetpool\", error=\"invalid_token\"";
    mp_answer_header(ex->answer, ex->req.arena, "WWW-Authenticate", text);
    if (ex->auth == MP_AUTH_COOKIE)
        mp_answer_header(ex->answer, ex->req.arena, "Set-Cookie", mp_session_set_cookie(ex->req.arena, "", 0));
}

int mp_auth(struct mp_exchange *ex, int64_t now_s, struct mp_error *err)
{
    if (ex->route->flags & MP_ROUTE_PUBLIC)
        return 0;
    if (identify(ex, now_s, err) < 0) {
        if (err->code == MP_E_UNAUTHORIZED)
            challenge(ex);
        return -1;
    }
    if (check_origin(ex, err) < 0)
        return -1;
    return check_role(ex, err);
}
