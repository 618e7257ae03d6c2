internal import Crypto
internal import Devices
internal import Glibc
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

    init(_ word: String, _ flags: Flags, _ signals: Signals) throws {
        if let stray = flags.words.first {
            throw UsageError(command: word, message: "\(word) does not take \"\(stray)\"")
        }
        self.word = word
        self.signals = signals
        settings = try ConfigReader.load(
            path: flags.values["config"],
            environment: flags.environment(over: Environment.variables, of: word), Settings.init)
        log = Log(component: "", minimum: settings.logLevel)
    }

    func run() async throws -> Int32 {
        if word == "check-config" {
            print(ConfigReader.sample(Settings.init), terminator: "")
            return 0
        }
        if word == "serve" {
            guard settings.databaseURL != nil, settings.brokerURL != nil else {
                throw UsageError(
                    command: word, message: "serve needs database.url and mqtt.url; try `up`")
            }
        }
        let loop = try EventLoop.start(name: "services")
        try ServiceProgram.makeFolder(settings.folder, for: nil, mode: 0o755)
        let lock = try FolderLock(settings.folder)
        defer { lock.release() }
        let wasStopped: Bool
        do {
            wasStopped = try await signals.run(on: loop) {
                do {
                    try await work(on: loop)
                } catch is CancellationError {
                    log.info("stopped while starting")
                }
                return Task.isCancelled
            }
        } catch WorkerGroup.Problem.endedEarly(let worker) where worker == ServerWorker.name {
            // `migrate` ends when it is done.
            return 0
        }
        // Who asked for a migration must not take an unfinished one for done.
        return wasStopped && word == "migrate" ? 130 : 0
    }

    /// Starts everything, and stops it when the task is cancelled.
    private func work(on loop: EventLoop) async throws {
        if word != "migrate" { try await checkAddresses() }
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
        try await WorkerGroup(workers, deadline: .seconds(40), log: log).run()
    }

    private func checkAddresses() async throws {
        var checks = [ListenCheck.http(settings)]
        if settings.brokerURL == nil { checks.append(.broker(settings)) }
        try await ListenCheck.check(checks)
    }

    private func embeddedBroker(_ keys: KeyRing, _ loop: EventLoop) throws -> EmbeddedMosquitto? {
        guard settings.brokerURL == nil else { return nil }
        let tls: EmbeddedMosquitto.TLSFiles? =
            if let certificate = settings.brokerTLSCertificate, let key = settings.brokerTLSKey {
                .init(certificate: certificate, privateKey: key)
            } else { nil }
        return try EmbeddedMosquitto.prepare(
            folder: settings.folder, listen: .broker(settings), tls: tls,
            plugin: settings.brokerPlugin, publicKey: keys.broker.publicKey, loop: loop, log: log)
    }
}

/// Keeps a second control plane out of a data folder, for as long as the process lives.
struct FolderLock {
    private let descriptor: Int32

    init(_ folder: String) throws {
        descriptor = open(folder + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw LinuxError.current("open \(folder)/lock") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw StartProblem.alreadyRunning(folder: folder)
        }
    }

    func release() { close(descriptor) }
}
