#include "harness.h"

#include <sys/wait.h>

static const struct mp_sql create = {"CREATE OR REPLACE TABLE purse (id BIGINT PRIMARY KEY, cents BIGINT NOT NULL)"};
static const struct mp_sql fill = {"INSERT INTO purse (id, cents) VALUES (1, 0), (2, 0)"};
static const struct mp_sql create_notes = {"CREATE OR REPLACE TABLE note (word VARCHAR(20))"};
static const struct mp_sql put = {"UPDATE purse SET cents = cents + 1 WHERE id = ?"};
static const struct mp_sql note = {"INSERT INTO note (word) VALUES (?)"};
static const struct mp_sql total = {"SELECT SUM(cents) FROM purse"};
static const struct mp_sql notes = {"SELECT COUNT(*) FROM note"};
static const struct mp_sql no_waiting = {"SET SESSION innodb_lock_wait_timeout = 0"};

static int put_cent(struct mp_db *db, int64_t id, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &put);

    mp_bind_i64(st, id);
    return mp_db_run(st, err);
}

static int write_note(struct mp_db *db, const char *word, struct mp_error *err)
{
    struct mp_stmt *st = mp_db_begin(db, &note);

    mp_bind_text(st, word);
    return mp_db_run(st, err);
}

static void tables_begin(struct mp_db *db)
{
    must_run(db, &create);
    must_run(db, &fill);
    must_run(db, &create_notes);
}

static void assert_stored(struct fixture *f, int64_t cents, int64_t lines)
{
    struct mp_db *other = harness_open();

    assert_int_equal(must_number(other, &total), cents);
    assert_int_equal(must_number(other, &notes), lines);
    mp_db_free(other);
    (void)f;
}

struct work {
    unsigned tries;
    const char *word;
    int answer; /* what the function returns after its work */
};

static int note_and_put(struct mp_db *db, void *arg, struct mp_error *err)
{
    struct work *work = arg;

    work->tries++;
    if (write_note(db, work->word ? work->word : "plain", err) < 0 || put_cent(db, 1, err) < 0)
        return -1;
    return work->answer < 0 ? mp_fail(err, MP_E_NO_CAPACITY, "no room") : work->answer;
}

static void test_it_commits_or_rolls_back(void **state)
{
    struct fixture *f = *state;
    struct work work = {0};

    tables_begin(f->db);
    assert_int_equal(mp_tx_run(f->db, note_and_put, &work, &f->err), 0);
    assert_stored(f, 1, 1);
    work.answer = -1;
    assert_int_equal(mp_tx_run(f->db, note_and_put, &work, &f->err), -1);
    assert_int_equal(f->err.code, MP_E_NO_CAPACITY);
    assert_string_equal(f->err.message, "no room");
    assert_int_equal(work.tries, 2);
    assert_stored(f, 1, 1);
}

static int nest(struct mp_db *db, void *arg, struct mp_error *err)
{
    return mp_tx_run(db, note_and_put, arg, err);
}

static void test_transactions_do_not_nest(void **state)
{
    struct fixture *f = *state;
    struct work work = {0};

    tables_begin(f->db);
    assert_int_equal(mp_tx_run(f->db, nest, &work, &f->err), -1);
    assert_int_equal(f->err.code, MP_E_INTERNAL);
    assert_int_equal(work.tries, 0);
}

static int duplicate(struct mp_db *db, void *arg, struct mp_error *err)
{
    struct work *work = arg;

    work->tries++;
    if (put_cent(db, 1, err) < 0)
        return -1;
    return mp_db_run(mp_db_begin(db, &fill), err);
}

static void test_a_duplicate_is_not_tried_again(void **state)
{
    struct fixture *f = *state;
    struct work work = {0};

    tables_begin(f->db);
    assert_int_equal(mp_tx_run(f->db, duplicate, &work, &f->err), -1);
    assert_int_equal(f->err.code, MP_E_CONFLICT);
    assert_int_equal(work.tries, 1);
    assert_stored(f, 0, 0);
}

/* Two processes take the same two rows in opposite order, and meet in between at their first try. */
struct rival {
    int64_t first, second;
    int say, hear;
    unsigned tries;
};

static int take_both(struct mp_db *db, void *arg, struct mp_error *err)
{
    struct rival *rival = arg;
    char byte = 'x';

    rival->tries++;
    if (put_cent(db, rival->first, err) < 0)
        return -1;
    if (rival->tries == 1) {
        assert_int_equal(write(rival->say, &byte, 1), 1);
        assert_int_equal(read(rival->hear, &byte, 1), 1);
    }
    return put_cent(db, rival->second, err);
}

static int rival_child(struct rival rival)
{
    struct mp_arena *arena = mp_arena_new();
    struct mp_db *db = harness_open();
    struct mp_error err;
    int rc;

    mp_error_init(&err, arena);
    rc = mp_tx_run(db, take_both, &rival, &err);
    mp_db_free(db);
    mp_arena_free(arena);
    return rc == 0 ? (int)rival.tries : 100;
}

static void test_a_deadlock_is_run_again(void **state)
{
    struct fixture *f = *state;
    struct rival rival = {.first = 1, .second = 2};
    int there[2], back[2], status;
    pid_t pid;

    tables_begin(f->db);
    assert_int_equal(pipe(there), 0);
    assert_int_equal(pipe(back), 0);
    pid = fork();
    if (pid == 0)
        _exit(rival_child((struct rival){.first = 2, .second = 1, .say = back[1], .hear = there[0]}));
    rival.say = there[1];
    rival.hear = back[0];
    assert_int_equal(mp_tx_run(f->db, take_both, &rival, &f->err), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_in_range((unsigned)WEXITSTATUS(status) + rival.tries, 3, 16);
    assert_stored(f, 4, 0);
}

/* Runs a transaction on `inner` while another connection holds row 1. */
struct held {
    struct mp_db *inner;
    int (*fn)(struct mp_db *, void *, struct mp_error *);
    struct work work;
    struct mp_error err;
    int rc;
};

static int hold_and_run(struct mp_db *db, void *arg, struct mp_error *err)
{
    struct held *held = arg;

    assert_int_equal(put_cent(db, 1, err), 0);
    held->rc = mp_tx_run(held->inner, held->fn, &held->work, &held->err);
    return 0;
}

static void run_held(struct fixture *f, struct held *held)
{
    struct mp_db *holder = harness_open();

    mp_error_init(&held->err, f->arena);
    held->inner = f->db;
    tables_begin(f->db);
    must_run(f->db, &no_waiting);
    assert_int_equal(mp_tx_run(holder, hold_and_run, held, &f->err), 0);
    mp_db_free(holder);
}

static void test_it_gives_up_in_the_end(void **state)
{
    struct fixture *f = *state;
    struct held held = {.fn = note_and_put};

    run_held(f, &held);
    assert_int_equal(held.rc, -1);
    assert_int_equal(held.err.code, MP_E_UNAVAILABLE);
    assert_int_equal(held.err.retry_after_s, 1);
    assert_non_null(strstr(held.err.detail, "1205"));
    assert_int_equal(held.work.tries, 8);
    /* 1205 undoes only its statement: the note of each try went by the rollback. */
    assert_stored(f, 1, 0);
}

static int second_row_at_the_third_try(struct mp_db *db, void *arg, struct mp_error *err)
{
    struct work *work = arg;

    work->tries++;
    if (write_note(db, "try", err) < 0)
        return -1;
    return put_cent(db, work->tries < 3 ? 1 : 2, err);
}

static void test_a_lock_wait_undoes_the_whole(void **state)
{
    struct fixture *f = *state;
    struct held held = {.fn = second_row_at_the_third_try};

    run_held(f, &held);
    assert_int_equal(held.rc, 0);
    assert_int_equal(held.work.tries, 3);
    assert_stored(f, 2, 1);
}

static int carry_on_regardless(struct mp_db *db, void *arg, struct mp_error *err)
{
    struct work *work = arg;

    work->tries++;
    if (work->tries == 1 && put_cent(db, 1, err) == 0)
        return mp_fail(err, MP_E_INTERNAL, "the row is not locked");
    (void)!write_note(db, "late", err);
    return 0;
}

static void test_nothing_runs_in_a_lost_transaction(void **state)
{
    struct fixture *f = *state;
    struct held held = {.fn = carry_on_regardless};

    run_held(f, &held);
    assert_int_equal(held.rc, 0);
    assert_int_equal(held.work.tries, 2);
    assert_stored(f, 1, 1);
}

static int forgive_duplicate(struct mp_db *db, void *arg, struct mp_error *err)
{
    (void)arg;
    assert_int_equal(mp_db_run(mp_db_begin(db, &fill), err), -1);
    assert_int_equal(err->code, MP_E_CONFLICT);
    mp_error_reset(err);
    return put_cent(db, 1, err);
}

static void test_a_conflict_may_be_forgiven(void **state)
{
    struct fixture *f = *state;

    tables_begin(f->db);
    assert_int_equal(mp_tx_run(f->db, forgive_duplicate, NULL, &f->err), 0);
    assert_stored(f, 1, 0);
}

static void run_cut(struct fixture *f, const char *marker, enum proxy_mode mode, struct work *work, int *rc)
{
    struct proxy proxy = proxy_start(marker, mode, 1);
    struct mp_db *db = harness_open_hosts(proxy.address);

    tables_begin(f->db);
    *rc = mp_tx_run(db, note_and_put, work, &f->err);
    mp_db_free(db);
    proxy_stop(&proxy);
}

static void test_lost_before_commit_is_run_again(void **state)
{
    const char *const markers[] = {"START TRANSACTION", "marked", "marked"};
    const enum proxy_mode modes[] = {PROXY_CUT_AFTER, PROXY_CUT_BEFORE, PROXY_CUT_AFTER};
    struct fixture *f = *state;

    for (size_t i = 0; i < MP_COUNT(markers); i++) {
        struct work work = {.word = "marked"};
        int rc;

        run_cut(f, markers[i], modes[i], &work, &rc);
        assert_int_equal(rc, 0);
        assert_int_equal(work.tries, i == 0 ? 1 : 2);
        assert_stored(f, 1, 1);
    }
}

static void test_lost_in_commit_is_uncertain(void **state)
{
    /* With the byte in front that says "query": the session's set-up says READ COMMITTED. */
    static const char commit_command[] = {3, 'C', 'O', 'M', 'M', 'I', 'T', '\0'};
    const enum proxy_mode modes[] = {PROXY_CUT_BEFORE, PROXY_CUT_AFTER};
    struct fixture *f = *state;

    for (int i = 0; i < 2; i++) {
        struct work work = {0};
        int rc;

        run_cut(f, commit_command, modes[i], &work, &rc);
        assert_int_equal(rc, -1);
        assert_int_equal(f->err.code, MP_E_UNCERTAIN);
        assert_int_equal(work.tries, 1);
        assert_stored(f, i, i);
    }
}

static void test_a_node_that_leaves_its_cluster_is_left(void **state)
{
    struct fixture *f = *state;
    struct work work = {.word = "marked"};
    int rc;

    run_cut(f, "marked", PROXY_NOT_READY, &work, &rc);
    assert_int_equal(rc, 0);
    assert_int_equal(work.tries, 2);
    assert_stored(f, 1, 1);
}

static int kill_server_once(struct mp_db *db, void *arg, struct mp_error *err)
{
    struct work *work = arg;

    if (work->tries++ == 0) {
        if (write_note(db, "lost", err) < 0)
            return -1;
        harness_server_kill();
        harness_server_start();
    }
    return put_cent(db, 1, err);
}

static void test_a_restart_in_the_middle_loses_nothing(void **state)
{
    struct fixture *f = *state;
    struct work work = {0};

    tables_begin(f->db);
    assert_int_equal(mp_tx_run(f->db, kill_server_once, &work, &f->err), 0);
    assert_int_equal(work.tries, 2);
    assert_stored(f, 1, 0);
}

static void test_no_server_is_told_at_once(void **state)
{
    struct fixture *f = *state;
    struct work work = {0};
    char dead[32];
    struct mp_db *db;

    harness_dead_address(dead);
    db = harness_open_hosts(dead);
    assert_int_equal(mp_tx_run(db, note_and_put, &work, &f->err), -1);
    assert_int_equal(f->err.code, MP_E_UNAVAILABLE);
    assert_int_equal(f->err.retry_after_s, 2);
    assert_int_equal(work.tries, 0);
    mp_db_free(db);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_it_commits_or_rolls_back, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_transactions_do_not_nest, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_a_duplicate_is_not_tried_again, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_a_deadlock_is_run_again, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_it_gives_up_in_the_end, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_a_lock_wait_undoes_the_whole, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_nothing_runs_in_a_lost_transaction, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_a_conflict_may_be_forgiven, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_lost_before_commit_is_run_again, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_lost_in_commit_is_uncertain, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_a_node_that_leaves_its_cluster_is_left, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_a_restart_in_the_middle_loses_nothing, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_no_server_is_told_at_once, fixture_setup, fixture_teardown),
    };

    (void)argc;
    harness_begin(argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
