internal import Platform

/// The program `cuelight`: understands its command line and does what it says.
@main
struct Cuelight {
    static func main() {
        MainProgram.run { signals in
            do {
                let request = try commandLine.read(
                    Array(CommandLine.arguments.dropFirst()), environment: Environment.variables)
                switch request {
                case .answer(let text): return say(text)
                case .run(let command, let flags): return try await run(command, flags, signals)
                }
            } catch let error as UsageError {
                Log.standardError(error.text(of: commandLine))
                return UsageError.exitCode
            } catch {
                Log.standardError("cuelight: \(error)\n")
                return 1
            }
        }
    }

    private static func run(
        _ command: String, _ flags: CommandLineFlags, _ signals: Signals
    ) async throws -> Int32 {
        switch command {
        case "replay": return try await ReplayCommand(flags).run(signals)
        case "openapi": return say(try APIDocument.text)
        default: return try await StartCommand(command, flags, signals).run()
        }
    }

    private static func say(_ text: String) -> Int32 {
        print(text, terminator: "")
        return 0
    }
}
