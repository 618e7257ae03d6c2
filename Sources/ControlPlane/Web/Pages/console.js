// The console: who is signed in, which workspace is shown, and which view of it.

import {
    post, get, refresh, session, sessionEnded, signInOnce, signOut,
} from "./console/api.js";
import { fill, h, setText } from "./console/dom.js";
import { LiveView } from "./console/live.js";
import { closeDialog, field, makeForm, notice, openDialog } from "./console/parts.js";
import { RulesView } from "./console/rules.js";
import { SequencesView } from "./console/sequences.js";
import { signInView } from "./console/sign-in.js";
import { storage } from "./console/storage.js";
import { StageView } from "./console/stage.js";
import { Stops } from "./console/stop.js";
import { Workspace } from "./console/workspace.js";

const VIEWS = { stage: "Stage", rules: "Rules", sequences: "Sequences", live: "LIVE" };
const CHOSEN = "cuelight.workspace";
// How often signing in again is tried while the server is away.
const RETRY_MS = 2_000;

const app = document.getElementById("app");
let page = null;

/// What somebody signed in sees.
class Console {
    #workspaces;
    #workspace = null;
    #stops = null;
    #views = null;
    #shell = h("div", { id: "shell" });
    #dock = h("div", { id: "dock" });
    #banner = h("div", { id: "banner" });
    #away = h("div", { id: "away" });
    #main = h("main", { id: "main" });
    #choice = h("select", { "aria-label": "Workspace", id: "workspace" });
    #pill = h("span", { class: "pill", role: "status", id: "connection" });
    #nav;
    #ticker;
    #isClosed = false;

    constructor(workspaces) {
        this.#workspaces = workspaces;
        this.#nav = h("nav", { "aria-label": "Views" }, Object.entries(VIEWS).map(([key, name]) =>
            h("a", { href: `#${key}`, "data-view": key }, name)));
        this.#choice.addEventListener("change", () => {
            if (this.#choice.value === "new") {
                this.#choice.value = this.#workspace?.id ?? "";
                this.#makeWorkspace();
            } else {
                this.#open(this.#choice.value);
            }
        });
        this.#shell.append(
            h("a", { class: "skip", href: "#main", onclick: (event) => {
                event.preventDefault();
                this.#main.tabIndex = -1;
                this.#main.focus();
            } }, "Skip to the content"),
            h("header", { class: "top" },
                h("div", { class: "brand" },
                    h("span", { class: "lamp", "aria-hidden": "true" }), "Cuelight"),
                this.#choice, this.#nav, this.#pill, accountMenu()),
            this.#away, this.#banner, this.#main);
        fill(app, this.#shell, h("div", { id: "dialogs" }), this.#dock);
        window.addEventListener("hashchange", this.#route);
        window.addEventListener("online", this.#online);
        this.#ticker = setInterval(() => this.#drawConnection(), 1_000);
        this.#drawWorkspaces();
        const wanted = storage.get(CHOSEN);
        const first = workspaces.find((one) => one.id === wanted) ?? workspaces[0];
        if (first) this.#open(first.id);
        else this.#drawFirst();
    }

    close() {
        this.#isClosed = true;
        this.#closeWorkspace();
        clearInterval(this.#ticker);
        window.removeEventListener("hashchange", this.#route);
        window.removeEventListener("online", this.#online);
    }

    #online = () => this.#workspace?.retryNow();

    #closeWorkspace() {
        closeDialog();
        this.#workspace?.close();
        this.#stops?.close();
        this.#workspace = this.#stops = this.#views = null;
        document.body.classList.remove("is-stopped", "is-away");
    }

    #drawWorkspaces() {
        fill(this.#choice,
            this.#workspaces.map((one) => h("option", { value: one.id }, one.name)),
            h("option", { value: "new" }, "New workspace …"));
        this.#choice.hidden = this.#workspaces.length === 0;
    }

    /// The stream of the workspace has ended for good: to the sign-in, or to the other workspaces.
    async #leave(problem) {
        if (problem.code === "session_ended" || problem.status === 401) {
            sessionEnded("Your session has ended. Sign in again.");
            return;
        }
        const { id, info } = this.#workspace;
        this.#closeWorkspace();
        this.#workspaces = this.#workspaces.filter((one) => one.id !== id);
        this.#drawLeft(info.name);
        try {
            // Who was let in again meanwhile finds it in the list.
            this.#workspaces = await get("/api/v1/workspaces");
        } catch {
            // What is known already is shown.
            return;
        }
        if (!this.#workspace && !this.#isClosed) this.#drawLeft(info.name);
    }

    #drawLeft(name) {
        fill(this.#dock);
        fill(this.#banner);
        fill(this.#away);
        this.#drawWorkspaces();
        this.#choice.value = "";
        this.#nav.hidden = this.#pill.hidden = true;
        delete document.body.dataset.view;
        document.title = "Cuelight";
        fill(this.#main, h("div", { class: "empty", id: "left" },
            h("h1", {}, "You are no longer in this workspace"),
            notice("info", `You may not watch “${name}” any longer. Somebody who owns it has `
                + "taken you out of it."),
            this.#workspaces.length > 0 && [
                h("p", {}, "Your other workspaces:"),
                h("div", { class: "buttons" }, this.#workspaces.map((one) => h("button", {
                    type: "button", "data-workspace": one.id, onclick: () => this.#open(one.id),
                }, one.name))),
            ],
            this.#workspaces.length === 0 && [
                h("p", {}, "You are in no other workspace. You can make one of your own."),
                this.#workspaceForm(() => {}),
            ]));
    }

    #drawFirst() {
        this.#nav.hidden = this.#pill.hidden = true;
        fill(this.#main, h("div", { class: "empty" },
            h("h1", {}, "Make your first workspace"),
            h("p", {}, "A workspace holds your computers, boards, rules and livestreams, and the "
                + "people who may use them."),
            this.#workspaceForm(() => {})));
    }

    #makeWorkspace() {
        openDialog("New workspace", (close) => this.#workspaceForm(
            close, h("button", { type: "button", onclick: close }, "Cancel")));
    }

    #workspaceForm(close, more) {
        const name = h("input", {
            type: "text", required: true, maxLength: 60, autocomplete: "off",
        });
        return makeForm({ id: "workspace-form" }, field("Name", name, { path: "name" }),
            "Make the workspace", async () => {
                const made = await post("/api/v1/workspaces", { name: name.value.trim() });
                this.#workspaces = [...this.#workspaces, made];
                this.#drawWorkspaces();
                close();
                this.#open(made.id);
            }, more);
    }

    #open(id) {
        this.#closeWorkspace();
        storage.set(CHOSEN, id);
        const workspace = new Workspace(this.#workspaces.find((one) => one.id === id));
        this.#workspace = workspace;
        this.#choice.value = id;
        this.#nav.hidden = this.#pill.hidden = false;
        this.#stops = new Stops(workspace);
        fill(this.#dock, this.#stops.dock);
        fill(this.#banner, this.#stops.banner);
        this.#views = {
            stage: new StageView(workspace, this.#stops), rules: new RulesView(workspace),
            sequences: new SequencesView(workspace), live: new LiveView(workspace),
        };
        fill(this.#main, Object.values(this.#views).map((view) => view.element));
        workspace.onChange((what) => this.#update(what));
        this.#route();
        this.#drawConnection();
    }

    #update(what) {
        const { stage, rules, sequences, live } = this.#views;
        switch (what) {
        case "connection":
            if (this.#workspace.connection.state === "ended") {
                this.#leave(this.#workspace.connection.problem);
            } else {
                this.#drawConnection();
            }
            break;
        case "agents": case "devices": case "stops":
            this.#stops.update();
            stage.update();
            if (what === "devices") {
                rules.update();
                sequences.update();
            }
            break;
        case "sequences":
            sequences.update();
            rules.update();
            break;
        case "tokens": stage.update(); break;
        case "rules": rules.update(); live.updateFeed(); break;
        case "livestreams": case "gifts": live.update(); break;
        case "feed": live.updateFeed(); break;
        }
    }

    #route = () => {
        const wanted = location.hash.slice(1);
        const view = wanted in VIEWS ? wanted : "stage";
        document.body.dataset.view = view;
        for (const link of this.#nav.children) {
            if (link.dataset.view === view) link.setAttribute("aria-current", "page");
            else link.removeAttribute("aria-current");
        }
        document.title = `${VIEWS[view]} · Cuelight`;
    };

    #drawConnection() {
        const connection = this.#workspace?.connection;
        if (!connection) return;
        const text = { live: "Connected", connecting: "Connecting …" }[connection.state]
            ?? "Server away";
        setText(this.#pill, text);
        this.#pill.className = `pill is-${connection.state}`;
        document.body.classList.toggle("is-away", connection.state !== "live");
        if (connection.state !== "away") {
            // While it tries again the line stays, so that it does not flicker.
            if (connection.state === "live") fill(this.#away);
            return;
        }
        const seconds = Math.max(0, Math.ceil((connection.retryAt - Date.now()) / 1000));
        const line = `The server is away; what you see may be old. Trying again in ${seconds} s. `
            + "The E-stop keeps trying until it is heard.";
        if (!this.#away.firstChild) {
            fill(this.#away, notice("bad", line, h("button", {
                type: "button", onclick: () => this.#workspace?.retryNow(),
            }, "Try now")));
        }
        setText(this.#away.querySelector("p"), line);
    }
}

function accountMenu() {
    const leave = (event) => {
        if (!event.currentTarget.contains(event.relatedTarget)) event.currentTarget.open = false;
    };
    return h("details", { class: "account", onfocusout: leave },
        h("summary", {}, session.account.display_name),
        h("div", { class: "menu" },
            h("p", { class: "quiet" }, `@${session.account.handle}`),
            h("p", { class: "quiet" }, session.account.email),
            h("button", { type: "button", id: "sign-out", onclick: () => signOut() }, "Sign out")));
}

/// Shows what fits: the console for somebody signed in, else the form.
async function show(reason) {
    page?.close();
    page = null;
    delete document.body.dataset.view;
    document.title = "Cuelight";
    if (!session.isSignedIn) {
        fill(app, signInView(reason));
        return;
    }
    fill(app, h("p", { class: "boot", role: "status" }, "Loading your workspaces …"));
    const account = session.account.id;
    const workspaces = await untilReached(() => get("/api/v1/workspaces"));
    if (workspaces && session.account?.id === account) page = new Console(workspaces);
}

/// Does `work` until the server is reached, and says so meanwhile. Undefined if it is refused.
async function untilReached(work) {
    for (;;) {
        try {
            return await work();
        } catch (problem) {
            if (problem.status === 401) return undefined;
            fill(app, h("main", { class: "sign-in" }, notice(
                "bad", `${problem.message} Trying again every ${RETRY_MS / 1000} s.`)));
            await new Promise((resolve) => { setTimeout(resolve, RETRY_MS); });
        }
    }
}

async function start() {
    session.onChange((reason) => show(reason));
    const code = /^#login=([^&]+)$/.exec(location.hash)?.[1];
    if (code) {
        // Before anything else, so that the code is in no history and no bookmark.
        history.replaceState(null, "", location.pathname + location.search);
        try {
            await signInOnce(decodeURIComponent(code));
            return;
        } catch (problem) {
            await show(problem.status === 401
                ? "This sign-in link was used before or is too old. Sign in here."
                : problem.message);
            return;
        }
    }
    if (!session.hasStored) {
        await show("");
        return;
    }
    await untilReached(refresh);
}

start();
