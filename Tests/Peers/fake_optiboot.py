#!/usr/bin/env python3
"""A bootloader that speaks STK500 version 1 on a pty, for what no real chip in the simulator does.

    fake_optiboot.py --link PATH [--signature 1e9801] [--log FILE]

It tells the signature it is given, and writes down every page that somebody writes. Standard library only.
"""
import argparse
import os
import pty
import select
import tty
from pathlib import Path

IN_SYNC, OK, END = b"\x14", b"\x10", 0x20
# Command -> bytes that follow it before the end mark.
LENGTHS = {0x30: 0, 0x31: 0, 0x41: 1, 0x42: 20, 0x45: 5, 0x50: 0, 0x51: 0, 0x55: 2, 0x56: 4, 0x74: 3, 0x75: 0}


def serve(master, signature, log):
    buffer = b""
    while True:
        select.select([master], [], [])
        buffer += os.read(master, 4096)
        while buffer:
            command = buffer[0]
            if command == 0x64 and len(buffer) >= 4:
                length = 3 + int.from_bytes(buffer[1:3], "big")
            elif command in LENGTHS:
                length = LENGTHS[command]
            elif command == 0x64:
                break
            else:
                buffer = buffer[1:]
                continue
            if len(buffer) < length + 2:
                break
            body, end, buffer = buffer[1:1 + length], buffer[1 + length], buffer[2 + length:]
            if end != END:
                continue
            answer = b""
            if command == 0x75:
                answer = signature
            elif command == 0x41:
                answer = {0x81: b"\x04", 0x82: b"\x04"}.get(body[0], b"\x03")
            elif command == 0x74:
                answer = b"\xFF" * int.from_bytes(body[:2], "big")
            elif command == 0x56:
                answer = b"\0"
            elif command == 0x64 and log:
                with open(log, "a") as file:
                    file.write("page\n")
            os.write(master, IN_SYNC + answer + OK)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--link", required=True)
    parser.add_argument("--signature", default="1e9801")
    parser.add_argument("--log")
    options = parser.parse_args()
    master, slave = pty.openpty()
    tty.setraw(master)
    tty.setraw(slave)
    Path(options.link).unlink(missing_ok=True)
    os.symlink(os.ttyname(slave), options.link)
    serve(master, bytes.fromhex(options.signature), options.log)


main()
