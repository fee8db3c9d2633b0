#include "sandbox_int.h"

#include <fnmatch.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recording.h"

/* Rules of faults: which call, which of them in a row, what happens. The first rule that applies is the one; it is used up by one. */

#define HANG_DEFAULT_MS 60000
#define TIME_MAX_MS     3600000
#define SIZE_MOST       (INT64_C(1) << 50)

static const char *const cut_names[] = {"before_processing", "after_processing", "in_headers", "in_body", NULL};
static const char *const hang_names[] = {"before", "after", NULL};
static const char *const framing_names[] = {"length", "chunked", "close", NULL};
static const char *const meanwhile_names[] = {"hang", "cut", NULL};

static const char *const match_keys[] = {"method", "path", "path_regex", "account", "host", NULL};
static const char *const rule_keys[] = {"match", "count", "skip", "probability", "action", NULL};
static const char *const action_keys[] = {"latency_ms",   "status",      "body",      "headers",          "status_after",
                                          "hang",         "cut",         "html_200",  "error_200",        "truncate_body",
                                          "invalid_json", "wrong_types", "meanwhile", "execute_later_ms", "404_for_ms_after_create",
                                          "download",     NULL};

static void rule_free(struct sb_rule *rule)
{
    free(rule->method);
    free(rule->glob);
    free(rule->regex);
    free(rule->account);
    free(rule->host);
    free(rule->action.body);
    for (size_t i = 0; i < rule->action.extra_count; i++) {
        free((char *)(uintptr_t)rule->action.extra[i].name);
        free((char *)(uintptr_t)rule->action.extra[i].value);
    }
    json_object_put(rule->source);
    free(rule);
}

static void take_text(const struct mp_json_reader *r, const char *key, char **slot)
{
    const char *text;

    if (mp_json_get_text(r, key, 1, 1000, false, &text) == 1)
        sb_set(slot, text);
}

static void take_match(const struct mp_json_reader *top, struct sb_rule *rule)
{
    struct mp_json_reader r = {top->arena, NULL, "match.", top->err};
    regex_t compiled;

    if (mp_json_get_object(top, "match", &r.obj) != 1)
        return;
    mp_json_refuse_unknown(&r, match_keys);
    take_text(&r, "method", &rule->method);
    take_text(&r, "path", &rule->glob);
    take_text(&r, "path_regex", &rule->regex);
    take_text(&r, "account", &rule->account);
    take_text(&r, "host", &rule->host);
    if (rule->regex == NULL)
        return;
    if (regcomp(&compiled, rule->regex, REG_EXTENDED | REG_NOSUB) != 0)
        mp_error_field(top->err, "match.path_regex", "is no regular expression");
    else
        regfree(&compiled);
}

/* A number, waited before; or {before, after}. */
static void take_latency(const struct mp_json_reader *r, struct sb_action *a)
{
    struct json_object *value;
    struct mp_json_reader inner = {r->arena, NULL, "action.latency_ms.", r->err};

    if (!json_object_object_get_ex(r->obj, "latency_ms", &value))
        return;
    if (!json_object_is_type(value, json_type_object)) {
        (void)mp_json_get_int(r, "latency_ms", 0, TIME_MAX_MS, &a->latency_before_ms);
        return;
    }
    inner.obj = value;
    (void)mp_json_get_int(&inner, "before", 0, TIME_MAX_MS, &a->latency_before_ms);
    (void)mp_json_get_int(&inner, "after", 0, TIME_MAX_MS, &a->latency_after_ms);
}

static void take_answer(const struct mp_json_reader *r, struct sb_action *a)
{
    struct json_object *value;
    int64_t status = 0, status_after = 0;

    (void)mp_json_get_int(r, "status", 200, 599, &status);
    (void)mp_json_get_int(r, "status_after", 200, 599, &status_after);
    a->status = (unsigned)status;
    a->status_after = (unsigned)status_after;
    if (json_object_object_get_ex(r->obj, "body", &value)) {
        if (json_object_is_type(value, json_type_string))
            sb_set(&a->body, json_object_get_string(value));
        else
            sb_set(&a->body, mp_json_text(r->arena, value));
    }
    if (mp_json_get_object(r, "headers", &value) != 1)
        return;
    json_object_object_foreach(value, name, text)
    {
        if (a->extra_count >= SB_EXTRA_MAX || !json_object_is_type(text, json_type_string)) {
            mp_error_field(r->err, "action.headers", "are at most %d texts", SB_EXTRA_MAX);
            return;
        }
        a->extra[a->extra_count++] = (struct sb_header){sb_dup(name), sb_dup(json_object_get_string(text))};
    }
}

static void take_hang_and_cut(const struct mp_json_reader *r, struct sb_action *a)
{
    struct mp_json_reader hang = {r->arena, NULL, "action.hang.", r->err};
    struct mp_json_reader cut = {r->arena, NULL, "action.cut.", r->err};
    size_t index = 0;

    a->hang_ms = HANG_DEFAULT_MS;
    if (mp_json_get_object(r, "hang", &hang.obj) == 1) {
        (void)mp_json_get_enum(&hang, "processed", hang_names, &index);
        (void)mp_json_get_int(&hang, "for_ms", 0, TIME_MAX_MS, &a->hang_ms);
        a->hang = index == 0 ? SB_HANG_BEFORE : SB_HANG_AFTER;
    }
    index = 0;
    if (mp_json_get_object(r, "cut", &cut.obj) == 1) {
        if (mp_json_require(&cut, "when"))
            (void)mp_json_get_enum(&cut, "when", cut_names, &index);
        (void)mp_json_get_int(&cut, "bytes", 0, SIZE_MOST, &a->cut_bytes);
        (void)mp_json_get_bool(&cut, "reset", &a->reset);
        a->cut = (enum sb_cut)(SB_CUT_BEFORE + index);
    }
    index = 0;
    (void)mp_json_get_int(r, "execute_later_ms", 0, TIME_MAX_MS, &a->later_ms);
    (void)mp_json_get_enum(r, "meanwhile", meanwhile_names, &index);
    a->later_cut = index == 1;
}

static void take_mangle(const struct mp_json_reader *r, struct sb_action *a)
{
    static const struct {
        const char *name;
        enum sb_mangle mangle;
    } rows[] = {
        {"html_200", SB_MANGLE_HTML},
        {"error_200", SB_MANGLE_ERROR_200},
        {"invalid_json", SB_MANGLE_INVALID_JSON},
        {"wrong_types", SB_MANGLE_WRONG_TYPES},
    };
    bool on;

    for (size_t i = 0; i < MP_COUNT(rows); i++) {
        if (mp_json_get_bool(r, rows[i].name, &on) == 1 && on)
            a->mangle = rows[i].mangle;
    }
    if (mp_json_get_int(r, "truncate_body", 0, (int64_t)SB_BODY_MAX, &a->mangle_bytes) == 1)
        a->mangle = SB_MANGLE_TRUNCATE;
    (void)mp_json_get_int(r, "404_for_ms_after_create", 0, TIME_MAX_MS, &a->hide_ms);
}

/* How a file comes: in which framing, how many bytes of it, where it breaks off, how fast. */
static void take_download(const struct mp_json_reader *r, struct sb_action *a)
{
    static const char *const keys[] = {"framing", "length", "cut", "bytes_per_s", NULL};
    struct mp_json_reader inner = {r->arena, NULL, "action.download.", r->err};
    size_t index;

    a->framing = a->length = a->cut_at = a->bytes_per_s = -1;
    if (mp_json_get_object(r, "download", &inner.obj) != 1)
        return;
    mp_json_refuse_unknown(&inner, keys);
    if (mp_json_get_enum(&inner, "framing", framing_names, &index) == 1)
        a->framing = (int64_t)index;
    (void)mp_json_get_int(&inner, "length", 0, SIZE_MOST, &a->length);
    (void)mp_json_get_int(&inner, "cut", 0, SIZE_MOST, &a->cut_at);
    (void)mp_json_get_int(&inner, "bytes_per_s", 1, SIZE_MOST, &a->bytes_per_s);
}

static void take_action(const struct mp_json_reader *top, struct sb_action *a)
{
    struct mp_json_reader r = {top->arena, NULL, "action.", top->err};

    a->later_ms = -1;
    if (!mp_json_require(top, "action") || mp_json_get_object(top, "action", &r.obj) != 1)
        return;
    mp_json_refuse_unknown(&r, action_keys);
    take_latency(&r, a);
    take_answer(&r, a);
    take_hang_and_cut(&r, a);
    take_mangle(&r, a);
    take_download(&r, a);
}

static void take_probability(const struct mp_json_reader *r, double *out)
{
    struct json_object *value;

    *out = 1;
    if (!json_object_object_get_ex(r->obj, "probability", &value))
        return;
    if (json_object_is_type(value, json_type_double) || json_object_is_type(value, json_type_int))
        *out = json_object_get_double(value);
    else
        mp_error_field(r->err, "probability", "is no number");
}

bool sb_rule_add(struct sb_state *st, struct mp_arena *arena, struct json_object *doc, int64_t *id, struct mp_error *err)
{
    struct mp_json_reader r = {arena, doc, NULL, err};
    struct sb_rule *rule = sb_alloc(sizeof(*rule));
    struct sb_rule **at = &st->rules;

    rule->left = 1;
    rule->source = json_object_get(doc);
    mp_json_refuse_unknown(&r, rule_keys);
    take_match(&r, rule);
    take_action(&r, &rule->action);
    take_probability(&r, &rule->probability);
    (void)mp_json_get_int(&r, "count", -1, 1000000000, &rule->left);
    (void)mp_json_get_int(&r, "skip", 0, 1000000000, &rule->skip);
    if (mp_error_set(err)) {
        rule_free(rule);
        return false;
    }
    rule->id = *id = ++st->rule_seq;
    while (*at != NULL)
        at = &(*at)->next;
    *at = rule;
    return true;
}

bool sb_rule_remove(struct sb_state *st, int64_t id)
{
    for (struct sb_rule **at = &st->rules; *at != NULL; at = &(*at)->next) {
        struct sb_rule *rule = *at;

        if (rule->id != id)
            continue;
        *at = rule->next;
        rule_free(rule);
        return true;
    }
    return false;
}

void sb_rules_clear(struct sb_state *st)
{
    while (st->rules != NULL)
        (void)sb_rule_remove(st, st->rules->id);
}

struct json_object *sb_rules_json(const struct sb_state *st, struct mp_arena *arena)
{
    struct json_object *doc = mp_json_object(arena);
    struct json_object *list = json_object_new_array();

    for (const struct sb_rule *rule = st->rules; rule != NULL; rule = rule->next) {
        struct json_object *row = json_object_new_object();

        mp_json_put_int(row, "id", rule->id);
        mp_json_put_int(row, "hits", rule->hits);
        mp_json_put_int(row, "left", rule->left);
        mp_json_put_int(row, "skip_left", rule->skip);
        mp_json_put(row, "rule", json_object_get(rule->source));
        json_object_array_add(list, row);
    }
    mp_json_put(doc, "faults", list);
    return doc;
}

static bool regex_matches(const char *regex, const char *text)
{
    regex_t compiled;
    bool found;

    if (regcomp(&compiled, regex, REG_EXTENDED | REG_NOSUB) != 0)
        return false;
    found = regexec(&compiled, text, 0, NULL, 0) == 0;
    regfree(&compiled);
    return found;
}

static bool applies(const struct sb_rule *rule, const struct sb_call *call, const char *account_id, const struct sb_user *host)
{
    if (rule->method != NULL && strcmp(rule->method, call->method) != 0)
        return false;
    if (rule->glob != NULL && fnmatch(rule->glob, call->path, 0) != 0)
        return false;
    if (rule->regex != NULL && !regex_matches(rule->regex, call->path))
        return false;
    if (rule->account != NULL && strcmp(rule->account, account_id) != 0)
        return false;
    return rule->host == NULL || (host != NULL && (strcmp(rule->host, host->id) == 0 || strcmp(rule->host, host->email) == 0));
}

static const struct sb_action *copied(struct mp_arena *arena, const struct sb_action *from)
{
    struct sb_action *a = MP_NEW(arena, struct sb_action);

    *a = *from;
    a->body = mp_arena_strdup(arena, from->body);
    for (size_t i = 0; i < a->extra_count; i++)
        a->extra[i] = (struct sb_header){mp_arena_strdup(arena, from->extra[i].name), mp_arena_strdup(arena, from->extra[i].value)};
    return a;
}

const struct sb_action *sb_rule_take(struct sb_call *call, const char *account_id, const struct sb_user *host, int64_t *rule_id)
{
    for (struct sb_rule *rule = call->st->rules; rule != NULL; rule = rule->next) {
        if (rule->left == 0 || !applies(rule, call, account_id, host))
            continue;
        if (rule->skip > 0) {
            rule->skip--;
            continue;
        }
        if (rule->probability < 1 && sb_random_unit(call->st) >= rule->probability)
            continue;
        if (rule->left > 0)
            rule->left--;
        rule->hits++;
        call->st->counters[SB_N_FAULTS]++;
        *rule_id = rule->id;
        return copied(call->arena, &rule->action);
    }
    return NULL;
}

/* ---- what a rule does to an answer */

static const char html_page[] = "<!DOCTYPE html>\n<html><head><title>Sign In</title></head><body><form>Sign in to continue</form></body></html>\n";

void sb_action_answer(const struct sb_call *call, const struct sb_action *action, unsigned status, struct sb_reply *reply)
{
    struct json_object *doc = mp_json_object(call->arena);

    reply->header_count = 0;
    mp_json_put_int(doc, "code", status);
    mp_json_put_text(doc, "message", "injected by the sandbox");
    sb_reply_json(call, reply, status, doc);
    if (action->body != NULL)
        reply->body = mp_slice_of(action->body);
    for (size_t i = 0; i < action->extra_count; i++) {
        if (mp_slice_eq_nocase(mp_slice_of(action->extra[i].name), "content-type"))
            reply->type = action->extra[i].value;
        else
            sb_reply_header(reply, action->extra[i].name, action->extra[i].value);
    }
}

static struct json_object *wrong(struct json_object *value)
{
    switch (json_object_get_type(value)) {
    case json_type_string:
        return json_object_new_int(7);
    case json_type_int:
    case json_type_double:
    case json_type_boolean:
        return json_object_new_string(json_object_get_string(value));
    case json_type_object:
        return json_object_new_string("object");
    case json_type_array:
        return json_object_new_object();
    case json_type_null:
        return json_object_new_boolean(1);
    }
    return NULL;
}

static void wrong_types(const struct sb_call *call, struct sb_reply *reply)
{
    struct json_object *doc;
    struct json_object *out = mp_json_object(call->arena);
    struct mp_error err;

    mp_error_init(&err, call->arena);
    if (mp_json_parse(call->arena, reply->body, &doc, &err) < 0 || !json_object_is_type(doc, json_type_object))
        return;
    json_object_object_foreach(doc, key, value)
    {
        json_object_object_add(out, key, wrong(value));
    }
    reply->body = mp_slice_of(mp_json_text(call->arena, out));
}

static void bend_stream(const struct sb_action *action, struct sb_stream *stream)
{
    if (action->framing >= 0)
        stream->framing = (enum sb_framing)action->framing;
    if (action->length >= 0)
        stream->len = action->length;
    if (action->cut_at >= 0)
        stream->cut_at = action->cut_at;
    if (action->bytes_per_s >= 0)
        stream->bytes_per_s = action->bytes_per_s;
    if (action->mangle == SB_MANGLE_TRUNCATE && action->mangle_bytes < stream->len)
        stream->len = action->mangle_bytes;
    if (action->cut == SB_CUT_IN_BODY)
        stream->cut_at = action->cut_bytes;
}

void sb_action_mangle(const struct sb_call *call, const struct sb_action *action, struct sb_reply *reply)
{
    const char *account_id;
    const struct sb_user *host;

    if (reply->stream != NULL)
        bend_stream(action, reply->stream);
    switch (action->mangle) {
    case SB_MANGLE_NONE:
        break;
    case SB_MANGLE_TRUNCATE:
        if (reply->body.len > (size_t)action->mangle_bytes)
            reply->body.len = (size_t)action->mangle_bytes;
        break;
    case SB_MANGLE_HTML:
        reply->status = 200;
        reply->stream = NULL;
        reply->type = "text/html;charset=UTF-8";
        reply->body = mp_slice_of(html_page);
        break;
    case SB_MANGLE_ERROR_200:
        pthread_mutex_lock(&call->st->lock);
        sb_route_parties(call, &account_id, &host);
        sb_reply_error(call, reply, SB_E_PAID_ONLY, account_id);
        pthread_mutex_unlock(&call->st->lock);
        break;
    case SB_MANGLE_INVALID_JSON:
        reply->stream = NULL;
        reply->body = mp_slice_of("{\"id\": 123, \"uuid\": }");
        break;
    case SB_MANGLE_WRONG_TYPES:
        wrong_types(call, reply);
        break;
    }
}
