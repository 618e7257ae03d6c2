import Platform
import Rules
import SharedModels

/// Measures the rule engine: matching, deciding, building, memory; beside plain Python.
///
/// The mix: of the rules 45 % a gift's number, 10 % a range of coins, 40 % a keyword (of at most
/// 3,553), 5 % other; two of five ask for a role. Of the events 10 % gifts, 36 % comments,
/// 22 % likes, 29 % joins, 3 % follows. At 10,000 rules one event matches about 70 of them, which
/// is far more than any show: a hard case.
enum RulesBench {
    static func run(report: (BenchRow) -> Void) async throws {
        for count in [100, 1_000, 10_000] {
            var show = RulesShow(seed: 42)
            let rules = show.rules(count)
            let events = show.events(20_000)
            let rate = measureMatching(rules, events, report)
            try measurePeers(rules, events, rate, report)
            measureDeciding(rules, events, report)
            measureBuilding(rules, report)
        }
    }

    private static func label(_ text: String, _ rules: [Rule]) -> String {
        "rules: \(text), \(rules.count) rules"
    }

    private static func measureMatching(
        _ rules: [Rule], _ events: [LiveEvent], _ report: (BenchRow) -> Void
    ) -> Double {
        let ruleSet = RuleSet(workspace: RulesShow.workspace, rules: rules)
        var matches = Matches()
        var found = 0
        var best = Double.infinity
        for _ in 0..<20 {
            found = 0
            let start = SystemTime.monotonicNanoseconds
            var likes = LikeMeter()
            for place in events.indices {
                ruleSet.match(events[place], likes: &likes, into: &matches)
                found += matches.count
            }
            best = min(best, Double(SystemTime.monotonicNanoseconds - start))
        }
        let each = best / Double(events.count)
        let perEvent = Double(found) / Double(events.count)
        report(.init(name: label("matches of an event", rules), value: perEvent, unit: "rules"))
        report(.init(name: label("match", rules), value: 1e9 / each, unit: "events/s"))
        var likes = LikeMeter()
        let times = percentiles(events) { event in
            ruleSet.match(event, likes: &likes, into: &matches)
        }
        report(.init(name: label("match p50", rules), value: times.p50, unit: "ns"))
        report(.init(name: label("match p99", rules), value: times.p99, unit: "ns"))
        report(.init(name: label("match p99.9", rules), value: times.p999, unit: "ns"))
        report(
            .init(
                name: label("memory of tables", rules),
                value: Double(ruleSet.tablesSize) / Double(rules.count), unit: "bytes/rule"))
        return 1e9 / each
    }

    /// Two seconds for each peer.
    private static func measurePeers(
        _ rules: [Rule], _ events: [LiveEvent], _ rate: Double, _ report: (BenchRow) -> Void
    ) throws {
        for figure in try RulesBenchPeer.measure(rules, events).rates {
            report(
                .init(
                    name: label("match", rules), value: rate, unit: "events/s", peer: figure.peer,
                    peerValue: figure.eventsPerSecond))
            report(
                .init(
                    name: label("matches of an event, by \(figure.peer)", rules),
                    value: figure.matches, unit: "rules"))
        }
    }

    /// Each event on its own, one after the other as they come, several times over. The clock's
    /// own cost, some 30 ns, is included.
    private static func percentiles(
        _ events: [LiveEvent], _ work: (borrowing LiveEvent) -> Void
    ) -> (p50: Double, p99: Double, p999: Double) {
        var times: [Int64] = []
        times.reserveCapacity(events.count * 20)
        for _ in 0..<20 {
            for place in events.indices {
                let start = SystemTime.monotonicNanoseconds
                work(events[place])
                times.append(SystemTime.monotonicNanoseconds - start)
            }
        }
        times.sort()
        func part(_ permille: Int) -> Double { Double(times[times.count * permille / 1000]) }
        return (part(500), part(990), part(999))
    }

    private static func measureDeciding(
        _ rules: [Rule], _ events: [LiveEvent], _ report: (BenchRow) -> Void
    ) {
        var engine = RuleEngine(RuleSet(workspace: RulesShow.workspace, rules: rules), seed: 1)
        var cues: [Cue] = []
        var made = 0
        var best = Double.infinity
        for _ in 0..<20 {
            let start = SystemTime.monotonicNanoseconds
            for event in events {
                cues.removeAll(keepingCapacity: true)
                engine.decide(
                    on: event, at: start, makeID: { CueID(high: 1, low: 1) }, into: &cues)
                made += cues.count
            }
            best = min(best, Double(SystemTime.monotonicNanoseconds - start))
        }
        let rate = 1e9 / (best / Double(events.count))
        report(
            .init(name: label("decide, with all cues made", rules), value: rate, unit: "events/s"))
    }

    private static func measureBuilding(_ rules: [Rule], _ report: (BenchRow) -> Void) {
        var ruleSet = RuleSet(workspace: RulesShow.workspace, rules: rules)
        var builds: [Double] = []
        for _ in 0..<15 {
            let start = SystemTime.monotonicNanoseconds
            ruleSet = RuleSet(workspace: RulesShow.workspace, rules: rules)
            builds.append(Double(SystemTime.monotonicNanoseconds - start) / 1e3)
        }
        report(
            .init(name: label("build", rules), value: builds.sorted()[builds.count / 2], unit: "us")
        )
        var engine = RuleEngine(ruleSet, seed: 1)
        var swaps: [Double] = []
        for round in 0..<15 {
            var edited = rules
            edited[round % rules.count].priority = 100 + round
            let next = RuleSet(workspace: RulesShow.workspace, rules: edited)
            let start = SystemTime.monotonicNanoseconds
            engine.swap(to: next)
            swaps.append(Double(SystemTime.monotonicNanoseconds - start) / 1e3)
        }
        report(
            .init(
                name: label("swap after one edit", rules), value: swaps.sorted()[swaps.count / 2],
                unit: "us"))
    }
}
