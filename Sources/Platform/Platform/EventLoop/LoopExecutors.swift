internal import Synchronization

/// An event loop as the executor of actors. A class of its own, so that a job's kind is known.
package final class LoopSerialExecutor: SerialExecutor {
    private let home = Mutex<EventLoop?>(nil)

    var loop: EventLoop? {
        get { home.withLock { $0 } }
        set { home.withLock { $0 = newValue } }
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        loop?.add(.serialJob(UnownedJob(job)))
    }

    package func asUnownedSerialExecutor() -> UnownedSerialExecutor {
        UnownedSerialExecutor(ordinary: self)
    }

    /// Lets handlers on the loop's thread use `assumeIsolated`.
    package func checkIsolated() {
        guard let loop else { preconditionFailure("the loop has stopped") }
        loop.preconditionOnLoop()
    }
}

/// An event loop as the preferred executor of tasks.
package final class LoopTaskExecutor: TaskExecutor {
    private let home = Mutex<EventLoop?>(nil)

    var loop: EventLoop? {
        get { home.withLock { $0 } }
        set { home.withLock { $0 = newValue } }
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        loop?.add(.taskJob(UnownedJob(job)))
    }

    package func asUnownedTaskExecutor() -> UnownedTaskExecutor {
        UnownedTaskExecutor(ordinary: self)
    }
}
