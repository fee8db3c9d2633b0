#include "harness.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "meetpool/clock.h"

static const struct mp_sql forget = {"DROP TABLE IF EXISTS schema_version, schema_lease, first, second, third"};
static const struct mp_sql lease_is_free = {"SELECT until_ms = 0 FROM schema_lease"};

/* A schema folder of this test's own. */
static const char *folder(struct fixture *f)
{
    char *path = mp_arena_printf(f->arena, "%s/schema-XXXXXX", getenv("MP_TEST_DIR"));

    assert_non_null(mkdtemp(path));
    must_run(f->db, &forget);
    return path;
}

static void put_file(struct fixture *f, const char *dir, const char *name, const char *text)
{
    FILE *file = fopen(mp_arena_printf(f->arena, "%s/%s", dir, name), "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void put_three(struct fixture *f, const char *dir)
{
    put_file(f, dir, "0001-first.sql",
             "-- A comment; with a semicolon;\n\nCREATE TABLE IF NOT EXISTS first (\n    id BIGINT PRIMARY KEY, -- told; here\n"
             "    word VARCHAR(50)\n) ENGINE=InnoDB;\nINSERT IGNORE INTO first VALUES (1, 'a;b');\n");
    put_file(f, dir, "0002-second.sql", "CREATE TABLE IF NOT EXISTS second (id BIGINT PRIMARY KEY);  \n  -- the end\n");
    put_file(f, dir, "0003-third.sql", "CREATE TABLE IF NOT EXISTS third (n BIGINT);\nINSERT INTO third SELECT COUNT(*) FROM first;\n\n");
    put_file(f, dir, "README", "not a migration");
}

static unsigned version(struct fixture *f)
{
    unsigned number = 99;

    assert_int_equal(mp_schema_version(f->db, &number, &f->err), 0);
    return number;
}

static void test_an_empty_database_has_version_0(void **state)
{
    struct fixture *f = *state;

    must_run(f->db, &forget);
    assert_int_equal(version(f), 0);
    assert_int_equal(f->err.code, MP_E_NONE);
}

static void test_files_are_applied_in_order_and_once(void **state)
{
    static const struct mp_sql firsts = {"SELECT COUNT(*) FROM first WHERE word = 'a;b'"}, seen = {"SELECT SUM(n) FROM third"};
    static const struct mp_sql names = {"SELECT COUNT(*) FROM schema_version WHERE name = '0002-second.sql' AND version = 2 AND applied_at > 0"};
    struct fixture *f = *state;
    const char *dir = folder(f);
    unsigned applied;

    put_three(f, dir);
    assert_int_equal(mp_migrate(f->db, dir, &applied, &f->err), 0);
    assert_int_equal(applied, 3);
    assert_int_equal(version(f), 3);
    assert_int_equal(must_number(f->db, &firsts), 1);
    assert_int_equal(must_number(f->db, &names), 1);
    assert_int_equal(must_number(f->db, &lease_is_free), 1);
    assert_int_equal(mp_migrate(f->db, dir, &applied, &f->err), 0);
    assert_int_equal(applied, 0);
    assert_int_equal(must_number(f->db, &seen), 1);
}

static void test_a_newer_database_is_left_alone(void **state)
{
    static const struct mp_sql newer = {"INSERT INTO schema_version VALUES (4, '0004-of-the-next-release.sql', 1)"};
    struct fixture *f = *state;
    const char *dir = folder(f);
    unsigned applied;

    put_three(f, dir);
    assert_int_equal(mp_migrate(f->db, dir, &applied, &f->err), 0);
    must_run(f->db, &newer);
    assert_int_equal(mp_migrate(f->db, dir, &applied, &f->err), 0);
    assert_int_equal(applied, 0);
    assert_int_equal(version(f), 4);
}

static void assert_refused(struct fixture *f, const char *dir, const char *why)
{
    unsigned applied;

    mp_error_reset(&f->err);
    assert_int_equal(mp_migrate(f->db, dir, &applied, &f->err), -1);
    assert_int_equal(f->err.code, MP_E_CONFIG);
    assert_non_null(strstr(mp_error_message(&f->err), why));
    assert_int_equal(applied, 0);
    assert_int_equal(version(f), 0);
}

static void test_wrong_folders_are_refused(void **state)
{
    struct fixture *f = *state;
    const char *dir = folder(f);

    assert_refused(f, "/nonexistent/schema", "No such file");
    put_file(f, dir, "0002-second.sql", "SELECT 1;\n");
    assert_refused(f, dir, "no migration 1");
    put_file(f, dir, "0001-first.sql", "SELECT 1;\n");
    put_file(f, dir, "0001-again.sql", "SELECT 1;\n");
    assert_refused(f, dir, "same number");
    dir = folder(f);
    put_file(f, dir, "1-first.sql", "SELECT 1;\n");
    assert_refused(f, dir, "NNNN-words.sql");
    dir = folder(f);
    put_file(f, dir, "0001-first.sql", "CREATE TABLE IF NOT EXISTS first (id INT);\nINSERT INTO first\n  VALUES (1)");
    assert_refused(f, dir, "does not end");
}

static void test_a_wrong_statement_stops_and_is_named(void **state)
{
    struct fixture *f = *state;
    const char *dir = folder(f);
    unsigned applied;

    put_three(f, dir);
    put_file(f, dir, "0002-second.sql", "CREATE TABULL nothing (id INT);\n");
    assert_int_equal(mp_migrate(f->db, dir, &applied, &f->err), -1);
    assert_int_equal(f->err.code, MP_E_INTERNAL);
    assert_non_null(strstr(f->err.detail, "CREATE TABULL nothing"));
    assert_int_equal(applied, 1);
    assert_int_equal(version(f), 1);
    assert_int_equal(must_number(f->db, &lease_is_free), 1);
    mp_error_reset(&f->err);
    put_three(f, dir);
    assert_int_equal(mp_migrate(f->db, dir, &applied, &f->err), 0);
    assert_int_equal(applied, 2);
}

static void test_a_stale_fence_stops(void **state)
{
    struct fixture *f = *state;
    const char *dir = folder(f);
    unsigned applied;

    /* As if another host had taken the lease while this statement ran. */
    put_file(f, dir, "0001-first.sql", "UPDATE schema_lease SET fence = fence + 1;\nCREATE TABLE first (id INT);\n");
    assert_int_equal(mp_migrate(f->db, dir, &applied, &f->err), -1);
    assert_int_equal(f->err.code, MP_E_UNAVAILABLE);
    assert_int_equal(applied, 0);
    assert_int_equal(version(f), 0);
}

static void test_a_lease_is_waited_for(void **state)
{
    static const struct mp_sql table = {"CREATE TABLE schema_lease (id TINYINT NOT NULL PRIMARY KEY, owner VARCHAR(64) NOT NULL,"
                                        " fence BIGINT NOT NULL, until_ms BIGINT NOT NULL)"};
    static const struct mp_sql taken = {"INSERT INTO schema_lease VALUES (1, 'other', 7, " MP_DB_NOW_MS " + 1500)"};
    static const struct mp_sql fence = {"SELECT fence FROM schema_lease"};
    struct fixture *f = *state;
    const char *dir = folder(f);
    unsigned applied;
    int64_t started_ms = mp_monotonic_ms();

    put_three(f, dir);
    must_run(f->db, &table);
    must_run(f->db, &taken);
    assert_int_equal(mp_migrate(f->db, dir, &applied, &f->err), 0);
    assert_in_range(mp_monotonic_ms() - started_ms, 1400, 10000);
    assert_int_equal(applied, 3);
    assert_int_equal(must_number(f->db, &fence), 8);
}

static int migrate_child(const char *dir)
{
    struct mp_arena *arena = mp_arena_new();
    struct mp_db *db = harness_open();
    struct mp_error err;
    unsigned applied;
    int rc;

    mp_error_init(&err, arena);
    rc = mp_migrate(db, dir, &applied, &err);
    if (rc < 0)
        fprintf(stderr, "%s: %s\n", mp_error_message(&err), err.detail ? err.detail : "");
    mp_db_free(db);
    mp_arena_free(arena);
    return rc < 0 ? 100 : (int)applied;
}

static void test_several_hosts_at_once_apply_each_file_once(void **state)
{
    enum { HOSTS = 5, FILES = 20 };
    static const struct mp_sql marks = {"SELECT COUNT(*) FROM first"};
    struct fixture *f = *state;
    const char *dir = folder(f);
    pid_t pids[HOSTS];
    int sum = 0;

    put_file(f, dir, "0001-first.sql", "CREATE TABLE first (n INT);\nINSERT INTO first VALUES (1);\n");
    for (int i = 2; i <= FILES; i++)
        put_file(f, dir, mp_arena_printf(f->arena, "%04d-more.sql", i), "INSERT INTO first VALUES (1);\n");
    mp_db_close(f->db);
    for (int i = 0; i < HOSTS; i++) {
        pids[i] = fork();
        if (pids[i] == 0)
            _exit(migrate_child(dir));
    }
    for (int i = 0; i < HOSTS; i++) {
        int status;

        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_true(WIFEXITED(status));
        sum += WEXITSTATUS(status);
    }
    assert_int_equal(sum, FILES);
    assert_int_equal(must_number(f->db, &marks), FILES);
    assert_int_equal(version(f), FILES);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_empty_database_has_version_0, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_files_are_applied_in_order_and_once, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_a_newer_database_is_left_alone, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_wrong_folders_are_refused, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_a_wrong_statement_stops_and_is_named, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_a_stale_fence_stops, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_a_lease_is_waited_for, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_several_hosts_at_once_apply_each_file_once, fixture_setup, fixture_teardown),
    };

    (void)argc;
    harness_begin(argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
