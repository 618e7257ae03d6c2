/// How many likes a livestream has, as the rules saw it. The first total is where counting
/// begins: whoever connects at 10,000 likes passes no milestone by connecting.
package struct LikeMeter: Hashable, Sendable {
    /// The highest total so far; nil before the first.
    package private(set) var total: Int?
    /// The next total at which a rule may match; at most this, so a look is never missed.
    var next = 0

    package init() {}

    /// Takes a new total; nil if it passes nothing, else the total before.
    @inline(__always)
    mutating func advance(to newTotal: Int) -> Int? {
        let before = total
        total = max(before ?? 0, newTotal)
        guard let before, newTotal > before, newTotal >= next else { return nil }
        return before
    }

    /// Takes likes that make no cue: from before a restart, or history.
    mutating func skip(to total: Int) { self.total = max(self.total ?? 0, total) }

    /// How many multiples of `distance` lie above `before`, up to `total`.
    static func passed(every distance: Int, from before: Int, to total: Int) -> Int {
        distance > 0 ? total / distance - before / distance : 0
    }
}
