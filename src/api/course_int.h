#ifndef MEETPOOL_API_COURSE_INT_H
#define MEETPOOL_API_COURSE_INT_H

#include "booking_json.h"

/* What the handlers of courses, batches and sessions share. */

/* The course, where the caller may read or (`to_change`) change it; else MP_E_NOT_FOUND. */
int mp_course_find(struct mp_ctx *ctx, const struct mp_request *req, const char *public_id, bool to_change, struct mp_course_row *row,
                   struct mp_error *err) MP_MUST_CHECK;
int mp_batch_find(struct mp_ctx *ctx, const struct mp_request *req, const char *public_id, bool to_change, struct mp_batch_row *row,
                  struct mp_error *err) MP_MUST_CHECK;
/* The session of the path ({id} a batch's or a course's, {sessionId}), where the caller may do that with it; else MP_E_NOT_FOUND. READ_ANY: also one
 * that was cancelled. */
enum mp_session_wish { MP_SESSION_READ, MP_SESSION_READ_ANY, MP_SESSION_CHANGE };
int mp_session_find(struct mp_ctx *ctx, const struct mp_request *req, enum mp_session_wish wish, struct mp_booking **booking,
                    struct mp_error *err) MP_MUST_CHECK;
/* The public id of what a POST makes: the same for every try of a unit of work, so that none makes a second one. */
const char *mp_unit_public_id(const struct mp_ctx *ctx, int64_t now_ms);
/* ?status=active|deleted and the page. */
int mp_course_query_read(const struct mp_request *req, bool *deleted, struct mp_page *page, struct mp_error *err) MP_MUST_CHECK;

#endif
