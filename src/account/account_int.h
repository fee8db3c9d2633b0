#ifndef ACCOUNT_INT_H
#define ACCOUNT_INT_H

#include "meetpool/account.h"
#include "meetpool/store_account.h"

/* What one process remembers of an account beside its configuration. */
struct account_memory {
    int64_t row;        /* 0: not looked up yet */
    int64_t *host_rows; /* as entry->hosts */
    const char *mark;   /* names the credentials; a stored token of other credentials is not used */
    char *token;        /* the last one seen; malloc'd, wiped before it is freed */
    size_t token_len;
    int64_t token_until; /* monotonic ms: when to look again */
};

/* A person's own Zoom account that this process has met, or (zoom_user_id NULL) an account that is nobody's. */
struct account_guest {
    struct mp_account_entry entry;
    struct mp_host_entry host;
    struct account_memory memory; /* without a token: connections keep their own */
    int64_t host_row;
};

struct mp_account_runtime {
    struct mp_arena *arena; /* the configuration's */
    bool rows_known;        /* what the database has was read once */
    char install_id[16];    /* empty: not read yet */
    struct account_memory *accounts;
    struct account_guest **guests;
    size_t guests_count, guests_room;
};

struct account_memory *account_memory(const struct mp_account_conf *conf, size_t account);
/* As mp_account_by_row(), of accounts that are not the pool's. */
int account_guest_by_row(struct mp_ctx *ctx, int64_t account_row, int64_t host_row, int *host, struct mp_error *err);
/* As account_token(); what Zoom did not say itself has no status in `res`. */
int account_guest_token(struct mp_ctx *ctx, size_t account, int64_t deadline_ms, const struct mp_secret *refused, struct mp_secret *out,
                        bool *fetched, struct mp_zoom_result *res) MP_MUST_CHECK;
void account_fill_state(const struct mp_host_row *row, const struct account_memory *memory, size_t hosts, struct mp_account_state *state);

/* Looks up, and makes where missing, the rows of account and hosts. */
int account_rows(struct mp_ctx *ctx, size_t account, struct mp_error *err) MP_MUST_CHECK;

/* MEETPOOL_DEMAND, MEETPOOL_PREFER, MEETPOOL_RESERVE, as they were set. */
struct account_kind_lists {
    const char *demand, *prefer, *reserve;
};
/* Reads them into `conf`, whose accounts are known; warns of tags that no account has. MP_E_CONFIG. */
int account_kinds_load(struct mp_arena *arena, const struct account_kind_lists *lists, const struct mp_log *log, struct mp_account_conf *conf,
                       struct mp_error *err) MP_MUST_CHECK;
/* `text`: the value of the variable `name`; NULL: unset. MP_E_CONFIG. */
int account_tags_load(struct mp_arena *arena, const char *name, const char *text, struct mp_account_entry *entry, struct mp_error *err) MP_MUST_CHECK;
bool account_has_tag(const struct mp_account_entry *entry, const char *tag);
/* What is wanted for that kind (NULL: "meeting"); never NULL. */
const struct mp_account_kind *account_kind(const struct mp_account_conf *conf, const char *kind);

/* Wipes the token that this process remembers. `memory`: struct account_memory, as mp_arena_defer() hands it. */
void account_forget(void *memory);
/*
 * The shared access token; `refused` (NULL: none) is one that Zoom does not take any more. `fetched`: this call got it from Zoom. 0, or -1 with `res`
 * saying why there is none.
 */
int account_token(struct mp_ctx *ctx, size_t account, int64_t deadline_ms, const struct mp_secret *refused, struct mp_secret *out, bool *fetched,
                  struct mp_zoom_result *res) MP_MUST_CHECK;

/* Logs a failure and writes down what it means for account and host. */
void account_outcome(struct mp_ctx *ctx, size_t account, int host, const struct mp_zoom_result *res);
/* How long a call may take that begins now; 0: it is not worth beginning, and comes to `account_no_time`. */
unsigned account_time_left(int64_t deadline_ms);
extern const struct mp_zoom_result account_no_time;

#endif
