#ifndef STORAGE_INT_H
#define STORAGE_INT_H

#include "meetpool/arena.h"
#include "meetpool/error.h"
#include "meetpool/http.h"
#include "meetpool/s3.h"
#include "meetpool/storage.h"

/* What the files of this room share: storage.c and its neighbours make it, transfer*.c lean on it. */

struct mp_storage {
    struct mp_arena *arena;
    const struct mp_storage_conf *conf;
    struct mp_http *http;
    const struct mp_secret *link_keys; /* newest first */
    size_t link_keys_count;
    const struct mp_log *log;
    /* S3: */
    const char *origin; /* "https://host:port" */
    const char *host;   /* as the header Host says it */
    int64_t skew_ms;    /* the server's clock less ours, where that was seen to matter */
};

/* MP_E_STORAGE with what it means for whoever asked; the detail is for the log. */
int mp_storage_check_key(const char *key, struct mp_error *err);

/* ---- S3 (s3.c) ---- */

/*
 * Fills `out` with method, address (endpoint, bucket and key in path style, the query sorted) and signed headers. `payload_sha256`: lower-case hex of
 * the body that the caller adds. `content_type` may be NULL; it is set as `out->content_type`. Time limits are left to the caller.
 */
void mp_s3_request(const struct mp_storage *storage, struct mp_arena *arena, const char *method, const char *key, const struct mp_http_header *query,
                   size_t query_count, const char *content_type, const char *payload_sha256, struct mp_http_request *out);
/* As it may be kept and sent back: without quotes; NULL where it is none. */
const char *mp_s3_etag(struct mp_arena *arena, const char *text);
/* The <Code> of an S3 error body, at most 64 letters; "" where there is none. */
const char *mp_s3_error_code(struct mp_arena *arena, struct mp_slice body);

int mp_s3_stat(struct mp_storage *storage, struct mp_arena *arena, const char *key, struct mp_object *out, struct mp_error *err) MP_MUST_CHECK;
int mp_s3_remove(struct mp_storage *storage, struct mp_arena *arena, const char *key, struct mp_error *err) MP_MUST_CHECK;
char *mp_s3_link_get(struct mp_storage *storage, struct mp_arena *arena, const char *key, const char *filename, const char *content_type,
                     int64_t now_ms);
char *mp_s3_link_put(struct mp_storage *storage, struct mp_arena *arena, const char *key, int64_t size, int64_t now_ms);

/* One call: signed, sent, and once more where the clocks disagree. 0: answered, look at the status; -1: MP_E_UNAVAILABLE. */
struct mp_s3_call {
    const char *method, *key; /* key NULL: the bucket itself */
    const struct mp_http_header *query;
    size_t query_count;
    const char *content_type;
    struct mp_slice body;
    unsigned timeout_ms;
};
int mp_s3_send(struct mp_storage *storage, struct mp_arena *arena, const struct mp_s3_call *call, struct mp_http_response *res,
               struct mp_error *err) MP_MUST_CHECK;
/* An answer that is not what was asked for: MP_E_UNAVAILABLE where it is worth repeating, else MP_E_STORAGE. Always -1. */
int mp_s3_fail(struct mp_arena *arena, const struct mp_s3_call *call, const struct mp_http_response *res, struct mp_error *err);

/* ---- S3's uploads in parts (s3_upload.c); as in storage.h ---- */

int mp_s3_upload_begin(struct mp_storage *storage, struct mp_arena *arena, const char *key, const char *content_type, const char **upload_id,
                       struct mp_error *err) MP_MUST_CHECK;
int mp_s3_upload_parts(struct mp_storage *storage, struct mp_arena *arena, const char *key, const char *upload_id, struct mp_part **parts,
                       size_t *count, struct mp_error *err) MP_MUST_CHECK;
int mp_s3_upload_complete(struct mp_storage *storage, struct mp_arena *arena, const char *key, const char *upload_id, const struct mp_part *parts,
                          size_t count, struct mp_object *out, struct mp_error *err) MP_MUST_CHECK;
int mp_s3_upload_abort(struct mp_storage *storage, struct mp_arena *arena, const char *key, const char *upload_id,
                       struct mp_error *err) MP_MUST_CHECK;
int mp_s3_upload_sweep(struct mp_storage *storage, struct mp_arena *arena, const char *prefix, int64_t before_ms, unsigned *aborted,
                       struct mp_error *err) MP_MUST_CHECK;

/* ---- S3's answers (xml.c) ---- */

/*
 * An element: with children, or with text. The reader takes the part of XML 1.0 that S3 servers write (elements, attributes, text, character and the
 * five named references, comments, the declaration) and refuses everything else: no DTD, so no entity can be defined and nothing outside is fetched.
 */
struct mp_xml {
    const char *name; /* without a namespace prefix */
    const char *text; /* "" where it has children */
    struct mp_xml *child, *next;
};
/* The root; NULL for what is not well-formed, deeper than 8 or has more than 100,000 elements. */
const struct mp_xml *mp_xml_parse(struct mp_arena *arena, struct mp_slice text);
/* The first child of that name, and the next one beside it; NULL where there is none. */
const struct mp_xml *mp_xml_child(const struct mp_xml *parent, const char *name);
const struct mp_xml *mp_xml_next(const struct mp_xml *element);
/* The text of the first child of that name; "" where there is none. */
const char *mp_xml_text(const struct mp_xml *parent, const char *name);

/* ---- The folder (folder.c, folder_upload.c) ---- */

/* The temporary file of an upload to `key`; NULL where `upload_id` is none that mp_upload_begin() gives. */
char *mp_folder_upload_path(const struct mp_storage *storage, struct mp_arena *arena, const char *key, const char *upload_id);
/* Moves a whole file to its key's place: fsync of file and folders around a rename. */
int mp_folder_settle(const struct mp_storage *storage, struct mp_arena *arena, const char *path, const char *key, struct mp_error *err) MP_MUST_CHECK;
/* Makes `dir` and what is missing above it. 0, or -1 with errno. */
int mp_folder_make(struct mp_arena *arena, const char *dir);
/* MP_E_STORAGE for errno. Always -1. */
int mp_folder_fail(struct mp_error *err, const char *what);
int mp_folder_stat(struct mp_storage *storage, struct mp_arena *arena, const char *key, struct mp_object *out, struct mp_error *err) MP_MUST_CHECK;
int mp_folder_remove(struct mp_storage *storage, struct mp_arena *arena, const char *key, struct mp_error *err) MP_MUST_CHECK;
int mp_folder_take(struct mp_storage *storage, struct mp_arena *arena, const char *path, int64_t size, const char *key,
                   struct mp_error *err) MP_MUST_CHECK;

int mp_folder_upload_begin(struct mp_storage *storage, struct mp_arena *arena, const char *key, const char **upload_id,
                           struct mp_error *err) MP_MUST_CHECK;
int mp_folder_upload_parts(struct mp_storage *storage, struct mp_arena *arena, const char *key, const char *upload_id, struct mp_part **parts,
                           size_t *count, struct mp_error *err) MP_MUST_CHECK;
int mp_folder_upload_complete(struct mp_storage *storage, struct mp_arena *arena, const char *key, const char *upload_id, const struct mp_part *parts,
                              size_t count, struct mp_object *out, struct mp_error *err) MP_MUST_CHECK;
int mp_folder_upload_abort(struct mp_storage *storage, struct mp_arena *arena, const char *key, const char *upload_id,
                           struct mp_error *err) MP_MUST_CHECK;
int mp_folder_upload_sweep(struct mp_storage *storage, struct mp_arena *arena, const char *prefix, int64_t before_ms, unsigned *aborted,
                           struct mp_error *err) MP_MUST_CHECK;

/* ---- Links to the folder (link.c) ---- */

char *mp_link_get(const struct mp_storage *storage, struct mp_arena *arena, const char *key, const char *filename, const char *content_type,
                  int64_t now_ms);
char *mp_link_put(const struct mp_storage *storage, struct mp_arena *arena, const char *key, int64_t size, int64_t now_ms);

#endif
