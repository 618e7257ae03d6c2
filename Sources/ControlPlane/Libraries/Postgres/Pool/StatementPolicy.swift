/// Which statements may run on a connection that others use at the same time.
enum StatementPolicy {
    private static let refused: Set<String> = [
        "abort", "begin", "close", "commit", "copy", "deallocate", "declare", "discard", "end",
        "execute", "fetch", "listen", "load", "lock", "move", "prepare", "release", "reset",
        "rollback", "savepoint", "set", "start", "unlisten",
    ]

    /// Whether it leaves the session as it was: no transactions, settings, cursors, LISTEN, COPY.
    static func isAllowedOnShared(_ text: String) -> Bool {
        let isLetter: (UInt8) -> Bool = { (0x41...0x5A).contains($0 & 0xDF) }
        let word = text.utf8.drop { !isLetter($0) && $0 != UInt8(ascii: "-") }.prefix(while: isLetter)
        return !refused.contains(String(decoding: word, as: UTF8.self).lowercased())
    }
}
