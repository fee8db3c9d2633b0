#include <string.h>

#include "api_int.h"
#include "meetpool/account.h"
#include "meetpool/clock.h"
#include "meetpool/json.h"
#include "meetpool/store_summary.h"
#include "summary_int.h"

#define AHEAD_MS    MP_DAY_MS
#define PLACES_MOST 400 /* beside those of the present moment */

struct pool {
    struct mp_ctx *ctx;
    int64_t now_ms;
    struct mp_account_state *states;
    struct mp_summary_place *places;
    size_t count;
};

/* Why one takes no meetings, and what to do about it. */
static const struct {
    const char *reason, *why, *what_to_do;
} reasons[] = {
    {"authentication", "Zoom does not accept its credentials.",
     "Hold its account id, client id and secret in the settings against those in Zoom's App Marketplace; then choose Reset. Until then other "
     "accounts "
     "take its meetings."},
    {"daily_limit", "Zoom's limit of calls a day is used up.",
     "Nothing: it is active again by itself when Zoom's day ends, and other accounts take its meetings. Where this happens often, add a host or an "
     "account."},
    {"cordoned", "An operator closed it to new meetings.", "Choose Uncordon when it may take meetings again."},
    {"at_capacity", "As many meetings are going on as it may hold.",
     "Nothing: it is free again when the next one ends. Where this happens often, add a host or an account."},
    {"host_refused", "Zoom says that this user cannot hold meetings.", "Look at this user's licence and state in Zoom; then choose Reset."},
    {"paused", "Zoom asks to be called less often.", "Nothing: it goes on by itself."},
};

static void put_reason(struct json_object *out, const char *reason)
{
    const char *why = reason, *what_to_do = NULL;

    for (size_t i = 0; reason != NULL && i < MP_COUNT(reasons); i++) {
        if (strcmp(reasons[i].reason, reason) == 0) {
            why = reasons[i].why;
            what_to_do = reasons[i].what_to_do;
        }
    }
    mp_json_put_text(out, "inactive_reason", reason);
    mp_json_put_text(out, "why", why);
    mp_json_put_text(out, "what_to_do", what_to_do);
}

/* ---- Places ---- */

static struct json_object *place_json(struct mp_arena *arena, const struct mp_summary_place *place)
{
    struct json_object *out = json_object_new_object();

    mp_json_put_text(out, "meeting_id", place->zoom_id != 0 ? mp_arena_printf(arena, "%lld", (long long)place->zoom_id) : NULL);
    mp_json_put_text(out, "topic", place->topic);
    mp_json_put_text(out, "status", place->status);
    mp_json_put_time(out, "from", place->from);
    mp_json_put_time(out, "until", place->until);
    mp_json_put_bool(out, "overrun", place->overrun);
    return out;
}

static struct json_object *places_json(const struct pool *pool, int64_t host_id)
{
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < pool->count; i++) {
        if (pool->places[i].host_id == host_id)
            json_object_array_add(list, place_json(pool->ctx->arena, &pool->places[i]));
    }
    return list;
}

/* Places that are taken at this moment; `next_end`: of the first of them, -1 where there is none. */
static int64_t taken_now(const struct pool *pool, int64_t account_id, int64_t *next_end)
{
    int64_t taken = 0;

    *next_end = -1;
    for (size_t i = 0; i < pool->count; i++) {
        const struct mp_summary_place *place = &pool->places[i];

        if (place->account_id != account_id || place->from > pool->now_ms)
            continue;
        taken++;
        if (*next_end < 0 || place->until < *next_end)
            *next_end = place->until;
    }
    return taken;
}

/* ---- Hosts and accounts ---- */

static int64_t instant(int64_t at_ms)
{
    return at_ms > 0 && at_ms != MP_HOST_RULED_OUT ? at_ms : -1;
}

static struct json_object *host_json(const struct pool *pool, const struct mp_host_entry *entry, const struct mp_host_state *state)
{
    struct json_object *out = json_object_new_object();
    bool inactive = state->inactive_until > pool->now_ms, used_up = state->daily_used >= pool->ctx->account_conf->daily_limit;

    mp_json_put_text(out, "host", entry->user);
    mp_json_put_bool(out, "active", !inactive && !used_up);
    put_reason(out, inactive ? state->inactive_reason : used_up ? "daily_limit" : NULL);
    mp_json_put_time(out, "inactive_until", inactive ? instant(state->inactive_until) : -1);
    mp_json_put_int(out, "daily_used", state->daily_used);
    mp_json_put(out, "places", places_json(pool, state->id));
    return out;
}

static struct json_object *hosts_json(const struct pool *pool, const struct mp_account_entry *entry, const struct mp_account_state *state)
{
    struct json_object *list = json_object_new_array();

    for (size_t h = 0; h < entry->hosts_count; h++)
        json_object_array_add(list, host_json(pool, &entry->hosts[h], &state->hosts[h]));
    return list;
}

/* As GET zoom/account-stats judges it. */
static const char *inactive_reason(const struct pool *pool, const struct mp_account_entry *entry, const struct mp_account_state *state, int64_t taken,
                                   int64_t next_end, int64_t *until)
{
    *until = -1;
    if (state->inactive_until > pool->now_ms) {
        *until = instant(state->inactive_until);
        return state->inactive_reason;
    }
    if (state->cordoned)
        return "cordoned";
    if (taken < entry->max_concurrent)
        return NULL;
    *until = next_end;
    return "at_capacity";
}

static struct json_object *account_json(const struct pool *pool, const struct mp_account_entry *entry, const struct mp_account_state *state)
{
    struct json_object *out = json_object_new_object();
    int64_t until, next_end, taken = taken_now(pool, state->id, &next_end);
    const char *reason = inactive_reason(pool, entry, state, taken, next_end, &until);
    bool paused = state->paused_until > pool->now_ms;

    mp_json_put_text(out, "id", entry->name);
    mp_json_put_bool(out, "active", reason == NULL);
    put_reason(out, reason == NULL && paused ? "paused" : reason);
    mp_json_put_time(out, "inactive_until", reason == NULL && paused ? state->paused_until : until);
    mp_json_put_bool(out, "cordoned", state->cordoned);
    mp_json_put_int(out, "active_meetings", taken);
    mp_json_put_int(out, "max_concurrent_meetings", entry->max_concurrent);
    mp_json_put_int(out, "available", reason == NULL ? entry->max_concurrent - taken : 0);
    mp_json_put_time(out, "next_end_at", next_end);
    mp_json_put_time(out, "last_used_at", instant(state->last_used_at));
    mp_json_put_text(out, "last_error", state->last_error);
    mp_json_put(out, "hosts", hosts_json(pool, entry, state));
    return out;
}

/* Those of the present moment come first, and all of them: they are counted. */
static int read_places(struct pool *pool, bool *cut, struct mp_error *err)
{
    const struct mp_account_conf *conf = pool->ctx->account_conf;
    struct mp_summary_span span = {.now_ms = pool->now_ms, .until = pool->now_ms + AHEAD_MS, .limit = PLACES_MOST};
    int64_t *accounts = mp_arena_array(pool->ctx->arena, conf->count + 1, sizeof(*accounts));

    for (size_t i = 0; i < conf->count; i++) {
        accounts[i] = pool->states[i].id;
        span.limit += (unsigned)conf->accounts[i].max_concurrent;
    }
    if (mp_store_summary_places(pool->ctx->db, pool->ctx->arena, accounts, conf->count, &span, &pool->places, &pool->count, err) < 0)
        return -1;
    *cut = pool->count >= span.limit;
    return 0;
}

int mp_summary_put_pool(struct mp_ctx *ctx, struct json_object *data, int64_t now_ms, struct mp_error *err)
{
    const struct mp_account_conf *conf = ctx->account_conf;
    struct json_object *accounts = json_object_new_array();
    struct pool pool = {.ctx = ctx, .now_ms = now_ms};
    bool cut;

    mp_json_put(data, "accounts", accounts);
    if (mp_account_states(ctx, now_ms, &pool.states, err) < 0 || read_places(&pool, &cut, err) < 0)
        return -1;
    for (size_t i = 0; i < conf->count; i++)
        json_object_array_add(accounts, account_json(&pool, &conf->accounts[i], &pool.states[i]));
    mp_json_put_int(data, "daily_limit", conf->daily_limit);
    mp_json_put_bool(data, "places_cut", cut);
    return 0;
}
