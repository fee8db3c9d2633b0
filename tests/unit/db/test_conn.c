#include "harness.h"

#include <stdio.h>

#include "meetpool/clock.h"

static const struct mp_sql create = {"CREATE OR REPLACE TABLE mark (id BIGINT AUTO_INCREMENT PRIMARY KEY, word VARCHAR(100))"};
static const struct mp_sql add = {"INSERT INTO mark (word) VALUES (?)"};
static const struct mp_sql count = {"SELECT COUNT(*) FROM mark"};
static const struct mp_sql count_word = {"SELECT COUNT(*) FROM mark WHERE word = ?"};

static int run_word(struct fixture *f, struct mp_db *db, const struct mp_sql *sql, const char *word)
{
    struct mp_stmt *st = mp_db_begin(db, sql);

    mp_bind_text(st, word);
    mp_error_reset(&f->err);
    return mp_db_run(st, &f->err);
}

static char *hosts(struct fixture *f, const char *first, const char *second)
{
    return mp_arena_printf(f->arena, "%s, %s", first, second);
}

static void test_every_session_is_set_up(void **state)
{
    static const struct mp_sql session = {"SELECT @@SESSION.tx_isolation, @@time_zone, @@sql_mode, @@innodb_lock_wait_timeout,"
                                          " @@character_set_client, @@character_set_connection, @@autocommit, @@wsrep_sync_wait"};
    struct fixture *f = *state;
    struct mp_stmt *st = mp_db_begin(f->db, &session);
    const char *mode;

    assert_int_equal(mp_db_one(st, &f->err), 1);
    assert_string_equal(mp_col_text(st, 0, f->arena), "READ-COMMITTED");
    assert_string_equal(mp_col_text(st, 1, f->arena), "+00:00");
    mode = mp_col_text(st, 2, f->arena);
    assert_non_null(strstr(mode, "STRICT_ALL_TABLES"));
    assert_non_null(strstr(mode, "NO_ZERO_DATE"));
    assert_int_equal(mp_col_i64(st, 3), 3);
    assert_string_equal(mp_col_text(st, 4, f->arena), "utf8mb4");
    assert_string_equal(mp_col_text(st, 5, f->arena), "utf8mb4");
    assert_int_equal(mp_col_i64(st, 6), 1);
    assert_int_equal(mp_col_i64(st, 7), 1);
}

static void test_the_clock_is_the_servers(void **state)
{
    struct fixture *f = *state;
    int64_t before = mp_now_ms(), now;

    assert_int_equal(mp_db_now(f->db, &now, &f->err), 0);
    assert_in_range(now - before + 1000, 0, 3000);
}

static void test_a_killed_server_is_found_again(void **state)
{
    struct fixture *f = *state;
    struct mp_stmt *st;
    int64_t started_ms;

    must_run(f->db, &create);
    assert_int_equal(run_word(f, f->db, &add, "before"), 0);
    assert_int_equal(mp_db_ping(f->db, &f->err), 0);
    harness_server_kill();
    started_ms = mp_monotonic_ms();
    assert_int_equal(mp_db_run(mp_db_begin(f->db, &count), &f->err), -1);
    assert_int_equal(f->err.code, MP_E_UNAVAILABLE);
    assert_int_equal(f->err.retry_after_s, 2);
    assert_int_equal(mp_db_ping(f->db, &f->err), -1);
    assert_int_equal(f->err.code, MP_E_UNAVAILABLE);
    assert_true(mp_monotonic_ms() - started_ms < 1000);
    harness_server_start();
    assert_int_equal(must_number(f->db, &count), 1);
    assert_int_equal(run_word(f, f->db, &add, "after"), 0);
    /* Between two statements: even a write is run, for its connection was seen to be dead before. */
    harness_server_kill();
    harness_server_start();
    assert_int_equal(run_word(f, f->db, &add, "unnoticed"), 0);
    harness_server_kill();
    harness_server_start();
    assert_int_equal(mp_db_ping(f->db, &f->err), 0);
    st = mp_db_begin(f->db, &count_word);
    mp_bind_text(st, "unnoticed");
    assert_int_equal(mp_db_one(st, &f->err), 1);
    assert_int_equal(mp_col_i64(st, 0), 1);
}

static void test_an_idle_connection_may_time_out(void **state)
{
    static const struct mp_sql short_life = {"SET SESSION wait_timeout = 1"};
    struct fixture *f = *state;

    must_run(f->db, &create);
    must_run(f->db, &short_life);
    mp_sleep_ms(2500);
    assert_int_equal(run_word(f, f->db, &add, "awake"), 0);
    assert_int_equal(must_number(f->db, &count), 1);
}

static void test_the_next_host_is_tried(void **state)
{
    struct fixture *f = *state;
    struct proxy alive = proxy_start("never said", PROXY_CUT_BEFORE, 0);
    char dead[32];
    struct mp_db *db;

    harness_dead_address(dead);
    db = harness_open_hosts(hosts(f, dead, alive.address));
    assert_int_equal(mp_db_ping(db, &f->err), 0);
    must_run(db, &create);
    mp_db_free(db);
    proxy_stop(&alive);
    db = harness_open_hosts(hosts(f, dead, alive.address));
    assert_int_equal(mp_db_ping(db, &f->err), -1);
    assert_int_equal(f->err.code, MP_E_UNAVAILABLE);
    mp_db_free(db);
}

static void test_a_node_that_is_not_ready_is_left(void **state)
{
    struct fixture *f = *state;
    struct proxy sick = proxy_start("marked", PROXY_NOT_READY, 1000);
    struct proxy well = proxy_start("never said", PROXY_CUT_BEFORE, 0);
    struct mp_db *db = harness_open_hosts(hosts(f, sick.address, well.address));

    must_run(db, &create);
    assert_int_equal(run_word(f, db, &add, "plain"), 0);
    assert_int_equal(run_word(f, db, &add, "marked"), 0);
    assert_int_equal(must_number(db, &count), 2);
    mp_db_free(db);
    db = harness_open_hosts(sick.address);
    assert_int_equal(run_word(f, db, &add, "marked"), -1);
    assert_int_equal(f->err.code, MP_E_UNAVAILABLE);
    assert_int_equal(must_number(db, &count), 2);
    mp_db_free(db);
    proxy_stop(&sick);
    proxy_stop(&well);
}

static void test_a_read_only_server_counts_as_down(void **state)
{
    static const struct mp_sql lock = {"SET GLOBAL read_only = 1"}, unlock = {"SET GLOBAL read_only = 0"};
    struct fixture *f = *state;
    struct mp_db *other = harness_open();

    must_run(f->db, &lock);
    assert_int_equal(mp_db_ping(other, &f->err), -1);
    assert_int_equal(f->err.code, MP_E_UNAVAILABLE);
    must_run(f->db, &unlock);
    assert_int_equal(mp_db_ping(other, &f->err), 0);
    mp_db_free(other);
}

static void test_a_lost_select_is_repeated(void **state)
{
    struct fixture *f = *state;
    struct proxy once = proxy_start("marked", PROXY_CUT_AFTER, 1);
    struct mp_db *db = harness_open_hosts(once.address);

    must_run(db, &create);
    assert_int_equal(run_word(f, db, &count_word, "marked"), 0);
    mp_db_free(db);
    proxy_stop(&once);
}

static void test_a_lost_write_is_not_repeated(void **state)
{
    struct fixture *f = *state;
    struct proxy once = proxy_start("marked", PROXY_CUT_AFTER, 1);
    struct mp_db *db = harness_open_hosts(once.address);

    must_run(db, &create);
    assert_int_equal(run_word(f, db, &add, "marked"), -1);
    assert_int_equal(f->err.code, MP_E_UNAVAILABLE);
    assert_int_equal(must_number(db, &count), 1);
    assert_int_equal(run_word(f, db, &add, "marked"), 0);
    assert_int_equal(must_number(db, &count), 2);
    mp_db_free(db);
    proxy_stop(&once);
}

static void test_in_a_hurry_nobody_waits_long(void **state)
{
    static const struct mp_sql nap = {"DO SLEEP(5)"}, short_nap = {"DO SLEEP(1)"};
    struct fixture *f = *state;
    int64_t began_ms;

    must_run(f->db, &create); /* so that it is open before */
    for (int opened_before = 1; opened_before >= 0; opened_before--) {
        mp_db_hurry(f->db, 300);
        began_ms = mp_monotonic_ms();
        assert_int_equal(mp_db_run(mp_db_begin(f->db, &nap), &f->err), -1);
        assert_int_equal(f->err.code, MP_E_UNAVAILABLE);
        assert_true(mp_monotonic_ms() - began_ms < 4500);
    }
    mp_db_hurry(f->db, 0);
    must_run(f->db, &short_nap);
}

static void test_rows_that_went_with_the_connection_are_missed(void **state)
{
    static const struct mp_sql words = {"SELECT word FROM mark ORDER BY id"};
    struct fixture *f = *state;
    struct mp_stmt *st;

    must_run(f->db, &create);
    assert_int_equal(run_word(f, f->db, &add, "one"), 0);
    assert_int_equal(run_word(f, f->db, &add, "two"), 0);
    st = mp_db_begin(f->db, &words);
    assert_int_equal(mp_db_one(st, &f->err), 1);
    mp_db_close(f->db);
    assert_null(mp_col_text(st, 0, f->arena));
    /* "No more rows" would be a lie. */
    assert_int_equal(mp_db_next(st, &f->err), -1);
    assert_int_equal(f->err.code, MP_E_UNAVAILABLE);
    st = mp_db_begin(f->db, &words);
    assert_int_equal(mp_db_one(st, &f->err), 1);
    assert_string_equal(mp_col_text(st, 0, f->arena), "one");
}

static void test_a_wrong_password_is_told_in_the_detail_only(void **state)
{
    struct fixture *f = *state;
    const struct mp_log quiet = {.fd = 2, .level = MP_ERROR};
    const struct mp_db_conf conf = {.socket = getenv("MP_TEST_SOCKET"), .user = "nobody_there", .name = "meetpool"};
    struct mp_db *db = mp_db_new(&conf, &quiet);

    assert_int_equal(mp_db_ping(db, &f->err), -1);
    assert_int_equal(f->err.code, MP_E_UNAVAILABLE);
    assert_non_null(strstr(f->err.detail, "nobody_there"));
    assert_null(strstr(mp_error_message(&f->err), "nobody_there"));
    mp_db_free(db);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_session_is_set_up, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_the_clock_is_the_servers, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_a_killed_server_is_found_again, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_an_idle_connection_may_time_out, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_the_next_host_is_tried, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_a_node_that_is_not_ready_is_left, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_a_read_only_server_counts_as_down, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_a_lost_select_is_repeated, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_a_lost_write_is_not_repeated, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_in_a_hurry_nobody_waits_long, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_rows_that_went_with_the_connection_are_missed, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_a_wrong_password_is_told_in_the_detail_only, fixture_setup, fixture_teardown),
    };

    (void)argc;
    harness_begin(argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
