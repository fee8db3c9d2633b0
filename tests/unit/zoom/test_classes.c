#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "far_side.h"
#include "meetpool/clock.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, far_side_setup, far_side_teardown)

/* What every answer must hold, whatever it came to. */
static void check(const struct mp_zoom_result *res)
{
    if (res->cls == MP_ZOOM_OK) {
        assert_null(res->message);
        return;
    }
    assert_non_null(res->message);
    assert_in_range(strlen(res->message), 1, 300);
    assert_null(strstr(res->message, TOKEN));
    for (const char *c = res->message; *c; c++)
        assert_true((unsigned char)*c >= ' ' && *c != 0x7f);
}

static struct mp_zoom_result create(struct mp_zoom_meeting *out)
{
    struct mp_zoom_meeting_spec spec = {.topic = "t", .starts_at = INT64_C(1705312800000), .duration_min = 45};
    struct mp_zoom_result res;

    mp_zoom_meeting_create(zoom, arena, &token, 2000, "h1", &spec, out, &res);
    check(&res);
    if (res.cls != MP_ZOOM_OK)
        assert_int_equal(out->id, 0);
    return res;
}

static struct mp_zoom_result get(void)
{
    struct mp_zoom_meeting out;
    struct mp_zoom_result res;

    mp_zoom_meeting_get(zoom, arena, &token, 2000, 92674392836, &out, &res);
    check(&res);
    return res;
}

static struct mp_zoom_result update(void)
{
    struct mp_zoom_meeting_spec spec = {.topic = "t", .starts_at = -1, .duration_min = -1};
    struct mp_zoom_result res;

    mp_zoom_meeting_update(zoom, arena, &token, 2000, 92674392836, &spec, &res);
    check(&res);
    return res;
}

static struct mp_zoom_result drop(void)
{
    struct mp_zoom_result res;

    mp_zoom_meeting_delete(zoom, arena, &token, 2000, 92674392836, &res);
    check(&res);
    return res;
}

static struct mp_zoom_result end_meeting(void)
{
    struct mp_zoom_result res;

    mp_zoom_meeting_end(zoom, arena, &token, 2000, 92674392836, &res);
    check(&res);
    return res;
}

static struct mp_zoom_result get_token(void)
{
    struct mp_secret secret = mp_secret_copy(arena, mp_slice_of(TOKEN));
    struct mp_zoom_token out;
    struct mp_zoom_result res;

    mp_zoom_token_s2s(zoom, arena, "acc", "client", &secret, &out, &res);
    check(&res);
    if (res.cls != MP_ZOOM_OK)
        assert_false(mp_secret_is_set(&out.access_token));
    return res;
}

static struct mp_zoom_result create_only(void)
{
    struct mp_zoom_meeting out;

    return create(&out);
}

struct row {
    struct mp_zoom_result (*call)(void);
    const char *status, *headers, *body;
    enum mp_zoom_class cls;
    int64_t code;
};

static void run(const struct row *row)
{
    struct mp_zoom_result res;

    print_message("%s %s\n", row->status, row->body);
    peer_clear(far_side_peer);
    peer_reply_json(far_side_peer, "-", row->status, row->headers ? row->headers : "", row->body);
    res = row->call();
    if (res.cls != row->cls)
        fail_msg("%s instead of %s", mp_zoom_class_name(res.cls), mp_zoom_class_name(row->cls));
    assert_int_equal(res.code, row->code);
    assert_int_equal(res.status, strtoul(row->status, NULL, 10));
    assert_int_equal(peer_seen(far_side_peer, arena).count, 1);
}

#define HOST_LIMIT                                                                                                                                   \
    "{\"code\":429,\"message\":\"You have exceeded the daily rate limit (100) of Meeting Create/Update API requests permitted for this particular "  \
    "user. You may resume these requests at GMT 00:00:00.\"}"
#define DAY_LIMIT                                                                                                                                    \
    "{\"code\":429,\"message\":\"You have reached the maximum daily rate limit for this API. Refer to the response header for details on when you "  \
    "can make another request.\"}"
#define SECOND_LIMIT "{\"code\":429,\"message\":\"You have reached the maximum per-second rate limit for this API. Try again later.\"}"
#define BUSY_LIMIT   "{\"code\":429,\"message\":\"Too many concurrent requests. A request to disassociate this user has already been made.\"}"

static const struct row rows[] = {
    /* The token */
    {create_only, "401 Unauthorized", NULL, "{\"code\":124,\"message\":\"Invalid access token.\"}", MP_ZOOM_TOKEN, 124},
    {get, "401 Unauthorized", NULL, "{\"code\":124,\"message\":\"Access token is expired.\"}", MP_ZOOM_TOKEN, 124},
    {update, "400 Bad Request", NULL, "{\"code\":124,\"message\":\"Invalid access token.\"}", MP_ZOOM_TOKEN, 124},
    {drop, "403 Forbidden", NULL, "{\"code\":124,\"message\":\"Invalid access token.\"}", MP_ZOOM_TOKEN, 124},
    {get, "200 OK", NULL, "{\"code\":124,\"message\":\"Invalid access token.\"}", MP_ZOOM_TOKEN, 124},
    {get, "404 Not Found", NULL, "{\"code\":124,\"message\":\"Invalid access token.\"}", MP_ZOOM_TOKEN, 124},
    {get, "400 Bad Request", NULL, "{\"code\":4711,\"message\":\"Invalid access token, does not contain scopes:[a, b].\"}", MP_ZOOM_AUTH, 4711},
    {get, "401 Unauthorized", NULL, "{\"code\":4700,\"message\":\"Invalid access token, does not contain scopes:[a].\"}", MP_ZOOM_AUTH, 4700},
    {get, "401 Unauthorized", NULL, "{\"code\":4738,\"message\":\"Disabled by admin\"}", MP_ZOOM_AUTH, 4738},
    {get, "401 Unauthorized", NULL, "", MP_ZOOM_AUTH, 0},
    {get, "403 Forbidden", NULL, "<html>403</html>", MP_ZOOM_AUTH, 0},
    /* OAuth */
    {get_token, "400 Bad Request", NULL, "{\"reason\":\"Invalid client_id or client_secret\",\"error\":\"invalid_client\"}", MP_ZOOM_AUTH, 0},
    {get_token, "401 Unauthorized", NULL, "{\"reason\":\"Invalid client_id or client_secret\",\"error\":\"invalid_client\"}", MP_ZOOM_AUTH, 0},
    {get_token, "400 Bad Request", NULL, "{\"reason\":\"unsupported grant type\",\"error\":\"unsupported_grant_type\"}", MP_ZOOM_AUTH, 0},
    {get_token, "400 Bad Request", NULL, "{\"reason\":\"Bad Request\",\"error\":\"invalid_request\"}", MP_ZOOM_AUTH, 0},
    {get_token, "400 Bad Request", NULL, "{\"reason\":\"Invalid Token!\",\"error\":\"invalid_grant\"}", MP_ZOOM_AUTH, 0},
    {get_token, "200 OK", NULL, "{\"reason\":\"Invalid client_id or client_secret\",\"error\":\"invalid_client\"}", MP_ZOOM_AUTH, 0},
    {get_token, "429 Too Many Requests", NULL, SECOND_LIMIT, MP_ZOOM_RATE_LIMITED, 429},
    {get_token, "500 Internal Server Error", NULL, "{\"reason\":\"x\",\"error\":\"invalid_client\"}", MP_ZOOM_MAYBE_DONE, 0},
    {get_token, "200 OK", NULL, "{\"access_token\":\"\",\"expires_in\":3600}", MP_ZOOM_MAYBE_DONE, 0},
    {get_token, "200 OK", NULL, "{\"access_token\":\"a b\",\"expires_in\":3600}", MP_ZOOM_MAYBE_DONE, 0},
    {get_token, "200 OK", NULL, "{\"access_token\":\"a\\r\\nX: y\",\"expires_in\":3600}", MP_ZOOM_MAYBE_DONE, 0},
    {get_token, "200 OK", NULL, "{\"access_token\":1,\"expires_in\":3600}", MP_ZOOM_MAYBE_DONE, 0},
    {get_token, "200 OK", NULL, "{\"access_token\":\"a\",\"expires_in\":\"3600\"}", MP_ZOOM_MAYBE_DONE, 0},
    {get_token, "200 OK", NULL, "{\"access_token\":\"a\"}", MP_ZOOM_MAYBE_DONE, 0},
    {get_token, "200 OK", NULL, "<html>sign in</html>", MP_ZOOM_MAYBE_DONE, 0},
    /* Limits */
    {create_only, "429 Too Many Requests", NULL, HOST_LIMIT, MP_ZOOM_DAILY_HOST, 429},
    {update, "429 Too Many Requests", "X-RateLimit-Category: Light\r\nX-RateLimit-Limit: 6000\r\nX-RateLimit-Remaining: 5893\r\n", HOST_LIMIT,
     MP_ZOOM_DAILY_HOST, 429},
    {update, "429 Too Many Requests", "X-RateLimit-Type: Daily-limit\r\n", HOST_LIMIT, MP_ZOOM_DAILY_HOST, 429},
    {get, "429 Too Many Requests", NULL, DAY_LIMIT, MP_ZOOM_DAILY_ACCOUNT, 429},
    {get, "429 Too Many Requests", "x-ratelimit-type: daily-limit\r\n", "{\"code\":429,\"message\":\"Slow down\"}", MP_ZOOM_DAILY_ACCOUNT, 429},
    {get, "429 Too Many Requests", "X-RateLimit-Type: QPS\r\n", SECOND_LIMIT, MP_ZOOM_RATE_LIMITED, 429},
    {get, "429 Too Many Requests", NULL, BUSY_LIMIT, MP_ZOOM_RATE_LIMITED, 429},
    {get, "429 Too Many Requests", NULL, "", MP_ZOOM_RATE_LIMITED, 0},
    {get, "429 Too Many Requests", NULL, "<html>", MP_ZOOM_RATE_LIMITED, 0},
    {create_only, "200 OK", NULL, SECOND_LIMIT, MP_ZOOM_RATE_LIMITED, 429},
    /* The host */
    {create_only, "404 Not Found", NULL, "{\"code\":1001,\"message\":\"User does not exist: h1.\"}", MP_ZOOM_NO_HOST, 1001},
    {create_only, "400 Bad Request", NULL, "{\"code\":1010,\"message\":\"User does not belong to this account\"}", MP_ZOOM_NO_HOST, 1010},
    {create_only, "400 Bad Request", NULL, "{\"code\":1120,\"message\":\"Invite not found\"}", MP_ZOOM_NO_HOST, 1120},
    {create_only, "400 Bad Request", NULL,
     "{\"code\":3161,\"message\":\"Your user account is not allowed meeting hosting and scheduling capabilities.\"}", MP_ZOOM_NO_HOST, 3161},
    /* The meeting */
    {get, "404 Not Found", NULL, "{\"code\":3001,\"message\":\"Meeting does not exist: 92674392836.\"}", MP_ZOOM_NOT_FOUND, 3001},
    {drop, "404 Not Found", NULL, "{\"code\":3001,\"message\":\"Meeting 92674392836 is not found or has expired.\"}", MP_ZOOM_NOT_FOUND, 3001},
    {drop, "400 Bad Request", NULL, "{\"code\":3001,\"message\":\"Meeting does not exist: 92674392836.\"}", MP_ZOOM_NOT_FOUND, 3001},
    {get, "404 Not Found", NULL, "{\"code\":3301,\"message\":\"There is no recording for this meeting.\"}", MP_ZOOM_NOT_FOUND, 3301},
    {drop, "404 Not Found", NULL, "<html>nginx</html>", MP_ZOOM_REFUSED, 0},
    {drop, "404 Not Found", NULL, "", MP_ZOOM_REFUSED, 0},
    {drop, "404 Not Found", NULL, "{\"code\":2300,\"message\":\"This API endpoint is not recognized.\"}", MP_ZOOM_REFUSED, 2300},
    {drop, "400 Bad Request", NULL, "{\"code\":3002,\"message\":\"Sorry, you cannot delete this meeting since it is in progress.\"}",
     MP_ZOOM_IN_PROGRESS, 3002},
    {update, "400 Bad Request", NULL, "{\"code\":3000,\"message\":\"You cannot update a meeting that has started.\"}", MP_ZOOM_IN_PROGRESS, 3000},
    {update, "400 Bad Request", NULL, "{\"code\":3000,\"message\":\"Cannot access webinar info\"}", MP_ZOOM_REFUSED, 3000},
    {drop, "400 Bad Request", NULL, "{\"code\":3003,\"message\":\"You are not the meeting host.\"}", MP_ZOOM_REFUSED, 3003},
    {drop, "400 Bad Request", NULL, "{\"code\":3007,\"message\":\"Sorry, you cannot delete this meeting since it has ended.\"}", MP_ZOOM_REFUSED,
     3007},
    {end_meeting, "400 Bad Request", NULL, "{\"code\":3063,\"message\":\"Can not end on-premise user's meeting\"}", MP_ZOOM_REFUSED, 3063},
    /* Other refusals */
    {create_only, "400 Bad Request", NULL, "{\"code\":300,\"message\":\"Request Body should be a valid JSON object.\"}", MP_ZOOM_REFUSED, 300},
    {create_only, "400 Bad Request", NULL, "", MP_ZOOM_REFUSED, 0},
    {create_only, "400 Bad Request", NULL, "{\"code\":300,\"mess", MP_ZOOM_REFUSED, 0},
    {create_only, "200 OK", NULL, "{\"code\":200,\"message\":\"Only available for Paid account, h1\"}", MP_ZOOM_REFUSED, 200},
    {create_only, "201 Created", NULL, "{\"code\":3161,\"message\":\"not allowed\"}", MP_ZOOM_NO_HOST, 3161},
    {drop, "200 OK", NULL, "{\"code\":3001,\"message\":\"Meeting does not exist\"}", MP_ZOOM_NOT_FOUND, 3001},
    {get, "304 Not Modified", NULL, "", MP_ZOOM_REFUSED, 0},
    {create_only, "302 Found", "Location: https://zoom.us/\r\n", "", MP_ZOOM_REFUSED, 0},
    /* Nobody knows */
    {create_only, "500 Internal Server Error", NULL, "{\"code\":500,\"message\":\"Internal error\"}", MP_ZOOM_MAYBE_DONE, 500},
    {create_only, "502 Bad Gateway", NULL, "<html>502</html>", MP_ZOOM_MAYBE_DONE, 0},
    {get, "503 Service Unavailable", NULL, "<html>503</html>", MP_ZOOM_MAYBE_DONE, 0},
    {drop, "504 Gateway Time-out", NULL, "", MP_ZOOM_MAYBE_DONE, 0},
    {drop, "503 Service Unavailable", NULL, "{\"code\":3001,\"message\":\"Meeting does not exist\"}", MP_ZOOM_MAYBE_DONE, 3001},
    {create_only, "408 Request Timeout", NULL, "", MP_ZOOM_MAYBE_DONE, 0},
    {create_only, "201 Created", NULL, "", MP_ZOOM_MAYBE_DONE, 0},
    {create_only, "201 Created", NULL, "{}", MP_ZOOM_MAYBE_DONE, 0},
    {create_only, "201 Created", NULL, "[]", MP_ZOOM_MAYBE_DONE, 0},
    {create_only, "201 Created", NULL, "null", MP_ZOOM_MAYBE_DONE, 0},
    {create_only, "201 Created", NULL, "<html>ok</html>", MP_ZOOM_MAYBE_DONE, 0},
    {create_only, "201 Created", NULL, "{\"id\":null}", MP_ZOOM_MAYBE_DONE, 0},
    {create_only, "201 Created", NULL, "{\"id\":0}", MP_ZOOM_MAYBE_DONE, 0},
    {create_only, "201 Created", NULL, "{\"id\":-5}", MP_ZOOM_MAYBE_DONE, 0},
    {create_only, "201 Created", NULL, "{\"id\":1.5}", MP_ZOOM_MAYBE_DONE, 0},
    {create_only, "201 Created", NULL, "{\"id\":true}", MP_ZOOM_MAYBE_DONE, 0},
    {create_only, "201 Created", NULL, "{\"id\":\"\"}", MP_ZOOM_MAYBE_DONE, 0},
    {create_only, "201 Created", NULL, "{\"id\":\"12x\"}", MP_ZOOM_MAYBE_DONE, 0},
    {create_only, "201 Created", NULL, "{\"id\":9223372036854775808}", MP_ZOOM_MAYBE_DONE, 0},
    {create_only, "201 Created", NULL, "{\"id\":\"9223372036854775808\"}", MP_ZOOM_MAYBE_DONE, 0},
    {create_only, "201 Created", NULL, "{\"id\":1,\"id\":2}", MP_ZOOM_MAYBE_DONE, 0},
    {create_only, "201 Created", NULL, "{\"id\":1,\"topic\":\"a\\u0000b\"}", MP_ZOOM_MAYBE_DONE, 0},
    {create_only, "201 Created", NULL, "{\"id\":1}{\"id\":2}", MP_ZOOM_MAYBE_DONE, 0},
    {create_only, "201 Created", NULL, "{'id':1}", MP_ZOOM_MAYBE_DONE, 0},
    {drop, "200 OK", NULL, "<html>sign in</html>", MP_ZOOM_MAYBE_DONE, 0},
    {update, "200 OK", NULL, "{\"a\":", MP_ZOOM_MAYBE_DONE, 0},
    /* Fine */
    {update, "204 No Content", NULL, "", MP_ZOOM_OK, 0},
    {drop, "204 No Content", NULL, "", MP_ZOOM_OK, 0},
    {drop, "200 OK", NULL, "{}", MP_ZOOM_OK, 0},
    {end_meeting, "204 No Content", NULL, "", MP_ZOOM_OK, 0},
    {create_only, "200 OK", NULL, "{\"id\":1}", MP_ZOOM_OK, 0},
    {create_only, "201 Created", NULL, "{\"id\":1,\"code\":5,\"message\":\"x\"}", MP_ZOOM_OK, 0},
};

static void answers_have_their_class(void **state)
{
    (void)state;
    for (size_t i = 0; i < MP_COUNT(rows); i++)
        run(&rows[i]);
}

static void retry_after_is_told(void **state)
{
    char *tomorrow = mp_arena_printf(arena, "Retry-After: %s\r\n", mp_time_format_seconds(arena, mp_now_ms() + MP_DAY_MS));
    struct mp_zoom_result res;

    (void)state;
    peer_reply_json(far_side_peer, "-", "429 Too Many Requests", tomorrow, DAY_LIMIT);
    res = get();
    assert_int_equal(res.cls, MP_ZOOM_DAILY_ACCOUNT);
    assert_in_range(res.retry_after_ms, MP_DAY_MS - 10000, MP_DAY_MS);

    peer_reply_json(far_side_peer, "-", "429 Too Many Requests", "Retry-After: 7\r\n", SECOND_LIMIT);
    assert_int_equal(get().retry_after_ms, 7000);
    peer_reply_json(far_side_peer, "-", "429 Too Many Requests", "Retry-After: Sun, 31 May 2020 00:00:00 GMT\r\n", SECOND_LIMIT);
    assert_int_equal(get().retry_after_ms, 0);
    peer_reply_json(far_side_peer, "-", "429 Too Many Requests", "", SECOND_LIMIT);
    assert_int_equal(get().retry_after_ms, 1000);
    peer_reply_json(far_side_peer, "-", "429 Too Many Requests", "Retry-After: when it suits\r\n", BUSY_LIMIT);
    assert_int_equal(get().retry_after_ms, 1000);
    peer_reply_json(far_side_peer, "-", "429 Too Many Requests", "", HOST_LIMIT);
    assert_int_equal(get().retry_after_ms, -1);
    peer_reply_json(far_side_peer, "-", "503 Service Unavailable", "Retry-After: 30\r\n", "<html>");
    res = get();
    assert_int_equal(res.cls, MP_ZOOM_MAYBE_DONE);
    assert_int_equal(res.retry_after_ms, 30000);
}

static void words_are_fit_for_people(void **state)
{
    struct mp_zoom_result res;
    char *flood = mp_arena_alloc(arena, 1000);

    (void)state;
    peer_reply_json(
        far_side_peer, "-", "400 Bad Request", "x-zm-trackingid: WEB_8f0a\r\n",
        "{\"code\":300,\"message\":\"Validation Failed.\",\"errors\":[{\"field\":\"settings.a\",\"message\":\"Invalid field.\"},{\"field\":1}]}");
    res = create_only();
    assert_string_equal(res.message, "Validation Failed. [settings.a: Invalid field.]");
    assert_string_equal(res.tracking_id, "WEB_8f0a");

    peer_reply_json(far_side_peer, "-", "400 Bad Request", "", "{\"code\":300,\"message\":\"a\\r\\nb\\u001b[31m " TOKEN " and " TOKEN "\"}");
    res = create_only();
    assert_string_equal(res.message, "a  b [31m ************************ and ************************");

    /* 299 bytes and a character of two: that goes as a whole. */
    memset(flood, 'x', 299);
    memcpy(flood + 299, "\xc3\xa9 and more", 12);
    peer_reply_json(far_side_peer, "-", "400 Bad Request", "", mp_arena_printf(arena, "{\"code\":300,\"message\":\"%s\"}", flood));
    res = create_only();
    assert_int_equal(strlen(res.message), 299);

    peer_reply_json(far_side_peer, "-", "502 Bad Gateway", "", "<html><script>alert(1)</script></html>");
    assert_null(strstr(create_only().message, "script"));
    peer_reply_json(far_side_peer, "-", "400 Bad Request", "", "{\"reason\":\"Bad " TOKEN "\",\"error\":\"invalid_client\"}");
    assert_string_equal(get_token().message, "invalid_client: Bad ************************");
}

static const char created[] = "HTTP/1.1 201 Created\r\nContent-Type: application/json;charset=UTF-8\r\nx-zm-trackingid: v=2.0;clid=us02\r\n"
                              "Content-Length: 63\r\n\r\n{\"id\":92674392836,\"uuid\":\"aDYlohsHRtCd4ii1uC2+hA==\",\"type\":2  }";

static void a_cut_create_is_never_done_nor_refused(void **state)
{
    size_t len = sizeof(created) - 1;
    struct mp_zoom_meeting out;

    (void)state;
    for (size_t k = 0; k < len; k++) {
        peer_clear(far_side_peer);
        peer_reply(far_side_peer, mp_arena_printf(arena, "cut=%zu", k), created);
        if (create(&out).cls != MP_ZOOM_MAYBE_DONE)
            fail_msg("cut at byte %zu", k);
        assert_int_equal(peer_seen(far_side_peer, arena).count, 1);
    }
    peer_clear(far_side_peer);
    peer_reply(far_side_peer, "-", created);
    assert_int_equal(create(&out).cls, MP_ZOOM_OK);
    assert_int_equal(out.id, INT64_C(92674392836));
}

/* Without a length the end of the connection is the end of the body, and curl cannot tell a cut. */
static void a_cut_body_of_unknown_length_is_seen(void **state)
{
    const char *body = strstr(created, "\r\n\r\n") + 4;
    char *answer = mp_arena_printf(arena, "HTTP/1.1 201 Created\r\nConnection: close\r\n\r\n%s", body);
    size_t len = strlen(answer);
    struct mp_zoom_meeting out;

    (void)state;
    for (size_t k = len - strlen(body); k < len; k++) {
        peer_clear(far_side_peer);
        peer_reply(far_side_peer, mp_arena_printf(arena, "cut=%zu", k), answer);
        assert_int_equal(create(&out).cls, MP_ZOOM_MAYBE_DONE);
    }
    peer_clear(far_side_peer);
    peer_reply(far_side_peer, "close", answer);
    assert_int_equal(create(&out).cls, MP_ZOOM_OK);
}

static void a_dying_kept_connection_creates_once(void **state)
{
    (void)state;
    peer_reply_json(far_side_peer, "-", "200 OK", "", "{\"id\":1}");
    peer_reply(far_side_peer, "close", "");
    peer_reply(far_side_peer, "-", created);
    assert_int_equal(get().cls, MP_ZOOM_OK);
    assert_int_equal(create_only().cls, MP_ZOOM_MAYBE_DONE);
    assert_int_equal(peer_seen(far_side_peer, arena).count, 2);
}

static void silence_is_maybe_done(void **state)
{
    struct mp_zoom_meeting_spec spec = {.topic = "t", .starts_at = -1, .duration_min = -1};
    struct mp_zoom_meeting out;
    struct mp_zoom_result res;

    (void)state;
    peer_reply(far_side_peer, "hang", "");
    mp_zoom_meeting_create(zoom, arena, &token, 200, "h1", &spec, &out, &res);
    assert_int_equal(res.cls, MP_ZOOM_MAYBE_DONE);
    assert_int_equal(res.status, 0);
    assert_int_equal(res.retry_after_ms, -1);
    assert_in_range(res.elapsed_ms, 190, 1200);
}

static void nobody_there_is_not_sent(void **state)
{
    struct mp_http *http = mp_http_new();
    struct mp_zoom *nowhere = mp_zoom_new(&(struct mp_zoom_conf){"http://127.0.0.1:1/v2", "http://192.0.2.1/oauth"}, http, NULL);
    struct mp_zoom_meeting out;
    struct mp_zoom_token got;
    struct mp_zoom_result res;

    (void)state;
    mp_zoom_meeting_get(nowhere, arena, &token, 1000, 1, &out, &res);
    check(&res);
    assert_int_equal(res.cls, MP_ZOOM_NOT_SENT);
    mp_zoom_token_s2s(nowhere, arena, "a", "b", &token, &got, &res);
    check(&res);
    assert_int_equal(res.cls, MP_ZOOM_NOT_SENT);
    mp_zoom_free(nowhere);
    mp_http_free(http);
}

static void calls_are_logged_without_secrets(void **state)
{
    const char *text;

    (void)state;
    peer_reply_json(far_side_peer, "-", "404 Not Found", "x-zm-trackingid: WEB_1\r\n", "{\"code\":3001,\"message\":\"Meeting does not exist: 5.\"}");
    drop();
    peer_reply_json(far_side_peer, "-", "200 OK", "", "{\"access_token\":\"" TOKEN "2\",\"expires_in\":3600}");
    get_token();
    text = far_side_log();
    assert_non_null(strstr(text, "\"zoom.call\""));
    assert_non_null(strstr(text, "\"meeting.delete\""));
    assert_non_null(strstr(text, "\"not_found\""));
    assert_non_null(strstr(text, "\"WEB_1\""));
    assert_non_null(strstr(text, "\"token.s2s\""));
    assert_null(strstr(text, TOKEN));
    assert_null(strstr(text, "92674392836"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(answers_have_their_class),
        TEST(retry_after_is_told),
        TEST(words_are_fit_for_people),
        TEST(a_cut_create_is_never_done_nor_refused),
        TEST(a_cut_body_of_unknown_length_is_seen),
        TEST(a_dying_kept_connection_creates_once),
        TEST(silence_is_maybe_done),
        TEST(nobody_there_is_not_sent),
        TEST(calls_are_logged_without_secrets),
    };

    return cmocka_run_group_tests(tests, far_side_start, far_side_stop);
}
