#include "../base/unit.h"

#include <string.h>

#include "account_int.h"
#include "meeting_int.h"

#define INSTALL "abcdef0123"
#define REF     "0123456789abcdef"
#define MARKER  "[mp:" INSTALL ":" REF "]"

/* All that a marker needs: who we are. */
struct here {
    struct mp_account_runtime runtime;
    struct mp_account_conf conf;
    struct mp_ctx ctx;
    struct mp_error err;
};

static struct here *here(struct mp_arena *arena)
{
    struct here *h = MP_NEW(arena, struct here);

    memcpy(h->runtime.install_id, INSTALL, sizeof(INSTALL));
    h->conf.runtime = &h->runtime;
    h->ctx.arena = arena;
    h->ctx.account_conf = &h->conf;
    mp_error_init(&h->err, arena);
    return h;
}

static const char *agenda_out(struct here *h, const char *agenda)
{
    const char *out = NULL;

    assert_int_equal(meeting_agenda_out(&h->ctx, REF, agenda, &out, &h->err), 0);
    return out;
}

static size_t chars(const char *text)
{
    size_t n = 0;

    for (; *text != '\0'; text++)
        n += ((unsigned char)*text & 0xC0) != 0x80 ? 1 : 0;
    return n;
}

static void a_new_reference_is_sixteen_hex_digits_and_never_the_same(void **state)
{
    const char *one = meeting_new_ref(*state), *two = meeting_new_ref(*state);

    assert_int_equal(strlen(one), 16);
    assert_int_equal(strspn(one, "0123456789abcdef"), 16);
    assert_string_not_equal(one, two);
}

static void the_marker_stands_in_front_and_comes_off_again(void **state)
{
    static const char *const agendas[] = {"Algebra", "two\nlines", " blank in front", "[mp:x:y]", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "]"};
    struct here *h = here(*state);
    const char *ref;

    for (size_t i = 0; i < MP_COUNT(agendas); i++) {
        const char *out = agenda_out(h, agendas[i]);

        assert_int_equal(strncmp(out, MARKER " ", strlen(MARKER) + 1), 0);
        assert_int_equal(meeting_marker_read(&h->ctx, out, &ref, &h->err), 1);
        assert_string_equal(ref, REF);
        assert_string_equal(meeting_agenda_in(*state, out), agendas[i]);
    }
    assert_string_equal(agenda_out(h, NULL), MARKER);
    assert_string_equal(agenda_out(h, ""), MARKER);
    assert_null(meeting_agenda_in(*state, MARKER));
    assert_null(meeting_agenda_in(*state, MARKER " "));
    assert_null(meeting_agenda_in(*state, ""));
    assert_null(meeting_agenda_in(*state, NULL));
}

/* Zoom counts characters; a cut in the middle of one would be refused as broken UTF-8. */
static void a_long_agenda_is_cut_between_characters(void **state)
{
    static const char *const letters[] = {"a", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    struct here *h = here(*state);

    for (size_t i = 0; i < MP_COUNT(letters); i++) {
        size_t size = strlen(letters[i]);
        size_t units = size == 4 ? 2 : 1; /* of UTF-16, which Zoom may count */
        size_t room = (2000 - strlen(MARKER) - 1) / units;
        char *agenda = mp_arena_alloc(*state, 2000 * size + 1);
        const char *out;

        for (size_t k = 0; k < 2000; k++)
            memcpy(agenda + k * size, letters[i], size);
        agenda[2000 * size] = '\0';
        out = agenda_out(h, agenda);
        assert_int_equal(chars(out), strlen(MARKER) + 1 + room);
        assert_int_equal((strlen(out) - strlen(MARKER) - 1) % size, 0);
        assert_true(meeting_agenda_same(agenda, meeting_agenda_in(*state, out)));
        agenda[room * size] = '\0'; /* just fits */
        assert_string_equal(meeting_agenda_in(*state, agenda_out(h, agenda)), agenda);
    }
}

static void an_agenda_that_was_edited_is_not_the_same(void **state)
{
    char *ours = mp_arena_alloc(*state, 2001), *theirs = mp_arena_alloc(*state, 2001);

    assert_true(meeting_agenda_same(NULL, NULL) && meeting_agenda_same("", NULL) && meeting_agenda_same(NULL, ""));
    assert_true(meeting_agenda_same("Algebra", "Algebra"));
    assert_false(meeting_agenda_same("Algebra", NULL));
    assert_false(meeting_agenda_same("Algebra", "Alge"));
    assert_false(meeting_agenda_same("Algebra", "Algebra, too"));
    assert_false(meeting_agenda_same(NULL, "Algebra"));
    memset(ours, 'x', 2000);
    ours[2000] = '\0';
    memcpy(theirs, ours, 2001);
    theirs[1900] = '\0'; /* shorter than any marker would cut it */
    assert_false(meeting_agenda_same(ours, theirs));
    theirs[1900] = 'y';
    theirs[1966] = '\0';
    assert_false(meeting_agenda_same(ours, theirs));
}

static void the_marker_survives_the_cut_of_lists(void **state)
{
    struct here *h = here(*state);
    char *agenda = mp_arena_alloc(*state, 2001);
    const char *ref;

    memset(agenda, 'x', 2000);
    agenda[2000] = '\0';
    agenda = mp_arena_strndup(*state, (struct mp_slice){agenda_out(h, agenda), 250});
    assert_int_equal(meeting_marker_read(&h->ctx, agenda, &ref, &h->err), 1);
    assert_string_equal(ref, REF);
}

static void markers_of_another_installation_are_not_ours(void **state)
{
    static const char *const foreign[] = {"[mp:abcdef0124:" REF "]", "[mp::" REF "]", "[mp:abcdef01234:" REF "] x", "[mp:ABCDEF0123:" REF "]"};
    struct here *h = here(*state);
    const char *ref = "untouched";

    for (size_t i = 0; i < MP_COUNT(foreign); i++)
        assert_int_equal(meeting_marker_read(&h->ctx, foreign[i], &ref, &h->err), 0);
    assert_string_equal(ref, "untouched");
}

static void text_that_only_looks_like_a_marker_is_left_alone(void **state)
{
    static const char *const hostile[] = {"[mp:",
                                          "[mp:" INSTALL,
                                          "[mp:" INSTALL ":",
                                          "[mp:" INSTALL ":0123456789abcde]",
                                          "[mp:" INSTALL ":0123456789abcdef",
                                          "[mp:" INSTALL ":0123456789abcdefg]",
                                          "[mp:" INSTALL ":0123456789abcdeg]",
                                          "[mp:" INSTALL ":0123456789 bcdef]",
                                          "[MP:" INSTALL ":" REF "]",
                                          " " MARKER,
                                          "x" MARKER,
                                          "[mp:" INSTALL ";" REF "]",
                                          "[mp:\xff\xfe:0123456789abcde\xc3]",
                                          "Agenda"};
    struct here *h = here(*state);
    const char *ref = "untouched";

    for (size_t i = 0; i < MP_COUNT(hostile); i++) {
        assert_int_equal(meeting_marker_read(&h->ctx, hostile[i], &ref, &h->err), 0);
        assert_string_equal(meeting_agenda_in(*state, hostile[i]), hostile[i]);
    }
    assert_string_equal(ref, "untouched");
    assert_int_equal(meeting_marker_read(&h->ctx, NULL, &ref, &h->err), 0);
}

/* The user's own text in front of the colon is no marker of anybody: it must not vanish from the agenda. */
static void an_agenda_with_brackets_and_colons_keeps_its_text(void **state)
{
    static const char agenda[] = "[mp: agenda, to be read aloud in the room at 10:0123456789abcdef] and more";

    assert_string_equal(meeting_agenda_in(*state, agenda), agenda);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(a_new_reference_is_sixteen_hex_digits_and_never_the_same),
        ARENA_TEST(the_marker_stands_in_front_and_comes_off_again),
        ARENA_TEST(a_long_agenda_is_cut_between_characters),
        ARENA_TEST(an_agenda_that_was_edited_is_not_the_same),
        ARENA_TEST(the_marker_survives_the_cut_of_lists),
        ARENA_TEST(markers_of_another_installation_are_not_ours),
        ARENA_TEST(text_that_only_looks_like_a_marker_is_left_alone),
        ARENA_TEST(an_agenda_with_brackets_and_colons_keeps_its_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
