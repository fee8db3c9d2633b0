#include <inttypes.h>
#include <string.h>

#include "ctl_int.h"
#include "meetpool/clock.h"
#include "meetpool/schema.h"

static const struct mp_sql global_variable = {"SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_VARIABLES WHERE VARIABLE_NAME = ?"};
/* The name changed with MariaDB 11.1. */
static const struct mp_sql isolation = {"SELECT VARIABLE_VALUE FROM information_schema.SESSION_VARIABLES"
                                        " WHERE VARIABLE_NAME IN ('TX_ISOLATION', 'TRANSACTION_ISOLATION') LIMIT 1"};

/* NULL where the server has none or could not be asked. */
static const char *ask_text(struct check *check, struct mp_stmt *st)
{
    struct mp_error err;
    const char *value = NULL;

    mp_error_init(&err, check->ctl->arena);
    if (mp_db_one(st, &err) > 0)
        value = mp_col_text(st, 0, check->ctl->arena);
    mp_db_done(st);
    return value;
}

static const char *ask_variable(struct check *check, struct mp_db *db, const char *name)
{
    struct mp_stmt *st = mp_db_begin(db, &global_variable);

    mp_bind_text(st, name);
    return ask_text(check, st);
}

static void check_schema(struct check *check, struct mp_db *db)
{
    struct mp_error err;
    unsigned version = 0;

    mp_error_init(&err, check->ctl->arena);
    if (mp_schema_version(db, &version, &err) < 0)
        check_error(check, "schema", "let the user read and write the database", "cannot be read: %s (%s)", mp_error_message(&err),
                    err.detail != NULL ? err.detail : "no detail");
    else if (version < MP_SCHEMA_VERSION)
        check_error(check, "schema", "run meetpoolctl migrate", "is at version %u, this release needs %d", version, MP_SCHEMA_VERSION);
    else
        check_good(check, "schema", "is at version %u", version);
}

static void check_durability(struct check *check, struct mp_db *db)
{
    const char *isolated = ask_text(check, mp_db_begin(db, &isolation));
    struct mp_db_risk risks[MP_DB_RISKS_MOST];
    struct mp_error err;
    size_t count = 0;

    mp_error_init(&err, check->ctl->arena);
    if (mp_db_risks(db, check->ctl->arena, risks, &count, &err) < 0)
        check_warn(check, "durability", "let the user read the server's variables", "could not be looked at: %s", mp_error_message(&err));
    for (size_t i = 0; i < count; i++)
        check_warn(check, risks[i].variable, mp_arena_printf(check->ctl->arena, "set it to %s in the server's configuration", risks[i].better),
                   "is %s: a crash of the server may undo bookings that were confirmed", risks[i].value);
    if (isolated != NULL && strcmp(isolated, "READ-COMMITTED") != 0)
        check_error(check, "transaction isolation", "let the server take READ COMMITTED from its clients", "is %s: limits would not hold", isolated);
}

static void check_connections(struct check *check, struct mp_db *db)
{
    const struct mp_process_conf *conf = &check->settings.process;
    const char *text = ask_variable(check, db, "MAX_CONNECTIONS");
    int64_t needed = 2 * (conf->workers + conf->zoom_workers + 1);
    unsigned long long most;

    if (text == NULL || !mp_slice_to_u64(mp_slice_of(text), INT64_MAX, &most))
        return;
    if ((int64_t)most < needed)
        check_warn(check, "max_connections", "raise it in the server's configuration, or have fewer workers",
                   "is %llu; during a reload %" PRId64 " processes have a connection", most, needed);
}

static void check_clock(struct check *check, struct mp_db *db)
{
    struct mp_error err;
    int64_t there_ms, apart_ms;

    mp_error_init(&err, check->ctl->arena);
    if (mp_db_now(db, &there_ms, &err) < 0)
        return;
    apart_ms = there_ms - mp_now_ms();
    if (apart_ms > CLOCKS_APART_MS || apart_ms < -CLOCKS_APART_MS)
        check_warn(check, "clock", "let both hosts keep time by NTP", "the database's differs from this host's by %" PRId64 " s", apart_ms / 1000);
}

void check_database(struct check *check)
{
    struct mp_db *db = mp_db_new(&check->settings.db, &check->ctl->log);
    struct mp_error err;

    mp_error_init(&err, check->ctl->arena);
    if (mp_db_ping(db, &err) < 0) {
        check_error(check, "MEETPOOL_DB_HOST, _PORT, _SOCKET, _USER, _PASSWORD, _NAME",
                    "start the server, or correct these; make the database and the user", "cannot connect: %s (%s)", mp_error_message(&err),
                    err.detail != NULL ? err.detail : "no detail");
    } else {
        check_good(check, "MEETPOOL_DB_*", "the database answers");
        check_schema(check, db);
        check_durability(check, db);
        check_connections(check, db);
        check_clock(check, db);
        check_stored_keys(check, db);
        check_webhooks(check, db);
    }
    mp_db_free(db);
}
