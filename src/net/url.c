#include <arpa/inet.h>
#include <string.h>

#include "meetpool/http.h"

#define HOST_MOST_CHARS 253 /* RFC 1035 section 2.3.4, without the closing dot */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_unreserved(char c)
{
    return is_digit(c) || is_letter(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

char *mp_url_encode(struct mp_arena *arena, struct mp_slice s)
{
    static const char hex[] = "0123456789ABCDEF";
    char *out = mp_arena_array(arena, s.len + 1, 3);
    char *to = out;

    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (is_unreserved(s.p[i])) {
            *to++ = s.p[i];
            continue;
        }
        *to++ = '%';
        *to++ = hex[c >> 4];
        *to++ = hex[c & 15];
    }
    *to = '\0';
    return out;
}

static char *lower(struct mp_arena *arena, struct mp_slice s)
{
    char *out = mp_arena_strndup(arena, s);

    for (size_t i = 0; i < s.len; i++)
        if (out[i] >= 'A' && out[i] <= 'Z')
            out[i] = (char)(out[i] - 'A' + 'a');
    return out;
}

/* Bytes that no URL holds unencoded, and the backslash, which some readers take for a slash: two readers must not see two hosts. */
static bool is_plain(struct mp_slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.p[i] <= ' ' || s.p[i] >= 0x7f || strchr("\\\"<>", s.p[i]))
            return false;
    return true;
}

/* A last label that begins with a digit makes the whole a number to many resolvers ("127.1", "0x7f.1"): only the usual four numbers are taken. */
static bool number_is_usual(const char *host)
{
    const char *dot = strrchr(host, '.');
    const char *last = dot ? dot + 1 : host;
    struct in_addr addr;

    return !is_digit(*last) || inet_pton(AF_INET, host, &addr) == 1;
}

static bool is_name(const char *host)
{
    size_t len = strlen(host);

    if (len == 0 || len > HOST_MOST_CHARS || host[0] == '.' || host[0] == '-' || host[len - 1] == '.')
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!is_digit(host[i]) && !is_letter(host[i]) && host[i] != '-' && host[i] != '.' && host[i] != '_')
            return false;
        if (host[i] == '.' && host[i + 1] == '.')
            return false;
    }
    return number_is_usual(host);
}

/* Takes the host off the front of `authority`; what stays is empty or ":port". */
static bool take_host(struct mp_arena *arena, struct mp_slice *authority, const char **host)
{
    struct in6_addr addr;
    const char *end;
    size_t len;

    if (mp_slice_starts(*authority, "[")) {
        end = memchr(authority->p, ']', authority->len);
        if (!end)
            return false;
        *host = lower(arena, (struct mp_slice){authority->p + 1, (size_t)(end - authority->p) - 1});
        len = (size_t)(end - authority->p) + 1;
        if (inet_pton(AF_INET6, *host, &addr) != 1)
            return false;
    } else {
        end = memchr(authority->p, ':', authority->len);
        len = end ? (size_t)(end - authority->p) : authority->len;
        *host = lower(arena, (struct mp_slice){authority->p, len});
        if (!is_name(*host))
            return false;
    }
    authority->p += len;
    authority->len -= len;
    return true;
}

static bool take_port(struct mp_slice rest, unsigned *port)
{
    unsigned long long number;

    if (rest.len == 0)
        return true;
    if (rest.p[0] != ':' || !mp_slice_to_u64((struct mp_slice){rest.p + 1, rest.len - 1}, 65535, &number) || number == 0)
        return false;
    *port = (unsigned)number;
    return true;
}

static bool take_scheme(struct mp_slice *text, struct mp_url *out)
{
    static const struct {
        const char *scheme;
        unsigned port;
    } schemes[] = {{"http", 80}, {"https", 443}};

    for (size_t i = 0; i < MP_COUNT(schemes); i++) {
        size_t len = strlen(schemes[i].scheme);

        if (text->len < len + 3 || memcmp(text->p + len, "://", 3) != 0 || !mp_slice_eq_nocase((struct mp_slice){text->p, len}, schemes[i].scheme))
            continue;
        out->scheme = schemes[i].scheme;
        out->port = schemes[i].port;
        text->p += len + 3;
        text->len -= len + 3;
        return true;
    }
    return false;
}

/* How many bytes of `s` stand before the first of `ends`. */
static size_t length_before(struct mp_slice s, const char *ends)
{
    size_t len = 0;

    while (len < s.len && !strchr(ends, s.p[len]))
        len++;
    return len;
}

bool mp_url_parse(struct mp_arena *arena, const char *text, struct mp_url *out)
{
    struct mp_slice rest = mp_slice_of(text);
    struct mp_slice authority;
    struct mp_slice path;

    *out = (struct mp_url){0};
    if (!is_plain(rest) || !take_scheme(&rest, out))
        return false;
    authority = (struct mp_slice){rest.p, length_before(rest, "/?#")};
    path = (struct mp_slice){rest.p + authority.len, rest.len - authority.len};
    path.len = length_before(path, "#");
    if (authority.len == 0 || !take_host(arena, &authority, &out->host) || !take_port(authority, &out->port))
        return false;
    out->path = mp_arena_printf(arena, "%s%.*s", mp_slice_starts(path, "/") ? "" : "/", (int)path.len, path.p);
    return true;
}

bool mp_url_is_loopback(const struct mp_url *url)
{
    struct in_addr v4;
    struct in6_addr v6;

    if (strcmp(url->host, "localhost") == 0)
        return true;
    if (inet_pton(AF_INET, url->host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, url->host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}
