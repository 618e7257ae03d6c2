// The times of a command's hops, as a bar and as numbers. Stamps of different clocks do not
// compare: such hops are shown as a dash.

import { h } from "./dom.js";
import { milliseconds } from "./format.js";

const between = (start, end) => (start > 0 && end >= start ? (end - start) / 1e6 : null);

/// [{key, label, ms}] in the order of the way, and the whole from bytes in to executed.
export function hopsOf(trace) {
    const isOneClock = Boolean(trace.agent_clock) && trace.agent_clock === trace.clock;
    const matched = trace.matched_ns || trace.arrived_ns;
    const isOfInput = trace.input_ns > 0 && trace.input_clock === trace.clock;
    const hops = [
        {
            key: "age", label: "source age",
            ms: trace.source_age_ms >= 0 ? trace.source_age_ms : null,
        },
        ...(trace.input_ns > 0 ? [{
            key: "input", label: "input → arrival",
            ms: isOfInput ? between(trace.input_ns, trace.arrived_ns) : null,
        }] : []),
        { key: "match", label: "arrival → match", ms: between(trace.arrived_ns, trace.matched_ns) },
        { key: "publish", label: "match → broker", ms: between(matched, trace.published_ns) },
        {
            key: "broker", label: "broker → agent",
            ms: isOneClock ? between(trace.published_ns, trace.received_ns) : null,
        },
        {
            key: "agent", label: "agent → board",
            ms: between(trace.received_ns, trace.written_ns),
        },
        {
            key: "board", label: "board → executed",
            ms: between(trace.written_ns, trace.acknowledged_ns),
        },
    ];
    const total = isOneClock ? between(trace.arrived_ns, trace.acknowledged_ns) : null;
    return { hops, total };
}

/// The hops of a command that has ended.
export function traceView(trace) {
    const { hops, total } = hopsOf(trace);
    const timed = hops.filter((hop) => hop.key !== "age" && hop.ms !== null);
    const sum = timed.reduce((whole, hop) => whole + hop.ms, 0);
    const bar = h("div", { class: "hop-bar", "aria-hidden": "true" }, timed.map((hop) => {
        const part = h("span", {
            class: `hop hop-${hop.key}`, title: `${hop.label}: ${milliseconds(hop.ms)}`,
        });
        part.style.flexGrow = String(sum > 0 ? Math.max(hop.ms / sum, 0.01) : 1);
        return part;
    }));
    const list = h("dl", { class: "hops" }, hops.map((hop) => h(
        "div", { class: "hop-item" },
        h("dt", {},
            h("span", { class: `swatch hop-${hop.key}`, "aria-hidden": "true" }), hop.label),
        h("dd", { class: "number", "data-hop": hop.key }, hop.key === "age" && hop.ms !== null
            ? `${hop.ms} ms` : milliseconds(hop.ms)))),
    total !== null && h("div", { class: "hop-item hop-total" },
        h("dt", {}, "bytes in → executed"),
        h("dd", { class: "number" }, milliseconds(total))));
    return h("div", { class: "trace" }, timed.length > 0 && bar, list);
}
