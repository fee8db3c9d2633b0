#include "account_int.h"
#include "meetpool/clock.h"
#include "meetpool/store_account.h"
#include "meetpool/store_alert.h"

#define CALL_TIMEOUT_MS 8000
/* Less time than this is not worth a call. */
#define CALL_LEAST_MS 300
/* After a call that ran into its deadline the account is tried after the others for this long, so that one dead endpoint does not hold up every
 * booking. */
#define BREAKER_MS      5000
#define BREAKER_SLOW_MS 2500

/* One whose credentials keep being wrong goes in and out of its pause: that is one event, as long as it comes back within this time. */
#define ALERT_AGAIN_MS (60 * 60000)

static int64_t next_utc_midnight(int64_t now_ms)
{
    return ((int64_t)mp_time_utc_day(now_ms) + 1) * MP_DAY_MS;
}

struct lockout {
    struct mp_ctx *ctx;
    int64_t account_row, until_ms, now_ms;
    const char *name; /* of an account of the pool; NULL: a person's own, whose row and alert are the connection's */
    const char *message;
};

static int lock_out_in(struct mp_db *db, void *arg, struct mp_error *err)
{
    const struct lockout *l = arg;
    struct mp_token_row row = {0};

    if (mp_store_token_read(db, l->ctx->arena, l->account_row, &row, err) < 0 ||
        mp_store_account_inactive(db, l->account_row, l->until_ms, "authentication", l->message, l->now_ms, err) < 0)
        return -1;
    if (l->name == NULL || row.inactive_until > l->now_ms - ALERT_AGAIN_MS)
        return 0;
    return mp_store_alert_raise(db, MP_ALERT_ACCOUNT, l->name,
                                mp_arena_printf(l->ctx->arena, "Zoom does not take this account's credentials; it gets no meetings: %s",
                                                l->message != NULL ? l->message : "no reason given"),
                                err);
}

/* Zoom does not take the credentials: inactive for the cooldown, and operators are told. */
static int lock_out(struct mp_ctx *ctx, size_t account, const struct mp_zoom_result *res, int64_t now_ms, struct mp_error *err)
{
    const struct mp_account_conf *conf = ctx->account_conf;
    struct lockout l = {.ctx = ctx,
                        .account_row = account_memory(conf, account)->row,
                        .until_ms = now_ms + conf->cooldown_s * 1000,
                        .now_ms = now_ms,
                        .name = mp_account_is_guest(conf, (int)account) ? NULL : mp_account_entry(conf, account)->name,
                        .message = res->message};

    return mp_tx_run(ctx->db, lock_out_in, &l, err);
}

/* Writes down what an outcome means for account and host. What cannot be written is not worth failing for: the next call will learn it again. */
static void learn(struct mp_ctx *ctx, size_t account, int host, const struct mp_zoom_result *res)
{
    const struct mp_account_conf *conf = ctx->account_conf;
    const struct account_memory *memory = account_memory(conf, account);
    int64_t now_ms = mp_now_ms();
    int64_t wait_ms = res->retry_after_ms;
    struct mp_error err;
    int rc = 0;

    mp_error_init(&err, ctx->arena);
    switch (res->cls) {
    case MP_ZOOM_AUTH:
        /* That a connection is dead stands in its own row. */
        if (mp_account_is_guest(conf, (int)account) && res->status == 0)
            rc = mp_store_account_error(ctx->db, memory->row, res->message, now_ms, &err);
        else
            rc = lock_out(ctx, account, res, now_ms, &err);
        break;
    case MP_ZOOM_RATE_LIMITED:
        rc = mp_store_account_pause(ctx->db, memory->row, now_ms + (wait_ms > 0 ? wait_ms : 1000), res->message, now_ms, &err);
        break;
    case MP_ZOOM_DAILY_ACCOUNT:
        rc = mp_store_account_inactive(ctx->db, memory->row, wait_ms > 0 ? now_ms + wait_ms : next_utc_midnight(now_ms), "daily_limit", res->message,
                                       now_ms, &err);
        break;
    case MP_ZOOM_DAILY_HOST:
        rc = mp_store_account_error(ctx->db, memory->row, res->message, now_ms, &err);
        if (rc == 0 && host >= 0)
            rc = mp_store_host_used_up(ctx->db, memory->host_rows[host], mp_time_utc_day(now_ms), conf->daily_limit, &err);
        break;
    case MP_ZOOM_NO_HOST:
        rc = mp_store_account_error(ctx->db, memory->row, res->message, now_ms, &err);
        if (rc == 0 && host >= 0)
            rc = mp_store_host_inactive(ctx->db, memory->host_rows[host], now_ms + conf->cooldown_s * 1000, "host_refused", &err);
        break;
    case MP_ZOOM_NOT_SENT:
    case MP_ZOOM_MAYBE_DONE:
        if (res->elapsed_ms >= BREAKER_SLOW_MS)
            rc = mp_store_account_pause(ctx->db, memory->row, now_ms + BREAKER_MS, res->message, now_ms, &err);
        else
            rc = mp_store_account_error(ctx->db, memory->row, res->message, now_ms, &err);
        break;
    case MP_ZOOM_REFUSED:
        rc = mp_store_account_error(ctx->db, memory->row, res->message, now_ms, &err);
        break;
    case MP_ZOOM_OK:
    case MP_ZOOM_TOKEN:
    case MP_ZOOM_GRANT:
    case MP_ZOOM_NOT_FOUND:
    case MP_ZOOM_IN_PROGRESS:
        break;
    }
    if (rc < 0)
        mp_log(ctx->log, MP_WARNING, "account.state_not_stored", MP_STR("account", mp_account_entry(conf, account)->name),
               MP_STR("detail", err.detail));
}

static void log_failure(struct mp_ctx *ctx, size_t account, const struct mp_zoom_result *res)
{
    const struct mp_account_entry *entry = mp_account_entry(ctx->account_conf, account);

    mp_log(ctx->log, MP_WARNING, "zoom.failed", MP_STR("account", entry->name), MP_STR("zoom_user", entry->zoom_user_id),
           MP_STR("class", mp_zoom_class_name(res->cls)), MP_INT("status", res->status), MP_INT("zoom_code", res->code),
           MP_STR("zoom_message", res->message), MP_STR("tracking_id", res->tracking_id), MP_INT("zoom_ms", res->elapsed_ms));
}

void account_outcome(struct mp_ctx *ctx, size_t account, int host, const struct mp_zoom_result *res)
{
    if (res->cls == MP_ZOOM_OK)
        return;
    log_failure(ctx, account, res);
    learn(ctx, account, host, res);
}

unsigned account_time_left(int64_t deadline_ms)
{
    int64_t left = deadline_ms - mp_monotonic_ms();

    return left < CALL_LEAST_MS ? 0 : left > CALL_TIMEOUT_MS ? CALL_TIMEOUT_MS : (unsigned)left;
}

const struct mp_zoom_result account_no_time = {.cls = MP_ZOOM_NOT_SENT, .message = "no time was left for the call", .retry_after_ms = -1};

static void call_once(struct mp_ctx *ctx, const struct mp_secret *token, int64_t deadline_ms, mp_account_fn *fn, void *arg,
                      struct mp_zoom_result *res)
{
    unsigned timeout_ms = account_time_left(deadline_ms);

    *res = account_no_time;
    if (timeout_ms > 0)
        fn(ctx, token, timeout_ms, arg, res);
}

void mp_account_call(struct mp_ctx *ctx, size_t account, int host, int64_t deadline_ms, mp_account_fn *fn, void *arg, struct mp_zoom_result *res)
{
    struct mp_secret token, refused;
    bool fetched, renewed = false;

    if (account_token(ctx, account, deadline_ms, NULL, &token, &fetched, res) < 0)
        goto out;
    call_once(ctx, &token, deadline_ms, fn, arg, res);
    /* 124 cannot tell "expired" from "revoked". What this process remembered may be over, and what all share, too; when Zoom takes not even one
     * fetched on that ground it is the account's fault. */
    while (res->cls == MP_ZOOM_TOKEN && !renewed) {
        refused = token;
        if (account_token(ctx, account, deadline_ms, &refused, &token, &renewed, res) < 0)
            goto out;
        call_once(ctx, &token, deadline_ms, fn, arg, res);
    }
    if (res->cls == MP_ZOOM_TOKEN)
        res->cls = MP_ZOOM_AUTH;
out:
    account_outcome(ctx, account, host, res);
}

struct user_call {
    const char *user;
    struct mp_zoom_user *out;
};

static void do_user(struct mp_ctx *ctx, const struct mp_secret *token, unsigned timeout_ms, void *arg, struct mp_zoom_result *res)
{
    struct user_call *call = arg;

    mp_zoom_user_get(ctx->zoom, ctx->arena, token, timeout_ms, call->user, call->out, res);
}

void mp_account_user(struct mp_ctx *ctx, size_t account, size_t host, struct mp_zoom_user *out, struct mp_zoom_result *res)
{
    struct user_call call = {mp_account_entry(ctx->account_conf, account)->hosts[host].user, out};

    mp_account_call(ctx, account, (int)host, mp_monotonic_ms() + CALL_TIMEOUT_MS, do_user, &call, res);
}
