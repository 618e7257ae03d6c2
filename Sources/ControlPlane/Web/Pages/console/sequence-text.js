// A sequence as text, for those who want it: the JSON that the API takes, in step with the list.

import { fill, h } from "./dom.js";
import { plural } from "./format.js";
import { clearProblems, field, markWrong } from "./parts.js";
import { placesOf, shapeProblems } from "./sequence-model.js";

export class SequenceText {
    element;
    #area;
    #take;
    #mistakes = h("ul", { class: "text-mistakes" });

    /// `take(body)` gets what the text says, each time that it can be shown as steps.
    constructor(body, take) {
        this.#take = take;
        this.#area = h("textarea", {
            rows: 20, spellcheck: false, autocomplete: "off", value: JSON.stringify(body, null, 2),
            oninput: () => this.#read(), onchange: () => this.check(),
        });
        this.element = h("div", {}, field("The sequence as JSON", this.#area, {
            path: "text", help: "Name and steps, as the API takes them.",
        }), this.#mistakes);
    }

    focus() { this.#area.focus(); }

    /// Whether it can be shown as steps; what keeps it from that is said.
    check() {
        const problems = this.#read();
        this.show(problems);
        return problems.length === 0;
    }

    /// Says what is wrong, [{path, message}], with the line of each.
    show(problems) {
        clearProblems(this.element);
        fill(this.#mistakes, problems.map(({ path, message, offset }) => {
            const at = offset ?? this.#offsetOf(path);
            const line = this.#area.value.slice(0, at).split("\n").length;
            return h("li", {}, h("button", {
                type: "button", class: "small", onclick: () => this.#select(line),
            }, `Line ${line}`), ` ${path} ${message}`);
        }));
        if (problems.length > 0) markWrong(this.#area, this.summary);
    }

    /// How many mistakes are shown, in words.
    get summary() { return `${plural(this.#mistakes.childElementCount, "mistake")} in this text:`; }

    #read() {
        let body;
        try {
            body = JSON.parse(this.#area.value);
        } catch (error) {
            const told = /position (\d+)/.exec(error.message);
            const offset = told ? Number(told[1]) : this.#area.value.length;
            return [{ path: "", message: `It is no JSON: ${error.message}`, offset }];
        }
        const problems = shapeProblems(body);
        if (problems.length === 0) {
            this.show([]);
            this.#take(body);
        }
        return problems;
    }

    // Of the value itself, else of what it would be in.
    #offsetOf(path) {
        const places = placesOf(this.#area.value);
        let rest = path;
        while (rest && !places.has(rest)) {
            rest = rest.slice(0, Math.max(rest.lastIndexOf("."), rest.lastIndexOf("["), 0));
        }
        return places.get(rest) ?? 0;
    }

    #select(line) {
        const lines = this.#area.value.split("\n");
        const start = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
        this.#area.focus();
        this.#area.setSelectionRange(start, start + lines[line - 1].length);
    }
}
