#include "sandbox_int.h"

#include "meetpool/clock.h"

/*
 * Zoom's limits. Per second and day: an account, all its apps and users together, by the label of the call. A host: creates and updates of a UTC day.
 * Source: developers.zoom.us/docs/api/rate-limits, as of 2026-02-07. Headers: devforum topic 18928; a refused create once carried the account's own
 * figures and neither X-RateLimit-Type nor Retry-After (the "trap"), while answers to creates count down from the host's limit (topic 59670).
 */
static const double per_second[][SB_LABELS] = {
    [SB_PLAN_FREE] = {4, 2, 1, 10.0 / 60},
    [SB_PLAN_PRO] = {30, 20, 10, 10.0 / 60},
    [SB_PLAN_BUSINESS] = {80, 60, 40, 20.0 / 60},
    [SB_PLAN_OFF] = {0, 0, 0, 0},
};
static const int64_t burst[][SB_LABELS] = {
    [SB_PLAN_FREE] = {4, 2, 1, 10},
    [SB_PLAN_PRO] = {30, 20, 10, 10},
    [SB_PLAN_BUSINESS] = {80, 60, 40, 20},
    [SB_PLAN_OFF] = {0, 0, 0, 0},
};
/* 0: none. Heavy and resource-intensive calls share theirs. */
static const int64_t per_day[][SB_LABELS] = {
    [SB_PLAN_FREE] = {6000, 2000, 1000, 30000},
    [SB_PLAN_PRO] = {0, 0, 30000, 30000},
    [SB_PLAN_BUSINESS] = {0, 0, 60000, 60000},
    [SB_PLAN_OFF] = {0, 0, 0, 0},
};
static const char *const category[] = {"Light", "Medium", "Heavy", "Resource-intensive"};

#define TRAP_LIMIT 6000

static void put_number(const struct sb_call *call, struct sb_reply *reply, const char *name, int64_t value)
{
    sb_reply_header(reply, name, mp_arena_printf(call->arena, "%lld", (long long)(value < 0 ? 0 : value)));
}

static void put_headers(const struct sb_call *call, struct sb_reply *reply, enum sb_label label, const char *type, int64_t limit, int64_t left)
{
    sb_reply_header(reply, "X-RateLimit-Category", category[label]);
    if (type != NULL)
        sb_reply_header(reply, "X-RateLimit-Type", type);
    put_number(call, reply, "X-RateLimit-Limit", limit);
    put_number(call, reply, "X-RateLimit-Remaining", left);
}

/* An instant, not seconds. */
static void put_next_day(const struct sb_call *call, struct sb_reply *reply)
{
    int64_t next = ((int64_t)mp_time_utc_day(sb_now(call->st)) + 1) * MP_DAY_MS;

    sb_reply_header(reply, "Retry-After", mp_time_format_seconds(call->arena, next));
}

static void turn_day(const struct sb_state *st, struct sb_account *account)
{
    int32_t today = mp_time_utc_day(sb_now(st));

    if (account->day == today)
        return;
    account->day = today;
    for (size_t i = 0; i < SB_LABELS; i++)
        account->day_calls[i] = 0;
}

static bool bucket_take(struct sb_bucket *bucket, double rate, double most)
{
    int64_t now = mp_monotonic_ms();

    if (!bucket->primed)
        *bucket = (struct sb_bucket){most, now, true};
    bucket->left += (double)(now - bucket->filled_at) * rate / 1000.0;
    bucket->filled_at = now;
    if (bucket->left > most)
        bucket->left = most;
    if (bucket->left < 1)
        return false;
    bucket->left -= 1;
    return true;
}

bool sb_limit_account(const struct sb_call *call, struct sb_reply *reply)
{
    struct sb_state *st = call->st;
    struct sb_account *account = call->account;
    enum sb_label label = call->route->label;
    enum sb_plan plan = sb_account_plan(st, account);
    int64_t daily = st->knobs.n[SB_K_ACCOUNT_DAILY_LIMIT];

    if (call->route->handle == sb_meetings_create)
        label = (enum sb_label)st->knobs.n[SB_K_CREATE_LABEL];
    if (daily == 0)
        daily = per_day[plan][label];
    turn_day(st, account);
    if (st->knobs.n[SB_K_RATE_LIMITS] == 0 || plan == SB_PLAN_OFF) {
        account->day_calls[label]++;
        return true;
    }
    if (daily > 0 && account->day_calls[label] >= daily) {
        st->counters[SB_N_LIMITED]++;
        sb_reply_error(call, reply, SB_E_PER_DAY, NULL);
        put_headers(call, reply, label, "Daily-limit", daily, 0);
        put_next_day(call, reply);
        return false;
    }
    if (!bucket_take(&account->buckets[label], per_second[plan][label], (double)burst[plan][label])) {
        st->counters[SB_N_LIMITED]++;
        sb_reply_error(call, reply, SB_E_PER_SECOND, NULL);
        put_headers(call, reply, label, "QPS", burst[plan][label], 0);
        return false;
    }
    account->day_calls[label]++;
    return true;
}

static int64_t writes_today(const struct sb_state *st, struct sb_user *host)
{
    int32_t today = mp_time_utc_day(sb_now(st));

    if (host->day != today) {
        host->day = today;
        host->day_writes = 0;
    }
    return host->day_writes;
}

bool sb_limit_host(const struct sb_call *call, struct sb_reply *reply, struct sb_user *host)
{
    struct sb_state *st = call->st;
    int64_t limit = st->knobs.n[SB_K_DAILY_LIMIT];

    if (limit == 0 || writes_today(st, host) < limit)
        return true;
    st->counters[SB_N_LIMITED]++;
    sb_reply_error(call, reply, SB_E_PER_HOST, mp_arena_printf(call->arena, "%lld", (long long)limit));
    if (st->knobs.n[SB_K_HOST_LIMIT_HEADERS] == SB_HEADERS_TRAP)
        put_headers(call, reply, SB_LIGHT, NULL, TRAP_LIMIT, TRAP_LIMIT - call->account->day_calls[SB_LIGHT]);
    else if (st->knobs.n[SB_K_HOST_LIMIT_HEADERS] == SB_HEADERS_FULL) {
        put_headers(call, reply, SB_LIGHT, "Daily-limit", limit, 0);
        put_next_day(call, reply);
    }
    return false;
}

void sb_limit_host_count(const struct sb_call *call, struct sb_reply *reply, struct sb_user *host)
{
    struct sb_state *st = call->st;
    int64_t limit = st->knobs.n[SB_K_DAILY_LIMIT];
    int64_t used = writes_today(st, host) + 1;

    host->day_writes = used;
    if (limit > 0 && st->knobs.n[SB_K_LIMIT_HEADERS] != 0)
        put_headers(call, reply, SB_LIGHT, NULL, limit, limit - used);
}
