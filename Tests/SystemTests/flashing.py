"""`cuelight-agent flash` on the AVR boards beside the Uno: simulated chips with the bootloaders that
such boards are sold with."""

import json
import subprocess

from faults import check
from smoke import board_events, rising_edges
from stage import ATMEGABOOT, BUILD, OPTIBOOT, STK500BOOT

# A board's name, its bootloader, and where that begins.
CHIPS = {
    "board-nano": ("nano", OPTIBOOT, 0x7E00),
    "board-old-nano": ("nano", ATMEGABOOT, 0x7800),
    "board-mega": ("mega", STK500BOOT, 0x3E000),
}
REFUSED = 7


def flash(show, name, *arguments):
    """Flashes with a state folder of its own; what it said, and its exit code."""
    command = show.agent_command(
        "flash", "--port", show.folder / name, *arguments, folder=show.folder / f"{name}-state"
    )
    run = subprocess.run(
        [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=240,
    )  # fmt: skip
    return run.stdout, run.returncode


def image_of(board, folder):
    index = json.loads((BUILD / folder / "index.json").read_text())
    return next(one for one in index["firmware"] if one["board"] == board)


def bytes_of(path):
    """The bytes of an image that begins at 0, is one stretch and stays below 64 KB, as ours are."""
    records = [bytes.fromhex(line[1:]) for line in path.read_text().split()]
    return b"".join(record[4:-1] for record in records if record[3] == 0)


def is_flashed(show, name):
    """What is not for the board is refused with nothing written; the next release is, and says so."""
    board, loader, _ = CHIPS[name]
    show.start_board_with_bootloader(name, board, loader)
    for other in sorted({"uno", "nano", "mega"} - {board}):
        said, code = flash(show, name, "--image", BUILD / "firmware-next" / f"{other}.hex")
        check(code == REFUSED and f'the board is a "{board}"' in said, f"{name}: {code} {said}")
        check("looking for the bootloader" not in said, said)
    said, code = flash(show, name, "--images", BUILD / "firmware-next")
    check(code == 0 and "Flashed: the board runs" in said, f"{name}: {code} {said}")
    new = image_of(board, "firmware-next")
    check(new["version"] == "9.9.9" and new["build"] in said, f"{name}: {said}")
    check(not (show.folder / f"{name}-state" / "flash" / "journal.json").exists(), "not committed")
    said, code = flash(show, name, "--images", BUILD / "firmware-next")
    check(code == 0 and "already" in said, f"{name} again: {code} {said}")


def is_whole(show, name):
    """Switched off, the chip holds the bootloader and the new image; no output went on meanwhile."""
    board, _, end = CHIPS[name]
    events = board_events(show, name)
    relays = ("D30", "D31") if board == "mega" else ("D7", "D8")
    check(not [edge for pin in relays for edge in rising_edges(events, pin)], "an output went on")
    process = show.process(name)
    process.stdin.close()
    process.wait(timeout=30)
    show.forget(name)
    chip = (show.folder / f"{name}.flash").read_bytes()
    image = bytes_of(BUILD / "firmware-next" / f"{board}.hex")
    check(chip[: len(image)] == image, "the chip has another image")
    check(set(chip[len(image) : end]) <= {0xFF}, "there is something behind the image")
    check(set(chip[end:]) != {0xFF}, "the bootloader is gone")
