#include <string.h>

#include "meeting_int.h"
#include "meetpool/clock.h"
#include "meetpool/json.h"

/* More than there can be bookings under way, which wait in front until they are done. */
#define REPAIR_BATCH    500
#define REPAIR_LEASE_MS 30000
/* Zoom may still be working on a call whose caller died; after two looks this far apart it is not there. */
#define SECOND_LOOK_MS   3000
#define RETRY_MS         3000
#define PENDING_RETRY_MS 3000
/* What Zoom refuses for now (a running meeting is not deleted) is asked for less often. */
#define REFUSED_MS 8000
/* Whose connection is dead has first to connect again, which makes what waits for it due at once; until then it is tried ever less often. */
#define DEAD_MS      15000
#define DEAD_MOST_MS (4 * 3600000)
/* A request that has not said by now how its change ended is dead, or as good as that. */
#define SENDING_MS 9500
/* A booking that nobody is known to be at. */
#define BEGUN_MS 60000
/* How often Zoom is asked about a meeting that runs over its time. */
#define OPEN_AGAIN_MS   60000
#define UNCONFIGURED_MS 60000
/* A host's meetings are read at least this often. */
#define SWEEP_AGE_MS (10 * 60000)

/* A lost meeting is looked for at these ages; one that has not turned up by the last never will. */
static const int64_t lost_ages_ms[] = {5000, 30000, 120000, 600000, 3600000, 6 * 3600000, MP_DAY_MS, MP_DAY_MS + 3600000};

struct down {
    int account;
    struct down *next;
};

/* One round of repair. An account that fails is left alone for the rest of it. */
struct round {
    struct mp_ctx *ctx;
    struct down *down;
    unsigned done;
};

static bool is_down(const struct round *r, int account)
{
    const struct down *d = r->down;

    while (d != NULL && d->account != account)
        d = d->next;
    return d != NULL;
}

static void take_down(struct round *r, int account)
{
    struct down *d = MP_NEW(r->ctx->arena, struct down);

    *d = (struct down){account, r->down};
    r->down = d;
}

static int64_t repair_deadline(void)
{
    return mp_monotonic_ms() + MEETING_REPAIR_TIMEOUT_MS;
}

static int64_t dead_wait_ms(const struct mp_place_row *place)
{
    int64_t wait_ms = DEAD_MS;

    for (int64_t i = 1; i < place->checks && wait_ms < DEAD_MOST_MS; i++)
        wait_ms *= 2;
    return wait_ms < DEAD_MOST_MS ? wait_ms : DEAD_MOST_MS;
}

/* Puts a place off after a call that failed. */
static int put_off(struct round *r, int account, const struct mp_place_row *place, const struct mp_zoom_result *res, struct mp_error *err)
{
    bool passing = meeting_worth_repeating(res->cls);
    int64_t wait_ms = passing ? RETRY_MS : REFUSED_MS;

    if (res->retry_after_ms > wait_ms)
        wait_ms = res->retry_after_ms;
    if (res->cls == MP_ZOOM_AUTH && mp_account_is_guest(r->ctx->account_conf, account))
        wait_ms = dead_wait_ms(place);
    if (passing)
        take_down(r, account);
    return mp_store_place_later(r->ctx->db, place, wait_ms, err) < 0 ? -1 : 0;
}

/* It is at Zoom though nobody wrote it down: the record takes it over; where the booking was given up meanwhile, it goes. */
static int adopt(struct round *r, int account, int host, const struct mp_place_row *place, const struct mp_zoom_meeting *found, struct mp_error *err)
{
    struct mp_zoom_meeting whole;
    struct mp_meeting_facts facts;
    struct mp_meeting_row row;
    struct mp_zoom_result res;

    if (mp_store_meeting_by_id(r->ctx->db, r->ctx->arena, place->meeting_id, &row, err) <= 0)
        return mp_error_set(err) ? -1 : mp_fail_log(err, MP_E_INTERNAL, "place %s has no meeting row", place->ref);
    meeting_fetch(r->ctx, account, host, found->id, repair_deadline(), &whole, &res);
    meeting_facts(r->ctx, account, host, res.cls == MP_ZOOM_OK ? &whole : found, &facts);
    mp_log(r->ctx->log, MP_WARNING, "meeting.adopted", MP_INT("meeting", found->id), MP_STR("place", place->ref));
    return meeting_hold(r->ctx, place, &row, &facts, NULL, 0, err) < 0 ? -1 : 0;
}

/* Twice not there: the place is free, but watched. */
static int give_up(struct round *r, const struct mp_place_row *place, struct mp_error *err)
{
    if (place->checks < 2)
        return mp_store_place_later(r->ctx->db, place, SECOND_LOOK_MS, err) < 0 ? -1 : 0;
    mp_log(r->ctx->log, MP_WARNING, "meeting.lost", MP_STR("place", place->ref));
    if (mp_store_place_lose(r->ctx->db, place, lost_ages_ms[1], err) < 0)
        return -1;
    return mp_store_meeting_status(r->ctx->db, place->meeting_id, MP_MEETING_FAILED, mp_now_ms(), err) < 0 ? -1 : 0;
}

static int repair_creating(struct round *r, int account, int host, const struct mp_place_row *place, struct mp_error *err)
{
    struct mp_zoom_meeting found;
    struct mp_zoom_result res;
    int rc = meeting_search(r->ctx, account, host, place->ref, repair_deadline(), &found, &res);

    if (rc < 0)
        return put_off(r, account, place, &res, err);
    return rc > 0 ? adopt(r, account, host, place, &found, err) : give_up(r, place, err);
}

/* The record says that Zoom still has what was deleted, where only a person can change that. */
static int note_undeleted(struct round *r, int account, const struct mp_place_row *place, const struct mp_zoom_result *res, struct mp_error *err)
{
    const char *said = res->message != NULL ? res->message : "the connection to Zoom is dead";

    if (res->cls != MP_ZOOM_AUTH || !mp_account_is_guest(r->ctx->account_conf, account))
        return 0;
    return mp_store_meeting_not_told(r->ctx->db, place->meeting_id,
                                     mp_arena_printf(r->ctx->arena, "It could not be deleted at Zoom in %lld tries (the next: %s): %s",
                                                     (long long)place->checks, mp_time_format(r->ctx->arena, mp_now_ms() + dead_wait_ms(place)),
                                                     said),
                                     err);
}

static int repair_deleting(struct round *r, int account, int host, const struct mp_place_row *place, struct mp_error *err)
{
    struct mp_zoom_result res;

    meeting_zoom_delete(r->ctx, account, host, place->zoom_id, repair_deadline(), &res);
    if (meeting_off_zoom(&res)) {
        if (mp_account_is_guest(r->ctx->account_conf, account) && mp_store_meeting_not_told(r->ctx->db, place->meeting_id, NULL, err) < 0)
            return -1;
        return mp_store_place_free(r->ctx->db, place, false, err) < 0 ? -1 : 0;
    }
    if (note_undeleted(r, account, place, &res, err) < 0)
        return -1;
    return put_off(r, account, place, &res, err);
}

static int watch_on(struct round *r, const struct mp_place_row *place, struct mp_error *err)
{
    int64_t age_ms = place->now_ms - place->created_at;

    for (size_t i = 0; i < MP_COUNT(lost_ages_ms); i++) {
        if (lost_ages_ms[i] > age_ms)
            return mp_store_place_later(r->ctx->db, place, lost_ages_ms[i] - age_ms, err) < 0 ? -1 : 0;
    }
    return mp_store_place_free(r->ctx->db, place, false, err) < 0 ? -1 : 0;
}

static int repair_lost(struct round *r, int account, int host, const struct mp_place_row *place, struct mp_error *err)
{
    struct mp_zoom_meeting found;
    struct mp_zoom_result res;
    int rc = meeting_search(r->ctx, account, host, place->ref, repair_deadline(), &found, &res);

    if (rc < 0)
        return put_off(r, account, place, &res, err);
    if (rc == 0)
        return watch_on(r, place, err);
    mp_log(r->ctx->log, MP_WARNING, "meeting.stray_found", MP_INT("meeting", found.id), MP_STR("place", place->ref));
    return mp_store_place_found(r->ctx->db, place, found.id, err) < 0 ? -1 : 0;
}

/* It started, its time is over, and nobody has told that it ended: Zoom is asked. */
static int repair_open(struct round *r, int account, int host, const struct mp_place_row *place, struct mp_error *err)
{
    struct mp_zoom_meeting zoom;
    struct mp_zoom_result res;
    struct mp_meeting_row row;
    struct mp_meeting *meeting;

    if (mp_store_meeting_by_id(r->ctx->db, r->ctx->arena, place->meeting_id, &row, err) <= 0)
        return mp_error_set(err) || mp_store_place_later(r->ctx->db, place, -1, err) < 0 ? -1 : 0;
    meeting_fetch(r->ctx, account, host, place->zoom_id, repair_deadline(), &zoom, &res);
    if (res.cls != MP_ZOOM_OK && res.cls != MP_ZOOM_NOT_FOUND)
        return put_off(r, account, place, &res, err);
    if (meeting_wrap(r->ctx, &row, &meeting, err) < 0)
        return -1;
    if (res.cls == MP_ZOOM_NOT_FOUND ? meeting_is_gone(r->ctx, meeting, err) < 0 : meeting_make_true(r->ctx, meeting, &zoom, err) < 0)
        return -1;
    return mp_store_place_later(r->ctx->db, place, OPEN_AGAIN_MS, err) < 0 ? -1 : 0;
}

/* What a meeting has left of its old interval: Zoom may have it there until it has been told, or, where the meeting goes, until it has gone. */
static int repair_spare(struct round *r, const struct mp_place_row *spare, struct mp_error *err)
{
    struct mp_ctx *ctx = r->ctx;
    struct mp_meeting_row row = {0};
    struct mp_place_row place;
    int rc = mp_store_place_by_meeting(ctx->db, ctx->arena, spare->meeting_id, &place, err);

    if (rc < 0 || mp_store_meeting_by_id(ctx->db, ctx->arena, spare->meeting_id, &row, err) < 0)
        return -1;
    if (row.pending != NULL || (rc > 0 && place.state == MP_PLACE_DELETING))
        return mp_store_place_later(ctx->db, spare, RETRY_MS, err) < 0 ? -1 : 0;
    r->done++;
    return mp_store_place_free(ctx->db, spare, false, err) < 0 ? -1 : 0;
}

/* Whether its maker is at it still. */
static bool in_hand(struct mp_ctx *ctx, const struct mp_place_row *place)
{
    return place->owner != NULL && place->lease_until > place->now_ms && !ctx->owner_is_dead(ctx->owner_arg, place->owner);
}

static int repair_place(struct round *r, struct mp_place_row *place, struct mp_error *err)
{
    struct mp_ctx *ctx = r->ctx;
    int host, account, rc;

    if (place->state == MP_PLACE_SPARE)
        return repair_spare(r, place, err);
    if (in_hand(ctx, place))
        return 0;
    account = mp_account_by_row(ctx, place->account_id, place->host_id, &host, err);
    if (mp_error_set(err))
        return -1;
    if (account >= 0 && is_down(r, account)) {
        int64_t wait_ms = mp_account_is_guest(ctx->account_conf, account) ? dead_wait_ms(place) : RETRY_MS;

        return mp_store_place_later(ctx->db, place, wait_ms, err) < 0 ? -1 : 0;
    }
    rc = mp_store_place_claim(ctx->db, place, ctx->owner, REPAIR_LEASE_MS, err);
    if (rc <= 0)
        return rc;
    r->done++;
    if (account < 0)
        return mp_store_place_later(ctx->db, place, UNCONFIGURED_MS, err) < 0 ? -1 : 0;
    switch (place->state) {
    case MP_PLACE_CREATING:
        return repair_creating(r, account, host, place, err);
    case MP_PLACE_DELETING:
        return repair_deleting(r, account, host, place, err);
    case MP_PLACE_LOST:
        return repair_lost(r, account, host, place, err);
    case MP_PLACE_HELD:
        return repair_open(r, account, host, place, err);
    case MP_PLACE_SPARE:
    case MP_PLACE_FREE:
        break;
    }
    return mp_store_place_later(ctx->db, place, -1, err) < 0 ? -1 : 0;
}

/* Tells Zoom all that is wanted; what differs from it and what does not is not known any more. */
static int pending_spec(struct mp_ctx *ctx, const struct mp_meeting_row *row, struct mp_zoom_meeting_spec *spec, struct mp_error *err)
{
    struct mp_place_row place;

    if (mp_store_place_by_meeting(ctx->db, ctx->arena, row->id, &place, err) <= 0)
        return mp_error_set(err) ? -1 : mp_fail_log(err, MP_E_INTERNAL, "meeting row %lld has no place", (long long)row->id);
    return meeting_whole_spec(ctx, row, place.ref, spec, err);
}

/* Zoom will not have it, or passes over a start that is past by now: then the record says what Zoom has. */
static int take_zooms_word(struct mp_ctx *ctx, struct mp_meeting *meeting, struct mp_error *err)
{
    struct mp_zoom_meeting zoom;
    struct mp_zoom_result res;

    meeting_fetch(ctx, meeting->account, meeting->host, meeting->row.zoom_id, repair_deadline(), &zoom, &res);
    if (res.cls == MP_ZOOM_NOT_FOUND)
        return meeting_is_gone(ctx, meeting, err) < 0 ? -1 : 0;
    if (res.cls != MP_ZOOM_OK)
        return 0;
    if (meeting_make_true(ctx, meeting, &zoom, err) < 0)
        return -1;
    return meeting_told(ctx, meeting->row.id, meeting->row.version, err);
}

static int repair_pending(struct round *r, struct mp_meeting_row *row, struct mp_error *err)
{
    struct mp_ctx *ctx = r->ctx;
    struct mp_zoom_meeting_spec spec;
    struct mp_meeting *meeting;
    struct mp_zoom_result res;
    int rc;

    if (meeting_wrap(ctx, row, &meeting, err) < 0)
        return -1;
    if (meeting->account < 0 || (is_down(r, meeting->account) && !meeting->own))
        return 0;
    rc = mp_store_meeting_touch(ctx->db, row->id, row->updated_at, mp_now_ms(), err);
    /* A connection may stay dead for good: what hangs on it goes to the end of the line. */
    if (rc <= 0 || is_down(r, meeting->account))
        return rc < 0 ? -1 : 0;
    r->done++;
    if (!mp_account_ready(ctx, meeting->account, repair_deadline(), &res)) {
        take_down(r, meeting->account);
        return mp_store_meeting_not_told(ctx->db, row->id, res.message, err);
    }
    rc = mp_account_spend(ctx, row->host_id, mp_now_ms(), false, err);
    if (rc <= 0)
        return rc;
    if (pending_spec(ctx, row, &spec, err) < 0)
        return -1;
    meeting_zoom_update(ctx, meeting->account, meeting->host, row->zoom_id, &spec, repair_deadline(), &res);
    if (res.cls == MP_ZOOM_OK)
        return row->starts_at < mp_now_ms() ? take_zooms_word(ctx, meeting, err) : meeting_told(ctx, row->id, row->version, err);
    if (res.cls == MP_ZOOM_NOT_FOUND)
        return meeting_is_gone(ctx, meeting, err) < 0 ? -1 : 0;
    if (!meeting_worth_repeating(res.cls)) {
        mp_log(ctx->log, MP_WARNING, "meeting.change_refused", MP_INT("meeting", row->zoom_id), MP_STR("zoom_message", res.message));
        return take_zooms_word(ctx, meeting, err);
    }
    take_down(r, meeting->account);
    return mp_store_meeting_not_told(ctx->db, row->id, res.message, err);
}

/* Whether the round goes on after one that failed. One that always fails must not stand in the way of those behind it. */
static bool go_on(struct mp_ctx *ctx, int rc, int64_t id, struct mp_error *err)
{
    if (rc >= 0)
        return true;
    if (err->code == MP_E_UNAVAILABLE || err->code == MP_E_UNCERTAIN)
        return false;
    mp_log(ctx->log, MP_ERROR, "repair.failed", MP_INT("row", id), MP_STR("code", mp_error_name(err->code)), MP_STR("detail", err->detail));
    mp_error_reset(err);
    return true;
}

static int repair_places(struct round *r, struct mp_error *err)
{
    struct mp_place_row *places;
    size_t count;

    if (mp_store_place_due(r->ctx->db, r->ctx->arena, REPAIR_BATCH, &places, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (!go_on(r->ctx, repair_place(r, &places[i], err), places[i].id, err))
            return -1;
    }
    return 0;
}

static int repair_changes(struct round *r, struct mp_error *err)
{
    int64_t now_ms = mp_now_ms();
    struct mp_meeting_row *meetings;
    size_t count;

    if (mp_store_meeting_pending(r->ctx->db, r->ctx->arena, now_ms - PENDING_RETRY_MS, now_ms - SENDING_MS, REPAIR_BATCH, &meetings, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (!go_on(r->ctx, repair_pending(r, &meetings[i], err), meetings[i].id, err))
            return -1;
    }
    return 0;
}

/* A booking whose maker died between two accounts: no place says that it was at it. */
static int repair_begun(struct round *r, struct mp_error *err)
{
    struct mp_ctx *ctx = r->ctx;
    struct mp_begun_row *rows;
    size_t count;

    if (mp_store_meeting_begun(ctx->db, ctx->arena, REPAIR_BATCH, &rows, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        bool dead = rows[i].owner != NULL && ctx->owner_is_dead(ctx->owner_arg, rows[i].owner);

        if (!dead && mp_now_ms() - rows[i].updated_at < BEGUN_MS)
            continue;
        if (mp_store_meeting_abandon(ctx->db, rows[i].id, mp_now_ms(), err) < 0)
            return -1;
        r->done++;
    }
    return 0;
}

int mp_meeting_repair(struct mp_ctx *ctx, unsigned *done, struct mp_error *err)
{
    struct round r = {.ctx = ctx};

    if (repair_places(&r, err) < 0 || repair_begun(&r, err) < 0 || repair_changes(&r, err) < 0)
        return -1;
    *done = r.done;
    return 0;
}

/* ---- The sweep ---- */

struct sweep_rows {
    int64_t account, host;
};

struct adoption {
    struct mp_meeting_row row;
    struct mp_place_row place;
};

static int insert_adopted(struct mp_db *db, void *arg, struct mp_error *err)
{
    struct adoption *a = arg;

    a->row.id = 0;
    if (mp_store_meeting_insert(db, &a->row, err) < 0)
        return -1;
    a->place.meeting_id = a->row.id;
    return mp_store_place_insert(db, &a->place, REPAIR_LEASE_MS, err);
}

/* Bears our marker, but the database does not know it (it was restored from a backup): nobody's booking is deleted on that ground. */
static int adopt_unknown(struct mp_ctx *ctx, int account, int host, const struct sweep_rows *rows, const char *ref,
                         const struct mp_zoom_meeting *zoom, struct mp_error *err)
{
    int64_t now_ms = mp_now_ms();
    struct adoption a = {
        .row = {.owner_sub = "",
                .status = MP_MEETING_CREATING,
                .account_id = rows->account,
                .host_id = rows->host,
                .type = 2,
                .kind = MP_ACCOUNT_KIND_MEETING,
                .topic = zoom->topic != NULL ? zoom->topic : "",
                .agenda = meeting_agenda_in(ctx->arena, zoom->agenda),
                .timezone = zoom->timezone != NULL ? zoom->timezone : "UTC",
                .starts_at = zoom->starts_at,
                .duration_min = zoom->duration_min > 0 ? zoom->duration_min : 60,
                .created_at = now_ms},
        .place = {.account_id = rows->account,
                  .host_id = rows->host,
                  .ref = ref,
                  .state = MP_PLACE_CREATING,
                  .busy_from = zoom->starts_at,
                  .owner = ctx->owner},
    };
    struct mp_meeting_facts facts;

    if (zoom->starts_at < 0)
        return 0;
    a.place.busy_until = zoom->starts_at + a.row.duration_min * 60000 + ctx->meeting_conf->grace_s * 1000;
    meeting_facts(ctx, account, host, zoom, &facts);
    if (mp_tx_run(ctx->db, insert_adopted, &a, err) < 0)
        return -1;
    mp_log(ctx->log, MP_ERROR, "meeting.unknown_adopted", MP_INT("meeting", zoom->id), MP_STR("place", ref));
    return mp_store_place_hold(ctx->db, &a.place, &facts, NULL, now_ms, err) < 0 ? -1 : 0;
}

/* The list cuts the agenda and leaves out the passcode: read it whole first. One that cannot be read now waits for the next sweep. */
static int adopt_from_list(struct mp_ctx *ctx, int account, int host, const struct sweep_rows *rows, const char *ref, int64_t zoom_id,
                           struct mp_error *err)
{
    struct mp_zoom_meeting whole;
    struct mp_zoom_result res;

    meeting_fetch(ctx, account, host, zoom_id, repair_deadline(), &whole, &res);
    return res.cls == MP_ZOOM_OK ? adopt_unknown(ctx, account, host, rows, ref, &whole, err) : 0;
}

/* A meeting with our marker whose place the database knows: is it one that was given up? */
static int check_known(struct mp_ctx *ctx, const struct mp_place_row *place, const struct mp_zoom_meeting *zoom, struct mp_error *err)
{
    struct mp_meeting_row row;
    int rc;

    if (place->state != MP_PLACE_FREE && place->state != MP_PLACE_LOST)
        return 0;
    /* Somebody has copied a meeting of ours in Zoom's own pages, agenda and all: that one is theirs. */
    if (place->zoom_id != 0 && place->zoom_id != zoom->id)
        return 0;
    rc = mp_store_meeting_by_id(ctx->db, ctx->arena, place->meeting_id, &row, err);
    if (rc <= 0)
        return rc;
    /* A place is free after an ordinary end, too: that meeting stays, its recordings hang on it. */
    if (place->state == MP_PLACE_FREE && row.status != MP_MEETING_DELETED && row.status != MP_MEETING_FAILED && row.zoom_id == zoom->id)
        return 0;
    mp_log(ctx->log, MP_WARNING, "meeting.stray_found", MP_INT("meeting", zoom->id), MP_STR("place", place->ref));
    return mp_store_place_found(ctx->db, place, zoom->id, err) < 0 ? -1 : 0;
}

struct sweep {
    const char *host;
    const char *page_token;
    struct mp_zoom_meeting_list list;
};

static void do_sweep_list(struct mp_ctx *ctx, const struct mp_secret *token, unsigned timeout_ms, void *arg, struct mp_zoom_result *res)
{
    struct sweep *s = arg;

    mp_zoom_meeting_list(ctx->zoom, ctx->arena, token, timeout_ms, s->host, s->page_token, &s->list, res);
}

static int sweep_page(struct mp_ctx *ctx, const struct mp_zoom_meeting_list *list, int account, int host, const struct sweep_rows *rows,
                      struct mp_error *err)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct mp_zoom_meeting *zoom = &list->items[i];
        struct mp_place_row place;
        const char *ref;
        int rc = meeting_marker_read(ctx, zoom->agenda, &ref, err);

        if (rc > 0) {
            rc = mp_store_place_by_ref(ctx->db, ctx->arena, ref, &place, err);
            if (rc == 0)
                rc = adopt_from_list(ctx, account, host, rows, ref, zoom->id, err);
            else if (rc > 0)
                rc = check_known(ctx, &place, zoom, err);
        }
        if (rc < 0)
            return -1;
    }
    return 0;
}

static int sweep_host(struct mp_ctx *ctx, int account, int host, const struct sweep_rows *rows, struct mp_error *err)
{
    struct sweep s = {.host = mp_account_entry(ctx->account_conf, (size_t)account)->hosts[host].user};
    struct mp_zoom_result res;

    do {
        s.list = (struct mp_zoom_meeting_list){0};
        mp_account_call(ctx, (size_t)account, host, repair_deadline(), do_sweep_list, &s, &res);
        if (res.cls != MP_ZOOM_OK)
            return 0; /* it was logged; the next sweep comes */
        if (sweep_page(ctx, &s.list, account, host, rows, err) < 0)
            return -1;
        s.page_token = s.list.next_page_token;
    } while (s.page_token != NULL && s.page_token[0] != '\0');
    return 0;
}

int mp_meeting_sweep(struct mp_ctx *ctx, struct mp_error *err)
{
    struct sweep_rows rows;
    int host, account, rc = mp_store_host_sweep_next(ctx->db, SWEEP_AGE_MS, &rows.account, &rows.host, err);

    if (rc <= 0)
        return rc;
    account = mp_account_by_row(ctx, rows.account, rows.host, &host, err);
    if (mp_error_set(err))
        return -1;
    if (account < 0 || host < 0)
        return 1;
    return sweep_host(ctx, account, host, &rows, err) < 0 ? -1 : 1;
}
