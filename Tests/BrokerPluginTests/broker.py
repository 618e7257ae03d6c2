"""A real Mosquitto with the plugin, in a temporary folder, on a free port and a unix socket."""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from credentials import Key
from mqtt_wire import Client, Closed

START_TIMEOUT_S = 60


def free_port():
    """Below the range that the kernel takes connections' own ports from, so that it stays free."""
    while True:
        port = 10_000 + secrets.randbelow(22_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def unprivileged_user():
    """Mosquitto drops to this user if started as root."""
    if os.getuid() != 0:
        return None
    for name in ("mosquitto", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            pass  # The next name is tried.
    raise RuntimeError("no unprivileged user")


class StartFailed(Exception):
    pass


class Broker:
    plugin = None  # path of the plugin
    preload = None  # a library for LD_PRELOAD
    running = set()  # what a failed test left behind

    def __init__(self, keys=None, options=None, extra="", plugin_lines=None, start=True):
        self.key = Key()
        self.folder = tempfile.mkdtemp(prefix="cuelight-plugin-")
        self.user = unprivileged_user()
        self.port = free_port()
        self.unix = os.path.join(self.folder, "m.sock")
        self.key_file = os.path.join(self.folder, "keys")
        self.revocation_file = os.path.join(self.folder, "revocations")
        self.config = os.path.join(self.folder, "mosquitto.conf")
        self.write_keys(*(keys if keys is not None else [self.key.public_line]))
        if options is None:
            options = {"public_key_file": self.key_file, "revocation_file": self.revocation_file}
        lines = plugin_lines
        if lines is None:
            lines = [f"plugin {os.path.abspath(self.plugin)}"]
            lines += [f"plugin_opt_{key} {value}" for key, value in options.items()]
        with open(self.config, "w") as file:
            file.write("\n".join([
                "per_listener_settings false" if "per_listener" not in extra else "",
                extra if extra.startswith("per_listener") else "",
                f"user {self.user.pw_name}" if self.user else "",
                f"listener {self.port} 127.0.0.1", f"listener 0 {self.unix}",
                *lines, "" if extra.startswith("per_listener") else extra,
                "" if "allow_anonymous" in extra else "allow_anonymous false",
                "persistence true", f"persistence_location {self.folder}/",
                "log_type all", "log_dest stderr", "sys_interval 1",
                "set_tcp_nodelay true", "max_connections -1", "message_size_limit 262144",
                "max_inflight_messages 100", "max_queued_messages 1000", ""]))
        self.own(self.folder)
        self.process = None
        if start:
            self.start()

    def own(self, path):
        if self.user:
            os.chown(path, self.user.pw_uid, self.user.pw_gid)

    def write_keys(self, *lines):
        with open(self.key_file, "w") as file:
            file.write("".join(line + "\n" for line in lines))

    def write_revocations(self, content):
        with open(self.revocation_file, "wb") as file:
            file.write(content)
        self.own(self.revocation_file)

    def revocations(self):
        with open(self.revocation_file) as file:
            return file.read().splitlines()

    # The process.

    def start(self):
        environment = dict(os.environ)
        if self.preload:
            environment["LD_PRELOAD"] = self.preload
            environment["ASAN_OPTIONS"] = "detect_leaks=0:abort_on_error=1:quarantine_size_mb=1"
        self.log = []
        self.changed = threading.Condition()
        self.is_ended = False
        self.process = subprocess.Popen(
            ["mosquitto", "-c", self.config], stderr=subprocess.PIPE, env=environment)
        Broker.running.add(self)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        if not self.await_log("mosquitto version", " running"):
            raise StartFailed("\n".join(self.log))
        # Mosquitto says "running" shortly before it is: a SIGTERM in between is lost for good.
        assert self.try_connect("probe", b"none") == 135

    def _read(self):
        for line in self.process.stderr:
            with self.changed:
                self.log.append(line.decode(errors="replace").rstrip())
                self.changed.notify_all()
        with self.changed:
            self.is_ended = True
            self.changed.notify_all()

    def await_log(self, *parts, since=0):
        """Waits for a log line with all the parts; False if the broker ended or time is over."""
        def seen():
            return any(all(p in line for p in parts) for line in self.log[since:])
        with self.changed:
            self.changed.wait_for(lambda: seen() or self.is_ended, START_TIMEOUT_S)
            return seen()

    def reload(self):
        since = len(self.log)
        self.process.send_signal(signal.SIGHUP)
        assert self.await_log("cuelight-auth: reloaded", since=since), self.log[-5:]
        # A signal that arrives while the broker still reloads is lost; an answer comes after it.
        assert self.try_connect("probe", b"none") == 135

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        code = self.process.wait(timeout=START_TIMEOUT_S)
        self.reader.join(timeout=START_TIMEOUT_S)
        self.process.stderr.close()
        return code

    def close(self):
        code = 0
        if self.process and self.process.returncode is None:
            code = self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        Broker.running.discard(self)
        assert code == 0, f"broker ended with {code}: {self.log[-8:]}"

    # Clients.

    def client(self, version=5, is_unix=False):
        return Client(self.unix if is_unix else ("127.0.0.1", self.port), version)

    def try_connect(self, client_id, password, user=None, version=5, **more):
        """The code of the CONNACK, or None if the broker just closed."""
        client = self.client(version, more.pop("is_unix", False))
        try:
            return client.connect(client_id, client_id if user is None else user, password, **more)
        except Closed:
            return None
        finally:
            client.drop()

    def joined(self, role, workspace, client_id, epoch=1, key=None, version=5, expires_in_s=3600,
               is_unix=False, **more):
        """A connected client."""
        client = self.client(version, is_unix)
        password = (key or self.key).credential(role, workspace, client_id, epoch, expires_in_s)
        code = client.connect(client_id, client_id, password, **more)
        assert code == 0, f"refused: {code}; {self.log[-3:]}"
        return client

    def short_lived(self, client_ids, expires_in_s, **more):
        """Agents whose credentials expire so soon. On a computer too busy for them all to join by
        then each gets longer."""
        while True:
            joined = []
            for client_id in client_ids:
                client = self.client(more.get("version", 5), more.get("is_unix", False))
                password = self.key.credential("agent", "ws-1", client_id, 1, expires_in_s)
                arguments = {k: v for k, v in more.items() if k not in ("version", "is_unix")}
                if client.connect(client_id, client_id, password, **arguments) != 0:
                    client.drop()
                    break
                joined.append(client)
            if len(joined) == len(client_ids):
                return joined
            for client in joined:
                client.drop()
            expires_in_s *= 2
            assert expires_in_s < 300, f"refused: {self.log[-3:]}"

    def agent(self, client_id="agent-1", workspace="ws-1", **more):
        return self.joined("agent", workspace, client_id, **more)

    def control(self, client_id="control-1", **more):
        return self.joined("control", "-", client_id, **more)

    def revoke(self, workspace, agent, epoch, control=None):
        own = control or self.control("control-revoker", is_unix=True)
        code = own.publish("$CONTROL/cuelight-auth/v1",
                           f"revoke {workspace} {agent} {epoch}".encode())
        assert code == 0, code
        if not control:
            own.leave()

    def resident_kib(self):
        with open(f"/proc/{self.process.pid}/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def until(condition, limit_s=60):
    """Asks again and again; True as soon as the condition holds. The limit only guards against
    hanging."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False
