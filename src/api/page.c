#include <stdlib.h>
#include <string.h>

#include "api_int.h"
#include "meetpool/buf.h"
#include "meetpool/json.h"

#define PAGE_SIZE      30
#define PAGE_SIZE_MOST 300
#define TOKEN_MOST     400

static int pair_compare(const void *left, const void *right)
{
    return strcmp(((const struct mp_pair *)left)->name, ((const struct mp_pair *)right)->name);
}

/* What a token is good for: this path with these parameters, in whatever order they come. Lengths stand before texts, so that no two lists agree. */
static char *page_context(const struct mp_request *req)
{
    struct mp_pair *sorted = mp_arena_array(req->arena, req->query_count + 1, sizeof(*sorted));
    struct mp_buf buf;

    memcpy(sorted, req->query, req->query_count * sizeof(*sorted));
    qsort(sorted, req->query_count, sizeof(*sorted), pair_compare);
    mp_buf_init(&buf, req->arena, 64 * 1024);
    mp_buf_addf(&buf, "%s|%zu:%s", req->exchange->route->path, strlen(req->path), req->path);
    for (size_t i = 0; i < req->query_count; i++)
        if (strcmp(sorted[i].name, "page_size") != 0 && strcmp(sorted[i].name, "next_page_token") != 0)
            mp_buf_addf(&buf, "|%zu:%s=%zu:%s", strlen(sorted[i].name), sorted[i].name, strlen(sorted[i].value), sorted[i].value);
    return mp_arena_printf(req->arena, "page|%s", mp_sha256_hex(req->arena, mp_buf_slice(&buf)));
}

static bool token_open(const struct mp_request *req, const char *token, struct mp_page *page)
{
    int64_t keys[2];
    struct mp_secret plain;
    struct mp_error ignored;

    mp_error_init(&ignored, req->arena);
    if (strlen(token) > TOKEN_MOST ||
        mp_keyring_open(req->exchange->ctx->keyring, req->arena, page_context(req), mp_slice_of(token), &plain, &ignored) < 0 ||
        mp_secret_expose(&plain).len != sizeof(keys))
        return false;
    memcpy(keys, mp_secret_expose(&plain).p, sizeof(keys));
    page->after_a = keys[0];
    page->after_b = keys[1];
    page->first = false;
    return true;
}

int mp_page_read(const struct mp_request *req, struct mp_page *page, struct mp_error *err)
{
    const char *size = mp_request_query(req, "page_size"), *token = mp_request_query(req, "next_page_token");
    unsigned long long wanted = PAGE_SIZE;

    *page = (struct mp_page){.size = PAGE_SIZE, .first = true};
    if (size != NULL && (!mp_slice_to_u64(mp_slice_of(size), PAGE_SIZE_MOST, &wanted) || wanted == 0))
        mp_error_field(err, "page_size", "must be a whole number from 1 to %d", PAGE_SIZE_MOST);
    page->size = (unsigned)wanted;
    /* An empty token is the first page: clients send back what they last got. */
    if (token != NULL && token[0] != '\0' && !token_open(req, token, page))
        mp_error_field(err, "next_page_token", "does not belong to this list and these parameters; start again without it");
    return mp_error_set(err) ? -1 : 0;
}

void mp_page_write(const struct mp_request *req, struct json_object *data, bool more, int64_t last_a, int64_t last_b)
{
    const int64_t keys[2] = {last_a, last_b};
    const char *token = "";

    /* Sealed rather than signed: the keyring rotates, and what a list is sorted by is nobody's business. */
    if (more)
        token = mp_keyring_seal(req->exchange->ctx->keyring, req->arena, page_context(req), (struct mp_slice){(const char *)keys, sizeof(keys)});
    mp_json_put_text(data, "next_page_token", token);
}
