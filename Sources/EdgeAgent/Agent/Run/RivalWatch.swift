/// Notices another agent with the same identity, such as a copied state folder: the broker lets
/// the newer connection win, so both end again and again soon after they began. A pure value.
package struct RivalWatch: Hashable, Sendable {
    package enum Limits {
        /// A connection that ends sooner is a short one.
        package static let shortNanoseconds: Int64 = 5_000_000_000
        /// So many short ones in a row are no accident.
        package static let shortMax = 3
    }

    private var connectedNanoseconds: Int64?
    private var shortCount = 0

    package init() {}

    /// Whether the last connections ended as if somebody else took them over.
    package var isSuspicious: Bool { shortCount >= Limits.shortMax }

    package mutating func connected(atNanoseconds now: Int64) { connectedNanoseconds = now }

    /// The connection ended. Answers whether suspicion has just begun.
    package mutating func lost(atNanoseconds now: Int64) -> Bool {
        guard let start = connectedNanoseconds else { return false }
        connectedNanoseconds = nil
        shortCount = now - start < Limits.shortNanoseconds ? shortCount + 1 : 0
        return shortCount == Limits.shortMax
    }

    /// What people are told.
    package static let advice =
        "the broker ends each connection soon after it began: another agent probably runs with "
        + "the same identity; stop it, or revoke this agent and pair both anew"
}
