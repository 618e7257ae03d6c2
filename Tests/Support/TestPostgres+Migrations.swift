package import Postgres
import Schema

extension TestPostgres {
    /// Makes the product's tables in a database of this server.
    package static func migrate(_ pool: PostgresPool) async throws {
        _ = try await Migrator(pool, Schema.migrations).migrate()
    }
}
