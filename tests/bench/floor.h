#ifndef FLOOR_H
#define FLOOR_H

#include <fcgiapp.h>
#include <mysql.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * What the floors share: the least that a program of this kind can be. A pool of processes on a unix socket, each with a blocking accept loop of
 * libfcgi; no checks, no log, no time limits. The database is the one of FLOOR_DB_SOCKET, its user root.
 */
int floor_main(int argc, char **argv, void (*setup)(void), void (*serve)(FCGX_Request *request));

/* Ends the program with the text. */
_Noreturn void floor_die(const char *what);

MYSQL *floor_database(const char *name);
MYSQL_STMT *floor_prepare(MYSQL *db, const char *sql);

/* The number behind `name=` in the query; 0 where there is none. */
long long floor_query(const FCGX_Request *request, const char *name);

/* One JSON answer with its length. */
void floor_answer(FCGX_Request *request, const char *status, const char *body, size_t len);

#endif
