import CLinux
import Glibc
import Platform
import Synchronization

/// A program that a test runs. It is killed when the value goes, and by the kernel when the
/// test process dies.
package final class TestProcess: Sendable {
    package let pid: Int32
    private let isEnded = Mutex(false)

    /// PR_SET_PDEATHSIG follows the spawning thread, so all are started by one that stays.
    private static let starter: Result<EventLoop, any Error> = Result {
        try EventLoop.start(name: "test-starter")
    }

    private init(pid: Int32) { self.pid = pid }

    deinit { kill() }

    /// Starts `arguments[0]` with its output going to a file. As root, the program gets the
    /// rights of `nobody` unless `asRoot`. The kernel sends it `deathSignal` when we die.
    package static func spawn(
        _ arguments: [String], output: String, asRoot: Bool = false, environment: [String] = [],
        deathSignal: Int32 = SIGKILL
    ) throws -> TestProcess {
        let loop = try starter.get()
        let file = open(output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        defer { close(file) }
        let user: Int64 = getuid() == 0 && !asRoot ? 65534 : -1
        let result = Mutex<Int32?>(nil)
        let done = ThreadGate()
        loop.submit {
            var argv = arguments.map { strdup($0) } + [nil]
            var envp =
                (["PATH=/usr/sbin:/usr/bin:/bin", "LC_ALL=C.UTF-8"] + environment).map {
                    strdup($0)
                } + [nil]
            let pid = cue_spawn(
                arguments[0], &argv, &envp, -1, file, file, nil, user, user, 1, deathSignal)
            for text in argv + envp { free(text) }
            result.withLock { $0 = pid }
            done.signal()
        }
        done.wait()
        let pid = result.withLock { $0 } ?? -1
        guard pid > 0 else { throw LinuxError("start \(arguments[0])", code: -pid) }
        return TestProcess(pid: pid)
    }

    package func signal(_ number: Int32) {
        isEnded.withLock { if !$0 { _ = Glibc.kill(pid, number) } }
    }

    package func kill() { end(with: SIGKILL) }

    /// Sends a signal that ends the program, and waits for its end. Blocks.
    package func end(with signal: Int32) {
        isEnded.withLock { isEnded in
            guard !isEnded else { return }
            isEnded = true
            _ = Glibc.kill(pid, signal)
            waitpid(pid, nil, 0)
        }
    }

    /// Whether the program has ended by itself. Does not block.
    package func hasEnded() -> Bool {
        isEnded.withLock { isEnded in
            if !isEnded { isEnded = waitpid(pid, nil, WNOHANG) == pid }
            return isEnded
        }
    }

    /// Waits for a program that ends by itself; true if it succeeded. Blocks.
    package func succeeds() -> Bool {
        isEnded.withLock { isEnded in
            guard !isEnded else { return false }
            isEnded = true
            var status: Int32 = 0
            return waitpid(pid, &status, 0) == pid && status == 0
        }
    }

    /// A new folder under the system's temporary one, open to the unprivileged user. It is removed
    /// when the test process has ended.
    package static func makeFolder(
        _ name: String, under parent: String = "/tmp"
    ) throws -> String {
        let path = try TemporaryFolder.make(name, under: parent)
        chmod(path, 0o777)
        try Janitor.remove(atExit: path)
        return path
    }

    package static func write(_ text: String, to path: String) throws {
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw LinuxError.current("open \(path)") }
        defer { close(file) }
        let bytes = Array(text.utf8)
        guard Glibc.write(file, bytes, bytes.count) == bytes.count else {
            throw LinuxError.current("write \(path)")
        }
    }

    /// The last 4,000 bytes of a file.
    package static func text(_ path: String) -> String {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return "" }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 4000)
        lseek(file, max(0, lseek(file, 0, SEEK_END) - 4000), SEEK_SET)
        let count = read(file, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }

    /// Waits until a unix socket takes connections; at most a minute.
    package static func waitForSocket(
        _ path: String, orThrow problem: () -> any Error
    ) async throws {
        for _ in 0..<6000 {
            if connects(to: path) { return }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw problem()
    }

    private static func connects(to path: String) -> Bool {
        let socket = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let isShort = withUnsafeMutableBytes(of: &address.sun_path) { buffer in
            guard path.utf8.count < buffer.count else { return false }
            buffer.copyBytes(from: path.utf8)
            return true
        }
        return isShort
            && withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
                }
            }
    }
}

/// A one-shot gate for threads.
private final class ThreadGate: @unchecked Sendable {
    // Safe: sem_t is made for threads.
    private let raw: UnsafeMutablePointer<sem_t>

    init() {
        raw = .allocate(capacity: 1)
        sem_init(raw, 0, 0)
    }

    deinit {
        sem_destroy(raw)
        raw.deallocate()
    }

    func signal() { sem_post(raw) }
    func wait() { while sem_wait(raw) != 0 {} }
}
