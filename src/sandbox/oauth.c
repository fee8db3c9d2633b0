#include "sandbox_int.h"

#include <string.h>

#include "meetpool/crypto.h"

/*
 * POST /oauth/token and /oauth/revoke. Parameters may stand in the query or in an urlencoded body; the client signs in with Basic.
 * Bodies: GitHub JubaerHossain/zoom-laravel#3 and #4; that of a wrong account_id was never seen in public, only its status (Jericho/ZoomNet#272).
 */
struct oauth_error {
    unsigned status;
    const char *reason;
    const char *error;
};
static const struct oauth_error bad_client = {400, "Invalid client_id or client_secret", "invalid_client"};
static const struct oauth_error bad_grant = {400, "unsupported grant type", "unsupported_grant_type"};
static const struct oauth_error bad_account = {400, "Bad Request", "invalid_request"};
/* A stale refresh token: GitHub raycast/extensions#10896. What a wrong redirect address or verifier gets is not known from public; these are RFC
 * 6749's and 7636's. */
static const struct oauth_error bad_refresh = {400, "Invalid Token!", "invalid_grant"};
static const struct oauth_error bad_redirect = {400, "Invalid redirect uri", "invalid_grant"};
static const struct oauth_error bad_verifier = {400, "Invalid code verifier", "invalid_grant"};

/* What a token without a set of its own may do: the granular names, as an account-level app shows them. */
static const char all_scopes[] = "meeting:write:meeting:admin meeting:update:meeting:admin meeting:delete:meeting:admin meeting:read:meeting:admin "
                                 "meeting:read:list_meetings:admin meeting:update:status:admin meeting:read:past_meeting:admin "
                                 "meeting:read:list_past_instances:admin cloud_recording:read:list_user_recordings:admin "
                                 "cloud_recording:read:list_recording_files:admin cloud_recording:delete:meeting_recording:admin "
                                 "cloud_recording:delete:recording_file:admin user:read:user:admin user:read:settings:admin "
                                 "user:read:list_users:admin";

static void refuse(const struct sb_call *call, struct sb_reply *reply, unsigned status, const struct oauth_error *error)
{
    struct json_object *doc = mp_json_object(call->arena);

    mp_json_put_text(doc, "reason", error->reason);
    mp_json_put_text(doc, "error", error->error);
    sb_reply_json(call, reply, status, doc);
}

/* A form field of the body, else of the query. */
const char *sb_form(const struct sb_call *call, const char *name)
{
    struct mp_slice rest = call->body;
    struct mp_slice pair, key;

    while (mp_slice_split(&rest, '&', &pair)) {
        struct mp_slice value = pair;
        char *text;

        if (!mp_slice_split(&value, '=', &key) || !mp_slice_eq_text(key, name))
            continue;
        text = mp_arena_strndup(call->arena, value);
        for (char *p = text; *p != '\0'; p++) {
            if (*p == '+')
                *p = ' ';
        }
        return sb_uri_decode(call->arena, text);
    }
    return sb_query(call, name);
}

/* Who signs in with Basic. */
static bool basic(const struct sb_call *call, struct mp_slice *id, struct mp_slice *secret)
{
    if (call->authorization == NULL || !mp_slice_starts(mp_slice_of(call->authorization), "Basic "))
        return false;
    return mp_base64_decode(call->arena, mp_slice_trim(mp_slice_of(call->authorization + 6)), secret) && mp_slice_split(secret, ':', id);
}

struct sb_account *sb_oauth_client(const struct sb_call *call, bool with_secret)
{
    struct mp_slice secret, id;

    if (!basic(call, &id, &secret))
        return NULL;
    for (size_t i = 0; i < call->st->account_count; i++) {
        struct sb_account *account = call->st->accounts[i];

        if (!mp_slice_eq_text(id, account->client_id))
            continue;
        if (!with_secret || (mp_slice_eq_text(secret, account->client_secret) && !account->suspended))
            return account;
    }
    return NULL;
}

/* RFC 6749 section 2.3.1: both are form-encoded within Basic. */
static struct sb_app *oauth_app(const struct sb_call *call)
{
    struct mp_slice secret, id;
    struct sb_app *app;

    if (!basic(call, &id, &secret))
        return NULL;
    app = sb_app_find(call->st, sb_uri_decode(call->arena, mp_arena_strndup(call->arena, id)));
    if (app == NULL || strcmp(sb_uri_decode(call->arena, mp_arena_strndup(call->arena, secret)), app->client_secret) != 0)
        return NULL;
    return app;
}

static void reply_token(const struct sb_call *call, struct sb_reply *reply, const struct sb_token *token, const char *refresh)
{
    struct json_object *doc = mp_json_object(call->arena);

    mp_json_put_text(doc, "access_token", token->text);
    mp_json_put_text(doc, "token_type", "bearer");
    if (refresh != NULL)
        mp_json_put_text(doc, "refresh_token", refresh);
    mp_json_put_int(doc, "expires_in", (token->expires_at - token->issued_at) / 1000);
    mp_json_put_text(doc, "scope", token->scopes != NULL ? token->scopes : all_scopes);
    mp_json_put_text(doc, "api_url", call->st->knobs.text[SB_K_API_URL]);
    sb_reply_json(call, reply, 200, doc);
    sb_state_touch(call->st);
}

/* ---- A users' app ---- */

static bool verifies(const struct sb_call *call, const struct sb_code *code)
{
    const char *verifier = sb_form(call, "code_verifier");
    unsigned char hash[32];

    if (code->challenge == NULL)
        return true;
    if (verifier == NULL || strlen(verifier) < 43 || strlen(verifier) > 128)
        return false;
    if (code->plain)
        return strcmp(verifier, code->challenge) == 0;
    mp_sha256(mp_slice_of(verifier), hash);
    return strcmp(mp_base64url(call->arena, hash, sizeof(hash)), code->challenge) == 0;
}

static void exchange_code(const struct sb_call *call, struct sb_reply *reply, struct sb_app *app)
{
    struct sb_state *st = call->st;
    const char *text = sb_form(call, "code"), *redirect_uri = sb_form(call, "redirect_uri");
    struct sb_code *code = text == NULL ? NULL : sb_map_get(&st->codes, text);

    if (code == NULL || code->app != app || code->used || code->expires_at <= sb_now(st)) {
        const struct oauth_error bad_code = {400, mp_arena_printf(call->arena, "Invalid authorization code %s", text == NULL ? "" : text),
                                             "invalid_grant"};

        refuse(call, reply, bad_code.status, &bad_code);
        return;
    }
    code->used = true;
    if (redirect_uri == NULL || strcmp(redirect_uri, code->redirect_uri) != 0) {
        refuse(call, reply, bad_redirect.status, &bad_redirect);
        return;
    }
    if (!verifies(call, code)) {
        refuse(call, reply, bad_verifier.status, &bad_verifier);
        return;
    }
    if (st->knobs.n[SB_K_CONSENT_KILLS_EARLIER] != 0)
        sb_grants_kill(st, app, code->user, true, true);
    st->counters[SB_N_CODES]++;
    reply_token(call, reply, sb_token_new(st, code->user->account, app, code->user), sb_refresh_new(st, app, code->user)->text);
}

static void exchange_refresh(const struct sb_call *call, struct sb_reply *reply, struct sb_app *app)
{
    struct sb_state *st = call->st;
    const char *text = sb_form(call, "refresh_token");
    struct sb_refresh *refresh = text == NULL ? NULL : sb_map_get(&st->refreshes, text);
    struct sb_user *user;

    if (refresh == NULL || refresh->app != app || refresh->dead || refresh->expires_at <= sb_now(st) || refresh->user->account->suspended) {
        refuse(call, reply, bad_refresh.status, &bad_refresh);
        return;
    }
    user = refresh->user;
    if (st->knobs.n[SB_K_REFRESH_KILLS_ACCESS] != 0)
        sb_grants_kill(st, app, user, true, false);
    st->counters[SB_N_REFRESHES]++;
    if (st->knobs.n[SB_K_REFRESH_ROTATES] == 0) {
        reply_token(call, reply, sb_token_new(st, user->account, app, user), NULL);
        return;
    }
    refresh->dead = true;
    reply_token(call, reply, sb_token_new(st, user->account, app, user), sb_refresh_new(st, app, user)->text);
}

static void app_token(struct sb_call *call, struct sb_reply *reply, struct sb_app *app)
{
    const char *grant = sb_form(call, "grant_type");

    if (grant != NULL && strcmp(grant, "authorization_code") == 0)
        exchange_code(call, reply, app);
    else if (grant != NULL && strcmp(grant, "refresh_token") == 0)
        exchange_refresh(call, reply, app);
    else
        refuse(call, reply, bad_grant.status, &bad_grant);
}

void sb_oauth_revoke(struct sb_call *call, struct sb_reply *reply)
{
    struct sb_state *st = call->st;
    struct sb_app *app = oauth_app(call);
    const char *text = sb_form(call, "token");
    struct json_object *doc = mp_json_object(call->arena);
    struct sb_token *token = text == NULL ? NULL : sb_map_get(&st->tokens, text);
    struct sb_refresh *refresh = text == NULL ? NULL : sb_map_get(&st->refreshes, text);

    if (app == NULL) {
        refuse(call, reply, (unsigned)st->knobs.n[SB_K_BAD_CLIENT_STATUS], &bad_client);
        return;
    }
    if (token != NULL && token->app == app)
        sb_grants_kill(st, app, token->user, true, st->knobs.n[SB_K_REVOKE_KILLS_REFRESH] != 0);
    if (refresh != NULL && refresh->app == app && !refresh->dead)
        sb_grants_kill(st, app, refresh->user, true, true);
    /* RFC 7009 section 2.2: a token that is not known is as good as revoked. */
    mp_json_put_text(doc, "status", "success");
    sb_reply_json(call, reply, 200, doc);
    sb_state_touch(st);
}

/* ---- The token endpoint ---- */

void sb_oauth_token(struct sb_call *call, struct sb_reply *reply)
{
    struct sb_account *account = sb_oauth_client(call, true);
    struct sb_app *app = oauth_app(call);
    const char *grant = sb_form(call, "grant_type");
    const char *account_id = sb_form(call, "account_id");

    if (app != NULL) {
        app_token(call, reply, app);
        return;
    }
    if (account == NULL) {
        refuse(call, reply, (unsigned)call->st->knobs.n[SB_K_BAD_CLIENT_STATUS], &bad_client);
        return;
    }
    call->account = account;
    if (grant == NULL || strcmp(grant, "account_credentials") != 0) {
        refuse(call, reply, bad_grant.status, &bad_grant);
        return;
    }
    if (account_id == NULL || strcmp(account_id, account->account_id) != 0) {
        refuse(call, reply, bad_account.status, &bad_account);
        return;
    }
    call->st->counters[SB_N_TOKENS]++;
    reply_token(call, reply, sb_token_new(call->st, account, NULL, NULL), NULL);
}
