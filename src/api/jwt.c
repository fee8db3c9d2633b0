#include <jwt.h>
#include <string.h>

#include "api_int.h"
#include "meetpool/clock.h"
#include "meetpool/json.h"

/*
 * JSON Web Tokens, by RFC 7519 and what RFC 8725 says about them. libjwt checks the signature only, and only after the token was read by our own
 * strict readers: it would let the token choose the algorithm, and it reads more forms than one.
 */

#define TOKEN_MOST  8192
#define LEEWAY_S    60
#define KEY_ID_MOST 128

static const char *const alg_names[] = {[MP_JWT_HS256] = "HS256", [MP_JWT_RS256] = "RS256", [MP_JWT_ES256] = "ES256"};
static const jwt_alg_t alg_ids[] = {[MP_JWT_HS256] = JWT_ALG_HS256, [MP_JWT_RS256] = JWT_ALG_RS256, [MP_JWT_ES256] = JWT_ALG_ES256};

static int refuse(struct mp_error *err, const char *why)
{
    return mp_fail_log(err, MP_E_UNAUTHORIZED, "bearer token: %s", why);
}

/* Exactly three parts, none empty. */
static bool split_token(struct mp_slice token, struct mp_slice parts[3])
{
    size_t dots = 0;

    for (size_t i = 0; i < token.len; i++)
        dots += token.p[i] == '.';
    if (dots != 2)
        return false;
    for (size_t i = 0; i < 3; i++)
        if (!mp_slice_split(&token, '.', &parts[i]) || parts[i].len == 0)
            return false;
    return true;
}

/* NULL for anything but a strict JSON object. */
static struct json_object *decode_object(struct mp_arena *arena, struct mp_slice part)
{
    struct json_object *doc = NULL;
    struct mp_slice text;
    struct mp_error ignored;

    mp_error_init(&ignored, arena);
    if (!mp_base64url_decode(arena, part, &text) || mp_json_parse(arena, text, &doc, &ignored) < 0)
        return NULL;
    return json_object_is_type(doc, json_type_object) ? doc : NULL;
}

static const char *text_member(struct json_object *obj, const char *key)
{
    struct json_object *member;

    if (!json_object_object_get_ex(obj, key, &member) || !json_object_is_type(member, json_type_string))
        return NULL;
    return json_object_get_string(member);
}

/* There is one key, so a key id chooses nothing; one that looks like a path or a statement is an attack on somebody who looks it up. */
static bool key_id_harmless(struct json_object *header)
{
    static const char taken[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:=+@-";
    const char *id = text_member(header, "kid");

    if (!json_object_object_get_ex(header, "kid", NULL))
        return true;
    return id != NULL && id[0] != '\0' && strlen(id) <= KEY_ID_MOST && strspn(id, taken) == strlen(id) && strstr(id, "..") == NULL;
}

static int check_header(struct json_object *header, enum mp_jwt_alg alg, struct mp_error *err)
{
    static const char *const refused[] = {"crit", "jwk", "jku", "x5u", "x5c", "b64", "zip", "enc"};
    const char *named;

    if (header == NULL)
        return refuse(err, "the header is no strict JSON object");
    named = text_member(header, "alg");
    if (named == NULL || strcmp(named, alg_names[alg]) != 0)
        return refuse(err, "the algorithm is not the one of the configured key");
    named = text_member(header, "typ");
    if (json_object_object_get_ex(header, "typ", NULL) && (named == NULL || strcmp(named, "JWT") != 0))
        return refuse(err, "the header's typ is not JWT");
    for (size_t i = 0; i < MP_COUNT(refused); i++)
        if (json_object_object_get_ex(header, refused[i], NULL))
            return refuse(err, "the header has a member that is never taken");
    if (!key_id_harmless(header))
        return refuse(err, "the header's kid is not a plain name");
    return 0;
}

static int check_signature(const struct mp_jwt_key *key, const char *token, struct mp_error *err)
{
    struct mp_slice bytes = mp_secret_expose(&key->key);
    jwt_t *jwt = NULL;
    bool good = jwt_decode(&jwt, token, (const unsigned char *)bytes.p, (int)bytes.len) == 0 && jwt_get_alg(jwt) == alg_ids[key->alg];

    jwt_free(jwt);
    return good ? 0 : refuse(err, "the signature does not fit");
}

/* A token made for something else (a refresh or id token, a link) is no access token, whoever signed it. */
static bool is_for_access(struct json_object *claims)
{
    static const char *const members[] = {"typ", "purpose", "token_use"};
    static const char *const taken[] = {"Bearer", "JWT", "access"};

    for (size_t i = 0; i < MP_COUNT(members); i++) {
        const char *text = text_member(claims, members[i]);
        bool good = !json_object_object_get_ex(claims, members[i], NULL);
        for (size_t j = 0; j < MP_COUNT(taken) && text != NULL; j++)
            good = good || strcmp(text, taken[j]) == 0;
        if (!good)
            return false;
    }
    return true;
}

static bool audience_fits(struct json_object *claims, const char *wanted)
{
    struct json_object *aud;
    const char *single = text_member(claims, "aud");
    bool found = false;

    if (single != NULL)
        return strcmp(single, wanted) == 0;
    if (!json_object_object_get_ex(claims, "aud", &aud) || !json_object_is_type(aud, json_type_array))
        return false;
    for (size_t i = 0; i < json_object_array_length(aud); i++) {
        struct json_object *one = json_object_array_get_idx(aud, i);
        if (!json_object_is_type(one, json_type_string))
            return false;
        found = found || strcmp(json_object_get_string(one), wanted) == 0;
    }
    return found;
}

static int check_claims(struct mp_arena *arena, const struct mp_jwt_key *key, struct json_object *claims, int64_t now_s, struct mp_error *err)
{
    static const char *const starts[] = {"nbf", "iat"};
    struct mp_error wrong;
    const struct mp_json_reader r = {arena, claims, NULL, &wrong};
    const char *issuer = text_member(claims, "iss");

    mp_error_init(&wrong, arena);
    for (size_t i = 0; i < MP_COUNT(starts); i++) {
        int64_t at_s = 0;
        if (json_object_object_get_ex(claims, starts[i], NULL) &&
            (mp_json_get_int(&r, starts[i], 0, MP_TIME_MAX_MS / 1000, &at_s) != 1 || at_s > now_s + LEEWAY_S))
            return refuse(err, "nbf or iat is no time or lies ahead");
    }
    if (!is_for_access(claims))
        return refuse(err, "it was made for another purpose");
    if (key->issuer != NULL && (issuer == NULL || strcmp(issuer, key->issuer) != 0))
        return refuse(err, "the issuer is another");
    if (key->audience != NULL && !audience_fits(claims, key->audience))
        return refuse(err, "the audience is another");
    return 0;
}

/* The reader's list of wrong claims belongs into the log, not into the answer. */
static int read_identity(struct mp_arena *arena, struct json_object *claims, int64_t now_s, struct mp_identity *out, struct mp_error *err)
{
    struct mp_error wrong;

    mp_error_init(&wrong, arena);
    if (mp_claims_read(arena, claims, now_s, out, &wrong) == 0)
        return 0;
    if (wrong.details == NULL)
        return refuse(err, "the claims are not valid");
    return mp_fail_log(err, MP_E_UNAUTHORIZED, "bearer token: claim %s %s", wrong.details->field, wrong.details->message);
}

int mp_jwt_check(struct mp_arena *arena, const struct mp_jwt_key *key, struct mp_slice token, int64_t now_s, struct mp_identity *out,
                 struct mp_error *err)
{
    struct mp_slice parts[3], signature;
    struct json_object *claims;

    if (token.len > TOKEN_MOST || !split_token(token, parts) || !mp_base64url_decode(arena, parts[2], &signature))
        return refuse(err, "it has not three canonical parts");
    if (check_header(decode_object(arena, parts[0]), key->alg, err) < 0)
        return -1;
    claims = decode_object(arena, parts[1]);
    if (claims == NULL)
        return refuse(err, "the claims are no strict JSON object");
    if (check_signature(key, mp_arena_strndup(arena, token), err) < 0 || check_claims(arena, key, claims, now_s, err) < 0)
        return -1;
    return read_identity(arena, claims, now_s, out, err);
}
