#include "meetpool/jobs.h"
#include "meetpool/clock.h"
#include "process_int.h"

/* Between two tries while the database is away. */
#define AWAY_MS 1000

int jobs_run(const struct child_env *env)
{
    struct mp_runner runner = {
        .lane = env->role == CHILD_MOVE ? MP_LANE_MOVE : MP_LANE_QUICK,
        .duties = env->role == CHILD_JOBS,
        .kinds = mp_job_kinds,
        .kinds_count = mp_job_kinds_count,
    };
    struct mp_proc proc;
    bool keys_known = false;
    int rc = 0;

    proc_init(&proc, env);
    proc.ctx.stopping = signals_term_now;
    while (!signals_term()) {
        unsigned idle_ms = AWAY_MS;
        struct mp_error err;

        proc_state(&proc, BOARD_BUSY);
        mp_error_init(&err, proc.arena);
        /* With a key that is another's the new configuration does not come into force: its children do not get ready. */
        if (!keys_known && keys_check(&proc.ctx, &keys_known, &err) < 0) {
            mp_log(&proc.log, MP_ERROR, "keys.wrong", MP_STR("detail", mp_error_message(&err)));
            rc = 1;
            break;
        }
        mp_error_reset(&err);
        if (mp_runner_round(&runner, &proc.ctx, &idle_ms, &err) < 0)
            idle_ms = AWAY_MS;
        mp_arena_clear(proc.arena);
        proc_state(&proc, BOARD_IDLE);
        signals_let_in();
        if (!signals_term() && idle_ms > 0)
            mp_sleep_ms(idle_ms);
        signals_keep_out();
    }
    proc_clear(&proc);
    return rc;
}
