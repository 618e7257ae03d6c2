// What a channel of each kind can be told: the fields of its operations, with the channel's
// limits, for trying by hand and for the actions of rules.

import { h, uniqueID } from "./dom.js";
import { count, degrees, duration } from "./format.js";

const MS_MAX = 65_535;

/// Names the board itself where a channel is named.
const BOARD = "*";

/// A channel as people read it.
export const channelName = (name) => (name === BOARD ? "the board" : name);

/// A board itself in the place of a channel: it plays sequences, [{number, name}].
export const boardChannel = (sequences) => ({ name: BOARD, kind: "board", sequences });

const INPUTS = ["button", "switch", "analog", "distance"];

/// Whether a channel says something and is told nothing.
export const isInput = (channel) => INPUTS.includes(channel.kind);

/// What an input says: `pressed`, `62.5 %`, `310 mm`.
export function readingText(kind, value) {
    switch (kind) {
    case "button": return value ? "pressed" : "released";
    case "switch": return value ? "on" : "off";
    case "analog": return `${value / 10} %`;
    case "distance": return `${count(value)} mm`;
    default: return count(value);
    }
}

const longest = (channel) => Math.min(MS_MAX, channel.max_on_ms || MS_MAX);

// `absent` is what the API takes a field for that is left out.
const ms = (name, label, value, channel, least) => ({
    name, label, unit: "ms", min: least, max: longest(channel),
    absent: least === 0 ? 0 : undefined,
    value: Math.min(value, longest(channel)),
    help: `${least === 0 ? "0 for as long as the board allows" : "at least 1"}, at most ${
        duration(longest(channel))}`,
});

const percent = (name, label, least, most, value, help) => ({
    name, label, unit: "%", scale: 10, slider: true, min: least, max: most,
    value: Math.min(value, most), help,
});

const angle = (least, most) => ({
    name: "angle_cdeg", label: "Angle", unit: "°", scale: 100, slider: true,
    min: least, max: most, value: Math.round((least + most) / 200) * 100,
    help: `${degrees(least)} to ${degrees(most)}`,
});

/// The operations of a channel: [{type, label, verb, fields}], the most usual first.
export function operationsOf(channel) {
    switch (channel.kind) {
    case "relay":
        return [
            {
                type: "pulse", label: "Pulse",
                fields: [ms("duration_ms", "On for", 200, channel, 1)],
            },
            {
                type: "set", label: "Switch on", fixed: { on: true },
                fields: [ms("duration_ms", "On for", 0, channel, 0)],
            },
            { type: "off", label: "Switch off", fields: [] },
        ];
    case "servo": {
        const [least, most] = [channel.min_cdeg ?? 0, channel.max_cdeg ?? 36_000];
        return [
            {
                type: "target", label: "Turn",
                fields: [angle(least, most), ms("hold_ms", "Hold for", 700, channel, 0)],
            },
            {
                type: "glide", label: "Glide",
                fields: [
                    angle(least, most),
                    { ...ms("move_ms", "Arrives after", 500, channel, 0), absent: undefined },
                    {
                        name: "easing", label: "Way", kind: "choice", value: "smooth",
                        absent: "linear",
                        choices: { smooth: "gently", linear: "evenly" },
                    },
                    ms("hold_ms", "Hold for", 500, channel, 0),
                ],
            },
            { type: "off", label: "Let go", fields: [] },
        ];
    }
    case "motor":
        return [
            {
                type: "drive", label: "Drive",
                fields: [
                    percent("speed_permille", "Speed", -(channel.max_permille ?? 1000),
                        channel.max_permille ?? 1000, 300, "−100 % is full reverse"),
                    ms("duration_ms", "For", 500, channel, 0),
                ],
            },
            ...(channel.brake_pin === undefined ? [] : [{
                type: "brake", label: "Brake",
                fields: [ms("duration_ms", "For", 200, channel, 1)],
            }]),
            { type: "off", label: "Stop", fields: [] },
        ];
    case "buzzer":
        return [
            {
                type: "tone", label: "Sound",
                fields: [
                    {
                        name: "frequency_hz", label: "Pitch", unit: "Hz",
                        min: channel.min_hz ?? 20, max: channel.max_hz ?? 20_000, value: 880,
                        help: `${count(channel.min_hz ?? 20)} to ${
                            count(channel.max_hz ?? 20_000)} Hz`,
                    },
                    ms("duration_ms", "For", 200, channel, 1),
                ],
            },
            { type: "off", label: "Silence", fields: [] },
        ];
    case "strip": {
        const pixels = channel.pixels ?? 0;
        return [
            {
                type: "fill", label: "Fill",
                fields: [
                    { name: "color", label: "Colour", kind: "color", value: "#ff8800" },
                    ms("duration_ms", "For", 1_500, channel, 0),
                    {
                        name: "first", label: "From pixel", min: 0, max: Math.max(0, pixels - 1),
                        value: 0, absent: 0, help: "0 is the first", isRare: true,
                    },
                    {
                        name: "count", label: "Pixels", min: 0, max: pixels, value: 0, absent: 0,
                        help: `0 for all ${pixels}`, isRare: true,
                    },
                ],
            },
            {
                type: "effect", label: "Effect",
                fields: [
                    {
                        name: "effect", label: "Picture", kind: "choice", value: "rainbow",
                        choices: {
                            rainbow: "rainbow", chase: "chase", breathe: "breathe",
                            flash: "flash", sparkle: "sparkle",
                        },
                    },
                    { name: "color", label: "Colour", kind: "color", value: "#ff8800" },
                    {
                        name: "period_ms", label: "One round", unit: "ms", min: 100, max: MS_MAX,
                        value: 1_000, help: "at least 100 ms, a flash 334 ms",
                    },
                    ms("duration_ms", "For", 3_000, channel, 0),
                ],
            },
            { type: "off", label: "Switch off", fields: [] },
        ];
    }
    case "solenoid":
        return [
            {
                type: "pulse", label: "Pulse",
                fields: [ms("duration_ms", "On for", 50, channel, 1)],
            },
            { type: "off", label: "Switch off", fields: [] },
        ];
    case "light":
        return [
            {
                type: "level", label: "Light",
                fields: [
                    percent("level_permille", "Level", 0, channel.max_permille ?? 1000, 1000, ""),
                    ms("fade_ms", "Fades in", 300, channel, 0),
                    ms("duration_ms", "For", 2_000, channel, 0),
                ],
            },
            { type: "off", label: "Switch off", fields: [] },
        ];
    case "stepper":
        return [
            {
                type: "move", label: "Move",
                fields: [
                    {
                        name: "position_steps", label: "To step", min: channel.min_steps ?? 0,
                        max: channel.max_steps ?? 0, value: 0,
                        help: `${count(channel.min_steps ?? 0)} to ${
                            count(channel.max_steps ?? 0)}; 0 is where it was armed`,
                    },
                    {
                        name: "speed_sps", label: "Speed", unit: "steps/s", min: 16,
                        max: Math.min(4_000, channel.max_speed_sps ?? 4_000),
                        value: Math.min(400, channel.max_speed_sps ?? 400),
                    },
                    ms("hold_ms", "Hold for", 500, channel, 0),
                ],
            },
            { type: "off", label: "Let go", fields: [] },
        ];
    case "board":
        return [
            {
                type: "play", label: "Play",
                fields: [{
                    name: "sequence", label: "Sequence", kind: "choice", isNumber: true,
                    value: channel.sequences[0]?.number,
                    choices: Object.fromEntries(channel.sequences.map(
                        ({ number, name }) => [number, `${number} · ${name}`])),
                    help: channel.sequences.length === 0 && "It has none yet: see Sequences.",
                }],
            },
            { type: "stop", label: "Stop what it plays", fields: [] },
        ];
    default: return [];
    }
}

/// An operation as it is when nobody has changed its fields yet.
export const freshOperation = (kind) => operationFields(kind).read();

/// An operation with all its fields: what it leaves out is what the API takes it for, and a
/// number that is missing its usual one.
export function wholeOperation(kind, operation) {
    const absent = kind.fields.filter((field) => field.absent !== undefined)
        .map((field) => [field.name, field.absent]);
    const given = Object.entries(operation).filter(([, value]) => value !== null);
    return { ...freshOperation(kind), ...Object.fromEntries([...absent, ...given]) };
}

/// Inputs for the fields of one operation, with `read()` giving the operation's JSON.
/// `path` is where the operation stands in a request, so that the server's errors find it.
export function operationFields(operation, { path = null, values = {}, isCompact = false } = {}) {
    const readers = [];
    const inputs = operation.fields
        .filter((field) => !(isCompact && field.isRare))
        .map((field) => {
            const { element, read } = makeField(field, values[field.name], path, isCompact);
            readers.push([field.name, read]);
            return element;
        });
    return {
        inputs,
        read() {
            const json = { type: operation.type, ...operation.fixed };
            for (const [name, read] of readers) json[name] = read();
            return json;
        },
    };
}

function makeField(field, value, path, isCompact) {
    const id = uniqueID("field");
    const shown = value ?? field.value;
    const scale = field.scale ?? 1;
    const attributes = {
        id, name: field.name, "data-path": path && `${path}.${field.name}`, required: true,
        "aria-describedby": field.help && !isCompact ? `${id}-help` : null,
    };
    let input;
    let slider = null;
    if (field.kind === "color") {
        input = h("input", { type: "color", ...attributes, value: shown });
    } else if (field.kind === "choice") {
        const choices = { ...field.choices };
        // What is chosen and no longer there stays to be seen.
        if (shown !== undefined) choices[shown] ??= String(shown);
        input = h("select", attributes, Object.entries(choices).map(([word, text]) =>
            h("option", { value: word, selected: word === String(shown) }, text)));
    } else {
        input = h("input", {
            type: "number", inputMode: "decimal", min: field.min / scale, max: field.max / scale,
            step: 1 / scale, ...attributes, value: shown / scale,
        });
        if (field.slider) slider = makeSlider(input, field.label);
    }
    const element = h(
        "div", { class: `field${slider ? " with-slider" : ""}` },
        h("label", { for: id }, field.label,
            field.unit && h("span", { class: "unit" }, `, ${field.unit}`)),
        slider ? h("div", { class: "slider" }, slider, input) : input,
        field.help && !isCompact && h("p", { class: "help", id: `${id}-help` }, field.help));
    const read = () => {
        if (field.isNumber) return Number(input.value);
        if (field.kind) return input.value;
        return Number.isNaN(input.valueAsNumber) ? null : Math.round(input.valueAsNumber * scale);
    };
    return { element, read };
}

function makeSlider(input, label) {
    const slider = h("input", {
        type: "range", min: input.min, max: input.max, step: 1, value: input.value,
        "aria-label": `${label}, slider`,
    });
    slider.addEventListener("input", () => { input.value = slider.value; });
    input.addEventListener("input", () => { slider.value = input.value; });
    return slider;
}

/// An operation as a short sentence: `turn to 150°, hold 700 ms`. `nameOf` gives the name of a
/// sequence by its number.
export function describe(operation, nameOf = () => null) {
    const lasting = (value) => (value ? ` for ${duration(value)}` : "");
    switch (operation?.type) {
    case "pulse": return `pulse ${duration(operation.duration_ms)}`;
    case "set": return (operation.on ? "on" : "off") + lasting(operation.duration_ms);
    case "target":
        return `turn to ${degrees(operation.angle_cdeg)}`
            + (operation.hold_ms ? `, hold ${duration(operation.hold_ms)}` : "");
    case "drive":
        return `drive ${operation.speed_permille / 10} %` + lasting(operation.duration_ms);
    case "tone": return `${count(operation.frequency_hz)} Hz` + lasting(operation.duration_ms);
    case "fill":
        return `fill ${operation.color}`
            + (operation.count ? `, ${operation.count} from ${operation.first ?? 0}` : "")
            + lasting(operation.duration_ms);
    case "glide":
        return `glide to ${degrees(operation.angle_cdeg)} in ${duration(operation.move_ms)}`
            + (operation.hold_ms ? `, hold ${duration(operation.hold_ms)}` : "");
    case "brake": return `brake ${duration(operation.duration_ms)}`;
    case "level": return `light ${operation.level_permille / 10} %` + lasting(operation.duration_ms);
    case "effect":
        return `${operation.effect} ${operation.color}` + lasting(operation.duration_ms);
    case "move": return `move to step ${count(operation.position_steps)}`;
    case "off": return "off";
    case "play": {
        const name = nameOf(operation.sequence);
        return `play sequence ${operation.sequence}${name ? ` “${name}”` : ""}`;
    }
    case "stop": return "stop what it plays";
    default: return "–";
    }
}

/// The limits of a channel, as its firmware enforces them.
export function limitsOf(channel) {
    const parts = [];
    if (channel.min_cdeg !== undefined || channel.max_cdeg !== undefined) {
        parts.push(`${degrees(channel.min_cdeg ?? 0)} to ${degrees(channel.max_cdeg ?? 36_000)}`);
    }
    if (channel.pixels) parts.push(`${channel.pixels} pixels`);
    if (channel.max_on_ms) parts.push(`at most ${duration(channel.max_on_ms)} on`);
    if (channel.max_duty_permille && channel.max_duty_permille < 1000) {
        parts.push(`on ${channel.max_duty_permille / 10} % of the time`);
    }
    if (channel.max_rate_per_min) parts.push(`${channel.max_rate_per_min} times a minute`);
    if (channel.dangerous) parts.push("dangerous");
    if (channel.min_pause_ms) parts.push(`${duration(channel.min_pause_ms)} pause`);
    return parts.join(" · ");
}
