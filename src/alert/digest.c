#include "alert_int.h"
#include "meetpool/log.h"

/* Different things that wait to be told; where nobody is told, or the mail server is away for very long, the oldest go. */
#define OPEN_MOST 2000
/* What was told stays, as the operators' memory. */
#define TOLD_KEPT_MS  (INT64_C(90) * 24 * 3600 * 1000)
#define TOLD_A_STEP   100
#define RETRY_MS      30000
#define RETRY_MOST_MS 300000

static int tell_all(struct mp_ctx *ctx, struct mp_job *job, const struct mp_alert_row *rows, size_t count, struct mp_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (mp_store_alert_told(ctx->db, &rows[i], err) < 0)
            return -1;
        if (i > 0 && i % TOLD_A_STEP == 0 && mp_job_progress(ctx, job, (int64_t)i, (int64_t)count, err) < 0)
            return -1;
    }
    return 0;
}

static int send(struct mp_ctx *ctx, struct mp_job *job, const struct mp_alert_row *rows, size_t count, struct mp_error *err)
{
    const struct mp_alert_conf *conf = ctx->alert_conf;
    struct mp_mail mail = {.from = conf->from, .to = conf->to};
    int rc = mp_job_progress(ctx, job, 0, (int64_t)count, err);

    if (rc <= 0)
        return rc;
    alert_write(ctx->arena, rows, count, &mail);
    if (mp_mail_send(ctx->http, ctx->arena, &conf->smtp_url, &mail, err) < 0) {
        /* Nothing is told yet: whichever job comes next tells it. */
        mp_job_later(ctx, job, mp_job_backoff_ms(job->attempts, RETRY_MS, RETRY_MOST_MS), true, "mail_failed", "%s", mp_error_message(err));
        mp_log(ctx->log, MP_WARNING, "alert.mail_failed", MP_STR("detail", err->detail), MP_INT("alerts", (int64_t)count));
        return 0;
    }
    mp_log(ctx->log, MP_INFO, "alert.mailed", MP_INT("alerts", (int64_t)count));
    return tell_all(ctx, job, rows, count, err);
}

int mp_alert_digest_job(struct mp_ctx *ctx, struct mp_job *job, struct mp_error *err)
{
    const struct mp_alert_conf *conf = ctx->alert_conf;
    struct mp_alert_row *rows;
    int64_t ago_ms;
    size_t count;

    if (mp_store_alert_trim(ctx->db, OPEN_MOST, TOLD_KEPT_MS, err) < 0)
        return -1;
    if (!mp_secret_is_set(&conf->smtp_url))
        return 0;
    if (mp_store_alert_open(ctx->db, ctx->arena, OPEN_MOST, &rows, &count, err) < 0)
        return -1;
    if (count == 0)
        return 0;
    if (mp_store_alert_last_told(ctx->db, &ago_ms, err) < 0)
        return -1;
    /* The last one was late. */
    if (ago_ms < conf->interval_s * 1000) {
        mp_job_later(ctx, job, conf->interval_s * 1000 - ago_ms, false, "told_lately", "At most one mail in %lld s.", (long long)conf->interval_s);
        return 0;
    }
    return send(ctx, job, rows, count, err);
}
