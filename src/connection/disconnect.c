#include "connection_int.h"
#include "meetpool/clock.h"
#include "meetpool/fault.h"

#define LOOK_EVERY_MS 50

/*
 * Takes the lease, so that no refresh is under way whose new pair would outlive the connection. Whoever holds it is done or over within its time.
 * 1: ours, 0: there is no connection (any more), -1 failed.
 */
static int take(struct mp_ctx *ctx, const char *sub, struct mp_connection_row *row, struct mp_error *err)
{
    int64_t until_ms = mp_monotonic_ms() + CONNECTION_LEASE_MS;

    while (mp_monotonic_ms() < until_ms) {
        int rc = mp_store_connection_by_sub(ctx->db, ctx->arena, sub, row, err);

        if (rc <= 0)
            return rc;
        if (!connection_is_held(ctx, row)) {
            rc = mp_store_connection_lease(ctx->db, row, row->owner != NULL, false, ctx->owner, CONNECTION_LEASE_MS, err);
            if (rc != 0)
                return rc;
        }
        mp_sleep_ms(LOOK_EVERY_MS);
    }
    return mp_fail(err, MP_E_UNAVAILABLE, "The connection is being renewed; try again in a moment.");
}

static bool is_unheard(const struct mp_zoom_result *res)
{
    return res->cls == MP_ZOOM_NOT_SENT || res->cls == MP_ZOOM_MAYBE_DONE || res->cls == MP_ZOOM_AUTH || res->cls == MP_ZOOM_RATE_LIMITED;
}

/*
 * Zoom promises no more than that a live access token can be revoked, and most of the time the stored one is over: then a new pair is got, in the way
 * of every other refresh. Whether that came to something the row tells.
 */
static int freshen(struct mp_ctx *ctx, const char *sub, struct mp_error *err)
{
    struct mp_connection_row row;
    struct mp_connection_token token;
    struct mp_error unread;
    int rc = mp_store_connection_by_sub(ctx->db, ctx->arena, sub, &row, err);

    if (rc <= 0 || row.expires_at > row.now_ms)
        return rc < 0 ? -1 : 0;
    mp_error_init(&unread, ctx->arena);
    if (mp_connection_token(ctx, sub, NULL, mp_monotonic_ms() + CONNECTION_CALL_MS, &token, &unread) < 0)
        mp_log(ctx->log, MP_ERROR, "connection.unreadable", MP_STR("person", sub), MP_STR("detail", unread.detail));
    return 0;
}

/* Both tokens: that the one dies with the other is no promise of RFC 7009, nor of Zoom. True where Zoom took one of them. */
static bool revoke(struct mp_ctx *ctx, const struct mp_connection_row *row, const char **problem)
{
    static const enum mp_sealed_place places[] = {MP_SEALED_ACCESS, MP_SEALED_REFRESH};
    const char *const sealed[] = {row->access_sealed, row->refresh_sealed};
    bool told = false;

    *problem = NULL;
    if (!ctx->connection_conf->configured) {
        *problem = row->state == MP_CONNECTION_CONNECTED ? "the users' app is not set up any more" : NULL;
        return false;
    }
    for (size_t i = 0; i < MP_COUNT(places); i++) {
        struct mp_zoom_result res;
        struct mp_secret token;
        struct mp_error err;

        mp_error_init(&err, ctx->arena);
        if (connection_open(ctx, places[i], row->sub, sealed[i], &token, &err) < 0) {
            *problem = "the stored token cannot be opened";
            continue;
        }
        if (!mp_secret_is_set(&token))
            continue;
        mp_zoom_token_revoke(ctx->zoom, ctx->arena, &ctx->connection_conf->app, &token, CONNECTION_CALL_MS, &res);
        if (res.cls == MP_ZOOM_OK)
            told = true;
        /* A live token that Zoom refuses is dead there, and the other with it. That one which is over is refused says nothing of the permission. */
        else if (is_unheard(&res) || row->expires_at <= row->now_ms)
            *problem = res.message;
    }
    if (told)
        *problem = NULL;
    return told;
}

static int remove_row(struct mp_db *db, void *arg, struct mp_error *err)
{
    return mp_store_connection_remove(db, arg, err);
}

static int forget(struct mp_ctx *ctx, struct mp_connection_row *row, const struct mp_connection_actor *actor, const struct mp_disconnected *out,
                  struct mp_error *err)
{
    const struct connection_change change = {
        .ctx = ctx,
        .actor = actor,
        .sub = row->sub,
        .change = remove_row,
        .arg = row,
        .action = "connection.disconnect",
        .ok = true,
        .detail = out->problem != NULL ? mp_arena_printf(ctx->arena, "Zoom could not be told: %s", out->problem)
                  : out->revoked       ? "revoked at Zoom"
                                       : "there was nothing to revoke",
    };

    return connection_change(&change, err);
}

int mp_connection_future_meetings(struct mp_ctx *ctx, const char *sub, int64_t *count, struct mp_error *err)
{
    return mp_store_connection_meetings(ctx->db, sub, mp_now_ms(), count, err);
}

int mp_connection_disconnect(struct mp_ctx *ctx, const char *sub, const struct mp_connection_actor *actor, struct mp_disconnected *out,
                             struct mp_error *err)
{
    struct mp_connection_row row;
    int rc = freshen(ctx, sub, err);

    *out = (struct mp_disconnected){0};
    rc = rc < 0 ? -1 : take(ctx, sub, &row, err);
    if (rc < 0 || mp_connection_future_meetings(ctx, sub, &out->future_meetings, err) < 0)
        return -1;
    if (rc == 0)
        return 0;
    out->found = true;
    MP_FAULT("disconnect.leased");
    out->revoked = revoke(ctx, &row, &out->problem);
    MP_FAULT("disconnect.revoked");
    rc = forget(ctx, &row, actor, out, err);
    if (rc < 0)
        return -1;
    if (rc == 0)
        return mp_fail(err, MP_E_CONFLICT, "The connection was changed meanwhile; look at it and try again.");
    MP_FAULT("disconnect.removed");
    mp_log(ctx->log, MP_INFO, "connection.disconnected", MP_STR("person", sub), MP_BOOL("revoked", out->revoked), MP_STR("problem", out->problem));
    return 0;
}
