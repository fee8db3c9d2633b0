#include "sandbox_int.h"

#include <string.h>

#include "meetpool/clock.h"

static struct json_object *user_json(const struct sb_call *call, const struct sb_user *user, bool alone)
{
    struct json_object *doc = mp_json_object(call->arena);
    const char *created = mp_time_format_seconds(call->arena, user->created_at);

    if (strcmp(user->status, "pending") != 0)
        mp_json_put_text(doc, "id", user->id);
    mp_json_put_text(doc, "first_name", user->first_name);
    mp_json_put_text(doc, "last_name", user->last_name);
    mp_json_put_text(doc, "display_name", mp_arena_printf(call->arena, "%s %s", user->first_name, user->last_name));
    mp_json_put_text(doc, "email", user->email);
    mp_json_put_int(doc, "type", user->type);
    mp_json_put_int(doc, "pmi", user->pmi);
    mp_json_put_text(doc, "timezone", user->timezone);
    mp_json_put_int(doc, "verified", 1);
    mp_json_put_text(doc, "dept", "");
    mp_json_put_text(doc, "created_at", created);
    mp_json_put_text(doc, "user_created_at", created);
    mp_json_put_text(doc, "status", user->status);
    mp_json_put_text(doc, "role_id", user == user->account->users[0] ? "0" : "2");
    if (!alone)
        return doc;
    mp_json_put_text(doc, "role_name", user == user->account->users[0] ? "Owner" : "Member");
    mp_json_put_bool(doc, "use_pmi", false);
    mp_json_put_text(doc, "personal_meeting_url", mp_arena_printf(call->arena, "https://us02web.zoom.us/j/%lld", (long long)user->pmi));
    mp_json_put_text(doc, "account_id", user->account->account_id);
    mp_json_put_text(doc, "language", "en-US");
    struct json_object *logins = json_object_new_array();
    json_object_array_add(logins, json_object_new_int(user->cust_create ? 99 : 100));
    mp_json_put(doc, "login_types", logins);
    return doc;
}

void sb_users_get(struct sb_call *call, struct sb_reply *reply)
{
    const struct sb_user *user = sb_user_of_path(call, reply, call->segments[2]);

    if (user != NULL)
        sb_reply_json(call, reply, 200, user_json(call, user, true));
}

void sb_users_list(struct sb_call *call, struct sb_reply *reply)
{
    static const char *const statuses[] = {"active", "inactive", "pending", NULL};
    const struct sb_account *account = call->account;
    struct json_object *doc = mp_json_object(call->arena);
    struct json_object *list = json_object_new_array();
    const char *token = sb_query(call, "next_page_token");
    const char *query_text;
    int64_t size, number, first, seen = 0, dummy;
    int status;

    mp_json_put(doc, "users", list);
    if (!sb_query_int(call, reply, "page_size", 1, SB_USERS_PAGE_MAX, 30, &size) ||
        !sb_query_int(call, reply, "page_number", 1, 1000000, 1, &number) || !sb_query_enum(call, reply, "status", statuses, &status))
        return;
    query_text = mp_arena_printf(call->arena, "users|%s|%lld|%d", account->account_id, (long long)size, status);
    first = (number - 1) * size;
    if (token != NULL && token[0] != '\0' && !sb_page_open(call, token, query_text, &first, &dummy)) {
        sb_reply_error(call, reply, SB_E_PAGE_TOKEN, NULL);
        return;
    }
    for (size_t i = 0; i < account->user_count; i++) {
        if (strcmp(account->users[i]->status, statuses[status]) != 0)
            continue;
        if (seen >= first && seen < first + size)
            json_object_array_add(list, json_object_get(user_json(call, account->users[i], false)));
        seen++;
    }
    mp_json_put_text(doc, "next_page_token", first + size < seen ? sb_page_token(call, query_text, first + size, 0) : "");
    mp_json_put_int(doc, "page_count", (seen + size - 1) / size);
    mp_json_put_int(doc, "page_number", first / size + 1);
    mp_json_put_int(doc, "page_size", size);
    mp_json_put_int(doc, "total_records", seen);
    sb_reply_json(call, reply, 200, doc);
}

/* The few settings a meeting client asks for. Source: developers.zoom.us/docs/api/users, "Get user settings". */
void sb_users_settings(struct sb_call *call, struct sb_reply *reply)
{
    const struct sb_user *user = sb_user_of_path(call, reply, call->segments[2]);
    struct json_object *doc, *feature, *recording, *access, *security, *password, *schedule;

    if (user == NULL)
        return;
    doc = mp_json_object(call->arena);
    feature = json_object_new_object();
    recording = json_object_new_object();
    access = json_object_new_object();
    security = json_object_new_object();
    password = json_object_new_object();
    schedule = json_object_new_object();
    mp_json_put_int(feature, "meeting_capacity", user->type == 2 ? 300 : 100);
    mp_json_put_text(feature, "concurrent_meeting", user->concurrent);
    mp_json_put_bool(recording, "cloud_recording", user->cloud_recording);
    mp_json_put_bool(recording, "auto_delete_cmr", false);
    mp_json_put_int(recording, "auto_delete_cmr_days", 30);
    mp_json_put_bool(access, "enable", false);
    mp_json_put(recording, "ip_address_access_control", access);
    mp_json_put_int(password, "length", 1);
    mp_json_put_bool(password, "have_letter", false);
    mp_json_put_bool(password, "have_number", false);
    mp_json_put_bool(password, "have_special_character", false);
    mp_json_put_bool(password, "only_allow_numeric", false);
    mp_json_put(security, "meeting_password_requirement", password);
    mp_json_put_bool(security, "meeting_password", user->require_password);
    mp_json_put_bool(schedule, "require_password_for_scheduling_new_meetings", user->require_password);
    mp_json_put(doc, "schedule_meeting", schedule);
    mp_json_put(doc, "feature", feature);
    mp_json_put(doc, "recording", recording);
    mp_json_put(doc, "meeting_security", security);
    sb_reply_json(call, reply, 200, doc);
}
