#include "meetpool/store_meeting.h"

#include <string.h>

#include "store_int.h"

#define COLS                                                                                                                                         \
    "m.id, m.owner_sub, m.host_sub, m.unit_key, m.status, m.version, m.pending, m.pending_error, m.zoom_id, m.zoom_uuid, m.account_id, m.host_id,"   \
    " m.host_email, m.replaced_by, m.type, m.topic, m.agenda, m.starts_at, m.duration_min, m.timezone, m.password, m.join_url, "                     \
    "m.settings_requested,"                                                                                                                          \
    " m.settings_effective, m.placement, m.created_at, m.updated_at, m.started_at, m.ended_at, m.deleted_at, m.replaces, m.replaces_version,"        \
    " m.kind"

static const struct mp_sql meeting_insert = {
    "INSERT INTO meeting (owner_sub, host_sub, unit_key, status, account_id, host_id, host_email, type, topic, agenda, starts_at, duration_min, "
    "timezone,"
    " password, settings_requested, placement, created_at, updated_at, replaces, replaces_version, kind)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"};
static const struct mp_sql meeting_by_id = {"SELECT " COLS " FROM meeting m WHERE m.id = ?"};
static const struct mp_sql meeting_by_zoom_id = {"SELECT " COLS " FROM meeting m WHERE m.zoom_id = ? ORDER BY m.id DESC LIMIT 1"};
#define IDS_WIDE 50
#define TEN      "?, ?, ?, ?, ?, ?, ?, ?, ?, ?"
static const struct mp_sql meeting_by_ids = {"SELECT " COLS " FROM meeting m WHERE m.id IN (" TEN ", " TEN ", " TEN ", " TEN ", " TEN ")"};
static const struct mp_sql meeting_news = {"SELECT " COLS " FROM meeting m FORCE INDEX (meeting_news) WHERE m.news = 1 ORDER BY m.id LIMIT ?"};
static const struct mp_sql meeting_heard = {"UPDATE meeting SET news = 0 WHERE id = ? AND version = ?"};
static const struct mp_sql meeting_by_unit = {"SELECT " COLS " FROM meeting m WHERE m.unit_key = ?"};

/*
 * Lists walk an index, newest start first, however long the history: one branch per status (and per way of belonging to the viewer), each limited to
 * a page, merged. Parameters of a branch: key, status, from, until, and three times the end of the page before; then the account (0: any), the limit.
 */
#define BRANCH(index, key)                                                                                                                           \
    "(SELECT m.id, m.starts_at FROM meeting m FORCE INDEX (" index ") WHERE " key " AND m.status = ? AND m.starts_at >= ? AND m.starts_at < ?"       \
    " AND m.starts_at <= ? AND (m.starts_at < ? OR m.id < ?) AND ? IN (0, m.account_id) ORDER BY m.starts_at DESC, m.id DESC LIMIT ?)"
#define OWNED      BRANCH("meeting_owner", "m.owner_sub = ?")
#define HOSTED     BRANCH("meeting_host", "m.host_sub = ? AND m.owner_sub <> m.host_sub")
#define OF_ACCOUNT BRANCH("meeting_account", "m.account_id = ?")
#define OF_ALL     BRANCH("meeting_status", "1 = ?")
#define AND        " UNION ALL "
#define PAGE(branches)                                                                                                                               \
    {                                                                                                                                                \
        "SELECT " COLS " FROM (" branches                                                                                                            \
        " ORDER BY starts_at DESC, id DESC LIMIT ?) k JOIN meeting m ON m.id = k.id ORDER BY k.starts_at DESC, k.id DESC"                            \
    }
#define FOUR(branch) branch AND branch AND branch AND branch

enum list_scope { SCOPE_ALL, SCOPE_ACCOUNT, SCOPE_VIEWER };
/* [scope][one status | the four that are shown unless asked otherwise] */
static const struct mp_sql meeting_list[][2] = {
    [SCOPE_ALL] = {PAGE(OF_ALL), PAGE(FOUR(OF_ALL))},
    [SCOPE_ACCOUNT] = {PAGE(OF_ACCOUNT), PAGE(FOUR(OF_ACCOUNT))},
    [SCOPE_VIEWER] = {PAGE(OWNED AND HOSTED), PAGE(FOUR(OWNED) AND FOUR(HOSTED))},
};
static const enum mp_meeting_status shown[] = {MP_MEETING_CREATING, MP_MEETING_SCHEDULED, MP_MEETING_STARTED, MP_MEETING_ENDED};

static const struct mp_sql meeting_to_come = {"SELECT " COLS " FROM meeting m FORCE INDEX (meeting_account) WHERE m.account_id = ? AND"
                                              " m.status = 'scheduled' AND m.starts_at >= ? ORDER BY m.starts_at, m.id LIMIT ?"};
static const struct mp_sql meeting_to_come_count = {
    "SELECT COUNT(*) FROM meeting m FORCE INDEX (meeting_account) WHERE m.account_id = ? AND m.status IN ('scheduled', 'creating')"
    " AND m.starts_at >= ?"};
static const struct mp_sql meeting_want = {"UPDATE meeting SET topic = ?, agenda = ?, starts_at = ?, duration_min = ?, timezone = ?, password = ?, "
                                           "settings_requested = ?, pending = 'sending', news = 1,"
                                           " pending_error = NULL, version = version + 1, updated_at = ? WHERE id = ? AND version = ?"};
/* One that told Zoom an older version may have spoken last: then all is told again, and a rival that has yet to say so must see it. (SET works from
 * left to right.) */
static const struct mp_sql meeting_told = {"UPDATE meeting SET pending = IF(version = ? OR status NOT IN ('scheduled', 'started'), NULL, 'update'), "
                                           "version = version + (pending IS NOT NULL),"
                                           " pending_error = NULL, settings_effective = COALESCE(?, settings_effective) WHERE id = ?"};
static const struct mp_sql meeting_not_told = {"UPDATE meeting SET pending = IF(pending IS NULL, NULL, 'update'), pending_error = ? WHERE id = ?"};
static const struct mp_sql meeting_true = {
    "UPDATE meeting SET topic = ?, agenda = ?, starts_at = ?, duration_min = ?, timezone = ?, password = ?,"
    " join_url = ?, settings_effective = ?, news = 1, version = version + 1, updated_at = ? WHERE id = ? AND version = ?"};
/* Statuses only move forward: creating, scheduled, started, ended, deleted or failed. */
static const struct mp_sql meeting_status = {"UPDATE meeting SET started_at = IF(? = 'started', ?, started_at), ended_at = IF(? = 'ended', ?, "
                                             "ended_at), deleted_at = IF(? = 'deleted', ?, deleted_at),"
                                             " unit_key = IF(? = 'failed', NULL, unit_key), replaces = IF(? = 'failed', NULL, replaces), pending = "
                                             "IF(? IN ('ended', 'deleted', 'failed'), NULL, "
                                             "pending), news = 1, updated_at = ?, version = version + 1, status = ?"
                                             " WHERE id = ? AND FIELD(status, 'creating', 'scheduled', 'started', 'ended', 'deleted', 'failed')"
                                             " < FIELD(?, 'creating', 'scheduled', 'started', 'ended', 'deleted', 'failed') AND status <> 'deleted'"};
static const struct mp_sql meeting_lock = {"SELECT " COLS " FROM meeting m WHERE m.id = ? FOR UPDATE"};
static const struct mp_sql meeting_instance = {"UPDATE meeting SET zoom_uuid = ? WHERE id = ?"};
static const struct mp_sql meeting_held = {"UPDATE meeting SET started_at = COALESCE(started_at, ?), news = 1 WHERE id = ?"};
static const struct mp_sql meeting_again = {"UPDATE meeting SET status = 'started', started_at = ?, ended_at = NULL, updated_at = ?, news = 1,"
                                            " version = version + 1 WHERE id = ? AND status = 'ended'"};
static const struct mp_sql meeting_back = {
    "UPDATE meeting SET status = 'scheduled', deleted_at = NULL, updated_at = ?, news = 1, version = version + 1"
    " WHERE id = ? AND status = 'deleted' AND replaced_by IS NULL"};
static const struct mp_sql meeting_host = {"UPDATE meeting SET host_sub = ?, version = version + 1, updated_at = ? WHERE id = ?"};
static const struct mp_sql meeting_replaced = {
    "UPDATE meeting o JOIN meeting n ON n.replaces = o.id SET o.replaced_by = n.id, o.status = 'deleted', o.deleted_at = ?, o.updated_at = ?,"
    " o.pending = NULL, o.version = o.version + 1, n.news = 1"
    " WHERE n.id = ? AND n.status = 'scheduled' AND o.status = 'scheduled' AND o.replaced_by IS NULL AND o.version = n.replaces_version"};
/* At a person's own account (`user:` and Zoom's id) that nobody has connected now: until somebody has there is nothing to try. */
#define OF_DEAD_CONNECTION                                                                                                                           \
    "SELECT 1 FROM account a WHERE a.id = m.account_id AND a.guest = 1 AND NOT EXISTS"                                                               \
    " (SELECT 1 FROM connection c WHERE c.zoom_user_id = SUBSTRING(a.name, 6) AND c.state = 'connected')"
static const struct mp_sql meeting_pending = {"SELECT " COLS
                                              " FROM meeting m FORCE INDEX (meeting_pending) WHERE m.status IN ('scheduled', 'started') AND"
                                              " (m.pending = 'update' AND m.updated_at < ? OR m.pending = 'sending' AND m.updated_at < ?)"
                                              " AND (m.pending_error IS NULL OR NOT EXISTS (" OF_DEAD_CONNECTION "))"
                                              " ORDER BY m.updated_at LIMIT ?"};
/* Begun, and every try was given up, but nobody wrote down that all of them were: who was at it died, or the database was away. */
static const struct mp_sql meeting_begun = {"SELECT m.id, p.owner, m.updated_at FROM meeting m FORCE INDEX (meeting_status)"
                                            " JOIN place p ON p.id = (SELECT MAX(l.id) FROM place l WHERE l.meeting_id = m.id)"
                                            " WHERE m.status = 'creating' AND p.state IN ('lost', 'free') LIMIT ?"};
static const struct mp_sql meeting_abandon = {
    "UPDATE meeting SET status = 'failed', unit_key = NULL, replaces = NULL, version = version + 1, updated_at = ? WHERE id = ?"
    " AND status = 'creating' AND NOT EXISTS (SELECT 1 FROM place p WHERE p.meeting_id = meeting.id"
    " AND p.state IN ('creating', 'held'))"};
static const struct mp_sql meeting_touch = {
    "UPDATE meeting SET pending = 'update', updated_at = GREATEST(updated_at + 1, ?) WHERE id = ? AND updated_at = ? AND pending IS NOT NULL"};

#define PLACE_COLS                                                                                                                                   \
    "p.id, p.meeting_id, p.account_id, p.host_id, p.ref, p.state, p.busy_from, p.busy_until, p.zoom_id, p.owner, p.lease_until, p.fence, p.checks,"  \
    " p.created_at, " MP_DB_NOW_MS
/* How soon repair looks whether the owner of a leased place still lives. */
#define CHECK_MS "2000"
static const struct mp_sql place_insert = {
    "INSERT INTO place (meeting_id, account_id, host_id, ref, state, busy_from, busy_until, owner, lease_until, fence, check_at,"
    " created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, " MP_DB_NOW_MS " + ?, 1, " MP_DB_NOW_MS " + " CHECK_MS ", " MP_DB_NOW_MS ")"};
/* The one that is taken, else the latest: a meeting that went from account to account has one for each try, a moved one its spares. */
static const struct mp_sql place_by_meeting = {
    "SELECT " PLACE_COLS " FROM place p WHERE p.meeting_id = ? AND p.state <> 'spare' ORDER BY p.taken DESC, p.id DESC LIMIT 1"};
static const struct mp_sql place_by_ref = {"SELECT " PLACE_COLS " FROM place p WHERE p.ref = ?"};
/*
 * MariaDB evaluates SET from left to right and sees values already assigned; what depends on the meeting's status therefore stands before it is
 * changed.
 */
static const struct mp_sql place_hold = {
    "UPDATE place p JOIN meeting m ON m.id = p.meeting_id SET p.zoom_id = ?, p.owner = NULL, p.lease_until = 0,"
    " p.state = IF(m.status IN ('creating', 'scheduled'), 'held', 'deleting'), p.check_at = IF(m.status IN ('creating', 'scheduled'), "
    "NULL, " MP_DB_NOW_MS "),"
    " m.zoom_id = ?, m.zoom_uuid = COALESCE(?, m.zoom_uuid), m.host_email = COALESCE(?, m.host_email), m.join_url = COALESCE(?, m.join_url),"
    " m.password = COALESCE(?, m.password), m.settings_effective = COALESCE(?, m.settings_effective), m.account_id = p.account_id,"
    " m.host_id = p.host_id,"
    " m.placement = COALESCE(?, m.placement), m.updated_at = ?, m.version = m.version + 1, m.status = IF(m.status = 'creating', 'scheduled', "
    "m.status)"
    " WHERE p.id = ? AND p.fence = ? AND p.state = 'creating'"};
static const struct mp_sql place_free = {"UPDATE place SET state = 'free', taken = 0, open = 0, check_at = NULL, lease_until = 0 WHERE id = ?"
                                         " AND fence = ? AND state IN ('creating', 'deleting', 'lost', 'spare')"};
/* A statement of its own: rows are locked in one order everywhere, and the account comes before the place. */
static const struct mp_sql account_unbook = {"UPDATE account SET bookings = bookings - 1 WHERE id = ?"};
static const struct mp_sql place_lose = {"UPDATE place SET state = 'lost', taken = 0, lease_until = 0, checks = 0, check_at = " MP_DB_NOW_MS " + ?"
                                         " WHERE id = ? AND fence = ? AND state = 'creating'"};
static const struct mp_sql place_delete = {"UPDATE place SET state = 'deleting', owner = ?, lease_until = " MP_DB_NOW_MS
                                           " + ?, check_at = " MP_DB_NOW_MS " + " CHECK_MS ", checks = 0,"
                                           " fence = fence + 1 WHERE meeting_id = ? AND state = 'held'"};
static const struct mp_sql place_keep = {
    "UPDATE place SET state = 'held', owner = NULL, check_at = NULL WHERE id = ? AND fence = ? AND state = 'deleting'"};
static const struct mp_sql place_found = {"UPDATE place SET state = 'deleting', zoom_id = ?, check_at = " MP_DB_NOW_MS
                                          ", fence = fence + 1, owner = NULL"
                                          " WHERE id = ? AND state IN ('lost', 'free')"};
static const struct mp_sql place_move = {"UPDATE place SET busy_from = ?, busy_until = ? WHERE meeting_id = ? AND state = 'held'"};
static const struct mp_sql place_open = {"UPDATE place SET open = 1, busy_from = LEAST(busy_from, ?), check_at = GREATEST(busy_until, " MP_DB_NOW_MS
                                         ") + 60000 WHERE meeting_id = ? AND state = 'held'"};
static const struct mp_sql place_end = {
    "UPDATE place SET state = 'free', taken = 0, open = 0, check_at = NULL WHERE meeting_id = ? AND state = 'held'"};
static const struct mp_sql account_touch = {"UPDATE account SET last_used_at = GREATEST(last_used_at + 1, ?) WHERE id = ?"};
static const struct mp_sql place_again = {
    "UPDATE place SET state = 'held', taken = 1, open = ?, fence = fence + 1, check_at = IF(? = 1, GREATEST(busy_until, " MP_DB_NOW_MS
    ") + 60000, NULL) WHERE meeting_id = ? AND zoom_id = ? AND state = 'free' ORDER BY id DESC LIMIT 1"};
static const struct mp_sql place_making = {"SELECT 1 FROM place p WHERE p.check_at IS NOT NULL AND p.state = 'creating' LIMIT 1"};
static const struct mp_sql spares_free = {
    "UPDATE place p JOIN meeting m ON m.id = p.meeting_id SET p.state = 'free', p.taken = 0, p.check_at = NULL"
    " WHERE p.meeting_id = ? AND p.state = 'spare' AND m.pending IS NULL AND m.status IN ('scheduled', 'started')"};
static const struct mp_sql place_due = {"SELECT " PLACE_COLS " FROM place p WHERE p.check_at <= " MP_DB_BEGUN_MS " ORDER BY p.check_at LIMIT ?"};
static const struct mp_sql place_claim = {"UPDATE place SET owner = ?, lease_until = " MP_DB_NOW_MS " + ?, check_at = " MP_DB_NOW_MS " + " CHECK_MS
                                          ", fence = fence + 1, checks = checks + 1"
                                          " WHERE id = ? AND fence = ? AND check_at IS NOT NULL"};
static const struct mp_sql place_later = {"UPDATE place SET owner = NULL, lease_until = 0, check_at = IF(? < 0, NULL, " MP_DB_NOW_MS
                                          " + ?) WHERE id = ? AND fence = ?"};

static const char *const status_names[] = {
    [MP_MEETING_CREATING] = "creating", [MP_MEETING_SCHEDULED] = "scheduled", [MP_MEETING_STARTED] = "started",
    [MP_MEETING_ENDED] = "ended",       [MP_MEETING_DELETED] = "deleted",     [MP_MEETING_FAILED] = "failed",
};
static const char *const place_names[] = {
    [MP_PLACE_CREATING] = "creating", [MP_PLACE_HELD] = "held",   [MP_PLACE_DELETING] = "deleting",
    [MP_PLACE_LOST] = "lost",         [MP_PLACE_SPARE] = "spare", [MP_PLACE_FREE] = "free",
};

const char *mp_meeting_status_name(enum mp_meeting_status status)
{
    return status_names[status];
}

/* The index of a name that the database gave; the first where it is none of them, which the schema rules out. */
static unsigned name_index(const char *const names[], size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (name != NULL && strcmp(names[i], name) == 0)
            return (unsigned)i;
    }
    return 0;
}

static int64_t col_instant(const struct mp_stmt *st, unsigned col)
{
    return mp_col_null(st, col) ? -1 : mp_col_i64(st, col);
}

static void meeting_read(struct mp_stmt *st, struct mp_arena *arena, struct mp_meeting_row *row)
{
    *row = (struct mp_meeting_row){
        .id = mp_col_i64(st, 0),
        .owner_sub = mp_col_text(st, 1, arena),
        .host_sub = mp_col_text(st, 2, arena),
        .unit_key = mp_col_text(st, 3, arena),
        .status = (enum mp_meeting_status)name_index(status_names, MP_COUNT(status_names), mp_col_text(st, 4, arena)),
        .version = mp_col_i64(st, 5),
        .pending = mp_col_text(st, 6, arena),
        .pending_error = mp_col_text(st, 7, arena),
        .zoom_id = mp_col_i64(st, 8),
        .zoom_uuid = mp_col_text(st, 9, arena),
        .account_id = mp_col_i64(st, 10),
        .host_id = mp_col_i64(st, 11),
        .host_email = mp_col_text(st, 12, arena),
        .replaced_by = mp_col_i64(st, 13),
        .type = mp_col_i64(st, 14),
        .topic = mp_col_text(st, 15, arena),
        .agenda = mp_col_text(st, 16, arena),
        .starts_at = mp_col_i64(st, 17),
        .duration_min = mp_col_i64(st, 18),
        .timezone = mp_col_text(st, 19, arena),
        .password = mp_col_text(st, 20, arena),
        .join_url = mp_col_text(st, 21, arena),
        .settings_requested = mp_col_text(st, 22, arena),
        .settings_effective = mp_col_text(st, 23, arena),
        .placement = mp_col_text(st, 24, arena),
        .created_at = mp_col_i64(st, 25),
        .updated_at = mp_col_i64(st, 26),
        .started_at = col_instant(st, 27),
        .ended_at = col_instant(st, 28),
        .deleted_at = col_instant(st, 29),
        .replaces = mp_col_i64(st, 30),
        .replaces_version = mp_col_i64(st, 31),
        .kind = mp_col_text(st, 32, arena),
    };
}

static void place_read(struct mp_stmt *st, struct mp_arena *arena, struct mp_place_row *row)
{
    *row = (struct mp_place_row){
        .id = mp_col_i64(st, 0),
        .meeting_id = mp_col_i64(st, 1),
        .account_id = mp_col_i64(st, 2),
        .host_id = mp_col_i64(st, 3),
        .ref = mp_col_text(st, 4, arena),
        .state = (enum mp_place_state)name_index(place_names, MP_COUNT(place_names), mp_col_text(st, 5, arena)),
        .busy_from = mp_col_i64(st, 6),
        .busy_until = mp_col_i64(st, 7),
        .zoom_id = mp_col_i64(st, 8),
        .owner = mp_col_text(st, 9, arena),
        .lease_until = mp_col_i64(st, 10),
        .fence = mp_col_i64(st, 11),
        .checks = mp_col_i64(st, 12),
        .created_at = mp_col_i64(st, 13),
        .now_ms = mp_col_i64(st, 14),
    };
}

/* Runs a statement and says whether it changed a row. */
static int changed(struct mp_stmt *st, struct mp_error *err)
{
    if (mp_db_run(st, err) < 0)
        return -1;
    return mp_db_affected(st) > 0 ? 1 : 0;
}

int mp_store_meeting_insert(struct mp_db *db, struct mp_meeting_row *row, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &meeting_insert);

    mp_bind_text(st, row->owner_sub);
    mp_bind_text(st, row->host_sub);
    mp_bind_text(st, row->unit_key);
    mp_bind_text(st, mp_meeting_status_name(row->status));
    mp_bind_i64_null(st, row->account_id != 0, row->account_id);
    mp_bind_i64_null(st, row->host_id != 0, row->host_id);
    mp_bind_text(st, row->host_email);
    mp_bind_i64(st, row->type);
    mp_bind_text(st, row->topic);
    mp_bind_text(st, row->agenda);
    mp_bind_i64(st, row->starts_at);
    mp_bind_i64(st, row->duration_min);
    mp_bind_text(st, row->timezone);
    mp_bind_text(st, row->password);
    mp_bind_text(st, row->settings_requested);
    mp_bind_text(st, row->placement);
    mp_bind_i64(st, row->created_at);
    mp_bind_i64(st, row->created_at);
    mp_bind_i64_null(st, row->replaces != 0, row->replaces);
    mp_bind_i64_null(st, row->replaces != 0, row->replaces_version);
    mp_bind_text(st, row->kind);
    if (mp_db_run(st, err) < 0)
        return -1;
    row->id = mp_db_insert_id(st);
    row->version = 1;
    row->updated_at = row->created_at;
    return 0;
}

static int one_meeting(struct mp_stmt *st, struct mp_arena *arena, struct mp_meeting_row *row, struct mp_error *err)
{
    int rc = mp_db_one(st, err);

    if (rc > 0)
        meeting_read(st, arena, row);
    return rc;
}

int mp_store_meeting_by_id(struct mp_db *db, struct mp_arena *arena, int64_t id, struct mp_meeting_row *row, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &meeting_by_id);

    mp_bind_i64(st, id);
    return one_meeting(st, arena, row, err);
}

static int add_meetings(struct mp_stmt *st, struct store_list *list, struct mp_error *err)
{
    int rc;

    if (mp_db_run(st, err) < 0)
        return -1;
    while ((rc = mp_db_next(st, err)) > 0)
        meeting_read(st, list->arena, store_list_next(list));
    return rc;
}

int mp_store_meeting_by_ids(struct mp_db *db, struct mp_arena *arena, const int64_t *ids, size_t count, struct mp_meeting_row **rows, size_t *found,
                            struct mp_error *err)
{
    struct store_list list = {.arena = arena, .size = sizeof(struct mp_meeting_row)};

    for (size_t from = 0; from < count; from += IDS_WIDE) {
        struct mp_stmt *st = mp_db_begin(db, &meeting_by_ids);

        for (size_t i = from; i < from + IDS_WIDE; i++)
            mp_bind_i64(st, ids[i < count ? i : from]);
        if (add_meetings(st, &list, err) < 0)
            return -1;
    }
    *rows = list.rows;
    *found = list.count;
    return 0;
}

int mp_store_meeting_lock(struct mp_db *db, struct mp_arena *arena, int64_t id, struct mp_meeting_row *row, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &meeting_lock);

    mp_bind_i64(st, id);
    return one_meeting(st, arena, row, err);
}

int mp_store_meeting_by_zoom_id(struct mp_db *db, struct mp_arena *arena, int64_t zoom_id, struct mp_meeting_row *row, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &meeting_by_zoom_id);

    mp_bind_i64(st, zoom_id);
    return one_meeting(st, arena, row, err);
}

int mp_store_meeting_by_unit(struct mp_db *db, struct mp_arena *arena, const char *unit_key, struct mp_meeting_row *row, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &meeting_by_unit);

    mp_bind_text(st, unit_key);
    return one_meeting(st, arena, row, err);
}

static void bind_branch(struct mp_stmt *st, const struct mp_meeting_query *query, enum list_scope scope, enum mp_meeting_status status)
{
    if (scope == SCOPE_VIEWER)
        mp_bind_text(st, query->viewer);
    else
        mp_bind_i64(st, scope == SCOPE_ACCOUNT ? query->account_id : 1);
    mp_bind_text(st, mp_meeting_status_name(status));
    mp_bind_i64(st, query->from);
    mp_bind_i64(st, query->until);
    mp_bind_i64(st, query->before_start);
    mp_bind_i64(st, query->before_start);
    mp_bind_i64(st, query->before_id);
    mp_bind_i64(st, query->account_id);
    mp_bind_i64(st, query->limit);
}

static int meeting_rows(struct mp_stmt *st, struct mp_arena *arena, struct mp_meeting_row **rows, size_t *count, struct mp_error *err)
{
    struct store_list list = {.arena = arena, .size = sizeof(struct mp_meeting_row)};
    int rc = add_meetings(st, &list, err);

    *rows = list.rows;
    *count = list.count;
    return rc;
}

int mp_store_meeting_news(struct mp_db *db, struct mp_arena *arena, unsigned limit, struct mp_meeting_row **rows, size_t *count, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &meeting_news);

    mp_bind_i64(st, limit);
    return meeting_rows(st, arena, rows, count, err);
}

int mp_store_meeting_heard(struct mp_db *db, const struct mp_meeting_row *row, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &meeting_heard);

    mp_bind_i64(st, row->id);
    mp_bind_i64(st, row->version);
    return mp_db_run(st, err);
}

int mp_store_meeting_to_come(struct mp_db *db, struct mp_arena *arena, int64_t account_id, int64_t from, unsigned limit, struct mp_meeting_row **rows,
                             size_t *count, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &meeting_to_come);

    mp_bind_i64(st, account_id);
    mp_bind_i64(st, from);
    mp_bind_i64(st, limit);
    return meeting_rows(st, arena, rows, count, err);
}

int mp_store_meeting_to_come_count(struct mp_db *db, int64_t account_id, int64_t from, int64_t *count, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &meeting_to_come_count);
    int rc;

    mp_bind_i64(st, account_id);
    mp_bind_i64(st, from);
    rc = mp_db_one(st, err);
    *count = rc > 0 ? mp_col_i64(st, 0) : 0;
    return rc < 0 ? -1 : 0;
}

int mp_store_meeting_list(struct mp_db *db, struct mp_arena *arena, const struct mp_meeting_query *query, struct mp_meeting_row **rows, size_t *count,
                          struct mp_error *err)
{
    enum list_scope scope = query->viewer != NULL ? SCOPE_VIEWER : query->account_id != 0 ? SCOPE_ACCOUNT : SCOPE_ALL;
    bool all = query->status < 0;
    struct mp_stmt *st = mp_db_begin(db, &meeting_list[scope][all ? 1 : 0]);

    for (int way = 0; way < (scope == SCOPE_VIEWER ? 2 : 1); way++) {
        for (size_t i = 0; i < (all ? MP_COUNT(shown) : 1); i++)
            bind_branch(st, query, scope, all ? shown[i] : (enum mp_meeting_status)query->status);
    }
    mp_bind_i64(st, query->limit);
    return meeting_rows(st, arena, rows, count, err);
}

int mp_store_meeting_want(struct mp_db *db, struct mp_meeting_row *row, int64_t now_ms, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &meeting_want);
    int rc;

    mp_bind_text(st, row->topic);
    mp_bind_text(st, row->agenda);
    mp_bind_i64(st, row->starts_at);
    mp_bind_i64(st, row->duration_min);
    mp_bind_text(st, row->timezone);
    mp_bind_text(st, row->password);
    mp_bind_text(st, row->settings_requested);
    mp_bind_i64(st, now_ms);
    mp_bind_i64(st, row->id);
    mp_bind_i64(st, row->version);
    rc = changed(st, err);
    if (rc > 0) {
        row->version++;
        row->updated_at = now_ms;
    }
    return rc;
}

int mp_store_meeting_told(struct mp_db *db, int64_t id, int64_t version, const char *settings_effective, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &meeting_told);

    mp_bind_i64(st, version);
    mp_bind_text(st, settings_effective);
    mp_bind_i64(st, id);
    return mp_db_run(st, err);
}

int mp_store_meeting_not_told(struct mp_db *db, int64_t id, const char *error, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &meeting_not_told);

    mp_bind_text(st, error);
    mp_bind_i64(st, id);
    return mp_db_run(st, err);
}

int mp_store_meeting_true(struct mp_db *db, const struct mp_meeting_row *row, int64_t now_ms, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &meeting_true);

    mp_bind_text(st, row->topic);
    mp_bind_text(st, row->agenda);
    mp_bind_i64(st, row->starts_at);
    mp_bind_i64(st, row->duration_min);
    mp_bind_text(st, row->timezone);
    mp_bind_text(st, row->password);
    mp_bind_text(st, row->join_url);
    mp_bind_text(st, row->settings_effective);
    mp_bind_i64(st, now_ms);
    mp_bind_i64(st, row->id);
    mp_bind_i64(st, row->version);
    return changed(st, err);
}

int mp_store_meeting_status(struct mp_db *db, int64_t id, enum mp_meeting_status status, int64_t now_ms, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &meeting_status);
    const char *name = mp_meeting_status_name(status);

    for (int i = 0; i < 3; i++) {
        mp_bind_text(st, name);
        mp_bind_i64(st, now_ms);
    }
    mp_bind_text(st, name);
    mp_bind_text(st, name);
    mp_bind_text(st, name);
    mp_bind_i64(st, now_ms);
    mp_bind_text(st, name);
    mp_bind_i64(st, id);
    mp_bind_text(st, name);
    return changed(st, err);
}

int mp_store_meeting_instance(struct mp_db *db, int64_t id, const char *zoom_uuid, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &meeting_instance);

    mp_bind_text(st, zoom_uuid);
    mp_bind_i64(st, id);
    return mp_db_run(st, err);
}

int mp_store_meeting_held(struct mp_db *db, int64_t id, int64_t started_at, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &meeting_held);

    mp_bind_i64(st, started_at);
    mp_bind_i64(st, id);
    return mp_db_run(st, err);
}

int mp_store_meeting_again(struct mp_db *db, int64_t id, int64_t started_at, int64_t now_ms, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &meeting_again);

    mp_bind_i64(st, started_at);
    mp_bind_i64(st, now_ms);
    mp_bind_i64(st, id);
    return changed(st, err);
}

int mp_store_meeting_back(struct mp_db *db, int64_t id, int64_t now_ms, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &meeting_back);

    mp_bind_i64(st, now_ms);
    mp_bind_i64(st, id);
    return changed(st, err);
}

int mp_store_meeting_host(struct mp_db *db, int64_t id, const char *host_sub, int64_t now_ms, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &meeting_host);

    mp_bind_text(st, host_sub);
    mp_bind_i64(st, now_ms);
    mp_bind_i64(st, id);
    return mp_db_run(st, err);
}

int mp_store_meeting_replaced(struct mp_db *db, int64_t by, int64_t now_ms, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &meeting_replaced);

    mp_bind_i64(st, now_ms);
    mp_bind_i64(st, now_ms);
    mp_bind_i64(st, by);
    return changed(st, err);
}

int mp_store_meeting_pending(struct mp_db *db, struct mp_arena *arena, int64_t touched_before, int64_t sending_before, unsigned limit,
                             struct mp_meeting_row **rows, size_t *count, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &meeting_pending);

    mp_bind_i64(st, touched_before);
    mp_bind_i64(st, sending_before);
    mp_bind_i64(st, limit);
    return meeting_rows(st, arena, rows, count, err);
}

int mp_store_meeting_touch(struct mp_db *db, int64_t id, int64_t seen_updated_at, int64_t now_ms, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &meeting_touch);

    mp_bind_i64(st, now_ms);
    mp_bind_i64(st, id);
    mp_bind_i64(st, seen_updated_at);
    return changed(st, err);
}

int mp_store_meeting_begun(struct mp_db *db, struct mp_arena *arena, unsigned limit, struct mp_begun_row **rows, size_t *count, struct mp_error *err)
{
    struct store_list list = {.arena = arena, .size = sizeof(struct mp_begun_row)};
    struct mp_stmt *st = mp_db_begin(db, &meeting_begun);
    int rc;

    mp_bind_i64(st, limit);
    if (mp_db_run(st, err) < 0)
        return -1;
    while ((rc = mp_db_next(st, err)) > 0) {
        struct mp_begun_row *row = store_list_next(&list);

        *row = (struct mp_begun_row){mp_col_i64(st, 0), mp_col_text(st, 1, arena), mp_col_i64(st, 2)};
    }
    *rows = list.rows;
    *count = list.count;
    return rc;
}

int mp_store_meeting_abandon(struct mp_db *db, int64_t id, int64_t now_ms, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &meeting_abandon);

    mp_bind_i64(st, now_ms);
    mp_bind_i64(st, id);
    return changed(st, err);
}

int mp_store_place_insert(struct mp_db *db, struct mp_place_row *row, int64_t lease_ms, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &place_insert);

    mp_bind_i64(st, row->meeting_id);
    mp_bind_i64(st, row->account_id);
    mp_bind_i64(st, row->host_id);
    mp_bind_text(st, row->ref);
    mp_bind_text(st, place_names[row->state]);
    mp_bind_i64(st, row->busy_from);
    mp_bind_i64(st, row->busy_until);
    mp_bind_text(st, row->owner);
    mp_bind_i64(st, lease_ms);
    if (mp_db_run(st, err) < 0)
        return -1;
    row->id = mp_db_insert_id(st);
    row->fence = 1;
    return 0;
}

static int one_place(struct mp_stmt *st, struct mp_arena *arena, struct mp_place_row *row, struct mp_error *err)
{
    int rc = mp_db_one(st, err);

    if (rc > 0)
        place_read(st, arena, row);
    return rc;
}

int mp_store_place_by_meeting(struct mp_db *db, struct mp_arena *arena, int64_t meeting_id, struct mp_place_row *row, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &place_by_meeting);

    mp_bind_i64(st, meeting_id);
    return one_place(st, arena, row, err);
}

int mp_store_place_by_ref(struct mp_db *db, struct mp_arena *arena, const char *ref, struct mp_place_row *row, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &place_by_ref);

    mp_bind_text(st, ref);
    return one_place(st, arena, row, err);
}

int mp_store_place_hold(struct mp_db *db, const struct mp_place_row *place, const struct mp_meeting_facts *facts, const char *placement,
                        int64_t now_ms, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &place_hold);

    mp_bind_i64(st, facts->zoom_id);
    mp_bind_i64(st, facts->zoom_id);
    mp_bind_text(st, facts->zoom_uuid);
    mp_bind_text(st, facts->host_email);
    mp_bind_text(st, facts->join_url);
    mp_bind_text(st, facts->password);
    mp_bind_text(st, facts->settings_effective);
    mp_bind_text(st, placement);
    mp_bind_i64(st, now_ms);
    mp_bind_i64(st, place->id);
    mp_bind_i64(st, place->fence);
    return changed(st, err);
}

/* The statements that take (id, fence) alone. */
static int by_fence(struct mp_db *db, const struct mp_sql *sql, const struct mp_place_row *place, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, sql);

    mp_bind_i64(st, place->id);
    mp_bind_i64(st, place->fence);
    return changed(st, err);
}

/* A booking off the account's count. */
static int take_off(struct mp_db *db, int64_t account_id, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &account_unbook);

    mp_bind_i64(st, account_id);
    return changed(st, err);
}

int mp_store_place_free(struct mp_db *db, const struct mp_place_row *place, bool unbook, struct mp_error *err)
{
    int rc = by_fence(db, &place_free, place, err);

    return rc > 0 && unbook ? take_off(db, place->account_id, err) : rc;
}

int mp_store_place_lose(struct mp_db *db, const struct mp_place_row *place, int64_t check_ms, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &place_lose);
    int rc;

    mp_bind_i64(st, check_ms);
    mp_bind_i64(st, place->id);
    mp_bind_i64(st, place->fence);
    rc = changed(st, err);
    return rc > 0 ? take_off(db, place->account_id, err) : rc;
}

int mp_store_place_delete(struct mp_db *db, struct mp_arena *arena, int64_t meeting_id, const char *owner, int64_t lease_ms,
                          struct mp_place_row *place, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &place_delete);
    int rc;

    mp_bind_text(st, owner);
    mp_bind_i64(st, lease_ms);
    mp_bind_i64(st, meeting_id);
    rc = changed(st, err);
    if (rc <= 0)
        return rc;
    return mp_store_place_by_meeting(db, arena, meeting_id, place, err);
}

int mp_store_place_keep(struct mp_db *db, const struct mp_place_row *place, struct mp_error *err)
{
    return by_fence(db, &place_keep, place, err);
}

int mp_store_place_found(struct mp_db *db, const struct mp_place_row *place, int64_t zoom_id, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &place_found);

    mp_bind_i64(st, zoom_id);
    mp_bind_i64(st, place->id);
    return changed(st, err);
}

int mp_store_place_move(struct mp_db *db, int64_t meeting_id, int64_t busy_from, int64_t busy_until, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &place_move);

    mp_bind_i64(st, busy_from);
    mp_bind_i64(st, busy_until);
    mp_bind_i64(st, meeting_id);
    return mp_db_run(st, err);
}

int mp_store_place_open(struct mp_db *db, int64_t meeting_id, int64_t started_at, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &place_open);

    mp_bind_i64(st, started_at);
    mp_bind_i64(st, meeting_id);
    return mp_db_run(st, err);
}

int mp_store_place_end(struct mp_db *db, int64_t meeting_id, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &place_end);

    mp_bind_i64(st, meeting_id);
    return mp_db_run(st, err);
}

int mp_store_place_making(struct mp_db *db, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &place_making);
    int rc = mp_db_one(st, err);

    mp_db_done(st);
    return rc;
}

int mp_store_place_again(struct mp_db *db, const struct mp_meeting_row *meeting, bool open, int64_t now_ms, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &account_touch);

    mp_bind_i64(st, now_ms);
    mp_bind_i64(st, meeting->account_id);
    if (mp_db_run(st, err) < 0)
        return -1;
    st = mp_db_begin(db, &place_again);
    mp_bind_i64(st, open ? 1 : 0);
    mp_bind_i64(st, open ? 1 : 0);
    mp_bind_i64(st, meeting->id);
    mp_bind_i64(st, meeting->zoom_id);
    return changed(st, err);
}

int mp_store_spares_free(struct mp_db *db, int64_t meeting_id, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &spares_free);

    mp_bind_i64(st, meeting_id);
    return mp_db_run(st, err);
}

int mp_store_place_due(struct mp_db *db, struct mp_arena *arena, unsigned limit, struct mp_place_row **rows, size_t *count, struct mp_error *err)
{
    struct store_list list = {.arena = arena, .size = sizeof(struct mp_place_row)};
    struct mp_stmt *st = mp_db_begin(db, &place_due);
    int rc;

    mp_bind_i64(st, limit);
    if (mp_db_run(st, err) < 0)
        return -1;
    while ((rc = mp_db_next(st, err)) > 0)
        place_read(st, arena, store_list_next(&list));
    *rows = list.rows;
    *count = list.count;
    return rc;
}

int mp_store_place_claim(struct mp_db *db, struct mp_place_row *row, const char *owner, int64_t lease_ms, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &place_claim);
    int rc;

    mp_bind_text(st, owner);
    mp_bind_i64(st, lease_ms);
    mp_bind_i64(st, row->id);
    mp_bind_i64(st, row->fence);
    rc = changed(st, err);
    if (rc > 0) {
        row->fence++;
        row->checks++;
    }
    return rc;
}

int mp_store_place_later(struct mp_db *db, const struct mp_place_row *row, int64_t check_ms, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &place_later);

    mp_bind_i64(st, check_ms);
    mp_bind_i64(st, check_ms);
    mp_bind_i64(st, row->id);
    mp_bind_i64(st, row->fence);
    return changed(st, err);
}
