#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "meetpool/buf.h"
#include "meetpool/clock.h"
#include "meetpool/stream.h"
#include "peer.h"

static struct mp_arena *arena;
static struct mp_http *http;
static struct peer *peer;

static int setup(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    arena = mp_arena_new();
    http = mp_http_new();
    peer = peer_start("plain");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    peer_stop(peer);
    mp_http_free(http);
    mp_arena_free(arena);
    return 0;
}

struct taker {
    struct mp_buf bytes;
    unsigned waits; /* to be said so many times first */
    bool waiting, stops;
    unsigned status; /* as the head said it when bytes came */
};

static enum mp_stream_take take(void *arg, const struct mp_http_response *head, struct mp_slice bytes)
{
    struct taker *taker = arg;

    taker->status = head->status;
    if (taker->stops)
        return MP_STREAM_STOP;
    if (taker->waits > 0) {
        taker->waits--;
        taker->waiting = true;
        return MP_STREAM_WAIT;
    }
    assert_true(mp_buf_add_slice(&taker->bytes, bytes));
    return MP_STREAM_TAKEN;
}

static struct mp_stream_request get(struct taker *taker)
{
    struct mp_stream_request req = {.take = take, .arg = taker};

    mp_buf_init(&taker->bytes, arena, 1 << 20);
    req.call.method = "GET";
    req.call.url = mp_arena_printf(arena, "http://127.0.0.1:%u/x", peer_port(peer));
    return req;
}

static const struct mp_http_response *finish(struct mp_stream *stream)
{
    while (!mp_stream_ended(stream))
        mp_stream_turn(http, 100);
    return mp_stream_answer(stream);
}

static void hands_on_what_comes(void **state)
{
    struct taker taker = {0};
    struct mp_stream_request req = get(&taker);
    const struct mp_http_response *res;

    (void)state;
    peer_reply_json(peer, "-", "206 Partial Content", "ETag: \"x\"\r\n", "hello");
    res = finish(mp_stream_start(http, arena, &req));
    assert_int_equal(res->call, MP_CALL_ANSWERED);
    assert_int_equal(res->status, 206);
    assert_int_equal(taker.status, 206);
    assert_string_equal(mp_http_header_get(res, "etag"), "\"x\"");
    assert_string_equal(mp_buf_text(&taker.bytes), "hello");
    assert_int_equal(res->body.len, 0);
}

static void waits_and_goes_on(void **state)
{
    struct taker taker = {.waits = 2};
    struct mp_stream_request req = get(&taker);
    struct mp_stream *stream;

    (void)state;
    peer_reply_json(peer, "-", "200 OK", "", "hello");
    stream = mp_stream_start(http, arena, &req);
    while (!mp_stream_ended(stream)) {
        mp_stream_turn(http, 100);
        if (taker.waiting) {
            taker.waiting = false;
            mp_stream_go_on(stream);
        }
    }
    assert_int_equal(taker.waits, 0);
    assert_string_equal(mp_buf_text(&taker.bytes), "hello");
}

static void stops_and_is_dropped(void **state)
{
    struct taker stopping = {.stops = true}, dropped = {0};
    struct mp_stream_request req = get(&stopping), other = get(&dropped);
    struct mp_stream *stream;

    (void)state;
    peer_reply_json(peer, "-", "404 Not Found", "", "no");
    assert_int_equal(finish(mp_stream_start(http, arena, &req))->call, MP_CALL_MAYBE_DONE);
    assert_int_equal(stopping.status, 404);

    peer_reply_json(peer, "hang", "200 OK", "", "never");
    stream = mp_stream_start(http, arena, &other);
    mp_stream_drop(stream);
    assert_true(mp_stream_ended(stream));
    mp_stream_drop(stream);
    mp_stream_drop(NULL);
}

static void tells_a_cut_from_an_end(void **state)
{
    struct taker taker = {0};
    struct mp_stream_request req = get(&taker);
    const struct mp_http_response *res;

    (void)state;
    peer_reply(peer, "close", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello");
    res = finish(mp_stream_start(http, arena, &req));
    assert_int_equal(res->call, MP_CALL_MAYBE_DONE);
    assert_int_equal(res->status, 200);
    assert_string_equal(mp_buf_text(&taker.bytes), "hello");
}

static void ends_what_stands_still(void **state)
{
    struct taker taker = {0};
    struct mp_stream_request req = get(&taker);

    (void)state;
    req.slow_bytes_per_s = 100;
    req.slow_s = 1;
    peer_reply(peer, "hang", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello");
    assert_int_equal(finish(mp_stream_start(http, arena, &req))->call, MP_CALL_MAYBE_DONE);
}

static void sends_what_is_somebody_elses(void **state)
{
    struct mp_stream_request req = {.slow_bytes_per_s = 1, .slow_s = 30};
    const struct mp_http_response *res;
    struct peer_seen seen;
    char *body = mp_arena_alloc(arena, 300000);

    (void)state;
    memset(body, 'x', 299999);
    req.call =
        (struct mp_http_request){.method = "PUT", .url = mp_arena_printf(arena, "http://127.0.0.1:%u/x", peer_port(peer)), .body = {body, 299999}};
    peer_reply_json(peer, "-", "200 OK", "ETag: \"p\"\r\n", "done");
    res = finish(mp_stream_start(http, arena, &req));
    assert_int_equal(res->status, 200);
    assert_string_equal(res->body.p, "done");
    seen = peer_seen(peer, arena);
    assert_int_equal(seen.count, 1);
    assert_memory_equal(seen.requests[0].p + seen.requests[0].len - 299999, body, 299999);
}

/* Nothing is sent to an address that is not allowed, over a fresh connection or a kept one. */
static void keeps_away(void **state)
{
    struct taker taker = {0};
    struct mp_stream_request req = get(&taker);
    struct mp_stream *stream;

    (void)state;
    req.addresses = MP_ADDRESS_PUBLIC | MP_ADDRESS_PRIVATE;
    stream = mp_stream_start(http, arena, &req);
    assert_int_equal(finish(stream)->call, MP_CALL_NOT_SENT);
    assert_true(mp_stream_kept_away(stream));
    assert_int_equal(peer_seen(peer, arena).connections, 0);

    req.addresses = MP_ADDRESS_LOOPBACK;
    peer_reply_json(peer, "-", "200 OK", "", "hello");
    stream = mp_stream_start(http, arena, &req);
    assert_int_equal(finish(stream)->call, MP_CALL_ANSWERED);
    assert_int_equal(mp_stream_address(stream), MP_ADDRESS_LOOPBACK);
    assert_false(mp_stream_kept_away(stream));

    req.addresses = MP_ADDRESS_PUBLIC;
    stream = mp_stream_start(http, arena, &req);
    assert_int_not_equal(finish(stream)->call, MP_CALL_ANSWERED);
    assert_true(mp_stream_kept_away(stream));
    assert_int_equal(peer_seen(peer, arena).count, 1);
}

static void goes_side_by_side_with_calls(void **state)
{
    struct taker taker = {.waits = 1};
    struct mp_stream_request req = get(&taker);
    struct mp_http_request call = {.method = "GET", .url = req.call.url};
    struct mp_http_response res;
    struct mp_stream *stream;

    (void)state;
    peer_reply_json(peer, "-", "200 OK", "", "stream");
    peer_reply_json(peer, "-", "200 OK", "", "call");
    stream = mp_stream_start(http, arena, &req);
    while (!taker.waiting)
        mp_stream_turn(http, 100);
    mp_http_call(http, arena, &call, &res);
    assert_string_equal(res.body.p, "call");
    assert_false(mp_stream_ended(stream));
    mp_stream_go_on(stream);
    assert_int_equal(finish(stream)->status, 200);
    assert_string_equal(mp_buf_text(&taker.bytes), "stream");
}

static void count(void *arg)
{
    ++*(unsigned *)arg;
}

static void says_that_a_call_waits(void **state)
{
    unsigned said = 0;
    struct mp_http_request call = {.method = "GET", .url = mp_arena_printf(arena, "http://127.0.0.1:%u/x", peer_port(peer))};
    struct mp_http_response res;

    (void)state;
    mp_http_while_waiting(http, count, &said);
    peer_reply_json(peer, "delay=1200", "200 OK", "", "late");
    mp_http_call(http, arena, &call, &res);
    assert_int_equal(res.status, 200);
    assert_true(said >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(hands_on_what_comes, setup, teardown),
        cmocka_unit_test_setup_teardown(waits_and_goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(stops_and_is_dropped, setup, teardown),
        cmocka_unit_test_setup_teardown(tells_a_cut_from_an_end, setup, teardown),
        cmocka_unit_test_setup_teardown(ends_what_stands_still, setup, teardown),
        cmocka_unit_test_setup_teardown(sends_what_is_somebody_elses, setup, teardown),
        cmocka_unit_test_setup_teardown(keeps_away, setup, teardown),
        cmocka_unit_test_setup_teardown(goes_side_by_side_with_calls, setup, teardown),
        cmocka_unit_test_setup_teardown(says_that_a_call_waits, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
