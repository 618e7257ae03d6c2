package import Hardware
package import SharedModels

/// What an output shall do, in no board's words.
package enum OutputValue: Hashable, Sendable {
    case off, on
    /// 1 to 1,000.
    case permille(Int)
    case angle(centidegrees: Int)
}

/// The safety floor of a board whose pins know nothing of it: armed, safe or stopped; the longest
/// on-time, shortest pause, duty and rate of each channel; locked channels; and the refusals of
/// docs/link.md §5 in the same words. It dies with the agent, which a board's own floor does not.
/// A pure value; times are monotonic nanoseconds.
package struct SafetyFloor: Sendable {
    package enum Limits {
        /// How often a fade or a glide takes a step.
        package static let stepNanoseconds: Int64 = 20_000_000
    }

    /// One output's new value.
    package struct Write: Hashable, Sendable {
        package let channel: UInt8
        package let value: OutputValue
    }

    package enum Verdict: Hashable, Sendable {
        case done([Write])
        case refused(Refusal, remainingMilliseconds: Int)
    }

    /// What time has done.
    package struct Turn: Hashable, Sendable {
        package var writes: [Write] = []
        /// Channels that were cut off by their longest on-time.
        package var cut: [UInt8] = []
    }

    private struct Output: Sendable {
        let channel: Channel
        var value = OutputValue.off
        var onSinceNanoseconds: Int64 = 0
        var endsNanoseconds: Int64 = 0
        /// It ends because nobody said otherwise.
        var isCut = false
        var isPulse = false
        /// Not on again before then.
        var freeNanoseconds: Int64 = 0
        var ramp: Ramp?

        var isOn: Bool { value != .off }
    }

    /// From one number to another in a time.
    private struct Ramp: Sendable {
        let from: Int
        let to: Int
        let beganNanoseconds: Int64
        let lastsNanoseconds: Int64
        let isSmooth: Bool

        func isOver(at now: Int64) -> Bool { now - beganNanoseconds >= lastsNanoseconds }

        func value(at now: Int64) -> Int {
            guard !isOver(at: now), now > beganNanoseconds else {
                return now > beganNanoseconds ? to : from
            }
            var part = Double(now - beganNanoseconds) / Double(lastsNanoseconds)
            if isSmooth { part = part * part * (3 - 2 * part) }
            return from + Int((Double(to - from) * part).rounded())
        }
    }

    package private(set) var mode = LinkState.Mode.safe
    private var outputs: [UInt8: Output] = [:]
    private let inputs: Set<UInt8>
    private var unlocked: (mask: UInt16, until: Int64) = (0, 0)

    /// - Parameter channels: of the board's manifest.
    package init(_ channels: [Channel]) {
        for channel in channels where channel.kind.isOutput {
            outputs[channel.id] = Output(channel: channel)
        }
        inputs = Set(channels.filter { !$0.kind.isOutput }.map(\.id))
    }

    /// Whether the channel is on.
    package func isOn(_ channel: UInt8) -> Bool { outputs[channel]?.isOn ?? false }

    /// Every output at its safe value, whatever it was.
    package var safeWrites: [Write] {
        outputs.keys.sorted().map { Write(channel: $0, value: .off) }
    }

    /// Another mode. Safe and stopped put every output to its safe value, also those that are
    /// off already.
    package mutating func enter(_ mode: LinkState.Mode, at now: Int64) -> [Write] {
        guard mode != self.mode else { return [] }
        self.mode = mode
        unlocked = (0, 0)
        guard mode != .armed else { return [] }
        for id in outputs.keys { switchOff(id, at: now) }
        return safeWrites
    }

    /// These dangerous channels may be used for so long, and no others.
    package mutating func unlock(mask: UInt16, seconds: UInt16, at now: Int64) {
        unlocked = (mask, now + Int64(seconds) * 1_000_000_000)
    }

    package mutating func execute(
        _ operation: Operation, channel id: UInt8, at now: Int64
    ) -> Verdict {
        switch mode {
        case .estopped: return .refused(.estopped, remainingMilliseconds: 0)
        case .safe: return .refused(.notArmed, remainingMilliseconds: 0)
        case .armed: break
        }
        guard let output = outputs[id] else {
            let refusal: Refusal = inputs.contains(id) ? .badOperation : .badChannel
            return .refused(refusal, remainingMilliseconds: 0)
        }
        let channel = output.channel
        if operation.problem == nil, channel.kindRefusal(of: operation) != nil {
            return .refused(.badOperation, remainingMilliseconds: 0)
        }
        guard channel.refusal(of: operation) == nil,
            operation.isOff || operation.durationMilliseconds <= channel.onMaxMilliseconds
        else { return .refused(.outOfRange, remainingMilliseconds: 0) }
        if operation.isOff { return .done(turnOff(operation, id, at: now)) }
        if channel.isDangerous, !isUnlocked(id, at: now) {
            return .refused(.locked, remainingMilliseconds: 0)
        }
        if let due = busyUntil(operation, output), due > now {
            let left = Int(clamping: (due - now + 999_999) / 1_000_000)
            return .refused(.busy, remainingMilliseconds: left)
        }
        return .done([turnOn(operation, id, at: now)])
    }

    /// Ends what is over, and moves what fades.
    package mutating func tick(at now: Int64) -> Turn {
        var turn = Turn()
        for id in outputs.keys.sorted() {
            guard var output = outputs[id], output.isOn else { continue }
            if output.endsNanoseconds <= now {
                if output.isCut { turn.cut.append(id) }
                switchOff(id, at: now)
                turn.writes.append(Write(channel: id, value: .off))
            } else if let ramp = output.ramp {
                let value = Self.value(ramp.value(at: now), like: output.value)
                if ramp.isOver(at: now) { output.ramp = nil }
                if value != output.value { turn.writes.append(Write(channel: id, value: value)) }
                output.value = value
                outputs[id] = output
            }
        }
        return turn
    }

    /// When `tick` must be called at the latest; nil for never.
    package func nextDeadlineNanoseconds(at now: Int64) -> Int64? {
        outputs.values.lazy.filter(\.isOn).map { output in
            output.ramp == nil
                ? output.endsNanoseconds
                : min(output.endsNanoseconds, now + Limits.stepNanoseconds)
        }.min()
    }

    private func isUnlocked(_ id: UInt8, at now: Int64) -> Bool {
        id < 16 && unlocked.mask & 1 << UInt16(id) != 0 && now < unlocked.until
    }

    /// Until when it is no use to try (docs/link.md §5, busy); nil if it may be done.
    private func busyUntil(_ operation: Operation, _ output: Output) -> Int64? {
        guard output.isOn else { return output.freeNanoseconds }
        var isPulse = false
        if case .pulse = operation { isPulse = true }
        guard output.isPulse || isPulse else { return nil }
        return Self.free(output, offAt: output.endsNanoseconds)
    }

    private mutating func turnOn(_ operation: Operation, _ id: UInt8, at now: Int64) -> Write {
        guard var output = outputs[id] else { return Write(channel: id, value: .off) }
        if !output.isOn { output.onSinceNanoseconds = now }
        output.isPulse = false
        output.ramp = nil
        let former = output.value
        switch operation {
        case .pulse:
            output.value = .on
            output.isPulse = true
        case .target(let angle, _): output.value = .angle(centidegrees: angle)
        case .glide(let angle, let move, let easing, _):
            output.value = .angle(centidegrees: angle)
            if case .angle(let from) = former, move > 0 {
                output.ramp = Self.ramp(from, angle, move, isSmooth: easing == .smooth, at: now)
                output.value = former
            }
        case .level(let permille, let fade, _):
            output.value = .permille(permille)
            if fade > 0 {
                var from = 0
                if case .permille(let permille) = former { from = permille }
                output.ramp = Self.ramp(from, permille, fade, isSmooth: false, at: now)
                output.value = .permille(max(1, from))
            }
        default: output.value = .on
        }
        let lasts = Self.lastsMilliseconds(operation)
        output.isCut = lasts == 0
        let most = output.channel.onMaxMilliseconds
        output.endsNanoseconds = now + Int64(lasts == 0 ? most : min(lasts, most)) * 1_000_000
        outputs[id] = output
        return Write(channel: id, value: output.value)
    }

    /// Off at once, or by a fade.
    private mutating func turnOff(
        _ operation: Operation, _ id: UInt8, at now: Int64
    ) -> [Write] {
        if case .level(_, let fade, _) = operation, fade > 0, var output = outputs[id],
            case .permille(let from) = output.value
        {
            output.ramp = Self.ramp(from, 1, fade, isSmooth: false, at: now)
            output.endsNanoseconds = min(output.endsNanoseconds, now + Int64(fade) * 1_000_000)
            output.isCut = false
            outputs[id] = output
            return [Write(channel: id, value: output.value)]
        }
        switchOff(id, at: now)
        return [Write(channel: id, value: .off)]
    }

    private mutating func switchOff(_ id: UInt8, at now: Int64) {
        guard var output = outputs[id], output.isOn else { return }
        output.freeNanoseconds = Self.free(output, offAt: now)
        output.value = .off
        output.ramp = nil
        output.isPulse = false
        outputs[id] = output
    }

    /// When a channel that goes off then may be on again: its pause, duty and rate.
    private static func free(_ output: Output, offAt: Int64) -> Int64 {
        let on = Int(clamping: (offAt - output.onSinceNanoseconds) / 1_000_000)
        let pause = Int64(output.channel.pauseMilliseconds(afterOn: on)) * 1_000_000
        let period = Int64(output.channel.periodMinMilliseconds) * 1_000_000
        return max(offAt + pause, output.onSinceNanoseconds + period)
    }

    /// How long an operation is on by its own words, milliseconds; 0 for until told otherwise.
    private static func lastsMilliseconds(_ operation: Operation) -> Int {
        if case .glide(_, let move, _, let hold) = operation { return hold == 0 ? 0 : move + hold }
        return operation.durationMilliseconds
    }

    private static func ramp(
        _ from: Int, _ to: Int, _ milliseconds: Int, isSmooth: Bool, at now: Int64
    ) -> Ramp {
        Ramp(
            from: from, to: to, beganNanoseconds: now,
            lastsNanoseconds: Int64(milliseconds) * 1_000_000, isSmooth: isSmooth)
    }

    private static func value(_ number: Int, like value: OutputValue) -> OutputValue {
        if case .angle = value { return .angle(centidegrees: number) }
        return .permille(max(1, number))
    }
}
