#include "meetpool/store_lesson.h"

#include <string.h>

#include "meetpool/clock.h"
#include "meetpool/store_course.h"
#include "store_int.h"

#define TITLE_MOST 200

static const struct mp_sql add_recording = {"INSERT INTO lesson (public_id, booking_id, batch_id, meeting_id, file_id, source, state, title, "
                                            "object_key, filename, content_type, size, owner_sub,"
                                            " created_at) VALUES (?, ?, ?, ?, ?, 'zoom_auto_sync', 'ready', ?, ?, ?, ?, ?, ?, " MP_DB_NOW_MS ")"
                                            " ON DUPLICATE KEY UPDATE size = VALUES(size)"};

static const struct mp_sql size_of_file = {"SELECT size FROM lesson WHERE file_id = ?"};

#define ROW                                                                                                                                          \
    "SELECT l.id, l.public_id, l.booking_id, l.batch_id, l.meeting_id, b.public_id, l.source, l.state, l.title, l.object_key, l.filename,"           \
    " l.content_type, l.external_url, l.size, l.owner_sub, l.created_at, m.zoom_id, f.file_type, f.recorded_from, f.recorded_until, f.stored_at"     \
    " FROM lesson l LEFT JOIN booking b ON b.id = l.booking_id LEFT JOIN meeting m ON m.id = l.meeting_id"                                           \
    " LEFT JOIN recording_file f ON f.id = l.file_id "
#define IDS_WIDE  50
#define TEN       "?, ?, ?, ?, ?, ?, ?, ?, ?, ?"
#define ROWS_MOST 2500 /* of one statement's bookings */

static const struct mp_sql insert = {
    "INSERT INTO lesson (public_id, booking_id, batch_id, meeting_id, source, state, title, object_key, filename, content_type, external_url, size,"
    " owner_sub, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, " MP_DB_NOW_MS ")"};
static const struct mp_sql by_public = {ROW "WHERE l.public_id = ?"};
static const struct mp_sql by_id = {ROW "WHERE l.id = ?"};
static const struct mp_sql of_batch = {ROW "WHERE l.batch_id = ? AND l.state = ? AND l.id < ? ORDER BY l.id DESC LIMIT ?"};
static const struct mp_sql of_booking = {ROW "WHERE l.booking_id = ? AND l.state = ? AND l.id < ? ORDER BY l.id DESC LIMIT ?"};
static const struct mp_sql of_bookings = {ROW "WHERE l.state = 'ready' AND l.booking_id IN (" TEN ", " TEN ", " TEN ", " TEN ", " TEN
                                              ") ORDER BY l.id LIMIT ?"};
static const struct mp_sql make_ready = {"UPDATE lesson SET state = 'ready' WHERE id = ? AND state = 'waiting'"};
static const struct mp_sql make_removed = {"UPDATE lesson SET state = 'removed', removed_at = " MP_DB_NOW_MS " WHERE id = ? AND state <> 'removed'"};

static const char *const state_names[MP_LESSON_STATES] = {"waiting", "ready", "removed"};
static const char *const source_names[MP_LESSON_SOURCES] = {"zoom_auto_sync", "manual_upload", "external_link"};

const char *mp_lesson_source_name(enum mp_lesson_source source)
{
    return source_names[source];
}

/* The place of a name; what is unknown is the last. */
static unsigned place_of(const char *const *names, unsigned count, const char *name)
{
    unsigned i = 0;

    while (i + 1 < count && (name == NULL || strcmp(names[i], name) != 0))
        i++;
    return i;
}

static int64_t time_col(const struct mp_stmt *st, unsigned col)
{
    return mp_col_null(st, col) ? -1 : mp_col_i64(st, col);
}

static void read_row(struct mp_stmt *st, struct mp_arena *arena, struct mp_lesson_row *row)
{
    *row = (struct mp_lesson_row){.id = mp_col_i64(st, 0),
                                  .booking_id = mp_col_i64(st, 2),
                                  .batch_id = mp_col_i64(st, 3),
                                  .meeting_id = mp_col_i64(st, 4),
                                  .size = mp_col_i64(st, 13),
                                  .created_at = mp_col_i64(st, 15),
                                  .zoom_id = mp_col_i64(st, 16),
                                  .recorded_from = time_col(st, 18),
                                  .recorded_until = time_col(st, 19),
                                  .stored_at = time_col(st, 20)};
    row->public_id = mp_col_text(st, 1, arena);
    row->booking_public_id = mp_col_text(st, 5, arena);
    row->source = place_of(source_names, MP_LESSON_SOURCES, mp_col_text(st, 6, arena));
    row->state = place_of(state_names, MP_LESSON_STATES, mp_col_text(st, 7, arena));
    row->title = mp_col_text(st, 8, arena);
    row->object_key = mp_col_text(st, 9, arena);
    row->filename = mp_col_text(st, 10, arena);
    row->content_type = mp_col_text(st, 11, arena);
    row->external_url = mp_col_text(st, 12, arena);
    row->owner_sub = mp_col_text(st, 14, arena);
    row->file_type = mp_col_text(st, 17, arena);
}

int mp_store_lesson_insert(struct mp_db *db, struct mp_arena *arena, struct mp_lesson_row *row, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &insert);

    mp_bind_text(st, row->public_id);
    mp_bind_i64_null(st, row->booking_id != 0, row->booking_id);
    mp_bind_i64_null(st, row->batch_id != 0, row->batch_id);
    mp_bind_i64_null(st, row->meeting_id != 0, row->meeting_id);
    mp_bind_text(st, source_names[row->source]);
    mp_bind_text(st, state_names[row->state]);
    mp_bind_text(st, store_cut(arena, row->title, TITLE_MOST));
    mp_bind_text(st, row->object_key);
    mp_bind_text(st, store_cut(arena, row->filename, TITLE_MOST));
    mp_bind_text(st, row->content_type);
    mp_bind_text(st, row->external_url);
    mp_bind_i64(st, row->size);
    mp_bind_text(st, row->owner_sub);
    if (mp_db_run(st, err) < 0)
        return -1;
    row->id = mp_db_insert_id(st);
    return 0;
}

static int read_one(struct mp_stmt *st, struct mp_arena *arena, struct mp_lesson_row *row, struct mp_error *err)
{
    int rc = mp_db_one(st, err);

    if (rc > 0)
        read_row(st, arena, row);
    mp_db_done(st);
    return rc;
}

int mp_store_lesson_by_public(struct mp_db *db, struct mp_arena *arena, const char *public_id, struct mp_lesson_row *row, struct mp_error *err)
{
    struct mp_stmt *st;

    if (!store_is_public_id(public_id))
        return 0;
    st = mp_db_begin(db, &by_public);
    mp_bind_text(st, public_id);
    return read_one(st, arena, row, err);
}

int mp_store_lesson_by_id(struct mp_db *db, struct mp_arena *arena, int64_t id, struct mp_lesson_row *row, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &by_id);

    mp_bind_i64(st, id);
    return read_one(st, arena, row, err);
}

static int read_list(struct mp_stmt *st, struct store_list *list, struct mp_error *err)
{
    int rc;

    if (mp_db_run(st, err) < 0)
        return -1;
    while ((rc = mp_db_next(st, err)) > 0)
        read_row(st, list->arena, store_list_next(list));
    return rc;
}

int mp_store_lesson_list(struct mp_db *db, struct mp_arena *arena, const struct mp_lesson_query *query, struct mp_lesson_row **rows, size_t *count,
                         struct mp_error *err)
{
    struct store_list list = {.arena = arena, .size = sizeof(struct mp_lesson_row)};
    struct mp_stmt *st = mp_db_begin(db, query->batch_id != 0 ? &of_batch : &of_booking);
    int rc;

    mp_bind_i64(st, query->batch_id != 0 ? query->batch_id : query->booking_id);
    mp_bind_text(st, state_names[query->state]);
    mp_bind_i64(st, query->before_id);
    mp_bind_i64(st, (int64_t)query->limit);
    rc = read_list(st, &list, err);
    *rows = list.rows;
    *count = list.count;
    return rc;
}

int mp_store_lessons_of(struct mp_db *db, struct mp_arena *arena, const int64_t *booking_ids, size_t bookings, struct mp_lesson_row **rows,
                        size_t *count, struct mp_error *err)
{
    struct store_list list = {.arena = arena, .size = sizeof(struct mp_lesson_row)};

    for (size_t from = 0; from < bookings; from += IDS_WIDE) {
        struct mp_stmt *st = mp_db_begin(db, &of_bookings);

        for (size_t i = from; i < from + IDS_WIDE; i++)
            mp_bind_i64(st, booking_ids[i < bookings ? i : from]);
        mp_bind_i64(st, ROWS_MOST);
        if (read_list(st, &list, err) < 0)
            return -1;
    }
    *rows = list.rows;
    *count = list.count;
    return 0;
}

static int change(struct mp_db *db, const struct mp_sql *sql, int64_t id, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, sql);

    mp_bind_i64(st, id);
    if (mp_db_run(st, err) < 0)
        return -1;
    return mp_db_affected(st) > 0 ? 1 : 0;
}

int mp_store_lesson_ready(struct mp_db *db, int64_t id, struct mp_error *err)
{
    return change(db, &make_ready, id, err);
}

int mp_store_lesson_remove(struct mp_db *db, int64_t id, struct mp_error *err)
{
    return change(db, &make_removed, id, err);
}

int mp_store_lesson_add_recording(struct mp_db *db, struct mp_arena *arena, const struct mp_lesson_recording *lesson, int64_t *was,
                                  struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &size_of_file);
    int rc;

    mp_bind_i64(st, lesson->file_id);
    rc = mp_db_one(st, err);
    if (rc < 0)
        return -1;
    *was = rc > 0 ? mp_col_i64(st, 0) : -1;
    mp_db_done(st);
    st = mp_db_begin(db, &add_recording);
    mp_bind_text(st, mp_store_public_id(arena, mp_now_ms()));
    mp_bind_i64_null(st, lesson->booking_id != 0, lesson->booking_id);
    mp_bind_i64_null(st, lesson->batch_id != 0, lesson->batch_id);
    mp_bind_i64(st, lesson->meeting_id);
    mp_bind_i64(st, lesson->file_id);
    mp_bind_text(st, store_cut(arena, lesson->title, TITLE_MOST));
    mp_bind_text(st, lesson->object_key);
    mp_bind_text(st, store_cut(arena, lesson->filename, TITLE_MOST));
    mp_bind_text(st, lesson->content_type);
    mp_bind_i64(st, lesson->size);
    mp_bind_text(st, lesson->owner_sub);
    return mp_db_run(st, err);
}
