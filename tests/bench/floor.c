#include "floor.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define BACKLOG 1024

void floor_die(const char *what)
{
    fprintf(stderr, "floor: %s\n", what);
    exit(1);
}

MYSQL *floor_database(const char *name)
{
    MYSQL *db = mysql_init(NULL);

    if (db == NULL || mysql_real_connect(db, NULL, "root", NULL, name, 0, getenv("FLOOR_DB_SOCKET"), 0) == NULL)
        floor_die(db != NULL ? mysql_error(db) : "no memory");
    return db;
}

MYSQL_STMT *floor_prepare(MYSQL *db, const char *sql)
{
    MYSQL_STMT *stmt = mysql_stmt_init(db);

    if (stmt == NULL || mysql_stmt_prepare(stmt, sql, strlen(sql)))
        floor_die(mysql_error(db));
    return stmt;
}

long long floor_query(const FCGX_Request *request, const char *name)
{
    const char *at = FCGX_GetParam("QUERY_STRING", request->envp);
    size_t len = strlen(name);

    for (; at != NULL; at = strchr(at, '&')) {
        at += *at == '&';
        if (strncmp(at, name, len) == 0 && at[len] == '=')
            return strtoll(at + len + 1, NULL, 10);
    }
    return 0;
}

void floor_answer(FCGX_Request *request, const char *status, const char *body, size_t len)
{
    FCGX_FPrintF(request->out, "Status: %s\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: %u\r\n\r\n", status, (unsigned)len);
    FCGX_PutStr(body, (int)len, request->out);
}

_Noreturn static void work(int fd, void (*setup)(void), void (*serve)(FCGX_Request *request))
{
    FCGX_Request request;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setup();
    if (FCGX_InitRequest(&request, fd, 0) != 0)
        floor_die("FCGX_InitRequest failed");
    while (FCGX_Accept_r(&request) == 0) {
        serve(&request);
        FCGX_Finish_r(&request);
    }
    exit(0);
}

int floor_main(int argc, char **argv, void (*setup)(void), void (*serve)(FCGX_Request *request))
{
    int fd;

    if (argc != 3)
        floor_die("arguments: SOCKET WORKERS");
    signal(SIGPIPE, SIG_IGN);
    if (FCGX_Init() != 0 || (fd = FCGX_OpenSocket(argv[1], BACKLOG)) < 0)
        floor_die("the socket cannot be opened");
    signal(SIGTERM, SIG_DFL); /* FCGX_Init() has taken it, to do nothing with it */
    for (long i = strtol(argv[2], NULL, 10); i > 0; i--)
        if (fork() == 0)
            work(fd, setup, serve);
    while (wait(NULL) > 0 || errno == EINTR)
        ;
    return 0;
}
