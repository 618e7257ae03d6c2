internal import CLinux

/// Runs one blocking call on a thread of its own.
enum BlockingCall {
    private final class Box {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// Runs `body` on a new thread, then `then` with its result on that thread. If no thread can
    /// be had, both run on the caller's.
    static func run<Value: Sendable>(
        name: String, _ body: @escaping @Sendable () -> Value,
        then: @escaping @Sendable (Value) -> Void
    ) {
        let box = Unmanaged.passRetained(Box { then(body()) })
        let status = cue_thread_start(
            name,
            { context in
                guard let context else { return }
                Unmanaged<Box>.fromOpaque(context).takeRetainedValue().body()
            }, box.toOpaque())
        if status < 0 { box.takeRetainedValue().body() }
    }
}
