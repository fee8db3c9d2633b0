#include "peer.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct peer {
    pid_t pid;
    FILE *to, *from;
    unsigned port;
    char *cert;
};

static char *script_path(void)
{
    const char *top = getenv("top_srcdir");
    char *path = NULL;

    assert_true(asprintf(&path, "%s/tests/unit/peer.py", top ? top : TOP_SRCDIR) > 0);
    return path;
}

static char *read_line(struct peer *peer)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t len = getline(&line, &room, peer->from);

    assert_true(len > 0);
    line[len - 1] = '\0';
    return line;
}

static void expect_ok(struct peer *peer)
{
    char *line = read_line(peer);

    assert_string_equal(line, "ok");
    free(line);
}

static void become_script(const char *kind, const int in[2], const int out[2])
{
    char *path = script_path();

    if (dup2(in[0], STDIN_FILENO) < 0 || dup2(out[1], STDOUT_FILENO) < 0)
        _exit(126);
    execl("/usr/bin/python3", "python3", path, kind, (char *)NULL);
    _exit(127);
}

struct peer *peer_start(const char *kind)
{
    struct peer *peer = calloc(1, sizeof(*peer));
    int in[2], out[2];
    char *line, *space;

    assert_non_null(peer);
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    peer->pid = fork();
    assert_true(peer->pid >= 0);
    if (peer->pid == 0)
        become_script(kind, in, out);
    close(in[0]), close(out[1]);
    peer->to = fdopen(in[1], "w");
    peer->from = fdopen(out[0], "r");
    line = read_line(peer);
    assert_int_equal(strncmp(line, "ready ", 6), 0);
    peer->port = (unsigned)strtoul(line + 6, &space, 10);
    peer->cert = strdup(space + 1);
    free(line);
    return peer;
}

void peer_stop(struct peer *peer)
{
    int status;

    fclose(peer->to); /* the end of its input ends it */
    fclose(peer->from);
    waitpid(peer->pid, &status, 0);
    free(peer->cert);
    free(peer);
}

unsigned peer_port(const struct peer *peer)
{
    return peer->port;
}

const char *peer_cert(const struct peer *peer)
{
    return peer->cert;
}

void peer_reply_bytes(struct peer *peer, const char *how, const void *bytes, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    const unsigned char *at = bytes;

    fprintf(peer->to, "reply %s ", how);
    for (size_t i = 0; i < len; i++) {
        putc(hex[at[i] >> 4], peer->to);
        putc(hex[at[i] & 15], peer->to);
    }
    putc('\n', peer->to);
    fflush(peer->to);
    expect_ok(peer);
}

void peer_reply(struct peer *peer, const char *how, const char *text)
{
    peer_reply_bytes(peer, how, text, strlen(text));
}

void peer_reply_json(struct peer *peer, const char *how, const char *status, const char *more_headers, const char *body)
{
    char *text = NULL;

    assert_true(asprintf(&text, "HTTP/1.1 %s\r\nContent-Type: application/json;charset=UTF-8\r\n%sContent-Length: %zu\r\n\r\n%s", status,
                         more_headers, strlen(body), body) > 0);
    peer_reply(peer, how, text);
    free(text);
}

void peer_clear(struct peer *peer)
{
    fputs("clear\n", peer->to);
    fflush(peer->to);
    expect_ok(peer);
}

static unsigned hex_digit(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static struct mp_slice unhex(struct mp_arena *arena, const char *hex)
{
    size_t len = strlen(hex) / 2;
    char *out = mp_arena_alloc(arena, len + 1);

    for (size_t i = 0; i < len; i++)
        out[i] = (char)(hex_digit(hex[2 * i]) << 4 | hex_digit(hex[2 * i + 1]));
    return (struct mp_slice){out, len};
}

struct peer_seen peer_seen(struct peer *peer, struct mp_arena *arena)
{
    struct peer_seen seen = {0};
    char *line, *end;

    fputs("seen\n", peer->to);
    fflush(peer->to);
    line = read_line(peer);
    assert_int_equal(strncmp(line, "seen ", 5), 0);
    seen.connections = strtoul(line + 5, &end, 10);
    seen.count = strtoul(end, NULL, 10);
    free(line);
    seen.requests = mp_arena_array(arena, seen.count + 1, sizeof(*seen.requests));
    for (size_t i = 0; i < seen.count; i++) {
        line = read_line(peer);
        seen.requests[i] = unhex(arena, line);
        free(line);
    }
    return seen;
}
