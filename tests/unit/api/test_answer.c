#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db/harness.h"
#include "fixture.h"
#include "meetpool/clock.h"
#include "meetpool/schema.h"

/* ---- Handlers of the tests ---- */

static int echo(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    (void)ctx;
    (void)err;
    res->status = 201;
    res->message = "made";
    res->data = mp_json_object(req->arena);
    mp_json_put(res->data, "got", req->json != NULL ? json_object_get(req->json) : NULL);
    mp_json_put_text(res->data, "id", req->params[0]);
    mp_json_put_text(res->data, "x", mp_request_query(req, "x"));
    mp_json_put_text(res->data, "raw", req->body.p);
    return 0;
}

static int fails(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    (void)ctx;
    (void)res;
    if (req->params[0][0] == 'f') {
        mp_error_field(err, "topic", "is required");
        mp_error_field(err, "duration", "must be 1 to %d", 1440);
        return -1;
    }
    if (req->params[0][0] == 'c')
        return mp_fail(err, MP_E_CONFIG, "the file /etc/secret cannot be read");
    err->retry_after_s = 77;
    return mp_fail_log(err, MP_E_RATE_LIMITED, "SELECT secret");
}

static int warns(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    (void)ctx;
    (void)req;
    (void)err;
    mp_response_warn(res, "zoom_failed", "after %d tries", 3);
    mp_json_put_int(mp_response_warning(res, "no_capacity", "none"), "index", 4);
    return 0;
}

static int redirects(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    (void)ctx;
    (void)req;
    (void)err;
    return mp_reply_redirect(res, "https://zoom.us/s/1?a=b\r\nSet-Cookie: evil=1");
}

static int pages(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    struct mp_page page;

    (void)ctx;
    if (mp_page_read(req, &page, err) < 0)
        return -1;
    res->data = mp_json_object(req->arena);
    mp_json_put_int(res->data, "size", page.size);
    mp_json_put_int(res->data, "a", page.after_a);
    mp_json_put_int(res->data, "b", page.after_b);
    mp_json_put_bool(res->data, "first", page.first);
    mp_page_write(req, res->data, page.after_a != INT64_MAX, page.first ? -5 : INT64_MAX, INT64_MIN);
    return 0;
}

static int filters(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    static const char *const states[] = {"scheduled", "ended", NULL}, *const known[] = {"from", "refresh", "status", "timezone", NULL};
    int64_t from = -1;
    bool refresh = false;
    size_t state = 99;

    (void)ctx;
    mp_query_time(req, "from", &from, err);
    mp_query_bool(req, "refresh", &refresh, err);
    mp_query_enum(req, "status", states, &state, err);
    mp_query_refuse_unknown(req, known, err);
    if (mp_error_set(err))
        return -1;
    res->data = mp_json_object(req->arena);
    mp_json_put_int(res->data, "from", from);
    mp_json_put_bool(res->data, "refresh", refresh);
    mp_json_put_int(res->data, "status", (int64_t)state);
    return 0;
}

static const struct mp_route rows[] = {
    {"GET", "things/{id}", MP_EVERYONE, 0, echo},        {"POST", "things", MP_ROLE_ADMIN | MP_STAFF, 0, echo},
    {"DELETE", "things/{id}", MP_EVERYONE, 0, echo},     {"POST", "raw", 0, MP_ROUTE_PUBLIC | MP_ROUTE_RAW, echo},
    {"GET", "fails/{how}", 0, MP_ROUTE_PUBLIC, fails},   {"GET", "warns", 0, MP_ROUTE_PUBLIC, warns},
    {"GET", "redirects", 0, MP_ROUTE_PUBLIC, redirects}, {"GET", "pages", 0, MP_ROUTE_PUBLIC, pages},
    {"GET", "pages/{id}", 0, MP_ROUTE_PUBLIC, pages},    {"GET", "filters", 0, MP_ROUTE_PUBLIC, filters},
};

static int setup_rows(void **state)
{
    fixture_setup_api(state);
    fixture_routes(*state, rows, MP_COUNT(rows));
    return 0;
}

static void assert_answer(struct desk *f, const struct sent *sent, unsigned status, const char *code)
{
    struct mp_answer answer = send_request(f, sent);

    if (answer.status != status)
        fail_msg("%s %s?%s: %u %.*s", sent->method, sent->uri, sent->query, answer.status, (int)answer.body.len, answer.body.p);
    if (code != NULL)
        assert_string_equal(answer_code(f, &answer), code);
}

static size_t length_of(const struct mp_answer *answer)
{
    unsigned long long len = 0;

    assert_true(mp_slice_to_u64(mp_slice_of(header_of(answer, "Content-Length")), SIZE_MAX, &len));
    return (size_t)len;
}

static struct json_object *member(struct json_object *doc, const char *outer, const char *inner)
{
    return json_object_object_get(json_object_object_get(doc, outer), inner);
}

/* ---- Envelope ---- */

static void success_has_its_envelope_and_headers(void **state)
{
    struct desk *f = *state;
    struct mp_answer answer =
        send_request(f, SENT("POST", "/api/v1/things", NULL, .body = "{\"a\":1}", .headers = {"AUTHORIZATION", bearer_of(f, "t1", "tutor")}));
    struct json_object *doc = answer_json(f, &answer);

    assert_int_equal(answer.status, 201);
    assert_true(json_object_get_boolean(json_object_object_get(doc, "success")));
    assert_string_equal(json_object_get_string(json_object_object_get(doc, "message")), "made");
    assert_int_equal(json_object_get_int(json_object_object_get(member(doc, "data", "got"), "a")), 1);
    assert_false(json_object_object_get_ex(doc, "warnings", NULL));
    assert_string_equal(header_of(&answer, "Content-Type"), "application/json; charset=utf-8");
    assert_string_equal(header_of(&answer, "X-Content-Type-Options"), "nosniff");
    assert_string_equal(header_of(&answer, "Cache-Control"), "no-store");
    assert_int_equal(strlen(header_of(&answer, "X-Request-Id")), 32);
    assert_int_equal(length_of(&answer), answer.body.len);
}

static void failures_say_what_and_no_more(void **state)
{
    struct desk *f = *state;
    struct mp_answer answer = send_request(f, SENT("GET", "/api/fails/fields", NULL, .headers = {"X-Request-Id", "abc-1"}));
    struct json_object *doc = answer_json(f, &answer);

    assert_int_equal(answer.status, 422);
    assert_false(json_object_get_boolean(json_object_object_get(doc, "success")));
    assert_string_equal(json_object_get_string(json_object_object_get(doc, "request_id")), "abc-1");
    assert_string_equal(header_of(&answer, "X-Request-Id"), "abc-1");
    assert_int_equal(json_object_array_length(json_object_object_get(doc, "details")), 2);
    assert_null(header_of(&answer, "Retry-After"));
    answer = send_request(f, SENT("GET", "/api/fails/limited", NULL));
    assert_int_equal(answer.status, 429);
    assert_string_equal(header_of(&answer, "Retry-After"), "77");
    assert_null(memmem(answer.body.p, answer.body.len, "SELECT", 6));
    assert_int_equal(json_object_array_length(json_object_object_get(answer_json(f, &answer), "details")), 0);
    answer = send_request(f, SENT("GET", "/api/fails/config", NULL));
    assert_int_equal(answer.status, 500);
    assert_null(memmem(answer.body.p, answer.body.len, "/etc", 4));
}

static void warnings_may_carry_more(void **state)
{
    struct desk *f = *state;
    struct mp_answer answer = send_request(f, SENT("GET", "/api/warns", NULL));
    struct json_object *warnings = json_object_object_get(answer_json(f, &answer), "warnings");

    assert_int_equal(json_object_array_length(warnings), 2);
    assert_string_equal(json_object_get_string(json_object_object_get(json_object_array_get_idx(warnings, 0), "message")), "after 3 tries");
    assert_int_equal(json_object_get_int(json_object_object_get(json_object_array_get_idx(warnings, 1), "index")), 4);
    assert_true(json_object_is_type(json_object_object_get(answer_json(f, &answer), "data"), json_type_object));
}

static void a_redirect_starts_no_header_of_its_own(void **state)
{
    struct desk *f = *state;
    struct mp_answer answer = send_request(f, SENT("GET", "/api/redirects", NULL));

    assert_int_equal(answer.status, 302);
    assert_string_equal(header_of(&answer, "Location"), "https://zoom.us/s/1?a=b??Set-Cookie: evil=1");
    assert_string_equal(header_of(&answer, "Referrer-Policy"), "no-referrer");
    assert_int_equal(answer.body.len, 0);
}

static void request_ids_that_could_forge_are_replaced(void **state)
{
    static const char *const bad[] = {"", "a b", "a\nb", "a\"b", "<x>", "\xc3\xa9"};
    struct desk *f = *state;
    char text[130];

    memset(text, 'x', sizeof(text));
    text[129] = '\0';
    for (size_t i = 0; i < MP_COUNT(bad); i++) {
        struct mp_answer answer = send_request(f, SENT("GET", "/api/warns", NULL, .headers = {"X_REQUEST_ID", bad[i]}));
        assert_int_equal(strlen(header_of(&answer, "X-Request-Id")), 32);
    }
    struct mp_answer longer = send_request(f, SENT("GET", "/api/warns", NULL, .headers = {"X_REQUEST_ID", text}));
    assert_int_equal(strlen(header_of(&longer, "X-Request-Id")), 32);
    text[128] = '\0';
    longer = send_request(f, SENT("GET", "/api/warns", NULL, .headers = {"X_REQUEST_ID", text}));
    assert_string_equal(header_of(&longer, "X-Request-Id"), text);
}

static void a_refusal_can_be_tried_again(void **state)
{
    struct desk *f = *state;
    struct mp_answer answer;

    mp_api_answer_refusal(&f->ctx, &answer);
    assert_int_equal(answer.status, 503);
    assert_string_equal(header_of(&answer, "Retry-After"), "2");
    assert_string_equal(answer_code(f, &answer), "unavailable");
}

/* ---- Bodies and queries ---- */

static void bodies_that_are_refused(void **state)
{
    struct desk *f = *state;
    const char *bearer = bearer_of(f, "a", "admin");
    char big[1200];
    const struct {
        const char *body, *type, *length;
        unsigned status;
        const char *code;
    } table[] = {
        {"{", NULL, NULL, 400, "malformed_json"},
        {"{\"a\":1,\"a\":2}", NULL, NULL, 400, "malformed_json"},
        {"{\"a\":\"\\u0000\"}", NULL, NULL, 422, "validation_failed"},
        {"{} x", NULL, NULL, 400, "malformed_json"},
        {"   ", NULL, NULL, 400, "malformed_json"},
        {"[]", NULL, NULL, 422, "validation_failed"},
        {"1", NULL, NULL, 422, "validation_failed"},
        {"null", NULL, NULL, 422, "validation_failed"},
        {"{}", "text/plain", NULL, 415, "unsupported_media_type"},
        {"{}", "application/jsonp", NULL, 415, "unsupported_media_type"},
        {"{}", "application/json-patch+json", NULL, 415, "unsupported_media_type"},
        {"{}", ";application/json", NULL, 415, "unsupported_media_type"},
        {"a=b", "application/x-www-form-urlencoded", NULL, 415, "unsupported_media_type"},
        {"", "multipart/form-data; boundary=x", NULL, 415, "unsupported_media_type"},
        {"{}", NULL, "3", 400, "bad_request"},
        {"{}", NULL, "-1", 400, "bad_request"},
        {"{}", NULL, "+2", 400, "bad_request"},
        {"{}", NULL, "2x", 400, "bad_request"},
        {"{}", NULL, "18446744073709551616", 400, "bad_request"},
        {"{}", NULL, "9223372036854775807", 413, "payload_too_large"},
        {"{}", NULL, "1001", 413, "payload_too_large"},
        {big, NULL, NULL, 413, "payload_too_large"},
    };

    memset(big, ' ', sizeof(big));
    big[1100] = '\0';
    for (size_t i = 0; i < MP_COUNT(table); i++)
        assert_answer(f,
                      SENT("POST", "/api/things", table[i].body, .content_type = table[i].type, .content_length = table[i].length,
                           .body = table[i].body, .headers = {"Authorization", bearer}),
                      table[i].status, table[i].code);
}

static void bodies_that_are_taken(void **state)
{
    struct desk *f = *state;
    const char *bearer = bearer_of(f, "a", "admin");

    assert_answer(f, SENT("POST", "/api/things", NULL, .headers = {"Authorization", bearer}), 201, NULL);
    assert_answer(f, SENT("POST", "/api/things", NULL, .content_length = "", .content_type = "", .headers = {"Authorization", bearer}), 201, NULL);
    assert_answer(
        f, SENT("POST", "/api/things", NULL, .content_type = "Application/JSON ; charset=utf-8", .body = "{}", .headers = {"Authorization", bearer}),
        201, NULL);
    assert_answer(f, SENT("POST", "/api/raw", NULL, .content_type = "text/plain", .body = "[not json"), 201, NULL);
    assert_answer(f, SENT("DELETE", "/api/things/1", NULL, .content_type = "text/plain", .body = "x", .headers = {"Authorization", bearer}), 201,
                  NULL);
}

static void queries_have_one_meaning(void **state)
{
    struct desk *f = *state;
    const char *bearer = bearer_of(f, "a", "admin");
    static const char *const bad[] = {"x=1&x=1", "x=1&%78=2", "x=%", "x=%0", "x=%gg", "x=%00", "x=a%0ab", "x=%ff", "access_token=abc"};
    struct mp_answer answer;

    for (size_t i = 0; i < MP_COUNT(bad); i++)
        assert_answer(f, SENT("GET", "/api/things/1", bad[i], .headers = {"Authorization", bearer}), 400, "bad_request");
    answer = send_request(f, SENT("GET", "/api/things/a%2Fb?x=2", "x=a+b%2B%26%3D=c&&y", .headers = {"Authorization", bearer}));
    assert_string_equal(json_object_get_string(member(answer_json(f, &answer), "data", "x")), "a b+&==c");
    assert_string_equal(json_object_get_string(member(answer_json(f, &answer), "data", "id")), "a/b");
}

static void filters_name_every_wrong_one(void **state)
{
    struct desk *f = *state;
    struct mp_answer answer = send_request(f, SENT("GET", "/api/filters", "from=yesterday&refresh=1&status=gone&colour=red"));

    assert_int_equal(answer.status, 422);
    assert_int_equal(json_object_array_length(json_object_object_get(answer_json(f, &answer), "details")), 4);
    answer = send_request(f, SENT("GET", "/api/filters", "from=1970-01-02T01:00:00&timezone=Europe/Berlin&refresh=true&status=ended"));
    assert_int_equal(answer.status, 200);
    assert_int_equal(json_object_get_int64(member(answer_json(f, &answer), "data", "from")), MP_DAY_MS);
    assert_int_equal(json_object_get_int(member(answer_json(f, &answer), "data", "status")), 1);
    answer = send_request(f, SENT("GET", "/api/filters", "from=2024-03-31T02:30:00&timezone=Europe/Berlin"));
    assert_int_equal(answer.status, 422);
}

/* ---- Pages ---- */

static char *page_token(struct desk *f, const char *uri, const char *query)
{
    struct mp_answer answer = send_request(f, SENT("GET", uri, query));
    const char *token = json_object_get_string(member(answer_json(f, &answer), "data", "next_page_token"));

    return mp_arena_strdup(f->arena, token);
}

static void a_page_goes_on_where_the_last_ended(void **state)
{
    struct desk *f = *state;
    const char *token = page_token(f, "/api/pages", "x=1&y=2");
    struct mp_answer answer =
        send_request(f, SENT("GET", "/api/v1/pages", mp_arena_printf(f->arena, "page_size=300&y=2&next_page_token=%s&x=1", token)));
    struct json_object *doc = answer_json(f, &answer);

    assert_int_equal(answer.status, 200);
    assert_int_equal(json_object_get_int64(member(doc, "data", "a")), -5);
    assert_int_equal(json_object_get_int64(member(doc, "data", "b")), INT64_MIN);
    assert_int_equal(json_object_get_int(member(doc, "data", "size")), 300);
    assert_false(json_object_get_boolean(member(doc, "data", "first")));
    token = mp_arena_strdup(f->arena, json_object_get_string(member(doc, "data", "next_page_token")));
    assert_string_equal(page_token(f, "/api/pages", mp_arena_printf(f->arena, "x=1&y=2&next_page_token=%s", token)), "");
    assert_answer(f, SENT("GET", "/api/pages", "next_page_token="), 200, NULL);
}

static void page_tokens_belong_to_their_list(void **state)
{
    struct desk *f = *state;
    char *token = page_token(f, "/api/pages", "x=1");

    assert_answer(f, SENT("GET", "/api/pages", mp_arena_printf(f->arena, "x=1&next_page_token=%s", token)), 200, NULL);
    assert_answer(f, SENT("GET", "/api/pages", mp_arena_printf(f->arena, "x=2&next_page_token=%s", token)), 422, "validation_failed");
    assert_answer(f, SENT("GET", "/api/pages", mp_arena_printf(f->arena, "next_page_token=%s", token)), 422, NULL);
    assert_answer(f, SENT("GET", "/api/pages", mp_arena_printf(f->arena, "x=1&y=&next_page_token=%s", token)), 422, NULL);
    assert_answer(f, SENT("GET", "/api/pages/1", mp_arena_printf(f->arena, "x=1&next_page_token=%s", token)), 422, NULL);
    for (size_t i = 0; i < strlen(token); i++) {
        char *bad = mp_arena_strdup(f->arena, token);
        bad[i] = bad[i] == 'A' ? 'B' : 'A';
        assert_answer(f, SENT("GET", "/api/pages", mp_arena_printf(f->arena, "x=1&next_page_token=%s", bad)), 422, NULL);
    }
    token[strlen(token) - 1] = '\0';
    assert_answer(f, SENT("GET", "/api/pages", mp_arena_printf(f->arena, "x=1&next_page_token=%s", token)), 422, NULL);
}

static void page_sizes(void **state)
{
    static const char *const bad[] = {"0", "301", "-1", "1x", "", "+1", "01", "1.0", "99999999999999999999"};
    struct desk *f = *state;

    for (size_t i = 0; i < MP_COUNT(bad); i++)
        assert_answer(f, SENT("GET", "/api/pages", mp_arena_printf(f->arena, "page_size=%s", bad[i])), 422, "validation_failed");
}

/* ---- Who asks ---- */

static void without_a_token_nobody_gets_in(void **state)
{
    struct desk *f = *state;
    struct mp_answer answer = send_request(f, SENT("GET", "/api/things/1", NULL));

    assert_int_equal(answer.status, 401);
    assert_string_equal(header_of(&answer, "WWW-Authenticate"), "Bearer realm=\"meetpool\"");
    answer = send_request(f, SENT("GET", "/api/things/1", NULL, .headers = {"Authorization", "Bearer x.y.z"}));
    assert_string_equal(header_of(&answer, "WWW-Authenticate"), "Bearer realm=\"meetpool\", error=\"invalid_token\"");
    assert_answer(f, SENT("GET", "/api/things/1", NULL, .headers = {"Authorization", "Basic dTpw"}), 401, "unauthorized");
    assert_answer(f, SENT("GET", "/api/things/1", NULL, .headers = {"Authorization", "Bearer"}), 401, "unauthorized");
    assert_answer(f, SENT("GET", "/api/things/1", NULL, .headers = {"Authorization", ""}), 401, "unauthorized");
    assert_answer(f, SENT("GET", "/api/things/1", NULL, .headers = {"X-User-Id", "root", "X-Forwarded-For", "127.0.0.1"}), 401, NULL);
}

static void a_role_opens_its_routes_only(void **state)
{
    struct desk *f = *state;
    struct mp_answer answer =
        send_request(f, SENT("POST", "/api/things", NULL, .body = "{", .headers = {"Authorization", bearer_of(f, "p", "patient")}));

    assert_int_equal(answer.status, 403);
    assert_string_equal(header_of(&answer, "WWW-Authenticate"), "Bearer realm=\"meetpool\", error=\"insufficient_scope\"");
    assert_answer(f, SENT("GET", "/api/things/1", NULL, .headers = {"Authorization", bearer_of(f, "p", "patient")}), 201, NULL);
}

static void repeated_headers_are_refused(void **state)
{
    struct desk *f = *state;
    const char *bearer = bearer_of(f, "a", "admin");

    assert_answer(f, SENT("GET", "/api/things/1", NULL, .headers = {"AUTHORIZATION", bearer, "Authorization", bearer}), 400, "bad_request");
    assert_answer(f, SENT("GET", "/api/things/1", NULL, .headers = {"Authorization", bearer, "IDEMPOTENCY_KEY", "a", "Idempotency-Key", "a"}), 400,
                  NULL);
}

static int setup_db(void **state)
{
    const char *top = getenv("top_srcdir");
    struct desk *f;
    unsigned applied;

    fixture_setup_api(state);
    f = *state;
    f->ctx.db = harness_open();
    assert_int_equal(mp_migrate(f->ctx.db, mp_arena_printf(f->arena, "%s/schema", top != NULL ? top : "."), &applied, &f->err), 0);
    return 0;
}

static int teardown_db(void **state)
{
    mp_db_free(((struct desk *)*state)->ctx.db);
    return fixture_teardown_api(state);
}

static char *session_cookie(struct desk *f, const char *sub, const char *role)
{
    struct mp_answer answer = send_request(f, SENT("POST", "/api/session", NULL, .headers = {"Authorization", bearer_of(f, sub, role)}));
    const char *set = header_of(&answer, "Set-Cookie");

    assert_int_equal(answer.status, 204);
    assert_int_equal(answer.body.len, 0);
    assert_non_null(strstr(set, "; Path=/; Max-Age=3"));
    assert_non_null(strstr(set, "; HttpOnly; Secure; SameSite=Lax"));
    return mp_arena_strndup(f->arena, (struct mp_slice){set, strcspn(set, ";")});
}

static void a_session_is_its_user_until_the_token_ends(void **state)
{
    struct desk *f = *state;
    const char *cookie = session_cookie(f, "u\xc3\xa9", "student");
    struct mp_answer answer = send_request(f, SENT("GET", "/api/me", NULL, .headers = {"Cookie", mp_arena_printf(f->arena, "a=b; %s; c", cookie)}));
    struct json_object *user = member(answer_json(f, &answer), "data", "user");

    assert_int_equal(answer.status, 200);
    assert_string_equal(json_object_get_string(json_object_object_get(user, "id")), "u\xc3\xa9");
    assert_string_equal(json_object_get_string(json_object_object_get(user, "role")), "student");
    assert_null(json_object_object_get(user, "email"));
    assert_string_equal(json_object_get_string(json_object_object_get(user, "name")), "N");
}

static void a_session_outlives_a_new_key_but_not_its_own(void **state)
{
    struct desk *f = *state;
    const char *cookie = session_cookie(f, "u1", "admin");

    f->ctx.keyring = fixture_keyring(f, "newer:HyEgHx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAM=," KEYRING);
    assert_answer(f, SENT("GET", "/api/me", NULL, .headers = {"Cookie", cookie}), 200, NULL);
    assert_int_equal(mp_api_new(f->arena, &f->conf, &f->api, &f->err), 0);
    assert_answer(f, SENT("GET", "/api/me", NULL, .headers = {"Cookie", cookie}), 200, NULL);
    f->ctx.keyring = fixture_keyring(f, "newer:HyEgHx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAM=");
    assert_int_equal(mp_api_new(f->arena, &f->conf, &f->api, &f->err), 0);
    assert_answer(f, SENT("GET", "/api/me", NULL, .headers = {"Cookie", cookie}), 401, NULL);
}

static void cookie_and_bearer_never_stand_in_for_each_other(void **state)
{
    struct desk *f = *state;
    const char *cookie = session_cookie(f, "u1", "admin"), *value = strchr(cookie, '=') + 1;
    const char *bearer = bearer_of(f, "u1", "admin"), *token = bearer + strlen("Bearer ");
    assert_answer(f, SENT("GET", "/api/me", NULL, .headers = {"Cookie", cookie}), 200, NULL);
    assert_answer(f, SENT("GET", "/api/me", NULL, .headers = {"Authorization", bearer}), 200, NULL);
    assert_answer(f, SENT("GET", "/api/me", NULL, .headers = {"Authorization", mp_arena_printf(f->arena, "Bearer %s", value)}), 401, NULL);
    assert_answer(f, SENT("GET", "/api/me", NULL, .headers = {"Cookie", mp_arena_printf(f->arena, MP_SESSION_COOKIE "=%s", token)}), 401, NULL);
    assert_answer(f, SENT("GET", "/api/me", NULL, .headers = {"Cookie", cookie, "Authorization", bearer}), 400, "bad_request");
    assert_answer(f, SENT("GET", "/api/me", NULL, .headers = {"Cookie", mp_arena_printf(f->arena, "%s; %s", cookie, cookie)}), 400, NULL);
    /* Signing in again needs the token, whatever cookie is still there. */
    assert_answer(f, SENT("POST", "/api/session", NULL, .headers = {"Cookie", cookie, "Authorization", bearer}), 204, NULL);
    assert_answer(f, SENT("POST", "/api/session", NULL, .headers = {"Cookie", cookie, "Origin", ORIGIN}), 401, NULL);
}

static void a_changed_cookie_is_ended(void **state)
{
    struct desk *f = *state;
    char *cookie = session_cookie(f, "u1", "admin");
    size_t start = strlen(MP_SESSION_COOKIE) + 1;

    for (size_t i = start; i < strlen(cookie); i++) {
        char *bad = mp_arena_strdup(f->arena, cookie);
        bad[i] = bad[i] == 'A' ? 'B' : 'A';
        struct mp_answer answer = send_request(f, SENT("GET", "/api/me", NULL, .headers = {"Cookie", bad}));
        assert_int_equal(answer.status, 401);
        assert_non_null(strstr(header_of(&answer, "Set-Cookie"), "Max-Age=0"));
    }
}

static void an_expired_identity_opens_nothing(void **state)
{
    struct desk *f = *state;
    const struct mp_identity past = {.user = {"u1", MP_ROLE_ADMIN, NULL, NULL}, .expires_at_s = mp_now_ms() / 1000 - 1};
    const char *sealed = mp_session_seal(f->arena, f->ctx.keyring, &past);

    assert_answer(f, SENT("GET", "/api/me", NULL, .headers = {"Cookie", mp_arena_printf(f->arena, MP_SESSION_COOKIE "=%s", sealed)}), 401, NULL);
}

static void changes_by_cookie_come_from_our_own_pages(void **state)
{
    struct desk *f = *state;
    const char *cookie = session_cookie(f, "u1", "admin");
    static const char *const foreign[] = {
        "https://evil.example",    "null", "https://pool.example.org.evil.example", "http://pool.example.org", "https://pool.example.org:8443",
        "https://app.example.org", ""};

    assert_answer(f, SENT("DELETE", "/api/session", NULL, .headers = {"Cookie", cookie}), 403, "forbidden");
    for (size_t i = 0; i < MP_COUNT(foreign); i++)
        assert_answer(f, SENT("DELETE", "/api/session", NULL, .headers = {"Cookie", cookie, "Origin", foreign[i]}), 403, "forbidden");
    assert_answer(f, SENT("DELETE", "/api/session", NULL, .headers = {"Cookie", cookie, "Origin", ORIGIN, "Sec-Fetch-Site", "cross-site"}), 403,
                  "forbidden");
    assert_answer(f, SENT("GET", "/api/me", NULL, .headers = {"Cookie", cookie}), 200, NULL);
    struct mp_answer answer =
        send_request(f, SENT("DELETE", "/api/session", NULL, .headers = {"Cookie", cookie, "Origin", ORIGIN, "Sec-Fetch-Site", "same-origin"}));
    assert_int_equal(answer.status, 204);
    assert_non_null(strstr(header_of(&answer, "Set-Cookie"), MP_SESSION_COOKIE "=; Path=/; Max-Age=0"));
}

static void an_ended_session_is_over_for_its_copies_alone(void **state)
{
    struct desk *f = *state;
    const char *ended = session_cookie(f, "u1", "admin"), *other = session_cookie(f, "u1", "admin");
    struct mp_db *db = f->ctx.db;

    assert_answer(f, SENT("GET", "/api/me", NULL, .headers = {"Cookie", ended}), 200, NULL);
    assert_int_equal(send_request(f, SENT("DELETE", "/api/session", NULL, .headers = {"Cookie", ended, "Origin", ORIGIN})).status, 204);
    assert_answer(f, SENT("GET", "/api/me", NULL, .headers = {"Cookie", ended}), 401, "unauthorized");
    /* Another worker has not seen it end. */
    assert_int_equal(mp_api_new(f->arena, &f->conf, &f->api, &f->err), 0);
    assert_answer(f, SENT("GET", "/api/me", NULL, .headers = {"Cookie", ended}), 401, "unauthorized");
    assert_answer(f, SENT("GET", "/api/me", NULL, .headers = {"Cookie", other}), 200, NULL);
    /* With the bearer there is no session to end. */
    assert_int_equal(send_request(f, SENT("DELETE", "/api/session", NULL, .headers = {"Authorization", bearer_of(f, "u1", "admin")})).status, 204);
    assert_answer(f, SENT("GET", "/api/me", NULL, .headers = {"Authorization", bearer_of(f, "u1", "admin")}), 200, NULL);
    /* Nobody is let in on a guess: where it cannot be looked up it may have been ended. */
    f->ctx.db = mp_db_new(&(struct mp_db_conf){.socket = "/nonexistent", .user = "nobody", .name = "none"}, &f->log);
    assert_answer(f, SENT("GET", "/api/me", NULL, .headers = {"Cookie", other}), 503, "unavailable");
    mp_db_free(f->ctx.db);
    f->ctx.db = db;
}

/* ---- CORS, HEAD, OPTIONS ---- */

static void listed_origins_only(void **state)
{
    struct desk *f = *state;
    struct mp_answer answer = send_request(f, SENT("GET", "/api/warns", NULL, .headers = {"Origin", "https://app.example.org"}));

    assert_string_equal(header_of(&answer, "Access-Control-Allow-Origin"), "https://app.example.org");
    assert_null(header_of(&answer, "Access-Control-Allow-Credentials"));
    assert_non_null(strstr(header_of(&answer, "Access-Control-Expose-Headers"), "X-Request-Id, Retry-After"));
    assert_string_equal(header_of(&answer, "Vary"), "Origin");
    answer = send_request(f, SENT("GET", "/api/warns", NULL, .headers = {"Origin", "https://app.example.org.evil.example"}));
    assert_null(header_of(&answer, "Access-Control-Allow-Origin"));
    assert_string_equal(header_of(&answer, "Vary"), "Origin");
    answer = send_request(f, SENT("GET", "/api/none", NULL, .headers = {"Origin", "https://other.example.org:8443"}));
    assert_int_equal(answer.status, 404);
    assert_string_equal(header_of(&answer, "Access-Control-Allow-Origin"), "https://other.example.org:8443");
}

static void a_preflight_needs_no_token(void **state)
{
    struct desk *f = *state;
    struct mp_answer answer = send_request(
        f, SENT("OPTIONS", "/api/things/1", NULL, .headers = {"Origin", "https://app.example.org", "Access-Control-Request-Method", "DELETE"}));

    assert_int_equal(answer.status, 204);
    assert_non_null(strstr(header_of(&answer, "Access-Control-Allow-Methods"), "DELETE"));
    assert_non_null(strstr(header_of(&answer, "Access-Control-Allow-Headers"), "Idempotency-Key"));
    answer = send_request(f, SENT("OPTIONS", "/api/things/1", NULL, .headers = {"Origin", "https://evil.example"}));
    assert_int_equal(answer.status, 204);
    assert_null(header_of(&answer, "Access-Control-Allow-Methods"));
}

static void origins_of_the_settings_are_checked(void **state)
{
    static const char *const bad[] = {"*", "https://app.example.org/", "app.example.org", "https://a.org,null"};
    struct desk *f = *state;

    for (size_t i = 0; i < MP_COUNT(bad); i++) {
        f->conf.cors_origins = bad[i];
        mp_error_init(&f->err, f->arena);
        assert_int_equal(mp_api_new(f->arena, &f->conf, &f->api, &f->err), -1);
        assert_int_equal(f->err.code, MP_E_CONFIG);
    }
}

static void head_answers_without_a_body(void **state)
{
    struct desk *f = *state;
    struct mp_answer answer = send_request(f, SENT("HEAD", "/healthz", NULL));

    assert_int_equal(answer.status, 200);
    assert_true(answer.head_only);
    assert_true(length_of(&answer) > 0);
}

static void wrong_methods_say_allow(void **state)
{
    struct desk *f = *state;
    struct mp_answer answer = send_request(f, SENT("PUT", "/api/things/1", NULL));

    assert_int_equal(answer.status, 405);
    assert_non_null(strstr(header_of(&answer, "Allow"), "GET, HEAD"));
    assert_string_equal(answer_code(f, &answer), "method_not_allowed");
}

/* ---- Files of the program ---- */

static void openapi_is_the_file(void **state)
{
    struct desk *f = *state;
    char path[] = "/tmp/mp-openapi-XXXXXX";
    int fd = mkstemp(path);
    struct mp_answer answer;

    assert_int_equal(write(fd, "{\"openapi\":\"3.1.0\"}", 19), 19);
    close(fd);
    f->conf.openapi_file = path;
    assert_int_equal(mp_api_new(f->arena, &f->conf, &f->api, &f->err), 0);
    unlink(path);
    answer = send_request(f, SENT("GET", "/api/v1/openapi.json", NULL));
    assert_int_equal(answer.status, 200);
    assert_memory_equal(answer.body.p, "{\"openapi\":\"3.1.0\"}", 19);
    assert_int_equal(mp_api_new(f->arena, &f->conf, &f->api, &f->err), -1);
}

static bool schema_exists(const char *top, unsigned version)
{
    char pattern[4096];
    glob_t found;
    bool exists;

    snprintf(pattern, sizeof(pattern), "%s/schema/%04u-*.sql", top, version);
    exists = glob(pattern, 0, NULL, &found) == 0;
    globfree(&found);
    return exists;
}

static void the_expected_schema_is_the_newest(void **state)
{
    const char *top = getenv("top_srcdir");

    (void)state;
    if (top == NULL)
        skip();
    for (unsigned version = 1; version <= MP_SCHEMA_VERSION + 1; version++) {
        bool exists = schema_exists(top, version);
        if (exists != (version <= MP_SCHEMA_VERSION))
            fail_msg("schema/%04u-*.sql %s: set MP_SCHEMA_VERSION in meetpool/schema.h", version, exists ? "is new" : "is missing");
    }
}

static void the_socket_is_private_and_replaces_a_stale_one(void **state)
{
    struct desk *f = *state;
    char dir[] = "/tmp/mp-sock-XXXXXX";
    const char *path;
    struct stat st;
    int first, second;

    assert_non_null(mkdtemp(dir));
    path = mp_arena_printf(f->arena, "%s/fast.sock", dir);
    umask(0);
    first = mp_fcgi_listen(path, 8, &f->err);
    assert_true(first >= 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0660);
    assert_int_equal(mp_fcgi_listen(path, 8, &f->err), -1);
    close(first);
    second = mp_fcgi_listen(path, 8, &f->err);
    assert_true(second >= 0);
    close(second);
    unlink(path);
    first = open(path, O_CREAT | O_WRONLY, 0600);
    close(first);
    assert_int_equal(mp_fcgi_listen(path, 8, &f->err), -1);
    assert_int_equal(access(path, F_OK), 0);
    unlink(path);
    rmdir(dir);
}

/* A worker that idles looks at its flags every second, whatever became of the signal. */
static void an_idle_accept_comes_back(void **state)
{
    struct desk *f = *state;
    char dir[] = "/tmp/mp-sock-XXXXXX";
    const char *path;
    struct mp_fcgi *fcgi;
    int64_t started_ms = mp_monotonic_ms();
    int fd;

    assert_non_null(mkdtemp(dir));
    path = mp_arena_printf(f->arena, "%s/fast.sock", dir);
    fd = mp_fcgi_listen(path, 8, &f->err);
    fcgi = mp_fcgi_new(fd);
    assert_int_equal(mp_fcgi_accept(fcgi), 0);
    assert_true(mp_monotonic_ms() - started_ms < 2500);
    close(fd);
    assert_int_equal(mp_fcgi_accept(fcgi), -1);
    mp_fcgi_free(fcgi);
    unlink(path);
    rmdir(dir);
}

#define DB_TEST(name)   cmocka_unit_test_setup_teardown(name, setup_db, teardown_db)
#define API_TEST(name)  cmocka_unit_test_setup_teardown(name, fixture_setup_api, fixture_teardown_api)
#define ROWS_TEST(name) cmocka_unit_test_setup_teardown(name, setup_rows, fixture_teardown_api)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        ROWS_TEST(success_has_its_envelope_and_headers),
        ROWS_TEST(failures_say_what_and_no_more),
        ROWS_TEST(warnings_may_carry_more),
        ROWS_TEST(a_redirect_starts_no_header_of_its_own),
        ROWS_TEST(request_ids_that_could_forge_are_replaced),
        API_TEST(a_refusal_can_be_tried_again),
        ROWS_TEST(bodies_that_are_refused),
        ROWS_TEST(bodies_that_are_taken),
        ROWS_TEST(queries_have_one_meaning),
        ROWS_TEST(filters_name_every_wrong_one),
        ROWS_TEST(a_page_goes_on_where_the_last_ended),
        ROWS_TEST(page_tokens_belong_to_their_list),
        ROWS_TEST(page_sizes),
        ROWS_TEST(without_a_token_nobody_gets_in),
        ROWS_TEST(a_role_opens_its_routes_only),
        ROWS_TEST(repeated_headers_are_refused),
        DB_TEST(a_session_is_its_user_until_the_token_ends),
        DB_TEST(a_session_outlives_a_new_key_but_not_its_own),
        DB_TEST(cookie_and_bearer_never_stand_in_for_each_other),
        API_TEST(a_changed_cookie_is_ended),
        API_TEST(an_expired_identity_opens_nothing),
        DB_TEST(changes_by_cookie_come_from_our_own_pages),
        DB_TEST(an_ended_session_is_over_for_its_copies_alone),
        ROWS_TEST(listed_origins_only),
        ROWS_TEST(a_preflight_needs_no_token),
        API_TEST(origins_of_the_settings_are_checked),
        API_TEST(head_answers_without_a_body),
        ROWS_TEST(wrong_methods_say_allow),
        API_TEST(openapi_is_the_file),
        API_TEST(the_expected_schema_is_the_newest),
        API_TEST(the_socket_is_private_and_replaces_a_stale_one),
        API_TEST(an_idle_accept_comes_back),
    };

    (void)argc;
    harness_begin(argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
