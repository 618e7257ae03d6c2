"""Boards without our firmware, driven by the real agent: a Firmata board on a serial port, and the
GPIO lines of this computer, whose libgpiod is a fake that is loaded instead (Tests/Peers/fake_gpiod.c)."""

import json
import os
import pathlib
import signal
import subprocess
import sys

from stage import Failure

PEERS = pathlib.Path(__file__).resolve().parents[1] / "Peers"


def check(condition, message):
    if not condition:
        raise Failure(message)


def restart_agent(show, boards, environment=None):
    """Ends the agent and starts one that has `boards.json` in its state folder."""
    process = show.process("agent")
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=30)
    show.forget("agent")
    (show.agent_folder / "boards.json").write_text(json.dumps({"boards": boards}))
    start(show, environment)


def start(show, environment=None):
    show.start("agent", show.agent_command("run", "--no-usb"), environment=environment or {})


def device_of(show, profile):
    """The armed device of that profile."""

    def armed():
        for device in show.api.get(f"/api/v1/workspaces/{show.space}/devices"):
            if device["manifest"]["board"] == profile and device["condition"] == "armed":
                return device
        return None

    return show.wait(f"an armed {profile} board", armed)


def condition(show, device):
    devices = show.api.get(f"/api/v1/workspaces/{show.space}/devices")
    return next(one["condition"] for one in devices if one["id"] == device["id"])


def outcome(show, device, channel, operation):
    """How a command of the console ends."""
    wanted = show.command(device, channel, operation)

    def ended():
        found = next((one for one in show.ended() if one["id"] == wanted), None)
        return found if found and found["status"] not in ("sent", "held") else None

    return show.wait("the command's end", ended)


def stop(show, is_on):
    path = f"/api/v1/workspaces/{show.space}/stop"
    show.api.put(path) if is_on else show.api.delete(path)


def gpio_lines_are_a_device(show):
    gpio = show.folder / "gpio"
    gpio.mkdir()
    shim = gpio / "fake_gpiod.so"
    subprocess.run(
        ["gcc", "-shared", "-fPIC", "-Wall", "-Werror", "-o", shim, PEERS / "fake_gpiod.c"], check=True)
    (gpio / "chip").touch()
    environment = {"LD_PRELOAD": str(shim), "CUELIGHT_FAKE_GPIO": str(gpio)}
    board = {
        "driver": "gpio", "name": "shelf", "chip": "/dev/gpiochip0",
        "channels": [
            {"name": "fan", "kind": "relay", "line": 17, "active_low": True, "max_on_ms": 60000,
             "accept_no_watchdog": True},
            {"name": "led", "kind": "light", "line": 22, "max_on_ms": 60000},
            {"name": "door", "kind": "button", "line": 27, "pull": "up", "active_low": True},
        ],
    }  # fmt: skip

    def told():
        path = gpio / "events"
        return path.read_text().splitlines() if path.exists() else []

    def level(line):
        """What is on the pin; None before it was taken."""
        for event in reversed(told()):
            word, number, *rest = event.split()
            if word in ("output", "set") and int(number) == line:
                return int(rest[0])
        return None

    restart_agent(show, [board], environment)
    show.board = device = device_of(show, "gpio")
    check(device["manifest"]["watchdog"] is False, device["manifest"])
    # A relay that closes at a low level is high from the first moment.
    check(told()[:3] == ["output 17 1", "output 22 0", "input 27"], told())

    show.rule("cool", "fan", {"type": "pulse", "duration_ms": 50})
    before = len(show.ended())
    show.cue("cool")
    show.wait_for(before + 1)
    show.wait("the relay to open again", lambda: told().count("set 17 1") == 1)
    check(told().count("set 17 0") == 1, told())

    # A press is a live event that a rule answers, once, however the line bounces.
    show.api.post(
        f"/api/v1/workspaces/{show.space}/rules",
        {
            "name": "ring",
            "trigger": {"type": "input", "input": {
                "device_id": device["id"], "channel": "door", "condition": "pressed"}},
            "actions": [{"device_id": device["id"], "channel": "led", "operation": {
                "type": "level", "level_permille": 1000, "duration_ms": 0}}],
        },
    )  # fmt: skip
    (gpio / "in-27").write_text("0101010")
    show.wait("the light", lambda: level(22) == 1)
    check(told().count("set 22 1") == 1, told())

    # The stop is at the pin before anybody is told; nothing goes on while it lasts.
    check(outcome(show, device, "fan", {"type": "set", "on": True})["status"] == "executed", "fan")
    check(level(17) == 0 and level(22) == 1, told())
    stop(show, True)
    show.wait("the stop", lambda: level(17) == 1 and level(22) == 0)
    refused = outcome(show, device, "fan", {"type": "set", "on": True})
    check(refused["reason"] == "estopped", refused)
    stop(show, False)
    device_of(show, "gpio")

    # A killed agent writes nothing more; the next one takes the lines at their safe values first.
    outcome(show, device, "fan", {"type": "set", "on": True})
    check(level(17) == 0, told())
    agent = show.process("agent")
    agent.kill()
    agent.wait()
    show.forget("agent")
    check(level(17) == 0, told())
    seen = len(told())
    start(show, environment)
    device_of(show, "gpio")
    check(told()[seen] == "output 17 1", told()[seen:])
    check("set 17 0" not in told()[seen:], "what was done was done again")

    # The chip is unplugged: offline, its commands fail for good; and back it is the same device.
    (gpio / "chip").unlink()
    lost = outcome(show, device, "led", {"type": "level", "level_permille": 1000})
    check((lost["status"], lost["reason"]) == ("failed", "unplugged"), lost)
    show.wait("the device to be offline", lambda: condition(show, device) == "offline")
    (gpio / "chip").touch()
    show.wait("the device again", lambda: condition(show, device) == "armed")

    # Stopped it leaves its lines safe.
    outcome(show, device, "fan", {"type": "set", "on": True})
    check(level(17) == 0, told())
    agent = show.process("agent")
    agent.send_signal(signal.SIGTERM)
    check(agent.wait(timeout=30) == 0, "it did not end cleanly")
    show.forget("agent")
    check(level(17) == 1 and told()[-1].startswith("release"), told()[-6:])

    # What is not allowed is refused before anything is opened.
    board["channels"][0] = {"name": "fan", "kind": "motor", "line": 17, "max_on_ms": 1000}
    (show.agent_folder / "boards.json").write_text(json.dumps({"boards": [board]}))
    done = subprocess.run(
        [str(part) for part in show.agent_command("run", "--no-usb")], capture_output=True, text=True,
        env={**os.environ, **environment}, timeout=30)  # fmt: skip
    wanted = f"{show.agent_folder}/boards.json: boards[0].channels[0].kind: a motor is refused: "
    check(done.returncode == 10 and wanted in done.stderr, f"{done.returncode} {done.stderr}")
    done = subprocess.run(
        [str(part) for part in show.agent_command("doctor")], capture_output=True, text=True, timeout=60)
    check(done.returncode == 5 and wanted in done.stdout, f"{done.returncode} {done.stdout}")


def a_firmata_board_is_a_device(show):
    port, log = show.folder / "firmata", show.folder / "firmata-events.jsonl"

    def plug():
        board = show.start(
            "firmata",
            [sys.executable, PEERS / "fake_firmata.py", "--link", port, "--events", log],
            stdin=subprocess.PIPE,
        )  # fmt: skip
        show.wait("the Firmata board", port.exists)
        return board

    def last(pin, key):
        for line in reversed(log.read_text().splitlines()):
            event = json.loads(line)
            if event.get("pin") == pin:
                return event.get(key)
        return None

    plug()
    restart_agent(show, [{
        "driver": "firmata", "name": "lamps", "port": str(port), "uid": "00000000f1f1f1f1",
        "channels": [
            {"name": "glow", "kind": "light", "pin": 9, "max_on_ms": 60000},
            {"name": "arm", "kind": "servo", "pin": 10, "max_on_ms": 60000, "max_cdeg": 16000},
        ],
    }])  # fmt: skip
    show.board = device = device_of(show, "firmata")
    check(device["board_uid"] == "00000000f1f1f1f1", device)
    check(device["manifest"]["watchdog"] is False, device["manifest"])
    show.rule("shine", "glow", {"type": "level", "level_permille": 1000, "duration_ms": 0})
    before = len(show.ended())
    show.cue("shine")
    show.wait_for(before + 1)
    check(last(9, "duty") == 255, log.read_text())
    outcome(show, device, "arm", {"type": "target", "angle_cdeg": 4500})
    check(last(10, "angle") == 45, log.read_text())
    far = outcome(show, device, "arm", {"type": "target", "angle_cdeg": 17000})
    check(far["status"] == "rejected" and "0 to 16000" in far["detail"], far)

    stop(show, True)
    show.wait("the stop", lambda: last(9, "level") == 0 and last(10, "level") == 0)
    stop(show, False)
    device_of(show, "firmata")

    # Without a watchdog on the board, what was on stays on; the next agent ends it.
    show.cue("shine")
    show.wait("the light", lambda: last(9, "duty") == 255)
    agent = show.process("agent")
    agent.kill()
    agent.wait()
    show.forget("agent")
    check(last(9, "duty") == 255, "it went out by itself")
    start(show)
    device_of(show, "firmata")
    check(last(9, "level") == 0, log.read_text())

    # Unplugged and plugged in again it is the same device.
    show.process("firmata").kill()
    show.process("firmata").wait()
    show.forget("firmata")
    show.wait("the device to be offline", lambda: condition(show, device) == "offline")
    port.unlink()
    plug()
    show.wait("the device again", lambda: condition(show, device) == "armed")
    check(outcome(show, device, "glow", {"type": "off"})["status"] == "executed", "off")
