#ifndef MEETPOOL_SECRET_H
#define MEETPOOL_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "meetpool/arena.h"
#include "meetpool/slice.h"

/*
 * A secret is a type of its own, so that it cannot be printed or logged by accident. It lives in an arena and is wiped with it.
 * mp_secret_expose() is the one way to its bytes: whoever calls it is a place to look at in a review.
 */
struct mp_secret {
    char *hidden; /* NUL-terminated; NULL: no secret */
    size_t len;
};

struct mp_secret mp_secret_copy(struct mp_arena *arena, struct mp_slice bytes);
bool mp_secret_is_set(const struct mp_secret *secret);
/* In constant time for equal lengths. */
bool mp_secret_equals(const struct mp_secret *secret, struct mp_slice bytes);
struct mp_slice mp_secret_expose(const struct mp_secret *secret);
/* Before its arena goes: overwrites the bytes now. */
void mp_secret_wipe(struct mp_secret *secret);

#endif
