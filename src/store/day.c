#include "meetpool/store_recording.h"
#include "store_int.h"

/* Where counting meetings has come to: a sum of no day. */
#define COUNTED "meetings_counted_to"

static const struct mp_sql add = {"INSERT INTO day_sum (day, name, value) VALUES (" MP_DB_NOW_MS " DIV 86400000, ?, ?)"
                                  " ON DUPLICATE KEY UPDATE value = value + VALUES(value)"};
static const struct mp_sql sums = {"SELECT day, name, value FROM day_sum WHERE day >= ? AND day < ? ORDER BY day, name"};
static const struct mp_sql all_stored = {
    "SELECT COALESCE(SUM(IF(name = 'recordings_stored', value, 0)), 0), COALESCE(SUM(IF(name = 'recording_bytes', value, 0)), 0) FROM day_sum"
    " WHERE name IN ('recordings_stored', 'recording_bytes')"};

static const struct mp_sql mark_make = {"INSERT IGNORE INTO day_sum (day, name, value) VALUES (0, '" COUNTED "', 0)"};
static const struct mp_sql mark_read = {"SELECT value FROM day_sum WHERE day = 0 AND name = '" COUNTED "' FOR UPDATE"};
static const struct mp_sql mark_write = {"UPDATE day_sum SET value = ? WHERE day = 0 AND name = '" COUNTED "'"};
static const struct mp_sql last_of = {"SELECT MAX(id), COUNT(*) FROM (SELECT id FROM meeting WHERE id > ? AND created_at < ? ORDER BY id LIMIT ?) n"};
/* Those that never came to be are failed; those still being made after so long have not come to be either. */
static const struct mp_sql count_in = {
    "INSERT INTO day_sum (day, name, value) SELECT day, name, n FROM (SELECT created_at DIV 86400000 AS day,"
    " IF(status IN ('failed', 'creating'), 'meetings_failed', 'meetings_made') AS name, COUNT(*) AS n FROM meeting WHERE id > ? AND id <= ?"
    " GROUP BY 1, 2) c ON DUPLICATE KEY UPDATE value = day_sum.value + VALUES(value)"};
static const struct mp_sql uncounted = {
    "SELECT created_at DIV 86400000, IF(status = 'failed', 'meetings_failed', 'meetings_made'), COUNT(*) FROM meeting WHERE id >"
    " COALESCE((SELECT value FROM day_sum WHERE day = 0 AND name = '" COUNTED "'), 0) AND status <> 'creating' GROUP BY 1, 2 ORDER BY 1, 2"};

int mp_store_day_add(struct mp_db *db, const char *name, int64_t value, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &add);

    mp_bind_text(st, store_cut(err->arena, name, 64));
    mp_bind_i64(st, value);
    return mp_db_run(st, err);
}

static int read_sums(struct mp_stmt *st, struct mp_arena *arena, struct mp_day_sum **rows, size_t *count, struct mp_error *err)
{
    struct store_list list = {.arena = arena, .size = sizeof(struct mp_day_sum)};
    int rc;

    if (mp_db_run(st, err) < 0)
        return -1;
    while ((rc = mp_db_next(st, err)) > 0) {
        struct mp_day_sum *row = store_list_next(&list);

        *row = (struct mp_day_sum){.day = mp_col_i64(st, 0), .value = mp_col_i64(st, 2)};
        row->name = mp_col_text(st, 1, arena);
    }
    *rows = list.rows;
    *count = list.count;
    return rc;
}

int mp_store_day_sums(struct mp_db *db, struct mp_arena *arena, int64_t from, int64_t until, struct mp_day_sum **rows, size_t *count,
                      struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &sums);

    mp_bind_i64(st, from);
    mp_bind_i64(st, until);
    return read_sums(st, arena, rows, count, err);
}

int mp_store_day_meetings(struct mp_db *db, struct mp_arena *arena, struct mp_day_sum **rows, size_t *count, struct mp_error *err)
{
    return read_sums(mp_db_begin(db, &uncounted), arena, rows, count, err);
}

static int read_mark(struct mp_db *db, int64_t *mark, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &mark_make);

    if (mp_db_run(st, err) < 0)
        return -1;
    st = mp_db_begin(db, &mark_read);
    if (mp_db_one(st, err) < 0)
        return -1;
    *mark = mp_col_i64(st, 0);
    return 0;
}

int mp_store_day_count_meetings(struct mp_db *db, int64_t before, unsigned most, int64_t *counted, struct mp_error *err)
{
    struct mp_stmt *st;
    int64_t mark, last;

    *counted = 0;
    if (read_mark(db, &mark, err) < 0)
        return -1;
    st = mp_db_begin(db, &last_of);
    mp_bind_i64(st, mark);
    mp_bind_i64(st, before);
    mp_bind_i64(st, (int64_t)most);
    if (mp_db_one(st, err) < 0)
        return -1;
    last = mp_col_i64(st, 0);
    *counted = mp_col_i64(st, 1);
    if (*counted == 0)
        return 0;
    st = mp_db_begin(db, &count_in);
    mp_bind_i64(st, mark);
    mp_bind_i64(st, last);
    if (mp_db_run(st, err) < 0)
        return -1;
    st = mp_db_begin(db, &mark_write);
    mp_bind_i64(st, last);
    return mp_db_run(st, err);
}

int mp_store_recording_bytes(struct mp_db *db, int64_t *files, int64_t *bytes, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &all_stored);

    if (mp_db_one(st, err) < 0)
        return -1;
    *files = mp_col_i64(st, 0);
    *bytes = mp_col_i64(st, 1);
    return 0;
}
