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

static uint8_t random_operation(uint8_t channel) {
    static const uint8_t operations[CUE_CHANNEL_COUNT][3] = {
        [RELAY1] = {CUE_OP_SET, CUE_OP_PULSE, CUE_OP_PULSE},
        [RELAY2] = {CUE_OP_SET, CUE_OP_PULSE, CUE_OP_OFF},
        [LAMP] = {CUE_OP_SET, CUE_OP_SET, CUE_OP_PULSE},
        [SERVO] = {CUE_OP_TARGET, CUE_OP_GLIDE, CUE_OP_GLIDE},
        [MOTOR] = {CUE_OP_DRIVE, CUE_OP_DRIVE, CUE_OP_BRAKE},
        [BUZZER] = {CUE_OP_TONE, CUE_OP_TONE, CUE_OP_OFF},
        [STRIP] = {CUE_OP_FILL, CUE_OP_EFFECT, CUE_OP_EFFECT},
        [BUTTON] = {CUE_OP_OFF, CUE_OP_SET, CUE_OP_LEVEL},
        [LIGHT] = {CUE_OP_LEVEL, CUE_OP_LEVEL, CUE_OP_OFF},
        [STEPPER] = {CUE_OP_MOVE, CUE_OP_MOVE, CUE_OP_OFF},
        [SOLENOID] = {CUE_OP_PULSE, CUE_OP_PULSE, CUE_OP_OFF},
        [ARM] = {CUE_OP_TARGET, CUE_OP_GLIDE, CUE_OP_GLIDE},
        [FAN] = {CUE_OP_DRIVE, CUE_OP_DRIVE, CUE_OP_BRAKE},
    };
    return below(8) == 0 ? (uint8_t)below(14) : operations[channel % CUE_CHANNEL_COUNT][below(3)];
}

// How many bytes the operation's arguments have.
static uint8_t arguments_size(uint8_t operation) {
    static const uint8_t sizes[] = {0, 3, 2, 4, 4, 4, 7, 0, 7, 2, 6, 8, 8};
    return operation < sizeof sizes ? sizes[operation] : 0;
}

// Channel, operation and arguments that are mostly sensible, so that commands are executed and not
// only refused. Returns their size; room for 10 is needed.
static size_t random_command(uint8_t *command) {
    for (size_t at = 0; at < 10; at++) {
        command[at] = (uint8_t)random_u32();
    }
    command[0] = (uint8_t)below(CUE_CHANNEL_COUNT + (below(20) == 0 ? 9u : 0u));
    command[1] = random_operation(command[0]);
    size_t size = 2u + arguments_size(command[1]);
    if (below(8) == 0) {
        return size;
    }
    command[3] &= 0x3F; // bring the 16-bit arguments into range
    command[5] &= 0x0F;
    switch (command[1]) {
    case CUE_OP_SET:
        command[2] &= 1;
        command[4] = command[2] == 0 ? 0 : command[4] & 0x0F;
        command[3] = command[2] == 0 ? 0 : command[3];
        break;
    case CUE_OP_PULSE:
    case CUE_OP_BRAKE:
        command[3] &= 0x07;
        break;
    case CUE_OP_DRIVE:
        cue_write_u16(command + 2, (uint16_t)(int16_t)((int)below(2001) - 1000));
        break;
    case CUE_OP_TONE:
        cue_write_u16(command + 2, (uint16_t)(100 + below(4901)));
        break;
    case CUE_OP_FILL:
        command[5] &= 7;
        command[6] = (uint8_t)(1 + below(8u - command[5]));
        command[8] &= 0x7F;
        break;
    case CUE_OP_GLIDE:
        command[5] &= 0x07;
        command[6] &= 1;
        command[8] &= 0x0F;
        break;
    case CUE_OP_LEVEL:
        cue_write_u16(command + 2, (uint16_t)below(1001));
        command[5] &= 0x07;
        command[7] &= 0x1F;
        break;
    case CUE_OP_EFFECT:
        command[2] = (uint8_t)(1 + below(5));
        command[7] = (uint8_t)(1 + below(8));
        command[9] &= 0x3F;
        break;
    case CUE_OP_MOVE:
        cue_write_u32(command + 2, (uint32_t)((int32_t)below(8001) - 4000));
        cue_write_u16(command + 6, (uint16_t)(16 + below(985)));
        command[9] &= 0x0F;
        break;
    default:
        break;
    }
    return size;
}

// Programs of random commands in the board's memory, committed as a host would, but written at once.
static void random_programs(void) {
    uint8_t memory[CUE_SEQUENCE_BYTES];
    uint16_t size = 0;
    for (uint8_t number = 0; number < 3; number++) {
        uint16_t header = size;
        memory[size++] = CUE_STEP_PROGRAM;
        memory[size++] = number;
        size = (uint16_t)(size + 2);
        memory[size++] = CUE_STEP_LOOP;
        memory[size++] = (uint8_t)(1 + below(5));
        for (uint32_t step = below(12); step > 0; step--) {
            size_t count = random_command(memory + size + 1);
            memory[size] = (uint8_t)(CUE_STEP_DO | count);
            bool good = cue_channels_check(&fake.host.device.channels, memory + size + 1, count) == 0;
            size = good || below(50) == 0 ? (uint16_t)(size + 1 + count) : size;
            memory[size++] = CUE_STEP_WAIT;
            cue_write_u16(memory + size, (uint16_t)(1 + below(300)));
            size = (uint16_t)(size + 2);
        }
        memory[size++] = CUE_STEP_WAIT;
        cue_write_u16(memory + size, 10);
        size = (uint16_t)(size + 2);
        memory[size++] = CUE_STEP_NEXT;
        cue_write_u16(memory + header + 2, (uint16_t)(size - header - 4));
    }
    memcpy(fake.host.store + CUE_STORE_SIZE, memory, size);
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t at = 0; at < 8u * size; at++) {
        uint32_t bit = (crc ^ (uint32_t)(memory[at / 8] >> at % 8)) & 1u;
        crc = bit != 0 ? (crc >> 1) ^ 0xEDB88320u : crc >> 1;
    }
    uint8_t payload[6];
    cue_write_u16(payload, size);
    cue_write_u32(payload + 2, ~crc);
    talk_send(&fake, CUE_SEQUENCE_COMMIT, payload, sizeof payload);
}

static size_t random_payload(uint8_t type, uint8_t *payload) {
    static const uint8_t sizes[] = {0, 0, 2, 4, 0, 0, 0, 0, 4, 0, 8, 12, 6, 0, 5, 8, 1, 0};
    for (size_t at = 0; at < CUE_PAYLOAD_SIZE_MAX; at++) {
        payload[at] = (uint8_t)random_u32();
    }
    if (below(30) == 0 || type >= sizeof sizes) {
        return below(CUE_PAYLOAD_SIZE_MAX + 1);
    }
    if ((type == CUE_ARM || type == CUE_ESTOP_CLEAR || type == CUE_UNLOCK) && below(4) != 0) {
        cue_write_u32(payload, fake.host.device.nonce);
    }
    switch (type) {
    case CUE_COMMAND:
        return random_command(payload);
    case CUE_UNLOCK:
        cue_write_u16(payload + 4, (uint16_t)((1u << SOLENOID | 1u << FAN) & random_u32()));
        cue_write_u16(payload + 6, (uint16_t)below(30));
        break;
    case CUE_SEQUENCE_START:
        payload[0] &= 3;
        cue_write_u32(payload + 1, below(2) == 0 ? 0 : fake.host.device.clock.ms + below(2000));
        break;
    case CUE_OPTIONS_WRITE:
        payload[0] &= 1;
        break;
    default:
        break;
    }
    return sizes[type];
}

static void send_random(uint8_t *last, size_t *last_size) {
    uint8_t payload[CUE_PAYLOAD_SIZE_MAX];
    static const uint8_t types[] = {
        CUE_COMMAND,       CUE_COMMAND,       CUE_COMMAND,      CUE_COMMAND, CUE_COMMAND,
        CUE_COMMAND,       CUE_BEAT,          CUE_BEAT,         CUE_ARM,     CUE_ARM,
        CUE_MANIFEST_READ, CUE_COUNTERS_READ, CUE_HELLO_REQUEST, CUE_UNLOCK,
        CUE_SEQUENCE_START, CUE_CLOCK_READ};
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
    case 6:
        type = (uint8_t)(CUE_SEQUENCE_WRITE + below(3));
        break;
    case 7:
        type = CUE_OPTIONS_WRITE;
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
    unsigned seen[CUE_CHANNEL_COUNT] = {0};
    bool used[CUE_CHANNEL_COUNT] = {false};
    uint8_t last[CUE_FRAME_SIZE_MAX];
    size_t last_size = 0;
    unsigned executed = 0, boots = 0, edges = 0, programs = 0;
    seed();
    for (int input = 0; input < SESSION_INPUTS; input++) {
        if (input % 5000 == 0) {
            // Every so often a new board, sometimes just before its clocks wrap.
            fake_init(&fake, below(2) == 0 ? 1000000u : 0xFFFFFFFFu - below(5000000));
            fake_boot(&fake, (uint8_t)(random_u32() & 0x8F), (uint16_t)random_u32());
            boots++;
        }
        if (input % 1000 == 100) {
            random_programs();
        }
        uint32_t before = fake.host.device.counters.executed;
        bool was_running = fake.host.device.sequence.running;
        switch (below(14)) {
        case 12:
            fake.host.closed = !fake.host.closed;
            fake.host.estop_open = below(100) == 0;
            break;
        case 13:
            fake.host.analog_permille = (int16_t)below(1001);
            fake.host.distance_mm = (int16_t)below(9000);
            break;
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
        programs += fake.host.device.sequence.running && !was_running ? 1u : 0u;
        for (size_t channel = 0; channel < CUE_CHANNEL_COUNT; channel++) {
            edges += fake.on_edges[channel] != seen[channel] ? 1u : 0u;
            used[channel] |= fake.on_edges[channel] != 0;
            seen[channel] = fake.on_edges[channel];
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
    printf("    %u boots, %u commands executed, %u edges to on, %u programs started\n", boots,
           executed, edges, programs);
    CHECK(executed > 5000);
    CHECK(edges > 1000);
    CHECK(programs > 100);
    CHECK(used[LIGHT] && used[SOLENOID] && used[ARM] && used[FAN] && used[STRIP]);
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
