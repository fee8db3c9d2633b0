#include "recording.h"

#include <stdlib.h>
#include <string.h>

#include "hooks.h"
#include "meetpool/clock.h"
#include "meetpool/crypto.h"

/* The life of a recording's files. What each type looks like: developers.zoom.us/docs/api/meetings, "Get meeting recordings". */
static const struct {
    const char *extension, *recording_type;
    int64_t size;
    bool bare; /* without id, size, status and recording_type */
} types[] = {
    {"MP4", "shared_screen_with_speaker_view", 1 << 20, false},
    {"M4A", "audio_only", 128 << 10, false},
    {"TXT", "chat_file", 2000, false},
    {"VTT", "audio_transcript", 3000, false},
    {"CSV", "poll", 500, false},
    {"JPG", "thumbnail", 10000, false},
    {"VTT", "closed_caption", 2500, true},
    {"TXT", "chat_file", 1000, false},
    {"JSON", "summary", 1500, false},
    {"JSON", "timeline", 1200, true},
};
const char *const sb_file_types[] = {"MP4", "M4A", "CHAT", "TRANSCRIPT", "CSV", "TB", "CC", "CHAT_MESSAGE", "SUMMARY", "TIMELINE", NULL};

static char *new_uuid(struct mp_arena *arena)
{
    const char *h = mp_random_hex(arena, 16);

    return sb_dup(mp_arena_printf(arena, "%.8s-%.4s-4%.3s-a%.3s-%.12s", h, h + 8, h + 13, h + 17, h + 20));
}

struct sb_file *sb_file_new(struct sb_state *st, struct sb_instance *instance, int type)
{
    struct mp_arena *arena = mp_arena_new();
    struct sb_file *file = sb_alloc(sizeof(*file));

    *file = (struct sb_file){.instance = instance, .start_at = instance->started_at, .end_at = instance->ended_at, .appears_at = sb_now(st)};
    file->key = sb_dup(mp_random_text(arena, 43, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"));
    if (!types[type].bare)
        file->id = new_uuid(arena);
    file->file_type = sb_dup(sb_file_types[type]);
    file->extension = sb_dup(types[type].extension);
    file->recording_type = sb_dup(types[type].recording_type);
    file->status = sb_dup("completed");
    file->content.kind = sb_kind_of(file->extension);
    file->content.size = types[type].size;
    mp_random(&file->content.seed, sizeof(file->content.seed));
    file->content.seed >>= 11; /* fits a JSON number */
    mp_arena_free(arena);
    return file;
}

void sb_file_free(struct sb_file *file)
{
    free(file->key);
    free(file->id);
    free(file->file_type);
    free(file->extension);
    free(file->recording_type);
    free(file->status);
    free(file);
}

void sb_file_add(struct sb_state *st, struct sb_file *file)
{
    struct sb_instance *instance = file->instance;

    instance->files = sb_grow(instance->files, instance->file_count, &instance->file_cap, sizeof(struct sb_file *));
    instance->files[instance->file_count++] = file;
    sb_map_put(&st->files, file->key, file);
    if (!file->told) {
        file->next_untold = st->untold;
        st->untold = file;
    }
    sb_state_touch(st);
    sb_hooks_wake(st);
}

static void untold_remove(struct sb_state *st, const struct sb_file *file)
{
    struct sb_file **at = &st->untold;

    while (*at != NULL && *at != file)
        at = &(*at)->next_untold;
    if (*at != NULL)
        *at = file->next_untold;
}

void sb_files_forget(struct sb_state *st, struct sb_instance *instance)
{
    for (size_t i = 0; i < instance->file_count; i++) {
        untold_remove(st, instance->files[i]);
        sb_map_remove(&st->files, instance->files[i]->key);
        sb_file_free(instance->files[i]);
    }
    free(instance->files);
    instance->files = NULL;
    instance->file_count = instance->file_cap = 0;
}

bool sb_file_there(const struct sb_state *st, const struct sb_file *file)
{
    return file->trash == SB_KEPT && file->appears_at <= sb_now(st);
}

void sb_recordings_make(struct sb_state *st, struct sb_instance *instance)
{
    static const int set[] = {0, 1, 2, 3, 9}; /* places in sb_file_types */
    const char *settings = instance->meeting->settings;

    if (st->knobs.n[SB_K_AUTO_RECORD] == 0 || settings == NULL || strstr(settings, "\"auto_recording\":\"cloud\"") == NULL)
        return;
    for (size_t i = 0; i < MP_COUNT(set); i++) {
        struct sb_file *file = sb_file_new(st, instance, set[i]);

        file->appears_at += st->knobs.n[SB_K_RECORDING_DELAY_S] * 1000;
        if (set[i] == 0)
            file->content.size = st->knobs.n[SB_K_RECORDING_SIZE];
        sb_file_add(st, file);
    }
}

void sb_file_put(struct sb_state *st, struct sb_file *file, enum sb_trash where)
{
    file->trash = where;
    file->trashed_at = sb_now(st);
    sb_state_touch(st);
}

/* All of one instance that has appeared: one event for the transcript, one for the rest, each listing what is there by now. */
static void tell(struct sb_state *st, struct sb_instance *instance)
{
    bool transcript = false, others = false;

    for (size_t i = 0; i < instance->file_count; i++) {
        struct sb_file *file = instance->files[i];

        if (file->told || file->appears_at > sb_now(st))
            continue;
        untold_remove(st, file);
        file->told = true;
        if (file->silent || file->trash != SB_KEPT)
            continue;
        if (strcmp(file->file_type, "TRANSCRIPT") == 0)
            transcript = true;
        else
            others = true;
    }
    if (others)
        sb_event_recording(st, instance, "recording.completed", &(struct sb_pick){.but_type = "TRANSCRIPT"});
    if (transcript)
        sb_event_recording(st, instance, "recording.transcript_completed", &(struct sb_pick){.only_type = "TRANSCRIPT"});
    sb_state_touch(st);
}

void sb_recordings_tell(struct sb_state *st)
{
    struct sb_file *file = st->untold;

    while (file != NULL) {
        if (file->appears_at > sb_now(st)) {
            file = file->next_untold;
            continue;
        }
        tell(st, file->instance);
        file = st->untold; /* others of the instance went with it */
    }
}
