import Platform
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import HTTP
@testable import cuelight

/// The store of `Idempotency-Key` on a real database whose table can be locked: writing hangs then.
@Suite("Idempotency without a database", .needsServices, .timeLimit(.minutes(2)))
struct IdempotencyTests {
    private static let log = Log(component: "test", minimum: .error)

    /// Keeps everybody from the table of keys, from `take` to `release`.
    private final class TableLock: Sendable {
        private let pool: PostgresPool
        private let taken = AsyncStream<Void>.makeStream()
        private let released = AsyncStream<Void>.makeStream()

        init(_ pool: PostgresPool) { self.pool = pool }

        func take() async -> Task<Void, any Error> {
            let (pool, taken, released) = (pool, taken.continuation, released.stream)
            let task = Task {
                try await pool.transaction(deadline: .seconds(60)) { tx in
                    try await tx.execute(
                        "LOCK TABLE platform.idempotency IN ACCESS EXCLUSIVE MODE")
                    taken.yield()
                    for await _ in released { break }
                }
            }
            for await _ in self.taken.stream { break }
            return task
        }

        func release() { released.continuation.yield() }
    }

    private struct Site {
        let pool: PostgresPool
        let store: PostgresIdempotencyStore
        let application: Application
        let count: Count

        final class Count: Sendable {
            let value = Atomic(0)
            var now: Int { value.load(ordering: .relaxed) }
        }

        func ask(key: String = "k") async throws -> (status: Int, text: String) {
            let request = try #require(
                Request(
                    .post, "/deeds", headers: [(name: "Idempotency-Key", value: key)], body: [],
                    peer: "1.2.3.4", id: "r1"))
            let response = await application.respond(to: request)
            return (
                response.status.rawValue,
                String(decoding: Envelope.bytes(of: response, requestID: "r1"), as: UTF8.self)
            )
        }
    }

    /// - Parameter deed: what the endpoint does besides counting.
    private func site(
        _ pool: PostgresPool, deed: @escaping @Sendable () async -> Void = {}
    ) -> Site {
        let store = PostgresIdempotencyStore(pool: pool, log: Self.log)
        let count = Site.Count()
        let endpoint = Endpoint(
            .post, "/deeds", "Do it", tag: "deeds", access: .open, rate: .write,
            answer: .item(Schema.object([.required("number", .integer(0...1000))])),
            status: .created, isIdempotent: true
        ) { _ in
            await deed()
            let number = count.value.add(1, ordering: .relaxed).newValue
            return try .item(["number": number], status: .created)
        }
        let hooks = Hooks(idempotency: store, explain: { HTTPError(databaseAway: $0) })
        return Site(
            pool: pool, store: store,
            application: Application(endpoints: [endpoint], hooks: hooks, log: Self.log),
            count: count)
    }

    @Test("a key that cannot be reserved is answered with 503, and nothing is done")
    func away() async throws {
        let site = site(try await TestDatabase.make().pool)
        let lock = TableLock(site.pool)
        let holder = await lock.take()
        let refused = try await site.ask()
        #expect(refused.status == 503 && refused.text.contains("database_away"))
        #expect(site.count.now == 0)
        lock.release()
        try await holder.value
        // The database may have reserved the key after nobody waited any more: then it is held
        // until the reservation has run out.
        let again = try await site.ask()
        #expect(
            (again.status, site.count.now) == (201, 1) || (again.status, site.count.now) == (409, 0)
        )
        let count = site.count.now
        #expect(try await site.ask(key: "other").status == 201)
        #expect(site.count.now == count + 1)
    }

    @Test(
        "a full disk, a server that only reads or has no room is a database away; a mistake is none",
        arguments: [
            ("53100", true), ("53300", true), ("25006", true), ("57P03", true), ("58030", true),
            ("23505", false), ("42P01", false),
        ])
    func states(code: String, isAway: Bool) {
        let error = PostgresError(.server(SQLState(code)), "no")
        #expect((HTTPError(databaseAway: error)?.status == .serviceUnavailable) == isAway)
    }

    @Test("an answer that the database does not take is replayed all the same, and written later")
    func lostAnswer() async throws {
        let pool = try await TestDatabase.make().pool
        let lock = TableLock(pool)
        let holder = Mutex<Task<Void, any Error>?>(nil)
        let site = site(pool) {
            let task = await lock.take()
            holder.withLock { $0 = task }
        }
        let first = try await site.ask()
        #expect(first.status == 201)
        for _ in 0..<2 { #expect(try await site.ask().text == first.text) }
        #expect(site.count.now == 1)
        lock.release()
        try await holder.withLock { $0 }?.value
        let writer = Task { try await site.store.run() }
        // Another process knows it from the database alone.
        let other = PostgresIdempotencyStore(pool: pool, log: Self.log)
        let key = IdempotencyKey(
            subject: "address:1.2.3.4", operation: "POST /deeds", key: "k", body: [])
        try await eventually("the answer is written") {
            if case .replay = try await other.begin(key) { return true }
            return false
        }
        #expect(try await site.ask().text == first.text)
        #expect(site.count.now == 1)
        writer.cancel()
        _ = await writer.result
    }
}
