import Glibc
internal import Platform
package import Testing

/// Chance that can be repeated, and knows its seed.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    /// What it started from.
    package let seed: UInt64
    private var numbers: SplitMix

    package init(seed: UInt64) {
        self.seed = seed
        numbers = SplitMix(seed: seed)
    }

    package mutating func next() -> UInt64 { numbers.next() }

    package mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<max(0, count)).map { _ in UInt8(truncatingIfNeeded: next()) }
    }
}

/// Runs a test body once for each of so many seeds. A body that throws is reported with its seed;
/// for `#expect`, put `generator.seed` in the comment. `CUELIGHT_SEED` repeats a single seed.
package func withSeeds(
    _ count: Int, sourceLocation: SourceLocation = #_sourceLocation,
    _ body: (inout SeededGenerator) throws -> Void
) {
    let fixed = getenv("CUELIGHT_SEED").flatMap { UInt64(String(cString: $0)) }
    for _ in 0..<(fixed == nil ? count : 1) {
        var generator = SeededGenerator(seed: fixed ?? UInt64.random(in: .min ... .max))
        do {
            try body(&generator)
        } catch {
            Issue.record(
                "CUELIGHT_SEED=\(generator.seed): \(error)", sourceLocation: sourceLocation)
            return
        }
    }
}
