#include <inttypes.h>
#include <string.h>

#include "alert_int.h"
#include "meetpool/buf.h"
#include "meetpool/clock.h"
#include "meetpool/crypto.h"

#define TEXT_MOST    ((size_t)1024 * 1024)
#define SUBJECT_MOST 400
#define IDS_MOST     ((size_t)256 * 1024)
/* Of one kind; how many more there are is said. */
#define LINES_MOST 40

/* In the order in which they are told; the last is whatever else was raised. */
static const struct words {
    const char *kind;
    const char *one, *many;
    const char *what_to_do;
} words[] = {
    {MP_ALERT_ACCOUNT, "Zoom account does not work", "Zoom accounts do not work",
     "Look at the account's credentials and at its app in Zoom's marketplace (meetpoolctl check tries them), then reset it:\n"
     "POST /api/zoom/reset-account/ACCOUNT, or Reset on the admin page. Until then new meetings go to the other accounts."},
    {MP_ALERT_CONNECTION, "person has to connect Zoom again", "people have to connect Zoom again",
     "Zoom takes their connection no longer. They are told so on /settings, where \"Connect Zoom\" mends it; until then their\n"
     "meetings are hosted by the system's accounts."},
    {MP_ALERT_RENEWAL, "person's connection to Zoom is not renewed", "people's connections to Zoom are not renewed",
     "It is tried again by itself, and the connection dies if that goes on. The reason stands beside each: where Zoom refuses the app's\n"
     "credentials, put ZOOM_OAUTH_CLIENT_ID and ZOOM_OAUTH_CLIENT_SECRET right; where Zoom is away, wait."},
    {MP_ALERT_RECORDING, "recording did not come home", "recordings did not come home",
     "The reason stands beside each. What it names put right, try again: Retry on the admin page, or\n"
     "POST /api/batches/BATCH/retry-zoom-recordings. Zoom keeps recordings for a limited time."},
    {MP_ALERT_WEBHOOKS, "app is silent: no webhooks come", "apps are silent: no webhooks come",
     "Look at the event subscription of the app in Zoom's marketplace: its address, whether Zoom has switched it off, and its\n"
     "secret token. Until then changes are noticed later, by asking Zoom."},
    {MP_ALERT_JOB, "background job was given up", "background jobs were given up",
     "Every try failed, or killed the process that worked on it. The reason stands beside each, and more of it in the log;\n"
     "try again with POST /api/admin/jobs/JOB/retry."},
    {NULL, "further event", "further events", "See the log."},
};

static size_t words_of(const char *kind)
{
    size_t i = 0;

    while (words[i].kind != NULL && strcmp(words[i].kind, kind) != 0)
        i++;
    return i;
}

static size_t count_of(const struct mp_alert_row *rows, size_t count, size_t which)
{
    size_t found = 0;

    for (size_t i = 0; i < count; i++)
        found += words_of(rows[i].kind) == which;
    return found;
}

/* What other systems said makes no lines of its own. */
static const char *one_line(struct mp_arena *arena, const char *text)
{
    char *line = mp_arena_strdup(arena, text);

    for (char *c = line; *c != '\0'; c++)
        *c = (unsigned char)*c < ' ' || *c == 0x7f ? ' ' : *c;
    return line;
}

static void add_row(struct mp_buf *out, const struct mp_alert_row *row)
{
    mp_buf_addf(out, "  * %s: %s\n    ", one_line(out->arena, row->subject), one_line(out->arena, row->message));
    if (row->times > 1)
        mp_buf_addf(out, "%" PRId64 " times, first at %s, last at ", row->times, mp_time_format_seconds(out->arena, row->first_at));
    mp_buf_addf(out, "%s\n", mp_time_format_seconds(out->arena, row->last_at));
}

static void add_kind(struct mp_buf *out, const struct mp_alert_row *rows, size_t count, size_t which)
{
    size_t found = count_of(rows, count, which), told = 0;

    if (found == 0)
        return;
    mp_buf_addf(out, "%zu %s\n\n%s\n\n", found, found == 1 ? words[which].one : words[which].many, words[which].what_to_do);
    for (size_t i = 0; i < count && told < LINES_MOST; i++) {
        if (words_of(rows[i].kind) != which)
            continue;
        add_row(out, &rows[i]);
        told++;
    }
    if (found > told)
        mp_buf_addf(out, "  … and %zu more\n", found - told);
    mp_buf_add(out, "\n\n");
}

static const char *subject_of(struct mp_arena *arena, const struct mp_alert_row *rows, size_t count)
{
    const char *before = "meetpool: ";
    struct mp_buf out;

    mp_buf_init(&out, arena, SUBJECT_MOST);
    for (size_t which = 0; which < MP_COUNT(words); which++) {
        size_t found = count_of(rows, count, which);

        if (found == 0)
            continue;
        mp_buf_addf(&out, "%s%zu %s", before, found, found == 1 ? words[which].one : words[which].many);
        before = "; ";
    }
    return mp_buf_text(&out);
}

/* The same rows as they stand make the same id: a mail that is sent again, as it is not known whether it came, can be told from a new one. */
static const char *id_of(struct mp_arena *arena, const struct mp_alert_row *rows, size_t count)
{
    struct mp_buf out;

    mp_buf_init(&out, arena, IDS_MOST);
    for (size_t i = 0; i < count; i++)
        mp_buf_addf(&out, "%" PRId64 "/%" PRId64 "/%" PRId64 " ", rows[i].id, rows[i].times, rows[i].first_at);
    return mp_sha256_hex(arena, mp_buf_slice(&out));
}

void alert_write(struct mp_arena *arena, const struct mp_alert_row *rows, size_t count, struct mp_mail *mail)
{
    struct mp_buf out;

    mp_buf_init(&out, arena, TEXT_MOST);
    for (size_t which = 0; which < MP_COUNT(words); which++)
        add_kind(&out, rows, count, which);
    mp_buf_add(&out, "All times are UTC. What goes on happening is told again in the next mail.\n");
    mail->id = id_of(arena, rows, count);
    mail->subject = subject_of(arena, rows, count);
    mail->text = mp_buf_text(&out);
}
