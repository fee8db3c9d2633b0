/*
 * The floor of GET zoom/meetings/{id}: the same row by one prepared SELECT, the same members by json-c, the HS256 signature checked. No envelope of
 * failures, no roles, no request id, no log.
 */
#include <json-c/json.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "floor.h"

enum kind { TEXT, NUMBER, INSTANT, JSON };
static const struct {
    const char *member, *column;
    enum kind kind;
} columns[] = {
    {"id", "zoom_id", TEXT},
    {"uuid", "zoom_uuid", TEXT},
    {"topic", "topic", TEXT},
    {"type", "type", NUMBER},
    {"start_time", "starts_at", INSTANT},
    {"duration", "duration_min", NUMBER},
    {"timezone", "timezone", TEXT},
    {"agenda", "agenda", TEXT},
    {"join_url", "join_url", TEXT},
    {"start_url", "join_url", TEXT},
    {"password", "password", TEXT},
    {"host_email", "host_email", TEXT},
    {"host_user_id", "host_sub", TEXT},
    {"owner_id", "owner_sub", TEXT},
    {"zoomAccountUsed", "account_id", TEXT},
    {"status", "status", TEXT},
    {"meeting_state", "pending", TEXT},
    {"meeting_state_reason", "pending_error", TEXT},
    {"settings_requested", "settings_requested", JSON},
    {"settings_effective", "settings_effective", JSON},
    {"placement", "placement", JSON},
    {"created_at", "created_at", INSTANT},
    {"updated_at", "updated_at", INSTANT},
    {"started_at", "started_at", INSTANT},
    {"ended_at", "ended_at", INSTANT},
    {"deleted_at", "deleted_at", INSTANT},
};
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

static MYSQL_STMT *stmt;
static EVP_MAC_CTX *keyed;
static long long key;
static struct {
    char bytes[8192];
    unsigned long len;
    my_bool null;
} values[COLUMNS];

static void setup_token(void)
{
    const char *secret = getenv("MEETPOOL_JWT_SECRET");
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("digest", digest, 0), OSSL_PARAM_construct_end()};

    keyed = EVP_MAC_CTX_new(mac);
    if (secret == NULL || keyed == NULL || !EVP_MAC_init(keyed, (const unsigned char *)secret, strlen(secret), params))
        floor_die("MEETPOOL_JWT_SECRET is missing, or OpenSSL failed");
}

static void setup(void)
{
    static MYSQL_BIND param, results[COLUMNS];
    char sql[2048] = "SELECT ";
    size_t len = strlen(sql);

    setup_token();
    for (size_t i = 0; i < COLUMNS; i++)
        len += (size_t)snprintf(sql + len, sizeof(sql) - len, "%s%s", i > 0 ? ", " : "", columns[i].column);
    snprintf(sql + len, sizeof(sql) - len, " FROM meeting WHERE zoom_id = ?");
    stmt = floor_prepare(floor_database("meetpool"), sql);
    param = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_LONGLONG, .buffer = &key};
    for (size_t i = 0; i < COLUMNS; i++)
        results[i] = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_STRING,
                                  .buffer = values[i].bytes,
                                  .buffer_length = sizeof(values[i].bytes) - 1,
                                  .length = &values[i].len,
                                  .is_null = &values[i].null};
    if (mysql_stmt_bind_param(stmt, &param) || mysql_stmt_bind_result(stmt, results))
        floor_die(mysql_stmt_error(stmt));
}

/* Header and claims are read as JSON, as whoever looks at the algorithm and the role must; base64url, without its padding. */
static struct json_object *part_of(const char *from, size_t len)
{
    unsigned char text[2048], plain[2048];
    size_t padded = (len + 3) / 4 * 4;

    if (padded >= sizeof(text))
        return NULL;
    for (size_t i = 0; i < padded; i++)
        text[i] = (unsigned char)(i >= len ? '=' : from[i] == '-' ? '+' : from[i] == '_' ? '/' : from[i]);
    if (EVP_DecodeBlock(plain, text, (int)padded) < 0)
        return NULL;
    plain[len * 3 / 4] = '\0';
    return json_tokener_parse((const char *)plain);
}

static bool signature_good(const char *token, const char *dot, const char *signature)
{
    unsigned char mac[32], text[48];
    size_t len = 0;
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(keyed);
    bool good = ctx != NULL && EVP_MAC_update(ctx, (const unsigned char *)token, (size_t)(dot - token)) && EVP_MAC_final(ctx, mac, &len, sizeof(mac));

    EVP_MAC_CTX_free(ctx);
    if (!good || strlen(signature) != 43)
        return false;
    EVP_EncodeBlock(text, mac, (int)len);
    for (size_t i = 0; i < 43; i++)
        text[i] = (unsigned char)(text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i]);
    return memcmp(text, signature, 43) == 0;
}

static bool token_good(const FCGX_Request *request)
{
    const char *header = FCGX_GetParam("HTTP_AUTHORIZATION", request->envp);
    const char *token = header != NULL && strncmp(header, "Bearer ", 7) == 0 ? header + 7 : "";
    const char *first = strchr(token, '.'), *second = first != NULL ? strchr(first + 1, '.') : NULL;
    struct json_object *head, *claims, *expires = NULL;
    bool good;

    if (second == NULL || !signature_good(token, second, second + 1))
        return false;
    head = part_of(token, (size_t)(first - token));
    claims = part_of(first + 1, (size_t)(second - first - 1));
    good = head != NULL && json_object_object_get_ex(claims, "exp", &expires) && json_object_get_int64(expires) > time(NULL);
    json_object_put(head);
    json_object_put(claims);
    return good;
}

static struct json_object *instant(const char *ms_text)
{
    long long ms = strtoll(ms_text, NULL, 10);
    time_t seconds = (time_t)(ms / 1000);
    char text[40];
    struct tm tm;
    size_t len = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &tm));

    snprintf(text + len, sizeof(text) - len, ".%03dZ", (int)(ms % 1000));
    return json_object_new_string(text);
}

static struct json_object *value_of(size_t i)
{
    struct json_object *doc;

    if (values[i].null)
        return NULL;
    values[i].bytes[values[i].len] = '\0';
    switch (columns[i].kind) {
    case NUMBER:
        return json_object_new_int64(strtoll(values[i].bytes, NULL, 10));
    case INSTANT:
        return instant(values[i].bytes);
    case JSON:
        doc = json_object_new_boolean(0);
        json_object_set_serializer(doc, json_object_userdata_to_json_string, values[i].bytes, NULL);
        return doc;
    case TEXT:
        break;
    }
    return json_object_new_string(values[i].bytes);
}

static void serve(FCGX_Request *request)
{
    struct json_object *doc, *data, *meeting;
    const char *text;
    size_t len;

    key = floor_query(request, "id");
    if (!token_good(request) || mysql_stmt_execute(stmt) || mysql_stmt_store_result(stmt) || mysql_stmt_fetch(stmt)) {
        floor_answer(request, "500 Internal Server Error", "{}", 2);
        return;
    }
    doc = json_object_new_object();
    data = json_object_new_object();
    meeting = json_object_new_object();
    for (size_t i = 0; i < COLUMNS; i++)
        json_object_object_add_ex(meeting, columns[i].member, value_of(i), JSON_C_OBJECT_ADD_CONSTANT_KEY);
    mysql_stmt_free_result(stmt);
    json_object_object_add(doc, "success", json_object_new_boolean(1));
    json_object_object_add(doc, "message", json_object_new_string("Meeting"));
    json_object_object_add(data, "meeting", meeting);
    json_object_object_add(doc, "data", data);
    text = json_object_to_json_string_length(doc, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);
    floor_answer(request, "200 OK", text, len);
    json_object_put(doc);
}

int main(int argc, char **argv)
{
    return floor_main(argc, argv, setup, serve);
}
