#ifndef MEETPOOL_DB_INT_H
#define MEETPOOL_DB_INT_H

#include <mysql.h>
#include <stdbool.h>
#include <stdint.h>

#include "meetpool/db.h"

/*
 * Inside the room. One rule holds everywhere: what Connector/C or the server says is classed once (db_class_of), and everybody branches on the class.
 *
 * The connection is in one of three states: closed (`my` is NULL), open, and held (`held`): a transaction runs or the session is being set up. A held
 * connection that breaks stays closed until its holder opens it again, for a statement repeated on a new connection would run outside its
 * transaction. For the same reason a held connection whose transaction is lost (`spoiled`) runs nothing more: after a deadlock the server has rolled
 * back, and the next statement would commit by itself.
 */
enum db_class {
    DB_FINE,
    DB_AGAIN,       /* deadlock, lock wait, certification: roll back the whole and run it again */
    DB_NOT_SENT,    /* the connection was found dead before the statement went out */
    DB_LOST,        /* the connection broke later: the statement may have run */
    DB_NOT_READY,   /* this node refuses work and did nothing: the next host */
    DB_UNREACHABLE, /* no host could be connected to */
    DB_CONFLICT,    /* a unique key stands in the way */
    DB_BROKEN       /* anything else: a mistake in the statement or the schema */
};

/* The last failure, in the server's or Connector/C's words. */
struct db_failure {
    enum db_class class;
    unsigned number;
    char state[SQLSTATE_LENGTH + 1];
    char text[MYSQL_ERRMSG_SIZE];
};

struct db_host {
    const char *name;
    unsigned port;
};

struct mp_db {
    struct mp_arena *arena; /* settings and statements: lives as long as this object */
    const struct mp_log *log;
    struct mp_db_conf conf;
    struct db_host *hosts;
    size_t hosts_count;
    size_t host; /* the last good one, where the next connection starts */
    unsigned read_timeout_s;
    unsigned hurry_ms; /* 0: no hurry */

    MYSQL *my;
    bool held;
    enum db_class spoiled; /* DB_FINE, or why the transaction must be run again */
    struct db_failure failure;

    struct mp_stmt **stmts; /* open addressing by the address of struct mp_sql; a power of two long */
    size_t stmts_room;
    size_t stmts_count;
    size_t prepared_count;
    uint64_t uses;
};

/* conn.c */

/* Opens the connection unless it is open. DB_FINE, DB_UNREACHABLE, or DB_LOST where the connection is held by a transaction. */
enum db_class db_open(struct mp_db *db);
/* Forgets a connection that is no use any more. */
void db_drop(struct mp_db *db);
/* As db_drop(); the next connection is tried with the next host first. */
void db_drop_host(struct mp_db *db);
/* Whether the peer has hung up, as far as this side can know without sending. */
bool db_peer_gone(const struct mp_db *db);

/* Notes a failure and gives its class. The texts are copied. */
enum db_class db_note(struct mp_db *db, unsigned number, const char *state, const char *text);
enum db_class db_note_connection(struct mp_db *db);
/* What has to follow a failure of that class: an unusable connection is dropped, a running transaction is spoiled. */
void db_settle(struct mp_db *db, enum db_class class);
/* Tells the noted failure; always -1. */
int db_tell(const struct mp_db *db, const char *sql, struct mp_error *err);

/* stmt.c */

/* Runs a statement once, without any repeating; what happened is noted. */
enum db_class db_stmt_attempt(struct mp_stmt *st);
/* The handles of all statements went with the connection. */
void db_stmts_forget(struct mp_db *db);

/* tx.c */

/* Runs text that needs no parameters on the open connection and throws away what rows it gives. Constant text and migrations only. */
enum db_class db_command(struct mp_db *db, const char *text, size_t len);
/* Sleeps a random time that grows with the number of tries made. */
void db_back_off(unsigned tries);

#endif
