#ifndef TESTS_PEER_H
#define TESTS_PEER_H

#include <stddef.h>

#include "meetpool/arena.h"
#include "meetpool/slice.h"

/*
 * The scripted far side (tests/unit/peer.py) for cmocka programs. Whatever goes wrong with it fails the running test.
 */
struct peer;

/* `kind` as peer.py takes it. */
struct peer *peer_start(const char *kind);
void peer_stop(struct peer *peer);

unsigned peer_port(const struct peer *peer);
/* The file with the certificate of a "tls" peer. */
const char *peer_cert(const struct peer *peer);

/* Appends an answer to the script; `how` as peer.py takes it, "-" for a plain one. */
void peer_reply_bytes(struct peer *peer, const char *how, const void *bytes, size_t len);
void peer_reply(struct peer *peer, const char *how, const char *text);
/* An answer with that status line, extra header lines (each closed by CRLF; "" for none), Content-Length and body. */
void peer_reply_json(struct peer *peer, const char *how, const char *status, const char *more_headers, const char *body);
void peer_clear(struct peer *peer);

/* What it received since the last clear; texts live in the arena. */
struct peer_seen {
    size_t connections;
    size_t count;
    struct mp_slice *requests; /* NUL-terminated behind their end */
};
struct peer_seen peer_seen(struct peer *peer, struct mp_arena *arena);

#endif
