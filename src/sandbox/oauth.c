#include "sandbox_int.h"

#include <string.h>

#include "meetpool/crypto.h"

/*
 * POST /oauth/token. Parameters may stand in the query or in an urlencoded body; the client signs in with Basic.
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

/* What a token without a set of its own may do: the granular names, as an account-level app shows them. */
static const char all_scopes[] = "meeting:write:meeting:admin meeting:update:meeting:admin meeting:delete:meeting:admin meeting:read:meeting:admin "
                                 "meeting:read:list_meetings:admin meeting:update:status:admin meeting:read:past_meeting:admin "
                                 "meeting:read:list_past_instances:admin user:read:user:admin user:read:settings:admin user:read:list_users:admin";

static void refuse(const struct sb_call *call, struct sb_reply *reply, unsigned status, const struct oauth_error *error)
{
    struct json_object *doc = mp_json_object(call->arena);

    mp_json_put_text(doc, "reason", error->reason);
    mp_json_put_text(doc, "error", error->error);
    sb_reply_json(call, reply, status, doc);
}

/* A form field of the body, else of the query. */
static const char *parameter(const struct sb_call *call, const char *name)
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

struct sb_account *sb_oauth_client(const struct sb_call *call, bool with_secret)
{
    struct mp_slice decoded, id;

    if (call->authorization == NULL || !mp_slice_starts(mp_slice_of(call->authorization), "Basic "))
        return NULL;
    if (!mp_base64_decode(call->arena, mp_slice_trim(mp_slice_of(call->authorization + 6)), &decoded) || !mp_slice_split(&decoded, ':', &id))
        return NULL;
    for (size_t i = 0; i < call->st->account_count; i++) {
        struct sb_account *account = call->st->accounts[i];

        if (!mp_slice_eq_text(id, account->client_id))
            continue;
        if (!with_secret || (mp_slice_eq_text(decoded, account->client_secret) && !account->suspended))
            return account;
    }
    return NULL;
}

void sb_oauth_token(struct sb_call *call, struct sb_reply *reply)
{
    struct sb_account *account = sb_oauth_client(call, true);
    const char *grant = parameter(call, "grant_type");
    const char *account_id = parameter(call, "account_id");
    struct json_object *doc;
    struct sb_token *token;

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
    token = sb_token_new(call->st, account);
    call->st->counters[SB_N_TOKENS]++;
    doc = mp_json_object(call->arena);
    mp_json_put_text(doc, "access_token", token->text);
    mp_json_put_text(doc, "token_type", "bearer");
    mp_json_put_int(doc, "expires_in", (token->expires_at - token->issued_at) / 1000);
    mp_json_put_text(doc, "scope", token->scopes != NULL ? token->scopes : all_scopes);
    mp_json_put_text(doc, "api_url", call->st->knobs.text[SB_K_API_URL]);
    sb_reply_json(call, reply, 200, doc);
    sb_state_touch(call->st);
}
