/* The runner with kinds of its own, against a database of its own. The move lane: it has no duties. */
#include <stdio.h>

#include "../db/harness.h"
#include "meetpool/clock.h"
#include "meetpool/jobs.h"

#define MANY 1000

static struct mp_log quiet = {.fd = 2, .level = MP_ERROR};
static unsigned calls;
static bool stopping;

static const struct mp_sql wipe = {"DELETE FROM job"};
static const struct mp_sql all_due = {"UPDATE job SET due_at = 1 WHERE state = 'queued'"};
static const struct mp_sql is_stolen = {"UPDATE job SET fence = fence + 1"};
static const struct mp_sql count_done = {"SELECT COUNT(*) FROM job WHERE state = 'done'"};
static const struct mp_sql count_failed = {"SELECT COUNT(*) FROM job WHERE state = 'failed'"};
static const struct mp_sql count_alerts = {"SELECT COUNT(*) FROM alert WHERE kind = 'job_given_up' AND message = 'one Zoom said no'"};
static const struct mp_sql wait_ms = {"SELECT due_at - CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED) FROM job"};

static int do_well(struct mp_ctx *ctx, struct mp_job *job, struct mp_error *err)
{
    (void)ctx, (void)job, (void)err;
    calls++;
    return 0;
}

static int do_badly(struct mp_ctx *ctx, struct mp_job *job, struct mp_error *err)
{
    (void)ctx, (void)job;
    calls++;
    return mp_fail(err, MP_E_ZOOM_FAILED, "Zoom said %s", "no");
}

/* Its own word goes before what it returns. */
static int give_up(struct mp_ctx *ctx, struct mp_job *job, struct mp_error *err)
{
    mp_job_fail(ctx, job, "useless", "It never works.");
    return mp_fail(err, MP_E_ZOOM_FAILED, "Zoom said no");
}

static int find_nobody(struct mp_ctx *ctx, struct mp_job *job, struct mp_error *err)
{
    (void)ctx, (void)job;
    calls++;
    err->retry_after_s = job->subject[0] == 'r' ? 600 : 0;
    return mp_fail_log(err, MP_E_UNAVAILABLE, "nobody there");
}

static int lose_it(struct mp_ctx *ctx, struct mp_job *job, struct mp_error *err)
{
    (void)job, (void)err;
    must_run(ctx->db, &is_stolen);
    return 0;
}

static int stop_half_way(struct mp_ctx *ctx, struct mp_job *job, struct mp_error *err)
{
    calls++;
    stopping = true;
    if (mp_job_progress(ctx, job, 1, 2, err) != 0)
        return mp_fail_log(err, MP_E_INTERNAL, "it was to stop");
    return mp_fail(err, MP_E_INTERNAL, "whatever the cut made of it");
}

static const struct mp_job_kind kinds[] = {{"well", do_well, NULL},       {"badly", do_badly, NULL}, {"giveup", give_up, NULL},
                                           {"nobody", find_nobody, NULL}, {"lost", lose_it, NULL},   {"stop", stop_half_way, NULL}};

static bool is_stopping(void)
{
    return stopping;
}

struct here {
    struct mp_ctx ctx;
    struct mp_runner runner;
};

static int begin(void **state)
{
    struct fixture *f;
    unsigned applied;

    if (fixture_setup(state) < 0)
        return -1;
    f = *state;
    if (mp_migrate(f->db, TOP_SRCDIR "/schema", &applied, &f->err) < 0)
        fail_msg("%s", f->err.detail);
    must_run(f->db, &wipe);
    calls = 0;
    stopping = false;
    return 0;
}

static struct here here(struct fixture *f)
{
    return (struct here){
        .ctx = {.arena = f->arena, .db = f->db, .log = &quiet, .owner = "here/0/1", .stopping = is_stopping},
        .runner = {.lane = MP_LANE_MOVE, .kinds = kinds, .kinds_count = MP_COUNT(kinds)},
    };
}

static const char *add(struct fixture *f, const char *kind, const char *subject)
{
    const struct mp_job_spec spec = {.kind = kind, .subject = subject, .lane = MP_LANE_MOVE, .priority = MP_JOB_PRIORITY_NORMAL, .most_attempts = 2};
    struct mp_job job;

    assert_int_equal(mp_queue_add(f->db, f->arena, &spec, &job, &f->err), 1);
    return job.public_id;
}

static unsigned run_round(struct fixture *f, struct here *h)
{
    unsigned idle_ms = 12345;

    if (mp_runner_round(&h->runner, &h->ctx, &idle_ms, &f->err) < 0)
        fail_msg("%s", f->err.detail);
    assert_in_range(idle_ms, 0, 1000);
    return idle_ms;
}

static struct mp_job look(struct fixture *f, const char *public_id)
{
    struct mp_job job;

    assert_int_equal(mp_queue_by_public(f->db, f->arena, public_id, &job, &f->err), 1);
    return job;
}

static void test_a_failure_counts_and_its_words_are_kept(void **state)
{
    struct fixture *f = *state;
    struct here h = here(f);
    const char *bad = add(f, "badly", "one"), *good = add(f, "well", "two");
    struct mp_job job;

    run_round(f, &h);
    job = look(f, bad);
    assert_int_equal(job.state, MP_JOB_QUEUED);
    assert_string_equal(job.error, "Zoom said no");
    assert_string_equal(job.error_code, "zoom_failed");
    assert_true(must_number(f->db, &count_done) == 1 && look(f, good).state == MP_JOB_DONE);
    must_run(f->db, &all_due);
    run_round(f, &h);
    assert_int_equal(look(f, bad).state, MP_JOB_FAILED);
    assert_int_equal(must_number(f->db, &count_alerts), 1);
    assert_int_equal(calls, 3);
}

static void test_a_handler_s_word_is_final(void **state)
{
    struct fixture *f = *state;
    struct here h = here(f);
    const char *id = add(f, "giveup", "one");

    run_round(f, &h);
    assert_int_equal(look(f, id).state, MP_JOB_FAILED);
    assert_string_equal(look(f, id).error, "It never works.");
}

static void test_an_outage_counts_not(void **state)
{
    struct fixture *f = *state;
    struct here h = here(f);
    const char *id = add(f, "nobody", "one");

    for (int i = 0; i < 5; i++) {
        run_round(f, &h);
        assert_int_equal(look(f, id).state, MP_JOB_QUEUED);
        assert_int_equal(look(f, id).attempts, 0);
        assert_true(must_number(f->db, &wait_ms) > 0);
        must_run(f->db, &all_due);
    }
    assert_int_equal(calls, 5);
}

static void test_retry_after_is_obeyed(void **state)
{
    struct fixture *f = *state;
    struct here h = here(f);

    add(f, "nobody", "retry after");
    run_round(f, &h);
    assert_in_range(must_number(f->db, &wait_ms), 500000, 600000);
}

static void test_an_unknown_kind_is_left_for_others(void **state)
{
    struct fixture *f = *state;
    struct here h = here(f);
    const char *id = add(f, "from.tomorrow", "one");

    add(f, "well", "two");
    run_round(f, &h);
    assert_int_equal(calls, 1);
    assert_int_equal(look(f, id).state, MP_JOB_QUEUED);
    assert_int_equal(look(f, id).attempts, 0);
}

static void test_what_was_lost_is_not_ended(void **state)
{
    struct fixture *f = *state;
    struct here h = here(f);
    const char *id = add(f, "lost", "one");

    quiet.level = MP_ERROR;
    run_round(f, &h);
    assert_int_equal(look(f, id).state, MP_JOB_RUNNING);
}

static void test_a_stop_gives_back_and_takes_nothing_more(void **state)
{
    struct fixture *f = *state;
    struct here h = here(f);
    const char *id = add(f, "stop", "one"), *other = add(f, "well", "two");
    struct mp_job job;

    run_round(f, &h);
    job = look(f, id);
    assert_int_equal(job.state, MP_JOB_QUEUED);
    assert_int_equal(job.attempts, 0);
    assert_string_equal(job.error_code, "stopped");
    assert_int_equal(look(f, other).state, MP_JOB_QUEUED);
    assert_int_equal(calls, 1);
}

static void test_a_round_is_short(void **state)
{
    struct fixture *f = *state;
    struct here h = here(f);
    int64_t began_ms = mp_monotonic_ms(), added_ms;
    unsigned rounds = 1;

    for (int i = 0; i < MANY; i++)
        add(f, "well", mp_arena_printf(f->arena, "%d", i));
    added_ms = mp_monotonic_ms();
    assert_int_equal(run_round(f, &h), 0);
    assert_in_range(calls, 1, 100);
    while (run_round(f, &h) == 0)
        rounds++;
    printf("runner: %d jobs added in %lld ms, done by one in %lld ms\n", MANY, (long long)(added_ms - began_ms),
           (long long)(mp_monotonic_ms() - added_ms));
    assert_int_equal(calls, MANY);
    assert_true(rounds >= MANY / 100);
    assert_int_equal(must_number(f->db, &count_done), MANY);
    assert_int_equal(must_number(f->db, &count_failed), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, fixture_teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_failure_counts_and_its_words_are_kept),
        TEST(test_a_handler_s_word_is_final),
        TEST(test_an_outage_counts_not),
        TEST(test_retry_after_is_obeyed),
        TEST(test_an_unknown_kind_is_left_for_others),
        TEST(test_what_was_lost_is_not_ended),
        TEST(test_a_stop_gives_back_and_takes_nothing_more),
        TEST(test_a_round_is_short),
    };

    (void)argc;
    harness_begin(argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
