/// The configuration file's form: sections and keys, a line each.
///
/// ```
/// # A comment.
/// [http]
/// address = 127.0.0.1:8080   # another one
/// title = "spaces and # are kept in quotes"
/// origins = https://one.example, https://two.example
/// ```
///
/// Section and key names are `a-z`, `0-9` and `_`. A value runs to the end of the line or to
/// white space and `#`; in double quotes it may hold anything but a line end, with `\"` and
/// `\\`.
struct ConfigText {
    struct Entry {
        let value: String
        let line: Int
    }

    /// Bytes; a longer file is not read.
    static let sizeMax = 1 << 20

    private(set) var entries: [String: Entry] = [:]
    private(set) var problems: [ConfigProblem] = []

    init(_ text: String) {
        var section: String?
        let lines = text.split(omittingEmptySubsequences: false) { $0.isNewline }
        for (index, line) in lines.enumerated() {
            let content = Self.trim(line)
            if content.isEmpty || content.hasPrefix("#") || content.hasPrefix(";") { continue }
            if content.hasPrefix("[") {
                section = readSection(content, line: index + 1) ?? section
            } else {
                readEntry(content, section, line: index + 1)
            }
        }
    }

    static func isName(_ text: some StringProtocol) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                    UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }

    static func trim(_ text: some StringProtocol) -> String {
        let isSpace = { (character: Character) in character == " " || character == "\t" }
        var kept = Substring(text).drop(while: isSpace)
        while let last = kept.last, isSpace(last) { kept.removeLast() }
        return String(kept)
    }

    private mutating func readSection(_ content: String, line: Int) -> String? {
        let body = Self.withoutComment(content)
        let name = Self.trim(body.dropFirst().dropLast())
        guard body.hasSuffix("]"), Self.isName(name) else {
            note(content, "expected a section as [name], of a-z, 0-9 and _", line)
            return nil
        }
        return name
    }

    private mutating func readEntry(_ content: String, _ section: String?, line: Int) {
        guard let equals = content.firstIndex(of: "=") else {
            return note(content, "expected key = value", line)
        }
        let name = Self.trim(content[..<equals])
        guard Self.isName(name) else {
            return note(name, "a key has only a-z, 0-9 and _", line)
        }
        guard let section else { return note(name, "stands before the first [section]", line) }
        let key = "\(section).\(name)"
        let raw = Self.trim(content[content.index(after: equals)...])
        guard let value = raw.hasPrefix("\"") ? Self.unquote(raw) : Self.withoutComment(raw)
        else { return note(key, "the quotes are not closed, or something follows them", line) }
        if let first = entries[key] {
            return note(key, "was already set on line \(first.line)", line)
        }
        entries[key] = Entry(value: value, line: line)
    }

    private mutating func note(_ key: String, _ problem: String, _ line: Int) {
        problems.append(ConfigProblem(key: String(key.prefix(80)), problem: problem, line: line))
    }

    private static func withoutComment(_ text: String) -> String {
        var previous: Character = " "
        for index in text.indices {
            if text[index] == "#" && (previous == " " || previous == "\t") {
                return trim(text[..<index])
            }
            previous = text[index]
        }
        return text
    }

    /// The text in quotes; nil if they are not closed or more than a comment follows.
    private static func unquote(_ text: String) -> String? {
        var value = ""
        var isEscaped = false
        for index in text.indices.dropFirst() {
            let character = text[index]
            if isEscaped {
                guard character == "\"" || character == "\\" else { return nil }
                value.append(character)
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else if character == "\"" {
                let rest = trim(text[text.index(after: index)...])
                return rest.isEmpty || rest.hasPrefix("#") ? value : nil
            } else {
                value.append(character)
            }
        }
        return nil
    }
}
