#include <stdio.h>
#include <string.h>

#include "db_int.h"
#include "meetpool/clock.h"
#include "meetpool/crypto.h"

#define TRIES_MOST 8
/* No try starts later than this: eight lock waits of 3 s would outlast whoever is waiting for the answer. */
#define TRY_FOR_MS 10000

#define BACK_OFF_MOST_MS 20

#define COMMAND(db, text) db_command((db), (text), sizeof(text) - 1)

enum db_class db_command(struct mp_db *db, const char *text, size_t len)
{
    MYSQL_RES *rows;

    if (mysql_real_query(db->my, text, len))
        return db_note_connection(db);
    rows = mysql_store_result(db->my);
    if (!rows && mysql_errno(db->my) != 0)
        return db_note_connection(db);
    if (rows)
        mysql_free_result(rows);
    return DB_FINE;
}

void db_back_off(unsigned tries)
{
    unsigned most = tries < 4 ? 2U << tries : BACK_OFF_MOST_MS;
    unsigned random;

    mp_random(&random, sizeof(random));
    mp_sleep_ms(1 + random % most);
}

enum outcome {
    TX_DONE,
    TX_FAILED, /* rc, never 0, and err are for the caller */
    TX_AGAIN   /* nothing was stored */
};

static bool is_worth_another_try(enum db_class class)
{
    return class == DB_AGAIN || class == DB_NOT_SENT || class == DB_LOST || class == DB_NOT_READY;
}

static enum outcome begin(struct mp_db *db, struct mp_error *err)
{
    enum db_class class = db_open(db);

    if (class == DB_FINE)
        class = COMMAND(db, "START TRANSACTION");
    if (class == DB_FINE)
        return TX_DONE;
    db_settle(db, class);
    if (is_worth_another_try(class))
        return TX_AGAIN;
    db_tell(db, "START TRANSACTION", err);
    return TX_FAILED;
}

/* Where even this fails the connection goes, and the server rolls back by itself. */
static void roll_back(struct mp_db *db)
{
    struct db_failure why = db->failure;

    if (db->my && COMMAND(db, "ROLLBACK") != DB_FINE)
        db_drop(db);
    db->failure = why;
}

static enum outcome commit(struct mp_db *db, struct mp_error *err)
{
    enum db_class class = COMMAND(db, "COMMIT");

    if (class == DB_FINE)
        return TX_DONE;
    if (class == DB_AGAIN) {
        roll_back(db);
        return TX_AGAIN;
    }
    /* Whatever else it was, only the rows can tell now. */
    db_tell(db, "COMMIT", err);
    err->code = MP_E_UNCERTAIN;
    err->retry_after_s = 2;
    db_drop(db);
    return TX_FAILED;
}

static enum outcome run_once(struct mp_db *db, int (*fn)(struct mp_db *, void *, struct mp_error *), void *arg, int *rc, struct mp_error *err)
{
    enum outcome outcome = begin(db, err);
    bool spoiled;

    *rc = -1;
    if (outcome != TX_DONE)
        return outcome;
    db->held = true;
    *rc = fn(db, arg, err);
    spoiled = db->spoiled != DB_FINE;
    db->held = false;
    db->spoiled = DB_FINE;
    /* What `fn` made of a lost transaction does not matter: it saw rows that no longer hold. */
    if (!spoiled && *rc == 0) {
        *rc = -1;
        return commit(db, err);
    }
    roll_back(db);
    return spoiled ? TX_AGAIN : TX_FAILED;
}

/* The server's number: 1213 deadlock, 1205 lock wait, 2013 connection lost ... */
static const char *reason_of(const struct mp_db *db, char out[12])
{
    snprintf(out, 12, "%u", db->failure.number);
    return out;
}

int mp_tx_run(struct mp_db *db, int (*fn)(struct mp_db *db, void *arg, struct mp_error *err), void *arg, struct mp_error *err)
{
    int64_t started_ms = mp_monotonic_ms();
    char reason[12];
    int rc;

    if (db->held)
        return mp_fail_log(err, MP_E_INTERNAL, "a transaction within a transaction");
    for (unsigned tries = 1;; tries++) {
        enum outcome outcome = run_once(db, fn, arg, &rc, err);

        if (outcome == TX_DONE)
            return 0;
        if (outcome == TX_FAILED)
            return rc;
        if (tries == TRIES_MOST || mp_monotonic_ms() - started_ms > TRY_FOR_MS) {
            db_tell(db, "transaction given up", err);
            err->retry_after_s = 1;
            return -1;
        }
        mp_error_reset(err);
        if (db->log != NULL)
            mp_metric_add(db->log->metrics, MP_METRIC_DB_RETRIES, reason_of(db, reason), NULL, 1);
        db_back_off(tries);
    }
}
