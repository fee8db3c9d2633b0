#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "meetpool/attr.h"
#include "meetpool/buf.h"
#include "meetpool/json.h"

/* sizeof, not strlen: some have a NUL inside. */
#define TEXT(s)                                                                                                                                      \
    {                                                                                                                                                \
        s, sizeof(s) - 1                                                                                                                             \
    }

static const struct mp_slice good[] = {
    TEXT("{}"),
    TEXT("[]"),
    TEXT(" \t\r\n{ \t\r\n} \t\r\n"),
    TEXT("0"),
    TEXT("-0"),
    TEXT("7"),
    TEXT(" 7 "),
    TEXT("-1"),
    TEXT("0.0"),
    TEXT("-0.0"),
    TEXT("1e1"),
    TEXT("1E+1"),
    TEXT("1e-1"),
    TEXT("0e0"),
    TEXT("1.25e308"),
    TEXT("1e-400"),
    TEXT("9223372036854775807"),
    TEXT("-9223372036854775808"),
    TEXT("true"),
    TEXT("false"),
    TEXT("null"),
    TEXT(" null\n"),
    TEXT("\"\""),
    TEXT("\"a\""),
    TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
    TEXT("\"\\u0041\\u00e9\\u20AC\""),
    TEXT("\"\\ud83c\\udf93\""),
    TEXT("\"\\uD83C\\uDF93\\ud83c\\udf93\""),
    TEXT("\"\\u0001\""),
    TEXT("\"\x7f\""),
    TEXT("\"\xc2\x80\""),
    TEXT("\"\xdf\xbf\""),
    TEXT("\"\xe0\xa0\x80\""),
    TEXT("\"\xed\x9f\xbf\""),
    TEXT("\"\xee\x80\x80\""),
    TEXT("\"\xef\xbf\xbf\""),
    TEXT("\"\xf0\x90\x80\x80\""),
    TEXT("\"\xf4\x8f\xbf\xbf\""),
    TEXT("\"\xe2\x80\xa8\""),
    TEXT("{\"\":1}"),
    TEXT("{\"a\":1,\"A\":2}"),
    TEXT("{\"a\":{\"a\":{\"a\":1}}}"),
    TEXT("[{\"a\":1},{\"a\":2}]"),
    TEXT("{\"a\":[1,2,{\"b\":null}],\"c\":\"d\"}"),
    TEXT("[1 , 2\n,\t3]"),
    TEXT("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"),
    TEXT("{\"//\":\"/*\"}"),
    TEXT("{\"\\u0061\":1,\"b\":2}"),
    TEXT("[1.0000000000000000000000000000000000000000000000000001]"),
    TEXT("{\"a\":\"{\\\"a\\\":1,\\\"a\\\":2}\"}"),
};

static const struct bad_case {
    struct mp_slice text;
    size_t at;
} bad[] = {
    {TEXT(""), 0},
    {TEXT(" "), 1},
    {TEXT("\n\t\r "), 4},
    {TEXT("\0"), 0},
    {TEXT("{}\0"), 2},
    {TEXT("\xef\xbb\xbf{}"), 0},
    {TEXT("{"), 1},
    {TEXT("["), 1},
    {TEXT("}"), 0},
    {TEXT("]"), 0},
    {TEXT("{]"), 1},
    {TEXT("[}"), 1},
    {TEXT("[1"), 2},
    {TEXT("[1,"), 3},
    {TEXT("[1,]"), 3},
    {TEXT("[,1]"), 1},
    {TEXT("[1,,2]"), 3},
    {TEXT("[1 2]"), 3},
    {TEXT("{,}"), 1},
    {TEXT("{\"a\"}"), 4},
    {TEXT("{\"a\" 1}"), 5},
    {TEXT("{\"a\":}"), 5},
    {TEXT("{\"a\":1,}"), 7},
    {TEXT("{\"a\":1 \"b\":2}"), 7},
    {TEXT("{\"a\":1"), 6},
    {TEXT("{\"a\"::1}"), 5},
    {TEXT("{a:1}"), 1},
    {TEXT("{'a':1}"), 1},
    {TEXT("{1:1}"), 1},
    {TEXT("{null:1}"), 1},
    {TEXT("{\"a\":1}}"), 7},
    {TEXT("{} {}"), 3},
    {TEXT("1 2"), 2},
    {TEXT("[]x"), 2},
    {TEXT("// c\n{}"), 0},
    {TEXT("/* c */{}"), 0},
    {TEXT("{}//"), 2},
    {TEXT("{/**/}"), 1},
    {TEXT("'a'"), 0},
    {TEXT("a"), 0},
    {TEXT("True"), 0},
    {TEXT("TRUE"), 0},
    {TEXT("tru"), 0},
    {TEXT("truex"), 4},
    {TEXT("nul"), 0},
    {TEXT("NULL"), 0},
    {TEXT("nullnull"), 4},
    {TEXT("undefined"), 0},
    {TEXT("NaN"), 0},
    {TEXT("nan"), 0},
    {TEXT("Infinity"), 0},
    {TEXT("-Infinity"), 0},
    {TEXT("-"), 0},
    {TEXT("+1"), 0},
    {TEXT("--1"), 0},
    {TEXT("01"), 1},
    {TEXT("-01"), 2},
    {TEXT("00"), 1},
    {TEXT("1."), 0},
    {TEXT(".5"), 0},
    {TEXT("-.5"), 0},
    {TEXT("1.e1"), 0},
    {TEXT("1e"), 0},
    {TEXT("1e+"), 0},
    {TEXT("1e1.5"), 3},
    {TEXT("1e1e1"), 3},
    {TEXT("0x10"), 1},
    {TEXT("1_000"), 1},
    {TEXT("1,5"), 1},
    {TEXT("12abc"), 2},
    {TEXT("9223372036854775808"), 0},
    {TEXT("-9223372036854775809"), 0},
    {TEXT("18446744073709551615"), 0},
    {TEXT("{\"id\":99999999999999999999}"), 6},
    {TEXT("1e400"), 0},
    {TEXT("-1e400"), 0},
    {TEXT("[1e309]"), 1},
    {TEXT("1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000.5"), 0},
    {TEXT("\""), 0},
    {TEXT("\"a"), 0},
    {TEXT("[\"a]"), 1},
    {TEXT("\"a\\\""), 0},
    {TEXT("\"\\"), 1},
    {TEXT("\"\\x41\""), 1},
    {TEXT("\"\\'\""), 1},
    {TEXT("\"\\a\""), 1},
    {TEXT("\"\\\0\""), 1},
    {TEXT("\"\\U0041\""), 1},
    {TEXT("\"\\u\""), 1},
    {TEXT("\"\\u004\""), 1},
    {TEXT("\"\\u00g1\""), 1},
    {TEXT("\"\\u+041\""), 1},
    {TEXT("\"\\u0000\""), 1},
    {TEXT("\"ab\\u0000c\""), 3},
    {TEXT("{\"a\\u0000\":1}"), 3},
    {TEXT("\"\\ud800\""), 1},
    {TEXT("\"\\udc00\""), 1},
    {TEXT("\"\\udbff\\udbff\""), 1},
    {TEXT("\"\\udc00\\ud800\""), 1},
    {TEXT("\"\\ud800\\u0041\""), 1},
    {TEXT("\"\\ud800\\n\""), 1},
    {TEXT("\"\\ud800x\""), 1},
    {TEXT("\"\\ud800\\udc0\""), 1},
    {TEXT("\"a\0b\""), 2},
    {TEXT("\"a\nb\""), 2},
    {TEXT("\"a\tb\""), 2},
    {TEXT("\"a\x1f\""), 2},
    {TEXT("{\"a\nb\":1}"), 3},
    {TEXT("\"\x80\""), 1},
    {TEXT("\"\xbf\""), 1},
    {TEXT("\"\xc0\x80\""), 1},
    {TEXT("\"\xc1\xbf\""), 1},
    {TEXT("\"\xc3\""), 1},
    {TEXT("\"\xc3\xc3\""), 1},
    {TEXT("\"\xe0\x9f\xbf\""), 1},
    {TEXT("\"\xed\xa0\x80\""), 1},
    {TEXT("\"\xed\xbf\xbf\""), 1},
    {TEXT("\"\xe2\x82\""), 1},
    {TEXT("\"\xf0\x8f\xbf\xbf\""), 1},
    {TEXT("\"\xf4\x90\x80\x80\""), 1},
    {TEXT("\"\xf5\x80\x80\x80\""), 1},
    {TEXT("\"\xf8\x88\x80\x80\x80\""), 1},
    {TEXT("\"\xff\""), 1},
    {TEXT("\"\xe9t\xe9\""), 1},
    {TEXT("{\"\xff\":1}"), 2},
    {TEXT("\xa0{}"), 0},
    {TEXT("\xc2\xa0{}"), 0},
    {TEXT("\x0b{}"), 0},
    {TEXT("\x0c{}"), 0},
    {TEXT("{}\x0c"), 2},
    {TEXT("{\"a\":1,\"a\":2}"), 7},
    {TEXT("  {\"a\":1,\"a\":1}"), 9},
    {TEXT("{\"a\":null,\"a\":null}"), 10},
    {TEXT("{\"\":1,\"\":2}"), 6},
    {TEXT("{\"x\":{\"a\":1,\"b\":2,\"a\":3}}"), 18},
    {TEXT("[{\"a\":1},{\"a\":1,\"a\":2}]"), 16},
    {TEXT("{\"a\":1,\"\\u0061\":2}"), 7},
    {TEXT("{\"\\n\":1,\"\\u000a\":2}"), 8},
    {TEXT("{\"\xf0\x9f\x8e\x93\":1,\"\\ud83c\\udf93\":2}"), 10},
    {TEXT("{\"a/\":1,\"a\\/\":2}"), 8},
    {TEXT("{\"a\":{\"b\":1},\"c\":2,\"a\":{\"b\":1}}"), 19},
    {TEXT("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"), 32},
};

static void show(const char *what, struct mp_slice text)
{
    print_error("%s: %.*s\n", what, (int)text.len, text.p);
}

static void good_texts(void **state)
{
    for (size_t i = 0; i < MP_COUNT(good); i++) {
        struct json_object *doc = NULL;
        struct mp_error err;

        mp_error_init(&err, *state);
        if (mp_json_parse(*state, good[i], &doc, &err) != 0) {
            show(mp_error_message(&err), good[i]);
            fail();
        }
        assert_false(mp_error_set(&err));
        /* What is written is read again. */
        assert_int_equal(mp_json_parse(*state, mp_slice_of(mp_json_text(*state, doc)), &doc, &err), 0);
    }
}

static void bad_texts(void **state)
{
    for (size_t i = 0; i < MP_COUNT(bad); i++) {
        char *where = mp_arena_printf(*state, "(byte offset %zu)", bad[i].at);
        struct json_object *doc = NULL;
        struct mp_error err;

        mp_error_init(&err, *state);
        if (mp_json_parse(*state, bad[i].text, &doc, &err) != -1) {
            show("taken", bad[i].text);
            fail();
        }
        assert_int_equal(err.code, MP_E_MALFORMED);
        if (!strstr(mp_error_message(&err), where)) {
            show(mp_error_message(&err), bad[i].text);
            fail();
        }
    }
}

/* JSON by RFC 8259 that no value here can hold: the field is named, and json-c sees nothing of it. */
static void bodies_beyond_what_is_held(void **state)
{
    static const struct {
        const char *text, *fields[3];
        enum mp_error_code code;
    } table[] = {
        {"{\"a\":9223372036854775807,\"b\":1e308,\"c\":\"x\"}", {NULL}, MP_E_NONE},
        {"{\"a\":9223372036854775808}", {"a"}, MP_E_INVALID},
        {"{\"a\":-9223372036854775809,\"b\":1e400}", {"a", "b"}, MP_E_INVALID},
        {"{\"a\":{\"b\":[1,{\"c\":[-1e400]}]},\"d\":1}", {"a.b.c"}, MP_E_INVALID},
        {"{\"a\":{\"b\":1},\"c\":\"x\\u0000y\"}", {"c"}, MP_E_INVALID},
        {"{\"x\\u0000y\":1,\"c\":1}", {"x"}, MP_E_INVALID},
        {"{\"\\u0061\":[\"\\u0000\"],\"b\":\"\\u0000\"}", {"a", "b"}, MP_E_INVALID},
        {"[9223372036854775808]", {""}, MP_E_INVALID},
        {"[]", {""}, MP_E_INVALID},
        {"null", {""}, MP_E_INVALID},
        {"\"x\"", {""}, MP_E_INVALID},
        {"{\"a\":1e400", {NULL}, MP_E_MALFORMED},
        {"{\"a\":\"\\u0000\", }", {NULL}, MP_E_MALFORMED},
    };

    for (size_t i = 0; i < MP_COUNT(table); i++) {
        const struct mp_error_detail *detail;
        struct json_object *doc = NULL;
        struct mp_error err;

        mp_error_init(&err, *state);
        assert_int_equal(mp_json_parse_object(*state, mp_slice_of(table[i].text), &doc, &err), table[i].code == MP_E_NONE ? 0 : -1);
        assert_int_equal(err.code, table[i].code);
        detail = err.details;
        for (size_t k = 0; table[i].fields[k]; k++, detail = detail->next) {
            assert_non_null(detail);
            assert_string_equal(detail->field, table[i].fields[k]);
        }
        assert_null(detail);
    }
}

/* Every beginning of a text that is cut short is refused, and nothing behind its end is looked at (AddressSanitizer watches). */
static void cut_texts(void **state)
{
    static const char text[] = "{\"a\":[1.5e3,true,null,\"\\ud83c\\udf93\xc3\xa9\"],\"b\":{\"c\":-0}}";

    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        char *cut = mp_arena_alloc(*state, len);
        struct json_object *doc;
        struct mp_error err;

        mp_error_init(&err, *state);
        memcpy(cut, text, len);
        assert_int_equal(mp_json_parse(*state, (struct mp_slice){cut, len}, &doc, &err), -1);
    }
}

static char *repeat(struct mp_arena *arena, const char *head, const char *fmt, unsigned count, const char *tail)
{
    struct mp_buf buf;

    mp_buf_init(&buf, arena, (size_t)64 << 20);
    mp_buf_add(&buf, head);
    for (unsigned i = 0; i < count; i++) {
        char piece[64];
        const char *hash = strchr(fmt, '#');

        if (i > 0)
            mp_buf_add(&buf, ",");
        if (hash)
            snprintf(piece, sizeof(piece), "%.*s%u%s", (int)(hash - fmt), fmt, i, hash + 1);
        mp_buf_add(&buf, hash ? piece : fmt);
    }
    mp_buf_add(&buf, tail);
    return mp_arena_strdup(arena, mp_buf_text(&buf));
}

static void large_texts_cost_their_length(void **state)
{
    static const char *const shapes[][3] = {
        {"{", "\"k#\":1", "}"}, {"{\"k7\":0,", "\"k#\":1", "}"}, {"[", "\"\\u0041\"", "]"}, {"[", "{\"a\":1}", "]"}, {"[", "1.5", "]"},
    };

    for (size_t i = 0; i < MP_COUNT(shapes); i++) {
        char *text = repeat(*state, shapes[i][0], shapes[i][1], 200000, shapes[i][2]);
        struct json_object *doc;
        struct mp_error err;
        clock_t start = clock();

        mp_error_init(&err, *state);
        assert_int_equal(mp_json_parse(*state, mp_slice_of(text), &doc, &err), i == 1 ? -1 : 0);
        assert_true(clock() - start < 5 * CLOCKS_PER_SEC); /* a square would take minutes */
    }
}

static void a_million_brackets(void **state)
{
    size_t len = 1000000;
    char *text = mp_arena_alloc(*state, len);
    struct json_object *doc;
    struct mp_error err;

    mp_error_init(&err, *state);
    memset(text, '[', len);
    assert_int_equal(mp_json_parse(*state, (struct mp_slice){text, len}, &doc, &err), -1);
    for (size_t i = 0; i < len; i++)
        text[i] = "{\"a\":"[i % 5];
    assert_int_equal(mp_json_parse(*state, (struct mp_slice){text, len}, &doc, &err), -1);
}

static void writing(void **state)
{
    struct json_object *obj = mp_json_object(*state), *list = json_object_new_array();

    mp_json_put_text(obj, "text", "a/b \"c\" \xc3\xa9\n\x01");
    mp_json_put_text(obj, "none", NULL);
    mp_json_put_int(obj, "int", INT64_MIN);
    mp_json_put_bool(obj, "bool", false);
    mp_json_put_null(obj, "null");
    mp_json_put_time(obj, "at", 1705312800123);
    mp_json_put_time(obj, "never", -1);
    json_object_array_add(list, json_object_new_int(1));
    mp_json_put(obj, "list", list);
    mp_json_put_int(obj, "int", 5);
    assert_string_equal(mp_json_text(*state, obj),
                        "{\"text\":\"a/b \\\"c\\\" \xc3\xa9\\n\\u0001\",\"none\":null,\"int\":5,\"bool\":false,\"null\":null,"
                        "\"at\":\"2024-01-15T10:00:00.123Z\",\"never\":null,\"list\":[1]}");
    assert_string_equal(mp_json_text(*state, mp_json_array(*state)), "[]");
    assert_string_equal(mp_json_text(*state, NULL), "null");
}

static struct mp_json_reader reader_of(struct mp_arena *arena, const char *text, const char *prefix, struct mp_error *err)
{
    struct mp_json_reader r = {arena, NULL, prefix, err};

    mp_error_init(err, arena);
    assert_int_equal(mp_json_parse(arena, mp_slice_of(text), &r.obj, err), 0);
    return r;
}

static void text_members(void **state)
{
    struct mp_error err;
    struct mp_json_reader r = reader_of(*state,
                                        "{\"a\":\"\xc3\xa9\xf0\x9f\x8e\x93x\",\"n\":null,\"i\":1,\"e\":\"\",\"c\":\"a\\u0007\",\"d\":\"\\u007f\","
                                        "\"c1\":\"\\u0085\",\"l\":\"a\\n\\tb\"}",
                                        NULL, &err);
    const char *out = "untouched";

    assert_int_equal(mp_json_get_text(&r, "absent", 0, 9, false, &out), 0);
    assert_int_equal(mp_json_get_text(&r, "n", 0, 9, false, &out), 0);
    assert_string_equal(out, "untouched");
    assert_false(mp_error_set(&err));
    assert_int_equal(mp_json_get_text(&r, "a", 3, 3, false, &out), 1);
    assert_string_equal(out, "\xc3\xa9\xf0\x9f\x8e\x93x");
    assert_int_equal(mp_json_get_text(&r, "l", 0, 9, true, &out), 1);
    assert_string_equal(out, "a\n\tb");
    assert_int_equal(mp_json_get_text(&r, "e", 0, 9, false, &out), 1);
    assert_false(mp_error_set(&err));
    assert_int_equal(mp_json_get_text(&r, "a", 0, 2, false, &out), -1);
    assert_int_equal(mp_json_get_text(&r, "a", 4, 9, false, &out), -1);
    assert_int_equal(mp_json_get_text(&r, "e", 1, 9, false, &out), -1);
    assert_int_equal(mp_json_get_text(&r, "i", 0, 9, false, &out), -1);
    assert_int_equal(mp_json_get_text(&r, "l", 0, 9, false, &out), -1);
    assert_int_equal(mp_json_get_text(&r, "c", 0, 9, true, &out), -1);
    assert_int_equal(mp_json_get_text(&r, "d", 0, 9, true, &out), -1);
    assert_int_equal(mp_json_get_text(&r, "c1", 0, 9, true, &out), -1);
    assert_string_equal(out, "");
    assert_int_equal(err.code, MP_E_INVALID);
    assert_string_equal(err.details->field, "a");
    assert_string_equal(err.details->message, "must have at most 2 characters");
    assert_string_equal(err.details->next->next->message, "must not be empty");
    assert_string_equal(err.details_last->field, "c1");
}

static void numbers_are_not_coerced(void **state)
{
    static const char *const wrong[] = {"\"1\"", "1.0", "3.9", "true", "[]", "{}", "1e0", "11", "-1"};
    struct mp_error err;
    int64_t out = 77;

    for (size_t i = 0; i < MP_COUNT(wrong); i++) {
        struct mp_json_reader r = reader_of(*state, mp_arena_printf(*state, "{\"n\":%s}", wrong[i]), "settings.", &err);

        assert_int_equal(mp_json_get_int(&r, "n", 0, 10, &out), -1);
        assert_string_equal(err.details->field, "settings.n");
        assert_string_equal(err.details->message, "must be a whole number from 0 to 10");
    }
    assert_int_equal(out, 77);
    struct mp_json_reader r = reader_of(*state, "{\"a\":-9223372036854775808,\"b\":9223372036854775807,\"z\":-0}", NULL, &err);
    assert_int_equal(mp_json_get_int(&r, "a", INT64_MIN, INT64_MAX, &out), 1);
    assert_true(out == INT64_MIN);
    assert_int_equal(mp_json_get_int(&r, "b", INT64_MIN, INT64_MAX, &out), 1);
    assert_true(out == INT64_MAX);
    assert_int_equal(mp_json_get_int(&r, "z", 0, 0, &out), 1);
    assert_true(out == 0);
    assert_int_equal(mp_json_get_int(&r, "none", 0, 0, &out), 0);
}

static void bools_objects_arrays_enums(void **state)
{
    static const char *const names[] = {"none", "local", "cloud", NULL};
    struct mp_error err;
    struct mp_json_reader r = reader_of(
        *state, "{\"t\":true,\"one\":1,\"s\":\"true\",\"o\":{\"x\":1},\"a\":[1,2],\"e\":\"cloud\",\"f\":\"Cloud\",\"g\":\"\",\"h\":\"local2\"}", NULL,
        &err);
    struct json_object *value = NULL;
    bool yes = false;
    size_t index = 9;

    assert_int_equal(mp_json_get_bool(&r, "t", &yes), 1);
    assert_true(yes);
    assert_int_equal(mp_json_get_object(&r, "o", &value), 1);
    assert_int_equal(json_object_object_length(value), 1);
    assert_int_equal(mp_json_get_array(&r, "a", 2, &value), 1);
    assert_int_equal(mp_json_get_enum(&r, "e", names, &index), 1);
    assert_int_equal(index, 2);
    assert_int_equal(mp_json_get_bool(&r, "x", &yes) + mp_json_get_object(&r, "x", &value) + mp_json_get_array(&r, "x", 1, &value) +
                         mp_json_get_enum(&r, "x", names, &index),
                     0);
    assert_false(mp_error_set(&err));
    assert_int_equal(mp_json_get_bool(&r, "one", &yes), -1);
    assert_int_equal(mp_json_get_bool(&r, "s", &yes), -1);
    assert_int_equal(mp_json_get_object(&r, "a", &value), -1);
    assert_int_equal(mp_json_get_array(&r, "o", 9, &value), -1);
    assert_int_equal(mp_json_get_array(&r, "a", 1, &value), -1);
    assert_int_equal(mp_json_get_enum(&r, "f", names, &index), -1);
    assert_int_equal(mp_json_get_enum(&r, "g", names, &index), -1);
    assert_int_equal(mp_json_get_enum(&r, "h", names, &index), -1);
    assert_int_equal(mp_json_get_enum(&r, "one", names, &index), -1);
    assert_string_equal(err.details_last->message, "must be one of: none, local, cloud");
    assert_int_equal(index, 2);
}

static void zones_and_times(void **state)
{
    struct mp_error err;
    struct mp_json_reader r =
        reader_of(*state,
                  "{\"z\":\"Europe/Berlin\",\"m\":\"Mars/"
                  "Phobos\",\"i\":1,\"u\":\"2024-03-31T00:30:00Z\",\"l\":\"2024-03-31T03:30:00\",\"g\":\"2024-03-31T02:30:00\"}",
                  NULL, &err);
    const char *zone = NULL;
    int64_t at = 0;

    assert_int_equal(mp_json_get_zone(&r, "z", &zone), 1);
    assert_string_equal(zone, "Europe/Berlin");
    assert_int_equal(mp_json_get_time(&r, "u", NULL, &at), 1);
    assert_true(at == 1711845000000);
    assert_int_equal(mp_json_get_time(&r, "l", zone, &at), 1);
    assert_true(at == 1711848600000);
    assert_int_equal(mp_json_get_time(&r, "none", zone, &at), 0);
    assert_false(mp_error_set(&err));
    assert_int_equal(mp_json_get_zone(&r, "m", &zone), -1);
    assert_int_equal(mp_json_get_zone(&r, "i", &zone), -1);
    assert_int_equal(mp_json_get_time(&r, "l", NULL, &at), -1);
    assert_int_equal(mp_json_get_time(&r, "i", zone, &at), -1);
    assert_int_equal(mp_json_get_time(&r, "z", zone, &at), -1);
    assert_int_equal(mp_json_get_time(&r, "g", zone, &at), -1);
    assert_string_equal(err.details_last->message, "does not exist in Europe/Berlin, where the clocks are put forward: choose up to "
                                                   "2024-03-31T01:59:59+01:00 or from 2024-03-31T03:00:00+02:00");
    assert_true(at == 1711848600000);
}

static void presence(void **state)
{
    static const char *const names[] = {"a", "n", NULL};
    struct mp_error err;
    struct mp_json_reader r = reader_of(*state, "{\"a\":0,\"n\":null,\"x\":1,\"%s\":2}", "p.", &err);

    assert_true(mp_json_has(&r, "a"));
    assert_true(mp_json_has(&r, "n"));
    assert_false(mp_json_has(&r, "b"));
    assert_true(mp_json_require(&r, "a"));
    assert_false(mp_error_set(&err));
    assert_false(mp_json_require(&r, "n"));
    assert_false(mp_json_require(&r, "b"));
    assert_string_equal(err.details->field, "p.n");
    assert_string_equal(err.details_last->message, "is required");
    mp_json_refuse_unknown(&r, names);
    assert_string_equal(err.details->next->next->field, "p.x");
    assert_string_equal(err.details_last->field, "p.%s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(good_texts),
        ARENA_TEST(bad_texts),
        ARENA_TEST(cut_texts),
        ARENA_TEST(bodies_beyond_what_is_held),
        ARENA_TEST(large_texts_cost_their_length),
        ARENA_TEST(a_million_brackets),
        ARENA_TEST(writing),
        ARENA_TEST(text_members),
        ARENA_TEST(numbers_are_not_coerced),
        ARENA_TEST(bools_objects_arrays_enums),
        ARENA_TEST(zones_and_times),
        ARENA_TEST(presence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
