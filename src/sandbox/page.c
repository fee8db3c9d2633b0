#include "sandbox_int.h"

#include <stdio.h>
#include <string.h>

#include "meetpool/crypto.h"

/* Page tokens hold where the last page ended and when they die, sealed with the sandbox's own key, so that nothing has to be remembered. */

struct page {
    int64_t expires_at, start_at, id;
};

static void seal(const struct sb_call *call, const struct page *page, const char *query_text, unsigned char out[32])
{
    char *text =
        mp_arena_printf(call->arena, "%lld|%lld|%lld|%s", (long long)page->expires_at, (long long)page->start_at, (long long)page->id, query_text);

    mp_hmac_sha256((struct mp_slice){(const char *)call->st->key, sizeof(call->st->key)}, mp_slice_of(text), out);
}

char *sb_page_token(const struct sb_call *call, const char *query_text, int64_t start_at, int64_t id)
{
    struct page page = {sb_now(call->st) + call->st->knobs.n[SB_K_PAGE_TOKEN_TTL_S] * 1000, start_at, id};
    unsigned char bytes[sizeof(page) + 32];

    memcpy(bytes, &page, sizeof(page));
    seal(call, &page, query_text, bytes + sizeof(page));
    return mp_base64url(call->arena, bytes, sizeof(bytes));
}

bool sb_page_open(const struct sb_call *call, const char *token, const char *query_text, int64_t *start_at, int64_t *id)
{
    struct mp_slice bytes;
    struct page page;
    unsigned char expected[32];

    if (!mp_base64url_decode(call->arena, mp_slice_of(token), &bytes) || bytes.len != sizeof(page) + sizeof(expected))
        return false;
    memcpy(&page, bytes.p, sizeof(page));
    seal(call, &page, query_text, expected);
    if (!mp_equal_constant_time(expected, bytes.p + sizeof(page), sizeof(expected)) || page.expires_at <= sb_now(call->st))
        return false;
    *start_at = page.start_at;
    *id = page.id;
    return true;
}

static void refuse(const struct sb_call *call, struct sb_reply *reply, const char *name)
{
    struct mp_error err;

    mp_error_init(&err, call->arena);
    mp_error_field(&err, name, "is not valid");
    sb_reply_invalid(call, reply, &err);
}

bool sb_query_int(const struct sb_call *call, struct sb_reply *reply, const char *name, int64_t least, int64_t most, int64_t fallback, int64_t *out)
{
    const char *text = sb_query(call, name);
    unsigned long long value;

    *out = fallback;
    if (text == NULL)
        return true;
    if (!mp_slice_to_u64(mp_slice_of(text), (unsigned long long)most, &value) || (int64_t)value < least) {
        refuse(call, reply, name);
        return false;
    }
    *out = (int64_t)value;
    return true;
}

bool sb_query_enum(const struct sb_call *call, struct sb_reply *reply, const char *name, const char *const names[], int *out)
{
    const char *text = sb_query(call, name);

    *out = text == NULL ? 0 : sb_name_index(names, text);
    if (*out >= 0)
        return true;
    refuse(call, reply, name);
    return false;
}
