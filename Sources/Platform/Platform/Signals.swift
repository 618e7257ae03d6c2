internal import CLinux
internal import Glibc

/// The signals by which an operator speaks to the process, as events of a loop.
///
/// Call `Signals.open` first thing in `main`, before any thread exists: a signal that a thread
/// does not block would end the process in the old way.
package final class Signals: Sendable {
    package enum Signal: Int32, Sendable, CaseIterable {
        /// Stop in order.
        case terminate = 15
        /// Ctrl-C; as `terminate`.
        case interrupt = 2
        /// Read certificates and the like again.
        case hangUp = 1
    }

    private let descriptor: Int32

    /// Blocks the signals in this thread and in those it makes, so that they can be read; and
    /// ignores SIGPIPE, so that writing to what was closed is an error.
    package static func open(_ signals: [Signal] = Signal.allCases) throws(LinuxError) -> Signals {
        signal(SIGPIPE, SIG_IGN)
        let numbers = signals.map(\.rawValue)
        return Signals(
            descriptor: try checked(
                "signalfd", cue_signalfd_open(numbers, Int32(numbers.count))))
    }

    /// Lets signals end the calling thread's process in the old way again: before it waits where
    /// no loop runs, or becomes another program.
    package static func release() {
        var none = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, nil)
        signal(SIGPIPE, SIG_DFL)
    }

    private init(descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// The signals as they come; the stream's end stops the watch. At most 16 wait unread, and
    /// the kernel itself keeps only one of a kind.
    package func received(on loop: EventLoop) -> AsyncStream<Signal> {
        AsyncStream(bufferingPolicy: .bufferingOldest(16)) { continuation in
            loop.submit { [self] in
                do {
                    let watch = try loop.watch(descriptor, for: .readable) { [self] _ in
                        while let signal = next() { continuation.yield(signal) }
                    }
                    let box = LoopBox(watch)
                    continuation.onTermination = { _ in loop.submit { box.value.cancel() } }
                } catch {
                    continuation.finish()
                }
            }
        }
    }

    /// Runs `body` until it ends. The first SIGTERM or SIGINT cancels it; a second ends the
    /// process at once, with the exit code shells expect. SIGHUP calls `onHangUp`.
    package func run<Answer: Sendable>(
        on loop: EventLoop, onHangUp: @escaping @Sendable () -> Void = {},
        _ body: @escaping @Sendable () async throws -> Answer
    ) async throws -> Answer {
        let work = Task { try await body() }
        let listener = Task {
            var isStopping = false
            for await signal in received(on: loop) {
                switch signal {
                case .hangUp: onHangUp()
                case .terminate, .interrupt:
                    if isStopping { exit(128 + signal.rawValue) }
                    isStopping = true
                    work.cancel()
                }
            }
        }
        defer { listener.cancel() }
        return try await withTaskCancellationHandler {
            try await work.value
        } onCancel: {
            work.cancel()
        }
    }

    private func next() -> Signal? {
        while true {
            let number = cue_signalfd_read(descriptor)
            if number == 0 { return nil }
            if let signal = Signal(rawValue: number) { return signal }
        }
    }
}

/// Carries a loop's own object through a `@Sendable` closure that runs on that loop.
final class LoopBox<Value>: @unchecked Sendable {
    // Safe: the value is touched on its loop alone.
    let value: Value
    init(_ value: Value) { self.value = value }
}
