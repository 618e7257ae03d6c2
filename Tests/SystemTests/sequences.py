"""Cases about sequences; `run.py` runs them with all others."""

import pathlib
import struct
import time

from faults import EVENT, frame_of
from smoke import board_events, rising_edges
from stage import Failure

ROUNDS = 15
# What boards that start together may be off, nanoseconds.
APART_MAX_NS = 2_000_000
SEQUENCE_START = 0x0E  # docs/link.md
# A simulator that is not run for 50 ms loses the rest of that time, and otherwise 0.1 % at most; an agent believes a reading of its
# clock for 13 s.
BELIEVED_US, STEADY_NS, DRIFT_NS_PER_US = 14_000_000, 300_000, 2


def check(condition, message):
    if not condition:
        raise Failure(message)


def frames(events, way):
    """Each with its log entry."""
    whole = [(event, frame_of(event[way])) for event in events if len(event.get(way, "")) > 10]
    return [(event, frame) for event, frame in whole if frame]


def planned_ns(show, board, mark):
    """When, by this computer's clock, the board was told to start after that mark of its log; None if its clock lost time
    while the agent was reckoning with it, as no crystal does. A late simulator is nothing that an agent could reckon with."""
    events = board_events(show, board)
    start = next(frame for _, frame in frames(events[mark:], "uart_rx") if frame[0] == SEQUENCE_START)
    booted_us = [event["t_us"] for event in events[:mark] if "reset" in event][-1]
    start_us = booted_us + 1000 * struct.unpack("<I", start[2][1:5])[0]
    # This computer's clock less the board's. An entry that was written late makes it look greater.
    ahead_ns, least = [], None
    for event in reversed(events):
        least = min(event["wall_ns"] - 1000 * event["t_us"], least or 1 << 63)
        ahead_ns.append((event["t_us"], least))
    ahead_ns.reverse()
    believed = [one for one in ahead_ns if start_us - BELIEVED_US <= one[0] <= start_us]
    for (before_us, before), (after_us, after) in zip(believed, believed[1:]):
        if after - before > STEADY_NS + (after_us - before_us) * DRIFT_NS_PER_US:
            return None
    return 1000 * start_us + next(ahead for at_us, ahead in ahead_ns if at_us >= start_us)


def was_left(show, board, mark):
    """Whether the board has said since then that it heard nothing of its host."""
    told = (frame for _, frame in frames(board_events(show, board)[mark:], "uart_tx"))
    return any(frame[0] == EVENT and frame[2][:4] == bytes([2, 255, 1, 0]) for frame in told)


def two_boards_start_within_2_ms_by_a_rule_and_by_the_api(show):
    show.process("agent").terminate()
    check(show.process("agent").wait(timeout=30) == 0, "the agent did not end cleanly")
    show.forget("agent")
    boards = ("board-2", "board-3")
    for board in boards:
        show.start_board("host-stage", board)
    show.start_agent(boards=("board", *boards))
    devices_path = f"/api/v1/workspaces/{show.space}/devices"

    def armed():
        found = show.api.get(devices_path)
        return found if [one["condition"] for one in found] == ["armed"] * 3 else None

    devices = [d for d in show.wait("three armed boards", armed)
               if d["manifest"]["board"] == "host_stage"]  # fmt: skip
    check(len(devices) == 2, f"{len(devices)} boards of host_stage")
    lamp = next(c["pin"] for c in devices[0]["manifest"]["channels"] if c["name"] == "lamp")
    steps = [
        {"type": "loop", "rounds": 2, "steps": [
            {"type": "command", "channel": "lamp", "operation": {"type": "pulse", "duration_ms": 30}},
            {"type": "wait", "wait_ms": 60}]},
        {"type": "command", "channel": "servo",
         "operation": {"type": "glide", "angle_cdeg": 9000, "move_ms": 40, "easing": "smooth", "hold_ms": 10}},
        {"type": "wait", "wait_ms": 60},
    ]  # fmt: skip
    for device in devices:
        path = f"{devices_path}/{device['id']}/sequences"
        put = show.api.put(f"{path}/2", {"name": "Flash", "steps": steps})
        check(put["time_ms"] == 180, f"it takes {put['time_ms']} ms")
        show.wait("the upload", lambda path=path: show.api.get(path)[0]["condition"] == "ready")
    uploaded = {s["number"]: s["condition"] for b in show.status()["boards"]
                for s in b.get("sequences", [])}  # fmt: skip
    check(uploaded == {2: "ready"}, f"status says {uploaded}")

    # What cannot be is told with its place.
    try:
        show.api.put(f"{devices_path}/{devices[0]['id']}/sequences/3",
                     {"name": "Wrong", "steps": [{"type": "wait", "wait_ms": 5}]})  # fmt: skip
        raise Failure("a sequence that does nothing was kept")
    except Failure as failure:
        check(" 422 " in str(failure) and "steps" in str(failure), str(failure))

    play = {"type": "play", "sequence": 2}
    show.api.post(
        f"/api/v1/workspaces/{show.space}/rules",
        {"name": "show", "trigger": {"type": "comment", "match": {"mode": "word", "text": "show"}},
         "actions": [{"device_id": d["id"], "channel": "*", "operation": play} for d in devices]},
    )  # fmt: skip

    def edges(board):
        return len(rising_edges(board_events(show, board), f"D{lamp}"))

    def silent():
        return not any(s["playing"] for d in devices
                       for s in show.api.get(f"{devices_path}/{d['id']}/sequences"))  # fmt: skip

    ports = {b["uid"]: pathlib.Path(b["port"]).name for b in show.status()["boards"]}
    board_of = {d["id"]: ports[d["board_uid"]] for d in devices}
    def doubt_ns():
        """What both readings of the boards' clocks may be off, by the agent's own word."""
        return sum(1000 * b["clock_doubt_us"] for b in show.status()["boards"] if b["uid"] in uids)

    uids = [d["board_uid"] for d in devices]
    common, apart = 0, []
    def play_round(post, can_be_late):
        """How many boards played it; those of a busy computer may hear of a start that is 80 ms ahead when it is over. One that
        heard nothing for 500 ms, of an agent that was not run, has ended what it played."""
        before, marks = len(show.ended()), {board: len(board_events(show, board)) for board in boards}
        flashed = {board: edges(board) for board in boards}
        post()
        show.wait("both ends", lambda: len(show.ended()) == before + 2)
        ends = show.ended()[before:]
        for end in ends:
            is_late = can_be_late and (end["status"], end["reason"]) == ("expired", "late")
            check(end["status"] == "executed" or is_late, f"{end}")
        wanted = {board_of[end["device_id"]]: flashed[board_of[end["device_id"]]] + 2 * (end["status"] == "executed") for end in ends}
        show.wait("its flashes", lambda: all(
            edges(board) >= wanted[board] or was_left(show, board, marks[board]) for board in boards))  # fmt: skip
        show.wait("its end", silent)
        check(all(edges(board) <= wanted[board] for board in boards), f"more than was told: {wanted}")
        return sum(edges(board) == flashed[board] + 2 for board in boards)

    def plays(**more):
        show.api.post(
            f"/api/v1/workspaces/{show.space}/plays",
            {"plays": [{"device_id": d["id"], "sequence": 2} for d in devices], **more},
        )

    for number in range(ROUNDS):
        marks, doubt = {board: len(board_events(show, board)) for board in boards}, doubt_ns()
        if play_round(plays if number % 2 else lambda: show.cue("show"), can_be_late=True) < 2:
            continue
        common += 1
        starts = [planned_ns(show, board, marks[board]) for board in boards]
        if all(starts):
            apart.append(abs(starts[0] - starts[1]))
            # Both are rounded to milliseconds. A busy computer reads its boards' clocks less exactly, and knows it.
            bound = max(APART_MAX_NS, 1_000_000 + 2 * STEADY_NS + max(doubt, doubt_ns()))
            check(apart[-1] <= bound, f"round {number}: apart by {apart[-1]} ns, not more than {bound} expected")
    # No computer is too busy for a start that is far enough ahead.
    both = play_round(lambda: plays(start_at_ms=int(time.time() * 1000) + 5000), can_be_late=False)
    check(both == 2 or any(was_left(show, board, 0) for board in boards), f"{both} boards played the last")
    print(f"    {common} common starts; of {len(apart)} measured, apart by", sorted(round(one / 1e6, 2) for one in apart), "ms")

    # A sequence that is taken away is not played any more.
    show.api.delete(f"{devices_path}/{devices[0]['id']}/sequences/2")
    show.command(devices[0], "*", play)
    show.wait_for(1, "rejected")
    check(show.ended()[-1]["reason"] == "no_sequence", show.ended()[-1]["reason"])


CASES = [two_boards_start_within_2_ms_by_a_rule_and_by_the_api]
