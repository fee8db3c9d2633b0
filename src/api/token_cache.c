#include <stdlib.h>
#include <string.h>

#include "api_int.h"

#define ENTRIES 256

struct entry {
    unsigned char hash[32];
    int64_t expires_at_s; /* 0: empty */
    enum mp_role role;
    char *texts; /* sub, email, name, session_id, each with its NUL; the last three start with '+' where they were said, '-' where not */
};

struct mp_token_cache {
    struct entry entries[ENTRIES];
};

static void cache_clear(void *object)
{
    struct mp_token_cache *cache = object;

    for (size_t i = 0; i < ENTRIES; i++)
        free(cache->entries[i].texts);
}

struct mp_token_cache *mp_token_cache_new(struct mp_arena *arena)
{
    struct mp_token_cache *cache = MP_NEW(arena, struct mp_token_cache);

    mp_arena_defer(arena, cache_clear, cache);
    return cache;
}

/* The kind is part of what is hashed: tokens hold no NUL, so the two never meet. */
static void hash_token(struct mp_arena *arena, enum mp_auth_kind kind, struct mp_slice token, unsigned char hash[32])
{
    char *text = mp_arena_alloc(arena, token.len + 1);

    memcpy(text, token.p, token.len);
    text[token.len] = (char)kind;
    mp_sha256((struct mp_slice){text, token.len + 1}, hash);
}

static const char *optional_text(struct mp_arena *arena, const char *stored)
{
    return stored[0] == '+' ? mp_arena_strdup(arena, stored + 1) : NULL;
}

bool mp_token_cache_get(const struct mp_token_cache *cache, struct mp_arena *arena, enum mp_auth_kind kind, struct mp_slice token, int64_t now_s,
                        struct mp_identity *out)
{
    unsigned char hash[32];
    const struct entry *entry;
    const char *email, *name, *session_id;

    hash_token(arena, kind, token, hash);
    entry = &cache->entries[hash[0]];
    if (entry->expires_at_s <= now_s || !mp_equal_constant_time(entry->hash, hash, sizeof(hash)))
        return false;
    email = entry->texts + strlen(entry->texts) + 1;
    name = email + strlen(email) + 1;
    session_id = name + strlen(name) + 1;
    out->expires_at_s = entry->expires_at_s;
    out->user = (struct mp_user){mp_arena_strdup(arena, entry->texts), entry->role, optional_text(arena, email), optional_text(arena, name)};
    out->session_id = optional_text(arena, session_id);
    return true;
}

static char *append_text(char *to, const char *mark, const char *text)
{
    size_t len = strlen(text) + 1;

    memcpy(to, mark, strlen(mark));
    to += strlen(mark);
    memcpy(to, text, len);
    return to + len;
}

static char *append_optional(char *to, const char *text)
{
    return append_text(to, text != NULL ? "+" : "-", text != NULL ? text : "");
}

static size_t optional_len(const char *text)
{
    return 2 + (text != NULL ? strlen(text) : 0);
}

static char *pack_texts(const struct mp_identity *identity)
{
    const struct mp_user *user = &identity->user;
    char *texts = malloc(strlen(user->sub) + 1 + optional_len(user->email) + optional_len(user->name) + optional_len(identity->session_id));
    char *to = texts;

    if (texts == NULL)
        return NULL;
    to = append_text(to, "", user->sub);
    to = append_optional(to, user->email);
    to = append_optional(to, user->name);
    append_optional(to, identity->session_id);
    return texts;
}

void mp_token_cache_put(struct mp_token_cache *cache, struct mp_arena *arena, enum mp_auth_kind kind, struct mp_slice token,
                        const struct mp_identity *identity)
{
    unsigned char hash[32];
    struct entry *entry;
    char *texts = pack_texts(identity);

    /* Without memory for a copy the token is checked again next time. */
    if (texts == NULL)
        return;
    hash_token(arena, kind, token, hash);
    entry = &cache->entries[hash[0]];
    free(entry->texts);
    memcpy(entry->hash, hash, sizeof(hash));
    entry->expires_at_s = identity->expires_at_s;
    entry->role = identity->user.role;
    entry->texts = texts;
}
