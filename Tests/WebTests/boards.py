"""Cases about dangerous channels and flashing, with a real agent, simulated boards and a real
bootloader; `run.py` runs them in the story."""

import hashlib
import json
import shutil
import signal
import subprocess

from browser import expect
from smoke import rising_edges
from stage import BUILD, ROOT

SOLENOID = "D8"
LAMP = "D13"


def a_dangerous_channel_is_refused_unlocked_in_two_steps_and_locks_itself(show):
    page, stage = show.browser, show.stage
    show.view("stage")
    device = stage.wait("the boards", show.armed_devices)["uno_stage"]
    card = f'.board[data-device="{device["id"]}"]'
    channel = f'{card} .channel[data-channel="solenoid"]'

    def pulse(status):
        page.click(f'{channel} button[data-operation="pulse"]')
        page.see(f'{channel} .chip[data-status="{status}"]')

    def unlock():
        page.click(f"{channel} [data-lock]", "Unlock")
        page.click(".dialog [data-yes]")
        page.see(f"{channel} .lock.open", "unlocked")

    def pulses():
        return len(rising_edges(show.board_events("board-stage"), SOLENOID))

    page.see(f"{channel} .lock", "locked")
    # Refused in the words that the agent has for it.
    said = subprocess.run(
        [str(part) for part in stage.agent_command("doctor", "locked")],
        capture_output=True, text=True, timeout=60,
    ).stdout  # fmt: skip
    pulse("rejected")
    page.see(f"{channel} .outcome", said.splitlines()[0].removeprefix("locked: "))
    show.picture("dangerous-refused", channel)
    # The first step asks, the second does.
    page.click(f"{channel} [data-lock]", "Unlock")
    page.see(".dialog", "dangerous")
    show.picture("dangerous-dialog", ".dialog")
    page.click(".dialog button", "Cancel")
    page.see(f"{channel} .lock:not(.open)", "locked")
    expect(pulses() == 0, "it moved while it was locked")
    unlock()
    pulse("executed")
    page.wait("the solenoid", lambda: pulses() == 1)
    show.picture("dangerous-unlocked", channel)
    page.click(f"{channel} [data-lock]", "Lock now")
    page.see(f"{channel} .lock:not(.open)", "locked")
    pulse("rejected")
    # Its time is over: the board locks itself, and its agent says so.
    path = f"/api/v1/workspaces/{show.workspace}/devices/{device['id']}/unlock"
    stage.api.put(path, {"channels": ["solenoid"], "for_s": 1})
    page.see(f"{channel} .lock.open", "unlocked")
    page.see(f"{channel} .lock:not(.open)", "locked")
    pulse("rejected")
    # The E-stop locks it, and a disarmed board cannot be unlocked.
    unlock()
    page.click(f"{card} header .stop-small", "Stop")
    page.see(f"{channel} .lock:not(.open)", "locked")
    page.wait("no unlocking of a disarmed board", lambda: page.run(
        "return document.querySelector(arguments[0]).disabled", f"{channel} [data-lock]"))  # fmt: skip
    page.click(f"{card} header .stop-small", "Release")
    page.click(".dialog [data-yes]")
    page.see(f"{card} .condition.armed")
    pulse("rejected")
    expect(pulses() == 1, f"{pulses()} pulses instead of one")


def a_board_that_lost_its_computer_says_so(show):
    page = show.browser
    device = show.stage.wait("the boards", show.armed_devices)["uno_stage"]
    card = f'.board[data-device="{device["id"]}"]'
    lamp = f'{card} .channel[data-channel="lamp"]'
    page.type(f'{lamp} [name="duration_ms"]', "20000")
    page.click(f'{lamp} button[data-operation="pulse"]')
    page.see(f'{lamp} .chip[data-status="executed"]')

    def is_dark():
        levels = [one["level"] for one in show.board_events("board-stage") if one.get("pin") == LAMP]
        return levels[-1] == 0

    expect(not is_dark(), "the lamp is dark")
    agent = show.process("agent")
    agent.send_signal(signal.SIGSTOP)
    try:
        page.wait("the board to make itself safe", is_dark)
    finally:
        agent.send_signal(signal.SIGCONT)
    page.see(f"{card} .fault", "heard nothing of this computer")
    page.see(f"{card} .condition.armed", "Armed")
    show.picture("fault", f"{card} .fault")


# Flashing


def next_images(folder):
    """A library with the next firmware, the same damaged, and the same mute: it never says hello,
    because its reset vector jumps to itself. Returns their builds."""
    built = subprocess.run(["sh", ROOT / "Tests" / "Peers" / "next_firmware.sh"], capture_output=True)
    expect(built.returncode == 0, built.stderr)
    folder.mkdir()
    [whole] = uno_of(BUILD / "firmware-next")
    [former] = uno_of(BUILD / "firmware")
    shutil.copy(BUILD / "firmware-next" / "uno.hex", folder / "next.hex")
    shutil.copy(BUILD / "firmware" / "uno.hex", folder / "former.hex")
    code = read_hex(folder / "next.hex")
    mute = b"\xff\xcf" + code[2:].replace(whole["build"].encode(), b"00000bad")
    (folder / "mute.hex").write_text(hex_of(mute))
    damaged = {**whole, "file": "next.hex", "build": "0000dead", "sha256": "0" * 64}
    images = [
        {**whole, "file": "next.hex"}, {**former, "file": "former.hex"}, damaged,
        {**whole, "file": "mute.hex", "build": "00000bad", "sha256": sha256(folder / "mute.hex")},
    ]  # fmt: skip
    (folder / "index.json").write_text(json.dumps({"format": 1, "firmware": images}))
    return whole["build"], damaged["build"], "00000bad"


def uno_of(folder):
    index = json.loads((folder / "index.json").read_text())
    return [one for one in index["firmware"] if one["board"] == "uno"]


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_hex(path):
    """The bytes of an Intel HEX file that begins at 0 and has no gaps."""
    code = b""
    for line in path.read_text().split():
        record = bytes.fromhex(line[1:])
        if record[3] == 0:
            expect(int.from_bytes(record[1:3], "big") == len(code), f"a gap in {path}")
            code += record[4:-1]
    return code


def hex_of(code):
    def line(address, kind, data):
        record = bytes([len(data)]) + address.to_bytes(2, "big") + bytes([kind]) + data
        return f":{(record + bytes([-sum(record) & 0xFF])).hex().upper()}\n"

    lines = [line(at, 0, code[at : at + 16]) for at in range(0, len(code), 16)]
    return "".join(lines) + line(0, 1, b"")


def flash(page, card, build):
    page.click(f"{card} [data-flash]", "Update firmware")
    page.choose(".dialog select", build)
    page.click(".dialog [data-yes]")


def a_board_is_updated_from_its_card_refused_and_cut_off(show):
    page, stage = show.browser, show.stage
    whole, damaged, mute = next_images(stage.folder / "images")
    stage.start_uno_with_bootloader("board-uno")
    show.restart_agent(("board-uno",), "--images", stage.folder / "images")
    show.end("board-stage")
    device = stage.wait("the Uno", lambda: show.armed_devices(("uno",)))["uno"]
    former = device["manifest"]["build"]
    show.view("stage")
    card = f'.board[data-device="{device["id"]}"]'
    page.see(f"{card} .condition.armed", "Armed")
    page.click(f"{card} [data-flash]", "Update firmware")
    page.see(".dialog", former)
    show.picture("flash-dialog", ".dialog")
    page.click(".dialog button", "Cancel")

    # Not what the index says: nothing is written.
    flash(page, card, damaged)
    page.see(f'{card} .flash[data-status="refused"]', "nothing was written")
    page.see(f"{card} .flash", "SHA-256")
    show.picture("flash-refused", f"{card} .flash")
    page.see(f"{card} .condition.armed", "Armed")

    flash(page, card, whole)
    page.see(f"{card} .flash", "%")
    page.see(f"{card} .condition.flashing", "Updating")
    show.picture("flash-progress", f"{card} .flash")
    page.see(f'{card} .flash[data-status="flashed"]', "Firmware updated")
    page.see(f"{card} .about", "9.9.9")
    page.see(f"{card} .condition.armed", "Armed")
    show.picture("flash-done", f"{card} .flash")

    # It never says that it runs, and the cable is pulled before the former one can be put back.
    flash(page, card, mute)
    page.see(f"{card} .flash", "waiting for the new firmware")
    show.end("board-uno")
    page.see(f'{card} .flash[data-status="stranded"]', "flash --resume")
    show.picture("flash-stranded", f"{card} .flash")


def an_update_that_was_undone_says_so(show):
    """The words alone: that the agent undoes one is proved without a browser, in twenty seconds."""
    text = show.browser.run("""
        return import('/console/flash.js').then(({ FlashPanel }) => {
            const panel = new FlashPanel({ may: () => false });
            panel.update({ manifest: { build: "0000000a" }, flash: {
                id: "1", status: "put_back", reason: "it does not say that it runs",
                former_build: "0000000a", ended_at_ms: 1 } });
            return panel.element.textContent;
        });
    """)
    expect("0000000a runs again, because it does not say that it runs" in text, text)


CASES = [
    a_dangerous_channel_is_refused_unlocked_in_two_steps_and_locks_itself,
    a_board_that_lost_its_computer_says_so,
    a_board_is_updated_from_its_card_refused_and_cut_off,
    an_update_that_was_undone_says_so,
]  # fmt: skip
