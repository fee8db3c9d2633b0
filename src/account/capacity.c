#include "meetpool/account.h"

static bool concerns(const struct mp_busy *b, int64_t account_row, int64_t host_row, int64_t from, int64_t until)
{
    return b->account_row == account_row && (host_row == 0 || b->host_row == host_row) && b->from < until && b->until > from;
}

/*
 * The most overlap where something begins: at the start of the interval, or at the start of one of the places in it. Counting all that touch the
 * interval instead would refuse what fits: ten one-hour meetings in a row never overlap, yet all touch a day.
 */
size_t mp_capacity_peak(const struct mp_busy *busy, size_t count, int64_t account_row, int64_t host_row, int64_t from, int64_t until)
{
    size_t peak = 0;

    for (size_t i = 0; i < count; i++) {
        int64_t instant;
        size_t n = 0;

        if (!concerns(&busy[i], account_row, host_row, from, until))
            continue;
        instant = busy[i].from > from ? busy[i].from : from;
        for (size_t k = 0; k < count; k++)
            n += concerns(&busy[k], account_row, host_row, from, until) && busy[k].from <= instant && busy[k].until > instant ? 1 : 0;
        peak = n > peak ? n : peak;
    }
    return peak;
}

size_t mp_capacity_count(const struct mp_busy *busy, size_t count, int64_t account_row, int64_t host_row, int64_t from, int64_t until)
{
    size_t n = 0;

    for (size_t i = 0; i < count; i++)
        n += concerns(&busy[i], account_row, host_row, from, until) ? 1 : 0;
    return n;
}
