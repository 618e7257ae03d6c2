"""An agent with a simulated Uno that is killed at one step of the journal after another, and started again."""

import json
import os
import signal
import sqlite3
import subprocess
import time
import uuid

from faults import check
from pins import pin
from smoke import board_events, rising_edges
from stage import Failure, die_with_parent

GUARD_S = 90
PULSE = {"channel": "lamp", "operation": {"type": "pulse", "duration_ms": 10}}
SET = {"channel": "relay1", "operation": {"type": "set", "on": True, "duration_ms": 30}}
# Longer than a computer with much else to do needs for the next command, which must find it under way.
LONG = {"type": "pulse", "duration_ms": 1500}
UNKNOWN = ("failed", "unknown_after_crash")
DONE = ("executed", "")
# Where the agent dies, what it was told, how that ends, and how often the output goes on for it. Until its frame is
# written nothing has happened; from then on a pulse may have been, and is not repeated; a state is set again, which is a
# second edge because opening the port resets the board. Whether a frame gets through of which the writer dies at once,
# and before the board is reset by the next one, is up to the kernel.
TRIALS = [
    *[(step, what, DONE, 1) for step in ("beforeAccept", "afterFinish", "beforeForget", "afterForget") for what in (PULSE, SET)],
    *[(step, PULSE, UNKNOWN, 0) for step in ("afterAccept", "beforeWrite")],
    *[(step, SET, DONE, 1) for step in ("afterAccept", "beforeWrite")],
    ("afterWrite", PULSE, UNKNOWN, (0, 1)), ("afterWrite", SET, DONE, (1, 2)),
    ("beforeFinish", PULSE, UNKNOWN, 1), ("beforeFinish", SET, DONE, 2),
    ("beforeMark", PULSE, DONE, 1), ("beforeMark", SET, DONE, 1),
    ("afterMark", PULSE, UNKNOWN, 0), ("afterMark", SET, DONE, 1),
    # The command comes again although it has ended, and the agent dies a second time as it repeats its outcome.
    ("beforeRepeat", PULSE, UNKNOWN, 0), ("afterRepeat", PULSE, UNKNOWN, 0),
]  # fmt: skip


class Victim:
    """One agent, its board and its device. Used by one thread; what threads share is behind the stage's lock."""

    def __init__(self, show, lock, number):
        self.show, self.lock = show, lock
        self.board, self.name = f"board-kill{number}", f"kill{number}"
        self.folder = show.folder / self.name
        self.crash_file = show.folder / f"{self.name}.crash"
        self.process = None
        self.kills = self.commands = self.executed = self.unknown = self.pulses = 0
        self.ended = {}
        show.start_board("avr", self.board)
        show.pair_agent(show.space, self.name, self.folder)
        self.start()
        self.agent = show.agents()[self.name]["id"]

    def start(self):
        log = open(self.show.folder / f"{self.name}.log", "ab")
        command = self.show.agent_command("run", "--port", self.show.folder / self.board, folder=self.folder)
        self.process = subprocess.Popen(
            [str(part) for part in command], stdout=log, stderr=log, preexec_fn=die_with_parent, start_new_session=True,
            env={**os.environ, "CUELIGHT_CRASH_FILE": str(self.crash_file)},
        )  # fmt: skip
        log.close()

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(timeout=GUARD_S)

    def wait(self, what, condition, period_s=0.02):
        end = time.monotonic() + GUARD_S
        while time.monotonic() < end:
            found = condition()
            if found:
                return found
            time.sleep(period_s)
        raise Failure(f"{self.name}: waited {GUARD_S} s for {what}\n{self.show.log(self.name)}")

    def device(self):
        devices = self.show.api.get(f"/api/v1/workspaces/{self.show.space}/devices")
        return next((d for d in devices if d["agent_id"] == self.agent and d["condition"] == "armed"), None)

    def tell(self, device, command):
        path = f"/api/v1/workspaces/{self.show.space}/devices/{device['id']}/commands"
        return self.show.api.post(path, {**command, "deadline_ms": 60_000})["command_id"]

    def asked(self, query, *values):
        """A row of the journal. The API would not be asked as often."""
        journal = sqlite3.connect(f"file:{self.folder}/journal.db?mode=ro", uri=True, timeout=10)
        try:
            return journal.execute(query, values).fetchone()
        finally:
            journal.close()

    def outcome(self, command):
        """How it ended; None if it has not."""
        row = self.asked("SELECT outcome FROM commands WHERE id = ? AND progress = 2", uuid.UUID(command).bytes)
        if not row:
            return None
        ended = json.loads(row[0])
        return ended["status"], ended["reason"]

    def is_spool_empty(self):
        return self.asked("SELECT count(*) FROM outcomes")[0] == 0

    def ready(self):
        """Armed, told that nothing is stopped, and with nothing more to tell: a command goes at once."""

        def works():
            device = self.device()
            if not device:
                return None
            command = self.tell(device, {"channel": "relay2", "operation": {"type": "off"}})
            end = time.monotonic() + 2  # One that was refused before it reached the agent never ends here.
            while not self.outcome(command) and time.monotonic() < end:
                time.sleep(0.02)
            return device if self.outcome(command) == DONE else None

        device = self.wait("a device that works", works, period_s=0.15)
        self.wait("an empty spool", self.is_spool_empty)
        return device

    def edges(self, device, channel):
        return len(rising_edges(board_events(self.show, self.board), f"D{pin(device, channel)}"))

    def die(self, step):
        check(self.process.wait(timeout=GUARD_S) == -signal.SIGKILL, f"{self.name}: {step} ended with {self.process.returncode}")
        check(not self.crash_file.exists(), f"{step} was not passed")
        self.kills += 1

    def trial(self, step, command, wanted, pulses):
        device = self.ready()
        before = self.edges(device, command["channel"])
        lead = None
        if step.endswith("Mark"):
            # It has to wait for one that is under way.
            lead = self.tell(device, {**command, "operation": LONG})
            self.wait("the first", lambda: self.outcome(lead) == DONE)
            before += 1
        first = "afterAccept" if step.endswith("Repeat") else step
        self.crash_file.write_text(first)
        told = self.tell(device, command)
        self.die(first)
        if step.endswith("Repeat"):
            self.crash_file.write_text(step)
            self.start()
            self.die(step)
        self.start()
        ended = self.wait(f"the outcome after {step}", lambda: self.outcome(told))
        # Whatever comes again by now has been answered before this is.
        self.ready()
        found = self.edges(device, command["channel"]) - before
        text = f"{step}, {command['operation']['type']}: {ended}, {found} pulses"
        allowed = pulses if isinstance(pulses, tuple) else (pulses,)
        check(ended == wanted and found in allowed, f"{text}; promised are {wanted} and {pulses}")
        self.ended[told] = ended
        self.commands += 1 + (lead is not None)
        self.executed += (ended == DONE) + (lead is not None)
        self.unknown += ended == UNKNOWN
        self.pulses += found + (lead is not None)
