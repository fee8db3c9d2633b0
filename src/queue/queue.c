#include "meetpool/queue.h"

#include <stdarg.h>
#include <string.h>

#include "meetpool/crypto.h"
#include "meetpool/store_alert.h"

/* A holder that is not heard of for so long has lost its job. */
#define LEASE_MS        30000
#define NEXT_MOST_MS    60000
#define LATER_MOST_MS   (INT64_C(48) * 3600 * 1000)
#define BACKOFF_MS      2000
#define BACKOFF_MOST_MS (INT64_C(30) * 60 * 1000)
/* Rivals may be faster so often in one call. */
#define CLAIMS_MOST     8
#define LOST_BATCH      200
#define PUBLIC_ID_BYTES 12
/* Bytes; the column holds as many characters. */
#define TEXT_MOST 400

#define COLUMNS                                                                                                                                      \
    "id, public_id, kind, subject, args, requested_by, state, lane, batch_id, attempts, most_attempts, fence, due_at, created_at, started_at,"       \
    " finished_at, progress_done, progress_total, error_code, error"

/* Assignments are made from left to right and see what those before them made. */

/* LAST_INSERT_ID(id): the id is told for a row that was there, too. */
static const struct mp_sql job_add = {
    "INSERT INTO job (public_id, kind, subject, slot, lane, priority, state, due_at, most_attempts, args, requested_by, batch_id, created_at)"
    " VALUES (?, ?, ?, ?, ?, ?, 'queued', " MP_DB_NOW_MS " + ?, ?, ?, ?, ?, " MP_DB_NOW_MS ")"
    " ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id),"
    " due_at = IF(state = 'queued', LEAST(due_at, VALUES(due_at)), due_at),"
    " priority = IF(state = 'queued', LEAST(priority, VALUES(priority)), priority),"
    " again_at = IF(state = 'running' AND slot = 0, LEAST(IFNULL(again_at, VALUES(due_at)), VALUES(due_at)), again_at)"};
static const struct mp_sql periodic_there = {
    "SELECT EXISTS (SELECT 1 FROM job WHERE kind = ? AND subject = ? AND slot = ?)"
    " OR EXISTS (SELECT 1 FROM job WHERE kind = ? AND state = 'queued' AND slot > 0 AND due_at <= " MP_DB_BEGUN_MS ")"};
static const struct mp_sql job_by_id = {"SELECT " COLUMNS " FROM job WHERE id = ?"};
static const struct mp_sql job_by_public = {"SELECT " COLUMNS " FROM job WHERE public_id = ?"};

/*
 * The first of the lowest priority above the one given, due or not. What a rival is claiming at this moment is skipped, so that runners do not queue
 * up at one row. The lock ends with the statement: who gets the row is settled by the fence alone, as a lock holds on one Galera node only.
 */
static const struct mp_sql job_first = {"SELECT " COLUMNS ", priority, due_at - " MP_DB_BEGUN_MS
                                        " FROM job FORCE INDEX (job_due) WHERE lane = ? AND state = 'queued' AND priority > ?"
                                        " ORDER BY priority, due_at LIMIT 1 FOR UPDATE SKIP LOCKED"};
static const struct mp_sql job_claim = {"UPDATE job SET state = 'running', attempts = attempts + 1, fence = fence + 1, owner = ?,"
                                        " lease_until = " MP_DB_NOW_MS " + ?, started_at = IFNULL(started_at, " MP_DB_NOW_MS
                                        ") WHERE id = ? AND fence = ? AND state = 'queued'"};
static const struct mp_sql job_progress = {"UPDATE job SET lease_until = " MP_DB_NOW_MS " + ?, progress_done = ?, progress_total = ?"
                                           " WHERE id = ? AND fence = ? AND state = 'running'"};
static const struct mp_sql job_still_ours = {"SELECT 1 FROM job WHERE id = ? AND fence = ? AND state = 'running'"};

/* Over, or asked for once more meanwhile: then it is a new one in the same row. */
static const struct mp_sql job_over = {
    "UPDATE job SET state = IF(again_at IS NULL, ?, 'queued'), slot = IF(state <> 'queued' AND slot = 0, NULL, slot),"
    " attempts = IF(state = 'queued', 0, attempts), progress_best = IF(state = 'queued', 0, progress_best),"
    " due_at = IF(state = 'queued', again_at, due_at), finished_at = IF(state = 'queued', NULL, " MP_DB_NOW_MS "),"
    " started_at = IF(state = 'queued', NULL, started_at),"
    " error_code = ?, error = ?, again_at = NULL, owner = NULL, lease_until = 0 WHERE id = ? AND fence = ? AND state = 'running'"};
static const struct mp_sql job_later = {
    "UPDATE job SET state = 'queued', due_at = LEAST(" MP_DB_NOW_MS " + ?, IFNULL(again_at, 9223372036854775807)),"
    " attempts = attempts - LEAST(attempts, ?), error_code = ?, error = ?, again_at = NULL, owner = NULL, lease_until = 0"
    " WHERE id = ? AND fence = ? AND state = 'running'"};

/*
 * A try that died does not count where it came further than any before it: a long file is not given up because its runners were restarted. One that
 * kills its runner at the same place each time comes to its end.
 */
static const struct mp_sql jobs_running = {"SELECT id, fence, owner, attempts, lease_until <= " MP_DB_BEGUN_MS
                                           " FROM job WHERE state = 'running' ORDER BY lease_until LIMIT ?"};
static const struct mp_sql job_lost = {
    "UPDATE job SET"
    " state = IF(again_at IS NULL AND most_attempts > 0 AND attempts >= most_attempts AND progress_done <= progress_best, 'failed', 'queued'),"
    " slot = IF(state = 'failed' AND slot = 0, NULL, slot), attempts = attempts - (progress_done > progress_best),"
    " progress_best = GREATEST(progress_best, progress_done), due_at = IF(state = 'failed', due_at, " MP_DB_NOW_MS " + ?),"
    " finished_at = IF(state = 'failed', " MP_DB_NOW_MS ", NULL), error_code = 'runner_died',"
    " error = 'The process that worked on it ended before it was done.', again_at = NULL, owner = NULL, lease_until = 0, fence = fence + 1"
    " WHERE id = ? AND fence = ? AND state = 'running' AND (? = 1 OR lease_until <= " MP_DB_NOW_MS ")"};

static const struct mp_sql list_all = {"SELECT " COLUMNS " FROM job WHERE id < ? ORDER BY id DESC LIMIT ?"};
static const struct mp_sql list_state = {"SELECT " COLUMNS " FROM job WHERE id < ? AND state = ? ORDER BY id DESC LIMIT ?"};
static const struct mp_sql list_kind = {"SELECT " COLUMNS " FROM job WHERE id < ? AND kind = ? ORDER BY id DESC LIMIT ?"};
static const struct mp_sql list_both = {"SELECT " COLUMNS " FROM job WHERE id < ? AND state = ? AND kind = ? ORDER BY id DESC LIMIT ?"};

static const struct mp_sql job_again = {
    "UPDATE job SET state = 'queued', slot = IFNULL(slot, 0), due_at = " MP_DB_NOW_MS ", attempts = 0, progress_best = 0, progress_done = 0,"
    " fence = fence + 1, error_code = NULL, error = NULL, started_at = NULL, finished_at = NULL WHERE id = ? AND state = 'failed'"};
static const struct mp_sql done_since = {"SELECT 1 FROM job FORCE INDEX (job_over) WHERE finished_at >= ? AND kind = ? AND state = 'done' LIMIT 1"};
static const struct mp_sql jobs_expire = {"DELETE FROM job WHERE finished_at < ? ORDER BY finished_at LIMIT ?"};

#define COUNT_STATE(state) "(SELECT COUNT(*) FROM (SELECT 1 FROM job WHERE state = '" state "' LIMIT 100000) s_" state ")"
static const struct mp_sql jobs_count = {
    "SELECT " COUNT_STATE("queued") ", " COUNT_STATE("running") ", " COUNT_STATE("done") ", " COUNT_STATE("failed")};
static const struct mp_sql jobs_due = {"SELECT COUNT(*), " MP_DB_BEGUN_MS " - MIN(due_at) FROM (SELECT due_at FROM job FORCE INDEX (job_due)"
                                       " WHERE lane IN (0, 1) AND state = 'queued' AND due_at <= " MP_DB_BEGUN_MS " LIMIT 100000) due"};

static const char *const state_names[MP_JOB_STATES] = {"queued", "running", "done", "failed"};

const char *mp_job_state_name(enum mp_job_state state)
{
    return state_names[state];
}

static enum mp_job_state state_of(const char *name)
{
    enum mp_job_state state = MP_JOB_QUEUED;

    while (state < MP_JOB_FAILED && strcmp(state_names[state], name) != 0)
        state++;
    return state;
}

static int64_t instant(const struct mp_stmt *st, unsigned col)
{
    return mp_col_null(st, col) ? -1 : mp_col_i64(st, col);
}

static void read_columns(struct mp_stmt *st, struct mp_arena *arena, struct mp_job *job)
{
    *job = (struct mp_job){
        .id = mp_col_i64(st, 0),
        .public_id = mp_col_text(st, 1, arena),
        .kind = mp_col_text(st, 2, arena),
        .subject = mp_col_text(st, 3, arena),
        .args = mp_col_text(st, 4, arena),
        .requested_by = mp_col_text(st, 5, arena),
        .state = state_of(mp_col_text(st, 6, arena)),
        .lane = mp_col_i64(st, 7) == MP_LANE_QUICK ? MP_LANE_QUICK : MP_LANE_MOVE,
        .batch_id = mp_col_i64(st, 8),
        .attempts = mp_col_i64(st, 9),
        .most_attempts = mp_col_i64(st, 10),
        .fence = mp_col_i64(st, 11),
        .due_at = mp_col_i64(st, 12),
        .created_at = mp_col_i64(st, 13),
        .started_at = instant(st, 14),
        .finished_at = instant(st, 15),
        .progress_done = mp_col_i64(st, 16),
        .progress_total = mp_col_i64(st, 17),
        .error_code = mp_col_text(st, 18, arena),
        .error = mp_col_text(st, 19, arena),
        .retry_ms = -1,
        .counted = true,
    };
}

static int read_one(struct mp_stmt *st, struct mp_arena *arena, struct mp_job *out, struct mp_error *err)
{
    int rc = mp_db_one(st, err);

    if (rc > 0)
        read_columns(st, arena, out);
    mp_db_done(st);
    return rc;
}

/* 1: a row changed, 0: none did. */
static int run_guarded(struct mp_stmt *st, struct mp_error *err)
{
    if (mp_db_run(st, err) < 0)
        return -1;
    return mp_db_affected(st) > 0 ? 1 : 0;
}

int mp_queue_add(struct mp_db *db, struct mp_arena *arena, const struct mp_job_spec *spec, struct mp_job *out, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &job_add);
    int64_t id;
    int added;

    mp_bind_text(st, mp_random_hex(arena, PUBLIC_ID_BYTES));
    mp_bind_text(st, spec->kind);
    mp_bind_text(st, spec->subject);
    mp_bind_i64(st, spec->slot);
    mp_bind_i64(st, spec->lane);
    mp_bind_i64(st, spec->priority);
    mp_bind_i64(st, spec->wait_ms);
    mp_bind_i64(st, (int64_t)spec->most_attempts);
    mp_bind_text(st, spec->args);
    mp_bind_text(st, spec->requested_by);
    mp_bind_i64(st, spec->batch_id);
    if (mp_db_run(st, err) < 0)
        return -1;
    /* 1: a new row; 2: one that was there, changed; 0: one that was there, left as it was. */
    added = mp_db_affected(st) == 1;
    id = mp_db_insert_id(st);
    if (out == NULL)
        return added;
    st = mp_db_begin(db, &job_by_id);
    mp_bind_i64(st, id);
    if (read_one(st, arena, out, err) > 0)
        return added;
    return mp_error_set(err) ? -1 : mp_fail_log(err, MP_E_UNAVAILABLE, "job %lld went while it was read", (long long)id);
}

int mp_queue_add_periodic(struct mp_db *db, struct mp_arena *arena, const struct mp_job_spec *spec, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &periodic_there);
    bool there;

    mp_bind_text(st, spec->kind);
    mp_bind_text(st, spec->subject);
    mp_bind_i64(st, spec->slot);
    mp_bind_text(st, spec->kind);
    if (mp_db_one(st, err) < 0)
        return -1;
    there = mp_col_i64(st, 0) != 0;
    mp_db_done(st);
    return there ? 0 : mp_queue_add(db, arena, spec, NULL, err);
}

/* ---- For handlers ---- */

int64_t mp_job_backoff_ms(int64_t attempts, int64_t base_ms, int64_t most_ms)
{
    int64_t reach = base_ms < most_ms ? base_ms : most_ms;
    uint64_t random;

    for (int64_t i = 1; i < attempts && reach < most_ms; i++)
        reach = reach > most_ms / 2 ? most_ms : reach * 2;
    if (reach <= 0)
        return 0;
    mp_random(&random, sizeof(random));
    return reach / 10 + (int64_t)(random % (uint64_t)(reach - reach / 10 + 1));
}

/* Other systems' words: what is not UTF-8 would not be stored, and the end of the job neither. */
static const char *storable(struct mp_arena *arena, const char *text)
{
    char *clean = mp_arena_utf8(arena, mp_slice_of(text));
    size_t len = strlen(clean);

    if (len > TEXT_MOST) {
        len = TEXT_MOST;
        while (((unsigned char)clean[len] & 0xc0) == 0x80)
            len--;
        clean[len] = '\0';
    }
    return clean;
}

static void say(struct mp_ctx *ctx, struct mp_job *job, const char *code, const char *fmt, va_list args) MP_PRINTF(4, 0);
static void say(struct mp_ctx *ctx, struct mp_job *job, const char *code, const char *fmt, va_list args)
{
    job->end_code = code;
    job->end_text = storable(ctx->arena, mp_arena_vprintf(ctx->arena, fmt, args));
}

void mp_job_later(struct mp_ctx *ctx, struct mp_job *job, int64_t retry_ms, bool counted, const char *code, const char *fmt, ...)
{
    va_list args;

    if (job->stopped)
        return;
    job->end = MP_JOB_END_LATER;
    job->retry_ms = retry_ms < LATER_MOST_MS ? retry_ms : LATER_MOST_MS;
    job->counted = counted;
    va_start(args, fmt);
    say(ctx, job, code, fmt, args);
    va_end(args);
}

void mp_job_fail(struct mp_ctx *ctx, struct mp_job *job, const char *code, const char *fmt, ...)
{
    va_list args;

    if (job->stopped)
        return;
    job->end = MP_JOB_END_FAILED;
    va_start(args, fmt);
    say(ctx, job, code, fmt, args);
    va_end(args);
}

static int still_ours(struct mp_ctx *ctx, const struct mp_job *job, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(ctx->db, &job_still_ours);
    int rc;

    mp_bind_i64(st, job->id);
    mp_bind_i64(st, job->fence);
    rc = mp_db_one(st, err);
    mp_db_done(st);
    return rc;
}

/* In words that are there for ever: it may be said within what a handler lets go of before the job is ended. */
static void give_back(struct mp_job *job)
{
    job->end = MP_JOB_END_LATER;
    job->retry_ms = 0;
    job->counted = false;
    job->end_code = "stopped";
    job->end_text = "Its process was asked to end; it goes on in the next one.";
}

int mp_job_progress(struct mp_ctx *ctx, struct mp_job *job, int64_t done, int64_t total, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(ctx->db, &job_progress);
    int rc;

    mp_bind_i64(st, LEASE_MS);
    mp_bind_i64(st, done);
    mp_bind_i64(st, total);
    mp_bind_i64(st, job->id);
    mp_bind_i64(st, job->fence);
    rc = run_guarded(st, err);
    /* Two calls within a millisecond change nothing. */
    if (rc == 0)
        rc = still_ours(ctx, job, err);
    if (rc < 0)
        return -1;
    job->progress_done = done;
    job->progress_total = total;
    if (rc > 0 && ctx->stopping != NULL && ctx->stopping()) {
        give_back(job);
        rc = 0;
    }
    job->stopped = rc == 0;
    return rc;
}

/* ---- For the runner ---- */

static int claim(struct mp_ctx *ctx, struct mp_job *job, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(ctx->db, &job_claim);
    int rc;

    mp_bind_text(st, ctx->owner);
    mp_bind_i64(st, LEASE_MS);
    mp_bind_i64(st, job->id);
    mp_bind_i64(st, job->fence);
    rc = run_guarded(st, err);
    if (rc > 0) {
        job->state = MP_JOB_RUNNING;
        job->attempts++;
        job->fence++;
    }
    return rc;
}

/* The first of the priorities above `*priority`, which becomes its own. 1, 0: there is none, -1. `in_ms`: until it is due; not above 0: it is. */
static int look(struct mp_ctx *ctx, enum mp_job_lane lane, int64_t *priority, struct mp_job *job, int64_t *in_ms, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(ctx->db, &job_first);
    int rc;

    mp_bind_i64(st, lane);
    mp_bind_i64(st, *priority);
    rc = mp_db_one(st, err);
    if (rc > 0) {
        read_columns(st, ctx->arena, job);
        *priority = mp_col_i64(st, 20);
        *in_ms = mp_col_i64(st, 21);
    }
    mp_db_done(st);
    return rc;
}

int mp_queue_take(struct mp_ctx *ctx, enum mp_job_lane lane, struct mp_job *out, int64_t *next_ms, struct mp_error *err)
{
    unsigned claims = 0;
    int64_t priority = -1, in_ms = 0;
    int rc;

    *next_ms = NEXT_MOST_MS;
    while ((rc = look(ctx, lane, &priority, out, &in_ms, err)) > 0) {
        if (in_ms > 0) {
            *next_ms = in_ms < *next_ms ? in_ms : *next_ms;
            continue;
        }
        rc = claim(ctx, out, err);
        if (rc != 0)
            return rc;
        *next_ms = 0;
        if (++claims == CLAIMS_MOST)
            return 0;
        priority--;
    }
    return rc;
}

static int end_over(struct mp_ctx *ctx, const struct mp_job *job, enum mp_job_state state, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(ctx->db, &job_over);

    mp_bind_text(st, state_names[state]);
    mp_bind_text(st, state == MP_JOB_DONE ? NULL : job->end_code);
    mp_bind_text(st, state == MP_JOB_DONE ? NULL : job->end_text);
    mp_bind_i64(st, job->id);
    mp_bind_i64(st, job->fence);
    return run_guarded(st, err);
}

static int end_later(struct mp_ctx *ctx, const struct mp_job *job, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(ctx->db, &job_later);

    mp_bind_i64(st, job->retry_ms >= 0 ? job->retry_ms : mp_job_backoff_ms(job->attempts, BACKOFF_MS, BACKOFF_MOST_MS));
    mp_bind_i64(st, job->counted ? 0 : 1);
    mp_bind_text(st, job->end_code);
    mp_bind_text(st, job->end_text);
    mp_bind_i64(st, job->id);
    mp_bind_i64(st, job->fence);
    return run_guarded(st, err);
}

int mp_queue_end(struct mp_ctx *ctx, const struct mp_job *job, struct mp_error *err)
{
    if (job->end == MP_JOB_END_DONE)
        return end_over(ctx, job, MP_JOB_DONE, err);
    if (job->end == MP_JOB_END_FAILED || (job->counted && job->most_attempts > 0 && job->attempts >= job->most_attempts))
        return end_over(ctx, job, MP_JOB_FAILED, err);
    return end_later(ctx, job, err);
}

/* The first two go on at once; what dies again and again is left in peace for longer and longer. */
static int64_t wait_of_lost(int64_t attempts)
{
    return attempts <= 2 ? 0 : mp_job_backoff_ms(attempts - 2, 1000, 60000);
}

/* No handler is left to say it: operators are told of one that came to its end so. */
static int tell_given_up(struct mp_ctx *ctx, int64_t id, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(ctx->db, &job_by_id);
    struct mp_job job;
    int rc;

    mp_bind_i64(st, id);
    rc = read_one(st, ctx->arena, &job, err);
    if (rc <= 0 || job.state != MP_JOB_FAILED)
        return rc < 0 ? -1 : 0;
    return mp_store_alert_raise(ctx->db, MP_ALERT_JOB, mp_arena_printf(ctx->arena, "%s %s", job.kind, job.public_id),
                                mp_arena_printf(ctx->arena, "%s %s", job.subject, job.error), err);
}

static int release(struct mp_ctx *ctx, int64_t id, int64_t fence, int64_t attempts, bool dead, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(ctx->db, &job_lost);
    int rc;

    mp_bind_i64(st, wait_of_lost(attempts));
    mp_bind_i64(st, id);
    mp_bind_i64(st, fence);
    mp_bind_i64(st, dead ? 1 : 0);
    rc = run_guarded(st, err);
    return rc > 0 ? tell_given_up(ctx, id, err) : rc;
}

int mp_queue_release_dead(struct mp_ctx *ctx, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(ctx->db, &jobs_running);
    int rc;

    mp_bind_i64(st, LOST_BATCH);
    if (mp_db_run(st, err) < 0)
        return -1;
    while ((rc = mp_db_next(st, err)) > 0) {
        const char *owner = mp_col_text(st, 2, ctx->arena);
        bool dead = owner != NULL && ctx->owner_is_dead != NULL && ctx->owner_is_dead(ctx->owner_arg, owner);

        if (!dead && mp_col_i64(st, 4) == 0)
            continue;
        if (release(ctx, mp_col_i64(st, 0), mp_col_i64(st, 1), mp_col_i64(st, 3), dead, err) < 0)
            return -1;
    }
    return rc;
}

/* ---- For people ---- */

int mp_queue_by_public(struct mp_db *db, struct mp_arena *arena, const char *public_id, struct mp_job *out, struct mp_error *err)
{
    struct mp_stmt *st;
    size_t len = strlen(public_id);

    if (len != 2 * PUBLIC_ID_BYTES || strspn(public_id, "0123456789abcdef") != len)
        return 0;
    st = mp_db_begin(db, &job_by_public);
    mp_bind_text(st, public_id);
    return read_one(st, arena, out, err);
}

static struct mp_stmt *begin_list(struct mp_db *db, const struct mp_job_query *query)
{
    const struct mp_sql *sql = query->state < 0 ? &list_all : &list_state;
    struct mp_stmt *st;

    if (query->kind != NULL)
        sql = query->state < 0 ? &list_kind : &list_both;
    st = mp_db_begin(db, sql);
    mp_bind_i64(st, query->before_id);
    if (query->state >= 0)
        mp_bind_text(st, state_names[query->state]);
    if (query->kind != NULL)
        mp_bind_text(st, query->kind);
    mp_bind_i64(st, (int64_t)query->limit);
    return st;
}

int mp_queue_list(struct mp_db *db, struct mp_arena *arena, const struct mp_job_query *query, struct mp_job **out, size_t *count,
                  struct mp_error *err)
{
    struct mp_stmt *st = begin_list(db, query);
    int rc;

    *out = mp_arena_array(arena, query->limit + 1, sizeof(**out));
    *count = 0;
    if (mp_db_run(st, err) < 0)
        return -1;
    while (*count < query->limit && (rc = mp_db_next(st, err)) != 0) {
        if (rc < 0)
            return -1;
        read_columns(st, arena, &(*out)[(*count)++]);
    }
    mp_db_done(st);
    return 0;
}

int mp_queue_retry(struct mp_db *db, int64_t id, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &job_again);
    int rc;

    mp_bind_i64(st, id);
    rc = run_guarded(st, err);
    if (rc < 0 && err->code == MP_E_CONFLICT) {
        mp_error_reset(err);
        return 0;
    }
    return rc;
}

int mp_queue_done_since(struct mp_db *db, const char *kind, int64_t since, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &done_since);
    int rc;

    mp_bind_i64(st, since);
    mp_bind_text(st, kind);
    rc = mp_db_one(st, err);
    mp_db_done(st);
    return rc;
}

int mp_queue_expire(struct mp_db *db, int64_t before, unsigned limit, int64_t *removed, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &jobs_expire);

    mp_bind_i64(st, before);
    mp_bind_i64(st, (int64_t)limit);
    if (mp_db_run(st, err) < 0)
        return -1;
    *removed = mp_db_affected(st);
    return 0;
}

int mp_queue_counts(struct mp_db *db, struct mp_queue_counts *out, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &jobs_count);

    *out = (struct mp_queue_counts){0};
    if (mp_db_one(st, err) < 0)
        return -1;
    for (unsigned i = 0; i < MP_JOB_STATES; i++)
        out->in_state[i] = mp_col_i64(st, i);
    mp_db_done(st);
    st = mp_db_begin(db, &jobs_due);
    if (mp_db_one(st, err) < 0)
        return -1;
    out->due = mp_col_i64(st, 0);
    out->oldest_due_ms = mp_col_i64(st, 1);
    mp_db_done(st);
    return 0;
}
