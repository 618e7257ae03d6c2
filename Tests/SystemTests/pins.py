"""What the outputs of a simulated board do, by its log and its device's manifest."""

from smoke import board_events, rising_edges


def last(show, key, value, wanted, board="board"):
    """What the simulator last said of a pin or a motor; None before it said anything."""
    for event in reversed(board_events(show, board)):
        if event.get(key) == value:
            return event[wanted]
    return None


def level(show, device, channel, board="board"):
    return last(show, "pin", f"D{pin(device, channel)}", "level", board)


def duty(show, device, channel, board="board"):
    return last(show, "pwm", f"D{pin(device, channel)}", "duty_permille", board)


def pin(device, channel):
    return next(c["pin"] for c in device["manifest"]["channels"] if c["name"] == channel)


def risings(show, device, board="board"):
    """The rising edges of every switching output, and every time a motor was driven."""
    events = board_events(show, board)
    names = ["relay1", "relay2", "lamp"]
    edges = sum(len(rising_edges(events, f"D{pin(device, name)}")) for name in names)
    return edges + sum(1 for event in events if event.get("duty_permille", 0) > 0)
