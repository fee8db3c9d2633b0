#include "ctl_int.h"
#include "meetpool/clock.h"
#include "meetpool/store_webhook.h"
#include "meetpool/webhook.h"

#define VARIABLE "ZOOM_WEBHOOK_SECRET_TOKEN"

/* A stand-in for Zoom on this machine has nobody who subscribes. */
static bool is_stand_in(struct check *check)
{
    struct mp_url url;

    return check->settings.zoom.api_url == NULL || (mp_url_parse(check->ctl->arena, check->settings.zoom.api_url, &url) && mp_url_is_loopback(&url));
}

static void check_heard(struct check *check, const char *variable, const char *url, const struct mp_webhook_app_row *row)
{
    struct mp_arena *arena = check->ctl->arena;

    if (row->last_refused_at > row->last_event_at && row->last_refused_at > row->last_challenge_at)
        check_error(check, variable, "copy the secret token anew from the app that posts to this address",
                    "what came to %s last (%s) was not signed with it", url, mp_time_format_seconds(arena, row->last_refused_at));
    else if (row->alarmed_at > row->last_event_at)
        check_warn(check, variable, "look at the app's event subscription at marketplace.zoom.us, and validate the address again",
                   "nothing came to %s since %s, though meetings were held", url, mp_time_format_seconds(arena, row->last_event_at));
    else if (row->last_event_at > 0)
        check_good(check, variable, "%s last heard %s at %s", url, row->last_event, mp_time_format_seconds(arena, row->last_event_at));
    else if (row->last_challenge_at > 0)
        check_good(check, variable, "%s was validated at %s; no event came yet", url, mp_time_format_seconds(arena, row->last_challenge_at));
    else if (is_stand_in(check))
        check_good(check, variable, "%s waits for its first event", url);
    else
        check_warn(check, variable, mp_arena_printf(arena, "subscribe to events at marketplace.zoom.us with %s, and validate it", url),
                   "nothing ever came to that address");
}

void check_webhooks(struct check *check, struct mp_db *db)
{
    struct mp_webhook_conf *conf = &check->settings.webhook;
    struct mp_arena *arena = check->ctl->arena;
    struct mp_error err;

    mp_error_init(&err, arena);
    if (mp_webhook_conf_load(arena, check->source, conf, &err) < 0) {
        check_error(check, VARIABLE, "correct it", "%s", mp_error_message(&err));
        return;
    }
    if (conf->count == 0 && !is_stand_in(check))
        check_warn(check, VARIABLE, "set it to the secret token of an app with an event subscription",
                   "is not set: what happens at Zoom is noticed late");
    for (size_t i = 0; i < conf->count; i++) {
        const char *app = conf->apps[i].name;
        bool people = app[0] == '\0';
        struct mp_webhook_app_row row;

        /* Without its tables the schema has been complained of already. */
        if (mp_store_webhook_app(db, arena, app, &row, &err) < 0)
            return;
        check_heard(check, people ? VARIABLE : mp_arena_printf(arena, VARIABLE " of %s", app),
                    mp_arena_printf(arena, "%s/api/zoom/webhook%s%s", check->settings.api.public_url, people ? "" : "/", app), &row);
    }
}
