"""A host for boards on a pty: EP/1 as docs/link.md has it, written apart from the C code so that the two check each other.

Standard library only. Used by the board tests and by tools that make golden files.
"""
import contextlib
import json
import os
import select
import struct
import subprocess
import tempfile
import termios
import time
import tty
import zlib
from pathlib import Path

HELLO_REQUEST, MANIFEST_READ, ARM, DISARM, BEAT, COMMAND, ESTOP, ESTOP_CLEAR, COUNTERS_READ, IDENTITY_WRITE = range(1, 11)
SEQUENCE_WRITE, SEQUENCE_COMMIT, SEQUENCE_READ, SEQUENCE_START, UNLOCK, OPTIONS_WRITE, CLOCK_READ = range(0x0B, 0x12)
ACK, HELLO, MANIFEST_CHUNK, COUNTERS, SEQUENCE, NAK, CLOCK, EVENT = 0x80, 0x81, 0x82, 0x89, 0x8D, 0x8F, 0x91, 0xA0
SET, PULSE, TARGET, DRIVE, TONE, FILL, OFF, GLIDE, BRAKE, LEVEL, EFFECT, MOVE = range(1, 13)
RAINBOW, CHASE, BREATHE, FLASH, SPARKLE = range(1, 6)
REASONS = ["", "unknown_type", "bad_length", "not_armed", "estopped", "bad_channel", "bad_operation", "out_of_range",
           "busy", "wrong_nonce", "not_blank", "locked"]
SAFE, ARMED, ESTOPPED = 0, 1, 2
# Seconds of wall-clock time after which a wait is given up. Only a guard against hanging: what must be in time is judged by the
# board's clock.
GUARD = 60
# Milliseconds that the board's clock may go on without us. Were it not bounded, a board would rightly disarm while this process is
# not run for its 500 ms.
LEASE_MS = 100


def crc16(data):
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0x8408 if crc & 1 else crc >> 1
    return crc


def cobs(data):
    blocks = data.split(b"\0")
    assert all(len(block) < 254 for block in blocks)
    return b"".join(bytes([len(block) + 1]) + block for block in blocks)


def uncobs(data):
    blocks = []
    while data:
        code = data[0]
        if code == 0 or code > len(data):
            return None
        blocks.append(data[1:code])
        data = data[code:]
    return b"\0".join(blocks)


def encode(kind, seq, payload=b""):
    body = bytes([kind, seq]) + payload
    return b"\0" + cobs(body + struct.pack("<H", crc16(body))) + b"\0"


def decode(stretch):
    """A frame (type, seq, payload) from the bytes between two 00, or None."""
    body = uncobs(stretch)
    if body is None or not 4 <= len(body) <= 48 or crc16(body[:-2]) != struct.unpack("<H", body[-2:])[0]:
        return None
    return body[0], body[1], body[2:-2]


def wait(time_ms):
    return bytes([2]) + struct.pack("<H", time_ms)


def loop(count, *steps):
    return bytes([3, count]) + b"".join(steps) + bytes([4])


def do(channel, operation, arguments=b""):
    return bytes([0x80 | 2 + len(arguments), channel, operation]) + arguments


def program(number, *steps):
    body = b"".join(steps)
    return bytes([1, number]) + struct.pack("<H", len(body)) + body


class Refused(Exception):
    def __init__(self, reason, state, remaining_ms):
        super().__init__(REASONS[reason])
        self.reason, self.state, self.remaining_ms = REASONS[reason], state, remaining_ms


class Board:
    """A running simulator and the host's end of its line.

    The board's time goes on while this end is served, and stands still when it is not for LEASE_MS.
    """

    def __init__(self, program, *flags, eeprom=None):
        self.folder = tempfile.TemporaryDirectory(prefix="cuelight-board-")
        root = Path(self.folder.name)
        self.link, self.log_path = root / "tty", root / "events"
        self.eeprom = Path(eeprom) if eeprom else root / "eeprom"
        self.process = subprocess.Popen(
            [str(program), "--pty-link", str(self.link), "--events", str(self.log_path), "--eeprom", str(self.eeprom),
             *map(str, flags)], stdin=subprocess.PIPE, text=True)
        self.log, self.log_offset, self.granted_at = [], 0, 0
        self.port, self.buffer, self.frames = None, b"", []
        self.seq, self.events, self.round_trips = 0, [], []
        self.nonce = None
        self.loses = None  # a predicate: whether the next frame of the board is lost
        self.beat_at = None
        self.wait_log(lambda entry: "ready" in entry)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
        self.process.stdin.close()
        try:
            self.code = self.process.wait(GUARD)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self.folder.cleanup()

    # ---- The simulator's side

    def control(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def grant(self):
        """Lets the board's time go on; every 10 ms is enough."""
        now = time.monotonic()
        if now - self.granted_at >= 0.01:
            self.granted_at = now
            self.control(f"run {LEASE_MS}")

    def read_log(self):
        if not self.log_path.exists():
            return self.log
        with open(self.log_path) as file:
            file.seek(self.log_offset)
            while True:
                line = file.readline()
                if not line.endswith("\n"):
                    break
                self.log_offset = file.tell()
                self.log.append(json.loads(line))
        return self.log

    def wait_log(self, matches, start=0):
        """The first entry from `start` on that matches; waits for it while it serves the line."""
        deadline = time.monotonic() + GUARD
        while True:
            entries = self.read_log()
            for entry in entries[start:]:
                if matches(entry):
                    return entry
            if time.monotonic() > deadline:
                raise TimeoutError(f"not seen within {GUARD} s; last entries: {entries[-5:]}")
            if self.process.poll() is not None:
                raise RuntimeError(f"the simulator ended with {self.process.returncode}")
            self.serve(0.005)

    def wait_until(self, holds):
        """Waits until `holds()`, while it serves the line."""
        deadline = time.monotonic() + GUARD
        while not holds():
            if time.monotonic() > deadline:
                raise TimeoutError(f"not so within {GUARD} s; last entries: {self.read_log()[-5:]}")
            self.serve(0.005)

    def edges(self, pin, start=0):
        return [entry for entry in self.read_log()[start:] if entry.get("pin") == pin]

    def mark(self):
        return len(self.read_log())

    # ---- The host's side

    def open(self, hello=True):
        start = self.mark()
        self.port = os.open(self.link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self.port, termios.TCSANOW)
        self.buffer, self.frames = b"", []
        self.wait_log(lambda entry: entry.get("reset") == "open", start)
        if hello:
            kind, _, payload = self.wait_frame(lambda frame: frame[0] == HELLO)
            self.take_hello(payload)
        return self

    def close(self):
        if self.port is not None:
            os.close(self.port)
            self.port = None

    def take_hello(self, payload):
        names = ("protocol", "nonce", "manifest_crc32", "manifest_size", "build", "uid", "reset_cause", "state",
                 "major", "minor", "patch")
        self.hello = dict(zip(names, struct.unpack("<BIIHI8sBBBBB", payload[:28])))
        self.nonce = self.hello["nonce"]
        self.hello["options"] = payload[28]
        return self.hello

    def serve(self, seconds):
        """Reads what comes for so long, and beats when that was asked for."""
        deadline = time.monotonic() + seconds
        while True:
            self.grant()
            now = time.monotonic()
            if self.beat_at is not None and now >= self.beat_at:
                self.beat_at = now + 0.2
                self.send(BEAT)
            left = min(deadline - now, LEASE_MS / 2000)
            if self.beat_at is not None:
                left = min(left, self.beat_at - now)
            if self.port is None:
                time.sleep(max(0, left))  # nothing to wait for but time itself
            elif select.select([self.port], [], [], max(0, left))[0]:
                self.take(os.read(self.port, 4096))
                return
            if time.monotonic() >= deadline:
                return

    def rest(self, seconds):
        """Serves the line for so long; for times in which nothing happens that could be awaited."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.serve(left)

    def take(self, data):
        *stretches, self.buffer = (self.buffer + data).split(b"\0")
        for stretch in stretches:
            if not stretch:
                continue
            frame = decode(stretch)
            assert frame is not None, f"the board sent a broken frame: {stretch.hex()}"
            if self.loses is not None and self.loses():
                continue
            if frame[0] == EVENT:
                kind, channel, value, uptime = struct.unpack("<BBhI", frame[2][:8])
                self.events.append((kind, channel, value, uptime))
            self.frames.append(frame)

    def wait_frame(self, matches, timeout=GUARD):
        deadline = time.monotonic() + timeout
        while True:
            for index, frame in enumerate(self.frames):
                if matches(frame):
                    return self.frames.pop(index)
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("no answer")
            self.serve(min(left, 0.05))

    def wait_event(self, event):
        deadline = time.monotonic() + GUARD
        while event not in [seen[:3] for seen in self.events]:
            if time.monotonic() > deadline:
                raise TimeoutError(f"no event {event}, only {self.events}")
            self.serve(0.05)

    def send(self, kind, payload=b"", seq=None):
        if seq is None:
            self.seq = (self.seq + 1) % 256
            seq = self.seq
        self.write(encode(kind, seq, payload))
        return seq

    def write(self, wire):
        """Writes all of it, as soon as the line has room; a board that is not run takes nothing off it."""
        def written():
            nonlocal wire
            with contextlib.suppress(BlockingIOError):
                wire = wire[os.write(self.port, wire):]
            return not wire
        beat_at, self.beat_at = self.beat_at, None  # no frame within a frame
        self.wait_until(written)
        self.beat_at = beat_at

    @contextlib.contextmanager
    def quiet(self):
        """Meanwhile there are no beats, and nothing that was sent before is still under way."""
        beat_at, self.beat_at = self.beat_at, None
        self.ack(BEAT)
        yield
        self.beat_at = beat_at

    def request(self, kind, payload=b"", timeout=GUARD, tries=1, corrupt=None):
        """Stop-and-wait. Returns (type, payload).

        On a line that loses something `timeout` and `tries` make it resend the identical frame; a whole line loses nothing, and
        there a resend would only be counted as a duplicate.
        """
        seq = self.seq = (self.seq + 1) % 256  # a beat may move self.seq on while we wait
        wire = encode(kind, seq, payload)
        self.frames = [frame for frame in self.frames if frame[0] in (EVENT, HELLO)]
        for attempt in range(tries):
            sent = corrupt(wire) if corrupt else wire
            began = time.monotonic()
            self.write(sent)
            try:
                answer = self.wait_frame(lambda frame: frame[1] == seq and frame[0] != EVENT, timeout)
            except TimeoutError:
                continue
            if attempt == 0 and corrupt is None:
                self.round_trips.append(time.monotonic() - began)
            if answer[0] == NAK:
                raise Refused(*struct.unpack("<BBH", answer[2][:4]))
            return answer[0], answer[2]
        raise TimeoutError(f"no answer to request {kind} in {tries} tries")

    def ack(self, kind, payload=b"", **options):
        answer, body = self.request(kind, payload, **options)
        assert answer == ACK, hex(answer)
        return struct.unpack("<BH", body[:3])

    def arm(self, beat=True):
        state = self.ack(ARM, struct.pack("<I", self.nonce))
        if beat:
            self.beat_at = time.monotonic() + 0.2
        return state

    def command(self, channel, operation, arguments=b"", **options):
        return self.ack(COMMAND, bytes([channel, operation]) + arguments, **options)

    def when_free(self, attempt, times=50):
        """Repeats `attempt`, each time as a new command, while the channel is busy."""
        for _ in range(times):
            try:
                return attempt()
            except Refused as refusal:
                if refusal.reason != "busy":
                    raise
                self.rest(max(refusal.remaining_ms, 1) / 1000)
        raise TimeoutError("busy for ever")

    def pulse(self, channel, duration_ms, **options):
        return self.command(channel, PULSE, struct.pack("<H", duration_ms), **options)

    def set(self, channel, on, duration_ms=0):
        return self.command(channel, SET, struct.pack("<BH", on, duration_ms))

    def target(self, channel, angle_cdeg, hold_ms=0):
        return self.command(channel, TARGET, struct.pack("<HH", angle_cdeg, hold_ms))

    def drive(self, channel, speed_permille, duration_ms=0):
        return self.command(channel, DRIVE, struct.pack("<hH", speed_permille, duration_ms))

    def tone(self, channel, frequency_hz, duration_ms=0):
        return self.command(channel, TONE, struct.pack("<HH", frequency_hz, duration_ms))

    def fill(self, channel, rgb, first, count, duration_ms=0):
        return self.command(channel, FILL, rgb + struct.pack("<BBH", first, count, duration_ms))

    def glide(self, channel, angle_cdeg, move_ms, smooth=False, hold_ms=0):
        return self.command(channel, GLIDE, struct.pack("<HHBH", angle_cdeg, move_ms, smooth, hold_ms))

    def brake(self, channel, duration_ms):
        return self.command(channel, BRAKE, struct.pack("<H", duration_ms))

    def level(self, channel, permille, fade_ms=0, duration_ms=0):
        return self.command(channel, LEVEL, struct.pack("<HHH", permille, fade_ms, duration_ms))

    def effect(self, channel, effect, rgb, period_ms, duration_ms=0):
        return self.command(channel, EFFECT, bytes([effect]) + rgb + struct.pack("<HH", period_ms, duration_ms))

    def move(self, channel, position, speed_sps, hold_ms=0):
        return self.command(channel, MOVE, struct.pack("<iHH", position, speed_sps, hold_ms))

    def unlock(self, mask, for_s):
        return self.ack(UNLOCK, struct.pack("<IHH", self.nonce, mask, for_s))

    # ---- Programs

    def upload(self, memory):
        """Writes and commits program memory."""
        for at in range(0, len(memory), 40):
            payload = struct.pack("<H", at) + memory[at:at + 40]
            self.when_free(lambda: self.ack(SEQUENCE_WRITE, payload), times=200)
        for _ in range(2):  # the second is busy until the first is kept
            self.when_free(lambda: self.ack(SEQUENCE_COMMIT, struct.pack("<HI", len(memory), zlib.crc32(memory))), times=200)

    def stored(self):
        """Size and CRC-32 of the program memory."""
        return struct.unpack("<HI", self.request(SEQUENCE_READ)[1][:6])

    def start(self, program, at_ms=0):
        return self.ack(SEQUENCE_START, struct.pack("<BI", program, at_ms))

    def clock(self):
        """The board's uptime in microseconds (modulo 2^32) and milliseconds."""
        return struct.unpack("<II", self.request(CLOCK_READ)[1][:8])

    def clock_and_entries(self):
        """The same, and what the log says of the exchange: the request's arrival, that the chip took it (when it read its clock), and
        its answer's end."""
        with self.quiet():
            mark = self.mark()
            clock = self.clock()
            arrived, taken, answered = [entry for entry in self.read_log()[mark:] if any(key.startswith("uart") for key in entry)]
        assert "uart_rx" in arrived and "uart_taken" in taken and "uart_tx" in answered, (arrived, taken, answered)
        return clock, arrived, taken, answered

    def counters(self, **options):
        _, body = self.request(COUNTERS_READ, **options)
        names = ("crc_errors framing_errors overruns ring_overflows duplicates naks transmit_drops link_losses "
                 "max_on_cuts executed loop_max_us reset_cause uptime_ms boots sequence_refusals").split()
        return dict(zip(names, struct.unpack("<9HIHBIIH", body[:35])))

    def manifest(self):
        text = b""
        while len(text) < self.hello["manifest_size"]:
            _, body = self.request(MANIFEST_READ, struct.pack("<H", len(text)))
            assert struct.unpack("<H", body[:2])[0] == len(text)
            assert len(body) > 2
            text += body[2:]
        assert zlib.crc32(text) == self.hello["manifest_crc32"]
        return json.loads(text)
