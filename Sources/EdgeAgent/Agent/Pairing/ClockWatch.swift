package import Platform

/// Measures the server's clock anew whenever the agent doubts what it knows: its own clock was
/// set, or a command looked as if it came from the past or the future.
package final class ClockWatch: Worker {
    /// Between two measurements at least.
    package static let pause: Duration = .seconds(1)

    package let name = "clock watch"
    private let log: Log
    private let measure: @Sendable () async throws -> Void
    private let doubts: AsyncStream<Void>
    private let doubted: AsyncStream<Void>.Continuation

    package init(log: Log, measure: @escaping @Sendable () async throws -> Void) {
        self.log = log.of("clock")
        self.measure = measure
        (doubts, doubted) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Asks for a measurement; never waits. Any thread.
    package func doubt() { doubted.yield() }

    package func run() async throws {
        for await _ in doubts {
            do {
                try await measure()
            } catch is CancellationError {
                return
            } catch {
                log.warning("the server's clock is unknown", ["reason": .string("\(error)")])
            }
            // Cancellation ends the pause, and then the stream.
            try? await Task.sleep(for: Self.pause)
        }
    }
}
