// What the console knows of one workspace. Lists come from the API, changes from the stream;
// after each reconnect everything is read again, because something may have been missed.

import { call, get } from "./api.js";
import { LiveStream } from "./stream.js";
import { Feed } from "./feed.js";

const PAGE_MAX = 100;
const RULES_MAX = 1_000;
// Telemetry, viewers and likes are not on the stream.
const TELEMETRY_MS = 10_000;
// Changes come in bursts; lists are read at most this often.
const RELOAD_MS = 200;
// After a reading that failed because the server was away or busy.
const AWAY_MS = 3_000;
// The ends of commands that somebody may wait for.
const ENDED_MAX = 500;
// What inputs say is drawn at most this often.
const READINGS_MS = 50;

/// A list of the API with how it stands: `items` is null until it was read once.
class Resource {
    items = null;
    problem = null;
    #load;
    #changed;
    #running = false;
    #again = false;
    #timer = null;
    #isClosed = false;

    constructor(load, changed) {
        this.#load = load;
        this.#changed = changed;
    }

    /// Reads it; calls while it is being read cause one more reading, not many.
    async reload() {
        if (this.#running) {
            this.#again = true;
            return;
        }
        this.#running = true;
        clearTimeout(this.#timer);
        try {
            this.items = await this.#load();
            this.problem = null;
        } catch (problem) {
            this.problem = problem;
        }
        this.#running = false;
        if (this.#isClosed) return;
        this.#changed();
        const isAway = this.problem?.isAway || this.problem?.status === 429;
        if (!this.#again && !isAway) return;
        this.#timer = setTimeout(() => this.reload(), isAway ? AWAY_MS : RELOAD_MS);
        this.#again = false;
    }

    close() {
        this.#isClosed = true;
        clearTimeout(this.#timer);
    }
}

export class Workspace {
    connection = { state: "connecting" };
    #listeners = new Set();
    #waiters = new Map();
    #ended = new Map();
    #stream;
    #timer;
    #isFresh = true;
    #isReading = false;

    constructor(info) {
        this.info = info;
        this.id = info.id;
        const path = this.path = `/api/v1/workspaces/${info.id}`;
        const resource = (name, load) => new Resource(load, () => this.#tell(name));
        this.agents = resource("agents", () => get(`${path}/agents`));
        this.devices = resource("devices", () => get(`${path}/devices`));
        this.sequences = resource("sequences", () => get(`${path}/sequences`));
        this.stops = resource("stops", () => get(`${path}/stops`));
        this.tokens = resource("tokens", () => this.may("own") ? get(`${path}/agent-tokens`) : []);
        this.rules = resource("rules", () => everyPage(`${path}/rules`, RULES_MAX));
        this.livestreams = resource("livestreams", () => get(`${path}/livestreams?limit=50`));
        this.gifts = resource("gifts", () => get("/api/v1/gifts"));
        this.feed = new Feed(this, () => this.#tell("feed"));
        this.#stream = new LiveStream(
            `${path}/stream`, (message) => this.#take(message), (state) => this.#stand(state));
        this.#timer = setInterval(() => {
            if (document.hidden || this.connection.state !== "live") return;
            this.agents.reload();
            if (this.livestreams.items?.some((one) => one.is_live)) this.livestreams.reload();
        }, TELEMETRY_MS);
        this.reload();
    }

    close() {
        this.#stream.close();
        for (const resource of [
            this.agents, this.devices, this.sequences, this.stops, this.tokens, this.rules,
            this.livestreams, this.gifts,
        ]) resource.close();
        clearInterval(this.#timer);
        this.#listeners.clear();
    }

    retryNow() { this.#stream.retryNow(); }

    /// `what` is the name of a list, "connection" or "feed".
    onChange(listener) { this.#listeners.add(listener); }

    /// Whether the person may "watch", "operate" or "own".
    may(what) {
        const order = ["watcher", "operator", "owner"];
        const needed = { watch: 0, operate: 1, own: 2 }[what];
        return order.indexOf(this.info.role) >= needed;
    }

    reload() {
        this.reloadStage();
        this.tokens.reload();
        this.rules.reload();
        this.livestreams.reload();
        this.gifts.reload();
        this.feed.reload();
    }

    reloadStage() {
        this.agents.reload();
        this.devices.reload();
        this.sequences.reload();
        this.stops.reload();
    }

    device(id) { return this.devices.items?.find((device) => device.id === id); }

    /// The sequences of a device, by rising number.
    sequencesOf(device) {
        return (this.sequences.items ?? []).filter((one) => one.device_id === device);
    }

    rule(id) { return this.rules.items?.find((rule) => rule.id === id); }

    /// Sends a command by hand; calls `shown` with the command as it stands, until it has ended.
    async command(device, channel, operation, shown) {
        const path = `${this.path}/devices/${device}/commands`;
        const { data } = await call("POST", path, { channel, operation });
        this.#await(data.command_id, shown);
    }

    /// Starts sequences of several devices, [{device_id, sequence}], at one time; calls
    /// `shown(index, command)` with the end of each.
    async play(plays, shown) {
        const { data } = await call("POST", `${this.path}/plays`, { plays });
        data.command_ids.forEach((id, index) =>
            this.#await(id, (command) => shown(index, command)));
    }

    #await(id, shown) {
        // The stream may have been faster than the answer.
        const ended = this.#ended.get(id);
        if (ended) {
            shown(ended);
            return;
        }
        this.#waiters.set(id, shown);
        this.#askFor(id);
    }

    // The outcome comes by the stream; where that is down, by asking.
    #askFor(id) {
        const tries = [1_500, 3_000, 6_000, 8_000];
        const next = () => {
            if (!this.#waiters.has(id)) return;
            if (tries.length === 0) {
                const shown = this.#waiters.get(id);
                this.#waiters.delete(id);
                return shown({
                    id, status: "unknown",
                    detail: "Nothing was heard of it; look at the stage before you repeat it.",
                });
            }
            setTimeout(async () => {
                if (!this.#waiters.has(id)) return;
                try {
                    this.#end(await get(`${this.path}/commands/${id}`));
                } catch {
                    // Not ended yet, or the server is away: the next try is soon.
                    next();
                }
            }, tries.shift());
        };
        next();
    }

    #end(command) {
        this.#ended.set(command.id, command);
        if (this.#ended.size > ENDED_MAX) this.#ended.delete(this.#ended.keys().next().value);
        const shown = this.#waiters.get(command.id);
        this.#waiters.delete(command.id);
        shown?.(command);
    }

    #take({ type, data }) {
        if (type === "changed") {
            if (data.what === "rules") this.rules.reload();
            else this.reloadStage();
        } else if (type === "flash") {
            this.showFlash(data);
        } else if (type === "event") {
            if (data.happening?.type === "control") this.livestreams.reload();
            if (data.happening?.type === "input") this.#read(data);
            this.feed.takeEvent(data);
        } else if (type === "cue") {
            this.feed.takeCue(data);
        } else if (type === "command") {
            if (data.status) this.#end(data);
            this.feed.takeCommand(data);
        }
    }

    /// How the flashing of a board stands; what it is afterwards comes with the next reading.
    showFlash(job) {
        const device = this.device(job.device_id);
        if (!device) return;
        device.flash = job;
        this.#tell("devices");
    }

    // What an input says now. Many changes become one drawing.
    #read({ happening: { input }, created_at_ms: at }) {
        const device = this.device(input.device_id);
        if (!device) return;
        const others = (device.inputs ?? []).filter((one) => one.channel !== input.channel);
        device.inputs = [...others, { channel: input.channel, value: input.value, at_ms: at }];
        if (this.#isReading) return;
        this.#isReading = true;
        setTimeout(() => {
            this.#isReading = false;
            this.#tell("devices");
        }, READINGS_MS);
    }

    #stand(connection) {
        this.connection = connection;
        if (connection.state === "live") {
            if (!this.#isFresh) this.reload();
            this.#isFresh = false;
        }
        this.#tell("connection");
    }

    #tell(what) {
        for (const listener of this.#listeners) listener(what);
    }
}

async function everyPage(path, most) {
    const items = [];
    let query = `?limit=${PAGE_MAX}`;
    while (items.length < most) {
        const answer = await call("GET", path + query);
        items.push(...answer.data);
        if (!answer.has_more) break;
        query = `?limit=${PAGE_MAX}&cursor=${encodeURIComponent(answer.next_cursor)}`;
    }
    return items;
}
