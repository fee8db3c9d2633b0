#ifndef MEETPOOL_LESSON_H
#define MEETPOOL_LESSON_H

#include <stdbool.h>
#include <stdint.h>

#include "meetpool/ctx.h"
#include "meetpool/error.h"
#include "meetpool/store_booking.h"
#include "meetpool/store_lesson.h"

/*
 * Recorded lessons as people see them. One that is uploaded by hand is `waiting` until a file of the announced size lies in the storage: that is
 * looked at when the lessons are asked for, and by a job, which also removes what never came. Removing a lesson removes its object, by the same job:
 * the storage may be away just now.
 */
#define MP_LESSON_UPLOAD_MOST INT64_C(5368709120) /* what S3 takes in one piece */

struct mp_lesson_spec {
    const struct mp_booking_row *booking; /* the session */
    const char *public_id, *owner_sub;
    const char *title;
    const char *url;      /* of a lesson that lies elsewhere: never fetched. NULL: uploaded by hand, then the two below */
    const char *filename; /* a plain name: no slash */
    int64_t size;
};
/* MP_E_CONFLICT: the public id is taken. */
int mp_lesson_add(struct mp_ctx *ctx, const struct mp_lesson_spec *spec, struct mp_lesson_row *row, struct mp_error *err) MP_MUST_CHECK;
/* Those that are ready, newest first; what has arrived meanwhile is among them. `query->state` is not looked at. */
int mp_lesson_list(struct mp_ctx *ctx, const struct mp_lesson_query *query, struct mp_lesson_row **rows, size_t *count,
                   struct mp_error *err) MP_MUST_CHECK;
/* One that is not removed: 1, 0, -1; an upload that has arrived is ready then. */
int mp_lesson_find(struct mp_ctx *ctx, const char *public_id, struct mp_lesson_row *row, struct mp_error *err) MP_MUST_CHECK;
int mp_lesson_remove(struct mp_ctx *ctx, const struct mp_lesson_row *row, struct mp_error *err) MP_MUST_CHECK;

/* Where it is to be seen, for a while; NULL where it is not there yet. */
const char *mp_lesson_url(struct mp_ctx *ctx, const struct mp_lesson_row *row);
/* Where a waiting one is to be PUT to. */
const char *mp_lesson_upload_url(struct mp_ctx *ctx, const struct mp_lesson_row *row);

#endif
