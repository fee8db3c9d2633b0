#include <string.h>

#include "meetpool/store_recording.h"
#include "store_int.h"

#define ERROR_MOST     400
#define UPLOAD_ID_MOST 1024
#define ETAG_MOST      128

#define COLUMNS                                                                                                                                      \
    "f.id, f.occurrence_id, f.meeting_id, f.file_key, f.zoom_file_id, f.file_type, f.recording_type, f.size, f.recorded_from, f.recorded_until,"     \
    " f.download_url, f.state, f.object_key, f.upload_id, f.etag, f.stored_at, o.uuid"
#define FROM_FILES " FROM recording_file f JOIN occurrence o ON o.id = f.occurrence_id"

/* What is stored keeps the facts it was stored with; what went at Zoom and is there again is found again. */
static const struct mp_sql upsert = {
    "INSERT INTO recording_file (occurrence_id, meeting_id, file_key, zoom_file_id, file_type, recording_type, size, recorded_from, recorded_until,"
    " download_url, state, object_key, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'found', ?, " MP_DB_NOW_MS ")"
    " ON DUPLICATE KEY UPDATE size = IF(state = 'trashed' OR (state = 'stored' AND ? < 2), size, VALUES(size)), recorded_until = "
    "VALUES(recorded_until),"
    " download_url = VALUES(download_url),"
    " state = IF(state = 'expired' OR (? >= 1 AND state = 'failed') OR (? >= 2 AND state = 'stored'), 'found', state)"};
static const struct mp_sql upserted = {"SELECT id, state, object_key FROM recording_file WHERE occurrence_id = ? AND file_key = ?"};
static const struct mp_sql by_id = {"SELECT " COLUMNS FROM_FILES " WHERE f.id = ?"};
static const struct mp_sql of_occurrence = {"SELECT " COLUMNS FROM_FILES " WHERE f.occurrence_id = ? ORDER BY f.id"};
static const struct mp_sql take = {"UPDATE recording_file SET state = 'moving', mover = ? WHERE id = ?"
                                   " AND state IN ('found', 'moving', 'failed', 'expired')"};
static const struct mp_sql address = {"UPDATE recording_file SET download_url = ? WHERE id = ? AND mover = ? AND state = 'moving'"};
static const struct mp_sql upload = {"UPDATE recording_file SET upload_id = ? WHERE id = ? AND mover = ? AND state = 'moving'"};
static const struct mp_sql is_movers = {"SELECT 1 FROM recording_file WHERE id = ? AND mover = ? AND state = 'moving'"};
static const struct mp_sql parts_remove = {"DELETE FROM recording_part WHERE file_id = ?"};
static const struct mp_sql part_add = {
    "INSERT INTO recording_part (file_id, number, size, etag) SELECT id, ?, ?, ? FROM recording_file WHERE id = ? AND mover = ? AND state = 'moving'"
    " ON DUPLICATE KEY UPDATE size = VALUES(size), etag = VALUES(etag)"};
static const struct mp_sql parts_read = {"SELECT number, size, etag FROM recording_part WHERE file_id = ? ORDER BY number"};
static const struct mp_sql stored = {
    "UPDATE recording_file SET state = 'stored', size = ?, etag = ?, sha256 = ?, moved_ms = ?, upload_id = NULL, error_code = NULL, error = NULL,"
    " stored_at = " MP_DB_NOW_MS " WHERE id = ? AND mover = ? AND state = 'moving'"};
static const struct mp_sql over = {
    "UPDATE recording_file SET state = ?, error_code = ?, error = ?, mover = NULL WHERE id = ? AND (mover = ? OR ? IS NULL) AND state = 'moving'"};
static const struct mp_sql trouble = {"UPDATE recording_file SET error_code = ?, error = ? WHERE id = ? AND mover = ? AND state = 'moving'"};
static const struct mp_sql trashed = {"UPDATE recording_file SET state = 'trashed' WHERE id = ? AND state = 'stored'"};

static const struct mp_sql of_lesson = {"SELECT f.id, f.meeting_id, f.size FROM lesson l JOIN recording_file f ON f.id = l.file_id"
                                        " WHERE l.id = ? AND f.state IN ('stored', 'trashed')"};
static const struct mp_sql removed = {"UPDATE recording_file SET state = 'removed' WHERE id = ? AND state IN ('stored', 'trashed')"};

static const char *const state_names[MP_FILE_STATES] = {
    [MP_FILE_FOUND] = "found",     [MP_FILE_MOVING] = "moving",   [MP_FILE_STORED] = "stored",   [MP_FILE_FAILED] = "failed",
    [MP_FILE_EXPIRED] = "expired", [MP_FILE_TRASHED] = "trashed", [MP_FILE_REMOVED] = "removed",
};

static enum mp_file_state state_of(const char *name)
{
    for (size_t i = 0; i < MP_FILE_STATES; i++) {
        if (strcmp(state_names[i], name) == 0)
            return (enum mp_file_state)i;
    }
    return MP_FILE_FAILED;
}

static int64_t instant(struct mp_stmt *st, unsigned col)
{
    return mp_col_null(st, col) ? -1 : mp_col_i64(st, col);
}

static void read_row(struct mp_stmt *st, struct mp_arena *arena, struct mp_file_row *row)
{
    *row = (struct mp_file_row){
        .id = mp_col_i64(st, 0),
        .occurrence_id = mp_col_i64(st, 1),
        .meeting_id = mp_col_i64(st, 2),
        .file_key = mp_col_text(st, 3, arena),
        .zoom_file_id = mp_col_text(st, 4, arena),
        .file_type = mp_col_text(st, 5, arena),
        .recording_type = mp_col_text(st, 6, arena),
        .size = mp_col_i64(st, 7),
        .recorded_from = instant(st, 8),
        .recorded_until = instant(st, 9),
        .download_url = mp_col_text(st, 10, arena),
        .state = state_of(mp_col_text(st, 11, arena)),
        .object_key = mp_col_text(st, 12, arena),
        .upload_id = mp_col_text(st, 13, arena),
        .etag = mp_col_text(st, 14, arena),
        .stored_at = instant(st, 15),
        .uuid = mp_col_text(st, 16, arena),
    };
}

static int changed(struct mp_stmt *st, struct mp_error *err)
{
    if (mp_db_run(st, err) < 0)
        return -1;
    return mp_db_affected(st) > 0 ? 1 : 0;
}

int mp_store_file_upsert(struct mp_db *db, struct mp_file_row *row, enum mp_again again, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &upsert);

    mp_bind_i64(st, row->occurrence_id);
    mp_bind_i64(st, row->meeting_id);
    mp_bind_text(st, row->file_key);
    mp_bind_text(st, row->zoom_file_id);
    mp_bind_text(st, row->file_type);
    mp_bind_text(st, row->recording_type);
    mp_bind_i64(st, row->size);
    mp_bind_i64_null(st, row->recorded_from >= 0, row->recorded_from);
    mp_bind_i64_null(st, row->recorded_until >= 0, row->recorded_until);
    mp_bind_text(st, row->download_url);
    mp_bind_text(st, row->object_key);
    for (int i = 0; i < 3; i++)
        mp_bind_i64(st, again);
    if (mp_db_run(st, err) < 0)
        return -1;
    st = mp_db_begin(db, &upserted);
    mp_bind_i64(st, row->occurrence_id);
    mp_bind_text(st, row->file_key);
    if (mp_db_one(st, err) < 0)
        return -1;
    row->id = mp_col_i64(st, 0);
    row->state = state_of(mp_col_text(st, 1, err->arena));
    row->object_key = mp_col_text(st, 2, err->arena);
    return 0;
}

int mp_store_file_by_id(struct mp_db *db, struct mp_arena *arena, int64_t id, struct mp_file_row *row, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &by_id);
    int rc;

    mp_bind_i64(st, id);
    rc = mp_db_one(st, err);
    if (rc > 0)
        read_row(st, arena, row);
    return rc;
}

int mp_store_files(struct mp_db *db, struct mp_arena *arena, int64_t occurrence_id, struct mp_file_row **rows, size_t *count, struct mp_error *err)
{
    struct store_list list = {.arena = arena, .size = sizeof(struct mp_file_row)};
    struct mp_stmt *st = mp_db_begin(db, &of_occurrence);
    int rc;

    mp_bind_i64(st, occurrence_id);
    if (mp_db_run(st, err) < 0)
        return -1;
    while ((rc = mp_db_next(st, err)) > 0)
        read_row(st, arena, store_list_next(&list));
    *rows = list.rows;
    *count = list.count;
    return rc;
}

/* Found by whoever asks, with the mover that it is given. */
static int held(struct mp_db *db, int64_t id, const char *mover, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &is_movers);

    mp_bind_i64(st, id);
    mp_bind_text(st, mover);
    return mp_db_one(st, err);
}

int mp_store_file_take(struct mp_db *db, int64_t id, const char *mover, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &take);

    mp_bind_text(st, mover);
    mp_bind_i64(st, id);
    return changed(st, err);
}

int mp_store_file_address(struct mp_db *db, int64_t id, const char *mover, const char *url, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &address);

    mp_bind_text(st, url);
    mp_bind_i64(st, id);
    mp_bind_text(st, mover);
    return mp_db_run(st, err);
}

int mp_store_file_upload(struct mp_db *db, int64_t id, const char *mover, const char *upload_id, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &upload);
    int rc;

    if (upload_id != NULL && strlen(upload_id) > UPLOAD_ID_MOST)
        return mp_fail_log(err, MP_E_STORAGE, "an upload id of %zu bytes", strlen(upload_id));
    mp_bind_text(st, upload_id);
    mp_bind_i64(st, id);
    mp_bind_text(st, mover);
    if (mp_db_run(st, err) < 0)
        return -1;
    /* None changed: it may be the same id. */
    rc = mp_db_affected(st) > 0 ? 1 : held(db, id, mover, err);
    if (rc <= 0)
        return rc;
    st = mp_db_begin(db, &parts_remove);
    mp_bind_i64(st, id);
    return mp_db_run(st, err) < 0 ? -1 : 1;
}

int mp_store_file_part(struct mp_db *db, int64_t id, const char *mover, const struct mp_file_part *part, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &part_add);

    mp_bind_i64(st, part->number);
    mp_bind_i64(st, part->size);
    mp_bind_text(st, store_cut(err->arena, part->etag != NULL ? part->etag : "", ETAG_MOST));
    mp_bind_i64(st, id);
    mp_bind_text(st, mover);
    if (mp_db_run(st, err) < 0)
        return -1;
    return mp_db_affected(st) > 0 ? 1 : held(db, id, mover, err);
}

int mp_store_file_parts(struct mp_db *db, struct mp_arena *arena, int64_t id, struct mp_file_part **parts, size_t *count, struct mp_error *err)
{
    struct store_list list = {.arena = arena, .size = sizeof(struct mp_file_part)};
    struct mp_stmt *st = mp_db_begin(db, &parts_read);
    int rc;

    mp_bind_i64(st, id);
    if (mp_db_run(st, err) < 0)
        return -1;
    while ((rc = mp_db_next(st, err)) > 0) {
        struct mp_file_part *part = store_list_next(&list);

        *part = (struct mp_file_part){.number = mp_col_i64(st, 0), .size = mp_col_i64(st, 1)};
        part->etag = mp_col_text(st, 2, arena);
    }
    *parts = list.rows;
    *count = list.count;
    return rc;
}

static int remove_parts(struct mp_db *db, int64_t id, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &parts_remove);

    mp_bind_i64(st, id);
    return mp_db_run(st, err);
}

int mp_store_file_stored(struct mp_db *db, int64_t id, const char *mover, const struct mp_file_stored *what, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &stored);
    int rc;

    mp_bind_i64(st, what->size);
    mp_bind_text(st, store_cut(err->arena, what->etag, ETAG_MOST));
    mp_bind_text(st, what->sha256);
    mp_bind_i64(st, what->moved_ms);
    mp_bind_i64(st, id);
    mp_bind_text(st, mover);
    rc = changed(st, err);
    if (rc <= 0)
        return rc;
    return remove_parts(db, id, err) < 0 ? -1 : 1;
}

int mp_store_file_over(struct mp_db *db, int64_t id, const char *mover, enum mp_file_state state, const char *code, const char *error,
                       struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &over);

    mp_bind_text(st, state_names[state]);
    mp_bind_text(st, code);
    mp_bind_text(st, store_cut(err->arena, error, ERROR_MOST));
    mp_bind_i64(st, id);
    mp_bind_text(st, mover);
    mp_bind_text(st, mover);
    return changed(st, err);
}

int mp_store_file_trouble(struct mp_db *db, int64_t id, const char *mover, const char *code, const char *error, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &trouble);

    mp_bind_text(st, code);
    mp_bind_text(st, store_cut(err->arena, error, ERROR_MOST));
    mp_bind_i64(st, id);
    mp_bind_text(st, mover);
    return mp_db_run(st, err);
}

int mp_store_file_trashed(struct mp_db *db, int64_t id, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &trashed);

    mp_bind_i64(st, id);
    return mp_db_run(st, err);
}

int mp_store_file_removed(struct mp_db *db, int64_t lesson_id, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &of_lesson);
    int64_t file_id, meeting_id, size;
    int rc;

    mp_bind_i64(st, lesson_id);
    rc = mp_db_one(st, err);
    if (rc <= 0)
        return rc;
    file_id = mp_col_i64(st, 0);
    meeting_id = mp_col_i64(st, 1);
    size = mp_col_i64(st, 2);
    if (mp_store_recording_lock(db, meeting_id, err) < 0)
        return -1;
    st = mp_db_begin(db, &removed);
    mp_bind_i64(st, file_id);
    rc = changed(st, err);
    if (rc <= 0)
        return rc;
    if (mp_store_recording_settle(db, meeting_id, false, err) < 0 || mp_store_day_add(db, "recordings_removed", 1, err) < 0)
        return -1;
    return mp_store_day_add(db, "recording_bytes_removed", size, err) < 0 ? -1 : 1;
}
