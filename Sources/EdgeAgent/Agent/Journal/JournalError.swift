internal import CSQLite

/// Why the journal could not do its work.
package enum JournalError: Error, Hashable, Sendable, CustomStringConvertible {
    /// SQLite refused; `code` is its extended result code.
    case sqlite(operation: String, code: Int32, message: String)
    /// The file was written by a later release.
    case newerSchema(found: Int, known: Int)

    package var description: String {
        switch self {
        case .sqlite(let operation, let code, let message):
            "journal: \(operation): \(message) (\(code))\(Self.advice(on: code))"
        case .newerSchema(let found, let known):
            "the journal has schema \(found), this release knows up to \(known); "
                + "install the newer release again"
        }
    }

    private static func advice(on code: Int32) -> String {
        // The low byte of an extended code is the primary one.
        switch code & 0xFF {
        case SQLITE_FULL: "; make room on that disk"
        case SQLITE_READONLY, SQLITE_CANTOPEN: "; name a folder that can be written with --state-dir"
        case SQLITE_CORRUPT, SQLITE_NOTADB: "; pair the agent again, with --force"
        default: ""
        }
    }
}
