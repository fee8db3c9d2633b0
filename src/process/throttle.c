#include "process_int.h"

void throttle_started(struct throttle *throttle, int64_t now_ms)
{
    throttle->started_ms = now_ms;
}

int64_t throttle_ended(struct throttle *throttle, int64_t now_ms, bool clean)
{
    int64_t delay_ms = 0;

    if (clean || now_ms - throttle->started_ms >= THROTTLE_YOUNG_MS) {
        throttle->young_deaths = 0;
    } else {
        delay_ms = THROTTLE_FIRST_MS;
        for (unsigned i = 0; i < throttle->young_deaths && delay_ms < THROTTLE_MOST_MS; i++)
            delay_ms *= 2;
        if (delay_ms > THROTTLE_MOST_MS)
            delay_ms = THROTTLE_MOST_MS;
        throttle->young_deaths++;
    }
    throttle->next_start_ms = now_ms + delay_ms;
    return delay_ms;
}
