#include "unit.h"

#include <string.h>
#include <sys/time.h>

#include "meetpool/attr.h"
#include "meetpool/clock.h"
#include "zone_rows.h"

static void clocks(void **state)
{
    int64_t start = mp_monotonic_ms();

    (void)state;
    assert_true(mp_now_ms() > 1700000000000);
    mp_sleep_ms(30);
    assert_in_range(mp_monotonic_ms() - start, 30, 5000);
}

static void formats(void **state)
{
    assert_string_equal(mp_time_format(*state, 0), "1970-01-01T00:00:00.000Z");
    assert_string_equal(mp_time_format(*state, 1705312800007), "2024-01-15T10:00:00.007Z");
    assert_string_equal(mp_time_format(*state, 1709251199999), "2024-02-29T23:59:59.999Z");
    assert_string_equal(mp_time_format(*state, 951782400000), "2000-02-29T00:00:00.000Z");
    assert_string_equal(mp_time_format(*state, 4107542400000), "2100-03-01T00:00:00.000Z");
    assert_string_equal(mp_time_format(*state, MP_TIME_MAX_MS), "9999-12-31T23:59:59.999Z");
    assert_string_equal(mp_time_format(*state, -1), "1969-12-31T23:59:59.999Z");
    assert_string_equal(mp_time_format_seconds(*state, 1705312800999), "2024-01-15T10:00:00Z");
    assert_non_null(mp_time_format(*state, INT64_MIN));
    assert_non_null(mp_time_format_seconds(*state, INT64_MAX));
    assert_int_equal(mp_time_utc_day(MP_DAY_MS - 1), 0);
    assert_int_equal(mp_time_utc_day(MP_DAY_MS), 1);
    assert_int_equal(mp_time_utc_day(-1), -1);
}

static void every_day_round_trips(void **state)
{
    struct mp_civil c;
    int64_t at_ms;

    (void)state;
    for (int64_t day = 0; day < 60000; day++) {
        assert_true(mp_zone_local("UTC", day * MP_DAY_MS + 1, &c));
        assert_int_equal(mp_zone_instant("UTC", &c, &at_ms, NULL, NULL), MP_TIME_OK);
        assert_true(at_ms == day * MP_DAY_MS + 1);
    }
}

static const struct parse_row {
    const char *text, *zone;
    enum mp_time_result result;
    int64_t at_ms;
} parse_rows[] = {
    {"2024-01-15T10:00:00Z", NULL, MP_TIME_OK, 1705312800000},
    {"2024-01-15t10:00:00z", NULL, MP_TIME_OK, 1705312800000},
    {"2024-01-15 10:00:00Z", NULL, MP_TIME_OK, 1705312800000},
    {"2024-01-15T10:00:00.000Z", NULL, MP_TIME_OK, 1705312800000},
    {"2024-01-15T10:00:00.1Z", NULL, MP_TIME_OK, 1705312800100},
    {"2024-01-15T10:00:00.12Z", NULL, MP_TIME_OK, 1705312800120},
    {"2024-01-15T10:00:00.1239999999999999999999999999999Z", NULL, MP_TIME_OK, 1705312800123},
    {"2024-01-15T10:00:00+00:00", NULL, MP_TIME_OK, 1705312800000},
    {"2024-01-15T10:00:00-00:00", NULL, MP_TIME_OK, 1705312800000},
    {"2024-01-15T15:30:00.5+05:30", NULL, MP_TIME_OK, 1705312800500},
    {"2024-01-15T00:00:00-10:00", NULL, MP_TIME_OK, 1705312800000},
    {"2024-01-15T10:00:00Z", "Mars/Phobos", MP_TIME_OK, 1705312800000}, /* needs no zone, so none is looked at */
    {"2024-01-16T09:59:00+23:59", NULL, MP_TIME_OK, 1705312800000},
    {"2024-02-29T00:00:00Z", NULL, MP_TIME_OK, 1709164800000},
    {"1970-01-01T00:00:00Z", NULL, MP_TIME_OK, 0},
    {"1970-01-01T00:00:00-01:00", NULL, MP_TIME_OK, 3600000},
    {"9999-12-31T23:59:59.999Z", NULL, MP_TIME_OK, MP_TIME_MAX_MS},
    {"2024-01-15T11:00:00", "Europe/Berlin", MP_TIME_OK, 1705312800000},
    {"2024-01-15T11:00", "Europe/Berlin", MP_TIME_OK, 1705312800000},
    {"2024-01-15 11:00", "Europe/Berlin", MP_TIME_OK, 1705312800000},
    {"2024-01-15T11:00:00.25", "Europe/Berlin", MP_TIME_OK, 1705312800250},
    {"1970-01-01T01:00:00", "Europe/Berlin", MP_TIME_OK, 0},
    {"1970-01-01T00:59:59", "Europe/Berlin", MP_TIME_RANGE, 0},
    {"9999-12-31T23:59:59", "America/New_York", MP_TIME_RANGE, 0},
    {"1970-01-01T00:00:00+00:01", NULL, MP_TIME_RANGE, 0},
    {"9999-12-31T23:59:59-00:01", NULL, MP_TIME_RANGE, 0},
    {"1969-12-31T23:59:59Z", NULL, MP_TIME_RANGE, 0},
    {"0000-01-01T00:00:00Z", NULL, MP_TIME_RANGE, 0},
    {"2023-02-29T00:00:00Z", NULL, MP_TIME_RANGE, 0},
    {"2100-02-29T00:00:00Z", NULL, MP_TIME_RANGE, 0},
    {"2024-04-31T00:00:00Z", NULL, MP_TIME_RANGE, 0},
    {"2024-00-01T00:00:00Z", NULL, MP_TIME_RANGE, 0},
    {"2024-13-01T00:00:00Z", NULL, MP_TIME_RANGE, 0},
    {"2024-01-00T00:00:00Z", NULL, MP_TIME_RANGE, 0},
    {"2024-01-32T00:00:00Z", NULL, MP_TIME_RANGE, 0},
    {"2024-01-15T24:00:00Z", NULL, MP_TIME_RANGE, 0},
    {"2024-01-15T10:60:00Z", NULL, MP_TIME_RANGE, 0},
    {"2016-12-31T23:59:60Z", NULL, MP_TIME_RANGE, 0},
    {"2024-01-15T10:00:00+24:00", NULL, MP_TIME_RANGE, 0},
    {"2024-01-15T10:00:00+00:60", NULL, MP_TIME_RANGE, 0},
    {"2024-02-30T10:00", NULL, MP_TIME_RANGE, 0},
    {"2024-01-15T10:00:00", NULL, MP_TIME_NEEDS_ZONE, 0},
    {"2024-01-15T10:00", NULL, MP_TIME_NEEDS_ZONE, 0},
    {"2024-01-15T10:00:00", "Mars/Phobos", MP_TIME_UNKNOWN_ZONE, 0},
    {"2024-01-15T10:00:00", "", MP_TIME_UNKNOWN_ZONE, 0},
    {"2024-03-31T02:30", "Europe/Berlin", MP_TIME_GAP, 0},
    {"2011-12-30T12:00:00", "Pacific/Apia", MP_TIME_GAP, 0},
    {"", NULL, MP_TIME_SYNTAX, 0},
    {"now", NULL, MP_TIME_SYNTAX, 0},
    {"1705312800", NULL, MP_TIME_SYNTAX, 0},
    {"2024-01-15", NULL, MP_TIME_SYNTAX, 0},
    {"2024-01-15T", "UTC", MP_TIME_SYNTAX, 0},
    {"2024-01-15T10", "UTC", MP_TIME_SYNTAX, 0},
    {"2024-01-15T10:00Z", NULL, MP_TIME_SYNTAX, 0},
    {"2024-01-15T10:00+01:00", NULL, MP_TIME_SYNTAX, 0},
    {"2024-01-15T10:00:", "UTC", MP_TIME_SYNTAX, 0},
    {"2024-01-15T10:00:0Z", NULL, MP_TIME_SYNTAX, 0},
    {"2024-01-15T10:00.5", "UTC", MP_TIME_SYNTAX, 0},
    {"2024-01-15T10:00:00.Z", NULL, MP_TIME_SYNTAX, 0},
    {"2024-01-15T10:00:00,5Z", NULL, MP_TIME_SYNTAX, 0},
    {"2024-01-15T10:00:00Z ", NULL, MP_TIME_SYNTAX, 0},
    {" 2024-01-15T10:00:00Z", NULL, MP_TIME_SYNTAX, 0},
    {"2024-01-15  10:00:00Z", NULL, MP_TIME_SYNTAX, 0},
    {"2024-01-15T10:00:00ZZ", NULL, MP_TIME_SYNTAX, 0},
    {"2024-01-15T10:00:00 Z", NULL, MP_TIME_SYNTAX, 0},
    {"2024-01-15T10:00:00+1:00", NULL, MP_TIME_SYNTAX, 0},
    {"2024-01-15T10:00:00+0100", NULL, MP_TIME_SYNTAX, 0},
    {"2024-01-15T10:00:00+01", NULL, MP_TIME_SYNTAX, 0},
    {"2024-01-15T10:00:00+01:00:00", NULL, MP_TIME_SYNTAX, 0},
    {"2024-01-15T10:00:00\xe2\x88\x92"
     "01:00",
     NULL, MP_TIME_SYNTAX, 0},
    {"2024-1-15T10:00:00Z", NULL, MP_TIME_SYNTAX, 0},
    {"24-01-15T10:00:00Z", NULL, MP_TIME_SYNTAX, 0},
    {"+2024-01-15T10:00:00Z", NULL, MP_TIME_SYNTAX, 0},
    {"-2024-01-15T10:00:00Z", NULL, MP_TIME_SYNTAX, 0},
    {"12024-01-15T10:00:00Z", NULL, MP_TIME_SYNTAX, 0},
    {"2024/01/15T10:00:00Z", NULL, MP_TIME_SYNTAX, 0},
    {"20240115T100000Z", NULL, MP_TIME_SYNTAX, 0},
    {"2024-W03-1T10:00:00Z", NULL, MP_TIME_SYNTAX, 0},
    {"2024-01-15T10:00:00[Europe/Berlin]", NULL, MP_TIME_SYNTAX, 0},
    {"2024-01-15T1a:00:00Z", NULL, MP_TIME_SYNTAX, 0},
};

static void parsing(void **state)
{
    (void)state;
    for (size_t i = 0; i < MP_COUNT(parse_rows); i++) {
        const struct parse_row *row = &parse_rows[i];
        int64_t at_ms = 0;
        enum mp_time_result result = mp_time_parse(mp_slice_of(row->text), row->zone, &at_ms, NULL, NULL);

        if (result != row->result || at_ms != row->at_ms)
            fail_msg("%s in %s: %d, %lld", row->text, row->zone ? row->zone : "no zone", (int)result, (long long)at_ms);
    }
    assert_int_equal(mp_time_parse((struct mp_slice){"2024-01-15T10:00:00Z\0", 21}, NULL, &(int64_t){0}, NULL, NULL), MP_TIME_SYNTAX);
}

static void every_result_is_explained(void **state)
{
    assert_null(mp_time_explain(*state, MP_TIME_OK, NULL, 0, 0));
    for (int result = MP_TIME_SYNTAX; result <= MP_TIME_GAP; result++) {
        const char *text =
            mp_time_explain(*state, (enum mp_time_result)result, result == MP_TIME_GAP ? "America/St_Johns" : NULL, 1710048599999, 1710048600000);

        assert_non_null(text);
        if (result == MP_TIME_GAP)
            assert_non_null(strstr(text, "up to 2024-03-10T01:59:59-03:30 or from 2024-03-10T03:00:00-02:30"));
    }
}

static void zone_names(void **state)
{
    static const char *const known[] = {"UTC",  "Europe/Berlin", "America/Argentina/Buenos_Aires", "America/Port-au-Prince", "Etc/GMT+5",
                                        "GMT0", "EST5EDT"};
    static const char *const unknown[] = {"",
                                          "/",
                                          ".",
                                          "..",
                                          "Mars/Phobos",
                                          "europe/berlin",
                                          "Europe/Berlin ",
                                          " Europe/Berlin",
                                          "Europe",
                                          "Europe/",
                                          "Europe//Berlin",
                                          "/Europe/Berlin",
                                          "./Europe/Berlin",
                                          "Europe/../Europe/Berlin",
                                          "../zoneinfo/Europe/Berlin",
                                          "../../../etc/passwd",
                                          "/etc/passwd",
                                          "/usr/share/zoneinfo/Europe/Berlin",
                                          ":Europe/Berlin",
                                          "posix/Europe/Berlin",
                                          "right/Europe/Berlin",
                                          "localtime",
                                          "posixrules",
                                          "Factory",
                                          "zone.tab",
                                          "zone1970.tab",
                                          "tzdata.zi",
                                          "leapseconds",
                                          "CET-1CEST",
                                          "Europe/Berlin\n",
                                          "Europe/Berlin%00",
                                          "Europe/Berl\xc3\xadn",
                                          "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
    struct mp_civil c;

    (void)state;
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < MP_COUNT(known); i++) {
            if (!mp_zone_known(known[i]))
                fail_msg("%s is not known", known[i]);
        }
        for (size_t i = 0; i < MP_COUNT(unknown); i++) {
            if (mp_zone_known(unknown[i]) || mp_zone_local(unknown[i], 0, &c))
                fail_msg("%s is known", unknown[i]);
        }
        assert_false(mp_zone_known(NULL));
    }
}

static void local_times(void **state)
{
    (void)state;
    for (size_t i = 0; i < MP_COUNT(local_rows); i++) {
        const struct local_row *row = &local_rows[i];
        int64_t at_ms = -1, before = -1, after = -1;
        enum mp_time_result result = mp_time_parse(mp_slice_of(row->local), row->zone, &at_ms, &before, &after);
        bool gap = row->result == MP_TIME_GAP;

        if (result != row->result || at_ms != (gap ? -1 : row->at_s * 1000))
            fail_msg("%s in %s: %d, %lld", row->local, row->zone, (int)result, (long long)at_ms);
        assert_true(after == (gap ? row->at_s * 1000 : -1));
        assert_true(before == (gap ? row->at_s * 1000 - 1 : -1));
    }
}

static void offsets(void **state)
{
    (void)state;
    for (size_t i = 0; i < MP_COUNT(offset_rows); i++) {
        const struct offset_row *row = &offset_rows[i];
        struct mp_civil c;

        assert_true(mp_zone_local(row->zone, row->at_s * 1000 + 999, &c));
        if (c.offset_s != row->offset_s)
            fail_msg("%s at %lld: %d", row->zone, (long long)row->at_s, c.offset_s);
        assert_int_equal(c.ms, 999);
    }
}

/* The Gregorian calendar repeats after 400 years, and with it what a rule says. */
static void far_years(void **state)
{
    static const char *const zones[] = {"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Nuuk", "Asia/Gaza"};
    const int64_t cycle_ms = INT64_C(146097) * MP_DAY_MS;

    (void)state;
    for (size_t i = 0; i < MP_COUNT(zones); i++) {
        for (int64_t at_ms = 3800000000000; at_ms < 3860000000000; at_ms += 7 * 3600000) {
            struct mp_civil near, far;
            int64_t back = 0;

            assert_true(mp_zone_local(zones[i], at_ms, &near));
            for (int64_t k = 1; k <= 19; k += 6) {
                assert_true(mp_zone_local(zones[i], at_ms + k * cycle_ms, &far));
                assert_int_equal(far.offset_s, near.offset_s);
                assert_int_equal(mp_zone_instant(zones[i], &far, &back, NULL, NULL), MP_TIME_OK);
                assert_true(back == at_ms + k * cycle_ms || back == at_ms + k * cycle_ms - 3600000 || back == at_ms + k * cycle_ms - 1800000);
            }
        }
    }
    assert_int_equal(mp_time_parse(mp_slice_of("9998-03-29T02:30"), "Europe/Berlin", &(int64_t){0}, NULL, NULL), MP_TIME_GAP);
}

static void civil_range(void **state)
{
    static const struct mp_civil bad[] = {
        {2024, 0, 1, 0, 0, 0, 0, 0},  {2024, 13, 1, 0, 0, 0, 0, 0}, {2024, 2, 30, 0, 0, 0, 0, 0},   {2024, 1, 1, 24, 0, 0, 0, 0},
        {2024, 1, 1, 0, 60, 0, 0, 0}, {2024, 1, 1, 0, 0, 60, 0, 0}, {2024, 1, 1, 0, 0, 0, 1000, 0}, {2024, 1, 1, 0, 0, 0, -1, 0},
        {1969, 1, 1, 0, 0, 0, 0, 0},  {10000, 1, 1, 0, 0, 0, 0, 0}, {2024, 1, 1, -1, 0, 0, 0, 0},
    };
    int64_t at_ms = 5;

    (void)state;
    for (size_t i = 0; i < MP_COUNT(bad); i++)
        assert_int_equal(mp_zone_instant("Europe/Berlin", &bad[i], &at_ms, NULL, NULL), MP_TIME_RANGE);
    assert_true(at_ms == 5);
}

static void a_known_zone_is_cheap(void **state)
{
    int64_t start = mp_monotonic_ms();

    (void)state;
    for (int i = 0; i < 200000; i++)
        assert_true(mp_zone_known("America/New_York"));
    assert_true(mp_monotonic_ms() - start < 2000); /* reading the file each time takes some ten times that */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clocks),
        ARENA_TEST(formats),
        cmocka_unit_test(every_day_round_trips),
        cmocka_unit_test(parsing),
        ARENA_TEST(every_result_is_explained),
        cmocka_unit_test(zone_names),
        cmocka_unit_test(local_times),
        cmocka_unit_test(offsets),
        cmocka_unit_test(far_years),
        cmocka_unit_test(civil_range),
        cmocka_unit_test(a_known_zone_is_cheap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
