#include <string.h>

#include "meetpool/clock.h"
#include "meetpool/connection.h"
#include "meetpool/crypto.h"
#include "meetpool/meeting.h"
#include "meetpool/recording.h"
#include "meetpool/schedule.h"
#include "webhook_int.h"

#define BATCH    250
#define LEASE_MS 30000
/* What is left of a batch by then waits for the next round: others have work for this process, too. */
#define ROUND_MS 6000
/* A try that took its process with it counts, as one does that failed and will not go better by itself. */
#define DEATHS_MOST   10
#define FAILURES_MOST 6
#define RETRY_MS      3000
#define RETRY_MOST_MS 300000
/* Zoom was away for so long: what it told then is of no use any more, and the sweep has found what there was to find. */
#define PASSING_MOST_MS MP_DAY_MS
/* Longer than a booking may take, and repair of one whose maker died. */
#define MAKING_MS       40000
#define MAKING_AGAIN_MS 4000
#define BUSY            "its meeting's record was in use for too long"
/* Between what Zoom says twice of one instant. */
#define SLACK_MS 300000

/* A meeting that was looked at in this round: Zoom was asked after whatever it had told of it by then. */
struct looked {
    int64_t meeting;
    struct looked *next;
};
/* Whose record somebody else holds: one wait for it a round is enough. */
struct busy {
    int64_t meeting;
    struct busy *next;
};
struct down {
    int account;
    const char *why;
    struct down *next;
};

/* Ended without a transaction of its own: these are written together. */
struct ending {
    int64_t row;
    enum mp_webhook_state state;
    const char *reason;
};

struct round {
    struct mp_ctx *ctx;
    int64_t claim, until_ms;
    struct looked *looked;
    struct busy *busy;
    struct down *down;
    struct ending endings[BATCH];
    size_t endings_count;
    unsigned done;
};

/* One event under way. */
struct applying {
    struct round *round;
    const struct mp_webhook_row *row;
    struct webhook_event event;
    struct mp_meeting *meeting; /* that it is about; NULL: none */
    enum mp_meeting_news news;
    bool ask; /* Zoom is asked, when everything is done that needs no asking */
};

/* ---- How one ends ---- */

/* Whatever it did was done before, and does no harm when it is done once more. Answers 0. */
static int end(struct applying *a, enum mp_webhook_state state, const char *reason)
{
    struct round *r = a->round;

    r->done++;
    r->endings[r->endings_count++] = (struct ending){a->row->id, state, reason};
    return 0;
}

static int write_endings(struct mp_db *db, void *arg, struct mp_error *err)
{
    struct round *r = arg;

    for (size_t i = 0; i < r->endings_count; i++) {
        const struct ending *e = &r->endings[i];

        if (mp_store_webhook_end(db, r->ctx->arena, e->row, r->claim, e->state, e->reason, err) < 0)
            return -1;
    }
    return 0;
}

static int64_t backoff_ms(int64_t attempts)
{
    int64_t wait_ms = RETRY_MS;
    uint32_t random;

    while (--attempts > 0 && wait_ms < RETRY_MOST_MS)
        wait_ms *= 2;
    mp_random(&random, sizeof(random));
    wait_ms = wait_ms < RETRY_MOST_MS ? wait_ms : RETRY_MOST_MS;
    return wait_ms / 2 + (int64_t)random % (wait_ms / 2);
}

static int later(struct applying *a, bool passing, const char *why, int64_t least_ms, struct mp_error *err)
{
    struct mp_ctx *ctx = a->round->ctx;
    int64_t age_ms = a->row->age_ms, wait_ms = backoff_ms(passing ? age_ms / RETRY_MOST_MS + 1 : a->row->attempts);

    if (passing ? age_ms > PASSING_MOST_MS : a->row->attempts >= FAILURES_MOST)
        return end(a, MP_WEBHOOK_FAILED, why);
    a->round->done++;
    return mp_store_webhook_later(ctx->db, ctx->arena, a->row->id, a->round->claim, wait_ms > least_ms ? wait_ms : least_ms, !passing, why, err);
}

/* ---- Meetings that began, ended, were recorded ---- */

/* When it happened, by Zoom. */
static int64_t happened_at(const struct applying *a)
{
    return a->row->event_at >= 0 ? a->row->event_at : a->row->received_at;
}

static int64_t ended_at(const struct applying *a)
{
    int64_t at = happened_at(a), said = a->event.ends_at;

    return said >= 0 && said <= at + SLACK_MS && said > at - MP_DAY_MS ? said : at;
}

static int64_t started_at(const struct applying *a)
{
    int64_t ended = ended_at(a), said = a->event.starts_at;

    return said >= 0 && said <= ended && said > ended - 7 * MP_DAY_MS ? said : ended;
}

/* In the transaction, after its meeting was locked: events of one meeting come one after the other. */
static int apply_news(struct mp_db *db, struct applying *a, struct mp_error *err)
{
    struct mp_arena *arena = a->round->ctx->arena;
    int64_t id = a->meeting->row.id;
    int overtaken = mp_store_webhook_overtaken(db, a->row, err);

    if (overtaken != 0)
        return overtaken < 0 ? -1 : 0;
    if (a->event.kind == WEBHOOK_STARTED)
        return mp_meeting_began(db, arena, id, a->event.uuid, happened_at(a), &a->news, err);
    return mp_meeting_ended(db, arena, id, a->event.uuid, started_at(a), ended_at(a), &a->news, err);
}

/* Its recording is looked for: at once where Zoom says that it is complete, else some time after the end. */
static int note_recording(struct applying *a, struct mp_error *err)
{
    struct mp_ctx *ctx = a->round->ctx;
    int64_t id = a->meeting->row.id, wait_ms = 0;
    int64_t began = a->event.kind == WEBHOOK_STARTED ? happened_at(a) : a->event.kind == WEBHOOK_ENDED ? started_at(a) : -1;

    if (a->event.uuid != NULL && mp_recording_held(ctx, id, a->event.uuid, began, a->event.kind == WEBHOOK_ENDED ? ended_at(a) : -1, err) < 0)
        return -1;
    if (a->event.kind == WEBHOOK_STARTED)
        return 0;
    if (a->event.kind == WEBHOOK_ENDED)
        wait_ms = ctx->recording_conf->buffer_s * 1000;
    return mp_recording_wanted(ctx, id, wait_ms, err);
}

/* The transaction: what it says and that it was done, or neither. */
static int apply_held(struct mp_db *db, void *arg, struct mp_error *err)
{
    struct applying *a = arg;
    struct mp_ctx *ctx = a->round->ctx;
    struct mp_meeting_row row;
    int rc = mp_store_meeting_lock(db, ctx->arena, a->meeting->row.id, &row, err);

    a->news = MP_NEWS_NONE;
    if (rc > 0 && a->event.kind != WEBHOOK_RECORDED)
        rc = apply_news(db, a, err);
    if (rc < 0 || a->news == MP_NEWS_DOUBT)
        return rc;
    if (note_recording(a, err) < 0)
        return -1;
    rc = mp_store_webhook_end(db, ctx->arena, a->row->id, a->round->claim, MP_WEBHOOK_APPLIED, NULL, err);
    /* Somebody else's by now: nothing of it is ours to do. */
    return rc < 0 ? -1 : rc == 0 ? 1 : 0;
}

static int do_held(struct applying *a, struct mp_error *err)
{
    int rc = mp_tx_run(a->round->ctx->db, apply_held, a, err);

    if (rc < 0)
        return -1;
    if (rc == 0 && a->news == MP_NEWS_DOUBT) {
        a->ask = true;
        return 0;
    }
    a->round->done++;
    if (rc > 0 || a->news != MP_NEWS_CHANGED)
        return 0;
    mp_log(a->round->ctx->log, MP_INFO, "webhook.applied", MP_STR("told", a->event.name), MP_INT("meeting", a->event.zoom_id));
    return mp_booking_follow(a->round->ctx, a->meeting->row.id, err);
}

/* ---- Meetings that were changed or deleted ---- */

static bool differs(const char *said, const char *ours)
{
    return said != NULL && (ours == NULL || strcmp(said, ours) != 0);
}

/* Changes made here come back as events, and say what the record says. */
static bool known_already(const struct applying *a)
{
    const struct mp_meeting_row *row = &a->meeting->row;
    const struct webhook_event *e = &a->event;

    if (e->kind == WEBHOOK_RECOVERED)
        return row->status != MP_MEETING_DELETED || row->replaced_by != 0;
    if (row->status == MP_MEETING_DELETED || row->status == MP_MEETING_FAILED)
        return true;
    if (e->kind == WEBHOOK_DELETED)
        return row->status == MP_MEETING_ENDED && row->started_at < 0;
    if (row->status == MP_MEETING_ENDED)
        return true;
    return !e->further && !differs(e->topic, row->topic) && !differs(e->timezone, row->timezone) &&
           (e->starts_at < 0 || e->starts_at == row->starts_at) && (e->duration_min < 0 || e->duration_min == row->duration_min);
}

static bool looked_at(const struct round *r, int64_t meeting)
{
    const struct looked *l = r->looked;

    while (l != NULL && l->meeting != meeting)
        l = l->next;
    return l != NULL;
}

static void note_looked(struct round *r, int64_t meeting)
{
    struct looked *looked = MP_NEW(r->ctx->arena, struct looked);

    *looked = (struct looked){meeting, r->looked};
    r->looked = looked;
}

/* Zoom does not answer for that account: the round does not wait for it again. */
static void note_down(struct round *r, int account, const char *why)
{
    struct down *down = MP_NEW(r->ctx->arena, struct down);

    *down = (struct down){account, why, r->down};
    r->down = down;
}

static const char *why_down(const struct round *r, int account)
{
    const struct down *d = r->down;

    while (d != NULL && d->account != account)
        d = d->next;
    return d != NULL ? d->why : NULL;
}

static int look(struct applying *a, struct mp_error *err)
{
    struct round *r = a->round;
    struct mp_meeting_look look;
    enum mp_meeting_told told = a->event.kind == WEBHOOK_DELETED     ? MP_TOLD_DELETED
                                : a->event.kind == WEBHOOK_RECOVERED ? MP_TOLD_RECOVERED
                                                                     : MP_TOLD_CHANGED;

    if (mp_meeting_look(r->ctx, a->meeting, told, &look, err) < 0)
        return -1;
    if (!look.agrees) {
        if (look.passing && look.wait_ms == 0)
            note_down(r, a->meeting->account, look.why);
        return later(a, look.passing, look.why, look.wait_ms, err);
    }
    note_looked(r, a->meeting->row.id);
    if (look.changed) {
        mp_log(r->ctx->log, MP_INFO, "webhook.applied", MP_STR("told", a->event.name), MP_INT("meeting", a->event.zoom_id));
        if (mp_booking_follow(r->ctx, a->meeting->row.id, err) < 0)
            return -1;
    }
    return end(a, MP_WEBHOOK_APPLIED, NULL);
}

/* The second half of a round. The record is read anew: events before it may have changed it. */
static int do_ask(struct applying *a, struct mp_error *err)
{
    struct round *r = a->round;
    const char *why;
    int rc = mp_meeting_by_row(r->ctx, a->meeting->row.id, &a->meeting, err);

    if (rc < 0)
        return -1;
    if (rc == 0 || looked_at(r, a->meeting->row.id) || (a->news != MP_NEWS_DOUBT && known_already(a)))
        return end(a, MP_WEBHOOK_APPLIED, NULL);
    why = why_down(r, a->meeting->account);
    return why != NULL ? later(a, true, why, 0, err) : look(a, err);
}

/* ---- The rest ---- */

static int do_deauthorized(struct applying *a, struct mp_error *err)
{
    struct mp_ctx *ctx = a->round->ctx;
    const struct mp_connection_conf *conf = ctx->connection_conf;

    if (!conf->configured || strcmp(a->event.client_id, conf->app.client_id) != 0)
        return end(a, MP_WEBHOOK_IGNORED, "it is about another app");
    if (mp_connection_deauthorized(ctx, a->event.user_id, a->event.account_id, happened_at(a), err) < 0)
        return -1;
    return end(a, MP_WEBHOOK_APPLIED, NULL);
}

/* Most likely somebody else's. Where meetings are being made, its number may not have been written down yet. */
static int do_unknown(struct applying *a, struct mp_error *err)
{
    struct mp_ctx *ctx = a->round->ctx;
    int making = a->row->age_ms < MAKING_MS ? mp_meeting_making(ctx, err) : 0;

    if (making < 0)
        return -1;
    if (making == 0)
        return end(a, MP_WEBHOOK_IGNORED, "the meeting was not made here");
    return mp_store_webhook_later(ctx->db, ctx->arena, a->row->id, a->round->claim, MAKING_AGAIN_MS, false, "it may be one that is being made", err);
}

static bool is_busy(const struct round *r, int64_t meeting)
{
    const struct busy *b = r->busy;

    while (b != NULL && b->meeting != meeting)
        b = b->next;
    return b != NULL;
}

static void note_busy(struct round *r, int64_t meeting)
{
    struct busy *busy = MP_NEW(r->ctx->arena, struct busy);

    *busy = (struct busy){meeting, r->busy};
    r->busy = busy;
}

static int do_meeting(struct applying *a, struct mp_error *err)
{
    struct mp_ctx *ctx = a->round->ctx;
    int rc = mp_meeting_told_of(ctx, a->event.zoom_id, &a->meeting, err);

    if (rc < 0)
        return -1;
    if (rc == 0)
        return do_unknown(a, err);
    if (!webhook_app_covers(ctx->webhook_conf, a->row->app, a->meeting->account_name))
        return end(a, MP_WEBHOOK_IGNORED, "the meeting is not that app's account's");
    if (is_busy(a->round, a->meeting->row.id))
        return later(a, true, BUSY, 0, err);
    if (a->event.kind == WEBHOOK_STARTED || a->event.kind == WEBHOOK_ENDED || a->event.kind == WEBHOOK_RECORDED)
        return do_held(a, err);
    a->ask = true;
    return 0;
}

static int do_event(struct applying *a, struct mp_error *err)
{
    struct mp_ctx *ctx = a->round->ctx;

    if (webhook_event_decode(ctx->arena, mp_slice_of(a->row->body), &a->event, err) < 0 || !webhook_event_usable(&a->event)) {
        mp_error_reset(err);
        return end(a, MP_WEBHOOK_FAILED, "what was stored of it cannot be read");
    }
    return a->event.kind == WEBHOOK_DEAUTHORIZED ? do_deauthorized(a, err) : do_meeting(a, err);
}

/* The database would not: that is nothing of the event's, and if it answers nothing of the others' either. */
static bool go_on_without(struct applying *a, struct mp_error *err)
{
    mp_error_reset(err);
    a->ask = false;
    if (a->meeting != NULL)
        note_busy(a->round, a->meeting->row.id);
    return later(a, true, BUSY, 0, err) >= 0;
}

/* Whether the round goes on. One that always fails does not stand in the way of those behind it. */
static bool go_on(struct applying *a, int rc, struct mp_error *err)
{
    const char *why;

    if (rc >= 0)
        return true;
    mp_log(a->round->ctx->log, MP_ERROR, "webhook.failed", MP_INT("row", a->row->id), MP_STR("told", a->row->event),
           MP_STR("code", mp_error_name(err->code)), MP_STR("detail", err->detail));
    if (err->code == MP_E_UNAVAILABLE || err->code == MP_E_UNCERTAIN)
        return go_on_without(a, err);
    why = mp_error_message(err);
    mp_error_reset(err);
    a->ask = false;
    return later(a, false, why, 0, err) >= 0;
}

static int put_off(struct applying *a, struct mp_error *err)
{
    struct round *r = a->round;

    return mp_store_webhook_later(r->ctx->db, r->ctx->arena, a->row->id, r->claim, 0, false, NULL, err);
}

static int do_all(struct round *r, struct applying *all, size_t count, struct mp_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (r->busy != NULL && mp_monotonic_ms() >= r->until_ms ? put_off(&all[i], err) < 0 : !go_on(&all[i], do_event(&all[i], err), err))
            return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct applying *a = &all[i];

        if (!a->ask)
            continue;
        if (mp_monotonic_ms() < r->until_ms ? !go_on(a, do_ask(a, err), err) : put_off(a, err) < 0)
            return -1;
    }
    return 0;
}

/* What a round of this process could not bring to an end, as the database went away, is nobody's: its tries do not count, and it need not wait. */
static int take_up_again(struct mp_ctx *ctx, struct mp_error *err)
{
    struct mp_webhook_runtime *runtime = ctx->webhook_conf->runtime;

    if (runtime->left_claim != 0 && mp_store_webhook_unclaim(ctx->db, runtime->left_claim, err) < 0)
        return -1;
    runtime->left_claim = 0;
    return 0;
}

int mp_webhook_apply(struct mp_ctx *ctx, unsigned *done, struct mp_error *err)
{
    struct round *r = MP_NEW(ctx->arena, struct round);
    struct mp_webhook_row *rows;
    struct applying *all;
    uint64_t random;
    size_t count;
    int rc;

    *done = 0;
    r->ctx = ctx;
    r->until_ms = mp_monotonic_ms() + ROUND_MS;
    if (take_up_again(ctx, err) < 0)
        return -1;
    mp_random(&random, sizeof(random));
    r->claim = (int64_t)(random >> 2) + 1;
    if (mp_store_webhook_claim(ctx->db, ctx->arena, r->claim, LEASE_MS, DEATHS_MOST, BATCH, &rows, &count, err) < 0)
        return -1;
    all = mp_arena_array(ctx->arena, count + 1, sizeof(*all));
    for (size_t i = 0; i < count; i++)
        all[i] = (struct applying){.round = r, .row = &rows[i]};
    rc = do_all(r, all, count, err);
    if (rc == 0 && r->endings_count > 0)
        rc = mp_tx_run(ctx->db, write_endings, r, err);
    if (rc < 0)
        ctx->webhook_conf->runtime->left_claim = r->claim;
    *done = r->done;
    /* Last: what is wrong there is no reason to apply nothing. */
    return rc < 0 ? -1 : webhook_keep(ctx, err);
}
