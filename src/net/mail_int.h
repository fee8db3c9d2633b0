#ifndef MAIL_INT_H
#define MAIL_INT_H

#include <stddef.h>
#include <stdint.h>

#include "meetpool/mail.h"
#include "meetpool/slice.h"

/* The whole message as it goes over the wire: header and body, lines end with CRLF. Whatever the texts hold, they make no header of their own. */
struct mp_slice mail_compose(struct mp_arena *arena, const struct mp_mail *mail, int64_t now_ms);
/* The next address of a list, without blanks; false at its end. */
bool mail_next_address(struct mp_slice *list, struct mp_slice *address);

#endif
