/// Runs workers together: the first that ends or throws ends all; cancellation ends all. They
/// are stopped in the reverse order of the list. One that does not stop holds the others up for
/// half of the time that is left, and the whole group until the deadline, no longer: it is then
/// left running and named, and the caller is expected to end the process.
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

    private enum Event: Sendable {
        case ended(worker: Int, Result<Void, any Error>)
        case cancelled
        /// The timer with this number ran out; stale ones are ignored.
        case timeUp(timer: Int)
    }

    private let workers: [any Worker]
    private let deadline: Duration
    private let clock: any Clock<Duration>
    private let log: Log

    /// - Parameters:
    ///   - workers: later ones use earlier ones, so the last is stopped first.
    ///   - deadline: how long the whole stop may take.
    ///   - clock: what the deadline is measured with.
    package init(
        _ workers: [any Worker], deadline: Duration = .seconds(10),
        clock: any Clock<Duration> = ContinuousClock(), log: Log
    ) {
        self.workers = workers
        self.deadline = deadline
        self.clock = clock
        self.log = log
    }

    /// Runs until cancelled or until a worker ends. Throws what the first failing worker threw,
    /// or `Problem`; returns if it was cancelled and all stopped in time.
    package func run() async throws {
        // Each worker ends once, each sets one timer, and one cancellation comes.
        let (events, continuation) = AsyncStream<Event>.makeStream(
            bufferingPolicy: .bufferingOldest(2 * workers.count + 4))
        // Not a child of the caller's task: stopping must be able to wait after a cancellation,
        // and to leave behind a worker that ignores its own.
        let supervision = Task {
            try await supervise(events, continuation, clock)
        }
        try await withTaskCancellationHandler {
            try await supervision.value
        } onCancel: {
            continuation.yield(.cancelled)
        }
    }

    private func supervise(
        _ events: AsyncStream<Event>, _ continuation: AsyncStream<Event>.Continuation,
        _ clock: some Clock<Duration>
    ) async throws {
        let tasks = workers.enumerated().map { index, worker in
            Task {
                do {
                    try await worker.run()
                    continuation.yield(.ended(worker: index, .success(())))
                } catch {
                    continuation.yield(.ended(worker: index, .failure(error)))
                }
            }
        }
        var stop = Stop(running: Set(workers.indices))
        var iterator = events.makeAsyncIterator()
        while !stop.hasBegun, let event = await iterator.next(isolation: #isolation) {
            stop.note(event)
        }
        let end = clock.now.advanced(by: deadline)
        for index in workers.indices.reversed() where stop.running.contains(index) {
            log.debug("stopping", ["worker": .string(workers[index].name)])
            tasks[index].cancel()
            let share = clock.now.duration(to: end) / 2
            await wait(for: [index], share, &stop, &iterator, continuation, clock)
        }
        await wait(
            for: stop.running, clock.now.duration(to: end), &stop, &iterator, continuation, clock)
        continuation.finish()
        try conclude(stop)
    }

    /// Takes events until none of `indices` runs, or the time is up.
    private func wait(
        for indices: Set<Int>, _ time: Duration, _ stop: inout Stop,
        _ iterator: inout AsyncStream<Event>.Iterator,
        _ continuation: AsyncStream<Event>.Continuation, _ clock: some Clock<Duration>
    ) async {
        guard !stop.running.isDisjoint(with: indices) else { return }
        stop.timer += 1
        let number = stop.timer
        let timer = Task {
            try await clock.sleep(for: time)
            continuation.yield(.timeUp(timer: number))
        }
        defer { timer.cancel() }
        while !stop.running.isDisjoint(with: indices),
            let event = await iterator.next(isolation: #isolation)
        {
            stop.note(event)
            if case .timeUp(number) = event { return }
        }
    }

    private func conclude(_ stop: Stop) throws {
        let late = stop.running.sorted().map { workers[$0].name }
        if !late.isEmpty {
            log.error("did not stop", ["workers": .string(late.joined(separator: ", "))])
        }
        if let (worker, result) = stop.first, !stop.wasCancelled {
            if case .failure(let error) = result, !(error is CancellationError) { throw error }
            throw Problem.endedEarly(worker: workers[worker].name)
        }
        if let failure = stop.failure { throw failure }
        if !late.isEmpty { throw Problem.late(workers: late) }
    }

    /// What is known while workers run and stop.
    private struct Stop {
        var running: Set<Int>
        var wasCancelled = false
        /// The worker that ended before anybody was asked to stop.
        var first: (worker: Int, result: Result<Void, any Error>)?
        /// What a worker threw while it was stopping.
        var failure: (any Error)?
        var timer = 0

        var hasBegun: Bool { wasCancelled || first != nil }

        mutating func note(_ event: Event) {
            switch event {
            case .ended(let worker, let result):
                running.remove(worker)
                if !hasBegun {
                    first = (worker, result)
                } else if case .failure(let error) = result, !(error is CancellationError) {
                    failure = failure ?? error
                }
            case .cancelled: if !hasBegun { wasCancelled = true }
            case .timeUp: break
            }
        }
    }
}
