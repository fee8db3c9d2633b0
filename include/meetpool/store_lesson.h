#ifndef MEETPOOL_STORE_LESSON_H
#define MEETPOOL_STORE_LESSON_H

#include <stdint.h>

#include "meetpool/arena.h"
#include "meetpool/db.h"
#include "meetpool/error.h"

/* Rows of `lesson`: recorded lessons, brought home from Zoom ("zoom_auto_sync"), uploaded by hand or to be found elsewhere. */

/* The lesson of a file that has been brought home. */
struct mp_lesson_recording {
    int64_t booking_id, batch_id; /* 0: none */
    int64_t meeting_id, file_id;
    const char *title, *object_key, *filename, *content_type, *owner_sub;
    int64_t size;
};
/* In a transaction with the file's. A file has one lesson for ever: where it is there (the file was brought home again) only its size follows. */
int mp_store_lesson_add_recording(struct mp_db *db, struct mp_arena *arena, const struct mp_lesson_recording *lesson,
                                  struct mp_error *err) MP_MUST_CHECK;

#endif
