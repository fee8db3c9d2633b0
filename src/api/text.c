#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "api_int.h"
#include "meetpool/buf.h"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* How many bytes the UTF-8 character at `s` has; 0 where it is none (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF). */
static size_t utf8_length(const unsigned char *s, size_t left)
{
    size_t len = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;

    if (len == 0 || len > left)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return len;
}

static bool is_plain_text(const char *text, size_t len)
{
    size_t step;

    for (size_t i = 0; i < len; i += step) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c == 0x7f)
            return false;
        step = utf8_length((const unsigned char *)text + i, len - i);
        if (step == 0)
            return false;
    }
    return true;
}

bool mp_percent_decode(struct mp_arena *arena, struct mp_slice text, bool plus, const char **out)
{
    char *to = mp_arena_alloc(arena, text.len + 1);
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.p[i] == '%') {
            int high = i + 2 < text.len ? hex_value(text.p[i + 1]) : -1, low = i + 2 < text.len ? hex_value(text.p[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            to[len++] = (char)(high * 16 + low);
            i += 2;
        } else {
            to[len++] = plus && text.p[i] == '+' ? ' ' : text.p[i];
        }
    }
    if (!is_plain_text(to, len))
        return false;
    *out = to;
    return true;
}

static size_t authority_end(const char *url, size_t start)
{
    return start + strcspn(url + start, "/?#");
}

const char *mp_origin_of(struct mp_arena *arena, const char *url)
{
    size_t scheme = strncasecmp(url, "https://", 8) == 0 ? 8 : strncasecmp(url, "http://", 7) == 0 ? 7 : 0;
    size_t len = scheme > 0 ? authority_end(url, scheme) : 0;
    const char *port = scheme == 8 ? ":443" : ":80";
    char *origin;

    if (len <= scheme || memchr(url, '@', len) != NULL)
        return NULL;
    origin = mp_arena_strndup(arena, (struct mp_slice){url, len});
    for (size_t i = 0; i < len; i++)
        origin[i] = (char)tolower((unsigned char)origin[i]);
    if (len > strlen(port) && strcmp(origin + len - strlen(port), port) == 0)
        origin[len - strlen(port)] = '\0';
    return origin;
}

bool mp_origin_valid(struct mp_arena *arena, const char *text)
{
    const char *origin = mp_origin_of(arena, text);

    return origin != NULL && strcmp(origin, text) == 0;
}
