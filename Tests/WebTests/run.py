"""The console in a real Chromium, on a real control plane with an agent and a simulated board.

The cases tell one story and run in their order. The last line is `N passed, N failed`.
CUELIGHT_CONFIGURATION=debug|release chooses the build; pictures go to .build/web/.
"""

import argparse
import json
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Tests" / "Smoke"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import boards  # noqa: E402
import sequences  # noqa: E402
from browser import ESCAPE, Broken, Browser, expect  # noqa: E402
from stage import Failure, Stage  # noqa: E402

PICTURES = ROOT / ".build" / "web"
EMAIL, HANDLE, PASSWORD = "ada@example.org", "ada", "a long pass phrase"
STREAM, STOP = "*/workspaces/*/stream", "*/workspaces/*/stop"
RELAY_PINS = ("D7", "D8", "D13")
# 150 degrees of the Uno's servo: 500 to 2,500 microseconds over 180 degrees.
SPIN_WIDTH_US = 2167
RULE = "Spin → servo"
NASTY = "<img src=x onerror=\"window.hacked=1\"> \u202eevil\u200b \u2066text\u2069 <b>bold</b>"


class Show:
    """What the cases share."""

    def __init__(self, stage):
        self.stage = stage
        self.browser = Browser()
        self.base = stage.api.base
        self.workspace = None
        self.device = None

    # The simulated board, by its own log

    def board_events(self, board="board"):
        events = []
        for line in (self.stage.folder / f"{board}-events.jsonl").read_text().splitlines():
            try:
                events.append(json.loads(line))
            except ValueError:
                pass  # The last line may be half written.
        return events

    def outputs(self):
        """Where each output of the board stands now: relay levels, servo width, motor, tone."""
        state = {}
        for event in self.board_events():
            for kind, value in (
                ("pin", "level"), ("servo", "width_us"), ("pwm", "duty_permille"),
                ("tone", "frequency_hz"), ("strip", "rgb"),
            ):  # fmt: skip
                if kind in event:
                    state[(kind, event[kind])] = event[value]
        return state

    def moving(self):
        """The outputs that are not at their safe value."""
        found = []
        for (kind, pin), value in self.outputs().items():
            is_relay = kind == "pin" and pin in RELAY_PINS and value != 0
            is_drive = kind in ("servo", "pwm", "tone") and value != 0
            is_strip = kind == "strip" and value.strip("0") != ""
            if is_relay or is_drive or is_strip:
                found.append(f"{kind} {pin} = {value}")
        return found

    # The page

    def fresh(self, fragment=""):
        """The page anew: a change of the fragment alone would not load it."""
        self.browser.go("about:blank")
        self.browser.go(f"{self.base}/{fragment}")

    def view(self, name):
        self.browser.click(f'nav a[data-view="{name}"]')

    def channel(self, name):
        return f'.board .channel[data-channel="{name}"]'

    def tried(self, channel, operation, status):
        """Presses the button of an operation and waits for the outcome beside it."""
        row = self.channel(channel)
        self.browser.click(f'{row} button[data-operation="{operation}"]')
        self.browser.see(f'{row} .chip[data-status="{status}"]')
        return self.browser.text(f"{row} .outcome")

    def picture(self, name, selector):
        """Pictures of a part, wide and narrow."""
        page = self.browser
        for width, height in ((1400, 950), (360, 740)):
            page.resize(width, height, False)
            page.run("document.querySelector(arguments[0]).scrollIntoView({ block: 'center' })",
                     selector)  # fmt: skip
            wide = page.run("return document.documentElement.scrollWidth")
            expect(wide <= width, f"{name} at {width} px is {wide} px wide")
            page.screenshot(PICTURES / f"{name}-{width}.png")
        page.resize(1400, 950, False)

    def dark_picture(self, name):
        """Pictures of what is on show, as a phone and a screen at night have it."""
        for width, height in ((390, 844), (1400, 950)):
            self.browser.resize(width, height, True)
            self.browser.screenshot(PICTURES / f"{name}-{width}-dark.png")
        self.browser.resize(1400, 950, False)

    def restart_agent(self, boards, *more):
        """Starts the agent anew with these boards, and further options."""
        self.end("agent")
        ports = [part for board in boards for part in ("--port", self.stage.folder / board)]
        self.stage.start("agent", self.stage.agent_command("run", *ports, *more))

    def end(self, name):
        process = self.process(name)
        self.stage.processes = [one for one in self.stage.processes if one[0] != name]
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=40)

    def process(self, name):
        return next(process for mine, process in self.stage.processes if mine == name)

    def armed_devices(self, boards=("uno", "uno_stage")):
        """The devices by their boards' names once all of them are armed, else None."""
        found = {
            one["manifest"]["board"]: one
            for one in self.stage.api.get(f"/api/v1/workspaces/{self.workspace}/devices")
            if one["condition"] == "armed"
        }
        return found if all(board in found for board in boards) else None

    def stop_control_plane(self):
        self.end("cuelight")

    def start_control_plane(self):
        self.stage.start_control_plane()
        # It is the ground of the others, so it ends after them.
        self.stage.processes.insert(0, self.stage.processes.pop())


# The cases, in their order.


def case_register_and_make_a_workspace(show):
    page = show.browser
    show.fresh()
    page.click('[data-tab="register"]')
    page.type("#register [name=email]", EMAIL)
    page.type("#register [name=handle]", "Not A Handle")
    page.type("#register [name=display_name]", "Ada")
    page.type("#register [name=password]", "short")
    page.click("#register button[type=submit]")
    page.see("#register .field-error")
    expect(page.shown("#register"), "a registration with errors went through")
    page.type("#register [name=handle]", HANDLE)
    page.type("#register [name=password]", PASSWORD)
    page.click("#register button[type=submit]")
    page.type("#workspace-form input", "Web stage")
    page.click("#workspace-form button[type=submit]")
    page.see("#connection", "Connected")
    page.see(".empty", "No computer is paired yet")
    show.stage.sign_in(EMAIL, HANDLE, PASSWORD)
    show.workspace = show.stage.workspace("Web stage")
    made = show.stage.api.get("/api/v1/workspaces")
    expect(len(made) == 1, f"made {len(made)} workspaces instead of one")


def case_sign_out_wrong_password_and_sign_in(show):
    page = show.browser
    page.click(".account summary")
    page.click("#sign-out")
    page.type("#sign-in [name=email]", EMAIL)
    page.type("#sign-in [name=password]", "not the password")
    page.click("#sign-in button[type=submit]")
    page.see(".notice.bad", "The address or the password is wrong.")
    page.type("#sign-in [name=password]", PASSWORD)
    page.click("#sign-in button[type=submit]")
    page.see("#connection", "Connected")
    stored = page.run("return Object.values({...sessionStorage, ...localStorage}).join()")
    expect(show.stage.api.token not in stored and "eyJ" not in stored,
           "an access token lies in the browser's storage")  # fmt: skip


def case_one_time_login_by_the_address(show):
    page = show.browser
    page.click(".account summary")
    page.click("#sign-out")
    page.see("#sign-in")
    code = show.stage.api.post("/api/v1/me/login-codes")["code"]
    show.fresh(f"#login={code}")
    page.see("#connection", "Connected")
    expect(code not in page.url(), "the code stayed in the address")
    history = page.run("return history.length")
    expect(page.run("return location.hash") == "", "the fragment stayed")
    expect(history <= 20, "the history grew")
    page.run("sessionStorage.clear()")
    show.fresh(f"#login={code}")
    page.see(".notice", "used before or is too old")
    page.type("#sign-in [name=email]", EMAIL)
    page.type("#sign-in [name=password]", PASSWORD)
    page.click("#sign-in button[type=submit]")
    page.see("#connection", "Connected")


def case_reload_stays_signed_in(show):
    page = show.browser
    for _ in range(3):
        page.go(f"{show.base}/")
        page.see("#connection", "Connected")
    expect(page.shown("#estop"), "no E-stop on the page")


def case_agent_token_is_shown_once(show):
    page = show.browser
    page.click("#new-token")
    page.type("#token-form input", "bench")
    page.click("#token-form button[type=submit]")
    page.see("#pair-command")
    command = page.run("return document.querySelector('#pair-command').value")
    words = command.split()
    expect(words[:2] == ["cuelight-agent", "pair"], f"an odd command: {command}")
    expect(words[words.index("--server") + 1] == show.base, "another server's address")
    token = words[words.index("--token") + 1]
    page.click("[data-done]")
    page.gone("#pair-command")
    page.see(".tokens summary", "1 agent token")
    everything = page.run(
        "return document.documentElement.outerHTML + JSON.stringify({...sessionStorage})"
        " + JSON.stringify({...localStorage})"
    )
    expect(token not in everything, "the token is still on the page")
    # The command works as it stands.
    show.stage.start_board()
    paired = subprocess.run(
        [str(part) for part in show.stage.agent_command(*words[1:], "--name", "bench")],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    expect(paired.returncode == 0, f"pairing failed: {paired.stdout}{paired.stderr}")


def case_board_appears_with_its_channels(show):
    page = show.browser
    page.see(".agent h2", "bench")
    page.see(".agent .state.offline")
    show.stage.start_agent()
    page.see(".agent .state.online", "Online")
    page.see(".board .condition.armed", "Armed")
    show.device = show.stage.device(show.workspace)
    wanted = {one["name"] for one in show.device["manifest"]["channels"]}
    shown = set(page.run(
        "return [...document.querySelectorAll('.channel')].map((one) => one.dataset.channel)"
    ))  # fmt: skip
    expect(shown == wanted, f"channels {shown} instead of {wanted}")
    page.see(show.channel("servo") + " .limits", "0° to 180°")
    page.see(show.channel("relay1") + " .limits", "at most 10 s on")
    expect(not page.shown(show.channel("button") + " button"), "an input can be driven")


def case_try_an_output(show):
    page = show.browser
    page.type(show.channel("servo") + ' [name="angle_cdeg"]', "45")
    page.type(show.channel("servo") + ' [name="hold_ms"]', "0")
    text = show.tried("servo", "target", "executed")
    expect("turn to 45°" in text and "ms" in text, f"outcome: {text}")
    page.wait("the servo at 45°",
              lambda: abs(show.outputs().get(("servo", "D9"), 0) - 1000) <= 12)  # fmt: skip
    page.type(show.channel("relay1") + ' [name="duration_ms"]', "20000")
    page.click(show.channel("relay1") + ' button[data-operation="pulse"]')
    page.see(show.channel("relay1") + " .field-error")
    page.type(show.channel("relay1") + ' [name="duration_ms"]', "100")
    show.tried("relay1", "pulse", "executed")
    show.tried("strip", "fill", "executed")


def case_create_a_rule_by_the_form(show):
    page = show.browser
    show.view("rules")
    page.see(".empty", "No rules yet")
    page.click("#new-rule")
    page.type('[data-path="name"]', RULE)
    page.type('[data-path="trigger.match.text"]', "spin")
    page.choose('[data-path="actions[0].channel"]', "servo")
    page.type('[data-path="actions[0].operation.angle_cdeg"]', "150")
    # What the server refuses is shown at its field: this text folds to nothing.
    page.run(
        "const i = document.querySelector('[data-path=\"trigger.match.text\"]');"
        "i.value = '\\u200b'; i.dispatchEvent(new Event('input'))"
    )
    page.click("#rule-form button[type=submit]")
    page.see(".field.wrong .field-error", "must hold a letter")
    page.type('[data-path="trigger.match.text"]', "spin")
    page.click("#rule-form button[type=submit]")
    page.see(".rule h2", RULE)
    [rule] = show.stage.api.get(f"/api/v1/workspaces/{show.workspace}/rules")
    expect(rule["trigger"] == {"type": "comment", "match": {"mode": "word", "text": "spin"}},
           f"trigger {rule['trigger']}")  # fmt: skip
    expect(rule["actions"][0]["operation"]["angle_cdeg"] == 15000, f"{rule['actions']}")


def case_edit_switch_and_delete_rules(show):
    page = show.browser
    rules = f"/api/v1/workspaces/{show.workspace}/rules"
    action = {"device_id": show.device["id"], "channel": "lamp",
              "operation": {"type": "pulse", "duration_ms": 60}}  # fmt: skip
    conditions = [{"type": "role", "any": ["moderator"]}, {"type": "not_handle", "any": ["bob"]}]
    trigger = {"type": "gift", "gift": {"gift_id": 5655, "coins_min": 1, "firing": "each"}}
    made = show.stage.api.post(rules, {
        "name": "Rose", "trigger": trigger, "conditions": conditions, "actions": [action, action],
        "guards": {"cooldown_ms": 1500}, "priority": 3,
    })  # fmt: skip
    row = f'.rule[data-rule="{made["id"]}"]'
    page.see(f"{row} h2", "Rose")
    # Saving what was not changed changes nothing.
    page.click(f"{row} button", "Edit")
    page.click("#rule-form button[type=submit]")
    page.see(f"{row} h2", "Rose")
    [same] = [one for one in show.stage.api.get(rules) if one["id"] == made["id"]]
    for name in ("trigger", "conditions", "actions", "guards", "priority", "is_enabled"):
        expect(same[name] == made[name], f"{name} became {same[name]} from {made[name]}")
    # Another trigger, one action less.
    page.click(f"{row} button", "Edit")
    page.choose('[data-path="trigger.type"]', "likes")
    page.type('[data-path="trigger.every"]', "10")
    page.click("#rule-form .part:nth-child(2) .remove", None)
    page.click("#rule-form button[type=submit]")
    page.see(row, "every 10 likes")
    # On and off.
    page.click(f"{row} .switch")
    page.see(f"{row}.is-off")

    def stored():
        return [one for one in show.stage.api.get(rules) if one["id"] == made["id"]]

    page.wait("the rule off", lambda: not stored()[0]["is_enabled"])
    # Deleting asks first.
    page.click(f"{row} [data-delete]")
    page.click(".dialog button", "Cancel")
    expect(stored(), "deleted without a yes")
    page.click(f"{row} [data-delete]")
    page.click(".dialog [data-yes]")
    page.gone(row)
    expect(not stored(), "not deleted")


def case_somebody_else_changed_the_rule(show):
    page = show.browser
    rules = f"/api/v1/workspaces/{show.workspace}/rules"
    [rule] = show.stage.api.get(rules)
    page.click(".rule button", "Edit")
    page.see("#rule-form")
    show.stage.api.call("PATCH", f"{rules}/{rule['id']}", {"is_enabled": False})
    show.stage.api.call("PATCH", f"{rules}/{rule['id']}", {"is_enabled": True})
    page.click("#rule-form button[type=submit]")
    page.see(".notice.bad", "Somebody else changed this rule")
    page.click("#rule-form button", "Cancel")


def case_type_spin_and_see_the_servo_turn(show):
    page = show.browser
    page.click(".empty button", "Start a livestream")
    page.type("#live-form input", "First night")
    page.click("#live-form button[type=submit]")
    page.see("#livestream option, #livestream", "First night")
    before = len(show.board_events())
    page.type("#comment", "please SPIN it")
    page.click(".comment-form button")
    page.see(".event .text", "please SPIN it")
    row = ".event.kind-comment"
    page.see(f"{row} .fired-rule", RULE)
    page.see(f'{row} .chip[data-status="executed"]')
    hops = page.run(
        "return Object.fromEntries([...document.querySelectorAll(arguments[0])]"
        ".map((one) => [one.dataset.hop, one.textContent]))",
        f"{row} [data-hop]",
    )
    for hop in ("match", "publish", "broker", "agent", "board"):
        expect(hops.get(hop, "–").endswith("ms"), f"hop {hop} is {hops.get(hop)}: {hops}")
    expect(page.shown(f"{row} .hop-bar .hop"), "no bar of hops")
    page.see(f"{row} .hop-total", "ms")

    def turned():
        widths = [one["width_us"] for one in show.board_events()[before:] if "servo" in one]
        return any(abs(width - SPIN_WIDTH_US) <= 12 for width in widths)

    page.wait("the servo at 150° in the board's log", turned)
    expect(page.run("return document.querySelector('#comment').value") == "", "comment stayed")


def case_gifts_likes_follows_and_shares_arrive(show):
    page = show.browser
    page.choose(".gift-choice select", "Heart · 10")
    page.click('[data-deed="gifts"]')
    page.see(".event.kind-gift .text", "Heart ×1")
    page.click('[data-deed="likes"]')
    page.see(".event.kind-like .text", "×5")
    for deed, kind in (("follows", "follow"), ("shares", "share"), ("joins", "join")):
        page.click(f'[data-deed="{deed}"]')
        page.see(f".event.kind-{kind}")
    page.see(".figures-line", "5 likes")


def case_text_of_strangers_stays_text(show):
    page = show.browser
    page.run("document.querySelector('#comment').value = arguments[0]", NASTY)
    page.click(".comment-form button")
    page.see(".event .text", "bold")
    shown = page.run(
        "return [...document.querySelectorAll('.event .text bdi')].map((one) => one.textContent)"
    )
    expect(NASTY in shown, f"the text changed: {shown[:3]}")
    expect(not page.find(".event img, .event b"), "a comment made elements")
    expect(page.run("return window.hacked") is None, "a comment ran")
    marks = page.run(
        "return [...document.querySelectorAll('.event .invisible')].map((one) => one.dataset.code)"
    )
    expect({"U+202E", "U+200B"} <= set(marks), f"invisible characters are not marked: {marks}")
    # Names are text of strangers as well.
    show.stage.api.post(f"/api/v1/workspaces/{show.workspace}/rules", {
        "name": "<i>odd</i> & co", "is_enabled": False, "trigger": {"type": "share"},
        "actions": [{"device_id": show.device["id"], "channel": "lamp",
                     "operation": {"type": "off"}}],
    })  # fmt: skip
    show.view("rules")
    page.see(".rule h2", "<i>odd</i> & co")
    expect(not page.find(".rule i"), "a rule's name made elements")


def case_history_is_there_after_a_reload(show):
    page = show.browser
    page.go(f"{show.base}/#live")
    page.see(".event .text", "please SPIN it")
    page.see(".event .fired-rule", RULE)
    page.see('.event .chip[data-status="executed"]')
    page.click('[data-tab="commands"]')
    page.see(".command", RULE)
    page.see(".command", "by hand")
    page.see(".command .hops")
    page.click('[data-tab="events"]')


def case_the_feed_is_bounded_and_newest_on_top(show):
    page = show.browser
    [live] = [
        one
        for one in show.stage.api.get(f"/api/v1/workspaces/{show.workspace}/livestreams")
        if one["is_live"]
    ]
    for number in range(230):
        show.stage.api.post(
            f"/api/v1/livestreams/{live['id']}/comments", {"text": f"number {number}"}
        )
    page.see(".event .text", "number 229")
    page.wait("the newest on top", lambda: page.run(
        "return document.querySelector('.event .text').textContent") == "number 229")  # fmt: skip
    rows = len(page.find(".feed .event"))
    expect(rows == 200, f"{rows} rows")


def start_everything(show):
    """Lamp on, motor driving, servo held, tone sounding, strip lit."""
    page = show.browser
    page.type(show.channel("motor") + ' [name="duration_ms"]', "5000")
    page.type(show.channel("strip") + ' [name="duration_ms"]', "60000")
    page.type(show.channel("buzzer") + ' [name="duration_ms"]', "5000")
    page.type(show.channel("servo") + ' [name="hold_ms"]', "0")
    for channel, operation in (
        ("strip", "fill"), ("lamp", "set"), ("servo", "target"), ("buzzer", "tone"),
        ("motor", "drive"),
    ):  # fmt: skip
        show.tried(channel, operation, "executed")
    page.wait("moving outputs", lambda: len(show.moving()) >= 4)


def case_estop_makes_every_output_safe(show):
    page = show.browser
    show.view("stage")
    start_everything(show)
    page.click("#estop")
    page.see(".stop-line", "E-STOP: the workspace “Web stage” is stopped")
    page.see(".stop-line", "since")
    page.wait("every output safe on the board", lambda: not show.moving())
    page.see(".board .condition.estopped", "E-stopped")
    page.see(".stop-line", "Confirmed by 1 board")
    page.see("#estop", "everything is stopped")
    text = show.tried("relay1", "pulse", "rejected")
    expect("E-stop is pressed" in text and "estopped" in text, f"refusal: {text}")
    before = len(show.board_events())
    page.type("#comment", "spin")
    page.click(".comment-form button")
    page.see('.event .chip[data-status="rejected"]')
    expect(not any("servo" in one for one in show.board_events()[before:]), "the servo moved")
    expect(show.moving() == [], f"moving: {show.moving()}")
    page.resize(1400, 950, is_dark=True)
    page.screenshot(PICTURES / "stopped-1400-dark.png")
    page.resize(360, 740, is_dark=False)
    page.screenshot(PICTURES / "stopped-360-light.png")
    page.resize(1400, 950)


def case_release_asks_first(show):
    page = show.browser
    page.click(".stop-line .release")
    page.click(".dialog button", "Cancel")
    expect(page.shown(".stop-line"), "released without a yes")
    page.click(".stop-line .release")
    page.click(".dialog [data-yes]")
    page.gone(".stop-line")
    page.see(".board .condition.armed", "Armed")
    show.tried("relay1", "pulse", "executed")


def case_estop_by_key_and_above_a_dialog(show):
    page = show.browser
    show.view("rules")
    page.click("#new-rule")
    page.press(ESCAPE, times=2)
    page.see(".stop-line", "is stopped")
    page.click(".stop-line .release")
    # A dialog is open now, and the E-stop can still be pressed.
    page.click("#estop")
    page.see("#estop", "everything is stopped")
    page.click(".dialog [data-yes]")
    page.gone(".stop-line")
    page.see("#estop", "press Esc twice")
    page.click("#rule-form button", "Cancel")


def case_estop_of_one_board_and_of_one_agent(show):
    page = show.browser
    show.view("stage")
    for scope, place in (("device", ".board header"), ("agent", ".agent > header")):
        page.click(f"{place} .stop-small", "Stop")
        page.see(f'.stop-line[data-stop="{scope}"]', "is stopped")
        page.see(".board .condition.estopped")
        page.click(f"{place} .stop-small", "Release")
        page.click(".dialog [data-yes]")
        page.gone(".stop-line")
        page.see(".board .condition.armed")


def case_a_flood_of_comments_does_not_hold_up_the_estop(show):
    page = show.browser
    lives = show.stage.api.get(f"/api/v1/workspaces/{show.workspace}/livestreams")
    path = f"/api/v1/livestreams/{next(one for one in lives if one['is_live'])['id']}/comments"
    refused = []

    def flood(writer):
        for number in range(3000):
            if refused:
                return
            try:
                show.stage.api.post(path, {"text": f"flood {writer} {number}"})
            except Failure as failure:
                refused.append(str(failure))

    # Several at once: one alone might not write faster than it may, on a busy computer.
    writers = [threading.Thread(target=flood, args=(number,)) for number in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    expect(refused and all("too_many_requests" in one for one in refused),
           f"the flood was not refused: {refused}")  # fmt: skip
    # The same account has spent what it may write; the stop has a budget of its own.
    for _ in range(10):
        show.stage.api.put(f"/api/v1/workspaces/{show.workspace}/stop")
    page.see(".stop-line", "is stopped")
    page.click(".stop-line .release")
    page.click(".dialog [data-yes]")
    page.gone(".stop-line")
    page.see(".board .condition.armed")


def case_estop_works_without_the_stream_and_fails_loudly(show):
    page = show.browser
    page.devtools("Network.enable", {})
    page.devtools("Network.setBlockedURLs", {"urls": [STREAM, STOP]})
    page.go("about:blank")
    page.go(f"{show.base}/#stage")
    page.see("#connection", "Server away")
    page.see("#away", "Trying again")
    page.see(".board")
    page.click("#estop")
    page.see(".stop-line.failing", "NOT STOPPED YET")
    # Or a later one, if nobody looked in between.
    page.wait("a third try", lambda: page.run(
        "const line = document.querySelector('.stop-line.failing');"
        "return Number(/try (\\d+)/.exec(line.textContent)[1])"
    ) >= 3)  # fmt: skip
    page.devtools("Network.setBlockedURLs", {"urls": [STREAM]})
    page.see('.stop-line[data-stop="workspace"]', "is stopped")
    page.gone(".stop-line.failing")
    page.wait("the board stopped", lambda: show.stage.api.get(
        f"/api/v1/workspaces/{show.workspace}/devices")[0]["condition"] == "estopped")  # fmt: skip
    # Without the stream the outcome of a command is asked for.
    show.tried("relay1", "pulse", "rejected")
    page.devtools("Network.setBlockedURLs", {"urls": []})
    page.see("#connection", "Connected")
    page.click(".stop-line .release")
    page.click(".dialog [data-yes]")
    page.gone(".stop-line")
    page.see(".board .condition.armed")


def case_who_has_not_confirmed_the_estop_is_named_until_they_have(show):
    page = show.browser
    show.view("stage")
    with show.stage.frozen("mosquitto"):
        page.click("#estop")
        page.see(".stop-line.unconfirmed", "NOT CONFIRMED by “bench” yet")
        page.see(".stop-line.unconfirmed", "cut its power by hand")
        page.see("#estop", "sent, not confirmed yet")
        page.screenshot(PICTURES / "unconfirmed-1400.png")
    page.gone(".stop-line.unconfirmed")
    page.see(".stop-line", "E-STOP: the workspace “Web stage” is stopped")
    page.see("#estop", "everything is stopped")
    with show.stage.frozen("mosquitto"):
        page.click(".stop-line .release")
        page.click(".dialog [data-yes]")
        page.see(".stop-line.unreleased", "Release sent, not confirmed by “bench” yet")
    page.gone(".stop-line")
    page.see(".board .condition.armed")


def case_an_estop_that_is_not_written_down_says_so_until_it_is(show):
    page = show.browser
    with show.stage.frozen("postgres"):
        page.click("#estop")
        page.see(".stop-line", "Not written down yet")
        # The agent has said so; that the list of boards cannot be read now changes nothing.
        page.see(".stop-line", "E-STOP: the workspace “Web stage” is stopped")
        page.see("#estop", "everything is stopped")
        page.wait("every output safe on the board", lambda: not show.moving())
        page.click(".stop-line .release")
        page.click(".dialog [data-yes]")
        page.see(".dialog .notice.bad", "The server's database does not answer")
        page.click(".dialog button", "Cancel")
    page.wait("it is written down", lambda: "Not written" not in page.text(".stop-line"), seconds=30)
    page.click(".stop-line .release")
    page.click(".dialog [data-yes]")
    page.gone(".stop-line")
    page.see(".board .condition.armed")


def case_the_server_goes_and_comes_back(show):
    page = show.browser
    show.stop_control_plane()
    page.see("#connection", "Server away")
    page.see("#away", "The server is away")
    page.type("#comment", "is anybody there")
    page.click(".comment-form button")
    page.see(".said .notice.bad", "cannot be reached")
    text = page.run("return document.querySelector('#comment').value")
    expect(text == "is anybody there", "what was typed is lost")
    page.screenshot(PICTURES / "away-1400-light.png")
    show.start_control_plane()
    page.see("#connection", "Connected")
    page.gone("#away .notice")
    page.see(".board .condition.armed")
    # The same page goes on: the session, the livestream and the rules are still there.
    page.wait("the comment taken", lambda: comment(show, "spin after the restart"))
    page.see(".event .text", "spin after the restart")
    page.see('.event .chip[data-status="executed"]')


def comment(show, text):
    """Sends once; true once it is shown. A lease must first pass to the new process."""
    page = show.browser
    if page.shown(".event .text", text):
        return True
    page.type("#comment", text)
    page.click(".comment-form button")
    end = time.monotonic() + 2
    while time.monotonic() < end:
        if page.shown(".event .text", text):
            return True
        if page.shown(".said .notice.bad"):
            return False
    return False


def case_a_lost_session_asks_to_sign_in(show):
    page = show.browser
    page.run("sessionStorage.setItem('cuelight.refresh', 'not a token')")
    page.go("about:blank")
    page.go(f"{show.base}/")
    page.see(".notice", "Your session has ended")
    page.type("#sign-in [name=email]", EMAIL)
    page.type("#sign-in [name=password]", PASSWORD)
    page.click("#sign-in button[type=submit]")
    page.see("#connection", "Connected")
    page.see(".board .condition.armed")


def case_pictures_narrow_and_wide(show):
    page = show.browser
    for width, height in ((360, 740), (800, 900), (1400, 950)):
        for is_dark in (False, True):
            page.resize(width, height, is_dark)
            for view in ("stage", "rules", "sequences", "live"):
                page.run("location.hash = arguments[0]", view)
                page.wait(view, lambda: page.run("return document.body.dataset.view") == view)
                page.see("#estop")
                wide = page.run("return document.documentElement.scrollWidth")
                expect(wide <= width, f"{view} at {width} px is {wide} px wide")
                name = f"{view}-{width}-{'dark' if is_dark else 'light'}.png"
                page.screenshot(PICTURES / name)
    page.resize(360, 740, False)
    page.run("location.hash = 'rules'")
    page.click("#new-rule")
    page.see("#rule-form")
    expect(page.run("return document.documentElement.scrollWidth") <= 360, "the form is too wide")
    page.screenshot(PICTURES / "rule-form-360-light.png")
    page.resize(1400, 950, True)
    page.screenshot(PICTURES / "rule-form-1400-dark.png")
    page.click("#rule-form button", "Cancel")
    page.run("location.hash = 'stage'")
    page.click("#new-token")
    page.screenshot(PICTURES / "dialog-1400-dark.png")
    page.click(".dialog button", "Cancel")


def case_hops_of_different_clocks_are_dashes(show):
    trace = {"clock": "a", "agent_clock": "b", "source_age_ms": -1, "arrived_ns": 1_000_000,
             "matched_ns": 2_000_000, "published_ns": 2_500_000, "received_ns": 900_000_000,
             "written_ns": 901_000_000, "acknowledged_ns": 903_000_000}  # fmt: skip

    def hops(**changes):
        found = show.browser.run(
            "return import('/console/trace.js').then((trace) => trace.hopsOf(arguments[0]))",
            {**trace, **changes},
        )
        return {hop["key"]: hop["ms"] for hop in found["hops"]}, found["total"]

    apart, total = hops()
    expect(apart == {"age": None, "match": 1, "publish": 0.5, "broker": None, "agent": 1,
                     "board": 2}, f"{apart}")  # fmt: skip
    expect(total is None, f"a sum over two clocks: {total}")
    near, total = hops(agent_clock="a", received_ns=3_000_000, written_ns=4_000_000,
                       acknowledged_ns=6_000_000)  # fmt: skip
    expect(near["broker"] == 0.5 and total == 5, f"{near} {total}")
    silent, total = hops(agent_clock="", received_ns=0, written_ns=0, acknowledged_ns=0)
    expect(silent["agent"] is None and silent["board"] is None and total is None, f"{silent}")


def case_a_duplicated_tab_keeps_both_signed_in(show):
    page = show.browser
    first = page.ask("GET", "/window")
    token = page.run("return sessionStorage.getItem('cuelight.refresh')")
    second = page.ask("POST", "/window/new", {"type": "tab"})["handle"]
    page.ask("POST", "/window", {"handle": second})
    page.go(f"{show.base}/icon.svg")
    page.run("sessionStorage.setItem('cuelight.refresh', arguments[0])", token)
    page.go(f"{show.base}/")
    page.see("#connection", "Connected")
    mine = page.run("return sessionStorage.getItem('cuelight.refresh')")
    page.ask("DELETE", "/window")
    page.ask("POST", "/window", {"handle": first})
    page.wait("the first tab to follow", lambda: page.run(
        "return sessionStorage.getItem('cuelight.refresh')") == mine)  # fmt: skip
    page.go(f"{show.base}/")
    page.see("#connection", "Connected")


def case_a_watcher_sees_and_may_not_touch(show):
    page = show.browser
    owner = show.stage.api.token
    show.stage.sign_in("eve@example.org", "eve", PASSWORD)
    code = show.stage.api.post("/api/v1/me/login-codes")["code"]
    show.stage.api.token = owner
    show.stage.api.call(
        "PUT", f"/api/v1/workspaces/{show.workspace}/members/eve", {"role": "watcher"}
    )
    page.run("sessionStorage.clear()")
    show.fresh(f"#login={code}")
    page.see(".board .condition.armed")
    page.see("#estop", "watchers may not")
    expect(page.run("return document.querySelector('#estop').disabled"), "the E-stop is on")
    expect(not page.find(".try button, #new-token, #new-rule, #start-live"), "controls are shown")
    page.press(ESCAPE, times=2)
    expect(not page.shown(".stop-line"), "a watcher stopped the stage")
    code = show.stage.api.post("/api/v1/me/login-codes")["code"]
    page.run("sessionStorage.clear()")
    show.fresh(f"#login={code}")
    page.see("#estop", "press Esc twice")


def case_a_removed_member_is_told_and_goes_to_the_other_workspaces(show):
    page = show.browser
    owner = show.stage.api.token
    show.stage.sign_in("eve@example.org", "eve", PASSWORD)
    other = show.stage.workspace("Eve's own")
    code = show.stage.api.post("/api/v1/me/login-codes")["code"]
    show.stage.api.token = owner
    page.run("sessionStorage.clear()")
    show.fresh(f"#login={code}")
    page.see("#connection", "Connected")
    page.choose("#workspace", "Web stage")
    page.see(".board .condition.armed")
    page.see("#connection", "Connected")

    def streams():
        return page.run(
            "return performance.getEntriesByType('resource').filter((one) => "
            "one.name.includes(arguments[0]) && one.name.endsWith('/stream')).length",
            show.workspace,
        )

    # An entry appears with the end of its stream: the one that was open until now.
    before = streams() + 1
    show.stage.api.delete(f"/api/v1/workspaces/{show.workspace}/members/eve")
    page.see("#left", "You may not watch “Web stage” any longer")
    page.gone("#estop")
    page.gone(".board")
    expect(not page.shown("#connection"), "it still tries to connect")
    page.screenshot(PICTURES / "removed-1400.png")
    page.click(f'#left [data-workspace="{other}"]')
    page.see("#connection", "Connected")
    choices = page.run(
        "return [...document.querySelectorAll('#workspace option')].map((one) => one.text)"
    )
    expect(choices[0] == "Eve's own" and len(choices) == 2, f"workspaces to choose: {choices}")
    expect(streams() <= before, "the stream of a workspace that was left was opened again")
    code = show.stage.api.post("/api/v1/me/login-codes")["code"]
    page.run("sessionStorage.clear()")
    show.fresh(f"#login={code}")
    page.see(".board .condition.armed")


def case_a_session_that_ends_elsewhere_asks_to_sign_in(show):
    page = show.browser
    page.click("#new-token")
    page.see("#token-form")
    # Whoever has a copy of the refresh token uses it, and then it comes back.
    body = {"refresh_token": page.run("return sessionStorage.getItem('cuelight.refresh')")}
    show.stage.api.post("/api/v1/sessions/refresh", body)
    try:
        show.stage.api.post("/api/v1/sessions/refresh", body)
        expect(False, "a token served twice")
    except Failure as failure:
        expect("refresh_token_reused" in str(failure), str(failure))
    page.see(".notice", "Your session has ended. Sign in again.")
    page.gone("#token-form")
    page.type("#sign-in [name=email]", EMAIL)
    page.type("#sign-in [name=password]", PASSWORD)
    page.click("#sign-in button[type=submit]")
    page.see("#connection", "Connected")
    page.click(".account summary")
    page.click("#sign-out")
    page.see(".notice", "You are signed out.")
    page.type("#sign-in [name=email]", EMAIL)
    page.type("#sign-in [name=password]", PASSWORD)
    page.click("#sign-in button[type=submit]")
    page.see(".board .condition.armed")


def case_a_part_that_cannot_be_loaded_is_said(show):
    page = show.browser
    page.devtools("Network.setBlockedURLs", {"urls": ["*/console/trace.js"]})
    show.fresh()
    page.see(".boot", "could not be loaded")
    page.devtools("Network.setBlockedURLs", {"urls": []})
    page.see("#connection", "Connected")


def tell_board(show, line, board="board"):
    process = next(process for name, process in show.stage.processes if name == board)
    process.stdin.write(f"{line}\n".encode())
    process.stdin.flush()


def case_a_button_is_shown_live_and_starts_a_rule(show):
    page = show.browser
    show.view("rules")
    page.click("#new-rule")
    page.type('[data-path="name"]', "Button → lamp")
    page.choose('[data-path="trigger.type"]', "an input of a board")
    page.choose('[data-path="trigger.input.channel"]', "button")
    page.choose('[data-path="trigger.input.condition"]', "pressed")
    page.choose('[data-path="actions[0].channel"]', "lamp")
    show.picture("rule-input", '[data-path="trigger.input.condition"]')
    page.click("#rule-form button[type=submit]")
    page.see(".rule h2", "Button → lamp")
    page.see(".rule", "button")
    show.view("stage")
    page.see(".board .condition.armed", "Armed")

    def pulses():
        return sum(1 for event in show.board_events()
                   if event.get("pin") == "D13" and event.get("level") == 1)  # fmt: skip

    before = pulses()
    reading = show.channel("button") + " .reading"
    tell_board(show, "button 1")
    page.see(reading, "pressed")
    page.wait("the lamp", lambda: pulses() == before + 1)
    show.picture("input-pressed", show.channel("button"))
    tell_board(show, "button 0")
    page.see(reading, "released")
    expect(pulses() == before + 1, "letting go pulsed the lamp too")
    page.run("location.hash = 'live'")
    page.see(".live", "pressed")
    page.run("scrollTo(0, 0)")
    page.screenshot(PICTURES / "input-live-1400.png")
    show.view("stage")
    rules = show.stage.api.get(f"/api/v1/workspaces/{show.workspace}/rules")
    mine = next(one for one in rules if one["name"] == "Button → lamp")
    show.stage.api.delete(f"/api/v1/workspaces/{show.workspace}/rules/{mine['id']}")


def case_a_board_without_a_watchdog_says_so(show):
    """A Firmata board beside the one with our firmware, which says nothing of the kind."""
    page, stage = show.browser, show.stage
    port = stage.folder / "firmata"
    peer = ROOT / "Tests" / "Peers" / "fake_firmata.py"
    command = [sys.executable, peer, "--link", port, "--events", stage.folder / "firmata.jsonl"]
    stage.start("firmata", command, stdin=subprocess.PIPE)
    stage.wait("the Firmata board", port.exists)
    lamp = {"name": "glow", "kind": "light", "pin": 9, "max_on_ms": 1000}
    board = {"driver": "firmata", "name": "lamps", "port": str(port), "channels": [lamp]}
    (stage.agent_folder / "boards.json").write_text(json.dumps({"boards": [board]}))
    show.restart_agent(("board",))
    show.view("stage")
    page.see(".board .about", "no watchdog")
    told = page.run(
        "return [...document.querySelectorAll('.board .about')].map((one) => one.textContent)")
    expect(len(told) >= 2 and sum("no watchdog" in one for one in told) == 1, told)


def case_revoke_the_agent(show):
    page = show.browser
    show.view("stage")
    page.click(".agent > header button", "Revoke")
    page.click(".dialog [data-yes]")
    page.see(".agent .state.revoked", "Revoked")
    page.gone(".board")


def case_nothing_broke_the_policy(show):
    """No refused resource, no error of a script, in the whole story."""
    bad = [
        entry["message"]
        for entry in show.browser.complaints()
        if any(word in entry["message"] for word in ("Content Security", "Uncaught", "Refused to"))
    ]
    expect(not bad, "\n".join(bad[:5]))


OWN = [(name[5:], value) for name, value in list(globals().items()) if name.startswith("case_")]
OTHERS = [(case.__name__, case) for case in (*sequences.CASES, *boards.CASES)]
# The others begin with the story's first board and leave it as they found it.
BEFORE = [name for name, _ in OWN].index("a_board_without_a_watchdog_says_so")
CASES = OWN[:BEFORE] + OTHERS + OWN[BEFORE:]


def run(show, only):
    passed = failed = 0
    for name, case in CASES:
        if only and only not in name:
            continue
        start = time.monotonic()
        try:
            case(show)
            passed += 1
            print(f"ok   {name} ({time.monotonic() - start:.1f} s)", flush=True)
        except Exception as error:  # Whatever it is, the next case still runs.
            failed += 1
            print(f"FAIL {name}: {error}", flush=True)
            if not isinstance(error, (Broken, Failure)):
                traceback.print_exc()
            try:
                show.browser.screenshot(PICTURES / f"failed-{name}.png")
            except (Broken, OSError):
                pass  # The case's own message says more.
    return passed, failed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="", help="part of a case's name")
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="cuelight-web-", dir="/tmp"))
    folder.chmod(0o755)
    stage = Stage(folder)
    show = None
    passed, failed = 0, 1
    try:
        stage.start_control_plane()
        show = Show(stage)
        passed, failed = run(show, options.only)
    except (Broken, Failure, OSError) as failure:
        print(f"FAIL start: {failure}", flush=True)
    finally:
        if show:
            show.browser.stop()
        for complaint in stage.stop():
            print(complaint, file=sys.stderr)
    if failed:
        print(f"logs: {folder}", file=sys.stderr)
    else:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{passed} passed, {failed} failed", flush=True)
    return 0 if failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
