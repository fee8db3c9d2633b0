#include "../base/unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "meetpool/account.h"

/* What was loaded, and what was logged meanwhile. */
struct loaded {
    struct mp_account_conf conf;
    struct mp_error err;
    int rc;
    char logged[4096];
};

static void load(struct mp_arena *arena, const char *text, struct loaded *out)
{
    char path[] = "/tmp/meetpool-conf-XXXXXX";
    struct mp_log log = {.level = MP_INFO};
    struct mp_conf_source *source;
    int fd = mkstemp(path);
    ssize_t len;

    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    mp_error_init(&out->err, arena);
    assert_int_equal(mp_conf_open(arena, path, &source, &out->err), 0);
    unlink(path);
    log.fd = memfd_create("log", MFD_CLOEXEC);
    assert_true(log.fd >= 0);
    out->rc = mp_account_conf_load(arena, source, &log, &out->conf, &out->err);
    assert_int_equal(lseek(log.fd, 0, SEEK_SET), 0);
    len = read(log.fd, out->logged, sizeof(out->logged) - 1);
    assert_true(len >= 0);
    out->logged[len] = '\0';
    close(log.fd);
}

#define WHOLE(n, hosts)                                                                                                                              \
    "ZOOM_ACCOUNT_ID_" n "=aid" n "\nZOOM_CLIENT_ID_" n "=cid" n "\nZOOM_CLIENT_SECRET_" n "=secret-" n "\nZOOM_USER_ID_" n "=" hosts "\n"

static void numbered_accounts_with_gaps_come_in_order(void **state)
{
    struct loaded l;

    load(*state, WHOLE("12", "l@x.org") WHOLE("3", "c@x.org") WHOLE("7", "g@x.org") WHOLE("9999", "z@x.org"), &l);
    assert_int_equal(l.rc, 0);
    assert_int_equal(l.conf.count, 4);
    assert_string_equal(l.conf.accounts[0].name, "account_3");
    assert_string_equal(l.conf.accounts[1].name, "account_7");
    assert_string_equal(l.conf.accounts[2].name, "account_12");
    assert_string_equal(l.conf.accounts[3].name, "account_9999");
    assert_string_equal(l.conf.accounts[1].account_id, "aid7");
    assert_string_equal(l.conf.accounts[1].client_id, "cid7");
    assert_true(mp_slice_eq_text(mp_secret_expose(&l.conf.accounts[1].client_secret), "secret-7"));
    assert_string_equal(l.conf.accounts[1].hosts[0].user, "g@x.org");
    assert_int_equal(mp_account_find(&l.conf, "account_12"), 2);
    assert_int_equal(mp_account_find(&l.conf, "account_1"), -1);
    assert_int_equal(mp_account_find(&l.conf, ""), -1);
    assert_string_equal(l.logged, "");
}

static void an_account_that_lacks_a_value_is_left_out_and_the_variable_named(void **state)
{
    static const char *const families[] = {"ZOOM_ACCOUNT_ID", "ZOOM_CLIENT_ID", "ZOOM_CLIENT_SECRET", "ZOOM_USER_ID"};

    for (size_t missing = 0; missing < 4; missing++) {
        const char *text = WHOLE("1", "a@x.org"), *name = mp_arena_printf(*state, "%s_2", families[missing]);
        struct loaded l;

        for (size_t i = 0; i < 4; i++)
            text = mp_arena_printf(*state, "%s%s_2=%s\n", text, families[i], i == missing ? "" : "given-value");
        load(*state, text, &l);
        assert_int_equal(l.rc, 0);
        assert_int_equal(l.conf.count, 1);
        assert_non_null(strstr(l.logged, name));
        assert_non_null(strstr(l.logged, "account_2"));
        assert_null(strstr(l.logged, "given-value"));
    }
}

static void names_that_only_look_like_numbers_make_no_account(void **state)
{
    static const char *const numbers[] = {"0", "01", "1x", "-1", "10000", "99999999999999999999", "", "X"};
    struct loaded l;

    for (size_t i = 0; i < MP_COUNT(numbers); i++) {
        load(*state, mp_arena_printf(*state, "ZOOM_ACCOUNT_ID_%s=a\n%s", i == 3 ? "M1" : numbers[i], WHOLE("1", "a@x.org")), &l);
        assert_int_equal(l.rc, 0);
        assert_int_equal(l.conf.count, 1);
    }
}

static void unnumbered_variables_are_account_1_where_there_is_no_numbered_one(void **state)
{
    static const char plain[] = "ZOOM_ACCOUNT_ID=aid\nZOOM_CLIENT_ID=cid\nZOOM_CLIENT_SECRET=s\n";
    struct loaded l;

    load(*state, plain, &l);
    assert_int_equal(l.conf.count, 1);
    assert_string_equal(l.conf.accounts[0].name, "account_1");
    assert_string_equal(l.conf.accounts[0].hosts[0].user, "me");
    assert_int_equal(l.conf.accounts[0].max_concurrent, 10);
    load(*state, mp_arena_printf(*state, "%sZOOM_USER_ID=h@x.org\nZOOM_MAX_CONCURRENT_1=3\n", plain), &l);
    assert_string_equal(l.conf.accounts[0].hosts[0].user, "h@x.org");
    assert_int_equal(l.conf.accounts[0].max_concurrent, 3);
    load(*state, mp_arena_printf(*state, "%s%s", plain, WHOLE("4", "d@x.org")), &l);
    assert_int_equal(l.conf.count, 1);
    assert_string_equal(l.conf.accounts[0].name, "account_4");
    load(*state, "ZOOM_CLIENT_ID=cid\nZOOM_CLIENT_SECRET=s\nZOOM_REDIRECT_URI=https://x.org/cb\n", &l);
    assert_int_equal(l.conf.count, 0);
    assert_true(l.conf.oauth_configured);
    assert_string_equal(l.logged, "");
    load(*state, "ZOOM_ACCOUNT_ID=aid\nZOOM_CLIENT_ID=cid\n", &l);
    assert_int_equal(l.conf.count, 0);
    assert_non_null(strstr(l.logged, "\"ZOOM_CLIENT_SECRET\""));
}

static void several_hosts_and_their_limit(void **state)
{
    struct loaded l;

    load(*state,
         WHOLE("1", "a@x.org") WHOLE("2", "\" a@x.org ,, b@x.org,\"") WHOLE("3", "a@x.org,b@x.org")
             WHOLE("4", "a@x.org") "ZOOM_HOST_MAX_CONCURRENT_3=1\nZOOM_HOST_MAX_CONCURRENT_4=5\n",
         &l);
    assert_int_equal(l.rc, 0);
    assert_int_equal(l.conf.accounts[0].host_max_concurrent, 0);
    assert_int_equal(l.conf.accounts[1].hosts_count, 2);
    assert_string_equal(l.conf.accounts[1].hosts[0].user, "a@x.org");
    assert_string_equal(l.conf.accounts[1].hosts[1].user, "b@x.org");
    assert_int_equal(l.conf.accounts[1].host_max_concurrent, 2);
    assert_int_equal(l.conf.accounts[2].host_max_concurrent, 1);
    assert_int_equal(l.conf.accounts[3].host_max_concurrent, 5);
}

/* Twice in the list it would have twice the room that it has at Zoom. */
static void a_host_named_twice_counts_once(void **state)
{
    struct loaded l;

    load(*state, WHOLE("1", "a@x.org,b@x.org,A@X.org,a@x.org"), &l);
    assert_int_equal(l.rc, 0);
    assert_int_equal(l.conf.accounts[0].hosts_count, 2);
    assert_non_null(strstr(l.logged, "account.host_twice"));
    assert_non_null(strstr(l.logged, "A@X.org"));
    assert_null(strstr(l.logged, "b@x.org"));
}

static void a_limit_for_no_account_is_warned_of(void **state)
{
    struct loaded l;

    load(*state, WHOLE("1", "a@x.org") "ZOOM_MAX_CONCURRENT_1=3\nZOOM_HOST_MAX_CONCURRENT_1=1\n", &l);
    assert_int_equal(l.rc, 0);
    assert_string_equal(l.logged, "");
    load(*state, WHOLE("1", "a@x.org") "ZOOM_MAX_CONCURRENT_2=3\nZOOM_HOST_MAX_CONCURRENT_01=1\n", &l);
    assert_int_equal(l.rc, 0);
    assert_non_null(strstr(l.logged, "\"ZOOM_MAX_CONCURRENT_2\""));
    assert_non_null(strstr(l.logged, "\"ZOOM_HOST_MAX_CONCURRENT_01\""));
}

static void wrong_limits_stop_the_start_and_name_the_variable(void **state)
{
    static const char *const lines[] = {"ZOOM_MAX_CONCURRENT_1=0",
                                        "ZOOM_MAX_CONCURRENT_1=-1",
                                        "ZOOM_MAX_CONCURRENT_1=ten",
                                        "ZOOM_MAX_CONCURRENT_1=10001",
                                        "ZOOM_MAX_CONCURRENT_1=1.5",
                                        "ZOOM_HOST_MAX_CONCURRENT_1=0",
                                        "ZOOM_HOST_MAX_CONCURRENT_1=x",
                                        "ZOOM_USER_ID_1=\",\"",
                                        "ZOOM_DAILY_LIMIT=0",
                                        "ZOOM_TAGS_1=two words",
                                        "ZOOM_TAGS_1=a/b",
                                        "MEETPOOL_DEMAND=appointment",
                                        "MEETPOOL_DEMAND=appointment=",
                                        "MEETPOOL_DEMAND==clinic",
                                        "MEETPOOL_DEMAND=visit=clinic",
                                        "MEETPOOL_DEMAND=class=a,class=b",
                                        "MEETPOOL_PREFER=class=a b",
                                        "MEETPOOL_RESERVE=class=0",
                                        "MEETPOOL_RESERVE=class=two",
                                        "MEETPOOL_RESERVE=class=1,class=1",
                                        "MEETPOOL_RESERVE=class=10001",
                                        "MEETPOOL_RESERVE=2"};
    struct loaded l;

    for (size_t i = 0; i < MP_COUNT(lines); i++) {
        const char *equals = strchr(lines[i], '=');

        load(*state, mp_arena_printf(*state, "%s%s\n", WHOLE("1", "a@x.org"), lines[i]), &l);
        assert_int_equal(l.rc, -1);
        assert_int_equal(l.err.code, MP_E_CONFIG);
        assert_non_null(strstr(mp_error_message(&l.err), mp_arena_printf(*state, "%.*s", (int)(equals - lines[i]), lines[i])));
    }
}

static void defaults(void **state)
{
    struct loaded l;

    load(*state, "", &l);
    assert_int_equal(l.rc, 0);
    assert_true(l.conf.enabled);
    assert_int_equal(l.conf.count, 0);
    assert_int_equal(l.conf.daily_limit, 100);
    assert_int_equal(l.conf.cooldown_s, 300);
    assert_false(l.conf.oauth_configured);
    load(*state, "ZOOM_ENABLED=false\nZOOM_OAUTH_CLIENT_ID=a\nZOOM_OAUTH_CLIENT_SECRET=b\n", &l);
    assert_false(l.conf.enabled);
    assert_true(l.conf.oauth_configured);
}

static void tags_and_what_the_kinds_of_bookings_want(void **state)
{
    struct loaded l;

    load(*state,
         WHOLE("1", "a@x.org") WHOLE("2", "b@x.org") "ZOOM_TAGS_2=\" clinic ,, large.rooms \"\nMEETPOOL_DEMAND=\"appointment = clinic\"\n"
                                                     "MEETPOOL_PREFER=class=large.rooms,meeting=clinic\nMEETPOOL_RESERVE=appointment=2,interview=1\n",
         &l);
    assert_int_equal(l.rc, 0);
    assert_string_equal(l.logged, "");
    assert_int_equal(l.conf.accounts[0].tags_count, 0);
    assert_int_equal(l.conf.accounts[1].tags_count, 2);
    assert_string_equal(l.conf.accounts[1].tags[0], "clinic");
    assert_string_equal(l.conf.accounts[1].tags[1], "large.rooms");
    assert_int_equal(l.conf.kinds_count, 4);
    assert_string_equal(l.conf.kinds[0].kind, "appointment");
    assert_string_equal(l.conf.kinds[0].demand, "clinic");
    assert_null(l.conf.kinds[0].prefer);
    assert_int_equal(l.conf.kinds[0].reserved, 2);
    assert_string_equal(l.conf.kinds[1].prefer, "large.rooms");
    assert_int_equal(l.conf.reserved, 3);
    load(*state, WHOLE("1", "a@x.org") "ZOOM_TAGS_1=clinic\nZOOM_TAGS_2=clinic\nMEETPOOL_DEMAND=appointment=clinics\n", &l);
    assert_int_equal(l.rc, 0);
    assert_non_null(strstr(l.logged, "account.no_such_tag"));
    assert_non_null(strstr(l.logged, "\"clinics\""));
    assert_non_null(strstr(l.logged, "\"ZOOM_TAGS_2\""));
}

/* The environment of whoever runs the tests is none of theirs. */
static void forget_environment(void)
{
    static const char *const names[] = {"ZOOM_ACCOUNT_ID",  "ZOOM_CLIENT_ID",  "ZOOM_CLIENT_SECRET", "ZOOM_USER_ID",    "ZOOM_ENABLED",
                                        "ZOOM_DAILY_LIMIT", "MEETPOOL_DEMAND", "MEETPOOL_PREFER",    "MEETPOOL_RESERVE"};

    for (size_t i = 0; i < MP_COUNT(names); i++)
        unsetenv(names[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(numbered_accounts_with_gaps_come_in_order),
        ARENA_TEST(an_account_that_lacks_a_value_is_left_out_and_the_variable_named),
        ARENA_TEST(names_that_only_look_like_numbers_make_no_account),
        ARENA_TEST(unnumbered_variables_are_account_1_where_there_is_no_numbered_one),
        ARENA_TEST(several_hosts_and_their_limit),
        ARENA_TEST(a_host_named_twice_counts_once),
        ARENA_TEST(a_limit_for_no_account_is_warned_of),
        ARENA_TEST(wrong_limits_stop_the_start_and_name_the_variable),
        ARENA_TEST(defaults),
        ARENA_TEST(tags_and_what_the_kinds_of_bookings_want),
    };

    forget_environment();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
