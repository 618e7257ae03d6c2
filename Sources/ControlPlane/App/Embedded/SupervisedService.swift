internal import Glibc
internal import Platform
internal import Synchronization

/// A child process that is started again whenever it ends, with growing pauses, until the worker
/// is cancelled; then it is asked to stop, and killed if it does not.
final class SupervisedService: Worker {
    /// A service that ran this long is taken to have been well: the pauses begin anew.
    private static let wellAfter = Duration.seconds(30)
    private static let grace = Duration.seconds(15)

    let name: String
    private let program: ChildProcess.Program
    private let stopSignal: Int32
    private let prepare: @Sendable () throws -> Void
    private let loop: EventLoop
    private let log: Log
    private let current = Mutex<ChildProcess?>(nil)

    /// - Parameters:
    ///   - stopSignal: what the service takes as "stop in order".
    ///   - prepare: called before each start, to clear what a kill left behind.
    init(
        name: String, program: ChildProcess.Program, stopSignal: Int32, loop: EventLoop, log: Log,
        prepare: @escaping @Sendable () throws -> Void = {}
    ) {
        self.name = name
        self.program = program
        self.stopSignal = stopSignal
        self.prepare = prepare
        self.loop = loop
        self.log = log.of(name)
    }

    /// The child's process id while it runs.
    var pid: Int32? { current.withLock { $0?.exit == nil ? $0?.pid : nil } }

    func run() async throws {
        var backoff = Backoff(first: .milliseconds(200), longest: .seconds(10))
        while !Task.isCancelled {
            let start = ContinuousClock.now
            let output = OutputTail()
            do {
                try prepare()
                let child = try await ChildProcess.start(program, on: loop) { [log] _, line in
                    output.append(line)
                    log.debug(line)
                }
                current.withLock { $0 = child }
                log.info("started", ["pid": .int(Int64(child.pid))])
                let exit = await wait(for: child)
                if Task.isCancelled { return log.info("stopped", ["exit": .string("\(exit)")]) }
                log.warning(
                    "ended; starting it again",
                    ["exit": .string("\(exit)"), "output": .string(output.text)])
            } catch {
                log.error("cannot start; trying again", ["reason": .string("\(error)")])
            }
            if ContinuousClock.now - start > Self.wellAfter { backoff.reset() }
            // Cancellation ends the pause and then the loop.
            try? await Task.sleep(for: backoff.next())
        }
    }

    private func wait(for child: ChildProcess) async -> ChildProcess.Exit {
        await withTaskCancellationHandler {
            await child.waitForExit()
        } onCancel: { [stopSignal] in
            Task { await child.terminate(asking: stopSignal, grace: Self.grace) }
        }
    }
}
