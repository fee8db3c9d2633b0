#include "connection_int.h"
#include "meetpool/clock.h"
#include "meetpool/crypto.h"

/* An access token is renewed so long before it ends, or, where it lives shortly, after three quarters of its life. */
#define SPARE_MS 120000
/* No access token is believed to live longer. */
#define LIFE_MOST_S 86400

static const char *context(struct mp_ctx *ctx, enum mp_sealed_place place, const char *sub)
{
    return mp_arena_printf(ctx->arena, "%s%s", mp_sealed_context(place), sub);
}

static const char *seal(struct mp_ctx *ctx, enum mp_sealed_place place, const char *sub, const struct mp_secret *secret)
{
    return mp_keyring_seal(ctx->keyring, ctx->arena, context(ctx, place, sub), mp_secret_expose(secret));
}

void connection_seal(struct mp_ctx *ctx, const char *sub, const struct mp_zoom_token *token, const char *old_refresh,
                     struct mp_connection_tokens *out)
{
    int64_t life_ms = (token->expires_in_s < LIFE_MOST_S ? token->expires_in_s : LIFE_MOST_S) * 1000;

    *out = (struct mp_connection_tokens){
        .access_sealed = seal(ctx, MP_SEALED_ACCESS, sub, &token->access_token),
        .refresh_sealed = old_refresh,
        .expires_in_ms = life_ms,
        .renew_in_ms = life_ms - (life_ms / 4 < SPARE_MS ? life_ms / 4 : SPARE_MS),
    };
    if (mp_secret_is_set(&token->refresh_token))
        out->refresh_sealed = seal(ctx, MP_SEALED_REFRESH, sub, &token->refresh_token);
}

int connection_open(struct mp_ctx *ctx, enum mp_sealed_place place, const char *sub, const char *sealed, struct mp_secret *out, struct mp_error *err)
{
    *out = (struct mp_secret){0};
    if (sealed == NULL)
        return 0;
    return mp_keyring_open(ctx->keyring, ctx->arena, context(ctx, place, sub), mp_slice_of(sealed), out, err);
}

unsigned connection_time_left(int64_t deadline_ms)
{
    int64_t left = deadline_ms - mp_monotonic_ms();

    return left <= 0 ? 0 : left > CONNECTION_CALL_MS ? CONNECTION_CALL_MS : (unsigned)left;
}

int connection_audit_in(struct mp_ctx *ctx, const struct mp_connection_actor *actor, const char *action, const char *subject, bool ok,
                        const char *detail, struct mp_error *err)
{
    struct mp_audit_row row = {.action = action, .subject = subject, .outcome = ok ? "ok" : "failed", .detail = detail};

    if (actor != NULL) {
        row.actor = actor->sub;
        row.remote_addr = actor->remote_addr;
        row.request_id = actor->request_id;
    }
    return mp_store_audit_add(ctx->db, ctx->arena, &row, err);
}

void connection_audit(struct mp_ctx *ctx, const struct mp_connection_actor *actor, const char *action, const char *subject, bool ok,
                      const char *detail)
{
    struct mp_error err;

    mp_error_init(&err, ctx->arena);
    if (connection_audit_in(ctx, actor, action, subject, ok, detail, &err) < 0)
        mp_log(ctx->log, MP_ERROR, "audit.not_stored", MP_STR("action", action), MP_STR("subject", subject), MP_STR("said", detail),
               MP_STR("detail", err.detail));
}
