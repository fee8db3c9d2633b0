#ifndef MEETPOOL_SANDBOX_RECORDING_H
#define MEETPOOL_SANDBOX_RECORDING_H

#include "sandbox_int.h"

/*
 * Cloud recordings: files of a held meeting. Their bytes are never kept: they follow from kind, seed and size, so that a file may have any size. A
 * file is there from `appears_at` on, by the sandbox's clock; then its event goes out.
 */

/* content.c: what a file consists of */
enum sb_kind { SB_KIND_MP4, SB_KIND_M4A, SB_KIND_JPG, SB_KIND_TEXT, SB_KIND_VTT, SB_KIND_JSON };
struct sb_content {
    enum sb_kind kind;
    uint64_t seed;
    int64_t size; /* where the end belongs; beyond it the pattern goes on */
};
enum sb_kind sb_kind_of(const char *extension);
/* The `len` bytes from `at` on. Every 4 KiB carry a mark made of seed and place: what is lost, doubled or swapped shows. */
void sb_content_fill(const struct sb_content *content, int64_t at, char *out, size_t len);
void sb_content_sha256(const struct sb_content *content, unsigned char out[32]);

enum sb_trash {
    SB_KEPT,
    SB_TRASHED_SET,  /* with the whole recording */
    SB_TRASHED_FILE, /* by itself */
    SB_GONE
};

struct sb_file {
    char *key; /* of its address */
    char *id;  /* NULL where Zoom gives none: CC and TIMELINE; then it shows no size, status and recording_type either */
    struct sb_instance *instance;
    char *file_type, *extension, *recording_type, *status;
    struct sb_content content;
    int64_t start_at, end_at; /* end -1: empty */
    int64_t appears_at;
    int64_t trashed_at;
    enum sb_trash trash;
    bool told; /* its event has gone out */
    bool silent;
    int64_t downloads, bytes_sent;
    struct sb_file *next_untold;
};

/* What a stream is to look like; made by download.c, in the call's arena, sent by stream.c. */
enum sb_framing { SB_FRAMING_LENGTH, SB_FRAMING_CHUNKED, SB_FRAMING_CLOSE };
struct sb_stream {
    struct sb_content content;
    int64_t from, len;
    int64_t cut_at;      /* of the bytes sent; -1 none */
    int64_t bytes_per_s; /* 0 as fast as can be */
    enum sb_framing framing;
    char key[48];
};
struct MHD_Response;
struct MHD_Response *sb_stream_response(struct sb_state *st, const struct sb_stream *stream);

/* recording.c */
extern const char *const sb_file_types[];
/* The defaults of a type; the caller changes what it likes, then adds it. Owned by the instance from then on. */
struct sb_file *sb_file_new(struct sb_state *st, struct sb_instance *instance, int type);
void sb_file_add(struct sb_state *st, struct sb_file *file);
void sb_file_free(struct sb_file *file);
void sb_files_forget(struct sb_state *st, struct sb_instance *instance);   /* all of an instance */
bool sb_file_there(const struct sb_state *st, const struct sb_file *file); /* may be listed and fetched */
/* As Zoom's pages would have it once a meeting with cloud recording has ended; only with the knob auto_record. */
void sb_recordings_make(struct sb_state *st, struct sb_instance *instance);
void sb_file_put(struct sb_state *st, struct sb_file *file, enum sb_trash where);
/* Sends the events of what has appeared since. */
void sb_recordings_tell(struct sb_state *st);
struct sb_instance *sb_instance_find(const struct sb_call *call, const char *id_or_uuid); /* past.c; NULL: none that the call reaches */

/* recording_json.c */
struct sb_pick { /* which of an instance's files */
    enum sb_trash trash;
    const char *only_type, *but_type; /* NULL: any */
    const struct sb_file *file;       /* that one alone; NULL any */
};
/* `webhook`: with the addresses of an event. */
struct json_object *sb_recording_json(const struct sb_state *st, struct mp_arena *arena, const struct sb_instance *instance,
                                      const struct sb_pick *pick, bool webhook, const char *base);
/* Whether anything of it would be listed. */
bool sb_recording_any(const struct sb_state *st, const struct sb_instance *instance, enum sb_trash trash);
/* "http://127.0.0.1:8490": where files are fetched. `authority` NULL: the one last asked by. */
const char *sb_download_base(const struct sb_state *st, struct mp_arena *arena, const char *authority);

/* download.c: tokens good for the files of one instance; `purpose` is "download" or "event" */
char *sb_file_token(const struct sb_state *st, struct mp_arena *arena, const char *purpose, const struct sb_instance *instance, int64_t ttl_s);
void sb_download(struct sb_call *call, struct sb_reply *reply);
void sb_download_target(struct sb_call *call, struct sb_reply *reply);

/* recordings.c */
void sb_recordings_list(struct sb_call *call, struct sb_reply *reply);
void sb_recordings_get(struct sb_call *call, struct sb_reply *reply);
void sb_recordings_delete(struct sb_call *call, struct sb_reply *reply);
void sb_recordings_delete_one(struct sb_call *call, struct sb_reply *reply);
void sb_recordings_status(struct sb_call *call, struct sb_reply *reply);
void sb_recordings_status_one(struct sb_call *call, struct sb_reply *reply);

bool sb_control_recordings(struct sb_call *call, struct sb_reply *reply); /* control_recordings.c; false: no such address */
void sb_control_problem(const struct sb_call *call, struct sb_reply *reply, unsigned status, const char *message);
void sb_control_wrong(const struct sb_call *call, struct sb_reply *reply, const struct mp_error *err);
bool sb_control_body(const struct sb_call *call, struct sb_reply *reply, struct mp_json_reader *r);

#endif
