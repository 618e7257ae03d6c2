/// Joins two scalars that are one letter: Hangul letters to a syllable, kana with a voicing mark.
/// So composed and decomposed text fold alike, and half-width kana like full-width.
enum ScalarJoining {
    /// The joined scalar; nil if `last` and `next` do not join.
    /// Hangul arithmetic as in the Unicode Standard, §3.12.
    static func join(_ last: UInt32, _ next: UInt32) -> UInt32? {
        switch next {
        case 0x1161...0x1175:
            guard (0x1100...0x1112).contains(last) else { return nil }
            return 0xAC00 + ((last - 0x1100) * 21 + (next - 0x1161)) * 28
        case 0x11A8...0x11C2:
            guard (0xAC00...0xD7A3).contains(last), (last - 0xAC00) % 28 == 0 else { return nil }
            return last + (next - 0x11A7)
        case 0x3099: return voiced(last)
        case 0x309A: return semiVoiced(last)
        default: return nil
        }
    }

    private static func voiced(_ kana: UInt32) -> UInt32? {
        switch kana {
        case 0x30EF...0x30F2: return kana + 8
        case 0x309D, 0x30FD: return kana + 1
        case 0x3046, 0x30A6: return kana + 0x4E
        default: break
        }
        guard let hiragana = hiragana(kana) else { return nil }
        let isVoiceable =
            switch hiragana {
            case 0x304B...0x3062: hiragana % 2 == 1
            case 0x3064...0x3069: hiragana % 2 == 0
            case 0x306F...0x307D: hiragana % 3 == 0
            default: false
            }
        return isVoiceable ? kana + 1 : nil
    }

    private static func semiVoiced(_ kana: UInt32) -> UInt32? {
        guard let hiragana = hiragana(kana), (0x306F...0x307D).contains(hiragana),
            hiragana % 3 == 0
        else { return nil }
        return kana + 2
    }

    private static func hiragana(_ kana: UInt32) -> UInt32? {
        switch kana {
        case 0x3041...0x3096: kana
        case 0x30A1...0x30F6: kana - 0x60
        default: nil
        }
    }
}
