"""Real processes, killed, stopped and cut off; the invariants that must hold then.

Each case gets a stage of its own. Run by `make system-test`; a name as an argument runs one case."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Tests" / "Smoke"))

from smoke import board_events, commands_of, rising_edges, uncobs  # noqa: E402
from stage import API, PROGRAMS, Failure, Stage, WebSocket, free_port  # noqa: E402

CASES = []


def case(function):
    CASES.append(function)
    return function


class Show(Stage):
    """A stage with an agent, a board, one rule (`go` pulses the lamp) and a livestream."""

    def begin(self):
        self.start_control_plane()
        self.sign_in("sys@example.org", "sys", "a long pass phrase")
        self.space = self.workspace("System")
        self.start_board("host")
        self.pair_agent(self.space, "desk")
        self.start_agent()
        self.board = self.device(self.space)
        self.lamp = next(c for c in self.board["manifest"]["channels"] if c["name"] == "lamp")
        self.rule("go", "lamp", {"type": "pulse", "duration_ms": 10})
        self.live = self.api.post(f"/api/v1/workspaces/{self.space}/livestreams", {"title": "T"})["id"]
        self.cue()
        self.wait_for(1)

    def rule(self, word, channel, operation, **more):
        self.api.post(
            f"/api/v1/workspaces/{self.space}/rules",
            {
                "name": word,
                "trigger": {"type": "comment", "match": {"mode": "word", "text": word}},
                "actions": [
                    {"device_id": self.board["id"], "channel": channel, "operation": operation}
                ],
                **more,
            },
        )

    def cue(self, word="go"):
        self.api.post(f"/api/v1/livestreams/{self.live}/comments", {"text": word})

    def ended(self):
        return commands_of(self, self.space)

    def wait_for(self, count, status="executed"):
        def enough():
            try:
                return len([c for c in self.ended() if c["status"] == status]) >= count
            except (Failure, OSError):
                return False  # The database may be away just now.

        self.wait(f"{count} commands {status}", enough)

    def pulses(self):
        return len(rising_edges(board_events(self), f"D{self.lamp['pin']}"))

    def children(self, program):
        """The process ids of the control plane's children that run `program`."""
        parent = self.processes[0][1].pid
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                name = (entry / "comm").read_text().strip()
            except OSError:
                continue
            if int(fields[1]) == parent and name == program:
                found.append(int(entry.name))
        return found

    def process(self, name):
        return next(process for known, process in self.processes if known == name)

    def forget(self, name):
        self.processes = [entry for entry in self.processes if entry[0] != name]

    def restart_agent(self):
        self.forget("agent")
        self.start_agent()
        self.device(self.space)


def alive(pid):
    try:
        return (pathlib.Path(f"/proc/{pid}") / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def blocks_signals(pid):
    """Whether the process reads SIGINT and SIGTERM itself by now."""
    wanted = 1 << signal.SIGINT - 1 | 1 << signal.SIGTERM - 1
    for line in (pathlib.Path(f"/proc/{pid}") / "status").read_text().splitlines():
        if line.startswith("SigBlk:"):
            return int(line.split()[1], 16) & wanted == wanted
    return False


def is_estop(frame):
    """Whether a frame of the board's log is the link's ESTOP."""
    return uncobs(bytes.fromhex(frame))[:1] == b"\x07"


def check(condition, message):
    if not condition:
        raise Failure(message)


@case
def cues_go_on_while_postgresql_is_killed_and_all_are_logged(show):
    before = len(show.ended())
    victim = show.children("postgres")[0]
    for number in range(30):
        if number == 10:
            os.kill(victim, signal.SIGKILL)
        show.cue()
        time.sleep(0.05)  # The pace of the show, not a wait for something.
    show.wait_for(before + 30)
    check(show.pulses() == before + 30, f"{show.pulses()} pulses for {before + 30} cues")
    check(show.children("postgres") != [victim], "PostgreSQL was not started again")


@case
def a_killed_broker_returns_and_so_do_the_agents(show):
    victim = show.children("mosquitto")[0]
    os.kill(victim, signal.SIGKILL)
    show.wait("another broker", lambda: show.children("mosquitto") not in ([], [victim]))

    posted = 1

    def works():
        nonlocal posted
        show.cue()
        posted += 1
        return any(c["status"] == "executed" for c in show.ended()[1:])

    show.wait("a cue through the new broker", works)
    show.wait("every outcome", lambda: len(show.ended()) == posted)
    executed = [c for c in show.ended() if c["status"] == "executed"]
    lost = [c for c in show.ended() if c["reason"] == "no_answer"]
    check(not lost, f"{len(lost)} commands were lost with the broker's memory")
    check(show.pulses() == len(executed), f"{show.pulses()} pulses, {len(executed)} executed")


@case
def what_waits_for_a_broker_that_is_away_is_never_done_late(show):
    show.rule("soon", "lamp", {"type": "pulse", "duration_ms": 10}, guards={"deadline_ms": 500})
    pulses = show.pulses()
    broker = show.children("mosquitto")[0]
    os.kill(broker, signal.SIGSTOP)
    for _ in range(20):
        show.cue("soon")
    time.sleep(2)  # Four deadlines pass; nothing else can be awaited.
    os.kill(broker, signal.SIGCONT)
    show.wait("20 ends", lambda: len(show.ended()) >= 21)
    late = [c for c in show.ended()[1:] if c["status"] == "executed"]
    check(not late, f"{len(late)} commands were executed late")
    check(show.pulses() == pulses, "the lamp was pulsed late")


@case
def a_killed_agent_leaves_the_board_safe_and_comes_back(show):
    show.rule("hold", "relay1", {"type": "set", "on": True})
    show.cue("hold")
    show.wait_for(2)
    pin = next(c for c in show.board["manifest"]["channels"] if c["name"] == "relay1")["pin"]
    show.process("agent").kill()
    show.process("agent").wait()
    show.forget("agent")

    def released():
        """The board's time between the agent's last word and the release, in milliseconds."""
        events = board_events(show)
        levels = [event for event in events if event.get("pin") == f"D{pin}"]
        heard_us = [event["t_us"] for event in events if "uart_rx" in event][-1]
        return (levels[-1]["t_us"] - heard_us) / 1000 if levels[-1].get("level") != 1 else None

    took_ms = show.wait("the relay's release", released)
    check(450 <= took_ms <= 650, f"the relay was released after {took_ms} ms")
    show.restart_agent()
    show.cue()
    show.wait_for(3)


@case
def killed_and_restarted_agents_neither_lose_nor_double_what_they_accepted(show):
    for _ in range(5):
        for _ in range(4):
            show.cue()
        show.process("agent").kill()
        show.process("agent").wait()
        show.restart_agent()
    show.wait("every outcome", lambda: len(show.ended()) >= 21)
    executed = [c for c in show.ended() if c["status"] == "executed"]
    unknown = [c for c in show.ended() if c["status"] == "failed"]
    pulses = show.pulses()
    check(
        len(executed) <= pulses <= len(executed) + len(unknown),
        f"{pulses} pulses, {len(executed)} executed, {len(unknown)} unknown",
    )


@case
def an_estop_pressed_while_the_agent_is_away_is_obeyed_on_its_return(show):
    show.process("agent").kill()
    show.process("agent").wait()
    show.forget("agent")
    show.api.put(f"/api/v1/workspaces/{show.space}/stop")
    show.start_agent()

    def stopped():
        devices = show.api.get(f"/api/v1/workspaces/{show.space}/devices")
        return devices[0]["condition"] == "estopped" and devices[0]["stopped"]

    show.wait("the E-stop", stopped)
    pulses = show.pulses()
    show.cue()
    show.wait_for(1, "rejected")
    check(show.ended()[-1]["reason"] == "estopped", "refused for another reason")
    check(show.pulses() == pulses, "the lamp moved although stopped")
    show.api.delete(f"/api/v1/workspaces/{show.space}/stop")
    show.device(show.space)
    show.cue()
    show.wait_for(2)


@case
def an_estop_survives_the_control_planes_restart(show):
    show.api.put(f"/api/v1/workspaces/{show.space}/devices/{show.board['id']}/stop")
    control = show.process("cuelight")
    control.send_signal(signal.SIGTERM)
    check(control.wait(timeout=90) == 0, "the control plane did not stop cleanly")
    show.forget("cuelight")
    show.start_control_plane()
    show.processes.insert(0, show.processes.pop())
    show.sign_in("sys@example.org", "sys", "a long pass phrase")

    def stopped():
        devices = show.api.get(f"/api/v1/workspaces/{show.space}/devices")
        return devices and devices[0]["stopped"] and devices[0]["condition"] == "estopped"

    show.wait("the E-stop", stopped)


@case
def a_revoked_agent_is_cut_off_at_once(show):
    agent = show.api.get(f"/api/v1/workspaces/{show.space}/agents")[0]
    show.api.delete(f"/api/v1/workspaces/{show.space}/agents/{agent['id']}")
    show.cue()
    show.wait_for(1, "rejected")
    check(show.ended()[-1]["reason"] == "agent_offline", show.ended()[-1]["reason"])


@case
def a_killed_control_plane_leaves_nothing_running(show):
    children = show.children("postgres") + show.children("mosquitto")
    check(len(children) >= 2, "no children were found")
    show.process("cuelight").kill()
    show.process("cuelight").wait()
    show.forget("cuelight")
    end = time.monotonic() + 90
    while any(alive(pid) for pid in children):
        check(time.monotonic() < end, "children outlived the control plane")
        time.sleep(0.05)


@case
def a_second_control_plane_in_the_same_folder_is_refused(show):
    second = subprocess.run(
        [PROGRAMS / "cuelight", "up", "--data", show.folder / "data", "--listen", "127.0.0.1:0"],
        capture_output=True, text=True, timeout=90,
    )  # fmt: skip
    check(second.returncode == 1, f"it ended with {second.returncode}")
    check("another control plane" in second.stderr, second.stderr)


@case
def a_second_agent_with_the_same_state_is_refused(show):
    second = subprocess.run(
        [str(part) for part in show.agent_command("run")], capture_output=True, text=True, timeout=90
    )
    check(second.returncode != 0, "it ran")
    check("run" in second.stderr.lower(), f"unclear: {second.stderr}")


@case
def the_agents_commands_say_what_is_wrong_and_what_to_do(show):
    def ask(code, expected, *arguments, state=show.folder / "other", stdin=""):
        """One line on the standard error (after a misused command one more) with `expected` in it."""
        command = [PROGRAMS / "cuelight-agent", *arguments, "--state-dir", state]
        done = subprocess.run(
            [str(part) for part in command], capture_output=True, text=True, timeout=30, input=stdin
        )
        told = f"{' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        check(done.returncode == code, told)
        check(expected in done.stderr, f"no \"{expected}\" in {told}")
        check(len(done.stderr.splitlines()) == (2 if code == 64 else 1), told)

    def new_token():
        path = f"/api/v1/workspaces/{show.space}/agent-tokens"
        return show.api.post(path, {"name": "other"})["token"]

    def pair(code, expected, server=show.api.base, token="cla_unknown", **more):
        ask(code, expected, "pair", "--server", server, "--token", token, **more)

    pair(64, "https:// or http://", server=f"127.0.0.1:{show.http_port}")
    pair(64, "without a path", server=f"{show.api.base}/console/")
    pair(64, "no token", token="-")
    pair(1, "check that the server runs", server=f"http://127.0.0.1:{free_port()}")
    pair(1, "use http://", server=show.api.base.replace("http:", "https:"))
    pair(1, "unknown host", server="http://cue.invalid")
    pair(1, "Make a new token in the console")
    pair(1, "--state-dir", state="/dev/null/cuelight")
    ask(3, "cuelight-agent pair", "status")
    ask(3, "cuelight-agent pair", "run", "--no-usb")
    ask(64, "did you mean --no-usb?", "run", "--no-ubs")
    ask(64, "--baud must be one of", "run", "--baud", "1234")

    # Every failure above has left the token alone and the folder without a pairing.
    token = new_token()
    command = show.agent_command("pair", "--server", show.api.base + "/", "--token", "-")
    command[-1] = show.folder / "other"
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, input=f" {token} \r\n"
    )
    check(done.returncode == 0, done.stderr)
    pair(1, "--force")
    pair(1, "Make a new token in the console", token=token, state=show.folder / "third")
    ask(4, "start it", "status")

    # The show's own agent runs.
    ask(1, "stop it first", "run", "--no-usb", state=show.agent_folder)
    ask(1, "stop it first", "pair", "--server", show.api.base, "--token", new_token(), "--force",
        state=show.agent_folder)  # fmt: skip
    done = subprocess.run(
        [str(part) for part in show.agent_command("doctor", "--port", show.folder / "no-port")],
        capture_output=True, text=True,
    )  # fmt: skip
    check("no-port" in done.stdout and "it is not there" in done.stdout, done.stdout)


@case
def an_estop_pressed_behind_a_storm_of_cues_is_obeyed(show):
    gift = show.api.get("/api/v1/gifts")[0]["id"]
    action = {
        "device_id": show.board["id"],
        "channel": "lamp",
        "operation": {"type": "pulse", "duration_ms": 200},
    }
    for number in range(3):
        show.api.post(
            f"/api/v1/workspaces/{show.space}/rules",
            {
                "name": f"storm {number}",
                "trigger": {"type": "gift", "gift": {"firing": "each"}},
                "actions": [action] * 16,
            },
        )
    agent = show.process("agent")
    agent.send_signal(signal.SIGSTOP)
    show.api.post(f"/api/v1/livestreams/{show.live}/gifts", {"gift_id": gift, "count": 1000})
    show.api.put(f"/api/v1/workspaces/{show.space}/stop")
    awake_ns = time.monotonic_ns()
    agent.send_signal(signal.SIGCONT)

    def stopped():
        return show.api.get(f"/api/v1/workspaces/{show.space}/devices")[0]["condition"] == "estopped"

    show.wait("the E-stop", stopped)
    time.sleep(2)  # What must not happen cannot be awaited.
    # By the board's own clock, which stands still when this computer does.
    events = [event for event in board_events(show) if event["wall_ns"] >= awake_ns]
    words = [number for number, event in enumerate(events) if "uart_rx" in event]
    stop = next(number for number in words if is_estop(events[number]["uart_rx"]))
    took_ms = (events[stop]["t_us"] - events[words[0]]["t_us"]) / 1000
    check(took_ms <= 1000, f"the board heard of the E-stop {took_ms} ms after the agent's awaking")
    late = rising_edges(events[stop:], f"D{show.lamp['pin']}")
    check(not late, f"{len(late)} pulses after the E-stop")


@case
def frames_that_come_in_one_segment_all_count(show):
    viewer = API(show.api.base)
    fan = {"email": "fan@example.org", "password": "a long pass phrase"}
    viewer.post("/api/v1/accounts", {**fan, "handle": "fan", "display_name": "Fan"})
    token = viewer.post("/api/v1/sessions", fan)["access_token"]
    path = f"/api/v1/livestreams/{show.live}/socket"
    socket = WebSocket("127.0.0.1", show.http_port, path, token)
    frames = b"".join(
        socket.frame({"type": "comment", "text": f"together {number}"}) for number in range(20)
    )
    socket.socket.sendall(frames)

    def all_there():
        events = show.api.get(f"/api/v1/workspaces/{show.space}/livestreams/{show.live}/events")
        return len([e for e in events if "together" in e["happening"].get("text", "")]) == 20

    show.wait("20 comments", all_there)
    socket.close()


@case
def two_agents_with_one_identity_are_told_so_and_lose_nothing(show):
    copy = show.folder / "copy"
    shutil.copytree(
        show.agent_folder, copy, ignore=shutil.ignore_patterns("*.sock", "*.lock", "lock")
    )
    rival = [PROGRAMS / "cuelight-agent", "run", "--state-dir", copy, "--port", show.folder / "none"]
    show.start("rival", rival)

    def told():
        status = subprocess.run(
            [str(part) for part in show.agent_command("status")], capture_output=True, text=True
        )
        return "same identity" in status.stdout

    show.wait("the agent to tell of its rival", told)
    check("same identity" in show.log("agent", 20_000), "it is not in the log")
    show.process("rival").terminate()
    show.process("rival").wait()
    show.forget("rival")

    def works():
        show.cue()
        return any(c["status"] == "executed" for c in show.ended()[1:])

    show.wait("a cue after the rival has gone", works)


@case
def a_board_that_is_pulled_and_plugged_again_works_again(show):
    show.process("board").kill()
    show.process("board").wait()
    show.forget("board")

    def offline():
        devices = show.api.get(f"/api/v1/workspaces/{show.space}/devices")
        return devices[0]["condition"] == "offline"

    show.wait("the board to be offline", offline)
    show.cue()
    show.wait_for(1, "rejected")
    show.board_link.unlink(missing_ok=True)
    show.start_board("host")
    device = show.device(show.space)
    check(device["id"] == show.board["id"], "the board came back as another device")
    show.cue()
    show.wait_for(2)


@case
def a_replay_plays_to_its_end_and_stops_when_asked(show):
    show.api.post(
        f"/api/v1/workspaces/{show.space}/rules",
        {
            "name": "gift",
            "trigger": {"type": "gift", "gift": {"firing": "increment"}},
            "actions": [
                {
                    "device_id": show.board["id"],
                    "channel": "lamp",
                    "operation": {"type": "pulse", "duration_ms": 5},
                }
            ],
        },
    )
    live = show.api.post(
        f"/api/v1/workspaces/{show.space}/livestreams", {"title": "R", "source": "replay"}
    )["id"]
    capture = ROOT / "Tests" / "Golden" / "captures" / "demo.capture"
    command = [
        PROGRAMS / "cuelight", "replay", capture, "--livestream", live, "--server", show.api.base,
        "--token", show.api.token,
    ]  # fmt: skip
    whole = subprocess.run([*command, "--speed", "100"], capture_output=True, text=True, timeout=180)
    check(whole.returncode == 0, whole.stderr)
    check(" frames, " in whole.stdout and not whole.stdout.startswith("0 "), whole.stdout)
    show.wait_for(5)
    for number in (signal.SIGINT, signal.SIGTERM):
        playing = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        show.wait("the replay to listen to signals", lambda: blocks_signals(playing.pid))
        playing.send_signal(number)
        try:
            check(playing.wait(timeout=90) == 130, f"it ended with {playing.returncode}")
        except subprocess.TimeoutExpired:
            playing.kill()
            raise Failure("it did not stop") from None


def run(function):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="cuelight-system-", dir="/tmp"))
    folder.chmod(0o755)
    show = Show(folder)
    try:
        show.begin()
        function(show)
        problem = None
    except Exception as error:  # noqa: BLE001  Every failure of a case is told alike.
        problem = str(error) if isinstance(error, Failure) else traceback.format_exc()
        for name, _ in show.processes:
            problem += f"\n--- {name}\n{show.log(name, 1500)}"
    finally:
        show.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return problem


def main():
    wanted = sys.argv[1:]
    failed = passed = 0
    for function in CASES:
        if wanted and function.__name__ not in wanted:
            continue
        start = time.monotonic()
        problem = run(function)
        name = function.__name__.replace("_", " ")
        seconds = time.monotonic() - start
        if problem:
            failed += 1
            print(f"FAILED ({seconds:.1f} s)  {name}\n{problem}", flush=True)
        else:
            passed += 1
            print(f"passed ({seconds:.1f} s)  {name}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
