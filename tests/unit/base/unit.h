#ifndef MEETPOOL_TESTS_UNIT_H
#define MEETPOOL_TESTS_UNIT_H

/* What every cmocka program needs, in the order cmocka needs it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "meetpool/arena.h"

/* For cmocka_unit_test_setup_teardown(): each test has an arena of its own in *state. */
static inline int arena_setup(void **state)
{
    *state = mp_arena_new();
    return 0;
}

static inline int arena_teardown(void **state)
{
    mp_arena_free(*state);
    return 0;
}

#define ARENA_TEST(fn) cmocka_unit_test_setup_teardown(fn, arena_setup, arena_teardown)

#endif
