package import Platform
package import Postgres
package import SharedModels
internal import Synchronization

/// Writes live events behind the hot path, in batches. When the database is away they wait,
/// bounded; beyond that the oldest are dropped and counted.
package final class EventLog: Worker {
    package let name = "live event log"
    private let store: LiveStore
    private let log: Log
    private let waiting = Mutex<[LiveEvent]>([])
    private let dropped = Atomic(0)
    private let wakeUps: AsyncStream<Void>
    private let wakeUp: AsyncStream<Void>.Continuation

    package init(pool: PostgresPool, log: Log) {
        store = LiveStore(pool: pool)
        self.log = log.of("live.events")
        (wakeUps, wakeUp) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// How many were dropped because the database was away for too long.
    package var droppedCount: Int { dropped.load(ordering: .relaxed) }

    /// Takes events; never waits. Any thread.
    package func append(_ events: [LiveEvent]) {
        let excess = waiting.withLock { waiting in
            waiting += events
            let excess = max(0, waiting.count - LiveLimits.waitingEvents)
            waiting.removeFirst(excess)
            return excess
        }
        if excess > 0 { dropped.add(excess, ordering: .relaxed) }
        wakeUp.yield()
    }

    package func run() async throws {
        for await _ in wakeUps {
            // A short pause gathers a batch; cancelled, the rest is written at once.
            try? await Task.sleep(for: LiveLimits.eventBatchPause)
            guard await write() else {
                // Cancellation cuts the pause short.
                try? await Task.sleep(for: LiveLimits.eventRetryPause)
                wakeUp.yield()
                continue
            }
        }
        // The task is cancelled now, and its calls would be too.
        _ = await Task { await write() }.value
    }

    /// Writes all that waits; false if the database did not take it. What was refused waits on,
    /// in front.
    package func write() async -> Bool {
        while true {
            let batch = waiting.withLock { waiting in
                let batch = Array(waiting.prefix(LiveLimits.eventBatch))
                waiting.removeFirst(batch.count)
                return batch
            }
            guard !batch.isEmpty else { return true }
            do {
                try await store.insert(batch)
            } catch {
                log.warning("cannot write events", ["reason": .string("\(error)")])
                guard await writeSingly(batch, after: error) else {
                    waiting.withLock { $0.insert(contentsOf: batch, at: 0) }
                    return false
                }
            }
        }
    }

    /// Writes a batch that the server itself refused event by event, so that one event it will
    /// never take does not hold up all behind it; that one is dropped and counted. False if the
    /// server cannot be asked.
    private func writeSingly(_ batch: [LiveEvent], after error: any Error) async -> Bool {
        guard Self.isRefusal(error) else { return false }
        for event in batch {
            do {
                try await store.insert([event])
            } catch  where Self.isRefusal(error) {
                dropped.add(1, ordering: .relaxed)
            } catch {
                return false
            }
        }
        return true
    }

    /// Whether the server looked at the statement and said no: its data (class 22) or a
    /// constraint (class 23).
    private static func isRefusal(_ error: any Error) -> Bool {
        guard let state = (error as? PostgresError)?.state?.description else { return false }
        return state.hasPrefix("22") || state.hasPrefix("23")
    }
}
