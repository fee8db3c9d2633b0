#ifndef MEETPOOL_STORE_IDEMPOTENCY_H
#define MEETPOOL_STORE_IDEMPOTENCY_H

#include <stdbool.h>
#include <stdint.h>

#include "meetpool/arena.h"
#include "meetpool/attr.h"
#include "meetpool/db.h"
#include "meetpool/error.h"
#include "meetpool/slice.h"

/*
 * The first answer to each Idempotency-Key. A row is `running` while its owner works, under a lease by the database's clock; then it is `done` and
 * keeps the answer, or it is gone (a refusal that changed nothing is not kept), or it is released: running with its lease over, for the next try to
 * take (a failure that may have done something). A row whose owner died is taken over with a higher fence; whatever the earlier owner still writes
 * then changes nothing. A row past its expiry counts as absent.
 *
 * Each call is one statement or a few, never a transaction: what two do at once is settled by the primary key and the fence.
 */
struct mp_idempotency_key {
    unsigned char hash[32];
    unsigned char body[32]; /* SHA-256 of the body */
};

enum mp_idempotency_state {
    MP_IDEMPOTENCY_TAKEN,    /* ours: do the work, then keep, drop or release */
    MP_IDEMPOTENCY_RUNNING,  /* somebody else's: wait, or seize it where that one is known to be dead */
    MP_IDEMPOTENCY_DONE,     /* the answer is there */
    MP_IDEMPOTENCY_MISMATCH, /* the key was used with another body */
};

struct mp_idempotency_claim {
    enum mp_idempotency_state state;
    int64_t fence;
    const char *unit;  /* 64 hex digits: names the work over its repeated tries */
    const char *owner; /* RUNNING */
    unsigned status;   /* DONE */
    struct mp_slice answer;
};

struct mp_idempotency_terms {
    const char *owner;
    int64_t lease_ms, ttl_ms;
};

/* Takes the key where it is free, expired, released or left by an owner whose lease is over (or by ourselves: an owner does one thing at a time). */
int mp_store_idempotency_take(struct mp_db *db, struct mp_arena *arena, const struct mp_idempotency_key *key,
                              const struct mp_idempotency_terms *terms, struct mp_idempotency_claim *out, struct mp_error *err) MP_MUST_CHECK;
/* Takes over a RUNNING claim; 1: it is TAKEN now, 0: somebody was faster, look again. */
int mp_store_idempotency_seize(struct mp_db *db, const struct mp_idempotency_key *key, const struct mp_idempotency_terms *terms,
                               struct mp_idempotency_claim *claim, struct mp_error *err) MP_MUST_CHECK;

/* The ends of a TAKEN claim. 1: done; 0: the claim had been taken over, nothing changed. */
int mp_store_idempotency_keep(struct mp_db *db, const struct mp_idempotency_key *key, const struct mp_idempotency_claim *claim, unsigned status,
                              struct mp_slice answer, struct mp_error *err) MP_MUST_CHECK;
int mp_store_idempotency_drop(struct mp_db *db, const struct mp_idempotency_key *key, const struct mp_idempotency_claim *claim,
                              struct mp_error *err) MP_MUST_CHECK;
int mp_store_idempotency_release(struct mp_db *db, const struct mp_idempotency_key *key, const struct mp_idempotency_claim *claim,
                                 struct mp_error *err) MP_MUST_CHECK;

/* Removes up to `limit` expired rows; `removed` says how many. */
int mp_store_idempotency_expire(struct mp_db *db, unsigned limit, int64_t *removed, struct mp_error *err) MP_MUST_CHECK;

#endif
