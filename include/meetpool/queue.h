#ifndef MEETPOOL_QUEUE_H
#define MEETPOOL_QUEUE_H

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stdint.h>

#include "meetpool/ctx.h"
#include "meetpool/db.h"
#include "meetpool/error.h"

/*
 * The queue of background work, in the database: any number of runners on any number of hosts take from it. A job has a kind (which function), a
 * subject (what it is about) and a due time, by the database's clock. Its attempts are counted before each try, so that one that kills its runner
 * comes to an end too. A runner holds a job by a lease with a fence; when the runner dies the job goes on elsewhere when the lease is over, at once
 * where the owner is known to be dead. Whatever a former holder still writes changes nothing.
 *
 *   queued -> running -> done
 *                     -> queued   later: a failure that passes (after a wait that grows, with jitter), or nothing to do yet
 *                     -> failed   its tries are used up, or trying again is useless: the reason stands in the row
 *
 * A handler may run more than once for one job (its runner died after the work, before the word): what it does must be the same done twice.
 */

/* Quick jobs never wait behind those that move files: each lane has its own runners. */
enum mp_job_lane { MP_LANE_QUICK, MP_LANE_MOVE, MP_LANES };

/* Of those that are due the lower number goes first, then the earlier due. */
#define MP_JOB_PRIORITY_EVENT  10 /* what Zoom has told */
#define MP_JOB_PRIORITY_ASKED  20 /* somebody waits for it */
#define MP_JOB_PRIORITY_NORMAL 50
#define MP_JOB_PRIORITY_BULK   90

struct mp_job_spec {
    const char *kind;    /* "recording.sync"; at most 48 characters */
    const char *subject; /* at most 190 */
    int64_t slot;        /* one job a (kind, subject, slot): MP_JOB_OPEN: one that is not over yet; else the periodic job's instant: one ever */
    enum mp_job_lane lane;
    int priority;
    int64_t wait_ms;          /* due after so long */
    unsigned most_attempts;   /* 0: without limit */
    const char *args;         /* JSON; NULL: none */
    const char *requested_by; /* a user; NULL: meetpool itself */
    int64_t batch_id;         /* whose people may follow it by GET jobs/{id}; 0: admins alone, and who asked */
};
#define MP_JOB_OPEN 0

enum mp_job_state { MP_JOB_QUEUED, MP_JOB_RUNNING, MP_JOB_DONE, MP_JOB_FAILED, MP_JOB_STATES };
const char *mp_job_state_name(enum mp_job_state state);

enum mp_job_end { MP_JOB_END_DONE, MP_JOB_END_LATER, MP_JOB_END_FAILED };

struct mp_job {
    int64_t id;
    const char *public_id; /* 24 hex digits */
    const char *kind, *subject, *args, *requested_by;
    enum mp_job_state state;
    enum mp_job_lane lane;
    int64_t batch_id;
    int64_t attempts, most_attempts; /* this one is counted */
    int64_t fence;
    int64_t due_at, created_at, started_at, finished_at; /* the last two -1: not yet */
    int64_t progress_done, progress_total;               /* total 0: not known */
    const char *error_code, *error;                      /* of the last try that failed; NULL */
    /* Set by mp_job_later() and mp_job_fail(); a handler that sets neither and returns 0 is done. */
    enum mp_job_end end;
    int64_t retry_ms;
    bool counted;
    bool stopped; /* mp_job_progress() has said 0: whatever the handler says from then on does not matter */
    const char *end_code, *end_text;
};

/*
 * Adds a job; in or outside a transaction. Where one of the same (kind, subject, slot) is there: a queued one becomes due the sooner of both; a
 * running one runs once more when it is over. `out` (NULL: not wanted): the job as it stands. 1: added, 0: it was there.
 */
int mp_queue_add(struct mp_db *db, struct mp_arena *arena, const struct mp_job_spec *spec, struct mp_job *out, struct mp_error *err) MP_MUST_CHECK;

/* The job of a periodic kind's instant, unless it was there ever, or an earlier instant's still waits its turn. */
int mp_queue_add_periodic(struct mp_db *db, struct mp_arena *arena, const struct mp_job_spec *spec, struct mp_error *err) MP_MUST_CHECK;

/* ---- For handlers ---- */

/*
 * Does one job. 0, or -1 with `err`: tried again later while tries are left (MP_E_UNAVAILABLE does not count as a try); operators are told when they
 * are used up. What was said by mp_job_later() or mp_job_fail() goes before `err`, and of what it fails itself a handler tells the operators itself.
 */
typedef int mp_job_fn(struct mp_ctx *ctx, struct mp_job *job, struct mp_error *err);

/*
 * Try again after `retry_ms` (at most 48 h); -1: after a wait that grows with the attempts (2 s, 4 s ... 30 min, with jitter). Not `counted`: it was
 * not its fault, or nothing is wrong. A counted one whose tries are used up is failed with that reason. The words lie in ctx->arena until the job
 * ends.
 */
void mp_job_later(struct mp_ctx *ctx, struct mp_job *job, int64_t retry_ms, bool counted, const char *code, const char *fmt, ...) MP_PRINTF(6, 7);
/* For good, with a reason that people read; `code` is for machines. */
void mp_job_fail(struct mp_ctx *ctx, struct mp_job *job, const char *code, const char *fmt, ...) MP_PRINTF(4, 5);
/*
 * Holds on to the lease (call it at least every 10 s; it is over 30 s after the last call) and tells how far it is. 1: go on. 0: stop at once, write
 * nothing, leave what was begun for the next to go on with: somebody else has the job, or the process is asked to end and the job is queued again
 * without counting this try. A try that dies after it came further than any before it does not count either.
 */
int mp_job_progress(struct mp_ctx *ctx, struct mp_job *job, int64_t done, int64_t total, struct mp_error *err) MP_MUST_CHECK;
/* Exponential with full jitter: a random wait up to base * 2^(attempts-1), at least a tenth of it, at most `most_ms`. */
int64_t mp_job_backoff_ms(int64_t attempts, int64_t base_ms, int64_t most_ms);

/* ---- For the runner ---- */

/* The next due job of a lane: counted, leased. 1, 0 (none: `next_ms` says in how long one is due, at most 60,000), -1. */
int mp_queue_take(struct mp_ctx *ctx, enum mp_job_lane lane, struct mp_job *out, int64_t *next_ms, struct mp_error *err) MP_MUST_CHECK;
/* Writes how it ended, under the fence. 1 done, 0 not ours any more. */
int mp_queue_end(struct mp_ctx *ctx, const struct mp_job *job, struct mp_error *err) MP_MUST_CHECK;
/*
 * Jobs whose runner is known to have died, or whose lease is over, are queued again at once; from their third loss on after a wait that grows. Where
 * the tries are used up they are failed ("runner_died").
 */
int mp_queue_release_dead(struct mp_ctx *ctx, struct mp_error *err) MP_MUST_CHECK;

/* ---- For people ---- */

int mp_queue_by_public(struct mp_db *db, struct mp_arena *arena, const char *public_id, struct mp_job *out, struct mp_error *err) MP_MUST_CHECK;
struct mp_job_query {
    int state;        /* enum mp_job_state; -1: any */
    const char *kind; /* NULL: any */
    int64_t before_id;
    unsigned limit;
};
/* Newest first. */
int mp_queue_list(struct mp_db *db, struct mp_arena *arena, const struct mp_job_query *query, struct mp_job **out, size_t *count,
                  struct mp_error *err) MP_MUST_CHECK;
/* A failed job from the start again. 1, or 0: it is not failed (any more), or one of its name is open. */
int mp_queue_retry(struct mp_db *db, int64_t id, struct mp_error *err) MP_MUST_CHECK;
/* Whether a job of that kind was done since then (the database's clock). 1, 0, -1. */
int mp_queue_done_since(struct mp_db *db, const char *kind, int64_t since, struct mp_error *err) MP_MUST_CHECK;
/* Removes up to `limit` jobs that ended before `before` (the database's clock). */
int mp_queue_expire(struct mp_db *db, int64_t before, unsigned limit, int64_t *removed, struct mp_error *err) MP_MUST_CHECK;
/* How many jobs are in each state now (counted up to 100,000); of the queued ones, those that are due, and how long the first of them is. */
struct mp_queue_counts {
    int64_t in_state[MP_JOB_STATES];
    int64_t due, oldest_due_ms;
};
int mp_queue_counts(struct mp_db *db, struct mp_queue_counts *out, struct mp_error *err) MP_MUST_CHECK;

#endif
