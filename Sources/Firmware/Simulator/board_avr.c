// cuelight-board-avr: an AVR board's machine code on a simulated chip in real time, its serial port a
// pty; one program for each board of hardware/boards. A tool for tests. It links libsimavr, which is GPL-3, and is not shipped with
// anything.
//
// It differs from a plain run of libsimavr 1.6 where that is not like the chip:
// - a byte takes the ten bits of 8N1 at the rate that UBRR and U2X set (the library counts eleven);
// - the receiver takes one byte per byte time and loses bytes when three wait (two and the shift
// register);
// - a host at another rate than the chip's hears, and is heard as, what the other's sampling makes of
// each byte;
// - the flash is written as a chip does it: by the bootloader alone and never in its own place, an
// erasing or writing takes 4 ms, an address anywhere in a page names the page, and writing
// takes bits away and gives none back;
// - low INT0/INT1 pins do not call back every cycle, and the core runs up to 64 cycles between
// timers;
// - pins become high-impedance at a reset, which the library does not report;
// - a byte written to the EEPROM takes 3.4 ms;
// - clearing one of a timer's interrupt flags leaves its other flags, and their interrupts, alone
//   (the library drops them all, an overflow that the clock counts among them);
// - PWM is read from the timer registers, because the library's PWM edges are stale;
// - the clock is held to the wall clock; a host that was too busy is not caught up with, and a
//   tester may stop it (control line `run`).
#define _GNU_SOURCE           // ppoll
#include "cue_board_table.h"  // pins, generated from hardware/boards/<board>.json
#include "cue_sim.h"          // pty, events, control
#include <avr_adc.h>          // analog inputs
#include <avr_eeprom.h>       // store
#include <avr_extint.h>       // avr_extint_set_strict_lvl_trig
#include <avr_flash.h>        // self-programming
#include <avr_ioport.h>       // pins
#include <avr_uart.h>         // line
#include <sim_avr.h>          // the chip
#include <sim_core.h>         // avr_sreg_set
#include <sim_cycle_timers.h> // byte times
#include <sim_io.h>           // avr_ioctl
#include <stdlib.h>           // strtoul
#include <string.h>           // memcmp

enum {
    CYCLES_PER_US = 16,
    SLICE_CYCLES = 200 * CYCLES_PER_US,
    HALT_NS = 2000000,
    RECEIVE_MAX = 4096,
    PAINT = 0xA5,
    FLASH_SIZE = CUE_FLASH_BYTES,
    EEPROM_SIZE = CUE_EEPROM_BYTES,
    PORTS = 11, // A to L without I
    // Debian's optiboot is 20 bytes longer than its place at the flash's end; no chip could hold
    // it.
    FLASH_ROOM = FLASH_SIZE + 64,
    HANG_AT = FLASH_SIZE - 0x2210, // below any bootloader
    STORE_CYCLES = 3400 * CYCLES_PER_US,
    SELF_PROGRAM_CYCLES = 4000 * CYCLES_PER_US, // 3.7 to 4.5 ms
    PAGE_MAX = 256,
    FRAME_BITS = 10, // start, eight, stop
    REG_Z = 30,
    SAVE_PERIOD_CYCLES = 5000 * CYCLES_PER_US,
    STRIP_LATCH_CYCLES = 50 * CYCLES_PER_US,
    STRIP_BYTES_MAX = 3 * CUE_PIXEL_COUNT + 3
};

// Registers of the ATmega328P that are sampled, in data space.
enum {
    REG_TIFR0 = 0x35, // of timers 0 to 2, one after another
    REG_EECR = 0x3F,
    BIT_EEPE = 1,
    REG_TCCR1A = 0x80,
    REG_TCCR1B = 0x81,
    REG_OCR1A = 0x88,
    REG_TCCR2A = 0xB0,
    REG_TCCR2B = 0xB1,
    REG_OCR2A = 0xB3,
    REG_OCR2B = 0xB4,
    REG_UCSR0A = 0xC0,
    BIT_U2X0 = 1,
    BIT_DOR0 = 3,
    REG_UBRR0L = 0xC4,
    REG_UBRR0H = 0xC5,
    FLAG_REGISTERS = 3,
    BIT_COM1A1 = 7,
    BIT_COM2A1 = 7,
    BIT_COM2B1 = 5
};

// A WS2812 listener: bits by the length of their high part.
typedef struct {
    avr_cycle_count_t rose, fell;
    uint8_t bytes[STRIP_BYTES_MAX];
    size_t bits;
    bool bad;
    bool open; // bits came since the last latch
} strip_t;

// A buzzer listener: the frequency by the distance of edges.
typedef struct {
    avr_cycle_count_t edge;
    bool high;
    uint32_t half_cycles;
    unsigned long frequency_hz;
} tone_t;

// The library's own handler of a register.
typedef struct {
    avr_io_write_t run;
    void *param;
} handler_t;

typedef struct {
    cue_sim_t sim;
    avr_t *avr;
    handler_t flag_handlers[FLAG_REGISTERS];
    avr_uart_t *uart;
    avr_irq_t *uart_in;
    unsigned host_bps; // at which the port is open; 0 if it is none we know
    avr_flash_t *flash_unit;
    int (*flash_control)(avr_io_t *unit, uint32_t request, void *param); // the library's own
    unsigned loader_start; // 0 without a bootloader
    void (*core_reset)(avr_t *avr);
    const char *reset_why; // of a reset that we cause; else it is the watchdog's
    uint8_t received[RECEIVE_MAX];
    size_t receive_head, receive_size;
    bool receiving;
    uint8_t line_byte; // the last one that reached the chip
    unsigned long lost_bytes;
    bool levels_lost; // a reset took the inputs' levels off the pins
    bool button_low, switch_low, estop_low;
    uint8_t ports[PORTS], directions[PORTS]; // as last reported
    unsigned distance_mm;                    // what stands before the sensor; 0: nothing
    strip_t strip;
    tone_t tone;
    unsigned servo_width_us, motor_permille, light_permille;
    bool hanging;
    uint8_t hang_place[2]; // what is there otherwise
    uint8_t eeprom[EEPROM_SIZE];
    uint8_t flash[FLASH_SIZE];
    avr_cycle_count_t saved;
} chip_t;

static chip_t chip;

static uint64_t now_us(void) {
    return chip.avr->cycle / CYCLES_PER_US;
}

// ---- Outputs

static void strip_edge(bool high) {
    strip_t *strip = &chip.strip;
    avr_cycle_count_t now = chip.avr->cycle;
    if (high) {
        strip->rose = now;
        return;
    }
    if (strip->rose == 0) {
        return; // becoming an output at low level is not a bit
    }
    avr_cycle_count_t length = now - strip->rose;
    strip->rose = 0;
    bool one = length >= 10;
    // Data sheet: 0.35 us and 0.7 us (WS2812) or 0.8 us (B), each within 0.15 us.
    strip->bad |= one ? length < 9 || length > 15 : length < 4 || length > 8;
    if (strip->bits < 8 * STRIP_BYTES_MAX) {
        uint8_t *byte = &strip->bytes[strip->bits / 8];
        *byte = (uint8_t)(*byte << 1 | one);
        strip->bits++;
    } else {
        strip->bad = true;
    }
    strip->fell = now;
    strip->open = true;
}

static void strip_latch(void) {
    strip_t *strip = &chip.strip;
    if (!strip->open || chip.avr->cycle - strip->fell < STRIP_LATCH_CYCLES) {
        return;
    }
    char colours[2 * STRIP_BYTES_MAX + 1] = "";
    for (size_t at = 0; at + 2 < strip->bits / 8; at += 3) {
        snprintf(colours + 2 * at, 7, "%02x%02x%02x", strip->bytes[at + 1], strip->bytes[at],
                 strip->bytes[at + 2]);
    }
    bool whole = !strip->bad && strip->bits % 24 == 0;
    cue_sim_event(&chip.sim, now_us(), "\"strip\":\"D%d\",\"rgb\":\"%s\"%s", CUE_PIN_STRIP, colours,
                  whole ? "" : ",\"bad_timing\":true");
    memset(strip, 0, sizeof *strip);
}

static void tone_edge(bool high) {
    tone_t *tone = &chip.tone;
    if (tone->high == high) {
        return; // becoming an output at that level is not an edge
    }
    tone->high = high;
    tone->half_cycles = tone->edge == 0 ? 0 : (uint32_t)(chip.avr->cycle - tone->edge);
    tone->edge = chip.avr->cycle;
}

static void tone_sample(void) {
    tone_t *tone = &chip.tone;
    unsigned long frequency_hz = tone->frequency_hz;
    if (tone->edge != 0 && chip.avr->cycle - tone->edge > 20000u * CYCLES_PER_US) {
        memset(tone, 0, sizeof *tone);
    } else if (tone->half_cycles != 0) {
        unsigned long hz = 1000000ul * CYCLES_PER_US / (2ul * tone->half_cycles);
        unsigned long change = hz > frequency_hz ? hz - frequency_hz : frequency_hz - hz;
        // Single ticks of jitter are not another tone.
        tone->frequency_hz = 50 * change > frequency_hz ? hz : frequency_hz;
    }
    if (tone->frequency_hz != frequency_hz) {
        cue_sim_event(&chip.sim, now_us(), "\"tone\":\"D%d\",\"frequency_hz\":%lu", CUE_PIN_BUZZER,
                      tone->frequency_hz);
    }
}

static int arduino_pin(size_t port, int bit) {
    static const int numbers[PORTS][8] = CUE_PIN_NUMBERS;
    return numbers[port][bit];
}

static avr_irq_t *input_pin(unsigned code) {
    return avr_io_getirq(chip.avr, AVR_IOCTL_IOPORT_GETIRQ("ABCDEFGHJKL"[code / 8]), code % 8);
}

#ifdef CUE_DISTANCE_ECHO_PIN
static avr_cycle_count_t echo_ends(avr_t *avr, avr_cycle_count_t when, void *param) {
    (void)avr;
    (void)when;
    (void)param;
    avr_raise_irq(input_pin(CUE_DISTANCE_ECHO_PIN), 0);
    return 0;
}

static avr_cycle_count_t echo_begins(avr_t *avr, avr_cycle_count_t when, void *param) {
    (void)when;
    (void)param;
    avr_raise_irq(input_pin(CUE_DISTANCE_ECHO_PIN), 1);
    avr_cycle_timer_register(avr, chip.distance_mm * 2000u / 343u * CYCLES_PER_US, echo_ends, NULL);
    return 0;
}

// An HC-SR04: its echo goes up half a millisecond after the trigger's pulse, for as long as the sound
// is under way.
static bool distance_edge(int pin, bool high) {
    if (pin == CUE_PIN_RANGE && !high && chip.distance_mm != 0) {
        avr_cycle_timer_register(chip.avr, 450 * CYCLES_PER_US, echo_begins, NULL);
    }
    return pin == CUE_PIN_RANGE;
}
#else
static bool distance_edge(int pin, bool high) {
    (void)pin;
    (void)high;
    return false;
}
#endif

static void report_level(size_t port, int bit, const char *level) {
    int pin = arduino_pin(port, bit);
    bool high = level[0] == '1';
    if (level[0] != 'Z' && level[0] != '"') {
        if (pin == CUE_PIN_STRIP) {
            strip_edge(high);
        } else if (pin == CUE_PIN_BUZZER) {
            tone_edge(high);
        }
        bool hidden = distance_edge(pin, high) || pin == CUE_PIN_STRIP || pin == CUE_PIN_BUZZER;
        if (hidden && !chip.sim.options.raw) {
            return;
        }
    }
    cue_sim_event(&chip.sim, now_us(), "\"pin\":\"D%d\",\"level\":%s", pin, level);
}

// Reports what changed on a port: outputs by their level, inputs as high-impedance.
static void report_port(size_t port, uint8_t direction, uint8_t value) {
    for (int bit = 0; bit < 8; bit++) {
        uint8_t mask = (uint8_t)(1u << bit);
        bool was_output = (chip.directions[port] & mask) != 0;
        bool output = (direction & mask) != 0;
        bool changed = ((chip.ports[port] ^ value) & mask) != 0;
        if (output && (!was_output || changed)) {
            report_level(port, bit, (value & mask) != 0 ? "1" : "0");
        } else if (!output && was_output) {
            report_level(port, bit, "\"Z\"");
        }
    }
    chip.directions[port] = direction;
    chip.ports[port] = value;
}

static void on_port(struct avr_irq_t *irq, uint32_t value, void *param) {
    (void)irq;
    size_t port = (size_t)(uintptr_t)param;
    report_port(port, chip.directions[port], (uint8_t)value);
}

static void on_direction(struct avr_irq_t *irq, uint32_t value, void *param) {
    (void)irq;
    size_t port = (size_t)(uintptr_t)param;
    report_port(port, (uint8_t)value, chip.ports[port]);
}

static unsigned register16(unsigned address) {
    return (unsigned)chip.avr->data[address] | (unsigned)chip.avr->data[address + 1] << 8;
}

// Timer outputs, once per slice.
static void sample_timers(void) {
    const uint8_t *data = chip.avr->data;
    bool servo = (data[REG_TCCR1A] & (1u << BIT_COM1A1)) != 0 && (data[REG_TCCR1B] & 7u) != 0;
    unsigned width_us = servo ? (register16(REG_OCR1A) + 1) / 2 : 0;
    if (width_us != chip.servo_width_us) {
        chip.servo_width_us = width_us;
        cue_sim_event(&chip.sim, now_us(), "\"servo\":\"D%d\",\"width_us\":%u", CUE_PIN_SERVO,
                      width_us);
    }
    bool motor = (data[REG_TCCR2A] & (1u << BIT_COM2B1)) != 0 && (data[REG_TCCR2B] & 7u) != 0;
    unsigned permille = motor ? (data[REG_OCR2B] * 1000u + 127u) / 255u : 0;
    if (permille != chip.motor_permille) {
        chip.motor_permille = permille;
        cue_sim_event(&chip.sim, now_us(), "\"pwm\":\"D%d\",\"duty_permille\":%u", CUE_PIN_MOTOR,
                      permille);
    }
#ifdef CUE_PIN_LIGHT
    bool light = (data[REG_TCCR2A] & (1u << BIT_COM2A1)) != 0 && (data[REG_TCCR2B] & 7u) != 0;
    permille = light ? (data[REG_OCR2A] * 1000u + 127u) / 255u : 0;
    if (permille != chip.light_permille) {
        chip.light_permille = permille;
        cue_sim_event(&chip.sim, now_us(), "\"pwm\":\"D%d\",\"duty_permille\":%u", CUE_PIN_LIGHT,
                      permille);
    }
#endif
    strip_latch();
    tone_sample();
}

// ---- The line

static unsigned cycles_per_bit(void) {
    bool doubled = (chip.avr->data[REG_UCSR0A] & (1u << BIT_U2X0)) != 0;
    return (register16(REG_UBRR0L) % 0x1000 + 1) * (doubled ? 8 : 16);
}

static void on_rate(avr_t *avr, avr_io_addr_t address, uint8_t value, void *param) {
    (void)avr;
    (void)address;
    (void)value;
    (void)param;
    chip.uart->cycles_per_byte = FRAME_BITS * cycles_per_bit();
}

// What a receiver at one rate makes of a byte sent at another: it samples the middle of its own bits,
// with the line at rest after the byte. Up to 5 % of difference it is the same byte.
static uint16_t heard(uint8_t byte, unsigned sent_bps, unsigned heard_bps) {
    uint16_t bits = 0;
    for (unsigned bit = 1; bit < FRAME_BITS; bit++) {
        unsigned at = (2 * bit + 1) * sent_bps / (2 * heard_bps);
        unsigned high = at >= FRAME_BITS - 1 ? 1 : at == 0 ? 0 : (byte >> (at - 1)) & 1u;
        bits |= (uint16_t)(high << (bit - 1));
    }
    bool stopped = bits >> 8 != 0;
    return (uint16_t)((bits & 0xFF) | (stopped ? 0 : UART_INPUT_FE));
}

static uint16_t heard_by_chip(uint8_t byte) {
    unsigned chip_bps = chip.avr->frequency / cycles_per_bit();
    return chip.host_bps == 0 ? byte : heard(byte, chip.host_bps, chip_bps);
}

static uint8_t heard_by_host(uint8_t byte) {
    unsigned chip_bps = chip.avr->frequency / cycles_per_bit();
    return chip.host_bps == 0 ? byte : (uint8_t)heard(byte, chip_bps, chip.host_bps);
}

static avr_cycle_count_t deliver_byte(avr_t *avr, avr_cycle_count_t when, void *param) {
    (void)param;
    if (chip.receive_size == 0) {
        chip.receiving = false;
        return 0;
    }
    uint8_t byte = chip.received[chip.receive_head];
    chip.receive_head = (chip.receive_head + 1) % RECEIVE_MAX;
    chip.receive_size--;
    const uart_fifo_t *fifo = &chip.uart->input;
    unsigned waiting = (unsigned)(fifo->write - fifo->read) % uart_fifo_fifo_size;
    if (waiting >= 3) {
        chip.lost_bytes++;
        avr->data[REG_UCSR0A] |= (uint8_t)(1u << BIT_DOR0);
        cue_sim_event(&chip.sim, now_us(), "\"uart_lost\":%lu", chip.lost_bytes);
    } else {
        avr->data[REG_UCSR0A] &= (uint8_t) ~(1u << BIT_DOR0);
        avr_raise_irq(chip.uart_in, heard_by_chip(byte));
        if (byte == 0 && chip.line_byte != 0) {
            cue_sim_event(&chip.sim, now_us(), "\"uart_taken\":true"); // a frame is complete
        }
        chip.line_byte = byte;
    }
    return when + chip.uart->cycles_per_byte;
}

static void receive(void) {
    uint8_t bytes[256];
    size_t room = RECEIVE_MAX - chip.receive_size;
    size_t size =
        cue_sim_read(&chip.sim, now_us(), bytes, room < sizeof bytes ? room : sizeof bytes);
    for (size_t at = 0; at < size; at++) {
        chip.received[(chip.receive_head + chip.receive_size) % RECEIVE_MAX] = bytes[at];
        chip.receive_size++;
    }
    if (chip.receive_size > 0 && !chip.receiving) {
        chip.receiving = true;
        avr_cycle_timer_register(chip.avr, chip.uart->cycles_per_byte, deliver_byte, NULL);
    }
}

static void on_transmit(struct avr_irq_t *irq, uint32_t value, void *param) {
    (void)irq;
    (void)param;
    uint8_t byte = heard_by_host((uint8_t)value);
    cue_sim_write(&chip.sim, now_us(), &byte, 1);
}

// ---- Reset, hang, buttons

// A program may come by where it hung: the Mega's bootloader starts by running through empty flash.
static void end_hang(void) {
    if (chip.hanging) {
        memcpy(chip.avr->flash + HANG_AT, chip.hang_place, sizeof chip.hang_place);
    }
    chip.hanging = false;
}

static void on_reset(avr_t *avr) {
    cue_sim_event(&chip.sim, now_us(), "\"reset\":\"%s\"",
                  chip.reset_why != NULL ? chip.reset_why : "watchdog");
    for (size_t port = 0; port < PORTS; port++) {
        report_port(port, 0, 0);
    }
    chip.receive_size = 0;
    chip.receiving = false;
    chip.levels_lost = true;
    end_hang();
    memset(&chip.strip, 0, sizeof chip.strip);
    chip.tone.high = false;
    if (chip.core_reset != NULL) {
        chip.core_reset(avr);
    }
}

// Without a cause a bootloader does not wait for its programmer.
static void reset(const char *why, avr_regbit_t cause) {
    chip.reset_why = why;
    avr_reset(chip.avr);
    chip.reset_why = NULL;
    avr_regbit_set(chip.avr, cause);
}

// The library ignores a level that it thinks is there already, also when a reset has cleared it; and
// at each write to the port it puts back what it knows from outside, or the pull-up's level.
static void put_level(unsigned code, bool low) {
    static uint8_t masks[PORTS], values[PORTS];
    uint8_t bit = (uint8_t)(1u << code % 8);
    masks[code / 8] |= bit;
    values[code / 8] = (uint8_t)(low ? values[code / 8] & ~bit : values[code / 8] | bit);
    avr_ioport_external_t levels = {.mask = masks[code / 8], .value = values[code / 8]};
    avr_ioctl(chip.avr, AVR_IOCTL_IOPORT_SET_EXTERNAL("ABCDEFGHJKL"[code / 8]), &levels);
    avr_raise_irq(input_pin(code), low ? 1 : 0);
    avr_raise_irq(input_pin(code), low ? 0 : 1);
}

static void put_levels(void) {
    chip.levels_lost = false;
#ifdef CUE_BUTTON_PIN
    put_level(CUE_BUTTON_PIN, chip.button_low);
#endif
#ifdef CUE_SWITCH_PIN
    put_level(CUE_SWITCH_PIN, chip.switch_low);
#endif
#ifdef CUE_ESTOP_PIN
    put_level(CUE_ESTOP_PIN, chip.estop_low);
#endif
}

static void put_analog(unsigned permille) {
#ifdef CUE_ANALOG_PIN
    avr_irq_t *input = avr_io_getirq(chip.avr, AVR_IOCTL_ADC_GETIRQ, ADC_IRQ_ADC0 + CUE_ANALOG_PIN % 8);
    avr_raise_irq(input, permille * 5);
#else
    (void)permille;
#endif
}

static void hang(bool interrupts_off) {
    uint8_t *place = chip.avr->flash + HANG_AT;
    if (!chip.hanging) {
        memcpy(chip.hang_place, place, sizeof chip.hang_place);
    }
    chip.hanging = true;
    place[0] = 0xFF; // rjmp to itself
    place[1] = 0xCF;
    chip.avr->pc = HANG_AT;
    chip.avr->state = cpu_Running;
    // Wherever it was: a handler that is left in the middle would have interrupts off.
    avr_sreg_set(chip.avr, S_I, interrupts_off ? 0 : 1);
    cue_sim_event(&chip.sim, now_us(), "\"hang\":true");
}

// The longest stretch of memory that still holds the paint of power-on: what neither variables nor
// the stack ever touched.
static void report_memory(void) {
    unsigned longest = 0, run = 0;
    for (unsigned at = chip.avr->ioend + 1u; at <= chip.avr->ramend; at++) {
        run = chip.avr->data[at] == PAINT ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    cue_sim_event(&chip.sim, now_us(), "\"ram_untouched\":%u", longest);
}

static void control(void *context, const char *line) {
    (void)context;
    if (strncmp(line, "button ", 7) == 0) {
        chip.button_low = line[7] == '1';
        put_levels();
        cue_sim_event(&chip.sim, now_us(), "\"button\":%d", chip.button_low ? 1 : 0);
    } else if (strncmp(line, "switch ", 7) == 0) {
        chip.switch_low = line[7] == '1';
        put_levels();
    } else if (strncmp(line, "estop ", 6) == 0) {
        chip.estop_low = line[6] != '1'; // closed to ground; 1: open
        put_levels();
        cue_sim_event(&chip.sim, now_us(), "\"estop\":%d", chip.estop_low ? 0 : 1);
    } else if (strncmp(line, "analog ", 7) == 0) {
        put_analog((unsigned)strtoul(line + 7, NULL, 10));
    } else if (strncmp(line, "distance ", 9) == 0) {
        chip.distance_mm = (unsigned)strtoul(line + 9, NULL, 10);
    } else if (strcmp(line, "hang") == 0) {
        hang(false);
    } else if (strcmp(line, "hang-cli") == 0) {
        hang(true);
    } else if (strcmp(line, "reset") == 0) {
        reset("pin", chip.avr->reset_flags.extrf);
    } else if (strcmp(line, "brown-out") == 0) {
        reset("brown_out", chip.avr->reset_flags.borf);
    } else if (strcmp(line, "memory") == 0) {
        report_memory();
    } else if (line[0] != 0) {
        fprintf(stderr, "simulator: unknown control line: %s\n", line);
    }
}

// ---- Memories

static void die(const char *what) {
    fprintf(stderr, "simulator: %s\n", what);
    exit(1);
}

// Reads Intel HEX into the flash; returns the lowest address. (The library's reader mishandles
// type 3.)
static unsigned load_hex(const char *path) {
    FILE *file = fopen(path, "re");
    char line[600];
    unsigned lowest = FLASH_SIZE, above = 0;
    if (file == NULL) {
        die("cannot open the HEX file");
    }
    while (fgets(line, sizeof line, file) != NULL) {
        unsigned size, address, type, byte;
        if (sscanf(line, ":%2x%4x%2x", &size, &address, &type) != 3 ||
            strlen(line) < 11 + 2 * (size_t)size) {
            die("bad HEX file");
        }
        if (type == 2 || type == 4) { // where the following records lie
            (void)sscanf(line + 9, "%4x", &above);
            above <<= type == 2 ? 4 : 16;
        }
        address += above;
        for (unsigned at = 0; type == 0 && at < size; at++) {
            if (address + at >= FLASH_ROOM || sscanf(line + 9 + 2 * at, "%2x", &byte) != 1) {
                die("bad HEX record");
            }
            chip.avr->flash[address + at] = (uint8_t)byte;
        }
        lowest = type == 0 && address < lowest ? address : lowest;
    }
    fclose(file);
    return lowest;
}

static uint8_t *eeprom_bytes(void) {
    avr_eeprom_desc_t all = {.ee = NULL, .offset = 0, .size = 0};
    // The call answers -1 also when it works; without a buffer it hands out its own.
    (void)avr_ioctl(chip.avr, AVR_IOCTL_EEPROM_GET, &all);
    if (all.ee == NULL) {
        die("no EEPROM");
    }
    return all.ee;
}

static void save_memories(void) {
    chip.saved = chip.avr->cycle;
    const uint8_t *eeprom = eeprom_bytes();
    if (memcmp(chip.eeprom, eeprom, EEPROM_SIZE) != 0) {
        memcpy(chip.eeprom, eeprom, EEPROM_SIZE);
        cue_sim_save(chip.sim.options.eeprom, chip.eeprom, EEPROM_SIZE);
    }
    if (chip.sim.options.flash != NULL && memcmp(chip.flash, chip.avr->flash, FLASH_SIZE) != 0) {
        memcpy(chip.flash, chip.avr->flash, FLASH_SIZE);
        cue_sim_save(chip.sim.options.flash, chip.flash, FLASH_SIZE);
    }
}

static void load_memories(void) {
    const cue_sim_options_t *options = &chip.sim.options;
    unsigned base = 0;
    chip.avr->flash = realloc(chip.avr->flash, FLASH_ROOM);
    if (chip.avr->flash == NULL) {
        die("no memory");
    }
    memset(chip.avr->flash, 0xFF, FLASH_ROOM);
    size_t kept = cue_sim_load(options->flash, chip.avr->flash, FLASH_SIZE);
    if (kept == 0 && options->firmware != NULL) {
        load_hex(options->firmware);
    }
    if (options->bootloader != NULL) {
        base = load_hex(options->bootloader);
    }
    if (kept == 0 && options->firmware == NULL && options->bootloader == NULL) {
        die("nothing to run: --firmware, --bootloader or --flash");
    }
    chip.avr->codeend = FLASH_ROOM;
    chip.avr->reset_pc = chip.avr->pc = chip.loader_start = base; // the fuse BOOTRST

    uint8_t *eeprom = eeprom_bytes();
    memset(eeprom, 0xFF, EEPROM_SIZE);
    (void)cue_sim_load(options->eeprom, eeprom, EEPROM_SIZE);
    if (options->has_uid) {
        cue_sim_put_uid(eeprom, options->uid);
    }
}

// ---- The chip

static void quiet_logger(avr_t *avr, const int level, const char *format, va_list values) {
    (void)avr;
    if (level == LOG_ERROR) {
        vfprintf(stderr, format, values);
    }
}

// The stock one sleeps by itself; pacing is ours.
static void no_sleep(avr_t *avr, avr_cycle_count_t cycles) {
    (void)avr;
    (void)cycles;
}

static void find_uart(void) {
    for (avr_io_t *io = chip.avr->io_port; io != NULL; io = io->next) {
        if (strcmp(io->kind, "uart") == 0) {
            chip.uart = (avr_uart_t *)io;
        }
    }
    if (chip.uart == NULL) {
        die("no uart");
    }
    uint32_t flags = 0; // neither prints nor sleeps
    avr_ioctl(chip.avr, AVR_IOCTL_UART_SET_FLAGS('0'), &flags);
    chip.uart_in = avr_io_getirq(chip.avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_INPUT);
    avr_irq_register_notify(avr_io_getirq(chip.avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUTPUT),
                            on_transmit, NULL);
}

static avr_cycle_count_t store_done(avr_t *avr, avr_cycle_count_t when, void *param) {
    (void)when;
    (void)param;
    avr->data[REG_EECR] &= (uint8_t) ~(1u << BIT_EEPE);
    return 0;
}

// Called after the library has carried the write out at once.
static void on_store_control(avr_t *avr, avr_io_addr_t address, uint8_t value, void *param) {
    (void)param;
    if ((value & (1u << BIT_EEPE)) != 0) {
        avr->data[address] |= (uint8_t)(1u << BIT_EEPE);
        avr_cycle_timer_register(avr, STORE_CYCLES, store_done, NULL);
    }
}

// A flag is cleared by writing a one to it. The library's handler sees only the flags that are written.
static void on_flags(avr_t *avr, avr_io_addr_t address, uint8_t value, void *param) {
    const handler_t *handler = param;
    uint8_t kept = (uint8_t)(avr->data[address] & ~value);
    avr->data[address] &= value;
    handler->run(avr, address, value, handler->param);
    avr->data[address] = kept;
}

static void mend_flags(void) {
    for (size_t timer = 0; timer < FLAG_REGISTERS; timer++) {
        avr_io_addr_t place = (avr_io_addr_t)AVR_DATA_TO_IO(REG_TIFR0 + timer);
        handler_t *handler = &chip.flag_handlers[timer];
        *handler = (handler_t){chip.avr->io[place].w.c, chip.avr->io[place].w.param};
        if (handler->run == NULL) {
            die("no timer flags");
        }
        chip.avr->io[place].w.c = on_flags;
        chip.avr->io[place].w.param = handler;
    }
}

static avr_cycle_count_t self_program_done(avr_t *avr, avr_cycle_count_t when, void *param) {
    (void)when;
    (void)param;
    avr_regbit_clear(avr, chip.flash_unit->selfprgen);
    return 0;
}

// Around the library's SPM, which does everything at once and anywhere.
static int on_self_program(avr_io_t *unit, uint32_t request, void *param) {
    avr_t *avr = chip.avr;
    bool erases = avr_regbit_get(avr, chip.flash_unit->pgers) != 0;
    bool writes = avr_regbit_get(avr, chip.flash_unit->pgwrt) != 0;
    if (request != AVR_IOCTL_FLASH_SPM || !(erases || writes)) {
        return chip.flash_control(unit, request, param);
    }
    unsigned size = chip.flash_unit->spm_pagesize;
    unsigned bank = avr->rampz != 0 ? avr->data[avr->rampz] : 0;
    unsigned page = (bank << 16 | register16(REG_Z)) / size * size;
    if (avr->pc < chip.loader_start || page >= chip.loader_start) {
        avr_regbit_clear(avr, chip.flash_unit->selfprgen);
        return 0;
    }
    uint8_t before[PAGE_MAX], low = avr->data[REG_Z];
    memcpy(before, avr->flash + page, size);
    avr->data[REG_Z] = (uint8_t)page;
    int result = chip.flash_control(unit, request, param);
    avr->data[REG_Z] = low;
    for (unsigned at = 0; writes && at < size; at++) {
        avr->flash[page + at] &= before[at];
    }
    avr_regbit_set(avr, chip.flash_unit->selfprgen);
    avr_cycle_timer_register(avr, SELF_PROGRAM_CYCLES, self_program_done, NULL);
    return result;
}

static void mend_self_programming(void) {
    for (avr_io_t *io = chip.avr->io_port; io != NULL; io = io->next) {
        if (strcmp(io->kind, "flash") == 0) {
            chip.flash_unit = (avr_flash_t *)io;
            chip.flash_control = io->ioctl;
            io->ioctl = on_self_program;
        }
    }
    if (chip.flash_unit == NULL || chip.flash_unit->spm_pagesize > PAGE_MAX) {
        die("no self-programming");
    }
}

static void build_chip(void) {
    avr_global_logger_set(quiet_logger);
    chip.avr = avr_make_mcu_by_name(CUE_CHIP);
    if (chip.avr == NULL || avr_init(chip.avr) != 0) {
        die("no " CUE_CHIP);
    }
    chip.avr->frequency = 1000000u * CYCLES_PER_US;
    chip.avr->vcc = chip.avr->avcc = chip.avr->aref = 5000; // millivolts
    chip.avr->sleep = no_sleep;
    chip.core_reset = chip.avr->reset;
    chip.avr->reset = on_reset;
    find_uart();
    for (size_t port = 0; port < PORTS; port++) {
        uint32_t name = AVR_IOCTL_IOPORT_GETIRQ("ABCDEFGHJKL"[port]);
        avr_irq_t *levels = avr_io_getirq(chip.avr, name, IOPORT_IRQ_REG_PORT);
        if (levels != NULL) { // the chip has that port
            avr_irq_register_notify(levels, on_port, (void *)(uintptr_t)port);
            avr_irq_register_notify(avr_io_getirq(chip.avr, name, IOPORT_IRQ_DIRECTION_ALL),
                                    on_direction, (void *)(uintptr_t)port);
        }
    }
    avr_register_io_write(chip.avr, REG_EECR, on_store_control, NULL);
    avr_register_io_write(chip.avr, REG_UCSR0A, on_rate, NULL);
    avr_register_io_write(chip.avr, REG_UBRR0L, on_rate, NULL);
    avr_register_io_write(chip.avr, REG_UBRR0H, on_rate, NULL);
    mend_flags();
    mend_self_programming();
    load_memories();
    chip.estop_low = true;
    put_levels();
}

static void run_slice(void) {
    chip.host_bps = cue_sim_rate_bps(&chip.sim);
    avr_cycle_count_t end = chip.avr->cycle + SLICE_CYCLES;
    // A reset sets both back.
    avr_extint_set_strict_lvl_trig(chip.avr, 0, 0);
    avr_extint_set_strict_lvl_trig(chip.avr, 1, 0);
    chip.avr->run_cycle_limit = 64;
    if (chip.levels_lost) {
        put_levels();
    }
    while (chip.avr->cycle < end) {
        int state = avr_run(chip.avr);
        if (state == cpu_Crashed || state == cpu_Done) {
            die("the chip crashed");
        }
    }
}

int main(int count, char **arguments) {
    cue_sim_start(
        &chip.sim, count, arguments,
        "usage: cuelight-board-avr --firmware HEX [--bootloader HEX] [--flash FILE]\n"
        "       [--pty-link PATH] [--events FILE|-] [--eeprom FILE] [--uid 16 HEX DIGITS]\n"
        "       [--control FIFO] [--raw] [--no-frames]\n"
        "Control lines on stdin: button 0|1, switch 0|1, analog PERMILLE, distance MM, estop 0|1,\n"
        "hang, hang-cli, reset, brown-out, memory, run MS. Ends when stdin closes.\n");
    build_chip();
    memset(chip.avr->data + chip.avr->ioend + 1, PAINT, chip.avr->ramend - chip.avr->ioend);
    reset("power", chip.avr->reset_flags.porf);
    uint64_t base_ns = cue_sim_now_ns();
    avr_cycle_count_t base_cycle = chip.avr->cycle;
    while (cue_sim_running()) {
        if (cue_sim_poll_opened(&chip.sim)) {
            reset("open", chip.avr->reset_flags.extrf); // the DTR line
        }
        bool halted = cue_sim_halted(&chip.sim, now_us());
        if (!halted) {
            receive();
            run_slice();
            sample_timers();
        }
        cue_sim_poll_control(&chip.sim, now_us(), control, NULL);
        if (chip.avr->cycle - chip.saved > SAVE_PERIOD_CYCLES) {
            save_memories();
        }
        cue_sim_flush_events(&chip.sim);

        uint64_t simulated_ns = base_ns + (chip.avr->cycle - base_cycle) * (1000u / CYCLES_PER_US) +
                                (chip.avr->cycle - base_cycle) / 2; // 62.5 ns a cycle
        uint64_t wall_ns = cue_sim_now_ns();
        if (halted) {
            cue_sim_wait(&chip.sim, true, HALT_NS);
        } else if (simulated_ns > wall_ns) {
            cue_sim_wait(&chip.sim, false, simulated_ns - wall_ns);
        } else if (wall_ns - simulated_ns > CUE_SIM_LAG_MAX_NS) {
            base_ns = wall_ns;
            base_cycle = chip.avr->cycle;
        }
    }
    save_memories();
    cue_sim_finish(&chip.sim);
    return 0;
}
