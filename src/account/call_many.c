#include "account_int.h"
#include "meetpool/clock.h"
#include "meetpool/crypto.h"

/*
 * Zoom allows an account 30 light calls a second on the smallest paid plan, for everybody who calls for it (developers.zoom.us/docs/api/rate-limits,
 * as of 2026-02-07): one run keeps below. Each time Zoom asks to wait, the run calls half as often.
 */
#define GAP_MS      50
#define GAP_MOST_MS 1000
/* Those who were asked to wait at the same instant do not come back at the same instant. */
#define JITTER_MS 200
/* One call that hangs holds up the whole run. */
#define TIMEOUT_MOST_MS 6000
/* So many waits for the rate limit a call. */
#define WAITS_MOST 5
/* After so many calls without an answer, and none with one between, the rest is not sent. */
#define SILENT_MOST 3
#define SILENT_MS   2500

enum stage { WAITING, UNDER_WAY, ENDED };

/* One account in this run. */
struct lane {
    size_t account;
    const struct mp_secret *token; /* NULL: not asked for yet */
    bool fetched;                  /* as turn.renewed */
    bool closed;
    struct mp_zoom_result why; /* closed: what the calls that wait come to */
    int64_t open_at_ms;        /* monotonic: when the next call may leave */
    int64_t paused_until_ms;
    int64_t gap_ms;
    unsigned silent;
};

/* One call on its way. */
struct turn {
    enum stage stage;
    struct lane *lane;
    const struct mp_secret *token; /* it was sent with */
    bool renewed;                  /* that one was fetched because Zoom did not take the one before */
    unsigned waits;
};

struct run {
    struct mp_ctx *ctx;
    struct mp_account_job *jobs;
    struct turn *turns;
    struct lane *lanes;
    size_t lanes_count;
    size_t count, ended, under_way, parallel;
    mp_account_fn *start;
    int64_t deadline_ms;
};

static void end(struct run *r, size_t i)
{
    r->turns[i].stage = ENDED;
    r->ended++;
}

static void close_lane(struct lane *lane, const struct mp_zoom_result *why)
{
    lane->closed = true;
    lane->why = *why;
}

/* Gets the account's token, for the first time or in place of one that Zoom does not take. Without one the lane is closed. */
static bool take_token(struct run *r, struct lane *lane)
{
    struct mp_secret *token = MP_NEW(r->ctx->arena, struct mp_secret);
    struct mp_zoom_result res;

    if (account_token(r->ctx, lane->account, r->deadline_ms, lane->token, token, &lane->fetched, &res) < 0) {
        account_outcome(r->ctx, lane->account, -1, &res);
        close_lane(lane, &res);
        return false;
    }
    lane->token = token;
    return true;
}

static void open_lanes(struct run *r)
{
    for (size_t i = 0; i < r->count; i++) {
        size_t n = 0;

        while (n < r->lanes_count && r->lanes[n].account != r->jobs[i].account)
            n++;
        r->turns[i].lane = &r->lanes[n];
        if (n < r->lanes_count)
            continue;
        r->lanes[r->lanes_count++] = (struct lane){.account = r->jobs[i].account, .gap_ms = GAP_MS};
        (void)take_token(r, &r->lanes[n]);
    }
}

/* Code 124: another token, once more, as for a single call. */
static bool renew(struct run *r, size_t i)
{
    struct turn *turn = &r->turns[i];
    struct lane *lane = turn->lane;

    if (turn->renewed || lane->closed || (turn->token == lane->token && !take_token(r, lane)))
        return false;
    turn->renewed = lane->fetched;
    turn->stage = WAITING;
    return true;
}

/* The rate limit: the account rests, then goes on more slowly. True where the call comes again. */
static bool wait_in_line(struct run *r, size_t i)
{
    const struct mp_account_job *job = &r->jobs[i];
    struct turn *turn = &r->turns[i];
    struct lane *lane = turn->lane;
    int64_t now_ms = mp_monotonic_ms();
    unsigned jitter;

    if (now_ms >= lane->paused_until_ms) {
        mp_random(&jitter, sizeof(jitter));
        lane->paused_until_ms = now_ms + (job->res.retry_after_ms > 0 ? job->res.retry_after_ms : 1000) + jitter % JITTER_MS;
        lane->open_at_ms = lane->paused_until_ms;
        lane->gap_ms = lane->gap_ms * 2 < GAP_MOST_MS ? lane->gap_ms * 2 : GAP_MOST_MS;
        account_outcome(r->ctx, job->account, job->host, &job->res);
    }
    if (turn->waits == WAITS_MOST || account_time_left(r->deadline_ms - (lane->paused_until_ms - now_ms)) == 0)
        return false;
    turn->waits++;
    turn->stage = WAITING;
    return true;
}

/* What one outcome means for the calls that have not left yet. */
static void draw_conclusion(struct run *r, const struct mp_account_job *job, struct lane *lane)
{
    bool silent = (job->res.cls == MP_ZOOM_NOT_SENT || job->res.cls == MP_ZOOM_MAYBE_DONE) && job->res.elapsed_ms >= SILENT_MS;

    lane->silent = silent ? lane->silent + 1 : 0;
    if (lane->silent >= SILENT_MOST)
        close_lane(lane, &(struct mp_zoom_result){.cls = MP_ZOOM_NOT_SENT, .message = "Zoom does not answer for the account", .retry_after_ms = -1});
    if (job->res.cls == MP_ZOOM_AUTH || job->res.cls == MP_ZOOM_DAILY_ACCOUNT)
        close_lane(lane, &job->res);
    if (job->res.cls != MP_ZOOM_DAILY_HOST && job->res.cls != MP_ZOOM_NO_HOST)
        return;
    for (size_t i = 0; i < r->count; i++) {
        if (r->turns[i].stage != WAITING || r->jobs[i].account != job->account || r->jobs[i].host != job->host)
            continue;
        r->jobs[i].res = job->res;
        end(r, i);
    }
}

static void settle(struct run *r, size_t i)
{
    struct mp_account_job *job = &r->jobs[i];

    r->under_way--;
    if (job->res.cls == MP_ZOOM_TOKEN && renew(r, i))
        return;
    if (job->res.cls == MP_ZOOM_RATE_LIMITED) {
        if (!wait_in_line(r, i))
            end(r, i);
        return;
    }
    if (job->res.cls == MP_ZOOM_TOKEN)
        job->res.cls = MP_ZOOM_AUTH;
    end(r, i);
    account_outcome(r->ctx, job->account, job->host, &job->res);
    draw_conclusion(r, job, r->turns[i].lane);
}

/* Sends what may leave now. The time until the next may, at most `wait_ms`. */
static int64_t send_due(struct run *r, int64_t wait_ms)
{
    unsigned left_ms = account_time_left(r->deadline_ms), timeout_ms = left_ms < TIMEOUT_MOST_MS ? left_ms : TIMEOUT_MOST_MS;

    for (size_t i = 0; i < r->count; i++) {
        struct mp_account_job *job = &r->jobs[i];
        struct lane *lane = r->turns[i].lane;
        int64_t now_ms = mp_monotonic_ms();

        if (r->turns[i].stage != WAITING)
            continue;
        if (lane->closed || timeout_ms == 0) {
            job->res = lane->closed ? lane->why : account_no_time;
            end(r, i);
        } else if (lane->open_at_ms > now_ms) {
            wait_ms = lane->open_at_ms - now_ms < wait_ms ? lane->open_at_ms - now_ms : wait_ms;
        } else if (r->under_way < r->parallel) {
            lane->open_at_ms = now_ms + lane->gap_ms;
            r->turns[i].stage = UNDER_WAY;
            r->turns[i].token = lane->token;
            r->under_way++;
            r->start(r->ctx, lane->token, timeout_ms, job->arg, &job->res);
        }
    }
    return wait_ms;
}

static size_t job_of(const struct run *r, const struct mp_zoom_result *res)
{
    size_t i = 0;

    while (&r->jobs[i].res != res)
        i++;
    return i;
}

void mp_account_call_many(struct mp_ctx *ctx, struct mp_account_job *jobs, size_t count, size_t parallel, int64_t deadline_ms, mp_account_fn *start)
{
    struct run r = {.ctx = ctx, .jobs = jobs, .count = count, .parallel = parallel, .start = start, .deadline_ms = deadline_ms};

    r.turns = mp_arena_array(ctx->arena, count + 1, sizeof(*r.turns));
    r.lanes = mp_arena_array(ctx->arena, count + 1, sizeof(*r.lanes));
    open_lanes(&r);
    while (r.ended < count) {
        int64_t wait_ms = send_due(&r, 1000);
        const struct mp_zoom_result *res = r.under_way > 0 ? mp_zoom_land(ctx->zoom, (unsigned)wait_ms) : NULL;

        if (res != NULL)
            settle(&r, job_of(&r, res));
        else if (r.under_way == 0 && r.ended < count)
            mp_sleep_ms((unsigned)wait_ms);
    }
}
