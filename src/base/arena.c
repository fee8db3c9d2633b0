#include "meetpool/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base_int.h"

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#define POISON(p, len)   ASAN_POISON_MEMORY_REGION((p), (len))
#define UNPOISON(p, len) ASAN_UNPOISON_MEMORY_REGION((p), (len))
#define REDZONE_BYTES    16
#else
#define POISON(p, len)   ((void)0)
#define UNPOISON(p, len) ((void)0)
#define REDZONE_BYTES    0
#endif

#define ALIGN_BYTES    _Alignof(max_align_t)
#define BLOCK_BYTES    ((size_t)32 * 1024 - 64) /* with malloc's own head inside eight pages */
#define EXIT_NO_MEMORY 71

/* Blocks form a stack: the newest is filled, older ones are full. An allocation that does not fit a common block gets one of its own size. */
struct block {
    struct block *older;
    size_t size;
    size_t used;
    _Alignas(max_align_t) char bytes[];
};

struct deferred {
    struct deferred *older;
    void (*release)(void *);
    void *object;
};

struct mp_arena {
    struct block *newest;
    struct block *spare; /* one common block kept back, so that a loop over a block's edge does not go to malloc each time */
    struct deferred *deferred;
};

void mp_die(const char *line)
{
    ssize_t written = write(STDERR_FILENO, line, strlen(line));

    (void)written;
    _exit(EXIT_NO_MEMORY);
}

void mp_die_no_memory(void)
{
    mp_die("meetpool: out of memory, this process ends\n");
}

static struct block *block_new(size_t size)
{
    struct block *block;

    if (size > SIZE_MAX / 2)
        mp_die_no_memory();
    block = malloc(sizeof(*block) + size);
    if (!block)
        mp_die_no_memory();
    block->older = NULL;
    block->size = size;
    block->used = 0;
    POISON(block->bytes, size);
    return block;
}

static void block_free(struct block *block)
{
    if (!block)
        return;
    UNPOISON(block->bytes, block->size);
    free(block);
}

static void block_push(struct mp_arena *arena, size_t least_bytes)
{
    struct block *block;

    if (least_bytes <= BLOCK_BYTES && arena->spare) {
        block = arena->spare;
        arena->spare = NULL;
    } else {
        block = block_new(least_bytes > BLOCK_BYTES ? least_bytes : BLOCK_BYTES);
    }
    block->used = 0;
    block->older = arena->newest;
    arena->newest = block;
}

static void block_pop(struct mp_arena *arena)
{
    struct block *block = arena->newest;

    arena->newest = block->older;
    if (!arena->spare && block->size == BLOCK_BYTES) {
        POISON(block->bytes, block->size);
        arena->spare = block;
    } else {
        block_free(block);
    }
}

struct mp_arena *mp_arena_new(void)
{
    struct mp_arena *arena = calloc(1, sizeof(*arena));

    if (!arena)
        mp_die_no_memory();
    block_push(arena, BLOCK_BYTES);
    return arena;
}

static void run_deferred(struct mp_arena *arena, const struct deferred *until)
{
    while (arena->deferred != until) {
        struct deferred *d = arena->deferred;

        arena->deferred = d->older;
        d->release(d->object);
    }
}

void mp_arena_clear(struct mp_arena *arena)
{
    struct block *first = arena->newest;

    while (first->older)
        first = first->older;
    mp_arena_rewind(arena, (struct mp_arena_mark){first, 0, NULL});
    block_free(arena->spare);
    arena->spare = NULL;
}

void mp_arena_free(struct mp_arena *arena)
{
    if (!arena)
        return;
    mp_arena_clear(arena);
    block_free(arena->newest);
    free(arena);
}

/* Not zeroed. */
static void *take(struct mp_arena *arena, size_t size_bytes)
{
    size_t need;
    char *p;

    if (size_bytes > SIZE_MAX / 4)
        mp_die_no_memory();
    need = (size_bytes + REDZONE_BYTES + ALIGN_BYTES - 1) & ~(ALIGN_BYTES - 1);
    if (need > arena->newest->size - arena->newest->used)
        block_push(arena, need);
    p = arena->newest->bytes + arena->newest->used;
    arena->newest->used += need;
    UNPOISON(p, size_bytes);
    return p;
}

void *mp_arena_alloc(struct mp_arena *arena, size_t size_bytes)
{
    void *p = take(arena, size_bytes);

    return memset(p, 0, size_bytes);
}

void *mp_arena_array(struct mp_arena *arena, size_t count, size_t size_bytes)
{
    size_t total;

    if (__builtin_mul_overflow(count, size_bytes, &total))
        mp_die_no_memory();
    return mp_arena_alloc(arena, total);
}

char *mp_arena_strdup(struct mp_arena *arena, const char *text)
{
    return text ? mp_arena_strndup(arena, mp_slice_of(text)) : NULL;
}

char *mp_arena_strndup(struct mp_arena *arena, struct mp_slice s)
{
    char *p;

    if (s.len == SIZE_MAX)
        mp_die_no_memory();
    p = take(arena, s.len + 1);
    if (s.len > 0)
        memcpy(p, s.p, s.len);
    p[s.len] = '\0';
    return p;
}

char *mp_arena_printf(struct mp_arena *arena, const char *fmt, ...)
{
    va_list args;
    char *text;

    va_start(args, fmt);
    text = mp_arena_vprintf(arena, fmt, args);
    va_end(args);
    return text;
}

char *mp_arena_vprintf(struct mp_arena *arena, const char *fmt, va_list args)
{
    char small[256];
    va_list again;
    char *text;
    int len;

    va_copy(again, args);
    len = vsnprintf(small, sizeof(small), fmt, args);
    if (len < 0)
        mp_die("meetpool: a text could not be formatted, this process ends\n");
    text = take(arena, (size_t)len + 1);
    if ((size_t)len < sizeof(small))
        memcpy(text, small, (size_t)len + 1);
    else
        vsnprintf(text, (size_t)len + 1, fmt, again);
    va_end(again);
    return text;
}

void mp_arena_defer(struct mp_arena *arena, void (*release)(void *), void *object)
{
    struct deferred *d = take(arena, sizeof(*d));

    *d = (struct deferred){arena->deferred, release, object};
    arena->deferred = d;
}

struct mp_arena_mark mp_arena_mark(struct mp_arena *arena)
{
    return (struct mp_arena_mark){arena->newest, arena->newest->used, arena->deferred};
}

void mp_arena_rewind(struct mp_arena *arena, struct mp_arena_mark mark)
{
    run_deferred(arena, mark.deferred);
    while (arena->newest != mark.block)
        block_pop(arena);
    arena->newest->used = mark.used;
    POISON(arena->newest->bytes + mark.used, arena->newest->size - mark.used);
}
