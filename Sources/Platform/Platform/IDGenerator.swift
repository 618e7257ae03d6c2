package import SharedModels
internal import Synchronization

/// Makes identifiers (UUID version 7) from an injected clock and chance. Any thread.
package final class IDGenerator: Sendable {
    private struct Source {
        var chance: any RandomNumberGenerator & Sendable
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
        let now = unixMilliseconds()
        return source.withLock { Self.make(now, &$0.chance) }
    }

    private static func make<Entity>(
        _ now: Int64, _ chance: inout any RandomNumberGenerator & Sendable
    ) -> Identifier<Entity> {
        var words = (chance.next() as UInt64, chance.next() as UInt64)
        return withUnsafeMutablePointer(to: &words) { words in
            var generator = Words(first: words.pointee.0, second: words.pointee.1)
            return Identifier(unixMilliseconds: now, using: &generator)
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
