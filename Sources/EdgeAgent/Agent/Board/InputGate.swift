internal import Platform
package import SharedModels

/// Changes of inputs on their way to the broker. Of each input one at a time waits, the newest; what
/// happened while the broker was away is told as late. A pure value; times are monotonic
/// nanoseconds.
package struct InputGate: Sendable {
    package enum Limits {
        /// Shortest time between two changes of one input that are told.
        package static let pauseNanoseconds: Int64 = 20_000_000
        /// Of all inputs together: so many at once, and so many a second.
        package static let burst = 200
        package static let perSecond = 200.0
        /// Inputs remembered; more than an agent's boards can have at once.
        package static let inputsMax = AgentManifest.boardsMax * BoardManifest.channelsMax
    }

    package struct Change: Hashable, Sendable {
        package let board: BoardUID
        package let channel: String
        package let value: Int
        package let readNanoseconds: Int64
        /// The broker was away when it was read, or went away before it was told.
        package fileprivate(set) var isLate = false

        package init(board: BoardUID, channel: String, value: Int, readNanoseconds: Int64) {
            self.board = board
            self.channel = channel
            self.value = value
            self.readNanoseconds = readNanoseconds
        }
    }

    private struct Key: Hashable, Sendable {
        let board: BoardUID
        let channel: String
    }

    private var waiting: [Key: Change] = [:]
    private var toldNanoseconds: [Key: Int64] = [:]
    private var bucket = TokenBucket(capacity: Limits.burst, perSecond: Limits.perSecond)
    private var isOnline = false
    /// When the bucket has something again.
    private var refillNanoseconds: Int64 = 0

    package init() {}

    /// Changes that wait for the broker or their turn.
    package var waitingCount: Int { waiting.count }

    /// The broker came or went.
    package mutating func setOnline(_ isOnline: Bool) {
        self.isOnline = isOnline
        guard !isOnline else { return }
        for key in waiting.keys { waiting[key]?.isLate = true }
    }

    /// Takes a change in place of an older one of the same input that still waits.
    package mutating func take(_ change: Change) {
        let key = Key(board: change.board, channel: change.channel)
        guard waiting[key] != nil || waiting.count < Limits.inputsMax else { return }
        var change = change
        change.isLate = !isOnline
        waiting[key] = change
    }

    /// Takes out what may be told now, the longest waiting first.
    package mutating func takeReady(at now: Int64) -> [Change] {
        guard isOnline, !waiting.isEmpty else { return [] }
        let due = waiting.filter { dueNanoseconds($0.key) <= now }
            .sorted { $0.value.readNanoseconds < $1.value.readNanoseconds }
        var ready: [Change] = []
        for (key, change) in due {
            if case .refused(let after) = bucket.admit(atNanoseconds: now) {
                refillNanoseconds = now + after.nanosecondsClamped
                break
            }
            waiting[key] = nil
            if toldNanoseconds.count >= Limits.inputsMax { toldNanoseconds = [:] }
            toldNanoseconds[key] = now
            ready.append(change)
        }
        return ready
    }

    /// When something that waits may be told; nil if nothing waits, or the broker is away.
    package var nextDeadlineNanoseconds: Int64? {
        guard isOnline else { return nil }
        return waiting.keys.lazy.map { max(dueNanoseconds($0), refillNanoseconds) }.min()
    }

    private func dueNanoseconds(_ key: Key) -> Int64 {
        toldNanoseconds[key].map { $0 + Limits.pauseNanoseconds } ?? 0
    }
}
