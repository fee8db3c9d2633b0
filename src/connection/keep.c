#include <string.h>

#include "connection_int.h"
#include "meetpool/clock.h"

/* A round takes a few only: the runner has other duties. */
#define KEEP_BATCH 4
/* Of those that are due some may be in the hands of others. */
#define KEEP_LOOK 24
/* States are remembered for a day after they ended, so that a late one is told what it is. */
#define CONSENT_KEPT_MS MP_DAY_MS
#define CONSENT_BATCH   200

/* Licences change, and how many meetings may run at once with them. Where Zoom does not tell, what was known stays. */
static int learn_licence(struct mp_ctx *ctx, const char *sub, struct mp_error *err)
{
    struct mp_connection_row row;
    struct mp_secret access;
    struct mp_zoom_user user;
    struct mp_zoom_result res;
    int64_t most;
    int rc = mp_store_connection_by_sub(ctx->db, ctx->arena, sub, &row, err);

    if (rc <= 0 || row.access_sealed == NULL)
        return rc < 0 ? -1 : 0;
    if (connection_open(ctx, MP_SEALED_ACCESS, sub, row.access_sealed, &access, err) < 0)
        return -1;
    mp_zoom_user_get(ctx->zoom, ctx->arena, &access, CONNECTION_CALL_MS, "me", &user, &res);
    if (res.cls != MP_ZOOM_OK || !connection_can_keep(&user) || strcmp(user.id, row.zoom_user_id) != 0)
        return 0;
    most = connection_most_meetings(ctx, &access, &user);
    row.zoom_email = user.email;
    row.zoom_type = user.type;
    row.most_meetings = most > 0 ? most : row.most_meetings;
    return mp_store_connection_licence(ctx->db, &row, err);
}

/* Whether it still is what it was listed as: another runner may have been here meanwhile. */
static bool is_due(const struct mp_ctx *ctx, const struct mp_connection_row *row)
{
    return row->state == MP_CONNECTION_CONNECTED && row->refreshed_at < row->now_ms - ctx->connection_conf->idle_s * 1000 &&
           row->try_at <= row->now_ms && !connection_is_held(ctx, row);
}

static int refresh_one(struct mp_ctx *ctx, const char *sub, unsigned *done, struct mp_error *err)
{
    enum connection_outcome outcome;
    struct mp_connection_row row;
    int rc = mp_store_connection_by_sub(ctx->db, ctx->arena, sub, &row, err);

    if (rc <= 0 || !is_due(ctx, &row))
        return rc < 0 ? -1 : 0;
    rc = mp_store_connection_lease(ctx->db, &row, row.owner != NULL, true, ctx->owner, CONNECTION_LEASE_MS, err);
    if (rc <= 0)
        return rc;
    *done += 1;
    if (connection_refresh(ctx, &row, &outcome, err) < 0)
        return -1;
    return outcome == CONNECTION_RENEWED ? learn_licence(ctx, sub, err) : 0;
}

int mp_connection_keep(struct mp_ctx *ctx, unsigned *done, struct mp_error *err)
{
    const struct mp_connection_conf *conf = ctx->connection_conf;
    const char **subs;
    size_t count;

    *done = 0;
    if (mp_store_consent_expire(ctx->db, CONSENT_KEPT_MS, CONSENT_BATCH, err) < 0)
        return -1;
    if (!conf->configured || !conf->enabled)
        return 0;
    if (mp_store_connection_idle(ctx->db, ctx->arena, conf->idle_s * 1000, KEEP_LOOK, &subs, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count && *done < KEEP_BATCH; i++) {
        if (refresh_one(ctx, subs[i], done, err) == 0)
            continue;
        if (err->code == MP_E_UNAVAILABLE || err->code == MP_E_UNCERTAIN)
            return -1;
        /* One whose token cannot be opened holds up none of the others. */
        mp_log(ctx->log, MP_ERROR, "connection.unreadable", MP_STR("person", subs[i]), MP_STR("detail", err->detail));
        mp_error_reset(err);
    }
    return 0;
}
