#ifndef MEETING_INT_H
#define MEETING_INT_H

#include "meetpool/meeting.h"
#include "meetpool/store_account.h"
#include "meetpool/zoom.h"

/* How long a request may be at a booking; nginx waits longer. */
#define MEETING_DEADLINE_MS 22000
/* A place being made is its maker's for this long: longer than a booking may take. */
#define MEETING_LEASE_MS          35000
#define MEETING_REPAIR_TIMEOUT_MS 4000
/* Zoom's limit on an agenda, in characters. */
#define MEETING_AGENDA_MAX 2000

/* "[mp:<installation>:<ref>]" and then the agenda, cut where Zoom's limit would be passed. */
int meeting_agenda_out(struct mp_ctx *ctx, const char *ref, const char *agenda, const char **out, struct mp_error *err) MP_MUST_CHECK;
/* Finds a marker: 1 ours (`ref` filled), 0 none or another installation's. */
int meeting_marker_read(struct mp_ctx *ctx, const char *agenda, const char **ref, struct mp_error *err) MP_MUST_CHECK;
/* Whether Zoom's agenda is what was sent for this one: the marker apart, and cut where it had to be. */
bool meeting_agenda_same(const char *ours, const char *zooms_without_marker);
/* The agenda without its marker; NULL where nothing is left. */
const char *meeting_agenda_in(struct mp_arena *arena, const char *agenda);
/* 16 random hex digits. */
char *meeting_new_ref(struct mp_arena *arena);

/* Finds what the record's rows are called in the configuration. */
int meeting_wrap(struct mp_ctx *ctx, const struct mp_meeting_row *row, struct mp_meeting **out, struct mp_error *err) MP_MUST_CHECK;
/* What Zoom says, as it is stored. Its lists do not tell the host's address: then it is the configured one. */
void meeting_facts(const struct mp_ctx *ctx, int account, int host, const struct mp_zoom_meeting *zoom, struct mp_meeting_facts *facts);
/* The interval a meeting takes: Zoom opens one whose start is past now. */
void meeting_interval(const struct mp_ctx *ctx, int64_t starts_at, int64_t duration_min, int64_t now_ms, int64_t *from, int64_t *until);
struct mp_busy *meeting_busy(struct mp_arena *arena, const struct mp_busy_row *rows, size_t count);

/*
 * Looks for the meeting with the marker `ref` among a host's meetings at Zoom. 1 found, 0 not there, -1 it could not be found out (`res` says why).
 */
int meeting_search(struct mp_ctx *ctx, int account, int host, const char *ref, int64_t deadline_ms, struct mp_zoom_meeting *found,
                   struct mp_zoom_result *res);
/* The same for several, one after the other: what was read of a host's list for one search serves the next. For those made before the first one. */
struct meeting_seen {
    struct seen_host *hosts;
};
int meeting_search_seen(struct mp_ctx *ctx, struct meeting_seen *seen, int account, int host, const char *ref, int64_t deadline_ms,
                        struct mp_zoom_meeting *found, struct mp_zoom_result *res);
/* Several at once, whole as Zoom has them. What is not found here may be asked for with `seen`: it costs no call where none helps. */
struct meeting_wanted {
    int account, host;
    const char *ref;
    bool found;
    struct mp_zoom_meeting meeting;
};
void meeting_search_many(struct mp_ctx *ctx, struct meeting_seen *seen, struct meeting_wanted *wanted, size_t count, int64_t deadline_ms);
/* As it is at Zoom now. */
void meeting_fetch(struct mp_ctx *ctx, int account, int host, int64_t zoom_id, int64_t deadline_ms, struct mp_zoom_meeting *out,
                   struct mp_zoom_result *res);
void meeting_zoom_delete(struct mp_ctx *ctx, int account, int host, int64_t zoom_id, int64_t deadline_ms, struct mp_zoom_result *res);
void meeting_zoom_update(struct mp_ctx *ctx, int account, int host, int64_t zoom_id, const struct mp_zoom_meeting_spec *spec, int64_t deadline_ms,
                         struct mp_zoom_result *res);
/* Everything that is wanted of a meeting, for when it is not known what Zoom has missed. `ref`: of its place. */
int meeting_whole_spec(struct mp_ctx *ctx, const struct mp_meeting_row *row, const char *ref, struct mp_zoom_meeting_spec *spec,
                       struct mp_error *err) MP_MUST_CHECK;
/* Of an answer to a deletion: there is nothing left to delete. One that has ended is not deleted any more (3007). */
bool meeting_off_zoom(const struct mp_zoom_result *res);
bool meeting_has_ended_there(const struct mp_zoom_result *res);
/* Whether what failed may go through later without anybody changing anything. */
bool meeting_worth_repeating(enum mp_zoom_class cls);

/*
 * Books another one in the place of `old`, which goes when the new one is there: both are swapped at once. MP_E_CONFLICT where somebody else is
 * moving it, or has changed it meanwhile; then the new one goes.
 */
int meeting_book_other(struct mp_ctx *ctx, const struct mp_meeting_spec *spec, const struct mp_meeting_row *old, struct mp_meeting **out,
                       struct mp_error *err) MP_MUST_CHECK;
/* As mp_meeting_book_many(), each in the place of `olds[i]`, as above, and none at the account `leaving`. */
int meeting_book_others(struct mp_ctx *ctx, struct mp_meeting_item *items, const struct mp_meeting_row *olds, size_t count, int leaving,
                        struct mp_error *err) MP_MUST_CHECK;
/* What is to be asked for so that another one is made as this row says. */
int meeting_spec_of(struct mp_ctx *ctx, const struct mp_meeting_row *row, struct mp_meeting_spec *spec, struct mp_error *err) MP_MUST_CHECK;
/* Zoom has been told version `version`; what is left of old intervals is free, unless something is pending still. */
int meeting_told(struct mp_ctx *ctx, int64_t id, int64_t version, struct mp_error *err) MP_MUST_CHECK;
/* What Zoom has made is written down (mp_store_place_hold()); `row`, whose place it is, takes over from the one that it replaces. The old one's place
 * is its mover's to clear for `lease_ms`. A row that came too late is failed, and its place is to go. 1 written, 0 the place is not ours any more. */
int meeting_hold(struct mp_ctx *ctx, const struct mp_place_row *place, const struct mp_meeting_row *row, const struct mp_meeting_facts *facts,
                 const char *placement, int64_t lease_ms, struct mp_error *err) MP_MUST_CHECK;

/* Makes the record true by what Zoom says; the place follows. */
int meeting_make_true(struct mp_ctx *ctx, struct mp_meeting *meeting, const struct mp_zoom_meeting *zoom, struct mp_error *err) MP_MUST_CHECK;
/* It is gone at Zoom: record deleted, place free. */
int meeting_make_gone(struct mp_ctx *ctx, const struct mp_meeting *meeting, struct mp_error *err) MP_MUST_CHECK;
/*
 * Zoom has just said that there is no such meeting. It says so of one that it has only just made, too; such a one is looked for in the list before it
 * is believed. 1: gone, and the record says so; 0: it is there, or it could not be found out; -1 failed.
 */
int meeting_is_gone(struct mp_ctx *ctx, const struct mp_meeting *meeting, struct mp_error *err) MP_MUST_CHECK;
/* Ended or deleted, and its place is free: in one transaction. */
int meeting_finish(struct mp_ctx *ctx, int64_t id, enum mp_meeting_status status, int64_t now_ms, struct mp_error *err) MP_MUST_CHECK;

#endif
