#include <inttypes.h>
#include <string.h>

#include "meetpool/buf.h"
#include "meetpool/clock.h"
#include "meetpool/crypto.h"
#include "storage_int.h"

#define HASH_BYTES  32
#define SIGNED_MOST ((size_t)16 * 1024)

/* ---- Content-Disposition ---- */

/* What a header and every file system take; the rest becomes '_'. */
static char *plain_name(struct mp_arena *arena, const char *filename)
{
    char *out = mp_arena_strdup(arena, filename);

    for (char *c = out; *c; c++)
        if ((unsigned char)*c < ' ' || (unsigned char)*c >= 0x7f || strchr("\"\\/%;", *c))
            *c = '_';
    return out;
}

char *mp_storage_disposition(struct mp_arena *arena, const char *filename)
{
    return mp_arena_printf(arena, "inline; filename=\"%s\"; filename*=UTF-8''%s", plain_name(arena, filename),
                           mp_url_encode(arena, mp_slice_of(filename)));
}

/* ---- Signatures ---- */

/* Each piece with its length before it, so that no two links have the same text. */
static void add(struct mp_buf *text, const char *piece)
{
    mp_buf_addf(text, "%zu:%s,", piece ? strlen(piece) : 0, piece ? piece : "");
}

static char *signature_of(struct mp_arena *arena, const struct mp_secret *key, const struct mp_storage_link *link)
{
    unsigned char hash[HASH_BYTES];
    struct mp_buf text;

    mp_buf_init(&text, arena, SIGNED_MOST);
    add(&text, link->method);
    add(&text, link->key);
    add(&text, link->expires);
    add(&text, link->size);
    add(&text, link->name);
    add(&text, link->type);
    mp_hmac_sha256(mp_secret_expose(key), mp_buf_slice(&text), hash);
    return mp_base64url(arena, hash, sizeof(hash));
}

static char *expiry_of(const struct mp_storage *storage, struct mp_arena *arena, int64_t now_ms)
{
    return mp_arena_printf(arena, "%" PRId64, now_ms / 1000 + storage->conf->link_ttl_s);
}

static char *address_of(const struct mp_storage *storage, struct mp_arena *arena, const char *key)
{
    return mp_arena_printf(arena, "%s/api/recordings/file/%s", storage->conf->public_url, mp_url_encode(arena, mp_slice_of(key)));
}

char *mp_link_get(const struct mp_storage *storage, struct mp_arena *arena, const char *key, const char *filename, const char *content_type,
                  int64_t now_ms)
{
    const struct mp_storage_link link = {
        .method = "GET", .key = key, .expires = expiry_of(storage, arena, now_ms), .name = filename, .type = content_type};

    return mp_arena_printf(arena, "%s?name=%s&type=%s&expires=%s&signature=%s", address_of(storage, arena, key),
                           mp_url_encode(arena, mp_slice_of(filename)), mp_url_encode(arena, mp_slice_of(content_type)), link.expires,
                           signature_of(arena, &storage->link_keys[0], &link));
}

char *mp_link_put(const struct mp_storage *storage, struct mp_arena *arena, const char *key, int64_t size, int64_t now_ms)
{
    const struct mp_storage_link link = {
        .method = "PUT", .key = key, .expires = expiry_of(storage, arena, now_ms), .size = mp_arena_printf(arena, "%" PRId64, size)};

    return mp_arena_printf(arena, "%s?size=%s&expires=%s&signature=%s", address_of(storage, arena, key), link.size, link.expires,
                           signature_of(arena, &storage->link_keys[0], &link));
}

static bool is_complete(const struct mp_storage_link *link)
{
    if (!link->key || !link->expires || !link->signature || !mp_storage_key_ok(link->key))
        return false;
    if (strcmp(link->method, "PUT") == 0)
        return link->size && !link->name && !link->type;
    return strcmp(link->method, "GET") == 0 && link->name && link->type && !link->size;
}

bool mp_storage_link_check(const struct mp_storage *storage, struct mp_arena *arena, const struct mp_storage_link *link, int64_t now_ms)
{
    unsigned long long expires;
    bool good = false;

    if (mp_storage_is_s3(storage) || !is_complete(link) || !mp_slice_to_u64(mp_slice_of(link->expires), INT64_MAX / 1000, &expires))
        return false;
    for (size_t i = 0; i < storage->link_keys_count; i++) {
        const char *signature = signature_of(arena, &storage->link_keys[i], link);
        size_t len = strlen(signature);

        good |= strlen(link->signature) == len && mp_equal_constant_time(signature, link->signature, len);
    }
    return good && now_ms < (int64_t)expires * 1000;
}
