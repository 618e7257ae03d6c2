internal import SharedModels

/// Rules for happenings that carry nothing to compare: follow, share, join, subscribe.
struct PlainTable: Sendable {
    /// The place of the table's first rule in `RuleSet.rules`.
    let base: Int
    let audience: Audience
    private let all: [UInt64]

    var size: Int { audience.size + 8 * all.count }

    init(_ rules: [Rule], base: Int) {
        self.base = base
        audience = Audience(rules.map { CompiledConditions($0.conditions) })
        all = RuleBits.bits(of: Array(rules.indices), words: audience.words)
    }

    @inline(__always)
    func match(_ event: borrowing LiveEvent, into matches: inout Matches) {
        guard audience.words > 0 else { return }
        matches.start(with: all)
        matches.finish(event, audience, base: base)
    }
}
