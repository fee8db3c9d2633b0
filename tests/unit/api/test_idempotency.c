#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "db/harness.h"
#include "fixture.h"
#include "meetpool/clock.h"
#include "meetpool/schema.h"
#include "meetpool/store_idempotency.h"

/* What the handler does next, and what it saw. */
static struct {
    enum mp_error_code fail;
    void (*meanwhile)(struct mp_ctx *ctx);
    unsigned runs;
    char unit[65];
} play;

static int make(struct mp_ctx *ctx, struct mp_request *req, struct mp_response *res, struct mp_error *err)
{
    play.runs++;
    snprintf(play.unit, sizeof(play.unit), "%s", ctx->unit_key != NULL ? ctx->unit_key : "");
    if (play.meanwhile != NULL)
        play.meanwhile(ctx);
    if (play.fail != MP_E_NONE)
        return mp_fail_log(err, play.fail, "as told");
    res->status = 201;
    res->data = mp_json_object(req->arena);
    mp_json_put_text(res->data, "start_url", mp_random_hex(req->arena, 8));
    mp_response_header(res, "Location", "/api/things/1");
    return 0;
}

static const struct mp_route rows[] = {
    {"POST", "things", MP_EVERYONE, 0, make},
    {"POST", "things/{id}/end", MP_EVERYONE, 0, make},
    {"PUT", "things/{id}", MP_EVERYONE, 0, make},
    {"POST", "public", 0, MP_ROUTE_PUBLIC, make},
};

static const struct mp_sql clear_rows = {"DELETE FROM idempotency"};
static const struct mp_sql count_rows = {"SELECT COUNT(*) FROM idempotency"};
static const struct mp_sql end_leases = {"UPDATE idempotency SET lease_until = 1"};
static const struct mp_sql end_rows = {"UPDATE idempotency SET expires_at = 1"};
static const struct mp_sql seize_rows = {"UPDATE idempotency SET fence = fence + 1, owner = 'there/9/9'"};
static const struct mp_sql give_away = {"UPDATE idempotency SET state = 1, owner = 'there/9/9'"};
static const struct mp_sql count_readable = {"SELECT COUNT(*) FROM idempotency WHERE answer LIKE '%start_url%' OR answer IS NULL"};
static const struct mp_sql read_fence = {"SELECT fence FROM idempotency"};

static int setup_db(void **state)
{
    const char *top = getenv("top_srcdir");
    struct desk *f;
    unsigned applied;

    fixture_setup_api(state);
    f = *state;
    fixture_routes(f, rows, MP_COUNT(rows));
    f->ctx.db = harness_open();
    if (mp_migrate(f->ctx.db, mp_arena_printf(f->arena, "%s/schema", top != NULL ? top : "."), &applied, &f->err) < 0)
        fail_msg("%s", f->err.detail);
    must_run(f->ctx.db, &clear_rows);
    memset(&play, 0, sizeof(play));
    return 0;
}

static int teardown_db(void **state)
{
    mp_db_free(((struct desk *)*state)->ctx.db);
    return fixture_teardown_api(state);
}

static struct mp_answer post_as(struct desk *f, const char *sub, const char *uri, const char *key, const char *body)
{
    return send_request(f, SENT("POST", uri, NULL, .body = body, .headers = {"Authorization", bearer_of(f, sub, "admin"), "IDEMPOTENCY_KEY", key}));
}

static struct mp_answer post(struct desk *f, const char *key, const char *body)
{
    return post_as(f, "u1", "/api/things", key, body);
}

static char *body_of(struct desk *f, const struct mp_answer *answer)
{
    return mp_arena_strndup(f->arena, answer->body);
}

static void the_same_key_gets_the_first_answer(void **state)
{
    struct desk *f = *state;
    struct mp_answer answer = post(f, "k1", "{\"a\":1}");
    const char *first = body_of(f, &answer);

    assert_int_equal(answer.status, 201);
    assert_null(header_of(&answer, "Idempotency-Replayed"));
    assert_int_equal(must_number(f->ctx.db, &count_readable), 0);
    answer = post_as(f, "u1", "/api/v1/things", "k1", "{\"a\":1}");
    assert_int_equal(answer.status, 201);
    assert_string_equal(body_of(f, &answer), first);
    assert_string_equal(header_of(&answer, "Idempotency-Replayed"), "true");
    assert_string_equal(header_of(&answer, "Location"), "/api/things/1");
    assert_string_equal(header_of(&answer, "Content-Type"), "application/json; charset=utf-8");
    assert_int_equal(play.runs, 1);
    assert_int_equal(strlen(play.unit), 64);
    assert_null(f->ctx.unit_key);
}

static void another_body_is_a_mismatch(void **state)
{
    struct desk *f = *state;
    struct mp_answer answer;

    post(f, "k1", "{\"a\":1}");
    answer = post(f, "k1", "{\"a\":2}");
    assert_int_equal(answer.status, 422);
    assert_string_equal(answer_code(f, &answer), "idempotency_mismatch");
    answer = post(f, "k1", "{\"a\":1} ");
    assert_int_equal(answer.status, 422);
    assert_int_equal(play.runs, 1);
}

static void a_key_belongs_to_its_user_and_route(void **state)
{
    struct desk *f = *state;

    post_as(f, "u1", "/api/things", "k1", "{}");
    post_as(f, "u2", "/api/things", "k1", "{}");
    post_as(f, "u1", "/api/things/1/end", "k1", "{}");
    post_as(f, "u1", "/api/things/2/end", "k1", "{}");
    post_as(f, "u1", "/api/things", "k2", "{}");
    assert_int_equal(play.runs, 5);
    post_as(f, "u1", "/api/things/2/end", "k1", "{}");
    assert_int_equal(play.runs, 5);
}

static void only_posts_of_somebody_have_keys(void **state)
{
    struct desk *f = *state;
    const char *bearer = bearer_of(f, "u1", "admin");

    for (int i = 0; i < 2; i++) {
        send_request(f, SENT("POST", "/api/things", NULL, .headers = {"Authorization", bearer}));
        send_request(f, SENT("PUT", "/api/things/1", NULL, .headers = {"Authorization", bearer, "Idempotency-Key", "k"}));
        send_request(f, SENT("POST", "/api/public", NULL, .headers = {"Idempotency-Key", "k"}));
    }
    assert_int_equal(play.runs, 6);
    assert_int_equal(must_number(f->ctx.db, &count_rows), 0);
}

static void keys_that_are_refused(void **state)
{
    struct desk *f = *state;
    char longest[257];

    memset(longest, 'k', sizeof(longest));
    longest[256] = '\0';
    assert_int_equal(post(f, "", "{}").status, 422);
    assert_int_equal(post(f, "a\tb", "{}").status, 422);
    assert_int_equal(post(f, "\xc3\xa9", "{}").status, 422);
    assert_int_equal(post(f, longest, "{}").status, 422);
    longest[255] = '\0';
    assert_int_equal(post(f, longest, "{}").status, 201);
    assert_int_equal(play.runs, 1);
}

static void a_refusal_frees_the_key(void **state)
{
    static const enum mp_error_code dropped[] = {MP_E_INVALID, MP_E_NOT_FOUND, MP_E_FORBIDDEN, MP_E_BAD_REQUEST};
    struct desk *f = *state;

    for (size_t i = 0; i < MP_COUNT(dropped); i++) {
        play.fail = dropped[i];
        post(f, "k1", "{\"a\":1}");
        assert_int_equal(must_number(f->ctx.db, &count_rows), 0);
    }
    play.fail = MP_E_NONE;
    assert_int_equal(post(f, "k1", "{\"a\":2}").status, 201);
}

static void an_answer_is_an_answer_also_a_bad_one(void **state)
{
    static const enum mp_error_code kept[] = {MP_E_CONFLICT, MP_E_NO_CAPACITY, MP_E_ZOOM_FAILED, MP_E_NO_ACCOUNT};
    struct desk *f = *state;

    for (size_t i = 0; i < MP_COUNT(kept); i++) {
        const char *key = mp_arena_printf(f->arena, "k%zu", i), *first;
        struct mp_answer answer;

        play = (typeof(play)){.fail = kept[i]};
        answer = post(f, key, "{}");
        first = body_of(f, &answer);
        play.fail = MP_E_NONE;
        answer = post(f, key, "{}");
        assert_int_equal(answer.status, mp_error_status(kept[i]));
        assert_string_equal(body_of(f, &answer), first);
        assert_int_equal(header_of(&answer, "Retry-After") != NULL, answer.status == 503);
        assert_int_equal(play.runs, 1);
    }
}

/* What failed on our side may have done something: the next try is the same unit of work. */
static void a_failure_of_ours_keeps_the_unit(void **state)
{
    static const enum mp_error_code released[] = {MP_E_INTERNAL, MP_E_UNAVAILABLE, MP_E_UNCERTAIN, MP_E_RATE_LIMITED};
    struct desk *f = *state;
    char unit[65];

    play.fail = released[0];
    post(f, "k1", "{}");
    memcpy(unit, play.unit, sizeof(unit));
    for (size_t i = 1; i < MP_COUNT(released); i++) {
        f->ctx.owner = "elsewhere/1/1";
        play.fail = released[i];
        assert_int_equal(post(f, "k1", "{}").status, mp_error_status(released[i]));
        assert_string_equal(play.unit, unit);
    }
    play.fail = MP_E_NONE;
    assert_int_equal(post(f, "k1", "{\"other\":1}").status, 422);
    assert_int_equal(post(f, "k1", "{}").status, 201);
    assert_string_equal(play.unit, unit);
    assert_int_equal(play.runs, MP_COUNT(released) + 1);
}

static void give_to_another(struct desk *f, const char *key)
{
    post(f, key, "{}");
    must_run(f->ctx.db, &give_away);
}

static bool everybody_is_dead(void *arg, const char *owner)
{
    (void)arg;
    return strcmp(owner, "there/9/9") == 0;
}

static void what_the_dead_left_is_taken_over_at_once(void **state)
{
    struct desk *f = *state;
    int64_t started_ms = mp_monotonic_ms();
    char unit[65];

    give_to_another(f, "k1");
    memcpy(unit, play.unit, sizeof(unit));
    f->ctx.owner_is_dead = everybody_is_dead;
    assert_int_equal(post(f, "k1", "{}").status, 201);
    assert_int_equal(play.runs, 2);
    assert_string_equal(play.unit, unit);
    assert_int_equal(must_number(f->ctx.db, &read_fence), 2);
    assert_true(mp_monotonic_ms() - started_ms < 5000);
}

static void a_lease_that_is_over_is_taken_over(void **state)
{
    struct desk *f = *state;

    give_to_another(f, "k1");
    must_run(f->ctx.db, &end_leases);
    assert_int_equal(post(f, "k1", "{}").status, 201);
    assert_int_equal(play.runs, 2);
}

static void what_is_left_of_our_own_is_taken_over(void **state)
{
    struct desk *f = *state;

    give_to_another(f, "k1");
    f->ctx.owner = "there/9/9";
    assert_int_equal(post(f, "k1", "{}").status, 201);
    assert_int_equal(play.runs, 2);
}

static void lose_the_claim(struct mp_ctx *ctx)
{
    must_run(ctx->db, &seize_rows);
}

static void drop_and_take_anew(struct mp_ctx *ctx)
{
    const struct mp_idempotency_terms terms = {"there/9/9", 45000, 86400000};
    struct mp_idempotency_key key = {{0}, {0}};
    struct mp_idempotency_claim claim;
    struct mp_error err;
    struct mp_stmt *st;
    static const struct mp_sql hash = {"SELECT key_hash FROM idempotency"};

    mp_error_init(&err, ctx->arena);
    st = mp_db_begin(ctx->db, &hash);
    assert_int_equal(mp_db_one(st, &err), 1);
    memcpy(key.hash, mp_col_bytes(st, 0, ctx->arena).p, 32);
    must_run(ctx->db, &clear_rows);
    assert_int_equal(mp_store_idempotency_take(ctx->db, ctx->arena, &key, &terms, &claim, &err), 0);
    assert_int_equal(claim.state, MP_IDEMPOTENCY_TAKEN);
}

/* The late one still answers its own client, but writes nothing over the other's claim. */
static void a_stale_owner_changes_nothing(void **state)
{
    static void (*const losses[])(struct mp_ctx *) = {lose_the_claim, drop_and_take_anew};
    static const enum mp_error_code ends[] = {MP_E_NONE, MP_E_INVALID, MP_E_INTERNAL};
    static const struct mp_sql untouched = {
        "SELECT COUNT(*) FROM idempotency WHERE state = 1 AND owner = 'there/9/9' AND answer IS NULL AND lease_until > 1",
    };
    struct desk *f = *state;

    for (size_t i = 0; i < MP_COUNT(losses); i++) {
        for (size_t j = 0; j < MP_COUNT(ends); j++) {
            must_run(f->ctx.db, &clear_rows);
            play.meanwhile = losses[i];
            play.fail = ends[j];
            post(f, "k1", "{}");
            assert_int_equal(must_number(f->ctx.db, &untouched), 1);
        }
    }
}

static void an_expired_key_is_a_new_one(void **state)
{
    struct desk *f = *state;
    char unit[65];
    int64_t removed = -1;

    post(f, "k1", "{\"a\":1}");
    memcpy(unit, play.unit, sizeof(unit));
    must_run(f->ctx.db, &end_rows);
    assert_int_equal(post(f, "k1", "{\"a\":2}").status, 201);
    assert_int_equal(play.runs, 2);
    assert_string_not_equal(play.unit, unit);
    post(f, "k2", "{}");
    post(f, "k3", "{}");
    must_run(f->ctx.db, &end_rows);
    post(f, "k4", "{}");
    assert_int_equal(mp_store_idempotency_expire(f->ctx.db, 2, &removed, &f->err), 0);
    assert_int_equal(removed, 2);
    assert_int_equal(mp_store_idempotency_expire(f->ctx.db, 2, &removed, &f->err), 0);
    assert_int_equal(removed, 1);
    assert_int_equal(must_number(f->ctx.db, &count_rows), 1);
}

/* ---- Several at once, each a process with a connection of its own ---- */

static void take_a_while(struct mp_ctx *ctx)
{
    (void)ctx;
    mp_sleep_ms(400);
}

static void die(struct mp_ctx *ctx)
{
    (void)ctx;
    _exit(9);
}

/* The child tells: how often its handler ran, the status, the body's first 200 bytes. */
struct told {
    unsigned runs, status;
    char body[200];
};

static pid_t post_in_child(struct desk *f, unsigned n, int tell)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    f->ctx.db = harness_open();
    f->ctx.owner = mp_arena_printf(f->arena, "here/%u/1", n);
    struct mp_answer answer = post(f, "k1", "{}");
    struct told told = {.runs = play.runs, .status = answer.status};
    snprintf(told.body, sizeof(told.body), "%.*s", (int)answer.body.len, answer.body.p);
    _exit(write(tell, &told, sizeof(told)) == (ssize_t)sizeof(told) ? 0 : 1);
}

static void of_many_at_once_one_works(void **state)
{
    struct desk *f = *state;
    struct told first = {0}, told;
    unsigned runs = 0;
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    mp_db_close(f->ctx.db);
    play.meanwhile = take_a_while;
    for (unsigned i = 0; i < 20; i++)
        assert_true(post_in_child(f, i, ends[1]) > 0);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(read(ends[0], &told, sizeof(told)), sizeof(told));
        runs += told.runs;
        if (i == 0)
            first = told;
        assert_int_equal(told.status, 201);
        assert_string_equal(told.body, first.body);
    }
    while (wait(NULL) > 0)
        continue;
    assert_int_equal(runs, 1);
    close(ends[0]);
    close(ends[1]);
}

static bool first_is_dead(void *arg, const char *owner)
{
    (void)arg;
    return strcmp(owner, "here/0/1") == 0;
}

static void after_a_worker_died_the_next_one_works(void **state)
{
    struct desk *f = *state;
    struct told told;
    int ends[2], status;

    assert_int_equal(pipe(ends), 0);
    mp_db_close(f->ctx.db);
    play.meanwhile = die;
    waitpid(post_in_child(f, 0, ends[1]), &status, 0);
    assert_int_equal(WEXITSTATUS(status), 9);
    play.meanwhile = take_a_while;
    f->ctx.owner_is_dead = first_is_dead;
    post_in_child(f, 1, ends[1]);
    assert_int_equal(read(ends[0], &told, sizeof(told)), sizeof(told));
    wait(NULL);
    assert_int_equal(told.status, 201);
    assert_int_equal(told.runs, 1);
    close(ends[0]);
    close(ends[1]);
}

/* The first one's refusal is not kept: who waited for it works then. */
static void who_waits_works_when_the_first_was_refused(void **state)
{
    struct desk *f = *state;
    struct told told;
    int ends[2];

    assert_int_equal(pipe(ends), 0);
    mp_db_close(f->ctx.db);
    play.meanwhile = take_a_while;
    play.fail = MP_E_INVALID;
    post_in_child(f, 0, ends[1]);
    mp_sleep_ms(150);
    play.fail = MP_E_NONE;
    post_in_child(f, 1, ends[1]);
    assert_int_equal(read(ends[0], &told, sizeof(told)), sizeof(told));
    assert_int_equal(told.status, 422);
    assert_int_equal(read(ends[0], &told, sizeof(told)), sizeof(told));
    assert_int_equal(told.status, 201);
    assert_int_equal(told.runs, 1);
    while (wait(NULL) > 0)
        continue;
    close(ends[0]);
    close(ends[1]);
}

static void who_waits_too_long_is_told_so(void **state)
{
    struct desk *f = *state;
    int64_t started_ms = mp_monotonic_ms();
    struct mp_answer answer;

    give_to_another(f, "k1");
    answer = post(f, "k1", "{}");
    assert_int_equal(answer.status, 409);
    assert_string_equal(answer_code(f, &answer), "idempotency_in_progress");
    assert_non_null(header_of(&answer, "Retry-After"));
    assert_in_range(mp_monotonic_ms() - started_ms, 29000, 33000);
}

/* ---- Without a database ---- */

static void ready_says_what_is_wrong(void **state)
{
    static const struct mp_sql go_back = {"DELETE FROM schema_version WHERE version >= 2"};
    struct desk *f = *state;
    struct mp_answer answer;
    unsigned applied;

    assert_int_equal(mp_api_new(f->arena, &f->conf, &f->api, &f->err), 0);
    assert_int_equal(send_request(f, SENT("GET", "/readyz", NULL)).status, 200);
    must_run(f->ctx.db, &go_back);
    answer = send_request(f, SENT("GET", "/readyz", NULL));
    assert_int_equal(answer.status, 503);
    assert_non_null(memmem(answer.body.p, answer.body.len, "meetpoolctl migrate", 19));
    assert_int_equal(mp_migrate(f->ctx.db, mp_arena_printf(f->arena, "%s/schema", getenv("top_srcdir")), &applied, &f->err), 0);
    assert_int_equal(send_request(f, SENT("GET", "/readyz", NULL)).status, 200);
}

static void a_lost_database_is_unavailable(void **state)
{
    struct desk *f = *state;
    struct mp_answer answer;

    assert_int_equal(post(f, "k1", "{}").status, 201);
    harness_server_kill();
    answer = post(f, "k2", "{}");
    assert_int_equal(answer.status, 503);
    assert_string_equal(answer_code(f, &answer), "unavailable");
    assert_non_null(header_of(&answer, "Retry-After"));
    assert_int_equal(play.runs, 1);
    assert_int_equal(mp_api_new(f->arena, &f->conf, &f->api, &f->err), 0);
    assert_int_equal(send_request(f, SENT("GET", "/healthz", NULL)).status, 200);
    assert_int_equal(send_request(f, SENT("GET", "/readyz", NULL)).status, 503);
    fixture_routes(f, rows, MP_COUNT(rows));
    harness_server_start();
    assert_int_equal(post(f, "k1", "{}").status, 201);
    assert_int_equal(play.runs, 1);
}

static void restart_server(struct mp_ctx *ctx)
{
    (void)ctx;
    harness_server_kill();
    harness_server_start();
}

static void the_answer_is_kept_over_a_restart_of_the_database(void **state)
{
    struct desk *f = *state;

    play.meanwhile = restart_server;
    assert_int_equal(post(f, "k1", "{}").status, 201);
    play.meanwhile = NULL;
    assert_int_equal(post(f, "k1", "{}").status, 201);
    assert_int_equal(play.runs, 1);
}

#define DB_TEST(name) cmocka_unit_test_setup_teardown(name, setup_db, teardown_db)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        DB_TEST(the_same_key_gets_the_first_answer),
        DB_TEST(another_body_is_a_mismatch),
        DB_TEST(a_key_belongs_to_its_user_and_route),
        DB_TEST(only_posts_of_somebody_have_keys),
        DB_TEST(keys_that_are_refused),
        DB_TEST(a_refusal_frees_the_key),
        DB_TEST(an_answer_is_an_answer_also_a_bad_one),
        DB_TEST(a_failure_of_ours_keeps_the_unit),
        DB_TEST(what_the_dead_left_is_taken_over_at_once),
        DB_TEST(a_lease_that_is_over_is_taken_over),
        DB_TEST(what_is_left_of_our_own_is_taken_over),
        DB_TEST(a_stale_owner_changes_nothing),
        DB_TEST(an_expired_key_is_a_new_one),
        DB_TEST(of_many_at_once_one_works),
        DB_TEST(after_a_worker_died_the_next_one_works),
        DB_TEST(who_waits_works_when_the_first_was_refused),
        DB_TEST(who_waits_too_long_is_told_so),
        DB_TEST(ready_says_what_is_wrong),
        DB_TEST(a_lost_database_is_unavailable),
        DB_TEST(the_answer_is_kept_over_a_restart_of_the_database),
    };

    (void)argc;
    harness_begin(argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
