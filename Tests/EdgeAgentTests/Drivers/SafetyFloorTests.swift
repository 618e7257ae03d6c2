import Hardware
import SharedModels
import TestSupport
import Testing

@testable import Agent

/// The safety floor of pins that know nothing of safety.
@Suite("Safety floor")
struct SafetyFloorTests {
    static let millisecond: Int64 = 1_000_000

    static let channels = [
        Channel(
            id: 0, name: "relay", kind: .relay, pin: 4, onMaxMilliseconds: 1000,
            pauseMinMilliseconds: 100),
        Channel(id: 1, name: "lamp", kind: .light, pin: 5, onMaxMilliseconds: 2000),
        Channel(
            id: 2, name: "arm", kind: .servo, pin: 6, onMaxMilliseconds: 5000,
            angleMinCentidegrees: 1000, angleMaxCentidegrees: 17_000),
        Channel(
            id: 3, name: "blaze", kind: .light, pin: 7, onMaxMilliseconds: 1000,
            bounds: Channel.Bounds(
                dutyMaxPermille: 500, rateMaxPerMinute: 60, dangerous: true)),
        Channel(id: 4, name: "door", kind: .button, pin: 8),
    ]

    private func armed(at now: Int64 = 0) -> SafetyFloor {
        var floor = SafetyFloor(Self.channels)
        _ = floor.enter(.armed, at: now)
        return floor
    }

    private func refused(_ verdict: SafetyFloor.Verdict) -> Refusal? {
        if case .refused(let refusal, _) = verdict { refusal } else { nil }
    }

    @Test("nothing goes on before it is armed, nor while it is stopped")
    func modes() {
        var floor = SafetyFloor(Self.channels)
        let pulse = Operation.pulse(durationMilliseconds: 10)
        #expect(refused(floor.execute(pulse, channel: 0, at: 0)) == .notArmed)
        #expect(floor.enter(.armed, at: 0).isEmpty)
        #expect(
            floor.execute(pulse, channel: 0, at: 0)
                == .done([SafetyFloor.Write(channel: 0, value: .on)]))
        // The stop writes every output, also those that are off already.
        let writes = floor.enter(.estopped, at: 1)
        #expect(writes.map(\.channel) == [0, 1, 2, 3] && writes.allSatisfy { $0.value == .off })
        #expect(!floor.isOn(0))
        #expect(refused(floor.execute(pulse, channel: 0, at: 2)) == .estopped)
        #expect(floor.nextDeadlineNanoseconds(at: 2) == nil)
    }

    @Test("an output ends by its own time, and by its longest on-time as a fault")
    func ends() {
        var floor = armed()
        _ = floor.execute(.pulse(durationMilliseconds: 10), channel: 0, at: 0)
        #expect(floor.nextDeadlineNanoseconds(at: 0) == 10 * Self.millisecond)
        #expect(floor.tick(at: 10 * Self.millisecond - 1).writes.isEmpty)
        let turn = floor.tick(at: 10 * Self.millisecond)
        #expect(turn.writes == [SafetyFloor.Write(channel: 0, value: .off)] && turn.cut.isEmpty)
        _ = floor.execute(
            .level(permille: 300, fadeMilliseconds: 0, durationMilliseconds: 0), channel: 1, at: 0)
        let cut = floor.tick(at: 2000 * Self.millisecond)
        #expect(cut.writes == [SafetyFloor.Write(channel: 1, value: .off)] && cut.cut == [1])
    }

    @Test("pause, duty, rate and a running pulse are busy, and say for how long")
    func busy() {
        var floor = armed()
        _ = floor.execute(.pulse(durationMilliseconds: 10), channel: 0, at: 0)
        #expect(
            floor.execute(.pulse(durationMilliseconds: 10), channel: 0, at: 0)
                == .refused(.busy, remainingMilliseconds: 110))
        _ = floor.tick(at: 10 * Self.millisecond)
        let on = Operation.set(on: true, durationMilliseconds: 0)
        #expect(
            floor.execute(on, channel: 0, at: 60 * Self.millisecond)
                == .refused(.busy, remainingMilliseconds: 50))
        #expect(refused(floor.execute(on, channel: 0, at: 110 * Self.millisecond)) == nil)
        // Off is always possible.
        #expect(refused(floor.execute(.off, channel: 0, at: 110 * Self.millisecond)) == nil)

        floor.unlock(mask: 8, seconds: 60, at: 0)
        let blaze = Operation.level(
            permille: 1000, fadeMilliseconds: 0, durationMilliseconds: 800)
        #expect(refused(floor.execute(blaze, channel: 3, at: 0)) == nil)
        _ = floor.tick(at: 800 * Self.millisecond)
        // On for 800 ms, so off for 800 ms at a duty of one half.
        #expect(
            floor.execute(blaze, channel: 3, at: 1000 * Self.millisecond)
                == .refused(.busy, remainingMilliseconds: 600))
        #expect(refused(floor.execute(blaze, channel: 3, at: 1600 * Self.millisecond)) == nil)
        _ = floor.execute(.off, channel: 3, at: 1601 * Self.millisecond)
        // Once a second at most.
        #expect(
            floor.execute(blaze, channel: 3, at: 1700 * Self.millisecond)
                == .refused(.busy, remainingMilliseconds: 900))
    }

    @Test("a dangerous channel is locked until it is unlocked, and again after")
    func locks() {
        var floor = armed()
        let blaze = Operation.level(permille: 10, fadeMilliseconds: 0, durationMilliseconds: 1)
        #expect(refused(floor.execute(blaze, channel: 3, at: 0)) == .locked)
        floor.unlock(mask: 8, seconds: 1, at: 0)
        #expect(refused(floor.execute(blaze, channel: 3, at: 999 * Self.millisecond)) == nil)
        _ = floor.tick(at: 1001 * Self.millisecond)
        #expect(refused(floor.execute(blaze, channel: 3, at: 5000 * Self.millisecond)) == .locked)
        floor.unlock(mask: 8, seconds: 60, at: 5000 * Self.millisecond)
        _ = floor.enter(.safe, at: 5001 * Self.millisecond)
        _ = floor.enter(.armed, at: 5002 * Self.millisecond)
        #expect(refused(floor.execute(blaze, channel: 3, at: 9000 * Self.millisecond)) == .locked)
    }

    @Test("what a channel is not or may not is refused in the link's words")
    func refusals() {
        var floor = armed()
        func word(_ operation: Operation, _ channel: UInt8) -> Refusal? {
            refused(floor.execute(operation, channel: channel, at: 0))
        }
        #expect(word(.off, 9) == .badChannel)
        #expect(word(.off, 4) == .badOperation)
        #expect(word(.tone(frequencyHertz: 440, durationMilliseconds: 1), 0) == .badOperation)
        #expect(word(.pulse(durationMilliseconds: 1001), 0) == .outOfRange)
        #expect(word(.target(angleCentidegrees: 999, holdMilliseconds: 1), 2) == .outOfRange)
        #expect(word(.target(angleCentidegrees: 1000, holdMilliseconds: 1), 2) == nil)
    }

    @Test("a fade and a glide go by steps and arrive")
    func ramps() throws {
        var floor = armed()
        _ = floor.execute(
            .level(permille: 1000, fadeMilliseconds: 1000, durationMilliseconds: 2000),
            channel: 1, at: 0)
        let due = try #require(floor.nextDeadlineNanoseconds(at: 0))
        #expect(due == SafetyFloor.Limits.stepNanoseconds)
        #expect(floor.tick(at: 500 * Self.millisecond).writes.map(\.value) == [.permille(500)])
        #expect(floor.tick(at: 1000 * Self.millisecond).writes.map(\.value) == [.permille(1000)])
        #expect(
            floor.nextDeadlineNanoseconds(at: 1000 * Self.millisecond) == 2000 * Self.millisecond)
        let down = Operation.level(permille: 0, fadeMilliseconds: 100, durationMilliseconds: 0)
        _ = floor.execute(down, channel: 1, at: 1000 * Self.millisecond)
        #expect(floor.isOn(1))
        #expect(floor.tick(at: 1100 * Self.millisecond).writes.map(\.value) == [.off])

        _ = floor.execute(
            .target(angleCentidegrees: 2000, holdMilliseconds: 0), channel: 2, at: 0)
        _ = floor.execute(
            .glide(
                angleCentidegrees: 4000, moveMilliseconds: 1000, easing: .smooth,
                holdMilliseconds: 100), channel: 2, at: 0)
        #expect(
            floor.tick(at: 500 * Self.millisecond).writes.map(\.value)
                == [.angle(centidegrees: 3000)])
        #expect(floor.tick(at: 1100 * Self.millisecond).writes.map(\.value) == [.off])
    }

    @Test("whatever is asked, nothing is on unarmed, too long, locked or too soon")
    func random() throws {
        var random = SeededGenerator(seed: 20)
        var floor = SafetyFloor(Self.channels)
        var now: Int64 = 0
        var on: [UInt8: Int64] = [:]
        var fresh: [UInt8: Int64] = [:]
        var wentOff: [UInt8: Int64] = [:]
        var unlockedUntil: Int64 = 0
        var switched = 0
        func follow(_ writes: [SafetyFloor.Write]) {
            for write in writes {
                let channel = Self.channels[Int(write.channel)]
                if write.value == .off {
                    if on.removeValue(forKey: write.channel) != nil { wentOff[write.channel] = now }
                } else if on[write.channel] == nil {
                    switched += 1
                    on[write.channel] = now
                    #expect(floor.mode == .armed)
                    if let since = wentOff[write.channel] {
                        let pause = Int64(channel.pauseMinMilliseconds) * Self.millisecond
                        #expect(now - since >= pause)
                    }
                    if channel.isDangerous { #expect(now < unlockedUntil) }
                }
            }
        }
        for _ in 0..<50_000 {
            // Whoever keeps the floor looks at it when it asks for that.
            let next = now + Int64.random(in: 0...300, using: &random) * Self.millisecond
            while let due = floor.nextDeadlineNanoseconds(at: now), due <= next {
                now = max(now, due)
                follow(floor.tick(at: now).writes)
            }
            now = next
            switch Int.random(in: 0..<20, using: &random) {
            case 0: follow(floor.enter(.safe, at: now))
            case 1: follow(floor.enter(.estopped, at: now))
            case 2:
                floor.unlock(mask: 8, seconds: 2, at: now)
                unlockedUntil = now + 2_000_000_000
            case 3...7:
                if floor.mode != .armed { unlockedUntil = 0 }
                follow(floor.enter(.armed, at: now))
            default:
                let channel = UInt8.random(in: 0...5, using: &random)
                let operation = Self.operation(&random)
                if case .done(let writes) = floor.execute(operation, channel: channel, at: now) {
                    fresh[channel] = now
                    follow(writes)
                }
            }
            if floor.mode != .armed { #expect(on.isEmpty) }
            for channel in on.keys {
                let most = Int64(Self.channels[Int(channel)].onMaxMilliseconds) * Self.millisecond
                let since = try #require(fresh[channel])
                #expect(now - since <= most, "channel \(channel)")
            }
        }
        #expect(switched > 500)
    }

    private static func operation(_ random: inout SeededGenerator) -> Operation {
        let short = [0, 1, 20, 500, 1000, 2001, 65_535].randomElement(using: &random) ?? 0
        let time = [0, 10, 400, 1000, 4000, 70_000, .max].randomElement(using: &random) ?? 0
        return switch Int.random(in: 0..<7, using: &random) {
        case 0: .set(on: Bool.random(using: &random), durationMilliseconds: time)
        case 1: .pulse(durationMilliseconds: time)
        case 2: .target(angleCentidegrees: short * 10, holdMilliseconds: time)
        case 3:
            .glide(
                angleCentidegrees: short * 3, moveMilliseconds: short, easing: .smooth,
                holdMilliseconds: time)
        case 4:
            .level(
                permille: short, fadeMilliseconds: time == .max ? -1 : time,
                durationMilliseconds: time)
        case 5: .drive(speedPermille: short, durationMilliseconds: time)
        default: .off
        }
    }
}
