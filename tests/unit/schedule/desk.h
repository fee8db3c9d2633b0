#ifndef TESTS_SCHEDULE_DESK_H
#define TESTS_SCHEDULE_DESK_H

#include "../db/harness.h"

#include "meetpool/account.h"
#include "meetpool/clock.h"
#include "meetpool/meeting.h"
#include "meetpool/schedule.h"

/* Where Zoom is. */
enum zoom_at { ZOOM_OFF, ZOOM_UNREACHABLE, ZOOM_SANDBOX };

/* A context as the process builds it, on empty tables; its arena is the test's own. Workers whose name begins with "dead/" are. */
struct desk {
    struct mp_arena *arena;
    struct mp_error err;
    struct mp_log log;
    struct mp_http *http;
    struct mp_account_conf accounts;
    struct mp_meeting_conf meeting;
    struct mp_ctx ctx;
};
/* `accounts`: lines of configuration. */
struct desk *desk_open(enum zoom_at at, const char *accounts);
void desk_close(struct desk *d);
/* Another worker at the same tables and the same sandbox: a process of its own, which ends after `work`. */
pid_t desk_beside(const char *owner, const char *accounts, void (*work)(struct desk *d, void *arg), void *arg);

/* The bundled far side, started once; skips the test where it was not built. */
void sandbox_start(void);
void sandbox_stop(void);
/* Its control calls; must work. */
const char *sandbox_control(struct desk *d, const char *method, const char *path, const char *body);
/* How many meetings it has now. */
size_t sandbox_meetings(struct desk *d);

/* One hour at 10:00 UTC of day `day` of June 2035. */
struct mp_booking_spec a_class(const char *owner, int day);
struct mp_booking *must_create(struct desk *d, const struct mp_booking_spec *spec);
struct mp_booking *must_find(struct desk *d, const struct mp_booking *booking);
void must(struct desk *d, int rc);
/* Makes what waits due, and runs one round. */
unsigned repair_now(struct desk *d);
int64_t number(struct desk *d, const char *sql_text);
void run_sql(struct desk *d, const char *sql_text);
struct mp_booking_change no_change(void);

#define AT(day, hour, minute) desk_instant(day, hour, minute)
int64_t desk_instant(int day, int hour, int minute); /* June 2035, UTC */

#endif
