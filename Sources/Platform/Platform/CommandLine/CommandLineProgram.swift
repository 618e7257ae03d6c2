/// A program's command line, declared once: the parser and the help both read the declaration,
/// so that neither can know what the other does not.
///
/// ```
/// let program = CommandLineProgram(
///     name: "cue", version: "1.0", about: "moves a lamp",
///     commands: [
///         .init(
///             "light", "turn the lamp on", "Turns it on until it is told otherwise.",
///             words: [.init("LAMP", "which one")], flags: [.init("level", "PERCENT", "how bright")])
///     ])
/// switch try program.read(arguments) {
/// case .answer(let text): print(text, terminator: "")
/// case .run(let command, let flags): …
/// }
/// ```
package struct CommandLineProgram: Sendable {
    /// `--name value`, `--name=value`, or `--name` alone.
    package struct Flag: Sendable {
        /// Without its dashes.
        package let name: String
        /// What stands for the value in help, such as `FILE`; empty for a flag that takes none.
        package let value: String
        package let about: String
        /// The only values that will do; empty if any will.
        package let choices: [String]
        /// The value if nobody gives one; nil if there is none.
        package let standard: String?
        /// The environment variable that gives the value where the command line does not.
        package let variable: String?
        package let isNeeded: Bool
        package let isRepeated: Bool

        /// A flag that takes no value.
        package init(_ name: String, _ about: String) { self.init(name, "", about) }

        package init(
            _ name: String, _ value: String, _ about: String, choices: [String] = [],
            standard: String? = nil, variable: String? = nil, isNeeded: Bool = false,
            isRepeated: Bool = false
        ) {
            self.name = name
            self.value = value
            self.about = about
            self.choices = choices
            self.standard = standard
            self.variable = variable
            self.isNeeded = isNeeded
            self.isRepeated = isRepeated
        }
    }

    /// What a command takes without a dash.
    package struct Word: Sendable {
        /// As help writes it, such as `FILE`.
        package let name: String
        package let about: String
        package let isNeeded: Bool

        package init(_ name: String, _ about: String, isNeeded: Bool = true) {
            self.name = name
            self.about = about
            self.isNeeded = isNeeded
        }
    }

    /// The first word of a command line, and what may follow it.
    package struct Command: Sendable {
        package let name: String
        /// In the list of commands.
        package let short: String
        /// In the help of its own; whole sentences.
        package let long: String
        package let words: [Word]
        package let flags: [Flag]

        package init(
            _ name: String, _ short: String, _ long: String, words: [Word] = [],
            flags: [Flag] = []
        ) {
            self.name = name
            self.short = short
            self.long = long
            self.words = words
            self.flags = flags
        }
    }

    /// What a command line asks for.
    package enum Request: Sendable {
        /// This text: help, or the release.
        case answer(String)
        case run(command: String, CommandLineFlags)
    }

    package let name: String
    package let version: String
    /// What the program is, after its name; one line.
    package let about: String
    /// With `version` and `help`, which every program has.
    package let commands: [Command]
    /// The end of the list of commands: files, variables, exit codes.
    package let notes: String

    package init(
        name: String, version: String, about: String, commands: [Command], notes: String = ""
    ) {
        self.name = name
        self.version = version
        self.about = about
        self.commands =
            commands + [
                Command("version", "print the release", "Prints the release."),
                Command(
                    "help", "print what a command does", "Prints what a command does.",
                    words: [
                        Word(
                            "COMMAND", "which one; without it, all in a line each", isNeeded: false)
                    ]),
            ]
        self.notes = notes
    }

    /// Understands a command line. No argument at all asks for help.
    /// - Parameters:
    ///   - arguments: without the program's own name.
    ///   - environment: for the flags that a variable may give.
    package func read(
        _ arguments: [String], environment: [String: String] = [:]
    ) throws(UsageError) -> Request {
        guard let word = arguments.first else { return .answer(overview) }
        switch word {
        case "--help", "-h": return .answer(overview)
        case "--version", "-V": return .answer(release)
        default: break
        }
        guard !word.hasPrefix("-") else {
            throw UsageError("the command comes first, then its flags: \(name) COMMAND \(word)")
        }
        let command = try find(word)
        let rest = Array(arguments.dropFirst())
        // Whoever asks for help gets it, whatever else is wrong.
        if rest.prefix(while: { $0 != "--" }).contains(where: { $0 == "--help" || $0 == "-h" }) {
            return .answer(help(of: command))
        }
        let flags = try CommandLineFlags(rest, of: command, environment: environment)
        switch command.name {
        case "version": return .answer(release)
        case "help": return .answer(try flags.words.first.map(help(of:)) ?? overview)
        default: return .run(command: command.name, flags)
        }
    }

    private var release: String { "\(name) \(version)\n" }

    private func find(_ word: String) throws(UsageError) -> Command {
        if let command = commands.first(where: { $0.name == word }) { return command }
        let hint = NearestName.hint(of: word, among: commands.map(\.name))
        throw UsageError("there is no command \"\(UsageError.short(word))\"\(hint)")
    }

    private func help(of word: String) throws(UsageError) -> String {
        help(of: try find(word))
    }
}
