#ifndef RECORDING_INT_H
#define RECORDING_INT_H

#include "meetpool/meeting.h"
#include "meetpool/recording.h"
#include "meetpool/store_booking.h"
#include "meetpool/store_course.h"
#include "meetpool/store_lesson.h"
#include "meetpool/zoom.h"

/* ---- key.c: where a file lies, and what its lesson is called ---- */

/* Whom a recording belongs to. */
struct recording_home {
    struct mp_meeting_row meeting;
    bool booked; /* `booking` is there */
    struct mp_booking_row booking;
    bool in_batch; /* `batch` is there */
    struct mp_batch_row batch;
    const char *student; /* of an individual batch; NULL: none */
};
/* The same for a booking, whatever its meeting: `meeting` stays empty. */
int recording_home_of(struct mp_ctx *ctx, const struct mp_booking_row *booking, struct recording_home *home, struct mp_error *err) MP_MUST_CHECK;
int recording_home(struct mp_ctx *ctx, const struct mp_meeting_row *meeting, struct recording_home *home, struct mp_error *err) MP_MUST_CHECK;
/*
 * `videos/student/<student>/`, `videos/<batch>/`, or `videos/<kind>/<booking>/`, `videos/meeting/<Zoom's number>/` where there is no batch; then a
 * name with the instant (`YYYYMMDDTHHMMSSZ`) and a mark of its own, so that no two files of Zoom's share a key.
 */
const char *recording_key(struct mp_ctx *ctx, const struct recording_home *home, int64_t at_ms, const char *uuid, const char *file_key,
                          const char *extension);
/* The same folders for what is uploaded by hand; `id`: the lesson's own. */
const char *recording_upload_key(struct mp_ctx *ctx, const struct recording_home *home, int64_t at_ms, const char *id, const char *filename);
const char *recording_content_type(const char *extension);
/* In a transaction, when the file is stored: its lesson, `size` bytes long; one that is there stays the one, and `was` says how long it was (-1: none
 * was there). */
int recording_add_lesson(struct mp_db *db, struct mp_arena *arena, const struct recording_home *home, const struct mp_file_row *file, int64_t size,
                         int64_t *was, struct mp_error *err) MP_MUST_CHECK;

/* ---- look.c: Zoom, asked for the account (or person) that made a meeting ---- */

#define RECORDING_CALL_MS 8000

/* There being none is no failure: then `none` is set and `out` is empty. */
void recording_fetch(struct mp_ctx *ctx, const struct mp_meeting *meeting, const char *id, struct mp_zoom_recording *out, bool *none,
                     struct mp_zoom_result *res);
void recording_instances(struct mp_ctx *ctx, const struct mp_meeting *meeting, struct mp_zoom_instances *out, struct mp_zoom_result *res);
/* The token that files are fetched with; `refused` (NULL: none) is not given again. */
void recording_token(struct mp_ctx *ctx, const struct mp_meeting *meeting, const struct mp_secret *refused, struct mp_secret *out,
                     struct mp_zoom_result *res);
void recording_trash(struct mp_ctx *ctx, const struct mp_meeting *meeting, const char *uuid, const char *file_id, struct mp_zoom_result *res);

/* ---- take.c: what was found goes into the database ---- */

struct recording_taken {
    unsigned wanted;  /* files that are brought home, or on their way */
    unsigned fresh;   /* of them, those seen for the first time */
    unsigned unready; /* that Zoom is still at */
};
/* One occurrence and its files, and a job for each that is to be moved: in one transaction. Adds to `taken`. */
int recording_take(struct mp_ctx *ctx, const struct recording_home *home, const struct mp_zoom_recording *found, enum mp_again again,
                   struct recording_taken *taken, struct mp_error *err) MP_MUST_CHECK;
/* The job that moves a file. */
int recording_add_move(struct mp_db *db, struct mp_arena *arena, int64_t file_id, int priority, struct mp_error *err) MP_MUST_CHECK;
/* The job that looks for a meeting's recording; `asked`: somebody waits for it. */
int recording_add_find(struct mp_db *db, struct mp_arena *arena, int64_t meeting_id, int64_t wait_ms, int priority,
                       struct mp_error *err) MP_MUST_CHECK;

/* ---- lesson.c ---- */

/* Whether a waiting one has arrived; it is ready then. 1, 0, -1. */
int lesson_look(struct mp_ctx *ctx, struct mp_lesson_row *row, struct mp_error *err) MP_MUST_CHECK;

/* Whether Zoom was asked to record it in the cloud. */
bool recording_asked_for(const struct mp_meeting_row *meeting);
/* Of a job's subject: a row's id; 0 where it is none. */
int64_t recording_subject(const struct mp_job *job);
/* The first wait after a failed try to move a file. */
int64_t recording_base_wait_ms(const struct mp_recording_conf *conf);

#endif
