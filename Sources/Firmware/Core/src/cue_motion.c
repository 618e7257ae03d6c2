// Values on their way, and the effects of a strip.
#include "cue_motion.h"
#include "cue_compiler.h" // CUE_APART
#include "cue_message.h"  // CUE_EFFECT_…

CUE_APART uint16_t cue_distance(uint16_t one, uint16_t other) {
    return one > other ? (uint16_t)(one - other) : (uint16_t)(other - one);
}

bool cue_motion_step(cue_motion_t *motion, uint32_t now_us) {
    uint32_t passed_us = now_us - motion->start_us;
    if (passed_us >= 1000u * (uint32_t)motion->time_ms) {
        motion->at = motion->to;
        return true;
    }
    uint16_t share = (uint16_t)(passed_us / motion->time_ms); // thousandths, below 1000
    if (motion->smooth) {
        uint16_t rest = (uint16_t)(3000u - 2u * share);
        share = (uint16_t)((uint32_t)share * share * rest / 1000000u);
    }
    uint16_t from = motion->from;
    uint16_t part = (uint16_t)((uint32_t)cue_distance(motion->to, from) * share / 1000u);
    from = motion->to >= from ? (uint16_t)(from + part) : (uint16_t)(from - part);
    motion->at = from == 0 ? 1 : from; // on is on from the first moment to the last
    return false;
}

static uint8_t scale(uint8_t level, uint8_t share_256ths) {
    return (uint8_t)(((uint16_t)level * share_256ths + level) >> 8);
}

void cue_effect_start(cue_effect_t *effect, const uint8_t *arguments, uint16_t period_ms) {
    effect->number = arguments[0];
    effect->rgb[0] = arguments[1];
    effect->rgb[1] = arguments[2];
    effect->rgb[2] = arguments[3];
    effect->phase = 0;
    effect->step =
        (uint16_t)((uint32_t)CUE_FRAME_US * CUE_EFFECT_FRAMES / 1000u * 65536u / period_ms);
}

// A colour of the wheel: red, green, blue and back within 256.
static void wheel(uint8_t hue, uint8_t rgb[3]) {
    uint8_t third = 0;
    for (; hue >= 86; hue = (uint8_t)(hue - 86u)) {
        third++;
    }
    uint8_t part = (uint8_t)(hue * 3u);
    rgb[0] = rgb[1] = rgb[2] = 0;
    rgb[third] = (uint8_t)(255u - part);
    rgb[third == 2 ? 0 : third + 1] = part;
}

CUE_APART void cue_effect_draw(cue_effect_t *effect, uint8_t *pixels, uint8_t count) {
    uint8_t phase = (uint8_t)(effect->phase >> 8);
    uint8_t place = (uint8_t)(((uint16_t)phase * count) >> 8); // the pixel at that phase
    uint8_t share = 255;
    uint16_t hue = effect->phase;
    if (effect->number == CUE_EFFECT_BREATHE) {
        share = (uint8_t)(2u * (phase < 128 ? phase : (uint8_t)~phase));
    } else if (effect->number == CUE_EFFECT_FLASH && phase >= 128) {
        share = 0;
    }
    effect->phase = (uint16_t)(hue + effect->step);
    for (uint8_t pixel = 0; pixel < count; pixel++) {
        if (effect->number == CUE_EFFECT_RAINBOW) {
            wheel((uint8_t)(hue >> 8), effect->rgb);
            hue = (uint16_t)(hue + 65536u / count);
        } else if (effect->number == CUE_EFFECT_CHASE) {
            share = pixel == place ? 255 : 0;
        } else if (effect->number == CUE_EFFECT_SPARKLE) {
            effect->chance = (uint16_t)(effect->chance * 25173u + 13849u);
            share = effect->chance >> 13 == 0 ? 255 : 0; // one in eight
        }
        *pixels++ = scale(effect->rgb[1], share);
        *pixels++ = scale(effect->rgb[0], share);
        *pixels++ = scale(effect->rgb[2], share);
    }
}
