#ifndef MEETPOOL_STORE_MEETING_H
#define MEETPOOL_STORE_MEETING_H

#include <stdbool.h>
#include <stdint.h>

#include "meetpool/arena.h"
#include "meetpool/db.h"
#include "meetpool/error.h"

/* Rows of `meeting` and `place`; what the states mean stands in meeting.h. Look-ups: 1 found, 0 none, -1 failed. */

enum mp_meeting_status {
    MP_MEETING_CREATING, /* place taken, record written; Zoom may or may not know it: it is looked for before anyone makes it again */
    MP_MEETING_SCHEDULED,
    MP_MEETING_STARTED,
    MP_MEETING_ENDED,
    MP_MEETING_DELETED,
    MP_MEETING_FAILED /* never came to be; what turns up of it is deleted */
};
const char *mp_meeting_status_name(enum mp_meeting_status status);

struct mp_meeting_row {
    int64_t id;
    const char *owner_sub, *host_sub, *unit_key; /* host_sub, unit_key may be NULL */
    enum mp_meeting_status status;
    int64_t version;
    const char *pending, *pending_error; /* what Zoom has still to be told: "sending" (by a request, now), "update" (by repair); NULL: nothing */
    int64_t zoom_id;                     /* 0: not known */
    const char *zoom_uuid;
    int64_t account_id, host_id; /* 0: none */
    const char *host_email;
    int64_t replaced_by;                /* the row that took its place when it was moved; 0: none */
    int64_t replaces, replaces_version; /* the row, as it was then, that this one is made to take the place of; 0: none */
    int64_t type;
    const char *kind; /* of its booking (mp_booking_kind_name()); "meeting": it has none */
    const char *topic, *agenda, *timezone, *password, *join_url;
    int64_t starts_at, duration_min;
    const char *settings_requested, *settings_effective, *placement;  /* JSON; may be NULL */
    int64_t created_at, updated_at, started_at, ended_at, deleted_at; /* the last three -1 where it has not been */
};

/* `row->id` is filled. MP_E_CONFLICT where the unit key exists, or another is being made to replace the same. */
int mp_store_meeting_insert(struct mp_db *db, struct mp_meeting_row *row, struct mp_error *err) MP_MUST_CHECK;
int mp_store_meeting_by_id(struct mp_db *db, struct mp_arena *arena, int64_t id, struct mp_meeting_row *row, struct mp_error *err) MP_MUST_CHECK;
/* Those that there are, in no order; `ids` may name one twice. */
int mp_store_meeting_by_ids(struct mp_db *db, struct mp_arena *arena, const int64_t *ids, size_t count, struct mp_meeting_row **rows, size_t *found,
                            struct mp_error *err) MP_MUST_CHECK;
/* Changed (wanted, true, status, replaced) since somebody said so with heard(), which does nothing where the row has moved on since it was read. */
int mp_store_meeting_news(struct mp_db *db, struct mp_arena *arena, unsigned limit, struct mp_meeting_row **rows, size_t *count,
                          struct mp_error *err) MP_MUST_CHECK;
int mp_store_meeting_heard(struct mp_db *db, const struct mp_meeting_row *row, struct mp_error *err) MP_MUST_CHECK;
/* The latest with that number. */
int mp_store_meeting_by_zoom_id(struct mp_db *db, struct mp_arena *arena, int64_t zoom_id, struct mp_meeting_row *row,
                                struct mp_error *err) MP_MUST_CHECK;
int mp_store_meeting_by_unit(struct mp_db *db, struct mp_arena *arena, const char *unit_key, struct mp_meeting_row *row,
                             struct mp_error *err) MP_MUST_CHECK;

struct mp_meeting_query {
    const char *viewer;              /* owner or host; NULL: everybody's */
    int status;                      /* -1: all but deleted and failed */
    int64_t account_id;              /* 0: any */
    int64_t from, until;             /* of the start, half-open */
    int64_t before_start, before_id; /* INT64_MAX on the first page */
    unsigned limit;
};
/* Latest start first. */
int mp_store_meeting_list(struct mp_db *db, struct mp_arena *arena, const struct mp_meeting_query *query, struct mp_meeting_row **rows, size_t *count,
                          struct mp_error *err) MP_MUST_CHECK;

/* Those of an account that are scheduled to start at `from` or later, soonest first. */
int mp_store_meeting_to_come(struct mp_db *db, struct mp_arena *arena, int64_t account_id, int64_t from, unsigned limit, struct mp_meeting_row **rows,
                             size_t *count, struct mp_error *err) MP_MUST_CHECK;
/* How many those are, and those that are being made there. */
int mp_store_meeting_to_come_count(struct mp_db *db, int64_t account_id, int64_t from, int64_t *count, struct mp_error *err) MP_MUST_CHECK;

/* What Zoom says of a meeting. */
struct mp_meeting_facts {
    int64_t zoom_id;
    const char *zoom_uuid, *host_email, *join_url, *password, *settings_effective;
};

/* Takes over what is wanted (topic, agenda, timezone, password, start, duration, settings, placement of `row`) where the version is still
 * `row->version`, which then grows by one; marks it pending "sending". 1 done, 0 somebody was quicker. */
int mp_store_meeting_want(struct mp_db *db, struct mp_meeting_row *row, int64_t now_ms, struct mp_error *err) MP_MUST_CHECK;
/* Zoom has been told version `version`: nothing is pending any more, unless the record has moved on, then it stays pending. */
int mp_store_meeting_told(struct mp_db *db, int64_t id, int64_t version, const char *settings_effective, struct mp_error *err) MP_MUST_CHECK;
/* Zoom could not be told of what is pending, and why: repair's turn. */
int mp_store_meeting_not_told(struct mp_db *db, int64_t id, const char *error, struct mp_error *err) MP_MUST_CHECK;
/* What Zoom's own pages or events made of it: topic, agenda, timezone, start, duration, password, status of `row`. */
int mp_store_meeting_true(struct mp_db *db, const struct mp_meeting_row *row, int64_t now_ms, struct mp_error *err) MP_MUST_CHECK;
/* Status and its instant (started_at, ended_at, deleted_at). Only forward: 1 done, 0 it was there or further already. */
int mp_store_meeting_status(struct mp_db *db, int64_t id, enum mp_meeting_status status, int64_t now_ms, struct mp_error *err) MP_MUST_CHECK;
/* As mp_store_meeting_by_id(), and nobody else changes it until the transaction ends. */
int mp_store_meeting_lock(struct mp_db *db, struct mp_arena *arena, int64_t id, struct mp_meeting_row *row, struct mp_error *err) MP_MUST_CHECK;
/* Zoom's uuid of the occurrence that is held, or was held last. */
int mp_store_meeting_instance(struct mp_db *db, int64_t id, const char *zoom_uuid, struct mp_error *err) MP_MUST_CHECK;
/* That it was held is known now, whatever became of it; since when, as far as that is not known better. */
int mp_store_meeting_held(struct mp_db *db, int64_t id, int64_t started_at, struct mp_error *err) MP_MUST_CHECK;
/* ended -> started: it was opened once more. 1 done, 0 it was not ended. */
int mp_store_meeting_again(struct mp_db *db, int64_t id, int64_t started_at, int64_t now_ms, struct mp_error *err) MP_MUST_CHECK;
/* deleted -> scheduled: it was taken out of Zoom's trash. 1 done, 0 it was not deleted, or another one took its place. */
int mp_store_meeting_back(struct mp_db *db, int64_t id, int64_t now_ms, struct mp_error *err) MP_MUST_CHECK;
/* Somebody else hosts it. */
int mp_store_meeting_host(struct mp_db *db, int64_t id, const char *host_sub, int64_t now_ms, struct mp_error *err) MP_MUST_CHECK;
/* What `by` replaces is deleted and leads to it: where `by` is scheduled, and the other still is, too, at the version seen. 1 done, 0 not. */
int mp_store_meeting_replaced(struct mp_db *db, int64_t by, int64_t now_ms, struct mp_error *err) MP_MUST_CHECK;
/* Meetings that Zoom has still to be told about, oldest first, last touched before `touched_before`; those that a request was sending, before
 * `sending_before`. */
int mp_store_meeting_pending(struct mp_db *db, struct mp_arena *arena, int64_t touched_before, int64_t sending_before, unsigned limit,
                             struct mp_meeting_row **rows, size_t *count, struct mp_error *err) MP_MUST_CHECK;
/* Claims a pending one for repair by `updated_at` as it was read. 1 ours, 0 not. */
int mp_store_meeting_touch(struct mp_db *db, int64_t id, int64_t seen_updated_at, int64_t now_ms, struct mp_error *err) MP_MUST_CHECK;

/* Meetings `creating` none of whose places is at it any more. `owner`: of the latest place; NULL: not known. */
struct mp_begun_row {
    int64_t id;
    const char *owner;
    int64_t updated_at;
};
int mp_store_meeting_begun(struct mp_db *db, struct mp_arena *arena, unsigned limit, struct mp_begun_row **rows, size_t *count,
                           struct mp_error *err) MP_MUST_CHECK;
/* creating -> failed, unless a place is at it after all. */
int mp_store_meeting_abandon(struct mp_db *db, int64_t id, int64_t now_ms, struct mp_error *err) MP_MUST_CHECK;

enum mp_place_state { MP_PLACE_CREATING, MP_PLACE_HELD, MP_PLACE_DELETING, MP_PLACE_LOST, MP_PLACE_SPARE, MP_PLACE_FREE };

struct mp_place_row {
    int64_t id, meeting_id, account_id, host_id;
    const char *ref; /* the marker's */
    enum mp_place_state state;
    int64_t busy_from, busy_until;
    int64_t zoom_id;
    const char *owner;
    int64_t lease_until, fence, checks, created_at;
    int64_t now_ms; /* the database's clock when it was read */
};

/* `row->state` is CREATING or SPARE. In a transaction after mp_store_account_take(). Leased to `owner` for `lease_ms`. Fills id. */
int mp_store_place_insert(struct mp_db *db, struct mp_place_row *row, int64_t lease_ms, struct mp_error *err) MP_MUST_CHECK;
int mp_store_place_by_meeting(struct mp_db *db, struct mp_arena *arena, int64_t meeting_id, struct mp_place_row *row,
                              struct mp_error *err) MP_MUST_CHECK;
int mp_store_place_by_ref(struct mp_db *db, struct mp_arena *arena, const char *ref, struct mp_place_row *row, struct mp_error *err) MP_MUST_CHECK;
/* One statement for meeting and place: creating -> held and scheduled, under the place's fence. 1 done, 0 the place is not ours any more. A meeting
 * that was deleted meanwhile leaves its place `deleting`. */
int mp_store_place_hold(struct mp_db *db, const struct mp_place_row *place, const struct mp_meeting_facts *facts, const char *placement,
                        int64_t now_ms, struct mp_error *err) MP_MUST_CHECK;
/* creating, deleting, lost or spare -> free under the fence; `unbook` also takes the booking off the account's count. 1 done, 0 not ours. */
int mp_store_place_free(struct mp_db *db, const struct mp_place_row *place, bool unbook, struct mp_error *err) MP_MUST_CHECK;
/* creating -> lost, to be looked for after `check_ms`. 1 done, 0 not ours. */
int mp_store_place_lose(struct mp_db *db, const struct mp_place_row *place, int64_t check_ms, struct mp_error *err) MP_MUST_CHECK;
/* held (of that meeting) -> deleting, leased to `owner`. Fills `place`. 1 done, 0 none was held. */
int mp_store_place_delete(struct mp_db *db, struct mp_arena *arena, int64_t meeting_id, const char *owner, int64_t lease_ms,
                          struct mp_place_row *place, struct mp_error *err) MP_MUST_CHECK;
/* deleting -> held again: Zoom would not. */
int mp_store_place_keep(struct mp_db *db, const struct mp_place_row *place, struct mp_error *err) MP_MUST_CHECK;
/* lost, free -> deleting: it turned up at Zoom as `zoom_id`. */
int mp_store_place_found(struct mp_db *db, const struct mp_place_row *place, int64_t zoom_id, struct mp_error *err) MP_MUST_CHECK;
/* The interval of a held place, in a transaction after mp_store_account_take(). */
int mp_store_place_move(struct mp_db *db, int64_t meeting_id, int64_t busy_from, int64_t busy_until, struct mp_error *err) MP_MUST_CHECK;
/* The meeting has started (`open`; repair asks after its end what became of it), or ended: its place is free. */
int mp_store_place_open(struct mp_db *db, int64_t meeting_id, int64_t started_at, struct mp_error *err) MP_MUST_CHECK;
int mp_store_place_end(struct mp_db *db, int64_t meeting_id, struct mp_error *err) MP_MUST_CHECK;
/* The place that a meeting had is taken once more; `open`: it runs. In a transaction: it writes the account's row, as whoever books there does. 1
 * done, 0 there is none that is free. */
int mp_store_place_again(struct mp_db *db, const struct mp_meeting_row *meeting, bool open, int64_t now_ms, struct mp_error *err) MP_MUST_CHECK;
/* Whether a meeting is being made that may be known at Zoom and has no number here yet. 1, 0, -1. */
int mp_store_place_making(struct mp_db *db, struct mp_error *err) MP_MUST_CHECK;
/* Frees the spares of a meeting of which nothing is pending. */
int mp_store_spares_free(struct mp_db *db, int64_t meeting_id, struct mp_error *err) MP_MUST_CHECK;
/* Places that repair should look at. */
int mp_store_place_due(struct mp_db *db, struct mp_arena *arena, unsigned limit, struct mp_place_row **rows, size_t *count,
                       struct mp_error *err) MP_MUST_CHECK;
/* Claims one for repair, by its fence and for `lease_ms`, which grows: 1 ours (row->fence is updated), 0 not. */
int mp_store_place_claim(struct mp_db *db, struct mp_place_row *row, const char *owner, int64_t lease_ms, struct mp_error *err) MP_MUST_CHECK;
/* Gives the claim back; looked at again after `check_ms` (-1: never). */
int mp_store_place_later(struct mp_db *db, const struct mp_place_row *row, int64_t check_ms, struct mp_error *err) MP_MUST_CHECK;

#endif
