#include "meetpool/store_recording.h"
#include "store_int.h"

/* Where counting has come to: sums of no day. */
#define MEETINGS "meetings_counted_to"
#define REFUSALS "refusals_counted_to"
#define MARK(of) "COALESCE((SELECT value FROM day_sum WHERE day = 0 AND name = '" of "'), 0)"

static const struct mp_sql add = {"INSERT INTO day_sum (day, name, value) VALUES (" MP_DB_NOW_MS " DIV 86400000, ?, ?)"
                                  " ON DUPLICATE KEY UPDATE value = value + VALUES(value)"};
static const struct mp_sql sums = {"SELECT day, name, value FROM day_sum WHERE day >= ? AND day < ? ORDER BY day, name"};
#define LESS(came, gone) "COALESCE(SUM(IF(name = '" came "', value, IF(name = '" gone "', -value, 0))), 0)"
static const struct mp_sql all_stored = {
    "SELECT " LESS("recordings_stored", "recordings_removed") ", " LESS("recording_bytes", "recording_bytes_removed") " FROM day_sum"
    " WHERE name IN ('recordings_stored', 'recordings_removed', 'recording_bytes', 'recording_bytes_removed')"};

static const struct mp_sql mark_make = {"INSERT IGNORE INTO day_sum (day, name, value) VALUES (0, ?, 0)"};
static const struct mp_sql mark_read = {"SELECT value FROM day_sum WHERE day = 0 AND name = ? FOR UPDATE"};
static const struct mp_sql mark_write = {"UPDATE day_sum SET value = ? WHERE day = 0 AND name = ?"};

/* Rows that are counted into the sums of their day once it is known what became of them. */
struct tally {
    const char *mark;
    struct mp_sql last, count, uncounted;
};
#define LAST_OF(table, at) "SELECT MAX(id), COUNT(*) FROM (SELECT id FROM " table " WHERE id > ? AND " at " < ? ORDER BY id LIMIT ?) n"
#define COUNT_IN(rows)                                                                                                                               \
    "INSERT INTO day_sum (day, name, value) SELECT day, name, n FROM (" rows " AND id <= ? GROUP BY 1, 2) c"                                         \
    " ON DUPLICATE KEY UPDATE value = day_sum.value + VALUES(value)"
/* Those that never came to be are failed; those still being made after so long have not come to be either. */
static const struct tally meetings = {
    MEETINGS,
    {LAST_OF("meeting", "created_at")},
    {COUNT_IN("SELECT created_at DIV 86400000 AS day, IF(status IN ('failed', 'creating'), 'meetings_failed', 'meetings_made') AS name, COUNT(*) AS n"
              " FROM meeting WHERE id > ?")},
    {"SELECT created_at DIV 86400000, IF(status = 'failed', 'meetings_failed', 'meetings_made'), COUNT(*) FROM meeting WHERE id > " MARK(
        MEETINGS) " AND status <> 'creating' GROUP BY 1, 2 ORDER BY 1, 2"},
};
/* What stood in the way of a request follows its code and a colon; the caller's own mistakes are a code alone. */
#define REFUSED                                                                                                                                      \
    "SELECT at DIV 86400000 AS day, CONCAT('refusals:', SUBSTRING_INDEX(detail, ':', 1)) AS name, COUNT(*) AS n FROM audit"                          \
    " WHERE outcome = 'failed' AND action LIKE '% %' AND detail REGEXP '^[a-z_]{1,40}: ' AND id > "
static const struct tally refusals = {
    REFUSALS,
    {LAST_OF("audit", "at")},
    {COUNT_IN(REFUSED "?")},
    {REFUSED MARK(REFUSALS) " GROUP BY 1, 2 ORDER BY 1, 2"},
};

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

int mp_store_day_uncounted(struct mp_db *db, struct mp_arena *arena, enum mp_day_tally what, struct mp_day_sum **rows, size_t *count,
                           struct mp_error *err)
{
    return read_sums(mp_db_begin(db, what == MP_DAY_MEETINGS ? &meetings.uncounted : &refusals.uncounted), arena, rows, count, err);
}

static int read_mark(struct mp_db *db, const char *name, int64_t *mark, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &mark_make);

    mp_bind_text(st, name);
    if (mp_db_run(st, err) < 0)
        return -1;
    st = mp_db_begin(db, &mark_read);
    mp_bind_text(st, name);
    if (mp_db_one(st, err) < 0)
        return -1;
    *mark = mp_col_i64(st, 0);
    return 0;
}

/* How many lie behind the mark, and which is the last of them. */
static int read_last(struct mp_db *db, const struct tally *tally, int64_t mark, int64_t before, unsigned most, int64_t *last, int64_t *counted,
                     struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &tally->last);

    mp_bind_i64(st, mark);
    mp_bind_i64(st, before);
    mp_bind_i64(st, (int64_t)most);
    if (mp_db_one(st, err) < 0)
        return -1;
    *last = mp_col_i64(st, 0);
    *counted = mp_col_i64(st, 1);
    return 0;
}

int mp_store_day_count(struct mp_db *db, enum mp_day_tally what, int64_t before, unsigned most, int64_t *counted, struct mp_error *err)
{
    const struct tally *tally = what == MP_DAY_MEETINGS ? &meetings : &refusals;
    struct mp_stmt *st;
    int64_t mark, last;

    *counted = 0;
    if (read_mark(db, tally->mark, &mark, err) < 0 || read_last(db, tally, mark, before, most, &last, counted, err) < 0)
        return -1;
    if (*counted == 0)
        return 0;
    st = mp_db_begin(db, &tally->count);
    mp_bind_i64(st, mark);
    mp_bind_i64(st, last);
    if (mp_db_run(st, err) < 0)
        return -1;
    st = mp_db_begin(db, &mark_write);
    mp_bind_i64(st, last);
    mp_bind_text(st, tally->mark);
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
