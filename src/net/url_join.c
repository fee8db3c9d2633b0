#include <curl/curl.h>

#include "meetpool/http.h"

static char *join(struct mp_arena *arena, CURLU *url, const char *base, const char *text)
{
    char *joined = NULL, *copy;

    if (curl_url_set(url, CURLUPART_URL, base, CURLU_DISALLOW_USER) != CURLUE_OK ||
        curl_url_set(url, CURLUPART_URL, text, CURLU_DISALLOW_USER) != CURLUE_OK || curl_url_set(url, CURLUPART_FRAGMENT, NULL, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_URL, &joined, 0) != CURLUE_OK)
        return NULL;
    copy = mp_arena_strdup(arena, joined);
    curl_free(joined);
    return copy;
}

char *mp_url_join(struct mp_arena *arena, const char *base, const char *text)
{
    CURLU *url = curl_url();
    char *joined = url ? join(arena, url, base, text) : NULL;

    curl_url_cleanup(url);
    return joined;
}
