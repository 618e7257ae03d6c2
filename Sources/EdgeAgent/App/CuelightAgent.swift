internal import Agent
internal import FoundationEssentials
internal import Glibc
internal import Platform

/// The program `cuelight-agent`: reads its first word and does it.
@main
struct CuelightAgent {
    static let version = "0.1.0"

    /// What a shell sees.
    enum ExitCode {
        static let done: Int32 = 0
        static let failed: Int32 = 1
        static let notPaired: Int32 = 3
        static let notRunning: Int32 = 4
        static let problemFound: Int32 = 5
        /// As sysexits.h has it.
        static let usage: Int32 = 64
    }

    static func main() {
        MainProgram.run { signals in
            var arguments = Array(CommandLine.arguments.dropFirst())
            let word = arguments.isEmpty ? "help" : arguments.removeFirst()
            do {
                return try await run(word, arguments, signals)
            } catch let error as UsageError {
                complain("\(error.message)\nTry: cuelight-agent help \(error.command)")
                return ExitCode.usage
            } catch let problem as StateFolder.Problem {
                complain("\(problem)")
                if case .notPaired = problem { return ExitCode.notPaired }
                return ExitCode.failed
            } catch let problem as ControlClient.Problem {
                complain("\(problem)")
                return problem == .notRunning ? ExitCode.notRunning : ExitCode.failed
            } catch {
                complain("\(error)")
                return ExitCode.failed
            }
        }
    }

    private static func run(
        _ word: String, _ arguments: [String], _ signals: Signals
    ) async throws -> Int32 {
        switch word {
        case "pair", "run", "status", "doctor":
            let flags = try Flags(arguments, of: word)
            if flags.isHelp { return say(Help.text(of: word)) }
            switch word {
            case "pair": return try await PairCommand(flags).run()
            case "run": return try await RunCommand(flags).run(signals)
            case "status": return try status(flags)
            default: return try await DoctorCommand(flags).run()
            }
        case "version", "--version", "-V": return say("cuelight-agent \(version)\n")
        case "help", "--help", "-h": return say(Help.text(of: arguments.first ?? ""))
        default: throw UsageError(command: "", message: "there is no command \"\(word)\"")
        }
    }

    static func folder(_ flags: Flags) -> StateFolder {
        if let path = flags["state-dir"] { return StateFolder(path: path) }
        return StateFolder.standard { name in getenv(name).map { String(cString: $0) } }
    }

    static func say(_ text: String) -> Int32 {
        print(text, terminator: "")
        return ExitCode.done
    }

    private static func status(_ flags: Flags) throws -> Int32 {
        let status = try ControlClient.status(at: folder(flags).controlPath)
        guard flags.has("json") else { return say(StatusText.of(status)) }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return say(String(decoding: try encoder.encode(status), as: UTF8.self) + "\n")
    }

    private static func complain(_ text: String) {
        Log.standardError("cuelight-agent: \(text)\n")
    }
}
