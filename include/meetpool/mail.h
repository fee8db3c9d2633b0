#ifndef MEETPOOL_MAIL_H
#define MEETPOOL_MAIL_H

#include "meetpool/arena.h"
#include "meetpool/error.h"
#include "meetpool/http.h"
#include "meetpool/secret.h"

/*
 * Mail of plain text over SMTP (RFC 5321). The server's address is `smtp://[user:password@]host[:port]` (port 25) or `smtps://…` (465), user and
 * password percent-encoded. Beyond this machine's own loopback `smtp` goes over to TLS (STARTTLS) before anything else is said, or nothing is sent;
 * certificates are verified as for HTTP.
 */
struct mp_mail {
    const char *id; /* letters and digits: the same mail sent twice can be known by it */
    const char *from;
    const char *to; /* one or several, with commas and blanks between them */
    const char *subject;
    const char *text; /* UTF-8, lines end with LF */
};

/* Whether mail can be sent so at all. 0, or -1 with MP_E_CONFIG, whose message begins with what is wrong: "the address …", "the recipient …". */
int mp_mail_check_server(struct mp_arena *arena, const struct mp_secret *url, struct mp_error *err) MP_MUST_CHECK;
/* `local@domain`, plain ASCII, no quotes, no name beside it; `one`: no list. MP_E_CONFIG says which is none. */
int mp_mail_check_address(struct mp_arena *arena, const char *list, bool one, struct mp_error *err) MP_MUST_CHECK;

/*
 * Sends it within 20 s. Recipients that the server refuses do not keep the others from getting it. MP_E_UNAVAILABLE: it was not taken, or it is not
 * known whether it was; what happened is in the message, without the server's address, its user and its password.
 */
int mp_mail_send(struct mp_http *http, struct mp_arena *arena, const struct mp_secret *url, const struct mp_mail *mail,
                 struct mp_error *err) MP_MUST_CHECK;

#endif
