/// One scheduled closure of an event loop. Used on the loop alone.
package final class LoopTimer {
    let dueNanoseconds: Int64
    let order: UInt64
    var body: (() -> Void)?

    init(dueNanoseconds: Int64, order: UInt64, body: @escaping () -> Void) {
        self.dueNanoseconds = dueNanoseconds
        self.order = order
        self.body = body
    }

    /// The closure will not run; its captures are let go at once.
    package func cancel() { body = nil }
}

/// Timers by due time, then by order of scheduling: a binary heap. Cancelled ones leave it when
/// they are due, or when they outnumber the others.
struct TimerQueue {
    private var heap: [LoopTimer] = []
    private var count: UInt64 = 0

    var nextDueNanoseconds: Int64? {
        mutating get {
            while let first = heap.first, first.body == nil { removeFirst() }
            return heap.first?.dueNanoseconds
        }
    }

    mutating func insert(dueNanoseconds: Int64, body: @escaping () -> Void) -> LoopTimer {
        if heap.count >= 64 && heap.count == heap.capacity { dropCancelled() }
        count += 1
        let timer = LoopTimer(dueNanoseconds: dueNanoseconds, order: count, body: body)
        heap.append(timer)
        siftUp(heap.count - 1)
        return timer
    }

    /// Takes out what is due, in order. Whoever runs them looks at `body` then, not before: one
    /// may cancel another. A timer scheduled meanwhile waits for the next turn.
    mutating func takeDue(until nanoseconds: Int64) -> [LoopTimer] {
        var due: [LoopTimer] = []
        while let first = heap.first, first.dueNanoseconds <= nanoseconds {
            removeFirst()
            due.append(first)
        }
        return due
    }

    private mutating func dropCancelled() {
        heap.removeAll { $0.body == nil }
        for index in stride(from: heap.count / 2 - 1, through: 0, by: -1) { siftDown(index) }
    }

    private mutating func removeFirst() {
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        siftDown(0)
    }

    private static func precedes(_ left: LoopTimer, _ right: LoopTimer) -> Bool {
        left.dueNanoseconds == right.dueNanoseconds
            ? left.order < right.order : left.dueNanoseconds < right.dueNanoseconds
    }

    private mutating func siftUp(_ start: Int) {
        var index = start
        while index > 0 {
            let parent = (index - 1) / 2
            guard Self.precedes(heap[index], heap[parent]) else { return }
            heap.swapAt(index, parent)
            index = parent
        }
    }

    private mutating func siftDown(_ start: Int) {
        var index = start
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2]
            where child < heap.count && Self.precedes(heap[child], heap[least]) {
                least = child
            }
            guard least != index else { return }
            heap.swapAt(index, least)
            index = least
        }
    }
}

extension Duration {
    /// Whole nanoseconds; what does not fit becomes the nearest `Int64`.
    package var nanosecondsClamped: Int64 {
        let (seconds, attoseconds) = components
        let product = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        if product.overflow { return seconds < 0 ? .min : .max }
        let sum = product.partialValue.addingReportingOverflow(attoseconds / 1_000_000_000)
        return sum.overflow ? (seconds < 0 ? .min : .max) : sum.partialValue
    }

    /// Whole milliseconds, cut toward zero.
    package var millisecondsClamped: Int64 { nanosecondsClamped / 1_000_000 }
}
