#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fixture.h"

#define NOW_S  1700000000
#define HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define CLAIMS "{\"sub\":\"u1\",\"role\":\"admin\",\"exp\":1700000100}"

struct keys {
    EVP_PKEY *rsa, *ec;
    char *rsa_pem, *ec_pem; /* the public halves */
};
static struct keys keys;

static int check_key(void **state, const struct mp_jwt_key *key, const char *token, struct mp_identity *out)
{
    struct desk *f = *state;

    mp_error_init(&f->err, f->arena);
    return mp_jwt_check(f->arena, key, mp_slice_of(token), NOW_S, out, &f->err);
}

static void assert_taken(void **state, const struct mp_jwt_key *key, const char *token)
{
    struct mp_identity who;

    if (check_key(state, key, token, &who) < 0)
        fail_msg("%s: %s", token, ((struct desk *)*state)->err.detail);
}

static void assert_refused(void **state, const struct mp_jwt_key *key, const char *token, const char *what)
{
    struct mp_identity who;

    if (check_key(state, key, token, &who) == 0)
        fail_msg("taken: %s", what);
    assert_int_equal(((struct desk *)*state)->err.code, MP_E_UNAUTHORIZED);
}

static const struct mp_jwt_key *hs_key(void **state)
{
    return &((struct desk *)*state)->api->jwt;
}

static char *hs(void **state, const char *header, const char *claims)
{
    return token_hs256(((struct desk *)*state)->arena, header, claims, SECRET);
}

static void a_good_token_says_who(void **state)
{
    struct mp_identity who;
    const char *claims = "{\"sub\":\"u1\",\"role\":\"doctor\",\"email\":\"d@x.org\",\"name\":\"\xc3\x89va\",\"exp\":1700000100,\"iat\":1700000060}";

    assert_int_equal(check_key(state, hs_key(state), hs(state, HEADER, claims), &who), 0);
    assert_string_equal(who.user.sub, "u1");
    assert_int_equal(who.user.role, MP_ROLE_DOCTOR);
    assert_string_equal(who.user.email, "d@x.org");
    assert_string_equal(who.user.name, "\xc3\x89va");
    assert_int_equal(who.expires_at_s, 1700000100);
}

static void headers_that_are_taken(void **state)
{
    assert_taken(state, hs_key(state), hs(state, "{\"alg\":\"HS256\"}", CLAIMS));
    assert_taken(state, hs_key(state), hs(state, "{\"kid\":\"key-1_A=\",\"typ\":\"JWT\",\"alg\":\"HS256\"}", CLAIMS));
}

static void headers_that_are_refused(void **state)
{
    static const char *const headers[] = {
        "{\"alg\":\"none\"}",
        "{\"alg\":\"None\"}",
        "{\"alg\":\"NONE\"}",
        "{\"alg\":\"hs256\"}",
        "{\"alg\":\"HS384\"}",
        "{\"alg\":\"HS512\"}",
        "{\"alg\":\"RS256\"}",
        "{\"alg\":\"ES256\"}",
        "{\"alg\":\"\"}",
        "{\"alg\":null}",
        "{\"alg\":1}",
        "{\"alg\":[\"HS256\"]}",
        "{}",
        "{\"typ\":\"JWT\"}",
        "{\"alg\":\"HS256\",\"alg\":\"HS256\"}",
        "{\"alg\":\"none\",\"alg\":\"HS256\"}",
        "{\"alg\":\"HS256\\u0000\"}",
        "{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}",
        "{\"alg\":\"HS256\",\"typ\":\"session\"}",
        "{\"alg\":\"HS256\",\"typ\":null}",
        "{\"alg\":\"HS256\",\"crit\":[\"exp\"]}",
        "{\"alg\":\"HS256\",\"crit\":[]}",
        "{\"alg\":\"HS256\",\"jwk\":{\"kty\":\"oct\",\"k\":\"AA\"}}",
        "{\"alg\":\"HS256\",\"jku\":\"https://evil.example\"}",
        "{\"alg\":\"HS256\",\"x5u\":\"https://evil.example\"}",
        "{\"alg\":\"HS256\",\"x5c\":[]}",
        "{\"alg\":\"HS256\",\"b64\":false}",
        "{\"alg\":\"HS256\",\"zip\":\"DEF\"}",
        "{\"alg\":\"HS256\",\"kid\":\"' OR 1=1 --\"}",
        "{\"alg\":\"HS256\",\"kid\":\"../../dev/null\"}",
        "{\"alg\":\"HS256\",\"kid\":\"/dev/null\"}",
        "{\"alg\":\"HS256\",\"kid\":\"..\"}",
        "{\"alg\":\"HS256\",\"kid\":\"\"}",
        "{\"alg\":\"HS256\",\"kid\":1}",
        "{\"alg\":\"HS256\",\"kid\":null}",
        "[\"HS256\"]",
        "\"HS256\"",
        "{\"alg\":\"HS256\"} x",
        "{'alg':'HS256'}",
        "",
    };

    for (size_t i = 0; i < MP_COUNT(headers); i++)
        assert_refused(state, hs_key(state), hs(state, headers[i], CLAIMS), headers[i]);
}

static void claims_that_are_refused(void **state)
{
    static const char *const claims[] = {
        "{\"sub\":\"u1\",\"role\":\"admin\"}",
        "{\"sub\":\"u1\",\"role\":\"admin\",\"exp\":null}",
        "{\"sub\":\"u1\",\"role\":\"admin\",\"exp\":\"1700000100\"}",
        "{\"sub\":\"u1\",\"role\":\"admin\",\"exp\":1700000100.5}",
        "{\"sub\":\"u1\",\"role\":\"admin\",\"exp\":1.7000001e9}",
        "{\"sub\":\"u1\",\"role\":\"admin\",\"exp\":true}",
        "{\"sub\":\"u1\",\"role\":\"admin\",\"exp\":1699999999}",
        "{\"sub\":\"u1\",\"role\":\"admin\",\"exp\":1700000000}",
        "{\"sub\":\"u1\",\"role\":\"admin\",\"exp\":-1}",
        "{\"sub\":\"u1\",\"role\":\"admin\",\"exp\":9223372036854775808}",
        "{\"sub\":\"u1\",\"role\":\"admin\",\"exp\":9223372036854775807}",
        "{\"sub\":\"u1\",\"role\":\"admin\",\"exp\":1700000100,\"exp\":1700000100}",
        "{\"sub\":\"u2\",\"sub\":\"u1\",\"role\":\"admin\",\"exp\":1700000100}",
        "{\"sub\":\"u1\",\"role\":\"student\",\"role\":\"admin\",\"exp\":1700000100}",
        "{\"sub\":\"u1\",\"role\":\"admin\",\"exp\":1700000100,\"nbf\":1700000061}",
        "{\"sub\":\"u1\",\"role\":\"admin\",\"exp\":1700000100,\"iat\":1700000061}",
        "{\"sub\":\"u1\",\"role\":\"admin\",\"exp\":1700000100,\"nbf\":\"1\"}",
        "{\"sub\":\"u1\",\"role\":\"admin\",\"exp\":1700000100,\"iat\":1.5}",
        "{\"sub\":\"u1\",\"role\":\"admin\",\"exp\":1700000100,\"nbf\":null}",
        "{\"role\":\"admin\",\"exp\":1700000100}",
        "{\"sub\":\"\",\"role\":\"admin\",\"exp\":1700000100}",
        "{\"sub\":1,\"role\":\"admin\",\"exp\":1700000100}",
        "{\"sub\":\"u1 \",\"role\":\"admin\",\"exp\":1700000100}",
        "{\"sub\":\"u\\n1\",\"role\":\"admin\",\"exp\":1700000100}",
        "{\"sub\":\"u\\u00001\",\"role\":\"admin\",\"exp\":1700000100}",
        "{\"sub\":\"u1\",\"exp\":1700000100}",
        "{\"sub\":\"u1\",\"role\":\"root\",\"exp\":1700000100}",
        "{\"sub\":\"u1\",\"role\":\"Admin\",\"exp\":1700000100}",
        "{\"sub\":\"u1\",\"role\":[\"admin\"],\"exp\":1700000100}",
        "{\"sub\":\"u1\",\"role\":\"admin\",\"exp\":1700000100,\"email\":5}",
        "{\"sub\":\"u1\",\"role\":\"admin\",\"exp\":1700000100,\"purpose\":\"session\"}",
        "{\"sub\":\"u1\",\"role\":\"admin\",\"exp\":1700000100,\"typ\":\"Refresh\"}",
        "{\"sub\":\"u1\",\"role\":\"admin\",\"exp\":1700000100,\"token_use\":\"id\"}",
        "{\"sub\":\"u1\",\"role\":\"admin\",\"exp\":1700000100,\"purpose\":7}",
        "[]",
        "null",
        "",
    };

    for (size_t i = 0; i < MP_COUNT(claims); i++)
        assert_refused(state, hs_key(state), hs(state, HEADER, claims[i]), claims[i]);
    assert_taken(state, hs_key(state), hs(state, HEADER, "{\"sub\":\"u1\",\"role\":\"admin\",\"exp\":1700000001,\"nbf\":1700000060}"));
    assert_taken(state, hs_key(state), hs(state, HEADER, "{\"sub\":\"u1\",\"role\":\"admin\",\"exp\":1700000100,\"typ\":\"Bearer\"}"));
}

static void sub_has_at_most_190_characters(void **state)
{
    struct mp_arena *arena = ((struct desk *)*state)->arena;
    char sub[192];

    memset(sub, 'x', sizeof(sub));
    sub[190] = '\0';
    assert_taken(state, hs_key(state), hs(state, HEADER, mp_arena_printf(arena, "{\"sub\":\"%s\",\"role\":\"admin\",\"exp\":1700000100}", sub)));
    sub[190] = 'x';
    sub[191] = '\0';
    assert_refused(state, hs_key(state), hs(state, HEADER, mp_arena_printf(arena, "{\"sub\":\"%s\",\"role\":\"admin\",\"exp\":1700000100}", sub)),
                   "191");
}

static void issuer_and_audience_where_configured(void **state)
{
    static const struct {
        const char *more;
        bool taken;
    } rows[] = {
        {"\"iss\":\"me\",\"aud\":\"pool\"", true},      {"\"iss\":\"me\",\"aud\":[\"x\",\"pool\"]", true},
        {"\"iss\":\"me\",\"aud\":[\"x\"]", false},      {"\"iss\":\"me\",\"aud\":[]", false},
        {"\"iss\":\"me\",\"aud\":[\"pool\",1]", false}, {"\"iss\":\"me\"", false},
        {"\"iss\":\"you\",\"aud\":\"pool\"", false},    {"\"aud\":\"pool\"", false},
        {"\"iss\":[\"me\"],\"aud\":\"pool\"", false},   {"\"iss\":\"me\",\"aud\":\"pool2\"", false},
        {"\"iss\":\"me\",\"aud\":{\"pool\":1}", false}, {"\"iss\":\"me\",\"aud\":null", false},
    };
    struct mp_arena *arena = ((struct desk *)*state)->arena;
    struct mp_jwt_key key = *hs_key(state);

    key.issuer = "me";
    key.audience = "pool";
    for (size_t i = 0; i < MP_COUNT(rows); i++) {
        const char *claims = mp_arena_printf(arena, "{\"sub\":\"u1\",\"role\":\"admin\",\"exp\":1700000100,%s}", rows[i].more);
        if (rows[i].taken)
            assert_taken(state, &key, hs(state, HEADER, claims));
        else
            assert_refused(state, &key, hs(state, HEADER, claims), rows[i].more);
    }
}

/* Every one of the signature's bytes counts, and the token has one way to be written. */
static void the_signature_is_checked_and_canonical(void **state)
{
    struct mp_arena *arena = ((struct desk *)*state)->arena;
    const char *good = hs(state, HEADER, CLAIMS);
    size_t len = strlen(good), dot = (size_t)(strrchr(good, '.') - good);
    char *last = mp_arena_strdup(arena, good);

    assert_taken(state, hs_key(state), good);
    for (size_t i = 0; i < len; i++) {
        char *bad = mp_arena_strdup(arena, good);
        bad[i] = bad[i] == 'A' ? 'B' : 'A';
        assert_refused(state, hs_key(state), bad, bad);
    }
    /* 43 characters hold 258 bits: the last two say nothing, so that another last character would mean the same bytes. */
    last[len - 1] = (char)(last[len - 1] + 1);
    assert_refused(state, hs_key(state), last, "a non-canonical last character");
    assert_refused(state, hs_key(state), mp_arena_printf(arena, "%s=", good), "padding");
    assert_refused(state, hs_key(state), mp_arena_printf(arena, "%.*s.", (int)dot, good), "no signature");
    assert_refused(state, hs_key(state), mp_arena_printf(arena, "%.*s", (int)dot, good), "no second dot");
    assert_refused(state, hs_key(state), mp_arena_printf(arena, "%s.x", good), "four parts");
    assert_refused(state, hs_key(state), mp_arena_printf(arena, " %s", good), "a blank");
    assert_refused(state, hs_key(state), mp_arena_printf(arena, "%s\n", good), "a line end");
    assert_refused(state, hs_key(state), "", "nothing");
    assert_refused(state, hs_key(state), "..", "dots");
    assert_refused(state, hs_key(state), token_hs256(arena, HEADER, CLAIMS, ""), "signed with nothing");
    assert_refused(state, hs_key(state), token_hs256(arena, HEADER, CLAIMS, SECRET "x"), "signed with another secret");
}

static char *public_pem(EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *bytes, *pem;
    long len;

    PEM_write_bio_PUBKEY(bio, key);
    len = BIO_get_mem_data(bio, &bytes);
    pem = strndup(bytes, (size_t)len);
    BIO_free(bio);
    return pem;
}

static size_t sign_bytes(EVP_PKEY *key, const char *text, unsigned char *out, size_t size)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestSign(ctx, out, &size, (const unsigned char *)text, strlen(text)), 1);
    EVP_MD_CTX_free(ctx);
    return size;
}

static char *signed_part(struct mp_arena *arena, const char *header)
{
    return mp_arena_printf(arena, "%s.%s", mp_base64url(arena, header, strlen(header)), mp_base64url(arena, CLAIMS, strlen(CLAIMS)));
}

static char *token_rs256(struct mp_arena *arena, const char *header)
{
    unsigned char out[512];
    const char *part = signed_part(arena, header);
    size_t len = sign_bytes(keys.rsa, part, out, sizeof(out));

    return mp_arena_printf(arena, "%s.%s", part, mp_base64url(arena, out, len));
}

/* JWS wants r and s side by side, 32 bytes each (RFC 7518 section 3.4). */
static char *token_es256(struct mp_arena *arena, const char *header)
{
    unsigned char der[256], raw[64];
    const unsigned char *p = der;
    const char *part = signed_part(arena, header);
    size_t len = sign_bytes(keys.ec, part, der, sizeof(der));
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)len);

    BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32);
    ECDSA_SIG_free(sig);
    return mp_arena_printf(arena, "%s.%s", part, mp_base64url(arena, raw, sizeof(raw)));
}

static int load_text(void **state, const char *text, struct mp_jwt_key *key)
{
    struct desk *f = *state;
    struct mp_api_conf conf = {0};
    char path[] = "/tmp/mp-jwt-XXXXXX";
    int fd = mkstemp(path), rc;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    conf.jwt_public_key = path;
    mp_error_init(&f->err, f->arena);
    rc = mp_jwt_key_load(f->arena, &conf, key, &f->err);
    unlink(path);
    return rc;
}

static void the_key_says_the_algorithm(void **state)
{
    struct mp_arena *arena = ((struct desk *)*state)->arena;
    struct mp_jwt_key rsa, ec;
    const char *rsa_header = "{\"alg\":\"RS256\"}", *ec_header = "{\"alg\":\"ES256\"}";

    assert_int_equal(load_text(state, keys.rsa_pem, &rsa), 0);
    assert_int_equal(load_text(state, keys.ec_pem, &ec), 0);
    assert_int_equal(rsa.alg, MP_JWT_RS256);
    assert_int_equal(ec.alg, MP_JWT_ES256);
    assert_taken(state, &rsa, token_rs256(arena, rsa_header));
    assert_taken(state, &ec, token_es256(arena, ec_header));
    assert_refused(state, &rsa, token_es256(arena, ec_header), "ES256 where RS256 is set");
    assert_refused(state, &ec, token_rs256(arena, rsa_header), "RS256 where ES256 is set");
    assert_refused(state, hs_key(state), token_rs256(arena, rsa_header), "RS256 where HS256 is set");
    assert_refused(state, &rsa, hs(state, HEADER, CLAIMS), "HS256 where RS256 is set");
    assert_refused(state, &rsa, token_hs256(arena, rsa_header, CLAIMS, SECRET), "an HMAC that says RS256");
}

static void the_public_key_is_no_secret(void **state)
{
    static const char *const headers[] = {"{\"alg\":\"HS256\"}", "{\"alg\":\"RS256\"}", "{\"alg\":\"ES256\"}"};
    struct mp_arena *arena = ((struct desk *)*state)->arena;
    struct mp_jwt_key rsa, ec;
    const char *pem[2];
    char *trimmed[2];

    assert_int_equal(load_text(state, keys.rsa_pem, &rsa), 0);
    assert_int_equal(load_text(state, keys.ec_pem, &ec), 0);
    pem[0] = keys.rsa_pem;
    pem[1] = keys.ec_pem;
    for (size_t i = 0; i < 2; i++) {
        trimmed[i] = mp_arena_strdup(arena, pem[i]);
        trimmed[i][strlen(trimmed[i]) - 1] = '\0';
        for (size_t j = 0; j < MP_COUNT(headers); j++) {
            assert_refused(state, i == 0 ? &rsa : &ec, token_hs256(arena, headers[j], CLAIMS, pem[i]), headers[j]);
            assert_refused(state, i == 0 ? &rsa : &ec, token_hs256(arena, headers[j], CLAIMS, trimmed[i]), headers[j]);
        }
    }
}

static void signatures_of_nothing(void **state)
{
    struct mp_arena *arena = ((struct desk *)*state)->arena;
    const unsigned char zeros[256] = {0};
    struct mp_jwt_key rsa, ec;

    assert_int_equal(load_text(state, keys.rsa_pem, &rsa), 0);
    assert_int_equal(load_text(state, keys.ec_pem, &ec), 0);
    for (size_t len = 0; len <= sizeof(zeros); len++) {
        const char *zero = mp_base64url(arena, zeros, len);
        assert_refused(state, &ec, mp_arena_printf(arena, "%s.%s", signed_part(arena, "{\"alg\":\"ES256\"}"), zero), "r = s = 0");
        assert_refused(state, &rsa, mp_arena_printf(arena, "%s.%s", signed_part(arena, "{\"alg\":\"RS256\"}"), zero), "zeros");
        assert_refused(state, hs_key(state), mp_arena_printf(arena, "%s.%s", signed_part(arena, HEADER), zero), "zeros");
    }
}

static void keys_that_stop_the_start(void **state)
{
    struct desk *f = *state;
    struct mp_jwt_key key;
    struct mp_api_conf conf = {0};
    EVP_PKEY *weak = EVP_RSA_gen(1024), *other = EVP_EC_gen("P-384");
    char *weak_pem = public_pem(weak), *other_pem = public_pem(other);

    assert_int_equal(load_text(state, weak_pem, &key), -1);
    assert_int_equal(load_text(state, other_pem, &key), -1);
    assert_int_equal(load_text(state, "no key", &key), -1);
    assert_int_equal(f->err.code, MP_E_CONFIG);
    assert_int_equal(mp_jwt_key_load(f->arena, &conf, &key, &f->err), -1);
    conf.jwt_secret = mp_secret_copy(f->arena, (struct mp_slice){SECRET, 31});
    assert_int_equal(mp_jwt_key_load(f->arena, &conf, &key, &f->err), -1);
    conf.jwt_secret = f->conf.jwt_secret;
    assert_int_equal(mp_jwt_key_load(f->arena, &conf, &key, &f->err), 0);
    conf.jwt_public_key = "/nonexistent";
    assert_int_equal(mp_jwt_key_load(f->arena, &conf, &key, &f->err), -1);
    EVP_PKEY_free(weak);
    EVP_PKEY_free(other);
    free(weak_pem);
    free(other_pem);
}

static void the_cache_forgets_at_the_expiry_and_tells_kinds_apart(void **state)
{
    struct desk *f = *state;
    struct mp_token_cache *cache = mp_token_cache_new(f->arena);
    const struct mp_identity put = {{"u1", MP_ROLE_PATIENT, NULL, ""}, 100, "0123456789abcdef0123456789abcdef"};
    struct mp_identity got = {0};

    mp_token_cache_put(cache, f->arena, MP_AUTH_BEARER, mp_slice_of("t"), &put);
    assert_true(mp_token_cache_get(cache, f->arena, MP_AUTH_BEARER, mp_slice_of("t"), 99, &got));
    assert_string_equal(got.user.sub, "u1");
    assert_int_equal(got.user.role, MP_ROLE_PATIENT);
    assert_null(got.user.email);
    assert_string_equal(got.user.name, "");
    assert_int_equal(got.expires_at_s, 100);
    assert_string_equal(got.session_id, put.session_id);
    assert_false(mp_token_cache_get(cache, f->arena, MP_AUTH_BEARER, mp_slice_of("t"), 100, &got));
    assert_false(mp_token_cache_get(cache, f->arena, MP_AUTH_COOKIE, mp_slice_of("t"), 99, &got));
    assert_false(mp_token_cache_get(cache, f->arena, MP_AUTH_BEARER, mp_slice_of("T"), 99, &got));
    for (int i = 0; i < 2000; i++)
        mp_token_cache_put(cache, f->arena, MP_AUTH_BEARER, mp_slice_of(mp_arena_printf(f->arena, "t%d", i)), &put);
    assert_true(mp_token_cache_get(cache, f->arena, MP_AUTH_BEARER, mp_slice_of("t1999"), 99, &got));
}

static int make_keys(void **state)
{
    (void)state;
    keys.rsa = EVP_RSA_gen(2048);
    keys.ec = EVP_EC_gen("P-256");
    keys.rsa_pem = public_pem(keys.rsa);
    keys.ec_pem = public_pem(keys.ec);
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    EVP_PKEY_free(keys.rsa);
    EVP_PKEY_free(keys.ec);
    free(keys.rsa_pem);
    free(keys.ec_pem);
    return 0;
}

#define API_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup_api, fixture_teardown_api)

int main(void)
{
    const struct CMUnitTest tests[] = {
        API_TEST(a_good_token_says_who),
        API_TEST(headers_that_are_taken),
        API_TEST(headers_that_are_refused),
        API_TEST(claims_that_are_refused),
        API_TEST(sub_has_at_most_190_characters),
        API_TEST(issuer_and_audience_where_configured),
        API_TEST(the_signature_is_checked_and_canonical),
        API_TEST(the_key_says_the_algorithm),
        API_TEST(the_public_key_is_no_secret),
        API_TEST(signatures_of_nothing),
        API_TEST(keys_that_stop_the_start),
        API_TEST(the_cache_forgets_at_the_expiry_and_tells_kinds_apart),
    };

    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
