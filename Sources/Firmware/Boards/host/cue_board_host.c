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

static cue_channel_t read_channel(void *context, uint8_t index) {
    (void)context;
    return cue_board_host_channels[index];
}

static uint8_t manifest_byte(void *context, uint16_t offset) {
    (void)context;
    return manifest[offset];
}

static void prepare(void *context, const cue_channel_t *channel) {
    (void)context;
    (void)channel;
}

static bool button_read(void *context, const cue_channel_t *channel) {
    (void)channel;
    return ((cue_board_host_t *)context)->pressed;
}

static uint8_t store_read(void *context, uint8_t address) {
    cue_board_host_t *host = context;
    if (address >= CUE_STORE_SIZE) {
        cue_board_host_judge(host, "read past the store");
        return 0;
    }
    return host->store[address];
}

static void store_write(void *context, uint8_t address, uint8_t byte) {
    cue_board_host_t *host = context;
    if (address >= CUE_STORE_SIZE) {
        cue_board_host_judge(host, "wrote past the store");
        return;
    }
    host->store[address] = byte;
    host->store_writes++;
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
    board->channel_count = CUE_CHANNEL_COUNT;
    board->firmware[0] = CUE_FIRMWARE_MAJOR;
    board->firmware[1] = CUE_FIRMWARE_MINOR;
    board->firmware[2] = CUE_FIRMWARE_PATCH;
    board->pixels = host->pixels;
    board->pixel_count = CUE_PIXEL_COUNT;
    board->channel = read_channel;
    board->manifest_byte = manifest_byte;
    board->prepare = prepare;
    board->button_read = button_read;
    board->store_read = store_read;
    board->store_write = store_write;
}

void cue_board_host_boot(cue_board_host_t *host, uint8_t reset_cause, uint16_t entropy) {
    host->board.reset_cause = reset_cause;
    host->board.entropy = entropy;
    cue_device_start(&host->device, &host->board);
}
