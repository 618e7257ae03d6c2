#!/usr/bin/env python3
"""A serial line on a pty to another one, which is damaged once or cut, for the tests of flashing.

    noisy_line.py --link PATH --to PORT [--flip-after BYTES]

Whoever opens it opens the port behind it, and restarts the board so. One bit is flipped after so many bytes towards the
board. Ending it cuts the line. Standard library only.
"""
import argparse
import os
import pty
import select
import tty
from pathlib import Path


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--link", required=True)
    parser.add_argument("--to", required=True)
    parser.add_argument("--flip-after", type=int, default=-1)
    options = parser.parse_args()
    master, slave = pty.openpty()
    tty.setraw(slave)
    os.symlink(os.ttyname(slave), options.link)
    os.close(slave)
    sent, behind = 0, None
    while True:
        poll = select.poll()
        poll.register(master, select.POLLIN)
        if behind is not None:
            poll.register(behind, select.POLLIN)
        ready = dict(poll.poll(None if behind is not None else 1))
        if ready.get(master, 0) & select.POLLHUP:
            # Nobody has it open.
            if behind is not None:
                os.close(behind)
                behind = None
            select.select([], [], [], 0.001)
            continue
        if behind is None:
            behind = os.open(options.to, os.O_RDWR | os.O_NOCTTY)
            tty.setraw(behind)
        if ready.get(master, 0) & select.POLLIN:
            data = bytearray(os.read(master, 4096))
            at = options.flip_after - sent
            if 0 <= at < len(data):
                data[at] ^= 0x10
            sent += len(data)
            os.write(behind, data)
        if behind is not None and ready.get(behind, 0) & select.POLLIN:
            os.write(master, os.read(behind, 4096))


main()
