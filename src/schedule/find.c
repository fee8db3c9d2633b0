#include <string.h>

#include "meetpool/clock.h"
#include "schedule_int.h"

/* A moved meeting may have been moved again. */
#define HOPS_MAX 8

#define REASON_GONE  "Its meeting was deleted at Zoom or by hand; ask for another one (create-zoom-meeting) if it is wanted."
#define REASON_ENDED "Its meeting was ended before it had begun; ask for another one (create-zoom-meeting) if it is wanted."

int schedule_meeting(struct mp_ctx *ctx, int64_t id, struct mp_meeting **out, struct mp_error *err)
{
    int rc = mp_meeting_by_row(ctx, id, out, err);

    for (int hops = 0; rc > 0 && (*out)->row.replaced_by != 0 && hops < HOPS_MAX; hops++)
        rc = mp_meeting_by_row(ctx, (*out)->row.replaced_by, out, err);
    return rc;
}

const char *schedule_gone(const struct mp_booking_row *row, const struct mp_meeting_row *meeting)
{
    if (meeting->status == MP_MEETING_DELETED || meeting->status == MP_MEETING_FAILED)
        return REASON_GONE;
    if (meeting->status == MP_MEETING_ENDED && meeting->started_at < 0 && row->starts_at >= meeting->ended_at)
        return REASON_ENDED;
    return NULL;
}

/* What webhooks, the sweep or a person at Zoom made of the meeting since the booking was last looked after. */
static void see_truth(struct mp_booking *booking)
{
    struct mp_booking_row *row = &booking->row;
    const struct mp_meeting_row *meeting = &booking->meeting->row;

    if (schedule_gone(row, meeting) != NULL) {
        if (row->meeting_state == MP_STATE_OK) {
            row->meeting_state = MP_STATE_FAILED;
            row->meeting_reason = schedule_gone(row, meeting);
        }
        booking->meeting = NULL;
    } else if (meeting->pending != NULL && row->meeting_state == MP_STATE_OK) {
        row->meeting_state = MP_STATE_PENDING;
        row->meeting_reason = meeting->pending_error;
    }
}

/* What several bookings of a list share is read once. */
struct shared {
    const struct mp_batch_row **batches;
    const struct mp_course_row **courses;
    size_t batches_count, courses_count;
};

static int fill_batch(struct mp_ctx *ctx, struct shared *shared, struct mp_booking *booking, struct mp_error *err)
{
    struct mp_batch_row *batch;
    int rc;

    for (size_t i = 0; i < shared->batches_count && booking->batch == NULL; i++)
        booking->batch = shared->batches[i]->id == booking->row.batch_id ? shared->batches[i] : NULL;
    if (booking->batch != NULL || booking->row.batch_id == 0)
        return 0;
    batch = MP_NEW(ctx->arena, struct mp_batch_row);
    rc = mp_store_batch_by_id(ctx->db, ctx->arena, booking->row.batch_id, batch, err);
    if (rc > 0)
        booking->batch = shared->batches[shared->batches_count++] = batch;
    return rc < 0 ? -1 : 0;
}

static int fill_course(struct mp_ctx *ctx, struct shared *shared, struct mp_booking *booking, struct mp_error *err)
{
    struct mp_course_row *course;
    int rc;

    for (size_t i = 0; i < shared->courses_count && booking->course == NULL; i++)
        booking->course = shared->courses[i]->id == booking->row.course_id ? shared->courses[i] : NULL;
    if (booking->course != NULL || booking->row.course_id == 0)
        return 0;
    course = MP_NEW(ctx->arena, struct mp_course_row);
    rc = mp_store_course_by_id(ctx->db, ctx->arena, booking->row.course_id, course, err);
    if (rc > 0)
        booking->course = shared->courses[shared->courses_count++] = course;
    return rc < 0 ? -1 : 0;
}

/* The last of those that took each other's place, of one that was read. */
static int follow_moves(struct mp_ctx *ctx, struct mp_meeting **meeting, struct mp_error *err)
{
    if (*meeting == NULL || (*meeting)->row.replaced_by == 0)
        return 0;
    return schedule_meeting(ctx, (*meeting)->row.id, meeting, err) < 0 ? -1 : 0;
}

/* Nothing is recorded before it begins: bookings to come cost no look. */
static int fill_recordings(struct mp_ctx *ctx, struct mp_booking *list, size_t count, struct mp_error *err)
{
    struct mp_recording_row **rows = mp_arena_array(ctx->arena, count + 1, sizeof(*rows));
    int64_t *ids = mp_arena_array(ctx->arena, count + 1, sizeof(*ids)), now_ms = mp_now_ms();

    for (size_t i = 0; i < count; i++) {
        const struct mp_booking *b = &list[i];
        bool begun = b->meeting != NULL && (b->row.starts_at <= now_ms || b->meeting->row.started_at >= 0);

        ids[i] = begun && b->row.kind == MP_KIND_SESSION ? b->meeting->row.id : 0;
    }
    if (mp_store_recordings_of(ctx->db, ctx->arena, ids, count, rows, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        list[i].recording = rows[i];
    return 0;
}

static int fill_all(struct mp_ctx *ctx, struct mp_booking *list, size_t count, struct mp_error *err)
{
    struct shared shared = {mp_arena_array(ctx->arena, count + 1, sizeof(const struct mp_batch_row *)),
                            mp_arena_array(ctx->arena, count + 1, sizeof(const struct mp_course_row *)), 0, 0};
    struct mp_booking_person **people = mp_arena_array(ctx->arena, count + 1, sizeof(*people));
    struct mp_meeting **meetings = mp_arena_array(ctx->arena, count + 1, sizeof(*meetings));
    int64_t *ids = mp_arena_array(ctx->arena, count + 1, sizeof(*ids));
    size_t *counts = mp_arena_array(ctx->arena, count + 1, sizeof(*counts));

    for (size_t i = 0; i < count; i++)
        ids[i] = list[i].row.id;
    if (mp_store_booking_people_of(ctx->db, ctx->arena, ids, count, people, counts, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        ids[i] = list[i].row.meeting_id;
    if (mp_meeting_by_rows(ctx, ids, count, meetings, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        struct mp_booking *booking = &list[i];

        booking->people = people[i];
        booking->people_count = counts[i];
        booking->meeting = meetings[i];
        if (fill_batch(ctx, &shared, booking, err) < 0 || fill_course(ctx, &shared, booking, err) < 0 ||
            follow_moves(ctx, &booking->meeting, err) < 0)
            return -1;
        if (booking->meeting != NULL)
            see_truth(booking);
    }
    return fill_recordings(ctx, list, count, err);
}

int schedule_wrap_all(struct mp_ctx *ctx, const struct mp_booking_row *rows, size_t count, struct mp_booking **out, struct mp_error *err)
{
    *out = mp_arena_array(ctx->arena, count + 1, sizeof(**out));
    for (size_t i = 0; i < count; i++)
        (*out)[i].row = rows[i];
    return fill_all(ctx, *out, count, err);
}

int schedule_wrap(struct mp_ctx *ctx, const struct mp_booking_row *row, struct mp_booking **out, struct mp_error *err)
{
    return schedule_wrap_all(ctx, row, 1, out, err);
}

int schedule_load(struct mp_ctx *ctx, int64_t id, struct mp_booking **out, struct mp_error *err)
{
    struct mp_booking_row row;
    int rc = mp_store_booking_by_id(ctx->db, ctx->arena, id, &row, err);

    if (rc <= 0)
        return rc;
    return schedule_wrap(ctx, &row, out, err) < 0 ? -1 : 1;
}

int mp_booking_find_any(struct mp_ctx *ctx, enum mp_booking_kind kind, const char *public_id, struct mp_booking **out, struct mp_error *err)
{
    struct mp_booking_row row;
    int rc = mp_store_booking_by_public(ctx->db, ctx->arena, kind, public_id, &row, err);

    if (rc <= 0)
        return rc;
    return schedule_wrap(ctx, &row, out, err) < 0 ? -1 : 1;
}

int mp_booking_find(struct mp_ctx *ctx, enum mp_booking_kind kind, const char *public_id, struct mp_booking **out, struct mp_error *err)
{
    int rc = mp_booking_find_any(ctx, kind, public_id, out, err);

    return rc > 0 && (*out)->row.status == MP_BOOKING_DELETED ? 0 : rc;
}

int mp_booking_list(struct mp_ctx *ctx, const struct mp_booking_query *query, struct mp_booking **out, size_t *count, struct mp_error *err)
{
    struct mp_booking_row *rows;

    if (mp_store_booking_list(ctx->db, ctx->arena, query, &rows, count, err) < 0)
        return -1;
    return schedule_wrap_all(ctx, rows, *count, out, err);
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
