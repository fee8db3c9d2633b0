/* Content lines of iCalendar: RFC 5545 sections 3.1 (folding) and 3.3.11 (TEXT). */
#include <string.h>

#include "calendar_int.h"
#include "meetpool/buf.h"

#define LINE_BYTES 75

/* What must stay together: one character, or one escape. */
static void put(struct ics *ics, const char *p, size_t len)
{
    if (ics->column + len > LINE_BYTES) {
        mp_buf_add(ics->out, "\r\n ");
        ics->column = 1;
    }
    mp_buf_append(ics->out, p, len);
    ics->column += len;
}

/* Bytes of the UTF-8 character at `p`. Texts come from the database, which holds nothing else. */
static size_t char_len(const char *p)
{
    size_t len = 1;

    while (len < 4 && ((unsigned char)p[len] & 0xc0) == 0x80)
        len++;
    return len;
}

/* C0 but the tab, DEL, and C1. */
static bool is_control(const char *p)
{
    unsigned char c = (unsigned char)p[0];

    return (c < 0x20 && c != '\t') || c == 0x7f || (c == 0xc2 && (unsigned char)p[1] >= 0x80 && (unsigned char)p[1] < 0xa0);
}

static void put_plain(struct ics *ics, const char *text)
{
    for (size_t len; *text; text += len) {
        len = char_len(text);
        if (!is_control(text))
            put(ics, text, len);
    }
}

static void put_escaped(struct ics *ics, const char *text)
{
    for (size_t len; *text; text += len) {
        len = char_len(text);
        if (*text == '\r' && text[1] == '\n')
            len = 2;
        if (*text == '\n' || *text == '\r')
            put(ics, "\\n", 2);
        else if (*text == ',' || *text == ';' || *text == '\\')
            put(ics, (const char[]){'\\', *text}, 2);
        else if (!is_control(text))
            put(ics, text, len);
    }
}

static void end_line(struct ics *ics)
{
    mp_buf_add(ics->out, "\r\n");
    ics->column = 0;
}

void ics_line(struct ics *ics, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    put_plain(ics, mp_arena_vprintf(ics->arena, fmt, args));
    va_end(args);
    end_line(ics);
}

void ics_text(struct ics *ics, const char *name, const char *text)
{
    if (!text || !*text)
        return;
    put_plain(ics, name);
    put(ics, ":", 1);
    put_escaped(ics, text);
    end_line(ics);
}
