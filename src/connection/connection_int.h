#ifndef CONNECTION_INT_H
#define CONNECTION_INT_H

#include "meetpool/connection.h"
#include "meetpool/store_alert.h"
#include "meetpool/store_audit.h"

/* The longest that one call to Zoom may take. */
#define CONNECTION_CALL_MS 8000
/* Outlasts the two calls that a holder may make, and the statements around them. */
#define CONNECTION_LEASE_MS 30000

/* Seals a pair for a person. `old_refresh` (sealed, may be NULL) goes on where the server sent no new one. */
void connection_seal(struct mp_ctx *ctx, const char *sub, const struct mp_zoom_token *token, const char *old_refresh,
                     struct mp_connection_tokens *out);
/* -1 where it cannot be opened; `sealed` may be NULL: then `out` is not set. */
int connection_open(struct mp_ctx *ctx, enum mp_sealed_place place, const char *sub, const char *sealed, struct mp_secret *out,
                    struct mp_error *err) MP_MUST_CHECK;

/* RFC 7636 section 4.2, S256. */
const char *connection_challenge(struct mp_arena *arena, const char *verifier);

/* Whether somebody else is at it now. */
bool connection_is_held(const struct mp_ctx *ctx, const struct mp_connection_row *row);

enum connection_outcome {
    CONNECTION_RENEWED, /* read the row again: there is a pair that was not there before */
    CONNECTION_DIED,    /* it is marked now */
    CONNECTION_WAITS,   /* not now; row->try_at says when */
    CONNECTION_MOVED    /* the row has changed under us: look again */
};
/* Under the lease just taken by the caller: refreshes, and gives the lease back. -1: the database is away. */
int connection_refresh(struct mp_ctx *ctx, struct mp_connection_row *row, enum connection_outcome *outcome, struct mp_error *err) MP_MUST_CHECK;

/* A change of a connection that audit and alert are written with, or not at all. `change` tells how it stands: 1 changed, 0 moved on. */
struct connection_change {
    struct mp_ctx *ctx;
    const struct mp_connection_actor *actor; /* NULL: by itself */
    const char *sub;
    int (*change)(struct mp_db *db, void *arg, struct mp_error *err);
    void *arg;
    const char *action; /* of the audit; NULL: none */
    bool ok;
    const char *detail;
    const char *alert_kind;
    const char *alert; /* what operators are mailed; NULL: nothing */
};
/* Where nothing was changed nothing is written. 1, 0, -1. */
int connection_change(const struct connection_change *change, struct mp_error *err) MP_MUST_CHECK;

/* Within a transaction. */
int connection_audit_in(struct mp_ctx *ctx, const struct mp_connection_actor *actor, const char *action, const char *subject, bool ok,
                        const char *detail, struct mp_error *err) MP_MUST_CHECK;

/* Whether there is room for what Zoom says of that user. */
bool connection_can_keep(const struct mp_zoom_user *user);

/* How many meetings at once Zoom lets that user run: asks it for the user's settings. 0: it does not tell. */
int64_t connection_most_meetings(struct mp_ctx *ctx, const struct mp_secret *token, const struct mp_zoom_user *user);

/* An audit row that cannot be written is logged: what happened has happened. */
void connection_audit(struct mp_ctx *ctx, const struct mp_connection_actor *actor, const char *action, const char *subject, bool ok,
                      const char *detail);

/* A call's share of the time left: at most CONNECTION_CALL_MS; 0: none. */
unsigned connection_time_left(int64_t deadline_ms);

#endif
