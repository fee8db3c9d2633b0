#include "sandbox_int.h"

#include <string.h>

#include "meetpool/clock.h"

/*
 * What a create or update body may say. Lengths, ranges and forms: developers.zoom.us/docs/api/meetings, "Create a meeting", "Update a meeting".
 * Its texts disagree on the passcode's alphabet: each operation's own is used, unless the knob password_specials says otherwise.
 */
#define TOPIC_MAX    200
#define AGENDA_MAX   2000
#define PASSWORD_MAX 10
static const char create_specials[] = "@-_*!#";
static const char update_specials[] = "@-_*";

static void take_type(const struct mp_json_reader *r, const struct sb_meeting *existing, struct sb_spec *out)
{
    struct json_object *recurrence;

    out->type = existing == NULL ? 2 : existing->type;
    out->has_type = mp_json_get_int(r, "type", 1, 10, &out->type) == 1;
    /* Recurring meetings with a fixed time are refused as a whole, rather than half kept. */
    if (out->has_type && out->type != 1 && out->type != 2 && out->type != 3 && out->type != 10)
        mp_error_field(r->err, "type", "is not valid");
    if (mp_json_get_object(r, "recurrence", &recurrence) == 1)
        mp_error_field(r->err, "recurrence", "is not valid");
}

/* `yyyy-MM-ddTHH:mm:ss`, with `Z` UTC, without it local time in `zone`. */
static bool parse_start(const char *text, const char *zone, int64_t *at_ms)
{
    static const char shape[] = "0000-00-00T00:00:00";
    size_t len = strlen(text);
    int64_t before = 0, after = 0;
    enum mp_time_result result;

    if (len != 19 && !(len == 20 && text[19] == 'Z'))
        return false;
    for (size_t i = 0; i < 19; i++) {
        if (shape[i] == '0' ? (text[i] < '0' || text[i] > '9') : text[i] != shape[i])
            return false;
    }
    result = mp_time_parse(mp_slice_of(text), zone, at_ms, &before, &after);
    if (result == MP_TIME_GAP)
        *at_ms = after;
    return result == MP_TIME_OK || result == MP_TIME_GAP;
}

static void take_time(const struct sb_call *call, const struct mp_json_reader *r, const struct sb_user *host, const struct sb_meeting *existing,
                      struct sb_spec *out)
{
    int64_t now = sb_now(call->st) / 1000 * 1000;
    const char *text;
    const char *zone = existing != NULL ? existing->timezone : host->timezone;

    out->duration_min = 60;
    out->has_duration = mp_json_get_int(r, "duration", 1, 1440, &out->duration_min) == 1;
    out->has_zone = mp_json_get_text(r, "timezone", 1, 64, false, &out->timezone) == 1;
    if (out->has_zone && !mp_zone_known(out->timezone)) {
        mp_error_field(r->err, "timezone", "is not valid");
        return;
    }
    if (out->has_zone)
        zone = out->timezone;
    out->start_at = now;
    if (mp_json_get_text(r, "start_time", 0, 64, false, &text) != 1 || text[0] == '\0')
        return;
    if (!parse_start(text, zone, &out->start_at)) {
        mp_error_field(r->err, "start_time", "is not valid");
        return;
    }
    /* On create a past start means now, on update it is passed over in silence. */
    out->has_start = existing == NULL || out->start_at >= now;
    if (out->start_at < now)
        out->start_at = now;
}

static void take_password(const struct sb_call *call, const struct mp_json_reader *r, bool update, struct sb_spec *out)
{
    const char *specials = update ? update_specials : create_specials;

    out->default_password = true;
    (void)mp_json_get_bool(r, "default_password", &out->default_password);
    if (mp_json_get_text(r, "password", 0, PASSWORD_MAX, false, &out->password) != 1)
        return;
    out->has_password = true;
    if (call->st->knobs.text[SB_K_PASSWORD_SPECIALS][0] != '\0')
        specials = call->st->knobs.text[SB_K_PASSWORD_SPECIALS];
    for (const char *p = out->password; *p != '\0'; p++) {
        bool plain = (*p >= '0' && *p <= '9') || (*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z');

        if (!plain && strchr(specials, *p) == NULL) {
            mp_error_field(r->err, "password", "is not valid");
            return;
        }
    }
}

/* A list of e-mail addresses or ids; a host without a licence is refused (github.com/jrchamp/moodle-mod_zoom, issue 302). */
static void check_alternatives(const struct sb_call *call, const struct mp_json_reader *r, struct json_object *settings)
{
    struct json_object *value;
    struct mp_slice rest, one;

    if (settings == NULL || !json_object_object_get_ex(settings, "alternative_hosts", &value))
        return;
    rest = mp_slice_of(json_object_get_string(value));
    while (mp_slice_split(&rest, ';', &one)) {
        const struct sb_user *user = sb_user_find(call->st, mp_arena_strndup(call->arena, mp_slice_trim(one)));

        if (user != NULL && user->account == call->account && user->type == 2)
            continue;
        mp_error_field(r->err, "settings.alternative_hosts", "is not valid");
        return;
    }
}

bool sb_spec_decode(struct sb_call *call, struct sb_reply *reply, const struct sb_user *host, const struct sb_meeting *existing, struct sb_spec *out)
{
    struct mp_error err;
    struct json_object *body, *settings;
    struct mp_json_reader r = {call->arena, NULL, NULL, &err};

    memset(out, 0, sizeof(*out));
    mp_error_init(&err, call->arena);
    if (!sb_body_object(call, reply, &err, &body))
        return false;
    r.obj = body;
    take_type(&r, existing, out);
    out->has_topic = mp_json_get_text(&r, "topic", 0, TOPIC_MAX, false, &out->topic) == 1;
    out->has_agenda = mp_json_get_text(&r, "agenda", 0, AGENDA_MAX, true, &out->agenda) == 1;
    take_time(call, &r, host, existing, out);
    take_password(call, &r, existing != NULL, out);
    (void)mp_json_get_text(&r, "schedule_for", 0, 128, false, &out->schedule_for);
    out->has_tracking = mp_json_get_array(&r, "tracking_fields", 20, &out->tracking_fields) == 1;
    if (mp_json_get_object(&r, "settings", &settings) == 1)
        out->settings = sb_settings_check(call->arena, settings, &err);
    check_alternatives(call, &r, out->settings);
    if (!mp_error_set(&err))
        return true;
    sb_reply_invalid(call, reply, &err);
    return false;
}
