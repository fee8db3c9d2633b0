#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "meetpool/clock.h"
#include "meetpool/json.h"
#include "meetpool/log.h"

/* A datagram is a write(2), so a second one would show. */
struct sink {
    struct mp_arena *arena;
    int ends[2];
    struct mp_log log;
    char bytes[70000];
};

static int setup(void **state)
{
    struct sink *sink = calloc(1, sizeof(*sink));

    if (!sink || socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, sink->ends) != 0)
        return -1;
    sink->arena = mp_arena_new();
    sink->log = (struct mp_log){.fd = sink->ends[0], .level = MP_INFO, .role = "worker", .request_id = "r-1"};
    *state = sink;
    return 0;
}

static int teardown(void **state)
{
    struct sink *sink = *state;

    close(sink->ends[0]);
    close(sink->ends[1]);
    mp_arena_free(sink->arena);
    free(sink);
    return 0;
}

static size_t read_line(struct sink *sink)
{
    ssize_t len = read(sink->ends[1], sink->bytes, sizeof(sink->bytes) - 1);

    assert_true(len > 0);
    sink->bytes[len] = '\0';
    assert_int_equal(sink->bytes[len - 1], '\n');
    assert_ptr_equal(memchr(sink->bytes, '\n', (size_t)len), sink->bytes + len - 1);
    assert_int_equal(read(sink->ends[1], sink->bytes + len, 1), -1);
    return (size_t)len;
}

static struct json_object *read_json(struct sink *sink)
{
    struct json_object *doc;
    struct mp_error err;

    mp_error_init(&err, sink->arena);
    assert_int_equal(mp_json_parse(sink->arena, (struct mp_slice){sink->bytes, read_line(sink)}, &doc, &err), 0);
    return doc;
}

static const char *text_of(struct json_object *doc, const char *key)
{
    struct json_object *value;

    assert_true(json_object_object_get_ex(doc, key, &value));
    return json_object_get_string(value);
}

static void a_line_is_an_object(void **state)
{
    struct sink *sink = *state;
    struct json_object *doc;
    int64_t at_ms = 0;

    mp_log(&sink->log, MP_WARNING, "meeting.booked", MP_STR("account", "account_1"), MP_INT("zoom_ms", INT64_MIN), MP_BOOL("late", true),
           MP_STR("note", NULL));
    doc = read_json(sink);
    assert_string_equal(json_object_to_json_string_ext(doc, JSON_C_TO_STRING_PLAIN) + strlen("{\"time\":\"2024-01-15T10:00:00.000Z\","),
                        "\"level\":\"warning\",\"event\":\"meeting.booked\",\"role\":\"worker\",\"request_id\":\"r-1\",\"account\":\"account_1\","
                        "\"zoom_ms\":-9223372036854775808,\"late\":true,\"note\":null}");
    assert_int_equal(mp_time_parse(mp_slice_of(text_of(doc, "time")), NULL, &at_ms, NULL, NULL), MP_TIME_OK);
    assert_true(mp_now_ms() - at_ms < 60000 && mp_now_ms() >= at_ms);
}

static void no_field_is_fine(void **state)
{
    struct sink *sink = *state;

    mp_log(&sink->log, MP_ERROR, "e");
    assert_string_equal(text_of(read_json(sink), "event"), "e");
}

static void levels(void **state)
{
    static const char *const bad[] = {"", "INFO", "warn", "debug ", NULL};
    struct sink *sink = *state;
    enum mp_log_level level = MP_INFO;

    mp_log(&sink->log, MP_DEBUG, "quiet");
    assert_int_equal(read(sink->ends[1], sink->bytes, 1), -1);
    for (size_t i = 0; i < MP_COUNT(bad); i++)
        assert_false(mp_log_level_parse(bad[i], &level));
    assert_int_equal(level, MP_INFO);
    assert_true(mp_log_level_parse("debug", &level) && level == MP_DEBUG);
    assert_true(mp_log_level_parse("error", &level) && level == MP_ERROR);
}

static void input_makes_no_second_line(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"a\r\nb", "a\\r\\nb"},
        {"\x1b[31mred", "\\u001b[31mred"},
        {"\"}\n{\"level\":\"error\"", "\\\"}\\n{\\\"level\\\":\\\"error\\\""},
        {"\xe2\x80\xa8\xe2\x80\xa9", "\\u2028\\u2029"},
        {"\x7f\xc2\x85\xc2\x9b", "\\u007f\\u0085\\u009b"},
        {"\xe2\x80\xae\xe2\x81\xa6\xef\xbb\xbf", "\\u202e\\u2066\\ufeff"},
        {"back\\slash\ttab\b", "back\\\\slash\\ttab\\u0008"},
        {"\xff\xc3", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xed\xa0\x80!", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd!"},
        {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"caf\xc3\xa9 \xf0\x9f\x8e\x93", "caf\xc3\xa9 \xf0\x9f\x8e\x93"},
        {"", ""},
    };
    struct sink *sink = *state;

    for (size_t i = 0; i < MP_COUNT(cases); i++) {
        char *want = mp_arena_printf(sink->arena, ",\"f\":\"%s\",\"g\":1}\n", cases[i].out);
        size_t len;

        sink->log.user = cases[i].in;
        sink->log.job = cases[i].in;
        sink->log.request_id = cases[i].in;
        mp_log(&sink->log, MP_INFO, cases[i].in, MP_STR("f", cases[i].in), MP_INT("g", 1));
        len = read_line(sink);
        assert_string_equal(sink->bytes + len - strlen(want), want);
        mp_log(&sink->log, MP_INFO, cases[i].in, MP_STR("f", cases[i].in), MP_INT("g", 1));
        read_json(sink);
    }
}

static void long_fields_are_cut(void **state)
{
    static const char *const pieces[] = {"x", "\xc3\xa9", "\xf0\x9f\x8e\x93", "\n", "\x01", "\"", "\xff"};
    struct sink *sink = *state;

    for (size_t i = 0; i < MP_COUNT(pieces); i++) {
        char *text = mp_arena_alloc(sink->arena, 200001);
        size_t step = strlen(pieces[i]);
        struct json_object *doc;
        const char *cut;

        for (size_t k = 0; k + step <= 200000; k += step)
            memcpy(text + k, pieces[i], step);
        mp_log(&sink->log, MP_INFO, "e", MP_STR("a", text), MP_STR("b", "after"));
        doc = read_json(sink);
        cut = text_of(doc, "a");
        assert_true(strlen(cut) < 8192);
        assert_string_equal(cut + strlen(cut) - 3, "\xe2\x80\xa6");
        assert_string_equal(text_of(doc, "b"), "after");
    }
}

static void a_full_line_stays_json(void **state)
{
    struct sink *sink = *state;
    char *text = mp_arena_alloc(sink->arena, 8001);

    memset(text, 'y', 8000);
    for (size_t shift = 0; shift < 60; shift++) {
        text[4000 - shift] = '\0';
        mp_log(&sink->log, MP_INFO, "e", MP_STR("a", text), MP_STR("b", text), MP_STR("c", text), MP_STR("d", text), MP_STR("e", text),
               MP_INT("f", 123456789), MP_BOOL("g", true), MP_STR("h", NULL), MP_STR("i", "i"));
        assert_true(read_line(sink) <= 16384);
        mp_log(&sink->log, MP_INFO, "e", MP_STR("a", text), MP_STR("b", text), MP_STR("c", text), MP_STR("d", text + shift), MP_INT("f", 123456789),
               MP_BOOL("g", true), MP_STR("h", NULL), MP_STR("i", "i"));
        assert_string_equal(text_of(read_json(sink), "event"), "e");
    }
}

static void a_broken_descriptor_is_survived(void **state)
{
    struct sink *sink = *state;

    sink->log.fd = -1;
    mp_log(&sink->log, MP_INFO, "lost");
}

#define SINK_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SINK_TEST(a_line_is_an_object),
        SINK_TEST(no_field_is_fine),
        SINK_TEST(levels),
        SINK_TEST(input_makes_no_second_line),
        SINK_TEST(long_fields_are_cut),
        SINK_TEST(a_full_line_stays_json),
        SINK_TEST(a_broken_descriptor_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
