"""Tests of flashing by avrdude through the bootloaders that boards are sold with, run by simulated chips. Registered by run_tests.py."""
import json
import subprocess
import tempfile
from pathlib import Path

from board import GUARD, HELLO, Board
from registry import registry

LOADERS = Path("/usr/share/arduino/hardware/arduino/avr/bootloaders")
OPTIBOOT = LOADERS / "optiboot/optiboot_atmega328.hex"
ATMEGABOOT = LOADERS / "atmega/ATmegaBOOT_168_atmega328.hex"
STK500BOOT = LOADERS / "stk500v2/stk500boot_v2_mega2560.hex"
SIMULATORS = {"uno": "cuelight-board-avr", "nano": "cuelight-board-avr-nano", "mega": "cuelight-board-avr-mega"}
RELAYS = {"uno": "D7", "nano": "D7", "mega": "D30"}
RELAY = 0
# Of a blinking lamp, which every bootloader here has.
LOADER_LAMP = "D13"
# Of the reasons in a hello.
RESET_BY_HANG = 0x80
# In this order, for the Mega's bootloader erases page after page from 0, wherever it is told to write.
FAR_PAGES = (0xFF00, 0x10000, 0x1FF00, 0x20000, 0x3DF00)
TESTS, test = registry()


def start(out, name, loader, *flags):
    assert loader.exists(), "arduino-core-avr is missing"
    return Board(out / SIMULATORS[name], "--bootloader", loader, *flags)


def avrdude(board, name, rate_bps, image, options=()):
    programmer, part = ("wiring", "m2560") if name == "mega" else ("arduino", "m328p")
    return ["avrdude", "-q", "-c", programmer, "-p", part, "-P", board.link, "-b", str(rate_bps), "-D", *options,
            "-U", f"flash:w:{image}:i"]


def write(board, name, rate_bps, image):
    """Flashes and verifies. avrdude cannot stop the board's clock, and a bootloader waits for it one second after the opening: an
    avrdude that was not run in that second has to try again, as with a real board."""
    for _ in range(5):
        board.control("run 600000")
        try:
            subprocess.run(avrdude(board, name, rate_bps, image), check=True, capture_output=True, text=True, timeout=GUARD)
            break
        except subprocess.SubprocessError as error:
            print(f"    avrdude: {error}: {str(error.stderr)[-200:]}")
    else:
        raise AssertionError("avrdude could not flash the board")
    board.rest(0.05)


def records(address, data):
    """Intel HEX records (type, address, bytes) of a page."""
    yield 4, 0, (address >> 16).to_bytes(2, "big")
    for at in range(0, len(data), 16):
        yield 0, address + at & 0xFFFF, data[at:at + 16]


def record(entry):
    kind, address, data = entry
    body = bytes([len(data), address >> 8, address & 0xFF, kind]) + data
    return ":" + (body + bytes([-sum(body) & 0xFF])).hex().upper() + "\n"


def flashes(out, name, loader, rate_bps):
    """A blank board is flashed; then it says with which build it runs, and moves a pin."""
    index = json.loads((out / "index.json").read_text())
    build = next(entry["build"] for entry in index["firmware"] if entry["board"] == name)
    board = start(out, name, loader)
    write(board, name, rate_bps, out / f"{name}.hex")
    written_us = board.read_log()[-1]["t_us"]
    board.open()
    assert f"{board.hello['build']:08x}" == build, (board.hello, build)
    assert board.manifest()["board"] == name
    board.arm()
    mark = board.mark()
    board.pulse(RELAY, 10)
    board.wait_log(lambda entry: entry.get("pin") == RELAYS[name] and entry["level"] == 0, mark)
    assert [entry["level"] for entry in board.edges(RELAYS[name], mark)] == [1, 0]
    print(f"    written and compared within {written_us / 1e6:.1f} s of the chip's time")
    return board


def hang(board):
    """Hangs the program with a relay on, and waits for the watchdog; returns where the log was before."""
    board.when_free(lambda: board.set(RELAY, 1))
    board.beat_at = None
    mark = board.mark()
    board.frames.clear()
    board.control("hang")
    board.wait_log(lambda entry: entry.get("reset") == "watchdog", mark)
    return mark


def comes_back(board):
    hang(board)
    _, _, payload = board.wait_frame(lambda frame: frame[0] == HELLO)
    assert board.take_hello(payload)["reset_cause"] & RESET_BY_HANG, board.hello


@test("avrdude flashes the firmware through a real bootloader, and the board runs it")
def uno(out):
    with flashes(out, "uno", OPTIBOOT, 115200) as board:
        comes_back(board)


@test("flash: a Nano with the new bootloader is flashed at 115,200, and comes back after a hang")
def nano(out):
    with flashes(out, "nano", OPTIBOOT, 115200) as board:
        comes_back(board)


@test("flash: a Nano with the old bootloader is flashed at 57,600")
def old_nano(out):
    with flashes(out, "nano", ATMEGABOOT, 57600) as board:
        # This bootloader leaves the watchdog on: after a hang it is started over and over, with every pin but its lamp's open.
        mark = hang(board)
        board.wait_until(lambda: sum("reset" in entry for entry in board.read_log()[mark:]) > 20)
        entries = board.read_log()[mark:]
        first = next(index for index, entry in enumerate(entries) if "reset" in entry)
        driven = {entry["pin"] for entry in entries[first:] if entry.get("level") in (0, 1)}
        assert driven == {LOADER_LAMP} and not board.frames, (driven, board.frames)


@test("flash: a Mega is flashed through its bootloader, and comes back after a hang")
def mega(out):
    with flashes(out, "mega", STK500BOOT, 115200) as board:
        comes_back(board)


@test("flash: a Mega's whole flash is written, beyond 64 and 128 KB, and its bootloader stays")
def mega_far(out):
    """Pages on both sides of what an address of 16 bits and one of 17 can name, and the last one below the bootloader."""
    with tempfile.TemporaryDirectory() as folder:
        flash, image = Path(folder) / "flash", Path(folder) / "far.hex"
        pages = {page: bytes((page >> 8) * 7 + at * 13 & 0xFF for at in range(256)) for page in FAR_PAGES}
        image.write_text("".join(map(record, [entry for page, data in pages.items() for entry in records(page, data)])) + ":00000001FF\n")
        with start(out, "mega", STK500BOOT, "--flash", flash) as board:
            write(board, "mega", 115200, image)
        written = flash.read_bytes()
    for page, data in pages.items():
        assert written[page:page + 256] == data, hex(page)
    others = [page for page in range(0, 0x3E000, 256) if page not in pages and set(written[page:page + 256]) != {0xFF}]
    assert not others, [hex(page) for page in others]


@test("flash: a bootloader is never written over")
def loader_stays(out):
    with tempfile.TemporaryDirectory() as folder:
        flash, image = Path(folder) / "flash", Path(folder) / "over.hex"
        image.write_text("".join(map(record, records(0x7E00, bytes(128)))) + ":00000001FF\n")
        with start(out, "uno", OPTIBOOT, "--flash", flash) as board:
            board.control("run 600000")
            run = subprocess.run(avrdude(board, "uno", 115200, image), capture_output=True, text=True, timeout=GUARD)
            assert run.returncode != 0, run.stderr
        assert set(flash.read_bytes()[0x7E00:0x7E80]) != {0}


@test("flash: at another rate than the bootloader's nothing is understood, and nothing is written")
def wrong_rate(out):
    with tempfile.TemporaryDirectory() as folder:
        flash = Path(folder) / "flash"
        with start(out, "nano", ATMEGABOOT, "--flash", flash) as board:
            board.control("run 600000")
            child = subprocess.Popen(avrdude(board, "nano", 115200, out / "nano.hex"), stderr=subprocess.PIPE, text=True)
            told = child.stderr.readline()
            while told and "not in sync" not in told:
                told = child.stderr.readline()
            child.kill()
            child.wait(GUARD)
            child.stderr.close()
        assert "not in sync" in told
        assert set(flash.read_bytes()[:0x7800]) == {0xFF}
