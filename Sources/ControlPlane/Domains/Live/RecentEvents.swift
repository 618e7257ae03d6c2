internal import SharedModels

/// The last events of a room, kept in the batches they came in, because a batch is kept without
/// copying its events. At most `capacity` are given back, the oldest is dropped first.
struct RecentEvents: Sendable {
    private let capacity: Int
    private var batches: [[LiveEvent]] = []
    /// Batches before this one are dropped.
    private var oldest = 0
    private var count = 0

    init(capacity: Int) { self.capacity = capacity }

    /// Oldest first.
    var inOrder: [LiveEvent] { Array(batches[oldest...].joined().suffix(capacity)) }

    mutating func append(_ events: [LiveEvent]) {
        batches.append(events)
        count += events.count
        while count - batches[oldest].count >= capacity {
            count -= batches[oldest].count
            batches[oldest] = []
            oldest += 1
        }
        if oldest > capacity {
            batches.removeFirst(oldest)
            oldest = 0
        }
    }
}
