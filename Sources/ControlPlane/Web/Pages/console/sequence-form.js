// The form of a sequence: on which boards it is, under which number, and its steps, as a list or
// as text. Both change the same draft, which is what is saved.

import { Problem, get, put, remove } from "./api.js";
import { fill, h, setText, strange } from "./dom.js";
import { count, duration, plural } from "./format.js";
import { operationsOf } from "./operations.js";
import { field, makeForm, notice, tabs } from "./parts.js";
import { LIMITS, countOf, refusalOf, timeOf } from "./sequence-model.js";
import { StepsEditor } from "./sequence-steps.js";
import { SequenceText } from "./sequence-text.js";

const WAYS = { steps: "Steps", text: "Text" };

export class SequenceForm {
    element;
    #workspace;
    #former;
    #close;
    #draft;
    #boards;
    #boxes;
    #number;
    #way = "steps";
    #tabs;
    #panel = h("div", { class: "sequence-panel" });
    #name = null;
    #editor = null;
    #text = null;
    #figures = h("p", { class: "quiet" });
    #form;

    /// `former` is [{device_id, number, name, steps, updated_at_ms}], the same sequence on its
    /// boards; empty for a new one.
    constructor(workspace, former, close) {
        this.#workspace = workspace;
        this.#former = former;
        this.#close = close;
        const [first] = former;
        this.#draft = { name: first?.name ?? "", steps: structuredClone(first?.steps ?? []) };
        this.#boards = (workspace.devices.items ?? []).filter((device) =>
            refusalOf(device) === "" || former.some((one) => one.device_id === device.id));
        this.#boxes = this.#boards.map((device) => this.#boardBox(device));
        this.#number = h("input", {
            type: "number", inputMode: "numeric", min: 0, max: LIMITS.number, step: 1,
            required: true, value: first?.number ?? this.#freeNumber(), disabled: Boolean(first),
        });
        this.#tabs = tabs("How it is edited", WAYS, this.#way, (way) => this.#show(way));
        this.#form = makeForm({ id: "sequence-form", class: "sequence-form" }, [
            h("fieldset", { "data-path": "boards", tabIndex: -1 },
                h("legend", {}, "On these boards"),
                h("div", { class: "board-boxes" }, this.#boxes.map((box) => box.element)),
                h("div", { class: "row" }, field("Number", this.#number, {
                    path: "number", help: first ? "By which rules and the API know it; it stays."
                        : "By which rules and the API know it, 0 to 254.",
                }))),
            h("fieldset", {}, h("legend", {}, "What they do"), this.#tabs, this.#panel,
                this.#figures),
        ], first ? "Save the sequence" : "Create the sequence", () => this.#save(),
        h("button", { type: "button", onclick: close }, "Cancel"));
        this.element = h("div", {},
            h("div", { class: "view-head" }, h("h1", {}, first ? "Edit sequence" : "New sequence")),
            this.#boards.length === 0 && notice("warn",
                "No board here keeps sequences. That takes firmware 0.2.0 or later: see Stage."),
            this.#form);
    }

    focus() { (this.#name ?? this.#form.querySelector("input")).focus(); }

    // Boards

    #boardBox(device) {
        const box = h("input", {
            type: "checkbox", value: device.id,
            checked: this.#former.length > 0
                ? this.#former.some((one) => one.device_id === device.id)
                : this.#boards.length === 1,
            onchange: () => {
                if (this.#former.length === 0) this.#number.value = this.#freeNumber();
                this.#editor?.draw();
            },
        });
        const others = this.#kept(device.id).filter(
            (one) => !this.#former.some((mine) => mine.number === one.number));
        const used = others.reduce((sum, one) => sum + one.size_bytes, 0);
        const element = h("label", { class: "board-box" }, box, h("span", {},
            strange(device.name), h("span", { class: "quiet" },
                ` ${plural(others.length, "other sequence")}, ${count(used)} of ${
                    count(device.manifest.sequence_bytes ?? 0)} bytes`)));
        return { device, box, element };
    }

    #kept(device) {
        return (this.#workspace.sequences.items ?? []).filter((one) => one.device_id === device);
    }

    #chosen() { return this.#boxes.filter(({ box }) => box.checked).map(({ device }) => device); }

    // The lowest that none of the chosen boards has.
    #freeNumber() {
        const taken = new Set(this.#chosen().flatMap(({ id }) => this.#kept(id))
            .map((one) => one.number));
        let number = 0;
        while (taken.has(number)) number += 1;
        return Math.min(number, LIMITS.number);
    }

    // The channels that all chosen boards have, with the first one's limits.
    #channels() {
        const [first, ...others] = this.#chosen();
        return (first?.manifest.channels ?? []).filter((channel) =>
            operationsOf(channel).length > 0 && others.every((device) =>
                device.manifest.channels.some((one) =>
                    one.name === channel.name && one.kind === channel.kind)));
    }

    // The two ways of editing

    #show(way) {
        if (way === "steps" && this.#text && !this.#text.check()) {
            this.#text.focus();
            // The text stays until it can be shown as steps.
            queueMicrotask(() => this.#tabs.querySelector('[data-tab="text"]').click());
            return;
        }
        if (way === this.#way && this.#panel.firstChild) return;
        this.#way = way;
        this.#editor = this.#text = this.#name = null;
        if (way === "text") this.#showText();
        else this.#showSteps();
    }

    #showSteps() {
        this.#name = h("input", {
            type: "text", required: true, maxLength: LIMITS.nameLength, value: this.#draft.name,
            autocomplete: "off", oninput: () => { this.#draft.name = this.#name.value; },
        });
        this.#editor = new StepsEditor(
            this.#draft.steps, () => this.#channels(), () => this.#drawFigures());
        fill(this.#panel, field("Name", this.#name, { path: "name" }), this.#editor.element);
    }

    #showText() {
        this.#text = new SequenceText(this.#draft, (body) => {
            this.#draft = body;
            this.#drawFigures();
        });
        fill(this.#panel, this.#text.element);
    }

    #drawFigures() {
        const { steps } = this.#draft;
        setText(this.#figures, `${plural(countOf(steps), "step")} of ${LIMITS.steps}, ${
            duration(timeOf(steps))} from start to end; 10 minutes are possible.`);
    }

    // Saving

    async #save() {
        if (this.#text && !this.#text.check()) throw this.#mistakes();
        const boards = this.#chosen();
        if (boards.length === 0) {
            throw new Problem(422, "invalid", "", [{ path: "boards", message: "Choose a board." }]);
        }
        const number = this.#number.valueAsNumber;
        this.#checkOthers(await get(`${this.#workspace.path}/sequences`), boards, number);
        const saved = [];
        for (const device of boards) {
            try {
                await put(this.#path(device.id, number), this.#draft);
            } catch (problem) {
                await this.#refused(problem, device, saved, boards.length > 1);
            }
            saved.push(device);
        }
        const left = this.#former.filter((one) => !boards.some(({ id }) => id === one.device_id));
        for (const one of left) await remove(this.#path(one.device_id, number));
        await this.#workspace.sequences.reload();
        this.#close();
    }

    // What others have done meanwhile is not overwritten unseen.
    #checkOthers(now, boards, number) {
        const at = (device) => now.find(
            (one) => one.device_id === device && one.number === number);
        if (this.#former.some((one) => at(one.device_id)?.updated_at_ms !== one.updated_at_ms)) {
            throw new Problem(409, "changed_meanwhile", "Somebody else changed this sequence "
                + "meanwhile. Go back to the list and edit the newer one; what you typed here is "
                + "not saved.");
        }
        const taken = boards.find(({ id }) => at(id) && !this.#isFormer(id));
        if (taken) {
            throw new Problem(422, "invalid", "", [{
                path: "number",
                message: `“${taken.name}” has “${at(taken.id).name}” under this number.`,
            }]);
        }
    }

    #isFormer(device) { return this.#former.some((one) => one.device_id === device); }

    #path(device, number) {
        return `${this.#workspace.path}/devices/${device}/sequences/${number}`;
    }

    // Says at which step, and of several boards on which; those before it have it already.
    async #refused(problem, device, saved, isOneOfMany) {
        const number = this.#number.valueAsNumber;
        // What is saved already is this form's own, and no change of somebody else.
        for (const { id } of saved) {
            const mine = await get(this.#path(id, number));
            this.#former = [...this.#former.filter((one) => one.device_id !== id), mine];
        }
        const where = isOneOfMany ? ` (on “${device.name}”)` : "";
        const kept = saved.length > 0
            ? ` It is saved on ${saved.map(({ name }) => `“${name}”`).join(", ")}.` : "";
        const fields = (problem.fields ?? []).map(
            ({ path, message }) => ({ path, message: message + where + kept }));
        if (this.#text && fields.length > 0) {
            this.#text.show(fields);
            throw this.#mistakes();
        }
        this.#editor?.reveal(fields.map((one) => one.path));
        throw new Problem(problem.status, problem.code, problem.message + where + kept, fields);
    }

    // The text says itself where each is.
    #mistakes() {
        return new Problem(422, "invalid", "", [{ path: "text", message: this.#text.summary }]);
    }
}
