#ifndef TESTS_API_FIXTURE_H
#define TESTS_API_FIXTURE_H

/* cmocka.h wants these four before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "api_int.h"
#include "meetpool/json.h"
#include "meetpool/log.h"

#define SECRET  "0123456789abcdef0123456789abcdef"
#define ORIGIN  "https://pool.example.org"
#define KEYRING "new:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

struct desk {
    struct mp_arena *arena;   /* of the test */
    struct mp_arena *request; /* of the request under way; cleared before each */
    struct mp_log log;
    struct mp_ctx ctx;
    struct mp_api_conf conf;
    struct mp_api *api;
    struct mp_db *no_db; /* ctx.db, until a test puts another in its place: a database that is away */
    struct mp_error err;
};

/* HS256 with SECRET, CORS for https://app.example.org, bodies of at most 1000 bytes. */
int fixture_setup_api(void **state);
int fixture_teardown_api(void **state);
/* The keyring that the text describes. */
struct mp_keyring *fixture_keyring(struct desk *f, const char *text);
/* Instead of the program's own routes. */
void fixture_routes(struct desk *f, const struct mp_route *rows, size_t count);

/* A compact token; the parts are taken as they are. */
char *token_hs256(struct mp_arena *arena, const char *header, const char *claims, const char *secret);
/* Good for an hour. */
char *token_of(struct desk *f, const char *sub, const char *role);
char *bearer_of(struct desk *f, const char *sub, const char *role);

/* What a test sends; names and values in turns, NULL at the end. */
struct sent {
    const char *method, *uri, *query, *content_type, *content_length, *body;
    const char *headers[16];
};
#define SENT(sent_method, sent_uri, sent_query, ...)                                                                                                 \
    (&(struct sent){.method = (sent_method), .uri = (sent_uri), .query = (sent_query)__VA_OPT__(, ) __VA_ARGS__})
struct mp_answer send_request(struct desk *f, const struct sent *sent);
struct json_object *answer_json(struct desk *f, const struct mp_answer *answer);
const char *answer_code(struct desk *f, const struct mp_answer *answer);
#define header_of mp_answer_header_get

#endif
