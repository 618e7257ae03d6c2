/// A fixed map from 64-bit numbers to positions: open addressing, at most half full.
struct NumberIndex: Sendable {
    private var keys: [Int64]
    /// The position plus one; 0 for an empty place.
    private var places: [UInt32]
    private let shift: UInt64

    var size: Int { keys.count * 12 }

    /// - Parameter numbers: each once; the answer for one is its position in this array.
    init(_ numbers: [Int64]) {
        var bits: UInt64 = 1
        while 1 << bits < numbers.count * 2 { bits += 1 }
        shift = 64 - bits
        keys = [Int64](repeating: 0, count: 1 << bits)
        places = [UInt32](repeating: 0, count: 1 << bits)
        for (position, number) in numbers.enumerated() {
            var place = start(number)
            while places[place] != 0 { place = (place + 1) & (places.count - 1) }
            keys[place] = number
            places[place] = UInt32(position) + 1
        }
    }

    @inline(__always)
    func position(of number: Int64) -> Int? {
        var place = start(number)
        while places[place] != 0 {
            if keys[place] == number { return Int(places[place]) - 1 }
            place = (place + 1) & (places.count - 1)
        }
        return nil
    }

    /// Multiplicative hashing by 2⁶⁴ divided by the golden ratio.
    @inline(__always)
    private func start(_ number: Int64) -> Int {
        Int(truncatingIfNeeded: (UInt64(bitPattern: number) &* 0x9E37_79B9_7F4A_7C15) >> shift)
    }
}
