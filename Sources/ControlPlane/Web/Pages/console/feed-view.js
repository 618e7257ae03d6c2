// What happens in a livestream, as rows: each event with the rules that it fired and how each
// command ended; and the commands by themselves.

import { Parts, arrange, fill, h, strange } from "./dom.js";
import { count, plural, time } from "./format.js";
import { channelName, describe, readingText } from "./operations.js";
import { notice, tabs } from "./parts.js";
import { outcomeView } from "./board.js";
import { traceView } from "./trace.js";

// Commands shown of one event; a gift of fifty makes fifty.
const COMMANDS_SHOWN = 8;

export class FeedView {
    element = h("div", { class: "feed" });
    #workspace;
    #chosen = "events";
    #events = h("ol", { class: "rows", "aria-label": "Events, newest first", role: "list" });
    #commands = h("ol", { class: "rows", "aria-label": "Commands, newest first", role: "list" });
    #state = h("div", {});
    #more;
    #eventRows = new Parts();
    #commandRows = new Parts();

    constructor(workspace) {
        this.#workspace = workspace;
        this.#more = h("button", { type: "button", class: "small", hidden: true }, "Show older");
        this.#more.addEventListener("click", async () => {
            this.#more.disabled = true;
            try {
                await workspace.feed.readMoreCommands();
            } catch (problem) {
                fill(this.#state, notice("bad", problem.message));
            }
            this.#more.disabled = false;
        });
        const panel = h("div", { role: "tabpanel" }, this.#state, this.#events, this.#commands,
            this.#more);
        this.element.append(
            tabs("Events or commands", { events: "Events", commands: "Commands" }, "events",
                (key) => {
                    this.#chosen = key;
                    this.update();
                }),
            panel);
    }

    update() {
        const isEvents = this.#chosen === "events";
        this.#events.hidden = !isEvents;
        this.#commands.hidden = isEvents;
        if (isEvents) this.#drawEvents();
        else this.#drawCommands();
    }

    #drawEvents() {
        const { feed } = this.#workspace;
        this.#more.hidden = true;
        const events = feed.shown();
        this.#stand(events.length > 0 || !feed.livestream ? events : feed.events, feed.problem,
            feed.livestream ? "Nothing has happened yet." : "");
        this.#eventRows.keep(events.map((event) => event.id));
        arrange(this.#events, events.map((event) => {
            const row = this.#eventRows.of(event.id, () => new EventRow(this.#workspace, event));
            row.update(feed.causedBy(event.id));
            return row.element;
        }));
    }

    #drawCommands() {
        const { feed } = this.#workspace;
        const commands = feed.commands ?? [];
        this.#stand(feed.commands, feed.commandsProblem,
            "No command has been sent in this workspace yet.");
        this.#more.hidden = !feed.nextCommands;
        this.#commandRows.keep(commands.map((command) => command.id));
        arrange(this.#commands, commands.map((command) => {
            const row = this.#commandRows.of(command.id, () => new CommandRow(this.#workspace));
            row.update(command);
            return row.element;
        }));
    }

    #stand(items, problem, empty) {
        if (items && items.length > 0) return fill(this.#state);
        const text = items ? empty : problem ? null : "Loading …";
        fill(this.#state, text === null ? notice("bad", problem.message)
            : text && h("p", { class: items ? "quiet" : "loading", role: "status" }, text));
    }
}

/// One event; what it caused is drawn again only when that changed.
class EventRow {
    element;
    #workspace;
    #caused = h("div", { class: "caused" });
    #shown = "";

    constructor(workspace, event) {
        this.#workspace = workspace;
        const type = event.happening.type;
        this.element = h("li", {
            class: `row-item event kind-${type}`, "data-event": event.id,
        },
        h("div", { class: "event-head" },
            h("time", { class: "number" }, time(event.created_at_ms)),
            h("span", { class: "event-kind" }, WORDS[type] ?? type),
            event.viewer && h("span", { class: "viewer" },
                strange(event.viewer.name || event.viewer.handle),
                h("span", { class: "quiet" }, " @", strange(event.viewer.handle)),
                event.viewer.roles.map((role) => h("span", { class: "role" }, role))),
            event.is_history && h("span", {
                class: "role", title: "It is older than the connection: shown, not acted on",
            }, "history")),
        sayings(event.happening, workspace), this.#caused);
    }

    update(caused) {
        const rules = [...caused?.rules ?? []];
        const commands = [...caused?.commands.values() ?? []];
        const names = rules.map((id) => this.#ruleName(id));
        const key = JSON.stringify([names, commands.map((one) => [one.id, one.status])]);
        if (key === this.#shown) return;
        this.#shown = key;
        fill(this.#caused, rules.map((id, index) => {
            const mine = commands.filter((command) => command.rule_id === id);
            return h("div", { class: "fired", "data-rule": id },
                h("p", { class: "fired-rule" }, h("span", { class: "when" }, "fired "),
                    strange(names[index])),
                h("ul", { class: "fired-commands" },
                    mine.slice(0, COMMANDS_SHOWN).map((command) => h(
                        "li", { "data-command": command.id }, commandLine(command),
                        command.status && traceView(command.trace)))),
                mine.length > COMMANDS_SHOWN && h(
                    "p", { class: "quiet" }, `and ${count(mine.length - COMMANDS_SHOWN)} more: `
                    + `see Commands`));
        }));
    }

    #ruleName(id) {
        return this.#workspace.rule(id)?.name
            ?? (this.#workspace.rules.items ? "a rule that is gone" : "a rule");
    }
}

class CommandRow {
    element = h("li", { class: "row-item command" });
    #workspace;
    #shown = "";

    constructor(workspace) { this.#workspace = workspace; }

    update(command) {
        const rule = command.rule_id
            ? this.#workspace.rule(command.rule_id)?.name ?? "a rule that is gone" : "by hand";
        const device = this.#workspace.device(command.device_id)?.name ?? "";
        const key = JSON.stringify([command.status, rule, device]);
        if (key === this.#shown) return;
        this.#shown = key;
        this.element.dataset.command = command.id;
        fill(this.element,
            h("div", { class: "event-head" },
                h("time", { class: "number" }, time(command.created_at_ms)),
                h("span", { class: "viewer" }, strange(rule)),
                device && h("span", { class: "quiet" }, "on ", strange(device))),
            commandLine(command), command.status && traceView(command.trace));
    }
}

function commandLine(command) {
    return h("p", { class: "command-line" },
        h("strong", {}, channelName(command.channel)), ` ${describe(command.operation)} `,
        h("span", { class: "outcome" }, outcomeView({ ...command, operation: null })));
}

const WORDS = {
    comment: "comment", gift: "gift", gift_ended: "streak", like: "like", follow: "follow",
    share: "share", join: "join", subscribe: "subscribe", viewers: "viewers", control: "LIVE",
    deleted: "taken back", input: "input",
};

function sayings(happening, workspace) {
    switch (happening.type) {
    case "comment": return h("p", { class: "text" }, strange(happening.text));
    case "gift": {
        const { gift, count: added, total, coins } = happening.gift;
        const streak = total > added ? ` · ${count(total)} in the streak` : "";
        return h("p", { class: "text" }, strange(gift.name || `gift ${gift.id}`),
            ` ×${count(added)}`,
            h("span", { class: "quiet" }, ` · ${plural(coins, "coin")}${streak}`));
    }
    case "gift_ended": {
        const { gift, total, coins } = happening.streak;
        return h("p", { class: "text" }, strange(gift.name || `gift ${gift.id}`),
            ` streak ended at ${count(total)}`,
            h("span", { class: "quiet" }, ` · ${plural(coins, "coin")}`));
    }
    case "like":
        return h("p", { class: "text" }, `×${count(happening.like.count)}`,
            h("span", { class: "quiet" }, ` · ${count(happening.like.total)} in all`));
    case "viewers": return h("p", { class: "text" }, plural(happening.count, "viewer"));
    case "control": return h("p", { class: "text" }, `the LIVE ${happening.action}`);
    case "deleted":
        return h("p", { class: "text" }, `${plural(happening.message_ids.length, "message")} and ${
            plural(happening.viewer_ids.length, "viewer")} taken back`);
    case "input": {
        const { device_id: id, channel, value } = happening.input;
        const device = workspace.device(id);
        const kind = device?.manifest.channels.find((one) => one.name === channel)?.kind;
        return h("p", { class: "text" }, h("strong", {}, channel), ` ${readingText(kind, value)} `,
            device && h("span", { class: "quiet" }, "on ", strange(device.name)));
    }
    default: return null;
    }
}
