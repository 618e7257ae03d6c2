// The E-stop. Pressing goes to the server by itself, whatever the stream does, and is repeated
// until it has been heard; what is stopped stays on show until somebody releases it.

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
                await call("PUT", this.#path(scope, id), undefined, { timeout: TRY_TIMEOUT_MS });
                this.#presses.delete(id);
                this.#heard(scope, id);
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
    #heard(scope, id) {
        const stops = this.#workspace.stops;
        if (!this.isPressed(scope, id)) {
            stops.items = [
                ...(stops.items ?? []), { scope, target_id: id, created_at_ms: Date.now() },
            ];
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
            await call("DELETE", this.#path(scope, id));
            const stops = this.#workspace.stops;
            stops.items = (stops.items ?? []).filter((stop) => stop.target_id !== id);
            this.update();
            this.#workspace.reloadStage();
        });
    }

    /// Draws what is pressed and what is being pressed.
    update() {
        const stops = this.#workspace.stops.items ?? [];
        const presses = [...this.#presses.values()];
        const isStopped = this.isPressed("workspace", this.#workspace.id);
        const running = presses.some((press) => !press.isOver);
        const may = this.#workspace.may("operate");
        this.#button.disabled = !may;
        this.#button.classList.toggle("is-latched", isStopped);
        this.#button.classList.toggle("is-pressing", running);
        this.#button.setAttribute("aria-label", isStopped
            ? "E-stop: the workspace is stopped" : "E-stop: stop everything in this workspace");
        const caption = !may ? "watchers may not"
            : running ? "stopping …" : isStopped ? "everything is stopped" : "or press Esc twice";
        setText(this.#caption, caption);
        document.body.classList.toggle("is-stopped", stops.length > 0);
        this.#drawBanner(stops, presses);
    }

    // Lines stay while they are shown, so that their buttons can be pressed while texts change.
    #drawBanner(stops, presses) {
        const failing = presses.filter((press) => press.problem);
        const keys = [
            ...failing.map((press) => `press ${press.id}`),
            ...stops.map((stop) => `stop ${stop.target_id}`),
        ];
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
        ]);
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
        const element = h(
            "div", { class: "stop-line", role: "alert", "data-stop": scope },
            h("div", {}, title, " ", since, " ", boards,
                h("p", {}, may
                    ? "Every output is at its safe value and every command is refused until you "
                        + "release it."
                    : "Every command is refused until an operator releases it.")),
            may && h("button", {
                type: "button", class: "release", onclick: () => this.release(scope, id),
            }, "Release …"));
        return {
            element,
            update: (stop) => {
                setText(title, `E-STOP: ${this.#name(scope, id)} is stopped`);
                setText(since, stop.created_at_ms
                    ? `since ${time(stop.created_at_ms)}.` : "just now.");
                setText(boards, this.#boards(stop));
            },
        };
    }

    // Whether the boards themselves have said that they stopped.
    #boards(stop) {
        const devices = (this.#workspace.devices.items ?? []).filter((device) => ({
            workspace: true, agent: device.agent_id === stop.target_id,
            device: device.id === stop.target_id,
        })[stop.scope]);
        const waiting = devices.filter((device) => ["safe", "armed"].includes(device.condition));
        const away = devices.filter((device) => device.condition === "offline");
        const confirmed = devices.filter((device) => device.condition === "estopped");
        const parts = [];
        if (waiting.length > 0) {
            parts.push(`Not confirmed yet by ${waiting.map((device) => device.name).join(", ")}.`);
        }
        if (confirmed.length > 0) parts.push(`Confirmed by ${plural(confirmed.length, "board")}.`);
        if (away.length > 0) {
            parts.push(`${plural(away.length, "board")} offline; a board without its agent makes `
                + "itself safe.");
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
