#include <string.h>

#include "meetpool/clock.h"
#include "meetpool/crypto.h"
#include "meetpool/json.h"
#include "meetpool/log.h"
#include "schedule_int.h"

/* After a failure of Zoom's the next tries come soon, so that it is noticed when it answers again; after this many as seldom as for want of room. */
#define SOON_TRIES 20
#define SOON_MS    2000
/* How long what came of Zoom's calls is tried to be written. */
#define SETTLE_MS 5000
/* What people who plan sessions and appointments have always got. */
#define SESSION_LEAST_MIN          30
#define APPOINTMENT_PASSWORD_CHARS 6
#define PASSWORD_ALPHABET          "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789"
#define REASON_TOO_LATE            "Its time passed before the meeting could be made."
#define REASON_DISABLED            "Zoom was disabled when its meeting was asked for; ask for it (create-zoom-meeting) when Zoom is enabled."

/* What is to be done for a booking and the meeting that it has. */
enum step {
    STEP_KEEP,   /* as it is */
    STEP_MAKE,   /* it is wanted, and there is none */
    STEP_RENEW,  /* the one there was is no use any more */
    STEP_CHANGE, /* it is there; what differs is told */
    STEP_REMOVE,
    STEP_NONE, /* not wanted, not there */
    STEP_GONE  /* somebody deleted it: nobody is fought */
};

static bool wanted(const struct mp_booking_row *row)
{
    return row->status == MP_BOOKING_SCHEDULED && row->wants_meeting;
}

static bool zoom_off(const struct mp_ctx *ctx)
{
    return !mp_account_any(ctx->account_conf);
}

/* From when on a meeting would help nobody. Zoom opens one whose start is past at once, so it lasts from when it was asked for. */
static int64_t over_at(const struct mp_booking_row *row)
{
    int64_t from = row->starts_at > row->updated_at ? row->starts_at : row->updated_at;

    return from + (row->ends_at - row->starts_at);
}

/* Names the unit of work, so that a try that died after Zoom's answer is found again. */
static const char *unit_key(struct mp_arena *arena, const struct mp_booking_row *row, int64_t generation)
{
    return mp_sha256_hex(arena, mp_slice_of(mp_arena_printf(arena, "booking|%s|%lld", row->public_id, (long long)generation)));
}

/* In minutes. A short session has half an hour at Zoom. */
int64_t schedule_duration_min(const struct mp_booking_row *row)
{
    int64_t minutes = (row->ends_at - row->starts_at + 59999) / 60000;

    return row->kind == MP_KIND_SESSION && minutes < SESSION_LEAST_MIN ? SESSION_LEAST_MIN : minutes;
}

static int parse_settings(struct mp_ctx *ctx, const struct mp_booking_row *row, struct json_object **out, struct mp_error *err)
{
    *out = NULL;
    if (row->settings == NULL)
        return 0;
    if (mp_json_parse(ctx->arena, mp_slice_of(row->settings), out, err) < 0)
        return mp_fail_log(err, MP_E_INTERNAL, "the settings of booking row %lld are not JSON", (long long)row->id);
    return 0;
}

int schedule_meeting_spec(struct mp_ctx *ctx, const struct mp_booking_row *row, struct mp_meeting_spec *spec, struct mp_error *err)
{
    *spec = (struct mp_meeting_spec){.owner_sub = row->owner_sub,
                                     .host_sub = row->host_sub,
                                     .type = 2,
                                     .kind = mp_booking_kind_name(row->kind),
                                     .topic = row->topic,
                                     .agenda = row->description,
                                     .timezone = row->timezone,
                                     .starts_at = row->starts_at,
                                     .duration_min = schedule_duration_min(row),
                                     .account = -1};
    if (row->kind == MP_KIND_APPOINTMENT)
        spec->password = mp_random_text(ctx->arena, APPOINTMENT_PASSWORD_CHARS, PASSWORD_ALPHABET);
    return parse_settings(ctx, row, &spec->settings, err);
}

void schedule_tell(struct mp_ctx *ctx, struct mp_booking *booking, const struct mp_error *why)
{
    booking->trouble = why->code;
    booking->trouble_text = why->code != MP_E_NONE ? mp_meeting_refusal(ctx->arena, why) : NULL;
    booking->nearest_start = mp_meeting_nearest(why);
}

/* ---- What an agreement comes to ---- */

static void agreed(struct agreement *a, enum mp_meeting_state state, const char *reason)
{
    a->outcome.state = state;
    a->outcome.reason = reason;
    a->outcome.settled = true;
}

static int64_t retry_ms(const struct mp_ctx *ctx, const struct mp_booking_row *row, enum mp_error_code code)
{
    int64_t longest = ctx->meeting_conf->retry_delay_s * 1000, soon = SOON_MS << (row->tries < 2 ? row->tries : 2);

    if (code == MP_E_NO_CAPACITY || code == MP_E_ZOOM_DISABLED || code == MP_E_ZOOM_NOT_CONFIGURED || row->tries >= SOON_TRIES)
        return longest;
    return soon < longest ? soon : longest;
}

/* `why` is in the way: later again, as long as it helps somebody. Told here, as it goes no further as a failure. */
static void put_off(struct mp_ctx *ctx, struct agreement *a)
{
    const struct mp_booking_row *row = &a->booking->row;

    schedule_tell(ctx, a->booking, &a->why);
    mp_log(ctx->log, MP_WARNING, "booking.pending", MP_STR("booking", row->public_id), MP_STR("code", mp_error_name(a->why.code)),
           MP_STR("reason", a->booking->trouble_text), MP_STR("detail", a->why.detail), MP_INT("tries", row->tries));
    a->outcome.reason = a->booking->trouble_text;
    a->outcome.retry_ms = retry_ms(ctx, row, a->why.code);
    if (wanted(row) && mp_now_ms() >= over_at(row))
        agreed(a, MP_STATE_FAILED, a->outcome.reason);
    else
        a->outcome.state = MP_STATE_PENDING;
}

static void is_ok(struct agreement *a, struct mp_meeting *meeting)
{
    a->booking->meeting = meeting;
    a->outcome.meeting_id = meeting->row.id;
    agreed(a, MP_STATE_OK, NULL);
}

static void is_gone(struct agreement *a)
{
    const struct mp_meeting_row gone = {.status = MP_MEETING_DELETED};

    a->booking->meeting = NULL;
    agreed(a, MP_STATE_FAILED, schedule_gone(&a->booking->row, &gone));
}

/* ---- A meeting that is there ---- */

static bool same_text(const char *a, const char *b)
{
    return strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0;
}

static bool host_differs(const struct mp_booking_row *row, const struct mp_meeting_row *meeting)
{
    return row->host_sub != NULL && !same_text(row->host_sub, meeting->host_sub);
}

static bool differs(const struct mp_booking_row *row, const struct mp_meeting_row *meeting)
{
    return host_differs(row, meeting) || !same_text(row->topic, meeting->topic) || !same_text(row->description, meeting->agenda) ||
           !same_text(row->timezone, meeting->timezone) || row->starts_at / 1000 != meeting->starts_at / 1000 ||
           schedule_duration_min(row) != meeting->duration_min || !same_text(row->settings, meeting->settings_requested);
}

static void change_meeting(struct mp_ctx *ctx, struct agreement *a, struct mp_meeting *meeting)
{
    const struct mp_booking_row *row = &a->booking->row;
    struct mp_meeting_change change = {.host_sub = host_differs(row, &meeting->row) ? row->host_sub : NULL,
                                       .topic = row->topic,
                                       .agenda = same_text(row->description, meeting->row.agenda) ? NULL
                                                 : row->description != NULL                       ? row->description
                                                                                                  : "",
                                       .timezone = row->timezone,
                                       .starts_at = row->starts_at,
                                       .duration_min = schedule_duration_min(row)};
    struct mp_meeting_outcome said;

    is_ok(a, meeting);
    if (!differs(row, &meeting->row) && meeting->row.pending == NULL)
        return;
    a->outcome.settled = false;
    if (zoom_off(ctx)) {
        mp_fail(&a->why, MP_E_ZOOM_DISABLED, "Zoom is disabled on this server; it is told when it is enabled again.");
        put_off(ctx, a);
        return;
    }
    if (parse_settings(ctx, row, &change.settings, &a->why) < 0 || mp_meeting_change(ctx, &meeting, &change, &said, &a->why) < 0) {
        if (a->why.code == MP_E_NOT_FOUND)
            is_gone(a);
        else
            put_off(ctx, a);
        return;
    }
    is_ok(a, meeting);
    a->booking->moved = said.moved;
    if (meeting->row.pending == NULL)
        return;
    a->outcome.settled = false;
    mp_fail(&a->why, MP_E_ZOOM_FAILED, "Zoom could not be told yet (%s); it will be as soon as it answers.",
            meeting->row.pending_error != NULL ? meeting->row.pending_error : "it is tried again shortly");
    put_off(ctx, a);
}

/* The booking lets go of a meeting; its room sees to it that it goes at Zoom. */
static void let_go(struct agreement *a, const struct mp_meeting *meeting)
{
    a->booking->meeting = NULL;
    a->outcome.meeting_id = 0;
    a->outcome.leaving_id = meeting->row.id;
    a->outcome.generation = a->booking->row.generation + 1;
}

static void remove_meeting(struct mp_ctx *ctx, struct agreement *a, struct mp_meeting *meeting)
{
    struct mp_meeting_outcome said;

    if (zoom_off(ctx)) {
        mp_fail(&a->why, MP_E_ZOOM_DISABLED, "Zoom is disabled on this server; the meeting goes when it is enabled again.");
        put_off(ctx, a);
        return;
    }
    if (mp_meeting_delete(ctx, meeting, &said, &a->why) < 0) {
        put_off(ctx, a);
        return;
    }
    let_go(a, meeting);
    agreed(a, MP_STATE_NONE, NULL);
    if (said.zoom_failed != NULL) {
        mp_fail(&a->why, MP_E_ZOOM_FAILED, "Zoom could not be told yet (%s); the meeting goes as soon as it answers.", said.zoom_failed);
        schedule_tell(ctx, a->booking, &a->why);
    }
}

/* Whether the meeting that was let go is gone at Zoom; as long as it is not, the booking without a meeting does not agree. */
static void look_after_leaving(struct mp_ctx *ctx, struct agreement *a)
{
    struct mp_place_row place;
    struct mp_error err;
    int rc;

    if (a->outcome.leaving_id == 0)
        return;
    mp_error_init(&err, ctx->arena);
    rc = mp_store_place_by_meeting(ctx->db, ctx->arena, a->outcome.leaving_id, &place, &err);
    if (rc == 0 || (rc > 0 && place.state == MP_PLACE_FREE)) {
        a->outcome.leaving_id = 0;
    } else if (a->outcome.state == MP_STATE_NONE) {
        a->outcome.state = MP_STATE_PENDING;
        a->outcome.reason = a->booking->trouble_text != NULL ? a->booking->trouble_text : "Its meeting is being removed at Zoom.";
        a->outcome.settled = false;
        a->outcome.retry_ms = retry_ms(ctx, &a->booking->row, MP_E_ZOOM_FAILED);
    }
}

/* ---- A meeting that is not there ---- */

static void conclude_make(struct mp_ctx *ctx, struct agreement *a, struct mp_meeting *made)
{
    const struct mp_booking_row *row = &a->booking->row;

    if (made == NULL && (a->why.code == MP_E_ZOOM_DISABLED || a->why.code == MP_E_ZOOM_NOT_CONFIGURED) && row->tries == 0) {
        schedule_tell(ctx, a->booking, &a->why);
        agreed(a, MP_STATE_NONE, REASON_DISABLED);
    } else if (made == NULL) {
        put_off(ctx, a);
    } else if (made->row.status == MP_MEETING_DELETED || made->row.status == MP_MEETING_FAILED) {
        /* An earlier try had made it, and somebody has deleted it before that was written down here. */
        a->outcome.meeting_id = made->row.id;
        is_gone(a);
    } else if (made->row.status == MP_MEETING_ENDED) {
        is_ok(a, made);
    } else {
        a->booking->moved = row->meeting_id != 0;
        change_meeting(ctx, a, made);
    }
}

/* Books what is missing, in order. */
static void make_all(struct mp_ctx *ctx, struct agreement **list, struct mp_meeting_item *items, size_t count)
{
    struct mp_error err;

    mp_error_init(&err, ctx->arena);
    if (count > 0 && mp_meeting_book_many(ctx, items, count, &err) < 0) {
        for (size_t i = 0; i < count; i++) {
            items[i].meeting = NULL;
            items[i].err = err;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (items[i].meeting == NULL)
            list[i]->why = items[i].err;
        conclude_make(ctx, list[i], items[i].meeting);
    }
}

/* ---- The decision ---- */

/* Its meeting: the one it has, or, where none is wanted, the one that a try which died may have left. 1 found, 0 none, -1 failed. */
static int look_up(struct mp_ctx *ctx, const struct mp_booking_row *row, struct mp_meeting **meeting, struct mp_error *err)
{
    struct mp_meeting_row begun;
    int rc;

    if (row->meeting_id != 0)
        return schedule_meeting(ctx, row->meeting_id, meeting, err);
    if (wanted(row)) /* booking looks for it itself */
        return 0;
    rc = mp_store_meeting_by_unit(ctx->db, ctx->arena, unit_key(ctx->arena, row, row->generation), &begun, err);
    return rc > 0 ? schedule_meeting(ctx, begun.id, meeting, err) : rc;
}

static enum step decide_wanted(const struct mp_booking_row *row, const struct mp_meeting_row *meeting)
{
    switch (meeting->status) {
    case MP_MEETING_FAILED:
        return STEP_RENEW;
    case MP_MEETING_DELETED:
        return STEP_GONE;
    case MP_MEETING_ENDED: /* put off after it has been held: another one is needed then */
        return row->starts_at >= meeting->ended_at && mp_now_ms() < over_at(row) ? STEP_RENEW : STEP_KEEP;
    case MP_MEETING_CREATING:
    case MP_MEETING_SCHEDULED:
    case MP_MEETING_STARTED:
        break;
    }
    return STEP_CHANGE;
}

static enum step decide(const struct agreement *a, const struct mp_meeting *meeting)
{
    const struct mp_booking_row *row = &a->booking->row;

    if (row->status == MP_BOOKING_COMPLETED)
        return meeting != NULL ? STEP_KEEP : STEP_NONE;
    if (wanted(row))
        return meeting != NULL ? decide_wanted(row, &meeting->row) : STEP_MAKE;
    if (meeting == NULL || meeting->row.status == MP_MEETING_DELETED || meeting->row.status == MP_MEETING_FAILED)
        return STEP_NONE;
    return meeting->row.status == MP_MEETING_ENDED ? STEP_KEEP : STEP_REMOVE;
}

/* Does all but making a new one; whether one is to be made. */
static bool act(struct mp_ctx *ctx, struct agreement *a, enum step step, struct mp_meeting *meeting)
{
    switch (step) {
    case STEP_KEEP:
        is_ok(a, meeting);
        break;
    case STEP_RENEW:
        a->outcome.generation = a->booking->row.generation + 1;
        a->outcome.meeting_id = 0; /* or the next try would find the one that is no use */
        return true;
    case STEP_MAKE:
        return true;
    case STEP_CHANGE:
        change_meeting(ctx, a, meeting);
        break;
    case STEP_REMOVE:
        remove_meeting(ctx, a, meeting);
        break;
    case STEP_NONE:
        if (meeting != NULL)
            let_go(a, meeting);
        agreed(a, MP_STATE_NONE, NULL);
        break;
    case STEP_GONE:
        is_gone(a);
        break;
    }
    return false;
}

/* Whether a meeting is to be made; `item` says which. */
static bool begin(struct mp_ctx *ctx, struct agreement *a, struct mp_meeting_item *item)
{
    struct mp_booking_row *row = &a->booking->row;
    struct mp_meeting *meeting = NULL;

    mp_error_init(&a->why, ctx->arena);
    a->booking->trouble = MP_E_NONE;
    a->booking->trouble_text = NULL;
    a->booking->moved = false;
    a->outcome = (struct mp_booking_outcome){.meeting_id = row->meeting_id, .leaving_id = row->leaving_id, .generation = row->generation};
    if (look_up(ctx, row, &meeting, &a->why) < 0) {
        put_off(ctx, a);
        return false;
    }
    if (!act(ctx, a, decide(a, meeting), meeting))
        return false;
    if (mp_now_ms() >= over_at(row)) {
        agreed(a, MP_STATE_FAILED, row->meeting_reason != NULL ? row->meeting_reason : REASON_TOO_LATE);
        return false;
    }
    mp_error_init(&item->err, ctx->arena);
    item->unit_key = unit_key(ctx->arena, row, a->outcome.generation);
    if (schedule_meeting_spec(ctx, row, &item->spec, &a->why) < 0) {
        put_off(ctx, a);
        return false;
    }
    return true;
}

void schedule_agree(struct mp_ctx *ctx, struct agreement *list, size_t count)
{
    struct mp_meeting_item *items = mp_arena_array(ctx->arena, count + 1, sizeof(*items));
    struct agreement **missing = mp_arena_array(ctx->arena, count + 1, sizeof(struct agreement *));
    size_t missing_count = 0;

    for (size_t i = 0; i < count; i++) {
        if (begin(ctx, &list[i], &items[missing_count]))
            missing[missing_count++] = &list[i];
    }
    make_all(ctx, missing, items, missing_count);
    for (size_t i = 0; i < count; i++)
        look_after_leaving(ctx, &list[i]);
}

/* ---- Writing it down ---- */

struct settling {
    struct agreement *list;
    size_t count;
    bool *ours;
};

/* The transaction. May run twice. */
static int settle_all(struct mp_db *db, void *arg, struct mp_error *err)
{
    struct settling *s = arg;

    for (size_t i = 0; i < s->count; i++) {
        int rc = mp_store_booking_settle(db, &s->list[i].booking->row, &s->list[i].outcome, err);

        if (rc < 0)
            return -1;
        s->ours[i] = rc > 0;
    }
    return 0;
}

/* The row as it was written; where somebody else has taken over, as it is. */
static int take_in(struct mp_ctx *ctx, struct agreement *a, bool ours, struct mp_error *err)
{
    struct mp_booking_row *row = &a->booking->row;

    if (!ours) {
        mp_log(ctx->log, MP_WARNING, "booking.taken_over", MP_STR("booking", row->public_id));
        return mp_store_booking_by_id(ctx->db, ctx->arena, row->id, row, err) < 0 ? -1 : 0;
    }
    row->meeting_id = a->outcome.meeting_id;
    row->leaving_id = a->outcome.leaving_id;
    row->generation = a->outcome.generation;
    row->meeting_state = a->outcome.state;
    row->meeting_reason = a->outcome.reason;
    row->dirty = !a->outcome.settled;
    row->tries = a->outcome.settled ? 0 : row->tries + 1;
    return 0;
}

int schedule_settle(struct mp_ctx *ctx, struct agreement *list, size_t count, struct mp_error *err)
{
    struct settling s = {list, count, mp_arena_array(ctx->arena, count + 1, sizeof(bool))};
    int64_t give_up_ms = mp_monotonic_ms() + SETTLE_MS;

    /* The database may be away just now. Written twice it says the same. */
    while (mp_tx_run(ctx->db, settle_all, &s, err) < 0) {
        if ((err->code != MP_E_UNAVAILABLE && err->code != MP_E_UNCERTAIN) || mp_monotonic_ms() > give_up_ms)
            return -1;
        mp_error_reset(err);
        mp_sleep_ms(200);
    }
    for (size_t i = 0; i < count; i++) {
        if (take_in(ctx, &list[i], s.ours[i], err) < 0)
            return -1;
    }
    return 0;
}

int mp_booking_reconcile(struct mp_ctx *ctx, struct mp_booking *booking, struct mp_error *err)
{
    struct agreement a = {.booking = booking};

    schedule_agree(ctx, &a, 1);
    return schedule_settle(ctx, &a, 1, err);
}
