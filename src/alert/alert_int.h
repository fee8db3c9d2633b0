#ifndef ALERT_INT_H
#define ALERT_INT_H

#include <stddef.h>

#include "meetpool/alert.h"
#include "meetpool/mail.h"
#include "meetpool/store_alert.h"

/* What the digest of these rows says: subject, text and id; the addresses are the caller's. At least one row. */
void alert_write(struct mp_arena *arena, const struct mp_alert_row *rows, size_t count, struct mp_mail *mail);

#endif
