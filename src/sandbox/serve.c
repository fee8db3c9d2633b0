#include "sandbox_int.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "meetpool/clock.h"
#include "meetpool/crypto.h"
#include "recording.h"

#define SLICE_MS 100 /* how often a sleeping call looks whether the program ends */

bool sb_sleep(const struct sb_state *st, int fd, int64_t ms)
{
    int64_t until = mp_monotonic_ms() + ms;

    for (;;) {
        int64_t left = until - mp_monotonic_ms();
        struct pollfd far_side = {fd, POLLRDHUP, 0};

        if (st->stopping)
            return false;
        if (left <= 0)
            return true;
        if (left > SLICE_MS)
            left = SLICE_MS;
        if (fd < 0)
            mp_sleep_ms((unsigned)left);
        else if (poll(&far_side, 1, (int)left) > 0)
            return true;
    }
}

static void run(struct sb_call *call, struct sb_reply *reply, uint64_t epoch)
{
    struct sb_call_entry *entry;

    pthread_mutex_lock(&call->st->lock);
    if (epoch == call->st->epoch) {
        sb_route_dispatch(call, reply);
        entry = sb_ledger_entry(call->st, call->seq);
        if (entry != NULL)
            entry->processed = true;
    } else
        sb_reply_empty(reply, 503); /* put off before a reset: not done after it */
    pthread_mutex_unlock(&call->st->lock);
}

static void cut_all(struct sb_outcome *outcome)
{
    outcome->cut = true;
    outcome->cut_bytes = SIZE_MAX;
}

/* The answer is lost in any case; the work is done when the time comes, whether the far side still waits or not. */
static void run_later(struct sb_call *call, const struct sb_action *action, struct sb_reply *reply, struct sb_outcome *outcome, uint64_t epoch)
{
    cut_all(outcome);
    if (action->later_cut)
        (void)shutdown(call->fd, SHUT_RDWR);
    if (!sb_sleep(call->st, -1, action->later_ms))
        return;
    run(call, reply, epoch);
    if (!action->later_cut)
        (void)sb_sleep(call->st, call->fd, action->hang_ms);
}

static void run_with(struct sb_call *call, const struct sb_action *action, struct sb_reply *reply, struct sb_outcome *outcome, uint64_t epoch)
{
    outcome->reset = action->reset;
    (void)sb_sleep(call->st, -1, action->latency_before_ms);
    if (action->cut == SB_CUT_BEFORE) {
        cut_all(outcome);
        return;
    }
    if (action->hang == SB_HANG_BEFORE) {
        cut_all(outcome);
        (void)sb_sleep(call->st, call->fd, action->hang_ms);
        return;
    }
    if (action->later_ms >= 0) {
        run_later(call, action, reply, outcome, epoch);
        return;
    }
    call->hide_ms = action->hide_ms;
    if (action->status != 0)
        sb_action_answer(call, action, action->status, reply);
    else
        run(call, reply, epoch);
    if (action->status_after != 0)
        sb_action_answer(call, action, action->status_after, reply);
    sb_action_mangle(call, action, reply);
    (void)sb_sleep(call->st, -1, action->latency_after_ms);
    if (action->hang == SB_HANG_AFTER) {
        cut_all(outcome);
        (void)sb_sleep(call->st, call->fd, action->hang_ms);
        return;
    }
    if (action->cut == SB_CUT_AFTER)
        cut_all(outcome);
    else if (action->cut == SB_CUT_IN_BODY && reply->stream != NULL)
        return; /* the stream knows where it ends */
    else if (action->cut != SB_CUT_NONE)
        *outcome = (struct sb_outcome){true, action->cut == SB_CUT_IN_HEADERS, (size_t)action->cut_bytes, action->reset};
}

static void log_call(const struct sb_call *call, unsigned status, int64_t took_ms, int64_t fault)
{
    if (call->st->log == NULL)
        return;
    mp_log(call->st->log, MP_INFO, "call", MP_INT("seq", call->seq), MP_STR("method", call->method), MP_STR("path", call->path),
           MP_INT("status", status), MP_INT("took_ms", took_ms), MP_INT("fault", fault));
}

/* Every answer has a tracking id, and the date of the sandbox's own clock. */
static void put_common_headers(const struct sb_call *call, struct sb_reply *reply, const char *tracking_id)
{
    static const char days[][4] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int64_t now = sb_now(call->st);
    struct mp_civil c;

    sb_reply_header(reply, "x-zm-trackingid", tracking_id);
    if (now < 0 || !mp_zone_local("UTC", now, &c))
        return;
    sb_reply_header(reply, "Date",
                    mp_arena_printf(call->arena, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[mp_time_utc_day(now) % 7], c.day, months[c.month - 1],
                                    c.year, c.hour, c.minute, c.second));
}

/* Where the API is asked is where an event says that files can be fetched; where the sandbox is controlled, if nobody has asked it anything yet. */
static void note_authority(const struct sb_call *call, bool rest)
{
    struct sb_state *st = call->st;

    if (call->authority == NULL || (!rest && st->authority[0] != '\0') || (call->segment_count > 0 && strcmp(call->segments[0], "rec") == 0))
        return;
    (void)snprintf(st->authority, sizeof(st->authority), "%s", call->authority);
}

static void serve_control(struct sb_call *call, struct sb_reply *reply)
{
    pthread_mutex_lock(&call->st->lock);
    note_authority(call, false);
    sb_control(call, reply);
    pthread_mutex_unlock(&call->st->lock);
}

void sb_serve(struct sb_call *call, struct sb_reply *reply, struct sb_outcome *outcome)
{
    struct sb_state *st = call->st;
    const char *tracking_id = mp_arena_printf(call->arena, "v=2.0;clid=us02;rid=WEB_%s", mp_random_hex(call->arena, 16));
    const struct sb_action *action;
    const struct sb_user *host;
    const char *account_id;
    struct sb_call_entry *entry;
    int64_t began = mp_monotonic_ms();
    int64_t rule = 0, latency_ms;
    uint64_t epoch;

    memset(outcome, 0, sizeof(*outcome));
    memset(reply, 0, sizeof(*reply));
    if (call->segment_count > 0 && strcmp(call->segments[0], "_sandbox") == 0) {
        serve_control(call, reply);
        return;
    }
    pthread_mutex_lock(&st->lock);
    sb_route_parties(call, &account_id, &host);
    note_authority(call, true);
    call->seq = sb_ledger_begin(call, account_id, host != NULL ? host->email : "");
    action = sb_rule_take(call, account_id, host, &rule);
    epoch = st->epoch;
    latency_ms = st->knobs.n[SB_K_LATENCY_MS] + (int64_t)(sb_random_unit(st) * (double)st->knobs.n[SB_K_JITTER_MS]);
    pthread_mutex_unlock(&st->lock);

    (void)sb_sleep(st, -1, latency_ms);
    if (action == NULL)
        run(call, reply, epoch);
    else
        run_with(call, action, reply, outcome, epoch);
    put_common_headers(call, reply, tracking_id);

    pthread_mutex_lock(&st->lock);
    entry = sb_ledger_entry(st, call->seq);
    if (entry != NULL && epoch == st->epoch) {
        entry->took_ms = mp_monotonic_ms() - began;
        entry->status = outcome->cut && (outcome->in_headers || outcome->cut_bytes == SIZE_MAX) ? 0 : reply->status;
        entry->fault = rule;
        memcpy(entry->tracking_id, tracking_id, strlen(tracking_id) + 1);
    }
    pthread_mutex_unlock(&st->lock);
    log_call(call, reply->status, mp_monotonic_ms() - began, rule);
}
