#include <errmsg.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "db_int.h"
#include "meetpool/clock.h"

/* Most statements kept prepared on a connection: each costs some 10 kB here, and the server allows 16,382 over all connections. */
#define PREPARED_MOST 64

/* A SELECT that took this long and then lost its connection is not run a second time: whoever asked has waited enough. */
#define REPEAT_WITHIN_MS 5000
/* Deadlocks and lock waits: how often a statement outside a transaction is tried. */
#define AGAIN_MOST 4

/* Room for one parameter: what its MYSQL_BIND points at. */
struct param {
    int64_t number;
    unsigned long length;
    my_bool null;
};

struct column {
    int64_t number;
    unsigned long length;
    my_bool null;
    bool is_number;
};

struct mp_stmt {
    struct mp_db *db;
    const struct mp_sql *sql;
    MYSQL_STMT *handle; /* NULL: not prepared on this connection */
    bool is_select;     /* running it twice does no harm */
    bool has_rows;      /* a result is stored on the client */
    bool rows_lost;     /* it went with the connection before it was read to its end */
    uint64_t used;      /* when last, in uses of the connection */

    unsigned params_room; /* as many as the text has question marks */
    unsigned params_count;
    bool params_over;
    MYSQL_BIND *param_binds;
    struct param *params;

    unsigned columns_room;
    unsigned columns_count;
    MYSQL_BIND *column_binds;
    struct column *columns;

    int64_t affected;
    int64_t insert_id;
};

static struct mp_stmt *stmt_new(struct mp_db *db, const struct mp_sql *sql)
{
    struct mp_stmt *st = MP_NEW(db->arena, struct mp_stmt);

    st->db = db;
    st->sql = sql;
    st->is_select = strncasecmp(sql->text, "SELECT", 6) == 0;
    for (const char *p = sql->text; *p; p++)
        st->params_room += *p == '?';
    st->param_binds = mp_arena_array(db->arena, st->params_room, sizeof(*st->param_binds));
    st->params = mp_arena_array(db->arena, st->params_room, sizeof(*st->params));
    return st;
}

static struct mp_stmt **stmt_place(struct mp_stmt **stmts, size_t room, const struct mp_sql *sql)
{
    size_t i = ((uintptr_t)sql >> 3) & (room - 1);

    while (stmts[i] && stmts[i]->sql != sql)
        i = (i + 1) & (room - 1);
    return &stmts[i];
}

static void stmts_grow(struct mp_db *db)
{
    size_t room = db->stmts_room ? db->stmts_room * 2 : 64;
    struct mp_stmt **stmts = mp_arena_array(db->arena, room, sizeof(struct mp_stmt *));

    for (size_t i = 0; i < db->stmts_room; i++)
        if (db->stmts[i])
            *stmt_place(stmts, room, db->stmts[i]->sql) = db->stmts[i];
    db->stmts = stmts;
    db->stmts_room = room;
}

static void stmt_forget(struct mp_stmt *st)
{
    if (!st->handle)
        return;
    mysql_stmt_close(st->handle);
    st->handle = NULL;
    st->rows_lost = st->has_rows;
    st->has_rows = false;
    st->db->prepared_count--;
}

void db_stmts_forget(struct mp_db *db)
{
    for (size_t i = 0; i < db->stmts_room; i++)
        if (db->stmts[i])
            stmt_forget(db->stmts[i]);
}

/* Closes the prepared statement that was not used for longest. */
static void stmts_make_room(struct mp_db *db)
{
    struct mp_stmt *oldest = NULL;

    for (size_t i = 0; i < db->stmts_room; i++) {
        struct mp_stmt *st = db->stmts[i];

        if (st && st->handle && (!oldest || st->used < oldest->used))
            oldest = st;
    }
    if (oldest)
        stmt_forget(oldest);
}

struct mp_stmt *mp_db_begin(struct mp_db *db, const struct mp_sql *sql)
{
    struct mp_stmt **place;

    if (db->stmts_count * 2 >= db->stmts_room)
        stmts_grow(db);
    place = stmt_place(db->stmts, db->stmts_room, sql);
    if (!*place) {
        *place = stmt_new(db, sql);
        db->stmts_count++;
    }
    mp_db_done(*place);
    (*place)->params_count = 0;
    (*place)->params_over = false;
    return *place;
}

void mp_db_done(struct mp_stmt *st)
{
    if (st->has_rows && st->handle)
        mysql_stmt_free_result(st->handle);
    st->has_rows = false;
    st->rows_lost = false;
}

static void bind(struct mp_stmt *st, enum enum_field_types type, const void *bytes, struct param value)
{
    MYSQL_BIND *to;
    struct param *param;

    if (st->params_count == st->params_room) {
        st->params_over = true;
        return;
    }
    param = &st->params[st->params_count];
    to = &st->param_binds[st->params_count++];
    *param = value;
    *to = (MYSQL_BIND){.buffer_type = type, .is_null = &param->null, .length = &param->length};
    to->buffer = type == MYSQL_TYPE_LONGLONG ? (void *)&param->number : (void *)(uintptr_t)bytes; /* parameters are only read */
    to->buffer_length = value.length;
}

void mp_bind_i64(struct mp_stmt *st, int64_t value)
{
    bind(st, MYSQL_TYPE_LONGLONG, NULL, (struct param){.number = value});
}

void mp_bind_i64_null(struct mp_stmt *st, bool present, int64_t value)
{
    bind(st, MYSQL_TYPE_LONGLONG, NULL, (struct param){.number = value, .null = !present});
}

void mp_bind_text(struct mp_stmt *st, const char *text)
{
    bind(st, MYSQL_TYPE_STRING, text, (struct param){.length = text ? strlen(text) : 0, .null = !text});
}

void mp_bind_bytes(struct mp_stmt *st, struct mp_slice bytes)
{
    bind(st, MYSQL_TYPE_BLOB, bytes.p ? bytes.p : "", (struct param){.length = bytes.len});
}

void mp_bind_null(struct mp_stmt *st)
{
    bind(st, MYSQL_TYPE_NULL, NULL, (struct param){.null = 1});
}

static enum db_class note_stmt(struct mp_stmt *st)
{
    MYSQL_STMT *handle = st->handle;

    /* After a failed fetch the statement may say 0 and only the connection knows. */
    if (mysql_stmt_errno(handle) == 0)
        return db_note_connection(st->db);
    return db_note(st->db, mysql_stmt_errno(handle), mysql_stmt_sqlstate(handle), mysql_stmt_error(handle));
}

static bool is_number_type(enum enum_field_types type)
{
    return type == MYSQL_TYPE_TINY || type == MYSQL_TYPE_SHORT || type == MYSQL_TYPE_INT24 || type == MYSQL_TYPE_LONG ||
           type == MYSQL_TYPE_LONGLONG || type == MYSQL_TYPE_YEAR;
}

/*
 * Numbers land in their column by themselves. Everything else gets no buffer: fetching a row then only tells the length, and the bytes are copied
 * once, to where they are wanted, by mysql_stmt_fetch_column().
 */
static bool bind_columns(struct mp_stmt *st)
{
    const MYSQL_FIELD *fields = mariadb_stmt_fetch_fields(st->handle);

    st->columns_count = mysql_stmt_field_count(st->handle);
    if (st->columns_count == 0)
        return true;
    if (st->columns_count > st->columns_room) {
        st->column_binds = mp_arena_array(st->db->arena, st->columns_count, sizeof(*st->column_binds));
        st->columns = mp_arena_array(st->db->arena, st->columns_count, sizeof(*st->columns));
        st->columns_room = st->columns_count;
    }
    for (unsigned i = 0; i < st->columns_count; i++) {
        struct column *column = &st->columns[i];

        column->is_number = is_number_type(fields[i].type);
        st->column_binds[i] = (MYSQL_BIND){.buffer_type = column->is_number ? MYSQL_TYPE_LONGLONG : MYSQL_TYPE_STRING,
                                           .buffer = &column->number,
                                           .buffer_length = column->is_number ? sizeof(column->number) : 0,
                                           .length = &column->length,
                                           .is_null = &column->null};
    }
    return !mysql_stmt_bind_result(st->handle, st->column_binds);
}

static enum db_class prepare(struct mp_stmt *st)
{
    struct mp_db *db = st->db;
    enum db_class class;

    if (db->prepared_count >= PREPARED_MOST)
        stmts_make_room(db);
    st->handle = mysql_stmt_init(db->my);
    if (!st->handle)
        abort();
    db->prepared_count++;
    if (!mysql_stmt_prepare(st->handle, st->sql->text, strlen(st->sql->text)) && bind_columns(st))
        return DB_FINE;
    class = note_stmt(st);
    stmt_forget(st);
    /* Preparing does nothing that could be done twice. */
    return class == DB_LOST ? DB_NOT_SENT : class;
}

/*
 * Reads the whole result. An error may come after the first row (Galera sends 1213 for a SELECT ... FOR UPDATE that way). Connector/C 3.3.20 then
 * believes that rows are still to come: after mysql_stmt_free_result() the next execute waits for them for ever. So the statement is reset at once,
 * and has no rows to be freed.
 */
static enum db_class store(struct mp_stmt *st)
{
    enum db_class class;

    if (!mysql_stmt_store_result(st->handle)) {
        st->has_rows = true;
        return DB_FINE;
    }
    class = note_stmt(st);
    if (class != DB_LOST && class != DB_NOT_SENT && mysql_stmt_reset(st->handle))
        stmt_forget(st);
    /* The statement was sent, whatever Connector/C calls it. */
    return class == DB_NOT_SENT ? DB_LOST : class;
}

static enum db_class execute(struct mp_stmt *st)
{
    enum db_class class;

    if (st->params_over || st->params_count != mysql_stmt_param_count(st->handle))
        return db_note(st->db, 0, "HY000", "the number of values is not the number of placeholders");
    if (st->params_count > 0 && mysql_stmt_bind_param(st->handle, st->param_binds))
        return note_stmt(st);
    if (mysql_stmt_execute(st->handle))
        return note_stmt(st);
    class = st->columns_count > 0 ? store(st) : DB_FINE;
    if (class == DB_FINE) {
        st->affected = (int64_t)mysql_stmt_affected_rows(st->handle);
        st->insert_id = (int64_t)mysql_stmt_insert_id(st->handle);
    }
    return class;
}

enum db_class db_stmt_attempt(struct mp_stmt *st)
{
    struct mp_db *db = st->db;
    enum db_class class;

    st->used = ++db->uses;
    if (!st->handle && (class = prepare(st)) != DB_FINE)
        return class;
    return execute(st);
}

/* A write outside a transaction cannot be repeated once it was sent, so a connection that died while idle is noticed before. */
static enum db_class open_for(struct mp_stmt *st)
{
    struct mp_db *db = st->db;

    if (db->my && !db->held && !st->is_select && db_peer_gone(db))
        db_drop(db);
    return db_open(db);
}

static bool may_repeat(const struct mp_stmt *st, enum db_class class, size_t tries, int64_t started_ms)
{
    if (st->db->held)
        return false;
    if (class == DB_NOT_READY)
        return tries < st->db->hosts_count;
    if (class == DB_NOT_SENT)
        return tries == 1;
    /* Undone as a whole: outside a transaction the statement is one by itself. */
    if (class == DB_AGAIN)
        return tries < AGAIN_MOST && mp_monotonic_ms() - started_ms < REPEAT_WITHIN_MS;
    return class == DB_LOST && st->is_select && tries == 1 && mp_monotonic_ms() - started_ms < REPEAT_WITHIN_MS;
}

int mp_db_run(struct mp_stmt *st, struct mp_error *err)
{
    struct mp_db *db = st->db;
    int64_t started_ms = mp_monotonic_ms();
    enum db_class class;
    size_t tries = 0;

    if (db->spoiled != DB_FINE)
        return db_tell(db, st->sql->text, err);
    do {
        class = open_for(st);
        if (class == DB_FINE)
            class = db_stmt_attempt(st);
        if (class == DB_FINE)
            return 0;
        db_settle(db, class);
        tries++;
        if (class == DB_AGAIN && !db->held)
            db_back_off((unsigned)tries);
    } while (may_repeat(st, class, tries, started_ms));
    return db_tell(db, st->sql->text, err);
}

int mp_db_next(struct mp_stmt *st, struct mp_error *err)
{
    int rc;

    if (st->rows_lost) {
        db_note(st->db, CR_SERVER_LOST, "HY000", "the rows went with the connection");
        return db_tell(st->db, st->sql->text, err);
    }
    if (!st->has_rows)
        return 0;
    rc = mysql_stmt_fetch(st->handle);
    if (rc == 0 || rc == MYSQL_DATA_TRUNCATED)
        return 1;
    if (rc == MYSQL_NO_DATA) {
        mp_db_done(st);
        return 0;
    }
    note_stmt(st);
    st->has_rows = false;
    if (mysql_stmt_reset(st->handle))
        stmt_forget(st);
    return db_tell(st->db, st->sql->text, err);
}

int mp_db_one(struct mp_stmt *st, struct mp_error *err)
{
    return mp_db_run(st, err) < 0 ? -1 : mp_db_next(st, err);
}

bool mp_col_null(const struct mp_stmt *st, unsigned col)
{
    return col >= st->columns_count || !st->has_rows || st->columns[col].null;
}

/* Fetches one column of the present row as `type`. */
static void fetch_column(const struct mp_stmt *st, unsigned col, enum enum_field_types type, void *out, size_t room)
{
    unsigned long length;
    my_bool null, error;
    MYSQL_BIND to = {.buffer_type = type, .buffer = out, .buffer_length = room, .length = &length, .is_null = &null, .error = &error};

    mysql_stmt_fetch_column(st->handle, &to, col, 0);
}

int64_t mp_col_i64(const struct mp_stmt *st, unsigned col)
{
    int64_t number = 0;

    if (mp_col_null(st, col))
        return 0;
    if (st->columns[col].is_number)
        return st->columns[col].number;
    /* SUM() and the like are decimals, which travel as text. */
    fetch_column(st, col, MYSQL_TYPE_LONGLONG, &number, sizeof(number));
    return number;
}

struct mp_slice mp_col_bytes(struct mp_stmt *st, unsigned col, struct mp_arena *arena)
{
    size_t len;
    char *copy;

    if (mp_col_null(st, col))
        return (struct mp_slice){NULL, 0};
    if (st->columns[col].is_number)
        return mp_slice_of(mp_arena_printf(arena, "%" PRId64, st->columns[col].number));
    len = st->columns[col].length;
    copy = mp_arena_alloc(arena, len + 1);
    if (len > 0)
        fetch_column(st, col, MYSQL_TYPE_STRING, copy, len);
    return (struct mp_slice){copy, len};
}

char *mp_col_text(struct mp_stmt *st, unsigned col, struct mp_arena *arena)
{
    /* What mp_col_bytes() gives is our own copy, with a NUL behind it. */
    return (char *)(uintptr_t)mp_col_bytes(st, col, arena).p;
}

int64_t mp_db_affected(const struct mp_stmt *st)
{
    return st->affected;
}

int64_t mp_db_insert_id(const struct mp_stmt *st)
{
    return st->insert_id;
}

int mp_db_now(struct mp_db *db, int64_t *now_ms, struct mp_error *err)
{
    static const struct mp_sql now = {"SELECT " MP_DB_NOW_MS};
    struct mp_stmt *st = mp_db_begin(db, &now);

    if (mp_db_one(st, err) != 1)
        return -1;
    *now_ms = mp_col_i64(st, 0);
    mp_db_done(st);
    return 0;
}

/*
 * 3 is as safe as 1 (three fsync a group of commits). Where there is a binary log, InnoDB asks it after a crash which of the prepared transactions
 * were committed, so one that was not synced undoes them: https://mariadb.com/kb/en/innodb-system-variables/#innodb_flush_log_at_trx_commit,
 * https://mariadb.com/kb/en/replication-and-binary-log-system-variables/#sync_binlog.
 */
int mp_db_risks(struct mp_db *db, struct mp_arena *arena, struct mp_db_risk risks[MP_DB_RISKS_MOST], size_t *count, struct mp_error *err)
{
    static const struct mp_sql ask = {
        "SELECT 'innodb_flush_log_at_trx_commit', CAST(@@GLOBAL.innodb_flush_log_at_trx_commit AS CHAR), '1',"
        " @@GLOBAL.innodb_flush_log_at_trx_commit IN (0, 2) AS risky UNION ALL"
        " SELECT 'sync_binlog', CAST(@@GLOBAL.sync_binlog AS CHAR), '1', @@GLOBAL.log_bin = 1 AND @@GLOBAL.sync_binlog <> 1 UNION ALL"
        " SELECT 'innodb_doublewrite', 'OFF', 'ON', CAST(@@GLOBAL.innodb_doublewrite AS CHAR) IN ('0', 'OFF')"};
    struct mp_stmt *st = mp_db_begin(db, &ask);
    int rc;

    *count = 0;
    rc = mp_db_run(st, err) < 0 ? -1 : 1;
    while (rc > 0 && (rc = mp_db_next(st, err)) > 0) {
        if (mp_col_i64(st, 3) != 0 && *count < MP_DB_RISKS_MOST)
            risks[(*count)++] = (struct mp_db_risk){mp_col_text(st, 0, arena), mp_col_text(st, 1, arena), mp_col_text(st, 2, arena)};
    }
    mp_db_done(st);
    return rc;
}
