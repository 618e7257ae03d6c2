// Seeded random input. SEED=<n> repeats a run. The judge of the fake board watches every output.
#include "cue_bytes.h" // little-endian fields
#include "talk.h"      // the host's half
#include "test.h"      // CHECK
#include <stdlib.h>    // getenv
#include <string.h>    // memcpy
#include <time.h>      // time

enum { PARSER_INPUTS = 200000, SESSION_INPUTS = 300000 };

static fake_t fake;
static uint64_t random_state;

// xorshift64*
static uint32_t random_u32(void) {
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (uint32_t)((random_state * 0x2545F4914F6CDD1Du) >> 32);
}

static uint32_t below(uint32_t limit) {
    return random_u32() % limit;
}

static void seed(void) {
    const char *text = getenv("SEED");
    uint64_t value = text != NULL ? strtoull(text, NULL, 10) : (uint64_t)time(NULL);
    printf("    SEED=%llu\n", (unsigned long long)value);
    random_state = value * 2 + 1;
}

static void ignore(void *context, cue_link_result_t result, const cue_frame_t *frame) {
    unsigned *frames = context;
    if (result == CUE_LINK_FRAME) {
        *frames += frame->payload_size <= CUE_PAYLOAD_SIZE_MAX ? 1u : 1000000u;
    }
}

static void parser(void) {
    cue_decoder_t decoder = {0};
    unsigned frames = 0, good = 0;
    seed();
    for (int input = 0; input < PARSER_INPUTS; input++) {
        uint8_t bytes[96];
        size_t size;
        if (below(2) == 0) {
            size = below(sizeof bytes);
            for (size_t at = 0; at < size; at++) {
                bytes[at] = below(8) == 0 ? 0 : (uint8_t)random_u32();
            }
        } else {
            uint8_t payload[CUE_PAYLOAD_SIZE_MAX];
            size_t payload_size = below(sizeof payload + 1);
            for (size_t at = 0; at < payload_size; at++) {
                payload[at] = below(3) == 0 ? 0 : (uint8_t)random_u32();
            }
            uint8_t type = (uint8_t)random_u32(), seq = (uint8_t)random_u32();
            CHECK(cue_link_encode(type, seq, payload, payload_size, bytes, sizeof bytes, &size) ==
                  CUE_OK);
            CHECK(size <= CUE_FRAME_SIZE_MAX);
            // Round trip, whatever the decoder was in the middle of.
            for (size_t at = 0; at < size; at++) {
                cue_link_result_t result = cue_decoder_push(&decoder, bytes[at]);
                CHECK((result == CUE_LINK_FRAME) <= (at == size - 1 || at == 0));
            }
            cue_frame_t frame = cue_decoder_frame(&decoder);
            CHECK_EQUAL(frame.type, type);
            CHECK_EQUAL(frame.seq, seq);
            CHECK_EQUAL(frame.payload_size, payload_size);
            CHECK(memcmp(frame.payload, payload, payload_size) == 0);
            good++;
            for (uint32_t flips = below(3); flips > 0; flips--) {
                bytes[below((uint32_t)size)] ^= (uint8_t)(1u << below(8));
            }
        }
        cue_decoder_feed(&decoder, bytes, size, ignore, &frames);
        CHECK(frames < 1000000u);
    }
    CHECK(good > PARSER_INPUTS / 3);
}

// A payload that is mostly sensible, so that commands are executed and not only refused.
static size_t random_payload(uint8_t type, uint8_t *payload) {
    static const uint8_t sizes[] = {0, 0, 2, 4, 0, 0, 0, 0, 4, 0, 8};
    static const uint8_t arguments[] = {0, 3, 2, 4, 4, 4, 7, 0};
    static const uint8_t operations[CUE_CHANNEL_COUNT] = {2, 2, 1, 3, 4, 5, 6, 7};
    for (size_t at = 0; at < CUE_PAYLOAD_SIZE_MAX; at++) {
        payload[at] = (uint8_t)random_u32();
    }
    if (below(30) == 0 || type >= sizeof sizes) {
        return below(CUE_PAYLOAD_SIZE_MAX + 1);
    }
    if ((type == CUE_ARM || type == CUE_ESTOP_CLEAR) && below(4) != 0) {
        cue_write_u32(payload, fake.host.device.nonce);
    }
    if (type != CUE_COMMAND) {
        return sizes[type];
    }
    payload[0] = (uint8_t)below(CUE_CHANNEL_COUNT + (below(20) == 0 ? 9u : 0u));
    payload[1] = (uint8_t)(below(6) == 0 ? below(9) : operations[payload[0] % CUE_CHANNEL_COUNT]);
    if (below(8) != 0) { // bring the 16-bit arguments into range
        payload[3] &= 0x3F;
        payload[5] &= 0x0F;
        if (payload[1] == CUE_OP_SET) {
            payload[2] &= 1;
            payload[4] = payload[2] == 0 ? 0 : payload[4] & 0x0F;
            payload[3] = payload[2] == 0 ? 0 : payload[3];
        } else if (payload[1] == CUE_OP_DRIVE) {
            int16_t speed = (int16_t)((int)below(2001) - 1000);
            cue_write_u16(payload + 2, (uint16_t)speed);
        } else if (payload[1] == CUE_OP_TONE) {
            cue_write_u16(payload + 2, (uint16_t)(100 + below(4901)));
        } else if (payload[1] == CUE_OP_FILL) {
            payload[5] &= 7;
            payload[6] = (uint8_t)(1 + below(8u - payload[5]));
            payload[8] &= 0x7F;
        }
    }
    return 2u + (payload[1] < sizeof arguments ? arguments[payload[1]] : 0u);
}

static void send_random(uint8_t *last, size_t *last_size) {
    uint8_t payload[CUE_PAYLOAD_SIZE_MAX];
    static const uint8_t types[] = {
        CUE_COMMAND,       CUE_COMMAND,       CUE_COMMAND,      CUE_COMMAND, CUE_COMMAND,
        CUE_COMMAND,       CUE_BEAT,          CUE_BEAT,         CUE_ARM,     CUE_ARM,
        CUE_MANIFEST_READ, CUE_COUNTERS_READ, CUE_HELLO_REQUEST};
    uint8_t type = types[below(sizeof types)];
    switch (below(60)) {
    case 0:
        type = CUE_ESTOP;
        break;
    case 1:
        type = CUE_DISARM;
        break;
    case 2:
    case 3:
        type = CUE_ESTOP_CLEAR;
        break;
    case 4:
        type = CUE_IDENTITY_WRITE;
        break;
    case 5:
        type = (uint8_t)random_u32();
        break;
    default:
        break;
    }
    if (*last_size == 0 || below(10) != 0) { // else the last one again
        size_t size = random_payload(type, payload);
        (void)cue_link_encode(type, (uint8_t)random_u32(), payload, size, last, CUE_FRAME_SIZE_MAX,
                              last_size);
    }
    uint8_t wire[CUE_FRAME_SIZE_MAX];
    memcpy(wire, last, *last_size);
    if (below(15) == 0) {
        wire[below((uint32_t)*last_size)] ^= (uint8_t)(1u << below(8));
    }
    size_t cut = below(40) == 0 ? below((uint32_t)*last_size) : *last_size;
    fake_put(&fake, wire, cut);
}

static void session(void) {
    uint8_t last[CUE_FRAME_SIZE_MAX];
    size_t last_size = 0;
    unsigned executed = 0, boots = 0, edges = 0;
    seed();
    for (int input = 0; input < SESSION_INPUTS; input++) {
        if (input % 5000 == 0) {
            // Every so often a new board, sometimes just before its clocks wrap.
            fake_init(&fake, below(2) == 0 ? 1000000u : 0xFFFFFFFFu - below(5000000));
            fake_boot(&fake, (uint8_t)(random_u32() & 0x8F), (uint16_t)random_u32());
            boots++;
        }
        uint32_t before = fake.host.device.counters.executed;
        switch (below(12)) {
        case 0: {
            uint8_t noise[64];
            size_t size = below(sizeof noise);
            for (size_t at = 0; at < size; at++) {
                noise[at] = below(6) == 0 ? 0 : (uint8_t)random_u32();
            }
            fake_put(&fake, noise, size);
            break;
        }
        case 1:
            fake.host.pressed = !fake.host.pressed;
            break;
        case 2:
            fake.line_full = below(4) == 0;
            break;
        default:
            send_random(last, &last_size);
            break;
        }
        fake_step(&fake);
        if (fake.host.device.counters.executed != before) {
            executed++;
        }
        // Time passes in bits; at times more than the host may be silent.
        fake.time_us += below(20) == 0 ? below(700000) : below(8000);
        fake_step(&fake);
        fake.output_size = fake.output_size > FAKE_WIRE_SIZE / 2 ? 0 : fake.output_size;
        if (fake.host.violation != NULL) {
            printf("    %s (input %d)\n", fake.host.violation, input);
        }
        CHECK(fake.host.violation == NULL || strstr(fake.host.violation, "longer") != NULL);
        // The clock jumped over the end of an on-time: at the next pass it must be off, which the
        // judge, who looks after each pass, has just seen.
        CHECK(fake.host.violation == NULL);
    }
    for (size_t channel = 0; channel < CUE_CHANNEL_COUNT; channel++) {
        edges += fake.on_edges[channel];
    }
    printf("    %u boots, %u commands executed\n", boots, executed);
    CHECK(executed > 5000);
    CHECK(edges > 0);
}

static void unarmed(void) {
    uint8_t last[CUE_FRAME_SIZE_MAX];
    size_t last_size = 0;
    seed();
    fake_init(&fake, 1000000);
    fake_boot(&fake, 0, 7);
    // Every request but ARM, with everything in it: no output may move.
    for (int input = 0; input < 100000; input++) {
        send_random(last, &last_size);
        if (last[2] == CUE_ARM || last[1] == 1) {
            last_size = 0;
            fake.input_size = fake.input_read = 0;
            continue;
        }
        fake_step(&fake);
        fake.time_us += below(3000);
        fake.output_size = 0;
        if ((fake.host.device.state & CUE_STATE_MASK) == CUE_ARMED) {
            fake_boot(&fake, 0, (uint16_t)random_u32()); // a flipped bit can make an ARM
        }
    }
    for (size_t channel = 0; channel < CUE_CHANNEL_COUNT; channel++) {
        CHECK_EQUAL(fake.on_edges[channel], 0);
    }
    CHECK(fake.host.violation == NULL);
}

const cue_test_t cue_fuzz_tests[] = {
    {"the decoder takes 200,000 random inputs", parser},
    {"300,000 random inputs never move an output against the rules", session},
    {"100,000 random requests without ARM move nothing", unarmed},
    {NULL, NULL},
};
