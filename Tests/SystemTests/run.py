"""Real processes, killed, stopped and cut off; the invariants that must hold then.

Each case gets a stage of its own. Run by `make system-test`; a name as an argument runs one case."""

import base64
import contextlib
import fcntl
import hmac
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Tests" / "Smoke"))

import fault_cases  # noqa: E402
import flashing  # noqa: E402
import other_boards  # noqa: E402
import sequences  # noqa: E402
from faults import Outputs, Table, broker_away, check, fault  # noqa: E402
from pins import duty, level, pin, risings  # noqa: E402
from smoke import board_events, commands_of, rising_edges, uncobs  # noqa: E402
from stage import API, BUILD, PROGRAMS, Failure, Stage, WebSocket, die_with_parent, free_port  # noqa: E402
from testbed import Machine  # noqa: E402

CASES = fault_cases.CASES
# Types of frames, as docs/link.md numbers them.
ESTOP, ACK, EVENT = b"\x07", b"\x80", b"\xa0"


def case(function):
    CASES.append(function)
    return function


def made_up_machine(way):
    """A case whose agent runs in a made-up machine and finds its boards there, by that way."""

    def decorate(function):
        function.way = way
        return case(function)

    return decorate


class Show(Stage):
    """A stage with an agent, a board, one rule (`go` pulses the lamp) and a livestream."""

    machine = None

    def __init__(self, folder):
        super().__init__(folder)
        self.found = {}

    def measured(self, fault, text):
        """A promise of the fault table was found kept."""
        self.found[fault] = text

    def outputs(self):
        """What the outputs of each board have done. A bootloader blinks the lamp's pin."""
        found = {}
        for path in self.folder.glob("*-events.jsonl*"):
            board = path.name.split("-events")[0]
            loaded = (self.folder / f"{board}.flash").exists()
            events = []
            for line in path.read_text().splitlines():
                with contextlib.suppress(ValueError):
                    events.append(json.loads(line))
            found[path.name] = Outputs(events, ["D13"] if loaded else [])
        return found

    def begin(self, way=None):
        self.start_control_plane()
        self.sign_in("sys@example.org", "sys", "a long pass phrase")
        self.space = self.workspace("System")
        self.start_board("host")
        self.pair_agent(self.space, "desk")
        if way:
            self.way = "files" if way == "auto" else way
            self.machine = Machine()
            self.start("agent", self.agent_command("run", "--port-watch", way),
                       environment=self.machine.environment)  # fmt: skip
            self.plug("ttyACM0")
        else:
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

    def expired(self, token, hours):
        """The same access token as if it had expired so many hours ago."""
        kept = (self.folder / "data" / "keys" / "access-token-key").read_text().strip()

        def decoded(text):
            return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

        def encoded(data):
            return base64.urlsafe_b64encode(data).decode().rstrip("=")

        fields = decoded(token.split(".")[1]).decode().split("|")
        fields[3] = str(int(time.time() * 1000) - hours * 3_600_000)
        body = "v1." + encoded("|".join(fields).encode())
        code = hmac.digest(decoded(kept), f"access.{body}".encode(), "sha256")
        return f"{body}.{encoded(code)}"

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

    def plug(self, name, board="board"):
        self.machine.tell("plug", name, os.readlink(self.folder / board))

    def status(self):
        """What `cuelight-agent status` says."""
        command = [str(part) for part in self.agent_command("status", "--json")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def port(self, name):
        """How the agent sees a port; None if it does not."""
        status = self.status()
        return next((p for p in status["ports"] if p["path"] == f"/dev/{name}"), None)

    def condition(self):
        """How the first device is."""
        return self.api.get(f"/api/v1/workspaces/{self.space}/devices")[0]["condition"]

    def tell_board(self, line, board="board"):
        """A control line of the simulator."""
        process = self.process(board)
        process.stdin.write(f"{line}\n".encode())
        process.stdin.flush()

    def stop(self):
        complaints = super().stop()
        if self.machine:
            self.machine.end()
        return complaints

    def stop_heard(self, path, agents):
        """Presses the E-stop. All these agents obey; who has not said so by the answer says it soon."""
        told = self.api.put(path)
        check(self.api.status == (202 if told["unconfirmed"] else 200), f"{self.api.status}: {told}")
        check(names(told["confirmed"] + told["unconfirmed"]) == agents and told["stopped"], f"{told}")
        self.wait("the agents' word", lambda: all(self.agents()[name]["stop_confirmed"] for name in agents))
        return told

    def command(self, device, channel, operation):
        path = f"/api/v1/workspaces/{self.space}/devices/{device['id']}/commands"
        return self.api.post(path, {"channel": channel, "operation": operation})["command_id"]

    def agents(self):
        return {one["name"]: one for one in self.api.get(f"/api/v1/workspaces/{self.space}/agents")}

    def process(self, name):
        return next(process for known, process in self.processes if known == name)

    def forget(self, name):
        self.processes = [entry for entry in self.processes if entry[0] != name]

    def like(self, count):
        """So many likes, in deeds of at most 15."""
        for start in range(0, count, 15):
            self.api.post(
                f"/api/v1/livestreams/{self.live}/likes", {"count": min(15, count - start)}
            )

    def sql(self, query):
        """What the embedded database answers, as text."""
        done = subprocess.run(
            [
                "psql", "-h", str(self.folder / "data" / "run"), "-U", "cuelight", "-d", "cuelight",
                "-tAc", query,
            ],
            capture_output=True, text=True,
        )  # fmt: skip
        check(done.returncode == 0, done.stderr)
        return done.stdout.strip()

    def restart_control_plane(self, number):
        """Ends it by a signal, and starts another that holds the livestream."""
        control = self.process("cuelight")
        control.send_signal(number)
        check(control.wait(timeout=60) in (0, -number), f"it ended with {control.returncode}")
        self.forget("cuelight")
        self.start_control_plane()
        self.processes.insert(0, self.processes.pop())
        self.sign_in("sys@example.org", "sys", "a long pass phrase")

        def held():
            try:
                self.api.post(f"/api/v1/livestreams/{self.live}/shares")
                return True
            except Failure:
                return False  # The lease of a killed process must run out first.

        self.wait("the livestream", held)

    def restart_agent(self):
        self.forget("agent")
        self.start_agent()
        self.device(self.space)


def ask(show, *arguments, code=0):
    """What the agent's program prints, standard error included."""
    command = [str(part) for part in arguments]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    check(done.returncode == code, f"{command}: {done.returncode}\n{done.stdout}")
    return done.stdout


class ServiceManager:
    """What systemd is for a service of Type=notify: it hears how the agent is."""

    def __init__(self, folder, watchdog_ms):
        self.path = str(folder / "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.environment = {"NOTIFY_SOCKET": self.path, "WATCHDOG_USEC": str(watchdog_ms * 1000)}

    def hear(self, seconds=60):
        """The assignments of the next datagram."""
        self.socket.settimeout(seconds)
        try:
            text = self.socket.recv(4096).decode()
        except (TimeoutError, BlockingIOError):
            return {}
        return dict(line.split("=", 1) for line in text.split("\n"))

    def hear_until(self, key, value):
        while True:
            told = self.hear()
            check(told, f"{key}={value} was not said")
            if value in told.get(key, ""):
                return told

    def forget(self):
        while self.hear(seconds=0):
            pass


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


def names(agents):
    return sorted(agent["name"] for agent in agents)


def body_of(frame):
    """Type, sequence number, payload and checksum of a frame in the board's log."""
    return uncobs(bytes.fromhex(frame))


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


@fault("agent gone", "killed with a relay on", "outputs safe within 600 ms by the board's clock; it comes back")
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
    check(450 <= took_ms <= 600, f"the relay was released after {took_ms} ms")
    show.restart_agent()
    show.cue()
    show.wait_for(3)
    show.measured("agent gone", f"off after {took_ms:.0f} ms")


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
    # Too long for a name, so that no name server is asked, which may be far away or none.
    pair(1, "unknown host", server=f"http://{'c' * 64}.invalid")
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
    events = [event for event in board_events(show) if event["wall_ns"] >= awake_ns]
    words = [number for number, event in enumerate(events) if "uart_rx" in event]
    stop = next(number for number in words if body_of(events[number]["uart_rx"])[:1] == ESTOP)
    # An agent that did what waits first would do all the 32 that wait for a channel.
    early = rising_edges(events[:stop], f"D{show.lamp['pin']}")
    print(f"  {len(early)} pulses and {(events[stop]['t_us'] - events[words[0]]['t_us']) / 1000:.0f} ms before the E-stop")
    check(len(early) <= 16, f"{len(early)} pulses before the E-stop")
    # What came in one piece with the E-stop, ahead of it, is done before it.
    answer = ACK + body_of(events[stop]["uart_rx"])[1:2]
    done = next(
        number
        for number, event in enumerate(events)
        if number > stop and body_of(event.get("uart_tx", ""))[:2] == answer
    )
    late = rising_edges(events[done:], f"D{show.lamp['pin']}")
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
    check("0 refused, 0 messages left out, 0 implausible" in whole.stdout, whole.stdout)
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


@case
def an_estop_behind_a_frozen_broker_says_that_nobody_has_confirmed_it(show):
    stop = f"/api/v1/workspaces/{show.space}/stop"
    show.command(show.board, "lamp", {"type": "set", "on": True})
    show.wait("the lamp", lambda: level(show, show.board, "lamp") == 1)
    with show.frozen("mosquitto"):
        told = show.api.put(stop)
        check(show.api.status == 202, f"{show.api.status}")
        check(names(told["unconfirmed"]) == ["desk"] and not told["confirmed"], f"{told}")
        check(told["stopped"] and not told["offline"], f"{told}")
        check(not show.agents()["desk"]["stop_confirmed"], "the agent's word is made up")
    show.wait("the agent's word", lambda: show.agents()["desk"]["stop_confirmed"])
    show.wait("the lamp to go off", lambda: level(show, show.board, "lamp") == 0, seconds=20)

    told = show.stop_heard(stop, ["desk"])
    check(told["kept"], f"{told}")
    with show.frozen("mosquitto"):
        told = show.api.delete(stop)
        check(show.api.status == 202 and names(told["unconfirmed"]) == ["desk"], f"{told}")
        check(not told["stopped"], f"{told}")
    show.wait("the agent's word", lambda: show.agents()["desk"]["stop_confirmed"])
    show.device(show.space)

    show.process("agent").kill()
    show.process("agent").wait()
    show.forget("agent")
    show.wait("the agent to be offline", lambda: not show.agents()["desk"]["online"])
    told = show.api.put(stop)
    check(show.api.status == 200 and names(told["offline"]) == ["desk"], f"{told}")


@case
def an_agent_killed_before_a_full_queue_obeys_the_estop_before_anything_else(show):
    gift = show.api.get("/api/v1/gifts")[0]["id"]
    for number, channel in enumerate(["lamp", "relay1", "relay2"]):
        action = {
            "device_id": show.board["id"],
            "channel": channel,
            "operation": {"type": "pulse", "duration_ms": 20},
        }
        show.api.post(
            f"/api/v1/workspaces/{show.space}/rules",
            {
                "name": f"storm {number}",
                "trigger": {"type": "gift", "gift": {"firing": "each"}},
                "guards": {"deadline_ms": 60_000},
                "actions": [action] * 16,
            },
        )
    agent = show.process("agent")
    agent.send_signal(signal.SIGSTOP)
    show.api.post(f"/api/v1/livestreams/{show.live}/gifts", {"gift_id": gift, "count": 12})

    def is_full():
        return any(one["reason"] == "too_many_commands" for one in show.ended())

    show.wait("a full queue", is_full)
    told = show.api.put(f"/api/v1/workspaces/{show.space}/stop")
    check(names(told["unconfirmed"]) == ["desk"], f"{told}")
    agent.kill()
    agent.wait()
    show.forget("agent")
    edges = risings(show, show.board)
    show.start_agent()

    def obeyed():
        desk = show.agents()["desk"]
        devices = show.api.get(f"/api/v1/workspaces/{show.space}/devices")
        return desk["online"] and desk["stop_confirmed"] and devices[0]["condition"] == "estopped"

    show.wait("the E-stop", obeyed)
    refused = {"estopped", "queue_full"}

    def answered():
        ends = [one for one in show.ended()[1:] if one["reason"] != "too_many_commands"]
        return len(ends) == 400 and all(one["reason"] in refused for one in ends)

    show.wait("the end of all 400", answered)
    check(risings(show, show.board) == edges, "something moved although stopped")
    show.api.delete(f"/api/v1/workspaces/{show.space}/stop")
    show.device(show.space)
    show.cue()
    show.wait_for(2)
    check(risings(show, show.board) == edges + 1, "something moved that had been stopped")


@case
def an_estop_while_postgresql_is_frozen_acts_and_says_that_it_is_not_written_down(show):
    stop = f"/api/v1/workspaces/{show.space}/stop"
    friend, stranger = API(show.api.base), API(show.api.base)
    for name, api in (("friend", friend), ("stranger", stranger)):
        person = {"email": f"{name}@example.org", "password": "a long pass phrase"}
        show.api.post("/api/v1/accounts", {**person, "handle": name, "display_name": name})
        api.token = show.api.post("/api/v1/sessions", person)["access_token"]
    show.api.put(f"/api/v1/workspaces/{show.space}/members/friend", {"role": "operator"})
    show.command(show.board, "lamp", {"type": "set", "on": True})
    show.wait("the lamp", lambda: level(show, show.board, "lamp") == 1)
    show.wait_for(2)
    # An hour later nobody's access token is good any more, and nobody gets a new one.
    late, too_late = show.expired(friend.token, hours=1), show.expired(friend.token, hours=13)
    for token, method in ((too_late, "PUT"), (late, "DELETE")):
        lapsed_api = API(show.api.base)
        lapsed_api.token = token
        try:
            lapsed_api.call(method, stop)
            raise Failure(f"{method} with a token that has expired was answered")
        except Failure as failure:
            check(" 401 " in str(failure), str(failure))
    with show.frozen("postgres"):
        # The friend has never called before, and may all the same.
        friend.token = late
        told = friend.put(stop)
        check(friend.status == 202, f"{friend.status}")
        check(names(told["confirmed"] + told["unconfirmed"]) == ["desk"], f"{told}")
        check(told["stopped"] and not told["kept"], f"{told}")
        show.wait("the lamp to go off", lambda: level(show, show.board, "lamp") == 0, seconds=20)
        for api, method, path, body in (
            (stranger, "PUT", stop, None),
            (show.api, "DELETE", stop, None),
            (
                show.api,
                "POST",
                f"/api/v1/workspaces/{show.space}/devices/{show.board['id']}/commands",
                {"channel": "lamp", "operation": {"type": "pulse", "duration_ms": 10}},
            ),
        ):
            try:
                api.call(method, path, body)
                raise Failure(f"{method} {path} was answered although the database is frozen")
            except Failure as failure:
                check(" 503 " in str(failure) and "database_away" in str(failure), str(failure))
    # It is written down by itself, with who pressed it.
    show.wait("the stop's record", lambda: show.api.get(f"{stop}s")[0].get("stopped_by"))
    check(show.stop_heard(stop, ["desk"])["kept"], "it is not written down")
    check(risings(show, show.board) == 2, "the command that was refused has moved something")


@case
def a_command_by_hand_is_done_once_for_its_key_whatever_the_database_does(show):
    path = f"/api/v1/workspaces/{show.space}/devices/{show.board['id']}/commands"
    body = {"channel": "lamp", "operation": {"type": "pulse", "duration_ms": 10}}
    pulses = show.pulses()
    with show.frozen("postgres"):
        try:
            show.api.call("POST", path, body, key="once")
            raise Failure("it was answered although the database is frozen")
        except Failure as failure:
            check(" 503 " in str(failure) and "database_away" in str(failure), str(failure))
    check(show.pulses() == pulses, "a command that was refused has moved the lamp")

    def take(key):
        try:
            return show.api.call("POST", path, body, key=key)["data"]["command_id"]
        except Failure as failure:
            # The database may be coming back just now, and the key be held for the first try.
            check(" 503 " in str(failure) or "in_progress" in str(failure), str(failure))
            return None

    taken = {take("once") for _ in range(3)} - {None}
    taken.add(show.wait("another key to be taken", lambda: take("twice")))
    check(len({take("twice") for _ in range(3)} | taken) == len(taken), "a repeat was another command")
    show.wait_for(1 + len(taken))
    check(show.pulses() == pulses + len(taken), f"{show.pulses() - pulses} pulses for {taken}")


@case
def an_estop_reaches_every_board_of_every_agent_and_only_those_it_is_of(show):
    # The desk gets a second board, and a second agent has an Uno with a motor.
    show.process("agent").terminate()
    check(show.process("agent").wait(timeout=30) == 0, "the agent did not end cleanly")
    show.forget("agent")
    show.start_board("host", "board-2")
    show.start_board("avr", "board-3")
    show.start_agent(boards=("board", "board-2"))
    folder = show.folder / "agent-2"
    show.pair_agent(show.space, "stand", folder)
    show.start_agent("agent-2", folder, ("board-3",))

    def armed():
        devices = show.api.get(f"/api/v1/workspaces/{show.space}/devices")
        ready = [device for device in devices if device["condition"] == "armed"]
        return ready if len(ready) == 3 else None

    devices = show.wait("three armed boards", armed)
    stand = show.agents()["stand"]["id"]
    uno = next(device for device in devices if device["agent_id"] == stand)
    second = next(d for d in devices if d["agent_id"] != stand and d["id"] != show.board["id"])
    stage = [(show.board, "board"), (second, "board-2"), (uno, "board-3")]
    for device, board in stage:
        show.command(device, "lamp", {"type": "set", "on": True})
        show.wait(f"the lamp of {board}", lambda: level(show, device, "lamp", board) == 1)

    one = f"/api/v1/workspaces/{show.space}/devices/{second['id']}/stop"
    show.stop_heard(one, ["desk"])
    show.wait("its lamp to go off", lambda: level(show, second, "lamp", "board-2") == 0)
    show.command(show.board, "relay1", {"type": "pulse", "duration_ms": 10})
    show.wait("the other board", lambda: level(show, show.board, "relay1") is not None)
    for device, board in (stage[0], stage[2]):
        check(level(show, device, "lamp", board) == 1, f"{board} was stopped as well")
    show.api.delete(one)
    show.wait("three armed boards", armed)

    show.command(second, "lamp", {"type": "set", "on": True})
    show.wait("the lamp", lambda: level(show, second, "lamp", "board-2") == 1)
    for device, board in (stage[0], stage[2]):
        show.command(device, "motor", {"type": "drive", "speed_permille": 600})
        show.wait(f"the motor of {board}", lambda: duty(show, device, "motor", board))
    show.stop_heard(f"/api/v1/workspaces/{show.space}/stop", ["desk", "stand"])
    for device, board in stage:
        show.wait(f"{board} to go off", lambda: level(show, device, "lamp", board) == 0, seconds=10)
    for device, board in (stage[0], stage[2]):
        show.wait(f"the motor of {board} to stop", lambda: duty(show, device, "motor", board) == 0)
    moved = [risings(show, device, board) for device, board in stage]
    for device, _ in stage:
        show.command(device, "lamp", {"type": "set", "on": True})
    show.wait_for(3, "rejected")
    check(moved == [risings(show, d, board) for d, board in stage], "a stopped board moved")


@case
def likes_and_milestones_go_on_after_the_control_planes_restart(show):
    show.api.post(
        f"/api/v1/workspaces/{show.space}/rules",
        {
            "name": "ten",
            "trigger": {"type": "like_milestone", "every": 10},
            "actions": [
                {
                    "device_id": show.board["id"],
                    "channel": "lamp",
                    "operation": {"type": "pulse", "duration_ms": 5},
                }
            ],
        },
    )
    gift = show.api.get("/api/v1/gifts")[0]
    show.api.post(f"/api/v1/livestreams/{show.live}/gifts", {"gift_id": gift["id"], "count": 3})
    show.like(1)  # Where counting begins.
    show.like(24)
    show.wait_for(3)  # The cue of `begin`, 10 and 20.
    stands = {"likes": 25, "coins": 3 * gift["coins"]}

    def shown():
        live = show.api.get(f"/api/v1/livestreams/{show.live}")
        return {name: live[name] for name in stands}

    show.restart_control_plane(signal.SIGTERM)
    check(shown() == stands, f"after a stop: {shown()}, before: {stands}")
    show.device(show.space)
    show.like(4)  # 29: nothing new.
    show.like(1)  # 30
    show.wait_for(4)
    stands["likes"] = 30

    # What a killed process had written by then is read from its database.
    show.wait("the totals to be written", lambda: show.sql(
        f"SELECT likes_own FROM live.livestream WHERE id = '{show.live}'") == "30")  # fmt: skip
    show.restart_control_plane(signal.SIGKILL)
    check(shown() == stands, f"after a kill: {shown()}, before: {stands}")
    show.device(show.space)
    show.like(30)  # 40 lies within the margin of a kill and does not come; 50 and 60 do.
    show.wait_for(6)
    check(show.pulses() == 6, f"{show.pulses()} pulses")


def press(show, level, board="board-2"):
    """A tester's finger on the button of a simulated board."""
    show.process(board).stdin.write(f"button {level}\n".encode())
    show.process(board).stdin.flush()


def bounce(show, board="board-2"):
    """A contact that bounces for less than the 10 ms that the board waits, by its own clock: that stands still after each 2 ms until
    this goes on, however long that takes."""
    for level in (1, 0, 1, 0):
        show.tell_board(f"run 2\nbutton {level}", board)
        time.sleep(0.001)
    show.tell_board("run 1000000000", board)


@case
def a_button_of_one_board_pulses_the_lamp_of_another_and_an_old_press_never_does(show):
    show.process("agent").terminate()
    check(show.process("agent").wait(timeout=30) == 0, "the agent did not end cleanly")
    show.forget("agent")
    show.start_board("host", "board-2")
    show.start_agent(boards=("board", "board-2"))

    def armed():
        devices = show.api.get(f"/api/v1/workspaces/{show.space}/devices")
        return devices if [one["condition"] for one in devices] == ["armed"] * 2 else None

    second = next(d for d in show.wait("two armed boards", armed) if d["id"] != show.board["id"])
    # Nothing of a livestream is needed.
    show.api.post(f"/api/v1/workspaces/{show.space}/livestreams/{show.live}/end")
    button = {"device_id": second["id"], "channel": "button", "condition": "pressed"}
    action = {"device_id": show.board["id"], "channel": "lamp",
              "operation": {"type": "pulse", "duration_ms": 10}}  # fmt: skip
    rules = f"/api/v1/workspaces/{show.space}/rules"
    show.api.post(rules, {"name": "ring", "trigger": {"type": "input", "input": button},
                          "actions": [action]})  # fmt: skip
    before = show.pulses()

    def said():
        device = next(d for d in show.api.get(f"/api/v1/workspaces/{show.space}/devices")
                      if d["id"] == second["id"])  # fmt: skip
        return {one["channel"]: one["value"] for one in device["inputs"]}.get("button")

    def tap():
        press(show, 1)
        show.wait("the press", lambda: said() == 1)
        press(show, 0)
        show.wait("the release", lambda: said() == 0)

    for number in range(1, 6):
        bounce(show)
        tap()
        show.wait(f"pulse {number}", lambda: show.pulses() == before + number)
    show.wait_for(1 + 5)
    command = show.ended()[-1]
    trace = command["trace"]
    stamps = [trace[name] for name in ("input_ns", "arrived_ns", "matched_ns", "published_ns",
                                       "received_ns", "written_ns", "acknowledged_ns")]  # fmt: skip
    check(trace["input_clock"] == trace["clock"] == trace["agent_clock"], f"{trace}")
    check(stamps == sorted(stamps) and stamps[0] > 0, f"{trace}")

    # A press that comes when it is too late is shown and moves nothing.
    with show.frozen("mosquitto"):
        seen = len(board_events(show, "board-2"))
        press(show, 1)
        show.wait("the board to tell", lambda: any(
            body_of(event.get("uart_tx", ""))[:1] == EVENT for event in board_events(show, "board-2")[seen:]))  # fmt: skip
        time.sleep(6)  # The life of a press passes; nothing else can be awaited.
    show.wait("the late press", lambda: said() == 1)
    press(show, 0)
    show.wait("the release", lambda: said() == 0)
    tap()
    show.wait("a new press", lambda: show.pulses() >= before + 6)

    # A stopped lamp stays dark, and the press is answered for.
    show.api.put(f"/api/v1/workspaces/{show.space}/devices/{show.board['id']}/stop")
    tap()
    show.wait_for(1, "rejected")
    check(show.ended()[-1]["reason"] == "estopped", show.ended()[-1]["reason"])
    check(show.pulses() == before + 6, f"{show.pulses() - before} pulses for 6 presses")

    # What is no input, or cannot be pressed, is no trigger.
    for wrong in ({"channel": "lamp"}, {"channel": "nowhere"},
                  {"condition": "above", "threshold": 5}):  # fmt: skip
        try:
            show.api.post(rules, {"name": "wrong", "actions": [action],
                                  "trigger": {"type": "input", "input": {**button, **wrong}}})  # fmt: skip
            raise Failure(f"a rule with {wrong} was taken")
        except Failure as failure:
            check(" 422 " in str(failure) and "trigger.input" in str(failure), str(failure))


@case
def a_control_plane_whose_address_is_taken_says_so_and_ends(show):
    for flag, other, setting in (
        ("--listen", "--mqtt-listen", "http.listen"),
        ("--mqtt-listen", "--listen", "mqtt.listen"),
    ):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            second = subprocess.run(
                [
                    PROGRAMS / "cuelight", "up", "--data", show.folder / "other",
                    flag, address, other, f"127.0.0.1:{free_port()}",
                    "--broker-plugin", BUILD / "broker" / "cuelight_auth.so",
                ],
                capture_output=True, text=True, timeout=30,
            )  # fmt: skip
        check(second.returncode == 1, f"it ended with {second.returncode}")
        told = second.stderr.strip().splitlines()
        check(len(told) == 1, second.stderr)
        check(f"{address} is in use" in told[0] and setting in told[0], told[0])


@case
def a_broker_whose_port_another_program_took_says_so_at_each_try_and_comes_back(show):
    with broker_away(show) as broker:
        told = f"127.0.0.1:{show.mqtt_port} is in use"
        show.wait("two tries", lambda: show.log("cuelight", 100_000).count(told) >= 2)
    show.wait("the broker", lambda: show.children("mosquitto") not in ([], [broker]))

    def works():
        show.cue()
        return any(c["status"] == "executed" for c in show.ended()[1:])

    show.wait("a cue through the new broker", works)


@case
def a_control_plane_that_is_stopped_while_it_starts_ends_cleanly(show):
    """At each line that a first start writes, and once with Ctrl-C; then one start goes through."""
    folder = show.folder / "fresh"
    command = [
        PROGRAMS / "cuelight", "up", "--data", folder, "--listen", f"127.0.0.1:{free_port()}",
        "--mqtt-listen", f"127.0.0.1:{free_port()}",
        "--broker-plugin", BUILD / "broker" / "cuelight_auth.so",
    ]  # fmt: skip
    moments = [
        (None, signal.SIGTERM),
        ("making a PostgreSQL cluster", signal.SIGINT),
        ("making a PostgreSQL cluster", signal.SIGTERM),
        ('"started"', signal.SIGTERM),
        ("0001_platform_create", signal.SIGTERM),
        ("0200_devices_create", signal.SIGINT),
        ('"listening"', signal.SIGTERM),
    ]
    for line, number in moments:
        starting = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
        told = ""
        if line:
            for told in starting.stderr:
                if line in told:
                    break
            check(line in told, f"{line} never came; the last was {told}")
        else:
            show.wait("it to listen to signals", lambda: blocks_signals(starting.pid))
        starting.send_signal(number)
        rest = starting.stderr.read()
        check(starting.wait(timeout=60) == 0, f"{line}: it ended with {starting.returncode}\n{rest}")
        ugly = [text for text in rest.splitlines() if '"level":"error"' in text or text.startswith("cuelight:")]
        check(not ugly, f"{line}: {ugly}")
        # What it has killed may take a moment to be gone.
        show.wait(f"nothing to be running after {line}", lambda: subprocess.run(
            ["pgrep", "-f", str(folder)], stdout=subprocess.DEVNULL).returncode == 1)  # fmt: skip


def plugged_and_replugged(show):
    """A board that is there becomes a device; pulled in the middle of what it does, its commands
    end as failed, once and for all; in another port it is the same device."""
    watch = show.status()["port_watch"]["way"]
    check(watch == show.way, f"ports are watched by {watch}")
    check(show.port("ttyACM0")["usb"] == "2341:0043 Uno", f"{show.port('ttyACM0')}")
    before = show.board
    # As long as it may: the two behind it must be seen to wait, by a computer with much else to do.
    show.command(before, "relay1", {"type": "pulse", "duration_ms": 10_000})
    show.wait("the relay", lambda: level(show, before, "relay1") == 1)
    for _ in range(2):
        show.command(before, "relay1", {"type": "pulse", "duration_ms": 10})
    show.wait("the pulses to wait", lambda: any(
        c["waiting"] == 2 for c in show.status()["boards"][0]["channels"]))  # fmt: skip
    show.machine.tell("unplug", "ttyACM0")
    show.wait("the board to be offline", lambda: show.condition() == "offline")
    show.wait_for(2, "failed")
    reasons = {c["reason"] for c in show.ended() if c["status"] == "failed"}
    check(reasons == {"unplugged"}, f"{reasons}")
    show.wait("the relay's release", lambda: level(show, before, "relay1") == 0)
    check(show.port("ttyACM0") is None, "the port is still known")

    show.plug("ttyUSB3")
    show.wait("the device", lambda: show.condition() == "armed")
    devices = show.api.get(f"/api/v1/workspaces/{show.space}/devices")
    check([d["id"] for d in devices] == [before["id"]], "it became another device")
    show.command(before, "relay2", {"type": "pulse", "duration_ms": 10})
    show.wait_for(3)
    check(len(rising_edges(board_events(show), f"D{pin(before, 'relay1')}")) == 1, "it ran again")
    link = show.status()["boards"][0]["link"]
    check(link["losses"] == 1 and link["sent"] > 0, f"{link}")


@made_up_machine("udev")
def a_board_is_found_by_udev_fails_what_it_was_pulled_out_of_and_is_known_in_another_port(show):
    plugged_and_replugged(show)


@made_up_machine("auto")
def the_same_by_watching_dev_where_no_udev_daemon_runs(show):
    plugged_and_replugged(show)


@made_up_machine("udev")
def a_board_that_is_plugged_in_is_a_device_at_the_first_try(show):
    def opened():
        """How often the board was reset by an opening of its port."""
        return sum(event.get("reset") == "open" for event in board_events(show))

    took = []
    for _ in range(3):
        show.machine.tell("unplug", "ttyACM0")
        show.wait("the board to be offline", lambda: show.condition() == "offline")
        before, start = opened(), time.monotonic()
        show.plug("ttyACM0")
        show.wait("the device", lambda: show.condition() == "armed")
        took.append(time.monotonic() - start)
        # No second try, and so none of its waiting.
        check(opened() == before + 1, f"the port was opened {opened() - before} times")
    print("  from plug to device:", ", ".join(f"{one * 1000:.0f} ms" for one in took))


@made_up_machine("udev")
def a_hundred_plug_events_at_once_open_the_port_once(show):
    sent = show.status()["boards"][0]["link"]["sent"]
    for number in range(100):
        show.machine.tell("say", ("add", "change")[number % 2], "ttyACM0")
        if number % 8 == 7:
            show.status()  # The testbed's socket holds ten messages; the agent reads them first.
    show.cue()
    show.wait_for(2)
    status = show.status()
    link = status["boards"][0]["link"]
    check(link["losses"] == 0 and link["sent"] > sent, f"the connection was lost: {link}")
    check(len(status["ports"]) == 1, f"{status['ports']}")
    check(show.log("agent", 100_000).count("port found") == 1, "the port was found again")

    # Pulled and plugged faster than it can be looked at; the last word counts.
    for _ in range(20):
        show.machine.tell("unplug", "ttyACM0")
        show.plug("ttyACM0")
        show.status()

    def works():
        # The device may be shown as it was before the last pull.
        show.cue()
        return len([c for c in show.ended() if c["status"] == "executed"]) >= 3

    show.wait("a cue", works)


@made_up_machine("udev")
def ports_of_others_are_left_alone_and_named(show):
    """One that another program holds, and one where nobody answers."""
    show.start_board("host", "board-2")
    with open(os.readlink(show.folder / "board-2"), "rb", buffering=0) as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        show.plug("ttyUSB0", "board-2")
        show.wait("the held port", lambda: (show.port("ttyUSB0") or {}).get("trouble"))
        port = show.port("ttyUSB0")
        check(not port["open"] and "another program" in port["trouble"], f"{port}")
        show.cue()
        show.wait_for(2)
    # Let go of, and said so: no waiting for the next try.
    show.machine.tell("say", "change", "ttyUSB0")
    show.wait("both boards", lambda: len(show.status()["boards"]) == 2)

    silent, other = os.openpty()
    try:
        show.machine.tell("plug", "ttyACM7", os.ttyname(other))
        show.wait("the silent port", lambda: (show.port("ttyACM7") or {}).get("trouble"))
        port = show.port("ttyACM7")
        check("no board answers" in port["trouble"] and port["retry_ms"] > 0, f"{port}")
        said = subprocess.run(
            [str(part) for part in show.agent_command("status")], capture_output=True, text=True
        ).stdout
        check("/dev/ttyACM7 (2341:0043 Uno): no board answers" in said, said)
    finally:
        os.close(other)
        os.close(silent)


@case
def a_board_that_keeps_restarting_is_put_out_of_use_until_it_is_released(show):
    for number, fault in enumerate(("reset", "hang", "reset")):
        show.tell_board(fault)
        show.wait("the restart", lambda: show.status()["boards"][0]["link"]["resets"] == number + 1)
    show.wait("the quarantine", lambda: show.condition() == "quarantined")
    pulses = show.pulses()
    show.cue()
    show.wait_for(1, "rejected")
    refused = next(c for c in show.ended() if c["status"] == "rejected")
    check(refused["reason"] == "quarantined" and "restarting" in refused["detail"], f"{refused}")
    said = subprocess.run(
        [str(part) for part in show.agent_command("status")], capture_output=True, text=True
    ).stdout
    check("quarantined" in said and "cuelight-agent release" in said, said)
    check(show.pulses() == pulses, "it moved in quarantine")

    done = subprocess.run(
        [PROGRAMS / "cuelight-agent", "release", show.board["board_uid"],
         "--state-dir", show.agent_folder],
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    check(done.returncode == 0 and "may work again" in done.stdout, done.stdout + done.stderr)
    show.wait("the device", lambda: show.condition() == "armed")
    show.cue()
    show.wait_for(2)


@case
def what_a_link_counts_is_told_by_agent_api_and_metrics(show):
    show.process("board").kill()
    show.process("board").wait()
    show.forget("board")
    show.wait("the board to be offline", lambda: show.condition() == "offline")
    show.start_board("host")
    show.wait("the device", lambda: show.condition() == "armed")

    def told():
        link = show.api.get(f"/api/v1/workspaces/{show.space}/devices")[0].get("link")
        return link if link and link["losses"] == 1 and link["round_trip_p50_us"] > 0 else None

    link = show.wait("the link's figures", told)
    check(link["uid"] == show.board["board_uid"] and link["sent"] > 0, f"{link}")
    with urllib.request.urlopen(show.api.base + "/metrics", timeout=20) as answer:
        metrics = answer.read().decode()
    label = f'{{device="{show.board["id"]}"}}'
    check(f"cuelight_link_losses_total{label} 1\n" in metrics, metrics)
    check(f"cuelight_link_round_trip_p99_seconds{label} 0." in metrics, metrics)


@case
def a_control_plane_that_is_killed_in_its_first_start_starts_again_at_once(show):
    """What it had started to make the cluster writes there for a moment still."""
    for number in range(6):
        folder = show.folder / f"killed{number}"
        command = [
            PROGRAMS / "cuelight", "up", "--data", folder, "--listen", f"127.0.0.1:{free_port()}",
            "--mqtt-listen", f"127.0.0.1:{free_port()}",
            "--broker-plugin", BUILD / "broker" / "cuelight_auth.so",
        ]  # fmt: skip
        first = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
        # Whoever looks away too long finds it made; its first start it is then too.
        show.wait("a cluster in the making", lambda: any(
            (folder / name / "base" / "1").exists() for name in ("postgres.new", "postgres")))  # fmt: skip
        first.kill()
        first.wait()
        second = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
        told = ""
        for told in second.stderr:
            if '"listening"' in told:
                break
        check('"listening"' in told, f"it never listened; the last was {told}")
        second.terminate()
        second.stderr.read()
        check(second.wait(timeout=60) == 0, f"it ended with {second.returncode}")


@case
def cues_go_on_however_long_postgresql_hangs(show):
    """Longer than a lease lasts: nobody else can hold the livestream, so it is not let go."""
    path = f"/api/v1/livestreams/{show.live}/socket"
    viewer = WebSocket("127.0.0.1", show.http_port, path, show.api.token)
    viewer.drain()
    with show.frozen("postgres"):
        end = time.monotonic() + 18
        while time.monotonic() < end:
            before = show.pulses()
            viewer.send({"type": "comment", "text": "go"})
            show.wait("the lamp", lambda: show.pulses() > before)
            time.sleep(0.5)  # The pace of the show, not a wait for something.
    viewer.close()


@case
def the_service_manager_hears_when_the_agent_is_ready_lives_and_stops(show):
    show.process("agent").send_signal(signal.SIGTERM)
    show.process("agent").wait()
    show.forget("agent")
    manager = ServiceManager(show.folder, watchdog_ms=400)
    os.environ.update(manager.environment)
    try:
        show.start_agent()
    finally:
        for name in manager.environment:
            del os.environ[name]
    first = manager.hear()
    check(first.get("READY") == "1", f"it began with {first}")
    # Ready: whoever asks it is answered.
    ask(show, *show.agent_command("status"))
    manager.hear_until("STATUS", "online; 1 of 1 boards armed")
    manager.hear_until("WATCHDOG", "1")
    # What hangs says nothing: then systemd ends it.
    agent = show.process("agent")
    agent.send_signal(signal.SIGSTOP)
    show.wait("the stop", lambda: " (stopped)" in status_of(agent.pid))
    manager.forget()
    told = manager.hear(seconds=1)
    agent.send_signal(signal.SIGCONT)
    check(not told, f"a stopped agent said {told}")
    manager.hear_until("WATCHDOG", "1")
    agent.send_signal(signal.SIGTERM)
    manager.hear_until("STOPPING", "1")
    check(agent.wait(timeout=30) == 0, "it did not end cleanly")
    show.forget("agent")


def status_of(pid):
    return (pathlib.Path(f"/proc/{pid}") / "status").read_text()


@case
def boards_are_listed_simulated_and_the_log_is_read(show):
    command = show.agent_command
    told = json.loads(ask(show, *command("boards", "--json")))
    check([board["name"] for board in told["boards"]] == ["host"], told)
    check(told["boards"][0]["state"] == "armed" and told["boards"][0]["link"]["sent"] > 0, told)

    check(any("uart_tx" in event for event in board_events(show)), "the simulator tells no frames")

    # A second board, without hardware and without knowing where the simulator is.
    other = show.folder / "other"
    simulator = show.start(
        "board-simulated",
        command("simulate", "--link", other, "--events", show.folder / "other-events.jsonl",
                "--uid", "00112233aabbccdd"),
    )  # fmt: skip
    show.wait("the simulated board", other.is_symlink)
    show.process("agent").send_signal(signal.SIGTERM)
    show.process("agent").wait()
    show.forget("agent")
    show.start_agent(boards=("board", "other"))

    def both():
        told = subprocess.run(
            [str(part) for part in command("boards", "--json")], capture_output=True, text=True)
        found = json.loads(told.stdout)["boards"] if told.returncode == 0 else []
        return found if [board["state"] for board in found] == ["armed"] * 2 else None

    boards = show.wait("both boards", both)
    check("00112233aabbccdd" in [board["uid"] for board in boards], boards)
    events = board_events(show, "other")
    check(events and not any("uart_tx" in event for event in events), "frames that nobody asked for")
    lines = ask(show, *command("boards")).splitlines()
    check(len(lines) == 3 and lines[0].split()[:5] == ["UID", "NAME", "PORT", "FIRMWARE", "STATE"], lines)
    check([line.split()[4] for line in lines[1:]] == ["armed"] * 2, lines)
    check(ask(show, *command("simulate", "--uid", "12", "--link", other), code=1).count("\n") == 1, "uid")

    agent, log = command()[0], show.folder / "agent.log"
    shown = ask(show, agent, "logs", log, "--lines", "1000")
    written = log.read_text().splitlines()
    check(len(shown.splitlines()) >= len(written) - 5 and '{"time_ms"' not in shown, shown)
    check(" info    agent.agent  port found  port=" in shown, shown)
    text = written[0] + "\nno line of a log \x1b[31m\n"
    told = subprocess.run(
        [str(agent), "logs", "-", "--level", "error"], input=text, capture_output=True, text=True)
    check(told.stdout == "no line of a log \\u{1b}[31m\n", told.stdout + told.stderr)
    check(ask(show, agent, "logs", show.folder / "nothing", code=1).count("\n") == 1, "a missing file")

    # It goes on with what comes, and ends when it is asked to.
    follower = show.start("follower", [agent, "logs", "--follow", log, "--lines", "1"])
    show.wait("the first line", lambda: (show.folder / "follower.log").read_text())
    show.process("agent").send_signal(signal.SIGTERM)
    show.process("agent").wait()
    show.forget("agent")
    show.wait("the last line", lambda: " stopped" in (show.folder / "follower.log").read_text())
    follower.send_signal(signal.SIGTERM)
    check(follower.wait(timeout=30) == 0, f"logs ended with {follower.returncode}")
    show.forget("follower")
    simulator.send_signal(signal.SIGTERM)
    check(simulator.wait(timeout=30) == 0, f"the simulator ended with {simulator.returncode}")
    show.forget("board-simulated")


def next_firmware():
    """Another release of the Uno's firmware: its build."""
    build = subprocess.run(["sh", ROOT / "Tests" / "Peers" / "next_firmware.sh"], capture_output=True)
    check(build.returncode == 0, build.stderr)
    return uno_image(BUILD / "firmware-next")["build"]


def uno_image(folder):
    """What the index of a firmware library says of the Uno's image."""
    index = json.loads((folder / "index.json").read_text())
    return next(one for one in index["firmware"] if one["board"] == "uno")


@case
def a_board_is_flashed_by_the_api_and_what_cannot_be_is_refused(show):
    build = next_firmware()
    show.start_uno_with_bootloader("board-uno")
    show.process("agent").kill()
    show.process("agent").wait()
    show.forget("agent")
    # A library with one image that is whole, and one that is not.
    images = show.folder / "images"
    shutil.copytree(BUILD / "firmware-next", images)
    index = json.loads((images / "index.json").read_text())
    whole = next(one for one in index["firmware"] if one["board"] == "uno")
    index["firmware"].append({**whole, "build": "0000dead", "sha256": "0" * 64})
    (images / "index.json").write_text(json.dumps(index))
    show.start(
        "agent",
        show.agent_command("run", "--port", show.folder / "board", "--port",
                           show.folder / "board-uno", "--images", images),
    )  # fmt: skip
    space = f"/api/v1/workspaces/{show.space}"

    def uno():
        found = [d for d in show.api.get(f"{space}/devices") if d["manifest"]["board"] == "uno"]
        return found[0] if found and found[0]["condition"] == "armed" else None

    device = show.wait("the Uno", uno)
    former = device["manifest"]["build"]
    check([one["build"] for one in device["firmware"]] == [build, "0000dead"], device["firmware"])
    path = f"{space}/devices/{device['id']}/flash"

    def refused(what, code):
        try:
            show.api.post(path, {"build": what})
        except Failure as failure:
            check(f" {code} " in str(failure), failure)
        else:
            check(False, f"{what} was taken")

    def ended():
        job = show.api.get(path)
        return job if job["status"] not in ("waiting", "running") else None

    # What the agent has not is refused at once; what is damaged, by the agent and with its words.
    refused("00000bad", 422)
    refused(former, 422)
    show.api.post(path, {"build": "0000dead"})
    check(show.api.status == 202, f"answered {show.api.status}")
    job = show.wait("the refusal", ended, seconds=120)
    check(job["status"] == "refused" and "SHA-256" in job["reason"], job)
    show.wait("the Uno as it was", uno)
    check(uno()["manifest"]["build"] == former, "it was flashed")

    show.api.post(path, {"build": build})
    refused(build, 409)
    seen = set()

    def writes():
        job = show.api.get(path)
        seen.add(job["step"])
        return job["step"] == "writing" and (job.get("percent") or 0) > 0

    show.wait("progress", writes, seconds=120)
    # The agent goes on with its other board.
    before = len(show.ended())
    show.cue()
    show.wait_for(before + 1)
    job = show.wait("the end of the flashing", ended, seconds=120)
    check(job["status"] == "flashed" and job["former_build"] == former, job)
    show.wait("the Uno with the new build", lambda: (uno() or device)["manifest"]["build"] == build)
    check(uno()["flash"]["id"] == job["id"], "the device does not show its flashing")


@case
def a_board_is_flashed_under_a_running_agent_and_a_killed_flashing_is_ended_by_the_next_agent(show):
    next_firmware()
    port = show.folder / "board-uno"
    show.start_uno_with_bootloader("board-uno")

    def restart_agent():
        show.process("agent").kill()
        show.process("agent").wait()
        show.forget("agent")
        show.start_agent(boards=("board", "board-uno"))

    def runs(version):
        status = subprocess.run(
            [str(part) for part in show.agent_command("status", "--json")],
            capture_output=True, text=True,
        )  # fmt: skip
        boards = json.loads(status.stdout)["boards"] if status.returncode == 0 else []
        return any(
            b["profile"] == "uno" and b["firmware"] == version and b["condition"] == "armed"
            for b in boards
        )

    def flash(images):
        command = show.agent_command("flash", "--port", port, "--images", images)
        return subprocess.Popen(
            [str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True,
        )  # fmt: skip

    restart_agent()
    first = uno_image(BUILD / "firmware")["version"]
    show.wait("the Uno as it was", lambda: runs(first))
    flashing = flash(BUILD / "firmware-next")
    for line in flashing.stdout:
        if line.startswith("writing 50"):
            break
    # The agent goes on with its other board.
    before = len(show.ended())
    show.cue()
    show.wait_for(before + 1)
    rest = flashing.stdout.read()
    check(flashing.wait() == 0, rest)
    show.wait("the new firmware", lambda: runs("9.9.9"))

    flashing = flash(BUILD / "firmware")
    for line in flashing.stdout:
        if line.startswith("writing 50"):
            flashing.kill()
            break
    check(flashing.wait() == -signal.SIGKILL, "it had ended already")
    flashing.stdout.close()
    restart_agent()
    show.wait("the firmware whose writing was cut off", lambda: runs(first), seconds=120)
    check(not (show.agent_folder / "flash" / "journal.json").exists(), "the journal is still there")


@case
def nanos_with_either_bootloader_and_a_mega_are_flashed_and_other_boards_images_are_refused(show):
    next_firmware()
    for name in flashing.CHIPS:
        flashing.is_flashed(show, name)
        flashing.is_whole(show, name)


case(other_boards.gpio_lines_are_a_device)
case(other_boards.a_firmata_board_is_a_device)


def run(function, table):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="cuelight-system-", dir="/tmp"))
    folder.chmod(0o755)
    show = Show(folder)
    outputs = {}
    try:
        show.begin(getattr(function, "way", None))
        function(show)
        outputs = show.outputs()
        problem = None
    except Exception as error:  # noqa: BLE001  Every failure of a case is told alike.
        problem = str(error) if isinstance(error, Failure) else traceback.format_exc()
        for name, _ in show.processes:
            problem += f"\n--- {name}\n{show.log(name, 1500)}"
    finally:
        show.stop()
        shutil.rmtree(folder, ignore_errors=True)
    table.add(function, show.found, problem)
    table.watch(function.__name__, outputs)
    return problem


class Beside:
    """A case in a process of its own, so that its waiting is not in the way of others."""

    def __init__(self, function):
        self.function = function
        self.results = tempfile.NamedTemporaryFile(prefix="cuelight-table-")
        environment = {**os.environ, "CUELIGHT_FAULT_TABLE": self.results.name}
        self.process = subprocess.Popen(
            [sys.executable, __file__, function.__name__], env=environment, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, preexec_fn=die_with_parent)  # fmt: skip

    def end(self, table):
        """Prints what it said; whether it passed."""
        said = self.process.communicate()[0]
        # Its last line counts itself.
        print(said.rstrip().rpartition("\n")[0], flush=True)
        text = pathlib.Path(self.results.name).read_text()
        if text:
            table.take(text)
        else:
            table.add(self.function, {}, "it ended early")
        return self.process.returncode == 0


def main():
    wanted = sys.argv[1:]
    CASES.extend(sequences.CASES)
    # What another process of ours wants to have told.
    results = os.environ.pop("CUELIGHT_FAULT_TABLE", None)
    table, passed, failed = Table(), 0, 0
    cases = [function for function in CASES if not wanted or function.__name__ in wanted]
    apart = [] if results else [one for one in cases if getattr(one, "is_beside", False)]
    waiting = [Beside(function) for function in apart]
    for function in [one for one in cases if one not in apart]:
        start = time.monotonic()
        problem = run(function, table)
        name = function.__name__.replace("_", " ")
        seconds = time.monotonic() - start
        if problem:
            failed += 1
            print(f"FAILED ({seconds:.1f} s)  {name}\n{problem}", flush=True)
        else:
            passed += 1
            print(f"passed ({seconds:.1f} s)  {name}", flush=True)
    for one in waiting:
        good = one.end(table)
        passed, failed = passed + good, failed + (not good)
    if results:
        pathlib.Path(results).write_text(table.as_json())
        is_kept = True
    else:
        is_kept = table.finish()
        if table.rows:
            print(f"\n{table}\n")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed or not is_kept else 0


if __name__ == "__main__":
    sys.exit(main())
