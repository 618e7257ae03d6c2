/// When the next attempt to connect may start: at once while all is well, later and later, with
/// jitter, while attempts fail. Pure; times are monotonic nanoseconds.
struct Backoff {
    private let delayMin: Int64
    private let delayMax: Int64
    private(set) var failures = 0
    private(set) var nextAttempt: Int64 = 0
    private var lastFailure: Int64 = .min

    init(delayMin: Int64, delayMax: Int64) {
        self.delayMin = max(1, delayMin)
        self.delayMax = max(max(1, delayMin), delayMax)
    }

    mutating func succeeded() {
        failures = 0
        nextAttempt = 0
    }

    /// - Parameter start: when the attempt started; attempts that ran side by side count once.
    mutating func failed(
        startedAt start: Int64, now: Int64, using generator: inout some RandomNumberGenerator
    ) {
        guard start >= lastFailure else { return }
        lastFailure = now
        failures += 1
        var ceiling = delayMin
        for _ in 1..<min(failures, 32) where ceiling < delayMax {
            ceiling = min(delayMax, ceiling &* 2)
        }
        nextAttempt = now &+ Int64.random(in: ceiling / 2...ceiling, using: &generator)
    }
}
