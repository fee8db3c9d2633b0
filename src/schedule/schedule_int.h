#ifndef SCHEDULE_INT_H
#define SCHEDULE_INT_H

#include "meetpool/schedule.h"

/* A booking is its worker's for this long: longer than making, moving or removing a meeting may take. */
#define SCHEDULE_LEASE_MS 60000
/* How long a request waits for whoever is at the same booking. */
#define SCHEDULE_WAIT_MS 10000
/* How long a request goes on calling Zoom for one booking of a series after another; the rest follows in the background. */
#define SCHEDULE_SERIES_MS 20000

/* One booking on its way to agree with its meeting. */
struct agreement {
    struct mp_booking *booking; /* its lease is ours */
    /* Out: what is to be written, and what was in the way (MP_E_NONE: nothing). */
    struct mp_booking_outcome outcome;
    struct mp_error why;
};

/* Makes the meetings agree: new ones in parallel, the rest one after another. Nothing of the bookings is written; each has its trouble told. */
void schedule_agree(struct mp_ctx *ctx, struct agreement *list, size_t count);
/* Writes what came of it, all in one transaction, each under its fence, and gives the leases back. */
int schedule_settle(struct mp_ctx *ctx, struct agreement *list, size_t count, struct mp_error *err) MP_MUST_CHECK;

/* What a new meeting for the booking is asked to be like. */
int schedule_meeting_spec(struct mp_ctx *ctx, const struct mp_booking_row *row, struct mp_meeting_spec *spec, struct mp_error *err) MP_MUST_CHECK;
/* What the meeting lasts at Zoom. */
int64_t schedule_duration_min(const struct mp_booking_row *row);
/* Why that meeting is no use to the booking any more: deleted, never made, or ended before it had begun. NULL: it is, or it was held. */
const char *schedule_gone(const struct mp_booking_row *row, const struct mp_meeting_row *meeting);
/* The runner: bookings follow what became of their meetings since they were heard of. */
int schedule_hear(struct mp_ctx *ctx, struct mp_error *err) MP_MUST_CHECK;
#define HEAR_MAX 200

/* Tells the caller what is in the way. */
void schedule_tell(struct mp_ctx *ctx, struct mp_booking *booking, const struct mp_error *why);

/* With people, meeting and batch. The state is what it is seen to be now: a meeting that was deleted elsewhere is not `ok`. */
int schedule_wrap(struct mp_ctx *ctx, const struct mp_booking_row *row, struct mp_booking **out, struct mp_error *err) MP_MUST_CHECK;
/* The same for several, read together. */
int schedule_wrap_all(struct mp_ctx *ctx, const struct mp_booking_row *rows, size_t count, struct mp_booking **out,
                      struct mp_error *err) MP_MUST_CHECK;
/* By its row, whatever its status. 1 found, 0 none, -1 failed. */
int schedule_load(struct mp_ctx *ctx, int64_t id, struct mp_booking **out, struct mp_error *err) MP_MUST_CHECK;
/* A meeting's row, or the one that took its place when it was moved. 1 found, 0 none, -1 failed. */
int schedule_meeting(struct mp_ctx *ctx, int64_t id, struct mp_meeting **out, struct mp_error *err) MP_MUST_CHECK;

/* Owner, host and members as the store takes them; `count` is filled. */
struct mp_booking_person *schedule_people(struct mp_arena *arena, const char *owner, const char *host, const char *const *members,
                                          size_t members_count, size_t *count);

/* Waits for the lease until the monotonic `until_ms`; the row is read anew. 1 ours, 0 it agrees by now or somebody is still at it, -1 failed. */
int schedule_take(struct mp_ctx *ctx, struct mp_booking_row *row, int64_t until_ms, struct mp_error *err) MP_MUST_CHECK;
/* Leases of those that are known to have died are due at once. */
int schedule_release_dead(struct mp_ctx *ctx, struct mp_error *err) MP_MUST_CHECK;

#endif
