// The E-stop. Pressing goes to the server by itself, whatever the stream does, and is repeated
// until it has been heard; what is stopped stays on show until somebody releases it, and whoever
// has not confirmed it is named until they have.

import { call } from "./api.js";
import { Parts, arrange, h, setText } from "./dom.js";
import { plural, time } from "./format.js";
import { confirmDialog } from "./parts.js";

const TRY_TIMEOUT_MS = 3_000;
const TRY_PAUSE_MS = 1_000;
// Ten minutes of trying; then a person must act by hand.
const TRIES_MAX = 600;
// Two presses of Escape within this time stop the workspace; holding it counts as well.
const DOUBLE_KEY_MS = 700;
// While somebody has not confirmed, the stage is read this often, whatever the stream does.
const UNCONFIRMED_MS = 1_000;

export class Stops {
    /// Above everything on the page.
    dock = h("div", { class: "stop-dock" });
    banner = h("div", { class: "stop-banner" });
    #workspace;
    #presses = new Map();
    #lastEscape = -Infinity;
    #button;
    #caption;
    #lines = new Parts();
    #timer = null;
    #keys = (event) => this.#key(event);

    constructor(workspace) {
        this.#workspace = workspace;
        this.#caption = h("span", { class: "stop-caption" });
        this.#button = h("button", {
            type: "button", class: "stop-button", id: "estop", onclick: () => this.pressAll(),
        }, h("span", { class: "stop-word" }, "E-STOP"), this.#caption);
        this.dock.append(this.#button);
        document.addEventListener("keydown", this.#keys, true);
        this.update();
    }

    close() {
        document.removeEventListener("keydown", this.#keys, true);
        for (const press of this.#presses.values()) press.isOver = true;
        clearTimeout(this.#timer);
    }

    /// Whether the target's own E-stop is pressed, levels above it aside.
    isPressed(scope, id) {
        return (this.#workspace.stops.items ?? [])
            .some((stop) => stop.scope === scope && stop.target_id === id);
    }

    pressAll() { this.press("workspace", this.#workspace.id); }

    /// Presses until the server has heard it.
    async press(scope, id) {
        const known = this.#presses.get(id);
        if (known && !known.isOver) {
            known.wake?.();
            return;
        }
        const press = { scope, id, tries: 0, problem: null, isOver: false, wake: null };
        this.#presses.set(id, press);
        while (!press.isOver) {
            press.tries += 1;
            this.update();
            try {
                const { data } = await call(
                    "PUT", this.#path(scope, id), undefined, { timeout: TRY_TIMEOUT_MS });
                this.#presses.delete(id);
                this.#heard(scope, id, data);
                break;
            } catch (problem) {
                press.problem = problem;
                const isFinal = [401, 403, 404].includes(problem.status);
                if (isFinal || press.tries >= TRIES_MAX) press.isOver = true;
                this.update();
            }
            if (press.isOver) break;
            await new Promise((resolve) => {
                press.wake = resolve;
                setTimeout(resolve, TRY_PAUSE_MS);
            });
        }
        this.update();
    }

    // The answer is shown at once; the list that is read after it has the rest.
    #heard(scope, id, report) {
        const stops = this.#workspace.stops;
        stops.items = (stops.items ?? []).filter((stop) => stop.target_id !== id);
        if (report.stopped) {
            stops.items.push({
                scope, target_id: id, created_at_ms: Date.now(), kept: report.kept,
            });
        }
        const unconfirmed = new Set(report.unconfirmed.map((agent) => agent.agent_id));
        const confirmed = new Set(report.confirmed.map((agent) => agent.agent_id));
        for (const agent of this.#workspace.agents.items ?? []) {
            if (unconfirmed.has(agent.id)) agent.stop_confirmed = false;
            if (confirmed.has(agent.id)) agent.stop_confirmed = true;
        }
        // No board of theirs that is meant is armed any more; the list may be older than that.
        for (const device of report.stopped ? this.#devices({ scope, target_id: id }) : []) {
            if (device.condition === "armed" && confirmed.has(device.agent_id)) {
                device.condition = "estopped";
            }
        }
        this.#workspace.reloadStage();
    }

    /// Asks, then releases.
    release(scope, id) {
        confirmDialog({
            title: `Release the E-stop of ${this.#name(scope, id)}?`,
            text: [
                "Boards arm again at once, and the next rule that fires moves things.",
                "Make sure that nobody has their hands on the stage.",
            ],
            yes: "Release the E-stop", isDanger: true,
        }, async () => {
            const { data } = await call("DELETE", this.#path(scope, id));
            this.#heard(scope, id, data);
            this.update();
        });
    }

    /// Draws what is pressed and what is being pressed.
    update() {
        const stops = this.#workspace.stops.items ?? [];
        const presses = [...this.#presses.values()];
        const isStopped = this.isPressed("workspace", this.#workspace.id);
        const running = presses.some((press) => !press.isOver);
        const isUnconfirmed = isStopped
            && stops.some((stop) => this.#unconfirmed(stop).length > 0);
        const may = this.#workspace.may("operate");
        this.#button.disabled = !may;
        this.#button.classList.toggle("is-latched", isStopped);
        this.#button.classList.toggle("is-pressing", running || isUnconfirmed);
        this.#button.setAttribute("aria-label", isStopped
            ? "E-stop: the workspace is stopped" : "E-stop: stop everything in this workspace");
        const caption = !may ? "watchers may not"
            : running ? "stopping …" : isUnconfirmed ? "sent, not confirmed yet"
            : isStopped ? "everything is stopped" : "or press Esc twice";
        setText(this.#caption, caption);
        document.body.classList.toggle("is-stopped", stops.length > 0);
        this.#drawBanner(stops, presses);
        this.#lookAgain(stops);
    }

    // Reads the stage again soon while a press or a release has not been confirmed by all.
    #lookAgain(stops) {
        const isOpen = this.#unreleased(stops).length > 0
            || stops.some((stop) => stop.kept === false || this.#unconfirmed(stop).length > 0);
        if (!isOpen || this.#timer !== null) return;
        this.#timer = setTimeout(() => {
            this.#timer = null;
            this.#workspace.reloadStage();
        }, UNCONFIRMED_MS);
    }

    // Lines stay while they are shown, so that their buttons can be pressed while texts change.
    #drawBanner(stops, presses) {
        const failing = presses.filter((press) => press.problem);
        const keys = [
            ...failing.map((press) => `press ${press.id}`),
            ...stops.map((stop) => `stop ${stop.target_id}`),
        ];
        const unreleased = this.#unreleased(stops);
        if (unreleased.length > 0) keys.push("unreleased");
        this.#lines.keep(keys);
        arrange(this.banner, [
            ...failing.map((press, index) => {
                const line = this.#lines.of(keys[index], () => this.#makePressLine(press));
                line.update(press);
                return line.element;
            }),
            ...stops.map((stop, index) => {
                const line = this.#lines.of(
                    keys[failing.length + index], () => this.#makeStopLine(stop));
                line.update(stop);
                return line.element;
            }),
            ...(unreleased.length === 0 ? [] : [this.#drawUnreleased(unreleased)]),
        ]);
    }

    #drawUnreleased(agents) {
        const line = this.#lines.of("unreleased", () => {
            const text = h("strong", {});
            return {
                element: h("div", { class: "stop-line unreleased", role: "status" },
                    h("div", {}, text,
                        h("p", {}, "What it stopped stays stopped until it has heard the release."))),
                update: (title) => setText(text, title),
            };
        });
        line.update(`Release sent, not confirmed by ${
            agents.map((agent) => `“${agent.name}”`).join(", ")} yet`);
        return line.element;
    }

    #makePressLine({ scope, id }) {
        const text = h("strong", {});
        const giveUp = h("button", { type: "button", onclick: () => this.#giveUp(id) });
        const element = h("div", { class: "stop-line failing", role: "alert" },
            h("div", {}, text, h("p", {}, "If anything moves, cut its power by hand.")),
            h("div", { class: "buttons" },
                h("button", { type: "button", onclick: () => this.press(scope, id) }, "Try now"),
                giveUp));
        return {
            element,
            update: (press) => {
                const name = this.#name(scope, id);
                setText(text, press.isOver
                    ? `NOT STOPPED: the E-stop of ${name} did not get through. ${
                        press.problem.message}`
                    : `NOT STOPPED YET: the E-stop of ${name} has not got through. ${
                        press.problem.message} Trying again every second: try ${press.tries}.`);
                setText(giveUp, press.isOver ? "Close" : "Give up");
            },
        };
    }

    #giveUp(id) {
        const press = this.#presses.get(id);
        if (press) {
            press.isOver = true;
            press.wake?.();
        }
        this.#presses.delete(id);
        this.update();
    }

    #makeStopLine({ scope, target_id: id }) {
        const may = this.#workspace.may("operate");
        const [title, since, boards] = [h("strong", {}), h("span", {}), h("span", {})];
        const advice = h("p", {});
        const element = h(
            "div", { class: "stop-line", role: "alert", "data-stop": scope },
            h("div", {}, title, " ", since, " ", boards, advice),
            may && h("button", {
                type: "button", class: "release", onclick: () => this.release(scope, id),
            }, "Release …"));
        return {
            element,
            update: (stop) => {
                const unconfirmed = this.#unconfirmed(stop);
                const isSure = unconfirmed.length === 0;
                element.classList.toggle("unconfirmed", !isSure);
                setText(title, isSure
                    ? `E-STOP: ${this.#name(scope, id)} is stopped`
                    : `E-STOP SENT, NOT CONFIRMED by ${unconfirmed.join(", ")} yet: ${
                        this.#name(scope, id)}`);
                setText(advice, !isSure
                    ? "It is sent again every second. If anything moves, cut its power by hand."
                    : may ? "Every output is at its safe value and every command is refused "
                        + "until you release it."
                    : "Every command is refused until an operator releases it.");
                setText(since, stop.created_at_ms
                    ? `since ${time(stop.created_at_ms)}.` : "just now.");
                setText(boards, this.#boards(stop));
            },
        };
    }

    #devices(stop) {
        return (this.#workspace.devices.items ?? []).filter((device) => ({
            workspace: true, agent: device.agent_id === stop.target_id,
            device: device.id === stop.target_id,
        })[stop.scope]);
    }

    #concerns(stop, agent) {
        return stop.scope === "workspace" || stop.target_id === agent.id
            || this.#workspace.device(stop.target_id)?.agent_id === agent.id;
    }

    // The names of the agents and boards that are there and have not said that they stopped.
    #unconfirmed(stop) {
        const agents = (this.#workspace.agents.items ?? []).filter((agent) =>
            agent.online && !agent.stop_confirmed && this.#concerns(stop, agent));
        const silent = new Set(agents.map((agent) => agent.id));
        const boards = this.#devices(stop).filter((device) =>
            device.condition === "armed" && !silent.has(device.agent_id));
        return [...agents, ...boards].map((one) => `“${one.name}”`);
    }

    // Agents that are there, that nothing stops, and that have not said that they know it.
    #unreleased(stops) {
        return (this.#workspace.agents.items ?? []).filter((agent) =>
            agent.online && !agent.stop_confirmed
            && !stops.some((stop) => this.#concerns(stop, agent)));
    }

    // What the boards themselves have said.
    #boards(stop) {
        const devices = this.#devices(stop);
        const away = devices.filter((device) => device.condition === "offline");
        const confirmed = devices.filter((device) => device.condition === "estopped");
        const parts = [];
        if (confirmed.length > 0) parts.push(`Confirmed by ${plural(confirmed.length, "board")}.`);
        if (away.length > 0) {
            parts.push(`${plural(away.length, "board")} offline: no command gets there, and the stop `
                + "is obeyed first on return. A board whose agent has died makes itself safe; where "
                + "the agent is only cut off, it does so within half a minute.");
        }
        if (stop.kept === false) {
            parts.push("Not written down yet: it would not outlast a restart of the server.");
        }
        return parts.join(" ");
    }

    #name(scope, id) {
        if (scope === "workspace") return `the workspace “${this.#workspace.info.name}”`;
        if (scope === "agent") {
            const agent = this.#workspace.agents.items?.find((one) => one.id === id);
            return `the agent “${agent?.name ?? "…"}”`;
        }
        return `the board “${this.#workspace.device(id)?.name ?? "…"}”`;
    }

    #path(scope, id) {
        const path = this.#workspace.path;
        return scope === "workspace" ? `${path}/stop` : `${path}/${scope}s/${id}/stop`;
    }

    #key(event) {
        if (event.key !== "Escape") return;
        // When the key was pressed, not when a busy page comes to it.
        const now = event.timeStamp;
        const isSecond = now - this.#lastEscape < DOUBLE_KEY_MS;
        this.#lastEscape = isSecond ? -Infinity : now;
        if (isSecond && this.#workspace.may("operate")) this.pressAll();
    }
}

const WORDS = { agent: "agent", device: "board" };

/// The small E-stop of an agent or a device: presses at once, releases after a question.
export function stopSwitch(stops, workspace, scope, id) {
    const button = h("button", { type: "button", class: "stop-small" });
    button.addEventListener("click", () => {
        if (stops.isPressed(scope, id)) stops.release(scope, id);
        else stops.press(scope, id);
    });
    const update = () => {
        const isPressed = stops.isPressed(scope, id);
        setText(button, isPressed ? "Release …" : `Stop ${WORDS[scope]}`);
        button.classList.toggle("is-latched", isPressed);
        button.setAttribute("aria-label", isPressed
            ? `Release the E-stop of this ${WORDS[scope]}` : `E-stop of this ${WORDS[scope]}`);
        button.disabled = !workspace.may("operate");
    };
    update();
    return { element: button, update };
}
