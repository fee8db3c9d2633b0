#ifndef MEETPOOL_MEETING_H
#define MEETPOOL_MEETING_H

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stdint.h>

#include "meetpool/account.h"
#include "meetpool/conf.h"
#include "meetpool/ctx.h"
#include "meetpool/error.h"
#include "meetpool/secret.h"
#include "meetpool/store_meeting.h"

/*
 * Meetings: the record in the database is what is wanted; Zoom follows, now or by repair.
 *
 * A booking takes a *place* at a host in one transaction (account row written, overlaps counted, record and place written as `creating`), then calls
 * Zoom with no lock held, then writes what Zoom said. If the process dies in between, the place says so: its marker, first in the meeting's agenda at
 * Zoom, is searched there before anything is made again. The marker is `[mp:<installation>:<place>]`; lists cut the agenda at 250 characters, so it
 * stands in front.
 *
 *   creating  -> held      Zoom made it
 *   creating  -> free      Zoom definitely did not
 *   creating  -> lost      it is not known; the booking went on elsewhere or failed; looked for, deleted if it turns up
 *   held      -> deleting  it is to go; taken until Zoom says so
 *   deleting, lost -> free
 */
struct mp_meeting_conf {
    int64_t grace_s;       /* MEETPOOL_MEETING_GRACE: kept free after a meeting */
    int64_t retry_delay_s; /* MEETPOOL_RETRY_DELAY */
};
extern const struct mp_setting mp_meeting_settings[];
extern const size_t mp_meeting_settings_rows;

struct mp_meeting {
    struct mp_meeting_row row;
    int account;                /* index in the configuration; -1: not (any more) configured */
    int host;                   /* index in the account; -1 as above */
    const char *account_name;   /* NULL as above; MP_ACCOUNT_GUEST where its host's own account holds it */
    bool own;                   /* the host's own Zoom account holds it */
    const char *not_own;        /* only right after it was made: why the pool holds it though its host has connected an account; NULL */
    struct mp_secret start_url; /* only right after it was made */
};

struct mp_meeting_spec {
    const char *owner_sub;
    const char *host_sub;                             /* host_user_id; NULL */
    const char *own_sub;                              /* whose own Zoom account comes first; NULL: the host's */
    bool pool_only;                                   /* nobody's own */
    int64_t type;                                     /* 1: now, 2: scheduled */
    const char *kind;                                 /* of the booking it is for; NULL: "meeting", for none */
    const char *topic, *agenda, *timezone, *password; /* agenda, password may be NULL */
    int64_t starts_at;                                /* type 2 */
    int64_t duration_min;
    struct json_object *settings; /* as Zoom names them; NULL: none */
    int account;                  /* index; -1: any */
    bool dry_run;
};

/* Whether there is anything to book with: MP_E_ZOOM_DISABLED, MP_E_ZOOM_NOT_CONFIGURED where there is not. */
int mp_meeting_usable(const struct mp_account_conf *conf, struct mp_error *err) MP_MUST_CHECK;
/*
 * Books: at the own Zoom account of the host where one is connected and has room, else in the pool. Errors: MP_E_NO_CAPACITY with the nearest start
 * that fits as a detail; MP_E_NO_ACCOUNT with each account's reason; MP_E_ZOOM_DISABLED, MP_E_ZOOM_NOT_CONFIGURED. After a failure no meeting exists
 * and none is made later. With `dry_run` the answer has no id and nothing is stored.
 */
int mp_meeting_book(struct mp_ctx *ctx, const struct mp_meeting_spec *spec, struct mp_meeting **out, struct mp_error *err) MP_MUST_CHECK;

/*
 * Books several at once: places are taken one after another, in order, then Zoom is called for all of them in parallel, then what it said is written;
 * one that failed at its account is tried at others as a single booking would be, while time is left. Each has its own outcome: `meeting`, or NULL
 * and `err`. `unit_key` names each as ctx->unit_key does (NULL: it has no name). A dry run (in every spec or in none) predicts what the real run then
 * does, each counting on those before it. Zoom is called for 14 s at most, the whole takes 30 s at most. -1: nothing was begun, as the database
 * failed or there is nothing to book with (MP_E_ZOOM_DISABLED, MP_E_ZOOM_NOT_CONFIGURED).
 */
struct mp_meeting_item {
    struct mp_meeting_spec spec;
    const char *unit_key;
    struct mp_meeting *meeting;
    struct mp_error err;
};
int mp_meeting_book_many(struct mp_ctx *ctx, struct mp_meeting_item *items, size_t count, struct mp_error *err) MP_MUST_CHECK;

/* By its row. 1 found (in whatever status), 0 none, -1 failed. */
int mp_meeting_by_row(struct mp_ctx *ctx, int64_t id, struct mp_meeting **out, struct mp_error *err) MP_MUST_CHECK;
/* Several by their rows; `out[i]` is NULL where there is no `ids[i]` (0: none is asked for). */
int mp_meeting_by_rows(struct mp_ctx *ctx, const int64_t *ids, size_t count, struct mp_meeting **out, struct mp_error *err) MP_MUST_CHECK;
/* By Zoom's number. 1 found, 0 none (also for a deleted or failed one), -1 failed. */
int mp_meeting_by_zoom_id(struct mp_ctx *ctx, int64_t zoom_id, struct mp_meeting **out, struct mp_error *err) MP_MUST_CHECK;
/* Asks Zoom and makes the record true. MP_E_NOT_FOUND where it is gone there (then the record says deleted). */
int mp_meeting_refresh(struct mp_ctx *ctx, struct mp_meeting *meeting, struct mp_error *err) MP_MUST_CHECK;
/* A start URL fetched now. */
int mp_meeting_start_url(struct mp_ctx *ctx, const struct mp_meeting *meeting, struct mp_secret *url, struct mp_error *err) MP_MUST_CHECK;

/* Members that are NULL or negative stay as they are. */
struct mp_meeting_change {
    const char *host_sub; /* from another person's own Zoom account it moves; in the pool it stays where it is */
    const char *topic, *agenda, *timezone, *password;
    int64_t starts_at, duration_min;
    struct json_object *settings; /* merged over what was asked before */
};
/* What a caller should tell beside the success. */
struct mp_meeting_outcome {
    const char *zoom_failed; /* Zoom does not know yet; it will be told; NULL: it knows */
    bool moved;              /* to another host or account: Zoom's number and the join URL are new */
};
/* MP_E_NO_CAPACITY leaves it as it was; MP_E_ZOOM_FAILED where Zoom refused: as it was, too. `*meeting` is replaced by the one that holds now. */
int mp_meeting_change(struct mp_ctx *ctx, struct mp_meeting **meeting, const struct mp_meeting_change *change, struct mp_meeting_outcome *outcome,
                      struct mp_error *err) MP_MUST_CHECK;
/* MP_E_CONFLICT while it runs. */
int mp_meeting_delete(struct mp_ctx *ctx, struct mp_meeting *meeting, struct mp_meeting_outcome *outcome, struct mp_error *err) MP_MUST_CHECK;
/* MP_E_ZOOM_FAILED where Zoom does not answer. */
int mp_meeting_end(struct mp_ctx *ctx, struct mp_meeting *meeting, struct mp_error *err) MP_MUST_CHECK;

/* From its host's own Zoom account to the pool, with a new number and join URL, at the same time. Nothing where it is in the pool. */
int mp_meeting_to_pool(struct mp_ctx *ctx, struct mp_meeting **meeting, struct mp_meeting_outcome *outcome, struct mp_error *err) MP_MUST_CHECK;

/* What a failed booking says in one sentence, the details with it; and the nearest start that fits which MP_E_NO_CAPACITY names (-1: none). */
const char *mp_meeting_refusal(struct mp_arena *arena, const struct mp_error *why);
int64_t mp_meeting_nearest(const struct mp_error *why);

/*
 * Empties an account of the pool: its meetings to come, soonest first, go to other accounts, at the same time, with a new number and join URL. Each
 * is booked there before the old one is deleted; what Zoom does not delete now repair deletes. The account is cordoned first. One that fits nowhere
 * stays, as do those that run. Takes some 20 s at most and looks at MP_EVACUATION_MAX; a repeat goes on. `from`: only those that start then or later,
 * so that it goes on behind those that stay; -1: all. A dry run predicts, each counting on those before it, and changes nothing. Errors as
 * mp_meeting_book_many().
 */
#define MP_EVACUATION_MAX 200
struct mp_evacuated {
    struct mp_meeting_row old; /* as it was */
    struct mp_meeting *to;     /* the one that took its place, in a dry run without a number; NULL: it stays */
    const char *why;           /* a sentence; NULL where it goes */
    int64_t nearest_start;     /* that would fit elsewhere; -1: none is known */
};
struct mp_evacuation {
    struct mp_evacuated *items;
    size_t count, moved;
    int64_t remaining; /* to come on the account after it, being made there included */
};
int mp_meeting_evacuate(struct mp_ctx *ctx, int account, int64_t from, bool dry_run, struct mp_evacuation *out, struct mp_error *err) MP_MUST_CHECK;

struct mp_meeting_filter {
    const char *viewer; /* owner or host; NULL: everybody's (admin) */
    int status;         /* enum mp_meeting_status, or -1: all but deleted and failed */
    int account;        /* index, or -1 */
    int64_t from, to;   /* of the start: from <= start < to; -1: open */
    bool first;
    int64_t before_start, before_id; /* the last one of the page before */
    unsigned limit;
};
/* Latest start first. */
int mp_meeting_list(struct mp_ctx *ctx, const struct mp_meeting_filter *filter, struct mp_meeting **out, size_t *count,
                    struct mp_error *err) MP_MUST_CHECK;

/* ---- What Zoom tells of its own accord ---- */

/* By Zoom's number, in whatever status; not led on to the one that took its place. 1 found, 0 none, -1 failed. */
int mp_meeting_told_of(struct mp_ctx *ctx, int64_t zoom_id, struct mp_meeting **out, struct mp_error *err) MP_MUST_CHECK;

enum mp_meeting_news {
    MP_NEWS_NONE,    /* the record says so, or something later, already */
    MP_NEWS_CHANGED, /* it says so now */
    MP_NEWS_DOUBT    /* begun about when it was written down that it had ended: ask Zoom */
};
/*
 * In a transaction: that meeting began, or ended. `uuid`: that occurrence's; NULL where it was not said. One that has ended may begin once more, as
 * another occurrence, and then takes its place once more; a deleted one does not come back. Whether later news of it is known already is the caller's
 * to look at. 0 or -1.
 */
int mp_meeting_began(struct mp_db *db, struct mp_arena *arena, int64_t row, const char *uuid, int64_t started_at, enum mp_meeting_news *news,
                     struct mp_error *err) MP_MUST_CHECK;
int mp_meeting_ended(struct mp_db *db, struct mp_arena *arena, int64_t row, const char *uuid, int64_t started_at, int64_t ended_at,
                     enum mp_meeting_news *news, struct mp_error *err) MP_MUST_CHECK;

struct mp_meeting_look {
    bool agrees;  /* the record says what Zoom says */
    bool changed; /* it did not before */
    /* Where it could not be made to agree: */
    bool passing; /* it may go better by itself */
    const char *why;
    int64_t wait_ms; /* not to be tried sooner */
};
/* What Zoom has told, which makes a difference where the record is over: one that was held is deleted, one that was deleted is scheduled again. */
enum mp_meeting_told { MP_TOLD_CHANGED, MP_TOLD_DELETED, MP_TOLD_RECOVERED };
/* Asks Zoom, for 4 s at most, and makes the record true. */
int mp_meeting_look(struct mp_ctx *ctx, struct mp_meeting *meeting, enum mp_meeting_told told, struct mp_meeting_look *look,
                    struct mp_error *err) MP_MUST_CHECK;
/* Whether a number that no record has may be that of a meeting which is being made just now. 1, 0, -1. */
int mp_meeting_making(struct mp_ctx *ctx, struct mp_error *err) MP_MUST_CHECK;

/* ---- Repair (the job runner) ---- */

/* Looks after places that are due: makes Zoom and the record agree. `done`: how many were looked at. */
int mp_meeting_repair(struct mp_ctx *ctx, unsigned *done, struct mp_error *err) MP_MUST_CHECK;
/* Reads one host's meetings at Zoom, of the host longest not looked at: adopts what bears our marker and the database does not know, deletes what the
 * database knows as lost. 1: one was swept, 0: none is due. */
int mp_meeting_sweep(struct mp_ctx *ctx, struct mp_error *err) MP_MUST_CHECK;

#endif
