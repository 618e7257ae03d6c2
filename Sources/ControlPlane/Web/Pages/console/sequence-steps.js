// The steps of a sequence as a list: one line each, opened to change it. What is typed goes into
// the steps themselves at once; drawing shows them and keeps nothing of its own.

import { fill, h, setText, uniqueID } from "./dom.js";
import { duration, plural } from "./format.js";
import {
    describe, freshOperation, operationFields, operationsOf, wholeOperation,
} from "./operations.js";
import { field } from "./parts.js";
import { LIMITS, countOf, listAt, moveStep, pathOf, timeOf } from "./sequence-model.js";

/// A step as a sentence: `servo: turn to 90°`, `wait 800 ms`, `repeat 5 times, 150 ms each`.
export function stepText(step) {
    switch (step.type) {
    case "command": return `${step.channel || "?"}: ${describe(step.operation)}`;
    case "wait": return `wait ${duration(step.wait_ms ?? 0)}`;
    default:
        return `repeat ${plural(step.rounds ?? 0, "time")}, ${
            duration(timeOf(step.steps))} each`;
    }
}

/// The steps to be read, loops within the list.
export function stepList(steps) {
    return h("ol", { class: "steps-read" }, steps.map((step) => h("li", {}, stepText(step),
        step.type === "loop" && stepList(step.steps))));
}

const KINDS = ["command", "wait", "loop"];

export class StepsEditor {
    element;
    #steps;
    #channelsOf;
    #changed;
    #open = new WeakSet();
    #rows = [];
    #list = h("div", {});
    #said = h("p", { class: "unseen", role: "status" });

    /// `channels()` gives those that a step may name; `changed()` is told of every change.
    constructor(steps, channels, changed) {
        this.#steps = steps;
        this.#channelsOf = channels;
        this.#changed = changed;
        this.element = h("div", { class: "steps-editor" }, this.#list, this.#said);
        // What the browser finds wrong must be seen.
        this.element.addEventListener("invalid", (event) => {
            const row = this.#rows.find((one) => one.body.contains(event.target));
            if (row) this.#toggle(row, true);
        }, true);
        this.draw(steps);
    }

    /// Shows these steps from now on.
    draw(steps = this.#steps) {
        this.#steps = steps;
        this.#rows = [];
        fill(this.#list, this.#drawList([]));
        this.#refresh();
    }

    /// Opens the steps that these paths of the request lie in.
    reveal(paths) {
        for (const row of this.#rows) {
            const path = pathOf(row.place);
            if (paths.some((one) => one.startsWith(`${path}.`))) this.#toggle(row, true);
        }
    }

    #drawList(outer) {
        const list = listAt(this.#steps, outer);
        const path = outer.length === 0 ? "steps" : `${pathOf(outer)}.steps`;
        const what = outer.length === 0 ? "" : " in this loop";
        const kinds = outer.length < LIMITS.depth ? KINDS : KINDS.filter((kind) => kind !== "loop");
        return h("div", { class: "steps-box", "data-path": path, tabIndex: -1 },
            list.length === 0 && h("p", { class: "quiet" }, `No steps${what} yet.`),
            h("ol", { class: "steps" },
                list.map((step, index) => this.#drawStep([...outer, index]))),
            h("div", { class: "buttons" }, kinds.map((kind) => h("button", {
                type: "button", class: "small", "data-add": kind,
                onclick: () => this.#add(outer, kind),
            }, `Add a ${kind}${what}`))));
    }

    #drawStep(place) {
        const step = listAt(this.#steps, place.slice(0, -1))[place.at(-1)];
        const path = pathOf(place);
        const id = uniqueID("step");
        const when = h("span", { class: "step-when number" });
        const text = h("span", { class: "step-text" });
        const row = { step, place, when, text };
        row.head = h("button", {
            type: "button", class: "step-open", "aria-controls": id,
            onclick: () => this.#toggle(row, !this.#open.has(step)),
            onkeydown: (event) => this.#key(event, row),
        }, h("span", { class: "step-number number" }, String(place.at(-1) + 1)), when, text);
        row.body = h("div", { class: "step-body", id }, this.#fieldsOf(row, path));
        row.element = h("li", {
            class: `step step-${step.type}`, "data-path": path, tabIndex: -1,
        },
        h("div", { class: "step-head" }, row.head, this.#tools(row)),
        row.body,
        step.type === "loop" && this.#drawList(place));
        this.#rows.push(row);
        this.#toggle(row, this.#open.has(step));
        return row.element;
    }

    #tools(row) {
        const tool = (name, sign, label, work) => h("button", {
            type: "button", class: "small tool", "data-tool": name, title: label,
            "aria-label": `${label}: step ${numberOf(row.place)}`,
            onclick: work,
        }, sign);
        return h("div", { class: "step-tools" },
            tool("up", "↑", "Move up", () => this.#move(row, -1, "up")),
            tool("down", "↓", "Move down", () => this.#move(row, 1, "down")),
            tool("copy", "Copy", "Copy", () => this.#copy(row)),
            tool("remove", "Remove", "Remove", () => this.#remove(row)));
    }

    #toggle(row, isOpen) {
        if (isOpen) this.#open.add(row.step);
        else this.#open.delete(row.step);
        row.body.hidden = !isOpen;
        row.head.setAttribute("aria-expanded", String(isOpen));
    }

    // What has changed is written into the lines, without drawing them anew.
    #refresh() {
        const starts = new Map();
        const walk = (steps) => {
            let at = 0;
            for (const step of steps) {
                starts.set(step, at);
                at += timeOf([step]);
                if (step.type === "loop") walk(step.steps);
            }
        };
        walk(this.#steps);
        for (const row of this.#rows) {
            setText(row.text, stepText(row.step));
            setText(row.when, `at ${duration(starts.get(row.step))}`);
        }
        const isFull = countOf(this.#steps) >= LIMITS.steps;
        for (const button of this.#list.querySelectorAll("[data-add], [data-tool=copy]")) {
            button.disabled = isFull;
        }
        this.#changed();
    }

    // Fields

    #fieldsOf(row, path) {
        const { step } = row;
        if (step.type === "command") return this.#commandFields(row, path);
        const [name, label, most, help] = step.type === "wait"
            ? ["wait_ms", "Wait, ms", LIMITS.wait_ms,
                "From the step before to the next, 1 to 60,000 ms."]
            : ["rounds", "Times", LIMITS.rounds, "1 to 255; a round takes 10 ms or longer."];
        const input = h("input", {
            type: "number", inputMode: "numeric", min: 1, max: most, step: 1, required: true,
            value: step[name] ?? "", oninput: () => {
                step[name] = Number.isNaN(input.valueAsNumber) ? null : input.valueAsNumber;
                this.#refresh();
            },
        });
        return h("div", { class: "row" }, field(label, input, { path: `${path}.${name}`, help }));
    }

    #commandFields({ step }, path) {
        const channels = this.#channelsOf();
        const channel = h("select", { required: true });
        const operation = h("select", { required: true });
        const rest = h("div", { class: "row", "data-path": `${path}.operation`, tabIndex: -1 });
        const kinds = () => {
            const known = channels.find((one) => one.name === step.channel);
            return known ? operationsOf(known) : [];
        };
        const drawFields = () => {
            const kind = kinds().find((one) => one.type === step.operation.type);
            fill(rest);
            if (!kind) return;
            step.operation = wholeOperation(kind, step.operation);
            const part = operationFields(kind, { path: rest.dataset.path, values: step.operation });
            fill(rest, part.inputs);
            rest.oninput = () => {
                step.operation = part.read();
                this.#refresh();
            };
        };
        const drawOperations = () => {
            // `set` to off is "off".
            if (step.operation.type === "set" && step.operation.on === false) {
                step.operation = { type: "off" };
            }
            const labels = Object.fromEntries(kinds().map((one) => [one.type, one.label]));
            drawChoices(operation, labels, step.operation.type, "not for this channel");
            drawFields();
        };
        channel.addEventListener("change", () => {
            step.channel = channel.value;
            step.operation = firstOperation(channels.find((one) => one.name === step.channel));
            drawOperations();
            this.#refresh();
        });
        operation.addEventListener("change", () => {
            step.operation = freshOperation(kinds().find((one) => one.type === operation.value));
            drawFields();
            this.#refresh();
        });
        drawChoices(channel, Object.fromEntries(channels.map((one) => [one.name, one.name])),
            step.channel, "not on these boards");
        drawOperations();
        return [
            h("div", { class: "row" },
                field("Channel", channel, { path: `${path}.channel` }),
                field("Does", operation, { path: `${path}.operation.type` })),
            rest,
        ];
    }

    // Changes of the list

    #add(outer, kind) {
        const list = listAt(this.#steps, outer);
        const step = this.#newStep(kind);
        list.push(step);
        // The others close, so that the list stays one.
        this.#open = new WeakSet([step]);
        this.draw();
        this.#rowOf(step).body.querySelector("select, input")?.focus();
        this.#say(`Added step ${numberOf([...outer, list.length - 1])}.`);
    }

    #newStep(kind) {
        if (kind === "wait") return { type: "wait", wait_ms: 500 };
        if (kind === "loop") return { type: "loop", rounds: 3, steps: [] };
        const [first] = this.#channelsOf();
        return {
            type: "command", channel: first?.name ?? "",
            operation: firstOperation(first),
        };
    }

    #move({ step, place }, by, tool) {
        const to = moveStep(this.#steps, place, by);
        if (!to) {
            this.#say("It stands at the end already.");
            return;
        }
        this.draw();
        const { element, head } = this.#rowOf(step);
        if (tool) element.querySelector(`[data-tool=${tool}]`).focus();
        else head.focus();
        this.#say(`Now step ${numberOf(to)}.`);
    }

    #copy({ step, place }) {
        const copy = structuredClone(step);
        listAt(this.#steps, place.slice(0, -1)).splice(place.at(-1) + 1, 0, copy);
        this.draw();
        this.#rowOf(copy).head.focus();
        this.#say(`Copied step ${numberOf(place)}.`);
    }

    #remove({ place }) {
        const outer = place.slice(0, -1);
        const list = listAt(this.#steps, outer);
        list.splice(place.at(-1), 1);
        this.draw();
        const next = list[Math.min(place.at(-1), list.length - 1)];
        const path = outer.length === 0 ? "steps" : `${pathOf(outer)}.steps`;
        (next ? this.#rowOf(next).head
            : this.#list.querySelector(`[data-path="${path}"] > .buttons button`)).focus();
        this.#say(`Removed step ${numberOf(place)}.`);
    }

    #key(event, row) {
        const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
        if (!event.altKey || !by) return;
        event.preventDefault();
        this.#move(row, by);
    }

    #rowOf(step) { return this.#rows.find((row) => row.step === step); }

    #say(text) { fill(this.#said, text); }
}

/// `3.1` for the first step of the loop that is the third.
const numberOf = (place) => place.map((index) => index + 1).join(".");

const firstOperation = (channel) =>
    channel ? freshOperation(operationsOf(channel)[0]) : { type: "off" };

function drawChoices(select, labels, chosen, oddness) {
    const all = chosen && !(chosen in labels)
        ? { [chosen]: `${chosen} (${oddness})`, ...labels } : labels;
    fill(select, Object.entries(all).map(([value, text]) =>
        h("option", { value, selected: value === chosen }, text)));
}
