extension Channel {
    /// Why the channel cannot do `operation`, as a sentence for people; nil if it can.
    package func refusal(of operation: Operation) -> String? {
        // First of all: the sums below need numbers within their ranges.
        if let problem = operation.problem { return problem }
        switch (kind, operation) {
        case (.other(let kind), _):
            return "this release does not know what a \(kind) is; update agent and control plane"
        case _ where kind.isInput: return "\(name) is an input"
        case (_, .off), (.relay, .set), (.relay, .pulse), (.motor, .drive), (.buzzer, .tone): break
        case (.servo, .target(let angle, _)):
            let least = angleMinCentidegrees ?? 0
            let range = least...max(least, angleMaxCentidegrees ?? 36_000)
            guard range.contains(angle) else {
                return "\(name) turns from \(range.lowerBound) to \(range.upperBound) centidegrees"
            }
        case (.strip, .fill(_, let first, let count, _)):
            guard let pixels, first + max(count, 1) <= pixels else {
                return "\(name) has \(pixels ?? 0) pixels"
            }
        default: return "a \(kind.name) cannot do \"\(operation.type)\""
        }
        return nil
    }
}

extension Channel {
    /// Why the channel cannot say `condition`, as a sentence for people; nil if it can.
    package func refusal(of condition: InputCondition) -> String? {
        switch (kind, condition) {
        case (.other(let kind), _):
            "this release does not know what a \(kind) is; update agent and control plane"
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
        case .pulse, .tone: .atMostOnce
        case .set, .target, .drive, .fill, .off: delivery
        }
    }
}
