#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "recording.h"

/* A file on its way out, made up as it goes: one block of memory a connection, whatever the size. */
#define BLOCK    ((size_t)256 * 1024)
#define SLICES_S 20 /* a slowed stream is sent in so many pieces a second */

struct flow {
    struct sb_state *st;
    struct sb_stream plan;
    int64_t sent;
};

static ssize_t read_on(void *cls, uint64_t pos, char *buf, size_t most)
{
    struct flow *flow = cls;
    const struct sb_stream *plan = &flow->plan;
    int64_t end = plan->cut_at >= 0 && plan->cut_at < plan->len ? plan->cut_at : plan->len;
    int64_t left = end - (int64_t)pos;
    size_t part = left < (int64_t)most ? (size_t)(left < 0 ? 0 : left) : most;

    if (part == 0)
        return end < plan->len ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
    if (plan->bytes_per_s > 0) {
        int64_t slice = plan->bytes_per_s / SLICES_S + 1;

        if ((int64_t)part > slice)
            part = (size_t)slice;
        if (!sb_sleep(flow->st, -1, (int64_t)part * 1000 / plan->bytes_per_s))
            return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    sb_content_fill(&plan->content, plan->from + (int64_t)pos, buf, part);
    flow->sent += (int64_t)part;
    return (ssize_t)part;
}

/* The file may be forgotten by now. */
static void finished(void *cls)
{
    struct flow *flow = cls;
    struct sb_file *file;

    pthread_mutex_lock(&flow->st->lock);
    file = sb_map_get(&flow->st->files, flow->plan.key);
    if (file != NULL)
        file->bytes_sent += flow->sent;
    pthread_mutex_unlock(&flow->st->lock);
    free(flow);
}

struct MHD_Response *sb_stream_response(struct sb_state *st, const struct sb_stream *stream)
{
    struct flow *flow = sb_alloc(sizeof(*flow));
    uint64_t size = stream->framing == SB_FRAMING_LENGTH ? (uint64_t)stream->len : MHD_SIZE_UNKNOWN;
    struct MHD_Response *response;

    flow->st = st;
    flow->plan = *stream;
    response = MHD_create_response_from_callback(size, BLOCK, read_on, flow, finished);
    if (response == NULL)
        free(flow);
    else if (stream->framing == SB_FRAMING_CLOSE)
        (void)MHD_set_response_options(response, MHD_RF_HTTP_1_0_SERVER, MHD_RO_END);
    return response;
}
