"""Drives 300 cues at 30 a second through every real part, watches the simulated board's pins, and
prints one JSON line. Exit code 0 only if no pin action was lost or doubled."""

import json
import pathlib
import shutil
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import webcast  # noqa: E402
from stage import Failure, Stage, WebSocket  # noqa: E402

CUES = 300
CUES_PER_SECOND = 30
PULSE_MS = 15
# Word in the comment, and the channel it pulses; the Rose pulses the third.
CHANNELS = {"alpha": "relay1", "bravo": "relay2"}
GIFT_CHANNEL = "lamp"


def make_rules(stage, workspace, device):
    def rule(name, trigger, channel):
        stage.api.post(
            f"/api/v1/workspaces/{workspace}/rules",
            {
                "name": name,
                "trigger": trigger,
                "actions": [
                    {
                        "device_id": device["id"],
                        "channel": channel,
                        "operation": {"type": "pulse", "duration_ms": PULSE_MS},
                    }
                ],
            },
        )

    for word, channel in CHANNELS.items():
        rule(word, {"type": "comment", "match": {"mode": "word", "text": word}}, channel)
    rule("rose", {"type": "gift", "gift": {"gift_id": 5655, "firing": "each"}}, GIFT_CHANNEL)


def drive(stage, workspace, livestream):
    """A third each: a comment over HTTP, one over WebSocket, one frame of a gift streak."""
    comments = f"/api/v1/livestreams/{livestream}/comments"
    frames = f"/api/v1/workspaces/{workspace}/livestreams/{livestream}/frames"
    socket = WebSocket(
        "127.0.0.1", stage.http_port, f"/api/v1/livestreams/{livestream}/socket", stage.api.token
    )
    socket.drain()
    start = time.monotonic()
    streak, count = 0, 0
    for number in range(CUES):
        ahead = start + number / CUES_PER_SECOND - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
        kind = number % 3
        if kind == 0:
            stage.api.post(comments, {"text": f"now alpha, number {number}"})
        elif kind == 1:
            socket.send({"type": "comment", "text": f"BRAVO! {number}"})
        else:
            now_ms = int(time.time() * 1000)
            if number % 30 == 2:
                streak, count = 1_000_000 + number, 0
            count += 1
            viewer = (7, "ana")
            messages = [webcast.gift(9_000_000 + number, now_ms, viewer, streak, count, 1, False)]
            if number % 30 == 29:
                # The streak's end adds nothing and must not pulse again; nor must a repeat.
                messages.append(
                    webcast.gift(9_500_000 + number, now_ms, viewer, streak, count, 0, True)
                )
                messages.append(messages[0])
            messages.append(webcast.chat(9_700_000 + number, now_ms, viewer, "nothing"))
            stage.api.post(frames, raw=webcast.frame(messages, number, number % 2 == 0))
    socket.close()


def commands_of(stage, workspace):
    """Every command with its outcome, oldest first."""
    found, query = [], "?limit=100"
    while True:
        answer = stage.api.call("GET", f"/api/v1/workspaces/{workspace}/commands", query=query)
        found += answer["data"]
        if not answer["has_more"]:
            return sorted(found, key=lambda command: command["trace"]["published_ns"])
        query = f"?limit=100&cursor={answer['next_cursor']}"


def board_events(stage, board="board"):
    events = []
    for line in (stage.folder / f"{board}-events.jsonl").read_text().splitlines():
        try:
            events.append(json.loads(line))
        except ValueError:
            pass  # The last line may be half written.
    return events


def rising_edges(events, pin):
    level, edges = 0, []
    for event in events:
        if event.get("pin") == pin:
            if event.get("level") == 1 and level == 0:
                edges.append(event["wall_ns"])
            level = event.get("level") if event.get("level") in (0, 1) else 0
    return edges


def command_frames(events, channel_id):
    """When the last byte of each distinct COMMAND frame to the channel was on the wire."""
    times, last = [], None
    for event in events:
        text = event.get("uart_rx")
        body = uncobs(bytes.fromhex(text)) if text else b""
        if len(body) >= 6 and body[0] == 0x06 and body[2] == channel_id and body != last:
            times.append(event["wall_ns"])
            last = body
    return times


def uncobs(data):
    data = data.strip(b"\0")
    out, index = bytearray(), 0
    while index < len(data):
        code = data[index]
        out += data[index + 1 : index + code]
        index += code
        if index < len(data) and code < 255:
            out.append(0)
    return bytes(out)


def percentile(values, share):
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 3) if ordered else None


def measure(stage, workspace, device):
    commands = commands_of(stage, workspace)
    events = board_events(stage)
    report = {"cues": len(commands), "pin_actions": 0, "lost": 0, "duplicated": 0}
    to_serial, to_pin = [], []
    for channel in device["manifest"]["channels"]:
        mine = [command for command in commands if command["channel"] == channel["name"]]
        if not mine:
            continue
        edges = rising_edges(events, f"D{channel['pin']}")
        report["pin_actions"] += len(edges)
        report["lost"] += max(0, len(mine) - len(edges))
        report["duplicated"] += max(0, len(edges) - len(mine))
        frames = command_frames(events, channel["id"])
        arrived = [command["trace"]["arrived_ns"] for command in mine]
        if len(frames) == len(mine):
            to_serial += [(end - start) / 1e6 for start, end in zip(arrived, frames)]
        if len(edges) == len(mine):
            to_pin += [(end - start) / 1e6 for start, end in zip(arrived, edges)]
    report["lost"] += max(0, CUES - len(commands))
    report["duplicated"] += max(0, len(commands) - CUES)
    for name, values in (("serial", to_serial), ("pin", to_pin)):
        report[f"in_to_{name}_p50_ms"] = percentile(values, 0.50)
        report[f"in_to_{name}_p99_ms"] = percentile(values, 0.99)
    report["not_executed"] = [
        {"status": command["status"], "reason": command["reason"], "detail": command["detail"]}
        for command in commands
        if command["status"] != "executed"
    ][:5]
    return report


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="cuelight-smoke-", dir="/tmp"))
    folder.chmod(0o755)
    stage = Stage(folder)
    try:
        stage.start_control_plane()
        stage.sign_in("smoke@example.org", "smoke", "a long pass phrase")
        workspace = stage.workspace("Smoke")
        stage.start_board()
        stage.pair_agent(workspace, "bench")
        stage.start_agent()
        device = stage.device(workspace)
        make_rules(stage, workspace, device)
        livestream = stage.api.post(
            f"/api/v1/workspaces/{workspace}/livestreams", {"title": "Smoke"}
        )["id"]
        drive(stage, workspace, livestream)

        def all_ended():
            commands = commands_of(stage, workspace)
            return len(commands) >= CUES

        try:
            stage.wait("the last outcome", all_ended)
        except Failure as failure:
            print(failure, file=sys.stderr)
        report = measure(stage, workspace, device)
    except Failure as failure:
        print(failure, file=sys.stderr)
        stage.stop()
        return 1
    report["unclean_stops"] = stage.stop()
    print(json.dumps(report))
    is_good = report["lost"] == 0 and report["duplicated"] == 0 and not report["unclean_stops"]
    if is_good:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        print(f"logs: {folder}", file=sys.stderr)
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
