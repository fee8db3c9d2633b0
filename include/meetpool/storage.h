#ifndef MEETPOOL_STORAGE_H
#define MEETPOOL_STORAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "meetpool/arena.h"
#include "meetpool/conf.h"
#include "meetpool/error.h"
#include "meetpool/http.h"
#include "meetpool/log.h"
#include "meetpool/secret.h"

/*
 * Where recordings live: a bucket of an S3 server, or a local folder that nginx serves. Nothing leans on what one S3 server alone does (AWS, Ceph,
 * MinIO, Garage, Swift): path style, single part order, sorted queries, signed payloads.
 *
 * An object is there whole or not at all: S3 sees to that itself; the folder by a temporary name, fsync and rename.
 * Errors: MP_E_UNAVAILABLE (the server does not answer, 5xx, SlowDown: worth repeating), MP_E_STORAGE (it refuses: key, bucket, permission, space).
 */
struct mp_storage_conf {
    const char *access_key;      /* AWS_ACCESS_KEY_ID */
    struct mp_secret secret_key; /* AWS_SECRET_ACCESS_KEY */
    const char *region;          /* AWS_REGION (us-east-1) */
    const char *bucket;          /* BUCKET_NAME */
    const char *endpoint;        /* AWS_ENDPOINT_URL_S3; NULL: https://s3.<region>.amazonaws.com */
    const char *folder;          /* MEETPOOL_RECORDINGS_DIR: used where no bucket is set */
    const char *public_url;      /* for links to the folder; set by who loads the settings */
    int64_t link_ttl_s;          /* MEETPOOL_LINK_TTL */
};
extern const struct mp_setting mp_storage_settings[];
extern const size_t mp_storage_settings_rows;
/* MP_E_CONFIG names the variable: a bucket without keys, keys without a bucket, plain http to another machine. */
int mp_storage_conf_check(struct mp_arena *arena, struct mp_storage_conf *conf, struct mp_error *err) MP_MUST_CHECK;

struct mp_storage;
/*
 * `link_keys`: the newest signs links to the folder, all are accepted (mp_keyring_derive() with MP_STORAGE_LINK_PURPOSE makes them); they are
 * copied. The rest is borrowed; `http` is used for calls that wait for their answer.
 */
struct mp_storage *mp_storage_new(const struct mp_storage_conf *conf, struct mp_http *http, const struct mp_secret *link_keys, size_t link_keys_count,
                                  const struct mp_log *log);
#define MP_STORAGE_LINK_PURPOSE "meetpool: links to recordings"
void mp_storage_free(struct mp_storage *storage);
bool mp_storage_is_s3(const struct mp_storage *storage);
/* How long links are good. */
int64_t mp_storage_link_ttl_ms(const struct mp_storage *storage);

/*
 * Whether a text can be a key: segments of 1 to 200 bytes between single slashes, 400 bytes in all, printable ASCII without backslashes;
 * none begins with a dot, so that no key leads out of the folder or to what lies hidden in it. Every function below refuses others with MP_E_STORAGE.
 */
bool mp_storage_key_ok(const char *key);

struct mp_object {
    int64_t size;
    const char *etag; /* without quotes; NULL in the folder */
    const char *content_type;
};
/* 1 there, 0 not, -1. */
int mp_storage_stat(struct mp_storage *storage, struct mp_arena *arena, const char *key, struct mp_object *out, struct mp_error *err) MP_MUST_CHECK;
/* One that is not there counts as removed. */
int mp_storage_remove(struct mp_storage *storage, struct mp_arena *arena, const char *key, struct mp_error *err) MP_MUST_CHECK;

/*
 * Links that expire. To read: shown or saved as `filename`, told as `content_type`. To write (PUT): of exactly `size` bytes, any number of times
 * until it expires. The folder's are `<public_url>/api/recordings/file/<key>?expires=…&signature=…`, an HMAC-SHA256 over everything that stands in
 * them; what was changed in any part is no link. `key` has no slashes there but %2F.
 */
char *mp_storage_link_get(struct mp_storage *storage, struct mp_arena *arena, const char *key, const char *filename, const char *content_type,
                          int64_t now_ms);
char *mp_storage_link_put(struct mp_storage *storage, struct mp_arena *arena, const char *key, int64_t size, int64_t now_ms);

/* The value of Content-Disposition: shown in the browser, saved under `filename` (RFC 6266, with RFC 8187 for what is not ASCII). */
char *mp_storage_disposition(struct mp_arena *arena, const char *filename);

/* A link to the folder as it came in; what was not in it is NULL. `method`: "GET" (also for HEAD) or "PUT". */
struct mp_storage_link {
    const char *method, *key;
    const char *expires, *signature;
    const char *size;        /* PUT */
    const char *name, *type; /* GET */
};
/* Whether it is one of ours and good at `now_ms`. The signature is compared in constant time. Never where the storage is S3. */
bool mp_storage_link_check(const struct mp_storage *storage, struct mp_arena *arena, const struct mp_storage_link *link, int64_t now_ms);
/*
 * The folder takes over a whole file of `size` bytes that lies in its own incoming place (what nginx received): fsync, rename. MP_E_INVALID where its
 * size is another, MP_E_FORBIDDEN where it lies elsewhere.
 */
int mp_storage_take_file(struct mp_storage *storage, struct mp_arena *arena, const char *path, int64_t size, const char *key,
                         struct mp_error *err) MP_MUST_CHECK;
#define MP_STORAGE_INCOMING ".incoming" /* inside the folder; nginx writes there */

/*
 * Uploads in parts. `mp_upload_*` talk to S3; in the folder an upload is a temporary file and a part a range of it. Part numbers start at 1; every
 * part but the last has the same size, at least 5 MiB; in the folder that is MP_STORAGE_PART_BYTES, and parts are written in order.
 */
#define MP_STORAGE_PART_BYTES (8 * 1024 * 1024)
struct mp_part {
    int64_t number, size;
    const char *etag; /* without quotes; "" in the folder */
};
int mp_upload_begin(struct mp_storage *storage, struct mp_arena *arena, const char *key, const char *content_type, const char **upload_id,
                    struct mp_error *err) MP_MUST_CHECK;
/* Those the server has, in order. 1, 0: it does not know this upload (any more), -1. */
int mp_upload_parts(struct mp_storage *storage, struct mp_arena *arena, const char *key, const char *upload_id, struct mp_part **parts, size_t *count,
                    struct mp_error *err) MP_MUST_CHECK;
/* Reads the body of the answer: S3 may say 200 and mean an error. After an unclear answer the object itself decides (size, and ETag where S3 makes
 * it from the parts'). */
int mp_upload_complete(struct mp_storage *storage, struct mp_arena *arena, const char *key, const char *upload_id, const struct mp_part *parts,
                       size_t count, struct mp_object *out, struct mp_error *err) MP_MUST_CHECK;
/* One that is not there counts as aborted. */
int mp_upload_abort(struct mp_storage *storage, struct mp_arena *arena, const char *key, const char *upload_id, struct mp_error *err) MP_MUST_CHECK;
/* Uploads (or temporary files) under `prefix` that were begun before `before_ms`, and are therefore nobody's, are aborted; in the folder also what
 * nginx received for a request that nobody answered. */
int mp_upload_sweep(struct mp_storage *storage, struct mp_arena *arena, const char *prefix, int64_t before_ms, unsigned *aborted,
                    struct mp_error *err) MP_MUST_CHECK;

#endif
