// The stage: agents with their boards, and pairing new ones.

import { post, remove } from "./api.js";
import { BoardCard } from "./board.js";
import { Parts, arrange, fill, h, setText, strange } from "./dom.js";
import { mebibytes, plural, time, uptime } from "./format.js";
import {
    StandIn, confirmDialog, copyText, drawFigures, field, makeForm, notice,
    openDialog,
} from "./parts.js";
import { stopSwitch } from "./stop.js";

export class StageView {
    element = h("section", { class: "view stage", "aria-labelledby": "stage-title" });
    #workspace;
    #stops;
    #list = h("div", { class: "agents" });
    #state;
    #tokens = h("div", {});
    #shownTokens = "";
    #cards = new Parts();

    constructor(workspace, stops) {
        this.#workspace = workspace;
        this.#stops = stops;
        this.#state = new StandIn({
            loading: "Loading agents and boards …", empty: () => this.#emptyStage(),
        });
        this.element.append(
            h("div", { class: "view-head" }, h("h1", { id: "stage-title" }, "Stage"),
                workspace.may("own") && h("button", {
                    type: "button", id: "new-token", onclick: () => this.#openTokenDialog(),
                }, "Pair a computer …")),
            this.#state.element, this.#list, this.#tokens);
        this.update();
    }

    update() {
        const { agents, devices } = this.#workspace;
        // Boards without their agents, or the other way round, are not shown.
        const isShown = this.#state.update(
            agents.items !== null && devices.items === null ? devices : agents);
        this.#drawAgents(isShown ? agents.items : [], devices.items ?? []);
        this.#drawTokens();
    }

    #drawAgents(agents, devices) {
        const active = agents.filter((agent) => !agent.revoked);
        const revoked = agents.filter((agent) => agent.revoked);
        const shown = [...active, ...revoked];
        this.#cards.keep(shown.map((agent) => agent.id));
        arrange(this.#list, shown.map((agent) => {
            const card = this.#cards.of(
                agent.id, () => new AgentCard(this.#workspace, this.#stops, agent));
            card.update(agent, devices.filter((device) => device.agent_id === agent.id));
            return card.element;
        }));
    }

    #emptyStage() {
        return h("div", { class: "empty" },
            h("h2", {}, "No computer is paired yet"),
            h("p", {}, "An agent is the program on the computer that your boards are plugged "
                + "into. Pair one, and its boards appear here."),
            this.#workspace.may("own")
                ? h("button", {
                    type: "button", class: "primary", onclick: () => this.#openTokenDialog(),
                }, "Pair a computer …")
                : h("p", {}, "An owner of this workspace can pair one."));
    }

    #drawTokens() {
        const now = Date.now();
        const open = (this.#workspace.tokens.items ?? []).filter((token) => !token.used_at_ms
            && !token.revoked_at_ms && token.expires_at_ms > now);
        const key = JSON.stringify(open);
        if (key === this.#shownTokens) return;
        this.#shownTokens = key;
        fill(this.#tokens, open.length > 0 && h("details", { class: "tokens" },
            h("summary", {}, `${plural(open.length, "agent token")} not used yet`),
            h("ul", {}, open.map((token) => h("li", {}, strange(token.name),
                h("span", { class: "quiet" }, ` expires ${time(token.expires_at_ms)} `),
                h("button", {
                    type: "button", class: "small", onclick: () => confirmDialog({
                        title: "Revoke this agent token?",
                        text: "No computer can pair with it any more.", yes: "Revoke",
                        isDanger: true,
                    }, async () => {
                        await remove(`${this.#workspace.path}/agent-tokens/${token.id}`);
                        await this.#workspace.tokens.reload();
                    }),
                }, "Revoke …"))))));
    }

    #openTokenDialog() {
        openDialog("Pair a computer", (close) => {
            const name = h("input", {
                type: "text", name: "name", required: true, maxLength: 60, autocomplete: "off",
            });
            const life = h("select", { name: "expires_in_s" },
                h("option", { value: "3600" }, "1 hour"),
                h("option", { value: "86400", selected: true }, "1 day"),
                h("option", { value: "2592000" }, "30 days"));
            const form = makeForm({ id: "token-form" }, [
                h("p", {}, "An agent token lets one computer join this workspace, once."),
                field("Name of the computer", name, { path: "name" }),
                field("The token serves for", life, { path: "expires_in_s" }),
            ], "Make the token", async () => {
                const token = await post(`${this.#workspace.path}/agent-tokens`, {
                    name: name.value.trim(), expires_in_s: Number(life.value),
                });
                this.#workspace.tokens.reload();
                form.replaceWith(tokenOnce(token, close));
            }, h("button", { type: "button", onclick: close }, "Cancel"));
            return form;
        });
    }
}

/// The token as it is shown once, with the command to paste.
function tokenOnce(token, close) {
    const command = `cuelight-agent pair --server ${location.origin} --token ${token.token}`;
    const text = h("textarea", {
        id: "pair-command", readOnly: true, rows: 4, spellcheck: false,
        "aria-label": "Command that pairs the computer", value: command,
    });
    const said = h("span", { role: "status", class: "quiet" });
    return h("div", { class: "token-once" },
        notice("warn", "This is shown once. It cannot be read again after this dialog is closed."),
        h("p", {}, "On that computer, run:"), text,
        h("p", { class: "quiet" }, "and then ", h("code", {}, "cuelight-agent run"),
            `. The token serves once, until ${time(token.expires_at_ms)}.`),
        h("div", { class: "buttons" },
            h("button", {
                type: "button", class: "primary", onclick: async () => {
                    said.textContent = await copyText(command, text)
                        ? "Copied." : "Select the text and copy it.";
                },
            }, "Copy the command"),
            h("button", { type: "button", onclick: close, "data-done": true }, "Done"), said));
}

class AgentCard {
    element;
    #workspace;
    #stops;
    #agent;
    #lamp = h("span", { class: "state" });
    #about = h("span", { class: "quiet" });
    #telemetry = h("dl", { class: "figures" });
    #boards = h("div", { class: "boards" });
    #none = h("p", { class: "quiet" });
    #cards = new Parts();
    #stop;
    #buttons;

    constructor(workspace, stops, agent) {
        this.#workspace = workspace;
        this.#stops = stops;
        this.#stop = stopSwitch(stops, workspace, "agent", agent.id);
        this.#buttons = h("div", { class: "buttons" }, this.#stop.element,
            workspace.may("own") && h("button", {
                type: "button", class: "small", onclick: () => this.#revoke(),
            }, "Revoke …"));
        this.element = h("article", { class: "card agent", "data-agent": agent.id },
            h("header", {},
                h("div", { class: "title" }, h("h2", {}, strange(agent.name)), this.#lamp,
                    this.#about),
                this.#buttons),
            this.#telemetry, this.#none, this.#boards);
    }

    update(agent, devices) {
        this.#agent = agent;
        const [word, text] = agent.revoked ? ["revoked", "Revoked"]
            : agent.online ? ["online", "Online"] : ["offline", "Offline"];
        this.#lamp.className = `state ${word}`;
        setText(this.#lamp, text);
        setText(this.#about, [agent.version && `agent ${agent.version}`, agent.platform]
            .filter(Boolean).join(" · "));
        this.element.classList.toggle("is-revoked", agent.revoked);
        this.#buttons.hidden = agent.revoked;
        this.#stop.update();
        this.#drawTelemetry(agent.telemetry);
        setText(this.#none, devices.length > 0 || agent.revoked ? ""
            : agent.online ? "No board yet. Plug one in; it appears here by itself."
                : "Its boards appear here when it comes online: cuelight-agent run.");
        this.#none.hidden = this.#none.textContent === "";
        const shown = agent.revoked ? [] : devices;
        this.#cards.keep(shown.map((device) => device.id));
        arrange(this.#boards, shown.map((device) => {
            const card = this.#cards.of(
                device.id, () => new BoardCard(this.#workspace, this.#stops, device));
            card.update(device);
            return card.element;
        }));
    }

    #drawTelemetry(telemetry) {
        const figures = telemetry ? [
            ["up", uptime(telemetry.uptime_s)], ["memory", mebibytes(telemetry.resident_bytes)],
            ["outcomes waiting", String(telemetry.spooled_outcomes)],
            ["outcomes dropped", String(telemetry.dropped_outcomes)],
        ] : [];
        drawFigures(this.#telemetry, figures);
    }

    #revoke() {
        const agent = this.#agent;
        confirmDialog({
            title: `Revoke the agent “${agent.name}”?`,
            text: "Its connection ends at once and it cannot come back. To use that computer "
                + "again, pair it anew.",
            yes: "Revoke the agent", isDanger: true,
        }, async () => {
            await remove(`${this.#workspace.path}/agents/${agent.id}`);
            this.#workspace.reloadStage();
        });
    }
}
