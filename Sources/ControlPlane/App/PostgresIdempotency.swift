internal import Crypto
internal import HTTP
internal import Platform
internal import Postgres

/// Answers by `Idempotency-Key`, kept for a day in `platform.idempotency`. A reservation whose
/// process died is free again after a minute.
struct PostgresIdempotencyStore: IdempotencyStore {
    private static let lifetimeSeconds: Double = 24 * 3600
    private static let reservationSeconds: Double = 60

    let pool: PostgresPool

    func begin(_ key: IdempotencyKey) async throws -> IdempotencyDecision {
        let digest = SHA256.hash(key.body)
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
            """)
        if won > 0 { return .proceed }
        let found = try await pool.queryOne(
            """
            SELECT body_sha256, status, content_type, body FROM platform.idempotency
            WHERE subject = \(key.subject) AND operation = \(key.operation) AND key = \(key.key)
            """, as: ([UInt8], Int32?, String?, [UInt8]?).self)
        guard let (body, status, type, bytes) = found else { return .inProgress }
        guard body == digest else { return .mismatch }
        guard let status, let type, let bytes else { return .inProgress }
        return .replay(StoredAnswer(status: Int(status), contentType: type, body: bytes))
    }

    func finish(_ key: IdempotencyKey, _ answer: StoredAnswer) async throws {
        try await pool.execute(
            """
            UPDATE platform.idempotency SET status = \(Int32(clamping: answer.status)),
                content_type = \(answer.contentType), body = \(answer.body)
            WHERE subject = \(key.subject) AND operation = \(key.operation) AND key = \(key.key)
            """)
    }

    func abandon(_ key: IdempotencyKey) async {
        // Should this fail, the reservation runs out by itself.
        _ = try? await pool.execute(
            """
            DELETE FROM platform.idempotency
            WHERE subject = \(key.subject) AND operation = \(key.operation) AND key = \(key.key)
            """)
    }

    /// Drops what is past its lifetime, each hour.
    func deleteOld() async throws {
        try await pool.execute(
            """
            DELETE FROM platform.idempotency
            WHERE created_at < now() - make_interval(secs => \(Self.lifetimeSeconds))
            """)
    }
}
