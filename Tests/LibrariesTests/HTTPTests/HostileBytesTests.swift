import HTTP
import Platform
import Testing

private let endpoints: [Endpoint] = [
    .text("/"),
    Endpoint(
        .post, "/echo", "Counts.", tag: "test", access: .open, rate: .write,
        body: .bytes(type: "application/octet-stream"), answer: .content(type: "text/plain")
    ) { call in
        .text("got \(try await call.request.body.collect(upTo: 1_000_000).count)")
    },
]

/// One hostile request, and the status it must get.
private struct Attack: Sendable, CustomTestStringConvertible {
    let name: String
    let bytes: String
    let status: Int
    var testDescription: String { name }

    init(_ name: String, _ bytes: String, _ status: Int) {
        self.name = name
        self.bytes = bytes
        self.status = status
    }
}

private let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
private let post = "POST /echo HTTP/1.1\r\nHost: a\r\n"

private let attacks: [Attack] = [
    .init("two lengths", post + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
    .init("the same length twice", post + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400),
    .init("a list of lengths", post + "Content-Length: 3, 3\r\n\r\nabc", 400),
    .init("a signed length", post + "Content-Length: +3\r\n\r\nabc", 400),
    .init("a negative length", post + "Content-Length: -3\r\n\r\nabc", 400),
    .init("a hexadecimal length", post + "Content-Length: 0x3\r\n\r\nabc", 400),
    .init("an empty length", post + "Content-Length: \r\n\r\nabc", 400),
    .init("an endless length", post + "Content-Length: 99999999999999999999999\r\n\r\na", 400),
    .init(
        "length, then coding",
        post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled, 400),
    .init(
        "coding, then length",
        post + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + smuggled, 400),
    .init("an unknown coding", post + "Transfer-Encoding: gzip\r\n\r\n" + smuggled, 501),
    .init("identity", post + "Transfer-Encoding: identity\r\n\r\n" + smuggled, 501),
    .init("chunked twice", post + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 501),
    .init("gzip, chunked", post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    .init("chunked, identity", post + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 501),
    .init(
        "two codings",
        post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    .init(
        "a coding in HTTP/1.0",
        "POST /echo HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    .init("space before the colon", post + "Content-Length : 3\r\n\r\nabc", 400),
    .init(
        "coding with a tab before the colon",
        post + "Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n", 400),
    .init("a bare line feed", "GET / HTTP/1.1\nHost: a\n\n", 505),
    .init("a line feed in a field", post + "X: a\nContent-Length: 3\r\n\r\nabc", 400),
    .init("a bare carriage return", post + "X: a\rb\r\n\r\n", 400),
    .init("NUL in a value", post + "X: a\u{0}b\r\n\r\n", 400),
    .init("a folded field", post + "X: a\r\n b\r\n\r\n", 400),
    .init("a folded empty field", post + "X:\r\n b\r\n\r\n", 400),
    .init("a folded coding", post + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400),
    .init("a field that folds to nothing", post + "X: a\r\n \r\n\r\n", 400),
    .init("a field without a name", post + ": a\r\n\r\n", 400),
    .init("a field without a colon", post + "abc\r\n\r\n", 400),
    .init("no Host", "GET / HTTP/1.1\r\n\r\n", 400),
    .init("two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    .init("a Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    .init("a Host with a user", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400),
    .init("absolute form", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    .init("authority form", "GET b:80 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    .init("CONNECT", "CONNECT b:80 HTTP/1.1\r\nHost: a\r\n\r\n", 405),
    .init("TRACE", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
    .init("an unknown method", "BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
    .init("a method in lower case", "get / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
    .init("HTTP/2.0", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    .init("HTTP/0.9", "GET /\r\n\r\n", 400),
    .init("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    .init("a path that climbs", "GET /../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    .init("a path that climbs in disguise", "GET /%2e%2e/etc HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    .init("a hidden slash", "GET /a%2fb HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    .init("a hidden NUL", "GET /a%00b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    .init("half a percent sign", "GET /a%2 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    .init("bytes that are not UTF-8", "GET /a%ff HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    .init("an unknown expectation", post + "Expect: gold\r\nContent-Length: 1\r\n\r\na", 417),
    .init(
        "a chunk size with a sign",
        post + "Transfer-Encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n", 400),
    .init(
        "a chunk size with 0x", post + "Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
        400),
    .init(
        "a chunk size that overflows",
        post + "Transfer-Encoding: chunked\r\n\r\n10000000000000003\r\nabc\r\n0\r\n\r\n", 400),
    .init(
        "an enormous chunk", post + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\nabc", 408),
    .init(
        "a chunk longer than its size",
        post + "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n", 400),
    .init(
        "a chunk that ends in a line feed",
        post + "Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n", 400),
    .init(
        "a folded trailer", post + "Transfer-Encoding: chunked\r\n\r\n0\r\nX: a\r\n b\r\n\r\n", 400),
    .init(
        "a length in the trailer",
        post + "Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\n\r\n", 400),
    .init(
        "an endless trailer",
        post + "Transfer-Encoding: chunked\r\n\r\n0\r\n"
            + String(repeating: "a: b\r\n", count: 40_000), 400),
    .init(
        "an endless chunk extension",
        post + "Transfer-Encoding: chunked\r\n\r\n3;" + String(repeating: "a", count: 200_000), 400),
    .init(
        "an endless start line",
        "GET /" + String(repeating: "a", count: 70_000) + " HTTP/1.1\r\nHost: a\r\n\r\n", 431),
    .init(
        "a long target",
        "GET /" + String(repeating: "a", count: 9_000) + " HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    .init(
        "an endless field",
        "GET / HTTP/1.1\r\nHost: a\r\nX: " + String(repeating: "a", count: 70_000) + "\r\n\r\n", 431
    ),
    .init(
        "too many fields",
        "GET / HTTP/1.1\r\nHost: a\r\n" + (0..<64).map { "X\($0): a\r\n" }.joined() + "\r\n", 431),
    .init("an empty line, then nothing sensible", "\r\n\r\n\u{1}\u{2}\u{3}\r\n\r\n", 400),
    .init("a TLS greeting", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\r\n\r\n", 400),
]

@Suite("Hostile bytes")
struct HostileBytesTests {
    @Test(
        "each attack gets its status, the connection closes, nothing is smuggled",
        arguments: attacks)
    private func attack(_ attack: Attack) async throws {
        var limits = HTTPLimits()
        limits.bodyGrace = .milliseconds(300)
        limits.tick = .milliseconds(50)
        try await TestServer.run(endpoints, limits: limits) { server in
            let answer = try await server.exchange(attack.bytes)
            #expect(answer.hasPrefix("HTTP/1.1 \(attack.status) "), "\(answer.prefix(200))")
            #expect(answer.components(of: "X-Request-Id: ") == 1)
            #expect(answer.contains("\r\nConnection: close\r\n"))
            let text = answer.split(separator: "\r\n\r\n").last.map(String.init) ?? ""
            #expect(text.contains(#""error":{"code":""#))
        }
    }

    @Test("what is allowed still works: options star, HTTP/1.0 without Host, empty lines first")
    func allowed() async throws {
        try await TestServer.run(endpoints) { server in
            let star = try await server.exchange(
                "OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            #expect(star.hasPrefix("HTTP/1.1 204 "))
            #expect(star.contains("Allow: GET"))
            let old = try await server.exchange("GET / HTTP/1.0\r\n\r\n")
            #expect(old.hasPrefix("HTTP/1.1 200 "))
            let late = try await server.exchange(
                "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            #expect(late.hasPrefix("HTTP/1.1 200 "))
            let same = try await server.exchange(
                post + "Connection: close\r\nTransfer-Encoding: CHUNKED\r\n\r\n1\r\na\r\n0\r\n\r\n")
            #expect(same.hasSuffix("got 1"))
        }
    }

    @Test("a head that is dribbled is refused at its deadline, however alive it looks")
    func slowHead() async throws {
        var limits = HTTPLimits()
        limits.headDeadline = .milliseconds(300)
        limits.tick = .milliseconds(20)
        try await TestServer.run(endpoints, limits: limits) { server in
            let client = try server.connect()
            client.send("GET / HTTP/1.1\r\nHost: a\r\nX: ")
            let feeder = Task {
                while !Task.isCancelled {
                    client.send("a")
                    try? await Task.sleep(for: .milliseconds(10))
                }
            }
            try await client.wait(for: "HTTP/1.1 408 ")
            feeder.cancel()
            let silent = try server.connect()
            try await silent.waitForClose()
            #expect(silent.text.isEmpty)
        }
    }

    @Test("a body that is dribbled is refused by its rate")
    func slowBody() async throws {
        var limits = HTTPLimits()
        limits.bodyGrace = .milliseconds(200)
        limits.bodyBytesPerSecond = 10_000
        limits.tick = .milliseconds(20)
        try await TestServer.run(endpoints, limits: limits) { server in
            let client = try server.connect()
            client.send(post + "Content-Length: 100000\r\n\r\n")
            let feeder = Task {
                while !Task.isCancelled {
                    client.send("a")
                    try? await Task.sleep(for: .milliseconds(10))
                }
            }
            try await client.waitForClose()
            feeder.cancel()
            #expect(client.text.hasPrefix("HTTP/1.1 408 "))
        }
    }

    @Test("an idle connection is closed at its deadline")
    func idle() async throws {
        var limits = HTTPLimits()
        limits.idleDeadline = .milliseconds(200)
        limits.tick = .milliseconds(20)
        try await TestServer.run(endpoints, limits: limits) { server in
            let client = try server.connect()
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            try await client.waitForClose()
            #expect(client.text.hasPrefix("HTTP/1.1 200 "))
        }
    }

    @Test("a truncated request leaves nothing behind")
    func truncated() async throws {
        try await TestServer.run(endpoints) { server in
            for bytes in ["G", "GET / HTTP/1.1\r\nHo", post + "Content-Length: 9\r\n\r\nabc"] {
                let client = try server.connect()
                client.send(bytes)
                try await Task.sleep(for: .milliseconds(20))
                client.reset()
            }
            try await server.waitUntilIdle()
        }
    }

    @Test("ten thousand connections of garbage leave the server well")
    func garbage() async throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = Seeded(seed: seed)
        try await TestServer.run(endpoints, loopCount: 2) { server in
            for _ in 0..<100 {
                var clients: [RawClient] = []
                for _ in 0..<100 {
                    let client = try server.connect()
                    client.send(Self.garbage(&generator))
                    clients.append(client)
                }
                for client in clients {
                    if Bool.random(using: &generator) { client.reset() } else { client.end() }
                }
                // Below the limit of one address, whoever is quicker.
                while server.server.connectionCount > 500 { await Task.yield() }
            }
            let answer = try await server.exchange(
                "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            #expect(answer.hasSuffix("hello"), "seed \(seed)")
            try await server.waitUntilIdle()
        }
    }

    /// Noise, or an attack with a few bytes changed.
    private static func garbage(_ generator: inout Seeded) -> [UInt8] {
        if Bool.random(using: &generator) {
            let count = Int.random(in: 1...600, using: &generator)
            return (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
        }
        var bytes = Array(attacks.randomElement(using: &generator)!.bytes.utf8.prefix(2000))
        for _ in 0..<Int.random(in: 0...4, using: &generator) {
            let index = Int.random(in: 0..<bytes.count, using: &generator)
            bytes[index] = UInt8.random(in: 0...255, using: &generator)
        }
        return bytes
    }
}

/// SplitMix64, so that a failure can be repeated from its seed.
struct Seeded: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}

extension TestServer {
    /// Waits until the server holds no connection.
    func waitUntilIdle() async throws {
        let deadline = SystemTime.monotonicNanoseconds + 60_000_000_000
        while server.connectionCount > 0 {
            try #require(
                SystemTime.monotonicNanoseconds < deadline, "\(server.connectionCount) left")
            await Task.yield()
        }
    }
}
