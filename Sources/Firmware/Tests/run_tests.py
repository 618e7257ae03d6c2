#!/usr/bin/env python3
"""Runs every test of the firmware: the Core's, the fuzzer's, and the promises of docs/hardware-promises.md on a simulated chip.

    run_tests.py OUT_FOLDER [PART OF A TEST'S NAME]

Board tests talk EP/1 through a pty to the Uno's machine code on a simulated ATmega328P; times are the chip's own. The last line is
"N passed, N failed".
"""
import json
import os
import random
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

import board as link
import flash_tests
import rv32_tests
import sketch_tests
import stage_tests
from board import (ACK, ARM, BEAT, COMMAND, DISARM, ESTOP, ESTOP_CLEAR, ESTOPPED, GUARD, HELLO_REQUEST, IDENTITY_WRITE, NAK, PULSE,
                   SAFE, Board, Refused, encode)
from registry import registry

ROOT = Path(__file__).resolve().parents[3]
OUT = Path(sys.argv[1]).resolve()
ONLY = sys.argv[2] if len(sys.argv) > 2 else ""
SEED = int(os.environ.get("SEED", time.time_ns() % 1000000))
RELAY1, RELAY2, LAMP, SERVO, MOTOR, BUZZER, STRIP, BUTTON = range(8)
OUTPUT_PINS = ["D3", "D6", "D7", "D8", "D9", "D10", "D12", "D13"]
# For a line that loses frames, or a board whose answers wait behind others and find no room.
PATIENT = {"timeout": 0.25, "tries": 200}
TESTS, test = registry()


def avr(*flags, **options):
    return Board(OUT / "cuelight-board-avr", "--firmware", OUT / "uno.hex", *flags, **options)


def host(*flags, **options):
    return Board(OUT / "cuelight-board-host", *flags, **options)


def is_on(entry):
    """Whether an entry of the log is an output that goes on."""
    return (entry.get("level") == 1 or entry.get("width_us", 0) > 0 or entry.get("duty_permille", 0) > 0
            or entry.get("frequency_hz", 0) > 0 or set(entry.get("rgb", "0")) != {"0"})


def is_output(entry):
    return any(key in entry for key in ("pin", "servo", "pwm", "tone", "strip"))


def outputs_now(entries):
    """The last entry of each output."""
    last = {}
    for entry in entries:
        for key in ("servo", "pwm", "tone", "strip"):
            if key in entry:
                last[key + entry[key]] = entry
        if "pin" in entry:
            last["pin" + entry["pin"]] = entry
    return last


def assert_all_off(board):
    on = [entry for entry in outputs_now(board.read_log()).values() if is_on(entry)]
    assert not on, on


def turn_everything_on(board):
    start = board.mark()
    for turn_on in (lambda: board.set(RELAY1, 1), lambda: board.set(RELAY2, 1), lambda: board.set(LAMP, 1),
                    lambda: board.target(SERVO, 9000), lambda: board.drive(MOTOR, -600), lambda: board.tone(BUZZER, 1000)):
        board.when_free(turn_on)
    board.beat_at = None  # a strip is quiet: nothing else until its answer
    board.fill(STRIP, bytes([10, 20, 30]), 0, 8)
    board.beat_at = time.monotonic() + 0.2
    board.wait_log(lambda entry: is_on(entry) and "strip" in entry, start)
    board.wait_log(lambda entry: is_on(entry) and "tone" in entry, start)
    on = {key for key, entry in outputs_now(board.read_log()).items() if is_on(entry)}
    assert on == {"pinD7", "pinD8", "pinD13", "pinD12", "servoD9", "pwmD3", "toneD10", "stripD6"}, on


def time_all_off(board, start, since_us):
    """Milliseconds by the chip's clock from since_us until the last output went off. Its tone is heard to end 20 ms late."""
    wanted = {"D7", "D8", "D12", "D13", "servo", "pwm", "strip", "tone"}
    times = {}
    deadline = time.monotonic() + GUARD
    while wanted - set(times) and time.monotonic() < deadline:
        for entry in board.read_log()[start:]:
            if is_output(entry) and not is_on(entry):
                key = entry.get("pin") or next(key for key in ("servo", "pwm", "tone", "strip") if key in entry)
                times.setdefault(key, entry["t_us"] - (20000 if key == "tone" else 0))
        board.serve(0.01)
    assert not wanted - set(times), f"still on: {wanted - set(times)}"
    return (max(times[key] for key in wanted) - since_us) / 1000


def decode_type(wire):
    return link.decode(bytes.fromhex(wire)[1:-1])[0]


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))]


# ---- Promises

@test("boot is safe: no output goes on before ARM, at power-on, at opening and while unarmed requests come")
def boot_is_safe():
    with avr() as board:
        board.open()
        for request in ((COMMAND, bytes([RELAY1, PULSE, 50, 0])), (COMMAND, bytes([STRIP, 6, 255, 255, 255, 0, 8, 0, 0])),
                        (ARM, struct.pack("<I", board.nonce ^ 1)), (DISARM, b""), (BEAT, b"")):
            try:
                board.request(*request)
            except Refused as refusal:
                assert refusal.reason in ("not_armed", "wrong_nonce")
        board.rest(0.3)
        assert not [entry for entry in board.read_log() if is_output(entry) and is_on(entry)]
        levels = {entry["pin"] for entry in board.read_log() if entry.get("level") == 0}
        assert levels >= set(OUTPUT_PINS) - {"D6", "D10"}, levels  # the log was not empty


@test("opening the port resets an armed board, and nothing goes on afterwards")
def open_resets():
    with avr() as board:
        board.open()
        board.arm()
        turn_everything_on(board)
        nonce = board.nonce
        board.beat_at = None
        start = board.mark()
        board.close()
        board.wait_log(lambda entry: entry.get("level") == 0 and entry["pin"] == "D7", start)
        # The outputs fall one after another, and the tone's last half period, cut short, looks like another tone.
        board.wait_log(lambda entry: entry.get("tone") == "D10" and entry["frequency_hz"] == 0, start)
        start = board.mark()
        board.open()
        assert board.nonce != nonce
        assert board.hello["state"] & 3 == SAFE
        board.rest(0.2)
        on = [entry for entry in board.read_log()[start:] if is_output(entry) and is_on(entry)]
        assert not on, on


@test("every opening of the port is a reset, however short it was closed; a second opener is none")
def every_opening():
    for start in (avr, host):
        with start() as board:
            board.open()
            nonces = {board.nonce}
            for _ in range(20):
                mark = board.mark()
                os.close(board.port)
                board.port = os.open(board.link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
                board.buffer, board.frames = b"", []
                board.wait_log(lambda entry: entry.get("reset") == "open", mark)
                # What the former opener did not read may still be there.
                board.take_hello(board.wait_frame(lambda frame: frame[0] == link.HELLO and
                                                  struct.unpack("<I", frame[2][1:5])[0] not in nonces)[2])
                nonces.add(board.nonce)
            mark = board.mark()
            second = os.open(board.link, os.O_RDWR | os.O_NOCTTY)
            board.ack(BEAT)
            os.close(second)
            board.ack(BEAT)
            board.rest(0.02)
            assert not [entry for entry in board.read_log()[mark:] if "reset" in entry]


@test("host silence makes every output safe within 600 ms")
def silence():
    with avr() as board:
        board.open()
        board.arm()
        turn_everything_on(board)
        board.beat_at = None
        start = board.mark()
        board.ack(BEAT)
        last_us = [entry for entry in board.read_log() if "uart_rx" in entry][-1]["t_us"]
        took_ms = time_all_off(board, start, last_us)
        print(f"    every output safe {took_ms:.1f} ms after the last frame")
        assert 490 <= took_ms <= 600, took_ms
        board.wait_event((2, 255, 1))
        assert board.ack(BEAT)[0] & 7 == SAFE | 4
        assert board.counters()["link_losses"] == 1


@test("a dead host (closed port) makes every output safe within 600 ms")
def dead_host():
    with avr() as board:
        board.open()
        board.arm()
        turn_everything_on(board)
        board.beat_at = None
        start = board.mark()
        board.ack(BEAT)
        last_us = [entry for entry in board.read_log() if "uart_rx" in entry][-1]["t_us"]
        board.close()
        took_ms = time_all_off(board, start, last_us)
        assert took_ms <= 600, took_ms


@test("no output is on longer than its max_on_ms, however faithfully the host beats")
def longest_on_time():
    with avr() as board:
        board.open()
        board.arm()
        board.set(RELAY1, 1)
        board.drive(MOTOR, 500)
        board.wait_log(lambda entry: entry.get("level") == 0 and entry["pin"] == "D7", board.mark())
        relay = [entry for entry in board.edges("D7") if entry["level"] in (0, 1)]
        on_ms = (relay[-1]["t_us"] - relay[-2]["t_us"]) / 1000
        duty = [entry for entry in board.read_log() if "pwm" in entry]
        motor_ms = (duty[-1]["t_us"] - duty[-2]["t_us"]) / 1000
        print(f"    relay cut after {on_ms:.1f} ms of 10000, motor after {motor_ms:.1f} ms of 5000")
        assert 9999 <= on_ms <= 10003, on_ms
        assert 4999 <= motor_ms <= 5003, motor_ms
        board.wait_event((2, RELAY1, 3))
        board.wait_event((2, MOTOR, 3))
        assert board.counters()["max_on_cuts"] == 2


@test("the E-stop drops every output within 10 ms, latches, and needs clearing and arming")
def estop():
    with avr() as board:
        board.open()
        board.arm()
        turn_everything_on(board)
        start = board.mark()
        state, active = board.ack(ESTOP)
        assert (state & 3, active) == (ESTOPPED, 0)
        stop_us = next(entry for entry in board.read_log()[start:]
                       if "uart_rx" in entry and decode_type(entry["uart_rx"]) == ESTOP)["t_us"]
        took_ms = time_all_off(board, start, stop_us)
        print(f"    every output off {took_ms:.1f} ms after the E-stop's last byte")
        assert took_ms <= 10, took_ms
        for request, reason in ((lambda: board.pulse(RELAY1, 10), "estopped"), (lambda: board.arm(), "estopped"),
                                (lambda: board.ack(ESTOP_CLEAR, bytes(4)), "wrong_nonce")):
            try:
                request()
                raise AssertionError("was not refused")
            except Refused as refusal:
                assert refusal.reason == reason, refusal.reason
        assert board.ack(ESTOP_CLEAR, struct.pack("<I", board.nonce))[0] & 3 == SAFE
        assert_all_off(board)
        board.arm()
        board.pulse(RELAY1, 10)


def hang_test(line, cause_bits):
    with avr() as board:
        board.open()
        board.arm()
        turn_everything_on(board)
        board.beat_at = None
        start = board.mark()
        board.control(line)
        hang_us = board.wait_log(lambda entry: "hang" in entry, start)["t_us"]
        # High-impedance counts as off: the relay board's inputs are pulled down.
        board.wait_log(lambda entry: entry.get("pin") == "D7" and entry["level"] in (0, "Z"), start)
        board.wait_log(lambda entry: entry.get("reset") == "watchdog", start)
        off_us = {}
        for entry in board.read_log()[start:]:
            if entry.get("pin") in ("D7", "D8", "D12", "D13") and entry["level"] in (0, "Z"):
                off_us.setdefault(entry["pin"], entry["t_us"])
            for key in ("servo", "pwm"):
                if key in entry and not is_on(entry):
                    off_us.setdefault(key, entry["t_us"])
        assert set(off_us) == {"D7", "D8", "D12", "D13", "servo", "pwm"}, off_us
        took_ms = (max(off_us.values()) - hang_us) / 1000
        _, _, payload = board.wait_frame(lambda frame: frame[0] == link.HELLO)
        hello = board.take_hello(payload)
        print(f"    every output safe {took_ms:.1f} ms after the hang, reset cause {hello['reset_cause']:#x}")
        assert took_ms <= 300, took_ms
        assert hello["reset_cause"] & 0x88 == cause_bits, hello["reset_cause"]
        assert hello["state"] & 3 == SAFE
        board.wait_event((2, 255, 2))
        dark = board.wait_log(lambda entry: "strip" in entry and not is_on(entry), start)
        assert (dark["t_us"] - hang_us) / 1000 <= 300, dark
        board.rest(0.1)
        assert_all_off(board)


@test("a hung program: every output safe within 300 ms, then a reset that tells why")
def hang():
    hang_test("hang", 0x88)


@test("a program hung with interrupts off: every output safe within 300 ms by the watchdog's reset")
def hang_with_interrupts_off():
    hang_test("hang-cli", 0x08)


@test("servo angles become pulses of the right width")
def servo():
    with avr() as board:
        board.open()
        board.arm()
        for angle, width in ((0, 500), (4500, 1000), (9000, 1500), (18000, 2500)):
            start = board.mark()
            board.target(SERVO, angle)
            board.wait_log(lambda entry: entry.get("width_us") == width, start)
        start = board.mark()
        board.target(SERVO, 9000, 200)
        board.wait_log(lambda entry: entry.get("width_us") == 0, start)


@test("the strip shows exactly the colours that were sent")
def strip():
    generator = random.Random(SEED)
    with avr() as board:
        board.open()
        board.arm(beat=False)
        pixels = ["000000"] * 8
        for _ in range(40):
            rgb = bytes(generator.choice((0, 1, 127, 128, 254, 255, generator.randrange(256))) for _ in range(3))
            first = generator.randrange(8)
            count = generator.randrange(1, 9 - first)
            before = "".join(pixels)
            pixels[first:first + count] = [rgb.hex()] * count
            if "".join(pixels) == before == "0" * 48:
                continue
            start = board.mark()
            board.fill(STRIP, rgb, first, count)
            seen = board.wait_log(lambda entry: "strip" in entry, start)
            assert seen["rgb"] == "".join(pixels) and "bad_timing" not in seen, (seen, pixels)
        counters = board.counters()
        assert (counters["overruns"], counters["ring_overflows"], counters["crc_errors"]) == (0, 0, 0), counters


@test("a command sent five times with one sequence number makes one pulse")
def duplicates():
    with avr() as board:
        board.open()
        board.arm(beat=False)  # a beat would move board.seq on
        payload = bytes([LAMP, PULSE]) + struct.pack("<H", 10)
        seq = (board.seq + 1) % 256
        start = board.mark()
        for _ in range(5):
            board.send(COMMAND, payload, seq=seq)
            board.wait_frame(lambda frame: frame[0] == ACK and frame[1] == seq)
            board.wait_log(lambda entry: entry.get("pin") == "D13" and entry["level"] == 0, start)
        assert len([entry for entry in board.edges("D13", start) if entry["level"] == 1]) == 1
        counters = board.counters()
        assert (counters["duplicates"], counters["executed"]) == (4, 1), counters


@test("with 10 % of frames damaged and 10 % of answers lost, resends make exactly as many pulses as commands")
def lossy_line():
    generator = random.Random(SEED)
    sendings = 0

    def damage(wire):
        nonlocal sendings
        sendings += 1
        if generator.random() >= 0.1:
            return wire
        at = generator.randrange(1, len(wire) - 1)
        return wire[:at] + bytes([wire[at] ^ 1 << generator.randrange(8)]) + wire[at + 1:]

    with avr() as board:
        board.open()
        board.arm()
        executed, wanted = 0, 250
        start = board.mark()
        board.loses = lambda: generator.random() < 0.1
        while executed < wanted:
            board.when_free(lambda: board.pulse(LAMP, 2, corrupt=damage, timeout=0.04, tries=1500))
            executed += 1
        board.loses = None
        # The last pulse may have ended long before its answer came through: what counts is that the pin is low by now.
        board.wait_until(lambda: board.edges("D13", start)[-1]["level"] == 0)
        pulses = [entry for entry in board.edges("D13", start) if entry["level"] == 1]
        counters = board.counters(**PATIENT)
        print(f"    SEED={SEED}: {wanted} commands, {sendings} sendings, {len(pulses)} pulses, {counters['duplicates']} replays, "
              f"{counters['crc_errors'] + counters['framing_errors']} damaged frames seen")
        assert len(pulses) == wanted == counters["executed"], (len(pulses), counters)
        assert counters["duplicates"] > 0 and counters["crc_errors"] + counters["framing_errors"] > 0, "the line was too good"


@test("a button's changes arrive as events within 30 ms, debounced")
def button():
    with avr() as board:
        board.open()
        for pressed in (1, 0, 1, 0):
            board.events.clear()
            start = board.mark()
            board.control(f"button {pressed}")
            board.wait_event((1, BUTTON, pressed))
            pressed_us = board.wait_log(lambda entry: entry.get("button") == pressed, start)["t_us"]
            told = board.wait_log(lambda entry: "uart_tx" in entry and decode_type(entry["uart_tx"]) == link.EVENT, start)
            took_ms = (told["t_us"] - pressed_us) / 1000
            assert 10 <= took_ms <= 30, took_ms
            assert bool(board.ack(BEAT)[1] & 1 << BUTTON) == bool(pressed)
        board.events.clear()
        for bounce in range(20):
            # Not longer than 2 ms by the board's clock, even if this process is not run in between.
            board.control(f"run 2\nbutton {bounce % 2}")
        board.control("button 1")
        board.wait_event((1, BUTTON, 1))
        board.rest(0.1)
        assert [event[:3] for event in board.events] == [(1, BUTTON, 1)], board.events


@test("a pulse has its length within 0.5 ms")
def pulse_length():
    with avr() as board:
        board.open()
        board.arm()
        errors = []
        for duration in (1, 5, 20, 50, 133, 500):
            start = board.mark()
            board.when_free(lambda: board.pulse(RELAY1, duration))
            off = board.wait_log(lambda entry: entry.get("pin") == "D7" and entry["level"] == 0, start)
            on = board.edges("D7", start)[0]
            errors.append((off["t_us"] - on["t_us"]) / 1000 - duration)
            board.wait_log(lambda entry: entry["t_us"] > off["t_us"] + 20000, start)
        print(f"    off by {min(errors):.3f} to {max(errors):.3f} ms")
        assert -0.1 <= min(errors) and max(errors) <= 0.5, errors


@test("a tone has its frequency within 1 %, a motor its duty within 0.5 %")
def tone_and_motor():
    with avr() as board:
        board.open()
        board.arm()
        for frequency in (100, 440, 1000, 2637, 5000):
            start = board.mark()
            board.tone(BUZZER, frequency, 150)
            board.wait_log(lambda entry: entry.get("frequency_hz") == 0, start)
            heard = [entry["frequency_hz"] for entry in board.read_log()[start:] if entry.get("frequency_hz", 0) > 0]
            # Single edges wait for another interrupt; what is heard most is the tone.
            best = min(abs(value - frequency) / frequency for value in heard)
            assert best <= 0.01, (frequency, heard)
        for speed in (1000, -500, 250, 1):
            start = board.mark()
            board.when_free(lambda: board.drive(MOTOR, speed))
            if speed != 1:
                seen = board.wait_log(lambda entry: entry.get("duty_permille", 0) > 0, start)
                assert abs(seen["duty_permille"] - abs(speed)) <= 5, seen
                assert outputs_now(board.read_log())["pinD12"]["level"] == (1 if speed < 0 else 0)
            board.drive(MOTOR, 0)
            board.when_free(lambda: board.drive(MOTOR, 100))
            board.drive(MOTOR, 0)


def clock_lead_us(board):
    """The board's clock less the chip's true time, as of one TIME request; only differences of two mean something."""
    (uptime_us, _), _, taken, _ = board.clock_and_entries()
    return uptime_us - taken["t_us"]


@test("a thousand tones, one right after the other: the board goes on, and its clock loses nothing")
def many_tones():
    with avr() as board:
        board.open()
        board.arm()
        start = board.mark()
        lead_us = clock_lead_us(board)
        for number in range(1000):
            board.tone(BUZZER, 2000 + number, 1000)
        assert not [entry for entry in board.read_log()[start:] if "reset" in entry], "the board was reset"
        lost_us = lead_us - clock_lead_us(board)
        assert abs(lost_us) <= 500, f"the clock lost {lost_us} us"
        # Armed all the while: the next one is done.
        board.pulse(RELAY1, 10)


@test("a uid is kept over resets and over power-off, and every boot has another nonce")
def identity():
    uid = bytes.fromhex("0123456789abcdef")
    with tempfile.TemporaryDirectory() as folder:
        eeprom = Path(folder) / "eeprom"
        nonces = set()
        with avr(eeprom=eeprom) as board:
            board.open()
            assert board.hello["state"] & 16 and board.hello["uid"] == b"\xff" * 8
            board.ack(IDENTITY_WRITE, uid)
            nonces.add(board.nonce)
            for _ in range(3):
                board.close()
                board.rest(0.02)
                board.open()
                nonces.add(board.nonce)
                assert board.hello["uid"] == uid and not board.hello["state"] & 16
        with avr(eeprom=eeprom) as board:
            board.open()
            nonces.add(board.nonce)
            assert board.hello["uid"] == uid
            assert len(nonces) == 5, nonces
            board.arm()
            try:
                board.ack(IDENTITY_WRITE, bytes(range(8)))
                raise AssertionError("was not refused")
            except Refused as refusal:
                assert refusal.reason == "not_blank"
        with avr("--uid", "a1a2a3a4a5a6a7a8") as board:
            assert board.open().hello["uid"].hex() == "a1a2a3a4a5a6a7a8"


@test("lost bytes are counted, and the board goes on")
def overruns():
    with avr() as board:
        board.open()
        # 30 frames back to back: the idle board takes them all.
        before = board.counters()
        for _ in range(30):
            board.send(BEAT)
        board.wait_frame(lambda frame: frame[0] == ACK and frame[1] == board.seq)
        counters = board.counters()
        assert (counters["overruns"], counters["ring_overflows"], counters["crc_errors"]) == (0, 0, 0), counters
        # A burst while the store is written: the ring has 63 places.
        board.write(encode(IDENTITY_WRITE, 100, bytes(range(1, 9))) + b"".join(encode(BEAT, seq) for seq in range(101, 141)))
        board.rest(0.3)
        answers = sum(frame[0] == ACK for frame in board.frames)
        board.frames.clear()
        board.request(HELLO_REQUEST, **PATIENT)  # the first may still fall into the burst
        counters = board.counters(**PATIENT)
        lost = counters["overruns"] + counters["ring_overflows"]
        print(f"    {lost} bytes and {counters['transmit_drops']} answers lost in a burst of 298 bytes, {answers} of 41 answered")
        assert counters["ring_overflows"] > 0 and counters["uptime_ms"] > before["uptime_ms"], counters
        assert counters["loop_max_us"] < 60000, counters


@test("noise of a modem probe does not swallow the next frame")
def noise():
    with avr() as board:
        board.open()
        for _ in range(20):
            os.write(board.port, b"AT\r\nAT+GCAP\r\n")
            board.ack(BEAT)
        assert board.counters()["framing_errors"] + board.counters()["crc_errors"] >= 20


@test("the Uno's manifest says what hardware/boards/uno.json says")
def manifest():
    with avr() as board:
        board.open()
        manifest = board.manifest()
        source = json.loads((ROOT / "hardware/boards/uno.json").read_text())
        assert int(manifest["build"], 16) == board.hello["build"]
        assert manifest["firmware"] == source["firmware"] == "{major}.{minor}.{patch}".format(**board.hello)
        assert len(manifest["channels"]) == len(source["channels"])
        for index, (told, wanted) in enumerate(zip(manifest["channels"], source["channels"])):
            assert told["id"] == index
            for key in set(wanted) - {"wire"}:
                # What has its usual value is left out.
                assert told.get(key, {"min_pause_ms": 0, "delivery": "at_most_once"}.get(key)) == wanted[key], (index, key)


@test("the chip answers a command within 5 ms of its arrival, 99 % of the time")
def round_trip():
    with avr() as board:
        board.open()
        board.arm(beat=False)
        board.round_trips.clear()
        for index in range(500):
            board.when_free(lambda: board.set(LAMP, 1, 1000) if index % 2 == 0
                            else board.target(SERVO, 100 * (index % 180), 1000))
        trips = [1000 * value for value in board.round_trips]
        start = board.mark()
        board.set(LAMP, 0)
        for _ in range(200):
            board.when_free(lambda: board.pulse(LAMP, 2))
        board.rest(0.02)
        entries = board.read_log()[start:]
        arrived, delays, answers = None, [], []
        for entry in entries:
            if "uart_rx" in entry:
                arrived = entry
            elif "uart_tx" in entry and decode_type(entry["uart_tx"]) in (ACK, NAK):
                answers.append((entry["t_us"] - arrived["t_us"]) / 1000)
            elif entry.get("pin") == "D13" and entry["level"] == 1:
                delays.append((entry["t_us"] - arrived["t_us"]) / 1000)
        p50, p99 = percentile(trips, 0.5), percentile(trips, 0.99)
        print(f"    command to ACK through the pty: p50 {p50:.2f} ms, p99 {p99:.2f} ms (n={len(trips)})")
        print(f"    bytes at the port to the answer's last byte, chip's clock: p50 {percentile(answers, 0.5):.2f} ms, "
              f"p99 {percentile(answers, 0.99):.2f} ms (n={len(answers)})")
        print(f"    bytes at the port to pin edge, chip's clock: p50 {percentile(delays, 0.5):.2f} ms, "
              f"p99 {percentile(delays, 0.99):.2f} ms (n={len(delays)}); the wire alone takes 0.9 ms")
        # The wall clock's figures depend on what else this computer does; they are printed and not judged.
        assert len(delays) == 200 and len(answers) >= 200
        assert percentile(delays, 0.99) < 5 and percentile(answers, 0.99) < 5


def generated(command, board):
    return subprocess.run([sys.executable, ROOT / "Sources/Firmware/tools/generate_board.py", command,
                           ROOT / f"hardware/boards/{board}.json"], check=True, capture_output=True, text=True).stdout


def real_boards():
    boards = {path.stem: json.loads(path.read_text()) for path in (ROOT / "hardware/boards").glob("*.json")}
    assert len(boards) >= 9
    return sorted(name for name, board in boards.items() if board.get("family") in ("avr", "esp32"))


@test("the wiring tables of hardware/README.md are those of the boards' JSON")
def wiring():
    page = (ROOT / "hardware/README.md").read_text()
    for board in real_boards():
        assert f"<!-- wiring {board} -->\n{generated('wiring', board)}<!-- end -->" in page, board


@test("the wiring pictures and the lists of parts are those of the boards' JSON")
def wiring_picture():
    for board in real_boards():
        assert generated("picture", board) == (ROOT / f"hardware/wiring/{board}.svg").read_text(), board
        assert generated("parts", board) == (ROOT / f"hardware/bom/{board}.csv").read_text(), board


@test("every promise names a test that exists")
def promises():
    text = (ROOT / "docs/hardware-promises.md").read_text()
    named = re.findall(r"`(board|core): ([^`]+)`", text)
    assert len(named) >= 12
    core = "\n".join(path.read_text() for path in (ROOT / "Sources/Firmware/Tests").glob("test_*.c"))
    known = {name for name, _ in TESTS}
    for kind, name in named:
        assert name in known if kind == "board" else f'"{name}"' in core, name


@test("the board tables are generated the same twice")
def deterministic():
    with tempfile.TemporaryDirectory() as folder:
        outputs = []
        for name in ("a.h", "b.h"):
            subprocess.run([sys.executable, ROOT / "Sources/Firmware/tools/generate_board.py", "header",
                            ROOT / "hardware/boards/uno.json", Path(folder) / name], check=True)
            outputs.append((Path(folder) / name).read_bytes())
        assert outputs[0] == outputs[1]


@test("the golden frames are those of the second codec")
def golden():
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, ROOT / "Sources/Firmware/tools/make_golden.py", folder], check=True)
        fresh = {path.name: path.read_text() for path in Path(folder).iterdir()}
        kept = {path.name: path.read_text() for path in (ROOT / "Tests/Golden/link").glob("*.hex")}
        assert fresh == kept


@test("every header compiles on its own, as C and as C++, with gcc and with clang")
def headers():
    compilers = [["gcc", "-std=c11", "-xc"], ["g++", "-std=c++17", "-xc++"]]
    if subprocess.run(["sh", "-c", "command -v clang"], capture_output=True).returncode == 0:
        compilers += [["clang", "-std=c11", "-xc"], ["clang++", "-std=c++17", "-xc++"]]
    folder = ROOT / "Sources/Firmware/Core/src"
    headers = sorted(folder.glob("*.h"))
    assert len(headers) >= 10
    for header in headers:
        for compiler in compilers:
            run = subprocess.run([*compiler, "-Wall", "-Wextra", "-Wconversion", "-Werror", "-fsyntax-only", "-I", folder, "-"],
                                 input=f'#include "{header.name}"\n', capture_output=True, text=True)
            assert run.returncode == 0, (header.name, compiler[0], run.stderr)
    for source in sorted(folder.glob("*.c")):
        for compiler in compilers:
            if compiler[-1] == "-xc":
                run = subprocess.run([*compiler[:-1], "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-fsyntax-only", source],
                                     capture_output=True, text=True)
                assert run.returncode == 0, (source.name, compiler[0], run.stderr)


@test("a line full of random bytes moves nothing and stops nothing")
def babble():
    generator = random.Random(SEED)
    with avr() as board:
        board.open()
        sent = 0
        deadline = time.monotonic() + GUARD
        while sent < 25000:  # two seconds of the line
            assert time.monotonic() < deadline, sent
            noise = bytes(0 if generator.random() < 0.1 else generator.randrange(256) for _ in range(256))
            try:
                sent += os.write(board.port, noise)
            except BlockingIOError:
                pass
            board.rest(0.02)
        board.frames.clear()
        board.wait_log(lambda entry: "uart_rx" in entry)
        board.request(HELLO_REQUEST, **PATIENT)
        counters = board.counters(**PATIENT)
        errors = counters["crc_errors"] + counters["framing_errors"]
        print(f"    SEED={SEED}: {sent} random bytes, {errors} errors counted, longest pass {counters['loop_max_us']} us")
        assert errors > 100 and counters["boots"] == 1, counters
        assert not [entry for entry in board.read_log() if is_output(entry) and is_on(entry)]


@test("variables and stack leave at least 600 bytes of the Uno's memory untouched")
def memory():
    with avr() as board:
        board.open()
        board.manifest()
        board.arm()
        turn_everything_on(board)
        board.control("button 1")
        board.wait_event((1, BUTTON, 1))
        board.counters()
        board.ack(ESTOP)
        board.ack(IDENTITY_WRITE, bytes(range(1, 9)))
        board.control("memory")
        untouched = board.wait_log(lambda entry: "ram_untouched" in entry)["ram_untouched"]
        print(f"    {untouched} of 2048 bytes untouched")
        assert untouched >= 600, untouched


# ---- The simulators as programs

def ends(program, how):
    command = [OUT / "cuelight-board-avr", "--firmware", OUT / "uno.hex"] if program == "avr" else [OUT / "cuelight-board-host"]
    process = subprocess.Popen([*map(str, command), "--events", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert "ready" in process.stdout.readline()
    how(process)
    assert process.wait(GUARD) == 0
    process.stdout.close()


@test("the simulators end when stdin closes and on SIGTERM")
def simulators_end():
    for program in ("avr", "host"):
        ends(program, lambda process: process.stdin.close())
        ends(program, lambda process: process.send_signal(signal.SIGTERM))


@test("the simulators do not outlive their parent")
def simulators_die():
    for program in ("cuelight-board-avr", "cuelight-board-host"):
        script = ("import subprocess, sys, time\n"
                  "p = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, "
                  "start_new_session=True)\n"
                  "p.stdout.readline(); print(p.pid, flush=True); time.sleep(60)\n")
        flags = ["--firmware", str(OUT / "uno.hex")] if program.endswith("avr") else []
        parent = subprocess.Popen([sys.executable, "-c", script, str(OUT / program), *flags, "--events", "-"],
                                  stdout=subprocess.PIPE, text=True)
        child = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()
        parent.wait()
        gone, _, _ = select.select([child], [], [], GUARD)
        os.close(child)
        parent.stdout.close()
        assert gone, "the simulator is still there"


@test("an idle simulator takes less than a third of a core (AVR) or a tenth (host)")
def simulators_idle():
    for start, limit in ((avr, 0.33), (host, 0.10)):
        with start() as board:
            def used():
                return sum(map(int, Path(f"/proc/{board.process.pid}/stat").read_text().split()[13:15])) / os.sysconf("SC_CLK_TCK")
            shares = []
            for attached in (False, True):
                if attached:
                    board.open()
                board.beat_at = None
                measured = []
                for _ in range(5):
                    began, before = time.monotonic(), used()
                    board.rest(1)
                    measured.append((used() - before) / (time.monotonic() - began))
                    if measured[-1] < limit:
                        break  # the least counts: what shares a core makes a program take more of it
                shares.append(min(measured))
            print(f"    {board.process.args[0].split('/')[-1]}: {shares[0]:.0%} of a core alone, {shares[1]:.0%} attached")
            assert max(shares) < limit, shares


@test("the host board keeps the same promises: silence, E-stop, hang")
def host_board():
    with host() as board:
        board.open()
        board.arm()
        turn_everything_on(board)
        board.ack(ESTOP)
        assert_all_off(board)
        board.ack(ESTOP_CLEAR, struct.pack("<I", board.nonce))
        board.arm()
        turn_everything_on(board)
        board.beat_at = None
        board.events.clear()
        board.ack(BEAT)
        start = board.mark()
        last_us = [entry for entry in board.read_log() if "uart_rx" in entry][-1]["t_us"]
        board.wait_event((2, 255, 1))
        board.wait_log(lambda entry: "strip" in entry and not is_on(entry), start)
        off = max(entry["t_us"] for entry in board.read_log()[start:] if is_output(entry))
        assert 450 <= (off - last_us) / 1000 <= 650, off - last_us
        board.arm()
        turn_everything_on(board)
        board.beat_at = None
        start = board.mark()
        board.control("hang")
        board.wait_log(lambda entry: entry.get("reset") == "watchdog", start)
        assert_all_off(board)


# ---- The run

for module in (stage_tests, flash_tests, sketch_tests, rv32_tests):
    TESTS.extend((name, lambda run=run: run(OUT)) for name, run in module.TESTS)


def run_core(counts):
    run = subprocess.run([OUT / "core-test", ROOT / "Tests/Golden/link"], stdout=subprocess.PIPE, text=True)
    print(run.stdout.rsplit("\n", 2)[0])
    found = re.search(r"(\d+) passed, (\d+) failed\n$", run.stdout)
    counts[0] += int(found.group(1)) if found else 0
    counts[1] += int(found.group(2)) if found else 1
    if found and run.returncode != 0 and int(found.group(2)) == 0:
        counts[1] += 1


def run_fuzzer(counts):
    program = OUT / "core-fuzz"
    if not program.exists():
        print("SKIP core: the coverage-guided fuzzer was not built, for this compiler has no runtime for it")
        return
    # So many inputs, however long that takes: a busy computer had none of its seconds left for them.
    wanted = os.environ.get("FUZZ_INPUTS", "100000")
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run([program, f"-runs={wanted}", "-max_len=512", "-print_final_stats=1", folder], cwd=folder,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    runs = re.search(r"number_of_executed_units: (\d+)", run.stdout)
    good = run.returncode == 0 and runs and int(runs.group(1)) >= int(wanted)
    if not good:
        print(run.stdout[-3000:])
    print(f"{'ok  ' if good else 'FAIL'} core: the coverage-guided fuzzer finds nothing ({runs.group(1) if runs else 0} runs)")
    counts[0 if good else 1] += 1


def main():
    counts = [0, 0]
    sys.stdout.reconfigure(line_buffering=True)
    print(f"SEED={SEED}")
    if not ONLY:
        run_core(counts)
        run_fuzzer(counts)
    for name, run in TESTS:
        if ONLY not in name:
            continue
        try:
            run()
            good = True
        except Exception:  # whatever it is, the other tests still run
            traceback.print_exc(file=sys.stdout)
            good = False
        print(f"{'ok  ' if good else 'FAIL'} board: {name}")
        counts[0 if good else 1] += 1
    print(f"{counts[0]} passed, {counts[1]} failed")
    sys.exit(1 if counts[1] else 0)


main()
