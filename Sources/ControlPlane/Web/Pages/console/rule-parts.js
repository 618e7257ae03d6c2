// The parts of a rule's form: what starts it, what must hold, what it does, and what holds it
// back. Each gives its inputs as `element`, and its JSON by `read()`.

import { fill, h } from "./dom.js";
import {
    boardChannel, channelName, isInput, operationFields, operationsOf,
} from "./operations.js";
import { field } from "./parts.js";
import {
    CONDITIONS, FIRINGS, INPUT_CONDITIONS, MODES, ROLES, SOURCES, TRIGGERS,
} from "./rule-text.js";
import { refusalOf } from "./sequence-model.js";

/// The trigger of a new rule.
export const defaultTrigger = () => ({ type: "comment", match: { mode: "word", text: "" } });

/// A whole number that must be given.
export function numberInput(min, max, value, attributes = {}) {
    return h("input", {
        type: "number", min, max, step: 1, required: true, inputMode: "numeric",
        value: value ?? "", ...attributes,
    });
}

function choices(names, chosen) {
    return h("select", {}, Object.entries(names).map(([value, text]) =>
        h("option", { value, selected: value === chosen }, text)));
}

// A number that may be left open.
const openNumber = (input) => (Number.isNaN(input.valueAsNumber) ? null : input.valueAsNumber);

/// What starts the rule.
export class TriggerPart {
    element = h("div", {});
    read;
    #workspace;

    constructor(workspace, trigger) {
        this.#workspace = workspace;
        const type = choices(TRIGGERS, trigger.type);
        const rest = h("div", { class: "row" });
        const draw = (value) => {
            const part = this.#fields(value);
            fill(rest, part.inputs);
            this.read = () => ({ type: type.value, ...part.read() });
        };
        type.addEventListener("change", () => draw(
            type.value === "comment" ? defaultTrigger() : { type: type.value }));
        this.element.append(field("This happens", type, { path: "trigger.type" }), rest);
        draw(trigger);
    }

    #fields(trigger) {
        switch (trigger.type) {
        case "comment": return commentFields(trigger);
        case "gift": return giftFields(trigger.gift ?? { firing: "each" }, this.#workspace);
        case "like_milestone": {
            const every = numberInput(1, 1_000_000_000, trigger.every ?? 100);
            return {
                inputs: [field("Every so many likes", every, { path: "trigger.every" })],
                read: () => ({ every: openNumber(every) }),
            };
        }
        case "input": return inputFields(trigger.input, this.#workspace);
        default: return { inputs: [], read: () => ({}) };
        }
    }
}

function commentFields(trigger) {
    const modes = { ...MODES, any: "says anything" };
    const mode = choices(modes, trigger.match?.mode ?? "any");
    const text = h("input", {
        type: "text", required: true, maxLength: 100, value: trigger.match?.text ?? "",
        autocomplete: "off",
    });
    const textField = field("Text", text, {
        path: "trigger.match.text", help: "Capitals, width and accents do not matter.",
    });
    const show = () => {
        textField.hidden = mode.value === "any";
        text.disabled = textField.hidden;
    };
    mode.addEventListener("change", show);
    show();
    return {
        inputs: [field("The comment", mode, { path: "trigger.match.mode" }), textField],
        read: () => (mode.value === "any"
            ? {} : { match: { mode: mode.value, text: text.value } }),
    };
}

// An input of a board, and what it must do.
function inputFields(input, workspace) {
    const inputsOf = (device) => (device?.manifest.channels ?? []).filter(isInput);
    const devices = (workspace.devices.items ?? []).filter(
        (one) => inputsOf(one).length > 0 || one.id === input?.device_id);
    const names = Object.fromEntries(devices.map((device) => [device.id, device.name]));
    if (input && !names[input.device_id]) names[input.device_id] = "a board that is gone";
    const device = choices(names, input?.device_id ?? devices[0]?.id);
    device.required = true;
    const channel = h("select", { required: true });
    const condition = h("select", {});
    const threshold = numberInput(-32_768, 32_767, input?.threshold ?? 500);
    const hysteresis = numberInput(0, 32_767, input?.hysteresis ?? 0);
    const crossing = [
        field("Threshold", threshold, {
            path: "trigger.input.threshold",
            help: "Of an analog input in thousandths, of a distance in millimetres.",
        }),
        field("Comes back by", hysteresis, {
            path: "trigger.input.hysteresis",
            help: "How far it must come back before it fires again.",
        }),
    ];
    const isCrossing = () => ["above", "below"].includes(condition.value);
    const show = () => {
        for (const one of crossing) one.hidden = !isCrossing();
        threshold.disabled = hysteresis.disabled = !isCrossing();
    };
    const drawConditions = (chosen) => {
        const known = inputsOf(workspace.device(device.value));
        const kind = known.find((one) => one.name === channel.value)?.kind;
        const fitting = ["analog", "distance"].includes(kind) ? ["above", "below", "changed"]
            : ["pressed", "released", "changed"];
        if (chosen && !fitting.includes(chosen)) fitting.unshift(chosen);
        fill(condition, fitting.map((value) => h(
            "option", { value, selected: value === chosen }, INPUT_CONDITIONS[value])));
        show();
    };
    const drawChannels = (chosen) => {
        const known = inputsOf(workspace.device(device.value)).map((one) => one.name);
        if (chosen && !known.includes(chosen)) known.unshift(chosen);
        fill(channel, known.map((one) => h(
            "option", { value: one, selected: one === chosen }, one)));
    };
    device.addEventListener("change", () => {
        drawChannels(null);
        drawConditions(null);
    });
    channel.addEventListener("change", () => drawConditions(null));
    condition.addEventListener("change", show);
    drawChannels(input?.channel ?? null);
    drawConditions(input?.condition ?? null);
    return {
        inputs: [
            field("Board", device, { path: "trigger.input.device_id" }),
            field("Input", channel, { path: "trigger.input.channel" }),
            field("Is", condition, { path: "trigger.input.condition" }), ...crossing,
        ],
        read: () => ({
            input: {
                device_id: device.value, channel: channel.value, condition: condition.value,
                ...(isCrossing() && {
                    threshold: openNumber(threshold), hysteresis: openNumber(hysteresis),
                }),
            },
        }),
    };
}

function giftFields(gift, workspace) {
    const known = (workspace.gifts.items ?? []);
    const list = h("datalist", { id: "known-gifts" }, known.map((one) =>
        h("option", { value: String(one.id) }, `${one.name}, ${one.coins} coins`)));
    const optional = { required: false, placeholder: "any" };
    const id = h("input", {
        type: "text", inputMode: "numeric", pattern: "-?[0-9]{1,18}", title: "a whole number",
        value: gift.gift_id ?? "", placeholder: "any", list: null, autocomplete: "off",
    });
    id.setAttribute("list", "known-gifts");
    const name = h("input", {
        type: "text", maxLength: 64, value: gift.gift_name ?? "", placeholder: "any",
        autocomplete: "off",
    });
    const low = numberInput(0, 1_000_000_000, gift.coins_min, optional);
    const high = numberInput(0, 1_000_000_000, gift.coins_max, optional);
    const firing = choices(FIRINGS, gift.firing);
    return {
        inputs: [
            field("Gift number", id, { path: "trigger.gift.gift_id" }), list,
            field("Gift name", name, { path: "trigger.gift.gift_name" }),
            field("Coins, at least", low, { path: "trigger.gift.coins_min" }),
            field("Coins, at most", high, { path: "trigger.gift.coins_max" }),
            field("Fires", firing, { path: "trigger.gift.firing" }),
        ],
        read: () => {
            const json = { firing: firing.value };
            if (id.value.trim()) json.gift_id = Number(id.value.trim());
            if (name.value.trim()) json.gift_name = name.value.trim();
            if (openNumber(low) !== null) json.coins_min = openNumber(low);
            if (openNumber(high) !== null) json.coins_max = openNumber(high);
            return { gift: json };
        },
    };
}

/// One condition of the rule; null makes a new one.
export function conditionPart(condition, path) {
    const type = choices(CONDITIONS, condition?.type ?? "role");
    const rest = h("div", {});
    let read;
    const draw = (any) => {
        const isWords = type.value === "handle" || type.value === "not_handle";
        const part = isWords ? handlesField(any, `${path}.any`)
            : boxesField(type.value === "role" ? ROLES : SOURCES, any, `${path}.any`);
        // The path may have been renumbered since.
        const now = rest.closest(".part")?.querySelector("[data-path]")?.dataset.path;
        fill(rest, part.element);
        if (now) {
            const prefix = now.replace(/\.type$/, "");
            for (const one of rest.querySelectorAll("[data-path]")) {
                one.dataset.path = `${prefix}.any`;
            }
        }
        read = part.read;
    };
    type.addEventListener("change", () => draw([]));
    const element = h("div", { class: "row" },
        field("Condition", type, { path: `${path}.type` }), rest);
    draw(condition?.any ?? []);
    return { element, read: () => ({ type: type.value, any: read() }) };
}

function handlesField(any, path) {
    const input = h("input", {
        type: "text", required: true, value: any.join(" "), autocomplete: "off", spellcheck: false,
    });
    return {
        element: field("Handles", input, { path, help: "Up to 100, with spaces between them." }),
        read: () => input.value.split(/[\s,]+/).map((word) => word.replace(/^@/, ""))
            .filter(Boolean),
    };
}

function boxesField(words, any, path) {
    const boxes = words.map((word) => h("input", {
        type: "checkbox", value: word, checked: any.includes(word),
    }));
    return {
        element: h("div", { class: "field boxes", "data-path": path, role: "group", tabIndex: -1 },
            boxes.map((box) => h("label", {}, box, ` ${box.value}`))),
        read: () => boxes.filter((box) => box.checked).map((box) => box.value),
    };
}

/// A device, one of its channels, and what it is told.
export function actionPart(workspace, action, path) {
    const devices = workspace.devices.items ?? [];
    const names = Object.fromEntries(devices.map((device) => [device.id, device.name]));
    if (action && !names[action.device_id]) names[action.device_id] = "a board that is gone";
    const device = choices(names, action?.device_id ?? devices[0]?.id);
    const channel = h("select", { required: true });
    const operation = h("select", { required: true });
    const rest = h("div", { class: "row", "data-path": `${path}.operation`, tabIndex: -1 });
    let read = () => null;
    const channels = () => {
        const chosen = devices.find((one) => one.id === device.value);
        if (!chosen) return [];
        const outputs = chosen.manifest.channels.filter((one) => operationsOf(one).length > 0);
        return refusalOf(chosen) ? outputs
            : [...outputs, boardChannel(workspace.sequencesOf(chosen.id))];
    };
    const drawFields = (values) => {
        const chosen = channels().find((one) => one.name === channel.value);
        const kinds = chosen ? operationsOf(chosen) : [];
        const kind = kinds.find((one) => one.type === operation.value) ?? kinds[0];
        const part = kind ? operationFields(kind, { path: rest.dataset.path, values })
            : { inputs: [], read: () => values };
        fill(rest, part.inputs);
        read = part.read;
    };
    const drawOperations = (values) => {
        const chosen = channels().find((one) => one.name === channel.value);
        // "off" stands for `set` to off as well.
        const type = values?.type === "set" && values.on === false ? "off" : values?.type;
        fill(operation, (chosen ? operationsOf(chosen) : []).map((one) =>
            h("option", { value: one.type, selected: one.type === type }, one.label)));
        drawFields(values ?? {});
    };
    const drawChannels = (name, values) => {
        const known = channels().map((one) => one.name);
        if (name && !known.includes(name)) known.unshift(name);
        fill(channel, known.map((one) => h(
            "option", { value: one, selected: one === name }, channelName(one))));
        drawOperations(values);
    };
    device.addEventListener("change", () => drawChannels(null, null));
    channel.addEventListener("change", () => drawOperations(null));
    operation.addEventListener("change", () => drawFields({}));
    const element = h("div", {}, h("div", { class: "row" },
        field("Board", device, { path: `${path}.device_id` }),
        field("Channel", channel, { path: `${path}.channel` }),
        field("Does", operation, { path: `${path}.operation.type` })), rest);
    device.required = true;
    drawChannels(action?.channel, action?.operation);
    return {
        element,
        read: () => ({ device_id: device.value, channel: channel.value, operation: read() }),
    };
}

/// What holds the rule back.
export function guardsPart(guards) {
    const day = 86_400_000;
    const fields = [
        ["cooldown_ms", "Pause between two firings, ms", 0, day, guards.cooldown_ms ?? 0, ""],
        [
            "viewer_cooldown_ms", "Pause for each viewer, ms", 0, day,
            guards.viewer_cooldown_ms ?? 0, "",
        ],
        [
            "chance_permille", "Fires so many times of 1,000", 1, 1000,
            guards.chance_permille ?? 1000, "1000 is always.",
        ],
        [
            "deadline_ms", "Worth doing for, ms", 100, 60_000, guards.deadline_ms ?? 10_000,
            "A command that is later than this is dropped.",
        ],
    ].map(([name, label, least, most, value, help]) => {
        const input = numberInput(least, most, value);
        return { name, input, element: field(label, input, { path: `guards.${name}`, help }) };
    });
    return {
        element: h("div", { class: "row" }, fields.map((one) => one.element)),
        read: () => Object.fromEntries(fields.map((one) => [one.name, openNumber(one.input)])),
    };
}
