#include "meetpool/store_alert.h"

#include "store_int.h"

/* Characters that the columns hold. */
#define SUBJECT_MOST 190
#define MESSAGE_MOST 400

static const struct mp_sql alert_raise = {"INSERT INTO alert (kind, subject, message, first_at, last_at) VALUES (?, ?, ?, " MP_DB_NOW_MS
                                          ", " MP_DB_NOW_MS ")"
                                          " ON DUPLICATE KEY UPDATE times = times + 1, message = VALUES(message), last_at = VALUES(last_at)"};
static const struct mp_sql alerts_open = {"SELECT id, kind, subject, message, times, first_at, last_at FROM alert WHERE told_at = 0"
                                          " ORDER BY id LIMIT ?"};
static const struct mp_sql alert_told = {"UPDATE alert SET told_at = " MP_DB_NOW_MS " WHERE id = ? AND told_at = 0 AND times = ?"};
static const struct mp_sql alert_grown = {"UPDATE alert SET times = times - ?, first_at = last_at WHERE id = ? AND told_at = 0 AND times > ?"};
static const struct mp_sql last_told = {"SELECT MAX(told_at), " MP_DB_NOW_MS " FROM alert"};
static const struct mp_sql oldest_kept = {"SELECT id FROM alert WHERE told_at = 0 ORDER BY id DESC LIMIT 1 OFFSET ?"};
static const struct mp_sql drop_open = {"DELETE FROM alert WHERE told_at = 0 AND id < ? LIMIT 1000"};
static const struct mp_sql drop_told = {"DELETE FROM alert WHERE told_at > 0 AND told_at < " MP_DB_BEGUN_MS " - ? LIMIT 1000"};

int mp_store_alert_raise(struct mp_db *db, const char *kind, const char *subject, const char *message, struct mp_error *err)
{
    /* The words may be another system's. An arena of its own: it may be called in a loop, and in a transaction that runs again. */
    struct mp_arena *arena = mp_arena_new();
    struct mp_stmt *st = mp_db_begin(db, &alert_raise);
    int rc;

    mp_bind_text(st, kind);
    mp_bind_text(st, store_cut(arena, mp_arena_utf8(arena, mp_slice_of(subject)), SUBJECT_MOST));
    mp_bind_text(st, store_cut(arena, mp_arena_utf8(arena, mp_slice_of(message)), MESSAGE_MOST));
    rc = mp_db_run(st, err);
    mp_arena_free(arena);
    return rc;
}

int mp_store_alert_open(struct mp_db *db, struct mp_arena *arena, unsigned limit, struct mp_alert_row **rows, size_t *count, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &alerts_open);
    struct store_list list = {.arena = arena, .size = sizeof(struct mp_alert_row)};
    int rc;

    mp_bind_i64(st, (int64_t)limit);
    if (mp_db_run(st, err) < 0)
        return -1;
    while ((rc = mp_db_next(st, err)) > 0) {
        struct mp_alert_row *row = store_list_next(&list);

        row->id = mp_col_i64(st, 0);
        row->kind = mp_col_text(st, 1, arena);
        row->subject = mp_col_text(st, 2, arena);
        row->message = mp_col_text(st, 3, arena);
        row->times = mp_col_i64(st, 4);
        row->first_at = mp_col_i64(st, 5);
        row->last_at = mp_col_i64(st, 6);
    }
    *rows = list.rows;
    *count = list.count;
    return rc;
}

int mp_store_alert_told(struct mp_db *db, const struct mp_alert_row *row, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &alert_told);

    mp_bind_i64(st, row->id);
    mp_bind_i64(st, row->times);
    if (mp_db_run(st, err) < 0)
        return -1;
    if (mp_db_affected(st) > 0)
        return 0;
    st = mp_db_begin(db, &alert_grown);
    mp_bind_i64(st, row->times);
    mp_bind_i64(st, row->id);
    mp_bind_i64(st, row->times);
    return mp_db_run(st, err);
}

int mp_store_alert_last_told(struct mp_db *db, int64_t *ago_ms, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &last_told);

    if (mp_db_one(st, err) < 0)
        return -1;
    *ago_ms = mp_col_i64(st, 0) == 0 ? INT64_MAX : mp_col_i64(st, 1) - mp_col_i64(st, 0);
    mp_db_done(st);
    return 0;
}

int mp_store_alert_trim(struct mp_db *db, unsigned open_most, int64_t told_kept_ms, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &oldest_kept);
    int64_t first = 0;
    int rc;

    mp_bind_i64(st, (int64_t)open_most - 1);
    rc = mp_db_one(st, err);
    if (rc < 0)
        return -1;
    if (rc > 0)
        first = mp_col_i64(st, 0);
    mp_db_done(st);
    if (first > 0) {
        st = mp_db_begin(db, &drop_open);
        mp_bind_i64(st, first);
        if (mp_db_run(st, err) < 0)
            return -1;
    }
    st = mp_db_begin(db, &drop_told);
    mp_bind_i64(st, told_kept_ms);
    return mp_db_run(st, err);
}
