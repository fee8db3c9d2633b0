#ifndef MEETPOOL_API_BOOKING_JSON_H
#define MEETPOOL_API_BOOKING_JSON_H

#include "meeting_json.h"
#include "meetpool/schedule.h"

/* What the several faces of bookings share. */

enum mp_booking_access { MP_MAY_NOTHING, MP_MAY_READ, MP_MAY_CHANGE };

/* Admins may everything; owner and host (and the owner and instructor of its batch, the owner of its course) change if they are staff; host and
 * members read. */
enum mp_booking_access mp_booking_access(const struct mp_request *req, const struct mp_booking *booking);

/* Whose bookings of a series a change means: the caller's; NULL for admins, who change everybody's. */
const char *mp_booking_viewer(const struct mp_request *req);

/* A session, as it looks wherever it is answered, with no recorded lessons yet (lesson_json.h puts them in); start URLs only for those who may change
 * it. Handed over. */
struct json_object *mp_session_json(const struct mp_request *req, const struct mp_booking *booking);
/* The meeting beside a session: id, join_url, start_url, password, topic, start_time, duration; NULL (null) where there is none. */
struct json_object *mp_session_meeting_json(const struct mp_request *req, const struct mp_booking *booking);

/* Zoom's own start URL right after it was made, else our route; NULL for those who may not start it. */
const char *mp_booking_start_url(const struct mp_request *req, const struct mp_booking *booking);

/* Why its meeting is not ok, which may name pool accounts and cite Zoom; NULL for those who may not change it. */
const char *mp_booking_reason(const struct mp_request *req, const struct mp_booking *booking);

/* What did not go through, and what else is worth telling; in general words to those who may not change it. `index` -1: there is only one. */
void mp_booking_warn(const struct mp_request *req, struct mp_response *res, const struct mp_booking *booking, int index);
/* Only what did not go through. */
void mp_booking_warn_trouble(const struct mp_request *req, struct mp_response *res, const struct mp_booking *booking, int index);

/* A dry run: where each would go, as a list under `key`, with what is to be warned of. */
int mp_predictions_reply(const struct mp_request *req, struct mp_response *res, const char *key, const char *message,
                         const struct mp_booking *predicted, size_t count);

/* settings{} of a request without its nulls; what is never used warns (`index` as above). NULL where the member is absent. */
struct json_object *mp_booking_settings_read(const struct mp_json_reader *reader, const struct mp_request *req, struct mp_response *res, int index);

/* The settings asked of Zoom: those of the kind, overridden by the batch's (NULL: none), by the host's own defaults, by the request's (NULL: none).
 */
int mp_booking_settings(struct mp_ctx *ctx, enum mp_booking_kind kind, const char *batch_settings, const char *person, struct json_object *asked,
                        struct json_object **merged, struct mp_error *err) MP_MUST_CHECK;

/* The settings{} beside a wish for the meeting of a booking that has none: only what is asked changes what was asked before. `besides`: what else is
 * asked; NULL: nothing. */
int mp_booking_meeting_add(struct mp_ctx *ctx, const struct mp_request *req, struct mp_response *res, struct mp_booking **booking,
                           const struct mp_booking_change *besides, struct mp_error *err) MP_MUST_CHECK;
/* What to say of it then. */
const char *mp_booking_meeting_added(const struct mp_booking *booking);

/* `recurrence` of a request (NULL: none), read behind everything else: `starts_at` is that of the first (-1: not known), which the rule must give. */
const char *mp_booking_rule_read(const struct mp_json_reader *reader, int64_t starts_at, const char *zone);
/* One spec for each instance of the rule (field `recurrence`), the first being `first`; together they are a series. */
int mp_booking_expand(struct mp_ctx *ctx, const struct mp_booking_spec *first, const char *rule, struct mp_booking_spec **specs, size_t *count,
                      struct mp_error *err) MP_MUST_CHECK;

/* The end of what begins then. It is of a year that can be written, in every zone: else `field` is named. */
int64_t mp_booking_end(const struct mp_json_reader *reader, const char *field, int64_t starts_at, int64_t length_ms);

/* A user's id: 1, 0, -1 as the JSON getters. */
int mp_sub_read(const struct mp_json_reader *reader, const char *key, const char **sub);
/* A list of subs without repetition: 1, 0, -1 as the JSON getters. */
int mp_people_read(const struct mp_json_reader *reader, const char *key, size_t most, const char *const **subs, size_t *count);

/* ?from, ?to, ?status and the page, and whose (of sessions, which are listed by batch or course, the caller says that). `query->kind` is set. */
int mp_booking_query_read(const struct mp_request *req, struct mp_booking_query *query, struct mp_page *page, struct mp_error *err) MP_MUST_CHECK;

/* "this" (the default), "this_and_following", "all". */
void mp_scope_read(const struct mp_json_reader *reader, enum mp_series_scope *scope);
int mp_scope_query(const struct mp_request *req, enum mp_series_scope *scope, struct mp_error *err);

#endif
