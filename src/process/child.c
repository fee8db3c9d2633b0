#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "meetpool/clock.h"
#include "meetpool/connection.h"
#include "process_int.h"

static const struct {
    const char *command; /* at most 15 characters, the kernel's limit */
    const char *name;
    int (*run)(const struct child_env *env);
} roles[CHILD_ROLES] = {
    [CHILD_FAST] = {"mp-worker", "worker", worker_run},
    [CHILD_SLOW] = {"mp-worker", "zoom-worker", worker_run},
    [CHILD_FAST_OVERFLOW] = {"mp-overflow", "overflow", overflow_run},
    [CHILD_SLOW_OVERFLOW] = {"mp-overflow", "zoom-overflow", overflow_run},
    [CHILD_JOBS] = {"mp-jobs", "jobs", jobs_run},
    [CHILD_QUICK] = {"mp-jobs", "quick-jobs", jobs_run},
    [CHILD_MOVE] = {"mp-jobs", "moves", jobs_run},
};

const char *child_role_command(enum child_role role)
{
    return roles[role].command;
}

const char *child_role_name(enum child_role role)
{
    return roles[role].name;
}

bool role_any(enum child_role role)
{
    return role < CHILD_ROLES;
}

bool role_overflows(enum child_role role)
{
    return role == CHILD_FAST_OVERFLOW || role == CHILD_SLOW_OVERFLOW;
}

bool role_works(enum child_role role)
{
    return !role_overflows(role);
}

void child_main(const struct child_env *env, pid_t master)
{
    prctl(PR_SET_NAME, roles[env->role].command);
    signals_child();
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != master) /* it died before the line above */
        exit(0);
    exit(roles[env->role].run(env));
}

static struct mp_storage *new_storage(struct mp_proc *proc, const struct mp_settings *settings)
{
    size_t count;
    const struct mp_secret *keys = mp_keyring_derive(settings->keyring, proc->arena, MP_STORAGE_LINK_PURPOSE, &count);
    struct mp_storage *storage = mp_storage_new(&settings->storage, proc->http, keys, count, &proc->log);

    mp_arena_clear(proc->arena);
    return storage;
}

void proc_init(struct mp_proc *proc, const struct child_env *env)
{
    const struct mp_settings *settings = env->settings;

    *proc = (struct mp_proc){
        .env = env,
        .log = {.fd = STDERR_FILENO, .level = settings->log_level, .role = roles[env->role].name, .metrics = env->metrics},
        .arena = mp_arena_new(),
        .http = mp_http_new(),
    };
    proc->db = mp_db_new(&settings->db, &proc->log);
    proc->zoom = mp_zoom_new(&settings->zoom, proc->http, &proc->log);
    proc->storage = new_storage(proc, settings);
    board_owner(env->board, env->slot, proc->owner);
    /* OpenSSL's generator notices a fork and seeds itself anew: nothing to do here for nonces and ids. */
    proc->ctx = (struct mp_ctx){
        .arena = proc->arena,
        .db = proc->db,
        .zoom = proc->zoom,
        .log = &proc->log,
        .keyring = settings->keyring,
        .account_conf = &settings->account,
        .meeting_conf = &settings->meeting,
        .connection_conf = &settings->connection,
        .recording_conf = &settings->recording,
        .webhook_conf = &settings->webhook,
        .alert_conf = &settings->alert,
        .http = proc->http,
        .storage = proc->storage,
        .owner = proc->owner,
        .owner_is_dead = board_owner_is_dead,
        .owner_arg = env->board,
        .guest_token = mp_connection_zoom_token,
    };
}

void proc_clear(struct mp_proc *proc)
{
    mp_storage_free(proc->storage);
    mp_zoom_free(proc->zoom);
    mp_http_free(proc->http);
    mp_db_free(proc->db);
    mp_arena_free(proc->arena);
}

void proc_state(const struct mp_proc *proc, enum board_state state)
{
    board_set(proc->env->board, proc->env->slot, state, mp_monotonic_ms());
}
