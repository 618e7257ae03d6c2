"""Webcast push frames, written from the format's description alone, so that the decoder is
tested by bytes it had no part in. Field numbers: docs/webcast.md."""

import gzip


def varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def integer(field, value):
    return varint(field << 3) + varint(value)


def chunk(field, value):
    data = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(data)) + data


def common(method, message_id, created_ms):
    return chunk(1, chunk(1, method) + integer(2, message_id) + integer(4, created_ms))


def user(user_id, handle):
    return integer(1, user_id) + chunk(3, handle.title()) + chunk(38, handle)


def chat(message_id, created_ms, viewer, text):
    method = "WebcastChatMessage"
    body = common(method, message_id, created_ms) + chunk(2, user(*viewer)) + chunk(3, text)
    return method, message_id, body


def gift(message_id, created_ms, viewer, streak, count, added, is_end):
    """One frame of a Rose streak: `count` so far, of which this frame added `added`."""
    method = "WebcastGiftMessage"
    rose = integer(5, 5655) + integer(10, 1) + integer(11, 1) + integer(12, 1) + chunk(16, "Rose")
    body = common(method, message_id, created_ms) + integer(2, 5655) + integer(3, added)
    body += integer(5, count) + integer(6, count) + chunk(7, user(*viewer))
    body += integer(9, 1 if is_end else 0) + integer(11, streak) + chunk(15, rose)
    return method, message_id, body


def frame(messages, log_id, is_zipped):
    result = b""
    for method, message_id, body in messages:
        result += chunk(1, chunk(1, method) + chunk(2, body) + integer(3, message_id))
    result += chunk(2, "cursor") + chunk(5, "internal")
    header = b""
    if is_zipped:
        header = chunk(5, chunk(1, "compress_type") + chunk(2, "gzip"))
        result = gzip.compress(result)
    return integer(2, log_id) + header + chunk(6, "pb") + chunk(7, "msg") + chunk(8, result)
