#ifndef MEETPOOL_STORE_ACCOUNT_H
#define MEETPOOL_STORE_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "meetpool/arena.h"
#include "meetpool/db.h"
#include "meetpool/error.h"

/*
 * Rows of `installation`, `account` and `host`. Rows are locked in this order everywhere: account (by id), host, meeting, place. Functions that take
 * part in a transaction say so; all others are one statement each. Errors are db.h's.
 */

/* This installation's id, made when first asked for: 10 lower-case hex digits. */
int mp_store_install_id(struct mp_db *db, struct mp_arena *arena, const char **id, struct mp_error *err) MP_MUST_CHECK;

/* Makes the row where it is missing, and tells its id. */
int mp_store_account_ensure(struct mp_db *db, const char *name, int64_t *id, struct mp_error *err) MP_MUST_CHECK;
int mp_store_host_ensure(struct mp_db *db, int64_t account_id, const char *zoom_user, int64_t *id, struct mp_error *err) MP_MUST_CHECK;

/* The ids of all accounts and hosts of the pool that have rows, by name; for a process that learns them all at once. */
struct mp_pool_row {
    const char *account_name, *zoom_user;
    int64_t account_id, host_id;
};
int mp_store_pool(struct mp_db *db, struct mp_arena *arena, struct mp_pool_row **rows, size_t *count, struct mp_error *err) MP_MUST_CHECK;

/* A person's own Zoom account, `name` being "user:<Zoom's id>": its row and that of its host `me`, made where missing. `most`: meetings at the same
 * time, written where it is another than before. */
int mp_store_guest_ensure(struct mp_db *db, const char *name, int64_t most, int64_t *account_id, int64_t *host_id,
                          struct mp_error *err) MP_MUST_CHECK;
/* 1: that row is a guest's; 0: it is none. */
int mp_store_guest_by_id(struct mp_db *db, struct mp_arena *arena, int64_t account_id, const char **name, int64_t *host_id,
                         struct mp_error *err) MP_MUST_CHECK;

struct mp_host_row {
    int64_t id, account_id;
    int64_t inactive_until;
    const char *inactive_reason;
    int64_t last_used_at;
    int64_t daily_used, daily_created; /* 0 where they are another day's */
    /* of its account, the same in each of its hosts' rows */
    int64_t account_bookings, account_inactive_until, account_paused_until, account_last_used_at;
    const char *account_inactive_reason, *account_last_error;
    int64_t account_max_concurrent; /* of a guest */
    bool account_cordoned;
};
/* The pool's hosts with their accounts, in order of (account, host), or those of one account (0: the pool's). `utc_day`: the present one. */
int mp_store_hosts(struct mp_db *db, struct mp_arena *arena, int32_t utc_day, int64_t account_id, struct mp_host_row **rows, size_t *count,
                   struct mp_error *err) MP_MUST_CHECK;

/* In a transaction, its first statement: writes, and so locks, the account's row on every node. */
int mp_store_account_take(struct mp_db *db, int64_t id, int64_t now_ms, struct mp_error *err) MP_MUST_CHECK;

/* One of the host's calls of the day. 1: spent, 0: `limit` is reached, -1 failed. */
int mp_store_host_spend(struct mp_db *db, int64_t host_id, int32_t utc_day, int64_t limit, bool create, int64_t now_ms,
                        struct mp_error *err) MP_MUST_CHECK;
/* Gives one back: the call was never sent. */
int mp_store_host_unspend(struct mp_db *db, int64_t host_id, int32_t utc_day, bool create, struct mp_error *err) MP_MUST_CHECK;
/* Zoom says that the day's calls are used up. */
int mp_store_host_used_up(struct mp_db *db, int64_t host_id, int32_t utc_day, int64_t limit, struct mp_error *err) MP_MUST_CHECK;

/* `error` is shown to admins; NULL leaves it. `reason` NULL with until 0 makes active. */
int mp_store_account_inactive(struct mp_db *db, int64_t id, int64_t until_ms, const char *reason, const char *error, int64_t now_ms,
                              struct mp_error *err) MP_MUST_CHECK;
int mp_store_account_pause(struct mp_db *db, int64_t id, int64_t until_ms, const char *error, int64_t now_ms, struct mp_error *err) MP_MUST_CHECK;
int mp_store_account_error(struct mp_db *db, int64_t id, const char *error, int64_t now_ms, struct mp_error *err) MP_MUST_CHECK;
int mp_store_host_inactive(struct mp_db *db, int64_t id, int64_t until_ms, const char *reason, struct mp_error *err) MP_MUST_CHECK;
/* Account and hosts active again, daily counts left alone. Id 0: all. */
int mp_store_account_reset(struct mp_db *db, int64_t id, struct mp_error *err) MP_MUST_CHECK;

/* No new meetings there, or meetings as usual. */
int mp_store_account_cordon(struct mp_db *db, int64_t id, bool cordon, struct mp_error *err) MP_MUST_CHECK;

/* The shared access token of an account. `mark` names the credentials it was got with: another mark's token is not used. */
struct mp_token_row {
    const char *sealed; /* NULL: none */
    const char *mark;
    int64_t expires_at;
    int64_t fence;
    int64_t now_ms; /* the database's clock */
    const char *owner;
    int64_t lease_until;
    int64_t inactive_until; /* of the account */
};
int mp_store_token_read(struct mp_db *db, struct mp_arena *arena, int64_t account_id, struct mp_token_row *out, struct mp_error *err) MP_MUST_CHECK;
/* Takes the lease where nobody holds it (or `steal`), by the fence just read. 1: ours, with fence + 1; 0: somebody was quicker. */
int mp_store_token_lease(struct mp_db *db, int64_t account_id, int64_t fence, bool steal, const char *owner, int64_t lease_ms,
                         struct mp_error *err) MP_MUST_CHECK;
/* Stores (sealed) or gives up (NULL) under the fence. 1: done; 0: the lease went to somebody else and nothing changed. */
int mp_store_token_store(struct mp_db *db, int64_t account_id, int64_t fence, const char *sealed, const char *mark, int64_t expires_in_ms,
                         struct mp_error *err) MP_MUST_CHECK;

/* Places that are taken and touch [from, until), and, where `from` <= `now`, meetings that have started and not ended though their end is past: they
 * end at now + 1. `account_id` 0: of all accounts of the pool. */
struct mp_busy_row {
    int64_t account_id, host_id, from, until;
};
int mp_store_busy(struct mp_db *db, struct mp_arena *arena, int64_t account_id, int64_t from, int64_t until, int64_t now_ms, int64_t ignore_meeting,
                  struct mp_busy_row **rows, size_t *count, struct mp_error *err) MP_MUST_CHECK;

/* Places per account of the pool: going on now (and the next end of one), and to come. */
struct mp_place_counts {
    int64_t account_id, active, next_end_at, upcoming;
};
int mp_store_place_counts(struct mp_db *db, struct mp_arena *arena, int64_t now_ms, struct mp_place_counts **rows, size_t *count,
                          struct mp_error *err) MP_MUST_CHECK;

/* The host whose meetings were longest not read at Zoom, if that is `age_ms` ago; claims it. 1 found, 0 none. */
int mp_store_host_sweep_next(struct mp_db *db, int64_t age_ms, int64_t *account_id, int64_t *host_id, struct mp_error *err) MP_MUST_CHECK;

#endif
