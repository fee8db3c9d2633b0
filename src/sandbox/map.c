#include "sandbox_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sb_node {
    const char *key;
    void *thing;
    struct sb_node *next;
};

MP_NORETURN static void no_memory(void)
{
    fputs("meetpool-sandbox: out of memory\n", stderr);
    abort();
}

void *sb_alloc(size_t size)
{
    void *p = calloc(1, size);

    if (p == NULL)
        no_memory();
    return p;
}

void *sb_grow(void *p, size_t count, size_t *cap, size_t size)
{
    void *bigger;

    if (count < *cap)
        return p;
    *cap = *cap == 0 ? 8 : *cap * 2;
    bigger = reallocarray(p, *cap, size);
    if (bigger == NULL)
        no_memory();
    return bigger;
}

char *sb_dup(const char *text)
{
    char *copy;

    if (text == NULL)
        return NULL;
    copy = strdup(text);
    if (copy == NULL)
        no_memory();
    return copy;
}

void sb_set(char **slot, const char *text)
{
    char *copy = sb_dup(text);

    free(*slot);
    *slot = copy;
}

int sb_name_index(const char *const names[], const char *text)
{
    for (int i = 0; names[i] != NULL; i++) {
        if (strcmp(names[i], text) == 0)
            return i;
    }
    return -1;
}

/* FNV-1a: the keys are our own random ids, nobody can choose colliding ones. */
static size_t slot_of(const char *key, size_t size)
{
    uint64_t h = UINT64_C(14695981039346656037);

    for (; *key != '\0'; key++)
        h = (h ^ (unsigned char)*key) * UINT64_C(1099511628211);
    return (size_t)(h ^ (h >> 29)) & (size - 1);
}

static void grow(struct sb_map *map)
{
    size_t size = map->size == 0 ? 64 : map->size * 2;
    struct sb_node **slots = sb_alloc(size * sizeof(*slots));

    for (size_t i = 0; i < map->size; i++) {
        while (map->slots[i] != NULL) {
            struct sb_node *node = map->slots[i];
            size_t to = slot_of(node->key, size);

            map->slots[i] = node->next;
            node->next = slots[to];
            slots[to] = node;
        }
    }
    free(map->slots);
    map->slots = slots;
    map->size = size;
}

void *sb_map_get(const struct sb_map *map, const char *key)
{
    if (map->size == 0)
        return NULL;
    for (struct sb_node *node = map->slots[slot_of(key, map->size)]; node != NULL; node = node->next) {
        if (strcmp(node->key, key) == 0)
            return node->thing;
    }
    return NULL;
}

void sb_map_put(struct sb_map *map, const char *key, void *thing)
{
    struct sb_node *node = sb_alloc(sizeof(*node));
    size_t slot;

    if (map->used >= map->size)
        grow(map);
    slot = slot_of(key, map->size);
    *node = (struct sb_node){key, thing, map->slots[slot]};
    map->slots[slot] = node;
    map->used++;
}

void sb_map_remove(struct sb_map *map, const char *key)
{
    struct sb_node **at;

    if (map->size == 0)
        return;
    for (at = &map->slots[slot_of(key, map->size)]; *at != NULL; at = &(*at)->next) {
        struct sb_node *node = *at;

        if (strcmp(node->key, key) != 0)
            continue;
        *at = node->next;
        free(node);
        map->used--;
        return;
    }
}

void sb_map_clear(struct sb_map *map)
{
    for (size_t i = 0; i < map->size; i++) {
        while (map->slots[i] != NULL) {
            struct sb_node *node = map->slots[i];

            map->slots[i] = node->next;
            free(node);
        }
    }
    free(map->slots);
    *map = (struct sb_map){NULL, 0, 0};
}
