#include <stdio.h>
#include <string.h>

#include "ctl_int.h"

int ctl_failed(const struct ctl *ctl)
{
    const char *detail = ctl->err.detail;

    if (detail != NULL && strcmp(detail, mp_error_message(&ctl->err)) != 0)
        fprintf(stderr, "meetpoolctl: %s (%s)\n", mp_error_message(&ctl->err), detail);
    else
        fprintf(stderr, "meetpoolctl: %s\n", mp_error_message(&ctl->err));
    return 1;
}

int ctl_misused(const char *how)
{
    fprintf(stderr, "Usage: meetpoolctl %s\n", how);
    return 2;
}

bool ctl_plain(const struct ctl *ctl)
{
    if (ctl->argc > 1)
        fprintf(stderr, "meetpoolctl: %s takes nothing more; see meetpoolctl --help\n", ctl->argv[0]);
    return ctl->argc <= 1;
}

int ctl_fill(struct ctl *ctl, const struct mp_setting *table, size_t rows, void *out)
{
    struct mp_conf_source *source;

    if (mp_conf_open(ctl->arena, ctl->config_path, &source, &ctl->err) < 0)
        return -1;
    return mp_conf_fill(ctl->arena, source, table, rows, out, &ctl->err);
}

int ctl_pool_open(struct ctl *ctl, struct ctl_pool *pool)
{
    *pool = (struct ctl_pool){0};
    if (mp_settings_load(ctl->arena, ctl->config_path, &ctl->log, &pool->settings, &ctl->err) < 0)
        return -1;
    pool->db = mp_db_new(&pool->settings->db, &ctl->log);
    pool->http = mp_http_new();
    pool->zoom = mp_zoom_new(&pool->settings->zoom, pool->http, &ctl->log);
    pool->ctx = (struct mp_ctx){
        .arena = ctl->arena,
        .db = pool->db,
        .zoom = pool->zoom,
        .log = &ctl->log,
        .keyring = pool->settings->keyring,
        .account_conf = &pool->settings->account,
        .meeting_conf = &pool->settings->meeting,
        .connection_conf = &pool->settings->connection,
        .owner = "meetpoolctl",
    };
    return 0;
}

void ctl_pool_close(struct ctl_pool *pool)
{
    if (pool->zoom != NULL)
        mp_zoom_free(pool->zoom);
    if (pool->http != NULL)
        mp_http_free(pool->http);
    if (pool->db != NULL)
        mp_db_free(pool->db);
}
