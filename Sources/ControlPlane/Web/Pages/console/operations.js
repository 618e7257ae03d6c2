// What a channel of each kind can be told: the fields of its operations, with the channel's
// limits, for trying by hand and for the actions of rules.

import { h, uniqueID } from "./dom.js";
import { count, degrees, duration } from "./format.js";

const MS_MAX = 65_535;

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

const ms = (name, label, value, channel, least) => ({
    name, label, unit: "ms", min: least, max: longest(channel),
    value: Math.min(value, longest(channel)),
    help: `${least === 0 ? "0 for as long as the board allows" : "at least 1"}, at most ${
        duration(longest(channel))}`,
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
                fields: [
                    {
                        name: "angle_cdeg", label: "Angle", unit: "°", scale: 100, slider: true,
                        min: least, max: most, value: Math.round((least + most) / 200) * 100,
                        help: `${degrees(least)} to ${degrees(most)}`,
                    },
                    ms("hold_ms", "Hold for", 700, channel, 0),
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
                    {
                        name: "speed_permille", label: "Speed", unit: "%", scale: 10, slider: true,
                        min: -1000, max: 1000, value: 300, help: "−100 % is full reverse",
                    },
                    ms("duration_ms", "For", 500, channel, 0),
                ],
            },
            { type: "off", label: "Stop", fields: [] },
        ];
    case "buzzer":
        return [
            {
                type: "tone", label: "Sound",
                fields: [
                    {
                        name: "frequency_hz", label: "Pitch", unit: "Hz", min: 20, max: 20_000,
                        value: 880, help: "20 to 20,000 Hz",
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
                        value: 0, help: "0 is the first", isRare: true,
                    },
                    {
                        name: "count", label: "Pixels", min: 0, max: pixels, value: 0,
                        help: `0 for all ${pixels}`, isRare: true,
                    },
                ],
            },
            { type: "off", label: "Switch off", fields: [] },
        ];
    }
    default: return [];
    }
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
    const read = () => field.kind === "color"
        ? input.value : Number.isNaN(input.valueAsNumber) ? null
            : Math.round(input.valueAsNumber * scale);
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

/// An operation as a short sentence: `turn to 150°, hold 700 ms`.
export function describe(operation) {
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
    case "off": return "off";
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
    if (channel.min_pause_ms) parts.push(`${duration(channel.min_pause_ms)} pause`);
    return parts.join(" · ");
}
