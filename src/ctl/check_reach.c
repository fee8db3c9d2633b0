#include <inttypes.h>

#include "ctl_int.h"
#include "meetpool/clock.h"

#define TIMEOUT_MS 10000
/* Told so long before a certificate ends. */
#define CERTIFICATE_SPARE_DAYS 14

/* Whatever it answers: any answer has a Date. */
static void ask(struct check *check, const char *url, struct mp_http_response *res)
{
    const struct mp_http_request req = {.method = "GET", .url = url, .timeout_ms = TIMEOUT_MS, .tell_certificate = true};
    struct mp_http *http = mp_http_new();

    mp_http_call(http, check->ctl->arena, &req, res);
    mp_http_free(http);
}

/* That they do not answer has been told where their credentials were tried. */
static void check_clock_of(struct check *check, const char *whose, const char *url, const char *harm)
{
    int64_t before_ms = mp_now_ms(), after_ms, apart_ms = 0, there_ms;
    struct mp_http_response res;
    const char *date;

    ask(check, url, &res);
    after_ms = mp_now_ms();
    date = mp_http_header_get(&res, "Date");
    there_ms = date != NULL ? mp_http_date_ms(date) : -1;
    if (res.call != MP_CALL_ANSWERED || there_ms < 0)
        return;
    /* A Date is cut to its second. */
    if (there_ms + 1000 < before_ms)
        apart_ms = there_ms + 1000 - before_ms;
    else if (there_ms > after_ms)
        apart_ms = there_ms - after_ms;
    if (apart_ms > CLOCKS_APART_MS || apart_ms < -CLOCKS_APART_MS)
        check_warn(check, "clock", "let this host keep time by NTP", "%s differs from this host's by %" PRId64 " s: %s", whose, apart_ms / 1000,
                   harm);
    else
        check_good(check, "clock", "%s agrees with this host's", whose);
}

static void check_certificate(struct check *check, const char *public_url)
{
    static const char variable[] = "MEETPOOL_PUBLIC_URL";
    struct mp_http_response res;
    struct mp_url url;
    int64_t days;

    if (!mp_url_parse(check->ctl->arena, public_url, &url))
        return; /* a wrong one, which is told already */
    ask(check, mp_arena_printf(check->ctl->arena, "%s/healthz", public_url), &res);
    days = (res.certificate_until_ms - mp_now_ms()) / MP_DAY_MS;
    if (res.certificate == MP_CERTIFICATE_EXPIRED)
        check_error(check, variable, "renew the certificate and reload nginx", "the certificate of %s has expired", url.host);
    else if (res.certificate == MP_CERTIFICATE_UNTRUSTED && mp_url_is_loopback(&url))
        check_good(check, variable, "the certificate of %s is one for trial: nobody that this host knows vouches for it", url.host);
    else if (res.certificate == MP_CERTIFICATE_UNTRUSTED)
        check_error(check, variable, "get a certificate for this name, with its whole chain", "the certificate of %s is not taken: %s", url.host,
                    res.problem);
    else if (res.call != MP_CALL_ANSWERED)
        check_warn(check, variable, "start nginx, or see that this host reaches its own address", "%s does not answer: %s", public_url, res.problem);
    else if (res.certificate == MP_CERTIFICATE_GOOD && days < CERTIFICATE_SPARE_DAYS)
        check_warn(check, variable, "renew the certificate and reload nginx", "the certificate of %s ends in %" PRId64 " days", url.host, days);
    else if (res.certificate == MP_CERTIFICATE_GOOD)
        check_good(check, variable, "the certificate of %s is good for %" PRId64 " days", url.host, days);
}

void check_reach(struct check *check)
{
    const struct mp_settings *settings = &check->settings;

    if (settings->account.enabled && settings->account.count > 0 && settings->zoom.api_url != NULL)
        check_clock_of(check, "Zoom's", settings->zoom.api_url, "meetings begin at another time than people think");
    if (settings->storage.bucket != NULL && settings->storage.endpoint != NULL)
        check_clock_of(check, "the storage's", settings->storage.endpoint, "beyond 15 minutes S3 refuses every signature");
    if (settings->api.public_url != NULL)
        check_certificate(check, settings->api.public_url);
}
