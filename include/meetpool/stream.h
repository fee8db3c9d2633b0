#ifndef MEETPOOL_STREAM_H
#define MEETPOOL_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "meetpool/arena.h"
#include "meetpool/http.h"

/*
 * Bodies that are too long to be held: an answer that is taken as it comes, a request whose body is somebody else's memory. Several at once beside
 * the calls of http.h, over the same client and its connections, under the same rules (TLS, plain http to loopback alone, no redirect followed, no
 * proxy, what may have been done is not sent twice).
 *
 * Nothing moves but inside this room's functions: whoever has streams calls mp_stream_turn() until they have ended.
 */
struct mp_stream;

/* What an IP address is; the bits of mp_stream_request.addresses. */
enum mp_address {
    MP_ADDRESS_PUBLIC = 1,
    MP_ADDRESS_LOOPBACK = 2,
    MP_ADDRESS_PRIVATE = 4 /* private, link-local, shared, multicast, reserved: everything that is not a host of the Internet */
};
/* `ip`: a number, IPv4 or IPv6, as text; anything else is private. An IPv4 address inside an IPv6 one counts as itself. */
enum mp_address mp_address_of(const char *ip);

enum mp_stream_take {
    MP_STREAM_TAKEN, /* all of it */
    MP_STREAM_WAIT,  /* nothing of it: it comes again after mp_stream_go_on(), and perhaps at once */
    MP_STREAM_STOP   /* the stream ends; whoever says so knows why */
};

struct mp_stream_request {
    struct mp_http_request call; /* its body, if any, is borrowed until the stream has ended */
    unsigned slow_bytes_per_s;   /* slower than that for `slow_s`: it ends, as if cut. 0: the limit of calls */
    unsigned slow_s;
    unsigned addresses; /* what it may connect to, looked at where the connection is made and where one is used again; 0: anything */
    /* Takes the answer's body, whatever its status, piece by piece; starts no stream and calls nothing of http.h. NULL: the body is gathered, at most
     * `call.answer_most_bytes`. */
    enum mp_stream_take (*take)(void *arg, const struct mp_http_response *head, struct mp_slice bytes);
    void *arg;
};

/* Never NULL; lives in the arena, which must last until it has ended or was dropped. The request itself is copied, what it points to is not. */
struct mp_stream *mp_stream_start(struct mp_http *http, struct mp_arena *arena, const struct mp_stream_request *req);
bool mp_stream_ended(const struct mp_stream *stream);
/*
 * Of one that has ended: as mp_http_call() fills it, without the body that was taken; `call` is MP_CALL_ANSWERED where the body came whole, as far as
 * HTTP can tell: an answer that names no length ends with its connection. Status and headers stand there for a broken one too, once its head came
 * (status 0: it did not).
 */
const struct mp_http_response *mp_stream_answer(const struct mp_stream *stream);
/* What it is connected to; MP_ADDRESS_PRIVATE where that is not known. */
enum mp_address mp_stream_address(const struct mp_stream *stream);
/* Of one that has ended: it did because of `addresses`. */
bool mp_stream_kept_away(const struct mp_stream *stream);
/* After MP_STREAM_WAIT. May call `take` at once. */
void mp_stream_go_on(struct mp_stream *stream);
/* Ends it here and now, whatever state it is in. NULL is allowed, twice too. */
void mp_stream_drop(struct mp_stream *stream);
/* Moves on everything that is under way at this client; waits for news, at most `wait_ms`, where there is none. */
void mp_stream_turn(struct mp_http *http, unsigned wait_ms);

#endif
