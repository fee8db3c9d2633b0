#ifndef MEETPOOL_BUF_H
#define MEETPOOL_BUF_H

#include <stdbool.h>
#include <stddef.h>

#include "meetpool/arena.h"
#include "meetpool/slice.h"

/*
 * A growing text that knows the most it may hold. Appending past the limit appends nothing, returns false and marks the buffer `full`,
 * so that a row of appends may be checked once, at its end. Always NUL-terminated once something was appended.
 */
struct mp_buf {
    struct mp_arena *arena;
    char *p;
    size_t len;
    size_t cap;
    size_t most;
    bool full;
};

void mp_buf_init(struct mp_buf *buf, struct mp_arena *arena, size_t most_bytes);
bool mp_buf_append(struct mp_buf *buf, const void *bytes, size_t len);
bool mp_buf_add(struct mp_buf *buf, const char *text);
bool mp_buf_add_slice(struct mp_buf *buf, struct mp_slice s);
bool mp_buf_addf(struct mp_buf *buf, const char *fmt, ...) MP_PRINTF(2, 3);
/* The text; "" where nothing was appended. */
const char *mp_buf_text(const struct mp_buf *buf);
struct mp_slice mp_buf_slice(const struct mp_buf *buf);

#endif
