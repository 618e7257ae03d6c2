/// Finds every keyword that stands in a text, in one pass over its bytes (Aho and Corasick 1975).
///
/// States are numbered breadth first, so the children of a state are neighbours and a state needs
/// only its first child, its label and where to go on failure: 13 bytes. The states near the root,
/// where nearly all of the time is spent, also have a dense row with the next state for each class
/// of bytes, within `rowsSizeMax`.
struct KeywordAutomaton: Sendable {
    /// The most bytes that dense rows take; the root always has one.
    static let rowsSizeMax = 512 * 1024

    /// The class of each byte: one for each byte that stands in a keyword, 0 for all others.
    private(set) var classes = [UInt8](repeating: 0, count: 256)
    /// Dense rows of `stride` cells: where each class leads; the last is the state's keyword chain.
    private(set) var rows: [UInt32] = []
    private(set) var stride = 2
    private(set) var denseCount = 1
    /// For each state and one more: where its children start.
    private(set) var children: [UInt32] = []
    /// The class that leads to each state from its parent.
    private(set) var labels: [UInt8] = []
    /// For each state the one of the longest proper suffix that is a state too.
    private(set) var failures: [UInt32] = []
    /// The longest keyword that ends in each state, plus one; 0 for none.
    private(set) var chains: [UInt32] = []
    /// The next shorter keyword that ends where each keyword ends, plus one; 0 for none.
    private(set) var shorter: [UInt32] = []

    /// In a cell: the state has no row, the rest is its number instead of its row's offset.
    private static let sparseTag: UInt32 = 1 << 30
    /// In a cell: keywords end there.
    private static let hitTag: UInt32 = 1 << 31

    /// Bytes of memory.
    var size: Int {
        256 + 4 * (rows.count + children.count + failures.count + chains.count + shorter.count)
            + labels.count
    }

    /// - Parameter keywords: sorted by their bytes, none twice, none empty.
    init(_ keywords: [[UInt8]]) {
        assignClasses(keywords)
        growTrie(keywords)
        linkFailures()
        fillRows()
    }

    /// Calls `found` with each keyword's number and the offset behind its last byte, longest
    /// first where several end together. `found` answers whether to go on to the shorter ones.
    @inline(__always)
    func scan(
        _ text: UnsafeBufferPointer<UInt8>, _ found: (_ keyword: Int, _ end: Int) -> Bool
    ) {
        let rows = self.rows.span
        let classes = self.classes.span
        var row = 0
        var position = 0
        // Within bounds by construction: there is a class for each byte, each class is less than
        // `stride`, and a cell without tags is the offset of a whole row.
        while position < text.count {
            let label = classes[unchecked: Int(text[position])]
            let cell = rows[unchecked: row &+ Int(label)]
            position &+= 1
            if cell < Self.sparseTag {
                row = Int(cell)
            } else {
                row = leaveFastPath(cell, text, &position, found)
            }
        }
    }

    /// Reports what ends here and walks through states without rows, back to one that has a row.
    @inline(__always)
    private func leaveFastPath(
        _ cell: UInt32, _ text: UnsafeBufferPointer<UInt8>, _ position: inout Int,
        _ found: (_ keyword: Int, _ end: Int) -> Bool
    ) -> Int {
        var cell = cell
        while true {
            let target = Int(cell & ~(Self.sparseTag | Self.hitTag))
            let isSparse = cell & Self.sparseTag != 0
            if cell & Self.hitTag != 0 {
                var chain = isSparse ? chains[target] : rows[target + stride - 1]
                while chain != 0, found(Int(chain) - 1, position) {
                    chain = shorter[Int(chain) - 1]
                }
            }
            guard isSparse else { return target }
            guard position < text.count else { return 0 }
            cell = step(from: target, classes[Int(text[position])])
            position += 1
        }
    }

    /// The cell that a state without a row has for this class.
    private func step(from start: Int, _ label: UInt8) -> UInt32 {
        var state = start
        while state >= denseCount {
            if let child = child(of: state, label) { return cell(for: child) }
            state = Int(failures[state])
        }
        return rows[state * stride + Int(label)]
    }

    private func child(of state: Int, _ label: UInt8) -> Int? {
        for child in Int(children[state])..<Int(children[state + 1]) where labels[child] == label {
            return child
        }
        return nil
    }

    private func cell(for state: Int) -> UInt32 {
        let place = state < denseCount ? UInt32(state * stride) : UInt32(state) | Self.sparseTag
        return chains[state] == 0 ? place : place | Self.hitTag
    }
}

extension KeywordAutomaton {
    private mutating func assignClasses(_ keywords: [[UInt8]]) {
        var isUsed = [Bool](repeating: false, count: 256)
        for keyword in keywords { for byte in keyword { isUsed[Int(byte)] = true } }
        var count = 1
        for byte in 0..<256 where isUsed[byte] {
            classes[byte] = UInt8(truncatingIfNeeded: count)
            count += 1
        }
        stride = count + 1
    }

    /// Numbers the states breadth first: each is a range of the sorted keywords that share
    /// their first bytes.
    private mutating func growTrie(_ keywords: [[UInt8]]) {
        struct Span {
            var low: Int
            var high: Int
            var depth: Int
        }
        var spans = [Span(low: 0, high: keywords.count, depth: 0)]
        labels = [0]
        chains = [0]
        shorter = [UInt32](repeating: 0, count: keywords.count)
        var state = 0
        while state < spans.count {
            let span = spans[state]
            children.append(UInt32(spans.count))
            var low = span.low
            if low < span.high, keywords[low].count == span.depth, span.depth > 0 {
                chains[state] = UInt32(low) + 1
                low += 1
            }
            while low < span.high {
                let byte = keywords[low][span.depth]
                var high = low + 1
                while high < span.high, keywords[high][span.depth] == byte { high += 1 }
                spans.append(Span(low: low, high: high, depth: span.depth + 1))
                labels.append(classes[Int(byte)])
                chains.append(0)
                low = high
            }
            state += 1
        }
        children.append(UInt32(spans.count))
    }

    /// Parents come before children, so each failure is known when it is needed.
    private mutating func linkFailures() {
        failures = [UInt32](repeating: 0, count: labels.count)
        for state in 0..<labels.count {
            for next in Int(children[state])..<Int(children[state + 1]) {
                if state > 0 { failures[next] = failure(below: state, labels[next]) }
                let inherited = chains[Int(failures[next])]
                if chains[next] == 0 {
                    chains[next] = inherited
                } else {
                    shorter[Int(chains[next]) - 1] = inherited
                }
            }
        }
    }

    private func failure(below parent: Int, _ label: UInt8) -> UInt32 {
        var state = parent
        while state > 0 {
            state = Int(failures[state])
            if let next = child(of: state, label) { return UInt32(next) }
        }
        return 0
    }

    private mutating func fillRows() {
        let rowSize = stride * MemoryLayout<UInt32>.size
        denseCount = max(1, min(labels.count, Self.rowsSizeMax / rowSize))
        rows = [UInt32](repeating: 0, count: denseCount * stride)
        for state in 0..<denseCount {
            let row = state * stride
            if state > 0 {
                let fallback = Int(failures[state]) * stride
                for label in 0..<stride - 1 { rows[row + label] = rows[fallback + label] }
            }
            for next in Int(children[state])..<Int(children[state + 1]) {
                rows[row + Int(labels[next])] = cell(for: next)
            }
            rows[row + stride - 1] = chains[state]
        }
    }
}
