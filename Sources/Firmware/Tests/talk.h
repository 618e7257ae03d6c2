// The host's half of a conversation with a fake board.
#ifndef CUE_TALK_H
#define CUE_TALK_H

#include "fake_board.h" // fake_t

// A frame the board sent.
typedef struct {
    uint8_t type, seq;
    uint8_t payload[CUE_PAYLOAD_SIZE_MAX];
    size_t payload_size;
} said_t;

// Takes the oldest frame the board sent; false when there is none.
bool talk_next(fake_t *fake, said_t *said);

// Sends a frame, lets the board run one pass, and returns its answer (type 0 when there is none).
// Events before it are skipped and stay unread.
said_t talk(fake_t *fake, uint8_t type, uint8_t seq, const void *payload, size_t size);

// The same with a sequence number of its own.
said_t ask(fake_t *fake, uint8_t type, const void *payload, size_t size);

// A blank board that was booted and armed at this time.
void talk_armed(fake_t *fake, uint64_t time_us);

// COMMAND; returns 0 when it was executed, else the reason of the NAK, 255 for anything else.
int command(fake_t *fake, uint8_t channel, uint8_t operation, const void *arguments, size_t size);
int set(fake_t *fake, uint8_t channel, uint8_t on, uint16_t duration_ms);
int pulse(fake_t *fake, uint8_t channel, uint16_t duration_ms);
int target(fake_t *fake, uint16_t angle_cdeg, uint16_t hold_ms);
int drive(fake_t *fake, int16_t speed_permille, uint16_t duration_ms);
int tone(fake_t *fake, uint16_t frequency_hz, uint16_t duration_ms);
int fill(fake_t *fake, uint8_t level, uint8_t first, uint8_t count, uint16_t duration_ms);
int off(fake_t *fake, uint8_t channel);

// remaining_ms of the last NAK that command() saw.
extern uint16_t talk_remaining_ms;

// Lets time pass while the host beats every 200 ms.
void beat_for(fake_t *fake, uint32_t time_ms);

#endif
