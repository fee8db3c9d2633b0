#include <string.h>

#include "api_int.h"
#include "meetpool/clock.h"
#include "meetpool/json.h"

#define SUB_MOST   190
#define EMAIL_MOST 254
#define NAME_MOST  200

/* In the order of enum mp_role's bits. */
static const char *const role_names[] = {"admin", "tutor", "teacher", "doctor", "interviewer", "student", "patient", "candidate", NULL};

const char *mp_role_name(enum mp_role role)
{
    for (size_t i = 0; role_names[i] != NULL; i++)
        if (role == (enum mp_role)(1u << i))
            return role_names[i];
    return NULL;
}

/* A sub with blanks around it is another text to us and the same to a data base that pads. */
static void read_sub(const struct mp_json_reader *r, const char **sub)
{
    if (!mp_json_require(r, "sub") || mp_json_get_text(r, "sub", 1, SUB_MOST, false, sub) != 1)
        return;
    if ((*sub)[0] == ' ' || (*sub)[strlen(*sub) - 1] == ' ')
        mp_error_field(r->err, "sub", "has blanks around it");
}

static void read_role(const struct mp_json_reader *r, enum mp_role *role)
{
    size_t index;

    if (mp_json_require(r, "role") && mp_json_get_enum(r, "role", role_names, &index) == 1)
        *role = (enum mp_role)(1u << index);
}

static void read_expiry(const struct mp_json_reader *r, int64_t now_s, int64_t *expires_at_s)
{
    if (mp_json_require(r, "exp") && mp_json_get_int(r, "exp", 1, MP_TIME_MAX_MS / 1000, expires_at_s) == 1 && *expires_at_s <= now_s)
        mp_error_field(r->err, "exp", "is over");
}

int mp_claims_read(struct mp_arena *arena, struct json_object *claims, int64_t now_s, struct mp_identity *out, struct mp_error *err)
{
    const struct mp_json_reader r = {arena, claims, NULL, err};

    *out = (struct mp_identity){0};
    read_sub(&r, &out->user.sub);
    read_role(&r, &out->user.role);
    mp_json_get_text(&r, "email", 0, EMAIL_MOST, false, &out->user.email);
    mp_json_get_text(&r, "name", 0, NAME_MOST, false, &out->user.name);
    read_expiry(&r, now_s, &out->expires_at_s);
    return mp_error_set(err) ? -1 : 0;
}
