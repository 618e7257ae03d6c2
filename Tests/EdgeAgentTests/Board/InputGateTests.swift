import SharedModels
import Testing

@testable import Agent

@Suite("Input gate")
struct InputGateTests {
    private let board = BoardUID(value: 1)

    private func change(_ value: Int, _ channel: String = "knob", at time: Int64 = 0)
        -> InputGate.Change
    {
        InputGate.Change(board: board, channel: channel, value: value, readNanoseconds: time)
    }

    private func online() -> InputGate {
        var gate = InputGate()
        gate.setOnline(true)
        return gate
    }

    @Test(
        "a change goes at once; the next of the same input waits for its pause, the newest counts")
    func pause() {
        var gate = online()
        gate.take(change(1))
        #expect(gate.takeReady(at: 0).map(\.value) == [1])
        gate.take(change(2, at: 1))
        gate.take(change(3, at: 2))
        gate.take(change(9, "other", at: 3))
        #expect(gate.takeReady(at: 3).map(\.value) == [9])
        #expect(gate.nextDeadlineNanoseconds == InputGate.Limits.pauseNanoseconds)
        #expect(gate.takeReady(at: InputGate.Limits.pauseNanoseconds - 1).isEmpty)
        let told = gate.takeReady(at: InputGate.Limits.pauseNanoseconds)
        #expect(told.map(\.value) == [3])
        #expect(told.allSatisfy { !$0.isLate })
        #expect(gate.nextDeadlineNanoseconds == nil)
    }

    @Test("while the broker is away the newest of each input is kept, and told as late")
    func offline() {
        var gate = InputGate()
        for value in 1...5 { gate.take(change(value, at: Int64(value))) }
        gate.take(change(1, "button", at: 9))
        #expect(gate.takeReady(at: 10).isEmpty)
        #expect(gate.nextDeadlineNanoseconds == nil)
        gate.setOnline(true)
        let told = gate.takeReady(at: 10)
        #expect(told.map(\.value) == [5, 1])
        #expect(told.map(\.isLate) == [true, true])
        gate.take(change(6, at: 1_000_000_000))
        #expect(gate.takeReady(at: 1_000_000_000).map(\.isLate) == [false])
    }

    @Test("what waited when the broker went away is late")
    func lost() {
        var gate = online()
        gate.take(change(1))
        _ = gate.takeReady(at: 0)
        gate.take(change(2, at: 1))
        gate.setOnline(false)
        gate.setOnline(true)
        #expect(gate.takeReady(at: 1_000_000_000).map(\.isLate) == [true])
    }

    @Test("all inputs together are bounded, and what waits goes when there is room again")
    func rate() throws {
        var gate = online()
        let burst = InputGate.Limits.burst
        for index in 0..<(burst + 50) { gate.take(change(1, "c\(index)", at: Int64(index))) }
        let first = gate.takeReady(at: 1000)
        #expect(first.count == burst)
        #expect(first.first?.channel == "c0")
        let due = try #require(gate.nextDeadlineNanoseconds)
        #expect(due > 1000 && due <= 1000 + 5_000_002)
        #expect(gate.takeReady(at: due).map(\.channel) == ["c\(burst)"])
        #expect(gate.takeReady(at: due + 1_000_000_000).count == 49)
    }

    @Test("more inputs than boards can have are not kept")
    func bounded() {
        var gate = InputGate()
        for index in 0..<(InputGate.Limits.inputsMax + 10) { gate.take(change(1, "c\(index)")) }
        gate.setOnline(true)
        var count = 0
        for turn in 0..<100 { count += gate.takeReady(at: Int64(turn) * 1_000_000_000).count }
        #expect(count == InputGate.Limits.inputsMax)
    }
}
