#ifndef STORE_INT_H
#define STORE_INT_H

#include <stdbool.h>
#include <stddef.h>

#include "meetpool/arena.h"

/* A list of rows that grows in an arena. */
struct store_list {
    struct mp_arena *arena;
    size_t size; /* of one row */
    void *rows;
    size_t count, cap;
};

/* The next row, zeroed. */
void *store_list_next(struct store_list *list);
/* A copy of at most so many characters; NULL stays NULL. */
const char *store_cut(struct mp_arena *arena, const char *text, size_t most);
/* Whether a public id may stand in the data base: 24 lower-case hex digits. It is not to be asked for any other, as it refuses to compare what is not
 * ASCII with its column. */
bool store_is_public_id(const char *text);

#endif
