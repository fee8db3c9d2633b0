#include "../base/unit.h"

#include "meetpool/account.h"

/* Places in minutes: small numbers, so that random ones touch and nest often. */
static size_t peak(const struct mp_busy *busy, size_t count, int64_t host, int64_t from, int64_t until)
{
    return mp_capacity_peak(busy, count, 1, host, from, until);
}

static void half_open_places(void **state)
{
    static const struct mp_busy one[] = {{60, 120, 1, 1}};

    (void)state;
    assert_int_equal(peak(one, 1, 0, 0, 60), 0);
    assert_int_equal(peak(one, 1, 0, 120, 180), 0);
    assert_int_equal(peak(one, 1, 0, 0, 61), 1);
    assert_int_equal(peak(one, 1, 0, 119, 120), 1);
    assert_int_equal(peak(one, 1, 0, 0, 1440), 1);
    assert_int_equal(peak(one, 1, 0, 80, 90), 1);
    assert_int_equal(mp_capacity_count(one, 1, 1, 0, 0, 60), 0);
    assert_int_equal(mp_capacity_count(one, 1, 1, 0, 119, 180), 1);
    assert_int_equal(peak(NULL, 0, 0, 0, 1440), 0);
}

static void touching_and_nested_places(void **state)
{
    static const struct mp_busy touching[] = {{0, 60, 1, 1}, {60, 120, 1, 1}, {120, 180, 1, 1}};
    static const struct mp_busy nested[] = {{0, 100, 1, 1}, {10, 90, 1, 1}, {20, 80, 1, 1}, {90, 100, 1, 1}};
    static const struct mp_busy twins[] = {{5, 6, 1, 1}, {5, 6, 1, 1}, {5, 6, 1, 1}};

    (void)state;
    assert_int_equal(peak(touching, 3, 0, 0, 180), 1);
    assert_int_equal(mp_capacity_count(touching, 3, 1, 0, 0, 180), 3);
    assert_int_equal(peak(nested, 4, 0, 0, 100), 3);
    assert_int_equal(peak(nested, 4, 0, 80, 100), 2);
    assert_int_equal(peak(twins, 3, 0, 0, 100), 3);
}

static void a_day_of_one_hour_meetings_leaves_room_for_another_day_long_one(void **state)
{
    struct mp_busy busy[24];

    (void)state;
    for (int i = 0; i < 24; i++)
        busy[i] = (struct mp_busy){i * 60, (i + 1) * 60, 1, 1};
    assert_int_equal(peak(busy, 24, 0, 0, 1440), 1);
    assert_int_equal(mp_capacity_count(busy, 24, 1, 0, 0, 1440), 24);
}

static void accounts_and_hosts_apart(void **state)
{
    static const struct mp_busy busy[] = {{0, 60, 1, 1}, {0, 60, 1, 2}, {0, 60, 2, 3}, {30, 60, 1, 2}};

    (void)state;
    assert_int_equal(peak(busy, 4, 0, 0, 60), 3);
    assert_int_equal(peak(busy, 4, 1, 0, 60), 1);
    assert_int_equal(peak(busy, 4, 2, 0, 60), 2);
    assert_int_equal(peak(busy, 4, 3, 0, 60), 0);
    assert_int_equal(mp_capacity_peak(busy, 4, 2, 0, 0, 60), 1);
    assert_int_equal(mp_capacity_peak(busy, 4, 2, 3, 0, 60), 1);
    assert_int_equal(mp_capacity_count(busy, 4, 1, 2, 0, 30), 1);
}

/* Counts at each single minute. */
static size_t by_force(const struct mp_busy *busy, size_t count, int64_t account, int64_t host, int64_t from, int64_t until)
{
    size_t most = 0;

    for (int64_t at = from; at < until; at++) {
        size_t now = 0;

        for (size_t i = 0; i < count; i++)
            now += busy[i].account_row == account && (host == 0 || busy[i].host_row == host) && busy[i].from <= at && at < busy[i].until;
        most = now > most ? now : most;
    }
    return most;
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void random_places_against_counting_every_minute(void **state)
{
    uint32_t seed = 20240115;

    (void)state;
    for (int round = 0; round < 3000; round++) {
        struct mp_busy busy[24];
        size_t count = next_random(&seed) % 25;
        int64_t from = next_random(&seed) % 40, until = from + 1 + next_random(&seed) % 30;

        for (size_t i = 0; i < count; i++) {
            int64_t begin = next_random(&seed) % 60;

            busy[i] = (struct mp_busy){begin, begin + 1 + next_random(&seed) % 20, 1 + next_random(&seed) % 2, 1 + next_random(&seed) % 3};
        }
        for (int64_t host = 0; host <= 3; host++)
            assert_int_equal(mp_capacity_peak(busy, count, 1, host, from, until), by_force(busy, count, 1, host, from, until));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(half_open_places),
        cmocka_unit_test(touching_and_nested_places),
        cmocka_unit_test(a_day_of_one_hour_meetings_leaves_room_for_another_day_long_one),
        cmocka_unit_test(accounts_and_hosts_apart),
        cmocka_unit_test(random_places_against_counting_every_minute),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
