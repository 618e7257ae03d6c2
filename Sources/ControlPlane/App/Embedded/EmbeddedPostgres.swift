internal import FoundationEssentials
internal import Glibc
internal import Platform

/// A private PostgreSQL in the data folder: on a unix socket only, never as root.
struct EmbeddedPostgres {
    static let databaseName = "cuelight"
    static let userName = "cuelight"

    let service: SupervisedService
    /// For `PostgresConfiguration(url:)`.
    let url: String

    /// Makes the cluster where there is none, and prepares the service; does not start it.
    static func prepare(folder: String, loop: EventLoop, log: Log) async throws -> EmbeddedPostgres
    {
        let user = try ServiceProgram.user()
        let cluster = folder + "/postgres"
        let sockets = folder + "/run"
        // PostgreSQL names its socket after its port.
        _ = try ServiceProgram.socketPath(sockets, ".s.PGSQL.5432")
        try ServiceProgram.makeFolder(sockets, for: user, mode: 0o700)
        if access(cluster + "/PG_VERSION", F_OK) != 0 {
            try await makeCluster(cluster, user: user, loop: loop, log: log)
        }
        try writeSettings(cluster: cluster, sockets: sockets, user: user)
        let service = SupervisedService(
            name: "postgresql",
            program: ChildProcess.Program(
                path: try ServiceProgram.postgres("postgres"), arguments: ["-D", cluster],
                environment: environment, directory: cluster, user: user), stopSignal: SIGINT,
            loop: loop, log: log)
        return EmbeddedPostgres(
            service: service,
            url: "postgresql:///\(databaseName)?host=\(sockets)&user=\(userName)")
    }

    /// The database that always exists, from which ours is made.
    var maintenanceURL: String {
        url.replacing("/\(Self.databaseName)?", with: "/postgres?")
    }

    private static let leftoverTries = 50
    private static let leftoverPause = Duration.milliseconds(100)

    private static let environment = [
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC",
    ]

    /// Makes it beside its place and moves it there whole, for who is stopped half-way must not
    /// leave what looks like a cluster. Throws `CancellationError` if cancelled.
    private static func makeCluster(
        _ cluster: String, user: ChildProcess.User?, loop: EventLoop, log: Log
    ) async throws {
        log.info("making a PostgreSQL cluster", ["folder": .string(cluster)])
        let unfinished = cluster + ".new"
        try await removeLeftover(unfinished)
        try ServiceProgram.makeFolder(unfinished, for: user, mode: 0o700)
        let output = OutputTail()
        let child = try await ChildProcess.start(
            ChildProcess.Program(
                path: try ServiceProgram.postgres("initdb"),
                arguments: [
                    "-D", unfinished, "-U", userName, "--encoding=UTF8", "--locale=C.UTF-8",
                    "--auth=peer", "--data-checksums",
                ], environment: environment, directory: unfinished, user: user), on: loop
        ) { _, line in output.append(line) }
        let exit = await withTaskCancellationHandler {
            await child.waitForExit()
        } onCancel: {
            child.signal(SIGTERM)
        }
        try Task.checkCancellation()
        guard exit.isSuccess else {
            throw EmbeddedProblem.cannotMakeCluster("initdb \(exit): \(output.text)")
        }
        guard rename(unfinished, cluster) == 0 else {
            throw LinuxError.current("move \(unfinished) to \(cluster)")
        }
    }

    /// Removes what a start left that was killed. What it had started ends by itself, but may
    /// write there for a moment still; so it is tried again for five seconds.
    private static func removeLeftover(_ folder: String) async throws {
        for attempt in 1... {
            guard access(folder, F_OK) == 0 else { return }
            do { return try FileManager.default.removeItem(atPath: folder) } catch {
                guard attempt < leftoverTries else {
                    throw EmbeddedProblem.cannotMakeCluster(
                        "\(folder), which an earlier start left, cannot be removed; remove it")
                }
            }
            try await Task.sleep(for: leftoverPause)
        }
    }

    /// Written before each start, so that a new version's settings reach an old cluster.
    private static func writeSettings(
        cluster: String, sockets: String, user: ChildProcess.User?
    ) throws {
        let settings = """
            # Written by cuelight at each start.
            listen_addresses = ''
            unix_socket_directories = '\(sockets)'
            unix_socket_permissions = 0700
            max_connections = 60
            shared_buffers = 64MB
            log_timezone = 'UTC'
            timezone = 'UTC'
            logging_collector = off
            log_min_messages = warning

            """
        let access = """
            # Written by cuelight at each start: nobody but its own users, over the socket alone.
            local all \(userName) peer map=cuelight

            """
        let ownName = ServiceProgram.userName(nil)
        let serviceName = ServiceProgram.userName(user)
        let users = Set([ownName, serviceName]).sorted()
        let map = users.map { "cuelight \($0) \(userName)\n" }.joined()
        try write(settings, to: cluster + "/postgresql.conf", user: user)
        try write(access, to: cluster + "/pg_hba.conf", user: user)
        try write(map, to: cluster + "/pg_ident.conf", user: user)
    }

    private static func write(_ text: String, to path: String, user: ChildProcess.User?) throws {
        try SmallFile.replace(path, with: Array(text.utf8), mode: 0o600)
        if let user, chown(path, user.userID, user.groupID) != 0 {
            throw LinuxError.current("change the owner of \(path)")
        }
    }
}
