"""Cases about sequences; `run.py` runs them with all others."""

import statistics

from smoke import board_events, rising_edges
from stage import Failure

ROUNDS = 15
# What boards that start together may be off, nanoseconds.
APART_MAX_NS = 2_000_000


def check(condition, message):
    if not condition:
        raise Failure(message)


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
        return rising_edges(board_events(show, board), f"D{lamp}")

    def played(count):
        return all(len(edges(board)) >= 2 * count for board in boards)

    def silent():
        return not any(s["playing"] for d in devices
                       for s in show.api.get(f"{devices_path}/{d['id']}/sequences"))  # fmt: skip

    apart = []
    for number in range(1, ROUNDS + 1):
        if number % 2:
            show.cue("show")
        else:
            show.api.post(
                f"/api/v1/workspaces/{show.space}/plays",
                {"plays": [{"device_id": d["id"], "sequence": 2} for d in devices]},
            )
        show.wait(f"round {number}", lambda number=number: played(number))
        show.wait("its end", silent)
        first = [edges(board)[2 * (number - 1)] for board in boards]
        apart.append(abs(first[0] - first[1]))
    print("    first edges apart by", sorted(round(one / 1e6, 2) for one in apart), "ms")
    # A simulator that was not run just then was late, as no board is; an agent that reckons wrongly
    # is wrong every time.
    check(statistics.median(apart) <= APART_MAX_NS, f"apart by {apart} ns")
    show.wait_for(1 + 2 * ROUNDS)

    # A sequence that is taken away is not played any more.
    show.api.delete(f"{devices_path}/{devices[0]['id']}/sequences/2")
    show.command(devices[0], "*", play)
    show.wait_for(1, "rejected")
    check(show.ended()[-1]["reason"] == "no_sequence", show.ended()[-1]["reason"])


CASES = [two_boards_start_within_2_ms_by_a_rule_and_by_the_api]
