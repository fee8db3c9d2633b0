#include "desk.h"

#include <signal.h>
#include <sys/wait.h>

/* Bookings and their meetings at a Zoom that answers: two accounts of one host each, one meeting at a time each. */

#define ACCOUNTS                                                                                                                                     \
    "ZOOM_ACCOUNT_ID_1=A1\nZOOM_CLIENT_ID_1=C1\nZOOM_CLIENT_SECRET_1=S1\nZOOM_USER_ID_1=h1\nZOOM_MAX_CONCURRENT_1=1\n"                               \
    "ZOOM_ACCOUNT_ID_2=A2\nZOOM_CLIENT_ID_2=C2\nZOOM_CLIENT_SECRET_2=S2\nZOOM_USER_ID_2=h2\nZOOM_MAX_CONCURRENT_2=1\n"
#define UNIT "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* Another meeting is asked for, and nothing besides. */
static const struct mp_booking_change another = {.starts_at = -1, .ends_at = -1, .wants_meeting = 1, .status = -1};

static int setup(void **state)
{
    *state = desk_open(ZOOM_SANDBOX, ACCOUNTS);
    return 0;
}

static int teardown(void **state)
{
    desk_close(*state);
    return 0;
}

static int64_t places_taken(struct desk *d)
{
    return number(d, "SELECT COUNT(*) FROM place WHERE taken = 1 AND state <> 'spare'");
}

static void made_changed_and_cancelled(void **state)
{
    struct desk *d = *state;
    struct mp_booking_spec spec = a_class("t1", 1);
    struct mp_booking *b = must_create(d, &spec), *found;
    struct mp_booking_change change = no_change();
    int64_t zoom_id;

    assert_int_equal(b->trouble, MP_E_NONE);
    assert_int_equal(b->row.meeting_state, MP_STATE_OK);
    assert_non_null(b->meeting);
    assert_true(mp_secret_is_set(&b->meeting->start_url));
    zoom_id = b->meeting->row.zoom_id;
    found = must_find(d, b);
    assert_int_equal(found->row.meeting_state, MP_STATE_OK);
    assert_int_equal(found->meeting->row.zoom_id, zoom_id);
    assert_int_equal(found->meeting->row.duration_min, 60);
    assert_false(found->row.dirty);

    change.starts_at = AT(1, 12, 0);
    change.ends_at = AT(1, 12, 45);
    change.topic = "Geometry";
    change.description = "";
    must(d, mp_booking_change(&d->ctx, &found, &change, &d->err));
    assert_int_equal(found->row.meeting_state, MP_STATE_OK);
    assert_int_equal(found->meeting->row.zoom_id, zoom_id);
    assert_int_equal(found->meeting->row.starts_at, AT(1, 12, 0));
    assert_int_equal(found->meeting->row.duration_min, 45);
    assert_non_null(strstr(sandbox_control(d, "GET", "meetings", NULL), "\"topic\":\"Geometry\""));

    must(d, mp_booking_cancel(&d->ctx, found, MP_SERIES_THIS, NULL, &d->err));
    assert_int_equal(found->row.status, MP_BOOKING_DELETED);
    assert_int_equal(found->row.meeting_state, MP_STATE_NONE);
    assert_int_equal(sandbox_meetings(d), 0);
    assert_int_equal(places_taken(d), 0);
    assert_int_equal(number(d, "SELECT COUNT(*) FROM booking WHERE dirty OR retry_at IS NOT NULL OR worker IS NOT NULL"), 0);
}

static void many_in_order_and_what_does_not_fit_is_told(void **state)
{
    struct desk *d = *state;
    struct mp_booking_spec specs[3] = {a_class("t1", 1), a_class("t2", 1), a_class("t3", 1)};
    struct mp_booking *made, *dry;

    must(d, mp_booking_create(&d->ctx, specs, 3, true, &dry, &d->err));
    assert_int_equal(sandbox_meetings(d), 0);
    must(d, mp_booking_create(&d->ctx, specs, 3, false, &made, &d->err));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(made[i].row.meeting_state, MP_STATE_OK);
        assert_string_equal(made[i].meeting->account_name, dry[i].meeting->account_name);
    }
    assert_int_equal(dry[2].trouble, MP_E_NO_CAPACITY);
    assert_int_equal(made[2].trouble, MP_E_NO_CAPACITY);
    assert_non_null(strstr(made[2].trouble_text, "2035-06-01T11:00:00.000Z"));
    assert_string_equal(made[2].trouble_text, dry[2].trouble_text);
    assert_int_equal(made[2].row.meeting_state, MP_STATE_PENDING);
    /* Room is made: the runner makes it. */
    must(d, mp_booking_cancel(&d->ctx, &made[0], MP_SERIES_THIS, NULL, &d->err));
    assert_int_equal(repair_now(d), 1);
    assert_int_equal(must_find(d, &made[2])->row.meeting_state, MP_STATE_OK);
    assert_int_equal(sandbox_meetings(d), 2);
}

static void a_time_without_room_changes_nothing(void **state)
{
    struct desk *d = *state;
    struct mp_booking_spec specs[3] = {a_class("t1", 1), a_class("t2", 1), a_class("t3", 2)};
    struct mp_booking_change change = no_change();
    struct mp_booking *made, *moving, *after;

    must(d, mp_booking_create(&d->ctx, specs, 3, false, &made, &d->err));
    moving = must_find(d, &made[2]);
    change.title = "Moved";
    change.starts_at = AT(1, 10, 30);
    change.ends_at = AT(1, 11, 30);
    assert_int_equal(mp_booking_change(&d->ctx, &moving, &change, &d->err), -1);
    assert_int_equal(d->err.code, MP_E_NO_CAPACITY);
    assert_non_null(strstr(d->err.details->message, "2035-06-01T11:00:00.000Z"));
    mp_error_reset(&d->err);
    after = must_find(d, &made[2]);
    assert_int_equal(after->row.starts_at, AT(2, 10, 0));
    assert_string_equal(after->row.title, "Algebra");
    assert_int_equal(after->row.meeting_state, MP_STATE_OK);
    assert_false(after->row.dirty);
    assert_int_equal(after->meeting->row.starts_at, AT(2, 10, 0));
    assert_int_equal(number(d, "SELECT COUNT(*) FROM booking WHERE worker IS NOT NULL OR retry_at IS NOT NULL"), 0);
    /* One host is busy then, the other takes it over. */
    must(d, mp_booking_cancel(&d->ctx, &made[0], MP_SERIES_THIS, NULL, &d->err));
    must(d, mp_booking_change(&d->ctx, &after, &change, &d->err));
    assert_int_equal(after->row.starts_at, AT(1, 10, 30));
    assert_int_equal(after->row.meeting_state, MP_STATE_OK);
    assert_int_equal(sandbox_meetings(d), 2);
}

static void moved_to_another_account(void **state)
{
    struct desk *d = *state;
    struct mp_booking_spec first = a_class("t1", 1), second = a_class("t2", 2);
    struct mp_booking_change change = no_change();
    struct mp_booking *b = must_create(d, &first);
    int64_t zoom_id = b->meeting->row.zoom_id, account = b->meeting->row.account_id;

    /* The second goes where the first is. */
    run_sql(d, mp_arena_printf(d->arena, "UPDATE account SET last_used_at = IF(id = %d, 0, 9000000000000)", (int)account));
    assert_int_equal(must_create(d, &second)->meeting->row.account_id, account);
    change.starts_at = second.starts_at;
    change.ends_at = second.ends_at;
    must(d, mp_booking_change(&d->ctx, &b, &change, &d->err));
    assert_true(b->moved);
    assert_int_equal(b->row.meeting_state, MP_STATE_OK);
    assert_int_not_equal(b->meeting->row.account_id, account);
    assert_int_not_equal(b->meeting->row.zoom_id, zoom_id);
    assert_int_equal(b->meeting->row.starts_at, AT(2, 10, 0));
    b = must_find(d, b);
    assert_int_equal(b->row.meeting_id, b->meeting->row.id);
    assert_int_equal(sandbox_meetings(d), 2);
    assert_int_equal(places_taken(d), 2);
}

static void taken_away_and_given_again(void **state)
{
    struct desk *d = *state;
    struct mp_booking_spec spec = a_class("t1", 1);
    struct mp_booking *b = must_create(d, &spec);
    struct mp_booking_change change = no_change();
    int64_t zoom_id = b->meeting->row.zoom_id;

    change.wants_meeting = 0;
    must(d, mp_booking_change(&d->ctx, &b, &change, &d->err));
    assert_int_equal(b->row.meeting_state, MP_STATE_NONE);
    assert_null(b->meeting);
    assert_int_equal(sandbox_meetings(d), 0);
    change.wants_meeting = 1;
    must(d, mp_booking_change(&d->ctx, &b, &change, &d->err));
    assert_int_equal(b->row.meeting_state, MP_STATE_OK);
    assert_int_not_equal(b->meeting->row.zoom_id, zoom_id);
    assert_int_equal(b->row.generation, 2);
    assert_int_equal(mp_booking_add_meeting(&d->ctx, &b, &another, &d->err), -1);
    assert_int_equal(d->err.code, MP_E_HAS_MEETING);
}

static void one_that_died_after_zooms_answer_is_found_again(void **state)
{
    struct desk *d = *state;
    struct mp_booking_spec spec = a_class("t1", 1);
    struct mp_booking *b = must_create(d, &spec);
    int64_t zoom_id = b->meeting->row.zoom_id;

    /* As if the worker had never come to write it down. */
    run_sql(d, "UPDATE booking SET meeting_id = NULL, meeting_state = 'pending', dirty = 1, worker = 'dead/1/1', fence = 1,"
               " lease_until = UNIX_TIMESTAMP(NOW(3)) * 1000 + 60000, retry_at = lease_until");
    assert_int_equal(repair_now(d), 1);
    b = must_find(d, b);
    assert_int_equal(b->row.meeting_state, MP_STATE_OK);
    assert_int_equal(b->meeting->row.zoom_id, zoom_id);
    assert_int_equal(sandbox_meetings(d), 1);
}

static void one_that_died_and_was_cancelled_leaves_nothing(void **state)
{
    struct desk *d = *state;
    struct mp_booking_spec spec = a_class("t1", 1);
    struct mp_booking *b = must_create(d, &spec);

    run_sql(d, "UPDATE booking SET meeting_id = NULL, meeting_state = 'pending', dirty = 1, worker = 'dead/1/1', fence = 1,"
               " lease_until = UNIX_TIMESTAMP(NOW(3)) * 1000 + 60000, retry_at = lease_until");
    b = must_find(d, b);
    must(d, mp_booking_cancel(&d->ctx, b, MP_SERIES_THIS, NULL, &d->err));
    assert_int_equal(b->row.meeting_state, MP_STATE_NONE);
    assert_int_equal(sandbox_meetings(d), 0);
    assert_int_equal(places_taken(d), 0);
}

static void nobody_is_fought_who_deletes_at_zoom(void **state)
{
    struct desk *d = *state;
    struct mp_booking_spec spec = a_class("t1", 1);
    struct mp_booking *b = must_create(d, &spec);
    struct mp_booking_change change = no_change();
    struct mp_meeting_outcome said;

    must(d, mp_meeting_delete(&d->ctx, b->meeting, &said, &d->err));
    b = must_find(d, b);
    assert_null(b->meeting);
    assert_int_equal(b->row.meeting_state, MP_STATE_FAILED);
    assert_non_null(strstr(b->row.meeting_reason, "deleted at Zoom"));
    change.topic = "Geometry";
    must(d, mp_booking_change(&d->ctx, &b, &change, &d->err));
    assert_int_equal(b->row.meeting_state, MP_STATE_FAILED);
    assert_false(b->row.dirty);
    assert_int_equal(sandbox_meetings(d), 0);
    must(d, mp_booking_add_meeting(&d->ctx, &b, &another, &d->err));
    assert_int_equal(b->row.meeting_state, MP_STATE_OK);
    assert_int_equal(sandbox_meetings(d), 1);
}

static void a_running_one_is_not_cancelled(void **state)
{
    struct desk *d = *state;
    struct mp_booking_spec spec = a_class("t1", 1);
    struct mp_booking *b = must_create(d, &spec);

    run_sql(d, "UPDATE meeting SET status = 'started', started_at = 1");
    b = must_find(d, b);
    assert_int_equal(mp_booking_cancel(&d->ctx, b, MP_SERIES_THIS, NULL, &d->err), -1);
    assert_int_equal(d->err.code, MP_E_CONFLICT);
    b = must_find(d, b);
    assert_int_equal(b->row.version, 1);
    assert_int_equal(b->row.meeting_state, MP_STATE_OK);
}

static void made_as_soon_as_zoom_answers(void **state)
{
    struct desk *d = *state;
    struct mp_booking_spec specs[3] = {a_class("t1", 1), a_class("t1", 2), a_class("t1", 3)};
    struct mp_booking *made;

    sandbox_control(d, "POST", "faults",
                    "{\"match\": {\"method\": \"POST\", \"path\": \"/v2/users/*/meetings\"}, \"count\": 1000, \"skip\": 0,"
                    " \"action\": {\"status\": 400, \"body\": {\"code\": 300, \"message\": \"no\"}}}");
    must(d, mp_booking_create(&d->ctx, specs, 3, false, &made, &d->err));
    for (int i = 0; i < 3; i++)
        assert_int_equal(made[i].row.meeting_state, MP_STATE_PENDING);
    assert_int_equal(repair_now(d), 0);
    sandbox_control(d, "DELETE", "faults", NULL);
    assert_int_equal(repair_now(d), 3);
    assert_int_equal(sandbox_meetings(d), 3);
    assert_int_equal(number(d, "SELECT COUNT(*) FROM booking WHERE meeting_state = 'ok' AND NOT dirty AND tries = 0"), 3);
}

static void a_change_that_zoom_does_not_hear_is_told_later(void **state)
{
    struct desk *d = *state;
    struct mp_booking_spec spec = a_class("t1", 1);
    struct mp_booking *b = must_create(d, &spec);
    struct mp_booking_change change = no_change();
    unsigned done;

    sandbox_control(d, "POST", "faults",
                    "{\"match\": {\"method\": \"PATCH\", \"path\": \"/v2/meetings/*\"}, \"count\": 1000, \"skip\": 0,"
                    " \"action\": {\"status\": 503}}");
    change.topic = "Geometry";
    must(d, mp_booking_change(&d->ctx, &b, &change, &d->err));
    assert_int_equal(b->trouble, MP_E_ZOOM_FAILED);
    assert_int_equal(b->row.meeting_state, MP_STATE_PENDING);
    assert_string_equal(b->row.topic, "Geometry");
    sandbox_control(d, "DELETE", "faults", NULL);
    run_sql(d, "UPDATE meeting SET updated_at = 1");
    must(d, mp_meeting_repair(&d->ctx, &done, &d->err));
    repair_now(d);
    assert_int_equal(must_find(d, b)->row.meeting_state, MP_STATE_OK);
    assert_non_null(strstr(sandbox_control(d, "GET", "meetings", NULL), "\"topic\":\"Geometry\""));
}

static void a_removal_that_zoom_does_not_hear_is_seen(void **state)
{
    struct desk *d = *state;
    struct mp_booking_spec spec = a_class("t1", 1);
    struct mp_booking *b = must_create(d, &spec);
    struct mp_booking_change change = no_change();
    unsigned done;

    sandbox_control(d, "POST", "faults",
                    "{\"match\": {\"method\": \"DELETE\", \"path\": \"/v2/meetings/*\"}, \"count\": 1000, \"skip\": 0,"
                    " \"action\": {\"status\": 503}}");
    change.wants_meeting = 0;
    must(d, mp_booking_change(&d->ctx, &b, &change, &d->err));
    assert_int_equal(b->trouble, MP_E_ZOOM_FAILED);
    assert_int_equal(b->row.meeting_state, MP_STATE_PENDING);
    sandbox_control(d, "DELETE", "faults", NULL);
    run_sql(d, "UPDATE place SET check_at = 1 WHERE check_at IS NOT NULL");
    must(d, mp_meeting_repair(&d->ctx, &done, &d->err));
    repair_now(d);
    assert_int_equal(must_find(d, b)->row.meeting_state, MP_STATE_NONE);
    assert_int_equal(sandbox_meetings(d), 0);
}

static void a_repeated_unit_makes_no_second_meeting(void **state)
{
    struct desk *d = *state;
    struct mp_booking_spec specs[2] = {a_class("t1", 1), a_class("t1", 2)};
    struct mp_booking *first, *again;

    d->ctx.unit_key = UNIT;
    must(d, mp_booking_create(&d->ctx, specs, 2, false, &first, &d->err));
    must(d, mp_booking_create(&d->ctx, specs, 2, false, &again, &d->err));
    assert_int_equal(sandbox_meetings(d), 2);
    for (int i = 0; i < 2; i++)
        assert_int_equal(again[i].meeting->row.zoom_id, first[i].meeting->row.zoom_id);
}

static void a_series_whose_places_are_its_own(void **state)
{
    struct desk *d = *state;
    struct mp_booking_spec specs[6];
    struct mp_booking_change change = no_change();
    struct mp_booking *made, *named;

    /* Both accounts full each day, so that each may move only once the next has. */
    for (int i = 0; i < 6; i++) {
        specs[i] = a_class("t1", 1 + i % 3);
        specs[i].series_id = i < 3 ? "dddddddddddddddddddddddd" : NULL;
    }
    must(d, mp_booking_create(&d->ctx, specs, 6, false, &made, &d->err));
    named = must_find(d, &made[0]);
    change.starts_at = AT(2, 10, 0);
    change.ends_at = AT(2, 11, 0);
    change.scope = MP_SERIES_FOLLOWING;
    must(d, mp_booking_change(&d->ctx, &named, &change, &d->err));
    assert_int_equal(named->trouble, MP_E_NONE);
    for (int i = 0; i < 3; i++) {
        const struct mp_booking *b = must_find(d, &made[i]);

        assert_int_equal(b->row.starts_at, AT(2 + i, 10, 0));
        assert_int_equal(b->meeting->row.starts_at, AT(2 + i, 10, 0));
        assert_int_equal(b->row.meeting_state, MP_STATE_OK);
    }
    assert_int_equal(sandbox_meetings(d), 6);
    assert_int_equal(places_taken(d), 6);
}

/* ---- Two at the same booking ---- */

static void create_one(struct desk *d, void *arg)
{
    struct mp_booking_spec spec = a_class("t1", 1);

    (void)arg;
    (void)must_create(d, &spec);
}

/* Another worker makes a booking, and Zoom takes two seconds; returns once it is stored. */
static struct mp_booking *being_made(struct desk *d, const char *owner, const char *latency, pid_t *maker)
{
    struct mp_booking_row row;
    int64_t id;

    sandbox_control(d, "POST", "faults",
                    mp_arena_printf(d->arena,
                                    "{\"match\": {\"method\": \"POST\", \"path\": \"/v2/users/*/meetings\"}, \"count\": 1, \"skip\": 0,"
                                    " \"action\": {\"latency_ms\": {\"%s\": 2000}}}",
                                    latency));
    *maker = desk_beside(owner, ACCOUNTS, create_one, NULL);
    while ((id = number(d, "SELECT COALESCE(MAX(booking.id), 0) FROM booking JOIN place")) == 0)
        mp_sleep_ms(10);
    mp_sleep_ms(300);
    assert_int_equal(mp_store_booking_by_id(d->ctx.db, d->arena, id, &row, &d->err), 1);
    return must_find(d, &(struct mp_booking){.row = row});
}

static void wait_for(pid_t maker)
{
    int status;

    assert_int_equal(waitpid(maker, &status, 0), maker);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void cancelled_while_it_is_made(void **state)
{
    struct desk *d = *state;
    pid_t maker;
    struct mp_booking *b = being_made(d, "here/2/1", "before", &maker);

    must(d, mp_booking_cancel(&d->ctx, b, MP_SERIES_THIS, NULL, &d->err));
    wait_for(maker);
    assert_int_equal(b->row.meeting_state, MP_STATE_NONE);
    assert_int_equal(sandbox_meetings(d), 0);
    assert_int_equal(places_taken(d), 0);
    assert_int_equal(number(d, "SELECT COUNT(*) FROM booking WHERE status = 'deleted' AND NOT dirty AND retry_at IS NULL"), 1);
}

static void changed_while_it_is_made(void **state)
{
    struct desk *d = *state;
    struct mp_booking_change change = no_change();
    pid_t maker;
    struct mp_booking *b = being_made(d, "here/2/1", "before", &maker);

    change.starts_at = AT(3, 15, 0);
    change.ends_at = AT(3, 16, 30);
    must(d, mp_booking_change(&d->ctx, &b, &change, &d->err));
    wait_for(maker);
    assert_int_equal(b->row.meeting_state, MP_STATE_OK);
    assert_int_equal(b->meeting->row.starts_at, AT(3, 15, 0));
    assert_int_equal(b->meeting->row.duration_min, 90);
    assert_int_equal(sandbox_meetings(d), 1);
    assert_int_equal(places_taken(d), 1);
}

static void killed_while_it_is_made(void **state)
{
    struct desk *d = *state;
    pid_t maker;
    struct mp_booking *b = being_made(d, "dead/2/1", "after", &maker);

    kill(maker, SIGKILL);
    assert_int_equal(waitpid(maker, NULL, 0), maker);
    assert_int_equal(sandbox_meetings(d), 1);
    assert_int_equal(repair_now(d), 1);
    b = must_find(d, b);
    assert_int_equal(b->row.meeting_state, MP_STATE_OK);
    assert_int_equal(sandbox_meetings(d), 1);
    assert_int_equal(places_taken(d), 1);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(made_changed_and_cancelled),
        TEST(many_in_order_and_what_does_not_fit_is_told),
        TEST(a_time_without_room_changes_nothing),
        TEST(moved_to_another_account),
        TEST(taken_away_and_given_again),
        TEST(one_that_died_after_zooms_answer_is_found_again),
        TEST(one_that_died_and_was_cancelled_leaves_nothing),
        TEST(nobody_is_fought_who_deletes_at_zoom),
        TEST(a_running_one_is_not_cancelled),
        TEST(made_as_soon_as_zoom_answers),
        TEST(a_change_that_zoom_does_not_hear_is_told_later),
        TEST(a_removal_that_zoom_does_not_hear_is_seen),
        TEST(a_repeated_unit_makes_no_second_meeting),
        TEST(a_series_whose_places_are_its_own),
        TEST(cancelled_while_it_is_made),
        TEST(changed_while_it_is_made),
        TEST(killed_while_it_is_made),
    };
    int failed;

    (void)argc;
    harness_begin(argv);
    sandbox_start();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    sandbox_stop();
    return failed;
}
