#include "../base/unit.h"

#include <stdio.h>
#include <string.h>

#include "meetpool/clock.h"
#include "meetpool/crypto.h"
#include "webhook_int.h"

#define NOW_S INT64_C(1700000000)

struct here {
    struct mp_arena *arena;
    struct mp_error err;
};

static int setup(void **state)
{
    static struct here here;

    here.arena = mp_arena_new();
    mp_error_init(&here.err, here.arena);
    *state = &here;
    return 0;
}

static int teardown(void **state)
{
    struct here *h = *state;

    mp_arena_free(h->arena);
    return 0;
}

static struct webhook_event decoded(struct here *h, const char *text)
{
    struct webhook_event event;

    if (webhook_event_decode(h->arena, mp_slice_of(text), &event, &h->err) < 0)
        fail_msg("%s: %s", text, mp_error_message(&h->err));
    return event;
}

/* ---- The signature ---- */

static struct mp_webhook_app app_with(struct here *h, const char *secret, const char *former)
{
    struct mp_webhook_app app = {.name = "", .secret = mp_secret_copy(h->arena, mp_slice_of(secret))};

    if (former != NULL)
        app.former = mp_secret_copy(h->arena, mp_slice_of(former));
    return app;
}

static const char *signature_of(struct here *h, const char *secret, const char *stamp, struct mp_slice body)
{
    char *text = mp_arena_printf(h->arena, "v0:%s:%s", stamp, mp_arena_strndup(h->arena, body));
    unsigned char mac[32];

    mp_hmac_sha256(mp_slice_of(secret), (struct mp_slice){text, strlen(text)}, mac);
    return mp_arena_printf(h->arena, "v0=%s", mp_hex(h->arena, mac, sizeof(mac)));
}

static bool taken(struct here *h, const struct mp_webhook_app *app, const char *stamp, const char *signature, struct mp_slice body)
{
    const struct mp_webhook_delivery delivery = {"", body, signature, stamp};
    const struct mp_secret *by;
    int64_t stamp_s;

    mp_error_reset(&h->err);
    by = webhook_verify(h->arena, app, &delivery, &stamp_s, &h->err);
    assert_int_equal(h->err.code, by != NULL ? MP_E_NONE : MP_E_UNAUTHORIZED);
    return by != NULL && webhook_in_time(stamp_s, 5400, NOW_S);
}

/* Made with another program: printf 'v0:1700000000:{"event":"a"}' | openssl dgst -sha256 -hmac secret */
static void a_signature_made_elsewhere_is_taken(void **state)
{
    struct here *h = *state;
    struct mp_webhook_app app = app_with(h, "secret", NULL);

    assert_true(
        taken(h, &app, "1700000000", "v0=1be496df2adacc93543d25a5993dda727212d004692c67537487a83f3ebea1c4", mp_slice_of("{\"event\":\"a\"}")));
}

static void the_window_ends_where_it_says(void **state)
{
    static const struct {
        int64_t stamp_s;
        bool taken;
    } rows[] = {{NOW_S, true}, {NOW_S - 5400, true}, {NOW_S - 5401, false}, {NOW_S + 300, true}, {NOW_S + 301, false}, {0, false}};
    struct here *h = *state;
    struct mp_webhook_app app = app_with(h, "secret", NULL);
    struct mp_slice body = mp_slice_of("{\"event\":\"a\"}");

    for (size_t i = 0; i < MP_COUNT(rows); i++) {
        const char *stamp = mp_arena_printf(h->arena, "%lld", (long long)rows[i].stamp_s);

        assert_int_equal(taken(h, &app, stamp, signature_of(h, "secret", stamp, body), body), rows[i].taken);
    }
}

static void a_stamp_is_a_number(void **state)
{
    static const char *const stamps[] = {"",   "x",     "1700000000x", " 1700000000",   "+1700000000",
                                         "-1", "1.7e9", "01700000000", "1700000000000", "99999999999999999999"};
    struct here *h = *state;
    struct mp_webhook_app app = app_with(h, "secret", NULL);
    struct mp_slice body = mp_slice_of("{\"event\":\"a\"}");

    for (size_t i = 0; i < MP_COUNT(stamps); i++)
        assert_false(taken(h, &app, stamps[i], signature_of(h, "secret", stamps[i], body), body));
    assert_false(taken(h, &app, NULL, signature_of(h, "secret", "1700000000", body), body));
    assert_false(taken(h, &app, "1700000000", NULL, body));
}

static void during_a_roll_both_secrets_sign(void **state)
{
    struct here *h = *state;
    struct mp_webhook_app app = app_with(h, "new", "old");
    struct mp_slice body = mp_slice_of("{\"event\":\"a\"}");

    assert_true(taken(h, &app, "1700000000", signature_of(h, "new", "1700000000", body), body));
    assert_true(taken(h, &app, "1700000000", signature_of(h, "old", "1700000000", body), body));
    assert_false(taken(h, &app, "1700000000", signature_of(h, "new,old", "1700000000", body), body));
    assert_false(taken(h, &app, "1700000000", signature_of(h, "", "1700000000", body), body));
}

/* One bit of the body, the stamp or the signature is another. */
static void ten_thousand_changes_are_refused(void **state)
{
    static const char text[] =
        "{\"event\":\"meeting.ended\",\"event_ts\":1700000000000,\"payload\":{\"object\":{\"id\":\"81234567890\",\"uuid\":\"abc==\"}}}";
    struct here *h = *state;
    struct mp_webhook_app app = app_with(h, "secret", "old");
    const char *signature = signature_of(h, "secret", "1700000000", mp_slice_of(text));
    size_t body_len = strlen(text), stamp_len = 10, all = body_len + stamp_len + strlen(signature);

    assert_true(taken(h, &app, "1700000000", signature, mp_slice_of(text)));
    for (unsigned n = 0; n < 10000; n++) {
        struct mp_arena_mark mark = mp_arena_mark(h->arena);
        char *whole = mp_arena_printf(h->arena, "%s%s%s", text, "1700000000", signature);
        size_t at = n < all * 7 ? n / 7 : (n * 7919U) % all;

        /* The highest bit stays: a NUL would end the text, which headers cannot hold. */
        whole[at] = (char)(whole[at] ^ (1 << n % 7));
        if (whole[at] != '\0')
            assert_false(taken(h, &app, mp_arena_strndup(h->arena, (struct mp_slice){whole + body_len, stamp_len}), whole + body_len + stamp_len,
                               (struct mp_slice){whole, body_len}));
        mp_error_init(&h->err, h->arena);
        mp_arena_rewind(h->arena, mark);
    }
}

/* ---- Events ---- */

static void numbers_come_as_text_and_as_numbers(void **state)
{
    static const struct {
        const char *id;
        int64_t number;
    } rows[] = {{"81234567890", 81234567890},
                {"\"81234567890\"", 81234567890},
                {"9223372036854775807", INT64_MAX},
                {"\"9223372036854775807\"", INT64_MAX},
                {"\"9223372036854775808\"", 0},
                {"0", 0},
                {"-5", 0},
                {"\"-5\"", 0},
                {"\"812x\"", 0},
                {"1.5", 0},
                {"true", 0},
                {"null", 0},
                {"[1]", 0}};
    struct here *h = *state;

    for (size_t i = 0; i < MP_COUNT(rows); i++) {
        struct webhook_event event =
            decoded(h, mp_arena_printf(h->arena, "{\"event\":\"meeting.ended\",\"payload\":{\"object\":{\"id\":%s}}}", rows[i].id));

        assert_int_equal(event.zoom_id, rows[i].number);
        assert_int_equal(webhook_event_usable(&event), rows[i].number > 0);
    }
}

static void each_name_has_its_kind(void **state)
{
    static const struct {
        const char *name;
        enum webhook_kind kind;
    } rows[] = {{"meeting.started", WEBHOOK_STARTED},       {"meeting.ended", WEBHOOK_ENDED},
                {"meeting.updated", WEBHOOK_UPDATED},       {"meeting.recovered", WEBHOOK_RECOVERED},
                {"meeting.deleted", WEBHOOK_DELETED},       {"meeting.permanently_deleted", WEBHOOK_DELETED},
                {"recording.completed", WEBHOOK_RECORDED},  {"recording.transcript_completed", WEBHOOK_RECORDED},
                {"app_deauthorized", WEBHOOK_DEAUTHORIZED}, {"endpoint.url_validation", WEBHOOK_CHALLENGE},
                {"meeting.created", WEBHOOK_OTHER},         {"Meeting.started", WEBHOOK_OTHER},
                {"meeting.started\\u0001", WEBHOOK_OTHER},  {"meeting.starte", WEBHOOK_OTHER}};
    struct here *h = *state;

    for (size_t i = 0; i < MP_COUNT(rows); i++)
        assert_int_equal(decoded(h, mp_arena_printf(h->arena, "{\"event\":\"%s\"}", rows[i].name)).kind, rows[i].kind);
}

static void what_is_kept_holds_no_secret(void **state)
{
    struct here *h = *state;
    struct webhook_event event = decoded(
        h,
        "{\"event\":\"recording.completed\",\"event_ts\":1700000000000,\"download_token\":\"canary\",\"payload\":{\"account_id\":\"a\",\"object\":"
        "{\"id\":5,\"uuid\":\"u==\",\"password\":\"canary\",\"share_url\":\"https://canary\",\"recording_files\":[{\"download_url\":\"canary\"}]}}}");
    const char *kept = webhook_event_encode(h->arena, &event);

    assert_null(strstr(kept, "canary"));
    assert_string_equal(kept, "{\"event\":\"recording.completed\",\"event_ts\":1700000000000,\"payload\":{\"object\":{\"id\":5,\"uuid\":\"u==\"}}}");
}

static void a_change_that_only_zoom_can_tell_of(void **state)
{
    static const struct {
        const char *object;
        bool further;
    } rows[] = {{"{\"id\":5}", false},
                {"{\"id\":5,\"topic\":\"x\",\"duration\":45,\"timezone\":\"UTC\",\"start_time\":\"2031-01-10T10:00:00Z\"}", false},
                {"{\"id\":5,\"password\":\"x\"}", true},
                {"{\"id\":5,\"settings\":{}}", true},
                {"{\"id\":5,\"start_time\":\"soon\"}", true},
                {"{\"id\":5,\"duration\":\"45\"}", true},
                {"{\"id\":5,\"topic\":null}", true}};
    struct here *h = *state;

    for (size_t i = 0; i < MP_COUNT(rows); i++) {
        struct webhook_event event =
            decoded(h, mp_arena_printf(h->arena, "{\"event\":\"meeting.updated\",\"payload\":{\"object\":%s}}", rows[i].object));

        assert_int_equal(event.further, rows[i].further);
        event = decoded(h, webhook_event_encode(h->arena, &event));
        assert_int_equal(event.further, rows[i].further);
    }
}

static void who_removed_the_app_and_when(void **state)
{
    struct here *h = *state;
    struct webhook_event event =
        decoded(h, "{\"event\":\"app_deauthorized\",\"payload\":{\"account_id\":\"acc\",\"user_id\":\"usr\",\"client_id\":\"cli\","
                   "\"deauthorization_time\":\"2019-06-17T13:52:28.632Z\",\"signature\":\"canary\"}}");

    assert_string_equal(event.user_id, "usr");
    assert_string_equal(event.client_id, "cli");
    assert_int_equal(event.at, INT64_C(1560779548632));
    assert_string_equal(webhook_event_subject(h->arena, &event), "usr");
    event = decoded(h, "{\"event\":\"app_deauthorized\",\"payload\":{\"user_id\":\"usr\"}}");
    assert_false(webhook_event_usable(&event));
}

/* ---- Apps ---- */

static void each_app_speaks_of_its_own(void **state)
{
    struct here *h = *state;
    struct mp_webhook_app apps[] = {app_with(h, "a", NULL), app_with(h, "b", NULL)};
    struct mp_webhook_conf conf = {.apps = apps, .count = 2};

    apps[1].name = "account_1";
    assert_true(webhook_app_covers(&conf, "account_1", "account_1"));
    assert_false(webhook_app_covers(&conf, "account_1", "account_2"));
    assert_false(webhook_app_covers(&conf, "account_1", "user"));
    assert_true(webhook_app_covers(&conf, "", "user"));
    assert_true(webhook_app_covers(&conf, "", "account_2"));
    assert_false(webhook_app_covers(&conf, "", "account_1"));
    assert_false(webhook_app_covers(&conf, "", NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_signature_made_elsewhere_is_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(the_window_ends_where_it_says, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stamp_is_a_number, setup, teardown),
        cmocka_unit_test_setup_teardown(during_a_roll_both_secrets_sign, setup, teardown),
        cmocka_unit_test_setup_teardown(ten_thousand_changes_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(numbers_come_as_text_and_as_numbers, setup, teardown),
        cmocka_unit_test_setup_teardown(each_name_has_its_kind, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_kept_holds_no_secret, setup, teardown),
        cmocka_unit_test_setup_teardown(a_change_that_only_zoom_can_tell_of, setup, teardown),
        cmocka_unit_test_setup_teardown(who_removed_the_app_and_when, setup, teardown),
        cmocka_unit_test_setup_teardown(each_app_speaks_of_its_own, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
