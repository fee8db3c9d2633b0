#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "meetpool/json.h"

/* What was taken can be written, and what was written is taken again and written the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct mp_arena *arena;
    struct json_object *doc, *again;
    struct mp_error err;
    const char *text;

    if (!arena)
        arena = mp_arena_new();
    mp_error_init(&err, arena);
    if (mp_json_parse(arena, (struct mp_slice){(const char *)data, size}, &doc, &err) == 0) {
        text = mp_json_text(arena, doc);
        if (mp_json_parse(arena, mp_slice_of(text), &again, &err) != 0 || strcmp(text, mp_json_text(arena, again)) != 0)
            abort();
    } else if (err.code != MP_E_MALFORMED || !err.message) {
        abort();
    }
    mp_arena_clear(arena);
    return 0;
}
