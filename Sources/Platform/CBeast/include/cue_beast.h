// HTTP/1 messages, parsed by Boost.Beast's basic_parser; no C++ and no exception leaves this.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cue_http_parser cue_http_parser_t;

// Where one header field lies in the text of its head.
typedef struct {
    uint32_t name_at, name_size;
    uint32_t value_at, value_size;
} cue_http_field_t;

// A complete head. Owned by the parser, valid until its next reset.
typedef struct {
    const uint8_t *text; // method (or reason), target, names and values, one after the other
    size_t text_size;
    uint32_t method_size; // the method, or the reason phrase of a response, is first
    uint32_t target_size; // directly after it
    const cue_http_field_t *fields;
    size_t field_count;
    int64_t content_length; // -1: none was given
    int minor_version;      // HTTP/1.x
    int status;             // of a response
    int is_chunked;
    int keeps_alive; // by version and Connection
    int is_upgrade;  // Connection names Upgrade
} cue_http_head_t;

enum {
    CUE_HTTP_MORE = 0, // give the bytes not consumed again, with more behind them
    CUE_HTTP_HEAD = 1, // the head is complete
    CUE_HTTP_BODY = 2, // a piece of the body lies at body_at
    CUE_HTTP_BAD = 3,  // the message is broken; the parser is of no more use
};

enum {
    CUE_HTTP_ERROR_SYNTAX = 1,
    CUE_HTTP_ERROR_HEAD_SIZE = 2,
    CUE_HTTP_ERROR_FIELD_COUNT = 3,
    CUE_HTTP_ERROR_FOLD = 4, // obsolete line folding, RFC 9112 §5.2
    CUE_HTTP_ERROR_VERSION = 5,
    CUE_HTTP_ERROR_LENGTH = 6, // Content-Length and Transfer-Encoding that contradict
    CUE_HTTP_ERROR_CHUNK = 7,
    CUE_HTTP_ERROR_MEMORY = 8,
    CUE_HTTP_ERROR_TRUNCATED = 9,
    CUE_HTTP_ERROR_BODY_SIZE = 10, // a chunk announces more than the limit
};

typedef struct {
    int kind;
    int error;
    int is_done; // the message ends here; true also with CUE_HTTP_HEAD and CUE_HTTP_BODY
    size_t consumed;
    size_t body_at, body_size; // inside the bytes given
} cue_http_event_t;

// Makes a parser of requests (is_response 0) or responses. NULL: no memory.
cue_http_parser_t *cue_http_parser_create(int is_response, uint32_t head_max,
                                          uint32_t fields_max);
void cue_http_parser_destroy(cue_http_parser_t *parser);
// Forgets everything: the next byte begins a message. `has_no_body`: the response to HEAD.
void cue_http_parser_reset(cue_http_parser_t *parser, int has_no_body);
// Refuses a chunk that announces more than what is left of `size_max` bytes. To be called after the
// head and before the body; lasts until the next reset.
void cue_http_parser_limit_chunks(cue_http_parser_t *parser, uint64_t size_max);
// Parses until something happens or more bytes are needed. Not after `is_done` or BAD.
cue_http_event_t cue_http_parser_feed(cue_http_parser_t *parser, const uint8_t *bytes,
                                      size_t size);
// The peer closed: ends a body that lasts until then. Returns 0, or an error.
int cue_http_parser_end(cue_http_parser_t *parser);
cue_http_head_t cue_http_parser_head(const cue_http_parser_t *parser);

#ifdef __cplusplus
}
#endif
