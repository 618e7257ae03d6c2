/// Which statements may run where.
enum StatementPolicy {
    /// They end or nest the transaction that the library looks after, or need another protocol.
    private static let refusedAnywhere: Set<String> = [
        "abort", "begin", "commit", "copy", "end", "prepare", "start",
    ]

    /// They change the session, which on a shared connection is everybody's.
    private static let refusedOnShared: Set<String> = [
        "close", "deallocate", "declare", "discard", "execute", "fetch", "listen", "load", "lock",
        "move", "release", "reset", "rollback", "savepoint", "set", "unlisten",
    ]

    /// Whether it may run on a connection that others use at the same time.
    static func isAllowedOnShared(_ text: String) -> Bool {
        let first = word(text.utf8)
        return !refusedAnywhere.contains(first) && !refusedOnShared.contains(first)
    }

    /// Whether it may run in a transaction. Savepoints may.
    static func isAllowedInTransaction(_ text: String) -> Bool {
        let first = word(text.utf8)
        if first == "rollback" {
            return word(text.utf8.drop { !isLetter($0) }.drop(while: isLetter)) == "to"
        }
        return !refusedAnywhere.contains(first)
    }

    /// The first word, in lowercase.
    private static func word(_ text: some Collection<UInt8>) -> String {
        let word = text.drop { !isLetter($0) }.prefix(while: isLetter)
        return String(decoding: word, as: UTF8.self).lowercased()
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (0x41...0x5A).contains(byte & 0xDF) }
}
