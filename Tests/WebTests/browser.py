"""A headless Chromium through chromedriver's WebDriver interface (W3C WebDriver). Python's
standard library only. Every wait is for a condition and has an end."""

import base64
import ctypes
import json
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from stage import free_port

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
PR_SET_PDEATHSIG = 1
# Seconds after which a wait is given up: a guard against hanging, not a figure.
GUARD = 90
ESCAPE, ENTER = "\ue00c", "\ue007"


class Broken(Exception):
    """What the page did not do, for a person."""


def expect(is_true, message):
    if not is_true:
        raise Broken(message)


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Browser:
    """One window. `stop` ends the browser and its driver and removes the profile."""

    def __init__(self, width=1400, height=950):
        driver = shutil.which("chromedriver")
        chromium = shutil.which("chromium")
        if not driver or not chromium:
            raise Broken("chromedriver and chromium are needed: make setup-tests")
        self.profile = tempfile.mkdtemp(prefix="cuelight-web-", dir="/tmp")
        port = free_port()
        self.base = f"http://127.0.0.1:{port}"
        self.session = None
        self.process = subprocess.Popen(
            [driver, f"--port={port}", "--log-level=SEVERE"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=die_with_parent, start_new_session=True,
        )  # fmt: skip
        try:
            self.wait("chromedriver", self.is_ready)
            self.open_session(chromium, width, height)
        except BaseException:
            self.stop()
            raise

    def is_ready(self):
        try:
            return self.send("GET", "/status")["ready"]
        except (OSError, Broken):
            return False

    def open_session(self, chromium, width, height):
        options = {
            "binary": chromium,
            "args": [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--no-first-run", "--disable-extensions", "--disable-background-networking",
                "--hide-scrollbars", "--force-device-scale-factor=1",
                f"--user-data-dir={self.profile}", f"--window-size={width},{height}",
            ],
        }  # fmt: skip
        capabilities = {
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"},
            "timeouts": {"script": 60_000, "pageLoad": 60_000},
        }
        answer = self.send("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})
        self.session = answer["sessionId"]

    def send(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data=data, method=method)
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.loads(answer.read())["value"]
        except urllib.error.HTTPError as error:
            value = json.loads(error.read())["value"]
            raise Broken(f"{value['error']}: {value['message'].splitlines()[0]}") from None

    def ask(self, method, path, body=None):
        return self.send(method, f"/session/{self.session}{path}", body)

    def stop(self):
        try:
            if self.session:
                self.ask("DELETE", "")
        except (OSError, Broken):
            pass  # It may have ended by itself; the group below ends what is left.
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.profile, ignore_errors=True)

    # Waiting

    def wait(self, what, condition, seconds=GUARD):
        """The first true answer of the condition; a page that is being drawn may break it."""
        end = time.monotonic() + seconds
        problem = ""
        while True:
            try:
                value = condition()
                if value:
                    return value
            except Broken as error:
                problem = f" ({error})"
            if time.monotonic() > end:
                raise Broken(f"waited {seconds} s for {what}{problem}")
            time.sleep(0.03)

    # The page

    def go(self, url):
        self.ask("POST", "/url", {"url": url})

    def url(self):
        return self.ask("GET", "/url")

    def run(self, script, *arguments):
        return self.ask("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def resize(self, width, height, is_dark=None):
        """The size of the page itself, which may be narrower than a window can be."""
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
        )
        if is_dark is not None:
            feature = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
            self.devtools("Emulation.setEmulatedMedia", {"features": [feature]})

    def devtools(self, command, parameters):
        return self.ask("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def screenshot(self, path):
        path = pathlib.Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self.ask("GET", "/screenshot")))

    def complaints(self):
        """What the browser logged: errors of scripts, refused resources, broken policies."""
        return self.ask("POST", "/se/log", {"type": "browser"})

    # Elements, by CSS selector

    def find(self, selector):
        found = self.ask("POST", "/elements", {"using": "css selector", "value": selector})
        return [one[ELEMENT] for one in found]

    def shown(self, selector, text=None):
        """Elements that a person sees, with a text in them if one is given."""
        return self.run(
            """
            const [selector, text] = arguments;
            return [...document.querySelectorAll(selector)].filter((one) =>
                one.checkVisibility({ visibilityProperty: true })
                && (text === null || one.textContent.includes(text)));
            """,
            selector, text,
        )  # fmt: skip

    def see(self, selector, text=None):
        what = selector if text is None else f"“{text}” in {selector}"
        return self.wait(what, lambda: self.shown(selector, text))[0][ELEMENT]

    def gone(self, selector, text=None):
        self.wait(f"the end of {selector}", lambda: not self.shown(selector, text))

    def text(self, selector):
        return self.run("return document.querySelector(arguments[0])?.textContent", selector)

    def click(self, selector, text=None):
        """Clicks as a person does: fails if something else lies above."""

        def clicked():
            found = self.shown(selector, text)
            if not found:
                return False
            # As a person scrolls: clear of what sticks to the edges.
            self.run("arguments[0].scrollIntoView({ block: 'center' })", found[0])
            self.ask("POST", f"/element/{found[0][ELEMENT]}/click", {})
            return True

        self.wait(f"a click on {selector} {text or ''}", clicked)

    def type(self, selector, text):
        """Replaces what an input holds, again if the page was drawn anew in the middle."""

        def typed():
            found = self.shown(selector)
            if not found:
                return False
            self.ask("POST", f"/element/{found[0][ELEMENT]}/clear", {})
            self.ask("POST", f"/element/{found[0][ELEMENT]}/value", {"text": text})
            return True

        self.wait(f"typing into {selector}", typed)

    def choose(self, selector, text):
        """Picks the option with that text in a select."""
        self.wait(f"the option “{text}” of {selector}", lambda: self.run(
            """
            const select = [...document.querySelectorAll(arguments[0])]
                .find((one) => one.checkVisibility());
            const option = [...select?.options ?? []]
                .find((one) => one.text.includes(arguments[1]));
            if (!option) return false;
            select.value = option.value;
            select.dispatchEvent(new Event("input", { bubbles: true }));
            select.dispatchEvent(new Event("change", { bubbles: true }));
            return true;
            """,
            selector, text,
        ))  # fmt: skip

    def press(self, key, times=1):
        strokes = [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}] * times
        keys = {"type": "key", "id": "keys", "actions": strokes}
        self.ask("POST", "/actions", {"actions": [keys]})
