import CLinux
import Foundation
import HTTP
import Platform
import Synchronization

/// The HTTP library beside Node.js in the same run: requests per CPU-second of the server, and
/// the cost and delay of a fan-out to a thousand viewers.
enum HTTPBench {
    private static let viewerCount = 1000
    private static let messageCount = 100
    private static let messageInterval = Duration.milliseconds(100)
    private static let wrkSeconds = 4
    private static let rounds = 3

    static func run(report: (BenchRow) -> Void) async throws {
        try await requests(report)
        try await viewers(report)
    }

    private struct Item: Codable, Sendable {
        let id: Int
        let name: String
        let isLive: Bool
        let viewers: Int
        let title: String
    }

    private static let hub = Hub()

    private static let endpoints: [Endpoint] = [
        Endpoint(
            .get, "/api/v1/items/{id:integer}", "An item.", tag: "bench", access: .open,
            rate: .read, answer: .item(.freeObject(maxValues: 10))
        ) { call in
            try .item(
                Item(
                    id: Int(call.path("id")) ?? 0, name: "ann", isLive: true, viewers: 1234,
                    title: "A stage with lights"))
        },
        Endpoint(
            .get, "/events", "Events.", tag: "bench", access: .open, rate: .stream,
            answer: .events(.text)
        ) { call in call.events(EventStreamHandler(opened: { hub.join("all", $0) })) },
        Endpoint(
            .get, "/socket", "Messages.", tag: "bench", access: .open, rate: .stream,
            answer: .webSocket(.text)
        ) { call in try call.webSocket(WebSocketHandler(opened: { hub.join("all", $0) })) },
        Endpoint(
            .get, "/cpu", "CPU of the loop's thread, nanoseconds.", tag: "bench", access: .open,
            rate: .read, answer: .content(type: "text/plain")
        ) { _ in
            var now = timespec()
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now)
            return .text("\(Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec))")
        },
    ]

    private static func withServer(
        loops: Int, _ body: (UInt16) async throws -> Void
    ) async throws {
        let log = Log(component: "bench", minimum: .error)
        let application = Application(endpoints: endpoints, hooks: Hooks(), log: log)
        var configuration = HTTPConfiguration(addresses: [.ip("127.0.0.1", port: 0)])
        configuration.loopCount = loops
        configuration.limits.connectionsPerAddress = 10_000
        configuration.logsAccess = false
        let server = HTTPServer(configuration, log: log) { await application.respond(to: $0) }
        guard case .ip(_, let port) = try await server.listen()[0] else { return }
        let running = Task { try await server.run() }
        try await body(port)
        running.cancel()
        try await running.value
    }

    /// Rounds of both in turn, so that a busy neighbour hits both; the median of each is told.
    private static func requests(_ report: (BenchRow) -> Void) async throws {
        let node = try NodePeer()
        defer { node.stop() }
        var ours: [Double] = []
        var theirs: [Double] = []
        try await withServer(loops: 2) { port in
            for _ in 0..<rounds {
                let start = cue_cpu_ns()
                let count = try wrk(port: port)
                ours.append(Double(count) / (Double(cue_cpu_ns() - start) / 1e9))
                let nodeStart = node.cpuSeconds
                let nodeCount = try wrk(port: node.port)
                theirs.append(Double(nodeCount) / (node.cpuSeconds - nodeStart))
            }
        }
        report(
            BenchRow(
                name: "http: JSON requests per server CPU-second, 64 connections",
                value: ours.sorted()[rounds / 2], unit: "requests/s", peer: "node http",
                peerValue: theirs.sorted()[rounds / 2]))
    }

    /// Requests that `wrk` saw answered.
    private static func wrk(port: UInt16) throws -> Int {
        let text = try NodePeer.output(
            "wrk", "-t1", "-c64", "-d\(wrkSeconds)s", "http://127.0.0.1:\(port)/api/v1/items/7")
        for line in text.split(separator: "\n") where line.contains("requests in") {
            return Int(line.split(separator: " ")[0]) ?? 0
        }
        return 0
    }

    private static func viewers(_ report: (BenchRow) -> Void) async throws {
        let node = try NodePeer()
        defer { node.stop() }
        let nodeViewers = try StreamViewers(
            count: viewerCount, port: node.port, path: "/events", isSocket: false)
        try await nodeViewers.waitUntilOpen()
        let nodeStart = node.cpuSeconds
        for _ in 0..<messageCount {
            node.publish("{\"t\":\(cue_monotonic_ns())}")
            try await Task.sleep(for: messageInterval)
        }
        let nodeMilliseconds = (node.cpuSeconds - nodeStart) * 1000
        let nodeDelays = nodeViewers.delays()
        nodeViewers.close()
        for (name, path, isSocket) in [
            ("event streams", "/events", false), ("WebSockets", "/socket", true),
        ] {
            try await withServer(loops: 1) { port in
                let viewers = try StreamViewers(
                    count: viewerCount, port: port, path: path, isSocket: isSocket)
                try await viewers.waitUntilOpen()
                let start = try threadMilliseconds(port)
                for _ in 0..<messageCount {
                    hub.publish(.init(data: "{\"t\":\(cue_monotonic_ns())}"), to: "all")
                    try await Task.sleep(for: messageInterval)
                }
                let spent = try threadMilliseconds(port) - start
                let delays = viewers.delays()
                viewers.close()
                let messages = Double(viewerCount * messageCount)
                report(
                    BenchRow(
                        name: "http: server CPU per message, 1,000 \(name)",
                        value: spent * 1000 / messages, unit: "µs", peer: "node event streams",
                        peerValue: nodeMilliseconds * 1000 / messages))
                report(
                    BenchRow(
                        name: "http: delay to 1,000 \(name), p99",
                        value: delays.p99, unit: "ms", peer: "node event streams",
                        peerValue: nodeDelays.p99))
                report(
                    BenchRow(
                        name: "http: messages that reached 1,000 \(name)",
                        value: Double(delays.count), unit: "messages", peer: "node event streams",
                        peerValue: Double(nodeDelays.count)))
            }
        }
    }

    private static func threadMilliseconds(_ port: UInt16) throws -> Double {
        let text = try NodePeer.output("curl", "-s", "http://127.0.0.1:\(port)/cpu")
        return (Double(text) ?? 0) / 1e6
    }
}
