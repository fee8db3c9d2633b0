#include <string.h>

#include "meetpool/crypto.h"
#include "storage_int.h"

#define KEY_MOST_BYTES     400
#define SEGMENT_MOST_BYTES 200

static const struct mp_secret *copy_keys(struct mp_arena *arena, const struct mp_secret *keys, size_t count)
{
    struct mp_secret *out = mp_arena_array(arena, count + 1, sizeof(*out));

    for (size_t i = 0; i < count; i++)
        out[i] = mp_secret_copy(arena, mp_secret_expose(&keys[i]));
    return out;
}

struct mp_storage *mp_storage_new(const struct mp_storage_conf *conf, struct mp_http *http, const struct mp_secret *link_keys, size_t link_keys_count,
                                  const struct mp_log *log)
{
    struct mp_arena *arena = mp_arena_new();
    struct mp_storage *storage = MP_NEW(arena, struct mp_storage);
    struct mp_url url;

    *storage = (struct mp_storage){.arena = arena, .conf = conf, .http = http, .log = log};
    storage->link_keys = copy_keys(arena, link_keys, link_keys_count);
    storage->link_keys_count = link_keys_count;
    if (mp_storage_is_s3(storage) && mp_url_parse(arena, conf->endpoint, &url)) {
        const char *name = strchr(url.host, ':') ? mp_arena_printf(arena, "[%s]", url.host) : url.host;
        bool usual = url.port == (strcmp(url.scheme, "https") == 0 ? 443U : 80U);

        storage->host = usual ? name : mp_arena_printf(arena, "%s:%u", name, url.port);
        storage->origin = mp_arena_printf(arena, "%s://%s", url.scheme, storage->host);
    }
    return storage;
}

void mp_storage_free(struct mp_storage *storage)
{
    if (storage)
        mp_arena_free(storage->arena);
}

bool mp_storage_is_s3(const struct mp_storage *storage)
{
    return storage->conf->bucket != NULL;
}

int64_t mp_storage_link_ttl_ms(const struct mp_storage *storage)
{
    return storage->conf->link_ttl_s * 1000;
}

/* ---- Keys ---- */

static bool segment_ok(struct mp_slice segment)
{
    if (segment.len == 0 || segment.len > SEGMENT_MOST_BYTES || segment.p[0] == '.')
        return false;
    for (size_t i = 0; i < segment.len; i++)
        if (segment.p[i] < ' ' || segment.p[i] >= 0x7f || segment.p[i] == '\\')
            return false;
    return true;
}

bool mp_storage_key_ok(const char *key)
{
    struct mp_slice rest = mp_slice_of(key), segment;
    size_t len = rest.len;

    if (len == 0 || len > KEY_MOST_BYTES || key[len - 1] == '/')
        return false;
    while (mp_slice_split(&rest, '/', &segment))
        if (!segment_ok(segment))
            return false;
    return true;
}

int mp_storage_check_key(const char *key, struct mp_error *err)
{
    return mp_storage_key_ok(key) ? 0 : mp_fail_log(err, MP_E_STORAGE, "storage: this is no key: %.60s", key);
}

/* ---- Either way ---- */

int mp_storage_stat(struct mp_storage *storage, struct mp_arena *arena, const char *key, struct mp_object *out, struct mp_error *err)
{
    if (mp_storage_check_key(key, err) < 0)
        return -1;
    return mp_storage_is_s3(storage) ? mp_s3_stat(storage, arena, key, out, err) : mp_folder_stat(storage, arena, key, out, err);
}

int mp_storage_remove(struct mp_storage *storage, struct mp_arena *arena, const char *key, struct mp_error *err)
{
    if (mp_storage_check_key(key, err) < 0)
        return -1;
    return mp_storage_is_s3(storage) ? mp_s3_remove(storage, arena, key, err) : mp_folder_remove(storage, arena, key, err);
}

char *mp_storage_link_get(struct mp_storage *storage, struct mp_arena *arena, const char *key, const char *filename, const char *content_type,
                          int64_t now_ms)
{
    return mp_storage_is_s3(storage) ? mp_s3_link_get(storage, arena, key, filename, content_type, now_ms)
                                     : mp_link_get(storage, arena, key, filename, content_type, now_ms);
}

char *mp_storage_link_put(struct mp_storage *storage, struct mp_arena *arena, const char *key, int64_t size, int64_t now_ms)
{
    return mp_storage_is_s3(storage) ? mp_s3_link_put(storage, arena, key, size, now_ms) : mp_link_put(storage, arena, key, size, now_ms);
}

int mp_storage_take_file(struct mp_storage *storage, struct mp_arena *arena, const char *path, int64_t size, const char *key, struct mp_error *err)
{
    if (mp_storage_is_s3(storage))
        return mp_fail_log(err, MP_E_FORBIDDEN, "storage: files are taken over by the folder alone");
    return mp_storage_check_key(key, err) < 0 ? -1 : mp_folder_take(storage, arena, path, size, key, err);
}

int mp_upload_begin(struct mp_storage *storage, struct mp_arena *arena, const char *key, const char *content_type, const char **upload_id,
                    struct mp_error *err)
{
    if (mp_storage_check_key(key, err) < 0)
        return -1;
    return mp_storage_is_s3(storage) ? mp_s3_upload_begin(storage, arena, key, content_type, upload_id, err)
                                     : mp_folder_upload_begin(storage, arena, key, upload_id, err);
}

int mp_upload_parts(struct mp_storage *storage, struct mp_arena *arena, const char *key, const char *upload_id, struct mp_part **parts, size_t *count,
                    struct mp_error *err)
{
    if (mp_storage_check_key(key, err) < 0)
        return -1;
    return mp_storage_is_s3(storage) ? mp_s3_upload_parts(storage, arena, key, upload_id, parts, count, err)
                                     : mp_folder_upload_parts(storage, arena, key, upload_id, parts, count, err);
}

int mp_upload_complete(struct mp_storage *storage, struct mp_arena *arena, const char *key, const char *upload_id, const struct mp_part *parts,
                       size_t count, struct mp_object *out, struct mp_error *err)
{
    if (mp_storage_check_key(key, err) < 0)
        return -1;
    return mp_storage_is_s3(storage) ? mp_s3_upload_complete(storage, arena, key, upload_id, parts, count, out, err)
                                     : mp_folder_upload_complete(storage, arena, key, upload_id, parts, count, out, err);
}

int mp_upload_abort(struct mp_storage *storage, struct mp_arena *arena, const char *key, const char *upload_id, struct mp_error *err)
{
    if (mp_storage_check_key(key, err) < 0)
        return -1;
    return mp_storage_is_s3(storage) ? mp_s3_upload_abort(storage, arena, key, upload_id, err)
                                     : mp_folder_upload_abort(storage, arena, key, upload_id, err);
}

int mp_upload_sweep(struct mp_storage *storage, struct mp_arena *arena, const char *prefix, int64_t before_ms, unsigned *aborted,
                    struct mp_error *err)
{
    return mp_storage_is_s3(storage) ? mp_s3_upload_sweep(storage, arena, prefix, before_ms, aborted, err)
                                     : mp_folder_upload_sweep(storage, arena, prefix, before_ms, aborted, err);
}
