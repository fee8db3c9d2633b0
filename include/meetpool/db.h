#ifndef MEETPOOL_DB_H
#define MEETPOOL_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "meetpool/arena.h"
#include "meetpool/conf.h"
#include "meetpool/error.h"
#include "meetpool/log.h"
#include "meetpool/secret.h"
#include "meetpool/slice.h"

/*
 * MariaDB: one connection a process, prepared statements only, transactions that may run twice. The only room that knows <mysql.h>.
 *
 * Every session is READ COMMITTED (under REPEATABLE READ a read before the lock fixes the snapshot and capacity is lost), in UTC, in strict mode,
 * utf8mb4, with innodb_lock_wait_timeout 3 s, connect and read timeouts, and wsrep_sync_wait = 1 where the server is a Galera node. The connection is
 * opened when first needed and again after it broke; of several hosts the next is tried when one fails (also one that answers but is not ready: 1047,
 * read-only).
 *
 * Errors: MP_E_UNAVAILABLE (cannot connect, lost, lock wait or deadlock outside a transaction, retries used up), MP_E_UNCERTAIN (the connection was
 * lost during COMMIT: look before acting again), MP_E_CONFLICT (a unique key stands in the way: 1062), MP_E_INTERNAL (anything else: a mistake in the
 * statement or the schema). SQL and the server's text are in `detail` only.
 */
struct mp_db;

struct mp_db_conf {
    const char *host; /* comma-separated; each host or host:port */
    int64_t port;
    const char *socket; /* wins over host */
    const char *user;
    struct mp_secret password;
    const char *name;
};
extern const struct mp_setting mp_db_settings[];
extern const size_t mp_db_settings_rows;

struct mp_db *mp_db_new(const struct mp_db_conf *conf, const struct mp_log *log);
void mp_db_free(struct mp_db *db);
/* Lets go of the connection (it is opened again when needed). */
void mp_db_close(struct mp_db *db);
/* From now on the server is waited for no longer than this, at a statement as at connecting (there in whole seconds, rounded up); 0: as long as
 * usual. For answers that must come soon. A statement that was cut off may have been done. */
void mp_db_hurry(struct mp_db *db, unsigned wait_ms);
/* Whether the server answers: 0 or -1. */
int mp_db_ping(struct mp_db *db, struct mp_error *err) MP_MUST_CHECK;

/* The database's clock in ms since 1970, for use inside statements: leases are held by it, so that hosts with different clocks agree. */
#define MP_DB_NOW_MS "CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED)"
/* The same when the statement began: constant in it, which SYSDATE() is not. Only up to a constant is an index walked; "what is due" is asked with this. */
#define MP_DB_BEGUN_MS "CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)"
int mp_db_now(struct mp_db *db, int64_t *now_ms, struct mp_error *err) MP_MUST_CHECK;

/* Settings of the server under which a crash undoes what was committed and told to others. */
struct mp_db_risk {
    const char *variable, *value, *better;
};
#define MP_DB_RISKS_MOST 3
int mp_db_risks(struct mp_db *db, struct mp_arena *arena, struct mp_db_risk risks[MP_DB_RISKS_MOST], size_t *count,
                struct mp_error *err) MP_MUST_CHECK;

/*
 * One statement of an aggregate's file: `static const struct mp_sql account_take = {"UPDATE ..."};`. Its address is its name: it is prepared once a
 * connection, when first used, and again after a reconnect.
 */
struct mp_sql {
    const char *text;
};

/*
 * A call of a statement: begin, bind the parameters in order, run, then for a SELECT next and columns. A failure of begin is remembered and told by
 * mp_db_run(), so that calls read straight down. The cursor of a finished or abandoned SELECT is freed by the next mp_db_begin() of the same
 * statement, or mp_db_done().
 *
 *     struct mp_stmt *st = mp_db_begin(db, &account_by_name);
 *     mp_bind_text(st, name);
 *     if (mp_db_run(st, err) < 0) return -1;
 *     while ((rc = mp_db_next(st, err)) > 0) ... mp_col_i64(st, 0) ...
 */
struct mp_stmt;

struct mp_stmt *mp_db_begin(struct mp_db *db, const struct mp_sql *sql);
void mp_bind_i64(struct mp_stmt *st, int64_t value);
void mp_bind_i64_null(struct mp_stmt *st, bool present, int64_t value);
void mp_bind_text(struct mp_stmt *st, const char *text); /* NULL binds NULL; borrowed until mp_db_run() returned */
void mp_bind_bytes(struct mp_stmt *st, struct mp_slice bytes);
void mp_bind_null(struct mp_stmt *st);
int mp_db_run(struct mp_stmt *st, struct mp_error *err) MP_MUST_CHECK;
/* 1: a row, 0: no more, -1: failed (the statement is reset: Connector/C hangs otherwise). Results are read whole by mp_db_run(), so that another
 * statement may run between rows. */
int mp_db_next(struct mp_stmt *st, struct mp_error *err) MP_MUST_CHECK;
void mp_db_done(struct mp_stmt *st);

/* Columns of the present row, from 0. Numbers of a NULL are 0. Texts are copied into the arena (NULL stays NULL). */
bool mp_col_null(const struct mp_stmt *st, unsigned col);
int64_t mp_col_i64(const struct mp_stmt *st, unsigned col);
char *mp_col_text(struct mp_stmt *st, unsigned col, struct mp_arena *arena);
struct mp_slice mp_col_bytes(struct mp_stmt *st, unsigned col, struct mp_arena *arena);

/* Of the last run: rows changed or matched by an UPDATE (CLIENT_FOUND_ROWS is off: changed), DELETE or INSERT; the new AUTO_INCREMENT id. */
int64_t mp_db_affected(const struct mp_stmt *st);
int64_t mp_db_insert_id(const struct mp_stmt *st);

/* For SELECTs of one row: run + next. 1 found, 0 none, -1 failed. */
int mp_db_one(struct mp_stmt *st, struct mp_error *err) MP_MUST_CHECK;

/*
 * Runs `fn` in a transaction: 0 commits, anything else rolls back. `fn` may run several times and touches rows and its own `arg` only: never Zoom, S3
 * or the log; it locks rows in one order (account by id, then the rest). On deadlock or certification failure (1213, also at COMMIT), lock wait
 * timeout (1205, which undoes only the statement) and 1020 the whole is rolled back and run again after a random wait, at most 8 times, then
 * MP_E_UNAVAILABLE. A connection lost before COMMIT was sent is opened again and the whole is run again; lost during COMMIT is MP_E_UNCERTAIN. A
 * failure that `fn` made itself (mp_fail) comes back as it is. Transactions do not nest.
 */
int mp_tx_run(struct mp_db *db, int (*fn)(struct mp_db *db, void *arg, struct mp_error *err), void *arg, struct mp_error *err) MP_MUST_CHECK;

/*
 * Migrations: files `schema/NNNN-words.sql`, statements ended by `;` at the end of a line, applied in order of number and recorded in
 * `schema_version`. Safe from two hosts at once by a lease row with a fence (Galera has no GET_LOCK). MariaDB commits each DDL statement by itself,
 * so every statement is written to be repeatable (IF NOT EXISTS). The database itself must exist. `applied`: how many were applied now.
 */
int mp_migrate(struct mp_db *db, const char *schema_dir, unsigned *applied, struct mp_error *err) MP_MUST_CHECK;
/* The highest number applied; 0 for an empty database. */
int mp_schema_version(struct mp_db *db, unsigned *version, struct mp_error *err) MP_MUST_CHECK;

#endif
