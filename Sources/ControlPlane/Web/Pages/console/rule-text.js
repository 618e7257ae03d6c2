// Rules as people read them.

import { plural } from "./format.js";

export const TRIGGERS = {
    comment: "a comment", gift: "a gift", like_milestone: "likes", follow: "a follow",
    share: "a share", join: "a viewer joins", subscribe: "a subscription",
    input: "an input of a board",
};
export const INPUT_CONDITIONS = {
    pressed: "pressed, or switched on", released: "released, or switched off",
    above: "rising above", below: "falling below", changed: "changing in any way",
};
export const MODES = {
    word: "has the word", contains: "contains", exact: "is exactly", prefix: "begins with",
};
export const FIRINGS = {
    each: "once for each gift of a streak", increment: "once for each message of a streak",
    combo_end: "once when the streak ends",
};
export const CONDITIONS = {
    role: "The viewer is", source: "It comes from", handle: "The handle is one of",
    not_handle: "The handle is none of",
};
export const ROLES = ["follower", "friend", "subscriber", "moderator", "gifter", "host"];
export const SOURCES = ["native", "tiktok", "replay"];

/// `a comment has the word “spin”`. `nameOf` gives the name of a device by its id.
export function triggerText(trigger, nameOf = () => null) {
    switch (trigger.type) {
    case "comment":
        return trigger.match
            ? `a comment ${MODES[trigger.match.mode]} “${trigger.match.text}”` : "any comment";
    case "gift": return giftText(trigger.gift);
    case "like_milestone": return `every ${plural(trigger.every, "like")}`;
    case "input": return inputText(trigger.input, nameOf(trigger.input.device_id));
    default: return TRIGGERS[trigger.type] ?? trigger.type;
    }
}

function inputText(input, name) {
    const what = {
        pressed: "is pressed", released: "is released", changed: "changes",
        above: `rises above ${input.threshold}`, below: `falls below ${input.threshold}`,
    }[input.condition] ?? input.condition;
    const back = input.hysteresis ? `, again after ${input.hysteresis} back` : "";
    return `“${input.channel}” of ${name ?? "a board that is gone"} ${what}${back}`;
}

function giftText(gift) {
    const which = gift.gift_name ? `the gift “${gift.gift_name}”`
        : gift.gift_id !== undefined && gift.gift_id !== null ? `gift number ${gift.gift_id}`
            : "any gift";
    const [low, high] = [gift.coins_min ?? null, gift.coins_max ?? null];
    const coins = low !== null && high !== null ? ` of ${low} to ${high} coins`
        : low !== null ? ` of ${low} coins or more`
            : high !== null ? ` of at most ${high} coins` : "";
    return `${which}${coins}, ${FIRINGS[gift.firing]}`;
}

export function conditionText(condition) {
    const list = condition.any.join(" or ");
    switch (condition.type) {
    case "role": return `the viewer is ${list}`;
    case "source": return `it comes from ${list}`;
    case "handle": return `the handle is ${list}`;
    case "not_handle": return `the handle is not ${list}`;
    default: return condition.type;
    }
}

/// What holds the rule back: `at most every 2 s`, `each viewer every 1 min`, `chance 30 %`.
export function guardsText(guards) {
    const parts = [];
    const seconds = (ms) => (ms % 1000 === 0 ? `${ms / 1000} s` : `${ms} ms`);
    if (guards?.cooldown_ms) parts.push(`at most every ${seconds(guards.cooldown_ms)}`);
    if (guards?.viewer_cooldown_ms) {
        parts.push(`each viewer every ${seconds(guards.viewer_cooldown_ms)}`);
    }
    if (guards && guards.chance_permille !== undefined && guards.chance_permille < 1000) {
        parts.push(`${guards.chance_permille} times of 1,000`);
    }
    return parts.join(", ");
}
