internal import CLinux
internal import Glibc
internal import Synchronization

/// A program run as a child. It gets no descriptors but its three standard ones, a process
/// group of its own, and is killed by the kernel when the loop's thread, and so this process,
/// ends. It is also killed when the last reference to this value goes. What it leaves behind in
/// its group is killed when it ends.
package final class ChildProcess: Sendable {
    /// What to run.
    package struct Program: Sendable {
        package var path: String
        /// Without the program's own name.
        package var arguments: [String]
        /// The whole environment: nothing is inherited.
        package var environment: [String: String]
        /// The working directory; nil for this process's.
        package var directory: String?
        /// Gives up the rights of root; needs to be root.
        package var user: User?

        package init(
            path: String, arguments: [String] = [],
            environment: [String: String] = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"],
            directory: String? = nil, user: User? = nil
        ) {
            self.path = path
            self.arguments = arguments
            self.environment = environment
            self.directory = directory
            self.user = user
        }
    }

    package struct User: Hashable, Sendable {
        package let userID: UInt32
        package let groupID: UInt32

        package init(userID: UInt32, groupID: UInt32) {
            self.userID = userID
            self.groupID = groupID
        }
    }

    /// How it ended.
    package enum Exit: Hashable, Sendable, CustomStringConvertible {
        case exited(code: Int32)
        case killed(signal: Int32)

        package var isSuccess: Bool { self == .exited(code: 0) }

        package var description: String {
            switch self {
            case .exited(let code): "ended with code \(code)"
            case .killed(let signal): "was killed by signal \(signal)"
            }
        }
    }

    package enum Output: Hashable, Sendable {
        case standardOutput, standardError
    }

    package let pid: Int32
    private let life: ChildLife

    private init(pid: Int32, life: ChildLife) {
        self.pid = pid
        self.life = life
    }

    deinit { life.signal(SIGKILL, wholeGroup: true) }

    /// Starts a program; returns once it runs.
    /// - Parameters:
    ///   - loop: watches the child, and starts it: the calling thread waits some milliseconds.
    ///   - onLine: gets each line of output, on the loop; must not block. Lines are cut at 8 KiB.
    ///   - onBytes: gets output as it comes, before its lines are whole; as `onLine`.
    package static func start(
        _ program: Program, on loop: EventLoop,
        onLine: @escaping @Sendable (Output, String) -> Void = { _, _ in },
        onBytes: @escaping @Sendable (Output, ArraySlice<UInt8>) -> Void = { _, _ in }
    ) async throws(LinuxError) -> ChildProcess {
        let result = await withCheckedContinuation { continuation in
            loop.submit {
                let started = Result { () throws(LinuxError) in
                    try ChildLife.start(program, on: loop, onBytes: onBytes, onLine: onLine)
                }
                continuation.resume(returning: started)
            }
        }
        let life = try result.get()
        return ChildProcess(pid: life.pid, life: life)
    }

    /// How it ended; nil while it runs.
    package var exit: Exit? { life.exit }

    /// Waits for its end. All output has been given by then. A cancelled caller waits on: cancel
    /// by `terminate`.
    package func waitForExit() async -> Exit { await life.waitForExit() }

    /// Sends a signal; does nothing once it has ended.
    package func signal(_ number: Int32) { life.signal(number, wholeGroup: false) }

    /// Asks it to end, waits for at most `grace`, then kills it with all of its group.
    /// - Parameter asking: the signal that this program takes as "stop in order".
    @discardableResult
    package func terminate(asking: Int32 = SIGTERM, grace: Duration) async -> Exit {
        signal(asking)
        life.kill(after: grace)
        return await life.waitForExit()
    }
}

/// What the loop knows of one child. It lives until the child has been reaped.
final class ChildLife: @unchecked Sendable {
    // Safe: `state` is behind its mutex; the watches and splitters are touched on the loop alone.

    private struct State {
        var exit: ChildProcess.Exit?
        var isReaped = false
        var waiters: [CheckedContinuation<ChildProcess.Exit, Never>] = []
    }

    let pid: Int32
    private let loop: EventLoop
    private let onBytes: @Sendable (ChildProcess.Output, ArraySlice<UInt8>) -> Void
    private let onLine: @Sendable (ChildProcess.Output, String) -> Void
    private let state = Mutex(State())
    private var outputs: [ChildProcess.Output: ChildOutput] = [:]
    private var exitWatch: Watch?

    private init(
        pid: Int32, loop: EventLoop,
        onBytes: @escaping @Sendable (ChildProcess.Output, ArraySlice<UInt8>) -> Void,
        onLine: @escaping @Sendable (ChildProcess.Output, String) -> Void
    ) {
        self.pid = pid
        self.loop = loop
        self.onBytes = onBytes
        self.onLine = onLine
    }

    /// On the loop, whose thread outlives the child: PR_SET_PDEATHSIG follows threads.
    static func start(
        _ program: ChildProcess.Program, on loop: EventLoop,
        onBytes: @escaping @Sendable (ChildProcess.Output, ArraySlice<UInt8>) -> Void,
        onLine: @escaping @Sendable (ChildProcess.Output, String) -> Void
    ) throws(LinuxError) -> ChildLife {
        var (output, error): ([Int32], [Int32]) = ([-1, -1], [-1, -1])
        // Whatever is still here at the end is not wanted any more.
        defer { for end in output + error where end >= 0 { close(end) } }
        _ = try checked("pipe", cue_pipe(&output))
        _ = try checked("pipe", cue_pipe(&error))
        let pid = try checked(
            "start \(program.path)", spawn(program, output: output[1], error: error[1]))
        let life = ChildLife(pid: pid, loop: loop, onBytes: onBytes, onLine: onLine)
        do throws(LinuxError) {
            try life.watch(output: output[0], error: error[0])
        } catch {
            _ = Glibc.kill(-pid, SIGKILL)
            waitpid(pid, nil, 0)
            throw error
        }
        (output[0], error[0]) = (-1, -1)
        return life
    }

    private static func spawn(_ program: ChildProcess.Program, output: Int32, error: Int32)
        -> Int32
    {
        let texts = [program.path] + program.arguments
        let pairs = program.environment.map { "\($0.key)=\($0.value)" }.sorted()
        guard
            (texts + pairs + [program.directory ?? ""]).allSatisfy({ !$0.utf8.contains(0) })
        else { return -EINVAL }
        var argv = texts.map { strdup($0) } + [nil]
        var envp = pairs.map { strdup($0) } + [nil]
        defer { for text in argv + envp { free(text) } }
        return cue_spawn(
            program.path, &argv, &envp, -1, output, error, program.directory,
            program.user.map { Int64($0.userID) } ?? -1,
            program.user.map { Int64($0.groupID) } ?? -1, 1, SIGKILL)
    }

    private func watch(output: Int32, error: Int32) throws(LinuxError) {
        let exitDescriptor = try checked("pidfd_open", cue_pidfd_open(pid))
        do throws(LinuxError) {
            // The handlers keep this object until the child has ended.
            exitWatch = try loop.watch(exitDescriptor, for: .readable) { _ in self.ended() }
            outputs[.standardOutput] = try self.output(.standardOutput, output)
            outputs[.standardError] = try self.output(.standardError, error)
        } catch {
            for output in outputs.values { output.abandon() }
            outputs = [:]
            exitWatch?.cancel()
            exitWatch = nil
            close(exitDescriptor)
            throw error
        }
    }

    private func output(
        _ output: ChildProcess.Output, _ descriptor: Int32
    ) throws(LinuxError) -> ChildOutput {
        try ChildOutput(
            descriptor, loop, onBytes: { [onBytes] in onBytes(output, $0) },
            onLine: { [onLine] in onLine(output, $0) })
    }

    private func ended() {
        var code: Int32 = 0
        var bySignal: Int32 = 0
        // Reaped under the lock: afterwards the number may be another process's, and no signal
        // must be sent to it. Until then its group is surely its own.
        let exit = state.withLock { state -> ChildProcess.Exit? in
            _ = Glibc.kill(-pid, SIGKILL)
            let status = cue_reap(pid, &code, &bySignal)
            guard status != 0 else { return nil }
            state.isReaped = true
            // −ECHILD: somebody else has reaped it, and how it ended is lost.
            guard status > 0 else { return .exited(code: -1) }
            return bySignal != 0 ? .killed(signal: code) : .exited(code: code)
        }
        guard let exit else { return }
        if let watch = exitWatch {
            watch.cancel()
            close(watch.descriptor)
        }
        exitWatch = nil
        for output in outputs.values { output.finish() }
        outputs = [:]
        let waiters = state.withLock { state in
            state.exit = exit
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume(returning: exit) }
    }

    var exit: ChildProcess.Exit? { state.withLock { $0.exit } }

    func waitForExit() async -> ChildProcess.Exit {
        await withCheckedContinuation { continuation in
            let exit = state.withLock { state in
                if state.exit == nil { state.waiters.append(continuation) }
                return state.exit
            }
            if let exit { continuation.resume(returning: exit) }
        }
    }

    func signal(_ number: Int32, wholeGroup: Bool) {
        state.withLock { state in
            if !state.isReaped { _ = Glibc.kill(wholeGroup ? -pid : pid, number) }
        }
    }

    func kill(after grace: Duration) {
        loop.submit { [self] in
            loop.schedule(after: grace) { [weak self] in
                self?.signal(SIGKILL, wholeGroup: true)
            }
        }
    }
}

/// One output of a child, on the loop.
private final class ChildOutput {
    /// Read after the child's end at most: a grandchild that holds the pipe may write for ever.
    private static let lateBytesMax = 1 << 20

    private let descriptor: Int32
    private let onBytes: (ArraySlice<UInt8>) -> Void
    private let onLine: (String) -> Void
    private var splitter = LineSplitter()
    private var watch: Watch?

    /// Takes over the descriptor, unless it throws.
    init(
        _ descriptor: Int32, _ loop: EventLoop, onBytes: @escaping (ArraySlice<UInt8>) -> Void,
        onLine: @escaping (String) -> Void
    ) throws(LinuxError) {
        self.descriptor = descriptor
        self.onBytes = onBytes
        self.onLine = onLine
        watch = try loop.watch(descriptor, for: .readable) { [weak self] _ in
            guard let self, !(readSome() > 0 || errno == EAGAIN || errno == EINTR) else { return }
            close()
        }
    }

    /// Reads what is left, then closes.
    func finish() {
        var count = 0
        while watch != nil && count < Self.lateBytesMax {
            let size = readSome()
            guard size > 0 else { break }
            count += size
        }
        close()
    }

    /// Stops watching, without closing the descriptor.
    func abandon() {
        watch?.cancel()
        watch = nil
    }

    private func readSome() -> Int {
        var bytes = [UInt8](repeating: 0, count: 16384)
        errno = 0
        let count = read(descriptor, &bytes, bytes.count)
        if count > 0 {
            onBytes(bytes[..<count])
            splitter.add(bytes[..<count], line: onLine)
        }
        return count
    }

    private func close() {
        guard let watch else { return }
        watch.cancel()
        self.watch = nil
        Glibc.close(descriptor)
        splitter.finish(line: onLine)
    }
}
