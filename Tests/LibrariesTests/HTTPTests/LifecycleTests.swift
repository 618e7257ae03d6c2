import Glibc
import HTTP
import Platform
import Synchronization
import TestSupport
import Testing

/// Lets a handler wait for the test, and the test for the handler.
private final class Gate: Sendable {
    private let state = Mutex<(isOpen: Bool, waiters: [CheckedContinuation<Void, Never>])>(
        (false, []))

    func open() {
        let waiters = state.withLock { state in
            state.isOpen = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    func wait() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiters.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }
}

@Suite("HTTP connections from birth to end")
struct LifecycleTests {
    @Test("a handler is cancelled when its client goes")
    func disconnect() async throws {
        let (began, cancelled) = (Gate(), Gate())
        let endpoint = Endpoint.text("/wait") { _ in
            await withTaskCancellationHandler {
                began.open()
                await cancelled.wait()
            } onCancel: {
                cancelled.open()
            }
            try Task.checkCancellation()
            return .text("never")
        }
        try await TestServer.run([endpoint]) { server in
            let client = try server.connect()
            client.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
            await began.wait()
            client.reset()
            await cancelled.wait()
            try await server.waitUntilIdle()
            #expect(server.log.all.contains { $0.contains(#""status":499"#) })
        }
    }

    @Test("a handler that outlasts its deadline is cancelled, and its client told 503")
    func handlerDeadline() async throws {
        var limits = HTTPLimits.patient
        limits.handlerDeadline = .milliseconds(200)
        limits.tick = .milliseconds(20)
        let endpoint = Endpoint.text("/wait") { _ in
            try await Task.sleep(for: .seconds(600))
            return .text("never")
        }
        try await TestServer.run([endpoint], limits: limits) { server in
            let answer = try await server.exchange("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(answer.hasPrefix("HTTP/1.1 503 "))
            #expect(answer.contains(#""code":"timeout""#))
        }
    }

    @Test("a client killed in the middle of an answer costs nothing but its connection")
    func killed() async throws {
        let ended = Gate()
        let endpoint = Endpoint.text("/endless") { _ in
            .stream(type: "text/plain") { writer in
                defer { ended.open() }
                while true { try await writer.write([UInt8](repeating: 65, count: 100_000)) }
            }
        }
        try await TestServer.run([endpoint]) { server in
            let client = try server.connect()
            client.send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
            try await client.wait { bytes, _ in bytes.count > 1_000_000 }
            client.reset()
            await ended.wait()
            try await server.waitUntilIdle()
        }
    }

    @Test("a peer that takes nothing holds a writing handler back, then is closed")
    func writeDeadline() async throws {
        var limits = HTTPLimits.patient
        limits.writeDeadline = .milliseconds(300)
        limits.tick = .milliseconds(20)
        let written = Atomic(0)
        let ended = Gate()
        let endpoint = Endpoint.text("/endless") { _ in
            .stream(type: "text/plain") { writer in
                defer { ended.open() }
                while true {
                    try await writer.write([UInt8](repeating: 65, count: 100_000))
                    written.add(100_000, ordering: .relaxed)
                }
            }
        }
        try await TestServer.run([endpoint], limits: limits) { server in
            let client = try RawClient(port: server.port, receiveBuffer: 4096)
            client.send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
            await ended.wait()
            // The socket's own buffers, and one queue.
            #expect(written.load(ordering: .relaxed) < 16_000_000)
            try await server.waitUntilIdle()
            client.end()
        }
    }

    @Test("draining lets a request finish, with Connection: close, and takes no more")
    func drain() async throws {
        let (began, goOn) = (Gate(), Gate())
        let endpoint = Endpoint.text("/wait") { _ in
            began.open()
            await goOn.wait()
            return .text("done")
        }
        let application = Application(endpoints: [endpoint], hooks: Hooks(), log: .quiet)
        var configuration = HTTPConfiguration(addresses: [.ip("127.0.0.1", port: 0)])
        // One loop: that it closes the idle connection says that it drains the other as well.
        configuration.loopCount = 1
        let server = HTTPServer(configuration, log: .quiet) { await application.respond(to: $0) }
        guard case .ip(_, let port) = try await server.listen()[0] else { return }
        let running = Task { try await server.run() }
        let idle = try RawClient(port: port)
        idle.startReading()
        let client = try RawClient(port: port)
        client.startReading()
        client.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
        await began.wait()
        running.cancel()
        try await idle.waitForClose()
        client.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
        goOn.open()
        try await client.waitForClose()
        #expect(client.text.components(of: "X-Request-Id: ") == 1)
        #expect(client.text.contains("Connection: close\r\n"))
        #expect(client.text.hasSuffix("done"))
        try await running.value
        #expect(server.connectionCount == 0)
    }

    @Test("draining has a deadline, after which handlers are cancelled")
    func drainDeadline() async throws {
        let began = Gate()
        let endpoint = Endpoint.text("/wait") { _ in
            began.open()
            try await Task.sleep(for: .seconds(600))
            return .text("never")
        }
        let application = Application(endpoints: [endpoint], hooks: Hooks(), log: .quiet)
        var configuration = HTTPConfiguration(addresses: [.ip("127.0.0.1", port: 0)])
        configuration.limits.drainDeadline = .milliseconds(100)
        let server = HTTPServer(configuration, log: .quiet) { await application.respond(to: $0) }
        guard case .ip(_, let port) = try await server.listen()[0] else { return }
        let running = Task { try await server.run() }
        let client = try RawClient(port: port)
        client.startReading()
        client.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
        await began.wait()
        running.cancel()
        try await running.value
        try await client.waitForClose()
        #expect(server.connectionCount == 0)
    }

    @Test("connections over the limits are turned away, and others are served again later")
    func connectionLimits() async throws {
        var limits = HTTPLimits.patient
        limits.connectionsPerAddress = 3
        try await TestServer.run([.text("/")], limits: limits) { server in
            var clients: [RawClient] = []
            for _ in 0..<3 {
                let client = try server.connect()
                client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                try await client.wait(for: "hello")
                clients.append(client)
            }
            let fourth = try server.connect()
            try await fourth.waitForClose()
            #expect(fourth.text.hasPrefix("HTTP/1.1 429 "))
            clients[0].end()
            while server.server.connectionCount > 2 { await Task.yield() }
            let fifth = try await server.exchange(
                "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            #expect(fifth.hasSuffix("hello"))
        }
        limits.connections = 0
        try await TestServer.run([.text("/")], limits: limits) { server in
            let client = try server.connect()
            try await client.waitForClose()
            #expect(client.text.hasPrefix("HTTP/1.1 503 "))
        }
    }

    @Test("an answer given before the body was read reaches a client that still sends")
    func earlyAnswer() async throws {
        let endpoint = Endpoint(
            .post, "/", "Refuses.", tag: "test", access: .signedIn, rate: .write,
            body: .bytes(type: "application/octet-stream"), answer: .nothing
        ) { _ in .empty() }
        try await TestServer.run([endpoint]) { server in
            let client = try server.connect()
            client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n\r\n")
            client.send([UInt8](repeating: 65, count: 5_000_000))
            try await client.wait(for: "request_id")
            #expect(client.text.hasPrefix("HTTP/1.1 401 "))
            #expect(client.text.contains("Connection: close"))
            // A small body is dropped, and the connection lives on.
            let other = try server.connect()
            other.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
            try await other.wait(for: "request_id")
            #expect(!other.take().contains("Connection: close"))
            other.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
            try await other.wait(for: "request_id")
        }
    }

    @Test("the port of a server that runs cannot be taken by a second one")
    func portInUse() async throws {
        try await TestServer.run([.text("/")], loopCount: 2) { server in
            var configuration = HTTPConfiguration(
                addresses: [.ip("127.0.0.1", port: server.port)])
            configuration.loopCount = 2
            let second = HTTPServer(configuration, log: .quiet) { _ in .empty() }
            await #expect(throws: LinuxError.self) { try await second.listen() }
        }
    }
}

extension Log {
    static let quiet = Log(component: "test", sink: { _ in })
}
