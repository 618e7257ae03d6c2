internal import FoundationEssentials
package import SharedModels

/// What must outlive the agent's process: commands and how far they came, outcomes that the
/// broker does not have yet, the latched E-stop, and the boards with their manifests.
///
/// SQLite with a write-ahead log and `synchronous=NORMAL`: what was written survives the death
/// of the process, but not always a power cut, after which every deadline has passed anyway.
/// No fsync stands on a command's way; `JournalKeeper` does those on a thread of its own.
/// Belongs to one thread, the agent's loop.
package final class Journal {
    package enum Limits {
        /// How long a command's id is remembered, milliseconds: a repeat within it does nothing.
        package static let memoryMilliseconds: Int64 = 25 * 3_600_000
        /// Commands remembered, at most; beyond it the oldest ended ones are forgotten.
        package static let commandsMax = 200_000
        /// Outcomes that wait for the broker, at most, with how many bytes together, and how old;
        /// beyond it the oldest is dropped and counted.
        package static let spoolMax = 100_000
        package static let spoolMaxBytes = 64 << 20
        package static let spoolMilliseconds: Int64 = 24 * 3_600_000
        /// Rows that one pruning looks at, so that it never holds the loop for long.
        package static let pruneMax = 256
        package static let manifestsMax = 32
    }

    /// How far a command came.
    package enum Progress: Int64, Sendable {
        case accepted = 0
        case sent = 1
        case ended = 2
    }

    /// A command that a dead process left without an end.
    package struct Unfinished: Hashable, Sendable {
        package let command: Command
        package let progress: Progress
        package let delivery: Channel.Delivery
    }

    /// An outcome that waits for the broker.
    package struct Spooled: Hashable, Sendable {
        /// Grows; the place in the line.
        package let place: Int64
        package let payload: [UInt8]
    }

    /// A board that was connected once.
    package struct KnownBoard: Hashable, Sendable {
        package let uid: BoardUID
        package let manifestCRC: UInt32
        package let port: String
    }

    private static let schemaVersion = 1
    private static let schema = """
        CREATE TABLE commands (
            arrival INTEGER PRIMARY KEY,
            id BLOB NOT NULL UNIQUE,
            progress INTEGER NOT NULL,
            delivery TEXT NOT NULL,
            received_ms INTEGER NOT NULL,
            payload BLOB NOT NULL,
            outcome BLOB
        );
        CREATE INDEX commands_open ON commands (arrival) WHERE progress < 2;
        CREATE TABLE outcomes (
            place INTEGER PRIMARY KEY AUTOINCREMENT,
            ended_ms INTEGER NOT NULL,
            payload BLOB NOT NULL
        );
        CREATE TABLE facts (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
        CREATE TABLE manifests (
            crc INTEGER PRIMARY KEY,
            bytes BLOB NOT NULL,
            seen_ms INTEGER NOT NULL
        );
        CREATE TABLE boards (
            uid TEXT PRIMARY KEY,
            manifest_crc INTEGER NOT NULL,
            port TEXT NOT NULL,
            seen_ms INTEGER NOT NULL
        ) WITHOUT ROWID;
        PRAGMA user_version = 1;
        """

    let database: SQLiteDatabase
    let decoder = JSONDecoder()
    let encoder = JSONEncoder()
    /// Places of the oldest and the newest spooled outcome, to know their number without
    /// counting them; published ones in between make it an upper bound.
    var spoolOldest: Int64
    var spoolNewest: Int64
    /// Of the payloads that wait.
    package internal(set) var spooledBytes: Int
    /// Outcomes dropped because the spool was full or they were too old, since the file was made.
    package internal(set) var droppedOutcomes: Int

    /// - Parameter path: of the database file; its folder must exist.
    package init(path: String) throws(JournalError) {
        database = try SQLiteDatabase(path: path)
        try database.execute(
            """
            PRAGMA journal_mode = WAL;
            PRAGMA synchronous = NORMAL;
            PRAGMA wal_autocheckpoint = 0;
            PRAGMA cache_size = -1024;
            PRAGMA foreign_keys = ON;
            """)
        let version = try database.run("PRAGMA user_version").first?.first?.integer ?? 0
        guard version <= Self.schemaVersion else {
            throw JournalError.newerSchema(found: Int(version), known: Self.schemaVersion)
        }
        if version == 0 { try database.execute("BEGIN;" + Self.schema + "COMMIT;") }
        let ends = try database.run(
            "SELECT min(place), max(place), coalesce(sum(length(payload)), 0) FROM outcomes"
        ).first
        spoolNewest = ends?[1].integer ?? 0
        spooledBytes = Int(ends?[2].integer ?? 0)
        spoolOldest = ends?.first?.integer ?? spoolNewest + 1
        let dropped = try database.run("SELECT value FROM facts WHERE name = 'dropped_outcomes'")
        droppedOutcomes =
            Int(String(decoding: dropped.first?.first?.blob ?? [], as: UTF8.self)) ?? 0
    }

    // Commands.

    /// What is known of a command that arrives: nil if nothing, so that it is new.
    package func progress(of id: CommandID) throws(JournalError) -> Progress? {
        let rows = try database.run("SELECT progress FROM commands WHERE id = ?", [key(id)])
        return rows.first?.first?.integer.flatMap(Progress.init(rawValue:))
    }

    /// The outcome of a command that has ended.
    package func outcome(of id: CommandID) throws(JournalError) -> Outcome? {
        let rows = try database.run("SELECT outcome FROM commands WHERE id = ?", [key(id)])
        guard let bytes = rows.first?.first?.blob else { return nil }
        // Our own writing; should a later release have changed it, the outcome is unknown.
        return try? decoder.decode(Outcome.self, from: Data(bytes))
    }

    /// Keeps a new command before anything is done with it.
    /// - Parameter progress: `sent` if its frame is written next.
    package func accept(
        _ command: Command, payload: [UInt8], delivery: Channel.Delivery, progress: Progress,
        at nowMilliseconds: Int64
    ) throws(JournalError) {
        try database.run(
            """
            INSERT INTO commands (id, progress, delivery, received_ms, payload)
            VALUES (?, ?, ?, ?, ?)
            """,
            [
                key(command.id), .integer(progress.rawValue), .text(delivery.rawValue),
                .integer(nowMilliseconds), .blob(payload),
            ])
    }

    /// A frame of the command is written next.
    package func markSent(_ id: CommandID) throws(JournalError) {
        try database.run("UPDATE commands SET progress = 1 WHERE id = ?", [key(id)])
    }

    /// Keeps how a command ended, and puts that into the spool, in one step.
    /// - Parameter isKnown: false for a command that was refused before it was accepted; its id
    ///   is remembered then too.
    package func finish(
        _ outcome: Outcome, at nowMilliseconds: Int64
    ) throws(JournalError) {
        let payload = encoded(outcome)
        try transaction { () throws(JournalError) in
            try database.run(
                """
                INSERT INTO commands (id, progress, delivery, received_ms, payload, outcome)
                VALUES (?, 2, '', ?, x'', ?)
                ON CONFLICT (id) DO UPDATE
                SET progress = 2, payload = x'', outcome = excluded.outcome
                """,
                [key(outcome.command), .integer(nowMilliseconds), .blob(payload)])
            try database.run(
                "INSERT INTO outcomes (ended_ms, payload) VALUES (?, ?)",
                [.integer(nowMilliseconds), .blob(payload)])
            spoolNewest = database.lastInsertedRow
        }
        spooledBytes += payload.count
        try keepSpoolBounded()
    }

    /// Puts the outcome of an ended command into the spool once more: its command came again.
    package func repeatOutcome(
        _ outcome: Outcome, at nowMilliseconds: Int64
    ) throws(JournalError) {
        let payload = encoded(outcome)
        try database.run(
            "INSERT INTO outcomes (ended_ms, payload) VALUES (?, ?)",
            [.integer(nowMilliseconds), .blob(payload)])
        spoolNewest = database.lastInsertedRow
        spooledBytes += payload.count
        try keepSpoolBounded()
    }

    /// What the last process left without an end, in order of arrival. Rows that cannot be read
    /// are forgotten.
    package func unfinished() throws(JournalError) -> [Unfinished] {
        let rows = try database.run(
            """
            SELECT progress, delivery, payload, id FROM commands
            WHERE progress < 2 ORDER BY arrival
            """)
        var found: [Unfinished] = []
        for row in rows {
            guard row.count == 4, let progress = row[0].integer.flatMap(Progress.init(rawValue:)),
                let delivery = row[1].text.flatMap(Channel.Delivery.init(rawValue:)),
                // Unreadable rows are dealt with right below.
                let command = try? decoder.decode(
                    Command.self, from: Data(row[2].blob ?? []))
            else {
                try database.run("DELETE FROM commands WHERE id = ?", [row[3]])
                continue
            }
            found.append(Unfinished(command: command, progress: progress, delivery: delivery))
        }
        return found
    }

    func transaction(
        _ body: () throws(JournalError) -> Void
    ) throws(JournalError) {
        try database.run("BEGIN IMMEDIATE")
        do {
            try body()
            try database.run("COMMIT")
        } catch {
            // The first failure is the one to tell; SQLite may have rolled back by itself.
            _ = try? database.run("ROLLBACK")
            throw error
        }
    }

    func encoded(_ outcome: Outcome) -> [UInt8] {
        // Encoding plain numbers and text cannot fail.
        (try? encoder.encode(outcome)).map(Array.init) ?? []
    }

    func key(_ id: CommandID) -> SQLiteDatabase.Value {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(16)
        for word in [id.high, id.low] {
            for shift in stride(from: 56, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(shift)))
            }
        }
        return .blob(bytes)
    }
}
