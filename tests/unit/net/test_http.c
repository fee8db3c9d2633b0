#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meetpool/clock.h"
#include "meetpool/http.h"
#include "peer.h"

#define CANARY "canary-7d1f-token"

static struct peer *peer;
static struct mp_http *http;
static struct mp_arena *arena;

static int start(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    peer = peer_start("plain");
    return 0;
}

static int stop(void **state)
{
    (void)state;
    peer_stop(peer);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    peer_clear(peer);
    arena = mp_arena_new();
    http = mp_http_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    mp_http_free(http);
    mp_arena_free(arena);
    return 0;
}

static const char *url_of(const struct peer *to, const char *path)
{
    return mp_arena_printf(arena, "http://127.0.0.1:%u%s", peer_port(to), path);
}

/* A request as the rooms above make it, with a secret that must show up nowhere. */
static struct mp_http_response call_with(const char *method, const char *url, unsigned timeout_ms, size_t most)
{
    struct mp_secret token = mp_secret_copy(arena, mp_slice_of(CANARY));
    bool body = strcmp(method, "POST") == 0 || strcmp(method, "PATCH") == 0 || strcmp(method, "PUT") == 0;
    struct mp_http_request req = {
        .method = method,
        .url = url,
        .bearer = &token,
        .body = body ? mp_slice_of("{\"a\":1}") : (struct mp_slice){0},
        .content_type = body ? "application/json" : NULL,
        .timeout_ms = timeout_ms,
        .answer_most_bytes = most,
    };
    struct mp_http_response res;

    mp_http_call(http, arena, &req, &res);
    if (res.call == MP_CALL_ANSWERED) {
        assert_null(res.problem);
    } else {
        assert_non_null(res.problem);
        assert_true(strlen(res.problem) > 0);
        assert_null(strstr(res.problem, CANARY));
        assert_int_equal(res.status, 0);
    }
    return res;
}

static struct mp_http_response call(const char *method, const char *path)
{
    return call_with(method, url_of(peer, path), 5000, 0);
}

static bool has(struct mp_slice request, const char *text)
{
    return strstr(request.p, text) != NULL;
}

/* ---- What is sent, what is read ---- */

static void get_is_sent_and_read(void **state)
{
    struct mp_http_response res;
    struct peer_seen seen;

    (void)state;
    peer_reply_json(peer, "-", "200 OK", "X-ZM-TrackingID:  v=2;rid=1 \t\r\nX-Twice: first\r\nX-Twice: second\r\nX-Empty:\r\n", "{\"id\":1}");
    res = call("GET", "/v2/users/..%2Fa/../b?x=1");
    assert_int_equal(res.call, MP_CALL_ANSWERED);
    assert_int_equal(res.status, 200);
    assert_int_equal(res.body.len, 8);
    assert_string_equal(res.body.p, "{\"id\":1}");
    assert_string_equal(mp_http_header_get(&res, "x-zm-trackingid"), "v=2;rid=1");
    assert_string_equal(mp_http_header_get(&res, "X-TWICE"), "first");
    assert_string_equal(mp_http_header_get(&res, "x-empty"), "");
    assert_null(mp_http_header_get(&res, "X-Zm"));

    seen = peer_seen(peer, arena);
    assert_int_equal(seen.count, 1);
    assert_true(mp_slice_starts(seen.requests[0], "GET /v2/users/..%2Fa/../b?x=1 HTTP/1.1\r\n"));
    assert_true(has(seen.requests[0], "\r\nAuthorization: Bearer " CANARY "\r\n"));
    assert_true(has(seen.requests[0], "\r\nUser-Agent: meetpool/"));
    assert_false(has(seen.requests[0], "Content-Type"));
    assert_false(has(seen.requests[0], "Accept-Encoding"));
}

static void post_is_sent_at_once(void **state)
{
    size_t len = (size_t)2 << 20;
    struct mp_http_header more[] = {{"X-Request-Id", "r-1"}, {"Accept", "application/json"}};
    struct mp_http_request req = {.method = "POST", .headers = more, .headers_count = 2, .content_type = "text/x", .basic_user = "client"};
    struct mp_secret password = mp_secret_copy(arena, mp_slice_of("s3cret"));
    struct mp_http_response res;
    struct peer_seen seen;
    char *body = mp_arena_alloc(arena, len);

    (void)state;
    memset(body, 'b', len);
    req.url = url_of(peer, "/token");
    req.basic_password = &password;
    req.body = (struct mp_slice){body, len};
    peer_reply_json(peer, "-", "201 Created", "", "");
    mp_http_call(http, arena, &req, &res);
    assert_int_equal(res.call, MP_CALL_ANSWERED);
    assert_int_equal(res.body.len, 0);
    assert_non_null(res.body.p);

    seen = peer_seen(peer, arena);
    assert_int_equal(seen.count, 1);
    assert_true(mp_slice_starts(seen.requests[0], "POST /token HTTP/1.1\r\n"));
    assert_true(has(seen.requests[0], "\r\nAuthorization: Basic Y2xpZW50OnMzY3JldA==\r\n"));
    assert_true(has(seen.requests[0], "\r\nContent-Length: 2097152\r\n"));
    assert_true(has(seen.requests[0], "\r\nContent-Type: text/x\r\n"));
    assert_true(has(seen.requests[0], "\r\nX-Request-Id: r-1\r\n"));
    assert_true(has(seen.requests[0], "\r\nAccept: application/json\r\n"));
    assert_false(has(seen.requests[0], "Expect"));
}

static void bodiless_methods(void **state)
{
    struct mp_http_request req = {.method = "POST", .url = url_of(peer, "/a")};
    struct mp_http_response res;
    struct peer_seen seen;

    (void)state;
    for (int i = 0; i < 2; i++)
        peer_reply(peer, "-", "HTTP/1.1 204 No Content\r\n\r\n");
    mp_http_call(http, arena, &req, &res);
    assert_int_equal(res.status, 204);
    assert_int_equal(call("DELETE", "/b").status, 204);
    seen = peer_seen(peer, arena);
    assert_true(has(seen.requests[0], "\r\nContent-Length: 0\r\n"));
    assert_false(has(seen.requests[0], "Content-Type"));
    assert_false(has(seen.requests[0], "Authorization"));
    assert_true(mp_slice_starts(seen.requests[1], "DELETE /b HTTP/1.1\r\n"));
    assert_false(has(seen.requests[1], "Content-Length"));
}

static void interim_answers_are_forgotten(void **state)
{
    struct mp_http_response res;

    (void)state;
    peer_reply(peer, "-", "HTTP/1.1 100 Continue\r\nX-A: interim\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}");
    res = call("POST", "/");
    assert_int_equal(res.status, 201);
    assert_null(mp_http_header_get(&res, "X-A"));
    assert_string_equal(res.body.p, "{}");
}

static void connections_are_kept(void **state)
{
    struct peer_seen seen;

    (void)state;
    for (int i = 0; i < 5; i++) {
        peer_reply_json(peer, "-", "200 OK", "", "{}");
        assert_int_equal(call(i % 2 ? "GET" : "POST", "/").call, MP_CALL_ANSWERED);
    }
    seen = peer_seen(peer, arena);
    assert_int_equal(seen.count, 5);
    assert_int_equal(seen.connections, 1);
}

static void nothing_stays_from_the_last_call(void **state)
{
    struct mp_http_request bare = {.method = "GET", .url = url_of(peer, "/bare")};
    struct mp_http_response res;
    struct peer_seen seen;

    (void)state;
    peer_reply_json(peer, "-", "200 OK", "Set-Cookie: a=b\r\n", "{}");
    peer_reply_json(peer, "-", "200 OK", "", "{}");
    call("PATCH", "/");
    mp_http_call(http, arena, &bare, &res);
    assert_int_equal(res.status, 200);
    seen = peer_seen(peer, arena);
    assert_false(has(seen.requests[1], "Authorization"));
    assert_false(has(seen.requests[1], "Cookie"));
    assert_false(has(seen.requests[1], "Content-Length"));
}

/* ---- Never twice ---- */

static const char *const changing[] = {"POST", "PATCH", "PUT", "DELETE"};

/* The peer reads the request on the kept connection and ends it: curl alone would send the same again. */
static void dying_kept_connection(const char *method, const char *how, const char *bytes)
{
    struct mp_http_response res;
    struct peer_seen seen;

    print_message("%s, %s, \"%s\"\n", method, how, bytes);
    peer_clear(peer);
    peer_reply_json(peer, "-", "200 OK", "", "{}");
    peer_reply(peer, how, bytes);
    for (int i = 0; i < 3; i++)
        peer_reply_json(peer, "-", "201 Created", "", "{}");
    assert_int_equal(call("GET", "/first").call, MP_CALL_ANSWERED);
    res = call(method, "/second");
    assert_int_equal(res.call, MP_CALL_MAYBE_DONE);
    seen = peer_seen(peer, arena);
    assert_int_equal(seen.count, 2);
    assert_true(mp_slice_starts(seen.requests[1], method));
}

static void a_change_leaves_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < MP_COUNT(changing); i++) {
        dying_kept_connection(changing[i], "close", "");
        dying_kept_connection(changing[i], "reset", "");
        dying_kept_connection(changing[i], "close", "HTT");
        dying_kept_connection(changing[i], "close", "HTTP/1.1 201");
        dying_kept_connection(changing[i], "close", "HTTP/1.1 201 Created\r\n");
    }
    /* And the client is as good as new. */
    peer_clear(peer);
    peer_reply_json(peer, "-", "201 Created", "", "{}");
    assert_int_equal(call("POST", "/third").call, MP_CALL_ANSWERED);
}

static void a_question_may_be_repeated(void **state)
{
    struct peer_seen seen;

    (void)state;
    peer_reply_json(peer, "-", "200 OK", "", "{}");
    peer_reply(peer, "close", "");
    peer_reply_json(peer, "-", "200 OK", "", "[]");
    assert_int_equal(call("GET", "/first").call, MP_CALL_ANSWERED);
    assert_string_equal(call("GET", "/second").body.p, "[]");
    seen = peer_seen(peer, arena);
    assert_int_equal(seen.count, 3);
}

static void a_connection_closed_while_idle_is_not_used(void **state)
{
    struct peer_seen seen;

    (void)state;
    peer_reply_json(peer, "close", "200 OK", "", "{}");
    peer_reply_json(peer, "-", "201 Created", "", "{}");
    assert_int_equal(call("POST", "/first").call, MP_CALL_ANSWERED);
    mp_sleep_ms(50);
    assert_int_equal(call("POST", "/second").call, MP_CALL_ANSWERED);
    seen = peer_seen(peer, arena);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.connections, 2);
}

/* Bytes behind the end of an answer must not become the answer to the next request. */
static void surplus_bytes_are_not_the_next_answer(void **state)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong";

    (void)state;
    peer_reply(peer, "-", answer);
    peer_reply_json(peer, "-", "200 OK", "", "right");
    assert_string_equal(call("GET", "/first").body.p, "{}");
    mp_sleep_ms(50);
    assert_string_equal(call("GET", "/second").body.p, "right");
}

static void redirects_are_answers(void **state)
{
    static const char *const statuses[] = {"301 Moved Permanently", "302 Found", "303 See Other", "304 Not Modified", "307 Temporary Redirect",
                                           "308 Permanent Redirect"};
    struct peer *other = peer_start("plain");
    char *location = mp_arena_printf(arena, "Location: http://127.0.0.1:%u/elsewhere\r\n", peer_port(other));

    (void)state;
    for (size_t i = 0; i < MP_COUNT(statuses); i++) {
        peer_reply_json(peer, "-", statuses[i], location, "");
        assert_int_equal(call(i % 2 ? "GET" : "POST", "/").status, strtoul(statuses[i], NULL, 10));
    }
    peer_reply_json(peer, "-", "401 Unauthorized", "WWW-Authenticate: Basic realm=\"x\"\r\nWWW-Authenticate: Digest realm=\"x\", nonce=\"y\"\r\n",
                    "{}");
    assert_int_equal(call("POST", "/").status, 401);
    assert_int_equal(peer_seen(peer, arena).count, MP_COUNT(statuses) + 1);
    assert_int_equal(peer_seen(other, arena).connections, 0);
    peer_stop(other);
}

static void proxies_of_the_environment_are_not_used(void **state)
{
    (void)state;
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    peer_reply_json(peer, "-", "200 OK", "", "{}");
    assert_int_equal(call("GET", "/").call, MP_CALL_ANSWERED);
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
}

/* ---- Cuts ---- */

static const char answer_201[] =
    "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nx-zm-trackingid: v=2.0;clid=us02\r\nContent-Length: 38\r\n\r\n"
    "{\"id\":92674392836,\"topic\":\"Algebra 1\"}";

static void cut_at_every_byte(void **state)
{
    size_t len = sizeof(answer_201) - 1;

    (void)state;
    for (size_t k = 0; k <= len; k++) {
        struct mp_http_response res;

        peer_clear(peer);
        peer_reply(peer, mp_arena_printf(arena, "cut=%zu", k), answer_201);
        res = call("POST", "/");
        if (res.call != (k == len ? MP_CALL_ANSWERED : MP_CALL_MAYBE_DONE))
            fail_msg("cut at byte %zu: class %d (%s)", k, (int)res.call, res.problem ? res.problem : "-");
        assert_int_equal(peer_seen(peer, arena).count, 1);
    }
}

/* The same on a kept connection, where curl would try again. */
static void cut_at_every_byte_of_a_second_answer(void **state)
{
    size_t len = sizeof(answer_201) - 1;

    (void)state;
    for (size_t k = 0; k < len; k++) {
        peer_clear(peer);
        peer_reply(peer, "-", answer_201);
        peer_reply(peer, mp_arena_printf(arena, "cut=%zu", k), answer_201);
        assert_int_equal(call("GET", "/").call, MP_CALL_ANSWERED);
        assert_int_equal(call("POST", "/").call, MP_CALL_MAYBE_DONE);
        assert_int_equal(peer_seen(peer, arena).count, 2);
    }
}

static void cut_in_chunks(void **state)
{
    static const char answer[] = "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"id\"\r\n3\r\n:1}\r\n0\r\n\r\n";
    size_t whole = (size_t)(strstr(answer, "0\r\n\r\n") - answer) + 3;
    size_t head = (size_t)(strstr(answer, "\r\n\r\n") - answer);

    (void)state;
    for (size_t k = 0; k < whole; k++) {
        struct mp_http_response res;

        peer_clear(peer);
        peer_reply(peer, mp_arena_printf(arena, "cut=%zu", k), answer);
        res = call("POST", "/");
        if (res.call != MP_CALL_MAYBE_DONE)
            fail_msg("cut at byte %zu, the head ends at %zu: class %d, \"%s\"", k, head, (int)res.call, res.body.p);
    }
    peer_clear(peer);
    peer_reply(peer, "-", answer);
    assert_string_equal(call("POST", "/").body.p, "{\"id\":1}");
}

static void garbage_is_no_answer(void **state)
{
    static const char *const rows[] = {
        "<html>no protocol</html>\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 201 Created\r\nContent-Length: -1\r\n\r\n{}",
        "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}",
    };

    (void)state;
    for (size_t i = 0; i < MP_COUNT(rows); i++) {
        print_message("%s\n", rows[i]);
        peer_clear(peer);
        peer_reply(peer, "close", rows[i]);
        assert_int_equal(call("POST", "/").call, MP_CALL_MAYBE_DONE);
        assert_int_equal(peer_seen(peer, arena).count, 1);
    }
}

/* ---- Several at once ---- */

#define SEVERAL 8

struct several {
    struct mp_http_request req[SEVERAL];
    struct mp_http_response res[SEVERAL];
    bool landed[SEVERAL];
};

static struct several *start_several(const char *method, unsigned timeout_ms)
{
    struct several *all = MP_NEW(arena, struct several);

    for (size_t i = 0; i < SEVERAL; i++) {
        all->req[i] = (struct mp_http_request){.method = method,
                                               .url = url_of(peer, mp_arena_printf(arena, "/%zu", i)),
                                               .body = strcmp(method, "POST") == 0 ? mp_slice_of("{}") : (struct mp_slice){0},
                                               .timeout_ms = timeout_ms};
        mp_http_start(http, arena, &all->req[i], &all->res[i]);
    }
    return all;
}

/* Each lands once; those that were answered with their own answer. How many those are. */
static size_t land_several(struct several *all)
{
    size_t answered = 0;

    for (size_t n = 0; n < SEVERAL; n++) {
        const struct mp_http_response *res = mp_http_land(http, 10000);
        size_t i = 0;

        while (i < SEVERAL && res != &all->res[i])
            i++;
        assert_in_range(i, 0, SEVERAL - 1);
        assert_false(all->landed[i]);
        all->landed[i] = true;
        if (res->call != MP_CALL_ANSWERED)
            continue;
        assert_string_equal(res->body.p, mp_arena_printf(arena, "/%zu", i));
        answered++;
    }
    assert_null(mp_http_land(http, 10000));
    return answered;
}

static void several_share_their_time_and_no_fate(void **state)
{
    static const char answer[] = "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n**";
    int64_t began_ms = mp_monotonic_ms();
    struct several *all;

    (void)state;
    for (size_t i = 0; i < SEVERAL; i++)
        peer_reply(peer, i == 2 ? "cut=30" : i == 4 ? "cut=0,hang" : i == 5 ? "reset,cut=0" : "echo,delay=300", answer);
    all = start_several("POST", 2400);
    assert_int_equal(land_several(all), SEVERAL - 3);
    /* As long as the one that hangs, not as all of them together. */
    assert_in_range(mp_monotonic_ms() - began_ms, 2400, 4700);
    assert_int_equal(peer_seen(peer, arena).count, SEVERAL);
    for (size_t i = 0; i < SEVERAL; i++)
        assert_in_range(all->res[i].call, MP_CALL_ANSWERED, all->res[i].call == MP_CALL_ANSWERED ? MP_CALL_ANSWERED : MP_CALL_MAYBE_DONE);
}

/* All on connections that were kept and die under the request. */
static void several_changes_leave_once(void **state)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n**";

    (void)state;
    for (size_t i = 0; i < SEVERAL; i++)
        peer_reply(peer, "echo,delay=100", answer);
    assert_int_equal(land_several(start_several("GET", 3000)), SEVERAL);
    for (size_t i = 0; i < SEVERAL; i++)
        peer_reply(peer, i % 2 ? "close" : "reset", "");
    assert_int_equal(land_several(start_several("POST", 3000)), 0);
    assert_int_equal(peer_seen(peer, arena).count, (size_t)2 * SEVERAL);
}

static void one_may_be_called_among_several(void **state)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n**";
    struct several *all;

    (void)state;
    for (size_t i = 0; i <= SEVERAL; i++)
        peer_reply(peer, i < SEVERAL ? "echo,delay=2000" : "-", answer);
    all = start_several("GET", 9000);
    /* The far side answers in the order in which it is asked. */
    for (int tries = 0; tries < 100 && peer_seen(peer, arena).count < SEVERAL; tries++)
        assert_null(mp_http_land(http, 10));
    assert_string_equal(call("GET", "/").body.p, "**");
    assert_int_equal(land_several(all), SEVERAL);
}

static void what_cannot_start_lands_at_once(void **state)
{
    struct mp_http_request req = {.method = "GET", .url = "ftp://127.0.0.1/"};
    struct mp_http_response res;

    (void)state;
    mp_http_start(http, arena, &req, &res);
    assert_ptr_equal(mp_http_land(http, 0), &res);
    assert_int_equal(res.call, MP_CALL_NOT_SENT);
    assert_null(mp_http_land(http, 10000));
}

/* ---- Sizes ---- */

static char *large_answer(size_t body_len)
{
    char *text = mp_arena_alloc(arena, body_len + 200);
    int head = snprintf(text, 200, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", body_len);

    memset(text + head, 'x', body_len);
    return text;
}

static void answers_are_bounded(void **state)
{
    size_t five_mib = (size_t)5 << 20;
    struct mp_http_response res;

    (void)state;
    peer_reply(peer, "-", large_answer(five_mib));
    assert_int_equal(call("POST", "/").call, MP_CALL_MAYBE_DONE);
    peer_reply(peer, "-", large_answer(five_mib));
    res = call_with("GET", url_of(peer, "/"), 5000, five_mib);
    assert_int_equal(res.call, MP_CALL_ANSWERED);
    assert_int_equal(res.body.len, five_mib);
    assert_int_equal(res.body.p[five_mib], '\0');

    peer_reply(peer, "-", large_answer(11));
    assert_int_equal(call_with("GET", url_of(peer, "/"), 5000, 10).call, MP_CALL_MAYBE_DONE);
    peer_reply(peer, "-", large_answer(10));
    assert_int_equal(call_with("GET", url_of(peer, "/"), 5000, 10).call, MP_CALL_ANSWERED);
}

static void heads_are_bounded(void **state)
{
    char *text = mp_arena_alloc(arena, 100000);
    size_t len = (size_t)snprintf(text, 100, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n");
    struct mp_http_response res;

    (void)state;
    for (int i = 0; i < 300; i++)
        len += (size_t)snprintf(text + len, 100, "X-%d: y\r\n", i);
    memcpy(text + len, "\r\n", 3);
    peer_reply(peer, "-", text);
    res = call("GET", "/");
    assert_int_equal(res.call, MP_CALL_ANSWERED);
    assert_string_equal(mp_http_header_get(&res, "X-0"), "y");
    assert_true(res.headers_count <= 300);

    for (int i = 0; i < 1200; i++)
        len += (size_t)snprintf(text + len, 100, "X-%d: %060d\r\n", i, i);
    memcpy(text + len, "\r\n", 3);
    peer_reply(peer, "-", text);
    assert_int_equal(call("GET", "/").call, MP_CALL_MAYBE_DONE);
}

/* ---- Time ---- */

static void times_out(const char *how, const char *bytes, unsigned timeout_ms)
{
    struct mp_http_response res;

    print_message("%s \"%s\"\n", how, bytes);
    peer_clear(peer);
    peer_reply(peer, how, bytes);
    res = call_with("POST", url_of(peer, "/"), timeout_ms, 0);
    assert_int_equal(res.call, MP_CALL_MAYBE_DONE);
    assert_in_range(res.elapsed_ms, timeout_ms - 10, timeout_ms + 1000);
    assert_int_equal(peer_seen(peer, arena).count, 1);
}

static void a_late_answer_is_none(void **state)
{
    (void)state;
    times_out("hang", "", 200);
    times_out("hang", "HTTP/1.1 201 Created\r\n", 200);
    times_out("cut=60,hang", answer_201, 200);
    times_out("drip=20", answer_201, 300);
    times_out("delay=700", answer_201, 200);
    peer_clear(peer);
    peer_reply(peer, "delay=300", answer_201);
    assert_int_equal(call_with("POST", url_of(peer, "/"), 2000, 0).call, MP_CALL_ANSWERED);
}

static void not_sent(const char *url, unsigned timeout_ms)
{
    struct mp_http_response res = call_with("POST", url, timeout_ms, 0);

    print_message("%s: %s\n", url, res.problem ? res.problem : "answered");
    assert_int_equal(res.call, MP_CALL_NOT_SENT);
    assert_true(res.elapsed_ms < timeout_ms + 1000);
}

static void who_cannot_be_reached_got_nothing(void **state)
{
    struct peer *full = peer_start("full");

    (void)state;
    not_sent("http://127.0.0.1:1/", 2000);
    not_sent(url_of(full, "/"), 300);
    not_sent("https://no-such-host.invalid/", 2000);
    peer_stop(full);
}

static void connecting_has_a_limit_of_its_own(void **state)
{
    struct peer *full = peer_start("full");
    struct mp_http_response res = call_with("POST", url_of(full, "/"), 20000, 0);

    (void)state;
    assert_int_equal(res.call, MP_CALL_NOT_SENT);
    assert_in_range(res.elapsed_ms, 2900, 5000);
    peer_stop(full);
}

/* ---- What is not even tried ---- */

static void plain_http_is_for_loopback(void **state)
{
    static const char *const urls[] = {"http://192.0.2.1/",          "http://api.zoom.us/v2",      "http://localhost.example.com/",
                                       "http://[::ffff:127.0.0.1]/", "http://[2001:db8::1]:8080/", "HTTP://10.0.0.1/"};

    (void)state;
    for (size_t i = 0; i < MP_COUNT(urls); i++) {
        struct mp_http_response res = call_with("POST", urls[i], 5000, 0);

        assert_int_equal(res.call, MP_CALL_NOT_SENT);
        assert_non_null(strstr(res.problem, "plain http"));
        assert_true(res.elapsed_ms < 100);
    }
}

static void what_is_no_request_is_not_sent(void **state)
{
    static const struct mp_http_header wrong[] = {{"X-A", "1\r\nX-B: 2"}, {"X A", "1"}, {"X:A", "1"}, {"", "1"}, {"X-A\n", "1"}, {"X-A", "\x01"}};
    struct mp_secret token = mp_secret_copy(arena, mp_slice_of("a\r\nX-B: 2"));
    struct mp_http_request req = {.method = "GET", .url = url_of(peer, "/")};
    struct mp_http_response res;

    (void)state;
    for (size_t i = 0; i < MP_COUNT(wrong); i++) {
        req.headers = &wrong[i];
        req.headers_count = 1;
        mp_http_call(http, arena, &req, &res);
        assert_int_equal(res.call, MP_CALL_NOT_SENT);
    }
    req.headers_count = 0;
    req.bearer = &token;
    mp_http_call(http, arena, &req, &res);
    assert_int_equal(res.call, MP_CALL_NOT_SENT);
    assert_null(strstr(res.problem, "X-B"));
    req.bearer = NULL;
    req.content_type = "a\nb";
    mp_http_call(http, arena, &req, &res);
    assert_int_equal(res.call, MP_CALL_NOT_SENT);
    not_sent("file:///etc/passwd", 1000);
    not_sent("https://user:pw@127.0.0.1/", 1000);
    not_sent("http://127.1/", 1000);
    assert_int_equal(peer_seen(peer, arena).connections, 0);
}

/* ---- TLS ---- */

static void tls_is_verified(void **state)
{
    struct peer *tls = peer_start("tls");
    const char *by_name = mp_arena_printf(arena, "https://localhost:%u/", peer_port(tls));
    const char *by_number = mp_arena_printf(arena, "https://127.0.0.1:%u/", peer_port(tls));

    (void)state;
    not_sent(by_name, 3000); /* nobody vouches for it */
    setenv("SSL_CERT_FILE", peer_cert(tls), 1);
    mp_http_free(http);
    http = mp_http_new();
    unsetenv("SSL_CERT_FILE");
    not_sent(by_number, 3000); /* another name */
    assert_int_equal(peer_seen(tls, arena).count, 0);

    for (int i = 0; i < 2; i++) {
        peer_reply_json(tls, "-", "200 OK", "", "{}");
        assert_int_equal(call_with("POST", by_name, 3000, 0).status, 200);
    }
    peer_reply(tls, "close", "");
    assert_int_equal(call_with("POST", by_name, 3000, 0).call, MP_CALL_MAYBE_DONE);
    assert_int_equal(peer_seen(tls, arena).count, 3);
    peer_stop(tls);
}

static void old_tls_is_refused(void **state)
{
    struct peer *old = peer_start("tls11");

    (void)state;
    setenv("SSL_CERT_FILE", peer_cert(old), 1);
    mp_http_free(http);
    http = mp_http_new();
    unsetenv("SSL_CERT_FILE");
    not_sent(mp_arena_printf(arena, "https://localhost:%u/", peer_port(old)), 3000);
    assert_int_equal(peer_seen(old, arena).count, 0);
    peer_stop(old);
}

static void a_handshake_that_hangs_sent_nothing(void **state)
{
    struct peer *mute = peer_start("mute");

    (void)state;
    not_sent(mp_arena_printf(arena, "https://127.0.0.1:%u/", peer_port(mute)), 300);
    assert_int_equal(peer_seen(mute, arena).connections, 1);
    not_sent(mp_arena_printf(arena, "https://127.0.0.1:%u/", peer_port(peer)), 2000); /* speaks, but no TLS */
    peer_stop(mute);
}

/* ---- Retry-After ---- */

static void retry_after_has_three_shapes(void **state)
{
    static const int64_t now_ms = INT64_C(1590883200000); /* 2020-05-31T00:00:00Z */
    static const struct {
        const char *value;
        int64_t expected;
    } rows[] = {
        {"0", 0},
        {"120", 120000},
        {"31622400", INT64_C(31622400000)},
        {"31622401", -1},
        {"2020-05-31T00:00:00Z", 0},
        {"2020-05-31T00:00:01Z", 1000},
        {"2020-05-31T02:00:00+02:00", 0},
        {"2020-06-01T00:00:00.500Z", INT64_C(86400500)},
        {"2020-05-30T00:00:00Z", 0},
        {"9999-12-31T23:59:59Z", -1},
        {"2020-05-31T00:00:00", -1},
        {"2020-05-32T00:00:00Z", -1},
        {"Sun, 31 May 2020 00:01:00 GMT", 60000},
        {"Sunday, 31-May-20 00:01:00 GMT", 60000},
        {"Sat, 30 May 2020 00:01:00 GMT", 0},
        {"Sun, 31 May 2030 00:01:00 GMT", -1},
        {"Sun, 31 May 2020 00:01:00", -1},
        {"", -1},
        {"-1", -1},
        {"+5", -1},
        {"1.5", -1},
        {"5 s", -1},
        {"99999999999999999999999999", -1},
        {"soon", -1},
        {"soon GMT", -1},
    };

    (void)state;
    for (size_t i = 0; i < MP_COUNT(rows); i++) {
        struct mp_http_header header = {"retry-after", rows[i].value};
        struct mp_http_response res = {.headers = &header, .headers_count = 1};

        print_message("%s\n", rows[i].value);
        assert_int_equal(mp_http_retry_after_ms(&res, now_ms), rows[i].expected);
    }
    assert_int_equal(mp_http_retry_after_ms(&(struct mp_http_response){0}, now_ms), -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(get_is_sent_and_read),
        TEST(post_is_sent_at_once),
        TEST(bodiless_methods),
        TEST(interim_answers_are_forgotten),
        TEST(connections_are_kept),
        TEST(nothing_stays_from_the_last_call),
        TEST(a_change_leaves_once),
        TEST(a_question_may_be_repeated),
        TEST(a_connection_closed_while_idle_is_not_used),
        TEST(surplus_bytes_are_not_the_next_answer),
        TEST(redirects_are_answers),
        TEST(proxies_of_the_environment_are_not_used),
        TEST(cut_at_every_byte),
        TEST(cut_at_every_byte_of_a_second_answer),
        TEST(cut_in_chunks),
        TEST(garbage_is_no_answer),
        TEST(several_share_their_time_and_no_fate),
        TEST(several_changes_leave_once),
        TEST(one_may_be_called_among_several),
        TEST(what_cannot_start_lands_at_once),
        TEST(answers_are_bounded),
        TEST(heads_are_bounded),
        TEST(a_late_answer_is_none),
        TEST(who_cannot_be_reached_got_nothing),
        TEST(connecting_has_a_limit_of_its_own),
        TEST(plain_http_is_for_loopback),
        TEST(what_is_no_request_is_not_sent),
        TEST(tls_is_verified),
        TEST(old_tls_is_refused),
        TEST(a_handshake_that_hangs_sent_nothing),
        TEST(retry_after_has_three_shapes),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
