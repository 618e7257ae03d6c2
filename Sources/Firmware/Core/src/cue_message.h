// The numbers of EP/1: messages, reasons, operations, states, events (docs/link.md §3 to §5).
#ifndef CUE_MESSAGE_H
#define CUE_MESSAGE_H

#ifdef __cplusplus
extern "C" {
#endif

enum { CUE_PROTOCOL = 1 };

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
    CUE_IDENTITY_WRITE = 0x0A
};

// What a board sends.
enum {
    CUE_ACK = 0x80,
    CUE_HELLO = 0x81,
    CUE_MANIFEST_CHUNK = 0x82,
    CUE_COUNTERS = 0x89,
    CUE_NAK = 0x8F,
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
    CUE_NAK_NOT_BLANK = 10
};

// Operations of a COMMAND.
enum {
    CUE_OP_SET = 1,
    CUE_OP_PULSE = 2,
    CUE_OP_TARGET = 3,
    CUE_OP_DRIVE = 4,
    CUE_OP_TONE = 5,
    CUE_OP_FILL = 6,
    CUE_OP_OFF = 7
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
enum { CUE_EVENT_INPUT = 1, CUE_EVENT_FAULT = 2, CUE_EVENT_STATE = 3 };
enum {
    CUE_FAULT_LINK_LOST = 1,
    CUE_FAULT_WATCHDOG = 2,
    CUE_FAULT_MAX_ON = 3,
    CUE_FAULT_BROWN_OUT = 4
};
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
    CUE_HELLO_SIZE = 28,
    CUE_ACK_SIZE = 3,
    CUE_NAK_SIZE = 4,
    CUE_EVENT_SIZE = 8,
    CUE_COUNTERS_SIZE = 33,
    CUE_MANIFEST_CHUNK_MAX = 40,
    CUE_UID_SIZE = 8
};

// The host's beat, and how long a board waits for it.
enum { CUE_BEAT_PERIOD_MS = 200, CUE_LINK_TIMEOUT_MS = 500 };

#ifdef __cplusplus
}
#endif

#endif
