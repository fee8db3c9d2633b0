#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "meetpool/clock.h"
#include "meetpool/crypto.h"
#include "process_int.h"

/* As many connections may wait for a worker: a shorter queue makes nginx answer 502 at once. The kernel's own limit (net.core.somaxconn) is 4,096. */
#define BACKLOG 1024

/* A new configuration's children are to wait for work within this. */
#define READY_MS      5000
#define READY_LOOK_MS 20

static int open_sockets(struct master *master, struct mp_arena *arena, struct mp_error *err)
{
    const char *folder = mp_arena_strdup(arena, master->now.settings->process.listen);

    /* The group may enter: nginx has to reach the sockets. */
    if (mkdir(folder, 0750) == 0 && chmod(folder, 0750) < 0)
        return mp_fail(err, MP_E_CONFIG, "MEETPOOL_LISTEN: %s: %s", folder, strerror(errno));
    master->listen = folder;
    master->fast_path = mp_arena_printf(arena, "%s/fast.sock", folder);
    master->slow_path = mp_arena_printf(arena, "%s/slow.sock", folder);
    master->fast_fd = mp_fcgi_listen(master->fast_path, BACKLOG, err);
    if (master->fast_fd < 0)
        return -1;
    master->slow_fd = mp_fcgi_listen(master->slow_path, BACKLOG, err);
    if (master->slow_fd < 0) {
        unlink(master->fast_path);
        close(master->fast_fd);
        return -1;
    }
    return 0;
}

/* ---- Reload ---- */

static void reload_refused(struct master *master, const char *why)
{
    mp_log(&master->log, MP_ERROR, "master.reload_failed", MP_STR("problem", why), MP_STR("effect", "the old configuration stays in force"));
}

static void reload_begin(struct master *master, int64_t now_ms)
{
    struct mp_arena *scratch = mp_arena_new();
    struct mp_error err;

    master->reload_asked = false;
    if (config_load(&master->next, master->config_path, ++master->epochs, &master->log, scratch, &err) < 0) {
        reload_refused(master, mp_error_message(&err));
    } else if (children_want(master, &master->next, &err) < 0) {
        reload_refused(master, mp_error_message(&err));
        children_drain(master, master->next.epoch, role_any, now_ms);
        config_clear(&master->next);
    } else {
        master->next_deadline_ms = now_ms + READY_MS;
    }
    mp_arena_free(scratch);
}

static void reload_finish(struct master *master, int64_t now_ms)
{
    const struct mp_settings *settings = master->next.settings;

    if (strcmp(settings->process.listen, master->listen) != 0)
        mp_log(&master->log, MP_WARNING, "master.restart_needed", MP_STR("variable", "MEETPOOL_LISTEN"));
    children_drain(master, master->now.epoch, role_any, now_ms);
    config_clear(&master->now);
    master->now = master->next;
    master->next = (struct config){0};
    master->log.level = settings->log_level;
    mp_log(&master->log, MP_INFO, "master.reloaded", MP_INT("epoch", master->now.epoch), MP_INT("workers", settings->process.workers),
           MP_INT("zoom_workers", settings->process.zoom_workers), MP_INT("accounts", settings->account.count));
}

static void reload_give_up(struct master *master, int64_t now_ms)
{
    reload_refused(master, "the new processes did not get ready");
    children_drain(master, master->next.epoch, role_any, now_ms);
    config_clear(&master->next);
}

static void reload_step(struct master *master, int64_t now_ms)
{
    if (master->next.arena == NULL) {
        if (master->reload_asked)
            reload_begin(master, now_ms);
        return;
    }
    if (children_ready(master, master->next.epoch))
        reload_finish(master, now_ms);
    else if (now_ms >= master->next_deadline_ms)
        reload_give_up(master, now_ms);
}

/* ---- Stop ---- */

static void stop_begin(struct master *master, int64_t now_ms)
{
    if (master->stopping_since_ms != 0)
        return;
    master->stopping_since_ms = now_ms;
    mp_log(&master->log, MP_INFO, "master.stopping");
    unlink(master->fast_path);
    unlink(master->slow_path);
    children_drain(master, master->now.epoch, role_works, now_ms);
    if (master->next.arena != NULL)
        children_drain(master, master->next.epoch, role_works, now_ms);
}

/* True when everybody is gone. */
static bool stop_step(struct master *master, int64_t now_ms)
{
    if (children_alive(master, role_works))
        return false;
    children_drain(master, master->now.epoch, role_overflows, now_ms);
    if (master->next.arena != NULL)
        children_drain(master, master->next.epoch, role_overflows, now_ms);
    return !children_alive(master, role_any);
}

/* ---- Run ---- */

static int64_t next_wait(const struct master *master, int64_t now_ms)
{
    int64_t wait_ms = children_next_due(master, now_ms);

    if (master->next.arena != NULL && (wait_ms < 0 || wait_ms > READY_LOOK_MS))
        wait_ms = READY_LOOK_MS;
    if (master->next.arena == NULL && master->reload_asked)
        wait_ms = 0;
    return wait_ms;
}

static void serve_until_stopped(struct master *master)
{
    for (;;) {
        int got = signals_wait(next_wait(master, mp_monotonic_ms()));
        int64_t now_ms = mp_monotonic_ms();

        children_reap(master, now_ms);
        if (got == SIGTERM)
            stop_begin(master, now_ms);
        if (got == SIGHUP)
            master->reload_asked = true;
        if (master->stopping_since_ms == 0)
            reload_step(master, now_ms);
        else if (stop_step(master, now_ms))
            return;
        children_start_due(master, now_ms);
        if (got == 0)
            children_press(master, now_ms);
    }
}

int master_run(struct master *master)
{
    struct mp_arena *arena = mp_arena_new();
    const struct mp_process_conf *conf = &master->now.settings->process;
    struct mp_error err;
    int rc = 1;

    mp_error_init(&err, arena);
    master->epochs = master->now.epoch;
    signals_master();
    master->children = calloc(BOARD_SLOTS, sizeof(*master->children));
    master->board = board_new(mp_random_hex(arena, 4));
    master->log.metrics = mp_metrics_new();
    if (master->children == NULL || open_sockets(master, arena, &err) < 0 || children_want(master, &master->now, &err) < 0) {
        mp_log(&master->log, MP_ERROR, "master.cannot_start", MP_STR("problem", mp_error_message(&err)), MP_STR("detail", err.detail));
        goto out;
    }
    mp_log(&master->log, MP_INFO, "master.started", MP_INT("pid", getpid()), MP_STR("version", PACKAGE_VERSION),
           MP_STR("instance", master->board->instance), MP_STR("listen", master->listen), MP_INT("workers", conf->workers),
           MP_INT("zoom_workers", conf->zoom_workers), MP_INT("accounts", master->now.settings->account.count));
    children_start_due(master, mp_monotonic_ms());
    serve_until_stopped(master);
    mp_log(&master->log, MP_INFO, "master.stopped");
    rc = 0;
out:
    config_clear(&master->next);
    board_free(master->board);
    mp_metrics_free(master->log.metrics);
    master->log.metrics = NULL;
    free(master->children);
    mp_arena_free(arena);
    return rc;
}
