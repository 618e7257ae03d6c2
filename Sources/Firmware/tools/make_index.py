#!/usr/bin/env python3
"""Writes index.json beside firmware images: what `cuelight-agent flash` may put on which board.

    make_index.py OUTPUT.json IMAGE...

Each image (.hex or .bin) tells its board, version and build in the manifest that lies in it as text. Standard library only.
"""
import hashlib
import json
import os
import sys
from pathlib import Path


def flat(path):
    """The bytes of an image, wherever they go."""
    if path.suffix == ".bin":
        return path.read_bytes()
    records = [bytes.fromhex(line[1:]) for line in path.read_text().split() if line.startswith(":")]
    return b"".join(record[4:-1] for record in records if record[3] == 0)


def manifest(path):
    content = flat(path)
    start = content.find(b'{"protocol":')
    if start < 0:
        sys.exit(f"make_index: no manifest in {path}")
    text = content[start:start + 4096].decode("latin-1")
    return json.JSONDecoder().raw_decode(text)[0]


def entry(path):
    said = manifest(path)
    return {"board": said["board"], "version": said["firmware"], "build": said["build"], "file": path.name,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def main(output, *images):
    entries = sorted((entry(Path(image)) for image in images), key=lambda found: found["board"])
    boards = [found["board"] for found in entries]
    if len(set(boards)) != len(boards):
        sys.exit("make_index: two images for one board")
    temporary = Path(f"{output}.new")
    temporary.write_text(json.dumps({"format": 1, "firmware": entries}, indent=1) + "\n")
    os.replace(temporary, output)


if len(sys.argv) < 3:
    sys.exit(__doc__)
main(*sys.argv[1:])
