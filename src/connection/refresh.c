#include "connection_int.h"
#include "meetpool/clock.h"
#include "meetpool/fault.h"

/* After the n-th failure in a row: a second, doubled each time, up to this. */
#define WAIT_FIRST_MS 1000
#define WAIT_MOST_MS  900000
/* The app's own credentials are wrong: that is not mended in seconds. */
#define WAIT_APP_MS 60000
/* A pair that could not be stored is tried to be stored for this long: it is the only one there is. */
#define STORE_FOR_MS   10000
#define STORE_PAUSE_MS 250
/* Operators are told of a connection that is not dead yet: after some quarter of an hour of failures in a row, then about once a day (WAIT_MOST_MS
 * apart). */
#define WARN_FIRST 10
#define WARN_EVERY 96

static int64_t wait_after(const struct mp_connection_row *row, const struct mp_zoom_result *res)
{
    int64_t wait_ms = WAIT_FIRST_MS;

    if (res->cls == MP_ZOOM_AUTH)
        return WAIT_APP_MS;
    for (int64_t i = 0; i < row->failures && wait_ms < WAIT_MOST_MS; i++)
        wait_ms *= 2;
    if (res->retry_after_ms > wait_ms)
        wait_ms = res->retry_after_ms;
    return wait_ms < WAIT_MOST_MS ? wait_ms : WAIT_MOST_MS;
}

/* Whether the refresh token is as good as before: nothing was sent, or Zoom said no for another reason. */
static bool is_unspent(enum mp_zoom_class cls)
{
    return cls != MP_ZOOM_OK && cls != MP_ZOOM_MAYBE_DONE && cls != MP_ZOOM_GRANT;
}

static void log_refresh(struct mp_ctx *ctx, const struct mp_connection_row *row, enum mp_log_level level, const char *event,
                        const struct mp_zoom_result *res)
{
    mp_log(ctx->log, level, event, MP_STR("person", row->sub), MP_STR("class", mp_zoom_class_name(res->cls)), MP_INT("status", res->status),
           MP_STR("zoom_message", res->message), MP_STR("tracking_id", res->tracking_id), MP_INT("begun", row->begun),
           MP_INT("zoom_ms", res->elapsed_ms));
}

/* Zoom has used up the old pair: whatever the database does now, this one must get in. */
static int store_pair(struct mp_ctx *ctx, const struct mp_connection_row *row, const struct mp_zoom_token *token, enum connection_outcome *outcome,
                      struct mp_error *err)
{
    int64_t until_ms = mp_monotonic_ms() + STORE_FOR_MS;
    struct mp_connection_tokens tokens;
    int rc;

    connection_seal(ctx, row->sub, token, row->refresh_sealed, &tokens);
    while ((rc = mp_store_connection_renewed(ctx->db, row, &tokens, err)) < 0 && mp_monotonic_ms() < until_ms) {
        mp_error_reset(err);
        mp_sleep_ms(STORE_PAUSE_MS);
    }
    if (rc < 0) {
        mp_log(ctx->log, MP_ERROR, "connection.pair_lost", MP_STR("person", row->sub), MP_STR("detail", err->detail));
        return -1;
    }
    /* 0: a connection lost in the first try had stored it after all, or another one's pair stands there. Both are told by the row. */
    MP_FAULT("refresh.stored");
    *outcome = rc > 0 ? CONNECTION_RENEWED : CONNECTION_MOVED;
    if (rc > 0)
        mp_log(ctx->log, MP_INFO, "connection.refreshed", MP_STR("person", row->sub));
    return 0;
}

struct ending {
    const struct mp_connection_row *row;
    const char *reason;
    const struct mp_zoom_result *res;
    bool unsent; /* the refresh token is as good as before */
    int64_t wait_ms;
};

static int end_dead(struct mp_db *db, void *arg, struct mp_error *err)
{
    const struct ending *ending = arg;

    return mp_store_connection_dead(db, ending->row, ending->reason, ending->res->message, err);
}

static int end_failed(struct mp_db *db, void *arg, struct mp_error *err)
{
    const struct ending *ending = arg;

    return mp_store_connection_failed(db, ending->row, ending->unsent, ending->wait_ms, ending->res->message, err);
}

static int mark_dead(struct mp_ctx *ctx, const struct mp_connection_row *row, const char *reason, const struct mp_zoom_result *res,
                     enum connection_outcome *outcome, struct mp_error *err)
{
    const char *detail = mp_arena_printf(ctx->arena, "%s: %s", reason, res->message != NULL ? res->message : "");
    struct ending ending = {.row = row, .reason = reason, .res = res};
    const struct connection_change change = {
        .ctx = ctx,
        .sub = row->sub,
        .change = end_dead,
        .arg = &ending,
        .action = "connection.reconnect_needed",
        .detail = detail,
        .alert_kind = MP_ALERT_CONNECTION,
        .alert = mp_arena_printf(ctx->arena, "Zoom refuses the connection of %s (%s). Connecting again in the settings mends it.", row->zoom_email,
                                 detail),
    };
    int rc = connection_change(&change, err);

    if (rc < 0)
        return -1;
    *outcome = rc > 0 ? CONNECTION_DIED : CONNECTION_MOVED;
    if (rc > 0)
        log_refresh(ctx, row, MP_WARNING, "connection.reconnect_needed", res);
    return 0;
}

/* What operators are told of one that is not dead yet; NULL: nothing, not now. */
static const char *early_warning(struct mp_ctx *ctx, const struct mp_connection_row *row, const struct mp_zoom_result *res)
{
    int64_t failures = row->failures + 1;

    if (failures != WARN_FIRST && failures % WARN_EVERY != 0)
        return NULL;
    return mp_arena_printf(ctx->arena, "The connection of %s was not renewed in %lld tries since %s and will die if that goes on: %s",
                           row->zoom_email, (long long)failures, mp_time_format(ctx->arena, row->refreshed_at),
                           res->message != NULL ? res->message : "no answer");
}

/* `lost`: no answer came to our first try, which may have used the refresh token up, whatever came of the second. */
static int give_up(struct mp_ctx *ctx, struct mp_connection_row *row, bool lost, const struct mp_zoom_result *res, enum connection_outcome *outcome,
                   struct mp_error *err)
{
    struct ending ending = {.row = row, .res = res, .unsent = !lost && is_unspent(res->cls), .wait_ms = wait_after(row, res)};
    const struct connection_change change = {
        .ctx = ctx,
        .sub = row->sub,
        .change = end_failed,
        .arg = &ending,
        .action = row->failures == 0 ? "connection.refresh" : NULL,
        .detail = res->message,
        .alert_kind = MP_ALERT_RENEWAL,
        .alert = early_warning(ctx, row, res),
    };
    int rc = connection_change(&change, err);

    if (rc < 0)
        return -1;
    log_refresh(ctx, row, res->cls == MP_ZOOM_AUTH ? MP_ERROR : MP_WARNING, "connection.refresh_failed", res);
    *outcome = rc > 0 ? CONNECTION_WAITS : CONNECTION_MOVED;
    return 0;
}

/* Refused: by the token that stands in the row? Then it is dead. */
static int refused(struct mp_ctx *ctx, struct mp_connection_row *row, bool uncertain, const struct mp_zoom_result *res,
                   enum connection_outcome *outcome, struct mp_error *err)
{
    struct mp_connection_row now;
    int rc = mp_store_connection_by_sub(ctx->db, ctx->arena, row->sub, &now, err);

    if (rc < 0)
        return -1;
    if (rc == 0 || now.id != row->id || now.pair != row->pair || now.fence != row->fence) {
        *outcome = CONNECTION_MOVED;
        return 0;
    }
    return mark_dead(ctx, row, uncertain ? "answer_lost" : "revoked", res, outcome, err);
}

int connection_refresh(struct mp_ctx *ctx, struct mp_connection_row *row, enum connection_outcome *outcome, struct mp_error *err)
{
    const struct mp_zoom_app *app = &ctx->connection_conf->app;
    bool earlier = row->begun > 1; /* one is ours */
    bool lost = false;             /* the answer to our first try */
    struct mp_zoom_result res = {.cls = MP_ZOOM_GRANT, .message = "the authorization server gave no refresh token", .retry_after_ms = -1};
    struct mp_secret refresh;
    struct mp_zoom_token token;

    if (row->refresh_sealed == NULL)
        return mark_dead(ctx, row, "no_refresh", &res, outcome, err);
    if (connection_open(ctx, MP_SEALED_REFRESH, row->sub, row->refresh_sealed, &refresh, err) < 0) {
        struct mp_zoom_result unread = {.cls = MP_ZOOM_NOT_SENT, .message = "the stored token cannot be opened", .retry_after_ms = -1};
        struct mp_error ignored;

        mp_error_init(&ignored, ctx->arena);
        (void)give_up(ctx, row, false, &unread, outcome, &ignored);
        return -1;
    }
    MP_FAULT("refresh.leased");
    mp_zoom_token_refresh(ctx->zoom, ctx->arena, app, &refresh, CONNECTION_CALL_MS, &token, &res);
    MP_FAULT("refresh.answered");
    if (res.cls == MP_ZOOM_MAYBE_DONE) {
        log_refresh(ctx, row, MP_WARNING, "connection.refresh_unanswered", &res);
        lost = true;
        mp_zoom_token_refresh(ctx->zoom, ctx->arena, app, &refresh, CONNECTION_CALL_MS, &token, &res);
    }
    mp_secret_wipe(&refresh);
    mp_metric_add(ctx->log->metrics, MP_METRIC_TOKEN_REFRESHES, "person", mp_zoom_class_name(res.cls), 1);
    if (res.cls == MP_ZOOM_OK)
        return store_pair(ctx, row, &token, outcome, err);
    if (res.cls == MP_ZOOM_GRANT)
        return refused(ctx, row, earlier || lost, &res, outcome, err);
    return give_up(ctx, row, lost, &res, outcome, err);
}
