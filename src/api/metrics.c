#include "api_int.h"
#include "meetpool/account.h"
#include "meetpool/buf.h"
#include "meetpool/clock.h"
#include "meetpool/queue.h"
#include "meetpool/store_recording.h"
#include "meetpool/store_summary.h"
#include "meetpool/store_webhook.h"
#include "meetpool/webhook.h"

/*
 * What is counted comes from the memory that the processes share; what is true of the whole installation from the database. Where that is away the
 * counters are told all the same: then they matter most.
 */

#define TEXT_MOST (1024u * 1024)

static void head(struct mp_buf *out, const char *name, const char *help)
{
    mp_buf_addf(out, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
}

static int64_t is_active(const struct mp_account_stats *stats)
{
    return stats->active;
}

static int64_t now_in_use(const struct mp_account_stats *stats)
{
    return stats->active_meetings;
}

static int64_t room(const struct mp_account_stats *stats)
{
    return stats->entry->max_concurrent;
}

static int64_t upcoming(const struct mp_account_stats *stats)
{
    return stats->upcoming_meetings;
}

static int64_t daily_used(const struct mp_account_stats *stats)
{
    return stats->daily_used;
}

static const struct account_gauge {
    const char *name, *help;
    int64_t (*value)(const struct mp_account_stats *stats);
} account_gauges[] = {
    {"meetpool_account_active", "Whether the account takes meetings now (0 also while it is full)", is_active},
    {"meetpool_account_meetings", "Meetings that occupy the account now", now_in_use},
    {"meetpool_account_meetings_limit", "Meetings that may occupy the account at the same time", room},
    {"meetpool_account_upcoming_meetings", "Meetings to come", upcoming},
    {"meetpool_account_daily_used", "Creates and updates of this UTC day, all hosts together", daily_used},
};

static int tell_accounts(struct mp_ctx *ctx, struct mp_buf *out, struct mp_error *err)
{
    struct mp_account_stats *stats;

    if (mp_account_stats(ctx, &stats, err) < 0)
        return -1;
    for (size_t g = 0; g < MP_COUNT(account_gauges); g++) {
        head(out, account_gauges[g].name, account_gauges[g].help);
        for (size_t i = 0; i < ctx->account_conf->count; i++)
            mp_buf_addf(out, "%s{account=\"%s\"} %lld\n", account_gauges[g].name, mp_metric_label(ctx->arena, stats[i].entry->name),
                        (long long)account_gauges[g].value(&stats[i]));
    }
    return 0;
}

static int tell_jobs(struct mp_ctx *ctx, struct mp_buf *out, struct mp_error *err)
{
    struct mp_queue_counts counts;

    if (mp_queue_counts(ctx->db, &counts, err) < 0)
        return -1;
    head(out, "meetpool_jobs", "Background jobs by state; those that are over are kept for some days");
    for (int state = 0; state < MP_JOB_STATES; state++)
        mp_buf_addf(out, "meetpool_jobs{state=\"%s\"} %lld\n", mp_job_state_name((enum mp_job_state)state), (long long)counts.in_state[state]);
    head(out, "meetpool_jobs_due", "Queued jobs whose time has come");
    mp_buf_addf(out, "meetpool_jobs_due %lld\n", (long long)counts.due);
    head(out, "meetpool_jobs_lag_seconds", "How long the oldest of those has waited");
    mp_buf_addf(out, "meetpool_jobs_lag_seconds %.3f\n", (double)counts.oldest_due_ms / 1000.0);
    return 0;
}

/* What is settled is not counted: it is history. */
static int tell_recordings(struct mp_ctx *ctx, struct mp_buf *out, struct mp_error *err)
{
    struct mp_summary_counts counts;
    int64_t files, bytes;

    if (mp_store_summary_counts(ctx->db, &counts, err) < 0 || mp_store_recording_bytes(ctx->db, &files, &bytes, err) < 0)
        return -1;
    head(out, "meetpool_recordings", "Recordings of meetings that are not home yet or failed, by state, each counted up to 1000");
    mp_buf_addf(out, "meetpool_recordings{state=\"waiting\"} %lld\n", (long long)counts.recordings_waiting);
    mp_buf_addf(out, "meetpool_recordings{state=\"late\"} %lld\n", (long long)counts.recordings_late);
    mp_buf_addf(out, "meetpool_recordings{state=\"syncing\"} %lld\n", (long long)counts.recordings_syncing);
    mp_buf_addf(out, "meetpool_recordings{state=\"failed\"} %lld\n", (long long)counts.recordings_failed);
    mp_buf_addf(out, "meetpool_recordings{state=\"unaccounted\"} %lld\n", (long long)counts.recordings_unaccounted);
    head(out, "meetpool_storage_files", "Files of recordings that are stored");
    mp_buf_addf(out, "meetpool_storage_files %lld\n", (long long)files);
    head(out, "meetpool_storage_bytes", "What they hold");
    mp_buf_addf(out, "meetpool_storage_bytes %lld\n", (long long)bytes);
    head(out, "meetpool_connections_reconnect_needed", "People's own Zoom accounts that have to be connected again, counted up to 1000");
    mp_buf_addf(out, "meetpool_connections_reconnect_needed %lld\n", (long long)counts.reconnect_needed);
    return 0;
}

/* Whole families, so app after app twice. */
static int tell_webhooks(struct mp_ctx *ctx, struct mp_buf *out, struct mp_error *err)
{
    size_t count = ctx->webhook_conf->count;
    struct mp_webhook_app_row *apps = mp_arena_array(ctx->arena, count + 1, sizeof(*apps));
    int64_t now_ms;

    if (mp_db_now(ctx->db, &now_ms, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (mp_store_webhook_app(ctx->db, ctx->arena, ctx->webhook_conf->apps[i].name, &apps[i], err) < 0)
            return -1;
    }
    head(out, "meetpool_webhook_age_seconds", "Since the last event of an app; +Inf where there never was one");
    for (size_t i = 0; i < count; i++) {
        mp_buf_addf(out, "meetpool_webhook_age_seconds{app=\"%s\"} ", mp_metric_label(ctx->arena, mp_webhook_app_label(apps[i].app)));
        if (apps[i].last_event_at > 0)
            mp_buf_addf(out, "%.3f\n", (double)(now_ms - apps[i].last_event_at) / 1000.0);
        else
            mp_buf_add(out, "+Inf\n");
    }
    head(out, "meetpool_webhook_silent", "Whether meetings were held since the last event of an app, so that it should have said something");
    for (size_t i = 0; i < count; i++)
        mp_buf_addf(out, "meetpool_webhook_silent{app=\"%s\"} %d\n", mp_metric_label(ctx->arena, mp_webhook_app_label(apps[i].app)),
                    apps[i].alarmed_at > apps[i].last_event_at);
    return 0;
}

static int tell_installation(struct mp_ctx *ctx, struct mp_buf *out, struct mp_error *err)
{
    if (tell_accounts(ctx, out, err) < 0)
        return -1;
    if (tell_jobs(ctx, out, err) < 0 || tell_recordings(ctx, out, err) < 0)
        return -1;
    return tell_webhooks(ctx, out, err);
}

static int metrics(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    struct mp_buf out;
    bool up;

    mp_buf_init(&out, req->arena, TEXT_MOST);
    up = tell_installation(ctx, &out, err) == 0;
    if (!up)
        mp_log(ctx->log, MP_WARNING, "metrics.incomplete", MP_STR("code", mp_error_name(err->code)), MP_STR("detail", err->detail));
    mp_error_reset(err);
    head(&out, "meetpool_database_up", "Whether the database answered for these figures");
    mp_buf_addf(&out, "meetpool_database_up %d\n", up);
    head(&out, "meetpool_build_info", "Which program this is");
    mp_buf_addf(&out, "meetpool_build_info{version=\"" PACKAGE_VERSION "\"} 1\n");
    mp_buf_add(&out, mp_metrics_text(ctx->log->metrics, req->arena));
    res->raw = mp_buf_text(&out);
    res->raw_len = out.len;
    res->raw_type = "text/plain; version=0.0.4; charset=utf-8";
    return 0;
}

static const struct mp_route rows[] = {
    {"GET", "metrics", 0, MP_ROUTE_PUBLIC | MP_ROUTE_ROOT, metrics},
};
const struct mp_route_table mp_metric_routes = {rows, MP_COUNT(rows)};
