/// A first-in-first-out queue with a named limit and a policy at the limit. A value: guard it by
/// whatever guards its owner. Storage grows to what was needed, never past the limit.
package struct BoundedQueue<Element> {
    /// What happens to an element that finds the queue full.
    package enum Policy: Sendable, Hashable {
        /// The new one is turned away.
        case refuse
        /// The oldest makes room.
        case dropOldest
    }

    /// What became of an appended element.
    package enum Admission {
        case accepted
        /// Not in the queue.
        case refused
        /// In the queue; this one fell out for it.
        case replaced(Element)
    }

    package let limit: Int
    package let policy: Policy
    package private(set) var count = 0
    /// How many elements were refused or fell out since the start.
    package private(set) var lostCount = 0
    private var slots: [Element?] = []
    private var head = 0

    /// - Parameter limit: elements; at least 1.
    package init(limit: Int, policy: Policy) {
        precondition(limit >= 1, "a queue holds at least one element")
        self.limit = limit
        self.policy = policy
    }

    package var isEmpty: Bool { count == 0 }
    package var isFull: Bool { count == limit }
    package var first: Element? { count == 0 ? nil : slots[head] }

    @discardableResult
    package mutating func append(_ element: Element) -> Admission {
        var fallen: Element?
        if isFull {
            lostCount += 1
            guard policy == .dropOldest else { return .refused }
            fallen = popFirst()
        }
        if count == slots.count { grow() }
        slots[(head + count) % slots.count] = element
        count += 1
        return fallen.map { .replaced($0) } ?? .accepted
    }

    package mutating func popFirst() -> Element? {
        guard count > 0 else { return nil }
        defer {
            slots[head] = nil
            head = (head + 1) % slots.count
            count -= 1
        }
        return slots[head]
    }

    /// Takes out the elements that match, in order; the others keep theirs.
    @discardableResult
    package mutating func removeAll(where matches: (Element) -> Bool) -> [Element] {
        var removed: [Element] = []
        for _ in 0..<count {
            guard let element = popFirst() else { break }
            if matches(element) {
                removed.append(element)
            } else {
                slots[(head + count) % slots.count] = element
                count += 1
            }
        }
        return removed
    }

    /// Takes out everything, in order.
    package mutating func drain() -> [Element] { removeAll { _ in true } }

    private mutating func grow() {
        var larger: [Element?] = []
        larger.reserveCapacity(min(limit, max(8, slots.count * 2)))
        for offset in 0..<count { larger.append(slots[(head + offset) % slots.count]) }
        let capacity = min(limit, max(8, slots.count * 2))
        larger.append(contentsOf: repeatElement(nil, count: capacity - larger.count))
        slots = larger
        head = 0
    }
}

extension BoundedQueue: Sendable where Element: Sendable {}
extension BoundedQueue.Admission: Sendable where Element: Sendable {}
extension BoundedQueue.Admission: Equatable where Element: Equatable {}
