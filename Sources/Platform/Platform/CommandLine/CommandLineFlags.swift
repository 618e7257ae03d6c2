/// What was given to one command: the values of its flags, and its words.
///
/// A value stands after its flag (`--name value`, which must not begin with two dashes) or in it
/// (`--name=value`, which may be anything but empty). After `--` everything is a word; so is `-`.
package struct CommandLineFlags: Sendable {
    package let words: [String]
    private let command: CommandLineProgram.Command
    /// As the command line has them.
    private let given: [String: [String]]
    private let environment: [String: String]

    init(
        _ arguments: [String], of command: CommandLineProgram.Command,
        environment: [String: String]
    ) throws(UsageError) {
        var words: [String] = []
        var given: [String: [String]] = [:]
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            if argument == "--" {
                words += rest
                break
            }
            guard argument.hasPrefix("-"), argument != "-" else {
                words.append(argument)
                continue
            }
            let (flag, value) = try Self.flag(argument, of: command, &rest)
            if !flag.isRepeated, given[flag.name] != nil {
                throw UsageError("--\(flag.name) is given twice", of: command)
            }
            given[flag.name, default: []].append(value)
        }
        self.words = words
        self.command = command
        self.given = given
        self.environment = environment
        try checkNeeded()
    }

    /// The value of a flag: the given one, its variable's, or the standard one. Only the flags
    /// of the declaration may be asked for.
    package subscript(_ name: String) -> String? {
        let flag = declaration(of: name)
        let value = given[name]?.first ?? flag.variable.flatMap { environment[$0] }
        return value ?? flag.standard
    }

    /// Whether the command line has the flag.
    package func has(_ name: String) -> Bool { given[declaration(of: name).name] != nil }

    /// All values of a flag that may be given several times.
    package func all(_ name: String) -> [String] { given[declaration(of: name).name] ?? [] }

    /// The environment with each given flag in the place of its variable, which it wins over.
    package var overlaidEnvironment: [String: String] {
        var variables = environment
        for flag in command.flags {
            if let name = flag.variable, let value = given[flag.name]?.first {
                variables[name] = value
            }
        }
        return variables
    }

    /// The flag that was given in the place of a variable.
    package func flag(for variable: String) -> String? {
        command.flags.first { $0.variable == variable && given[$0.name] != nil }?.name
    }

    private func declaration(of name: String) -> CommandLineProgram.Flag {
        guard let flag = command.flags.first(where: { $0.name == name }) else {
            preconditionFailure("\(command.name) declares no flag --\(name)")
        }
        return flag
    }

    /// Reads one flag, and from `rest` its value if that stands there.
    private static func flag(
        _ argument: String, of command: CommandLineProgram.Command,
        _ rest: inout ArraySlice<String>
    ) throws(UsageError) -> (CommandLineProgram.Flag, String) {
        let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let written = String(parts.first ?? "")
        guard let flag = command.flags.first(where: { "--\($0.name)" == written }) else {
            let hint = NearestName.hint(of: written, among: command.flags.map { "--\($0.name)" })
            throw UsageError(
                "\(command.name) has no flag \(UsageError.short(written))\(hint)", of: command)
        }
        guard !flag.value.isEmpty else {
            guard parts.count == 1 else {
                throw UsageError("--\(flag.name) takes no value", of: command)
            }
            return (flag, "")
        }
        let value: String? =
            if parts.count == 2 {
                String(parts[1])
            } else if let next = rest.first, !next.hasPrefix("--") {
                rest.popFirst()
            } else {
                nil
            }
        guard let value, !value.isEmpty else {
            throw UsageError("--\(flag.name) needs a value, \(flag.value)", of: command)
        }
        guard flag.choices.isEmpty || flag.choices.contains(value) else {
            let hint = NearestName.hint(of: value, among: flag.choices)
            throw UsageError(
                "--\(flag.name) must be one of \(UsageError.list(flag.choices))\(hint)",
                of: command)
        }
        return (flag, value)
    }

    private func checkNeeded() throws(UsageError) {
        if words.count > command.words.count {
            let stray = UsageError.short(words[command.words.count])
            throw UsageError("\(command.name) does not take \"\(stray)\"", of: command)
        }
        var missing = command.words.dropFirst(words.count).filter(\.isNeeded).map(\.name)
        missing += command.flags.filter { $0.isNeeded && self[$0.name] == nil }.map {
            "--\($0.name) \($0.value)"
        }
        guard missing.isEmpty else {
            throw UsageError(
                "\(command.name) needs \(UsageError.list(missing, last: " and "))", of: command)
        }
    }
}
