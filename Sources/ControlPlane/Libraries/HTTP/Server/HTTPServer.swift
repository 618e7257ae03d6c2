internal import CLinux
internal import Glibc
package import Platform
internal import Synchronization

/// An HTTP/1.1 server: listeners, loops, connections. What it answers is `handler`'s business,
/// usually `Application.respond`.
package final class HTTPServer: Worker {
    package let name = "http"
    private let configuration: HTTPConfiguration
    private let handler: @Sendable (Request) async -> Response
    private let log: Log
    private let counts: ConnectionCounts
    private let state = Mutex(State())

    private struct State {
        var loops: [ServerLoop] = []
        var acceptors: [Acceptor] = []
        var addresses: [SocketAddress] = []
    }

    package init(
        _ configuration: HTTPConfiguration, log: Log,
        handler: @escaping @Sendable (Request) async -> Response
    ) {
        self.configuration = configuration
        self.handler = handler
        self.log = log
        counts = ConnectionCounts(limits: configuration.limits)
    }

    /// How many connections there are now.
    package var connectionCount: Int { counts.total }

    /// Binds and begins to serve; `run` does it if nobody did before. Returns the addresses with
    /// the ports that were taken.
    @discardableResult
    package func listen() async throws -> [SocketAddress] {
        let already = state.withLock { $0.addresses }
        if !already.isEmpty { return already }
        let disk = try BlockingPool(name: "http-disk", threads: 2, waitingMax: 1024)
        let loops = try (0..<max(1, configuration.loopCount)).map { index in
            ServerLoop(
                loop: try EventLoop.start(name: "http-\(index)"), disk: disk,
                configuration: configuration, counts: counts, handler: handler, log: log)
        }
        var acceptors: [Acceptor] = []
        do {
            for listener in configuration.listeners {
                acceptors += try Acceptor.open(
                    listener.address, secure: listener.tls, loops: loops, log: log)
            }
        } catch {
            for acceptor in acceptors { acceptor.closeUnstarted() }
            for loop in loops { loop.loop.stop() }
            throw error
        }
        for loop in loops { loop.loop.submit { loop.startTicking() } }
        for acceptor in acceptors { acceptor.start() }
        var addresses: [SocketAddress] = []
        for acceptor in acceptors where !addresses.contains(acceptor.address) {
            addresses.append(acceptor.address)
        }
        state.withLock { state in
            state.loops = loops
            state.acceptors = acceptors
            state.addresses = addresses
        }
        log.info("serving", ["addresses": .string("\(addresses)")])
        return addresses
    }

    /// Serves until cancelled; then takes no more connections, lets requests in flight finish
    /// (`HTTPLimits.drainDeadline`), and ends the rest.
    package func run() async throws {
        try await listen()
        // Ends only by cancellation: nothing is ever sent.
        for await _ in AsyncStream<Never>.makeStream().stream {}
        await stop()
    }

    private func stop() async {
        let state = state.withLock { $0 }
        for acceptor in state.acceptors { await acceptor.stop() }
        let deadline = configuration.limits.drainDeadline
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let waiter = DrainWaiter(count: state.loops.count, continuation)
            for loop in state.loops {
                loop.loop.submit {
                    loop.drain { waiter.arrive() }
                    loop.loop.schedule(after: deadline) { waiter.giveUp() }
                }
            }
        }
        for loop in state.loops {
            await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
                loop.loop.submit {
                    loop.closeAll()
                    done.resume()
                }
            }
        }
        for case .unix(let path) in state.addresses { unlink(path) }
        await endLoops(state.loops)
        log.info("stopped")
    }

    /// Cancelled handlers need their loop until they have returned; a loop whose handlers do not
    /// is left running rather than leave them without a thread for ever.
    private func endLoops(_ loops: [ServerLoop]) async {
        for loop in loops {
            let stuck = await withCheckedContinuation { (done: CheckedContinuation<Int, Never>) in
                loop.loop.submit { loop.awaitTasks(attempts: 200) { done.resume(returning: $0) } }
            }
            if stuck == 0 {
                loop.loop.stop()
            } else {
                log.error("handlers ignore their cancellation", ["count": .int(Int64(stuck))])
            }
        }
    }
}

/// Waits until every loop is empty, or the deadline has passed.
private final class DrainWaiter: Sendable {
    private let state: Mutex<(left: Int, continuation: CheckedContinuation<Void, Never>?)>

    init(count: Int, _ continuation: CheckedContinuation<Void, Never>) {
        state = Mutex((count, continuation))
    }

    func arrive() {
        let done = state.withLock { state -> CheckedContinuation<Void, Never>? in
            state.left -= 1
            guard state.left == 0 else { return nil }
            defer { state.continuation = nil }
            return state.continuation
        }
        done?.resume()
    }

    func giveUp() {
        let done = state.withLock { state in
            defer { state.continuation = nil }
            return state.continuation
        }
        done?.resume()
    }
}
