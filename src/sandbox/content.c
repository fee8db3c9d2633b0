#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recording.h"

/*
 * A block of pattern over and over, a mark of sixteen bytes in every 4 KiB, the right first bytes, and the right last ones where the kind has some.
 * Filling is a copy of memory that stays in the processor's cache.
 */
#define PATTERN   65536
#define STRIDE    4096
#define MARK_AT   64
#define MARK_SIZE 16

static char binary[PATTERN], text[PATTERN];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static uint64_t mix(uint64_t z)
{
    z += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void make_patterns(void)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ 0123456789";

    for (size_t i = 0; i < PATTERN; i++) {
        uint64_t v = mix(i);

        binary[i] = (char)(v & 0xff);
        text[i] = letters[v % 64];
    }
}

static bool is_text(enum sb_kind kind)
{
    return kind >= SB_KIND_TEXT;
}

enum sb_kind sb_kind_of(const char *extension)
{
    static const struct {
        const char *name;
        enum sb_kind kind;
    } rows[] = {{"MP4", SB_KIND_MP4}, {"M4A", SB_KIND_M4A}, {"JPG", SB_KIND_JPG}, {"VTT", SB_KIND_VTT}, {"JSON", SB_KIND_JSON}};

    for (size_t i = 0; i < MP_COUNT(rows); i++) {
        if (strcmp(rows[i].name, extension) == 0)
            return rows[i].kind;
    }
    return SB_KIND_TEXT;
}

/* ISO/IEC 14496-12 section 4.3 for the first two; W3C WebVTT section 4.1. */
static struct mp_slice head_of(enum sb_kind kind)
{
    static const char mp4[] = "\0\0\0\x20"
                              "ftypisom\0\0\x02\0isomiso2avc1mp41";
    static const char m4a[] = "\0\0\0\x20"
                              "ftypM4A \0\0\0\0M4A mp42isom\0\0\0";
    static const char jpg[] = "\xff\xd8\xff\xe0\0\x10JFIF";

    switch (kind) {
    case SB_KIND_MP4:
        return (struct mp_slice){mp4, 32};
    case SB_KIND_M4A:
        return (struct mp_slice){m4a, 32};
    case SB_KIND_JPG:
        return (struct mp_slice){jpg, sizeof(jpg) - 1};
    case SB_KIND_VTT:
        return mp_slice_of("WEBVTT\n\n1\n00:00:00.000 --> 00:00:05.000\n");
    case SB_KIND_JSON:
        return mp_slice_of("{\"timeline\":\"");
    case SB_KIND_TEXT:
        break;
    }
    return mp_slice_of("00:00:01\tHost:\t");
}

/* Lays `what`, which belongs at `place`, over the window. */
static void lay(char *out, int64_t at, size_t len, int64_t place, struct mp_slice what)
{
    for (size_t i = 0; i < what.len; i++) {
        int64_t to = place + (int64_t)i - at;

        if (to >= 0 && to < (int64_t)len)
            out[to] = what.p[i];
    }
}

static void lay_mark(const struct sb_content *c, char *out, int64_t at, size_t len)
{
    int64_t base = at - at % STRIDE;
    uint64_t v = mix(c->seed ^ mix((uint64_t)base));
    char mark[MARK_SIZE + 1];

    if (is_text(c->kind))
        (void)snprintf(mark, sizeof(mark), "%016llx", (unsigned long long)v);
    else {
        uint64_t second = mix(v);

        memcpy(mark, &v, sizeof(v));
        memcpy(mark + sizeof(v), &second, sizeof(second));
    }
    lay(out, at, len, base + MARK_AT, (struct mp_slice){mark, MARK_SIZE});
}

void sb_content_fill(const struct sb_content *c, int64_t at, char *out, size_t len)
{
    const char *pattern = is_text(c->kind) ? text : binary;
    int64_t turn = (int64_t)(c->seed % (PATTERN / STRIDE)) * STRIDE;
    struct mp_slice head = head_of(c->kind);
    struct mp_slice tail = mp_slice_of(c->kind == SB_KIND_JSON ? "\"}" : "");
    size_t done = 0;

    (void)pthread_once(&once, make_patterns);
    while (done < len) {
        int64_t place = at + (int64_t)done;
        size_t part = (size_t)(STRIDE - place % STRIDE);

        if (part > len - done)
            part = len - done;
        memcpy(out + done, pattern + (place + turn) % PATTERN, part);
        lay_mark(c, out + done, place, part);
        done += part;
    }
    lay(out, at, len, 0, head);
    if (c->size > (int64_t)head.len)
        lay(out, at, len, c->size - (int64_t)tail.len, tail);
}

void sb_content_sha256(const struct sb_content *c, unsigned char out[32])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    char *block = sb_alloc(PATTERN);

    if (ctx == NULL || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1)
        abort();
    for (int64_t at = 0; at < c->size;) {
        size_t part = c->size - at < PATTERN ? (size_t)(c->size - at) : PATTERN;

        sb_content_fill(c, at, block, part);
        if (EVP_DigestUpdate(ctx, block, part) != 1)
            abort();
        at += (int64_t)part;
    }
    if (EVP_DigestFinal_ex(ctx, out, NULL) != 1)
        abort();
    EVP_MD_CTX_free(ctx);
    free(block);
}
