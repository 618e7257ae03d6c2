"""The demo: control plane with its services, an agent, a simulated Uno, rules, and a livestream
that plays by itself. Ctrl-C stops everything. Python's standard library only."""

import json
import os
import pathlib
import random
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "Tests" / "Smoke"))

from stage import PROGRAMS, Failure, Stage  # noqa: E402

CAPTURE = ROOT / "Tests" / "Golden" / "captures" / "demo.capture"
COMMENTS = ["hello there", "spin it please", "what a stage!", "lights on", "SPIN!", "first time here"]
RULES = [
    {
        "name": "Comment “spin” turns the servo",
        "trigger": {"type": "comment", "match": {"mode": "word", "text": "spin"}},
        "channel": "servo",
        "operation": {"type": "target", "angle_cdeg": 15000, "hold_ms": 700},
    },
    {
        "name": "Comment “lights” fills the strip",
        "trigger": {"type": "comment", "match": {"mode": "contains", "text": "light"}},
        "channel": "strip",
        "operation": {"type": "fill", "color": "#ff8800", "duration_ms": 1500},
    },
    {
        "name": "Each Rose flashes the lamp",
        "trigger": {"type": "gift", "gift": {"gift_id": 5655, "firing": "each"}},
        "channel": "lamp",
        "operation": {"type": "pulse", "duration_ms": 60},
    },
    {
        "name": "A gift of 100 coins or more closes the relay",
        "trigger": {"type": "gift", "gift": {"coins_min": 100, "firing": "increment"}},
        "channel": "relay1",
        "operation": {"type": "pulse", "duration_ms": 800},
    },
    {
        "name": "A follow sounds the buzzer",
        "trigger": {"type": "follow"},
        "channel": "buzzer",
        "operation": {"type": "tone", "frequency_hz": 880, "duration_ms": 120},
    },
]


def folder():
    """Beside other data of the user; for root where others may enter."""
    chosen = os.environ.get("CUELIGHT_DEMO_FOLDER")
    if chosen:
        return pathlib.Path(chosen)
    if os.getuid() == 0:
        return pathlib.Path("/var/lib/cuelight-demo")
    home = os.environ.get("XDG_DATA_HOME") or pathlib.Path.home() / ".local" / "share"
    return pathlib.Path(home) / "cuelight-demo"


def is_taken(port):
    """Whether somebody listens there; what a closed connection leaves behind does not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def credentials(place):
    """The demo's own account; its pass phrase is made up once and kept for the owner alone."""
    path = place / "login.json"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(json.dumps({"password": secrets.token_urlsafe(18)}))
    return json.loads(path.read_text())["password"]


def make_rules(stage, workspace, device):
    known = {rule["name"] for rule in stage.api.get(f"/api/v1/workspaces/{workspace}/rules")}
    for rule in RULES:
        if rule["name"] in known:
            continue
        action = {
            "device_id": device["id"],
            "channel": rule["channel"],
            "operation": rule["operation"],
        }
        body = {"name": rule["name"], "trigger": rule["trigger"], "actions": [action]}
        stage.api.post(f"/api/v1/workspaces/{workspace}/rules", body)


def livestream(stage, workspace, title, source):
    path = f"/api/v1/workspaces/{workspace}/livestreams"
    for known in stage.api.get(path):
        if known["title"] == title and known.get("ended_at_ms") is None:
            stage.api.post(f"{path}/{known['id']}/end")
    return stage.api.post(path, {"title": title, "source": source})["id"]


def play_capture(stage, identifier, stop):
    """The synthetic LIVE, again and again."""
    while not stop.is_set():
        show = subprocess.Popen(
            [PROGRAMS / "cuelight", "replay", CAPTURE, "--livestream", identifier,
             "--server", stage.api.base, "--token", stage.api.token],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        while show.poll() is None:
            if stop.wait(0.2):
                show.kill()  # It holds nothing that must be put away.
                show.wait()
        stop.wait(5)


def play_comments(stage, identifier, stop):
    while not stop.wait(random.uniform(3, 6)):
        try:
            stage.api.post(
                f"/api/v1/livestreams/{identifier}/comments", {"text": random.choice(COMMENTS)}
            )
        except (Failure, OSError):
            pass  # The next one is soon.


def keep_signed_in(stage, password, stop):
    """Access tokens last a quarter of an hour."""
    while not stop.wait(600):
        try:
            stage.sign_in("demo@cuelight.local", "demo", password)
        except (Failure, OSError):
            pass  # Tried again in ten minutes; what plays meanwhile is refused.


def main():
    place = folder()
    place.mkdir(parents=True, exist_ok=True)
    place.chmod(0o755)
    http_port = int(os.environ.get("CUELIGHT_DEMO_PORT", "8080"))
    for port in (http_port, http_port + 1):
        # Without this it would talk to another demo and end that one's livestreams.
        if is_taken(port):
            print(
                f"port {port} is taken; does the demo run already? CUELIGHT_DEMO_PORT sets another",
                file=sys.stderr,
            )
            return 1
    stage = Stage(place, http_port=http_port, mqtt_port=http_port + 1)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    players = []
    code = 0
    try:
        print("starting the control plane, PostgreSQL and Mosquitto …")
        stage.start_control_plane()
        password = credentials(place)
        stage.sign_in("demo@cuelight.local", "demo", password)
        workspace = stage.workspace("Demo stage")
        print("starting the simulated Uno and the agent …")
        stage.start_board()
        stage.pair_agent(workspace, "demo desk")
        stage.start_agent()
        device = stage.device(workspace)
        make_rules(stage, workspace, device)
        native = livestream(stage, workspace, "Demo: our own LIVE", "native")
        replayed = livestream(stage, workspace, "Demo: a synthetic TikTok LIVE", "replay")
        for target, arguments in (
            (play_capture, (stage, replayed, stop)),
            (play_comments, (stage, native, stop)),
            (keep_signed_in, (stage, password, stop)),
        ):
            player = threading.Thread(target=target, args=arguments, daemon=True)
            player.start()
            players.append(player)
        login = stage.api.post("/api/v1/me/login-codes")
        print(f"\nThe console, signed in once by this link:\n\n  {stage.api.base}/#login={login['code']}\n")
        print(f"Everything is kept in {place}. Ctrl-C stops it all.")
        while True:
            time.sleep(1)
            for name, process in stage.processes:
                if process.poll() is not None:
                    raise Failure(f"{name} ended:\n{stage.log(name)}")
    except KeyboardInterrupt:
        print("\nstopping …")
    except Failure as failure:
        print(failure, file=sys.stderr)
        code = 1
    stop.set()
    for player in players:
        player.join(timeout=5)
    for complaint in stage.stop():
        print(complaint, file=sys.stderr)
    print("stopped")
    return code


if __name__ == "__main__":
    sys.exit(main())
