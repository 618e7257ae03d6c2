/// A fixed map from folded texts to positions.
struct TextIndex: Sendable {
    private let hashes: NumberIndex
    /// For each distinct hash, where its texts start in `order`, and one more.
    private let starts: [Int]
    private let order: [Int]
    private let texts: [[UInt8]]

    var count: Int { texts.count }
    var size: Int {
        hashes.size + 8 * (starts.count + order.count) + texts.reduce(0) { $0 + $1.count + 40 }
    }

    /// - Parameter texts: each once; the answer for one is its position in this array.
    init(_ texts: [[UInt8]]) {
        let byHash = Dictionary(grouping: texts.indices) { position in
            texts[position].withUnsafeBufferPointer(Self.hash)
        }
        let numbers = byHash.keys.sorted()
        let groups = numbers.map { byHash[$0] ?? [] }
        self.texts = texts
        hashes = NumberIndex(numbers)
        order = groups.flatMap { $0 }
        starts = groups.reduce(into: [0]) { starts, group in
            starts.append((starts.last ?? 0) + group.count)
        }
    }

    /// The position of a folded text; nil if it is not there.
    func position(of text: UnsafeBufferPointer<UInt8>) -> Int? {
        guard let group = hashes.position(of: Self.hash(text)) else { return nil }
        for place in starts[group]..<starts[group + 1] {
            let position = order[place]
            if texts[position].count == text.count, texts[position].elementsEqual(text) {
                return position
            }
        }
        return nil
    }

    /// FNV-1a (64 bits).
    private static func hash(_ text: UnsafeBufferPointer<UInt8>) -> Int64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in text { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return Int64(bitPattern: hash)
    }
}
