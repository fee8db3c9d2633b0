/*
 * The starts of a recurrence rule. Why not by libical's iterator: 3.0.16 was held against RFC 5545. It looks for a rule that matches no day up to the
 * year 2582, which takes half a second for FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30 and minutes with lists of hours and minutes; it drops BYSETPOS below
 * MONTHLY, negative BYMONTHDAY in DAILY, and the other months of FREQ=YEARLY;BYMONTHDAY=2.
 *
 * The rule is walked period by period (a day, week, month or year), and each day of a period is held against it: no day is looked at twice, and the
 * number of days is limited. Times are local times written as if they were UTC ("wall"), until the last step makes an instant of each.
 */
#include <string.h>

#include "meetpool/clock.h"
#include "meetpool/schedule.h"
#include "rrule_int.h"

#define PERIOD_DAYS 366
/* Days that are looked at before a rule counts as one that yields too little: 200 years of every day. */
#define WALK_DAYS 75000
/* RFC 5545 leaves open what such a rule means; libraries differ. */
#define MISSED_FIRST "does not yield its own first start: begin at a time that the rule names"

struct expansion {
    struct mp_arena *arena;
    struct rrule *rule;
    const char *zone, *field;
    struct mp_error *err;
    size_t most;
    int64_t first, first_wall;
    struct mp_civil start; /* of `first` */
    int clock_count[3];
    int clock[3][60]; /* hours, minutes, seconds of a day's starts, ascending */
    int64_t *starts;
    size_t count, room;
};

/* What a rule may ask of a day. Counted from 1, and from the end from -1. */
struct day {
    int month, weekday; /* weekday: 0 Monday */
    int of_month, of_month_end;
    int of_year, of_year_end;
};

enum step { STEP_ON, STEP_DONE, STEP_FAILED };

static enum step refuse(const struct expansion *x, const char *problem)
{
    mp_error_field(x->err, x->field, "%s", problem);
    return STEP_FAILED;
}

/* False outside 1970..9999. */
static bool day_number(int year, int month, int day, int64_t *number)
{
    struct mp_civil c = {.year = year, .month = month, .day = day};
    int64_t wall;

    if (mp_zone_instant("UTC", &c, &wall, NULL, NULL) != MP_TIME_OK)
        return false;
    *number = wall / MP_DAY_MS;
    return true;
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int weekday_of(int64_t number)
{
    return (int)((number % 7 + 10) % 7); /* 1970-01-01 was a Thursday */
}

/* Day of the year from 0, and the year. */
static int year_day_of(int64_t number, struct mp_civil *c)
{
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};

    if (!mp_zone_local("UTC", number * MP_DAY_MS, c))
        return 0;
    return before[c->month - 1] + (c->month > 2 && is_leap(c->year) ? 1 : 0) + c->day - 1;
}

static struct day day_of(int64_t number)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    struct mp_civil c;
    int year_day = year_day_of(number, &c);
    int month_days = lengths[c.month - 1] + (c.month == 2 && is_leap(c.year) ? 1 : 0);

    return (struct day){.month = c.month,
                        .weekday = weekday_of(number),
                        .of_month = c.day,
                        .of_month_end = c.day - month_days - 1,
                        .of_year = year_day + 1,
                        .of_year_end = year_day - (is_leap(c.year) ? 366 : 365)};
}

static bool listed(const struct rrule_set *set, int from_start, int from_end)
{
    return !set->given || rrule_has(set, from_start) || rrule_has(set, from_end);
}

/* A week belongs to the year in which its fourth day lies; from there it is counted. */
static bool week_listed(const struct rrule *rule, int64_t number)
{
    int64_t fourth = number - (weekday_of(number) - rule->week_start + 7) % 7 + 3;
    struct mp_civil c;
    int year_day = year_day_of(fourth, &c);
    int days = is_leap(c.year) ? 366 : 365;

    return listed(&rule->list[RRULE_WEEK_NO], year_day / 7 + 1, -((days - 1 - year_day) / 7 + 1));
}

/* "2MO" is the second Monday of the month, or of the year where neither FREQ nor BYMONTH name a month. */
static bool weekday_listed(const struct rrule *rule, const struct day *day)
{
    const struct rrule_set *set = &rule->day[day->weekday];
    bool by_year = rule->freq == RRULE_YEARLY && !rule->list[RRULE_MONTH].given;
    int from_start = by_year ? day->of_year : day->of_month;
    int from_end = by_year ? day->of_year_end : day->of_month_end;

    return !rule->by_day || rrule_has(set, 0) || rrule_has(set, (from_start - 1) / 7 + 1) || rrule_has(set, (from_end + 1) / 7 - 1);
}

static bool day_matches(const struct rrule *rule, int64_t number)
{
    const struct rrule_set *list = rule->list;
    struct day day = day_of(number);

    return listed(&list[RRULE_MONTH], day.month, 0) && listed(&list[RRULE_MONTH_DAY], day.of_month, day.of_month_end) &&
           listed(&list[RRULE_YEAR_DAY], day.of_year, day.of_year_end) && weekday_listed(rule, &day) &&
           (!list[RRULE_WEEK_NO].given || week_listed(rule, number));
}

/* What the rule leaves open it has from its first start. */
static void fill_days(struct expansion *x)
{
    struct rrule *rule = x->rule;
    struct rrule_set *list = rule->list;

    if (rule->by_day || list[RRULE_MONTH_DAY].given || list[RRULE_YEAR_DAY].given || rule->freq == RRULE_DAILY)
        return;
    if (rule->freq == RRULE_WEEKLY || list[RRULE_WEEK_NO].given) {
        rule->by_day = true;
        rrule_add(&rule->day[weekday_of(x->first_wall / MP_DAY_MS)], 0);
        return;
    }
    rrule_add(&list[RRULE_MONTH_DAY], x->start.day);
    if (rule->freq == RRULE_YEARLY && !list[RRULE_MONTH].given)
        rrule_add(&list[RRULE_MONTH], x->start.month);
}

static void fill_clock(struct expansion *x)
{
    static const enum rrule_list lists[] = {RRULE_HOUR, RRULE_MINUTE, RRULE_SECOND};
    const int from_start[] = {x->start.hour, x->start.minute, x->start.second};

    for (size_t i = 0; i < MP_COUNT(lists); i++) {
        struct rrule_set *set = &x->rule->list[lists[i]];

        if (!set->given)
            rrule_add(set, from_start[i]);
        for (int number = 0; number < 60; number++) {
            if (rrule_has(set, number))
                x->clock[i][x->clock_count[i]++] = number;
        }
    }
}

/* The i-th start of a day. */
static int64_t clock_ms(const struct expansion *x, int64_t i)
{
    int64_t second = x->clock[2][i % x->clock_count[2]];
    int64_t minute = x->clock[1][i / x->clock_count[2] % x->clock_count[1]];
    int64_t hour = x->clock[0][i / x->clock_count[2] / x->clock_count[1]];

    return ((hour * 60 + minute) * 60 + second) * 1000 + x->start.ms;
}

static enum step refuse_time(const struct expansion *x, const struct mp_civil *c, enum mp_time_result result, int64_t before, int64_t after)
{
    mp_error_field(x->err, x->field, "gives the start %04d-%02d-%02dT%02d:%02d:%02d, which %s", c->year, c->month, c->day, c->hour, c->minute,
                   c->second, mp_time_explain(x->arena, result, x->zone, before, after));
    return STEP_FAILED;
}

static void push(struct expansion *x, int64_t at)
{
    if (x->count == x->room) {
        size_t room = x->room ? x->room * 2 : 16;
        int64_t *more = mp_arena_array(x->arena, room, sizeof(*more));

        if (x->count > 0)
            memcpy(more, x->starts, x->count * sizeof(*more));
        x->starts = more;
        x->room = room;
    }
    x->starts[x->count++] = at;
}

static bool is_over(const struct rrule *rule, int64_t wall)
{
    if (rule->until_kind == RRULE_UNTIL_DAY)
        return wall >= rule->until + MP_DAY_MS;
    return rule->until_kind == RRULE_UNTIL_LOCAL && wall > rule->until;
}

static enum step take_start(struct expansion *x, int64_t wall)
{
    int64_t at = x->first, before = 0, after = 0;
    enum mp_time_result result = MP_TIME_OK;
    struct mp_civil c;

    if (is_over(x->rule, wall))
        return STEP_DONE;
    if ((x->count == 0 && wall != x->first_wall) || !mp_zone_local("UTC", wall, &c))
        return refuse(x, MISSED_FIRST);
    if (x->count > 0) /* the first one is given, and may be the second of two with that local time */
        result = mp_zone_instant(x->zone, &c, &at, &before, &after);
    if (x->rule->until_kind == RRULE_UNTIL_UTC && (result == MP_TIME_OK ? at : after) > x->rule->until)
        return STEP_DONE;
    if (result != MP_TIME_OK)
        return refuse_time(x, &c, result, before, after);
    if (x->count == x->most) {
        mp_error_field(x->err, x->field, "gives more than %zu starts: end it earlier", x->most);
        return STEP_FAILED;
    }
    push(x, at);
    return x->count == x->rule->count ? STEP_DONE : STEP_ON;
}

/* The starts of a period's days, all of them or those that BYSETPOS picks, in order. Those before the first start do not count. */
static enum step take_period(struct expansion *x, const int64_t *days, int64_t count)
{
    const struct rrule_set *set = &x->rule->list[RRULE_SET_POS];
    int64_t a_day = (int64_t)x->clock_count[0] * x->clock_count[1] * x->clock_count[2];
    int64_t total = count * a_day;
    enum step step = STEP_ON;

    for (int64_t i = 0; i < total && step == STEP_ON; i++) {
        bool picked =
            !set->given || (i < RRULE_REACH && rrule_has(set, (int)i + 1)) || (total - i <= RRULE_REACH && rrule_has(set, (int)(i - total)));
        int64_t wall = days[i / a_day] * MP_DAY_MS + clock_ms(x, i % a_day);

        if (picked && wall >= x->first_wall)
            step = take_start(x, wall);
        else if (i == RRULE_REACH && set->given && total - i > RRULE_REACH)
            i = total - RRULE_REACH - 1; /* no list reaches in between */
        else if (i % a_day == 0 && days[i / a_day] < x->first_wall / MP_DAY_MS && !set->given)
            i += a_day - 1;
    }
    return step;
}

/* Where the n-th period begins; false behind the year 9999. */
static bool period_start(const struct expansion *x, int64_t n, int64_t *number)
{
    int64_t first_day = x->first_wall / MP_DAY_MS;
    int64_t month = x->start.year * INT64_C(12) + x->start.month - 1 + n;

    switch (x->rule->freq) {
    case RRULE_DAILY:
        *number = first_day + n;
        break;
    case RRULE_WEEKLY:
        *number = first_day - (weekday_of(first_day) - x->rule->week_start + 7) % 7 + n * 7;
        break;
    case RRULE_MONTHLY:
        return day_number((int)(month / 12), (int)(month % 12) + 1, 1, number);
    case RRULE_YEARLY:
        return day_number((int)(x->start.year + n), 1, 1, number);
    }
    return *number <= MP_TIME_MAX_MS / MP_DAY_MS;
}

static enum step walk_period(struct expansion *x, int64_t from, int64_t to)
{
    int64_t days[PERIOD_DAYS];
    int64_t count = 0;

    for (int64_t day = from; day < to && count < PERIOD_DAYS; day++) {
        if (day_matches(x->rule, day))
            days[count++] = day;
    }
    return take_period(x, days, count);
}

static enum step walk(struct expansion *x)
{
    int64_t looked_at = 0;
    enum step step = STEP_ON;

    for (int64_t n = 0; step == STEP_ON; n += x->rule->interval) {
        int64_t from, to;

        if (!period_start(x, n, &from) || !period_start(x, n + 1, &to))
            return refuse(x, "goes on beyond the year 9999");
        if (is_over(x->rule, from * MP_DAY_MS) || (x->rule->until_kind == RRULE_UNTIL_UTC && (from - 2) * MP_DAY_MS > x->rule->until))
            return STEP_DONE;
        looked_at += to - from;
        if (looked_at > WALK_DAYS)
            return refuse(x, "yields too few starts");
        step = walk_period(x, from, to);
        if (step == STEP_ON && x->count == 0)
            return refuse(x, MISSED_FIRST);
    }
    return step;
}

int mp_recurrence_check(struct mp_arena *arena, const char *rule, size_t most, const char *field, struct mp_error *err)
{
    struct rrule *parsed;

    return rrule_parse(arena, rule, most, field, &parsed, err);
}

int mp_recurrence_expand(struct mp_arena *arena, const char *rule, int64_t first, const char *zone, size_t most, const char *field, int64_t **starts,
                         size_t *count, struct mp_error *err)
{
    struct expansion x = {.arena = arena, .zone = zone, .field = field, .err = err, .most = most, .first = first};

    if (rrule_parse(arena, rule, most, field, &x.rule, err) < 0)
        return -1;
    if (!mp_zone_local(zone, first, &x.start)) {
        mp_error_field(err, field, "%s", mp_time_explain(arena, MP_TIME_UNKNOWN_ZONE, zone, 0, 0));
        return -1;
    }
    if (mp_zone_instant("UTC", &x.start, &x.first_wall, NULL, NULL) != MP_TIME_OK) {
        mp_error_field(err, field, "begins outside the years 1970 to 9999");
        return -1;
    }
    fill_days(&x);
    fill_clock(&x);
    if (walk(&x) == STEP_FAILED)
        return -1;
    if (x.count == 0) {
        mp_error_field(err, field, "ends before its first start");
        return -1;
    }
    *starts = x.starts;
    *count = x.count;
    return 0;
}
