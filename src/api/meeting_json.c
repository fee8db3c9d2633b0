#include "meeting_json.h"

#include <json-c/linkhash.h>
#include <string.h>

#include "meetpool/buf.h"

#define SETTINGS_MOST_BYTES 16384
#define PASSWORD_MOST       10

static struct json_object *parsed(const struct mp_request *req, const char *text)
{
    struct mp_error ignored;
    struct json_object *doc;

    mp_error_init(&ignored, req->arena);
    if (text == NULL || mp_json_parse(req->arena, mp_slice_of(text), &doc, &ignored) < 0)
        return NULL;
    return json_object_get(doc);
}

/* What mp_json_text() has written is printed as it stands: taken apart and put together again it would be the same text. */
static struct json_object *stored(const char *text)
{
    struct json_object *doc;

    if (text == NULL)
        return NULL;
    doc = json_object_new_boolean(0);
    json_object_set_serializer(doc, json_object_userdata_to_json_string, (void *)(uintptr_t)text, NULL);
    return doc;
}

bool mp_meeting_may_start(const struct mp_request *req, const struct mp_meeting *meeting)
{
    const struct mp_meeting_row *row = &meeting->row;
    const char *sub = req->user.sub;

    if (req->user.role == MP_ROLE_ADMIN || (row->host_sub != NULL && strcmp(row->host_sub, sub) == 0))
        return true;
    return strcmp(row->owner_sub, sub) == 0 && (row->host_sub == NULL || !meeting->own);
}

const char *mp_meeting_start_link(const struct mp_request *req, const struct mp_meeting *meeting)
{
    if (meeting->row.zoom_id == 0 || !mp_meeting_may_start(req, meeting))
        return NULL;
    if (mp_secret_is_set(&meeting->start_url))
        return mp_secret_expose(&meeting->start_url).p;
    return mp_arena_printf(req->arena, "%s/api/zoom/meetings/%lld/start", mp_request_conf(req)->public_url, (long long)meeting->row.zoom_id);
}

/* Whether Zoom has still to be told: of a change, or that it was deleted. */
static bool is_pending(const struct mp_meeting_row *row)
{
    return row->pending != NULL || (row->status == MP_MEETING_DELETED && row->pending_error != NULL);
}

struct json_object *mp_meeting_json(const struct mp_request *req, const struct mp_meeting *meeting)
{
    const struct mp_meeting_row *row = &meeting->row;
    struct json_object *out = json_object_new_object();

    mp_json_put_text(out, "id", row->zoom_id != 0 ? mp_arena_printf(req->arena, "%lld", (long long)row->zoom_id) : NULL);
    mp_json_put_text(out, "uuid", row->zoom_uuid);
    mp_json_put_text(out, "topic", row->topic);
    mp_json_put_int(out, "type", row->type);
    mp_json_put_time(out, "start_time", row->starts_at);
    mp_json_put_int(out, "duration", row->duration_min);
    mp_json_put_text(out, "timezone", row->timezone);
    mp_json_put_text(out, "agenda", row->agenda != NULL ? row->agenda : "");
    mp_json_put_text(out, "join_url", row->join_url);
    mp_json_put_text(out, "start_url", mp_meeting_start_link(req, meeting));
    mp_json_put_text(out, "password", row->password);
    mp_json_put_text(out, "host_email", row->host_email);
    mp_json_put_text(out, "host_user_id", row->host_sub);
    mp_json_put_text(out, "owner_id", row->owner_sub);
    mp_json_put_text(out, "zoomAccountUsed", meeting->account_name);
    mp_json_put_text(out, "status", row->id != 0 ? mp_meeting_status_name(row->status) : NULL);
    mp_json_put_text(out, "meeting_state", is_pending(row) ? "pending" : "ok");
    mp_json_put_text(out, "meeting_state_reason", is_pending(row) ? row->pending_error : NULL);
    mp_json_put(out, "settings_requested", stored(row->settings_requested));
    mp_json_put(out, "settings_effective", stored(row->settings_effective));
    if (req->user.role == MP_ROLE_ADMIN)
        mp_json_put(out, "placement", stored(row->placement));
    mp_json_put_time(out, "created_at", row->created_at);
    mp_json_put_time(out, "updated_at", row->updated_at > 0 ? row->updated_at : row->created_at);
    mp_json_put_time(out, "started_at", row->started_at);
    mp_json_put_time(out, "ended_at", row->ended_at);
    mp_json_put_time(out, "deleted_at", row->deleted_at);
    return out;
}

void mp_meeting_warn_host(struct mp_response *res, const struct mp_meeting *meeting, bool expected)
{
    const char *by = meeting->row.host_email != NULL ? meeting->row.host_email : "the system's account";

    if (meeting->own)
        return;
    if (meeting->not_own != NULL)
        mp_response_warn(res, "hosted_by_system", "The host's own Zoom account could not take it (%s); the meeting is hosted by %s.",
                         meeting->not_own, by);
    else if (expected)
        mp_response_warn(res, "hosted_by_system", "The host has no Zoom account connected here; the meeting is hosted by %s.", by);
}

/* ---- settings{} ---- */

enum setting_kind { KIND_BOOL, KIND_INT, KIND_NAME, KIND_TEXT };

/* Those whose values are checked here, because Zoom takes a wrong one without a word. Source: developers.zoom.us, Meetings API, create a meeting. */
static const struct {
    const char *name;
    enum setting_kind kind;
    int64_t least, most;
    const char *const *names;
} known_settings[] = {
    {"host_video", KIND_BOOL, 0, 0, NULL},
    {"participant_video", KIND_BOOL, 0, 0, NULL},
    {"join_before_host", KIND_BOOL, 0, 0, NULL},
    {"jbh_time", KIND_INT, 0, 15, NULL},
    {"mute_upon_entry", KIND_BOOL, 0, 0, NULL},
    {"waiting_room", KIND_BOOL, 0, 0, NULL},
    {"meeting_authentication", KIND_BOOL, 0, 0, NULL},
    {"use_pmi", KIND_BOOL, 0, 0, NULL},
    {"approval_type", KIND_INT, 0, 2, NULL},
    {"auto_recording", KIND_NAME, 0, 0, (const char *const[]){"none", "local", "cloud", NULL}},
    {"audio", KIND_NAME, 0, 0, (const char *const[]){"both", "telephony", "voip", "thirdParty", NULL}},
    {"alternative_hosts", KIND_TEXT, 0, 2000, NULL},
};

/* Whether the setting is one of those known; its value is judged. */
static bool judge_known(const struct mp_json_reader *r, const char *name)
{
    for (size_t i = 0; i < MP_COUNT(known_settings); i++) {
        const char *text;
        int64_t number;
        size_t index;
        bool flag;

        if (strcmp(known_settings[i].name, name) != 0)
            continue;
        switch (known_settings[i].kind) {
        case KIND_BOOL:
            (void)mp_json_get_bool(r, name, &flag);
            break;
        case KIND_INT:
            (void)mp_json_get_int(r, name, known_settings[i].least, known_settings[i].most, &number);
            break;
        case KIND_NAME:
            (void)mp_json_get_enum(r, name, known_settings[i].names, &index);
            break;
        case KIND_TEXT:
            (void)mp_json_get_text(r, name, 0, (size_t)known_settings[i].most, false, &text);
            break;
        }
        return true;
    }
    return false;
}

struct json_object *mp_settings_read(const struct mp_json_reader *reader, bool *pmi_asked)
{
    struct json_object *settings;
    struct mp_json_reader inside;
    bool pmi = false;

    *pmi_asked = false;
    if (mp_json_get_object(reader, "settings", &settings) <= 0)
        return NULL;
    inside = (struct mp_json_reader){reader->arena, settings, "settings.", reader->err};
    json_object_object_foreach(settings, name, value)
    {
        (void)value;
        if (strlen(name) > 64)
            mp_error_field(reader->err, "settings", "a setting's name has at most 64 characters");
        else
            (void)judge_known(&inside, name);
    }
    if (strlen(mp_json_text(reader->arena, settings)) > SETTINGS_MOST_BYTES)
        mp_error_field(reader->err, "settings", "at most %d bytes", SETTINGS_MOST_BYTES);
    if (mp_json_get_bool(&inside, "use_pmi", &pmi) > 0 && pmi) {
        *pmi_asked = true;
        json_object_object_add(settings, "use_pmi", json_object_new_boolean(0));
    }
    return settings;
}

const char *mp_settings_differences(const struct mp_request *req, const char *requested, const char *effective, bool pmi_asked)
{
    struct json_object *asked = parsed(req, requested), *took = parsed(req, effective), *theirs;
    struct mp_buf names;

    mp_buf_init(&names, req->arena, SETTINGS_MOST_BYTES);
    if (pmi_asked)
        mp_buf_add(&names, "use_pmi (a personal meeting id is never used)");
    if (asked != NULL && took != NULL) {
        json_object_object_foreach(asked, name, value)
        {
            if (json_object_object_get_ex(took, name, &theirs) && !json_object_equal(value, theirs))
                mp_buf_addf(&names, "%s%s", names.len > 0 ? ", " : "", name);
        }
    }
    json_object_put(asked);
    json_object_put(took);
    if (names.len == 0)
        return NULL;
    return mp_arena_printf(req->arena, "Zoom took some settings otherwise than they were asked: %s.", mp_buf_text(&names));
}

void mp_settings_compare(const struct mp_request *req, struct mp_response *res, const char *requested, const char *effective, bool pmi_asked)
{
    const char *differences = mp_settings_differences(req, requested, effective, pmi_asked);

    if (differences != NULL)
        mp_response_warn(res, "settings_differ", "%s", differences);
}

const char *mp_password_read(const struct mp_json_reader *reader, const char *key)
{
    const char *password = NULL;

    if (mp_json_get_text(reader, key, 1, PASSWORD_MOST, false, &password) <= 0)
        return NULL;
    /* What all three of Zoom's descriptions of the alphabet allow. */
    if (strspn(password, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789@-_*") != strlen(password)) {
        mp_error_field(reader->err, key, "letters, digits and @ - _ * only");
        return NULL;
    }
    return password;
}
