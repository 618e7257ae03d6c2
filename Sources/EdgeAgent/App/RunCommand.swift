internal import Agent
internal import Glibc
internal import Hardware
internal import Platform

/// `cuelight-agent run`.
struct RunCommand {
    private let flags: CommandLineFlags
    private let baud: Int
    private let level: Log.Level
    private let portWatch: PortWatcher.Choice

    init(_ flags: CommandLineFlags) throws {
        // All are among the choices that the declaration leaves.
        guard let baud = flags["baud"].flatMap({ Int($0) }),
            let level = flags["log-level"].flatMap({ Log.Level(name: $0) }),
            let portWatch = flags["port-watch"].flatMap(PortWatcher.Choice.init)
        else { throw UsageError("--baud, --log-level or --port-watch will not do", of: "run") }
        self.portWatch = portWatch
        self.flags = flags
        self.baud = baud
        self.level = level
    }

    private func settings(_ hosted: [HostedBoard]) -> AgentWorker.Settings {
        var settings = AgentWorker.Settings(
            version: Release.version, ports: flags.all("port"),
            findsUSB: !flags.has("no-usb"),
            filter: PortFilter(allowed: flags.all("allow-port"), denied: flags.all("deny-port")),
            portWatch: portWatch, baud: baud, hosted: hosted,
            brokerAuthorityFile: flags["broker-ca"],
            firmware: flags["images"].map { FirmwareLibrary(folder: $0) }
                ?? .standard(programPath: Environment.programPath),
            notifier: ServiceNotifier(environment: Environment.variables))
        #if DEBUG
            if let crash = CrashPoint(environment: Environment.variables) {
                settings.steps = { crash.pass($0) }
            }
        #endif
        return settings
    }

    func run(_ signals: Signals) async throws -> Int32 {
        let log = Log(component: "agent", minimum: level)
        let folder = CuelightAgent.folder(flags)
        try folder.becomeOwner()
        let identity = try folder.identity()
        let hosted = try hostedBoards(folder)
        let loop = try EventLoop.start(name: "agent")
        let worker = try AgentWorker(
            folder: folder, settings: settings(hosted), loop: loop, log: log,
            transport: ServerTransport.make(server: identity.server, loop: loop))
        do {
            try await signals.run(on: loop) {
                try await worker.run()
            }
        } catch is CancellationError {
            // Asked to stop, and stopped.
        }
        log.info("stopped")
        return CuelightAgent.ExitCode.done
    }

    /// Those of the file that is named, or of the standard one if it is there.
    private func hostedBoards(_ folder: StateFolder) throws -> [HostedBoard] {
        if let path = flags["boards"] {
            return try BoardsFile.read(path, machine: BoardsFile.machine)
        }
        let path = "\(folder.path)/\(BoardsFile.name)"
        guard access(path, F_OK) == 0 else { return [] }
        return try BoardsFile.read(path, machine: BoardsFile.machine)
    }
}
