"""Bytes that no honest client sends. The seed of a failed run is in its output."""

import os
import random
import socket
import time

from broker import Broker
from credentials import b64url
from mqtt_wire import Client, Closed, text, variable


def passwords(generator, key):
    good = key.credential("agent", "ws-1", "agent-1")
    later = int(time.time()) + 3600
    while True:
        kind = generator.randrange(7)
        if kind == 0:
            yield generator.randbytes(generator.randrange(600))
        elif kind == 1:
            changed = bytearray(good)
            for _ in range(generator.randrange(1, 4)):
                changed[generator.randrange(len(changed))] = generator.randrange(256)
            if bytes(changed) != good:
                yield bytes(changed)
        elif kind == 2:
            yield good[:generator.randrange(len(good))]
        elif kind == 3:
            yield b"v1." + b64url(generator.randbytes(generator.randrange(200))) + b"." + b64url(
                generator.randbytes(64))
        elif kind == 4:
            junk = generator.randbytes(generator.randrange(300))
            if junk[:1] != b"\0":  # the broker ends a password at a zero byte
                yield good + junk if junk else b""
        elif kind == 5:
            fields = [b"agent", b"ws-1", b"agent-1", b"1", b"%d" % later]
            fields[generator.randrange(5)] = generator.randbytes(generator.randrange(80))
            yield b"v1." + b64url(b"|".join(fields)) + b"." + b64url(generator.randbytes(64))
        else:
            yield bytes(generator.choice(b"v1.|-_=Aa0\0\n") for _ in range(
                generator.randrange(400)))


def test_ten_thousand_hostile_passwords_are_all_refused():
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    generator = random.Random(seed)
    broker = Broker()
    honest = broker.agent("honest")
    source = passwords(generator, broker.key)
    for number in range(10_000):
        password = next(source)
        version = 4 + number % 2
        code = broker.try_connect("agent-1", password, version=version, is_unix=number % 3 == 0)
        assert code == (5 if version == 4 else 135), (seed, password, code)
    honest.ping()
    broker.agent().ping()
    assert broker.process.poll() is None
    assert broker.await_log("more refusals not logged")
    broker.close()


def test_random_user_names_and_client_ids_are_refused():
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    generator = random.Random(seed)
    broker = Broker()
    for _ in range(1000):
        name = "".join(chr(generator.choice([generator.randrange(1, 0x300), 0x7C, 0x2B]))
                       for _ in range(generator.randrange(1, 100)))
        password = broker.key.credential("agent", "ws-1", "agent-1")
        assert broker.try_connect(name, password) in (135, None), (seed, name)
        assert broker.try_connect("agent-1", password, user=name) in (135, None), (seed, name)
    broker.agent().ping()
    broker.close()


def test_garbage_instead_of_packets_harms_nobody():
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    generator = random.Random(seed)
    broker = Broker()
    honest = broker.agent("honest")
    connect = bytearray(b"\x10\x0c") + text("MQTT") + b"\x05\xc2\0\x3c\0"
    for number in range(2000):
        client = broker.client(is_unix=number % 2 == 0)
        data = generator.randbytes(generator.randrange(1, 200))
        client.socket.sendall(data if number % 4 else bytes(connect) + data)
        client.drop()
    joined = broker.agent()
    for _ in range(500):
        junk = generator.randbytes(generator.randrange(1, 60))
        try:
            joined.send(generator.choice([0x30, 0x32, 0x82, 0xA2, 0x34]),
                        text(generator.randbytes(generator.randrange(20))) + junk)
            joined.ping()
        except (Closed, OSError, AssertionError):
            joined.drop()
            joined = broker.agent()
    honest.ping()
    broker.close()


def test_topics_of_all_kinds_are_judged_without_harm():
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    generator = random.Random(seed)
    broker = Broker()
    agent, control = broker.agent(), broker.control()
    watcher = broker.control("control-2")
    watcher.subscribe("cuelight/1/#")
    parts = ["cuelight", "1", "ws-1", "agent-1", "command", "state", "+", "#", "", "$SYS",
             "$CONTROL", "cuelight-auth", "v1", "x" * 500, "ws-2", "agent-2", "é"]
    allowed = {f"cuelight/1/ws-1/agent-1/{leaf}" for leaf in
               ("outcome", "state", "manifest", "telemetry", "input")}
    for _ in range(3000):
        topic = "/".join(generator.choice(parts) for _ in range(generator.randrange(1, 7)))
        try:
            code = agent.publish(topic, b"x")
            assert (code != 135) == (topic in allowed), (seed, topic, code)
        except Closed:
            assert "+" in topic or "#" in topic or not topic, (seed, topic)
            agent = broker.agent()
        try:
            code = agent.subscribe(topic)
            assert code == [135] or topic == "cuelight/1/ws-1/agent-1/command", (seed, topic)
        except Closed:
            agent = broker.agent()
    control.ping()
    control.publish("cuelight/1/ws-0/barrier/state", b"now")
    while (message := watcher.message())[0] != "cuelight/1/ws-0/barrier/state":
        assert message[0] in allowed, message
    broker.close()


def test_churn_of_connections_leaves_no_memory_behind():
    broker = Broker()

    def churn(first, count):
        for number in range(first, first + count):
            name = f"{number:064d}"
            password = broker.key.credential("agent", "w" * 64, name)
            assert broker.try_connect(name, password, version=4 + number % 2) == 0
            assert broker.try_connect(name, b"v1.bad.bad") == 135

    churn(0, 3000)
    before = broker.resident_kib()
    churn(3000, 10_000)
    grown = broker.resident_kib() - before
    limit = 800 if not broker.preload else 20_000  # a sanitizer keeps freed memory for a while
    print(f"{grown} KiB more after 20,000 connections of 10,000 agents")
    assert grown < limit, grown
    broker.close()
