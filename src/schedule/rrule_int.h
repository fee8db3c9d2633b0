#ifndef MEETPOOL_RRULE_INT_H
#define MEETPOOL_RRULE_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "meetpool/arena.h"
#include "meetpool/error.h"

/* A recurrence rule as RFC 5545 section 3.3.10 has it; FREQ is DAILY or rarer. */
enum rrule_freq { RRULE_DAILY, RRULE_WEEKLY, RRULE_MONTHLY, RRULE_YEARLY };

/* What the last start is held against. RFC 5545 wants UTC where the start is in a zone; all three are met in the wild. */
enum rrule_until { RRULE_UNTIL_NONE, RRULE_UNTIL_DAY, RRULE_UNTIL_LOCAL, RRULE_UNTIL_UTC };

#define RRULE_REACH 366 /* the greatest number in any list */

/* The numbers of one list; negative ones count from the end. */
struct rrule_set {
    bool given;
    bool has[2 * RRULE_REACH + 1]; /* number n at n + RRULE_REACH */
};

enum rrule_list { RRULE_MONTH, RRULE_WEEK_NO, RRULE_YEAR_DAY, RRULE_MONTH_DAY, RRULE_HOUR, RRULE_MINUTE, RRULE_SECOND, RRULE_SET_POS, RRULE_LISTS };

struct rrule {
    enum rrule_freq freq;
    int interval;
    size_t count; /* 0: UNTIL it is */
    enum rrule_until until_kind;
    int64_t until;  /* ms since 1970: of the instant, or of the local time (for a day: its midnight) read as UTC */
    int week_start; /* 0 Monday .. 6 Sunday */
    struct rrule_set list[RRULE_LISTS];
    bool by_day;
    struct rrule_set day[7]; /* a weekday's positions, Monday first; 0: every one */
};

/* Reads a rule strictly: each part known, there once, in range and where the RFC allows it; COUNT or UNTIL, not both, COUNT at most `most`. -1: the
 * reason is noted for `field`. */
int rrule_parse(struct mp_arena *arena, const char *text, size_t most, const char *field, struct rrule **out, struct mp_error *err) MP_MUST_CHECK;

static inline bool rrule_has(const struct rrule_set *set, int number)
{
    return number >= -RRULE_REACH && number <= RRULE_REACH && set->has[number + RRULE_REACH];
}

static inline void rrule_add(struct rrule_set *set, int number)
{
    set->given = true;
    set->has[number + RRULE_REACH] = true;
}

#endif
