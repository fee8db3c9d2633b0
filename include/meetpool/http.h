#ifndef MEETPOOL_HTTP_H
#define MEETPOOL_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "meetpool/arena.h"
#include "meetpool/attr.h"
#include "meetpool/secret.h"
#include "meetpool/slice.h"

/*
 * The one HTTP client: one call at a time, or several under way at once; connections kept. The only room that knows <curl/curl.h>.
 *
 * Every call has a deadline and an answer limit and ends in a class; callers branch on the class and the status, never on text. TLS is verified, 1.2
 * at least; plain http is taken for loopback addresses only (127.0.0.0/8, ::1, localhost). Redirects are never followed: the answer is the redirect.
 * The CA folder is given as CAPATH, not as one bundle (23 ms of CPU a connection, PERFORMANCE section 4); SSL_CERT_FILE and SSL_CERT_DIR of the
 * environment, as they stand when the client is made, replace it. Proxies that the environment names are not used.
 *
 * A request other than GET and HEAD leaves at most once a call: curl's own repeat on a fresh connection, when a kept one dies, is prevented.
 *
 * The process must ignore SIGPIPE: OpenSSL writes with write(2), and curl is told to leave signals alone.
 */
struct mp_http;

enum mp_call_class {
    MP_CALL_ANSWERED,   /* a whole answer came; look at the status */
    MP_CALL_NOT_SENT,   /* DNS, connect, TLS: nothing left this machine; safe to go elsewhere at once */
    MP_CALL_MAYBE_DONE, /* timeout, cut or garbage after the request left: the far side may have done it */
};

struct mp_http_header {
    const char *name;
    const char *value;
};

struct mp_http_request {
    const char *method; /* "GET", "HEAD", "POST", "PATCH", "PUT", "DELETE" */
    const char *url;    /* complete, percent-encoded by the caller */
    const struct mp_http_header *headers;
    size_t headers_count;
    const struct mp_secret *bearer; /* NULL: none */
    const char *basic_user;         /* NULL: none; with basic_password */
    const struct mp_secret *basic_password;
    struct mp_slice body;     /* p NULL: no body */
    const char *content_type; /* of the body */
    unsigned timeout_ms;      /* for the whole call; 0: 10,000 */
    size_t answer_most_bytes; /* 0: 4 MiB; a longer answer is MP_CALL_MAYBE_DONE */
    bool tell_certificate;    /* costs reading the whole chain */
};

enum mp_http_certificate {
    MP_CERTIFICATE_UNKNOWN, /* not asked for, or there was none: plain http, no connection */
    MP_CERTIFICATE_GOOD,
    MP_CERTIFICATE_EXPIRED,
    MP_CERTIFICATE_UNTRUSTED /* nobody vouches for it, or it is another host's */
};

struct mp_http_response {
    enum mp_call_class call;
    const char *problem; /* not answered: what happened, for the log */
    unsigned status;
    struct mp_slice body; /* NUL-terminated behind its end */
    const struct mp_http_header *headers;
    size_t headers_count;
    unsigned elapsed_ms;
    enum mp_http_certificate certificate;
    int64_t certificate_until_ms; /* of a good one; 0: not known */
};

struct mp_http *mp_http_new(void);
/* Whoever the PEM file vouches for is trusted, besides the folder that SSL_CERT_DIR names; NULL: as mp_http_new(). */
struct mp_http *mp_http_new_trusting(const char *ca_file);
void mp_http_free(struct mp_http *http);

/* Always fills `res`; everything in it lives in the arena. */
void mp_http_call(struct mp_http *http, struct mp_arena *arena, const struct mp_http_request *req, struct mp_http_response *res);

/*
 * `fn` is called now and then (at least once a second) while mp_http_call() waits, so that whoever holds a lease can hold on to it through a long
 * call. It calls nothing of this room. NULL: none.
 */
void mp_http_while_waiting(struct mp_http *http, void (*fn)(void *arg), void *arg);

/*
 * Several at once: start each, then land them in whatever order they end. A started call ends by its own deadline, counted from its start, like one
 * made by mp_http_call(), and moves on only inside this room's functions. `arena`, `res` and the body must last until it has landed, and whoever
 * starts calls lands them all. mp_http_call() may be used meanwhile.
 */
void mp_http_start(struct mp_http *http, struct mp_arena *arena, const struct mp_http_request *req, struct mp_http_response *res);
/* The `res` of one that has ended, filled; NULL where none has within `wait_ms`, or none is under way. */
struct mp_http_response *mp_http_land(struct mp_http *http, unsigned wait_ms);

/* Any case; the first of several; NULL where there is none. */
const char *mp_http_header_get(const struct mp_http_response *res, const char *name);

/*
 * Retry-After in its three shapes: seconds, an HTTP date, an ISO 8601 instant (Zoom's daily limits; API-FACTS 3.3). Milliseconds from now, at least
 * 0; -1 where absent, unreadable or more than a year away.
 */
int64_t mp_http_retry_after_ms(const struct mp_http_response *res, int64_t now_ms);

/* The instant of an HTTP date ("Sun, 06 Nov 1994 08:49:37 GMT") or an ISO 8601 one; -1 for anything else. */
int64_t mp_http_date_ms(const char *text);

/* Percent-encodes everything but RFC 3986's unreserved characters ('/' too). */
char *mp_url_encode(struct mp_arena *arena, struct mp_slice s);

struct mp_url {
    const char *scheme, *host; /* lower case */
    unsigned port;
    const char *path; /* with the query; starts with '/' */
};
/* False for anything but http(s)://host[:port]/..., without user. */
bool mp_url_parse(struct mp_arena *arena, const char *text, struct mp_url *out);
/* What `text` (a Location) means, read beside the address `base`; without a fragment. NULL where it is no address, or names a user. */
char *mp_url_join(struct mp_arena *arena, const char *base, const char *text);
/* Whether the host is this machine's loopback, by name or number. */
bool mp_url_is_loopback(const struct mp_url *url);

#endif
