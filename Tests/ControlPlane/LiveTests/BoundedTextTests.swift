import Platform
import Testing

@testable import Live

@Suite("BoundedText")
struct BoundedTextTests {
    private func make(_ bytes: [UInt8], _ limit: Int) -> String {
        bytes.withUnsafeBytes { BoundedText.make($0, limit: limit) }
    }

    @Test("cuts before the character that would pass the limit")
    func cuts() {
        #expect(make(Array("abcdef".utf8), 4) == "abcd")
        #expect(make(Array("abcé".utf8), 4) == "abc")
        #expect(make(Array("a👩‍👩‍👧".utf8), 18) == "a")
        #expect(make(Array("a👩‍👩‍👧".utf8), 19) == "a👩‍👩‍👧")
        #expect(make(Array("ae\u{301}".utf8), 2) == "a")
    }

    @Test("cuts one endless character between its scalars")
    func endlessCharacter() {
        let text = "a" + String(repeating: "\u{301}", count: 5_000)
        let cut = make(Array(text.utf8), 64)
        #expect(cut.utf8.count == 63)
        #expect(cut.hasPrefix("a\u{301}".prefix(1)) || cut.unicodeScalars.first == "a")
    }

    @Test("repairs invalid UTF-8 and NUL, and stays within the limit")
    func repairs() {
        #expect(make([0x61, 0xFF, 0x62], 64) == "a\u{FFFD}b")
        #expect(make([0x61, 0x00, 0x62], 64) == "a\u{FFFD}b")
        #expect(make(Array(repeating: 0xFF, count: 64), 64).utf8.count == 63)
        #expect(make([], 8) == "")
        #expect(BoundedText.make("a\0b", limit: 8) == "a\u{FFFD}b")
    }

    @Test("is valid and within the limit for any bytes", arguments: 1...40)
    func anyBytes(seed: UInt64) {
        var chance = SplitMix(seed: seed)
        for _ in 0..<50 {
            let bytes = (0..<chance.below(200)).map { _ in UInt8(truncatingIfNeeded: chance.next())
            }
            let limit = 1 + chance.below(100)
            let text = make(bytes, limit)
            #expect(text.utf8.count <= limit, "seed \(seed)")
            #expect(!text.utf8.contains(0), "seed \(seed)")
        }
    }
}
