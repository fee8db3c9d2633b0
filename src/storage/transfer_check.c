#include <string.h>
#include <strings.h>

#include "transfer_int.h"

static struct mp_slice without_start(struct mp_slice s, size_t len)
{
    return (struct mp_slice){s.p + len, s.len - len};
}

/* Without a byte order mark and blanks. */
static struct mp_slice at_first_letter(struct mp_slice s)
{
    if (mp_slice_starts(s, "\xef\xbb\xbf"))
        s = without_start(s, 3);
    while (s.len > 0 && (*s.p == ' ' || *s.p == '\t' || *s.p == '\r' || *s.p == '\n'))
        s = without_start(s, 1);
    return s;
}

static bool starts_nocase(struct mp_slice s, const char *prefix)
{
    size_t len = strlen(prefix);

    return s.len >= len && strncasecmp(s.p, prefix, len) == 0;
}

static bool is_html(struct mp_slice s)
{
    s = at_first_letter(s);
    return starts_nocase(s, "<!doctype html") || starts_nocase(s, "<html") || starts_nocase(s, "<head") || starts_nocase(s, "<body") ||
           starts_nocase(s, "<script");
}

/* ISO/IEC 14496-12 section 4.3: the first box tells the file's type; its length stands before its name. */
static bool is_mp4(struct mp_slice s)
{
    return s.len >= 8 && memcmp(s.p + 4, "ftyp", 4) == 0;
}

static bool is_vtt(struct mp_slice s)
{
    if (mp_slice_starts(s, "\xef\xbb\xbf"))
        s = without_start(s, 3);
    return mp_slice_starts(s, "WEBVTT");
}

static bool is_json(struct mp_slice s)
{
    s = at_first_letter(s);
    return s.len > 0 && (*s.p == '{' || *s.p == '[');
}

static bool is_text(struct mp_slice s)
{
    return s.len > 0 && !memchr(s.p, '\0', s.len);
}

enum kind_verdict transfer_kind(const char *extension, struct mp_slice bytes)
{
    static const struct {
        const char *extension;
        bool (*is)(struct mp_slice);
    } kinds[] = {{"MP4", is_mp4}, {"M4A", is_mp4}, {"VTT", is_vtt}, {"JSON", is_json}, {"TXT", is_text}};

    if (is_html(bytes))
        return KIND_HTML;
    for (size_t i = 0; extension && i < MP_COUNT(kinds); i++)
        if (strcasecmp(extension, kinds[i].extension) == 0)
            return kinds[i].is(bytes) ? KIND_FITS : KIND_WRONG;
    return KIND_FITS;
}

bool transfer_type_is_html(const char *content_type)
{
    struct mp_slice type = mp_slice_trim(mp_slice_of(content_type));

    return starts_nocase(type, "text/html") || starts_nocase(type, "application/xhtml");
}

static bool read_number(struct mp_slice text, int64_t *out)
{
    unsigned long long value;

    if (!mp_slice_to_u64(text, INT64_MAX, &value))
        return false;
    *out = (int64_t)value;
    return true;
}

bool transfer_range_read(const char *text, int64_t *from, int64_t *to, int64_t *total)
{
    struct mp_slice rest = mp_slice_trim(mp_slice_of(text)), range, first;

    *from = *to = *total = -1;
    if (!starts_nocase(rest, "bytes "))
        return false;
    rest = without_start(rest, 6);
    if (!mp_slice_split(&rest, '/', &range))
        return false;
    if (!mp_slice_eq_text(rest, "*") && !read_number(rest, total))
        return false;
    if (mp_slice_eq_text(range, "*"))
        return true;
    return mp_slice_split(&range, '-', &first) && read_number(first, from) && read_number(range, to) && *from <= *to && (*total < 0 || *to < *total);
}
