#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl_int.h"
#include "meetpool/clock.h"

struct table_row {
    const char *cells[TABLE_COLUMNS_MAX];
    struct table_row *next;
};

void table_init(struct table *table, struct mp_arena *arena, unsigned columns, const char *const *heads)
{
    *table = (struct table){.arena = arena, .columns = columns};
    table_add(table, heads);
}

void table_add(struct table *table, const char *const *cells)
{
    struct table_row *row = MP_NEW(table->arena, struct table_row);

    for (unsigned i = 0; i < table->columns; i++)
        row->cells[i] = cells[i] == NULL || cells[i][0] == '\0' ? "-" : cells[i];
    if (table->last == NULL)
        table->first = row;
    else
        table->last->next = row;
    table->last = row;
}

/* Characters, counted by the bytes that begin one. */
static size_t width_of(const char *text)
{
    size_t width = 0;

    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xC0) != 0x80;
    return width;
}

/* What a terminal would obey is not for it. */
static void put_cell(const char *text)
{
    for (; *text != '\0'; text++)
        putchar((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
}

void table_print(const struct table *table)
{
    size_t widths[TABLE_COLUMNS_MAX] = {0};

    for (const struct table_row *row = table->first; row != NULL; row = row->next) {
        for (unsigned i = 0; i < table->columns; i++) {
            size_t width = width_of(row->cells[i]);

            widths[i] = width > widths[i] ? width : widths[i];
        }
    }
    for (const struct table_row *row = table->first; row != NULL; row = row->next) {
        for (unsigned i = 0; i < table->columns; i++) {
            put_cell(row->cells[i]);
            if (i + 1 < table->columns)
                printf("%*s", (int)(widths[i] - width_of(row->cells[i]) + 2), "");
        }
        putchar('\n');
    }
}

const char *cell_int(struct mp_arena *arena, int64_t value)
{
    return mp_arena_printf(arena, "%" PRId64, value);
}

const char *cell_time(struct mp_arena *arena, int64_t at_ms)
{
    return at_ms > 0 ? mp_time_format_seconds(arena, at_ms) : NULL;
}
