// What a sequence is, without any page: its steps as the API has them, how long they take, and
// moving them about. A place is a list of indices: [2, 0] is the first step in the third, a loop.

/// As the API has them (docs/sequences.md).
export const LIMITS = {
    nameLength: 40, steps: 256, depth: 2, rounds: 255, wait_ms: 60_000, number: 254,
};

/// Why a board keeps no sequences, as a sentence for people; "" if it does.
export function refusalOf({ manifest }) {
    if ((manifest.minor ?? 0) < 1) {
        return "its firmware speaks EP/1.0, which knows no sequences; flash a newer one";
    }
    return (manifest.sequence_bytes ?? 0) > 0 ? "" : "it has no memory for sequences";
}

/// Milliseconds from start to end; the waits alone count.
export const timeOf = (steps) => steps.reduce((sum, step) => sum + timeOfStep(step), 0);

const timeOfStep = (step) => step.type === "wait" ? Number(step.wait_ms) || 0
    : step.type === "loop" ? (Number(step.rounds) || 0) * timeOf(step.steps) : 0;

/// Steps in all, those within loops counted once.
export const countOf = (steps) => steps.reduce(
    (sum, step) => sum + 1 + (step.type === "loop" ? countOf(step.steps) : 0), 0);

/// The channels that are commanded, each once, in the order of their first step.
export const channelsOf = (steps) => [...new Set(steps.flatMap((step) =>
    step.type === "command" ? [step.channel]
        : step.type === "loop" ? channelsOf(step.steps) : []))];

/// How deep loops stand within a step.
const heightOf = (step) => step.type === "loop"
    ? 1 + Math.max(0, ...step.steps.map(heightOf)) : 0;

/// `steps[2].steps[0]`, as the API names it.
export const pathOf = (place) => place.map((index) => `steps[${index}]`).join(".");

/// The list that a place is in; of a place's own steps if it is a loop's.
export const listAt = (steps, place) => place.reduce((list, index) => list[index].steps, steps);

/// Moves a step by one line of what is seen, so that it goes into loops and out of them.
/// - Returns: its new place; null if it stands at that end already.
export function moveStep(steps, place, by) {
    const outer = place.slice(0, -1);
    const index = place.at(-1);
    const list = listAt(steps, outer);
    const step = list[index];
    const next = list[index + by];
    if (!next) {
        if (outer.length === 0) return null;
        list.splice(index, 1);
        const at = outer.at(-1) + (by > 0 ? 1 : 0);
        const above = outer.slice(0, -1);
        listAt(steps, above).splice(at, 0, step);
        return [...above, at];
    }
    list.splice(index, 1);
    if (next.type === "loop" && place.length + heightOf(step) <= LIMITS.depth) {
        const at = by > 0 ? 0 : next.steps.length;
        next.steps.splice(at, 0, step);
        return [...outer, by > 0 ? index : index - 1, at];
    }
    list.splice(index + by, 0, step);
    return [...outer, index + by];
}

const KEYS = { command: ["channel", "operation"], wait: ["wait_ms"], loop: ["rounds", "steps"] };

/// What keeps a value from being shown as steps: [{path, message}]. Numbers and channels are for
/// the API to judge.
export function shapeProblems(body) {
    if (!isObject(body)) return [{ path: "", message: "must be an object with name and steps" }];
    const problems = [];
    const say = (path, message) => problems.push({ path, message });
    unknown(body, ["name", "steps"], "", say);
    if (typeof body.name !== "string") say("name", "must be text");
    checkSteps(body.steps, "steps", 0, say);
    return problems;
}

function checkSteps(steps, path, depth, say) {
    if (!Array.isArray(steps)) {
        say(path, "must be a list");
        return;
    }
    steps.forEach((step, index) => checkStep(step, `${path}[${index}]`, depth, say));
}

function checkStep(step, path, depth, say) {
    const keys = isObject(step) && Object.hasOwn(KEYS, step.type) ? KEYS[step.type] : null;
    if (!keys) {
        say(path, "must be an object whose type is command, wait or loop");
        return;
    }
    unknown(step, ["type", ...keys], `${path}.`, say);
    if (step.type === "command") {
        if (typeof step.channel !== "string") say(`${path}.channel`, "must be text");
        if (typeof step.operation?.type !== "string") {
            say(`${path}.operation`, "must be an object with a type");
        }
    } else if (step.type === "loop") {
        if (depth === LIMITS.depth) say(path, `loops stand at most ${LIMITS.depth} deep`);
        else checkSteps(step.steps, `${path}.steps`, depth + 1, say);
    }
}

function unknown(object, keys, prefix, say) {
    for (const key of Object.keys(object)) {
        if (!keys.includes(key)) say(`${prefix}${key}`, "is not known");
    }
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/// Where each value of a JSON text stands: offsets by path. The text must be valid.
export function placesOf(text) {
    const places = new Map();
    const open = [];
    for (const { 0: token, index } of text.matchAll(TOKEN)) {
        const inner = open.at(-1);
        if (inner?.awaitsKey && token.startsWith("\"")) {
            inner.key = JSON.parse(token);
            inner.awaitsKey = false;
        } else if (token === ",") {
            if (inner.isList) inner.key += 1;
            else inner.awaitsKey = true;
        } else if (token === "}" || token === "]") {
            open.pop();
        } else if (token !== ":") {
            const path = !inner ? "" : inner.isList ? `${inner.path}[${inner.key}]`
                : inner.path ? `${inner.path}.${inner.key}` : inner.key;
            places.set(path, index);
            if (token === "{") open.push({ path, awaitsKey: true });
            if (token === "[") open.push({ path, isList: true, key: 0 });
        }
    }
    return places;
}
