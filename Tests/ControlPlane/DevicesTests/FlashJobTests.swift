import SharedModels
import Testing

@testable import Devices

/// What a job makes of what it is told.
@Suite("Flash jobs")
struct FlashJobTests {
    private let id = FlashJobID(high: 9, low: 9)

    private func job() -> FlashJob {
        FlashJob(
            id: id, workspace: WorkspaceID(high: 1, low: 1), device: DeviceID(high: 1, low: 2),
            agent: AgentID(high: 1, low: 3), kind: "uno", build: "0000000b",
            formerBuild: "0000000a", by: AccountID(high: 1, low: 4), createdAtMilliseconds: 1000)
    }

    @Test(
        "it goes on as its agent says, and each end is the last",
        arguments: FlashReport.Status.allCases)
    func ends(status: FlashReport.Status) {
        var job = job()
        let running = FlashReport(id: id, status: .running, step: "writing", percent: 40)
        let isNews = job.take(running, atMilliseconds: 2000)
        #expect(isNews)
        #expect(job.status == .running && job.percent == 40 && job.endedAtMilliseconds == nil)
        let isNewsAgain = job.take(running, atMilliseconds: 2001)
        #expect(!isNewsAgain, "the same again is no news")
        guard status.isEnd else { return }
        let end = FlashReport(id: id, status: status, step: "writing", reason: "so")
        let hasEnded = job.take(end, atMilliseconds: 3000)
        #expect(hasEnded)
        #expect(job.status.rawValue == status.rawValue && job.status.isEnd)
        #expect(job.endedAtMilliseconds == 3000 && job.reason == "so")
        let goesOn = job.take(running, atMilliseconds: 4000)
        #expect(!goesOn, "what has ended does not go on")
    }

    @Test("what is said of another job is not believed")
    func other() {
        var job = job()
        let report = FlashReport(id: FlashJobID(high: 8, low: 8), status: .flashed, step: "")
        let isBelieved = job.take(report, atMilliseconds: 2000)
        #expect(!isBelieved)
        #expect(job.status == .waiting)
    }

    @Test("one that nobody answers ends, and is corrected by what is heard later")
    func unheard() {
        var job = job()
        let isEarly = job.giveUp(after: .seconds(15), atMilliseconds: 2000)
        #expect(!isEarly)
        let isLate = job.giveUp(after: .seconds(16), atMilliseconds: 2000)
        #expect(isLate)
        #expect(job.status == .failed && job.endedAtMilliseconds == 2000)
        let isLateAgain = job.giveUp(after: .seconds(3600), atMilliseconds: 3000)
        #expect(!isLateAgain, "once")
        let late = FlashReport(id: id, status: .flashed, step: "committed")
        let isHeard = job.take(late, atMilliseconds: 4000)
        #expect(isHeard)
        #expect(job.status == .flashed && job.endedAtMilliseconds == 4000)
    }

    @Test("one that goes on in silence ends after ten minutes")
    func silent() {
        var job = job()
        _ = job.take(FlashReport(id: id, status: .running, step: "writing"), atMilliseconds: 2000)
        let isSilentTooSoon = job.giveUp(after: .seconds(600), atMilliseconds: 3000)
        #expect(!isSilentTooSoon)
        let isSilent = job.giveUp(after: .seconds(601), atMilliseconds: 3000)
        #expect(isSilent)
        #expect(job.status == .failed)
    }
}
