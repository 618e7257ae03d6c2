// libFuzzer: every input is a line of bytes with pauses between them, to an armed board. The judge
// of the fake board must have nothing to say.
#include "cue_bytes.h" // little-endian fields
#include "talk.h"      // an armed fake board
#include "test.h"      // cue_test_failed
#include <stdio.h>     // fprintf
#include <stdlib.h>    // abort

bool cue_test_failed;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

// Frames are given without their check, so that the fuzzer gets past it: length, pause, type, seq,
// payload.
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static fake_t fake;
    talk_armed(&fake, 0xFFFFFFFFu - 2000000u);
    (void)unlock(&fake, 1u << SOLENOID | 1u << FAN, 600);
    size_t at = 0;
    while (at + 4 <= size) {
        size_t payload_size = bytes[at] % (CUE_PAYLOAD_SIZE_MAX + 1);
        bool raw = (bytes[at] & 0x80) != 0;
        uint32_t pause_us = (uint32_t)bytes[at + 1] * (uint32_t)bytes[at + 1] * 16u;
        payload_size = payload_size < size - at - 4 ? payload_size : size - at - 4;
        if (raw) {
            fake_put(&fake, bytes + at + 2, payload_size + 2);
        } else {
            uint8_t wire[CUE_FRAME_SIZE_MAX];
            size_t wire_size;
            (void)cue_link_encode(bytes[at + 2], bytes[at + 3], bytes + at + 4, payload_size, wire,
                                  sizeof wire, &wire_size);
            fake_put(&fake, wire, wire_size);
        }
        fake_step(&fake);
        fake.time_us += pause_us;
        fake_step(&fake);
        fake.output_size = 0;
        at += 4 + payload_size;
    }
    if (fake.host.violation != NULL) {
        fprintf(stderr, "%s\n", fake.host.violation);
        abort();
    }
    return 0;
}
