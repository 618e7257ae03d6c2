"""Measures the plugin in a real broker: connecting, being refused, being revoked."""

import argparse
import os
import statistics
import time

from broker import Broker
from credentials import Key


def processor_s(broker):
    with open(f"/proc/{broker.process.pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(broker, what, count, act):
    start, before = time.monotonic(), processor_s(broker)
    for number in range(count):
        act(number)
    seconds, processor = time.monotonic() - start, processor_s(broker) - before
    print(f"{what}: {count / seconds:.0f}/s one after another; broker {processor / count * 1e6:.0f}"
          " us of CPU each")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--plugin", required=True)
    Broker.plugin = parser.parse_args().plugin
    broker = Broker()
    passwords = [broker.key.credential("agent", "ws-1", f"agent-{n}") for n in range(5000)]
    foreign = [Key(b"k" * 32).credential("agent", "ws-1", f"agent-{n}") for n in range(1000)]
    measure(broker, "connect with a good credential", 5000,
            lambda n: broker.try_connect(f"agent-{n}", passwords[n]))
    measure(broker, "refuse a foreign signature", 1000,
            lambda n: broker.try_connect(f"agent-{n}", foreign[n]))
    measure(broker, "refuse nonsense", 5000, lambda n: broker.try_connect("a", b"nonsense"))
    control = broker.control()
    times = {4: [], 5: []}
    acknowledged = []
    for number in range(400):
        version = 4 + number % 2
        agent = broker.agent(f"agent-x{number}", version=version)
        control.send(0x32, b"\0\x19$CONTROL/cuelight-auth/v1" + (number + 1).to_bytes(2, "big")
                     + b"\0" + f"revoke ws-1 agent-x{number} 1".encode())
        start = time.monotonic()
        agent.await_end()
        times[version].append(time.monotonic() - start)
        control._await(4)
        acknowledged.append(time.monotonic() - start)
    for version, name in ((4, "3.1.1"), (5, "5")):
        own = sorted(times[version])
        print(f"revocation sent to connection ended, MQTT {name}: p50 "
              f"{statistics.median(own) * 1e6:.0f} us, max {own[-1] * 1e6:.0f} us")
    print(f"revocation sent to acknowledged (on disk): p50 "
          f"{statistics.median(acknowledged) * 1e6:.0f} us, max {max(acknowledged) * 1e6:.0f} us")
    agents = [broker.agent(f"agent-y{n}") for n in range(500)]
    print(f"resident with 500 connections: {broker.resident_kib()} KiB")
    for agent in agents:
        agent.leave()
    broker.close()


if __name__ == "__main__":
    main()
