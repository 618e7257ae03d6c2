#!/usr/bin/env python3
"""Writes Tests/Golden/link/*.hex (docs/link.md §9) with the Python codec of Tests/board.py, which shares nothing with the C one.

    make_golden.py FOLDER
"""
import struct
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "Tests"))
from board import (ACK, ARM, BEAT, BRAKE, CHASE, CLOCK, CLOCK_READ, COMMAND, COUNTERS, COUNTERS_READ, DISARM, DRIVE, EFFECT,  # noqa: E402
                   ESTOP, ESTOP_CLEAR, EVENT, FILL, GLIDE, HELLO, LEVEL, MOVE, OPTIONS_WRITE, SEQUENCE, SEQUENCE_COMMIT,
                   SEQUENCE_READ, SEQUENCE_START, SEQUENCE_WRITE, UNLOCK,
                   HELLO_REQUEST, IDENTITY_WRITE, MANIFEST_CHUNK, MANIFEST_READ, NAK, OFF, PULSE, SET, TARGET, TONE,
                   cobs, crc16, encode)

FOLDER = Path(sys.argv[1])
NONCE = struct.pack("<I", 0x00C0FFEE)


def command(channel, operation, arguments=b""):
    return bytes([channel, operation]) + arguments


def seq_with_zero_crc(kind, payload, position):
    """A sequence number whose check has a zero byte at 0 (low) or 1 (high)."""
    for seq in range(256):
        if struct.pack("<H", crc16(bytes([kind, seq]) + payload))[position] == 0:
            return seq
    raise SystemExit("no such sequence number")


FRAMES = {
    "hello-request": (HELLO_REQUEST, 1, b""),
    "manifest-read": (MANIFEST_READ, 2, struct.pack("<H", 0x0128)),
    "arm": (ARM, 3, NONCE),
    "disarm": (DISARM, 4, b""),
    "beat": (BEAT, 255, b""),
    "beat-seq-0": (BEAT, 0, b""),
    "command-set": (COMMAND, 5, command(0, SET, struct.pack("<BH", 1, 1500))),
    "command-pulse": (COMMAND, 6, command(1, PULSE, struct.pack("<H", 250))),
    "command-target": (COMMAND, 7, command(3, TARGET, struct.pack("<HH", 9000, 0))),
    "command-drive": (COMMAND, 8, command(4, DRIVE, struct.pack("<hH", -500, 2000))),
    "command-tone": (COMMAND, 9, command(5, TONE, struct.pack("<HH", 440, 300))),
    "command-fill": (COMMAND, 10, command(6, FILL, bytes([255, 0, 128, 0, 8]) + struct.pack("<H", 5000))),
    "command-off": (COMMAND, 11, command(0, OFF)),
    "estop": (ESTOP, 12, b""),
    "estop-clear": (ESTOP_CLEAR, 13, NONCE),
    "counters-read": (COUNTERS_READ, 14, b""),
    "identity-write": (IDENTITY_WRITE, 15, bytes(range(1, 9))),
    "ack": (ACK, 6, struct.pack("<BH", 1, 2)),
    "nak-busy": (NAK, 6, struct.pack("<BBH", 8, 1, 270)),
    "hello": (HELLO, 0, struct.pack("<BIIHI8sBBBBB", 1, 0x12340001, 0xDEADBEEF, 1316, 0x89ABCDEF, bytes(range(8)), 2, 16, 0, 1, 0)),
    "manifest-chunk": (MANIFEST_CHUNK, 2, struct.pack("<H", 0) + b'{"protocol":1,"board":"uno","firmware":"'),
    "counters": (COUNTERS, 14, struct.pack("<9HIHBII", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 916, 2, 60000, 12)),
    "event-input": (EVENT, 200, struct.pack("<BBhI", 1, 7, 1, 1234)),
    # Minor 1.
    "command-glide": (COMMAND, 16, command(3, GLIDE, struct.pack("<HHBH", 18000, 1500, 1, 500))),
    "command-brake": (COMMAND, 17, command(4, BRAKE, struct.pack("<H", 300))),
    "command-level": (COMMAND, 18, command(8, LEVEL, struct.pack("<HHH", 800, 500, 0))),
    "command-effect": (COMMAND, 19, command(6, EFFECT, bytes([CHASE, 255, 0, 128]) + struct.pack("<HH", 800, 5000))),
    "command-move": (COMMAND, 20, command(12, MOVE, struct.pack("<iHH", -1000, 800, 250))),
    "sequence-write": (SEQUENCE_WRITE, 21, struct.pack("<H", 40) + bytes(range(1, 41))),
    "sequence-commit": (SEQUENCE_COMMIT, 22, struct.pack("<HI", 80, 0xDEADBEEF)),
    "sequence-read": (SEQUENCE_READ, 23, b""),
    "sequence-start": (SEQUENCE_START, 24, struct.pack("<BI", 1, 123456)),
    "unlock": (UNLOCK, 25, NONCE + struct.pack("<HH", 0x2000, 600)),
    "options-write": (OPTIONS_WRITE, 26, b"\x01"),
    "clock-read": (CLOCK_READ, 27, b""),
    "clock": (CLOCK, 27, struct.pack("<II", 123456789, 123456)),
    "sequence": (SEQUENCE, 23, struct.pack("<HI", 80, 0xDEADBEEF)),
    "nak-locked": (NAK, 16, struct.pack("<BBH", 11, 1, 0)),
    "event-sequence": (EVENT, 201, struct.pack("<BBhI", 4, 1, 2, 123456)),
    "event-distance": (EVENT, 202, struct.pack("<BBhI", 1, 11, 1200, 4321)),
    "hello-minor-1": (HELLO, 0, struct.pack("<BIIHI8sBBBBBB", 1, 0x12340001, 0xDEADBEEF, 1661, 0x89ABCDEF, bytes(range(8)), 2, 16, 0, 2, 0, 1)),
    "counters-minor-1": (COUNTERS, 14, struct.pack("<9HIHBIIH", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 916, 2, 60000, 12, 3)),
    "payload-44-zeros": (0x7F, 0, bytes(44)),
    "payload-44-ff": (0x7F, 0xFF, b"\xFF" * 44),
    "payload-44-mixed": (0x7F, 0x55, bytes((index * 37) % 256 for index in range(44))),
    "crc-low-zero": (BEAT, seq_with_zero_crc(BEAT, b"", 0), b""),
    "crc-high-zero": (BEAT, seq_with_zero_crc(BEAT, b"", 1), b""),
}


def write(name, lines):
    (FOLDER / f"{name}.hex").write_text("\n".join(lines) + "\n")


def body(kind, seq, payload=b""):
    raw = bytes([kind, seq]) + payload
    return raw + struct.pack("<H", crc16(raw))


FOLDER.mkdir(parents=True, exist_ok=True)
for old in FOLDER.glob("*.hex"):
    old.unlink()
for name, (kind, seq, payload) in FRAMES.items():
    write(f"frame-{name}", [f"# {name.replace('-', ' ')}", f"type {kind:02x}", f"seq {seq:02x}", f"payload {payload.hex()}".rstrip(),
                            f"wire {encode(kind, seq, payload).hex()}"])

good = encode(BEAT, 1)
flipped = bytearray(encode(COMMAND, 6, command(1, PULSE, struct.pack("<H", 250))))
flipped[5] ^= 0x10
BAD = {
    "crc-bit-flip": (bytes(flipped), "crc"),
    "crc-init-zero": (b"\0" + cobs(bytes([BEAT, 1]) + b"\x00\x00") + b"\0", "crc"),
    "too-short": (b"\0" + cobs(b"\x05\x01\x02") + b"\0", "framing"),
    "one-code-only": (b"\0\x01\0", "framing"),
    "block-past-end": (b"\0\x09\x05\x01\x02\x03\x04\0", "framing"),
    "block-255": (b"\0\xFF\x05\x01\x02\x03\x04\0", "framing"),
    "body-49": (b"\0" + cobs(body(0x7F, 1, b"\x01" * 45)) + b"\0", "framing"),
    "body-49-zeros": (b"\0" + cobs(body(0x7F, 1, bytes(45))) + b"\0", "framing"),
    "200-bytes": (b"\0" + b"\x02\x41" * 100 + b"\0", "framing"),
}
for name, (wire, error) in BAD.items():
    write(f"bad-{name}", [f"# {name.replace('-', ' ')}", f"wire {wire.hex()}", f"error {error}"])

first, second = encode(BEAT, 1), encode(ARM, 2, NONCE)
line = [(BEAT, 1, b""), (ARM, 2, NONCE)]
STREAMS = {
    "two-frames": (first + second, line, 0, 0),
    "shared-delimiter": (first + second[1:], line, 0, 0),
    "many-delimiters": (b"\0" * 5 + first + b"\0" * 3 + second + b"\0", line, 0, 0),
    "modem-probe": (b"AT\r\nAT\r\n" + first + second, line, 0, 1),
    "cut-off-frame": (second[:6] + first + second, line, 0, 1),
    "damaged-between": (first + bytes(flipped) + second, line, 1, 0),
    "long-noise": (bytes((index % 255) + 1 for index in range(600)) + first + second, line, 0, 1),
}
for name, (wire, frames, crc_errors, framing_errors) in STREAMS.items():
    write(f"stream-{name}", [f"# {name.replace('-', ' ')}", f"wire {wire.hex()}",
                             *(f"frame {kind:02x}{seq:02x}{payload.hex()}" for kind, seq, payload in frames),
                             f"crc_errors {crc_errors}", f"framing_errors {framing_errors}"])
