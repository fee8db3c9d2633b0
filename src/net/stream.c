#include "meetpool/stream.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "net_int.h"

/* What curl reads and writes at once: larger than its own 16 and 64 KiB, which cost a tenth more CPU. */
#define STREAM_BUFFER_BYTES (512L * 1024)

static const char kept_away[] = "the host has an address that this call may not go to";

struct mp_stream {
    struct transfer t;
    struct mp_http *http;
    struct mp_stream_request req;
    struct mp_http_response res;
};

/* ---- Where it goes ---- */

bool net_may_reach(struct transfer *t, const char *ip)
{
    t->address = mp_address_of(ip);
    if (!t->stream->addresses || (t->address & t->stream->addresses))
        return true;
    t->problem = kept_away;
    return false;
}

/* The address that curl is about to connect to, of those that the name has: no second look-up that could say something else. */
static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct transfer *t = arg;
    char ip[INET6_ADDRSTRLEN] = "";
    const void *number = to->family == AF_INET ? (const void *)&((const struct sockaddr_in *)(const void *)&to->addr)->sin_addr
                                               : (const void *)&((const struct sockaddr_in6 *)(const void *)&to->addr)->sin6_addr;

    (void)purpose;
    if ((to->family != AF_INET && to->family != AF_INET6) || !inet_ntop(to->family, number, ip, sizeof(ip)) || !net_may_reach(t, ip))
        return CURL_SOCKET_BAD;
    t->problem = NULL; /* an earlier address of the same host may have been refused */
    return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

/* ---- What comes ---- */

static size_t on_piece(char *bytes, size_t size, size_t count, void *arg)
{
    struct transfer *t = arg;

    net_show_head(t);
    switch (t->stream->take(t->stream->arg, t->res, (struct mp_slice){bytes, size * count})) {
    case MP_STREAM_TAKEN:
        return size * count;
    case MP_STREAM_WAIT:
        return CURL_WRITEFUNC_PAUSE;
    case MP_STREAM_STOP:
        break;
    }
    t->problem = "stopped";
    return size * count + 1; /* which curl takes for a failure */
}

int net_set_stream(struct transfer *t)
{
    const struct mp_stream_request *req = t->stream;
    CURL *easy = t->easy;
    int bad = 0;

    bad |= (int)curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    bad |= (int)curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, t);
    if (req->take) {
        bad |= (int)curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, STREAM_BUFFER_BYTES);
        bad |= (int)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_piece);
    }
    if (req->call.body.p)
        bad |= (int)curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, STREAM_BUFFER_BYTES);
    if (req->slow_bytes_per_s) {
        bad |= (int)curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, (long)req->slow_bytes_per_s);
        bad |= (int)curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)req->slow_s);
    }
    return bad;
}

/* ---- The stream ---- */

struct mp_stream *mp_stream_start(struct mp_http *http, struct mp_arena *arena, const struct mp_stream_request *req)
{
    struct mp_stream *stream = MP_NEW(arena, struct mp_stream);

    stream->http = http;
    stream->req = *req;
    stream->t.arena = arena;
    stream->t.awaited = true;
    stream->t.stream = &stream->req;
    stream->t.address = MP_ADDRESS_PRIVATE;
    net_begin(http, &stream->t, &stream->req.call, &stream->res);
    return stream;
}

bool mp_stream_ended(const struct mp_stream *stream)
{
    return stream->t.ended;
}

const struct mp_http_response *mp_stream_answer(const struct mp_stream *stream)
{
    return &stream->res;
}

enum mp_address mp_stream_address(const struct mp_stream *stream)
{
    return stream->t.address;
}

bool mp_stream_kept_away(const struct mp_stream *stream)
{
    return stream->t.problem == kept_away;
}

void mp_stream_go_on(struct mp_stream *stream)
{
    if (stream->t.easy)
        (void)curl_easy_pause(stream->t.easy, CURLPAUSE_CONT);
}

void mp_stream_drop(struct mp_stream *stream)
{
    if (stream && stream->t.easy)
        net_take_down(stream->http, &stream->t);
}

void mp_stream_turn(struct mp_http *http, unsigned wait_ms)
{
    if (!net_move_on(http))
        net_wait_for_news(http, wait_ms);
}
