#include <string.h>

#include "ctl_int.h"
#include "meetpool/buf.h"

#define TEXT_MOST 2000

/*
 * An app has the classic names or, since 2024-03, the granular ones; either do, with ":admin" or without.
 * Source: developers.zoom.us/docs/integrations/oauth-scopes-granular, as of 2026-02-07.
 */
static const struct feature {
    const char *name, *classic, *granular;
    const char *without; /* what does not work */
    bool needed;         /* nothing works without it */
} features[] = {
    {"meetings", "meeting:read meeting:write",
     "meeting:write:meeting meeting:update:meeting meeting:delete:meeting meeting:read:meeting meeting:read:list_meetings meeting:update:status",
     "no meeting can be made, changed and looked after", true},
    {"meetings held", "meeting:read", "meeting:read:list_past_instances",
     "the recordings of a meeting that was held more than once are not all found", false},
    {"recordings", "recording:read", "cloud_recording:read:list_user_recordings cloud_recording:read:list_recording_files", "recordings stay at Zoom",
     false},
    {"recordings removed", "recording:write", "cloud_recording:delete:recording_file", "recordings stay at Zoom once they were brought home", false},
    {"users", "user:read", "user:read:user", "the licences of hosts cannot be looked at", false},
};

static bool holds(const char *scope, struct mp_slice name)
{
    struct mp_slice rest = mp_slice_of(scope), word;

    while (mp_slice_split(&rest, ' ', &word)) {
        if (word.len >= name.len && memcmp(word.p, name.p, name.len) == 0 &&
            (word.len == name.len || mp_slice_eq_text((struct mp_slice){word.p + name.len, word.len - name.len}, ":admin")))
            return true;
    }
    return false;
}

/* Those of `names` that the scope lacks, with blanks between; "" where it has all. */
static const char *lacking(struct mp_arena *arena, const char *scope, const char *names)
{
    struct mp_slice rest = mp_slice_of(names), name;
    struct mp_buf out;

    mp_buf_init(&out, arena, TEXT_MOST);
    while (mp_slice_split(&rest, ' ', &name)) {
        if (!holds(scope, name))
            mp_buf_addf(&out, "%s%.*s:admin", out.len > 0 ? " " : "", (int)name.len, name.p);
    }
    return mp_arena_strdup(arena, mp_buf_text(&out));
}

/* Names to be added are told in the family that the app has. */
static bool is_classic(const char *scope)
{
    return holds(scope, mp_slice_of("meeting:write")) || holds(scope, mp_slice_of("meeting:read")) || holds(scope, mp_slice_of("recording:read")) ||
           holds(scope, mp_slice_of("user:read"));
}

void check_scopes(struct check *check, const char *account, const char *scope)
{
    struct mp_arena *arena = check->ctl->arena;
    unsigned found = 0;

    if (scope == NULL)
        return;
    for (size_t i = 0; i < MP_COUNT(features); i++) {
        const struct feature *feature = &features[i];
        const char *classic = lacking(arena, scope, feature->classic), *granular = lacking(arena, scope, feature->granular);
        const char *variable = mp_arena_printf(arena, "scopes of %s", account);
        const char *missing = is_classic(scope) ? classic : granular;

        if (classic[0] == '\0' || granular[0] == '\0' ||
            (strcmp(feature->name, "recordings removed") == 0 && !check->settings.recording.delete_source))
            continue;
        found++;
        if (feature->needed)
            check_error(check, variable, "add them to the app at marketplace.zoom.us and activate it again", "for %s it lacks %s: %s", feature->name,
                        missing, feature->without);
        else
            check_warn(check, variable, "add them to the app at marketplace.zoom.us and activate it again", "for %s it lacks %s: %s", feature->name,
                       missing, feature->without);
    }
    if (found == 0)
        check_good(check, mp_arena_printf(arena, "scopes of %s", account), "enough for meetings, recordings and users");
}
