internal import Agent
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

    private var settings: AgentWorker.Settings {
        var settings = AgentWorker.Settings(
            version: Release.version, ports: flags.all("port"),
            findsUSB: !flags.has("no-usb"),
            filter: PortFilter(allowed: flags.all("allow-port"), denied: flags.all("deny-port")),
            portWatch: portWatch, baud: baud, brokerAuthorityFile: flags["broker-ca"],
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
        let loop = try EventLoop.start(name: "agent")
        let worker = try AgentWorker(
            folder: folder, settings: settings, loop: loop, log: log,
            transport: ServerTransport.make(server: identity.server, loop: loop))
        do {
            try await signals.run(on: loop) {
                let recovery = await FlashCommand.recovery(folder, worker.leases, loop, log)
                defer { recovery?.cancel() }
                try await worker.run()
            }
        } catch is CancellationError {
            // Asked to stop, and stopped.
        }
        log.info("stopped")
        return CuelightAgent.ExitCode.done
    }
}
