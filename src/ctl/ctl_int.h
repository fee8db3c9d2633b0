#ifndef MEETPOOL_CTL_INT_H
#define MEETPOOL_CTL_INT_H

#include "meetpool/arena.h"
#include "meetpool/attr.h"
#include "meetpool/conf.h"
#include "meetpool/ctx.h"
#include "meetpool/db.h"
#include "meetpool/error.h"
#include "meetpool/http.h"
#include "meetpool/log.h"
#include "meetpool/settings.h"

/*
 * The operator's tool: each command is a row of the table in main.c and has a file of its own. What was asked for goes to stdout, what went wrong to
 * stderr, and the exit status is 0 (done), 1 (it failed) or 2 (asked in a wrong way); `check` has its own.
 */
struct ctl {
    struct mp_arena *arena;
    struct mp_log log;
    struct mp_error err;
    const char *config_path; /* NULL: the environment alone */
    int argc;                /* the command's own words, its name first */
    char **argv;
};

int ctl_migrate(struct ctl *ctl);
int ctl_token(struct ctl *ctl);
int ctl_check(struct ctl *ctl);
int ctl_accounts(struct ctl *ctl);
int ctl_jobs(struct ctl *ctl);
int ctl_connections(struct ctl *ctl);
int ctl_rotate_keys(struct ctl *ctl);

/* Prints what ctl->err says, to an operator: with its detail. Returns 1. */
int ctl_failed(const struct ctl *ctl);
/* Prints how it is to be asked. Returns 2. */
int ctl_misused(const char *how);
/* The command takes no words of its own; prints so where there are any. */
bool ctl_plain(const struct ctl *ctl);

/* The settings of one table. */
int ctl_fill(struct ctl *ctl, const struct mp_setting *table, size_t rows, void *out);

/* Everything a command that looks into the pool needs; to be closed in any case. */
struct ctl_pool {
    struct mp_settings *settings;
    struct mp_db *db;
    struct mp_http *http;
    struct mp_zoom *zoom;
    struct mp_ctx ctx;
};
int ctl_pool_open(struct ctl *ctl, struct ctl_pool *pool);
void ctl_pool_close(struct ctl_pool *pool);

/* A table of texts with aligned columns. Cells are borrowed until it is printed; NULL is shown as "-". */
#define TABLE_COLUMNS_MAX 10
struct table {
    struct mp_arena *arena;
    unsigned columns;
    struct table_row *first, *last;
};
void table_init(struct table *table, struct mp_arena *arena, unsigned columns, const char *const *heads);
void table_add(struct table *table, const char *const *cells);
void table_print(const struct table *table);
/* For cells. */
const char *cell_int(struct mp_arena *arena, int64_t value);
const char *cell_time(struct mp_arena *arena, int64_t at_ms); /* NULL for 0 and below */

/* ---- check: its parts ---- */

/* How far clocks may be apart before times in the log, at Zoom and in the database confuse. */
#define CLOCKS_APART_MS 5000

struct check {
    struct ctl *ctl;
    const struct mp_conf_source *source;
    struct mp_settings settings;
    unsigned warnings, errors;
};
/* One line: the variable, why, how to mend it. */
void check_good(struct check *check, const char *variable, const char *fmt, ...) MP_PRINTF(3, 4);
void check_warn(struct check *check, const char *variable, const char *mend, const char *fmt, ...) MP_PRINTF(4, 5);
void check_error(struct check *check, const char *variable, const char *mend, const char *fmt, ...) MP_PRINTF(4, 5);
void check_database(struct check *check);
void check_accounts(struct check *check);
/* Whether what a token may do is enough for each thing we do at Zoom. `scope`: as the token call gave it. */
void check_scopes(struct check *check, const char *account, const char *scope);
/* Secrets, and what came by them. */
void check_webhooks(struct check *check, struct mp_db *db);
/* The clocks of Zoom and S3, and the certificate that people see. */
void check_reach(struct check *check);
/* What this host, its nginx (`nginx`: its configuration; NULL: the usual place) and the daemon's processes ask of each other. */
void check_limits(struct check *check, const char *nginx);
/* The users' app. After check_accounts(). */
void check_app(struct check *check);
/* Where recordings go. */
void check_storage(struct check *check);
void check_stored_keys(struct check *check, struct mp_db *db);

#endif
