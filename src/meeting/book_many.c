#include <string.h>

#include "book_int.h"
#include "meetpool/clock.h"
#include "meetpool/db.h"

/* Calls under way at once, over all accounts. */
#define PARALLEL 16
/* How long Zoom is called, and how long what was left unclear is looked for. */
#define CALLS_MS    14000
#define DEADLINE_MS 18000
/* The places of one run are its own until it has ended, the last search and writing included. */
#define LEASE_MS 50000
/* Together, not each: the database that is away for one is away for all. */
#define SETTLE_ALL_MS 6000
/* Written in one transaction: each waits for the disk once. */
#define GROUP 25
/* A round of fewer milliseconds would come to nothing. */
#define ROUND_LEAST_MS 1500

enum stage {
    FRESH, /* not looked at yet */
    OPEN,  /* needs a place at the next account */
    TAKEN, /* has one */
    ENDED
};

struct item {
    enum stage stage;
    struct booking booking;
    struct create_call call;
    struct mp_account_job *job; /* NULL: it could not be called for */
};

/* One request for several. */
struct many {
    struct mp_ctx *ctx;
    struct mp_meeting_item *items;
    const struct mp_meeting_row *olds; /* that they take the places of; NULL: of none */
    struct item *own;
    size_t count;
    int64_t now_ms, calls_until_ms, deadline_ms;
    struct mp_account_state *states; /* shared, so that each counts on those before it */
    struct mp_busy *planned;         /* what a dry run has given away so far */
    size_t planned_count;
    struct own_account own_account; /* of the host looked up last: a series has one */
    struct meeting_seen seen;       /* what Zoom's lists held before this run made anything */
    bool broken;                    /* the database failed: nothing more is begun */
};

static void finish(struct many *m, size_t i, int rc)
{
    struct mp_meeting_item *item = &m->items[i];

    m->own[i].stage = ENDED;
    if (booking_end(&m->own[i].booking, rc, &item->meeting, &item->err) < 0)
        item->meeting = NULL;
    /* Somebody else has the meeting that it was to replace: that says nothing of the others. */
    m->broken = m->broken || (rc < 0 && (m->olds == NULL || item->err.code != MP_E_CONFLICT));
}

/* The same unit of work twice in one request: the second would take the first for one that was left behind. */
static bool is_repeated(const struct many *m, size_t i)
{
    const char *key = m->items[i].unit_key;

    for (size_t k = 0; key != NULL && k < i; k++) {
        if (m->items[k].unit_key != NULL && strcmp(m->items[k].unit_key, key) == 0)
            return true;
    }
    return false;
}

/* A dry run: where it would go; from here on that place is given away. */
static void predict(struct many *m, size_t i)
{
    struct booking *b = &m->own[i].booking;
    const struct mp_account_state *state;

    m->own[i].stage = ENDED;
    b->planned = m->planned;
    b->planned_count = m->planned_count;
    if (booking_open(b, &m->items[i].err) < 0 || booking_predict(b, &m->items[i].meeting, &m->items[i].err) < 0) {
        m->items[i].meeting = NULL;
        return;
    }
    state = booking_state(b, b->trying->account);
    m->planned[m->planned_count++] = (struct mp_busy){b->want.from, b->want.until, state->id, state->hosts[b->trying->host].id};
}

/* What was begun before is finished; else the accounts are put in order, as they stand after those before it. */
static void open_item(struct many *m, size_t i)
{
    struct booking *b = &m->own[i].booking;
    struct mp_meeting_item *item = &m->items[i];
    int rc = 0;

    *b = (struct booking){.ctx = m->ctx,
                          .spec = &item->spec,
                          .replaces = m->olds != NULL ? &m->olds[i] : NULL,
                          .unit_key = item->unit_key,
                          .now_ms = m->now_ms,
                          .deadline_ms = m->deadline_ms,
                          .lease_ms = LEASE_MS,
                          .seen = &m->seen,
                          .own = &m->own_account,
                          .states = m->states};
    m->own[i].stage = ENDED;
    if (is_repeated(m, i)) {
        mp_fail(&item->err, MP_E_CONFLICT, "The same unit of work stands in the request twice.");
        return;
    }
    if (item->spec.dry_run) {
        predict(m, i);
        return;
    }
    if (item->unit_key != NULL)
        rc = booking_resume(b, &item->meeting, &item->err);
    if (rc == 0 && booking_open(b, &item->err) == 0) {
        m->own[i].stage = OPEN;
    } else if (rc <= 0) {
        item->meeting = NULL;
        m->broken = true;
    }
}

/* Places for all that need one, in order. How many have one now. */
static size_t take_places(struct many *m)
{
    size_t taken = 0;

    for (size_t i = 0; i < m->count; i++) {
        struct item *own = &m->own[i];
        int rc;

        if (own->stage == FRESH && m->broken) {
            own->stage = ENDED;
            mp_fail_log(&m->items[i].err, MP_E_UNAVAILABLE, "the database failed for one before it");
        } else if (own->stage == FRESH) {
            open_item(m, i);
        }
        if (own->stage != OPEN)
            continue;
        rc = m->broken ? 0 : booking_reserve(&own->booking, &m->items[i].err);
        if (rc <= 0)
            finish(m, i, rc);
        else
            own->stage = TAKEN;
        taken += own->stage == TAKEN ? 1 : 0;
    }
    return taken;
}

static void start_create(struct mp_ctx *ctx, const struct mp_secret *token, unsigned timeout_ms, void *arg, struct mp_zoom_result *res)
{
    struct create_call *call = arg;

    mp_zoom_meeting_create_start(ctx->zoom, ctx->arena, token, timeout_ms, call->host, &call->spec, &call->made, res);
}

static void call_zoom(struct many *m, size_t taken)
{
    struct mp_account_job *jobs = mp_arena_array(m->ctx->arena, taken, sizeof(*jobs));
    size_t n = 0;

    for (size_t i = 0; i < m->count; i++) {
        struct item *own = &m->own[i];
        const struct mp_candidate *c = own->booking.trying;

        if (own->stage != TAKEN)
            continue;
        if (booking_call(&own->booking, &own->call, &m->items[i].err) < 0) {
            finish(m, i, -1);
            continue;
        }
        own->job = &jobs[n++];
        *own->job = (struct mp_account_job){.account = c->account, .host = c->host, .arg = &own->call};
    }
    mp_account_call_many(m->ctx, jobs, n, PARALLEL, m->calls_until_ms, start_create);
}

static void conclude(struct many *m, size_t i, struct meeting_seen *seen, int64_t settle_until_ms)
{
    struct item *own = &m->own[i];
    int rc;

    own->booking.seen = seen;
    own->booking.settle_until_ms = settle_until_ms;
    rc = booking_conclude(&own->booking, &own->call, &own->job->res, &m->items[i].err);
    if (rc != 0)
        finish(m, i, rc);
    else
        own->stage = OPEN;
}

struct group {
    struct many *m;
    size_t from, until;
};

static int hold_group(struct mp_db *db, void *arg, struct mp_error *err)
{
    const struct group *g = arg;

    (void)db;
    for (size_t i = g->from; i < g->until; i++) {
        struct item *own = &g->m->own[i];

        if (own->stage == TAKEN && own->job->res.cls == MP_ZOOM_OK && booking_hold(&own->booking, &own->call.made, err) < 0)
            return -1;
    }
    return 0;
}

/* Writes down what was made, many at a time. What becomes of it is seen when each is concluded: that writes again what is not written yet. */
static void hold_all(struct many *m)
{
    struct group g = {.m = m};
    struct mp_error ignored;

    if (m->olds != NULL) /* each swap is a transaction of its own */
        return;
    mp_error_init(&ignored, m->ctx->arena);
    for (; g.from < m->count && !mp_error_set(&ignored); g.from = g.until) {
        g.until = g.from + GROUP < m->count ? g.from + GROUP : m->count;
        if (mp_tx_run(m->ctx->db, hold_group, &g, &ignored) < 0)
            mp_log(m->ctx->log, MP_WARNING, "meeting.group_not_held", MP_STR("detail", ignored.detail));
    }
}

/* Looks, for all at once, for what Zoom may have made though it did not say so. */
static void search_unclear(struct many *m, struct meeting_seen *seen)
{
    struct meeting_wanted *wanted = mp_arena_array(m->ctx->arena, m->count + 1, sizeof(*wanted));
    size_t n = 0;

    for (size_t i = 0; i < m->count; i++) {
        const struct booking *b = &m->own[i].booking;

        if (m->own[i].stage == TAKEN && booking_unclear(&m->own[i].job->res))
            wanted[n++] = (struct meeting_wanted){.account = (int)b->trying->account, .host = b->trying->host, .ref = b->place.ref};
    }
    if (n == 0)
        return;
    meeting_search_many(m->ctx, seen, wanted, n, m->deadline_ms);
    for (size_t i = 0, k = 0; i < m->count; i++) {
        struct item *own = &m->own[i];

        if (own->stage != TAKEN || !booking_unclear(&own->job->res))
            continue;
        if (wanted[k].found) {
            own->call.made = wanted[k].meeting;
            own->job->res.cls = MP_ZOOM_OK;
        }
        k++;
    }
}

/* Writes down what was made before anything that is unclear is searched for. */
static void conclude_all(struct many *m)
{
    struct meeting_seen seen = {0};
    int64_t settle_until_ms = mp_monotonic_ms() + SETTLE_ALL_MS;

    hold_all(m);
    for (size_t i = 0; i < m->count; i++) {
        if (m->own[i].stage == TAKEN && m->own[i].job->res.cls == MP_ZOOM_OK)
            conclude(m, i, &seen, settle_until_ms);
    }
    search_unclear(m, &seen);
    for (size_t i = 0; i < m->count; i++) {
        if (m->own[i].stage == TAKEN)
            conclude(m, i, &seen, settle_until_ms);
    }
}

/* What has no place and no time for another round. */
static void give_up(struct many *m)
{
    for (size_t i = 0; i < m->count; i++) {
        if (m->own[i].stage == OPEN)
            finish(m, i, 0);
    }
}

/* Each round takes the failed ones one account further. */
static void run(struct many *m)
{
    size_t taken;

    while ((taken = take_places(m)) > 0) {
        call_zoom(m, taken);
        conclude_all(m);
        if (mp_monotonic_ms() + ROUND_LEAST_MS > m->calls_until_ms)
            break;
    }
    give_up(m);
}

static int book_all(struct mp_ctx *ctx, struct mp_meeting_item *items, const struct mp_meeting_row *olds, size_t count, int leaving,
                    struct mp_error *err)
{
    int64_t began_ms = mp_monotonic_ms();
    struct many m = {.ctx = ctx,
                     .items = items,
                     .olds = olds,
                     .own = mp_arena_array(ctx->arena, count + 1, sizeof(*m.own)),
                     .count = count,
                     .now_ms = mp_now_ms(),
                     .calls_until_ms = began_ms + CALLS_MS,
                     .deadline_ms = began_ms + DEADLINE_MS,
                     .planned = mp_arena_array(ctx->arena, count + 1, sizeof(*m.planned))};

    for (size_t i = 0; i < count; i++) {
        items[i].meeting = NULL;
        mp_error_init(&items[i].err, ctx->arena);
    }
    if (mp_meeting_usable(ctx->account_conf, err) < 0 || mp_account_states(ctx, m.now_ms, &m.states, err) < 0)
        return -1;
    if (leaving >= 0)
        m.states[leaving].cordoned = true;
    run(&m);
    return 0;
}

int mp_meeting_book_many(struct mp_ctx *ctx, struct mp_meeting_item *items, size_t count, struct mp_error *err)
{
    return book_all(ctx, items, NULL, count, -1, err);
}

int meeting_book_others(struct mp_ctx *ctx, struct mp_meeting_item *items, const struct mp_meeting_row *olds, size_t count, int leaving,
                        struct mp_error *err)
{
    return book_all(ctx, items, olds, count, leaving, err);
}
