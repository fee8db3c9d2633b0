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

static void view_slot(const struct board_slot *slot, enum board_state state, int64_t now_ms, struct board_view *view)
{
    int64_t for_ms = now_ms - atomic_load(&slot->since_ms);

    switch (state) {
    case BOARD_DEAD:
        view->death_ago_ms = for_ms < view->death_ago_ms ? for_ms : view->death_ago_ms;
        break;
    case BOARD_STARTING:
    case BOARD_IDLE:
        view->ready++;
        break;
    case BOARD_BUSY:
        view->busy++;
        view->busy_long += for_ms >= POOL_SLOW_MS;
        view->taken_ago_ms = for_ms < view->taken_ago_ms ? for_ms : view->taken_ago_ms;
        break;
    }
}

void board_look(const struct board *board, enum child_role pool, int64_t now_ms, struct board_view *view)
{
    *view = (struct board_view){.taken_ago_ms = INT64_MAX, .death_ago_ms = INT64_MAX};
    for (unsigned i = 0; i < BOARD_SLOTS && atomic_load(&board->slot[i].generation) > 0; i++) {
        if (atomic_load(&board->slot[i].role) == (int)pool)
            view_slot(&board->slot[i], board_state(board, i), now_ms, view);
    }
}

bool board_alive(const struct board *board, enum child_role pool)
{
    struct board_view view;

    board_look(board, pool, 0, &view);
    return view.ready + view.busy > 0;
}

bool pool_saturated(const struct board_view *view, int64_t waited_ms)
{
    if (view->ready > 0)
        return false;
    if (waited_ms < 0)
        waited_ms = view->busy > 0 ? view->taken_ago_ms : view->death_ago_ms;
    if (waited_ms >= POOL_WAIT_MOST_MS)
        return true;
    return waited_ms >= POOL_PATIENCE_MS && view->busy_long * 2 >= view->busy;
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
