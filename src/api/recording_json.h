#ifndef MEETPOOL_API_RECORDING_JSON_H
#define MEETPOOL_API_RECORDING_JSON_H

#include <json-c/json_object.h>

#include "meetpool/api.h"
#include "meetpool/store_recording.h"

/* recording_synced and sync_attempts, and where the recording was looked for (`row` not NULL) last_sync_date, last_sync_error, next_retry_at.
 * `errors`: whether whoever asks may see what Zoom said. */
void mp_recording_put(struct json_object *out, const struct mp_recording_row *row, bool errors);

/* GET admin/analytics */
mp_handler mp_analytics;

#endif
