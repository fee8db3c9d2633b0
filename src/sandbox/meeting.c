#include "sandbox_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hooks.h"
#include "meetpool/clock.h"
#include "meetpool/crypto.h"
#include "recording.h"

/* A meeting's life: made, changed, started, ended, forgotten. Handlers and the control API both come here. */

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

static void instance_free(struct sb_instance *instance)
{
    for (size_t i = 0; i < instance->file_count; i++)
        sb_file_free(instance->files[i]);
    free(instance->files);
    free(instance->uuid);
    free(instance);
}

static void meeting_free(struct sb_meeting *m)
{
    char *texts[] = {m->uuid,     m->topic,           m->agenda,          m->timezone,          m->password,
                     m->settings, m->tracking_fields, m->digits_password, m->encrypted_password};

    for (size_t i = 0; i < MP_COUNT(texts); i++)
        free(texts[i]);
    for (size_t i = 0; i < m->instance_count; i++)
        instance_free(m->instances[i]);
    free(m->instances);
    free(m);
}

void sb_meetings_free(struct sb_state *st)
{
    while (st->meeting_first != NULL) {
        struct sb_meeting *m = st->meeting_first;

        st->meeting_first = m->next;
        meeting_free(m);
    }
    st->meeting_last = NULL;
    st->meeting_count = 0;
    st->sweep_at = 0;
    st->untold = NULL;
    sb_map_clear(&st->files);
    sb_map_clear(&st->meetings);
    sb_map_clear(&st->instances);
}

/* Sixteen bytes as base64; the knob bends them so that the text has what a path has to be careful with. */
char *sb_uuid_new(struct sb_state *st, struct mp_arena *arena)
{
    unsigned char b[16];

    mp_random(b, sizeof(b));
    switch ((enum sb_uuid)st->knobs.n[SB_K_UUID_STYLE]) {
    case SB_UUID_SLASH:
        b[0] = (unsigned char)(b[0] | 0xfc);
        break;
    case SB_UUID_DOUBLE_SLASH:
        b[0] = (unsigned char)(b[0] & 0x7f);
        b[1] = (unsigned char)(b[1] | 0x0f);
        b[2] = 0xff;
        break;
    case SB_UUID_PLUS:
        b[0] = (unsigned char)(0xf8 | (b[0] & 3));
        break;
    case SB_UUID_WORST: /* "//+" and on */
        b[0] = b[1] = 0xff;
        b[2] = (unsigned char)(0x80 | (b[2] & 0x3f));
        break;
    case SB_UUID_ANY:
        break;
    }
    return mp_base64(arena, b, sizeof(b));
}

/* Deleted and long expired ones go, oldest first, when there are too many: a benchmark may run for days. */
static bool forgettable(const struct sb_state *st, const struct sb_meeting *m)
{
    return m->running_since < 0 && (m->deleted_at >= 0 || sb_meeting_expired(st, m));
}

static void forget(struct sb_state *st, struct sb_meeting *m)
{
    for (size_t i = 0; i < m->instance_count; i++) {
        sb_files_forget(st, m->instances[i]);
        sb_map_remove(&st->instances, m->instances[i]->uuid);
    }
    sb_map_remove(&st->meetings, m->id_text);
    st->meeting_count--;
    m->host = NULL;
}

static void drop_forgotten(struct sb_user *user)
{
    size_t kept = 0;

    for (size_t i = 0; i < user->meeting_count; i++) {
        if (user->meetings[i]->host != NULL)
            user->meetings[kept++] = user->meetings[i];
    }
    user->meeting_count = kept;
}

static void sweep(struct sb_state *st)
{
    size_t most = (size_t)st->knobs.n[SB_K_MAX_MEETINGS];
    struct sb_meeting **at = &st->meeting_first;

    if (st->meeting_count < most || st->meeting_count < st->sweep_at)
        return;
    st->sweeps++;
    for (struct sb_meeting *m = st->meeting_first; m != NULL; m = m->next) {
        if (st->meeting_count > most - most / 10 && forgettable(st, m))
            forget(st, m);
    }
    for (size_t i = 0; i < st->account_count; i++) {
        for (size_t k = 0; k < st->accounts[i]->user_count; k++)
            drop_forgotten(st->accounts[i]->users[k]);
    }
    st->meeting_last = NULL;
    while (*at != NULL) {
        struct sb_meeting *m = *at;

        if (m->host == NULL) {
            *at = m->next;
            meeting_free(m);
        } else {
            st->meeting_last = m;
            at = &m->next;
        }
    }
    st->sweep_at = st->meeting_count + most / 20; /* where nothing can go, do not look again at once */
}

static void host_add(struct sb_user *host, struct sb_meeting *m)
{
    host->meetings = sb_grow(host->meetings, host->meeting_count, &host->meeting_cap, sizeof(struct sb_meeting *));
    host->meetings[host->meeting_count++] = m;
    m->host = host;
}

void sb_meeting_attach(struct sb_state *st, struct sb_meeting *m)
{
    struct sb_user *host = m->host;

    sweep(st);
    (void)snprintf(m->id_text, sizeof(m->id_text), "%lld", (long long)m->id);
    host_add(host, m);
    sb_map_put(&st->meetings, m->id_text, m);
    if (st->meeting_last == NULL)
        st->meeting_first = m;
    else
        st->meeting_last->next = m;
    st->meeting_last = m;
    st->meeting_count++;
}

void sb_meeting_move(struct sb_meeting *m, struct sb_user *host)
{
    struct sb_user *old = m->host;

    if (old == host)
        return;
    m->host = NULL;
    drop_forgotten(old);
    host_add(host, m);
}

void sb_meeting_add_instance(struct sb_state *st, struct sb_meeting *m, struct sb_instance *instance)
{
    instance->meeting = m;
    m->instances = sb_grow(m->instances, m->instance_count, &m->instance_cap, sizeof(struct sb_instance *));
    m->instances[m->instance_count++] = instance;
    sb_map_put(&st->instances, instance->uuid, instance);
}

static int64_t new_id(const struct sb_state *st)
{
    char text[24];
    uint64_t value;

    do {
        mp_random(&value, sizeof(value));
        value = UINT64_C(10000000000) + value % UINT64_C(90000000000); /* eleven digits */
        (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    } while (sb_map_get(&st->meetings, text) != NULL);
    return (int64_t)value;
}

static void set_password(struct mp_arena *arena, struct sb_meeting *m, const char *password)
{
    sb_set(&m->password, password);
    if (password[0] == '\0') {
        sb_set(&m->encrypted_password, NULL);
        sb_set(&m->digits_password, NULL);
        return;
    }
    sb_set(&m->encrypted_password, mp_arena_printf(arena, "%s.1", mp_random_text(arena, 32, letters)));
    sb_set(&m->digits_password, mp_random_text(arena, 6, "0123456789"));
}

struct sb_meeting *sb_meeting_make(struct sb_state *st, struct mp_arena *arena, struct sb_user *host, const struct sb_spec *spec)
{
    struct sb_meeting *m = sb_alloc(sizeof(*m));

    *m = (struct sb_meeting){
        .id = new_id(st), .host = host, .type = spec->type, .start_at = -1, .deleted_at = -1, .running_since = -1, .ended_at = -1};
    m->created_at = m->updated_at = sb_now(st);
    m->duration_min = spec->duration_min;
    if (spec->type == 2 || spec->type == 10)
        m->start_at = spec->start_at;
    sb_set(&m->uuid, sb_uuid_new(st, arena));
    sb_set(&m->topic, spec->has_topic ? spec->topic : "Zoom Meeting");
    sb_set(&m->agenda, spec->has_agenda ? spec->agenda : "");
    sb_set(&m->timezone, spec->has_zone ? spec->timezone : host->timezone);
    if (spec->has_password && spec->password[0] != '\0')
        set_password(arena, m, spec->password);
    else
        set_password(arena, m, spec->default_password && host->require_password ? mp_random_text(arena, 6, letters) : "");
    m->settings = sb_dup(sb_settings_merge(st, arena, NULL, spec->settings));
    if (spec->has_tracking)
        sb_set(&m->tracking_fields, mp_json_text(arena, spec->tracking_fields));
    if (st->knobs.n[SB_K_NOT_FOUND_AFTER_CREATE_MS] > 0)
        m->hidden_until = m->created_at + st->knobs.n[SB_K_NOT_FOUND_AFTER_CREATE_MS];
    if (st->knobs.n[SB_K_LIST_LAG_MS] > 0)
        m->unlisted_until = m->created_at + st->knobs.n[SB_K_LIST_LAG_MS];
    sb_meeting_attach(st, m);
    return m;
}

void sb_meeting_change(struct sb_state *st, struct mp_arena *arena, struct sb_meeting *m, const struct sb_spec *spec)
{
    if (spec->has_type)
        m->type = spec->type;
    if (spec->has_topic)
        sb_set(&m->topic, spec->topic);
    if (spec->has_agenda)
        sb_set(&m->agenda, spec->agenda);
    if (spec->has_zone)
        sb_set(&m->timezone, spec->timezone);
    if (spec->has_duration)
        m->duration_min = spec->duration_min;
    if (m->type == 1 || m->type == 3)
        m->start_at = -1;
    else if (spec->has_start || m->start_at < 0)
        m->start_at = spec->start_at;
    if (spec->has_password && strcmp(spec->password, m->password) != 0)
        set_password(arena, m, spec->password);
    if (spec->settings != NULL) {
        char *settings = sb_settings_merge(st, arena, m->settings, spec->settings);

        sb_set(&m->settings, settings);
    }
    if (spec->has_tracking)
        sb_set(&m->tracking_fields, mp_json_text(arena, spec->tracking_fields));
    m->updated_at = sb_now(st);
}

/* A number is good for some days after its last use. Source: devforum topic 61403. */
bool sb_meeting_expired(const struct sb_state *st, const struct sb_meeting *m)
{
    int64_t used = m->start_at >= 0 ? m->start_at + m->duration_min * 60000 : m->created_at;

    if (m->running_since >= 0)
        return false;
    if (m->ended_at > used)
        used = m->ended_at;
    return used + st->knobs.n[SB_K_MEETING_EXPIRY_DAYS] * MP_DAY_MS <= sb_now(st);
}

struct sb_meeting *sb_meeting_live(const struct sb_state *st, const char *id)
{
    struct sb_meeting *m = sb_map_get(&st->meetings, id);

    if (m == NULL || m->deleted_at >= 0 || m->hidden_until > sb_now(st) || sb_meeting_expired(st, m))
        return NULL;
    return m;
}

/* Basic users and licensed ones of a Pro account run one meeting at a time, licensed ones above that two. Source: support.zoom.com KB0068522. */
int64_t sb_host_cap(const struct sb_state *st, const struct sb_user *host)
{
    if (st->knobs.n[SB_K_HOST_CAP] > 0)
        return st->knobs.n[SB_K_HOST_CAP];
    return host->type == 2 && sb_account_plan(st, host->account) >= SB_PLAN_BUSINESS ? 2 : 1;
}

int64_t sb_host_running(const struct sb_user *host)
{
    int64_t running = 0;

    for (size_t i = 0; i < host->meeting_count; i++)
        running += host->meetings[i]->running_since >= 0 ? 1 : 0;
    return running;
}

static struct sb_meeting *oldest_running(const struct sb_user *host)
{
    struct sb_meeting *oldest = NULL;

    for (size_t i = 0; i < host->meeting_count; i++) {
        struct sb_meeting *m = host->meetings[i];

        if (m->running_since >= 0 && (oldest == NULL || m->running_since < oldest->running_since))
            oldest = m;
    }
    return oldest;
}

const char *sb_meeting_start(struct sb_state *st, struct sb_meeting *m, bool force, int64_t participants)
{
    if (m->deleted_at >= 0)
        return "deleted";
    if (m->running_since >= 0)
        return "running";
    while (sb_host_running(m->host) >= sb_host_cap(st, m->host)) {
        if (!force && st->knobs.n[SB_K_START_MODE] != SB_START_FORCE)
            return "host_busy";
        sb_meeting_end(st, oldest_running(m->host));
    }
    m->running_since = sb_now(st);
    m->running_participants = participants;
    sb_event_meeting(st, m, "meeting.started", NULL, NULL);
    sb_state_touch(st);
    return NULL;
}

void sb_meeting_end(struct sb_state *st, struct sb_meeting *m)
{
    struct sb_instance *instance;
    struct mp_arena *arena;

    if (m->running_since < 0)
        return;
    arena = mp_arena_new();
    instance = sb_alloc(sizeof(*instance));
    *instance = (struct sb_instance){
        .uuid = m->uuid, .meeting = m, .started_at = m->running_since, .ended_at = sb_now(st), .participants = m->running_participants};
    m->uuid = sb_dup(sb_uuid_new(st, arena)); /* the coming instance has its own */
    m->ended_at = instance->ended_at;
    m->running_since = -1;
    sb_meeting_add_instance(st, m, instance);
    sb_event_meeting(st, m, "meeting.ended", instance, NULL);
    sb_recordings_make(st, instance);
    sb_state_touch(st);
    mp_arena_free(arena);
}
