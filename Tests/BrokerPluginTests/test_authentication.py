"""Who gets in, who does not, and when they must leave."""

import time

from broker import Broker
from credentials import Key, b64url
from mqtt_wire import text

REFUSED = {4: 5, 5: 135}


def test_a_valid_credential_is_accepted_on_tcp_and_unix_in_both_versions():
    broker = Broker()
    for version in (4, 5):
        for is_unix in (False, True):
            for role, workspace, client in [
                ("agent", "0190b3f0-0000-7000-8000-000000000001",
                 "0190b3f0-0000-7000-8000-000000000002"), ("control", "-", "cp-1"),
                ("agent", "w" * 64, "a" * 64), ("agent", "a", "-")]:
                joined = broker.joined(role, workspace, client, version=version, is_unix=is_unix)
                joined.ping()
                joined.leave()
    joined = broker.agent(epoch=2**63 - 1)
    joined.ping()
    broker.close()


def test_anonymous_is_refused_even_where_the_broker_would_allow_it():
    for extra in ("allow_anonymous false", "allow_anonymous true"):
        broker = Broker(extra=extra)
        good = broker.key.credential("agent", "ws", "a")
        for version in (4, 5):
            for is_unix in (False, True):
                for user, password in [(None, None), ("a", None), ("a", b""), ("", b"")]:
                    client = broker.client(version, is_unix)
                    code = client.connect("a", user, password)
                    assert code == REFUSED[version], (user, password, code)
                    client.drop()
        client = broker.client(5)
        assert client.connect("a", None, good) == 135, "a password without a user name"
        broker.close()


def test_enhanced_authentication_is_not_a_way_around():
    broker = Broker()
    client = broker.client(5)
    good = broker.key.credential("agent", "ws", "a")
    code = client.connect("a", "a", good, properties=b"\x15" + text("PLAIN"))
    assert code == 140, code
    broker.close()


def test_only_the_exact_form_of_a_password_is_accepted():
    broker = Broker()
    key, later = broker.key, int(time.time()) + 3600
    good = key.credential("agent", "ws", "a")
    head, payload, signature = good.split(b".")
    padding = b"=" * (-len(payload) % 4)
    twice = b"agent|ws|a|1|%d" % later
    bad = [
        b"v1", b"v1.", b"v1..", b"v1...", b"v2." + good[3:], good[1:], good[3:], b" " + good,
        good + b" ", good + b".", good + b".x", good + b"\n", good[:-1], good[:-2], good + b"AA",
        b"v1." + payload + b".", b"v1.." + signature, b"V1." + good[3:],
        b"v1." + payload + padding + b"." + signature if padding else b"v1.x",
        b"v1." + payload + b"." + signature + b"==", b"v1." + signature + b"." + payload,
        b"x" * 400, b"v1." + b"A" * 60000 + b"." + signature, b"\xff" * 200,
        b"v1." + b64url(twice) + b"." + b64url(key.sign(b"v1." + twice)),
        b"v1." + b64url(twice) + b"." + b64url(key.sign(b64url(twice))),
    ]
    # The last character of a signature holds four bits that must be zero.
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet.index(signature[-1:])
    bad.append(good[:-1] + alphabet[last | 1:(last | 1) + 1])
    # Well signed, but not a sentence of ours.
    for sentence in [
        b"", b"|||||", b"agent", b"agent|ws|a|1", b"agent|ws|a|1|", b"agent|ws|a||%d" % later,
        b"agent|ws|a|1|%d|" % later, b"agent|ws|a|1|%d|x" % later, b"|agent|ws|a|1|%d" % later,
        b"agent|ws|a|-1|%d" % later, b"agent|ws|a|+1|%d" % later, b"agent|ws|a|01|%d" % later,
        b"agent|ws|a|1|0%d" % later, b"agent|ws|a|1|%d " % later, b"agent|ws|a| 1|%d" % later,
        b"agent|ws|a|1|-%d" % later, b"agent|ws|a|1|99999999999999999999",
        b"agent|ws|a|9223372036854775808|%d" % later, b"agent|ws|a|1|9223372036854775808",
        b"agent|ws|a|1|1e10", b"agent|ws|a|0x1|%d" % later, b"agent||a|1|%d" % later,
        b"agent|-|a|1|%d" % later, b"control|ws|a|1|%d" % later, b"control||a|1|%d" % later,
        b"Agent|ws|a|1|%d" % later, b"root|-|a|1|%d" % later, b"agent |ws|a|1|%d" % later,
        b"agent|w s|a|1|%d" % later, b"agent|w/s|a|1|%d" % later, b"agent|+|a|1|%d" % later,
        b"agent|#|a|1|%d" % later, b"agent|w\0s|a|1|%d" % later,
        b"agent|" + b"w" * 65 + b"|a|1|%d" % later, "agent|wé|a|1|%d".encode() % later,
        b"agent\nws\na\n1\n%d" % later, b"control|-|a|1|%d\0" % later,
    ]:
        bad.append(key.password(sentence))
    for password in bad:
        assert broker.try_connect("a", password) == 135, password
        assert broker.try_connect("a", password, version=4) == 5, password
    assert broker.try_connect("a", good) == 0
    broker.close()


def test_names_with_other_characters_never_pass_even_if_signed():
    broker = Broker()
    later = int(time.time()) + 3600
    for name in ["a b", "a/b", "+", "#", "a|b", "a.b", "ä", "a" * 65, "$SYS", "a_b"]:
        password = broker.key.password(f"agent|ws|{name}|1|{later}".encode())
        assert broker.try_connect(name, password) == 135, name
    broker.close()


def test_a_tampered_credential_is_refused_wherever_it_was_touched():
    broker = Broker()
    good = broker.key.credential("agent", "ws-1", "a")
    for at in range(3, len(good)):
        changed = bytes([good[at] ^ (1 if good[at] != ord(".") else 2)])
        assert broker.try_connect("a", good[:at] + changed + good[at + 1:]) == 135, at
    forged = b"agent|ws-2|a|1|%d" % (int(time.time()) + 3600)
    moved = b"v1." + b64url(forged) + b"." + good.split(b".")[2]
    assert broker.try_connect("a", moved) == 135, "another workspace under the same signature"
    promoted = b"control|-|a|1|%d" % (int(time.time()) + 3600)
    moved = b"v1." + b64url(promoted) + b"." + good.split(b".")[2]
    assert broker.try_connect("a", moved) == 135, "another role under the same signature"
    assert broker.try_connect("a", Key().credential("agent", "ws-1", "a")) == 135, "another key"
    assert broker.try_connect("a", good) == 0
    broker.close()


def test_client_id_and_user_name_must_both_be_the_credentials():
    broker = Broker()
    of_b = broker.key.credential("agent", "ws", "b")
    assert broker.try_connect("a", of_b, user="b") == 135
    assert broker.try_connect("b", of_b, user="a") == 135
    assert broker.try_connect("a", of_b, user="a") == 135
    assert broker.try_connect("B", of_b, user="B") == 135
    assert broker.try_connect("", of_b, user="b") == 135, "a client id chosen by the broker"
    assert broker.try_connect("b", of_b, user="agent|ws|b|1") == 135, "the stored form of the name"
    assert broker.try_connect("agent|ws|b|1", of_b, user="agent|ws|b|1") == 135
    assert broker.try_connect("b", of_b, user="b") == 0
    broker.close()


def test_an_expired_credential_is_refused():
    broker = Broker()
    for seconds in (0, -1, -3600):
        assert broker.try_connect(
            "a", broker.key.credential("agent", "ws", "a", 1, seconds)) == 135
    assert broker.try_connect("a", broker.key.password(b"agent|ws|a|1|0")) == 135
    broker.close()


def test_a_connection_ends_when_its_credential_expires_and_its_will_is_sent():
    broker = Broker()
    watcher = broker.control()
    assert watcher.subscribe("cuelight/1/+/+/state") == [1]
    will = ("cuelight/1/ws-1/agent-1/state", "gone", True)
    agents = [*broker.short_lived(["agent-1"], 2, will=will),
              *broker.short_lived(["agent-2"], 2, version=4),
              *broker.short_lived(["agent-3"], 2, is_unix=True)]
    stays = broker.agent("agent-4")
    for agent, reason in zip(agents, [0x98, None, 0x98]):
        ended = agent.await_end()
        assert ended == reason, ended
    topic, payload, _ = watcher.message()
    assert (topic, payload) == ("cuelight/1/ws-1/agent-1/state", b"gone")
    stays.ping()
    watcher.ping()
    broker.close()


def test_many_connections_that_expire_together_all_end():
    broker = Broker()
    agents = broker.short_lived([f"agent-{n}" for n in range(600)], 3)
    stays = broker.agent("stays")
    assert all(agent.await_end() == 0x98 for agent in agents)
    stays.ping()
    broker.close()


def test_a_renewed_credential_takes_over_and_outlives_the_old_one():
    broker = Broker()
    [old] = broker.short_lived(["agent-1"], 2)
    new = broker.agent()
    old.await_end()
    [watch] = broker.short_lived(["agent-2"], 3)
    assert watch.await_end() == 0x98
    new.ping()
    broker.close()


def test_only_a_valid_credential_takes_an_identity_over():
    broker = Broker()
    first = broker.agent()
    for password in [b"", b"x", Key().credential("agent", "ws-1", "agent-1"),
                     broker.key.credential("agent", "ws-1", "agent-1", 1, -1),
                     broker.key.credential("agent", "ws-1", "agent-2")]:
        assert broker.try_connect("agent-1", password) == 135
        first.ping()
    second = broker.agent()
    first.await_end()
    second.ping()
    broker.close()


def test_two_keys_are_good_at_once_and_a_third_is_not():
    old, new = Key(), Key()
    broker = Broker(keys=[old.public_line, new.public_line])
    broker.agent("agent-1", key=old).ping()
    broker.agent("agent-2", key=new).ping()
    assert broker.try_connect("a", Key().credential("agent", "ws", "a")) == 135
    broker.close()


def test_a_reload_rotates_keys_and_ends_only_what_the_old_key_signed():
    old, new = Key(), Key()
    broker = Broker(keys=[old.public_line, new.public_line])
    by_old = broker.agent("agent-1", key=old)
    by_new = broker.agent("agent-2", key=new, version=4)
    away = broker.agent("agent-3", key=old, clean=False, session_expiry_s=3600)
    away.subscribe("cuelight/1/ws-1/agent-3/command")
    away.leave()
    for _ in range(3):
        broker.reload()
        by_old.ping()
        by_new.ping()
    broker.write_keys(new.public_line)
    broker.reload()
    by_old.await_end()
    by_new.ping()
    assert broker.try_connect("agent-1", old.credential("agent", "ws-1", "agent-1")) == 135
    back = broker.agent("agent-3", key=new, clean=False, session_expiry_s=3600)
    assert back.has_session
    broker.close()


def test_stored_sessions_survive_a_restart_and_reloads():
    broker = Broker()
    for version in (4, 5):
        agent = broker.agent(version=version, clean=False, session_expiry_s=3600)
        agent.subscribe("cuelight/1/ws-1/agent-1/command")
        agent.leave()
        broker.stop()
        broker.start()
        broker.reload()
        broker.reload()
        assert broker.control().publish("cuelight/1/ws-1/agent-1/command", b"kept") == 0
        agent = broker.agent(version=version, clean=False, session_expiry_s=3600)
        assert agent.has_session and agent.message()[1] == b"kept"
        agent.leave()
    broker.close()


def test_a_reload_with_a_broken_key_file_keeps_the_keys():
    broker = Broker()
    agent = broker.agent()
    broker.write_keys("nonsense")
    broker.reload()
    assert broker.await_log("the old keys stay")
    agent.ping()
    broker.agent("agent-2").ping()
    assert broker.try_connect("a", b"x") == 135
    broker.close()
