#include "meetpool/store_summary.h"

#include <string.h>

#include "store_int.h"

/* A meeting lasts at most a day and its grace another at most; so nothing that began longer ago can touch an interval. */
#define BUSY_REACH_MS (2 * INT64_C(86400000))

/* Inside, indexes alone are read, and cut; the rows themselves are fetched for what is left. */
static const struct mp_sql places = {
    "SELECT p.account_id, p.host_id, p.busy_from, p.busy_until, n.overrun, m.zoom_id, m.topic, m.status FROM ("
    "(SELECT p.id, p.busy_from AS at, 0 AS overrun FROM place p FORCE INDEX (place_capacity) WHERE " STORE_OF_ACCOUNTS
    " AND p.taken = 1 AND p.busy_from > ? AND p.busy_from < ? AND p.busy_until > ? ORDER BY at LIMIT ?)"
    " UNION ALL (SELECT p.id, p.busy_until AS at, 1 AS overrun FROM place p FORCE INDEX (place_open) WHERE " STORE_OF_ACCOUNTS
    " AND p.open = 1 AND p.busy_until <= ? LIMIT ?)"
    ") n JOIN place p ON p.id = n.id JOIN meeting m ON m.id = p.meeting_id ORDER BY n.at, p.id LIMIT ?"};

/* Parameters: from, until, limit. */
#define OF_STATUS(status, order)                                                                                                                     \
    "(SELECT id FROM meeting FORCE INDEX (meeting_status) WHERE status = '" status "' AND starts_at >= ? AND starts_at < ? ORDER BY starts_at" order \
    " LIMIT ?)"
#define STATUSES 4
#define TO_COME  OF_STATUS("creating", "") " UNION ALL " OF_STATUS("scheduled", "")
#define BEGUN    OF_STATUS("started", "") " UNION ALL " OF_STATUS("ended", " DESC")
static const struct mp_sql meetings = {"SELECT m.zoom_id, m.topic, m.status, IF(a.guest, 'user', a.name), m.host_email, m.starts_at, m.duration_min"
                                       " FROM (" TO_COME " UNION ALL " BEGUN ") n JOIN meeting m ON m.id = n.id"
                                       " LEFT JOIN account a ON a.id = m.account_id ORDER BY m.starts_at, m.id"};

#define QUOTE(x)          #x
#define NUMBER(x)         QUOTE(x)
#define COUNT(name, rows) "(SELECT COUNT(*) FROM (SELECT 1 FROM " rows " LIMIT " NUMBER(MP_SUMMARY_COUNT_MOST) ") " name ")"
/* Jobs that are due lie among those that are queued; so many of these are looked at. */
#define DUE                                                                                                                                          \
    "(SELECT due_at FROM job FORCE INDEX (job_due) WHERE lane = 0 AND state = 'queued' LIMIT 5000) UNION ALL "                                       \
    "(SELECT due_at FROM job FORCE INDEX (job_due) WHERE lane = 1 AND state = 'queued' LIMIT 5000)"
#define RECORDINGS                                                                                                                                   \
    COUNT("w", "recording WHERE state = 'waiting'")                                                                                                  \
    ", " COUNT("l", "recording WHERE state = 'late'") ", " COUNT("s", "recording WHERE state = 'syncing'")
#define RECORDINGS_BAD COUNT("f", "recording WHERE state = 'failed'") ", " COUNT("u", "recording WHERE missing = 1")
#define JOBS           COUNT("q", "job WHERE state = 'queued'") ", " COUNT("r", "job WHERE state = 'running'") ", " COUNT("j", "job WHERE state = 'failed'")
#define CONNECTIONS    COUNT("c", "connection WHERE state = 'reconnect_needed'")
static const struct mp_sql counts = {"SELECT " RECORDINGS ", " RECORDINGS_BAD ", " JOBS ", " CONNECTIONS ", d.n,"
                                     " COALESCE(" MP_DB_BEGUN_MS " - d.first, 0) FROM"
                                     " (SELECT COUNT(*) AS n, MIN(due_at) AS first FROM (" DUE ") q WHERE due_at <= " MP_DB_BEGUN_MS ") d"};

/* Of a booking that waits the index says so; one that failed for good is looked for among the newest. */
static const struct mp_sql bookings = {
    "SELECT b.updated_at, b.tries, b.title, b.public_id, b.meeting_reason, b.kind FROM ("
    "(SELECT id FROM booking FORCE INDEX (booking_retry) WHERE retry_at IS NOT NULL ORDER BY retry_at DESC LIMIT ?)"
    " UNION (SELECT id FROM (SELECT id, meeting_state, status FROM booking ORDER BY id DESC LIMIT 1000) newest"
    " WHERE meeting_state = 'failed' AND status = 'scheduled' ORDER BY id DESC LIMIT ?)"
    ") n JOIN booking b ON b.id = n.id WHERE b.meeting_reason IS NOT NULL ORDER BY b.updated_at DESC LIMIT ?"};
static const struct mp_sql changes = {"SELECT m.updated_at, 1, m.topic, m.zoom_id, m.pending_error, m.pending FROM"
                                      " (SELECT id FROM meeting FORCE INDEX (meeting_pending) WHERE pending IN ('update', 'sending')"
                                      " ORDER BY updated_at DESC LIMIT ?) n JOIN meeting m ON m.id = n.id"
                                      " WHERE m.pending_error IS NOT NULL ORDER BY m.updated_at DESC"};
/* Those that were not renewed for longest are the ones whose renewal may fail. */
static const struct mp_sql connections = {
    "SELECT c.sub, c.state, c.reason, c.zoom_email, c.failures, c.last_error, c.last_error_at FROM ("
    "(SELECT id FROM connection FORCE INDEX (connection_idle) WHERE state = 'reconnect_needed' ORDER BY refreshed_at DESC LIMIT ?)"
    " UNION ALL (SELECT id FROM connection FORCE INDEX (connection_idle) WHERE state = 'connected' ORDER BY refreshed_at LIMIT 200)"
    ") n JOIN connection c ON c.id = n.id WHERE c.state <> 'connected' OR c.failures > 0 ORDER BY c.state DESC, c.refreshed_at DESC LIMIT ?"};
static const struct mp_sql alerts = {"SELECT last_at, times, NULL, subject, message, kind FROM alert ORDER BY id DESC LIMIT ?"};

static int read_places(struct mp_db *db, struct store_list *list, const struct mp_summary_span *span, const int64_t *accounts, size_t count,
                       struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &places);
    int rc;

    store_bind_accounts(st, accounts, count);
    mp_bind_i64(st, span->now_ms - BUSY_REACH_MS);
    mp_bind_i64(st, span->until);
    mp_bind_i64(st, span->now_ms);
    mp_bind_i64(st, (int64_t)span->limit);
    store_bind_accounts(st, accounts, count);
    mp_bind_i64(st, span->now_ms);
    mp_bind_i64(st, (int64_t)span->limit);
    mp_bind_i64(st, (int64_t)span->limit);
    if (mp_db_run(st, err) < 0)
        return -1;
    while ((rc = mp_db_next(st, err)) > 0) {
        struct mp_summary_place *row = store_list_next(list);

        row->account_id = mp_col_i64(st, 0);
        row->host_id = mp_col_i64(st, 1);
        row->from = mp_col_i64(st, 2);
        row->overrun = mp_col_i64(st, 4) != 0;
        row->until = row->overrun ? span->now_ms + 1 : mp_col_i64(st, 3);
        row->zoom_id = mp_col_i64(st, 5);
        row->topic = mp_col_text(st, 6, list->arena);
        row->status = mp_col_text(st, 7, list->arena);
    }
    return rc;
}

int mp_store_summary_places(struct mp_db *db, struct mp_arena *arena, const int64_t *accounts, size_t accounts_count,
                            const struct mp_summary_span *span, struct mp_summary_place **rows, size_t *count, struct mp_error *err)
{
    struct store_list list = {.arena = arena, .size = sizeof(struct mp_summary_place)};

    for (size_t first = 0; first < accounts_count; first += STORE_ACCOUNTS_AT_ONCE) {
        size_t rest = accounts_count - first;

        if (read_places(db, &list, span, accounts + first, rest < STORE_ACCOUNTS_AT_ONCE ? rest : STORE_ACCOUNTS_AT_ONCE, err) < 0)
            return -1;
    }
    *rows = list.rows;
    *count = list.count;
    return 0;
}

int mp_store_summary_meetings(struct mp_db *db, struct mp_arena *arena, int64_t from, int64_t until, unsigned limit, struct mp_summary_meeting **rows,
                              size_t *count, struct mp_error *err)
{
    struct store_list list = {.arena = arena, .size = sizeof(struct mp_summary_meeting)};
    struct mp_stmt *st = mp_db_begin(db, &meetings);
    int rc;

    for (int i = 0; i < STATUSES; i++) {
        mp_bind_i64(st, from);
        mp_bind_i64(st, until);
        mp_bind_i64(st, (int64_t)limit);
    }
    if (mp_db_run(st, err) < 0)
        return -1;
    while ((rc = mp_db_next(st, err)) > 0) {
        struct mp_summary_meeting *row = store_list_next(&list);

        row->zoom_id = mp_col_i64(st, 0);
        row->topic = mp_col_text(st, 1, arena);
        row->status = mp_col_text(st, 2, arena);
        row->account_name = mp_col_text(st, 3, arena);
        row->host_email = mp_col_text(st, 4, arena);
        row->starts_at = mp_col_i64(st, 5);
        row->duration_min = mp_col_i64(st, 6);
    }
    *rows = list.rows;
    *count = list.count;
    return rc;
}

int mp_store_summary_counts(struct mp_db *db, struct mp_summary_counts *out, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &counts);

    if (mp_db_one(st, err) < 0)
        return -1;
    *out = (struct mp_summary_counts){
        .recordings_waiting = mp_col_i64(st, 0),
        .recordings_late = mp_col_i64(st, 1),
        .recordings_syncing = mp_col_i64(st, 2),
        .recordings_failed = mp_col_i64(st, 3),
        .recordings_unaccounted = mp_col_i64(st, 4),
        .jobs_queued = mp_col_i64(st, 5),
        .jobs_running = mp_col_i64(st, 6),
        .jobs_failed = mp_col_i64(st, 7),
        .reconnect_needed = mp_col_i64(st, 8),
        .jobs_due = mp_col_i64(st, 9),
        .oldest_due_ms = mp_col_i64(st, 10),
    };
    mp_db_done(st);
    return 0;
}

int mp_store_summary_connections(struct mp_db *db, struct mp_arena *arena, unsigned limit, struct mp_connection_row **rows, size_t *count,
                                 struct mp_error *err)
{
    struct store_list list = {.arena = arena, .size = sizeof(struct mp_connection_row)};
    struct mp_stmt *st = mp_db_begin(db, &connections);
    int rc;

    mp_bind_i64(st, (int64_t)limit);
    mp_bind_i64(st, (int64_t)limit);
    if (mp_db_run(st, err) < 0)
        return -1;
    while ((rc = mp_db_next(st, err)) > 0) {
        struct mp_connection_row *row = store_list_next(&list);

        row->sub = mp_col_text(st, 0, arena);
        row->state = strcmp(mp_col_text(st, 1, arena), "connected") == 0 ? MP_CONNECTION_CONNECTED : MP_CONNECTION_RECONNECT;
        row->reason = mp_col_text(st, 2, arena);
        row->zoom_email = mp_col_text(st, 3, arena);
        row->failures = mp_col_i64(st, 4);
        row->last_error = mp_col_text(st, 5, arena);
        row->last_error_at = mp_col_i64(st, 6);
    }
    *rows = list.rows;
    *count = list.count;
    return rc;
}

static int read_troubles(struct mp_stmt *st, struct mp_arena *arena, struct mp_summary_trouble **rows, size_t *count, struct mp_error *err)
{
    struct store_list list = {.arena = arena, .size = sizeof(struct mp_summary_trouble)};
    int rc;

    if (mp_db_run(st, err) < 0)
        return -1;
    while ((rc = mp_db_next(st, err)) > 0) {
        struct mp_summary_trouble *row = store_list_next(&list);

        row->at = mp_col_i64(st, 0);
        row->times = mp_col_i64(st, 1);
        row->title = mp_col_text(st, 2, arena);
        row->subject = mp_col_text(st, 3, arena);
        row->reason = mp_col_text(st, 4, arena);
        row->kind = mp_col_text(st, 5, arena);
    }
    *rows = list.rows;
    *count = list.count;
    return rc;
}

int mp_store_summary_bookings(struct mp_db *db, struct mp_arena *arena, unsigned limit, struct mp_summary_trouble **rows, size_t *count,
                              struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &bookings);

    for (int i = 0; i < 3; i++)
        mp_bind_i64(st, (int64_t)limit);
    return read_troubles(st, arena, rows, count, err);
}

int mp_store_summary_changes(struct mp_db *db, struct mp_arena *arena, unsigned limit, struct mp_summary_trouble **rows, size_t *count,
                             struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &changes);

    mp_bind_i64(st, (int64_t)limit);
    return read_troubles(st, arena, rows, count, err);
}

int mp_store_summary_alerts(struct mp_db *db, struct mp_arena *arena, unsigned limit, struct mp_summary_trouble **rows, size_t *count,
                            struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &alerts);

    mp_bind_i64(st, (int64_t)limit);
    return read_troubles(st, arena, rows, count, err);
}
