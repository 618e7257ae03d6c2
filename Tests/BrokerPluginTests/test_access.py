"""What an agent and a control process may subscribe to, publish and receive."""

import signal

from broker import Broker
from mqtt_wire import Closed

OWN = "cuelight/1/ws-1/agent-1/"
DOWN = ["command", "cancel", "estop", "unlock", "flash", "sequences"]
UP = ["outcome", "state", "manifest", "telemetry", "input"]
NOT_ALLOWED = 135


def barrier(control, watcher):
    """What the watcher gets before this message is all it will get of what went before."""
    control.publish("cuelight/1/ws-0/barrier/state", b"now")
    before = []
    while True:
        topic, payload, _ = watcher.message()
        if topic.endswith("barrier/state"):
            return before
        before.append((topic, payload))


def test_an_agent_subscribes_to_its_own_four_topics_only():
    broker = Broker()
    filters = ["#", "+", "+/#", "cuelight/#", "cuelight/1/#", "cuelight/1/ws-1/#",
               "cuelight/1/ws-1/+/command", OWN + "#", OWN + "+", OWN + "command/#",
               OWN + "command/", OWN[:-1], "/" + OWN + "command", "cuelight/1//agent-1/command",
               "cuelight/2/ws-1/agent-1/command", "cuelight/+/ws-1/agent-1/command",
               "cuelight/1/ws-2/agent-1/command", "cuelight/1/ws-1/agent-2/command",
               "cuelight/1/ws-1/agent-11/command", "cuelight/1/ws-1/agent-/command",
               "$share/g/" + OWN + "command", "$share/g/#", "$SYS/#", "$SYS/broker/uptime",
               "$CONTROL/#", "$CONTROL/cuelight-auth/v1", OWN + "Command", OWN + "commands",
               "$queue/" + OWN + "command"] + [OWN + leaf for leaf in UP]
    for version, denied in ((4, 128), (5, NOT_ALLOWED)):
        agent = broker.agent(version=version)
        assert agent.subscribe(*[OWN + leaf for leaf in DOWN]) == [1] * len(DOWN)
        for one in filters:
            assert agent.subscribe(one) == [denied], one
        assert agent.subscribe(OWN + "command", "#", OWN + "estop") == [1, denied, 1]
        agent.unsubscribe(OWN + "command", "#", "nonsense")
        agent.leave()
    broker.close()


def test_an_agent_publishes_to_its_own_five_topics_only():
    broker = Broker()
    control, watcher = broker.control("control-1"), broker.control("control-2")
    assert watcher.subscribe("cuelight/1/#", "$SYS/broker/clients/connected")[0] == 1
    topics = [OWN + leaf for leaf in DOWN] + [
        OWN + "log", OWN + "state/x", OWN[:-1], OWN, "cuelight/1/ws-2/agent-1/state",
        "cuelight/1/ws-1/agent-2/state", "cuelight/1/ws-1/agent-2/command", "x", "$SYS/x",
        "$SYS/broker/connection/x/state", "$CONTROL/cuelight-auth/v1", "$CONTROL/x/v1",
        "$CONTROL/dynamic-security/v1", "$share/g/x", "cuelight/1/ws-0/barrier/state"]
    for version in (4, 5):
        agent = broker.agent(version=version)
        for leaf in UP:
            assert agent.publish(OWN + leaf, b"mine") == 0, leaf
        mine = barrier(control, watcher)
        expected = [(OWN + leaf, b"mine") for leaf in UP]
        assert [m for m in mine if m[0].startswith("cuelight")] == expected, mine
        for topic in topics:
            for retain in (False, True):
                code = agent.publish(topic, b"revoke ws-1 agent-2 1", retain=retain)
                assert code == (NOT_ALLOWED if version == 5 else 0), (topic, code)
                agent.publish(topic, b"quiet", qos=0, retain=retain)
        agent.ping()
        foreign = [m for m in barrier(control, watcher) if m[0].startswith("cuelight")]
        assert foreign == [], foreign
        agent.leave()
    late = broker.control("control-3")
    late.subscribe("cuelight/1/#")
    assert barrier(control, late) == [], "nothing was retained"
    assert broker.revocations() == []
    broker.close()


def test_commands_reach_the_right_agent_only():
    broker = Broker()
    control = broker.control()
    one, two = broker.agent("agent-1"), broker.agent("agent-2", version=4)
    other = broker.agent("agent-3", workspace="ws-2", is_unix=True)
    agents = [("ws-1", "agent-1", one), ("ws-1", "agent-2", two), ("ws-2", "agent-3", other)]
    for workspace, name, agent in agents:
        for leaf in DOWN:
            assert agent.subscribe(f"cuelight/1/{workspace}/{name}/{leaf}") == [1]
    for workspace, name, agent in agents:
        for leaf in DOWN:
            payload = f"{name} {leaf}".encode()
            assert control.publish(f"cuelight/1/{workspace}/{name}/{leaf}", payload) == 0
    for workspace, name, agent in agents:
        for leaf in DOWN:
            expected = (f"cuelight/1/{workspace}/{name}/{leaf}", f"{name} {leaf}".encode())
            assert agent.message()[:2] == expected
        assert agent.messages == []
    broker.close()


def test_a_control_process_has_the_whole_tree_and_nothing_else():
    broker = Broker()
    for version, denied in ((4, 128), (5, NOT_ALLOWED)):
        control = broker.control(version=version)
        for good in ["cuelight/1/#", "cuelight/1/+/+/state", "cuelight/1/ws/a/command", "$SYS/#",
                     "$SYS/broker/uptime"]:
            assert control.subscribe(good) == [1], good
        for bad in ["#", "+/#", "+/1/#", "cuelight/#", "cuelight/+/#", "cuelight/2/#", "$CONTROL/#",
                    "$CONTROL/cuelight-auth/v1", "$share/g/cuelight/1/#", "$share/g/#",
                    "cuelight/1", "cuelight/1/", "other", "$SYS", "$SYSX/#", "$SYS/"]:
            code = control.subscribe(bad)
            assert code == [denied], (bad, code)
        control.leave()
    control = broker.control()
    control.subscribe("$SYS/broker/version")
    assert control.message()[0] == "$SYS/broker/version"
    assert control.publish("cuelight/1/ws/a/anything", b"x", retain=True) in (0, 16)
    for bad in ["other", "cuelight/2/x", "cuelight/1", "$SYS/x", "$CONTROL/x/v1"]:
        assert control.publish(bad, b"x") == NOT_ALLOWED, bad
    broker.close()


def test_a_will_is_sent_only_where_its_owner_may_publish():
    broker = Broker()
    control, watcher = broker.control("control-1"), broker.control("control-2")
    watcher.subscribe("cuelight/1/#")
    for version in (4, 5):
        agent = broker.agent(version=version, will=(OWN + "state", "gone", True))
        agent.drop()
        assert watcher.message()[:2] == (OWN + "state", b"gone")
        for topic in ["cuelight/1/ws-1/agent-2/state", "cuelight/1/ws-2/agent-1/state",
                      OWN + "command", OWN + "estop", "$CONTROL/cuelight-auth/v1"]:
            since = len(broker.log)
            agent = broker.agent(version=version, will=(topic, "revoke ws-1 agent-1 9", True))
            agent.drop()
            assert broker.await_log("agent-1 closed its connection", since=since)
            assert barrier(control, watcher) == [], topic
        # A refused connection has no will, on whatever topic.
        for topic in [OWN + "state", "cuelight/1/ws-1/agent-2/command"]:
            client = broker.client(version)
            assert client.connect("agent-1", "agent|ws-1|agent-1|1", b"x",
                                  will=(topic, "forged", True)) in (5, 135)
            client.drop()
        assert barrier(control, watcher) == []
    assert broker.revocations() == []
    broker.close()


def test_messages_for_an_agent_that_is_away_wait_even_through_a_restart():
    broker = Broker()
    for how in (signal.SIGTERM, None):
        agent = broker.agent(clean=False, session_expiry_s=3600)
        agent.subscribe(OWN + "command")
        agent.leave()
        if how:
            broker.stop(how)
            broker.start()
        control = broker.control()
        assert control.publish(OWN + "command", b"later") == 0
        agent = broker.agent(clean=False, session_expiry_s=3600)
        assert agent.has_session
        assert agent.message()[:2] == (OWN + "command", b"later")
        agent.leave()
    broker.close()


def test_a_session_does_not_carry_rights_into_another_workspace():
    broker = Broker()
    control = broker.control()
    agent = broker.agent(clean=False, session_expiry_s=3600)
    agent.subscribe(OWN + "command")
    agent.leave()
    assert control.publish(OWN + "command", b"for ws-1") == 0
    moved = broker.agent(workspace="ws-2", clean=False, session_expiry_s=3600)
    control.publish(OWN + "command", b"for ws-1 again")
    moved.subscribe("cuelight/1/ws-2/agent-1/command")
    control.publish("cuelight/1/ws-2/agent-1/command", b"for ws-2")
    assert moved.message()[1] == b"for ws-2"
    broker.close()


def test_packets_before_a_connect_are_refused():
    broker = Broker()
    for send in (lambda c: c.publish(OWN + "state", b"x"), lambda c: c.subscribe("#")):
        client = broker.client()
        try:
            send(client)
            raise AssertionError("answered")
        except Closed:
            pass  # As it should: the broker ended the connection instead of answering.
    broker.agent().ping()
    broker.close()


def test_the_largest_payload_passes_and_a_larger_one_does_not():
    broker = Broker(extra="max_packet_size 266240")
    for version in (4, 5):
        control, watcher = broker.control("control-1"), broker.control("control-2")
        watcher.subscribe("cuelight/1/+/+/manifest", "cuelight/1/ws-0/barrier/state")
        agent = broker.agent(version=version)
        assert agent.publish(OWN + "manifest", b"x" * 262144) == 0
        assert len(watcher.message()[1]) == 262144
        code = agent.publish(OWN + "manifest", b"x" * 262145)
        assert code == (149 if version == 5 else 0), code
        agent.ping()
        assert barrier(control, watcher) == []
        try:
            agent.publish(OWN + "manifest", b"x" * 270000)
            raise AssertionError("answered")
        except (Closed, ConnectionError):
            pass  # As it should; the end may come while the rest is still being sent.
    broker.close()
