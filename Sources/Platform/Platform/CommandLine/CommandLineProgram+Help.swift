extension CommandLineProgram {
    /// The program in a screen: its commands, a line each.
    package var overview: String {
        var text = "\(name): \(about)\n\nUsage: \(name) COMMAND [FLAGS]\n\n"
        text += Self.table(commands.map { ($0.name, $0.short) })
        if !notes.isEmpty { text += "\n\(notes)\n" }
        return text + "\nMore of one command: \(name) help COMMAND\n"
    }

    /// One command with its words and flags.
    package func help(of command: Command) -> String {
        var text = "Usage: \(usage(of: command))\n\n\(command.long)\n\n"
        text += Self.table(
            command.words.map { ($0.name, $0.about) } + command.flags.map(Self.row)
                + [("-h, --help", "print this")])
        return text
    }

    /// What must be given, by name; the rest as `[FLAGS]`.
    private func usage(of command: Command) -> String {
        var parts = [name, command.name]
        parts += command.words.map { $0.isNeeded ? $0.name : "[\($0.name)]" }
        parts += command.flags.filter(\.isNeeded).map { "--\($0.name) \($0.value)" }
        if command.flags.contains(where: { !$0.isNeeded }) { parts.append("[FLAGS]") }
        return parts.joined(separator: " ")
    }

    private static func row(of flag: Flag) -> (String, String) {
        var about = flag.about
        if !flag.choices.isEmpty {
            about += (about.isEmpty ? "" : ": ") + UsageError.list(flag.choices)
        }
        if flag.isRepeated { about += "; may be given several times" }
        if let standard = flag.standard { about += " (\(standard))" }
        if let variable = flag.variable { about += " [$\(variable)]" }
        return (flag.value.isEmpty ? "--\(flag.name)" : "--\(flag.name) \(flag.value)", about)
    }

    /// Two columns, the second of them aligned.
    private static func table(_ rows: [(String, String)]) -> String {
        let width = rows.reduce(0) { max($0, $1.0.count) }
        return rows.map { left, right in
            let gap = String(repeating: " ", count: width - left.count + 3)
            return "  \(left)\(gap)\(right)\n"
        }.joined()
    }
}
