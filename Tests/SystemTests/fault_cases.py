"""The cases of the fault table that need more than a killed process; run.py runs them with its own."""

import ctypes
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

from faults import broker_away, check, fault, frame_of
from kills import TRIALS, Victim
from pins import level, pin
from smoke import board_events, rising_edges
from stage import Failure

CASES = []
HERE = pathlib.Path(__file__).resolve().parent
# With 26 kills a round.
KILLS_MIN, VICTIMS = 200, 4
CLONE_NEWNS, CLONE_NEWUSER, MS_REC, MS_PRIVATE = 0x20000, 0x10000000, 1 << 14, 1 << 18


def case(function):
    CASES.append(function)
    return function


def beside(function):
    """Waits most of its time: it runs in a process of its own while other cases run."""
    function.is_beside = True
    return case(function)


def second_board(show, kind="avr", line=False, environment=None):
    """Starts the agent anew with an Uno besides, or with that at the end of a line that can be damaged. Returns its device."""
    show.process("agent").terminate()
    check(show.process("agent").wait(timeout=60) == 0, "the agent did not end cleanly")
    show.forget("agent")
    show.start_board(kind, "board-uno")
    port = show.folder / "board-uno"
    if line:
        port = show.folder / "line"
        show.start("line", [sys.executable, HERE / "line.py", show.folder / "board-uno", port, 7], stdin=subprocess.PIPE)
        show.wait("the line", port.is_symlink)
    start_agent(show, port, environment)
    return show.wait("the Uno", lambda: armed(show))


def start_agent(show, port, environment=None):
    command = show.agent_command("run", "--port", show.folder / "board", "--port", port)
    show.start("agent", command, environment=environment or {})


def armed(show):
    """The second board's device, once both are armed."""
    devices = show.api.get(f"/api/v1/workspaces/{show.space}/devices")
    ready = [device for device in devices if device["condition"] == "armed"]
    return next(d for d in ready if d["id"] != show.board["id"]) if len(ready) == 2 else None


def tell_line(show, *words):
    line = show.process("line")
    seen = (show.folder / "line.log").read_text().count("\n")
    line.stdin.write((" ".join(map(str, words)) + "\n").encode())
    line.stdin.flush()
    return show.wait("the line's answer", lambda: (show.folder / "line.log").read_text().splitlines()[seen:])


def counts_of(show):
    tell_line(show, "count")
    return json.loads((show.folder / "line.log").read_text().splitlines()[-1])


def command(show, device, channel, operation, **more):
    path = f"/api/v1/workspaces/{show.space}/devices/{device['id']}/commands"
    return show.api.post(path, {"channel": channel, "operation": operation, **more})["command_id"]


def outcome(show, told):
    """How a command ended; None if it has not."""
    try:
        return show.api.get(f"/api/v1/workspaces/{show.space}/commands/{told}")
    except Failure as failure:
        check(" 404 " in str(failure), str(failure))
        return None


def end_of(show, told):
    return show.wait("an outcome", lambda: outcome(show, told))


def hold(show, device, channel="relay1"):
    """Switches it on until something switches it off. For a moment after a restart the board is still shown as armed."""

    def is_done():
        end = end_of(show, command(show, device, channel, {"type": "set", "on": True})) if armed(show) else None
        check(not end or end["status"] == "executed" or end["reason"] == "board_offline", f"the relay was refused: {end}")
        return end and end["status"] == "executed"

    show.wait("the relay's command", is_done)
    show.wait("the relay", lambda: level(show, device, channel, "board-uno") == 1)


def edges(show, device, channel):
    return len(rising_edges(board_events(show, "board-uno"), f"D{pin(device, channel)}"))


def released_ms(show, device, since, channel="relay1"):
    """The board's time from the last event for which `since` holds to the relay's release."""
    name = f"D{pin(device, channel)}"

    def released():
        events = board_events(show, "board-uno")
        was_on = max(number for number, event in enumerate(events) if event.get("pin") == name and event["level"] == 1)
        off = next((number for number in range(was_on, len(events))
                    if events[number].get("pin") == name and events[number]["level"] != 1), None)  # fmt: skip
        if off is None:
            return None
        return (events[off]["t_us"] - [event["t_us"] for event in events[:off] if since(event)][-1]) / 1000

    took = show.wait("the relay's release", lambda: (released(),) if released() is not None else None)
    return took[0]


def heard(event):
    """A whole frame of the host."""
    return "uart_rx" in event and len(event["uart_rx"]) > 10 and frame_of(event["uart_rx"]) is not None


@fault("agent SIGKILL", "at each of the 12 steps at which journal or line are written, 200 times and more; the broker delivers again",
       "no command lost, none done twice: as many pulses as its outcome says, exactly")  # fmt: skip
@case
def an_agent_killed_at_every_step_of_the_journal_does_each_command_as_often_as_it_says(show):
    lock = threading.Lock()
    victims = [Victim(show, lock, number) for number in range(VICTIMS)]
    a_round = len(TRIALS) + sum(step.endswith("Repeat") for step, *_ in TRIALS)
    trials = TRIALS * -(-KILLS_MIN // a_round)
    problems = []

    def work(victim, share):
        try:
            for one in share:
                if problems:
                    return
                victim.trial(*one)
            victim.end()
        except Exception as problem:  # noqa: BLE001  Told by the thread that waits.
            problems.append(f"{victim.name}: {problem}")

    threads = [
        threading.Thread(target=work, args=(victim, trials[number::VICTIMS])) for number, victim in enumerate(victims)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check(not problems, "\n".join(problems))
    kills, commands, executed, unknown, pulses = (
        sum(getattr(victim, name) for victim in victims) for name in ("kills", "commands", "executed", "unknown", "pulses")
    )
    ended = {told: how for victim in victims for told, how in victim.ended.items()}

    def told():
        return {one["id"]: (one["status"], one["reason"]) for one in show.ended() if one["id"] in ended}

    # The control plane has heard of every end, and of the right one.
    show.wait("all outcomes", lambda: len(told()) == len(ended))
    check(told() == ended, f"{[(one, how, ended[one]) for one, how in told().items() if how != ended[one]]}")
    check(kills >= KILLS_MIN and executed + unknown == commands, f"{kills} kills, {commands} commands")
    show.measured(
        "agent SIGKILL",
        f"{kills} kills, {commands} commands: {executed} executed, {unknown} said to be unknown, 0 lost, 0 doubled; "
        f"{pulses} pulses, each where it belongs")  # fmt: skip


@fault("10 % bad frames", "a bit flipped in one of ten frames, both ways, 200 pulses",
       "each executed exactly once, or said to be unknown")  # fmt: skip
@fault("cable pulled", "after 1 to 9 bytes of a command's 10, and behind it; a relay is on",
       "off within 600 ms; a part moves nothing; what was sent fails, and is not done on the return")  # fmt: skip
@case
def a_bad_line_and_a_cable_pulled_in_the_middle_of_a_frame_move_nothing_twice(show):
    device = second_board(show, line=True)
    pulse = {"type": "pulse", "duration_ms": 2}
    tell_line(show, "damage", 100)
    before, told = edges(show, device, "lamp"), []
    for _ in range(20):
        lot = [command(show, device, "lamp", pulse, deadline_ms=60_000) for _ in range(10)]
        told += [end_of(show, one) for one in lot]
    tell_line(show, "damage", 0)
    show.wait("the Uno", lambda: armed(show))
    executed = sum(one["status"] == "executed" for one in told)
    unknown = sum(one["status"] == "failed" and one["reason"] in ("link_lost", "rebooted") for one in told)
    pulses = edges(show, device, "lamp") - before
    counts = counts_of(show)
    check(executed + unknown == 200 and executed <= pulses <= executed + unknown,
          f"{executed} executed, {unknown} unknown, {pulses} pulses: {[one for one in told if one['status'] != 'executed']}")  # fmt: skip
    check(unknown <= 10 and counts["damaged"] >= 30, f"{unknown} unknown, {counts}")
    show.measured("10 % bad frames", f"{counts['damaged']} of {counts['frames']} frames damaged: {executed} executed, "
                  f"{unknown} unknown, {pulses} pulses")  # fmt: skip

    longest = 0
    for size in (1, 3, 5, 7, 9, 10):
        hold(show, device)
        before = edges(show, device, "lamp")
        tell_line(show, "cut", size)
        told = command(show, device, "lamp", pulse)
        show.wait("the board to be offline", lambda: not armed(show))
        ended = end_of(show, told)
        check((ended["status"], ended["reason"]) == ("failed", "unplugged"), f"{size} bytes: {ended}")
        longest = max(longest, released_ms(show, device, heard))
        tell_line(show, "join")
        show.wait("the Uno", lambda: armed(show))
        check(end_of(show, command(show, device, "relay2", pulse))["status"] == "executed", "it does not work again")
        done = edges(show, device, "lamp") - before
        check(done == (1 if size == 10 else 0), f"{done} pulses for {size} bytes of a command")
    check(longest <= 600, f"the relay was released after {longest} ms")
    show.measured("cable pulled", f"6 pulls: off within {longest:.0f} ms, 0 pulses by parts, 1 by the whole frame, "
                  "6 commands failed (unplugged), none repeated")  # fmt: skip


@fault("agent SIGSTOP", "stopped with a relay on; 20 cues meanwhile, each for 500 ms",
       "outputs safe within 600 ms by the board's clock; nothing late afterwards")  # fmt: skip
@fault("MCU hang", "the chip's program stands still with a relay on", "outputs safe within 300 ms by the board's clock")
@fault("brown-out", "the chip resets for want of power at three random moments with a relay on",
       "off at once, safe at boot, said; the third time out of use until released")  # fmt: skip
@fault("power cut", "the board loses its power at 5 random moments of a burst of commands",
       "it boots safe and is the same board; what was under way fails and is not repeated")  # fmt: skip
@case
def a_board_is_safe_whether_its_agent_its_program_or_its_power_stops(show):
    device = second_board(show)
    agent = show.process("agent")
    hold(show, device)
    agent.send_signal(signal.SIGSTOP)
    took = released_ms(show, device, heard)
    lamp = edges(show, device, "lamp")
    late = [command(show, device, "lamp", {"type": "pulse", "duration_ms": 5}, deadline_ms=500) for _ in range(20)]
    time.sleep(1)  # Two deadlines pass; nothing else can be awaited.
    agent.send_signal(signal.SIGCONT)
    ends = [end_of(show, one)["status"] for one in late]
    check(set(ends) == {"expired"}, f"{ends}")
    show.wait("the Uno", lambda: armed(show))
    check(edges(show, device, "lamp") == lamp, "the lamp was pulsed late")
    check(took <= 600, f"released after {took} ms")
    show.measured("agent SIGSTOP", f"off after {took:.0f} ms; 20 of 20 expired, 0 late")

    hold(show, device)
    show.tell_board("hang", "board-uno")
    took = released_ms(show, device, lambda event: "hang" in event)
    check(took <= 300, f"released after {took} ms")
    show.measured("MCU hang", f"off after {took:.0f} ms")
    resets(show, device, 1)

    uno = device["board_uid"]
    for number in range(3):
        show.wait("the Uno", lambda: armed(show))
        hold(show, device)
        time.sleep(random.random() / 20)  # At a random moment of the board's 200 ms between two beats.
        show.tell_board("brown-out", "board-uno")
        took = released_ms(show, device, lambda event: event.get("reset") == "brown_out")
        check(took <= 1, f"released {took} ms after the reset")
        resets(show, device, number + 2)
        if number == 1:
            # With the hang this was the third restart within a minute.
            show.wait("the quarantine", lambda: condition(show, device) == "quarantined")
            release(show, uno)
    cause = next(b for b in show.status()["boards"] if b["uid"] == uno)["connection"]
    show.wait("the Uno", lambda: armed(show))
    show.measured("brown-out", "3 times off with the reset itself, disarmed at boot, told as an unexpected restart; out of "
                  "use after the third restart in a minute")  # fmt: skip
    check(cause is not None, "the board's connection is not told")

    done = failed = 0
    for _ in range(5):
        before = edges(show, device, "lamp")
        lot = [command(show, device, "lamp", {"type": "pulse", "duration_ms": 5}) for _ in range(8)]
        time.sleep(random.random() / 10)  # Somewhere in the burst.
        show.process("board-uno").kill()
        show.process("board-uno").wait()
        show.forget("board-uno")
        ends = [end_of(show, one) for one in lot]
        executed = sum(one["status"] == "executed" for one in ends)
        unknown = sum(one["reason"] == "unplugged" and one["trace"]["written_ns"] > 0 for one in ends)
        # What reached the agent after the board had gone has waited for it in vain.
        check(all(one["status"] in ("executed", "failed") or one["reason"] == "board_offline" for one in ends), f"{ends}")
        pulses = edges(show, device, "lamp") - before
        check(executed <= pulses <= executed + min(unknown, 1), f"{pulses} pulses, {executed} executed, {unknown} under way")
        keep_log(show)
        (show.folder / "board-uno").unlink(missing_ok=True)
        show.start_board("avr", "board-uno")
        show.wait("the Uno", lambda: armed(show))
        check(armed(show)["id"] == device["id"], "it came back as another device")
        check(edges(show, device, "lamp") == 0, "it did something again")
        done, failed = done + executed, failed + len(ends) - executed
    show.measured("power cut", f"5 cuts: {done} executed, {failed} failed, as many pulses; the same board each time, none repeated")


def condition(show, device):
    devices = show.api.get(f"/api/v1/workspaces/{show.space}/devices")
    return next(one for one in devices if one["id"] == device["id"])["condition"]


def resets(show, device, count):
    """Waits until the agent has counted so many unexpected restarts of a board."""

    def counted():
        board = next(b for b in show.status()["boards"] if b["uid"] == device["board_uid"])
        return board["link"]["resets"] >= count

    show.wait(f"{count} restarts", counted)


def release(show, uid):
    done = subprocess.run(
        [str(part) for part in show.agent_command("release", uid)], capture_output=True, text=True, timeout=60)
    check(done.returncode == 0, done.stdout + done.stderr)


def keep_log(show, board="board-uno"):
    """A simulator that is started again begins its log anew; what it did before is looked at in the end."""
    log = show.folder / f"{board}-events.jsonl"
    number = len(list(show.folder.glob(f"{board}-events.jsonl.*")))
    log.rename(log.with_name(f"{log.name}.{number}"))


@fault("clock jumps", "the agent's clock set 5 hours ahead, 5 back, and right again, with commands waiting",
       "monotonic time for every deadline: none expires early, none is done late")  # fmt: skip
@case
def clocks_that_are_set_by_hours_make_no_command_late_and_none_early(show):
    library, clock = show.folder / "clock_shift.so", show.folder / "clock"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", library, HERE / "clock_shift.c"], check=True, timeout=60)
    set_clock(clock, 0)
    device = second_board(show, environment={"LD_PRELOAD": str(library), "CUELIGHT_CLOCK_SHIFT": str(clock)})
    before = edges(show, device, "relay1")
    executed = expired = 0
    short = {"type": "pulse", "duration_ms": 10}
    for hours in (5, -5, 0):
        first = command(show, device, "relay1", {"type": "pulse", "duration_ms": 3000})
        patient = command(show, device, "relay1", short, deadline_ms=60_000)
        hasty = command(show, device, "relay1", short, deadline_ms=500)
        set_clock(clock, hours)
        check(end_of(show, first)["status"] == "executed", "the first was refused")
        check(end_of(show, hasty)["status"] == "expired", f"{hours} h: {outcome(show, hasty)}")
        check(end_of(show, patient)["status"] == "executed", f"{hours} h: {outcome(show, patient)}")
        lot = [command(show, device, "relay1", short) for _ in range(10)]
        ends = [end_of(show, one)["status"] for one in lot]
        check(set(ends) == {"executed"}, f"{hours} h: {ends}")
        executed, expired = executed + 12, expired + 1
        # Its log says by which clock it lives.
        show.api.put(f"/api/v1/workspaces/{show.space}/stop")
        show.wait("the E-stop", lambda: condition(show, device) == "estopped")
        show.api.delete(f"/api/v1/workspaces/{show.space}/stop")
        show.wait("the Uno", lambda: armed(show))
        told = [json.loads(line)["time_ms"] for line in show.log("agent", 100_000).splitlines() if line.startswith('{"time_ms"')]
        check(any(abs(one / 3.6e6 - time.time() / 3600 - hours) < 0.1 for one in told[-2:]), f"the clock was not set: {told[-1]}")
    check(edges(show, device, "relay1") - before == executed, "pulses and outcomes differ")
    show.measured("clock jumps", f"3 jumps: {executed} executed, {executed} pulses, {expired} of {expired} with a short deadline expired")


def set_clock(path, hours):
    """As a whole: it is read at any time."""
    new = path.with_name(path.name + ".new")
    new.write_text(f"{hours * 3_600_000}\n")
    new.rename(path)


@fault("full disk", "the journal's file system fills up, cues and an E-stop come, room is made",
       "refused with the reason, nothing moves without an entry; the E-stop acts; it goes on by itself")  # fmt: skip
@beside
def a_full_disk_is_told_moves_nothing_and_is_recovered_from(show):
    show.process("agent").terminate()
    check(show.process("agent").wait(timeout=60) == 0, "the agent did not end cleanly")
    show.forget("agent")
    small = show.folder / "small"
    small.mkdir()
    mount_small(small)
    shutil.copytree(show.agent_folder, small, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.sock", "*.lock", "lock"))
    show.agent_folder = small
    show.start_agent()
    show.device(show.space)
    pulses, told = show.pulses(), []
    fill(small / "ballast")

    def refused():
        told.append(end_of(show, command(show, show.board, "lamp", {"type": "pulse", "duration_ms": 2})))
        return told[-1]["status"] == "rejected"

    # What is left of the pages that the journal has already is used up first.
    show.wait("a refusal", refused)
    reason = told[-1]
    check(reason["reason"] == "journal_failed" and "make room" in reason["detail"], f"{reason}")
    told += [end_of(show, command(show, show.board, "lamp", {"type": "pulse", "duration_ms": 2})) for _ in range(20)]
    executed = sum(one["status"] == "executed" for one in told)
    check(show.pulses() - pulses == executed, f"{show.pulses() - pulses} pulses, {executed} executed")
    show.api.put(f"/api/v1/workspaces/{show.space}/stop")
    show.wait("the E-stop", lambda: show.condition() == "estopped")
    show.api.delete(f"/api/v1/workspaces/{show.space}/stop")
    show.wait("the release", lambda: show.condition() == "armed")
    (small / "ballast").unlink()

    def works():
        told.append(end_of(show, command(show, show.board, "lamp", {"type": "pulse", "duration_ms": 2})))
        return told[-1]["status"] == "executed"

    show.wait("a cue with room again", works)
    executed = sum(one["status"] == "executed" for one in told)
    check(show.pulses() - pulses == executed, f"{show.pulses() - pulses} pulses, {executed} executed")
    rejected = sum(one["reason"] == "journal_failed" for one in told)
    check(rejected + executed == len(told), f"{told}")
    show.measured("full disk", f"{rejected} refused (journal_failed, make room), {executed} executed = {executed} pulses; "
                  "E-stop obeyed; recovered without a restart")  # fmt: skip


def mount_small(path):
    """A file system of 2 MB that this process and its children alone see."""
    library = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()
    flags = CLONE_NEWNS | (CLONE_NEWUSER if user else 0)
    check(library.unshare(flags) == 0, f"no namespace of our own: {os.strerror(ctypes.get_errno())}")
    if user:
        pathlib.Path("/proc/self/setgroups").write_text("deny")
        pathlib.Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        pathlib.Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    check(library.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) == 0, os.strerror(ctypes.get_errno()))
    check(library.mount(b"tmpfs", str(path).encode(), b"tmpfs", 0, b"size=2m,mode=700") == 0, os.strerror(ctypes.get_errno()))


def fill(path):
    with open(path, "wb", buffering=0) as ballast:
        for size in (65536, 4096, 1):
            try:
                while True:
                    ballast.write(b"\0" * size)
            except OSError:
                pass  # Full for pieces of this size.


@fault("broker away", "60 s, with 100 cues queued; a relay is on at the beginning",
       "0 late motions, 100 expired outcomes, outputs off meanwhile")  # fmt: skip
@beside
def a_broker_that_is_away_for_a_minute_with_a_hundred_cues_lets_none_be_late(show):
    show.rule("hold", "relay1", {"type": "set", "on": True})
    show.cue("hold")
    show.wait_for(2)
    pulses = show.pulses()
    with broker_away(show) as broker:
        end = time.monotonic() + 60
        for _ in range(100):
            show.cue()
        show.wait("the relay's release", lambda: level(show, show.board, "relay1") == 0)
        time.sleep(max(0, end - time.monotonic()))  # The minute of this case.
    show.wait("the broker", lambda: show.children("mosquitto") not in ([], [broker]))
    show.wait("100 ends", lambda: len(show.ended()) >= 102)
    ends = [f"{one['status']} {one['reason']}" for one in show.ended()[2:]]

    posted = 0

    def works():
        nonlocal posted
        show.cue()
        posted += 1
        return any(one["status"] == "executed" for one in show.ended()[102:])

    show.wait("a cue through the new broker", works)
    show.wait("every end", lambda: len(show.ended()) == 102 + posted)
    # What was cued after the broker's return may be done; nothing of before.
    late = show.pulses() - pulses - sum(one["status"] == "executed" for one in show.ended()[102:])
    expired = sum(one.startswith("expired ") for one in ends)
    check(late == 0 and expired == 100, f"{late} late, {expired} expired of {sorted(ends)}")
    show.measured("broker away", f"{late} late motions, {expired} expired of {len(ends)} cues; the next cue works")
