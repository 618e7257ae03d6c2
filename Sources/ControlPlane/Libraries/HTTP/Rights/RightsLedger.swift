internal import Platform

/// Which streams stand on which right, and which rights are looked at next: a pure state machine.
/// Its size is bounded by the number of streams, which is bounded by the connections.
struct RightsLedger {
    typealias Key = StreamRight.Key
    typealias StreamID = UInt64

    enum Limits {
        /// Checks under way at one time; the others wait in line, so that a thousand streams do
        /// not ask the database a thousand things at once.
        static let checksMax = 4
        /// A right that was found good so lately is not looked at again for a ping, only for a
        /// change: many streams of one caller cost one check.
        static let freshness = Duration.seconds(5)
        /// How long streams go on while their right cannot be looked at, since it last was. Long
        /// enough for a database to be started again, and short enough that whoever was removed
        /// during a long outage does not watch to its end.
        static let grace = Duration.seconds(5 * 60)
    }

    /// A check to be made now.
    struct Check: Sendable {
        let right: StreamRight
        fileprivate let serial: UInt64
    }

    /// What is to be done after an event.
    struct Work: Sendable {
        var checks: [Check] = []
        var ended: [StreamID] = []
        var end: StreamEnd?
    }

    private enum State { case idle, waiting, running }

    private struct Group {
        let right: StreamRight
        /// Tells it from an earlier group of the same key.
        let serial: UInt64
        var streams: Set<StreamID> = []
        var state = State.idle
        /// A change was told while the check ran, which may have come too early to see it.
        var mustRepeat = false
        var hasFailed = false
        var goodNanoseconds: Int64
    }

    private var groups: [Key: Group] = [:]
    private var keys: [StreamID: Key] = [:]
    private var line: [Key] = []
    private var lineStart = 0
    private var runningCount = 0
    private var idCount: UInt64 = 0
    /// How many changes were told.
    private(set) var changeCount: UInt64 = 0

    var streamCount: Int { keys.count }

    /// Whether no check is under way or waits.
    var isIdle: Bool { runningCount == 0 && lineStart == line.count }

    /// How many places are in the line, those of streams that have gone included.
    var lineCount: Int { line.count }

    /// A stream begins. What was told since its caller was let in counts for it as well.
    mutating func enter(_ right: StreamRight, at now: Int64) -> (StreamID, Work) {
        idCount += 1
        let id = idCount
        keys[id] = right.key
        groups[
            right.key, default: Group(right: right, serial: id, goodNanoseconds: now)
        ].streams.insert(id)
        if right.changeCount != changeCount { demand(right.key) }
        return (id, Work(checks: startChecks()))
    }

    /// A stream has ended by itself.
    mutating func leave(_ id: StreamID) {
        guard let key = keys.removeValue(forKey: id) else { return }
        groups[key]?.streams.remove(id)
        if groups[key]?.streams.isEmpty == true { groups[key] = nil }
    }

    /// The keep-alive of a stream is due.
    mutating func ping(_ id: StreamID, at now: Int64) -> Work {
        guard let key = keys[id], let group = groups[key] else { return Work() }
        let age = now - group.goodNanoseconds
        if age > Limits.grace.nanosecondsClamped, group.hasFailed || group.state != .idle {
            return end(key, .unchecked)
        }
        if group.state == .idle, group.hasFailed || age >= Limits.freshness.nanosecondsClamped {
            demand(key)
        }
        return Work(checks: startChecks())
    }

    /// Rights have changed: those concerned are looked at before all that wait for a ping.
    mutating func tell(_ change: RightsChange) -> Work {
        changeCount &+= 1
        for key in groups.keys where change.concerns(key) { demand(key) }
        return Work(checks: startChecks())
    }

    /// A check has ended.
    mutating func finish(
        _ check: Check, _ verdict: StreamRight.Verdict, at now: Int64
    ) -> Work {
        runningCount -= 1
        let key = check.right.key
        guard let group = groups[key], group.serial == check.serial else {
            return Work(checks: startChecks())
        }
        groups[key]?.state = .idle
        var work = Work()
        switch verdict {
        case .ended(let reason): work = end(key, reason)
        case .holds:
            groups[key]?.hasFailed = false
            groups[key]?.goodNanoseconds = now
        case .unknown:
            groups[key]?.hasFailed = true
            if now - group.goodNanoseconds > Limits.grace.nanosecondsClamped {
                work = end(key, .unchecked)
            }
        }
        if group.mustRepeat {
            groups[key]?.mustRepeat = false
            // A repeat after a failure waits for the next ping.
            if verdict == .holds { demand(key) }
        }
        work.checks = startChecks()
        return work
    }

    private mutating func demand(_ key: Key) {
        switch groups[key]?.state {
        case .idle:
            groups[key]?.state = .waiting
            line.append(key)
            if line.count > 2 * groups.count + 1024 { compactLine() }
        case .running: groups[key]?.mustRepeat = true
        case .waiting, nil: break
        }
    }

    /// Drops those whose streams have gone, so that coming and going does not make it long while
    /// checks hang.
    private mutating func compactLine() {
        var seen: Set<Key> = []
        line = line[lineStart...].filter { key in
            groups[key]?.state == .waiting && seen.insert(key).inserted
        }
        lineStart = 0
    }

    private mutating func startChecks() -> [Check] {
        var checks: [Check] = []
        while runningCount < Limits.checksMax, lineStart < line.count {
            let key = line[lineStart]
            lineStart += 1
            // Its streams may have gone meanwhile.
            guard let group = groups[key], group.state == .waiting else { continue }
            groups[key]?.state = .running
            runningCount += 1
            checks.append(Check(right: group.right, serial: group.serial))
        }
        if lineStart == line.count || lineStart > 1024 {
            line.removeFirst(lineStart)
            lineStart = 0
        }
        return checks
    }

    private mutating func end(_ key: Key, _ reason: StreamEnd) -> Work {
        guard let group = groups.removeValue(forKey: key) else { return Work() }
        for id in group.streams { keys[id] = nil }
        return Work(ended: group.streams.sorted(), end: reason)
    }
}
