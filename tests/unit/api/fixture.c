#include "fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "meetpool/clock.h"
#include "meetpool/db.h"

struct mp_keyring *fixture_keyring(struct desk *f, const char *text)
{
    struct mp_keyring *ring = NULL;

    if (mp_keyring_parse(f->arena, mp_slice_of(text), &ring, &f->err) < 0)
        fail_msg("%s", mp_error_message(&f->err));
    return ring;
}

static const struct mp_db_conf nowhere = {.socket = "/nonexistent", .user = "nobody", .name = "none"};

int fixture_setup_api(void **state)
{
    struct mp_arena *arena = mp_arena_new();
    struct desk *f = MP_NEW(arena, struct desk);

    f->arena = arena;
    f->request = mp_arena_new();
    mp_error_init(&f->err, arena);
    f->log = (struct mp_log){.fd = open("/dev/null", O_WRONLY | O_CLOEXEC), .level = MP_DEBUG};
    f->no_db = mp_db_new(&nowhere, &f->log);
    f->ctx = (struct mp_ctx){.arena = f->request, .db = f->no_db, .log = &f->log, .keyring = fixture_keyring(f, KEYRING), .owner = "here/1/1"};
    f->conf = (struct mp_api_conf){
        .jwt_secret = mp_secret_copy(arena, mp_slice_of(SECRET)),
        .max_body = 1000,
        .idempotency_ttl_s = 86400,
        .cors_origins = "https://app.example.org, https://other.example.org:8443",
        .public_url = ORIGIN "/",
        .timezone = "UTC",
    };
    *state = f;
    if (mp_api_new(arena, &f->conf, &f->api, &f->err) < 0)
        fail_msg("%s", mp_error_message(&f->err));
    return 0;
}

int fixture_teardown_api(void **state)
{
    struct desk *f = *state;

    mp_db_free(f->no_db);
    close(f->log.fd);
    mp_arena_free(f->request);
    mp_arena_free(f->arena);
    return 0;
}

void fixture_routes(struct desk *f, const struct mp_route *rows, size_t count)
{
    struct mp_route_table *table = MP_NEW(f->arena, struct mp_route_table);
    const struct mp_route_table *tables[] = {table};

    *table = (struct mp_route_table){rows, count};
    f->api->router = mp_router_new(f->arena, tables, 1);
}

char *token_hs256(struct mp_arena *arena, const char *header, const char *claims, const char *secret)
{
    unsigned char mac[32];
    const char *signed_part =
        mp_arena_printf(arena, "%s.%s", mp_base64url(arena, header, strlen(header)), mp_base64url(arena, claims, strlen(claims)));

    mp_hmac_sha256(mp_slice_of(secret), mp_slice_of(signed_part), mac);
    return mp_arena_printf(arena, "%s.%s", signed_part, mp_base64url(arena, mac, sizeof(mac)));
}

char *token_of(struct desk *f, const char *sub, const char *role)
{
    const char *claims =
        mp_arena_printf(f->arena, "{\"sub\":\"%s\",\"role\":\"%s\",\"name\":\"N\",\"exp\":%lld}", sub, role, (long long)(mp_now_ms() / 1000 + 3600));

    return token_hs256(f->arena, "{\"alg\":\"HS256\",\"typ\":\"JWT\"}", claims, SECRET);
}

char *bearer_of(struct desk *f, const char *sub, const char *role)
{
    return mp_arena_printf(f->arena, "Bearer %s", token_of(f, sub, role));
}

static size_t read_text(void *arg, char *out, size_t len)
{
    const char *text = arg;
    size_t have = strlen(text);

    if (len < have)
        have = len;
    memcpy(out, text, have);
    return have;
}

struct mp_answer send_request(struct desk *f, const struct sent *sent)
{
    struct mp_header headers[MP_COUNT(sent->headers) / 2];
    struct mp_head head = {
        .method = sent->method,
        .uri = sent->uri,
        .query = sent->query,
        .content_type = sent->content_type,
        .content_length = sent->content_length,
        .remote_addr = "192.0.2.1",
        .headers = headers,
    };
    char body[4096] = "";
    const struct mp_body_source source = {read_text, body};
    struct mp_answer answer;

    mp_arena_clear(f->request);
    if (sent->body != NULL) {
        snprintf(body, sizeof(body), "%s", sent->body);
        if (head.content_length == NULL)
            head.content_length = mp_arena_printf(f->request, "%zu", strlen(body));
        if (head.content_type == NULL)
            head.content_type = "application/json";
    }
    for (size_t i = 0; i + 1 < MP_COUNT(sent->headers) && sent->headers[i] != NULL; i += 2)
        headers[head.headers_count++] = (struct mp_header){mp_slice_of(sent->headers[i]), sent->headers[i + 1]};
    mp_api_answer(f->api, &f->ctx, &head, &source, &answer);
    return answer;
}

struct json_object *answer_json(struct desk *f, const struct mp_answer *answer)
{
    struct json_object *doc = NULL;

    if (mp_json_parse(f->request, answer->body, &doc, &f->err) < 0)
        fail_msg("no JSON: %.*s", (int)answer->body.len, answer->body.p);
    return doc;
}

const char *answer_code(struct desk *f, const struct mp_answer *answer)
{
    return json_object_get_string(json_object_object_get(answer_json(f, answer), "code"));
}
