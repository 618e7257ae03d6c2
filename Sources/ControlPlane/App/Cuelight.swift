internal import Platform

/// The program `cuelight`: reads its first word and does it.
@main
struct Cuelight {
    static func main() {
        MainProgram.run { signals in
            var arguments = Array(CommandLine.arguments.dropFirst())
            let word = arguments.isEmpty ? "help" : arguments.removeFirst()
            do {
                return try await run(word, arguments, signals)
            } catch let error as UsageError {
                Log.standardError(
                    "cuelight: \(error.message)\nTry: cuelight help \(error.command)\n")
                return 64
            } catch {
                Log.standardError("cuelight: \(error)\n")
                return 1
            }
        }
    }

    private static func run(
        _ word: String, _ arguments: [String], _ signals: Signals
    ) async throws -> Int32 {
        switch word {
        case "up", "serve", "migrate", "check-config":
            let flags = try Flags(arguments, of: word)
            if flags.isHelp { return say(Help.text(of: word)) }
            return try await StartCommand(word, flags, signals).run()
        case "replay":
            let flags = try Flags(arguments, of: word)
            if flags.isHelp { return say(Help.text(of: word)) }
            return try await ReplayCommand(flags).run(signals)
        case "openapi": return say(try APIDocument.text)
        case "version", "--version", "-V": return say("cuelight \(Version.text)\n")
        case "help", "--help", "-h": return say(Help.text(of: arguments.first ?? ""))
        default: throw UsageError(command: "", message: "there is no command \"\(word)\"")
        }
    }

    private static func say(_ text: String) -> Int32 {
        print(text, terminator: "")
        return 0
    }
}

/// The command line says something that no command understands.
struct UsageError: Error {
    let command: String
    let message: String
}
