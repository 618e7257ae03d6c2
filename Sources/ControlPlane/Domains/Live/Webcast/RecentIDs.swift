/// The last ids that came by, at most `capacity`; the oldest is forgotten first.
package struct RecentIDs<ID: Hashable & Sendable>: Sendable {
    private let capacity: Int
    private var known: Set<ID>
    private var order: [ID] = []
    private var oldest = 0

    /// - Parameter capacity: how many are remembered, at least 1.
    package init(capacity: Int) {
        precondition(capacity > 0)
        self.capacity = capacity
        known = []
    }

    package var count: Int { known.count }

    /// Remembers `id`; false if it was known already.
    package mutating func insert(_ id: ID) -> Bool {
        guard known.insert(id).inserted else { return false }
        if order.count < capacity {
            order.append(id)
        } else {
            known.remove(order[oldest])
            order[oldest] = id
            oldest = oldest + 1 == capacity ? 0 : oldest + 1
        }
        return true
    }
}
