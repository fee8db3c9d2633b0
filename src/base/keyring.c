#include <limits.h>
#include <openssl/evp.h>
#include <string.h>

#include "base_int.h"
#include "meetpool/crypto.h"

#define KEY_BYTES   32
#define NONCE_BYTES 12
#define TAG_BYTES   16
#define ID_CHARS    32
#define SEALED_V1   "v1."
#define KEYS_NAME   "MEETPOOL_ENCRYPTION_KEYS"
#define NEW_KEY     "make one with: openssl rand -base64 32"

struct key {
    char id[ID_CHARS + 1];
    struct mp_secret bytes;
    struct key *next;
};

struct mp_keyring {
    struct key *keys; /* newest first */
};

static bool is_id(struct mp_slice id)
{
    if (id.len == 0 || id.len > ID_CHARS)
        return false;
    for (size_t i = 0; i < id.len; i++) {
        char c = id.p[i];

        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-'))
            return false;
    }
    return true;
}

static const struct key *find_key(const struct mp_keyring *ring, struct mp_slice id)
{
    for (const struct key *key = ring->keys; key; key = key->next) {
        if (mp_slice_eq_text(id, key->id))
            return key;
    }
    return NULL;
}

static bool decode_key(struct mp_arena *arena, struct mp_slice text, struct mp_secret *out)
{
    struct mp_slice bytes;
    bool good;

    if (!mp_base64_decode(arena, text, &bytes))
        return false;
    good = bytes.len == KEY_BYTES;
    if (good)
        *out = mp_secret_copy(arena, bytes);
    explicit_bzero((void *)(uintptr_t)bytes.p, bytes.len);
    return good;
}

/* Names a key by its place where its id may be a piece of a key. */
static int parse_key(struct mp_arena *arena, struct mp_slice item, unsigned place, const struct mp_keyring *ring, struct key **out,
                     struct mp_error *err)
{
    struct mp_slice id;
    struct key *key = MP_NEW(arena, struct key);

    if (item.len == 0 || !memchr(item.p, ':', item.len))
        return mp_fail(err, MP_E_CONFIG, KEYS_NAME ": key %u is not id:base64-of-32-bytes; " NEW_KEY, place);
    if (!mp_slice_split(&item, ':', &id) || !is_id(id))
        return mp_fail(err, MP_E_CONFIG, KEYS_NAME ": the id of key %u must be 1 to 32 letters, digits, _ or -", place);
    memcpy(key->id, id.p, id.len);
    if (find_key(ring, id))
        return mp_fail(err, MP_E_CONFIG, KEYS_NAME ": the id %s is there twice; give each key its own", key->id);
    if (!decode_key(arena, item, &key->bytes))
        return mp_fail(err, MP_E_CONFIG, KEYS_NAME ": key %s is not the base64 of 32 bytes; " NEW_KEY, key->id);
    *out = key;
    return 0;
}

int mp_keyring_parse(struct mp_arena *arena, struct mp_slice text, struct mp_keyring **out, struct mp_error *err)
{
    struct mp_keyring *ring = MP_NEW(arena, struct mp_keyring);
    struct key **end = &ring->keys;
    struct mp_slice item;
    unsigned place = 0;

    if (mp_slice_trim(text).len == 0)
        return mp_fail(err, MP_E_CONFIG, KEYS_NAME " has no key; set it to id:base64-of-32-bytes, " NEW_KEY);
    while (mp_slice_split(&text, ',', &item)) {
        if (parse_key(arena, mp_slice_trim(item), ++place, ring, end, err) < 0)
            return -1;
        end = &(*end)->next;
    }
    *out = ring;
    return 0;
}

const char *mp_keyring_newest_id(const struct mp_keyring *ring)
{
    return ring->keys->id;
}

const struct mp_secret *mp_keyring_derive(const struct mp_keyring *ring, struct mp_arena *arena, const char *purpose, size_t *count)
{
    unsigned char bytes[KEY_BYTES];
    struct mp_secret *out;

    *count = 0;
    for (const struct key *key = ring->keys; key; key = key->next)
        ++*count;
    out = mp_arena_array(arena, *count, sizeof(*out));
    *count = 0;
    for (const struct key *key = ring->keys; key; key = key->next) {
        mp_hmac_sha256(mp_secret_expose(&key->bytes), mp_slice_of(purpose), bytes);
        out[(*count)++] = mp_secret_copy(arena, (struct mp_slice){(const char *)bytes, sizeof(bytes)});
    }
    explicit_bzero(bytes, sizeof(bytes));
    return out;
}

bool mp_keyring_has(const struct mp_keyring *ring, const char *id)
{
    return find_key(ring, mp_slice_of(id)) != NULL;
}

static const EVP_CIPHER *cipher(void)
{
    static EVP_CIPHER *kept;

    if (!kept)
        kept = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    return kept;
}

/* The associated data: `v1.<key id>.<context>`; no id has a dot, so one text has one reading. */
static struct mp_slice associated(struct mp_arena *arena, const struct key *key, const char *context)
{
    return mp_slice_of(mp_arena_printf(arena, SEALED_V1 "%s.%s", key->id, context));
}

static bool encrypt(const struct key *key, struct mp_slice aad, struct mp_slice plain, unsigned char *box)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    const unsigned char *key_bytes = (const unsigned char *)mp_secret_expose(&key->bytes).p;
    unsigned char *text = box + NONCE_BYTES;
    unsigned char end[TAG_BYTES];
    int len = 0;
    bool good = ctx && EVP_EncryptInit_ex2(ctx, cipher(), key_bytes, box, NULL) == 1 &&
                EVP_EncryptUpdate(ctx, NULL, &len, (const unsigned char *)aad.p, (int)aad.len) == 1 &&
                (plain.len == 0 || EVP_EncryptUpdate(ctx, text, &len, (const unsigned char *)plain.p, (int)plain.len) == 1) &&
                EVP_EncryptFinal_ex(ctx, end, &len) == 1 && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, text + plain.len) == 1;

    EVP_CIPHER_CTX_free(ctx);
    return good;
}

/* `text`: room for what the box holds. */
static bool decrypt(const struct key *key, struct mp_slice aad, struct mp_slice box, unsigned char *text)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    const unsigned char *key_bytes = (const unsigned char *)mp_secret_expose(&key->bytes).p;
    const unsigned char *p = (const unsigned char *)box.p;
    size_t text_len = box.len - NONCE_BYTES - TAG_BYTES;
    unsigned char tag[TAG_BYTES], end[TAG_BYTES];
    int len = 0;
    bool good;

    memcpy(tag, p + box.len - TAG_BYTES, TAG_BYTES);
    good = ctx && EVP_DecryptInit_ex2(ctx, cipher(), key_bytes, p, NULL) == 1 &&
           EVP_DecryptUpdate(ctx, NULL, &len, (const unsigned char *)aad.p, (int)aad.len) == 1 &&
           (text_len == 0 || EVP_DecryptUpdate(ctx, text, &len, p + NONCE_BYTES, (int)text_len) == 1) &&
           EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag) == 1 && EVP_DecryptFinal_ex(ctx, end, &len) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return good;
}

char *mp_keyring_seal(const struct mp_keyring *ring, struct mp_arena *arena, const char *context, struct mp_slice plain)
{
    const struct key *key = ring->keys;
    size_t len = NONCE_BYTES + plain.len + TAG_BYTES;
    unsigned char *box = mp_arena_alloc(arena, len);

    mp_random(box, NONCE_BYTES);
    if (plain.len > INT_MAX || !encrypt(key, associated(arena, key, context), plain, box))
        mp_die("meetpool: a secret could not be encrypted, this process ends\n");
    return mp_arena_printf(arena, SEALED_V1 "%s.%s", key->id, mp_base64url(arena, box, len));
}

/* Takes a sealed text apart. */
static bool split_sealed(struct mp_arena *arena, struct mp_slice sealed, struct mp_slice *id, struct mp_slice *box)
{
    if (!mp_slice_starts(sealed, SEALED_V1))
        return false;
    sealed.p += strlen(SEALED_V1);
    sealed.len -= strlen(SEALED_V1);
    return mp_slice_split(&sealed, '.', id) && is_id(*id) && mp_base64url_decode(arena, sealed, box) && box->len >= NONCE_BYTES + TAG_BYTES &&
           box->len <= INT_MAX;
}

int mp_keyring_open(const struct mp_keyring *ring, struct mp_arena *arena, const char *context, struct mp_slice sealed, struct mp_secret *out,
                    struct mp_error *err)
{
    struct mp_slice id, box;
    const struct key *key;
    unsigned char *text;
    bool good;

    if (!split_sealed(arena, sealed, &id, &box))
        return mp_fail_log(err, MP_E_INTERNAL, "what is stored for %s is not a sealed text", context);
    key = find_key(ring, id);
    if (!key)
        return mp_fail_log(err, MP_E_INTERNAL, "what is stored for %s is sealed with key %.*s, which " KEYS_NAME " lacks", context, (int)id.len,
                           id.p);
    text = mp_arena_alloc(arena, box.len);
    good = decrypt(key, associated(arena, key, context), box, text);
    if (good)
        *out = mp_secret_copy(arena, (struct mp_slice){(const char *)text, box.len - NONCE_BYTES - TAG_BYTES});
    explicit_bzero(text, box.len);
    if (!good)
        return mp_fail_log(err, MP_E_INTERNAL, "what is stored for %s was changed, or belongs to something else", context);
    return 0;
}
