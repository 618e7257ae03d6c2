/// Outcomes that wait for the broker, and what is forgotten in time.
extension Journal {
    /// How many outcomes wait for the broker, at most.
    package var spooledCount: Int { Int(max(0, spoolNewest - spoolOldest + 1)) }

    /// Outcomes after a place, oldest first.
    package func spooled(after place: Int64, limit: Int) throws(JournalError) -> [Spooled] {
        try database.run(
            "SELECT place, payload FROM outcomes WHERE place > ? ORDER BY place LIMIT ?",
            [.integer(place), .integer(Int64(limit))]
        ).compactMap { row in
            guard row.count == 2, let place = row[0].integer, let payload = row[1].blob else {
                return nil
            }
            return Spooled(place: place, payload: payload)
        }
    }

    /// The broker has them.
    package func forgetOutcomes(_ places: [Int64]) throws(JournalError) {
        guard !places.isEmpty else { return }
        var deleted: [[SQLiteDatabase.Value]] = []
        try transaction { () throws(JournalError) in
            for place in places {
                deleted += try database.run(
                    "DELETE FROM outcomes WHERE place = ? RETURNING length(payload)",
                    [.integer(place)])
            }
        }
        countDeleted(deleted)
        try findOldestOutcome()
    }

    /// Drops the oldest outcomes until what waits is within its limits.
    func keepSpoolBounded() throws(JournalError) {
        while spooledCount > Limits.spoolMax || spooledBytes > Limits.spoolMaxBytes,
            spooledCount > 0
        {
            let deleted = try database.run(
                "DELETE FROM outcomes WHERE place = ? RETURNING length(payload)",
                [.integer(spoolOldest)])
            countDeleted(deleted)
            try countDropped(deleted.count)
            try findOldestOutcome()
        }
    }

    /// - Parameter rows: of outcomes that were deleted, the size of each payload.
    private func countDeleted(_ rows: [[SQLiteDatabase.Value]]) {
        for row in rows { spooledBytes -= Int(row.first?.integer ?? 0) }
    }

    func findOldestOutcome() throws(JournalError) {
        let rows = try database.run("SELECT min(place) FROM outcomes")
        spoolOldest = rows.first?.first?.integer ?? spoolNewest + 1
    }

    func countDropped(_ count: Int) throws(JournalError) {
        guard count > 0 else { return }
        droppedOutcomes += count
        try setFact("dropped_outcomes", Array("\(droppedOutcomes)".utf8))
    }

    /// Forgets old commands and drops old outcomes, a bounded number at a time.
    package func prune(at nowMilliseconds: Int64) throws(JournalError) {
        let limit = SQLiteDatabase.Value.integer(Int64(Limits.pruneMax))
        let dropped = try database.run(
            """
            DELETE FROM outcomes WHERE place IN (
                SELECT place FROM outcomes ORDER BY place LIMIT ?2
            ) AND ended_ms < ?1 RETURNING length(payload)
            """, [.integer(nowMilliseconds - Limits.spoolMilliseconds), limit])
        countDeleted(dropped)
        try countDropped(dropped.count)
        try findOldestOutcome()
        try database.run(
            """
            DELETE FROM commands WHERE arrival IN (
                SELECT arrival FROM commands ORDER BY arrival LIMIT ?2
            ) AND progress = 2 AND (received_ms < ?1 OR arrival <= (
                SELECT max(arrival) FROM commands
            ) - ?3)
            """,
            [
                .integer(nowMilliseconds - Limits.memoryMilliseconds), limit,
                .integer(Int64(Limits.commandsMax)),
            ])
    }
}
