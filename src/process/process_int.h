#ifndef MEETPOOL_PROCESS_INT_H
#define MEETPOOL_PROCESS_INT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "meetpool/api.h"
#include "meetpool/ctx.h"
#include "meetpool/log.h"
#include "meetpool/settings.h"

/*
 * The processes of the daemon.
 *
 * The master opens the two listening sockets and forks: workers for each pool, one overflow child per pool, the job runners. It never touches the
 * database or the network itself, so that nothing from outside can stop it. A child that ends is started again in its slot; one that dies young comes
 * back ever more slowly.
 *
 * Stop (SIGTERM, SIGINT): the sockets' names go, so that nobody new comes; workers finish what they have in hand; what is still queued when they are
 * gone is told 503 by the overflow children; who is not gone after 30 s is killed. Where the master itself dies, the kernel sends its children
 * SIGTERM.
 *
 * Reload (SIGHUP): the configuration is read into memory of its own. A broken one leaves everything as it was. A good one gets children of its own
 * beside the old ones, on the same listening sockets; when all of them are ready the old are drained, so no request is lost; when they do not get
 * ready they go and the old stay.
 */

/* ---- Roles ---- */

enum child_role { CHILD_FAST, CHILD_SLOW, CHILD_FAST_OVERFLOW, CHILD_SLOW_OVERFLOW, CHILD_JOBS, CHILD_QUICK, CHILD_MOVE, CHILD_ROLES };

/* As `ps -o comm` shows it: "mp-worker", "mp-overflow", "mp-jobs". */
const char *child_role_command(enum child_role role);
/* As the log shows it. */
const char *child_role_name(enum child_role role);

/* ---- Scoreboard: memory shared by the master and all its children ---- */

enum board_state {
    BOARD_DEAD,     /* nobody lives in the slot; what its last tenant held is free */
    BOARD_STARTING, /* forked, not yet waiting for work */
    BOARD_IDLE,     /* waiting for work */
    BOARD_BUSY      /* has work in hand since `since_ms` */
};

/* A slot a cache line, so that busy neighbours do not slow each other down. Written by its tenant alone while one lives, else by the master. */
struct board_slot {
    _Alignas(64) _Atomic uint32_t generation; /* counts the slot's tenants; 0: none yet */
    _Atomic int state;                        /* enum board_state */
    _Atomic int role;                         /* enum child_role */
    _Atomic int64_t since_ms;                 /* monotonic: when `state` was entered */
};

/* Enough for two generations of the largest configuration. */
#define BOARD_SLOTS 4096

struct board {
    char instance[9]; /* names this master: 8 hex digits, random */
    struct board_slot slot[BOARD_SLOTS];
};

/* Before the first fork. `instance`: 8 characters. Ends the process where there is no memory. */
struct board *board_new(const char *instance);
void board_free(struct board *board);
/* A new tenant moves in. */
void board_start(struct board *board, unsigned slot, enum child_role role, int64_t now_ms);
void board_set(struct board *board, unsigned slot, enum board_state state, int64_t now_ms);
enum board_state board_state(const struct board *board, unsigned slot);

/* How the workers of a pool stand. */
struct board_view {
    unsigned ready; /* idle or starting */
    unsigned busy;
    unsigned busy_long;   /* of those, for POOL_SLOW_MS or longer */
    int64_t taken_ago_ms; /* since the last of the present requests was taken; INT64_MAX: there is none */
    int64_t death_ago_ms; /* since the last worker died; INT64_MAX: none did */
};
void board_look(const struct board *board, enum child_role pool, int64_t now_ms, struct board_view *view);
/* Whether any worker of the pool lives. */
bool board_alive(const struct board *board, enum child_role pool);

/*
 * Whether the one in front of the queue, who has waited for `waited_ms`, is told 503 now. No worker is ready, and
 * - it has waited for the patience, and at least half of the workers are slow with what they have (or none lives): the queue will not be over soon;
 * or
 * - it has waited for the most that anybody is to wait: a burst of quick requests is served meanwhile.
 * `waited_ms` -1: not known; then the time since a worker last took a request stands for it.
 */
bool pool_saturated(const struct board_view *view, int64_t waited_ms);
#define POOL_PATIENCE_MS  750 /* a refusal is promised within a second */
#define POOL_SLOW_MS      700 /* longer than a quick request takes on a machine out of breath */
#define POOL_WAIT_MOST_MS 10000

#define OWNER_MAX 40
/* "<instance>/<slot>/<generation>": who holds a lease. */
void board_owner(const struct board *board, unsigned slot, char out[OWNER_MAX]);
/*
 * Whether that owner is known to have died: it was ours, and its slot is empty or has another tenant. False for every other text: another machine's
 * owners, and those of an earlier master, may live. `board`: struct board *; the type fits mp_ctx.owner_is_dead.
 */
bool board_owner_is_dead(void *board, const char *owner);

/* ---- Throttle: how soon a child that died is started again ---- */

#define THROTTLE_YOUNG_MS 2000
#define THROTTLE_FIRST_MS 100
#define THROTTLE_MOST_MS  5000

struct throttle {
    unsigned young_deaths; /* in a row */
    int64_t started_ms;    /* monotonic, as the next */
    int64_t next_start_ms; /* not before */
};
void throttle_started(struct throttle *throttle, int64_t now_ms);
/* The child ended; `clean`: as it was meant to. Returns the delay before the next start: 0, or 100 ms doubled with each young death up to 5 s. */
int64_t throttle_ended(struct throttle *throttle, int64_t now_ms, bool clean);

/* ---- Probes: how long the queue of a listening socket is ---- */

/*
 * Nobody tells how long a connection has waited to be accepted. So connections of our own are put into the queue, which is first come, first served:
 * as long as one is not taken, those in front of it have waited longer. It says nothing, and who takes it drops it at once.
 */
#define PROBES         30
#define PROBE_EVERY_MS 100
struct probes {
    const char *path; /* of the listening socket */
    int fds[PROBES];  /* -1: none */
    int64_t sent_ms[PROBES];
    int64_t last_sent_ms;
    bool full;  /* the queue took no probe: it takes nobody */
    bool blind; /* a probe could not be sent */
};
void probes_init(struct probes *probes, const char *path);
void probes_clear(struct probes *probes);
/* Notes which were taken; with `send` puts another one into the queue, where one is due. */
void probes_step(struct probes *probes, bool send, int64_t now_ms);
/* How long the connection in front has waited, at least, and up to PROBE_EVERY_MS longer. INT64_MAX: the queue is full; -1: it is not known. */
int64_t probes_waited_ms(const struct probes *probes, int64_t now_ms);

/* ---- Signals ---- */

/* The master takes its signals one by one with signals_wait(); they are blocked otherwise, so that none falls between a look and a wait. */
void signals_master(void);
/* SIGTERM, SIGINT (told as SIGTERM), SIGHUP, SIGCHLD; 0: none within `timeout_ms` (-1: wait for ever). */
int signals_wait(int64_t timeout_ms);

/*
 * A child has SIGTERM and SIGALRM blocked but between signals_let_in() and signals_keep_out(), so that no call for a request ends early. One that
 * comes between the look at signals_term() and the wait after it does not end that wait: the master asks again until the child is gone.
 */
void signals_child(void);
void signals_let_in(void);
void signals_keep_out(void);
/* Whether SIGTERM came. */
bool signals_term(void);
/* The same, also of one that came while they were kept out, which they are again. */
bool signals_term_now(void);
/* Interrupts whatever blocks between signals_let_in() and signals_keep_out() every so many ms; 0: no more. */
void signals_nudge_every(unsigned ms);

/* ---- Children ---- */

/* What a child is given by the master. Borrowed, all of it from before the fork. */
struct child_env {
    enum child_role role;
    const struct mp_settings *settings;
    struct mp_api *api;
    struct board *board;
    struct mp_metrics *metrics;
    unsigned slot;
    int listen_fd; /* -1: the role has none */
    const char *listen_path;
};

/* What a child that works needs: built from its environment, empty connections, one arena for piece after piece of work. */
struct mp_proc {
    const struct child_env *env;
    struct mp_log log;
    struct mp_arena *arena;
    struct mp_db *db;
    struct mp_http *http;
    struct mp_zoom *zoom;
    struct mp_storage *storage;
    struct mp_ctx ctx;
    char owner[OWNER_MAX];
};
void proc_init(struct mp_proc *proc, const struct child_env *env);
void proc_clear(struct mp_proc *proc);
/* Tells the scoreboard. */
void proc_state(const struct mp_proc *proc, enum board_state state);

/*
 * Whether the keys are those that were used before. -1: one is not, and nothing must be sealed with it; `err` names it. Else 0; `done` tells whether
 * the database could be asked. keys_check_once() brings a connection of its own and closes it.
 */
int keys_check(struct mp_ctx *ctx, bool *done, struct mp_error *err) MP_MUST_CHECK;
int keys_check_once(const struct mp_settings *settings, struct mp_log *log, struct mp_error *err) MP_MUST_CHECK;

/* Each runs until SIGTERM and returns the exit status. */
int worker_run(const struct child_env *env);
int overflow_run(const struct child_env *env);
int jobs_run(const struct child_env *env);

/* In the new child: name, death with the master, signals, then the role's run. Does not return. */
void child_main(const struct child_env *env, pid_t master) MP_NORETURN;

/* ---- Master ---- */

/* A configuration in force, with the memory it lives in. */
struct config {
    struct mp_arena *arena; /* NULL: none */
    struct mp_settings *settings;
    struct mp_api *api;
    unsigned epoch; /* counts configurations, from 1 */
};

/* One a slot of the scoreboard. */
struct child {
    pid_t pid; /* 0: none runs */
    enum child_role role;
    unsigned epoch;           /* of the configuration it belongs to */
    bool wanted;              /* to be started (again) */
    int64_t drained_since_ms; /* asked to end; 0: not */
    struct throttle throttle;
};

struct master {
    struct mp_log log;
    const char *config_path; /* NULL: the environment alone */
    const char *listen;      /* as opened at the start */
    const char *fast_path, *slow_path;
    int fast_fd, slow_fd;
    struct board *board;
    struct child *children; /* BOARD_SLOTS */
    unsigned slots_used;    /* slots from here on were never used */
    struct config now;
    struct config next; /* a reload under way; arena NULL: none */
    int64_t next_deadline_ms;
    unsigned epochs; /* the last number given; one that failed is not used again, as its children may still drain */
    bool reload_asked;
    int64_t stopping_since_ms; /* 0: not */
};

/* Reads the configuration and what is made of it before a fork. On failure nothing is kept. */
int config_load(struct config *config, const char *path, unsigned epoch, const struct mp_log *log, struct mp_arena *err_arena,
                struct mp_error *err) MP_MUST_CHECK;
void config_clear(struct config *config);

/* Opens the sockets, runs until a stop is complete. `master->now`, `log` and `config_path` are set. Returns the exit status. */
int master_run(struct master *master);

/* The children of a configuration: says that they are wanted; starts those that are due; asks those of an epoch to end. */
int children_want(struct master *master, const struct config *config, struct mp_error *err) MP_MUST_CHECK;
void children_start_due(struct master *master, int64_t now_ms);
void children_drain(struct master *master, unsigned epoch, bool (*which)(enum child_role role), int64_t now_ms);
/* Asks again those that may have missed it, kills those that took too long. */
void children_press(struct master *master, int64_t now_ms);
/* Takes note of every child that ended. */
void children_reap(struct master *master, int64_t now_ms);
/* Whether all wanted children of the epoch wait for work or have some. */
bool children_ready(const struct master *master, unsigned epoch);
bool children_alive(const struct master *master, bool (*which)(enum child_role role));
/* When something is to be done next without a signal: ms from now, -1: never. */
int64_t children_next_due(const struct master *master, int64_t now_ms);

/* For `which` above. */
bool role_any(enum child_role role);
bool role_works(enum child_role role);
bool role_overflows(enum child_role role);

#endif
