#ifndef MEETPOOL_CLOCK_H
#define MEETPOOL_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "meetpool/arena.h"
#include "meetpool/slice.h"

/*
 * Instants are int64_t milliseconds since 1970-01-01T00:00:00Z, named `..._at`; lengths carry their unit (`_ms`, `_s`, `_min`).
 * Intervals of our own (deadlines, back-off) are taken from the monotonic clock; leases from the database's (meetpool/db.h).
 */
int64_t mp_now_ms(void); /* wall clock */
int64_t mp_monotonic_ms(void);
void mp_sleep_ms(unsigned ms); /* ends early when a signal comes */

#define MP_DAY_MS INT64_C(86400000)
/* 9999-12-31T23:59:59.999Z: the latest instant that is taken from outside. */
#define MP_TIME_MAX_MS INT64_C(253402300799999)

/* "2024-01-15T10:00:00.000Z" */
char *mp_time_format(struct mp_arena *arena, int64_t at_ms);
/* "2024-01-15T10:00:00Z", as Zoom takes it (no fraction; rounded down). */
char *mp_time_format_seconds(struct mp_arena *arena, int64_t at_ms);
/* Days since 1970-01-01, for things counted by the UTC day. */
int32_t mp_time_utc_day(int64_t at_ms);

/* Why a time could not be taken; each has a sentence of its own for the client. */
enum mp_time_result {
    MP_TIME_OK,
    MP_TIME_SYNTAX,       /* not RFC 3339 */
    MP_TIME_RANGE,        /* no such day or hour, or outside 1970..9999 */
    MP_TIME_NEEDS_ZONE,   /* local time and no zone to read it in */
    MP_TIME_UNKNOWN_ZONE, /* not in the IANA data base */
    MP_TIME_GAP           /* the clocks jump over that local time */
};

/*
 * An RFC 3339 time with `Z` or an offset; or a local time without either (`2024-03-31T02:30:00`, seconds and fraction optional, `T` or a
 * blank), read in `zone` (NULL: refused as MP_TIME_NEEDS_ZONE). A local time that happens twice is its first occurrence. On MP_TIME_GAP
 * `before` and `after` (either may be NULL) are the last instant before the jump and the first after it; source of the rules: RELIABILITY row 31,
 * glibc's mktime() hides all of these.
 */
enum mp_time_result mp_time_parse(struct mp_slice text, const char *zone, int64_t *at_ms, int64_t *before, int64_t *after);
/* The sentence for the client; `zone` as above. NULL for MP_TIME_OK. */
char *mp_time_explain(struct mp_arena *arena, enum mp_time_result result, const char *zone, int64_t before, int64_t after);

/* Whether the IANA data base of this system has the zone. Case matters. "UTC" always. */
bool mp_zone_known(const char *zone);

struct mp_civil {
    int year, month, day; /* month 1..12 */
    int hour, minute, second, ms;
    int offset_s; /* east of UTC */
};
/* False for an unknown zone. */
bool mp_zone_local(const char *zone, int64_t at_ms, struct mp_civil *out);
/* Civil time in a zone to an instant: MP_TIME_OK, _RANGE, _UNKNOWN_ZONE or _GAP; as mp_time_parse(). `civil->offset_s` is not looked at. */
enum mp_time_result mp_zone_instant(const char *zone, const struct mp_civil *civil, int64_t *at_ms, int64_t *before, int64_t *after);

#endif
