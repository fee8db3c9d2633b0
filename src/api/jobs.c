#include <string.h>

#include "api_int.h"
#include "course_int.h"
#include "meetpool/json.h"
#include "meetpool/queue.h"
#include "summary_int.h"

#define KIND_MOST 48

/* Told as it is; a job that is done is done, also where nobody counted. */
static struct json_object *progress_json(const struct mp_job *job)
{
    struct json_object *out = json_object_new_object();

    mp_json_put_int(out, "done", job->progress_done);
    mp_json_put_int(out, "total", job->progress_total);
    if (job->state == MP_JOB_DONE)
        mp_json_put_int(out, "percent", 100);
    else if (job->progress_total > 0)
        mp_json_put_int(out, "percent", job->progress_done >= job->progress_total ? 99 : job->progress_done * 100 / job->progress_total);
    else
        mp_json_put_null(out, "percent");
    return out;
}

struct json_object *mp_job_json(const struct mp_job *job)
{
    struct json_object *out = json_object_new_object();

    mp_json_put_text(out, "id", job->public_id);
    mp_json_put_text(out, "kind", job->kind);
    mp_json_put_text(out, "subject", job->subject);
    mp_json_put_text(out, "state", mp_job_state_name(job->state));
    mp_json_put(out, "progress", progress_json(job));
    mp_json_put_text(out, "error", job->error);
    mp_json_put_text(out, "error_code", job->error_code);
    mp_json_put_int(out, "attempts", job->attempts);
    mp_json_put_text(out, "requested_by", job->requested_by);
    mp_json_put_time(out, "created_at", job->created_at);
    mp_json_put_time(out, "started_at", job->started_at);
    mp_json_put_time(out, "finished_at", job->finished_at);
    mp_json_put_time(out, "next_try_at", job->state == MP_JOB_QUEUED ? job->due_at : -1);
    return out;
}

static int none(const struct mp_request *req, struct mp_error *err)
{
    return mp_fail(err, MP_E_NOT_FOUND, "There is no job %s.", req->params[0]);
}

/* Whose batch it works on may follow it: 1, 0, -1. */
static int has_batch(struct mp_ctx *ctx, const struct mp_request *req, const struct mp_job *job, struct mp_error *err)
{
    const char *sub = req->user.sub;
    struct mp_batch_row batch;
    int rc;

    if (job->batch_id == 0 || (req->user.role & MP_STAFF) == 0)
        return 0;
    rc = mp_store_batch_by_id(ctx->db, req->arena, job->batch_id, &batch, err);
    if (rc <= 0)
        return rc;
    return strcmp(batch.owner_sub, sub) == 0 || (batch.instructor_sub != NULL && strcmp(batch.instructor_sub, sub) == 0);
}

static int job_read(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    struct mp_job job;
    int rc = mp_queue_by_public(ctx->db, req->arena, req->params[0], &job, err);

    if (rc <= 0)
        return rc < 0 ? -1 : none(req, err);
    rc = req->user.role == MP_ROLE_ADMIN || (job.requested_by != NULL && strcmp(job.requested_by, req->user.sub) == 0);
    if (rc == 0)
        rc = has_batch(ctx, req, &job, err);
    if (rc <= 0)
        return rc < 0 ? -1 : none(req, err);
    mp_json_put(mp_response_data(res), "job", mp_job_json(&job));
    res->message = "Job";
    return 0;
}

/* ---- Admins ---- */

static int query_read(const struct mp_request *req, struct mp_job_query *query, struct mp_page *page, struct mp_error *err)
{
    static const char *const taken[] = {"page_size", "next_page_token", "state", "kind", NULL};
    static const char *const states[] = {"queued", "running", "done", "failed", NULL};
    size_t state = 0;

    *query = (struct mp_job_query){.state = -1, .kind = mp_request_query(req, "kind"), .before_id = INT64_MAX};
    mp_query_refuse_unknown(req, taken, err);
    if (mp_query_enum(req, "state", states, &state, err) > 0)
        query->state = (int)state;
    if (query->kind != NULL && (strlen(query->kind) > KIND_MOST || query->kind[strspn(query->kind, "abcdefghijklmnopqrstuvwxyz._")] != '\0'))
        mp_error_field(err, "kind", "is no kind of job: small letters, dots and underscores");
    if (mp_page_read(req, page, err) < 0 || mp_error_set(err))
        return -1;
    query->limit = page->size + 1;
    if (!page->first)
        query->before_id = page->after_a;
    return 0;
}

static int put_totals(struct mp_ctx *ctx, struct json_object *data, struct mp_error *err)
{
    struct json_object *totals = json_object_new_object();
    struct mp_queue_counts counts;

    mp_json_put(data, "totals", totals);
    if (mp_queue_counts(ctx->db, &counts, err) < 0)
        return -1;
    for (int state = 0; state < MP_JOB_STATES; state++)
        mp_json_put_int(totals, mp_job_state_name((enum mp_job_state)state), counts.in_state[state]);
    mp_json_put_int(totals, "due", counts.due);
    mp_json_put_int(totals, "oldest_due_seconds", counts.oldest_due_ms / 1000);
    return 0;
}

static int jobs_list(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    struct json_object *list = json_object_new_array(), *data = mp_response_data(res);
    struct mp_job_query query;
    struct mp_job *found;
    struct mp_page page;
    size_t count, shown;

    mp_json_put(data, "jobs", list);
    if (query_read(req, &query, &page, err) < 0 || mp_queue_list(ctx->db, req->arena, &query, &found, &count, err) < 0 ||
        put_totals(ctx, data, err) < 0)
        return -1;
    shown = count > page.size ? page.size : count;
    for (size_t i = 0; i < shown; i++)
        json_object_array_add(list, mp_job_json(&found[i]));
    mp_page_write(req, data, count > shown, shown > 0 ? found[shown - 1].id : 0, 0);
    res->message = "Jobs";
    return 0;
}

static int job_retry(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    struct mp_job job;
    int rc = mp_queue_by_public(ctx->db, req->arena, req->params[0], &job, err);

    if (rc <= 0)
        return rc < 0 ? -1 : none(req, err);
    rc = mp_queue_retry(ctx->db, job.id, err);
    if (rc < 0)
        return -1;
    if (rc == 0 && job.state != MP_JOB_FAILED)
        return mp_fail(err, MP_E_CONFLICT, "Only a failed job can be tried again; this one is %s.", mp_job_state_name(job.state));
    if (rc == 0)
        return mp_fail(err, MP_E_CONFLICT, "It is being tried again already, by another job for the same thing.");
    if (mp_queue_by_public(ctx->db, req->arena, job.public_id, &job, err) < 0)
        return -1;
    mp_json_put(mp_response_data(res), "job", mp_job_json(&job));
    res->message = "The job is tried again";
    return 0;
}

static const struct mp_route rows[] = {
    {"GET", "jobs/{id}", MP_EVERYONE, 0, job_read},
    {"GET", "admin/jobs", MP_ROLE_ADMIN, 0, jobs_list},
    {"POST", "admin/jobs/{id}/retry", MP_ROLE_ADMIN, 0, job_retry},
};
const struct mp_route_table mp_job_routes = {rows, MP_COUNT(rows)};
