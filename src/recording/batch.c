#include <json-c/json_object.h>
#include <string.h>

#include "meetpool/json.h"
#include "recording_int.h"

#define SESSIONS_MOST 1000
#define POLL_LEAST_MS 500
#define POLL_MOST_MS  15000

/* ---- Asking ---- */

static const char *args_text(struct mp_arena *arena, const struct mp_recording_wish *wish)
{
    struct json_object *args = mp_json_object(arena);

    mp_json_put_bool(args, "force", wish->force);
    mp_json_put_bool(args, "failed_only", wish->failed_only);
    mp_json_put_text(args, "session", wish->session);
    return mp_json_text(arena, args);
}

int mp_recording_ask(struct mp_ctx *ctx, const struct mp_recording_wish *wish, struct mp_job *job, struct mp_error *err)
{
    const char *what = wish->force ? "force" : wish->failed_only ? "retry" : "sync";
    struct mp_job_spec spec = {
        .kind = MP_JOB_BATCH,
        .subject = mp_arena_printf(ctx->arena, "%s:%s:%s", wish->batch->public_id, what, wish->session != NULL ? wish->session : "all"),
        .slot = MP_JOB_OPEN,
        .lane = MP_LANE_QUICK,
        .priority = MP_JOB_PRIORITY_ASKED,
        .most_attempts = 5,
        .args = args_text(ctx->arena, wish),
        .requested_by = wish->requested_by,
        .batch_id = wish->batch->id,
    };

    return mp_queue_add(ctx->db, ctx->arena, &spec, job, err) < 0 ? -1 : 0;
}

/* ---- Doing ---- */

struct batch_sync {
    struct mp_ctx *ctx;
    struct mp_job *job;
    bool force, failed_only;
    const char *session;
    int64_t total, settled, failed;
    const char *reason; /* of the first that failed */
};

static int read_args(struct batch_sync *b, struct mp_error *err)
{
    struct json_object *args;
    struct mp_json_reader r = {.arena = b->ctx->arena, .err = err};

    if (b->job->args == NULL)
        return 0;
    if (mp_json_parse_object(b->ctx->arena, mp_slice_of(b->job->args), &args, err) < 0)
        return -1;
    r.obj = args;
    (void)mp_json_get_bool(&r, "force", &b->force);
    (void)mp_json_get_bool(&r, "failed_only", &b->failed_only);
    (void)mp_json_get_text(&r, "session", 1, 64, false, &b->session);
    return mp_error_set(err) ? -1 : 0;
}

/* Begun by this job, in this round or an earlier one. */
static bool begun(const struct batch_sync *b, const struct mp_recording_session *s)
{
    return s->seen && s->row.asked_at >= b->job->created_at;
}

static bool concerned(const struct batch_sync *b, const struct mp_recording_session *s)
{
    if (s->meeting_id == 0 || !s->ended)
        return false;
    if (begun(b, s))
        return true;
    /* One that is named is looked for though nothing asked for it to be recorded: its host may have pressed the button. */
    if (!s->wanted && !s->seen && b->session == NULL)
        return false;
    return !b->failed_only || !s->seen || s->row.state != MP_RECORDING_SYNCED;
}

struct beginning {
    const struct batch_sync *batch;
    const struct mp_recording_session *session;
};

/* The transaction: begun anew, and a job that looks. May run twice. */
static int begin_it(struct mp_db *db, void *arg, struct mp_error *err)
{
    const struct beginning *b = arg;
    const struct mp_recording_session *s = b->session;
    int rc;

    if (mp_store_recording_ensure(db, s->meeting_id, s->booking_id, b->batch->job->batch_id, err) < 0)
        return -1;
    rc = mp_store_recording_anew(db, s->meeting_id, b->batch->job->created_at, b->batch->force, err);
    if (rc <= 0)
        return rc;
    return recording_add_find(db, err->arena, s->meeting_id, 0, MP_JOB_PRIORITY_ASKED, err);
}

/* What waits for somebody to mend the storage is not waited for. */
static bool is_settled(const struct mp_recording_row *row)
{
    if (row->last_try_at < 0)
        return false;
    return row->state != MP_RECORDING_SYNCING || (row->error_code != NULL && strcmp(row->error_code, "storage_refused") == 0);
}

static bool went_wrong(const struct mp_recording_row *row)
{
    if (row->state == MP_RECORDING_FAILED || row->state == MP_RECORDING_SYNCING)
        return true;
    return row->error_code != NULL && strncmp(row->error_code, "zoom_", 5) == 0;
}

static int look_at(struct batch_sync *b, const struct mp_recording_session *s, struct mp_error *err)
{
    struct beginning begin = {b, s};

    if (!concerned(b, s))
        return 0;
    b->total++;
    if (!begun(b, s))
        return mp_tx_run(b->ctx->db, begin_it, &begin, err);
    if (!is_settled(&s->row))
        return 0;
    b->settled++;
    if (!went_wrong(&s->row))
        return 0;
    b->failed++;
    if (b->reason == NULL)
        b->reason = s->row.error;
    return 0;
}

/* Often at first, as most are quick; less so where it takes long. */
static int64_t poll_ms(struct batch_sync *b, struct mp_error *err)
{
    int64_t now_ms, wait_ms;

    if (mp_db_now(b->ctx->db, &now_ms, err) < 0)
        return -1;
    wait_ms = (now_ms - b->job->created_at) / 10;
    return wait_ms < POLL_LEAST_MS ? POLL_LEAST_MS : wait_ms > POLL_MOST_MS ? POLL_MOST_MS : wait_ms;
}

static int conclude(struct batch_sync *b, struct mp_error *err)
{
    int64_t wait_ms;

    if (b->settled < b->total) {
        wait_ms = poll_ms(b, err);
        if (wait_ms < 0)
            return -1;
        mp_job_later(b->ctx, b->job, wait_ms, false, NULL, "its sessions are being synced");
        return 0;
    }
    if (b->failed > 0)
        mp_job_fail(b->ctx, b->job, "recording_failed", "%lld of %lld sessions could not be synced: %s", (long long)b->failed, (long long)b->total,
                    b->reason != NULL ? b->reason : "no reason given");
    mp_log(b->ctx->log, MP_INFO, "recording.batch_done", MP_INT("sessions", b->total), MP_INT("failed", b->failed));
    return 0;
}

int mp_recording_batch_job(struct mp_ctx *ctx, struct mp_job *job, struct mp_error *err)
{
    struct batch_sync b = {.ctx = ctx, .job = job};
    struct mp_recording_batch_query query = {.batch_id = job->batch_id, .before_start = INT64_MAX, .before_id = INT64_MAX, .limit = SESSIONS_MOST};
    struct mp_recording_session *sessions;
    size_t count;
    int rc;

    if (read_args(&b, err) < 0)
        return -1;
    query.session = b.session;
    if (mp_store_recording_sessions(ctx->db, ctx->arena, &query, &sessions, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (look_at(&b, &sessions[i], err) < 0)
            return -1;
    }
    rc = mp_job_progress(ctx, job, b.settled, b.total, err);
    return rc <= 0 ? rc : conclude(&b, err);
}
