#include "sandbox_int.h"

#include <malloc.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "hooks.h"
#include "meetpool/buf.h"
#include "meetpool/clock.h"
#include "meetpool/crypto.h"
#include "recording.h"

/*
 * The state in a file, so that it outlives a restart: accounts with their counters, tokens, meetings, recordings, subscriptions, knobs, the clock.
 * Faults and the ledger of calls are not kept. Written soon after a change, never more often than a twentieth of the time that writing takes; once
 * more at the end.
 */
#define SNAPSHOT_MAX ((size_t)1 << 30)
#define WRITE_MIN_MS 200
#define BATCH        100

static struct json_object *account_row(const struct sb_account *account, struct mp_arena *arena)
{
    struct json_object *doc = sb_account_json(account, arena);
    struct json_object *users, *calls = json_object_new_array();

    mp_json_put_int(doc, "day", account->day);
    for (size_t i = 0; i < SB_LABELS; i++)
        json_object_array_add(calls, json_object_new_int64(account->day_calls[i]));
    mp_json_put(doc, "day_calls", calls);
    json_object_object_get_ex(doc, "users", &users);
    for (size_t i = 0; i < account->user_count; i++) {
        struct json_object *row = json_object_array_get_idx(users, i);

        mp_json_put_int(row, "day", account->users[i]->day);
        mp_json_put_int(row, "day_writes", account->users[i]->day_writes);
    }
    return doc;
}

static void write_accounts(const struct sb_state *st, struct mp_buf *text, struct mp_arena *scratch)
{
    mp_buf_add(text, "\"accounts\":[");
    for (size_t i = 0; i < st->account_count; i++) {
        mp_buf_add(text, i == 0 ? "" : ",\n");
        mp_buf_add(text, mp_json_text(scratch, account_row(st->accounts[i], scratch)));
        mp_arena_clear(scratch);
    }
    mp_buf_add(text, "]");
}

static void write_tokens(const struct sb_state *st, struct mp_buf *text, struct mp_arena *scratch)
{
    mp_buf_add(text, "\"tokens\":[");
    for (const struct sb_token *t = st->token_first; t != NULL; t = t->next) {
        struct json_object *doc = mp_json_object(scratch);

        mp_json_put_text(doc, "token", t->text);
        mp_json_put_text(doc, "account_id", t->account->account_id);
        mp_json_put_text(doc, "scopes", t->scopes);
        mp_json_put_int(doc, "issued_at", t->issued_at);
        mp_json_put_int(doc, "expires_at", t->expires_at);
        mp_json_put_bool(doc, "revoked", t->revoked);
        if (t->user != NULL) {
            mp_json_put_text(doc, "user", t->user->id);
            mp_json_put_text(doc, "client_id", t->app->client_id);
        }
        mp_buf_add(text, t == st->token_first ? "" : ",\n");
        mp_buf_add(text, mp_json_text(scratch, doc));
        mp_arena_clear(scratch);
    }
    mp_buf_add(text, "]");
}

static void write_apps(const struct sb_state *st, struct mp_buf *text, struct mp_arena *scratch)
{
    mp_buf_add(text, "\"apps\":[");
    for (size_t i = 0; i < st->app_count; i++) {
        mp_buf_add(text, i == 0 ? "" : ",\n");
        mp_buf_add(text, mp_json_text(scratch, sb_app_json(st->apps[i], scratch)));
    }
    mp_buf_add(text, "],\n\"refresh_tokens\":[");
    for (const struct sb_refresh *r = st->refresh_first; r != NULL; r = r->next) {
        struct json_object *doc = mp_json_object(scratch);

        mp_json_put_text(doc, "token", r->text);
        mp_json_put_text(doc, "client_id", r->app->client_id);
        mp_json_put_text(doc, "user", r->user->id);
        mp_json_put_int(doc, "issued_at", r->issued_at);
        mp_json_put_int(doc, "expires_at", r->expires_at);
        mp_json_put_bool(doc, "dead", r->dead);
        mp_buf_add(text, r == st->refresh_first ? "" : ",\n");
        mp_buf_add(text, mp_json_text(scratch, doc));
        mp_arena_clear(scratch);
    }
    mp_buf_add(text, "]");
}

/* The subscriptions that were made by command; what is still to be sent is forgotten. */
static void write_hooks(const struct sb_state *st, struct mp_buf *text, struct mp_arena *scratch)
{
    const char *before = "";

    mp_buf_add(text, "\"webhooks\":[");
    for (const struct sb_hook *hook = st->hooks->first; hook != NULL; hook = hook->next) {
        if (hook->at_start)
            continue;
        mp_buf_add(text, before);
        mp_buf_add(text, mp_json_text(scratch, sb_hook_json(hook, scratch)));
        mp_arena_clear(scratch);
        before = ",\n";
    }
    mp_buf_add(text, "]");
}

static void write_meeting(const struct sb_meeting *m, struct mp_buf *text, struct mp_arena *scratch)
{
    struct json_object *doc = sb_meeting_ledger_json(m, scratch);

    mp_json_put_int(doc, "hidden_until", m->hidden_until);
    mp_json_put_int(doc, "unlisted_until", m->unlisted_until);
    mp_buf_add(text, mp_json_text(scratch, doc));
    json_object_put(doc);
    mp_arena_clear(scratch);
}

/*
 * A few at a time, so that calls get through in between; each meeting is whole, and what changes meanwhile is written the next time. False where
 * meetings were forgotten meanwhile: begin again. Called, and returns, with the lock held.
 */
static bool write_meetings(struct sb_state *st, struct mp_buf *text, struct mp_arena *scratch)
{
    uint64_t epoch = st->epoch;
    uint64_t sweeps = st->sweeps;
    size_t written = 0;

    mp_buf_add(text, "\"meetings\":[");
    for (const struct sb_meeting *m = st->meeting_first; m != NULL; m = m->next) {
        mp_buf_add(text, written == 0 ? "" : ",\n");
        write_meeting(m, text, scratch);
        if (++written % BATCH != 0)
            continue;
        pthread_mutex_unlock(&st->lock);
        (void)sched_yield(); /* the mutex is not fair: let who waits have it */
        pthread_mutex_lock(&st->lock);
        if (epoch != st->epoch || sweeps != st->sweeps)
            return false;
    }
    mp_buf_add(text, "]");
    return true;
}

/* False as above. The meetings come first: counters are never behind them. */
static bool write_state(struct sb_state *st, struct mp_buf *text, struct mp_arena *scratch)
{
    bool whole;

    pthread_mutex_lock(&st->lock);
    st->dirty = false;
    mp_buf_add(text, "{");
    whole = write_meetings(st, text, scratch);
    mp_buf_addf(text, ",\n\"key\":\"%s\",\"clock_offset_ms\":%lld,\n\"knobs\":", mp_hex(scratch, st->key, sizeof(st->key)),
                (long long)st->clock_offset_ms);
    mp_buf_add(text, mp_json_text(scratch, sb_knobs_json(&st->knobs, scratch)));
    mp_buf_add(text, ",\n");
    mp_arena_clear(scratch);
    write_accounts(st, text, scratch);
    mp_buf_add(text, ",\n");
    write_tokens(st, text, scratch);
    mp_buf_add(text, ",\n");
    write_apps(st, text, scratch);
    mp_buf_add(text, ",\n");
    write_hooks(st, text, scratch);
    mp_buf_add(text, "}\n");
    if (!whole)
        st->dirty = true;
    pthread_mutex_unlock(&st->lock);
    return whole;
}

int sb_snapshot_save(struct sb_state *st, const char *path, struct mp_error *err)
{
    struct mp_arena *arena = mp_arena_new();
    struct mp_arena *scratch = mp_arena_new();
    struct mp_buf text;
    int rc = 0;

    mp_buf_init(&text, arena, SNAPSHOT_MAX);
    if (write_state(st, &text, scratch)) {
        if (text.full)
            rc = mp_fail(err, MP_E_CONFIG, "%s: the state has grown too large to be kept", path);
        else
            rc = sb_file_write(path, 0600, mp_buf_slice(&text), err);
    }
    mp_arena_free(scratch);
    mp_arena_free(arena);
    return rc;
}

/* ---- reading it back: a file of ours, so what is missing stays at its default */

static int64_t number(struct json_object *doc, const char *key, int64_t fallback)
{
    struct json_object *value;

    return json_object_object_get_ex(doc, key, &value) && json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : fallback;
}

static const char *text_of(struct json_object *doc, const char *key)
{
    struct json_object *value;

    return json_object_object_get_ex(doc, key, &value) && json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

static bool truth(struct json_object *doc, const char *key)
{
    struct json_object *value;

    return json_object_object_get_ex(doc, key, &value) && json_object_get_boolean(value);
}

static size_t rows_of(struct json_object *doc, const char *key, struct json_object **list)
{
    return json_object_object_get_ex(doc, key, list) && json_object_is_type(*list, json_type_array) ? json_object_array_length(*list) : 0;
}

static void load_counters(struct sb_state *st, struct json_object *doc)
{
    struct json_object *accounts, *users, *calls;

    for (size_t i = 0; i < rows_of(doc, "accounts", &accounts); i++) {
        struct json_object *row = json_object_array_get_idx(accounts, i);
        const char *id = text_of(row, "account_id");
        struct sb_account *account = id == NULL ? NULL : sb_account_find(st, id);

        if (account == NULL)
            continue;
        account->day = (int32_t)number(row, "day", 0);
        for (size_t k = 0; k < rows_of(row, "day_calls", &calls) && k < SB_LABELS; k++)
            account->day_calls[k] = json_object_get_int64(json_object_array_get_idx(calls, k));
        for (size_t k = 0; k < rows_of(row, "users", &users); k++) {
            struct json_object *one = json_object_array_get_idx(users, k);
            const char *user_id = text_of(one, "id");
            struct sb_user *user = user_id == NULL ? NULL : sb_user_find(st, user_id);

            if (user == NULL)
                continue;
            user->day = (int32_t)number(one, "day", 0);
            user->day_writes = number(one, "day_writes", 0);
        }
    }
}

static void load_tokens(struct sb_state *st, struct json_object *doc)
{
    struct json_object *list;

    for (size_t i = 0; i < rows_of(doc, "tokens", &list); i++) {
        struct json_object *row = json_object_array_get_idx(list, i);
        const char *id = text_of(row, "account_id");
        struct sb_account *account = id == NULL ? NULL : sb_account_find(st, id);
        struct sb_token *token;

        if (account == NULL || text_of(row, "token") == NULL)
            continue;
        token = sb_alloc(sizeof(*token));
        token->text = sb_dup(text_of(row, "token"));
        token->scopes = sb_dup(text_of(row, "scopes"));
        token->account = account;
        token->app = sb_app_find(st, text_of(row, "client_id"));
        token->user = token->app == NULL || text_of(row, "user") == NULL ? NULL : sb_user_find(st, text_of(row, "user"));
        token->revoked = text_of(row, "user") != NULL && token->user == NULL;
        token->issued_at = number(row, "issued_at", 0);
        token->expires_at = number(row, "expires_at", 0);
        token->revoked = token->revoked || truth(row, "revoked");
        sb_token_restore(st, token);
    }
}

static void load_refreshes(struct sb_state *st, struct json_object *doc)
{
    struct json_object *list;

    for (size_t i = 0; i < rows_of(doc, "refresh_tokens", &list); i++) {
        struct json_object *row = json_object_array_get_idx(list, i);
        struct sb_app *app = sb_app_find(st, text_of(row, "client_id"));
        struct sb_user *user = text_of(row, "user") == NULL ? NULL : sb_user_find(st, text_of(row, "user"));
        struct sb_refresh *refresh;

        if (app == NULL || user == NULL || text_of(row, "token") == NULL)
            continue;
        refresh = sb_alloc(sizeof(*refresh));
        *refresh = (struct sb_refresh){.text = sb_dup(text_of(row, "token")), .app = app, .user = user};
        refresh->issued_at = number(row, "issued_at", 0);
        refresh->expires_at = number(row, "expires_at", 0);
        refresh->dead = truth(row, "dead");
        sb_refresh_restore(st, refresh);
    }
}

static void take_text(struct json_object *row, const char *key, char **slot)
{
    if (text_of(row, key) != NULL)
        sb_set(slot, text_of(row, key));
}

static void load_files(struct sb_state *st, struct sb_instance *instance, struct json_object *row)
{
    struct json_object *list;

    for (size_t i = 0; i < rows_of(row, "files", &list); i++) {
        struct json_object *one = json_object_array_get_idx(list, i);
        int type = text_of(one, "file_type") == NULL ? -1 : sb_name_index(sb_file_types, text_of(one, "file_type"));
        struct sb_file *file;

        if (type < 0)
            continue;
        file = sb_file_new(st, instance, type);
        take_text(one, "key", &file->key);
        sb_set(&file->id, text_of(one, "id"));
        take_text(one, "file_extension", &file->extension);
        take_text(one, "recording_type", &file->recording_type);
        take_text(one, "status", &file->status);
        file->content.kind = (enum sb_kind)number(one, "kind", file->content.kind);
        file->content.size = number(one, "size", 0);
        file->content.seed = (uint64_t)number(one, "seed", 0);
        file->start_at = number(one, "start_at", instance->started_at);
        file->end_at = number(one, "end_at", -1);
        file->appears_at = number(one, "appears_at", 0);
        file->trashed_at = number(one, "trashed_at", 0);
        file->trash = (enum sb_trash)number(one, "trash", SB_KEPT);
        file->told = truth(one, "told");
        file->silent = truth(one, "silent");
        sb_file_add(st, file);
    }
}

static void load_instances(struct sb_state *st, struct sb_meeting *m, struct json_object *row)
{
    struct json_object *list;

    for (size_t i = 0; i < rows_of(row, "instances", &list); i++) {
        struct json_object *one = json_object_array_get_idx(list, i);
        struct sb_instance *instance;

        if (text_of(one, "uuid") == NULL)
            continue;
        instance = sb_alloc(sizeof(*instance));
        *instance = (struct sb_instance){.uuid = sb_dup(text_of(one, "uuid")),
                                         .meeting = m,
                                         .started_at = number(one, "started_at", 0),
                                         .ended_at = number(one, "ended_at", 0),
                                         .participants = number(one, "participants", 0)};
        sb_meeting_add_instance(st, m, instance);
        load_files(st, instance, one);
    }
}

static char *member_json(struct mp_arena *arena, struct json_object *row, const char *key)
{
    struct json_object *value;

    return json_object_object_get_ex(row, key, &value) && value != NULL ? sb_dup(mp_json_text(arena, value)) : NULL;
}

static void load_meeting(struct sb_state *st, struct mp_arena *arena, struct json_object *row)
{
    const char *host_id = text_of(row, "host_id");
    struct sb_user *host = host_id == NULL ? NULL : sb_user_find(st, host_id);
    struct sb_meeting *m;

    if (host == NULL || text_of(row, "uuid") == NULL)
        return;
    m = sb_alloc(sizeof(*m));
    *m = (struct sb_meeting){
        .id = number(row, "id", 0),
        .host = host,
        .type = number(row, "type", 2),
        .start_at = number(row, "start_at", -1),
        .duration_min = number(row, "duration", 60),
        .created_at = number(row, "created_at", 0),
        .updated_at = number(row, "updated_at", 0),
        .deleted_at = number(row, "deleted_at", -1),
        .running_since = number(row, "running_since", -1),
        .ended_at = number(row, "ended_at", -1),
        .running_participants = number(row, "running_participants", 0),
        .hidden_until = number(row, "hidden_until", 0),
        .unlisted_until = number(row, "unlisted_until", 0),
        .by_portal = truth(row, "by_portal"),
    };
    m->uuid = sb_dup(text_of(row, "uuid"));
    m->topic = sb_dup(text_of(row, "topic"));
    m->agenda = sb_dup(text_of(row, "agenda"));
    m->timezone = sb_dup(text_of(row, "timezone"));
    m->password = sb_dup(text_of(row, "password"));
    m->encrypted_password = sb_dup(text_of(row, "encrypted_password"));
    m->digits_password = sb_dup(text_of(row, "digits_password"));
    m->settings = member_json(arena, row, "settings");
    m->tracking_fields = member_json(arena, row, "tracking_fields");
    sb_meeting_attach(st, m);
    load_instances(st, m, row);
}

static void load_key(struct sb_state *st, struct json_object *doc)
{
    static const char digits[] = "0123456789abcdef";
    const char *key = text_of(doc, "key");

    if (key == NULL || strlen(key) != 2 * sizeof(st->key) || strspn(key, digits) != strlen(key))
        return;
    for (size_t i = 0; i < sizeof(st->key); i++)
        st->key[i] = (unsigned char)((strchr(digits, key[2 * i]) - digits) * 16 + (strchr(digits, key[2 * i + 1]) - digits));
}

static int load_state(struct sb_state *st, struct mp_arena *arena, const char *path, struct mp_error *err)
{
    struct mp_slice text;
    struct json_object *doc, *knobs, *list;
    int found = sb_file_read(arena, path, &text, err);

    if (found <= 0)
        return found;
    if (mp_json_parse(arena, text, &doc, err) < 0 || !json_object_is_type(doc, json_type_object))
        return mp_fail(err, MP_E_CONFIG, "%s: not a state file", path);
    load_key(st, doc);
    st->clock_offset_ms = number(doc, "clock_offset_ms", 0);
    if (json_object_object_get_ex(doc, "knobs", &knobs) && !sb_knobs_turn(st, arena, knobs, err))
        return -1;
    if (!sb_state_add_accounts(st, arena, doc, err))
        return -1;
    load_counters(st, doc);
    load_tokens(st, doc);
    load_refreshes(st, doc);
    for (size_t i = 0; i < rows_of(doc, "webhooks", &list); i++) {
        struct mp_json_reader r = {arena, json_object_array_get_idx(list, i), "webhooks.", err};

        if (sb_hook_add(st, &r) == NULL)
            return -1;
    }
    for (size_t i = 0; i < rows_of(doc, "meetings", &list); i++)
        load_meeting(st, arena, json_object_array_get_idx(list, i));
    return 1;
}

int sb_snapshot_load(struct sb_state *st, const char *path, struct mp_error *err)
{
    struct mp_arena *arena = mp_arena_new();
    int found = load_state(st, arena, path, err);

    mp_arena_free(arena);
    (void)malloc_trim(0); /* the parsed file was many times what is kept of it */
    return found;
}

void *sb_snapshot_thread(void *state)
{
    struct sb_state *st = state;
    int64_t pause_ms = WRITE_MIN_MS;

    while (sb_sleep(st, -1, pause_ms)) {
        struct mp_arena *arena;
        struct mp_error err;
        int64_t began = mp_monotonic_ms();
        bool dirty;

        pthread_mutex_lock(&st->lock);
        dirty = st->dirty;
        pthread_mutex_unlock(&st->lock);
        if (!dirty)
            continue;
        arena = mp_arena_new();
        mp_error_init(&err, arena);
        if (sb_snapshot_save(st, st->state_path, &err) < 0 && st->log != NULL)
            mp_log(st->log, MP_ERROR, "state.not_written", MP_STR("why", mp_error_message(&err)));
        mp_arena_free(arena);
        pause_ms = 20 * (mp_monotonic_ms() - began);
        if (pause_ms < WRITE_MIN_MS)
            pause_ms = WRITE_MIN_MS;
    }
    return NULL;
}
