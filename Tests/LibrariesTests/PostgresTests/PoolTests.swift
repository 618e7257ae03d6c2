import Platform
import Postgres
import SharedModels
import TestSupport
import Testing

@Suite("Postgres pool", .needsServices)
struct PoolTests {
    @Test("a row comes back as the values that were bound")
    func roundTrip() async throws {
        let database = try await TestDatabase.make()
        let row = try await database.pool.queryOne(
            "SELECT \(42), \("text"), \(true)", as: (Int, String, Bool).self)
        #expect(row?.0 == 42 && row?.1 == "text" && row?.2 == true)
        let one = try await database.pool.query("SELECT 7::int8", as: Int.self)
        #expect(one == [7])
    }
}
