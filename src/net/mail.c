#include <string.h>

#include "mail_int.h"
#include "meetpool/clock.h"
#include "net_int.h"

/* A runner's lease outlasts it. */
#define TIMEOUT_MS         20000L
#define CONNECT_TIMEOUT_MS 5000L

struct server {
    const char *url; /* without user and password */
    const char *user, *password;
    bool tls_from_start;
    bool loopback;
};

/* ---- The server's address ---- */

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c != '\0' ? strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;

    return at != NULL ? (int)(at - digits) : -1;
}

/* NULL for a broken escape, and for a control character, which would be another line to the server. */
static const char *decode(struct mp_arena *arena, struct mp_slice s)
{
    char *out = mp_arena_alloc(arena, s.len + 1);
    size_t to = 0;

    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c == '%') {
            int high = i + 2 < s.len ? hex_digit(s.p[i + 1]) : -1, low = high >= 0 ? hex_digit(s.p[i + 2]) : -1;

            if (low < 0)
                return NULL;
            c = (unsigned char)(high << 4 | low);
            i += 2;
        }
        if (c < ' ' || c == 0x7f)
            return NULL;
        out[to++] = (char)c;
    }
    return out;
}

static bool take_user(struct mp_arena *arena, struct mp_slice *authority, struct server *out)
{
    const char *at = memrchr(authority->p, '@', authority->len);
    struct mp_slice pair, user;

    if (at == NULL)
        return true;
    pair = (struct mp_slice){authority->p, (size_t)(at - authority->p)};
    authority->len -= pair.len + 1;
    authority->p = at + 1;
    if (!mp_slice_split(&pair, ':', &user))
        return false;
    out->user = decode(arena, user);
    out->password = decode(arena, pair);
    return out->user != NULL && out->password != NULL && out->user[0] != '\0';
}

static bool read_server(struct mp_arena *arena, struct mp_slice text, struct server *out)
{
    const char *scheme = mp_slice_starts(text, "smtps://") ? "smtps" : "smtp";
    struct mp_slice rest = text;
    struct mp_url url;

    *out = (struct server){.tls_from_start = strcmp(scheme, "smtps") == 0};
    if (!out->tls_from_start && !mp_slice_starts(text, "smtp://"))
        return false;
    rest.p += strlen(scheme) + 3;
    rest.len -= strlen(scheme) + 3;
    if (rest.len > 0 && rest.p[rest.len - 1] == '/')
        rest.len--;
    if (!take_user(arena, &rest, out) || memchr(rest.p, '/', rest.len) != NULL)
        return false;
    /* What a host and a port are is known there. */
    if (!mp_url_parse(arena, mp_arena_printf(arena, "https://%.*s/", (int)rest.len, rest.p), &url) || strcmp(url.path, "/") != 0)
        return false;
    out->loopback = mp_url_is_loopback(&url);
    out->url = mp_arena_printf(arena, "%s://%.*s/", scheme, (int)rest.len, rest.p);
    return true;
}

int mp_mail_check_server(struct mp_arena *arena, const struct mp_secret *url, struct mp_error *err)
{
    struct server server;

    if (read_server(arena, mp_secret_expose(url), &server))
        return 0;
    return mp_fail(err, MP_E_CONFIG, "the address must be smtp://[user:password@]host[:port] or smtps://…, with user and password percent-encoded");
}

/* ---- The call ---- */

struct reading {
    struct mp_slice left;
};

static size_t on_read(char *to, size_t size, size_t count, void *arg)
{
    struct reading *reading = arg;
    size_t room = size * count, len = reading->left.len < room ? reading->left.len : room;

    memcpy(to, reading->left.p, len);
    reading->left.p += len;
    reading->left.len -= len;
    return len;
}

static int set_server(CURL *easy, const struct mp_http *http, const struct server *server)
{
    /* With nobody in between, whatever a mail server of this machine calls its certificate does not matter. */
    long tls = server->loopback && !server->tls_from_start ? CURLUSESSL_NONE : CURLUSESSL_ALL;
    int bad = 0;

    bad |= (int)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    bad |= (int)curl_easy_setopt(easy, CURLOPT_URL, server->url);
    bad |= (int)curl_easy_setopt(easy, CURLOPT_PROXY, "");
    bad |= (int)curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    bad |= (int)curl_easy_setopt(easy, CURLOPT_USE_SSL, tls);
    bad |= (int)curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    bad |= (int)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    bad |= (int)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    bad |= (int)curl_easy_setopt(easy, CURLOPT_CAINFO, http->ca_file);
    bad |= (int)curl_easy_setopt(easy, CURLOPT_CAPATH, http->ca_folder);
    if (server->user != NULL) {
        bad |= (int)curl_easy_setopt(easy, CURLOPT_USERNAME, server->user);
        bad |= (int)curl_easy_setopt(easy, CURLOPT_PASSWORD, server->password);
    }
    return bad;
}

static int set_mail(CURL *easy, const char *from, struct curl_slist *recipients, struct reading *reading, char *problem)
{
    int bad = 0;

    bad |= (int)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    bad |= (int)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
    bad |= (int)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    bad |= (int)curl_easy_setopt(easy, CURLOPT_MAIL_FROM, from);
    bad |= (int)curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, recipients);
    bad |= (int)curl_easy_setopt(easy, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L);
    bad |= (int)curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    bad |= (int)curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
    bad |= (int)curl_easy_setopt(easy, CURLOPT_READDATA, reading);
    bad |= (int)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, problem);
    return bad;
}

static struct curl_slist *recipients_of(struct mp_arena *arena, const char *to)
{
    struct mp_slice rest = mp_slice_of(to), address;
    struct curl_slist *list = NULL;

    while (mail_next_address(&rest, &address)) {
        struct curl_slist *longer = curl_slist_append(list, mp_arena_printf(arena, "<%.*s>", (int)address.len, address.p));

        if (longer == NULL)
            break;
        list = longer;
    }
    return list;
}

/* What happened, without what the server said: that may quote what it was told. */
static int refused(CURL *easy, CURLcode code, const char *problem, struct mp_error *err)
{
    long answer = 0;

    (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &answer);
    mp_fail_log(err, MP_E_UNAVAILABLE, "mail: %s (curl %d, SMTP %ld)", problem[0] != '\0' ? problem : curl_easy_strerror(code), (int)code, answer);
    return mp_fail(err, MP_E_UNAVAILABLE, "The mail server did not take it: %s%s", curl_easy_strerror(code),
                   answer >= 400 ? mp_arena_printf(err->arena, " (SMTP %ld)", answer) : "");
}

int mp_mail_send(struct mp_http *http, struct mp_arena *arena, const struct mp_secret *url, const struct mp_mail *mail, struct mp_error *err)
{
    char problem[CURL_ERROR_SIZE] = "";
    struct reading reading;
    struct curl_slist *recipients;
    struct server server;
    CURLcode code;
    CURL *easy;
    int rc = 0;

    if (mp_mail_check_address(arena, mail->from, true, err) < 0 || mp_mail_check_address(arena, mail->to, false, err) < 0)
        return -1;
    if (!read_server(arena, mp_secret_expose(url), &server))
        return mp_mail_check_server(arena, url, err);
    reading.left = mail_compose(arena, mail, mp_now_ms());
    easy = curl_easy_init();
    recipients = recipients_of(arena, mail->to);
    if (easy == NULL || set_server(easy, http, &server) != 0 ||
        set_mail(easy, mp_arena_printf(arena, "<%s>", mail->from), recipients, &reading, problem) != 0)
        rc = mp_fail_log(err, MP_E_INTERNAL, "libcurl does not take an option that mail needs");
    else if ((code = curl_easy_perform(easy)) != CURLE_OK)
        rc = refused(easy, code, problem, err);
    curl_easy_cleanup(easy);
    curl_slist_free_all(recipients);
    return rc;
}
