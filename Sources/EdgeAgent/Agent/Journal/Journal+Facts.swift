internal import FoundationEssentials
package import SharedModels

/// The latched E-stop, and the boards with their manifests.
extension Journal {
    /// The latched E-stop; nil if none was ever kept or it cannot be read.
    package func stopState() throws(JournalError) -> EmergencyStop? {
        let rows = try database.run("SELECT value FROM facts WHERE name = 'emergency_stop'")
        guard let bytes = rows.first?.first?.blob else { return nil }
        // Our own writing; unreadable means damaged, which is treated as stopped.
        if let stop = try? decoder.decode(EmergencyStop.self, from: Data(bytes)) { return stop }
        return EmergencyStop(sequence: 0, isAgentStopped: true, stoppedBoards: [])
    }

    package func keep(_ stop: EmergencyStop) throws(JournalError) {
        // Encoding plain numbers and text cannot fail; an empty value would read as stopped.
        let bytes = (try? encoder.encode(stop)).map(Array.init) ?? []
        try setFact("emergency_stop", bytes)
    }

    func setFact(_ name: String, _ value: [UInt8]) throws(JournalError) {
        try database.run(
            """
            INSERT INTO facts (name, value) VALUES (?, ?)
            ON CONFLICT (name) DO UPDATE SET value = excluded.value
            """, [.text(name), .blob(value)])
    }

    package func keepManifest(
        crc: UInt32, bytes: [UInt8], at nowMilliseconds: Int64
    ) throws(JournalError) {
        try database.run(
            "INSERT OR REPLACE INTO manifests (crc, bytes, seen_ms) VALUES (?, ?, ?)",
            [.integer(Int64(crc)), .blob(bytes), .integer(nowMilliseconds)])
        try database.run(
            """
            DELETE FROM manifests WHERE crc NOT IN (
                SELECT crc FROM manifests ORDER BY seen_ms DESC LIMIT ?
            )
            """, [.integer(Int64(Limits.manifestsMax))])
    }

    package func manifests() throws(JournalError) -> [UInt32: [UInt8]] {
        var found: [UInt32: [UInt8]] = [:]
        for row in try database.run("SELECT crc, bytes FROM manifests") {
            guard row.count == 2, let crc = row[0].integer, let key = UInt32(exactly: crc),
                let bytes = row[1].blob
            else { continue }
            found[key] = bytes
        }
        return found
    }

    /// Keeps a board; of more than `AgentManifest.boardsMax`, those seen longest ago are
    /// forgotten.
    package func keepBoard(
        _ board: KnownBoard, at nowMilliseconds: Int64
    ) throws(JournalError) {
        try database.run(
            """
            INSERT OR REPLACE INTO boards (uid, manifest_crc, port, seen_ms) VALUES (?, ?, ?, ?)
            """,
            [
                .text(board.uid.description), .integer(Int64(board.manifestCRC)),
                .text(board.port), .integer(nowMilliseconds),
            ])
        try database.run(
            """
            DELETE FROM boards WHERE uid NOT IN (
                SELECT uid FROM boards ORDER BY seen_ms DESC LIMIT ?
            )
            """, [.integer(Int64(AgentManifest.boardsMax))])
    }

    package func boards() throws(JournalError) -> [KnownBoard] {
        try database.run("SELECT uid, manifest_crc, port FROM boards ORDER BY uid").compactMap {
            guard $0.count == 3, let uid = $0[0].text.flatMap({ BoardUID($0) }),
                let crc = $0[1].integer.flatMap({ UInt32(exactly: $0) }), let port = $0[2].text
            else { return nil }
            return KnownBoard(uid: uid, manifestCRC: crc, port: port)
        }
    }
}
