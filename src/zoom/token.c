#include "zoom_int.h"

/* What a header can carry as a bearer token (RFC 6750 section 2.1, read generously). */
static bool is_token(const char *text)
{
    if (!text || !*text)
        return false;
    for (const char *c = text; *c; c++)
        if (*c <= ' ' || *c >= 0x7f)
            return false;
    return true;
}

static bool decode_token(struct mp_arena *arena, struct json_object *answer, struct mp_zoom_token *out)
{
    const char *access = zoom_read_text(answer, "access_token");
    const char *refresh = zoom_read_text(answer, "refresh_token");

    out->expires_in_s = zoom_read_int(answer, "expires_in", 0);
    if (!is_token(access) || out->expires_in_s == 0)
        return false;
    out->access_token = mp_secret_copy(arena, mp_slice_of(access));
    if (refresh)
        out->refresh_token = mp_secret_copy(arena, mp_slice_of(refresh));
    out->scope = zoom_read_text(answer, "scope");
    out->api_url = zoom_read_text(answer, "api_url");
    return true;
}

void mp_zoom_token_s2s(struct mp_zoom *zoom, struct mp_arena *arena, const char *account_id, const char *client_id,
                       const struct mp_secret *client_secret, struct mp_zoom_token *out, struct mp_zoom_result *res)
{
    /* In the body: since 2023-02-14 Zoom refuses token values in URLs (developers.zoom.us/blog/access-token-change-faq). */
    struct zoom_call call = {
        .operation = "token.s2s",
        .method = "POST",
        .base = zoom->oauth_url,
        .path = "/token",
        .basic_user = client_id,
        .basic_password = client_secret,
        .form = mp_arena_printf(arena, "grant_type=account_credentials&account_id=%s", mp_url_encode(arena, mp_slice_of(account_id))),
        .wanted = "access_token",
    };
    struct json_object *answer = zoom_call(zoom, arena, &call, res);

    *out = (struct mp_zoom_token){0};
    if (answer && !decode_token(arena, answer, out))
        zoom_call_unreadable(res, "a token answer without a usable token");
    /* There is no user's grant here that could be dead: whatever is refused are the credentials. */
    if (res->cls == MP_ZOOM_GRANT)
        res->cls = MP_ZOOM_AUTH;
}

/* ---- The users' app ---- */

/* RFC 6749 section 5.1 only recommends expires_in; Zoom's tokens live an hour. */
#define NO_LIFE_S 3600

static const char *encoded(struct mp_arena *arena, const char *text)
{
    return mp_url_encode(arena, mp_slice_of(text));
}

static const char *encoded_secret(struct mp_arena *arena, const struct mp_secret *secret)
{
    return mp_url_encode(arena, mp_secret_expose(secret));
}

const char *mp_zoom_authorize_url(struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_zoom_app *app, const char *state,
                                  const char *challenge)
{
    /* No scope: the app's own then apply, and a list with blanks made Zoom's page fail (GitHub NangoHQ/nango#2816). */
    return mp_arena_printf(
        arena, "%s/authorize?response_type=code&client_id=%s&redirect_uri=%s&state=%s&code_challenge=%s&code_challenge_method=S256", zoom->oauth_url,
        encoded(arena, app->client_id), encoded(arena, app->redirect_uri), encoded(arena, state), encoded(arena, challenge));
}

/* One call to the token endpoint or beside it. RFC 6749 section 2.3.1: id and secret are encoded before they go into Basic. */
static struct json_object *app_call(struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_zoom_app *app, struct zoom_call *call,
                                    struct mp_zoom_result *res)
{
    struct mp_secret *password = MP_NEW(arena, struct mp_secret);

    *password = mp_secret_copy(arena, mp_slice_of(encoded_secret(arena, &app->client_secret)));
    call->method = "POST";
    call->base = zoom->oauth_url;
    call->basic_user = encoded(arena, app->client_id);
    call->basic_password = password;
    return zoom_call(zoom, arena, call, res);
}

/* Some servers write the number as text. Whatever it is, the pair is taken: the server has used up what it was got with. */
static int64_t life_s(struct json_object *answer)
{
    int64_t life = zoom_read_id(answer, "expires_in");

    return life > 0 ? life : NO_LIFE_S;
}

static void take_user_token(struct mp_arena *arena, struct json_object *answer, struct mp_zoom_token *out, struct mp_zoom_result *res)
{
    const char *type = zoom_read_text(answer, "token_type");

    *out = (struct mp_zoom_token){0};
    if (!answer)
        return;
    json_object_object_add(answer, "expires_in", json_object_new_int64(life_s(answer)));
    if ((type && !mp_slice_eq_nocase(mp_slice_of(type), "bearer")) || !decode_token(arena, answer, out))
        zoom_call_unreadable(res, "a token answer without a usable token");
}

void mp_zoom_token_code(struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_zoom_app *app, const struct mp_secret *code,
                        const struct mp_secret *verifier, unsigned timeout_ms, struct mp_zoom_token *out, struct mp_zoom_result *res)
{
    struct zoom_call call = {
        .operation = "token.code",
        .path = "/token",
        .form = mp_arena_printf(arena, "grant_type=authorization_code&code=%s&redirect_uri=%s&code_verifier=%s", encoded_secret(arena, code),
                                encoded(arena, app->redirect_uri), encoded_secret(arena, verifier)),
        .hide = code,
        .timeout_ms = timeout_ms,
        .wanted = "access_token",
    };

    take_user_token(arena, app_call(zoom, arena, app, &call, res), out, res);
}

void mp_zoom_token_refresh(struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_zoom_app *app, const struct mp_secret *refresh_token,
                           unsigned timeout_ms, struct mp_zoom_token *out, struct mp_zoom_result *res)
{
    struct zoom_call call = {
        .operation = "token.refresh",
        .path = "/token",
        .form = mp_arena_printf(arena, "grant_type=refresh_token&refresh_token=%s", encoded_secret(arena, refresh_token)),
        .hide = refresh_token,
        .timeout_ms = timeout_ms,
        .wanted = "access_token",
    };

    take_user_token(arena, app_call(zoom, arena, app, &call, res), out, res);
}

void mp_zoom_token_revoke(struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_zoom_app *app, const struct mp_secret *token,
                          unsigned timeout_ms, struct mp_zoom_result *res)
{
    struct zoom_call call = {
        .operation = "token.revoke",
        .path = "/revoke",
        .form = mp_arena_printf(arena, "token=%s", encoded_secret(arena, token)),
        .hide = token,
        .timeout_ms = timeout_ms,
    };

    (void)app_call(zoom, arena, app, &call, res);
}
