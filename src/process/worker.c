#include "meetpool/crypto.h"
#include "process_int.h"

/* The asked number and up to a tenth more, so that workers started together do not all go at once. */
static int64_t requests_to_serve(int64_t asked)
{
    uint32_t random;

    if (asked == 0)
        return INT64_MAX;
    mp_random(&random, sizeof(random));
    return asked + (int64_t)random % (asked / 10 + 1);
}

int worker_run(const struct child_env *env)
{
    struct mp_proc proc;
    struct mp_fcgi *fcgi = mp_fcgi_new(env->listen_fd);
    int64_t left = requests_to_serve(env->settings->process.worker_requests);
    int rc = 0;

    proc_init(&proc, env);
    proc_state(&proc, BOARD_IDLE);
    while (left > 0 && !signals_term()) {
        signals_let_in();
        rc = mp_fcgi_accept(fcgi);
        signals_keep_out();
        if (rc < 0)
            break;
        if (rc == 0)
            continue;
        proc_state(&proc, BOARD_BUSY);
        mp_api_serve(env->api, &proc.ctx, fcgi);
        proc_state(&proc, BOARD_IDLE);
        left--;
    }
    if (rc < 0)
        mp_log(&proc.log, MP_ERROR, "worker.socket_lost");
    mp_fcgi_free(fcgi);
    proc_clear(&proc);
    return rc < 0 ? 1 : 0;
}
