internal import Platform
internal import Synchronization

/// Callers that wait for what agents say: each asks its question again at all news, until the
/// answer is yes or its time is over. Used on the loop alone.
final class StopWaits: @unchecked Sendable {
    // Safe: `waits` is touched on the loop alone, which every entry checks.

    /// Callers at once; whoever comes then does not wait.
    static let waitsMax = 1_000

    private struct Wait {
        let isOver: @Sendable () -> Bool
        let done: @Sendable () -> Void
    }

    private let loop: EventLoop
    private var waits: [Int: Wait] = [:]
    private var count = 0

    init(loop: EventLoop) { self.loop = loop }

    /// Waits until `isOver`, which is asked on the loop: now, and at all news. Any thread.
    func wait(atMost limit: Duration, until isOver: @escaping @Sendable () -> Bool) async {
        await withCheckedContinuation { continuation in
            loop.submit { self.begin(limit, Wait(isOver: isOver) { continuation.resume() }) }
        }
    }

    /// Something may have changed. On the loop.
    func tell() {
        loop.preconditionOnLoop()
        for (number, wait) in waits where wait.isOver() { end(number) }
    }

    private func begin(_ limit: Duration, _ wait: Wait) {
        guard !wait.isOver(), waits.count < Self.waitsMax else { return wait.done() }
        count += 1
        let number = count
        waits[number] = wait
        loop.schedule(after: limit) { [weak self] in self?.end(number) }
    }

    private func end(_ number: Int) { waits.removeValue(forKey: number)?.done() }
}
