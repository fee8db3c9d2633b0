#ifndef MEETPOOL_SANDBOX_INT_H
#define MEETPOOL_SANDBOX_INT_H

#include <json-c/linkhash.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "meetpool/arena.h"
#include "meetpool/attr.h"
#include "meetpool/json.h"
#include "meetpool/log.h"
#include "meetpool/slice.h"

/*
 * The sandbox: a stand-in for Zoom's OAuth and REST behaviour, a program of its own. It remembers what it was told, keeps Zoom's limits and error
 * bodies, and does on command what the real one does once a year (a lost answer, a call done too late, a token dead in mid-flight).
 *
 * One thread a connection, so that one slow call holds up nobody; one mutex over the whole state, never held while a call sleeps or sends. A call:
 *   http.c    raw request into a struct sb_call with its arena
 *   serve.c   latency, the fault that applies, processing, the ledger
 *   route.c   the route table: token, limits, scopes, handler
 *   oauth.c users.c meetings.c lists.c past.c recordings.c download.c   handlers; control.c and control_*.c the handlers under /_sandbox
 *   http.c    the answer, whole or cut short; stream.c a recording's file, made up as it goes
 * Besides: events.c what webhooks say, hooks.c to whom, sender.c the thread that sends them.
 * Everything that outlives a call is plain malloc; everything else is in the call's arena.
 */

#define SB_SEGMENTS_MAX   8
#define SB_HEADERS_MAX    24
#define SB_EXTRA_MAX      8
#define SB_BODY_MAX       ((size_t)1 << 20)
#define SB_CALLS_KEPT     20000
#define SB_TOKENS_KEPT    20000
#define SB_LABELS         4
#define SB_PAGE_MAX       300
#define SB_USERS_PAGE_MAX 2000

/* ---- knobs (knobs.c): what a test may turn. A row: name, type, default number, default text, least, most, names of an enum. */
#define SB_KNOBS(X)                                                                                                                                  \
    X(S2S_LIVE_TOKENS, "s2s_live_tokens", SB_INT, 0, NULL, 0, 1000, NULL)                                                                            \
    X(TOKEN_TTL_S, "token_ttl_s", SB_INT, 3600, NULL, 0, 86400, NULL)                                                                                \
    X(CODE_TTL_S, "code_ttl_s", SB_INT, 300, NULL, 0, 86400, NULL)                                                                                   \
    X(REFRESH_TTL_S, "refresh_ttl_s", SB_INT, 7776000, NULL, 0, 630720000, NULL)                                                                     \
    X(REFRESH_ROTATES, "refresh_rotates", SB_BOOL, 1, NULL, 0, 1, NULL)                                                                              \
    X(REFRESH_KILLS_ACCESS, "refresh_kills_access", SB_BOOL, 1, NULL, 0, 1, NULL)                                                                    \
    X(CONSENT_KILLS_EARLIER, "consent_kills_earlier", SB_BOOL, 1, NULL, 0, 1, NULL)                                                                  \
    X(REVOKE_KILLS_REFRESH, "revoke_kills_refresh", SB_BOOL, 1, NULL, 0, 1, NULL)                                                                    \
    X(BAD_CLIENT_STATUS, "bad_client_status", SB_INT, 400, NULL, 400, 401, NULL)                                                                     \
    X(API_URL, "api_url", SB_TEXT, 0, "https://api.zoom.us", 0, 200, NULL)                                                                           \
    X(SCOPES, "scopes", SB_TEXT, 0, "", 0, 4000, NULL)                                                                                               \
    X(PLAN, "plan", SB_ENUM, 0, NULL, 0, 0, sb_plan_knob_names)                                                                                      \
    X(RATE_LIMITS, "rate_limits", SB_BOOL, 1, NULL, 0, 1, NULL)                                                                                      \
    X(CREATE_LABEL, "create_label", SB_ENUM, 0, NULL, 0, 0, sb_label_names)                                                                          \
    X(DAILY_LIMIT, "daily_limit", SB_INT, 100, NULL, 0, 1000000000, NULL)                                                                            \
    X(ACCOUNT_DAILY_LIMIT, "account_daily_limit", SB_INT, 0, NULL, 0, 1000000000, NULL)                                                              \
    X(HOST_LIMIT_HEADERS, "host_limit_headers", SB_ENUM, 0, NULL, 0, 0, sb_host_header_names)                                                        \
    X(LIMIT_HEADERS, "limit_headers", SB_BOOL, 1, NULL, 0, 1, NULL)                                                                                  \
    X(COUNT_DELETES, "count_deletes", SB_BOOL, 0, NULL, 0, 1, NULL)                                                                                  \
    X(HOST_CAP, "host_cap", SB_INT, 0, NULL, 0, 100, NULL)                                                                                           \
    X(START_MODE, "start_mode", SB_ENUM, 0, NULL, 0, 0, sb_start_names)                                                                              \
    X(DELETE_RUNNING, "delete_running", SB_ENUM, 1, NULL, 0, 0, sb_accept_names)                                                                     \
    X(DELETE_ENDED, "delete_ended", SB_ENUM, 1, NULL, 0, 0, sb_accept_names)                                                                         \
    X(PATCH_RUNNING, "patch_running", SB_ENUM, 0, NULL, 0, 0, sb_accept_names)                                                                       \
    X(UUID_STYLE, "uuid_style", SB_ENUM, 0, NULL, 0, 0, sb_uuid_names)                                                                               \
    X(PASSWORD_SPECIALS, "password_specials", SB_TEXT, 0, "", 0, 64, NULL)                                                                           \
    X(FORCED_SETTINGS, "forced_settings", SB_OBJECT, 0, "{}", 0, 4000, NULL)                                                                         \
    X(FOREIGN_USER_CODE, "foreign_user_code", SB_INT, 1001, NULL, 1001, 1010, NULL)                                                                  \
    X(NOT_FOUND_AFTER_CREATE_MS, "not_found_after_create_ms", SB_INT, 0, NULL, 0, 3600000, NULL)                                                     \
    X(LIST_LAG_MS, "list_lag_ms", SB_INT, 0, NULL, 0, 3600000, NULL)                                                                                 \
    X(PAGE_TOKEN_TTL_S, "page_token_ttl_s", SB_INT, 900, NULL, 0, 86400, NULL)                                                                       \
    X(MEETING_EXPIRY_DAYS, "meeting_expiry_days", SB_INT, 30, NULL, 1, 36500, NULL)                                                                  \
    X(MAX_MEETINGS, "max_meetings", SB_INT, 200000, NULL, 100, 10000000, NULL)                                                                       \
    X(AUTO_RECORD, "auto_record", SB_BOOL, 0, NULL, 0, 1, NULL)                                                                                      \
    X(RECORDING_DELAY_S, "recording_delay_s", SB_INT, 0, NULL, 0, 31536000, NULL)                                                                    \
    X(RECORDING_SIZE, "recording_size", SB_INT, 1048576, NULL, 0, INT64_C(1) << 50, NULL)                                                            \
    X(RECORDING_TYPE_TEXT, "recording_type_text", SB_BOOL, 0, NULL, 0, 1, NULL)                                                                      \
    X(RECORDINGS_FORBIDDEN, "recordings_forbidden", SB_BOOL, 0, NULL, 0, 1, NULL)                                                                    \
    X(DOWNLOAD_BASE, "download_base", SB_TEXT, 0, "", 0, 200, NULL)                                                                                  \
    X(DOWNLOAD_REDIRECT, "download_redirect", SB_ENUM, 1, NULL, 0, 0, sb_redirect_names)                                                             \
    X(DOWNLOAD_DENIED, "download_denied", SB_ENUM, 0, NULL, 0, 0, sb_denied_names)                                                                   \
    X(DOWNLOAD_RANGES, "download_ranges", SB_BOOL, 1, NULL, 0, 1, NULL)                                                                              \
    X(DOWNLOAD_BYTES_PER_S, "download_bytes_per_s", SB_INT, 0, NULL, 0, INT64_C(1) << 40, NULL)                                                      \
    X(DOWNLOAD_TOKEN_TTL_S, "download_token_ttl_s", SB_INT, 86400, NULL, 0, 31536000, NULL)                                                          \
    X(REDIRECT_BASE, "redirect_base", SB_TEXT, 0, "", 0, 200, NULL)                                                                                  \
    X(REDIRECT_TTL_S, "redirect_ttl_s", SB_INT, 3600, NULL, 0, 31536000, NULL)                                                                       \
    X(TARGET_BEARER, "target_bearer", SB_BOOL, 0, NULL, 0, 1, NULL)                                                                                  \
    X(WEBHOOK_MINUTE_MS, "webhook_minute_ms", SB_INT, 60000, NULL, 1, 60000, NULL)                                                                   \
    X(WEBHOOK_TIMEOUT_MS, "webhook_timeout_ms", SB_INT, 3000, NULL, 10, 60000, NULL)                                                                 \
    X(WEBHOOK_PARALLEL, "webhook_parallel", SB_INT, 1, NULL, 1, 256, NULL)                                                                           \
    X(WEBHOOK_RESTAMP, "webhook_restamp", SB_BOOL, 0, NULL, 0, 1, NULL)                                                                              \
    X(WEBHOOK_STAMP_OFFSET_S, "webhook_stamp_offset_s", SB_INT, 0, NULL, -INT64_C(31536000), INT64_C(31536000), NULL)                                \
    X(WEBHOOK_BAD_SIGNATURE, "webhook_bad_signature", SB_BOOL, 0, NULL, 0, 1, NULL)                                                                  \
    X(WEBHOOK_COPIES, "webhook_copies", SB_INT, 1, NULL, 1, 100, NULL)                                                                               \
    X(WEBHOOK_SPREAD_MS, "webhook_spread_ms", SB_INT, 0, NULL, 0, 3600000, NULL)                                                                     \
    X(WEBHOOK_DROP_PERCENT, "webhook_drop_percent", SB_INT, 0, NULL, 0, 100, NULL)                                                                   \
    X(WEBHOOK_HOLD, "webhook_hold", SB_BOOL, 0, NULL, 0, 1, NULL)                                                                                    \
    X(WEBHOOK_IDS, "webhook_ids", SB_ENUM, 0, NULL, 0, 0, sb_event_id_names)                                                                         \
    X(WEBHOOK_REVALIDATE_S, "webhook_revalidate_s", SB_INT, 259200, NULL, 0, 31536000, NULL)                                                         \
    X(LATENCY_MS, "latency_ms", SB_INT, 0, NULL, 0, 600000, NULL)                                                                                    \
    X(JITTER_MS, "jitter_ms", SB_INT, 0, NULL, 0, 600000, NULL)                                                                                      \
    X(SEED, "seed", SB_INT, 1, NULL, 0, INT64_MAX, NULL)

enum sb_knob_type { SB_INT, SB_BOOL, SB_ENUM, SB_TEXT, SB_OBJECT };
enum sb_knob {
#define SB_KNOB_ENUM(name, text, type, number, fallback, least, most, names) SB_K_##name,
    SB_KNOBS(SB_KNOB_ENUM)
#undef SB_KNOB_ENUM
        SB_KNOB_COUNT
};
struct sb_knobs {
    int64_t n[SB_KNOB_COUNT];
    char *text[SB_KNOB_COUNT]; /* SB_TEXT and SB_OBJECT; owned */
};

enum sb_plan { SB_PLAN_FREE, SB_PLAN_PRO, SB_PLAN_BUSINESS, SB_PLAN_OFF };
enum sb_label { SB_LIGHT, SB_MEDIUM, SB_HEAVY, SB_INTENSIVE };
enum sb_host_headers { SB_HEADERS_TRAP, SB_HEADERS_FULL, SB_HEADERS_NONE };
enum sb_start { SB_START_REFUSE, SB_START_FORCE };
enum sb_accept { SB_ACCEPT, SB_REFUSE };
enum sb_uuid { SB_UUID_ANY, SB_UUID_SLASH, SB_UUID_DOUBLE_SLASH, SB_UUID_PLUS, SB_UUID_WORST };
enum sb_redirect { SB_REDIRECT_OFF, SB_REDIRECT_PATH, SB_REDIRECT_HOST, SB_REDIRECT_HTTP, SB_REDIRECT_PRIVATE, SB_REDIRECT_LOOP };
enum sb_denied { SB_DENIED_401, SB_DENIED_HTML };
enum sb_event_ids { SB_IDS_ZOOM, SB_IDS_TEXT, SB_IDS_NUMBER };
extern const char *const sb_plan_names[];      /* free pro business off */
extern const char *const sb_plan_knob_names[]; /* account, then the plans */
extern const char *const sb_label_names[];
extern const char *const sb_host_header_names[];
extern const char *const sb_start_names[];
extern const char *const sb_accept_names[];
extern const char *const sb_uuid_names[];
extern const char *const sb_redirect_names[];
extern const char *const sb_denied_names[];
extern const char *const sb_event_id_names[];

/* ---- a map from text to things (map.c). The key lives in the thing and must not change while it is in the map. */
struct sb_node;
struct sb_map {
    struct sb_node **slots;
    size_t size;
    size_t used;
};
void *sb_map_get(const struct sb_map *map, const char *key);
void sb_map_put(struct sb_map *map, const char *key, void *thing);
void sb_map_remove(struct sb_map *map, const char *key);
void sb_map_clear(struct sb_map *map); /* the things stay */

/* Out of memory ends the process. */
void *sb_alloc(size_t size);
void *sb_grow(void *p, size_t count, size_t *cap, size_t size); /* room for one more than `count` */
char *sb_dup(const char *text);
void sb_set(char **slot, const char *text); /* frees what stood there */
int sb_name_index(const char *const names[], const char *text);

/* ---- what is remembered (state.c) */
struct sb_bucket {
    double left;       /* calls */
    int64_t filled_at; /* monotonic */
    bool primed;
};

struct sb_account {
    char *account_id;
    char *client_id;
    char *client_secret;
    char *app_name;
    char *scopes; /* space-separated; NULL: everything */
    enum sb_plan plan;
    bool suspended; /* the app is switched off: its tokens are dead */
    struct sb_user **users;
    size_t user_count, user_cap;
    struct sb_bucket buckets[SB_LABELS];
    int32_t day; /* the UTC day that `day_calls` counts */
    int64_t day_calls[SB_LABELS];
};

struct sb_user {
    struct sb_account *account;
    char *id;
    char *email;
    char *first_name, *last_name;
    char *timezone;
    char *status;     /* active, inactive, pending */
    char *concurrent; /* feature.concurrent_meeting: Basic, Plus, None */
    int64_t type;     /* 1 Basic, 2 Licensed, 4 and 99 none */
    int64_t pmi;
    bool cust_create;
    bool cloud_recording;
    bool require_password;
    int64_t created_at;
    int32_t day; /* the UTC day that `day_writes` counts */
    int64_t day_writes;
    struct sb_meeting **meetings; /* every one still remembered, in order of making */
    size_t meeting_count, meeting_cap;
};

struct sb_token {
    char *text;
    struct sb_account *account;
    struct sb_user *user; /* whose it is; NULL: a server-to-server token */
    struct sb_app *app;   /* of a user's token */
    char *scopes;
    int64_t issued_at, expires_at;
    bool revoked;
    struct sb_token *next; /* older to newer */
};

struct sb_app { /* a users' app */
    char *client_id, *client_secret, *name;
    char **redirects;
    size_t redirect_count, redirect_cap;
};

struct sb_code { /* a consent that was given and not yet exchanged */
    char *text;
    struct sb_app *app;
    struct sb_user *user;
    char *redirect_uri;
    char *challenge; /* NULL: without PKCE */
    bool plain;      /* how the challenge is made; else S256 */
    bool used;
    int64_t expires_at;
    struct sb_code *next; /* older to newer */
};

struct sb_refresh {
    char *text;
    struct sb_app *app;
    struct sb_user *user;
    int64_t issued_at, expires_at;
    bool dead;               /* revoked, or another one has followed */
    struct sb_refresh *next; /* older to newer */
};

struct sb_instance { /* one held meeting */
    char *uuid;
    struct sb_meeting *meeting;
    int64_t started_at, ended_at;
    int64_t participants;
    struct sb_file **files; /* of its recording */
    size_t file_count, file_cap;
};

struct sb_meeting {
    char id_text[24];
    int64_t id;
    char *uuid; /* of the coming or running instance */
    struct sb_user *host;
    char *topic, *agenda, *timezone, *password, *encrypted_password, *digits_password;
    char *settings;        /* JSON of what was set; the rest are defaults */
    char *tracking_fields; /* JSON or NULL */
    int64_t type;
    int64_t start_at; /* -1: none (types 1 and 3) */
    int64_t duration_min;
    int64_t created_at, updated_at;
    int64_t deleted_at;    /* -1 */
    int64_t running_since; /* -1 */
    int64_t ended_at;      /* -1; end of the latest instance */
    int64_t running_participants;
    int64_t hidden_until, unlisted_until; /* 0 */
    bool by_portal;                       /* made in Zoom's own UI */
    struct sb_instance **instances;
    size_t instance_count, instance_cap;
    struct sb_meeting *next; /* order of making */
};

struct sb_call_entry { /* one line of the ledger of calls */
    int64_t seq;
    int64_t at_ms;
    int64_t took_ms; /* -1 while it runs */
    int64_t fault;   /* id of the rule; 0 none */
    unsigned status; /* 0: nothing or not yet answered */
    bool processed;
    char method[8];
    char path[256];
    char account[40];
    char host[80];
    char authority[80]; /* the Host header */
    bool authorized;    /* whether an Authorization header came along */
    char tracking_id[64];
};

/* Where a connection is cut. */
enum sb_cut { SB_CUT_NONE, SB_CUT_BEFORE, SB_CUT_AFTER, SB_CUT_IN_HEADERS, SB_CUT_IN_BODY };
enum sb_hang { SB_HANG_NONE, SB_HANG_BEFORE, SB_HANG_AFTER };
enum sb_mangle { SB_MANGLE_NONE, SB_MANGLE_TRUNCATE, SB_MANGLE_HTML, SB_MANGLE_ERROR_200, SB_MANGLE_INVALID_JSON, SB_MANGLE_WRONG_TYPES };

struct sb_header {
    const char *name;
    const char *value;
};

struct sb_action {
    int64_t latency_before_ms, latency_after_ms;
    unsigned status;                      /* answered instead, nothing is done; 0 none */
    unsigned status_after;                /* done, then answered with that; 0 none */
    char *body;                           /* of both; NULL: a small JSON body */
    struct sb_header extra[SB_EXTRA_MAX]; /* headers of both */
    size_t extra_count;
    enum sb_hang hang;
    int64_t hang_ms;
    enum sb_cut cut;
    int64_t cut_bytes;
    bool reset; /* cut by RST where the socket knows it */
    enum sb_mangle mangle;
    int64_t mangle_bytes;
    int64_t later_ms; /* done only then; -1 none */
    bool later_cut;   /* the connection is cut at once; else it hangs */
    int64_t hide_ms;  /* a meeting made by this call answers 404 that long */
    /* Of a download alone; -1: as it would be. */
    int64_t framing, length, cut_at, bytes_per_s;
};

struct sb_rule {
    int64_t id;
    struct json_object *source; /* as it was sent */
    char *method, *glob, *regex, *account, *host;
    int64_t left; /* -1: for ever */
    int64_t skip;
    int64_t hits;
    double probability;
    struct sb_action action;
    struct sb_rule *next;
};

struct sb_state {
    pthread_mutex_t lock;
    atomic_bool stopping;
    const struct mp_log *log; /* NULL: no line a call */
    struct sb_knobs knobs;
    struct json_object *accounts_source; /* what reset goes back to */
    struct json_object *knobs_source;    /* knobs of the command line; NULL none */
    const char *state_path;
    char also_at[64]; /* address and port of the second listener; "" none */
    bool dirty;
    _Atomic int64_t clock_offset_ms; /* read without the lock for the Date of an answer */
    uint64_t random;
    uint64_t epoch; /* counts resets: what was put off before one is not done after it */
    unsigned char key[32];
    struct sb_account **accounts;
    size_t account_count, account_cap;
    struct sb_map users_by_id, users_by_email;
    struct sb_map tokens;
    struct sb_token *token_first, *token_last;
    size_t token_count;
    struct sb_app **apps;
    size_t app_count, app_cap;
    char **redirects; /* of the command line, good for every app */
    size_t redirect_count, redirect_cap;
    struct sb_map codes, refreshes;
    struct sb_code *code_first, *code_last;
    struct sb_refresh *refresh_first, *refresh_last;
    size_t refresh_count;
    struct sb_map meetings;     /* by id */
    struct sb_map instances;    /* by uuid */
    struct sb_map files;        /* of recordings, by key */
    struct sb_file *untold;     /* whose event has not gone out */
    struct sb_hooks *hooks;     /* webhooks */
    const char *webhook_secret; /* of the command line's subscription; NULL: there is none */
    char authority[80];         /* the Host header of the latest call to the API: where files can be fetched */
    struct sb_meeting *meeting_first, *meeting_last;
    size_t meeting_count;
    uint64_t sweeps; /* counts how often meetings were forgotten */
    size_t sweep_at; /* number of meetings at which old ones are forgotten */
    struct sb_rule *rules;
    int64_t rule_seq;
    struct sb_call_entry *calls; /* ring of SB_CALLS_KEPT */
    int64_t call_seq;
    int64_t counters[8]; /* enum sb_counter */
};

enum sb_counter { SB_N_TOKENS, SB_N_CREATES, SB_N_UPDATES, SB_N_DELETES, SB_N_LIMITED, SB_N_FAULTS, SB_N_CODES, SB_N_REFRESHES, SB_N_COUNT };

/* ---- one call */
struct sb_pair {
    const char *name;
    const char *value;
};

struct sb_route;
struct sb_call {
    struct sb_state *st;
    struct mp_arena *arena;
    int fd;
    const char *method;
    const char *uri;                       /* as received, query included */
    const char *path;                      /* as received, query excluded */
    const char *segments[SB_SEGMENTS_MAX]; /* split first, then decoded once: an encoded slash does not split */
    size_t segment_count;
    bool bad_path;
    struct sb_pair *query;
    size_t query_count;
    const char *authorization;
    const char *authority; /* the Host header; NULL none */
    const char *range, *if_range;
    struct mp_slice body;
    bool too_large;
    int64_t seq; /* in the ledger */
    /* Filled by routing, under the lock, valid while it is held. */
    const struct sb_route *route;
    struct sb_account *account;
    struct sb_token *token;
    int64_t hide_ms; /* from the fault that applies */
};

struct sb_stream;
struct sb_reply {
    unsigned status;
    const char *type;
    struct mp_slice body;
    struct sb_stream *stream; /* instead of the body; NULL none */
    struct sb_header headers[SB_HEADERS_MAX];
    size_t header_count;
};

/* How the answer leaves. */
struct sb_outcome {
    bool cut;
    bool in_headers;  /* else after the whole head */
    size_t cut_bytes; /* of head or body, sent before the cut; SIZE_MAX: nothing at all is sent */
    bool reset;
};

const char *sb_query(const struct sb_call *call, const char *name);
int64_t sb_now(const struct sb_state *st);  /* the sandbox's clock: the system's plus its offset */
double sb_random_unit(struct sb_state *st); /* seeded; 0 <= x < 1 */
char *sb_uri_decode(struct mp_arena *arena, const char *text);
char *sb_uri_encode(struct mp_arena *arena, const char *text);

/* replies (reply.c) */
void sb_reply_json(const struct sb_call *call, struct sb_reply *reply, unsigned status, struct json_object *doc);
void sb_reply_empty(struct sb_reply *reply, unsigned status);
void sb_reply_header(struct sb_reply *reply, const char *name, const char *value);

#define SB_ERRORS(X)                                                                                                                                 \
    /* devforum and GitHub threads: zulip/zulip#33057, Jericho/ZoomNet#269, giorgosavgeris/passport-zoom-oauth2#6, zoom/zoomapps-sample-js#25 */     \
    X(TOKEN_INVALID, 401, 124, "Invalid access token.")                                                                                              \
    X(TOKEN_EXPIRED, 401, 124, "Access token is expired.")                                                                                           \
    X(TOKEN_IN_QUERY, 401, 124, "Invalid access token, this access token is not supported as query parameter string.")                               \
    X(TOKEN_MISSING, 401, 124, "Requires an access token.")                                                                                          \
    X(SCOPE, 400, 4711, "Invalid access token, does not contain scopes:[{}].")                                                                       \
    /* developers.zoom.us/docs/api/errors */                                                                                                         \
    X(VALIDATION, 400, 300, "Validation Failed.")                                                                                                    \
    X(NOT_JSON, 400, 300, "Request Body should be a valid JSON object.")                                                                             \
    X(PAGE_TOKEN, 400, 300, "The next page token is invalid or expired.")                                                                            \
    X(NO_ENDPOINT, 400, 2300, "This API endpoint is not recognized.")                                                                                \
    /* developers.zoom.us/docs/api/meetings, /users */                                                                                               \
    X(PAID_ONLY, 200, 200, "Only available for paid account: {}.")                                                                                   \
    X(NO_USER, 404, 1001, "User does not exist: {}.")                                                                                                \
    X(FOREIGN_USER, 400, 1010, "User does not belong to this account: {}.")                                                                          \
    X(NO_RIGHT, 200, 200, "You do not have the right permissions.")                                                                                  \
    X(NO_RECORDING, 404, 3301, "There is no recording for this meeting.")                                                                            \
    X(NO_MEETING, 404, 3001, "Meeting does not exist: {}.")                                                                                          \
    X(NO_LICENCE, 400, 3161, "Your user account is not allowed meeting hosting and scheduling capabilities.")                                        \
    X(YEAR_AGO, 400, 12702, "Cannot access a meeting a year ago.")                                                                                   \
    X(INSTANT_FOR, 400, 3000, "Instant meetings cannot be scheduled for another user.")                                                              \
    /* documented until 2023 */                                                                                                                      \
    X(IN_PROGRESS, 400, 3002, "Sorry, you cannot delete this meeting since it is in progress.")                                                      \
    X(ENDED, 400, 3007, "Sorry, you cannot delete this meeting since it has ended.")                                                                 \
    X(UPDATE_STARTED, 400, 3000, "You cannot update this meeting since it has started.")                                                             \
    /* developers.zoom.us/docs/api/rate-limits; the host's text: devforum topics 18928, 81149, 129190 */                                             \
    X(PER_SECOND, 429, 429, "You have reached the maximum per-second rate limit for this API. Try again later.")                                     \
    X(PER_DAY, 429, 429,                                                                                                                             \
      "You have reached the maximum daily rate limit for this API. Refer to the response header for details on when you can make another request.")  \
    X(PER_HOST, 429, 429,                                                                                                                            \
      "You have exceeded the daily rate limit ({}) of Meeting Create/Update API requests permitted for this particular user. You may resume these "  \
      "requests at GMT 00:00:00.")

enum sb_error {
#define SB_ERROR_ENUM(name, status, code, message) SB_E_##name,
    SB_ERRORS(SB_ERROR_ENUM)
#undef SB_ERROR_ENUM
};
/* {"code":…,"message":…}; "{}" in the message becomes `arg`. */
void sb_reply_error(const struct sb_call *call, struct sb_reply *reply, enum sb_error error, const char *arg);
/* 300 with errors[]: one row for every detail of `err`; MP_E_MALFORMED becomes SB_E_NOT_JSON. */
void sb_reply_invalid(const struct sb_call *call, struct sb_reply *reply, const struct mp_error *err);
/* The body as an object; false and the error answered where it is not one. */
bool sb_body_object(const struct sb_call *call, struct sb_reply *reply, struct mp_error *err, struct json_object **out);

/* routing (route.c) */
enum sb_subject { SB_NOBODY, SB_USER, SB_MEETING }; /* what the second segment under /v2 names: whose host a call concerns */
struct sb_route {
    const char *method;
    const char *pattern; /* segments; "{}" takes any one */
    enum sb_label label;
    enum sb_subject subject;
    const char *granular; /* scopes, without ":admin"; one of these or of the classic ones must be there */
    const char *classic;  /* space-separated */
    void (*handle)(struct sb_call *call, struct sb_reply *reply);
};
const struct sb_route *sb_route_find(const struct sb_call *call);
void sb_route_dispatch(struct sb_call *call, struct sb_reply *reply);
/* Whose call this is, for faults and the ledger: ids or "". Under the lock. */
void sb_route_parties(const struct sb_call *call, const char **account_id, const struct sb_user **host);

/* one call from start to end (serve.c) */
void sb_serve(struct sb_call *call, struct sb_reply *reply, struct sb_outcome *outcome);
/* False where the program is stopping. `fd` >= 0: ends early, and true, when the far side has gone. */
bool sb_sleep(const struct sb_state *st, int fd, int64_t ms);

/* faults.c */
bool sb_rule_add(struct sb_state *st, struct mp_arena *arena, struct json_object *doc, int64_t *id, struct mp_error *err);
bool sb_rule_remove(struct sb_state *st, int64_t id);
void sb_rules_clear(struct sb_state *st);
struct json_object *sb_rules_json(const struct sb_state *st, struct mp_arena *arena);
/* The rule that applies to this call, used up by one; its action copied into the call's arena. NULL none. */
const struct sb_action *sb_rule_take(struct sb_call *call, const char *account_id, const struct sb_user *host, int64_t *rule_id);
void sb_action_mangle(const struct sb_call *call, const struct sb_action *action, struct sb_reply *reply);
void sb_action_answer(const struct sb_call *call, const struct sb_action *action, unsigned status, struct sb_reply *reply);

/* limits.c: false and the 429 answered where the limit is reached. */
bool sb_limit_account(const struct sb_call *call, struct sb_reply *reply);
bool sb_limit_host(const struct sb_call *call, struct sb_reply *reply, struct sb_user *host);
void sb_limit_host_count(const struct sb_call *call, struct sb_reply *reply, struct sb_user *host);

/* ledger.c */
int64_t sb_ledger_begin(struct sb_call *call, const char *account, const char *host);
struct sb_call_entry *sb_ledger_entry(const struct sb_state *st, int64_t seq); /* NULL: overwritten since */
void sb_ledger_clear(struct sb_state *st);
struct json_object *sb_ledger_json(const struct sb_call *call);

/* knobs.c */
void sb_knobs_default(struct sb_knobs *knobs);
/* Turns what `doc` names; every wrong one is named in `err` and then none is turned. */
bool sb_knobs_turn(struct sb_state *st, struct mp_arena *arena, struct json_object *doc, struct mp_error *err);
struct json_object *sb_knobs_json(const struct sb_knobs *knobs, struct mp_arena *arena);
/* "name=value" of the command line into `doc`; false where there is no such knob. */
bool sb_knobs_option(struct json_object *doc, const char *text);

/* state.c */
void sb_state_clear(struct sb_state *st); /* everything but knobs, rules and the ledger */
/* Accounts of the file's form; those whose account_id is known already are left as they are. */
bool sb_state_add_accounts(struct sb_state *st, struct mp_arena *arena, struct json_object *doc, struct mp_error *err);
struct sb_account *sb_account_find(const struct sb_state *st, const char *account_id);
enum sb_plan sb_account_plan(const struct sb_state *st, const struct sb_account *account);
struct sb_user *sb_user_find(const struct sb_state *st, const char *id_or_email);
bool sb_user_change(struct sb_user *user, const struct mp_json_reader *r);
struct json_object *sb_account_json(const struct sb_account *account, struct mp_arena *arena);
/* The user a path names, "me" included; NULL and the error answered where there is none. */
struct sb_user *sb_user_of_path(const struct sb_call *call, struct sb_reply *reply, const char *text);
bool sb_user_may_host(const struct sb_user *user);
/* Whether the call's token reaches what belongs to that user: a user's token reaches that user's own alone. */
bool sb_user_reached(const struct sb_call *call, const struct sb_user *user);
/* `user` NULL: a server-to-server token; `app` NULL then too. */
struct sb_token *sb_token_new(struct sb_state *st, struct sb_account *account, struct sb_app *app, struct sb_user *user);
size_t sb_tokens_revoke(struct sb_state *st, const struct sb_account *account); /* NULL: all */
void sb_token_restore(struct sb_state *st, struct sb_token *token);
void sb_state_touch(struct sb_state *st); /* there is something to write */

/* apps.c */
extern const char sb_user_scopes[];
void sb_apps_clear(struct sb_state *st);
/* Those of the member `apps`; where there is none at all afterwards, one is made up. */
void sb_apps_add(struct sb_state *st, const struct mp_json_reader *top);
struct sb_app *sb_app_find(const struct sb_state *st, const char *client_id); /* NULL for NULL */
struct json_object *sb_app_json(const struct sb_app *app, struct mp_arena *arena);
bool sb_app_redirects_to(const struct sb_state *st, const struct sb_app *app, const char *uri);
struct sb_code *sb_code_new(struct sb_state *st, struct sb_app *app, struct sb_user *user, const char *redirect_uri, const char *challenge,
                            bool plain);
struct sb_refresh *sb_refresh_new(struct sb_state *st, struct sb_app *app, struct sb_user *user);
void sb_refresh_restore(struct sb_state *st, struct sb_refresh *refresh);
/* Access or refresh tokens or both, of one person to one app (NULL: to any). */
void sb_grants_kill(struct sb_state *st, const struct sb_app *app, const struct sb_user *user, bool access, bool refresh);
struct json_object *sb_grants_json(const struct sb_state *st);

/* accounts.c: the accounts file */
struct json_object *sb_accounts_make(struct mp_arena *arena, unsigned accounts, unsigned hosts);
int sb_accounts_read(struct mp_arena *arena, const char *path, struct json_object **out, struct mp_error *err) MP_MUST_CHECK;
int sb_accounts_write_env(const struct sb_state *st, struct mp_arena *arena, const char *path, struct mp_error *err) MP_MUST_CHECK;
/* Whole or not at all: a temporary file beside it, then renamed. */
int sb_file_write(const char *path, unsigned mode, struct mp_slice text, struct mp_error *err) MP_MUST_CHECK;
/* 1 read, 0 there is none, -1 failed. */
int sb_file_read(struct mp_arena *arena, const char *path, struct mp_slice *out, struct mp_error *err) MP_MUST_CHECK;

/* snapshot.c */
int sb_snapshot_load(struct sb_state *st, const char *path, struct mp_error *err) MP_MUST_CHECK;
int sb_snapshot_save(struct sb_state *st, const char *path, struct mp_error *err) MP_MUST_CHECK;
void *sb_snapshot_thread(void *state);

/* meetings */
struct sb_spec { /* what a create or update body says */
    bool has_topic, has_agenda, has_type, has_start, has_duration, has_zone, has_password, has_tracking;
    const char *topic, *agenda, *timezone, *password, *schedule_for;
    struct json_object *tracking_fields;
    int64_t type, start_at, duration_min;
    bool default_password;
    struct json_object *settings; /* checked, known members only; NULL none */
};
/* `existing`: NULL on create. False and the error answered where a value is wrong. */
bool sb_spec_decode(struct sb_call *call, struct sb_reply *reply, const struct sb_user *host, const struct sb_meeting *existing, struct sb_spec *out);
struct sb_meeting *sb_meeting_make(struct sb_state *st, struct mp_arena *arena, struct sb_user *host, const struct sb_spec *spec);
void sb_meeting_change(struct sb_state *st, struct mp_arena *arena, struct sb_meeting *meeting, const struct sb_spec *spec);
void sb_meeting_move(struct sb_meeting *meeting, struct sb_user *host);
void sb_meeting_attach(struct sb_state *st, struct sb_meeting *meeting); /* into maps and lists */
void sb_meeting_add_instance(struct sb_state *st, struct sb_meeting *meeting, struct sb_instance *instance);
void sb_meetings_free(struct sb_state *st);
/* NULL where there is none, or it was deleted, or its number is no longer valid. */
struct sb_meeting *sb_meeting_live(const struct sb_state *st, const char *id);
bool sb_meeting_expired(const struct sb_state *st, const struct sb_meeting *meeting);
char *sb_uuid_new(struct sb_state *st, struct mp_arena *arena);
/* NULL: started. Else why not, as a word. `force`: the host's oldest running meeting gives way. */
const char *sb_meeting_start(struct sb_state *st, struct sb_meeting *meeting, bool force, int64_t participants);
void sb_meeting_end(struct sb_state *st, struct sb_meeting *meeting);
int64_t sb_host_cap(const struct sb_state *st, const struct sb_user *host);
int64_t sb_host_running(const struct sb_user *host);
/* what is answered (meeting_json.c) */
struct json_object *sb_meeting_json(const struct sb_call *call, const struct sb_meeting *meeting);
char *sb_meeting_join_url(struct mp_arena *arena, const struct sb_meeting *meeting);
struct json_object *sb_meeting_list_json(const struct sb_call *call, const struct sb_meeting *meeting);
struct json_object *sb_meeting_ledger_json(const struct sb_meeting *meeting, struct mp_arena *arena);
/* settings.c: `in` of a body into what is kept, on top of what stood there (JSON text, NULL none); wrong ones are named in `err`. */
struct json_object *sb_settings_check(struct mp_arena *arena, struct json_object *in, struct mp_error *err);
char *sb_settings_merge(const struct sb_state *st, struct mp_arena *arena, const char *before, struct json_object *change);
struct json_object *sb_settings_json(struct mp_arena *arena, const char *kept);

/* handlers */
void sb_oauth_token(struct sb_call *call, struct sb_reply *reply);
void sb_oauth_revoke(struct sb_call *call, struct sb_reply *reply);
void sb_authorize_page(struct sb_call *call, struct sb_reply *reply);
void sb_authorize_decide(struct sb_call *call, struct sb_reply *reply);
/* A form field of the body, else of the query; NULL where there is none. */
const char *sb_form(const struct sb_call *call, const char *name);
/* Whose client id signs in, its secret right or wrong; NULL nobody's. */
struct sb_account *sb_oauth_client(const struct sb_call *call, bool with_secret);
void sb_users_get(struct sb_call *call, struct sb_reply *reply);
void sb_users_list(struct sb_call *call, struct sb_reply *reply);
void sb_users_settings(struct sb_call *call, struct sb_reply *reply);
void sb_meetings_create(struct sb_call *call, struct sb_reply *reply);
void sb_meetings_get(struct sb_call *call, struct sb_reply *reply);
void sb_meetings_update(struct sb_call *call, struct sb_reply *reply);
void sb_meetings_delete(struct sb_call *call, struct sb_reply *reply);
void sb_meetings_status(struct sb_call *call, struct sb_reply *reply);
void sb_meetings_list(struct sb_call *call, struct sb_reply *reply);
void sb_past_get(struct sb_call *call, struct sb_reply *reply);
void sb_past_instances(struct sb_call *call, struct sb_reply *reply);
void sb_control(struct sb_call *call, struct sb_reply *reply);
bool sb_control_meetings(struct sb_call *call, struct sb_reply *reply); /* false: no such address */

/* page tokens (page.c): opaque, bound to the query they came from, good for page_token_ttl_s */
char *sb_page_token(const struct sb_call *call, const char *query_text, int64_t start_at, int64_t id);
bool sb_page_open(const struct sb_call *call, const char *token, const char *query_text, int64_t *start_at, int64_t *id);
/* A whole number of the query within least..most; `fallback` where absent; false and 300 answered where wrong. */
bool sb_query_int(const struct sb_call *call, struct sb_reply *reply, const char *name, int64_t least, int64_t most, int64_t fallback, int64_t *out);
/* One of `names`; the first where absent. */
bool sb_query_enum(const struct sb_call *call, struct sb_reply *reply, const char *name, const char *const names[], int *out);

/* http.c */
struct MHD_Daemon;
struct MHD_Daemon *sb_http_start(struct sb_state *st, int listen_fd);

#endif
