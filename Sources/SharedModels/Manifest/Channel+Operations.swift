extension Channel {
    /// Why the channel cannot do `operation`, as a sentence for people; nil if it can.
    package func refusal(of operation: Operation) -> String? {
        // First of all: the sums below need numbers within their ranges.
        operation.problem ?? kindRefusal(of: operation) ?? rangeRefusal(of: operation)
    }

    /// Why a channel of its kind never does such an operation, whatever its numbers.
    package func kindRefusal(of operation: Operation) -> String? {
        if kind == .board { return boardRefusal(of: operation) }
        switch (kind, operation) {
        case (.other, _): return unknownKind
        case _ where kind.isInput: return "\(name) is an input"
        case (_, .off), (.relay, .set), (.relay, .pulse), (.solenoid, .pulse), (.motor, .drive),
            (.buzzer, .tone), (.servo, .target), (.servo, .glide), (.strip, .fill),
            (.strip, .effect), (.light, .level), (.stepper, .move):
            return nil
        case (.motor, .brake): return bounds.brakePin == nil ? "\(name) has no brake" : nil
        default: return "a \(kind.name) cannot do \"\(operation.type)\""
        }
    }

    /// Which of the numbers is outside what the channel allows.
    private func rangeRefusal(of operation: Operation) -> String? {
        switch operation {
        case .target(let angle, _), .glide(let angle, _, _, _):
            let least = angleMinCentidegrees ?? 0
            let range = least...max(least, angleMaxCentidegrees ?? 36_000)
            return range.contains(angle)
                ? nil
                : "\(name) turns from \(range.lowerBound) to \(range.upperBound) centidegrees"
        case .fill(_, let first, let count, _):
            guard let pixels, first + max(count, 1) <= pixels else {
                return "\(name) has \(pixels ?? 0) pixels"
            }
            return nil
        case .effect(let effect, let color, _, _):
            let isDark = color == RGB(red: 0, green: 0, blue: 0)
            return isDark && effect != .rainbow ? "an effect needs a colour that can be seen" : nil
        case .drive(let value, _), .level(let value, _, _):
            let most = bounds.permilleMax ?? 1000
            return value.magnitude <= most ? nil : "\(name) goes to \(most) permille"
        case .tone(let frequency, _):
            let least = bounds.hertzMin ?? 20
            let range = least...max(least, bounds.hertzMax ?? 20_000)
            return range.contains(frequency)
                ? nil : "\(name) sounds from \(range.lowerBound) to \(range.upperBound) Hz"
        case .move(let position, let speed, _):
            let range = min(0, bounds.stepsMin ?? 0)...max(0, bounds.stepsMax ?? 0)
            if !range.contains(position) {
                return "\(name) goes from \(range.lowerBound) to \(range.upperBound) steps"
            }
            let most = bounds.speedMaxStepsPerSecond ?? 65_535
            return speed <= most ? nil : "\(name) goes at \(most) steps a second at most"
        case .set, .pulse, .brake, .off, .play, .stop: return nil
        }
    }

    private var unknownKind: String {
        "this release does not know what a \(kind.name) is; update agent and control plane"
    }

    /// Why the channel cannot say `condition`, as a sentence for people; nil if it can.
    package func refusal(of condition: InputCondition) -> String? {
        switch (kind, condition) {
        case (.other, _): unknownKind
        case (_, .changed) where kind.isInput: nil
        case (.button, .pressed), (.button, .released), (.switch, .pressed), (.switch, .released):
            nil
        case (.analog, .above), (.analog, .below), (.distance, .above), (.distance, .below): nil
        case (.button, _), (.switch, _): "\(name) is pressed, released or changed"
        case (.analog, _), (.distance, _): "\(name) goes above or below a threshold, or changes"
        default: "\(name) is an output"
        }
    }

    /// What becomes of a command whose end is unknown. A channel that may repeat still does not
    /// repeat what is over by itself: a pulse that was done and is done again is two pulses.
    package func delivery(of operation: Operation) -> Delivery {
        switch operation {
        case .pulse, .tone, .brake, .play: .atMostOnce
        case .stop: .atLeastOnce
        case .set, .target, .drive, .fill, .off, .glide, .level, .effect, .move: delivery
        }
    }
}
