#!/usr/bin/env python3
"""Turns hardware/boards/<board>.json into the C header that the firmware is built from.

    generate_board.py header   BOARD.json OUTPUT.h [SOURCE...]   channel table, manifest, checksums
    generate_board.py manifest BOARD.json OUTPUT.json [SOURCE...]
    generate_board.py wiring   BOARD.json                        Markdown table on stdout
    generate_board.py picture  BOARD.json                        the same as SVG on stdout
    generate_board.py parts    BOARD.json                        bill of materials as CSV on stdout
    generate_board.py hardware FOLDER                            rewrites wiring/*.svg, bom/*.csv and the tables of README.md

SOURCE files go into the build hash, so that a board tells which firmware it runs. The output depends on the bytes of
its inputs and on nothing else. Standard library only.
"""
import csv
import hashlib
import io
import json
import re
import sys
import zlib
from html import escape
from pathlib import Path

PROTOCOL, MINOR = 1, 1
FRAME_MAX = 52
MANIFEST_SIZE_MAX = 2400
CHANNELS_MAX = 16
PAUSE_MAX_MS = 1_800_000  # the board's microseconds are compared over at most 35 minutes
KINDS = {"relay": 1, "servo": 2, "motor": 3, "buzzer": 4, "strip": 5, "solenoid": 6, "light": 7, "stepper": 8,
         "button": 9, "switch": 10, "analog": 11, "distance": 12}
INPUTS = {"button", "switch", "analog", "distance"}
# What a kind has besides the keys of every channel: key -> (lowest, highest[, default]).
KIND_KEYS = {
    "relay": {},
    "solenoid": {},
    "servo": {"min_cdeg": (0, 36000), "max_cdeg": (0, 36000), "min_us": (400, 2600), "max_us": (400, 2600),
              "max_speed_cdps": (0, 60000, 0)},
    "motor": {"direction_pin": (0, 69), "brake_pin": (0, 69, None), "max_permille": (1, 1000), "ramp_ms": (0, 10000, 0)},
    "buzzer": {"min_hz": (40, 20000), "max_hz": (40, 20000)},
    "strip": {"pixels": (1, 64)},
    "light": {"max_permille": (1, 1000)},
    "stepper": {"direction_pin": (0, 69), "enable_pin": (0, 69, None), "min_steps": (-2**31, 0), "max_steps": (0, 2**31 - 1),
                "max_speed_sps": (16, 4000), "acceleration_sps2": (250, 60000)},
    "button": {"debounce_ms": (1, 250)},
    "switch": {"debounce_ms": (1, 250)},
    "analog": {"threshold_permille": (1, 1000), "min_interval_ms": (10, 60000)},
    "distance": {"echo_pin": (0, 69), "interval_ms": (60, 60000), "max_mm": (100, 8000), "threshold_mm": (1, 8000)},
}
LIMIT_KEYS = {"max_duty_permille": (1, 1000, 1000), "max_rate_per_min": (0, 6000, 0)}
COMMON_KEYS = {"name", "kind", "pin", "max_on_ms", "min_pause_ms", "delivery", "quiet", "dangerous", "wire", "bom", *LIMIT_KEYS}
PIN_KEYS = ("pin", "direction_pin", "brake_pin", "enable_pin", "echo_pin")

# Arduino's pin numbers: number -> port and bit, as the firmware counts them (8 * port + bit, ports ABCDEFGHJKL).
PORTS = "ABCDEFGHJKL"
UNO_PINS = [f"D{bit}" for bit in range(8)] + [f"B{bit}" for bit in range(6)] + [f"C{bit}" for bit in range(6)]
MEGA_PINS = ("E0 E1 E4 E5 G5 E3 H3 H4 H5 H6 B4 B5 B6 B7 J1 J0 H1 H0 D3 D2 D1 D0 A0 A1 A2 A3 A4 A5 A6 A7 C7 C6 C5 C4 C3 C2 C1 C0 "
             "D7 G2 G1 G0 L7 L6 L5 L4 L3 L2 L1 L0 B3 B2 B1 B0 F0 F1 F2 F3 F4 F5 F6 F7 K0 K1 K2 K3 K4 K5 K6 K7").split()
# chip -> pins, number of the first analog pin, bytes of program memory behind the store's first 72, flash, EEPROM.
CHIPS = {
    "atmega328p": (UNO_PINS, 14, 1024 - 72, 32768, 1024),
    "atmega2560": (MEGA_PINS, 54, 2000, 262144, 4096),
    "esp32": (None, 0, 952, 4194304, 0),
    "esp32c3": (None, 0, 952, 4194304, 0),
    None: (None, 0, 952, 0, 0),
}
FAMILIES = {"avr", "esp32", "rv32", None}
LOADERS = {"stk500v1", "stk500v2", "esp-rom"}
BOARD_KEYS = {"board", "title", "firmware", "family", "chip", "baud", "rx_window", "estop_pin", "bootloaders", "channels", "parts"}


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
    number(channel.get("pin"), 0, 69, f"{where} pin")
    for key, (lowest, highest, *default) in {**KIND_KEYS[kind], **LIMIT_KEYS}.items():
        if key in channel or not default:
            number(channel.get(key), lowest, highest, f"{where} {key}")
    for low, high in (("min_cdeg", "max_cdeg"), ("min_us", "max_us"), ("min_hz", "max_hz")):
        if low in channel and not channel[low] < channel[high]:
            fail(f"{where}: {low} must be below {high}")
    if kind in INPUTS:
        if any(key in channel for key in (*LIMIT_KEYS, "dangerous", "max_on_ms", "min_pause_ms")):
            fail(f"{where}: an input has no limits of outputs")
    else:
        number(channel.get("max_on_ms"), 1, 60000, f"{where} max_on_ms")
        number(channel.get("min_pause_ms"), 0, 60000, f"{where} min_pause_ms")
        if channel.get("delivery") not in ("at_least_once", "at_most_once"):
            fail(f"{where}: bad delivery")
        duty = channel.get("max_duty_permille", 1000)
        if channel["max_on_ms"] * (1000 - duty) // duty > PAUSE_MAX_MS:
            fail(f"{where}: after {channel['max_on_ms']} ms on, its duty asks for a pause of more than {PAUSE_MAX_MS} ms")
    if kind == "solenoid" and channel.get("max_duty_permille", 1000) == 1000:
        fail(f"{where}: a solenoid has a max_duty_permille, or it burns")
    if kind == "strip" and channel.get("quiet") is not True:
        fail(f"{where}: a strip is quiet, for its bits are sent with interrupts off")
    if kind == "strip" and any(key in channel for key in LIMIT_KEYS):
        fail(f"{where}: an effect is dark at times; duty and rate are not for strips")
    if kind == "stepper" and channel["max_speed_sps"] ** 2 // (2 * channel["acceleration_sps2"]) > 60000:
        fail(f"{where}: it needs more than 60000 steps to stop")


def chip_of(board):
    if board.get("chip") not in CHIPS:
        fail(f"unknown chip {board.get('chip')!r}")
    return CHIPS[board.get("chip")]


def load(path):
    board = json.loads(Path(path).read_text())
    channels = board["channels"]
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,15}", board["board"]) or Path(path).stem != board["board"]:
        fail("the board's name is the file's name")
    if not re.fullmatch(r"\d{1,3}\.\d{1,3}\.\d{1,3}", board["firmware"]):
        fail("firmware must be major.minor.patch")
    if set(board) - BOARD_KEYS:
        fail(f"unknown keys {sorted(set(board) - BOARD_KEYS)}")
    if board.get("family") not in FAMILIES:
        fail(f"unknown family {board.get('family')!r}")
    for loader in board.get("bootloaders", []):
        if set(loader) != {"protocol", "baud", "name"} or loader["protocol"] not in LOADERS:
            fail(f"bad bootloader {loader}")
    for part in board.get("parts", []):
        if len(part) != 5 or type(part[2]) is not int:
            fail(f"a part has reference, name, quantity, value and notes, unlike {part}")
    if not 1 <= len(channels) <= CHANNELS_MAX:
        fail(f"1 to {CHANNELS_MAX} channels")
    names = chip_of(board)[0]
    pins, taken = {}, set()
    if "estop_pin" in board:
        pins[number(board["estop_pin"], 0, 69, "estop_pin")] = "the E-stop"
    for index, channel in enumerate(channels):
        where = f"channel {index}"
        check_channel(channel, where)
        if channel["name"] in taken:
            fail(f"{where}: name {channel['name']} is taken")
        taken.add(channel["name"])
        for key in PIN_KEYS:
            if key not in channel:
                continue
            if names is not None and channel[key] >= len(names):
                fail(f"{where}: the board has no pin {channel[key]}")
            if pins.setdefault(channel[key], where) != where:
                fail(f"{where}: pin {channel[key]} is taken by {pins[channel[key]]}")
    return board


def build_hash(path, sources):
    digest = hashlib.sha256()
    for source in [path, __file__, *sorted(sources)]:
        content = Path(source).read_bytes()
        digest.update(Path(source).name.encode() + b"\0" + str(len(content)).encode() + b"\0" + content)
    return digest.hexdigest()[:8]


def manifest(board, build):
    """Compact: what has its usual value is left out."""
    channels = []
    for index, channel in enumerate(board["channels"]):
        entry = {"id": index, "name": channel["name"], "kind": channel["kind"], "pin": channel["pin"]}
        usual = {"max_on_ms": 0, "min_pause_ms": 0, "delivery": "at_most_once", "quiet": False, "dangerous": False,
                 "max_duty_permille": 1000, "max_rate_per_min": 0, "max_speed_cdps": 0, "ramp_ms": 0}
        entry.update({key: channel[key] for key in usual if key in channel and channel[key] != usual[key]})
        entry.update({key: channel[key] for key in KIND_KEYS[channel["kind"]] if key in channel and key not in usual})
        channels.append(entry)
    content = {"protocol": PROTOCOL, "minor": MINOR, "board": board["board"], "firmware": board["firmware"], "build": build,
               "rx_window": board["rx_window"], "frame_max": FRAME_MAX, "sequence_bytes": chip_of(board)[2]}
    if "estop_pin" in board:
        content["estop_pin"] = board["estop_pin"]
    text = json.dumps({**content, "channels": channels}, separators=(",", ":")).encode("ascii")
    if len(text) > MANIFEST_SIZE_MAX:
        fail(f"the manifest has {len(text)} bytes, at most {MANIFEST_SIZE_MAX} are allowed")
    return text


def pin_code(board, number):
    """The pin as the firmware counts it: on a chip with ports 8 * port + bit, else the number itself."""
    names = chip_of(board)[0]
    return number if names is None else 8 * PORTS.index(names[number][0]) + int(names[number][1])


def first_step_us(acceleration_sps2):
    """The first step's length; 0.676 of the exact one makes the following ones right."""
    return min(65535, round(0.676e6 * (2 / acceleration_sps2) ** 0.5))


def channel_fields(board, channel, slot, pixel_offset):
    kind = channel["kind"]
    low, high, limit = {
        "servo": ("min_cdeg", "max_cdeg", "max_speed_cdps"), "motor": (None, "max_permille", "ramp_ms"),
        "buzzer": ("min_hz", "max_hz", None), "strip": (None, "pixels", None), "button": (None, "debounce_ms", None),
        "switch": (None, "debounce_ms", None), "relay": (None, None, None), "solenoid": (None, None, None),
        "light": (None, "max_permille", None), "stepper": (None, None, "max_speed_sps"),
        "analog": ("min_interval_ms", None, "threshold_permille"), "distance": ("interval_ms", "max_mm", "threshold_mm"),
    }[kind]
    second = next((channel[key] for key in ("direction_pin", "echo_pin") if key in channel), None)
    third = next((channel[key] for key in ("brake_pin", "enable_pin") if key in channel), None)
    first_analog = chip_of(board)[1]
    rate = channel.get("max_rate_per_min", 0)
    fields = {
        "kind": KINDS[kind], "pin": pin_code(board, channel["pin"]),
        "second_pin": 255 if second is None else pin_code(board, second),
        "third_pin": 255 if third is None else pin_code(board, third),
        "slot": slot, "pixel_offset": pixel_offset, "dangerous": int(channel.get("dangerous", False)),
        "max_on_ms": channel.get("max_on_ms", 0), "min_pause_ms": channel.get("min_pause_ms", 0),
        "min_period_ms": -(-60000 // rate) if rate else 0, "max_duty_permille": channel.get("max_duty_permille", 1000),
        "low": channel.get(low, 0) if low else 0, "high": channel.get(high, 0) if high else 1000 if kind == "analog" else 0,
        "low_us": first_step_us(channel["acceleration_sps2"]) if kind == "stepper" else channel.get("min_us", 0),
        "high_us": channel.get("max_us", 0), "limit": channel.get(limit, 0) if limit else 0,
        "min_steps": channel.get("min_steps", 0), "max_steps": channel.get("max_steps", 0),
    }
    if kind == "analog" and first_analog:
        fields["second_pin"] = channel["pin"] - first_analog  # the converter's input
    return fields


# The fields of cue_channel_t with their sizes, and what most channels have. They are stored exclusively or'ed with that, and without
# the zeros at their end.
FIELDS = {"kind": (1, 0), "pin": (1, 0), "slot": (1, 0), "max_on_ms": (2, 0), "min_pause_ms": (2, 0), "high": (2, 0), "low": (2, 0),
          "second_pin": (1, 255), "third_pin": (1, 255), "dangerous": (1, 0), "pixel_offset": (1, 0), "min_period_ms": (2, 0),
          "max_duty_permille": (2, 1000), "limit": (2, 0), "low_us": (2, 0), "high_us": (2, 0), "min_steps": (4, 0), "max_steps": (4, 0)}


def packed_channel(fields):
    masked = ((fields[name] ^ usual) & ((1 << 8 * size) - 1) for name, (size, usual) in FIELDS.items())
    return b"".join(value.to_bytes(size, "little") for value, (size, _) in zip(masked, FIELDS.values())).rstrip(b"\0")


PAIRS_MAX, STACK_MAX = 128, 8


def packed_text(text):
    """Byte pair encoding: (pairs, bytes). A byte from 128 up stands for a pair of bytes, which may be such bytes again; none needs a stack
    deeper than STACK_MAX."""
    content, pairs, needs = list(text), [], {}
    while len(pairs) < PAIRS_MAX:
        counts, at = {}, 0
        while at + 1 < len(content):
            pair = (content[at], content[at + 1])
            if max(needs.get(pair[0], 0) + 1, needs.get(pair[1], 0)) <= STACK_MAX:
                counts[pair] = counts.get(pair, 0) + 1
            at += 2 if content[at:at + 3] == [content[at]] * 3 else 1
        best = max(counts, key=lambda pair: (counts[pair], pair), default=None)
        if best is None or counts[best] < 3:
            break
        token, merged, at = 128 + len(pairs), [], 0
        while at < len(content):
            fits = tuple(content[at:at + 2]) == best
            merged.append(token if fits else content[at])
            at += 2 if fits else 1
        needs[token] = max(needs.get(best[0], 0) + 1, needs.get(best[1], 0))
        content = merged
        pairs.append(best)
    return pairs, bytes(content)


def unpacked_text(pairs, content):
    return b"".join(unpacked_text(pairs, bytes(pairs[byte - 128])) if byte >= 128 else bytes([byte]) for byte in content)


POOLS = {"servo": "MOTION", "motor": "MOTION", "light": "MOTION", "strip": "STRIP", "stepper": "STEPPER", "analog": "READING",
         "distance": "READING"}


def bits(board, wanted):
    return sum(1 << index for index, channel in enumerate(board["channels"]) if wanted(channel))


def octets(content):
    lines = [", ".join(map(str, content[at:at + 24])) for at in range(0, len(content), 24)]
    return "    { \\\n" + "".join(f"        {line}, \\\n" for line in lines) + "    }"


def header(board, build):
    text = manifest(board, build)
    major, minor, patch = board["firmware"].split(".")
    rows, pixels, kinds = [], 0, 0
    packed, offsets = b"", []
    counts = {pool: 0 for pool in sorted(set(POOLS.values()))}
    pins = []
    for channel in board["channels"]:
        kind, pool = channel["kind"], POOLS.get(channel["kind"])
        fields = channel_fields(board, channel, counts.get(pool, 0), pixels)
        rows.append("    {" + ", ".join(f".{key} = {value}" for key, value in fields.items()) + "}, \\")
        offsets.append(len(packed))
        packed += packed_channel(fields)
        pixels += channel.get("pixels", 0)
        kinds |= 1 << KINDS[kind]
        if pool:
            counts[pool] += 1
        name = channel["name"].upper()
        for key in PIN_KEYS:
            if key in channel:
                suffix = "" if key == "pin" else "_" + key[:-4].upper()
                pins.append(f"#define CUE_PIN_{name}{suffix} {channel[key]}")
                if not any(line.startswith(f"#define CUE_{kind.upper()}{suffix}_PIN ") for line in pins):
                    pins.append(f"#define CUE_{kind.upper()}{suffix}_PIN {pin_code(board, channel[key])}")
    if "estop_pin" in board:
        pins.append(f"#define CUE_ESTOP_PIN {pin_code(board, board['estop_pin'])}")
        pins.append(f"#define CUE_PIN_ESTOP {board['estop_pin']}")
    names = chip_of(board)[0] or []
    numbers = [[names.index(f"{port}{bit}") if f"{port}{bit}" in names else -1 for bit in range(8)] for port in PORTS]
    # The beginning stays readable in the image, as an object of its own, so that a flasher sees whose firmware it is.
    head = text.index(b',"rx_window"')
    pairs, rest = packed_text(text[head:])
    assert unpacked_text(pairs, rest) == text[head:]
    rest = text[:head] + b"}" + rest
    name = board["board"].upper()
    pools = "\n".join(f"#define CUE_{pool}_COUNT {count}" for pool, count in counts.items())
    pin_lines = "\n".join(pins)
    number_lines = ", ".join("{" + ", ".join(map(str, port)) + "}" for port in numbers)
    return f"""// Generated from hardware/boards/{board['board']}.json by tools/generate_board.py. Change that file instead.
#ifndef CUE_GENERATED_{name}_H
#define CUE_GENERATED_{name}_H

#define CUE_BOARD_NAME "{board['board']}"
#define CUE_CHIP "{board.get('chip', '')}"
#define CUE_FLASH_BYTES {chip_of(board)[3]}
#define CUE_EEPROM_BYTES {chip_of(board)[4]}
#define CUE_BAUD {board['baud']}UL
#define CUE_BUILD 0x{build}UL
#define CUE_FIRMWARE_MAJOR {major}
#define CUE_FIRMWARE_MINOR {minor}
#define CUE_FIRMWARE_PATCH {patch}
#define CUE_CHANNEL_COUNT {len(board['channels'])}
#define CUE_KINDS_PRESENT 0x{kinds:x}u
#define CUE_INPUT_BITS 0x{bits(board, lambda channel: channel['kind'] in INPUTS):x}u
#define CUE_DANGEROUS_BITS 0x{bits(board, lambda channel: channel.get('dangerous', False)):x}u
#define CUE_PIXEL_COUNT {pixels}
#define CUE_SEQUENCE_BYTES {chip_of(board)[2]}
#define CUE_HAS_ESTOP {int("estop_pin" in board)}
#define CUE_MANIFEST_SIZE {len(text)}
#define CUE_MANIFEST_CRC32 0x{zlib.crc32(text):08x}UL
{pools}
{pin_lines}

// The board's pin numbers by port (A to L without I) and bit; -1: none.
#define CUE_PIN_NUMBERS \\
    {{ {number_lines} }}

// Initialiser of a cue_channel_t[CUE_CHANNEL_COUNT].
#define CUE_CHANNEL_TABLE \\
    {{ \\
{chr(10).join(rows)}
    }}

// Initialiser of a uint8_t[CUE_MANIFEST_SIZE].
#define CUE_MANIFEST_BYTES \\
{octets(text)}

// For chips with little flash. The manifest: CUE_MANIFEST_HEAD bytes as they are, one to be passed over, and then bytes of
// which each from 128 up stands for the pair CUE_MANIFEST_PAIRS[byte - 128]; a stack of CUE_MANIFEST_STACK bytes suffices.
#define CUE_MANIFEST_HEAD {head}
#define CUE_MANIFEST_STACK {STACK_MAX}
#define CUE_MANIFEST_PACKED \\
{octets(rest)}
#define CUE_MANIFEST_PAIRS \\
{octets(bytes(byte for pair in pairs for byte in pair))}

// The channels: a cue_channel_t, exclusively or'ed with CUE_CHANNEL_USUAL, lies from CUE_CHANNEL_OFFSETS[i] to the next one,
// without the zeros at its end.
#define CUE_CHANNEL_USUAL {{ {", ".join(f".{name} = {usual}" for name, (_, usual) in FIELDS.items() if usual)} }}
#define CUE_CHANNEL_PACKED \\
{octets(packed)}
#define CUE_CHANNEL_OFFSETS {{ {", ".join(map(str, [*offsets, len(packed)]))} }}

#endif
"""


def pin_name(board, number):
    """As it is printed on the board."""
    first_analog = chip_of(board)[1]
    if board.get("family") == "esp32":
        return f"IO{number}"
    return f"A{number - first_analog}" if first_analog and number >= first_analog else f"D{number}"


def pins_of(board, channel):
    """All pins of a channel, with what each is when there are several."""
    named = [(key[:-4].rstrip("_"), channel[key]) for key in PIN_KEYS if key in channel]
    return [(label, pin_name(board, pin)) for label, pin in named]


def limits_of(channel):
    """What else the board enforces, in words."""
    words = []
    if channel.get("max_duty_permille", 1000) < 1000:
        words.append(f"on at most {channel['max_duty_permille'] / 10:g} % of the time")
    if channel.get("max_rate_per_min"):
        words.append(f"at most {channel['max_rate_per_min']} times a minute")
    if channel.get("max_speed_cdps"):
        words.append(f"{channel['max_speed_cdps'] / 100:g} degrees a second")
    if channel.get("ramp_ms"):
        words.append(f"0 to full in {channel['ramp_ms'] / 1000:g} s")
    if channel.get("max_speed_sps"):
        words.append(f"{channel['max_speed_sps']} steps a second")
    if channel.get("dangerous"):
        words.append("needs unlocking")
    return ", ".join(words)


def wiring(board):
    lines = ["| id | channel | kind | pin | to | longest on | pause |", "| --- | --- | --- | --- | --- | --- | --- |"]
    for index, channel in enumerate(board["channels"]):
        pin = ", ".join(f"{label} {name}".strip() for label, name in pins_of(board, channel))
        limit = f"{channel['max_on_ms'] / 1000:g} s" if "max_on_ms" in channel else "–"
        pause = f"{channel['min_pause_ms']} ms" if "min_pause_ms" in channel else "–"
        more = limits_of(channel)
        to = channel["wire"] + (f" ({more})" if more else "")
        lines.append(f"| {index} | {channel['name']} | {channel['kind']} | {pin} | {to} | {limit} | {pause} |")
    if "estop_pin" in board:
        lines.append(f"| – | – | wired E-stop | {pin_name(board, board['estop_pin'])} | normally closed contact to ground; counts once "
                     "its option is set | – | – |")
    return "\n".join(lines) + "\n"


def picture(board):
    rows = [(", ".join(name for _, name in pins_of(board, channel)), "#2b8a3e" if channel["kind"] in INPUTS else "#c92a2a",
             f'{channel["name"]} ({channel["kind"]})', channel["wire"]) for channel in board["channels"]]
    if "estop_pin" in board:
        rows.append((pin_name(board, board["estop_pin"]), "#2b8a3e", "wired E-stop", "normally closed contact to ground"))
    height = 60 + 48 * len(rows)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 {height}" font-family="sans-serif" font-size="14">',
        f'<title>Wiring of {escape(board["title"])}</title>',
        '<rect width="100%" height="100%" fill="#fff"/>',
        f'<rect x="20" y="40" width="170" height="{height - 60}" rx="8" fill="#0b7285"/>',
        f'<text x="20" y="28" fill="#222">{escape(board["title"])}</text>',
    ]
    for index, (pins, colour, name, wire) in enumerate(rows):
        y = 68 + 48 * index
        lines += [
            f'<text x="178" y="{y + 5}" fill="#fff" text-anchor="end">{pins}</text>',
            f'<path d="M190 {y}H290" stroke="{colour}" stroke-width="3"/>',
            f'<rect x="290" y="{y - 18}" width="590" height="38" rx="6" fill="#f1f3f5" stroke="#868e96"/>',
            f'<text x="302" y="{y - 2}" fill="#222" font-weight="bold">{name}</text>',
            f'<text x="302" y="{y + 14}" fill="#495057" font-size="12">{escape(wire)}</text>',
        ]
    return "\n".join([*lines, "</svg>"]) + "\n"


def parts(board):
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(["reference", "part", "quantity", "value", "notes"])
    writer.writerows(board.get("parts", []))
    return output.getvalue()


def hardware(folder):
    """Everything under hardware/ that follows from boards/*.json."""
    readme = (folder / "README.md").read_text()
    for path in sorted((folder / "boards").glob("*.json")):
        board = load(path)
        if board.get("family") not in ("avr", "esp32"):
            continue  # nothing to wire
        (folder / "wiring" / f"{path.stem}.svg").write_text(picture(board))
        (folder / "bom" / f"{path.stem}.csv").write_text(parts(board))
        begin, end = f"<!-- wiring {path.stem} -->\n", "<!-- end -->"
        if begin in readme:
            before, rest = readme.split(begin, 1)
            readme = before + begin + wiring(board) + end + rest.split(end, 1)[1]
    (folder / "README.md").write_text(readme)


def main(arguments):
    prints = {"wiring": wiring, "picture": picture, "parts": parts}
    if len(arguments) < 2 or arguments[0] not in ("header", "manifest", "hardware", *prints):
        sys.exit(__doc__)
    command, path = arguments[:2]
    if command == "hardware":
        hardware(Path(path))
        return
    board = load(path)
    if command in prints:
        sys.stdout.write(prints[command](board))
        return
    build = build_hash(path, arguments[3:])
    output = Path(arguments[2])
    output.parent.mkdir(parents=True, exist_ok=True)
    if command == "header":
        output.write_text(header(board, build))
    else:
        output.write_bytes(manifest(board, build))


if __name__ == "__main__":
    main(sys.argv[1:])
