#ifndef MEETPOOL_ZOOM_H
#define MEETPOOL_ZOOM_H

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stdint.h>

#include "meetpool/arena.h"
#include "meetpool/conf.h"
#include "meetpool/error.h"
#include "meetpool/http.h"
#include "meetpool/log.h"
#include "meetpool/secret.h"

/*
 * Zoom's REST API as far as meetpool uses it: encode, call, class, decode. It keeps nothing: no token, no state, no database. Who calls with which
 * token, and what a failure means for an account, is decided above (rooms account and meeting).
 *
 * How Zoom behaves is from developers.zoom.us as of 2026-02-07 and from what independent clients report; each oddity is named where it is handled.
 */
struct mp_zoom;

struct mp_zoom_conf {
    const char *api_url;   /* ZOOM_API_URL, without trailing slash */
    const char *oauth_url; /* ZOOM_OAUTH_URL */
};
extern const struct mp_setting mp_zoom_settings[];
extern const size_t mp_zoom_settings_rows;
/* Whether the addresses can be used. MP_E_CONFIG names the variable: no address, or plain http to another machine. */
int mp_zoom_conf_check(struct mp_arena *arena, const struct mp_zoom_conf *conf, struct mp_error *err) MP_MUST_CHECK;

struct mp_zoom *mp_zoom_new(const struct mp_zoom_conf *conf, struct mp_http *http, const struct mp_log *log);
void mp_zoom_free(struct mp_zoom *zoom);
/* Whether a browser may be sent there: an https page of zoom.us or of the hosts of ZOOM_API_URL and ZOOM_OAUTH_URL; http on this machine alone. */
bool mp_zoom_is_its_page(const struct mp_zoom *zoom, struct mp_arena *arena, const char *text);

/* What a call came to. Callers branch on this, never on Zoom's words. */
enum mp_zoom_class {
    MP_ZOOM_OK,
    MP_ZOOM_NOT_SENT,      /* nothing left this machine, or a deadline had passed before */
    MP_ZOOM_MAYBE_DONE,    /* timeout, cut, truncated or unreadable answer, 5xx: Zoom may have done it */
    MP_ZOOM_TOKEN,         /* code 124: token invalid or expired; with a fresh one it may work */
    MP_ZOOM_AUTH,          /* credentials or scopes refused: invalid_client, 4700, 4711, unsupported_grant_type, 401/403 otherwise */
    MP_ZOOM_GRANT,         /* invalid_grant: the user's refresh token or code is dead */
    MP_ZOOM_RATE_LIMITED,  /* per second, or concurrency: retry_after_ms */
    MP_ZOOM_DAILY_HOST,    /* the host's 100 creates and updates are used up, until the next 00:00 UTC; recognised by its message (API-FACTS 3.3) */
    MP_ZOOM_DAILY_ACCOUNT, /* the account's daily limit: retry_after_ms */
    MP_ZOOM_NO_HOST,       /* 1001, 1010, 3161, 1120: this host cannot hold meetings */
    MP_ZOOM_NOT_FOUND,     /* 3001 (and other 404s that carry a code of Zoom's): there is no such meeting */
    MP_ZOOM_IN_PROGRESS,   /* 3002: cannot be deleted or changed while it runs */
    MP_ZOOM_REFUSED        /* any other definite refusal, also HTTP 200 with an error body */
};

struct mp_zoom_result {
    enum mp_zoom_class cls;
    unsigned status;         /* HTTP; 0 where none came */
    int64_t code;            /* Zoom's own; 0 where none */
    const char *message;     /* Zoom's words or ours, for admins and the log; control characters removed, at most 300 bytes; no token in it */
    int64_t retry_after_ms;  /* -1: Zoom named none */
    const char *tracking_id; /* x-zm-trackingid */
    unsigned elapsed_ms;
};
const char *mp_zoom_class_name(enum mp_zoom_class cls);
/* Of a call that bookings do without: that the app lacks the right to it is a refusal of this call (MP_ZOOM_REFUSED), and says nothing against the
 * account's credentials. */
void mp_zoom_refused_alone(struct mp_zoom_result *res);

struct mp_zoom_token {
    struct mp_secret access_token;
    struct mp_secret refresh_token; /* user tokens only */
    int64_t expires_in_s;
    const char *scope;
    const char *api_url; /* NULL: not given */
};

struct mp_zoom_meeting {
    int64_t id;
    const char *uuid;
    const char *host_id, *host_email;
    const char *topic, *agenda, *timezone, *password, *join_url;
    struct mp_secret start_url;
    const char *status; /* "waiting", "started"; NULL in lists */
    int64_t type;
    int64_t starts_at;            /* -1: none (instant) */
    int64_t duration_min;         /* 0: none */
    struct json_object *settings; /* may be NULL; in the arena */
};

struct mp_zoom_meeting_spec { /* what is asked of Zoom; NULL and negative members are not sent */
    const char *topic, *agenda, *timezone, *password;
    int64_t starts_at;
    int64_t duration_min;
    struct json_object *settings;
};

struct mp_zoom_user {
    const char *id, *email, *account_id, *display_name;
    int64_t type; /* 1 Basic, 2 Licensed, 4 no meetings licence, 99 none */
};

/* POST {oauth}/token grant_type=account_credentials. */
void mp_zoom_token_s2s(struct mp_zoom *zoom, struct mp_arena *arena, const char *account_id, const char *client_id,
                       const struct mp_secret *client_secret, struct mp_zoom_token *out, struct mp_zoom_result *res);

/*
 * The users' app. RFC 6749 with PKCE (RFC 7636): any authorization server that keeps to them will do. The client signs in with Basic, parameters go
 * in the body; what is secret in them never shows in a result. `out` is filled for MP_ZOOM_OK alone; a refresh token is not set where the server sent
 * none (after a refresh: the old one goes on). MP_ZOOM_GRANT: the code or the refresh token is dead; MP_ZOOM_AUTH: the app's own credentials.
 * MP_ZOOM_MAYBE_DONE: the server may have used up the code or the refresh token.
 */
struct mp_zoom_app {
    const char *client_id;
    struct mp_secret client_secret;
    const char *redirect_uri;
};
/* Where the browser goes for consent. `challenge`: S256 of the verifier. */
const char *mp_zoom_authorize_url(struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_zoom_app *app, const char *state,
                                  const char *challenge);
void mp_zoom_token_code(struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_zoom_app *app, const struct mp_secret *code,
                        const struct mp_secret *verifier, unsigned timeout_ms, struct mp_zoom_token *out, struct mp_zoom_result *res);
void mp_zoom_token_refresh(struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_zoom_app *app, const struct mp_secret *refresh_token,
                           unsigned timeout_ms, struct mp_zoom_token *out, struct mp_zoom_result *res);
/* An access or a refresh token (RFC 7009). A token that the server does not know any more is revoked enough: servers answer as they like then. */
void mp_zoom_token_revoke(struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_zoom_app *app, const struct mp_secret *token,
                          unsigned timeout_ms, struct mp_zoom_result *res);

/* The REST calls. `out` is filled for MP_ZOOM_OK alone. `timeout_ms` bounds each call. `host`: user id, e-mail or "me". */
void mp_zoom_meeting_create(struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_secret *token, unsigned timeout_ms, const char *host,
                            const struct mp_zoom_meeting_spec *spec, struct mp_zoom_meeting *out, struct mp_zoom_result *res);
void mp_zoom_meeting_get(struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_secret *token, unsigned timeout_ms, int64_t id,
                         struct mp_zoom_meeting *out, struct mp_zoom_result *res);
void mp_zoom_meeting_update(struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_secret *token, unsigned timeout_ms, int64_t id,
                            const struct mp_zoom_meeting_spec *spec, struct mp_zoom_result *res);
void mp_zoom_meeting_delete(struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_secret *token, unsigned timeout_ms, int64_t id,
                            struct mp_zoom_result *res);
void mp_zoom_meeting_end(struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_secret *token, unsigned timeout_ms, int64_t id,
                         struct mp_zoom_result *res);
/* GET /users/{host}/meetings?type=scheduled, one page of at most 300. `page_token` NULL for the first; `next` NULL at the end. */
struct mp_zoom_meeting_list {
    struct mp_zoom_meeting *items;
    size_t count;
    const char *next_page_token;
};
void mp_zoom_meeting_list(struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_secret *token, unsigned timeout_ms, const char *host,
                          const char *page_token, struct mp_zoom_meeting_list *out, struct mp_zoom_result *res);
/* Several at once: each of these begins one call. `token`, `out` and `res` last until it has landed; whoever begins calls lands them all. */
void mp_zoom_meeting_create_start(struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_secret *token, unsigned timeout_ms, const char *host,
                                  const struct mp_zoom_meeting_spec *spec, struct mp_zoom_meeting *out, struct mp_zoom_result *res);
void mp_zoom_meeting_get_start(struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_secret *token, unsigned timeout_ms, int64_t id,
                               struct mp_zoom_meeting *out, struct mp_zoom_result *res);
void mp_zoom_meeting_list_start(struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_secret *token, unsigned timeout_ms, const char *host,
                                const char *page_token, struct mp_zoom_meeting_list *out, struct mp_zoom_result *res);
void mp_zoom_meeting_delete_start(struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_secret *token, unsigned timeout_ms, int64_t id,
                                  struct mp_zoom_result *res);
/* The `res` of one that has ended, in whatever order they end; NULL where none has within `wait_ms`, or none is under way. */
struct mp_zoom_result *mp_zoom_land(struct mp_zoom *zoom, unsigned wait_ms);
/* GET /users/{user}. */
void mp_zoom_user_get(struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_secret *token, unsigned timeout_ms, const char *user,
                      struct mp_zoom_user *out, struct mp_zoom_result *res);
/* GET /users/{user}/settings. */
struct mp_zoom_user_settings {
    const char *concurrent_meeting; /* the person's Concurrent Meeting feature: "Basic", "Plus", "None"; NULL: not said */
};
void mp_zoom_user_settings(struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_secret *token, unsigned timeout_ms, const char *user,
                           struct mp_zoom_user_settings *out, struct mp_zoom_result *res);

/* ---- Cloud recordings ---- */

/* Whether a token may be sent there: https of zoom.us and *.zoom.us, and what ZOOM_API_URL and ZOOM_OAUTH_URL name (scheme, host and port). */
bool mp_zoom_may_have_bearer(const struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_url *url);

/* One file of a recording. Only `key` is always there. */
struct mp_zoom_recording_file {
    const char *key;       /* names it among those of its occurrence: Zoom's id; closed captions and time lines have none: type and start */
    const char *id;        /* Zoom's; NULL: it has none */
    const char *extension; /* "MP4", "M4A", "TXT", "VTT", "JSON"; NULL: of a kind that is not brought home */
    const char *recording_type;
    const char *download_url; /* NULL: none, or not an address of Zoom's */
    int64_t size;             /* -1: not said */
    int64_t from, until;      /* -1: not said */
    bool complete;            /* Zoom is done with it */
};
struct mp_zoom_recording { /* of one occurrence */
    const char *uuid;
    int64_t zoom_id;   /* 0: not said */
    int64_t starts_at; /* -1: not said */
    struct mp_zoom_recording_file *files;
    size_t count;
    struct mp_secret download_token; /* not set where Zoom gave none */
};
/* GET /meetings/{id}/recordings. `id`: a uuid, or the number of a meeting, which means its latest occurrence. MP_ZOOM_NOT_FOUND: none (yet). */
void mp_zoom_recording_get(struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_secret *token, unsigned timeout_ms, const char *id,
                           struct mp_zoom_recording *out, struct mp_zoom_result *res);
/* GET /past_meetings/{id}/instances: each time it was held, in no order, at most 300. */
struct mp_zoom_instance {
    const char *uuid;
    int64_t starts_at; /* -1: not said */
};
struct mp_zoom_instances {
    struct mp_zoom_instance *items;
    size_t count;
};
void mp_zoom_instances(struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_secret *token, unsigned timeout_ms, int64_t id,
                       struct mp_zoom_instances *out, struct mp_zoom_result *res);
/* GET /users/{host}/recordings, one page of at most 300: of the days of [from, to], which are at most a month apart. */
struct mp_zoom_recording_query {
    const char *host;
    int64_t from, to;
    const char *page_token; /* NULL: the first */
};
struct mp_zoom_recording_list {
    struct mp_zoom_recording *items;
    size_t count;
    const char *next_page_token; /* NULL at the end */
};
void mp_zoom_recording_list(struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_secret *token, unsigned timeout_ms,
                            const struct mp_zoom_recording_query *query, struct mp_zoom_recording_list *out, struct mp_zoom_result *res);
/* DELETE of one file into the trash, where Zoom keeps it for 30 days. Nothing is ever deleted for good. */
void mp_zoom_recording_trash(struct mp_zoom *zoom, struct mp_arena *arena, const struct mp_secret *token, unsigned timeout_ms, const char *uuid,
                             const char *file_id, struct mp_zoom_result *res);

#endif
