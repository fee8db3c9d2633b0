#include "desk.h"

#include <stdio.h>

/* Bookings while there is no Zoom: what is stored, who sees it, who works on it. */

#define ACCOUNT "ZOOM_ACCOUNT_ID_1=A1\nZOOM_CLIENT_ID_1=C1\nZOOM_CLIENT_SECRET_1=S1\nZOOM_USER_ID_1=h1\n"
#define UNIT    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static int off(void **state)
{
    *state = desk_open(ZOOM_OFF, ACCOUNT);
    return 0;
}

static int unreachable(void **state)
{
    *state = desk_open(ZOOM_UNREACHABLE, ACCOUNT);
    return 0;
}

static int teardown(void **state)
{
    desk_close(*state);
    return 0;
}

/* ---- Without Zoom ---- */

static void stored_though_zoom_fails_and_due_again(void **state)
{
    struct desk *d = *state;
    const char *members[] = {"s1", "s2"};
    struct mp_booking_spec spec = a_class("t1", 1);
    struct mp_booking *made, *found;

    spec.members = members;
    spec.members_count = 2;
    made = must_create(d, &spec);
    assert_int_equal(made->trouble, MP_E_NO_ACCOUNT);
    assert_non_null(strstr(made->trouble_text, "account_1"));
    assert_int_equal(made->row.meeting_state, MP_STATE_PENDING);
    found = must_find(d, made);
    assert_int_equal(found->row.meeting_state, MP_STATE_PENDING);
    assert_string_equal(found->row.meeting_reason, made->trouble_text);
    assert_true(found->row.dirty);
    assert_int_equal(found->row.tries, 1);
    assert_int_equal(found->people_count, 4);
    assert_null(found->meeting);
    assert_int_equal(number(d, "SELECT COUNT(*) FROM booking WHERE worker IS NULL AND lease_until = 0 AND retry_at BETWEEN "
                               "UNIX_TIMESTAMP(NOW(3)) * 1000 AND UNIX_TIMESTAMP(NOW(3)) * 1000 + 2000"),
                     1);
    /* Tried again, it waits longer; what failed counts as nothing done. */
    assert_int_equal(repair_now(d), 0);
    assert_int_equal(must_find(d, made)->row.tries, 2);
    assert_int_equal(number(d, "SELECT COUNT(*) FROM booking WHERE retry_at > UNIX_TIMESTAMP(NOW(3)) * 1000 + 3000"), 1);
}

static void disabled_it_is_stored_and_never_due(void **state)
{
    struct desk *d = *state;
    struct mp_booking_spec spec = a_class("t1", 1);
    struct mp_booking *made = must_create(d, &spec);

    assert_int_equal(made->trouble, MP_E_ZOOM_DISABLED);
    assert_int_equal(must_find(d, made)->row.meeting_state, MP_STATE_NONE);
    assert_false(must_find(d, made)->row.dirty);
    assert_int_equal(number(d, "SELECT COUNT(*) FROM booking WHERE retry_at IS NOT NULL"), 0);
    must(d, mp_booking_cancel(&d->ctx, made, MP_SERIES_THIS, NULL, &d->err));
    assert_int_equal(number(d, "SELECT COUNT(*) FROM booking WHERE retry_at IS NOT NULL OR dirty"), 0);
}

static void one_that_wants_no_meeting_has_no_trouble(void **state)
{
    struct desk *d = *state;
    struct mp_booking_spec spec = a_class("t1", 1);
    struct mp_booking *made;

    spec.wants_meeting = false;
    made = must_create(d, &spec);
    assert_int_equal(made->trouble, MP_E_NONE);
    assert_int_equal(made->row.meeting_state, MP_STATE_NONE);
    assert_int_equal(number(d, "SELECT COUNT(*) FROM booking WHERE dirty OR retry_at IS NOT NULL OR worker IS NOT NULL"), 0);
}

static void a_dry_run_stores_nothing(void **state)
{
    struct desk *d = *state;
    struct mp_booking_spec spec = a_class("t1", 1);
    struct mp_booking *made;

    must(d, mp_booking_create(&d->ctx, &spec, 1, true, &made, &d->err));
    assert_int_equal(made->trouble, MP_E_ZOOM_DISABLED);
    assert_int_equal(number(d, "SELECT COUNT(*) FROM booking"), 0);
}

static void given_up_when_its_time_has_passed(void **state)
{
    struct desk *d = *state;
    struct mp_booking_spec spec = a_class("t1", 1);
    struct mp_booking *made = must_create(d, &spec), *found;

    run_sql(d, "UPDATE booking SET starts_at = 1000, ends_at = 2000, updated_at = 1000");
    repair_now(d);
    found = must_find(d, made);
    assert_int_equal(found->row.meeting_state, MP_STATE_FAILED);
    assert_non_null(found->row.meeting_reason);
    assert_int_equal(number(d, "SELECT COUNT(*) FROM booking WHERE dirty OR retry_at IS NOT NULL"), 0);
}

static void a_start_in_the_past_is_tried_all_the_same(void **state)
{
    struct desk *d = *state;
    struct mp_booking_spec spec = a_class("t1", 1);
    struct mp_booking *made;

    spec.starts_at = INT64_C(1705312800000);
    spec.ends_at = spec.starts_at + 3600000;
    made = must_create(d, &spec);
    assert_int_equal(made->trouble, MP_E_NO_ACCOUNT);
    assert_int_equal(made->row.meeting_state, MP_STATE_PENDING);
}

static void repair_leaves_off_when_zoom_fails(void **state)
{
    struct desk *d = *state;

    for (int i = 0; i < 5; i++) {
        struct mp_booking_spec spec = a_class("t1", 10 - i);

        (void)must_create(d, &spec);
    }
    repair_now(d);
    /* One found it out, the one that starts first; the others wait. */
    assert_int_equal(number(d, "SELECT SUM(tries) FROM booking"), 6);
    assert_int_equal(number(d, "SELECT tries FROM booking ORDER BY starts_at LIMIT 1"), 2);
    assert_int_equal(number(d, "SELECT COUNT(*) FROM booking WHERE retry_at > 1"), 5);
}

/* ---- Repetition ---- */

static void a_repeated_unit_finds_its_bookings(void **state)
{
    struct desk *d = *state;
    struct mp_booking_spec specs[3] = {a_class("t1", 1), a_class("t1", 2), a_class("t1", 3)};
    struct mp_booking *first, *again;

    d->ctx.unit_key = UNIT;
    must(d, mp_booking_create(&d->ctx, specs, 3, false, &first, &d->err));
    must(d, mp_booking_create(&d->ctx, specs, 3, false, &again, &d->err));
    assert_int_equal(number(d, "SELECT COUNT(*) FROM booking"), 3);
    for (int i = 0; i < 3; i++) {
        assert_string_equal(first[i].row.public_id, again[i].row.public_id);
        assert_int_equal(strlen(again[i].row.public_id), 24);
        assert_int_equal(again[i].row.id, first[i].row.id);
        assert_int_equal(again[i].row.starts_at, specs[i].starts_at);
        assert_int_equal(again[i].people_count, 2);
        /* What the first could not do the second tries. */
        assert_int_equal(again[i].row.tries, 2);
    }
    assert_string_not_equal(first[0].row.public_id, first[1].row.public_id);
}

static void what_a_dead_worker_began_is_finished_at_once(void **state)
{
    struct desk *d = *state;
    struct mp_booking_spec spec = a_class("t1", 1);
    struct mp_booking *made;
    int64_t began_ms;

    d->ctx.unit_key = UNIT;
    made = must_create(d, &spec);
    run_sql(d, "UPDATE booking SET worker = 'dead/1/1', tries = 0, lease_until = UNIX_TIMESTAMP(NOW(3)) * 1000 + 60000, retry_at = lease_until");
    began_ms = mp_monotonic_ms();
    made = must_create(d, &spec);
    assert_true(mp_monotonic_ms() - began_ms < 3000);
    assert_int_equal(made->row.tries, 1);
    assert_int_equal(number(d, "SELECT COUNT(*) FROM booking"), 1);
    assert_int_equal(number(d, "SELECT lease_until FROM booking"), 0);
}

static void repair_takes_over_from_the_dead_but_not_from_the_living(void **state)
{
    struct desk *d = *state;
    struct mp_booking_spec spec = a_class("t1", 1);
    struct mp_booking *made = must_create(d, &spec);
    unsigned done;

    run_sql(d, "UPDATE booking SET worker = 'alive/1/1', lease_until = UNIX_TIMESTAMP(NOW(3)) * 1000 + 60000, retry_at = lease_until, tries = 0");
    must(d, mp_booking_repair(&d->ctx, &done, &d->err));
    assert_int_equal(must_find(d, made)->row.tries, 0);
    run_sql(d, "UPDATE booking SET worker = 'dead/2/1'");
    must(d, mp_booking_repair(&d->ctx, &done, &d->err));
    assert_int_equal(must_find(d, made)->row.tries, 1);
}

/* ---- Versions, leases ---- */

static void the_second_of_two_changes_is_told(void **state)
{
    struct desk *d = *state;
    struct mp_booking_spec spec = a_class("t1", 1);
    struct mp_booking *made = must_create(d, &spec), *one = must_find(d, made), *two = must_find(d, made);
    struct mp_booking_change change = no_change();

    change.title = "Geometry";
    must(d, mp_booking_change(&d->ctx, &one, &change, &d->err));
    assert_string_equal(one->row.title, "Geometry");
    assert_int_equal(one->row.version, 2);
    assert_int_equal(one->row.sequence, 1);
    change.title = "Physics";
    assert_int_equal(mp_booking_change(&d->ctx, &two, &change, &d->err), -1);
    assert_int_equal(d->err.code, MP_E_CONFLICT);
    assert_string_equal(must_find(d, made)->row.title, "Geometry");
}

static void a_change_that_changes_nothing_writes_nothing(void **state)
{
    struct desk *d = *state;
    struct mp_booking_spec spec = a_class("t1", 1);
    struct mp_booking *made = must_create(d, &spec), *same = must_find(d, made);
    struct mp_booking_change change = no_change();

    change.title = "Algebra";
    change.starts_at = spec.starts_at;
    change.ends_at = spec.ends_at;
    must(d, mp_booking_change(&d->ctx, &same, &change, &d->err));
    assert_int_equal(must_find(d, made)->row.version, 1);
    assert_int_equal(must_find(d, made)->row.sequence, 0);
}

static void a_stale_worker_changes_nothing(void **state)
{
    struct desk *d = *state;
    struct mp_booking_spec spec = a_class("t1", 1);
    struct mp_booking *made = must_create(d, &spec);
    struct mp_booking_row stale = made->row, fresh = made->row;
    struct mp_booking_outcome outcome = {.meeting_id = 77, .generation = 9, .state = MP_STATE_OK, .settled = true};

    run_sql(d, "UPDATE booking SET retry_at = 1");
    assert_int_equal(mp_store_booking_claim(d->ctx.db, &stale, "here/1/1", 60000, &d->err), 1);
    assert_int_equal(mp_store_booking_claim(d->ctx.db, &fresh, "here/2/1", 60000, &d->err), 0);
    run_sql(d, "UPDATE booking SET lease_until = 1");
    assert_int_equal(mp_store_booking_claim(d->ctx.db, &fresh, "here/2/1", 60000, &d->err), 1);
    assert_int_equal(fresh.fence, stale.fence + 1);
    assert_int_equal(mp_store_booking_settle(d->ctx.db, &stale, &outcome, &d->err), 0);
    assert_int_equal(number(d, "SELECT COUNT(*) FROM booking WHERE meeting_id IS NULL AND meeting_state = 'pending' AND worker = 'here/2/1'"), 1);
    assert_int_equal(mp_store_booking_settle(d->ctx.db, &fresh, &outcome, &d->err), 1);
    assert_int_equal(number(d, "SELECT COUNT(*) FROM booking WHERE meeting_id = 77 AND meeting_state = 'ok' AND NOT dirty AND retry_at IS NULL"), 1);
}

static void what_was_changed_meanwhile_is_not_settled(void **state)
{
    struct desk *d = *state;
    struct mp_booking_spec spec = a_class("t1", 1);
    struct mp_booking *made = must_create(d, &spec);
    struct mp_booking_row working = made->row, wanted = made->row;
    struct mp_booking_outcome outcome = {.meeting_id = 77, .generation = 1, .state = MP_STATE_OK, .settled = true};

    assert_int_equal(mp_store_booking_claim(d->ctx.db, &working, "here/1/1", 60000, &d->err), 1);
    wanted.title = "Geometry";
    assert_int_equal(mp_store_booking_write(d->ctx.db, &wanted, NULL, 0, true, "here/2/1", 60000, mp_now_ms(), &d->err), 1);
    assert_int_equal(wanted.fence, 0);
    assert_int_equal(number(d, "SELECT COUNT(*) FROM booking WHERE worker = 'here/1/1' AND retry_at = lease_until"), 1);
    assert_int_equal(mp_store_booking_settle(d->ctx.db, &working, &outcome, &d->err), 1);
    assert_int_equal(number(d, "SELECT COUNT(*) FROM booking WHERE meeting_id = 77 AND meeting_state = 'pending' AND dirty AND worker IS NULL"
                               " AND retry_at <= UNIX_TIMESTAMP(NOW(3)) * 1000"),
                     1);
}

static void a_reason_is_cut_at_a_whole_character(void **state)
{
    struct desk *d = *state;
    struct mp_booking_spec spec = a_class("t1", 1);
    struct mp_booking *made = must_create(d, &spec);
    struct mp_booking_outcome outcome = {.generation = 1, .state = MP_STATE_PENDING, .retry_ms = 1000};
    char reason[1200];

    for (size_t i = 0; i + 3 < sizeof(reason); i += 3)
        memcpy(reason + i, "\xE2\x82\xAC", 4);
    outcome.reason = reason;
    assert_int_equal(mp_store_booking_settle(d->ctx.db, &made->row, &outcome, &d->err), 1);
    assert_int_equal(number(d, "SELECT LENGTH(meeting_reason) FROM booking"), 399);
}

/* ---- People and lists ---- */

static struct mp_booking_query a_query(void)
{
    return (struct mp_booking_query){
        .kind = -1, .status = -1, .from = 0, .until = INT64_MAX, .after_start = INT64_MAX, .after_id = INT64_MAX, .limit = 100};
}

static size_t listed(struct desk *d, const struct mp_booking_query *query, struct mp_booking **list)
{
    size_t count;

    must(d, mp_booking_list(&d->ctx, query, list, &count, &d->err));
    return count;
}

static void people_have_their_parts(void **state)
{
    struct desk *d = *state;
    const char *members[] = {"s2", "t1", "s1"}, *fewer[] = {"s3"};
    struct mp_booking_spec spec = a_class("t1", 1);
    struct mp_booking_query query = a_query();
    struct mp_booking_change change = no_change();
    struct mp_booking *made, *found, *list;
    enum mp_booking_part part;

    spec.members = members;
    spec.members_count = 3;
    made = must_create(d, &spec);
    found = must_find(d, made);
    assert_int_equal(found->people_count, 5);
    assert_int_equal(found->people[0].part, MP_PART_OWNER);
    assert_int_equal(found->people[1].part, MP_PART_HOST);
    assert_string_equal(found->people[2].sub, "s1");
    assert_string_equal(found->people[4].sub, "t1");
    assert_int_equal(mp_store_booking_part(d->ctx.db, made->row.id, "t1", &part, &d->err), 1);
    assert_int_equal(part, MP_PART_OWNER);
    assert_int_equal(mp_store_booking_part(d->ctx.db, made->row.id, "s2", &part, &d->err), 1);
    assert_int_equal(part, MP_PART_MEMBER);
    assert_int_equal(mp_store_booking_part(d->ctx.db, made->row.id, "nobody", &part, &d->err), 0);
    /* Who has three parts is listed once. */
    query.person = "t1";
    assert_int_equal(listed(d, &query, &list), 1);

    change.host_sub = "t2";
    change.set_members = true;
    change.members = fewer;
    change.members_count = 1;
    must(d, mp_booking_change(&d->ctx, &found, &change, &d->err));
    assert_int_equal(found->people_count, 3);
    assert_string_equal(found->people[1].sub, "t2");
    assert_string_equal(found->people[2].sub, "s3");
    query.person = "s1";
    assert_int_equal(listed(d, &query, &list), 0);
}

static void a_week_of_a_person(void **state)
{
    struct desk *d = *state;
    struct mp_booking_query query = a_query();
    struct mp_booking *list, *moved = NULL;
    struct mp_booking_change change = no_change();

    for (int day = 1; day <= 9; day++) {
        struct mp_booking_spec spec = a_class(day % 2 == 0 ? "t2" : "t1", day);

        moved = must_create(d, &spec);
    }
    query.person = "t1";
    query.from = AT(3, 10, 0);
    query.until = AT(9, 10, 0);
    assert_int_equal(listed(d, &query, &list), 3);
    assert_int_equal(list[0].row.starts_at, AT(7, 10, 0));
    query.kind = MP_KIND_CLASS;
    query.ascending = true;
    query.after_start = query.after_id = INT64_MIN;
    assert_int_equal(listed(d, &query, &list), 3);
    assert_int_equal(list[0].row.starts_at, AT(3, 10, 0));
    query.kind = MP_KIND_INTERVIEW;
    assert_int_equal(listed(d, &query, &list), 0);
    /* Moved and completed it is still found; cancelled only among the deleted. */
    query.kind = -1;
    change.starts_at = AT(4, 10, 0);
    change.ends_at = AT(4, 12, 0);
    change.status = MP_BOOKING_COMPLETED;
    must(d, mp_booking_change(&d->ctx, &moved, &change, &d->err));
    assert_int_equal(listed(d, &query, &list), 4);
    assert_int_equal(list[1].row.id, moved->row.id);
    query.status = MP_BOOKING_COMPLETED;
    assert_int_equal(listed(d, &query, &list), 1);
    must(d, mp_booking_cancel(&d->ctx, moved, MP_SERIES_THIS, NULL, &d->err));
    assert_int_equal(listed(d, &query, &list), 0);
    query.status = MP_BOOKING_DELETED;
    assert_int_equal(listed(d, &query, &list), 1);
    assert_true(list[0].row.deleted_at > 0);
    assert_int_equal(mp_booking_find(&d->ctx, MP_KIND_CLASS, moved->row.public_id, &list, &d->err), 0);
}

static int64_t a_course(struct desk *d)
{
    struct mp_course_row course = {.owner_sub = "t1", .title = "C", .timezone = "UTC", .created_at = 1};

    course.public_id = mp_store_public_id(d->arena, mp_now_ms());
    must(d, mp_store_course_insert(d->ctx.db, &course, &d->err));
    return course.id;
}

/* `course_id` 0: of no course. */
static int64_t a_batch(struct desk *d, int64_t course_id)
{
    struct mp_batch_row batch = {.owner_sub = "t1", .name = "B", .batch_type = "group", .timezone = "UTC", .course_id = course_id, .created_at = 1};

    batch.public_id = mp_store_public_id(d->arena, mp_now_ms());
    must(d, mp_store_batch_insert(d->ctx.db, &batch, &d->err));
    return batch.id;
}

static void of_a_batch_a_course_and_a_series(void **state)
{
    struct desk *d = *state;
    static const char series[] = "aaaaaaaaaaaaaaaaaaaaaaaa";
    struct mp_booking_query query = a_query();
    int64_t course = a_course(d), first = a_batch(d, course), second = a_batch(d, a_course(d));
    struct mp_booking *list;

    for (int day = 1; day <= 6; day++) {
        struct mp_booking_spec spec = a_class("t1", day);

        spec.batch_id = day <= 4 ? first : day == 5 ? 0 : second;
        spec.course_id = day == 5 ? course : 0; /* else it is the batch's */
        spec.series_id = day <= 3 ? series : NULL;
        (void)must_create(d, &spec);
    }
    query.batch_id = first;
    assert_int_equal(listed(d, &query, &list), 4);
    query.kind = MP_KIND_SESSION;
    assert_int_equal(listed(d, &query, &list), 0);
    query = a_query();
    query.course_id = course;
    assert_int_equal(listed(d, &query, &list), 5);
    query = a_query();
    query.series_id = series;
    assert_int_equal(listed(d, &query, &list), 3);
    query = a_query();
    assert_int_equal(listed(d, &query, &list), 6);
    query.kind = MP_KIND_CLASS;
    assert_int_equal(listed(d, &query, &list), 6);
}

/* Pages of two, over bookings of which several begin at the same instant. */
static void check_pages(struct desk *d, bool ascending)
{
    struct mp_booking_query query = a_query();
    struct mp_booking *list;
    int64_t seen[16] = {0};
    size_t total = 0, count;

    query.person = "t1";
    query.limit = 2;
    query.ascending = ascending;
    query.after_start = query.after_id = ascending ? INT64_MIN : INT64_MAX;
    while ((count = listed(d, &query, &list)) > 0) {
        for (size_t i = 0; i < count; i++) {
            for (size_t k = 0; k < total; k++)
                assert_int_not_equal(seen[k], list[i].row.id);
            if (total > 0)
                assert_true(ascending ? list[i].row.starts_at >= query.after_start : list[i].row.starts_at <= query.after_start);
            assert_true(total < MP_COUNT(seen));
            seen[total++] = list[i].row.id;
        }
        query.after_start = list[count - 1].row.starts_at;
        query.after_id = list[count - 1].row.id;
    }
    assert_int_equal(total, 9);
}

static void pages_lose_and_repeat_nothing(void **state)
{
    struct desk *d = *state;

    for (int i = 0; i < 9; i++) {
        struct mp_booking_spec spec = a_class("t1", 1 + i / 4);

        (void)must_create(d, &spec);
    }
    run_sql(d, "UPDATE booking SET status = 'completed' WHERE id MOD 3 = 0");
    run_sql(d, "UPDATE booking_person SET status = 'completed' WHERE booking_id MOD 3 = 0");
    check_pages(d, false);
    check_pages(d, true);
}

struct members_tx {
    struct desk *desk;
    int64_t batch_id;
    const char *members[2];
    int differs;
};

static int set_members(struct mp_db *db, void *arg, struct mp_error *err)
{
    struct members_tx *tx = arg;

    tx->differs = mp_store_batch_set_members(db, tx->desk->arena, tx->batch_id, tx->members, 2, err);
    if (tx->differs < 0)
        return -1;
    return tx->differs > 0 ? mp_store_booking_members(db, tx->batch_id, AT(2, 0, 0), err) : 0;
}

static void the_members_of_a_batch_change_what_is_to_come(void **state)
{
    struct desk *d = *state;
    struct members_tx tx = {.desk = d, .batch_id = a_batch(d, 0), .members = {"s1", "t1"}};
    struct mp_booking *made[3];

    must(d, mp_tx_run(d->ctx.db, set_members, &tx, &d->err));
    for (int i = 0; i < 3; i++) {
        struct mp_booking_spec spec = a_class("t1", 1 + i);

        /* Its people are the batch's, whatever the caller knew of them. */
        spec.batch_id = tx.batch_id;
        made[i] = must_create(d, &spec);
        assert_int_equal(made[i]->people_count, 4);
    }
    tx.members[0] = "t2";
    tx.members[1] = "s2";
    must(d, mp_tx_run(d->ctx.db, set_members, &tx, &d->err));
    assert_int_equal(tx.differs, 1);
    assert_string_equal(must_find(d, made[0])->people[2].sub, "s1");
    assert_int_equal(must_find(d, made[0])->row.sequence, made[0]->row.sequence);
    for (int i = 1; i < 3; i++) {
        const struct mp_booking *b = must_find(d, made[i]);

        assert_int_equal(b->people_count, 4);
        assert_string_equal(b->people[0].sub, "t1");
        assert_string_equal(b->people[1].sub, "t1");
        assert_string_equal(b->people[2].sub, "s2");
        assert_string_equal(b->people[3].sub, "t2");
        assert_int_equal(b->row.sequence, made[i]->row.sequence + 1);
    }
    must(d, mp_tx_run(d->ctx.db, set_members, &tx, &d->err));
    assert_int_equal(tx.differs, 0);
}

/* ---- Series ---- */

static int64_t berlin(int month, int day, int hour, int minute)
{
    const struct mp_civil civil = {.year = 2035, .month = month, .day = day, .hour = hour, .minute = minute};
    int64_t at_ms;

    assert_int_equal(mp_zone_instant("Europe/Berlin", &civil, &at_ms, NULL, NULL), MP_TIME_OK);
    return at_ms;
}

/* Three Sundays at 10:00 in Berlin; on the second the clocks go forward at 02:00. */
static struct mp_booking *three_sundays(struct desk *d)
{
    struct mp_booking_spec specs[3];
    struct mp_booking *made;

    for (int i = 0; i < 3; i++) {
        specs[i] = a_class("t1", 1);
        specs[i].series_id = "bbbbbbbbbbbbbbbbbbbbbbbb";
        specs[i].timezone = "Europe/Berlin";
        specs[i].wants_meeting = false;
        specs[i].starts_at = i == 0 ? berlin(3, 18, 10, 0) : i == 1 ? berlin(3, 25, 10, 0) : berlin(4, 1, 10, 0);
        specs[i].ends_at = specs[i].starts_at + 3600000;
    }
    must(d, mp_booking_create(&d->ctx, specs, 3, false, &made, &d->err));
    return made;
}

static void a_series_moves_by_the_clock_on_the_wall(void **state)
{
    struct desk *d = *state;
    struct mp_booking *made = three_sundays(d), *named = must_find(d, &made[0]);
    struct mp_booking_change change = no_change();

    change.starts_at = berlin(3, 19, 9, 30);
    change.ends_at = change.starts_at + 5400000;
    change.title = "Geometry";
    change.scope = MP_SERIES_ALL;
    must(d, mp_booking_change(&d->ctx, &named, &change, &d->err));
    assert_int_equal(must_find(d, &made[0])->row.starts_at, berlin(3, 19, 9, 30));
    assert_int_equal(must_find(d, &made[1])->row.starts_at, berlin(3, 26, 9, 30));
    assert_int_equal(must_find(d, &made[2])->row.starts_at, berlin(4, 2, 9, 30));
    assert_int_equal(must_find(d, &made[2])->row.ends_at, berlin(4, 2, 11, 0));
    assert_string_equal(must_find(d, &made[2])->row.title, "Geometry");
    assert_int_equal(named->row.starts_at, berlin(3, 19, 9, 30));
    assert_int_equal(named->trouble, MP_E_NONE);
}

static void the_following_ones_and_no_others(void **state)
{
    struct desk *d = *state;
    struct mp_booking *made = three_sundays(d), *named = must_find(d, &made[1]);
    struct mp_booking_change change = no_change();

    change.title = "Geometry";
    change.scope = MP_SERIES_FOLLOWING;
    must(d, mp_booking_change(&d->ctx, &named, &change, &d->err));
    assert_string_equal(must_find(d, &made[0])->row.title, "Algebra");
    assert_string_equal(must_find(d, &made[1])->row.title, "Geometry");
    assert_string_equal(must_find(d, &made[2])->row.title, "Geometry");
    must(d, mp_booking_cancel(&d->ctx, named, MP_SERIES_FOLLOWING, NULL, &d->err));
    assert_int_equal(number(d, "SELECT COUNT(*) FROM booking WHERE status = 'deleted'"), 2);
    assert_non_null(must_find(d, &made[0]));
}

static void where_one_would_fall_into_a_gap_all_stay(void **state)
{
    struct desk *d = *state;
    struct mp_booking *made = three_sundays(d), *named = must_find(d, &made[0]);
    struct mp_booking_change change = no_change();

    change.starts_at = berlin(3, 18, 2, 30);
    change.ends_at = change.starts_at + 3600000;
    change.scope = MP_SERIES_ALL;
    change.time_field = "startTime";
    assert_int_equal(mp_booking_change(&d->ctx, &named, &change, &d->err), -1);
    assert_int_equal(d->err.code, MP_E_INVALID);
    assert_string_equal(d->err.details->field, "startTime");
    assert_non_null(strstr(d->err.details->message, "2035-03-25"));
    assert_null(d->err.details->next);
    mp_error_reset(&d->err);
    assert_int_equal(must_find(d, &made[0])->row.starts_at, berlin(3, 18, 10, 0));
    assert_int_equal(must_find(d, &made[1])->row.starts_at, berlin(3, 25, 10, 0));
    assert_int_equal(must_find(d, &made[2])->row.starts_at, berlin(4, 1, 10, 0));
}

/* ---- Courses, batches, persons ---- */

static void courses_and_batches_of_a_person(void **state)
{
    struct desk *d = *state;
    struct mp_db *db = d->ctx.db;
    struct mp_course_row course = {.owner_sub = "t1", .title = "Maths", .timezone = "UTC", .created_at = 1}, *courses;
    struct mp_batch_row batch = {.owner_sub = "t1", .instructor_sub = "t2", .name = "B", .batch_type = "group", .timezone = "UTC", .created_at = 1};
    struct mp_batch_row *batches, read;
    const char *members[] = {"s1", "t1"}, **subs;
    size_t count;

    for (int i = 0; i < 3; i++) {
        course.public_id = mp_store_public_id(d->arena, mp_now_ms());
        must(d, mp_store_course_insert(db, &course, &d->err));
    }
    batch.public_id = mp_store_public_id(d->arena, mp_now_ms());
    batch.course_id = course.id;
    must(d, mp_store_batch_insert(db, &batch, &d->err));
    must(d, mp_store_batch_set_members(db, d->arena, batch.id, members, 2, &d->err));
    must(d, mp_store_course_list(db, d->arena, "t1", false, INT64_MAX, 2, &courses, &count, &d->err));
    assert_int_equal(count, 2);
    assert_int_equal(courses[0].id, course.id);
    must(d, mp_store_course_list(db, d->arena, "t1", false, courses[1].id, 2, &courses, &count, &d->err));
    assert_int_equal(count, 1);
    /* Who teaches or learns in it sees the course. */
    must(d, mp_store_course_list(db, d->arena, "s1", false, INT64_MAX, 9, &courses, &count, &d->err));
    assert_int_equal(count, 1);
    must(d, mp_store_course_list(db, d->arena, NULL, false, INT64_MAX, 9, &courses, &count, &d->err));
    assert_int_equal(count, 3);
    static const char *const viewers[] = {"t1", "t2", "s1", NULL};
    for (size_t i = 0; i < MP_COUNT(viewers); i++) {
        must(d, mp_store_batch_list(db, d->arena, viewers[i], i == 1 ? course.id : 0, false, INT64_MAX, 9, &batches, &count, &d->err));
        assert_int_equal(count, 1);
        assert_string_equal(batches[0].course_title, "Maths");
    }
    must(d, mp_store_batch_list(db, d->arena, NULL, course.id, false, INT64_MAX, 9, &batches, &count, &d->err));
    assert_int_equal(count, 1);
    must(d, mp_store_batch_list(db, d->arena, "s9", 0, false, INT64_MAX, 9, &batches, &count, &d->err));
    assert_int_equal(count, 0);
    must(d, mp_store_batch_members(db, d->arena, batch.id, &subs, &count, &d->err));
    assert_int_equal(count, 2);
    read = batch;
    batch.deleted = true;
    assert_int_equal(mp_store_batch_write(db, &batch, 2, &d->err), 1);
    assert_int_equal(mp_store_batch_write(db, &read, 2, &d->err), 0);
    must(d, mp_store_batch_list(db, d->arena, "s1", 0, true, INT64_MAX, 9, &batches, &count, &d->err));
    assert_int_equal(count, 1);
}

static void what_a_person_keeps(void **state)
{
    struct desk *d = *state;
    const char *text;

    assert_int_equal(mp_store_person_defaults(d->ctx.db, d->arena, "s1", &text, &d->err), 0);
    must(d, mp_store_person_set_feed(d->ctx.db, "s1", UNIT, "sealed", 1, &d->err));
    assert_int_equal(mp_store_person_defaults(d->ctx.db, d->arena, "s1", &text, &d->err), 0);
    must(d, mp_store_person_set_defaults(d->ctx.db, "s1", "{}", 1, &d->err));
    assert_int_equal(mp_store_person_defaults(d->ctx.db, d->arena, "s1", &text, &d->err), 1);
    assert_int_equal(mp_store_person_feed(d->ctx.db, d->arena, "s1", &text, &d->err), 1);
    assert_string_equal(text, "sealed");
    assert_int_equal(mp_store_person_by_feed(d->ctx.db, d->arena, UNIT, &text, &d->err), 1);
    assert_string_equal(text, "s1");
    assert_int_equal(mp_store_person_by_feed(d->ctx.db, d->arena, "x", &text, &d->err), 0);
}

/* ---- A long history ---- */

static int64_t rows_read(struct desk *d)
{
    return number(d, "SELECT SUM(VARIABLE_VALUE) FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME IN"
                     " ('Handler_read_first', 'Handler_read_last', 'Handler_read_key', 'Handler_read_next', 'Handler_read_prev')");
}

static void check_cost(struct desk *d, const struct mp_booking_query *query, size_t expected)
{
    struct mp_booking_row *rows;
    int64_t before, cost;
    size_t count;

    for (int ascending = 0; ascending < 2; ascending++) {
        struct mp_booking_query q = *query;

        q.ascending = ascending != 0;
        q.after_start = q.after_id = q.ascending ? INT64_MIN : INT64_MAX;
        before = rows_read(d);
        must(d, mp_store_booking_list(d->ctx.db, d->arena, &q, &rows, &count, &d->err));
        cost = rows_read(d) - before;
        assert_int_equal(count, expected);
        assert_true(cost >= (int64_t)expected);
        if (cost > 20 * (int64_t)q.limit)
            fail_msg("%lld index reads for a page of %u", (long long)cost, q.limit);
    }
}

/* 100,000 classes, one an hour from 2020 on, of a teacher who has 1,000 of them and one who has all. */
static void fill_history(struct desk *d)
{
    run_sql(d,
            "INSERT INTO booking (id, public_id, kind, status, owner_sub, host_sub, course_id, batch_id, series_id, title, topic, starts_at, ends_at,"
            " timezone, wants_meeting, meeting_state, created_at, updated_at)"
            " SELECT seq, LPAD(HEX(seq), 24, '0'), 'class', 'scheduled', 'all', NULL, 1, 1, 'cccccccccccccccccccccccc', 'T', 'T',"
            " 1577836800000 + seq * 3600000, 1577836800000 + seq * 3600000 + 1800000, 'UTC', 1, 'ok', 1, 1 FROM seq_1_to_100000");
    run_sql(d, "INSERT INTO booking_person (booking_id, sub, parts, kind, status, starts_at)"
               " SELECT id, 'all', 1, kind, status, starts_at FROM booking");
    run_sql(d, "INSERT INTO booking_person (booking_id, sub, parts, kind, status, starts_at)"
               " SELECT id, 'few', 4, kind, status, starts_at FROM booking WHERE id MOD 100 = 0");
    run_sql(d, "ANALYZE TABLE booking, booking_person");
}

static void a_page_costs_the_same_after_a_long_history(void **state)
{
    struct desk *d = *state;
    struct mp_booking_query query = a_query();
    const struct mp_booking_query any = a_query();
    struct mp_booking_row *rows;
    int64_t before;
    size_t count;

    fill_history(d);
    query.limit = 30;
    query.person = "all";
    check_cost(d, &query, 30);
    query.from = INT64_C(1700000000000);
    query.until = query.from + 7 * MP_DAY_MS;
    query.limit = 200;
    check_cost(d, &query, 168);
    query.kind = MP_KIND_CLASS;
    check_cost(d, &query, 168);
    query.person = "few";
    query.limit = 30;
    query.from = 0;
    query.until = INT64_MAX;
    check_cost(d, &query, 30);
    query = any;
    query.limit = 30;
    check_cost(d, &query, 30);
    query.kind = MP_KIND_CLASS;
    check_cost(d, &query, 30);
    query.kind = -1;
    query.batch_id = 1;
    check_cost(d, &query, 30);
    query.batch_id = 0;
    query.course_id = 1;
    check_cost(d, &query, 30);
    query.course_id = 0;
    query.series_id = "cccccccccccccccccccccccc";
    check_cost(d, &query, 30);
    /* The runner's look, and who holds leases. */
    run_sql(d, "UPDATE booking SET dirty = 1, retry_at = id WHERE id <= 3");
    run_sql(d, "UPDATE booking SET dirty = 1, retry_at = 9000000000000, lease_until = 9000000000000, worker = 'alive/1/1' WHERE id = 4");
    before = rows_read(d);
    must(d, mp_store_booking_due(d->ctx.db, d->arena, 100, &rows, &count, &d->err));
    assert_int_equal(count, 3);
    must(d, mp_store_booking_put_off(d->ctx.db, 1000, &d->err));
    assert_true(rows_read(d) - before < 100);
    before = rows_read(d);
    const char **workers;
    must(d, mp_store_booking_holders(d->ctx.db, d->arena, &workers, &count, &d->err));
    assert_int_equal(count, 1);
    assert_string_equal(workers[0], "alive/1/1");
    must(d, mp_store_booking_release(d->ctx.db, "dead/1/1", &d->err));
    must(d, mp_store_booking_hurry(d->ctx.db, &d->err));
    assert_true(rows_read(d) - before < 100);
}

#define OFF(fn)  cmocka_unit_test_setup_teardown(fn, off, teardown)
#define DEAD(fn) cmocka_unit_test_setup_teardown(fn, unreachable, teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        DEAD(stored_though_zoom_fails_and_due_again),
        OFF(disabled_it_is_stored_and_never_due),
        DEAD(one_that_wants_no_meeting_has_no_trouble),
        OFF(a_dry_run_stores_nothing),
        DEAD(given_up_when_its_time_has_passed),
        DEAD(a_start_in_the_past_is_tried_all_the_same),
        DEAD(repair_leaves_off_when_zoom_fails),
        DEAD(a_repeated_unit_finds_its_bookings),
        DEAD(what_a_dead_worker_began_is_finished_at_once),
        DEAD(repair_takes_over_from_the_dead_but_not_from_the_living),
        OFF(the_second_of_two_changes_is_told),
        OFF(a_change_that_changes_nothing_writes_nothing),
        DEAD(a_stale_worker_changes_nothing),
        DEAD(what_was_changed_meanwhile_is_not_settled),
        DEAD(a_reason_is_cut_at_a_whole_character),
        OFF(people_have_their_parts),
        OFF(a_week_of_a_person),
        OFF(of_a_batch_a_course_and_a_series),
        OFF(pages_lose_and_repeat_nothing),
        OFF(the_members_of_a_batch_change_what_is_to_come),
        OFF(a_series_moves_by_the_clock_on_the_wall),
        OFF(the_following_ones_and_no_others),
        OFF(where_one_would_fall_into_a_gap_all_stay),
        OFF(courses_and_batches_of_a_person),
        OFF(what_a_person_keeps),
        OFF(a_page_costs_the_same_after_a_long_history),
    };

    (void)argc;
    harness_begin(argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
