"""A board with StandardFirmata 2.5, as the protocol's documents describe it, on a pseudo terminal.

    fake_firmata.py --link PATH --events FILE

What its pins do is written as one JSON object a line. Lines on the standard input steer it: `hang`
(answers nothing more), `reset` (boots anew, as by its button), `noise` (bytes that mean nothing).
Ends when its input closes. Pins: 0 to 19; 3, 5, 6, 9, 10, 11 with PWM; 14 to 19 are A0 to A5."""

import argparse
import json
import os
import pathlib
import select
import sys
import time
import tty

INPUT, OUTPUT, ANALOG, PWM, SERVO = 0, 1, 2, 3, 4
PINS, PWM_PINS, ANALOG_FIRST = 20, (3, 5, 6, 9, 10, 11), 14
SYSEX_MAX = 64  # As the sketch's own buffer.


class Board:
    def __init__(self, descriptor, events):
        self.descriptor, self.events = descriptor, events
        self.is_hung = False
        self.boot()

    def boot(self):
        self.modes = [ANALOG if pin >= ANALOG_FIRST else OUTPUT for pin in range(PINS)]
        self.body, self.command = None, None
        self.tell(boot=True)
        self.say(0xF9, 2, 5)
        self.report_firmware()

    def tell(self, **event):
        self.events.write(json.dumps({"t_ns": time.monotonic_ns(), **event}) + "\n")
        self.events.flush()

    def say(self, *values):
        os.write(self.descriptor, bytes(values))

    def sysex(self, *values):
        self.say(0xF0, *values, 0xF7)

    def report_firmware(self):
        name = b"".join(bytes((letter & 0x7F, letter >> 7)) for letter in b"StandardFirmata.ino")
        self.sysex(0x79, 2, 5, *name)

    def take(self, byte):
        if byte >= 0x80:
            if byte == 0xF7 and self.command == 0xF0:
                body, self.command = self.body, None
                return self.extended(body)
            self.command, self.body = byte, []
            if byte == 0xF9:
                self.command = None
                self.say(0xF9, 2, 5)
            elif byte == 0xFF:
                self.command = None
                self.boot()
            return None
        if self.command is None:
            return None
        self.body.append(byte)
        if self.command == 0xF0:
            if len(self.body) > SYSEX_MAX:
                self.command = None
            return None
        if len(self.body) == 2:
            command, self.command = self.command, None
            if command == 0xF4:
                self.set_mode(*self.body)
            elif command == 0xF5:
                self.digital(*self.body)
            elif command & 0xF0 == 0xE0:
                self.analog(command & 0x0F, self.body[0] | self.body[1] << 7)
            elif command & 0xF0 == 0x90:
                for bit in range(8):
                    pin = (command & 0x0F) * 8 + bit
                    if pin < PINS and self.modes[pin] == OUTPUT:
                        self.digital(pin, (self.body[0] | self.body[1] << 7) >> bit & 1)
        return None

    def extended(self, body):
        if not body:
            return
        if body[0] == 0x79:
            self.report_firmware()
        elif body[0] == 0x6B:
            answer = [0x6C]
            for pin in range(PINS):
                if pin >= 2:
                    answer += [INPUT, 1, OUTPUT, 1, SERVO, 14]
                if pin >= ANALOG_FIRST:
                    answer += [ANALOG, 10]
                if pin in PWM_PINS:
                    answer += [PWM, 8]
                answer.append(0x7F)
            self.sysex(*answer)
        elif body[0] == 0x69:
            self.sysex(
                0x6A, *(pin - ANALOG_FIRST if pin >= ANALOG_FIRST else 0x7F for pin in range(PINS)))
        elif body[0] == 0x70 and len(body) >= 2:
            self.set_mode(body[1], SERVO)
        elif body[0] == 0x6F and len(body) >= 3:
            self.analog(body[1], sum(part << 7 * place for place, part in enumerate(body[2:])))

    def set_mode(self, pin, mode):
        if pin < PINS:
            self.modes[pin] = mode
            self.tell(pin=pin, mode=mode)
            if mode == OUTPUT:
                self.tell(pin=pin, level=0)

    def digital(self, pin, value):
        if pin < PINS and self.modes[pin] in (INPUT, OUTPUT):
            self.tell(pin=pin, level=value)

    def analog(self, pin, value):
        if pin >= PINS:
            return
        if self.modes[pin] == SERVO:
            self.tell(pin=pin, angle=value)
        elif self.modes[pin] == PWM:
            self.tell(pin=pin, duty=value)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--link", required=True)
    parser.add_argument("--events", required=True)
    options = parser.parse_args()
    board_end, host_end = os.openpty()
    tty.setraw(host_end)
    link = pathlib.Path(options.link)
    with open(options.events, "a") as events:
        board = Board(board_end, events)
        # In one step, so that nobody finds a link that is not whole.
        fresh = link.with_name(link.name + ".new")
        fresh.symlink_to(os.ttyname(host_end))
        fresh.rename(link)
        while True:
            ready, _, _ = select.select([board_end, sys.stdin], [], [])
            if sys.stdin in ready:
                line = sys.stdin.readline()
                if not line:
                    break
                if line.strip() == "hang":
                    board.is_hung = True
                elif line.strip() == "reset":
                    board.is_hung = False
                    board.boot()
                elif line.strip() == "noise":
                    os.write(board_end, bytes(range(256)) + b"\xf0" + b"\x7f" * 20000)
                board.tell(said=line.strip())
            if board_end in ready:
                for byte in os.read(board_end, 4096):
                    if not board.is_hung:
                        board.take(byte)
    link.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
