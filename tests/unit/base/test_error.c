#include "unit.h"

#include "meetpool/error.h"

static void the_table_is_whole(void **state)
{
    (void)state;
    for (unsigned code = MP_E_NONE + 1; code < MP_E_COUNT; code++) {
        assert_in_range(mp_error_status((enum mp_error_code)code), 400, 599);
        assert_non_null(mp_error_name((enum mp_error_code)code));
        assert_non_null(mp_error_sentence((enum mp_error_code)code));
    }
    assert_int_equal(mp_error_status(MP_E_NO_CAPACITY), 409);
    assert_string_equal(mp_error_name(MP_E_NO_CAPACITY), "no_capacity");
    assert_string_equal(mp_error_name(MP_E_UNCERTAIN), "unavailable");
    assert_int_equal(mp_error_status(MP_E_COUNT), 500);
}

static void message_and_detail(void **state)
{
    struct mp_error err;

    mp_error_init(&err, *state);
    assert_false(mp_error_set(&err));
    assert_int_equal(mp_fail(&err, MP_E_CONFLICT, "no %s", "way"), -1);
    assert_true(mp_error_set(&err));
    assert_string_equal(mp_error_message(&err), "no way");
    assert_int_equal(mp_fail(&err, MP_E_CONFLICT, "still: %s", err.message), -1);
    assert_string_equal(mp_error_message(&err), "still: no way");
    assert_int_equal(mp_fail_log(&err, MP_E_INTERNAL, "errno %d", 5), -1);
    assert_string_equal(err.detail, "errno 5");
    assert_string_equal(mp_error_message(&err), mp_error_sentence(MP_E_INTERNAL));
    mp_error_reset(&err);
    assert_false(mp_error_set(&err));
    assert_null(err.details);
    assert_ptr_equal(err.arena, *state);
}

static void fields_in_order(void **state)
{
    char name[] = "topic";
    struct mp_error err;

    mp_error_init(&err, *state);
    mp_error_note(&err, "account_1", "full");
    assert_false(mp_error_set(&err));
    mp_error_field(&err, name, "must have at most %d characters", 200);
    name[0] = 'X'; /* names are copied */
    assert_int_equal(err.code, MP_E_INVALID);
    mp_error_field(&err, "start", "is required");
    assert_string_equal(err.details->field, "account_1");
    assert_string_equal(err.details->next->field, "topic");
    assert_string_equal(err.details->next->message, "must have at most 200 characters");
    assert_string_equal(err.details->next->next->field, "start");
    assert_null(err.details->next->next->next);
    assert_int_equal(mp_fail(&err, MP_E_CONFLICT, "x"), -1);
    mp_error_field(&err, "end", "is required");
    assert_int_equal(err.code, MP_E_CONFLICT);
    assert_string_equal(err.details_last->field, "end");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_whole),
        ARENA_TEST(message_and_detail),
        ARENA_TEST(fields_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
