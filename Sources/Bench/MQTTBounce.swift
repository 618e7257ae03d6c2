import MQTT
import Platform

/// A client that publishes to a topic that it subscribes to, and publishes the next message from
/// the handler of the one that came back.
final class MQTTBounce: @unchecked Sendable {
    // Safe: all of it is touched on the loop alone once `measure` has begun.

    enum Problem: Error { case lost(MQTTError), silent(received: Int) }

    private static let deadline = Duration.seconds(60)

    private let quality: MQTT.QualityOfService
    private let window: Int
    private let warmUp: Int
    private let count: Int
    private let payload = [UInt8](repeating: 0x78, count: MQTTBench.payloadBytes)
    private var sent = 0
    private var received = 0
    private var sentNanoseconds: [Int64]
    private var times: [Int64] = []
    private var startNanoseconds: Int64 = 0
    private var finished: CheckedContinuation<Result<Void, Problem>, Never>?

    init(quality: QualityOfService, window: Int, warmUp: Int, count: Int) {
        self.quality = quality
        self.window = window
        self.warmUp = warmUp
        self.count = count
        sentNanoseconds = [Int64](repeating: 0, count: warmUp + count)
        times.reserveCapacity(warmUp + count)
    }

    func measure(
        _ address: MQTTConfiguration.Address, _ loop: EventLoop
    ) async throws -> MQTTBenchFigures {
        var configuration = MQTTConfiguration(
            address: address, clientID: "bench", username: "bench", password: { "" })
        configuration.isSessionClean = true
        configuration.inflightMax = window
        let client = try MQTTClient(
            configuration, loop: loop, log: Log(component: "bench", minimum: .error))
        let running = Task { try await client.run() }
        let result = await withCheckedContinuation { continuation in
            loop.submit { self.start(client, continuation) }
        }
        running.cancel()
        try await running.value
        try result.get()
        return await withCheckedContinuation { continuation in
            loop.submit { continuation.resume(returning: self.figures()) }
        }
    }

    private func start(
        _ client: MQTTClient, _ continuation: CheckedContinuation<Result<Void, Problem>, Never>
    ) {
        finished = continuation
        client.loop.schedule(after: Self.deadline) { [weak self] in
            self.map { $0.end(.failure(.silent(received: $0.received))) }
        }
        client.subscribe(
            "bench/bounce", quality: quality,
            granted: { [unowned client] result in
                if case .failure(let error) = result { return self.end(.failure(.lost(error))) }
                self.startNanoseconds = SystemTime.monotonicNanoseconds
                for _ in 0..<self.window { self.send(client) }
            }, handler: { [unowned client] _ in self.take(client) })
    }

    private func send(_ client: MQTTClient) {
        guard sent < warmUp + count else { return }
        sentNanoseconds[sent] = SystemTime.monotonicNanoseconds
        sent += 1
        client.publish(
            MQTTMessage(topic: "bench/bounce", payload: payload, quality: quality)
        ) { [weak self] in
            if case .failure(let error) = $0, error != .stopped {
                self?.end(.failure(.lost(error)))
            }
        }
    }

    private func take(_ client: MQTTClient) {
        guard received < sent else { return }
        times.append(SystemTime.monotonicNanoseconds - sentNanoseconds[received])
        received += 1
        if received == warmUp { startNanoseconds = SystemTime.monotonicNanoseconds }
        if received == warmUp + count { return end(.success(())) }
        send(client)
    }

    private func end(_ result: Result<Void, Problem>) {
        finished?.resume(returning: result)
        finished = nil
    }

    private func figures() -> MQTTBenchFigures {
        let elapsed = (sentNanoseconds.last ?? 0) + (times.last ?? 0) - startNanoseconds
        let sorted = times.dropFirst(warmUp).sorted()
        guard !sorted.isEmpty, elapsed > 0 else { return .worst }
        return MQTTBenchFigures(
            p50: Double(sorted[sorted.count / 2]) / 1e3,
            p99: Double(sorted[sorted.count * 99 / 100]) / 1e3,
            perSecond: Double(count) * 1e9 / Double(elapsed))
    }
}
