#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "meetpool/json.h"
#include "webhook_int.h"

static void must(bool holds)
{
    if (!holds)
        abort();
}

static bool same(const char *a, const char *b)
{
    return a == NULL ? b == NULL : b != NULL && strcmp(a, b) == 0;
}

/* As the columns that they go into take them. */
static void check_word(const char *text, size_t most)
{
    must(text == NULL || (text[0] != '\0' && strlen(text) <= most));
    for (const char *c = text; c != NULL && *c != '\0'; c++)
        must(*c > ' ' && *c <= '~');
}

/* What is kept of an event is the event, as far as anything is done about it, and fits. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct mp_arena *arena;
    struct webhook_event event, again;
    struct mp_error err;
    const char *kept;

    if (!arena)
        arena = mp_arena_new();
    mp_error_init(&err, arena);
    if (webhook_event_decode(arena, (struct mp_slice){(const char *)data, size}, &event, &err) == 0) {
        check_word(event.name, 64);
        check_word(event.uuid, 64);
        check_word(webhook_event_subject(arena, &event), 64);
        must(event.zoom_id >= 0 && event.at >= -1);
        kept = webhook_event_encode(arena, &event);
        must(webhook_event_decode(arena, mp_slice_of(kept), &again, &err) == 0);
        must(event.kind == again.kind && event.at == again.at && event.zoom_id == again.zoom_id && event.starts_at == again.starts_at &&
             event.ends_at == again.ends_at && event.duration_min == again.duration_min && event.further == again.further);
        must(same(event.name, again.name) && same(event.uuid, again.uuid) && same(event.topic, again.topic) && same(event.timezone, again.timezone) &&
             same(event.user_id, again.user_id) && same(event.account_id, again.account_id) && same(event.client_id, again.client_id));
        must(webhook_event_usable(&event) == webhook_event_usable(&again) && same(kept, webhook_event_encode(arena, &again)));
    } else if (err.code != MP_E_MALFORMED || !err.message) {
        abort();
    }
    mp_arena_clear(arena);
    return 0;
}
