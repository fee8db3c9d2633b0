#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "meetpool/clock.h"

static void check_instant(struct mp_arena *arena, int64_t at_ms)
{
    const char *text = mp_time_format(arena, at_ms);
    int64_t again = -1;

    if (at_ms < 0 || at_ms > MP_TIME_MAX_MS || mp_time_parse(mp_slice_of(text), NULL, &again, NULL, NULL) != MP_TIME_OK || again != at_ms)
        abort();
}

/* The first line is the time, a second one its zone. What was taken is in range and is read again as the same instant. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct mp_arena *arena;
    struct mp_slice rest = {(const char *)data, size}, text = {NULL, 0};
    const char *zone = NULL;
    int64_t at_ms = -1, before = -1, after = -1;
    enum mp_time_result result;

    if (!arena)
        arena = mp_arena_new();
    if (mp_slice_split(&rest, '\n', &text) && rest.len > 0) {
        if (rest.p[rest.len - 1] == '\n')
            rest.len--;
        zone = mp_arena_strndup(arena, rest);
    }
    result = mp_time_parse(text, zone, &at_ms, &before, &after);
    if (result == MP_TIME_OK)
        check_instant(arena, at_ms);
    else if (at_ms != -1 || !mp_time_explain(arena, result, zone, before, after))
        abort();
    if (result == MP_TIME_GAP && after != before + 1)
        abort();
    mp_arena_clear(arena);
    return 0;
}
