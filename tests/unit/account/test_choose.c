#include "../base/unit.h"

#include <json-c/json_object.h>

#include "meetpool/account.h"
#include "meetpool/clock.h"

#define HOUR   INT64_C(3600000)
#define NOW    (1000 * MP_DAY_MS)
#define REACH  (7 * MP_DAY_MS)
#define MINUTE INT64_C(60000)

/* A pool of three accounts with one host each; rows 1, 2, 3 and host rows 11, 21, 31 (12, 22, 32 for a second host). */
struct pool {
    struct mp_account_conf conf;
    struct mp_account_entry entries[3];
    struct mp_host_entry hosts[3][2];
    struct mp_account_state states[3];
    struct mp_host_state host_states[3][2];
    struct mp_busy busy[256];
    size_t count;
    struct mp_choice_request want;
};

static void pool_init(struct pool *p, size_t hosts, int64_t limit, int64_t host_limit)
{
    static const char *const names[] = {"account_1", "account_2", "account_3"};

    *p = (struct pool){.conf = {.enabled = true, .accounts = p->entries, .count = 3, .daily_limit = 100}};
    for (int i = 0; i < 3; i++) {
        p->entries[i] = (struct mp_account_entry){
            .name = names[i], .hosts = p->hosts[i], .hosts_count = hosts, .max_concurrent = limit, .host_max_concurrent = host_limit};
        p->states[i] = (struct mp_account_state){.id = i + 1, .hosts = p->host_states[i]};
        for (int h = 0; h < 2; h++) {
            p->hosts[i][h].user = h == 0 ? "first" : "second";
            p->host_states[i][h].id = 10 * (i + 1) + h + 1;
        }
    }
    p->want = (struct mp_choice_request){.from = NOW + HOUR, .until = NOW + 2 * HOUR, .now_ms = NOW, .only_account = -1, .spend = true};
}

static void take(struct pool *p, int64_t account, int64_t host, int64_t from, int64_t until)
{
    p->busy[p->count++] = (struct mp_busy){from, until, account, 10 * account + host};
}

static struct mp_candidate *choose(struct pool *p, struct mp_arena *arena)
{
    struct mp_candidate *candidates;

    mp_choose(&p->conf, p->states, p->busy, p->count, &p->want, arena, &candidates);
    return candidates;
}

static int host_of(struct pool *p, size_t account, bool inactive_too, enum mp_verdict *verdict)
{
    const char *why;
    int host = mp_choose_host(&p->conf, account, &p->states[account], p->busy, p->count, &p->want, inactive_too, verdict, &why);

    assert_true((host < 0) == (why != NULL));
    return host;
}

static int64_t nearest(struct pool *p, struct mp_arena *arena)
{
    return mp_choose_nearest(arena, &p->conf, p->states, p->busy, p->count, &p->want);
}

static void fewest_meetings_in_the_interval_come_first(void **state)
{
    struct mp_candidate *c;
    struct pool p;

    pool_init(&p, 1, 10, 0);
    take(&p, 1, 1, NOW + HOUR, NOW + 2 * HOUR);
    take(&p, 1, 1, NOW + HOUR, NOW + 2 * HOUR);
    take(&p, 2, 1, NOW + HOUR, NOW + 2 * HOUR);
    /* Many, but none in the interval. */
    for (int i = 0; i < 5; i++)
        take(&p, 3, 1, NOW + 2 * HOUR, NOW + 3 * HOUR);
    c = choose(&p, *state);
    assert_int_equal(c[0].account, 2);
    assert_int_equal(c[1].account, 1);
    assert_int_equal(c[2].account, 0);
    assert_int_equal(c[0].meetings, 0);
    assert_int_equal(c[2].meetings, 2);
    assert_int_equal(c[0].verdict, MP_VERDICT_OPEN);
}

static void then_the_least_recently_used_then_the_order_of_the_configuration(void **state)
{
    struct mp_candidate *c;
    struct pool p;

    pool_init(&p, 1, 10, 0);
    p.states[0].last_used_at = NOW - 1;
    p.states[1].last_used_at = NOW - 1000;
    p.states[2].last_used_at = NOW - 1;
    c = choose(&p, *state);
    assert_int_equal(c[0].account, 1);
    assert_int_equal(c[1].account, 0);
    assert_int_equal(c[2].account, 2);
    p.states[2].last_used_at = 0; /* never used */
    assert_int_equal(choose(&p, *state)[0].account, 2);
}

static void inactive_and_paused_ones_come_last_full_ones_never(void **state)
{
    struct mp_candidate *c;
    struct pool p;

    pool_init(&p, 1, 1, 0);
    p.states[0].inactive_until = NOW + 1;
    p.states[0].inactive_reason = "authentication";
    take(&p, 1, 1, NOW, NOW + HOUR);
    take(&p, 2, 1, NOW + HOUR + MINUTE, NOW + HOUR + 2 * MINUTE);
    p.states[2].paused_until = NOW + 1;
    c = choose(&p, *state);
    assert_int_equal(c[0].account, 0);
    assert_int_equal(c[0].verdict, MP_VERDICT_INACTIVE);
    assert_string_equal(c[0].why, "authentication");
    assert_true(c[0].inactive && c[0].host == 0);
    assert_int_equal(c[1].account, 2);
    assert_int_equal(c[1].verdict, MP_VERDICT_PAUSED);
    assert_int_equal(c[2].account, 1);
    assert_int_equal(c[2].verdict, MP_VERDICT_FULL);
    assert_int_equal(c[2].host, -1);
    p.states[0].inactive_until = NOW; /* over */
    assert_int_equal(choose(&p, *state)[0].verdict, MP_VERDICT_OPEN);
}

static void the_daily_limit_of_account_and_hosts(void **state)
{
    struct mp_candidate *c;
    struct pool p;

    pool_init(&p, 2, 10, 2);
    p.states[0].inactive_until = NOW + 1;
    p.states[0].inactive_reason = "daily_limit";
    p.host_states[1][0].daily_used = p.host_states[1][1].daily_used = 100;
    p.host_states[2][0].daily_used = 100;
    p.host_states[2][1].daily_used = 99;
    c = choose(&p, *state);
    assert_int_equal(c[0].account, 2);
    assert_int_equal(c[0].host, 1);
    assert_int_equal(c[1].verdict, MP_VERDICT_DAILY);
    assert_int_equal(c[2].verdict, MP_VERDICT_DAILY);
    assert_true(c[1].host == -1 && c[2].host == -1);
    p.want.spend = false;
    assert_int_equal(choose(&p, *state)[0].account, 1);
}

static void another_account_was_asked_for(void **state)
{
    struct mp_candidate *c;
    struct pool p;

    pool_init(&p, 1, 1, 0);
    p.want.only_account = 1;
    c = choose(&p, *state);
    assert_int_equal(c[0].account, 1);
    assert_int_equal(c[1].verdict, MP_VERDICT_EXCLUDED);
    assert_int_equal(c[2].verdict, MP_VERDICT_EXCLUDED);
    take(&p, 2, 1, NOW + HOUR, NOW + 2 * HOUR);
    c = choose(&p, *state);
    for (int i = 0; i < 3; i++)
        assert_int_equal(c[i].host, -1);
}

static void the_host_with_the_fewest_meetings_calls_and_uses(void **state)
{
    enum mp_verdict verdict;
    struct pool p;

    (void)state;
    pool_init(&p, 2, 10, 2);
    take(&p, 1, 1, NOW + HOUR, NOW + 2 * HOUR);
    assert_int_equal(host_of(&p, 0, false, &verdict), 1);
    take(&p, 1, 2, NOW + HOUR, NOW + 2 * HOUR);
    p.host_states[0][0].daily_used = 5;
    p.host_states[0][1].daily_used = 6;
    assert_int_equal(host_of(&p, 0, false, &verdict), 0);
    p.host_states[0][1].daily_used = 5;
    p.host_states[0][0].last_used_at = NOW - 1;
    p.host_states[0][1].last_used_at = NOW - 2;
    assert_int_equal(host_of(&p, 0, false, &verdict), 1);
}

static void host_limits_hold_beside_the_account_limit(void **state)
{
    enum mp_verdict verdict;
    struct pool p;

    (void)state;
    pool_init(&p, 2, 10, 1);
    take(&p, 1, 1, NOW + HOUR, NOW + 2 * HOUR);
    take(&p, 1, 2, NOW + 2 * HOUR - 1, NOW + 3 * HOUR);
    assert_int_equal(host_of(&p, 0, false, &verdict), -1);
    assert_int_equal(verdict, MP_VERDICT_FULL);
    p.want.until--;
    assert_int_equal(host_of(&p, 0, false, &verdict), 1);
    p.entries[0].max_concurrent = 1;
    assert_int_equal(host_of(&p, 0, false, &verdict), -1);
}

static void hosts_that_cannot_hold_meetings(void **state)
{
    enum mp_verdict verdict;
    struct pool p;

    (void)state;
    pool_init(&p, 2, 10, 2);
    p.host_states[0][0].inactive_until = NOW + 1;
    assert_int_equal(host_of(&p, 0, false, &verdict), 1);
    p.host_states[0][1].daily_used = 100;
    assert_int_equal(host_of(&p, 0, false, &verdict), -1);
    assert_int_equal(verdict, MP_VERDICT_INACTIVE);
    assert_int_equal(host_of(&p, 0, true, &verdict), 0);
    p.host_states[0][1].daily_used = 1;
    assert_int_equal(host_of(&p, 0, true, &verdict), 1); /* the one that is well, though it has the more calls behind it */
    p.host_states[0][0].inactive_until = p.host_states[0][1].inactive_until = MP_HOST_RULED_OUT;
    assert_int_equal(host_of(&p, 0, true, &verdict), -1);
    assert_int_equal(verdict, MP_VERDICT_INACTIVE);
}

static void nearest_start(void **state)
{
    struct pool p;

    pool_init(&p, 1, 1, 0);
    take(&p, 1, 1, NOW, NOW + 3 * HOUR);
    take(&p, 2, 1, NOW + HOUR, NOW + 2 * HOUR);
    take(&p, 2, 1, NOW + 2 * HOUR + 1, NOW + 5 * HOUR); /* a gap that is too short */
    take(&p, 3, 1, NOW, NOW + 4 * HOUR);
    assert_int_equal(nearest(&p, *state), NOW + 3 * HOUR);
    p.want.only_account = 1;
    assert_int_equal(nearest(&p, *state), NOW + 5 * HOUR);
    p.want.only_account = -1;
    p.want.from -= HOUR; /* two hours long now */
    assert_int_equal(nearest(&p, *state), NOW + 3 * HOUR);
}

static void no_start_fits_in_seven_days(void **state)
{
    struct pool p;

    pool_init(&p, 1, 1, 0);
    for (int i = 1; i <= 3; i++)
        take(&p, i, 1, NOW, p.want.from + REACH + i);
    assert_int_equal(nearest(&p, *state), -1);
    p.busy[1].until = p.want.from + REACH;
    assert_int_equal(nearest(&p, *state), p.want.from + REACH);
}

static void the_start_asked_for_is_the_nearest_where_it_fits(void **state)
{
    struct pool p;

    pool_init(&p, 1, 1, 0);
    assert_int_equal(nearest(&p, *state), p.want.from);
    take(&p, 1, 1, NOW, NOW + 3 * HOUR);
    assert_int_equal(nearest(&p, *state), p.want.from);
}

/* A start that could not be booked now is none that fits. */
static void an_account_whose_day_is_used_up_has_no_nearest_start(void **state)
{
    struct pool p;

    pool_init(&p, 1, 1, 0);
    take(&p, 1, 1, NOW, NOW + 3 * HOUR);
    take(&p, 2, 1, NOW, NOW + 5 * HOUR);
    take(&p, 3, 1, NOW, NOW + 7 * HOUR);
    p.host_states[0][0].daily_used = 100;
    p.states[1].inactive_until = NOW + 1;
    p.states[1].inactive_reason = "daily_limit";
    assert_int_equal(nearest(&p, *state), NOW + 7 * HOUR);
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Tries every minute. */
static int64_t nearest_by_force(struct pool *p, struct mp_arena *arena)
{
    struct mp_choice_request asked = p->want;
    int64_t found = -1;

    for (int64_t at = asked.from; found < 0 && at <= asked.from + 600 * MINUTE; at += MINUTE) {
        p->want.from = at;
        p->want.until = at + (asked.until - asked.from);
        if (choose(p, arena)[0].host >= 0)
            found = at;
    }
    p->want = asked;
    return found;
}

static void nearest_start_against_trying_every_minute(void **state)
{
    struct mp_arena *arena = *state;
    uint32_t seed = 7;

    for (int round = 0; round < 400; round++) {
        struct mp_arena_mark mark = mp_arena_mark(arena);
        struct pool p;

        pool_init(&p, 2, 1 + next_random(&seed) % 4, 1 + next_random(&seed) % 2);
        p.want.from = NOW + next_random(&seed) % 60 * MINUTE;
        p.want.until = p.want.from + (1 + next_random(&seed) % 60) * MINUTE;
        for (int i = 0; i < 80; i++) {
            int64_t from = NOW + next_random(&seed) % 400 * MINUTE;

            take(&p, 1 + next_random(&seed) % 3, 1 + next_random(&seed) % 2, from, from + (1 + next_random(&seed) % 60) * MINUTE);
        }
        assert_int_equal(nearest(&p, arena), nearest_by_force(&p, arena));
        mp_arena_rewind(arena, mark);
    }
}

static void the_reasons_are_told(void **state)
{
    struct json_object *list, *row, *member;
    struct pool p;

    pool_init(&p, 1, 1, 0);
    p.states[1].last_used_at = NOW;
    take(&p, 1, 1, NOW + HOUR, NOW + 2 * HOUR);
    list = mp_choice_json(*state, &p.conf, choose(&p, *state), p.conf.count);
    assert_int_equal(json_object_array_length(list), 3);
    row = json_object_array_get_idx(list, 2);
    assert_true(json_object_object_get_ex(row, "account", &member));
    assert_string_equal(json_object_get_string(member), "account_1");
    assert_true(json_object_object_get_ex(row, "verdict", &member));
    assert_string_equal(json_object_get_string(member), "full");
    assert_true(json_object_object_get_ex(row, "reason", &member) && member != NULL);
}

/* The clinic's account, and what appointments want; two places of each account are kept for them. */
static void dedicate(struct pool *p, size_t account, struct mp_account_kind *appointments)
{
    static const char *tags[] = {"video", "clinic"};

    appointments->kind = "appointment";
    p->entries[account].tags = tags;
    p->entries[account].tags_count = 2;
    p->conf.kinds = appointments;
    p->conf.kinds_count = 1;
    p->conf.reserved = appointments->reserved;
}

static void a_preferred_account_comes_before_emptier_ones_but_not_before_well_ones(void **state)
{
    struct mp_account_kind clinic = {.prefer = "clinic"};
    struct mp_candidate *c;
    struct pool p;

    pool_init(&p, 1, 10, 0);
    dedicate(&p, 2, &clinic);
    take(&p, 3, 1, NOW + HOUR, NOW + 2 * HOUR);
    assert_int_equal(choose(&p, *state)[0].account, 0); /* of no kind */
    p.want.kind = "appointment";
    c = choose(&p, *state);
    assert_int_equal(c[0].account, 2);
    assert_true(c[0].preferred && !c[1].preferred);
    assert_int_equal(c[1].account, 0);
    p.states[2].inactive_until = NOW + 1;
    assert_int_equal(choose(&p, *state)[2].account, 2);
}

static void what_is_demanded_rules_the_others_out(void **state)
{
    struct mp_account_kind clinic = {.demand = "clinic"};
    struct mp_candidate *c;
    struct pool p;

    pool_init(&p, 1, 1, 0);
    dedicate(&p, 1, &clinic);
    p.want.kind = "appointment";
    c = choose(&p, *state);
    assert_int_equal(c[0].account, 1);
    assert_int_equal(c[0].verdict, MP_VERDICT_OPEN);
    for (int i = 1; i < 3; i++) {
        assert_int_equal(c[i].host, -1);
        assert_int_equal(c[i].verdict, MP_VERDICT_UNTAGGED);
    }
    /* The others are free all the time, which helps nobody. */
    take(&p, 2, 1, NOW, NOW + 5 * HOUR);
    assert_int_equal(nearest(&p, *state), NOW + 5 * HOUR);
    p.want.kind = "class";
    assert_int_equal(nearest(&p, *state), NOW + HOUR);
    clinic.demand = "nobody-has-it";
    p.want.kind = "appointment";
    assert_int_equal(nearest(&p, *state), -1);
}

static void the_last_places_are_kept_for_those_they_are_reserved_for(void **state)
{
    struct mp_account_kind clinic = {.reserved = 2};
    enum mp_verdict verdict;
    struct pool p;

    (void)state;
    pool_init(&p, 1, 3, 0);
    dedicate(&p, 0, &clinic);
    p.want.kind = "class";
    assert_int_equal(host_of(&p, 0, false, &verdict), 0);
    take(&p, 1, 1, NOW + HOUR, NOW + 2 * HOUR);
    assert_int_equal(host_of(&p, 0, false, &verdict), -1);
    assert_int_equal(verdict, MP_VERDICT_FULL);
    p.want.kind = NULL;
    assert_int_equal(host_of(&p, 0, false, &verdict), -1);
    p.want.kind = "appointment";
    assert_int_equal(host_of(&p, 0, false, &verdict), 0);
    take(&p, 1, 1, NOW + HOUR, NOW + 2 * HOUR);
    assert_int_equal(host_of(&p, 0, false, &verdict), 0);
    take(&p, 1, 1, NOW + HOUR, NOW + 2 * HOUR);
    assert_int_equal(host_of(&p, 0, false, &verdict), -1);
    /* One after the other takes one place, not two. */
    p.want.kind = "class";
    p.want.from = NOW + 3 * HOUR;
    p.want.until = NOW + 6 * HOUR;
    p.count = 0;
    take(&p, 1, 1, NOW + 2 * HOUR, NOW + 3 * HOUR);
    take(&p, 1, 1, NOW + 6 * HOUR, NOW + 7 * HOUR);
    assert_int_equal(host_of(&p, 0, false, &verdict), 0);
}

static void nothing_is_kept_of_places_that_the_hosts_do_not_have(void **state)
{
    struct mp_account_kind clinic = {.reserved = 2};
    struct pool p;

    (void)state;
    pool_init(&p, 2, 10, 2); /* four in all, whatever the account's own limit says */
    dedicate(&p, 0, &clinic);
    assert_int_equal(mp_account_places(&p.conf, 0, "class"), 2);
    assert_int_equal(mp_account_places(&p.conf, 0, NULL), 2);
    assert_int_equal(mp_account_places(&p.conf, 0, "appointment"), 10);
    p.entries[0].max_concurrent = 3;
    assert_int_equal(mp_account_places(&p.conf, 0, "class"), 1);
    p.entries[0].max_concurrent = 2;
    assert_int_equal(mp_account_places(&p.conf, 0, "class"), 0);
    p.conf.reserved = 5;
    assert_int_equal(mp_account_places(&p.conf, 0, "class"), 0);
    p.conf.reserved = 0;
    assert_int_equal(mp_account_places(&p.conf, 0, "class"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(fewest_meetings_in_the_interval_come_first),
        ARENA_TEST(then_the_least_recently_used_then_the_order_of_the_configuration),
        ARENA_TEST(inactive_and_paused_ones_come_last_full_ones_never),
        ARENA_TEST(the_daily_limit_of_account_and_hosts),
        ARENA_TEST(another_account_was_asked_for),
        ARENA_TEST(the_host_with_the_fewest_meetings_calls_and_uses),
        ARENA_TEST(host_limits_hold_beside_the_account_limit),
        ARENA_TEST(hosts_that_cannot_hold_meetings),
        ARENA_TEST(nearest_start),
        ARENA_TEST(no_start_fits_in_seven_days),
        ARENA_TEST(the_start_asked_for_is_the_nearest_where_it_fits),
        ARENA_TEST(an_account_whose_day_is_used_up_has_no_nearest_start),
        ARENA_TEST(nearest_start_against_trying_every_minute),
        ARENA_TEST(the_reasons_are_told),
        ARENA_TEST(a_preferred_account_comes_before_emptier_ones_but_not_before_well_ones),
        ARENA_TEST(what_is_demanded_rules_the_others_out),
        ARENA_TEST(the_last_places_are_kept_for_those_they_are_reserved_for),
        ARENA_TEST(nothing_is_kept_of_places_that_the_hosts_do_not_have),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
