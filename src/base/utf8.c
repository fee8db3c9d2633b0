#include <string.h>

#include "base_int.h"
#include "meetpool/arena.h"

static bool is_tail(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

size_t mp_utf8_decode(const char *p, size_t left, uint32_t *c)
{
    const unsigned char *u = (const unsigned char *)p;

    if (u[0] < 0x80) {
        *c = u[0];
        return 1;
    }
    if (u[0] >= 0xc2 && u[0] <= 0xdf && left >= 2 && is_tail(u[1])) {
        *c = (u[0] & 0x1fU) << 6 | (u[1] & 0x3fU);
        return 2;
    }
    if ((u[0] & 0xf0) == 0xe0 && left >= 3 && is_tail(u[1]) && is_tail(u[2])) {
        *c = (u[0] & 0x0fU) << 12 | (u[1] & 0x3fU) << 6 | (u[2] & 0x3fU);
        return *c >= 0x800 && (*c < 0xd800 || *c > 0xdfff) ? 3 : 0;
    }
    if (u[0] >= 0xf0 && u[0] <= 0xf4 && left >= 4 && is_tail(u[1]) && is_tail(u[2]) && is_tail(u[3])) {
        *c = (u[0] & 0x07U) << 18 | (u[1] & 0x3fU) << 12 | (u[2] & 0x3fU) << 6 | (u[3] & 0x3fU);
        return *c >= 0x10000 && *c <= 0x10ffff ? 4 : 0;
    }
    return 0;
}

bool mp_utf8_is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) ||
           c == 0xfeff;
}

char *mp_arena_utf8(struct mp_arena *arena, struct mp_slice s)
{
    static const char unknown[] = "\xef\xbf\xbd";
    char *out = mp_arena_array(arena, s.len + 1, sizeof(unknown) - 1);
    size_t to = 0;

    for (size_t i = 0, taken; i < s.len; i += taken) {
        uint32_t c;

        taken = s.p[i] == '\0' ? 0 : mp_utf8_decode(s.p + i, s.len - i, &c);
        memcpy(out + to, taken > 0 ? s.p + i : unknown, taken > 0 ? taken : sizeof(unknown) - 1);
        to += taken > 0 ? taken : sizeof(unknown) - 1;
        taken = taken > 0 ? taken : 1;
    }
    out[to] = '\0';
    return out;
}
