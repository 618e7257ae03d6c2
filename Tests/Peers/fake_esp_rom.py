#!/usr/bin/env python3
"""The loader in the ROM of an ESP32 on a pty, with a flash of 4 MB, for the tests of flashing.

    fake_esp_rom.py --link PATH [--chip esp32|esp32c3] [--flash FILE] [--log FILE] [--fault FAULT]

Written from Espressif's description of the serial protocol. esptool flashes it unmodified, which keeps it honest:
    esptool --chip esp32c3 --port PATH --no-stub --before no-reset --after no-reset write-flash --flash-size 4MB 0x10000 app.bin
A pty has no modem lines, so a SYNC brings it into the loader whatever it does. After a restart it is the board that its
flash makes it: with a manifest of ours in it, it says hello over EP/1; else it is silent.

Faults: flip=N flips a bit of the Nth block; dies=N falls silent for good at the Nth block; mute never answers;
hostile answers everything with nonsense; refuse refuses FLASH_BEGIN; deaf leaves the new firmware without a hello.
Standard library only.
"""
import argparse
import hashlib
import json
import os
import pty
import random
import select
import struct
import sys
import tty
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "Sources" / "Firmware" / "Tests"))
import board as link  # noqa: E402

FLASH_SIZE = 4 * 1024 * 1024
BEGIN, DATA, END, SYNC, WRITE_REG, READ_REG, SPI_PARAMS, SPI_ATTACH, READ_SLOW, MD5, SECURITY = (
    0x02, 0x03, 0x04, 0x08, 0x09, 0x0A, 0x0B, 0x0D, 0x0E, 0x13, 0x14)
MAGIC = {"esp32": 0x00F01D83, "esp32c3": 0x1B31506F}
CHIP_ID = {"esp32": 0, "esp32c3": 5}
# Where the SPI controller of the flash has its first data word: esptool asks the flash for its id through it.
SPI_W0 = {"esp32": 0x3FF42080, "esp32c3": 0x60002058}
FLASH_ID = 0x001640EF  # 4 MB


def slip(packet):
    return b"\xC0" + packet.replace(b"\xDB", b"\xDB\xDD").replace(b"\xC0", b"\xDB\xDC") + b"\xC0"


def unslip(stretch):
    return stretch.replace(b"\xDB\xDC", b"\xC0").replace(b"\xDB\xDD", b"\xDB")


class Chip:
    def __init__(self, options):
        self.chip, self.fault = options.chip, options.fault or ""
        self.flash_path, self.log_path = options.flash, options.log
        self.flash = bytearray(b"\xFF" * FLASH_SIZE)
        if self.flash_path and Path(self.flash_path).exists():
            content = Path(self.flash_path).read_bytes()
            self.flash[:len(content)] = content
        self.registers = {}
        self.is_loader = self.is_dead = False
        self.blocks = self.at = self.end = 0
        self.buffer = b""
        self.nonce = random.getrandbits(32)

    def log(self, **entry):
        if self.log_path:
            with open(self.log_path, "a") as file:
                file.write(json.dumps(entry) + "\n")

    def save(self):
        if self.flash_path:
            temporary = Path(f"{self.flash_path}.new")
            temporary.write_bytes(self.flash)
            os.replace(temporary, self.flash_path)

    def number(self, name):
        return int(self.fault.split("=")[1]) if self.fault.startswith(f"{name}=") else -1

    # ---- The loader

    def take(self, data):
        """Bytes of the host; returns the answer."""
        if self.is_dead or self.fault == "mute":
            return b""
        self.buffer = (self.buffer + data)[-1 << 16:]
        answer = b""
        if not self.is_loader:
            *stretches, rest = self.buffer.split(b"\0")
            for stretch in stretches:
                answer += self.hear(stretch)
            if b"\x07\x07\x12\x20" not in self.buffer:
                self.buffer = rest
                return answer
            self.is_loader = True
            self.log(mode="loader")
        while self.buffer.count(b"\xC0") >= 2:
            _, packet, self.buffer = self.buffer.split(b"\xC0", 2)
            if packet:
                answer += self.request(unslip(packet))
            else:
                self.buffer = b"\xC0" + self.buffer
            if not self.is_loader or self.is_dead:
                self.buffer = b""
        return answer

    def request(self, packet):
        if len(packet) < 8 or packet[0] != 0:
            return b""
        operation, size, checksum = struct.unpack("<BHI", packet[1:8])
        payload = packet[8:]
        if len(payload) != size:
            return b""
        if self.fault == "hostile" and operation != SYNC:
            return self.nonsense(operation)
        if operation == SYNC:
            return self.answer(operation) * 8
        status, value, data = self.do(operation, payload, checksum)
        if self.is_dead:
            return b""
        return self.answer(operation, value, data, status)

    def answer(self, operation, value=0, data=b"", status=0):
        body = data + bytes([1 if status else 0, status, 0, 0])
        return slip(struct.pack("<BBHI", 1, operation, len(body), value) + body)

    def nonsense(self, operation):
        seeded = random.Random(operation)
        return b"".join([
            b"\xC0\xDB\x00\xC0", slip(b""), slip(bytes([1, operation])), slip(bytes([1, operation, 0xFF, 0xFF, 0, 0, 0, 0])),
            slip(seeded.randbytes(5000)), b"\xC0" + seeded.randbytes(300), slip(bytes([1, operation, 0, 0, 0, 0, 0, 0])),
        ])

    def do(self, operation, payload, checksum):
        words = struct.unpack(f"<{len(payload) // 4}I", payload[:len(payload) // 4 * 4])
        if operation == READ_REG:
            return 0, self.register(words[0]), b""
        if operation == WRITE_REG:
            self.registers[words[0]] = words[1]
            return 0, 0, b""
        if operation in (SPI_ATTACH, SPI_PARAMS):
            return 0, 0, b""
        if operation == SECURITY and self.chip != "esp32":
            return 0, 0, struct.pack("<IB7BII", 0, 0, *[0] * 7, CHIP_ID[self.chip], 0)
        if operation == BEGIN:
            return self.begin(words)
        if operation == DATA:
            return self.data(payload, checksum)
        if operation == MD5:
            digest = hashlib.md5(self.flash[words[0]:words[0] + words[1]]).hexdigest()
            return 0, 0, digest.encode()
        if operation == READ_SLOW:
            return 0, 0, bytes(self.flash[words[0]:words[0] + 64])
        if operation == END:
            if words[0] == 0:
                self.is_loader = False
                self.log(mode="app", build=(self.manifest() or {}).get("build"))
            return 0, 0, b""
        return 5, 0, b""

    def register(self, address):
        if address == 0x40001000:
            return MAGIC[self.chip]
        if address == SPI_W0[self.chip]:
            return FLASH_ID
        return 0

    def begin(self, words):
        # The ESP32's own ROM knows four words, its successors five.
        if len(words) != (4 if self.chip == "esp32" else 5) or self.fault == "refuse":
            return 6, 0, b""
        size, _, block, address = words[:4]
        if block != 1024 or address % 4096 or address + size > FLASH_SIZE:
            return 6, 0, b""
        end = min(FLASH_SIZE, (address + size + 4095) // 4096 * 4096)
        self.flash[address:end] = b"\xFF" * (end - address)
        self.at, self.end, self.next = address, end, 0
        self.log(begin=address, size=size)
        return 0, 0, b""

    def data(self, payload, checksum):
        size, number, _, _ = struct.unpack("<4I", payload[:16])
        block = payload[16:]
        seen = 0xEF
        for byte in block:
            seen ^= byte
        if len(block) != size or number != self.next or seen != checksum or self.at + size > self.end:
            return 7, 0, b""
        self.next += 1
        self.blocks += 1
        if self.blocks == self.number("dies"):
            self.is_dead = True
            self.save()
            self.log(mode="dead")
            return 0, 0, b""
        if self.blocks == self.number("flip"):
            block = bytes([block[0] ^ 1]) + block[1:]
        self.flash[self.at:self.at + size] = block
        self.at += size
        return 0, 0, b""

    # ---- The board that the flash makes it

    def manifest_text(self):
        start = self.flash.find(b'{"protocol":')
        if start < 0:
            return None
        text = bytes(self.flash[start:start + 4096]).decode("latin-1")
        try:
            _, end = json.JSONDecoder().raw_decode(text)
        except ValueError:
            return None
        return text[:end].encode("latin-1")

    def manifest(self):
        text = self.manifest_text()
        return json.loads(text) if text else None

    def hear(self, stretch):
        frame = link.decode(stretch) if stretch else None
        text = self.manifest_text()
        if frame is None or text is None or self.fault == "deaf" and b'"firmware":"9.9.9"' in text:
            return b""
        kind, seq, payload = frame
        if kind == link.HELLO_REQUEST:
            said = json.loads(text)
            hello = struct.pack("<BIIHI8sBBBBB", 1, self.nonce, zlib.crc32(text), len(text), int(said["build"], 16),
                                bytes.fromhex("00000000000000e5"), 1, 0, *map(int, said["firmware"].split(".")))
            return link.encode(link.HELLO, seq, hello)
        if kind == link.MANIFEST_READ:
            offset, = struct.unpack("<H", payload[:2])
            return link.encode(link.MANIFEST_CHUNK, seq, payload[:2] + text[offset:offset + 40])
        return link.encode(link.ACK, seq, b"\0\0\0")


def main():
    parser = argparse.ArgumentParser()
    for flag in ("--link", "--flash", "--log", "--fault"):
        parser.add_argument(flag)
    parser.add_argument("--chip", choices=MAGIC, default="esp32c3")
    options = parser.parse_args()
    chip = Chip(options)
    master, slave = pty.openpty()
    tty.setraw(master)
    tty.setraw(slave)
    Path(options.link).unlink(missing_ok=True)
    os.symlink(os.ttyname(slave), options.link)
    was_loader = False
    while True:
        select.select([master], [], [])
        answer = chip.take(os.read(master, 65536))
        if was_loader and not chip.is_loader:
            chip.save()
        was_loader = chip.is_loader
        while answer:
            answer = answer[os.write(master, answer):]


main()
