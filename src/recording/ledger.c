#include "meetpool/clock.h"
#include "recording_int.h"

/*
 * Once a day what Zoom has of each host is held against what is here. The days overlap with those of the passes before, so that one that was missed,
 * or an outage, loses nothing.
 */
#define OVERLAP_DAYS 2
#define WINDOW_DAYS  28 /* Zoom takes a month at most */
#define PAGES_MOST   40
#define ABSENT_MOST  500
#define TOLD_OF_MOST 100

struct pass {
    struct mp_ctx *ctx;
    struct mp_job *job;
    struct mp_recording_host row;
    int account, host;
    struct mp_zoom_recording_query query;
    struct mp_zoom_recording_list list;
    int64_t hosts, seen, found;
};

static void do_list(struct mp_ctx *ctx, const struct mp_secret *token, unsigned timeout_ms, void *arg, struct mp_zoom_result *res)
{
    struct pass *p = arg;

    mp_zoom_recording_list(ctx->zoom, ctx->arena, token, timeout_ms, &p->query, &p->list, res);
    mp_zoom_refused_alone(res);
    if (res->cls == MP_ZOOM_NOT_FOUND)
        res->cls = MP_ZOOM_OK;
}

static int64_t files_wanted(const struct mp_zoom_recording *recording)
{
    int64_t wanted = 0;

    for (size_t i = 0; i < recording->count; i++)
        wanted += recording->files[i].extension != NULL && recording->files[i].complete ? 1 : 0;
    return wanted;
}

/* Others' meetings are nobody's business here. */
static int compare(struct pass *p, const struct mp_zoom_recording *recording, struct mp_error *err)
{
    int64_t meeting, known, wanted = files_wanted(recording);
    int rc = mp_store_recording_meeting(p->ctx->db, recording->zoom_id, p->row.account_id, &meeting, err);

    if (rc <= 0)
        return rc;
    p->seen++;
    if (mp_store_recording_known(p->ctx->db, recording->uuid, &known, err) < 0)
        return -1;
    if (known >= wanted)
        return 0;
    p->found++;
    mp_log(p->ctx->log, MP_INFO, "recording.overlooked", MP_INT("meeting", recording->zoom_id), MP_STR("uuid", recording->uuid),
           MP_INT("files", wanted - known));
    return recording_add_find(p->ctx->db, p->ctx->arena, meeting, 0, MP_JOB_PRIORITY_NORMAL, err);
}

/* 1 more pages, 0 no more, -1. */
static int read_page(struct pass *p, struct mp_error *err)
{
    struct mp_zoom_result res;
    int rc = mp_job_progress(p->ctx, p->job, p->hosts, 0, err);

    if (rc <= 0)
        return rc < 0 ? -1 : 0;
    mp_account_call(p->ctx, (size_t)p->account, p->host, mp_monotonic_ms() + RECORDING_CALL_MS, do_list, p, &res);
    if (res.cls != MP_ZOOM_OK) {
        mp_log(p->ctx->log, MP_WARNING, "recording.ledger_skipped", MP_STR("host", p->query.host), MP_STR("reason", res.message));
        return 0;
    }
    for (size_t i = 0; i < p->list.count; i++) {
        if (compare(p, &p->list.items[i], err) < 0)
            return -1;
    }
    p->query.page_token = p->list.next_page_token;
    return p->query.page_token != NULL ? 1 : 0;
}

static int read_window(struct pass *p, int64_t from, int64_t to, struct mp_error *err)
{
    int rc = 1;

    p->query = (struct mp_zoom_recording_query){
        .host = mp_account_entry(p->ctx->account_conf, (size_t)p->account)->hosts[p->host].user, .from = from, .to = to};
    for (int page = 0; page < PAGES_MOST && rc > 0; page++)
        rc = read_page(p, err);
    return rc < 0 ? -1 : 0;
}

static int read_host(struct pass *p, int64_t from, int64_t now_ms, struct mp_error *err)
{
    struct mp_arena_mark mark;

    p->account = mp_account_by_row(p->ctx, p->row.account_id, p->row.host_id, &p->host, err);
    if (mp_error_set(err))
        return -1;
    if (p->account < 0 || p->host < 0)
        return 0;
    p->hosts++;
    mark = mp_arena_mark(p->ctx->arena);
    for (int64_t at = from; at < now_ms; at += WINDOW_DAYS * MP_DAY_MS) {
        int64_t to = at + WINDOW_DAYS * MP_DAY_MS;

        if (p->job->stopped)
            break;
        if (read_window(p, at, to < now_ms ? to : now_ms, err) < 0)
            return -1;
    }
    mp_arena_rewind(p->ctx->arena, mark);
    return 0;
}

/* Meetings that ended a while ago and of whose recording nothing has come home: each is named, and stands in the admins' list. */
static int name_absent(struct mp_ctx *ctx, int64_t from, int64_t until, struct mp_error *err)
{
    struct mp_recording_absent *rows;
    size_t count;

    if (mp_store_recording_absent(ctx->db, ctx->arena, from, until, ABSENT_MOST, &rows, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (rows[i].state == NULL)
            continue;
        if (mp_store_recording_missing(ctx->db, rows[i].meeting_id, true, err) < 0)
            return -1;
        if (i < TOLD_OF_MOST)
            mp_log(ctx->log, MP_WARNING, "recording.unaccounted", MP_INT("meeting", rows[i].zoom_id), MP_STR("topic", rows[i].topic),
                   MP_STR("state", rows[i].state), MP_STR("reason", rows[i].error));
    }
    return 0;
}

int mp_recording_ledger_job(struct mp_ctx *ctx, struct mp_job *job, struct mp_error *err)
{
    int64_t now_ms = mp_now_ms(), from = now_ms - (ctx->recording_conf->late_days + OVERLAP_DAYS) * MP_DAY_MS;
    struct pass p = {.ctx = ctx, .job = job};
    struct mp_recording_host *hosts;
    size_t count;

    if (mp_store_recording_hosts(ctx->db, ctx->arena, from - MP_DAY_MS, now_ms + MP_DAY_MS, &hosts, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count && !job->stopped; i++) {
        p.row = hosts[i];
        if (read_host(&p, from, now_ms, err) < 0)
            return -1;
    }
    if (job->stopped)
        return 0;
    if (name_absent(ctx, from - MP_DAY_MS, now_ms - ctx->recording_conf->ledger_interval_s * 1000, err) < 0)
        return -1;
    mp_log(ctx->log, MP_INFO, "recording.ledger", MP_INT("hosts", p.hosts), MP_INT("recordings", p.seen), MP_INT("overlooked", p.found));
    return 0;
}
