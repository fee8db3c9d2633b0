#ifndef BOOK_INT_H
#define BOOK_INT_H

#include "meeting_int.h"

/* The Zoom account that a person has connected; looked up once for all bookings of that person in a piece of work. */
struct own_account {
    const char *sub;      /* NULL: not looked up */
    int account;          /* -1: none was ever connected, or it was disconnected */
    const char *email;    /* at Zoom */
    const char *dead;     /* why it cannot be called for; NULL: it can */
    int64_t connected_at; /* the last time */
};

/*
 * The steps of a booking, of one or of many at once:
 *
 *   resume     -> there is a meeting, or nothing is left of an earlier try
 *   open       -> described, surveyed: the accounts stand in order
 *   reserve    -> a place is taken at the next account that has one   } until it is made
 *   call       -> Zoom answers, or not                                } or no account
 *   conclude   -> made and written down, or the place is given back   } is left
 *   end        -> the meeting, or why there is none
 */
struct booking {
    struct mp_ctx *ctx;
    const struct mp_meeting_spec *spec;
    const struct mp_meeting_row *replaces; /* the meeting that is moved; NULL: none */
    const char *unit_key;
    int64_t now_ms, deadline_ms;
    int64_t lease_ms;              /* of its places */
    int64_t settle_until_ms;       /* monotonic; how long the record of what Zoom has made is tried to be written; 0: as long as the place is ours */
    struct meeting_seen *seen;     /* NULL: Zoom's lists are read anew for each search */
    const struct mp_busy *planned; /* places that count beside those in the database */
    size_t planned_count;
    struct mp_choice_request want;
    struct mp_account_state *states; /* NULL: not read yet */
    struct mp_busy *busy;
    size_t busy_count;
    struct own_account *own;
    struct mp_account_state own_state;
    struct mp_candidate *candidates; /* the pool's, and the host's own */
    size_t candidates_count;
    size_t next;    /* of the candidates, gone through twice, the one to be tried next */
    unsigned looks; /* how often the accounts were looked at again because rivals came first */
    bool overtaken;

    struct mp_meeting_row row; /* id 0: not stored yet */
    struct mp_place_row place; /* of the present try */
    struct mp_candidate *trying;
    int64_t lease_ends_ms; /* its lease; monotonic */
    struct mp_secret start_url;
};

/* One create, as it is asked and answered. */
struct create_call {
    const char *host;
    struct mp_zoom_meeting_spec spec;
    struct mp_zoom_meeting made;
};

/*
 * A unit of work that was begun before, by a process that died: what it has left behind is finished or given up before anything is made again.
 * 1: there is a meeting, 0: begin anew, -1 failed.
 */
int booking_resume(struct booking *b, struct mp_meeting **out, struct mp_error *err) MP_MUST_CHECK;
/* Looks, without a lock, at how everything stands and puts the accounts in order. */
int booking_open(struct booking *b, struct mp_error *err) MP_MUST_CHECK;
/* Places of an account (0: of the pool's), with what is planned. */
int booking_busy(struct booking *b, int64_t account_row, int64_t until, struct mp_busy **busy, size_t *count, struct mp_error *err) MP_MUST_CHECK;
/* How an account stands, the pool's or the host's own. */
struct mp_account_state *booking_state(struct booking *b, size_t account);

int own_look_up(struct mp_ctx *ctx, const char *sub, struct own_account *own, struct mp_error *err) MP_MUST_CHECK;
/* Puts the host's own account among the candidates: in front of the pool, or behind where it is not well at the moment. */
int booking_add_own(struct booking *b, struct mp_error *err) MP_MUST_CHECK;
/* That candidate; NULL: there is none. */
const struct mp_candidate *booking_own(const struct booking *b);
/* Takes `nearest` (-1: none yet) to where the own account takes it sooner; looks up to `until`. */
int booking_nearest_own(struct booking *b, int64_t until, int64_t *nearest, struct mp_error *err) MP_MUST_CHECK;

/* Where a dry run would go: `b->trying`. */
int booking_predict(struct booking *b, struct mp_meeting **out, struct mp_error *err) MP_MUST_CHECK;
/* Takes a place at the next account that has one: 1 taken, 0 no account is left, -1 the database failed. */
int booking_reserve(struct booking *b, struct mp_error *err) MP_MUST_CHECK;
/* What Zoom is asked for. */
int booking_call(struct booking *b, struct create_call *call, struct mp_error *err) MP_MUST_CHECK;
/* Whether Zoom may have made it all the same. */
bool booking_unclear(const struct mp_zoom_result *res);
/* Writes what Zoom made, once, in or outside a transaction. Does no harm where it is written already. */
int booking_hold(struct booking *b, const struct mp_zoom_meeting *made, struct mp_error *err) MP_MUST_CHECK;
/* 1 made, 0 not there: the next account may do, -1 the database failed. */
int booking_conclude(struct booking *b, const struct create_call *call, const struct mp_zoom_result *res, struct mp_error *err) MP_MUST_CHECK;
/* `rc`: 1 made, 0 no account could, -1 failed with `err`. What is stored of a failure says so. */
int booking_end(struct booking *b, int rc, struct mp_meeting **out, struct mp_error *err) MP_MUST_CHECK;

#endif
