/// The command line says something that the program does not understand.
package struct UsageError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The exit code for it, as sysexits.h has it (EX_USAGE).
    package static let exitCode: Int32 = 64
    /// Characters of a stray word that are repeated to the user.
    static let shownMax = 60

    package let message: String
    /// Whose help says more; nil for the program's.
    package let command: String?

    package init(_ message: String, of command: String? = nil) {
        self.message = message
        self.command = command
    }

    init(_ message: String, of command: CommandLineProgram.Command) {
        self.init(message, of: command.name)
    }

    package var description: String { message }

    /// What to print: the problem, and where the help is.
    package func text(of program: CommandLineProgram) -> String {
        let help = command.map { " \($0)" } ?? ""
        return "\(program.name): \(message)\nTry: \(program.name) help\(help)\n"
    }

    static func short(_ word: String) -> String {
        word.count <= shownMax ? word : "\(word.prefix(shownMax))…"
    }

    /// `a, b or c`.
    static func list(_ names: [String], last: String = " or ") -> String {
        guard let end = names.last, names.count > 1 else { return names.first ?? "" }
        return names.dropLast().joined(separator: ", ") + last + end
    }
}
