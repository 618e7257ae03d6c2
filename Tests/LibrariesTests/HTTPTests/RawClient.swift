import CLinux
import Glibc
import Platform
import Synchronization

/// A TCP client that sends any bytes and shows all that comes back. One loop serves them all.
final class RawClient: @unchecked Sendable {
    // Safe: `watch` is used on the loop alone, the rest of the state is behind the mutex.

    enum Problem: Error { case timeout(String), closed(String), connect(Int32) }

    private struct State {
        var received: [UInt8] = []
        var isClosed = false
        var isReading = true
        var waiter:
            (check: ([UInt8], Bool) -> Bool, continuation: CheckedContinuation<Void, any Error>)?
        var unsent: [UInt8] = []
    }

    private static let loop: EventLoop = {
        do { return try EventLoop.start(name: "test-client") } catch { fatalError("\(error)") }
    }()
    let descriptor: Int32
    private let state = Mutex(State())
    private let hasEnded = Mutex(false)
    private let holder = WatchHolder()

    private final class WatchHolder: @unchecked Sendable {
        // Safe: used on the loop alone.
        var watch: Watch?
    }

    /// Connects, blocking: the listener is on this machine.
    init(port: UInt16, receiveBuffer: Int32? = nil) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        if var size = receiveBuffer {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, 4)
        }
        var address = sockaddr_in(
            sin_family: sa_family_t(AF_INET), sin_port: port.bigEndian,
            sin_addr: in_addr(s_addr: UInt32(0x7F00_0001).bigEndian),
            sin_zero: (0, 0, 0, 0, 0, 0, 0, 0))
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, 16) }
        }
        guard status == 0 else { throw Problem.connect(errno) }
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    }

    deinit { end() }

    /// Starts to collect what comes.
    func startReading() {
        Self.loop.submit { [self] in
            holder.watch = try? Self.loop.watch(
                descriptor, for: [.readable, .writable], isEdgeTriggered: true
            ) { [weak self] _ in self?.isReady() }
        }
    }

    func send(_ text: String) { send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) {
        state.withLock { $0.unsent += bytes }
        Self.loop.submit { [self] in sendWaiting() }
    }

    /// Waits until `check` holds for all bytes so far (and whether the peer has closed).
    func wait(
        timeout: Duration = .seconds(60), _ check: @escaping @Sendable ([UInt8], Bool) -> Bool
    ) async throws {
        try await withCheckedThrowingContinuation {
            (continuation: CheckedContinuation<Void, any Error>) in
            let isDone = state.withLock { state in
                if check(state.received, state.isClosed) { return true }
                state.waiter = (check, continuation)
                return false
            }
            if isDone { return continuation.resume() }
            Self.loop.submit { [self] in
                Self.loop.schedule(after: timeout) { [weak self] in self?.giveUp() }
            }
        }
    }

    var text: String { state.withLock { String(decoding: $0.received, as: UTF8.self) } }
    var bytes: [UInt8] { state.withLock { $0.received } }
    var isClosed: Bool { state.withLock { $0.isClosed } }

    /// Takes what was received so far.
    func take() -> String {
        state.withLock { state in
            defer { state.received = [] }
            return String(decoding: state.received, as: UTF8.self)
        }
    }

    /// Forgets the first bytes.
    func drop(_ count: Int) { state.withLock { $0.received.removeFirst(count) } }

    func waitForClose() async throws { try await wait { $1 } }

    func wait(for text: String) async throws {
        let wanted = Array(text.utf8)
        try await wait { bytes, isClosed in isClosed || bytes.firstRange(of: wanted) != nil }
    }

    /// Closes with a reset, as a killed program with unread input does.
    func reset() {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(
            descriptor, SOL_SOCKET, SO_LINGER, &linger,
            socklen_t(MemoryLayout.size(ofValue: linger)))
        end()
    }

    func end() {
        let isFirst = hasEnded.withLock { ended in
            defer { ended = true }
            return !ended
        }
        guard isFirst else { return }
        let descriptor = descriptor
        let holder = holder
        Self.loop.submit {
            holder.watch?.cancel()
            holder.watch = nil
            close(descriptor)
        }
    }

    private func giveUp() {
        let waiter = state.withLock { state in
            defer { state.waiter = nil }
            return state.waiter?.continuation
        }
        waiter?.resume(throwing: Problem.timeout(String(text.suffix(2000))))
    }

    private func isReady() {
        sendWaiting()
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count > 0 {
                state.withLock { $0.received += buffer[..<count] }
            } else if count == 0 || errno != EAGAIN && errno != EINTR {
                state.withLock { $0.isClosed = true }
                break
            } else {
                break
            }
        }
        let waiter = state.withLock { state -> CheckedContinuation<Void, any Error>? in
            guard let waiter = state.waiter, waiter.check(state.received, state.isClosed) else {
                return nil
            }
            state.waiter = nil
            return waiter.continuation
        }
        waiter?.resume()
    }

    private func sendWaiting() {
        state.withLock { state in
            while !state.unsent.isEmpty {
                let count = Glibc.send(
                    descriptor, state.unsent, state.unsent.count, Int32(MSG_NOSIGNAL))
                guard count > 0 else { return }
                state.unsent.removeFirst(count)
            }
        }
    }
}
