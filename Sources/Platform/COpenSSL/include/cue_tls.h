// TLS of OpenSSL 3 for a non-blocking event loop, over a socket or over memory.
#pragma once

#include <stddef.h>
#include <stdint.h>

// What a call came to, where it moved no bytes.
enum {
    CUE_TLS_DONE = 0,
    CUE_TLS_WANTS_READ = -1,  // call again when the peer's bytes are there
    CUE_TLS_WANTS_WRITE = -2, // call again when bytes can be sent
    CUE_TLS_CLOSED = -3,      // the peer ended the conversation in order
    CUE_TLS_TRUNCATED = -4,   // the connection ended without the peer saying so
    CUE_TLS_UNTRUSTED = -5,   // the peer's certificate was refused
    CUE_TLS_FAILED = -6,      // anything else; see cue_tls_problem
};

// How many bytes may wait in a memory session, in each direction.
enum { CUE_TLS_PENDING_MAX = 256 * 1024 };

typedef struct cue_tls_context cue_tls_context_t;
typedef struct cue_tls cue_tls_t;

// A server's certificate chain and key (PEM, not encrypted). `alpn` is a list of names with a
// length byte before each. On failure returns NULL with a message in `problem`.
cue_tls_context_t *cue_tls_server_new(const char *chain, size_t chain_size, const char *key,
                                      size_t key_size, const uint8_t *alpn, size_t alpn_size,
                                      char *problem, size_t problem_size);
// A client that trusts the PEM certificates, or the machine's store if `trusted` is NULL.
cue_tls_context_t *cue_tls_client_new(const char *trusted, size_t trusted_size,
                                      const uint8_t *alpn, size_t alpn_size, char *problem,
                                      size_t problem_size);
void cue_tls_context_free(cue_tls_context_t *context);
// When the server's certificate ends, Unix seconds; 0 if unknown.
int64_t cue_tls_context_expiry(const cue_tls_context_t *context);

// A session over the socket `fd`, which stays the caller's, or over memory if `fd` is -1. The
// context must outlive it. A client gives the `name` or IP address that the certificate must
// bear; a server gives NULL. One thread at a time. NULL if there is no memory or a bad name.
cue_tls_t *cue_tls_new(cue_tls_context_t *context, int fd, const char *name);
void cue_tls_free(cue_tls_t *tls);

int cue_tls_handshake(cue_tls_t *tls);
// These return how many bytes moved (> 0) or one of the codes above. A write that wants to be
// called again must be given the same bytes again; more may follow them.
int64_t cue_tls_read(cue_tls_t *tls, uint8_t *bytes, size_t size);
int64_t cue_tls_write(cue_tls_t *tls, const uint8_t *bytes, size_t size);
// Decrypted bytes that wait inside, for which no event of the socket will come.
size_t cue_tls_readable(const cue_tls_t *tls);
// Tells the peer that no more will be written; does not wait for its answer.
int cue_tls_shutdown(cue_tls_t *tls);

// Memory sessions: what came from the peer (returns how much was taken), that the connection
// ended, and what must be sent to the peer (returns how much was put out).
size_t cue_tls_feed(cue_tls_t *tls, const uint8_t *bytes, size_t size);
void cue_tls_feed_end(cue_tls_t *tls);
size_t cue_tls_output(cue_tls_t *tls, uint8_t *bytes, size_t size);
size_t cue_tls_output_size(const cue_tls_t *tls);

// The last failure in words. Valid until the next call on the session.
const char *cue_tls_problem(const cue_tls_t *tls);
const char *cue_tls_version(const cue_tls_t *tls); // "TLSv1.3"
// The agreed protocol, `size` bytes, not zero-terminated; NULL if none was agreed.
const uint8_t *cue_tls_alpn(const cue_tls_t *tls, size_t *size);

// Makes a P-256 key and a certificate signed by itself. `alternatives` is an OpenSSL
// subjectAltName ("DNS:a,IP:::1"), `common_name` the subject. Returns 0, or -1 with nothing made
// (also if a buffer is too small). The texts are zero-terminated PEM.
int cue_tls_self_signed(const char *common_name, const char *alternatives, int64_t valid_seconds,
                        char *chain, size_t chain_size, char *key, size_t key_size);
