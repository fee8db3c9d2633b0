#ifndef TRANSFER_INT_H
#define TRANSFER_INT_H

#include "meetpool/crypto.h"
#include "meetpool/stream.h"
#include "meetpool/transfer.h"
#include "storage_int.h"

/*
 * One run. The source fills buffers, the sink empties them, transfer.c brings them together: it alone calls the net room's turn, the storage and the
 * caller. What the source finds while curl hands it bytes is noted and acted upon after the turn.
 */

#define TRANSFER_BUFFERS      4
#define TRANSFER_STALL_S      30
#define TRANSFER_SLOW_BYTES   4096 /* a second: less than that for TRANSFER_STALL_S counts as standing still */
#define TRANSFER_PARTS_MOST   10000
#define TRANSFER_ETAG_MOST    128
#define TRANSFER_SOURCE_TRIES 5 /* in a row, without a part's worth of progress */
#define TRANSFER_ANEW_MOST    2
#define TRANSFER_SINK_TRIES   6
#define TRANSFER_KIND_BYTES   512   /* so many of a file's first bytes tell its kind */
#define TRANSFER_WAIT_MOST_MS 30000 /* a longer Retry-After is for the job, not for us */
#define TRANSFER_TURN_MOST_MS 500
#define TRANSFER_PACE_MS      20
#define TRANSFER_PIECE_MOST   ((size_t)512 * 1024) /* with room for more than that nothing needs to wait */

enum buffer_state {
    BUFFER_EMPTY,
    BUFFER_FILLING,
    BUFFER_FULL,   /* or the last: to be sent, when its time has come */
    BUFFER_SENDING /* S3: on its way */
};

struct buffer {
    enum buffer_state state;
    unsigned char *bytes;
    size_t len;
    int64_t number; /* of the part; from 1 */
    struct mp_hash *hash;
    char *sha256;           /* hex; in the run's arena, written anew for each part */
    struct mp_arena *arena; /* of one try */
    struct mp_stream *put;
    unsigned tries;
    int64_t not_before_ms;
};

struct source {
    struct mp_arena *arena; /* of one try: its hops */
    struct mp_stream *stream;
    const char *url; /* of this hop */
    unsigned hops;
    enum mp_address first_address;
    int64_t asked_from; /* where the range begins that this try asks for; 0: the whole */
    bool head_taken;    /* the answer is the file */
    bool waiting;       /* for an empty buffer, or its time */
    int64_t paced_from_ms, paced_bytes;
    size_t ignored; /* bytes of an answer that is not the file */
    int64_t taken;  /* bytes of the file that are in buffers or beyond */
    int64_t total;  /* -1: not known */
    char *etag;     /* strong, of the first answer; NULL: none */
    bool no_ranges;
    bool kind_checked;
    bool start_anew; /* what was taken does not fit what comes */
    bool done;
    unsigned tries;
    int64_t taken_at_try; /* where `tries` began to count */
    int64_t not_before_ms;
};

struct run {
    struct mp_storage *storage;
    struct mp_arena *arena;
    const struct mp_transfer *spec;
    struct mp_transfer_result *res;
    int64_t began_ms, asked_at_ms;
    unsigned stall_s;

    unsigned char *memory;
    size_t part_bytes;
    struct buffer buffers[TRANSFER_BUFFERS];
    struct buffer *filling; /* NULL: none */
    struct mp_hash *whole;  /* the folder's files are hashed in one go; S3 wants each part's, and both would cost as much again. NULL: S3 */
    int64_t next_number;

    struct source source;

    const char *upload_id; /* NULL: none was begun */
    bool resumed;
    bool single;           /* one PUT: nothing was begun, nothing is to be completed */
    int file;              /* the folder's; -1 */
    unsigned anew;         /* times */
    int64_t seen_bytes;    /* of a file whose length nobody names: where it ended before */
    struct mp_part *parts; /* [number - 1]; etag NULL: not there yet */
    size_t parts_room;
    int64_t reported; /* parts, from the first on */
    int64_t stored;   /* their bytes */
    const char *single_etag;

    bool over;
    bool drain; /* over as soon as what is full has been sent */
};

/* ---- transfer.c ---- */

/* The first verdict stands. */
void transfer_end(struct run *run, enum mp_transfer_end end, const char *problem_fmt, ...) MP_PRINTF(3, 4);
/* The same for a side that fails: whether it is away. */
void transfer_end_away(struct run *run, enum mp_transfer_end end, bool away, const char *problem);
/* As it is at the start, but for what was counted: everything that was taken is forgotten, the upload aborted. Where that happens too
 * often the run ends as `end`. */
void transfer_anew(struct run *run, enum mp_transfer_end end, const char *why);
/* A wait before another try: doubles, with jitter. */
int64_t transfer_backoff_ms(unsigned tries);
/* The buffer's part is stored. */
void transfer_stored(struct run *run, struct buffer *buffer, const char *etag);
/* All or nothing; false: there is no room at present. */
bool transfer_fill(struct run *run, struct mp_slice bytes);

/* ---- transfer_source.c ---- */

void source_start(struct run *run);
/* What has happened since: called after each turn. */
void source_settle(struct run *run);
/* Where it waits and need not any more. */
void source_go_on(struct run *run);
/* Ends what is under way. */
void source_drop(struct run *run);

/* ---- transfer_check.c ---- */

enum kind_verdict { KIND_FITS, KIND_HTML, KIND_WRONG };
/* `bytes`: the file's first, at most TRANSFER_KIND_BYTES. */
enum kind_verdict transfer_kind(const char *extension, struct mp_slice bytes);
bool transfer_type_is_html(const char *content_type);
/* Content-Range: "bytes 5-9/10", or with a star for the range (`from` and `to` are -1) or the total. `total` -1: not told. False for anything else.
 */
bool transfer_range_read(const char *text, int64_t *from, int64_t *to, int64_t *total);

/* ---- transfer_s3.c, transfer_folder.c ---- */

void s3_send(struct run *run, struct buffer *buffer);
void s3_settle(struct run *run, struct buffer *buffer);

void folder_send(struct run *run, struct buffer *buffer);
void folder_close(struct run *run);

#endif
