#include <ctype.h>
#include <string.h>

#include "meeting_int.h"
#include "meetpool/crypto.h"

#define MARKER_OPEN "[mp:"
#define REF_CHARS   16
/* The longest name of an installation. Anything longer is somebody's text. */
#define INSTALL_MOST 15
#define MARKER_MOST  (sizeof(MARKER_OPEN) - 1 + INSTALL_MOST + 1 + REF_CHARS + 1)

char *meeting_new_ref(struct mp_arena *arena)
{
    return mp_random_hex(arena, REF_CHARS / 2);
}

/* Bytes of the first `most` characters of UTF-8 text. Those beyond the basic plane count twice, as they do where texts are UTF-16: which way Zoom
 * counts is not said anywhere. */
static size_t bytes_of_chars(const char *text, size_t most)
{
    size_t i = 0;

    for (size_t chars = 0; text[i] != '\0'; i++) {
        if (((unsigned char)text[i] & 0xC0) == 0x80)
            continue;
        chars += (unsigned char)text[i] >= 0xF0 ? 2 : 1;
        if (chars > most)
            break;
    }
    return i;
}

int meeting_agenda_out(struct mp_ctx *ctx, const char *ref, const char *agenda, const char **out, struct mp_error *err)
{
    const char *install, *marker;
    size_t room;

    if (mp_account_install_id(ctx, &install, err) < 0)
        return -1;
    marker = mp_arena_printf(ctx->arena, MARKER_OPEN "%s:%s]", install, ref);
    if (agenda == NULL || agenda[0] == '\0') {
        *out = marker;
        return 0;
    }
    room = bytes_of_chars(agenda, MEETING_AGENDA_MAX - strlen(marker) - 1);
    *out = mp_arena_printf(ctx->arena, "%s %.*s", marker, (int)room, agenda);
    return 0;
}

/* The marker's parts where the text begins with one; the length of the marker, 0 without one. */
static size_t split_marker(const char *agenda, struct mp_slice *install, struct mp_slice *ref)
{
    const char *at = agenda, *colon;

    if (agenda == NULL || strncmp(agenda, MARKER_OPEN, strlen(MARKER_OPEN)) != 0)
        return 0;
    at += strlen(MARKER_OPEN);
    colon = at + strspn(at, "0123456789abcdefghijklmnopqrstuvwxyz");
    if (colon == at || colon - at > INSTALL_MOST || *colon != ':')
        return 0;
    if (strnlen(colon + 1, REF_CHARS + 1) <= REF_CHARS || colon[REF_CHARS + 1] != ']')
        return 0;
    for (size_t i = 1; i <= REF_CHARS; i++) {
        if (!isxdigit((unsigned char)colon[i]))
            return 0;
    }
    *install = (struct mp_slice){at, (size_t)(colon - at)};
    *ref = (struct mp_slice){colon + 1, REF_CHARS};
    return (size_t)(colon - agenda) + REF_CHARS + 2;
}

int meeting_marker_read(struct mp_ctx *ctx, const char *agenda, const char **ref, struct mp_error *err)
{
    struct mp_slice install, found;
    const char *own;

    if (split_marker(agenda, &install, &found) == 0)
        return 0;
    if (mp_account_install_id(ctx, &own, err) < 0)
        return -1;
    if (!mp_slice_eq_text(install, own))
        return 0;
    *ref = mp_arena_strndup(ctx->arena, found);
    return 1;
}

const char *meeting_agenda_in(struct mp_arena *arena, const char *agenda)
{
    struct mp_slice install, ref;
    size_t marker = split_marker(agenda, &install, &ref);

    if (agenda == NULL)
        return NULL;
    if (agenda[marker] == ' ' && marker > 0)
        marker++;
    return agenda[marker] == '\0' ? NULL : mp_arena_strdup(arena, agenda + marker);
}

bool meeting_agenda_same(const char *ours, const char *zooms_without_marker)
{
    const char *a = ours != NULL ? ours : "", *b = zooms_without_marker != NULL ? zooms_without_marker : "";
    size_t len = strlen(b);

    if (strncmp(a, b, len) != 0)
        return false;
    /* Cut by us: one more character would not have gone in beside the longest marker. */
    return a[len] == '\0' || bytes_of_chars(a, MEETING_AGENDA_MAX - MARKER_MOST - 1) <= len;
}
