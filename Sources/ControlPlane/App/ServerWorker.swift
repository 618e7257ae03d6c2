internal import Accounts
internal import Crypto
internal import Devices
internal import HTTP
internal import MQTT
internal import Platform
internal import Postgres
internal import Schema
internal import SharedModels

/// The control plane proper, from the first answer of the database to the last request.
struct ServerWorker: Worker {
    static let startDeadline = Duration.seconds(60)

    static let name = "control plane"
    var name: String { Self.name }
    let settings: Settings
    let keys: KeyRing
    let postgres: EmbeddedPostgres?
    let brokerSocket: String?
    let isMigrating: Bool
    let onlyMigrates: Bool
    let log: Log

    /// Throws `CancellationError`, whatever failed, if it was cancelled before it served.
    func run() async throws {
        let (pool, group): (PostgresPool, WorkerGroup?)
        do { (pool, group) = try await start() } catch {
            throw Task.isCancelled ? CancellationError() : error
        }
        try await group?.run()
        await pool.close()
    }

    /// Everything up to the first request; no group if only the database was to be migrated.
    private func start() async throws -> (PostgresPool, WorkerGroup?) {
        let databaseLoop = try EventLoop.start(name: "database")
        let url = settings.databaseURL ?? postgres?.url ?? ""
        if let postgres { try await makeDatabase(postgres, databaseLoop) }
        let pool = PostgresPool(
            try PostgresConfiguration(url: url), loop: databaseLoop, log: log.of("postgres"))
        try await waitUntilReady(pool)
        if isMigrating {
            _ = try await Migrator(pool, Schema.migrations).migrate { [log] name in
                log.info("migrated", ["migration": .string(name)])
            }
        }
        return (pool, onlyMigrates ? nil : try await serve(pool))
    }

    /// Listens; who is let in is served once the group runs.
    private func serve(_ pool: PostgresPool) async throws -> WorkerGroup {
        let metrics = Metrics()
        let client = try MQTTClient(
            try brokerConfiguration(), loop: try EventLoop.start(name: "stage"), log: log)
        let plane = try ControlPlane(
            ControlPlane.Ground(
                pool: pool, ownsDatabase: postgres != nil, client: client, keys: keys,
                broker: brokerAddress, metrics: metrics, log: log))
        try await plane.load()
        let requests = metrics.histograms(
            "cuelight_http_seconds", "Requests by endpoint.", labels: ["method", "path", "status"])
        var configuration = HTTPConfiguration(
            listeners: [HTTPConfiguration.Listener(settings.listen, tls: try tlsContext())])
        configuration.logsAccess = settings.logLevel == .debug
        configuration.observe = { method, path, status, duration in
            requests.with(method, path, "\(status.rawValue)").observe(duration)
        }
        let application = plane.application()
        let server = HTTPServer(configuration, log: log.of("http")) {
            await application.respond(to: $0)
        }
        for address in try await listen(server) {
            log.info("listening", ["address": .string("\(address)")])
        }
        return WorkerGroup(
            [client] + plane.workers + [server], deadline: .seconds(20), log: log)
    }

    private func listen(_ server: HTTPServer) async throws -> [SocketAddress] {
        do { return try await server.listen() } catch let error as LinuxError {
            throw ListenCheck.http(settings).problem(error)
        }
    }

    /// CREATE DATABASE where there is none yet.
    private func makeDatabase(_ postgres: EmbeddedPostgres, _ loop: EventLoop) async throws {
        let pool = PostgresPool(
            try PostgresConfiguration(url: postgres.maintenanceURL), loop: loop,
            log: log.of("postgres"))
        try await waitUntilReady(pool)
        let isThere = try await pool.queryOne(
            "SELECT 1 FROM pg_database WHERE datname = \(EmbeddedPostgres.databaseName)",
            as: (Int32).self)
        if isThere == nil { try await pool.execute("CREATE DATABASE cuelight") }
        await pool.close()
    }

    private func waitUntilReady(_ pool: PostgresPool) async throws {
        let end = ContinuousClock.now + Self.startDeadline
        while true {
            do {
                _ = try await pool.queryOne("SELECT 1", as: (Int32).self)
                return
            } catch {
                guard ContinuousClock.now < end else {
                    throw StartProblem.notReady(part: "the database", reason: "\(error)")
                }
                try await Task.sleep(for: .milliseconds(50))
            }
        }
    }

    private func brokerConfiguration() throws -> MQTTConfiguration {
        let client = ControlPlane.brokerClient
        let signer = keys.broker
        let log = log
        return MQTTConfiguration(
            address: try brokerClientAddress(), clientID: client, username: client
        ) {
            let expiry = TimeSource.system.unixMilliseconds() / 1000 + 24 * 3600
            let credential = BrokerCredential(
                role: .control, workspace: "-", client: client, epoch: 1,
                expiresAtSeconds: expiry)
            do { return try signer.password(for: credential) } catch {
                log.error("cannot sign a credential", ["reason": .string("\(error)")])
                return ""
            }
        }
    }

    private func brokerClientAddress() throws -> MQTTConfiguration.Address {
        if let brokerSocket { return .unix(path: brokerSocket) }
        let url = settings.brokerURL ?? ""
        if url.hasPrefix("unix:") { return .unix(path: String(url.dropFirst(5))) }
        for (scheme, isTLS) in [("mqtt://", false), ("mqtts://", true)] where url.hasPrefix(scheme)
        {
            let parts = url.dropFirst(scheme.count).split(separator: ":")
            guard parts.count == 2, let port = UInt16(parts[1]) else { break }
            let host = String(parts[0])
            return isTLS
                ? .tls(host: host, port: port, authorityFile: nil) : .tcp(host: host, port: port)
        }
        throw StartProblem.badURL(key: "mqtt.url", value: url)
    }

    /// Where agents are told to find the broker.
    private var brokerAddress: BrokerAddress {
        let (host, port): (String, UInt16) =
            switch settings.brokerListen {
            case .ip(let host, let port): (host, port)
            case .unix: ("127.0.0.1", 1883)
            }
        return BrokerAddress(
            host: settings.brokerPublicHost ?? host, port: port,
            isTLS: settings.brokerTLSCertificate != nil)
    }

    /// Nil without a certificate.
    private func tlsContext() throws -> TLSContext? {
        guard let certificate = settings.tlsCertificate else { return nil }
        guard let key = settings.tlsKey else {
            throw StartProblem.badURL(key: "http.tls_key", value: "(not set)")
        }
        let size = 1024 * 1024
        return try TLSContext.server(
            certificateChainPEM: String(
                decoding: try SmallFile.read(certificate, sizeMax: size), as: UTF8.self),
            privateKeyPEM: String(
                decoding: try SmallFile.readSecret(key, sizeMax: size), as: UTF8.self))
    }
}

/// Drops what is past its time, each hour.
struct Housekeeper: Worker {
    let name = "housekeeper"
    private let idempotency: PostgresIdempotencyStore
    private let log: Log

    init(_ idempotency: PostgresIdempotencyStore, log: Log) {
        self.idempotency = idempotency
        self.log = log
    }

    func run() async throws {
        while !Task.isCancelled {
            // Cancellation ends the pause and then the loop.
            try? await Task.sleep(for: .seconds(3600))
            guard !Task.isCancelled else { return }
            do { try await idempotency.deleteOld() } catch {
                log.warning("cannot drop old answers", ["reason": .string("\(error)")])
            }
        }
    }
}
