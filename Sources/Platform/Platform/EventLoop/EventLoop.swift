internal import CLinux
internal import Glibc
internal import Synchronization

/// One thread with one epoll instance: it watches descriptors, runs timers, and is a Swift
/// executor, so that actors and tasks of the code around a descriptor run on its thread too.
///
/// Everything that says "on the loop" must be called on its thread: from a handler, a timer, a
/// submitted closure, an actor whose executor is `serialExecutor`, or a task with
/// `taskExecutor`; a call from elsewhere is a programmer's error and stops the process.
package final class EventLoop: @unchecked Sendable {
    // Safe: `inbox` is behind its mutex; all other mutable state is touched on the loop's thread
    // alone, which every entry checks with `preconditionOnLoop`.

    /// How many rounds of jobs run before descriptors are looked at again.
    private static let roundsMax = 8
    private static let eventsMax = 256

    package let name: String
    /// For actors: `nonisolated var unownedExecutor { loop.serialExecutor.asUnowned… }`.
    package let serialExecutor: LoopSerialExecutor
    /// For tasks: `withTaskExecutorPreference(loop.taskExecutor) { … }`.
    package let taskExecutor: LoopTaskExecutor

    private let epoll: Int32
    private let wakeUp: Int32
    private let inbox = Mutex(Inbox())
    private var ready: [Work] = []
    private var spare: [Work] = []
    private var watches = WatchTable()
    private var timers = TimerQueue()

    enum Work {
        case serialJob(UnownedJob)
        case taskJob(UnownedJob)
        case closure(@Sendable () -> Void)
    }

    private struct Inbox {
        var work: [Work] = []
        var isSignalled = false
        var isStopping = false
    }

    /// Starts a loop on a thread of its own.
    /// - Parameter name: shown by `ps -T`; its first 15 bytes.
    package static func start(name: String) throws(LinuxError) -> EventLoop {
        let loop = try EventLoop(name: name)
        let context = Unmanaged.passRetained(loop)
        let status = cue_thread_start(
            String(name.utf8.prefix(15)) ?? "loop",
            { context in
                guard let context else { return }
                Unmanaged<EventLoop>.fromOpaque(context).takeRetainedValue().run()
            }, context.toOpaque())
        if status < 0 {
            context.release()
            throw LinuxError("start thread \(name)", code: -status)
        }
        return loop
    }

    private init(name: String) throws(LinuxError) {
        self.name = name
        epoll = try checked("epoll_create1", cue_epoll_open())
        wakeUp = try checked("eventfd", cue_eventfd_open())
        serialExecutor = LoopSerialExecutor()
        taskExecutor = LoopTaskExecutor()
        _ = try checked(
            "epoll_ctl", cue_epoll_add(epoll, wakeUp, UInt32(CUE_READABLE), 0, .max))
        serialExecutor.loop = self
        taskExecutor.loop = self
    }

    deinit {
        close(wakeUp)
        close(epoll)
    }

    /// Whether the caller runs on the loop's thread.
    package var isCurrent: Bool {
        cue_thread_tag() == UnsafeRawPointer(Unmanaged.passUnretained(self).toOpaque())
    }

    package func preconditionOnLoop(_ function: StaticString = #function) {
        precondition(isCurrent, "\(function) must be called on the loop's thread")
    }

    /// Runs `body` on the loop, after what is queued already. Any thread.
    package func submit(_ body: @escaping @Sendable () -> Void) { add(.closure(body)) }

    /// Lets the loop's thread end once its queue is empty. Descriptors still watched are
    /// forgotten, not closed. Jobs that arrive later never run: stop a loop last.
    package func stop() {
        inbox.withLock { $0.isStopping = true }
        cue_eventfd_signal(wakeUp)
    }

    /// Watches a descriptor; `handler` runs on the loop whenever it is ready. Call on the loop.
    /// - Parameters:
    ///   - interest: what to be told of; hang-ups are always told.
    ///   - isEdgeTriggered: told once per change; the handler then reads until it would block.
    package func watch(
        _ descriptor: Int32, for interest: Readiness, isEdgeTriggered: Bool = false,
        handler: @escaping (Readiness) -> Void
    ) throws(LinuxError) -> Watch {
        preconditionOnLoop()
        let watch = Watch(
            loop: self, descriptor: descriptor, interest: interest,
            isEdgeTriggered: isEdgeTriggered, handler: handler)
        watch.token = watches.insert(watch)
        let status = cue_epoll_add(
            epoll, descriptor, interest.rawValue, isEdgeTriggered ? 1 : 0, watch.token)
        if status < 0 {
            watches.remove(watch.token)
            throw LinuxError("epoll_ctl add \(descriptor)", code: -status)
        }
        return watch
    }

    /// Runs `body` once on the loop, no sooner than after `delay`. Call on the loop.
    @discardableResult
    package func schedule(after delay: Duration, _ body: @escaping () -> Void) -> LoopTimer {
        preconditionOnLoop()
        let due = cue_monotonic_ns().addingReportingOverflow(delay.nanosecondsClamped)
        return timers.insert(
            dueNanoseconds: due.overflow ? .max : due.partialValue, body: body)
    }

    func change(_ watch: Watch, to interest: Readiness) {
        preconditionOnLoop()
        _ = cue_epoll_change(
            epoll, watch.descriptor, interest.rawValue, watch.isEdgeTriggered ? 1 : 0, watch.token)
    }

    func cancel(_ watch: Watch) {
        preconditionOnLoop()
        _ = cue_epoll_remove(epoll, watch.descriptor)
        watches.remove(watch.token)
    }

    func add(_ work: Work) {
        if isCurrent {
            ready.append(work)
            return
        }
        let mustSignal = inbox.withLock { inbox in
            inbox.work.append(work)
            defer { inbox.isSignalled = true }
            return !inbox.isSignalled
        }
        if mustSignal { cue_eventfd_signal(wakeUp) }
    }

    private func run() {
        cue_thread_tag_set(Unmanaged.passUnretained(self).toOpaque())
        defer { cue_thread_tag_set(nil) }
        while true {
            let isStopping = takeInbox()
            runReady()
            runTimers()
            if isStopping && ready.isEmpty { break }
            poll()
        }
        watches = WatchTable()
        timers = TimerQueue()
        serialExecutor.loop = nil
        taskExecutor.loop = nil
    }

    private func takeInbox() -> Bool {
        inbox.withLock { inbox in
            if !inbox.work.isEmpty {
                if ready.isEmpty {
                    swap(&ready, &inbox.work)
                } else {
                    ready.append(contentsOf: inbox.work)
                    inbox.work.removeAll(keepingCapacity: true)
                }
            }
            inbox.isSignalled = false
            return inbox.isStopping
        }
    }

    private func runReady() {
        for _ in 0..<Self.roundsMax where !ready.isEmpty {
            swap(&ready, &spare)
            for work in spare {
                switch work {
                case .serialJob(let job):
                    job.runSynchronously(on: serialExecutor.asUnownedSerialExecutor())
                case .taskJob(let job):
                    job.runSynchronously(on: taskExecutor.asUnownedTaskExecutor())
                case .closure(let body): body()
                }
            }
            spare.removeAll(keepingCapacity: true)
        }
    }

    private func runTimers() {
        guard timers.nextDueNanoseconds != nil else { return }
        for timer in timers.takeDue(until: cue_monotonic_ns()) {
            let body = timer.body
            timer.body = nil
            body?()
        }
    }

    private func poll() {
        var wait: Int64 = ready.isEmpty ? -1 : 0
        if wait != 0, let due = timers.nextDueNanoseconds {
            wait = max(0, due - cue_monotonic_ns())
        }
        withUnsafeTemporaryAllocation(of: cue_epoll_event_t.self, capacity: Self.eventsMax) {
            events in
            let count = cue_epoll_wait(epoll, events.baseAddress, Int32(Self.eventsMax), wait)
            for index in 0..<max(0, Int(count)) {
                let event = events[index]
                if event.data == .max {
                    cue_eventfd_drain(wakeUp)
                } else {
                    // A handler may have cancelled a watch of this very batch: its token is
                    // then unknown and the stale event falls away.
                    watches[event.data]?.handler?(Readiness(rawValue: event.events))
                }
            }
        }
    }
}
