#include <string.h>

#include "hooks.h"
#include "meetpool/clock.h"
#include "meetpool/crypto.h"

/* What events say. Source: developers.zoom.us/docs/api/meetings/events, as of 2026-03-10. */

/* A text in started and ended, a number in all others; unless the knob wants one of the two everywhere. */
static void put_id(const struct sb_state *st, struct json_object *object, const struct sb_meeting *m, bool text_at_zoom)
{
    enum sb_event_ids ids = (enum sb_event_ids)st->knobs.n[SB_K_WEBHOOK_IDS];

    if (ids == SB_IDS_TEXT || (ids == SB_IDS_ZOOM && text_at_zoom))
        mp_json_put_text(object, "id", m->id_text);
    else
        mp_json_put_int(object, "id", m->id);
}

static void put_operator(struct json_object *payload, const struct sb_user *by, bool with_operation)
{
    if (by == NULL)
        return;
    mp_json_put_text(payload, "operator", by->email);
    mp_json_put_text(payload, "operator_id", by->id);
    if (with_operation)
        mp_json_put_text(payload, "operation", "single");
}

/* `object` is handed over. */
static char *envelope(struct mp_arena *arena, const char *event, int64_t event_ts, struct json_object *payload, struct json_object *object)
{
    struct json_object *doc = mp_json_object(arena);

    mp_json_put(payload, "object", object);
    mp_json_put_text(doc, "event", event);
    mp_json_put_int(doc, "event_ts", event_ts);
    mp_json_put(doc, "payload", payload);
    return mp_json_text(arena, doc);
}

static void put_created(struct mp_arena *arena, struct json_object *object, const struct sb_meeting *m)
{
    mp_json_put_text(object, "join_url", sb_meeting_join_url(arena, m));
    mp_json_put_text(object, "password", m->password);
    mp_json_put(object, "settings", json_object_get(sb_settings_json(arena, m->settings)));
}

char *sb_event_text(const struct sb_state *st, struct mp_arena *arena, const struct sb_meeting *m, const char *event,
                    const struct sb_instance *instance, const struct sb_user *by, int64_t event_ts)
{
    struct json_object *payload = json_object_new_object(), *object = json_object_new_object();
    bool held = strcmp(event, "meeting.started") == 0 || strcmp(event, "meeting.ended") == 0;
    int64_t start_at = !held ? m->start_at : instance != NULL ? instance->started_at : m->running_since >= 0 ? m->running_since : m->start_at;

    mp_json_put_text(payload, "account_id", m->host->account->account_id);
    put_operator(payload, by, true);
    put_id(st, object, m, held);
    mp_json_put_text(object, "uuid", instance != NULL ? instance->uuid : m->uuid);
    mp_json_put_text(object, "host_id", m->host->id);
    mp_json_put_text(object, "topic", m->topic);
    mp_json_put_int(object, "type", m->type);
    if (start_at >= 0)
        mp_json_put_text(object, "start_time", mp_time_format_seconds(arena, start_at));
    mp_json_put_text(object, "timezone", m->timezone);
    mp_json_put_int(object, "duration", m->duration_min);
    if (strcmp(event, "meeting.created") == 0)
        put_created(arena, object, m);
    if (strcmp(event, "meeting.ended") == 0)
        mp_json_put_text(object, "end_time", mp_time_format_seconds(arena, instance != NULL ? instance->ended_at : sb_now(st)));
    return envelope(arena, event, event_ts, payload, object);
}

/* Nobody is told, nothing is made up: most of a benchmark runs without subscriptions. */
static bool unheard(const struct sb_state *st)
{
    return st->hooks == NULL || st->hooks->first == NULL;
}

void sb_event_meeting(struct sb_state *st, const struct sb_meeting *m, const char *event, const struct sb_instance *instance,
                      const struct sb_user *by)
{
    struct mp_arena *arena;

    if (unheard(st))
        return;
    arena = mp_arena_new();
    (void)sb_hooks_publish(st, event, m->host->account->account_id, NULL, sb_event_text(st, arena, m, event, instance, by, sb_now(st)));
    mp_arena_free(arena);
}

/* ---- changes: what differs, before and after */

struct json_object *sb_event_before(const struct sb_state *st, struct mp_arena *arena, const struct sb_meeting *m)
{
    struct json_object *doc;

    if (unheard(st))
        return NULL;
    doc = mp_json_object(arena);
    mp_json_put_text(doc, "host_id", m->host->id);
    mp_json_put_text(doc, "topic", m->topic);
    mp_json_put_int(doc, "type", m->type);
    if (m->start_at >= 0)
        mp_json_put_text(doc, "start_time", mp_time_format_seconds(arena, m->start_at));
    mp_json_put_int(doc, "duration", m->duration_min);
    mp_json_put_text(doc, "timezone", m->timezone);
    mp_json_put_text(doc, "password", m->password);
    mp_json_put_text(doc, "agenda", m->agenda);
    mp_json_put_text(doc, "join_url", sb_meeting_join_url(arena, m));
    mp_json_put(doc, "settings", json_object_get(sb_settings_json(arena, m->settings)));
    return doc;
}

/* Members of `to` that are not so in `from`. */
static struct json_object *difference(struct json_object *from, struct json_object *to)
{
    struct json_object *out = json_object_new_object();

    json_object_object_foreach(to, key, value)
    {
        struct json_object *old = NULL;

        (void)json_object_object_get_ex(from, key, &old);
        if (json_object_equal(old, value))
            continue;
        if (old != NULL && strcmp(key, "settings") == 0)
            json_object_object_add(out, key, difference(old, value));
        else
            json_object_object_add(out, key, json_object_get(value));
    }
    return out;
}

/* `object` and `old` are handed over. */
static char *updated_text(const struct sb_state *st, struct mp_arena *arena, const struct sb_meeting *m, const struct sb_user *by,
                          struct json_object *object, struct json_object *old)
{
    struct json_object *doc = mp_json_object(arena), *payload = json_object_new_object();

    put_id(st, object, m, false);
    put_id(st, old, m, false);
    mp_json_put_text(payload, "account_id", m->host->account->account_id);
    put_operator(payload, by, false);
    mp_json_put(payload, "object", object);
    mp_json_put(payload, "old_object", old);
    mp_json_put_int(payload, "time_stamp", sb_now(st));
    mp_json_put_text(payload, "scope", "single");
    mp_json_put_text(doc, "event", "meeting.updated");
    mp_json_put_int(doc, "event_ts", sb_now(st));
    mp_json_put(doc, "payload", payload);
    return mp_json_text(arena, doc);
}

void sb_event_updated(struct sb_state *st, const struct sb_meeting *m, struct json_object *before, const struct sb_user *by)
{
    struct mp_arena *arena;
    struct json_object *after;

    if (before == NULL)
        return;
    arena = mp_arena_new();
    after = sb_event_before(st, arena, m);
    if (after != NULL && !json_object_equal(before, after))
        (void)sb_hooks_publish(st, "meeting.updated", m->host->account->account_id, NULL,
                               updated_text(st, arena, m, by, difference(before, after), difference(after, before)));
    mp_arena_free(arena);
}

/* ---- recordings */

/* The three kinds differ a little: developers.zoom.us/docs/api/meetings/events, as of 2026-03-10. */
static char *recording_text(const struct sb_state *st, struct mp_arena *arena, const struct sb_instance *instance, const char *event,
                            struct json_object *object)
{
    struct json_object *doc = mp_json_object(arena), *payload = json_object_new_object();
    bool completed = strcmp(event, "recording.completed") == 0, transcript = strcmp(event, "recording.transcript_completed") == 0;

    put_id(st, object, instance->meeting, false);
    if (!completed)
        json_object_object_del(object, "on_prem");
    if (transcript)
        json_object_object_del(object, "participant_audio_files");
    mp_json_put_text(payload, "account_id", instance->meeting->host->account->account_id);
    if (!completed && !transcript)
        put_operator(payload, instance->meeting->host, false);
    mp_json_put(payload, "object", json_object_get(object));
    mp_json_put_text(doc, "event", event);
    mp_json_put_int(doc, "event_ts", sb_now(st));
    mp_json_put(doc, "payload", payload);
    mp_json_put_text(doc, "download_token", sb_file_token(st, arena, "event", instance, st->knobs.n[SB_K_DOWNLOAD_TOKEN_TTL_S]));
    return mp_json_text(arena, doc);
}

void sb_event_recording(struct sb_state *st, const struct sb_instance *instance, const char *event, const struct sb_pick *pick)
{
    struct json_object *object, *files;
    struct mp_arena *arena;

    if (unheard(st))
        return;
    arena = mp_arena_new();
    object = sb_recording_json(st, arena, instance, pick, true, sb_download_base(st, arena, NULL));
    if (json_object_object_get_ex(object, "recording_files", &files) && json_object_array_length(files) > 0)
        (void)sb_hooks_publish(st, event, instance->meeting->host->account->account_id, NULL, recording_text(st, arena, instance, event, object));
    mp_arena_free(arena);
}

/* ---- apps. Its event_ts is a text inside the payload. */

void sb_event_deauthorized(struct sb_state *st, const struct sb_user *user, const char *client_id)
{
    struct mp_arena *arena;
    struct json_object *doc, *payload;
    const char *now;

    if (unheard(st))
        return;
    arena = mp_arena_new();
    doc = mp_json_object(arena);
    payload = json_object_new_object();
    now = mp_time_format(arena, sb_now(st));
    mp_json_put_text(payload, "account_id", user->account->account_id);
    mp_json_put_text(payload, "user_id", user->id);
    mp_json_put_text(payload, "signature", mp_random_hex(arena, 32));
    mp_json_put_text(payload, "deauthorization_time", now);
    mp_json_put_text(payload, "client_id", client_id);
    mp_json_put_text(payload, "event_ts", mp_arena_printf(arena, "%.10s %.8s", now, now + 11));
    mp_json_put_text(doc, "event", "app_deauthorized");
    mp_json_put(doc, "payload", payload);
    (void)sb_hooks_publish(st, "app_deauthorized", user->account->account_id, client_id, mp_json_text(arena, doc));
    mp_arena_free(arena);
}
