#include "sandbox_int.h"

#include <string.h>

#include "meetpool/clock.h"
#include "meetpool/crypto.h"
#include "recording.h"

#define WEB_HOST          "https://us02web.zoom.us"
#define LIST_AGENDA_CHARS 250
#define ZAK_TTL_S         7200
#define ZAK_TTL_CUST_S    (90 * 86400)

/* A new one each time it is asked for; whoever holds it is the host. Lives two hours, for custCreate users 90 days. */
static char *start_url(const struct sb_call *call, const struct sb_meeting *m)
{
    int64_t now_s = sb_now(call->st) / 1000;
    int64_t ttl_s = m->host->cust_create ? ZAK_TTL_CUST_S : ZAK_TTL_S;
    struct json_object *claims = mp_json_object(call->arena);
    struct mp_slice key = {(const char *)call->st->key, sizeof(call->st->key)};
    const char *head = "{\"typ\":\"JWT\",\"alg\":\"HS256\"}";
    unsigned char mac[32];
    char *text, *signed_part;

    mp_json_put_text(claims, "aud", "clientsm");
    mp_json_put_text(claims, "uid", m->host->id);
    mp_json_put_int(claims, "iat", now_s);
    mp_json_put_int(claims, "exp", now_s + ttl_s);
    mp_json_put_text(claims, "jti", mp_random_hex(call->arena, 8));
    mp_json_put_text(claims, "aid", m->host->account->account_id);
    text = mp_json_text(call->arena, claims);
    signed_part = mp_arena_printf(call->arena, "%s.%s", mp_base64url(call->arena, head, strlen(head)), mp_base64url(call->arena, text, strlen(text)));
    mp_hmac_sha256(key, mp_slice_of(signed_part), mac);
    return mp_arena_printf(call->arena, WEB_HOST "/s/%s?zak=%s.%s", m->id_text, signed_part, mp_base64url(call->arena, mac, sizeof(mac)));
}

char *sb_meeting_join_url(struct mp_arena *arena, const struct sb_meeting *m)
{
    if (m->encrypted_password == NULL)
        return mp_arena_printf(arena, WEB_HOST "/j/%s", m->id_text);
    return mp_arena_printf(arena, WEB_HOST "/j/%s?pwd=%s", m->id_text, m->encrypted_password);
}

static struct json_object *parsed(struct mp_arena *arena, const char *text)
{
    struct json_object *doc;
    struct mp_error err;

    mp_error_init(&err, arena);
    return mp_json_parse(arena, mp_slice_of(text), &doc, &err) == 0 ? json_object_get(doc) : NULL;
}

static void put_passwords(struct json_object *doc, const struct sb_meeting *m)
{
    mp_json_put_text(doc, "password", m->password);
    if (m->encrypted_password == NULL)
        return;
    mp_json_put_text(doc, "h323_password", m->digits_password);
    mp_json_put_text(doc, "pstn_password", m->digits_password);
    mp_json_put_text(doc, "encrypted_password", m->encrypted_password);
}

struct json_object *sb_meeting_json(const struct sb_call *call, const struct sb_meeting *m)
{
    struct mp_arena *arena = call->arena;
    struct json_object *doc = mp_json_object(arena);

    mp_json_put_text(doc, "uuid", m->uuid);
    mp_json_put_int(doc, "id", m->id);
    mp_json_put_text(doc, "host_id", m->host->id);
    mp_json_put_text(doc, "host_email", m->host->email);
    mp_json_put_text(doc, "assistant_id", "");
    mp_json_put_text(doc, "topic", m->topic);
    mp_json_put_int(doc, "type", m->type);
    mp_json_put_text(doc, "status", m->running_since >= 0 ? "started" : "waiting");
    if (m->start_at >= 0)
        mp_json_put_text(doc, "start_time", mp_time_format_seconds(arena, m->start_at));
    if (m->type == 2 || m->type == 10)
        mp_json_put_int(doc, "duration", m->duration_min);
    mp_json_put_text(doc, "timezone", m->timezone);
    mp_json_put_text(doc, "agenda", m->agenda);
    mp_json_put_text(doc, "created_at", mp_time_format_seconds(arena, m->created_at));
    mp_json_put_text(doc, "start_url", start_url(call, m));
    mp_json_put_text(doc, "join_url", sb_meeting_join_url(arena, m));
    put_passwords(doc, m);
    mp_json_put(doc, "settings", json_object_get(sb_settings_json(arena, m->settings)));
    if (m->tracking_fields != NULL)
        mp_json_put(doc, "tracking_fields", parsed(arena, m->tracking_fields));
    mp_json_put_text(doc, "creation_source", m->by_portal ? "web_portal" : "open_api");
    mp_json_put_bool(doc, "pre_schedule", false);
    return doc;
}

/* The first `most` characters, not bytes. */
static char *cut_characters(struct mp_arena *arena, const char *text, size_t most)
{
    size_t len = 0, seen = 0;

    for (; text[len] != '\0'; len++) {
        if (((unsigned char)text[len] & 0xc0) != 0x80 && seen++ == most)
            break;
    }
    return mp_arena_strndup(arena, (struct mp_slice){text, len});
}

struct json_object *sb_meeting_list_json(const struct sb_call *call, const struct sb_meeting *m)
{
    struct mp_arena *arena = call->arena;
    struct json_object *doc = json_object_new_object();

    mp_json_put_text(doc, "uuid", m->uuid);
    mp_json_put_int(doc, "id", m->id);
    mp_json_put_text(doc, "host_id", m->host->id);
    mp_json_put_text(doc, "topic", m->topic);
    mp_json_put_int(doc, "type", m->type);
    if (m->start_at >= 0)
        mp_json_put_text(doc, "start_time", mp_time_format_seconds(arena, m->start_at));
    mp_json_put_int(doc, "duration", m->duration_min);
    mp_json_put_text(doc, "timezone", m->timezone);
    mp_json_put_text(doc, "agenda", cut_characters(arena, m->agenda, LIST_AGENDA_CHARS));
    mp_json_put_text(doc, "created_at", mp_time_format_seconds(arena, m->created_at));
    mp_json_put_text(doc, "join_url", sb_meeting_join_url(arena, m));
    return doc;
}

static const char *ledger_status(const struct sb_meeting *m)
{
    if (m->deleted_at >= 0)
        return "deleted";
    if (m->running_since >= 0)
        return "started";
    return m->ended_at >= 0 ? "ended" : "waiting";
}

static void put_files(struct json_object *doc, const struct sb_instance *instance)
{
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < instance->file_count; i++) {
        const struct sb_file *file = instance->files[i];
        struct json_object *row = json_object_new_object();

        mp_json_put_text(row, "key", file->key);
        mp_json_put_text(row, "id", file->id);
        mp_json_put_text(row, "file_type", file->file_type);
        mp_json_put_text(row, "file_extension", file->extension);
        mp_json_put_text(row, "recording_type", file->recording_type);
        mp_json_put_text(row, "status", file->status);
        mp_json_put_int(row, "size", file->content.size);
        mp_json_put_int(row, "seed", (int64_t)file->content.seed);
        mp_json_put_int(row, "kind", file->content.kind);
        mp_json_put_int(row, "start_at", file->start_at);
        mp_json_put_int(row, "end_at", file->end_at);
        mp_json_put_int(row, "appears_at", file->appears_at);
        mp_json_put_int(row, "trashed_at", file->trashed_at);
        mp_json_put_int(row, "trash", file->trash);
        mp_json_put_bool(row, "told", file->told);
        mp_json_put_bool(row, "silent", file->silent);
        json_object_array_add(list, row);
    }
    mp_json_put(doc, "files", list);
}

static void put_instances(struct json_object *doc, const struct sb_meeting *m)
{
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < m->instance_count; i++) {
        struct json_object *row = json_object_new_object();

        mp_json_put_text(row, "uuid", m->instances[i]->uuid);
        mp_json_put_int(row, "started_at", m->instances[i]->started_at);
        mp_json_put_int(row, "ended_at", m->instances[i]->ended_at);
        mp_json_put_int(row, "participants", m->instances[i]->participants);
        if (m->instances[i]->file_count > 0)
            put_files(row, m->instances[i]);
        json_object_array_add(list, row);
    }
    mp_json_put(doc, "instances", list);
}

struct json_object *sb_meeting_ledger_json(const struct sb_meeting *m, struct mp_arena *arena)
{
    struct json_object *doc = json_object_new_object();

    mp_json_put_int(doc, "id", m->id);
    mp_json_put_text(doc, "uuid", m->uuid);
    mp_json_put_text(doc, "account_id", m->host->account->account_id);
    mp_json_put_text(doc, "host_id", m->host->id);
    mp_json_put_text(doc, "host_email", m->host->email);
    mp_json_put_text(doc, "topic", m->topic);
    mp_json_put_text(doc, "agenda", m->agenda);
    mp_json_put_int(doc, "type", m->type);
    mp_json_put_text(doc, "timezone", m->timezone);
    mp_json_put_text(doc, "start_time", m->start_at < 0 ? NULL : mp_time_format_seconds(arena, m->start_at));
    mp_json_put_int(doc, "start_at", m->start_at);
    mp_json_put_int(doc, "duration", m->duration_min);
    mp_json_put_text(doc, "status", ledger_status(m));
    mp_json_put_int(doc, "created_at", m->created_at);
    mp_json_put_int(doc, "updated_at", m->updated_at);
    mp_json_put_int(doc, "deleted_at", m->deleted_at);
    mp_json_put_int(doc, "running_since", m->running_since);
    mp_json_put_int(doc, "ended_at", m->ended_at);
    mp_json_put_int(doc, "running_participants", m->running_participants);
    mp_json_put_bool(doc, "by_portal", m->by_portal);
    mp_json_put_text(doc, "password", m->password);
    mp_json_put_text(doc, "encrypted_password", m->encrypted_password);
    mp_json_put_text(doc, "digits_password", m->digits_password);
    mp_json_put(doc, "settings", m->settings == NULL ? NULL : parsed(arena, m->settings));
    mp_json_put(doc, "tracking_fields", m->tracking_fields == NULL ? NULL : parsed(arena, m->tracking_fields));
    put_instances(doc, m);
    return doc;
}
