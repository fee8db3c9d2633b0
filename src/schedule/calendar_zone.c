/*
 * A time zone as calendars want it: each shift that matters is written out with its own date. No rule is guessed from them, so it is right where a
 * country changed its mind; what is not covered is far from every booking.
 */
#include <stdlib.h>

#include "calendar_int.h"
#include "meetpool/clock.h"

#define BEFORE_MS (366 * MP_DAY_MS)
#define AFTER_MS  (731 * MP_DAY_MS)

static int offset_at(const char *zone, int64_t at)
{
    struct mp_civil c;

    return mp_zone_local(zone, at, &c) ? c.offset_s : 0;
}

/* The first instant with another offset than `from` has; `until` where there is none before. Zones do not shift there and back within a day. */
static int64_t next_shift(const char *zone, int64_t from, int64_t until)
{
    int offset = offset_at(zone, from);
    int64_t low = from, high;

    while (low < until && offset_at(zone, low + MP_DAY_MS) == offset)
        low += MP_DAY_MS;
    if (low >= until)
        return until;
    for (high = low + MP_DAY_MS; high - low > 1;) {
        int64_t mid = low + (high - low) / 2;

        if (offset_at(zone, mid) == offset)
            low = mid;
        else
            high = mid;
    }
    return high < until ? high : until;
}

static const char *offset_text(struct mp_arena *arena, int offset_s)
{
    int size = offset_s < 0 ? -offset_s : offset_s;
    const char *sign = offset_s < 0 ? "-" : "+";

    if (size % 60)
        return mp_arena_printf(arena, "%s%02d%02d%02d", sign, size / 3600, size / 60 % 60, size % 60);
    return mp_arena_printf(arena, "%s%02d%02d", sign, size / 3600, size / 60 % 60);
}

/* From `at` on local time is `to` east of UTC. Its own date is local time as it was until then. */
static void put_shift(struct ics *ics, int64_t at, int from_s, int to_s, bool summer)
{
    const char *kind = summer ? "DAYLIGHT" : "STANDARD";
    struct mp_civil c;

    if (!mp_zone_local("UTC", at + from_s * INT64_C(1000), &c))
        return;
    ics_line(ics, "BEGIN:%s", kind);
    ics_line(ics, "DTSTART:%04d%02d%02dT%02d%02d%02d", c.year, c.month, c.day, c.hour, c.minute, c.second);
    ics_line(ics, "TZOFFSETFROM:%s", offset_text(ics->arena, from_s));
    ics_line(ics, "TZOFFSETTO:%s", offset_text(ics->arena, to_s));
    ics_line(ics, "END:%s", kind);
}

/* All shifts from `from` to `until`, and what holds at `from`. `offset_s`: what held before. */
static int put_stretch(struct ics *ics, const char *zone, int64_t from, int64_t until, int offset_s)
{
    int64_t at = next_shift(zone, from, until);
    int now_s = offset_at(zone, from);

    put_shift(ics, from, offset_s, now_s, at < until && offset_at(zone, at) < now_s);
    while (at < until) {
        int next_s = offset_at(zone, at);

        put_shift(ics, at, now_s, next_s, next_s > now_s);
        now_s = next_s;
        at = next_shift(zone, at, until);
    }
    return now_s;
}

static int by_start(const void *a, const void *b)
{
    const struct mp_booking *left = *(const struct mp_booking *const *)a, *right = *(const struct mp_booking *const *)b;

    return (left->row.starts_at > right->row.starts_at) - (left->row.starts_at < right->row.starts_at);
}

static int64_t whole_day(int64_t at)
{
    return at > 0 ? at - at % MP_DAY_MS : 0;
}

void calendar_zone(struct ics *ics, const char *zone, const struct mp_booking *const *bookings, size_t count)
{
    const struct mp_booking **sorted = mp_arena_array(ics->arena, count, sizeof(*sorted));
    int64_t from, until = 0;
    int offset_s;

    for (size_t i = 0; i < count; i++)
        sorted[i] = bookings[i];
    qsort(sorted, count, sizeof(*sorted), by_start);
    from = whole_day(sorted[0]->row.starts_at - BEFORE_MS);
    offset_s = offset_at(zone, from);
    ics_line(ics, "BEGIN:VTIMEZONE");
    ics_line(ics, "TZID:%s", zone);
    for (size_t i = 0; i < count; i++) {
        int64_t next_from = whole_day(sorted[i]->row.starts_at - BEFORE_MS);

        if (i > 0 && next_from > until) {
            offset_s = put_stretch(ics, zone, from, until, offset_s);
            from = next_from;
        }
        if (sorted[i]->row.ends_at + AFTER_MS > until)
            until = sorted[i]->row.ends_at + AFTER_MS;
    }
    put_stretch(ics, zone, from, until, offset_s);
    ics_line(ics, "END:VTIMEZONE");
}
