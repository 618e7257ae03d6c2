internal import Agent
internal import Platform

/// `cuelight-agent wired-stop`.
struct WiredStopCommand {
    private let flags: CommandLineFlags
    private let isFitted: Bool

    init(_ flags: CommandLineFlags) throws {
        switch flags.words.first {
        case "on": isFitted = true
        case "off": isFitted = false
        default: throw UsageError("say on or off", of: "wired-stop")
        }
        self.flags = flags
    }

    func run(_ signals: Signals) async throws -> Int32 {
        let folder = CuelightAgent.folder(flags)
        try folder.becomeOwner()
        let loop = try EventLoop.start(name: "wired-stop")
        let service = FlashService(
            folder: folder, library: .standard(programPath: Environment.programPath),
            leases: .ofAgent(at: folder.controlPath), loop: loop)
        let (flags, isFitted) = (flags, isFitted)
        let result = try await signals.run(on: loop) {
            () async -> Result<(port: String, board: String), FlashProblem> in
            do throws(FlashProblem) {
                let port = try FlashCommand.port(flags, folder)
                return .success((port, try await service.setWiredStop(isFitted, on: port).words))
            } catch {
                return .failure(error)
            }
        }
        switch result {
        case .success(let done):
            return CuelightAgent.say(
                isFitted
                    ? "The board on \(done.port) (\(done.board)) stops from now on when its E-stop "
                        + "circuit is open.\n"
                    : "The board on \(done.port) (\(done.board)) has no wired E-stop now.\n")
        case .failure(let problem):
            Log.standardError("cuelight-agent: \(problem)\n")
            return FlashCommand.exitCode(of: problem)
        }
    }
}
