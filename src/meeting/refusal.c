#include <string.h>

#include "meetpool/buf.h"
#include "meetpool/clock.h"
#include "meetpool/meeting.h"

#define TEXT_MAX 1000

/* The last word of the detail says it. */
int64_t mp_meeting_nearest(const struct mp_error *why)
{
    int64_t at;

    for (const struct mp_error_detail *d = why->details; d != NULL; d = d->next) {
        const char *word = strrchr(d->message, ' ');

        if (strcmp(d->field, "start_time") == 0 && word != NULL && mp_time_parse(mp_slice_of(word + 1), NULL, &at, NULL, NULL) == MP_TIME_OK)
            return at;
    }
    return -1;
}

const char *mp_meeting_refusal(struct mp_arena *arena, const struct mp_error *why)
{
    struct mp_buf text;

    mp_buf_init(&text, arena, TEXT_MAX);
    mp_buf_add(&text, mp_error_message(why));
    for (const struct mp_error_detail *d = why->details; d != NULL; d = d->next) {
        mp_buf_add(&text, d == why->details ? " (" : "; ");
        if (why->code == MP_E_NO_ACCOUNT)
            mp_buf_addf(&text, "%s: ", d->field);
        mp_buf_add(&text, d->message);
    }
    if (why->details != NULL)
        mp_buf_add(&text, ")");
    return mp_buf_text(&text);
}
