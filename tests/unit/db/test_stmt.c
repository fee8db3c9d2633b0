#include "harness.h"

#include <stdio.h>

static const struct mp_sql create = {"CREATE OR REPLACE TABLE thing (id BIGINT NOT NULL PRIMARY KEY, name VARCHAR(100) UNIQUE, body LONGBLOB,"
                                     " small TINYINT NULL, at DATETIME(3) NULL)"};
static const struct mp_sql add = {"INSERT INTO thing (id, name, body, small, at) VALUES (?, ?, ?, ?, '2026-02-03 04:05:06.789')"};
static const struct mp_sql by_id = {"SELECT id, name, body, small, at, id IS NULL FROM thing WHERE id = ?"};
static const struct mp_sql all_ids = {"SELECT id FROM thing ORDER BY id"};
static const struct mp_sql sum = {"SELECT SUM(id) FROM thing"};

static int thing_add(struct fixture *f, int64_t id, const char *name)
{
    struct mp_stmt *st = mp_db_begin(f->db, &add);

    mp_bind_i64(st, id);
    mp_bind_text(st, name);
    mp_bind_null(st);
    mp_bind_i64_null(st, false, 7);
    mp_error_reset(&f->err);
    return mp_db_run(st, &f->err);
}

static struct mp_stmt *thing_find(struct fixture *f, int64_t id)
{
    struct mp_stmt *st = mp_db_begin(f->db, &by_id);

    mp_bind_i64(st, id);
    assert_int_equal(mp_db_one(st, &f->err), 1);
    return st;
}

static void test_values_come_back_as_they_went(void **state)
{
    struct fixture *f = *state;
    const int64_t limits[] = {INT64_MIN, INT64_MAX, 0, -1};
    const char *name = "\xF0\x9F\x8E\x93 'quoted' \\ \xE2\x82\xAC";

    must_run(f->db, &create);
    for (size_t i = 0; i < MP_COUNT(limits); i++) {
        struct mp_stmt *st;

        assert_int_equal(thing_add(f, limits[i], i == 0 ? name : NULL), 0);
        assert_int_equal(mp_db_affected(mp_db_begin(f->db, &add)), 1);
        st = thing_find(f, limits[i]);
        assert_true(mp_col_i64(st, 0) == limits[i]);
        if (i == 0)
            assert_string_equal(mp_col_text(st, 1, f->arena), name);
        else
            assert_null(mp_col_text(st, 1, f->arena));
        assert_int_equal(mp_col_null(st, 1), i != 0);
        assert_true(mp_col_null(st, 2));
        assert_int_equal(mp_col_bytes(st, 2, f->arena).len, 0);
        assert_true(mp_col_null(st, 3));
        assert_int_equal(mp_col_i64(st, 3), 0);
        assert_string_equal(mp_col_text(st, 4, f->arena), "2026-02-03 04:05:06.789");
        assert_string_equal(mp_col_text(st, 5, f->arena), "0");
        assert_true(mp_col_null(st, 99));
        assert_int_equal(mp_db_next(st, &f->err), 0);
    }
}

static void test_a_megabyte_keeps_every_byte(void **state)
{
    struct fixture *f = *state;
    const size_t len = (1U << 20) + 1;
    char *bytes = mp_arena_alloc(f->arena, len);
    struct mp_stmt *st = mp_db_begin(f->db, &add);
    struct mp_slice back;

    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)(i * 31 + i / 256);
    mp_bind_i64(st, 1000);
    mp_bind_text(st, "");
    mp_bind_bytes(st, (struct mp_slice){bytes, len});
    mp_bind_i64(st, -128);
    assert_int_equal(mp_db_run(st, &f->err), 0);
    st = thing_find(f, 1000);
    back = mp_col_bytes(st, 2, f->arena);
    assert_int_equal(back.len, len);
    assert_memory_equal(back.p, bytes, len);
    assert_string_equal(mp_col_text(st, 1, f->arena), "");
    assert_int_equal(mp_col_i64(st, 3), -128);
    assert_string_equal(mp_col_text(st, 3, f->arena), "-128");
}

static void test_decimals_are_numbers(void **state)
{
    struct fixture *f = *state;

    must_run(f->db, &create);
    assert_int_equal(must_number(f->db, &sum), 0);
    assert_int_equal(thing_add(f, 40, NULL), 0);
    assert_int_equal(thing_add(f, 2, NULL), 0);
    assert_int_equal(must_number(f->db, &sum), 42);
}

static void test_statements_run_between_rows(void **state)
{
    struct fixture *f = *state;
    struct mp_stmt *ids;
    int64_t seen = 0;
    int rc;

    must_run(f->db, &create);
    for (int64_t id = 1; id <= 300; id++)
        assert_int_equal(thing_add(f, id, NULL), 0);
    ids = mp_db_begin(f->db, &all_ids);
    assert_int_equal(mp_db_run(ids, &f->err), 0);
    while ((rc = mp_db_next(ids, &f->err)) > 0) {
        assert_int_equal(mp_col_i64(ids, 0), ++seen);
        assert_int_equal(mp_col_i64(thing_find(f, seen), 0), seen);
    }
    assert_int_equal(rc, 0);
    assert_int_equal(seen, 300);
    /* Abandoned in the middle, then from the start. */
    ids = mp_db_begin(f->db, &all_ids);
    assert_int_equal(mp_db_one(ids, &f->err), 1);
    ids = mp_db_begin(f->db, &all_ids);
    assert_int_equal(mp_db_one(ids, &f->err), 1);
    assert_int_equal(mp_col_i64(ids, 0), 1);
}

static void test_a_duplicate_is_a_conflict_and_no_more(void **state)
{
    struct fixture *f = *state;

    must_run(f->db, &create);
    assert_int_equal(thing_add(f, 1, "one"), 0);
    assert_int_equal(thing_add(f, 2, "one"), -1);
    assert_int_equal(f->err.code, MP_E_CONFLICT);
    assert_non_null(strstr(f->err.detail, "1062 23000"));
    assert_int_equal(thing_add(f, 2, "two"), 0);
    assert_int_equal(must_number(f->db, &sum), 3);
}

static void test_mistakes_are_internal_and_name_the_statement(void **state)
{
    static const struct mp_sql wrong = {"SELECT nothing FROM nowhere"};
    static const struct mp_sql strict = {"INSERT INTO thing (id, small) VALUES (1, 1000)"};
    struct fixture *f = *state;
    struct mp_stmt *st;

    assert_int_equal(mp_db_run(mp_db_begin(f->db, &wrong), &f->err), -1);
    assert_int_equal(f->err.code, MP_E_INTERNAL);
    assert_non_null(strstr(f->err.detail, wrong.text));
    assert_null(f->err.message);
    must_run(f->db, &create);
    assert_int_equal(mp_db_run(mp_db_begin(f->db, &strict), &f->err), -1);
    assert_int_equal(f->err.code, MP_E_INTERNAL);
    /* Too few and too many values. */
    st = mp_db_begin(f->db, &by_id);
    assert_int_equal(mp_db_run(st, &f->err), -1);
    st = mp_db_begin(f->db, &by_id);
    mp_bind_i64(st, 1);
    mp_bind_i64(st, 2);
    assert_int_equal(mp_db_run(st, &f->err), -1);
    assert_int_equal(f->err.code, MP_E_INTERNAL);
    assert_int_equal(thing_add(f, 1, NULL), 0);
    thing_find(f, 1);
}

/*
 * The sub-select gives one row for the highest id and two for the next, so that the error comes after the first row. A statement that is freed but
 * not reset then waits for ever at its next run.
 */
static void test_an_error_after_the_first_row_does_not_hang_the_next_run(void **state)
{
    static const struct mp_sql late = {"SELECT a.id, (SELECT b.id FROM thing b WHERE b.id >= a.id) FROM thing a WHERE a.id > ? ORDER BY a.id DESC"};
    struct fixture *f = *state;

    must_run(f->db, &create);
    for (int64_t id = 1; id <= 5; id++)
        assert_int_equal(thing_add(f, id, NULL), 0);
    for (int i = 0; i < 3; i++) {
        struct mp_stmt *st = mp_db_begin(f->db, &late);

        mp_bind_i64(st, 0);
        assert_int_equal(mp_db_run(st, &f->err), -1);
        assert_int_equal(f->err.code, MP_E_INTERNAL);
        assert_non_null(strstr(f->err.detail, "1242"));
        st = mp_db_begin(f->db, &late);
        mp_bind_i64(st, 4);
        assert_int_equal(mp_db_one(st, &f->err), 1);
        assert_int_equal(mp_col_i64(st, 1), 5);
        assert_int_equal(mp_db_next(st, &f->err), 0);
    }
}

static void test_ids_are_told(void **state)
{
    static const struct mp_sql table = {"CREATE OR REPLACE TABLE counted (id BIGINT AUTO_INCREMENT PRIMARY KEY, n INT)"};
    static const struct mp_sql one = {"INSERT INTO counted (n) VALUES (5), (6)"};
    static const struct mp_sql change = {"UPDATE counted SET n = 6"};
    struct fixture *f = *state;
    struct mp_stmt *st;

    must_run(f->db, &table);
    for (int64_t i = 0; i < 2; i++) {
        st = mp_db_begin(f->db, &one);
        assert_int_equal(mp_db_run(st, &f->err), 0);
        assert_int_equal(mp_db_insert_id(st), 1 + 2 * i);
        assert_int_equal(mp_db_affected(st), 2);
        assert_int_equal(mp_db_next(st, &f->err), 0);
    }
    st = mp_db_begin(f->db, &change);
    assert_int_equal(mp_db_run(st, &f->err), 0);
    assert_int_equal(mp_db_affected(st), 2);
}

static void test_many_statements_do_not_pile_up_on_the_server(void **state)
{
    static const struct mp_sql prepared = {"SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'PREPARED_STMT_COUNT'"};
    struct fixture *f = *state;
    struct mp_sql *many = mp_arena_array(f->arena, 500, sizeof(*many));

    for (int round = 0; round < 2; round++) {
        for (int64_t i = 0; i < 500; i++) {
            many[i].text = mp_arena_printf(f->arena, "SELECT %d", (int)i);
            assert_int_equal(must_number(f->db, &many[i]), i);
        }
    }
    assert_in_range(must_number(f->db, &prepared), 10, 64);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_values_come_back_as_they_went, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_a_megabyte_keeps_every_byte, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_decimals_are_numbers, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_statements_run_between_rows, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_a_duplicate_is_a_conflict_and_no_more, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_mistakes_are_internal_and_name_the_statement, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_an_error_after_the_first_row_does_not_hang_the_next_run, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_ids_are_told, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_many_statements_do_not_pile_up_on_the_server, fixture_setup, fixture_teardown),
    };

    (void)argc;
    harness_begin(argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
