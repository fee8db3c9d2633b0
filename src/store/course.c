#include "meetpool/store_course.h"

#include <stdlib.h>
#include <string.h>

#include "meetpool/crypto.h"
#include "store_int.h"

#define COURSE_COLS "c.id, c.public_id, c.owner_sub, c.title, c.description, c.timezone, c.deleted, c.version, c.created_at, c.updated_at"

static const struct mp_sql course_insert = {
    "INSERT INTO course (public_id, owner_sub, title, description, timezone, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?)"};
static const struct mp_sql course_by_public = {"SELECT " COURSE_COLS " FROM course c WHERE c.public_id = ?"};
static const struct mp_sql course_by_id = {"SELECT " COURSE_COLS " FROM course c WHERE c.id = ?"};
static const struct mp_sql course_hold = {"UPDATE course SET sessions_made = sessions_made + ? WHERE id = ?"};
static const struct mp_sql course_write = {
    "UPDATE course SET title = ?, description = ?, timezone = ?, deleted = ?, updated_at = ?, version = version + 1"
    " WHERE id = ? AND version = ?"};

/* Lists: newest first. Branches of a viewer overlap; a course or batch is listed once. Parameters of a branch: key, deleted, before, limit. */
#define COURSES(from, key, id)                                                                                                                       \
    "(SELECT DISTINCT " id " AS id FROM " from " WHERE " key " AND c.deleted = ? AND " id " < ? ORDER BY " id " DESC LIMIT ?)"
#define COURSE_PAGE(branches)                                                                                                                        \
    {                                                                                                                                                \
        "SELECT " COURSE_COLS " FROM (" branches " ORDER BY id DESC LIMIT ?) n JOIN course c ON c.id = n.id ORDER BY n.id DESC"                      \
    }
static const struct mp_sql course_list_all = COURSE_PAGE(COURSES("course c FORCE INDEX (course_all)", "1 = 1", "c.id"));
/* Own ones, and those of the batches that the viewer teaches or is in, who are not many. */
static const struct mp_sql course_list_viewer =
    COURSE_PAGE(COURSES("course c FORCE INDEX (course_owner)", "c.owner_sub = ?", "c.id") " UNION " COURSES(
        "batch b FORCE INDEX (batch_instructor) STRAIGHT_JOIN course c ON c.id = b.course_id", "b.instructor_sub = ? AND b.deleted = 0",
        "c.id") " UNION " COURSES("batch_member m FORCE INDEX (member_sub) STRAIGHT_JOIN batch b ON b.id = m.batch_id"
                                  " STRAIGHT_JOIN course c ON c.id = b.course_id",
                                  "m.sub = ? AND b.deleted = 0", "c.id"));

#define BATCH_COLS                                                                                                                                   \
    "b.id, b.public_id, b.owner_sub, b.instructor_sub, c.id, c.public_id, c.title, b.name, b.batch_type, b.timezone, b.settings, b.deleted,"         \
    " b.version, b.created_at, b.updated_at"
/* A batch outlives its course, and has none then. */
#define BATCH_JOIN " LEFT JOIN course c ON c.id = b.course_id AND c.deleted = 0"

static const struct mp_sql batch_insert = {"INSERT INTO batch (public_id, owner_sub, instructor_sub, course_id, name, batch_type, timezone, settings,"
                                           " created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"};
static const struct mp_sql batch_by_public = {"SELECT " BATCH_COLS " FROM batch b" BATCH_JOIN " WHERE b.public_id = ?"};
static const struct mp_sql batch_by_id = {"SELECT " BATCH_COLS " FROM batch b" BATCH_JOIN " WHERE b.id = ?"};
static const struct mp_sql batch_hold = {"UPDATE batch SET sessions_made = sessions_made + ? WHERE id = ?"};
static const struct mp_sql batch_write = {
    "UPDATE batch SET instructor_sub = ?, course_id = ?, name = ?, batch_type = ?, timezone = ?, settings = ?, deleted = ?, updated_at = ?,"
    " version = version + 1 WHERE id = ? AND version = ?"};

/* Parameters of a branch: key, deleted, the course (0: any), before, limit. */
#define BATCHES(from, key, id)                                                                                                                       \
    "(SELECT " id " AS id FROM " from " WHERE " key " AND k.deleted = ? AND ? IN (0, k.course_id) AND " id " < ? ORDER BY " id " DESC LIMIT ?)"
#define BATCH_PAGE(branches)                                                                                                                         \
    {                                                                                                                                                \
        "SELECT " BATCH_COLS " FROM (" branches " ORDER BY id DESC LIMIT ?) n JOIN batch b ON b.id = n.id" BATCH_JOIN " ORDER BY n.id DESC"          \
    }
static const struct mp_sql batch_list_all = BATCH_PAGE(BATCHES("batch k FORCE INDEX (batch_all)", "1 = 1", "k.id"));
static const struct mp_sql batch_list_course = BATCH_PAGE(BATCHES("batch k FORCE INDEX (batch_course)", "k.course_id = ?", "k.id"));
static const struct mp_sql batch_list_viewer = BATCH_PAGE(BATCHES("batch k FORCE INDEX (batch_owner)", "k.owner_sub = ?", "k.id") " UNION " BATCHES(
    "batch k FORCE INDEX (batch_instructor)", "k.instructor_sub = ?",
    "k.id") " UNION " BATCHES("batch_member m FORCE INDEX (member_sub) STRAIGHT_JOIN batch k ON k.id = m.batch_id", "m.sub = ?", "m.batch_id"));
#define VIEWER_BRANCHES 3

static const struct mp_sql members_read = {"SELECT sub FROM batch_member WHERE batch_id = ? ORDER BY sub"};
#define IDS_WIDE 50
#define TEN      "?, ?, ?, ?, ?, ?, ?, ?, ?, ?"
static const struct mp_sql members_of = {"SELECT batch_id, sub FROM batch_member WHERE batch_id IN (" TEN ", " TEN ", " TEN ", " TEN ", " TEN
                                         ") ORDER BY batch_id, sub"};
static const struct mp_sql member_remove = {"DELETE FROM batch_member WHERE batch_id = ? AND sub = ?"};
static const struct mp_sql member_insert = {"INSERT INTO batch_member (batch_id, sub) VALUES (?, ?)"};
#define MEMBERS_WIDE 10
static const struct mp_sql members_insert = {
    "INSERT INTO batch_member (batch_id, sub) VALUES (?, ?), (?, ?), (?, ?), (?, ?), (?, ?), (?, ?), (?, ?), (?, ?), (?, ?), (?, ?)"};

static const struct mp_sql person_defaults = {"SELECT meeting_defaults FROM person WHERE sub = ?"};
static const struct mp_sql person_set_defaults = {
    "INSERT INTO person (sub, meeting_defaults, updated_at) VALUES (?, ?, ?)"
    " ON DUPLICATE KEY UPDATE meeting_defaults = VALUES(meeting_defaults), updated_at = VALUES(updated_at)"};
static const struct mp_sql person_feed = {"SELECT feed_sealed FROM person WHERE sub = ?"};
static const struct mp_sql person_set_feed = {
    "INSERT INTO person (sub, feed_hash, feed_sealed, updated_at) VALUES (?, ?, ?, ?)"
    " ON DUPLICATE KEY UPDATE feed_hash = VALUES(feed_hash), feed_sealed = VALUES(feed_sealed), updated_at = VALUES(updated_at)"};
/* Of two at once the first wins: the address that was seen (NULL: none) must still be there. `feed_sealed` is the last to change. */
static const struct mp_sql person_begin_feed = {
    "INSERT INTO person (sub, feed_hash, feed_sealed, updated_at) VALUES (?, ?, ?, ?)"
    " ON DUPLICATE KEY UPDATE feed_hash = IF(feed_sealed <=> ?, VALUES(feed_hash), feed_hash),"
    " updated_at = IF(feed_sealed <=> ?, VALUES(updated_at), updated_at), feed_sealed = IF(feed_sealed <=> ?, VALUES(feed_sealed), feed_sealed)"};
static const struct mp_sql person_by_feed = {"SELECT sub FROM person WHERE feed_hash = ?"};

/* Runs a statement and says whether it changed a row. */
static int changed(struct mp_stmt *st, struct mp_error *err)
{
    if (mp_db_run(st, err) < 0)
        return -1;
    return mp_db_affected(st) > 0 ? 1 : 0;
}

/* ---- Courses ---- */

static void course_read(struct mp_stmt *st, struct mp_arena *arena, struct mp_course_row *row)
{
    *row = (struct mp_course_row){
        .id = mp_col_i64(st, 0),
        .public_id = mp_col_text(st, 1, arena),
        .owner_sub = mp_col_text(st, 2, arena),
        .title = mp_col_text(st, 3, arena),
        .description = mp_col_text(st, 4, arena),
        .timezone = mp_col_text(st, 5, arena),
        .deleted = mp_col_i64(st, 6) != 0,
        .version = mp_col_i64(st, 7),
        .created_at = mp_col_i64(st, 8),
        .updated_at = mp_col_i64(st, 9),
    };
}

int mp_store_course_insert(struct mp_db *db, struct mp_course_row *row, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &course_insert);

    mp_bind_text(st, row->public_id);
    mp_bind_text(st, row->owner_sub);
    mp_bind_text(st, row->title);
    mp_bind_text(st, row->description);
    mp_bind_text(st, row->timezone);
    mp_bind_i64(st, row->created_at);
    mp_bind_i64(st, row->created_at);
    if (mp_db_run(st, err) < 0)
        return -1;
    row->id = mp_db_insert_id(st);
    row->version = 1;
    row->updated_at = row->created_at;
    return 0;
}

static int one_course(struct mp_stmt *st, struct mp_arena *arena, struct mp_course_row *row, struct mp_error *err)
{
    int rc = mp_db_one(st, err);

    if (rc > 0)
        course_read(st, arena, row);
    return rc;
}

int mp_store_course_by_public(struct mp_db *db, struct mp_arena *arena, const char *public_id, struct mp_course_row *row, struct mp_error *err)
{
    struct mp_stmt *st;

    if (!store_is_public_id(public_id))
        return 0;
    st = mp_db_begin(db, &course_by_public);
    mp_bind_text(st, public_id);
    return one_course(st, arena, row, err);
}

int mp_store_course_by_id(struct mp_db *db, struct mp_arena *arena, int64_t id, struct mp_course_row *row, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &course_by_id);

    mp_bind_i64(st, id);
    return one_course(st, arena, row, err);
}

int mp_store_course_write(struct mp_db *db, struct mp_course_row *row, int64_t now_ms, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &course_write);
    int rc;

    mp_bind_text(st, row->title);
    mp_bind_text(st, row->description);
    mp_bind_text(st, row->timezone);
    mp_bind_i64(st, row->deleted);
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

int mp_store_course_hold(struct mp_db *db, struct mp_arena *arena, int64_t id, size_t sessions, struct mp_course_row *row, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &course_hold);

    mp_bind_i64(st, (int64_t)sessions);
    mp_bind_i64(st, id);
    if (mp_db_run(st, err) < 0)
        return -1;
    return mp_store_course_by_id(db, arena, id, row, err);
}

int mp_store_course_list(struct mp_db *db, struct mp_arena *arena, const char *viewer, bool deleted, int64_t before_id, unsigned limit,
                         struct mp_course_row **rows, size_t *count, struct mp_error *err)
{
    struct store_list list = {.arena = arena, .size = sizeof(struct mp_course_row)};
    struct mp_stmt *st = mp_db_begin(db, viewer != NULL ? &course_list_viewer : &course_list_all);
    int rc;

    for (int i = 0; i < (viewer != NULL ? VIEWER_BRANCHES : 1); i++) {
        if (viewer != NULL)
            mp_bind_text(st, viewer);
        mp_bind_i64(st, deleted);
        mp_bind_i64(st, before_id);
        mp_bind_i64(st, limit);
    }
    mp_bind_i64(st, limit);
    if (mp_db_run(st, err) < 0)
        return -1;
    while ((rc = mp_db_next(st, err)) > 0)
        course_read(st, arena, store_list_next(&list));
    *rows = list.rows;
    *count = list.count;
    return rc;
}

/* ---- Batches ---- */

static void batch_read(struct mp_stmt *st, struct mp_arena *arena, struct mp_batch_row *row)
{
    *row = (struct mp_batch_row){
        .id = mp_col_i64(st, 0),
        .public_id = mp_col_text(st, 1, arena),
        .owner_sub = mp_col_text(st, 2, arena),
        .instructor_sub = mp_col_text(st, 3, arena),
        .course_id = mp_col_i64(st, 4),
        .course_public_id = mp_col_text(st, 5, arena),
        .course_title = mp_col_text(st, 6, arena),
        .name = mp_col_text(st, 7, arena),
        .batch_type = mp_col_text(st, 8, arena),
        .timezone = mp_col_text(st, 9, arena),
        .settings = mp_col_text(st, 10, arena),
        .deleted = mp_col_i64(st, 11) != 0,
        .version = mp_col_i64(st, 12),
        .created_at = mp_col_i64(st, 13),
        .updated_at = mp_col_i64(st, 14),
    };
}

int mp_store_batch_insert(struct mp_db *db, struct mp_batch_row *row, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &batch_insert);

    mp_bind_text(st, row->public_id);
    mp_bind_text(st, row->owner_sub);
    mp_bind_text(st, row->instructor_sub);
    mp_bind_i64_null(st, row->course_id != 0, row->course_id);
    mp_bind_text(st, row->name);
    mp_bind_text(st, row->batch_type);
    mp_bind_text(st, row->timezone);
    mp_bind_text(st, row->settings);
    mp_bind_i64(st, row->created_at);
    mp_bind_i64(st, row->created_at);
    if (mp_db_run(st, err) < 0)
        return -1;
    row->id = mp_db_insert_id(st);
    row->version = 1;
    row->updated_at = row->created_at;
    return 0;
}

static int one_batch(struct mp_stmt *st, struct mp_arena *arena, struct mp_batch_row *row, struct mp_error *err)
{
    int rc = mp_db_one(st, err);

    if (rc > 0)
        batch_read(st, arena, row);
    return rc;
}

int mp_store_batch_by_public(struct mp_db *db, struct mp_arena *arena, const char *public_id, struct mp_batch_row *row, struct mp_error *err)
{
    struct mp_stmt *st;

    if (!store_is_public_id(public_id))
        return 0;
    st = mp_db_begin(db, &batch_by_public);
    mp_bind_text(st, public_id);
    return one_batch(st, arena, row, err);
}

int mp_store_batch_by_id(struct mp_db *db, struct mp_arena *arena, int64_t id, struct mp_batch_row *row, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &batch_by_id);

    mp_bind_i64(st, id);
    return one_batch(st, arena, row, err);
}

int mp_store_batch_write(struct mp_db *db, struct mp_batch_row *row, int64_t now_ms, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &batch_write);
    int rc;

    mp_bind_text(st, row->instructor_sub);
    mp_bind_i64_null(st, row->course_id != 0, row->course_id);
    mp_bind_text(st, row->name);
    mp_bind_text(st, row->batch_type);
    mp_bind_text(st, row->timezone);
    mp_bind_text(st, row->settings);
    mp_bind_i64(st, row->deleted);
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

int mp_store_batch_hold(struct mp_db *db, struct mp_arena *arena, int64_t id, size_t sessions, struct mp_batch_row *row, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &batch_hold);

    mp_bind_i64(st, (int64_t)sessions);
    mp_bind_i64(st, id);
    if (mp_db_run(st, err) < 0)
        return -1;
    return mp_store_batch_by_id(db, arena, id, row, err);
}

int mp_store_batch_list(struct mp_db *db, struct mp_arena *arena, const char *viewer, int64_t course_id, bool deleted, int64_t before_id,
                        unsigned limit, struct mp_batch_row **rows, size_t *count, struct mp_error *err)
{
    struct store_list list = {.arena = arena, .size = sizeof(struct mp_batch_row)};
    struct mp_stmt *st = mp_db_begin(db, viewer != NULL ? &batch_list_viewer : course_id != 0 ? &batch_list_course : &batch_list_all);
    int rc;

    for (int i = 0; i < (viewer != NULL ? VIEWER_BRANCHES : 1); i++) {
        if (viewer != NULL)
            mp_bind_text(st, viewer);
        else if (course_id != 0)
            mp_bind_i64(st, course_id);
        mp_bind_i64(st, deleted);
        mp_bind_i64(st, course_id);
        mp_bind_i64(st, before_id);
        mp_bind_i64(st, limit);
    }
    mp_bind_i64(st, limit);
    if (mp_db_run(st, err) < 0)
        return -1;
    while ((rc = mp_db_next(st, err)) > 0)
        batch_read(st, arena, store_list_next(&list));
    *rows = list.rows;
    *count = list.count;
    return rc;
}

int mp_store_batch_members(struct mp_db *db, struct mp_arena *arena, int64_t batch_id, const char ***subs, size_t *count, struct mp_error *err)
{
    struct store_list list = {.arena = arena, .size = sizeof(const char *)};
    struct mp_stmt *st = mp_db_begin(db, &members_read);
    int rc;

    mp_bind_i64(st, batch_id);
    if (mp_db_run(st, err) < 0)
        return -1;
    while ((rc = mp_db_next(st, err)) > 0)
        *(const char **)store_list_next(&list) = mp_col_text(st, 0, arena);
    *subs = list.rows;
    *count = list.count;
    return rc;
}

/* Those of one statement's batches. */
static int members_of_some(struct mp_db *db, struct store_list *lists, const int64_t *ids, size_t count, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &members_of);
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
        *(const char **)store_list_next(&lists[at]) = mp_col_text(st, 1, lists[at].arena);
    }
    return rc;
}

int mp_store_batch_members_of(struct mp_db *db, struct mp_arena *arena, const int64_t *ids, size_t count, const char ***subs, size_t *counts,
                              struct mp_error *err)
{
    struct store_list *lists = mp_arena_array(arena, count + 1, sizeof(*lists));

    for (size_t i = 0; i < count; i++)
        lists[i] = (struct store_list){.arena = arena, .size = sizeof(const char *)};
    for (size_t i = 0; i < count; i += IDS_WIDE) {
        if (members_of_some(db, lists + i, ids + i, count - i < IDS_WIDE ? count - i : IDS_WIDE, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < count; i++) {
        subs[i] = lists[i].rows;
        counts[i] = lists[i].count;
    }
    return 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Those of `subs` that are not in `others`; how many. Both are sorted. */
static size_t missing(const char *const *subs, size_t count, const char *const *others, size_t others_count, const char **out)
{
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        if (others_count == 0 || bsearch(&subs[i], others, others_count, sizeof(*others), by_text) == NULL)
            out[n++] = subs[i];
    }
    return n;
}

static int remove_members(struct mp_db *db, int64_t batch_id, const char *const *subs, size_t count, struct mp_error *err)
{
    for (size_t i = 0; i < count; i++) {
        struct mp_stmt *st = mp_db_begin(db, &member_remove);

        mp_bind_i64(st, batch_id);
        mp_bind_text(st, subs[i]);
        if (mp_db_run(st, err) < 0)
            return -1;
    }
    return 0;
}

static int insert_members(struct mp_db *db, int64_t batch_id, const char *const *subs, size_t count, struct mp_error *err)
{
    for (size_t i = 0; i < count;) {
        size_t wide = count - i >= MEMBERS_WIDE ? MEMBERS_WIDE : 1;
        struct mp_stmt *st = mp_db_begin(db, wide > 1 ? &members_insert : &member_insert);

        for (size_t k = 0; k < wide; k++) {
            mp_bind_i64(st, batch_id);
            mp_bind_text(st, subs[i++]);
        }
        if (mp_db_run(st, err) < 0)
            return -1;
    }
    return 0;
}

int mp_store_batch_set_members(struct mp_db *db, struct mp_arena *arena, int64_t batch_id, const char *const *subs, size_t count,
                               struct mp_error *err)
{
    const char **now, **wanted = mp_arena_array(arena, count + 1, sizeof(*wanted)), **differing;
    size_t now_count, gone, come;

    if (mp_store_batch_members(db, arena, batch_id, &now, &now_count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        wanted[i] = subs[i];
    qsort(wanted, count, sizeof(*wanted), by_text);
    if (now_count > 0)
        qsort(now, now_count, sizeof(*now), by_text);
    differing = mp_arena_array(arena, count + now_count + 1, sizeof(*differing));
    gone = missing((const char *const *)now, now_count, (const char *const *)wanted, count, differing);
    if (remove_members(db, batch_id, (const char *const *)differing, gone, err) < 0)
        return -1;
    come = missing((const char *const *)wanted, count, (const char *const *)now, now_count, differing);
    if (insert_members(db, batch_id, (const char *const *)differing, come, err) < 0)
        return -1;
    return gone + come > 0;
}

/* ---- Persons ---- */

/* One text by one text; NULL where the row or the value is not there. */
static int one_text(struct mp_db *db, struct mp_arena *arena, const struct mp_sql *sql, const char *key, const char **out, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, sql);
    int rc;

    *out = NULL;
    mp_bind_text(st, key);
    rc = mp_db_one(st, err);
    if (rc > 0)
        *out = mp_col_text(st, 0, arena);
    return rc < 0 ? -1 : *out != NULL;
}

int mp_store_person_defaults(struct mp_db *db, struct mp_arena *arena, const char *sub, const char **defaults, struct mp_error *err)
{
    return one_text(db, arena, &person_defaults, sub, defaults, err);
}

int mp_store_person_set_defaults(struct mp_db *db, const char *sub, const char *defaults, int64_t now_ms, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &person_set_defaults);

    mp_bind_text(st, sub);
    mp_bind_text(st, defaults);
    mp_bind_i64(st, now_ms);
    return mp_db_run(st, err);
}

int mp_store_person_feed(struct mp_db *db, struct mp_arena *arena, const char *sub, const char **sealed, struct mp_error *err)
{
    return one_text(db, arena, &person_feed, sub, sealed, err);
}

int mp_store_person_set_feed(struct mp_db *db, const char *sub, const char *hash, const char *sealed, int64_t now_ms, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &person_set_feed);

    mp_bind_text(st, sub);
    mp_bind_text(st, hash);
    mp_bind_text(st, sealed);
    mp_bind_i64(st, now_ms);
    return mp_db_run(st, err);
}

int mp_store_person_begin_feed(struct mp_db *db, const char *sub, const char *seen, const char *hash, const char *sealed, int64_t now_ms,
                               struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &person_begin_feed);

    mp_bind_text(st, sub);
    mp_bind_text(st, hash);
    mp_bind_text(st, sealed);
    mp_bind_i64(st, now_ms);
    for (int i = 0; i < 3; i++)
        mp_bind_text(st, seen);
    return mp_db_run(st, err);
}

int mp_store_person_by_feed(struct mp_db *db, struct mp_arena *arena, const char *hash, const char **sub, struct mp_error *err)
{
    return one_text(db, arena, &person_by_feed, hash, sub, err);
}

char *mp_store_public_id(struct mp_arena *arena, int64_t now_ms)
{
    return mp_arena_printf(arena, "%08llx%s", (unsigned long long)(now_ms / 1000) & 0xffffffffULL, mp_random_hex(arena, 8));
}
