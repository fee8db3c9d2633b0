#include "meetpool/store_booking.h"

#include <string.h>

#include "store_int.h"

/* Beside MP_DB_NOW_MS: this one is the same all through a statement, so that a comparison with it may walk an index. */
#define NOW_MS "CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)"

#define COLS                                                                                                                                         \
    "b.id, b.public_id, b.kind, b.status, b.owner_sub, b.host_sub, b.course_id, b.batch_id, b.series_id, b.title, b.topic, b.description,"           \
    " b.starts_at, b.ends_at, b.timezone, b.wants_meeting, b.settings, b.meeting_id, b.leaving_id, b.meeting_state, b.meeting_reason,"               \
    " b.generation, b.dirty, b.tries, b.fence, b.sequence, b.version, b.created_at, b.updated_at, b.deleted_at"

/* The last four columns are the lease: none is taken where there is nothing to do. */
static const struct mp_sql booking_insert = {
    "INSERT INTO booking (public_id, kind, status, owner_sub, host_sub, course_id, batch_id, series_id, title, topic, description, starts_at, "
    "ends_at,"
    " timezone, wants_meeting, settings, meeting_state, created_at, updated_at, dirty, fence, worker, lease_until, retry_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, IF(?, " NOW_MS " + ?, 0), IF(?, " NOW_MS " + ?, NULL))"};
static const struct mp_sql booking_by_public = {"SELECT " COLS " FROM booking b WHERE b.public_id = ? AND b.kind = ?"};
static const struct mp_sql booking_by_id = {"SELECT " COLS " FROM booking b WHERE b.id = ?"};
static const struct mp_sql booking_by_meeting = {"SELECT " COLS " FROM booking b WHERE b.meeting_id = ? ORDER BY b.id DESC LIMIT 1"};

#define PERSON_ROW  "(?, ?, ?, ?, ?, ?)"
#define PEOPLE_WIDE 8
#define PEOPLE(rows)                                                                                                                                 \
    {                                                                                                                                                \
        "INSERT INTO booking_person (booking_id, sub, parts, kind, status, starts_at) VALUES " rows                                                  \
        " ON DUPLICATE KEY UPDATE parts = parts | VALUES(parts)"                                                                                     \
    }
static const struct mp_sql person_insert = PEOPLE(PERSON_ROW);
static const struct mp_sql people_insert =
    PEOPLE(PERSON_ROW ", " PERSON_ROW ", " PERSON_ROW ", " PERSON_ROW ", " PERSON_ROW ", " PERSON_ROW ", " PERSON_ROW ", " PERSON_ROW);
static const struct mp_sql people_read = {"SELECT sub, parts FROM booking_person WHERE booking_id = ? ORDER BY sub"};
#define IDS_WIDE 50
#define TEN      "?, ?, ?, ?, ?, ?, ?, ?, ?, ?"
static const struct mp_sql people_of = {"SELECT booking_id, sub, parts FROM booking_person WHERE booking_id IN (" TEN ", " TEN ", " TEN ", " TEN
                                        ", " TEN ") ORDER BY booking_id, sub"};
static const struct mp_sql person_parts = {"SELECT parts FROM booking_person WHERE booking_id = ? AND sub = ?"};
static const struct mp_sql people_remove = {"DELETE FROM booking_person WHERE booking_id = ?"};
static const struct mp_sql people_follow = {"UPDATE booking_person SET status = ?, starts_at = ? WHERE booking_id = ?"};

#define TO_COME       " b.batch_id = ? AND b.status = 'scheduled' AND b.starts_at >= ?"
#define COMING        "booking b FORCE INDEX (booking_batch)"
#define LEFT          " NOT EXISTS (SELECT 1 FROM batch_member m WHERE m.batch_id = b.batch_id AND m.sub = p.sub) AND"
#define COMING_PEOPLE " FROM " COMING " STRAIGHT_JOIN booking_person p ON p.booking_id = b.id WHERE"
static const struct mp_sql members_remove = {"DELETE p" COMING_PEOPLE " p.parts = 4 AND" LEFT TO_COME};
static const struct mp_sql members_drop = {"UPDATE " COMING " STRAIGHT_JOIN booking_person p ON p.booking_id = b.id SET p.parts = p.parts & 3"
                                           " WHERE p.parts IN (5, 6, 7) AND" LEFT TO_COME};
static const struct mp_sql members_add = {
    "INSERT INTO booking_person (booking_id, sub, parts, kind, status, starts_at)"
    " SELECT b.id, m.sub, 4, b.kind, b.status, b.starts_at FROM " COMING " STRAIGHT_JOIN batch_member m ON m.batch_id = b.batch_id"
    " LEFT JOIN booking_person p ON p.booking_id = b.id AND p.sub = m.sub"
    " WHERE (p.parts IS NULL OR NOT p.parts & 4) AND" TO_COME " ON DUPLICATE KEY UPDATE parts = booking_person.parts | 4"};
static const struct mp_sql members_told = {
    "UPDATE booking b SET b.sequence = b.sequence + 1, b.version = b.version + 1, b.updated_at = ? WHERE" TO_COME};
/* The host of before stands in the booking still. */
#define HOST_OF_BEFORE COMING " STRAIGHT_JOIN booking_person p ON p.booking_id = b.id AND p.sub = b.host_sub"
static const struct mp_sql hosts_remove = {"DELETE p FROM " HOST_OF_BEFORE " WHERE p.parts = 2 AND" TO_COME};
static const struct mp_sql hosts_drop = {"UPDATE " HOST_OF_BEFORE " SET p.parts = p.parts & 5 WHERE" TO_COME};
static const struct mp_sql host_add = {"INSERT INTO booking_person (booking_id, sub, parts, kind, status, starts_at)"
                                       " SELECT b.id, ?, 2, b.kind, b.status, b.starts_at FROM booking b WHERE" TO_COME
                                       " ON DUPLICATE KEY UPDATE parts = booking_person.parts | 2"};
/* Assigned from left to right: what comes before `dirty` sees whether there is a meeting to follow as it was. */
#define FOLLOWED "(b.wants_meeting OR b.meeting_id IS NOT NULL OR b.dirty)"
#define TO_FOLLOW                                                                                                                                    \
    " b.version = b.version + 1, b.updated_at = ?, b.meeting_state = IF(" FOLLOWED ", 'pending', b.meeting_state),"                                  \
    " b.meeting_reason = IF(" FOLLOWED ", NULL, b.meeting_reason), b.tries = IF(" FOLLOWED ", 0, b.tries),"                                          \
    " b.retry_at = IF(" FOLLOWED ", GREATEST(b.lease_until, " NOW_MS "), b.retry_at), b.dirty = " FOLLOWED
static const struct mp_sql hosts_write = {"UPDATE booking b SET b.host_sub = ?, b.sequence = b.sequence + 1," TO_FOLLOW
                                          " WHERE NOT b.host_sub <=> ? AND" TO_COME};
/* The topic as it is made of course and title, cut to what Zoom takes. */
static const struct mp_sql course_write = {"UPDATE booking b SET b.course_id = ?, b.topic = LEFT(CONCAT_WS(' - ', ?, b.title), 200)," TO_FOLLOW
                                           " WHERE NOT b.course_id <=> ? AND" TO_COME};

static const struct mp_sql booking_write = {
    "UPDATE booking SET title = ?, topic = ?, description = ?, host_sub = ?, starts_at = ?, ends_at = ?, timezone = ?, wants_meeting = ?, settings = "
    "?,"
    " status = ?, deleted_at = IF(status = 'deleted', COALESCE(deleted_at, ?), NULL), sequence = sequence + 1, version = version + 1, updated_at = ?,"
    " meeting_state = IF(?, 'pending', meeting_state), meeting_reason = IF(?, NULL, meeting_reason), tries = IF(?, 0, tries),"
    " retry_at = IF(?, GREATEST(lease_until, " NOW_MS "), retry_at), dirty = dirty OR ? WHERE id = ? AND version = ?"};
/* The state of a booking that was changed meanwhile is not the one that was reached. */
static const struct mp_sql booking_renew = {"UPDATE booking SET meeting_id = NULL, generation = generation + 1 WHERE id = ?"};
static const struct mp_sql booking_follow = {
    "UPDATE booking SET title = ?, topic = ?, description = ?, starts_at = ?, ends_at = ?, timezone = ?, settings = ?, meeting_id = ?,"
    " meeting_state = ?, meeting_reason = ?, sequence = sequence + 1, version = version + 1, updated_at = ? WHERE id = ? AND version = ? AND dirty = "
    "0"};
/* Whether it has another meeting than before, of which its people do not know: the answer to who booked it tells of the first one. */
#define ANOTHER "(fence > 1 AND NOT meeting_id <=> ?)"
static const struct mp_sql booking_settle = {"UPDATE booking SET sequence = sequence + " ANOTHER ", updated_at = IF(" ANOTHER ", " NOW_MS
                                             ", updated_at), meeting_id = ?, leaving_id = ?, generation = ?, meeting_reason = ?, tries = IF(?, "
                                             "0, tries + 1), worker = NULL, lease_until = 0,"
                                             " meeting_state = IF(version = ?, ?, 'pending'), retry_at = IF(version = ?, IF(?, NULL, " NOW_MS
                                             " + ?), " NOW_MS "),"
                                             " dirty = NOT (version = ? AND ?) WHERE id = ? AND fence = ?"};
static const struct mp_sql booking_due = {"SELECT " COLS " FROM booking b FORCE INDEX (booking_retry) WHERE b.retry_at <= " NOW_MS
                                          " ORDER BY b.retry_at LIMIT ?"};
/* LAST_INSERT_ID(x) hands x back to the client. */
static const struct mp_sql booking_claim = {"UPDATE booking SET worker = ?, lease_until = " NOW_MS " + ?, retry_at = " NOW_MS
                                            " + ?, fence = LAST_INSERT_ID(fence + 1) WHERE id = ? AND dirty = 1 AND lease_until <= " NOW_MS};
static const struct mp_sql booking_holders = {"SELECT DISTINCT worker FROM booking FORCE INDEX (booking_lease) WHERE lease_until > " NOW_MS};
static const struct mp_sql booking_release = {"UPDATE booking FORCE INDEX (booking_lease) SET worker = NULL, lease_until = 0, fence = fence + 1,"
                                              " retry_at = " NOW_MS " WHERE lease_until > " NOW_MS " AND worker = ?"};
static const struct mp_sql booking_put_off = {"UPDATE booking FORCE INDEX (booking_retry) SET retry_at = " NOW_MS " + ? WHERE retry_at <= " NOW_MS
                                              " AND lease_until <= " NOW_MS};
static const struct mp_sql booking_hurry = {"UPDATE booking FORCE INDEX (booking_retry) SET retry_at = " NOW_MS " WHERE retry_at > " NOW_MS
                                            " AND lease_until <= " NOW_MS};

/*
 * Lists walk an index, however long the history: one branch per status, each limited to a page, merged. `id` names the booking in the branch's table.
 * Parameters of a branch: its key, status, from, until, three times the last one of the page before, the kind ('': any), the limit.
 */
#define BRANCH(table, index, id, key, past, order)                                                                                                   \
    "(SELECT " id " AS id, k.starts_at FROM " table " k FORCE INDEX (" index ") WHERE " key " AND k.status = ? AND k.starts_at >= ?"                 \
    " AND k.starts_at < ? AND k.starts_at " past "= ? AND (k.starts_at " past " ? OR " id " " past " ?) AND ? IN ('', k.kind)"                       \
    " ORDER BY k.starts_at " order ", " id " " order " LIMIT ?)"
#define PAGE(branches, order)                                                                                                                        \
    {                                                                                                                                                \
        "SELECT " COLS " FROM (" branches " ORDER BY starts_at " order ", id " order " LIMIT ?) n JOIN booking b ON b.id = n.id"                     \
        " ORDER BY n.starts_at " order ", n.id " order                                                                                               \
    }
#define ONE_OR_TWO(table, index, id, key, past, order)                                                                                               \
    {                                                                                                                                                \
        PAGE(BRANCH(table, index, id, key, past, order), order),                                                                                     \
            PAGE(BRANCH(table, index, id, key, past, order) " UNION ALL " BRANCH(table, index, id, key, past, order), order)                         \
    }
#define BOTH_WAYS(table, index, id, key)                                                                                                             \
    {                                                                                                                                                \
        ONE_OR_TWO(table, index, id, key, "<", "DESC"), ONE_OR_TWO(table, index, id, key, ">", "ASC")                                                \
    }

enum list_scope { SCOPE_ALL, SCOPE_KIND, SCOPE_BATCH, SCOPE_COURSE, SCOPE_PERSON_COURSE, SCOPE_SERIES, SCOPE_PERSON, SCOPE_PERSON_KIND };
/* [scope][latest | earliest first][one status | the two that are shown unless asked otherwise] */
static const struct mp_sql booking_list[][2][2] = {
    [SCOPE_ALL] = BOTH_WAYS("booking", "booking_all", "k.id", "1 = 1"),
    [SCOPE_KIND] = BOTH_WAYS("booking", "booking_kind", "k.id", "k.kind = ?"),
    [SCOPE_BATCH] = BOTH_WAYS("booking", "booking_batch", "k.id", "k.batch_id = ?"),
    [SCOPE_COURSE] = BOTH_WAYS("booking", "booking_course", "k.id", "k.course_id = ?"),
    /* A course is far smaller than the life of one of its people. */
    [SCOPE_PERSON_COURSE] = BOTH_WAYS("booking", "booking_course", "k.id",
                                      "k.course_id = ? AND EXISTS (SELECT 1 FROM booking_person p WHERE p.booking_id = k.id AND p.sub = ?)"),
    [SCOPE_SERIES] = BOTH_WAYS("booking", "booking_series", "k.id", "k.series_id = ?"),
    [SCOPE_PERSON] = BOTH_WAYS("booking_person", "person_week", "k.booking_id", "k.sub = ?"),
    [SCOPE_PERSON_KIND] = BOTH_WAYS("booking_person", "person_kind", "k.booking_id", "k.sub = ? AND k.kind = ?"),
};
static const enum mp_booking_status shown[] = {MP_BOOKING_SCHEDULED, MP_BOOKING_COMPLETED};

static const char *const kind_names[MP_KIND_COUNT] = {
    [MP_KIND_SESSION] = "session",         [MP_KIND_CLASS] = "class",         [MP_KIND_EVENT] = "event", [MP_KIND_CUSTOM_SESSION] = "custom_session",
    [MP_KIND_APPOINTMENT] = "appointment", [MP_KIND_INTERVIEW] = "interview",
};
static const char *const status_names[] = {
    [MP_BOOKING_SCHEDULED] = "scheduled", [MP_BOOKING_COMPLETED] = "completed", [MP_BOOKING_DELETED] = "deleted"};
static const char *const state_names[] = {
    [MP_STATE_NONE] = "none", [MP_STATE_OK] = "ok", [MP_STATE_PENDING] = "pending", [MP_STATE_FAILED] = "failed"};

const char *mp_booking_kind_name(enum mp_booking_kind kind)
{
    return kind_names[kind];
}

const char *mp_booking_status_name(enum mp_booking_status status)
{
    return status_names[status];
}

const char *mp_meeting_state_name(enum mp_meeting_state state)
{
    return state_names[state];
}

/* The index of a name that the database gave; the first where it is none of them, which only another version of the program brings about. */
static unsigned name_index(const char *const names[], size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (name != NULL && strcmp(names[i], name) == 0)
            return (unsigned)i;
    }
    return 0;
}

static void booking_read(struct mp_stmt *st, struct mp_arena *arena, struct mp_booking_row *row)
{
    *row = (struct mp_booking_row){
        .id = mp_col_i64(st, 0),
        .public_id = mp_col_text(st, 1, arena),
        .kind = (enum mp_booking_kind)name_index(kind_names, MP_COUNT(kind_names), mp_col_text(st, 2, arena)),
        .status = (enum mp_booking_status)name_index(status_names, MP_COUNT(status_names), mp_col_text(st, 3, arena)),
        .owner_sub = mp_col_text(st, 4, arena),
        .host_sub = mp_col_text(st, 5, arena),
        .course_id = mp_col_i64(st, 6),
        .batch_id = mp_col_i64(st, 7),
        .series_id = mp_col_text(st, 8, arena),
        .title = mp_col_text(st, 9, arena),
        .topic = mp_col_text(st, 10, arena),
        .description = mp_col_text(st, 11, arena),
        .starts_at = mp_col_i64(st, 12),
        .ends_at = mp_col_i64(st, 13),
        .timezone = mp_col_text(st, 14, arena),
        .wants_meeting = mp_col_i64(st, 15) != 0,
        .settings = mp_col_text(st, 16, arena),
        .meeting_id = mp_col_i64(st, 17),
        .leaving_id = mp_col_i64(st, 18),
        .meeting_state = (enum mp_meeting_state)name_index(state_names, MP_COUNT(state_names), mp_col_text(st, 19, arena)),
        .meeting_reason = mp_col_text(st, 20, arena),
        .generation = mp_col_i64(st, 21),
        .dirty = mp_col_i64(st, 22) != 0,
        .tries = mp_col_i64(st, 23),
        .fence = mp_col_i64(st, 24),
        .sequence = mp_col_i64(st, 25),
        .version = mp_col_i64(st, 26),
        .created_at = mp_col_i64(st, 27),
        .updated_at = mp_col_i64(st, 28),
        .deleted_at = mp_col_null(st, 29) ? -1 : mp_col_i64(st, 29),
    };
}

/* Runs a statement and says whether it changed a row. */
static int changed(struct mp_stmt *st, struct mp_error *err)
{
    if (mp_db_run(st, err) < 0)
        return -1;
    return mp_db_affected(st) > 0 ? 1 : 0;
}

static int one_booking(struct mp_stmt *st, struct mp_arena *arena, struct mp_booking_row *row, struct mp_error *err)
{
    int rc = mp_db_one(st, err);

    if (rc > 0)
        booking_read(st, arena, row);
    return rc;
}

static int booking_rows(struct mp_stmt *st, struct mp_arena *arena, struct mp_booking_row **rows, size_t *count, struct mp_error *err)
{
    struct store_list list = {.arena = arena, .size = sizeof(struct mp_booking_row)};
    int rc;

    if (mp_db_run(st, err) < 0)
        return -1;
    while ((rc = mp_db_next(st, err)) > 0)
        booking_read(st, arena, store_list_next(&list));
    *rows = list.rows;
    *count = list.count;
    return rc;
}

/* ---- People ---- */

static void bind_person(struct mp_stmt *st, const struct mp_booking_row *row, const struct mp_booking_person *person)
{
    mp_bind_i64(st, row->id);
    mp_bind_text(st, person->sub);
    mp_bind_i64(st, 1 << person->part);
    mp_bind_text(st, kind_names[row->kind]);
    mp_bind_text(st, status_names[row->status]);
    mp_bind_i64(st, row->starts_at);
}

static int insert_people(struct mp_db *db, const struct mp_booking_row *row, const struct mp_booking_person *people, size_t count,
                         struct mp_error *err)
{
    for (size_t i = 0; i < count;) {
        size_t wide = count - i >= PEOPLE_WIDE ? PEOPLE_WIDE : 1;
        struct mp_stmt *st = mp_db_begin(db, wide > 1 ? &people_insert : &person_insert);

        for (size_t k = 0; k < wide; k++)
            bind_person(st, row, &people[i++]);
        if (mp_db_run(st, err) < 0)
            return -1;
    }
    return 0;
}

/* A person may have several parts. */
static void add_parts(struct store_list *list, const char *sub, int64_t parts)
{
    for (int part = MP_PART_OWNER; part <= MP_PART_MEMBER; part++) {
        if ((parts & (1 << part)) != 0)
            *(struct mp_booking_person *)store_list_next(list) = (struct mp_booking_person){sub, (enum mp_booking_part)part};
    }
}

/* By (part, sub); they come by sub. */
static void sort_parts(const struct store_list *list, struct mp_booking_person **people, size_t *count)
{
    const struct mp_booking_person *all = list->rows;

    *people = mp_arena_array(list->arena, list->count + 1, sizeof(**people));
    *count = 0;
    for (int part = MP_PART_OWNER; part <= MP_PART_MEMBER; part++) {
        for (size_t i = 0; i < list->count; i++) {
            if (all[i].part == (enum mp_booking_part)part)
                (*people)[(*count)++] = all[i];
        }
    }
}

int mp_store_booking_people(struct mp_db *db, struct mp_arena *arena, int64_t booking_id, struct mp_booking_person **people, size_t *count,
                            struct mp_error *err)
{
    struct store_list list = {.arena = arena, .size = sizeof(struct mp_booking_person)};
    struct mp_stmt *st = mp_db_begin(db, &people_read);
    int rc;

    mp_bind_i64(st, booking_id);
    if (mp_db_run(st, err) < 0)
        return -1;
    while ((rc = mp_db_next(st, err)) > 0)
        add_parts(&list, mp_col_text(st, 0, arena), mp_col_i64(st, 1));
    sort_parts(&list, people, count);
    return rc;
}

/* Those of one statement's bookings. */
static int people_of_some(struct mp_db *db, struct store_list *lists, const int64_t *ids, size_t count, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &people_of);
    size_t at = 0;
    int rc;

    for (size_t i = 0; i < IDS_WIDE; i++)
        mp_bind_i64(st, ids[i < count ? i : 0]);
    if (mp_db_run(st, err) < 0)
        return -1;
    while ((rc = mp_db_next(st, err)) > 0) {
        int64_t id = mp_col_i64(st, 0);

        for (size_t i = 0; ids[at] != id && i < count; i++)
            at = i;
        add_parts(&lists[at], mp_col_text(st, 1, lists[at].arena), mp_col_i64(st, 2));
    }
    return rc;
}

int mp_store_booking_people_of(struct mp_db *db, struct mp_arena *arena, const int64_t *ids, size_t count, struct mp_booking_person **people,
                               size_t *counts, struct mp_error *err)
{
    struct store_list *lists = mp_arena_array(arena, count + 1, sizeof(*lists));

    for (size_t i = 0; i < count; i++)
        lists[i] = (struct store_list){.arena = arena, .size = sizeof(struct mp_booking_person)};
    for (size_t i = 0; i < count; i += IDS_WIDE) {
        if (people_of_some(db, lists + i, ids + i, count - i < IDS_WIDE ? count - i : IDS_WIDE, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < count; i++)
        sort_parts(&lists[i], &people[i], &counts[i]);
    return 0;
}

int mp_store_booking_part(struct mp_db *db, int64_t booking_id, const char *sub, enum mp_booking_part *part, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &person_parts);
    int64_t parts;
    int rc;

    mp_bind_i64(st, booking_id);
    mp_bind_text(st, sub);
    rc = mp_db_one(st, err);
    if (rc <= 0)
        return rc;
    parts = mp_col_i64(st, 0);
    *part = (parts & (1 << MP_PART_OWNER)) != 0 ? MP_PART_OWNER : (parts & (1 << MP_PART_HOST)) != 0 ? MP_PART_HOST : MP_PART_MEMBER;
    return 1;
}

int mp_store_booking_members(struct mp_db *db, int64_t batch_id, int64_t from, struct mp_error *err)
{
    static const struct mp_sql *const statements[] = {&members_remove, &members_drop, &members_add, &members_told};

    for (size_t i = 0; i < MP_COUNT(statements); i++) {
        struct mp_stmt *st = mp_db_begin(db, statements[i]);

        if (statements[i] == &members_told)
            mp_bind_i64(st, from);
        mp_bind_i64(st, batch_id);
        mp_bind_i64(st, from);
        if (mp_db_run(st, err) < 0)
            return -1;
    }
    return 0;
}

int mp_store_booking_hosts(struct mp_db *db, int64_t batch_id, int64_t from, const char *host_sub, struct mp_error *err)
{
    static const struct mp_sql *const statements[] = {&hosts_remove, &hosts_drop, &host_add, &hosts_write};

    for (size_t i = 0; i < MP_COUNT(statements); i++) {
        struct mp_stmt *st = mp_db_begin(db, statements[i]);

        if (statements[i] == &host_add || statements[i] == &hosts_write)
            mp_bind_text(st, host_sub);
        if (statements[i] == &hosts_write) {
            mp_bind_i64(st, from);
            mp_bind_text(st, host_sub);
        }
        mp_bind_i64(st, batch_id);
        mp_bind_i64(st, from);
        if (mp_db_run(st, err) < 0)
            return -1;
    }
    return 0;
}

int mp_store_booking_course(struct mp_db *db, int64_t batch_id, int64_t from, int64_t course_id, const char *course_title, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &course_write);

    mp_bind_i64_null(st, course_id != 0, course_id);
    mp_bind_text(st, course_title);
    mp_bind_i64(st, from);
    mp_bind_i64_null(st, course_id != 0, course_id);
    mp_bind_i64(st, batch_id);
    mp_bind_i64(st, from);
    return mp_db_run(st, err);
}

/* ---- Bookings ---- */

int mp_store_booking_insert(struct mp_db *db, struct mp_booking_row *row, const struct mp_booking_person *people, size_t people_count,
                            const char *worker, int64_t lease_ms, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &booking_insert);

    row->dirty = row->wants_meeting;
    row->meeting_state = row->dirty ? MP_STATE_PENDING : MP_STATE_NONE;
    row->fence = row->dirty ? 1 : 0;
    mp_bind_text(st, row->public_id);
    mp_bind_text(st, kind_names[row->kind]);
    mp_bind_text(st, status_names[row->status]);
    mp_bind_text(st, row->owner_sub);
    mp_bind_text(st, row->host_sub);
    mp_bind_i64_null(st, row->course_id != 0, row->course_id);
    mp_bind_i64_null(st, row->batch_id != 0, row->batch_id);
    mp_bind_text(st, row->series_id);
    mp_bind_text(st, row->title);
    mp_bind_text(st, row->topic);
    mp_bind_text(st, row->description);
    mp_bind_i64(st, row->starts_at);
    mp_bind_i64(st, row->ends_at);
    mp_bind_text(st, row->timezone);
    mp_bind_i64(st, row->wants_meeting);
    mp_bind_text(st, row->settings);
    mp_bind_text(st, state_names[row->meeting_state]);
    mp_bind_i64(st, row->created_at);
    mp_bind_i64(st, row->created_at);
    mp_bind_i64(st, row->dirty);
    mp_bind_i64(st, row->fence);
    mp_bind_text(st, row->dirty ? worker : NULL);
    mp_bind_i64(st, row->dirty);
    mp_bind_i64(st, lease_ms);
    mp_bind_i64(st, row->dirty);
    mp_bind_i64(st, lease_ms);
    if (mp_db_run(st, err) < 0)
        return -1;
    row->id = mp_db_insert_id(st);
    row->generation = row->version = 1;
    row->updated_at = row->created_at;
    row->deleted_at = -1;
    return insert_people(db, row, people, people_count, err);
}

int mp_store_booking_by_public(struct mp_db *db, struct mp_arena *arena, enum mp_booking_kind kind, const char *public_id, struct mp_booking_row *row,
                               struct mp_error *err)
{
    struct mp_stmt *st;

    if (!store_is_public_id(public_id))
        return 0;
    st = mp_db_begin(db, &booking_by_public);
    mp_bind_text(st, public_id);
    mp_bind_text(st, kind_names[kind]);
    return one_booking(st, arena, row, err);
}

int mp_store_booking_by_id(struct mp_db *db, struct mp_arena *arena, int64_t id, struct mp_booking_row *row, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &booking_by_id);

    mp_bind_i64(st, id);
    return one_booking(st, arena, row, err);
}

int mp_store_booking_by_meeting(struct mp_db *db, struct mp_arena *arena, int64_t meeting_id, struct mp_booking_row *row, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &booking_by_meeting);

    mp_bind_i64(st, meeting_id);
    return one_booking(st, arena, row, err);
}

static int write_row(struct mp_db *db, const struct mp_booking_row *row, bool dirty, int64_t now_ms, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &booking_write);

    mp_bind_text(st, row->title);
    mp_bind_text(st, row->topic);
    mp_bind_text(st, row->description);
    mp_bind_text(st, row->host_sub);
    mp_bind_i64(st, row->starts_at);
    mp_bind_i64(st, row->ends_at);
    mp_bind_text(st, row->timezone);
    mp_bind_i64(st, row->wants_meeting);
    mp_bind_text(st, row->settings);
    mp_bind_text(st, status_names[row->status]);
    mp_bind_i64(st, now_ms);
    mp_bind_i64(st, now_ms);
    for (int i = 0; i < 5; i++)
        mp_bind_i64(st, dirty);
    mp_bind_i64(st, row->id);
    mp_bind_i64(st, row->version);
    return changed(st, err);
}

static int write_people(struct mp_db *db, const struct mp_booking_row *row, const struct mp_booking_person *people, size_t count,
                        struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, people != NULL ? &people_remove : &people_follow);

    if (people == NULL) {
        mp_bind_text(st, status_names[row->status]);
        mp_bind_i64(st, row->starts_at);
    }
    mp_bind_i64(st, row->id);
    if (mp_db_run(st, err) < 0)
        return -1;
    return people != NULL ? insert_people(db, row, people, count, err) : 0;
}

int mp_store_booking_write(struct mp_db *db, struct mp_booking_row *row, const struct mp_booking_person *people, size_t people_count, bool dirty,
                           const char *worker, int64_t lease_ms, int64_t now_ms, struct mp_error *err)
{
    int rc = write_row(db, row, dirty, now_ms, err);

    if (rc <= 0)
        return rc;
    if (write_people(db, row, people, people_count, err) < 0)
        return -1;
    if (dirty && lease_ms > 0) {
        rc = mp_store_booking_claim(db, row, worker, lease_ms, err);
        if (rc < 0)
            return -1;
        row->fence = rc > 0 ? row->fence : 0;
    }
    row->version++;
    row->sequence++;
    row->dirty = row->dirty || dirty;
    row->updated_at = now_ms;
    return 1;
}

/* The bytes of a text that the column for reasons takes, whole characters. */
static size_t reason_bytes(const char *text)
{
    size_t len = strnlen(text, 400);

    while (len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80)
        len--;
    return len;
}

static void bind_reason(struct mp_stmt *st, const char *reason)
{
    if (reason != NULL)
        mp_bind_bytes(st, (struct mp_slice){reason, reason_bytes(reason)});
    else
        mp_bind_null(st);
}

int mp_store_booking_renew(struct mp_db *db, struct mp_booking_row *row, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &booking_renew);

    mp_bind_i64(st, row->id);
    if (mp_db_run(st, err) < 0)
        return -1;
    row->meeting_id = 0;
    row->generation++;
    return 0;
}

int mp_store_booking_follow(struct mp_db *db, struct mp_booking_row *row, int64_t now_ms, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &booking_follow);
    int rc;

    mp_bind_text(st, row->title);
    mp_bind_text(st, row->topic);
    mp_bind_text(st, row->description);
    mp_bind_i64(st, row->starts_at);
    mp_bind_i64(st, row->ends_at);
    mp_bind_text(st, row->timezone);
    mp_bind_text(st, row->settings);
    mp_bind_i64_null(st, row->meeting_id != 0, row->meeting_id);
    mp_bind_text(st, state_names[row->meeting_state]);
    bind_reason(st, row->meeting_reason);
    mp_bind_i64(st, now_ms);
    mp_bind_i64(st, row->id);
    mp_bind_i64(st, row->version);
    rc = changed(st, err);
    if (rc <= 0)
        return rc;
    row->version++;
    row->sequence++;
    row->updated_at = now_ms;
    return write_people(db, row, NULL, 0, err) < 0 ? -1 : 1;
}

int mp_store_booking_settle(struct mp_db *db, const struct mp_booking_row *row, const struct mp_booking_outcome *outcome, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &booking_settle);

    for (int i = 0; i < 3; i++)
        mp_bind_i64_null(st, outcome->meeting_id != 0, outcome->meeting_id);
    mp_bind_i64_null(st, outcome->leaving_id != 0, outcome->leaving_id);
    mp_bind_i64(st, outcome->generation);
    bind_reason(st, outcome->reason);
    mp_bind_i64(st, outcome->settled);
    mp_bind_i64(st, row->version);
    mp_bind_text(st, state_names[outcome->state]);
    mp_bind_i64(st, row->version);
    mp_bind_i64(st, outcome->settled);
    mp_bind_i64(st, outcome->retry_ms);
    mp_bind_i64(st, row->version);
    mp_bind_i64(st, outcome->settled);
    mp_bind_i64(st, row->id);
    mp_bind_i64(st, row->fence);
    return changed(st, err);
}

int mp_store_booking_due(struct mp_db *db, struct mp_arena *arena, unsigned limit, struct mp_booking_row **rows, size_t *count, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &booking_due);

    mp_bind_i64(st, limit);
    return booking_rows(st, arena, rows, count, err);
}

int mp_store_booking_claim(struct mp_db *db, struct mp_booking_row *row, const char *worker, int64_t lease_ms, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &booking_claim);
    int rc;

    mp_bind_text(st, worker);
    mp_bind_i64(st, lease_ms);
    mp_bind_i64(st, lease_ms);
    mp_bind_i64(st, row->id);
    rc = changed(st, err);
    if (rc > 0)
        row->fence = mp_db_insert_id(st);
    return rc;
}

int mp_store_booking_holders(struct mp_db *db, struct mp_arena *arena, const char ***workers, size_t *count, struct mp_error *err)
{
    struct store_list list = {.arena = arena, .size = sizeof(const char *)};
    struct mp_stmt *st = mp_db_begin(db, &booking_holders);
    int rc;

    if (mp_db_run(st, err) < 0)
        return -1;
    while ((rc = mp_db_next(st, err)) > 0)
        *(const char **)store_list_next(&list) = mp_col_text(st, 0, arena);
    *workers = list.rows;
    *count = list.count;
    return rc;
}

int mp_store_booking_release(struct mp_db *db, const char *worker, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &booking_release);

    mp_bind_text(st, worker);
    return mp_db_run(st, err);
}

int mp_store_booking_put_off(struct mp_db *db, int64_t wait_ms, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &booking_put_off);

    mp_bind_i64(st, wait_ms);
    return mp_db_run(st, err);
}

int mp_store_booking_hurry(struct mp_db *db, struct mp_error *err)
{
    return mp_db_run(mp_db_begin(db, &booking_hurry), err);
}

/* ---- Lists ---- */

static enum list_scope scope_of(const struct mp_booking_query *query)
{
    if (query->batch_id != 0)
        return SCOPE_BATCH;
    if (query->course_id != 0)
        return query->person != NULL ? SCOPE_PERSON_COURSE : SCOPE_COURSE;
    if (query->series_id != NULL)
        return SCOPE_SERIES;
    if (query->person != NULL)
        return query->kind >= 0 ? SCOPE_PERSON_KIND : SCOPE_PERSON;
    return query->kind >= 0 ? SCOPE_KIND : SCOPE_ALL;
}

static void bind_branch(struct mp_stmt *st, const struct mp_booking_query *query, enum list_scope scope, enum mp_booking_status status)
{
    const char *kind = query->kind >= 0 ? kind_names[query->kind] : "";

    if (scope == SCOPE_BATCH || scope == SCOPE_COURSE || scope == SCOPE_PERSON_COURSE)
        mp_bind_i64(st, scope == SCOPE_BATCH ? query->batch_id : query->course_id);
    if (scope == SCOPE_SERIES)
        mp_bind_text(st, query->series_id);
    if (scope == SCOPE_PERSON || scope == SCOPE_PERSON_KIND || scope == SCOPE_PERSON_COURSE)
        mp_bind_text(st, query->person);
    if (scope == SCOPE_KIND || scope == SCOPE_PERSON_KIND)
        mp_bind_text(st, kind);
    mp_bind_text(st, status_names[status]);
    mp_bind_i64(st, query->from);
    mp_bind_i64(st, query->until);
    mp_bind_i64(st, query->after_start);
    mp_bind_i64(st, query->after_start);
    mp_bind_i64(st, query->after_id);
    mp_bind_text(st, kind);
    mp_bind_i64(st, query->limit);
}

int mp_store_booking_list(struct mp_db *db, struct mp_arena *arena, const struct mp_booking_query *query, struct mp_booking_row **rows, size_t *count,
                          struct mp_error *err)
{
    enum list_scope scope = scope_of(query);
    bool two = query->status < 0;
    struct mp_stmt *st = mp_db_begin(db, &booking_list[scope][query->ascending ? 1 : 0][two ? 1 : 0]);

    for (size_t i = 0; i < (two ? MP_COUNT(shown) : 1); i++)
        bind_branch(st, query, scope, two ? shown[i] : (enum mp_booking_status)query->status);
    mp_bind_i64(st, query->limit);
    return booking_rows(st, arena, rows, count, err);
}
