#include <string.h>

#include "book_int.h"
#include "meetpool/clock.h"
#include "meetpool/crypto.h"
#include "meetpool/json.h"

/* Letters, digits and what all of Zoom's three descriptions of the alphabet allow; its full length. */
#define PASSWORD_ALPHABET "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"
#define PASSWORD_CHARS    10
/* A rate limit is waited for when it ends this soon. */
#define PAUSE_WORTH_MS 3000
/* A first search after an unclear call; Zoom may still be working on it. */
#define LOST_CHECK_MS    5000
#define NEAREST_REACH_MS (7 * MP_DAY_MS)
/* Where nothing says when an account will be well again. */
#define RETRY_AFTER_MS 30000
/* The record of what Zoom has made is tried to be written until the place's lease has only this long to run. */
#define SETTLE_SPARE_MS 3000
#define LOOKS_MOST      3

static void describe(struct booking *b)
{
    struct mp_arena *arena = b->ctx->arena;
    const struct mp_meeting_spec *spec = b->spec;

    b->row = (struct mp_meeting_row){
        .owner_sub = spec->owner_sub,
        .host_sub = spec->host_sub,
        .unit_key = b->unit_key,
        .status = MP_MEETING_CREATING,
        .type = spec->type,
        .kind = spec->kind != NULL ? spec->kind : MP_ACCOUNT_KIND_MEETING,
        .topic = spec->topic,
        .agenda = spec->agenda,
        .timezone = spec->timezone,
        .password = spec->password != NULL ? spec->password : mp_random_text(arena, PASSWORD_CHARS, PASSWORD_ALPHABET),
        /* Zoom knows whole seconds. */
        .starts_at = (spec->type == 1 ? b->now_ms : spec->starts_at) / 1000 * 1000,
        .duration_min = spec->duration_min,
        .settings_requested = spec->settings != NULL ? mp_json_text(arena, spec->settings) : NULL,
        .replaces = b->replaces != NULL ? b->replaces->id : 0,
        .replaces_version = b->replaces != NULL ? b->replaces->version : 0,
        .created_at = b->now_ms,
        .started_at = -1,
        .ended_at = -1,
        .deleted_at = -1,
    };
}

int booking_busy(struct booking *b, int64_t account_row, int64_t until, struct mp_busy **busy, size_t *count, struct mp_error *err)
{
    struct mp_busy_row *rows;
    size_t stored;

    if (mp_store_busy(b->ctx->db, b->ctx->arena, account_row, b->want.from, until, b->now_ms, 0, &rows, &stored, err) < 0)
        return -1;
    *busy = meeting_busy(b->ctx->arena, rows, stored);
    *count = stored;
    if (b->planned_count == 0)
        return 0;
    *count = stored + b->planned_count;
    *busy = mp_arena_array(b->ctx->arena, *count, sizeof(**busy));
    for (size_t i = 0; i < *count; i++)
        (*busy)[i] = i < stored ? (struct mp_busy){rows[i].from, rows[i].until, rows[i].account_id, rows[i].host_id} : b->planned[i - stored];
    return 0;
}

int booking_open(struct booking *b, struct mp_error *err)
{
    struct mp_ctx *ctx = b->ctx;

    describe(b);
    b->want = (struct mp_choice_request){.now_ms = b->now_ms, .only_account = b->spec->account, .spend = true, .kind = b->row.kind};
    meeting_interval(ctx, b->row.starts_at, b->row.duration_min, b->now_ms, &b->want.from, &b->want.until);
    if (b->states == NULL && mp_account_states(ctx, b->now_ms, &b->states, err) < 0)
        return -1;
    if (booking_busy(b, 0, b->want.until, &b->busy, &b->busy_count, err) < 0)
        return -1;
    mp_choose(ctx->account_conf, b->states, b->busy, b->busy_count, &b->want, ctx->arena, &b->candidates);
    b->candidates_count = ctx->account_conf->count;
    return booking_add_own(b, err);
}

/*
 * All that book at the same moment see the same and choose the same account. Who finds, under the lock, that rivals have come first and another
 * account has fewer meetings by now lets go and looks again; a few times, as each look costs the others time.
 */
static bool is_overtaken(const struct booking *b, const struct mp_busy *busy, size_t count)
{
    const struct mp_candidate *c = b->trying;
    size_t now;

    if (b->looks >= LOOKS_MOST || b->next != 0 || b->row.id != 0 || b->replaces != NULL || mp_account_is_guest(b->ctx->account_conf, (int)c->account))
        return false;
    now = mp_capacity_count(busy, count, b->states[c->account].id, 0, b->want.from, b->want.until);
    for (size_t i = 1; now > c->meetings && i < b->candidates_count; i++) {
        const struct mp_candidate *other = &b->candidates[i];

        if (other->host >= 0 && other->inactive == c->inactive && other->preferred == c->preferred && other->meetings < now)
            return true;
    }
    return false;
}

/* The host that takes the interval, under the account's lock. One whose day is used up makes room for the next. */
static int lock_host(struct booking *b, struct mp_error *err)
{
    const struct mp_account_conf *conf = b->ctx->account_conf;
    struct mp_candidate *c = b->trying;
    struct mp_account_state *state = booking_state(b, c->account);
    struct mp_busy *busy;
    size_t count;

    if (mp_store_account_take(b->ctx->db, state->id, b->now_ms, err) < 0 || booking_busy(b, state->id, b->want.until, &busy, &count, err) < 0)
        return -1;
    b->overtaken = is_overtaken(b, busy, count);
    if (b->overtaken)
        return mp_fail(err, MP_E_NO_CAPACITY, "others were quicker");
    for (;;) {
        enum mp_verdict verdict;
        int spent;

        c->host = mp_choose_host(conf, c->account, state, busy, count, &b->want, c->inactive, &verdict, &c->why);
        if (c->host < 0) {
            c->verdict = verdict;
            return mp_fail(err, MP_E_NO_CAPACITY, "%s", c->why);
        }
        spent = mp_account_spend(b->ctx, state->hosts[c->host].id, b->now_ms, true, err);
        if (spent != 0)
            return spent < 0 ? -1 : 0;
        state->hosts[c->host].daily_used = conf->daily_limit;
    }
}

/* The transaction: locks and writes the account, counts, writes record and place. May run twice. */
static int take_place(struct mp_db *db, void *arg, struct mp_error *err)
{
    struct booking *b = arg;
    struct mp_candidate *c = b->trying;
    struct mp_account_state *state = booking_state(b, c->account);

    if (lock_host(b, err) < 0)
        return -1;
    b->place = (struct mp_place_row){.account_id = state->id,
                                     .host_id = state->hosts[c->host].id,
                                     .ref = b->place.ref,
                                     .state = MP_PLACE_CREATING,
                                     .busy_from = b->want.from,
                                     .busy_until = b->want.until,
                                     .owner = b->ctx->owner,
                                     .meeting_id = b->row.id};
    if (b->row.id == 0) {
        struct mp_meeting_row row = b->row;

        row.account_id = b->place.account_id;
        row.host_id = b->place.host_id;
        if (mp_account_is_guest(b->ctx->account_conf, (int)c->account)) {
            row.host_sub = b->own->sub;
            row.host_email = b->own->email;
        }
        if (mp_store_meeting_insert(db, &row, err) < 0)
            return -1;
        b->place.meeting_id = row.id;
    }
    return mp_store_place_insert(db, &b->place, b->lease_ms, err);
}

static int64_t used_at(int64_t last_ms, int64_t now_ms)
{
    return last_ms + 1 > now_ms ? last_ms + 1 : now_ms;
}

/* What taking a place changes in the rows of account and host, for those who choose after it by the same `states`. */
static void count_in(struct booking *b)
{
    struct mp_account_state *state = booking_state(b, b->trying->account);
    struct mp_host_state *host = &state->hosts[b->trying->host];

    state->bookings++;
    state->last_used_at = used_at(state->last_used_at, b->now_ms);
    host->daily_used++;
    host->daily_created++;
    host->last_used_at = used_at(host->last_used_at, b->now_ms);
}

/* Runs the transaction; where the answer of COMMIT was lost, the place itself tells whether it was stored. */
static int reserve(struct booking *b, struct mp_error *err)
{
    struct mp_place_row seen;
    int rc;

    b->place.ref = meeting_new_ref(b->ctx->arena);
    b->lease_ends_ms = mp_monotonic_ms() + b->lease_ms;
    rc = mp_tx_run(b->ctx->db, take_place, b, err);
    if (rc < 0 && err->code == MP_E_UNCERTAIN) {
        mp_error_reset(err);
        rc = mp_store_place_by_ref(b->ctx->db, b->ctx->arena, b->place.ref, &seen, err);
        if (rc == 0)
            rc = mp_tx_run(b->ctx->db, take_place, b, err);
        else if (rc > 0)
            b->place = seen;
    }
    if (rc < 0)
        return -1;
    b->row.id = b->place.meeting_id;
    count_in(b);
    return 0;
}

int booking_call(struct booking *b, struct create_call *call, struct mp_error *err)
{
    const struct mp_candidate *c = b->trying;

    *call = (struct create_call){
        .host = mp_account_entry(b->ctx->account_conf, c->account)->hosts[c->host].user,
        .spec = {.topic = b->row.topic,
                 .timezone = b->row.timezone,
                 .password = b->row.password,
                 .starts_at = b->row.starts_at,
                 .duration_min = b->row.duration_min,
                 .settings = b->spec->settings},
    };
    return meeting_agenda_out(b->ctx, b->place.ref, b->row.agenda, &call->spec.agenda, err);
}

static void do_create(struct mp_ctx *ctx, const struct mp_secret *token, unsigned timeout_ms, void *arg, struct mp_zoom_result *res)
{
    struct create_call *call = arg;

    mp_zoom_meeting_create(ctx->zoom, ctx->arena, token, timeout_ms, call->host, &call->spec, &call->made, res);
}

/* After an unclear call: is it there? 1 yes (`made` is whole), 0 no or not to be found out. */
static int look_for(struct booking *b, struct mp_zoom_meeting *made)
{
    const struct mp_candidate *c = b->trying;
    struct mp_zoom_meeting found;
    struct mp_zoom_result res;

    /* The search has a little more time than the booking: what it finds saves making a second one. */
    if (meeting_search_seen(b->ctx, b->seen, (int)c->account, c->host, b->place.ref, b->deadline_ms + 4000, &found, &res) <= 0)
        return 0;
    meeting_fetch(b->ctx, (int)c->account, c->host, found.id, b->deadline_ms + 6000, made, &res);
    if (res.cls != MP_ZOOM_OK)
        *made = found;
    return 1;
}

/* Zoom's answer came, but what people need to take part was not in it. */
static void read_whole(struct booking *b, struct mp_zoom_meeting *made)
{
    const struct mp_candidate *c = b->trying;
    struct mp_zoom_meeting whole;
    struct mp_zoom_result res;

    meeting_fetch(b->ctx, (int)c->account, c->host, made->id, b->deadline_ms + 4000, &whole, &res);
    if (res.cls == MP_ZOOM_OK)
        *made = whole;
}

int booking_hold(struct booking *b, const struct mp_zoom_meeting *made, struct mp_error *err)
{
    struct mp_arena *arena = b->ctx->arena;
    struct mp_meeting_facts facts;

    meeting_facts(b->ctx, (int)b->trying->account, b->trying->host, made, &facts);
    b->trying->verdict = MP_VERDICT_CHOSEN;
    b->trying->why = NULL;
    b->row.placement = mp_json_text(arena, mp_choice_json(arena, b->ctx->account_conf, b->candidates, b->candidates_count));
    return meeting_hold(b->ctx, &b->place, &b->row, &facts, b->row.placement, MEETING_LEASE_MS, err) < 0 ? -1 : 0;
}

/* Writes what Zoom made. The database may be away just now: it is tried for as long as the place is ours, then repair adopts the meeting by its
 * marker when the database is back; till then nobody knows. */
static int settle(struct booking *b, const struct mp_zoom_meeting *made, struct mp_error *err)
{
    int64_t give_up_ms = b->settle_until_ms != 0 ? b->settle_until_ms : b->lease_ends_ms - SETTLE_SPARE_MS;

    while (booking_hold(b, made, err) < 0) {
        if (mp_monotonic_ms() > give_up_ms)
            return mp_fail_log(err, MP_E_UNCERTAIN, "the record of Zoom's meeting %lld could not be written", (long long)made->id);
        mp_error_reset(err);
        mp_sleep_ms(200);
    }
    if (mp_store_meeting_by_id(b->ctx->db, b->ctx->arena, b->row.id, &b->row, err) < 0)
        return -1;
    if (b->replaces != NULL && b->row.status == MP_MEETING_FAILED)
        return mp_fail(err, MP_E_CONFLICT, "The meeting was changed by somebody else while it was moved; read it again and repeat the change.");
    if (b->row.status != MP_MEETING_SCHEDULED || b->row.zoom_id != made->id)
        return mp_fail_log(err, MP_E_UNAVAILABLE, "repair was quicker than the maker of meeting row %lld", (long long)b->row.id);
    b->start_url = made->start_url;
    return 0;
}

/* A refusal under a good status ("only available for paid account") has not been seen to leave a meeting behind, but nothing says that it cannot. */
bool booking_unclear(const struct mp_zoom_result *res)
{
    return res->cls == MP_ZOOM_MAYBE_DONE || (res->cls == MP_ZOOM_REFUSED && res->status < 300);
}

/* Gives the place of a failed try back. */
static int give_back(struct booking *b, const struct mp_zoom_result *res, struct mp_error *err)
{
    struct mp_ctx *ctx = b->ctx;

    if (booking_unclear(res))
        return mp_store_place_lose(ctx->db, &b->place, LOST_CHECK_MS, err) < 0 ? -1 : 0;
    if (mp_store_place_free(ctx->db, &b->place, true, err) < 0)
        return -1;
    if (res->cls != MP_ZOOM_NOT_SENT && res->cls != MP_ZOOM_AUTH && res->cls != MP_ZOOM_RATE_LIMITED)
        return 0;
    booking_state(b, b->trying->account)->hosts[b->trying->host].daily_used--;
    return mp_store_host_unspend(ctx->db, b->place.host_id, mp_time_utc_day(b->now_ms), true, err);
}

/* What a failure teaches about the rest of this booking. Whether the same account is worth another host. */
static bool note_failure(struct booking *b, const struct mp_zoom_result *res)
{
    struct mp_candidate *c = b->trying;
    struct mp_account_state *state = booking_state(b, c->account);
    struct mp_host_state *host = &state->hosts[c->host];

    c->verdict = MP_VERDICT_FAILED;
    c->why = res->message != NULL ? res->message : mp_zoom_class_name(res->cls);
    if (res->cls == MP_ZOOM_DAILY_HOST) {
        c->verdict = MP_VERDICT_DAILY;
        host->daily_used = b->ctx->account_conf->daily_limit;
    } else if (res->cls == MP_ZOOM_DAILY_ACCOUNT) {
        c->verdict = MP_VERDICT_DAILY;
        state->inactive_until = mp_now_ms() + (res->retry_after_ms > 0 ? res->retry_after_ms : MP_DAY_MS - mp_now_ms() % MP_DAY_MS);
    } else if (res->cls == MP_ZOOM_NO_HOST)
        host->inactive_until = MP_HOST_RULED_OUT;
    if (res->cls == MP_ZOOM_RATE_LIMITED) {
        c->verdict = MP_VERDICT_PAUSED;
        state->paused_until = mp_now_ms() + (res->retry_after_ms > 0 ? res->retry_after_ms : 1000);
    }
    return (res->cls == MP_ZOOM_DAILY_HOST || res->cls == MP_ZOOM_NO_HOST) && mp_account_entry(b->ctx->account_conf, c->account)->hosts_count > 1;
}

int booking_conclude(struct booking *b, const struct create_call *call, const struct mp_zoom_result *res, struct mp_error *err)
{
    const struct mp_candidate *c = b->trying;
    struct mp_zoom_meeting made = call->made;

    if (res->cls == MP_ZOOM_OK || (booking_unclear(res) && look_for(b, &made))) {
        if (res->cls == MP_ZOOM_OK && made.join_url == NULL)
            read_whole(b, &made);
        if (settle(b, &made, err) < 0 || (c->inactive && mp_account_reset(b->ctx, (int)c->account, err) < 0))
            return -1;
        return 1;
    }
    if (!note_failure(b, res))
        b->next++;
    return give_back(b, res, err);
}

/* Whether the account is paused by a rate limit, and for longer than a booking waits. */
static bool is_paused(struct booking *b, const struct mp_candidate *c)
{
    int64_t left = booking_state(b, c->account)->paused_until - mp_now_ms();

    return c->verdict == MP_VERDICT_PAUSED && (left > PAUSE_WORTH_MS || mp_monotonic_ms() + left > b->deadline_ms);
}

/* Sleeps until the account's rate limit has passed. */
static void wait_for(struct booking *b, const struct mp_candidate *c)
{
    int64_t left = booking_state(b, c->account)->paused_until - mp_now_ms();

    if (c->verdict == MP_VERDICT_PAUSED && left > 0)
        mp_sleep_ms((unsigned)left);
}

/* The next account that is worth a try; false where none is left. Who has met a rate limit that ends soon is asked once more. */
static bool next_account(struct booking *b)
{
    size_t count = b->candidates_count;

    for (; b->next < 2 * count; b->next++) {
        bool again = b->next >= count;

        b->trying = &b->candidates[b->next % count];
        if (b->trying->host >= 0 && (!again || b->trying->verdict == MP_VERDICT_PAUSED) && !is_paused(b, b->trying))
            return true;
    }
    return false;
}

static int look_again(struct booking *b, struct mp_error *err)
{
    b->looks++;
    b->states = NULL;
    return booking_open(b, err);
}

int booking_reserve(struct booking *b, struct mp_error *err)
{
    while (next_account(b)) {
        wait_for(b, b->trying);
        b->overtaken = false;
        if (reserve(b, err) == 0)
            return 1;
        if (err->code != MP_E_NO_CAPACITY)
            return -1;
        mp_error_reset(err);
        if (!b->overtaken)
            b->next++;
        else if (look_again(b, err) < 0)
            return -1;
    }
    return 0;
}

static int refuse_no_room(struct booking *b, struct mp_error *err)
{
    struct mp_arena *arena = b->ctx->arena;
    struct mp_busy *busy;
    size_t count;
    int64_t nearest;

    if (booking_busy(b, 0, b->want.until + NEAREST_REACH_MS, &busy, &count, err) < 0)
        return -1;
    nearest = mp_choose_nearest(arena, b->ctx->account_conf, b->states, busy, count, &b->want);
    if (booking_nearest_own(b, b->want.until + NEAREST_REACH_MS, &nearest, err) < 0)
        return -1;
    mp_fail(err, MP_E_NO_CAPACITY, "No account has room from %s to %s.", mp_time_format(arena, b->want.from), mp_time_format(arena, b->want.until));
    if (nearest >= 0)
        mp_error_note(err, "start_time", "the nearest start that fits is %s", mp_time_format(arena, nearest));
    else
        mp_error_note(err, "start_time", "no start within the next seven days fits");
    return -1;
}

/* When the account may do again; what nobody knows is tried again in half a minute. */
static int64_t wait_ms_of(const struct mp_candidate *c, const struct mp_account_state *state, int64_t now_ms)
{
    if (c->verdict == MP_VERDICT_PAUSED && state->paused_until > now_ms)
        return state->paused_until - now_ms;
    if (c->verdict == MP_VERDICT_DAILY)
        return state->inactive_until > now_ms ? state->inactive_until - now_ms : MP_DAY_MS - now_ms % MP_DAY_MS;
    return RETRY_AFTER_MS;
}

/* Until the first of the pool's accounts may do again. */
static unsigned retry_after_s(const struct booking *b)
{
    int64_t now_ms = mp_now_ms(), soonest_ms = INT64_MAX;

    for (size_t i = 0; i < b->candidates_count; i++) {
        const struct mp_candidate *c = &b->candidates[i];
        int64_t wait_ms;

        if (c->verdict == MP_VERDICT_EXCLUDED || mp_account_is_guest(b->ctx->account_conf, (int)c->account))
            continue;
        wait_ms = wait_ms_of(c, &b->states[c->account], now_ms);
        soonest_ms = wait_ms < soonest_ms ? wait_ms : soonest_ms;
    }
    return (unsigned)((soonest_ms == INT64_MAX ? RETRY_AFTER_MS : soonest_ms) + 999) / 1000;
}

/* There are only people's own accounts, and the host has none that can be used. */
static int refuse_no_pool(const struct booking *b, struct mp_error *err)
{
    const struct mp_candidate *own = booking_own(b);

    if (own != NULL && own->verdict == MP_VERDICT_FULL)
        return mp_fail(err, MP_E_NO_CAPACITY, "The host's own Zoom account has no room at that time, and there is no other.");
    return mp_fail(err, MP_E_ZOOM_NOT_CONFIGURED,
                   "The host has no Zoom account connected that could be used%s%s, and no system account is configured.", own != NULL ? ": " : "",
                   own != NULL ? own->why : "");
}

/* Says why nothing was made: no room at all, or each account's reason. */
static int refuse(struct booking *b, struct mp_error *err)
{
    const struct mp_account_conf *conf = b->ctx->account_conf;
    bool failed = false, full = false;

    if (conf->count == 0 && (b->candidates_count == 0 || b->candidates[0].host < 0))
        return refuse_no_pool(b, err);
    for (size_t i = 0; i < b->candidates_count; i++) {
        const struct mp_candidate *c = &b->candidates[i];
        bool dead = c->host < 0 && mp_account_is_guest(conf, (int)c->account);

        failed = failed || c->verdict == MP_VERDICT_FAILED || c->verdict == MP_VERDICT_PAUSED || (c->verdict == MP_VERDICT_INACTIVE && !dead);
        full = full || c->verdict == MP_VERDICT_FULL;
    }
    if (full && !failed)
        return refuse_no_room(b, err);
    mp_fail(err, MP_E_NO_ACCOUNT, "No Zoom account could take the meeting; details say why for each.");
    err->retry_after_s = retry_after_s(b);
    for (size_t i = 0; i < b->candidates_count; i++) {
        if (b->candidates[i].verdict != MP_VERDICT_EXCLUDED)
            mp_error_note(err, mp_account_entry(conf, b->candidates[i].account)->name, "%s",
                          b->candidates[i].why != NULL ? b->candidates[i].why : "there was no time left to try it");
    }
    return -1;
}

int mp_meeting_usable(const struct mp_account_conf *conf, struct mp_error *err)
{
    if (!conf->enabled)
        return mp_fail(err, MP_E_ZOOM_DISABLED, "Zoom is disabled on this server (ZOOM_ENABLED=false).");
    if (!mp_account_any(conf))
        return mp_fail(err, MP_E_ZOOM_NOT_CONFIGURED,
                       "No Zoom account is configured: set ZOOM_ACCOUNT_ID_1, ZOOM_CLIENT_ID_1, ZOOM_CLIENT_SECRET_1 and ZOOM_USER_ID_1.");
    return 0;
}

/* Why the host's own account does not hold it. */
static void tell_own(const struct booking *b, struct mp_meeting *meeting)
{
    const struct mp_candidate *own = booking_own(b);

    if (!meeting->own && own != NULL)
        meeting->not_own = own->why != NULL ? own->why : "it could not be asked";
}

int booking_predict(struct booking *b, struct mp_meeting **out, struct mp_error *err)
{
    const struct mp_ctx *ctx = b->ctx;
    const struct mp_host_state *host;

    if (!next_account(b))
        return refuse(b, err);
    host = &booking_state(b, b->trying->account)->hosts[b->trying->host];
    b->trying->verdict = MP_VERDICT_CHOSEN;
    b->row.placement = mp_json_text(ctx->arena, mp_choice_json(ctx->arena, ctx->account_conf, b->candidates, b->candidates_count));
    b->row.account_id = booking_state(b, b->trying->account)->id;
    b->row.host_id = host->id;
    b->row.host_email = mp_account_is_guest(ctx->account_conf, (int)b->trying->account)
                            ? b->own->email
                            : ctx->account_conf->accounts[b->trying->account].hosts[b->trying->host].user;
    count_in(b);
    if (meeting_wrap(b->ctx, &b->row, out, err) < 0)
        return -1;
    tell_own(b, *out);
    return 0;
}

/* The database failed in the middle: repair need not wait for our lease to run out. What cannot be written now, the lease will bring about. */
static void let_go(struct booking *b)
{
    struct mp_error ignored;

    mp_error_init(&ignored, b->ctx->arena);
    if (b->place.id != 0 && mp_store_place_later(b->ctx->db, &b->place, 0, &ignored) < 0)
        mp_log(b->ctx->log, MP_WARNING, "place.not_released", MP_STR("place", b->place.ref));
}

static int end(struct booking *b, int rc, struct mp_meeting **out, struct mp_error *err)
{
    if (rc < 0) {
        let_go(b);
        return -1;
    }
    if (rc == 0) {
        if (b->row.id != 0 && mp_store_meeting_status(b->ctx->db, b->row.id, MP_MEETING_FAILED, mp_now_ms(), err) < 0)
            return -1;
        return refuse(b, err);
    }
    if (meeting_wrap(b->ctx, &b->row, out, err) < 0)
        return -1;
    (*out)->start_url = b->start_url;
    tell_own(b, *out);
    return 0;
}

int booking_end(struct booking *b, int rc, struct mp_meeting **out, struct mp_error *err)
{
    rc = end(b, rc, out, err);
    mp_metric_add(b->ctx->log->metrics, MP_METRIC_BOOKINGS, rc < 0 ? mp_error_name(err->code) : "booked", NULL, 1);
    return rc;
}

/* One account after the other: 1 made, 0 none could, -1 the database failed. */
static int try_all(struct booking *b, struct mp_error *err)
{
    struct create_call call;
    struct mp_zoom_result res;
    int rc;

    while ((rc = booking_reserve(b, err)) > 0) {
        if (booking_call(b, &call, err) < 0)
            return -1;
        mp_account_call(b->ctx, b->trying->account, b->trying->host, b->deadline_ms, do_create, &call, &res);
        rc = booking_conclude(b, &call, &res, err);
        if (rc != 0)
            break;
    }
    return rc;
}

/* Finds what the maker that died has left at Zoom and takes it over, or gives the try up. */
static int finish_begun(struct booking *b, const struct mp_meeting *begun, struct mp_error *err)
{
    struct mp_ctx *ctx = b->ctx;
    struct mp_zoom_meeting found;
    struct mp_meeting_facts facts;
    struct mp_zoom_result res;
    int rc = mp_store_place_by_meeting(ctx->db, ctx->arena, b->row.id, &b->place, err);

    if (rc > 0 && b->place.state == MP_PLACE_CREATING)
        rc = mp_store_place_claim(ctx->db, &b->place, ctx->owner, MEETING_LEASE_MS, err);
    if (rc <= 0 || b->place.state != MP_PLACE_CREATING)
        return rc < 0 ? -1 : 0;
    if (begun->account >= 0 && meeting_search_seen(ctx, b->seen, begun->account, begun->host, b->place.ref, b->deadline_ms, &found, &res) > 0) {
        meeting_facts(ctx, begun->account, begun->host, &found, &facts);
        return mp_store_place_hold(ctx->db, &b->place, &facts, NULL, mp_now_ms(), err) < 0 ? -1 : 0;
    }
    if (mp_store_place_lose(ctx->db, &b->place, LOST_CHECK_MS, err) < 0)
        return -1;
    return mp_store_meeting_status(ctx->db, b->row.id, MP_MEETING_FAILED, mp_now_ms(), err) < 0 ? -1 : 0;
}

int booking_resume(struct booking *b, struct mp_meeting **out, struct mp_error *err)
{
    struct mp_ctx *ctx = b->ctx;
    int rc = mp_store_meeting_by_unit(ctx->db, ctx->arena, b->unit_key, &b->row, err);

    if (rc <= 0)
        return rc;
    if (meeting_wrap(ctx, &b->row, out, err) < 0)
        return -1;
    if (b->row.status != MP_MEETING_CREATING)
        return 1;
    if (finish_begun(b, *out, err) < 0 || mp_store_meeting_by_id(ctx->db, ctx->arena, b->row.id, &b->row, err) < 0)
        return -1;
    if (b->row.status == MP_MEETING_CREATING)
        return mp_fail_log(err, MP_E_UNAVAILABLE, "repair is at meeting row %lld", (long long)b->row.id);
    if (b->row.status == MP_MEETING_FAILED)
        return 0;
    return meeting_wrap(ctx, &b->row, out, err) < 0 ? -1 : 1;
}

static int begin(struct mp_ctx *ctx, const struct mp_meeting_spec *spec, const struct mp_meeting_row *replaces, struct mp_meeting **out,
                 struct mp_error *err)
{
    struct own_account own = {0};
    struct booking b = {
        .ctx = ctx,
        .spec = spec,
        .own = &own,
        .replaces = replaces,
        .unit_key = replaces == NULL ? ctx->unit_key : NULL,
        .now_ms = mp_now_ms(),
        .deadline_ms = mp_monotonic_ms() + MEETING_DEADLINE_MS,
        .lease_ms = MEETING_LEASE_MS,
    };

    if (mp_meeting_usable(ctx->account_conf, err) < 0)
        return -1;
    if (b.unit_key != NULL && !spec->dry_run) {
        int rc = booking_resume(&b, out, err);

        if (rc != 0)
            return rc < 0 ? -1 : 0;
    }
    if (booking_open(&b, err) < 0)
        return -1;
    return spec->dry_run ? booking_predict(&b, out, err) : booking_end(&b, try_all(&b, err), out, err);
}

int mp_meeting_book(struct mp_ctx *ctx, const struct mp_meeting_spec *spec, struct mp_meeting **out, struct mp_error *err)
{
    return begin(ctx, spec, NULL, out, err);
}

int meeting_book_other(struct mp_ctx *ctx, const struct mp_meeting_spec *spec, const struct mp_meeting_row *old, struct mp_meeting **out,
                       struct mp_error *err)
{
    return begin(ctx, spec, old, out, err);
}
