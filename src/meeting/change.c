#include <json-c/linkhash.h>
#include <string.h>

#include "meeting_int.h"
#include "meetpool/clock.h"
#include "meetpool/json.h"

/* How often a change is tried again when somebody else changed the same meeting in between. */
#define RIVALS_MAX 4
/* While somebody else moves the meeting, how that ends is waited for. */
#define MOVER_LOOK_MS 300
#define MOVER_WAIT_MS 8000
/* A start in the past means now; Zoom passes over what is past when it hears of it. */
#define NOW_AHEAD_MS 5000

/* One change on its way. */
struct changing {
    struct mp_ctx *ctx;
    struct mp_meeting *meeting;
    const struct mp_meeting_change *change;
    struct mp_meeting_row before, after;
    struct mp_place_row place;     /* held */
    struct mp_place_row spares[2]; /* what of the old interval the new one leaves; id 0: nothing */
    int64_t from, until, now_ms;
    bool to_pool; /* away from the host's own account */
    bool rival;   /* somebody else changed it in between */
    bool mover;   /* somebody else is moving it, or changed it while it was moved */
    bool used_up; /* its host's creates and updates of the day are */
};

static bool same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* The settings asked for before, overridden by those asked for now; `merged` is NULL where nothing changes. */
static int merge_settings(struct mp_ctx *ctx, const char *before, struct json_object *asked, const char **merged, struct mp_error *err)
{
    struct json_object *base;
    const char *text;

    *merged = NULL;
    if (asked == NULL)
        return 0;
    if (mp_json_parse(ctx->arena, mp_slice_of(before != NULL ? before : "{}"), &base, err) < 0)
        return mp_fail_log(err, MP_E_INTERNAL, "stored settings are not JSON");
    json_object_object_foreach(asked, key, value)
    {
        json_object_object_add(base, key, json_object_get(value));
    }
    text = mp_json_text(ctx->arena, base);
    *merged = same(text, before) ? NULL : text;
    return 0;
}

/* Zoom ignores a start in the past. Where the meeting's own time is now, that is what was asked for. */
static int64_t wanted_start(const struct changing *c)
{
    int64_t asked = c->change->starts_at / 1000 * 1000, has = c->before.starts_at;

    if (c->change->starts_at < 0 || asked == has)
        return has;
    if (asked >= c->now_ms)
        return asked;
    if (has <= c->now_ms + NOW_AHEAD_MS + 1000 && has + c->before.duration_min * 60000 > c->now_ms)
        return has;
    return (c->now_ms + NOW_AHEAD_MS) / 1000 * 1000 + 1000;
}

/* What the record is to say. 1: something differs, 0: nothing does, -1 failed. */
static int desire(struct changing *c, struct mp_error *err)
{
    const struct mp_meeting_change *w = c->change;
    const char *settings;

    c->before = c->after = c->meeting->row;
    if (merge_settings(c->ctx, c->before.settings_requested, w->settings, &settings, err) < 0)
        return -1;
    c->after.host_sub = w->host_sub != NULL ? w->host_sub : c->before.host_sub;
    c->after.topic = w->topic != NULL ? w->topic : c->before.topic;
    c->after.agenda = w->agenda != NULL ? w->agenda : c->before.agenda;
    c->after.timezone = w->timezone != NULL ? w->timezone : c->before.timezone;
    c->after.password = w->password != NULL ? w->password : c->before.password;
    c->after.starts_at = wanted_start(c);
    c->after.duration_min = w->duration_min > 0 ? w->duration_min : c->before.duration_min;
    c->after.settings_requested = settings != NULL ? settings : c->before.settings_requested;
    return settings != NULL || !same(c->after.topic, c->before.topic) || !same(c->after.agenda, c->before.agenda) ||
           !same(c->after.timezone, c->before.timezone) || !same(c->after.password, c->before.password) ||
           c->after.starts_at != c->before.starts_at || c->after.duration_min != c->before.duration_min;
}

static bool time_differs(const struct changing *c)
{
    return c->after.starts_at != c->before.starts_at || c->after.duration_min != c->before.duration_min;
}

static size_t places_at(const struct changing *c)
{
    return (size_t)mp_account_places(c->ctx->account_conf, (size_t)c->meeting->account, c->before.kind);
}

/* Under the account's lock: does the new interval fit at the meeting's own host, its own place apart? */
static int fits_here(struct changing *c, struct mp_error *err)
{
    const struct mp_account_entry *entry = mp_account_entry(c->ctx->account_conf, (size_t)c->meeting->account);
    struct mp_account_state state;
    struct mp_busy_row *rows;
    struct mp_busy *busy;
    size_t count;

    if (c->meeting->own && mp_account_guest_state(c->ctx, c->meeting->account, c->now_ms, &state, err) < 0)
        return -1;
    if (mp_store_busy(c->ctx->db, c->ctx->arena, c->place.account_id, c->from, c->until, c->now_ms, c->before.id, &rows, &count, err) < 0)
        return -1;
    busy = meeting_busy(c->ctx->arena, rows, count);
    if (mp_capacity_peak(busy, count, c->place.account_id, 0, c->from, c->until) < places_at(c) &&
        (entry->host_max_concurrent == 0 ||
         mp_capacity_peak(busy, count, c->place.account_id, c->place.host_id, c->from, c->until) < (size_t)entry->host_max_concurrent))
        return 0;
    return mp_fail(err, MP_E_NO_CAPACITY, "The meeting's own host has no room from %s to %s.", mp_time_format(c->ctx->arena, c->from),
                   mp_time_format(c->ctx->arena, c->until));
}

static int keep_spare(struct mp_db *db, struct changing *c, size_t i, int64_t from, int64_t until, struct mp_error *err)
{
    c->spares[i] = (struct mp_place_row){.meeting_id = c->before.id,
                                         .account_id = c->place.account_id,
                                         .host_id = c->place.host_id,
                                         .ref = meeting_new_ref(c->ctx->arena),
                                         .state = MP_PLACE_SPARE,
                                         .busy_from = from,
                                         .busy_until = until,
                                         .owner = c->ctx->owner};
    return from < until ? mp_store_place_insert(db, &c->spares[i], 0, err) : 0;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/*
 * Moves the place. What the meeting leaves of its old interval stays taken by spares until Zoom has agreed, so that a refusal can be undone, however
 * late; where old and new overlap it counts once. Inside the old interval it fits in any case, even where a limit was lowered since.
 */
static int move_place(struct mp_db *db, struct changing *c, struct mp_error *err)
{
    int64_t from = c->place.busy_from, until = c->place.busy_until;

    if ((c->from < from || c->until > until) && fits_here(c, err) < 0)
        return -1;
    if (keep_spare(db, c, 0, from, least(until, c->from), err) < 0)
        return -1;
    if (keep_spare(db, c, 1, from > c->until ? from : c->until, until, err) < 0)
        return -1;
    return mp_store_place_move(db, c->before.id, c->from, c->until, err);
}

static int free_spares(struct changing *c, struct mp_error *err)
{
    for (size_t i = 0; i < MP_COUNT(c->spares); i++) {
        if (c->spares[i].id != 0 && mp_store_place_free(c->ctx->db, &c->spares[i], false, err) < 0)
            return -1;
    }
    return 0;
}

static int refuse_used_up(const struct changing *c, struct mp_error *err)
{
    mp_fail(err, MP_E_NO_ACCOUNT, "The meeting's host has used up its creates and updates of this day at Zoom; try again after 00:00 UTC.");
    mp_error_note(err, c->meeting->account_name, "the daily limit of creates and updates is used up on the meeting's host");
    err->retry_after_s = (unsigned)((MP_DAY_MS - c->now_ms % MP_DAY_MS + 999) / 1000);
    return -1;
}

/* The transaction. May run twice. */
static int want_it(struct mp_db *db, void *arg, struct mp_error *err)
{
    struct changing *c = arg;
    int rc;

    c->after.version = c->before.version;
    c->rival = c->used_up = false;
    if (mp_store_account_take(db, c->place.account_id, c->now_ms, err) < 0)
        return -1;
    if (time_differs(c) && move_place(db, c, err) < 0)
        return -1;
    rc = mp_account_spend(c->ctx, c->place.host_id, c->now_ms, false, err);
    c->used_up = rc == 0;
    if (c->used_up)
        return refuse_used_up(c, err);
    if (rc < 0)
        return -1;
    rc = mp_store_meeting_want(db, &c->after, c->now_ms, err);
    c->rival = rc == 0;
    if (c->rival)
        return mp_fail(err, MP_E_CONFLICT, "The meeting was changed by somebody else at the same moment; read it again and repeat the change.");
    return rc < 0 ? -1 : 0;
}

/* What Zoom is told: what differs, and the marker wherever the agenda goes along. Where it missed an earlier change, all of it. */
static int zoom_spec(struct changing *c, struct mp_zoom_meeting_spec *spec, struct mp_error *err)
{
    if (c->before.pending != NULL)
        return meeting_whole_spec(c->ctx, &c->after, c->place.ref, spec, err);
    *spec = (struct mp_zoom_meeting_spec){.starts_at = -1, .duration_min = -1};
    if (!same(c->after.topic, c->before.topic))
        spec->topic = c->after.topic;
    if (!same(c->after.password, c->before.password))
        spec->password = c->after.password;
    if (c->after.starts_at != c->before.starts_at || !same(c->after.timezone, c->before.timezone)) {
        spec->starts_at = c->after.starts_at;
        spec->timezone = c->after.timezone;
    }
    if (c->after.duration_min != c->before.duration_min)
        spec->duration_min = c->after.duration_min;
    if (!same(c->after.settings_requested, c->before.settings_requested))
        spec->settings = c->change->settings;
    if (same(c->after.agenda, c->before.agenda))
        return 0;
    return meeting_agenda_out(c->ctx, c->place.ref, c->after.agenda, &spec->agenda, err);
}

static int undo_it(struct mp_db *db, void *arg, struct mp_error *err)
{
    struct changing *c = arg;
    struct mp_meeting_row back = c->before;
    int rc;

    back.version = c->after.version;
    if (mp_store_account_take(db, c->place.account_id, c->now_ms, err) < 0)
        return -1;
    rc = mp_store_meeting_want(db, &back, c->now_ms, err);
    if (rc <= 0) /* none: what holds now is somebody else's, who tells Zoom of it; till then Zoom may have the old interval */
        return rc;
    if (free_spares(c, err) < 0)
        return -1;
    if (c->before.pending != NULL)
        rc = mp_store_meeting_not_told(db, back.id, c->before.pending_error, err);
    else
        rc = mp_store_meeting_told(db, back.id, back.version, NULL, err);
    if (rc < 0 || !time_differs(c))
        return rc;
    return mp_store_place_move(db, back.id, c->place.busy_from, c->place.busy_until, err);
}

/* Zoom has said something to the change, or nothing. */
static int conclude(struct changing *c, const struct mp_zoom_result *res, struct mp_meeting_outcome *outcome, struct mp_error *err)
{
    struct mp_ctx *ctx = c->ctx;

    if (res->cls == MP_ZOOM_NOT_FOUND) {
        int gone = meeting_is_gone(ctx, c->meeting, err);

        if (gone != 0 && free_spares(c, err) < 0)
            return -1;
        if (gone != 0)
            return gone < 0 ? -1 : mp_fail(err, MP_E_NOT_FOUND, "This meeting was deleted at Zoom.");
    } else if (res->cls != MP_ZOOM_OK && !meeting_worth_repeating(res->cls)) {
        if (mp_tx_run(ctx->db, undo_it, c, err) < 0)
            return -1;
        if (res->cls == MP_ZOOM_IN_PROGRESS)
            return mp_fail(err, MP_E_CONFLICT, "The meeting is running; Zoom does not change it now.");
        return mp_fail(err, MP_E_ZOOM_FAILED, "Zoom refused the change: %s", res->message);
    }
    if (res->cls == MP_ZOOM_OK)
        return meeting_told(ctx, c->after.id, c->after.version, err);
    outcome->zoom_failed = res->message;
    return mp_store_meeting_not_told(ctx->db, c->after.id, res->message, err);
}

/* The change at the meeting's own place. */
static int change_here(struct changing *c, struct mp_meeting_outcome *outcome, struct mp_error *err)
{
    struct mp_zoom_meeting_spec spec;
    struct mp_zoom_result res;
    int rc = mp_store_place_by_meeting(c->ctx->db, c->ctx->arena, c->before.id, &c->place, err);

    if (rc < 0)
        return -1;
    c->mover = rc > 0 && c->place.state == MP_PLACE_DELETING;
    if (rc == 0 || c->place.state != MP_PLACE_HELD)
        return mp_fail(err, MP_E_CONFLICT, "The meeting is being made or removed; try again shortly.");
    if (mp_tx_run(c->ctx->db, want_it, c, err) < 0 || zoom_spec(c, &spec, err) < 0)
        return -1;
    meeting_zoom_update(c->ctx, c->meeting->account, c->meeting->host, c->after.zoom_id, &spec, mp_monotonic_ms() + MEETING_DEADLINE_MS, &res);
    return conclude(c, &res, outcome, err);
}

int meeting_spec_of(struct mp_ctx *ctx, const struct mp_meeting_row *row, struct mp_meeting_spec *spec, struct mp_error *err)
{
    *spec = (struct mp_meeting_spec){.owner_sub = row->owner_sub,
                                     .host_sub = row->host_sub,
                                     .type = 2,
                                     .kind = row->kind,
                                     .topic = row->topic,
                                     .agenda = row->agenda,
                                     .timezone = row->timezone,
                                     .password = row->password,
                                     .starts_at = row->starts_at,
                                     .duration_min = row->duration_min,
                                     .account = -1};
    return row->settings_requested != NULL ? mp_json_parse(ctx->arena, mp_slice_of(row->settings_requested), &spec->settings, err) : 0;
}

/* Somewhere else in the pool: a new meeting at Zoom takes over, the old one is deleted. */
static int move_elsewhere(struct changing *c, struct mp_meeting **moved, struct mp_meeting_outcome *outcome, struct mp_error *err)
{
    struct mp_meeting_spec spec;
    struct mp_zoom_result res;
    int rc;

    if (meeting_spec_of(c->ctx, &c->after, &spec, err) < 0)
        return -1;
    spec.pool_only = c->to_pool;
    if (meeting_book_other(c->ctx, &spec, &c->before, moved, err) < 0) {
        c->mover = err->code == MP_E_CONFLICT;
        if (!c->mover)
            return -1;
        mp_error_reset(err);
        return mp_fail(err, MP_E_CONFLICT, "Somebody else is moving the meeting at the same moment; try again shortly.");
    }
    outcome->moved = true;
    rc = mp_store_place_by_meeting(c->ctx->db, c->ctx->arena, c->before.id, &c->place, err);
    if (rc <= 0 || c->place.state != MP_PLACE_DELETING)
        return rc < 0 ? -1 : 0;
    meeting_zoom_delete(c->ctx, c->meeting->account, c->meeting->host, c->before.zoom_id, mp_monotonic_ms() + MEETING_REPAIR_TIMEOUT_MS, &res);
    if (meeting_off_zoom(&res))
        return mp_store_place_free(c->ctx->db, &c->place, true, err) < 0 ? -1 : 0;
    return mp_store_place_later(c->ctx->db, &c->place, 1000, err) < 0 ? -1 : 0;
}

/* Somebody else hosts it. 1: it has moved, with whatever else was to change; 0: it stays, -1 failed. */
static int change_host(struct changing *c, struct mp_meeting **meeting, struct mp_meeting_outcome *outcome, struct mp_error *err)
{
    if (same(c->before.host_sub, c->after.host_sub))
        return 0;
    if (c->meeting->own && c->before.status == MP_MEETING_SCHEDULED)
        return move_elsewhere(c, meeting, outcome, err) < 0 ? -1 : 1;
    if (mp_store_meeting_host(c->ctx->db, c->before.id, c->after.host_sub, c->now_ms, err) < 0)
        return -1;
    c->meeting->row.host_sub = c->before.host_sub = c->after.host_sub;
    c->before.version = ++c->meeting->row.version;
    return 0;
}

static int changeable(const struct mp_meeting *meeting, struct mp_error *err)
{
    if (meeting->row.status == MP_MEETING_DELETED || meeting->row.status == MP_MEETING_FAILED)
        return mp_fail(err, MP_E_NOT_FOUND, "This meeting was deleted.");
    if (meeting->row.status == MP_MEETING_ENDED)
        return mp_fail(err, MP_E_CONFLICT, "The meeting has ended and cannot be changed.");
    if (meeting->row.status == MP_MEETING_CREATING)
        return mp_fail(err, MP_E_CONFLICT, "The meeting is being made; try again shortly.");
    if (meeting->account < 0)
        return mp_fail(err, MP_E_ZOOM_FAILED, "The Zoom account that made this meeting is no longer configured here.");
    return 0;
}

/* One try, with the row as it was read. */
static int change_once(struct changing *c, struct mp_meeting **meeting, struct mp_meeting_outcome *outcome, struct mp_error *err)
{
    bool differs;
    int rc;

    if (changeable(*meeting, err) < 0)
        return -1;
    rc = desire(c, err);
    if (rc < 0)
        return -1;
    differs = rc > 0;
    rc = change_host(c, meeting, outcome, err);
    if (rc != 0 || !differs)
        return rc < 0 ? -1 : 0;
    meeting_interval(c->ctx, c->after.starts_at, c->after.duration_min, c->now_ms, &c->from, &c->until);
    if (change_here(c, outcome, err) == 0) {
        c->after.pending = outcome->zoom_failed != NULL ? "update" : NULL;
        c->after.pending_error = outcome->zoom_failed;
        return meeting_wrap(c->ctx, &c->after, meeting, err);
    }
    if ((*meeting)->row.status != MP_MEETING_SCHEDULED || (err->code != MP_E_NO_CAPACITY && !(c->used_up && time_differs(c))))
        return -1;
    mp_error_reset(err);
    return move_elsewhere(c, meeting, outcome, err);
}

/* What somebody else has made of it; where it was moved, the one that took its place. */
static int read_again(struct mp_ctx *ctx, struct mp_meeting **meeting, struct mp_meeting_outcome *outcome, struct mp_error *err)
{
    struct mp_meeting_row row;
    int rc = mp_store_meeting_by_id(ctx->db, ctx->arena, (*meeting)->row.id, &row, err);

    while (rc > 0 && row.replaced_by != 0) {
        outcome->moved = true;
        rc = mp_store_meeting_by_id(ctx->db, ctx->arena, row.replaced_by, &row, err);
    }
    if (rc <= 0)
        return rc < 0 ? -1 : mp_fail(err, MP_E_NOT_FOUND, "This meeting was deleted.");
    return meeting_wrap(ctx, &row, meeting, err);
}

/* A try failed: whether it lost against somebody else and is worth another one, with what those have made of the meeting. */
static bool try_again(const struct changing *c, int *rivals, int64_t until_ms, struct mp_meeting **meeting, struct mp_meeting_outcome *outcome,
                      struct mp_error *err)
{
    if (c->mover && mp_monotonic_ms() < until_ms)
        mp_sleep_ms(MOVER_LOOK_MS);
    else if (!c->rival || ++*rivals > RIVALS_MAX)
        return false;
    mp_error_reset(err);
    return read_again(c->ctx, meeting, outcome, err) == 0;
}

int mp_meeting_change(struct mp_ctx *ctx, struct mp_meeting **meeting, const struct mp_meeting_change *change, struct mp_meeting_outcome *outcome,
                      struct mp_error *err)
{
    int64_t until_ms = mp_monotonic_ms() + MOVER_WAIT_MS;
    int rivals = 0;

    *outcome = (struct mp_meeting_outcome){0};
    for (;;) {
        struct changing c = {.ctx = ctx, .meeting = *meeting, .change = change, .now_ms = mp_now_ms()};

        if (change_once(&c, meeting, outcome, err) == 0)
            return 0;
        if (!try_again(&c, &rivals, until_ms, meeting, outcome, err))
            return -1;
    }
}

int mp_meeting_to_pool(struct mp_ctx *ctx, struct mp_meeting **meeting, struct mp_meeting_outcome *outcome, struct mp_error *err)
{
    int64_t until_ms = mp_monotonic_ms() + MOVER_WAIT_MS;
    int rivals = 0;

    *outcome = (struct mp_meeting_outcome){0};
    while ((*meeting)->own) {
        struct changing c = {
            .ctx = ctx, .meeting = *meeting, .before = (*meeting)->row, .after = (*meeting)->row, .now_ms = mp_now_ms(), .to_pool = true};

        if (changeable(*meeting, err) < 0)
            return -1;
        if ((*meeting)->row.status != MP_MEETING_SCHEDULED)
            return mp_fail(err, MP_E_CONFLICT, "The meeting is running; it stays where it is.");
        if (move_elsewhere(&c, meeting, outcome, err) == 0)
            return 0;
        if (!try_again(&c, &rivals, until_ms, meeting, outcome, err))
            return -1;
    }
    return 0;
}

/* ---- Deleting and ending ---- */

struct deleting {
    struct mp_ctx *ctx;
    int64_t meeting_id, now_ms;
    struct mp_place_row place;
    int held;
};

/* The transaction: from here on the meeting is gone for everybody; its place stays taken until it is gone at Zoom. */
static int give_up_meeting(struct mp_db *db, void *arg, struct mp_error *err)
{
    struct deleting *d = arg;

    d->held = mp_store_place_delete(db, d->ctx->arena, d->meeting_id, d->ctx->owner, MEETING_LEASE_MS, &d->place, err);
    if (d->held < 0)
        return -1;
    return mp_store_meeting_status(db, d->meeting_id, MP_MEETING_DELETED, d->now_ms, err) < 0 ? -1 : 0;
}

/* It takes no place any more, but still stands at Zoom. Repair goes on where Zoom cannot be told now. */
static int delete_ended(struct mp_ctx *ctx, const struct mp_meeting *meeting, struct mp_meeting_outcome *outcome, struct mp_error *err)
{
    struct mp_place_row place;
    struct mp_zoom_result res;
    int rc;

    if (meeting->account < 0)
        return 0;
    meeting_zoom_delete(ctx, meeting->account, meeting->host, meeting->row.zoom_id, mp_monotonic_ms() + MEETING_DEADLINE_MS, &res);
    if (!meeting_worth_repeating(res.cls))
        return 0;
    outcome->zoom_failed = res.message != NULL ? res.message : mp_zoom_class_name(res.cls);
    rc = mp_store_place_by_meeting(ctx->db, ctx->arena, meeting->row.id, &place, err);
    return rc <= 0 ? rc : mp_store_place_found(ctx->db, &place, meeting->row.zoom_id, err) < 0 ? -1 : 0;
}

/* Where it was moved since it was read, the one that took its place goes. */
static int delete_moved(struct mp_ctx *ctx, const struct mp_meeting *meeting, struct mp_meeting_outcome *outcome, struct mp_error *err)
{
    struct mp_meeting_row row;
    struct mp_meeting *moved;
    int rc = mp_store_meeting_by_id(ctx->db, ctx->arena, meeting->row.id, &row, err);

    if (rc <= 0 || row.replaced_by == 0)
        return rc < 0 ? -1 : 0;
    rc = mp_meeting_by_row(ctx, row.replaced_by, &moved, err);
    return rc <= 0 ? rc : mp_meeting_delete(ctx, moved, outcome, err);
}

int mp_meeting_delete(struct mp_ctx *ctx, struct mp_meeting *meeting, struct mp_meeting_outcome *outcome, struct mp_error *err)
{
    struct deleting d = {.ctx = ctx, .meeting_id = meeting->row.id, .now_ms = mp_now_ms()};
    struct mp_zoom_result res;

    *outcome = (struct mp_meeting_outcome){0};
    if (meeting->row.status == MP_MEETING_STARTED)
        return mp_fail(err, MP_E_CONFLICT, "The meeting is running; end it first.");
    if (mp_tx_run(ctx->db, give_up_meeting, &d, err) < 0)
        return -1;
    if (d.held == 0)
        return meeting->row.status == MP_MEETING_ENDED ? delete_ended(ctx, meeting, outcome, err) : delete_moved(ctx, meeting, outcome, err);
    if (meeting->account < 0) {
        outcome->zoom_failed = "the account that made it is no longer configured here";
        return 0;
    }
    meeting_zoom_delete(ctx, meeting->account, meeting->host, meeting->row.zoom_id, mp_monotonic_ms() + MEETING_DEADLINE_MS, &res);
    if (meeting_off_zoom(&res))
        return mp_store_place_free(ctx->db, &d.place, false, err) < 0 ? -1 : 0;
    /* Refused because it runs, or for now: repair goes on until Zoom has deleted it. */
    outcome->zoom_failed = res.message != NULL ? res.message : mp_zoom_class_name(res.cls);
    return mp_store_place_later(ctx->db, &d.place, 1000, err) < 0 ? -1 : 0;
}

static void do_end(struct mp_ctx *ctx, const struct mp_secret *token, unsigned timeout_ms, void *arg, struct mp_zoom_result *res)
{
    mp_zoom_meeting_end(ctx->zoom, ctx->arena, token, timeout_ms, *(const int64_t *)arg, res);
}

static int end_record(struct mp_db *db, void *arg, struct mp_error *err)
{
    struct deleting *d = arg;

    d->held = mp_store_place_delete(db, d->ctx->arena, d->meeting_id, d->ctx->owner, MEETING_LEASE_MS, &d->place, err);
    if (d->held < 0)
        return -1;
    return mp_store_meeting_status(db, d->meeting_id, MP_MEETING_ENDED, d->now_ms, err) < 0 ? -1 : 0;
}

/*
 * Ended before anybody started it: at Zoom it could still be opened, in a place that is given to others. So it goes there, and its place is free when
 * it has gone.
 */
static int end_unstarted(struct mp_ctx *ctx, const struct mp_meeting *meeting, int64_t now_ms, struct mp_error *err)
{
    struct deleting d = {.ctx = ctx, .meeting_id = meeting->row.id, .now_ms = now_ms};
    struct mp_zoom_result res;

    if (mp_tx_run(ctx->db, end_record, &d, err) < 0)
        return -1;
    if (d.held == 0)
        return 0;
    meeting_zoom_delete(ctx, meeting->account, meeting->host, meeting->row.zoom_id, mp_monotonic_ms() + MEETING_DEADLINE_MS, &res);
    /* It was held, which Zoom's list of occurrences did not tell yet. */
    if (meeting_has_ended_there(&res) && mp_store_meeting_held(ctx->db, meeting->row.id, now_ms, err) < 0)
        return -1;
    if (meeting_off_zoom(&res))
        return mp_store_place_free(ctx->db, &d.place, false, err) < 0 ? -1 : 0;
    return mp_store_place_later(ctx->db, &d.place, 1000, err) < 0 ? -1 : 0;
}

/* What Zoom knows of a meeting whose start nobody told us. */
struct sight {
    int64_t zoom_id;
    bool waiting;       /* nobody is in it, and it was never held */
    int64_t started_at; /* it runs, or was held: since when, as far as is known; -1: not */
    const char *uuid;   /* of that occurrence; NULL: not known */
};

static void do_instances(struct mp_ctx *ctx, const struct mp_secret *token, unsigned timeout_ms, void *arg, struct mp_zoom_result *res)
{
    struct mp_zoom_instances list;
    struct sight *sight = arg;

    mp_zoom_instances(ctx->zoom, ctx->arena, token, timeout_ms, sight->zoom_id, &list, res);
    mp_zoom_refused_alone(res);
    if (res->cls == MP_ZOOM_NOT_FOUND)
        res->cls = MP_ZOOM_OK;
    for (size_t i = 0; i < list.count; i++) {
        if (list.items[i].starts_at < sight->started_at)
            continue;
        sight->started_at = list.items[i].starts_at;
        sight->uuid = list.items[i].uuid;
    }
}

/* Of one that has begun as far as is known, or whose time is over, Zoom need not be asked. */
static void look_at_zoom(struct mp_ctx *ctx, const struct mp_meeting *meeting, int64_t now_ms, struct sight *sight)
{
    struct mp_zoom_meeting zoom;
    struct mp_zoom_result res;

    *sight = (struct sight){.zoom_id = meeting->row.zoom_id, .started_at = -1};
    if (meeting->row.status != MP_MEETING_SCHEDULED || meeting->row.starts_at + meeting->row.duration_min * 60000 <= now_ms)
        return;
    meeting_fetch(ctx, meeting->account, meeting->host, meeting->row.zoom_id, mp_monotonic_ms() + MEETING_DEADLINE_MS, &zoom, &res);
    if (res.cls != MP_ZOOM_OK || zoom.status == NULL)
        return;
    if (strcmp(zoom.status, "started") == 0) {
        sight->started_at = now_ms;
        sight->uuid = zoom.uuid;
        return;
    }
    mp_account_call(ctx, (size_t)meeting->account, meeting->host, mp_monotonic_ms() + MEETING_DEADLINE_MS, do_instances, sight, &res);
    sight->waiting = sight->uuid == NULL && strcmp(zoom.status, "waiting") == 0;
}

struct ending {
    struct mp_ctx *ctx;
    int64_t id, now_ms;
    const struct sight *sight;
};

static int end_held(struct mp_db *db, void *arg, struct mp_error *err)
{
    const struct ending *e = arg;
    enum mp_meeting_news news;

    return mp_meeting_ended(db, e->ctx->arena, e->id, e->sight->uuid, e->sight->started_at, e->now_ms, &news, err);
}

static int end_as_seen(struct mp_ctx *ctx, const struct mp_meeting *meeting, const struct sight *sight, int64_t now_ms, struct mp_error *err)
{
    struct ending ending = {ctx, meeting->row.id, now_ms, sight};

    if (sight->started_at >= 0)
        return mp_tx_run(ctx->db, end_held, &ending, err);
    if (sight->waiting)
        return end_unstarted(ctx, meeting, now_ms, err);
    return meeting_finish(ctx, meeting->row.id, MP_MEETING_ENDED, now_ms, err);
}

int mp_meeting_end(struct mp_ctx *ctx, struct mp_meeting *meeting, struct mp_error *err)
{
    int64_t now_ms = mp_now_ms();
    struct mp_zoom_result res;
    struct sight sight;

    if (meeting->row.status == MP_MEETING_ENDED)
        return 0;
    if (changeable(meeting, err) < 0)
        return -1;
    look_at_zoom(ctx, meeting, now_ms, &sight);
    mp_account_call(ctx, (size_t)meeting->account, meeting->host, mp_monotonic_ms() + MEETING_DEADLINE_MS, do_end, &meeting->row.zoom_id, &res);
    if (res.cls == MP_ZOOM_NOT_FOUND) {
        int gone = meeting_is_gone(ctx, meeting, err);

        if (gone != 0)
            return gone < 0 ? -1 : mp_fail(err, MP_E_NOT_FOUND, "This meeting was deleted at Zoom.");
    }
    if (res.cls != MP_ZOOM_OK)
        return mp_fail(err, MP_E_ZOOM_FAILED, "Zoom did not end the meeting: %s", res.message);
    if (end_as_seen(ctx, meeting, &sight, now_ms, err) < 0)
        return -1;
    return mp_store_meeting_by_id(ctx->db, ctx->arena, meeting->row.id, &meeting->row, err) < 0 ? -1 : 0;
}
