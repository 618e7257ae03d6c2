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
        let folder = folder(flags)
        let status: AgentStatus
        do throws(ControlClient.Problem) {
            status = try ControlClient.status(at: folder.controlPath)
        } catch {
            // Without a pairing there is nothing to start.
            _ = try folder.identity()
            throw error
        }
        guard flags.has("json") else { return say(StatusText.of(status)) }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return say(String(decoding: try encoder.encode(status), as: UTF8.self) + "\n")
    }

    private static func exitCode(of error: any Error) -> Int32 {
        switch error {
        case StateFolder.Problem.notPaired: ExitCode.notPaired
        case ControlClient.Problem.notRunning: ExitCode.notRunning
        default: ExitCode.failed
        }
    }
}
