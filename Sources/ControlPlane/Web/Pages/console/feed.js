// The events of one livestream with what they caused, newest first, and the commands that have
// ended. Cues and commands may arrive before their event; they wait for it.

import { call, get } from "./api.js";

/// Rows shown at most; the oldest go first.
export const ROWS_MAX = 200;
const HISTORY = 100;
const COMMANDS_PAGE = 50;
// What is known by event id, for events that are not shown (yet).
const LINKS_MAX = 1_000;

// Ids grow with time, so they order what came by either way.
const newestFirst = (a, b) => (a.id < b.id ? 1 : a.id > b.id ? -1 : 0);

export class Feed {
    /// The livestream that is shown; null for none.
    livestream = null;
    /// Events, newest first; null until they were read.
    events = null;
    problem = null;
    /// What inputs of boards did since the page was opened, newest first; of no livestream.
    inputs = [];
    /// Ended and running commands, newest first; null until they were read.
    commands = null;
    commandsProblem = null;
    nextCommands = null;
    #workspace;
    #changed;
    #links = new Map();
    #isScheduled = false;
    #reading = 0;

    constructor(workspace, changed) {
        this.#workspace = workspace;
        this.#changed = changed;
    }

    /// Shows another livestream.
    choose(id) {
        if (this.livestream === id) return;
        this.livestream = id;
        this.events = null;
        this.problem = null;
        this.#readEvents();
        this.#tell();
    }

    reload() {
        this.#readCommands();
        if (this.livestream) this.#readEvents();
    }

    /// What an event caused: {rules: Set of ids, commands: Map by id}.
    causedBy(eventID) { return this.#links.get(eventID); }

    /// The events of the livestream and of the boards, newest first: ids grow with time.
    shown() {
        const events = this.livestream ? this.events ?? [] : [];
        return [...events, ...this.inputs].sort(newestFirst).slice(0, ROWS_MAX);
    }

    takeEvent(event) {
        if (!event.livestream_id) {
            if (this.inputs.some((known) => known.id === event.id)) return;
            this.inputs.unshift(event);
            this.inputs.length = Math.min(this.inputs.length, ROWS_MAX);
            this.#tell();
            return;
        }
        if (event.livestream_id !== this.livestream || !this.events) return;
        if (this.events.some((known) => known.id === event.id)) return;
        this.events.unshift(event);
        this.events.length = Math.min(this.events.length, ROWS_MAX);
        this.#tell();
    }

    takeCue(cue) {
        this.#link(cue.event_id).rules.add(cue.rule_id);
        this.#tell();
    }

    takeCommand(command) {
        this.#keep(command);
        const known = this.commands?.findIndex((one) => one.id === command.id) ?? -1;
        if (known >= 0) {
            // An outcome never turns back into a command under way.
            if (command.status || !this.commands[known].status) this.commands[known] = command;
        } else if (this.commands) {
            this.commands.unshift(command);
            this.commands.length = Math.min(this.commands.length, ROWS_MAX);
        }
        this.#tell();
    }

    /// Reads older commands below those that are shown.
    async readMoreCommands() {
        if (!this.nextCommands || this.commands.length >= ROWS_MAX) return;
        const query = `&cursor=${encodeURIComponent(this.nextCommands)}`;
        const answer = await this.#commandPage(query);
        for (const command of answer.data) this.#keep(command);
        const known = new Set(this.commands.map((command) => command.id));
        this.commands.push(...answer.data.filter((command) => !known.has(command.id)));
        this.commands.length = Math.min(this.commands.length, ROWS_MAX);
        this.nextCommands = this.commands.length < ROWS_MAX ? answer.next_cursor : null;
        this.#tell();
    }

    #commandPage(query = "") {
        return call("GET", `${this.#workspace.path}/commands?limit=${COMMANDS_PAGE}${query}`);
    }

    async #readCommands() {
        try {
            const answer = await this.#commandPage();
            const read = new Set(answer.data.map((command) => command.id));
            for (const command of answer.data) this.#keep(command);
            // What is under way or newer than the page stays on top.
            const newer = (this.commands ?? []).filter((command) => !read.has(command.id)
                && command.created_at_ms >= (answer.data[0]?.created_at_ms ?? 0));
            this.commands = [...newer, ...answer.data];
            this.nextCommands = answer.next_cursor;
            this.commandsProblem = null;
        } catch (problem) {
            this.commandsProblem = problem;
        }
        this.#tell();
    }

    async #readEvents() {
        const id = this.livestream;
        const reading = this.#reading += 1;
        try {
            const path = `${this.#workspace.path}/livestreams/${id}/events?limit=${HISTORY}`;
            const read = await get(path);
            if (reading !== this.#reading) return;
            const known = new Set(read.map((event) => event.id));
            const shown = (this.events ?? []).filter((event) => !known.has(event.id));
            this.events = [...shown, ...read]
                .sort(newestFirst)
                .slice(0, ROWS_MAX);
            this.problem = null;
        } catch (problem) {
            if (reading !== this.#reading) return;
            this.problem = problem;
        }
        this.#tell();
    }

    #keep(command) {
        if (!command.event_id) return;
        const link = this.#link(command.event_id);
        if (command.rule_id) link.rules.add(command.rule_id);
        const known = link.commands.get(command.id);
        if (command.status || !known?.status) link.commands.set(command.id, command);
    }

    #link(eventID) {
        let link = this.#links.get(eventID);
        if (!link) {
            link = { rules: new Set(), commands: new Map() };
            this.#links.set(eventID, link);
            if (this.#links.size > LINKS_MAX) this.#links.delete(this.#links.keys().next().value);
        }
        return link;
    }

    // Many messages become one drawing; a hidden page draws seldom.
    #tell() {
        if (this.#isScheduled) return;
        this.#isScheduled = true;
        const draw = () => {
            this.#isScheduled = false;
            this.#changed();
        };
        if (document.hidden) setTimeout(draw, 1_000);
        else requestAnimationFrame(draw);
    }
}
