// Small parts that every view uses: notices, buttons that do something, forms, dialogs.

import { h, fill, uniqueID } from "./dom.js";

/// A line that says how something stands; `kind` is info, good, warn or bad.
export function notice(kind, text, ...more) {
    return h("div", { class: `notice ${kind}`, role: kind === "bad" ? "alert" : null },
        h("p", {}, text), more);
}

/// What a list shows in place of its items: loading, an error with a second try, or that
/// nothing is there. Drawn anew only when that changes, so that the focus stays where it is.
export class StandIn {
    element = h("div", {});
    #texts;
    #shown = null;

    constructor(texts) { this.#texts = texts; }

    /// True if there are items to be shown.
    update(resource) {
        const { items } = resource;
        // That the server is away is said once, at the top; what is known stays on show.
        const problem = items && resource.problem?.isAway ? null : resource.problem;
        const key = items === null ? `waiting ${problem?.message ?? ""}`
            : `${items.length === 0 ? "empty" : "items"} ${problem?.message ?? ""}`;
        if (key !== this.#shown) {
            this.#shown = key;
            const again = () => h("button", {
                type: "button", onclick: () => resource.reload(),
            }, "Try again");
            fill(this.element,
                problem && notice("bad", problem.message, again()),
                items === null && !problem
                    && h("p", { class: "loading", role: "status" }, this.#texts.loading),
                items?.length === 0 && this.#texts.empty());
        }
        return (items?.length ?? 0) > 0;
    }
}

/// A button whose work takes time: it is off meanwhile, and `report` gets the problem or null.
export function actionButton(label, attributes, work, report) {
    const button = h("button", { type: "button", ...attributes }, label);
    button.addEventListener("click", async () => {
        if (button.disabled) return;
        button.disabled = true;
        try {
            await work();
            report?.(null);
        } catch (problem) {
            report?.(problem);
        } finally {
            button.disabled = false;
        }
    });
    return button;
}

/// A labelled input. `path` is the name of the field in the request, where the server's errors
/// find it.
export function field(label, input, { path, help, id = uniqueID("field") } = {}) {
    input.id = id;
    if (path) input.dataset.path = path;
    if (help) input.setAttribute("aria-describedby", `${id}-help`);
    return h("div", { class: "field" }, h("label", { for: id }, label), input,
        help && h("p", { class: "help", id: `${id}-help` }, help));
}

/// Shows problems at the fields of a form; what has no field goes to its summary. The first
/// wrong field gets the focus.
export function showProblem(form, problem) {
    clearProblems(form);
    const summary = form.querySelector(".summary");
    if (!problem) return;
    const homeless = [];
    let first = null;
    for (const { path, message } of problem.fields ?? []) {
        const input = inputFor(form, path);
        if (!input) {
            homeless.push(`${path} ${message}`);
            continue;
        }
        markWrong(input, message);
        first ??= input;
    }
    const text = [
        first || homeless.length > 0 ? "Please correct this:" : problem.message, ...homeless,
    ].join(" ");
    fill(summary, notice("bad", first && homeless.length === 0
        ? "Please correct the marked fields." : text));
    (first ?? summary).focus?.();
}

// `actions[0].operation.hold_ms` finds itself, else `actions[0].operation`, else `actions[0]` …
function inputFor(form, path) {
    let rest = path;
    while (rest) {
        const found = form.querySelector(`[data-path="${CSS.escape(rest)}"]`);
        if (found) return found;
        const cut = Math.max(rest.lastIndexOf("."), rest.lastIndexOf("["));
        if (cut <= 0) return null;
        rest = rest.slice(0, cut);
    }
    return null;
}

export function markWrong(input, message) {
    const id = `${input.id || (input.id = uniqueID("field"))}-error`;
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-errormessage", id);
    const home = input.closest(".field") ?? input;
    home.classList.add("wrong");
    let line = document.getElementById(id);
    if (!line) {
        line = h("p", { class: "field-error", id });
        home.append(line);
    }
    line.textContent = line.textContent ? `${line.textContent}; ${message}` : message;
}

export function clearProblems(form) {
    for (const line of form.querySelectorAll(".field-error")) line.remove();
    for (const home of form.querySelectorAll(".wrong")) home.classList.remove("wrong");
    for (const input of form.querySelectorAll("[aria-invalid]")) {
        input.removeAttribute("aria-invalid");
        input.removeAttribute("aria-errormessage");
    }
    const summary = form.querySelector(".summary");
    if (summary) fill(summary);
}

/// Marks what the browser itself finds wrong; true if nothing is.
export function isComplete(form) {
    clearProblems(form);
    const wrong = [...form.elements].filter(
        (input) => input.willValidate && !input.checkValidity());
    for (const input of wrong) markWrong(input, input.validationMessage);
    wrong[0]?.focus();
    return wrong.length === 0;
}

/// A form whose sending takes time and whose problems are shown at its fields.
export function makeForm(attributes, contents, submitLabel, send, more = []) {
    const button = h("button", { type: "submit", class: "primary" }, submitLabel);
    const form = h("form", { noValidate: true, ...attributes },
        h("div", { class: "summary", tabIndex: -1 }), contents,
        h("div", { class: "buttons" }, button, more));
    form.addEventListener("submit", async (event) => {
        event.preventDefault();
        if (button.disabled || !isComplete(form)) return;
        button.disabled = true;
        try {
            await send(form);
        } catch (problem) {
            showProblem(form, problem);
        } finally {
            button.disabled = false;
        }
    });
    return form;
}

/// Closes the dialog that is open, if one is: what it asks about is gone.
export let closeDialog = () => {};

/// A dialog above the page. The page below is inert, except for the E-stop, which stands above
/// everything: a dialog never stands between a person and the E-stop.
export function openDialog(title, makeBody, { onClose } = {}) {
    const layer = document.getElementById("dialogs");
    const shell = document.getElementById("shell");
    const before = document.activeElement;
    const id = uniqueID("dialog");
    const close = () => {
        closeDialog = () => {};
        document.removeEventListener("keydown", keys, true);
        fill(layer);
        shell.inert = false;
        before?.focus?.();
        onClose?.();
    };
    const keys = (event) => { if (event.key === "Escape") close(); };
    const box = h("div", { class: "dialog", role: "dialog", "aria-labelledby": id, tabIndex: -1 },
        h("h2", { id }, title));
    box.append(...[makeBody(close)].flat());
    document.addEventListener("keydown", keys, true);
    shell.inert = true;
    closeDialog = close;
    fill(layer, h("div", { class: "backdrop" }), box);
    (box.querySelector("[data-first]") ?? box.querySelector("input, select") ?? box).focus();
    return close;
}

/// Asks before something is done; `work` runs on yes, its problem is shown in the dialog.
export function confirmDialog({ title, text, yes, isDanger }, work) {
    openDialog(title, (close) => {
        const problem = h("div", {});
        return [
            [text].flat().map((line) => h("p", {}, line)),
            problem,
            h("div", { class: "buttons" },
                actionButton(yes, { class: isDanger ? "danger" : "primary", "data-yes": true },
                    async () => {
                        await work();
                        close();
                    },
                    (error) => error && fill(problem, notice("bad", error.message))),
                h("button", { type: "button", onclick: close, "data-first": true }, "Cancel")),
        ].flat();
    });
}

/// Copies text; false where the browser does not let us.
export async function copyText(text, input) {
    try {
        await navigator.clipboard.writeText(text);
        return true;
    } catch {
        // Without HTTPS there is no clipboard API; selecting is what is left.
        input.focus();
        input.select();
        return document.execCommand("copy");
    }
}

/// Buttons of which one is chosen, as tabs over panels.
export function tabs(label, names, chosen, choose) {
    const list = h("div", { class: "tabs", role: "tablist", "aria-label": label });
    const buttons = Object.entries(names).map(([key, text]) => {
        const button = h("button", {
            type: "button", role: "tab", "data-tab": key, onclick: () => pick(key),
        }, text);
        return [key, button];
    });
    const pick = (key) => {
        for (const [name, button] of buttons) {
            button.setAttribute("aria-selected", String(name === key));
            button.tabIndex = name === key ? 0 : -1;
        }
        choose(key);
    };
    list.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!step) return;
        const at = buttons.findIndex(([, button]) => button === document.activeElement);
        const [key, button] = buttons[(at + step + buttons.length) % buttons.length];
        button.focus();
        pick(key);
    });
    list.append(...buttons.map(([, button]) => button));
    pick(chosen);
    return list;
}

/// Names with their figures; drawn anew only if they changed, hidden while there are none.
export function drawFigures(list, figures) {
    const key = JSON.stringify(figures);
    if (list.dataset.shown === key) return;
    list.dataset.shown = key;
    list.hidden = figures.length === 0;
    fill(list, figures.map(([name, value]) => h(
        "div", {}, h("dt", {}, name), h("dd", { class: "number" }, value))));
}
