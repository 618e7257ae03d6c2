import Crypto
import HTTP
import HTTPClient
import HTTPMessage
import Platform
import Synchronization
import Testing

private let endpoints: [Endpoint] = [
    .text("/hello"),
    .text("/stream") { _ in
        .stream(type: "text/plain") { writer in
            for index in 0..<50 { try await writer.write("\(index),") }
        }
    },
    .text("/big") { _ in .bytes([UInt8](repeating: 1, count: 3_000_000), type: "a/b") },
    .text("/never") { _ in
        try await Task.sleep(for: .seconds(600))
        return .empty()
    },
    Endpoint(
        .post, "/echo", "Echoes.", tag: "test", access: .open, rate: .write,
        body: .json(.freeObject(maxValues: 100_000), limit: 4_000_000),
        answer: .content(type: "application/json")
    ) { call in .bytes(call.bodyBytes, type: "application/json", status: .created) },
]

@Suite("HTTP client")
struct ClientTests {
    private static let loop: EventLoop = {
        do { return try EventLoop.start(name: "client") } catch { fatalError("\(error)") }
    }()

    @Test("plain text, chunks, large bodies, statuses")
    func plain() async throws {
        try await TestServer.run(endpoints) { server in
            let client = try HTTPClient(loop: Self.loop)
            let base = "http://127.0.0.1:\(server.port)"
            let hello = try await client.get(base + "/hello")
            #expect(hello.status == 200 && hello.text == "hello")
            #expect(hello.header("content-type") == "text/plain; charset=utf-8")
            let stream = try await client.get(base + "/stream")
            #expect(stream.text == (0..<50).map { "\($0)," }.joined())
            #expect(try await client.get(base + "/big").body.count == 3_000_000)
            #expect(try await client.send("HEAD", base + "/big", body: nil).body.isEmpty)
            let json = Array(#"{"a":"\#(String(repeating: "b", count: 2_000_000))"}"#.utf8)
            let echo = try await client.post(base + "/echo", json: json)
            #expect(echo.status == 201 && echo.body == json)
            #expect(try await client.get(base + "/none").status == 404)
            let named = try await client.get("http://localhost:\(server.port)/hello")
            #expect(named.status == 200)
        }
    }

    @Test("TLS: a trusted name is reached, others are refused, ALPN is http/1.1")
    func tls() async throws {
        let ours = try TLSContext.selfSigned(names: ["localhost", "127.0.0.1"])
        let other = try TLSContext.selfSigned(names: ["localhost"])
        let context = try TLSContext.server(
            certificateChainPEM: ours.certificatePEM, privateKeyPEM: ours.privateKeyPEM)
        let application = Application(endpoints: endpoints, hooks: Hooks(), log: .quiet)
        let configuration = HTTPConfiguration(
            listeners: [.init(.tcp(host: "127.0.0.1", port: 0), tls: context)])
        let server = HTTPServer(configuration, log: .quiet) { await application.respond(to: $0) }
        guard case .tcp(_, let port) = try await server.listen()[0] else { return }
        let running = Task { try await server.run() }
        let good = try HTTPClient(
            loop: Self.loop, tls: try TLSContext.client(trustedPEM: ours.certificatePEM))
        for _ in 0..<3 {
            #expect(try await good.get("https://localhost:\(port)/hello").text == "hello")
        }
        #expect(try await good.get("https://localhost:\(port)/big").body.count == 3_000_000)
        let json = Array(#"{"a":"\#(String(repeating: "b", count: 2_000_000))"}"#.utf8)
        #expect(try await good.post("https://localhost:\(port)/echo", json: json).body == json)
        let bad = try HTTPClient(
            loop: Self.loop, tls: try TLSContext.client(trustedPEM: other.certificatePEM))
        let error = await #expect(throws: HTTPClientError.self) {
            try await bad.get("https://localhost:\(port)/hello")
        }
        if case .tls? = error {} else { Issue.record("\(String(describing: error))") }
        // Plain text to a TLS port.
        let raw = try RawClient(port: port)
        raw.startReading()
        raw.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        try await raw.waitForClose()
        running.cancel()
        try await running.value
    }

    @Test("what goes wrong is told apart")
    func errors() async throws {
        try await TestServer.run(endpoints) { server in
            var limits = HTTPClient.Limits()
            limits.bodyBytes = 1000
            limits.deadline = .milliseconds(300)
            let hasty = try HTTPClient(loop: Self.loop, limits: limits)
            limits.deadline = .seconds(60)
            let client = try HTTPClient(loop: Self.loop, limits: limits)
            let base = "http://127.0.0.1:\(server.port)"
            await Self.expect("no answer in time") { try await hasty.get(base + "/never") }
            await Self.expect("the answer is too large") { try await client.get(base + "/big") }
            await Self.expect("not an http") { try await client.get("ftp://a/") }
            await Self.expect("Connection refused") { try await client.get("http://127.0.0.1:1/") }
            let task = Task { try await client.get(base + "/never") }
            task.cancel()
            await Self.expect("cancelled") { try await task.value }
        }
    }

    private static func expect(
        _ text: String, _ body: () async throws -> HTTPClient.Answer
    ) async {
        do {
            Issue.record("\(try await body().status) instead of \(text)")
        } catch {
            #expect("\(error)".contains(text), "\(error)")
        }
    }

    @Test("a server's address is taken as people paste it, without slashes at its end")
    func serverAddress() throws {
        for text in ["http://a", "http://a/", "http://a:80///", "HTTP://a"] {
            #expect(try ServerAddress.read(text, of: "pair") == "http://a")
        }
        #expect(try ServerAddress.read("https://[::1]:8443", of: "pair") == "https://[::1]:8443")
        for text in ["a", "a:8080", "localhost/", "", "http", "//a"] {
            #expect(throws: UsageError.self) { try ServerAddress.read(text, of: "pair") }
        }
        for text in [
            "http://a/console", "http://a/#x", "http://a?b", "ftp://a", "http://", "http://a b",
            "http://u@a", "http://a:0", "http://a:x",
        ] {
            let problem = #expect(throws: UsageError.self) {
                try ServerAddress.read(text, of: "pair")
            }
            #expect(
                problem?.message.contains("without a path") == true && problem?.command == "pair")
        }
    }

    @Test("what a person can do about a failed call fits the scheme")
    func advice() {
        #expect(HTTPClientError.malformed(.syntax).advice(for: "http://a").contains("https://"))
        #expect(HTTPClientError.closed.advice(for: "https://a").isEmpty)
        #expect(HTTPClientError.tls(.failed("x")).advice(for: "https://a").contains("http://"))
        #expect(!HTTPClientError.tls(.untrusted("x")).advice(for: "https://a").contains("http://"))
    }

    @Test("addresses are read strictly")
    func addresses() {
        #expect(HTTPURL("http://a/b?c")?.target == "/b?c")
        #expect(HTTPURL("HTTPS://a")?.port == 443)
        #expect(HTTPURL("http://[::1]:80/")?.host == "::1")
        #expect(HTTPURL("http://a?b")?.target == "/?b")
        #expect(HTTPURL("http://[::1]:81/x")?.description == "http://[::1]:81/x")
        for bad in [
            "", "a", "http://", "http:///x", "http://a:0", "http://a:65536", "http://a:b",
            "http://u@a/", "http://a/ b", "http://a/#f", "http://[::1/", "http://a/\r\nX: y",
            "http://a:+1/",
        ] {
            #expect(HTTPURL(bad) == nil, "\(bad)")
        }
    }
}
