#ifndef MEETPOOL_CALENDAR_INT_H
#define MEETPOOL_CALENDAR_INT_H

#include "meetpool/buf.h"
#include "meetpool/schedule.h"

/* Content lines, folded, into `out`. */
struct ics {
    struct mp_arena *arena;
    struct mp_buf *out;
    size_t column;
};

/* A line of fixed text, without its end. */
void ics_line(struct ics *ics, const char *fmt, ...) MP_PRINTF(2, 3);
/* `name:` and a TEXT value: escaped, without control characters. NULL or empty text: no line. */
void ics_text(struct ics *ics, const char *name, const char *text);

enum calendar_method { CALENDAR_PUBLISH, CALENDAR_REQUEST, CALENDAR_CANCEL };

/* A calendar to be written. Bookings are read as they stand, nothing is looked up. */
struct calendar {
    enum calendar_method method;
    const char *name; /* of a feed; NULL: none */
    const char *host_name;
    const struct mp_booking *bookings;
    size_t count;
    int64_t now_ms;
};

/* iCalendar text (RFC 5545), lines folded. As long as its bookings make it: they were limited when they were taken. */
char *calendar_text(struct mp_arena *arena, const struct calendar *calendar);

/* VTIMEZONE for `zone`, true from a year before each booking in it to two years after. Written through the lines of calendar_text(). */
void calendar_zone(struct ics *ics, const char *zone, const struct mp_booking *const *bookings, size_t count);

#endif
