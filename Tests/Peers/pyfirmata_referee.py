"""pyFirmata2, a client that is not ours, drives the board on the port: what it does must appear at
the pins of the stand-in as it would on a board.

    pyfirmata_referee.py PORT"""

import sys

import pyfirmata2

LAYOUT = {
    "digital": tuple(range(14)), "analog": tuple(range(6)), "pwm": (3, 5, 6, 9, 10, 11),
    "use_ports": True, "disabled": (0, 1),
}  # fmt: skip

board = pyfirmata2.Board(sys.argv[1], layout=LAYOUT, baudrate=57600, timeout=5)
# What a board says when it boots was said before anybody listened.
board.sp.write(bytes([0xF9]))
board.send_sysex(0x79, [])
while board.bytes_available() or not board.firmware:
    board.iterate()
version = board.get_firmata_version()
assert version == (2, 5), version
assert board.firmware == "StandardFirmata.ino", board.firmware
board.get_pin("d:9:p").write(0.5)
board.get_pin("d:10:s").write(45)
board.get_pin("d:12:o").write(1)
board.exit()
