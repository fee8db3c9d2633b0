#include <string.h>

#include "mail_int.h"
#include "meetpool/buf.h"
#include "meetpool/clock.h"
#include "meetpool/crypto.h"

#define LOCAL_MOST   64 /* RFC 5321 section 4.5.3.1 */
#define DOMAIN_MOST  253
#define SUBJECT_MOST 200
#define MESSAGE_MOST ((size_t)4 * 1024 * 1024)
/* Bytes of an encoded word's text: 75 characters with what stands around it (RFC 2047 section 2), base64, and room for the name of the header. */
#define WORD_BYTES 42
#define LINE_CHARS 75 /* quoted-printable, the `=` of a soft end not counted (RFC 2045 section 6.7) */

/* One line of UTF-8, at most so many bytes. */
static const char *one_line(struct mp_arena *arena, const char *text)
{
    char *line = mp_arena_utf8(arena, mp_slice_of(text));
    size_t len = strlen(line);

    for (size_t i = 0; i < len; i++)
        line[i] = (unsigned char)line[i] < ' ' || line[i] == 0x7f ? ' ' : line[i];
    if (len > SUBJECT_MOST) {
        len = SUBJECT_MOST;
        while (((unsigned char)line[len] & 0xc0) == 0x80)
            len--;
        line[len] = '\0';
    }
    return line;
}

/* ---- Addresses ---- */

bool mail_next_address(struct mp_slice *list, struct mp_slice *address)
{
    while (mp_slice_split(list, ',', address)) {
        *address = mp_slice_trim(*address);
        if (address->len > 0)
            return true;
    }
    return false;
}

static bool all_of(struct mp_slice s, const char *extra)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.p[i];

        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && (c == '\0' || strchr(extra, c) == NULL))
            return false;
    }
    return s.len > 0;
}

static bool is_address(struct mp_slice s)
{
    struct mp_slice domain = s, local;

    if (!mp_slice_split(&domain, '@', &local) || local.len == s.len)
        return false;
    return local.len <= LOCAL_MOST && domain.len <= DOMAIN_MOST && all_of(local, "!#$%&'*+-/=?^_`{|}~.") && all_of(domain, "-.") &&
           domain.p[0] != '.' && domain.p[domain.len - 1] != '.';
}

int mp_mail_check_address(struct mp_arena *arena, const char *list, bool one, struct mp_error *err)
{
    struct mp_slice rest = mp_slice_of(list), address;
    unsigned count = 0;

    while (mail_next_address(&rest, &address)) {
        if (!is_address(address))
            return mp_fail(err, MP_E_CONFIG, "\"%s\" is no plain mail address (name@example.org)", one_line(arena, mp_arena_strndup(arena, address)));
        count++;
    }
    if (count == 0 || (one && count > 1))
        return mp_fail(err, MP_E_CONFIG, one ? "exactly one mail address is needed" : "a mail address is needed");
    return 0;
}

/* ---- Header ---- */

static bool is_plain_word_line(const char *text)
{
    if (strstr(text, "=?") != NULL)
        return false;
    for (; *text != '\0'; text++)
        if ((unsigned char)*text >= 0x7f)
            return false;
    return true;
}

static void add_subject(struct mp_buf *out, const char *subject)
{
    const char *text = one_line(out->arena, subject);
    size_t len = strlen(text);

    mp_buf_add(out, "Subject: ");
    if (is_plain_word_line(text)) {
        mp_buf_addf(out, "%s\r\n", text);
        return;
    }
    for (size_t from = 0, to; from < len; from = to) {
        to = from + WORD_BYTES < len ? from + WORD_BYTES : len;
        while (to < len && ((unsigned char)text[to] & 0xc0) == 0x80)
            to--;
        mp_buf_addf(out, "%s=?UTF-8?B?%s?=", from > 0 ? "\r\n " : "", mp_base64(out->arena, text + from, to - from));
    }
    mp_buf_add(out, "\r\n");
}

static void add_recipients(struct mp_buf *out, const char *list)
{
    struct mp_slice rest = mp_slice_of(list), address;
    const char *before = "To: ";

    while (mail_next_address(&rest, &address)) {
        mp_buf_addf(out, "%s%.*s", before, (int)address.len, address.p);
        before = ",\r\n ";
    }
    mp_buf_add(out, "\r\n");
}

/* RFC 5322 section 3.3, in UTC; the names are English wherever the program runs. */
static void add_date(struct mp_buf *out, int64_t now_ms)
{
    static const char *const days[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct mp_civil at = {0};

    if (mp_zone_local("UTC", now_ms, &at))
        mp_buf_addf(out, "Date: %s, %d %s %04d %02d:%02d:%02d +0000\r\n", days[mp_time_utc_day(now_ms) % 7], at.day, months[at.month - 1], at.year,
                    at.hour, at.minute, at.second);
}

/* ---- Body ---- */

/* Whether this byte goes as it is, at this place of its line. */
static bool goes_plain(const char *p)
{
    bool last = p[1] == '\n' || p[1] == '\0';

    if (*p == ' ' || *p == '\t')
        return !last;
    return *p > ' ' && *p < 0x7f && *p != '=';
}

static void add_body(struct mp_buf *out, const char *text)
{
    size_t column = 0;

    for (const char *p = text; *p != '\0'; p++) {
        size_t width = goes_plain(p) ? 1 : 3;

        if (*p == '\n') {
            mp_buf_add(out, "\r\n");
            column = 0;
            continue;
        }
        if (column + width > LINE_CHARS) {
            mp_buf_add(out, "=\r\n");
            column = 0;
        }
        if (width == 1)
            mp_buf_append(out, p, 1);
        else
            mp_buf_addf(out, "=%02X", (unsigned)(unsigned char)*p);
        column += width;
    }
    mp_buf_add(out, "\r\n");
}

struct mp_slice mail_compose(struct mp_arena *arena, const struct mp_mail *mail, int64_t now_ms)
{
    struct mp_buf out;

    mp_buf_init(&out, arena, MESSAGE_MOST);
    add_date(&out, now_ms);
    mp_buf_addf(&out, "From: %s\r\n", mail->from);
    add_recipients(&out, mail->to);
    add_subject(&out, mail->subject);
    mp_buf_addf(&out, "Message-ID: <%s%s\r\n", mail->id, mp_arena_printf(arena, "%s>", strchr(mail->from, '@')));
    mp_buf_add(&out, "Auto-Submitted: auto-generated\r\n"
                     "MIME-Version: 1.0\r\n"
                     "Content-Type: text/plain; charset=UTF-8\r\n"
                     "Content-Transfer-Encoding: quoted-printable\r\n\r\n");
    add_body(&out, mp_arena_utf8(arena, mp_slice_of(mail->text)));
    return mp_buf_slice(&out);
}
