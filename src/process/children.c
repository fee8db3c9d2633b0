#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "meetpool/clock.h"
#include "process_int.h"

/* How often a child that was asked to end is asked again, and when it is killed. */
#define ASK_AGAIN_MS 100
#define KILL_MS      30000

static bool is_free(const struct child *child)
{
    return child->pid == 0 && !child->wanted;
}

static int want_one(struct master *master, enum child_role role, unsigned epoch, struct mp_error *err)
{
    for (unsigned i = 0; i < BOARD_SLOTS; i++) {
        if (!is_free(&master->children[i]))
            continue;
        master->children[i] = (struct child){.role = role, .epoch = epoch, .wanted = true};
        if (i >= master->slots_used)
            master->slots_used = i + 1;
        return 0;
    }
    return mp_fail(err, MP_E_CONFIG, "MEETPOOL_WORKERS and MEETPOOL_ZOOM_WORKERS: too many while old ones are still at work; try again later");
}

int children_want(struct master *master, const struct config *config, struct mp_error *err)
{
    const int64_t counts[CHILD_ROLES] = {
        [CHILD_FAST] = config->settings->process.workers,
        [CHILD_SLOW] = config->settings->process.zoom_workers,
        [CHILD_FAST_OVERFLOW] = 1,
        [CHILD_SLOW_OVERFLOW] = 1,
        [CHILD_JOBS] = 1,
        [CHILD_QUICK] = 1,
        [CHILD_MOVE] = config->settings->recording.parallel,
    };

    for (int role = 0; role < CHILD_ROLES; role++) {
        for (int64_t n = 0; n < counts[role]; n++) {
            if (want_one(master, (enum child_role)role, config->epoch, err) < 0)
                return -1;
        }
    }
    return 0;
}

static int listen_fd_of(const struct master *master, enum child_role role)
{
    switch (role) {
    case CHILD_FAST:
    case CHILD_FAST_OVERFLOW:
        return master->fast_fd;
    case CHILD_SLOW:
    case CHILD_SLOW_OVERFLOW:
        return master->slow_fd;
    case CHILD_JOBS:
    case CHILD_QUICK:
    case CHILD_MOVE:
    case CHILD_ROLES:
        break;
    }
    return -1;
}

MP_NORETURN static void become_child(struct master *master, unsigned slot, pid_t master_pid)
{
    const struct child *child = &master->children[slot];
    const struct config *config = child->epoch == master->now.epoch ? &master->now : &master->next;
    struct child_env env = {
        .role = child->role,
        .settings = config->settings,
        .api = config->api,
        .board = master->board,
        .metrics = master->log.metrics,
        .slot = slot,
        .listen_fd = listen_fd_of(master, child->role),
    };
    env.listen_path = env.listen_fd == master->fast_fd ? master->fast_path : master->slow_path;

    if (env.listen_fd != master->fast_fd)
        close(master->fast_fd);
    if (env.listen_fd != master->slow_fd)
        close(master->slow_fd);
    child_main(&env, master_pid);
}

static void child_died(struct master *master, unsigned slot, int64_t now_ms, bool clean)
{
    struct child *child = &master->children[slot];
    int64_t delay_ms = throttle_ended(&child->throttle, now_ms, clean);

    board_set(master->board, slot, BOARD_DEAD, now_ms);
    child->pid = 0;
    if (!child->wanted)
        child->drained_since_ms = 0;
    else if (delay_ms > 0)
        mp_log(&master->log, MP_WARNING, "worker.throttled", MP_STR("child", child_role_name(child->role)), MP_INT("slot", slot),
               MP_INT("young_deaths", child->throttle.young_deaths), MP_INT("delay_ms", delay_ms));
}

static void start_one(struct master *master, unsigned slot, int64_t now_ms)
{
    struct child *child = &master->children[slot];
    pid_t master_pid = getpid();
    pid_t pid;

    throttle_started(&child->throttle, now_ms);
    board_start(master->board, slot, child->role, now_ms);
    pid = fork();
    if (pid == 0)
        become_child(master, slot, master_pid);
    if (pid < 0) {
        mp_log(&master->log, MP_ERROR, "worker.fork_failed", MP_STR("child", child_role_name(child->role)), MP_STR("problem", strerror(errno)));
        child_died(master, slot, now_ms, false);
        return;
    }
    child->pid = pid;
    mp_log(&master->log, MP_DEBUG, "worker.started", MP_STR("child", child_role_name(child->role)), MP_INT("pid", pid), MP_INT("slot", slot));
}

void children_start_due(struct master *master, int64_t now_ms)
{
    for (unsigned i = 0; i < master->slots_used; i++) {
        const struct child *child = &master->children[i];

        if (child->wanted && child->pid == 0 && child->throttle.next_start_ms <= now_ms)
            start_one(master, i, now_ms);
    }
}

static int find_pid(const struct master *master, pid_t pid)
{
    for (unsigned i = 0; i < master->slots_used; i++) {
        if (master->children[i].pid == pid)
            return (int)i;
    }
    return -1;
}

void children_reap(struct master *master, int64_t now_ms)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        int slot = find_pid(master, pid);
        bool clean = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        const struct child *child;

        if (slot < 0)
            continue;
        child = &master->children[slot];
        mp_log(&master->log, clean ? MP_DEBUG : MP_WARNING, clean ? "worker.ended" : "worker.died", MP_STR("child", child_role_name(child->role)),
               MP_INT("pid", pid), MP_INT("slot", slot), MP_INT("exit", WIFEXITED(status) ? WEXITSTATUS(status) : -1),
               MP_INT("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0));
        if (!clean)
            mp_metric_add(master->log.metrics, MP_METRIC_CHILD_DEATHS, child_role_name(child->role), NULL, 1);
        child_died(master, (unsigned)slot, now_ms, clean);
    }
}

void children_drain(struct master *master, unsigned epoch, bool (*which)(enum child_role role), int64_t now_ms)
{
    for (unsigned i = 0; i < master->slots_used; i++) {
        struct child *child = &master->children[i];

        if (child->epoch != epoch || !which(child->role) || !child->wanted)
            continue;
        child->wanted = false;
        if (child->pid == 0)
            continue;
        child->drained_since_ms = now_ms;
        kill(child->pid, SIGTERM);
    }
}

void children_press(struct master *master, int64_t now_ms)
{
    for (unsigned i = 0; i < master->slots_used; i++) {
        const struct child *child = &master->children[i];

        if (child->pid == 0 || child->drained_since_ms == 0)
            continue;
        if (now_ms - child->drained_since_ms >= KILL_MS) {
            mp_log(&master->log, MP_WARNING, "worker.killed", MP_STR("child", child_role_name(child->role)), MP_INT("pid", child->pid),
                   MP_INT("after_ms", now_ms - child->drained_since_ms));
            kill(child->pid, SIGKILL);
        } else {
            kill(child->pid, SIGTERM);
        }
    }
}

bool children_ready(const struct master *master, unsigned epoch)
{
    for (unsigned i = 0; i < master->slots_used; i++) {
        const struct child *child = &master->children[i];
        enum board_state state = board_state(master->board, i);

        if (child->wanted && child->epoch == epoch && (child->pid == 0 || state == BOARD_STARTING || state == BOARD_DEAD))
            return false;
    }
    return true;
}

bool children_alive(const struct master *master, bool (*which)(enum child_role role))
{
    for (unsigned i = 0; i < master->slots_used; i++) {
        if (master->children[i].pid != 0 && which(master->children[i].role))
            return true;
    }
    return false;
}

int64_t children_next_due(const struct master *master, int64_t now_ms)
{
    int64_t due_ms = -1;

    for (unsigned i = 0; i < master->slots_used; i++) {
        const struct child *child = &master->children[i];
        int64_t in_ms;

        if (child->pid != 0 && child->drained_since_ms != 0)
            in_ms = ASK_AGAIN_MS;
        else if (child->pid == 0 && child->wanted)
            in_ms = child->throttle.next_start_ms > now_ms ? child->throttle.next_start_ms - now_ms : 0;
        else
            continue;
        due_ms = due_ms < 0 || in_ms < due_ms ? in_ms : due_ms;
    }
    return due_ms;
}
