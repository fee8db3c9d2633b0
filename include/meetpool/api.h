#ifndef MEETPOOL_API_H
#define MEETPOOL_API_H

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stdint.h>

#include "meetpool/arena.h"
#include "meetpool/conf.h"
#include "meetpool/ctx.h"
#include "meetpool/error.h"
#include "meetpool/secret.h"
#include "meetpool/slice.h"

/*
 * HTTP as users see it. One way in (fcgi reads head and body within limits, the router finds the one row of the route table, which says method, roles
 * and whether an Idempotency-Key is honoured), one way out (envelope, one log line, arena cleared). Handlers decode, call one function of the rooms
 * below, encode.
 */
struct mp_api;
struct mp_exchange; /* the room's own side of a request */

struct mp_api_conf {
    struct mp_secret jwt_secret; /* MEETPOOL_JWT_SECRET: HS256; at least 32 bytes */
    const char *jwt_public_key;  /* MEETPOOL_JWT_PUBLIC_KEY: file with a PEM key, RSA (RS256) or P-256 (ES256); exactly one of the two is set */
    const char *jwt_issuer;      /* NULL: not checked */
    const char *jwt_audience;    /* NULL: not checked */
    int64_t max_body;            /* MEETPOOL_MAX_BODY, bytes */
    int64_t idempotency_ttl_s;   /* MEETPOOL_IDEMPOTENCY_TTL */
    const char *cors_origins;    /* comma-separated; NULL: none */
    const char *public_url;      /* MEETPOOL_PUBLIC_URL; without trailing slash */
    const char *timezone;        /* MEETPOOL_TIMEZONE, for local times without a zone of their own */
    const char *openapi_file;    /* MEETPOOL_OPENAPI_FILE; NULL: openapi.json in the package's data folder, where there is one */
};
extern const struct mp_setting mp_api_settings[];
extern const size_t mp_api_settings_rows;

/* Reads the key, builds the route table's index. Errors: MP_E_CONFIG. Lives in the arena. */
int mp_api_new(struct mp_arena *arena, const struct mp_api_conf *conf, struct mp_api **out, struct mp_error *err) MP_MUST_CHECK;

/* The FastCGI side. mp_fcgi_listen() makes the unix socket (mode 0660, a stale one is replaced) and returns its descriptor or -1. */
struct mp_fcgi;
int mp_fcgi_listen(const char *path, int backlog, struct mp_error *err) MP_MUST_CHECK;
struct mp_fcgi *mp_fcgi_new(int listen_fd);
void mp_fcgi_free(struct mp_fcgi *fcgi);
/*
 * Waits for a connection. 1: one is there, to be answered by one of the two below; 0: a signal came or about a second passed, look at your flags and
 * call again; -1: the socket is gone. No signal loses a connection, and none need be let in but during this call.
 */
int mp_fcgi_accept(struct mp_fcgi *fcgi);

/* Answers the request on the accepted connection: everything from reading to the log line. Clears ctx->arena at the end. */
void mp_api_serve(struct mp_api *api, struct mp_ctx *ctx, struct mp_fcgi *fcgi);
/* Answers it with 503 `unavailable` and Retry-After, without looking at it. */
void mp_api_refuse(struct mp_api *api, struct mp_ctx *ctx, struct mp_fcgi *fcgi);

/* ---- What handlers see ---- */

enum mp_role {
    MP_ROLE_NONE = 0,
    MP_ROLE_ADMIN = 1 << 0,
    MP_ROLE_TUTOR = 1 << 1,
    MP_ROLE_TEACHER = 1 << 2,
    MP_ROLE_DOCTOR = 1 << 3,
    MP_ROLE_INTERVIEWER = 1 << 4,
    MP_ROLE_STUDENT = 1 << 5,
    MP_ROLE_PATIENT = 1 << 6,
    MP_ROLE_CANDIDATE = 1 << 7
};
#define MP_STAFF        (MP_ROLE_TUTOR | MP_ROLE_TEACHER | MP_ROLE_DOCTOR | MP_ROLE_INTERVIEWER)
#define MP_PARTICIPANTS (MP_ROLE_STUDENT | MP_ROLE_PATIENT | MP_ROLE_CANDIDATE)
#define MP_EVERYONE     (MP_ROLE_ADMIN | MP_STAFF | MP_PARTICIPANTS)

/* "admin" …, as tokens say it; NULL for anything but a single role. */
const char *mp_role_name(enum mp_role role);

struct mp_user {
    const char *sub;
    enum mp_role role;
    const char *email; /* NULL: not said */
    const char *name;
};

struct mp_pair {
    const char *name, *value;
};

struct mp_request {
    struct mp_arena *arena;
    const char *method;
    const char *path; /* behind /api/ or /api/v1/, without the query: "zoom/meetings/123" */
    const struct mp_pair *query;
    size_t query_count;
    const char *params[4]; /* what stood for {…} in the route, percent-decoded */
    struct mp_slice body;
    struct json_object *json; /* the body of a POST, PUT or PATCH, parsed; an empty body is an empty object */
    struct mp_user user;      /* role MP_ROLE_NONE on public routes */
    const char *request_id;
    const char *remote_addr;
    const struct mp_api *api;
    const struct mp_exchange *exchange;
};

/* A request header by its usual name ("Accept"); NULL where it was not sent. */
const char *mp_request_header(const struct mp_request *req, const char *name);
/* A query parameter; NULL where absent. (Repeated ones were refused before.) */
const char *mp_request_query(const struct mp_request *req, const char *name);
const struct mp_api_conf *mp_request_conf(const struct mp_request *req);

/* `data`, `warnings` and `bare` are tied to the arena (mp_json_object()); the envelope takes a reference of its own. A 204 has no body. */
struct mp_response {
    struct mp_arena *arena;
    unsigned status;          /* 0: 200 */
    const char *message;      /* of the envelope */
    struct json_object *data; /* NULL: an empty object */
    struct json_object *warnings; /* NULL: none */
    struct json_object *bare;     /* instead of the envelope (zoom/status) */
    const char *raw;              /* instead of JSON, with raw_type (openapi.json, calendars); raw_len bytes */
    size_t raw_len;
    const char *raw_type;
    struct mp_pair headers[8]; /* further ones */
    size_t headers_count;
};

/* `data`, made when first asked for. */
struct json_object *mp_response_data(struct mp_response *res);
void mp_response_header(struct mp_response *res, const char *name, const char *value);
void mp_response_warn(struct mp_response *res, const char *code, const char *message_fmt, ...) MP_PRINTF(3, 4);
/* A warning with a further member. */
struct json_object *mp_response_warning(struct mp_response *res, const char *code, const char *message);
/* 302, never cached, no referrer. */
int mp_reply_redirect(struct mp_response *res, const char *url);

typedef int mp_handler(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err);

enum mp_route_flag {
    MP_ROUTE_PUBLIC = 1 << 0, /* no token */
    MP_ROUTE_ROOT = 1 << 1,   /* not under /api: "healthz" */
    MP_ROUTE_RAW = 1 << 2,    /* the body is not parsed (webhooks) */
    MP_ROUTE_SLOW = 1 << 3,   /* may wait for Zoom: nginx must send it to that pool; a test holds nginx' map against this */
    MP_ROUTE_BEARER = 1 << 4, /* the session cookie is not looked at */
    MP_ROUTE_PAGE = 1 << 5    /* a person comes by a link: a query that cannot be read is none, for the handler to put in words */
};

struct mp_route {
    const char *method;
    const char *path; /* "zoom/meetings/{id}", "classes/{id}.ics"; a literal wins over {…} with a suffix, that over {…} */
    unsigned roles;   /* MP_ROLE_ADMIN | MP_STAFF …; 0 with MP_ROUTE_PUBLIC */
    unsigned flags;
    mp_handler *handler;
};
/* Each resource's file has its rows; src/api/routes.c lists the tables. */
struct mp_route_table {
    const struct mp_route *rows;
    size_t count;
};

/* ---- Lists ---- */

/*
 * ?page_size= (30, 1..300) and ?next_page_token=. A token is opaque: signed, so that nobody makes one up, and bound to the route and to every other
 * query parameter; it carries where the last page ended. A wrong one is 422.
 */
struct mp_page {
    unsigned size;
    int64_t after_a, after_b; /* the sort key of the last row seen; both 0 on the first page */
    bool first;
};
int mp_page_read(const struct mp_request *req, struct mp_page *page, struct mp_error *err) MP_MUST_CHECK;
/* Puts data.next_page_token: empty where `more` is false. */
void mp_page_write(const struct mp_request *req, struct json_object *data, bool more, int64_t last_a, int64_t last_b);

/* Query values, told with the field's name as 422. As the JSON getters: 1, 0, -1 (named in err; reading goes on). */
int mp_query_time(const struct mp_request *req, const char *name, int64_t *at_ms, struct mp_error *err);
int mp_query_bool(const struct mp_request *req, const char *name, bool *out, struct mp_error *err);
int mp_query_enum(const struct mp_request *req, const char *name, const char *const names[], size_t *out, struct mp_error *err);
/* Any parameter that is not in `names` (NULL-terminated) is a 422. */
void mp_query_refuse_unknown(const struct mp_request *req, const char *const names[], struct mp_error *err);

#endif
