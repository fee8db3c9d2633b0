#include "sandbox_int.h"

#include <stdlib.h>
#include <string.h>

#include "meetpool/clock.h"

const char *const sb_plan_names[] = {"free", "pro", "business", "off", NULL};
const char *const sb_plan_knob_names[] = {"account", "free", "pro", "business", "off", NULL};
const char *const sb_label_names[] = {"light", "medium", "heavy", "resource-intensive", NULL};
const char *const sb_host_header_names[] = {"trap", "full", "none", NULL};
const char *const sb_start_names[] = {"refuse", "force", NULL};
const char *const sb_accept_names[] = {"accept", "refuse", NULL};
const char *const sb_uuid_names[] = {"any", "slash", "double_slash", "plus", "worst", NULL};

const char *const sb_redirect_names[] = {"off", "path", "host", "http", "private", "loop", NULL};
const char *const sb_denied_names[] = {"401", "html", NULL};
const char *const sb_event_id_names[] = {"zoom", "text", "number", NULL};

struct knob_row {
    const char *name;
    enum sb_knob_type type;
    int64_t number;
    const char *text;
    int64_t least, most;
    const char *const *names;
};

static const struct knob_row rows[] = {
#define KNOB_ROW(id, name, type, number, text, least, most, names) [SB_K_##id] = {name, type, number, text, least, most, names},
    SB_KNOBS(KNOB_ROW)
#undef KNOB_ROW
};

static int row_of(const char *name)
{
    for (int i = 0; i < SB_KNOB_COUNT; i++) {
        if (strcmp(rows[i].name, name) == 0)
            return i;
    }
    return -1;
}

void sb_knobs_default(struct sb_knobs *knobs)
{
    for (size_t i = 0; i < SB_KNOB_COUNT; i++) {
        knobs->n[i] = rows[i].number;
        sb_set(&knobs->text[i], rows[i].text);
    }
}

/* One knob from JSON; with `turn` false it is only checked. */
static void take(const struct mp_json_reader *r, const struct knob_row *row, int64_t *n, char **text, bool turn)
{
    struct json_object *object;
    const char *s;
    bool b = false;
    size_t index;
    int64_t number;

    switch (row->type) {
    case SB_INT:
        if (mp_json_get_int(r, row->name, row->least, row->most, &number) == 1 && turn)
            *n = number;
        break;
    case SB_BOOL:
        if (mp_json_get_bool(r, row->name, &b) == 1 && turn)
            *n = b ? 1 : 0;
        break;
    case SB_ENUM:
        if (mp_json_get_enum(r, row->name, row->names, &index) == 1 && turn)
            *n = (int64_t)index;
        break;
    case SB_TEXT:
        if (mp_json_get_text(r, row->name, 0, (size_t)row->most, false, &s) == 1 && turn)
            sb_set(text, s);
        break;
    case SB_OBJECT:
        if (mp_json_get_object(r, row->name, &object) == 1 && turn)
            sb_set(text, mp_json_text(r->arena, object));
        break;
    }
}

bool sb_knobs_turn(struct sb_state *st, struct mp_arena *arena, struct json_object *doc, struct mp_error *err)
{
    struct mp_json_reader r = {arena, doc, NULL, err};
    struct json_object *forced;

    json_object_object_foreach(doc, key, value)
    {
        (void)value;
        if (row_of(key) < 0)
            mp_error_field(err, key, "is no knob");
    }
    for (size_t i = 0; i < SB_KNOB_COUNT; i++)
        take(&r, &rows[i], &st->knobs.n[i], &st->knobs.text[i], false);
    if (mp_json_get_object(&r, rows[SB_K_FORCED_SETTINGS].name, &forced) == 1)
        (void)sb_settings_check(arena, forced, err);
    if (mp_error_set(err))
        return false;
    for (size_t i = 0; i < SB_KNOB_COUNT; i++)
        take(&r, &rows[i], &st->knobs.n[i], &st->knobs.text[i], true);
    if (json_object_object_get_ex(doc, "seed", NULL))
        st->random = (uint64_t)st->knobs.n[SB_K_SEED];
    return true;
}

struct json_object *sb_knobs_json(const struct sb_knobs *knobs, struct mp_arena *arena)
{
    struct json_object *doc = mp_json_object(arena);
    struct mp_error err;
    struct json_object *object;

    for (size_t i = 0; i < SB_KNOB_COUNT; i++) {
        const struct knob_row *row = &rows[i];

        if (row->type == SB_INT)
            mp_json_put_int(doc, row->name, knobs->n[i]);
        else if (row->type == SB_BOOL)
            mp_json_put_bool(doc, row->name, knobs->n[i] != 0);
        else if (row->type == SB_ENUM)
            mp_json_put_text(doc, row->name, row->names[knobs->n[i]]);
        else if (row->type == SB_TEXT)
            mp_json_put_text(doc, row->name, knobs->text[i]);
        else {
            mp_error_init(&err, arena);
            if (mp_json_parse(arena, mp_slice_of(knobs->text[i]), &object, &err) == 0)
                mp_json_put(doc, row->name, json_object_get(object));
        }
    }
    return doc;
}

bool sb_knobs_option(struct json_object *doc, const char *text)
{
    const char *equals = strchr(text, '=');
    struct mp_slice name = {text, equals == NULL ? 0 : (size_t)(equals - text)};

    for (size_t i = 0; equals != NULL && i < SB_KNOB_COUNT; i++) {
        const char *value = equals + 1;

        if (!mp_slice_eq_text(name, rows[i].name))
            continue;
        if (rows[i].type == SB_ENUM || rows[i].type == SB_TEXT)
            mp_json_put_text(doc, rows[i].name, value);
        else if (rows[i].type == SB_BOOL)
            mp_json_put_bool(doc, rows[i].name, strcmp(value, "true") == 0);
        else if (rows[i].type == SB_INT)
            mp_json_put_int(doc, rows[i].name, strtoll(value, NULL, 10));
        else
            return false;
        return true;
    }
    return false;
}
