#ifndef TESTS_DB_HARNESS_H
#define TESTS_DB_HARNESS_H

/* cmocka.h wants these four before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "meetpool/db.h"

/* Starts the program again under with-mariadb unless a server is there already. Called first in main(). */
void harness_begin(char **argv);

/* What every test works with; the arena is the test's own. */
struct fixture {
    struct mp_arena *arena;
    struct mp_error err;
    struct mp_db *db; /* through the socket */
};
int fixture_setup(void **state);
int fixture_teardown(void **state);

struct mp_db *harness_open(void);
struct mp_db *harness_open_hosts(const char *hosts);

/* SIGKILL to the server; returns when it is gone. */
void harness_server_kill(void);
void harness_server_start(void);

/* Statements that must work. */
void must_run(struct mp_db *db, const struct mp_sql *sql);
int64_t must_number(struct mp_db *db, const struct mp_sql *sql);

/*
 * A man in the middle: listens on 127.0.0.1 and hands everything on to the server's socket, until the client sends `marker`; then, `times` times,
 * it does what `mode` says.
 */
enum proxy_mode {
    PROXY_CUT_BEFORE, /* cuts; the server never sees it */
    PROXY_CUT_AFTER,  /* hands it on, waits for the answer, and cuts instead of handing that back */
    PROXY_NOT_READY   /* answers 1047 itself, as a Galera node without its cluster does */
};
struct proxy {
    pid_t pid;
    char address[32]; /* host:port */
};
struct proxy proxy_start(const char *marker, enum proxy_mode mode, unsigned times);
void proxy_stop(const struct proxy *proxy);
/* A port of 127.0.0.1 that nobody listens on. */
void harness_dead_address(char out[32]);

#endif
