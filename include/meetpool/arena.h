#ifndef MEETPOOL_ARENA_H
#define MEETPOOL_ARENA_H

#include <stdarg.h>
#include <stddef.h>

#include "meetpool/attr.h"
#include "meetpool/slice.h"

/*
 * Memory that belongs to one piece of work (a request, a job), freed in one go.
 *
 * Allocation does not fail: where the system has no memory left the process ends with one line on stderr and the master starts another.
 * Therefore every size that comes from outside is limited before it gets here.
 *
 * Objects of other libraries (json-c, curl) are tied to an arena with mp_arena_defer(); they are released in reverse order when the
 * arena is cleared, before its memory goes.
 */
struct mp_arena;

struct mp_arena *mp_arena_new(void);
/* Runs what was deferred, in reverse order, and keeps one block for the next piece of work. */
void mp_arena_clear(struct mp_arena *arena);
/* As clear, and gives everything back. NULL is allowed. */
void mp_arena_free(struct mp_arena *arena);

/* Zeroed memory, aligned for any type. */
void *mp_arena_alloc(struct mp_arena *arena, size_t size_bytes);
/* Zeroed memory for `count` things; an overflowing product ends the process as no memory does. */
void *mp_arena_array(struct mp_arena *arena, size_t count, size_t size_bytes);
#define MP_NEW(arena, type) ((type *)mp_arena_alloc((arena), sizeof(type)))

/* Copies, NUL-terminated. NULL text gives NULL. */
char *mp_arena_strdup(struct mp_arena *arena, const char *text);
char *mp_arena_strndup(struct mp_arena *arena, struct mp_slice s);
/* Bytes from elsewhere as UTF-8 (RFC 3629): each that is no part of a character, and NUL, becomes U+FFFD. */
char *mp_arena_utf8(struct mp_arena *arena, struct mp_slice s);
char *mp_arena_printf(struct mp_arena *arena, const char *fmt, ...) MP_PRINTF(2, 3);
char *mp_arena_vprintf(struct mp_arena *arena, const char *fmt, va_list args) MP_PRINTF(2, 0);

/* `release(object)` runs when the arena is cleared or freed. */
void mp_arena_defer(struct mp_arena *arena, void (*release)(void *), void *object);

/*
 * For loops: everything allocated or deferred after the mark goes with mp_arena_rewind(), deferred calls first. Marks nest; rewinding
 * to an outer one ends the inner ones.
 */
struct mp_arena_mark {
    void *block;
    size_t used;
    void *deferred;
};
struct mp_arena_mark mp_arena_mark(struct mp_arena *arena);
void mp_arena_rewind(struct mp_arena *arena, struct mp_arena_mark mark);

#endif
