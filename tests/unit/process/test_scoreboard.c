#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above first */
#include <cmocka.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process_int.h"

static int setup(void **state)
{
    *state = board_new("0123abcd");
    return 0;
}

static int teardown(void **state)
{
    board_free(*state);
    return 0;
}

/* ---- Owners ---- */

static void an_owner_lives_until_its_slot_is_empty(void **state)
{
    struct board *board = *state;
    char owner[OWNER_MAX];

    board_start(board, 3, CHILD_SLOW, 1);
    board_owner(board, 3, owner);
    assert_string_equal(owner, "0123abcd/3/1");
    assert_false(board_owner_is_dead(board, owner));
    board_set(board, 3, BOARD_BUSY, 2);
    assert_false(board_owner_is_dead(board, owner));
    board_set(board, 3, BOARD_DEAD, 3);
    assert_true(board_owner_is_dead(board, owner));
}

static void a_new_tenant_does_not_revive_the_old_one(void **state)
{
    struct board *board = *state;
    char first[OWNER_MAX], second[OWNER_MAX];

    board_start(board, 0, CHILD_JOBS, 1);
    board_owner(board, 0, first);
    board_set(board, 0, BOARD_DEAD, 2);
    board_start(board, 0, CHILD_JOBS, 3);
    board_owner(board, 0, second);
    assert_string_equal(second, "0123abcd/0/2");
    assert_true(board_owner_is_dead(board, first));
    assert_false(board_owner_is_dead(board, second));
}

static void what_is_not_surely_ours_may_live(void **state)
{
    static const char *const foreign[] = {
        "",
        "0123abcd",
        "0123abcd/",
        "0123abcd/0",
        "0123abcd/0/",
        "0123abcd/0/1/",
        "0123abcd/0/1/2",
        "0123abcd//1",
        "/0/1",
        "0123abce/0/1", /* another master's */
        "0123ABCD/0/1", /* not as we write it */
        "0123abcd/00/1",
        "0123abcd/-1/1",
        "0123abcd/+0/1",
        "0123abcd/ 0/1",
        "0123abcd/0x0/1",
        "0123abcd/0/1x",
        "0123abcd/4096/1", /* no such slot */
        "0123abcd/0/4294967296",
        "0123abcd/18446744073709551616/1",
    };
    struct board *board = *state;

    for (size_t i = 0; i < MP_COUNT(foreign); i++)
        assert_false(board_owner_is_dead(board, foreign[i]));
    assert_false(board_owner_is_dead(board, NULL));
    /* Ours, in a slot that was never used: nobody can live there. */
    assert_true(board_owner_is_dead(board, "0123abcd/4095/1"));
}

static void children_share_the_board(void **state)
{
    struct board *board = *state;
    int status;
    pid_t pid;

    board_start(board, 7, CHILD_FAST, 1);
    pid = fork();
    if (pid == 0) {
        board_set(board, 7, BOARD_BUSY, 2);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(board_state(board, 7), BOARD_BUSY);
}

/* ---- Saturation ---- */

static void start_busy(struct board *board, unsigned slot, enum child_role role, int64_t since_ms)
{
    board_start(board, slot, role, since_ms);
    board_set(board, slot, BOARD_BUSY, since_ms);
}

static bool saturated(const struct board *board, enum child_role pool, int64_t now_ms, int64_t waited_ms)
{
    struct board_view view;

    board_look(board, pool, now_ms, &view);
    return pool_saturated(&view, waited_ms);
}

static void without_a_known_wait_the_last_taken_request_counts(void **state)
{
    struct board *board = *state;

    start_busy(board, 0, CHILD_SLOW, 1000);
    start_busy(board, 1, CHILD_SLOW, 1200);
    assert_false(saturated(board, CHILD_SLOW, 1200 + POOL_PATIENCE_MS - 1, -1));
    assert_true(saturated(board, CHILD_SLOW, 1200 + POOL_PATIENCE_MS, -1));
}

static void who_has_just_come_waits_even_where_all_is_stuck(void **state)
{
    struct board *board = *state;

    start_busy(board, 0, CHILD_SLOW, 0);
    assert_false(saturated(board, CHILD_SLOW, 100000, 0));
    assert_false(saturated(board, CHILD_SLOW, 100000, POOL_PATIENCE_MS - 1));
    assert_true(saturated(board, CHILD_SLOW, 100000, POOL_PATIENCE_MS));
}

static void one_idle_or_starting_worker_is_enough(void **state)
{
    struct board *board = *state;

    start_busy(board, 0, CHILD_SLOW, 0);
    board_start(board, 1, CHILD_SLOW, 0);
    assert_false(saturated(board, CHILD_SLOW, 100000, INT64_MAX));
    board_set(board, 1, BOARD_IDLE, 0);
    assert_false(saturated(board, CHILD_SLOW, 100000, INT64_MAX));
    board_set(board, 1, BOARD_DEAD, 99999);
    assert_true(saturated(board, CHILD_SLOW, 100000, POOL_PATIENCE_MS));
}

static void slow_workers_make_a_long_wait_a_refusal(void **state)
{
    struct board *board = *state;
    int64_t now_ms = 10000;

    start_busy(board, 0, CHILD_SLOW, now_ms - POOL_SLOW_MS);
    start_busy(board, 1, CHILD_SLOW, now_ms - 10);
    assert_false(saturated(board, CHILD_SLOW, now_ms, POOL_PATIENCE_MS - 1));
    assert_true(saturated(board, CHILD_SLOW, now_ms, POOL_PATIENCE_MS));
}

static void a_burst_of_quick_requests_may_wait_longer(void **state)
{
    struct board *board = *state;
    int64_t now_ms = 10000;

    start_busy(board, 0, CHILD_SLOW, now_ms - POOL_SLOW_MS);
    start_busy(board, 1, CHILD_SLOW, now_ms - 10);
    start_busy(board, 2, CHILD_SLOW, now_ms - 20);
    assert_false(saturated(board, CHILD_SLOW, now_ms, POOL_PATIENCE_MS));
    assert_false(saturated(board, CHILD_SLOW, now_ms, POOL_WAIT_MOST_MS - 1));
    assert_true(saturated(board, CHILD_SLOW, now_ms, POOL_WAIT_MOST_MS));
}

static void the_pools_do_not_look_at_each_other(void **state)
{
    struct board *board = *state;

    start_busy(board, 0, CHILD_SLOW, 0);
    board_start(board, 1, CHILD_FAST, 0);
    board_set(board, 1, BOARD_IDLE, 0);
    board_start(board, 2, CHILD_SLOW_OVERFLOW, 0);
    board_set(board, 2, BOARD_IDLE, 0);
    assert_true(saturated(board, CHILD_SLOW, 100000, POOL_PATIENCE_MS));
    assert_false(saturated(board, CHILD_FAST, 100000, POOL_PATIENCE_MS));
    assert_true(board_alive(board, CHILD_FAST));
}

static void a_pool_without_workers_gets_the_same_patience(void **state)
{
    struct board *board = *state;

    board_start(board, 0, CHILD_FAST, 1000);
    board_set(board, 0, BOARD_DEAD, 1000);
    assert_false(board_alive(board, CHILD_FAST));
    assert_false(saturated(board, CHILD_FAST, 1000 + POOL_PATIENCE_MS - 1, -1));
    assert_true(saturated(board, CHILD_FAST, 1000 + POOL_PATIENCE_MS, -1));
    assert_false(saturated(board, CHILD_FAST, 100000, POOL_PATIENCE_MS - 1));
    assert_true(saturated(board, CHILD_FAST, 100000, POOL_PATIENCE_MS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_owner_lives_until_its_slot_is_empty, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_tenant_does_not_revive_the_old_one, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_surely_ours_may_live, setup, teardown),
        cmocka_unit_test_setup_teardown(children_share_the_board, setup, teardown),
        cmocka_unit_test_setup_teardown(without_a_known_wait_the_last_taken_request_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(who_has_just_come_waits_even_where_all_is_stuck, setup, teardown),
        cmocka_unit_test_setup_teardown(one_idle_or_starting_worker_is_enough, setup, teardown),
        cmocka_unit_test_setup_teardown(slow_workers_make_a_long_wait_a_refusal, setup, teardown),
        cmocka_unit_test_setup_teardown(a_burst_of_quick_requests_may_wait_longer, setup, teardown),
        cmocka_unit_test_setup_teardown(the_pools_do_not_look_at_each_other, setup, teardown),
        cmocka_unit_test_setup_teardown(a_pool_without_workers_gets_the_same_patience, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
