#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "meetpool/metrics.h"

static const char *text_of(struct mp_metrics *metrics, struct mp_arena *arena)
{
    return mp_metrics_text(metrics, arena);
}

static void counters(void **state)
{
    struct mp_metrics *metrics = mp_metrics_new();
    struct mp_arena *arena = mp_arena_new();
    const char *text;

    (void)state;
    mp_metric_add(metrics, MP_METRIC_HTTP_REQUESTS, "zoom/meetings/{id}", "200", 2);
    mp_metric_add(metrics, MP_METRIC_HTTP_REQUESTS, "zoom/meetings/{id}", "200", 1);
    mp_metric_add(metrics, MP_METRIC_HTTP_REQUESTS, "zoom/meetings/{id}", "404", 1);
    mp_metric_add(metrics, MP_METRIC_HTTP_REQUESTS, NULL, "a\"b\\c\nd", 1);
    mp_metric_add(metrics, MP_METRIC_RECORDING_BYTES, "not looked at", NULL, 5000000000LL);
    text = text_of(metrics, arena);
    assert_non_null(strstr(text, "# TYPE meetpool_http_requests_total counter\n"));
    assert_non_null(strstr(text, "\nmeetpool_http_requests_total{route=\"zoom/meetings/{id}\",status=\"200\"} 3\n"));
    assert_non_null(strstr(text, "\nmeetpool_http_requests_total{route=\"zoom/meetings/{id}\",status=\"404\"} 1\n"));
    assert_non_null(strstr(text, "\nmeetpool_http_requests_total{route=\"none\",status=\"a\\\"b\\\\c\\nd\"} 1\n"));
    assert_non_null(strstr(text, "\nmeetpool_recording_bytes_total 5000000000\n"));
    mp_arena_free(arena);
    mp_metrics_free(metrics);
}

static void times(void **state)
{
    struct mp_metrics *metrics = mp_metrics_new();
    struct mp_arena *arena = mp_arena_new();
    const char *text;

    (void)state;
    mp_metric_time(metrics, MP_METRIC_HTTP_TIME, "fast", 5);
    mp_metric_time(metrics, MP_METRIC_HTTP_TIME, "fast", 6);
    mp_metric_time(metrics, MP_METRIC_HTTP_TIME, "fast", 700000);
    text = text_of(metrics, arena);
    assert_non_null(strstr(text, "meetpool_http_request_seconds_bucket{pool=\"fast\",le=\"0.005\"} 1\n"));
    assert_non_null(strstr(text, "meetpool_http_request_seconds_bucket{pool=\"fast\",le=\"0.01\"} 2\n"));
    assert_non_null(strstr(text, "meetpool_http_request_seconds_bucket{pool=\"fast\",le=\"600\"} 2\n"));
    assert_non_null(strstr(text, "meetpool_http_request_seconds_bucket{pool=\"fast\",le=\"+Inf\"} 3\n"));
    assert_non_null(strstr(text, "meetpool_http_request_seconds_sum{pool=\"fast\"} 700.011\n"));
    assert_non_null(strstr(text, "meetpool_http_request_seconds_count{pool=\"fast\"} 3\n"));
    mp_arena_free(arena);
    mp_metrics_free(metrics);
}

/* Labels that never end fill the room there is, and no more: what comes later is counted together, and nothing is lost. */
static void bounded(void **state)
{
    struct mp_metrics *metrics = mp_metrics_new();
    struct mp_arena *arena = mp_arena_new();
    long long sum = 0;
    const char *text;

    (void)state;
    for (unsigned i = 0; i < 20000; i++)
        mp_metric_add(metrics, MP_METRIC_BOOKINGS, mp_arena_printf(arena, "outcome %u", i), NULL, 1);
    text = text_of(metrics, arena);
    assert_non_null(strstr(text, "meetpool_bookings_total{outcome=\"other\"} "));
    for (const char *line = strstr(text, "\nmeetpool_bookings_total{"); line != NULL; line = strstr(line + 1, "\nmeetpool_bookings_total{"))
        sum += strtoll(strstr(line, "} ") + 2, NULL, 10);
    assert_int_equal(sum, 20000);
    mp_arena_free(arena);
    mp_metrics_free(metrics);
}

static void several_processes(void **state)
{
    struct mp_metrics *metrics = mp_metrics_new();
    struct mp_arena *arena = mp_arena_new();

    (void)state;
    for (unsigned child = 0; child < 4; child++) {
        if (fork() == 0) {
            for (unsigned i = 0; i < 10000; i++)
                mp_metric_add(metrics, MP_METRIC_WEBHOOKS, "account_1", i % 2 ? "stored" : "known", 1);
            _exit(0);
        }
    }
    while (wait(NULL) > 0)
        continue;
    assert_non_null(strstr(text_of(metrics, arena), "meetpool_webhook_events_total{app=\"account_1\",outcome=\"known\"} 20000\n"
                                                    "meetpool_webhook_events_total{app=\"account_1\",outcome=\"stored\"} 20000\n"));
    mp_arena_free(arena);
    mp_metrics_free(metrics);
}

static void none(void **state)
{
    struct mp_arena *arena = mp_arena_new();

    (void)state;
    mp_metric_add(NULL, MP_METRIC_BOOKINGS, "booked", NULL, 1);
    mp_metric_time(NULL, MP_METRIC_ZOOM_TIME, "create", 1);
    assert_non_null(strstr(text_of(NULL, arena), "# TYPE meetpool_bookings_total counter\n"));
    mp_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters), cmocka_unit_test(times), cmocka_unit_test(bounded), cmocka_unit_test(several_processes), cmocka_unit_test(none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
