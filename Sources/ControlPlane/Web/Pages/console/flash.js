// The firmware of a board, and having its agent flash other firmware onto it.

import { post } from "./api.js";
import { fill, h, setText } from "./dom.js";
import { time } from "./format.js";
import { actionButton, field, notice, openDialog } from "./parts.js";

const STEPS = {
    asking: "asking the board who it is",
    connecting: "looking for its bootloader",
    reading_old: "reading the former firmware",
    keeping_images: "keeping both images",
    writing: "writing",
    verifying: "verifying",
    awaiting_hello: "waiting for the new firmware to say that it runs",
    restoring: "putting the former firmware back",
    checking_restored: "waiting for the former firmware to say that it runs",
    committed: "done",
};

/// Whether a board is being flashed.
export const isFlashing = ({ flash }) => ["waiting", "running"].includes(flash?.status);

/// What can be flashed onto a board: firmware that its agent has and that it does not run.
const offersFor = (device) => (device.firmware ?? []).filter(
    (one) => one.build !== device.manifest.build);

/// The button that updates a board, and how its flashing stands.
export class FlashPanel {
    element = h("div", { class: "flash", role: "status", hidden: true });
    button;
    #workspace;
    #device;
    #text = h("p", {});
    #bar = h("progress", { max: 100, "aria-label": "Progress of this step" });
    #shown = null;

    constructor(workspace) {
        this.#workspace = workspace;
        this.button = workspace.may("operate") && h("button", {
            type: "button", class: "small", "data-flash": true, hidden: true,
            onclick: () => this.#ask(),
        }, "Update firmware …");
    }

    update(device) {
        this.#device = device;
        const job = device.flash;
        const isOpen = isFlashing(device);
        if (this.button) {
            this.button.hidden = offersFor(device).length === 0;
            this.button.disabled = isOpen || device.condition === "offline";
        }
        this.element.hidden = !job;
        if (!job) return;
        this.element.dataset.status = job.status;
        const key = `${job.id} ${job.status} ${job.reason}`;
        if (key !== this.#shown) {
            this.#shown = key;
            fill(this.element, isOpen ? [this.#text, this.#bar] : resultOf(job));
        }
        if (!isOpen) return;
        setText(this.#text, `Updating the firmware: ${
            job.status === "waiting" ? "asking its agent" : STEPS[job.step] ?? job.step}${
            job.percent === undefined ? " …" : ` ${job.percent} %`}`);
        if (job.percent === undefined) this.#bar.removeAttribute("value");
        else this.#bar.value = job.percent;
    }

    #ask() {
        const device = this.#device;
        const offers = offersFor(device);
        openDialog(`Update the firmware of “${device.name}”?`, (close) => {
            const choice = h("select", { name: "build" }, offers.map(
                ({ version, build }) => h("option", { value: build }, `${version} (${build})`)));
            const problem = h("div", {});
            const { firmware, build } = device.manifest;
            return [
                h("p", {}, `It runs ${firmware} (${build}).`),
                field("New firmware", choice, { path: "build" }),
                h("p", {}, "It takes about half a minute. The board restarts several times, and "
                    + "no firmware runs while it is written: what holds its outputs off then are "
                    + "the resistors of the wiring, and no E-stop can reach it. Keep clear of "
                    + "what it moves."),
                h("p", {}, "If the new firmware does not say that it runs, the former one is put "
                    + "back."),
                device.stopped && notice("info",
                    "Its E-stop is pressed and stays so: nothing moves after the update either."),
                problem,
                h("div", { class: "buttons" },
                    actionButton("Update", { class: "primary", "data-yes": true }, async () => {
                        const path = `${this.#workspace.path}/devices/${device.id}/flash`;
                        this.#workspace.showFlash(await post(path, { build: choice.value }));
                        close();
                    }, (error) => error && fill(problem, notice("bad",
                        error.fields?.map((one) => `${one.path} ${one.message}`).join("; ")
                            || error.message))),
                    h("button", { type: "button", onclick: close, "data-first": true }, "Cancel")),
            ].filter(Boolean);
        });
    }
}

/// How a flashing ended, in words: what happened, why, and what to do.
function resultOf(job) {
    const at = time(job.ended_at_ms);
    switch (job.status) {
    case "flashed":
        return h("p", { class: "quiet" }, `Firmware updated at ${at}: build ${job.build} runs.`);
    case "refused":
        return notice("warn", `The update was refused at ${at}, and nothing was written: ${job.reason}.`);
    case "put_back":
        return notice("warn", `The update was undone at ${at}: build ${job.former_build} runs `
            + `again, because ${job.reason}.`);
    case "stranded":
        return notice("bad", `The update was cut off at ${at}, and the board may have no working `
            + "firmware. Plug it in, and run on its computer: cuelight-agent flash --resume",
        h("p", { class: "quiet" }, job.reason));
    default:
        return notice("warn", `The update did not happen at ${at}: ${job.reason}`);
    }
}
