#ifndef MEETPOOL_SLICE_H
#define MEETPOOL_SLICE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Bytes that belong to somebody else: text from outside, before it has been checked, is always a slice. Not NUL-terminated.
 * A slice of no bytes may have p == NULL.
 */
struct mp_slice {
    const char *p;
    size_t len;
};

/* The slice over a string literal or any NUL-terminated text; NULL gives the empty slice. */
struct mp_slice mp_slice_of(const char *text);

bool mp_slice_eq(struct mp_slice a, struct mp_slice b);
bool mp_slice_eq_text(struct mp_slice a, const char *text);
/* ASCII case only, independent of the locale; for header names and schemes. */
bool mp_slice_eq_nocase(struct mp_slice a, const char *text);
bool mp_slice_starts(struct mp_slice a, const char *prefix);

/* Splits off what stands before the first `sep`, which is consumed; the whole rest where there is none. False at the end. */
bool mp_slice_split(struct mp_slice *rest, char sep, struct mp_slice *head);

/* Without leading and trailing blanks and tabs. */
struct mp_slice mp_slice_trim(struct mp_slice s);

/*
 * A whole decimal number: digits only, no sign, no blanks, no leading zero but "0" itself, at most `most`. Returns false, and leaves
 * `out` alone, for everything else ("300x", "+1", " 1", 2^63).
 */
bool mp_slice_to_u64(struct mp_slice s, unsigned long long most, unsigned long long *out);

#endif
