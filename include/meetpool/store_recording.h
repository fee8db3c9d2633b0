#ifndef MEETPOOL_STORE_RECORDING_H
#define MEETPOOL_STORE_RECORDING_H

#include <stdbool.h>
#include <stdint.h>

#include "meetpool/arena.h"
#include "meetpool/db.h"
#include "meetpool/error.h"

/*
 * Rows of `recording`, `occurrence`, `recording_file`, `recording_part` and `day_sum`; what the states mean stands in recording.h. Look-ups: 1 found,
 * 0 none, -1 failed. Rows are locked in this order: recording, then its files. Instants of tries are by the database's clock.
 */

enum mp_recording_state {
    MP_RECORDING_WAITING,
    MP_RECORDING_LATE,
    MP_RECORDING_SYNCING,
    MP_RECORDING_SYNCED,
    MP_RECORDING_NONE,
    MP_RECORDING_FAILED,
    MP_RECORDING_STATES
};
const char *mp_recording_state_name(enum mp_recording_state state);

/* Which files are brought home again that were over: those gone at Zoom that are there again, those that failed, all. */
enum mp_again { MP_AGAIN_GONE, MP_AGAIN_FAILED, MP_AGAIN_ALL };

struct mp_recording_row {
    int64_t meeting_id, booking_id, batch_id; /* the last two 0: none */
    enum mp_recording_state state;
    int64_t attempts;                                                      /* looks at Zoom that counted */
    int64_t first_try_at, last_try_at, next_try_at, synced_at, updated_at; /* -1: none */
    int64_t asked_at;                                                      /* 0: never */
    enum mp_again again;
    const char *error_code, *error; /* NULL: none */
    int64_t files, files_stored, bytes_stored;
    bool missing; /* the daily pass found nothing at Zoom */
};

/* Makes the row where it is missing. */
int mp_store_recording_ensure(struct mp_db *db, int64_t meeting_id, int64_t booking_id, int64_t batch_id, struct mp_error *err) MP_MUST_CHECK;
int mp_store_recording_read(struct mp_db *db, struct mp_arena *arena, int64_t meeting_id, struct mp_recording_row *row,
                            struct mp_error *err) MP_MUST_CHECK;

/* Of several meetings, 0 standing for none: rows[i], or NULL, is that of meetings[i]. */
int mp_store_recordings_of(struct mp_db *db, struct mp_arena *arena, const int64_t *meetings, size_t count, struct mp_recording_row **rows,
                           struct mp_error *err) MP_MUST_CHECK;

/* What a look at Zoom came to where it found nothing to bring home. */
struct mp_recording_look {
    enum mp_recording_state state;
    bool counted;
    int64_t wait_ms; /* until the next one; -1: there is none */
    const char *code, *error;
    int64_t asked_at; /* as the row said when the look began */
};
int mp_store_recording_looked(struct mp_db *db, int64_t meeting_id, const struct mp_recording_look *look, struct mp_error *err) MP_MUST_CHECK;
/* In a transaction: state and counts by what its files are. `looked`: a look at Zoom has just found them; the first such counts as a try. */
int mp_store_recording_settle(struct mp_db *db, int64_t meeting_id, bool looked, struct mp_error *err) MP_MUST_CHECK;
/* In a transaction, first: locks it, on every node. */
int mp_store_recording_lock(struct mp_db *db, int64_t meeting_id, struct mp_error *err) MP_MUST_CHECK;
/* Begun anew, once an `asked_at`: files that failed, or with `all` every one, are brought home again when Zoom next shows them. 1 done, 0 it was. */
int mp_store_recording_anew(struct mp_db *db, int64_t meeting_id, int64_t asked_at, bool all, struct mp_error *err) MP_MUST_CHECK;
/* A look at Zoom is over, whatever came of it; `asked_at`: as the row said when it began: who asked since then is not answered by it. */
int mp_store_recording_over(struct mp_db *db, int64_t meeting_id, int64_t asked_at, struct mp_error *err) MP_MUST_CHECK;
int mp_store_recording_missing(struct mp_db *db, int64_t meeting_id, bool missing, struct mp_error *err) MP_MUST_CHECK;

/* Meetings that were to be recorded in the cloud, have no row here, and whose end (the planned one where it is not known that they ended) lies before
 * `ended_before`; those that start at or after `from`, earliest first. */
int mp_store_recording_unseen(struct mp_db *db, struct mp_arena *arena, int64_t from, int64_t ended_before, unsigned limit, int64_t **meetings,
                              size_t *count, struct mp_error *err) MP_MUST_CHECK;
/* What no job is at though it should: recordings waiting or late whose next look was due before `due_before`; files found, and (`lost`) files whose
 * mover is no more. */
int mp_store_recording_idle(struct mp_db *db, struct mp_arena *arena, int64_t due_before, unsigned limit, int64_t **meetings, size_t *count,
                            struct mp_error *err) MP_MUST_CHECK;
int mp_store_file_idle(struct mp_db *db, struct mp_arena *arena, bool lost, unsigned limit, int64_t **files, size_t *count,
                       struct mp_error *err) MP_MUST_CHECK;
/* Hosts (rows) that held meetings which start in [from, until). */
struct mp_recording_host {
    int64_t account_id, host_id;
};
int mp_store_recording_hosts(struct mp_db *db, struct mp_arena *arena, int64_t from, int64_t until, struct mp_recording_host **hosts, size_t *count,
                             struct mp_error *err) MP_MUST_CHECK;
/* The meeting of that number which that account made; 0: none of ours. */
int mp_store_recording_meeting(struct mp_db *db, int64_t zoom_id, int64_t account_id, int64_t *meeting_id, struct mp_error *err) MP_MUST_CHECK;

/* How many files of that occurrence are known. */
int mp_store_recording_known(struct mp_db *db, const char *uuid, int64_t *files, struct mp_error *err) MP_MUST_CHECK;
/* Meetings that ended, start in [from, until), and were to be recorded in the cloud, of which nothing has come home; earliest first. */
struct mp_recording_absent {
    int64_t meeting_id, zoom_id, starts_at;
    const char *topic, *state, *error; /* the last two NULL: it was not looked for */
};
int mp_store_recording_absent(struct mp_db *db, struct mp_arena *arena, int64_t from, int64_t until, unsigned limit,
                              struct mp_recording_absent **rows, size_t *count, struct mp_error *err) MP_MUST_CHECK;

/* In one state (-1: any; MP_RECORDING_STATES: those that are missing), latest meeting first; for admins. */
struct mp_recording_item {
    struct mp_recording_row row;
    int64_t zoom_id, starts_at;
    const char *topic, *session_id, *batch_public_id; /* the last two NULL: none */
    const char *kind;                                 /* of the booking; NULL: none */
};
int mp_store_recording_list(struct mp_db *db, struct mp_arena *arena, int state, int64_t before_id, unsigned limit, struct mp_recording_item **rows,
                            size_t *count, struct mp_error *err) MP_MUST_CHECK;

/* ---- Of a batch ---- */

struct mp_recording_session {
    int64_t booking_id, meeting_id; /* meeting_id 0: it has none */
    const char *public_id, *title;
    int64_t starts_at, ends_at;
    int64_t zoom_id; /* 0: none */
    bool ended;      /* its meeting has, or should have */
    bool wanted;     /* was to be recorded in the cloud */
    bool seen;       /* `row` is there */
    struct mp_recording_row row;
    int64_t zoom_lessons, manual_lessons, external_lessons;
};
struct mp_recording_batch_query {
    int64_t batch_id;
    const char *session;             /* public id of the one; NULL: all */
    int64_t before_start, before_id; /* latest first; INT64_MAX on the first page */
    unsigned limit;
};
int mp_store_recording_sessions(struct mp_db *db, struct mp_arena *arena, const struct mp_recording_batch_query *query,
                                struct mp_recording_session **rows, size_t *count, struct mp_error *err) MP_MUST_CHECK;
struct mp_recording_totals {
    int64_t sessions, with_meeting, synced, recordings;
};
int mp_store_recording_totals(struct mp_db *db, int64_t batch_id, struct mp_recording_totals *out, struct mp_error *err) MP_MUST_CHECK;

/* ---- Occurrences ---- */

struct mp_occurrence_row {
    int64_t id, meeting_id;
    const char *uuid;
    int64_t started_at, ended_at; /* -1: not known */
};
/* Makes it, or adds to it what was not known. `row->id` and `row->meeting_id` are filled: of the one that has that uuid. */
int mp_store_occurrence_ensure(struct mp_db *db, struct mp_occurrence_row *row, struct mp_error *err) MP_MUST_CHECK;
/* Latest first. */
int mp_store_occurrences(struct mp_db *db, struct mp_arena *arena, int64_t meeting_id, unsigned limit, struct mp_occurrence_row **rows, size_t *count,
                         struct mp_error *err) MP_MUST_CHECK;

/* ---- Files ---- */

enum mp_file_state {
    MP_FILE_FOUND,
    MP_FILE_MOVING,
    MP_FILE_STORED,
    MP_FILE_FAILED,
    MP_FILE_EXPIRED, /* gone at Zoom before it was home */
    MP_FILE_TRASHED, /* stored, then put into Zoom's trash */
    MP_FILE_REMOVED, /* was stored; its lesson was removed by hand: it does not come back */
    MP_FILE_STATES
};

struct mp_file_row {
    int64_t id, occurrence_id, meeting_id;
    const char *file_key, *zoom_file_id; /* zoom_file_id NULL: none */
    const char *file_type;               /* "MP4" ... */
    const char *recording_type;          /* NULL: not said */
    int64_t size;                        /* -1: not known */
    int64_t recorded_from, recorded_until;
    const char *download_url; /* empty: none that may be asked */
    enum mp_file_state state;
    const char *object_key, *upload_id; /* upload_id NULL: none is under way */
    const char *etag;
    const char *uuid; /* of its occurrence */
    int64_t stored_at;
};
/* In a transaction: makes it (state found), or gives it the address and facts that Zoom tells now. `row->id`, `state`, `object_key` are filled. */
int mp_store_file_upsert(struct mp_db *db, struct mp_file_row *row, enum mp_again again, struct mp_error *err) MP_MUST_CHECK;
int mp_store_file_by_id(struct mp_db *db, struct mp_arena *arena, int64_t id, struct mp_file_row *row, struct mp_error *err) MP_MUST_CHECK;
int mp_store_files(struct mp_db *db, struct mp_arena *arena, int64_t occurrence_id, struct mp_file_row **rows, size_t *count,
                   struct mp_error *err) MP_MUST_CHECK;
/* found, moving, and after an operator's wish failed, expired -> moving by `mover`. 1 taken, 0 it is in another state. The functions below that take
 * `mover`: 1 done, 0 it is not its any more. */
int mp_store_file_take(struct mp_db *db, int64_t id, const char *mover, struct mp_error *err) MP_MUST_CHECK;
int mp_store_file_address(struct mp_db *db, int64_t id, const char *mover, const char *url, struct mp_error *err) MP_MUST_CHECK;
/* In a transaction. An upload was begun (NULL: there is none any more); its parts are none yet. */
int mp_store_file_upload(struct mp_db *db, int64_t id, const char *mover, const char *upload_id, struct mp_error *err) MP_MUST_CHECK;
struct mp_file_part {
    int64_t number, size;
    const char *etag;
};
int mp_store_file_part(struct mp_db *db, int64_t id, const char *mover, const struct mp_file_part *part, struct mp_error *err) MP_MUST_CHECK;
int mp_store_file_parts(struct mp_db *db, struct mp_arena *arena, int64_t id, struct mp_file_part **parts, size_t *count,
                        struct mp_error *err) MP_MUST_CHECK;
/* In a transaction, after mp_store_recording_lock(): moving -> stored, with what came of it. */
struct mp_file_stored {
    int64_t size, moved_ms;
    const char *etag, *sha256; /* may be NULL */
};
int mp_store_file_stored(struct mp_db *db, int64_t id, const char *mover, const struct mp_file_stored *stored, struct mp_error *err) MP_MUST_CHECK;
/* In a transaction, after mp_store_recording_lock(): moving -> failed or expired. `mover` NULL: whoever's it was. */
int mp_store_file_over(struct mp_db *db, int64_t id, const char *mover, enum mp_file_state state, const char *code, const char *error,
                       struct mp_error *err) MP_MUST_CHECK;
/* What was in the way of a try; there will be another. */
int mp_store_file_trouble(struct mp_db *db, int64_t id, const char *mover, const char *code, const char *error, struct mp_error *err) MP_MUST_CHECK;
/* In a transaction: stored, trashed -> removed, by the lesson that it has; the sums follow. Nothing where the lesson has no file. */
int mp_store_file_removed(struct mp_db *db, int64_t lesson_id, struct mp_error *err) MP_MUST_CHECK;
/* stored -> trashed. */
int mp_store_file_trashed(struct mp_db *db, int64_t id, struct mp_error *err) MP_MUST_CHECK;

/* ---- Sums a day (UTC, by the database's clock) ---- */

/* In or outside a transaction; last in one, as others wait for the row. */
int mp_store_day_add(struct mp_db *db, const char *name, int64_t value, struct mp_error *err) MP_MUST_CHECK;
struct mp_day_sum {
    int64_t day; /* since 1970 */
    const char *name;
    int64_t value;
};
/* Of the days [from, until), in order of (day, name). */
int mp_store_day_sums(struct mp_db *db, struct mp_arena *arena, int64_t from, int64_t until, struct mp_day_sum **rows, size_t *count,
                      struct mp_error *err) MP_MUST_CHECK;
/* Rows of other tables that are counted into the sums of their day when it is known what became of them. */
enum mp_day_tally {
    MP_DAY_MEETINGS, /* "meetings_made", "meetings_failed" */
    MP_DAY_REFUSALS  /* of the audit log, "refusals:" and the code: what failed and was not the caller's mistake */
};
/* In a transaction: counts up to `most` further ones that were made before `before`. `counted`: how many were looked at. */
int mp_store_day_count(struct mp_db *db, enum mp_day_tally what, int64_t before, unsigned most, int64_t *counted, struct mp_error *err) MP_MUST_CHECK;
/* Those that are not counted yet, as mp_store_day_sums() tells the others. */
int mp_store_day_uncounted(struct mp_db *db, struct mp_arena *arena, enum mp_day_tally what, struct mp_day_sum **rows, size_t *count,
                           struct mp_error *err) MP_MUST_CHECK;
/* All that is stored now: what has come home, less what was removed. */
int mp_store_recording_bytes(struct mp_db *db, int64_t *files, int64_t *bytes, struct mp_error *err) MP_MUST_CHECK;

#endif
