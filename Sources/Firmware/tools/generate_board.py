#!/usr/bin/env python3
"""Turns hardware/boards/<board>.json into the C header that the firmware is built from.

    generate_board.py header   BOARD.json OUTPUT.h [SOURCE...]   channel table, manifest, checksums
    generate_board.py manifest BOARD.json OUTPUT.json [SOURCE...]
    generate_board.py wiring   BOARD.json                        Markdown table on stdout
    generate_board.py picture  BOARD.json                        the same as SVG on stdout

SOURCE files go into the build hash, so that a board tells which firmware it runs. The output depends on the bytes of
its inputs and on nothing else. Standard library only.
"""
import hashlib
import json
import re
import sys
import zlib
from html import escape
from pathlib import Path

PROTOCOL = 1
FRAME_MAX = 52
MANIFEST_SIZE_MAX = 1600
CHANNELS_MAX = 16
KINDS = {"relay": 1, "servo": 2, "motor": 3, "buzzer": 4, "strip": 5, "button": 6}
# What a kind has besides the keys of every channel: key -> (lowest, highest).
KIND_KEYS = {
    "relay": {},
    "servo": {"min_cdeg": (0, 36000), "max_cdeg": (0, 36000), "min_us": (400, 2600), "max_us": (400, 2600)},
    "motor": {"direction_pin": (0, 63), "max_permille": (1, 1000)},
    "buzzer": {"min_hz": (40, 20000), "max_hz": (40, 20000)},
    "strip": {"pixels": (1, 64)},
    "button": {"debounce_ms": (1, 250)},
}
COMMON_KEYS = {"name", "kind", "pin", "max_on_ms", "min_pause_ms", "delivery", "quiet", "wire"}


def fail(message):
    sys.exit(f"generate_board: {message}")


def number(value, lowest, highest, what):
    if type(value) is not int or not lowest <= value <= highest:
        fail(f"{what} must be an integer from {lowest} to {highest}, not {value!r}")
    return value


def check_channel(channel, where):
    kind = channel.get("kind")
    if kind not in KINDS:
        fail(f"{where}: unknown kind {kind!r}")
    unknown = set(channel) - COMMON_KEYS - set(KIND_KEYS[kind])
    if unknown:
        fail(f"{where}: unknown keys {sorted(unknown)}")
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,15}", str(channel.get("name"))):
        fail(f"{where}: bad name {channel.get('name')!r}")
    number(channel.get("pin"), 0, 63, f"{where} pin")
    for key, (lowest, highest) in KIND_KEYS[kind].items():
        number(channel.get(key), lowest, highest, f"{where} {key}")
    for low, high in (("min_cdeg", "max_cdeg"), ("min_us", "max_us"), ("min_hz", "max_hz")):
        if low in channel and not channel[low] < channel[high]:
            fail(f"{where}: {low} must be below {high}")
    if kind != "button":
        number(channel.get("max_on_ms"), 1, 60000, f"{where} max_on_ms")
        number(channel.get("min_pause_ms"), 0, 60000, f"{where} min_pause_ms")
        if channel.get("delivery") not in ("at_least_once", "at_most_once"):
            fail(f"{where}: bad delivery")
    if kind == "strip" and channel.get("quiet") is not True:
        fail(f"{where}: a strip is quiet, for its bits are sent with interrupts off")


def load(path):
    board = json.loads(Path(path).read_text())
    channels = board["channels"]
    if not re.fullmatch(r"[a-z][a-z0-9]{0,15}", board["board"]) or Path(path).stem != board["board"]:
        fail("the board's name is the file's name")
    if not re.fullmatch(r"\d{1,3}\.\d{1,3}\.\d{1,3}", board["firmware"]):
        fail("firmware must be major.minor.patch")
    if not 1 <= len(channels) <= CHANNELS_MAX:
        fail(f"1 to {CHANNELS_MAX} channels")
    pins, names = {}, set()
    for index, channel in enumerate(channels):
        where = f"channel {index}"
        check_channel(channel, where)
        if channel["name"] in names:
            fail(f"{where}: name {channel['name']} is taken")
        names.add(channel["name"])
        for key in ("pin", "direction_pin"):
            if key in channel and pins.setdefault(channel[key], where) != where:
                fail(f"{where}: pin {channel[key]} is taken by {pins[channel[key]]}")
    return board


def build_hash(path, sources):
    digest = hashlib.sha256()
    for source in [path, __file__, *sorted(sources)]:
        content = Path(source).read_bytes()
        digest.update(Path(source).name.encode() + b"\0" + str(len(content)).encode() + b"\0" + content)
    return digest.hexdigest()[:8]


def manifest(board, build):
    channels = []
    for index, channel in enumerate(board["channels"]):
        entry = {
            "id": index, "name": channel["name"], "kind": channel["kind"], "pin": channel["pin"],
            "max_on_ms": channel.get("max_on_ms", 0), "min_pause_ms": channel.get("min_pause_ms", 0), "safe": 0,
            "delivery": channel.get("delivery", "at_most_once"), "quiet": channel.get("quiet", False),
        }
        entry.update({key: channel[key] for key in KIND_KEYS[channel["kind"]]})
        channels.append(entry)
    text = json.dumps({
        "protocol": PROTOCOL, "board": board["board"], "firmware": board["firmware"], "build": build,
        "rx_window": board["rx_window"], "frame_max": FRAME_MAX, "channels": channels,
    }, separators=(",", ":")).encode("ascii")
    if len(text) > MANIFEST_SIZE_MAX:
        fail(f"the manifest has {len(text)} bytes, at most {MANIFEST_SIZE_MAX} are allowed")
    return text


def channel_initialiser(channel, pixel_offset):
    kind = channel["kind"]
    low, high = {
        "servo": ("min_cdeg", "max_cdeg"), "motor": (None, "max_permille"), "buzzer": ("min_hz", "max_hz"),
        "strip": (None, "pixels"), "button": (None, "debounce_ms"), "relay": (None, None),
    }[kind]
    fields = {
        "kind": KINDS[kind], "pin": channel["pin"], "direction_pin": channel.get("direction_pin", 255),
        "pixel_offset": pixel_offset, "max_on_ms": channel.get("max_on_ms", 0),
        "min_pause_ms": channel.get("min_pause_ms", 0), "low": channel.get(low, 0) if low else 0,
        "high": channel.get(high, 0) if high else 0, "low_us": channel.get("min_us", 0),
        "high_us": channel.get("max_us", 0),
    }
    return "{" + ", ".join(f".{key} = {value}" for key, value in fields.items()) + "}"


def header(board, build):
    text = manifest(board, build)
    major, minor, patch = board["firmware"].split(".")
    rows, pixels = [], 0
    for channel in board["channels"]:
        rows.append(f"    {channel_initialiser(channel, pixels)}, \\")
        pixels += channel.get("pixels", 0)
    octets = [", ".join(str(byte) for byte in text[at:at + 24]) for at in range(0, len(text), 24)]
    name = board["board"].upper()
    pins = "\n".join(f"#define CUE_PIN_{channel['name'].upper()} {channel['pin']}" for channel in board["channels"])
    direction = "\n".join(f"#define CUE_PIN_{channel['name'].upper()}_DIRECTION {channel['direction_pin']}"
                          for channel in board["channels"] if "direction_pin" in channel)
    return f"""// Generated from hardware/boards/{board['board']}.json by tools/generate_board.py. Change that file instead.
#ifndef CUE_GENERATED_{name}_H
#define CUE_GENERATED_{name}_H

#define CUE_BOARD_NAME "{board['board']}"
#define CUE_BAUD {board['baud']}UL
#define CUE_BUILD 0x{build}UL
#define CUE_FIRMWARE_MAJOR {major}
#define CUE_FIRMWARE_MINOR {minor}
#define CUE_FIRMWARE_PATCH {patch}
#define CUE_CHANNEL_COUNT {len(board['channels'])}
#define CUE_PIXEL_COUNT {pixels}
#define CUE_MANIFEST_SIZE {len(text)}
#define CUE_MANIFEST_CRC32 0x{zlib.crc32(text):08x}UL
{pins}
{direction}

// Initialiser of a cue_channel_t[CUE_CHANNEL_COUNT].
#define CUE_CHANNEL_TABLE \\
    {{ \\
{chr(10).join(rows)}
    }}

// Initialiser of a uint8_t[CUE_MANIFEST_SIZE].
#define CUE_MANIFEST_BYTES \\
    {{ \\
{chr(10).join(f"        {line}, {chr(92)}" for line in octets)}
    }}

#endif
"""


def wiring(board):
    lines = ["| id | channel | kind | pin | to | longest on | pause |", "| --- | --- | --- | --- | --- | --- | --- |"]
    for index, channel in enumerate(board["channels"]):
        pin = f"D{channel['pin']}"
        if "direction_pin" in channel:
            pin += f", direction D{channel['direction_pin']}"
        limit = f"{channel['max_on_ms'] / 1000:g} s" if "max_on_ms" in channel else "–"
        pause = f"{channel['min_pause_ms']} ms" if "min_pause_ms" in channel else "–"
        lines.append(f"| {index} | {channel['name']} | {channel['kind']} | {pin} | {channel['wire']} | {limit} | {pause} |")
    return "\n".join(lines) + "\n"


def picture(board):
    channels = board["channels"]
    height = 60 + 48 * len(channels)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 {height}" font-family="sans-serif" font-size="14">',
        f'<title>Wiring of {escape(board["title"])}</title>',
        '<rect width="100%" height="100%" fill="#fff"/>',
        f'<rect x="20" y="40" width="170" height="{height - 60}" rx="8" fill="#0b7285"/>',
        f'<text x="20" y="28" fill="#222">{escape(board["title"])}</text>',
    ]
    for index, channel in enumerate(channels):
        y = 68 + 48 * index
        pins = f"D{channel['pin']}" + (f", D{channel['direction_pin']}" if "direction_pin" in channel else "")
        colour = "#2b8a3e" if channel["kind"] == "button" else "#c92a2a"
        lines += [
            f'<text x="178" y="{y + 5}" fill="#fff" text-anchor="end">{pins}</text>',
            f'<path d="M190 {y}H290" stroke="{colour}" stroke-width="3"/>',
            f'<rect x="290" y="{y - 18}" width="590" height="38" rx="6" fill="#f1f3f5" stroke="#868e96"/>',
            f'<text x="302" y="{y - 2}" fill="#222" font-weight="bold">{channel["name"]} ({channel["kind"]})</text>',
            f'<text x="302" y="{y + 14}" fill="#495057" font-size="12">{escape(channel["wire"])}</text>',
        ]
    return "\n".join([*lines, "</svg>"]) + "\n"


def main(arguments):
    if len(arguments) < 2 or arguments[0] not in ("header", "manifest", "wiring", "picture"):
        sys.exit(__doc__)
    command, path = arguments[:2]
    board = load(path)
    if command in ("wiring", "picture"):
        sys.stdout.write(wiring(board) if command == "wiring" else picture(board))
        return
    build = build_hash(path, arguments[3:])
    output = Path(arguments[2])
    output.parent.mkdir(parents=True, exist_ok=True)
    if command == "header":
        output.write_text(header(board, build))
    else:
        output.write_bytes(manifest(board, build))


main(sys.argv[1:])
