#include "fixture.h"

static int nothing(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    (void)ctx;
    (void)req;
    (void)res;
    (void)err;
    return 0;
}

static const struct mp_route rows[] = {
    {"GET", "zoom/meetings/{id}", MP_EVERYONE, 0, nothing},
    {"PATCH", "zoom/meetings/{id}", MP_EVERYONE, 0, nothing},
    {"DELETE", "zoom/meetings/{id}", MP_EVERYONE, 0, nothing},
    {"POST", "zoom/meetings", MP_EVERYONE, 0, nothing},
    {"GET", "calendar/{token}", MP_EVERYONE, 0, nothing},
    {"GET", "calendar/{token}.ics", MP_EVERYONE, 0, nothing},
    {"GET", "calendar/me", MP_EVERYONE, 0, nothing},
    {"POST", "calendar/me/reset", MP_EVERYONE, 0, nothing},
    {"POST", "batches/{id}/schedule/{sessionId}/lessons", MP_EVERYONE, 0, nothing},
    {"GET", "healthz", 0, MP_ROUTE_PUBLIC | MP_ROUTE_ROOT, nothing},
};

struct found {
    int rc;
    struct mp_route_match match;
    struct mp_error err;
};

static struct found find(void **state, const char *method, const char *uri)
{
    struct desk *f = *state;
    static const struct mp_route_table table = {rows, MP_COUNT(rows)};
    static const struct mp_route_table *const tables[] = {&table};
    struct mp_router *router = mp_router_new(f->arena, tables, 1);
    struct found found;

    mp_error_init(&found.err, f->arena);
    found.rc = mp_router_find(router, f->arena, method, uri, &found.match, &found.err);
    return found;
}

static void assert_route(void **state, const char *method, const char *uri, const char *path, const char *param)
{
    struct found found = find(state, method, uri);

    assert_int_equal(found.rc, 0);
    assert_non_null(found.match.route);
    assert_string_equal(found.match.route->path, path);
    if (param != NULL)
        assert_string_equal(found.match.params[0], param);
}

static void assert_refused(void **state, const char *uri, enum mp_error_code code)
{
    struct found found = find(state, "GET", uri);

    assert_int_equal(found.rc, -1);
    if (found.err.code != code)
        fail_msg("%s: %s", uri, mp_error_name(found.err.code));
}

static void both_prefixes_and_the_root(void **state)
{
    assert_route(state, "GET", "/api/zoom/meetings/1", "zoom/meetings/{id}", "1");
    assert_route(state, "GET", "/api/v1/zoom/meetings/1", "zoom/meetings/{id}", "1");
    assert_route(state, "GET", "/healthz?x=/api/", "healthz", NULL);
    assert_refused(state, "/api/healthz", MP_E_NOT_FOUND);
    assert_refused(state, "/zoom/meetings/1", MP_E_NOT_FOUND);
    assert_refused(state, "/api/v2/zoom/meetings/1", MP_E_NOT_FOUND);
}

static void the_more_telling_segment_wins(void **state)
{
    assert_route(state, "GET", "/api/calendar/me", "calendar/me", NULL);
    assert_route(state, "GET", "/api/calendar/you", "calendar/{token}", "you");
    assert_route(state, "GET", "/api/calendar/me.ics", "calendar/{token}.ics", "me");
    assert_route(state, "GET", "/api/calendar/.ics", "calendar/{token}", ".ics");
}

static void escapes_are_decoded_once_and_a_slash_stays_inside(void **state)
{
    assert_route(state, "GET", "/api/zoom/meetings/a%2Fb%3d%3D", "zoom/meetings/{id}", "a/b==");
    assert_route(state, "GET", "/api/zoom/meetings/a%252Fb", "zoom/meetings/{id}", "a%2Fb");
    assert_route(state, "GET", "/api/zoom/meetings/a+b", "zoom/meetings/{id}", "a+b");
    assert_route(state, "GET", "/api/z%6fom/meetings/%C3%A9", "zoom/meetings/{id}", "\xc3\xa9");
}

static void several_params_in_their_order(void **state)
{
    struct found found = find(state, "POST", "/api/batches/b1/schedule/s%2F2/lessons");

    assert_int_equal(found.rc, 0);
    assert_string_equal(found.match.params[0], "b1");
    assert_string_equal(found.match.params[1], "s/2");
    assert_null(found.match.params[2]);
    assert_string_equal(found.match.path, "batches/b1/schedule/s/2/lessons");
}

static void what_two_could_read_differently_is_refused(void **state)
{
    static const char *const malformed[] = {
        "/api/zoom/meetings/%",
        "/api/zoom/meetings/%2",
        "/api/zoom/meetings/%zz",
        "/api/zoom/meetings/1%00",
        "/api/zoom/meetings/a%0Ab",
        "/api/zoom/meetings/%7f",
        "/api/zoom/meetings/%ff",
        "/api/zoom/meetings/%c0%af",
        "/api/zoom/meetings/%ed%a0%80",
        "/api/zoom/../healthz",
        "/api/%2e%2e/healthz",
        "/api/zoom/meetings/%2E",
        "api/zoom/meetings",
        "http://x/api/zoom/meetings",
        "",
        "/api/zoom/meetings/%f4%90%80%80",
    };
    static const char *const missing[] = {
        "/",
        "/api",
        "/api/",
        "/api/v1/",
        "/api//zoom/meetings",
        "/api/zoom//meetings",
        "/api/zoom/meetings/",
        "//healthz",
        "/api/zoom",
        "/api/zoom/meetings/1/2",
        "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p",
        "/api/zoom/meetings/?x",
    };

    for (size_t i = 0; i < MP_COUNT(malformed); i++)
        assert_refused(state, malformed[i], MP_E_BAD_REQUEST);
    for (size_t i = 0; i < MP_COUNT(missing); i++)
        assert_refused(state, missing[i], MP_E_NOT_FOUND);
}

static void a_wrong_method_is_told_the_right_ones(void **state)
{
    struct found found = find(state, "PUT", "/api/zoom/meetings/1");

    assert_int_equal(found.rc, -1);
    assert_int_equal(found.err.code, MP_E_METHOD);
    for (size_t i = 0; i < 4; i++)
        assert_non_null(strstr(found.err.allow, (const char *const[]){"GET, HEAD", "PATCH", "DELETE", "OPTIONS"}[i]));
    assert_null(strstr(found.err.allow, "POST"));
    assert_int_equal(find(state, "BREW", "/api/zoom/meetings/1").err.code, MP_E_METHOD);
    assert_int_equal(find(state, "get", "/api/zoom/meetings/1").err.code, MP_E_METHOD);
    assert_int_equal(find(state, "", "/api/zoom/meetings/1").err.code, MP_E_METHOD);
}

static void head_is_like_get_and_options_has_no_route(void **state)
{
    struct found found = find(state, "OPTIONS", "/api/zoom/meetings");

    assert_route(state, "HEAD", "/api/zoom/meetings/1", "zoom/meetings/{id}", "1");
    assert_int_equal(find(state, "HEAD", "/api/zoom/meetings").err.code, MP_E_METHOD);
    assert_int_equal(found.rc, 0);
    assert_null(found.match.route);
    assert_string_equal(found.match.allow, "POST, OPTIONS");
    assert_int_equal(find(state, "OPTIONS", "/api/none").err.code, MP_E_NOT_FOUND);
}

static void origins_are_as_browsers_send_them(void **state)
{
    struct mp_arena *arena = ((struct desk *)*state)->arena;

    assert_string_equal(mp_origin_of(arena, "HTTPS://Pool.Example.org:443/x?y"), "https://pool.example.org");
    assert_string_equal(mp_origin_of(arena, "http://localhost:8080"), "http://localhost:8080");
    assert_string_equal(mp_origin_of(arena, "http://localhost:80"), "http://localhost");
    assert_null(mp_origin_of(arena, "ftp://x"));
    assert_null(mp_origin_of(arena, "https://"));
    assert_null(mp_origin_of(arena, "https://me@x"));
    assert_false(mp_origin_valid(arena, "*"));
    assert_false(mp_origin_valid(arena, "null"));
    assert_false(mp_origin_valid(arena, "https://x.org/"));
    assert_true(mp_origin_valid(arena, "https://x.org:8443"));
}

#define API_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup_api, fixture_teardown_api)

int main(void)
{
    const struct CMUnitTest tests[] = {
        API_TEST(both_prefixes_and_the_root),
        API_TEST(the_more_telling_segment_wins),
        API_TEST(escapes_are_decoded_once_and_a_slash_stays_inside),
        API_TEST(several_params_in_their_order),
        API_TEST(what_two_could_read_differently_is_refused),
        API_TEST(a_wrong_method_is_told_the_right_ones),
        API_TEST(head_is_like_get_and_options_has_no_route),
        API_TEST(origins_are_as_browsers_send_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
