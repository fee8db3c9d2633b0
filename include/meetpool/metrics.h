#ifndef MEETPOOL_METRICS_H
#define MEETPOOL_METRICS_H

#include <stdint.h>

#include "meetpool/arena.h"
#include "meetpool/attr.h"

/*
 * Counters in memory that all processes of a daemon share: counted where things happen, read by whoever answers /metrics. They begin at 0 with the
 * daemon and outlast its children. What is true of the whole installation (rows, queues, room) is not counted here but asked of the database.
 *
 * A series is a family and its label values. There is room for a fixed number of them; what finds none is counted in the family's series whose labels
 * are all "other", so that no label from outside can make memory grow.
 *
 * X(name, family, labels, help): labels comma-separated, at most two. Times are histograms in seconds.
 */
#define MP_COUNTERS(X)                                                                                                                               \
    X(HTTP_REQUESTS, "meetpool_http_requests_total", "route,status", "Requests answered, by route and status")                                       \
    X(HTTP_REFUSED, "meetpool_http_refused_total", "pool", "Requests refused unread because all workers were busy")                                  \
    X(BOOKINGS, "meetpool_bookings_total", "outcome", "Tries to book a meeting, by their outcome")                                                   \
    X(ZOOM_CALLS, "meetpool_zoom_calls_total", "operation,class", "Calls to Zoom, by operation and what they came to")                               \
    X(TOKEN_REFRESHES, "meetpool_token_refreshes_total", "kind,outcome", "Access tokens fetched, of accounts of the pool and of people")             \
    X(DB_RETRIES, "meetpool_db_retries_total", "reason", "Transactions run again")                                                                   \
    X(JOBS, "meetpool_jobs_total", "kind,outcome", "Tries of background jobs, by how they ended")                                                    \
    X(RECORDING_BYTES, "meetpool_recording_bytes_total", "", "Bytes of recordings brought home")                                                     \
    X(RECORDING_FILES, "meetpool_recording_files_total", "outcome", "Files of recordings, by what became of them")                                   \
    X(WEBHOOKS, "meetpool_webhook_events_total", "app,outcome", "Events received from Zoom")                                                         \
    X(CHILD_DEATHS, "meetpool_child_deaths_total", "role", "Processes that ended by themselves or were killed")

#define MP_TIMES(X)                                                                                                                                  \
    X(HTTP_TIME, "meetpool_http_request_seconds", "pool", "How long requests took, from the worker that took them to their answer")                  \
    X(ZOOM_TIME, "meetpool_zoom_call_seconds", "operation", "How long calls to Zoom took")                                                           \
    X(JOB_TIME, "meetpool_job_seconds", "kind", "How long tries of background jobs took")

enum mp_metric {
#define MP_METRIC_ENUM(name, family, labels, help) MP_METRIC_##name,
    MP_COUNTERS(MP_METRIC_ENUM) MP_TIMES(MP_METRIC_ENUM)
#undef MP_METRIC_ENUM
        MP_METRIC_COUNT
};

struct mp_metrics;

/* Before the first fork; NULL where there is no memory for it, and everything below takes NULL and does nothing. */
struct mp_metrics *mp_metrics_new(void);
void mp_metrics_free(struct mp_metrics *metrics);

/* Label values are cut at 63 bytes; NULL is "none". Those the family does not have are not looked at. Never fails, never waits. */
void mp_metric_add(struct mp_metrics *metrics, enum mp_metric metric, const char *label1, const char *label2, int64_t n);
void mp_metric_time(struct mp_metrics *metrics, enum mp_metric metric, const char *label, int64_t ms);

/* All families in Prometheus' text format 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/), series in order of their labels. */
char *mp_metrics_text(struct mp_metrics *metrics, struct mp_arena *arena);
/* A label value as that format writes it: backslash, quote and line feed escaped. */
char *mp_metric_label(struct mp_arena *arena, const char *value);

#endif
