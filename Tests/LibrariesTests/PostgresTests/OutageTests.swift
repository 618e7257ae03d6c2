import Glibc
import Platform
import Synchronization
import TestSupport
import Testing

@testable import Postgres

/// What callers see when the server dies, hangs, refuses and comes back. Each test has a server
/// of its own.
@Suite("Postgres outage", .needsServices)
struct OutageTests {
    private func makePool(
        _ server: TestPostgres, _ configure: (inout PostgresConfiguration) -> Void = { _ in }
    ) throws -> PostgresPool {
        var configuration = try server.configuration()
        configure(&configuration)
        return PostgresPool(
            configuration, loop: TestPostgres.loop, log: Log(component: "", minimum: .error))
    }

    private let sleepers: SQL = """
        SELECT count(*) FROM pg_stat_activity WHERE state = 'active'
            AND query LIKE '%pg_sleep(60' || ')%'
        """

    @Test("calls fail soon when the server is killed, and later calls work again")
    func killed() async throws {
        let server = try await TestPostgres.start()
        let pool = try makePool(server)
        let single = Task { try await pool.execute("SELECT pg_sleep(60)") }
        let transaction = Task {
            try await pool.transaction { transaction in
                try await transaction.execute("CREATE TABLE gone (id int8)")
                try await transaction.execute("SELECT pg_sleep(60)")
            }
        }
        try await until { try await pool.queryOne(sleepers, as: Int.self) == 2 }
        server.kill()
        let start = ContinuousClock.now
        for result in [await single.result.map { _ in }, await transaction.result] {
            #expect { try result.get() } throws: { ($0 as? PostgresError)?.isLoss == true }
        }
        #expect(start.duration(to: .now) < .seconds(50), "the statements were waited for")
        // A backend that slept when its postmaster was killed may answer once more.
        try await until {
            let counts = await pool.counts()
            return counts.shared == 0 && counts.idle == 0
        }
        for _ in 0..<3 {
            let error = await #expect(throws: PostgresError.self) {
                try await pool.execute("SELECT 1")
            }
            #expect(error?.kind == .unreachable || error?.kind == .connectionLost)
        }
        let inTransaction = await #expect(throws: PostgresError.self) {
            try await pool.transaction { _ in }
        }
        #expect(inTransaction?.kind == .unreachable)
        try await server.restart()
        try await until {
            do {
                return try await pool.queryOne("SELECT 5::int8", as: Int.self) == 5
            } catch {
                return false
            }
        }
        try await pool.transaction { transaction in
            let gone = try await transaction.queryOne(
                "SELECT to_regclass('gone') IS NULL", as: Bool.self)
            #expect(gone == true)
        }
    }

    @Test("a server that hangs costs a call its deadline and no more")
    func hanging() async throws {
        let server = try await TestPostgres.start()
        let pool = try makePool(server) {
            $0.deadline = .milliseconds(200)
            $0.connectDeadline = .milliseconds(400)
            $0.sharedConnections = 1
        }
        // On a busy computer the first connection may take longer than a call may.
        var pid: Int32?
        try await until {
            // Fails until the server is back, which is what is waited for.
            pid = try? await pool.queryOne("SELECT pg_backend_pid()", as: Int32.self)
            return pid != nil
        }
        let backend = try #require(pid)
        #expect(kill(backend, SIGSTOP) == 0)
        server.signal(SIGSTOP)
        let error = await #expect(throws: PostgresError.self) { try await pool.execute("SELECT 1") }
        #expect(error?.kind == .deadlineExceeded)
        let noConnection = await #expect(throws: PostgresError.self) {
            try await pool.transaction(deadline: .milliseconds(300)) { _ in }
        }
        #expect(noConnection != nil)
        // The silent connection is given up although nobody closed it.
        try await until { await pool.counts().shared == 0 }
        server.signal(SIGCONT)
        #expect(kill(backend, SIGCONT) == 0)
        try await until {
            do {
                return try await pool.execute("SELECT 1") == 1
            } catch {
                return false
            }
        }
    }

    @Test("connections that the server ends are replaced without a failing call")
    func terminated() async throws {
        let server = try await TestPostgres.start()
        let pool = PostgresPool(
            try PostgresConfiguration(
                url: "host=\(server.folder) user=postgres application_name=victim"),
            loop: TestPostgres.loop, log: Log(component: "", minimum: .error))
        let other = try makePool(server)
        for _ in 0..<5 {
            try await pool.transaction { transaction in
                _ = try await transaction.execute("SELECT 1")
            }
            #expect(try await pool.execute("SELECT 1") == 1)
            // Again, because a spare connection may just be on its way.
            try await until {
                try await other.execute(
                    """
                    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE application_name = 'victim'
                    """)
                let counts = await pool.counts()
                return counts.shared == 0 && counts.idle == 0
            }
        }
        #expect(try await pool.execute("SELECT 1") == 1)
    }

    @Test("a server with too few connections slows calls down but fails none")
    func fewConnections() async throws {
        let server = try await TestPostgres.start(settings: [
            "max_connections=5", "superuser_reserved_connections=0", "max_wal_senders=0",
        ])
        let pool = try makePool(server) { $0.sharedConnections = 2 }
        let done = Shared(0)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<40 {
                group.addTask {
                    try await pool.transaction { transaction in
                        try await transaction.execute("SELECT pg_sleep(0.01)")
                    }
                    done.withLock { $0 += 1 }
                }
            }
            try await group.waitForAll()
        }
        #expect(done.withLock { $0 } == 40)
    }

    @Test("an unknown database, host or bad URL is told plainly")
    func refused() async throws {
        let server = try await TestPostgres.start()
        let pool = PostgresPool(
            try server.configuration(database: "nowhere"), loop: TestPostgres.loop,
            log: Log(component: "", minimum: .error))
        let error = await #expect(throws: PostgresError.self) { try await pool.execute("SELECT 1") }
        #expect(error?.kind == .unreachable && error?.message.contains("nowhere") == true)
        let lost = PostgresPool(
            try PostgresConfiguration(url: "postgresql://u:secret@no-such-host.invalid/x"),
            loop: TestPostgres.loop, log: Log(component: "", minimum: .error))
        let unknown = await #expect(throws: PostgresError.self) {
            try await lost.execute("SELECT 1", deadline: .seconds(4))
        }
        #expect(unknown?.kind == .unreachable || unknown?.kind == .deadlineExceeded)
        #expect("\(lost.configuration)".contains("secret") == false)
        let bad = #expect(throws: PostgresError.self) {
            try PostgresConfiguration(url: "postgresql://host:1/?nonsense=1")
        }
        #expect(bad?.kind == .misuse)
    }

    @Test("a name is resolved off the loop, and addresses and folders are left alone")
    func resolving() async throws {
        #expect(HostResolver.isName("localhost"))
        for host in ["127.0.0.1", "::1", "/run/postgresql", "@abstract", "a,b", ""] {
            #expect(!HostResolver.isName(host), "\(host)")
        }
        let answer = await withCheckedContinuation { continuation in
            TestPostgres.loop.submit {
                HostResolver.resolve(["host": "localhost"], on: TestPostgres.loop) {
                    continuation.resume(returning: $0)
                }
            }
        }
        let address = try answer.get()["hostaddr"]
        #expect(address == "127.0.0.1" || address == "::1")
    }
}
