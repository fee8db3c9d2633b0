#ifndef MEETPOOL_LOG_H
#define MEETPOOL_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "meetpool/attr.h"
#include "meetpool/metrics.h"

/*
 * One JSON object a line on a descriptor (stderr): time, level, event, what the context carries, fields. Everything from outside is
 * escaped (control characters, DEL, U+2028/2029, broken UTF-8), so that no input makes a second line. One write(2) a line. A secret has
 * a type (meetpool/secret.h) that no field macro takes.
 *
 *     mp_log(log, MP_INFO, "meeting.booked", MP_STR("account", name), MP_INT("zoom_ms", elapsed_ms));
 */
enum mp_log_level { MP_DEBUG, MP_INFO, MP_WARNING, MP_ERROR };

enum mp_log_type { MP_LOG_END, MP_LOG_STR, MP_LOG_INT, MP_LOG_BOOL };

struct mp_log_field {
    enum mp_log_type type;
    const char *name;
    const char *text;
    int64_t number;
};

struct mp_log {
    int fd;
    enum mp_log_level level;
    const char *role;       /* "worker", "jobs", "master"; NULL: left out */
    const char *request_id; /* as the two below: NULL where there is none; borrowed */
    const char *user;
    const char *job;
    struct mp_metrics *metrics; /* what is counted beside what is written; NULL: nothing */
};

#define MP_STR(name, value)  ((struct mp_log_field){MP_LOG_STR, (name), (value), 0}) /* NULL is written as null */
#define MP_INT(name, value)  ((struct mp_log_field){MP_LOG_INT, (name), NULL, (int64_t)(value)})
#define MP_BOOL(name, value) ((struct mp_log_field){MP_LOG_BOOL, (name), NULL, (value) ? 1 : 0})

#define mp_log(log, level, event, ...)                                                                                                               \
    mp_log_write((log), (level), (event), (const struct mp_log_field[]){__VA_ARGS__ __VA_OPT__(, ){MP_LOG_END, NULL, NULL, 0}})

void mp_log_write(const struct mp_log *log, enum mp_log_level level, const char *event, const struct mp_log_field *fields);

/* "debug", "info", "warning", "error"; false for anything else. */
bool mp_log_level_parse(const char *text, enum mp_log_level *level);

#endif
