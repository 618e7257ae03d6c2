// Declarations of the part of ESP-IDF 5 that the board uses, so that it can be compiled where ESP-IDF
// is not. They were written from its documentation; nothing here was ever run.
#ifndef CUE_ESP_IDF_STUBS_H
#define CUE_ESP_IDF_STUBS_H

#include <stdbool.h> // bool
#include <stddef.h>  // size_t
#include <stdint.h>  // fixed-width integers

typedef int esp_err_t;
enum { ESP_OK = 0 };

// esp_timer.h, esp_system.h, esp_random.h, esp_task_wdt.h
int64_t esp_timer_get_time(void);
uint32_t esp_random(void);
typedef enum {
    ESP_RST_UNKNOWN,
    ESP_RST_POWERON,
    ESP_RST_EXT,
    ESP_RST_SW,
    ESP_RST_PANIC,
    ESP_RST_INT_WDT,
    ESP_RST_TASK_WDT,
    ESP_RST_WDT,
    ESP_RST_DEEPSLEEP,
    ESP_RST_BROWNOUT
} esp_reset_reason_t;
esp_reset_reason_t esp_reset_reason(void);
typedef struct {
    uint32_t timeout_ms;
    uint32_t idle_core_mask;
    bool trigger_panic;
} esp_task_wdt_config_t;
esp_err_t esp_task_wdt_reconfigure(const esp_task_wdt_config_t *config);
esp_err_t esp_task_wdt_add(void *task);
esp_err_t esp_task_wdt_reset(void);

// freertos/FreeRTOS.h, freertos/task.h
void vTaskDelay(uint32_t ticks);

// driver/gpio.h
typedef int gpio_num_t;
typedef enum { GPIO_MODE_INPUT = 1, GPIO_MODE_OUTPUT = 2 } gpio_mode_t;
typedef enum { GPIO_PULLUP_ONLY = 0, GPIO_PULLDOWN_ONLY = 1 } gpio_pull_mode_t;
esp_err_t gpio_reset_pin(gpio_num_t pin);
esp_err_t gpio_set_level(gpio_num_t pin, uint32_t level);
esp_err_t gpio_set_direction(gpio_num_t pin, gpio_mode_t mode);
esp_err_t gpio_set_pull_mode(gpio_num_t pin, gpio_pull_mode_t mode);
int gpio_get_level(gpio_num_t pin);

// driver/ledc.h
typedef enum { LEDC_LOW_SPEED_MODE = 0 } ledc_mode_t;
typedef int ledc_timer_t;
typedef int ledc_channel_t;
typedef enum { LEDC_AUTO_CLK = 0 } ledc_clk_cfg_t;
typedef struct {
    ledc_mode_t speed_mode;
    uint32_t duty_resolution; // bits
    ledc_timer_t timer_num;
    uint32_t freq_hz;
    ledc_clk_cfg_t clk_cfg;
} ledc_timer_config_t;
typedef struct {
    int gpio_num;
    ledc_mode_t speed_mode;
    ledc_channel_t channel;
    ledc_timer_t timer_sel;
    uint32_t duty;
    int hpoint;
} ledc_channel_config_t;
esp_err_t ledc_timer_config(const ledc_timer_config_t *config);
esp_err_t ledc_channel_config(const ledc_channel_config_t *config);
esp_err_t ledc_set_duty(ledc_mode_t mode, ledc_channel_t channel, uint32_t duty);
esp_err_t ledc_update_duty(ledc_mode_t mode, ledc_channel_t channel);
esp_err_t ledc_set_freq(ledc_mode_t mode, ledc_timer_t timer, uint32_t frequency_hz);
esp_err_t ledc_stop(ledc_mode_t mode, ledc_channel_t channel, uint32_t idle_level);

// driver/uart.h
typedef int uart_port_t;
enum { UART_NUM_0 = 0 };
esp_err_t uart_driver_install(uart_port_t port, int receive_size, int transmit_size, int queue_size,
                              void *queue, int flags);
esp_err_t uart_set_baudrate(uart_port_t port, uint32_t baud);
int uart_read_bytes(uart_port_t port, void *bytes, uint32_t size, uint32_t ticks);
int uart_write_bytes(uart_port_t port, const void *bytes, size_t size);
esp_err_t uart_get_tx_buffer_free_size(uart_port_t port, size_t *size);

// driver/spi_master.h
typedef int spi_host_device_t;
enum { SPI2_HOST = 1, SPI_DMA_CH_AUTO = 3 };
typedef struct spi_device_t *spi_device_handle_t;
typedef struct {
    int mosi_io_num;
    int miso_io_num;
    int sclk_io_num;
    int quadwp_io_num;
    int quadhd_io_num;
    int max_transfer_sz;
} spi_bus_config_t;
typedef struct {
    int clock_speed_hz;
    uint8_t mode;
    int spics_io_num;
    int queue_size;
} spi_device_interface_config_t;
typedef struct {
    size_t length; // bits
    const void *tx_buffer;
} spi_transaction_t;
esp_err_t spi_bus_initialize(spi_host_device_t host, const spi_bus_config_t *config, int dma);
esp_err_t spi_bus_add_device(spi_host_device_t host, const spi_device_interface_config_t *config,
                             spi_device_handle_t *device);
esp_err_t spi_device_polling_transmit(spi_device_handle_t device, spi_transaction_t *transaction);

// nvs_flash.h, nvs.h
typedef uint32_t nvs_handle_t;
typedef enum { NVS_READONLY, NVS_READWRITE } nvs_open_mode_t;
esp_err_t nvs_flash_init(void);
esp_err_t nvs_open(const char *space, nvs_open_mode_t mode, nvs_handle_t *handle);
esp_err_t nvs_get_blob(nvs_handle_t handle, const char *key, void *bytes, size_t *size);
esp_err_t nvs_set_blob(nvs_handle_t handle, const char *key, const void *bytes, size_t size);
esp_err_t nvs_commit(nvs_handle_t handle);

#endif
