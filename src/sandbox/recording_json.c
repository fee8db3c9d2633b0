#include "recording.h"

#include <string.h>

#include "meetpool/clock.h"

#define TRASH_DAYS 30 /* support.zoom.com, "Recovering deleted cloud recordings" */

static bool listed(const struct sb_state *st, const struct sb_file *file, enum sb_trash trash)
{
    if (trash != SB_KEPT && file->trashed_at + TRASH_DAYS * MP_DAY_MS <= sb_now(st))
        return false;
    return file->trash == trash && file->appears_at <= sb_now(st);
}

bool sb_recording_any(const struct sb_state *st, const struct sb_instance *instance, enum sb_trash trash)
{
    for (size_t i = 0; i < instance->file_count; i++) {
        if (listed(st, instance->files[i], trash))
            return true;
    }
    return false;
}

const char *sb_download_base(const struct sb_state *st, struct mp_arena *arena, const char *authority)
{
    const char *knob = st->knobs.text[SB_K_DOWNLOAD_BASE];

    if (knob[0] != '\0')
        return mp_arena_strdup(arena, knob);
    if (authority == NULL || authority[0] == '\0')
        authority = st->authority[0] != '\0' ? st->authority : "127.0.0.1:8490";
    return mp_arena_printf(arena, "http://%s", authority);
}

static struct json_object *file_json(struct mp_arena *arena, const struct sb_file *file, bool webhook, const char *base)
{
    struct json_object *doc = json_object_new_object();

    if (file->id != NULL)
        mp_json_put_text(doc, "id", file->id);
    mp_json_put_text(doc, "meeting_id", file->instance->uuid);
    mp_json_put_text(doc, "recording_start", mp_time_format_seconds(arena, file->start_at));
    mp_json_put_text(doc, "recording_end", file->end_at < 0 ? "" : mp_time_format_seconds(arena, file->end_at));
    mp_json_put_text(doc, "file_type", file->file_type);
    mp_json_put_text(doc, "file_extension", file->extension);
    mp_json_put_text(doc, "download_url", mp_arena_printf(arena, "%s/rec/%s/%s", base, webhook ? "webhook_download" : "download", file->key));
    if (file->trash != SB_KEPT)
        mp_json_put_text(doc, "deleted_time", mp_time_format_seconds(arena, file->trashed_at));
    if (file->id == NULL)
        return doc;
    mp_json_put_int(doc, "file_size", file->content.size);
    mp_json_put_text(doc, "play_url", mp_arena_printf(arena, "%s/rec/play/%s", base, file->key));
    mp_json_put_text(doc, "status", file->status);
    mp_json_put_text(doc, "recording_type", file->recording_type);
    return doc;
}

static void put_meeting(const struct sb_state *st, struct mp_arena *arena, struct json_object *doc, const struct sb_instance *instance)
{
    const struct sb_meeting *m = instance->meeting;

    mp_json_put_text(doc, "uuid", instance->uuid);
    mp_json_put_int(doc, "id", m->id);
    mp_json_put_text(doc, "account_id", m->host->account->account_id);
    mp_json_put_text(doc, "host_id", m->host->id);
    mp_json_put_text(doc, "host_email", m->host->email);
    mp_json_put_text(doc, "topic", m->topic);
    if (st->knobs.n[SB_K_RECORDING_TYPE_TEXT] != 0)
        mp_json_put_text(doc, "type", mp_arena_printf(arena, "%lld", (long long)m->type));
    else
        mp_json_put_int(doc, "type", m->type);
    mp_json_put_text(doc, "start_time", mp_time_format_seconds(arena, instance->started_at));
    mp_json_put_text(doc, "timezone", m->timezone);
    mp_json_put_int(doc, "duration", (instance->ended_at - instance->started_at) / 60000);
}

static bool picked(const struct sb_state *st, const struct sb_file *file, const struct sb_pick *pick)
{
    if (!listed(st, file, pick->trash) || (pick->file != NULL && pick->file != file))
        return false;
    if (pick->only_type != NULL && strcmp(pick->only_type, file->file_type) != 0)
        return false;
    return pick->but_type == NULL || strcmp(pick->but_type, file->file_type) != 0;
}

struct json_object *sb_recording_json(const struct sb_state *st, struct mp_arena *arena, const struct sb_instance *instance,
                                      const struct sb_pick *pick, bool webhook, const char *base)
{
    struct json_object *doc = mp_json_object(arena);
    struct json_object *list = json_object_new_array();
    int64_t total = 0;

    put_meeting(st, arena, doc, instance);
    for (size_t i = 0; i < instance->file_count; i++) {
        const struct sb_file *file = instance->files[i];

        if (!picked(st, file, pick))
            continue;
        total += file->content.size;
        json_object_array_add(list, file_json(arena, file, webhook, base));
    }
    mp_json_put_int(doc, "total_size", total);
    mp_json_put_int(doc, "recording_count", (int64_t)json_object_array_length(list));
    mp_json_put_text(doc, "share_url", mp_arena_printf(arena, "%s/rec/share/%s", base, instance->meeting->id_text));
    if (webhook)
        mp_json_put_text(doc, "password", instance->meeting->password);
    if (webhook)
        mp_json_put_bool(doc, "on_prem", false);
    mp_json_put(doc, "recording_files", list);
    if (webhook)
        mp_json_put(doc, "participant_audio_files", json_object_new_array());
    return doc;
}
