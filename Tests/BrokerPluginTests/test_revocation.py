"""Revoking: at once, for good, for the right one, and through every kind of restart."""

import os
import signal
import time

from broker import Broker, until
from test_access import OWN, barrier

TOPIC = "$CONTROL/cuelight-auth/v1"


def test_a_revoked_agent_is_ended_within_a_second_and_stays_out():
    broker = Broker()
    control = broker.control()
    revoked = 0
    for version, reason, refused in ((4, None, 5), (5, 0x98, 135)):
        for is_unix in (False, True):
            took_s = []
            # The quickest of five counts: a busy computer may hold up one, not all.
            while not took_s or min(took_s) >= 1:
                assert len(took_s) < 5, took_s
                name = f"agent-{version}-{is_unix}-{len(took_s)}"
                agent = broker.agent(name, version=version, is_unix=is_unix)
                start = time.monotonic()
                broker.revoke("ws-1", name, 1, control)
                revoked += 1
                assert agent.await_end() == reason
                took_s.append(time.monotonic() - start)
            for epoch in (0, 1):
                password = broker.key.credential("agent", "ws-1", name, epoch)
                assert broker.try_connect(name, password, version=version) == refused
            broker.agent(name, epoch=2, version=version).ping()
    assert len(broker.revocations()) == revoked
    broker.close()


def test_only_the_named_agent_up_to_the_named_epoch_is_ended():
    broker = Broker()
    control = broker.control()
    newer = broker.agent("agent-1", epoch=5)
    elsewhere = broker.agent("agent-2", workspace="ws-2")
    neighbour = broker.agent("agent-3")
    broker.revoke("ws-1", "agent-1", 4, control)
    broker.revoke("ws-1", "agent-2", 9, control)
    broker.revoke("ws-1", "agent-33", 9, control)
    for agent in (newer, elsewhere, neighbour):
        agent.ping()
        agent.publish(f"cuelight/1/{'ws-2' if agent is elsewhere else 'ws-1'}/x/state")
    broker.revoke("ws-1", "agent-1", 5, control)
    newer.await_end()
    elsewhere.ping()
    broker.revoke("ws-1", "agent-1", 3, control)
    password = broker.key.credential("agent", "ws-1", "agent-1", 5)
    assert broker.try_connect("agent-1", password) == 135, "a lower epoch must not undo"
    broker.close()


def test_only_a_control_process_can_revoke():
    broker = Broker()
    victim = broker.agent("agent-2")
    for version in (4, 5):
        agent = broker.agent("agent-1", version=version)
        code = agent.publish(TOPIC, b"revoke ws-1 agent-2 1")
        assert code == (135 if version == 5 else 0)
        agent.publish(TOPIC, b"revoke ws-1 agent-2 1", qos=0)
        agent.ping()
    victim.ping()
    assert broker.revocations() == []
    broker.close()


def test_a_command_that_is_not_exact_is_refused_and_changes_nothing():
    broker = Broker()
    control, agent = broker.control(), broker.agent()
    for payload in [
        b"", b"revoke", b"revoke ", b"revoke ws-1 agent-1", b"revoke ws-1 agent-1 ",
        b"revoke ws-1 agent-1 1 ", b"revoke ws-1 agent-1 1\n", b"revoke  ws-1 agent-1 1",
        b"Revoke ws-1 agent-1 1", b"revoke ws-1 agent-1 -1", b"revoke ws-1 agent-1 1x",
        b"revoke ws-1 agent-1 9223372036854775808", b"revoke ws-1 agent-1 1\0",
        b"revoke ws-1 " + b"a" * 65 + b" 1", b"revoke ws/1 agent-1 1", b"restore ws-1 agent-1 1",
        b"revoke ws-1 agent-1 1\nrevoke ws-1 agent-2 1", b"\0" * 50, b"\xff" * 200000,
        b"revoke # # 1", b"revoke ws-1 agent-1 \xd9\xa1",
    ]:
        assert control.publish(TOPIC, payload) == 135, payload
    agent.ping()
    assert broker.revocations() == []
    broker.close()


def test_a_revocation_outlives_stop_kill_and_reload():
    broker = Broker()
    broker.agent("agent-1")
    for number, how in enumerate((signal.SIGTERM, signal.SIGKILL, signal.SIGHUP)):
        broker.revoke("ws-1", f"agent-{number}", 7)
        if how == signal.SIGHUP:
            broker.reload()
        else:
            broker.stop(how)
            broker.start()
        for past in range(number + 1):
            name = f"agent-{past}"
            assert broker.try_connect(
                name, broker.key.credential("agent", "ws-1", name, 7)) == 135
            broker.agent(name, epoch=8).leave()
    assert sorted(broker.revocations()) == [f"ws-1 agent-{n} 7" for n in range(3)]
    broker.close()


def test_a_kill_amid_revocations_loses_none_that_was_acknowledged():
    broker = Broker()
    for round_ in range(5):
        control = broker.control()
        acknowledged = 0
        for number in range(40):
            assert control.publish(
                TOPIC, f"revoke ws-1 agent-{round_}-{number} 1".encode()) == 0
            acknowledged += 1
        control.send(0x32, b"\0\x19" + TOPIC.encode() + b"\0\x63\0revoke ws-1 late 1")
        broker.stop(signal.SIGKILL)
        broker.start()
        kept = broker.revocations()
        for number in range(acknowledged):
            assert f"ws-1 agent-{round_}-{number} 1" in kept
    broker.close()


def test_a_reload_takes_up_new_lines_and_ends_those_they_name():
    broker = Broker()
    agent, stays = broker.agent("agent-1"), broker.agent("agent-2")
    broker.revoke("ws-1", "other", 3)
    broker.write_revocations(b"ws-1 agent-1 1")
    broker.reload()
    agent.await_end()
    stays.ping()
    for name, epoch in (("agent-1", 1), ("other", 3)):
        password = broker.key.credential("agent", "ws-1", name, epoch)
        assert broker.try_connect(name, password) == 135, "what is known is never forgotten"
    broker.write_revocations(b"nonsense\n")
    broker.reload()
    stays.ping()
    broker.revoke("ws-1", "agent-2", 1)
    stays.await_end()
    broker.close()


def test_a_torn_last_line_is_dropped_and_the_file_mended():
    for tail, is_kept in ((b"ws-1 agent-2", False), (b"ws", False), (b"\0\0\0\0", False),
                          (b"ws-1 agent-2 1", True)):
        broker = Broker(start=False)
        broker.write_revocations(b"ws-1 agent-1 1\n" + tail)
        broker.start()
        expected = ["ws-1 agent-1 1"] + (["ws-1 agent-2 1"] if is_kept else [])
        assert sorted(broker.revocations()) == expected
        assert broker.try_connect(
            "agent-1", broker.key.credential("agent", "ws-1", "agent-1")) == 135
        broker.revoke("ws-1", "agent-3", 1)
        assert sorted(broker.revocations()) == expected + ["ws-1 agent-3 1"]
        broker.close()


def test_repeats_are_compacted_at_start():
    broker = Broker(start=False)
    broker.write_revocations(b"".join(b"ws-1 agent-1 %d\n" % n for n in range(5000)))
    broker.start()
    assert broker.revocations() == ["ws-1 agent-1 4999"]
    broker.close()


def test_a_revocation_that_cannot_be_written_holds_and_is_written_later():
    broker = Broker()
    agent = broker.agent()
    os.rename(broker.revocation_file, broker.revocation_file + ".away")
    os.mkdir(broker.revocation_file)  # neither opened for writing nor replaced by a file
    broker.revoke("ws-1", "agent-1", 1)
    agent.await_end()
    assert broker.await_log("will be tried again")
    assert broker.try_connect(
        "agent-1", broker.key.credential("agent", "ws-1", "agent-1")) == 135
    broker.revoke("ws-1", "agent-2", 1)
    os.rmdir(broker.revocation_file)
    assert until(lambda: os.path.isfile(broker.revocation_file) and sorted(
        broker.revocations()) == ["ws-1 agent-1 1", "ws-1 agent-2 1"]), "never written"
    broker.revoke("ws-1", "agent-3", 1)
    assert len(broker.revocations()) == 3
    broker.close()


def test_a_revoked_agents_will_is_not_sent_at_once_or_later():
    broker = Broker()
    control, watcher = broker.control("control-1"), broker.control("control-2")
    watcher.subscribe("cuelight/1/#")
    for version, delay in ((4, 0), (5, 0), (5, 1)):
        name = f"agent-{version}-{delay}"
        agent = broker.agent(name, version=version, will_delay_s=delay,
                             will=(f"cuelight/1/ws-1/{name}/state", "forged", True))
        broker.revoke("ws-1", name, 1, control)
        agent.await_end()
    # Revoked while its delayed will is waiting.
    name = "agent-waiting"
    agent = broker.agent(name, will_delay_s=5, session_expiry_s=60, clean=False,
                         will=(f"cuelight/1/ws-1/{name}/state", "forged", True))
    honest = broker.agent("agent-honest", will_delay_s=5, session_expiry_s=60, clean=False,
                          will=("cuelight/1/ws-1/agent-honest/state", "gone", True))
    agent.drop()
    broker.revoke("ws-1", name, 1, control)
    honest.drop()
    assert watcher.message()[:2] == ("cuelight/1/ws-1/agent-honest/state", b"gone")
    assert barrier(control, watcher) == []
    broker.close()


def test_a_revoked_control_process_will_is_not_sent():
    broker = Broker()
    control, watcher = broker.control("control-1"), broker.control("control-2")
    watcher.subscribe("cuelight/1/#")
    for number, by_itself in enumerate((False, True)):
        name = f"control-x{number}"
        other = broker.control(name, will=(OWN + "command", "forged", False))
        broker.revoke("-", name, 1, other if by_itself else control)
        other.await_end()
    assert barrier(control, watcher) == []
    broker.close()


def test_an_estop_that_a_revoked_control_process_retained_is_still_delivered():
    for check, stays in (("true", []), ("false", [(OWN + "state", b"mine")])):
        broker = Broker(extra=f"check_retain_source {check}")
        broker.agent().publish(OWN + "state", b"mine", retain=True)
        author = broker.control("control-author")
        author.publish(OWN + "estop", b"stop", retain=True)
        broker.revoke("ws-1", "agent-1", 1)
        broker.revoke("-", "control-author", 1)
        author.await_end()
        for _ in range(2):
            watcher = broker.control("control-2")
            watcher.subscribe("cuelight/1/#")
            seen = barrier(broker.control(), watcher)
            assert sorted(seen) == [(OWN + "estop", b"stop")] + stays, (check, seen)
            agent = broker.agent(epoch=2)
            agent.subscribe(OWN + "estop")
            assert agent.message()[:2] == (OWN + "estop", b"stop")
            broker.stop()
            broker.start()
        broker.close()


def test_a_control_process_can_be_revoked_even_by_itself():
    broker = Broker()
    agent = broker.agent()
    for version in (4, 5):
        name = f"control-{version}"
        control = broker.control(name, version=version)
        assert control.publish(TOPIC, f"revoke - {name} 1".encode()) == 0
        control.await_end()
        password = broker.key.credential("control", "-", name, 1)
        assert broker.try_connect(name, password) == 135
        broker.control(name, epoch=2).ping()
    agent.ping()
    broker.close()


def test_a_stored_session_of_a_revoked_agent_gets_nothing():
    broker = Broker()
    control = broker.control()
    agent = broker.agent(clean=False, session_expiry_s=3600)
    agent.subscribe(OWN + "command")
    broker.revoke("ws-1", "agent-1", 1, control)
    agent.await_end()
    control.publish(OWN + "command", b"before")
    agent = broker.agent(epoch=2, clean=False, session_expiry_s=3600)
    assert agent.has_session
    assert control.publish(OWN + "command", b"between") == 16, "its subscriptions are gone"
    assert agent.subscribe(OWN + "command") == [1]
    assert control.publish(OWN + "command", b"after") == 0
    assert agent.message()[1] == b"after"
    broker.close()


def test_a_hundred_thousand_revocations_are_loaded_and_more_are_taken():
    broker = Broker(start=False)
    lines = b"".join(b"0190b3f0-0000-7000-8000-%012d 0190b3f0-0000-7000-9000-%012d 1\n"
                     % (n % 1000, n) for n in range(100_000))
    broker.write_revocations(lines)
    broker.start()
    for number in (0, 1, 50_000, 99_999):
        workspace = f"0190b3f0-0000-7000-8000-{number % 1000:012d}"
        agent = f"0190b3f0-0000-7000-9000-{number:012d}"
        assert broker.try_connect(
            agent, broker.key.credential("agent", workspace, agent, 1)) == 135
        broker.joined("agent", workspace, agent, 2).leave()
    control = broker.control()
    for number in range(200):
        broker.revoke("ws-1", f"agent-{number}", 1, control)
    assert len(broker.revocations()) == 100_200
    broker.close()
