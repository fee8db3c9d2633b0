#include <errno.h>
#include <fcgiapp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "api_int.h"

/*
 * libfcgi 2.4.2. Connections are never kept: a worker that holds one open takes no other request until nginx lets go of it, and requests behind it
 * starve.
 *
 * accept(2) is our own. libfcgi's forgets a signal that comes before it, and drops the connection, and with it a request, when one comes right
 * after: it polls the connection it has just accepted, and takes EINTR for a client that says nothing. The wait is cut into pieces all the same, for
 * the signal that comes between the caller's look and accept(2): the listening socket has a receive timeout, which accept(2) obeys.
 */

#define ACCEPT_WAIT_S 1
/* nginx sends a request in one go; whoever connects and says nothing for so long is let go. */
#define READ_WAIT_S 10

struct mp_fcgi {
    FCGX_Request request;
    int listen_fd;
};

static int fail_socket(int fd, const char *what, struct mp_error *err)
{
    int saved = errno;

    if (fd >= 0)
        close(fd);
    mp_fail(err, MP_E_CONFIG, "MEETPOOL_LISTEN: %s: %s", what, strerror(saved));
    return -1;
}

/* A socket that nobody answers on was left by a process that died. Anything else in its place is not ours to remove. */
static int remove_stale(const struct sockaddr_un *address, struct mp_error *err)
{
    struct stat st;
    int probe, taken;

    if (lstat(address->sun_path, &st) < 0)
        return errno == ENOENT ? 0 : fail_socket(-1, "the socket's folder cannot be read", err);
    if (!S_ISSOCK(st.st_mode))
        return mp_fail(err, MP_E_CONFIG, "MEETPOOL_LISTEN: something that is no socket stands in its place");
    probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (probe < 0)
        return fail_socket(-1, "no socket can be made", err);
    taken = connect(probe, (const struct sockaddr *)address, sizeof(*address)) == 0;
    close(probe);
    if (taken)
        return mp_fail(err, MP_E_CONFIG, "MEETPOOL_LISTEN: another process answers on that socket");
    if (unlink(address->sun_path) < 0)
        return fail_socket(-1, "a stale socket cannot be removed", err);
    return 0;
}

/* Whoever reaches the socket can say anything about a request: it is for the owner and the group alone, from its first moment. */
static int bind_private(int fd, const struct sockaddr_un *address)
{
    mode_t before = umask(S_IXUSR | S_IXGRP | S_IRWXO);
    int rc = bind(fd, (const struct sockaddr *)address, sizeof(*address));
    int saved = errno;

    umask(before);
    errno = saved;
    return rc;
}

int mp_fcgi_listen(const char *path, int backlog, struct mp_error *err)
{
    const struct timeval wait = {.tv_sec = ACCEPT_WAIT_S};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd;

    if (strlen(path) >= sizeof(address.sun_path))
        return mp_fail(err, MP_E_CONFIG, "MEETPOOL_LISTEN: the path of a socket has at most %zu bytes", sizeof(address.sun_path) - 1);
    memcpy(address.sun_path, path, strlen(path));
    if (remove_stale(&address, err) < 0)
        return -1;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) < 0)
        return fail_socket(fd, "no socket can be made", err);
    if (bind_private(fd, &address) < 0 || listen(fd, backlog) < 0)
        return fail_socket(fd, "the socket cannot be opened", err);
    return fd;
}

struct mp_fcgi *mp_fcgi_new(int listen_fd)
{
    struct mp_fcgi *fcgi = calloc(1, sizeof(*fcgi));

    if (fcgi == NULL || FCGX_Init() != 0 || FCGX_InitRequest(&fcgi->request, -1, FCGI_FAIL_ACCEPT_ON_INTR) != 0)
        abort();
    fcgi->listen_fd = listen_fd;
    return fcgi;
}

void mp_fcgi_free(struct mp_fcgi *fcgi)
{
    if (fcgi == NULL)
        return;
    FCGX_Free(&fcgi->request, 1);
    free(fcgi);
}

int mp_fcgi_accept(struct mp_fcgi *fcgi)
{
    const struct timeval wait = {.tv_sec = READ_WAIT_S};
    int fd = accept4(fcgi->listen_fd, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0)
        return errno == EBADF || errno == EINVAL || errno == ENOTSOCK ? -1 : 0;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    fcgi->request.ipcFd = fd;
    fcgi->request.keepConnection = 1; /* or libfcgi would close it before it reads from it */
    return 1;
}

/* False where no request came, then the connection is closed: libfcgi went back to accept(), on no socket. */
static bool read_request(struct mp_fcgi *fcgi)
{
    bool came = FCGX_Accept_r(&fcgi->request) == 0;

    fcgi->request.keepConnection = 0; /* whatever the web server asked for */
    return came;
}

static const char *param(struct mp_arena *arena, const FCGX_Request *request, const char *name)
{
    return mp_arena_strdup(arena, FCGX_GetParam(name, request->envp));
}

static void read_headers(struct mp_arena *arena, const FCGX_Request *request, struct mp_head *head)
{
    size_t count = 0;
    struct mp_header *headers;

    for (char **p = request->envp; *p != NULL; p++)
        count += strncmp(*p, "HTTP_", 5) == 0;
    headers = mp_arena_array(arena, count, sizeof(*headers));
    for (char **p = request->envp; *p != NULL; p++) {
        const char *equals = strchr(*p, '=');
        if (strncmp(*p, "HTTP_", 5) != 0 || equals == NULL)
            continue;
        headers[head->headers_count++] = (struct mp_header){{*p + 5, (size_t)(equals - *p - 5)}, equals + 1};
    }
    head->headers = headers;
}

/* Headers are borrowed from libfcgi until the request is finished; the rest outlives it, for the log. */
static void read_head(struct mp_arena *arena, const FCGX_Request *request, struct mp_head *head)
{
    *head = (struct mp_head){
        .method = param(arena, request, "REQUEST_METHOD"),
        .uri = param(arena, request, "REQUEST_URI"),
        .query = param(arena, request, "QUERY_STRING"),
        .content_type = param(arena, request, "CONTENT_TYPE"),
        .content_length = param(arena, request, "CONTENT_LENGTH"),
        .remote_addr = param(arena, request, "REMOTE_ADDR"),
    };
    if (head->method == NULL)
        head->method = "";
    read_headers(arena, request, head);
}

static size_t read_body(void *arg, char *out, size_t len)
{
    FCGX_Request *request = arg;
    size_t got = 0;

    /* FCGX_GetStr() takes an int. */
    while (got < len) {
        size_t wanted = len - got < 1 << 20 ? len - got : 1 << 20;
        int n = FCGX_GetStr(out + got, (int)wanted, request->in);
        if (n <= 0)
            break;
        got += (size_t)n;
    }
    return got;
}

/* A client that has gone is no failure of ours: what cannot be written is dropped. */
static void write_answer(FCGX_Request *request, const struct mp_answer *answer)
{
    FCGX_FPrintF(request->out, "Status: %u %s\r\n", answer->status, mp_status_phrase(answer->status));
    for (size_t i = 0; i < answer->headers_count; i++)
        FCGX_FPrintF(request->out, "%s: %s\r\n", answer->headers[i].name, answer->headers[i].value);
    FCGX_PutStr("\r\n", 2, request->out);
    if (!answer->head_only && answer->body.len > 0)
        FCGX_PutStr(answer->body.p, (int)answer->body.len, request->out);
    FCGX_Finish_r(request);
}

void mp_api_serve(struct mp_api *api, struct mp_ctx *ctx, struct mp_fcgi *fcgi)
{
    const struct mp_body_source body = {read_body, &fcgi->request};
    struct mp_answer answer;
    struct mp_head head;

    if (!read_request(fcgi))
        return;
    read_head(ctx->arena, &fcgi->request, &head);
    mp_api_answer(api, ctx, &head, &body, &answer);
    write_answer(&fcgi->request, &answer);
    mp_arena_clear(ctx->arena);
}

void mp_api_refuse(struct mp_api *api, struct mp_ctx *ctx, struct mp_fcgi *fcgi)
{
    struct mp_answer answer;

    (void)api;
    if (!read_request(fcgi))
        return;
    mp_api_answer_refusal(ctx, &answer);
    write_answer(&fcgi->request, &answer);
    mp_arena_clear(ctx->arena);
}
