#include <string.h>

#include "meetpool/clock.h"
#include "schedule_int.h"

/* A moved meeting may have been moved again. */
#define HOPS_MAX 8

int schedule_meeting(struct mp_ctx *ctx, int64_t id, struct mp_meeting **out, struct mp_error *err)
{
    int rc = mp_meeting_by_row(ctx, id, out, err);

    for (int hops = 0; rc > 0 && (*out)->row.replaced_by != 0 && hops < HOPS_MAX; hops++)
        rc = mp_meeting_by_row(ctx, (*out)->row.replaced_by, out, err);
    return rc;
}

/* What webhooks, the sweep or a person at Zoom made of the meeting since the booking was last looked after. */
static void see_truth(struct mp_booking *booking)
{
    struct mp_booking_row *row = &booking->row;
    const struct mp_meeting_row *meeting = &booking->meeting->row;

    if (meeting->status == MP_MEETING_DELETED || meeting->status == MP_MEETING_FAILED) {
        if (row->meeting_state == MP_STATE_OK) {
            row->meeting_state = MP_STATE_FAILED;
            row->meeting_reason = "Its meeting was deleted at Zoom or by hand.";
        }
        booking->meeting = NULL;
    } else if (meeting->pending != NULL && row->meeting_state == MP_STATE_OK) {
        row->meeting_state = MP_STATE_PENDING;
        row->meeting_reason = meeting->pending_error;
    }
}

static int fill_batch(struct mp_ctx *ctx, struct mp_booking *booking, struct mp_error *err)
{
    struct mp_batch_row *batch = MP_NEW(ctx->arena, struct mp_batch_row);
    int rc = mp_store_batch_by_id(ctx->db, ctx->arena, booking->row.batch_id, batch, err);

    if (rc > 0)
        booking->batch = batch;
    return rc < 0 ? -1 : 0;
}

static int fill(struct mp_ctx *ctx, const struct mp_booking_row *row, const struct mp_batch_row *batch, struct mp_booking *out, struct mp_error *err)
{
    *out = (struct mp_booking){.row = *row};
    if (mp_store_booking_people(ctx->db, ctx->arena, row->id, &out->people, &out->people_count, err) < 0)
        return -1;
    if (batch != NULL && batch->id == row->batch_id)
        out->batch = batch;
    else if (row->batch_id != 0 && fill_batch(ctx, out, err) < 0)
        return -1;
    if (row->meeting_id == 0)
        return 0;
    if (schedule_meeting(ctx, row->meeting_id, &out->meeting, err) < 0)
        return -1;
    if (out->meeting != NULL)
        see_truth(out);
    return 0;
}

int schedule_wrap(struct mp_ctx *ctx, const struct mp_booking_row *row, struct mp_booking **out, struct mp_error *err)
{
    *out = MP_NEW(ctx->arena, struct mp_booking);
    return fill(ctx, row, NULL, *out, err);
}

int schedule_load(struct mp_ctx *ctx, int64_t id, struct mp_booking **out, struct mp_error *err)
{
    struct mp_booking_row row;
    int rc = mp_store_booking_by_id(ctx->db, ctx->arena, id, &row, err);

    if (rc <= 0)
        return rc;
    return schedule_wrap(ctx, &row, out, err) < 0 ? -1 : 1;
}

int mp_booking_find(struct mp_ctx *ctx, enum mp_booking_kind kind, const char *public_id, struct mp_booking **out, struct mp_error *err)
{
    struct mp_booking_row row;
    int rc = mp_store_booking_by_public(ctx->db, ctx->arena, kind, public_id, &row, err);

    if (rc <= 0 || row.status == MP_BOOKING_DELETED)
        return rc < 0 ? -1 : 0;
    return schedule_wrap(ctx, &row, out, err) < 0 ? -1 : 1;
}

int mp_booking_list(struct mp_ctx *ctx, const struct mp_booking_query *query, struct mp_booking **out, size_t *count, struct mp_error *err)
{
    const struct mp_batch_row *batch = NULL;
    struct mp_booking_row *rows;
    struct mp_booking *list;

    if (mp_store_booking_list(ctx->db, ctx->arena, query, &rows, count, err) < 0)
        return -1;
    list = mp_arena_array(ctx->arena, *count + 1, sizeof(*list));
    for (size_t i = 0; i < *count; i++) {
        if (fill(ctx, &rows[i], batch, &list[i], err) < 0)
            return -1;
        batch = list[i].batch != NULL ? list[i].batch : batch;
    }
    *out = list;
    return 0;
}

struct mp_booking_person *schedule_people(struct mp_arena *arena, const char *owner, const char *host, const char *const *members,
                                          size_t members_count, size_t *count)
{
    struct mp_booking_person *people = mp_arena_array(arena, members_count + 2, sizeof(*people));

    *count = 0;
    people[(*count)++] = (struct mp_booking_person){owner, MP_PART_OWNER};
    if (host != NULL)
        people[(*count)++] = (struct mp_booking_person){host, MP_PART_HOST};
    for (size_t i = 0; i < members_count; i++)
        people[(*count)++] = (struct mp_booking_person){members[i], MP_PART_MEMBER};
    return people;
}
