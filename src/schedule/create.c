#include <string.h>

#include "meetpool/clock.h"
#include "meetpool/crypto.h"
#include "meetpool/json.h"
#include "schedule_int.h"

#define PUBLIC_ID_CHARS 24

/* Several bookings on their way. */
struct creation {
    struct mp_ctx *ctx;
    const struct mp_booking_spec *specs;
    struct mp_booking *bookings;
    size_t count;
    int64_t now_ms;
};

/* A repeated unit of work finds the bookings of its first try by their ids. */
static const char *public_id(const struct creation *c, size_t index)
{
    struct mp_arena *arena = c->ctx->arena;

    if (c->ctx->unit_key == NULL)
        return mp_store_public_id(arena, c->now_ms);
    return mp_arena_printf(arena, "%.*s", PUBLIC_ID_CHARS,
                           mp_sha256_hex(arena, mp_slice_of(mp_arena_printf(arena, "%s|%zu", c->ctx->unit_key, index))));
}

static void describe(struct creation *c, size_t index)
{
    const struct mp_booking_spec *spec = &c->specs[index];
    struct mp_booking *booking = &c->bookings[index];

    booking->row = (struct mp_booking_row){
        .public_id = public_id(c, index),
        .kind = spec->kind,
        .status = MP_BOOKING_SCHEDULED,
        .owner_sub = spec->owner_sub,
        .host_sub = spec->host_sub,
        .course_id = spec->course_id,
        .batch_id = spec->batch_id,
        .series_id = spec->series_id,
        .title = spec->title,
        .topic = spec->topic != NULL ? spec->topic : spec->title,
        .description = spec->description,
        .starts_at = spec->starts_at,
        .ends_at = spec->ends_at,
        .timezone = spec->timezone,
        .wants_meeting = spec->wants_meeting,
        .settings = spec->settings != NULL ? mp_json_text(c->ctx->arena, spec->settings) : NULL,
        .generation = 1,
        .created_at = c->now_ms,
        .updated_at = c->now_ms,
        .deleted_at = -1,
    };
    booking->batch = spec->batch;
    booking->course = spec->course;
    booking->people = schedule_people(c->ctx->arena, spec->owner_sub, spec->host_sub, spec->members, spec->members_count, &booking->people_count);
}

/* ---- A dry run ---- */

static int predict(struct creation *c, struct mp_error *err)
{
    struct mp_meeting_item *items = mp_arena_array(c->ctx->arena, c->count + 1, sizeof(*items));
    struct mp_booking **whose = mp_arena_array(c->ctx->arena, c->count + 1, sizeof(struct mp_booking *));
    size_t wanted = 0;

    for (size_t i = 0; i < c->count; i++) {
        if (!c->specs[i].wants_meeting)
            continue;
        mp_error_init(&items[wanted].err, c->ctx->arena);
        if (schedule_meeting_spec(c->ctx, &c->bookings[i].row, &items[wanted].spec, err) < 0)
            return -1;
        items[wanted].spec.dry_run = true;
        whose[wanted++] = &c->bookings[i];
    }
    if (wanted > 0 && mp_meeting_book_many(c->ctx, items, wanted, err) < 0) {
        if (err->code != MP_E_ZOOM_DISABLED && err->code != MP_E_ZOOM_NOT_CONFIGURED)
            return -1;
        for (size_t i = 0; i < wanted; i++)
            items[i].err = *err;
        mp_error_reset(err);
    }
    for (size_t i = 0; i < wanted; i++) {
        whose[i]->meeting = items[i].meeting;
        if (items[i].meeting == NULL)
            schedule_tell(c->ctx, whose[i], &items[i].err);
    }
    return 0;
}

/* ---- The real run ---- */

/* The course it belongs to, held like the batch; 0: none, or it was deleted at this moment. */
static int course_of_batch(struct creation *c, struct mp_db *db, const struct mp_batch_row *batch, int64_t *course_id, struct mp_error *err)
{
    struct mp_course_row course;
    int rc;

    *course_id = 0;
    if (batch->course_id == 0)
        return 0;
    rc = mp_store_course_hold(db, c->ctx->arena, batch->course_id, c->count, &course, err);
    if (rc > 0 && !course.deleted)
        *course_id = course.id;
    return rc < 0 ? -1 : 0;
}

/* Whose sessions they are is read, and held, in the transaction that stores them: a change of the batch comes before or after. */
static int people_of_batch(struct creation *c, struct mp_db *db, struct mp_error *err)
{
    struct mp_arena *arena = c->ctx->arena;
    struct mp_batch_row batch;
    const char **members;
    int64_t course_id;
    size_t count;
    int rc = mp_store_batch_hold(db, arena, c->specs[0].batch_id, c->count, &batch, err);

    if (rc > 0 && batch.deleted)
        rc = 0;
    if (rc <= 0)
        return rc < 0 ? -1 : mp_fail(err, MP_E_NOT_FOUND, "There is no such batch.");
    if (course_of_batch(c, db, &batch, &course_id, err) < 0 || mp_store_batch_members(db, arena, batch.id, &members, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < c->count; i++) {
        struct mp_booking *booking = &c->bookings[i];

        booking->row.course_id = course_id;
        booking->row.host_sub = batch.instructor_sub != NULL ? batch.instructor_sub : batch.owner_sub;
        booking->people =
            schedule_people(arena, booking->row.owner_sub, booking->row.host_sub, (const char *const *)members, count, &booking->people_count);
    }
    return 0;
}

/* As with a batch, where there is none: the course is there, or it is not, for all of them. */
static int hold_course(struct creation *c, struct mp_db *db, struct mp_error *err)
{
    struct mp_course_row course;
    int rc = mp_store_course_hold(db, c->ctx->arena, c->specs[0].course_id, c->count, &course, err);

    if (rc > 0 && course.deleted)
        rc = 0;
    return rc > 0 ? 0 : rc < 0 ? -1 : mp_fail(err, MP_E_NOT_FOUND, "There is no such course.");
}

/* The transaction: all or none. May run twice. */
static int insert_all(struct mp_db *db, void *arg, struct mp_error *err)
{
    struct creation *c = arg;

    if (c->specs[0].batch_id != 0 && people_of_batch(c, db, err) < 0)
        return -1;
    if (c->specs[0].batch_id == 0 && c->specs[0].course_id != 0 && hold_course(c, db, err) < 0)
        return -1;
    for (size_t i = 0; i < c->count; i++) {
        struct mp_booking *booking = &c->bookings[i];

        if (mp_store_booking_insert(db, &booking->row, booking->people, booking->people_count, c->ctx->owner, SCHEDULE_LEASE_MS, err) < 0)
            return -1;
    }
    return 0;
}

/* Whether they are stored already; the first stands for all, as they were stored together. */
static int are_stored(struct creation *c, struct mp_error *err)
{
    struct mp_booking_row row;

    return mp_store_booking_by_public(c->ctx->db, c->ctx->arena, c->specs[0].kind, c->bookings[0].row.public_id, &row, err);
}

/* Takes up what an earlier try has stored, and the leases of what it has not finished. */
static int take_up(struct creation *c, struct mp_error *err)
{
    struct mp_ctx *ctx = c->ctx;
    int64_t until_ms = mp_monotonic_ms() + SCHEDULE_WAIT_MS;

    for (size_t i = 0; i < c->count; i++) {
        struct mp_booking_row row;
        struct mp_booking *booking;
        int rc = mp_store_booking_by_public(ctx->db, ctx->arena, c->specs[i].kind, c->bookings[i].row.public_id, &row, err);
        int64_t fence = 0;

        if (rc == 0)
            return mp_fail_log(err, MP_E_INTERNAL, "booking %zu of %zu of a repeated unit of work is not there", i, c->count);
        if (rc > 0 && row.dirty) {
            rc = schedule_take(ctx, &row, until_ms, err);
            fence = rc > 0 ? row.fence : 0;
        }
        if (rc < 0 || schedule_wrap(ctx, &row, &booking, err) < 0)
            return -1;
        c->bookings[i] = *booking;
        c->bookings[i].row.fence = fence;
    }
    return 0;
}

static int store(struct creation *c, struct mp_error *err)
{
    int found = c->ctx->unit_key != NULL ? are_stored(c, err) : 0;

    if (found == 0 && mp_tx_run(c->ctx->db, insert_all, c, err) < 0) {
        /* The answer of COMMIT was lost, or another try of the same unit was quicker: the bookings themselves tell. */
        if (err->code != MP_E_UNCERTAIN && (err->code != MP_E_CONFLICT || c->ctx->unit_key == NULL))
            return -1;
        mp_error_reset(err);
        found = are_stored(c, err);
        if (found == 0)
            return mp_tx_run(c->ctx->db, insert_all, c, err);
    }
    if (found < 0)
        return -1;
    return found > 0 ? take_up(c, err) : 0;
}

/* Stored they are; what cannot be written down now the runner finds out. */
static void make_meetings(struct creation *c)
{
    struct agreement *list = mp_arena_array(c->ctx->arena, c->count + 1, sizeof(*list));
    struct mp_error err;
    size_t count = 0;

    for (size_t i = 0; i < c->count; i++) {
        if (c->bookings[i].row.dirty && c->bookings[i].row.fence != 0)
            list[count++].booking = &c->bookings[i];
    }
    if (count == 0)
        return;
    schedule_agree(c->ctx, list, count);
    mp_error_init(&err, c->ctx->arena);
    if (schedule_settle(c->ctx, list, count, &err) == 0)
        return;
    for (size_t i = 0; i < count; i++) {
        list[i].booking->meeting = NULL;
        schedule_tell(c->ctx, list[i].booking, &err);
    }
}

int mp_booking_create(struct mp_ctx *ctx, const struct mp_booking_spec *specs, size_t count, bool dry_run, struct mp_booking **out,
                      struct mp_error *err)
{
    struct creation c = {ctx, specs, mp_arena_array(ctx->arena, count + 1, sizeof(struct mp_booking)), count, mp_now_ms()};

    *out = c.bookings;
    if (count == 0)
        return 0;
    for (size_t i = 0; i < count; i++)
        describe(&c, i);
    if (dry_run)
        return predict(&c, err);
    if (store(&c, err) < 0)
        return -1;
    make_meetings(&c);
    return 0;
}
