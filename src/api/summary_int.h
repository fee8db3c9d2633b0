#ifndef SUMMARY_INT_H
#define SUMMARY_INT_H

#include <json-c/json_object.h>

#include "meetpool/api.h"
#include "meetpool/queue.h"
#include "meetpool/store_recording.h"

/* What GET admin/summary is made of. What other lists of admins show too has the same shape there. */

struct json_object *mp_job_json(const struct mp_job *job);
struct json_object *mp_recording_item_json(struct mp_arena *arena, const struct mp_recording_item *item);
/* data.apps: every app that Zoom may post for, and when it was last heard. */
int mp_webhook_put_apps(struct mp_ctx *ctx, struct json_object *data, struct mp_error *err) MP_MUST_CHECK;
/* data.totals and data.days: the sums of the UTC days [from, to]. */
int mp_analytics_put_days(struct mp_ctx *ctx, struct mp_arena *arena, int64_t from, int64_t to, struct json_object *data,
                          struct mp_error *err) MP_MUST_CHECK;
/* data.storage */
int mp_analytics_put_storage(struct mp_ctx *ctx, struct json_object *data, struct mp_error *err) MP_MUST_CHECK;

/* data.accounts, each with its hosts and their places of the next hours, and data.places_cut. */
int mp_summary_put_pool(struct mp_ctx *ctx, struct json_object *data, int64_t now_ms, struct mp_error *err) MP_MUST_CHECK;
/* data.failures, newest first, each with what to do. */
int mp_summary_put_failures(struct mp_ctx *ctx, struct json_object *data, struct mp_error *err) MP_MUST_CHECK;

#endif
