"""Tests of the boards beside the Uno: every kind of channel and programs on the stage board, and a part of the promises on the
others. Registered by run_tests.py."""
import json
import struct
import time
from pathlib import Path

from board import (BEAT, CHASE, DISARM, ESTOP, ESTOP_CLEAR, ESTOPPED, GUARD, MOVE, OPTIONS_WRITE, PULSE, RAINBOW, SAFE, SET, TONE,
                   Board, Refused, do, loop, program, wait)
from registry import registry

ROOT = Path(__file__).resolve().parents[3]
(RELAY, SOLENOID, LAMP, SERVO, MOTOR, BUZZER, STRIP, BUTTON, LIGHT, DOOR, KNOB, RANGE, STEPPER) = range(13)
TESTS, test = registry()


def start(out, name, **options):
    return Board(out / f"cuelight-board-avr-{name}", "--firmware", out / f"{name}.hex", **options)


def armed(board):
    board.open()
    board.arm()
    return board


def refused(run):
    try:
        run()
    except Refused as refusal:
        return refusal.reason
    raise AssertionError("was not refused")


def rises(board, pin, mark):
    return [entry["t_us"] for entry in board.edges(pin, mark) if entry["level"] == 1]


def widths(board, mark):
    """What the servo was told. A width that is replaced within a millisecond was read between a register's two bytes, which the chip
    takes together."""
    seen = [entry for entry in board.read_log()[mark:] if "servo" in entry]
    return [entry["width_us"] for entry, after in zip(seen, [*seen[1:], None]) if after is None or after["t_us"] - entry["t_us"] > 1000]


def duties(board, pin, mark):
    return [(entry["t_us"], entry["duty_permille"]) for entry in board.read_log()[mark:] if entry.get("pwm") == pin]


@test("stage: its manifest says what hardware/boards/uno_stage.json says")
def manifest(out):
    with start(out, "uno_stage") as board:
        board.open()
        manifest = board.manifest()
        source = json.loads((ROOT / "hardware/boards/uno_stage.json").read_text())
        usual = {"min_pause_ms": 0, "delivery": "at_most_once", "quiet": False}
        assert (manifest["protocol"], manifest["minor"], manifest["sequence_bytes"], manifest["estop_pin"]) == (1, 1, 952, 19)
        for told, wanted in zip(manifest["channels"], source["channels"], strict=True):
            assert {key: told.get(key, usual.get(key)) for key in set(wanted) - {"wire"}} == \
                {key: wanted[key] for key in set(wanted) - {"wire"}}


@test("stage: boot is safe, also before ARM")
def boot(out):
    with start(out, "uno_stage") as board:
        board.open()
        assert refused(lambda: board.pulse(SOLENOID, 10)) == "not_armed"
        assert refused(lambda: board.start(0)) == "not_armed"
        board.rest(0.2)
        on = [entry for entry in board.read_log() if entry.get("level") == 1 or entry.get("duty_permille")]
        assert not on, on


@test("stage: a dangerous solenoid needs unlocking and rests as its duty says")
def solenoid(out):
    with start(out, "uno_stage") as board:
        armed(board)
        assert refused(lambda: board.pulse(SOLENOID, 100)) == "locked"
        board.unlock(1 << SOLENOID, 60)
        mark = board.mark()
        board.pulse(SOLENOID, 1000)
        board.wait_log(lambda entry: entry.get("pin") == "D8" and entry["level"] == 0, mark)
        board.when_free(lambda: board.pulse(SOLENOID, 20))
        edges = board.edges("D8", mark)
        assert (edges[1]["t_us"] - edges[0]["t_us"]) / 1000 <= 1000.5
        assert (edges[2]["t_us"] - edges[1]["t_us"]) / 1000 >= 3000, edges
        board.ack(DISARM)
        board.arm()
        assert refused(lambda: board.pulse(SOLENOID, 20)) == "locked"


@test("stage: a servo glides, a motor ramps and brakes, a light fades")
def motions(out):
    with start(out, "uno_stage") as board:
        armed(board)
        board.target(SERVO, 0)
        board.wait_log(lambda entry: entry.get("width_us") == 500)
        mark = board.mark()
        board.glide(SERVO, 18000, 1000, True)
        end = board.wait_log(lambda entry: entry.get("width_us") == 2500, mark)
        seen = widths(board, mark)
        assert seen == sorted(seen) and len(seen) > 50, seen
        first = next(entry for entry in board.read_log()[mark:] if "servo" in entry)
        assert 900 <= (end["t_us"] - first["t_us"]) / 1000 <= 1050
        mark = board.mark()
        board.drive(MOTOR, 1000)
        board.wait_log(lambda entry: entry.get("pwm") == "D3" and entry["duty_permille"] == 1000, mark)
        ramp = duties(board, "D3", mark)
        assert [duty for _, duty in ramp] == sorted(duty for _, duty in ramp)
        assert 450 <= (ramp[-1][0] - ramp[0][0]) / 1000 <= 520, ramp
        mark = board.mark()
        board.brake(MOTOR, 300)
        assert duties(board, "D3", mark)[-1][1] == 0
        released = board.wait_log(lambda entry: entry.get("pin") == "D4" and entry["level"] == 0, mark)
        braked = board.edges("D4", mark)[0]
        assert braked["level"] == 1 and abs((released["t_us"] - braked["t_us"]) / 1000 - 300) < 1
        mark = board.mark()
        board.level(LIGHT, 800, 500)
        board.wait_log(lambda entry: entry.get("pwm") == "D11" and abs(entry["duty_permille"] - 800) <= 4, mark)
        fade = duties(board, "D11", mark)
        assert len(fade) > 30 and 400 <= (fade[-1][0] - fade[0][0]) / 1000 <= 520, fade
        board.level(LIGHT, 0, 200)
        board.wait_log(lambda entry: entry.get("pwm") == "D11" and entry["duty_permille"] == 0, mark + len(fade))


@test("stage: effects are drawn with the right bits while the host beats and commands, without a lost byte")
def effects(out):
    with start(out, "uno_stage") as board:
        armed(board)
        board.beat_at = None
        board.effect(STRIP, CHASE, bytes([200, 0, 0]), 800)
        board.beat_at = time.monotonic()
        mark = board.mark()
        for _ in range(100):
            board.when_free(lambda: board.pulse(LAMP, 5))
        seen = [entry for entry in board.read_log()[mark:] if "strip" in entry]
        assert len(seen) >= 5 and not [entry for entry in seen if "bad_timing" in entry]
        for entry in seen:
            assert sorted(entry["rgb"][at:at + 6] for at in range(0, 48, 6)) == ["000000"] * 7 + ["c80000"], entry
        board.effect(STRIP, RAINBOW, bytes(3), 1000, 300)
        board.wait_log(lambda entry: entry.get("rgb") == "0" * 48, mark + len(seen))
        counters = board.counters()
        assert (counters["overruns"], counters["crc_errors"], counters["framing_errors"]) == (0, 0, 0), counters


@test("stage: a stepper makes exactly its steps, with its acceleration, and stops at once when told off")
def stepper(out):
    with start(out, "uno_stage") as board:
        armed(board)
        mark = board.mark()
        board.move(STEPPER, 600, 800, 50)
        board.wait_until(lambda: not board.ack(BEAT)[1] & 1 << STEPPER)
        steps = rises(board, "D5", mark)
        assert len(steps) == 600, len(steps)
        gaps = [after - before for before, after in zip(steps, steps[1:])]
        # 800 steps a second at 2000 a second squared: 160 steps up, 160 down.
        assert min(gaps[180:400]) > 1150 and max(gaps[180:400]) < 1400, (min(gaps[180:400]), max(gaps[180:400]))
        assert 15000 < gaps[0] < 23000 and gaps[40] > gaps[100] > gaps[150]
        took_ms = (steps[-1] - steps[0]) / 1000
        assert 1080 <= took_ms <= 1250, took_ms  # 0.4 s up, 0.35 s even, 0.4 s down
        mark = board.mark()
        board.move(STEPPER, 0, 800)
        board.wait_until(lambda: len(rises(board, "D5", mark)) >= 100)
        assert outputs_level(board, "A4") == 1  # backwards
        board.command(STEPPER, 7)
        stopped = board.mark()
        board.rest(0.2)
        assert not rises(board, "D5", stopped)
        assert refused(lambda: board.command(STEPPER, MOVE, struct.pack("<iHH", 4001, 100, 0))) == "out_of_range"


def outputs_level(board, pin):
    number = {"A4": "D18"}.get(pin, pin)
    return board.edges(number)[-1]["level"]


@test("stage: switch, knob and distance sensor tell of changes")
def inputs(out):
    with start(out, "uno_stage") as board:
        board.open()
        board.control("switch 1")
        board.wait_event((1, DOOR, 1))
        board.control("analog 500")
        board.wait_until(lambda: any(event[1] == KNOB and abs(event[2] - 500) <= 3 for event in board.events))
        for distance in (300, 1200, 3000):
            board.events.clear()
            board.control(f"distance {distance}")
            board.wait_until(lambda: any(event[1] == RANGE and abs(event[2] - distance) <= 5 for event in board.events))
        board.control("distance 0")
        board.wait_event((1, RANGE, 4000))  # no echo: nothing is near
        board.control("switch 0")
        board.wait_event((1, DOOR, 0))


@test("stage: an open wired E-stop drops every output within 10 ms, and is kept over a reset")
def wired_estop(out):
    with start(out, "uno_stage") as board:
        board.open()
        board.ack(OPTIONS_WRITE, bytes([1]))
        board.close()
        board.rest(0.02)
        armed(board)
        assert board.hello["options"] == 1
        board.set(RELAY, 1)
        board.level(LIGHT, 500)
        mark = board.mark()
        board.control("estop 1")
        opened = board.wait_log(lambda entry: entry.get("estop") == 1, mark)["t_us"]
        off = board.wait_log(lambda entry: entry.get("pin") == "D7" and entry["level"] == 0, mark)["t_us"]
        assert (off - opened) / 1000 <= 10, off - opened
        board.wait_event((2, 255, 5))
        assert board.ack(BEAT)[0] & 3 == ESTOPPED
        assert refused(lambda: board.ack(ESTOP_CLEAR, struct.pack("<I", board.nonce))) == "estopped"
        board.control("estop 0")
        board.wait_log(lambda entry: entry.get("estop") == 0, mark)
        board.ack(ESTOP_CLEAR, struct.pack("<I", board.nonce))
        board.arm()
        board.when_free(lambda: board.pulse(RELAY, 10))


@test("stage: 99 % of all commands reach their pin within 200 us of their last byte, and within 1 ms while everything moves")
def command_to_pin(out):
    with start(out, "uno_stage") as board:
        armed(board)
        delays = {}
        for busy in (False, True):
            if busy:
                board.glide(SERVO, 18000, 10000)
                board.drive(MOTOR, 700)
                board.tone(BUZZER, 880)
                board.level(LIGHT, 1000, 10000)
                board.move(STEPPER, 4000, 400)
            mark = board.mark()
            for _ in range(150):
                board.when_free(lambda: board.pulse(LAMP, 2))
            taken, found = None, []
            for entry in board.read_log()[mark:]:
                if "uart_taken" in entry:
                    taken = entry["t_us"]
                elif entry.get("pin") == "D13" and entry["level"] == 1:
                    found.append(entry["t_us"] - taken)
            delays[busy] = sorted(found)
        longest = board.counters()["loop_max_us"]
        for busy, found in delays.items():
            print(f"    last byte to pin, {'everything moves' if busy else 'idle'}: p50 {found[len(found) // 2]} us, "
                  f"p99 {found[len(found) * 99 // 100]} us, most {found[-1]} us (n={len(found)})")
        print(f"    longest pass {longest} us")
        assert len(delays[False]) == len(delays[True]) == 150
        assert delays[False][148] <= 200, delays[False][-5:]
        assert delays[True][148] <= 1000, delays[True][-5:]
        assert longest <= 1500, longest


# ---- Programs

SHOW = program(1,
               loop(3, do(RELAY, PULSE, struct.pack("<H", 40)), wait(100),
                    loop(4, do(LAMP, PULSE, struct.pack("<H", 10)), wait(25)),
                    do(BUZZER, TONE, struct.pack("<HH", 880, 50)), wait(75)))
FLASHES = program(2, loop(20, do(LAMP, PULSE, struct.pack("<H", 20)), wait(100)))


@test("stage: a show with loops has every edge within 1 ms of its plan, and survives a reset")
def show(out):
    with start(out, "uno_stage") as board:
        armed(board)
        board.upload(SHOW + FLASHES)
        kept = board.stored()
        board.close()
        board.rest(0.02)
        armed(board)
        assert board.stored() == kept and kept[0] == len(SHOW + FLASHES)
        relay_plan = [275000 * round for round in range(3)]
        lamp_plan = [275000 * round + 100000 + 25000 * flash for round in range(3) for flash in range(4)]
        (uptime_us, uptime_ms), _, taken, _ = board.clock_and_entries()
        at_ms = uptime_ms + 400
        plan_us = taken["t_us"] + 1000 * at_ms - uptime_us
        mark = board.mark()
        board.start(1, at_ms)
        board.wait_event((4, 1, 2))
        errors = [seen - plan_us - planned for pin, plan in (("D7", relay_plan), ("D13", lamp_plan))
                  for seen, planned in zip(rises(board, pin, mark), plan, strict=True)]
        print(f"    {len(errors)} edges, off by {min(errors) / 1000:.3f} to {max(errors) / 1000:.3f} ms")
        assert -1000 <= min(errors) and max(errors) <= 1000, errors
        assert (4, 1, 1) in [event[:3] for event in board.events]
        assert board.counters()["sequence_refusals"] == 0


@test("stage: the E-stop, a silent host and OFF end a program; a refused step is counted")
def program_ends(out):
    with start(out, "uno_stage") as board:
        armed(board)
        board.upload(FLASHES + program(3, do(SOLENOID, PULSE, struct.pack("<H", 10)), wait(20),
                                       do(LAMP, SET, struct.pack("<BH", 1, 100)), wait(50)))
        for way in ("estop", "off", "silence"):
            board.events.clear()
            mark = board.mark()
            board.start(2)
            board.wait_until(lambda: len(rises(board, "D13", mark)) >= 3)
            assert refused(lambda: board.pulse(LAMP, 5)) == "busy"
            if way == "estop":
                board.ack(ESTOP)
            elif way == "off":
                board.command(LAMP, 7)
            else:
                board.beat_at = None
            board.wait_event((4, 2, 3))
            stopped = board.mark()
            board.rest(0.4)
            assert not rises(board, "D13", stopped)
            if way == "estop":
                board.ack(ESTOP_CLEAR, struct.pack("<I", board.nonce))
            if way == "silence":
                assert board.ack(BEAT)[0] & 3 == SAFE
            board.arm()
        mark = board.mark()
        board.start(3)
        board.wait_event((4, 3, 2))
        assert board.counters()["sequence_refusals"] == 1 and len(rises(board, "D13", mark)) == 1


def reckoned(board):
    """The host's clock less the board's in microseconds, as a host that is never busy reckons it; and when the chip took the request.

    The times are the log's, of an exchange in which the simulator kept pace with the host's clock: no crystal stands still.
    """
    deadline = time.monotonic() + GUARD
    while time.monotonic() < deadline:
        (uptime_us, _), arrived, taken, answered = board.clock_and_entries()
        began, ended = arrived["wall_ns"] // 1000, answered["wall_ns"] // 1000
        if abs((ended - began) - (answered["t_us"] - arrived["t_us"])) <= 300:
            # The request has 7 bytes and the answer 15; what is left over is shared by both ways.
            return (began + ended - (15 - 7) * 87) // 2 - uptime_us, taken
    raise TimeoutError("no exchange at the board's own pace")


@test("stage: two boards start within 2 ms of a common time that the host reckoned from their clocks")
def together(out):
    with start(out, "uno_stage") as one, start(out, "uno_stage") as other:
        boards = (one, other)
        for board in boards:
            armed(board)
            board.upload(FLASHES)
        reckonings = [reckoned(board) for board in boards]
        common_us = time.monotonic_ns() // 1000 + 500000
        errors = []
        for board, (offset_us, taken) in zip(boards, reckonings):
            mark = board.mark()
            board.start(2, round((common_us - offset_us) / 1000) % 2**32)
            board.wait_until(lambda: rises(board, "D13", mark))
            # By the board's crystal: the simulated one stands still whenever the simulator is not run.
            errors.append(taken["wall_ns"] // 1000 + rises(board, "D13", mark)[0] - taken["t_us"] - common_us)
        print(f"    off by {errors[0] / 1000:.3f} and {errors[1] / 1000:.3f} ms")
        assert max(map(abs, errors)) <= 2000, errors


# ---- Other boards

def other_board(out, name, pins):
    with start(out, name) as board:
        board.open()
        manifest = board.manifest()
        assert manifest["board"] == name and len(manifest["channels"]) == 8
        assert refused(lambda: board.pulse(0, 10)) == "not_armed"
        board.arm()
        assert not [entry for entry in board.read_log() if entry.get("level") == 1]
        mark = board.mark()
        board.pulse(0, 100)
        low = board.wait_log(lambda entry: entry.get("pin") == pins["relay"] and entry["level"] == 0, mark)
        high = board.edges(pins["relay"], mark)[0]
        assert abs((low["t_us"] - high["t_us"]) / 1000 - 100) <= 0.5
        board.target(SERVO, 9000)
        board.wait_log(lambda entry: entry.get("servo") == pins["servo"] and entry["width_us"] == 1500, mark)
        board.drive(MOTOR, -500)
        assert abs(board.wait_log(lambda entry: entry.get("pwm") == pins["motor"], mark)["duty_permille"] - 500) <= 5
        board.tone(BUZZER, 1000)
        assert abs(board.wait_log(lambda entry: entry.get("tone") == pins["buzzer"], mark)["frequency_hz"] - 1000) <= 10
        board.beat_at = None
        board.fill(STRIP, bytes([1, 2, 255]), 0, 8)
        board.beat_at = time.monotonic()
        seen = board.wait_log(lambda entry: entry.get("strip") == pins["strip"], mark)
        assert seen["rgb"] == "0102ff" * 8 and "bad_timing" not in seen, seen
        board.control("button 1")
        board.wait_event((1, BUTTON, 1))
        memory = program(0, loop(5, do(2, PULSE, struct.pack("<H", 5)), wait(30)))
        mark = board.mark()
        board.beat_at = None
        board.ack(BEAT)  # the last one
        last = [entry for entry in board.read_log() if "uart_rx" in entry][-1]["t_us"]
        board.wait_event((2, 255, 1))
        board.wait_log(lambda entry: entry.get("width_us") == 0, mark)
        board.wait_log(lambda entry: entry.get("duty_permille") == 0, mark)
        off = board.wait_log(lambda entry: entry.get("rgb") == "0" * 48, mark)
        assert (off["t_us"] - last) / 1000 <= 600, off["t_us"] - last
        board.arm()
        board.upload(memory)
        mark = board.mark()
        board.start(0)
        board.wait_event((4, 0, 2))
        assert len(rises(board, "D13", mark)) == 5
        start_hang = board.mark()
        board.beat_at = None
        board.control("hang")
        hung = board.wait_log(lambda entry: "hang" in entry, start_hang)["t_us"]
        reset = board.wait_log(lambda entry: entry.get("reset") == "watchdog", start_hang)["t_us"]
        assert (reset - hung) / 1000 <= 300, reset - hung


@test("nano: the firmware runs with its own table")
def nano(out):
    other_board(out, "nano", {"relay": "D7", "servo": "D9", "motor": "D3", "buzzer": "D10", "strip": "D6"})


@test("mega: the firmware runs on an ATmega2560")
def mega(out):
    other_board(out, "mega", {"relay": "D30", "servo": "D11", "motor": "D9", "buzzer": "D32", "strip": "D33"})
