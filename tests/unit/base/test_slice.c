#include "unit.h"

#include "meetpool/slice.h"

static void equality(void **state)
{
    struct mp_slice none = mp_slice_of(NULL);

    (void)state;
    assert_int_equal(none.len, 0);
    assert_true(mp_slice_eq(none, mp_slice_of("")));
    assert_true(mp_slice_eq_text(mp_slice_of("abc"), "abc"));
    assert_false(mp_slice_eq_text(mp_slice_of("abc"), "abcd"));
    assert_false(mp_slice_eq_text(mp_slice_of("abc"), "abC"));
    assert_false(mp_slice_eq((struct mp_slice){"a\0b", 3}, (struct mp_slice){"a\0c", 3}));
    assert_true(mp_slice_eq_nocase(mp_slice_of("Content-TYPE"), "content-type"));
    assert_false(mp_slice_eq_nocase(mp_slice_of("a@"), "a`")); /* 0x40 and 0x60 differ by the case bit alone */
    assert_false(mp_slice_eq_nocase(mp_slice_of("\xc3\x84"), "\xc3\xa4"));
    assert_true(mp_slice_starts(mp_slice_of("Bearer x"), "Bearer "));
    assert_false(mp_slice_starts(mp_slice_of("Bear"), "Bearer "));
    assert_true(mp_slice_starts(none, ""));
}

static void splitting(void **state)
{
    struct mp_slice rest = mp_slice_of("a,,b"), head;

    (void)state;
    assert_true(mp_slice_split(&rest, ',', &head) && mp_slice_eq_text(head, "a"));
    assert_true(mp_slice_split(&rest, ',', &head) && mp_slice_eq_text(head, ""));
    assert_true(mp_slice_split(&rest, ',', &head) && mp_slice_eq_text(head, "b"));
    assert_false(mp_slice_split(&rest, ',', &head));
    rest = (struct mp_slice){NULL, 0};
    assert_false(mp_slice_split(&rest, ',', &head));
}

static void trimming(void **state)
{
    (void)state;
    assert_true(mp_slice_eq_text(mp_slice_trim(mp_slice_of(" \t a b \t")), "a b"));
    assert_true(mp_slice_eq_text(mp_slice_trim(mp_slice_of(" \t ")), ""));
    assert_true(mp_slice_eq_text(mp_slice_trim(mp_slice_of("a\n")), "a\n"));
    assert_int_equal(mp_slice_trim(mp_slice_of(NULL)).len, 0);
}

static void numbers(void **state)
{
    static const char *const bad[] = {"", " 1", "1 ", "+1", "-1", "01", "00", "300x", "0x10", "1.0", "18446744073709551616", "99999999999999999999"};
    unsigned long long n = 7;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(mp_slice_to_u64(mp_slice_of(bad[i]), UINT64_MAX, &n));
    assert_false(mp_slice_to_u64(mp_slice_of("9223372036854775808"), INT64_MAX, &n));
    assert_false(mp_slice_to_u64(mp_slice_of("11"), 10, &n));
    assert_int_equal(n, 7);
    assert_true(mp_slice_to_u64(mp_slice_of("0"), 0, &n) && n == 0);
    assert_true(mp_slice_to_u64(mp_slice_of("18446744073709551615"), UINT64_MAX, &n) && n == UINT64_MAX);
    assert_true(mp_slice_to_u64((struct mp_slice){"123", 2}, 100, &n) && n == 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equality),
        cmocka_unit_test(splitting),
        cmocka_unit_test(trimming),
        cmocka_unit_test(numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
