/// The prepared statements of one connection, least recently used out first. Pure bookkeeping:
/// whoever sends tells it what the server said.
struct StatementCache {
    struct Key: Hashable {
        let text: String
        let types: [UInt32]
    }

    /// What to do for a statement that is about to be sent.
    struct Decision: Equatable {
        /// Its name on the server.
        let name: String
        /// Whether it must be prepared first.
        let mustPrepare: Bool
        /// The name of a statement that lost its place and must be deallocated.
        var evicted: String?
    }

    private struct Entry {
        let name: String
        var lastUse: UInt64
    }

    private let capacity: Int
    private var entries: [Key: Entry] = [:]
    private var uses: UInt64 = 0
    private var made: UInt64 = 0

    init(capacity: Int) { self.capacity = max(1, capacity) }

    var count: Int { entries.count }

    mutating func use(_ key: Key) -> Decision {
        uses += 1
        if let index = entries.index(forKey: key) {
            entries.values[index].lastUse = uses
            return Decision(name: entries.values[index].name, mustPrepare: false)
        }
        var evicted: String?
        if entries.count >= capacity,
            let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse })
        {
            entries[oldest.key] = nil
            evicted = oldest.value.name
        }
        made += 1
        let name = "c\(made)"
        entries[key] = Entry(name: name, lastUse: uses)
        return Decision(name: name, mustPrepare: true, evicted: evicted)
    }

    /// Forgets a statement that could not be prepared or is gone; nothing if another one has
    /// taken its place meanwhile.
    mutating func drop(_ key: Key, name: String) {
        if entries[key]?.name == name { entries[key] = nil }
    }
}
