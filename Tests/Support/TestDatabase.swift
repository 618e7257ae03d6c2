import Platform
package import Postgres
import Schema
import Synchronization

/// A database of its own for one test or suite, with all migrations applied, on one PostgreSQL
/// that all tests of the process share. A missing server program fails the test.
package final class TestDatabase: Sendable {
    package let name: String
    package let pool: PostgresPool

    private init(name: String, pool: PostgresPool) {
        self.name = name
        self.pool = pool
    }

    /// A new database.
    /// - Parameter isEmpty: without the migrations.
    package static func make(
        isEmpty: Bool = false,
        configure: (inout PostgresConfiguration) -> Void = { _ in }
    ) async throws -> TestDatabase {
        let server = try await TestServer.shared.server()
        let name = try await TestServer.shared.makeDatabase(isEmpty: isEmpty)
        var configuration = try server.configuration(database: name)
        configuration.deadline = TestServer.patience
        configure(&configuration)
        let pool = PostgresPool(
            configuration, loop: TestPostgres.loop, log: Log(component: "test", minimum: .error))
        return TestDatabase(name: name, pool: pool)
    }

    /// Another pool on the same database, as another process would have one.
    package func otherPool() -> PostgresPool {
        PostgresPool(
            pool.configuration, loop: TestPostgres.loop,
            log: Log(component: "test", minimum: .error))
    }
}

/// The PostgreSQL of this process, and the template that its databases are copied from.
private actor TestServer {
    static let shared = TestServer()

    private static let template = "cuelight_template"
    /// On a busy computer a statement may take long; tests of deadlines set their own.
    static let patience = Duration.seconds(30)
    private var starting: Task<(TestPostgres, PostgresPool), any Error>?
    private var count = 0

    func server() async throws -> TestPostgres { try await started().0 }

    func makeDatabase(isEmpty: Bool) async throws -> String {
        let (_, pool) = try await started()
        count += 1
        let name = "test_\(count)"
        let template = isEmpty ? "template0" : Self.template
        try await pool.administer(
            "CREATE DATABASE \(name) TEMPLATE \(template) STRATEGY file_copy",
            deadline: .seconds(60))
        return name
    }

    private func started() async throws -> (TestPostgres, PostgresPool) {
        if let starting { return try await starting.value }
        let task = Task { try await Self.start() }
        starting = task
        return try await task.value
    }

    private static func start() async throws -> (TestPostgres, PostgresPool) {
        let server = try await TestPostgres.start()
        let log = Log(component: "test", minimum: .error)
        let pool = PostgresPool(try server.configuration(), loop: TestPostgres.loop, log: log)
        try await pool.administer("CREATE DATABASE \(template)", deadline: .seconds(60))
        var migrating = try server.configuration(database: template)
        migrating.deadline = patience
        let inside = PostgresPool(
            migrating, loop: TestPostgres.loop, log: log)
        _ = try await Migrator(inside, Schema.migrations).migrate()
        // Nobody may be in a database that is copied.
        await inside.close()
        try await pool.administer("ALTER DATABASE \(template) ALLOW_CONNECTIONS false")
        return (server, pool)
    }
}
