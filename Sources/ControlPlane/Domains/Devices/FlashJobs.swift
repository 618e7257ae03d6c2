internal import FoundationEssentials
internal import Platform
internal import SharedModels
internal import Synchronization

/// The last flashing of each device, and the writing down of how they ended, which is tried until
/// the database has it.
final class FlashJobs: Worker, @unchecked Sendable {
    // Safe: `jobs` and `heard` are touched on the dispatcher's loop alone, the rest is locked or
    // constant.

    enum Limits {
        static let retryDelay = Duration.seconds(1)
    }

    let name = "flash jobs"
    private let store: FlashStore
    private let dispatcher: CommandDispatcher
    private let log: Log
    private let unixMilliseconds: @Sendable () -> Int64
    private let changed: @Sendable (FlashJob) -> Void
    /// At most one for each device.
    private var jobs: [DeviceID: FlashJob] = [:]
    /// When something was heard of those under way, monotonic nanoseconds.
    private var heard: [FlashJobID: Int64] = [:]
    /// Ended ones that are not written down yet; at most one for each device.
    private let owed = Mutex<[DeviceID: FlashJob]>([:])
    private let wakeUps: AsyncStream<Void>
    private let wakeUp: AsyncStream<Void>.Continuation

    /// - Parameter changed: told on the loop of each job that was made, went on, or ended.
    init(
        store: FlashStore, dispatcher: CommandDispatcher, log: Log,
        unixMilliseconds: @escaping @Sendable () -> Int64,
        changed: @escaping @Sendable (FlashJob) -> Void
    ) {
        self.store = store
        self.dispatcher = dispatcher
        self.log = log
        self.unixMilliseconds = unixMilliseconds
        self.changed = changed
        (wakeUps, wakeUp) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// What an earlier process left. The agents' retained states tell how it went on.
    func load() async throws {
        let found = try await store.newest()
        await dispatcher.run { [self] _ in for job in found { put(job) } }
    }

    func job(of device: DeviceID) -> FlashJob? { jobs[device] }

    /// What an agent is flashing now; its boards take turns.
    func open(of agent: AgentID) -> FlashJob? {
        jobs.values.first { $0.agent == agent && !$0.status.isEnd }
    }

    /// Takes a place, before it is written down.
    func put(_ job: FlashJob) {
        jobs[job.device] = job
        heard[job.id] = job.status.isEnd ? nil : SystemTime.monotonicNanoseconds
    }

    /// It could not be written down, so it never was.
    func withdraw(_ job: FlashJob, for former: FlashJob?) {
        guard jobs[job.device]?.id == job.id else { return }
        jobs[job.device] = former
        heard[job.id] = nil
    }

    /// Hands the order to the agent, once; what comes of it is in the agent's state.
    func send(_ job: FlashJob, board: BoardUID) {
        put(job)
        changed(job)
        let order = FlashOrder(
            id: job.id, board: board, kind: job.kind, build: job.build,
            expiresAtMilliseconds: unixMilliseconds() + FlashOrder.lifetimeMilliseconds)
        dispatcher.publish(
            order, .flash, in: job.workspace, to: job.agent,
            within: .milliseconds(FlashOrder.lifetimeMilliseconds))
    }

    /// What an agent says.
    func take(_ report: FlashReport, of agent: AgentID) {
        let found = jobs.values.first { $0.id == report.id && $0.agent == agent }
        guard var job = found, job.take(report, atMilliseconds: unixMilliseconds()) else { return }
        put(job)
        tell(job)
    }

    /// Ends what nothing was heard of for too long; call about once a second.
    func tick() {
        let now = SystemTime.monotonicNanoseconds
        for (id, since) in heard {
            let found = jobs.values.first { $0.id == id }
            guard var job = found,
                job.giveUp(
                    after: .nanoseconds(now - since), atMilliseconds: unixMilliseconds())
            else { continue }
            put(job)
            tell(job)
        }
    }

    private func tell(_ job: FlashJob) {
        changed(job)
        guard job.status.isEnd else { return }
        log.warning(
            "a flashing has ended",
            [
                "device": .string("\(job.device)"), "status": .string(job.status.rawValue),
                "build": .string(job.build), "reason": .string(job.reason),
            ])
        owed.withLock { $0[job.device] = job }
        wakeUp.yield()
    }

    func run() async throws {
        for await _ in wakeUps {
            while !Task.isCancelled, await !writeAll() {
                // Cancellation cuts the pause short, and ends the loop.
                try? await Task.sleep(for: Limits.retryDelay)
            }
        }
    }

    private func writeAll() async -> Bool {
        for (device, job) in owed.withLock({ $0 }) {
            do {
                try await store.end(job)
                owed.withLock { owed in
                    if owed[device] == job { owed[device] = nil }
                }
            } catch {
                log.error("a flashing is not written down yet", ["reason": .string("\(error)")])
            }
        }
        return owed.withLock { $0.isEmpty }
    }
}
