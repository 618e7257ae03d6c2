internal import Agent
internal import FoundationEssentials
internal import Platform

/// The program `cuelight-agent`: understands its command line and does what it says.
@main
struct CuelightAgent {
    /// What a shell sees, with `UsageError.exitCode`.
    enum ExitCode {
        static let done: Int32 = 0
        static let failed: Int32 = 1
        static let notPaired: Int32 = 3
        static let notRunning: Int32 = 4
        static let problemFound: Int32 = 5
        static let newerJournal: Int32 = 6
        static let refused: Int32 = 7
        static let putBack: Int32 = 8
        static let stranded: Int32 = 9
        static let badBoards: Int32 = 10
    }

    static func main() {
        MainProgram.run { signals in
            do {
                switch try commandLine.read(Array(CommandLine.arguments.dropFirst())) {
                case .answer(let text): return say(text)
                case .run(let command, let flags): return try await run(command, flags, signals)
                }
            } catch let error as UsageError {
                Log.standardError(error.text(of: commandLine))
                return UsageError.exitCode
            } catch {
                Log.standardError("cuelight-agent: \(error)\n")
                return exitCode(of: error)
            }
        }
    }

    private static func run(
        _ command: String, _ flags: CommandLineFlags, _ signals: Signals
    ) async throws -> Int32 {
        switch command {
        case "pair": return try await PairCommand(flags).run()
        case "run": return try await RunCommand(flags).run(signals)
        case "status": return try status(flags)
        case "release": return try ReleaseCommand(flags).run()
        case "boards": return try boards(flags)
        case "simulate": return try SimulateCommand(flags).run()
        case "logs": return try await LogsCommand(flags).run(signals)
        case "completions": return completions(flags)
        case "manual": return try manual(flags)
        case "flash": return try await FlashCommand(flags).run(signals)
        case "wired-stop": return try await WiredStopCommand(flags).run(signals)
        default: return try await DoctorCommand(flags).run()
        }
    }

    static func folder(_ flags: CommandLineFlags) -> StateFolder {
        if let path = flags["state-dir"] { return StateFolder(path: path) }
        return StateFolder.standard { Environment.variables[$0] }
    }

    static func say(_ text: String) -> Int32 {
        print(text, terminator: "")
        return ExitCode.done
    }

    private static func status(_ flags: CommandLineFlags) throws -> Int32 {
        let status = try ask(flags)
        return say(flags.has("json") ? try json(status) : StatusText.of(status))
    }

    private static func boards(_ flags: CommandLineFlags) throws -> Int32 {
        let list = BoardList(of: try ask(flags))
        return say(flags.has("json") ? try json(list) : list.text)
    }

    private static func completions(_ flags: CommandLineFlags) -> Int32 {
        guard let shell = flags.words.first.flatMap(CommandLineProgram.Shell.init) else {
            preconditionFailure("the declaration lets only shells through")
        }
        return say(commandLine.completions(for: shell))
    }

    private static func manual(_ flags: CommandLineFlags) throws -> Int32 {
        let date = flags["date"] ?? ""
        let isDate =
            date.utf8.count == 10 && date.utf8.allSatisfy { $0 == 45 || (48...57).contains($0) }
        guard isDate else { throw UsageError("--date must be as 2026-11-20", of: "manual") }
        return say(commandLine.manual(section: 8, date: date, sections: manualSections))
    }

    private static func ask(_ flags: CommandLineFlags) throws -> AgentStatus {
        let folder = folder(flags)
        do throws(ControlClient.Problem) {
            return try ControlClient.status(at: folder.controlPath)
        } catch {
            // Without a pairing there is nothing to start.
            _ = try folder.identity()
            throw error
        }
    }

    private static func json(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self) + "\n"
    }

    private static func exitCode(of error: any Error) -> Int32 {
        switch error {
        case StateFolder.Problem.notPaired: ExitCode.notPaired
        case is BoardsFile.Problem: ExitCode.badBoards
        case ControlClient.Problem.notRunning: ExitCode.notRunning
        case JournalError.newerSchema: ExitCode.newerJournal
        case let problem as FlashProblem: FlashCommand.exitCode(of: problem)
        default: ExitCode.failed
        }
    }
}
