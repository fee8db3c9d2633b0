#ifndef STORAGE_INT_H
#define STORAGE_INT_H

#include "meetpool/arena.h"
#include "meetpool/error.h"
#include "meetpool/http.h"
#include "meetpool/s3.h"
#include "meetpool/storage.h"

/* What the files of this room share: storage.c and its neighbours make it, transfer*.c lean on it. */

struct mp_storage {
    const struct mp_storage_conf *conf;
    struct mp_http *http;
    const struct mp_secret *link_key;
    const struct mp_log *log;
};

/* ---- S3 (s3.c) ---- */

/*
 * Fills `out` with method, address (endpoint, bucket and key in path style, the query sorted) and signed headers. `payload_sha256`: lower-case hex of
 * the body that the caller adds. `content_type` may be NULL; it is set as `out->content_type`. Time limits are left to the caller.
 */
void mp_s3_request(const struct mp_storage *storage, struct mp_arena *arena, const char *method, const char *key,
                   const struct mp_http_header *query, size_t query_count, const char *content_type, const char *payload_sha256,
                   struct mp_http_request *out);
/* The <Code> of an S3 error body, at most 64 letters; "" where there is none. */
const char *mp_s3_error_code(struct mp_arena *arena, struct mp_slice body);

/* ---- The folder (folder.c) ---- */

/* The temporary file of an upload to `key`; NULL where `upload_id` is none that mp_upload_begin() gives. */
char *mp_folder_upload_path(const struct mp_storage *storage, struct mp_arena *arena, const char *key, const char *upload_id);

#endif
