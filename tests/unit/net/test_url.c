#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "meetpool/http.h"
#include "meetpool/stream.h"

static struct mp_arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = mp_arena_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    mp_arena_free(arena);
    return 0;
}

static void encodes_all_but_unreserved(void **state)
{
    (void)state;
    assert_string_equal(mp_url_encode(arena, mp_slice_of("AZaz09-._~")), "AZaz09-._~");
    assert_string_equal(mp_url_encode(arena, mp_slice_of("/aDY+lo=h //")), "%2FaDY%2Blo%3Dh%20%2F%2F");
    assert_string_equal(mp_url_encode(arena, mp_slice_of("h1@example.com%")), "h1%40example.com%25");
    assert_string_equal(mp_url_encode(arena, (struct mp_slice){"\0\xff\xc3\xa9", 4}), "%00%FF%C3%A9");
    assert_string_equal(mp_url_encode(arena, (struct mp_slice){NULL, 0}), "");
}

static void takes_the_parts(void **state)
{
    static const struct {
        const char *text, *scheme, *host;
        unsigned port;
        const char *path;
    } rows[] = {
        {"https://api.zoom.us/v2", "https", "api.zoom.us", 443, "/v2"},
        {"HTTPS://API.Zoom.US/V2?a=B&c=/", "https", "api.zoom.us", 443, "/V2?a=B&c=/"},
        {"http://127.0.0.1:8490", "http", "127.0.0.1", 8490, "/"},
        {"http://localhost?x", "http", "localhost", 80, "/?x"},
        {"https://[::1]:65535/a#b", "https", "::1", 65535, "/a"},
        {"https://[2001:DB8::1]", "https", "2001:db8::1", 443, "/"},
        {"https://a#/b", "https", "a", 443, "/"},
        {"https://a/user@b:c", "https", "a", 443, "/user@b:c"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mp_url url;

        print_message("%s\n", rows[i].text);
        assert_true(mp_url_parse(arena, rows[i].text, &url));
        assert_string_equal(url.scheme, rows[i].scheme);
        assert_string_equal(url.host, rows[i].host);
        assert_int_equal(url.port, rows[i].port);
        assert_string_equal(url.path, rows[i].path);
    }
}

static void refuses_what_readers_take_differently(void **state)
{
    static const char *const rows[] = {
        "",
        "https",
        "https:/a",
        "https://",
        "https:///a",
        "//a/b",
        "ftp://a/",
        "file:///etc/passwd",
        "javascript://a",
        " https://a/",
        "https://a/ b",
        "https://a/\r\nHost: b",
        "https://a\\@b/",
        "https://user@a/",
        "https://user:pw@a/",
        "https://a:/",
        "https://a:0/",
        "https://a:65536/",
        "https://a:080/",
        "https://a:+80/",
        "https://a:80:80/",
        "https://a:80b/",
        "https://.a/",
        "https://a../",
        "https://a./",
        "https://-a/",
        "https://a%2eb/",
        "https://a,b/",
        "https://[::1/",
        "https://[::1]a/",
        "https://[::1%25lo]/",
        "https://[127.0.0.1]/",
        "https://::1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f.0.0.0x1/",
        "https://0177.0.0.1/",
        "https://127.0.0.256/",
        "https://\xe2\x93\x9b.com/",
        "https://a/\xc3\xa9",
        "https://a/\"",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mp_url url;

        print_message("%s\n", rows[i]);
        assert_false(mp_url_parse(arena, rows[i], &url));
    }
}

static void refuses_a_host_that_is_too_long(void **state)
{
    char text[300] = "https://";
    struct mp_url url;

    (void)state;
    memset(text + 8, 'a', 253);
    assert_true(mp_url_parse(arena, text, &url));
    text[8 + 253] = 'a';
    assert_false(mp_url_parse(arena, text, &url));
}

static void knows_loopback(void **state)
{
    static const struct {
        const char *text;
        bool loopback;
    } rows[] = {
        {"http://127.0.0.1/", true},
        {"http://127.255.255.254:1/", true},
        {"http://[::1]/", true},
        {"http://[0:0:0:0:0:0:0:1]/", true},
        {"http://LOCALHOST/", true},
        {"http://126.255.255.255/", false},
        {"http://128.0.0.1/", false},
        {"http://0.0.0.0/", false},
        {"http://[::]/", false},
        {"http://[::ffff:127.0.0.1]/", false},
        {"http://localhost.example.com/", false},
        {"http://127.0.0.1.example.com/", false},
        {"http://api.zoom.us/", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct mp_url url;

        print_message("%s\n", rows[i].text);
        assert_true(mp_url_parse(arena, rows[i].text, &url));
        assert_int_equal(mp_url_is_loopback(&url), rows[i].loopback);
    }
}

static void joins_what_a_location_says(void **state)
{
    static const struct {
        const char *text, *joined;
    } rows[] = {
        {"https://b.example/x", "https://b.example/x"},
        {"//b.example/x?y=1#z", "https://b.example/x?y=1"},
        {"/x", "https://a.example:8443/x"},
        {"x", "https://a.example:8443/p/x"},
        {"../x", "https://a.example:8443/x"},
        {"?y=%2F", "https://a.example:8443/p/q?y=%2F"},
        {"https://zoom.us@b.example/", NULL},
        {"https://b.example:99999/", NULL},
        {"https://b.exa mple/", NULL},
        {"https://b.example/\r\nX: y", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *joined = mp_url_join(arena, "https://a.example:8443/p/q?r=s", rows[i].text);

        print_message("%s\n", rows[i].text);
        if (rows[i].joined)
            assert_string_equal(joined, rows[i].joined);
        else
            assert_null(joined);
    }
}

static void knows_what_is_no_host_of_the_internet(void **state)
{
    static const struct {
        const char *ip;
        enum mp_address kind;
    } rows[] = {
        {"8.8.8.8", MP_ADDRESS_PUBLIC},
        {"127.0.0.1", MP_ADDRESS_LOOPBACK},
        {"127.255.255.254", MP_ADDRESS_LOOPBACK},
        {"0.0.0.0", MP_ADDRESS_PRIVATE},
        {"9.255.255.255", MP_ADDRESS_PUBLIC},
        {"10.0.0.0", MP_ADDRESS_PRIVATE},
        {"10.255.255.255", MP_ADDRESS_PRIVATE},
        {"11.0.0.0", MP_ADDRESS_PUBLIC},
        {"100.63.255.255", MP_ADDRESS_PUBLIC},
        {"100.64.0.0", MP_ADDRESS_PRIVATE},
        {"100.127.255.255", MP_ADDRESS_PRIVATE},
        {"100.128.0.0", MP_ADDRESS_PUBLIC},
        {"169.254.169.254", MP_ADDRESS_PRIVATE},
        {"172.15.255.255", MP_ADDRESS_PUBLIC},
        {"172.16.0.1", MP_ADDRESS_PRIVATE},
        {"172.31.255.255", MP_ADDRESS_PRIVATE},
        {"172.32.0.0", MP_ADDRESS_PUBLIC},
        {"192.168.1.1", MP_ADDRESS_PRIVATE},
        {"198.19.0.1", MP_ADDRESS_PRIVATE},
        {"224.0.0.1", MP_ADDRESS_PRIVATE},
        {"255.255.255.255", MP_ADDRESS_PRIVATE},
        {"::", MP_ADDRESS_PRIVATE},
        {"::1", MP_ADDRESS_LOOPBACK},
        {"::ffff:10.0.0.1", MP_ADDRESS_PRIVATE},
        {"::ffff:127.0.0.1", MP_ADDRESS_LOOPBACK},
        {"::ffff:8.8.8.8", MP_ADDRESS_PUBLIC},
        {"64:ff9b::a9fe:a9fe", MP_ADDRESS_PRIVATE},
        {"2002:a00:1::1", MP_ADDRESS_PRIVATE},
        {"2001:0:1::1", MP_ADDRESS_PRIVATE},
        {"2001:4860:4860::8888", MP_ADDRESS_PUBLIC},
        {"fc00::1", MP_ADDRESS_PRIVATE},
        {"fd00:ec2::254", MP_ADDRESS_PRIVATE},
        {"fe80::1", MP_ADDRESS_PRIVATE},
        {"ff02::1", MP_ADDRESS_PRIVATE},
        {"example.com", MP_ADDRESS_PRIVATE},
        {"", MP_ADDRESS_PRIVATE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_message("%s\n", rows[i].ip);
        assert_int_equal(mp_address_of(rows[i].ip), rows[i].kind);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(encodes_all_but_unreserved, setup, teardown),
        cmocka_unit_test_setup_teardown(takes_the_parts, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_what_readers_take_differently, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_a_host_that_is_too_long, setup, teardown),
        cmocka_unit_test_setup_teardown(knows_loopback, setup, teardown),
        cmocka_unit_test_setup_teardown(joins_what_a_location_says, setup, teardown),
        cmocka_unit_test_setup_teardown(knows_what_is_no_host_of_the_internet, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
