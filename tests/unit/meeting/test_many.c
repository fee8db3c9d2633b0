/* Many meetings in one request, against a database and a sandbox of its own. */
#include "../db/harness.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "meetpool/clock.h"
#include "meetpool/crypto.h"
#include "meetpool/http.h"
#include "meetpool/json.h"
#include "meetpool/meeting.h"

/* Several of these tests wait for what takes seconds at Zoom. */
#define HANGS_AFTER_S 400
#define MANY          200
#define HOUR_MS       3600000
#define KEYRING       "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define OWN_NAME      "test/0/1"
#define DEAD_NAME     "test/1/1"
/* Each item begins `SLOT`-wise an hour after those before: three accounts of three hosts, two meetings a host, hold 18 at a time. */
#define SLOT 15

static const struct mp_log quiet = {.fd = 2, .level = MP_ERROR};

struct sandbox {
    pid_t pid;
    char url[160];
    char env_path[4096];
};

struct here {
    struct fixture *f;
    struct sandbox sandbox;
    struct mp_http *http;
    struct mp_zoom *zoom;
    struct mp_account_conf accounts;
    struct mp_meeting_conf meetings;
    struct mp_keyring *keyring;
    struct mp_ctx ctx;
};

static const struct mp_sql clear_rows[] = {{"DELETE FROM place"}, {"DELETE FROM meeting"}, {"DELETE FROM host"}, {"DELETE FROM account"}};
static const struct mp_sql make_due = {"UPDATE place SET check_at = 0 WHERE check_at IS NOT NULL"};
static const struct mp_sql count_unsettled = {"SELECT COUNT(*) FROM place WHERE state IN ('creating', 'deleting')"};
static const struct mp_sql count_taken = {"SELECT COUNT(*) FROM place WHERE taken = 1"};
static const struct mp_sql count_scheduled = {"SELECT COUNT(*) FROM meeting WHERE status = 'scheduled'"};
static const struct mp_sql sum_bookings = {"SELECT CAST(SUM(bookings) AS SIGNED) FROM account"};

/* ---- The far side ---- */

static void become_sandbox(const struct sandbox *sandbox, int out)
{
    const char *program = getenv("MP_TEST_SANDBOX");

    /* A test that dies takes it along. */
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || dup2(out, STDOUT_FILENO) < 0)
        _exit(126);
    execl(program != NULL ? program : "./meetpool-sandbox", "meetpool-sandbox", "--listen", "127.0.0.1:0", "--init-accounts", "3", "--hosts", "3",
          "--env-file", sandbox->env_path, (char *)NULL);
    _exit(127);
}

static void sandbox_start(struct sandbox *sandbox)
{
    char line[128] = "";
    FILE *from;
    int out[2];

    snprintf(sandbox->env_path, sizeof(sandbox->env_path), "%s/zoom.env", getenv("MP_TEST_DIR"));
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    sandbox->pid = fork();
    assert_true(sandbox->pid >= 0);
    if (sandbox->pid == 0)
        become_sandbox(sandbox, out[1]);
    close(out[1]);
    from = fdopen(out[0], "r");
    assert_non_null(from);
    assert_non_null(fgets(line, sizeof(line), from));
    fclose(from);
    line[strcspn(line, "\n")] = '\0';
    assert_int_equal(strncmp(line, "listening on ", 13), 0);
    snprintf(sandbox->url, sizeof(sandbox->url), "http://%s", line + 13);
}

static struct json_object *sandbox_call(struct here *h, const char *method, const char *path, const char *body)
{
    struct mp_arena *arena = h->f->arena;
    struct mp_http_request req = {.method = method,
                                  .url = mp_arena_printf(arena, "%s/_sandbox/%s", h->sandbox.url, path),
                                  .body = body != NULL ? mp_slice_of(body) : (struct mp_slice){0},
                                  .content_type = body != NULL ? "application/json" : NULL};
    struct mp_http_response res;
    struct json_object *doc = NULL;

    mp_http_call(h->http, arena, &req, &res);
    assert_int_equal(res.call, MP_CALL_ANSWERED);
    if (res.status >= 300)
        fail_msg("%s %s: %u %s", method, path, res.status, res.body.p);
    assert_int_equal(mp_json_parse(arena, res.body, &doc, &h->f->err), 0);
    return doc;
}

static void fault(struct here *h, const char *rule)
{
    (void)sandbox_call(h, "POST", "faults",
                       mp_arena_printf(h->f->arena, "{\"match\":{\"method\":\"POST\",\"path\":\"/v2/users/*/meetings\"},%s}", rule));
}

/* ---- This side ---- */

static void must(int rc, const struct mp_error *err)
{
    if (rc < 0)
        fail_msg("%s: %s", mp_error_message(err), err->detail != NULL ? err->detail : "");
}

static bool is_dead(void *arg, const char *owner)
{
    (void)arg;
    return strcmp(owner, DEAD_NAME) == 0;
}

static void load_accounts(struct here *h)
{
    struct mp_conf_source *source;

    must(mp_conf_open(h->f->arena, h->sandbox.env_path, &source, &h->f->err), &h->f->err);
    must(mp_account_conf_load(h->f->arena, source, &quiet, &h->accounts, &h->f->err), &h->f->err);
    assert_int_equal(h->accounts.count, 3);
}

static int setup(void **state)
{
    struct fixture *f;
    struct here *h;
    struct mp_zoom_conf zoom;

    assert_int_equal(fixture_setup(state), 0);
    f = *state;
    h = MP_NEW(f->arena, struct here);
    h->f = f;
    sandbox_start(&h->sandbox);
    h->http = mp_http_new();
    zoom = (struct mp_zoom_conf){mp_arena_printf(f->arena, "%s/v2", h->sandbox.url), mp_arena_printf(f->arena, "%s/oauth", h->sandbox.url)};
    h->zoom = mp_zoom_new(&zoom, h->http, NULL);
    for (size_t i = 0; i < MP_COUNT(clear_rows); i++)
        must_run(f->db, &clear_rows[i]);
    load_accounts(h);
    must(mp_keyring_parse(f->arena, mp_slice_of(KEYRING), &h->keyring, &f->err), &f->err);
    h->meetings = (struct mp_meeting_conf){.grace_s = 300, .retry_delay_s = 5};
    h->ctx = (struct mp_ctx){.arena = f->arena,
                             .db = f->db,
                             .zoom = h->zoom,
                             .log = (struct mp_log *)(uintptr_t)&quiet,
                             .keyring = h->keyring,
                             .account_conf = &h->accounts,
                             .meeting_conf = &h->meetings,
                             .owner = OWN_NAME,
                             .owner_is_dead = is_dead};
    *state = h;
    return 0;
}

static int teardown(void **state)
{
    struct here *h = *state;
    int status;

    kill(h->sandbox.pid, SIGTERM);
    waitpid(h->sandbox.pid, &status, 0);
    mp_zoom_free(h->zoom);
    mp_http_free(h->http);
    *state = h->f;
    return fixture_teardown(state);
}

static int migrate(void **state)
{
    const char *top = getenv("top_srcdir");
    struct fixture *f;
    unsigned applied;

    assert_int_equal(fixture_setup(state), 0);
    f = *state;
    must(mp_migrate(f->db, mp_arena_printf(f->arena, "%s/schema", top != NULL ? top : "."), &applied, &f->err), &f->err);
    return fixture_teardown(state);
}

/* `count` items from tomorrow on, so many at a time, each named. */
static struct mp_meeting_item *make_items(struct here *h, size_t count, size_t at_a_time, bool dry_run)
{
    struct mp_meeting_item *items = mp_arena_array(h->f->arena, count, sizeof(*items));
    int64_t first_ms = (mp_now_ms() / MP_DAY_MS + 2) * MP_DAY_MS;

    for (size_t i = 0; i < count; i++) {
        items[i].unit_key = dry_run ? NULL : mp_arena_printf(h->f->arena, "unit-%zu", i);
        items[i].spec = (struct mp_meeting_spec){
            .owner_sub = "owner",
            .type = 2,
            .topic = mp_arena_printf(h->f->arena, "Algebra %zu", i),
            .timezone = "UTC",
            .starts_at = first_ms + (int64_t)(i / at_a_time) * 2 * HOUR_MS,
            .duration_min = 60,
            .account = -1,
            .dry_run = dry_run,
        };
    }
    return items;
}

static int64_t book(struct here *h, struct mp_meeting_item *items, size_t count)
{
    int64_t began_ms = mp_monotonic_ms();

    must(mp_meeting_book_many(&h->ctx, items, count, &h->f->err), &h->f->err);
    for (size_t i = 0; i < count; i++) {
        if ((items[i].meeting == NULL) != mp_error_set(&items[i].err))
            fail_msg("item %zu: %s", i, items[i].meeting != NULL ? "made and failed" : "neither made nor failed");
    }
    return mp_monotonic_ms() - began_ms;
}

static size_t made(const struct mp_meeting_item *items, size_t count)
{
    size_t n = 0;

    for (size_t i = 0; i < count; i++)
        n += items[i].meeting != NULL ? 1 : 0;
    return n;
}

static size_t deleted(struct here *h)
{
    struct json_object *list = NULL;

    json_object_object_get_ex(sandbox_call(h, "GET", "meetings?deleted=true", NULL), "meetings", &list);
    return json_object_array_length(list);
}

/* Zoom holds exactly one meeting for each item made, at its host, and no other. */
static void assert_zoom_agrees(struct here *h, const struct mp_meeting_item *items, size_t count)
{
    struct json_object *list = NULL;
    size_t live, found = 0;

    json_object_object_get_ex(sandbox_call(h, "GET", "meetings?deleted=false", NULL), "meetings", &list);
    live = json_object_array_length(list);
    for (size_t k = 0; k < live; k++) {
        struct json_object *id = NULL, *topic = NULL;

        json_object_object_get_ex(json_object_array_get_idx(list, k), "id", &id);
        json_object_object_get_ex(json_object_array_get_idx(list, k), "topic", &topic);
        for (size_t i = 0; i < count; i++) {
            if (items[i].meeting == NULL || items[i].meeting->row.zoom_id != json_object_get_int64(id))
                continue;
            assert_string_equal(items[i].spec.topic, json_object_get_string(topic));
            found++;
        }
    }
    assert_int_equal(found, made(items, count));
    assert_int_equal(live, found);
    assert_int_equal(must_number(h->f->db, &count_scheduled), found);
    assert_int_equal(must_number(h->f->db, &count_taken), found);
    assert_int_equal(must_number(h->f->db, &count_unsettled), 0);
}

static void repair(struct here *h)
{
    unsigned done = 1;

    (void)sandbox_call(h, "PATCH", "knobs", "{\"latency_ms\":0}");
    for (int round = 0; round < 40 && done > 0; round++) {
        must_run(h->f->db, &make_due);
        must(mp_meeting_repair(&h->ctx, &done, &h->f->err), &h->f->err);
        if (must_number(h->f->db, &count_unsettled) == 0 && round > 1)
            break;
    }
}

static void assert_same(const struct mp_meeting_item *said, const struct mp_meeting_item *did, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if ((said[i].meeting == NULL) != (did[i].meeting == NULL))
            fail_msg("item %zu: said %s, did %s", i, said[i].meeting != NULL ? "yes" : mp_error_message(&said[i].err),
                     did[i].meeting != NULL ? "yes" : mp_error_message(&did[i].err));
        if (said[i].meeting == NULL) {
            assert_int_equal(said[i].err.code, did[i].err.code);
            assert_string_equal(mp_error_message(&said[i].err), mp_error_message(&did[i].err));
            assert_string_equal(said[i].err.details->message, did[i].err.details->message);
            continue;
        }
        assert_int_equal(said[i].meeting->row.id, 0);
        if (said[i].meeting->account != did[i].meeting->account || said[i].meeting->host != did[i].meeting->host)
            fail_msg("item %zu: said host %d of account %d, went to host %d of account %d", i, said[i].meeting->host, said[i].meeting->account,
                     did[i].meeting->host, did[i].meeting->account);
    }
}

/* ---- The tests ---- */

static void two_hundred_are_made_in_time_where_it_was_said(void **state)
{
    struct here *h = *state;
    struct mp_meeting_item *said = make_items(h, MANY, SLOT, true), *did = make_items(h, MANY, SLOT, false);
    int64_t said_ms, took_ms;

    (void)sandbox_call(h, "PATCH", "knobs", "{\"latency_ms\":300}");
    said_ms = book(h, said, MANY);
    assert_int_equal(must_number(h->f->db, &count_taken), 0);
    assert_int_equal(must_number(h->f->db, &sum_bookings), 0);
    took_ms = book(h, did, MANY);
    print_message("%d: predicted in %d ms, booked in %d ms\n", MANY, (int)said_ms, (int)took_ms);
    assert_in_range(said_ms, 0, 1500);
    assert_in_range(took_ms, 300, 12000);
    assert_int_equal(made(did, MANY), MANY);
    assert_same(said, did, MANY);
    assert_zoom_agrees(h, did, MANY);
    assert_int_equal(deleted(h), 0);
    for (size_t i = 0; i < MANY; i++)
        assert_true(mp_secret_expose(&did[i].meeting->start_url).len > 0);
    /* The same request once more. */
    assert_true(book(h, did, MANY) < 1500);
    assert_int_equal(made(did, MANY), MANY);
    assert_zoom_agrees(h, did, MANY);
}

/* The database's part of it, and what the calls cost besides waiting. */
static void two_hundred_cost_little(void **state)
{
    struct here *h = *state;
    struct mp_meeting_item *items = make_items(h, MANY, SLOT, false);
    int64_t took_ms = book(h, items, MANY);

    print_message("%d without latency: %d ms\n", MANY, (int)took_ms);
    assert_int_equal(made(items, MANY), MANY);
}

/* 18 fit at a time; where the days of the hosts end, fewer. */
static void who_comes_first_has_the_room(void **state)
{
    struct here *h = *state;
    struct mp_meeting_item *said, *did;

    h->accounts.daily_limit = 7;
    said = make_items(h, 90, 25, true);
    did = make_items(h, 90, 25, false);
    said[3].spec.account = did[3].spec.account = 2;
    said[60].spec.account = did[60].spec.account = 1;
    said[30].spec.duration_min = did[30].spec.duration_min = 200;
    (void)book(h, said, 90);
    (void)book(h, did, 90);
    assert_same(said, did, 90);
    assert_int_equal(made(did, 25), 18);
    for (size_t i = 0; i < 18; i++)
        assert_non_null(did[i].meeting);
    assert_int_equal(did[18].err.code, MP_E_NO_CAPACITY);
    assert_int_equal(did[3].meeting->account, 2);
    assert_int_equal(made(did, 90), 9 * 7);
    assert_int_equal(did[89].err.code, MP_E_NO_ACCOUNT);
    assert_zoom_agrees(h, did, 90);
}

/* What does not fit is told where it would; that is looked for anew each time. */
static void refusals_cost_little(void **state)
{
    struct here *h = *state;
    struct mp_meeting_item *full = make_items(h, MANY, 18, false), *said = make_items(h, MANY, MANY, true);
    int64_t took_ms;

    assert_int_equal(made(full, (book(h, full, MANY), MANY)), MANY);
    took_ms = book(h, said, MANY);
    print_message("%d refused in %d ms\n", MANY - (int)made(said, MANY), (int)took_ms);
    assert_int_equal(made(said, MANY), 0);
    assert_int_equal(said[0].err.code, MP_E_NO_CAPACITY);
    assert_in_range(took_ms, 0, 3000);
}

/* One in twenty fails, in every way that Zoom has. */
static void failures_harm_nobody_else(void **state)
{
    struct here *h = *state;
    struct mp_meeting_item *items = make_items(h, MANY, SLOT, false);
    int64_t took_ms;

    (void)sandbox_call(h, "PATCH", "knobs", "{\"latency_ms\":300}");
    fault(h, "\"count\":1,\"skip\":30,\"action\":{\"hang\":{\"processed\":\"after\",\"for_ms\":30000}}");
    fault(h, "\"count\":2,\"skip\":50,\"action\":{\"execute_later_ms\":6000,\"meanwhile\":\"cut\"}");
    fault(h, "\"count\":-1,\"probability\":0.02,\"action\":{\"cut\":{\"when\":\"after_processing\"}}");
    fault(h, "\"count\":-1,\"probability\":0.01,\"action\":{\"cut\":{\"when\":\"in_body\",\"bytes\":40}}");
    fault(h, "\"count\":-1,\"probability\":0.01,\"action\":{\"status\":500}");
    fault(h, "\"count\":-1,\"probability\":0.01,\"action\":{\"status\":400,\"body\":{\"code\":300,\"message\":\"Invalid field.\"}}");
    fault(h, "\"count\":2,\"skip\":10,\"action\":{\"status\":401,\"body\":{\"code\":124,\"message\":\"Invalid access token.\"}}");
    took_ms = book(h, items, MANY);
    print_message("%d with failures: %d ms, %d made\n", MANY, (int)took_ms, (int)made(items, MANY));
    assert_in_range(took_ms, 300, 26000);
    assert_true(made(items, MANY) >= MANY - 5);
    (void)sandbox_call(h, "DELETE", "faults", NULL);
    mp_sleep_ms(6000); /* what is carried out later has been by now */
    repair(h);
    assert_zoom_agrees(h, items, MANY);
    /* What failed is free to be made again under its name; the others are as they were. */
    (void)book(h, items, MANY);
    assert_int_equal(made(items, MANY), MANY);
    repair(h);
    assert_zoom_agrees(h, items, MANY);
}

/* The smallest plan takes four calls a second and account. */
static void rate_limits_are_obeyed(void **state)
{
    struct here *h = *state;
    struct mp_meeting_item *items = make_items(h, 90, SLOT, false);
    struct json_object *limited = NULL, *counters = NULL;
    int64_t took_ms;

    (void)sandbox_call(h, "PATCH", "knobs", "{\"plan\":\"free\"}");
    took_ms = book(h, items, 90);
    json_object_object_get_ex(sandbox_call(h, "GET", "state", NULL), "counters", &counters);
    json_object_object_get_ex(counters, "limited", &limited);
    print_message("90 at four a second: %d ms, %d made, refused %d times\n", (int)took_ms, (int)made(items, 90), json_object_get_int(limited));
    assert_int_equal(made(items, 90), 90);
    assert_true(json_object_get_int(limited) < 90);
    assert_zoom_agrees(h, items, 90);
}

static void an_account_that_is_refused_leaves_its_part_to_the_others(void **state)
{
    struct here *h = *state;
    struct mp_meeting_item *items = make_items(h, 60, 10, false);
    struct mp_account_entry *entry = &h->accounts.accounts[1];

    (void)sandbox_call(h, "POST", mp_arena_printf(h->f->arena, "accounts/%s", entry->account_id), "{\"client_secret\":\"another\"}");
    (void)book(h, items, 60);
    assert_int_equal(made(items, 60), 60);
    for (size_t i = 0; i < 60; i++)
        assert_int_not_equal(items[i].meeting->account, 1);
    assert_zoom_agrees(h, items, 60);
}

static void die_in_the_middle(struct here *h, struct mp_meeting_item *items)
{
    struct mp_zoom_conf zoom = {mp_arena_printf(h->f->arena, "%s/v2", h->sandbox.url), mp_arena_printf(h->f->arena, "%s/oauth", h->sandbox.url)};

    h->ctx.db = harness_open();
    h->ctx.zoom = mp_zoom_new(&zoom, mp_http_new(), NULL);
    h->ctx.owner = DEAD_NAME;
    must(mp_meeting_book_many(&h->ctx, items, MANY, &h->f->err), &h->f->err);
    _exit(0);
}

/* The worker is killed while the calls are under way; the client asks again. */
static void who_dies_in_the_middle_leaves_nothing_double(void **state)
{
    struct here *h = *state;
    struct mp_meeting_item *items = make_items(h, MANY, SLOT, false);
    int64_t took_ms;
    int status;
    pid_t pid;

    (void)sandbox_call(h, "PATCH", "knobs", "{\"latency_ms\":300}");
    pid = fork();
    if (pid == 0)
        die_in_the_middle(h, items);
    while (must_number(h->f->db, &count_taken) < MANY)
        mp_sleep_ms(20);
    mp_sleep_ms(1500);
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    assert_true(WIFSIGNALED(status));
    assert_true(must_number(h->f->db, &count_unsettled) > MANY / 2);
    mp_sleep_ms(500);
    for (int times = 0; times < 4 && made(items, MANY) < MANY; times++) {
        took_ms = book(h, items, MANY);
        print_message("%d after a crash: %d ms, %d made\n", MANY, (int)took_ms, (int)made(items, MANY));
    }
    assert_int_equal(made(items, MANY), MANY);
    repair(h);
    assert_zoom_agrees(h, items, MANY);
}

static void a_name_stands_in_a_request_once(void **state)
{
    struct here *h = *state;
    struct mp_meeting_item *items = make_items(h, 3, 3, false);

    items[2].unit_key = items[0].unit_key;
    (void)book(h, items, 3);
    assert_int_equal(made(items, 2), 2);
    assert_int_equal(items[2].err.code, MP_E_CONFLICT);
    assert_zoom_agrees(h, items, 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(two_hundred_are_made_in_time_where_it_was_said),
        TEST(two_hundred_cost_little),
        TEST(who_comes_first_has_the_room),
        TEST(refusals_cost_little),
        TEST(failures_harm_nobody_else),
        TEST(rate_limits_are_obeyed),
        TEST(an_account_that_is_refused_leaves_its_part_to_the_others),
        TEST(who_dies_in_the_middle_leaves_nothing_double),
        TEST(a_name_stands_in_a_request_once),
    };

    (void)argc;
    harness_begin(argv);
    alarm(HANGS_AFTER_S);
    return cmocka_run_group_tests(tests, migrate, NULL);
}
