// Talks to the control plane: the session with its tokens, and JSON in one shape.
//
// The access token lives in memory alone. The refresh token lives in sessionStorage, so that a
// reload of the page stays signed in and closing the tab ends it.

// A tab that is duplicated starts with a copy of the token, which serves once: whoever uses it
// tells the others what came of it.

import { storage } from "./storage.js";

const STORED = "cuelight.refresh";
const TIMEOUT_MS = 15_000;
// How long before its end the access token is exchanged.
const REFRESH_EARLY_MS = 60_000;
// After a refresh that did not reach the server.
const REFRESH_AGAIN_MS = 5_000;

/// What went wrong with a request, for people and by field.
export class Problem extends Error {
    constructor(status, code, message, fields = []) {
        super(message);
        this.status = status;
        this.code = code;
        this.fields = fields;
    }

    /// True if the server was not reached, or is not itself.
    get isAway() { return this.status === 0 || this.status === 502 || this.status === 503; }
}

const listeners = new Set();
let account = null;
let accessToken = null;
let refreshTimer = null;
let refreshing = null;
// The server ends the stream of a session before it answers whoever ends it.
let isSigningOut = false;

const otherTabs = "BroadcastChannel" in window ? new BroadcastChannel("cuelight.session") : null;
otherTabs?.addEventListener("message", ({ data: message }) => {
    if (accessToken !== null && storage.get(STORED) === message.used) {
        take(message.data, message.serverNow);
    }
});

export const session = {
    get account() { return account; },
    get isSignedIn() { return accessToken !== null; },
    get hasStored() { return storage.get(STORED) !== null; },
    /// Told whenever somebody signed in or out; `reason` is for people.
    onChange(listener) { listeners.add(listener); },
};

function tell(reason) {
    for (const listener of listeners) listener(reason);
}

function take(data, serverNow) {
    const isNew = account?.id !== data.account.id;
    account = data.account;
    accessToken = data.access_token;
    storage.set(STORED, data.refresh_token);
    // By the server's clock, because this one may be wrong.
    const life = data.access_expires_at_ms - serverNow;
    planRefresh(Math.max(1_000, life - REFRESH_EARLY_MS));
    if (isNew) tell("");
}

function planRefresh(inMilliseconds) {
    clearTimeout(refreshTimer);
    refreshTimer = setTimeout(() => {
        refresh().catch((problem) => {
            if (problem.isAway) planRefresh(REFRESH_AGAIN_MS);
        });
    }, inMilliseconds);
}

/// Forgets the session; the page then shows the sign-in form with the reason.
function forget(reason) {
    clearTimeout(refreshTimer);
    account = null;
    accessToken = null;
    storage.remove(STORED);
    tell(reason);
}

/// Exchanges the refresh token, once for however many ask at the same time.
export function refresh() {
    refreshing ??= exchange().finally(() => { refreshing = null; });
    return refreshing;
}

async function exchange() {
    const token = storage.get(STORED);
    if (!token) throw new Problem(401, "unauthenticated", "Sign in first.");
    try {
        const answer = await send("POST", "/api/v1/sessions/refresh", { refresh_token: token });
        take(answer.data, answer.serverNow);
        otherTabs?.postMessage({ used: token, data: answer.data, serverNow: answer.serverNow });
    } catch (problem) {
        // Another tab may have used the token first, and have told what came of it.
        if (problem.status === 401 && storage.get(STORED) === token) {
            forget("Your session has ended. Sign in again.");
        }
        throw problem;
    }
}

export async function signIn(email, password) {
    const answer = await send("POST", "/api/v1/sessions", { email, password });
    take(answer.data, answer.serverNow);
}

export async function signInOnce(code) {
    const answer = await send("POST", "/api/v1/sessions/one-time", { code });
    take(answer.data, answer.serverNow);
}

export async function register(values) {
    await send("POST", "/api/v1/accounts", values);
    await signIn(values.email, values.password);
}

/// The server says that the session has ended, somewhere else than here.
export function sessionEnded(reason) {
    if (accessToken !== null && !isSigningOut) forget(reason);
}

export async function signOut() {
    isSigningOut = true;
    try {
        await call("DELETE", "/api/v1/sessions/current");
    } catch (problem) {
        if (problem.status !== 401) {
            forget("Signed out here, but the server was not told: " + problem.message);
            return;
        }
    } finally {
        isSigningOut = false;
    }
    forget("You are signed out.");
}

/// A request of the person signed in; after a 401 once more with a new token.
export async function call(method, path, body, options = {}) {
    const key = method === "POST" ? randomKey() : null;
    const used = accessToken;
    try {
        return await send(method, path, body, { ...options, token: used, key });
    } catch (problem) {
        if (problem.status !== 401) throw problem;
        if (used === accessToken) await refresh();
        return await send(method, path, body, { ...options, token: accessToken, key });
    }
}

export const get = async (path) => (await call("GET", path)).data;
export const post = async (path, body) => (await call("POST", path, body)).data;
export const put = async (path, body) => (await call("PUT", path, body)).data;
export const patch = async (path, body) => (await call("PATCH", path, body)).data;
export const remove = async (path) => { await call("DELETE", path); };

/// Opens a stream of server-sent events; the caller reads and aborts it.
export async function openStream(path, signal) {
    const open = () => fetch(path, {
        headers: { Authorization: `Bearer ${accessToken}`, Accept: "text/event-stream" },
        cache: "no-store", signal,
    });
    let response = await open();
    if (response.status === 401) {
        await refresh();
        response = await open();
    }
    if (!response.ok || !response.body) throw await problemOf(response);
    return response.body;
}

async function send(method, path, body, options = {}) {
    const headers = { Accept: "application/json" };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (options.token) headers.Authorization = `Bearer ${options.token}`;
    if (options.key) headers["Idempotency-Key"] = options.key;
    const response = await reach(path, {
        method, headers, body: body === undefined ? undefined : JSON.stringify(body),
        cache: "no-store", signal: AbortSignal.timeout(options.timeout ?? TIMEOUT_MS),
    });
    if (!response.ok) throw await problemOf(response);
    const serverNow = Date.parse(response.headers.get("date") ?? "") || Date.now();
    if (response.status === 204) return { data: null, serverNow };
    try {
        const text = await response.text();
        return { data: null, ...(text ? JSON.parse(text) : {}), serverNow };
    } catch {
        throw new Problem(0, "away", "The server's answer broke off.");
    }
}

async function reach(path, request) {
    try {
        return await fetch(path, request);
    } catch (error) {
        throw new Problem(
            0, "away",
            error.name === "TimeoutError"
                ? "The server does not answer." : "The server cannot be reached.");
    }
}

async function problemOf(response) {
    let error = {};
    try {
        error = (await response.json()).error ?? {};
    } catch {
        // Something between us and the server answered in its place.
    }
    // What the server says of it is for programs.
    if (error.code === "database_away") {
        error.message = "The server's database does not answer. Try again in a moment.";
    }
    return new Problem(
        response.status, error.code ?? `http_${response.status}`,
        error.message ?? `The server answered ${response.status}.`, error.fields ?? []);
}

/// Makes a repeat of the same POST harmless. `crypto.randomUUID` needs HTTPS; this does not.
function randomKey() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
