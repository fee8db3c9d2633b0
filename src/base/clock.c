#include "meetpool/clock.h"

#include <stdio.h>
#include <time.h>

#include "base_int.h"

#define HOUR_MS   INT64_C(3600000)
#define MINUTE_MS INT64_C(60000)

static int64_t read_clock_ms(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t mp_now_ms(void)
{
    return read_clock_ms(CLOCK_REALTIME);
}

int64_t mp_monotonic_ms(void)
{
    return read_clock_ms(CLOCK_MONOTONIC);
}

void mp_sleep_ms(unsigned ms)
{
    struct timespec length = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};

    nanosleep(&length, NULL);
}

/* Years are counted from March, so that the leap day is the last of its year and months have lengths of a fixed pattern. */
int64_t mp_days_of(int64_t year, int month, int day)
{
    int64_t y = month > 2 ? year : year - 1;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

void mp_civil_of_days(int64_t days, int *year, int *month, int *day)
{
    int64_t from_march = days + 719468;
    int64_t era = (from_march >= 0 ? from_march : from_march - 146096) / 146097;
    int64_t day_of_era = from_march - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t march_month = (5 * day_of_year + 2) / 153;

    *day = (int)(day_of_year - (153 * march_month + 2) / 5 + 1);
    *month = (int)(march_month < 10 ? march_month + 3 : march_month - 9);
    *year = (int)(year_of_era + era * 400 + (*month <= 2 ? 1 : 0));
}

int mp_days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && leap ? 29 : days[month - 1];
}

int64_t mp_civil_as_utc_ms(const struct mp_civil *c)
{
    return mp_days_of(c->year, c->month, c->day) * MP_DAY_MS + c->hour * HOUR_MS + c->minute * MINUTE_MS + c->second * INT64_C(1000) + c->ms;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0 ? 1 : 0);
}

void mp_civil_at(int64_t at_ms, int offset_s, struct mp_civil *out)
{
    int64_t local_ms, days, rest;

    if (__builtin_add_overflow(at_ms, (int64_t)offset_s * 1000, &local_ms))
        local_ms = at_ms;
    days = floor_div(local_ms, MP_DAY_MS);
    rest = local_ms % MP_DAY_MS + (local_ms % MP_DAY_MS < 0 ? MP_DAY_MS : 0);
    mp_civil_of_days(days, &out->year, &out->month, &out->day);
    out->hour = (int)(rest / HOUR_MS);
    out->minute = (int)(rest / MINUTE_MS % 60);
    out->second = (int)(rest / 1000 % 60);
    out->ms = (int)(rest % 1000);
    out->offset_s = offset_s;
}

bool mp_civil_in_range(const struct mp_civil *c)
{
    return c->year >= 1970 && c->year <= 9999 && c->month >= 1 && c->month <= 12 && c->day >= 1 && c->day <= mp_days_in_month(c->year, c->month) &&
           c->hour >= 0 && c->hour <= 23 && c->minute >= 0 && c->minute <= 59 && c->second >= 0 && c->second <= 59 && c->ms >= 0 && c->ms <= 999;
}

void mp_time_text(int64_t at_ms, char out[MP_TIME_TEXT_BYTES])
{
    struct mp_civil c;

    mp_civil_at(at_ms, 0, &c);
    snprintf(out, MP_TIME_TEXT_BYTES, "%04d-%02u-%02uT%02u:%02u:%02u.%03uZ", c.year, (unsigned)c.month % 100, (unsigned)c.day % 100,
             (unsigned)c.hour % 100, (unsigned)c.minute % 100, (unsigned)c.second % 100, (unsigned)c.ms % 1000);
}

char *mp_time_format(struct mp_arena *arena, int64_t at_ms)
{
    char text[MP_TIME_TEXT_BYTES];

    mp_time_text(at_ms, text);
    return mp_arena_strdup(arena, text);
}

char *mp_time_format_seconds(struct mp_arena *arena, int64_t at_ms)
{
    struct mp_civil c;

    mp_civil_at(at_ms, 0, &c);
    return mp_arena_printf(arena, "%04d-%02d-%02dT%02d:%02d:%02dZ", c.year, c.month, c.day, c.hour, c.minute, c.second);
}

int32_t mp_time_utc_day(int64_t at_ms)
{
    return (int32_t)floor_div(at_ms, MP_DAY_MS);
}

/* Exactly `digits` decimal digits. */
static bool take_number(struct mp_slice *s, size_t digits, int *out)
{
    int value = 0;

    if (s->len < digits)
        return false;
    for (size_t i = 0; i < digits; i++) {
        if (s->p[i] < '0' || s->p[i] > '9')
            return false;
        value = value * 10 + (s->p[i] - '0');
    }
    s->p += digits;
    s->len -= digits;
    *out = value;
    return true;
}

/* One of the characters of `any`. */
static bool take_char(struct mp_slice *s, const char *any, char *which)
{
    for (; s->len > 0 && *any; any++) {
        if (s->p[0] != *any)
            continue;
        s->p++;
        s->len--;
        if (which)
            *which = *any;
        return true;
    }
    return false;
}

/* At least one digit; those after the third are cut off. */
static bool take_fraction(struct mp_slice *s, int *ms)
{
    int digit, weight = 100;

    if (!take_number(s, 1, &digit))
        return false;
    *ms = digit * weight;
    while (take_number(s, 1, &digit)) {
        weight /= 10;
        *ms += digit * weight;
    }
    return true;
}

static bool take_date(struct mp_slice *s, struct mp_civil *c)
{
    return take_number(s, 4, &c->year) && take_char(s, "-", NULL) && take_number(s, 2, &c->month) && take_char(s, "-", NULL) &&
           take_number(s, 2, &c->day);
}

static bool take_clock(struct mp_slice *s, struct mp_civil *c, bool *has_seconds)
{
    if (!take_number(s, 2, &c->hour) || !take_char(s, ":", NULL) || !take_number(s, 2, &c->minute))
        return false;
    *has_seconds = take_char(s, ":", NULL);
    if (!*has_seconds)
        return true;
    if (!take_number(s, 2, &c->second))
        return false;
    return !take_char(s, ".", NULL) || take_fraction(s, &c->ms);
}

struct offset {
    bool given;
    int hours, minutes, sign;
};

static bool take_offset(struct mp_slice *s, struct offset *o)
{
    char sign;

    if (take_char(s, "Zz", NULL)) {
        o->given = true;
        return true;
    }
    if (!take_char(s, "+-", &sign))
        return true;
    o->given = true;
    o->sign = sign == '-' ? -1 : 1;
    return take_number(s, 2, &o->hours) && take_char(s, ":", NULL) && take_number(s, 2, &o->minutes);
}

static enum mp_time_result instant_at_offset(const struct mp_civil *civil, const struct offset *o, int64_t *at_ms)
{
    int64_t at;

    if (o->hours > 23 || o->minutes > 59)
        return MP_TIME_RANGE;
    at = mp_civil_as_utc_ms(civil) - o->sign * (o->hours * HOUR_MS + o->minutes * MINUTE_MS);
    if (at < 0 || at > MP_TIME_MAX_MS)
        return MP_TIME_RANGE;
    *at_ms = at;
    return MP_TIME_OK;
}

enum mp_time_result mp_time_parse(struct mp_slice text, const char *zone, int64_t *at_ms, int64_t *before, int64_t *after)
{
    struct mp_civil civil = {0};
    struct offset offset = {0};
    bool has_seconds = false;

    if (!take_date(&text, &civil) || !take_char(&text, "Tt ", NULL) || !take_clock(&text, &civil, &has_seconds) || !take_offset(&text, &offset) ||
        text.len > 0)
        return MP_TIME_SYNTAX;
    if (offset.given && !has_seconds) /* RFC 3339 section 5.6: time-second is not optional */
        return MP_TIME_SYNTAX;
    if (!mp_civil_in_range(&civil))
        return MP_TIME_RANGE;
    if (offset.given)
        return instant_at_offset(&civil, &offset, at_ms);
    if (!zone)
        return MP_TIME_NEEDS_ZONE;
    return mp_zone_instant(zone, &civil, at_ms, before, after);
}

static char *format_local(struct mp_arena *arena, const char *zone, int64_t at_ms)
{
    struct mp_civil c;
    int minutes;

    if (!zone || !mp_zone_local(zone, at_ms, &c))
        return mp_time_format_seconds(arena, at_ms);
    minutes = c.offset_s / 60;
    return mp_arena_printf(arena, "%04d-%02d-%02dT%02d:%02d:%02d%c%02d:%02d", c.year, c.month, c.day, c.hour, c.minute, c.second,
                           minutes < 0 ? '-' : '+', (minutes < 0 ? -minutes : minutes) / 60, (minutes < 0 ? -minutes : minutes) % 60);
}

char *mp_time_explain(struct mp_arena *arena, enum mp_time_result result, const char *zone, int64_t before, int64_t after)
{
    switch (result) {
    case MP_TIME_OK:
        return NULL;
    case MP_TIME_SYNTAX:
        return mp_arena_strdup(arena, "must be an RFC 3339 time such as 2024-01-15T10:00:00Z");
    case MP_TIME_RANGE:
        return mp_arena_strdup(arena, "is not a time there is, or is outside the years 1970 to 9999");
    case MP_TIME_NEEDS_ZONE:
        return mp_arena_strdup(arena, "is a local time: end it with Z or an offset such as +02:00, or name its time zone");
    case MP_TIME_UNKNOWN_ZONE:
        return mp_arena_printf(arena, "is in an unknown time zone: use an IANA name such as Europe/Berlin");
    case MP_TIME_GAP:
        return mp_arena_printf(arena, "does not exist in %s, where the clocks are put forward: choose up to %s or from %s", zone ? zone : "that zone",
                               format_local(arena, zone, before), format_local(arena, zone, after));
    }
    return NULL;
}
