#ifndef MEETPOOL_S3_H
#define MEETPOOL_S3_H

#include <stdbool.h>
#include <stdint.h>

#include "meetpool/arena.h"
#include "meetpool/http.h"
#include "meetpool/secret.h"
#include "meetpool/slice.h"

/*
 * AWS Signature Version 4, as S3 wants it: paths are not normalised, each byte is escaped once. Held against AWS's own suite.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
 */
struct mp_sigv4 {
    const char *access_key;
    const struct mp_secret *secret_key;
    const char *region;
    const char *service; /* "s3"; others do not want the payload's hash in a header, and the suite is of such a one */
    bool normalise;      /* other services than S3 remove dot segments and empty ones from the path; for the suite */
};

struct mp_sigv4_request {
    const char *method;
    const char *host;                   /* with the port where it is not the scheme's */
    const char *path;                   /* not escaped; starts with '/' */
    const struct mp_http_header *query; /* name and value, neither escaped; any order */
    size_t query_count;
    const struct mp_http_header *headers; /* all are signed; Host is added */
    size_t headers_count;
    const char *payload_sha256; /* lower-case hex, or MP_SIGV4_UNSIGNED */
};
#define MP_SIGV4_UNSIGNED "UNSIGNED-PAYLOAD"

/*
 * What is to be sent beside `req->headers`: Authorization, x-amz-date, x-amz-content-sha256 (name NULL: not for this service). `now_ms`: since 1970.
 * The header Host must go out as `req->host` says, and the address as mp_sigv4_target() says.
 */
void mp_sigv4_sign(struct mp_arena *arena, const struct mp_sigv4 *key, const struct mp_sigv4_request *req, int64_t now_ms,
                   struct mp_http_header out[3]);
/* Path and query, escaped and with X-Amz-Signature, good for `ttl_s` (at most 604,800). */
char *mp_sigv4_presign(struct mp_arena *arena, const struct mp_sigv4 *key, const struct mp_sigv4_request *req, int64_t now_ms, int64_t ttl_s);
/* Path and query as they go over the wire. */
char *mp_sigv4_target(struct mp_arena *arena, const struct mp_sigv4_request *req);

#endif
