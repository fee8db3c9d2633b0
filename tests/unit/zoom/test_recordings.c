#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "far_side.h"
#include "meetpool/clock.h"

#define TEST(name) cmocka_unit_test_setup_teardown(name, far_side_setup, far_side_teardown)

static struct mp_zoom_recording got;
static struct mp_zoom_result result;

static void ask(const char *id, const char *answer)
{
    peer_clear(far_side_peer);
    peer_reply_json(far_side_peer, "-", "200 OK", "", answer);
    mp_zoom_recording_get(zoom, arena, &token, 2000, id, &got, &result);
}

static void requested(const char *line)
{
    struct peer_seen seen = peer_seen(far_side_peer, arena);

    assert_int_equal(seen.count, 1);
    if (!mp_slice_starts(seen.requests[0], mp_arena_printf(arena, "%s HTTP/1.1\r\n", line)))
        fail_msg("%s", seen.requests[0].p);
}

#define QUERY "/recordings?include_fields=download_access_token&ttl=86400"

static void uuids_are_encoded_twice_where_they_must_be(void **state)
{
    static const struct {
        const char *id, *path;
    } rows[] = {
        {"92674392836", "92674392836"},
        {"aDYlohsHRtCd4ii1uC2+hA==", "aDYlohsHRtCd4ii1uC2%2BhA%3D%3D"},
        {"a/b==", "a%2Fb%3D%3D"},
        {"/ab==", "%252Fab%253D%253D"},
        {"a//b==", "a%252F%252Fb%253D%253D"},
    };

    (void)state;
    for (size_t i = 0; i < MP_COUNT(rows); i++) {
        ask(rows[i].id, "{\"uuid\":\"x\",\"recording_files\":[]}");
        assert_int_equal(result.cls, MP_ZOOM_OK);
        requested(mp_arena_printf(arena, "GET /v2/meetings/%s" QUERY, rows[i].path));
    }
}

static void a_recording_is_read(void **state)
{
    (void)state;
    ask("u", "{\"uuid\":\"4444AAAiAAAAAiAiAiiAii==\",\"id\":\"6840331990\",\"start_time\":\"2026-03-01T08:00:00Z\",\"type\":\"2\","
             "\"download_access_token\":\"eyJhbGciOiJIUzUxMiJ9\",\"recording_files\":["
             "{\"id\":\"f-1\",\"file_type\":\"MP4\",\"file_extension\":\"mp4\",\"file_size\":7220,\"status\":\"completed\","
             "\"recording_type\":\"gallery_view\",\"recording_start\":\"2026-03-01T08:00:05Z\",\"recording_end\":\"\","
             "\"download_url\":\"https://example.zoom.us/rec/download/Qg75t7xZBtEbAkjdlgbfdngBBBB\"},"
             "{\"file_type\":\"TIMELINE\",\"file_extension\":\"JSON\",\"recording_start\":\"2026-03-01T08:00:05Z\","
             "\"download_url\":\"https://zoom.us/rec/download/x\"},"
             "{\"file_type\":\"CC\",\"recording_start\":\"2026-03-01T08:00:05Z\",\"download_url\":\"https://zoom.us/rec/download/y\"},"
             "{\"id\":\"f-2\",\"file_type\":\"CSV\",\"file_extension\":\"CSV\",\"download_url\":\"https://zoom.us/rec/download/z\"},"
             "{\"id\":\"f-3\",\"file_type\":\"M4A\",\"status\":\"processing\",\"file_size\":\"12\"}]}");
    assert_int_equal(result.cls, MP_ZOOM_OK);
    assert_string_equal(got.uuid, "4444AAAiAAAAAiAiAiiAii==");
    assert_int_equal(got.zoom_id, INT64_C(6840331990));
    assert_int_equal(got.starts_at, INT64_C(1772352000000));
    assert_true(mp_secret_equals(&got.download_token, mp_slice_of("eyJhbGciOiJIUzUxMiJ9")));
    assert_int_equal(got.count, 5);
    assert_string_equal(got.files[0].key, "f-1");
    assert_string_equal(got.files[0].extension, "MP4");
    assert_int_equal(got.files[0].size, 7220);
    assert_int_equal(got.files[0].until, -1);
    assert_true(got.files[0].complete);
    assert_string_equal(got.files[1].key, "TIMELINE@2026-03-01T08:00:05Z");
    assert_null(got.files[1].id);
    assert_int_equal(got.files[1].size, -1);
    assert_true(got.files[1].complete);
    assert_string_equal(got.files[2].extension, "VTT");
    assert_null(got.files[3].extension);
    assert_false(got.files[4].complete);
    assert_int_equal(got.files[4].size, 12);
    assert_null(got.files[4].download_url);
}

/* An address is asked for with a token. */
static void addresses_that_are_not_zooms_are_none(void **state)
{
    static const char *const urls[] = {
        "http://zoom.us/rec/download/x",
        "https://zoom.us.example.com/x",
        "https://notzoom.us/x",
        "https://zoom.us:8443/x",
        "https://user@zoom.us/x",
        "https://169.254.169.254/latest",
        "file:///etc/passwd",
        "https://zoom.us\\\\@evil.example/x",
        "https://evil.example/?zoom.us",
        "//zoom.us/x",
        "http://127.0.0.1:1/x",
        "https://zoom.us/a b",
    };

    (void)state;
    for (size_t i = 0; i < MP_COUNT(urls); i++) {
        print_message("%s\n", urls[i]);
        ask("u",
            mp_arena_printf(arena, "{\"uuid\":\"x\",\"recording_files\":[{\"id\":\"f\",\"file_type\":\"MP4\",\"download_url\":\"%s\"}]}", urls[i]));
        assert_int_equal(result.cls, MP_ZOOM_OK);
        assert_int_equal(got.count, 1);
        assert_null(got.files[0].download_url);
    }
}

static void what_cannot_be_named_is_left_out(void **state)
{
    static const char *const files[] = {
        "null",
        "5",
        "{}",
        "{\"id\":5}",
        "{\"id\":\"\"}",
        "{\"id\":\"a b\"}",
        "{\"id\":\"\\u00e4\"}",
        "{\"file_type\":\"CC\"}",
        "{\"file_type\":\"C C\",\"recording_start\":\"2026-03-01T08:00:05Z\"}",
        "{\"id\":\"0123456789012345678901234567890123456789012345678901234567890123456789\"}",
    };

    (void)state;
    for (size_t i = 0; i < MP_COUNT(files); i++) {
        print_message("%s\n", files[i]);
        ask("u", mp_arena_printf(arena, "{\"uuid\":\"x\",\"recording_files\":[%s,{\"id\":\"good\"}]}", files[i]));
        assert_int_equal(result.cls, MP_ZOOM_OK);
        assert_int_equal(got.count, 1);
        assert_string_equal(got.files[0].key, "good");
    }
}

static void none_yet_and_refusals(void **state)
{
    (void)state;
    peer_reply_json(far_side_peer, "-", "404 Not Found", "", "{\"code\":3301,\"message\":\"There is no recording for this meeting.\"}");
    mp_zoom_recording_get(zoom, arena, &token, 2000, "1", &got, &result);
    assert_int_equal(result.cls, MP_ZOOM_NOT_FOUND);
    ask("1", "{\"code\":200,\"message\":\"No permission.\"}");
    assert_int_equal(result.cls, MP_ZOOM_REFUSED);
    ask("1", "{\"recording_files\":[]}");
    assert_int_equal(result.cls, MP_ZOOM_MAYBE_DONE);
    assert_int_equal(got.count, 0);
}

static void a_hosts_recordings_come_in_pages(void **state)
{
    const struct mp_zoom_recording_query query = {
        .host = "a@b.example", .from = INT64_C(1772352000000), .to = INT64_C(1772352000000) + MP_DAY_MS, .page_token = "t+1"};
    struct mp_zoom_recording_list list;

    (void)state;
    peer_reply_json(far_side_peer, "-", "200 OK", "",
                    "{\"next_page_token\":\"t2\",\"meetings\":[{\"uuid\":\"x\",\"id\":5,\"recording_files\":[{\"id\":\"f\"}]},{\"id\":6},null]}");
    mp_zoom_recording_list(zoom, arena, &token, 2000, &query, &list, &result);
    assert_int_equal(result.cls, MP_ZOOM_OK);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.items[0].zoom_id, 5);
    assert_string_equal(list.next_page_token, "t2");
    requested("GET /v2/users/a%40b.example/recordings?from=2026-03-01&to=2026-03-02&page_size=300&next_page_token=t%2B1");
}

static void files_go_to_the_trash_alone(void **state)
{
    (void)state;
    peer_reply_json(far_side_peer, "-", "204 No Content", "", "");
    mp_zoom_recording_trash(zoom, arena, &token, 2000, "/a==", "f-1", &result);
    requested("DELETE /v2/meetings/%252Fa%253D%253D/recordings/f-1?action=trash");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(uuids_are_encoded_twice_where_they_must_be),
        TEST(a_recording_is_read),
        TEST(addresses_that_are_not_zooms_are_none),
        TEST(what_cannot_be_named_is_left_out),
        TEST(none_yet_and_refusals),
        TEST(a_hosts_recordings_come_in_pages),
        TEST(files_go_to_the_trash_alone),
    };

    return cmocka_run_group_tests(tests, far_side_start, far_side_stop);
}
