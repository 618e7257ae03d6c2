// The form of a rule. Its fields carry the path that they have in the request, so that the
// server's errors appear where they belong.

import { post, put } from "./api.js";
import { fill, h } from "./dom.js";
import { field, makeForm, notice, showProblem } from "./parts.js";
import {
    TriggerPart, actionPart, conditionPart, defaultTrigger, guardsPart, numberInput,
} from "./rule-parts.js";

const ACTIONS_MAX = 16;
const CONDITIONS_MAX = 16;

export class RuleForm {
    element;
    #workspace;
    #rule;
    #close;
    #form;
    #name;
    #priority;
    #trigger;
    #conditions;
    #actions;
    #guards;

    /// `rule` is null for a new one.
    constructor(workspace, rule, close) {
        this.#workspace = workspace;
        this.#rule = rule;
        this.#close = close;
        this.#name = h("input", {
            type: "text", required: true, maxLength: 80, value: rule?.name ?? "",
            autocomplete: "off",
        });
        this.#priority = numberInput(-1000, 1000, rule?.priority ?? 0);
        this.#trigger = new TriggerPart(workspace, rule?.trigger ?? defaultTrigger());
        this.#conditions = new ListPart({
            path: "conditions", most: CONDITIONS_MAX, add: "Add a condition",
            items: rule?.conditions ?? [], make: conditionPart,
        });
        this.#actions = new ListPart({
            path: "actions", most: ACTIONS_MAX, add: "Add an action", least: 1,
            items: rule?.actions ?? [null],
            make: (action, path) => actionPart(workspace, action, path),
        });
        this.#guards = guardsPart(rule?.guards ?? {});
        this.#form = makeForm({ id: "rule-form", class: "rule-form" }, [
            field("Name", this.#name, { path: "name" }),
            h("fieldset", {}, h("legend", {}, "When"), this.#trigger.element),
            h("fieldset", {}, h("legend", {}, "And all of these hold"), this.#conditions.element),
            h("fieldset", {}, h("legend", {}, "Then"), this.#actions.element),
            h("fieldset", {}, h("legend", {}, "Not too often"), this.#guards.element,
                field("Priority", this.#priority, {
                    path: "priority",
                    help: "Higher goes first when one event fires several rules; −1000 to 1000.",
                })),
        ], rule ? "Save the rule" : "Create the rule", () => this.#save(),
        h("button", { type: "button", onclick: close }, "Cancel"));
        this.element = h("div", {},
            h("div", { class: "view-head" }, h("h1", {}, rule ? "Edit rule" : "New rule")),
            (workspace.devices.items ?? []).length === 0 && notice(
                "warn", "There is no board yet. A rule needs one to act on: see Stage."),
            this.#form);
    }

    focus() { this.#name.focus(); }

    async #save() {
        const body = {
            name: this.#name.value.trim(), is_enabled: this.#rule?.is_enabled ?? true,
            priority: this.#priority.valueAsNumber, trigger: this.#trigger.read(),
            conditions: this.#conditions.read(), actions: this.#actions.read(),
            guards: this.#guards.read(),
        };
        const path = `${this.#workspace.path}/rules`;
        try {
            if (this.#rule) {
                body.version = this.#rule.version;
                await put(`${path}/${this.#rule.id}`, body);
            } else {
                await post(path, body);
            }
        } catch (problem) {
            if (problem.code !== "changed_meanwhile") throw problem;
            showProblem(this.#form, problem);
            fill(this.#form.querySelector(".summary"), notice(
                "bad", "Somebody else changed this rule meanwhile. Go back to the list and edit "
                + "the newer one; what you typed here is not saved."));
            return;
        }
        await this.#workspace.rules.reload();
        this.#close();
    }
}

/// Parts of one kind, of which there may be several. Paths are renumbered when one goes.
class ListPart {
    element;
    #options;
    #parts = [];
    #list = h("div", { class: "parts" });
    #addButton;

    constructor(options) {
        this.#options = options;
        this.#addButton = h("button", {
            type: "button", class: "small", onclick: () => this.#add(null, true),
        }, options.add);
        this.element = h("div", { "data-path": options.path, tabIndex: -1 }, this.#list,
            this.#addButton);
        for (const item of options.items) this.#add(item, false);
        this.#renumber();
    }

    read() { return this.#parts.map((part) => part.read()); }

    #add(item, isFocused) {
        const part = this.#options.make(item, `${this.#options.path}[${this.#parts.length}]`);
        const removal = h("button", {
            type: "button", class: "small remove", onclick: () => {
                this.#parts = this.#parts.filter((one) => one !== part);
                part.box.remove();
                this.#renumber();
                this.#addButton.focus();
            },
        }, "Remove");
        part.box = h("div", { class: "part" }, part.element, removal);
        part.removal = removal;
        this.#parts.push(part);
        this.#list.append(part.box);
        this.#renumber();
        if (isFocused) part.box.querySelector("select, input")?.focus();
    }

    #renumber() {
        const { path, least = 0, most } = this.#options;
        const pattern = new RegExp(`^${path}\\[\\d+\\]`);
        this.#parts.forEach((part, index) => {
            part.path = `${path}[${index}]`;
            part.removal.hidden = this.#parts.length <= least;
            for (const element of part.box.querySelectorAll("[data-path]")) {
                element.dataset.path = element.dataset.path.replace(pattern, part.path);
            }
        });
        this.#addButton.hidden = this.#parts.length >= most;
    }
}
