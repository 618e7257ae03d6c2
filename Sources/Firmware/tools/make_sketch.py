#!/usr/bin/env python3
"""Gathers the firmware as a sketch for Arduino's IDE.

    make_sketch.py FOLDER      writes FOLDER/Cuelight, whose board is the one that the IDE has selected

The same sources as `make firmware` compiles, side by side in `src`, so that they find each other without search paths, and the tables of
the boards in BOARDS. The build hash is of these files: a board tells the sketch from the image of the same release.
"""
import shutil
import sys
from pathlib import Path

import generate_board

ROOT = Path(__file__).resolve().parents[3]
FIRMWARE = ROOT / "Sources/Firmware"
# As Arduino's boards.txt names them (build.board), and as we do.
BOARDS = {"AVR_UNO": "uno", "AVR_NANO": "nano", "AVR_MEGA2560": "mega"}

SKETCH = """\
// Cuelight's firmware {version} for Uno, Nano and Mega 2560: choose the board, and upload.
//
// The program is in src: it has its own main, and uses none of Arduino's core, so there is no setup() and no loop() here. Pins and
// limits of every channel are in src/cue_board_table_<board>.h, generated from the project's hardware/boards/<board>.json; README.txt
// says more.
"""

README = """\
Cuelight's firmware {version} as a sketch.

Open Cuelight.ino in Arduino's IDE, choose the board ({boards}) and its port, and upload.
The files are generated: `make firmware-sketch` in the project writes them anew from Sources/Firmware and hardware/boards.
The build that a board tells is a hash of these files as they were generated. Who changes one should change CUE_BUILD in
src/cue_board_table_<board>.h too, so that nobody takes the board for one with unchanged firmware.
Serial monitor: none. The board speaks binary frames, and a computer with cuelight-agent listens.
"""

FIXED_BOARD = "#define CUE_FIXED_BOARD // the one that Arduino's IDE has selected\n"


def chosen_table():
    """The header that the sources include: the table of the selected board."""
    lines = ["// The table of the board that Arduino's IDE has selected."]
    for index, (macro, board) in enumerate(BOARDS.items()):
        lines += [f"#{'elif' if index else 'if'} defined(ARDUINO_{macro})", f'#include "cue_board_table_{board}.h"']
    lines += ["#else", f'#error "Cuelight runs on these boards: {", ".join(BOARDS.values())}"', "#endif", ""]
    return "\n".join(lines)


def write_sources(folder):
    for path in sorted([*(FIRMWARE / "Core/src").glob("*.[ch]"), *(FIRMWARE / "Boards/avr").glob("*.[ch]")]):
        head = FIXED_BOARD if path.suffix == ".c" else ""
        (folder / path.name).write_text(head + path.read_text())
    (folder / "cue_board_table.h").write_text(chosen_table())


def write_sketch(folder):
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "src").mkdir(parents=True)
    paths = {board: ROOT / f"hardware/boards/{board}.json" for board in BOARDS.values()}
    words = {"version": generate_board.load(paths["uno"])["firmware"], "boards": ", ".join(BOARDS.values())}
    (folder / "Cuelight.ino").write_text(SKETCH.format(**words))
    (folder / "README.txt").write_text(README.format(**words))
    shutil.copyfile(ROOT / "LICENSE", folder / "LICENSE.txt")
    write_sources(folder / "src")
    sources = sorted((folder / "src").iterdir())
    for board, path in paths.items():
        build = generate_board.build_hash(path, sources)
        (folder / "src" / f"cue_board_table_{board}.h").write_text(generate_board.header(generate_board.load(path), build))


def main(arguments):
    if len(arguments) != 1:
        sys.exit(__doc__)
    write_sketch(Path(arguments[0]) / "Cuelight")


if __name__ == "__main__":
    main(sys.argv[1:])
