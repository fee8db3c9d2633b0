#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "meetpool/attr.h"
#include "meetpool/buf.h"
#include "meetpool/secret.h"

struct trace {
    char text[32];
    size_t len;
};

struct step {
    struct trace *trace;
    char letter;
};

static void note(void *object)
{
    struct step *step = object;

    step->trace->text[step->trace->len++] = step->letter;
}

static void defer_note(struct mp_arena *arena, struct trace *trace, char letter)
{
    struct step *step = MP_NEW(arena, struct step);

    *step = (struct step){trace, letter};
    mp_arena_defer(arena, note, step);
}

static void memory_is_zeroed_and_aligned(void **state)
{
    static const size_t sizes[] = {0, 1, 3, 16, 17, 1000, 32000, 33000, 1000000};

    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < MP_COUNT(sizes); i++) {
            unsigned char *p = mp_arena_alloc(*state, sizes[i]);

            assert_non_null(p);
            assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
            for (size_t k = 0; k < sizes[i]; k++)
                assert_int_equal(p[k], 0);
            memset(p, 0xa5, sizes[i]);
        }
        mp_arena_clear(*state);
    }
}

static void pieces_do_not_overlap(void **state)
{
    unsigned char *p[400];
    size_t len[400];

    for (size_t i = 0; i < 400; i++) {
        len[i] = (i * 7919) % (i % 50 == 0 ? 50000 : 300);
        p[i] = mp_arena_alloc(*state, len[i]);
        memset(p[i], (int)(i & 255), len[i]);
    }
    for (size_t i = 0; i < 400; i++) {
        for (size_t k = 0; k < len[i]; k++)
            assert_int_equal(p[i][k], i & 255);
    }
}

static void deferred_runs_in_reverse(void **state)
{
    struct trace trace = {0};

    for (char c = 'a'; c <= 'f'; c++) {
        defer_note(*state, &trace, c);
        mp_arena_alloc(*state, 20000); /* over the edges of blocks */
    }
    mp_arena_clear(*state);
    assert_string_equal(trace.text, "fedcba");
    mp_arena_clear(*state);
    assert_string_equal(trace.text, "fedcba");
}

static void marks_nest(void **state)
{
    struct trace trace = {0};
    struct mp_arena_mark outer, inner;
    char *kept;

    defer_note(*state, &trace, 'a');
    kept = mp_arena_strdup(*state, "kept");
    outer = mp_arena_mark(*state);
    defer_note(*state, &trace, 'b');
    mp_arena_alloc(*state, 40000);
    inner = mp_arena_mark(*state);
    defer_note(*state, &trace, 'c');
    mp_arena_alloc(*state, 100000);
    mp_arena_rewind(*state, inner);
    assert_string_equal(trace.text, "c");
    defer_note(*state, &trace, 'd');
    mp_arena_rewind(*state, outer);
    assert_string_equal(trace.text, "cdb");
    assert_string_equal(kept, "kept");
    mp_arena_clear(*state);
    assert_string_equal(trace.text, "cdba");
}

static void a_loop_with_a_mark_reuses_memory(void **state)
{
    struct mp_arena_mark mark = mp_arena_mark(*state);
    char *first = mp_arena_alloc(*state, 100);

    for (int i = 0; i < 1000; i++) {
        mp_arena_rewind(*state, mark);
        assert_ptr_equal(mp_arena_alloc(*state, 100), first);
        mp_arena_alloc(*state, 60000);
    }
}

static void texts(void **state)
{
    char *large = mp_arena_alloc(*state, 5001);

    memset(large, 'x', 5000);
    assert_null(mp_arena_strdup(*state, NULL));
    assert_string_equal(mp_arena_strdup(*state, ""), "");
    assert_string_equal(mp_arena_strndup(*state, (struct mp_slice){NULL, 0}), "");
    assert_string_equal(mp_arena_strndup(*state, (struct mp_slice){"abcdef", 3}), "abc");
    assert_string_equal(mp_arena_printf(*state, "%s-%d", "a", 7), "a-7");
    assert_string_equal(mp_arena_printf(*state, "%s", large), large);
    for (size_t len = 250; len < 260; len++) {
        struct mp_slice piece = {large, len};

        assert_int_equal(strlen(mp_arena_printf(*state, "%.*s", (int)piece.len, piece.p)), len);
    }
}

static void no_memory_ends_the_process(void **state)
{
    int status;
    pid_t child;

    (void)state;
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct mp_arena *arena = mp_arena_new();
        size_t huge = SIZE_MAX / 2 + 2;

        close(STDERR_FILENO);
        mp_arena_array(arena, huge, 2);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_not_equal(WEXITSTATUS(status), 0);
}

static void null_is_freed(void **state)
{
    (void)state;
    mp_arena_free(NULL);
}

struct witness {
    const char *bytes;
    bool wiped;
};

static void look(void *object)
{
    struct witness *w = object;

    w->wiped = memcmp(w->bytes, "\0\0\0\0\0\0\0", 7) == 0;
}

static void secrets_are_wiped_with_the_arena(void **state)
{
    static struct witness w;
    struct mp_secret secret;

    mp_arena_defer(*state, look, &w); /* runs after what is deferred later, before the memory goes */
    secret = mp_secret_copy(*state, mp_slice_of("hunter2"));
    w.bytes = secret.hidden;
    assert_memory_equal(w.bytes, "hunter2", 8);
    mp_arena_clear(*state);
    assert_true(w.wiped);
}

static void secrets(void **state)
{
    struct mp_secret secret = mp_secret_copy(*state, mp_slice_of("hunter2"));
    struct mp_secret none = mp_secret_copy(*state, mp_slice_of(NULL));
    const char *bytes = secret.hidden;

    assert_true(mp_secret_is_set(&secret));
    assert_false(mp_secret_is_set(&none));
    assert_true(mp_secret_equals(&secret, mp_slice_of("hunter2")));
    assert_false(mp_secret_equals(&secret, mp_slice_of("hunter3")));
    assert_false(mp_secret_equals(&secret, mp_slice_of("hunter")));
    assert_false(mp_secret_equals(&none, mp_slice_of("")));
    assert_true(mp_slice_eq_text(mp_secret_expose(&secret), "hunter2"));
    mp_secret_wipe(&secret);
    assert_false(mp_secret_is_set(&secret));
    assert_memory_equal(bytes, "\0\0\0\0\0\0\0", 7);
    mp_secret_wipe(&none);
}

static void buffers_know_their_limit(void **state)
{
    struct mp_buf buf;

    mp_buf_init(&buf, *state, 10);
    assert_string_equal(mp_buf_text(&buf), "");
    assert_int_equal(mp_buf_slice(&buf).len, 0);
    assert_true(mp_buf_add(&buf, "12345678"));
    assert_false(mp_buf_add(&buf, "abc"));
    assert_true(buf.full);
    assert_string_equal(mp_buf_text(&buf), "12345678");
    assert_true(mp_buf_add(&buf, "90"));
    assert_true(buf.full); /* once is for good */
    assert_false(mp_buf_append(&buf, "x", SIZE_MAX));
    assert_true(mp_buf_append(&buf, NULL, 0));
    assert_string_equal(mp_buf_text(&buf), "1234567890");
    mp_buf_init(&buf, *state, 10);
    assert_false(mp_buf_addf(&buf, "%d", 1234567890 / 10 * 10 + 1) && mp_buf_addf(&buf, "x"));
    assert_string_equal(mp_buf_text(&buf), "1234567891");
    mp_buf_init(&buf, *state, 0);
    assert_true(mp_buf_add(&buf, ""));
    assert_false(mp_buf_add(&buf, "x"));
}

static void buffers_grow(void **state)
{
    struct mp_buf buf;

    mp_buf_init(&buf, *state, SIZE_MAX);
    for (int i = 0; i < 20000; i++)
        assert_true(mp_buf_addf(&buf, "%05d,", i));
    assert_int_equal(buf.len, 120000);
    assert_memory_equal(buf.p + 6L * 12345, "12345,", 6);
    assert_int_equal(buf.p[buf.len], 0);
    assert_false(buf.full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(memory_is_zeroed_and_aligned),     ARENA_TEST(pieces_do_not_overlap),
        ARENA_TEST(deferred_runs_in_reverse),         ARENA_TEST(marks_nest),
        ARENA_TEST(a_loop_with_a_mark_reuses_memory), ARENA_TEST(texts),
        cmocka_unit_test(no_memory_ends_the_process), cmocka_unit_test(null_is_freed),
        ARENA_TEST(secrets_are_wiped_with_the_arena), ARENA_TEST(secrets),
        ARENA_TEST(buffers_know_their_limit),         ARENA_TEST(buffers_grow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
