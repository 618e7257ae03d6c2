internal import SharedModels

/// Chance that can be repeated: the nth draw of a rule depends on the seed, the rule and n alone,
/// not on what other rules drew.
enum Chance {
    /// A number from 0 to 999.
    static func permille(seed: UInt64, rule: RuleID, draw: UInt64) -> Int {
        var value = mix(seed &+ 0x9E37_79B9_7F4A_7C15)
        value = mix(value ^ rule.high)
        value = mix(value ^ rule.low)
        value = mix(value ^ draw)
        return Int(truncatingIfNeeded: value.multipliedFullWidth(by: 1000).high)
    }

    /// The finaliser of SplitMix64 (Steele, Lea and Flood 2014).
    private static func mix(_ input: UInt64) -> UInt64 {
        var value = (input ^ (input >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
