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
