package import Platform
package import Postgres
internal import SharedModels
internal import Synchronization

/// Writes ended commands behind the hot path, in batches. When the database is away they wait,
/// bounded; beyond that the oldest are dropped and counted.
package final class CommandLog: Worker {
    package enum Limits {
        package static let waitingMax = 50_000
        package static let batchMax = 500
        package static let interval = Duration.milliseconds(100)
        package static let retryDelay = Duration.seconds(1)
    }

    package let name = "command log"
    private let store: CommandStore
    private let log: Log
    private let waiting = Mutex<[EndedCommand]>([])
    private let dropped = Atomic(0)
    private let wakeUps: AsyncStream<Void>
    private let wakeUp: AsyncStream<Void>.Continuation

    package init(pool: PostgresPool, log: Log) {
        store = CommandStore(pool: pool)
        self.log = log.of("commands")
        (wakeUps, wakeUp) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// How many were dropped: the database was away for too long, or refused them.
    package var droppedCount: Int { dropped.load(ordering: .relaxed) }

    /// Takes one; never waits. Any thread.
    package func append(_ ended: EndedCommand) {
        let isFull = waiting.withLock { waiting in
            waiting.append(ended)
            guard waiting.count > Limits.waitingMax else { return false }
            waiting.removeFirst(Limits.batchMax)
            return true
        }
        if isFull { dropped.add(Limits.batchMax, ordering: .relaxed) }
        wakeUp.yield()
    }

    package func run() async throws {
        for await _ in wakeUps {
            // A short pause gathers a batch; cancelled, the rest is written at once.
            try? await Task.sleep(for: Limits.interval)
            await write()
        }
        // The task is cancelled now, and its calls would be too.
        await Task { await write() }.value
    }

    /// Writes a batch. If the database refuses a value in it, all others are written.
    private func insert(_ batch: ArraySlice<EndedCommand>) async throws {
        do {
            try await store.insert(Array(batch))
        } catch let error as PostgresError where Self.isRefusal(error) {
            guard batch.count > 1 else {
                dropped.add(1, ordering: .relaxed)
                return log.error(
                    "the database refuses a command", ["reason": .string("\(error)")])
            }
            let middle = batch.startIndex + batch.count / 2
            try await insert(batch[..<middle])
            try await insert(batch[middle...])
        }
    }

    /// Whether the values are to blame (classes 22 and 23), so that another try cannot help.
    private static func isRefusal(_ error: PostgresError) -> Bool {
        let code = error.state?.description ?? ""
        return code.hasPrefix("22") || code.hasPrefix("23")
    }

    private func write() async {
        while true {
            let batch = waiting.withLock { Array($0.prefix(Limits.batchMax)) }
            guard !batch.isEmpty else { return }
            do {
                try await insert(batch[...])
                let ids = Set(batch.map(\.record.command.id))
                waiting.withLock { $0.removeAll { ids.contains($0.record.command.id) } }
            } catch {
                log.warning("cannot write commands", ["reason": .string("\(error)")])
                wakeUp.yield()
                // Cancellation cuts the pause short; what is left then is lost with the process.
                guard (try? await Task.sleep(for: Limits.retryDelay)) != nil else { return }
                return
            }
        }
    }
}
