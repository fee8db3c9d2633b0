#ifndef MEETPOOL_API_INT_H
#define MEETPOOL_API_INT_H

#include "meetpool/api.h"
#include "meetpool/crypto.h"

/*
 * Inside the room. A request goes fcgi -> answer -> router, auth, body, idempotency -> handler -> envelope -> fcgi. Everything but fcgi.c works on
 * plain structs, so that a test can put a head in and look at the answer.
 */

/* ---- What came, what goes ---- */

struct mp_header {
    struct mp_slice name; /* any case, '_' and '-' alike (FastCGI says ACCEPT_LANGUAGE) */
    const char *value;
};

struct mp_head {
    const char *method;
    const char *uri;            /* as the client sent it; what stands behind '?' is not looked at */
    const char *query;          /* raw, without '?' */
    const char *content_type;   /* NULL or empty: none */
    const char *content_length; /* as above */
    const char *remote_addr;
    const struct mp_header *headers;
    size_t headers_count;
};

/* Reads up to `len` bytes of the body; fewer where it ends early. */
struct mp_body_source {
    size_t (*read)(void *arg, char *out, size_t len);
    void *arg;
};

struct mp_answer {
    unsigned status;
    struct mp_pair headers[24];
    size_t headers_count;
    struct mp_slice body;
    bool head_only; /* the answer to HEAD: all but the body */
};

void mp_answer_header(struct mp_answer *answer, struct mp_arena *arena, const char *name, const char *value);
const char *mp_answer_header_get(const struct mp_answer *answer, const char *name);
const char *mp_head_get(const struct mp_head *head, const char *name);
const char *mp_status_phrase(unsigned status);

/* The whole of a request but reading the head and writing the answer: never fails, logs one line, leaves the arena to the caller. */
void mp_api_answer(struct mp_api *api, struct mp_ctx *ctx, const struct mp_head *head, const struct mp_body_source *body, struct mp_answer *answer);
/* The answer of mp_api_refuse(). */
void mp_api_answer_refusal(struct mp_ctx *ctx, struct mp_answer *answer);

/* ---- The process' side: read only after mp_api_new(), but for the cache ---- */

enum mp_jwt_alg { MP_JWT_HS256, MP_JWT_RS256, MP_JWT_ES256 };

struct mp_jwt_key {
    enum mp_jwt_alg alg; /* follows from the key, never from a token */
    struct mp_secret key;
    const char *issuer, *audience; /* NULL: not checked */
};

struct mp_router;
struct mp_token_cache;

struct mp_api {
    struct mp_api_conf conf;
    struct mp_jwt_key jwt;
    struct mp_router *router;
    struct mp_token_cache *tokens;
    const char *origin; /* of the public URL, as browsers send it */
    const char *const *cors_origins;
    size_t cors_count;
    struct mp_slice openapi; /* empty: there is none */
};

enum mp_auth_kind { MP_AUTH_NONE, MP_AUTH_BEARER, MP_AUTH_COOKIE };

struct mp_identity {
    struct mp_user user;
    int64_t expires_at_s;
    const char *session_id; /* of a cookie; NULL for a bearer */
};

struct mp_exchange {
    struct mp_api *api;
    struct mp_ctx *ctx;
    const struct mp_head *head;
    const struct mp_body_source *source;
    const struct mp_route *route; /* NULL: none found */
    enum mp_auth_kind auth;
    int64_t auth_expires_at_s;
    const char *session_id; /* NULL: not by cookie */
    struct mp_request req;
    struct mp_response res;
    struct mp_answer *answer;
};

/* ---- text.c ---- */

/* Decodes %XX once ('+' as a blank in a query). False for a broken escape, a control character or what is not UTF-8. */
bool mp_percent_decode(struct mp_arena *arena, struct mp_slice text, bool plus, const char **out);
/* "https://Host:443/x" to "https://host": scheme, host and port as browsers send them in Origin; NULL where it is no http(s) URL. */
const char *mp_origin_of(struct mp_arena *arena, const char *url);
/* As mp_origin_of(), for a text that must be an origin and nothing more. */
bool mp_origin_valid(struct mp_arena *arena, const char *text);

/* ---- router.c, routes.c ---- */

extern const struct mp_route_table *const mp_api_tables[];
extern const size_t mp_api_tables_count;

struct mp_router *mp_router_new(struct mp_arena *arena, const struct mp_route_table *const *tables, size_t count);

struct mp_route_match {
    const struct mp_route *route;
    const char *path;      /* behind the prefix, decoded for the eye only */
    const char *params[4]; /* percent-decoded */
    const char *allow;     /* "GET, HEAD, OPTIONS": what the path takes */
};
/*
 * `uri` as the client sent it. Errors: MP_E_BAD_REQUEST (broken escape, control character, dot segment), MP_E_NOT_FOUND, MP_E_METHOD with err->allow.
 * OPTIONS finds no route: 0 with route NULL and `allow` where there is such a path.
 */
int mp_router_find(const struct mp_router *router, struct mp_arena *arena, const char *method, const char *uri, struct mp_route_match *match,
                   struct mp_error *err) MP_MUST_CHECK;

/* ---- query.c ---- */

int mp_query_parse(struct mp_request *req, const char *raw, struct mp_error *err) MP_MUST_CHECK;

/* ---- body.c ---- */

/* Reads, limits, parses. Errors: MP_E_BAD_REQUEST, _TOO_LARGE, _MEDIA_TYPE, _MALFORMED, _INVALID. */
int mp_body_read(struct mp_exchange *ex, struct mp_error *err) MP_MUST_CHECK;

/* ---- jwt.c, claims.c, token_cache.c, session.c, auth.c ---- */

/* Reads the key that the settings name. Errors: MP_E_CONFIG. */
int mp_jwt_key_load(struct mp_arena *arena, const struct mp_api_conf *conf, struct mp_jwt_key *out, struct mp_error *err) MP_MUST_CHECK;
/* Signature, then claims, at the instant `now_s`. MP_E_UNAUTHORIZED, whose detail says why. */
int mp_jwt_check(struct mp_arena *arena, const struct mp_jwt_key *key, struct mp_slice token, int64_t now_s, struct mp_identity *out,
                 struct mp_error *err) MP_MUST_CHECK;

/* Reads `sub`, `role`, `email`, `name` and `exp` and holds them against the clock. */
int mp_claims_read(struct mp_arena *arena, struct json_object *claims, int64_t now_s, struct mp_identity *out, struct mp_error *err) MP_MUST_CHECK;

/*
 * What was checked once need not be checked again until it expires: by the SHA-256 of the whole token and its kind, so that a cookie never stands in
 * for a bearer. 256 entries; the newer takes the older's place.
 */
struct mp_token_cache *mp_token_cache_new(struct mp_arena *arena);
bool mp_token_cache_get(const struct mp_token_cache *cache, struct mp_arena *arena, enum mp_auth_kind kind, struct mp_slice token, int64_t now_s,
                        struct mp_identity *out);
void mp_token_cache_put(struct mp_token_cache *cache, struct mp_arena *arena, enum mp_auth_kind kind, struct mp_slice token,
                        const struct mp_identity *identity);

/*
 * The session cookie holds the identity, sealed by the keyring for this one use: it opens on every worker and machine that has the key, also after a
 * new key was put before it, and is no JWT, so that neither works in the other's place. It dies with the JWT it was made from, or when its session is
 * ended: every cookie has a random id, and those that were ended are kept in the database, which is asked once a request by cookie (a look by the
 * primary key). Remembering the answer would leave a copied cookie alive for as long, in the workers that did not end it.
 */
#define MP_SESSION_COOKIE "__Host-meetpool"
/* A new session each time: `identity->session_id` is not looked at. */
char *mp_session_seal(struct mp_arena *arena, const struct mp_keyring *ring, const struct mp_identity *identity);
int mp_session_open(struct mp_arena *arena, const struct mp_keyring *ring, struct mp_slice cookie, int64_t now_s, struct mp_identity *out,
                    struct mp_error *err) MP_MUST_CHECK;
/* MP_E_UNAUTHORIZED where the session was ended; what a bearer says of itself passes. */
int mp_session_check(struct mp_ctx *ctx, const struct mp_identity *identity, struct mp_error *err) MP_MUST_CHECK;
/* The value of Set-Cookie; an empty `value` with max_age_s 0 ends the cookie. */
char *mp_session_set_cookie(struct mp_arena *arena, const char *value, int64_t max_age_s);

/*
 * Who asks, and whether they may: fills ex->req.user. Errors: MP_E_BAD_REQUEST (two ways at once), MP_E_UNAUTHORIZED, MP_E_FORBIDDEN (role, or a
 * cookie without the Origin); WWW-Authenticate is put into the answer.
 */
int mp_auth(struct mp_exchange *ex, int64_t now_s, struct mp_error *err) MP_MUST_CHECK;

/* ---- cors.c ---- */

int mp_cors_read(struct mp_arena *arena, struct mp_api *api, struct mp_error *err) MP_MUST_CHECK;
/* Headers for every answer; `allow` is given for OPTIONS only. */
void mp_cors_headers(const struct mp_exchange *ex, const char *allow);

/* ---- idempotency.c ---- */

/* Runs `run` once for the request's Idempotency-Key, or gives the first answer again. Errors: MP_E_INVALID, _IDEM_*, _UNAVAILABLE. */
int mp_idempotent(struct mp_exchange *ex, int (*run)(struct mp_exchange *ex, struct mp_error *err), struct mp_error *err);

/* ---- envelope.c ---- */

void mp_envelope_success(struct mp_exchange *ex);
void mp_envelope_failure(struct mp_arena *arena, struct mp_answer *answer, const char *request_id, const struct mp_error *err);
/* What every answer carries. */
void mp_envelope_common(struct mp_arena *arena, struct mp_answer *answer, const char *request_id);

/* ---- audit.c ---- */

/* Notes in the audit log what somebody did, or was refused, by an unsafe method: who, what, to which thing, from where, and how it ended. */
void mp_audit_deed(struct mp_exchange *ex, const struct mp_error *outcome);

/* ---- ops.c ---- */

extern const struct mp_route_table mp_ops_routes;
extern const struct mp_route_table mp_metric_routes;
extern const struct mp_route_table mp_account_routes;
extern const struct mp_route_table mp_meeting_routes;
extern const struct mp_route_table mp_connection_routes;
extern const struct mp_route_table mp_audit_routes;
extern const struct mp_route_table mp_course_routes;
extern const struct mp_route_table mp_batch_routes;
extern const struct mp_route_table mp_session_routes;
extern const struct mp_route_table mp_face_routes;
extern const struct mp_route_table mp_calendar_routes;
extern const struct mp_route_table mp_recording_routes;
extern const struct mp_route_table mp_job_routes;
extern const struct mp_route_table mp_webhook_routes;
extern const struct mp_route_table mp_lesson_routes;
extern const struct mp_route_table mp_recording_file_routes;
extern const struct mp_route_table mp_summary_routes;
/* Reads openapi.json. Errors: MP_E_CONFIG where the setting names a file that cannot be read. */
int mp_openapi_load(struct mp_arena *arena, const struct mp_api_conf *conf, struct mp_slice *out, struct mp_error *err) MP_MUST_CHECK;

#endif
