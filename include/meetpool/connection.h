#ifndef MEETPOOL_CONNECTION_H
#define MEETPOOL_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "meetpool/conf.h"
#include "meetpool/ctx.h"
#include "meetpool/error.h"
#include "meetpool/log.h"
#include "meetpool/secret.h"
#include "meetpool/store_connection.h"
#include "meetpool/zoom.h"

/*
 * People's own Zoom accounts: how one gets connected, how its tokens stay alive, how it ends.
 *
 * A connection is *connected*: there is a pair of tokens that Zoom took when it was last asked; or it *needs reconnecting*: only its person can mend
 * it, by consenting again. Nothing but a plain refusal of the refresh token, Zoom's word that the app was removed, or another person's consent for the
 * same Zoom user, makes the second of the first; that Zoom is away never does. `reason` says which:
 *   revoked       Zoom refuses the refresh token: revoked, or dead of age
 *   answer_lost   Zoom refuses it, and a refresh had been begun with it whose answer nobody has: that refresh used it up
 *   no_refresh    the access token is over and the server gave nothing to renew it with
 *   taken_over    another person has connected the same Zoom user, and with a new consent the tokens of the earlier ones die
 *   deauthorized  the Zoom user has removed the app in Zoom, which has told
 *
 * Each such end is audited and raises an alert, in the transaction that marks it; an alert also comes before, where a refresh keeps failing.
 *
 * Connecting: begin() stores the hash of a random state (256 bits) with the person, the verifier of PKCE and the browser; finish() uses the state up,
 * whatever follows, exchanges the code, asks who the tokens belong to, and stores. A worker that dies between the exchange and the store leaves
 * tokens at Zoom that nobody has; the next consent replaces them there.
 *
 * Refresh: Zoom's refresh tokens are good once. One process at a time refreshes a connection: it writes a lease with a fence into the row and counts
 * the refresh as begun, in one statement; calls Zoom with no lock held; stores the new pair, and only then uses it. Whoever else wants the token
 * waits and reads the row again. What if a step dies: before the call       the lease ends (at once where the owner is known to be dead), and the
 * next one refreshes; after Zoom's answer   the refresh stands as begun. The next one tries once with the old token; Zoom refuses it, and the
 * connection is marked, as `answer_lost`. It is not tried again; the answer is lost    the same, but the holder itself makes the one more try. Where
 * no answer at all comes to that, Zoom is away: tried again later, ever more slowly, without a mark; the holder sleeps past its lease   another one
 * refreshes. The answer that the sleeper has is stored if it is for the pair that still stands in the row, for then it is the only good one; else it
 * is dropped. Refused tokens are held against the row once more before a connection is marked: another process may have renewed it.
 *
 * Tokens are sealed (meetpool/crypto.h) for their field and their person. One that cannot be opened, as its key is missing, is an error and changes
 * nothing.
 */

struct mp_connection_conf {
    bool enabled;           /* ZOOM_ENABLED; set by whoever brings the settings together */
    bool configured;        /* the users' app has its credentials */
    struct mp_zoom_app app; /* ZOOM_OAUTH_CLIENT_ID, ZOOM_OAUTH_CLIENT_SECRET, ZOOM_REDIRECT_URI */
    int64_t state_ttl_s;    /* MEETPOOL_OAUTH_STATE_TTL */
    int64_t idle_s;         /* MEETPOOL_OAUTH_REFRESH_INTERVAL: a connection that was not refreshed for so long is, used or not */
};
extern const struct mp_setting mp_connection_settings[];
extern const size_t mp_connection_settings_rows;

/*
 * Reads what the settings' table does not hold: the app. Where its own two variables are unset and ZOOM_REDIRECT_URI is set, ZOOM_CLIENT_ID and
 * ZOOM_CLIENT_SECRET serve. `out` has the table's members already. `callback_uri`: used where ZOOM_REDIRECT_URI is unset. An app that lacks one of
 * its two is left out with a warning. Errors: MP_E_CONFIG for a redirect URI that no server would take.
 */
int mp_connection_conf_load(struct mp_arena *arena, const struct mp_conf_source *source, const char *callback_uri, const struct mp_log *log,
                            struct mp_connection_conf *out, struct mp_error *err) MP_MUST_CHECK;

/* Who asks, for the audit log. Members may be NULL. */
struct mp_connection_actor {
    const char *sub, *remote_addr, *request_id;
};

/* ---- Connecting ---- */

struct mp_consent {
    const char *url;     /* where to send the person */
    const char *browser; /* what the browser is to keep and bring back; NULL where it was not begun in one */
};
/* `browser`: what this browser keeps from an earlier time, "" where nothing; NULL: not begun in a browser. MP_E_ZOOM_DISABLED,
 * MP_E_ZOOM_NOT_CONFIGURED. */
int mp_connection_begin(struct mp_ctx *ctx, const char *sub, const char *browser, struct mp_consent *out, struct mp_error *err) MP_MUST_CHECK;

/* How a consent ended; the name is what the page gets. */
#define MP_CONSENTS(X)                                                                                                                               \
    X(CONNECTED, "connected")                                                                                                                        \
    X(DENIED, "access_denied")               /* the person said no */                                                                                \
    X(STATE_MISSING, "state_missing")        /* begun in Zoom's Marketplace, or a made-up address */                                                 \
    X(STATE_INVALID, "state_invalid")        /* not ours, forgotten, or another person is signed in here */                                          \
    X(STATE_USED, "state_used")              /* came a second time */                                                                                \
    X(STATE_EXPIRED, "state_expired")        /* took too long */                                                                                     \
    X(WRONG_BROWSER, "wrong_browser")        /* begun in another one */                                                                              \
    X(EXCHANGE_FAILED, "exchange_failed")    /* Zoom does not take the code, or reported an error of its own */                                      \
    X(ZOOM_FAILED, "zoom_failed")            /* Zoom could not be asked */                                                                           \
    X(NOT_CONFIGURED, "zoom_not_configured") /* there is no app, or Zoom does not take its credentials */                                            \
    X(UNAVAILABLE, "unavailable")            /* the database is away */

enum mp_consent_end {
#define MP_CONSENT_ENUM(name, text) MP_CONSENT_##name,
    MP_CONSENTS(MP_CONSENT_ENUM)
#undef MP_CONSENT_ENUM
};
const char *mp_consent_end_name(enum mp_consent_end end);

/* What came back; NULL: was not there. */
struct mp_consent_answer {
    const char *state, *code, *error;
    const char *browser;       /* what the browser kept */
    const char *signed_in_sub; /* who is signed in in that browser; NULL: not known */
};
/* Stores the connection, or nothing. Failures are logged and audited here. `actor->sub` is not looked at. */
enum mp_consent_end mp_connection_finish(struct mp_ctx *ctx, const struct mp_consent_answer *answer, const struct mp_connection_actor *actor);

/* ---- Using ---- */

enum mp_connection_use {
    MP_CONNECTION_NONE,   /* the person has none */
    MP_CONNECTION_USABLE, /* here is its token */
    MP_CONNECTION_DEAD,   /* it needs reconnecting */
    MP_CONNECTION_AWAY    /* Zoom, its app or the lease's holder gave no token in time; later it may work */
};
struct mp_connection_token {
    enum mp_connection_use use;
    struct mp_secret access;
    const char *zoom_user_id, *zoom_account_id, *zoom_email; /* but for MP_CONNECTION_NONE */
    int64_t zoom_type;
    const char *why; /* a sentence for the person where it is not usable */
};
/*
 * The person's access token, renewed where it is about to end. `refused` (NULL: none): one that Zoom did not take; such a one is never given again.
 * 0 with out->use, -1 where the database is away or a token cannot be opened.
 */
int mp_connection_token(struct mp_ctx *ctx, const char *sub, const struct mp_secret *refused, int64_t deadline_ms, struct mp_connection_token *out,
                        struct mp_error *err) MP_MUST_CHECK;

/*
 * Calls Zoom as the person: takes the token, calls, on code 124 gets a new one once and calls once more. Where there is no usable token
 * `res` is MP_ZOOM_AUTH (dead, none) or MP_ZOOM_NOT_SENT, with the reason as its message. `deadline_ms` is monotonic.
 */
typedef void mp_connection_fn(struct mp_ctx *ctx, const struct mp_secret *token, unsigned timeout_ms, void *arg, struct mp_zoom_result *res);
void mp_connection_call(struct mp_ctx *ctx, const char *sub, int64_t deadline_ms, mp_connection_fn *fn, void *arg, struct mp_zoom_result *res);

/* As ctx->guest_token: the token of whoever has that Zoom user connected now. */
int mp_connection_zoom_token(struct mp_ctx *ctx, const char *zoom_user_id, const struct mp_secret *refused, int64_t deadline_ms,
                             struct mp_secret *out, struct mp_zoom_result *res);

/* How many meetings at the same time a Zoom user may hold: 1 unless Zoom has told of more. */
int64_t mp_connection_capacity(const struct mp_connection_row *row);

/* ---- Looking ---- */

/* 1 found, 0 none. Reads the row alone. */
int mp_connection_read(struct mp_ctx *ctx, const char *sub, struct mp_connection_row *row, struct mp_error *err) MP_MUST_CHECK;
/* What the person should know of it and do, in words; NULL: all is well. */
const char *mp_connection_warning(const struct mp_connection_row *row);

/* Meetings to come that the person hosts from an own Zoom account. */
int mp_connection_future_meetings(struct mp_ctx *ctx, const char *sub, int64_t *count, struct mp_error *err) MP_MUST_CHECK;

/* ---- Ending ---- */

struct mp_disconnected {
    bool found;              /* there was a connection */
    bool revoked;            /* Zoom has been told; false also where there was nothing left to tell */
    const char *problem;     /* why Zoom could not be told; NULL: nothing went wrong */
    int64_t future_meetings; /* hosted by the person, still to come; they stay */
};
/* Revokes at Zoom, then deletes the tokens, also where Zoom cannot be told. */
int mp_connection_disconnect(struct mp_ctx *ctx, const char *sub, const struct mp_connection_actor *actor, struct mp_disconnected *out,
                             struct mp_error *err) MP_MUST_CHECK;

/*
 * Zoom has told (`app_deauthorized`) that the Zoom user has removed the app at `at_ms`: the tokens are dead there and go here, the person is told to
 * connect again. A connection that was made after that instant stays. `zoom_account_id` NULL: not said. Said twice it is done once. Meetings stay.
 */
int mp_connection_deauthorized(struct mp_ctx *ctx, const char *zoom_user_id, const char *zoom_account_id, int64_t at_ms,
                               struct mp_error *err) MP_MUST_CHECK;

/* ---- In the background ---- */

/* Refreshes up to a few connections that were idle too long and asks Zoom anew what their users may do, forgets consents of old. `done`: how many were refreshed. */
int mp_connection_keep(struct mp_ctx *ctx, unsigned *done, struct mp_error *err) MP_MUST_CHECK;

/* ---- Keys ---- */

struct mp_rotation {
    int64_t done;        /* texts sealed anew by this call */
    int64_t left;        /* not with the newest key when it ended */
    int64_t unreadable;  /* of those, found to be sealed with a key that is not there, or changed; left as they are */
    const char *example; /* of an unreadable one: which it is and why */
};
/* Seals everything that is stored with the newest key: row by row, each only where it is still what was read, so that it may run under load, be
 * stopped and run again. Also the tokens of the pool's accounts and of calendar feeds. Audited. */
int mp_connection_rotate(struct mp_ctx *ctx, const struct mp_connection_actor *actor, struct mp_rotation *out, struct mp_error *err) MP_MUST_CHECK;
/*
 * Holds the keys against what was sealed with each before. MP_E_CONFIG: a key has the id of another one; nothing must be sealed with it. `missing`:
 * the id of a key that is not there though texts are sealed with it; NULL: none. Notes the newest key where it is new.
 */
int mp_connection_check_keys(struct mp_ctx *ctx, const char **missing, struct mp_error *err) MP_MUST_CHECK;

#endif
