#include <stdlib.h>
#include <string.h>

#include "meetpool/crypto.h"
#include "recording.h"

/*
 * /rec/download and /rec/webhook_download: the bearer is looked at, then the file comes, or a redirect to where it comes from, as the knobs say.
 * The first takes access tokens and a recording's download_access_token, the second access tokens and an event's download_token.
 */
#define HTML_SIGN_IN                                                                                                                                 \
    "<!DOCTYPE html>\n<html><head><title>Sign In - Zoom</title></head><body><form action=\"/signin\">Sign in to continue</form></body></html>\n"

/* ---- tokens that know for what and until when they are good */

static char *sign(const struct sb_state *st, struct mp_arena *arena, const char *text)
{
    unsigned char mac[32];

    mp_hmac_sha256((struct mp_slice){(const char *)st->key, sizeof(st->key)}, mp_slice_of(text), mac);
    return mp_base64url(arena, mac, sizeof(mac));
}

char *sb_file_token(const struct sb_state *st, struct mp_arena *arena, const char *purpose, const struct sb_instance *instance, int64_t ttl_s)
{
    static const char head[] = "{\"alg\":\"HS256\"}";
    struct json_object *claims = mp_json_object(arena);
    char *text;

    mp_json_put_text(claims, "iss", "https://event.zoom.us");
    mp_json_put_text(claims, "aud", purpose);
    mp_json_put_text(claims, "mid", instance->uuid);
    mp_json_put_int(claims, "exp", sb_now(st) / 1000 + ttl_s);
    text = mp_json_text(arena, claims);
    text = mp_arena_printf(arena, "%s.%s", mp_base64url(arena, head, sizeof(head) - 1), mp_base64url(arena, text, strlen(text)));
    return mp_arena_printf(arena, "%s.%s", text, sign(st, arena, text));
}

static bool token_opens(const struct sb_call *call, const char *token, const char *purpose, const struct sb_instance *instance)
{
    struct mp_slice rest = mp_slice_of(token), head, claims_text, bytes;
    struct mp_json_reader r = {.arena = call->arena};
    struct mp_error err;
    const char *aud, *mid, *signed_part;
    int64_t exp;

    mp_error_init(&err, call->arena);
    r.err = &err;
    if (!mp_slice_split(&rest, '.', &head) || !mp_slice_split(&rest, '.', &claims_text))
        return false;
    signed_part = mp_arena_strndup(call->arena, (struct mp_slice){head.p, head.len + 1 + claims_text.len});
    if (!mp_slice_eq_text(rest, sign(call->st, call->arena, signed_part)) || !mp_base64url_decode(call->arena, claims_text, &bytes) ||
        mp_json_parse(call->arena, bytes, &r.obj, &err) < 0)
        return false;
    return mp_json_get_text(&r, "aud", 1, 100, false, &aud) == 1 && mp_json_get_text(&r, "mid", 1, 100, false, &mid) == 1 &&
           mp_json_get_int(&r, "exp", 0, INT64_MAX, &exp) == 1 && strcmp(aud, purpose) == 0 && strcmp(mid, instance->uuid) == 0 &&
           exp > sb_now(call->st) / 1000;
}

static bool bearer_opens(struct sb_call *call, const struct sb_file *file, const char *purpose)
{
    const struct sb_user *host = file->instance->meeting->host;
    const struct sb_token *token;

    if (call->authorization == NULL || !mp_slice_starts(mp_slice_of(call->authorization), "Bearer "))
        return false;
    token = sb_map_get(&call->st->tokens, call->authorization + 7);
    if (token == NULL)
        return token_opens(call, call->authorization + 7, purpose, file->instance);
    return !token->revoked && !token->account->suspended && token->expires_at > sb_now(call->st) && token->account == host->account &&
           (token->user == NULL || token->user == host);
}

static void deny(const struct sb_call *call, struct sb_reply *reply)
{
    if (call->st->knobs.n[SB_K_DOWNLOAD_DENIED] == SB_DENIED_401) {
        sb_reply_error(call, reply, SB_E_TOKEN_INVALID, NULL);
        return;
    }
    reply->status = 200;
    reply->type = "text/html;charset=UTF-8";
    reply->body = mp_slice_of(HTML_SIGN_IN);
}

/* ---- the file */

/* "bytes=a-b", "bytes=a-", "bytes=-n". 1: a part is meant, 0: the whole, -1: no such part. */
static int range_of(const char *text, int64_t size, int64_t *from, int64_t *len)
{
    struct mp_slice rest, first;
    unsigned long long a, b;

    if (text == NULL || !mp_slice_starts(mp_slice_of(text), "bytes=") || strchr(text, ',') != NULL)
        return 0;
    rest = mp_slice_of(text + 6);
    if (!mp_slice_split(&rest, '-', &first))
        return 0;
    if (first.len == 0) {
        if (!mp_slice_to_u64(rest, INT64_MAX, &b))
            return 0;
        *len = (int64_t)b < size ? (int64_t)b : size;
        *from = size - *len;
        return *len > 0 ? 1 : -1;
    }
    if (!mp_slice_to_u64(first, INT64_MAX, &a))
        return 0;
    b = (unsigned long long)size - 1;
    if (rest.len > 0 && !mp_slice_to_u64(rest, INT64_MAX, &b))
        return 0;
    if ((int64_t)a >= size)
        return -1;
    if ((int64_t)b >= size)
        b = (unsigned long long)size - 1;
    *from = (int64_t)a;
    *len = (int64_t)b - (int64_t)a + 1;
    return *len > 0 ? 1 : -1;
}

static const char *media_type(enum sb_kind kind)
{
    switch (kind) {
    case SB_KIND_MP4:
        return "video/mp4";
    case SB_KIND_M4A:
        return "audio/mp4";
    case SB_KIND_JPG:
        return "image/jpeg";
    case SB_KIND_VTT:
        return "text/vtt";
    case SB_KIND_JSON:
        return "application/json";
    case SB_KIND_TEXT:
        break;
    }
    return "text/plain";
}

static void stream_file(struct sb_call *call, struct sb_reply *reply, struct sb_file *file)
{
    struct sb_stream *stream = MP_NEW(call->arena, struct sb_stream);
    const char *etag = mp_arena_printf(call->arena, "\"%.16s\"", file->key);
    bool ranges = call->st->knobs.n[SB_K_DOWNLOAD_RANGES] != 0;
    int part = 0;

    *stream = (struct sb_stream){.content = file->content, .len = file->content.size, .cut_at = -1};
    stream->bytes_per_s = call->st->knobs.n[SB_K_DOWNLOAD_BYTES_PER_S];
    memcpy(stream->key, file->key, strlen(file->key) + 1);
    if (ranges && (call->if_range == NULL || strcmp(call->if_range, etag) == 0))
        part = range_of(call->range, file->content.size, &stream->from, &stream->len);
    if (part < 0) {
        sb_reply_empty(reply, 416);
        sb_reply_header(reply, "Content-Range", mp_arena_printf(call->arena, "bytes */%lld", (long long)file->content.size));
        return;
    }
    file->downloads++;
    reply->status = part > 0 ? 206 : 200;
    reply->type = media_type(file->content.kind);
    reply->stream = stream;
    if (ranges)
        sb_reply_header(reply, "Accept-Ranges", "bytes");
    if (ranges)
        sb_reply_header(reply, "ETag", etag);
    sb_reply_header(reply, "Content-Disposition", mp_arena_printf(call->arena, "attachment; filename=\"GMT_Recording.%s\"", file->extension));
    if (part > 0)
        sb_reply_header(reply, "Content-Range",
                        mp_arena_printf(call->arena, "bytes %lld-%lld/%lld", (long long)stream->from, (long long)(stream->from + stream->len - 1),
                                        (long long)file->content.size));
}

/* ---- redirects */

static char *target_path(const struct sb_call *call, const struct sb_file *file)
{
    int64_t exp = sb_now(call->st) / 1000 + call->st->knobs.n[SB_K_REDIRECT_TTL_S];
    const char *text = mp_arena_printf(call->arena, "target|%s|%lld", file->key, (long long)exp);

    return mp_arena_printf(call->arena, "/rec/target/%s?exp=%lld&sig=%s", file->key, (long long)exp, sign(call->st, call->arena, text));
}

/* The same machine by its other name, where the knob names no other base. */
static char *other_base(const struct sb_call *call)
{
    const char *knob = call->st->knobs.text[SB_K_REDIRECT_BASE];
    const char *authority = call->authority != NULL ? call->authority : "127.0.0.1:8490";

    if (knob[0] != '\0')
        return mp_arena_strdup(call->arena, knob);
    if (strncmp(authority, "127.0.0.1", 9) == 0)
        return mp_arena_printf(call->arena, "http://localhost%s", authority + 9);
    if (strncmp(authority, "localhost", 9) == 0)
        return mp_arena_printf(call->arena, "http://127.0.0.1%s", authority + 9);
    return mp_arena_printf(call->arena, "http://%s", authority);
}

static bool redirect(const struct sb_call *call, struct sb_reply *reply, const struct sb_file *file)
{
    const char *base = "";

    switch ((enum sb_redirect)call->st->knobs.n[SB_K_DOWNLOAD_REDIRECT]) {
    case SB_REDIRECT_OFF:
        return false;
    case SB_REDIRECT_PATH:
        base = mp_arena_printf(call->arena, "http://%s", call->authority != NULL ? call->authority : "127.0.0.1:8490");
        break;
    case SB_REDIRECT_HOST:
        base = other_base(call);
        break;
    case SB_REDIRECT_HTTP:
        base = "http://media.zoom.example";
        break;
    case SB_REDIRECT_PRIVATE:
        base = "https://10.0.0.1";
        break;
    case SB_REDIRECT_LOOP:
        break;
    }
    sb_reply_empty(reply, 302);
    if (base[0] == '\0')
        sb_reply_header(reply, "Location", call->uri);
    else
        sb_reply_header(reply, "Location", mp_arena_printf(call->arena, "%s%s", base, target_path(call, file)));
    return true;
}

/* ---- handlers */

static struct sb_file *file_of_path(const struct sb_call *call, struct sb_reply *reply)
{
    struct sb_file *file = sb_map_get(&call->st->files, call->segments[2]);

    if (file != NULL && sb_file_there(call->st, file))
        return file;
    sb_reply_error(call, reply, SB_E_NO_RECORDING, NULL);
    return NULL;
}

void sb_download(struct sb_call *call, struct sb_reply *reply)
{
    struct sb_file *file = file_of_path(call, reply);
    const char *purpose = strcmp(call->segments[1], "webhook_download") == 0 ? "event" : "download";

    if (file == NULL)
        return;
    if (!bearer_opens(call, file, purpose))
        deny(call, reply);
    else if (!redirect(call, reply, file))
        stream_file(call, reply, file);
}

void sb_download_target(struct sb_call *call, struct sb_reply *reply)
{
    struct sb_file *file = file_of_path(call, reply);
    const char *exp = sb_query(call, "exp"), *sig = sb_query(call, "sig");
    const char *text;
    unsigned long long until = 0;

    if (file == NULL)
        return;
    text = mp_arena_printf(call->arena, "target|%s|%s", file->key, exp == NULL ? "" : exp);
    if (sig == NULL || strcmp(sig, sign(call->st, call->arena, text)) != 0 || !mp_slice_to_u64(mp_slice_of(exp), INT64_MAX, &until) ||
        (int64_t)until <= sb_now(call->st) / 1000) {
        sb_reply_empty(reply, 403);
        return;
    }
    if (call->st->knobs.n[SB_K_TARGET_BEARER] != 0 && !bearer_opens(call, file, "download") && !bearer_opens(call, file, "event"))
        deny(call, reply);
    else
        stream_file(call, reply, file);
}
