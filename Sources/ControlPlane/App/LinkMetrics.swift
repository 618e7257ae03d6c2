internal import Devices
internal import Platform
internal import SharedModels

/// The links of boards as Prometheus metrics, one series for each device, as their agents last
/// counted them.
struct LinkMetrics: Sendable {
    private let counts: [String: MetricFamily<Counter>]
    private let median: MetricFamily<Gauge>
    private let tail: MetricFamily<Gauge>

    private static let help: [(name: String, help: String)] = [
        ("sent", "Frames sent to boards for the first time."),
        ("retries", "Frames sent to boards again."),
        ("crc_errors", "Frames with a wrong check, on both ends."),
        ("framing_errors", "Frames that were no frames, on both ends."),
        ("overruns", "Bytes that boards had no room for."),
        ("duplicates", "Frames that came to boards twice."),
        ("losses", "Connections with boards that ended by themselves."),
        ("resets", "Restarts of boards that nobody asked for."),
    ]

    init(_ metrics: Metrics) {
        counts = Dictionary(
            uniqueKeysWithValues: Self.help.map { name, help in
                (name, metrics.counters("cuelight_link_\(name)_total", help, labels: ["device"]))
            })
        median = metrics.gauges(
            "cuelight_link_round_trip_p50_seconds",
            "Half of the latest round trips took no longer.",
            labels: ["device"])
        tail = metrics.gauges(
            "cuelight_link_round_trip_p99_seconds",
            "Of the latest round trips 99 % took no longer.",
            labels: ["device"])
    }

    /// Takes what an agent says. Its counts begin anew when it is started again.
    func take(_ report: LinkReport) {
        let device = report.device.description
        let former = report.former?.counts.map(\.value) ?? []
        let isRestarted = zip(report.link.counts, former).contains { $0.value < $1 }
        for (index, count) in report.link.counts.enumerated() {
            let known = isRestarted || former.isEmpty ? 0 : former[index]
            counts[count.name]?.with(device).add(count.value - known)
        }
        median.with(device).set(Double(report.link.roundTripP50Microseconds) / 1_000_000)
        tail.with(device).set(Double(report.link.roundTripP99Microseconds) / 1_000_000)
    }
}
