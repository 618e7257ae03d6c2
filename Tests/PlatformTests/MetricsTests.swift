import Platform
import TestSupport
import Testing

@Suite("Metrics")
struct MetricsTests {
    private let metrics = Metrics()

    @Test("the text is that of the exposition format")
    func text() {
        metrics.counter("cuelight_cues_total", "Cues.\nSince the start \\ now.").add(3)
        let gauge = metrics.gauge("cuelight_temperature_celsius", "Heat.")
        gauge.set(20)
        gauge.add(1.5)
        let answers = metrics.counters(
            "cuelight_answers_total", "Answers.", labels: ["method", "status"])
        answers.with("GET", "200").add(2)
        answers.with("PO\"S\\T\n", "200").add()
        let spread = metrics.histogram("cuelight_wait_seconds", "Waiting.", buckets: [0.1, 1])
        for value in [0.05, 0.1, 0.5, 7, .nan] { spread.observe(value) }
        metrics.gauge("cuelight_queue_length", "Waiting.") { .infinity }
        #expect(
            metrics.text() == """
                # HELP cuelight_answers_total Answers.
                # TYPE cuelight_answers_total counter
                cuelight_answers_total{method="GET",status="200"} 2
                cuelight_answers_total{method="PO\\"S\\\\T\\n",status="200"} 1
                # HELP cuelight_cues_total Cues.\\nSince the start \\\\ now.
                # TYPE cuelight_cues_total counter
                cuelight_cues_total 3
                # HELP cuelight_queue_length Waiting.
                # TYPE cuelight_queue_length gauge
                cuelight_queue_length +Inf
                # HELP cuelight_temperature_celsius Heat.
                # TYPE cuelight_temperature_celsius gauge
                cuelight_temperature_celsius 21.5
                # HELP cuelight_wait_seconds Waiting.
                # TYPE cuelight_wait_seconds histogram
                cuelight_wait_seconds_bucket{le="0.1"} 2
                cuelight_wait_seconds_bucket{le="1"} 3
                cuelight_wait_seconds_bucket{le="+Inf"} 4
                cuelight_wait_seconds_sum 7.65
                cuelight_wait_seconds_count 4

                """)
    }

    @Test("asking again gives the same metric")
    func again() {
        metrics.counter("cuelight_cues_total", "Cues.").add()
        metrics.counter("cuelight_cues_total", "Cues.").add()
        #expect(metrics.counter("cuelight_cues_total", "Cues.").value == 2)
    }

    @Test("label values without end share one series")
    func cardinality() {
        let family = metrics.counters("cuelight_visits_total", "Visits.", labels: ["who"])
        for number in 0..<10_000 { family.with("visitor-\(number)").add() }
        family.with("visitor-3").add()
        let lines = metrics.text().split(separator: "\n").filter { !$0.hasPrefix("#") }
        #expect(lines.count == Metrics.seriesMax)
        #expect(lines.contains("cuelight_visits_total{who=\"visitor-3\"} 2"))
        let other = 10_000 - Metrics.seriesMax + 1
        #expect(lines.contains("cuelight_visits_total{who=\"other\"} \(other)"))
    }

    @Test("nothing is lost when many count at once")
    func concurrency() async {
        let counter = metrics.counter("cuelight_cues_total", "Cues.")
        let gauge = metrics.gauge("cuelight_level", "Level.")
        let spread = metrics.histogram("cuelight_wait_seconds", "Waiting.")
        let family = metrics.counters("cuelight_answers_total", "Answers.", labels: ["status"])
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for number in 0..<2000 {
                        counter.add()
                        gauge.add(0.5)
                        spread.observe(.milliseconds(number))
                        family.with("\(number % 5)").add()
                    }
                }
            }
        }
        #expect(counter.value == 16_000)
        #expect(gauge.value == 8000)
        #expect(spread.count == 16_000)
        #expect((0..<5).allSatisfy { family.with("\($0)").value == 3200 })
    }

    @Test("negative steps and times out of order count nothing")
    func nonsense() {
        let counter = metrics.counter("cuelight_cues_total", "Cues.")
        counter.add(-5)
        #expect(counter.value == 0)
        let spread = metrics.histogram("cuelight_wait_seconds", "Waiting.")
        spread.observe(fromNanoseconds: 10, to: 5)
        spread.observe(fromNanoseconds: .min, to: .max)
        #expect(spread.count == 0)
        spread.observe(fromNanoseconds: 5, to: 10)
        #expect(spread.count == 1)
    }

    @Test("the process is measured")
    func process() throws {
        metrics.addProcess()
        var values: [String: Double] = [:]
        for line in metrics.text().split(separator: "\n") where !line.hasPrefix("#") {
            let parts = line.split(separator: " ")
            values[String(parts[0])] = Double(parts[1])
        }
        let now = Double(SystemTime.unixMilliseconds) / 1000
        #expect(try #require(values["process_cpu_seconds_total"]) > 0)
        #expect(try #require(values["process_resident_memory_bytes"]) > 1_000_000)
        #expect(try #require(values["process_open_fds"]) >= 3)
        #expect(try #require(values["process_max_fds"]) > 3)
        let start = try #require(values["process_start_time_seconds"])
        #expect((now - 3600...now).contains(start))
    }
}
