#include <inttypes.h>
#include <stdio.h>

#include "ctl_int.h"
#include "meetpool/connection.h"

#define SHOWN_MOST 1000

int ctl_connections(struct ctl *ctl)
{
    static const char *const heads[] = {"PERSON", "STATE", "WHY", "ZOOM E-MAIL", "SINCE", "LAST REFRESH", "FAILURES", "LAST ERROR"};
    struct mp_connection_row *rows;
    struct mp_db_conf conf = {0};
    struct table table;
    struct mp_db *db;
    size_t count;
    int rc = 1;

    if (!ctl_plain(ctl))
        return 2;
    if (ctl_fill(ctl, mp_db_settings, mp_db_settings_rows, &conf) < 0)
        return ctl_failed(ctl);
    db = mp_db_new(&conf, &ctl->log);
    if (mp_store_connection_list(db, ctl->arena, INT64_MAX, SHOWN_MOST, &rows, &count, &ctl->err) < 0) {
        ctl_failed(ctl);
        goto out;
    }
    table_init(&table, ctl->arena, MP_COUNT(heads), heads);
    for (size_t i = 0; i < count; i++) {
        table_add(&table, (const char *const[]){
                              rows[i].sub,
                              mp_connection_state_name(rows[i].state),
                              rows[i].reason,
                              rows[i].zoom_email,
                              cell_time(ctl->arena, rows[i].connected_at),
                              cell_time(ctl->arena, rows[i].refreshed_at),
                              cell_int(ctl->arena, rows[i].failures),
                              rows[i].last_error,
                          });
    }
    table_print(&table);
    rc = 0;
out:
    mp_db_free(db);
    return rc;
}

/* Ends with 1 while something is left: call it again once every process has the new keys. */
int ctl_rotate_keys(struct ctl *ctl)
{
    static const struct mp_connection_actor actor = {.sub = "meetpoolctl"};
    struct mp_rotation done;
    struct ctl_pool pool;
    int rc = 1;

    if (!ctl_plain(ctl))
        return 2;
    if (ctl_pool_open(ctl, &pool) < 0 || mp_connection_rotate(&pool.ctx, &actor, &done, &ctl->err) < 0) {
        ctl_failed(ctl);
        goto out;
    }
    printf("%" PRId64 " sealed anew, %" PRId64 " left\n", done.done, done.left);
    if (done.unreadable > 0)
        fprintf(stderr, "meetpoolctl: %" PRId64 " cannot be opened and stay as they are; the last: %s\n", done.unreadable, done.example);
    rc = done.left > 0 ? 1 : 0;
out:
    ctl_pool_close(&pool);
    return rc;
}
