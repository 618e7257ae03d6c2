// ESP32 and ESP32-C3 with ESP-IDF 5. Compiled against stubs, never run: neither on a chip nor in a
// simulator. What is proved is that it fits the seam.
//
// The store is a blob in the flash that is written 5 ms after its last change: an answer may come that
// much before it is kept. The task watchdog resets a hung program; until the firmware runs again the
// outputs are held low by their resistors alone.
#ifdef CUE_ESP_IDF_STUBS
#include "esp_idf_stubs.h"
#else
#include <driver/gpio.h>
#include <driver/ledc.h>
#include <driver/spi_master.h>
#include <driver/uart.h>
#include <esp_random.h>
#include <esp_system.h>
#include <esp_task_wdt.h>
#include <esp_timer.h>
#include <freertos/FreeRTOS.h>
#include <freertos/task.h>
#include <nvs.h>
#include <nvs_flash.h>
#endif

#include "cue_board.h"   // cue_board_t
#include "cue_device.h"  // what runs on it
#include "cue_message.h" // CUE_RESET_…
#include <string.h>      // memset

// What this board has no code for, its table must not have.
enum {
    KINDS_KNOWN = 1u << CUE_KIND_RELAY | 1u << CUE_KIND_SOLENOID | 1u << CUE_KIND_SERVO |
                  1u << CUE_KIND_MOTOR | 1u << CUE_KIND_BUZZER | 1u << CUE_KIND_LIGHT |
                  1u << CUE_KIND_STRIP | 1u << CUE_KIND_BUTTON | 1u << CUE_KIND_SWITCH
};
_Static_assert((CUE_KINDS & ~(unsigned)KINDS_KNOWN) == 0, "a channel of a kind that ESP boards lack");

enum {
    SERVO_TIMER = 0,
    PWM_TIMER = 1,
    TONE_TIMER = 2,
    DUTY_BITS = 13,
    DUTY_FULL = 1 << DUTY_BITS,
    SERVO_PERIOD_US = 20000,
    PWM_HZ = 4000,
    // Three bits of SPI for one of the strip: 100 is a zero, 110 a one, at 417 ns each.
    STRIP_SPI_HZ = 2400000,
    STORE_BYTES = CUE_STORE_SIZE + CUE_SEQUENCE_BYTES,
    STORE_SETTLE_US = 5000,
    UART_RING = 512,
    WATCHDOG_MS = 250
};

static const cue_channel_t channels[CUE_CHANNEL_COUNT] = CUE_CHANNEL_TABLE;
static const uint8_t manifest[CUE_MANIFEST_SIZE] = CUE_MANIFEST_BYTES;
static uint8_t pixels[3 * CUE_PIXEL_COUNT + 1];
static uint8_t store[STORE_BYTES];
static bool store_changed;
static int64_t store_changed_us;
static nvs_handle_t store_handle;
static spi_device_handle_t strip;

static void read_channel(void *context, uint8_t index, cue_channel_t *channel) {
    (void)context;
    *channel = channels[index];
}

static uint8_t read_manifest(void *context, uint16_t offset) {
    (void)context;
    return manifest[offset];
}

static uint32_t time_us(void *context) {
    (void)context;
    return (uint32_t)esp_timer_get_time();
}

// ---- Outputs

// The PWM unit of a channel: one for each.
static ledc_channel_t unit_of(const cue_channel_t *channel) {
    return (ledc_channel_t)channel->slot;
}

static void set_duty(ledc_channel_t unit, uint32_t duty) {
    ledc_set_duty(LEDC_LOW_SPEED_MODE, unit, duty);
    ledc_update_duty(LEDC_LOW_SPEED_MODE, unit);
}

static void start_timer(ledc_timer_t timer, uint32_t frequency_hz) {
    ledc_timer_config(&(ledc_timer_config_t){
        .speed_mode = LEDC_LOW_SPEED_MODE,
        .duty_resolution = DUTY_BITS,
        .timer_num = timer,
        .freq_hz = frequency_hz,
        .clk_cfg = LEDC_AUTO_CLK,
    });
}

static void connect(const cue_channel_t *channel, ledc_channel_t unit, ledc_timer_t timer) {
    ledc_channel_config(&(ledc_channel_config_t){
        .gpio_num = channel->pin,
        .speed_mode = LEDC_LOW_SPEED_MODE,
        .channel = unit,
        .timer_sel = timer,
    });
}

enum { TONE_UNIT = 5 };

static void make_output(uint8_t pin) {
    if (pin != CUE_NO_PIN) {
        gpio_reset_pin(pin);
        gpio_set_level(pin, 0); // the level before the direction
        gpio_set_direction(pin, GPIO_MODE_OUTPUT);
    }
}

static void prepare(void *context, const cue_channel_t *channel) {
    (void)context;
    switch (channel->kind) {
    case CUE_KIND_BUTTON:
    case CUE_KIND_SWITCH:
        gpio_reset_pin(channel->pin);
        gpio_set_direction(channel->pin, GPIO_MODE_INPUT);
        gpio_set_pull_mode(channel->pin, GPIO_PULLUP_ONLY);
        return;
    case CUE_KIND_STRIP:
        spi_bus_initialize(SPI2_HOST,
                           &(spi_bus_config_t){.mosi_io_num = channel->pin,
                                               .miso_io_num = -1,
                                               .sclk_io_num = -1,
                                               .quadwp_io_num = -1,
                                               .quadhd_io_num = -1,
                                               .max_transfer_sz = 9 * CUE_PIXEL_COUNT + 32},
                           SPI_DMA_CH_AUTO);
        spi_bus_add_device(SPI2_HOST,
                           &(spi_device_interface_config_t){.clock_speed_hz = STRIP_SPI_HZ,
                                                            .spics_io_num = -1,
                                                            .queue_size = 1},
                           &strip);
        return;
    default:
        break;
    }
    make_output(channel->pin);
    make_output(channel->second_pin);
    make_output(channel->third_pin);
    if (channel->kind == CUE_KIND_SERVO) {
        connect(channel, unit_of(channel), SERVO_TIMER);
    } else if (channel->kind == CUE_KIND_MOTOR || channel->kind == CUE_KIND_LIGHT) {
        connect(channel, unit_of(channel), PWM_TIMER);
    } else if (channel->kind == CUE_KIND_BUZZER) {
        connect(channel, TONE_UNIT, TONE_TIMER);
    }
}

static void drive(void *context, const cue_channel_t *channel, int16_t value) {
    (void)context;
    bool brake = value == CUE_BRAKE;
    uint32_t magnitude = brake ? 0u : (uint32_t)(value < 0 ? -(int32_t)value : value);
    switch (channel->kind) {
    case CUE_KIND_SERVO:
        set_duty(unit_of(channel), magnitude * DUTY_FULL / SERVO_PERIOD_US);
        break;
    case CUE_KIND_MOTOR:
        if (channel->third_pin != CUE_NO_PIN) {
            gpio_set_level(channel->third_pin, brake ? 1 : 0);
        }
        gpio_set_level(channel->second_pin, !brake && value < 0 ? 1 : 0);
        set_duty(unit_of(channel), magnitude * DUTY_FULL / 1000u);
        break;
    case CUE_KIND_LIGHT:
        set_duty(unit_of(channel), magnitude * DUTY_FULL / 1000u);
        break;
    case CUE_KIND_BUZZER:
        if (magnitude > 0) {
            ledc_set_freq(LEDC_LOW_SPEED_MODE, TONE_TIMER, magnitude);
        }
        set_duty(TONE_UNIT, magnitude > 0 ? DUTY_FULL / 2 : 0);
        break;
    default:
        gpio_set_level(channel->pin, value != 0 ? 1 : 0);
        break;
    }
}

static void strip_write(void *context, const cue_channel_t *channel, const uint8_t *bytes,
                        size_t size) {
    static uint8_t bits[9 * CUE_PIXEL_COUNT + 32]; // and 0.1 ms low at the end, which latches
    (void)context;
    (void)channel;
    memset(bits, 0, sizeof bits);
    size_t at = 0;
    for (size_t index = 0; index < size && index < 3 * CUE_PIXEL_COUNT; index++) {
        for (uint8_t bit = 0; bit < 8; bit++, at += 3) {
            uint8_t code = (bytes[index] & (0x80u >> bit)) != 0 ? 6 : 4;
            for (uint8_t part = 0; part < 3; part++) {
                if ((code & (4u >> part)) != 0) {
                    bits[(at + part) / 8] |= (uint8_t)(0x80u >> (at + part) % 8);
                }
            }
        }
    }
    spi_device_polling_transmit(strip,
                                &(spi_transaction_t){.length = 8 * sizeof bits, .tx_buffer = bits});
}

static void stepper_run(void *context, const cue_channel_t *channel, cue_stepper_t *stepper) {
    (void)context;
    (void)channel;
    (void)stepper; // no board has one: see KINDS_KNOWN
}

static void stepper_aim(void *context, cue_stepper_t *stepper, int32_t target, uint16_t first_us,
                        uint16_t shortest_us) {
    (void)context;
    cue_stepper_aim(stepper, target, first_us, shortest_us);
}

// ---- Inputs

static bool input_start(void *context, const cue_channel_t *channel) {
    (void)context;
    (void)channel;
    return false; // nothing that is measured: see KINDS_KNOWN
}

static int16_t input_read(void *context, const cue_channel_t *channel) {
    (void)context;
    return gpio_get_level(channel->pin) == 0 ? 1 : 0; // closed to ground
}

static bool estop_open(void *context) {
    (void)context;
#ifdef CUE_ESTOP_PIN
    return gpio_get_level(CUE_ESTOP_PIN) != 0;
#else
    return false;
#endif
}

// ---- Line

static size_t uart_read(void *context, uint8_t *bytes, size_t capacity) {
    (void)context;
    int size = uart_read_bytes(UART_NUM_0, bytes, (uint32_t)capacity, 0);
    return size > 0 ? (size_t)size : 0;
}

static bool uart_write(void *context, const uint8_t *bytes, size_t size) {
    (void)context;
    size_t room = 0;
    uart_get_tx_buffer_free_size(UART_NUM_0, &room);
    return size <= room && uart_write_bytes(UART_NUM_0, bytes, size) == (int)size;
}

static cue_uart_errors_t uart_take_errors(void *context) {
    (void)context;
    return (cue_uart_errors_t){.framing = 0}; // the driver keeps them to itself
}

// ---- Store

static uint8_t store_read(void *context, uint16_t address) {
    (void)context;
    return address < STORE_BYTES ? store[address] : 0xFF;
}

static void store_write(void *context, uint16_t address, uint8_t byte) {
    (void)context;
    if (address < STORE_BYTES) {
        store[address] = byte;
        store_changed = true;
        store_changed_us = esp_timer_get_time();
    }
}

static bool store_busy(void *context) {
    (void)context;
    return false;
}

static void load_store(void) {
    size_t size = sizeof store;
    memset(store, 0xFF, sizeof store);
    nvs_flash_init();
    if (nvs_open("cuelight", NVS_READWRITE, &store_handle) == ESP_OK &&
        nvs_get_blob(store_handle, "store", store, &size) != ESP_OK) {
        memset(store, 0xFF, sizeof store);
    }
}

static void save_store(void) {
    if (store_changed && esp_timer_get_time() - store_changed_us >= STORE_SETTLE_US) {
        store_changed = false;
        nvs_set_blob(store_handle, "store", store, sizeof store);
        nvs_commit(store_handle);
    }
}

static void watchdog_feed(void *context) {
    (void)context;
    esp_task_wdt_reset();
}

const cue_board_t cue_fixed_board = {
    .build = CUE_BUILD,
    .manifest_crc32 = CUE_MANIFEST_CRC32,
    .manifest_size = CUE_MANIFEST_SIZE,
    .sequence_size = CUE_SEQUENCE_BYTES,
    .channel_count = CUE_CHANNEL_COUNT,
    .firmware = {CUE_FIRMWARE_MAJOR, CUE_FIRMWARE_MINOR, CUE_FIRMWARE_PATCH},
    .pixels = pixels,
    .pixel_count = CUE_PIXEL_COUNT,
    .has_estop = CUE_HAS_ESTOP,
    .channel = read_channel,
    .manifest_byte = read_manifest,
    .time_us = time_us,
    .prepare = prepare,
    .drive = drive,
    .strip_write = strip_write,
    .stepper_run = stepper_run,
    .stepper_aim = stepper_aim,
    .input_start = input_start,
    .input_read = input_read,
    .estop_open = estop_open,
    .uart_read = uart_read,
    .uart_write = uart_write,
    .uart_take_errors = uart_take_errors,
    .store_read = store_read,
    .store_write = store_write,
    .store_busy = store_busy,
    .watchdog_feed = watchdog_feed,
};

// ---- Start

static uint8_t reset_cause(void) {
    switch (esp_reset_reason()) {
    case ESP_RST_POWERON:
        return CUE_RESET_POWER_ON;
    case ESP_RST_EXT:
        return CUE_RESET_PIN;
    case ESP_RST_BROWNOUT:
        return CUE_RESET_BROWN_OUT;
    case ESP_RST_INT_WDT:
    case ESP_RST_TASK_WDT:
    case ESP_RST_WDT:
        return CUE_RESET_WATCHDOG;
    default:
        return 0;
    }
}

void app_main(void) {
    static cue_device_t device;
    start_timer(SERVO_TIMER, 1000000 / SERVO_PERIOD_US);
    start_timer(PWM_TIMER, PWM_HZ);
    start_timer(TONE_TIMER, 1000);
#ifdef CUE_ESTOP_PIN
    gpio_set_direction(CUE_ESTOP_PIN, GPIO_MODE_INPUT);
    gpio_set_pull_mode(CUE_ESTOP_PIN, GPIO_PULLUP_ONLY);
#endif
    uart_driver_install(UART_NUM_0, UART_RING, UART_RING, 0, NULL, 0);
    uart_set_baudrate(UART_NUM_0, CUE_BAUD);
    load_store();
    esp_task_wdt_reconfigure(
        &(esp_task_wdt_config_t){.timeout_ms = WATCHDOG_MS, .trigger_panic = true});
    esp_task_wdt_add(NULL);
    cue_device_start(&device, &cue_fixed_board, reset_cause(), (uint16_t)esp_random());
    for (;;) {
        uint16_t idle_us = cue_device_step(&device);
        save_store();
        if (idle_us >= 1000) {
            vTaskDelay(1);
        }
    }
}
