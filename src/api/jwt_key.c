#include <errno.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

#include "api_int.h"
#include "file.h"

#define SECRET_LEAST_BYTES 32 /* RFC 7518 section 3.2: as long as the hash */
#define RSA_LEAST_BITS     2048
#define PEM_MOST_BYTES     65536

static bool is_p256(EVP_PKEY *key)
{
    char curve[64] = "";
    size_t len;

    return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC && EVP_PKEY_get_group_name(key, curve, sizeof(curve), &len) == 1 &&
           (strcmp(curve, "prime256v1") == 0 || strcmp(curve, "P-256") == 0);
}

/* The algorithm follows from the key's kind. */
static bool alg_of_pem(struct mp_slice pem, enum mp_jwt_alg *alg)
{
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.len);
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
    bool known = false;

    if (key != NULL && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA && EVP_PKEY_get_bits(key) >= RSA_LEAST_BITS) {
        *alg = MP_JWT_RS256;
        known = true;
    } else if (key != NULL && is_p256(key)) {
        *alg = MP_JWT_ES256;
        known = true;
    }
    EVP_PKEY_free(key);
    BIO_free(bio);
    return known;
}

static int load_public_key(struct mp_arena *arena, const char *path, struct mp_jwt_key *out, struct mp_error *err)
{
    struct mp_slice pem;

    if (mp_file_read(arena, path, PEM_MOST_BYTES, &pem) < 0)
        return mp_fail(err, MP_E_CONFIG, "MEETPOOL_JWT_PUBLIC_KEY: the file cannot be read: %s", strerror(errno));
    if (!alg_of_pem(pem, &out->alg))
        return mp_fail(err, MP_E_CONFIG,
                       "MEETPOOL_JWT_PUBLIC_KEY: the file holds no public key in PEM, RSA of at least %d bits (RS256) or on the curve P-256 (ES256)",
                       RSA_LEAST_BITS);
    out->key = mp_secret_copy(arena, pem);
    return 0;
}

int mp_jwt_key_load(struct mp_arena *arena, const struct mp_api_conf *conf, struct mp_jwt_key *out, struct mp_error *err)
{
    *out = (struct mp_jwt_key){.issuer = conf->jwt_issuer, .audience = conf->jwt_audience};
    if (mp_secret_is_set(&conf->jwt_secret) == (conf->jwt_public_key != NULL))
        return mp_fail(err, MP_E_CONFIG, "Set exactly one of MEETPOOL_JWT_SECRET and MEETPOOL_JWT_PUBLIC_KEY.");
    if (conf->jwt_public_key != NULL)
        return load_public_key(arena, conf->jwt_public_key, out, err);
    if (conf->jwt_secret.len < SECRET_LEAST_BYTES)
        return mp_fail(err, MP_E_CONFIG, "MEETPOOL_JWT_SECRET must have at least %d bytes.", SECRET_LEAST_BYTES);
    out->alg = MP_JWT_HS256;
    out->key = conf->jwt_secret;
    return 0;
}
