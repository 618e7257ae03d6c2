"""Cases about sequences; `run.py` runs them in the story, with a real agent and simulated boards."""

import json

from browser import ENTER, expect
from smoke import rising_edges
from stage import Failure

NAME = "Bow and flash"
LAMP = "D13"
# 90 degrees of the servo: 500 to 2,500 microseconds over 180 degrees.
BOW_WIDTH_US = 1500
FORM = "#sequence-form"


def step(path):
    """The line of a step, named as the API names it."""
    return f'.step[data-path="{path}"]'


def add(page, kind, path="steps"):
    page.click(f'{FORM} [data-path="{path}"] > .buttons [data-add="{kind}"]')


def command(page, path, channel, does):
    page.choose(f'[data-path="{path}.channel"]', channel)
    page.choose(f'[data-path="{path}.operation.type"]', does)


def save(page):
    page.click(f"{FORM} button[type=submit]")


AREA = f"{FORM} textarea"


def text_of(page):
    return page.run("return document.querySelector(arguments[0]).value", AREA)


def write(page, value):
    """Puts a text in place of the one there, as pasting does."""
    page.run(
        "const area = document.querySelector(arguments[0]); area.value = arguments[1];"
        "area.dispatchEvent(new Event('input', { bubbles: true }))",
        AREA, value,
    )  # fmt: skip


def stored(show):
    return show.stage.api.get(f"/api/v1/workspaces/{show.workspace}/sequences")


def flashes(show, board="board"):
    return len(rising_edges(show.board_events(board), LAMP))


def row(device=None):
    return f'.copy[data-device="{device["id"]}"]' if device else ".copy"


def a_sequence_is_made_in_its_form_and_played(show):
    page = show.browser
    show.view("sequences")
    page.see(".sequences .empty", "No sequences yet")
    page.click("#new-sequence")
    page.type('[data-path="name"]', NAME)
    add(page, "command")
    command(page, "steps[0]", "servo", "Glide")
    page.type('[data-path="steps[0].operation.angle_cdeg"]', "90")
    page.type('[data-path="steps[0].operation.move_ms"]', "150")
    add(page, "loop")
    page.type('[data-path="steps[1].rounds"]', "3")
    add(page, "command", "steps[1].steps")
    command(page, "steps[1].steps[0]", "lamp", "Pulse")
    page.type('[data-path="steps[1].steps[0].operation.duration_ms"]', "40")
    add(page, "wait", "steps[1].steps")
    page.type('[data-path="steps[1].steps[1].wait_ms"]', "90")
    # A copy that is removed again.
    page.click(f'{step("steps[1].steps[1]")} > .step-head [data-tool="copy"]')
    page.click(f'{step("steps[1].steps[2]")} > .step-head [data-tool="remove"]')
    expect(page.run("return document.activeElement.className") == "step-open", "the focus is lost")
    # By the keyboard into the loop from below, and out of it at the top.
    add(page, "wait")
    page.type('[data-path="steps[2].wait_ms"]', "200")
    page.click(f'{step("steps[2]")} > .step-head [data-tool="up"]')
    page.see(f'{step("steps[1].steps[2]")} .step-text', "wait 200 ms")
    for _ in range(3):
        page.press(ENTER)
    page.see(f'{step("steps[1]")} .step-text', "wait 200 ms")
    page.see(f'{step("steps[2]")} .step-text', "repeat 3 times, 90 ms each")
    page.see(f'{step("steps[2]")} .step-when', "at 200 ms")
    show.picture("sequence-form", step("steps[2]"))
    show.dark_picture("sequence-form")
    save(page)
    page.see(".sequence h2", NAME)
    [made] = stored(show)
    expect(made["number"] == 0 and made["time_ms"] == 470, f"{made}")
    expect([one["type"] for one in made["steps"]] == ["command", "wait", "loop"], f"{made['steps']}")
    expect(made["steps"][0]["operation"] == {
        "type": "glide", "angle_cdeg": 9000, "move_ms": 150, "easing": "smooth", "hold_ms": 500,
    }, f"{made['steps'][0]}")  # fmt: skip
    page.see(f'{row()} .chip.ready', "ready")
    before, began = len(show.board_events()), flashes(show)
    page.click(f"{row()} [data-play]")
    page.see(f'{row()} .outcome .chip[data-status="executed"]')
    page.see(f"{row()} .outcome", "play sequence 0")
    page.wait("three flashes", lambda: flashes(show) == began + 3)
    page.wait("the bow", lambda: any(
        abs(one.get("width_us", 0) - BOW_WIDTH_US) <= 12 for one in show.board_events()[before:]))
    page.gone(f"{row()} .chip.playing")


def a_sequence_that_plays_is_shown_and_stopped(show):
    page = show.browser
    device = show.device
    path = f"/api/v1/workspaces/{show.workspace}/devices/{device['id']}/sequences/5"
    lit = {"type": "command", "channel": "lamp", "operation": {"type": "set", "on": True}}
    show.stage.api.put(path, {"name": "Long", "steps": [lit, {"type": "wait", "wait_ms": 25_000}]})
    card = '.sequence[data-sequence="5"]'
    page.see(f"{card} .chip.ready")
    page.click(f"{card} [data-play]")
    page.see(f"{card} .chip.playing", "playing")
    page.wait("the lamp on", lambda: show.outputs().get(("pin", LAMP)) == 1)
    page.click(f"{card} [data-stop-playing]")
    page.see(f"{card} .outcome", "stop what it plays")
    page.gone(f"{card} .chip.playing")
    page.wait("the lamp off", lambda: show.outputs().get(("pin", LAMP)) == 0)
    # Deleting asks first.
    page.click(f"{card} [data-delete]")
    page.click(".dialog button", "Cancel")
    expect(len(stored(show)) == 2, "deleted without a yes")
    page.click(f"{card} [data-delete]")
    page.click(".dialog [data-yes]")
    page.gone(card)
    expect([one["number"] for one in stored(show)] == [0], f"{stored(show)}")


def what_is_wrong_with_a_sequence_is_shown_at_its_place(show):
    page = show.browser
    page.click("#new-sequence")
    page.type('[data-path="name"]', "Wrong")
    save(page)
    page.see(f'{FORM} [data-path="steps"] > .field-error', "must")
    add(page, "command")
    command(page, "steps[0]", "relay1", "Pulse")
    # The limits of the channel, by the browser itself, in a step that is closed again.
    page.type('[data-path="steps[0].operation.duration_ms"]', "20000")
    page.click(f'{step("steps[0]")} .step-open')
    save(page)
    page.see('[data-path="steps[0].operation.duration_ms"][aria-invalid]')
    page.type('[data-path="steps[0].operation.duration_ms"]', "200")
    # What only the server knows: a loop must last.
    add(page, "loop")
    add(page, "command", "steps[1].steps")
    page.type('[data-path="number"]', "0")
    save(page)
    page.see(".field.wrong .field-error", f"“{NAME}” under this number")
    page.type('[data-path="number"]', "7")
    save(page)
    page.see('[data-path="steps[1].steps"] > .field-error', "10 ms or longer")
    show.picture("sequence-wrong", '[data-path="steps[1].steps"] > .field-error')
    page.run("document.querySelector('.board-box input').click()")
    save(page)
    page.see('[data-path="boards"] > .field-error', "Choose a board")
    page.click(f"{FORM} button", "Cancel")
    expect(len(stored(show)) == 1, "something wrong was kept")


def steps_and_text_are_one(show):
    page = show.browser
    page.click(".sequence button", "Edit")
    page.click(f'{FORM} [data-tab="text"]')
    body = json.loads(text_of(page))
    [made] = stored(show)
    expect(body == {"name": made["name"], "steps": made["steps"]}, f"{body}")
    # What is no JSON, and what cannot be steps, stays text and says where.
    whole = text_of(page)
    for place, wrong, said in (
        ('"steps": [', '"steps": [,', "It is no JSON"),
        ('"wait_ms": 200', '"wait_s": 1', "steps[1].wait_s is not known"),
    ):
        line = whole[: whole.index(place)].count("\n") + 1
        write(page, whole.replace(place, wrong))
        page.click(f'{FORM} [data-tab="steps"]')
        page.see(".text-mistakes li", said)
        page.see(".text-mistakes button", f"Line {line}")
        expect(page.shown(AREA), "the text is gone")
        write(page, whole)
        page.gone(".text-mistakes li")
    # The server's words stand beside the line.
    write(page, whole.replace('"wait_ms": 200', '"wait_ms": 70000'))
    save(page)
    page.see(".text-mistakes li", "steps[1].wait_ms must be")
    page.see(".field.wrong .field-error", "1 mistake in this text")
    show.picture("sequence-text", AREA)
    page.click(".text-mistakes button", "Line")
    chosen = page.run("const a = document.querySelector(arguments[0]);"
                      "return a.value.slice(a.selectionStart, a.selectionEnd)", AREA)  # fmt: skip
    expect("70000" in chosen, f"selected: {chosen}")
    # What is written is what the list shows, what it leaves out is what the server takes it for.
    body["steps"][1]["wait_ms"] = 260
    del body["steps"][0]["operation"]["hold_ms"], body["steps"][0]["operation"]["easing"]
    write(page, json.dumps(body))
    page.click(f'{FORM} [data-tab="steps"]')
    page.see(f'{step("steps[1]")} .step-text', "wait 260 ms")
    page.click(f'{step("steps[0]")} .step-open')
    shown = page.run("return document.querySelector(arguments[0]).value",
                     '[data-path="steps[0].operation.hold_ms"]')  # fmt: skip
    expect(shown == "0", f"a hold that was left out is shown as {shown}")
    page.type('[data-path="steps[0].operation.hold_ms"]', "100")
    page.click(f'{FORM} [data-tab="text"]')
    expect(json.loads(text_of(page))["steps"][0]["operation"]["hold_ms"] == 100, text_of(page))
    save(page)
    page.see(".sequence .quiet", "530 ms")
    # Somebody else was faster.
    page.click(".sequence button", "Edit")
    page.see(FORM)
    show.stage.api.put(
        f"/api/v1/workspaces/{show.workspace}/devices/{show.device['id']}/sequences/0",
        {"name": NAME, "steps": made["steps"]},
    )
    save(page)
    page.see(".notice.bad", "Somebody else changed this sequence")
    page.click(f"{FORM} button", "Cancel")
    page.see(".sequence .quiet", "470 ms")


def the_model_of_sequences_holds(show):
    """What no click shows: every move of every step, and every place of a text."""
    found = show.browser.run("""
        return import('/console/sequence-model.js').then((model) => {
            const wait = (wait_ms) => ({ type: "wait", wait_ms });
            const loop = (...steps) => ({ type: "loop", rounds: 2, steps });
            const order = (steps) => JSON.stringify(steps, (key, value) => value?.type === "wait"
                ? value.wait_ms : value?.type === "loop" ? value.steps : value);
            const steps = [wait(1), loop(wait(2), loop(wait(3))), wait(4)];
            const walk = [order(steps)];
            for (let place = [0]; (place = model.moveStep(steps, place, 1));) walk.push(order(steps));
            const deep = [loop(loop(wait(1))), loop(wait(2))];
            const skipped = model.moveStep(deep, [1], -1);
            const text = '{"name": "a\\\\"[", "steps": [{"x": 1},\\n{"y": [true, {"z": null}]}]}';
            const places = Object.fromEntries([...model.placesOf(text)].map(
                ([path, at]) => [path, text.slice(at, at + 4)]));
            return { walk, deep: order(deep), skipped, places,
                time: model.timeOf(steps), count: model.countOf(steps) };
        });
    """)
    expect(found["walk"] == [
        "[1,[2,[3]],4]", "[[1,2,[3]],4]", "[[2,1,[3]],4]", "[[2,[1,3]],4]", "[[2,[3,1]],4]",
        "[[2,[3],1],4]", "[[2,[3]],1,4]", "[[2,[3]],4,1]",
    ], f"{found['walk']}")  # fmt: skip
    # A loop in the last depth stays out of another one.
    expect(found["deep"] == "[[[1],[2]]]" and found["skipped"] == [0, 1], f"{found}")
    expect(found["places"] == {
        "": '{"na', "name": '"a\\"', "steps": '[{"x', "steps[0]": '{"x"', "steps[0].x": "1},\n",
        "steps[1]": '{"y"', "steps[1].y": "[tru", "steps[1].y[0]": "true",
        "steps[1].y[1]": '{"z"', "steps[1].y[1].z": "null",
    }, f"{found['places']}")  # fmt: skip
    expect(found["time"] == 1 + 4 + 2 * (2 + 2 * 3) - 0 and found["count"] == 6, f"{found}")


def a_rule_plays_a_sequence(show):
    page = show.browser
    show.view("rules")
    page.click("#new-rule")
    page.type('[data-path="name"]', "Bow")
    page.type('[data-path="trigger.match.text"]', "bow")
    page.choose('[data-path="actions[0].channel"]', "the board")
    page.choose('[data-path="actions[0].operation.type"]', "Play")
    page.choose('[data-path="actions[0].operation.sequence"]', NAME)
    show.picture("rule-play", '[data-path="actions[0].operation.sequence"]')
    page.click("#rule-form button[type=submit]")
    page.see(".rule .acts", f"the board play sequence 0 “{NAME}”")
    began = flashes(show)
    page.type("#comment", "take a bow")
    page.click(".comment-form button")
    page.see(".event .fired-rule", "Bow")
    page.wait("three flashes", lambda: flashes(show) == began + 3)
    # Saved again as it is, it is the same.
    rules = f"/api/v1/workspaces/{show.workspace}/rules"
    [before] = [one for one in show.stage.api.get(rules) if one["name"] == "Bow"]
    page.click(f'.rule[data-rule="{before["id"]}"] button', "Edit")
    page.click("#rule-form button[type=submit]")
    page.see(".rule .acts", "play sequence 0")
    [after] = [one for one in show.stage.api.get(rules) if one["name"] == "Bow"]
    expect(after["actions"] == before["actions"], f"{after['actions']}")
    show.view("sequences")
    page.click(".sequence [data-delete]")
    page.see(".dialog", "“Bow” plays it")
    page.click(".dialog button", "Cancel")
    show.stage.api.delete(f"{rules}/{before['id']}")


def several_boards_start_together(show):
    """From here on there is a second board: an Uno with a channel of every kind."""
    page, stage = show.browser, show.stage
    stage.start_board("avr-uno_stage", "board-stage")
    show.restart_agent(("board", "board-stage"))
    devices = stage.wait("two armed boards", show.armed_devices)
    first, second = (devices[name] for name in ("uno", "uno_stage"))
    show.view("sequences")
    page.click(".sequence button", "Edit")
    page.click(f'.board-box input[value="{second["id"]}"]')
    save(page)
    for device in (first, second):
        page.see(f"{row(device)} .chip.ready", "ready")
    began = {board: flashes(show, board) for board in ("board", "board-stage")}

    def played(times):
        return all(flashes(show, board) == count + 3 * times for board, count in began.items())

    page.click(".sequence [data-all]", "Play on 2 boards together")
    for device in (first, second):
        page.see(f'{row(device)} .outcome .chip[data-status="executed"]')
    page.wait("three flashes of each", lambda: played(1))
    page.wait("their end", lambda: not any(one["playing"] for one in stored(show)))
    # Chosen one by one, which also serves for different sequences.
    page.click(f"{row(first)} input")
    page.see(".together", "choose another board's")
    page.click(f"{row(second)} input")
    show.picture("sequences", ".together")
    show.dark_picture("sequences")
    page.click("#play-together")
    page.wait("three more of each", lambda: played(2))
    # What is wrong on one of them says on which.
    page.click(".sequence button", "Edit")
    page.click(f'{FORM} [data-tab="text"]')
    body = json.loads(text_of(page))
    light = {"type": "level", "level_permille": 500}
    write(page, json.dumps({
        **body, "steps": [*body["steps"], {"type": "command", "channel": "light", "operation": light}],
    }))  # fmt: skip
    save(page)
    page.see(".text-mistakes li", f"must be a channel of the board (on “{first['name']}”)")
    page.click(f"{FORM} button", "Cancel")
    path = f"/api/v1/workspaces/{show.workspace}/devices/{second['id']}/sequences/0"
    show.stage.api.put(path, body)
    page.wait("one card", lambda: len(page.find(".sequence")) == 1)


def a_watcher_sees_sequences_and_may_not_play(show):
    page = show.browser
    owner = show.stage.api.token
    show.stage.sign_in("eve@example.org", "eve", "a long pass phrase")
    code = show.stage.api.post("/api/v1/me/login-codes")["code"]
    eve, show.stage.api.token = show.stage.api.token, owner
    member = f"/api/v1/workspaces/{show.workspace}/members/eve"
    show.stage.api.call("PUT", member, {"role": "watcher"})
    page.run("sessionStorage.clear()")
    show.fresh(f"#login={code}")
    page.choose("#workspace", "Web stage")
    show.view("sequences")
    page.see(".sequence h2", NAME)
    page.see(".copy .chip.ready", "ready")
    page.click(".sequence-steps summary")
    page.see(".steps-read li", "lamp: pulse 40 ms")
    expect(not page.find(".sequences button, .sequences input"), "a watcher has controls")
    # Nor by hand.
    show.stage.api.token = eve
    try:
        show.stage.api.post(f"/api/v1/workspaces/{show.workspace}/plays", {
            "plays": [{"device_id": show.device["id"], "sequence": 0}]})  # fmt: skip
        expect(False, "a watcher played")
    except Failure as failure:
        expect(" 403 " in str(failure), str(failure))
    show.stage.api.token = owner
    show.stage.api.delete(member)
    page.see("#left")
    code = show.stage.api.post("/api/v1/me/login-codes")["code"]
    page.run("sessionStorage.clear()")
    show.fresh(f"#login={code}")
    page.see("#estop", "press Esc twice")


CASES = [
    a_sequence_is_made_in_its_form_and_played, a_sequence_that_plays_is_shown_and_stopped,
    what_is_wrong_with_a_sequence_is_shown_at_its_place, steps_and_text_are_one,
    the_model_of_sequences_holds, a_rule_plays_a_sequence, several_boards_start_together,
    a_watcher_sees_sequences_and_may_not_play,
]  # fmt: skip
