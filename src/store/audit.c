#include "meetpool/store_audit.h"

#include <string.h>

#include "store_int.h"

/* Characters that the columns hold; a character has at most four bytes. */
#define SUB_MOST     190
#define DETAIL_MOST  400
#define ADDRESS_MOST 64
#define REQUEST_MOST 128

static const struct mp_sql audit_add = {
    "INSERT INTO audit (at, actor, action, subject, outcome, detail, remote_addr, request_id) VALUES (" MP_DB_NOW_MS ", ?, ?, ?, ?, ?, ?, ?)"};
/* One text an index, so that the rarest thing that is asked for is what is walked by; the rest is looked at row by row. */
#define LIST(index)                                                                                                                                  \
    "SELECT id, at, actor, action, subject, outcome, detail, remote_addr, request_id FROM audit FORCE INDEX (" index ") WHERE id < ? AND"            \
    " (? IS NULL OR subject = ?) AND (? IS NULL OR actor = ?) AND (? IS NULL OR action = ?) AND (? IS NULL OR outcome = ?) AND at >= ? AND at < ?"
#define NEWEST " ORDER BY id DESC LIMIT ?"
static const struct mp_sql audit_all = {LIST("PRIMARY") NEWEST};
static const struct mp_sql audit_subject = {LIST("audit_subject") " AND subject = ?" NEWEST};
static const struct mp_sql audit_actor = {LIST("audit_actor") " AND actor = ?" NEWEST};
static const struct mp_sql audit_action = {LIST("audit_action") " AND action = ?" NEWEST};
static const struct mp_sql audit_outcome = {LIST("audit_outcome") " AND outcome = ?" NEWEST};

const char *store_cut(struct mp_arena *arena, const char *text, size_t most)
{
    size_t chars = 0, i = 0;

    if (text == NULL)
        return NULL;
    for (; text[i] != '\0'; i++) {
        if (((unsigned char)text[i] & 0xc0) != 0x80 && chars++ == most)
            break;
    }
    return mp_arena_strndup(arena, (struct mp_slice){text, i});
}

int mp_store_audit_add(struct mp_db *db, struct mp_arena *arena, const struct mp_audit_row *row, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &audit_add);

    mp_bind_text(st, store_cut(arena, row->actor, SUB_MOST));
    mp_bind_text(st, row->action);
    mp_bind_text(st, store_cut(arena, row->subject, SUB_MOST));
    mp_bind_text(st, row->outcome);
    mp_bind_text(st, store_cut(arena, row->detail, DETAIL_MOST));
    mp_bind_text(st, store_cut(arena, row->remote_addr, ADDRESS_MOST));
    mp_bind_text(st, store_cut(arena, row->request_id, REQUEST_MOST));
    return mp_db_run(st, err);
}

/* `key`: what its index begins with; NULL: the newest of all. */
static const struct mp_sql *list_sql(const struct mp_audit_query *query, const char **key)
{
    const struct {
        const char *value;
        const struct mp_sql *sql;
    } ways[] = {{query->subject, &audit_subject}, {query->actor, &audit_actor}, {query->action, &audit_action}, {query->outcome, &audit_outcome}};

    for (size_t i = 0; i < MP_COUNT(ways); i++) {
        *key = ways[i].value;
        if (*key != NULL)
            return ways[i].sql;
    }
    return &audit_all;
}

int mp_store_audit_list(struct mp_db *db, struct mp_arena *arena, const struct mp_audit_query *query, struct mp_audit_row **rows, size_t *count,
                        struct mp_error *err)
{
    const char *const filters[] = {query->subject, query->actor, query->action, query->outcome}, *key;
    struct mp_stmt *st = mp_db_begin(db, list_sql(query, &key));
    struct store_list list = {.arena = arena, .size = sizeof(struct mp_audit_row)};
    int rc;

    mp_bind_i64(st, query->before_id);
    for (size_t i = 0; i < MP_COUNT(filters); i++) {
        mp_bind_text(st, filters[i]);
        mp_bind_text(st, filters[i]);
    }
    mp_bind_i64(st, query->from);
    mp_bind_i64(st, query->until);
    if (key != NULL)
        mp_bind_text(st, key);
    mp_bind_i64(st, (int64_t)query->limit);
    if (mp_db_run(st, err) < 0)
        return -1;
    while ((rc = mp_db_next(st, err)) > 0) {
        struct mp_audit_row *row = store_list_next(&list);

        *row = (struct mp_audit_row){.id = mp_col_i64(st, 0), .at = mp_col_i64(st, 1)};
        row->actor = mp_col_text(st, 2, arena);
        row->action = mp_col_text(st, 3, arena);
        row->subject = mp_col_text(st, 4, arena);
        row->outcome = mp_col_text(st, 5, arena);
        row->detail = mp_col_text(st, 6, arena);
        row->remote_addr = mp_col_text(st, 7, arena);
        row->request_id = mp_col_text(st, 8, arena);
    }
    *rows = list.rows;
    *count = list.count;
    return rc;
}
