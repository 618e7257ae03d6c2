package import Platform
import Synchronization

/// A clock whose hands the test turns. Sleepers wake in the order of their times.
package final class ManualClock: Clock, Sendable {
    package struct Instant: InstantProtocol {
        /// Since the clock was made.
        package let offset: Duration

        package func advanced(by duration: Duration) -> Instant {
            Instant(offset: offset + duration)
        }
        package func duration(to other: Instant) -> Duration { other.offset - offset }
        package static func < (left: Instant, right: Instant) -> Bool {
            left.offset < right.offset
        }
    }

    private struct Sleeper {
        let id: UInt64
        let until: Instant
        let continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var now = Instant(offset: .zero)
        var idCount: UInt64 = 0
        var sleepers: [Sleeper] = []
    }

    private let startUnixMilliseconds: Int64
    private let state = Mutex(State())

    package init(unixMilliseconds: Int64 = 1_800_000_000_000) {
        startUnixMilliseconds = unixMilliseconds
    }

    package var now: Instant { state.withLock { $0.now } }
    package var minimumResolution: Duration { .nanoseconds(1) }

    /// The same hands, for code that asks for numbers.
    package var timeSource: TimeSource {
        TimeSource(
            unixMilliseconds: { [self] in
                startUnixMilliseconds + now.offset.millisecondsClamped
            },
            monotonicNanoseconds: { [self] in now.offset.nanosecondsClamped })
    }

    package func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        let id = state.withLock { state in
            state.idCount += 1
            return state.idCount
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let isDue = add(Sleeper(id: id, until: deadline, continuation: continuation))
                if isDue { continuation.resume() }
                if Task.isCancelled { cancel(id) }
            }
        } onCancel: {
            cancel(id)
        }
    }

    /// Turns the hands forward and wakes who slept until then.
    package func advance(by duration: Duration) {
        let due = state.withLock { state in
            state.now = state.now.advanced(by: duration)
            let now = state.now
            let due = state.sleepers.filter { $0.until <= now }.sorted { $0.until < $1.until }
            state.sleepers.removeAll { $0.until <= now }
            return due
        }
        for sleeper in due { sleeper.continuation.resume() }
    }

    /// Keeps a sleeper; true if its time has come already.
    private func add(_ sleeper: Sleeper) -> Bool {
        state.withLock { state in
            guard sleeper.until > state.now else { return true }
            state.sleepers.append(sleeper)
            return false
        }
    }

    private func cancel(_ id: UInt64) {
        let found = state.withLock { state in
            defer { state.sleepers.removeAll { $0.id == id } }
            return state.sleepers.filter { $0.id == id }
        }
        for sleeper in found { sleeper.continuation.resume(throwing: CancellationError()) }
    }
}
