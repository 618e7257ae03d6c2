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

// Sends a frame with a sequence number of its own and lets the board run one pass; what it says stays
// unread.
void talk_send(fake_t *fake, uint8_t type, const void *payload, size_t size);

// As talk() with a sequence number of its own.
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
int glide(fake_t *fake, uint8_t channel, uint16_t angle_cdeg, uint16_t move_ms, uint8_t easing,
          uint16_t hold_ms);
int level(fake_t *fake, uint16_t permille, uint16_t fade_ms, uint16_t duration_ms);
int effect(fake_t *fake, uint8_t number, uint8_t red, uint16_t period_ms, uint16_t duration_ms);
int move(fake_t *fake, int32_t position, uint16_t speed_sps, uint16_t hold_ms);

// A request that is answered by ACK or NAK: as command().
int request(fake_t *fake, uint8_t type, const void *payload, size_t size);

// UNLOCK with this boot's nonce.
int unlock(fake_t *fake, uint16_t mask, uint16_t time_s);

// Whether the board sent this event; drops what it sent before.
bool told(fake_t *fake, uint8_t kind, uint8_t channel, int16_t value);

// remaining_ms of the last NAK that command() saw.
extern uint16_t talk_remaining_ms;

// Lets time pass while the host beats every 200 ms.
void beat_for(fake_t *fake, uint32_t time_ms);

#endif
