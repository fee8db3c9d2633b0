#include "meetpool/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/x509_vfy.h>

#include "meetpool/clock.h"
#include "meetpool/crypto.h"
#include "net_int.h"

#define TIMEOUT_MS_DEFAULT    10000
#define CONNECT_TIMEOUT_MS    3000
#define SLOW_BYTES_PER_S      64L
#define SLOW_SECONDS          30L
#define KEEP_IDLE_S           30L /* shorter than most middle boxes forget a connection without telling */
#define ANSWER_MOST_BYTES     ((size_t)4 * 1024 * 1024)
#define HEAD_MOST_BYTES       ((size_t)64 * 1024)
#define CA_FOLDER             "/etc/ssl/certs"
#define RETRY_AFTER_MOST_DAYS 366

#define WAIT_MOST_MS     1000
#define CONNECTIONS_KEPT 32L

struct mp_http *mp_http_new(void)
{
    return mp_http_new_trusting(NULL);
}

struct mp_http *mp_http_new_trusting(const char *ca_file)
{
    struct mp_arena *arena = mp_arena_new();
    struct mp_http *http = MP_NEW(arena, struct mp_http);
    const char *file = ca_file ? ca_file : getenv("SSL_CERT_FILE");
    const char *folder = getenv("SSL_CERT_DIR");

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(http->multi = curl_multi_init()) ||
        curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_KEPT) != CURLM_OK) {
        fputs("meetpool: libcurl cannot be started\n", stderr);
        abort();
    }
    http->arena = arena;
    http->ca_file = mp_arena_strdup(arena, file);
    http->ca_folder = mp_arena_strdup(arena, folder || file ? folder : CA_FOLDER);
    return http;
}

void mp_http_free(struct mp_http *http)
{
    if (!http)
        return;
    while (http->idle_count > 0)
        curl_easy_cleanup(http->idle[--http->idle_count]);
    (void)curl_multi_cleanup(http->multi);
    curl_global_cleanup();
    mp_arena_free(http->arena);
}

/* ---- The answer as it comes ---- */

static struct mp_slice without_line_end(struct mp_slice line)
{
    while (line.len > 0 && (line.p[line.len - 1] == '\n' || line.p[line.len - 1] == '\r'))
        line.len--;
    return line;
}

static void take_header(struct transfer *t, struct mp_slice line)
{
    const char *colon = memchr(line.p, ':', line.len);
    struct mp_slice name, value;

    if (!colon || t->headers_count == MP_NET_HEADERS_MOST)
        return;
    name = (struct mp_slice){line.p, (size_t)(colon - line.p)};
    value = (struct mp_slice){colon + 1, line.len - name.len - 1};
    t->headers[t->headers_count++] = (struct mp_http_header){mp_arena_strndup(t->arena, name), mp_arena_strndup(t->arena, mp_slice_trim(value))};
}

/* Called line by line; also for interim answers (100), each of which starts anew, and for trailers, which are left alone. */
static size_t on_header(char *bytes, size_t size, size_t count, void *arg)
{
    struct transfer *t = arg;
    struct mp_slice line = without_line_end((struct mp_slice){bytes, size * count});

    t->head_bytes += size * count;
    if (t->head_bytes > HEAD_MOST_BYTES) {
        t->problem = "the head of the answer is too long";
        return 0;
    }
    if (mp_slice_starts(line, "HTTP/")) {
        t->headers_count = 0;
        t->head_complete = false;
    } else if (line.len == 0) {
        t->head_complete = true;
    } else if (!t->head_complete) {
        take_header(t, line);
    }
    return size * count;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
    struct transfer *t = arg;

    if (mp_buf_append(&t->body, bytes, size * count))
        return size * count;
    t->problem = "the answer is longer than allowed";
    return 0;
}

/* Whether a byte of the request was handed to the connection; over all tries of this call. */
static bool request_left(CURL *easy)
{
    long bytes = 0;

    return curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &bytes) != CURLE_OK || bytes > 0;
}

/*
 * Called each time a connection is ready and the request is about to go. Where a kept connection dies before the first byte of the answer, curl sends
 * the request again on a fresh one, and says nothing (Curl_retry_request() in lib/transfer.c of 7.88.1; CURLOPT_POSTFIELDS can always be rewound):
 * the far side would carry out a POST twice. So a request that left once does not leave again, unless it only asks.
 */
static int on_ready(void *arg, char *far_ip, char *near_ip, int far_port, int near_port)
{
    struct transfer *t = arg;

    (void)near_ip, (void)far_port, (void)near_port;
    if (t->stream && !net_may_reach(t, far_ip))
        return CURL_PREREQFUNC_ABORT;
    if (t->repeatable || !request_left(t->easy))
        return CURL_PREREQFUNC_OK;
    t->problem = "the kept connection died after the request had left";
    return CURL_PREREQFUNC_ABORT;
}

/* ---- The request ---- */

static bool is_header_name(const char *text)
{
    for (const char *c = text; *c; c++)
        if (*c <= ' ' || *c >= 0x7f || *c == ':')
            return false;
    return *text != '\0';
}

static bool is_header_value(struct mp_slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
            return false;
    return true;
}

/* Why the request cannot be sent as it stands; NULL where it can. What is refused here never reaches curl. */
static const char *find_unfit(struct mp_arena *arena, const struct mp_http_request *req)
{
    struct mp_url url;

    if (!mp_url_parse(arena, req->url, &url))
        return "the address is not a plain http or https URL";
    if (strcmp(url.scheme, "http") == 0 && !mp_url_is_loopback(&url))
        return "plain http is taken for this machine itself only; use https";
    for (size_t i = 0; i < req->headers_count; i++)
        if (!is_header_name(req->headers[i].name) || !is_header_value(mp_slice_of(req->headers[i].value)))
            return "a header holds a character that is not allowed there";
    if (!is_header_value(mp_slice_of(req->content_type)))
        return "the content type holds a character that is not allowed there";
    if (req->bearer && !is_header_value(mp_secret_expose(req->bearer)))
        return "the token holds a character that no header can carry";
    return NULL;
}

static void add_header(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);

    if (!longer) {
        fputs("meetpool: out of memory\n", stderr);
        abort();
    }
    *list = longer;
}

static void add_credentials(struct curl_slist **list, struct mp_arena *arena, const struct mp_http_request *req)
{
    struct mp_slice secret = mp_secret_expose(req->bearer ? req->bearer : req->basic_password);
    char *pair = NULL, *line;

    if (req->bearer) {
        line = mp_arena_printf(arena, "Authorization: Bearer %.*s", (int)secret.len, secret.p);
    } else {
        char *encoded;

        pair = mp_arena_printf(arena, "%s:%.*s", req->basic_user, (int)secret.len, secret.p);
        encoded = mp_base64(arena, pair, strlen(pair));
        line = mp_arena_printf(arena, "Authorization: Basic %s", encoded);
        explicit_bzero(encoded, strlen(encoded));
        explicit_bzero(pair, strlen(pair));
    }
    add_header(list, line);
    explicit_bzero(line, strlen(line));
}

static struct curl_slist *make_headers(struct mp_arena *arena, const struct mp_http_request *req)
{
    struct curl_slist *list = NULL;

    /* Never wait for leave to send a body; and no content type that the caller did not name. */
    add_header(&list, "Expect:");
    add_header(&list, req->content_type ? mp_arena_printf(arena, "Content-Type: %s", req->content_type) : "Content-Type:");
    for (size_t i = 0; i < req->headers_count; i++)
        add_header(&list, mp_arena_printf(arena, "%s: %s", req->headers[i].name, req->headers[i].value));
    if (req->bearer || (req->basic_user && req->basic_password))
        add_credentials(&list, arena, req);
    return list;
}

static void free_headers(struct curl_slist *list)
{
    for (struct curl_slist *line = list; line; line = line->next)
        explicit_bzero(line->data, strlen(line->data));
    curl_slist_free_all(list);
}

/* Each of these returns nonzero where curl does not take an option: then nothing is sent. */
static int set_limits(CURL *easy, const struct mp_http_request *req)
{
    long timeout_ms = req->timeout_ms ? (long)req->timeout_ms : TIMEOUT_MS_DEFAULT;
    int bad = 0;

    bad |= (int)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    bad |= (int)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms);
    bad |= (int)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms < CONNECT_TIMEOUT_MS ? timeout_ms : CONNECT_TIMEOUT_MS);
    bad |= (int)curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES_PER_S);
    bad |= (int)curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, SLOW_SECONDS);
    bad |= (int)curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, KEEP_IDLE_S);
    return bad;
}

static int set_safety(CURL *easy, const struct mp_http *http)
{
    int bad = 0;

    bad |= (int)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    bad |= (int)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    bad |= (int)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    bad |= (int)curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* whatever the environment names */
    bad |= (int)curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    bad |= (int)curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    bad |= (int)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    bad |= (int)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    bad |= (int)curl_easy_setopt(easy, CURLOPT_CAINFO, http->ca_file);
    bad |= (int)curl_easy_setopt(easy, CURLOPT_CAPATH, http->ca_folder);
    return bad;
}

static int set_request(CURL *easy, const struct mp_http_request *req)
{
    bool head = strcmp(req->method, "HEAD") == 0;
    bool wants_body = !head && strcmp(req->method, "GET") != 0 && strcmp(req->method, "DELETE") != 0;
    int bad = 0;

    bad |= (int)curl_easy_setopt(easy, CURLOPT_URL, req->url);
    bad |= (int)curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    bad |= (int)curl_easy_setopt(easy, CURLOPT_USERAGENT, PACKAGE_NAME "/" PACKAGE_VERSION);
    if (req->body.p || wants_body) {
        bad |= (int)curl_easy_setopt(easy, CURLOPT_POST, 1L);
        bad |= (int)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->body.len);
        bad |= (int)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, req->body.p ? req->body.p : "");
    }
    bad |= (int)curl_easy_setopt(easy, CURLOPT_NOBODY, head ? 1L : 0L); /* whatever length the answer tells, nothing follows */
    bad |= (int)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, req->method);
    return bad;
}

static int set_callbacks(struct transfer *t)
{
    CURL *easy = t->easy;
    int bad = 0;

    bad |= (int)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    bad |= (int)curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
    bad |= (int)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    bad |= (int)curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
    bad |= (int)curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_ready);
    bad |= (int)curl_easy_setopt(easy, CURLOPT_PREREQDATA, t);
    bad |= (int)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->curl_problem);
    return bad;
}

/* ---- The call ---- */

void net_show_head(struct transfer *t)
{
    long status = 0;

    (void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    t->res->status = (unsigned)status;
    t->res->headers = t->headers;
    t->res->headers_count = t->headers_count;
}

/* When the server's own certificate ends: the first of its chain. */
static int64_t certificate_until_ms(CURL *easy)
{
    static const char key[] = "Expire date:";
    struct curl_certinfo *chain = NULL;

    if (curl_easy_getinfo(easy, CURLINFO_CERTINFO, &chain) != CURLE_OK || !chain || chain->num_of_certs < 1)
        return 0;
    for (struct curl_slist *line = chain->certinfo[0]; line; line = line->next) {
        int64_t at_ms = strncmp(line->data, key, strlen(key)) == 0 ? mp_http_date_ms(line->data + strlen(key)) : -1;

        if (at_ms > 0)
            return at_ms;
    }
    return 0;
}

static void tell_certificate(CURL *easy, CURLcode code, struct mp_http_response *res)
{
    long verdict = 0;

    res->certificate_until_ms = certificate_until_ms(easy);
    if (code == CURLE_PEER_FAILED_VERIFICATION && curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &verdict) == CURLE_OK)
        res->certificate = verdict == X509_V_ERR_CERT_HAS_EXPIRED ? MP_CERTIFICATE_EXPIRED : MP_CERTIFICATE_UNTRUSTED;
    else if (res->certificate_until_ms > 0)
        res->certificate = MP_CERTIFICATE_GOOD;
}

static void settle(struct transfer *t, CURLcode code, struct mp_http_response *res)
{
    long status = 0;

    if (t->tell_certificate)
        tell_certificate(t->easy, code, res);

    (void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    if (t->head_complete && (t->stream || code == CURLE_OK))
        net_show_head(t);
    if (code == CURLE_OK && !t->head_complete)
        t->problem = "the answer ended inside its head"; /* which curl takes for an empty answer */
    if (code == CURLE_OK && t->head_complete) {
        res->call = MP_CALL_ANSWERED;
        res->body = (struct mp_slice){mp_buf_text(&t->body), t->body.len};
        return;
    }
    res->call = request_left(t->easy) ? MP_CALL_MAYBE_DONE : MP_CALL_NOT_SENT;
    if (!t->problem)
        t->problem = t->curl_problem[0] ? t->curl_problem : curl_easy_strerror(code);
    res->problem = status > 0 ? mp_arena_printf(t->arena, "%s (behind HTTP %ld)", t->problem, status) : mp_arena_strdup(t->arena, t->problem);
}

static CURL *take_handle(struct mp_http *http)
{
    CURL *easy = http->idle_count > 0 ? http->idle[--http->idle_count] : curl_easy_init();

    if (!easy) {
        fputs("meetpool: out of memory\n", stderr);
        abort();
    }
    return easy;
}

static void give_handle(struct mp_http *http, CURL *easy)
{
    curl_easy_reset(easy); /* forgets the request */
    if (http->idle_count < MP_NET_HANDLES_KEPT)
        http->idle[http->idle_count++] = easy;
    else
        curl_easy_cleanup(easy);
}

static void end(struct mp_http *http, struct transfer *t)
{
    t->res->elapsed_ms = (unsigned)(mp_monotonic_ms() - t->began_ms);
    t->ended = true;
    if (t->awaited)
        return;
    t->next = http->landed;
    http->landed = t;
}

void net_take_down(struct mp_http *http, struct transfer *t)
{
    (void)curl_multi_remove_handle(http->multi, t->easy);
    give_handle(http, t->easy);
    t->easy = NULL;
    free_headers(t->request_headers);
    end(http, t);
}

static bool set_up(struct mp_http *http, struct transfer *t, const struct mp_http_request *req)
{
    int bad = 0;

    bad |= set_limits(t->easy, req);
    bad |= set_safety(t->easy, http);
    bad |= set_request(t->easy, req);
    bad |= set_callbacks(t);
    bad |= (int)curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->request_headers);
    bad |= (int)curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
    if (t->tell_certificate)
        bad |= (int)curl_easy_setopt(t->easy, CURLOPT_CERTINFO, 1L);
    if (t->stream)
        bad |= net_set_stream(t);
    return !bad && curl_multi_add_handle(http->multi, t->easy) == CURLM_OK;
}

void net_begin(struct mp_http *http, struct transfer *t, const struct mp_http_request *req, struct mp_http_response *res)
{
    struct mp_arena *arena = t->arena;

    t->res = res;
    t->began_ms = mp_monotonic_ms();
    *res = (struct mp_http_response){.call = MP_CALL_NOT_SENT};
    res->problem = find_unfit(arena, req);
    if (res->problem) {
        end(http, t);
        return;
    }
    t->tell_certificate = req->tell_certificate;
    t->repeatable = strcmp(req->method, "GET") == 0 || strcmp(req->method, "HEAD") == 0;
    mp_buf_init(&t->body, arena, req->answer_most_bytes ? req->answer_most_bytes : ANSWER_MOST_BYTES);
    t->request_headers = make_headers(arena, req);
    t->easy = take_handle(http);
    if (!set_up(http, t, req)) {
        res->problem = "libcurl does not take an option that is needed";
        net_take_down(http, t);
    }
}

bool net_move_on(struct mp_http *http)
{
    bool any = false;
    CURLMsg *message;
    int left;

    (void)curl_multi_perform(http->multi, &left);
    while ((message = curl_multi_info_read(http->multi, &left))) {
        CURLcode code = message->data.result;
        struct transfer *t = NULL;

        if (message->msg != CURLMSG_DONE || curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (void *)&t) != CURLE_OK)
            continue;
        settle(t, code, t->res);
        net_take_down(http, t);
        any = true;
    }
    return any;
}

void net_wait_for_news(struct mp_http *http, unsigned wait_ms)
{
    (void)curl_multi_poll(http->multi, NULL, 0, (int)wait_ms, NULL);
}

static struct transfer *new_transfer(struct mp_arena *arena, bool awaited)
{
    struct transfer *t = MP_NEW(arena, struct transfer);

    t->arena = arena;
    t->awaited = awaited;
    return t;
}

void mp_http_call(struct mp_http *http, struct mp_arena *arena, const struct mp_http_request *req, struct mp_http_response *res)
{
    struct transfer *t = new_transfer(arena, true);

    net_begin(http, t, req, res);
    while (!t->ended) {
        (void)net_move_on(http);
        if (!t->ended)
            net_wait_for_news(http, WAIT_MOST_MS);
        if (!t->ended && http->while_waiting)
            http->while_waiting(http->while_waiting_arg);
    }
}

void mp_http_while_waiting(struct mp_http *http, void (*fn)(void *arg), void *arg)
{
    http->while_waiting = fn;
    http->while_waiting_arg = arg;
}

void mp_http_start(struct mp_http *http, struct mp_arena *arena, const struct mp_http_request *req, struct mp_http_response *res)
{
    http->under_way++;
    net_begin(http, new_transfer(arena, false), req, res);
    (void)net_move_on(http);
}

struct mp_http_response *mp_http_land(struct mp_http *http, unsigned wait_ms)
{
    int64_t until_ms = mp_monotonic_ms() + wait_ms;
    struct transfer *t;

    while (!http->landed && http->under_way > 0) {
        int64_t left_ms = until_ms - mp_monotonic_ms();

        (void)net_move_on(http);
        if (http->landed || left_ms <= 0)
            break;
        net_wait_for_news(http, left_ms < WAIT_MOST_MS ? (unsigned)left_ms : WAIT_MOST_MS);
    }
    t = http->landed;
    if (!t)
        return NULL;
    http->landed = t->next;
    http->under_way--;
    return t->res;
}

/* ---- Reading the head ---- */

const char *mp_http_header_get(const struct mp_http_response *res, const char *name)
{
    for (size_t i = 0; i < res->headers_count; i++)
        if (mp_slice_eq_nocase(mp_slice_of(res->headers[i].name), name))
            return res->headers[i].value;
    return NULL;
}

int64_t mp_http_date_ms(const char *text)
{
    struct mp_slice s = mp_slice_of(text);
    int64_t at_ms;
    time_t at;

    if (mp_time_parse(s, NULL, &at_ms, NULL, NULL) == MP_TIME_OK)
        return at_ms;
    /* curl's reader takes many shapes; an HTTP date (RFC 9110 section 5.6.7) always closes with its zone. */
    if (s.len < 4 || memcmp(s.p + s.len - 4, " GMT", 4) != 0)
        return -1;
    at = curl_getdate(text, NULL);
    return at < 0 ? -1 : (int64_t)at * 1000;
}

int64_t mp_http_retry_after_ms(const struct mp_http_response *res, int64_t now_ms)
{
    const char *text = mp_http_header_get(res, "Retry-After");
    unsigned long long seconds;
    int64_t at_ms;

    if (!text)
        return -1;
    if (mp_slice_to_u64(mp_slice_of(text), RETRY_AFTER_MOST_DAYS * 86400ULL, &seconds))
        return (int64_t)seconds * 1000;
    at_ms = mp_http_date_ms(text);
    if (at_ms < 0 || at_ms - now_ms > RETRY_AFTER_MOST_DAYS * MP_DAY_MS)
        return -1;
    return at_ms > now_ms ? at_ms - now_ms : 0;
}
