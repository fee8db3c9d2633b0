#ifndef MEETPOOL_BASE_INT_H
#define MEETPOOL_BASE_INT_H

#include <stddef.h>
#include <stdint.h>

#include "meetpool/attr.h"
#include "meetpool/clock.h"
#include "meetpool/error.h"
#include "meetpool/slice.h"

/* Ends the process at once, after one line (with its newline) on stderr: for what cannot be survived. The master starts another. */
MP_NORETURN void mp_die(const char *line);
MP_NORETURN void mp_die_no_memory(void);

/*
 * Reads one character of UTF-8 as RFC 3629 has it: shortest form, no surrogates, nothing above U+10FFFF. Returns its length in bytes, 0 where
 * the bytes are not a character. `left` > 0.
 */
size_t mp_utf8_decode(const char *p, size_t left, uint32_t *c);
/* What a terminal or a line-wise reader may take for more than text: C0, DEL, C1, U+2028/2029, directional marks, the byte order mark. */
bool mp_utf8_is_control(uint32_t c);

/* Days since 1970-01-01 of a proleptic Gregorian date, and back. */
int64_t mp_days_of(int64_t year, int month, int day);
void mp_civil_of_days(int64_t days, int *year, int *month, int *day);
int mp_days_in_month(int year, int month);

/* Milliseconds since 1970 of a civil time read as UTC; `offset_s` is not looked at. */
int64_t mp_civil_as_utc_ms(const struct mp_civil *civil);
/* The civil time at `offset_s` east of UTC. */
void mp_civil_at(int64_t at_ms, int offset_s, struct mp_civil *out);
bool mp_civil_in_range(const struct mp_civil *civil);

#define MP_TIME_TEXT_BYTES 40
/* "2024-01-15T10:00:00.000Z" without an arena. */
void mp_time_text(int64_t at_ms, char out[MP_TIME_TEXT_BYTES]);

struct mp_json_scan {
    const char *problem; /* NULL: none */
    size_t at;           /* byte offset of the problem */
    size_t keys;         /* of all objects together */
};
/*
 * Whether the text is JSON as meetpool/json.h wants it, but for double keys, which are looked for where `compare_keys` is set. With `values`, what is
 * JSON but beyond what the program can hold (numbers, NUL) is named there instead; json-c must not see such a text.
 */
bool mp_json_scan(struct mp_arena *arena, struct mp_slice text, bool compare_keys, struct mp_error *values, struct mp_json_scan *out);

#endif
