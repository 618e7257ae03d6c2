import Hardware
import SharedModels
import TestSupport
import Testing

@testable import Agent

/// The link on a wire that damages, loses, repeats and babbles.
@Suite("Link faults")
struct LinkFaultTests {
    @Test(
        "with a tenth of all frames damaged, each command is still executed exactly once",
        arguments: 1...12)
    func damaged(seed: Int) {
        let bench = Bench(seed: seed)
        bench.run(5000) { bench.link.state.mode == .armed }
        bench.wire.damaged = 100
        send(120, bench)
        judge(bench, seed: seed, count: 120)
    }

    @Test("losses, repeats and noise together break no promise", arguments: 1...24)
    func everything(seed: Int) {
        let bench = Bench(seed: seed * 1000)
        bench.run(5000) { bench.link.state.mode == .armed }
        bench.wire = Bench.Wire(damaged: 80, lost: 80, repeated: 100, noise: 50)
        send(80, bench)
        judge(bench, seed: seed, count: 80)
    }

    @Test("commands over reboots and cuts are done once, or told as unknown", arguments: 1...16)
    func cuts(seed: Int) {
        let bench = Bench(seed: seed * 77)
        bench.run(5000) { bench.link.state.mode == .armed }
        var random = SeededGenerator(seed: UInt64(seed))
        for _ in 0..<12 {
            for _ in 0..<4 {
                bench.submit(
                    .pulse(durationMilliseconds: 5), on: "relay1", lifetimeMilliseconds: 60_000)
            }
            bench.run(Int64.random(in: 1...60, using: &random))
            bench.isCut = true
            bench.run(Int64.random(in: 1...1500, using: &random))
            if Bool.random(using: &random), bench.session?.isQuarantined == false {
                bench.reboot()
            }
            bench.isCut = false
            bench.run(Int64.random(in: 1...3000, using: &random))
        }
        bench.run(70_000) { bench.ended.count == 48 }
        judge(bench, seed: seed, count: 48)
    }

    @Test("hostile bytes never trap, and never count as an answer", arguments: 1...30)
    func hostile(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed * 31))
        let bench = Bench(seed: seed)
        bench.run(Int64.random(in: 0...400, using: &random))
        for _ in 0..<400 {
            switch Int.random(in: 0..<4, using: &random) {
            case 0:
                bench.inject(
                    (0..<Int.random(in: 0...200, using: &random)).map { _ in
                        UInt8.random(in: 0...255, using: &random)
                    })
            case 1:
                let types: [UInt8] = [0x80, 0x81, 0x82, 0x89, 0x8F, 0xA0, 0x01, 0xFF]
                let size = Int.random(in: 0...44, using: &random)
                let frame = Frame(
                    type: types.randomElement(using: &random) ?? 0,
                    sequence: UInt8.random(in: 0...255, using: &random),
                    payload: (0..<size).map { _ in UInt8.random(in: 0...255, using: &random) })
                bench.inject(frame.wire ?? [])
            case 2: bench.submit(.pulse(durationMilliseconds: 3), on: "relay1")
            default: bench.run(Int64.random(in: 0...300, using: &random))
            }
        }
        // Made-up answers can end a command wrongly only by guessing its sequence number, so
        // what is judged here is that the session lives on.
        bench.run(60_000) { bench.link.phase == .ready }
        #expect(bench.link.phase == .ready, "seed \(seed)")
    }

    private func send(_ count: Int, _ bench: Bench) {
        for number in 0..<count {
            bench.submit(.pulse(durationMilliseconds: 5), on: "relay1")
            let target = number + 1
            bench.run(30_000) { bench.ended.count >= target }
        }
        bench.run(100)
    }

    /// What is executed is a pulse, what is unknown may be one, and nothing else is.
    private func judge(_ bench: Bench, seed: Int, count: Int) {
        let risings = bench.board.risings(0)
        let unknown = bench.outcomes(.failed)
        #expect(bench.ended.count == count, "seed \(seed)")
        #expect(bench.outcomes(.executed) <= risings, "seed \(seed)")
        #expect(risings <= bench.outcomes(.executed) + unknown, "seed \(seed)")
        #expect(Set(bench.ended.map(\.pending.command.id)).count == count, "seed \(seed)")
        if bench.sessions == 1, unknown == 0, bench.outcomes(.rejected) == 0 {
            #expect(risings == count, "seed \(seed)")
        }
    }
}
