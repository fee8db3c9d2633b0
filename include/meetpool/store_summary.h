#ifndef MEETPOOL_STORE_SUMMARY_H
#define MEETPOOL_STORE_SUMMARY_H

#include <stdbool.h>
#include <stdint.h>

#include "meetpool/arena.h"
#include "meetpool/attr.h"
#include "meetpool/db.h"
#include "meetpool/error.h"
#include "meetpool/store_connection.h"

/*
 * What the console looks at every few seconds, over the rows of several aggregates. Each function is one statement that walks indexes and reads no
 * more rows than its limit (or, where it says so, a fixed number of the newest), however long the history.
 */

/* Places at those accounts (rows) that are taken now or before `until`: up to `limit` of each 32 accounts, earliest first. */
struct mp_summary_span {
    int64_t now_ms, until;
    unsigned limit;
};
struct mp_summary_place {
    int64_t account_id, host_id;
    int64_t from, until; /* grace included; of one that goes on beyond its end: until now */
    bool overrun;        /* that is so */
    int64_t zoom_id;     /* 0: not known (yet) */
    const char *topic, *status;
};
int mp_store_summary_places(struct mp_db *db, struct mp_arena *arena, const int64_t *accounts, size_t accounts_count,
                            const struct mp_summary_span *span, struct mp_summary_place **rows, size_t *count, struct mp_error *err) MP_MUST_CHECK;

/* Meetings that start in [from, until), earliest first: those to come, those going on and the latest that have ended, up to `limit` of each. */
struct mp_summary_meeting {
    int64_t zoom_id;                                        /* 0: not known (yet) */
    const char *topic, *status, *account_name, *host_email; /* the last two NULL: none (yet) */
    int64_t starts_at, duration_min;
};
int mp_store_summary_meetings(struct mp_db *db, struct mp_arena *arena, int64_t from, int64_t until, unsigned limit, struct mp_summary_meeting **rows,
                              size_t *count, struct mp_error *err) MP_MUST_CHECK;

/* How many there are now, each counted up to MP_SUMMARY_COUNT_MOST. */
#define MP_SUMMARY_COUNT_MOST 1000
struct mp_summary_counts {
    int64_t recordings_waiting, recordings_late, recordings_syncing, recordings_failed, recordings_unaccounted;
    int64_t jobs_queued, jobs_running, jobs_failed, jobs_due;
    int64_t oldest_due_ms; /* how long the first of those due has waited */
    int64_t reconnect_needed;
};
int mp_store_summary_counts(struct mp_db *db, struct mp_summary_counts *out, struct mp_error *err) MP_MUST_CHECK;

/* Connections that are dead, latest first, then those whose last renewals failed. Of each row: sub, state, reason, zoom_email, failures, last_error,
 * last_error_at. */
int mp_store_summary_connections(struct mp_db *db, struct mp_arena *arena, unsigned limit, struct mp_connection_row **rows, size_t *count,
                                 struct mp_error *err) MP_MUST_CHECK;

/* Something that went wrong. Which of the texts there are depends on what was asked for. */
struct mp_summary_trouble {
    int64_t at, times;
    const char *title, *subject, *reason, *kind;
};
/* Bookings that wait for their meeting though they should have it, and, of the newest thousand bookings, those whose meeting failed; newest first.
 * `kind` is the booking's, `subject` its id. */
int mp_store_summary_bookings(struct mp_db *db, struct mp_arena *arena, unsigned limit, struct mp_summary_trouble **rows, size_t *count,
                              struct mp_error *err) MP_MUST_CHECK;
/* Meetings of which a change has not reached Zoom, newest first. `kind`: which change; `subject`: Zoom's number. */
int mp_store_summary_changes(struct mp_db *db, struct mp_arena *arena, unsigned limit, struct mp_summary_trouble **rows, size_t *count,
                             struct mp_error *err) MP_MUST_CHECK;
/* Alerts, told by mail or not, newest first. */
int mp_store_summary_alerts(struct mp_db *db, struct mp_arena *arena, unsigned limit, struct mp_summary_trouble **rows, size_t *count,
                            struct mp_error *err) MP_MUST_CHECK;

#endif
