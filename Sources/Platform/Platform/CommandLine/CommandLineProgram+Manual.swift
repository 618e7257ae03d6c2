extension CommandLineProgram {
    /// Prose of a manual page that the declaration does not say: a heading and its paragraphs.
    /// A line of a paragraph that begins with four spaces stands as it is.
    package struct ManualSection: Sendable {
        package let title: String
        package let paragraphs: [String]

        package init(_ title: String, _ paragraphs: [String]) {
            self.title = title
            self.paragraphs = paragraphs
        }
    }

    /// The manual page in man(7): what help says, for all commands, and `sections` behind it.
    /// - Parameters:
    ///   - section: of the manual, such as 8.
    ///   - date: of the release, `2026-11-20`.
    package func manual(section: Int, date: String, sections: [ManualSection]) -> String {
        var page = """
            .TH \(Self.troff(name.uppercased())) \(section) \(date) "Cuelight \(version)" "Cuelight"
            .SH NAME
            \(Self.troff(name)) \\- \(Self.troff(about))
            .SH SYNOPSIS
            .B \(Self.troff(name))
            .I COMMAND
            .RI [ FLAGS ]
            .SH COMMANDS

            """
        for command in commands { page += manual(of: command) }
        for section in sections {
            page += ".SH \(Self.troff(section.title.uppercased()))\n"
            page += section.paragraphs.map(Self.paragraph).joined(separator: ".PP\n")
        }
        if !notes.isEmpty {
            page += ".SH NOTES\n"
            let paragraphs = Self.paragraphs(of: notes)
            page += paragraphs.map(Self.paragraph).joined(separator: ".PP\n")
        }
        return page
    }

    private func manual(of command: Command) -> String {
        var page = ".SS \(Self.troff(usage(of: command)))\n\(Self.paragraph(command.long))"
        let rows =
            command.words.map { (Self.italic($0.name), Self.about(of: $0)) }
            + command.flags.map { flag in
                (
                    flag.value.isEmpty
                        ? Self.bold("--\(flag.name)")
                        : "\(Self.bold("--\(flag.name)")) \(Self.italic(flag.value))",
                    Self.row(of: flag).1
                )
            }
        for (head, about) in rows { page += ".TP\n\(head)\n\(Self.paragraph(about))" }
        return page
    }

    private static func bold(_ text: String) -> String { "\\fB\(troff(text))\\fR" }
    private static func italic(_ text: String) -> String { "\\fI\(troff(text))\\fR" }

    private static func paragraphs(of text: String) -> [String] {
        var found: [[Substring]] = [[]]
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.isEmpty { found.append([]) } else { found[found.count - 1].append(line) }
        }
        return found.filter { !$0.isEmpty }.map { $0.joined(separator: "\n") }
    }

    /// Filled lines, as roff will fill them again; those with four spaces in front stand alone.
    private static func paragraph(_ text: String) -> String {
        var page = ""
        var filled: [Substring] = []
        var isLiteral = false
        for line in text.split(separator: "\n") {
            if line.hasPrefix("    ") != isLiteral {
                page += fill(filled)
                filled = []
                isLiteral.toggle()
                page += isLiteral ? ".PP\n.nf\n.RS 4\n" : ".RE\n.fi\n"
            }
            if isLiteral {
                page += guarded(troff(String(line.dropFirst(4)))) + "\n"
            } else {
                filled += line.split(separator: " ")
            }
        }
        return page + fill(filled) + (isLiteral ? ".RE\n.fi\n" : "")
    }

    private static func fill(_ words: [Substring]) -> String {
        var (page, line) = ("", "")
        for word in words.map({ troff(String($0)) }) {
            if !line.isEmpty, line.count + 1 + word.count > lineMax {
                page += guarded(line) + "\n"
                line = ""
            }
            line += line.isEmpty ? word : " \(word)"
        }
        return line.isEmpty ? page : page + guarded(line) + "\n"
    }

    /// Characters of a line of the source.
    private static let lineMax = 76

    /// A line that begins with a dot would be a request.
    private static func guarded(_ line: String) -> String {
        line.hasPrefix(".") ? "\\&\(line)" : line
    }

    /// Text as roff shows it: nothing of it is an escape, and dashes can be copied.
    private static func troff(_ text: String) -> String {
        var shown = ""
        for character in text {
            switch character {
            case "\\": shown += "\\e"
            case "-": shown += "\\-"
            case "'": shown += "\\(aq"
            case "`": shown += "\\(ga"
            case "^": shown += "\\(ha"
            case "~": shown += "\\(ti"
            default: shown.append(character)
            }
        }
        return shown
    }
}
