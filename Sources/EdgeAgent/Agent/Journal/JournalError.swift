/// Why the journal could not do its work.
package enum JournalError: Error, Hashable, Sendable, CustomStringConvertible {
    /// SQLite refused; `code` is its extended result code.
    case sqlite(operation: String, code: Int32, message: String)
    /// The file was written by a later release.
    case newerSchema(found: Int, known: Int)

    package var description: String {
        switch self {
        case .sqlite(let operation, let code, let message):
            "journal: \(operation): \(message) (\(code))"
        case .newerSchema(let found, let known):
            "the journal has schema \(found), this release knows up to \(known); "
                + "install the newer release again"
        }
    }
}
