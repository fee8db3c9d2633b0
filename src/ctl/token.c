#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "ctl_int.h"
#include "meetpool/clock.h"
#include "meetpool/crypto.h"
#include "meetpool/json.h"

#define USAGE         "token --sub ID --role ROLE [--email E] [--name N] [--ttl SECONDS]"
#define TTL_DEFAULT_S 3600
#define TTL_MOST_S    (10ULL * 366 * 86400)
#define SECRET_LEAST  32

struct token_words {
    const char *sub, *role, *email, *name;
    unsigned long long ttl_s;
};

/* 0, or the exit status. */
static int read_words(struct ctl *ctl, struct token_words *words)
{
    static const struct option known[] = {
        {"sub", required_argument, NULL, 's'},  {"role", required_argument, NULL, 'r'}, {"email", required_argument, NULL, 'e'},
        {"name", required_argument, NULL, 'n'}, {"ttl", required_argument, NULL, 't'},  {NULL, 0, NULL, 0},
    };
    int got;

    *words = (struct token_words){.ttl_s = TTL_DEFAULT_S};
    optind = 0; /* a second row of words: glibc starts anew */
    while ((got = getopt_long(ctl->argc, ctl->argv, "", known, NULL)) != -1) {
        if (got == 's')
            words->sub = optarg;
        else if (got == 'r')
            words->role = optarg;
        else if (got == 'e')
            words->email = optarg;
        else if (got == 'n')
            words->name = optarg;
        else if (got != 't')
            return ctl_misused(USAGE);
        else if (!mp_slice_to_u64(mp_slice_of(optarg), TTL_MOST_S, &words->ttl_s) || words->ttl_s == 0)
            return ctl_misused("token … --ttl SECONDS: a whole number from 1 up to ten years");
    }
    if (optind < ctl->argc || words->sub == NULL || words->sub[0] == '\0' || words->role == NULL)
        return ctl_misused(USAGE);
    return 0;
}

static bool role_is_known(const char *name)
{
    for (unsigned role = MP_ROLE_ADMIN; role & MP_EVERYONE; role <<= 1) {
        if (strcmp(name, mp_role_name((enum mp_role)role)) == 0)
            return true;
    }
    fprintf(stderr, "meetpoolctl: no role %s; there are", name);
    for (unsigned role = MP_ROLE_ADMIN; role & MP_EVERYONE; role <<= 1)
        fprintf(stderr, " %s", mp_role_name((enum mp_role)role));
    fputc('\n', stderr);
    return false;
}

static const char *claims_text(struct mp_arena *arena, const struct mp_api_conf *conf, const struct token_words *words)
{
    struct json_object *claims = mp_json_object(arena);
    int64_t now_s = mp_now_ms() / 1000;

    mp_json_put_text(claims, "sub", words->sub);
    mp_json_put_text(claims, "role", words->role);
    if (words->email != NULL)
        mp_json_put_text(claims, "email", words->email);
    if (words->name != NULL)
        mp_json_put_text(claims, "name", words->name);
    if (conf->jwt_issuer != NULL)
        mp_json_put_text(claims, "iss", conf->jwt_issuer);
    if (conf->jwt_audience != NULL)
        mp_json_put_text(claims, "aud", conf->jwt_audience);
    mp_json_put_int(claims, "iat", now_s);
    mp_json_put_int(claims, "exp", now_s + (int64_t)words->ttl_s);
    return mp_json_text(arena, claims);
}

/* RFC 7515, compact: header.payload.signature, each base64url. */
static const char *sign(struct mp_arena *arena, const struct mp_secret *secret, const char *claims)
{
    static const char header[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
    const char *signed_text =
        mp_arena_printf(arena, "%s.%s", mp_base64url(arena, header, sizeof(header) - 1), mp_base64url(arena, claims, strlen(claims)));
    unsigned char mac[32];

    mp_hmac_sha256(mp_secret_expose(secret), mp_slice_of(signed_text), mac);
    return mp_arena_printf(arena, "%s.%s", signed_text, mp_base64url(arena, mac, sizeof(mac)));
}

int ctl_token(struct ctl *ctl)
{
    struct mp_api_conf conf = {0};
    struct token_words words;
    int rc = read_words(ctl, &words);

    if (rc != 0)
        return rc;
    if (!role_is_known(words.role))
        return 2;
    if (ctl_fill(ctl, mp_api_settings, mp_api_settings_rows, &conf) < 0)
        return ctl_failed(ctl);
    if (!mp_secret_is_set(&conf.jwt_secret)) {
        fputs(
            conf.jwt_public_key != NULL
                ? "meetpoolctl: only MEETPOOL_JWT_PUBLIC_KEY is set, and a public key cannot sign: get the token from whoever holds the private key\n"
                : "meetpoolctl: MEETPOOL_JWT_SECRET is not set\n",
            stderr);
        return 1;
    }
    if (conf.jwt_secret.len < SECRET_LEAST) {
        fprintf(stderr, "meetpoolctl: MEETPOOL_JWT_SECRET must be %d bytes long at least\n", SECRET_LEAST);
        return 1;
    }
    puts(sign(ctl->arena, &conf.jwt_secret, claims_text(ctl->arena, &conf, &words)));
    return 0;
}
