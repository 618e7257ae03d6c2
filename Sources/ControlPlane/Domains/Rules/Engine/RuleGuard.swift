internal import SharedModels

/// What one rule has done so far in a livestream, and its limits in the units of the engine.
struct RuleGuard: Sendable {
    /// Nanoseconds.
    let cooldown: Int64
    let viewerCooldown: Int64
    let chancePermille: Int
    let deadline: Duration

    /// When the rule last made a cue; nil for never.
    var lastCue: Int64?
    /// Whether the input is beyond the rule's threshold; nil before its first value.
    var isBeyond: Bool?
    /// How often it drew for its chance.
    var draws: UInt64 = 0

    private static let dayMilliseconds = 86_400_000

    /// Values out of their range count as the nearest bound.
    init(_ guards: Guards) {
        func nanoseconds(_ milliseconds: Int) -> Int64 {
            Int64(min(max(milliseconds, 0), Self.dayMilliseconds)) * 1_000_000
        }
        cooldown = nanoseconds(guards.cooldownMilliseconds)
        viewerCooldown = nanoseconds(guards.viewerCooldownMilliseconds)
        chancePermille = min(max(guards.chancePermille, 1), 1000)
        deadline = .milliseconds(min(max(guards.deadlineMilliseconds, 100), 60_000))
    }

    /// Takes a value of the input whose threshold the rule watches. The first value is where it
    /// begins: what was there before anybody looked is no crossing.
    mutating func pass(_ value: Int, _ condition: InputCondition) {
        if condition.isMet(by: value) {
            isBeyond = true
        } else if condition.isCleared(by: value) || isBeyond == nil {
            isBeyond = false
        }
    }

    /// Whether `pause` has passed since `last`. A clock that runs backwards has not passed it.
    static func hasPassed(_ pause: Int64, since last: Int64?, at now: Int64) -> Bool {
        guard let last, pause > 0 else { return true }
        let (elapsed, isOverflow) = now.subtractingReportingOverflow(last)
        return isOverflow ? now > last : elapsed >= pause
    }
}
