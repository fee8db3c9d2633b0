#ifndef MEETPOOL_API_FILE_H
#define MEETPOOL_API_FILE_H

#include "meetpool/arena.h"
#include "meetpool/slice.h"

/* The whole of a small file that the configuration names, NUL-terminated behind its end. -1 with errno (EFBIG above `most_bytes`). */
int mp_file_read(struct mp_arena *arena, const char *path, size_t most_bytes, struct mp_slice *out);

#endif
