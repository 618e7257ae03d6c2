// A board with its channels, and trying them by hand.

import { patch, put } from "./api.js";
import { fill, h, setText, strange } from "./dom.js";
import { faultText } from "./faults.js";
import { FlashPanel, isFlashing } from "./flash.js";
import { milliseconds, plural, time } from "./format.js";
import {
    describe, isInput, limitsOf, operationFields, operationsOf, readingText,
} from "./operations.js";
import {
    actionButton, clearProblems, confirmDialog, drawFigures, field, makeForm, markWrong, openDialog,
} from "./parts.js";
import { stopSwitch } from "./stop.js";
import { hopsOf } from "./trace.js";

/// [word, meaning] of each condition of a board.
export const CONDITIONS = {
    offline: ["Offline", "No port, or a port that does not answer"],
    safe: ["Safe", "Answers; outputs are at their safe values; not armed"],
    armed: ["Armed", "Ready for commands"],
    estopped: ["E-stopped", "Its E-stop is latched; outputs are at their safe values"],
    flashing: ["Updating", "Its firmware is being updated; its port is given away meanwhile"],
    quarantined: ["Put out of use", "It kept restarting; cuelight-agent release, or ten minutes"],
};

// How long a dangerous channel is unlocked from here.
const UNLOCK_S = 60;

/// One board of an agent.
export class BoardCard {
    element;
    #workspace;
    #device;
    #name = h("h3", {});
    #condition = h("span", { class: "condition" });
    #fault = h("p", { class: "fault", role: "status" });
    #about = h("p", { class: "quiet about" });
    #link = h("dl", { class: "figures link" });
    #channels = h("ul", { class: "channels" });
    #stop;
    #flash;
    #shownName = null;
    #manifest = null;
    #readings = new Map();
    #locks = new Map();

    constructor(workspace, stops, device) {
        this.#workspace = workspace;
        this.#stop = stopSwitch(stops, workspace, "device", device.id);
        this.#flash = new FlashPanel(workspace);
        this.element = h("section", { class: "board", "data-device": device.id },
            h("header", {},
                h("div", { class: "title" }, this.#name, this.#condition),
                h("div", { class: "buttons" }, this.#stop.element, this.#flash.button,
                    workspace.may("operate") && h("button", {
                        type: "button", class: "small", onclick: () => this.#rename(),
                    }, "Rename …"))),
            this.#fault, this.#about, this.#flash.element, this.#link, this.#channels);
    }

    update(device) {
        this.#device = device;
        const { manifest } = device;
        if (this.#shownName !== device.name) {
            this.#shownName = device.name;
            fill(this.#name, strange(device.name));
        }
        const condition = isFlashing(device) && device.condition === "offline" ? "flashing"
            : device.condition;
        const [word, meaning] = CONDITIONS[condition] ?? [condition, ""];
        this.#condition.className = `condition ${condition}`;
        this.#condition.title = meaning;
        setText(this.#condition, word);
        setText(this.#fault, faultText(device.fault));
        this.#fault.hidden = !device.fault;
        setText(this.#about, [
            manifest.board, `firmware ${manifest.firmware} (${manifest.build})`,
            `board ${device.board_uid}`,
            manifest.watchdog === false
                && "no watchdog: what is on stays on if its computer dies",
        ].filter(Boolean).join(" · "));
        this.#flash.update(device);
        drawFigures(this.#link, linkFigures(device.link));
        this.#stop.update();
        // What somebody is typing into survives, because channels change with the manifest only.
        const manifestText = JSON.stringify(manifest.channels);
        if (manifestText !== this.#manifest) {
            this.#manifest = manifestText;
            this.#readings = new Map(manifest.channels.filter(isInput).map(
                (channel) => [channel.name, h("p", { class: "reading" }, "nothing said yet")]));
            this.#locks = new Map(manifest.channels.filter((one) => one.dangerous).map(
                (channel) => [channel.name, this.#makeLock(channel.name)]));
            fill(this.#channels, manifest.channels.map((channel) => channelRow(
                this.#workspace, device.id, channel, this.#readings.get(channel.name),
                this.#locks.get(channel.name))));
        }
        for (const [name, lock] of this.#locks) {
            this.#drawLock(name, lock);
        }
        for (const { channel: name, value, at_ms: at } of device.inputs ?? []) {
            const kind = manifest.channels.find((channel) => channel.name === name)?.kind;
            const reading = this.#readings.get(name);
            if (reading) setText(reading, `${readingText(kind, value)} · ${time(at)}`);
        }
    }

    // A dangerous channel does nothing until an operator unlocks it for a while.
    #makeLock(name) {
        const text = h("span", { class: "lock-text" });
        const problem = h("span", { role: "status" });
        const report = (error) => setText(problem, error?.message ?? "");
        const button = actionButton("", { class: "small", "data-lock": name }, async () => {
            const isOpen = (this.#device.unlocked ?? []).includes(name);
            if (isOpen) await this.#unlock(name, false);
            else this.#askToUnlock(name);
        }, report);
        const element = h("p", { class: "lock" }, text,
            this.#workspace.may("operate") && button, problem);
        return { element, text, button };
    }

    #drawLock(name, lock) {
        const isOpen = (this.#device.unlocked ?? []).includes(name);
        lock.element.classList.toggle("open", isOpen);
        setText(lock.text, isOpen
            ? "Dangerous, and unlocked: it moves when it is told to, until it locks itself again."
            : "Dangerous, and locked: everything but off is refused until somebody unlocks it.");
        setText(lock.button, isOpen ? "Lock now" : "Unlock …");
        // Only an armed board can be unlocked; what is unlocked can always be locked.
        lock.button.disabled = !isOpen && this.#device.condition !== "armed";
        lock.button.title = lock.button.disabled ? "Only while the board is armed" : "";
    }

    #unlock(name, isOpen) {
        const others = (this.#device.unlocked ?? []).filter((one) => one !== name);
        return put(`${this.#workspace.path}/devices/${this.#device.id}/unlock`, {
            channels: isOpen ? [...others, name] : others, for_s: UNLOCK_S,
        });
    }

    #askToUnlock(name) {
        confirmDialog({
            title: `Unlock “${name}” for a minute?`,
            text: [
                "It is marked dangerous. While it is unlocked, rules and viewers can make it move.",
                "See that nobody is in its way. It locks itself again after a minute, on an "
                    + "E-stop, and when the board is disarmed.",
            ],
            yes: "Unlock for a minute", isDanger: true,
        }, () => this.#unlock(name, true));
    }

    #rename() {
        openDialog("Rename the board", (close) => {
            const name = h("input", {
                type: "text", required: true, maxLength: 60, value: this.#device.name,
            });
            return makeForm({ id: "rename-form" }, field("Name", name, { path: "name" }),
                "Rename", async () => {
                    await patch(`${this.#workspace.path}/devices/${this.#device.id}`, {
                        name: name.value.trim(),
                    });
                    this.#workspace.reloadStage();
                    close();
                }, h("button", { type: "button", onclick: close }, "Cancel"));
        });
    }
}

/// What the board's link has counted; what never happened takes no room.
function linkFigures(link) {
    if (!link || link.sent === 0) return [];
    const counts = [
        ["sent again", link.retries], ["CRC errors", link.crc_errors],
        ["framing errors", link.framing_errors], ["overruns", link.overruns],
        ["duplicates", link.duplicates], ["link losses", link.losses], ["restarts", link.resets],
    ];
    return [
        ["round trip", `${milliseconds(link.round_trip_p50_us / 1000)} median, ${
            milliseconds(link.round_trip_p99_us / 1000)} p99`],
        ["frames", String(link.sent)],
        ...counts.filter(([, count]) => count > 0).map(([name, count]) => [name, String(count)]),
    ];
}

function channelRow(workspace, device, channel, reading, lock) {
    return h("li", { class: `channel kind-${channel.kind}`, "data-channel": channel.name },
        h("div", { class: "channel-about" },
            h("strong", {}, channel.name),
            h("span", { class: "kind" }, channel.kind),
            h("span", { class: "quiet" }, `pin ${channel.pin}`),
            h("p", { class: "quiet limits" }, limitsOf(channel)), lock?.element),
        reading ?? (operationsOf(channel).length === 0
            ? h("p", { class: "quiet" }, "this console does not know what it is")
            : workspace.may("operate") && tryControl(workspace, device, channel)));
}

/// Inputs and a button for each operation of the channel, with the outcome beside them.
function tryControl(workspace, device, channel) {
    const outcome = h("div", { class: "outcome", role: "status" });
    const operations = operationsOf(channel);
    const [main] = operations;
    const fields = operationFields(main, { isCompact: true });
    const form = h("form", {
        class: "try", noValidate: true, "aria-label": `Try ${channel.name}`,
        onsubmit: (event) => event.preventDefault(),
    }, fields.inputs);
    const run = async (operation) => {
        fill(outcome, h("span", { class: "chip pending" }, "sending …"));
        try {
            await workspace.command(device, channel.name, operation,
                (command) => fill(outcome, outcomeView(command)));
        } catch (problem) {
            const text = problem.fields?.map((one) => `${one.path} ${one.message}`).join("; ");
            fill(outcome, h("span", { class: "chip failed" }, "not sent"),
                h("span", {}, text || problem.message));
        }
    };
    const valid = () => {
        const wrong = [...form.elements].find(
            (input) => input.willValidate && !input.checkValidity());
        clearProblems(form);
        if (wrong) {
            markWrong(wrong, wrong.validationMessage);
            wrong.focus();
        }
        return !wrong;
    };
    form.append(h("div", { class: "buttons" }, operations.map((operation, index) => actionButton(
        operation.label, { class: index === 0 ? "go" : "", "data-operation": operation.type },
        async () => {
            if (index === 0 && !valid()) return;
            await run(index === 0 ? fields.read() : operationFields(operation).read());
        }))));
    return h("div", { class: "try-box" }, form, outcome);
}

/// How a command ended, in a line.
export function outcomeView(command) {
    const { total } = command.trace ? hopsOf(command.trace) : { total: null };
    const status = command.status ?? "pending";
    const text = status !== "executed" ? command.detail || command.reason
        : command.operation ? [describe(command.operation), total !== null && milliseconds(total)]
            .filter(Boolean).join(" · ") : "";
    return [
        h("span", { class: `chip ${status}`, "data-status": status },
            status === "pending" ? "under way" : status),
        text && h("span", { class: "outcome-text" }, text),
        command.reason && h("code", { class: "reason" }, command.reason),
    ];
}
