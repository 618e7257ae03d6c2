import Agent
import Crypto
import Foundation
import MQTT
import Platform
import SharedModels
import TestSupport

/// Measures the released agent with simulated boards at the speed of their line, and its start with
/// a full spool.
enum LinkBench {
    private static let boardCount = 4
    private static let warmUpSeconds = 2.0
    private static let fullSpeedSeconds = 10.0
    private static let cuesPerSecond = 100
    private static let cueSeconds = 20
    private static let spoolCount = 100_000
    /// Telling is given up after it.
    private static let spoolSecondsMax = 40.0
    private static let channels = ["relay1", "relay2", "lamp"]

    static func run(report: (BenchRow) -> Void) async throws {
        let stage = try await LinkStage.start()
        let boards = try (0..<boardCount).map { try LinkBoard(number: $0, folder: stage.folder) }
        defer { for board in boards { board.end() } }
        for board in boards { try await board.ready() }
        let agent = try stage.startAgent(ports: boards.map(\.port))
        let uids = try await stage.armedBoards(boardCount)
        try await fullSpeed(stage, agent, boards, uids, report)
        try await cues(stage, agent, uids, report)
        agent.end()
        for board in boards { board.end() }
        try await spool(stage, report)
        stage.end()
    }

    private static func fullSpeed(
        _ stage: LinkStage, _ agent: LinkProcess, _ boards: [LinkBoard], _ uids: [BoardUID],
        _ report: (BenchRow) -> Void
    ) async throws {
        stage.keepUnderWay(uids.flatMap { uid in channels.map { (uid, $0) } })
        try await Task.sleep(for: .seconds(warmUpSeconds))
        stage.forgetOutcomes()
        let cpu = agent.cpuSeconds
        let chips = try boards.map { try ($0.process.cpuSeconds, $0.clock()) }
        let start = SystemTime.monotonicNanoseconds
        try await Task.sleep(for: .seconds(fullSpeedSeconds))
        let seconds = Double(SystemTime.monotonicNanoseconds - start) / 1e9
        let outcomes = stage.takeOutcomes()
        let used = agent.cpuSeconds - cpu
        var pace = Double.infinity
        var chipShare = 0.0
        for (board, (before, clock)) in zip(boards, chips) {
            pace = min(pace, try board.clock().pace(since: clock))
            chipShare += (board.process.cpuSeconds - before) / seconds / Double(boards.count)
        }
        stage.stopKeeping()
        var slowest = (rate: Double.infinity, p50: 0.0, p99: 0.0)
        for uid in uids {
            let trips = outcomes.filter { $0.board == uid }.map(\.roundTripMilliseconds).sorted()
            guard trips.count > 1000 else { throw LinkProblem.tooSlow(commands: trips.count) }
            slowest.rate = min(slowest.rate, Double(trips.count) / seconds)
            slowest.p50 = max(slowest.p50, trips[trips.count / 2])
            slowest.p99 = max(slowest.p99, trips[trips.count * 99 / 100])
        }
        func row(_ name: String, _ value: Double, _ unit: String) {
            report(BenchRow(name: "link: \(name)", value: value, unit: unit))
        }
        row("full speed, each of 4 boards", slowest.rate, "commands/s")
        row("full speed, round trip p50", slowest.p50, "ms")
        row("full speed, round trip p99", slowest.p99, "ms")
        row("full speed, agent CPU", used / Double(outcomes.count) * 1e6, "µs/command")
        row("full speed, a simulated chip's CPU", 100 * chipShare, "% of a core")
        row("full speed, simulated time", pace, "of real time")
    }

    private static func cues(
        _ stage: LinkStage, _ agent: LinkProcess, _ uids: [BoardUID],
        _ report: (BenchRow) -> Void
    ) async throws {
        try await stage.quiet()
        stage.forgetOutcomes()
        let cpu = agent.cpuSeconds
        let start = SystemTime.monotonicNanoseconds
        for number in 0..<(cuesPerSecond * cueSeconds) {
            stage.send(.pulse(durationMilliseconds: 2), on: "lamp", of: uids[number % uids.count])
            let due = start + Int64(number + 1) * 1_000_000_000 / Int64(cuesPerSecond)
            try await Task.sleep(for: .nanoseconds(max(0, due - SystemTime.monotonicNanoseconds)))
        }
        let seconds = Double(SystemTime.monotonicNanoseconds - start) / 1e9
        let share = 100 * (agent.cpuSeconds - cpu) / seconds
        try await stage.quiet()
        let done = stage.takeOutcomes().count
        report(BenchRow(name: "link: 100 cues/s, agent CPU", value: share, unit: "% of a core"))
        report(
            BenchRow(
                name: "link: 100 cues/s, executed of \(cuesPerSecond * cueSeconds)",
                value: Double(done), unit: "commands"))
    }

    private static func spool(_ stage: LinkStage, _ report: (BenchRow) -> Void) async throws {
        try stage.fillSpool(spoolCount)
        let start = SystemTime.monotonicNanoseconds
        func seconds() -> Double { Double(SystemTime.monotonicNanoseconds - start) / 1e9 }
        let agent = try stage.startAgent(ports: [])
        try await stage.wait("the agent") { stage.isOnline }
        let online = seconds()
        while stage.toldCount < spoolCount, seconds() < online + spoolSecondsMax {
            try await Task.sleep(for: .milliseconds(2))
        }
        let (told, count) = (seconds(), stage.toldCount)
        let name = "link: spool of 100,000 results"
        report(BenchRow(name: "\(name), start to online", value: online, unit: "s"))
        report(
            BenchRow(
                name: "\(name), told afterwards", value: Double(count) / (told - online),
                unit: "results/s"))
        report(
            BenchRow(
                name: "\(name), told within \(Int(spoolSecondsMax)) s", value: Double(count),
                unit: "results"))
        report(BenchRow(name: "\(name), memory", value: agent.residentMegabytes, unit: "MB"))
        agent.end()
    }
}

enum LinkProblem: Error, CustomStringConvertible {
    case tooSlow(commands: Int)
    case missing(String)
    case timeout(String)

    var description: String {
        switch self {
        case .tooSlow(let commands): "a board did only \(commands) commands"
        case .missing(let path): "there is no \(path); run make release"
        case .timeout(let what): "waited too long for \(what)"
        }
    }
}
