package import SharedModels
internal import Synchronization

/// Makes identifiers (UUID version 7) from an injected clock and chance. Any thread.
///
/// Each is greater than the one before it, also within one millisecond, so what one process made
/// sorts in the order of its making (RFC 9562 §6.2, method 2: within a millisecond the random part
/// grows by a random step). A clock that goes back by less than `Limits.stepBack` is waited for; one
/// that goes back further is followed.
package final class IDGenerator: Sendable {
    package enum Limits {
        /// In milliseconds.
        package static let stepBack: Int64 = 10_000
    }

    fileprivate struct Source {
        var chance: any RandomNumberGenerator & Sendable
        /// The millisecond and the 74 random bits of the last one.
        var time: Int64 = .min
        var high: UInt64 = 0
        var low: UInt64 = 0
    }

    private let unixMilliseconds: @Sendable () -> Int64
    private let source: Mutex<Source>

    /// - Parameters:
    ///   - unixMilliseconds: the wall clock, by which identifiers sort.
    ///   - chance: by default the kernel's randomness, which nobody can guess.
    package init(
        unixMilliseconds: @escaping @Sendable () -> Int64 = { SystemTime.unixMilliseconds },
        chance: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) {
        self.unixMilliseconds = unixMilliseconds
        source = Mutex(Source(chance: chance))
    }

    /// A new identifier of the kind that the context asks for.
    package func next<Entity>(_: Entity.Type = Entity.self) -> Identifier<Entity> {
        source.withLock { source in
            source.advance(now: unixMilliseconds())
            var words = Words(first: source.high, second: source.low)
            return Identifier(unixMilliseconds: source.time, using: &words)
        }
    }

    /// Two words drawn in advance.
    private struct Words: RandomNumberGenerator {
        let first: UInt64
        let second: UInt64
        var isUsed = false

        mutating func next() -> UInt64 {
            defer { isUsed = true }
            return isUsed ? second : first
        }
    }
}

extension IDGenerator.Source {
    fileprivate static let highMask: UInt64 = 0x0FFF

    fileprivate mutating func advance(now: Int64) {
        let (behind, isFar) = time.subtractingReportingOverflow(now)
        guard !isFar, behind >= 0, behind < IDGenerator.Limits.stepBack else {
            return draw(at: now)
        }
        // The identifier keeps the upper 62 bits of `low`: the step is in its unit, 4.
        let step = (chance.next() >> 32 | 1) << 2
        let (sum, isOver) = low.addingReportingOverflow(step)
        low = sum
        guard isOver else { return }
        if high < Self.highMask { high += 1 } else { draw(at: time &+ 1) }
    }

    private mutating func draw(at time: Int64) {
        self.time = time
        high = chance.next() & Self.highMask
        low = chance.next()
    }
}
