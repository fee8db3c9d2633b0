#ifndef NET_INT_H
#define NET_INT_H

#include <curl/curl.h>

#include "meetpool/buf.h"
#include "meetpool/http.h"
#include "meetpool/stream.h"

#define MP_NET_HEADERS_MOST 100
#define MP_NET_HANDLES_KEPT 32

struct mp_http {
    struct mp_arena *arena;
    CURLM *multi;                    /* every call goes through it: the connections are kept here */
    CURL *idle[MP_NET_HANDLES_KEPT]; /* TLS sessions are kept with them */
    size_t idle_count;
    size_t under_way;        /* those that mp_http_land() is asked for */
    struct transfer *landed; /* of them, those that have ended */
    void (*while_waiting)(void *arg);
    void *while_waiting_arg;
    const char *ca_file;
    const char *ca_folder;
};

/* One call on its way. */
struct transfer {
    struct mp_arena *arena;
    struct mp_http_response *res;
    int64_t began_ms;
    bool awaited; /* by whoever started it, who finds it by himself; not landed */
    bool ended;
    struct transfer *next; /* landed before it */
    CURL *easy;            /* NULL: nothing was begun, or it has ended */
    struct curl_slist *request_headers;
    bool repeatable;                        /* asking twice does no harm */
    bool tell_certificate;
    const struct mp_stream_request *stream; /* NULL: a call of http.h */
    enum mp_address address;                /* of a stream's far side, once it is connected */
    struct mp_buf body;
    struct mp_http_header headers[MP_NET_HEADERS_MOST];
    size_t headers_count;
    size_t head_bytes;
    bool head_complete;
    const char *problem; /* why we ended it; NULL: we did not */
    char curl_problem[CURL_ERROR_SIZE];
};

/* ---- http.c ---- */

/* `t`: zeroed but for arena, awaited, stream; `res` is filled when it has ended. */
void net_begin(struct mp_http *http, struct transfer *t, const struct mp_http_request *req, struct mp_http_response *res);
/* Moves on what is under way and settles what has ended; whether any has. Nothing here waits. */
bool net_move_on(struct mp_http *http);
void net_wait_for_news(struct mp_http *http, unsigned wait_ms);
/* Gives back everything of one that is under way. */
void net_take_down(struct mp_http *http, struct transfer *t);
/* Fills status and headers of the answer. */
void net_show_head(struct transfer *t);

/* ---- stream.c ---- */

/* What a stream sets beside or instead of a call's options. Nonzero where curl does not take one. */
int net_set_stream(struct transfer *t);
/* Whether it may talk to this address, which is noted. */
bool net_may_reach(struct transfer *t, const char *ip);

#endif
