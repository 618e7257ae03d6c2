// TLS of OpenSSL 3 for a non-blocking event loop.
#define _GNU_SOURCE // timegm
#include "cue_tls.h"

#include <errno.h> // errno
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h> // X509_CHECK_FLAG_*
#include <pthread.h>        // pthread_once
#include <stdio.h>          // snprintf
#include <stdlib.h>         // calloc
#include <string.h>         // memcpy
#include <sys/socket.h>     // send, recv
#include <time.h>           // timegm

enum { ALPN_SIZE_MAX = 64, PROBLEM_SIZE = 256 };

struct cue_tls_context {
    SSL_CTX *ssl;
    int is_server;
    size_t alpn_size;
    uint8_t alpn[ALPN_SIZE_MAX];
};

struct cue_tls {
    SSL *ssl;
    BIO *input, *output; // memory sessions only; owned by `ssl`
    int has_failed;
    int has_sent_end;
    char problem[PROBLEM_SIZE];
};

// --- A BIO over a socket that neither raises SIGPIPE nor closes the descriptor ---

static pthread_once_t once = PTHREAD_ONCE_INIT;
static BIO_METHOD *socket_method;

static int socket_of(BIO *bio) {
    return (int)(intptr_t)BIO_get_data(bio);
}

static int must_wait(void) {
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static int socket_write(BIO *bio, const char *bytes, int size) {
    BIO_clear_retry_flags(bio);
    ssize_t sent = send(socket_of(bio), bytes, (size_t)size, MSG_NOSIGNAL);
    if (sent < 0 && must_wait())
        BIO_set_retry_write(bio);
    return (int)sent;
}

static int socket_read(BIO *bio, char *bytes, int size) {
    BIO_clear_retry_flags(bio);
    ssize_t received = recv(socket_of(bio), bytes, (size_t)size, 0);
    if (received < 0 && must_wait())
        BIO_set_retry_read(bio);
    if (received == 0)
        BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    return (int)received;
}

static long socket_control(BIO *bio, int command, long number, void *pointer) {
    (void)number;
    (void)pointer;
    switch (command) {
    case BIO_CTRL_FLUSH:
        return 1;
    case BIO_CTRL_EOF:
        return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
    default:
        return 0;
    }
}

static void make_method(void) {
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "cue socket");
    if (method == NULL)
        return;
    BIO_meth_set_write(method, socket_write);
    BIO_meth_set_read(method, socket_read);
    BIO_meth_set_ctrl(method, socket_control);
    socket_method = method;
}

static BIO *socket_bio(int fd) {
    pthread_once(&once, make_method);
    BIO *bio = socket_method == NULL ? NULL : BIO_new(socket_method);
    if (bio != NULL) {
        BIO_set_data(bio, (void *)(intptr_t)fd);
        BIO_set_init(bio, 1);
    }
    return bio;
}

// --- Contexts ---

static void explain(char *problem, size_t size, const char *step) {
    unsigned long code = ERR_peek_last_error();
    const char *reason = code == 0 ? NULL : ERR_reason_error_string(code);
    snprintf(problem, size, "%s: %s", step, reason == NULL ? "unknown reason" : reason);
    ERR_clear_error();
}

// The default would ask for the password of an encrypted key on the terminal.
static int no_password(char *buffer, int size, int writing, void *context) {
    (void)buffer;
    (void)size;
    (void)writing;
    (void)context;
    return -1;
}

static int choose_alpn(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_size,
                       const unsigned char *offered, unsigned int offered_size, void *argument) {
    (void)ssl;
    const cue_tls_context_t *context = argument;
    unsigned char *match = NULL;
    if (SSL_select_next_proto(&match, chosen_size, context->alpn, (unsigned)context->alpn_size,
                              offered, offered_size) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL; // RFC 7301 §3.2
    *chosen = match;
    return SSL_TLSEXT_ERR_OK;
}

static cue_tls_context_t *context_new(int is_server, const uint8_t *alpn, size_t alpn_size) {
    if (alpn_size > ALPN_SIZE_MAX)
        return NULL;
    cue_tls_context_t *context = calloc(1, sizeof *context);
    if (context == NULL)
        return NULL;
    context->ssl = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
    if (context->ssl == NULL) {
        free(context);
        return NULL;
    }
    context->is_server = is_server;
    context->alpn_size = alpn_size;
    if (alpn_size > 0)
        memcpy(context->alpn, alpn, alpn_size);
    SSL_CTX_set_min_proto_version(context->ssl, TLS1_2_VERSION);
    SSL_CTX_set_max_proto_version(context->ssl, TLS1_3_VERSION);
    // For TLS 1.2: forward secrecy and authenticated encryption only.
    SSL_CTX_set_cipher_list(context->ssl, "ECDHE+AESGCM:ECDHE+CHACHA20");
    SSL_CTX_set_options(context->ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                          SSL_OP_CIPHER_SERVER_PREFERENCE |
                                          SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(context->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                       SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                       SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context->ssl, SSL_SESS_CACHE_OFF); // tickets need none
    SSL_CTX_set_default_passwd_cb(context->ssl, no_password);
    return context;
}

static int use_chain(SSL_CTX *ssl, const char *chain, size_t size) {
    BIO *bio = BIO_new_mem_buf(chain, (int)size);
    X509 *leaf = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, no_password, NULL);
    int good = leaf != NULL && SSL_CTX_use_certificate(ssl, leaf) == 1;
    X509_free(leaf);
    while (good) {
        X509 *next = PEM_read_bio_X509(bio, NULL, no_password, NULL);
        if (next == NULL) {
            // The end of the text shows itself as "no start line".
            good = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
            if (good)
                ERR_clear_error();
            break;
        }
        if (SSL_CTX_add0_chain_cert(ssl, next) != 1) {
            X509_free(next);
            good = 0;
        }
    }
    BIO_free(bio);
    return good;
}

static int use_key(SSL_CTX *ssl, const char *key, size_t size) {
    BIO *bio = BIO_new_mem_buf(key, (int)size);
    EVP_PKEY *pair = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
    int good = pair != NULL && SSL_CTX_use_PrivateKey(ssl, pair) == 1 &&
               SSL_CTX_check_private_key(ssl) == 1;
    EVP_PKEY_free(pair);
    BIO_free(bio);
    return good;
}

cue_tls_context_t *cue_tls_server_new(const char *chain, size_t chain_size, const char *key,
                                      size_t key_size, const uint8_t *alpn, size_t alpn_size,
                                      char *problem, size_t problem_size) {
    ERR_clear_error();
    cue_tls_context_t *context = context_new(1, alpn, alpn_size);
    if (context == NULL) {
        explain(problem, problem_size, "make a TLS context");
        return NULL;
    }
    const char *failed = !use_chain(context->ssl, chain, chain_size) ? "read the certificates"
                         : !use_key(context->ssl, key, key_size)     ? "read the private key"
                                                                     : NULL;
    if (failed != NULL) {
        explain(problem, problem_size, failed);
        cue_tls_context_free(context);
        return NULL;
    }
    if (alpn_size > 0)
        SSL_CTX_set_alpn_select_cb(context->ssl, choose_alpn, context);
    static const unsigned char name[] = "cuelight";
    SSL_CTX_set_session_id_context(context->ssl, name, sizeof name - 1);
    SSL_CTX_set_num_tickets(context->ssl, 1);
    return context;
}

static int trust(SSL_CTX *ssl, const char *trusted, size_t size) {
    if (trusted == NULL)
        return SSL_CTX_set_default_verify_paths(ssl) == 1;
    BIO *bio = BIO_new_mem_buf(trusted, (int)size);
    int count = 0, good = bio != NULL;
    while (good) {
        X509 *certificate = PEM_read_bio_X509(bio, NULL, no_password, NULL);
        if (certificate == NULL) {
            good = count > 0 && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
            if (good)
                ERR_clear_error();
            break;
        }
        good = X509_STORE_add_cert(SSL_CTX_get_cert_store(ssl), certificate) == 1;
        X509_free(certificate);
        count++;
    }
    BIO_free(bio);
    return good;
}

cue_tls_context_t *cue_tls_client_new(const char *trusted, size_t trusted_size,
                                      const uint8_t *alpn, size_t alpn_size, char *problem,
                                      size_t problem_size) {
    ERR_clear_error();
    cue_tls_context_t *context = context_new(0, alpn, alpn_size);
    if (context == NULL || !trust(context->ssl, trusted, trusted_size) ||
        (alpn_size > 0 && SSL_CTX_set_alpn_protos(context->ssl, alpn, (unsigned)alpn_size) != 0)) {
        explain(problem, problem_size, "read the trusted certificates");
        cue_tls_context_free(context);
        return NULL;
    }
    SSL_CTX_set_verify(context->ssl, SSL_VERIFY_PEER, NULL);
    return context;
}

void cue_tls_context_free(cue_tls_context_t *context) {
    if (context == NULL)
        return;
    SSL_CTX_free(context->ssl);
    free(context);
}

int64_t cue_tls_context_expiry(const cue_tls_context_t *context) {
    X509 *leaf = SSL_CTX_get0_certificate(context->ssl);
    struct tm time = {0};
    if (leaf == NULL || ASN1_TIME_to_tm(X509_get0_notAfter(leaf), &time) != 1)
        return 0;
    return (int64_t)timegm(&time);
}

// --- Sessions ---

// The certificate must bear `name`, which is an address or a host name.
static int expect_name(SSL *ssl, const char *name) {
    X509_VERIFY_PARAM *expected = SSL_get0_param(ssl);
    if (X509_VERIFY_PARAM_set1_ip_asc(expected, name) == 1)
        return 1; // an address is not sent as server name: RFC 6066 §3
    ERR_clear_error();
    X509_VERIFY_PARAM_set_hostflags(expected, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(expected, name, 0) == 1 &&
           SSL_set_tlsext_host_name(ssl, name) == 1;
}

static int connect_memory(cue_tls_t *tls) {
    tls->input = BIO_new(BIO_s_mem());
    tls->output = BIO_new(BIO_s_mem());
    if (tls->input == NULL || tls->output == NULL) {
        BIO_free(tls->input);
        BIO_free(tls->output);
        return 0;
    }
    BIO_set_mem_eof_return(tls->input, -1); // empty means "later", not "over"
    SSL_set_bio(tls->ssl, tls->input, tls->output);
    return 1;
}

static int connect_socket(cue_tls_t *tls, int fd) {
    BIO *bio = socket_bio(fd);
    if (bio == NULL)
        return 0;
    SSL_set_bio(tls->ssl, bio, bio);
    return 1;
}

cue_tls_t *cue_tls_new(cue_tls_context_t *context, int fd, const char *name) {
    ERR_clear_error();
    cue_tls_t *tls = calloc(1, sizeof *tls);
    if (tls == NULL)
        return NULL;
    tls->ssl = SSL_new(context->ssl);
    if (tls->ssl == NULL || !(fd < 0 ? connect_memory(tls) : connect_socket(tls, fd)) ||
        (!context->is_server && (name == NULL || !expect_name(tls->ssl, name)))) {
        ERR_clear_error();
        cue_tls_free(tls);
        return NULL;
    }
    if (context->is_server)
        SSL_set_accept_state(tls->ssl);
    else
        SSL_set_connect_state(tls->ssl);
    return tls;
}

void cue_tls_free(cue_tls_t *tls) {
    if (tls == NULL)
        return;
    SSL_free(tls->ssl);
    free(tls);
}

static int fail(cue_tls_t *tls, int code, const char *problem) {
    snprintf(tls->problem, sizeof tls->problem, "%s", problem);
    tls->has_failed = code;
    ERR_clear_error();
    return code;
}

// Names what a call that returned `result` came to. `error` is errno right after the call.
static int outcome(cue_tls_t *tls, int result, int error) {
    unsigned long code = ERR_peek_last_error();
    switch (SSL_get_error(tls->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return CUE_TLS_WANTS_READ;
    case SSL_ERROR_WANT_WRITE:
        return CUE_TLS_WANTS_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return CUE_TLS_CLOSED;
    case SSL_ERROR_SYSCALL:
        if (error == 0 || error == ECONNRESET || error == EPIPE)
            return fail(tls, CUE_TLS_TRUNCATED, error == 0 ? "unexpected end" : strerror(error));
        return fail(tls, CUE_TLS_FAILED, strerror(error));
    default:
        break;
    }
    if (ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
        return fail(tls, CUE_TLS_TRUNCATED, "unexpected end");
    if (ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED)
        return fail(tls, CUE_TLS_UNTRUSTED,
                    X509_verify_cert_error_string(SSL_get_verify_result(tls->ssl)));
    const char *reason = ERR_reason_error_string(code);
    return fail(tls, CUE_TLS_FAILED, reason == NULL ? "unknown reason" : reason);
}

// Errors of other sessions on this thread must not be taken for this one's.
static void prepare(void) {
    ERR_clear_error();
    errno = 0;
}

int cue_tls_handshake(cue_tls_t *tls) {
    if (tls->has_failed)
        return tls->has_failed;
    prepare();
    int result = SSL_do_handshake(tls->ssl);
    return result == 1 ? CUE_TLS_DONE : outcome(tls, result, errno);
}

int64_t cue_tls_read(cue_tls_t *tls, uint8_t *bytes, size_t size) {
    if (tls->has_failed)
        return tls->has_failed;
    size_t done = 0;
    int code = CUE_TLS_WANTS_READ;
    // Several records may be there already, and no event will tell of them again.
    while (done < size) {
        size_t moved = 0;
        prepare();
        int result = SSL_read_ex(tls->ssl, bytes + done, size - done, &moved);
        if (result != 1) {
            code = outcome(tls, result, errno);
            break;
        }
        done += moved;
    }
    // What failed or ended after these bytes is told by the next call.
    return done > 0 ? (int64_t)done : code;
}

int64_t cue_tls_write(cue_tls_t *tls, const uint8_t *bytes, size_t size) {
    if (tls->has_failed)
        return tls->has_failed;
    size_t done = 0;
    int code = CUE_TLS_WANTS_WRITE;
    while (done < size) {
        if (tls->output != NULL && BIO_ctrl_pending(tls->output) >= CUE_TLS_PENDING_MAX)
            break;
        size_t moved = 0;
        prepare();
        int result = SSL_write_ex(tls->ssl, bytes + done, size - done, &moved);
        if (result != 1) {
            code = outcome(tls, result, errno);
            break;
        }
        done += moved;
    }
    return done > 0 ? (int64_t)done : code;
}

size_t cue_tls_readable(const cue_tls_t *tls) {
    int pending = SSL_pending(tls->ssl);
    return pending > 0 ? (size_t)pending : 0;
}

int cue_tls_shutdown(cue_tls_t *tls) {
    // After a failure, or before the handshake is through, there is nobody to tell.
    if (tls->has_failed || tls->has_sent_end || !SSL_is_init_finished(tls->ssl))
        return CUE_TLS_DONE;
    prepare();
    int result = SSL_shutdown(tls->ssl);
    if (result < 0) {
        int code = outcome(tls, result, errno);
        if (code == CUE_TLS_WANTS_READ || code == CUE_TLS_WANTS_WRITE)
            return code;
    }
    tls->has_sent_end = 1;
    return CUE_TLS_DONE;
}

size_t cue_tls_feed(cue_tls_t *tls, const uint8_t *bytes, size_t size) {
    if (tls->input == NULL)
        return 0;
    size_t pending = BIO_ctrl_pending(tls->input);
    size_t room = pending >= CUE_TLS_PENDING_MAX ? 0 : CUE_TLS_PENDING_MAX - pending;
    size_t written = 0;
    if (size > room)
        size = room;
    return size > 0 && BIO_write_ex(tls->input, bytes, size, &written) == 1 ? written : 0;
}

void cue_tls_feed_end(cue_tls_t *tls) {
    if (tls->input != NULL)
        BIO_set_mem_eof_return(tls->input, 0);
}

size_t cue_tls_output(cue_tls_t *tls, uint8_t *bytes, size_t size) {
    size_t moved = 0;
    if (tls->output == NULL || size == 0 || BIO_ctrl_pending(tls->output) == 0)
        return 0;
    return BIO_read_ex(tls->output, bytes, size, &moved) == 1 ? moved : 0;
}

size_t cue_tls_output_size(const cue_tls_t *tls) {
    return tls->output == NULL ? 0 : BIO_ctrl_pending(tls->output);
}

const char *cue_tls_problem(const cue_tls_t *tls) {
    return tls->problem;
}

const char *cue_tls_version(const cue_tls_t *tls) {
    return SSL_get_version(tls->ssl);
}

const uint8_t *cue_tls_alpn(const cue_tls_t *tls, size_t *size) {
    const unsigned char *name = NULL;
    unsigned int count = 0;
    SSL_get0_alpn_selected(tls->ssl, &name, &count);
    *size = count;
    return count == 0 ? NULL : name;
}

// --- A certificate signed by itself ---

static int add_extension(X509 *certificate, int nid, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    int good = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return good;
}

static int fill(X509 *certificate, EVP_PKEY *key, const char *common_name,
                const char *alternatives, int64_t valid_seconds) {
    enum { DAY_SECONDS = 86400 };
    X509_NAME *subject = X509_get_subject_name(certificate);
    BIGNUM *serial = BN_new();
    int good = serial != NULL && BN_rand(serial, 127, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
               BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(certificate)) != NULL;
    BN_free(serial);
    return good && X509_set_version(certificate, X509_VERSION_3) == 1 &&
           // A day back, for machines whose clocks are slow.
           X509_gmtime_adj(X509_getm_notBefore(certificate), -DAY_SECONDS) != NULL &&
           X509_gmtime_adj(X509_getm_notAfter(certificate), (long)valid_seconds) != NULL &&
           X509_set_pubkey(certificate, key) == 1 &&
           X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                      (const unsigned char *)common_name, -1, -1, 0) == 1 &&
           X509_set_issuer_name(certificate, subject) == 1 &&
           add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
           add_extension(certificate, NID_key_usage, "critical,digitalSignature,keyCertSign") &&
           add_extension(certificate, NID_ext_key_usage, "serverAuth") &&
           add_extension(certificate, NID_subject_alt_name, alternatives) &&
           X509_sign(certificate, key, EVP_sha256()) > 0;
}

static int take_text(BIO *bio, char *text, size_t size) {
    size_t count = bio == NULL ? 0 : BIO_ctrl_pending(bio), moved = 0;
    if (count == 0 || count >= size || BIO_read_ex(bio, text, count, &moved) != 1)
        return 0;
    text[moved] = 0;
    return moved == count;
}

int cue_tls_self_signed(const char *common_name, const char *alternatives, int64_t valid_seconds,
                        char *chain, size_t chain_size, char *key, size_t key_size) {
    EVP_PKEY *pair = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    BIO *chain_bio = BIO_new(BIO_s_mem()), *key_bio = BIO_new(BIO_s_mem());
    int good = pair != NULL && certificate != NULL && chain_bio != NULL && key_bio != NULL &&
               fill(certificate, pair, common_name, alternatives, valid_seconds) &&
               PEM_write_bio_X509(chain_bio, certificate) == 1 &&
               PEM_write_bio_PKCS8PrivateKey(key_bio, pair, NULL, NULL, 0, NULL, NULL) == 1 &&
               take_text(chain_bio, chain, chain_size) && take_text(key_bio, key, key_size);
    BIO_free(chain_bio);
    BIO_free(key_bio);
    X509_free(certificate);
    EVP_PKEY_free(pair);
    ERR_clear_error();
    return good ? 0 : -1;
}
