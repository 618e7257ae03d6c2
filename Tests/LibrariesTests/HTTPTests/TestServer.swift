import HTTP
import Platform
import Synchronization
import TestSupport

extension HTTPLimits {
    /// With deadlines that no busy computer reaches; a test of one sets it itself.
    static var patient: HTTPLimits {
        var limits = HTTPLimits()
        limits.headDeadline = .seconds(300)
        limits.bodyGrace = .seconds(300)
        return limits
    }
}

/// A server on a free port, stopped at the end of `body`.
struct TestServer: Sendable {
    let port: UInt16
    let server: HTTPServer
    let log: LogLines

    func connect(receiveBuffer: Int32? = nil) throws -> RawClient {
        let client = try RawClient(port: port, receiveBuffer: receiveBuffer)
        client.startReading()
        return client
    }

    /// Sends bytes, and returns all that comes until the server closes.
    func exchange(_ bytes: String) async throws -> String {
        let client = try connect()
        client.send(bytes)
        try await client.waitForClose()
        return client.text
    }

    static func run(
        _ endpoints: [Endpoint], hooks: Hooks = Hooks(), limits: HTTPLimits = .patient,
        loopCount: Int = 1, time: TimeSource = .system, rights: StreamRights? = nil,
        fallback: (@Sendable (Request) async -> Response?)? = nil,
        _ body: (TestServer) async throws -> Void
    ) async throws {
        let lines = LogLines()
        let log = Log(component: "test", minimum: .debug, sink: { lines.add($0) })
        let application = Application(
            endpoints: endpoints, hooks: hooks, log: log, rights: rights, fallback: fallback)
        var configuration = HTTPConfiguration(addresses: [.ip("127.0.0.1", port: 0)])
        configuration.loopCount = loopCount
        configuration.limits = limits
        configuration.time = time
        let server = HTTPServer(configuration, log: log) { await application.respond(to: $0) }
        guard case .ip(_, let port) = try await server.listen()[0] else { return }
        let running = Task { try await server.run() }
        do {
            try await body(TestServer(port: port, server: server, log: lines))
        } catch {
            running.cancel()
            try await running.value
            throw error
        }
        running.cancel()
        try await running.value
    }
}

extension WebSocketClient {
    static func open(
        _ server: TestServer, _ path: String, headers: String = "", receiveBuffer: Int32? = nil
    ) async throws -> WebSocketClient {
        try await open(
            on: server.connect(receiveBuffer: receiveBuffer), path, headers: headers)
    }
}

/// Collects log lines.
final class LogLines: Sendable {
    private let lines = Mutex<[String]>([])
    func add(_ line: String) { lines.withLock { $0.append(line) } }
    var all: [String] { lines.withLock { $0 } }
}

extension Endpoint {
    /// An open GET endpoint of text, for tests.
    static func text(
        _ path: PathPattern, _ handle: @escaping Endpoint.Handle = { _ in .text("hello") }
    ) -> Endpoint {
        Endpoint(
            .get, path, "Says something.", tag: "test", access: .open, rate: .read,
            answer: .content(type: "text/plain"), handle: handle)
    }
}
