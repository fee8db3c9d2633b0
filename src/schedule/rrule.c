/*
 * Reads recurrence rules. Why not by libical: icalrecurrencetype_from_string() of 3.0.16 takes "COUNT=3x" and "INTERVAL=70000", and writes past its
 * arrays where a list is full (32 numbers in BYMONTHDAY).
 */
#include "rrule_int.h"

#include <string.h>

#include "meetpool/clock.h"
#include "meetpool/slice.h"

#define RULE_BYTES    2000
#define INTERVAL_MOST 1000

static const char *const freq_names[] = {"DAILY", "WEEKLY", "MONTHLY", "YEARLY"};
static const char *const too_often[] = {"SECONDLY", "MINUTELY", "HOURLY"};
static const char *const weekdays[] = {"MO", "TU", "WE", "TH", "FR", "SA", "SU"};

struct reading {
    struct rrule *rule;
    size_t most;
    const char *field;
    struct mp_error *err;
};

static int pick(struct mp_slice s, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (mp_slice_eq_nocase(s, names[i]))
            return (int)i;
    }
    return -1;
}

/* Digits only, leading zeros allowed as in "BYHOUR=09"; at most `most`. */
static bool read_digits(struct mp_slice s, int64_t most, int64_t *out)
{
    int64_t value = 0;

    if (s.len == 0 || s.len > 9)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        value = value * 10 + (s.p[i] - '0');
    }
    *out = value;
    return value <= most;
}

static struct mp_slice skip(struct mp_slice s, size_t bytes)
{
    return (struct mp_slice){s.p + bytes, s.len - bytes};
}

/* [plus / minus] number, the number from `least` to `most`. */
static bool read_signed(struct mp_slice s, int least, int most, int *out)
{
    bool minus = s.len > 0 && s.p[0] == '-';
    int64_t value;

    if (s.len > 0 && (minus || s.p[0] == '+'))
        s = skip(s, 1);
    if (!read_digits(s, most, &value) || value < least)
        return false;
    *out = minus ? -(int)value : (int)value;
    return true;
}

static int read_freq(const struct reading *r, struct mp_slice value)
{
    int freq = pick(value, freq_names, MP_COUNT(freq_names));

    if (freq >= 0) {
        r->rule->freq = (enum rrule_freq)freq;
        return 0;
    }
    if (pick(value, too_often, MP_COUNT(too_often)) >= 0)
        mp_error_field(r->err, r->field, "repeats too often: FREQ must be DAILY, WEEKLY, MONTHLY or YEARLY");
    else
        mp_error_field(r->err, r->field, "must have FREQ=DAILY, WEEKLY, MONTHLY or YEARLY");
    return -1;
}

static int read_interval(const struct reading *r, struct mp_slice value)
{
    int64_t number;

    if (!read_digits(value, INTERVAL_MOST, &number) || number < 1) {
        mp_error_field(r->err, r->field, "INTERVAL must be a number from 1 to %d", INTERVAL_MOST);
        return -1;
    }
    r->rule->interval = (int)number;
    return 0;
}

static int read_count(const struct reading *r, struct mp_slice value)
{
    int64_t number;

    if (!read_digits(value, INT32_MAX, &number) || number < 1) {
        mp_error_field(r->err, r->field, "COUNT must be a number from 1 to %zu", r->most);
        return -1;
    }
    if ((size_t)number > r->most) {
        mp_error_field(r->err, r->field, "gives more than %zu starts: lower COUNT", r->most);
        return -1;
    }
    r->rule->count = (size_t)number;
    return 0;
}

/* "20260131", "20260131T235959" or "20260131T235959Z". */
static int read_until(const struct reading *r, struct mp_slice value)
{
    bool time = value.len >= 15 && (value.p[8] == 'T' || value.p[8] == 't');
    bool utc = time && value.len == 16 && (value.p[15] == 'Z' || value.p[15] == 'z');
    int64_t date = 0, clock = 0;
    struct mp_civil c;

    if ((value.len != 8 && !(time && (value.len == 15 || utc))) || !read_digits((struct mp_slice){value.p, 8}, 99991231, &date) ||
        (time && !read_digits((struct mp_slice){value.p + 9, 6}, 235959, &clock))) {
        mp_error_field(r->err, r->field, "UNTIL must be like 20260131T235959Z or 20260131");
        return -1;
    }
    c = (struct mp_civil){.year = (int)(date / 10000),
                          .month = (int)(date / 100 % 100),
                          .day = (int)(date % 100),
                          .hour = (int)(clock / 10000),
                          .minute = (int)(clock / 100 % 100),
                          .second = (int)(clock % 100)};
    r->rule->until_kind = utc ? RRULE_UNTIL_UTC : time ? RRULE_UNTIL_LOCAL : RRULE_UNTIL_DAY;
    if (mp_zone_instant("UTC", &c, &r->rule->until, NULL, NULL) == MP_TIME_OK)
        return 0;
    mp_error_field(r->err, r->field, "UNTIL is not a time there is, or is outside the years 1970 to 9999");
    return -1;
}

static int read_week_start(const struct reading *r, struct mp_slice value)
{
    r->rule->week_start = pick(value, weekdays, MP_COUNT(weekdays));
    if (r->rule->week_start >= 0)
        return 0;
    mp_error_field(r->err, r->field, "WKST must be one of MO, TU, WE, TH, FR, SA, SU");
    return -1;
}

/* "MO", "2MO", "-1FR" */
static bool read_weekday(struct rrule *rule, struct mp_slice item)
{
    int day, position = 0;

    if (item.len < 2)
        return false;
    day = pick(skip(item, item.len - 2), weekdays, MP_COUNT(weekdays));
    item.len -= 2;
    if (day < 0 || (item.len > 0 && !read_signed(item, 1, 53, &position)))
        return false;
    rrule_add(&rule->day[day], position);
    return true;
}

static int read_by_day(const struct reading *r, struct mp_slice value)
{
    bool good = value.len > 0 && value.p[value.len - 1] != ',';
    struct mp_slice item;

    r->rule->by_day = true;
    while (good && mp_slice_split(&value, ',', &item))
        good = read_weekday(r->rule, item);
    if (good)
        return 0;
    mp_error_field(r->err, r->field, "BYDAY must be a list of weekdays such as MO,TH or, counted, 1MO,-1FR");
    return -1;
}

static const struct list_row {
    const char *name;
    enum rrule_list list;
    int least, most;
    bool negative; /* may also count from the end */
} list_rows[] = {
    {"BYMONTH", RRULE_MONTH, 1, 12, false},       {"BYWEEKNO", RRULE_WEEK_NO, 1, 53, true},  {"BYYEARDAY", RRULE_YEAR_DAY, 1, 366, true},
    {"BYMONTHDAY", RRULE_MONTH_DAY, 1, 31, true}, {"BYHOUR", RRULE_HOUR, 0, 23, false},      {"BYMINUTE", RRULE_MINUTE, 0, 59, false},
    {"BYSECOND", RRULE_SECOND, 0, 59, false},     {"BYSETPOS", RRULE_SET_POS, 1, 366, true},
};

static int read_list(const struct reading *r, const struct list_row *row, struct mp_slice value)
{
    bool good = value.len > 0 && value.p[value.len - 1] != ',';
    struct mp_slice item;

    while (good && mp_slice_split(&value, ',', &item)) {
        int number = 0;

        good = item.len > 0 && (row->negative || (item.p[0] != '-' && item.p[0] != '+')) && read_signed(item, row->least, row->most, &number);
        if (good)
            rrule_add(&r->rule->list[row->list], number);
    }
    if (good)
        return 0;
    mp_error_field(r->err, r->field, "%s must be a list of numbers from %d to %d%s", row->name, row->least, row->most,
                   row->negative ? ", or from the end, negative" : "");
    return -1;
}

static const struct part_row {
    const char *name;
    int (*read)(const struct reading *r, struct mp_slice value);
} part_rows[] = {
    {"FREQ", read_freq}, {"INTERVAL", read_interval}, {"COUNT", read_count}, {"UNTIL", read_until}, {"WKST", read_week_start}, {"BYDAY", read_by_day},
};

/* Which part that is: rows of part_rows, then of list_rows; -1: none. */
static int part_of(struct mp_slice name)
{
    for (size_t i = 0; i < MP_COUNT(part_rows); i++) {
        if (mp_slice_eq_nocase(name, part_rows[i].name))
            return (int)i;
    }
    for (size_t i = 0; i < MP_COUNT(list_rows); i++) {
        if (mp_slice_eq_nocase(name, list_rows[i].name))
            return (int)(MP_COUNT(part_rows) + i);
    }
    return -1;
}

static int read_part(const struct reading *r, struct mp_slice part, unsigned *seen)
{
    struct mp_slice name;
    bool has_value = memchr(part.p, '=', part.len) != NULL;
    int which = -1;

    if (has_value && mp_slice_split(&part, '=', &name))
        which = part_of(name);
    if (which < 0) {
        mp_error_field(r->err, r->field, "must be a recurrence rule (RFC 5545) such as FREQ=WEEKLY;BYDAY=MO,WE;COUNT=10");
        return -1;
    }
    if (*seen & 1U << which) {
        mp_error_field(r->err, r->field, "has a part twice");
        return -1;
    }
    *seen |= 1U << which;
    if ((size_t)which < MP_COUNT(part_rows))
        return part_rows[which].read(r, part);
    return read_list(r, &list_rows[(size_t)which - MP_COUNT(part_rows)], part);
}

static bool counts_weekdays(const struct rrule *rule)
{
    for (int day = 0; day < 7; day++) {
        for (int position = 1; position <= 53; position++) {
            if (rrule_has(&rule->day[day], position) || rrule_has(&rule->day[day], -position))
                return true;
        }
    }
    return false;
}

/* Which parts go together, RFC 5545 section 3.3.10; NULL: these do. */
static const char *clash(const struct rrule *rule)
{
    const struct rrule_set *list = rule->list;
    bool others = rule->by_day;

    for (int i = 0; i < RRULE_SET_POS; i++)
        others = others || list[i].given;
    if (list[RRULE_WEEK_NO].given && rule->freq != RRULE_YEARLY)
        return "BYWEEKNO needs FREQ=YEARLY";
    if (list[RRULE_YEAR_DAY].given && rule->freq != RRULE_YEARLY)
        return "BYYEARDAY needs FREQ=YEARLY";
    if (list[RRULE_MONTH_DAY].given && rule->freq == RRULE_WEEKLY)
        return "BYMONTHDAY does not go with FREQ=WEEKLY";
    if (counts_weekdays(rule) && (rule->freq < RRULE_MONTHLY || list[RRULE_WEEK_NO].given))
        return "counted weekdays (1MO) need FREQ=MONTHLY or YEARLY, without BYWEEKNO";
    if (list[RRULE_SET_POS].given && !others)
        return "BYSETPOS needs another part that begins with BY";
    if (rule->count > 0 && rule->until_kind != RRULE_UNTIL_NONE)
        return "has COUNT and UNTIL: give one of them";
    if (rule->count == 0 && rule->until_kind == RRULE_UNTIL_NONE)
        return "has no end: give COUNT or UNTIL";
    return NULL;
}

int rrule_parse(struct mp_arena *arena, const char *text, size_t most, const char *field, struct rrule **out, struct mp_error *err)
{
    struct reading r = {MP_NEW(arena, struct rrule), most, field, err};
    struct mp_slice rest = mp_slice_of(text), part;
    unsigned seen = 0;
    const char *problem;

    if (rest.len > RULE_BYTES) {
        mp_error_field(err, field, "must not be longer than %d characters", RULE_BYTES);
        return -1;
    }
    r.rule->interval = 1;
    while (mp_slice_split(&rest, ';', &part)) {
        if (read_part(&r, part, &seen) < 0)
            return -1;
    }
    if (!(seen & 1U)) {
        mp_error_field(err, field, "must have FREQ=DAILY, WEEKLY, MONTHLY or YEARLY");
        return -1;
    }
    problem = clash(r.rule);
    if (problem) {
        mp_error_field(err, field, "%s", problem);
        return -1;
    }
    *out = r.rule;
    return 0;
}
