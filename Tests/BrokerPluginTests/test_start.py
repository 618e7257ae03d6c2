"""Options: what lets the broker start, and what must not."""

import base64
import os

from broker import Broker, StartFailed, until
from credentials import Key


def refuses(expected, **more):
    """The broker must end by itself with a line that names the problem."""
    prepare = more.pop("prepare", None)
    broker = Broker(start=False, **more)
    try:
        if prepare:
            prepare(broker)
        broker.start()
        raise AssertionError(f"started although {expected}")
    except StartFailed as failed:
        assert expected in str(failed), f"expected '{expected}' in:\n{failed}"
        assert broker.process.wait(timeout=60) != 0
    finally:
        if broker.process.poll() is None:
            broker.process.kill()
        broker.process.wait()
        broker.close()


def test_start_is_refused_without_a_public_key():
    refuses("public_key_file is missing", options={})
    refuses("No such file", options={"public_key_file": "/nonexistent/keys"})
    refuses("Is a directory", options={"public_key_file": "/tmp"})


def test_start_is_refused_with_a_bad_public_key():
    good = Key().public_line
    for lines, expected in [
        ([], "has no key"), ([""], "has no key"), (["nonsense"], "not an Ed25519 public key"),
        ([good[:-1]], "not an Ed25519"), ([good + "A"], "not an Ed25519"),
        ([good.replace("=", "A")], "not an Ed25519"), ([" " + good], "not an Ed25519"),
        ([base64.b64encode(bytes(32)).decode()], "not an Ed25519"),
        ([base64.b64encode(bytes(31)).decode()], "not an Ed25519"),
        ([good, Key().public_line, Key().public_line], "more than two keys"),
        (["A" * 300], "File too large"),
    ]:
        refuses(expected, keys=lines)


def test_start_is_refused_with_an_unknown_or_repeated_option():
    plugin = f"plugin {os.path.abspath(Broker.plugin)}"
    refuses("plugin_opt_colour is unknown", plugin_lines=[plugin, "plugin_opt_colour red"])
    twice = [plugin, "plugin_opt_public_key_file /a", "plugin_opt_public_key_file /b"]
    refuses("public_key_file is given twice", plugin_lines=twice)


def test_start_is_refused_when_the_plugin_is_loaded_twice():
    broker = Broker(start=False)
    lines = [f"plugin {os.path.abspath(Broker.plugin)}",
             f"plugin_opt_public_key_file {broker.key_file}"]
    refuses("loaded twice", plugin_lines=lines * 2)
    broker.close()


def test_start_is_refused_with_a_bad_revocation_file():
    for content, expected in [
        (b"nonsense\n", "line 1 is not"), (b"ws a 1\nws b x\n", "line 2 is not"),
        (b"ws a 1\n\nws b 1\n", "line 2 is not"), (b"ws a -1\n", "line 1 is not"),
        (b"ws a 1 \n", "line 1 is not"), (b"w/s a 1\n", "line 1 is not"),
        (b"ws a 9223372036854775808\n", "line 1 is not"), (b"x" * 100000, "line 1 is not"),
        (b"ws a 1\n" + b"\0" * 40 + b"\n", "line 2 is not"),
    ]:
        refuses(expected, prepare=lambda b, c=content: b.write_revocations(c))
    refuses("Is a directory", prepare=lambda b: os.mkdir(b.revocation_file))


def test_start_is_refused_when_revocations_could_not_be_written():
    broker = Broker(start=False)
    options = {"public_key_file": broker.key_file, "revocation_file": "/nonexistent/revoked"}
    refuses("No such file", options=options)
    broker.close()


def test_sessions_that_cannot_expire_are_refused():
    """With per_listener_settings this broker never ticks; that must not go unnoticed."""
    broker = Broker(extra="per_listener_settings true", plugin_lines=[], start=False)
    with open(broker.config) as file:
        lines = file.read().replace(f"listener 0 {broker.unix}", "").splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("listener "))
    lines[at + 1:at + 1] = [f"plugin {os.path.abspath(Broker.plugin)}",
                            f"plugin_opt_public_key_file {broker.key_file}"]
    with open(broker.config, "w") as file:
        file.write("\n".join(lines) + "\n")
    broker.start()
    try:
        def refused():
            return broker.try_connect(
                "a", broker.key.credential("agent", "ws", "a")) == 135
        assert until(refused), "accepted although nothing can expire"
        assert broker.await_log("does not tick")
    finally:
        broker.close()


def test_revocations_are_optional_but_that_is_said():
    broker = Broker(start=False)
    lines = [f"plugin {os.path.abspath(Broker.plugin)}",
             f"plugin_opt_public_key_file {broker.key_file}"]
    broker.close()
    broker = Broker(plugin_lines=["# none"], start=False)
    with open(broker.config) as file:
        content = file.read().replace("# none", "\n".join(lines).replace(
            lines[1].split()[1], broker.key_file))
    with open(broker.config, "w") as file:
        file.write(content)
    broker.start()
    assert broker.await_log("no plugin_opt_revocation_file")
    agent = broker.agent()
    broker.revoke("ws-1", "agent-1", 1)
    assert agent.await_end() == 0x98
    broker.close()
