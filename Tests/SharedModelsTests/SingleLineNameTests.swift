import SharedModels
import Testing

@Suite("names of one line")
struct SingleLineNameTests {
    private func made(_ text: String, max: Int = 60) throws -> String {
        try SingleLineName.make(text, lengthMax: max)
    }

    private func problem(_ text: String, max: Int = 60) -> SingleLineName.Problem? {
        do {
            _ = try SingleLineName.make(text, lengthMax: max)
            return nil
        } catch { return error }
    }

    @Test(
        "names of many scripts stay as they are",
        arguments: [
            "Bühne 1", "舞台", "المسرح", "מסך", "हिन्दी मंच", "ก็ตาม", "Nguyễn", "e\u{301}", "a-b_c (2)",
            "👩‍🚒 Ada", "🏳️‍🌈", "👍🏽", "🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}", "1️⃣",
            "❤️‍🔥", "辻\u{E0100}", "7", "🇩🇪", "می\u{200C}خواهم", "خانه\u{200C}ها", "क्\u{200D}ष",
            "क्\u{200C}ष",
            "ශ්\u{200D}රී",
        ])
    func kept(name: String) throws {
        #expect(Array(try made(name).unicodeScalars) == Array(name.unicodeScalars))
    }

    @Test("spaces around are dropped, and those inside become one")
    func spaces() throws {
        #expect(try made("  Main \u{A0}\u{2003} stage ") == "Main stage")
        #expect(try made("\u{3000}舞台\u{3000}") == "舞台")
    }

    @Test(
        "what cannot be seen is no name",
        arguments: ["", " ", "\u{A0}\u{3000}", "\u{2800}", " \u{2800} "])
    func empty(name: String) {
        #expect(problem(name) == .empty)
    }

    @Test("the limit counts scalars, after the spaces around are dropped")
    func length() throws {
        #expect(try made(" " + String(repeating: "é", count: 5) + " ", max: 5).count == 5)
        #expect(problem("123456", max: 5) == .tooLong(max: 5))
        #expect(problem("a" + String(repeating: "\u{301}", count: 60)) == .tooLong(max: 60))
    }

    @Test(
        "controls and line breaks are refused",
        arguments: [
            "\u{0}", "\t", "\n", "\r", "\u{1B}", "\u{7F}", "\u{85}", "\u{2028}", "\u{2029}",
        ]
            as [Unicode.Scalar])
    func control(scalar: Unicode.Scalar) {
        for text in ["a\(scalar)b", "\(scalar)", "a\(scalar)"] {
            #expect(problem(text) == .control(scalar), "\(text.debugDescription)")
        }
    }

    @Test("a line break of two characters is refused too")
    func newline() {
        #expect(problem("a\r\nb") == .control("\r"))
    }

    @Test(
        "what turns text around is refused",
        arguments: [
            "\u{202A}", "\u{202B}", "\u{202C}", "\u{202D}", "\u{202E}", "\u{2066}", "\u{2067}",
            "\u{2068}", "\u{2069}", "\u{200E}", "\u{200F}", "\u{61C}",
        ] as [Unicode.Scalar])
    func direction(scalar: Unicode.Scalar) {
        #expect(problem("abc\(scalar)def") == .direction(scalar))
    }

    @Test(
        "what draws nothing is refused",
        arguments: [
            "\u{200B}", "\u{200C}", "\u{200D}", "\u{2060}", "\u{FEFF}", "\u{AD}", "\u{34F}",
            "\u{115F}", "\u{3164}", "\u{FFA0}", "\u{180E}", "\u{E0001}", "\u{E0041}", "\u{FFF9}",
            "\u{2063}", "\u{206A}",
        ] as [Unicode.Scalar])
    func invisible(scalar: Unicode.Scalar) {
        #expect(problem("ab\(scalar)cd") == .invisible(scalar))
        #expect(problem("\(scalar)") == .invisible(scalar))
    }

    @Test("a joiner or selector stands only where it joins or selects")
    func joiners() {
        for text in [
            "علی\u{200C}", "علی\u{200C} x", "می\u{200C}\u{200C}خ", "می\u{200C}x", "x\u{200C}می",
        ] {
            #expect(problem(text) == .invisible("\u{200C}"), "\(text.debugDescription)")
        }
        #expect(problem("می\u{200D}خ") == .invisible("\u{200D}"))
        #expect(problem("क\u{200D}ष") == .invisible("\u{200D}"))
        #expect(problem("👩\u{200D}") == .invisible("\u{200D}"))
        #expect(problem("👩\u{200D}x") == .invisible("\u{200D}"))
        #expect(problem("👩\u{200D}1") == .invisible("\u{200D}"))
        #expect(problem("1\u{200D}2") == .invisible("\u{200D}"))
        #expect(problem("\u{FE0F}") == .invisible("\u{FE0F}"))
        #expect(problem("a\u{FE0F}\u{FE0F}") == .invisible("\u{FE0F}"))
    }

    @Test("what has no meaning for everybody is refused")
    func meaningless() {
        #expect(problem("a\u{E000}") == .meaningless("\u{E000}"))
        #expect(problem("a\u{FFFE}") == .meaningless("\u{FFFE}"))
    }

    @Test("a problem says what and which character")
    func description() {
        #expect("\(SingleLineName.Problem.empty)" == "must not be empty or blank")
        #expect(
            "\(SingleLineName.Problem.direction("\u{202E}"))"
                == "must not change the direction of text (U+202E)")
        #expect("\(SingleLineName.Problem.control("\u{0}"))".hasSuffix("(U+0000)"))
    }
}
