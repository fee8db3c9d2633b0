#include "sandbox_int.h"

#include <stdlib.h>
#include <string.h>

#include "meetpool/clock.h"
#include "meetpool/crypto.h"

int64_t sb_now(const struct sb_state *st)
{
    return mp_now_ms() + st->clock_offset_ms;
}

/* splitmix64: faults and jitter come the same way for the same seed. */
double sb_random_unit(struct sb_state *st)
{
    uint64_t z = (st->random += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    return (double)(z >> 11) / 9007199254740992.0;
}

void sb_state_touch(struct sb_state *st)
{
    st->dirty = true;
}

/* ---- accounts and users */

static void user_free(struct sb_user *user)
{
    free(user->id);
    free(user->email);
    free(user->first_name);
    free(user->last_name);
    free(user->timezone);
    free(user->status);
    free(user->concurrent);
    free(user->meetings);
    free(user);
}

static void account_free(struct sb_account *account)
{
    for (size_t i = 0; i < account->user_count; i++)
        user_free(account->users[i]);
    free(account->users);
    free(account->account_id);
    free(account->client_id);
    free(account->client_secret);
    free(account->app_name);
    free(account->scopes);
    free(account);
}

static void token_free(struct sb_token *token)
{
    free(token->text);
    free(token->scopes);
    free(token);
}

void sb_state_clear(struct sb_state *st)
{
    sb_meetings_free(st);
    while (st->token_first != NULL) {
        struct sb_token *token = st->token_first;

        st->token_first = token->next;
        token_free(token);
    }
    st->token_last = NULL;
    st->token_count = 0;
    sb_apps_clear(st);
    sb_map_clear(&st->tokens);
    sb_map_clear(&st->users_by_id);
    sb_map_clear(&st->users_by_email);
    for (size_t i = 0; i < st->account_count; i++)
        account_free(st->accounts[i]);
    st->account_count = 0;
    memset(st->counters, 0, sizeof(st->counters));
}

struct sb_account *sb_account_find(const struct sb_state *st, const char *account_id)
{
    for (size_t i = 0; i < st->account_count; i++) {
        if (strcmp(st->accounts[i]->account_id, account_id) == 0)
            return st->accounts[i];
    }
    return NULL;
}

enum sb_plan sb_account_plan(const struct sb_state *st, const struct sb_account *account)
{
    int64_t knob = st->knobs.n[SB_K_PLAN]; /* 0: the account's own */

    return knob > 0 ? (enum sb_plan)(knob - 1) : account->plan;
}

struct sb_user *sb_user_find(const struct sb_state *st, const char *id_or_email)
{
    struct sb_user *user = sb_map_get(&st->users_by_id, id_or_email);

    return user != NULL ? user : sb_map_get(&st->users_by_email, id_or_email);
}

static void take_text(const struct mp_json_reader *r, const char *key, size_t most, char **slot)
{
    const char *text;

    if (mp_json_get_text(r, key, 0, most, false, &text) == 1)
        sb_set(slot, text);
}

bool sb_user_change(struct sb_user *user, const struct mp_json_reader *r)
{
    static const char *const statuses[] = {"active", "inactive", "pending", NULL};
    static const char *const concurrent[] = {"Basic", "Plus", "None", NULL};
    size_t index;
    int64_t type = user->type;

    (void)mp_json_get_int(r, "type", 1, 99, &type);
    if (mp_json_get_enum(r, "status", statuses, &index) == 1)
        sb_set(&user->status, statuses[index]);
    if (mp_json_get_enum(r, "concurrent_meeting", concurrent, &index) == 1)
        sb_set(&user->concurrent, concurrent[index]);
    take_text(r, "first_name", 64, &user->first_name);
    take_text(r, "last_name", 64, &user->last_name);
    take_text(r, "timezone", 64, &user->timezone);
    (void)mp_json_get_int(r, "pmi", 0, INT64_C(9999999999), &user->pmi);
    (void)mp_json_get_bool(r, "cust_create", &user->cust_create);
    (void)mp_json_get_bool(r, "cloud_recording", &user->cloud_recording);
    (void)mp_json_get_bool(r, "require_password", &user->require_password);
    (void)mp_json_get_int(r, "created_at", 0, MP_TIME_MAX_MS, &user->created_at);
    user->type = type;
    return !mp_error_set(r->err);
}

/* An id that stays the same when the file names none: the same file gives the same users. */
static char *derived_id(struct mp_arena *arena, const char *account_id, const char *email)
{
    unsigned char digest[32];

    mp_sha256(mp_slice_of(mp_arena_printf(arena, "%s|%s", account_id, email)), digest);
    return mp_base64url(arena, digest, 16);
}

static void user_add(struct sb_state *st, struct sb_account *account, const struct mp_json_reader *r)
{
    struct sb_user *user;
    const char *email, *id;

    if (!mp_json_require(r, "email") || mp_json_get_text(r, "email", 3, 128, false, &email) != 1)
        return;
    if (mp_json_get_text(r, "id", 1, 64, false, &id) != 1)
        id = derived_id(r->arena, account->account_id, email);
    if (sb_user_find(st, email) != NULL || sb_user_find(st, id) != NULL) {
        mp_error_field(r->err, "users.email", "%s is there twice", email);
        return;
    }
    user = sb_alloc(sizeof(*user));
    *user = (struct sb_user){.account = account, .type = 2, .cloud_recording = true, .require_password = true, .created_at = INT64_C(1577836800000)};
    sb_set(&user->id, id);
    sb_set(&user->email, email);
    sb_set(&user->first_name, "Host");
    sb_set(&user->last_name, "Sandbox");
    sb_set(&user->timezone, "UTC");
    sb_set(&user->status, "active");
    sb_set(&user->concurrent, "None");
    user->pmi = INT64_C(1000000000) + (int64_t)(account->user_count + 1) * 7919;
    (void)sb_user_change(user, r);
    account->users = sb_grow(account->users, account->user_count, &account->user_cap, sizeof(struct sb_user *));
    account->users[account->user_count++] = user;
    sb_map_put(&st->users_by_id, user->id, user);
    sb_map_put(&st->users_by_email, user->email, user);
}

static void account_add(struct sb_state *st, const struct mp_json_reader *r)
{
    struct sb_account *account;
    struct json_object *users;
    const char *text[3] = {NULL, NULL, NULL};
    static const char *const names[] = {"account_id", "client_id", "client_secret"};
    size_t plan;

    for (size_t i = 0; i < 3; i++) {
        if (!mp_json_require(r, names[i]) || mp_json_get_text(r, names[i], 1, 128, false, &text[i]) != 1)
            return;
    }
    if (sb_account_find(st, text[0]) != NULL)
        return;
    account = sb_alloc(sizeof(*account));
    account->account_id = sb_dup(text[0]);
    account->client_id = sb_dup(text[1]);
    account->client_secret = sb_dup(text[2]);
    account->app_name = sb_dup("meetpool");
    account->plan = SB_PLAN_BUSINESS;
    if (mp_json_get_enum(r, "plan", sb_plan_names, &plan) == 1)
        account->plan = (enum sb_plan)plan;
    take_text(r, "app_name", 128, &account->app_name);
    take_text(r, "scopes", 4000, &account->scopes);
    (void)mp_json_get_bool(r, "suspended", &account->suspended);
    st->accounts = sb_grow(st->accounts, st->account_count, &st->account_cap, sizeof(struct sb_account *));
    st->accounts[st->account_count++] = account;
    if (mp_json_get_array(r, "users", 10000, &users) != 1)
        return;
    for (size_t i = 0; i < json_object_array_length(users); i++) {
        struct mp_json_reader user = {r->arena, json_object_array_get_idx(users, i), "users.", r->err};

        if (json_object_is_type(user.obj, json_type_object))
            user_add(st, account, &user);
    }
}

bool sb_state_add_accounts(struct sb_state *st, struct mp_arena *arena, struct json_object *doc, struct mp_error *err)
{
    struct mp_json_reader top = {arena, doc, NULL, err};
    struct json_object *accounts;

    if (!mp_json_require(&top, "accounts") || mp_json_get_array(&top, "accounts", 10000, &accounts) != 1)
        return false;
    for (size_t i = 0; i < json_object_array_length(accounts); i++) {
        struct mp_json_reader r = {arena, json_object_array_get_idx(accounts, i), "accounts.", err};

        if (json_object_is_type(r.obj, json_type_object))
            account_add(st, &r);
    }
    sb_apps_add(st, &top);
    return !mp_error_set(err);
}

static struct json_object *user_json(const struct sb_user *user)
{
    struct json_object *doc = json_object_new_object();

    mp_json_put_text(doc, "id", user->id);
    mp_json_put_text(doc, "email", user->email);
    mp_json_put_int(doc, "type", user->type);
    mp_json_put_text(doc, "first_name", user->first_name);
    mp_json_put_text(doc, "last_name", user->last_name);
    mp_json_put_text(doc, "timezone", user->timezone);
    mp_json_put_text(doc, "status", user->status);
    mp_json_put_text(doc, "concurrent_meeting", user->concurrent);
    mp_json_put_int(doc, "pmi", user->pmi);
    mp_json_put_bool(doc, "cust_create", user->cust_create);
    mp_json_put_bool(doc, "cloud_recording", user->cloud_recording);
    mp_json_put_bool(doc, "require_password", user->require_password);
    mp_json_put_int(doc, "created_at", user->created_at);
    return doc;
}

struct json_object *sb_account_json(const struct sb_account *account, struct mp_arena *arena)
{
    struct json_object *doc = mp_json_object(arena);
    struct json_object *users = json_object_new_array();

    mp_json_put_text(doc, "account_id", account->account_id);
    mp_json_put_text(doc, "client_id", account->client_id);
    mp_json_put_text(doc, "client_secret", account->client_secret);
    mp_json_put_text(doc, "plan", sb_plan_names[account->plan]);
    mp_json_put_text(doc, "app_name", account->app_name);
    if (account->scopes != NULL)
        mp_json_put_text(doc, "scopes", account->scopes);
    mp_json_put_bool(doc, "suspended", account->suspended);
    for (size_t i = 0; i < account->user_count; i++)
        json_object_array_add(users, user_json(account->users[i]));
    mp_json_put(doc, "users", users);
    return doc;
}

bool sb_user_may_host(const struct sb_user *user)
{
    return (user->type == 1 || user->type == 2) && strcmp(user->status, "active") == 0;
}

bool sb_user_reached(const struct sb_call *call, const struct sb_user *user)
{
    return user->account == call->account && (call->token == NULL || call->token->user == NULL || call->token->user == user);
}

struct sb_user *sb_user_of_path(const struct sb_call *call, struct sb_reply *reply, const char *text)
{
    struct sb_user *user;

    if (call->token != NULL && call->token->user != NULL) {
        if (strcmp(text, "me") == 0)
            return call->token->user;
        sb_reply_error(call, reply, SB_E_FOREIGN_USER, call->account->account_id);
        return NULL;
    }
    /* A server-to-server token belongs to the owner of the account, who is its first user. */
    if (strcmp(text, "me") == 0 && call->account->user_count > 0)
        return call->account->users[0];
    user = sb_user_find(call->st, text);
    if (user != NULL && user->account == call->account)
        return user;
    if (user != NULL && call->st->knobs.n[SB_K_FOREIGN_USER_CODE] == 1010)
        sb_reply_error(call, reply, SB_E_FOREIGN_USER, call->account->account_id);
    else
        sb_reply_error(call, reply, SB_E_NO_USER, text);
    return NULL;
}

/* ---- tokens */

void sb_token_restore(struct sb_state *st, struct sb_token *token)
{
    if (st->token_last == NULL)
        st->token_first = token;
    else
        st->token_last->next = token;
    st->token_last = token;
    st->token_count++;
    sb_map_put(&st->tokens, token->text, token);
}

static void forget_oldest_token(struct sb_state *st)
{
    struct sb_token *token = st->token_first;

    st->token_first = token->next;
    if (st->token_first == NULL)
        st->token_last = NULL;
    st->token_count--;
    sb_map_remove(&st->tokens, token->text);
    token_free(token);
}

/* Kills the account's oldest live tokens until fewer than `most` live. */
static void hold_to(struct sb_state *st, const struct sb_account *account, int64_t most)
{
    int64_t live = 0;

    for (const struct sb_token *t = st->token_first; t != NULL; t = t->next)
        live += t->account == account && t->user == NULL && !t->revoked && t->expires_at > sb_now(st) ? 1 : 0;
    for (struct sb_token *t = st->token_first; t != NULL && live >= most; t = t->next) {
        if (t->account != account || t->user != NULL || t->revoked || t->expires_at <= sb_now(st))
            continue;
        t->revoked = true;
        live--;
    }
}

struct sb_token *sb_token_new(struct sb_state *st, struct sb_account *account, struct sb_app *app, struct sb_user *user)
{
    struct mp_arena *arena = mp_arena_new();
    struct sb_token *token = sb_alloc(sizeof(*token));
    unsigned char bytes[96];

    if (user == NULL && st->knobs.n[SB_K_S2S_LIVE_TOKENS] > 0)
        hold_to(st, account, st->knobs.n[SB_K_S2S_LIVE_TOKENS]);
    while (st->token_count >= SB_TOKENS_KEPT)
        forget_oldest_token(st);
    mp_random(bytes, sizeof(bytes));
    token->text = sb_dup(mp_arena_printf(arena, "eyJzdiI6IjAwMDAwMiJ9.%s.%s", mp_base64url(arena, bytes, 48), mp_base64url(arena, bytes + 48, 48)));
    token->account = account;
    token->app = app;
    token->user = user;
    token->scopes = sb_dup(st->knobs.text[SB_K_SCOPES][0] != '\0' ? st->knobs.text[SB_K_SCOPES] : user != NULL ? sb_user_scopes : account->scopes);
    token->issued_at = sb_now(st);
    token->expires_at = token->issued_at + st->knobs.n[SB_K_TOKEN_TTL_S] * 1000;
    sb_token_restore(st, token);
    mp_arena_free(arena);
    return token;
}

size_t sb_tokens_revoke(struct sb_state *st, const struct sb_account *account)
{
    size_t revoked = 0;

    for (struct sb_token *t = st->token_first; t != NULL; t = t->next) {
        if ((account != NULL && t->account != account) || t->revoked)
            continue;
        t->revoked = true;
        revoked++;
    }
    return revoked;
}
