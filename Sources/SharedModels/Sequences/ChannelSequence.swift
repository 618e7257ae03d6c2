/// Steps that a board does by its own clock: uploaded ahead, so that one small frame starts them.
package struct ChannelSequence: Hashable, Sendable, Codable {
    package enum Limits {
        /// Characters of a name, as `SingleLineName` counts them.
        package static let nameLengthMax = 40
        /// Steps in all, those within loops counted once.
        package static let stepsMax = 256
        /// How deep loops may stand within each other.
        package static let depthMax = 2
        package static let roundsMax = 255
        /// Shortest round of a loop, and the longest time from start to end, milliseconds.
        package static let roundMinMilliseconds = 10
        package static let timeMaxMilliseconds = 600_000
        package static let waitMaxMilliseconds = 60_000
        /// By which a sequence of a device is known.
        package static let numbers = 0...254
        /// Sequences of one device.
        package static let countMax = 16
        /// Of all sequences of a device as JSON, so that those of an agent's boards are one message.
        package static let deviceBytesMax = 14_000
    }

    /// One step. What it takes is counted from the step before it, so delays do not add up.
    package indirect enum Step: Hashable, Sendable {
        /// Gives a command to a channel, named as in the board's manifest.
        case command(channel: String, Operation)
        /// The next step is due so much later, 1 to 60,000 ms.
        case wait(milliseconds: Int)
        /// The steps, 1 to 255 times; a round takes 10 ms or longer.
        case loop(rounds: Int, [Step])
    }

    package var steps: [Step]

    package init(steps: [Step]) { self.steps = steps }

    /// The time from its start to its end, milliseconds; the waits alone count.
    package var milliseconds: Int { Self.milliseconds(of: steps) }

    static func milliseconds(of steps: [Step]) -> Int {
        steps.reduce(0) { sum, step in
            let own =
                switch step {
                case .command: 0
                case .wait(let milliseconds): milliseconds
                case .loop(let rounds, let steps):
                    Self.product(rounds, Self.milliseconds(of: steps))
                }
            return sum.addingReportingOverflow(own).overflow ? .max : sum + own
        }
    }

    private static func product(_ left: Int, _ right: Int) -> Int {
        let (product, isOver) = left.multipliedReportingOverflow(by: right)
        return isOver ? .max : product
    }

    /// The channels that it commands, each once, in the order of their first step.
    package var channels: [String] {
        var found: [String] = []
        func walk(_ steps: [Step]) {
            for step in steps {
                switch step {
                case .command(let channel, _): if !found.contains(channel) { found.append(channel) }
                case .loop(_, let steps): walk(steps)
                case .wait: break
                }
            }
        }
        walk(steps)
        return found
    }

    /// Bytes of a board's program memory that it takes, its head included (docs/link.md §8).
    package var sizeBytes: Int { 4 + Self.size(of: steps) }

    private static func size(of steps: [Step]) -> Int {
        steps.reduce(0) { sum, step in
            switch step {
            case .command(_, let operation): sum + 1 + operation.commandBytes
            case .wait: sum + 3
            case .loop(_, let steps): sum + 3 + size(of: steps)
            }
        }
    }
}

extension Operation {
    /// Bytes of a command with it: channel, operation, arguments (docs/link.md §5).
    package var commandBytes: Int {
        switch self {
        case .off, .stop: 2
        case .pulse, .brake: 4
        case .set: 5
        case .target, .drive, .tone: 6
        case .level: 8
        case .fill, .glide: 9
        case .effect, .move: 10
        case .play: 5
        }
    }
}
