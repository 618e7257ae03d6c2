import Platform
import TestSupport
import Testing

@testable import Postgres

@Suite("Postgres notifications", .needsServices)
struct ListenTests {
    @Test("messages of committed transactions arrive in order, those of others never")
    func messages() async throws {
        let pool = try await TestDatabase.make().pool
        var stream = pool.notifications(on: "outbox").makeAsyncIterator()
        #expect(await stream.next() == .mayHaveMissed)
        try await pool.execute("SELECT pg_notify('outbox', \("one"))")
        struct Refusal: Error {}
        await #expect(throws: Refusal.self) {
            try await pool.transaction { transaction in
                try await transaction.execute("SELECT pg_notify('outbox', 'never')")
                throw Refusal()
            }
        }
        try await pool.transaction { transaction in
            try await transaction.execute("SELECT pg_notify('outbox', \("two"))")
            try await transaction.execute("SELECT pg_notify('elsewhere', \("three"))")
        }
        try await pool.execute("SELECT pg_notify('outbox', \("four"))")
        #expect(await stream.next() == .message("one"))
        #expect(await stream.next() == .message("two"))
        #expect(await stream.next() == .message("four"))
    }

    @Test("after its connection is lost it listens again and says so")
    func reconnect() async throws {
        let pool = try await TestDatabase.make().pool
        var stream = pool.notifications(on: "outbox").makeAsyncIterator()
        var other = pool.notifications(on: "other").makeAsyncIterator()
        #expect(await stream.next() == .mayHaveMissed)
        #expect(await other.next() == .mayHaveMissed)
        let listening: SQL = """
            SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND query LIKE 'LISTEN%'
            """
        for round in 0..<3 {
            // A backend that was ended says so before it is gone.
            try await until { try await pool.queryOne(listening, as: Int.self) == 1 }
            let ended = try await pool.execute(
                """
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND query LIKE 'LISTEN%'
                """)
            #expect(ended == 1)
            #expect(await stream.next() == .mayHaveMissed)
            #expect(await other.next() == .mayHaveMissed)
            try await pool.execute("SELECT pg_notify('outbox', \("round \(round)"))")
            #expect(await stream.next() == .message("round \(round)"))
        }
    }

    @Test("a reader that is too slow keeps the newest messages and learns that it missed some")
    func overflow() async throws {
        let pool = try await TestDatabase.make().pool
        let stream = pool.notifications(on: "outbox", bufferMax: 8)
        var probe = pool.notifications(on: "outbox", bufferMax: 10_000).makeAsyncIterator()
        #expect(await probe.next() == .mayHaveMissed)
        try await pool.execute(
            "SELECT pg_notify('outbox', n::text) FROM generate_series(1, 1000) n")
        while await probe.next() != .message("1000") {}
        var iterator = stream.makeAsyncIterator()
        var kept: [PostgresNotification] = []
        for _ in 0..<8 { if let next = await iterator.next() { kept.append(next) } }
        #expect(kept.contains(.mayHaveMissed))
        #expect(kept.contains(.message("1000")))
    }

    @Test("with its last reader the connection goes too, and closing the pool ends the streams")
    func endings() async throws {
        let pool = try await TestDatabase.make().pool
        let listeners: SQL = """
            SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND query LIKE '%LISTEN "' || 'outbox"'
            """
        do {
            let task = Task {
                for await _ in pool.notifications(on: "outbox") {}
            }
            try await until { try await pool.queryOne(listeners, as: Int.self) == 1 }
            task.cancel()
            await task.value
        }
        try await until { try await pool.queryOne(listeners, as: Int.self) == 0 }
        let stream = pool.notifications(on: "outbox")
        await pool.close()
        for await _ in stream {}
        for await _ in pool.notifications(on: "outbox") {}
    }
}
