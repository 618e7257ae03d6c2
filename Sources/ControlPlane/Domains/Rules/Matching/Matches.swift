internal import SharedModels

/// The rules that one live event matched, and the memory that matching uses. Keep one for each
/// livestream and hand it in again: then matching allocates nothing.
package struct Matches: Sendable {
    /// How many rules matched.
    package internal(set) var count = 0
    /// The places in `RuleSet.rules`, the first `count` of them valid.
    var hits: [UInt32] = []
    /// A bit for each rule of the table being asked.
    var bits: [UInt64] = []
    var text = FoldedText()
    var handle = FoldedText()

    package init() {}

    /// The place in `RuleSet.rules` of the match at `index`: highest priority first, then by id.
    package subscript(index: Int) -> Int {
        precondition(index < count)
        return Int(hits[index])
    }

    /// Makes room for a table of this many words.
    @inline(__always)
    mutating func reserve(_ words: Int) {
        if bits.count < words {
            bits = [UInt64](repeating: 0, count: words)
            hits = [UInt32](repeating: 0, count: words << 6 + RuleBits.slack)
        }
    }

    /// Sets the bits to those of `source`.
    @inline(__always)
    mutating func start(with source: [UInt64]) {
        reserve(source.count)
        var bits = bits.mutableSpan
        let source = source.span
        for word in 0..<source.count { bits[unchecked: word] = source[unchecked: word] }
    }

    /// Keeps of the bits what `audience` lets pass, and lists it.
    @inline(__always)
    mutating func finish(
        _ event: borrowing LiveEvent, _ audience: borrowing Audience, base: Int
    ) {
        if audience.looksAtHandles {
            audience.removeUnwanted(event.viewer, handle: &handle, from: &bits)
        }
        let row = audience.row(roles: event.viewer?.roles ?? [], source: event.source)
        count = Self.list(bits, audience, row, base: base, into: &hits)
    }

    private static func list(
        _ bits: [UInt64], _ audience: borrowing Audience, _ row: Range<Int>, base: Int,
        into hits: inout [UInt32]
    ) -> Int {
        var hits = hits.mutableSpan
        return RuleBits.list(
            bits.span.extracting(0..<audience.words), and: audience.rows.span.extracting(row),
            base: base, into: &hits)
    }
}
