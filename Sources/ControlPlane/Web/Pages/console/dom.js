// Makes elements. Text always goes in as text nodes, so nothing that a stranger wrote is ever
// read as HTML.

/// h("button", {class: "primary", onclick: act, disabled: true}, "Save"): `on…` are listeners,
/// `class`, `for` and names with a dash are attributes, the rest are properties where the
/// element has them. Children are nodes, texts, lists of both, or null.
export function h(tag, properties, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties ?? {})) set(element, name, value);
    append(element, children);
    return element;
}

function set(element, name, value) {
    if (value === undefined || value === null) return;
    if (name.startsWith("on")) {
        element.addEventListener(name.slice(2), value);
    } else if (name === "class" || name === "for" || name.includes("-") || !(name in element)) {
        if (value === false) return;
        element.setAttribute(name, value === true ? "" : String(value));
    } else {
        element[name] = value;
    }
}

function append(element, children) {
    for (const child of children) {
        if (child === null || child === undefined || child === false) continue;
        if (Array.isArray(child)) append(element, child);
        else element.append(child instanceof Node ? child : String(child));
    }
}

/// Puts `children` in place of what is there.
export function fill(element, ...children) {
    element.replaceChildren();
    append(element, children);
    return element;
}

/// Writes text only where it differs, so that selections and screen readers are left in peace.
export function setText(element, text) {
    if (element.textContent !== text) element.textContent = text;
}

/// Brings the children of `parent` into the order of `wanted`, moving only what must move.
export function arrange(parent, wanted) {
    let at = parent.firstChild;
    for (const node of wanted) {
        if (node === at) at = at.nextSibling;
        else parent.insertBefore(node, at);
    }
    while (at) {
        const next = at.nextSibling;
        at.remove();
        at = next;
    }
}

/// A small cache of parts by key: `of(key, make)` makes each once; `keep(keys)` forgets others.
export class Parts {
    #byKey = new Map();

    of(key, make) {
        if (!this.#byKey.has(key)) this.#byKey.set(key, make());
        return this.#byKey.get(key);
    }

    keep(keys) {
        const wanted = new Set(keys);
        for (const key of this.#byKey.keys()) if (!wanted.has(key)) this.#byKey.delete(key);
    }
}

// What draws nothing but changes what is drawn: direction marks, zero-width spaces, controls.
// Joiners stay as they are, because scripts and emoji need them.
const INVISIBLE = new RegExp(
    "[\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u061c\\u115f\\u1160\\u180e\\u200b\\u200e\\u200f"
    + "\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ufeff\\uffa0\\ufff9-\\ufffb]");

/// Text of a stranger: kept apart from the direction of what stands around it, its invisible
/// characters made visible. Its `textContent` is exactly the text.
export function strange(text, className = "strange") {
    const element = h("bdi", { class: className, dir: "auto" });
    let plain = "";
    for (const character of String(text)) {
        if (!INVISIBLE.test(character)) {
            plain += character;
            continue;
        }
        if (plain) element.append(plain);
        plain = "";
        const code = "U+" + character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
        element.append(
            h("span", { class: "invisible", "data-code": code, title: code }, character));
    }
    if (plain) element.append(plain);
    return element;
}

let nextID = 0;

/// A new id for `label for=…` and `aria-describedby`.
export function uniqueID(word) {
    nextID += 1;
    return `${word}-${nextID}`;
}
