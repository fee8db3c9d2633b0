#include <stdlib.h>

#include "account_int.h"
#include "meetpool/clock.h"
#include "meetpool/json.h"

#define NEAREST_REACH_MS (7 * MP_DAY_MS)
/* A start is looked for at the ends of the places in the way; so many of them are tried for each account. */
#define NEAREST_TRIES 400

static bool host_fits(const struct mp_account_entry *entry, const struct mp_account_state *state, size_t host, const struct mp_busy *busy,
                      size_t count, int64_t from, int64_t until)
{
    return entry->host_max_concurrent == 0 ||
           mp_capacity_peak(busy, count, state->id, state->hosts[host].id, from, until) < (size_t)entry->host_max_concurrent;
}

/* Says whether the account has a place for its kind; `why` it has none. */
static bool account_fits(const struct mp_account_conf *conf, size_t account, const struct mp_account_state *state, const struct mp_busy *busy,
                         size_t count, const struct mp_choice_request *want, const char **why)
{
    size_t peak = mp_capacity_peak(busy, count, state->id, 0, want->from, want->until);

    *why = peak < (size_t)mp_account_entry(conf, account)->max_concurrent
               ? "the places that are left in that interval are kept for other kinds of bookings"
               : "every place is taken in that interval";
    return peak < (size_t)mp_account_places(conf, account, want->kind);
}

/* People's own accounts bear no tags, and are asked for none. */
static bool lacks_tag(const struct mp_account_conf *conf, size_t account, const struct mp_choice_request *want)
{
    const char *demand = account_kind(conf, want->kind)->demand;

    return demand != NULL && !mp_account_is_guest(conf, (int)account) && !account_has_tag(mp_account_entry(conf, account), demand);
}

static bool is_preferred(const struct mp_account_conf *conf, size_t account, const struct mp_choice_request *want)
{
    const char *prefer = account_kind(conf, want->kind)->prefer;

    return prefer != NULL && account_has_tag(mp_account_entry(conf, account), prefer);
}

static bool host_ill(const struct mp_host_state *host, const struct mp_choice_request *want)
{
    return host->inactive_until > want->now_ms;
}

/* Whether host `a` is to be taken before host `b`: well, fewer meetings in the interval, fewer calls today, longer unused. */
static bool host_before(const struct mp_choice_request *want, const struct mp_host_state *a, size_t a_meetings, const struct mp_host_state *b,
                        size_t b_meetings)
{
    if (host_ill(a, want) != host_ill(b, want))
        return host_ill(b, want);
    if (a_meetings != b_meetings)
        return a_meetings < b_meetings;
    if (a->daily_used != b->daily_used)
        return a->daily_used < b->daily_used;
    return a->last_used_at < b->last_used_at;
}

int mp_choose_host(const struct mp_account_conf *conf, size_t account, const struct mp_account_state *state, const struct mp_busy *busy,
                   size_t busy_count, const struct mp_choice_request *want, bool inactive_too, enum mp_verdict *verdict, const char **why)
{
    const struct mp_account_entry *entry = mp_account_entry(conf, account);
    size_t best_meetings = 0, spent = 0, ill = 0;
    int best = -1;

    *verdict = MP_VERDICT_FULL;
    if (!account_fits(conf, account, state, busy, busy_count, want, why))
        return -1;
    *why = "every place is taken in that interval";
    for (size_t h = 0; h < entry->hosts_count; h++) {
        const struct mp_host_state *host = &state->hosts[h];
        size_t meetings;

        if (want->spend && host->daily_used >= conf->daily_limit) {
            spent++;
            continue;
        }
        if (host->inactive_until == MP_HOST_RULED_OUT || (!inactive_too && host_ill(host, want))) {
            ill++;
            continue;
        }
        if (!host_fits(entry, state, h, busy, busy_count, want->from, want->until))
            continue;
        meetings = mp_capacity_count(busy, busy_count, state->id, host->id, want->from, want->until);
        if (best < 0 || host_before(want, host, meetings, &state->hosts[best], best_meetings)) {
            best = (int)h;
            best_meetings = meetings;
        }
    }
    if (best >= 0) {
        *verdict = MP_VERDICT_OPEN;
        *why = NULL;
    } else if (spent == entry->hosts_count) {
        *verdict = MP_VERDICT_DAILY;
        *why = "the daily limit of creates and updates is used up on every host; Zoom's day ends at 00:00 UTC";
    } else if (ill > 0) {
        *verdict = MP_VERDICT_INACTIVE;
        *why = "no host can hold meetings at the moment";
    }
    return best;
}

/* Zoom has said that the account's day is used up; until it ends nothing new is tried there. */
static bool day_is_over(const struct mp_account_state *state, const struct mp_choice_request *want)
{
    return state->inactive_until > want->now_ms && state->inactive_reason != NULL &&
           mp_slice_eq_text(mp_slice_of(state->inactive_reason), "daily_limit");
}

void mp_choose_judge(const struct mp_account_conf *conf, size_t account, const struct mp_account_state *state, const struct mp_busy *busy,
                     size_t busy_count, const struct mp_choice_request *want, struct mp_candidate *c)
{
    bool ill = state->inactive_until > want->now_ms;
    bool paused = state->paused_until > want->now_ms;

    *c = (struct mp_candidate){.account = account, .host = -1, .last_used_at = state->last_used_at};
    c->meetings = mp_capacity_count(busy, busy_count, state->id, 0, want->from, want->until);
    c->preferred = is_preferred(conf, account, want);
    if (want->only_account >= 0 && (size_t)want->only_account != account) {
        c->verdict = MP_VERDICT_EXCLUDED;
        c->why = "another account was asked for";
        return;
    }
    if (lacks_tag(conf, account, want)) {
        c->verdict = MP_VERDICT_UNTAGGED;
        c->why = "it lacks the tag that bookings of this kind demand";
        return;
    }
    if (state->cordoned) {
        c->verdict = MP_VERDICT_CORDONED;
        c->why = "an operator has closed it to new meetings";
        return;
    }
    if (day_is_over(state, want)) {
        c->verdict = MP_VERDICT_DAILY;
        c->why = "the account's daily limit at Zoom is used up";
        return;
    }
    c->host = mp_choose_host(conf, account, state, busy, busy_count, want, false, &c->verdict, &c->why);
    if (c->host < 0 && c->verdict == MP_VERDICT_INACTIVE) {
        c->host = mp_choose_host(conf, account, state, busy, busy_count, want, true, &c->verdict, &c->why);
        ill = true;
    }
    if (c->host < 0)
        return;
    c->inactive = ill || paused;
    if (ill) {
        c->verdict = MP_VERDICT_INACTIVE;
        c->why = state->inactive_reason != NULL ? state->inactive_reason : "inactive";
    } else if (paused) {
        c->verdict = MP_VERDICT_PAUSED;
        c->why = "Zoom's rate limit asks to wait";
    }
}

static int64_t spread(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b ? 1 : 0;
}

/* Those with a host first; of them active ones first, then those preferred, then fewest meetings, least recently used, in the order of the
 * configuration. */
static int compare(const void *left, const void *right)
{
    const struct mp_candidate *a = left, *b = right;
    int64_t keys[][2] = {{a->host < 0, b->host < 0},         {a->inactive, b->inactive},
                         {b->preferred, a->preferred},       {(int64_t)a->meetings, (int64_t)b->meetings},
                         {a->last_used_at, b->last_used_at}, {(int64_t)a->account, (int64_t)b->account}};

    for (size_t i = 0; i < MP_COUNT(keys); i++) {
        int64_t d = spread(keys[i][0], keys[i][1]);

        if (d != 0)
            return (int)d;
    }
    return 0;
}

void mp_choose(const struct mp_account_conf *conf, const struct mp_account_state *states, const struct mp_busy *busy, size_t busy_count,
               const struct mp_choice_request *want, struct mp_arena *arena, struct mp_candidate **candidates)
{
    *candidates = mp_arena_array(arena, conf->count + 1, sizeof(**candidates));
    for (size_t i = 0; i < conf->count; i++)
        mp_choose_judge(conf, i, &states[i], busy, busy_count, want, &(*candidates)[i]);
    qsort(*candidates, conf->count, sizeof(**candidates), compare);
}

/* Whether the account could be booked now for the interval that starts at `at`. */
static bool fits_at(const struct mp_account_conf *conf, size_t account, const struct mp_account_state *state, const struct mp_busy *busy,
                    size_t busy_count, const struct mp_choice_request *want, int64_t at)
{
    struct mp_choice_request moved = *want;
    enum mp_verdict verdict;
    const char *why;

    moved.from = at;
    moved.until = at + (want->until - want->from);
    return mp_choose_host(conf, account, state, busy, busy_count, &moved, true, &verdict, &why) >= 0;
}

/* The account's own places, so that the search below walks no others; ends inside the reach in `ends`. */
static size_t own_places(const struct mp_busy *busy, size_t count, int64_t account_row, struct mp_busy *own)
{
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        if (busy[i].account_row == account_row)
            own[n++] = busy[i];
    }
    return n;
}

static int by_end(const void *left, const void *right)
{
    const struct mp_busy *a = left, *b = right;

    return (int)spread(a->until, b->until);
}

/* The first start from want->from on that one account takes, sooner than `best` (-1: any); else `best`. `own`: its places, in the order of their
 * ends. */
static int64_t nearest_of(const struct mp_account_conf *conf, size_t account, const struct mp_account_state *state, const struct mp_busy *own,
                          size_t count, const struct mp_choice_request *want, int64_t best)
{
    size_t tries = 0;

    if (fits_at(conf, account, state, own, count, want, want->from))
        return want->from;
    for (size_t i = 0; i < count && tries < NEAREST_TRIES; i++) {
        int64_t at = (own[i].until + 999) / 1000 * 1000; /* starts are whole seconds */

        if (at <= want->from || (i > 0 && at == own[i - 1].until))
            continue;
        if (at - want->from > NEAREST_REACH_MS || (best >= 0 && at >= best))
            break;
        tries++;
        if (fits_at(conf, account, state, own, count, want, at))
            return at;
    }
    return best;
}

int64_t mp_choose_nearest_of(struct mp_arena *arena, const struct mp_account_conf *conf, size_t account, const struct mp_account_state *state,
                             const struct mp_busy *busy, size_t busy_count, const struct mp_choice_request *want, int64_t best)
{
    struct mp_busy *own = mp_arena_array(arena, busy_count + 1, sizeof(*own));
    size_t n = own_places(busy, busy_count, state->id, own);

    if (day_is_over(state, want) || state->cordoned || lacks_tag(conf, account, want))
        return best;
    qsort(own, n, sizeof(*own), by_end);
    return nearest_of(conf, account, state, own, n, want, best);
}

int64_t mp_choose_nearest(struct mp_arena *arena, const struct mp_account_conf *conf, const struct mp_account_state *states,
                          const struct mp_busy *busy, size_t busy_count, const struct mp_choice_request *want)
{
    int64_t best = -1;

    for (size_t i = 0; i < conf->count; i++) {
        if (want->only_account < 0 || (size_t)want->only_account == i)
            best = mp_choose_nearest_of(arena, conf, i, &states[i], busy, busy_count, want, best);
    }
    return best;
}

static const char *const verdict_names[] = {
    [MP_VERDICT_OPEN] = "open",         [MP_VERDICT_CHOSEN] = "chosen",     [MP_VERDICT_FULL] = "full",     [MP_VERDICT_INACTIVE] = "inactive",
    [MP_VERDICT_PAUSED] = "paused",     [MP_VERDICT_DAILY] = "daily_limit", [MP_VERDICT_FAILED] = "failed", [MP_VERDICT_EXCLUDED] = "excluded",
    [MP_VERDICT_CORDONED] = "cordoned", [MP_VERDICT_UNTAGGED] = "untagged",
};

struct json_object *mp_choice_json(struct mp_arena *arena, const struct mp_account_conf *conf, const struct mp_candidate *candidates, size_t count)
{
    struct json_object *list = mp_json_array(arena);

    for (size_t i = 0; i < count; i++) {
        const struct mp_candidate *c = &candidates[i];
        const struct mp_account_entry *entry = mp_account_entry(conf, c->account);
        struct json_object *row = json_object_new_object();

        mp_json_put_text(row, "account", entry->name);
        mp_json_put_text(row, "host", c->host >= 0 ? entry->hosts[c->host].user : NULL);
        mp_json_put_text(row, "verdict", verdict_names[c->verdict]);
        mp_json_put_int(row, "meetings_in_interval", (int64_t)c->meetings);
        mp_json_put_time(row, "last_used_at", c->last_used_at > 0 ? c->last_used_at : -1);
        mp_json_put_text(row, "reason", c->why == NULL && c->preferred ? "it has the tag that bookings of this kind prefer" : c->why);
        json_object_array_add(list, row);
    }
    return list;
}
