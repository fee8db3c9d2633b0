#include "meetpool/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base_int.h"

#define LINE_BYTES  16384
#define FIELD_BYTES 4096 /* so that one long field does not push out the others */
#define TAIL_BYTES  16   /* kept back, so that a cut mark, the closing quote and the closing brace always fit */
#define CUT_MARK    "\xe2\x80\xa6"

struct line {
    char bytes[LINE_BYTES];
    size_t len;
};

static bool put(struct line *line, const char *bytes, size_t len)
{
    if (len > LINE_BYTES - TAIL_BYTES - line->len)
        return false;
    memcpy(line->bytes + line->len, bytes, len);
    line->len += len;
    return true;
}

static bool put_text(struct line *line, const char *text)
{
    return put(line, text, strlen(text));
}

/* Into what was kept back. */
static void put_tail(struct line *line, const char *text)
{
    size_t len = strlen(text);

    memcpy(line->bytes + line->len, text, len);
    line->len += len;
}

/* How one character stands in a JSON text; returns its length. `raw`: its own bytes. */
static size_t spell(uint32_t c, const char *raw, size_t raw_len, char out[8])
{
    const char *pair = c == '"' ? "\\\"" : c == '\\' ? "\\\\" : c == '\n' ? "\\n" : c == '\r' ? "\\r" : c == '\t' ? "\\t" : NULL;

    if (pair) {
        memcpy(out, pair, 2);
        return 2;
    }
    if (mp_utf8_is_control(c)) {
        snprintf(out, 8, "\\u%04x", (unsigned)c & 0xffff);
        return 6;
    }
    memcpy(out, raw, raw_len);
    return raw_len;
}

/* The text and its closing quote; the opening one stands already. */
static void put_rest_of_text(struct line *line, const char *text)
{
    size_t stop = line->len + FIELD_BYTES;
    size_t left = strlen(text);

    while (left > 0) {
        char piece[8];
        uint32_t c = 0;
        size_t taken = mp_utf8_decode(text, left, &c);
        size_t len = taken ? spell(c, text, taken, piece) : spell(0xfffd, "\xef\xbf\xbd", 3, piece);

        if (line->len + len > stop || !put(line, piece, len)) {
            put_tail(line, CUT_MARK);
            break;
        }
        text += taken ? taken : 1;
        left -= taken ? taken : 1;
    }
    put_tail(line, "\"");
}

/* A member's name and the start of its value; leaves the line as it was where they do not fit. */
static bool put_member(struct line *line, const char *name, const char *value)
{
    size_t before = line->len;

    if (put_text(line, before > 1 ? ",\"" : "\"") && put_text(line, name) && put_text(line, "\":") && put_text(line, value))
        return true;
    line->len = before;
    return false;
}

static void put_str(struct line *line, const char *name, const char *text)
{
    if (!text)
        put_member(line, name, "null");
    else if (put_member(line, name, "\""))
        put_rest_of_text(line, text);
}

static void put_int(struct line *line, const char *name, int64_t number)
{
    char text[24];

    snprintf(text, sizeof(text), "%lld", (long long)number);
    put_member(line, name, text);
}

static void put_now(struct line *line)
{
    char text[MP_TIME_TEXT_BYTES];

    mp_time_text(mp_now_ms(), text);
    put_str(line, "time", text);
}

static const char *const level_names[] = {[MP_DEBUG] = "debug", [MP_INFO] = "info", [MP_WARNING] = "warning", [MP_ERROR] = "error"};

static void put_context(struct line *line, const struct mp_log *log)
{
    if (log->role)
        put_str(line, "role", log->role);
    if (log->request_id)
        put_str(line, "request_id", log->request_id);
    if (log->user)
        put_str(line, "user", log->user);
    if (log->job)
        put_str(line, "job", log->job);
}

static void put_field(struct line *line, const struct mp_log_field *field)
{
    switch (field->type) {
    case MP_LOG_STR:
        put_str(line, field->name, field->text);
        break;
    case MP_LOG_INT:
        put_int(line, field->name, field->number);
        break;
    case MP_LOG_BOOL:
        put_member(line, field->name, field->number ? "true" : "false");
        break;
    case MP_LOG_END:
        break;
    }
}

/* A full disk or a closed pipe must not stop the work: a line that cannot be written is lost. */
static void write_out(int fd, const struct line *line)
{
    ssize_t written;

    do
        written = write(fd, line->bytes, line->len);
    while (written < 0 && errno == EINTR);
}

void mp_log_write(const struct mp_log *log, enum mp_log_level level, const char *event, const struct mp_log_field *fields)
{
    int saved_errno = errno;
    struct line line;

    if (level < log->level)
        return;
    line.len = 0;
    put(&line, "{", 1);
    put_now(&line);
    put_str(&line, "level", level_names[level]);
    put_str(&line, "event", event);
    put_context(&line, log);
    for (const struct mp_log_field *field = fields; field->type != MP_LOG_END; field++)
        put_field(&line, field);
    put_tail(&line, "}\n");
    write_out(log->fd, &line);
    errno = saved_errno;
}

bool mp_log_level_parse(const char *text, enum mp_log_level *level)
{
    for (size_t i = 0; text && i < MP_COUNT(level_names); i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *level = (enum mp_log_level)i;
            return true;
        }
    }
    return false;
}
