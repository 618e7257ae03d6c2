"""The link on rv32imc machine code in QEMU: the same questions to the same Core, on another instruction set. Registered by
run_tests.py. QEMU's clock counts instructions (8 ns each), so that the board's time stands still while QEMU is not run; nothing here
judges a time closely."""
import json
import os
import re
import struct
import subprocess
import tempfile
import tty
from pathlib import Path

from board import (BEAT, DISARM, ESTOP, ESTOP_CLEAR, ESTOPPED, FLASH, GUARD, HELLO, HELLO_REQUEST, IDENTITY_WRITE, PULSE, SAFE, Board,
                   Refused, do, loop, program, wait)
from registry import registry

ROOT = Path(__file__).resolve().parents[3]
(RELAY1, RELAY2, LAMP, SERVO, MOTOR, BUZZER, STRIP, BUTTON, LIGHT, DOOR, KNOB, RANGE, STEPPER, SOLENOID, ARM, FAN) = range(16)
TESTS, test = registry()


class Emulated(Board):
    """A board in QEMU. It has no reset by its port and no control lines; its log has times of its own."""

    def __init__(self, image):
        self.folder = tempfile.TemporaryDirectory(prefix="cuelight-board-")
        self.log_path = Path(self.folder.name) / "log"
        self.process = subprocess.Popen(
            ["qemu-system-riscv32", "-M", "virt", "-cpu", "rv32,a=false,f=false,d=false", "-m", "16", "-bios", "none", "-display", "none",
             "-icount", "shift=3",
             "-monitor", "none", "-serial", "pty", "-semihosting-config", "enable=on,target=native", "-kernel", str(image)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=open(self.log_path, "wb"), text=True)
        self.log, self.log_offset, self.granted_at = [], 0, 0
        self.port, self.buffer, self.frames = None, b"", []
        self.seq, self.events, self.round_trips = 0, [], []
        self.nonce, self.loses, self.beat_at = None, None, None
        found = re.search(r"(/dev/pts/\d+)", self.process.stdout.readline())
        self.port = os.open(found.group(1), os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self.port)

    def __exit__(self, *_):
        self.close()
        self.process.kill()
        self.process.wait(GUARD)
        self.process.stdin.close()
        self.process.stdout.close()
        self.folder.cleanup()

    def grant(self):
        """Its time is not ours to stop."""

    def open(self, hello=True):
        answer, payload = self.request(HELLO_REQUEST, timeout=0.2, tries=100)
        assert answer == HELLO
        self.take_hello(payload)
        return self


def refused(run):
    try:
        run()
    except Refused as refusal:
        return refusal.reason
    raise AssertionError("was not refused")


@test("rv32: the link, its refusals, every kind of channel and a program on rv32imc machine code")
def link_test(out):
    with Emulated(out / "rv32.elf") as board:
        board.open()
        manifest = board.manifest()
        source = json.loads((ROOT / "hardware/boards/rv32.json").read_text())
        assert [channel["name"] for channel in manifest["channels"]] == [channel["name"] for channel in source["channels"]]
        assert refused(lambda: board.pulse(RELAY1, 10)) == "not_armed"
        board.ack(IDENTITY_WRITE, bytes(range(1, 9)))
        board.arm()
        assert refused(lambda: board.pulse(SOLENOID, 10)) == "locked"
        board.unlock(1 << SOLENOID | 1 << FAN, 60)
        for run, entry in (
                (lambda: board.set(RELAY1, 1), {"pin": "D7", "level": 1}), (lambda: board.target(SERVO, 9000), {"servo": "D9", "width_us": 1500}),
                (lambda: board.drive(MOTOR, -500), {"pwm": "D3", "duty_permille": 500}),
                (lambda: board.tone(BUZZER, 440), {"tone": "D10", "frequency_hz": 440}),
                (lambda: board.level(LIGHT, 700), {"pwm": "D11", "duty_permille": 700}),
                (lambda: board.fill(STRIP, bytes([9, 8, 7]), 0, 8), {"strip": "D6", "first_red": 9}),
                (lambda: board.glide(ARM, 18000, 0), {"servo": "D22", "width_us": 2500}),
                (lambda: board.pulse(SOLENOID, 100), {"pin": "D21", "level": 1}),
                (lambda: board.drive(FAN, 300), {"pwm": "D23", "duty_permille": 300}),
                (lambda: board.effect(STRIP, FLASH, bytes([255, 0, 0]), 1000), {"strip": "D6", "first_red": 255})):
            mark = board.mark()
            run()
            # A moving one goes through this value, give or take.
            key = next(name for name in ("level", "width_us", "duty_permille", "frequency_hz", "first_red") if name in entry)
            board.wait_log(lambda seen: all(seen.get(name) == value for name, value in entry.items() if name != key)
                           and abs(seen[key] - entry[key]) <= 6, mark)
        board.move(STEPPER, 200, 1000, 20)
        assert board.ack(BEAT)[1] & 1 << STEPPER
        board.wait_until(lambda: not board.ack(BEAT)[1] & 1 << STEPPER)
        state, active = board.ack(ESTOP)
        assert state & 3 == ESTOPPED and active == 0
        assert refused(lambda: board.arm()) == "estopped"
        board.ack(ESTOP_CLEAR, struct.pack("<I", board.nonce))
        board.arm()
        memory = program(5, loop(4, do(LAMP, PULSE, struct.pack("<H", 10)), wait(40)))
        board.upload(memory)
        mark = board.mark()
        uptime_us, uptime_ms = board.clock()
        assert uptime_us // 1000 == uptime_ms
        board.start(5, uptime_ms + 100)
        board.wait_event((4, 5, 2))
        edges = [entry["t_us"] for entry in board.read_log()[mark:] if entry.get("pin") == "D13" and entry["level"] == 1]
        assert len(edges) == 4, edges
        board.beat_at = None
        board.wait_event((2, 255, 1))  # silence
        assert board.ack(BEAT)[0] & 3 == SAFE
        board.ack(DISARM)
        counters = board.counters()
        assert (counters["crc_errors"], counters["framing_errors"], counters["sequence_refusals"]) == (0, 0, 0), counters
        print(f"    longest pass {counters['loop_max_us']} us in QEMU")
