// Values on their way from one to another, and the effects of a strip.
#ifndef CUE_MOTION_H
#define CUE_MOTION_H

#include <stdbool.h> // bool
#include <stdint.h>  // fixed-width integers

#ifdef __cplusplus
extern "C" {
#endif

enum {
    CUE_FRAME_US = 10000,       // how often a motion is drawn
    CUE_EFFECT_FRAMES = 4,      // and every how many of them an effect
    CUE_EFFECT_PERIOD_MS = 100, // shortest
    CUE_FLASH_PERIOD_MS = 334,  // three a second: faster flashes can cause a seizure
    CUE_UNKNOWN = 0xFFFF        // cue_motion_t.at: nobody knows
};

// Centidegrees of a servo, permille of a motor's magnitude or of a light.
typedef struct {
    uint16_t from, to;
    uint16_t at; // as last driven
    uint16_t time_ms;
    uint32_t start_us;
    bool smooth;
} cue_motion_t;

typedef struct {
    uint8_t number; // CUE_EFFECT_…
    uint8_t rgb[3];
    uint16_t phase; // 0 to 65535 within each period
    uint16_t step;  // from one picture to the next
    uint16_t chance;
} cue_effect_t;

// Where the motion is at `now_us`; true once it has arrived.
bool cue_motion_step(cue_motion_t *motion, uint32_t now_us);

// How far apart two values are.
uint16_t cue_distance(uint16_t one, uint16_t other);

// `arguments`: the effect's number and its colour, red, green, blue.
void cue_effect_start(cue_effect_t *effect, const uint8_t *arguments, uint16_t period_ms);

// Draws the next picture: three bytes (green, red, blue) for each pixel.
void cue_effect_draw(cue_effect_t *effect, uint8_t *pixels, uint8_t count);

#ifdef __cplusplus
}
#endif

#endif
