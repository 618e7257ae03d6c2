import HTTP
import Platform
import Synchronization
import Testing

private final class Seen: Sendable {
    let codes = Mutex<[CloseCode]>([])
}

private func endpoints(_ hub: Hub, _ seen: Seen = Seen()) -> [Endpoint] {
    [
        Endpoint(
            .get, "/echo", "Echoes.", tag: "test", access: .open, rate: .stream,
            answer: .webSocket(.text)
        ) { call in
            try call.webSocket(
                protocols: ["chat"],
                WebSocketHandler(
                    received: { socket, message in
                        await Task.yield()
                        switch message {
                        case .text(let text): socket.send(text)
                        case .binary(let bytes): socket.send(binary: bytes)
                        }
                    }, closed: { _, code in seen.codes.withLock { $0.append(code) } }))
        },
        Endpoint(
            .get, "/viewers/{room}", "Joins.", tag: "test", access: .open, rate: .stream,
            answer: .webSocket(.text)
        ) { call in
            let room = call.path("room")
            return try call.webSocket(
                WebSocketHandler(
                    opened: { hub.join(room, $0) },
                    closed: { _, code in seen.codes.withLock { $0.append(code) } }))
        },
        Endpoint(
            .get, "/events/{room}", "Streams.", tag: "test", access: .open, rate: .stream,
            answer: .events(.text)
        ) { call in
            let room = call.path("room")
            let last = call.lastEventID
            return call.events(
                EventStreamHandler(opened: { sink in
                    if let last { sink.send(.init(id: "again", data: "after \(last)")) }
                    hub.join(room, sink)
                }))
        },
    ]
}

@Suite("WebSocket")
struct WebSocketTests {
    @Test("messages of all sizes come back, in order, also in fragments with a ping between")
    func echo() async throws {
        try await TestServer.run(endpoints(Hub())) { server in
            let socket = try await WebSocketClient.open(
                server, "/echo", headers: "Sec-WebSocket-Protocol: other, chat\r\n")
            let sizes = [0, 1, 125, 126, 65535, 65536]
            for size in sizes { socket.send(opcode: 2, [UInt8](repeating: 7, count: size)) }
            let frames = try await socket.frames(sizes.count)
            #expect(frames.map(\.payload.count) == sizes)
            #expect(frames.allSatisfy { $0.opcode == 2 })
            socket.send(opcode: 1, Array("grü".utf8.dropLast()), isFinal: false)
            socket.send(opcode: 9, [1, 2])
            socket.send(opcode: 0, [0xBC], isFinal: false)
            socket.send(opcode: 0, [])
            let more = try await socket.frames(sizes.count + 2)
            #expect(more[sizes.count].opcode == 10)
            #expect(more[sizes.count].payload == [1, 2])
            #expect(String(decoding: more[sizes.count + 1].payload, as: UTF8.self) == "grü")
            socket.send(opcode: 8, [0x03, 0xE8])
            #expect(try await socket.closeCode() == 1000)
        }
    }

    @Test("frames dribbled byte by byte are put together")
    func dribble() async throws {
        try await TestServer.run(endpoints(Hub())) { server in
            let socket = try await WebSocketClient.open(server, "/echo")
            for byte in WebSocketClient.frame(opcode: 1, Array("slowly".utf8)) {
                socket.client.send([byte])
                await Task.yield()
            }
            let frames = try await socket.frames(1)
            #expect(frames.map(\.payload) == [Array("slowly".utf8)])
        }
    }

    private struct Breach: Sendable, CustomTestStringConvertible {
        let name: String
        let bytes: [UInt8]
        let code: Int
        var testDescription: String { name }
    }

    private static let breaches: [Breach] = [
        .init(
            name: "not masked", bytes: WebSocketClient.frame(opcode: 1, [65], isMasked: false),
            code: 1002),
        .init(
            name: "reserved bit", bytes: WebSocketClient.frame(opcode: 1, [65], reserved: 4),
            code: 1002),
        .init(name: "unknown opcode", bytes: WebSocketClient.frame(opcode: 3, [65]), code: 1002),
        .init(name: "unknown control", bytes: WebSocketClient.frame(opcode: 11, []), code: 1002),
        .init(
            name: "long ping",
            bytes: WebSocketClient.frame(opcode: 9, .init(repeating: 0, count: 126)), code: 1002),
        .init(
            name: "ping in pieces", bytes: WebSocketClient.frame(opcode: 9, [1], isFinal: false),
            code: 1002),
        .init(
            name: "continuation of nothing", bytes: WebSocketClient.frame(opcode: 0, [65]),
            code: 1002),
        .init(
            name: "message inside a message",
            bytes: WebSocketClient.frame(opcode: 1, [65], isFinal: false)
                + WebSocketClient.frame(opcode: 1, [65]), code: 1002),
        .init(
            name: "text that is not UTF-8", bytes: WebSocketClient.frame(opcode: 1, [0xC3, 0x28]),
            code: 1007),
        .init(
            name: "surrogate in text", bytes: WebSocketClient.frame(opcode: 1, [0xED, 0xA0, 0x80]),
            code: 1007),
        .init(
            name: "too big",
            bytes: WebSocketClient.frame(opcode: 2, .init(repeating: 0, count: 65537)), code: 1009),
        .init(
            name: "too big in pieces",
            bytes: WebSocketClient.frame(
                opcode: 2, .init(repeating: 0, count: 65536), isFinal: false)
                + WebSocketClient.frame(opcode: 0, [0]), code: 1009),
        .init(
            name: "endless length",
            bytes: [0x82, 0xFF, 0x7F, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 65], code: 1009
        ),
        .init(
            name: "length with the top bit",
            bytes: [0x82, 0xFF, 0xFF, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0], code: 1002),
        .init(
            name: "length longer than needed", bytes: [0x82, 0xFE, 0, 1, 0, 0, 0, 0, 65], code: 1002
        ),
        .init(name: "close of one byte", bytes: WebSocketClient.frame(opcode: 8, [3]), code: 1002),
        .init(
            name: "close with a code nobody may send",
            bytes: WebSocketClient.frame(opcode: 8, [0x03, 0xED]), code: 1002),
        .init(
            name: "close with code 0", bytes: WebSocketClient.frame(opcode: 8, [0, 0]), code: 1002),
        .init(
            name: "close with a reason that is not UTF-8",
            bytes: WebSocketClient.frame(opcode: 8, [0x03, 0xE8, 0xFF]), code: 1007),
        .init(
            name: "close without a code", bytes: WebSocketClient.frame(opcode: 8, []), code: 1005),
        .init(
            name: "close with a code of ours",
            bytes: WebSocketClient.frame(opcode: 8, [0x0F, 0xA0]), code: 4000),
    ]

    @Test(
        "each breach of the protocol is answered with its code, and ends the connection",
        arguments: breaches)
    private func breach(_ breach: Breach) async throws {
        let seen = Seen()
        try await TestServer.run(endpoints(Hub(), seen)) { server in
            let socket = try await WebSocketClient.open(server, "/echo")
            socket.client.send(breach.bytes)
            #expect(try await socket.closeCode() == breach.code)
            try await server.waitUntilIdle()
            #expect(seen.codes.withLock { $0.map { Int($0.rawValue) } } == [breach.code])
        }
    }

    @Test("the handshake is checked: method, version, key, origin")
    func handshake() async throws {
        try await TestServer.run(endpoints(Hub())) { server in
            let plain = try await server.exchange(
                "GET /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            #expect(plain.hasPrefix("HTTP/1.1 426 "))
            let start =
                "GET /echo HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n"
            let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            let old = try await server.exchange(start + key + "Sec-WebSocket-Version: 8\r\n\r\n")
            #expect(old.hasPrefix("HTTP/1.1 426 "))
            let short = try await server.exchange(
                start + "Sec-WebSocket-Key: abc\r\nSec-WebSocket-Version: 13\r\n\r\n")
            #expect(short.hasPrefix("HTTP/1.1 400 "))
            let foreign = try await server.exchange(
                start + key + "Sec-WebSocket-Version: 13\r\nOrigin: https://evil.example\r\n\r\n")
            #expect(foreign.hasPrefix("HTTP/1.1 403 "))
            let ours = try await WebSocketClient.open(
                server, "/echo", headers: "Origin: http://a\r\n")
            ours.client.end()
        }
    }

    @Test("a hub reaches WebSockets and event streams on all loops, and forgets who leaves")
    func hub() async throws {
        let hub = Hub()
        try await TestServer.run(endpoints(hub), loopCount: 2) { server in
            var sockets: [WebSocketClient] = []
            for _ in 0..<8 { sockets.append(try await .open(server, "/viewers/a")) }
            let other = try await WebSocketClient.open(server, "/viewers/b")
            let events = try server.connect()
            events.send("GET /events/a HTTP/1.1\r\nHost: a\r\nLast-Event-ID: 41\r\n\r\n")
            try await events.wait(for: "id: again\ndata: after 41\n\n")
            try await server.waitForViewers(hub, "a", 9)
            for index in 0..<100 {
                hub.publish(.init(id: "\(index)", name: "tick", data: "n\n\(index)"), to: "a")
            }
            for socket in sockets {
                let frames = try await socket.frames(100)
                #expect(
                    frames.map { String(decoding: $0.payload, as: UTF8.self) }
                        == (0..<100).map { "n\n\($0)" })
            }
            try await events.wait(for: "id: 99\nevent: tick\ndata: n\ndata: 99\n\n")
            #expect(WebSocketClient.frames(other.client.bytes).isEmpty)
            for socket in sockets { socket.client.reset() }
            events.end()
            try await server.waitForViewers(hub, "a", 0)
        }
    }

    @Test("a viewer that does not read is closed with 1013, and its queue stays small")
    func slowViewer() async throws {
        let hub = Hub()
        let seen = Seen()
        try await TestServer.run(endpoints(hub, seen)) { server in
            let slow = try RawClient(port: server.port, receiveBuffer: 4096)
            slow.send(
                "GET /viewers/a HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            let quick = try await WebSocketClient.open(server, "/viewers/a")
            try await server.waitForViewers(hub, "a", 2)
            let text = String(repeating: "x", count: 10_000)
            var sent = 0
            while seen.codes.withLock({ $0.isEmpty }), sent < 3000 {
                hub.publish(.init(data: text), to: "a")
                sent += 1
                _ = try await quick.frames(sent)
            }
            #expect(seen.codes.withLock { $0 } == [.tryAgainLater])
            #expect(sent < 3000)
            slow.end()
        }
    }

    @Test("an event stream that does not read loses the oldest events, not the newest")
    func slowStream() async throws {
        let hub = Hub()
        try await TestServer.run(endpoints(hub)) { server in
            let slow = try RawClient(port: server.port, receiveBuffer: 4096)
            slow.send("GET /events/a HTTP/1.1\r\nHost: a\r\n\r\n")
            try await server.waitForViewers(hub, "a", 1)
            let text = String(repeating: "x", count: 10_000)
            for index in 0..<2000 { hub.publish(.init(id: "\(index)", data: text), to: "a") }
            slow.startReading()
            try await slow.wait(for: "id: 1999\ndata: \(text)\n\n")
            let ids = slow.text.split { $0.isNewline }.filter { $0.hasPrefix("id: ") }
                .compactMap { Int($0.dropFirst(4)) }
            #expect(ids == ids.sorted())
            #expect(ids.count < 2000)
            #expect(ids.first == 0)
        }
    }

    @Test("pings go out, and a peer that never answers is closed")
    func silence() async throws {
        var limits = HTTPLimits()
        limits.pingInterval = .milliseconds(100)
        limits.silenceDeadline = .seconds(3)
        limits.tick = .milliseconds(20)
        let seen = Seen()
        try await TestServer.run(endpoints(Hub(), seen), limits: limits) { server in
            let socket = try await WebSocketClient.open(server, "/echo")
            try await socket.client.waitForClose()
            let frames = WebSocketClient.frames(socket.client.bytes)
            #expect(!frames.isEmpty)
            #expect(frames.allSatisfy { $0.opcode == 9 })
            try await server.waitUntilIdle()
            #expect(seen.codes.withLock { $0 } == [.abnormal])
            let events = try server.connect()
            events.send("GET /events/a HTTP/1.1\r\nHost: a\r\n\r\n")
            try await events.wait(for: ":\n\n:\n\n")
        }
    }
}

extension TestServer {
    func waitForViewers(_ hub: Hub, _ topic: String, _ count: Int) async throws {
        let deadline = SystemTime.monotonicNanoseconds + 60_000_000_000
        while hub.viewerCount(of: topic) != count {
            try #require(
                SystemTime.monotonicNanoseconds < deadline, "\(hub.viewerCount(of: topic))")
            await Task.yield()
        }
    }
}
