#ifndef MEETPOOL_CRYPTO_H
#define MEETPOOL_CRYPTO_H

#include <stdint.h>

#include "meetpool/arena.h"
#include "meetpool/error.h"
#include "meetpool/secret.h"
#include "meetpool/slice.h"

/* Everything that is OpenSSL but TLS. */

/* From the operating system's generator. Ends the process where that fails: nothing sensible can go on without. */
void mp_random(void *out, size_t len);
/* `chars` characters drawn evenly from `alphabet` (at most 256 of them). */
char *mp_random_text(struct mp_arena *arena, size_t chars, const char *alphabet);
/* `bytes` random bytes as lower-case hex. */
char *mp_random_hex(struct mp_arena *arena, size_t bytes);

void mp_sha256(struct mp_slice data, unsigned char out[32]);
char *mp_sha256_hex(struct mp_arena *arena, struct mp_slice data);
/* The same of what comes in pieces: begin, add, end; then it may begin again. Goes with the arena. */
struct mp_hash;
struct mp_hash *mp_hash_new(struct mp_arena *arena);
void mp_hash_begin(struct mp_hash *hash);
void mp_hash_add(struct mp_hash *hash, struct mp_slice data);
void mp_hash_end(struct mp_hash *hash, unsigned char out[32]);
/* For nothing but what others demand (the ETags of S3). False where this system's OpenSSL refuses it. */
bool mp_md5(struct mp_slice data, unsigned char out[16]);
void mp_hmac_sha256(struct mp_slice key, struct mp_slice data, unsigned char out[32]);
bool mp_equal_constant_time(const void *a, const void *b, size_t len);

char *mp_hex(struct mp_arena *arena, const void *bytes, size_t len);
char *mp_base64(struct mp_arena *arena, const void *bytes, size_t len);
/* RFC 4648 section 5, without padding. */
char *mp_base64url(struct mp_arena *arena, const void *bytes, size_t len);
/* Strict: no blanks, canonical last character; padding required (base64) or refused (base64url). False for anything else. */
bool mp_base64_decode(struct mp_arena *arena, struct mp_slice text, struct mp_slice *out);
bool mp_base64url_decode(struct mp_arena *arena, struct mp_slice text, struct mp_slice *out);

/*
 * The keyring of MEETPOOL_ENCRYPTION_KEYS: `id:base64-of-32-bytes`, newest first, comma-separated. The newest encrypts, all decrypt.
 * Sealed text is `v1.<key id>.<base64url of nonce, ciphertext, tag>`: AES-256-GCM with a fresh random nonce of 96 bits; the associated data are
 * the key id and the `context` (what the text is and whose it is: "account_token|account_1"), so that a row moved to another owner does not open.
 */
struct mp_keyring;

/* Errors: MP_E_CONFIG, whose message says what is wrong without showing the key. */
int mp_keyring_parse(struct mp_arena *arena, struct mp_slice text, struct mp_keyring **out, struct mp_error *err) MP_MUST_CHECK;
const char *mp_keyring_newest_id(const struct mp_keyring *ring);
/* A secret for another purpose, from each key, newest first: HMAC-SHA256 of `purpose`. Nobody who learns it knows the key. */
const struct mp_secret *mp_keyring_derive(const struct mp_keyring *ring, struct mp_arena *arena, const char *purpose, size_t *count);
bool mp_keyring_has(const struct mp_keyring *ring, const char *id);
char *mp_keyring_seal(const struct mp_keyring *ring, struct mp_arena *arena, const char *context, struct mp_slice plain);
/* MP_E_INTERNAL where the key is unknown or the text was changed or belongs to another context. */
int mp_keyring_open(const struct mp_keyring *ring, struct mp_arena *arena, const char *context, struct mp_slice sealed, struct mp_secret *out,
                    struct mp_error *err) MP_MUST_CHECK;

#endif
