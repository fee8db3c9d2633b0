#include "sandbox_int.h"

#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "meetpool/buf.h"
#include "recording.h"

#define THREAD_STACK    ((size_t)256 * 1024)
#define CONNECTIONS_MAX 8000
#define HEAD_MAX        ((size_t)64 * 1024)

/* What one request gathers while libmicrohttpd reads it. */
struct gathering {
    struct mp_arena *arena;
    char *uri;
    struct mp_buf body;
    bool begun;
    bool too_large;
};

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Once. A broken escape stays as it is; %00 too, so that no text ends early. */
char *sb_uri_decode(struct mp_arena *arena, const char *text)
{
    char *out = mp_arena_alloc(arena, strlen(text) + 1);
    size_t len = 0;

    for (const char *p = text; *p != '\0'; p++) {
        int high = *p == '%' ? hex(p[1]) : -1;
        int low = high >= 0 ? hex(p[2]) : -1;

        if (low >= 0 && high * 16 + low > 0) {
            out[len++] = (char)(high * 16 + low);
            p += 2;
        } else
            out[len++] = *p;
    }
    return out;
}

char *sb_uri_encode(struct mp_arena *arena, const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    static const char digits[] = "0123456789ABCDEF";
    char *out = mp_arena_alloc(arena, strlen(text) * 3 + 1), *end = out;

    for (const char *p = text; *p != '\0'; p++) {
        if (strchr(plain, *p) != NULL) {
            *end++ = *p;
            continue;
        }
        *end++ = '%';
        *end++ = digits[(unsigned char)*p >> 4];
        *end++ = digits[(unsigned char)*p & 15];
    }
    return out;
}

const char *sb_query(const struct sb_call *call, const char *name)
{
    for (size_t i = 0; i < call->query_count; i++) {
        if (strcmp(call->query[i].name, name) == 0)
            return call->query[i].value;
    }
    return NULL;
}

static void split_query(struct sb_call *call, const char *text)
{
    struct mp_slice rest = mp_slice_of(text);
    struct mp_slice pair, name;
    size_t most = 1;

    for (const char *p = text; *p != '\0'; p++)
        most += *p == '&' ? 1 : 0;
    call->query = mp_arena_array(call->arena, most, sizeof(*call->query));
    while (call->query_count < most && mp_slice_split(&rest, '&', &pair)) {
        char *value;

        if (!mp_slice_split(&pair, '=', &name))
            continue;
        value = mp_arena_strndup(call->arena, pair);
        for (char *p = value; *p != '\0'; p++) {
            if (*p == '+')
                *p = ' ';
        }
        call->query[call->query_count++] =
            (struct sb_pair){sb_uri_decode(call->arena, mp_arena_strndup(call->arena, name)), sb_uri_decode(call->arena, value)};
    }
}

static void split_path(struct sb_call *call)
{
    struct mp_slice rest = mp_slice_of(call->path);
    struct mp_slice part;

    if (rest.len == 0 || rest.p[0] != '/') {
        call->bad_path = true;
        return;
    }
    rest.p++;
    rest.len--;
    while (mp_slice_split(&rest, '/', &part)) {
        if (call->segment_count == SB_SEGMENTS_MAX) {
            call->bad_path = true;
            return;
        }
        call->segments[call->segment_count++] = sb_uri_decode(call->arena, mp_arena_strndup(call->arena, part));
    }
}

static void call_init(struct sb_call *call, struct sb_state *st, struct MHD_Connection *connection, const struct gathering *g, const char *method)
{
    const char *mark = strchr(g->uri, '?');

    memset(call, 0, sizeof(*call));
    call->st = st;
    call->arena = g->arena;
    call->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    call->method = mp_arena_strdup(g->arena, method);
    call->uri = g->uri;
    call->path = mark == NULL ? g->uri : mp_arena_strndup(g->arena, (struct mp_slice){g->uri, (size_t)(mark - g->uri)});
    call->authorization = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION);
    call->authority = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);
    call->range = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_RANGE);
    call->if_range = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_IF_RANGE);
    call->body = mp_buf_slice(&g->body);
    call->too_large = g->too_large;
    split_path(call);
    split_query(call, mark == NULL ? "" : mark + 1);
}

static void send_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
        struct pollfd room = {fd, POLLOUT, 0};

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN && poll(&room, 1, 5000) > 0)
            continue;
        if (n <= 0)
            return;
        bytes += n;
        len -= (size_t)n;
    }
}

/* The first bytes of head or body by hand, then the connection goes: libmicrohttpd would finish what it begins. */
static enum MHD_Result cut(const struct sb_call *call, const struct sb_reply *reply, const struct sb_outcome *outcome)
{
    const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
    struct mp_buf text;
    size_t len;

    if (outcome->cut_bytes != SIZE_MAX) {
        mp_buf_init(&text, call->arena, HEAD_MAX + reply->body.len);
        mp_buf_addf(&text, "HTTP/1.1 %u %s\r\n", reply->status, MHD_get_reason_phrase_for(reply->status));
        if (reply->type != NULL)
            mp_buf_addf(&text, "Content-Type: %s\r\n", reply->type);
        for (size_t i = 0; i < reply->header_count; i++)
            mp_buf_addf(&text, "%s: %s\r\n", reply->headers[i].name, reply->headers[i].value);
        mp_buf_addf(&text, "Content-Length: %zu\r\n\r\n", reply->body.len);
        len = outcome->in_headers ? 0 : text.len;
        mp_buf_add_slice(&text, reply->body);
        len += outcome->cut_bytes;
        send_all(call->fd, mp_buf_text(&text), len < text.len ? len : text.len);
    }
    /* Dissolving the association sends RST; a unix socket knows no such thing. */
    if (!outcome->reset || connect(call->fd, &nowhere, sizeof(nowhere)) < 0)
        (void)shutdown(call->fd, SHUT_RDWR);
    return MHD_NO;
}

static enum MHD_Result answer(struct sb_state *st, struct MHD_Connection *connection, const struct sb_reply *reply)
{
    struct MHD_Response *response;
    enum MHD_Result queued;

    if (reply->stream != NULL)
        response = sb_stream_response(st, reply->stream);
    else
        response = MHD_create_response_from_buffer(reply->body.len, (void *)(uintptr_t)reply->body.p, MHD_RESPMEM_MUST_COPY);
    if (response == NULL)
        return MHD_NO;
    if (reply->type != NULL)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->type);
    for (size_t i = 0; i < reply->header_count; i++)
        (void)MHD_add_response_header(response, reply->headers[i].name, reply->headers[i].value);
    queued = MHD_queue_response(connection, reply->status, response);
    MHD_destroy_response(response);
    return queued;
}

static enum MHD_Result handle(void *cls, struct MHD_Connection *connection, const char *url, const char *method, const char *version,
                              const char *upload, size_t *upload_len, void **con_cls)
{
    struct gathering *g = *con_cls;
    struct sb_call call;
    struct sb_reply reply;
    struct sb_outcome outcome;

    (void)url;
    (void)version;
    if (g == NULL)
        return MHD_NO;
    if (!g->begun) {
        g->begun = true;
        return MHD_YES;
    }
    if (*upload_len > 0) {
        if (!mp_buf_append(&g->body, upload, *upload_len))
            g->too_large = true;
        *upload_len = 0;
        return MHD_YES;
    }
    call_init(&call, cls, connection, g, method);
    sb_serve(&call, &reply, &outcome);
    return outcome.cut ? cut(&call, &reply, &outcome) : answer(cls, connection, &reply);
}

/* The address exactly as it came; what is answered here is the first `con_cls` of the request. */
static void *begin(void *cls, const char *uri, struct MHD_Connection *connection)
{
    struct mp_arena *arena = mp_arena_new();
    struct gathering *g = MP_NEW(arena, struct gathering);

    (void)cls;
    (void)connection;
    g->arena = arena;
    g->uri = mp_arena_strdup(arena, uri);
    mp_buf_init(&g->body, arena, SB_BODY_MAX);
    return g;
}

static void completed(void *cls, struct MHD_Connection *connection, void **con_cls, enum MHD_RequestTerminationCode code)
{
    struct gathering *g = *con_cls;

    (void)cls;
    (void)connection;
    (void)code;
    *con_cls = NULL;
    if (g != NULL)
        mp_arena_free(g->arena);
}

/* Paths are decoded once, and by us: a path segment may hold an encoded slash. */
static size_t keep_escapes(void *cls, struct MHD_Connection *connection, char *text)
{
    (void)cls;
    (void)connection;
    return strlen(text);
}

struct MHD_Daemon *sb_http_start(struct sb_state *st, int listen_fd)
{
    unsigned flags = MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_SUPPRESS_DATE_NO_CLOCK;

    return MHD_start_daemon(flags, 0, NULL, NULL, handle, st, MHD_OPTION_LISTEN_SOCKET, listen_fd, MHD_OPTION_URI_LOG_CALLBACK, begin, NULL,
                            MHD_OPTION_NOTIFY_COMPLETED, completed, NULL, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
                            MHD_OPTION_THREAD_STACK_SIZE, THREAD_STACK, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX, MHD_OPTION_END);
}
