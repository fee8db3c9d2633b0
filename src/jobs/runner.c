#include "jobs_int.h"
#include "meetpool/arena.h"
#include "meetpool/clock.h"
#include "meetpool/log.h"
#include "meetpool/store_alert.h"

/* New quick work is seen within this; files can wait a little. A look at an empty queue costs the database some 50 us. */
#define QUICK_IDLE_MS 250
#define MOVE_IDLE_MS  1000
/* Jobs a round, and how long a round goes on taking them. */
#define ROUND_JOBS 25
#define ROUND_MS   500
/* How soon those who know a kind that we do not may look at it again. */
#define UNKNOWN_MS 15000
/* The end of a job is told again while the database is away: what was done need not be done again. Beyond it the lease is over anyway. */
#define END_TRY_MS   30000
#define END_AGAIN_MS 500
/* An outage is not the job's fault; its tries do not grow, so neither would the wait. */
#define AWAY_FIRST_MS 4000
#define AWAY_MOST_MS  60000

void jobs_log_failure(struct mp_ctx *ctx, const struct mp_error *err)
{
    mp_log(ctx->log, MP_ERROR, "jobs.failed", MP_STR("code", mp_error_name(err->code)), MP_STR("detail", err->detail));
}

static const struct mp_job_kind *kind_of(const struct mp_runner *runner, const struct mp_job *job)
{
    for (size_t i = 0; i < runner->kinds_count; i++) {
        if (strcmp(runner->kinds[i].name, job->kind) == 0)
            return &runner->kinds[i];
    }
    return NULL;
}

bool jobs_is_passing(const struct mp_error *err)
{
    return err->code == MP_E_UNAVAILABLE || err->code == MP_E_UNCERTAIN;
}

/* What a handler did not say itself. */
static void judge(struct mp_ctx *ctx, struct mp_job *job, const struct mp_error *err)
{
    const char *code = mp_error_name(err->code), *text = mp_error_message(err);

    if (!jobs_is_passing(err))
        mp_job_later(ctx, job, -1, true, code, "%s", text);
    else if (err->retry_after_s > 0)
        mp_job_later(ctx, job, (int64_t)err->retry_after_s * 1000, false, code, "%s", text);
    else
        mp_job_later(ctx, job, mp_job_backoff_ms(1, AWAY_FIRST_MS, AWAY_MOST_MS), false, code, "%s", text);
}

static void log_end(struct mp_ctx *ctx, const struct mp_job *job, const struct mp_error *err, int64_t took_ms)
{
    static const char *const ends[] = {[MP_JOB_END_DONE] = "done", [MP_JOB_END_LATER] = "later", [MP_JOB_END_FAILED] = "failed"};
    bool bad = job->end == MP_JOB_END_FAILED || (job->end == MP_JOB_END_LATER && job->counted);

    mp_log(ctx->log, bad ? MP_WARNING : MP_DEBUG, "job.ended", MP_STR("job", job->public_id), MP_STR("kind", job->kind),
           MP_STR("subject", job->subject), MP_STR("end", ends[job->end]), MP_INT("attempt", job->attempts), MP_STR("code", job->end_code),
           MP_STR("why", job->end_text), MP_STR("detail", err->detail), MP_INT("ms", took_ms));
}

static bool is_given_up(const struct mp_job *job)
{
    return job->end == MP_JOB_END_LATER && job->counted && job->most_attempts > 0 && job->attempts >= job->most_attempts;
}

static void count_end(struct mp_ctx *ctx, const struct mp_job *job, bool known, int64_t took_ms)
{
    const char *kind = known ? job->kind : "unknown", *outcome = job->counted ? "again" : "put_off";

    if (job->end == MP_JOB_END_DONE)
        outcome = "done";
    else if (job->end == MP_JOB_END_FAILED || is_given_up(job))
        outcome = "failed";
    mp_metric_add(ctx->log->metrics, MP_METRIC_JOBS, kind, outcome, 1);
    mp_metric_time(ctx->log->metrics, MP_METRIC_JOB_TIME, kind, took_ms);
}

/* 0, or -1: it could not be told. */
static int tell_end(struct mp_ctx *ctx, const struct mp_job *job, struct mp_error *err)
{
    int64_t until_ms = mp_monotonic_ms() + END_TRY_MS;
    int rc;

    while ((rc = mp_queue_end(ctx, job, err)) < 0 && jobs_is_passing(err) && mp_monotonic_ms() < until_ms) {
        if (ctx->stopping != NULL && ctx->stopping())
            break;
        mp_error_reset(err);
        mp_sleep_ms(END_AGAIN_MS);
    }
    if (rc == 0)
        mp_log(ctx->log, MP_WARNING, "job.taken_over", MP_STR("job", job->public_id), MP_STR("kind", job->kind), MP_INT("fence", job->fence));
    return rc < 0 ? -1 : 0;
}

/* Of what a handler fails for good itself it tells the operators in its own words; this is for the one that only failed each time. */
static int tell_given_up(struct mp_ctx *ctx, const struct mp_job *job, struct mp_error *err)
{
    if (!is_given_up(job))
        return 0;
    return mp_store_alert_raise(ctx->db, MP_ALERT_JOB, mp_arena_printf(ctx->arena, "%s %s", job->kind, job->public_id),
                                mp_arena_printf(ctx->arena, "%s %s", job->subject, job->end_text), err);
}

static int run_one(const struct mp_runner *runner, struct mp_ctx *ctx, struct mp_job *job, struct mp_error *err)
{
    const struct mp_job_kind *kind = kind_of(runner, job);
    int64_t began_ms = mp_monotonic_ms(), took_ms;
    struct mp_error failure;
    bool judged = false;

    mp_error_init(&failure, ctx->arena);
    if (kind == NULL)
        mp_job_later(ctx, job, UNKNOWN_MS, false, "unknown_kind", "It waits for a newer version of this program.");
    else
        judged = kind->run(ctx, job, &failure) < 0 && job->end == MP_JOB_END_DONE;
    if (judged)
        judge(ctx, job, &failure);
    took_ms = mp_monotonic_ms() - began_ms;
    log_end(ctx, job, &failure, took_ms);
    count_end(ctx, job, kind != NULL, took_ms);
    if (tell_end(ctx, job, err) < 0)
        return -1;
    return judged ? tell_given_up(ctx, job, err) : 0;
}

/* Takes and runs one. 1, 0: none is due, -1. */
static int step(const struct mp_runner *runner, struct mp_ctx *ctx, int64_t *next_ms, struct mp_error *err)
{
    struct mp_arena_mark mark = mp_arena_mark(ctx->arena);
    struct mp_job job;
    int rc = mp_queue_take(ctx, runner->lane, &job, next_ms, err);

    if (rc > 0 && run_one(runner, ctx, &job, err) < 0)
        rc = -1;
    if (rc < 0)
        jobs_log_failure(ctx, err);
    else
        mp_arena_rewind(ctx->arena, mark);
    return rc;
}

static bool is_stopping(const struct mp_ctx *ctx)
{
    return ctx->stopping != NULL && ctx->stopping();
}

/* A duty that fails for a reason of its own does not keep the jobs waiting. */
static int before_jobs(struct mp_runner *runner, struct mp_ctx *ctx, unsigned *idle_ms, struct mp_error *err)
{
    int rc = 0;

    if (runner->duties)
        rc = jobs_duties(runner, ctx, idle_ms, err);
    else if (runner->lane == MP_LANE_QUICK)
        rc = jobs_events(ctx, idle_ms, err);
    if (rc == 0)
        return 0;
    jobs_log_failure(ctx, err);
    if (jobs_is_passing(err))
        return -1;
    mp_error_reset(err);
    return 0;
}

int mp_runner_round(struct mp_runner *runner, struct mp_ctx *ctx, unsigned *idle_ms, struct mp_error *err)
{
    int64_t until_ms = mp_monotonic_ms() + ROUND_MS, next_ms = 0;
    unsigned jobs = 0;
    int rc = 1;

    *idle_ms = runner->lane == MP_LANE_QUICK ? QUICK_IDLE_MS : MOVE_IDLE_MS;
    if (before_jobs(runner, ctx, idle_ms, err) < 0)
        return -1;
    while (rc > 0 && jobs < ROUND_JOBS && mp_monotonic_ms() < until_ms && !is_stopping(ctx)) {
        rc = step(runner, ctx, &next_ms, err);
        jobs++;
    }
    if (rc > 0 || (rc == 0 && next_ms == 0))
        *idle_ms = 0;
    else if (next_ms < (int64_t)*idle_ms)
        *idle_ms = (unsigned)next_ms;
    return rc < 0 ? -1 : 0;
}
