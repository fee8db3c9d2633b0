#include "../base/unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "meetpool/clock.h"
#include "meetpool/schedule.h"

/* A start of a table: local time, or with Z. */
static int64_t instant(const char *text, const char *zone)
{
    int64_t at = -1;

    if (mp_time_parse(mp_slice_of(text), zone, &at, NULL, NULL) != MP_TIME_OK)
        fail_msg("%s %s", text, zone);
    return at;
}

/* The starts as local times with their offsets: what people see and what the clocks make of it. */
static const char *expand(struct mp_arena *arena, const char *rule, const char *first, const char *zone, size_t most)
{
    char *text = mp_arena_strdup(arena, "");
    struct mp_error err;
    int64_t *starts = NULL;
    size_t count = 0;

    mp_error_init(&err, arena);
    if (mp_recurrence_expand(arena, rule, instant(first, zone), zone, most, "recurrence", &starts, &count, &err) < 0) {
        assert_int_equal(err.code, MP_E_INVALID);
        assert_non_null(err.details);
        assert_null(err.details->next);
        assert_string_equal(err.details->field, "recurrence");
        return mp_arena_printf(arena, "! %s", err.details->message);
    }
    for (size_t i = 0; i < count; i++) {
        struct mp_civil c;

        assert_true(mp_zone_local(zone, starts[i], &c));
        text =
            mp_arena_printf(arena, "%s%s%04d-%02d-%02dT%02d:%02d%+d", text, i ? " " : "", c.year, c.month, c.day, c.hour, c.minute, c.offset_s / 60);
    }
    return text;
}

struct row {
    const char *rule, *first, *zone, *starts;
};

static void check_rows(struct mp_arena *arena, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *got = expand(arena, rows[i].rule, rows[i].first, rows[i].zone, 200);

        if (strcmp(got, rows[i].starts) != 0)
            fail_msg("%s from %s %s:\n  is     %s\n  should %s", rows[i].rule, rows[i].first, rows[i].zone, got, rows[i].starts);
    }
}

static void the_wall_clock_stays_over_a_change(void **state)
{
    static const struct row rows[] = {
        {"FREQ=WEEKLY;COUNT=3", "2026-03-22T10:00", "Europe/Berlin", "2026-03-22T10:00+60 2026-03-29T10:00+120 2026-04-05T10:00+120"},
        {"FREQ=WEEKLY;COUNT=3", "2026-10-18T10:00", "Europe/Berlin", "2026-10-18T10:00+120 2026-10-25T10:00+60 2026-11-01T10:00+60"},
        {"FREQ=DAILY;COUNT=3", "2026-03-07T09:30", "America/New_York", "2026-03-07T09:30-300 2026-03-08T09:30-240 2026-03-09T09:30-240"},
        {"FREQ=WEEKLY;COUNT=3", "2026-03-27T23:30", "Asia/Kolkata", "2026-03-27T23:30+330 2026-04-03T23:30+330 2026-04-10T23:30+330"},
        {"FREQ=DAILY;COUNT=3", "2026-04-04T01:45", "Australia/Lord_Howe", "2026-04-04T01:45+660 2026-04-05T01:45+660 2026-04-06T01:45+630"},
        /* Half an hour back; after 2037 libical has it a day off. */
        {"FREQ=YEARLY;BYMONTH=4;BYDAY=1SU;COUNT=2", "2038-04-04T03:00", "Australia/Lord_Howe", "2038-04-04T03:00+630 2039-04-03T03:00+630"},
    };

    check_rows(*state, rows, MP_COUNT(rows));
}

static void a_start_that_happens_twice_is_the_first(void **state)
{
    static const struct row rows[] = {
        {"FREQ=DAILY;COUNT=3", "2026-10-24T02:30", "Europe/Berlin", "2026-10-24T02:30+120 2026-10-25T02:30+120 2026-10-26T02:30+60"},
        {"FREQ=DAILY;COUNT=2", "2026-10-31T01:30", "America/New_York", "2026-10-31T01:30-240 2026-11-01T01:30-240"},
        {"FREQ=DAILY;COUNT=2", "2026-04-04T01:30", "Australia/Lord_Howe", "2026-04-04T01:30+660 2026-04-05T01:30+660"},
        /* But the first start is the very instant that was given. */
        {"FREQ=DAILY;COUNT=2", "2026-10-25T01:30:00Z", "Europe/Berlin", "2026-10-25T02:30+60 2026-10-26T02:30+60"},
    };

    check_rows(*state, rows, MP_COUNT(rows));
}

static void a_gap_is_refused_by_name(void **state)
{
    static const struct row rows[] = {
        {"FREQ=DAILY;COUNT=3", "2026-03-28T02:30", "Europe/Berlin",
         "! gives the start 2026-03-29T02:30:00, which does not exist in Europe/Berlin, where the clocks are put forward: choose up to "
         "2026-03-29T01:59:59+01:00 or from 2026-03-29T03:00:00+02:00"},
        {"FREQ=WEEKLY;COUNT=9", "2026-03-01T02:00", "America/New_York",
         "! gives the start 2026-03-08T02:00:00, which does not exist in America/New_York, where the clocks are put forward: choose up to "
         "2026-03-08T01:59:59-05:00 or from 2026-03-08T03:00:00-04:00"},
        {"FREQ=DAILY;COUNT=2", "2026-10-03T02:15", "Australia/Lord_Howe",
         "! gives the start 2026-10-04T02:15:00, which does not exist in Australia/Lord_Howe, where the clocks are put forward: choose up to "
         "2026-10-04T01:59:59+10:30 or from 2026-10-04T02:30:00+11:00"},
        /* Samoa went over the date line: there was no such day. */
        {"FREQ=DAILY;COUNT=3", "2011-12-29T10:00", "Pacific/Apia",
         "! gives the start 2011-12-30T10:00:00, which does not exist in Pacific/Apia, where the clocks are put forward: choose up to "
         "2011-12-29T23:59:59-10:00 or from 2011-12-31T00:00:00+14:00"},
        {"FREQ=DAILY;INTERVAL=2;COUNT=2", "2011-12-29T10:00", "Pacific/Apia", "2011-12-29T10:00-600 2011-12-31T10:00+840"},
        /* A gap behind the end is nobody's trouble. */
        {"FREQ=DAILY;UNTIL=20260329T000000Z", "2026-03-28T02:30", "Europe/Berlin", "2026-03-28T02:30+60"},
        {"FREQ=DAILY;UNTIL=20260328", "2026-03-28T02:30", "Europe/Berlin", "2026-03-28T02:30+60"},
    };

    check_rows(*state, rows, MP_COUNT(rows));
}

static void until_is_met_and_not_passed(void **state)
{
    static const struct row rows[] = {
        {"FREQ=DAILY;UNTIL=20260103T090000Z", "2026-01-02T10:00", "Europe/Berlin", "2026-01-02T10:00+60 2026-01-03T10:00+60"},
        {"FREQ=DAILY;UNTIL=20260103T085959Z", "2026-01-02T10:00", "Europe/Berlin", "2026-01-02T10:00+60"},
        {"FREQ=DAILY;UNTIL=20260103T100000", "2026-01-02T10:00", "Europe/Berlin", "2026-01-02T10:00+60 2026-01-03T10:00+60"},
        {"FREQ=DAILY;UNTIL=20260103T095959", "2026-01-02T10:00", "Europe/Berlin", "2026-01-02T10:00+60"},
        {"FREQ=DAILY;UNTIL=20260103", "2026-01-02T23:59", "Asia/Kolkata", "2026-01-02T23:59+330 2026-01-03T23:59+330"},
        /* 13:00 on the 3rd in Kiritimati is 23:00Z on the 2nd. */
        {"FREQ=DAILY;UNTIL=20260102T230000Z", "2026-01-02T13:00", "Pacific/Kiritimati", "2026-01-02T13:00+840 2026-01-03T13:00+840"},
        {"FREQ=DAILY;UNTIL=20260103", "2026-01-02T00:00", "UTC", "2026-01-02T00:00+0 2026-01-03T00:00+0"},
        {"FREQ=DAILY;UNTIL=20260101", "2026-01-02T10:00", "UTC", "! ends before its first start"},
        {"FREQ=DAILY;UNTIL=20260102T095959Z", "2026-01-02T10:00", "UTC", "! ends before its first start"},
    };

    check_rows(*state, rows, MP_COUNT(rows));
}

static void each_part_has_its_meaning(void **state)
{
    static const struct row rows[] = {
        {"FREQ=WEEKLY;BYDAY=MO,WE,FR;COUNT=4", "2026-01-07T10:00", "UTC",
         "2026-01-07T10:00+0 2026-01-09T10:00+0 2026-01-12T10:00+0 2026-01-14T10:00+0"},
        {"byday=we,mo;freq=weekly;count=3;", "2026-01-07T10:00", "UTC", "2026-01-07T10:00+0 2026-01-12T10:00+0 2026-01-14T10:00+0"},
        /* RFC 5545: the week's start tells which weeks are left out. */
        {"FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO", "1997-08-05T09:00", "UTC",
         "1997-08-05T09:00+0 1997-08-10T09:00+0 1997-08-19T09:00+0 1997-08-24T09:00+0"},
        {"FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU", "1997-08-05T09:00", "UTC",
         "1997-08-05T09:00+0 1997-08-17T09:00+0 1997-08-19T09:00+0 1997-08-31T09:00+0"},
        {"FREQ=MONTHLY;COUNT=4", "2026-01-31T10:00", "UTC", "2026-01-31T10:00+0 2026-03-31T10:00+0 2026-05-31T10:00+0 2026-07-31T10:00+0"},
        {"FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=3", "2028-01-31T10:00", "UTC", "2028-01-31T10:00+0 2028-02-29T10:00+0 2028-03-31T10:00+0"},
        {"FREQ=DAILY;BYMONTHDAY=-30;COUNT=3", "2026-03-02T10:00", "UTC", "2026-03-02T10:00+0 2026-04-01T10:00+0 2026-05-02T10:00+0"},
        {"FREQ=MONTHLY;BYDAY=2TU;COUNT=3", "2026-01-13T10:00", "UTC", "2026-01-13T10:00+0 2026-02-10T10:00+0 2026-03-10T10:00+0"},
        {"FREQ=MONTHLY;BYDAY=-1FR;COUNT=3", "2026-01-30T10:00", "UTC", "2026-01-30T10:00+0 2026-02-27T10:00+0 2026-03-27T10:00+0"},
        {"FREQ=MONTHLY;BYDAY=-1SU;COUNT=2", "2026-01-25T10:00", "UTC", "2026-01-25T10:00+0 2026-02-22T10:00+0"},
        {"FREQ=MONTHLY;BYDAY=5TH;COUNT=2", "2026-01-29T10:00", "UTC", "2026-01-29T10:00+0 2026-04-30T10:00+0"},
        {"FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13;COUNT=3", "1998-02-13T09:00", "UTC", "1998-02-13T09:00+0 1998-03-13T09:00+0 1998-11-13T09:00+0"},
        {"FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=3", "2026-01-30T10:00", "UTC",
         "2026-01-30T10:00+0 2026-02-27T10:00+0 2026-03-31T10:00+0"},
        {"FREQ=MONTHLY;BYDAY=TU,WE,TH;BYSETPOS=3;COUNT=3", "1997-09-04T09:00", "UTC", "1997-09-04T09:00+0 1997-10-07T09:00+0 1997-11-06T09:00+0"},
        {"FREQ=WEEKLY;BYDAY=MO,TU,WE;BYSETPOS=-1;COUNT=2", "2026-01-07T10:00", "UTC", "2026-01-07T10:00+0 2026-01-14T10:00+0"},
        {"FREQ=DAILY;BYHOUR=9,14;COUNT=3", "2026-01-07T14:00", "UTC", "2026-01-07T14:00+0 2026-01-08T09:00+0 2026-01-08T14:00+0"},
        {"FREQ=DAILY;BYHOUR=9,14;BYMINUTE=00,30;BYSETPOS=2,-1;COUNT=3", "2026-01-07T09:30", "UTC",
         "2026-01-07T09:30+0 2026-01-07T14:30+0 2026-01-08T09:30+0"},
        {"FREQ=YEARLY;COUNT=3", "2024-02-29T10:00", "UTC", "2024-02-29T10:00+0 2028-02-29T10:00+0 2032-02-29T10:00+0"},
        {"FREQ=YEARLY;COUNT=2", "2096-02-29T10:00", "UTC", "2096-02-29T10:00+0 2104-02-29T10:00+0"},
        {"FREQ=YEARLY;BYMONTHDAY=2;COUNT=3", "2026-11-02T10:00", "UTC", "2026-11-02T10:00+0 2026-12-02T10:00+0 2027-01-02T10:00+0"},
        {"FREQ=YEARLY;BYDAY=20MO;COUNT=3", "1997-05-19T09:00", "UTC", "1997-05-19T09:00+0 1998-05-18T09:00+0 1999-05-17T09:00+0"},
        {"FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO;COUNT=3", "1997-05-12T09:00", "UTC", "1997-05-12T09:00+0 1998-05-11T09:00+0 1999-05-17T09:00+0"},
        {"FREQ=YEARLY;BYWEEKNO=20;COUNT=2", "2026-05-13T10:00", "UTC", "2026-05-13T10:00+0 2027-05-19T10:00+0"},
        {"FREQ=YEARLY;BYWEEKNO=53;COUNT=2", "2020-12-30T10:00", "UTC", "2020-12-30T10:00+0 2026-12-30T10:00+0"},
        {"FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;COUNT=2", "2026-01-07T10:00", "UTC",
         "! does not yield its own first start: begin at a time that the rule names"},
        {"FREQ=YEARLY;BYYEARDAY=1,-1;COUNT=3", "2027-12-31T10:00", "UTC", "2027-12-31T10:00+0 2028-01-01T10:00+0 2028-12-31T10:00+0"},
        {"FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8;COUNT=3", "1996-11-05T09:00", "UTC",
         "1996-11-05T09:00+0 2000-11-07T09:00+0 2004-11-02T09:00+0"},
    };

    check_rows(*state, rows, MP_COUNT(rows));
}

static void what_is_no_rule_is_refused(void **state)
{
    static const char *const rules[] = {
        "",
        ";",
        "RRULE:FREQ=DAILY;COUNT=2",
        "FREQ",
        "FREQ=",
        "FREQ=HOURLY;COUNT=2",
        "FREQ=MINUTELY;COUNT=2",
        "FREQ=SECONDLY;COUNT=2",
        "FREQ=FORTNIGHTLY;COUNT=2",
        "COUNT=2",
        "FREQ=DAILY",
        "FREQ=DAILY;COUNT=2;UNTIL=20300101",
        "FREQ=DAILY;FREQ=DAILY;COUNT=2",
        "FREQ=DAILY;COUNT=2;COUNT=2",
        "FREQ=DAILY;;COUNT=2",
        "FREQ=DAILY;COUNT=2;X-MINE=1",
        "FREQ=DAILY;COUNT=2;BYEASTER=0",
        "FREQ=DAILY;COUNT=2;RSCALE=HEBREW",
        "FREQ=DAILY;COUNT=2\r\nATTENDEE:x",
        "FREQ=DAILY;COUNT=0",
        "FREQ=DAILY;COUNT=-2",
        "FREQ=DAILY;COUNT=2x",
        "FREQ=DAILY;COUNT= 2",
        "FREQ=DAILY;COUNT=18446744073709551618",
        "FREQ=DAILY;COUNT=201",
        "FREQ=DAILY;COUNT=10000",
        "FREQ=DAILY;COUNT=2;INTERVAL=0",
        "FREQ=DAILY;COUNT=2;INTERVAL=65537",
        "FREQ=DAILY;COUNT=2;INTERVAL=-1",
        "FREQ=DAILY;UNTIL=2026010",
        "FREQ=DAILY;UNTIL=20260230",
        "FREQ=DAILY;UNTIL=20260131T",
        "FREQ=DAILY;UNTIL=20260131T250000Z",
        "FREQ=DAILY;UNTIL=20260131T100000+0100",
        "FREQ=DAILY;UNTIL=20260131T100000ZZ",
        "FREQ=DAILY;UNTIL=2026-01-31",
        "FREQ=DAILY;UNTIL=00000000",
        "FREQ=WEEKLY;COUNT=2;BYDAY=",
        "FREQ=WEEKLY;COUNT=2;BYDAY=XX",
        "FREQ=WEEKLY;COUNT=2;BYDAY=WE,",
        "FREQ=WEEKLY;COUNT=2;BYDAY=,WE",
        "FREQ=WEEKLY;COUNT=2;BYDAY=WE, FR",
        "FREQ=WEEKLY;COUNT=2;BYDAY=1WE",
        "FREQ=MONTHLY;COUNT=2;BYDAY=0WE",
        "FREQ=MONTHLY;COUNT=2;BYDAY=54WE",
        "FREQ=MONTHLY;COUNT=2;BYDAY=257WE",
        "FREQ=MONTHLY;COUNT=2;BYMONTHDAY=0",
        "FREQ=MONTHLY;COUNT=2;BYMONTHDAY=32",
        "FREQ=MONTHLY;COUNT=2;BYMONTHDAY=--1",
        "FREQ=MONTHLY;COUNT=2;BYMONTH=13",
        "FREQ=MONTHLY;COUNT=2;BYMONTH=-1",
        "FREQ=WEEKLY;COUNT=2;BYMONTHDAY=7",
        "FREQ=MONTHLY;COUNT=2;BYYEARDAY=7",
        "FREQ=MONTHLY;COUNT=2;BYWEEKNO=2",
        "FREQ=YEARLY;COUNT=2;BYWEEKNO=54",
        "FREQ=YEARLY;COUNT=2;BYWEEKNO=2;BYDAY=1WE",
        "FREQ=DAILY;COUNT=2;BYHOUR=24",
        "FREQ=DAILY;COUNT=2;BYMINUTE=60",
        "FREQ=DAILY;COUNT=2;BYSECOND=61",
        "FREQ=DAILY;COUNT=2;BYSETPOS=1",
        "FREQ=DAILY;COUNT=2;BYHOUR=10;BYSETPOS=0",
        "FREQ=DAILY;COUNT=2;WKST=",
        "FREQ=DAILY;COUNT=2;WKST=M",
        /* These are rules, but not ones that begin on that Wednesday at 10. */
        "FREQ=WEEKLY;COUNT=2;BYDAY=TH",
        "FREQ=DAILY;COUNT=2;BYHOUR=11",
        "FREQ=DAILY;COUNT=2;BYHOUR=9,10;BYSETPOS=1",
        "FREQ=MONTHLY;COUNT=2;BYMONTHDAY=8",
    };

    for (size_t i = 0; i < MP_COUNT(rules); i++) {
        const char *got = expand(*state, rules[i], "2026-01-07T10:00", "Europe/Berlin", 200);

        if (got[0] != '!')
            fail_msg("%s is taken: %s", rules[i], got);
    }
}

static void more_than_the_most_is_refused(void **state)
{
    struct mp_arena *arena = *state;
    const char *two = "2026-01-07T10:00+0 2026-01-08T10:00+0";

    assert_string_equal(expand(arena, "FREQ=DAILY;COUNT=2", "2026-01-07T10:00", "UTC", 2), two);
    assert_string_equal(expand(arena, "FREQ=DAILY;COUNT=3", "2026-01-07T10:00", "UTC", 2), "! gives more than 2 starts: lower COUNT");
    assert_string_equal(expand(arena, "FREQ=DAILY;UNTIL=20260108", "2026-01-07T10:00", "UTC", 2), two);
    assert_string_equal(expand(arena, "FREQ=DAILY;UNTIL=20260109", "2026-01-07T10:00", "UTC", 2), "! gives more than 2 starts: end it earlier");
    assert_string_equal(expand(arena, "FREQ=DAILY;UNTIL=20530101", "2026-01-07T10:00", "UTC", 200), "! gives more than 200 starts: end it earlier");
}

static const char *full_list(struct mp_arena *arena, const char *name, int least, int most)
{
    const char *text = mp_arena_printf(arena, "%s=%d", name, least);

    for (int i = least + 1; i <= most; i++)
        text = mp_arena_printf(arena, "%s,%d", text, i);
    return text;
}

/* Rules that keep a careless reader busy for ever. Each of them ends at once. */
static void no_rule_burns_time(void **state)
{
    struct mp_arena *arena = *state;
    const char *clock = mp_arena_printf(arena, "%s;%s;%s", full_list(arena, "BYHOUR", 0, 23), full_list(arena, "BYMINUTE", 0, 59),
                                        full_list(arena, "BYSECOND", 0, 59));
    const char *rules[] = {
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;COUNT=10",
        "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30;COUNT=10",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=10",
        "FREQ=WEEKLY;BYMONTH=2;BYDAY=WE;BYSETPOS=366;COUNT=10",
        "FREQ=YEARLY;BYDAY=53WE;BYSETPOS=366;COUNT=10",
        "FREQ=YEARLY;BYMONTH=1;BYMONTHDAY=7;BYDAY=WE;BYWEEKNO=2;COUNT=200",
        "FREQ=YEARLY;INTERVAL=1000;COUNT=200",
        "FREQ=DAILY;INTERVAL=1000;BYMONTH=1;BYMONTHDAY=7;BYDAY=WE;COUNT=200",
        "FREQ=YEARLY;BYMONTH=1;BYMONTHDAY=7;BYDAY=WE;UNTIL=99991231",
        mp_arena_printf(arena, "FREQ=YEARLY;UNTIL=99991231;%s", clock),
        mp_arena_printf(arena, "FREQ=YEARLY;COUNT=200;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYSETPOS=366,-366;%s", clock),
        mp_arena_printf(arena, "FREQ=MONTHLY;COUNT=2;BYMONTHDAY=%0*d7", 3000, 0),
    };
    int64_t began = mp_monotonic_ms();

    for (size_t i = 0; i < MP_COUNT(rules); i++) {
        int64_t before = mp_monotonic_ms();
        const char *got = expand(arena, rules[i], "2026-01-07T10:00", "America/New_York", 200);

        if (got[0] != '!')
            fail_msg("%.100s is taken: %.100s", rules[i], got);
        if (mp_monotonic_ms() - before > 1000)
            fail_msg("%.100s takes %" PRId64 " ms", rules[i], mp_monotonic_ms() - before);
    }
    assert_true(mp_monotonic_ms() - began < 5000);
}

static void lists_may_be_full(void **state)
{
    struct mp_arena *arena = *state;
    const char *days = mp_arena_printf(arena, "FREQ=MONTHLY;COUNT=2;%s,-1,-2,-3,-31", full_list(arena, "BYMONTHDAY", 1, 31));

    const char *long_one = "FREQ=DAILY;COUNT=1;BYHOUR=10";

    for (int i = 0; i < 700; i++)
        long_one = mp_arena_printf(arena, "%s,10", long_one);
    assert_string_equal(expand(arena, long_one, "2026-01-31T10:00", "UTC", 200), "! must not be longer than 2000 characters");
    assert_string_equal(expand(arena, days, "2026-01-31T10:00", "UTC", 200), "2026-01-31T10:00+0 2026-02-01T10:00+0");
}

static void an_unknown_zone_is_refused(void **state)
{
    struct mp_error err;
    int64_t *starts;
    size_t count;

    mp_error_init(&err, *state);
    assert_int_equal(mp_recurrence_expand(*state, "FREQ=DAILY;COUNT=2", 0, "Mars/Phobos", 200, "recurrence", &starts, &count, &err), -1);
    assert_int_equal(err.code, MP_E_INVALID);
}

static void the_edges_of_time_hold(void **state)
{
    struct mp_arena *arena = *state;

    assert_string_equal(expand(arena, "FREQ=WEEKLY;COUNT=2;BYDAY=TH", "1970-01-01T00:00", "UTC", 200), "1970-01-01T00:00+0 1970-01-08T00:00+0");
    assert_int_equal(expand(arena, "FREQ=DAILY;COUNT=2", "1970-01-01T00:00:00Z", "America/New_York", 200)[0], '!');
    assert_int_equal(expand(arena, "FREQ=DAILY;COUNT=2", "9999-12-31T10:00", "UTC", 200)[0], '!');
    assert_string_equal(expand(arena, "FREQ=DAILY;COUNT=1", "9999-12-30T10:00", "UTC", 200), "9999-12-30T10:00+0");
    assert_int_equal(expand(arena, "FREQ=DAILY;COUNT=9", "9999-12-30T10:00", "Asia/Kolkata", 200)[0], '!');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(the_wall_clock_stays_over_a_change),
        ARENA_TEST(a_start_that_happens_twice_is_the_first),
        ARENA_TEST(a_gap_is_refused_by_name),
        ARENA_TEST(until_is_met_and_not_passed),
        ARENA_TEST(each_part_has_its_meaning),
        ARENA_TEST(what_is_no_rule_is_refused),
        ARENA_TEST(more_than_the_most_is_refused),
        ARENA_TEST(no_rule_burns_time),
        ARENA_TEST(lists_may_be_full),
        ARENA_TEST(an_unknown_zone_is_refused),
        ARENA_TEST(the_edges_of_time_hold),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
