#ifndef MEETPOOL_TRANSFER_H
#define MEETPOOL_TRANSFER_H

#include <stdbool.h>
#include <stdint.h>

#include "meetpool/arena.h"
#include "meetpool/error.h"
#include "meetpool/http.h"
#include "meetpool/secret.h"
#include "meetpool/storage.h"

/*
 * Brings one file from an https address into the storage, in one stream and in bounded memory: four buffers of a part each; while one part is sent
 * the next is filled. Redirects are followed by hand, at most five, https only (plain http from loopback to loopback alone), never to a private or
 * link-local address that the first address did not have; the bearer goes only where `may_have_bearer` says so, to no other host.
 *
 * A part that fails is sent again from its buffer. A source that breaks off is asked for the rest by Range where it takes ranges, else the whole
 * starts anew. Each part is reported when the storage has it, so that another process can go on from there.
 */
enum mp_transfer_end {
    MP_TRANSFER_DONE,
    MP_TRANSFER_STOPPED,      /* `part` said so, or `keep_going` */
    MP_TRANSFER_SOURCE_AUTH,  /* 401, 403, or a sign-in page instead of the file: with a fresh token it may work */
    MP_TRANSFER_SOURCE_GONE,  /* 404, 410 */
    MP_TRANSFER_SOURCE_BAD,   /* it is not what was promised: size, first bytes, a redirect that is not followed */
    MP_TRANSFER_SOURCE_FAILS, /* cut, slow, 5xx, 429: worth repeating; `retry_after_ms` */
    MP_TRANSFER_SINK_FAILS,   /* the storage: worth repeating */
    MP_TRANSFER_SINK_REFUSES  /* the storage: key, bucket, permission, space */
};

struct mp_transfer {
    const char *url;
    const struct mp_secret *bearer; /* NULL: none */
    bool (*may_have_bearer)(void *arg, const struct mp_url *url);
    const char *key, *content_type;
    int64_t size;          /* promised; -1: not known */
    const char *extension; /* "MP4", "M4A", "TXT", "VTT", "JSON": its first bytes must be of that kind */
    int64_t bytes_per_s;   /* at most; 0: no limit */
    unsigned stall_s;      /* a side that moves next to nothing for so long is given up, or tried again; 0: 30 */
    /* Resuming: an upload that was begun, and its parts. NULL, 0: from the start. */
    const char *upload_id;
    const struct mp_part *parts;
    size_t parts_count;
    /* What happens: return 0 to go on, -1 to stop at once. `begun` again where the whole starts anew: the parts that were told of before are void. A
     * file that goes to S3 in one request begins nothing and has no parts. Parts are told of in order, without a gap. */
    int (*begun)(void *arg, const char *upload_id);
    int (*part)(void *arg, const struct mp_part *part, int64_t bytes_so_far);
    bool (*keep_going)(void *arg); /* asked about once a second, also while the storage is called; calls nothing of http.h */
    void *arg;
};

struct mp_transfer_result {
    enum mp_transfer_end end;
    int64_t size;           /* DONE */
    const char *etag;       /* DONE; may be NULL */
    const char *sha256;     /* DONE, hex, of the whole; NULL where it was resumed, or went to S3 in parts: the server checked each part's */
    const char *upload_id;  /* not DONE: what is left at the storage, to resume; NULL: nothing */
    int64_t retry_after_ms; /* -1: none named */
    bool away;              /* SOURCE_FAILS, SINK_FAILS: that side was not reached, or says that it serves nobody now: it says nothing of the file */
    const char *problem;    /* for people: what happened; no address, no token */
    unsigned elapsed_ms;
};

#define MP_TRANSFER_PART_BYTES MP_STORAGE_PART_BYTES

/* Always fills `res`. What is refused leaves nothing at the storage. `storage` may serve other calls meanwhile. */
void mp_transfer_run(struct mp_storage *storage, struct mp_arena *arena, const struct mp_transfer *transfer, struct mp_transfer_result *res);

#endif
