#include "sandbox_int.h"

#include <stdlib.h>
#include <string.h>

#include "meetpool/crypto.h"

/*
 * The users' apps: what a consent leaves behind. A grant is one person's consent to one app; codes, access and refresh tokens belong to one. A new
 * consent of the same person to the same app is a new grant, with which the tokens of the earlier ones die (Zoom's error 4741).
 */

#define KEPT ((size_t)20000)

/* As a user-level app shows them: the granular names without ":admin". */
const char sb_user_scopes[] = "meeting:write:meeting meeting:update:meeting meeting:delete:meeting meeting:read:meeting meeting:read:list_meetings "
                              "meeting:update:status meeting:read:past_meeting meeting:read:list_past_instances user:read:user user:read:settings "
                              "cloud_recording:read:list_user_recordings cloud_recording:read:list_recording_files "
                              "cloud_recording:delete:meeting_recording cloud_recording:delete:recording_file";

static void app_free(struct sb_app *app)
{
    for (size_t i = 0; i < app->redirect_count; i++)
        free(app->redirects[i]);
    free(app->redirects);
    free(app->client_id);
    free(app->client_secret);
    free(app->name);
    free(app);
}

static void code_free(struct sb_code *code)
{
    free(code->text);
    free(code->redirect_uri);
    free(code->challenge);
    free(code);
}

static void refresh_free(struct sb_refresh *refresh)
{
    free(refresh->text);
    free(refresh);
}

void sb_apps_clear(struct sb_state *st)
{
    while (st->code_first != NULL) {
        struct sb_code *code = st->code_first;

        st->code_first = code->next;
        code_free(code);
    }
    while (st->refresh_first != NULL) {
        struct sb_refresh *refresh = st->refresh_first;

        st->refresh_first = refresh->next;
        refresh_free(refresh);
    }
    st->code_last = NULL;
    st->refresh_last = NULL;
    st->refresh_count = 0;
    sb_map_clear(&st->codes);
    sb_map_clear(&st->refreshes);
    for (size_t i = 0; i < st->app_count; i++)
        app_free(st->apps[i]);
    st->app_count = 0;
}

struct sb_app *sb_app_find(const struct sb_state *st, const char *client_id)
{
    for (size_t i = 0; client_id != NULL && i < st->app_count; i++) {
        if (strcmp(st->apps[i]->client_id, client_id) == 0)
            return st->apps[i];
    }
    return NULL;
}

static void add_redirects(struct sb_app *app, const struct mp_json_reader *r)
{
    struct json_object *list;

    if (mp_json_get_array(r, "redirect_uris", 100, &list) != 1)
        return;
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *one = json_object_array_get_idx(list, i);

        if (!json_object_is_type(one, json_type_string))
            continue;
        app->redirects = sb_grow(app->redirects, app->redirect_count, &app->redirect_cap, sizeof(char *));
        app->redirects[app->redirect_count++] = sb_dup(json_object_get_string(one));
    }
}

static void app_add(struct sb_state *st, const struct mp_json_reader *r)
{
    const char *id, *secret, *name = "meetpool";
    struct sb_app *app;

    if (!mp_json_require(r, "client_id") || !mp_json_require(r, "client_secret") || mp_json_get_text(r, "client_id", 1, 128, false, &id) != 1 ||
        mp_json_get_text(r, "client_secret", 1, 128, false, &secret) != 1 || sb_app_find(st, id) != NULL)
        return;
    (void)mp_json_get_text(r, "app_name", 1, 128, false, &name);
    app = sb_alloc(sizeof(*app));
    *app = (struct sb_app){.client_id = sb_dup(id), .client_secret = sb_dup(secret), .name = sb_dup(name)};
    add_redirects(app, r);
    st->apps = sb_grow(st->apps, st->app_count, &st->app_cap, sizeof(struct sb_app *));
    st->apps[st->app_count++] = app;
}

/* A file that names no app gets one: the same at every start, as it follows from the accounts' secrets. */
static void add_default(struct sb_state *st, struct mp_arena *arena)
{
    const char *seed = st->account_count > 0 ? st->accounts[0]->client_secret : "meetpool";
    unsigned char digest[32];
    struct sb_app *app = sb_alloc(sizeof(*app));

    mp_sha256(mp_slice_of(mp_arena_printf(arena, "users app|%s", seed)), digest);
    *app = (struct sb_app){
        .client_id = sb_dup(mp_base64url(arena, digest, 15)), .client_secret = sb_dup(mp_hex(arena, digest + 15, 16)), .name = sb_dup("meetpool")};
    st->apps = sb_grow(st->apps, st->app_count, &st->app_cap, sizeof(struct sb_app *));
    st->apps[st->app_count++] = app;
}

void sb_apps_add(struct sb_state *st, const struct mp_json_reader *top)
{
    struct json_object *list;

    if (mp_json_get_array(top, "apps", 100, &list) == 1) {
        for (size_t i = 0; i < json_object_array_length(list); i++) {
            struct mp_json_reader r = {top->arena, json_object_array_get_idx(list, i), "apps.", top->err};

            if (json_object_is_type(r.obj, json_type_object))
                app_add(st, &r);
        }
    }
    if (st->app_count == 0)
        add_default(st, top->arena);
}

struct json_object *sb_app_json(const struct sb_app *app, struct mp_arena *arena)
{
    struct json_object *doc = mp_json_object(arena), *redirects = json_object_new_array();

    mp_json_put_text(doc, "client_id", app->client_id);
    mp_json_put_text(doc, "client_secret", app->client_secret);
    mp_json_put_text(doc, "app_name", app->name);
    for (size_t i = 0; i < app->redirect_count; i++)
        json_object_array_add(redirects, json_object_new_string(app->redirects[i]));
    mp_json_put(doc, "redirect_uris", redirects);
    return doc;
}

/* Exactly: RFC 9700 section 2.1. */
bool sb_app_redirects_to(const struct sb_state *st, const struct sb_app *app, const char *uri)
{
    for (size_t i = 0; i < app->redirect_count; i++) {
        if (strcmp(app->redirects[i], uri) == 0)
            return true;
    }
    for (size_t i = 0; i < st->redirect_count; i++) {
        if (strcmp(st->redirects[i], uri) == 0)
            return true;
    }
    return false;
}

/* ---- Codes ---- */

static char *fresh_text(const char *prefix)
{
    struct mp_arena *arena = mp_arena_new();
    unsigned char bytes[48];
    char *text;

    mp_random(bytes, sizeof(bytes));
    text = sb_dup(mp_arena_printf(arena, "%s%s", prefix, mp_base64url(arena, bytes, sizeof(bytes))));
    mp_arena_free(arena);
    return text;
}

static void forget_old_codes(struct sb_state *st)
{
    while (st->code_first != NULL && st->code_first->expires_at + 3600000 < sb_now(st)) {
        struct sb_code *code = st->code_first;

        st->code_first = code->next;
        if (st->code_first == NULL)
            st->code_last = NULL;
        sb_map_remove(&st->codes, code->text);
        code_free(code);
    }
}

struct sb_code *sb_code_new(struct sb_state *st, struct sb_app *app, struct sb_user *user, const char *redirect_uri, const char *challenge,
                            bool plain)
{
    struct sb_code *code = sb_alloc(sizeof(*code));

    forget_old_codes(st);
    *code = (struct sb_code){.text = fresh_text(""), .app = app, .user = user, .redirect_uri = sb_dup(redirect_uri), .plain = plain};
    code->challenge = sb_dup(challenge);
    code->expires_at = sb_now(st) + st->knobs.n[SB_K_CODE_TTL_S] * 1000;
    if (st->code_last == NULL)
        st->code_first = code;
    else
        st->code_last->next = code;
    st->code_last = code;
    sb_map_put(&st->codes, code->text, code);
    return code;
}

/* ---- Grants ---- */

static bool is_of(const struct sb_token *token, const struct sb_app *app, const struct sb_user *user)
{
    return token->user != NULL && token->user == user && (app == NULL || token->app == app);
}

void sb_grants_kill(struct sb_state *st, const struct sb_app *app, const struct sb_user *user, bool access, bool refresh)
{
    for (struct sb_token *t = st->token_first; access && t != NULL; t = t->next)
        t->revoked = t->revoked || is_of(t, app, user);
    for (struct sb_refresh *r = st->refresh_first; refresh && r != NULL; r = r->next)
        r->dead = r->dead || (r->user == user && (app == NULL || r->app == app));
}

void sb_refresh_restore(struct sb_state *st, struct sb_refresh *refresh)
{
    while (st->refresh_count >= KEPT) {
        struct sb_refresh *oldest = st->refresh_first;

        st->refresh_first = oldest->next;
        st->refresh_count--;
        sb_map_remove(&st->refreshes, oldest->text);
        refresh_free(oldest);
    }
    if (st->refresh_last == NULL || st->refresh_first == NULL)
        st->refresh_first = refresh;
    else
        st->refresh_last->next = refresh;
    st->refresh_last = refresh;
    st->refresh_count++;
    sb_map_put(&st->refreshes, refresh->text, refresh);
}

struct sb_refresh *sb_refresh_new(struct sb_state *st, struct sb_app *app, struct sb_user *user)
{
    struct sb_refresh *refresh = sb_alloc(sizeof(*refresh));

    *refresh = (struct sb_refresh){.text = fresh_text("eyJzdiI6IjAwMDAwMSJ9."), .app = app, .user = user, .issued_at = sb_now(st)};
    refresh->expires_at = refresh->issued_at + st->knobs.n[SB_K_REFRESH_TTL_S] * 1000;
    sb_refresh_restore(st, refresh);
    return refresh;
}

/* One row a person and app that have consented. */
struct json_object *sb_grants_json(const struct sb_state *st)
{
    struct json_object *list = json_object_new_array();

    for (size_t a = 0; a < st->account_count; a++) {
        for (size_t u = 0; u < st->accounts[a]->user_count; u++) {
            const struct sb_user *user = st->accounts[a]->users[u];
            int64_t access = 0, refresh = 0;
            struct json_object *row;
            bool any = false;

            for (const struct sb_token *t = st->token_first; t != NULL; t = t->next) {
                any = any || t->user == user;
                access += t->user == user && !t->revoked && t->expires_at > sb_now(st) ? 1 : 0;
            }
            for (const struct sb_refresh *r = st->refresh_first; r != NULL; r = r->next)
                refresh += r->user == user && !r->dead && r->expires_at > sb_now(st) ? 1 : 0;
            if (!any)
                continue;
            row = json_object_new_object();
            mp_json_put_text(row, "user", user->id);
            mp_json_put_text(row, "email", user->email);
            mp_json_put_int(row, "access_tokens", access);
            mp_json_put_int(row, "refresh_tokens", refresh);
            json_object_array_add(list, row);
        }
    }
    return list;
}
