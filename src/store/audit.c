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
static const struct mp_sql audit_all = {"SELECT id, at, actor, action, subject, outcome, detail, remote_addr, request_id FROM audit"
                                        " WHERE id < ? ORDER BY id DESC LIMIT ?"};
static const struct mp_sql audit_of = {"SELECT id, at, actor, action, subject, outcome, detail, remote_addr, request_id FROM audit"
                                       " WHERE id < ? AND subject = ? ORDER BY id DESC LIMIT ?"};

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

int mp_store_audit_list(struct mp_db *db, struct mp_arena *arena, const char *subject, int64_t before_id, unsigned limit, struct mp_audit_row **rows,
                        size_t *count, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, subject != NULL ? &audit_of : &audit_all);
    struct store_list list = {.arena = arena, .size = sizeof(struct mp_audit_row)};
    int rc;

    mp_bind_i64(st, before_id);
    if (subject != NULL)
        mp_bind_text(st, subject);
    mp_bind_i64(st, (int64_t)limit);
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
