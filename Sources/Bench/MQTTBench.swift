import Foundation
import MQTT
import Platform
import TestSupport

/// Measures the MQTT client on its event loop through a real Mosquitto, beside libmosquitto's own
/// threaded loop and paho-mqtt.
enum MQTTBench {
    static let warmUpCount = 500
    static let roundTripCount = 5_000
    static let throughputCount = 30_000
    static let payloadBytes = 128
    static let window = 100
    private static let rounds = 3

    static func run(report: (BenchRow) -> Void) async throws {
        let port = try FreePort.find()
        let broker = try await TestBroker.start(
            settings: """
                allow_anonymous true
                max_queued_messages 0
                listener \(port) 127.0.0.1
                """)
        let addresses: [(String, MQTTConfiguration.Address)] = [
            ("unix socket", .unix(path: broker.socketPath)),
            ("TCP", .tcp(host: "127.0.0.1", port: port)),
        ]
        let peers = try MQTTBenchPeer.available()
        let loop = try EventLoop.start(name: "mqtt-bench")
        defer { loop.stop() }
        for (label, address) in addresses {
            for quality in [MQTT.QualityOfService.atMostOnce, .atLeastOnce] {
                try await roundTrips(label, address, quality, peers, loop, report)
            }
            try await throughput(label, address, peers, loop, report)
        }
        broker.kill()
    }

    private static func roundTrips(
        _ label: String, _ address: MQTTConfiguration.Address, _ quality: MQTT.QualityOfService,
        _ peers: [MQTTBenchPeer], _ loop: EventLoop, _ report: (BenchRow) -> Void
    ) async throws {
        var ours = MQTTBenchFigures.worst
        var theirs = peers.map { _ in MQTTBenchFigures.worst }
        for _ in 0..<rounds {
            let bounce = MQTTBounce(
                quality: quality, window: 1, warmUp: warmUpCount, count: roundTripCount)
            ours.keepBetter(try await bounce.measure(address, loop))
            for (index, peer) in peers.enumerated() {
                theirs[index].keepBetter(
                    try peer.measure(
                        address, quality, window: 1, warmUp: warmUpCount, count: roundTripCount))
            }
        }
        let name = "mqtt: round trip, QoS \(quality.rawValue), \(label)"
        for (part, path) in [("p50", \MQTTBenchFigures.p50), ("p99", \.p99)] {
            if peers.isEmpty {
                report(BenchRow(name: "\(name), \(part)", value: ours[keyPath: path], unit: "µs"))
            }
            for (peer, figures) in zip(peers, theirs) {
                report(
                    BenchRow(
                        name: "\(name), \(part)", value: ours[keyPath: path], unit: "µs",
                        peer: peer.name, peerValue: figures[keyPath: path]))
            }
        }
    }

    private static func throughput(
        _ label: String, _ address: MQTTConfiguration.Address, _ peers: [MQTTBenchPeer],
        _ loop: EventLoop, _ report: (BenchRow) -> Void
    ) async throws {
        var ours = MQTTBenchFigures.worst
        var theirs = peers.map { _ in MQTTBenchFigures.worst }
        for _ in 0..<rounds {
            let bounce = MQTTBounce(
                quality: .atLeastOnce, window: window, warmUp: 0, count: throughputCount)
            ours.keepBetter(try await bounce.measure(address, loop))
            for (index, peer) in peers.enumerated() {
                theirs[index].keepBetter(
                    try peer.measure(
                        address, .atLeastOnce, window: window, warmUp: 0, count: throughputCount))
            }
        }
        let name = "mqtt: throughput, QoS 1, \(window) under way, \(label)"
        if peers.isEmpty {
            report(BenchRow(name: name, value: ours.perSecond, unit: "messages/s"))
        }
        for (peer, figures) in zip(peers, theirs) {
            report(
                BenchRow(
                    name: name, value: ours.perSecond, unit: "messages/s", peer: peer.name,
                    peerValue: figures.perSecond))
        }
    }
}

/// What one round measured.
struct MQTTBenchFigures: Sendable {
    /// Microseconds.
    var p50: Double
    var p99: Double
    var perSecond: Double

    static let worst = MQTTBenchFigures(p50: .infinity, p99: .infinity, perSecond: 0)

    /// Keeps the best of each, which a busy neighbour disturbed least.
    mutating func keepBetter(_ other: MQTTBenchFigures) {
        p50 = min(p50, other.p50)
        p99 = min(p99, other.p99)
        perSecond = max(perSecond, other.perSecond)
    }
}
