/* Our signatures against AWS's own vectors; where they come from stands in the README beside them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meetpool/clock.h"
#include "meetpool/crypto.h"
#include "meetpool/json.h"
#include "meetpool/s3.h"

#define FOLDER      TOP_SRCDIR "/tests/unit/storage/"
#define LIST_MOST   16
#define SUITE_CASES 38
#define S3_EXAMPLES 5

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

static struct mp_slice read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *bytes = mp_arena_alloc(arena, 256 * 1024);
    size_t len;

    assert_non_null(file);
    len = fread(bytes, 1, 256 * 1024 - 1, file);
    fclose(file);
    return (struct mp_slice){bytes, len};
}

/* ---- A case of the suite ---- */

struct one {
    struct mp_sigv4 key;
    struct mp_secret secret;
    struct mp_sigv4_request req;
    struct mp_http_header headers[LIST_MOST], query[LIST_MOST];
    const char *token;
    bool token_signed, body_told;
    int64_t at_ms, ttl_s;
    const char *header_signature, *query_signature;
};

static const char *text_of(struct json_object *obj, const char *key)
{
    struct json_object *member = NULL;

    return json_object_object_get_ex(obj, key, &member) ? json_object_get_string(member) : NULL;
}

static bool flag_of(struct json_object *obj, const char *key)
{
    struct json_object *member = NULL;

    return json_object_object_get_ex(obj, key, &member) && json_object_get_boolean(member);
}

static int hex_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : c - 'a' + 10;
}

static char *unescaped(struct mp_slice s)
{
    char *out = mp_arena_alloc(arena, s.len + 1);
    size_t len = 0;

    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] == '%' && i + 2 < s.len) {
            out[len++] = (char)(hex_of(s.p[i + 1]) * 16 + hex_of(s.p[i + 2]));
            i += 2;
        } else {
            out[len++] = s.p[i];
        }
    }
    return out;
}

static size_t read_query(struct mp_slice text, struct mp_http_header *out)
{
    struct mp_slice item, name;
    size_t count = 0;

    while (mp_slice_split(&text, '&', &item)) {
        if (item.len == 0)
            continue;
        assert_true(count < LIST_MOST);
        assert_true(mp_slice_split(&item, '=', &name));
        out[count++] = (struct mp_http_header){unescaped(name), unescaped(item)};
    }
    return count;
}

static void read_target(struct one *c, struct mp_slice line)
{
    struct mp_slice method, path;

    assert_true(mp_slice_split(&line, ' ', &method));
    line.len -= strlen(" HTTP/1.1");
    assert_true(mp_slice_split(&line, '?', &path));
    c->req.method = mp_arena_strndup(arena, method);
    c->req.path = unescaped(path);
    c->req.query = c->query;
    c->req.query_count = read_query(line, c->query);
}

/* A line that begins with a blank goes on with the header before it. */
static void read_header(struct one *c, struct mp_slice line)
{
    struct mp_slice name;

    if (line.p[0] == ' ') {
        struct mp_http_header *last = &c->headers[c->req.headers_count - 1];

        last->value = mp_arena_printf(arena, "%s %s", last->value, mp_arena_strndup(arena, mp_slice_trim(line)));
        return;
    }
    assert_true(c->req.headers_count < LIST_MOST - 2);
    assert_true(mp_slice_split(&line, ':', &name));
    if (mp_slice_eq_nocase(name, "Host"))
        c->req.host = mp_arena_strndup(arena, line);
    else
        c->headers[c->req.headers_count++] = (struct mp_http_header){mp_arena_strndup(arena, name), mp_arena_strndup(arena, line)};
}

static void read_request(struct one *c, struct mp_slice text)
{
    struct mp_slice line;
    bool first = true;

    c->req.headers = c->headers;
    while (mp_slice_split(&text, '\n', &line) && line.len > 0) {
        if (first)
            read_target(c, line);
        else
            read_header(c, line);
        first = false;
    }
    c->req.payload_sha256 = mp_sha256_hex(arena, text.p ? text : mp_slice_of(""));
}

static void read_case(struct json_object *doc, struct one *c)
{
    struct json_object *context = NULL, *credentials = NULL;

    *c = (struct one){0};
    assert_true(json_object_object_get_ex(doc, "context", &context));
    assert_true(json_object_object_get_ex(context, "credentials", &credentials));
    c->secret = mp_secret_copy(arena, mp_slice_of(text_of(credentials, "secret_access_key")));
    c->key = (struct mp_sigv4){.access_key = text_of(credentials, "access_key_id"),
                               .region = text_of(context, "region"),
                               .service = text_of(context, "service"),
                               .normalise = flag_of(context, "normalize")};
    c->key.secret_key = &c->secret;
    c->token = text_of(credentials, "token");
    c->token_signed = !flag_of(context, "omit_session_token");
    c->body_told = flag_of(context, "sign_body");
    c->ttl_s = strtoll(text_of(context, "expiration_in_seconds"), NULL, 10);
    assert_int_equal(mp_time_parse(mp_slice_of(text_of(context, "timestamp")), NULL, &c->at_ms, NULL, NULL), MP_TIME_OK);
    c->header_signature = text_of(doc, "header_signature");
    c->query_signature = text_of(doc, "query_signature");
    read_request(c, mp_slice_of(text_of(doc, "request")));
}

static bool header_agrees(struct one *c)
{
    struct mp_http_header out[3];
    const char *found;

    if (c->body_told)
        c->headers[c->req.headers_count++] = (struct mp_http_header){"x-amz-content-sha256", c->req.payload_sha256};
    if (c->token && c->token_signed)
        c->headers[c->req.headers_count++] = (struct mp_http_header){"x-amz-security-token", c->token};
    mp_sigv4_sign(arena, &c->key, &c->req, c->at_ms, out);
    found = strstr(out[0].value, "Signature=");
    return found && strcmp(found + strlen("Signature="), c->header_signature) == 0;
}

static bool query_agrees(struct one *c)
{
    const char *found, *target;

    if (c->token && c->token_signed)
        c->query[c->req.query_count++] = (struct mp_http_header){"X-Amz-Security-Token", c->token};
    target = mp_sigv4_presign(arena, &c->key, &c->req, c->at_ms, c->ttl_s);
    found = strstr(target, "X-Amz-Signature=");
    return found && strcmp(found + strlen("X-Amz-Signature="), c->query_signature) == 0;
}

static void agrees_with_the_suite(void **state)
{
    struct json_object *doc;
    struct mp_error err;
    struct one c;
    size_t cases;

    (void)state;
    mp_error_init(&err, arena);
    assert_int_equal(mp_json_parse(arena, read_file(FOLDER "sigv4-suite.json"), &doc, &err), 0);
    cases = json_object_array_length(doc);
    assert_int_equal(cases, SUITE_CASES);
    for (size_t i = 0; i < cases; i++) {
        struct json_object *one = json_object_array_get_idx(doc, i);

        read_case(one, &c);
        if (!header_agrees(&c))
            fail_msg("%s: another signature in the header", text_of(one, "name"));
        read_case(one, &c);
        if (!query_agrees(&c))
            fail_msg("%s: another signature in the query", text_of(one, "name"));
    }
}

/* ---- S3's own examples ---- */

static bool is_ours(struct mp_slice name)
{
    return mp_slice_eq_text(name, "x-amz-date") || mp_slice_eq_text(name, "x-amz-content-sha256");
}

static size_t read_signed(struct mp_slice text, struct mp_sigv4_request *req, struct mp_http_header *out)
{
    struct mp_slice item, name;
    size_t count = 0;

    while (mp_slice_split(&text, '|', &item)) {
        assert_true(mp_slice_split(&item, ':', &name));
        if (mp_slice_eq_text(name, "host"))
            req->host = mp_arena_strndup(arena, item);
        else if (!is_ours(name))
            out[count++] = (struct mp_http_header){mp_arena_strndup(arena, name), mp_arena_strndup(arena, item)};
    }
    return count;
}

static void check_example(struct mp_slice line, const struct mp_sigv4 *key, int64_t at_ms)
{
    enum { NAME, METHOD, PATH, QUERY, HEADERS, HASH, MODE, SIGNATURE, COLUMNS };
    struct mp_slice cells[COLUMNS] = {{0}};
    struct mp_http_header headers[LIST_MOST], query[LIST_MOST], out[3];
    struct mp_sigv4_request req = {.query = query, .headers = headers};
    const char *signature, *found;

    for (size_t i = 0; i < COLUMNS; i++)
        assert_true(mp_slice_split(&line, '\t', &cells[i]));
    signature = mp_arena_strndup(arena, cells[SIGNATURE]);
    req.method = mp_arena_strndup(arena, cells[METHOD]);
    req.path = mp_arena_strndup(arena, cells[PATH]);
    req.payload_sha256 = mp_arena_strndup(arena, cells[HASH]);
    req.query_count = read_query(cells[QUERY], query);
    req.headers_count = read_signed(cells[HEADERS], &req, headers);
    if (mp_slice_eq_text(cells[MODE], "header")) {
        mp_sigv4_sign(arena, key, &req, at_ms, out);
        assert_string_equal(out[2].name, "x-amz-content-sha256");
        found = out[0].value;
    } else {
        found = mp_sigv4_presign(arena, key, &req, at_ms, 86400);
    }
    found = strstr(found, "Signature=");
    assert_non_null(found);
    assert_string_equal(found + strlen("Signature="), signature);
}

static void agrees_with_the_s3_reference(void **state)
{
    struct mp_secret secret = mp_secret_copy(arena, mp_slice_of("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"));
    const struct mp_sigv4 key = {"AKIAIOSFODNN7EXAMPLE", &secret, "us-east-1", "s3", false};
    struct mp_slice rest = read_file(FOLDER "sigv4-s3.tsv"), line;
    int64_t at_ms;
    unsigned seen = 0;

    (void)state;
    assert_int_equal(mp_time_parse(mp_slice_of("2013-05-24T00:00:00Z"), NULL, &at_ms, NULL, NULL), MP_TIME_OK);
    while (mp_slice_split(&rest, '\n', &line)) {
        if (line.len == 0 || line.p[0] == '#' || mp_slice_starts(line, "name\t"))
            continue;
        check_example(line, &key, at_ms);
        seen++;
    }
    assert_int_equal(seen, S3_EXAMPLES);
}

/* ---- What goes over the wire ---- */

static void escapes_and_sorts_the_target(void **state)
{
    const struct mp_http_header query[] = {{"uploadId", "a/b c+d"}, {"partNumber", "2"}, {"a-b", "1"}, {"a", "2"}, {"uploads", ""}};
    const struct mp_sigv4_request req = {.path = "/bucket/a b/\xc3\xbc+('x')/../~", .query = query, .query_count = MP_COUNT(query)};

    (void)state;
    assert_string_equal(mp_sigv4_target(arena, &req),
                        "/bucket/a%20b/%C3%BC%2B%28%27x%27%29/../~?a=2&a-b=1&partNumber=2&uploadId=a%2Fb%20c%2Bd&uploads=");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(agrees_with_the_suite, setup, teardown),
        cmocka_unit_test_setup_teardown(agrees_with_the_s3_reference, setup, teardown),
        cmocka_unit_test_setup_teardown(escapes_and_sorts_the_target, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
