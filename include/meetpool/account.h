#ifndef MEETPOOL_ACCOUNT_H
#define MEETPOOL_ACCOUNT_H

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stdint.h>

#include "meetpool/conf.h"
#include "meetpool/ctx.h"
#include "meetpool/error.h"
#include "meetpool/log.h"
#include "meetpool/secret.h"
#include "meetpool/zoom.h"

/*
 * The pool: Server-to-Server accounts and their hosts, who has room, who is well, and with which token Zoom is called.
 *
 * An account is *inactive* until an instant for a reason (authentication failed, daily limit); afterwards it is active again by itself. It is
 * *paused* while Zoom's rate limit asks to wait. Both stand in the database, so that all workers on all machines know. A host is inactive when Zoom
 * says that it cannot hold meetings, and has its own daily budget of creates and updates.
 */

struct mp_host_entry {
    const char *user; /* user id, e-mail or "me" */
};

struct mp_account_entry {
    const char *name;         /* "account_1"; of a guest MP_ACCOUNT_GUEST */
    const char *zoom_user_id; /* of a guest: whose it is at Zoom; NULL: of the pool */
    const char *account_id, *client_id;
    struct mp_secret client_secret;
    struct mp_host_entry *hosts;
    size_t hosts_count;
    int64_t max_concurrent;      /* meetings at the same time */
    int64_t host_max_concurrent; /* on one host; 0: no limit of its own */
    const char **tags;           /* words of the operator's own */
    size_t tags_count;
};

/*
 * What the operator wants for a kind of bookings: "session", "class", "event", "custom_session", "appointment", "interview", or "meeting", which is
 * what belongs to no booking. None of it concerns people's own accounts.
 */
#define MP_ACCOUNT_KIND_MEETING "meeting"
struct mp_account_kind {
    const char *kind;
    const char *demand; /* only accounts with this tag; NULL: any */
    const char *prefer; /* those with this tag first; NULL: none before others */
    int64_t reserved;   /* of the last places of each account, how many are kept for this kind; 0: none */
};

struct mp_account_runtime; /* row ids and the tokens this process has seen */

struct mp_account_conf {
    bool enabled; /* ZOOM_ENABLED */
    struct mp_account_entry *accounts;
    size_t count;
    int64_t daily_limit;           /* ZOOM_DAILY_LIMIT, creates and updates per host and UTC day */
    int64_t cooldown_s;            /* MEETPOOL_ACCOUNT_COOLDOWN */
    bool oauth_configured;         /* the user-managed OAuth app has its credentials */
    struct mp_account_kind *kinds; /* those for which something is wanted */
    size_t kinds_count;
    int64_t reserved; /* the sum: places of each account that kinds without a reservation leave free */
    struct mp_account_runtime *runtime;
};

/*
 * Reads the numbered families ZOOM_ACCOUNT_ID_n … and the unnumbered ones. An account that lacks a value is left out with a warning in the log that
 * names the variable. Errors: MP_E_CONFIG for a wrong limit, tag or kind.
 */
int mp_account_conf_load(struct mp_arena *arena, const struct mp_conf_source *source, const struct mp_log *log, struct mp_account_conf *out,
                         struct mp_error *err) MP_MUST_CHECK;
/* This installation's id, read once a process; names our meetings at Zoom. */
int mp_account_install_id(struct mp_ctx *ctx, const char **id, struct mp_error *err) MP_MUST_CHECK;
/* Index of an account of the pool by name; -1 where it is not configured. */
int mp_account_find(const struct mp_account_conf *conf, const char *name);
/*
 * How many meetings may be at an account at the same time for one of this kind (NULL: "meeting") to be among them. A kind for which places are
 * reserved may take them all; any other leaves conf->reserved of them free, be they held by whomever: on an account that is as small as that it gets
 * none.
 */
int64_t mp_account_places(const struct mp_account_conf *conf, size_t account, const char *kind);
/* Index of an account, and of its host, by their rows; -1 where they are not configured (any more). */
int mp_account_by_row(struct mp_ctx *ctx, int64_t account_row, int64_t host_row, int *host, struct mp_error *err);

/* How accounts and hosts stand now. `hosts[i]` belongs to the account's i-th host. */
#define MP_HOST_RULED_OUT INT64_MAX
struct mp_host_state {
    int64_t id;             /* row */
    int64_t inactive_until; /* MP_HOST_RULED_OUT: not even where the inactive ones are tried */
    const char *inactive_reason;
    int64_t last_used_at;
    int64_t daily_used, daily_created; /* of the present UTC day */
};
struct mp_account_state {
    int64_t id; /* row */
    int64_t bookings;
    int64_t inactive_until;
    const char *inactive_reason; /* "authentication", "daily_limit" */
    int64_t paused_until;
    bool cordoned; /* an operator wants no new meetings there */
    int64_t last_used_at;
    const char *last_error;
    struct mp_host_state *hosts;
};
/* `states[i]` belongs to conf->accounts[i]. Makes the rows that are missing. */
int mp_account_states(struct mp_ctx *ctx, int64_t now_ms, struct mp_account_state **states, struct mp_error *err) MP_MUST_CHECK;

/*
 * Guests: people's own Zoom accounts. They take meetings by the same rules as the pool's accounts, each with one host, `me`, and are called with
 * their person's token (ctx->guest_token). Their indices lie behind the pool's; a process meets them one by one and keeps them, so that an index
 * holds as long as the configuration. They have a row each (`user:` and Zoom's id), so that two people with one Zoom account share its capacity.
 * Whether a connection is alive stands with the connection, not here.
 */
#define MP_ACCOUNT_GUEST "user"
const struct mp_account_entry *mp_account_entry(const struct mp_account_conf *conf, size_t account);
bool mp_account_is_guest(const struct mp_account_conf *conf, int account);
/* The guest with that id at Zoom, which may hold `most` meetings at the same time. */
int mp_account_guest(struct mp_ctx *ctx, const char *zoom_user_id, int64_t most, int *account, struct mp_error *err) MP_MUST_CHECK;
/* Reads how it stands and, into its entry, how much it may hold. */
int mp_account_guest_state(struct mp_ctx *ctx, int account, int64_t now_ms, struct mp_account_state *state, struct mp_error *err) MP_MUST_CHECK;
/* Whether there is a token to call with; true for the pool's accounts, which are not asked. `res`: why there is none. */
bool mp_account_ready(struct mp_ctx *ctx, int account, int64_t deadline_ms, struct mp_zoom_result *res);
/* Whether there is anything to book with: an account of the pool, or people who may connect theirs. */
bool mp_account_any(const struct mp_account_conf *conf);

/* A place in time at one host. */
struct mp_busy {
    int64_t from, until; /* half-open */
    int64_t account_row, host_row;
};

/* The most that overlap at one instant inside [from, until); at equal times ends come before starts. `host_row` 0: of the whole
 * account. */
size_t mp_capacity_peak(const struct mp_busy *busy, size_t count, int64_t account_row, int64_t host_row, int64_t from, int64_t until);
/* How many touch the interval. */
size_t mp_capacity_count(const struct mp_busy *busy, size_t count, int64_t account_row, int64_t host_row, int64_t from, int64_t until);

/* Why a candidate won or lost; stored with the meeting, shown to admins. */
enum mp_verdict {
    MP_VERDICT_OPEN, /* has room; not tried yet */
    MP_VERDICT_CHOSEN,
    MP_VERDICT_FULL, /* account or every host is taken in the interval */
    MP_VERDICT_INACTIVE,
    MP_VERDICT_PAUSED,   /* rate limit */
    MP_VERDICT_DAILY,    /* no host has budget left today */
    MP_VERDICT_FAILED,   /* tried, and Zoom failed */
    MP_VERDICT_EXCLUDED, /* another account was asked for */
    MP_VERDICT_CORDONED, /* an operator wants no new meetings there: it is not tried, not even last */
    MP_VERDICT_UNTAGGED  /* it lacks the tag that meetings of this kind demand */
};
struct mp_candidate {
    size_t account; /* index in conf */
    int host;       /* index of the host that would take it; -1: none */
    enum mp_verdict verdict;
    bool inactive;   /* tried last */
    bool preferred;  /* has the tag that meetings of this kind prefer */
    size_t meetings; /* in the interval */
    int64_t last_used_at;
    const char *why; /* a sentence */
};

struct mp_choice_request {
    int64_t from, until;
    int64_t now_ms;
    int only_account; /* index, or -1 */
    bool spend;       /* needs one of the host's daily calls */
    const char *kind; /* of struct mp_account_kind; NULL: "meeting" */
};

/*
 * The rule: among active accounts with room for its kind in the whole interval those that its kind prefers, of them the one with the fewest meetings
 * in it, then the least recently used; then the inactive ones in the same order. What a kind demands rules the others out. `candidates` holds one row
 * an account, those to be tried first. Pure: works on what it is given.
 */
void mp_choose(const struct mp_account_conf *conf, const struct mp_account_state *states, const struct mp_busy *busy, size_t busy_count,
               const struct mp_choice_request *want, struct mp_arena *arena, struct mp_candidate **candidates);
/* Judges one account, whoever's it is: its host, or why there is none. */
void mp_choose_judge(const struct mp_account_conf *conf, size_t account, const struct mp_account_state *state, const struct mp_busy *busy,
                     size_t busy_count, const struct mp_choice_request *want, struct mp_candidate *candidate);
/* The host of one account that takes the interval, or -1; `verdict` and `why` say why not. */
int mp_choose_host(const struct mp_account_conf *conf, size_t account, const struct mp_account_state *state, const struct mp_busy *busy,
                   size_t busy_count, const struct mp_choice_request *want, bool inactive_too, enum mp_verdict *verdict, const char **why);
/* The first start at or after want->from at which the interval fits somewhere, within seven days; -1 where none does. `busy` must reach that far. */
int64_t mp_choose_nearest(struct mp_arena *arena, const struct mp_account_conf *conf, const struct mp_account_state *states,
                          const struct mp_busy *busy, size_t busy_count, const struct mp_choice_request *want);
/* The same for one account alone; `best` where it takes none sooner (-1: there is none yet). */
int64_t mp_choose_nearest_of(struct mp_arena *arena, const struct mp_account_conf *conf, size_t account, const struct mp_account_state *state,
                             const struct mp_busy *busy, size_t busy_count, const struct mp_choice_request *want, int64_t best);
struct json_object *mp_choice_json(struct mp_arena *arena, const struct mp_account_conf *conf, const struct mp_candidate *candidates, size_t count);

/*
 * Calls Zoom for an account: gets the shared token (fetched once for all workers, by a lease in the account's row), calls, on code 124 gets a new
 * token once and calls once more, and writes down what the outcome means for account and host. `deadline_ms` is monotonic. `host` -1: none in
 * particular.
 */
typedef void mp_account_fn(struct mp_ctx *ctx, const struct mp_secret *token, unsigned timeout_ms, void *arg, struct mp_zoom_result *res);
void mp_account_call(struct mp_ctx *ctx, size_t account, int host, int64_t deadline_ms, mp_account_fn *fn, void *arg, struct mp_zoom_result *res);

/*
 * Several calls at once, at most `parallel` under way, each with its own outcome, to which the same happens as to that of a single call. `start`
 * begins one (mp_zoom_..._start()); what it is given lasts until this function returns. An account's token is taken before its first call. Where
 * Zoom's rate limit asks to wait, the account's calls wait and go on more slowly, while the deadline allows; after an outcome that concerns the whole
 * account or host (credentials, daily limit, no answers) the rest of its calls are not sent and come to the same.
 */
struct mp_account_job {
    size_t account;
    int host;
    void *arg;
    struct mp_zoom_result res;
};
void mp_account_call_many(struct mp_ctx *ctx, struct mp_account_job *jobs, size_t count, size_t parallel, int64_t deadline_ms, mp_account_fn *start);

/* Who the host is at Zoom; also tries the account's credentials. */
void mp_account_user(struct mp_ctx *ctx, size_t account, size_t host, struct mp_zoom_user *out, struct mp_zoom_result *res);

/* Spends one of the host's creates or updates of this UTC day. 1: spent, 0: used up, -1 failed. In or outside a transaction. */
int mp_account_spend(struct mp_ctx *ctx, int64_t host_row, int64_t now_ms, bool create, struct mp_error *err) MP_MUST_CHECK;

/* What an admin sees (GET zoom/account-stats). */
struct mp_account_stats {
    const struct mp_account_entry *entry;
    struct mp_account_state state;
    bool active;
    const char *inactive_reason;
    int64_t inactive_until; /* 0: none */
    int64_t active_meetings, upcoming_meetings;
    int64_t created_today, daily_used;
};
int mp_account_stats(struct mp_ctx *ctx, struct mp_account_stats **stats, struct mp_error *err) MP_MUST_CHECK;
/* No new meetings on an account (those that are there stay, and may be changed), or meetings as usual. A reset does not lift it. */
int mp_account_cordon(struct mp_ctx *ctx, int account, bool cordon, struct mp_error *err) MP_MUST_CHECK;
/* Makes an account, and its hosts, active; -1: all of them. */
int mp_account_reset(struct mp_ctx *ctx, int account, struct mp_error *err) MP_MUST_CHECK;

#endif
