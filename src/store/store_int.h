#ifndef STORE_INT_H
#define STORE_INT_H

#include <stdbool.h>
#include <stddef.h>

#include "meetpool/arena.h"
#include "meetpool/db.h"

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
/*
 * Places of several accounts, named one by one: the optimizer walks a range of each. Where places are joined to accounts it may walk all places that
 * each ever had and nobody gave back instead, as it thinks best.
 */
#define STORE_ACCOUNTS_AT_ONCE 32
#define STORE_EIGHT            "?, ?, ?, ?, ?, ?, ?, ?"
#define STORE_OF_ACCOUNTS      "p.account_id IN (" STORE_EIGHT ", " STORE_EIGHT ", " STORE_EIGHT ", " STORE_EIGHT ")"
/* Binds the parameters of that: up to STORE_ACCOUNTS_AT_ONCE rows of accounts. */
void store_bind_accounts(struct mp_stmt *st, const int64_t *accounts, size_t count);
/* Whether a public id may stand in the data base: 24 lower-case hex digits. It is not to be asked for any other, as it refuses to compare what is not
 * ASCII with its column. */
bool store_is_public_id(const char *text);

#endif
