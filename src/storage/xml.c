#include <string.h>

#include "storage_int.h"

#define DEPTH_MOST    8
#define ELEMENTS_MOST 100000

/* Where the reader stands. */
struct reader {
    struct mp_arena *arena;
    const char *p, *end;
    unsigned elements;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_name(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.' || c == ':';
}

static void skip_blanks(struct reader *r)
{
    while (r->p < r->end && is_blank(*r->p))
        r->p++;
}

static bool take(struct reader *r, const char *text)
{
    size_t len = strlen(text);

    if ((size_t)(r->end - r->p) < len || memcmp(r->p, text, len) != 0)
        return false;
    r->p += len;
    return true;
}

/* Up to and with `text`. */
static bool skip_past(struct reader *r, const char *text)
{
    for (; r->p < r->end; r->p++)
        if (take(r, text))
            return true;
    return false;
}

static struct mp_slice take_name(struct reader *r)
{
    const char *from = r->p;

    while (r->p < r->end && is_name(*r->p))
        r->p++;
    return (struct mp_slice){from, (size_t)(r->p - from)};
}

/* ` name="value"` …: read over. */
static bool skip_attributes(struct reader *r)
{
    for (;;) {
        bool blank = r->p < r->end && is_blank(*r->p);
        const char *close;

        skip_blanks(r);
        if (r->p == r->end || *r->p == '>' || *r->p == '/')
            return r->p < r->end;
        if (!blank || take_name(r).len == 0)
            return false;
        skip_blanks(r);
        if (!take(r, "="))
            return false;
        skip_blanks(r);
        if (r->p == r->end || (*r->p != '"' && *r->p != '\''))
            return false;
        close = memchr(r->p + 1, *r->p, (size_t)(r->end - r->p - 1));
        if (!close || memchr(r->p, '<', (size_t)(close - r->p)))
            return false;
        r->p = close + 1;
    }
}

/* ---- Text ---- */

/* `code` in UTF-8; false for what XML 1.0 does not hold. */
static bool put_code(char **to, unsigned long code)
{
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) || code == 0xfffe || code == 0xffff ||
        (code < 0x20 && code != '\t' && code != '\n' && code != '\r'))
        return false;
    if (code < 0x80) {
        *(*to)++ = (char)code;
        return true;
    }
    if (code < 0x800) {
        *(*to)++ = (char)(0xc0 | code >> 6);
    } else {
        if (code < 0x10000) {
            *(*to)++ = (char)(0xe0 | code >> 12);
        } else {
            *(*to)++ = (char)(0xf0 | code >> 18);
            *(*to)++ = (char)(0x80 | (code >> 12 & 0x3f));
        }
        *(*to)++ = (char)(0x80 | (code >> 6 & 0x3f));
    }
    *(*to)++ = (char)(0x80 | (code & 0x3f));
    return true;
}

/* What stands between "&#" and ";". */
static bool put_number(char **to, struct mp_slice digits)
{
    unsigned base = mp_slice_starts(digits, "x") ? 16 : 10;
    size_t i = base == 16 ? 1 : 0;
    unsigned long code = 0;

    if (digits.len == i || digits.len > 8)
        return false;
    for (; i < digits.len; i++) {
        static const char hex[] = "0123456789abcdef";
        char c = digits.p[i];
        const char *at = memchr(hex, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c, base);

        if (!at)
            return false;
        code = code * base + (unsigned long)(at - hex);
    }
    return put_code(to, code);
}

/* A reference is never shorter than what it stands for. */
static bool put_reference(struct reader *r, char **to)
{
    static const struct {
        const char *name;
        char c;
    } named[] = {{"lt", '<'}, {"gt", '>'}, {"amp", '&'}, {"quot", '"'}, {"apos", '\''}};
    const char *close = memchr(r->p, ';', (size_t)(r->end - r->p));
    struct mp_slice name;

    if (!close)
        return false;
    name = (struct mp_slice){r->p + 1, (size_t)(close - r->p - 1)};
    r->p = close + 1;
    if (mp_slice_starts(name, "#"))
        return put_number(to, (struct mp_slice){name.p + 1, name.len - 1});
    for (size_t i = 0; i < MP_COUNT(named); i++) {
        if (mp_slice_eq_text(name, named[i].name)) {
            *(*to)++ = named[i].c;
            return true;
        }
    }
    return false;
}

/* Up to the next '<'. NULL for a broken reference or a control character. */
static char *take_text(struct reader *r)
{
    const char *open = memchr(r->p, '<', (size_t)(r->end - r->p));
    char *text, *to;

    if (!open)
        return NULL;
    text = to = mp_arena_alloc(r->arena, (size_t)(open - r->p) + 1);
    while (r->p < open) {
        if (*r->p == '&') {
            if (!put_reference(r, &to) || r->p > open)
                return NULL;
        } else if ((unsigned char)*r->p < ' ' && !is_blank(*r->p)) {
            return NULL;
        } else {
            *to++ = *r->p++;
        }
    }
    *to = '\0';
    return text;
}

static bool only_blanks(const char *text)
{
    while (is_blank(*text))
        text++;
    return *text == '\0';
}

/* ---- Elements ---- */

static struct mp_xml *take_element(struct reader *r, unsigned depth);

static const char *local_name(struct reader *r, struct mp_slice name)
{
    const char *colon = memchr(name.p, ':', name.len);

    if (colon)
        name = (struct mp_slice){colon + 1, name.len - (size_t)(colon + 1 - name.p)};
    return mp_arena_strndup(r->arena, name);
}

/* From behind the opening tag to behind the closing one. Text beside children is white space. */
static bool take_content(struct reader *r, struct mp_xml *element, struct mp_slice name, unsigned depth)
{
    struct mp_xml **last = &element->child;
    bool had_text = false;

    for (;;) {
        const char *text = take_text(r);

        if (!text)
            return false;
        if (!only_blanks(text)) {
            if (had_text || element->child)
                return false;
            had_text = true;
            element->text = text;
        }
        if (take(r, "<!--")) {
            if (!skip_past(r, "-->"))
                return false;
        } else if (take(r, "</")) {
            struct mp_slice closing = take_name(r);

            skip_blanks(r);
            return mp_slice_eq(closing, name) && take(r, ">");
        } else {
            if (had_text || !(*last = take_element(r, depth + 1)))
                return false;
            last = &(*last)->next;
        }
    }
}

static struct mp_xml *take_element(struct reader *r, unsigned depth)
{
    struct mp_xml *element = MP_NEW(r->arena, struct mp_xml);
    struct mp_slice name;

    if (depth > DEPTH_MOST || ++r->elements > ELEMENTS_MOST || !take(r, "<"))
        return NULL;
    name = take_name(r);
    if (name.len == 0 || !skip_attributes(r))
        return NULL;
    *element = (struct mp_xml){.name = local_name(r, name), .text = ""};
    if (take(r, "/>"))
        return element;
    return take(r, ">") && take_content(r, element, name, depth) ? element : NULL;
}

/* Blanks and comments around the root. */
static bool skip_misc(struct reader *r)
{
    for (skip_blanks(r); take(r, "<!--"); skip_blanks(r))
        if (!skip_past(r, "-->"))
            return false;
    return true;
}

const struct mp_xml *mp_xml_parse(struct mp_arena *arena, struct mp_slice text)
{
    struct reader r = {arena, text.p, text.p + text.len, 0};
    struct mp_xml *root;

    if (text.len == 0)
        return NULL;
    skip_blanks(&r); /* S3 sends them to keep a slow answer alive */
    if (take(&r, "<?xml") && !skip_past(&r, "?>"))
        return NULL;
    if (!skip_misc(&r))
        return NULL;
    root = take_element(&r, 1);
    return root && skip_misc(&r) && r.p == r.end ? root : NULL;
}

const struct mp_xml *mp_xml_next(const struct mp_xml *element)
{
    const struct mp_xml *other = element->next;

    while (other && strcmp(other->name, element->name) != 0)
        other = other->next;
    return other;
}

const struct mp_xml *mp_xml_child(const struct mp_xml *parent, const char *name)
{
    const struct mp_xml *child = parent ? parent->child : NULL;

    while (child && strcmp(child->name, name) != 0)
        child = child->next;
    return child;
}

const char *mp_xml_text(const struct mp_xml *parent, const char *name)
{
    const struct mp_xml *child = mp_xml_child(parent, name);

    return child ? child->text : "";
}
