#ifndef MEETPOOL_STORE_CONNECTION_H
#define MEETPOOL_STORE_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "meetpool/arena.h"
#include "meetpool/attr.h"
#include "meetpool/db.h"
#include "meetpool/error.h"

/*
 * Rows of `connection` and `oauth_state`; what the states mean stands in connection.h. Instants are the database's. Each function is one statement,
 * but where it says otherwise. Look-ups: 1 found, 0 none, -1 failed; guarded changes: 1 done, 0 the row has moved on and nothing changed.
 */

enum mp_connection_state { MP_CONNECTION_CONNECTED, MP_CONNECTION_RECONNECT };
const char *mp_connection_state_name(enum mp_connection_state state); /* "connected", "reconnect_needed" */

struct mp_connection_row {
    int64_t id;
    const char *sub;
    enum mp_connection_state state;
    const char *reason; /* NULL where it is connected */
    const char *zoom_user_id, *zoom_account_id, *zoom_email;
    int64_t zoom_type;
    int64_t most_meetings;                      /* at the same time; 0: Zoom has not told */
    const char *access_sealed, *refresh_sealed; /* NULL: none */
    int64_t pair;                               /* counts the pairs stored: which one this is */
    int64_t expires_at, renew_at;               /* of the access token */
    int64_t fence;
    const char *owner; /* of the lease; NULL: nobody */
    int64_t lease_until;
    int64_t begun; /* refreshes with this refresh token whose outcome nobody has written down */
    int64_t failures, try_at;
    int64_t connected_at, refreshed_at;
    const char *last_error;
    int64_t last_error_at; /* 0: never */
    int64_t now_ms;        /* the database's clock */
};

int mp_store_connection_by_sub(struct mp_db *db, struct mp_arena *arena, const char *sub, struct mp_connection_row *row,
                               struct mp_error *err) MP_MUST_CHECK;
/* Who has that Zoom user connected. */
int mp_store_connection_of_zoom(struct mp_db *db, struct mp_arena *arena, const char *zoom_user_id, const char **sub,
                                struct mp_error *err) MP_MUST_CHECK;
/* Newest first, before `before_id`; tokens are not read. */
int mp_store_connection_list(struct mp_db *db, struct mp_arena *arena, int64_t before_id, unsigned limit, struct mp_connection_row **rows,
                             size_t *count, struct mp_error *err) MP_MUST_CHECK;
/* Who else has that Zoom user connected. */
int mp_store_connection_sharers(struct mp_db *db, struct mp_arena *arena, const char *zoom_user_id, const char *but_sub, const char ***subs,
                                size_t *count, struct mp_error *err) MP_MUST_CHECK;

struct mp_connection_tokens {
    const char *access_sealed, *refresh_sealed;
    int64_t expires_in_ms, renew_in_ms;
};
/* Makes or replaces the person's connection: sub, zoom_* and most_meetings of `row`. Whoever refreshes the earlier one has lost it. */
int mp_store_connection_put(struct mp_db *db, const struct mp_connection_row *row, const struct mp_connection_tokens *tokens,
                            struct mp_error *err) MP_MUST_CHECK;
/* Another person's connection to the same Zoom user has replaced this one: its tokens are gone. */
int mp_store_connection_taken_over(struct mp_db *db, const char *zoom_user_id, const char *by_sub, struct mp_error *err) MP_MUST_CHECK;

/* Takes the lease where nobody holds it (or `steal`), by the fence just read; `begin`: a refresh is about to be sent, which is counted. On success
 * row->fence and row->begun are what they are now. */
int mp_store_connection_lease(struct mp_db *db, struct mp_connection_row *row, bool steal, bool begin, const char *owner, int64_t lease_ms,
                              struct mp_error *err) MP_MUST_CHECK;
/* The new pair. Guarded by the pair that it was got with, not by the fence: whoever has an answer for that pair has the only one there is, however
 * late, and a connection that was given up meanwhile lives again. */
int mp_store_connection_renewed(struct mp_db *db, const struct mp_connection_row *row, const struct mp_connection_tokens *tokens,
                                struct mp_error *err) MP_MUST_CHECK;
/* Gives the lease back without a pair. `unsent`: the refresh token was surely not used up. Not tried again for `wait_ms`. */
int mp_store_connection_failed(struct mp_db *db, const struct mp_connection_row *row, bool unsent, int64_t wait_ms, const char *error,
                               struct mp_error *err) MP_MUST_CHECK;
/* The connection is dead. Its tokens go. */
int mp_store_connection_dead(struct mp_db *db, const struct mp_connection_row *row, const char *reason, const char *error,
                             struct mp_error *err) MP_MUST_CHECK;
/* What Zoom says now of the Zoom user that the row is for: zoom_email, zoom_type and most_meetings of `row`. */
int mp_store_connection_licence(struct mp_db *db, const struct mp_connection_row *row, struct mp_error *err) MP_MUST_CHECK;
/* The Zoom user has removed the app: the tokens go, unless the connection was made after `at_ms`. 1: it was alive until now, 0: it was dead already, or
 * is newer, or another's. */
int mp_store_connection_deauthorized(struct mp_db *db, const struct mp_connection_row *row, int64_t at_ms, struct mp_error *err) MP_MUST_CHECK;
/* Who has or had that Zoom user connected. */
int mp_store_connection_all_of_zoom(struct mp_db *db, struct mp_arena *arena, const char *zoom_user_id, struct mp_connection_row **rows,
                                    size_t *count, struct mp_error *err) MP_MUST_CHECK;
/* Under the fence. */
int mp_store_connection_remove(struct mp_db *db, const struct mp_connection_row *row, struct mp_error *err) MP_MUST_CHECK;

/* Connected ones that were not refreshed for `idle_ms`, longest first, and may be tried now; others may hold their leases. */
int mp_store_connection_idle(struct mp_db *db, struct mp_arena *arena, int64_t idle_ms, unsigned limit, const char ***subs, size_t *count,
                             struct mp_error *err) MP_MUST_CHECK;
/* Meetings to come that the person hosts from an own Zoom account. */
int mp_store_connection_meetings(struct mp_db *db, const char *sub, int64_t now_ms, int64_t *count, struct mp_error *err) MP_MUST_CHECK;

/* What waits at that Zoom user's account for a connection that works is due now. */
int mp_store_connection_wake(struct mp_db *db, const char *zoom_user_id, struct mp_error *err) MP_MUST_CHECK;

/* ---- Consents that were begun ---- */

struct mp_consent_row {
    int64_t id;
    const char *sub;
    const char *browser_hash; /* NULL: not begun in a browser */
    const char *verifier_sealed;
    bool used, expired;
};
/* Two or three statements: of a person's consents only the newest 20 are kept. */
int mp_store_consent_add(struct mp_db *db, const char *state_hash, const struct mp_consent_row *row, int64_t ttl_ms,
                         struct mp_error *err) MP_MUST_CHECK;
int mp_store_consent_read(struct mp_db *db, struct mp_arena *arena, const char *state_hash, struct mp_consent_row *row,
                          struct mp_error *err) MP_MUST_CHECK;
/* 1: ours; 0: somebody was there before. */
int mp_store_consent_use(struct mp_db *db, int64_t id, struct mp_error *err) MP_MUST_CHECK;
/* Removes up to `limit` that expired more than `kept_ms` ago. */
int mp_store_consent_expire(struct mp_db *db, int64_t kept_ms, unsigned limit, struct mp_error *err) MP_MUST_CHECK;

/* ---- Everything that is sealed and stays, for the rotation of keys ---- */

/* A column with sealed texts. What a text was sealed for is `context` followed by the row's key. */
enum mp_sealed_place {
    MP_SEALED_ACCESS,   /* access tokens of connections, by sub */
    MP_SEALED_REFRESH,  /* refresh tokens of connections, by sub */
    MP_SEALED_ACCOUNT,  /* access tokens of the pool's accounts, by name */
    MP_SEALED_VERIFIER, /* of consents, by the state's hash */
    MP_SEALED_FEED,     /* tokens of calendar feeds, by sub */
    MP_SEALED_PLACES
};
const char *mp_sealed_context(enum mp_sealed_place place);
const char *mp_sealed_name(enum mp_sealed_place place); /* "connection.access_sealed" */

struct mp_sealed_row {
    const char *key, *sealed;
};
/* Up to `limit` rows behind `after` in order of their key that are sealed with another key than `key_id`. */
int mp_store_sealed_next(struct mp_db *db, struct mp_arena *arena, enum mp_sealed_place place, const char *key_id, const char *after, unsigned limit,
                         struct mp_sealed_row **rows, size_t *count, struct mp_error *err) MP_MUST_CHECK;
/* Where the text is still the one that was read. */
int mp_store_sealed_swap(struct mp_db *db, enum mp_sealed_place place, const struct mp_sealed_row *row, const char *sealed,
                         struct mp_error *err) MP_MUST_CHECK;
int mp_store_sealed_left(struct mp_db *db, enum mp_sealed_place place, const char *key_id, int64_t *left, struct mp_error *err) MP_MUST_CHECK;

/* 1: there is one sealed with that key, 0: none. */
int mp_store_sealed_with(struct mp_db *db, enum mp_sealed_place place, const char *key_id, struct mp_error *err) MP_MUST_CHECK;

/* The text that was sealed with each key. `rows->key` is the key's id. */
int mp_store_key_checks(struct mp_db *db, struct mp_arena *arena, struct mp_sealed_row **rows, size_t *count, struct mp_error *err) MP_MUST_CHECK;
/* Nothing where there is one already. */
int mp_store_key_check_add(struct mp_db *db, const char *key_id, const char *sealed, struct mp_error *err) MP_MUST_CHECK;

#endif
