#include <poll.h>

#include "meetpool/clock.h"
#include "process_int.h"

/* How often to look, and how long a pool may go without taking a request before those that wait are told to come back: together below the second
 * within which a refusal is promised. */
#define LOOK_MS     30
#define PATIENCE_MS 700

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

int overflow_run(const struct child_env *env)
{
    enum child_role pool = env->role == CHILD_FAST_OVERFLOW ? CHILD_FAST : CHILD_SLOW;
    struct mp_fcgi *fcgi = mp_fcgi_new(env->listen_fd);
    struct mp_proc proc;
    int rc = 0;

    proc_init(&proc, env);
    proc_state(&proc, BOARD_IDLE);
    while (rc >= 0 && !signals_term()) {
        signals_let_in();
        mp_sleep_ms(LOOK_MS);
        signals_keep_out();
        while (rc >= 0 && board_saturated(env->board, pool, mp_monotonic_ms(), PATIENCE_MS) && is_pending(env->listen_fd))
            rc = refuse_one(&proc, fcgi);
    }
    /* At a stop the workers go first: nobody else is left to answer what waits. */
    while (rc >= 0 && !board_alive(env->board, pool) && is_pending(env->listen_fd))
        rc = refuse_one(&proc, fcgi);
    mp_fcgi_free(fcgi);
    proc_clear(&proc);
    return rc < 0 ? 1 : 0;
}
