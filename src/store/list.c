#include <string.h>

#include "store_int.h"

#define PUBLIC_ID_LENGTH 24

void *store_list_next(struct store_list *list)
{
    if (list->count == list->cap) {
        size_t wider = list->cap == 0 ? 16 : list->cap * 2;
        char *grown = mp_arena_array(list->arena, wider, list->size);

        if (list->count > 0)
            memcpy(grown, list->rows, list->count * list->size);
        list->rows = grown;
        list->cap = wider;
    }
    return (char *)list->rows + list->count++ * list->size;
}

bool store_is_public_id(const char *text)
{
    return strlen(text) == PUBLIC_ID_LENGTH && strspn(text, "0123456789abcdef") == PUBLIC_ID_LENGTH;
}
