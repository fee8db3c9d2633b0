#include "meetpool/store_recording.h"

#include <string.h>

#include "store_int.h"

#define ERROR_MOST 400

#define COLUMNS                                                                                                                                      \
    "r.meeting_id, r.booking_id, r.batch_id, r.state, r.attempts, r.first_try_at, r.last_try_at, r.next_try_at, r.synced_at, r.updated_at,"          \
    " r.asked_at, r.error_code, r.error, r.files, r.files_stored, r.bytes_stored, r.missing, r.again"
#define COLUMNS_COUNT 18

static const struct mp_sql ensure = {
    "INSERT INTO recording (meeting_id, booking_id, batch_id, state, created_at, updated_at) VALUES (?, ?, ?, 'waiting', " MP_DB_NOW_MS
    ", " MP_DB_NOW_MS ") ON DUPLICATE KEY UPDATE booking_id = VALUES(booking_id), batch_id = VALUES(batch_id)"};
static const struct mp_sql read_one = {"SELECT " COLUMNS " FROM recording r WHERE r.meeting_id = ?"};
/* So many at once; what is missing of them is 0. */
#define IDS_WIDE 20
static const struct mp_sql read_some = {"SELECT " COLUMNS
                                        " FROM recording r WHERE r.meeting_id IN (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
                                        " ?, ?)"};
static const struct mp_sql looked_at = {
    "UPDATE recording SET state = ?, attempts = attempts + ?, first_try_at = IF(? = 1, COALESCE(first_try_at, " MP_DB_NOW_MS "), first_try_at),"
    " last_try_at = IF(asked_at = ?, " MP_DB_NOW_MS ", last_try_at), next_try_at = IF(? >= 0, " MP_DB_NOW_MS
    " + ?, NULL), error_code = ?, error = ?, updated_at = " MP_DB_NOW_MS " WHERE meeting_id = ?"};
static const struct mp_sql lock = {"UPDATE recording SET updated_at = GREATEST(updated_at + 1, " MP_DB_NOW_MS ") WHERE meeting_id = ?"};
static const struct mp_sql count_files = {
    "SELECT COUNT(*), COALESCE(SUM(state IN ('stored', 'trashed')), 0), COALESCE(SUM(IF(state IN ('stored', 'trashed'), size, 0)), 0),"
    " COALESCE(SUM(state IN ('found', 'moving')), 0), COALESCE(SUM(state IN ('failed', 'expired')), 0) FROM recording_file WHERE meeting_id = ?"};
static const struct mp_sql settle = {"UPDATE recording SET state = ?, files = ?, files_stored = ?, bytes_stored = ?, missing = 0, attempts = "
                                     "attempts + IF(? = 1 AND next_try_at IS NOT"
                                     " NULL OR attempts = 0, 1, 0), first_try_at = COALESCE(first_try_at, " MP_DB_NOW_MS "), next_try_at = NULL,"
                                     " synced_at = IF(? = 1, COALESCE(synced_at, " MP_DB_NOW_MS
                                     "), synced_at), error_code = ?, error = ?, updated_at = " MP_DB_NOW_MS " WHERE meeting_id = ?"};
static const struct mp_sql state_now = {"SELECT state, synced_at FROM recording WHERE meeting_id = ?"};
static const struct mp_sql worst_file = {
    "SELECT error_code, error FROM recording_file WHERE meeting_id = ? AND error IS NOT NULL AND state NOT IN ('stored', 'trashed')"
    " ORDER BY state IN ('failed', 'expired') DESC, id DESC LIMIT 1"};
static const struct mp_sql anew = {
    "UPDATE recording SET asked_at = ?, again = ?, attempts = 0, first_try_at = NULL, last_try_at = NULL, next_try_at = NULL, error_code = NULL,"
    " error = NULL, state = IF(files > 0, state, 'waiting'), updated_at = " MP_DB_NOW_MS " WHERE meeting_id = ? AND asked_at < ?"};
static const struct mp_sql look_over = {"UPDATE recording SET last_try_at = " MP_DB_NOW_MS ", again = 0 WHERE meeting_id = ? AND asked_at = ?"};
static const struct mp_sql known_files = {"SELECT COUNT(*) FROM occurrence o JOIN recording_file f ON f.occurrence_id = o.id WHERE o.uuid = ?"};
static const struct mp_sql set_missing = {"UPDATE recording SET missing = ? WHERE meeting_id = ? AND missing <> ?"};

/* Each status by itself, so that the index of status and start is walked. */
#define CLOUD(column) "JSON_VALUE(m." column ", '$.auto_recording') = 'cloud'"
#define WANTED        "(" CLOUD("settings_effective") " OR " CLOUD("settings_requested") ")"
#define UNSEEN(status, end)                                                                                                                          \
    "(SELECT m.id, m.starts_at FROM meeting m FORCE INDEX (meeting_status) LEFT JOIN recording r ON r.meeting_id = m.id WHERE m.status = '" status   \
    "' AND m.starts_at >= ? AND m.starts_at < ? AND r.meeting_id IS NULL AND " end " <= ? AND " WANTED " ORDER BY m.starts_at LIMIT ?)"
#define PLANNED "m.starts_at + m.duration_min * 60000"
static const struct mp_sql unseen = {"SELECT id FROM (" UNSEEN("ended", "COALESCE(m.ended_at, " PLANNED ")") " UNION ALL " UNSEEN(
    "started", PLANNED) " UNION ALL " UNSEEN("scheduled", PLANNED) ") n ORDER BY starts_at LIMIT ?"};
#define UNSEEN_BRANCHES 3

#define NO_JOB(kind, subject)                                                                                                                        \
    " AND NOT EXISTS (SELECT 1 FROM job j WHERE j.kind = '" kind "' AND j.subject = CAST(" subject " AS CHAR) COLLATE utf8mb4_bin AND j.slot = 0)"
static const struct mp_sql idle = {"SELECT r.meeting_id FROM recording r FORCE INDEX (recording_state) WHERE r.state IN ('waiting', 'late')"
                                   " AND COALESCE(r.next_try_at, r.updated_at) < ?" NO_JOB("recording.find", "r.meeting_id") " LIMIT ?"};
static const struct mp_sql file_idle = {
    "SELECT f.id FROM recording_file f FORCE INDEX (file_state) WHERE f.state = ?" NO_JOB("recording.move", "f.id") " ORDER BY f.id LIMIT ?"};
static const struct mp_sql absent = {
    "SELECT m.id, m.zoom_id, m.starts_at, m.topic, r.state, r.error FROM meeting m FORCE INDEX (meeting_status) LEFT JOIN recording r"
    " ON r.meeting_id = m.id WHERE m.status = 'ended' AND m.starts_at >= ? AND m.starts_at < ? AND " WANTED
    " AND COALESCE(r.state, '') NOT IN ('synced', 'syncing') ORDER BY m.starts_at LIMIT ?"};
static const struct mp_sql hosts_of = {
    "SELECT DISTINCT m.account_id, m.host_id FROM meeting m FORCE INDEX (meeting_status) WHERE m.status IN ('ended', 'started', 'scheduled')"
    " AND m.starts_at >= ? AND m.starts_at < ? AND m.account_id IS NOT NULL AND m.host_id IS NOT NULL ORDER BY m.account_id, m.host_id"};
static const struct mp_sql meeting_of = {"SELECT id FROM meeting WHERE zoom_id = ? AND account_id = ? ORDER BY id DESC LIMIT 1"};

#define ITEM                                                                                                                                         \
    "SELECT " COLUMNS ", m.zoom_id, m.starts_at, m.topic, b.public_id, b.kind, t.public_id FROM recording r JOIN meeting m ON m.id = r.meeting_id"   \
    " LEFT JOIN booking b ON b.id = r.booking_id LEFT JOIN batch t ON t.id = r.batch_id"
static const struct mp_sql list_all = {ITEM " WHERE r.meeting_id < ? ORDER BY r.meeting_id DESC LIMIT ?"};
static const struct mp_sql list_state = {ITEM " WHERE r.meeting_id < ? AND r.state = ? ORDER BY r.meeting_id DESC LIMIT ?"};
static const struct mp_sql list_missing = {ITEM " WHERE r.meeting_id < ? AND r.missing = 1 ORDER BY r.meeting_id DESC LIMIT ?"};

/* Sessions of a batch that are not cancelled: each status by itself, as the index has it. */
#define LESSONS(source) "(SELECT COUNT(*) FROM lesson l WHERE l.booking_id = b.id AND l.state = 'ready' AND l.source = '" source "')"
#define SESSION_OF(status)                                                                                                                           \
    "(SELECT b.id, b.starts_at FROM booking b FORCE INDEX (booking_batch) WHERE b.batch_id = ? AND b.status = '" status                              \
    "' AND b.kind = 'session' AND (b.starts_at < ? OR (b.starts_at = ? AND b.id < ?)) AND (? IS NULL OR b.public_id = ?)"                            \
    " ORDER BY b.starts_at DESC, b.id DESC LIMIT ?)"
static const struct mp_sql sessions = {
    "SELECT b.id, m.id, b.public_id, b.title, b.starts_at, b.ends_at, m.zoom_id,"
    " m.status = 'ended' OR COALESCE(m.ended_at, " PLANNED ") <= " MP_DB_NOW_MS ", " WANTED
    ", r.meeting_id IS NOT NULL, " LESSONS("zoom_auto_sync") ", " LESSONS("manual_upload") ", " LESSONS(
        "external_link") ", " COLUMNS
                         " FROM (" SESSION_OF("scheduled") " UNION ALL " SESSION_OF(
                             "completed") " ORDER BY starts_at DESC, id DESC LIMIT ?) n"
                                          " JOIN booking b ON b.id = n.id LEFT JOIN meeting m ON m.id = b.meeting_id AND m.zoom_id IS NOT NULL AND "
                                          "m.status NOT IN ('failed')"
                                          " LEFT JOIN recording r ON r.meeting_id = m.id ORDER BY b.starts_at DESC, b.id DESC"};
#define SESSION_BRANCHES 2
#define SESSION_COLUMNS  13
static const struct mp_sql totals = {
    "SELECT COUNT(*), COALESCE(SUM(m.id IS NOT NULL), 0), COALESCE(SUM(r.synced_at IS NOT NULL AND r.state IN ('synced', 'syncing')), 0), "
    "COALESCE(SUM(r.files_stored), 0)"
    " FROM booking b FORCE INDEX (booking_batch) LEFT JOIN meeting m ON m.id = b.meeting_id AND m.zoom_id IS NOT NULL AND m.status NOT IN ('failed')"
    " LEFT JOIN recording r ON r.meeting_id = m.id WHERE b.batch_id = ? AND b.status IN ('scheduled', 'completed') AND b.kind = 'session'"};

static const struct mp_sql occurrence_ensure = {
    "INSERT INTO occurrence (uuid, meeting_id, started_at, ended_at, created_at) VALUES (?, ?, ?, ?, " MP_DB_NOW_MS
    ") ON DUPLICATE KEY UPDATE started_at = COALESCE(VALUES(started_at), started_at), ended_at = COALESCE(VALUES(ended_at), ended_at)"};
static const struct mp_sql occurrence_of = {"SELECT id, meeting_id, started_at, ended_at FROM occurrence WHERE uuid = ?"};
static const struct mp_sql occurrences = {"SELECT id, meeting_id, uuid, started_at, ended_at FROM occurrence WHERE meeting_id = ? ORDER BY id DESC"
                                          " LIMIT ?"};

static const char *const state_names[MP_RECORDING_STATES] = {
    [MP_RECORDING_WAITING] = "waiting", [MP_RECORDING_LATE] = "late", [MP_RECORDING_SYNCING] = "syncing",
    [MP_RECORDING_SYNCED] = "synced",   [MP_RECORDING_NONE] = "none", [MP_RECORDING_FAILED] = "failed",
};

const char *mp_recording_state_name(enum mp_recording_state state)
{
    return state_names[state];
}

static enum mp_recording_state state_of(const char *name)
{
    for (size_t i = 0; name != NULL && i < MP_RECORDING_STATES; i++) {
        if (strcmp(state_names[i], name) == 0)
            return (enum mp_recording_state)i;
    }
    return MP_RECORDING_WAITING;
}

static int64_t instant(struct mp_stmt *st, unsigned col)
{
    return mp_col_null(st, col) ? -1 : mp_col_i64(st, col);
}

static void read_row(struct mp_stmt *st, unsigned col, struct mp_arena *arena, struct mp_recording_row *row)
{
    *row = (struct mp_recording_row){
        .meeting_id = mp_col_i64(st, col),
        .booking_id = mp_col_i64(st, col + 1),
        .batch_id = mp_col_i64(st, col + 2),
        .state = state_of(mp_col_text(st, col + 3, arena)),
        .attempts = mp_col_i64(st, col + 4),
        .first_try_at = instant(st, col + 5),
        .last_try_at = instant(st, col + 6),
        .next_try_at = instant(st, col + 7),
        .synced_at = instant(st, col + 8),
        .updated_at = instant(st, col + 9),
        .asked_at = mp_col_i64(st, col + 10),
        .error_code = mp_col_text(st, col + 11, arena),
        .error = mp_col_text(st, col + 12, arena),
        .files = mp_col_i64(st, col + 13),
        .files_stored = mp_col_i64(st, col + 14),
        .bytes_stored = mp_col_i64(st, col + 15),
        .missing = mp_col_i64(st, col + 16) != 0,
        .again = (enum mp_again)mp_col_i64(st, col + 17),
    };
}

static int changed(struct mp_stmt *st, struct mp_error *err)
{
    if (mp_db_run(st, err) < 0)
        return -1;
    return mp_db_affected(st) > 0 ? 1 : 0;
}

/* A list of one number a row. */
static int read_ids(struct mp_stmt *st, struct mp_arena *arena, int64_t **ids, size_t *count, struct mp_error *err)
{
    struct store_list list = {.arena = arena, .size = sizeof(int64_t)};
    int rc;

    if (mp_db_run(st, err) < 0)
        return -1;
    while ((rc = mp_db_next(st, err)) > 0) {
        int64_t *id = store_list_next(&list);

        *id = mp_col_i64(st, 0);
    }
    *ids = list.rows;
    *count = list.count;
    return rc;
}

int mp_store_recording_ensure(struct mp_db *db, int64_t meeting_id, int64_t booking_id, int64_t batch_id, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &ensure);

    mp_bind_i64(st, meeting_id);
    mp_bind_i64_null(st, booking_id != 0, booking_id);
    mp_bind_i64_null(st, batch_id != 0, batch_id);
    return mp_db_run(st, err);
}

int mp_store_recording_read(struct mp_db *db, struct mp_arena *arena, int64_t meeting_id, struct mp_recording_row *row, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &read_one);
    int rc;

    mp_bind_i64(st, meeting_id);
    rc = mp_db_one(st, err);
    if (rc > 0)
        read_row(st, 0, arena, row);
    return rc;
}

static int read_those(struct mp_db *db, struct mp_arena *arena, const int64_t *meetings, size_t count, struct mp_recording_row **rows,
                      struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &read_some);
    int rc;

    for (size_t i = 0; i < IDS_WIDE; i++)
        mp_bind_i64(st, i < count ? meetings[i] : 0);
    if (mp_db_run(st, err) < 0)
        return -1;
    while ((rc = mp_db_next(st, err)) > 0) {
        struct mp_recording_row *row = MP_NEW(arena, struct mp_recording_row);

        read_row(st, 0, arena, row);
        for (size_t i = 0; i < count; i++)
            rows[i] = meetings[i] == row->meeting_id ? row : rows[i];
    }
    return rc;
}

int mp_store_recordings_of(struct mp_db *db, struct mp_arena *arena, const int64_t *meetings, size_t count, struct mp_recording_row **rows,
                           struct mp_error *err)
{
    for (size_t i = 0; i < count; i += IDS_WIDE) {
        size_t n = count - i < IDS_WIDE ? count - i : IDS_WIDE;
        bool any = false;

        for (size_t k = i; k < i + n; k++) {
            rows[k] = NULL;
            any = any || meetings[k] != 0;
        }
        if (any && read_those(db, arena, meetings + i, n, rows + i, err) < 0)
            return -1;
    }
    return 0;
}

int mp_store_recording_looked(struct mp_db *db, int64_t meeting_id, const struct mp_recording_look *look, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &looked_at);

    mp_bind_text(st, state_names[look->state]);
    mp_bind_i64(st, look->counted ? 1 : 0);
    mp_bind_i64(st, look->counted ? 1 : 0);
    mp_bind_i64(st, look->asked_at);
    mp_bind_i64(st, look->wait_ms);
    mp_bind_i64(st, look->wait_ms);
    mp_bind_text(st, look->code);
    mp_bind_text(st, store_cut(err->arena, look->error, ERROR_MOST));
    mp_bind_i64(st, meeting_id);
    return mp_db_run(st, err);
}

int mp_store_recording_lock(struct mp_db *db, int64_t meeting_id, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &lock);

    mp_bind_i64(st, meeting_id);
    return mp_db_run(st, err);
}

struct file_counts {
    int64_t files, stored, bytes, open, over;
    const char *code, *error;
};

static int read_counts(struct mp_db *db, int64_t meeting_id, struct file_counts *out, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &count_files);
    int rc;

    *out = (struct file_counts){0};
    mp_bind_i64(st, meeting_id);
    if (mp_db_one(st, err) < 0)
        return -1;
    out->files = mp_col_i64(st, 0);
    out->stored = mp_col_i64(st, 1);
    out->bytes = mp_col_i64(st, 2);
    out->open = mp_col_i64(st, 3);
    out->over = mp_col_i64(st, 4);
    st = mp_db_begin(db, &worst_file);
    mp_bind_i64(st, meeting_id);
    rc = mp_db_one(st, err);
    if (rc > 0) {
        out->code = mp_col_text(st, 0, err->arena);
        out->error = mp_col_text(st, 1, err->arena);
    }
    return rc < 0 ? -1 : 0;
}

/* For the sums of the day: a recording is home for the first time, or failed. */
static int count_change(struct mp_db *db, int64_t meeting_id, enum mp_recording_state to, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &state_now);
    enum mp_recording_state from;
    bool first;

    mp_bind_i64(st, meeting_id);
    if (mp_db_one(st, err) < 0)
        return -1;
    from = state_of(mp_col_text(st, 0, err->arena));
    first = mp_col_null(st, 1);
    if (to == MP_RECORDING_SYNCED && first)
        return mp_store_day_add(db, "recordings_synced", 1, err);
    if (to == MP_RECORDING_FAILED && from != MP_RECORDING_FAILED)
        return mp_store_day_add(db, "recordings_failed", 1, err);
    return 0;
}

int mp_store_recording_settle(struct mp_db *db, int64_t meeting_id, bool looked, struct mp_error *err)
{
    enum mp_recording_state state;
    struct file_counts counts;
    struct mp_stmt *st;

    if (read_counts(db, meeting_id, &counts, err) < 0)
        return -1;
    if (counts.files == 0)
        return 0;
    state = counts.open > 0 ? MP_RECORDING_SYNCING : counts.over > 0 ? MP_RECORDING_FAILED : MP_RECORDING_SYNCED;
    if (count_change(db, meeting_id, state, err) < 0)
        return -1;
    st = mp_db_begin(db, &settle);
    mp_bind_text(st, state_names[state]);
    mp_bind_i64(st, counts.files);
    mp_bind_i64(st, counts.stored);
    mp_bind_i64(st, counts.bytes);
    mp_bind_i64(st, looked ? 1 : 0);
    mp_bind_i64(st, state == MP_RECORDING_SYNCED ? 1 : 0);
    mp_bind_text(st, counts.code);
    mp_bind_text(st, counts.error);
    mp_bind_i64(st, meeting_id);
    return mp_db_run(st, err);
}

int mp_store_recording_anew(struct mp_db *db, int64_t meeting_id, int64_t asked_at, bool all, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &anew);

    mp_bind_i64(st, asked_at);
    mp_bind_i64(st, all ? MP_AGAIN_ALL : MP_AGAIN_FAILED);
    mp_bind_i64(st, meeting_id);
    mp_bind_i64(st, asked_at);
    return changed(st, err);
}

int mp_store_recording_over(struct mp_db *db, int64_t meeting_id, int64_t asked_at, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &look_over);

    mp_bind_i64(st, meeting_id);
    mp_bind_i64(st, asked_at);
    return mp_db_run(st, err);
}

int mp_store_recording_known(struct mp_db *db, const char *uuid, int64_t *files, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &known_files);

    mp_bind_text(st, uuid);
    if (mp_db_one(st, err) < 0)
        return -1;
    *files = mp_col_i64(st, 0);
    return 0;
}

int mp_store_recording_absent(struct mp_db *db, struct mp_arena *arena, int64_t from, int64_t until, unsigned limit,
                              struct mp_recording_absent **rows, size_t *count, struct mp_error *err)
{
    struct store_list list = {.arena = arena, .size = sizeof(struct mp_recording_absent)};
    struct mp_stmt *st = mp_db_begin(db, &absent);
    int rc;

    mp_bind_i64(st, from);
    mp_bind_i64(st, until);
    mp_bind_i64(st, (int64_t)limit);
    if (mp_db_run(st, err) < 0)
        return -1;
    while ((rc = mp_db_next(st, err)) > 0) {
        struct mp_recording_absent *row = store_list_next(&list);

        *row = (struct mp_recording_absent){.meeting_id = mp_col_i64(st, 0), .zoom_id = mp_col_i64(st, 1), .starts_at = mp_col_i64(st, 2)};
        row->topic = mp_col_text(st, 3, arena);
        row->state = mp_col_text(st, 4, arena);
        row->error = mp_col_text(st, 5, arena);
    }
    *rows = list.rows;
    *count = list.count;
    return rc;
}

int mp_store_recording_missing(struct mp_db *db, int64_t meeting_id, bool missing, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &set_missing);

    mp_bind_i64(st, missing ? 1 : 0);
    mp_bind_i64(st, meeting_id);
    mp_bind_i64(st, missing ? 1 : 0);
    return mp_db_run(st, err);
}

int mp_store_recording_unseen(struct mp_db *db, struct mp_arena *arena, int64_t from, int64_t ended_before, unsigned limit, int64_t **meetings,
                              size_t *count, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &unseen);

    for (int i = 0; i < UNSEEN_BRANCHES; i++) {
        mp_bind_i64(st, from);
        /* The first: that it ended is known, though it may have been held before its time. The others begin before they end. */
        mp_bind_i64(st, i == 0 ? INT64_MAX : ended_before);
        mp_bind_i64(st, ended_before);
        mp_bind_i64(st, (int64_t)limit);
    }
    mp_bind_i64(st, (int64_t)limit);
    return read_ids(st, arena, meetings, count, err);
}

int mp_store_recording_idle(struct mp_db *db, struct mp_arena *arena, int64_t due_before, unsigned limit, int64_t **meetings, size_t *count,
                            struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &idle);

    mp_bind_i64(st, due_before);
    mp_bind_i64(st, (int64_t)limit);
    return read_ids(st, arena, meetings, count, err);
}

int mp_store_file_idle(struct mp_db *db, struct mp_arena *arena, bool lost, unsigned limit, int64_t **files, size_t *count, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &file_idle);

    mp_bind_text(st, lost ? "moving" : "found");
    mp_bind_i64(st, (int64_t)limit);
    return read_ids(st, arena, files, count, err);
}

int mp_store_recording_hosts(struct mp_db *db, struct mp_arena *arena, int64_t from, int64_t until, struct mp_recording_host **hosts, size_t *count,
                             struct mp_error *err)
{
    struct store_list list = {.arena = arena, .size = sizeof(struct mp_recording_host)};
    struct mp_stmt *st = mp_db_begin(db, &hosts_of);
    int rc;

    mp_bind_i64(st, from);
    mp_bind_i64(st, until);
    if (mp_db_run(st, err) < 0)
        return -1;
    while ((rc = mp_db_next(st, err)) > 0) {
        struct mp_recording_host *host = store_list_next(&list);

        *host = (struct mp_recording_host){mp_col_i64(st, 0), mp_col_i64(st, 1)};
    }
    *hosts = list.rows;
    *count = list.count;
    return rc;
}

int mp_store_recording_meeting(struct mp_db *db, int64_t zoom_id, int64_t account_id, int64_t *meeting_id, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &meeting_of);
    int rc;

    mp_bind_i64(st, zoom_id);
    mp_bind_i64(st, account_id);
    rc = mp_db_one(st, err);
    if (rc > 0)
        *meeting_id = mp_col_i64(st, 0);
    return rc;
}

int mp_store_recording_list(struct mp_db *db, struct mp_arena *arena, int state, int64_t before_id, unsigned limit, struct mp_recording_item **rows,
                            size_t *count, struct mp_error *err)
{
    struct store_list list = {.arena = arena, .size = sizeof(struct mp_recording_item)};
    struct mp_stmt *st = mp_db_begin(db, state == MP_RECORDING_STATES ? &list_missing : state < 0 ? &list_all : &list_state);
    int rc;

    mp_bind_i64(st, before_id);
    if (state >= 0 && state < MP_RECORDING_STATES)
        mp_bind_text(st, state_names[state]);
    mp_bind_i64(st, (int64_t)limit);
    if (mp_db_run(st, err) < 0)
        return -1;
    while ((rc = mp_db_next(st, err)) > 0) {
        struct mp_recording_item *item = store_list_next(&list);

        read_row(st, 0, arena, &item->row);
        item->zoom_id = mp_col_i64(st, COLUMNS_COUNT);
        item->starts_at = mp_col_i64(st, COLUMNS_COUNT + 1);
        item->topic = mp_col_text(st, COLUMNS_COUNT + 2, arena);
        item->session_id = mp_col_text(st, COLUMNS_COUNT + 3, arena);
        item->kind = mp_col_text(st, COLUMNS_COUNT + 4, arena);
        item->batch_public_id = mp_col_text(st, COLUMNS_COUNT + 5, arena);
    }
    *rows = list.rows;
    *count = list.count;
    return rc;
}

/* ---- Of a batch ---- */

static void read_session(struct mp_stmt *st, struct mp_arena *arena, struct mp_recording_session *out)
{
    *out = (struct mp_recording_session){
        .booking_id = mp_col_i64(st, 0),
        .meeting_id = mp_col_i64(st, 1),
        .public_id = mp_col_text(st, 2, arena),
        .title = mp_col_text(st, 3, arena),
        .starts_at = mp_col_i64(st, 4),
        .ends_at = mp_col_i64(st, 5),
        .zoom_id = mp_col_i64(st, 6),
        .ended = mp_col_i64(st, 7) != 0,
        .wanted = mp_col_i64(st, 8) != 0,
        .seen = mp_col_i64(st, 9) != 0,
        .zoom_lessons = mp_col_i64(st, 10),
        .manual_lessons = mp_col_i64(st, 11),
        .external_lessons = mp_col_i64(st, 12),
    };
    if (out->seen)
        read_row(st, SESSION_COLUMNS, arena, &out->row);
}

int mp_store_recording_sessions(struct mp_db *db, struct mp_arena *arena, const struct mp_recording_batch_query *query,
                                struct mp_recording_session **rows, size_t *count, struct mp_error *err)
{
    struct store_list list = {.arena = arena, .size = sizeof(struct mp_recording_session)};
    struct mp_stmt *st;
    int rc;

    *rows = NULL;
    *count = 0;
    if (query->session != NULL && !store_is_public_id(query->session))
        return 0;
    st = mp_db_begin(db, &sessions);
    for (int i = 0; i < SESSION_BRANCHES; i++) {
        mp_bind_i64(st, query->batch_id);
        mp_bind_i64(st, query->before_start);
        mp_bind_i64(st, query->before_start);
        mp_bind_i64(st, query->before_id);
        mp_bind_text(st, query->session);
        mp_bind_text(st, query->session);
        mp_bind_i64(st, (int64_t)query->limit);
    }
    mp_bind_i64(st, (int64_t)query->limit);
    if (mp_db_run(st, err) < 0)
        return -1;
    while ((rc = mp_db_next(st, err)) > 0)
        read_session(st, arena, store_list_next(&list));
    *rows = list.rows;
    *count = list.count;
    return rc;
}

int mp_store_recording_totals(struct mp_db *db, int64_t batch_id, struct mp_recording_totals *out, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &totals);

    mp_bind_i64(st, batch_id);
    if (mp_db_one(st, err) < 0)
        return -1;
    *out = (struct mp_recording_totals){mp_col_i64(st, 0), mp_col_i64(st, 1), mp_col_i64(st, 2), mp_col_i64(st, 3)};
    return 0;
}

/* ---- Occurrences ---- */

int mp_store_occurrence_ensure(struct mp_db *db, struct mp_occurrence_row *row, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &occurrence_ensure);

    mp_bind_text(st, row->uuid);
    mp_bind_i64(st, row->meeting_id);
    mp_bind_i64_null(st, row->started_at >= 0, row->started_at);
    mp_bind_i64_null(st, row->ended_at >= 0, row->ended_at);
    if (mp_db_run(st, err) < 0)
        return -1;
    st = mp_db_begin(db, &occurrence_of);
    mp_bind_text(st, row->uuid);
    if (mp_db_one(st, err) < 0)
        return -1;
    row->id = mp_col_i64(st, 0);
    row->meeting_id = mp_col_i64(st, 1);
    row->started_at = instant(st, 2);
    row->ended_at = instant(st, 3);
    return 0;
}

int mp_store_occurrences(struct mp_db *db, struct mp_arena *arena, int64_t meeting_id, unsigned limit, struct mp_occurrence_row **rows, size_t *count,
                         struct mp_error *err)
{
    struct store_list list = {.arena = arena, .size = sizeof(struct mp_occurrence_row)};
    struct mp_stmt *st = mp_db_begin(db, &occurrences);
    int rc;

    mp_bind_i64(st, meeting_id);
    mp_bind_i64(st, (int64_t)limit);
    if (mp_db_run(st, err) < 0)
        return -1;
    while ((rc = mp_db_next(st, err)) > 0) {
        struct mp_occurrence_row *row = store_list_next(&list);

        *row = (struct mp_occurrence_row){
            .id = mp_col_i64(st, 0), .meeting_id = mp_col_i64(st, 1), .started_at = instant(st, 3), .ended_at = instant(st, 4)};
        row->uuid = mp_col_text(st, 2, arena);
    }
    *rows = list.rows;
    *count = list.count;
    return rc;
}
