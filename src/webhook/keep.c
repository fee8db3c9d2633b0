#include <string.h>

#include "meetpool/account.h"
#include "meetpool/clock.h"
#include "meetpool/store_alert.h"
#include "webhook_int.h"

#define EVERY_MS 60000
/* Much longer than a signature is good for: what is sent once more by then is known, what is sent later is refused. */
#define KEEP_MS      (30 * MP_DAY_MS)
#define EXPIRE_BATCH 2000

/* Whether one of the accounts that the app speaks of has held a meeting since it was last heard. 1, 0, -1. */
static int held_unheard(struct mp_ctx *ctx, const char *app, int64_t since, struct mp_error *err)
{
    int rc = app[0] == '\0' ? mp_store_webhook_held_since(ctx->db, NULL, since, err) : 0;

    for (size_t i = 0; rc == 0 && i < ctx->account_conf->count; i++) {
        const char *account = ctx->account_conf->accounts[i].name;

        if (webhook_app_covers(ctx->webhook_conf, app, account))
            rc = mp_store_webhook_held_since(ctx->db, account, since, err);
    }
    return rc;
}

static int keep_app(struct mp_ctx *ctx, const char *app, struct mp_error *err)
{
    const char *path = app[0] == '\0' ? "zoom/webhook" : mp_arena_printf(ctx->arena, "zoom/webhook/%s", app);
    struct mp_webhook_app_row row;
    int rc;

    if (mp_store_webhook_app(ctx->db, ctx->arena, app, &row, err) < 0)
        return -1;
    if (row.last_event_at == 0)
        return 0;
    if (mp_store_webhook_heard(ctx->db, app, row.last_event, row.last_event_at, err) < 0)
        return -1;
    rc = row.alarmed_at > row.last_event_at ? 0 : held_unheard(ctx, app, row.last_event_at, err);
    if (rc > 0)
        rc = mp_store_webhook_alarm(ctx->db, app, err);
    if (rc <= 0)
        return rc;
    return mp_store_alert_raise(
        ctx->db, MP_ALERT_WEBHOOKS, path,
        mp_arena_printf(ctx->arena, "Zoom has told nothing at %s since %s, though meetings were held: look at the app's event subscription.", path,
                        mp_time_format_seconds(ctx->arena, row.last_event_at)),
        err);
}

int webhook_keep(struct mp_ctx *ctx, struct mp_error *err)
{
    const struct mp_webhook_conf *conf = ctx->webhook_conf;
    int64_t now_ms = mp_monotonic_ms();

    if (conf->runtime->kept_ms != 0 && now_ms - conf->runtime->kept_ms < EVERY_MS)
        return 0;
    for (size_t i = 0; i < conf->count; i++) {
        if (keep_app(ctx, conf->apps[i].name, err) < 0)
            return -1;
    }
    /* After that: when an app was last heard outlives its events. */
    if (mp_store_webhook_expire(ctx->db, KEEP_MS, EXPIRE_BATCH, err) < 0)
        return -1;
    conf->runtime->kept_ms = now_ms;
    return 0;
}
