#ifndef MEETPOOL_STORE_LESSON_H
#define MEETPOOL_STORE_LESSON_H

#include <stdbool.h>
#include <stdint.h>

#include "meetpool/arena.h"
#include "meetpool/db.h"
#include "meetpool/error.h"

/*
 * Rows of `lesson`: recorded lessons, brought home from Zoom ("zoom_auto_sync"), uploaded by hand ("manual_upload") or to be found elsewhere
 * ("external_link"). Look-ups: 1 found, 0 none, -1 failed.
 *
 *   waiting -> ready     an upload by hand has arrived, of the size that was said
 *           -> removed   by somebody, or because the upload never came; its object is removed after that
 */
enum mp_lesson_state { MP_LESSON_WAITING, MP_LESSON_READY, MP_LESSON_REMOVED, MP_LESSON_STATES };
enum mp_lesson_source { MP_LESSON_ZOOM, MP_LESSON_UPLOAD, MP_LESSON_LINK, MP_LESSON_SOURCES };
const char *mp_lesson_source_name(enum mp_lesson_source source);

struct mp_lesson_row {
    int64_t id;
    const char *public_id;
    int64_t booking_id, batch_id, meeting_id; /* 0: none */
    const char *booking_public_id;            /* NULL: none */
    enum mp_lesson_source source;
    enum mp_lesson_state state;
    const char *title;
    const char *object_key, *filename, *content_type; /* NULL: a link to elsewhere */
    const char *external_url;                         /* NULL: it lies in the storage */
    int64_t size;                                     /* -1: not known */
    const char *owner_sub;                            /* NULL: nobody's */
    int64_t created_at;
    /* Of Zoom's: */
    int64_t zoom_id;                                  /* 0: none */
    const char *file_type;                            /* NULL: none */
    int64_t recorded_from, recorded_until, stored_at; /* -1: not known */
};

/* `row->id` is filled; `created_at` is set by the database's clock. MP_E_CONFLICT: the public id is there. */
int mp_store_lesson_insert(struct mp_db *db, struct mp_arena *arena, struct mp_lesson_row *row, struct mp_error *err) MP_MUST_CHECK;
int mp_store_lesson_by_public(struct mp_db *db, struct mp_arena *arena, const char *public_id, struct mp_lesson_row *row,
                              struct mp_error *err) MP_MUST_CHECK;
int mp_store_lesson_by_id(struct mp_db *db, struct mp_arena *arena, int64_t id, struct mp_lesson_row *row, struct mp_error *err) MP_MUST_CHECK;
/* Newest first. */
struct mp_lesson_query {
    int64_t batch_id, booking_id; /* exactly one is not 0 */
    enum mp_lesson_state state;
    int64_t before_id; /* INT64_MAX on the first page */
    unsigned limit;
};
int mp_store_lesson_list(struct mp_db *db, struct mp_arena *arena, const struct mp_lesson_query *query, struct mp_lesson_row **rows, size_t *count,
                         struct mp_error *err) MP_MUST_CHECK;
/* Those that are ready of several bookings at once, oldest first; at most 2,500 for each 50 bookings. */
int mp_store_lessons_of(struct mp_db *db, struct mp_arena *arena, const int64_t *booking_ids, size_t bookings, struct mp_lesson_row **rows,
                        size_t *count, struct mp_error *err) MP_MUST_CHECK;
/* 1 done, 0 it was not waiting (any more). */
int mp_store_lesson_ready(struct mp_db *db, int64_t id, struct mp_error *err) MP_MUST_CHECK;
/* In or outside a transaction. 1 done, 0 it was removed before. */
int mp_store_lesson_remove(struct mp_db *db, int64_t id, struct mp_error *err) MP_MUST_CHECK;

/* The lesson of a file that has been brought home. */
struct mp_lesson_recording {
    int64_t booking_id, batch_id; /* 0: none */
    int64_t meeting_id, file_id;
    const char *title, *object_key, *filename, *content_type, *owner_sub;
    int64_t size;
};
/* In a transaction with the file's. A file has one lesson for ever: where it is there (the file was brought home again) only its size follows;
 * `was`: the one it had, -1 where it is new. */
int mp_store_lesson_add_recording(struct mp_db *db, struct mp_arena *arena, const struct mp_lesson_recording *lesson, int64_t *was,
                                  struct mp_error *err) MP_MUST_CHECK;

#endif
