internal import Synchronization

/// One series: it shows its samples. Implemented by `Counter`, `Gauge` and `Histogram`.
package protocol MetricValue: Sendable {
    /// Appends the samples, one a line.
    func append(name: String, labels: [(String, String)], to text: inout String)
}

/// A count that only grows. Adding is one atomic addition.
package final class Counter: MetricValue {
    private let count = Atomic<UInt64>(0)

    init() {}

    /// Adds; a negative number adds nothing.
    package func add(_ more: Int = 1) {
        count.wrappingAdd(UInt64(max(0, more)), ordering: .relaxed)
    }

    package var value: UInt64 { count.load(ordering: .relaxed) }

    package func append(name: String, labels: [(String, String)], to text: inout String) {
        MetricText.appendSample(name, labels, String(value), to: &text)
    }
}

/// A value that goes up and down. Setting is one atomic store.
package final class Gauge: MetricValue {
    private let bits = Atomic<UInt64>(0)

    init() {}

    package func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }

    package func add(_ more: Double) {
        var old = bits.load(ordering: .relaxed)
        while true {
            let new = (Double(bitPattern: old) + more).bitPattern
            let (exchanged, found) = bits.weakCompareExchange(
                expected: old, desired: new, ordering: .relaxed)
            if exchanged { return }
            old = found
        }
    }

    package var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }

    package func append(name: String, labels: [(String, String)], to text: inout String) {
        MetricText.appendSample(name, labels, MetricText.number(value), to: &text)
    }
}

/// How values spread over fixed buckets.
package final class Histogram: MetricValue {
    /// From 0.1 ms to 10 s, in steps of 1, 2.5 and 5.
    package static let secondsBuckets: [Double] = [
        0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5,
        5, 10,
    ]

    private struct Spread {
        var counts: [UInt64]
        var sum = 0.0
        var total: UInt64 = 0
    }

    private let bounds: [Double]
    private let spread: Mutex<Spread>

    init(_ bounds: [Double]) {
        self.bounds = bounds
        spread = Mutex(Spread(counts: Array(repeating: 0, count: bounds.count + 1)))
    }

    /// Counts one value; what is no number is left out.
    package func observe(_ value: Double) {
        guard !value.isNaN else { return }
        var index = 0
        while index < bounds.count && value > bounds[index] { index += 1 }
        spread.withLock { spread in
            spread.counts[index] &+= 1
            spread.sum += value
            spread.total &+= 1
        }
    }

    /// Counts one stretch of time, in seconds.
    package func observe(_ duration: Duration) {
        observe(Double(duration.nanosecondsClamped) / 1e9)
    }

    /// Counts the time between two monotonic stamps, in seconds; none if they are out of order.
    package func observe(fromNanoseconds start: Int64, to end: Int64) {
        let (elapsed, overflow) = end.subtractingReportingOverflow(start)
        if !overflow && elapsed >= 0 { observe(Double(elapsed) / 1e9) }
    }

    /// How many values were counted.
    package var count: UInt64 { spread.withLock { $0.total } }

    package func append(name: String, labels: [(String, String)], to text: inout String) {
        let now = spread.withLock { $0 }
        var below: UInt64 = 0
        for (bound, count) in zip(bounds, now.counts) {
            below &+= count
            MetricText.appendSample(
                name + "_bucket", labels + [("le", MetricText.number(bound))], String(below),
                to: &text)
        }
        MetricText.appendSample(
            name + "_bucket", labels + [("le", "+Inf")], String(now.total), to: &text)
        MetricText.appendSample(name + "_sum", labels, MetricText.number(now.sum), to: &text)
        MetricText.appendSample(name + "_count", labels, String(now.total), to: &text)
    }
}
