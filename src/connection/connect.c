#include <string.h>

#include "connection_int.h"
#include "meetpool/clock.h"
#include "meetpool/crypto.h"
#include "meetpool/fault.h"

/* Bytes of the state, of PKCE's verifier and of what the browser keeps; each 43 characters as text. RFC 7636 section 4.1 asks for 43 to 128. */
#define RANDOM_BYTES 32
#define RANDOM_CHARS 43
/* What Zoom may send as a code or an error; longer ones are made up. */
#define CODE_MOST 2048
/* Of the user, in bytes: what there is room for, also with a meeting (its host_email). */
#define ID_MOST    64
#define EMAIL_MOST 190

const char *mp_consent_end_name(enum mp_consent_end end)
{
    static const char *const names[] = {
#define CONSENT_NAME(name, text) [MP_CONSENT_##name] = (text),
        MP_CONSENTS(CONSENT_NAME)
#undef CONSENT_NAME
    };

    return names[end];
}

static const char *random_text(struct mp_arena *arena)
{
    unsigned char bytes[RANDOM_BYTES];
    const char *text;

    mp_random(bytes, sizeof(bytes));
    text = mp_base64url(arena, bytes, sizeof(bytes));
    explicit_bzero(bytes, sizeof(bytes));
    return text;
}

static bool is_random_text(const char *text)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    return text != NULL && strlen(text) == RANDOM_CHARS && strspn(text, letters) == RANDOM_CHARS;
}

const char *connection_challenge(struct mp_arena *arena, const char *verifier)
{
    unsigned char hash[32];

    mp_sha256(mp_slice_of(verifier), hash);
    return mp_base64url(arena, hash, sizeof(hash));
}

static const char *verifier_context(struct mp_arena *arena, const char *state_hash)
{
    return mp_arena_printf(arena, "%s%s", mp_sealed_context(MP_SEALED_VERIFIER), state_hash);
}

int mp_connection_begin(struct mp_ctx *ctx, const char *sub, const char *browser, struct mp_consent *out, struct mp_error *err)
{
    const struct mp_connection_conf *conf = ctx->connection_conf;
    const char *state = random_text(ctx->arena), *verifier = random_text(ctx->arena);
    const char *hash = mp_sha256_hex(ctx->arena, mp_slice_of(state));
    struct mp_consent_row row = {.sub = sub};

    if (!conf->enabled)
        return mp_fail(err, MP_E_ZOOM_DISABLED, "Zoom is disabled on this server.");
    if (!conf->configured)
        return mp_fail(err, MP_E_ZOOM_NOT_CONFIGURED, "This server has no Zoom app for its users: an administrator must set it up first.");
    *out = (struct mp_consent){0};
    if (browser != NULL) {
        /* One browser may have begun in two windows: both may come back. */
        out->browser = is_random_text(browser) ? browser : random_text(ctx->arena);
        row.browser_hash = mp_sha256_hex(ctx->arena, mp_slice_of(out->browser));
    }
    row.verifier_sealed = mp_keyring_seal(ctx->keyring, ctx->arena, verifier_context(ctx->arena, hash), mp_slice_of(verifier));
    out->url = mp_zoom_authorize_url(ctx->zoom, ctx->arena, &conf->app, state, connection_challenge(ctx->arena, verifier));
    return mp_store_consent_add(ctx->db, hash, &row, conf->state_ttl_s * 1000, err);
}

/* ---- Coming back ---- */

struct coming_back {
    struct mp_ctx *ctx;
    const struct mp_consent_answer *answer;
    struct mp_connection_actor actor; /* whom the state names, once it is known */
    const char *state_hash;
    struct mp_consent_row consent;
    struct mp_zoom_token token;
    struct mp_zoom_user user;
    int64_t most_meetings;
    const char *said; /* Zoom's or the database's words for the log; NULL: none */
};

static bool is_same_browser(const struct coming_back *back)
{
    const char *kept = back->answer->browser;

    if (back->consent.browser_hash == NULL)
        return true;
    return is_random_text(kept) && strcmp(mp_sha256_hex(back->ctx->arena, mp_slice_of(kept)), back->consent.browser_hash) == 0;
}

/* Uses the state up, wherever it was brought from: one that was seen elsewhere is good for nothing any more. */
static enum mp_consent_end take_state(struct coming_back *back, struct mp_error *err)
{
    const char *state = back->answer->state, *who = back->answer->signed_in_sub;
    int rc;

    if (state == NULL || state[0] == '\0')
        return MP_CONSENT_STATE_MISSING;
    if (!is_random_text(state))
        return MP_CONSENT_STATE_INVALID;
    back->state_hash = mp_sha256_hex(back->ctx->arena, mp_slice_of(state));
    rc = mp_store_consent_read(back->ctx->db, back->ctx->arena, back->state_hash, &back->consent, err);
    if (rc <= 0)
        return rc < 0 ? MP_CONSENT_UNAVAILABLE : MP_CONSENT_STATE_INVALID;
    back->actor.sub = back->consent.sub;
    if (back->consent.used || back->consent.expired)
        return back->consent.used ? MP_CONSENT_STATE_USED : MP_CONSENT_STATE_EXPIRED;
    rc = mp_store_consent_use(back->ctx->db, back->consent.id, err);
    if (rc <= 0)
        return rc < 0 ? MP_CONSENT_UNAVAILABLE : MP_CONSENT_STATE_USED;
    if (!is_same_browser(back))
        return MP_CONSENT_WRONG_BROWSER;
    return who != NULL && strcmp(who, back->consent.sub) != 0 ? MP_CONSENT_STATE_INVALID : MP_CONSENT_CONNECTED;
}

static enum mp_consent_end end_of_class(const struct mp_zoom_result *res)
{
    switch (res->cls) {
    case MP_ZOOM_OK:
        return MP_CONSENT_CONNECTED;
    case MP_ZOOM_AUTH:
        return MP_CONSENT_NOT_CONFIGURED;
    case MP_ZOOM_GRANT:
    case MP_ZOOM_REFUSED:
        return MP_CONSENT_EXCHANGE_FAILED;
    default:
        return MP_CONSENT_ZOOM_FAILED;
    }
}

static enum mp_consent_end exchange(struct coming_back *back, struct mp_error *err)
{
    struct mp_ctx *ctx = back->ctx;
    struct mp_secret code = mp_secret_copy(ctx->arena, mp_slice_of(back->answer->code)), verifier;
    struct mp_zoom_result res;

    if (mp_keyring_open(ctx->keyring, ctx->arena, verifier_context(ctx->arena, back->state_hash), mp_slice_of(back->consent.verifier_sealed),
                        &verifier, err) < 0)
        return MP_CONSENT_STATE_INVALID;
    mp_zoom_token_code(ctx->zoom, ctx->arena, &ctx->connection_conf->app, &code, &verifier, CONNECTION_CALL_MS, &back->token, &res);
    back->said = res.message;
    return end_of_class(&res);
}

static void revoke_one(struct mp_ctx *ctx, const struct mp_secret *token)
{
    struct mp_zoom_result res;

    if (!mp_secret_is_set(token))
        return;
    mp_zoom_token_revoke(ctx->zoom, ctx->arena, &ctx->connection_conf->app, token, CONNECTION_CALL_MS, &res);
    if (res.cls != MP_ZOOM_OK)
        mp_log(ctx->log, MP_WARNING, "connection.not_revoked", MP_STR("class", mp_zoom_class_name(res.cls)), MP_STR("zoom_message", res.message));
}

/* The refresh token first: were it to outlive the other it would be good for months. */
static void revoke(struct mp_ctx *ctx, const struct mp_zoom_token *pair)
{
    revoke_one(ctx, &pair->refresh_token);
    revoke_one(ctx, &pair->access_token);
}

/* The id is also part of a name (meetpool/account.h). */
static bool is_id(const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (*c <= ' ' || *c > '~')
            return false;
    }
    return text[0] != '\0' && strlen(text) <= ID_MOST;
}

bool connection_can_keep(const struct mp_zoom_user *user)
{
    return user->id != NULL && is_id(user->id) && (user->account_id == NULL || is_id(user->account_id)) && strlen(user->email) <= EMAIL_MOST;
}

/* The token answer names nobody (API: GET /users/me). Asked twice where no answer comes: the code is spent, so that a second try costs a consent. */
static enum mp_consent_end identify(struct coming_back *back)
{
    struct mp_ctx *ctx = back->ctx;
    struct mp_zoom_result res;

    for (int i = 0; i < 2; i++) {
        mp_zoom_user_get(ctx->zoom, ctx->arena, &back->token.access_token, CONNECTION_CALL_MS, "me", &back->user, &res);
        if (res.cls != MP_ZOOM_MAYBE_DONE && res.cls != MP_ZOOM_NOT_SENT)
            break;
    }
    back->said = res.cls == MP_ZOOM_OK ? "the user has no id, or one that cannot be kept" : res.message;
    if (res.cls == MP_ZOOM_OK && connection_can_keep(&back->user)) {
        back->most_meetings = connection_most_meetings(ctx, &back->token.access_token, &back->user);
        return MP_CONSENT_CONNECTED;
    }
    revoke(ctx, &back->token);
    return res.cls == MP_ZOOM_AUTH || res.cls == MP_ZOOM_TOKEN || res.cls == MP_ZOOM_OK ? MP_CONSENT_EXCHANGE_FAILED : end_of_class(&res);
}

/* ---- Storing ---- */

struct storing {
    struct coming_back *back;
    const struct mp_connection_row *row;
    const struct mp_connection_tokens *tokens;
    const char *detail;
    bool again;
    struct mp_connection_row before; /* as it was when the new pair took its place */
    size_t taken_over;
};

/* Whoever has had this Zoom user until now. */
static int take_over(struct mp_db *db, struct storing *storing, struct mp_error *err)
{
    struct mp_ctx *ctx = storing->back->ctx;
    const char **sharers;

    if (mp_store_connection_sharers(db, ctx->arena, storing->row->zoom_user_id, storing->row->sub, &sharers, &storing->taken_over, err) < 0 ||
        mp_store_connection_taken_over(db, storing->row->zoom_user_id, storing->row->sub, err) < 0)
        return -1;
    for (size_t i = 0; i < storing->taken_over; i++) {
        if (connection_audit_in(ctx, &storing->back->actor, "connection.taken_over", sharers[i], true, storing->detail, err) < 0 ||
            mp_store_alert_raise(db, MP_ALERT_CONNECTION, sharers[i], "Another person has connected the same Zoom account.", err) < 0)
            return -1;
    }
    return 0;
}

static const char *in_words(struct mp_arena *arena, const char *user, const char *account)
{
    return account != NULL ? mp_arena_printf(arena, "Zoom user %s, account %s", user, account) : mp_arena_printf(arena, "Zoom user %s", user);
}

static int store_all(struct mp_db *db, void *arg, struct mp_error *err)
{
    struct storing *storing = arg;
    struct coming_back *back = storing->back;
    struct mp_ctx *ctx = back->ctx;
    int known = mp_store_connection_by_sub(db, ctx->arena, storing->row->sub, &storing->before, err);

    if (known < 0)
        return -1;
    storing->again = known > 0;
    storing->detail = in_words(ctx->arena, back->user.id, back->user.account_id);
    if (storing->again && strcmp(storing->before.zoom_user_id, back->user.id) != 0)
        storing->detail = mp_arena_printf(ctx->arena, "%s; instead of %s", storing->detail,
                                          in_words(ctx->arena, storing->before.zoom_user_id, storing->before.zoom_account_id));
    if (mp_store_connection_put(db, storing->row, storing->tokens, err) < 0 || take_over(db, storing, err) < 0)
        return -1;
    return connection_audit_in(ctx, &back->actor, "connection.connect", storing->row->sub, true, storing->detail, err);
}

/* A live access token is all that Zoom promises to take. This pair nobody has any more: it need not be stored to be used. */
static void renew_to_revoke(struct mp_ctx *ctx, struct mp_zoom_token *pair)
{
    struct mp_zoom_token fresh;
    struct mp_zoom_result res;

    mp_zoom_token_refresh(ctx->zoom, ctx->arena, &ctx->connection_conf->app, &pair->refresh_token, CONNECTION_CALL_MS, &fresh, &res);
    if (res.cls != MP_ZOOM_OK)
        return;
    if (!mp_secret_is_set(&fresh.refresh_token))
        fresh.refresh_token = pair->refresh_token;
    *pair = fresh;
}

/* The tokens of another Zoom user, which this person has given up, die at Zoom too. Those of the same one have died with the new consent. */
static void revoke_earlier(struct coming_back *back, const struct mp_connection_row *before)
{
    struct mp_ctx *ctx = back->ctx;
    struct mp_zoom_token pair = {0};
    struct mp_error err;

    mp_error_init(&err, ctx->arena);
    if (strcmp(before->zoom_user_id, back->user.id) == 0 ||
        connection_open(ctx, MP_SEALED_ACCESS, before->sub, before->access_sealed, &pair.access_token, &err) < 0 ||
        connection_open(ctx, MP_SEALED_REFRESH, before->sub, before->refresh_sealed, &pair.refresh_token, &err) < 0)
        return;
    if (before->expires_at <= before->now_ms && mp_secret_is_set(&pair.refresh_token))
        renew_to_revoke(ctx, &pair);
    revoke(ctx, &pair);
}

/* Whether the pair is in after all: the answer to a COMMIT may be lost. */
static bool is_stored(struct mp_ctx *ctx, const struct storing *storing, const struct mp_error *why)
{
    struct mp_connection_row now;
    struct mp_error err;

    mp_error_init(&err, ctx->arena);
    return why->code == MP_E_UNCERTAIN && mp_store_connection_by_sub(ctx->db, ctx->arena, storing->row->sub, &now, &err) > 0 &&
           now.access_sealed != NULL && strcmp(now.access_sealed, storing->tokens->access_sealed) == 0;
}

static enum mp_consent_end store(struct coming_back *back, struct mp_error *err)
{
    struct mp_ctx *ctx = back->ctx;
    struct mp_connection_row row = {.sub = back->consent.sub,
                                    .zoom_user_id = back->user.id,
                                    .zoom_account_id = back->user.account_id,
                                    .zoom_email = back->user.email,
                                    .zoom_type = back->user.type,
                                    .most_meetings = back->most_meetings};
    struct mp_connection_tokens tokens;
    struct storing storing = {.back = back, .row = &row, .tokens = &tokens};

    connection_seal(ctx, row.sub, &back->token, NULL, &tokens);
    if (mp_tx_run(ctx->db, store_all, &storing, err) < 0 && !is_stored(ctx, &storing, err)) {
        revoke(ctx, &back->token);
        return MP_CONSENT_UNAVAILABLE;
    }
    MP_FAULT("connect.stored");
    mp_log(ctx->log, MP_INFO, "connection.connected", MP_STR("person", row.sub), MP_STR("zoom_user", row.zoom_user_id),
           MP_BOOL("again", storing.again), MP_INT("taken_over", storing.taken_over));
    if (mp_store_connection_wake(ctx->db, row.zoom_user_id, err) < 0)
        mp_log(ctx->log, MP_WARNING, "connection.not_woken", MP_STR("person", row.sub), MP_STR("detail", err->detail));
    if (storing.again)
        revoke_earlier(back, &storing.before);
    return MP_CONSENT_CONNECTED;
}

static enum mp_consent_end go_through(struct coming_back *back, struct mp_error *err)
{
    const struct mp_consent_answer *answer = back->answer;
    enum mp_consent_end end;

    if (!back->ctx->connection_conf->configured || !back->ctx->connection_conf->enabled)
        return MP_CONSENT_NOT_CONFIGURED;
    end = take_state(back, err);
    if (end != MP_CONSENT_CONNECTED)
        return end;
    MP_FAULT("connect.state_used");
    if (answer->error != NULL) {
        back->said = strlen(answer->error) <= CODE_MOST ? answer->error : NULL;
        return strcmp(answer->error, "access_denied") == 0 ? MP_CONSENT_DENIED : MP_CONSENT_EXCHANGE_FAILED;
    }
    if (answer->code == NULL || answer->code[0] == '\0' || strlen(answer->code) > CODE_MOST)
        return MP_CONSENT_EXCHANGE_FAILED;
    end = exchange(back, err);
    if (end != MP_CONSENT_CONNECTED)
        return end;
    MP_FAULT("connect.exchanged");
    end = identify(back);
    if (end != MP_CONSENT_CONNECTED)
        return end;
    MP_FAULT("connect.identified");
    return store(back, err);
}

enum mp_consent_end mp_connection_finish(struct mp_ctx *ctx, const struct mp_consent_answer *answer, const struct mp_connection_actor *actor)
{
    struct coming_back back = {.ctx = ctx, .answer = answer, .actor = {NULL, actor->remote_addr, actor->request_id}};
    enum mp_consent_end end;
    struct mp_error err;

    mp_error_init(&err, ctx->arena);
    end = go_through(&back, &err);
    mp_secret_wipe(&back.token.access_token);
    mp_secret_wipe(&back.token.refresh_token);
    if (end == MP_CONSENT_CONNECTED)
        return end;
    mp_log(ctx->log, MP_WARNING, "connection.not_connected", MP_STR("person", back.actor.sub), MP_STR("end", mp_consent_end_name(end)),
           MP_STR("zoom_message", back.said), MP_STR("detail", err.detail));
    /* What has no state of ours behind it anybody can send as often as they like. */
    if (back.actor.sub != NULL)
        connection_audit(ctx, &back.actor, "connection.connect", back.actor.sub, false,
                         back.said != NULL ? mp_arena_printf(ctx->arena, "%s: %s", mp_consent_end_name(end), back.said) : mp_consent_end_name(end));
    return end;
}
