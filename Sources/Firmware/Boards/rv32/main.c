// The Core and the board without hardware as rv32imc machine code on QEMU's virt board: the
// instructions of an ESP32-C3, none of its peripherals. The uart is a 16550, the clock the machine
// timer; what its pins would do is written to QEMU's log. For tests.
#include "cue_board_host.h" // the board, but for clock, line and outputs
#include <stdio.h>          // snprintf
#include <string.h>         // memcmp

#define UART ((volatile uint8_t *)0x10000000)
#define TIMER_LOW (*(volatile uint32_t *)0x0200BFF8)
#define TIMER_HIGH (*(volatile uint32_t *)0x0200BFFC)

enum {
    UART_DATA = 0,
    UART_FIFO = 2,
    UART_STATUS = 5,
    UART_RECEIVED = 1,
    UART_EMPTY = 0x20,
    TICKS_PER_US = 10
};

void cue_semihost_write(const char *text);

static uint64_t now_us(void) {
    uint32_t high, low;
    do {
        high = TIMER_HIGH;
        low = TIMER_LOW;
    } while (high != TIMER_HIGH);
    return ((uint64_t)high << 32 | low) / TICKS_PER_US;
}

static uint32_t time_us(void *context) {
    (void)context;
    return (uint32_t)now_us();
}

static void tell(const char *format, int pin, int value) {
    char line[96];
    char whole[160];
    snprintf(line, sizeof line, format, pin, value);
    snprintf(whole, sizeof whole, "{\"t_us\":%lu,%s}\n", (unsigned long)now_us(), line);
    cue_semihost_write(whole);
}

static void drive(void *context, const cue_channel_t *channel, int16_t value) {
    static int16_t values[70];
    (void)context;
    if (values[channel->pin % 70] == value) {
        return;
    }
    values[channel->pin % 70] = value;
    switch (channel->kind) {
    case CUE_KIND_SERVO:
        tell("\"servo\":\"D%d\",\"width_us\":%d", channel->pin, value);
        break;
    case CUE_KIND_MOTOR:
    case CUE_KIND_LIGHT:
        tell("\"pwm\":\"D%d\",\"duty_permille\":%d", channel->pin,
             value == CUE_BRAKE ? 0 : value < 0 ? -value : value);
        break;
    case CUE_KIND_BUZZER:
        tell("\"tone\":\"D%d\",\"frequency_hz\":%d", channel->pin, value);
        break;
    default:
        tell("\"pin\":\"D%d\",\"level\":%d", channel->pin, value);
        break;
    }
}

static void strip_write(void *context, const cue_channel_t *channel, const uint8_t *bytes,
                        size_t size) {
    static uint8_t shown[3 * CUE_PIXEL_COUNT];
    (void)context;
    if (size == sizeof shown && memcmp(shown, bytes, size) != 0) {
        memcpy(shown, bytes, size);
        tell("\"strip\":\"D%d\",\"first_red\":%d", channel->pin, bytes[1]);
    }
}

static size_t uart_read(void *context, uint8_t *bytes, size_t capacity) {
    size_t size = 0;
    (void)context;
    while (size < capacity && (UART[UART_STATUS] & UART_RECEIVED) != 0) {
        bytes[size++] = UART[UART_DATA];
    }
    return size;
}

static bool uart_write(void *context, const uint8_t *bytes, size_t size) {
    (void)context;
    for (size_t index = 0; index < size; index++) {
        while ((UART[UART_STATUS] & UART_EMPTY) == 0) {
        }
        UART[UART_DATA] = bytes[index];
    }
    return true;
}

static cue_uart_errors_t uart_take_errors(void *context) {
    (void)context;
    return (cue_uart_errors_t){.framing = 0};
}

static void watchdog_feed(void *context) {
    (void)context;
}

int main(void) {
    static cue_board_host_t host;
    UART[UART_FIFO] = 1; // 16 bytes of its own
    cue_board_host_init(&host, &(cue_board_t){
                                   .time_us = time_us,
                                   .drive = drive,
                                   .strip_write = strip_write,
                                   .uart_read = uart_read,
                                   .uart_write = uart_write,
                                   .uart_take_errors = uart_take_errors,
                                   .watchdog_feed = watchdog_feed,
                               });
    host.distance_mm = INT16_MAX;
    cue_board_host_boot(&host, CUE_RESET_POWER_ON, (uint16_t)now_us());
    for (;;) {
        cue_board_host_make_steps(&host);
        (void)cue_device_step(&host.device);
        if (host.violation != 0) {
            cue_semihost_write(host.violation);
        }
    }
}
