// Signing in and registering.

import { register, signIn } from "./api.js";
import { fill, h } from "./dom.js";
import { field, makeForm, notice, tabs } from "./parts.js";

const input = (attributes) => h("input", { required: true, ...attributes });

/// The form of somebody who is not signed in; `reason` says why they see it.
export function signInView(reason) {
    const panel = h("div", { role: "tabpanel" });
    const forms = { "sign-in": signInForm, register: registerForm };
    return h("main", { class: "sign-in" },
        h("h1", { class: "brand large" },
            h("span", { class: "lamp", "aria-hidden": "true" }), "Cuelight"),
        h("p", { class: "lead" }, "Viewers cue, hardware acts."),
        reason && notice("info", reason),
        h("div", { class: "card" },
            tabs("Sign in or register", { "sign-in": "Sign in", register: "Register" }, "sign-in",
                (key) => fill(panel, forms[key]())),
            panel));
}

function signInForm() {
    const email = input({ type: "email", autocomplete: "username", name: "email", maxLength: 254 });
    const password = input({
        type: "password", autocomplete: "current-password", name: "password", maxLength: 256,
    });
    return makeForm({ id: "sign-in", "aria-label": "Sign in" }, [
        field("E-mail address", email, { path: "email" }),
        field("Password", password, { path: "password" }),
    ], "Sign in", () => signIn(email.value.trim(), password.value));
}

function registerForm() {
    const email = input({ type: "email", autocomplete: "username", name: "email", maxLength: 254 });
    const handle = input({
        type: "text", autocomplete: "off", autocapitalize: "none", spellcheck: false,
        name: "handle", minLength: 3, maxLength: 30, pattern: "[a-z0-9_]+", title: "a–z, 0–9 and _",
    });
    const name = input({ type: "text", autocomplete: "name", name: "display_name", maxLength: 60 });
    const password = input({
        type: "password", autocomplete: "new-password", name: "password", minLength: 10,
        maxLength: 256,
    });
    return makeForm({ id: "register", "aria-label": "Register" }, [
        field("E-mail address", email, { path: "email" }),
        field("Handle", handle, { path: "handle", help: "3 to 30 of a–z, 0–9 and _" }),
        field("Shown name", name, { path: "display_name" }),
        field("Password", password, { path: "password", help: "At least 10 characters." }),
    ], "Register", () => register({
        email: email.value.trim(), handle: handle.value.trim(), display_name: name.value.trim(),
        password: password.value,
    }));
}
