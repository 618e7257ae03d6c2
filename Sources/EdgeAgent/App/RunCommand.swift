internal import Agent
internal import Hardware
internal import Platform

/// `cuelight-agent run`.
struct RunCommand {
    private let flags: Flags
    private let baud: Int
    private let level: Log.Level

    init(_ flags: Flags) throws {
        self.flags = flags
        guard flags.words.isEmpty else {
            throw UsageError(
                command: "run", message: "\"\(flags.words[0])\" is not a flag of run")
        }
        guard let baud = Int(flags["baud"] ?? "115200"), SerialPort.rates.contains(baud) else {
            let rates = SerialPort.rates.map(String.init).joined(separator: ", ")
            throw UsageError(command: "run", message: "--baud must be one of \(rates)")
        }
        guard let level = Log.Level(name: flags["log-level"] ?? "info") else {
            throw UsageError(
                command: "run", message: "--log-level must be debug, info, warning or error")
        }
        self.baud = baud
        self.level = level
    }

    func run(_ signals: Signals) async throws -> Int32 {
        let log = Log(component: "agent", minimum: level)
        let folder = CuelightAgent.folder(flags)
        let identity = try folder.identity()
        let loop = try EventLoop.start(name: "agent")
        let worker = try AgentWorker(
            folder: folder,
            settings: AgentWorker.Settings(
                version: CuelightAgent.version, ports: flags.all("port"),
                findsUSB: !flags.has("no-usb"), baud: baud,
                brokerAuthorityFile: flags["broker-ca"]),
            loop: loop, log: log,
            transport: ServerTransport.make(server: identity.server, loop: loop))
        do {
            try await signals.run(on: loop) { try await worker.run() }
        } catch is CancellationError {
            // Asked to stop, and stopped.
        }
        log.info("stopped")
        return CuelightAgent.ExitCode.done
    }
}
