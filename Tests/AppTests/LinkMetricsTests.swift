import Platform
import SharedModels
import Testing

@testable import Devices
@testable import cuelight

@Suite("Link metrics")
struct LinkMetricsTests {
    private func link(sent: Int, losses: Int) -> AgentTelemetry.Link {
        AgentTelemetry.Link(
            uid: BoardUID(value: 1), sent: sent, retries: 0, crcErrors: 0, framingErrors: 0,
            overruns: 0, duplicates: 0, losses: losses, resets: 0, roundTripP50Microseconds: 2000,
            roundTripP99Microseconds: 4500)
    }

    @Test("a device's counts only grow, also over its agent's restart")
    func grow() throws {
        let metrics = Metrics()
        let links = LinkMetrics(metrics)
        let device = try #require(DeviceID("01890000-0000-7000-8000-000000000001"))
        let told = [
            link(sent: 10, losses: 1), link(sent: 15, losses: 1),
            // Started again: it counts from zero.
            link(sent: 20, losses: 0), link(sent: 21, losses: 2),
        ]
        var former: AgentTelemetry.Link?
        for link in told {
            links.take(LinkReport(device: device, link: link, former: former))
            former = link
        }
        let text = metrics.text()
        #expect(text.contains("cuelight_link_sent_total{device=\"\(device)\"} 36\n"))
        #expect(text.contains("cuelight_link_losses_total{device=\"\(device)\"} 3\n"))
        let median = "cuelight_link_round_trip_p50_seconds{device=\"\(device)\"} 0.002\n"
        #expect(text.contains(median))
        #expect(text.contains("cuelight_link_crc_errors_total{device=\"\(device)\"} 0\n"))
    }
}
