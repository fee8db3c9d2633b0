#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "meetpool/attr.h"
#include "meetpool/conf.h"

static int open_text(struct mp_arena *arena, const char *text, size_t len, struct mp_conf_source **source, struct mp_error *err)
{
    char path[] = "/tmp/meetpool-test-conf-XXXXXX";
    int fd = mkstemp(path);
    int rc;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), (ssize_t)len);
    close(fd);
    mp_error_init(err, arena);
    rc = mp_conf_open(arena, path, source, err);
    unlink(path);
    return rc;
}

static const char *value_of(struct mp_arena *arena, const char *text)
{
    struct mp_conf_source *source;
    struct mp_error err;

    if (open_text(arena, text, strlen(text), &source, &err) < 0)
        fail_msg("%s: %s", text, mp_error_message(&err));
    return mp_conf_get(source, "MPT_A");
}

static void lines_that_are_right(void **state)
{
    static const char *const cases[][2] = {
        {"MPT_A=1", "1"},
        {"MPT_A=1\n", "1"},
        {"MPT_A=1\r\n", "1"},
        {"  MPT_A=1  \n", "1"},
        {"export MPT_A=1", "1"},
        {"export \t MPT_A=1", "1"},
        {"MPT_A = 1", "1"},
        {"\xef\xbb\xbfMPT_A=1", "1"},
        {"# c\n\n \t\n#MPT_A=2\nMPT_A=1\n", "1"},
        {"MPT_A=1\nMPT_A=2\n", "2"},
        {"MPT_A=a b  c", "a b  c"},
        {"MPT_A=a#b", "a#b"},
        {"MPT_A=a #b", "a"},
        {"MPT_A=a\t# b", "a"},
        {"MPT_A=a=b=", "a=b="},
        {"MPT_A=it's", "it's"},
        {"MPT_A=a\\nb", "a\\nb"},
        {"MPT_A=$HOME", "$HOME"},
        {"MPT_A='a b'", "a b"},
        {"MPT_A='a \\n \"$X\" # b' # c", "a \\n \"$X\" # b"},
        {"MPT_A=\"a # b\"#c", "a # b"},
        {"MPT_A=\"a\\nb\\t\\\"\\\\\\$\"", "a\nb\t\"\\$"},
        {"MPT_A=\"'\"", "'"},
        {"MPT_A='\"'", "\""},
        {"MPT_A=\"  a  \"", "  a  "},
        {"MPT_A=caf\xc3\xa9", "caf\xc3\xa9"},
        {"MPT_A=", NULL},
        {"MPT_A=''", NULL},
        {"MPT_A=\"\"", NULL},
        {"MPT_A= # none", NULL},
        {"MPT_A=#none", NULL},
        {"MPT_A=1\nMPT_A=\n", NULL},
        {"MPT_AB=1\nmpt_a=1\n", NULL},
        {"", NULL},
    };

    for (size_t i = 0; i < MP_COUNT(cases); i++) {
        const char *value = value_of(*state, cases[i][0]);

        if (cases[i][1] ? !value || strcmp(value, cases[i][1]) != 0 : value != NULL)
            fail_msg("%s gives %s", cases[i][0], value ? value : "nothing");
    }
}

static void lines_that_are_wrong(void **state)
{
    static const char *const cases[] = {
        "hunter2",
        "MPT_A",
        "MPT_A hunter2",
        "1A=hunter2",
        "=hunter2",
        "MPT-A=hunter2",
        "export",
        "export =hunter2",
        "MPT_A='hunter2",
        "MPT_A=\"hunter2",
        "MPT_A='hunter2' x",
        "MPT_A=\"hunter2\"x",
        "MPT_A=\"hunter2\\",
        "MPT_A=\"\\x41\"",
        "MPT_A=\"hunter2\\\"",
        "{\"MPT_A\":1}",
        "MPT_A:hunter2",
        "MPT.A=hunter2",
    };

    for (size_t i = 0; i < MP_COUNT(cases); i++) {
        char *text = mp_arena_printf(*state, "# one\nMPT_B=1\n%s\nMPT_C=1\n", cases[i]);
        struct mp_conf_source *source = NULL;
        struct mp_error err;

        if (open_text(*state, text, strlen(text), &source, &err) == 0)
            fail_msg("%s was taken", cases[i]);
        assert_int_equal(err.code, MP_E_CONFIG);
        assert_non_null(strstr(mp_error_message(&err), ": line 3 "));
        assert_null(strstr(mp_error_message(&err), "hunter2"));
        assert_null(strchr(mp_error_message(&err), '\n'));
    }
}

static void odd_files(void **state)
{
    struct mp_conf_source *source = NULL;
    struct mp_error err;
    size_t len = 2 * 1024 * 1024;
    char *large = mp_arena_alloc(*state, len);

    assert_int_equal(open_text(*state, "MPT_A=a\0b\n", 10, &source, &err), -1);
    memset(large, '\n', len);
    assert_int_equal(open_text(*state, large, len, &source, &err), -1);
    mp_error_init(&err, *state);
    assert_int_equal(mp_conf_open(*state, "/nonexistent/meetpool.env", &source, &err), -1);
    assert_int_equal(err.code, MP_E_CONFIG);
    assert_non_null(strstr(mp_error_message(&err), "/nonexistent/meetpool.env"));
    assert_int_equal(mp_conf_open(*state, "/tmp", &source, &err), -1);
}

static void the_environment_wins(void **state)
{
    setenv("MPT_A", "outer", 1);
    assert_string_equal(value_of(*state, "MPT_A=inner"), "outer");
    setenv("MPT_A", "", 1);
    assert_string_equal(value_of(*state, "MPT_A=inner"), "inner");
    unsetenv("MPT_A");
    assert_string_equal(value_of(*state, "MPT_A=inner"), "inner");
}

static void no_file(void **state)
{
    struct mp_conf_source *source;
    struct mp_error err;

    mp_error_init(&err, *state);
    setenv("MPT_A", "x", 1);
    assert_int_equal(mp_conf_open(*state, NULL, &source, &err), 0);
    assert_string_equal(mp_conf_get(source, "MPT_A"), "x");
    assert_null(mp_conf_get(source, "MPT_NONE"));
    unsetenv("MPT_A");
}

struct family {
    unsigned sum, count;
};

static void add_up(void *arg, const char *name, const char *value)
{
    struct family *family = arg;

    assert_memory_equal(name, "MPT_N_", 6);
    family->sum += (unsigned)value[0] - '0';
    family->count++;
}

static void families(void **state)
{
    static const char text[] = "MPT_N_1=1\nMPT_N_2=2\nMPT_N_3=\nMPT_N=9\nMPT_N_1=4\nMPT_N_7=5\n";
    struct mp_conf_source *source;
    struct mp_error err;
    struct family family = {0};

    setenv("MPT_N_7", "8", 1);
    assert_int_equal(open_text(*state, text, strlen(text), &source, &err), 0);
    mp_conf_each(source, "MPT_N_", add_up, &family);
    unsetenv("MPT_N_7");
    assert_int_equal(family.count, 3);
    assert_int_equal(family.sum, 4 + 2 + 8);
}

struct settings {
    const char *text;
    struct mp_secret secret;
    int64_t number, seconds, bytes;
    bool flag;
    const char *url, *zone;
};

static const struct mp_setting table[] = {
    MP_SETTING("MPT_TEXT", MP_SET_TEXT, NULL, 2, 5, settings, text),
    MP_SETTING("MPT_SECRET", MP_SET_SECRET, NULL, 8, 64, settings, secret),
    MP_SETTING("MPT_NUMBER", MP_SET_INT, "7", -5, 1000, settings, number),
    MP_SETTING("MPT_SECONDS", MP_SET_SECONDS, "15m", 10, 86400, settings, seconds),
    MP_SETTING("MPT_BYTES", MP_SET_BYTES, "1MiB", 1, INT64_MAX, settings, bytes),
    MP_SETTING("MPT_FLAG", MP_SET_BOOL, "true", 0, 0, settings, flag),
    MP_SETTING("MPT_URL", MP_SET_URL, "https://api.zoom.us/v2/", 0, 0, settings, url),
    MP_SETTING("MPT_ZONE", MP_SET_ZONE, "UTC", 0, 0, settings, zone),
};

static int fill(struct mp_arena *arena, const char *text, struct settings *out, struct mp_error *err)
{
    struct mp_conf_source *source;

    memset(out, 0x5a, sizeof(*out));
    if (open_text(arena, text, strlen(text), &source, err) < 0)
        fail_msg("%s", mp_error_message(err));
    return mp_conf_fill(arena, source, table, MP_COUNT(table), out, err);
}

static void defaults(void **state)
{
    struct settings s;
    struct mp_error err;

    assert_int_equal(fill(*state, "", &s, &err), 0);
    assert_null(s.text);
    assert_false(mp_secret_is_set(&s.secret));
    assert_null(s.secret.hidden);
    assert_true(s.number == 7 && s.seconds == 900 && s.bytes == 1048576 && s.flag);
    assert_string_equal(s.url, "https://api.zoom.us/v2");
    assert_string_equal(s.zone, "UTC");
}

static void values_that_are_right(void **state)
{
    static const struct {
        const char *text;
        int64_t number, seconds, bytes;
        int flag;
    } cases[] = {
        {"MPT_NUMBER=-5", -5, 900, 1048576, 1},
        {"MPT_NUMBER=1000", 1000, 900, 1048576, 1},
        {"MPT_SECONDS=10", 7, 10, 1048576, 1},
        {"MPT_SECONDS=90s", 7, 90, 1048576, 1},
        {"MPT_SECONDS=2h", 7, 7200, 1048576, 1},
        {"MPT_SECONDS=1d", 7, 86400, 1048576, 1},
        {"MPT_BYTES=3", 7, 900, 3, 1},
        {"MPT_BYTES=3K", 7, 900, 3072, 1},
        {"MPT_BYTES=3KiB", 7, 900, 3072, 1},
        {"MPT_BYTES=2G", 7, 900, INT64_C(2) << 30, 1},
        {"MPT_BYTES=2GiB", 7, 900, INT64_C(2) << 30, 1},
        {"MPT_BYTES=5M", 7, 900, 5 << 20, 1},
        {"MPT_FLAG=off", 7, 900, 1048576, 0},
        {"MPT_FLAG=0", 7, 900, 1048576, 0},
        {"MPT_FLAG=No", 7, 900, 1048576, 0},
        {"MPT_FLAG=FALSE", 7, 900, 1048576, 0},
        {"MPT_FLAG=on", 7, 900, 1048576, 1},
        {"MPT_FLAG=yes", 7, 900, 1048576, 1},
    };

    for (size_t i = 0; i < MP_COUNT(cases); i++) {
        struct settings s;
        struct mp_error err;

        assert_int_equal(fill(*state, cases[i].text, &s, &err), 0);
        if (s.number != cases[i].number || s.seconds != cases[i].seconds || s.bytes != cases[i].bytes || s.flag != (cases[i].flag == 1))
            fail_msg("%s", cases[i].text);
    }
}

static void texts_urls_zones(void **state)
{
    static const char *const urls[][2] = {
        {"http://localhost:8080", "http://localhost:8080"},
        {"https://h///", "https://h"},
        {"http://[::1]:9000/a/", "http://[::1]:9000/a"},
        {"https://127.0.0.1/v2", "https://127.0.0.1/v2"},
    };
    struct settings s;
    struct mp_error err;

    for (size_t i = 0; i < MP_COUNT(urls); i++) {
        assert_int_equal(fill(*state, mp_arena_printf(*state, "MPT_URL=%s", urls[i][0]), &s, &err), 0);
        assert_string_equal(s.url, urls[i][1]);
    }
    assert_int_equal(fill(*state, "MPT_TEXT=ab\nMPT_ZONE=Europe/Berlin\nMPT_SECRET='s3cr3t# '", &s, &err), 0);
    assert_string_equal(s.text, "ab");
    assert_string_equal(s.zone, "Europe/Berlin");
    assert_true(mp_secret_equals(&s.secret, mp_slice_of("s3cr3t# ")));
}

static void values_that_are_wrong(void **state)
{
    static const char *const cases[][2] = {
        {"MPT_TEXT", "a"},
        {"MPT_TEXT", "abcdef"},
        {"MPT_SECRET", "hunter2"},
        {"MPT_NUMBER", "-6"},
        {"MPT_NUMBER", "1001"},
        {"MPT_NUMBER", "1.5"},
        {"MPT_NUMBER", "07"},
        {"MPT_NUMBER", "+7"},
        {"MPT_NUMBER", "0x7"},
        {"MPT_NUMBER", "7 7"},
        {"MPT_NUMBER", "seven"},
        {"MPT_NUMBER", "5m"},
        {"MPT_NUMBER", "--5"},
        {"MPT_NUMBER", "-"},
        {"MPT_NUMBER", "99999999999999999999"},
        {"MPT_SECONDS", "9"},
        {"MPT_SECONDS", "m"},
        {"MPT_SECONDS", "15 m"},
        {"MPT_SECONDS", "15ms"},
        {"MPT_SECONDS", "1.5h"},
        {"MPT_SECONDS", "2d"},
        {"MPT_SECONDS", "9223372036854775807d"},
        {"MPT_BYTES", "0"},
        {"MPT_BYTES", "1KB"},
        {"MPT_BYTES", "1k"},
        {"MPT_BYTES", "1TiB"},
        {"MPT_BYTES", "9223372036854775807K"},
        {"MPT_FLAG", "2"},
        {"MPT_FLAG", "ja"},
        {"MPT_FLAG", "truee"},
        {"MPT_URL", "ftp://h"},
        {"MPT_URL", "h"},
        {"MPT_URL", "//h"},
        {"MPT_URL", "http://"},
        {"MPT_URL", "http:///a"},
        {"MPT_URL", "http://u:hunter2@h"},
        {"MPT_URL", "http://h?q=hunter2"},
        {"MPT_URL", "http://h#f"},
        {"MPT_URL", "http://h h"},
        {"MPT_URL", "http://h:0"},
        {"MPT_URL", "http://h:65536"},
        {"MPT_URL", "http://h:x"},
        {"MPT_URL", "http://:80"},
        {"MPT_URL", "http://[::1"},
        {"MPT_URL", "http://a:b:80"},
        {"MPT_URL", "http://h\\a"},
        {"MPT_ZONE", "Mars/Phobos"},
        {"MPT_ZONE", "CEST"},
    };

    for (size_t i = 0; i < MP_COUNT(cases); i++) {
        struct settings s;
        struct mp_error err;

        if (fill(*state, mp_arena_printf(*state, "%s=%s", cases[i][0], cases[i][1]), &s, &err) != -1)
            fail_msg("%s=%s was taken", cases[i][0], cases[i][1]);
        assert_int_equal(err.code, MP_E_CONFIG);
        assert_memory_equal(mp_error_message(&err), cases[i][0], strlen(cases[i][0]));
        assert_null(strstr(mp_error_message(&err), "hunter2"));
        assert_null(strchr(mp_error_message(&err), '\n'));
        assert_string_equal(err.details->field, cases[i][0]);
    }
}

static void every_wrong_setting_is_named(void **state)
{
    struct settings s;
    struct mp_error err;

    assert_int_equal(fill(*state, "MPT_ZONE=X\nMPT_FLAG=X\nMPT_NUMBER=8\nMPT_TEXT=X\n", &s, &err), -1);
    assert_string_equal(err.details->field, "MPT_TEXT");
    assert_string_equal(err.details->next->field, "MPT_FLAG");
    assert_string_equal(err.details->next->next->field, "MPT_ZONE");
    assert_null(err.details->next->next->next);
    assert_string_equal(mp_error_message(&err), "MPT_TEXT must have at least 2 characters");
    assert_true(s.number == 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(lines_that_are_right),
        ARENA_TEST(lines_that_are_wrong),
        ARENA_TEST(odd_files),
        ARENA_TEST(the_environment_wins),
        ARENA_TEST(no_file),
        ARENA_TEST(families),
        ARENA_TEST(defaults),
        ARENA_TEST(values_that_are_right),
        ARENA_TEST(texts_urls_zones),
        ARENA_TEST(values_that_are_wrong),
        ARENA_TEST(every_wrong_setting_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
