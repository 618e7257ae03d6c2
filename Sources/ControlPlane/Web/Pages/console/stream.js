// The live stream of a workspace: server-sent events over fetch, so that the token travels in a
// header. Comes back by itself, and says how it stands.

import { openStream } from "./api.js";

const BACKOFF_MS = [500, 1_000, 2_000, 4_000, 8_000, 10_000];
// The server sends a comment every 20 s; longer silence is a dead connection.
const SILENCE_MS = 50_000;
const LINE_MAX = 1 << 20;

/// The server ended the stream and said why: `code` is "session_ended", "forbidden" or
/// "unavailable".
class Ended extends Error {
    constructor({ code, message }) {
        super(message);
        this.code = code;
    }
}

export class LiveStream {
    #path;
    #onMessage;
    #onState;
    #isClosed = false;
    #attempt = 0;
    #abort = null;
    #wake = null;

    /// `onState` gets {state: "connecting" | "live" | "away" | "ended", retryAt, problem};
    /// `onMessage` gets the parsed messages. Each "live" after the first means that something may
    /// be missed; after "ended" nothing comes any more, because the right to it is gone.
    constructor(path, onMessage, onState) {
        this.#path = path;
        this.#onMessage = onMessage;
        this.#onState = onState;
        this.#run();
    }

    close() {
        this.#isClosed = true;
        this.#abort?.abort();
        this.#wake?.();
    }

    /// Does not wait for the next try.
    retryNow() { this.#wake?.(); }

    async #run() {
        while (!this.#isClosed) {
            this.#onState({ state: "connecting" });
            let problem = null;
            try {
                await this.#read();
            } catch (error) {
                problem = error;
            }
            if (this.#isClosed) return;
            if (isFinal(problem)) {
                this.#isClosed = true;
                this.#onState({ state: "ended", problem });
                return;
            }
            await this.#pause(problem);
        }
    }

    async #read() {
        this.#abort = new AbortController();
        let timer = null;
        const heard = () => {
            clearTimeout(timer);
            timer = setTimeout(() => this.#abort.abort(), SILENCE_MS);
        };
        heard();
        try {
            const body = await openStream(this.#path, this.#abort.signal);
            this.#attempt = 0;
            this.#onState({ state: "live" });
            const reader = body.pipeThrough(new TextDecoderStream()).getReader();
            let rest = "";
            let data = [];
            for (;;) {
                const { value, done } = await reader.read();
                if (done) return;
                heard();
                const lines = (rest + value).split("\n");
                rest = lines.pop();
                if (rest.length > LINE_MAX) throw new Error("a line without an end");
                for (const line of lines) {
                    if (line.startsWith("data: ")) {
                        data.push(line.slice(6));
                    } else if (line === "" && data.length > 0) {
                        this.#take(data.join("\n"));
                        data = [];
                    }
                }
            }
        } finally {
            clearTimeout(timer);
            this.#abort.abort();
        }
    }

    #take(text) {
        try {
            const message = JSON.parse(text);
            if (message.type === "ended") throw new Ended(message.data);
            this.#onMessage(message);
        } catch (error) {
            if (error instanceof Ended) throw error;
            // One message that cannot be read or shown does not end the stream.
            console.error("a message of the stream was left out", error);
        }
    }

    async #pause(problem) {
        const base = BACKOFF_MS[Math.min(this.#attempt, BACKOFF_MS.length - 1)];
        this.#attempt += 1;
        const wait = base * (0.75 + Math.random() / 2);
        this.#onState({ state: "away", retryAt: Date.now() + wait, problem });
        await new Promise((resolve) => {
            const timer = setTimeout(resolve, wait);
            this.#wake = () => { clearTimeout(timer); resolve(); };
        });
        this.#wake = null;
    }
}

/// Whether trying again is of no use: the session has ended, or the person may not watch.
function isFinal(problem) {
    if (problem instanceof Ended) return problem.code !== "unavailable";
    return [401, 403, 404].includes(problem?.status);
}
