#ifndef MEETPOOL_STORE_ALERT_H
#define MEETPOOL_STORE_ALERT_H

#include <stdint.h>

#include "meetpool/arena.h"
#include "meetpool/db.h"
#include "meetpool/error.h"

/* What operators are to be told by mail: gathered by kind and subject, told in a digest, so that a hundred failures are one mail. */

#define MP_ALERT_RECORDING  "recording_failed"
#define MP_ALERT_ACCOUNT    "account_inactive"
#define MP_ALERT_CONNECTION "connection_dead"
#define MP_ALERT_RENEWAL    "connection_not_renewed" /* and will die of it */
#define MP_ALERT_WEBHOOKS   "webhooks_silent"
#define MP_ALERT_JOB        "job_given_up"

/* In or outside a transaction. One that is not told yet grows by one, with the newest message (cut where the column ends). */
int mp_store_alert_raise(struct mp_db *db, const char *kind, const char *subject, const char *message, struct mp_error *err) MP_MUST_CHECK;

struct mp_alert_row {
    int64_t id;
    const char *kind, *subject, *message;
    int64_t times, first_at, last_at;
};
/* Not told yet, oldest first. */
int mp_store_alert_open(struct mp_db *db, struct mp_arena *arena, unsigned limit, struct mp_alert_row **rows, size_t *count,
                        struct mp_error *err) MP_MUST_CHECK;
/* Told; one that has grown since it was read stays open with what came on top. */
int mp_store_alert_told(struct mp_db *db, const struct mp_alert_row *row, struct mp_error *err) MP_MUST_CHECK;
/* How long ago something was told last; INT64_MAX: nothing that is still known. */
int mp_store_alert_last_told(struct mp_db *db, int64_t *ago_ms, struct mp_error *err) MP_MUST_CHECK;
/* Keeps the newest `open_most` that are not told yet, and what was told for so long; removes at most a thousand of each. */
int mp_store_alert_trim(struct mp_db *db, unsigned open_most, int64_t told_kept_ms, struct mp_error *err) MP_MUST_CHECK;

#endif
