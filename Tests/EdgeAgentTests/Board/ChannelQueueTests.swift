import SharedModels
import Testing

@testable import Agent

@Suite("Channel queue")
struct ChannelQueueTests {
    private let millisecond: Int64 = 1_000_000

    private func pending(_ operation: SharedModels.Operation, on channel: Channel) -> PendingCommand
    {
        var random = SystemRandomNumberGenerator()
        return PendingCommand(
            command: Command(
                id: CommandID(unixMilliseconds: 0, using: &random), board: BoardUID(value: 1),
                channel: channel.name, operation: operation, issuedAtMilliseconds: 0,
                expiresAtMilliseconds: 0, trace: Trace(id: "", clock: "", arrivedNanoseconds: 0)),
            channel: channel, deadlineNanoseconds: .max, order: 0)
    }

    private func channel(
        _ kind: Channel.Kind, pause: Int = 0, bounds: Channel.Bounds = .init()
    ) -> Channel {
        Channel(
            id: 0, name: "it", kind: kind, pin: 1, onMaxMilliseconds: 1000,
            pauseMinMilliseconds: pause, bounds: bounds)
    }

    /// When the channel is free after these, milliseconds, without what a board may be late.
    private func free(
        _ channel: Channel, _ done: [(SharedModels.Operation, at: Int64)]
    ) -> Int64 {
        var queue = ChannelQueue()
        for (operation, at) in done {
            queue.executed(pending(operation, on: channel), at: at * millisecond)
        }
        return queue.freeAtNanoseconds / millisecond - Int64(ChannelQueue.settleMilliseconds)
    }

    @Test("the pause after a pulse is its own, what its duty asks for, or its rate: the longest")
    func pulses() {
        let pulse = SharedModels.Operation.pulse(durationMilliseconds: 100)
        #expect(free(channel(.relay, pause: 20), [(pulse, at: 5)]) == 125)
        let hot = Channel.Bounds(dutyMaxPermille: 250)
        #expect(free(channel(.solenoid, pause: 20, bounds: hot), [(pulse, at: 5)]) == 405)
        #expect(free(channel(.solenoid, pause: 900, bounds: hot), [(pulse, at: 5)]) == 1005)
        let slow = Channel.Bounds(dutyMaxPermille: 250, rateMaxPerMinute: 60)
        #expect(free(channel(.solenoid, bounds: slow), [(pulse, at: 5)]) == 1005)
    }

    @Test("an off counts from when the channel went on, however often it was told again")
    func switches() {
        let relay = channel(.relay, bounds: .init(dutyMaxPermille: 500))
        let on = SharedModels.Operation.set(on: true, durationMilliseconds: 0)
        #expect(free(relay, [(on, at: 0), (on, at: 200), (.off, at: 300)]) == 600)
        // It had gone off by itself at 1,000 ms, and was on anew.
        #expect(free(relay, [(on, at: 0), (on, at: 1500), (.off, at: 1600)]) == 1700)
        // An off of what is off has its pause alone.
        #expect(free(relay, [(.off, at: 7)]) == 7)
        let rated = channel(.relay, bounds: .init(rateMaxPerMinute: 60))
        #expect(free(rated, [(on, at: 10), (.off, at: 20)]) == 1010)
    }

    @Test("a light at zero is off, and its fade delays nothing that comes before it")
    func light() {
        let dark = SharedModels.Operation.level(
            permille: 0, fadeMilliseconds: 500, durationMilliseconds: 0)
        #expect(dark.isOff)
        #expect(
            !SharedModels.Operation.level(
                permille: 1, fadeMilliseconds: 0, durationMilliseconds: 0
            ).isOff)
        #expect(free(channel(.light, pause: 5), [(dark, at: 0)]) == 5)
    }

    @Test("a board that has restarted has forgotten its pauses")
    func reset() {
        var queue = ChannelQueue()
        let relay = channel(.relay, pause: 500)
        queue.executed(pending(.pulse(durationMilliseconds: 100), on: relay), at: 0)
        queue.reset()
        #expect(queue.freeAtNanoseconds == 0)
    }
}
