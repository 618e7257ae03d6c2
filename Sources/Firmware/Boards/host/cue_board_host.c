// A board without hardware.
#include "cue_board_host.h"
#include <string.h> // memset

const cue_channel_t cue_board_host_channels[CUE_CHANNEL_COUNT] = CUE_CHANNEL_TABLE;
static const uint8_t manifest[CUE_MANIFEST_SIZE] = CUE_MANIFEST_BYTES;

void cue_board_host_judge(cue_board_host_t *host, const char *violation) {
    if (host->violation == 0) {
        host->violation = violation;
    }
}

static void read_channel(void *context, uint8_t index, cue_channel_t *channel) {
    (void)context;
    *channel = cue_board_host_channels[index];
}

static uint8_t manifest_byte(void *context, uint16_t offset) {
    (void)context;
    return manifest[offset];
}

static void prepare(void *context, const cue_channel_t *channel) {
    (void)context;
    (void)channel;
}

static bool input_start(void *context, const cue_channel_t *channel) {
    (void)context;
    (void)channel;
    return true;
}

static int16_t input_read(void *context, const cue_channel_t *channel) {
    const cue_board_host_t *host = context;
    switch (channel->kind) {
    case CUE_KIND_ANALOG:
        return host->analog_permille;
    case CUE_KIND_DISTANCE:
        return host->distance_mm;
    case CUE_KIND_SWITCH:
        return host->closed ? 1 : 0;
    default:
        return host->pressed ? 1 : 0;
    }
}

static bool estop_open(void *context) {
    return ((const cue_board_host_t *)context)->estop_open;
}

static void stepper_run(void *context, const cue_channel_t *channel, cue_stepper_t *stepper) {
    cue_board_host_t *host = context;
    cue_host_stepper_t *timer = &host->steppers[channel->slot % CUE_HOST_STEPPERS];
    if (stepper == 0) {
        if (timer->stepper != 0) {
            timer->stepper->running = false;
        }
        timer->stepper = 0;
    } else if (timer->stepper == 0) {
        stepper->running = true;
        timer->stepper = stepper;
        timer->next_us = host->board.time_us(host) + 200u;
    }
}

static void stepper_aim(void *context, cue_stepper_t *stepper, int32_t target, uint16_t first_us,
                        uint16_t shortest_us) {
    (void)context;
    cue_stepper_aim(stepper, target, first_us, shortest_us);
}

void cue_board_host_make_steps(cue_board_host_t *host) {
    uint32_t now_us = host->board.time_us(host);
    for (size_t slot = 0; slot < CUE_HOST_STEPPERS; slot++) {
        cue_host_stepper_t *timer = &host->steppers[slot];
        while (timer->stepper != 0 && (int32_t)(timer->next_us - now_us) <= 0) {
            uint16_t wait_us = cue_stepper_next(timer->stepper);
            if (timer->stepper->stepping && host->stepped != 0) {
                host->stepped(host, timer->next_us, timer->stepper);
            }
            timer->next_us += wait_us;
            if (wait_us == 0) {
                timer->stepper->running = false;
                timer->stepper = 0;
            }
        }
    }
}

static uint8_t store_read(void *context, uint16_t address) {
    cue_board_host_t *host = context;
    if (address >= sizeof host->store) {
        cue_board_host_judge(host, "read past the store");
        return 0;
    }
    return host->store[address];
}

static void store_write(void *context, uint16_t address, uint8_t byte) {
    cue_board_host_t *host = context;
    if (address >= sizeof host->store) {
        cue_board_host_judge(host, "wrote past the store");
        return;
    }
    host->store[address] = byte;
    host->store_writes++;
}

static bool store_busy(void *context) {
    (void)context;
    return false;
}

void cue_board_host_init(cue_board_host_t *host, const cue_board_t *functions) {
    memset(host, 0, sizeof *host);
    memset(host->store, 0xFF, sizeof host->store);
    cue_board_t *board = &host->board;
    *board = *functions;
    board->context = host;
    board->build = CUE_BUILD;
    board->manifest_crc32 = CUE_MANIFEST_CRC32;
    board->manifest_size = CUE_MANIFEST_SIZE;
    board->sequence_size = CUE_SEQUENCE_BYTES;
    board->channel_count = CUE_CHANNEL_COUNT;
    board->has_estop = CUE_HAS_ESTOP != 0;
    board->firmware[0] = CUE_FIRMWARE_MAJOR;
    board->firmware[1] = CUE_FIRMWARE_MINOR;
    board->firmware[2] = CUE_FIRMWARE_PATCH;
    board->pixels = host->pixels;
    board->pixel_count = CUE_PIXEL_COUNT;
    board->channel = read_channel;
    board->manifest_byte = manifest_byte;
    board->prepare = prepare;
    board->input_start = input_start;
    board->input_read = input_read;
    board->estop_open = estop_open;
    board->stepper_run = stepper_run;
    board->stepper_aim = stepper_aim;
    board->store_read = store_read;
    board->store_write = store_write;
    board->store_busy = store_busy;
}

void cue_board_host_boot(cue_board_host_t *host, uint8_t reset_cause, uint16_t entropy) {
    memset(host->steppers, 0, sizeof host->steppers);
    cue_device_start(&host->device, &host->board, reset_cause, entropy);
}
