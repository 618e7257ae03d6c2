/// The one rule for names and titles that people give to things and that others read in the middle
/// of a line: workspaces, agents, devices, rules, livestreams, and people's shown names. A name
/// must not be empty to the eye, nor change how the text around it is drawn.
///
/// White space around it is dropped, any run of it inside becomes one space. Accents are kept as
/// they came: Swift compares composed and decomposed letters as the same.
package enum SingleLineName {
    /// Why a text will not do.
    package enum Problem: Error, Hashable, Sendable, CustomStringConvertible {
        /// Nothing is left that could be seen.
        case empty
        /// More Unicode scalars than `max`.
        case tooLong(max: Int)
        /// A line break, a tab or another control character.
        case control(Unicode.Scalar)
        /// It changes the direction of the text around it.
        case direction(Unicode.Scalar)
        /// It draws nothing: a zero-width or filling character.
        case invisible(Unicode.Scalar)
        /// It means nothing that everybody could read: private use, or not a character.
        case meaningless(Unicode.Scalar)

        /// A phrase that follows the field's name.
        package var description: String {
            switch self {
            case .empty: "must not be empty or blank"
            case .tooLong(let max): "must be at most \(max) characters"
            case .control(let scalar):
                "must be one line without control characters (\(Self.code(scalar)))"
            case .direction(let scalar):
                "must not change the direction of text (\(Self.code(scalar)))"
            case .invisible(let scalar):
                "must not hold invisible characters (\(Self.code(scalar)))"
            case .meaningless(let scalar):
                "must not hold characters without a meaning (\(Self.code(scalar)))"
            }
        }

        private static func code(_ scalar: Unicode.Scalar) -> String {
            let digits = String(scalar.value, radix: 16, uppercase: true)
            return "U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
        }
    }

    /// The name as it is kept.
    /// - Parameter lengthMax: in Unicode scalars, as PostgreSQL and JSON Schema count.
    package static func make(_ text: String, lengthMax: Int) throws(Problem) -> String {
        var name = String.UnicodeScalarView()
        var isVisible = false
        let characters = Array(text)
        for (place, character) in characters.enumerated() {
            if character.unicodeScalars.allSatisfy(isSpace) {
                if let last = name.last, last != " " { name.append(" ") }
                continue
            }
            let next = place + 1 < characters.count ? characters[place + 1] : nil
            try check(character, before: next?.unicodeScalars.first)
            name.append(contentsOf: character.unicodeScalars)
            // A Braille cell without dots looks like a space.
            isVisible = isVisible || character != "\u{2800}"
        }
        if name.last == " " { name.removeLast() }
        guard isVisible else { throw .empty }
        guard name.count <= lengthMax else { throw .tooLong(max: lengthMax) }
        return String(name)
    }

    /// Spaces of any width; not tabs and line breaks, which are controls and separators.
    private static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.generalCategory == .spaceSeparator
    }

    private static func check(
        _ character: Character, before next: Unicode.Scalar?
    ) throws(Problem) {
        let scalars = Array(character.unicodeScalars)
        let isEmoji = scalars[0].properties.isEmoji && scalars[0].value > 0x7F
        for (place, scalar) in scalars.enumerated() {
            try checkKind(scalar)
            guard scalar.properties.isDefaultIgnorableCodePoint || isFormat(scalar) else {
                continue
            }
            let before = place > 0 ? scalars[place - 1] : nil
            let after = place + 1 < scalars.count ? scalars[place + 1] : nil
            // One that does not join stands at the end of its character.
            guard
                joins(scalar, before: before, after: after, inEmoji: isEmoji)
                    || isZeroWidthNonJoiner(scalar, before, after ?? next)
            else {
                throw .invisible(scalar)
            }
        }
    }

    private static func checkKind(_ scalar: Unicode.Scalar) throws(Problem) {
        if scalar.properties.isBidiControl { throw .direction(scalar) }
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: throw .control(scalar)
        case .privateUse: throw .meaningless(scalar)
        case .unassigned where scalar.properties.isNoncharacterCodePoint:
            throw .meaningless(scalar)
        default: break
        }
    }

    private static func isFormat(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.generalCategory == .format
    }

    /// Whether a scalar that draws nothing belongs where it stands: a variation selector after
    /// what it varies; a joiner between two emoji, or after a virama (RFC 5892, A.2); the tags of an
    /// emoji flag.
    private static func joins(
        _ scalar: Unicode.Scalar, before: Unicode.Scalar?, after: Unicode.Scalar?, inEmoji: Bool
    ) -> Bool {
        guard let before else { return false }
        switch scalar.value {
        case 0xFE00...0xFE0F, 0xE0100...0xE01EF: return !before.properties.isVariationSelector
        case 0x200D: return isVirama(before) || inEmoji && after?.properties.isEmoji ?? false
        case 0xE0020...0xE007F:
            return before.value == 0x1F3F4 || (0xE0020...0xE007E).contains(before.value)
        default: return false
        }
    }

    /// Whether a scalar is the one that keeps two letters apart, where Persian and the scripts of
    /// India are not written rightly without it (RFC 5892, A.1).
    private static func isZeroWidthNonJoiner(
        _ scalar: Unicode.Scalar, _ before: Unicode.Scalar?, _ after: Unicode.Scalar?
    ) -> Bool {
        guard scalar.value == 0x200C, let before else { return false }
        return isVirama(before) || isArabic(before) && after.map(isArabic) ?? false
    }

    /// The sign that takes a consonant's vowel, before which and after which letters may join.
    private static func isVirama(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.canonicalCombiningClass == .virama
    }

    /// A letter of the Arabic script, or a mark on one.
    private static func isArabic(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x0620...0x065F, 0x066E...0x06D3, 0x06D5...0x06DC, 0x06FA...0x06FC, 0x0750...0x077F,
            0x08A0...0x08C9:
            return true
        default: return false
        }
    }
}
