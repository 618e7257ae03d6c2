"""The fault table: what is done to the product, what it promises, and what was measured.

A case says with `fault` which rows it measures; a row of a case that failed, or that was not measured, is a failure.
`Outputs` reads a simulated board's log and finds what moved when nothing may."""

import contextlib
import json
import os
import signal
import socket
import struct
import textwrap

from smoke import uncobs
from stage import Failure

# How long after the host's last valid frame an output may still be on, by the board's clock: docs/hardware-promises.md.
SILENCE_MAX_US = 600_000
# Types of frames, fields and states as docs/link.md numbers them.
DISARM, COMMAND, ESTOP = 0x04, 0x06, 0x07
ACK, HELLO, NAK, EVENT = 0x80, 0x81, 0x8F, 0xA0
STATE_EVENT = 3
STATE_BITS, ARMED = 0x03, 1


def check(condition, message):
    if not condition:
        raise Failure(message)


@contextlib.contextmanager
def broker_away(show):
    """Kills the broker and holds its port, so that it cannot come back before the end of this; gives its pid."""
    broker = show.children("mosquitto")[0]
    os.kill(broker, signal.SIGSTOP)  # So that it is not started again before the port is taken.
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        os.kill(broker, signal.SIGKILL)

        def bound():
            try:
                taken.bind(("127.0.0.1", show.mqtt_port))
                taken.listen()
                return True
            except OSError:
                return False

        show.wait("the broker's port", bound)
        yield broker


class Row:
    """One line of the table."""

    def __init__(self, fault, done, promise, measured="", good=False):
        self.fault, self.done, self.promise = fault, done, promise
        self.measured, self.good = measured, good


def fault(name, done, promise):
    """A case that measures this row: it calls `show.measured(name, text)` once the promise was found kept."""

    def decorate(function):
        function.faults = [Row(name, done, promise), *getattr(function, "faults", [])]
        return function

    return decorate


def crc16(data):
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0x8408 if crc & 1 else crc >> 1
    return crc


def frame_of(text):
    """Type, sequence number and payload of a frame in a log; None if it is damaged."""
    body = uncobs(bytes.fromhex(text))
    if len(body) < 4 or crc16(body[:-2]) != struct.unpack("<H", body[-2:])[0]:
        return None
    return body[0], body[1], body[2:-2]


def state_in(frame):
    """The state that the board tells in a frame of its own; None if it tells none."""
    kind, _, payload = frame
    places = {ACK: 0, NAK: 1, HELLO: 24}
    if kind == EVENT:
        return payload[2] if payload[0] == STATE_EVENT else None
    place = places.get(kind)
    return payload[place] if place is not None and len(payload) > place else None


def output_of(event):
    """Name and whether it is on, of an event that tells of an output; None of others."""
    if "level" in event and "pin" in event:
        return event["pin"], event["level"] == 1
    for name, value in (("servo", "width_us"), ("pwm", "duty_permille"), ("tone", "frequency_hz")):
        if name in event:
            return event[name], event.get(value, 0) > 0
    if "strip" in event:
        return event["strip"], event["rgb"].strip("0") != ""
    return None


class Outputs:
    """What a board's log says of its outputs: how often one went on, and whether ever against the rules. One may go on only
    while the board is armed, by its own word, and within SILENCE_MAX_US of a valid frame from its host; and at that time's
    end it is off."""

    def __init__(self, events, ignored=()):
        self.risings = 0
        self.wrong = []
        on, armed, heard_us = set(), False, None
        for event in events:
            now_us = event.get("t_us", 0)
            if heard_us is not None and now_us - heard_us > SILENCE_MAX_US and on:
                self.wrong.append(f"{sorted(on)} on {(now_us - heard_us) / 1000:.0f} ms after the host's last word")
                on = set()
            if "reset" in event:
                # Pins float; a strip keeps its colours until the firmware runs.
                on, armed, heard_us = set(), False, None
            elif "uart_rx" in event:
                with contextlib.suppress(ValueError, IndexError):
                    if frame_of(event["uart_rx"]):
                        heard_us = now_us
            elif "uart_tx" in event:
                frame = frame_of(event["uart_tx"])
                state = state_in(frame) if frame else None
                if state is not None:
                    armed = state & STATE_BITS == ARMED
            output = output_of(event)
            if not output or output[0] in ignored:
                continue
            name, is_on = output
            if is_on and name not in on:
                self.risings += 1
                silent = heard_us is None or now_us - heard_us > SILENCE_MAX_US
                if not armed or silent:
                    self.wrong.append(f"{name} went on at {now_us} us, {'in silence' if armed else 'not armed'}")
            (on.add if is_on else on.discard)(name)


class Table:
    """Rows of all cases, and what their boards' outputs did."""

    def __init__(self):
        self.rows = []
        self.cases = self.boards = self.risings = 0
        self.wrong = []

    def add(self, function, measured, problem):
        for row in getattr(function, "faults", []):
            text = measured.get(row.fault, "")
            self.rows.append(Row(row.fault, row.done, row.promise, text or "not measured", bool(text) and not problem))

    def watch(self, case, boards):
        """Takes over what the boards of a case did; `boards` maps names to `Outputs`."""
        self.cases += 1
        self.boards += len(boards)
        for name, outputs in boards.items():
            self.risings += outputs.risings
            self.wrong += [f"{case}: {name}: {wrong}" for wrong in outputs.wrong]

    def as_json(self):
        rows = [vars(row) for row in self.rows]
        return json.dumps({"rows": rows, "figures": [self.cases, self.boards, self.risings], "wrong": self.wrong})

    def take(self, text):
        """Adds another process's table."""
        other = json.loads(text)
        self.rows += [Row(**row) for row in other["rows"]]
        cases, boards, risings = other["figures"]
        self.cases, self.boards, self.risings = self.cases + cases, self.boards + boards, self.risings + risings
        self.wrong += other["wrong"]

    def finish(self):
        """Adds the row of all cases together; whether every row is good."""
        if self.rows:
            measured = f"{self.boards} boards in {self.cases} cases: outputs went on {self.risings} times, {len(self.wrong)} wrong"
            self.rows.append(
                Row("all of these", "every case of this run, its boards' logs read afterwards",
                    "no output edge outside armed time, none on 600 ms after the host's last word", measured,
                    not self.wrong and self.risings > 0))  # fmt: skip
        return all(row.good for row in self.rows)

    def __str__(self):
        heads, widths = ["fault", "what was done", "promise", "measured", "ok"], [16, 34, 34, 44, 4]
        lines = [heads, ["-" * width for width in widths]]
        for row in self.rows:
            cells = [row.fault, row.done, row.promise, row.measured, "ok" if row.good else "NO"]
            wrapped = [textwrap.wrap(cell, width) or [""] for cell, width in zip(cells, widths)]
            for number in range(max(map(len, wrapped))):
                lines.append([cell[number] if number < len(cell) else "" for cell in wrapped])
        text = "\n".join(" | ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)
        return text + "".join(f"\nwrong: {wrong}" for wrong in self.wrong[:20])
