#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above first */
#include <cmocka.h>

#include "process_int.h"

static void young_deaths_double_the_delay_up_to_its_most(void **state)
{
    static const int64_t expected_ms[] = {100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000};
    struct throttle throttle = {0};
    int64_t now_ms = 1000;

    (void)state;
    for (size_t i = 0; i < MP_COUNT(expected_ms); i++) {
        throttle_started(&throttle, now_ms);
        now_ms += 10;
        assert_int_equal(throttle_ended(&throttle, now_ms, false), expected_ms[i]);
        assert_int_equal(throttle.next_start_ms, now_ms + expected_ms[i]);
        now_ms = throttle.next_start_ms;
    }
}

static void a_thousand_young_deaths_do_not_overflow(void **state)
{
    struct throttle throttle = {0};
    int64_t delay_ms = 0;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        throttle_started(&throttle, 0);
        delay_ms = throttle_ended(&throttle, 0, false);
    }
    assert_int_equal(delay_ms, THROTTLE_MOST_MS);
}

static void two_seconds_are_a_good_life(void **state)
{
    struct throttle throttle = {0};

    (void)state;
    throttle_started(&throttle, 0);
    assert_int_equal(throttle_ended(&throttle, THROTTLE_YOUNG_MS - 1, false), 100);
    throttle_started(&throttle, 10000);
    assert_int_equal(throttle_ended(&throttle, 10000 + THROTTLE_YOUNG_MS, false), 0);
    throttle_started(&throttle, 20000);
    assert_int_equal(throttle_ended(&throttle, 20001, false), 100);
}

static void a_clean_end_is_never_held_against_a_child(void **state)
{
    struct throttle throttle = {0};

    (void)state;
    throttle_started(&throttle, 0);
    assert_int_equal(throttle_ended(&throttle, 1, false), 100);
    throttle_started(&throttle, 200);
    assert_int_equal(throttle_ended(&throttle, 201, true), 0);
    assert_int_equal(throttle.next_start_ms, 201);
    throttle_started(&throttle, 300);
    assert_int_equal(throttle_ended(&throttle, 301, false), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(young_deaths_double_the_delay_up_to_its_most),
        cmocka_unit_test(a_thousand_young_deaths_do_not_overflow),
        cmocka_unit_test(two_seconds_are_a_good_life),
        cmocka_unit_test(a_clean_end_is_never_held_against_a_child),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
