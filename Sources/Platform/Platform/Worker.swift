internal import Synchronization

/// Something that runs until it is cancelled: the one shape of every long-lived part.
///
/// `run` returns when its task is cancelled, after it has put away what it held; it throws when
/// it cannot go on, which ends the whole group.
package protocol Worker: Sendable {
    /// For logs.
    var name: String { get }
    func run() async throws
}

/// Runs workers together: the first that ends or throws ends all; cancellation ends all. They
/// are stopped in the reverse order of the list, each with its share of the deadline.
package struct WorkerGroup: Sendable {
    package enum Problem: Error, Equatable, CustomStringConvertible {
        /// A worker returned although nobody asked it to.
        case endedEarly(worker: String)
        /// Workers that were still running when the deadline passed.
        case late(workers: [String])

        package var description: String {
            switch self {
            case .endedEarly(let worker): "\(worker) ended by itself"
            case .late(let workers):
                "still running at the deadline: \(workers.joined(separator: ", "))"
            }
        }
    }

    private let workers: [any Worker]
    private let deadline: Duration
    private let log: Log

    /// - Parameters:
    ///   - workers: later ones use earlier ones, so the last is stopped first.
    ///   - deadline: how long the whole stop may take.
    package init(_ workers: [any Worker], deadline: Duration = .seconds(10), log: Log) {
        self.workers = workers
        self.deadline = deadline
        self.log = log
    }

    /// Runs until cancelled or until a worker ends. Throws what the first failing worker threw,
    /// or `Problem`.
    package func run() async throws {
        let (ends, continuation) = AsyncStream<(Int, Result<Void, any Error>)>.makeStream()
        let tasks = workers.enumerated().map { index, worker in
            Task {
                do {
                    try await worker.run()
                    continuation.yield((index, .success(())))
                } catch {
                    continuation.yield((index, .failure(error)))
                }
            }
        }
        let first = await withTaskCancellationHandler {
            await ends.first { _ in true }
        } onCancel: {
            tasks.last?.cancel()
        }
        try await stop(tasks, first: first, ends: ends)
    }

    private func stop(
        _ tasks: [Task<Void, Never>], first: (Int, Result<Void, any Error>)?,
        ends: AsyncStream<(Int, Result<Void, any Error>)>
    ) async throws {
        let wasCancelled = Task.isCancelled
        let finished = Mutex(Set(first.map { [$0.0] } ?? []))
        // Not a child of the caller's cancelled task: stopping must still be able to wait.
        let stopping = Task {
            for (index, task) in tasks.enumerated().reversed() {
                log.debug("stopping", ["worker": .string(workers[index].name)])
                task.cancel()
                await task.value
                _ = finished.withLock { $0.insert(index) }
            }
        }
        let limit = Task {
            try await Task.sleep(for: deadline)
            for task in tasks { task.cancel() }
        }
        let isInTime = await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                await stopping.value; return true
            }
            group.addTask { (try? await limit.value) == nil }
            let inTime = await group.next() ?? false
            limit.cancel()
            group.cancelAll()
            return inTime
        }
        if !isInTime {
            let done = finished.withLock { $0 }
            let late = workers.indices.filter { !done.contains($0) }.map { workers[$0].name }
            if !late.isEmpty { throw Problem.late(workers: late) }
        }
        guard let first else { return }
        if case .failure(let error) = first.1, !(error is CancellationError) { throw error }
        if !wasCancelled { throw Problem.endedEarly(worker: workers[first.0].name) }
    }
}
