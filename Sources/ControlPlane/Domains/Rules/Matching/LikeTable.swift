internal import SharedModels

/// Rules for like milestones, by how many likes lie between two of them.
struct LikeTable: Sendable {
    let base: Int
    let audience: Audience
    /// Each distinct distance, ascending.
    private let distances: [Int]
    /// `audience.words` words for each distance.
    private let bits: [UInt64]
    private let none: [UInt64]

    var size: Int { audience.size + 8 * (distances.count + bits.count + none.count) }

    init(_ rules: [Rule], base: Int) {
        self.base = base
        let audience = Audience(rules.map { CompiledConditions($0.conditions) })
        var byDistance: [Int: [Int]] = [:]
        for (place, rule) in rules.enumerated() {
            guard case .likeMilestone(let every) = rule.trigger, every > 0 else { continue }
            byDistance[every, default: []].append(place)
        }
        let distances = byDistance.keys.sorted()
        self.audience = audience
        self.distances = distances
        bits = distances.flatMap {
            RuleBits.bits(of: byDistance[$0] ?? [], words: audience.words)
        }
        none = [UInt64](repeating: 0, count: audience.words)
    }

    /// The least total, above `total`, at which any milestone is passed; nil for none.
    func nextMilestone(after total: Int) -> Int? {
        distances.compactMap { distance in
            let reached = total - total % distance
            let (next, isOverflow) = reached.addingReportingOverflow(distance)
            return isOverflow ? nil : next
        }.min()
    }

    /// Matches the milestones in `before + 1 ... total`; both at least 0.
    func match(
        _ total: Int, from before: Int, of event: borrowing LiveEvent, into matches: inout Matches
    ) {
        guard audience.words > 0 else { return }
        matches.start(with: none)
        for (number, distance) in distances.enumerated() where total / distance > before / distance
        {
            for word in 0..<audience.words {
                matches.bits[word] |= bits[number * audience.words + word]
            }
        }
        matches.finish(event, audience, base: base)
    }
}
