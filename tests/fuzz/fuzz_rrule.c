#include "fuzz.h"

#include <stdlib.h>

#include "meetpool/clock.h"
#include "meetpool/schedule.h"

#define FIRST INT64_C(1767776400000) /* 2026-01-07T09:00:00Z, 10:00 in Berlin, a Wednesday */
#define MOST  200

/* A rule is refused with a reason, or its starts are few, begin with the first, ascend, and are in range. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct mp_arena *arena;
    struct mp_error err;
    int64_t *starts = NULL;
    size_t count = 0;

    if (!arena)
        arena = mp_arena_new();
    if (size > 0 && data[size - 1] == '\n')
        size--;
    mp_error_init(&err, arena);
    if (mp_recurrence_expand(arena, mp_arena_strndup(arena, (struct mp_slice){(const char *)data, size}), FIRST, "Europe/Berlin", MOST, "rule",
                             &starts, &count, &err) < 0) {
        if (err.code != MP_E_INVALID || !err.details)
            abort();
    } else if (count < 1 || count > MOST || starts[0] != FIRST || starts[count - 1] > MP_TIME_MAX_MS) {
        abort();
    }
    for (size_t i = 1; i < count; i++) {
        if (starts[i] <= starts[i - 1])
            abort();
    }
    mp_arena_clear(arena);
    return 0;
}
