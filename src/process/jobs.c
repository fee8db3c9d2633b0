#include "meetpool/jobs.h"
#include "meetpool/clock.h"
#include "process_int.h"

/* Between two tries while the database is away. */
#define AWAY_MS 1000

int jobs_run(const struct child_env *env)
{
    struct mp_proc proc;

    proc_init(&proc, env);
    while (!signals_term()) {
        unsigned idle_ms = AWAY_MS;
        struct mp_error err;

        proc_state(&proc, BOARD_BUSY);
        mp_error_init(&err, proc.arena);
        if (mp_jobs_run(&proc.ctx, &idle_ms, &err) < 0)
            idle_ms = AWAY_MS;
        mp_arena_clear(proc.arena);
        proc_state(&proc, BOARD_IDLE);
        signals_let_in();
        if (!signals_term() && idle_ms > 0)
            mp_sleep_ms(idle_ms);
        signals_keep_out();
    }
    proc_clear(&proc);
    return 0;
}
