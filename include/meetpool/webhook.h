#ifndef MEETPOOL_WEBHOOK_H
#define MEETPOOL_WEBHOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "meetpool/conf.h"
#include "meetpool/ctx.h"
#include "meetpool/error.h"
#include "meetpool/secret.h"
#include "meetpool/slice.h"

/*
 * What Zoom tells of its own accord. An event is checked (signature over the raw bytes, age), stored, and only then acknowledged; the runner applies
 * it. Events come more than once and in any order: one is known by the hash of its body, what it says is applied forward only, and where it is in
 * doubt Zoom is asked.
 */
struct mp_webhook_app {
    const char *name;        /* "" for zoom/webhook, "account_1" … */
    struct mp_secret secret; /* the app's secret token */
    struct mp_secret former; /* during a roll: `NEW,OLD`; not set: none */
};
struct mp_webhook_runtime; /* what a process remembers of its own */
struct mp_webhook_conf {
    struct mp_webhook_app *apps;
    size_t count;
    int64_t tolerance_s; /* MEETPOOL_WEBHOOK_TOLERANCE */
    struct mp_webhook_runtime *runtime;
};
/* Reads ZOOM_WEBHOOK_SECRET_TOKEN and ZOOM_WEBHOOK_SECRET_TOKEN_n; leaves what the table of settings fills alone. MP_E_CONFIG names the variable. */
int mp_webhook_conf_load(struct mp_arena *arena, const struct mp_conf_source *source, struct mp_webhook_conf *out,
                         struct mp_error *err) MP_MUST_CHECK;
extern const struct mp_setting mp_webhook_settings[];
extern const size_t mp_webhook_settings_rows;
/* An app as people and monitoring are told of it: "users" for "". */
const char *mp_webhook_app_label(const char *app);

struct mp_webhook_delivery {
    const char *app;       /* by the path; "" */
    struct mp_slice body;  /* raw */
    const char *signature; /* x-zm-signature */
    const char *timestamp; /* x-zm-request-timestamp: unix seconds */
};
/*
 * 0: stored (or known already), to be answered 204. With `challenge` set: that JSON is the answer (endpoint.url_validation). Errors:
 * MP_E_NOT_FOUND (no such app, or it has no secret), MP_E_UNAUTHORIZED (signature, age), MP_E_MALFORMED, MP_E_UNAVAILABLE (not stored: Zoom tries
 * again).
 */
int mp_webhook_receive(struct mp_ctx *ctx, const struct mp_webhook_delivery *delivery, const char **challenge, struct mp_error *err) MP_MUST_CHECK;

/*
 * Applies what is stored, oldest first; `done`: how many have come to an end, or were put off. For the runner's quick lane, also of several processes
 * at once. An event is ended in the transaction that does what it says; what Zoom has to be asked about is asked before, for some seconds a round.
 */
int mp_webhook_apply(struct mp_ctx *ctx, unsigned *done, struct mp_error *err) MP_MUST_CHECK;

#endif
