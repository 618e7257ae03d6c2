"""A whole Cuelight on one machine: control plane with its services, an agent, a simulated board.

Used by the smoke test and by the demo. Python's standard library only.
"""

import base64
import contextlib
import ctypes
import hashlib
import json
import os
import pathlib
import secrets
import signal
import socket
import struct
import subprocess
import threading
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / ".build"
LOADERS = pathlib.Path("/usr/share/arduino/hardware/arduino/avr/bootloaders")
OPTIBOOT = LOADERS / "optiboot/optiboot_atmega328.hex"
ATMEGABOOT = LOADERS / "atmega/ATmegaBOOT_168_atmega328.hex"
STK500BOOT = LOADERS / "stk500v2/stk500boot_v2_mega2560.hex"
# Which build of the programs is run.
PROGRAMS = BUILD / os.environ.get("CUELIGHT_CONFIGURATION", "release")
PR_SET_PDEATHSIG = 1


# Given out already: two that are asked for one after the other must not be the same.
GIVEN = set()


def free_port():
    """Below the range that the kernel takes connections' own ports from, so that it stays free."""
    while True:
        port = 10_000 + secrets.randbelow(22_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in GIVEN:
            GIVEN.add(port)
            return port


def die_with_parent():
    # What started us may block signals, as the benchmarks do; whoever runs here must hear them.
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Failure(Exception):
    """What went wrong, for a person."""


class API:
    """JSON over HTTP with the control plane; one kept connection a thread would be faster, but
    this is what a first user writes."""

    def __init__(self, base):
        self.base = base
        self.token = None
        # Of the last answer that was a success.
        self.status = None

    def call(self, method, path, body=None, raw=None, query="", key=None):
        data = raw if raw is not None else (None if body is None else json.dumps(body).encode())
        request = urllib.request.Request(self.base + path + query, data=data, method=method)
        if data is not None:
            kind = "application/octet-stream" if raw is not None else "application/json"
            request.add_header("Content-Type", kind)
        if method == "POST":
            request.add_header("Idempotency-Key", key or secrets.token_hex(16))
        if self.token:
            request.add_header("Authorization", "Bearer " + self.token)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read()
                self.status = answer.status
        except urllib.error.HTTPError as error:
            raise Failure(f"{method} {path}: {error.code} {error.read().decode()}") from None
        return json.loads(text) if text else None

    def get(self, path, query=""):
        return self.call("GET", path, query=query)["data"]

    def post(self, path, body=None, raw=None):
        answer = self.call("POST", path, {} if body is None and raw is None else body, raw)
        return answer["data"] if answer else None

    def put(self, path, body=None):
        answer = self.call("PUT", path, body)
        return answer["data"] if answer else None

    def delete(self, path):
        answer = self.call("DELETE", path)
        return answer["data"] if answer else None


class WebSocket:
    """A client of RFC 6455, text frames only."""

    def __init__(self, host, port, path, token):
        self.socket = socket.create_connection((host, port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        self.socket.sendall(
            (
                f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
                f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
                f"Sec-WebSocket-Version: 13\r\nAuthorization: Bearer {token}\r\n\r\n"
            ).encode()
        )
        head = b""
        while b"\r\n\r\n" not in head:
            piece = self.socket.recv(4096)
            if not piece:
                raise Failure("WebSocket: the server closed: " + head.decode(errors="replace"))
            head += piece
        accept = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        lines = head.decode().split("\r\n")
        if " 101 " not in lines[0] or base64.b64encode(accept).decode() not in head.decode():
            raise Failure("WebSocket: " + head.decode(errors="replace"))

    def send(self, value):
        self.socket.sendall(self.frame(value))

    @staticmethod
    def frame(value):
        payload = json.dumps(value).encode()
        mask = secrets.token_bytes(4)
        size = len(payload)
        head = bytes([0x81])
        head += bytes([0x80 | size]) if size < 126 else bytes([0xFE]) + struct.pack(">H", size)
        body = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        return head + mask + body

    def drain(self):
        """Reads and forgets what the server sends, on a thread."""

        def read():
            try:
                while self.socket.recv(65536):
                    pass
            except OSError:
                pass  # The stage has ended, and the socket with it.

        self.socket.settimeout(None)
        threading.Thread(target=read, daemon=True).start()

    def close(self):
        self.socket.close()


class Stage:
    """Processes and their folders. `stop` ends all, in reverse order."""

    def __init__(self, folder, http_port=None, mqtt_port=None, quiet=True):
        self.folder = pathlib.Path(folder)
        self.http_port = http_port or free_port()
        self.mqtt_port = mqtt_port or free_port()
        self.quiet = quiet
        self.processes = []
        self.api = API(f"http://127.0.0.1:{self.http_port}")
        self.agent_folder = self.folder / "agent"
        self.board_link = self.folder / "board"
        self.events_path = self.folder / "board-events.jsonl"

    def start(self, name, arguments, **options):
        log = open(self.folder / f"{name}.log", "ab")
        process = subprocess.Popen(
            [str(part) for part in arguments],
            stdout=log,
            stderr=log,
            stdin=options.get("stdin", subprocess.DEVNULL),
            preexec_fn=die_with_parent,
            start_new_session=True,
            env={**os.environ, **options.get("environment", {})},
        )
        self.processes.append((name, process))
        return process

    def log(self, name, size=2000):
        path = self.folder / f"{name}.log"
        return path.read_bytes()[-size:].decode(errors="replace") if path.exists() else ""

    def wait(self, what, condition, seconds=90):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            value = condition()
            if value:
                return value
            for name, running in self.processes:
                if running.poll() is not None:
                    raise Failure(f"{name} ended while waiting for {what}:\n{self.log(name)}")
            time.sleep(0.05)
        logs = "\n".join(f"--- {name}\n{self.log(name)}" for name, _ in self.processes)
        raise Failure(f"waited {seconds} s for {what}\n{logs}")

    def start_control_plane(self, *more):
        self.start(
            "cuelight",
            [
                PROGRAMS / "cuelight",
                "up",
                "--data", self.folder / "data",
                "--listen", f"127.0.0.1:{self.http_port}",
                "--mqtt-listen", f"127.0.0.1:{self.mqtt_port}",
                "--broker-plugin", BUILD / "broker" / "cuelight_auth.so",
                *more,
            ],
        )  # fmt: skip
        self.wait("the control plane", self.is_ready)

    def is_ready(self):
        try:
            return self.api.call("GET", "/api/v1/health")["data"]["status"] == "ready"
        except (OSError, Failure, KeyError):
            return False

    def start_board(self, kind="avr", name="board"):
        """A board's machine code in a simulator ("avr" for the Uno's, "avr-uno_stage" …), or the
        firmware compiled for this machine ("host" …). Its port and its files are named after
        `name`, which begins with "board"."""
        firmware = BUILD / "firmware"
        arguments = [firmware / f"cuelight-board-{kind}"]
        if kind.startswith("avr"):
            board = kind.partition("-")[2] or "uno"
            arguments += ["--firmware", firmware / f"{board}.hex"]
        arguments += [
            "--pty-link", self.folder / name,
            "--events", self.folder / f"{name}-events.jsonl",
            "--eeprom", self.folder / f"{name}.eeprom",
        ]  # fmt: skip
        # It ends when its input closes; it reads what a tester presses from there.
        board = self.start(name, arguments, stdin=subprocess.PIPE)
        self.wait("the simulated board", (self.folder / name).exists)
        return board

    def start_uno_with_bootloader(self, name):
        return self.start_board_with_bootloader(name, "uno", OPTIBOOT)

    def start_board_with_bootloader(self, name, board, loader):
        """A simulated board that can be flashed; `name` begins with "board"."""
        kind = "" if board == "uno" else f"-{board}"
        process = self.start(
            name,
            [
                BUILD / "firmware" / f"cuelight-board-avr{kind}", "--bootloader", loader,
                "--firmware", BUILD / "firmware" / f"{board}.hex", "--pty-link", self.folder / name,
                "--flash", self.folder / f"{name}.flash",
                "--eeprom", self.folder / f"{name}.eeprom",
                "--events", self.folder / f"{name}-events.jsonl",
            ],
            stdin=subprocess.PIPE,
        )  # fmt: skip
        self.wait(f"the {board}", (self.folder / name).exists)
        return process

    def sign_in(self, email, handle, password):
        """Registers where needed, signs in, and returns the account."""
        try:
            self.api.post(
                "/api/v1/accounts",
                {"email": email, "handle": handle, "display_name": handle, "password": password},
            )
        except Failure as error:
            if " 409 " not in str(error):
                raise
        session = self.api.post("/api/v1/sessions", {"email": email, "password": password})
        self.api.token = session["access_token"]
        return session["account"]

    def workspace(self, name):
        for workspace in self.api.get("/api/v1/workspaces"):
            if workspace["name"] == name:
                return workspace["id"]
        return self.api.post("/api/v1/workspaces", {"name": name})["id"]

    def agent_command(self, *arguments, folder=None):
        return [
            PROGRAMS / "cuelight-agent",
            *arguments,
            "--state-dir", folder or self.agent_folder,
        ]  # fmt: skip

    def pair_agent(self, workspace, name, folder=None):
        """Pairs once; an agent that is paired already stays what it is."""
        if ((folder or self.agent_folder) / "agent.json").exists():
            return
        token = self.api.post(f"/api/v1/workspaces/{workspace}/agent-tokens", {"name": name})
        pairing = self.agent_command(
            "pair", "--server", self.api.base, "--token", token["token"], "--name", name,
            folder=folder,
        )  # fmt: skip
        done = subprocess.run([str(part) for part in pairing], capture_output=True, text=True)
        if done.returncode != 0:
            raise Failure(f"cuelight-agent pair: {done.stdout}{done.stderr}")

    def start_agent(self, name="agent", folder=None, boards=("board",)):
        ports = [part for board in boards for part in ("--port", self.folder / board)]
        return self.start(name, self.agent_command("run", *ports, folder=folder))

    def device(self, workspace):
        """The first device whose board is armed."""

        def armed():
            for device in self.api.get(f"/api/v1/workspaces/{workspace}/devices"):
                if device["condition"] == "armed":
                    return device
            return None

        return self.wait("an armed board", armed)

    def children(self, program):
        """The process ids of the control plane's children that run `program`."""
        parent = next(process.pid for name, process in self.processes if name == "cuelight")
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

    def services(self, program):
        """The same with all that they have started themselves."""
        found = self.children(program)
        for parent in found:
            tasks = pathlib.Path(f"/proc/{parent}/task")
            for task in tasks.iterdir():
                found += [int(pid) for pid in (task / "children").read_text().split()]
        return found

    @contextlib.contextmanager
    def frozen(self, program):
        """Stops all processes of a service, as a machine that hangs would."""
        pids = self.services(program)
        if not pids:
            raise Failure(f"no {program} is running")
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                # One that was killed while it stood still is gone.
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def stop(self):
        """Asks each process to end, the last started first. Returns what did not end cleanly."""
        complaints = []
        for name, process in reversed(self.processes):
            if process.poll() is not None:
                complaints.append(f"{name} had ended with {process.returncode}")
                continue
            process.send_signal(signal.SIGTERM)
            try:
                # The simulators are ended by the signal itself.
                clean = (0, -signal.SIGTERM) if name.startswith("board") else (0,)
                if process.wait(timeout=40) not in clean:
                    complaints.append(f"{name} ended with {process.returncode}")
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                complaints.append(f"{name} had to be killed")
        self.processes = []
        return complaints
