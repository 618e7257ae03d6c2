internal import HTTP
internal import Postgres

extension HTTPError {
    /// What a client is told of a database that is away, frozen, full or busy; nil if the error is
    /// something else.
    init?(databaseAway error: any Error) {
        guard let error = error as? PostgresError, error.isAway else { return nil }
        self.init(
            .serviceUnavailable, "database_away",
            "The database does not serve this now. Ask again soon, with the same Idempotency-Key "
                + "if you sent one.", retryAfterSeconds: 2)
    }
}
