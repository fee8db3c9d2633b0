#include "unit.h"

#include <string.h>

#include "meetpool/attr.h"
#include "meetpool/crypto.h"

#define KEY_A "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define KEY_B "//////////////////////////////////////////8="

static void hashes(void **state)
{
    struct mp_hash *pieces = mp_hash_new(*state);
    unsigned char mac[32];

    assert_string_equal(mp_sha256_hex(*state, mp_slice_of(NULL)), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_string_equal(mp_sha256_hex(*state, mp_slice_of("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    for (int i = 0; i < 2; i++) {
        unsigned char hash[32];

        mp_hash_begin(pieces);
        mp_hash_add(pieces, mp_slice_of("a"));
        mp_hash_add(pieces, mp_slice_of(""));
        mp_hash_add(pieces, mp_slice_of("bc"));
        mp_hash_end(pieces, hash);
        assert_string_equal(mp_hex(*state, hash, 32), mp_sha256_hex(*state, mp_slice_of("abc")));
    }
    /* RFC 4231, cases 2 and 6 */
    mp_hmac_sha256(mp_slice_of("Jefe"), mp_slice_of("what do ya want for nothing?"), mac);
    assert_string_equal(mp_hex(*state, mac, 32), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    for (int i = 0; i < 3; i++) {
        char key[131];

        memset(key, 0xaa, sizeof(key));
        mp_hmac_sha256((struct mp_slice){key, sizeof(key)}, mp_slice_of("Test Using Larger Than Block-Size Key - Hash Key First"), mac);
        assert_string_equal(mp_hex(*state, mac, 32), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    }
    mp_hmac_sha256(mp_slice_of(NULL), mp_slice_of(NULL), mac);
    assert_string_equal(mp_hex(*state, mac, 32), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void equality(void **state)
{
    (void)state;
    assert_true(mp_equal_constant_time("abc", "abc", 3));
    assert_false(mp_equal_constant_time("abc", "abd", 3));
    assert_true(mp_equal_constant_time(NULL, NULL, 0));
}

static void random_texts(void **state)
{
    char *text = mp_random_text(*state, 3000, "abc");
    size_t counts[3] = {0};

    assert_int_equal(strlen(text), 3000);
    assert_int_equal(strspn(text, "abc"), 3000);
    for (size_t i = 0; i < 3000; i++)
        counts[text[i] - 'a']++;
    for (size_t i = 0; i < 3; i++)
        assert_in_range(counts[i], 800, 1200); /* some eight standard deviations */
    assert_string_equal(mp_random_text(*state, 4, "z"), "zzzz");
    assert_string_equal(mp_random_text(*state, 0, "z"), "");
    assert_int_equal(strlen(mp_random_hex(*state, 16)), 32);
    assert_string_not_equal(mp_random_hex(*state, 16), mp_random_hex(*state, 16));
}

static void base64_known(void **state)
{
    static const char *const cases[][3] = {
        {"", "", ""},
        {"f", "Zg==", "Zg"},
        {"fo", "Zm8=", "Zm8"},
        {"foo", "Zm9v", "Zm9v"},
        {"foob", "Zm9vYg==", "Zm9vYg"},
        {"fooba", "Zm9vYmE=", "Zm9vYmE"},
        {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
        {"\xfb\xff\xfe", "+//+", "-__-"},
    };

    for (size_t i = 0; i < MP_COUNT(cases); i++) {
        struct mp_slice out;

        assert_string_equal(mp_base64(*state, cases[i][0], strlen(cases[i][0])), cases[i][1]);
        assert_string_equal(mp_base64url(*state, cases[i][0], strlen(cases[i][0])), cases[i][2]);
        assert_true(mp_base64_decode(*state, mp_slice_of(cases[i][1]), &out) && mp_slice_eq_text(out, cases[i][0]));
        assert_true(mp_base64url_decode(*state, mp_slice_of(cases[i][2]), &out) && mp_slice_eq_text(out, cases[i][0]));
    }
}

static void base64_is_strict(void **state)
{
    static const char *const bad[] = {"Zg",    "Zg=",  "Zg===", "Z",        "Z===", "====", "=",        "Zh==",       "Zm9=",    "Zm9v\n",
                                      " Zm9v", "Zm 9", "Zm9v=", "Zg==Zg==", "Zm-_", "Z=g=", "Zm9v====", "Zm9vZg==\n", "Zm9v,Zg="};
    static const char *const bad_url[] = {"Zg==", "Z", "Zh", "Zm9", "Zm+/", "Zm9v ", "Zm9v\n", "Zm9vZ", "-_.-"};
    struct mp_slice out;

    for (size_t i = 0; i < MP_COUNT(bad); i++)
        assert_false(mp_base64_decode(*state, mp_slice_of(bad[i]), &out));
    for (size_t i = 0; i < MP_COUNT(bad_url); i++)
        assert_false(mp_base64url_decode(*state, mp_slice_of(bad_url[i]), &out));
    assert_false(mp_base64_decode(*state, (struct mp_slice){"Zm\0v", 4}, &out));
}

static void base64_round_trip(void **state)
{
    for (size_t len = 0; len < 300; len++) {
        char *bytes = mp_arena_alloc(*state, len);
        struct mp_slice out;

        mp_random(bytes, len);
        assert_true(mp_base64_decode(*state, mp_slice_of(mp_base64(*state, bytes, len)), &out));
        assert_true(mp_slice_eq(out, (struct mp_slice){bytes, len}));
        assert_true(mp_base64url_decode(*state, mp_slice_of(mp_base64url(*state, bytes, len)), &out));
        assert_true(mp_slice_eq(out, (struct mp_slice){bytes, len}));
    }
}

static struct mp_keyring *ring_of(struct mp_arena *arena, const char *text)
{
    struct mp_keyring *ring = NULL;
    struct mp_error err;

    mp_error_init(&err, arena);
    assert_int_equal(mp_keyring_parse(arena, mp_slice_of(text), &ring, &err), 0);
    return ring;
}

static void keyrings_that_are_wrong(void **state)
{
    static const char *const bad[] = {
        "",
        " ",
        ",",
        KEY_A,
        "k1",
        "k1:",
        ":" KEY_A,
        "k.1:" KEY_A,
        "k 1:" KEY_A,
        "k\xc3\xa9:" KEY_A,
        "123456789012345678901234567890123:" KEY_A,
        "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==",
        "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gIQ==",
        "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
        "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=",
        "k1:" KEY_A ",,k2:" KEY_B,
        "k1:" KEY_A ",k1:" KEY_B,
        "k1:" KEY_A ",k2:nonsense",
    };

    for (size_t i = 0; i < MP_COUNT(bad); i++) {
        struct mp_keyring *ring = NULL;
        struct mp_error err;

        mp_error_init(&err, *state);
        assert_int_equal(mp_keyring_parse(*state, mp_slice_of(bad[i]), &ring, &err), -1);
        assert_int_equal(err.code, MP_E_CONFIG);
        assert_non_null(strstr(mp_error_message(&err), "MEETPOOL_ENCRYPTION_KEYS"));
        assert_null(strstr(mp_error_message(&err), "AAECAwQF"));
        assert_null(strchr(mp_error_message(&err), '\n'));
        assert_null(ring);
    }
}

static int open_as(struct mp_arena *arena, const struct mp_keyring *ring, const char *context, const char *sealed, struct mp_secret *out)
{
    struct mp_error err;
    int rc;

    mp_error_init(&err, arena);
    *out = (struct mp_secret){NULL, 0};
    rc = mp_keyring_open(ring, arena, context, mp_slice_of(sealed), out, &err);
    assert_int_equal(err.code, rc < 0 ? MP_E_INTERNAL : MP_E_NONE);
    assert_int_equal(mp_secret_is_set(out) && rc < 0, 0);
    return rc;
}

static void seal_and_open(void **state)
{
    struct mp_keyring *ring = ring_of(*state, "new-1:" KEY_A ", old_2:" KEY_B);
    struct mp_keyring *old = ring_of(*state, "old_2:" KEY_B);
    struct mp_secret out;
    char *sealed = mp_keyring_seal(ring, *state, "account_token|account_1", mp_slice_of("top secret"));
    char *by_old = mp_keyring_seal(old, *state, "c", mp_slice_of("older"));

    assert_string_equal(mp_keyring_newest_id(ring), "new-1");
    assert_memory_equal(sealed, "v1.new-1.", 9);
    assert_string_not_equal(sealed, mp_keyring_seal(ring, *state, "account_token|account_1", mp_slice_of("top secret")));
    assert_int_equal(open_as(*state, ring, "account_token|account_1", sealed, &out), 0);
    assert_true(mp_secret_equals(&out, mp_slice_of("top secret")));
    assert_int_equal(open_as(*state, ring, "c", by_old, &out), 0);
    assert_true(mp_secret_equals(&out, mp_slice_of("older")));
    assert_int_equal(open_as(*state, old, "account_token|account_1", sealed, &out), -1);
    assert_int_equal(open_as(*state, ring, "account_token|account_2", sealed, &out), -1);
    assert_int_equal(open_as(*state, ring, "", sealed, &out), -1);
    sealed = mp_keyring_seal(ring, *state, "", mp_slice_of(""));
    assert_int_equal(open_as(*state, ring, "", sealed, &out), 0);
    assert_int_equal(out.len, 0);
}

static void one_key_under_two_ids_does_not_open(void **state)
{
    struct mp_keyring *ring = ring_of(*state, "k1:" KEY_A ",k2:" KEY_A);
    char *sealed = mp_keyring_seal(ring, *state, "c", mp_slice_of("x"));
    struct mp_secret out;

    sealed[4] = '2';
    assert_int_equal(open_as(*state, ring, "c", sealed, &out), -1);
}

static void every_changed_character_is_seen(void **state)
{
    struct mp_keyring *ring = ring_of(*state, "k1:" KEY_A);
    char *sealed = mp_keyring_seal(ring, *state, "c", mp_slice_of("0123456789"));
    size_t len = strlen(sealed);
    struct mp_secret out;

    for (size_t i = 0; i < len; i++) {
        char *changed = mp_arena_strdup(*state, sealed);

        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        assert_int_equal(open_as(*state, ring, "c", changed, &out), -1);
        changed = mp_arena_strdup(*state, sealed);
        changed[i] = '\0';
        assert_int_equal(open_as(*state, ring, "c", changed, &out), -1);
    }
    assert_int_equal(open_as(*state, ring, "c", mp_arena_printf(*state, "%sAAAA", sealed), &out), -1);
    assert_int_equal(open_as(*state, ring, "c", "v2.k1.AAAA", &out), -1);
    assert_int_equal(open_as(*state, ring, "c", "v1.k1", &out), -1);
    assert_int_equal(open_as(*state, ring, "c", "v1..AAAA", &out), -1);
    assert_int_equal(open_as(*state, ring, "c", "", &out), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(hashes),
        cmocka_unit_test(equality),
        ARENA_TEST(random_texts),
        ARENA_TEST(base64_known),
        ARENA_TEST(base64_is_strict),
        ARENA_TEST(base64_round_trip),
        ARENA_TEST(keyrings_that_are_wrong),
        ARENA_TEST(seal_and_open),
        ARENA_TEST(one_key_under_two_ids_does_not_open),
        ARENA_TEST(every_changed_character_is_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
