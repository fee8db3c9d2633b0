#include "meetpool/secret.h"

#include <string.h>

#include "meetpool/crypto.h"

struct vault {
    size_t len;
    char bytes[];
};

static void wipe_vault(void *object)
{
    struct vault *vault = object;

    explicit_bzero(vault->bytes, vault->len);
}

struct mp_secret mp_secret_copy(struct mp_arena *arena, struct mp_slice bytes)
{
    struct vault *vault;

    if (bytes.len == 0)
        return (struct mp_secret){NULL, 0};
    vault = mp_arena_alloc(arena, sizeof(*vault) + bytes.len + 1);
    vault->len = bytes.len;
    memcpy(vault->bytes, bytes.p, bytes.len);
    mp_arena_defer(arena, wipe_vault, vault);
    return (struct mp_secret){vault->bytes, bytes.len};
}

bool mp_secret_is_set(const struct mp_secret *secret)
{
    return secret->len > 0;
}

bool mp_secret_equals(const struct mp_secret *secret, struct mp_slice bytes)
{
    return mp_secret_is_set(secret) && secret->len == bytes.len && mp_equal_constant_time(secret->hidden, bytes.p, bytes.len);
}

struct mp_slice mp_secret_expose(const struct mp_secret *secret)
{
    return (struct mp_slice){secret->hidden, secret->len};
}

void mp_secret_wipe(struct mp_secret *secret)
{
    if (secret->hidden)
        explicit_bzero(secret->hidden, secret->len);
    *secret = (struct mp_secret){NULL, 0};
}
