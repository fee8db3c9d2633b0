#include <string.h>

#include "api_int.h"

#include "meetpool/crypto.h"
#include "meetpool/json.h"
#include "meetpool/store_session.h"

#define CONTEXT     "session-cookie"
#define COOKIE_MOST 4096
/* Of the id: none comes twice. */
#define ID_BYTES 16

char *mp_session_seal(struct mp_arena *arena, const struct mp_keyring *ring, const struct mp_identity *identity)
{
    struct json_object *claims = mp_json_object(arena);

    mp_json_put_text(claims, "sub", identity->user.sub);
    mp_json_put_text(claims, "role", mp_role_name(identity->user.role));
    mp_json_put_text(claims, "email", identity->user.email);
    mp_json_put_text(claims, "name", identity->user.name);
    mp_json_put_int(claims, "exp", identity->expires_at_s);
    mp_json_put_text(claims, "sid", mp_random_hex(arena, ID_BYTES));
    return mp_keyring_seal(ring, arena, CONTEXT, mp_slice_of(mp_json_text(arena, claims)));
}

static const char *session_id(struct mp_arena *arena, struct json_object *claims)
{
    struct mp_error ignored;
    const struct mp_json_reader r = {arena, claims, NULL, &ignored};
    const char *id;

    mp_error_init(&ignored, arena);
    return mp_json_get_text(&r, "sid", ID_BYTES * 2, ID_BYTES * 2, false, &id) == 1 ? id : NULL;
}

int mp_session_open(struct mp_arena *arena, const struct mp_keyring *ring, struct mp_slice cookie, int64_t now_s, struct mp_identity *out,
                    struct mp_error *err)
{
    struct json_object *claims;
    struct mp_secret plain;
    struct mp_error wrong;

    mp_error_init(&wrong, arena);
    if (cookie.len > COOKIE_MOST || mp_keyring_open(ring, arena, CONTEXT, cookie, &plain, &wrong) < 0 ||
        mp_json_parse(arena, mp_secret_expose(&plain), &claims, &wrong) < 0 || mp_claims_read(arena, claims, now_s, out, &wrong) < 0)
        return mp_fail_log(err, MP_E_UNAUTHORIZED, "session cookie: not ours, changed or expired");
    out->session_id = session_id(arena, claims);
    if (out->session_id == NULL)
        return mp_fail_log(err, MP_E_UNAUTHORIZED, "session cookie: without an id, from an earlier release");
    return 0;
}

int mp_session_check(struct mp_ctx *ctx, const struct mp_identity *identity, struct mp_error *err)
{
    int rc = identity->session_id == NULL ? 0 : mp_store_session_ended(ctx->db, identity->session_id, err);

    return rc > 0 ? mp_fail_log(err, MP_E_UNAUTHORIZED, "session cookie: its session was ended") : rc;
}

char *mp_session_set_cookie(struct mp_arena *arena, const char *value, int64_t max_age_s)
{
    return mp_arena_printf(arena, "%s=%s; Path=/; Max-Age=%lld; HttpOnly; Secure; SameSite=Lax", MP_SESSION_COOKIE, value, (long long)max_age_s);
}
