#ifndef MEETPOOL_SANDBOX_HOOKS_H
#define MEETPOOL_SANDBOX_HOOKS_H

#include "recording.h"
#include "sandbox_int.h"

/*
 * Webhooks: who wants to hear of what, what is to be said, and the thread that says it.
 *
 * An event becomes one delivery for each subscription that wants it. A delivery is sent when it is due by the sandbox's clock, again 5, 20 and 60
 * minutes after a failure (knob webhook_minute_ms: how long such a minute is), and then given up. Source: developers.zoom.us/docs/api/webhooks/, as
 * of 2026-02-07. Everything here is under the state's lock; the thread holds it only between calls.
 */
#define SB_TRIES_MAX       4
#define SB_DELIVERIES_KEPT 20000
#define SB_HOOK_EVENTS_MAX 64

struct sb_hook {
    int64_t id;
    char *url, *secret, *ca_file;
    char *account_id; /* NULL: of every account */
    char *client_id;  /* of a users' app; NULL none */
    char *events[SB_HOOK_EVENTS_MAX];
    size_t event_count; /* 0: all */
    bool disabled;      /* after six validations in a row that failed */
    int64_t validations_failed, validated_at, validate_at;
    int64_t sending; /* deliveries on their way to it */
    bool at_start;   /* the command line's: each start says it anew */
    struct sb_hook *next;
};

enum sb_delivery_state { SB_WAITING, SB_HELD, SB_SENDING, SB_DELIVERED, SB_REFUSED, SB_LOST, SB_DROPPED, SB_RELEASED };
struct sb_try {
    int64_t at, stamp_s, took_ms;
    unsigned status; /* 0: no answer */
    char problem[120];
};
struct sb_delivery {
    int64_t seq, hook_id;
    char event[48];
    char *url, *secret, *ca_file, *body;
    char request_id[40];
    char *challenge; /* of a validation: the plain token; NULL none */
    enum sb_delivery_state state;
    int64_t due_at; /* sandbox's clock */
    int64_t stamp_s;
    struct sb_try tries[SB_TRIES_MAX];
    size_t try_count;
    bool again, again_same_stamp; /* asked for once more while it is sent */
};

struct sb_hooks {
    struct sb_hook *first;
    int64_t hook_seq;
    struct sb_delivery **kept; /* ring of SB_DELIVERIES_KEPT */
    int64_t seq;
    int64_t open;       /* deliveries that are waiting or on their way */
    int64_t first_open; /* none before it is open */
    pthread_cond_t wake;
    pthread_t thread;
    bool running;
};

/* hooks.c */
void sb_hooks_init(struct sb_state *st);
void sb_hooks_clear(struct sb_state *st);
void sb_hooks_free(struct sb_state *st);
void sb_hooks_wake(struct sb_state *st);
struct sb_hook *sb_hook_add(struct sb_state *st, const struct mp_json_reader *r); /* NULL and `err` where it is wrong */
/* What the command line asks for: of all accounts, what meetpool does something about. */
int sb_hook_at_start(struct sb_state *st, struct mp_arena *arena, const char *url, const char *ca_file, struct mp_error *err);
struct sb_hook *sb_hook_find(const struct sb_state *st, int64_t id);
bool sb_hook_remove(struct sb_state *st, int64_t id);
struct json_object *sb_hook_json(const struct sb_hook *hook, struct mp_arena *arena);
struct sb_delivery *sb_delivery_find(const struct sb_state *st, int64_t seq);
struct json_object *sb_delivery_json(const struct sb_delivery *delivery, struct mp_arena *arena);
/* To one subscription, as it is: neither copied nor dropped nor held. */
struct sb_delivery *sb_delivery_add(struct sb_state *st, const struct sb_hook *hook, const char *event, const char *body);
/* To all who want it; returns how many. `client_id`: of a users' app; NULL any. */
size_t sb_hooks_publish(struct sb_state *st, const char *event, const char *account_id, const char *client_id, const char *body);
/* Now, whatever became of it before; with the stamp and signature of its last attempt, or fresh ones. */
void sb_delivery_send(struct sb_state *st, struct sb_delivery *delivery, bool same_stamp);
struct sb_delivery *sb_hook_validate(struct sb_state *st, struct sb_hook *hook);
/* "v0=…" over the raw bytes. */
char *sb_hook_sign(struct mp_arena *arena, const char *secret, int64_t stamp_s, const char *body);

/* sender.c */
int sb_sender_start(struct sb_state *st, struct mp_error *err) MP_MUST_CHECK;
void sb_sender_stop(struct sb_state *st); /* after `stopping` was set */

/* events.c: `instance` NULL: the coming or running one. `by`: who did it; NULL nobody named. */
void sb_event_meeting(struct sb_state *st, const struct sb_meeting *meeting, const char *event, const struct sb_instance *instance,
                      const struct sb_user *by);
struct json_object *sb_event_before(const struct sb_state *st, struct mp_arena *arena, const struct sb_meeting *meeting);
void sb_event_updated(struct sb_state *st, const struct sb_meeting *meeting, struct json_object *before, const struct sb_user *by);
/* Lists the files of `pick` that are in `trash`; nothing is said where there are none. */
void sb_event_recording(struct sb_state *st, const struct sb_instance *instance, const char *event, const struct sb_pick *pick);
void sb_event_deauthorized(struct sb_state *st, const struct sb_user *user, const char *client_id);
/* The text of a started or ended event, for many at once. */
char *sb_event_text(const struct sb_state *st, struct mp_arena *arena, const struct sb_meeting *meeting, const char *event,
                    const struct sb_instance *instance, const struct sb_user *by, int64_t event_ts);

bool sb_control_hooks(struct sb_call *call, struct sb_reply *reply); /* control_hooks.c; false: no such address */
/* burst.c: many at a rate over kept connections; called with the lock, which it lets go meanwhile */
void sb_burst(struct sb_call *call, struct sb_reply *reply, const struct sb_hook *hook, const struct mp_json_reader *r);

#endif
