internal import Synchronization

/// The series of one metric, one for each set of label values.
package final class MetricFamily<Metric: MetricValue>: ShownMetric {
    let name: String
    let labels: [String]
    /// The buckets, for a histogram.
    let shape: [Double]
    private let help: String
    private let kind: MetricKind
    private let make: @Sendable () -> Metric
    private let series = Mutex<[[String]: Metric]>([:])

    init(
        _ name: String, _ help: String, _ kind: MetricKind, _ labels: [String],
        shape: [Double] = [], make: @escaping @Sendable () -> Metric
    ) {
        MetricText.check(name: name, labels: labels)
        self.name = name
        self.help = help
        self.kind = kind
        self.labels = labels
        self.shape = shape
        self.make = make
    }

    /// The series with these label values, in the order of the labels. Keep it where it is used
    /// often: this looks it up. When the family is full, all further ones share one series
    /// whose label values are `other`.
    package func with(_ values: String...) -> Metric {
        precondition(values.count == labels.count, "\(name) has the labels \(labels)")
        return series.withLock { series in
            if let found = series[values] { return found }
            let isFull = series.count >= Metrics.seriesMax - 1 && !values.isEmpty
            let key = isFull ? labels.map { _ in "other" } : values
            if let found = series[key] { return found }
            let fresh = make()
            series[key] = fresh
            return fresh
        }
    }

    func append(to text: inout String) {
        MetricText.appendHead(name, help, kind, to: &text)
        let sorted = series.withLock { Array($0) }.sorted {
            $0.key.lexicographicallyPrecedes($1.key)
        }
        for (values, metric) in sorted {
            metric.append(name: name, labels: Array(zip(labels, values)), to: &text)
        }
    }
}

/// One value, read when somebody looks.
final class ReadMetric: ShownMetric {
    let name: String
    private let help: String
    private let kind: MetricKind
    private let reading: @Sendable () -> Double

    init(
        _ name: String, _ help: String, _ kind: MetricKind,
        _ reading: @escaping @Sendable () -> Double
    ) {
        MetricText.check(name: name, labels: [])
        self.name = name
        self.help = help
        self.kind = kind
        self.reading = reading
    }

    func append(to text: inout String) {
        MetricText.appendHead(name, help, kind, to: &text)
        MetricText.appendSample(name, [], MetricText.number(reading()), to: &text)
    }
}

/// The text of the exposition format 0.0.4.
enum MetricText {
    /// Stops the process on a name that Prometheus would refuse.
    static func check(name: String, labels: [String]) {
        precondition(isName(name, colons: true), "not the name of a metric: \(name)")
        for label in labels {
            precondition(
                isName(label, colons: false) && !label.hasPrefix("__"), "not a label: \(label)")
        }
        precondition(Set(labels).count == labels.count, "\(name) has a label twice")
    }

    static func appendHead(
        _ name: String, _ help: String, _ kind: MetricKind, to text: inout String
    ) {
        text += "# HELP \(name) \(escape(help, quotes: false))\n"
        text += "# TYPE \(name) \(kind.rawValue)\n"
    }

    static func appendSample(
        _ name: String, _ labels: [(String, String)], _ value: String, to text: inout String
    ) {
        text += name
        if !labels.isEmpty {
            let pairs = labels.map { "\($0)=\"\(escape($1, quotes: true))\"" }
            text += "{" + pairs.joined(separator: ",") + "}"
        }
        text += " \(value)\n"
    }

    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if let whole = Int64(exactly: value) { return String(whole) }
        return String(value)
    }

    private static func escape(_ text: String, quotes: Bool) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"" where quotes: escaped += "\\\""
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    private static func isName(_ name: String, colons: Bool) -> Bool {
        guard let first = name.utf8.first, !(48...57).contains(first) else { return false }
        return name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                true
            case UInt8(ascii: ":"): colons
            default: false
            }
        }
    }
}
