internal import SharedModels

/// Which rules want, or do not want, the viewer with a certain handle.
struct HandleLists: Sendable {
    private let index: TextIndex
    /// The rules that want only the handles they name, as bits.
    private let choosy: [UInt64]
    /// For each handle, the rules that want it and those that do not.
    private let wanted: [[UInt32]]
    private let unwanted: [[UInt32]]

    var size: Int {
        index.size + 8 * choosy.count
            + (wanted + unwanted).reduce(0) { $0 + $1.count * 4 + 32 }
    }

    /// Nil if no rule looks at handles.
    init?(_ rules: [CompiledConditions.Handles], words: Int) {
        var names: [[UInt8]: (wanted: [UInt32], unwanted: [UInt32])] = [:]
        var choosy: [Int] = []
        var isEmpty = true
        for (place, rule) in rules.enumerated() {
            switch rule {
            case .any: continue
            case .only(let handles):
                choosy.append(place)
                for handle in handles {
                    names[handle, default: ([], [])].wanted.append(UInt32(place))
                }
            case .none(let handles):
                for handle in handles {
                    names[handle, default: ([], [])].unwanted.append(UInt32(place))
                }
            }
            isEmpty = false
        }
        guard !isEmpty else { return nil }
        let handles = Array(names.keys)
        index = TextIndex(handles)
        self.choosy = RuleBits.bits(of: choosy, words: words)
        wanted = handles.map { names[$0]?.wanted ?? [] }
        unwanted = handles.map { names[$0]?.unwanted ?? [] }
    }

    /// Takes out of `bits` the rules that do not want this viewer's handle. Without a viewer,
    /// or with a handle that folds to nothing, only rules without a choice of handles remain.
    func removeUnwanted(
        _ viewer: Viewer?, handle: inout FoldedText, from bits: inout [UInt64]
    ) {
        handle.fold(viewer?.handle ?? "")
        let size = handle.isCut ? 0 : handle.count
        let position = handle.buffer.withUnsafeBufferPointer { bytes in
            size == 0 ? nil : index.position(of: UnsafeBufferPointer(rebasing: bytes[..<size]))
        }
        if let position {
            for rule in unwanted[position] { bits[Int(rule) >> 6] &= ~(1 << UInt64(rule & 63)) }
        }
        var kept = (position.map { wanted[$0] } ?? [])[...]
        for word in 0..<choosy.count {
            var mask = ~choosy[word]
            while let rule = kept.first, Int(rule) >> 6 == word {
                mask |= 1 << UInt64(rule & 63)
                kept = kept.dropFirst()
            }
            bits[word] &= mask
        }
    }
}
