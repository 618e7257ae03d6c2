/// Messages that wait for the broker: bounded by count and bytes, first in first out; what is
/// past its deadline is given back instead of sent. Urgent messages go ahead of all others, have
/// the same bounds once more, and know no deadline. A pure value.
struct OutgoingQueue {
    struct Entry {
        let message: MQTTMessage
        /// Monotonic; `.max` for none.
        let deadlineNanoseconds: Int64
        let completion: (@Sendable (Result<Void, MQTTError>) -> Void)?
    }

    private let countMax: Int
    private let bytesMax: Int
    private var entries: [Entry] = []
    private var head = 0
    private(set) var bytes = 0
    private var urgent: [Entry] = []
    private var urgentBytes = 0

    init(countMax: Int, bytesMax: Int) {
        self.countMax = countMax
        self.bytesMax = bytesMax
    }

    var count: Int { entries.count - head + urgent.count }

    /// Takes the entry; false if it does not fit.
    mutating func append(_ entry: Entry, isUrgent: Bool = false) -> Bool {
        guard !isUrgent else { return appendUrgent(entry) }
        guard entries.count - head < countMax, bytes + entry.message.payload.count <= bytesMax
        else {
            return false
        }
        entries.append(entry)
        bytes += entry.message.payload.count
        return true
    }

    private mutating func appendUrgent(_ entry: Entry) -> Bool {
        guard urgent.count < countMax, urgentBytes + entry.message.payload.count <= bytesMax else {
            return false
        }
        urgent.append(entry)
        urgentBytes += entry.message.payload.count
        return true
    }

    /// The oldest entry, urgent ones first.
    mutating func popFirst() -> Entry? {
        if let entry = urgent.first {
            urgent.removeFirst()
            urgentBytes -= entry.message.payload.count
            return entry
        }
        guard head < entries.count else { return nil }
        let entry = entries[head]
        head += 1
        bytes -= entry.message.payload.count
        if head == entries.count {
            entries.removeAll(keepingCapacity: true)
            head = 0
        } else if head >= 256 {
            entries.removeFirst(head)
            head = 0
        }
        return entry
    }

    /// Takes out what is past its deadline.
    mutating func takeExpired(at nanoseconds: Int64) -> [Entry] {
        let waiting = entries[head...]
        let expired = waiting.filter { $0.deadlineNanoseconds <= nanoseconds }
        guard !expired.isEmpty else { return [] }
        entries = waiting.filter { $0.deadlineNanoseconds > nanoseconds }
        head = 0
        bytes = entries.reduce(0) { $0 + $1.message.payload.count }
        return expired
    }
}
