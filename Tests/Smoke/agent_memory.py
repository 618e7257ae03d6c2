"""What an agent with eight boards needs of memory: prints rows as JSON, for `make bench ONLY=agent`.

Control plane, broker and agent as released, the firmware of eight boards compiled for this machine, and
commands to all of them at a steady pace."""

import json
import os
import pathlib
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from stage import Failure, Stage  # noqa: E402

BOARDS = 8
COMMANDS = 2000
PERIOD_S = 0.02


def memory(process):
    """Of /proc/PID/status, bytes: resident, the part of it that is not files, and the most ever."""
    found = {}
    for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name in ("VmRSS", "RssAnon", "VmHWM"):
            found[name] = int(value.split()[0]) * 1024
    return found


def rows(label, process):
    found = memory(process)
    return [
        {"name": f"agent: {label}, {what}", "value": found[key] / 1e6, "unit": "MB", "peer": ""}
        for what, key in (("resident", "VmRSS"), ("not files", "RssAnon"), ("most ever", "VmHWM"))
    ]


def measure(stage):
    stage.start_control_plane()
    stage.sign_in("memory@example.org", "memory", "a long pass phrase")
    space = stage.workspace("Memory")
    stage.pair_agent(space, "desk")
    agent = stage.start_agent(boards=())

    def online():
        return [one for one in stage.api.get(f"/api/v1/workspaces/{space}/agents") if one["online"]]

    stage.wait("the agent", online)
    found = rows("no board", agent)
    agent.terminate()
    agent.wait(timeout=30)
    stage.processes = [entry for entry in stage.processes if entry[1] is not agent]
    names = [f"board-{number}" for number in range(BOARDS)]
    for name in names:
        stage.start_board("host", name)
    agent = stage.start_agent(boards=names)

    def armed():
        devices = stage.api.get(f"/api/v1/workspaces/{space}/devices")
        ready = [one for one in devices if one["condition"] == "armed"]
        return ready if len(ready) == BOARDS else None

    devices = stage.wait("eight armed boards", armed)
    found += rows("8 boards", agent)
    operation = {"channel": "lamp", "operation": {"type": "pulse", "duration_ms": 1}}
    start = time.monotonic()
    for number in range(COMMANDS):
        device = devices[number % BOARDS]["id"]
        stage.api.post(f"/api/v1/workspaces/{space}/devices/{device}/commands", operation)
        time.sleep(max(0, start + (number + 1) * PERIOD_S - time.monotonic()))

    def done():
        latest = stage.api.get(f"/api/v1/workspaces/{space}/commands", "?limit=1")
        return latest and latest[0]["status"] == "executed"

    stage.wait("the last command", done)
    return found + rows(f"8 boards and {COMMANDS:,} commands", agent)


def main():
    with tempfile.TemporaryDirectory(prefix="cuelight-memory-") as folder:
        # The services run as a user of their own.
        os.chmod(folder, 0o755)
        stage = Stage(folder)
        try:
            print(json.dumps(measure(stage)))
            return 0
        except Failure as failure:
            print(failure, file=sys.stderr)
            return 1
        finally:
            stage.stop()


if __name__ == "__main__":
    sys.exit(main())
