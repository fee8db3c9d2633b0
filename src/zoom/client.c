#include <string.h>

#include "meetpool/clock.h"
#include "meetpool/json.h"
#include "zoom_int.h"

#define URL_MOST_BYTES   500
#define LIMIT_DEFAULT_MS 1000 /* a limit per second, and no Retry-After */

const struct mp_setting mp_zoom_settings[] = {
    MP_SETTING("ZOOM_API_URL", MP_SET_URL, "https://api.zoom.us/v2", 1, URL_MOST_BYTES, mp_zoom_conf, api_url),
    MP_SETTING("ZOOM_OAUTH_URL", MP_SET_URL, "https://zoom.us/oauth", 1, URL_MOST_BYTES, mp_zoom_conf, oauth_url),
};
const size_t mp_zoom_settings_rows = MP_COUNT(mp_zoom_settings);

/* Credentials and tokens go there: in the clear to this machine alone. */
static int check_base(struct mp_arena *arena, const char *name, const char *text, struct mp_error *err)
{
    struct mp_url url;

    if (!mp_url_parse(arena, text, &url))
        return mp_fail(err, MP_E_CONFIG, "%s must be a whole http or https address", name);
    if (strcmp(url.scheme, "https") != 0 && !mp_url_is_loopback(&url))
        return mp_fail(err, MP_E_CONFIG, "%s must begin with https://, but for this machine itself", name);
    return 0;
}

int mp_zoom_conf_check(struct mp_arena *arena, const struct mp_zoom_conf *conf, struct mp_error *err)
{
    if (check_base(arena, "ZOOM_API_URL", conf->api_url, err) < 0)
        return -1;
    return check_base(arena, "ZOOM_OAUTH_URL", conf->oauth_url, err);
}

struct mp_zoom *mp_zoom_new(const struct mp_zoom_conf *conf, struct mp_http *http, const struct mp_log *log)
{
    struct mp_arena *arena = mp_arena_new();
    struct mp_zoom *zoom = MP_NEW(arena, struct mp_zoom);

    zoom->arena = arena;
    zoom->api_url = mp_arena_strdup(arena, conf->api_url);
    zoom->oauth_url = mp_arena_strdup(arena, conf->oauth_url);
    zoom->http = http;
    zoom->log = log;
    return zoom;
}

void mp_zoom_free(struct mp_zoom *zoom)
{
    if (zoom)
        mp_arena_free(zoom->arena);
}

static bool is_host_of(struct mp_arena *arena, const char *base, const char *host)
{
    struct mp_url url;

    return mp_url_parse(arena, base, &url) && strcmp(url.host, host) == 0;
}

bool mp_zoom_is_its_page(const struct mp_zoom *zoom, struct mp_arena *arena, const char *text)
{
    static const char domain[] = ".zoom.us";
    struct mp_url url;
    size_t len;

    for (const char *p = text; *p != '\0'; p++) {
        if (*p <= ' ' || *p > '~' || *p == '\\')
            return false;
    }
    if (!mp_url_parse(arena, text, &url) || (strcmp(url.scheme, "https") != 0 && !mp_url_is_loopback(&url)))
        return false;
    len = strlen(url.host);
    return strcmp(url.host, domain + 1) == 0 || (len >= sizeof(domain) && strcmp(url.host + len - (sizeof(domain) - 1), domain) == 0) ||
           is_host_of(arena, zoom->api_url, url.host) || is_host_of(arena, zoom->oauth_url, url.host);
}

/* ---- There ---- */

static void put_body(struct mp_arena *arena, const struct zoom_call *call, struct mp_http_request *req)
{
    if (call->json) {
        req->body = mp_slice_of(mp_json_text(arena, call->json));
        req->content_type = "application/json";
    } else if (call->form) {
        req->body = mp_slice_of(call->form);
        req->content_type = "application/x-www-form-urlencoded";
    }
}

static struct mp_http_request *make_request(const struct mp_zoom *zoom, struct mp_arena *arena, const struct zoom_call *call)
{
    struct mp_http_header *headers = mp_arena_array(arena, 2, sizeof(*headers));
    struct mp_http_request *req = MP_NEW(arena, struct mp_http_request);

    headers[0] = (struct mp_http_header){"Accept", "application/json"};
    *req = (struct mp_http_request){
        .method = call->method,
        .url = mp_arena_printf(arena, "%s%s", call->base, call->path),
        .headers = headers,
        .headers_count = 1,
        .bearer = call->bearer,
        .basic_user = call->basic_user,
        .basic_password = call->basic_password,
        .timeout_ms = call->timeout_ms,
    };
    if (zoom->log && zoom->log->request_id)
        headers[req->headers_count++] = (struct mp_http_header){"X-Request-Id", zoom->log->request_id};
    put_body(arena, call, req);
    return req;
}

/* ---- And back ---- */

/* NULL for an empty body and for whatever is not strict JSON: a body that was cut is never taken for a shorter one. */
static struct json_object *read_body(struct mp_arena *arena, const struct mp_http_response *http)
{
    struct json_object *doc = NULL;
    struct mp_error err;

    mp_error_init(&err, arena);
    if (http->body.len == 0 || mp_json_parse(arena, http->body, &doc, &err) < 0)
        return NULL;
    return doc;
}

void zoom_call_unreadable(struct mp_zoom_result *res, const char *what)
{
    res->cls = MP_ZOOM_MAYBE_DONE;
    res->message = what;
}

static void take_complaint(struct mp_arena *arena, const struct zoom_call *call, const struct mp_http_response *http,
                           const struct zoom_complaint *complaint, struct mp_zoom_result *res)
{
    struct zoom_complaint shown = *complaint;

    res->cls = zoom_complaint_class(http->status, complaint, mp_http_header_get(http, "X-RateLimit-Type"));
    res->code = complaint->code;
    /* "Invalid authorization code <code>" is what Zoom says. */
    if (call->hide) {
        shown.text = zoom_blotted(arena, complaint->text, call->hide);
        shown.error = zoom_blotted(arena, complaint->error, call->hide);
    }
    if (complaint->code || complaint->error)
        res->message = zoom_complaint_text(arena, &shown, call->bearer ? call->bearer : call->basic_password);
    else
        res->message = mp_arena_printf(arena, "HTTP %u without an error body of Zoom's", http->status);
    if (res->cls == MP_ZOOM_RATE_LIMITED && res->retry_after_ms < 0)
        res->retry_after_ms = LIMIT_DEFAULT_MS;
}

/* Some refusals come with HTTP 200 (code 200, "only available for paid account"): what a good answer has is missing, and a complaint is there. */
static struct json_object *take_success(struct mp_arena *arena, const struct zoom_call *call, const struct mp_http_response *http,
                                        struct json_object *doc, struct mp_zoom_result *res)
{
    bool complete = call->wanted && json_object_is_type(doc, json_type_object) && json_object_object_get_ex(doc, call->wanted, NULL);
    struct zoom_complaint complaint;

    res->cls = MP_ZOOM_OK;
    if (complete)
        return doc;
    if (zoom_complaint_read(doc, &complaint))
        take_complaint(arena, call, http, &complaint, res);
    else if (call->wanted)
        zoom_call_unreadable(res, mp_arena_printf(arena, "HTTP %u with a body that is not a whole answer", http->status));
    else if (!doc && http->body.len > 0)
        zoom_call_unreadable(res, mp_arena_printf(arena, "HTTP %u with a body that is not Zoom's", http->status));
    return NULL;
}

static struct json_object *take_answer(struct mp_arena *arena, const struct zoom_call *call, const struct mp_http_response *http,
                                       struct mp_zoom_result *res)
{
    struct json_object *doc = read_body(arena, http);
    struct zoom_complaint complaint;

    res->status = http->status;
    res->retry_after_ms = mp_http_retry_after_ms(http, mp_now_ms());
    res->tracking_id = zoom_plain_text(arena, mp_http_header_get(http, "x-zm-trackingid"), call->bearer);
    if (http->status >= 200 && http->status < 300)
        return take_success(arena, call, http, doc, res);
    zoom_complaint_read(doc, &complaint);
    take_complaint(arena, call, http, &complaint, res);
    return NULL;
}

static void log_call(const struct mp_zoom *zoom, const struct zoom_call *call, const struct mp_zoom_result *res)
{
    if (!zoom->log)
        return;
    mp_metric_add(zoom->log->metrics, MP_METRIC_ZOOM_CALLS, call->operation, mp_zoom_class_name(res->cls), 1);
    mp_metric_time(zoom->log->metrics, MP_METRIC_ZOOM_TIME, call->operation, res->elapsed_ms);
    mp_log(zoom->log, MP_DEBUG, "zoom.call", MP_STR("operation", call->operation), MP_STR("class", mp_zoom_class_name(res->cls)),
           MP_INT("status", res->status), MP_INT("code", res->code), MP_INT("elapsed_ms", res->elapsed_ms), MP_STR("tracking_id", res->tracking_id));
}

static struct json_object *take(const struct mp_zoom *zoom, struct mp_arena *arena, const struct zoom_call *call, const struct mp_http_response *http,
                                struct mp_zoom_result *res)
{
    struct json_object *answer = NULL;

    *res = (struct mp_zoom_result){.retry_after_ms = -1, .elapsed_ms = http->elapsed_ms};
    if (http->call == MP_CALL_ANSWERED) {
        answer = take_answer(arena, call, http, res);
    } else {
        res->cls = http->call == MP_CALL_NOT_SENT ? MP_ZOOM_NOT_SENT : MP_ZOOM_MAYBE_DONE;
        res->message = zoom_plain_text(arena, http->problem, NULL);
    }
    log_call(zoom, call, res);
    return answer;
}

struct json_object *zoom_call(struct mp_zoom *zoom, struct mp_arena *arena, const struct zoom_call *call, struct mp_zoom_result *res)
{
    struct mp_http_response http;

    mp_http_call(zoom->http, arena, make_request(zoom, arena, call), &http);
    return take(zoom, arena, call, &http, res);
}

/* ---- Several at once ---- */

struct zoom_flight {
    struct mp_arena *arena;
    struct zoom_call call;
    zoom_take_fn *take;
    void *out;
    struct mp_zoom_result *res;
    struct mp_http_response http;
    struct zoom_flight *next;
};

void zoom_start(struct mp_zoom *zoom, struct mp_arena *arena, const struct zoom_call *call, zoom_take_fn *fn, void *out, struct mp_zoom_result *res)
{
    struct zoom_flight *flight = MP_NEW(arena, struct zoom_flight);

    *flight = (struct zoom_flight){.arena = arena, .call = *call, .take = fn, .out = out, .res = res, .next = zoom->flights};
    zoom->flights = flight;
    mp_http_start(zoom->http, arena, make_request(zoom, arena, call), &flight->http);
}

struct mp_zoom_result *mp_zoom_land(struct mp_zoom *zoom, unsigned wait_ms)
{
    const struct mp_http_response *http = mp_http_land(zoom->http, wait_ms);
    struct zoom_flight *flight, **at = &zoom->flights;

    if (!http)
        return NULL;
    while (&(*at)->http != http)
        at = &(*at)->next;
    flight = *at;
    *at = flight->next;
    flight->take(flight->arena, take(zoom, flight->arena, &flight->call, http, flight->res), flight->out, flight->res);
    return flight->res;
}
