/*
 * Time zones, read from the TZif files of the system (RFC 9636). Why not a library: glibc's mktime() hides gaps, folds and unknown zones and
 * needs the process's own TZ changed; libical 3.0.16 was held against every week of 1970..2090 and is wrong for Asia/Tehran (1992-2022),
 * America/Sao_Paulo (2014) and Australia/Lord_Howe (after 2037).
 *
 * A zone is a table of shifts: from `at_s` on, local time is `offset_s` east of UTC. The rule at a file's end (a POSIX TZ text) is written out
 * for RULE_YEARS years when the file is read; later times are looked up whole Gregorian cycles of 400 years earlier, which have the same
 * weekdays. A zone that was read is kept until the process ends: there are as many as there are files, unknown names are not kept.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base_int.h"
#include "meetpool/clock.h"

#define ZONE_DIR      "/usr/share/zoneinfo/"
#define NAME_BYTES    64
#define FILE_BYTES    ((size_t)128 * 1024)
#define HEAD_BYTES    44
#define DAY_S         INT64_C(86400)
#define CYCLE_S       (INT64_C(146097) * DAY_S) /* 400 Gregorian years */
#define RULE_YEARS    404
#define WINDOW_S      (2 * DAY_S) /* more than any offset and any jump */
#define OFFSET_MOST_S (26 * 3600)
#define CACHE_BUCKETS 64

struct shift {
    int64_t at_s;
    int32_t offset_s;
};

struct zone {
    struct zone *next;
    char name[NAME_BYTES];
    int32_t first_offset_s; /* before the first shift */
    bool repeats;           /* the last CYCLE_S of the table go on for ever */
    size_t count;
    size_t cap;
    struct shift *shifts;
};

/* Bytes of a file that are read from front to back; `bad` once they were too few. */
struct reader {
    const unsigned char *p;
    size_t left;
    bool bad;
};

static const unsigned char *take(struct reader *r, size_t len)
{
    const unsigned char *p = r->p;

    if (r->bad || len > r->left) {
        r->bad = true;
        return NULL;
    }
    r->p += len;
    r->left -= len;
    return p;
}

static uint32_t be32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t be64(const unsigned char *p)
{
    return (int64_t)((uint64_t)be32(p) << 32 | be32(p + 4));
}

/* Counts of a TZif header, in its order. */
struct head {
    uint32_t isut, isstd, leap, time, type, chars;
};

static bool read_head(struct reader *r, struct head *h)
{
    const unsigned char *p = take(r, HEAD_BYTES);

    if (!p || memcmp(p, "TZif", 4) != 0 || p[4] < '2')
        return false;
    *h = (struct head){be32(p + 20), be32(p + 24), be32(p + 28), be32(p + 32), be32(p + 36), be32(p + 40)};
    return h->isut <= FILE_BYTES && h->isstd <= FILE_BYTES && h->leap <= FILE_BYTES && h->time <= FILE_BYTES && h->type > 0 && h->type <= 256 &&
           h->chars <= FILE_BYTES;
}

static void zone_free(struct zone *zone)
{
    if (!zone)
        return;
    free(zone->shifts);
    free(zone);
}

static int32_t last_offset(const struct zone *zone)
{
    return zone->count > 0 ? zone->shifts[zone->count - 1].offset_s : zone->first_offset_s;
}

/* Shifts come in order of time; of two at one time the later counts; one that shifts nothing (a new name only) is left out. */
static bool push_shift(struct zone *zone, int64_t at_s, int32_t offset_s)
{
    if (zone->count > 0 && zone->shifts[zone->count - 1].at_s >= at_s)
        zone->count--;
    if (offset_s == last_offset(zone))
        return true;
    if (zone->count == zone->cap) {
        size_t cap = zone->cap ? zone->cap * 2 : 64;
        struct shift *more = reallocarray(zone->shifts, cap, sizeof(*more));

        if (!more)
            return false;
        zone->shifts = more;
        zone->cap = cap;
    }
    zone->shifts[zone->count++] = (struct shift){at_s, offset_s};
    return true;
}

static bool read_shifts(struct reader *r, const struct head *h, struct zone *zone, int64_t *last_at_s)
{
    const unsigned char *times = take(r, (size_t)h->time * 8);
    const unsigned char *kinds = take(r, h->time);
    const unsigned char *types = take(r, (size_t)h->type * 6);

    take(r, (size_t)h->chars + (size_t)h->leap * 12 + h->isstd + h->isut);
    if (r->bad)
        return false;
    zone->first_offset_s = (int32_t)be32(types);
    for (uint32_t i = 0; i < h->time; i++) {
        int64_t at_s = be64(times + (size_t)i * 8);
        int32_t offset_s = kinds[i] < h->type ? (int32_t)be32(types + (size_t)kinds[i] * 6) : INT32_MAX;

        if (offset_s < -OFFSET_MOST_S || offset_s > OFFSET_MOST_S || (i > 0 && at_s <= *last_at_s) || !push_shift(zone, at_s, offset_s))
            return false;
        *last_at_s = at_s;
    }
    return true;
}

/* One half of a POSIX TZ rule: the day, and the seconds after its local midnight. */
struct rule_day {
    char kind; /* 'M' month.week.weekday, 'J' 1..365 without leap days, 'n' 0..365 */
    int month, week, day;
    int32_t time_s;
};

struct rule {
    bool shifts; /* false: one offset for ever */
    int32_t offset_s, summer_offset_s;
    struct rule_day start, end;
};

static bool take_if(struct reader *r, unsigned char c)
{
    if (r->left == 0 || r->p[0] != c)
        return false;
    return take(r, 1) != NULL;
}

static int take_int(struct reader *r, int most)
{
    int value = 0;
    bool any = false;

    while (r->left > 0 && r->p[0] >= '0' && r->p[0] <= '9' && value <= most) {
        value = value * 10 + (*take(r, 1) - '0');
        any = true;
    }
    r->bad = r->bad || !any || value > most;
    return value;
}

/* [+-]h[h[h]][:mm[:ss]] */
static int32_t take_hms(struct reader *r)
{
    int sign = take_if(r, '-') ? -1 : 1;
    int32_t seconds;

    if (sign > 0)
        take_if(r, '+');
    seconds = take_int(r, 167) * 3600;
    if (take_if(r, ':'))
        seconds += take_int(r, 59) * 60;
    if (take_if(r, ':'))
        seconds += take_int(r, 59);
    return sign * seconds;
}

static void skip_name(struct reader *r)
{
    if (take_if(r, '<')) {
        while (r->left > 0 && r->p[0] != '>')
            take(r, 1);
        take(r, 1);
        return;
    }
    while (r->left > 0 && ((r->p[0] | 0x20) >= 'a' && (r->p[0] | 0x20) <= 'z'))
        take(r, 1);
}

static void take_rule_day(struct reader *r, struct rule_day *d)
{
    if (!take_if(r, ','))
        r->bad = true;
    d->kind = 'n';
    d->time_s = 7200;
    if (take_if(r, 'M')) {
        d->kind = 'M';
        d->month = take_int(r, 12);
        r->bad = r->bad || !take_if(r, '.') || d->month < 1;
        d->week = take_int(r, 5);
        r->bad = r->bad || !take_if(r, '.') || d->week < 1;
        d->day = take_int(r, 6);
    } else {
        d->kind = take_if(r, 'J') ? 'J' : 'n';
        d->day = take_int(r, 365);
    }
    if (take_if(r, '/'))
        d->time_s = take_hms(r);
}

/* std offset [dst [offset] , start [/time] , end [/time]]; POSIX counts offsets west of Greenwich. */
static bool read_rule(struct reader *r, struct rule *rule)
{
    skip_name(r);
    rule->offset_s = -take_hms(r);
    if (r->bad || r->left == 0)
        return !r->bad;
    rule->shifts = true;
    rule->summer_offset_s = rule->offset_s + 3600;
    skip_name(r);
    if (r->left > 0 && r->p[0] != ',')
        rule->summer_offset_s = -take_hms(r);
    take_rule_day(r, &rule->start);
    take_rule_day(r, &rule->end);
    return !r->bad && r->left == 0;
}

static int64_t rule_day_of_year(const struct rule_day *d, int year)
{
    int64_t first = mp_days_of(year, d->kind == 'M' ? d->month : 1, 1);
    int64_t weekday, day;

    if (d->kind == 'J')
        return first + d->day - 1 + (mp_days_in_month(year, 2) == 29 && d->day >= 60 ? 1 : 0);
    if (d->kind == 'n')
        return first + d->day;
    weekday = ((first + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
    day = first + (d->day - weekday + 7) % 7 + (d->week - 1) * 7;
    return day < first + mp_days_in_month(year, d->month) ? day : day - 7;
}

static int64_t rule_at(const struct rule_day *d, int year, int32_t offset_s)
{
    return rule_day_of_year(d, year) * DAY_S + d->time_s - offset_s;
}

static bool write_out_rule(struct zone *zone, const struct rule *rule, int64_t last_at_s)
{
    struct mp_civil c;

    mp_civil_at((last_at_s > 0 ? last_at_s : 0) * 1000, 0, &c);
    for (int year = c.year; year < c.year + RULE_YEARS; year++) {
        struct shift start = {rule_at(&rule->start, year, rule->offset_s), rule->summer_offset_s};
        struct shift end = {rule_at(&rule->end, year, rule->summer_offset_s), rule->offset_s};
        struct shift first = start.at_s < end.at_s ? start : end;
        struct shift second = start.at_s < end.at_s ? end : start;

        if (first.at_s > last_at_s && !push_shift(zone, first.at_s, first.offset_s))
            return false;
        if (second.at_s > last_at_s && !push_shift(zone, second.at_s, second.offset_s))
            return false;
    }
    zone->repeats = true;
    return true;
}

/* The footer: a newline, the TZ text, a newline. Empty: the last offset goes on. */
static bool read_footer(struct reader *r, struct zone *zone, int64_t last_at_s)
{
    struct rule rule = {0};
    const unsigned char *end;

    if (!take_if(r, '\n'))
        return false;
    end = r->left > 0 ? memchr(r->p, '\n', r->left) : NULL;
    if (!end)
        return false;
    r->left = (size_t)(end - r->p);
    if (r->left == 0)
        return true;
    if (!read_rule(r, &rule))
        return false;
    if (rule.shifts)
        return write_out_rule(zone, &rule, last_at_s);
    if (zone->count == 0)
        zone->first_offset_s = rule.offset_s;
    return true;
}

static bool parse_file(const unsigned char *bytes, size_t len, struct zone *zone)
{
    struct reader r = {bytes, len, false};
    struct head h;
    int64_t last_at_s = INT64_MIN;

    if (!read_head(&r, &h))
        return false;
    /* The first block is for readers of 32-bit times. */
    take(&r, (size_t)h.time * 5 + (size_t)h.type * 6 + h.chars + (size_t)h.leap * 8 + h.isstd + h.isut);
    return read_head(&r, &h) && read_shifts(&r, &h, zone, &last_at_s) && read_footer(&r, zone, last_at_s);
}

static bool read_file(const char *name, struct zone *zone)
{
    char path[sizeof(ZONE_DIR) + NAME_BYTES];
    struct stat st;
    unsigned char *bytes = NULL;
    bool good = false;
    int fd;

    memcpy(path, ZONE_DIR, sizeof(ZONE_DIR) - 1);
    memcpy(path + sizeof(ZONE_DIR) - 1, name, strlen(name) + 1);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return false;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 && st.st_size <= (off_t)FILE_BYTES)
        bytes = malloc((size_t)st.st_size);
    if (bytes && read(fd, bytes, (size_t)st.st_size) == (ssize_t)st.st_size)
        good = parse_file(bytes, (size_t)st.st_size, zone);
    free(bytes);
    close(fd);
    return good;
}

static bool is_name_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '_' || c == '/';
}

/* No dot passes, so no path leads out of the folder; each zone has one spelling, which bounds the cache. */
static bool is_name(const char *name)
{
    static const char *const others[] = {"localtime", "posixrules", "Factory"};
    size_t len = strnlen(name, NAME_BYTES);

    if (len == 0 || len == NAME_BYTES || name[0] == '/' || name[len - 1] == '/' || strstr(name, "//"))
        return false;
    if (strncmp(name, "posix/", 6) == 0 || strncmp(name, "right/", 6) == 0)
        return false;
    for (size_t i = 0; i < MP_COUNT(others); i++) {
        if (strcmp(name, others[i]) == 0)
            return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (!is_name_char(name[i]))
            return false;
    }
    return true;
}

static struct zone *zone_read(const char *name)
{
    struct zone *zone = calloc(1, sizeof(*zone));

    if (!zone)
        return NULL;
    memcpy(zone->name, name, strlen(name) + 1);
    if (strcmp(name, "UTC") == 0 || read_file(name, zone))
        return zone;
    zone_free(zone);
    return NULL;
}

static const struct zone *zone_find(const char *name)
{
    static struct zone *cache[CACHE_BUCKETS];
    unsigned hash = 0;
    struct zone *zone;

    if (!name || !is_name(name))
        return NULL;
    for (const char *p = name; *p; p++)
        hash = hash * 31 + (unsigned char)*p;
    hash %= CACHE_BUCKETS;
    for (zone = cache[hash]; zone; zone = zone->next) {
        if (strcmp(zone->name, name) == 0)
            return zone;
    }
    zone = zone_read(name);
    if (zone) {
        zone->next = cache[hash];
        cache[hash] = zone;
    }
    return zone;
}

/* Seconds to take off `at_s` so that it and what lies WINDOW_S around it stand in the table. */
static int64_t cycles_of(const struct zone *zone, int64_t at_s)
{
    int64_t end_s;

    if (!zone->repeats || zone->count == 0)
        return 0;
    end_s = zone->shifts[zone->count - 1].at_s - 2 * WINDOW_S;
    return at_s <= end_s ? 0 : ((at_s - end_s) / CYCLE_S + 1) * CYCLE_S;
}

/* How many shifts are at or before `at_s`. */
static size_t shifts_until(const struct zone *zone, int64_t at_s)
{
    size_t low = 0, high = zone->count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (zone->shifts[mid].at_s <= at_s)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static int32_t offset_after(const struct zone *zone, size_t shifts)
{
    return shifts > 0 ? zone->shifts[shifts - 1].offset_s : zone->first_offset_s;
}

bool mp_zone_known(const char *zone)
{
    return zone_find(zone) != NULL;
}

bool mp_zone_local(const char *zone_name, int64_t at_ms, struct mp_civil *out)
{
    const struct zone *zone = zone_find(zone_name);
    int64_t at_s = at_ms / 1000 - (at_ms % 1000 < 0 ? 1 : 0);

    if (!zone)
        return false;
    at_s -= cycles_of(zone, at_s);
    mp_civil_at(at_ms, offset_after(zone, shifts_until(zone, at_s)), out);
    return true;
}

/*
 * Walks the stretches of one offset that lie around a local time, earliest first, and takes the first that holds it. Where none does, the local
 * time lies in the jump between two of them.
 */
static bool find_instant(const struct zone *zone, int64_t local_s, int64_t *at_s, int64_t *jump_at_s)
{
    size_t last = shifts_until(zone, local_s + WINDOW_S);

    for (size_t i = shifts_until(zone, local_s - WINDOW_S); i <= last; i++) {
        int32_t offset_s = offset_after(zone, i);
        int64_t from_s = i > 0 ? zone->shifts[i - 1].at_s : INT64_MIN;
        int64_t until_s = i < zone->count ? zone->shifts[i].at_s : INT64_MAX;

        *at_s = local_s - offset_s;
        if (*at_s >= from_s && *at_s < until_s)
            return true;
        if (i < zone->count && *at_s >= until_s && local_s - zone->shifts[i].offset_s < until_s)
            *jump_at_s = until_s;
    }
    return false;
}

enum mp_time_result mp_zone_instant(const char *zone_name, const struct mp_civil *civil, int64_t *at_ms, int64_t *before, int64_t *after)
{
    const struct zone *zone = zone_find(zone_name);
    int64_t local_s, cycles_s, at_s, found_ms, jump_at_s = 0;

    if (!zone)
        return MP_TIME_UNKNOWN_ZONE;
    if (!mp_civil_in_range(civil))
        return MP_TIME_RANGE;
    local_s = (mp_civil_as_utc_ms(civil) - civil->ms) / 1000;
    cycles_s = cycles_of(zone, local_s);
    if (!find_instant(zone, local_s - cycles_s, &at_s, &jump_at_s)) {
        if (before)
            *before = (jump_at_s + cycles_s) * 1000 - 1;
        if (after)
            *after = (jump_at_s + cycles_s) * 1000;
        return MP_TIME_GAP;
    }
    found_ms = (at_s + cycles_s) * 1000 + civil->ms;
    if (found_ms < 0 || found_ms > MP_TIME_MAX_MS)
        return MP_TIME_RANGE;
    *at_ms = found_ms;
    return MP_TIME_OK;
}
