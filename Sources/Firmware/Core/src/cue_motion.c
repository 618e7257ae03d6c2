// Values on their way, and the effects of a strip.
#include "cue_motion.h"
#include "cue_message.h" // CUE_EFFECT_…

// How much of a span is over, in thousandths, below 1000.
static uint16_t share_of(uint32_t passed_us, uint16_t time_ms) {
    return (uint16_t)(passed_us / time_ms);
}

bool cue_motion_step(cue_motion_t *motion, uint32_t now_us) {
    uint32_t passed_us = now_us - motion->start_us;
    if (passed_us >= 1000u * (uint32_t)motion->time_ms) {
        motion->at = motion->to;
        return true;
    }
    uint32_t share = share_of(passed_us, motion->time_ms);
    if (motion->smooth) {
        share = share * share * (3000u - 2u * share) / 1000000u;
    }
    if (motion->to >= motion->from) {
        uint32_t part = (uint32_t)(uint16_t)(motion->to - motion->from) * share / 1000u;
        motion->at = (uint16_t)(motion->from + part);
    } else {
        uint32_t part = (uint32_t)(uint16_t)(motion->from - motion->to) * share / 1000u;
        motion->at = (uint16_t)(motion->from - part);
    }
    if (motion->at == 0) {
        motion->at = 1; // on is on from the first moment to the last
    }
    return false;
}

static uint8_t scale(uint8_t level, uint8_t share_256ths) {
    return (uint8_t)(((uint16_t)level * (uint16_t)(share_256ths + 1u)) >> 8);
}

// A colour of the wheel: red, green, blue and back within 256.
static void wheel(uint8_t hue, uint8_t rgb[3]) {
    uint8_t third = (uint8_t)(hue / 86u);
    uint8_t part = (uint8_t)((hue - 86u * third) * 3u);
    rgb[0] = rgb[1] = rgb[2] = 0;
    rgb[third] = (uint8_t)(255u - part);
    rgb[third == 2 ? 0 : third + 1] = part;
}

void cue_effect_draw(const cue_effect_t *effect, uint32_t now_us, uint8_t *pixels, uint8_t count) {
    uint32_t passed_us = now_us - effect->start_us;
    uint32_t period_us = 1000u * (uint32_t)effect->period_ms;
    // 0 to 255 within each period.
    uint8_t phase = (uint8_t)((passed_us % period_us) * 16u / (period_us / 16u));
    uint8_t place = (uint8_t)(((uint16_t)phase * count) >> 8); // the pixel at that phase
    uint16_t chance = (uint16_t)(passed_us >> 10);
    for (uint8_t pixel = 0; pixel < count; pixel++) {
        uint8_t rgb[3];
        uint8_t share = 255;
        rgb[0] = effect->rgb[0];
        rgb[1] = effect->rgb[1];
        rgb[2] = effect->rgb[2];
        switch (effect->effect) {
        case CUE_EFFECT_RAINBOW:
            wheel((uint8_t)(phase + 256u * pixel / count), rgb);
            break;
        case CUE_EFFECT_CHASE:
            share = pixel == place ? 255 : 0;
            break;
        case CUE_EFFECT_BREATHE:
            share = (uint8_t)(phase < 128 ? 2u * phase : 2u * (255u - phase));
            break;
        case CUE_EFFECT_FLASH:
            share = phase < 128 ? 255 : 0;
            break;
        default: // CUE_EFFECT_SPARKLE
            chance = (uint16_t)(chance * 25173u + 13849u);
            share = chance >> 13 == 0 ? 255 : 0; // one in eight
            break;
        }
        pixels[0] = scale(rgb[1], share);
        pixels[1] = scale(rgb[0], share);
        pixels[2] = scale(rgb[2], share);
        pixels += 3;
    }
}
