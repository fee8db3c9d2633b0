#include "meetpool/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define FIRST_BYTES 256

void mp_buf_init(struct mp_buf *buf, struct mp_arena *arena, size_t most_bytes)
{
    *buf = (struct mp_buf){.arena = arena, .most = most_bytes < SIZE_MAX ? most_bytes : SIZE_MAX - 1};
}

/* Room for `more` bytes and the NUL; false where the limit forbids it. */
static bool reserve(struct mp_buf *buf, size_t more)
{
    size_t need, cap;
    char *p;

    if (more > buf->most - buf->len) {
        buf->full = true;
        return false;
    }
    need = buf->len + more + 1;
    if (need <= buf->cap)
        return true;
    cap = buf->cap ? buf->cap : FIRST_BYTES;
    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    if (cap > buf->most + 1)
        cap = buf->most + 1;
    p = mp_arena_alloc(buf->arena, cap);
    if (buf->len > 0)
        memcpy(p, buf->p, buf->len);
    buf->p = p;
    buf->cap = cap;
    return true;
}

bool mp_buf_append(struct mp_buf *buf, const void *bytes, size_t len)
{
    if (!reserve(buf, len))
        return false;
    if (len > 0)
        memcpy(buf->p + buf->len, bytes, len);
    buf->len += len;
    buf->p[buf->len] = '\0';
    return true;
}

bool mp_buf_add(struct mp_buf *buf, const char *text)
{
    return mp_buf_add_slice(buf, mp_slice_of(text));
}

bool mp_buf_add_slice(struct mp_buf *buf, struct mp_slice s)
{
    return mp_buf_append(buf, s.p, s.len);
}

bool mp_buf_addf(struct mp_buf *buf, const char *fmt, ...)
{
    va_list args;
    int len;

    va_start(args, fmt);
    len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (len < 0 || !reserve(buf, (size_t)len)) {
        buf->full = true;
        return false;
    }
    va_start(args, fmt);
    vsnprintf(buf->p + buf->len, (size_t)len + 1, fmt, args);
    va_end(args);
    buf->len += (size_t)len;
    return true;
}

const char *mp_buf_text(const struct mp_buf *buf)
{
    return buf->p ? buf->p : "";
}

struct mp_slice mp_buf_slice(const struct mp_buf *buf)
{
    return (struct mp_slice){mp_buf_text(buf), buf->len};
}
