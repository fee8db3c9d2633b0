#include <poll.h>

#include "meetpool/clock.h"
#include "process_int.h"

/* How often to look. */
#define LOOK_MS 30

/* Where a worker was quicker, accept() waits: not for long, or it would compete with workers that have become free. */
#define NUDGE_MS 5

static bool is_pending(int listen_fd)
{
    struct pollfd fd = {.fd = listen_fd, .events = POLLIN};

    return poll(&fd, 1, 0) > 0;
}

static int refuse_one(struct mp_proc *proc, struct mp_fcgi *fcgi)
{
    int rc;

    signals_nudge_every(NUDGE_MS);
    signals_let_in();
    rc = mp_fcgi_accept(fcgi);
    signals_keep_out();
    signals_nudge_every(0);
    if (rc > 0)
        mp_api_refuse(proc->env->api, &proc->ctx, fcgi);
    return rc;
}

/* Whether somebody waits whom nobody will take soon. */
static bool must_refuse(const struct child_env *env, enum child_role pool, struct probes *probes)
{
    int64_t now_ms = mp_monotonic_ms();
    struct board_view view;

    board_look(env->board, pool, now_ms, &view);
    probes_step(probes, view.ready == 0, now_ms);
    return pool_saturated(&view, probes_waited_ms(probes, now_ms)) && is_pending(env->listen_fd);
}

int overflow_run(const struct child_env *env)
{
    enum child_role pool = env->role == CHILD_FAST_OVERFLOW ? CHILD_FAST : CHILD_SLOW;
    struct mp_fcgi *fcgi = mp_fcgi_new(env->listen_fd);
    struct probes probes;
    struct mp_proc proc;
    int rc = 0;

    proc_init(&proc, env);
    probes_init(&probes, env->listen_path);
    proc_state(&proc, BOARD_IDLE);
    while (rc >= 0 && !signals_term()) {
        signals_let_in();
        mp_sleep_ms(LOOK_MS);
        signals_keep_out();
        while (rc >= 0 && must_refuse(env, pool, &probes))
            rc = refuse_one(&proc, fcgi);
    }
    probes_clear(&probes);
    /* At a stop the workers go first: nobody else is left to answer what waits. */
    while (rc >= 0 && !board_alive(env->board, pool) && is_pending(env->listen_fd))
        rc = refuse_one(&proc, fcgi);
    mp_fcgi_free(fcgi);
    proc_clear(&proc);
    return rc < 0 ? 1 : 0;
}
