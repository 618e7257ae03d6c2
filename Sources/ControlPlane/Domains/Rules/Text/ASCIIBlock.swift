/// Eight ASCII bytes at once in one word, the first in the lowest bits. Each test sets the high
/// bit of the bytes that pass; no byte may have its own high bit set.
enum ASCIIBlock {
    static let ones: UInt64 = 0x0101_0101_0101_0101
    static let highBits: UInt64 = 0x8080_8080_8080_8080

    /// Bytes that are a space.
    @inline(__always)
    static func spaces(in block: UInt64) -> UInt64 {
        ~((block ^ (0x20 &* ones)) &+ (0x7F &* ones)) & highBits
    }

    /// Control characters, delete among them.
    @inline(__always)
    static func unprintable(in block: UInt64) -> UInt64 {
        (~(block &+ (0x60 &* ones)) | (block &+ ones)) & highBits
    }

    /// Bytes from `A` to `Z`.
    @inline(__always)
    static func capitals(in block: UInt64) -> UInt64 {
        (block &+ (0x3F &* ones)) & ~(block &+ (0x25 &* ones)) & highBits
    }
}
