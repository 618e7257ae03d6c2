import Foundation
import Testing

@testable import Rules

@Suite("Folded text")
struct FoldedTextTests {
    private func fold(_ text: String) -> String { FoldedText(text).string }

    @Test(
        "folds what people do not mean",
        arguments: [
            ("Hello World", "hello world"), ("  Hello \t\n  World  ", "hello world"), ("", ""),
            (" ", ""), ("ABCDEFG", "abcdefg"), ("ABCDEFGH", "abcdefgh"), ("a  b", "a b"),
            ("THE QUICK BROWN FOX JUMPS", "the quick brown fox jumps"),
            ("A [B] `C` @D ~", "a [b] `c` @d ~"),
            ("Café CAFE\u{301}", "cafe cafe"), ("Tiếng Việt ĐƯỜNG", "tieng viet duong"),
            ("Øl Łódź", "ol lodz"), ("Straße STRAẞE", "strasse strasse"),
            ("ﬁne oﬃce", "fine office"),
            ("Ёлка Й", "елка и"), ("ΟΔΟΣ οδός", "οδοσ οδοσ"), ("İI ıi", "ii ii"),
            ("ＧＯ！　ｇｏ", "go! go"), ("𝓗𝓮𝓵𝓵𝓸 𝟙𝟚", "hello 12"), ("Ⓗⓘ 🅗🅘 ² ①", "hi hi 2 1"),
            ("ｶﾞｷﾞﾊﾟ", "ガギパ"), ("か\u{3099}は\u{309A}", "がぱ"), ("はば", "はば"),
            ("\u{1112}\u{1161}\u{11AB}\u{1100}\u{1173}\u{11AF}", "한글"), ("한글", "한글"),
            ("👍🏽👍", "👍👍"), ("❤️❤", "❤❤"), ("a\u{200B}b\u{AD}c\u{202E}d\u{0}e\u{7F}", "abcde"),
            ("คน", "คน"), ("น\u{E49}ำ", "น\u{E49}ำ"), ("कि", "कि"), ("أحمد مُحَمَّد", "احمد محمد"),
            ("\u{301}\u{302}", ""), ("\u{FEFF}", ""), ("打我\u{3000}你", "打我 你"), ("１２３", "123"),
        ])
    func folds(text: String, expected: String) {
        #expect(Array(fold(text).unicodeScalars) == Array(expected.unicodeScalars))
    }

    @Test("text that is canonically the same folds the same, for every letter with an accent")
    func foldsDecomposedText() {
        var tried = 0
        let ranges: [ClosedRange<UInt32>] = [
            0xC0...0x52F, 0x1E00...0x1FFF, 0x212A...0x212B, 0x3040...0x30FF, 0xAC00...0xD7A3,
        ]
        for value in ranges.joined() {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let whole = String(scalar)
            let parts = whole.decomposedStringWithCanonicalMapping
            tried += whole.unicodeScalars.elementsEqual(parts.unicodeScalars) ? 0 : 1
            #expect(
                FoldedText(whole).bytes == FoldedText(parts).bytes, "U+\(String(value, radix: 16))")
        }
        #expect(tried > 12_000)
    }

    @Test("capital and small letters fold the same")
    func foldsCase() {
        for value in UInt32(0)...0x1FFFF {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let small = scalar.properties.lowercaseMapping
            #expect(
                FoldedText(String(scalar)).bytes == FoldedText(small).bytes,
                "U+\(String(value, radix: 16))")
        }
    }

    @Test("no scalar grows to more than twice its size, and folding twice changes nothing")
    func staysSmallAndStable() {
        var text = FoldedText()
        var again = FoldedText()
        for value in UInt32(0)...0x10FFFF {
            guard let scalar = Unicode.Scalar(value) else { continue }
            text.fold(String(scalar))
            again.fold(text.string)
            let size = UTF8.width(scalar)
            let isFine =
                text.count <= 2 * size && again.count == text.count && again.bytes == text.bytes
            if !isFine { Issue.record("U+\(String(value, radix: 16)) folds to \(text.bytes)") }
        }
    }

    @Test("random text folds by blocks as it does scalar by scalar")
    func foldsBlocksAsScalars() {
        var dice = Dice(seed: 11)
        let pieces =
            (0..<128).map { String(Unicode.Scalar(UInt8($0))) } + ["é", "打", " ", " ", "  "]
        var reused = FoldedText()
        for _ in 0..<20_000 {
            let text = (0..<dice.below(40)).map { _ in
                dice.chance(97) ? pieces[0x20 + dice.below(0x5F)] : dice.pick(pieces)
            }.joined()
            reused.fold(text)
            // A soft hyphen in front folds to nothing and keeps the text off the fast path.
            #expect(reused.bytes == FoldedText("\u{AD}" + text).bytes, "\(text.debugDescription)")
        }
    }

    @Test("beyond the limit text is cut between scalars")
    func cutsLongText() {
        let text = FoldedText(String(repeating: "打", count: 5000))
        #expect(text.isCut)
        #expect(text.string == String(repeating: "打", count: FoldedText.inputSizeMax / 3))
        #expect(
            FoldedText(String(repeating: "A", count: 1_000_000)).count == FoldedText.inputSizeMax)
    }

    @Test("malformed bytes read as replacement characters and never beyond the end")
    func readsMalformedBytes() {
        var dice = Dice(seed: 3)
        for _ in 0..<5000 {
            let bytes = (0..<dice.below(12)).map { _ in UInt8(truncatingIfNeeded: dice.next()) }
            bytes.withUnsafeBufferPointer { buffer in
                var position = 0
                var scalars = 0
                while UTF8Reader.next(buffer, &position) != nil { scalars += 1 }
                #expect(position == bytes.count && scalars <= bytes.count)
                for end in -1...bytes.count + 1 {
                    _ = UTF8Reader.scalar(before: end, in: buffer)
                    _ = UTF8Reader.scalar(at: end, in: buffer)
                }
            }
        }
    }
}
