"""A serial line between an agent and a simulated board, with faults on request.

    line.py BOARD LINK SEED

Makes LINK a pseudo-terminal whose bytes go to the pseudo-terminal BOARD and back; opening the one opens the other, which
resets the board. Reads lines from its input and answers each with one line of JSON:
`damage PERMILLE` flips a bit in so many frames of each direction, `cut BYTES` pulls the cable after so many bytes of the
next COMMAND frame (all of its 9 and more: before the answer), `join` plugs it in again, `count` tells what was done."""

import json
import os
import pathlib
import random
import select
import sys
import tty

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Smoke"))

from faults import COMMAND, frame_of  # noqa: E402

# How often a port that nobody has open is looked at.
IDLE_MS = 5


class Line:
    def __init__(self, board, link, seed):
        self.board_path, self.link = board, pathlib.Path(link)
        self.random = random.Random(seed)
        self.master = self.board = None
        self.permille, self.cut_after = 0, None
        self.is_answer_lost = False
        self.counts = {"frames": 0, "damaged": 0, "cuts": 0}
        self.rests = {"up": b"", "down": b""}
        self.join()

    def join(self):
        if self.master is not None:
            return
        self.master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(self.master, False)
        new = self.link.with_name(self.link.name + ".new")
        new.unlink(missing_ok=True)
        new.symlink_to(os.ttyname(slave))
        os.close(slave)
        new.rename(self.link)

    def pull(self):
        """Both ends lose the line at once."""
        self.link.unlink(missing_ok=True)
        os.close(self.master)
        self.master = None
        self.leave()

    def leave(self):
        if self.board is not None:
            os.close(self.board)
            self.board = None
        self.rests = {"up": b"", "down": b""}

    def enter(self):
        if self.board is None:
            self.board = os.open(self.board_path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            tty.setraw(self.board)

    def stretches(self, way, data):
        """Whole frames with their delimiters; what is not whole waits."""
        data = self.rests[way] + data
        whole, delimiter, self.rests[way] = data.rpartition(b"\0")
        return [stretch + b"\0" for stretch in (whole + delimiter).split(b"\0")[:-1]]

    def damaged(self, stretch):
        if len(stretch) < 2:
            return stretch
        self.counts["frames"] += 1
        if self.random.randrange(1000) >= self.permille:
            return stretch
        self.counts["damaged"] += 1
        bits = bytearray(stretch)
        bits[self.random.randrange(len(bits) - 1)] ^= 1 << self.random.randrange(8)
        return bytes(bits)

    def down(self, data):
        """From the agent to the board."""
        for stretch in self.stretches("down", data):
            frame = frame_of(stretch.hex()) if len(stretch) > 4 else None
            if self.cut_after is not None and frame and frame[0] == COMMAND:
                # A frame is written with a delimiter ahead of it, which is out already.
                os.write(self.board, stretch[: self.cut_after])
                self.is_answer_lost = self.cut_after >= len(stretch)
                self.cut_after = None
                self.counts["cuts"] += 1
                if self.is_answer_lost:
                    continue
                return self.pull()
            os.write(self.board, self.damaged(stretch))

    def up(self, data):
        if self.is_answer_lost:
            self.is_answer_lost = False
            return self.pull()
        for stretch in self.stretches("up", data):
            os.write(self.master, self.damaged(stretch))

    def control(self, line):
        word, *arguments = line.split()
        if word == "damage":
            self.permille = int(arguments[0])
        elif word == "cut":
            self.cut_after = int(arguments[0])
        elif word == "join":
            self.join()
        print(json.dumps(self.counts), flush=True)

    def serve(self):
        poller = select.poll()
        while True:
            watched = {0: "control", **{end: name for end, name in ((self.master, "agent"), (self.board, "board")) if end is not None}}
            for end in watched:
                poller.register(end, select.POLLIN)
            found = poller.poll(1000)
            for end in watched:
                poller.unregister(end)
            for end, events in found:
                name = watched[end]
                if name == "control":
                    line = sys.stdin.readline()
                    if not line:
                        return
                    self.control(line)
                elif name == "agent" and end == self.master:
                    self.from_agent(events)
                elif name == "board" and end == self.board:
                    data = self.read(end)
                    if data and self.master is not None:
                        self.up(data)
                    elif not data and events & select.POLLHUP:
                        return  # The simulator has ended.
            if any(name == "agent" and events & select.POLLHUP for end, events in found for name in [watched[end]]):
                select.select([0], [], [], IDLE_MS / 1000)

    def from_agent(self, events):
        if events & select.POLLHUP:
            return self.leave()
        self.enter()
        data = self.read(self.master)
        if data:
            self.down(data)

    @staticmethod
    def read(end):
        try:
            return os.read(end, 4096)
        except (BlockingIOError, OSError):
            return b""


def main():
    Line(*sys.argv[1:4]).serve()


if __name__ == "__main__":
    main()
