#include "meetpool/store_connection.h"
#include "store_int.h"

/* The second '.' ends the id of the key: "v1.<key id>.<box>". */
#define NEXT(table, key, column)                                                                                                                     \
    {                                                                                                                                                \
        "SELECT " key ", " column " FROM " table " WHERE " column " IS NOT NULL AND SUBSTRING_INDEX(" column ", '.', 2) <> CONCAT('v1.', ?)"         \
        " AND " key " > ? ORDER BY " key " LIMIT ?"                                                                                                  \
    }
#define SWAP(table, key, column)                                                                                                                     \
    {                                                                                                                                                \
        "UPDATE " table " SET " column " = ? WHERE " key " = ? AND " column " = ?"                                                                   \
    }
#define LEFT(table, key, column)                                                                                                                     \
    {                                                                                                                                                \
        "SELECT COUNT(*) FROM " table " WHERE " column " IS NOT NULL AND SUBSTRING_INDEX(" column ", '.', 2) <> CONCAT('v1.', ?)"                    \
    }
#define WITH(table, column)                                                                                                                          \
    {                                                                                                                                                \
        "SELECT 1 FROM " table " WHERE SUBSTRING_INDEX(" column ", '.', 2) = CONCAT('v1.', ?) LIMIT 1"                                               \
    }
#define PLACE(table, key, column, context)                                                                                                           \
    {                                                                                                                                                \
        table "." column, context, NEXT(table, key, column), SWAP(table, key, column), LEFT(table, key, column), WITH(table, column)                 \
    }

static const struct {
    const char *name, *context;
    struct mp_sql next, swap, left, with;
} places[MP_SEALED_PLACES] = {
    [MP_SEALED_ACCESS] = PLACE("connection", "sub", "access_sealed", "connection|access_token|"),
    [MP_SEALED_REFRESH] = PLACE("connection", "sub", "refresh_sealed", "connection|refresh_token|"),
    [MP_SEALED_ACCOUNT] = PLACE("account", "name", "token_sealed", "account_token|"),
    [MP_SEALED_VERIFIER] = PLACE("oauth_state", "state_hash", "verifier_sealed", "oauth_state|verifier|"),
    [MP_SEALED_FEED] = PLACE("person", "sub", "feed_sealed", "calendar_feed|"),
};

static const struct mp_sql checks_read = {"SELECT key_id, sealed FROM key_check ORDER BY key_id"};
static const struct mp_sql check_add = {"INSERT IGNORE INTO key_check (key_id, sealed, made_at) VALUES (?, ?, " MP_DB_NOW_MS ")"};

const char *mp_sealed_context(enum mp_sealed_place place)
{
    return places[place].context;
}

const char *mp_sealed_name(enum mp_sealed_place place)
{
    return places[place].name;
}

static int read_rows(struct mp_stmt *st, struct mp_arena *arena, struct mp_sealed_row **rows, size_t *count, struct mp_error *err)
{
    struct store_list list = {.arena = arena, .size = sizeof(struct mp_sealed_row)};
    int rc;

    if (mp_db_run(st, err) < 0)
        return -1;
    while ((rc = mp_db_next(st, err)) > 0) {
        struct mp_sealed_row *row = store_list_next(&list);

        row->key = mp_col_text(st, 0, arena);
        row->sealed = mp_col_text(st, 1, arena);
    }
    *rows = list.rows;
    *count = list.count;
    return rc;
}

int mp_store_sealed_next(struct mp_db *db, struct mp_arena *arena, enum mp_sealed_place place, const char *key_id, const char *after, unsigned limit,
                         struct mp_sealed_row **rows, size_t *count, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &places[place].next);

    mp_bind_text(st, key_id);
    mp_bind_text(st, after);
    mp_bind_i64(st, (int64_t)limit);
    return read_rows(st, arena, rows, count, err);
}

int mp_store_sealed_swap(struct mp_db *db, enum mp_sealed_place place, const struct mp_sealed_row *row, const char *sealed, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &places[place].swap);

    mp_bind_text(st, sealed);
    mp_bind_text(st, row->key);
    mp_bind_text(st, row->sealed);
    if (mp_db_run(st, err) < 0)
        return -1;
    return mp_db_affected(st) > 0 ? 1 : 0;
}

int mp_store_sealed_left(struct mp_db *db, enum mp_sealed_place place, const char *key_id, int64_t *left, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &places[place].left);

    mp_bind_text(st, key_id);
    if (mp_db_one(st, err) < 0)
        return -1;
    *left = mp_col_i64(st, 0);
    return 0;
}

int mp_store_sealed_with(struct mp_db *db, enum mp_sealed_place place, const char *key_id, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &places[place].with);

    mp_bind_text(st, key_id);
    return mp_db_one(st, err);
}

int mp_store_key_checks(struct mp_db *db, struct mp_arena *arena, struct mp_sealed_row **rows, size_t *count, struct mp_error *err)
{
    return read_rows(mp_db_begin(db, &checks_read), arena, rows, count, err);
}

int mp_store_key_check_add(struct mp_db *db, const char *key_id, const char *sealed, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &check_add);

    mp_bind_text(st, key_id);
    mp_bind_text(st, sealed);
    return mp_db_run(st, err);
}
