// The numbers of EP/1: messages, reasons, operations, states, events (docs/link.md §3 to §5).
#ifndef CUE_MESSAGE_H
#define CUE_MESSAGE_H

#ifdef __cplusplus
extern "C" {
#endif

enum { CUE_PROTOCOL = 1, CUE_PROTOCOL_MINOR = 1 };

// Requests of the host.
enum {
    CUE_HELLO_REQUEST = 0x01,
    CUE_MANIFEST_READ = 0x02,
    CUE_ARM = 0x03,
    CUE_DISARM = 0x04,
    CUE_BEAT = 0x05,
    CUE_COMMAND = 0x06,
    CUE_ESTOP = 0x07,
    CUE_ESTOP_CLEAR = 0x08,
    CUE_COUNTERS_READ = 0x09,
    CUE_IDENTITY_WRITE = 0x0A,
    CUE_SEQUENCE_WRITE = 0x0B,
    CUE_SEQUENCE_COMMIT = 0x0C,
    CUE_SEQUENCE_READ = 0x0D,
    CUE_SEQUENCE_START = 0x0E,
    CUE_UNLOCK = 0x0F,
    CUE_OPTIONS_WRITE = 0x10,
    CUE_CLOCK_READ = 0x11
};

// What a board sends.
enum {
    CUE_ACK = 0x80,
    CUE_HELLO = 0x81,
    CUE_MANIFEST_CHUNK = 0x82,
    CUE_COUNTERS = 0x89,
    CUE_SEQUENCE = 0x8D,
    CUE_NAK = 0x8F,
    CUE_CLOCK = 0x91,
    CUE_EVENT = 0xA0
};

// Why a request was refused.
enum {
    CUE_NAK_UNKNOWN_TYPE = 1,
    CUE_NAK_BAD_LENGTH = 2,
    CUE_NAK_NOT_ARMED = 3,
    CUE_NAK_ESTOPPED = 4,
    CUE_NAK_BAD_CHANNEL = 5,
    CUE_NAK_BAD_OPERATION = 6,
    CUE_NAK_OUT_OF_RANGE = 7,
    CUE_NAK_BUSY = 8,
    CUE_NAK_WRONG_NONCE = 9,
    CUE_NAK_NOT_BLANK = 10,
    CUE_NAK_LOCKED = 11
};

// Operations of a COMMAND.
enum {
    CUE_OP_SET = 1,
    CUE_OP_PULSE = 2,
    CUE_OP_TARGET = 3,
    CUE_OP_DRIVE = 4,
    CUE_OP_TONE = 5,
    CUE_OP_FILL = 6,
    CUE_OP_OFF = 7,
    CUE_OP_GLIDE = 8,
    CUE_OP_BRAKE = 9,
    CUE_OP_LEVEL = 10,
    CUE_OP_EFFECT = 11,
    CUE_OP_MOVE = 12
};

// Effects of a strip.
enum {
    CUE_EFFECT_RAINBOW = 1,
    CUE_EFFECT_CHASE = 2,
    CUE_EFFECT_BREATHE = 3,
    CUE_EFFECT_FLASH = 4,
    CUE_EFFECT_SPARKLE = 5
};

// The state byte: two bits of state, then flags.
enum {
    CUE_SAFE = 0,
    CUE_ARMED = 1,
    CUE_ESTOPPED = 2,
    CUE_STATE_MASK = 3,
    CUE_STATE_LINK_LOST = 4,
    CUE_STATE_FAULT = 8,
    CUE_STATE_UID_BLANK = 16
};

// Kinds of EVENT, and the values of a FAULT.
enum { CUE_EVENT_INPUT = 1, CUE_EVENT_FAULT = 2, CUE_EVENT_STATE = 3, CUE_EVENT_SEQUENCE = 4 };
enum {
    CUE_FAULT_LINK_LOST = 1,
    CUE_FAULT_WATCHDOG = 2,
    CUE_FAULT_MAX_ON = 3,
    CUE_FAULT_BROWN_OUT = 4,
    CUE_FAULT_ESTOP_WIRED = 5
};
enum { CUE_SEQUENCE_STARTED = 1, CUE_SEQUENCE_ENDED = 2, CUE_SEQUENCE_STOPPED = 3 };
enum { CUE_CHANNEL_BOARD = 255 };

// Bits of a reset cause.
enum {
    CUE_RESET_POWER_ON = 1,
    CUE_RESET_PIN = 2,
    CUE_RESET_BROWN_OUT = 4,
    CUE_RESET_WATCHDOG = 8,
    CUE_RESET_HANG = 128
};

enum {
    CUE_HELLO_SIZE = 29,
    CUE_ACK_SIZE = 3,
    CUE_NAK_SIZE = 4,
    CUE_EVENT_SIZE = 8,
    CUE_COUNTERS_SIZE = 35,
    CUE_MANIFEST_CHUNK_MAX = 40,
    CUE_UID_SIZE = 8,
    CUE_SEQUENCE_CHUNK_MAX = 40,
    CUE_SEQUENCE_SIZE = 6,
    CUE_CLOCK_SIZE = 8
};

// Options kept in the store.
enum { CUE_OPTION_ESTOP = 1 };

// Longest time of UNLOCK.
enum { CUE_UNLOCK_MAX_S = 3600 };

// The host's beat, and how long a board waits for it.
enum { CUE_BEAT_PERIOD_MS = 200, CUE_LINK_TIMEOUT_MS = 500 };

#ifdef __cplusplus
}
#endif

#endif
