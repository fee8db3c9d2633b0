#include <string.h>

#include "meetpool/clock.h"
#include "schedule_int.h"

/* A booking may be changed by others while it is looked at. */
#define TRIES 5
/* A meeting may have been moved more than once. */
#define HOPS_MAX 8
/* A start in the past is told to Zoom as one a few seconds ahead. */
#define OPENED_MS 60000

static bool same(const char *a, const char *b)
{
    return strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0;
}

/* The booking whose meeting that is, or was before it was moved. 1 found, 0 none, -1 failed. */
static int booking_of(struct mp_ctx *ctx, const struct mp_meeting_row *meeting, struct mp_booking_row *row, struct mp_error *err)
{
    struct mp_meeting_row seen = *meeting;
    int rc = mp_store_booking_by_meeting(ctx->db, ctx->arena, seen.id, row, err);

    for (int hops = 0; rc == 0 && seen.replaces != 0 && hops < HOPS_MAX; hops++) {
        rc = mp_store_meeting_by_id(ctx->db, ctx->arena, seen.replaces, &seen, err);
        if (rc > 0)
            rc = mp_store_booking_by_meeting(ctx->db, ctx->arena, seen.id, row, err);
    }
    return rc;
}

/* The title of a booking whose meeting is called otherwise now: without what stood in front of it ("Course - "). */
static const char *title_of(struct mp_arena *arena, const struct mp_booking_row *row, const char *topic)
{
    size_t old = strlen(row->topic), title = strlen(row->title), front;

    if (title > old || strcmp(row->topic + old - title, row->title) != 0)
        return row->title; /* it was cut, or is called otherwise */
    front = old - title;
    if (strlen(topic) > front && strncmp(topic, row->topic, front) == 0)
        return mp_arena_strdup(arena, topic + front);
    return topic;
}

/* Whether its start is one that Zoom has made of a start in the past: not what somebody wants. Then it was now when the record was written. */
static bool opened_now(const struct mp_booking_row *row, const struct mp_meeting_row *meeting)
{
    return row->starts_at < row->updated_at && meeting->starts_at <= meeting->updated_at + OPENED_MS;
}

/* Takes over what was changed at the meeting. Whether anything was. */
static bool take_over(struct mp_ctx *ctx, struct mp_booking_row *row, const struct mp_meeting_row *meeting)
{
    bool retimed =
        !opened_now(row, meeting) && (row->starts_at / 1000 != meeting->starts_at / 1000 || schedule_duration_min(row) != meeting->duration_min);
    bool renamed = !same(row->topic, meeting->topic), described = !same(row->description, meeting->agenda);
    bool zoned = meeting->timezone != NULL && !same(row->timezone, meeting->timezone);
    bool set = meeting->settings_requested != NULL && !same(row->settings, meeting->settings_requested);

    if (retimed) {
        int64_t length_ms = schedule_duration_min(row) != meeting->duration_min ? meeting->duration_min * 60000 : row->ends_at - row->starts_at;

        row->starts_at = meeting->starts_at;
        row->ends_at = meeting->starts_at + length_ms;
    }
    if (renamed) {
        row->title = title_of(ctx->arena, row, meeting->topic);
        row->topic = meeting->topic;
    }
    if (described)
        row->description = meeting->agenda;
    if (zoned)
        row->timezone = meeting->timezone;
    if (set)
        row->settings = meeting->settings_requested;
    return retimed || renamed || described || zoned || set;
}

/* Whether anything is to be written. */
static bool follow(struct mp_ctx *ctx, struct mp_booking_row *row, const struct mp_meeting_row *meeting)
{
    const char *gone = schedule_gone(row, meeting);
    bool moved = row->meeting_id != meeting->id, changed;

    row->meeting_id = meeting->id;
    if (gone != NULL) {
        changed = row->meeting_state != MP_STATE_FAILED;
        row->meeting_state = MP_STATE_FAILED;
        row->meeting_reason = gone;
        return changed || moved;
    }
    if (meeting->status != MP_MEETING_SCHEDULED && meeting->status != MP_MEETING_STARTED)
        return moved;
    changed = take_over(ctx, row, meeting);
    return changed || moved;
}

struct following {
    struct mp_booking_row row;
    int rc;
};

static int write_it(struct mp_db *db, void *arg, struct mp_error *err)
{
    struct following *f = arg;
    struct mp_booking_row row = f->row;

    f->rc = mp_store_booking_follow(db, &row, mp_now_ms(), err);
    return f->rc < 0 ? -1 : 0;
}

int mp_booking_follow(struct mp_ctx *ctx, int64_t meeting_row, struct mp_error *err)
{
    for (int tries = 0; tries < TRIES; tries++) {
        struct following f = {.rc = 0};
        struct mp_meeting *meeting;
        int rc = schedule_meeting(ctx, meeting_row, &meeting, err);

        if (rc > 0)
            rc = booking_of(ctx, &meeting->row, &f.row, err);
        if (rc <= 0)
            return rc;
        /* What was asked for here and not told yet is newer; what is over is left alone. */
        if (f.row.dirty || f.row.status != MP_BOOKING_SCHEDULED || !f.row.wants_meeting || !follow(ctx, &f.row, &meeting->row))
            return 0;
        if (mp_tx_run(ctx->db, write_it, &f, err) < 0)
            return -1;
        if (f.rc > 0) {
            mp_log(ctx->log, MP_INFO, "booking.followed", MP_STR("booking", f.row.public_id),
                   MP_STR("state", mp_meeting_state_name(f.row.meeting_state)));
            return 0;
        }
    }
    return 0;
}

int schedule_hear(struct mp_ctx *ctx, struct mp_error *err)
{
    struct mp_meeting_row *rows;
    size_t count;

    if (mp_store_meeting_news(ctx->db, ctx->arena, HEAR_MAX, &rows, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (mp_booking_follow(ctx, rows[i].id, err) < 0 || mp_store_meeting_heard(ctx->db, &rows[i], err) < 0)
            return -1;
    }
    return 0;
}
