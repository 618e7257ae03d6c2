internal import Crypto
internal import Devices
internal import HTTP
internal import MQTT
internal import Platform
internal import Postgres
internal import Schema
internal import SharedModels

/// `up`, `serve`, `migrate` and `check-config`: all begin with the configuration.
struct StartCommand {
    private let word: String
    private let settings: Settings
    private let signals: Signals
    private let log: Log

    init(_ word: String, _ flags: CommandLineFlags, _ signals: Signals) throws {
        self.word = word
        self.signals = signals
        settings = try Self.settings(flags)
        log = Log(component: "", minimum: settings.logLevel)
    }

    /// Reads the configuration. A problem with what a flag set is told by the flag's name.
    static func settings(_ flags: CommandLineFlags) throws -> Settings {
        do {
            return try ConfigReader.load(
                path: flags["config"], environment: flags.overlaidEnvironment, Settings.init)
        } catch let error as ConfigError {
            throw ConfigError(
                source: error.source,
                problems: error.problems.map { problem in
                    guard let flag = flags.flag(for: problem.key) else { return problem }
                    return ConfigProblem(key: "--\(flag)", problem: problem.problem, line: nil)
                })
        }
    }

    func run() async throws -> Int32 {
        if word == "check-config" {
            print(ConfigReader.sample(Settings.init), terminator: "")
            return 0
        }
        if word == "serve" {
            guard settings.databaseURL != nil, settings.brokerURL != nil else {
                throw UsageError(
                    "serve needs database.url and mqtt.url (--database, --mqtt); `up` runs both itself",
                    of: word)
            }
        }
        let loop = try EventLoop.start(name: "services")
        try ServiceProgram.makeFolder(settings.folder, for: nil, mode: 0o755)
        guard let lock = try FolderLock.take(settings.folder) else {
            throw StartProblem.alreadyRunning(folder: settings.folder)
        }
        defer { lock.release() }
        var services: [SupervisedService] = []
        let postgres =
            settings.databaseURL == nil
            ? try await EmbeddedPostgres.prepare(folder: settings.folder, loop: loop, log: log)
            : nil
        if let postgres { services.append(postgres.service) }
        let keys = try KeyRing(folder: settings.folder)
        let broker = word == "migrate" ? nil : try embeddedBroker(keys, loop)
        if let broker { services.append(broker.service) }
        let server = ServerWorker(
            settings: settings, keys: keys, postgres: postgres, brokerSocket: broker?.socketPath,
            isMigrating: word != "serve", onlyMigrates: word == "migrate", log: log)
        let workers: [any Worker] = services + [server]
        let group = WorkerGroup(workers, deadline: .seconds(40), log: log)
        do {
            try await signals.run(on: loop) { try await group.run() }
        } catch WorkerGroup.Problem.endedEarly(let worker) where worker == server.name {
            // `migrate` ends when it is done.
        }
        return 0
    }

    private func embeddedBroker(_ keys: KeyRing, _ loop: EventLoop) throws -> EmbeddedMosquitto? {
        guard settings.brokerURL == nil else { return nil }
        let tls: EmbeddedMosquitto.TLSFiles? =
            if let certificate = settings.brokerTLSCertificate, let key = settings.brokerTLSKey {
                .init(certificate: certificate, privateKey: key)
            } else { nil }
        return try EmbeddedMosquitto.prepare(
            folder: settings.folder, listen: settings.brokerListen, tls: tls,
            plugin: settings.brokerPlugin, publicKey: keys.broker.publicKey, loop: loop, log: log)
    }
}
