#ifndef MEETPOOL_RECORDING_H
#define MEETPOOL_RECORDING_H

#include <stdbool.h>
#include <stdint.h>

#include "meetpool/conf.h"
#include "meetpool/ctx.h"
#include "meetpool/error.h"
#include "meetpool/queue.h"
#include "meetpool/store_course.h"
#include "meetpool/store_recording.h"

/*
 * Recordings come home: each held meeting's files, from Zoom into the storage, and the lessons made of them.
 *
 *   waiting -> syncing -> synced          files were found, each is moved by a job of its own
 *   waiting -> late -> none               nothing at Zoom after the usual tries: looked for at the late interval, for the late days
 *   syncing -> failed                     a file could not be brought home, and its tries are over; the reason is kept
 *   synced  -> syncing                    Zoom made further files (a transcript comes late)
 *
 * A meeting is looked at when Zoom says that a recording is complete, when it has ended (or should have) and the buffer is over, and by the daily
 * pass over each host's recordings of the last days, so that an outage of days loses nothing. What is looked for is the occurrence (Zoom's uuid): the
 * numeric id names the latest one only.
 */
struct mp_recording_conf {
    int64_t interval_s;         /* MEETPOOL_SYNC_INTERVAL */
    int64_t buffer_s;           /* MEETPOOL_SYNC_BUFFER */
    int64_t retry_delay_s;      /* MEETPOOL_SYNC_RETRY_DELAY */
    int64_t most_attempts;      /* MEETPOOL_SYNC_MAX_ATTEMPTS */
    int64_t late_days;          /* MEETPOOL_SYNC_LATE_DAYS */
    int64_t late_interval_s;    /* MEETPOOL_SYNC_LATE_INTERVAL */
    int64_t parallel;           /* MEETPOOL_SYNC_PARALLEL: runners that move files */
    int64_t cleanup_interval_s; /* MEETPOOL_CLEANUP_INTERVAL */
    int64_t ledger_interval_s;  /* MEETPOOL_SYNC_LEDGER_INTERVAL */
    bool delete_source;         /* MEETPOOL_SYNC_DELETE_SOURCE: into Zoom's trash, when all its files are verified at the storage */
    int64_t bytes_per_s;        /* MEETPOOL_SYNC_BANDWIDTH: of each runner; 0: no limit */
};
extern const struct mp_setting mp_recording_settings[];
extern const size_t mp_recording_settings_rows;

/* ---- Jobs ---- */

#define MP_JOB_SYNC    "recording.sync"    /* periodic: meetings that have ended are looked at */
#define MP_JOB_FIND    "recording.find"    /* subject: the meeting's row: asks Zoom which files there are */
#define MP_JOB_MOVE    "recording.move"    /* subject: the file's row; lane MP_LANE_MOVE */
#define MP_JOB_TRASH   "recording.trash"   /* subject: the occurrence's row: its files leave Zoom, where that is wanted */
#define MP_JOB_BATCH   "recording.batch"   /* see mp_recording_ask() */
#define MP_JOB_LEDGER  "recording.ledger"  /* daily: each host's recordings of the last days; names what is unaccounted for */
#define MP_JOB_CLEANUP "recording.cleanup" /* periodic: half uploads, old jobs */
#define MP_JOB_LESSON  "lesson.verify"     /* subject: the lesson's row: is the upload there? */
mp_job_fn mp_recording_sync_job, mp_recording_find_job, mp_recording_move_job, mp_recording_trash_job, mp_recording_batch_job,
    mp_recording_ledger_job, mp_recording_cleanup_job, mp_lesson_verify_job;

/* A recording of that meeting is said to be complete, or it has ended: looked for after `wait_ms`. In or outside a transaction. */
int mp_recording_wanted(struct mp_ctx *ctx, int64_t meeting_row, int64_t wait_ms, struct mp_error *err) MP_MUST_CHECK;
/* That meeting was held: `uuid` is that occurrence's. Either instant may be -1. */
int mp_recording_held(struct mp_ctx *ctx, int64_t meeting_row, const char *uuid, int64_t started_at, int64_t ended_at,
                      struct mp_error *err) MP_MUST_CHECK;

/*
 * Somebody wants a batch's recordings now: those of its sessions that have ended, or of one session. With `force` what is stored is brought home
 * again and replaces what is there; with `failed_only` what has come home is left alone. `job`: whose end is theirs; the same request twice is one
 * job while it is open.
 */
struct mp_recording_wish {
    const struct mp_batch_row *batch;
    const char *session; /* public id; NULL: all */
    bool force, failed_only;
    const char *requested_by;
};
int mp_recording_ask(struct mp_ctx *ctx, const struct mp_recording_wish *wish, struct mp_job *job, struct mp_error *err) MP_MUST_CHECK;
/* One meeting's, whether or not it belongs to a batch: what failed is brought home again. 1: begun, 0: no recording of that meeting was looked for. */
int mp_recording_retry(struct mp_ctx *ctx, int64_t meeting_row, struct mp_error *err) MP_MUST_CHECK;

#endif
