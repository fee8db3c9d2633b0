#include "meetpool/slice.h"

#include <string.h>

struct mp_slice mp_slice_of(const char *text)
{
    return (struct mp_slice){text, text ? strlen(text) : 0};
}

bool mp_slice_eq(struct mp_slice a, struct mp_slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

bool mp_slice_eq_text(struct mp_slice a, const char *text)
{
    return mp_slice_eq(a, mp_slice_of(text));
}

static unsigned char ascii_lower(char c)
{
    unsigned char u = (unsigned char)c;

    return u >= 'A' && u <= 'Z' ? (unsigned char)(u + ('a' - 'A')) : u;
}

bool mp_slice_eq_nocase(struct mp_slice a, const char *text)
{
    struct mp_slice b = mp_slice_of(text);

    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
            return false;
    }
    return true;
}

bool mp_slice_starts(struct mp_slice a, const char *prefix)
{
    struct mp_slice b = mp_slice_of(prefix);

    return a.len >= b.len && (b.len == 0 || memcmp(a.p, b.p, b.len) == 0);
}

bool mp_slice_split(struct mp_slice *rest, char sep, struct mp_slice *head)
{
    const char *at;
    size_t len;

    if (rest->len == 0)
        return false;
    at = memchr(rest->p, sep, rest->len);
    len = at ? (size_t)(at - rest->p) : rest->len;
    *head = (struct mp_slice){rest->p, len};
    len += at ? 1 : 0;
    rest->p += len;
    rest->len -= len;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct mp_slice mp_slice_trim(struct mp_slice s)
{
    while (s.len > 0 && is_blank(s.p[0])) {
        s.p++;
        s.len--;
    }
    while (s.len > 0 && is_blank(s.p[s.len - 1]))
        s.len--;
    return s;
}

bool mp_slice_to_u64(struct mp_slice s, unsigned long long most, unsigned long long *out)
{
    unsigned long long value = 0;

    if (s.len == 0 || (s.len > 1 && s.p[0] == '0'))
        return false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned)(unsigned char)s.p[i] - '0';

        if (digit > 9 || __builtin_mul_overflow(value, 10ULL, &value) || __builtin_add_overflow(value, (unsigned long long)digit, &value))
            return false;
    }
    if (value > most)
        return false;
    *out = value;
    return true;
}
