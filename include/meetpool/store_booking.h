#ifndef MEETPOOL_STORE_BOOKING_H
#define MEETPOOL_STORE_BOOKING_H

#include <stdbool.h>
#include <stdint.h>

#include "meetpool/arena.h"
#include "meetpool/db.h"
#include "meetpool/error.h"

/* Rows of `booking` and `booking_person`; what the states mean stands in schedule.h. Look-ups: 1 found, 0 none, -1 failed. Lists walk an index,
 * whatever the history. */

enum mp_booking_kind { MP_KIND_SESSION, MP_KIND_CLASS, MP_KIND_EVENT, MP_KIND_CUSTOM_SESSION, MP_KIND_APPOINTMENT, MP_KIND_INTERVIEW, MP_KIND_COUNT };
const char *mp_booking_kind_name(enum mp_booking_kind kind); /* "session", "class", "event", "custom_session", "appointment", "interview" */

enum mp_booking_status {
    MP_BOOKING_SCHEDULED,
    MP_BOOKING_COMPLETED, /* said to be over by its people; its meeting is left alone */
    MP_BOOKING_DELETED    /* cancelled: its meeting goes */
};
const char *mp_booking_status_name(enum mp_booking_status status);

/* Whether Zoom agrees. */
enum mp_meeting_state {
    MP_STATE_NONE, /* no meeting is wanted, and none is there */
    MP_STATE_OK,
    MP_STATE_PENDING, /* to be made, changed or removed as soon as Zoom (or the capacity) allows; meeting_reason says what is in the way */
    MP_STATE_FAILED   /* given up: its time has passed, or somebody deleted it */
};
const char *mp_meeting_state_name(enum mp_meeting_state state);

enum mp_booking_part { MP_PART_OWNER, MP_PART_HOST, MP_PART_MEMBER };

struct mp_booking_row {
    int64_t id;
    const char *public_id;
    enum mp_booking_kind kind;
    enum mp_booking_status status;
    const char *owner_sub, *host_sub; /* host_sub may be NULL */
    int64_t course_id, batch_id;      /* 0: none */
    const char *series_id;            /* NULL: it stands alone */
    const char *title, *topic;        /* topic: what the meeting is called */
    const char *description;
    int64_t starts_at, ends_at;
    const char *timezone;
    bool wants_meeting;
    const char *settings; /* JSON: all that is asked of Zoom, defaults merged; NULL: nothing */
    int64_t meeting_id;   /* row of `meeting`; 0: none */
    int64_t leaving_id;   /* the meeting that is not wanted any more and may not be gone at Zoom yet; 0: none */
    enum mp_meeting_state meeting_state;
    const char *meeting_reason;
    int64_t generation; /* counts the meetings it has had */
    bool dirty;         /* the meeting does not agree yet */
    int64_t tries, fence, sequence, version;
    int64_t created_at, updated_at, deleted_at; /* deleted_at -1: it is not */
};

struct mp_booking_person {
    const char *sub;
    enum mp_booking_part part;
};

/*
 * In a transaction. `row->id` is filled; people are its owner, host and members (a person may have several parts; nobody has the same twice). Where a
 * meeting is wanted the row is dirty, its state pending, leased to `worker` for `lease_ms`, and due for the runner when that is over; `row->fence`
 * is 1.
 */
int mp_store_booking_insert(struct mp_db *db, struct mp_booking_row *row, const struct mp_booking_person *people, size_t people_count,
                            const char *worker, int64_t lease_ms, struct mp_error *err) MP_MUST_CHECK;
int mp_store_booking_by_public(struct mp_db *db, struct mp_arena *arena, enum mp_booking_kind kind, const char *public_id, struct mp_booking_row *row,
                               struct mp_error *err) MP_MUST_CHECK;
int mp_store_booking_by_id(struct mp_db *db, struct mp_arena *arena, int64_t id, struct mp_booking_row *row, struct mp_error *err) MP_MUST_CHECK;
int mp_store_booking_by_meeting(struct mp_db *db, struct mp_arena *arena, int64_t meeting_id, struct mp_booking_row *row,
                                struct mp_error *err) MP_MUST_CHECK;
/* The people of a booking, in order of (part, sub). */
int mp_store_booking_people(struct mp_db *db, struct mp_arena *arena, int64_t booking_id, struct mp_booking_person **people, size_t *count,
                            struct mp_error *err) MP_MUST_CHECK;
/* The same for several at once: `people[i]` and `counts[i]` are those of `ids[i]`. */
int mp_store_booking_people_of(struct mp_db *db, struct mp_arena *arena, const int64_t *ids, size_t count, struct mp_booking_person **people,
                               size_t *counts, struct mp_error *err) MP_MUST_CHECK;
/* Whether `sub` has a part in it: 1 (`part`: the greatest: owner, host, member), 0, -1. */
int mp_store_booking_part(struct mp_db *db, int64_t booking_id, const char *sub, enum mp_booking_part *part, struct mp_error *err) MP_MUST_CHECK;

/*
 * In a transaction. Writes what is wanted (title, topic, description, host, times, timezone, wants_meeting, settings, status) under the version;
 * sequence and version grow by one; people are replaced where `people` is not NULL, else their status and start follow. With `dirty` the meeting is
 * to follow: it is leased to `worker` unless somebody is at it, and `row->fence` is then ours, else 0: who is at it leaves it due when done.
 * `lease_ms` 0: no lease is taken, `row->fence` stays as it is. 1 done, 0 the version has moved on.
 */
int mp_store_booking_write(struct mp_db *db, struct mp_booking_row *row, const struct mp_booking_person *people, size_t people_count, bool dirty,
                           const char *worker, int64_t lease_ms, int64_t now_ms, struct mp_error *err) MP_MUST_CHECK;

/* In a transaction, after a write: the meeting it had is no use any more; the next one is another one. */
int mp_store_booking_renew(struct mp_db *db, struct mp_booking_row *row, struct mp_error *err) MP_MUST_CHECK;
/* In a transaction: what became of its meeting elsewhere (title, topic, description, times, timezone, settings, meeting_id, state and reason of
 * `row`), under the version, which grows with the sequence, and only where the booking agrees. 1 done, 0 it has moved on. */
int mp_store_booking_follow(struct mp_db *db, struct mp_booking_row *row, int64_t now_ms, struct mp_error *err) MP_MUST_CHECK;

/* Under the fence: what became of the meeting. The sequence grows where it is another one than before, and the first try did not make it. `settled`:
 * it agrees (not dirty, nothing to retry); else tried again after `retry_ms`. Where the version has moved on since `row` was read it is not settled
 * but due at once. The lease is given back. 1 done, 0 not ours any more. */
struct mp_booking_outcome {
    int64_t meeting_id, leaving_id;
    int64_t generation;
    enum mp_meeting_state state;
    const char *reason; /* cut where the column ends */
    bool settled;
    int64_t retry_ms;
};
int mp_store_booking_settle(struct mp_db *db, const struct mp_booking_row *row, const struct mp_booking_outcome *outcome,
                            struct mp_error *err) MP_MUST_CHECK;

/* Due for the runner, oldest first; claims come one at a time: 1 ours (`row->fence` is; the rest of the row may be older), 0 somebody is at it, or it
 * agrees by now. */
int mp_store_booking_due(struct mp_db *db, struct mp_arena *arena, unsigned limit, struct mp_booking_row **rows, size_t *count,
                         struct mp_error *err) MP_MUST_CHECK;
int mp_store_booking_claim(struct mp_db *db, struct mp_booking_row *row, const char *worker, int64_t lease_ms, struct mp_error *err) MP_MUST_CHECK;
/* Who holds leases now; and: what one held that is known to have died is due at once. */
int mp_store_booking_holders(struct mp_db *db, struct mp_arena *arena, const char ***workers, size_t *count, struct mp_error *err) MP_MUST_CHECK;
int mp_store_booking_release(struct mp_db *db, const char *worker, struct mp_error *err) MP_MUST_CHECK;
/* Zoom fails: what is due waits `wait_ms`. Zoom answers again: what waits is due. */
int mp_store_booking_put_off(struct mp_db *db, int64_t wait_ms, struct mp_error *err) MP_MUST_CHECK;
int mp_store_booking_hurry(struct mp_db *db, struct mp_error *err) MP_MUST_CHECK;

struct mp_booking_query {
    int kind;                    /* -1: every kind (a person's feed) */
    const char *person;          /* who has a part in it; NULL: everybody's (admin) */
    int64_t batch_id, course_id; /* 0: any; a batch and a series are asked for without a person */
    const char *series_id;
    int status;                    /* enum mp_booking_status; -1: all but deleted */
    int64_t from, until;           /* of the start, half-open */
    bool ascending;                /* earliest first (calendars, series); else latest first */
    int64_t after_start, after_id; /* the last one of the page before; first page: INT64_MAX, or INT64_MIN when ascending */
    unsigned limit;
};
int mp_store_booking_list(struct mp_db *db, struct mp_arena *arena, const struct mp_booking_query *query, struct mp_booking_row **rows, size_t *count,
                          struct mp_error *err) MP_MUST_CHECK;

/* In a transaction, after mp_store_batch_set_members(): the members of all bookings of a batch that are still to come are the batch's. Only what
 * differs is written. */
int mp_store_booking_members(struct mp_db *db, int64_t batch_id, int64_t from, struct mp_error *err) MP_MUST_CHECK;
/* In a transaction: that one hosts them; `from` is now. Those with a meeting are due for whoever tells the meetings. */
int mp_store_booking_hosts(struct mp_db *db, int64_t batch_id, int64_t from, const char *host_sub, struct mp_error *err) MP_MUST_CHECK;
/* The same of the course they belong to (0: none), by whose title (NULL with none) their meetings are called. */
int mp_store_booking_course(struct mp_db *db, int64_t batch_id, int64_t from, int64_t course_id, const char *course_title,
                            struct mp_error *err) MP_MUST_CHECK;

#endif
