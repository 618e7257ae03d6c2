import Testing

/// The client's side of RFC 6455, written by hand so that the server is not tested by itself.
package struct WebSocketClient {
    package let client: RawClient

    /// Asks a server for a WebSocket, on a connection that reads.
    /// - Parameter headers: more of them, each with its line end.
    package static func open(
        on client: RawClient, _ path: String, headers: String = ""
    ) async throws -> WebSocketClient {
        client.send(
            "GET \(path) HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                + "\(headers)\r\n")
        try await client.wait(for: "\r\n\r\n")
        #expect(client.text.hasPrefix("HTTP/1.1 101 Switching Protocols\r\n"))
        #expect(client.text.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"))
        // Frames may have come right behind the head.
        let end = try #require(client.bytes.firstRange(of: Array("\r\n\r\n".utf8)))
        client.drop(end.upperBound)
        return WebSocketClient(client: client)
    }

    /// Sends one masked frame.
    package func send(
        opcode: UInt8, _ payload: [UInt8], isFinal: Bool = true, isMasked: Bool = true,
        reserved: UInt8 = 0
    ) {
        client.send(
            Self.frame(
                opcode: opcode, payload, isFinal: isFinal, isMasked: isMasked, reserved: reserved))
    }

    package func send(_ text: String) { send(opcode: 1, Array(text.utf8)) }

    package static func frame(
        opcode: UInt8, _ payload: [UInt8], isFinal: Bool = true, isMasked: Bool = true,
        reserved: UInt8 = 0
    ) -> [UInt8] {
        var frame: [UInt8] = [(isFinal ? 0x80 : 0) | reserved << 4 | opcode]
        let mark: UInt8 = isMasked ? 0x80 : 0
        if payload.count <= 125 {
            frame.append(mark | UInt8(payload.count))
        } else if payload.count <= 0xFFFF {
            frame += [mark | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
        } else {
            frame.append(mark | 127)
            frame += (0..<8).reversed().map { UInt8(truncatingIfNeeded: payload.count >> ($0 * 8)) }
        }
        let mask: [UInt8] = [0x12, 0x34, 0x56, 0x78]
        if isMasked { frame += mask }
        frame += isMasked ? payload.enumerated().map { $1 ^ mask[$0 % 4] } : payload
        return frame
    }

    /// Whole frames received so far, as (opcode, payload).
    package static func frames(_ bytes: [UInt8]) -> [(opcode: UInt8, payload: [UInt8])] {
        var frames: [(UInt8, [UInt8])] = []
        var at = 0
        while at + 2 <= bytes.count {
            var size = Int(bytes[at + 1])
            var start = at + 2
            if size == 126 {
                guard start + 2 <= bytes.count else { break }
                size = Int(bytes[start]) << 8 | Int(bytes[start + 1])
                start += 2
            } else if size == 127 {
                guard start + 8 <= bytes.count else { break }
                size = bytes[start..<start + 8].reduce(0) { $0 << 8 | Int($1) }
                start += 8
            }
            guard start + size <= bytes.count else { break }
            frames.append((bytes[at] & 0x0F, Array(bytes[start..<start + size])))
            at = start + size
        }
        return frames
    }

    /// Waits for so many frames, pings not counted.
    package func frames(_ count: Int) async throws -> [(opcode: UInt8, payload: [UInt8])] {
        try await client.wait { bytes, isClosed in
            isClosed || Self.frames(bytes).filter { $0.opcode != 9 }.count >= count
        }
        return Self.frames(client.bytes).filter { $0.opcode != 9 }
    }

    /// Waits for the close frame and the end of the connection; returns the code.
    package func closeCode() async throws -> Int? {
        try await client.waitForClose()
        guard let last = Self.frames(client.bytes).last, last.opcode == 8 else { return nil }
        guard last.payload.count >= 2 else { return 1005 }
        return Int(last.payload[0]) << 8 | Int(last.payload[1])
    }
}
