#ifndef MEETPOOL_API_LESSON_JSON_H
#define MEETPOOL_API_LESSON_JSON_H

#include "meetpool/api.h"
#include "meetpool/lesson.h"
#include "meetpool/schedule.h"

/* A lesson as it looks wherever it is answered, with a link that expires. Handed over. */
struct json_object *mp_lesson_json(struct mp_ctx *ctx, const struct mp_lesson_row *row);

/* Puts recorded_lessons[] into what mp_session_json() made of each session. */
int mp_sessions_put_lessons(struct mp_ctx *ctx, const struct mp_booking *sessions, size_t count, struct json_object *const *json,
                            struct mp_error *err) MP_MUST_CHECK;

#endif
