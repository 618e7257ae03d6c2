import Glibc
package import Testing

/// Chance that can be repeated: SplitMix64, from a seed.
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    /// What it started from.
    package let seed: UInt64
    private var state: UInt64

    package init(seed: UInt64) {
        self.seed = seed
        state = seed
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }

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
