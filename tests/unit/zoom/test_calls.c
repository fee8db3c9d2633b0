#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json_tokener.h>

#include "far_side.h"
#include "meetpool/json.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, far_side_setup, far_side_teardown)

/* The one request that was seen: its first line and one header must be there; returns its body. */
static const char *request(const char *line, const char *header)
{
    struct peer_seen seen = peer_seen(far_side_peer, arena);

    assert_int_equal(seen.count, 1);
    if (!mp_slice_starts(seen.requests[0], mp_arena_printf(arena, "%s HTTP/1.1\r\n", line)))
        fail_msg("%s", seen.requests[0].p);
    if (!strstr(seen.requests[0].p, mp_arena_printf(arena, "\r\n%s\r\n", header)))
        fail_msg("%s", seen.requests[0].p);
    return strstr(seen.requests[0].p, "\r\n\r\n") + 4;
}

static void same_json(const char *text, const char *expected)
{
    struct json_object *a = json_tokener_parse(text);
    struct json_object *b = json_tokener_parse(expected);

    if (!json_object_equal(a, b))
        fail_msg("%s", text);
    json_object_put(a);
    json_object_put(b);
}

#define BEARER "Authorization: Bearer " TOKEN

static const char full_meeting[] =
    "{\"id\":92674392836,\"uuid\":\"/aDYl//RtCd4ii1uC2+hA==\",\"host_id\":\"kFFvsJc-Q1OSxaJQLvaa_A\",\"host_email\":\"jchill@example.com\","
    "\"topic\":\"Alg\\u00e8bre\",\"type\":2,\"status\":\"waiting\",\"start_time\":\"2024-01-15T10:00:00Z\",\"duration\":45,\"timezone\":\"Europe/"
    "Paris\","
    "\"agenda\":\"mp:1 \",\"created_at\":\"2024-01-10T10:00:00Z\",\"start_url\":\"https://us02web.zoom.us/s/92674392836?zak=ey.J.x\","
    "\"join_url\":\"https://us02web.zoom.us/j/"
    "92674392836?pwd=abc.1\",\"password\":\"p@ss\",\"settings\":{\"auto_recording\":\"cloud\"},\"later\":[1]}";

static void check_full_meeting(const struct mp_zoom_meeting *m)
{
    assert_int_equal(m->id, INT64_C(92674392836));
    assert_string_equal(m->uuid, "/aDYl//RtCd4ii1uC2+hA==");
    assert_string_equal(m->host_id, "kFFvsJc-Q1OSxaJQLvaa_A");
    assert_string_equal(m->host_email, "jchill@example.com");
    assert_string_equal(m->topic, "Alg\xc3\xa8"
                                  "bre");
    assert_string_equal(m->agenda, "mp:1 ");
    assert_string_equal(m->timezone, "Europe/Paris");
    assert_string_equal(m->password, "p@ss");
    assert_string_equal(m->join_url, "https://us02web.zoom.us/j/92674392836?pwd=abc.1");
    assert_true(mp_secret_equals(&m->start_url, mp_slice_of("https://us02web.zoom.us/s/92674392836?zak=ey.J.x")));
    assert_string_equal(m->status, "waiting");
    assert_int_equal(m->type, 2);
    assert_int_equal(m->starts_at, INT64_C(1705312800000));
    assert_int_equal(m->duration_min, 45);
    same_json(json_object_to_json_string(m->settings), "{\"auto_recording\":\"cloud\"}");
}

static void create_sends_all_of_it(void **state)
{
    struct json_object *settings = mp_json_object(arena);
    struct mp_zoom_meeting_spec spec = {.topic = "Alg\xc3\xa8"
                                                 "bre \"1\"",
                                        .agenda = "mp:1 \n",
                                        .timezone = "Europe/Paris",
                                        .password = "p@ss",
                                        .starts_at = INT64_C(1705312800999),
                                        .duration_min = 45,
                                        .settings = settings};
    struct mp_zoom_meeting out;
    struct mp_zoom_result res;

    (void)state;
    mp_json_put_bool(settings, "waiting_room", true);
    mp_json_put_bool(settings, "use_pmi", true);
    peer_reply_json(far_side_peer, "-", "201 Created", "x-zm-trackingid: WEB_1\r\n", full_meeting);
    mp_zoom_meeting_create(zoom, arena, &token, 2000, "h1@example.com", &spec, &out, &res);
    assert_int_equal(res.cls, MP_ZOOM_OK);
    assert_int_equal(res.status, 201);
    assert_string_equal(res.tracking_id, "WEB_1");
    check_full_meeting(&out);
    same_json(request("POST /v2/users/h1%40example.com/meetings", BEARER),
              "{\"topic\":\"Alg\\u00e8bre \\\"1\\\"\",\"agenda\":\"mp:1 \\n\",\"type\":2,\"start_time\":\"2024-01-15T10:00:00Z\",\"duration\":45,"
              "\"timezone\":\"Europe/Paris\",\"password\":\"p@ss\",\"settings\":{\"waiting_room\":true,\"use_pmi\":false}}");
    request("POST /v2/users/h1%40example.com/meetings", "Content-Type: application/json");
    request("POST /v2/users/h1%40example.com/meetings", "X-Request-Id: req-77");
    /* The caller's own is as it was. */
    same_json(json_object_to_json_string(settings), "{\"waiting_room\":true,\"use_pmi\":true}");
}

static void create_sends_only_what_is_given(void **state)
{
    struct mp_zoom_meeting_spec spec = {.topic = "t", .starts_at = -1, .duration_min = -1};
    struct mp_zoom_meeting out;
    struct mp_zoom_result res;

    (void)state;
    peer_reply_json(far_side_peer, "-", "201 Created", "", "{\"id\":\"9223372036854775807\"}");
    mp_zoom_meeting_create(zoom, arena, &token, 2000, "../me", &spec, &out, &res);
    assert_int_equal(res.cls, MP_ZOOM_OK);
    assert_int_equal(out.id, INT64_MAX);
    assert_null(out.uuid);
    assert_null(out.join_url);
    assert_null(out.settings);
    assert_false(mp_secret_is_set(&out.start_url));
    assert_int_equal(out.starts_at, -1);
    assert_int_equal(out.duration_min, 0);
    same_json(request("POST /v2/users/..%2Fme/meetings", BEARER), "{\"topic\":\"t\",\"type\":2,\"settings\":{\"use_pmi\":false}}");
}

static void update_sends_only_what_is_given(void **state)
{
    struct mp_zoom_meeting_spec spec = {.starts_at = -1, .duration_min = 60};
    struct mp_zoom_result res;

    (void)state;
    peer_reply(far_side_peer, "-", "HTTP/1.1 204 No Content\r\n\r\n");
    mp_zoom_meeting_update(zoom, arena, &token, 2000, 92674392836, &spec, &res);
    assert_int_equal(res.cls, MP_ZOOM_OK);
    same_json(request("PATCH /v2/meetings/92674392836", BEARER), "{\"duration\":60}");
}

static void update_sends_settings_as_given(void **state)
{
    struct json_object *settings = mp_json_object(arena);
    struct mp_zoom_meeting_spec spec = {.topic = "", .timezone = "UTC", .starts_at = 0, .duration_min = -1, .settings = settings};
    struct mp_zoom_result res;

    (void)state;
    mp_json_put_text(settings, "auto_recording", "none");
    peer_reply(far_side_peer, "-", "HTTP/1.1 204 No Content\r\n\r\n");
    mp_zoom_meeting_update(zoom, arena, &token, 2000, 1, &spec, &res);
    assert_int_equal(res.cls, MP_ZOOM_OK);
    same_json(request("PATCH /v2/meetings/1", BEARER),
              "{\"topic\":\"\",\"timezone\":\"UTC\",\"start_time\":\"1970-01-01T00:00:00Z\",\"settings\":{\"auto_recording\":\"none\"}}");
    same_json(json_object_to_json_string(settings), "{\"auto_recording\":\"none\"}");
}

static void the_other_meeting_calls(void **state)
{
    struct mp_zoom_meeting out;
    struct mp_zoom_result res;

    (void)state;
    peer_reply_json(far_side_peer, "-", "200 OK", "", full_meeting);
    mp_zoom_meeting_get(zoom, arena, &token, 2000, 92674392836, &out, &res);
    assert_int_equal(res.cls, MP_ZOOM_OK);
    check_full_meeting(&out);
    assert_string_equal(request("GET /v2/meetings/92674392836", BEARER), "");

    peer_clear(far_side_peer);
    peer_reply(far_side_peer, "-", "HTTP/1.1 204 No Content\r\n\r\n");
    mp_zoom_meeting_delete(zoom, arena, &token, 2000, 4294967297, &res);
    assert_int_equal(res.cls, MP_ZOOM_OK);
    assert_string_equal(request("DELETE /v2/meetings/4294967297", BEARER), "");

    peer_clear(far_side_peer);
    peer_reply(far_side_peer, "-", "HTTP/1.1 204 No Content\r\n\r\n");
    mp_zoom_meeting_end(zoom, arena, &token, 2000, 5, &res);
    assert_int_equal(res.cls, MP_ZOOM_OK);
    same_json(request("PUT /v2/meetings/5/status", BEARER), "{\"action\":\"end\"}");
}

static void members_of_the_wrong_type_count_as_absent(void **state)
{
    struct mp_zoom_meeting out;
    struct mp_zoom_result res;

    (void)state;
    peer_reply_json(
        far_side_peer, "-", "200 OK", "",
        "{\"id\":7,\"uuid\":5,\"topic\":null,\"start_time\":\"yesterday\",\"duration\":\"45\",\"type\":true,\"join_url\":\"javascript:alert(1)\","
        "\"start_url\":\"data:text/html,x\",\"settings\":[],\"status\":{}}");
    mp_zoom_meeting_get(zoom, arena, &token, 2000, 7, &out, &res);
    assert_int_equal(res.cls, MP_ZOOM_OK);
    assert_int_equal(out.id, 7);
    assert_null(out.uuid);
    assert_null(out.topic);
    assert_null(out.join_url);
    assert_null(out.settings);
    assert_null(out.status);
    assert_false(mp_secret_is_set(&out.start_url));
    assert_int_equal(out.starts_at, -1);
    assert_int_equal(out.duration_min, 0);
    assert_int_equal(out.type, 0);
}

static void a_start_without_zone_is_read_in_the_meetings_zone(void **state)
{
    struct mp_zoom_meeting out;
    struct mp_zoom_result res;

    (void)state;
    peer_reply_json(far_side_peer, "-", "200 OK", "", "{\"id\":7,\"start_time\":\"2024-01-15T11:00:00\",\"timezone\":\"Europe/Paris\"}");
    mp_zoom_meeting_get(zoom, arena, &token, 2000, 7, &out, &res);
    assert_int_equal(out.starts_at, INT64_C(1705312800000));
}

static void lists_come_in_pages(void **state)
{
    struct mp_zoom_meeting_list out;
    struct mp_zoom_result res;

    (void)state;
    peer_reply_json(
        far_side_peer, "-", "200 OK", "",
        "{\"page_size\":300,\"next_page_token\":\"a+b/c=\",\"meetings\":[{\"id\":4294967296,\"agenda\":\"x\"},{\"id\":\"92674392836\"}]}");
    mp_zoom_meeting_list(zoom, arena, &token, 2000, "me", NULL, &out, &res);
    assert_int_equal(res.cls, MP_ZOOM_OK);
    assert_int_equal(out.count, 2);
    assert_int_equal(out.items[0].id, INT64_C(4294967296));
    assert_string_equal(out.items[0].agenda, "x");
    assert_int_equal(out.items[1].id, INT64_C(92674392836));
    assert_string_equal(out.next_page_token, "a+b/c=");
    request("GET /v2/users/me/meetings?type=scheduled&page_size=300", BEARER);

    peer_clear(far_side_peer);
    peer_reply_json(far_side_peer, "-", "200 OK", "", "{\"next_page_token\":\"\",\"meetings\":[]}");
    mp_zoom_meeting_list(zoom, arena, &token, 2000, "me", "a+b/c=", &out, &res);
    assert_int_equal(res.cls, MP_ZOOM_OK);
    assert_int_equal(out.count, 0);
    assert_null(out.next_page_token);
    request("GET /v2/users/me/meetings?type=scheduled&page_size=300&next_page_token=a%2Bb%2Fc%3D", BEARER);
}

/* Who looks for a lost create must not be told "not there" by a list that was not understood. */
static void a_list_is_read_whole_or_not_at_all(void **state)
{
    static const char *const bodies[] = {"{\"meetings\":null}",
                                         "{\"meetings\":{}}",
                                         "{\"meetings\":[{\"id\":1},{}]}",
                                         "{\"meetings\":[null]}",
                                         "{\"meetings\":[],\"next_page_token\":5}",
                                         "{\"items\":[]}"};

    (void)state;
    for (size_t i = 0; i < MP_COUNT(bodies); i++) {
        struct mp_zoom_meeting_list out;
        struct mp_zoom_result res;

        print_message("%s\n", bodies[i]);
        peer_reply_json(far_side_peer, "-", "200 OK", "", bodies[i]);
        mp_zoom_meeting_list(zoom, arena, &token, 2000, "me", NULL, &out, &res);
        assert_int_equal(res.cls, MP_ZOOM_MAYBE_DONE);
        assert_int_equal(out.count, 0);
        assert_null(out.next_page_token);
    }
}

static void a_full_page_fits(void **state)
{
    struct mp_zoom_meeting_list out;
    struct mp_zoom_result res;
    char *body = mp_arena_strdup(arena, "{\"next_page_token\":\"\",\"meetings\":[");

    (void)state;
    for (int i = 0; i < 300; i++)
        body = mp_arena_printf(arena, "%s%s{\"id\":%lld,\"agenda\":\"%0250d\"}", body, i ? "," : "", 90000000000LL + i, i);
    body = mp_arena_printf(arena, "%s]}", body);
    peer_reply_json(far_side_peer, "-", "200 OK", "", body);
    mp_zoom_meeting_list(zoom, arena, &token, 2000, "me", NULL, &out, &res);
    assert_int_equal(res.cls, MP_ZOOM_OK);
    assert_int_equal(out.count, 300);
    assert_int_equal(out.items[299].id, INT64_C(90000000299));
}

static void a_token_is_asked_for_in_the_body(void **state)
{
    struct mp_secret secret = mp_secret_copy(arena, mp_slice_of("s3cret"));
    struct mp_zoom_token out;
    struct mp_zoom_result res;
    const char *body;

    (void)state;
    peer_reply_json(
        far_side_peer, "-", "200 OK", "",
        "{\"access_token\":\"eyJ.a-b_c\",\"token_type\":\"bearer\",\"expires_in\":3599,\"scope\":\"meeting:write:meeting:admin user:read\","
        "\"api_url\":\"https://api-eu.zoom.us\"}");
    mp_zoom_token_s2s(zoom, arena, "acc_1/&x=", "client", &secret, &out, &res);
    assert_int_equal(res.cls, MP_ZOOM_OK);
    assert_true(mp_secret_equals(&out.access_token, mp_slice_of("eyJ.a-b_c")));
    assert_false(mp_secret_is_set(&out.refresh_token));
    assert_int_equal(out.expires_in_s, 3599);
    assert_string_equal(out.scope, "meeting:write:meeting:admin user:read");
    assert_string_equal(out.api_url, "https://api-eu.zoom.us");
    body = request("POST /oauth/token", "Authorization: Basic Y2xpZW50OnMzY3JldA==");
    assert_string_equal(body, "grant_type=account_credentials&account_id=acc_1%2F%26x%3D");
    request("POST /oauth/token", "Content-Type: application/x-www-form-urlencoded");
}

static void users_are_read(void **state)
{
    struct mp_zoom_user out;
    struct mp_zoom_result res;

    (void)state;
    peer_reply_json(far_side_peer, "-", "200 OK", "",
                    "{\"id\":\"kFF\",\"email\":\"h1@example.com\",\"account_id\":\"q6g\",\"first_name\":\"Ada\",\"last_name\":\"L\",\"type\":2}");
    mp_zoom_user_get(zoom, arena, &token, 2000, "h1@example.com", &out, &res);
    assert_int_equal(res.cls, MP_ZOOM_OK);
    assert_string_equal(out.id, "kFF");
    assert_string_equal(out.email, "h1@example.com");
    assert_string_equal(out.account_id, "q6g");
    assert_string_equal(out.display_name, "Ada L");
    assert_int_equal(out.type, 2);
    request("GET /v2/users/h1%40example.com", BEARER);

    peer_reply_json(far_side_peer, "-", "200 OK", "", "{\"email\":\"h2@example.com\",\"display_name\":\"H Two\",\"first_name\":\"H\",\"type\":1}");
    mp_zoom_user_get(zoom, arena, &token, 2000, "h2", &out, &res);
    assert_int_equal(res.cls, MP_ZOOM_OK);
    assert_null(out.id);
    assert_string_equal(out.display_name, "H Two");

    peer_reply_json(far_side_peer, "-", "404 Not Found", "", "{\"code\":1001,\"message\":\"User does not exist: h3.\"}");
    mp_zoom_user_get(zoom, arena, &token, 2000, "h3", &out, &res);
    assert_int_equal(res.cls, MP_ZOOM_NO_HOST);
    peer_reply_json(far_side_peer, "-", "200 OK", "", "{\"email\":5}");
    mp_zoom_user_get(zoom, arena, &token, 2000, "h4", &out, &res);
    assert_int_equal(res.cls, MP_ZOOM_MAYBE_DONE);
}

static void settings_have_zooms_addresses(void **state)
{
    struct mp_conf_source *source;
    struct mp_zoom_conf conf;
    struct mp_error err;

    (void)state;
    mp_error_init(&err, arena);
    unsetenv("ZOOM_API_URL");
    setenv("ZOOM_OAUTH_URL", "http://127.0.0.1:8490/oauth/", 1);
    assert_int_equal(mp_conf_open(arena, NULL, &source, &err), 0);
    assert_int_equal(mp_conf_fill(arena, source, mp_zoom_settings, mp_zoom_settings_rows, &conf, &err), 0);
    assert_string_equal(conf.api_url, "https://api.zoom.us/v2");
    assert_string_equal(conf.oauth_url, "http://127.0.0.1:8490/oauth");
    unsetenv("ZOOM_OAUTH_URL");
    assert_int_equal(mp_conf_open(arena, NULL, &source, &err), 0);
    assert_int_equal(mp_conf_fill(arena, source, mp_zoom_settings, mp_zoom_settings_rows, &conf, &err), 0);
    assert_string_equal(conf.oauth_url, "https://zoom.us/oauth");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(create_sends_all_of_it),
        TEST(create_sends_only_what_is_given),
        TEST(update_sends_only_what_is_given),
        TEST(update_sends_settings_as_given),
        TEST(the_other_meeting_calls),
        TEST(members_of_the_wrong_type_count_as_absent),
        TEST(a_start_without_zone_is_read_in_the_meetings_zone),
        TEST(lists_come_in_pages),
        TEST(a_list_is_read_whole_or_not_at_all),
        TEST(a_full_page_fits),
        TEST(a_token_is_asked_for_in_the_body),
        TEST(users_are_read),
        TEST(settings_have_zooms_addresses),
    };

    return cmocka_run_group_tests(tests, far_side_start, far_side_stop);
}
