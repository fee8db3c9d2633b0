#ifndef MEETPOOL_SCHEDULE_H
#define MEETPOOL_SCHEDULE_H

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stdint.h>

#include "meetpool/ctx.h"
#include "meetpool/error.h"
#include "meetpool/meeting.h"
#include "meetpool/store_booking.h"
#include "meetpool/store_course.h"
#include "meetpool/store_recording.h"

/*
 * The one scheduling core: a booking is a thing with a time, people and, if wanted, a meeting. Sessions, classes, events, custom sessions,
 * appointments and interviews are bookings; what sets them apart (names, defaults, who may) is a row of a table in room api.
 *
 * The booking is stored first, then its meeting is made to agree, by one function for every case, called by the request and, for what could not be
 * done then, by the job runner: mp_booking_reconcile(). It books where a meeting is wanted and none is there, changes where times or title differ,
 * deletes where none is wanted any more. Whoever works on a booking holds its lease with a fence; if it dies the runner goes on when the lease is
 * over (or at once, when the owner is known to be dead). The unit of work is named by booking and generation, so that a try that died after Zoom's
 * answer is found again instead of being repeated.
 *
 *   none    -> pending -> ok         a meeting is wanted; it is made
 *   ok      -> pending -> ok         changed; Zoom is told
 *   ok      -> pending -> none       cancelled, or not wanted any more
 *   pending -> failed                its end has passed and it could not be made
 *   none    -> pending -> ok         made while Zoom was disabled, and asked for when it is enabled
 *   ok      -> failed                somebody deleted the meeting, at Zoom or under zoom/meetings: nobody is fought
 *   failed  -> pending -> ok         another one is asked for: mp_booking_add_meeting(), or a change with wants_meeting 1
 *
 * Who wins: what was asked of the booking and has not been told yet (it is `dirty`) goes out as it stands. Where booking and meeting agreed, a change
 * of the meeting itself (in Zoom's own pages, or under zoom/meetings) wins: its time, length, topic, description, zone and settings become the
 * booking's, by mp_booking_follow(). A deletion is not fought: the booking is `failed` and says so until somebody asks for another meeting.
 */
struct mp_booking {
    struct mp_booking_row row;
    struct mp_booking_person *people;
    size_t people_count;
    struct mp_meeting *meeting;               /* NULL: none (yet) */
    const struct mp_batch_row *batch;         /* sessions of a batch; else NULL */
    const struct mp_course_row *course;       /* of a course; else NULL */
    const struct mp_recording_row *recording; /* of a session that has begun: what is known of its recording; NULL: nothing */
    /* What the caller should tell beside the success; MP_E_NONE: nothing. */
    enum mp_error_code trouble; /* MP_E_ZOOM_FAILED, MP_E_NO_CAPACITY, MP_E_NO_ACCOUNT, MP_E_ZOOM_DISABLED ... */
    const char *trouble_text;
    int64_t nearest_start; /* with MP_E_NO_CAPACITY: that fits; -1: none does */
    bool moved;            /* the meeting is another one than before */
};

struct mp_booking_spec {
    enum mp_booking_kind kind;
    const char *owner_sub, *host_sub;
    int64_t course_id, batch_id;
    const struct mp_batch_row *batch; /* then course, host and members are the batch's, as they are when the bookings are stored */
    const struct mp_course_row *course;
    const char *series_id;
    const char *title, *topic, *description;
    int64_t starts_at, ends_at;
    const char *timezone;
    bool wants_meeting;
    struct json_object *settings; /* all that is asked of Zoom, merged; NULL: nothing */
    const char *const *members;
    size_t members_count;
};

#define MP_BOOKING_MOST      200 /* in one request */
#define MP_BOOKING_LENGTH_MS MP_DAY_MS

/*
 * Stores `count` bookings in one transaction and makes their meetings, in parallel where there are several. All are stored or none (-1); what
 * happened to the meetings stands in each. With `dry_run` nothing is stored: each booking's meeting says where it would go (meeting->row.placement)
 * or `trouble` why not, with the nearest start that fits in its text, as the real run would do. A repeated unit of work (ctx->unit_key) finds the
 * bookings of the first try (their public ids derive from it) and finishes them.
 */
int mp_booking_create(struct mp_ctx *ctx, const struct mp_booking_spec *specs, size_t count, bool dry_run, struct mp_booking **out,
                      struct mp_error *err) MP_MUST_CHECK;

/* With people and meeting. 1 found, 0 none (also a deleted one), -1 failed. */
int mp_booking_find(struct mp_ctx *ctx, enum mp_booking_kind kind, const char *public_id, struct mp_booking **out,
                    struct mp_error *err) MP_MUST_CHECK;

/* The same, whatever its status: its people may still fetch a cancellation. */
int mp_booking_find_any(struct mp_ctx *ctx, enum mp_booking_kind kind, const char *public_id, struct mp_booking **out,
                        struct mp_error *err) MP_MUST_CHECK;

/* Which bookings of a series a change means. */
enum mp_series_scope { MP_SERIES_THIS, MP_SERIES_FOLLOWING, MP_SERIES_ALL };

/* Members that are NULL, negative or not `set_...` stay as they are. */
struct mp_booking_change {
    const char *title, *topic, *description, *timezone;
    int64_t starts_at, ends_at; /* both or none; with a scope, the shift of the one that is named is applied to all, in local time */
    const char *host_sub;
    int wants_meeting;            /* -1: as it is; 1 makes another one where the last was deleted, or Zoom was disabled */
    struct json_object *settings; /* merged over what was asked before */
    bool set_members;
    const char *const *members;
    size_t members_count;
    int status; /* enum mp_booking_status, or -1 */
    enum mp_series_scope scope;
    const char *time_field; /* what the caller calls the start; NULL: "start_time" */
    const char *viewer;     /* who asks; NULL: somebody who may change everybody's */
};
/*
 * `booking` is read anew. MP_E_NO_CAPACITY where the new time fits nowhere: nothing has changed then. MP_E_CONFLICT where somebody else changed it
 * since it was read, or its meeting runs and is to be moved or taken away. What Zoom could not be told is told in the booking: it is pending. In a
 * series those that do not fit stay as they were, and after 20 s of calls to Zoom the rest follows in the background: `trouble_text` says so;
 * a failure only where none was changed. Where the clocks jump over one of the new times nothing is changed: MP_E_INVALID, a detail for each date.
 * Bookings of the series that have begun stay as they are, but for the one that is named; so do those that are
 * not the viewer's: whose owner or host (or batch's owner or instructor) is somebody else.
 */
int mp_booking_change(struct mp_ctx *ctx, struct mp_booking **booking, const struct mp_booking_change *change, struct mp_error *err) MP_MUST_CHECK;
/* Cancels: its people see it no more, its meeting goes, its place is free. `viewer` as in a change. MP_E_NOT_FOUND where somebody has taken it from
 * the viewer at the same moment. */
int mp_booking_cancel(struct mp_ctx *ctx, struct mp_booking *booking, enum mp_series_scope scope, const char *viewer,
                      struct mp_error *err) MP_MUST_CHECK;
/* The meeting for one that has none, also where the one it had was deleted; `change` (`wants_meeting` is 1) says what else becomes of the booking.
 * MP_E_HAS_MEETING where it has one; MP_E_CONFLICT where it is not
 * scheduled; MP_E_ZOOM_DISABLED, MP_E_ZOOM_NOT_CONFIGURED where nothing could ever make it. */
int mp_booking_add_meeting(struct mp_ctx *ctx, struct mp_booking **booking, const struct mp_booking_change *change,
                           struct mp_error *err) MP_MUST_CHECK;
/*
 * That meeting was changed, moved, deleted or ended by somebody else (a webhook, Zoom's own pages, zoom/meetings): its booking follows, if it has one
 * and nothing that was asked of it waits to be told. Twice does no harm. The runner does the same for every meeting that has changed, a moment later.
 */
int mp_booking_follow(struct mp_ctx *ctx, int64_t meeting_row, struct mp_error *err) MP_MUST_CHECK;
int mp_booking_list(struct mp_ctx *ctx, const struct mp_booking_query *query, struct mp_booking **out, size_t *count,
                    struct mp_error *err) MP_MUST_CHECK;

/* Makes the meeting agree with the booking; the caller holds its lease. What is in the way is told in the booking, not as a failure; -1: the database
 * failed. */
int mp_booking_reconcile(struct mp_ctx *ctx, struct mp_booking *booking, struct mp_error *err) MP_MUST_CHECK;
/* The job runner: bookings that are due, at most 20 a call, those that start soonest first. After a failure of Zoom's it leaves off for a moment.
 * `done`: how many were looked at while Zoom answered. */
int mp_booking_repair(struct mp_ctx *ctx, unsigned *done, struct mp_error *err) MP_MUST_CHECK;

/* ---- Recurrence ---- */

/* Whether a rule is one, whatever it begins with: what is wrong with it by itself, as mp_recurrence_expand() says it. */
int mp_recurrence_check(struct mp_arena *arena, const char *rule, size_t most, const char *field, struct mp_error *err) MP_MUST_CHECK;
/*
 * The starts of an RRULE (RFC 5545, without "RRULE:"), the first being `first`, in local time of `zone`: the wall clock stays, the instant follows
 * the zone. Errors: MP_E_INVALID on field `field`: not a rule, without COUNT and UNTIL, more than `most` instances, FREQ below DAILY; a rule that
 * does not yield `first` itself; a start that falls into a DST gap is refused by name.
 */
int mp_recurrence_expand(struct mp_arena *arena, const char *rule, int64_t first, const char *zone, size_t most, const char *field, int64_t **starts,
                         size_t *count, struct mp_error *err) MP_MUST_CHECK;

/* ---- Calendars (RFC 5545) ---- */

/* One booking as an invitation: METHOD:REQUEST, or CANCEL for a cancelled one; UID stable, SEQUENCE grows; VTIMEZONE of its zone. Without start URLs.
 * Its people are named by their e-mail address where their sub is one, else by a UUID made of it: RFC 5546 wants an organizer. */
char *mp_calendar_invitation(struct mp_ctx *ctx, const struct mp_booking *booking, const char *host_name);
/* A person's feed: METHOD:PUBLISH. */
char *mp_calendar_feed(struct mp_ctx *ctx, const char *name, const struct mp_booking *bookings, size_t count, const char *host_name);

#endif
