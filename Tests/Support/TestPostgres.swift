import Glibc
package import Platform
package import Postgres
import Synchronization

/// A real PostgreSQL on a unix socket in a folder of its own. It ends with the value, or with the
/// test process however that ends, and its folder goes with it.
package final class TestPostgres: Sendable {
    package enum Problem: Error, CustomStringConvertible {
        case missing
        case failed(program: String, output: String)
        case silent(reason: String, log: String)

        package var description: String {
            switch self {
            case .missing: "no PostgreSQL server programs: install the package postgresql-15"
            case .failed(let program, let output): "\(program) failed: \(output)"
            case .silent(let reason, let log): "PostgreSQL does not answer: \(reason) \(log)"
            }
        }
    }

    /// The loop of all test databases; it stays until the process ends.
    package static let loop: EventLoop = {
        do {
            return try EventLoop.start(name: "test-postgres")
        } catch {
            preconditionFailure("\(error)")
        }
    }()

    package let folder: String
    private let settings: [String]
    private let process: Mutex<TestProcess>

    /// Starts one and waits until it answers.
    /// - Parameter settings: more of them, as `name=value`.
    package static func start(settings: [String] = []) async throws -> TestPostgres {
        let programs = try PostgresPrograms.find()
        let cluster = try await programs.cluster()
        let folder = try makeFolder()
        try await programs.run(
            ["/bin/cp", "-a", "--reflink=auto", cluster, folder + "/data"],
            output: folder + "/log")
        let server = TestPostgres(
            folder: folder, settings: settings,
            process: try launch(programs, folder, settings))
        try await server.waitUntilReady()
        return server
    }

    private init(folder: String, settings: [String], process: TestProcess) {
        self.folder = folder
        self.settings = settings
        self.process = Mutex(process)
    }

    /// SIGQUIT, "immediate shutdown": PostgreSQL frees its shared memory, but saves nothing.
    deinit { process.withLock { $0.end(with: SIGQUIT) } }

    package func configuration(database: String = "postgres") throws -> PostgresConfiguration {
        try PostgresConfiguration(url: "host=\(folder) user=postgres dbname=\(database)")
    }

    /// Sends a signal to the postmaster.
    package func signal(_ number: Int32) { process.withLock { $0.signal(number) } }

    /// Ends it as a power cut would.
    package func kill() { process.withLock { $0.kill() } }

    /// Starts it again after `kill`. A backend of the killed one that is still busy holds its
    /// shared memory, and the new one then gives up at once: so it is started more than once.
    package func restart() async throws {
        let programs = try PostgresPrograms.find()
        for _ in 0..<50 {
            let next = try Self.launch(programs, folder, settings)
            process.withLock { $0 = next }
            do { return try await waitUntilReady() } catch is Problem {
                guard next.hasEnded() else { break }
                try await Task.sleep(for: .milliseconds(100))
            }
        }
        throw Problem.silent(reason: "restarted", log: TestProcess.text(folder + "/log"))
    }

    private static func launch(
        _ programs: PostgresPrograms, _ folder: String, _ settings: [String]
    ) throws -> TestProcess {
        try TestProcess.spawn(
            [programs.path("postgres"), "-D", folder + "/data", "-k", folder]
                + settings.flatMap { ["-c", $0] },
            output: folder + "/log", deathSignal: SIGQUIT)
    }

    /// Asks until it answers or has ended; the pool's own back-off is the pause between.
    private func waitUntilReady() async throws {
        let pool = PostgresPool(
            try configuration(), loop: Self.loop, log: Log(component: "", minimum: .error))
        let start = ContinuousClock.now
        var reason = ""
        while start.duration(to: .now) < .seconds(60), !process.withLock({ $0.hasEnded() }) {
            do {
                try await pool.execute("SELECT 1")
                return
            } catch {
                reason = "\(error)"
            }
        }
        throw Problem.silent(reason: reason, log: TestProcess.text(folder + "/log"))
    }

    /// A folder that only the server's user (and root) can enter.
    private static func makeFolder() throws -> String {
        let path = try TestProcess.makeFolder("postgres", under: PostgresPrograms.parent)
        if let user = PostgresPrograms.user { chown(path, user, user) }
        chmod(path, 0o700)
        return path
    }
}
