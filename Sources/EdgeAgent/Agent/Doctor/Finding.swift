/// One thing that `doctor` looked at.
package struct Finding: Hashable, Sendable {
    package enum Level: String, Hashable, Sendable {
        case good = "ok"
        case note
        case bad = "problem"
    }

    package let level: Level
    /// What was looked at, in a word or two.
    package let subject: String
    package let text: String
    /// What to do; empty if nothing.
    package let advice: String

    package init(_ level: Level, _ subject: String, _ text: String, advice: String = "") {
        self.level = level
        self.subject = subject
        self.text = text
        self.advice = advice
    }

    /// Its lines on a terminal.
    package var lines: String {
        let mark = level.rawValue
        let gap = String(repeating: " ", count: max(1, 9 - mark.count))
        let first = "\(mark)\(gap)\(subject): \(text)\n"
        return advice.isEmpty ? first : first + "         \(advice)\n"
    }
}
