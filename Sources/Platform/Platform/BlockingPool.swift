internal import CLinux
internal import Glibc
internal import Synchronization

/// A few threads for calls that block (password hashing, fsync, a slow C library), so that they
/// never hold a loop or the shared pool. Work waits in a bounded queue; what finds it full is
/// refused at once. The threads end when the pool is let go.
package final class BlockingPool: Sendable {
    package enum Problem: Error, Equatable, Sendable {
        /// So many wait already; try later.
        case full(waiting: Int)
    }

    private struct Job {
        let id: UInt64
        let start: @Sendable () -> Void
        let cancel: @Sendable () -> Void
    }

    private struct Line {
        var waiting: BoundedQueue<Job>
        var idCount: UInt64 = 0
        var isStopping = false
    }

    /// What threads share with the pool: they must not keep the pool itself alive.
    private final class Shared: Sendable {
        let line: Mutex<Line>
        let arrivals = Semaphore()

        init(waitingMax: Int) {
            line = Mutex(Line(waiting: BoundedQueue(limit: waitingMax, policy: .refuse)))
        }

        func work() {
            while true {
                arrivals.wait()
                let (job, isStopping) = line.withLock { ($0.waiting.popFirst(), $0.isStopping) }
                // A job that was cancelled has left its arrival behind: nothing to do then.
                job?.start()
                if job == nil && isStopping { return }
            }
        }
    }

    private let shared: Shared
    private let threadCount: Int

    /// - Parameters:
    ///   - name: of the threads; its first 15 bytes.
    ///   - threads: how many calls run at once.
    ///   - waitingMax: how many more may wait.
    package init(name: String, threads: Int, waitingMax: Int) throws(LinuxError) {
        precondition(threads >= 1, "a pool has at least one thread")
        shared = Shared(waitingMax: waitingMax)
        threadCount = threads
        for started in 0..<threads {
            let context = Unmanaged.passRetained(shared)
            let status = cue_thread_start(
                String(name.utf8.prefix(15)) ?? "pool",
                { context in
                    guard let context else { return }
                    Unmanaged<Shared>.fromOpaque(context).takeRetainedValue().work()
                }, context.toOpaque())
            if status < 0 {
                context.release()
                Self.stop(shared, threads: started)
                throw LinuxError("start thread \(name)", code: -status)
            }
        }
    }

    deinit { Self.stop(shared, threads: threadCount) }

    /// How many calls wait for a thread now.
    package var waitingCount: Int { shared.line.withLock { $0.waiting.count } }

    /// Runs `body` on one of the threads. Throws `Problem.full`, what `body` threw, or
    /// `CancellationError` if the task was cancelled while the call still waited; a call that
    /// has begun runs to its end.
    package func run<Value: Sendable>(
        _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        let id = shared.line.withLock { line in
            line.idCount += 1
            return line.idCount
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let job = Job(
                    id: id, start: { continuation.resume(with: Result { try body() }) },
                    cancel: { continuation.resume(throwing: CancellationError()) })
                enter(job, refused: { continuation.resume(throwing: $0) })
                // The cancellation may have come before the job was there to be found.
                if Task.isCancelled { cancel(id) }
            }
        } onCancel: {
            cancel(id)
        }
    }

    /// Runs `body` on one of the threads, and does not wait for it. Throws `Problem.full`.
    package func submit(_ body: @escaping @Sendable () -> Void) throws(Problem) {
        var problem: Problem?
        // Nobody knows its id, so nobody cancels it.
        enter(Job(id: 0, start: body, cancel: {}), refused: { problem = $0 })
        if let problem { throw problem }
    }

    private func enter(_ job: Job, refused: (Problem) -> Void) {
        let waiting = shared.line.withLock { line -> Int? in
            if case .refused = line.waiting.append(job) { return line.waiting.count }
            return nil
        }
        if let waiting { refused(.full(waiting: waiting)) } else { shared.arrivals.signal() }
    }

    private func cancel(_ id: UInt64) {
        let found = shared.line.withLock { $0.waiting.removeAll { $0.id == id } }
        for job in found { job.cancel() }
    }

    private static func stop(_ shared: Shared, threads: Int) {
        shared.line.withLock { $0.isStopping = true }
        for _ in 0..<threads { shared.arrivals.signal() }
    }
}

/// A counting semaphore for threads that are meant to block.
private final class Semaphore: @unchecked Sendable {
    // Safe: `sem_t` is made for use by many threads; its memory lives as long as this object.
    private let handle: UnsafeMutablePointer<sem_t>

    init() {
        handle = .allocate(capacity: 1)
        sem_init(handle, 0, 0)
    }

    deinit {
        sem_destroy(handle)
        handle.deallocate()
    }

    func wait() { while sem_wait(handle) != 0 && errno == EINTR {} }
    func signal() { sem_post(handle) }
}
