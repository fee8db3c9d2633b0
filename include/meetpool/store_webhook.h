#ifndef MEETPOOL_STORE_WEBHOOK_H
#define MEETPOOL_STORE_WEBHOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "meetpool/arena.h"
#include "meetpool/db.h"
#include "meetpool/error.h"

/* Rows of `webhook_event` and `webhook_app`. Instants are the database's clock, but `event_at`, which is Zoom's. */

enum mp_webhook_state {
    MP_WEBHOOK_STORED,  /* to be applied */
    MP_WEBHOOK_APPLIED, /* done, whether or not anything had to change */
    MP_WEBHOOK_IGNORED, /* nothing of ours */
    MP_WEBHOOK_FAILED,  /* given up */
    MP_WEBHOOK_STATES
};
const char *mp_webhook_state_name(enum mp_webhook_state state);

struct mp_webhook_row {
    int64_t id;
    const char *app, *body_hash, *event;
    int64_t event_at;               /* -1: not said */
    const char *subject, *instance; /* NULL: none */
    const char *body;
    enum mp_webhook_state state;
    int64_t copies, attempts;
    const char *error;               /* NULL: none */
    int64_t received_at, applied_at; /* the last -1: not yet */
    int64_t age_ms;                  /* since it was received, when the row was read */
};

/* One statement, whether it is new or known (then it has one copy more). Of `row`: app to error; `error` is cut where the column ends. */
int mp_store_webhook_add(struct mp_db *db, struct mp_arena *arena, const struct mp_webhook_row *row, struct mp_error *err) MP_MUST_CHECK;

/* ---- For the runner ---- */

/*
 * Claims up to `limit` stored events that are due, oldest first, for `lease_ms`; their tries are counted. What was tried `attempts_most` times and
 * has no end is failed first: who tries it dies of it. `claim` names the round; no two are alike.
 */
int mp_store_webhook_claim(struct mp_db *db, struct mp_arena *arena, int64_t claim, int64_t lease_ms, unsigned attempts_most, unsigned limit,
                           struct mp_webhook_row **rows, size_t *count, struct mp_error *err) MP_MUST_CHECK;
/* stored -> `state`, under the claim. In the transaction of its effect where it has one. 1 done, 0 it is somebody else's by now. */
int mp_store_webhook_end(struct mp_db *db, struct mp_arena *arena, int64_t id, int64_t claim, enum mp_webhook_state state, const char *error,
                         struct mp_error *err) MP_MUST_CHECK;
/* Due again after `wait_ms`, under the claim; `counted`: this try counts. */
int mp_store_webhook_later(struct mp_db *db, struct mp_arena *arena, int64_t id, int64_t claim, int64_t wait_ms, bool counted, const char *error,
                           struct mp_error *err) MP_MUST_CHECK;
/* What is left under that claim is due at once, and was not tried. */
int mp_store_webhook_unclaim(struct mp_db *db, int64_t claim, struct mp_error *err) MP_MUST_CHECK;
/*
 * Whether what a started or ended meeting was told since makes this one old news: the same instance has ended, or another one of the same meeting
 * began or ended later by Zoom's clock. 1, 0, -1.
 */
int mp_store_webhook_overtaken(struct mp_db *db, const struct mp_webhook_row *row, struct mp_error *err) MP_MUST_CHECK;

/* ---- Apps ---- */

struct mp_webhook_app_row {
    const char *app, *last_event;
    int64_t last_event_at, last_challenge_at, last_refused_at, refused, alarmed_at; /* 0: never */
};
/* Sets what was last heard, where that is later than what is known. */
int mp_store_webhook_heard(struct mp_db *db, const char *app, const char *event, int64_t received_at, struct mp_error *err) MP_MUST_CHECK;
int mp_store_webhook_challenged(struct mp_db *db, const char *app, struct mp_error *err) MP_MUST_CHECK;
/* `count` deliveries were refused. */
int mp_store_webhook_refused(struct mp_db *db, const char *app, int64_t count, struct mp_error *err) MP_MUST_CHECK;
/* Everything that is known of an app, also what is stored and not applied yet; zeros where nothing is. */
int mp_store_webhook_app(struct mp_db *db, struct mp_arena *arena, const char *app, struct mp_webhook_app_row *row,
                         struct mp_error *err) MP_MUST_CHECK;
/* The alarm about its silence: 1 this call set it, 0 it was set since it was last heard. */
int mp_store_webhook_alarm(struct mp_db *db, const char *app, struct mp_error *err) MP_MUST_CHECK;
/* Whether a meeting of that account (NULL: of people's own) that was to begin after `since` and over an hour ago has been held. 1, 0, -1. */
int mp_store_webhook_held_since(struct mp_db *db, const char *account, int64_t since, struct mp_error *err) MP_MUST_CHECK;

/* ---- For people ---- */

struct mp_webhook_query {
    const char *app, *event; /* NULL: any; of people's app "" */
    int state;               /* enum mp_webhook_state; -1: any */
    int64_t before_id;
    unsigned limit;
};
/* Newest first, without bodies. */
int mp_store_webhook_list(struct mp_db *db, struct mp_arena *arena, const struct mp_webhook_query *query, struct mp_webhook_row **rows, size_t *count,
                          struct mp_error *err) MP_MUST_CHECK;
/* Removes up to `limit` events older than `age_ms`. */
int mp_store_webhook_expire(struct mp_db *db, int64_t age_ms, unsigned limit, struct mp_error *err) MP_MUST_CHECK;

#endif
