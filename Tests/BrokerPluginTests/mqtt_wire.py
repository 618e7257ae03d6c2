"""A small MQTT 3.1.1 and 5 client over one socket, which shows every packet and every code."""

import socket
import struct

TIMEOUT_S = 60


def text(value):
    data = value if isinstance(value, bytes) else value.encode()
    return struct.pack("!H", len(data)) + data


def variable(number):
    out = b""
    while True:
        number, low = divmod(number, 128)
        out += bytes([low | (128 if number else 0)])
        if not number:
            return out


class Closed(Exception):
    """The broker ended the connection; `reason` is that of its DISCONNECT, or None."""

    def __init__(self, reason):
        super().__init__(f"closed, reason {reason}")
        self.reason = reason


class Client:
    """`address` is a path or a (host, port). `version` is 4 for MQTT 3.1.1, or 5."""

    def __init__(self, address, version=5):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.connect(address)  # a full backlog of a unix socket fails with a timeout set
        self.socket.settimeout(TIMEOUT_S)
        self.version = version
        self.messages = []
        self.last_id = 0
        self.buffer = b""

    # Packets.

    def send(self, kind, body):
        self.socket.sendall(bytes([kind]) + variable(len(body)) + body)

    def _take(self, size):
        while len(self.buffer) < size:
            try:
                data = self.socket.recv(65536)
            except ConnectionError:
                data = b""
            if not data:
                raise Closed(None)
            self.buffer += data
        taken, self.buffer = self.buffer[:size], self.buffer[size:]
        return taken

    def _packet(self):
        kind = self._take(1)[0]
        size, shift = 0, 0
        while True:
            byte = self._take(1)[0]
            size |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return kind, self._take(size)

    def _await(self, wanted):
        """The body of the next packet of that kind; messages before it are kept."""
        while True:
            kind, body = self._packet()
            if kind >> 4 == 3:
                self._keep(kind, body)
            elif kind >> 4 == 14:
                raise Closed(body[0] if body else 0)
            if kind >> 4 == wanted:
                return body

    def _keep(self, kind, body):
        size = struct.unpack("!H", body[:2])[0]
        topic, rest = body[2:2 + size].decode(), body[2 + size:]
        if kind >> 1 & 3:
            self.send(0x40, rest[:2])
            rest = rest[2:]
        if self.version == 5:
            assert rest[0] < 128
            rest = rest[1 + rest[0]:]
        self.messages.append((topic, rest, bool(kind & 1)))

    # Verbs.

    def connect(self, client_id, user=None, password=None, clean=True, will=None,
                will_delay_s=0, properties=b"", session_expiry_s=0):
        """`will` is (topic, payload, retain). Returns the code of the CONNACK."""
        flags = (2 if clean else 0) | (0x80 if user is not None else 0)
        flags |= 0x40 if password is not None else 0
        payload = text(client_id)
        if session_expiry_s:
            properties += b"\x11" + struct.pack("!I", session_expiry_s)
        if will:
            flags |= 0x04 | 0x08 | (0x20 if will[2] else 0)
            if self.version == 5:
                delay = b"\x18" + struct.pack("!I", will_delay_s) if will_delay_s else b""
                payload += variable(len(delay)) + delay
            payload += text(will[0]) + text(will[1])
        payload += text(user) if user is not None else b""
        payload += text(password) if password is not None else b""
        head = text("MQTT") + bytes([self.version, flags]) + struct.pack("!H", 60)
        head += variable(len(properties)) + properties if self.version == 5 else b""
        self.send(0x10, head + payload)
        body = self._await(2)
        self.has_session = bool(body[0] & 1)
        return body[1]

    def _next_id(self):
        self.last_id += 1
        return struct.pack("!H", self.last_id)

    def subscribe(self, *filters):
        """Returns the codes, one a filter."""
        mark = b"\0" if self.version == 5 else b""
        self.send(0x82, self._next_id() + mark + b"".join(text(f) + b"\1" for f in filters))
        return list(self._await(9)[2 + len(mark):])

    def unsubscribe(self, *filters):
        mark = b"\0" if self.version == 5 else b""
        self.send(0xA2, self._next_id() + mark + b"".join(text(f) for f in filters))
        return list(self._await(11)[2 + len(mark):])

    def publish(self, topic, payload=b"", qos=1, retain=False):
        """Returns the reason of the PUBACK: 0, or always 0 in MQTT 3.1.1."""
        body = text(topic) + (self._next_id() if qos else b"")
        body += b"\0" if self.version == 5 else b""
        self.send(0x30 | qos << 1 | retain, body + payload)
        if not qos:
            return 0
        answer = self._await(4)
        return answer[2] if len(answer) > 2 else 0

    def message(self):
        """The next message: (topic, payload, retain)."""
        while not self.messages:
            kind, body = self._packet()
            if kind >> 4 == 3:
                self._keep(kind, body)
            elif kind >> 4 == 14:
                raise Closed(body[0] if body else 0)
        return self.messages.pop(0)

    def await_end(self):
        """Waits until the broker ends the connection; returns the reason."""
        try:
            while True:
                self.message()
        except Closed as closed:
            return closed.reason

    def ping(self):
        self.send(0xC0, b"")
        self._await(13)

    def leave(self):
        self.send(0xE0, b"")
        self.socket.close()

    def drop(self):
        """Ends without saying so, which makes the broker send the will."""
        self.socket.close()
