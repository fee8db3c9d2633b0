/*
 * The floor of a booking: the capacity transaction, statement by statement, on tables of its own in the database `floor`. No Zoom, no token, no
 * JSON read, no second try: whoever meets a deadlock is told 500.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "floor.h"

#define ACCOUNTS 20
#define CAPACITY 10
#define HOUR_MS  3600000LL

enum { TAKE, OVERLAPS, INSERT, WRITE, STATEMENTS };
static const char *const sql[] = {
    [TAKE] = "SELECT seq FROM account WHERE id = ? FOR UPDATE",
    [OVERLAPS] = "SELECT COUNT(*) FROM meeting WHERE account_id = ? AND starts_at < ? AND ends_at > ? AND starts_at > ?",
    [INSERT] = "INSERT INTO meeting (account_id, starts_at, ends_at, topic) VALUES (?, ?, ?, 'floor')",
    [WRITE] = "UPDATE account SET seq = seq + 1 WHERE id = ?",
};

static MYSQL *db;
static MYSQL_STMT *stmts[STATEMENTS];
static long long account, from, until, reach, answer;
static unsigned short seed[3];

static void bind_number(MYSQL_BIND *bind, long long *number)
{
    *bind = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_LONGLONG, .buffer = number};
}

static void setup(void)
{
    static MYSQL_BIND params[STATEMENTS][4], result;
    static long long *const wanted[STATEMENTS][4] = {
        [TAKE] = {&account}, [OVERLAPS] = {&account, &until, &from, &reach}, [INSERT] = {&account, &from, &until}, [WRITE] = {&account}};

    db = floor_database("floor");
    if (mysql_query(db, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"))
        floor_die(mysql_error(db));
    bind_number(&result, &answer);
    for (size_t i = 0; i < STATEMENTS; i++) {
        stmts[i] = floor_prepare(db, sql[i]);
        for (size_t k = 0; k < mysql_stmt_param_count(stmts[i]); k++)
            bind_number(&params[i][k], wanted[i][k]);
        if (mysql_stmt_bind_param(stmts[i], params[i]) || (i <= OVERLAPS && mysql_stmt_bind_result(stmts[i], &result)))
            floor_die(mysql_stmt_error(stmts[i]));
    }
    seed[0] = (unsigned short)getpid();
    seed[1] = (unsigned short)time(NULL);
}

/* Runs a statement; of a SELECT the number stands in `answer`. */
static bool run(size_t which)
{
    if (mysql_stmt_execute(stmts[which]))
        return false;
    if (which > OVERLAPS)
        return true;
    return !mysql_stmt_store_result(stmts[which]) && !mysql_stmt_fetch(stmts[which]) && !mysql_stmt_free_result(stmts[which]);
}

static bool book(void)
{
    account = 1 + nrand48(seed) % ACCOUNTS;
    from = (nrand48(seed) % (10LL * 365 * 24 * 60)) * 60000;
    until = from + HOUR_MS;
    reach = from - 24 * HOUR_MS;
    if (mysql_query(db, "START TRANSACTION"))
        return false;
    if (run(TAKE) && run(OVERLAPS) && answer < CAPACITY && run(INSERT) && run(WRITE) && !mysql_query(db, "COMMIT"))
        return true;
    mysql_query(db, "ROLLBACK");
    return false;
}

static void serve(FCGX_Request *request)
{
    char body[100];
    int len;

    if (!book()) {
        floor_answer(request, "500 Internal Server Error", "{}", 2);
        return;
    }
    len = snprintf(body, sizeof(body), "{\"success\":true,\"message\":\"Meeting created\",\"data\":{\"id\":\"%llu\"}}",
                   (unsigned long long)mysql_stmt_insert_id(stmts[INSERT]));
    floor_answer(request, "201 Created", body, (size_t)len);
}

int main(int argc, char **argv)
{
    return floor_main(argc, argv, setup, serve);
}
