#include "meetpool/s3.h"

#include <stdlib.h>
#include <string.h>

#include "meetpool/buf.h"
#include "meetpool/clock.h"
#include "meetpool/crypto.h"

#define ALGORITHM       "AWS4-HMAC-SHA256"
#define TEXT_MOST       ((size_t)64 * 1024)
#define DATE_CHARS      8
#define HASH_BYTES      32
#define HEADERS_OF_OURS 3 /* Host, x-amz-date, x-amz-content-sha256 */
#define QUERY_OF_OURS   5

/* A name and its value, ready to be compared and written. */
struct pair {
    const char *name, *value;
};

struct pairs {
    struct pair *list;
    size_t count;
};

/* Appended pieces are made here and bounded by what was put in: a full buffer is a mistake of the caller that no server would take. */
static void start(struct mp_buf *text, struct mp_arena *arena)
{
    mp_buf_init(text, arena, TEXT_MOST);
}

/* ---- Pieces of the canonical request ---- */

/* By name, then by value: both as they are written, byte by byte. */
static int by_name_and_value(const void *a, const void *b)
{
    const struct pair *left = a, *right = b;
    int order = strcmp(left->name, right->name);

    return order != 0 ? order : strcmp(left->value, right->value);
}

static struct pairs escape_query(struct mp_arena *arena, const struct mp_sigv4_request *req, const struct mp_http_header *more, size_t more_count)
{
    struct pairs out = {mp_arena_array(arena, req->query_count + more_count + 1, sizeof(struct pair)), req->query_count + more_count};

    for (size_t i = 0; i < out.count; i++) {
        const struct mp_http_header *from = i < req->query_count ? &req->query[i] : &more[i - req->query_count];

        out.list[i] = (struct pair){mp_url_encode(arena, mp_slice_of(from->name)), mp_url_encode(arena, mp_slice_of(from->value))};
    }
    qsort(out.list, out.count, sizeof(struct pair), by_name_and_value);
    return out;
}

static void add_query(struct mp_buf *text, const struct pairs *query)
{
    for (size_t i = 0; i < query->count; i++)
        mp_buf_addf(text, "%s%s=%s", i > 0 ? "&" : "", query->list[i].name, query->list[i].value);
}

/* RFC 3986 section 5.2.4, and runs of slashes to one. */
static char *normalised(struct mp_arena *arena, const char *path)
{
    char *out = mp_arena_alloc(arena, strlen(path) + 2);
    struct mp_slice rest = mp_slice_of(path), segment;
    size_t len = 0;
    bool ends_open = true;

    while (mp_slice_split(&rest, '/', &segment)) {
        ends_open = segment.len == 0 || mp_slice_eq_text(segment, ".") || mp_slice_eq_text(segment, "..");
        if (mp_slice_eq_text(segment, ".."))
            while (len > 0 && out[--len] != '/')
                ;
        if (ends_open)
            continue;
        out[len++] = '/';
        memcpy(out + len, segment.p, segment.len);
        len += segment.len;
    }
    if (ends_open || path[strlen(path) - 1] == '/' || len == 0)
        out[len++] = '/';
    out[len] = '\0';
    return out;
}

/* Everything but '/' is escaped, once. */
static void add_path(struct mp_buf *text, struct mp_arena *arena, const char *path)
{
    struct mp_slice rest = {path + 1, strlen(path) - 1};
    const char *slash;

    do {
        slash = rest.len ? memchr(rest.p, '/', rest.len) : NULL;
        mp_buf_addf(text, "/%s", mp_url_encode(arena, (struct mp_slice){rest.p, slash ? (size_t)(slash - rest.p) : rest.len}));
        if (slash)
            rest = (struct mp_slice){slash + 1, rest.len - (size_t)(slash + 1 - rest.p)};
    } while (slash);
}

static char *lower(struct mp_arena *arena, const char *name)
{
    char *out = mp_arena_strdup(arena, name);

    for (char *c = out; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    return out;
}

/* Without blanks at its ends, runs of them inside folded to one. */
static char *folded(struct mp_arena *arena, const char *value)
{
    struct mp_slice s = mp_slice_trim(mp_slice_of(value));
    char *out = mp_arena_alloc(arena, s.len + 1);
    size_t len = 0;

    for (size_t i = 0; i < s.len; i++)
        if (s.p[i] != ' ' || s.p[i - 1] != ' ')
            out[len++] = s.p[i];
    return out;
}

/* One header of a name: those of the same name are joined in their order. Kept sorted as they come. */
static void put_header(struct mp_arena *arena, struct pairs *headers, const char *name, const char *value)
{
    const char *key = lower(arena, name);
    size_t at = headers->count;

    value = folded(arena, value);
    for (size_t i = 0; i < headers->count; i++) {
        if (strcmp(headers->list[i].name, key) == 0) {
            headers->list[i].value = mp_arena_printf(arena, "%s,%s", headers->list[i].value, value);
            return;
        }
    }
    for (; at > 0 && strcmp(headers->list[at - 1].name, key) > 0; at--)
        headers->list[at] = headers->list[at - 1];
    headers->list[at] = (struct pair){key, value};
    headers->count++;
}

static struct pairs sort_headers(struct mp_arena *arena, const struct mp_sigv4_request *req)
{
    struct pairs out = {mp_arena_array(arena, req->headers_count + HEADERS_OF_OURS, sizeof(struct pair)), 0};

    for (size_t i = 0; i < req->headers_count; i++)
        put_header(arena, &out, req->headers[i].name, req->headers[i].value);
    put_header(arena, &out, "host", req->host);
    return out;
}

static char *signed_names(struct mp_arena *arena, const struct pairs *headers)
{
    struct mp_buf text;

    start(&text, arena);
    for (size_t i = 0; i < headers->count; i++)
        mp_buf_addf(&text, "%s%s", i > 0 ? ";" : "", headers->list[i].name);
    return text.p;
}

/* ---- Signing ---- */

/* "20130524T000000Z" */
static char *stamp_of(struct mp_arena *arena, int64_t now_ms)
{
    char *text = mp_time_format_seconds(arena, now_ms);
    size_t len = 0;

    for (const char *c = text; *c; c++)
        if (*c != '-' && *c != ':')
            text[len++] = *c;
    text[len] = '\0';
    return text;
}

/* What a signature is good for: day, region, service. */
static char *scope_of(struct mp_arena *arena, const struct mp_sigv4 *key, const char *stamp)
{
    return mp_arena_printf(arena, "%.*s/%s/%s/aws4_request", DATE_CHARS, stamp, key->region, key->service);
}

static char *canonical_request(struct mp_arena *arena, const struct mp_sigv4 *key, const struct mp_sigv4_request *req, const struct pairs *query,
                               const struct pairs *headers)
{
    struct mp_buf text;

    start(&text, arena);
    mp_buf_addf(&text, "%s\n", req->method);
    add_path(&text, arena, key->normalise ? normalised(arena, req->path) : req->path);
    mp_buf_add(&text, "\n");
    add_query(&text, query);
    mp_buf_add(&text, "\n");
    for (size_t i = 0; i < headers->count; i++)
        mp_buf_addf(&text, "%s:%s\n", headers->list[i].name, headers->list[i].value);
    mp_buf_addf(&text, "\n%s\n%s", signed_names(arena, headers), req->payload_sha256);
    return text.p;
}

static void derive(unsigned char bytes[HASH_BYTES], struct mp_slice text)
{
    unsigned char next[HASH_BYTES];

    mp_hmac_sha256((struct mp_slice){(const char *)bytes, HASH_BYTES}, text, next);
    memcpy(bytes, next, HASH_BYTES);
    explicit_bzero(next, sizeof(next));
}

static char *signature_of(struct mp_arena *arena, const struct mp_sigv4 *key, const char *stamp, const char *canonical)
{
    struct mp_slice secret = mp_secret_expose(key->secret_key);
    char *first = mp_arena_printf(arena, "AWS4%.*s", (int)secret.len, secret.p);
    char *to_sign =
        mp_arena_printf(arena, ALGORITHM "\n%s\n%s\n%s", stamp, scope_of(arena, key, stamp), mp_sha256_hex(arena, mp_slice_of(canonical)));
    unsigned char bytes[HASH_BYTES];
    char *signature;

    mp_hmac_sha256(mp_slice_of(first), (struct mp_slice){stamp, DATE_CHARS}, bytes);
    explicit_bzero(first, strlen(first));
    derive(bytes, mp_slice_of(key->region));
    derive(bytes, mp_slice_of(key->service));
    derive(bytes, mp_slice_of("aws4_request"));
    derive(bytes, mp_slice_of(to_sign));
    signature = mp_hex(arena, bytes, sizeof(bytes));
    explicit_bzero(bytes, sizeof(bytes));
    return signature;
}

void mp_sigv4_sign(struct mp_arena *arena, const struct mp_sigv4 *key, const struct mp_sigv4_request *req, int64_t now_ms,
                   struct mp_http_header out[3])
{
    char *stamp = stamp_of(arena, now_ms);
    struct pairs query = escape_query(arena, req, NULL, 0);
    struct pairs headers = sort_headers(arena, req);
    bool tells_hash = strcmp(key->service, "s3") == 0;
    char *signature;

    put_header(arena, &headers, "x-amz-date", stamp);
    if (tells_hash)
        put_header(arena, &headers, "x-amz-content-sha256", req->payload_sha256);
    signature = signature_of(arena, key, stamp, canonical_request(arena, key, req, &query, &headers));
    out[0] = (struct mp_http_header){"Authorization",
                                     mp_arena_printf(arena, ALGORITHM " Credential=%s/%s, SignedHeaders=%s, Signature=%s", key->access_key,
                                                     scope_of(arena, key, stamp), signed_names(arena, &headers), signature)};
    out[1] = (struct mp_http_header){"x-amz-date", stamp};
    out[2] = (struct mp_http_header){tells_hash ? "x-amz-content-sha256" : NULL, req->payload_sha256};
}

static char *target(struct mp_arena *arena, const char *path, const struct pairs *query)
{
    struct mp_buf text;

    start(&text, arena);
    add_path(&text, arena, path);
    if (query->count > 0)
        mp_buf_add(&text, "?");
    add_query(&text, query);
    return text.p;
}

char *mp_sigv4_presign(struct mp_arena *arena, const struct mp_sigv4 *key, const struct mp_sigv4_request *req, int64_t now_ms, int64_t ttl_s)
{
    char *stamp = stamp_of(arena, now_ms);
    struct pairs headers = sort_headers(arena, req);
    const struct mp_http_header ours[QUERY_OF_OURS] = {
        {"X-Amz-Algorithm", ALGORITHM},
        {"X-Amz-Credential", mp_arena_printf(arena, "%s/%s", key->access_key, scope_of(arena, key, stamp))},
        {"X-Amz-Date", stamp},
        {"X-Amz-Expires", mp_arena_printf(arena, "%lld", (long long)ttl_s)},
        {"X-Amz-SignedHeaders", signed_names(arena, &headers)},
    };
    struct pairs query = escape_query(arena, req, ours, QUERY_OF_OURS);

    return mp_arena_printf(arena, "%s&X-Amz-Signature=%s", target(arena, req->path, &query),
                           signature_of(arena, key, stamp, canonical_request(arena, key, req, &query, &headers)));
}

char *mp_sigv4_target(struct mp_arena *arena, const struct mp_sigv4_request *req)
{
    struct pairs query = escape_query(arena, req, NULL, 0);

    return target(arena, req->path, &query);
}
