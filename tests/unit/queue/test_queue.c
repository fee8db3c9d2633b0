/* The queue against a database of its own: names, order, leases and fences, ends. */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "../db/harness.h"
#include "meetpool/clock.h"
#include "meetpool/queue.h"

#define MANY    400
#define RUNNERS 4

static struct mp_log quiet = {.fd = 2, .level = MP_ERROR};

static const struct mp_sql wipe = {"DELETE FROM job"};
static const struct mp_sql lease_is_over = {"UPDATE job SET lease_until = 1 WHERE state = 'running'"};
static const struct mp_sql all_due = {"UPDATE job SET due_at = 1 WHERE state = 'queued'"};
static const struct mp_sql count_jobs = {"SELECT COUNT(*) FROM job"};
static const struct mp_sql count_done = {"SELECT COUNT(*) FROM job WHERE state = 'done'"};
static const struct mp_sql count_tries = {"SELECT CAST(SUM(attempts) AS SIGNED) FROM job"};
static const struct mp_sql count_free_names = {"SELECT COUNT(*) FROM job WHERE slot IS NULL"};
static const struct mp_sql scan_begin = {"FLUSH STATUS"};
static const struct mp_sql scan_count = {"SELECT CAST(SUM(VARIABLE_VALUE) AS SIGNED) FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME IN "
                                         "('HANDLER_READ_NEXT', 'HANDLER_READ_PREV', 'HANDLER_READ_RND_NEXT')"};

static bool dead_there(void *arg, const char *owner)
{
    (void)arg;
    return strncmp(owner, "dead", 4) == 0;
}

static bool stopping;
static bool is_stopping(void)
{
    return stopping;
}

static struct mp_ctx context(struct fixture *f, const char *owner)
{
    return (struct mp_ctx){.arena = f->arena, .db = f->db, .log = &quiet, .owner = owner, .owner_is_dead = dead_there, .stopping = is_stopping};
}

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
    stopping = false;
    return 0;
}

static struct mp_job_spec spec(const char *subject)
{
    return (struct mp_job_spec){
        .kind = "test.kind", .subject = subject, .lane = MP_LANE_QUICK, .priority = MP_JOB_PRIORITY_NORMAL, .most_attempts = 3};
}

static struct mp_job add(struct fixture *f, const struct mp_job_spec *s, int rc)
{
    struct mp_job job;

    assert_int_equal(mp_queue_add(f->db, f->arena, s, &job, &f->err), rc);
    return job;
}

static struct mp_job take(struct fixture *f, struct mp_ctx *ctx)
{
    struct mp_job job;
    int64_t next_ms;

    if (mp_queue_take(ctx, MP_LANE_QUICK, &job, &next_ms, &f->err) != 1)
        fail_msg("nothing to take: %s", f->err.detail != NULL ? f->err.detail : "");
    return job;
}

static int64_t nothing_due(struct fixture *f, struct mp_ctx *ctx)
{
    struct mp_job job;
    int64_t next_ms = -1;

    assert_int_equal(mp_queue_take(ctx, MP_LANE_QUICK, &job, &next_ms, &f->err), 0);
    return next_ms;
}

static void end(struct fixture *f, struct mp_ctx *ctx, const struct mp_job *job, int rc)
{
    assert_int_equal(mp_queue_end(ctx, job, &f->err), rc);
}

static struct mp_job look(struct fixture *f, const char *public_id)
{
    struct mp_job job;

    assert_int_equal(mp_queue_by_public(f->db, f->arena, public_id, &job, &f->err), 1);
    return job;
}

static void test_a_job_from_add_to_done(void **state)
{
    struct fixture *f = *state;
    struct mp_ctx ctx = context(f, "here/0/1");
    struct mp_job_spec s = spec("one");
    struct mp_job job;

    s.args = "{\"force\":true}";
    s.requested_by = "o'brien";
    s.batch_id = 7;
    job = add(f, &s, 1);
    assert_int_equal(job.state, MP_JOB_QUEUED);
    assert_int_equal(strlen(job.public_id), 24);
    assert_int_equal(job.started_at, -1);
    job = take(f, &ctx);
    assert_int_equal(job.attempts, 1);
    assert_string_equal(job.args, s.args);
    assert_string_equal(job.requested_by, s.requested_by);
    assert_int_equal(job.batch_id, 7);
    nothing_due(f, &ctx);
    assert_int_equal(mp_job_progress(&ctx, &job, 3, 10, &f->err), 1);
    assert_int_equal(mp_job_progress(&ctx, &job, 3, 10, &f->err), 1);
    assert_int_equal(look(f, job.public_id).progress_done, 3);
    end(f, &ctx, &job, 1);
    end(f, &ctx, &job, 0);
    job = look(f, job.public_id);
    assert_int_equal(job.state, MP_JOB_DONE);
    assert_true(job.finished_at >= job.started_at && job.started_at >= job.created_at);
    assert_int_equal(mp_queue_by_public(f->db, f->arena, "no such job", &job, &f->err), 0);
    /* Its name is free again. */
    add(f, &s, 1);
}

static void test_one_job_a_name(void **state)
{
    struct fixture *f = *state;
    struct mp_ctx ctx = context(f, "here/0/1");
    struct mp_job_spec s = spec("one");
    struct mp_job first, again;

    s.wait_ms = 3600000;
    first = add(f, &s, 1);
    s.wait_ms = 7200000;
    again = add(f, &s, 0);
    assert_int_equal(again.id, first.id);
    assert_int_equal(again.due_at, first.due_at);
    assert_in_range(nothing_due(f, &ctx), 1, 60000);
    s.wait_ms = 0;
    s.priority = MP_JOB_PRIORITY_ASKED;
    assert_true(add(f, &s, 0).due_at < first.due_at);
    first = take(f, &ctx);
    /* Asked for while it runs: once more, as a new one. */
    again = add(f, &s, 0);
    assert_int_equal(again.state, MP_JOB_RUNNING);
    mp_job_fail(&ctx, &first, "broken", "It broke.");
    end(f, &ctx, &first, 1);
    again = take(f, &ctx);
    assert_int_equal(again.id, first.id);
    assert_int_equal(again.attempts, 1);
    end(f, &ctx, &again, 1);
    assert_int_equal(look(f, first.public_id).state, MP_JOB_DONE);
    nothing_due(f, &ctx);
}

static void test_a_slot_is_for_ever(void **state)
{
    struct fixture *f = *state;
    struct mp_ctx ctx = context(f, "here/0/1");
    struct mp_job_spec s = spec("");
    struct mp_job job;

    s.slot = 1700000000000;
    add(f, &s, 1);
    add(f, &s, 0);
    job = take(f, &ctx);
    add(f, &s, 0);
    end(f, &ctx, &job, 1);
    add(f, &s, 0);
    nothing_due(f, &ctx);
    s.slot += 900000;
    add(f, &s, 1);
    assert_int_equal(must_number(f->db, &count_jobs), 2);
}

static void test_the_order(void **state)
{
    struct fixture *f = *state;
    struct mp_ctx ctx = context(f, "here/0/1");
    static const struct {
        const char *subject;
        int priority;
        int64_t wait_ms;
    } jobs[] = {
        {"late bulk", MP_JOB_PRIORITY_BULK, -1000}, {"early bulk", MP_JOB_PRIORITY_BULK, -9000}, {"not yet", MP_JOB_PRIORITY_EVENT, 30000},
        {"event", MP_JOB_PRIORITY_EVENT, -1},       {"asked", MP_JOB_PRIORITY_ASKED, -5000},     {"normal", MP_JOB_PRIORITY_NORMAL, -5000},
    };
    static const char *const order[] = {"event", "asked", "normal", "early bulk", "late bulk"};
    struct mp_job_spec s = spec("other lane");

    s.lane = MP_LANE_MOVE;
    add(f, &s, 1);
    for (size_t i = 0; i < MP_COUNT(jobs); i++) {
        s = spec(jobs[i].subject);
        s.priority = jobs[i].priority;
        s.wait_ms = jobs[i].wait_ms;
        add(f, &s, 1);
    }
    for (size_t i = 0; i < MP_COUNT(order); i++)
        assert_string_equal(take(f, &ctx).subject, order[i]);
    assert_in_range(nothing_due(f, &ctx), 1, 30000);
}

static void test_tries_are_used_up(void **state)
{
    struct fixture *f = *state;
    struct mp_ctx ctx = context(f, "here/0/1");
    struct mp_job_spec s = spec("one");
    struct mp_job job = add(f, &s, 1);

    for (int i = 1; i <= 3; i++) {
        job = take(f, &ctx);
        assert_int_equal(job.attempts, i);
        /* Not counted: as often as it likes. */
        mp_job_later(&ctx, &job, 0, false, "waiting", "Not there yet.");
        end(f, &ctx, &job, 1);
        job = take(f, &ctx);
        assert_int_equal(job.attempts, i);
        mp_job_later(&ctx, &job, -1, true, "refused", "caf\xe9 %s", "\xc3\xa9");
        end(f, &ctx, &job, 1);
        must_run(f->db, &all_due);
    }
    job = look(f, job.public_id);
    assert_int_equal(job.state, MP_JOB_FAILED);
    assert_string_equal(job.error_code, "refused");
    assert_string_equal(job.error, "caf\xef\xbf\xbd \xc3\xa9");
    assert_true(job.finished_at > 0);
    nothing_due(f, &ctx);

    assert_int_equal(mp_queue_retry(f->db, job.id, &f->err), 1);
    assert_int_equal(mp_queue_retry(f->db, job.id, &f->err), 0);
    assert_int_equal(take(f, &ctx).attempts, 1);
}

static void test_retry_beside_an_open_one(void **state)
{
    struct fixture *f = *state;
    struct mp_ctx ctx = context(f, "here/0/1");
    struct mp_job_spec s = spec("one");
    struct mp_job job;

    add(f, &s, 1);
    job = take(f, &ctx);
    mp_job_fail(&ctx, &job, "useless", "%0500d", 1);
    end(f, &ctx, &job, 1);
    assert_int_equal(strlen(look(f, job.public_id).error), 400);
    add(f, &s, 1);
    assert_int_equal(mp_queue_retry(f->db, job.id, &f->err), 0);
    assert_false(mp_error_set(&f->err));
}

static void test_a_stale_holder_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct mp_ctx slow = context(f, "here/0/1"), quick = context(f, "here/1/1");
    struct mp_job_spec s = spec("one");
    struct mp_job stale, job;

    add(f, &s, 1);
    stale = take(f, &slow);
    assert_int_equal(mp_queue_release_dead(&quick, &f->err), 0);
    nothing_due(f, &quick);
    must_run(f->db, &lease_is_over);
    assert_int_equal(mp_queue_release_dead(&quick, &f->err), 0);
    job = take(f, &quick);
    assert_int_equal(job.attempts, 2);
    assert_int_equal(mp_job_progress(&slow, &stale, 5, 5, &f->err), 0);
    assert_true(stale.stopped);
    mp_job_fail(&slow, &stale, "stale", "It has no say.");
    end(f, &slow, &stale, 0);
    job = look(f, job.public_id);
    assert_int_equal(job.state, MP_JOB_RUNNING);
    assert_int_equal(job.progress_done, 0);
    end(f, &quick, &job, 1);
}

static void lose(struct fixture *f, struct mp_ctx *alive, int64_t progress)
{
    struct mp_ctx dying = context(f, "dead/0/1");
    struct mp_job job;

    must_run(f->db, &all_due);
    job = take(f, &dying);
    assert_int_equal(mp_job_progress(&dying, &job, progress, 9, &f->err), 1);
    assert_int_equal(mp_queue_release_dead(alive, &f->err), 0);
}

static void test_what_kills_its_runner_comes_to_an_end(void **state)
{
    struct fixture *f = *state;
    struct mp_ctx alive = context(f, "here/0/1");
    struct mp_job_spec s = spec("one"), other = spec("two");
    struct mp_job job = add(f, &s, 1);

    for (int i = 1; i <= 6; i++)
        lose(f, &alive, i); /* further each time: as often as needed */
    assert_int_equal(look(f, job.public_id).attempts, 0);
    for (int i = 1; i <= 3; i++)
        lose(f, &alive, 6);
    job = look(f, job.public_id);
    assert_int_equal(job.state, MP_JOB_FAILED);
    assert_string_equal(job.error_code, "runner_died");
    add(f, &other, 1);
    assert_string_equal(take(f, &alive).subject, "two");
}

static void test_a_stop_gives_the_job_back(void **state)
{
    struct fixture *f = *state;
    struct mp_ctx ctx = context(f, "here/0/1");
    struct mp_job_spec s = spec("one");
    struct mp_arena_mark mark;
    struct mp_job job;

    add(f, &s, 1);
    job = take(f, &ctx);
    stopping = true;
    mark = mp_arena_mark(f->arena);
    assert_int_equal(mp_job_progress(&ctx, &job, 4, 9, &f->err), 0);
    /* A handler that works through much may let go of what came since; something else lies there then. */
    mp_arena_rewind(f->arena, mark);
    memset(mp_arena_alloc(f->arena, 4096), 'x', 4096);
    mp_job_fail(&ctx, &job, "cut", "What the handler makes of it does not matter.");
    end(f, &ctx, &job, 1);
    stopping = false;
    job = take(f, &ctx);
    assert_int_equal(job.attempts, 1);
    assert_int_equal(job.progress_done, 4);
    assert_string_equal(job.error, "Its process was asked to end; it goes on in the next one.");
}

static void test_lists_and_counts(void **state)
{
    struct fixture *f = *state;
    struct mp_ctx ctx = context(f, "here/0/1");
    struct mp_queue_counts counts;
    struct mp_job *rows, job;
    int64_t removed, now_ms;
    size_t count;

    for (int i = 0; i < 5; i++) {
        struct mp_job_spec s = spec(mp_arena_printf(f->arena, "%d", i));

        s.kind = i % 2 == 0 ? "test.even" : "test.odd";
        s.wait_ms = -5000;
        add(f, &s, 1);
    }
    job = take(f, &ctx);
    end(f, &ctx, &job, 1);
    assert_int_equal(mp_queue_counts(f->db, &counts, &f->err), 0);
    assert_int_equal(counts.in_state[MP_JOB_QUEUED], 4);
    assert_int_equal(counts.in_state[MP_JOB_DONE], 1);
    assert_int_equal(counts.due, 4);
    assert_true(counts.oldest_due_ms >= 5000);
    assert_int_equal(mp_queue_list(f->db, f->arena, &(struct mp_job_query){-1, NULL, INT64_MAX, 3}, &rows, &count, &f->err), 0);
    assert_int_equal(count, 3);
    assert_string_equal(rows[0].subject, "4");
    assert_int_equal(mp_queue_list(f->db, f->arena, &(struct mp_job_query){-1, NULL, rows[2].id, 3}, &rows, &count, &f->err), 0);
    assert_int_equal(count, 2);
    assert_int_equal(mp_queue_list(f->db, f->arena, &(struct mp_job_query){MP_JOB_QUEUED, "test.even", INT64_MAX, 9}, &rows, &count, &f->err), 0);
    assert_int_equal(count, 2);
    assert_int_equal(mp_queue_list(f->db, f->arena, &(struct mp_job_query){-1, "test.odd", INT64_MAX, 9}, &rows, &count, &f->err), 0);
    assert_int_equal(count, 2);
    assert_int_equal(mp_queue_list(f->db, f->arena, &(struct mp_job_query){MP_JOB_DONE, NULL, INT64_MAX, 9}, &rows, &count, &f->err), 0);
    assert_int_equal(count, 1);
    assert_int_equal(mp_db_now(f->db, &now_ms, &f->err), 0);
    assert_int_equal(mp_queue_expire(f->db, now_ms - 60000, 10, &removed, &f->err), 0);
    assert_int_equal(removed, 0);
    assert_int_equal(mp_queue_expire(f->db, now_ms + 60000, 10, &removed, &f->err), 0);
    assert_int_equal(removed, 1);
}

/* A runner in a process of its own: takes and ends until nothing is left. */
static void run_down(unsigned number)
{
    struct fixture f = {.arena = mp_arena_new(), .db = harness_open()};
    struct mp_ctx ctx;
    struct mp_job job;
    int64_t next_ms;

    mp_error_init(&f.err, f.arena);
    ctx = context(&f, mp_arena_printf(f.arena, "here/%u/1", number));
    while (mp_queue_take(&ctx, MP_LANE_QUICK, &job, &next_ms, &f.err) == 1 || next_ms == 0) {
        if (job.state == MP_JOB_RUNNING && mp_queue_end(&ctx, &job, &f.err) != 1)
            _exit(2);
    }
    _exit(mp_error_set(&f.err) ? 1 : 0);
}

static void test_many_runners_take_each_once(void **state)
{
    struct fixture *f = *state;
    int64_t started_ms = mp_monotonic_ms(), added_ms;
    int status, left = RUNNERS;

    for (int i = 0; i < MANY; i++) {
        struct mp_job_spec s = spec(mp_arena_printf(f->arena, "%d", i));

        assert_int_equal(mp_queue_add(f->db, f->arena, &s, NULL, &f->err), 1);
    }
    added_ms = mp_monotonic_ms();
    for (unsigned i = 0; i < RUNNERS; i++) {
        if (fork() == 0)
            run_down(i);
    }
    for (; left > 0; left--) {
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    printf("queue: %d added in %lld ms, done by %d runners in %lld ms\n", MANY, (long long)(added_ms - started_ms), RUNNERS,
           (long long)(mp_monotonic_ms() - added_ms));
    assert_int_equal(must_number(f->db, &count_done), MANY);
    assert_int_equal(must_number(f->db, &count_tries), MANY);
    assert_int_equal(must_number(f->db, &count_free_names), MANY);
}

/* However many wait for a later time, and are over: a look at what is due touches a handful of rows. */
static void test_a_look_walks_the_index(void **state)
{
    struct fixture *f = *state;
    struct mp_ctx ctx = context(f, "here/0/1");

    for (int i = 0; i < MANY; i++) {
        struct mp_job_spec s = spec(mp_arena_printf(f->arena, "%d", i));

        s.priority = i % 2 == 0 ? MP_JOB_PRIORITY_EVENT : MP_JOB_PRIORITY_BULK;
        s.wait_ms = 600000;
        assert_int_equal(mp_queue_add(f->db, f->arena, &s, NULL, &f->err), 1);
    }
    nothing_due(f, &ctx);
    must_run(f->db, &scan_begin);
    nothing_due(f, &ctx);
    assert_true(must_number(f->db, &scan_count) < 40);
}

static void test_the_wait_grows(void **state)
{
    int64_t most = 0;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        int64_t wait = mp_job_backoff_ms(3, 1000, 60000);

        assert_in_range(wait, 400, 4000);
        most = wait > most ? wait : most;
    }
    assert_true(most > 3000);
    assert_in_range(mp_job_backoff_ms(1, 1000, 60000), 100, 1000);
    assert_in_range(mp_job_backoff_ms(1000000, 1000, 60000), 6000, 60000);
    assert_in_range(mp_job_backoff_ms(0, 5000, 100), 10, 100);
    assert_int_equal(mp_job_backoff_ms(5, 0, 100), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, fixture_teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_job_from_add_to_done),
        TEST(test_one_job_a_name),
        TEST(test_a_slot_is_for_ever),
        TEST(test_the_order),
        TEST(test_tries_are_used_up),
        TEST(test_retry_beside_an_open_one),
        TEST(test_a_stale_holder_changes_nothing),
        TEST(test_what_kills_its_runner_comes_to_an_end),
        TEST(test_a_stop_gives_the_job_back),
        TEST(test_lists_and_counts),
        TEST(test_many_runners_take_each_once),
        TEST(test_a_look_walks_the_index),
        cmocka_unit_test(test_the_wait_grows),
    };

    (void)argc;
    harness_begin(argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
