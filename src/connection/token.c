#include "connection_int.h"

#include <string.h>

#include "meetpool/clock.h"

#define LOOK_EVERY_MS 50

static const char away[] = "Zoom could not renew your connection just now; it is tried again by itself.";
static const char no_app[] = "This server has no Zoom app any more that could renew the connection; an administrator must set it up.";

bool connection_is_held(const struct mp_ctx *ctx, const struct mp_connection_row *row)
{
    return row->owner != NULL && row->lease_until >= row->now_ms && !(ctx->owner_is_dead != NULL && ctx->owner_is_dead(ctx->owner_arg, row->owner));
}

const char *mp_connection_warning(const struct mp_connection_row *row)
{
    if (row->state == MP_CONNECTION_CONNECTED)
        return row->failures >= 3 ? "Zoom has not renewed your connection for a while. It is tried again by itself; if this stays, connect again."
                                  : NULL;
    if (row->reason != NULL && strcmp(row->reason, "deauthorized") == 0)
        return "The app was removed in Zoom. Connect again if that was a mistake; until then the system's account hosts your meetings.";
    if (row->reason != NULL && strcmp(row->reason, "taken_over") == 0)
        return "Another person has connected this Zoom account. Connect again to take it back; until then the system's account hosts your meetings.";
    if (row->reason != NULL && strcmp(row->reason, "answer_lost") == 0)
        return "The connection to Zoom was lost while it was being renewed. Connect again; until then the system's account hosts your meetings.";
    return "Zoom no longer accepts this connection. Connect again; until then the system's account hosts your meetings.";
}

int mp_connection_read(struct mp_ctx *ctx, const char *sub, struct mp_connection_row *row, struct mp_error *err)
{
    return mp_store_connection_by_sub(ctx->db, ctx->arena, sub, row, err);
}

static void tell(struct mp_connection_token *out, enum mp_connection_use use, const struct mp_connection_row *row, const char *why)
{
    out->use = use;
    out->why = why;
    if (use == MP_CONNECTION_NONE)
        return;
    out->zoom_user_id = row->zoom_user_id;
    out->zoom_account_id = row->zoom_account_id;
    out->zoom_email = row->zoom_email;
    out->zoom_type = row->zoom_type;
}

/* The stored access token, unless it is the refused one or ends at or before `least_until`. 1 taken, 0 not, -1 failed. */
static int take_stored(struct mp_ctx *ctx, const struct mp_connection_row *row, const struct mp_secret *refused, int64_t until,
                       struct mp_connection_token *out, struct mp_error *err)
{
    if (row->access_sealed == NULL || until <= row->now_ms)
        return 0;
    if (connection_open(ctx, MP_SEALED_ACCESS, row->sub, row->access_sealed, &out->access, err) < 0)
        return -1;
    if (refused != NULL && mp_secret_equals(refused, mp_secret_expose(&out->access)))
        return 0;
    tell(out, MP_CONNECTION_USABLE, row, NULL);
    return 1;
}

/* Why it cannot be our turn to refresh now; NULL: it can. */
static const char *obstacle(const struct mp_ctx *ctx, const struct mp_connection_row *row, bool renewed)
{
    if (!ctx->connection_conf->configured)
        return no_app;
    /* A server that gives the refused token once more, or one that is over at once, would give it again. */
    return renewed || row->try_at > row->now_ms ? away : NULL;
}

struct looking {
    bool pause;   /* look again after a while */
    bool renewed; /* by ourselves, on the way */
};

/* One look at the row, and a refresh where it is our turn. 1: `out` says how it stands, 0: look again. */
static int look(struct mp_ctx *ctx, const char *sub, const struct mp_secret *refused, struct mp_connection_token *out, struct looking *looking,
                struct mp_error *err)
{
    enum connection_outcome outcome = CONNECTION_MOVED;
    struct mp_connection_row row;
    const char *why;
    int rc = mp_store_connection_by_sub(ctx->db, ctx->arena, sub, &row, err);

    looking->pause = false;
    if (rc < 0)
        return -1;
    if (rc == 0 || row.state != MP_CONNECTION_CONNECTED) {
        tell(out, rc == 0 ? MP_CONNECTION_NONE : MP_CONNECTION_DEAD, &row, rc == 0 ? "No Zoom account is connected." : mp_connection_warning(&row));
        return 1;
    }
    rc = take_stored(ctx, &row, refused, row.renew_at, out, err);
    if (rc != 0)
        return rc;
    if (connection_is_held(ctx, &row)) {
        looking->pause = true;
        return 0;
    }
    why = obstacle(ctx, &row, looking->renewed);
    if (why != NULL) {
        rc = take_stored(ctx, &row, refused, row.expires_at, out, err);
        if (rc == 0)
            tell(out, MP_CONNECTION_AWAY, &row, why);
        return rc < 0 ? -1 : 1;
    }
    rc = mp_store_connection_lease(ctx->db, &row, row.owner != NULL, true, ctx->owner, CONNECTION_LEASE_MS, err);
    if (rc <= 0)
        return rc;
    rc = connection_refresh(ctx, &row, &outcome, err);
    looking->renewed = outcome == CONNECTION_RENEWED;
    return rc;
}

int mp_connection_token(struct mp_ctx *ctx, const char *sub, const struct mp_secret *refused, int64_t deadline_ms, struct mp_connection_token *out,
                        struct mp_error *err)
{
    struct looking looking = {0};

    *out = (struct mp_connection_token){0};
    for (;;) {
        struct mp_arena_mark mark = mp_arena_mark(ctx->arena);
        int rc = look(ctx, sub, refused, out, &looking, err);

        if (rc != 0)
            return rc < 0 ? -1 : 0;
        if (mp_monotonic_ms() >= deadline_ms)
            break;
        mp_arena_rewind(ctx->arena, mark);
        if (looking.pause)
            mp_sleep_ms(LOOK_EVERY_MS);
    }
    out->use = MP_CONNECTION_AWAY;
    out->why = away;
    return 0;
}

/* Takes the token and calls. False: the call came to nothing that a new token would mend. */
static bool call_once(struct mp_ctx *ctx, const char *sub, const struct mp_secret *refused, int64_t deadline_ms, mp_connection_fn *fn, void *arg,
                      struct mp_connection_token *token, struct mp_zoom_result *res)
{
    struct mp_error err;
    unsigned timeout_ms;

    mp_error_init(&err, ctx->arena);
    *res = (struct mp_zoom_result){.cls = MP_ZOOM_NOT_SENT, .retry_after_ms = -1, .message = "the connection could not be read"};
    if (mp_connection_token(ctx, sub, refused, deadline_ms, token, &err) < 0) {
        mp_log(ctx->log, MP_ERROR, "connection.unreadable", MP_STR("person", sub), MP_STR("detail", err.detail));
        return false;
    }
    if (token->use != MP_CONNECTION_USABLE) {
        res->cls = token->use == MP_CONNECTION_AWAY ? MP_ZOOM_NOT_SENT : MP_ZOOM_AUTH;
        res->message = token->why;
        return false;
    }
    timeout_ms = connection_time_left(deadline_ms);
    res->message = "no time was left for the call";
    if (timeout_ms > 0)
        fn(ctx, &token->access, timeout_ms, arg, res);
    return res->cls == MP_ZOOM_TOKEN;
}

void mp_connection_call(struct mp_ctx *ctx, const char *sub, int64_t deadline_ms, mp_connection_fn *fn, void *arg, struct mp_zoom_result *res)
{
    struct mp_connection_token token;
    struct mp_secret refused;

    if (!call_once(ctx, sub, NULL, deadline_ms, fn, arg, &token, res))
        return;
    refused = token.access;
    (void)call_once(ctx, sub, &refused, deadline_ms, fn, arg, &token, res);
    if (res->cls == MP_ZOOM_TOKEN)
        res->cls = MP_ZOOM_AUTH;
}

int mp_connection_zoom_token(struct mp_ctx *ctx, const char *zoom_user_id, const struct mp_secret *refused, int64_t deadline_ms,
                             struct mp_secret *out, struct mp_zoom_result *res)
{
    struct mp_connection_token token;
    struct mp_error err;
    const char *sub;
    int rc;

    mp_error_init(&err, ctx->arena);
    *res = (struct mp_zoom_result){.cls = MP_ZOOM_NOT_SENT, .retry_after_ms = -1, .message = "the connection could not be read"};
    rc = mp_store_connection_of_zoom(ctx->db, ctx->arena, zoom_user_id, &sub, &err);
    if (rc == 0) {
        res->cls = MP_ZOOM_AUTH;
        res->message = "that Zoom account is not connected any more; connecting it again mends this";
        return -1;
    }
    if (rc < 0 || mp_connection_token(ctx, sub, refused, deadline_ms, &token, &err) < 0) {
        mp_log(ctx->log, MP_ERROR, "connection.unreadable", MP_STR("zoom_user", zoom_user_id), MP_STR("detail", err.detail));
        return -1;
    }
    if (token.use != MP_CONNECTION_USABLE || strcmp(token.zoom_user_id, zoom_user_id) != 0) {
        res->cls = token.use == MP_CONNECTION_AWAY ? MP_ZOOM_NOT_SENT : MP_ZOOM_AUTH;
        res->message = token.why != NULL ? token.why : "another Zoom account is connected now";
        return -1;
    }
    *out = token.access;
    return 0;
}
