#include "sandbox_int.h"

#include <json-c/json_tokener.h>
#include <string.h>

/*
 * The settings of a meeting: name, kind, default, and for texts the words allowed (NULL: any text). A meeting keeps only what was set.
 * Names and defaults: developers.zoom.us/docs/api/meetings, "Create a meeting".
 */
enum kind { FLAG, NUMBER, WORD, TEXT, ANY };

struct setting {
    const char *name;
    enum kind kind;
    const char *fallback; /* JSON */
    const char *words;    /* space-separated; for NUMBER the numbers allowed */
};

static const struct setting settings[] = {
    {"host_video", FLAG, "false", NULL},
    {"participant_video", FLAG, "false", NULL},
    {"cn_meeting", FLAG, "false", NULL},
    {"in_meeting", FLAG, "false", NULL},
    {"join_before_host", FLAG, "false", NULL},
    {"jbh_time", NUMBER, "0", "0 5 10 15"},
    {"mute_upon_entry", FLAG, "false", NULL},
    {"watermark", FLAG, "false", NULL},
    {"use_pmi", FLAG, "false", NULL},
    {"approval_type", NUMBER, "2", "0 1 2"},
    {"registration_type", NUMBER, NULL, "1 2 3"},
    {"audio", WORD, "\"both\"", "both telephony voip thirdParty"},
    {"audio_conference_info", TEXT, NULL, NULL},
    {"auto_recording", WORD, "\"none\"", "none local cloud"},
    {"enforce_login", FLAG, "false", NULL},
    {"enforce_login_domains", TEXT, "\"\"", NULL},
    {"alternative_hosts", TEXT, "\"\"", NULL},
    {"alternative_host_update_polls", FLAG, "false", NULL},
    {"alternative_hosts_email_notification", FLAG, "true", NULL},
    {"close_registration", FLAG, "false", NULL},
    {"show_share_button", FLAG, "false", NULL},
    {"allow_multiple_devices", FLAG, "false", NULL},
    {"registrants_confirmation_email", FLAG, "true", NULL},
    {"registrants_email_notification", FLAG, "true", NULL},
    {"waiting_room", FLAG, "false", NULL},
    {"waiting_room_options", ANY, NULL, NULL},
    {"request_permission_to_unmute_participants", FLAG, "false", NULL},
    {"global_dial_in_countries", ANY, "[]", NULL},
    {"contact_name", TEXT, NULL, NULL},
    {"contact_email", TEXT, NULL, NULL},
    {"calendar_type", NUMBER, NULL, "1 2"},
    {"custom_keys", ANY, NULL, NULL},
    {"email_notification", FLAG, "true", NULL},
    {"encryption_type", WORD, "\"enhanced_encryption\"", "enhanced_encryption e2ee"},
    {"meeting_authentication", FLAG, "false", NULL},
    {"authentication_option", TEXT, NULL, NULL},
    {"authentication_domains", TEXT, NULL, NULL},
    {"authentication_exception", ANY, NULL, NULL},
    {"approved_or_denied_countries_or_regions", ANY, "{\"enable\":false}", NULL},
    {"breakout_room", ANY, "{\"enable\":false}", NULL},
    {"internal_meeting", FLAG, "false", NULL},
    {"continuous_meeting_chat", ANY, "{\"enable\":false}", NULL},
    {"participant_focused_meeting", FLAG, "false", NULL},
    {"push_change_to_calendar", FLAG, "false", NULL},
    {"resources", ANY, "[]", NULL},
    {"meeting_invitees", ANY, NULL, NULL},
    {"focus_mode", FLAG, "false", NULL},
    {"private_meeting", FLAG, "false", NULL},
    {"host_save_video_order", FLAG, "false", NULL},
    {"language_interpretation", ANY, NULL, NULL},
    {"sign_language_interpretation", ANY, NULL, NULL},
    {"question_and_answer", ANY, NULL, NULL},
    {"additional_data_center_regions", ANY, NULL, NULL},
    {"auto_start_meeting_summary", FLAG, "false", NULL},
    {"auto_start_ai_companion_questions", FLAG, "false", NULL},
    {"device_testing", FLAG, "false", NULL},
    {"allow_host_control_participant_mute_state", FLAG, "false", NULL},
    {"disable_participant_video", FLAG, "false", NULL},
    {"email_in_attendee_report", FLAG, "false", NULL},
    {"show_join_info", FLAG, "false", NULL},
};

static bool among(const char *words, const char *text)
{
    struct mp_slice rest = mp_slice_of(words);
    struct mp_slice word;

    while (mp_slice_split(&rest, ' ', &word)) {
        if (mp_slice_eq_text(word, text))
            return true;
    }
    return false;
}

static bool right(const struct setting *row, struct json_object *value)
{
    switch (row->kind) {
    case FLAG:
        return json_object_is_type(value, json_type_boolean);
    case NUMBER:
        return json_object_is_type(value, json_type_int) && among(row->words, json_object_get_string(value));
    case WORD:
        return json_object_is_type(value, json_type_string) && among(row->words, json_object_get_string(value));
    case TEXT:
        return json_object_is_type(value, json_type_string) && json_object_get_string_len(value) <= 2048;
    case ANY:
        return json_object_is_type(value, json_type_object) || json_object_is_type(value, json_type_array);
    }
    return false;
}

/* Unknown settings are passed over; what Zoom does with them is not known. */
struct json_object *sb_settings_check(struct mp_arena *arena, struct json_object *in, struct mp_error *err)
{
    struct json_object *out = mp_json_object(arena);
    struct json_object *value;

    for (size_t i = 0; i < MP_COUNT(settings); i++) {
        const struct setting *row = &settings[i];

        if (!json_object_object_get_ex(in, row->name, &value) || value == NULL)
            continue;
        if (!right(row, value))
            mp_error_field(err, mp_arena_printf(arena, "settings.%s", row->name), "is not valid");
        else
            mp_json_put(out, row->name, json_object_get(value));
    }
    return out;
}

static void overlay(struct mp_arena *arena, struct json_object *onto, const char *text)
{
    struct json_object *doc;
    struct mp_error err;

    mp_error_init(&err, arena);
    if (text == NULL || mp_json_parse(arena, mp_slice_of(text), &doc, &err) < 0)
        return;
    json_object_object_foreach(doc, key, value)
    {
        json_object_object_add(onto, key, json_object_get(value));
    }
}

char *sb_settings_merge(const struct sb_state *st, struct mp_arena *arena, const char *before, struct json_object *change)
{
    struct json_object *doc = mp_json_object(arena);
    struct json_object *waiting;

    overlay(arena, doc, before);
    if (change != NULL) {
        json_object_object_foreach(change, key, value)
        {
            json_object_object_add(doc, key, json_object_get(value));
        }
    }
    overlay(arena, doc, st->knobs.text[SB_K_FORCED_SETTINGS]);
    /* A waiting room switches join_before_host off, without a word. */
    if (json_object_object_get_ex(doc, "waiting_room", &waiting) && json_object_get_boolean(waiting))
        mp_json_put_bool(doc, "join_before_host", false);
    return json_object_object_length(doc) == 0 ? NULL : mp_json_text(arena, doc);
}

struct json_object *sb_settings_json(struct mp_arena *arena, const char *kept)
{
    struct json_object *set = mp_json_object(arena);
    struct json_object *doc = mp_json_object(arena);
    struct json_object *value;

    overlay(arena, set, kept);
    for (size_t i = 0; i < MP_COUNT(settings); i++) {
        const struct setting *row = &settings[i];

        if (json_object_object_get_ex(set, row->name, &value))
            mp_json_put(doc, row->name, json_object_get(value));
        else if (row->kind == FLAG && row->fallback != NULL)
            mp_json_put_bool(doc, row->name, row->fallback[0] == 't');
        else if (row->fallback != NULL)
            mp_json_put(doc, row->name, json_tokener_parse(row->fallback));
    }
    return doc;
}
