// Says so where a part of the console cannot be loaded, and loads it again once the server
// answers. Not a module, so that it runs when modules cannot.

"use strict";

window.addEventListener("error", (event) => {
    // Errors of running scripts are not of an element.
    if (!(event.target instanceof HTMLScriptElement)) return;
    const line = document.querySelector(".boot");
    if (!line) return;
    line.textContent = "The console could not be loaded. Trying again …";
    line.setAttribute("role", "alert");
    const again = () => {
        fetch("/api/v1/health", { cache: "no-store" }).then(
            () => setTimeout(() => location.reload(), 3000), () => setTimeout(again, 3000));
    };
    setTimeout(again, 1000);
}, true);
