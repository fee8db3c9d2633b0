#include <inttypes.h>

#include "ctl_int.h"
#include "meetpool/account.h"
#include "meetpool/clock.h"

static const char *health(struct mp_arena *arena, bool active, const char *reason, int64_t until_ms)
{
    if (active)
        return "active";
    if (until_ms > 0)
        return mp_arena_printf(arena, "%s until %s", reason != NULL ? reason : "inactive", mp_time_format_seconds(arena, until_ms));
    return reason != NULL ? reason : "inactive";
}

static void add_hosts(struct table *table, struct mp_arena *arena, const struct mp_account_conf *conf, const struct mp_account_stats *stats)
{
    int64_t now_ms = mp_now_ms();

    for (size_t i = 0; i < stats->entry->hosts_count; i++) {
        const struct mp_host_state *host = &stats->state.hosts[i];
        const char *limit = stats->entry->host_max_concurrent > 0 ? cell_int(arena, stats->entry->host_max_concurrent) : NULL;

        table_add(table, (const char *const[]){
                             mp_arena_printf(arena, "  %s", stats->entry->hosts[i].user),
                             health(arena, host->inactive_until <= now_ms, host->inactive_reason, host->inactive_until),
                             NULL,
                             limit,
                             NULL,
                             mp_arena_printf(arena, "%" PRId64 "/%" PRId64, host->daily_used, conf->daily_limit),
                             cell_time(arena, host->last_used_at),
                             NULL,
                         });
    }
}

int ctl_accounts(struct ctl *ctl)
{
    static const char *const heads[] = {"ACCOUNT", "STATE", "NOW", "LIMIT", "UPCOMING", "USED TODAY", "LAST USED", "LAST ERROR"};
    struct mp_account_stats *stats;
    struct ctl_pool pool;
    struct table table;
    int rc = 1;

    if (!ctl_plain(ctl))
        return 2;
    if (ctl_pool_open(ctl, &pool) < 0 || mp_account_stats(&pool.ctx, &stats, &ctl->err) < 0) {
        ctl_failed(ctl);
        goto out;
    }
    table_init(&table, ctl->arena, MP_COUNT(heads), heads);
    for (size_t i = 0; i < pool.settings->account.count; i++) {
        const struct mp_account_stats *one = &stats[i];

        table_add(&table, (const char *const[]){
                              one->entry->name,
                              health(ctl->arena, one->active, one->inactive_reason, one->inactive_until),
                              cell_int(ctl->arena, one->active_meetings),
                              cell_int(ctl->arena, one->entry->max_concurrent),
                              cell_int(ctl->arena, one->upcoming_meetings),
                              cell_int(ctl->arena, one->daily_used),
                              cell_time(ctl->arena, one->state.last_used_at),
                              one->state.last_error,
                          });
        add_hosts(&table, ctl->arena, &pool.settings->account, one);
    }
    table_print(&table);
    rc = 0;
out:
    ctl_pool_close(&pool);
    return rc;
}
