// The codec against golden files, and its limits.
#include "cue_link.h" // what is tested
#include "test.h"     // CHECK
#include <glob.h>     // golden files
#include <stdlib.h>   // strtoul
#include <string.h>   // strcmp

extern const char *cue_golden_folder;

enum { BYTES_MAX = 2048, FRAMES_MAX = 8 };

typedef struct {
    unsigned long type, seq, crc_errors, framing_errors;
    uint8_t payload[BYTES_MAX], wire[BYTES_MAX], frames[FRAMES_MAX][64];
    size_t payload_size, wire_size, frame_sizes[FRAMES_MAX], frame_count;
    char error[16];
} golden_t;

static size_t parse_hex(const char *text, uint8_t *bytes, size_t capacity) {
    size_t size = 0;
    unsigned byte;
    while (size < capacity && sscanf(text + 2 * size, "%2x", &byte) == 1) {
        bytes[size++] = (uint8_t)byte;
    }
    return size;
}

static bool read_golden(const char *path, golden_t *golden) {
    static char line[2 * BYTES_MAX + 64];
    FILE *file = fopen(path, "r");
    memset(golden, 0, sizeof *golden);
    if (file == NULL) {
        return false;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = 0;
        char *value = strchr(line, ' ');
        value = value == NULL ? line + strlen(line) : value;
        if (*value != 0) {
            *value++ = 0;
        }
        if (strcmp(line, "type") == 0) {
            golden->type = strtoul(value, NULL, 16);
        } else if (strcmp(line, "seq") == 0) {
            golden->seq = strtoul(value, NULL, 16);
        } else if (strcmp(line, "payload") == 0) {
            golden->payload_size = parse_hex(value, golden->payload, BYTES_MAX);
        } else if (strcmp(line, "wire") == 0) {
            golden->wire_size = parse_hex(value, golden->wire, BYTES_MAX);
        } else if (strcmp(line, "error") == 0) {
            snprintf(golden->error, sizeof golden->error, "%s", value);
        } else if (strcmp(line, "frame") == 0 && golden->frame_count < FRAMES_MAX) {
            golden->frame_sizes[golden->frame_count] =
                parse_hex(value, golden->frames[golden->frame_count], 64);
            golden->frame_count++;
        } else if (strcmp(line, "crc_errors") == 0) {
            golden->crc_errors = strtoul(value, NULL, 10);
        } else if (strcmp(line, "framing_errors") == 0) {
            golden->framing_errors = strtoul(value, NULL, 10);
        }
    }
    fclose(file);
    return true;
}

typedef struct {
    uint8_t frames[FRAMES_MAX][64];
    size_t frame_sizes[FRAMES_MAX], frame_count;
    unsigned crc_errors, framing_errors;
} seen_t;

static void see(void *context, cue_link_result_t result, const cue_frame_t *frame) {
    seen_t *seen = context;
    if (result == CUE_LINK_BAD_CRC) {
        seen->crc_errors++;
    } else if (result == CUE_LINK_BAD_FRAMING) {
        seen->framing_errors++;
    } else if (seen->frame_count < FRAMES_MAX) {
        uint8_t *bytes = seen->frames[seen->frame_count];
        bytes[0] = frame->type;
        bytes[1] = frame->seq;
        memcpy(bytes + 2, frame->payload, frame->payload_size);
        seen->frame_sizes[seen->frame_count++] = 2 + frame->payload_size;
    }
}

// Calls `check` for every golden file of a kind; fails when there are fewer than `least`.
static void each_golden(const char *pattern, size_t least, void (*check)(const golden_t *golden)) {
    char path[512];
    glob_t found;
    static golden_t golden;
    snprintf(path, sizeof path, "%s/%s", cue_golden_folder, pattern);
    CHECK(glob(path, 0, NULL, &found) == 0);
    CHECK(found.gl_pathc >= least);
    for (size_t index = 0; index < found.gl_pathc && !cue_test_failed; index++) {
        CHECK(read_golden(found.gl_pathv[index], &golden));
        check(&golden);
        if (cue_test_failed) {
            printf("    in %s\n", found.gl_pathv[index]);
        }
    }
    globfree(&found);
}

static void check_frame(const golden_t *golden) {
    uint8_t wire[CUE_FRAME_SIZE_MAX];
    size_t size;
    CHECK(cue_link_encode((uint8_t)golden->type, (uint8_t)golden->seq, golden->payload,
                          golden->payload_size, wire, sizeof wire, &size) == CUE_OK);
    CHECK_EQUAL(size, golden->wire_size);
    CHECK(memcmp(wire, golden->wire, size) == 0);

    cue_decoder_t decoder = {0};
    seen_t seen = {0};
    cue_decoder_feed(&decoder, golden->wire, golden->wire_size, see, &seen);
    CHECK_EQUAL(seen.frame_count, 1);
    CHECK_EQUAL(seen.frame_sizes[0], 2 + golden->payload_size);
    CHECK_EQUAL(seen.frames[0][0], golden->type);
    CHECK_EQUAL(seen.frames[0][1], golden->seq);
    CHECK(memcmp(seen.frames[0] + 2, golden->payload, golden->payload_size) == 0);
    CHECK_EQUAL(seen.crc_errors + seen.framing_errors, 0);
}

static void golden_frames(void) {
    each_golden("frame-*.hex", 25, check_frame);
}

static void check_bad(const golden_t *golden) {
    cue_decoder_t decoder = {0};
    seen_t seen = {0};
    bool crc = strcmp(golden->error, "crc") == 0;
    cue_decoder_feed(&decoder, golden->wire, golden->wire_size, see, &seen);
    CHECK_EQUAL(seen.frame_count, 0);
    CHECK_EQUAL(seen.crc_errors, crc ? 1 : 0);
    CHECK_EQUAL(seen.framing_errors, crc ? 0 : 1);
}

static void golden_bad(void) {
    each_golden("bad-*.hex", 8, check_bad);
}

static void check_stream(const golden_t *golden) {
    // In one piece, byte by byte, and with the decoder's former contents as garbage.
    cue_decoder_t decoder;
    memset(&decoder, 0xA5, sizeof decoder);
    cue_decoder_reset(&decoder);
    seen_t seen = {0};
    cue_decoder_feed(&decoder, golden->wire, golden->wire_size, see, &seen);
    CHECK_EQUAL(seen.frame_count, golden->frame_count);
    for (size_t index = 0; index < golden->frame_count; index++) {
        CHECK_EQUAL(seen.frame_sizes[index], golden->frame_sizes[index]);
        CHECK(memcmp(seen.frames[index], golden->frames[index], seen.frame_sizes[index]) == 0);
    }
    CHECK_EQUAL(seen.crc_errors, golden->crc_errors);
    CHECK_EQUAL(seen.framing_errors, golden->framing_errors);
}

static void golden_streams(void) {
    each_golden("stream-*.hex", 5, check_stream);
}

static void crc_check_value(void) {
    CHECK_EQUAL(cue_crc16(0xFFFF, (const uint8_t *)"123456789", 9), 0x6F91);
}

static void encode_limits(void) {
    uint8_t payload[45] = {0};
    uint8_t wire[64];
    size_t size = 99;
    CHECK(cue_link_encode(1, 2, payload, 45, wire, sizeof wire, &size) == CUE_ERROR_SIZE);
    CHECK_EQUAL(size, 0);
    CHECK(cue_link_encode(1, 2, payload, 44, wire, 50, &size) == CUE_ERROR_SIZE);
    CHECK(cue_link_encode(1, 2, payload, 44, wire, 51, &size) == CUE_OK);
    CHECK_EQUAL(size, 51);
    CHECK(cue_link_encode(1, 2, NULL, 0, wire, 7, &size) == CUE_OK);
    CHECK_EQUAL(size, 7);
}

static void every_flip_is_noticed(void) {
    // Any one or two wrong bits between the delimiters give an error or, where a 00 came about,
    // nothing that passes for a frame.
    uint8_t payload[7] = {3, 3, 0x28, 0x23, 0, 0, 9};
    uint8_t wire[CUE_FRAME_SIZE_MAX];
    size_t size;
    CHECK(cue_link_encode(6, 7, payload, sizeof payload, wire, sizeof wire, &size) == CUE_OK);
    for (size_t one = 8; one < 8 * (size - 1); one++) {
        for (size_t two = one; two < 8 * (size - 1); two++) {
            uint8_t damaged[CUE_FRAME_SIZE_MAX];
            memcpy(damaged, wire, size);
            damaged[one / 8] ^= (uint8_t)(1u << (one % 8));
            if (two != one) {
                damaged[two / 8] ^= (uint8_t)(1u << (two % 8));
            }
            cue_decoder_t decoder = {0};
            seen_t seen = {0};
            cue_decoder_feed(&decoder, damaged, size, see, &seen);
            CHECK_EQUAL(seen.frame_count, 0);
        }
    }
}

const cue_test_t cue_link_tests[] = {
    {"the CRC has the published check value", crc_check_value},
    {"golden frames encode and decode to the same bytes", golden_frames},
    {"golden damaged frames are refused with the right error", golden_bad},
    {"golden streams give their frames between noise", golden_streams},
    {"the encoder refuses what does not fit", encode_limits},
    {"one or two flipped bits never pass for a frame", every_flip_is_noticed},
    {NULL, NULL},
};
