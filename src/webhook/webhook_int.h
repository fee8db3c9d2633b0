#ifndef WEBHOOK_INT_H
#define WEBHOOK_INT_H

#include "meetpool/store_webhook.h"
#include "meetpool/webhook.h"

/* The URL that Zoom posts to names the app: "" for zoom/webhook. */
#define WEBHOOK_EVENT_MOST 64

/* What is done about an event. */
enum webhook_kind {
    WEBHOOK_OTHER, /* nothing */
    WEBHOOK_CHALLENGE,
    WEBHOOK_STARTED,
    WEBHOOK_ENDED,
    WEBHOOK_UPDATED,
    WEBHOOK_DELETED,
    WEBHOOK_RECOVERED,
    WEBHOOK_RECORDED,
    WEBHOOK_DEAUTHORIZED
};

/*
 * An event as far as anything is done about it, and nothing that is secret. Zoom's texts: developers.zoom.us/docs/api/webhooks and its schemas of
 * events, as of 2026-02-07. What is not as it should be is as if it were not there; an event that then lacks what it is about is of no use.
 */
struct webhook_event {
    const char *name; /* printable ASCII, at most WEBHOOK_EVENT_MOST */
    enum webhook_kind kind;
    int64_t at;      /* -1: not said */
    int64_t zoom_id; /* a string in meeting.started and the like, a number elsewhere; 0: none */
    const char *uuid;
    int64_t starts_at, ends_at; /* -1: not said */
    int64_t duration_min;       /* -1: not said */
    const char *topic, *timezone;
    bool further;                     /* meeting.updated: changes of which only Zoom can tell */
    const char *user_id, *account_id; /* app_deauthorized */
    const char *client_id;            /* the same */
    const char *plain_token;          /* endpoint.url_validation */
};

/* MP_E_MALFORMED for what is no JSON object with the name of an event. */
int webhook_event_decode(struct mp_arena *arena, struct mp_slice body, struct webhook_event *out, struct mp_error *err) MP_MUST_CHECK;
/* What is kept of it: decoded again, it is the same event. */
const char *webhook_event_encode(struct mp_arena *arena, const struct webhook_event *event);
/* What it is about; NULL: nothing. */
const char *webhook_event_subject(struct mp_arena *arena, const struct webhook_event *event);
/* Whether it says what is to be done about it. */
bool webhook_event_usable(const struct webhook_event *event);

/* NULL: there is no such app, or it has no secret. */
const struct mp_webhook_app *webhook_app(const struct mp_webhook_conf *conf, const char *name);
/* Whether that app may speak of meetings of an account by that name; people's own are MP_ACCOUNT_GUEST. */
bool webhook_app_covers(const struct mp_webhook_conf *conf, const char *app, const char *account_name);

/*
 * Whether Zoom signed these bytes: "v0=" and the HMAC-SHA256 of "v0:{timestamp}:{body}" in lower-case hex, compared in constant time. The secret that
 * it was signed with, and the timestamp; NULL, with MP_E_UNAUTHORIZED.
 * Source: developers.zoom.us/docs/api/webhooks/#verify-webhook-events, as of 2026-02-07.
 */
const struct mp_secret *webhook_verify(struct mp_arena *arena, const struct mp_webhook_app *app, const struct mp_webhook_delivery *delivery,
                                       int64_t *stamp_s, struct mp_error *err);
/* Whether the timestamp is at most `tolerance_s` old, and at most 300 s ahead. */
bool webhook_in_time(int64_t stamp_s, int64_t tolerance_s, int64_t now_s);

/* What a process remembers of its own. */
struct mp_webhook_runtime {
    int64_t away_until_ms; /* monotonic: the database did not answer, and is not asked before */
    int64_t kept_ms;       /* monotonic: when housekeeping was last done */
    int64_t *refused;      /* of each app, not written down yet */
    int64_t refused_ms;    /* monotonic: when they last were */
    int64_t left_claim;    /* of a round that could not be ended; 0: none */
    bool clock_told;       /* that it is wrong */
};

/* Expires events, looks for apps that have fallen silent. Once a minute. */
int webhook_keep(struct mp_ctx *ctx, struct mp_error *err) MP_MUST_CHECK;

#endif
