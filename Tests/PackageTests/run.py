"""The agent's package: what is in it, what it asks of a machine, and its life from install to purge.

    run.py           in an overlay over this machine's own files: quick, the programs it needs are here
    run.py --bare    in an overlay over a new Debian without anything else, made once by debootstrap

Nothing is written outside a temporary file system. Run as root, by `make package-check` and
`make package-test`; another argument names one case."""

import gzip
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import traceback

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / ".build"
BARE = BUILD / "package" / "bookworm"
PACKAGE = "cuelight-agent"
STATE = "var/lib/cuelight-agent"
CONFFILE = "etc/default/cuelight-agent"
UNIT = "lib/systemd/system/cuelight-agent.service"
OLD, NEW = "0.0.1", "9.9.9"
# systemd's own measure of what a service could do if it were taken over; 10 is everything.
EXPOSURE_MAX = 2.0
# Of the agent with eight boards, ever.
MEMORY_MAX_MIB = 40
PROGRAMS = {
    "lintian": "lintian", "systemd-analyze": "systemd", "mandoc": "mandoc", "man": "man-db",
    "zsh": "zsh", "fish": "fish", "dpkg-shlibdeps": "dpkg-dev", "debootstrap": "debootstrap",
    "unshare": "util-linux", "readelf": "binutils", "strace": "strace",
}  # fmt: skip

CASES = []


class Failure(Exception):
    """What went wrong, for a person."""


def case(function):
    CASES.append(function)
    return function


def check(condition, message):
    if not condition:
        raise Failure(message)


def run(*command, code=0, **options):
    """Runs a program and returns both outputs together; another exit code is a failure."""
    command = [str(part) for part in command]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300,
        **{"stdin": subprocess.DEVNULL, **options},
    )  # fmt: skip
    if code is not None and done.returncode != code:
        raise Failure(f"{' '.join(command)}: {done.returncode}, not {code}:\n{done.stdout}")
    return done.stdout


def wait(what, condition, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise Failure(f"waited {seconds} s for {what}")


class Shelf:
    """The packages under test, made once, and one of them unpacked."""

    def __init__(self, folder, is_bare):
        self.folder = pathlib.Path(folder)
        self.is_bare = is_bare
        self.old, self.new = self.make(OLD), self.make(NEW)
        self.tree = self.folder / "tree"
        run("dpkg-deb", "--extract", self.new, self.tree)
        self.agent = self.tree / "usr/bin/cuelight-agent"

    def make(self, version, **more):
        environment = {**os.environ, "VERSION": version, "OUT": str(self.folder), "XZ_LEVEL": "0", **more}
        done = subprocess.run(
            [ROOT / "deploy/package/build.sh"], env=environment, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        check(done.returncode == 0, f"build.sh: {done.stdout}{done.stderr}")
        return pathlib.Path(done.stdout.strip())

    def commands(self):
        """What help says that the program understands: command → flags, and choices of each."""
        found = {}
        for line in run(self.agent, "help").splitlines():
            match = re.match(r"^  ([a-z-]+) {3,}\S", line)
            if match:
                found[match[1]] = {}
        for name, flags in found.items():
            for line in run(self.agent, "help", name).splitlines():
                match = re.match(r"^  --([a-z-]+)(?: ([A-Z]+))? {2,}(.*)", line)
                if match:
                    listed = re.search(r": ((?:\w+, )*\w+ or \w+)", match[3])
                    choices = re.split(r", | or ", listed[1]) if listed else []
                    flags[match[1]] = (match[2] or "", choices)
        check(len(found) > 8 and "run" in found, f"help shows {found}")
        return found


# What is in it


@case
def lintian_finds_no_error(shelf):
    told = run("lintian", "--fail-on", "error,warning", "--allow-root", shelf.new)
    check("E:" not in told, told)


@case
def the_service_is_exposed_as_little_as_promised(shelf):
    told = run(
        "systemd-analyze", "security", "--offline=yes", "--no-pager", shelf.tree / UNIT)
    match = re.search(r"Overall exposure level for cuelight-agent\.service: ([0-9.]+)", told)
    check(match, told)
    print(f"   exposure {match[1]}")
    check(float(match[1]) <= EXPOSURE_MAX, f"{match[1]} is more than {EXPOSURE_MAX}:\n{told}")


@case
def the_unit_is_understood(shelf):
    text = (shelf.tree / UNIT).read_text()
    program = re.search(r"^ExecStart=/(\S+) run", text, re.M)[1]
    check((shelf.tree / program).exists(), f"{program} is not in the package")
    copy = shelf.folder / "cuelight-agent.service"
    copy.write_text(text.replace(f"=/{program} ", f"={shelf.tree}/{program} "))
    told = run("systemd-analyze", "verify", "--man=no", copy)
    check(not told.strip(), told)


def group(name):
    """The system calls of one of systemd's groups, such as @file-system."""
    found = set()
    for line in run("systemd-analyze", "syscall-filter", name).splitlines()[1:]:
        word = line.strip()
        if word.startswith("@"):
            found |= group(word)
        elif word and not word.startswith("#"):
            found.add(word)
    return found


@case
def the_agent_lives_with_the_system_calls_that_the_unit_leaves_it(shelf):
    allowed = group("@default")
    for line in re.findall(r"^SystemCallFilter=(.*)$", (shelf.tree / UNIT).read_text(), re.M):
        for name in line.removeprefix("~").split():
            calls = group(name) if name.startswith("@") else {name}
            allowed = allowed - calls if line.startswith("~") else allowed | calls
    trace = shelf.folder / "anybody" / "calls"
    trace.parent.mkdir()
    os.chown(trace.parent, Boards.USER, Boards.USER)
    # -D: the agent stays our child, and strace looks on from aside.
    with Boards(shelf, 1, ["strace", "-D", "-f", "-o", trace]) as boards:
        pass
    end = re.compile(rf"^{boards.agent.pid} +\+\+\+ exited with 0", re.M)
    wait("strace's last line", lambda: end.search(trace.read_text()))
    made = {match[1] for line in trace.read_text().splitlines() if (match := re.match(r"\d+ +(\w+)\(", line))}
    check("epoll_wait" in made or "epoll_pwait2" in made or "epoll_pwait" in made, sorted(made))
    kept = made - allowed
    check(not kept, f"the unit forbids {sorted(kept)}")


@case
def what_is_linked_is_asked_for_and_nothing_else(shelf):
    """The list of dependencies is written by hand, for machines that cannot be asked; this asks."""
    programs = [shelf.agent, shelf.tree / "usr/libexec/cuelight/cuelight-board-host"]
    for program in programs:
        needed = re.findall(r"NEEDED.*\[(.*)\]", run("readelf", "--dynamic", program))
        check(needed and not [name for name in needed if "swift" in name.lower() or "simavr" in name],
              f"{program.name} needs {needed}")  # fmt: skip
    folder = shelf.folder / "shlibdeps"
    (folder / "debian").mkdir(parents=True, exist_ok=True)
    (folder / "debian/control").write_text("Source: cuelight\n\nPackage: cuelight-agent\nArchitecture: any\n")
    # -e: a program; without it dpkg-shlibdeps reads words as files of the package.
    arguments = [part for program in programs for part in ("-e", program)]
    done = subprocess.run(
        ["dpkg-shlibdeps", "-O", *map(str, arguments)], cwd=folder, text=True, capture_output=True)
    check(done.returncode == 0, done.stderr)
    wanted = {}
    for part in done.stdout.strip().removeprefix("shlibs:Depends=").split(", "):
        match = re.match(r"(\S+)(?: \(>= (\S+)\))?$", part)
        wanted[match[1]] = match[2] or "0"
    listed = {}
    for line in (ROOT / "deploy/package/depends").read_text().splitlines():
        match = re.match(r"(\S+) \(>= (\S+)\)$", line)
        listed[match[1]] = match[2]
    check(set(wanted) == set(listed), f"linked {sorted(wanted)}, listed {sorted(listed)}")
    for name, version in listed.items():
        fits = ["dpkg", "--compare-versions", version, "ge", wanted[name]]
        check(subprocess.run(fits).returncode == 0, f"{name} {version} is older than {wanted[name]}")


@case
def a_package_for_another_machine_is_the_same_tree(shelf):
    """The programs are given; here this machine's own stand for them, so it is never run."""
    out = shelf.folder / "foreign"
    told = subprocess.run(
        [ROOT / "deploy/package/build.sh"], env={**os.environ, "ARCH": "arm64"},
        capture_output=True, text=True,
    )  # fmt: skip
    check(told.returncode == 1 and "needs AGENT" in told.stderr, told.stderr)
    agent = BUILD / "release/cuelight-agent"
    package = shelf.make(
        NEW, ARCH="arm64", AGENT=str(agent), OUT=str(out),
        SIMULATOR=str(BUILD / "firmware/cuelight-board-host"))  # fmt: skip
    check(run("dpkg-deb", "--field", package, "Architecture").strip() == "arm64", "wrong machine")
    names = [
        sorted(line.split()[-1] for line in run("dpkg-deb", "--contents", one).splitlines())
        for one in (package, shelf.new)
    ]
    check(names[0] == names[1], "another tree")


@case
def the_same_sources_make_the_same_package(shelf):
    again = shelf.make(NEW, OUT=str(shelf.folder / "again"))
    check(again.read_bytes() == shelf.new.read_bytes(), "it differs")


@case
def only_the_simulator_without_gpl_is_in_it(shelf):
    names = [path.name for path in shelf.tree.rglob("*") if path.is_file()]
    check("cuelight-board-host" in names and "cuelight-board-avr" not in names, names)
    images = [path.name for path in (shelf.tree / "usr/share/cuelight/firmware").iterdir()]
    check("uno.hex" in images, images)


@case
def the_boards_rule_is_where_udev_looks(shelf):
    rule = (shelf.tree / "lib/udev/rules.d/60-cuelight-agent.rules").read_text()
    for part in ('ENV{ID_MM_DEVICE_IGNORE}="1"', 'GROUP="dialout"', "2341", "1a86", "303a"):
        check(part in rule, f"{part} is missing")


# Manual and completions


@case
def the_manual_page_is_clean(shelf):
    packed = shelf.tree / "usr/share/man/man8/cuelight-agent.8.gz"
    page = shelf.folder / "cuelight-agent.8"
    page.write_bytes(gzip.decompress(packed.read_bytes()))
    told = run("mandoc", "-Tlint", page, code=None)
    check(not told.strip(), told)
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "MANROFFSEQ": "", "MANWIDTH": "100"}
    done = subprocess.run(
        ["man", "--warnings", "--local-file", page], env=environment, capture_output=True, text=True)
    check(done.returncode == 0 and not done.stderr.strip(), done.stderr)
    for name, flags in shelf.commands().items():
        check(f"cuelight-agent {name}" in done.stdout, f"{name} is not in the page")
        for flag in flags:
            check(f"--{flag}" in done.stdout, f"--{flag} is not in the page")


def bash_complete(shelf, *words):
    """What bash offers for the last of the words."""
    script = r"""
        source "$1"; shift
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _cuelight_agent
        [ ${#COMPREPLY[@]} -eq 0 ] || printf '%s\n' "${COMPREPLY[@]}"
        """
    file = shelf.tree / "usr/share/bash-completion/completions/cuelight-agent"
    return run("bash", "-c", script, "bash", file, PACKAGE, *words).splitlines()


def fish_complete(shelf, line):
    file = shelf.tree / "usr/share/fish/vendor_completions.d/cuelight-agent.fish"
    environment = {
        **os.environ, "HOME": str(shelf.folder), "PATH": f"{shelf.agent.parent}:{os.environ['PATH']}"
    }  # fmt: skip
    script = f"source {file}; complete -C '{PACKAGE} {line}'"
    told = run("fish", "--no-config", "-c", script, env=environment)
    return [line.split("\t")[0] for line in told.splitlines()]


@case
def bash_completes_commands_flags_and_choices(shelf):
    commands = shelf.commands()
    check(set(commands) <= set(bash_complete(shelf, "")), "commands are missing")
    check(bash_complete(shelf, "sim") == ["simulate"], bash_complete(shelf, "sim"))
    for name, flags in commands.items():
        offered = bash_complete(shelf, name, "--")
        check(sorted(offered) == sorted([f"--{flag}" for flag in flags] + ["--help"]), f"{name}: {offered}")
        for flag, (_, choices) in flags.items():
            if choices:
                check(bash_complete(shelf, name, f"--{flag}", "") == choices, f"{name} --{flag}")
                parts = [name, f"--{flag}", "=", choices[0][:2]]
                check(choices[0] in bash_complete(shelf, *parts), f"{name} --{flag}=")
    check(bash_complete(shelf, "completions", "") == ["bash", "zsh", "fish"], "shells")
    check("doctor" in bash_complete(shelf, "help", "d"), "help completes commands")
    folder = shelf.folder / "names"
    (folder / "a folder").mkdir(parents=True)
    (folder / "a file").touch()
    names = bash_complete(shelf, "run", "--port", f"{folder}/a")
    check(sorted(names) == [f"{folder}/a file", f"{folder}/a folder"], names)
    names = bash_complete(shelf, "run", "--state-dir", f"{folder}/a")
    check(names == [f"{folder}/a folder"], names)


@case
def fish_completes_commands_flags_and_choices(shelf):
    commands = shelf.commands()
    check(set(commands) == set(fish_complete(shelf, "")), fish_complete(shelf, ""))
    for name, flags in commands.items():
        offered = fish_complete(shelf, f"{name} --")
        check(set(offered) == {f"--{flag}" for flag in flags} | {"--help"}, f"{name}: {offered}")
        for flag, (_, choices) in flags.items():
            if choices:
                offered = fish_complete(shelf, f"{name} --{flag} ")
                check(sorted(offered) == sorted(choices), f"{name} --{flag}: {offered}")
    check(sorted(fish_complete(shelf, "completions ")) == ["bash", "fish", "zsh"], "shells")


@case
def zsh_completes_commands_flags_and_choices(shelf):
    """zsh completes for a terminal only; zpty is one. Each line is typed and TAB pressed."""
    file = shelf.tree / "usr/share/zsh/vendor-completions/_cuelight-agent"
    run("zsh", "-f", "-n", file)

    def complete(line):
        script = r"""
            zmodload zsh/zpty
            zpty -b shell zsh -f -i
            zpty -w shell "PROMPT=; stty -echo columns 200; bindkey '^I' complete-word; LISTMAX=9999"
            zpty -w shell "fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -D"
            zpty -w shell "zstyle ':completion:*' list-colors; unsetopt menu_complete auto_menu always_last_prompt"
            zpty -w shell "print BE''GIN"
            local text all
            zpty -r -m shell text "*BEGIN*"
            # Keys are taken one after the other: what is typed behind the TABs is done behind them.
            zpty -n -w shell "$2"$'\t\t\x15'"print E''ND"$'\n'
            zpty -r -m shell all "*END*"
            print -r -- $all
            zpty -d shell
            """
        return run("zsh", "-f", "-c", script, "zsh", file.parent, line)

    commands = shelf.commands()
    told = complete(f"{PACKAGE} ")
    for name in commands:
        check(name in told, f"{name} is not offered:\n{told}")
    told = complete(f"{PACKAGE} run --")
    for flag in commands["run"]:
        check(f"--{flag}" in told, f"--{flag} is not offered:\n{told}")
    told = complete(f"{PACKAGE} run --log-level ")
    for choice in commands["run"]["log-level"][1]:
        check(choice in told, f"{choice} is not offered:\n{told}")


# What it needs


class Boards:
    """The packaged agent with simulated boards, paired with a server that says yes. Run by
    nobody: some system calls are root's only."""

    USER = 65534
    AS_USER = ("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--")

    def __init__(self, shelf, count, wrapper=()):
        self.shelf, self.count, self.wrapper = shelf, count, wrapper
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=shelf.folder))
        os.chown(self.folder, self.USER, self.USER)
        shelf.folder.chmod(0o755)
        self.state = self.folder / "state"
        self.started = []

    def __enter__(self):
        agent = self.shelf.agent
        server, address = serve()
        pairing = ("pair", "--server", address, "--token", "cat_token")
        run(*self.AS_USER, agent, *pairing, "--state-dir", self.state)
        server.shutdown()
        links = [self.folder / f"board-{number}" for number in range(self.count)]
        try:
            for link in links:
                self.start(agent, "simulate", "--link", link, "--events", "/dev/null")
            wait("the boards", lambda: all(link.is_symlink() for link in links))
            ports = [part for link in links for part in ("--port", link)]
            self.agent = self.start(
                *self.wrapper, agent, "run", "--no-usb", *ports, "--state-dir", self.state)
            wait("their answers", self.answering)
        except Failure:
            self.end()
            raise
        return self

    def start(self, *command):
        command = [str(part) for part in (*self.AS_USER, *command)]
        log = open(self.folder / f"{len(self.started)}.log", "wb")
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.started.append(child)
        return child

    def answering(self):
        for number, child in enumerate(self.started):
            if child.poll() is not None:
                raise Failure((self.folder / f"{number}.log").read_text())
        told = run(self.shelf.agent, "boards", "--json", "--state-dir", self.state, code=None)
        boards = json.loads(told)["boards"] if told.startswith("{") else []
        return len([one for one in boards if one.get("link") and one["state"] != "offline"]) == self.count

    def end(self):
        for child in reversed(self.started):
            child.terminate()
        return [child.wait(timeout=30) for child in self.started]

    def __exit__(self, problem, *_):
        codes = self.end()
        check(problem or not any(codes), f"they ended with {codes}")


@case
def eight_boards_need_less_memory_than_promised(shelf):
    with Boards(shelf, 8) as boards:
        status = pathlib.Path(f"/proc/{boards.agent.pid}/status").read_text()
        resident = int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024
    print(f"   {resident:.1f} MiB at most")
    check(resident < MEMORY_MAX_MIB, f"{resident:.1f} MiB is more than {MEMORY_MAX_MIB}")


# The life of an installation


class Server(http.server.BaseHTTPRequestHandler):
    """What pairing asks of a control plane; its broker is nowhere."""

    def do_POST(self):
        size = int(self.headers["Content-Length"])
        asked = json.loads(self.rfile.read(size))
        check(asked["token"] == "cat_token", "another token")
        answer = {
            "agent_id": "01890a5d-ac96-774b-bcce-b302099a8057",
            "workspace_id": "01890a5d-ac96-774b-bcce-b302099a8058",
            "mqtt": {"host": "127.0.0.1", "port": 9, "tls": False},
            "credential": "nobody-checks-it",
            "credential_expires_at_ms": int(time.time() * 1000) + 86_400_000,
            "server_public_key": "A" * 43,
        }
        body = json.dumps({"data": answer}).encode()
        self.send_response(201)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def serve():
    server = http.server.HTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_port}"


class Skipped(Exception):
    """What cannot be tried on this computer."""


def mount(*arguments):
    try:
        run("mount", *arguments)
    except Failure as failure:
        # A container without the right to mount; the package's files are checked all the same.
        if os.environ.get("CUELIGHT_MOUNTS") != "needed" and "permission denied" in str(failure).lower():
            raise Skipped("this computer allows no mounts") from failure
        raise


class Machine:
    """A Debian of its own: an overlay over `lower`, in memory. Gone with this process."""

    def __init__(self, shelf, lower):
        self.folder = shelf.folder / "machine"
        self.folder.mkdir()
        mount("-t", "tmpfs", "-o", "size=1g", "tmpfs", self.folder)
        self.root = self.folder / "root"
        for name in ("root", "upper", "work"):
            (self.folder / name).mkdir()
        layers = f"lowerdir={lower},upperdir={self.folder}/upper,workdir={self.folder}/work"
        mount("-t", "overlay", "overlay", "-o", layers, self.root)
        for name in ("proc", "dev"):
            mount("--rbind", f"/{name}", self.root / name)
        # Whatever runs on this machine, no service manager runs in there.
        shutil.rmtree(self.root / "run/systemd", ignore_errors=True)
        shutil.copy("/etc/resolv.conf", self.root / "etc/resolv.conf")
        (self.root / "packages").mkdir(exist_ok=True)
        # Nor must an agent of this machine help.
        shutil.rmtree(self.path(STATE), ignore_errors=True)
        self.children = []

    def command(self, *command):
        environment = [
            "/usr/bin/env", "-i", "HOME=/root", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive",
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ]  # fmt: skip
        return ["chroot", self.root, *environment, *command]

    def run(self, *command, code=0):
        return run(*self.command(*command), code=code)

    def start(self, *command):
        log = open(self.folder / f"{len(self.children)}.log", "wb")
        child = subprocess.Popen(
            [str(part) for part in self.command(*command)], stdout=log, stderr=log,
            stdin=subprocess.DEVNULL)  # fmt: skip
        self.children.append(child)
        return child

    def stop(self):
        for child in reversed(self.children):
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
        codes = [child.wait(timeout=30) for child in self.children]
        self.children = []
        return codes

    def install(self, package):
        shutil.copy(package, self.root / "packages")
        return self.run("dpkg", "--install", f"/packages/{package.name}")

    def path(self, name):
        return self.root / name

    def owner(self, name):
        status = self.path(name).stat()
        wanted = self.run("id", "--user", "cuelight").strip()
        return str(status.st_uid) == wanted, status.st_mode & 0o777


def files(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*") if path.is_file() and not path.is_socket()
    }  # fmt: skip


@case
def it_is_installed_used_upgraded_downgraded_removed_and_purged(shelf):
    machine = Machine(shelf, prepare_bare(shelf) if shelf.is_bare else "/")
    try:
        live(shelf, machine)
    finally:
        machine.stop()


def prepare_bare(shelf):
    """A Debian with what the package asks for and nothing else."""
    if not (BARE / "ready").exists():
        shutil.rmtree(BARE, ignore_errors=True)
        fields = run("dpkg-deb", "--field", shelf.new, "Depends")
        names = re.sub(r"\s*\([^)]*\)", "", fields).replace(" ", "").strip()
        run("debootstrap", "--variant=minbase", f"--include={names}", "bookworm", BARE)
        (BARE / "ready").touch()
    check(not (BARE / "opt/swift").exists(), "there is a toolchain in it")
    return BARE


def live(shelf, machine):
    for name in (f"{STATE}", "usr/bin/cuelight-agent", CONFFILE):
        check(not machine.path(name).exists(), f"{name} is there before the package")
    machine.install(shelf.old)
    check("dialout" in machine.run("id", "cuelight"), "the user may not open serial ports")
    check(machine.owner(STATE) == (True, 0o700), f"the state folder: {machine.owner(STATE)}")

    # Not paired: everything says so, and nothing crashes.
    agent = "cuelight-agent"
    check("pair" in machine.run(agent, "--help"), "no help")
    check(machine.run(agent, "--version") == f"{agent} {release()}\n", "another release")
    told = machine.run(agent, "doctor", code=5)
    check("not paired" in told, told)
    for command in ("run", "status", "boards"):
        told = machine.run(agent, command, code=3)
        check(told.startswith("cuelight-agent: this agent is not paired"), told)
    told = machine.run(agent, "pair", "--server", "http://127.0.0.1:9", "--token", "t", code=1)
    check(told.startswith("cuelight-agent: ") and told.count("\n") == 1, told)
    check(not machine.path(f"{STATE}/agent.json").exists(), "it counts as paired")

    if shelf.is_bare:
        told = machine.run(agent, "logs", code=1)
        check("/usr/bin/journalctl" in told and told.count("\n") == 1, told)

    # Root pairs; what it writes is the service's.
    server, address = serve()
    machine.run(agent, "pair", "--server", address, "--token", "cat_token", "--name", "desk")
    server.shutdown()
    for name in ("agent.json", "key", "credential.json"):
        check(machine.owner(f"{STATE}/{name}") == (True, 0o600), f"{name}: {machine.owner(f'{STATE}/{name}')}")
    drive(machine)
    conffile = machine.path(CONFFILE)
    conffile.write_text(conffile.read_text() + "# mine\n")
    state = files(machine.path(STATE))
    check("journal.db" in state, f"no journal in {sorted(state)}")

    # No journal is kept in here: a program stands for the one that shows it.
    machine.path("usr/bin/journalctl").unlink(missing_ok=True)
    machine.path("usr/bin/journalctl").write_text(
        """#!/bin/sh\necho '{"message":"hello","level":"error"}'; echo "$@"; exit 0\n""")
    machine.path("usr/bin/journalctl").chmod(0o755)
    first, second = machine.run(agent, "logs", "--follow", "--lines", "7").splitlines()
    check(first.endswith(" error     hello"), first)
    wanted = "--unit cuelight-agent.service --output cat --no-pager --lines 7 --follow"
    check(second == wanted, second)

    machine.install(shelf.new)
    check(machine.run("dpkg-query", "-W", "-f", "${Version}", agent) == NEW, "not upgraded")
    check(files(machine.path(STATE)) == state, "the upgrade changed the state")
    check(conffile.read_text().endswith("# mine\n"), "the upgrade changed the configuration")
    drive(machine)

    # A later release has been here, and the user goes back to this one.
    journal = sqlite3.connect(machine.path(f"{STATE}/journal.db"))
    journal.execute("PRAGMA user_version = 99")
    journal.close()
    machine.install(shelf.old)
    state = files(machine.path(STATE))
    told = machine.run(agent, "run", code=6)
    check("schema 99" in told and "install the newer release again" in told, told)
    check(files(machine.path(STATE)) == state, "the refusal changed the state")

    machine.run("dpkg", "--remove", agent)
    check(not machine.path("usr/bin/cuelight-agent").exists(), "the program is still there")
    check(files(machine.path(STATE)) == state, "removing changed the state")
    check(conffile.exists(), "removing took the configuration")
    machine.run("dpkg", "--purge", agent)
    for name in (STATE, CONFFILE, "usr/share/cuelight", "lib/systemd/system/cuelight-agent.service"):
        check(not machine.path(name).exists(), f"{name} is left after purging")
    left = machine.run("dpkg-query", "-W", "-f", "${db:Status-Status}", agent, code=None)
    check("installed" not in left.replace("not-installed", ""), left)


def drive(machine):
    """A simulated board, and the agent by hand; both as root, which becomes the service's user."""
    board = machine.start("cuelight-agent", "simulate", "--events", "/dev/null")
    link = machine.path(f"{STATE}/simulated-board")
    wait("the simulated board", link.is_symlink)
    agent = machine.start(
        "cuelight-agent", "run", "--no-usb", "--port", f"/{STATE}/simulated-board")

    def answering():
        told = machine.run("cuelight-agent", "boards", "--json", code=None)
        if agent.poll() is not None or board.poll() is not None:
            raise Failure("\n".join(path.read_text() for path in machine.folder.glob("*.log")))
        boards = json.loads(told)["boards"] if told.startswith("{") else []
        return [one for one in boards if one.get("link") and one["state"] in ("safe", "armed")]

    boards = wait("its board", answering)
    check(len(boards) == 1 and boards[0]["port"] == f"/{STATE}/simulated-board", boards)
    check(machine.owner(f"{STATE}/journal.db")[0], "the journal is root's")
    codes = machine.stop()
    check(codes == [0, 0], f"they ended with {codes}")
    link.unlink(missing_ok=True)


def release():
    text = (ROOT / "Sources/Platform/Platform/Release.swift").read_text()
    return re.search(r'version = "(.*)"', text)[1]


def attempt(function, shelf):
    try:
        function(shelf)
        return None
    except Failure as failure:
        return str(failure)
    except Skipped:
        raise
    except Exception:
        return traceback.format_exc()


def main():
    arguments = sys.argv[1:]
    missing = [f"{name} (apt install {package})" for name, package in PROGRAMS.items() if not shutil.which(name)]
    if missing:
        print(f"missing: {', '.join(missing)}")
        return 1
    if os.geteuid() != 0:
        print("the package's life is tried as root; run this with sudo")
        return 1
    if "--inside" not in arguments:
        # What is mounted in there goes with its name space, so that this removal meets no mount.
        folder = tempfile.mkdtemp(prefix="cuelight-package-")
        try:
            return subprocess.run(
                ["unshare", "--mount", "--propagation", "private", sys.executable, __file__,
                 "--inside", folder, *arguments]).returncode  # fmt: skip
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    folder = arguments[arguments.index("--inside") + 1]
    wanted = [name for name in arguments if not name.startswith("--") and name != folder]
    failed = passed = 0
    shelf = Shelf(folder, "--bare" in arguments)
    print(f"   package {shelf.new.stat().st_size / 1e6:.1f} MB")
    for function in CASES:
        if wanted and function.__name__ not in wanted:
            continue
        start = time.monotonic()
        name = function.__name__.replace("_", " ")
        try:
            problem = attempt(function, shelf)
        except Skipped as reason:
            print(f"SKIPPED  {name}: {reason}", flush=True)
            continue
        seconds = time.monotonic() - start
        failed += bool(problem)
        passed += not problem
        word = "FAILED" if problem else "passed"
        print(f"{word} ({seconds:.1f} s)  {name}" + (f"\n{problem}" if problem else ""), flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
