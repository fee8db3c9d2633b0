#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "meetpool/clock.h"
#include "meetpool/crypto.h"
#include "storage_int.h"

#define TIMEOUT_MS      15000
#define LOOK_TIMEOUT_MS 5000                 /* people may wait for it */
#define SKEW_LEAST_MS   (INT64_C(60) * 1000) /* less than this is no reason for a refusal: servers allow 15 minutes */
#define LINK_MOST_S     604800
#define CODE_CHARS      64
#define ETAG_CHARS      128
#define HEADERS_SIGNED  3

/* ---- Asking ---- */

/* Bucket and key as they stand in the address, not escaped. */
static char *path_of(const struct mp_storage *storage, struct mp_arena *arena, const char *key)
{
    return mp_arena_printf(arena, "/%s%s%s", storage->conf->bucket, key ? "/" : "", key ? key : "");
}

static struct mp_sigv4 key_of(const struct mp_storage *storage)
{
    return (struct mp_sigv4){
        .access_key = storage->conf->access_key, .secret_key = &storage->conf->secret_key, .region = storage->conf->region, .service = "s3"};
}

void mp_s3_request(const struct mp_storage *storage, struct mp_arena *arena, const char *method, const char *key, const struct mp_http_header *query,
                   size_t query_count, const char *content_type, const char *payload_sha256, struct mp_http_request *out)
{
    const struct mp_sigv4 credentials = key_of(storage);
    const struct mp_http_header type = {"Content-Type", content_type};
    const struct mp_sigv4_request req = {.method = method,
                                         .host = storage->host,
                                         .path = path_of(storage, arena, key),
                                         .query = query,
                                         .query_count = query_count,
                                         .headers = &type,
                                         .headers_count = content_type ? 1 : 0,
                                         .payload_sha256 = payload_sha256};
    struct mp_http_header *headers = mp_arena_array(arena, HEADERS_SIGNED, sizeof(*headers));

    mp_sigv4_sign(arena, &credentials, &req, mp_now_ms() + storage->skew_ms, headers);
    *out = (struct mp_http_request){.method = method,
                                    .url = mp_arena_printf(arena, "%s%s", storage->origin, mp_sigv4_target(arena, &req)),
                                    .headers = headers,
                                    .headers_count = HEADERS_SIGNED,
                                    .content_type = content_type};
}

static int not_answered(const struct mp_s3_call *call, const struct mp_http_response *res, struct mp_error *err)
{
    return mp_fail_log(err, MP_E_UNAVAILABLE, "S3: %s %s: %s", call->method, call->key ? call->key : "(bucket)", res->problem);
}

/* A refusal because of the clocks. Answers to HEAD have no body to say so. */
static bool blames_the_clock(struct mp_arena *arena, const struct mp_http_response *res)
{
    const char *code = mp_s3_error_code(arena, res->body);

    return res->status == 403 && (*code == '\0' || strcmp(code, "RequestTimeTooSkewed") == 0);
}

/* Whether the server's clock is far enough from the one that was signed with to try again with its own. */
static bool adopt_clock(struct mp_storage *storage, const struct mp_http_response *res)
{
    const char *date = mp_http_header_get(res, "Date");
    int64_t server_ms = date ? mp_http_date_ms(date) : -1;
    int64_t skew_ms = server_ms - mp_now_ms();

    if (server_ms < 0 || llabs(skew_ms - storage->skew_ms) < SKEW_LEAST_MS)
        return false;
    storage->skew_ms = skew_ms;
    mp_log(storage->log, MP_WARNING, "storage.clock", MP_INT("skew_ms", skew_ms),
           MP_STR("mend", "the clock of this machine and that of the S3 server differ: let both follow the same time"));
    return true;
}

int mp_s3_send(struct mp_storage *storage, struct mp_arena *arena, const struct mp_s3_call *call, struct mp_http_response *res, struct mp_error *err)
{
    const char *hash = mp_sha256_hex(arena, call->body.p ? call->body : mp_slice_of(""));
    struct mp_http_request req;

    for (unsigned tries = 0;; tries++) {
        mp_s3_request(storage, arena, call->method, call->key, call->query, call->query_count, call->content_type, hash, &req);
        req.body = call->body;
        req.timeout_ms = call->timeout_ms ? call->timeout_ms : TIMEOUT_MS;
        mp_http_call(storage->http, arena, &req, res);
        if (res->call != MP_CALL_ANSWERED)
            return not_answered(call, res, err);
        if (tries > 0 || !blames_the_clock(arena, res) || !adopt_clock(storage, res))
            return 0;
    }
}

/* ---- Answers ---- */

const char *mp_s3_error_code(struct mp_arena *arena, struct mp_slice body)
{
    const struct mp_xml *root = mp_xml_parse(arena, body);
    const char *code = root && strcmp(root->name, "Error") == 0 ? mp_xml_text(root, "Code") : "";
    size_t len = strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.");

    return code[len] == '\0' && len <= CODE_CHARS ? code : "";
}

static bool worth_repeating(unsigned status, const char *code)
{
    static const char *const passing[] = {"SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout", "OperationAborted", "TooManyRequests"};

    for (size_t i = 0; i < MP_COUNT(passing); i++)
        if (strcmp(code, passing[i]) == 0)
            return true;
    return status == 429 || status == 408 || (status >= 500 && status != 501);
}

int mp_s3_fail(struct mp_arena *arena, const struct mp_s3_call *call, const struct mp_http_response *res, struct mp_error *err)
{
    const char *code = mp_s3_error_code(arena, res->body);
    int64_t wait_ms = mp_http_retry_after_ms(res, mp_now_ms());
    bool repeat = worth_repeating(res->status, code);

    (void)mp_fail_log(err, repeat ? MP_E_UNAVAILABLE : MP_E_STORAGE, "S3: %s %s: HTTP %u %s", call->method, call->key ? call->key : "(bucket)",
                      res->status, code);
    if (repeat && wait_ms > 0)
        err->retry_after_s = (unsigned)(wait_ms / 1000);
    return -1;
}

const char *mp_s3_etag(struct mp_arena *arena, const char *text)
{
    struct mp_slice s = mp_slice_of(text);

    if (s.len >= 2 && s.p[0] == '"' && s.p[s.len - 1] == '"')
        s = (struct mp_slice){s.p + 1, s.len - 2};
    if (s.len == 0 || s.len > ETAG_CHARS)
        return NULL;
    for (size_t i = 0; i < s.len; i++)
        if (s.p[i] <= ' ' || s.p[i] >= 0x7f || strchr("\"<>&", s.p[i]))
            return NULL;
    return mp_arena_strndup(arena, s);
}

int mp_s3_stat(struct mp_storage *storage, struct mp_arena *arena, const char *key, struct mp_object *out, struct mp_error *err)
{
    const struct mp_s3_call call = {.method = "HEAD", .key = key, .timeout_ms = LOOK_TIMEOUT_MS};
    struct mp_http_response res;
    const char *length;
    unsigned long long size;

    if (mp_s3_send(storage, arena, &call, &res, err) < 0)
        return -1;
    if (res.status == 404)
        return 0;
    length = mp_http_header_get(&res, "Content-Length");
    if (res.status != 200 || !length || !mp_slice_to_u64(mp_slice_of(length), INT64_MAX, &size))
        return mp_s3_fail(arena, &call, &res, err);
    *out = (struct mp_object){(int64_t)size, mp_s3_etag(arena, mp_http_header_get(&res, "ETag")), mp_http_header_get(&res, "Content-Type")};
    return 1;
}

int mp_s3_remove(struct mp_storage *storage, struct mp_arena *arena, const char *key, struct mp_error *err)
{
    const struct mp_s3_call call = {.method = "DELETE", .key = key};
    struct mp_http_response res;

    if (mp_s3_send(storage, arena, &call, &res, err) < 0)
        return -1;
    return res.status == 204 || res.status == 200 || res.status == 404 ? 0 : mp_s3_fail(arena, &call, &res, err);
}

/* ---- Links ---- */

static char *presign(const struct mp_storage *storage, struct mp_arena *arena, struct mp_sigv4_request *req, const char *key, int64_t now_ms)
{
    const struct mp_sigv4 credentials = key_of(storage);
    int64_t ttl_s = storage->conf->link_ttl_s;

    req->host = storage->host;
    req->path = path_of(storage, arena, key);
    req->payload_sha256 = MP_SIGV4_UNSIGNED;
    return mp_arena_printf(arena, "%s%s", storage->origin,
                           mp_sigv4_presign(arena, &credentials, req, now_ms + storage->skew_ms, ttl_s > LINK_MOST_S ? LINK_MOST_S : ttl_s));
}

char *mp_s3_link_get(struct mp_storage *storage, struct mp_arena *arena, const char *key, const char *filename, const char *content_type,
                     int64_t now_ms)
{
    const struct mp_http_header query[] = {{"response-content-disposition", mp_storage_disposition(arena, filename)},
                                           {"response-content-type", content_type}};
    struct mp_sigv4_request req = {.method = "GET", .query = query, .query_count = MP_COUNT(query)};

    return presign(storage, arena, &req, key, now_ms);
}

/* The length is signed, so that the server takes a body of that size alone. */
char *mp_s3_link_put(struct mp_storage *storage, struct mp_arena *arena, const char *key, int64_t size, int64_t now_ms)
{
    const struct mp_http_header length = {"Content-Length", mp_arena_printf(arena, "%" PRId64, size)};
    struct mp_sigv4_request req = {.method = "PUT", .headers = &length, .headers_count = 1};

    return presign(storage, arena, &req, key, now_ms);
}
