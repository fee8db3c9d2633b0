#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "meetpool/slice.h"
#include "process_int.h"

struct board *board_new(const char *instance)
{
    struct board *board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (board == MAP_FAILED) {
        perror("meetpoold: scoreboard");
        exit(1);
    }
    snprintf(board->instance, sizeof(board->instance), "%s", instance);
    return board;
}

void board_free(struct board *board)
{
    munmap(board, sizeof(*board));
}

void board_set(struct board *board, unsigned slot, enum board_state state, int64_t now_ms)
{
    atomic_store_explicit(&board->slot[slot].since_ms, now_ms, memory_order_relaxed);
    atomic_store_explicit(&board->slot[slot].state, (int)state, memory_order_release);
}

void board_start(struct board *board, unsigned slot, enum child_role role, int64_t now_ms)
{
    atomic_store(&board->slot[slot].role, (int)role);
    atomic_fetch_add(&board->slot[slot].generation, 1);
    board_set(board, slot, BOARD_STARTING, now_ms);
}

enum board_state board_state(const struct board *board, unsigned slot)
{
    return (enum board_state)atomic_load_explicit(&board->slot[slot].state, memory_order_acquire);
}

static bool slot_of_pool(const struct board_slot *slot, enum child_role pool)
{
    return atomic_load(&slot->generation) > 0 && atomic_load(&slot->role) == (int)pool;
}

bool board_alive(const struct board *board, enum child_role pool)
{
    for (unsigned i = 0; i < BOARD_SLOTS && atomic_load(&board->slot[i].generation) > 0; i++) {
        if (slot_of_pool(&board->slot[i], pool) && board_state(board, i) != BOARD_DEAD)
            return true;
    }
    return false;
}

bool board_saturated(const struct board *board, enum child_role pool, int64_t now_ms, int64_t patience_ms)
{
    int64_t last_taken = INT64_MIN, last_death = INT64_MIN;
    bool alive = false;

    for (unsigned i = 0; i < BOARD_SLOTS && atomic_load(&board->slot[i].generation) > 0; i++) {
        enum board_state state = board_state(board, i);
        int64_t since_ms = atomic_load(&board->slot[i].since_ms);

        if (!slot_of_pool(&board->slot[i], pool))
            continue;
        if (state == BOARD_STARTING || state == BOARD_IDLE)
            return false;
        if (state == BOARD_DEAD) {
            last_death = since_ms > last_death ? since_ms : last_death;
        } else {
            alive = true;
            last_taken = since_ms > last_taken ? since_ms : last_taken;
        }
    }
    return (alive ? last_taken : last_death) <= now_ms - patience_ms;
}

void board_owner(const struct board *board, unsigned slot, char out[OWNER_MAX])
{
    snprintf(out, OWNER_MAX, "%s/%u/%u", board->instance, slot, (unsigned)atomic_load(&board->slot[slot].generation));
}

bool board_owner_is_dead(void *arg, const char *owner)
{
    const struct board *board = arg;
    struct mp_slice rest = mp_slice_of(owner), instance, slot_text, generation_text;
    unsigned long long slot, generation;
    char written[OWNER_MAX];

    if (!mp_slice_split(&rest, '/', &instance) || !mp_slice_split(&rest, '/', &slot_text) || !mp_slice_split(&rest, '/', &generation_text))
        return false;
    if (!mp_slice_eq_text(instance, board->instance) || !mp_slice_to_u64(slot_text, BOARD_SLOTS - 1, &slot) ||
        !mp_slice_to_u64(generation_text, UINT32_MAX, &generation))
        return false;
    snprintf(written, sizeof(written), "%s/%llu/%llu", board->instance, slot, generation);
    if (strcmp(owner, written) != 0) /* something follows */
        return false;
    return board_state(board, (unsigned)slot) == BOARD_DEAD || atomic_load(&board->slot[slot].generation) != generation;
}
