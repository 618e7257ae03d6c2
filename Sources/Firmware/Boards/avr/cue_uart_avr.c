// UART 0 with rings and interrupts of its own.
#include "cue_uart_avr.h"
#include "cue_board_table.h" // CUE_BAUD
#include <avr/interrupt.h>   // ISR
#include <avr/io.h>          // UCSR0A …
#include <string.h>          // memset
#include <util/atomic.h>     // ATOMIC_BLOCK

// Powers of two; one place of each stays free. An answer is longer than the shortest request, so
// that 30 of these in a row need room.
enum { RECEIVE_SIZE = 64, TRANSMIT_SIZE = 128 };

// The names of UART 0's interrupts.
#ifdef USART0_RX_vect
#define RECEIVED_vect USART0_RX_vect
#define EMPTY_vect USART0_UDRE_vect
#else
#define RECEIVED_vect USART_RX_vect
#define EMPTY_vect USART_UDRE_vect
#endif

static volatile uint8_t received[RECEIVE_SIZE];
static volatile uint8_t receive_head, receive_tail;
static volatile uint8_t transmitted[TRANSMIT_SIZE];
static volatile uint8_t transmit_head, transmit_tail;
// Taken every millisecond, in which 12 bytes may come.
static volatile uint8_t overruns, ring_overflows, framing;

void cue_uart_avr_start(void) {
    UCSR0A = _BV(U2X0); // 2.1 % off at 115 200 baud, without it 3.5 %
    UBRR0 = (uint16_t)((F_CPU / 4 / CUE_BAUD - 1) / 2);
    UCSR0C = _BV(UCSZ01) | _BV(UCSZ00);
    UCSR0B = _BV(RXEN0) | _BV(TXEN0) | _BV(RXCIE0);
}

ISR(RECEIVED_vect) {
    uint8_t status = UCSR0A; // before UDR0, which clears it
    uint8_t byte = UDR0;
    if ((status & _BV(DOR0)) != 0) {
        overruns++;
    }
    if ((status & _BV(FE0)) != 0) {
        framing++;
        return;
    }
    uint8_t next = (uint8_t)((receive_head + 1u) % RECEIVE_SIZE);
    if (next == receive_tail) {
        ring_overflows++;
        return;
    }
    received[receive_head] = byte;
    receive_head = next;
}

void cue_uart_avr_poll(void) {
    if ((UCSR0A & _BV(RXC0)) != 0) {
        // The interrupt's own code saves all that it changes. It ends with interrupts on, but one
        // more instruction is carried out before any of them, and that one turns them off again.
        __asm__ volatile("call %x0 \n cli \n" ::"i"(RECEIVED_vect) : "memory");
    }
}

ISR(EMPTY_vect) {
    if (transmit_tail == transmit_head) {
        UCSR0B &= (uint8_t)~_BV(UDRIE0);
        return;
    }
    UDR0 = transmitted[transmit_tail];
    transmit_tail = (uint8_t)((transmit_tail + 1u) % TRANSMIT_SIZE);
}

size_t cue_uart_avr_read(void *context, uint8_t *bytes, size_t capacity) {
    (void)context;
    size_t size = 0;
    while (size < capacity && receive_tail != receive_head) {
        bytes[size++] = received[receive_tail];
        receive_tail = (uint8_t)((receive_tail + 1u) % RECEIVE_SIZE);
    }
    return size;
}

bool cue_uart_avr_write(void *context, const uint8_t *bytes, size_t size) {
    (void)context;
    uint8_t head = transmit_head;
    uint8_t room = (uint8_t)((transmit_tail - head - 1u) % TRANSMIT_SIZE);
    if (size > room) {
        return false;
    }
    for (size_t index = 0; index < size; index++) {
        transmitted[head] = bytes[index];
        head = (uint8_t)((head + 1u) % TRANSMIT_SIZE);
    }
    transmit_head = head;
    ATOMIC_BLOCK(ATOMIC_RESTORESTATE) {
        UCSR0B |= _BV(UDRIE0);
    }
    return true;
}

cue_uart_errors_t cue_uart_avr_take_errors(void *context) {
    (void)context;
    cue_uart_errors_t taken;
    ATOMIC_BLOCK(ATOMIC_RESTORESTATE) {
        taken.framing = framing;
        taken.overruns = overruns;
        taken.ring_overflows = ring_overflows;
        framing = overruns = ring_overflows = 0;
    }
    return taken;
}

bool cue_uart_avr_waiting(void) {
    return receive_tail != receive_head;
}
