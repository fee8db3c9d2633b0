#include "harness.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "meetpool/clock.h"

/* Nothing here takes a minute: what does, hangs. */
#define HANGS_AFTER_S 120

static const struct mp_log quiet = {.fd = 2, .level = MP_ERROR};

static const char *script(void)
{
    static char path[4096];
    const char *top = getenv("top_srcdir");

    snprintf(path, sizeof(path), "%s/tests/unit/db/with-mariadb", top ? top : ".");
    return path;
}

void harness_begin(char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    if (!getenv("MP_TEST_SOCKET")) {
        execl("/bin/sh", "sh", script(), argv[0], (char *)NULL);
        perror("with-mariadb");
        exit(1);
    }
    alarm(HANGS_AFTER_S);
}

int fixture_setup(void **state)
{
    struct mp_arena *arena = mp_arena_new();
    struct fixture *f = MP_NEW(arena, struct fixture);

    f->arena = arena;
    mp_error_init(&f->err, arena);
    f->db = harness_open();
    *state = f;
    return 0;
}

int fixture_teardown(void **state)
{
    struct fixture *f = *state;

    mp_db_free(f->db);
    mp_arena_free(f->arena);
    return 0;
}

struct mp_db *harness_open(void)
{
    const struct mp_db_conf conf = {.socket = getenv("MP_TEST_SOCKET"), .user = getenv("MP_TEST_USER"), .name = "meetpool"};

    return mp_db_new(&conf, &quiet);
}

struct mp_db *harness_open_hosts(const char *hosts)
{
    const struct mp_db_conf conf = {.host = hosts, .port = 3306, .user = getenv("MP_TEST_USER"), .name = "meetpool"};

    return mp_db_new(&conf, &quiet);
}

void harness_server_kill(void)
{
    char path[4096];
    FILE *file;
    int pid = 0;

    snprintf(path, sizeof(path), "%s/pid", getenv("MP_TEST_DIR"));
    file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%d", &pid), 1);
    fclose(file);
    assert_int_equal(kill(pid, SIGKILL), 0);
    while (kill(pid, 0) == 0) {
        char stat[64] = "";
        int fd;

        /* A dead child that nobody has waited for yet counts as gone. */
        snprintf(path, sizeof(path), "/proc/%d/stat", pid);
        fd = open(path, O_RDONLY);
        if (fd >= 0 && read(fd, stat, sizeof(stat) - 1) > 0 && strstr(stat, ") Z ")) {
            close(fd);
            break;
        }
        if (fd >= 0)
            close(fd);
        mp_sleep_ms(10);
    }
}

void harness_server_start(void)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        execl("/bin/sh", "sh", script(), "--start", getenv("MP_TEST_DIR"), (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void check(int rc, const struct mp_error *err)
{
    if (rc < 0)
        fail_msg("%s: %s", mp_error_message(err), err->detail ? err->detail : "");
}

void must_run(struct mp_db *db, const struct mp_sql *sql)
{
    struct mp_arena *arena = mp_arena_new();
    struct mp_error err;

    mp_error_init(&err, arena);
    check(mp_db_run(mp_db_begin(db, sql), &err), &err);
    mp_arena_free(arena);
}

int64_t must_number(struct mp_db *db, const struct mp_sql *sql)
{
    struct mp_arena *arena = mp_arena_new();
    struct mp_stmt *st = mp_db_begin(db, sql);
    struct mp_error err;
    int64_t number;

    mp_error_init(&err, arena);
    check(mp_db_run(st, &err), &err);
    assert_int_equal(mp_db_next(st, &err), 1);
    number = mp_col_i64(st, 0);
    mp_db_done(st);
    mp_arena_free(arena);
    return number;
}

static int connect_server(void)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(to.sun_path, sizeof(to.sun_path), "%s", getenv("MP_TEST_SOCKET"));
    return connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0 ? fd : -1;
}

/* An ERR packet: length 34, sequence 1, then 0xff, 1047, state and text. */
static const char not_ready[] = "\x22\x00\x00\x01\xff\x17\x04#08S01WSREP has not prepared yet";

/* Handles one connection until either side ends it. */
static void proxy_connection(int client, const char *marker, enum proxy_mode mode, unsigned *times)
{
    int server = connect_server();
    struct pollfd fds[2] = {{.fd = client, .events = POLLIN}, {.fd = server, .events = POLLIN}};
    char bytes[65536];

    while (server >= 0 && poll(fds, 2, -1) > 0) {
        int from = fds[0].revents ? 0 : 1;
        ssize_t got = read(fds[from].fd, bytes, sizeof(bytes));
        bool marked = got > 0 && from == 0 && *times > 0 && memmem(bytes, (size_t)got, marker, strlen(marker));

        if (marked)
            (*times)--;
        if (marked && mode == PROXY_NOT_READY) {
            if (write(client, not_ready, sizeof(not_ready) - 1) < 0)
                break;
            continue;
        }
        if (got <= 0 || (marked && mode == PROXY_CUT_BEFORE) || write(fds[1 - from].fd, bytes, (size_t)got) != got)
            break;
        if (marked && mode == PROXY_CUT_AFTER) {
            got = read(server, bytes, sizeof(bytes));
            break;
        }
    }
    close(server);
    close(client);
}

static int listen_somewhere(char out[32])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    snprintf(out, 32, "127.0.0.1:%u", (unsigned)ntohs(at.sin_port));
    return fd;
}

struct proxy proxy_start(const char *marker, enum proxy_mode mode, unsigned times)
{
    struct proxy proxy;
    int fd = listen_somewhere(proxy.address);

    proxy.pid = fork();
    assert_true(proxy.pid >= 0);
    if (proxy.pid == 0) {
        for (;;)
            proxy_connection(accept(fd, NULL, NULL), marker, mode, &times);
    }
    close(fd);
    return proxy;
}

void proxy_stop(const struct proxy *proxy)
{
    kill(proxy->pid, SIGKILL);
    waitpid(proxy->pid, NULL, 0);
}

void harness_dead_address(char out[32])
{
    close(listen_somewhere(out));
}
