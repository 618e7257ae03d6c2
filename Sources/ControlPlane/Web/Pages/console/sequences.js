// The sequences of a workspace: what they do, on which boards they are, and playing them.

import { remove } from "./api.js";
import { CONDITIONS, outcomeView } from "./board.js";
import { Parts, arrange, fill, h, setText, strange } from "./dom.js";
import { count, duration, plural } from "./format.js";
import { StandIn, actionButton, confirmDialog, notice } from "./parts.js";
import { channelsOf, countOf, refusalOf } from "./sequence-model.js";
import { SequenceForm } from "./sequence-form.js";
import { stepList } from "./sequence-steps.js";

const WORDS = { pending: "on its way", ready: "ready", refused: "refused" };

export class SequencesView {
    element = h("section", { class: "view sequences", "aria-labelledby": "sequences-title" });
    #workspace;
    #list = h("ul", { class: "rule-list" });
    #state;
    #overview;
    #newButton;
    #together;
    #cards = new Parts();

    constructor(workspace) {
        this.#workspace = workspace;
        this.#newButton = workspace.may("operate") && h("button", {
            type: "button", class: "primary", id: "new-sequence", onclick: () => this.#edit([]),
        }, "New sequence");
        this.#state = new StandIn({
            loading: "Loading sequences …", empty: () => this.#empty(),
        });
        this.#together = new Together(workspace);
        this.#overview = h("div", {},
            h("div", { class: "view-head" }, h("h1", { id: "sequences-title" }, "Sequences"),
                this.#newButton),
            this.#state.element, workspace.may("operate") && this.#together.element,
            this.#list);
        this.element.append(this.#overview);
        this.update();
    }

    update() {
        const { sequences, devices } = this.#workspace;
        // Boards' names are shown with them.
        const isShown = this.#state.update(
            sequences.items !== null && devices.items === null ? devices : sequences);
        const groups = isShown ? groupsOf(sequences.items) : [];
        this.#cards.keep(groups.map(({ key }) => key));
        const cards = groups.map(({ key, copies }) => {
            const card = this.#cards.of(key, () => new SequenceCard(
                this.#workspace, this.#together, () => this.#edit(card.copies)));
            card.update(copies);
            return card;
        });
        arrange(this.#list, cards.map((card) => card.element));
        this.#together.update(cards.flatMap((card) => card.rows));
    }

    #empty() {
        const devices = this.#workspace.devices.items ?? [];
        const isPossible = devices.some((device) => refusalOf(device) === "");
        return h("div", { class: "empty" },
            h("h2", {}, "No sequences yet"),
            h("p", {}, "A sequence is steps that a board does by its own clock, to the "
                + "millisecond: turn the servo, wait 800 ms, flash the lamp five times. Boards "
                + "can start theirs together."),
            devices.length > 0 && !isPossible && h("p", {},
                "No board here keeps sequences. That takes firmware 0.2.0 or later."));
    }

    #edit(copies) {
        const close = () => {
            fill(this.element, this.#overview);
            this.#newButton.focus();
        };
        const form = new SequenceForm(this.#workspace, copies, close);
        fill(this.element, form.element);
        form.focus();
    }
}

/// The same sequence under the same number on several boards is shown once, with all of them.
function groupsOf(sequences) {
    const groups = new Map();
    for (const one of sequences) {
        const key = JSON.stringify([one.number, one.name, one.steps]);
        if (!groups.has(key)) groups.set(key, { key, copies: [] });
        groups.get(key).copies.push(one);
    }
    return [...groups.values()].sort((left, right) =>
        left.copies[0].number - right.copies[0].number);
}

class SequenceCard {
    element;
    copies = [];
    rows = [];
    #workspace;
    #together;
    #about = h("p", { class: "quiet" });
    #all;
    #boards = h("ul", { class: "copies" });
    #byDevice = new Parts();
    #title = h("h2", {});
    #steps = h("details", { class: "sequence-steps" });
    #isDrawn = false;

    constructor(workspace, together, edit) {
        this.#workspace = workspace;
        this.#together = together;
        const mayOperate = workspace.may("operate");
        this.#all = mayOperate && actionButton("", { class: "small primary", "data-all": true },
            () => playTogether(workspace, this.rows));
        this.element = h("li", { class: "card sequence" },
            h("div", { class: "rule-row" },
                h("div", { class: "rule-text" }, this.#title, this.#about),
                mayOperate && h("div", { class: "buttons" }, this.#all,
                    h("button", { type: "button", class: "small", onclick: edit }, "Edit"),
                    h("button", {
                        type: "button", class: "small", "data-delete": true,
                        onclick: () => this.#delete(),
                    }, "Delete …"))),
            this.#boards, this.#steps);
    }

    /// `copies` have the same number, name and steps.
    update(copies) {
        this.copies = copies;
        const [{ number, name, steps, time_ms: time, size_bytes: size }] = copies;
        if (!this.#isDrawn) {
            this.#isDrawn = true;
            this.element.dataset.sequence = number;
            fill(this.#title, h("span", { class: "number" }, `${number} · `), strange(name));
            fill(this.#about, [
                plural(countOf(steps), "step"), duration(time), `${count(size)} bytes`,
                channelsOf(steps).join(", "),
            ].join(" · "));
            fill(this.#steps, h("summary", {}, "Its steps"), stepList(steps));
        }
        if (this.#all) {
            this.#all.hidden = copies.length < 2;
            setText(this.#all, `Play on ${copies.length} boards together`);
        }
        this.#byDevice.keep(copies.map((one) => one.device_id));
        this.rows = copies.map((copy) => {
            const row = this.#byDevice.of(
                copy.device_id, () => new CopyRow(this.#workspace, this.#together));
            row.update(copy);
            return row;
        });
        arrange(this.#boards, this.rows.map((row) => row.element));
    }

    #delete() {
        const [{ number, name }] = this.copies;
        const copies = [...this.copies];
        const boards = copies.map((one) => boardName(this.#workspace, one.device_id));
        const rules = (this.#workspace.rules.items ?? []).filter((rule) =>
            rule.actions.some((action) => action.operation.type === "play"
                && action.operation.sequence === number
                && copies.some((one) => one.device_id === action.device_id)));
        confirmDialog({
            title: `Delete the sequence “${name}”?`,
            text: [
                `It is taken from ${boards.map((one) => `“${one}”`).join(" and ")}. `
                    + "This cannot be undone.",
                ...rules.length > 0 ? [`${rules.map((rule) => `“${rule.name}”`).join(" and ")} `
                    + `${rules.length === 1 ? "plays" : "play"} it and will be rejected then.`] : [],
            ],
            yes: "Delete the sequence", isDanger: true,
        }, async () => {
            const { path, sequences } = this.#workspace;
            for (const one of copies) {
                try {
                    await remove(`${path}/devices/${one.device_id}/sequences/${number}`);
                } catch (problem) {
                    // Somebody else was faster.
                    if (problem.status !== 404) throw problem;
                }
            }
            await sequences.reload();
        });
    }
}

const boardName = (workspace, id) => workspace.device(id)?.name ?? "a board that is gone";

/// A sequence on one board.
class CopyRow {
    element;
    copy = null;
    box = null;
    #workspace;
    #name = h("span", { class: "copy-name" });
    #shownName = null;
    #chip = h("span", { class: "chip" });
    #playing = h("span", { class: "chip playing" }, "playing");
    #detail = h("span", { class: "quiet" });
    #outcome = h("div", { class: "outcome", role: "status" });

    constructor(workspace, together) {
        this.#workspace = workspace;
        const mayOperate = workspace.may("operate");
        this.box = mayOperate && h("input", {
            type: "checkbox", onchange: () => together.choose(this),
        });
        this.element = h("li", { class: "copy" },
            h("div", { class: "copy-about" },
                mayOperate ? h("label", {}, this.box, this.#name) : this.#name,
                this.#chip, this.#playing, this.#detail),
            mayOperate && h("div", { class: "buttons" },
                actionButton("Play", { class: "small go", "data-play": true },
                    () => this.#command({ type: "play", sequence: this.copy.number })),
                actionButton("Stop", { class: "small", "data-stop-playing": true },
                    () => this.#command({ type: "stop" }))),
            this.#outcome);
    }

    get name() { return boardName(this.#workspace, this.copy.device_id); }

    update(copy) {
        this.copy = copy;
        this.element.dataset.device = copy.device_id;
        if (this.#shownName !== this.name) {
            this.#shownName = this.name;
            fill(this.#name, strange(this.name));
        }
        if (this.box) {
            this.box.setAttribute("aria-label", `${copy.name} on ${this.name}: play it together `
                + "with others");
        }
        this.#chip.className = `chip ${copy.condition}`;
        setText(this.#chip, WORDS[copy.condition] ?? copy.condition);
        this.#playing.hidden = !copy.playing;
        const { condition } = this.#workspace.device(copy.device_id) ?? {};
        const stands = condition === "armed" ? "" : (CONDITIONS[condition]?.[0] ?? "");
        setText(this.#detail, [stands && `Board: ${stands.toLowerCase()}.`, copy.detail]
            .filter(Boolean).join(" "));
    }

    show(command) { fill(this.#outcome, outcomeView(command)); }

    sending() { fill(this.#outcome, h("span", { class: "chip pending" }, "sending …")); }

    notSent(problem) {
        fill(this.#outcome, h("span", { class: "chip failed" }, "not sent"),
            h("span", {}, problem.message));
    }

    async #command(operation) {
        this.sending();
        try {
            await this.#workspace.command(this.copy.device_id, "*", operation,
                (command) => this.show(command));
        } catch (problem) {
            this.notSent(problem);
        }
    }
}

/// One start for all rows; each shows how its own ended.
async function playTogether(workspace, rows) {
    for (const row of rows) row.sending();
    try {
        await workspace.play(
            rows.map(({ copy }) => ({ device_id: copy.device_id, sequence: copy.number })),
            (index, command) => rows[index].show(command));
    } catch (problem) {
        for (const row of rows) row.notSent(problem);
    }
}

/// What is chosen to be started together: at most one sequence of each board.
class Together {
    element;
    #chosen = new Set();
    #rows = [];
    #text = h("p", {});
    #button;

    constructor(workspace) {
        this.#button = actionButton("Play together", { class: "primary", id: "play-together" },
            () => playTogether(workspace, [...this.#chosen]));
        this.element = h("div", { class: "notice together", hidden: true }, this.#text,
            h("div", { class: "buttons" }, this.#button, h("button", {
                type: "button", onclick: () => this.#clear(),
            }, "Choose none")));
    }

    choose(row) {
        if (row.box.checked) {
            for (const other of [...this.#chosen]) {
                if (other.copy.device_id === row.copy.device_id) this.#drop(other);
            }
            this.#chosen.add(row);
        } else {
            this.#chosen.delete(row);
        }
        this.#draw();
    }

    /// `rows` are those that are shown now.
    update(rows) {
        this.#rows = rows;
        for (const row of [...this.#chosen]) if (!rows.includes(row)) this.#chosen.delete(row);
        // There is nothing to choose from on one board.
        const isUseful = new Set(rows.map(({ copy }) => copy.device_id)).size > 1;
        for (const { box } of rows) if (box) box.hidden = !isUseful;
        this.#draw();
    }

    #drop(row) {
        row.box.checked = false;
        this.#chosen.delete(row);
    }

    #clear() {
        for (const row of [...this.#chosen]) this.#drop(row);
        this.#draw();
        this.#rows[0]?.box.focus();
    }

    #draw() {
        const rows = [...this.#chosen];
        this.element.hidden = rows.length === 0;
        this.#button.disabled = rows.length < 2;
        setText(this.#text, rows.map(({ copy, name }) => `“${copy.name}” on “${name}”`).join(", ")
            + (rows.length < 2 ? ": choose another board's to start both at one time." : ""));
    }
}
