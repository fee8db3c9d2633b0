#include "connection_int.h"
#include "meetpool/clock.h"

/* A round takes a few only: the runner has other duties. */
#define KEEP_BATCH 4
/* Of those that are due some may be in the hands of others. */
#define KEEP_LOOK 24
/* States are remembered for a day after they ended, so that a late one is told what it is. */
#define CONSENT_KEPT_MS MP_DAY_MS
#define CONSENT_BATCH   200

static int refresh_one(struct mp_ctx *ctx, const char *sub, unsigned *done, struct mp_error *err)
{
    enum connection_outcome outcome;
    struct mp_connection_row row;
    int rc = mp_store_connection_by_sub(ctx->db, ctx->arena, sub, &row, err);

    if (rc <= 0 || row.state != MP_CONNECTION_CONNECTED || connection_is_held(ctx, &row))
        return rc < 0 ? -1 : 0;
    rc = mp_store_connection_lease(ctx->db, &row, row.owner != NULL, true, ctx->owner, CONNECTION_LEASE_MS, err);
    if (rc <= 0)
        return rc;
    *done += 1;
    return connection_refresh(ctx, &row, &outcome, err);
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
