internal import CSodium

/// The kernel's randomness (getrandom), for keys, tokens and identifiers. Code that decides by
/// chance takes a generator instead, so that a test can repeat it.
package struct SecureRandom: RandomNumberGenerator, Sendable {
    package init() {}

    package mutating func next() -> UInt64 {
        var value: UInt64 = 0
        withUnsafeMutableBytes(of: &value) { bytes in
            bytes.withMemoryRebound(to: UInt8.self) { bytes in
                if let base = bytes.baseAddress { cue_random(base, bytes.count) }
            }
        }
        return value
    }

    /// So many random bytes; none if `count` is not positive.
    package static func bytes(_ count: Int) -> [UInt8] {
        guard count > 0 else { return [] }
        return filledBytes(count) { cue_random($0, count) }
    }
}

/// Whether two byte sequences are equal, in a time that tells nothing but whether their sizes
/// are: for codes, tokens and digests that somebody may guess at.
package func constantTimeEquals(
    _ left: some Collection<UInt8>, _ right: some Collection<UInt8>
) -> Bool {
    left.withBytePointer { left, leftSize in
        right.withBytePointer { right, rightSize in
            leftSize == rightSize && cue_equals(left, right, leftSize) == 1
        }
    }
}
