import Glibc
import Platform
import Synchronization
import TestSupport
import Testing

@Suite("Signals")
struct SignalsTests {
    /// Signals are opened and raised on the loop's own thread, which then is the one they are
    /// pending for; the threads of the other tests do not block them.
    private func open(on loop: EventLoop) async throws -> Signals {
        try await onLoop(loop) { try Signals.open([.hangUp, .terminate]) }
    }

    private func raise(_ number: Int32, on loop: EventLoop) async throws {
        try await onLoop(loop) { _ = Glibc.raise(number) }
    }

    private func onLoop<Value: Sendable>(
        _ loop: EventLoop, _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            loop.submit { continuation.resume(with: Result { try body() }) }
        }
    }

    @Test("a signal becomes an event, and one that was there before is not lost")
    func events() async throws {
        let loop = try EventLoop.start(name: "signals")
        let signals = try await open(on: loop)
        try await raise(SIGHUP, on: loop)
        var received = signals.received(on: loop).makeAsyncIterator()
        #expect(await received.next() == .hangUp)
        try await raise(SIGTERM, on: loop)
        #expect(await received.next() == .terminate)
    }

    @Test("SIGHUP is told, and SIGTERM cancels what runs")
    func run() async throws {
        let loop = try EventLoop.start(name: "signals")
        let signals = try await open(on: loop)
        let hangUps = SharedCount()
        let running = Task {
            try await signals.run(on: loop, onHangUp: { hangUps.add() }) {
                try await ManualClock().sleep(for: .seconds(1))
            }
        }
        try await raise(SIGHUP, on: loop)
        await eventually { hangUps.value == 1 }
        try await raise(SIGTERM, on: loop)
        await #expect(throws: CancellationError.self) { try await running.value }
    }
}
