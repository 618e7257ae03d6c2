// The rules of a workspace: the list, and the form in its place.

import { patch, remove } from "./api.js";
import { Parts, arrange, fill, h, strange } from "./dom.js";
import { plural } from "./format.js";
import { channelName, describe } from "./operations.js";
import { StandIn, confirmDialog, notice } from "./parts.js";
import { RuleForm } from "./rule-form.js";
import { conditionText, guardsText, triggerText } from "./rule-text.js";

export class RulesView {
    element = h("section", { class: "view rules", "aria-labelledby": "rules-title" });
    #workspace;
    #list = h("ul", { class: "rule-list" });
    #state;
    #overview;
    #newButton;
    #rows = new Parts();

    constructor(workspace) {
        this.#workspace = workspace;
        this.#newButton = workspace.may("operate") && h("button", {
            type: "button", class: "primary", id: "new-rule", onclick: () => this.#edit(null),
        }, "New rule");
        this.#state = new StandIn({ loading: "Loading rules …", empty: () => this.#empty() });
        this.#overview = h("div", {},
            h("div", { class: "view-head" }, h("h1", { id: "rules-title" }, "Rules"),
                this.#newButton),
            this.#state.element, this.#list);
        this.element.append(this.#overview);
        this.update();
    }

    update() {
        const { rules } = this.#workspace;
        this.#state.update(rules);
        const items = rules.items ?? [];
        this.#rows.keep(items.map((rule) => rule.id));
        arrange(this.#list, items.map((rule) => {
            const row = this.#rows.of(
                rule.id, () => new RuleRow(this.#workspace, () => this.#edit(row.rule)));
            row.update(rule);
            return row.element;
        }));
    }

    #empty() {
        return h("div", { class: "empty" },
            h("h2", {}, "No rules yet"),
            h("p", {}, "A rule says what happens on the stage when something happens in the "
                + "LIVE: when a comment has the word “spin”, turn the servo."));
    }

    #edit(rule) {
        const close = () => {
            fill(this.element, this.#overview);
            this.#newButton.focus();
        };
        const form = new RuleForm(this.#workspace, rule, close);
        fill(this.element, form.element);
        form.focus();
    }
}

class RuleRow {
    element;
    rule;
    #workspace;
    #switch;
    #text = h("div", { class: "rule-text" });
    #problem = h("div", {});
    #shown = "";

    constructor(workspace, edit) {
        this.#workspace = workspace;
        this.#switch = h("input", {
            type: "checkbox", role: "switch", class: "switch", disabled: !workspace.may("operate"),
            onchange: () => this.#toggle(),
        });
        this.element = h("li", { class: "card rule" },
            h("div", { class: "rule-row" }, this.#switch, this.#text,
                workspace.may("operate") && h("div", { class: "buttons" },
                    h("button", { type: "button", class: "small", onclick: edit }, "Edit"),
                    h("button", {
                        type: "button", class: "small", "data-delete": true,
                        onclick: () => this.#delete(),
                    }, "Delete …"))),
            this.#problem);
    }

    update(rule) {
        this.rule = rule;
        const devices = this.#workspace.devices.items ?? [];
        const names = rule.actions.map((action) =>
            devices.find((device) => device.id === action.device_id)?.name);
        const nameOf = (id) => devices.find((device) => device.id === id)?.name;
        const when = triggerText(rule.trigger, nameOf);
        const deeds = rule.actions.map((action) => describe(action.operation, (number) =>
            this.#workspace.sequencesOf(action.device_id)
                .find((one) => one.number === number)?.name));
        const key = JSON.stringify([rule, names, when, deeds]);
        if (key === this.#shown) return;
        this.#shown = key;
        this.element.dataset.rule = rule.id;
        this.element.classList.toggle("is-off", !rule.is_enabled);
        this.#switch.checked = rule.is_enabled;
        this.#switch.setAttribute("aria-label", `${rule.name}: ${rule.is_enabled ? "on" : "off"}`);
        const guards = guardsText(rule.guards);
        fill(this.#text,
            h("h2", {}, strange(rule.name)),
            h("p", {}, h("span", { class: "when" }, "When "), strange(when),
                rule.conditions.map((one) => [" and ", strange(conditionText(one))])),
            h("ul", { class: "acts" }, rule.actions.map((action, index) => h("li", {},
                h("strong", {}, channelName(action.channel)), " ", strange(deeds[index]),
                h("span", { class: "quiet" }, " on ", names[index]
                    ? strange(names[index]) : "a board that is gone")))),
            guards && h("p", { class: "quiet" }, guards));
    }

    async #toggle() {
        const wanted = this.#switch.checked;
        this.#switch.disabled = true;
        try {
            await patch(`${this.#workspace.path}/rules/${this.rule.id}`, { is_enabled: wanted });
            fill(this.#problem);
            await this.#workspace.rules.reload();
        } catch (problem) {
            this.#switch.checked = !wanted;
            fill(this.#problem, notice("bad", problem.message));
        }
        this.#switch.disabled = false;
    }

    #delete() {
        const { rule } = this;
        confirmDialog({
            title: `Delete the rule “${rule.name}”?`,
            text: `It has ${plural(rule.actions.length, "action")}. This cannot be undone.`,
            yes: "Delete the rule", isDanger: true,
        }, async () => {
            await remove(`${this.#workspace.path}/rules/${rule.id}`);
            await this.#workspace.rules.reload();
        });
    }
}
