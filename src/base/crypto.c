#include "meetpool/crypto.h"

#include <errno.h>
#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/random.h>

#include "base_int.h"

#define HASH_BYTES 32

static MP_NORETURN void die_of_openssl(void)
{
    mp_die("meetpool: OpenSSL cannot do what this program needs, this process ends\n");
}

void mp_random(void *out, size_t len)
{
    unsigned char *p = out;

    while (len > 0) {
        ssize_t got = getrandom(p, len < 256 ? len : 256, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            mp_die("meetpool: the system has no random numbers, this process ends\n");
        p += got;
        len -= (size_t)got;
    }
}

char *mp_random_text(struct mp_arena *arena, size_t chars, const char *alphabet)
{
    size_t letters = strlen(alphabet);
    unsigned fair = letters ? (unsigned)(256 - 256 % letters) : 0; /* bytes from here on would favour the first letters */
    char *text = mp_arena_alloc(arena, chars + 1);
    unsigned char pool[64];
    size_t done = 0;

    if (letters == 0 || letters > 256)
        mp_die("meetpool: an alphabet has 1 to 256 letters, this process ends\n");
    while (done < chars) {
        mp_random(pool, sizeof(pool));
        for (size_t i = 0; i < sizeof(pool) && done < chars; i++) {
            if (pool[i] < fair)
                text[done++] = alphabet[pool[i] % letters];
        }
    }
    explicit_bzero(pool, sizeof(pool));
    return text;
}

char *mp_random_hex(struct mp_arena *arena, size_t bytes)
{
    void *raw = mp_arena_alloc(arena, bytes);
    char *text;

    mp_random(raw, bytes);
    text = mp_hex(arena, raw, bytes);
    explicit_bzero(raw, bytes);
    return text;
}

static const EVP_MD *sha256(void)
{
    static EVP_MD *md; /* fetching is dearer than hashing a short text */

    if (!md)
        md = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (!md)
        die_of_openssl();
    return md;
}

void mp_sha256(struct mp_slice data, unsigned char out[32])
{
    if (EVP_Digest(data.p, data.len, out, NULL, sha256(), NULL) != 1)
        die_of_openssl();
}

struct mp_hash {
    EVP_MD_CTX *ctx;
};

static void free_hash(void *object)
{
    EVP_MD_CTX_free(((struct mp_hash *)object)->ctx);
}

struct mp_hash *mp_hash_new(struct mp_arena *arena)
{
    struct mp_hash *hash = MP_NEW(arena, struct mp_hash);

    hash->ctx = EVP_MD_CTX_new();
    if (!hash->ctx)
        die_of_openssl();
    mp_arena_defer(arena, free_hash, hash);
    mp_hash_begin(hash);
    return hash;
}

void mp_hash_begin(struct mp_hash *hash)
{
    if (EVP_DigestInit_ex2(hash->ctx, sha256(), NULL) != 1)
        die_of_openssl();
}

void mp_hash_add(struct mp_hash *hash, struct mp_slice data)
{
    if (EVP_DigestUpdate(hash->ctx, data.p, data.len) != 1)
        die_of_openssl();
}

void mp_hash_end(struct mp_hash *hash, unsigned char out[32])
{
    if (EVP_DigestFinal_ex(hash->ctx, out, NULL) != 1)
        die_of_openssl();
}

bool mp_md5(struct mp_slice data, unsigned char out[16])
{
    return EVP_Digest(data.p, data.len, out, NULL, EVP_md5(), NULL) == 1;
}

char *mp_sha256_hex(struct mp_arena *arena, struct mp_slice data)
{
    unsigned char hash[HASH_BYTES];

    mp_sha256(data, hash);
    return mp_hex(arena, hash, sizeof(hash));
}

static EVP_MAC_CTX *hmac_template(void)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;

    EVP_MAC_free(mac);
    if (!ctx || EVP_MAC_CTX_set_params(ctx, params) != 1)
        die_of_openssl();
    return ctx;
}

void mp_hmac_sha256(struct mp_slice key, struct mp_slice data, unsigned char out[32])
{
    static EVP_MAC_CTX *kept; /* without a key: a copy of it takes half the time of HMAC(), and leaves no key behind */
    const unsigned char *key_bytes = (const unsigned char *)(key.len ? key.p : "");
    EVP_MAC_CTX *ctx;
    size_t len = 0;

    if (!kept)
        kept = hmac_template();
    ctx = EVP_MAC_CTX_dup(kept);
    if (!ctx || EVP_MAC_init(ctx, key_bytes, key.len, NULL) != 1 || EVP_MAC_update(ctx, (const unsigned char *)data.p, data.len) != 1 ||
        EVP_MAC_final(ctx, out, &len, HASH_BYTES) != 1 || len != HASH_BYTES)
        die_of_openssl();
    EVP_MAC_CTX_free(ctx);
}

bool mp_equal_constant_time(const void *a, const void *b, size_t len)
{
    return len == 0 || CRYPTO_memcmp(a, b, len) == 0;
}

char *mp_hex(struct mp_arena *arena, const void *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *p = bytes;
    char *text = mp_arena_alloc(arena, len * 2 + 1);

    for (size_t i = 0; i < len; i++) {
        text[i * 2] = digits[p[i] >> 4];
        text[i * 2 + 1] = digits[p[i] & 15];
    }
    return text;
}

static const char base64_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64url_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Returns the end of the text; no padding. */
static char *encode64(char *out, const unsigned char *p, size_t len, const char *letters)
{
    uint32_t bits = 0;
    unsigned count = 0;

    for (size_t i = 0; i < len; i++) {
        bits = bits << 8 | p[i];
        for (count += 8; count >= 6; count -= 6)
            *out++ = letters[bits >> (count - 6) & 63];
    }
    if (count > 0)
        *out++ = letters[bits << (6 - count) & 63];
    return out;
}

char *mp_base64(struct mp_arena *arena, const void *bytes, size_t len)
{
    char *text = mp_arena_alloc(arena, (len + 2) / 3 * 4 + 1);
    char *end = encode64(text, bytes, len, base64_letters);

    while ((end - text) % 4 != 0)
        *end++ = '=';
    return text;
}

char *mp_base64url(struct mp_arena *arena, const void *bytes, size_t len)
{
    char *text = mp_arena_alloc(arena, (len + 2) / 3 * 4 + 1);

    encode64(text, bytes, len, base64url_letters);
    return text;
}

static int value64(char c, const char letters[65])
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == letters[62] ? 62 : c == letters[63] ? 63 : -1;
}

/* Without padding. Bits that the last letter has too many must be zero, so that bytes have one spelling only. */
static bool decode64(struct mp_arena *arena, struct mp_slice text, const char letters[65], struct mp_slice *out)
{
    char *bytes;
    size_t len = 0;
    uint32_t bits = 0;
    unsigned count = 0;

    if (text.len % 4 == 1)
        return false;
    bytes = mp_arena_alloc(arena, text.len / 4 * 3 + 3);
    for (size_t i = 0; i < text.len; i++) {
        int value = value64(text.p[i], letters);

        if (value < 0)
            return false;
        bits = (bits << 6 | (uint32_t)value) & 0xffffff;
        count += 6;
        if (count >= 8) {
            count -= 8;
            bytes[len++] = (char)(bits >> count & 0xff);
        }
    }
    if ((bits & ((1U << count) - 1)) != 0)
        return false;
    *out = (struct mp_slice){bytes, len};
    return true;
}

bool mp_base64_decode(struct mp_arena *arena, struct mp_slice text, struct mp_slice *out)
{
    if (text.len % 4 != 0)
        return false;
    for (int i = 0; i < 2 && text.len > 0 && text.p[text.len - 1] == '='; i++)
        text.len--;
    return decode64(arena, text, base64_letters, out);
}

bool mp_base64url_decode(struct mp_arena *arena, struct mp_slice text, struct mp_slice *out)
{
    return decode64(arena, text, base64url_letters, out);
}
