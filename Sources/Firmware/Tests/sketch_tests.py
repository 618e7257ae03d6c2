"""The firmware as a sketch: built as Arduino's IDE builds it, from the recipes of its own platform.txt, and run. Registered by
run_tests.py.

Debian's compiler (5.4) lacks a constant in C++ that a file of Debian's core (1.8.7) wants: BORROWED gives it, to the core and to
nothing of ours.
"""
import json
import re
import shlex
import subprocess
import tempfile
from pathlib import Path

from board import Board
from registry import registry

ROOT = Path(__file__).resolve().parents[3]
PLATFORM = Path("/usr/share/arduino/hardware/arduino/avr")
BUILDER = Path("/usr/bin/arduino-builder")
BORROWED = "-DDECIMAL_DIG=__DECIMAL_DIG__"
# Boards as the IDE's menu has them, by ours: the board, and the processor where one is chosen.
CHOICES = {"uno": ("uno", None), "nano": ("nano", "atmega328old"), "mega": ("mega", "atmega2560")}
SIMULATORS = {"uno": "cuelight-board-avr", "nano": "cuelight-board-avr-nano", "mega": "cuelight-board-avr-mega"}
RELAYS = {"uno": "D7", "nano": "D7", "mega": "D30"}
# As for `make firmware`: half of an Uno.
FLASH_MAX, RAM_MAX = 16384, 900
TESTS, test = registry()


def read_properties(path):
    lines = [line.split("=", 1) for line in path.read_text().splitlines() if "=" in line and not line.startswith("#")]
    return {key.strip(): value.strip() for key, value in lines}


def properties_of(board):
    """What the IDE knows of a chosen board."""
    assert PLATFORM.exists(), "arduino-core-avr is missing"
    name, processor = CHOICES[board]
    properties = read_properties(PLATFORM / "platform.txt")
    every = read_properties(PLATFORM / "boards.txt")
    for prefix in [f"{name}."] + ([f"{name}.menu.cpu.{processor}."] if processor else []):
        properties.update({key[len(prefix):]: value for key, value in every.items() if key.startswith(prefix)})
    return {**properties, "runtime.ide.version": "10819", "build.arch": "AVR", "compiler.warning_flags": "-Wall -Wextra"}


def expand(pattern, properties):
    """A recipe with its properties put in, which may name further ones; what nobody knows is empty, as in the IDE."""
    while "{" in pattern:
        pattern = re.sub(r"\{([^{}]+)\}", lambda match: properties.get(match.group(1), ""), pattern)
    return shlex.split(pattern)


def run(recipe, properties, more=(), **values):
    done = subprocess.run([*expand(properties[recipe], {**properties, **values}), *more], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stderr


def compile_all(sources, folder, properties, more=()):
    """Objects, and what the compiler complained of."""
    core, variant = PLATFORM / "cores/arduino", PLATFORM / "variants" / properties["build.variant"]
    objects, complaints = [], ""
    folder.mkdir(parents=True)
    for source in sources:
        kind = {".c": "c", ".cpp": "cpp", ".S": "S"}[source.suffix]
        objects.append(folder / f"{source.name}.o")
        complaints += run(f"recipe.{kind}.o.pattern", properties, more if kind == "cpp" else (), source_file=str(source),
                          object_file=str(objects[-1]), includes=f'"-I{core}" "-I{variant}"')
    return objects, complaints


def build(sketch, board, folder):
    """Compiles and links as the IDE does; the properties, and what the compiler complained of in the sketch."""
    properties = {**properties_of(board), "build.path": str(folder), "build.project_name": "Cuelight.ino", "archive_file": "core.a"}
    main = folder / "Cuelight.ino.cpp"
    main.write_text("#include <Arduino.h>\n" + (sketch / "Cuelight.ino").read_text())
    sources = [main, *sorted(path for path in (sketch / "src").iterdir() if path.suffix in (".c", ".cpp", ".S"))]
    objects, complaints = compile_all(sources, folder / "sketch", properties)
    core = sorted(path for path in (PLATFORM / "cores/arduino").iterdir() if path.suffix in (".c", ".cpp", ".S"))
    for each in compile_all(core, folder / "core", properties, [BORROWED])[0]:
        run("recipe.ar.pattern", properties, archive_file_path=str(folder / "core.a"), object_file=str(each))
    run("recipe.c.combine.pattern", properties, [f"-Wl,-Map={folder / 'map'}"], object_files=" ".join(f'"{each}"' for each in objects))
    run("recipe.objcopy.hex.pattern", properties)
    return properties, complaints


def sizes(properties, elf):
    """Bytes of flash and RAM, counted as the IDE counts them."""
    told = subprocess.run(["avr-size", "-A", elf], check=True, capture_output=True, text=True).stdout
    return tuple(sum(int(number) for number in re.findall(properties[key], told, re.MULTILINE))
                 for key in ("recipe.size.regex", "recipe.size.regex.data"))


def taken_from(folder, archive):
    """The members of an archive that the linker took."""
    return set(re.findall(rf"{archive}\(([^)]+)\)", (folder / "map").read_text()))


def runs(out, sketch, board, image):
    """The image says which board and build it is, arms, and moves a pin."""
    build_hash = re.search(r"#define CUE_BUILD 0x([0-9a-f]{8})UL", (sketch / f"src/cue_board_table_{board}.h").read_text()).group(1)
    with Board(out / SIMULATORS[board], "--firmware", image) as chip:
        chip.open()
        assert f"{chip.hello['build']:08x}" == build_hash, (chip.hello, build_hash)
        assert chip.manifest()["board"] == board
        chip.arm()
        mark = chip.mark()
        chip.pulse(0, 10)
        chip.wait_log(lambda entry: entry.get("pin") == RELAYS[board] and entry["level"] == 0, mark)
        assert [entry["level"] for entry in chip.edges(RELAYS[board], mark)] == [1, 0]


def built_by_recipes(out, board):
    sketch = out / "sketch/Cuelight"
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        properties, complaints = build(sketch, board, folder)
        assert not complaints, complaints
        assert taken_from(folder, "libgcc.a"), "the linker's map is not as expected"
        assert not taken_from(folder, "core.a"), taken_from(folder, "core.a")
        flash, ram = sizes(properties, folder / "Cuelight.ino.elf")
        print(f"    {board}: {flash} of {properties['upload.maximum_size']} bytes flash, {ram} of "
              f"{properties['upload.maximum_data_size']} bytes RAM")
        assert flash <= min(FLASH_MAX, int(properties["upload.maximum_size"])) and ram <= RAM_MAX, (flash, ram)
        runs(out, sketch, board, folder / "Cuelight.ino.hex")


@test("sketch: built by Arduino's recipes for an Uno it takes nothing from Arduino's core, fits, and runs")
def uno(out):
    built_by_recipes(out, "uno")


@test("sketch: the same for a Nano")
def nano(out):
    built_by_recipes(out, "nano")


@test("sketch: the same for a Mega")
def mega(out):
    built_by_recipes(out, "mega")


@test("sketch: for a board that it does not know it does not compile, and says which it knows")
def unknown_board(out):
    source = out / "sketch/Cuelight/src/main.c"
    done = subprocess.run(["avr-gcc", "-mmcu=atmega32u4", "-DARDUINO_AVR_LEONARDO", "-fsyntax-only", source],
                          capture_output=True, text=True)
    assert done.returncode != 0 and "uno, nano, mega" in done.stderr, done.stderr


@test("sketch: arduino-builder, the IDE's own, makes an image that runs")
def builder(out):
    if not BUILDER.exists():
        print("    SKIP: arduino-builder is not installed (apt install arduino-builder)")
        return
    sketch = out / "sketch/Cuelight"
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [BUILDER, "-compile", "-hardware", "/usr/share/arduino-builder", "-hardware", PLATFORM.parents[1], "-tools", "/usr/bin",
             f"-prefs=compiler.cpp.extra_flags={BORROWED}", "-fqbn", "arduino:avr:uno", "-build-path", folder, sketch / "Cuelight.ino"],
            capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        print(f"    {done.stdout.splitlines()[0]}")
        runs(out, sketch, "uno", Path(folder) / "Cuelight.ino.hex")


@test("sketch: it is generated the same twice, and a changed source is another build")
def deterministic(out):
    generate = [ROOT / "Sources/Firmware/tools/make_sketch.py"]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["python3", *generate, folder], check=True)
        fresh = {path.relative_to(folder): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}
    kept = {path.relative_to(out / "sketch"): path.read_bytes() for path in (out / "sketch").rglob("*") if path.is_file()}
    assert fresh == kept, set(fresh.items()) ^ set(kept.items())
    images = {entry["board"]: entry["build"] for entry in json.loads((out / "index.json").read_text())["firmware"]}
    for board in CHOICES:
        table = fresh[Path(f"Cuelight/src/cue_board_table_{board}.h")].decode()
        assert f"#define CUE_BUILD 0x{images[board]}UL" not in table, "it tells the build of the image that `make firmware` makes"
