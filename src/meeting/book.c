#include <string.h>

#include "meeting_int.h"
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
/* How long the record of what Zoom has made is tried to be written. */
#define SETTLE_MS 6000

/* One booking on its way. */
struct booking {
    struct mp_ctx *ctx;
    const struct mp_meeting_spec *spec;
    int64_t now_ms, deadline_ms;
    struct mp_choice_request want;
    struct mp_account_state *states;
    struct mp_busy *busy;
    size_t busy_count;
    struct mp_candidate *candidates;

    struct mp_meeting_row row; /* id 0: not stored yet */
    struct mp_place_row place; /* of the present try */
    struct mp_candidate *trying;
    struct mp_secret start_url;
    int64_t wait_ms; /* until a rate limit ends; 0: none met */
};

static void describe(struct booking *b)
{
    struct mp_arena *arena = b->ctx->arena;
    const struct mp_meeting_spec *spec = b->spec;

    b->row = (struct mp_meeting_row){
        .owner_sub = spec->owner_sub,
        .host_sub = spec->host_sub,
        .unit_key = b->ctx->unit_key,
        .status = MP_MEETING_CREATING,
        .type = spec->type,
        .topic = spec->topic,
        .agenda = spec->agenda,
        .timezone = spec->timezone,
        .password = spec->password != NULL ? spec->password : mp_random_text(arena, PASSWORD_CHARS, PASSWORD_ALPHABET),
        /* Zoom knows whole seconds. */
        .starts_at = (spec->type == 1 ? b->now_ms : spec->starts_at) / 1000 * 1000,
        .duration_min = spec->duration_min,
        .settings_requested = spec->settings != NULL ? mp_json_text(arena, spec->settings) : NULL,
        .created_at = b->now_ms,
        .started_at = -1,
        .ended_at = -1,
        .deleted_at = -1,
    };
}

static int read_busy(struct booking *b, int64_t account_row, int64_t until, struct mp_busy **busy, size_t *count, struct mp_error *err)
{
    struct mp_busy_row *rows;

    if (mp_store_busy(b->ctx->db, b->ctx->arena, account_row, b->want.from, until, b->now_ms, b->want.ignore_place, &rows, count, err) < 0)
        return -1;
    *busy = meeting_busy(b->ctx->arena, rows, *count);
    return 0;
}

/* Looks, without a lock, at how everything stands and puts the accounts in order. */
static int survey(struct booking *b, struct mp_error *err)
{
    if (mp_account_states(b->ctx, b->now_ms, &b->states, err) < 0 || read_busy(b, 0, b->want.until, &b->busy, &b->busy_count, err) < 0)
        return -1;
    mp_choose(b->ctx->account_conf, b->states, b->busy, b->busy_count, &b->want, b->ctx->arena, &b->candidates);
    return 0;
}

/* The host that takes the interval, under the account's lock. One whose day is used up makes room for the next. */
static int lock_host(struct booking *b, struct mp_error *err)
{
    const struct mp_account_conf *conf = b->ctx->account_conf;
    struct mp_candidate *c = b->trying;
    struct mp_account_state *state = &b->states[c->account];
    struct mp_busy *busy;
    size_t count;

    if (mp_store_account_take(b->ctx->db, state->id, b->now_ms, err) < 0 || read_busy(b, state->id, b->want.until, &busy, &count, err) < 0)
        return -1;
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
    struct mp_account_state *state = &b->states[c->account];

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
        if (mp_store_meeting_insert(db, &row, err) < 0)
            return -1;
        b->place.meeting_id = row.id;
    }
    return mp_store_place_insert(db, &b->place, MEETING_LEASE_MS, MEETING_CHECK_MS, err);
}

/* Runs the transaction; where the answer of COMMIT was lost, the place itself tells whether it was stored. */
static int reserve(struct booking *b, struct mp_error *err)
{
    struct mp_place_row seen;
    int rc;

    b->place.ref = meeting_new_ref(b->ctx->arena);
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
    return 0;
}

struct create_call {
    const char *host;
    const struct mp_zoom_meeting_spec *spec;
    struct mp_zoom_meeting *made;
};

static void do_create(struct mp_ctx *ctx, const struct mp_secret *token, unsigned timeout_ms, void *arg, struct mp_zoom_result *res)
{
    struct create_call *call = arg;

    mp_zoom_meeting_create(ctx->zoom, ctx->arena, token, timeout_ms, call->host, call->spec, call->made, res);
}

static void call_zoom(struct booking *b, struct mp_zoom_meeting *made, struct mp_zoom_result *res)
{
    const struct mp_candidate *c = b->trying;
    struct mp_zoom_meeting_spec spec = {.topic = b->row.topic,
                                        .timezone = b->row.timezone,
                                        .password = b->row.password,
                                        .starts_at = b->row.starts_at,
                                        .duration_min = b->row.duration_min,
                                        .settings = b->spec->settings};
    struct create_call call = {b->ctx->account_conf->accounts[c->account].hosts[c->host].user, &spec, made};
    struct mp_error err;

    mp_error_init(&err, b->ctx->arena);
    if (meeting_agenda_out(b->ctx, b->place.ref, b->row.agenda, &spec.agenda, &err) < 0) {
        *res = (struct mp_zoom_result){.cls = MP_ZOOM_NOT_SENT, .message = "the database is away", .retry_after_ms = -1};
        return;
    }
    mp_account_call(b->ctx, c->account, c->host, b->deadline_ms, do_create, &call, res);
}

/* After an unclear call: is it there? 1 yes (`made` is whole), 0 no or not to be found out. */
static int look_for(struct booking *b, struct mp_zoom_meeting *made)
{
    const struct mp_candidate *c = b->trying;
    struct mp_zoom_meeting found;
    struct mp_zoom_result res;

    /* The search has a little more time than the booking: what it finds saves making a second one. */
    if (meeting_search(b->ctx, (int)c->account, c->host, b->place.ref, b->deadline_ms + 4000, &found, &res) <= 0)
        return 0;
    meeting_fetch(b->ctx, (int)c->account, c->host, found.id, b->deadline_ms + 6000, made, &res);
    if (res.cls != MP_ZOOM_OK)
        *made = found;
    return 1;
}

/* Writes what Zoom made. The database may be away just now: it is tried for a while, then repair adopts the meeting by its marker. */
static int settle(struct booking *b, const struct mp_zoom_meeting *made, struct mp_error *err)
{
    struct mp_arena *arena = b->ctx->arena;
    int64_t give_up_ms = mp_monotonic_ms() + SETTLE_MS;
    struct mp_meeting_facts facts;
    int rc;

    meeting_facts(arena, made, &facts);
    b->trying->verdict = MP_VERDICT_CHOSEN;
    b->trying->why = NULL;
    b->row.placement = mp_json_text(arena, mp_choice_json(arena, b->ctx->account_conf, b->candidates));
    for (;;) {
        mp_error_reset(err);
        rc = mp_store_place_hold(b->ctx->db, &b->place, &facts, b->row.placement, mp_now_ms(), err);
        if (rc >= 0 || mp_monotonic_ms() > give_up_ms)
            break;
        mp_sleep_ms(200);
    }
    if (rc < 0)
        return -1;
    if (mp_store_meeting_by_id(b->ctx->db, arena, b->row.id, &b->row, err) < 0)
        return -1;
    if (b->row.status != MP_MEETING_SCHEDULED || b->row.zoom_id != made->id)
        return mp_fail_log(err, MP_E_UNAVAILABLE, "repair was quicker than the maker of meeting row %lld", (long long)b->row.id);
    b->start_url = made->start_url;
    return 0;
}

/* Gives the place of a failed try back. */
static int give_back(struct booking *b, const struct mp_zoom_result *res, struct mp_error *err)
{
    struct mp_ctx *ctx = b->ctx;

    if (res->cls == MP_ZOOM_MAYBE_DONE)
        return mp_store_place_lose(ctx->db, &b->place, LOST_CHECK_MS, err) < 0 ? -1 : 0;
    if (mp_store_place_free(ctx->db, &b->place, true, err) < 0)
        return -1;
    if (res->cls == MP_ZOOM_NOT_SENT || res->cls == MP_ZOOM_AUTH || res->cls == MP_ZOOM_RATE_LIMITED)
        return mp_store_host_unspend(ctx->db, b->place.host_id, mp_time_utc_day(b->now_ms), true, err);
    return 0;
}

/* What a failure teaches about the rest of this booking. Whether the same account is worth another host. */
static bool note_failure(struct booking *b, const struct mp_zoom_result *res)
{
    struct mp_candidate *c = b->trying;
    struct mp_host_state *host = &b->states[c->account].hosts[c->host];

    c->verdict = MP_VERDICT_FAILED;
    c->why = res->message != NULL ? res->message : mp_zoom_class_name(res->cls);
    if (res->cls == MP_ZOOM_DAILY_HOST)
        host->daily_used = b->ctx->account_conf->daily_limit;
    else if (res->cls == MP_ZOOM_NO_HOST)
        host->inactive_until = INT64_MAX;
    else if (res->cls == MP_ZOOM_RATE_LIMITED)
        b->wait_ms = res->retry_after_ms > 0 ? res->retry_after_ms : 1000;
    return (res->cls == MP_ZOOM_DAILY_HOST || res->cls == MP_ZOOM_NO_HOST) && b->ctx->account_conf->accounts[c->account].hosts_count > 1;
}

/* One try at the present candidate's account: 1 made, 0 not there, -1 the database failed. `again`: another host of the account may do. */
static int attempt(struct booking *b, bool *again, struct mp_error *err)
{
    struct mp_zoom_meeting made;
    struct mp_zoom_result res;

    *again = false;
    if (reserve(b, err) < 0) {
        if (err->code != MP_E_NO_CAPACITY)
            return -1;
        mp_error_reset(err);
        return 0;
    }
    call_zoom(b, &made, &res);
    if (res.cls == MP_ZOOM_OK || (res.cls == MP_ZOOM_MAYBE_DONE && look_for(b, &made)))
        return settle(b, &made, err) < 0 ? -1 : 1;
    *again = note_failure(b, &res);
    return give_back(b, &res, err);
}

/* Sleeps until the account's rate limit has passed, where that is soon. False where it is not. */
static bool wait_for(struct booking *b, const struct mp_candidate *c)
{
    int64_t left = b->states[c->account].paused_until - mp_now_ms();

    if (left > PAUSE_WORTH_MS || mp_monotonic_ms() + left > b->deadline_ms)
        return false;
    if (left > 0)
        mp_sleep_ms((unsigned)left);
    return true;
}

static int try_account(struct booking *b, struct mp_candidate *c, struct mp_error *err)
{
    bool again = true;
    int rc = 0;

    b->trying = c;
    if (c->verdict == MP_VERDICT_PAUSED && !wait_for(b, c)) {
        b->wait_ms = b->states[c->account].paused_until - mp_now_ms();
        return 0;
    }
    while (rc == 0 && again)
        rc = attempt(b, &again, err);
    if (rc > 0 && c->inactive && mp_account_reset(b->ctx, (int)c->account, err) < 0)
        return -1;
    return rc;
}

/* All accounts in order: 1 made, 0 none could, -1 the database failed. */
static int try_all(struct booking *b, struct mp_error *err)
{
    for (size_t i = 0; i < b->ctx->account_conf->count; i++) {
        int rc = b->candidates[i].host < 0 ? 0 : try_account(b, &b->candidates[i], err);

        if (rc != 0)
            return rc;
    }
    return 0;
}

static int refuse_no_room(struct booking *b, struct mp_error *err)
{
    struct mp_arena *arena = b->ctx->arena;
    struct mp_busy *busy;
    size_t count;
    int64_t nearest;

    if (read_busy(b, 0, b->want.until + NEAREST_REACH_MS, &busy, &count, err) < 0)
        return -1;
    nearest = mp_choose_nearest(arena, b->ctx->account_conf, b->states, busy, count, &b->want);
    mp_fail(err, MP_E_NO_CAPACITY, "No account has room from %s to %s.", mp_time_format(arena, b->want.from), mp_time_format(arena, b->want.until));
    if (nearest >= 0)
        mp_error_note(err, "start_time", "the nearest start that fits is %s", mp_time_format(arena, nearest));
    else
        mp_error_note(err, "start_time", "no start within the next seven days fits");
    return -1;
}

/* Says why nothing was made: no room at all, or each account's reason. */
static int refuse(struct booking *b, struct mp_error *err)
{
    const struct mp_account_conf *conf = b->ctx->account_conf;
    bool failed = false, full = false;

    for (size_t i = 0; i < conf->count; i++) {
        failed = failed || b->candidates[i].verdict == MP_VERDICT_FAILED || b->candidates[i].verdict == MP_VERDICT_PAUSED ||
                 b->candidates[i].verdict == MP_VERDICT_INACTIVE;
        full = full || b->candidates[i].verdict == MP_VERDICT_FULL;
    }
    if (full && !failed)
        return refuse_no_room(b, err);
    mp_fail(err, MP_E_NO_ACCOUNT, "No Zoom account could take the meeting; details say why for each.");
    err->retry_after_s = b->wait_ms > 0 ? (unsigned)((b->wait_ms + 999) / 1000) : 30;
    for (size_t i = 0; i < conf->count; i++) {
        if (b->candidates[i].verdict != MP_VERDICT_EXCLUDED)
            mp_error_note(err, conf->accounts[b->candidates[i].account].name, "%s", b->candidates[i].why);
    }
    return -1;
}

static int usable(const struct mp_account_conf *conf, struct mp_error *err)
{
    if (!conf->enabled)
        return mp_fail(err, MP_E_ZOOM_DISABLED, "Zoom is disabled on this server (ZOOM_ENABLED=false).");
    if (conf->count == 0)
        return mp_fail(err, MP_E_ZOOM_NOT_CONFIGURED,
                       "No Zoom account is configured: set ZOOM_ACCOUNT_ID_1, ZOOM_CLIENT_ID_1, ZOOM_CLIENT_SECRET_1 and ZOOM_USER_ID_1.");
    return 0;
}

/* Where a dry run would go; candidates are in the order in which they would be tried. */
static int predict(struct booking *b, struct mp_meeting **out, struct mp_error *err)
{
    struct mp_arena *arena = b->ctx->arena;
    struct mp_candidate *first = &b->candidates[0];

    if (first->host < 0)
        return refuse(b, err);
    first->verdict = MP_VERDICT_CHOSEN;
    b->row.placement = mp_json_text(arena, mp_choice_json(arena, b->ctx->account_conf, b->candidates));
    b->row.account_id = b->states[first->account].id;
    b->row.host_id = b->states[first->account].hosts[first->host].id;
    b->row.host_email = b->ctx->account_conf->accounts[first->account].hosts[first->host].user;
    return meeting_wrap(b->ctx, &b->row, out, err);
}

/* The database failed in the middle: repair need not wait for our lease to run out. What cannot be written now, the lease will bring about. */
static void let_go(struct booking *b)
{
    struct mp_error ignored;

    mp_error_init(&ignored, b->ctx->arena);
    if (b->place.id != 0 && mp_store_place_later(b->ctx->db, &b->place, 0, &ignored) < 0)
        mp_log(b->ctx->log, MP_WARNING, "place.not_released", MP_STR("place", b->place.ref));
}

/* Books by the rule; what is stored when it fails says so. */
static int book(struct booking *b, struct mp_meeting **out, struct mp_error *err)
{
    int rc = try_all(b, err);

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
    return 0;
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
    if (begun->account >= 0 && meeting_search(ctx, begun->account, begun->host, b->place.ref, b->deadline_ms, &found, &res) > 0) {
        meeting_facts(ctx->arena, &found, &facts);
        return mp_store_place_hold(ctx->db, &b->place, &facts, NULL, mp_now_ms(), err) < 0 ? -1 : 0;
    }
    if (mp_store_place_lose(ctx->db, &b->place, LOST_CHECK_MS, err) < 0)
        return -1;
    return mp_store_meeting_status(ctx->db, b->row.id, MP_MEETING_FAILED, mp_now_ms(), err) < 0 ? -1 : 0;
}

/*
 * A unit of work that was begun before, by a process that died: what it has left behind is finished or given up before anything is made again.
 * 1: there is a meeting, 0: begin anew, -1 failed.
 */
static int resume(struct booking *b, struct mp_meeting **out, struct mp_error *err)
{
    struct mp_ctx *ctx = b->ctx;
    int rc = mp_store_meeting_by_unit(ctx->db, ctx->arena, ctx->unit_key, &b->row, err);

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

static int begin(struct mp_ctx *ctx, const struct mp_meeting_spec *spec, int64_t ignore_place, struct mp_meeting **out, struct mp_error *err)
{
    struct booking b = {.ctx = ctx, .spec = spec, .now_ms = mp_now_ms(), .deadline_ms = mp_monotonic_ms() + MEETING_DEADLINE_MS};
    int rc;

    if (usable(ctx->account_conf, err) < 0)
        return -1;
    if (ctx->unit_key != NULL && !spec->dry_run && ignore_place == 0) {
        rc = resume(&b, out, err);
        if (rc != 0)
            return rc < 0 ? -1 : 0;
    }
    describe(&b);
    if (ignore_place != 0)
        b.row.unit_key = NULL;
    b.want = (struct mp_choice_request){.now_ms = b.now_ms, .only_account = spec->account, .ignore_place = ignore_place, .spend = true};
    meeting_interval(ctx, b.row.starts_at, b.row.duration_min, b.now_ms, &b.want.from, &b.want.until);
    if (survey(&b, err) < 0)
        return -1;
    return spec->dry_run ? predict(&b, out, err) : book(&b, out, err);
}

int mp_meeting_book(struct mp_ctx *ctx, const struct mp_meeting_spec *spec, struct mp_meeting **out, struct mp_error *err)
{
    return begin(ctx, spec, 0, out, err);
}

int meeting_book_other(struct mp_ctx *ctx, const struct mp_meeting_spec *spec, int64_t ignore_place, struct mp_meeting **out, struct mp_error *err)
{
    return begin(ctx, spec, ignore_place, out, err);
}
