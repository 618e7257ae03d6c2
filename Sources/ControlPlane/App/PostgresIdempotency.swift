internal import Crypto
internal import HTTP
internal import Platform
internal import Postgres
internal import Synchronization

/// Answers by `Idempotency-Key`, kept for a day in `platform.idempotency`. A reservation whose
/// process died is free again after a minute.
///
/// Without the database no key can be reserved, so nothing is done then. An answer that cannot be
/// written once the work is done stays here until it is.
final class PostgresIdempotencyStore: IdempotencyStore, Worker {
    private static let lifetimeSeconds: Double = 24 * 3600
    private static let reservationSeconds: Double = 60
    /// How long the database may take to reserve a key.
    static let beginDeadline = Duration.seconds(3)
    /// How long an answer waits to be written.
    static let finishDeadline = Duration.seconds(1)
    static let retryDelay = Duration.seconds(1)
    /// Answers that are not written yet; beyond it one is forgotten, which a repeat after the
    /// reservation's end would do again. No key is reserved while the database is away, so only
    /// requests that were under way when it went come here.
    static let unwrittenMax = 4_096

    /// What a key is, without the body that came with it.
    private struct Name: Hashable {
        let subject: String
        let operation: String
        let key: String
    }

    private struct Unwritten {
        let digest: [UInt8]
        let answer: StoredAnswer
    }

    let name = "idempotency"
    private let pool: PostgresPool
    private let log: Log
    private let unwritten = Mutex<[Name: Unwritten]>([:])
    private let wakeUps: AsyncStream<Void>
    private let wakeUp: AsyncStream<Void>.Continuation

    init(pool: PostgresPool, log: Log) {
        self.pool = pool
        self.log = log.of("idempotency")
        (wakeUps, wakeUp) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    func begin(_ key: IdempotencyKey) async throws -> IdempotencyDecision {
        let digest = SHA256.hash(key.body)
        if let known = unwritten.withLock({ $0[Self.name(of: key)] }) {
            return known.digest == digest ? .replay(known.answer) : .mismatch
        }
        let won = try await pool.execute(
            """
            INSERT INTO platform.idempotency AS i (subject, operation, key, body_sha256)
            VALUES (\(key.subject), \(key.operation), \(key.key), \(digest))
            ON CONFLICT (subject, operation, key) DO UPDATE
            SET body_sha256 = EXCLUDED.body_sha256, created_at = now(), status = NULL,
                content_type = NULL, body = NULL
            WHERE i.created_at < now() - make_interval(secs => \(Self.lifetimeSeconds))
               OR (i.status IS NULL
                   AND i.created_at < now() - make_interval(secs => \(Self.reservationSeconds)))
            """, deadline: Self.beginDeadline)
        if won > 0 { return .proceed }
        let found = try await pool.queryOne(
            """
            SELECT body_sha256, status, content_type, body FROM platform.idempotency
            WHERE subject = \(key.subject) AND operation = \(key.operation) AND key = \(key.key)
            """, as: ([UInt8], Int32?, String?, [UInt8]?).self, deadline: Self.beginDeadline)
        guard let (body, status, type, bytes) = found else { return .inProgress }
        guard body == digest else { return .mismatch }
        guard let status, let type, let bytes else { return .inProgress }
        return .replay(StoredAnswer(status: Int(status), contentType: type, body: bytes))
    }

    /// Does not fail: what the database does not take now is written later.
    func finish(_ key: IdempotencyKey, _ answer: StoredAnswer) async {
        let name = Self.name(of: key)
        // Known here before it is asked for, so that no repeat comes between.
        unwritten.withLock { unwritten in
            if unwritten.count >= Self.unwrittenMax, let some = unwritten.keys.first {
                unwritten[some] = nil
            }
            unwritten[name] = Unwritten(digest: SHA256.hash(key.body), answer: answer)
        }
        await write(name, answer)
    }

    func abandon(_ key: IdempotencyKey) async {
        // Should this fail, the reservation runs out by itself.
        _ = try? await pool.execute(
            """
            DELETE FROM platform.idempotency
            WHERE subject = \(key.subject) AND operation = \(key.operation) AND key = \(key.key)
            """, deadline: Self.finishDeadline)
    }

    /// Drops what is past its lifetime, each hour.
    func deleteOld() async throws {
        try await pool.execute(
            """
            DELETE FROM platform.idempotency
            WHERE created_at < now() - make_interval(secs => \(Self.lifetimeSeconds))
            """)
    }

    /// Writes the answers that the database did not take at once.
    func run() async throws {
        for await _ in wakeUps {
            while !Task.isCancelled, !unwritten.withLock(\.isEmpty) {
                // Cancellation cuts the pause short, and ends the loop.
                try? await Task.sleep(for: Self.retryDelay)
                for (name, one) in unwritten.withLock({ $0 }) { await write(name, one.answer) }
            }
        }
    }

    private func write(_ name: Name, _ answer: StoredAnswer) async {
        do {
            try await pool.execute(
                """
                UPDATE platform.idempotency SET status = \(Int32(clamping: answer.status)),
                    content_type = \(answer.contentType), body = \(answer.body)
                WHERE subject = \(name.subject) AND operation = \(name.operation)
                    AND key = \(name.key)
                """, deadline: Self.finishDeadline)
            unwritten.withLock { $0[name] = nil }
        } catch {
            log.warning("an answer is not written yet", ["reason": .string("\(error)")])
            wakeUp.yield()
        }
    }

    private static func name(of key: IdempotencyKey) -> Name {
        Name(subject: key.subject, operation: key.operation, key: key.key)
    }
}
