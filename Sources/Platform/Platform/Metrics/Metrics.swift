internal import Synchronization

/// What the process counts and measures, shown as Prometheus text (exposition format 0.0.4).
///
/// Asking for a metric again gives the same one; the same name with another kind, other labels
/// or other buckets is a programmer's error. Names follow Prometheus: base units, `_total` at the
/// end of counters. Label values must come from a bounded set: each family holds at most
/// `seriesMax` series, and what comes later is counted under the value `other`.
package final class Metrics: Sendable {
    /// Series of one family.
    package static let seriesMax = 200

    private let families = Mutex<[String: any ShownMetric]>([:])

    package init() {}

    /// A count that only grows, such as `cuelight_commands_total`.
    package func counter(_ name: String, _ help: String) -> Counter {
        counters(name, help, labels: []).with()
    }

    /// Counts told apart by labels.
    package func counters(_ name: String, _ help: String, labels: [String]) -> MetricFamily<Counter>
    {
        precondition(name.hasSuffix("_total"), "the name of a counter ends with _total: \(name)")
        return family(MetricFamily(name, help, .counter, labels) { Counter() })
    }

    /// A value that goes up and down.
    package func gauge(_ name: String, _ help: String) -> Gauge {
        gauges(name, help, labels: []).with()
    }

    /// Values told apart by labels.
    package func gauges(_ name: String, _ help: String, labels: [String]) -> MetricFamily<Gauge> {
        family(MetricFamily(name, help, .gauge, labels) { Gauge() })
    }

    /// A value that is asked for whenever somebody looks, such as the length of a queue. Asking
    /// must be quick. A later registration of the same name replaces the former.
    package func gauge(
        _ name: String, _ help: String, reading: @escaping @Sendable () -> Double
    ) {
        let reader = ReadMetric(name, help, .gauge, reading)
        families.withLock { $0[name] = reader }
    }

    /// The same for a count that somebody else keeps.
    package func counter(
        _ name: String, _ help: String, reading: @escaping @Sendable () -> Double
    ) {
        precondition(name.hasSuffix("_total"), "the name of a counter ends with _total: \(name)")
        let reader = ReadMetric(name, help, .counter, reading)
        families.withLock { $0[name] = reader }
    }

    /// How values spread, by default over times in seconds from 0.1 ms to 10 s.
    package func histogram(
        _ name: String, _ help: String, buckets: [Double] = Histogram.secondsBuckets
    ) -> Histogram {
        histograms(name, help, labels: [], buckets: buckets).with()
    }

    /// Spreads told apart by labels.
    package func histograms(
        _ name: String, _ help: String, labels: [String],
        buckets: [Double] = Histogram.secondsBuckets
    ) -> MetricFamily<Histogram> {
        precondition(
            (1...64).contains(buckets.count) && zip(buckets, buckets.dropFirst()).allSatisfy(<)
                && buckets.allSatisfy(\.isFinite), "buckets grow: \(name)")
        precondition(!labels.contains("le"), "le is the histogram's own label: \(name)")
        return family(
            MetricFamily(name, help, .histogram, labels, shape: buckets) { Histogram(buckets) })
    }

    /// All metrics, sorted by name. Served as `text/plain; version=0.0.4`.
    package func text() -> String {
        let sorted = families.withLock { Array($0.values) }.sorted { $0.name < $1.name }
        var text = ""
        for family in sorted { family.append(to: &text) }
        return text
    }

    private func family<Metric: MetricValue>(_ fresh: MetricFamily<Metric>) -> MetricFamily<Metric>
    {
        families.withLock { families in
            guard let found = families[fresh.name] else {
                families[fresh.name] = fresh
                return fresh
            }
            guard let same = found as? MetricFamily<Metric>, same.labels == fresh.labels,
                same.shape == fresh.shape
            else { preconditionFailure("\(fresh.name) is registered as something else") }
            return same
        }
    }
}

/// The kinds of the exposition format.
enum MetricKind: String, Sendable {
    case counter, gauge, histogram
}

/// Anything with a name that shows itself.
protocol ShownMetric: Sendable {
    var name: String { get }
    func append(to text: inout String)
}
