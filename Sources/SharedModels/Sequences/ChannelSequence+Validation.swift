extension ChannelSequence {
    /// One thing that is wrong with a sequence.
    package struct Problem: Hashable, Sendable {
        /// Where, as in its JSON, such as `steps[2].operation`.
        package let path: String
        /// What it must be, or why it will not do, for people.
        package let message: String

        package init(path: String, message: String) {
            self.path = path
            self.message = message
        }
    }

    /// What is wrong with it for a board of that manifest, whatever else the board keeps; empty if
    /// the board can do it. At most 20.
    package func problems(on manifest: BoardManifest) -> [Problem] {
        var check = SequenceCheck(manifest: manifest)
        check.check(self)
        return Array(check.problems.prefix(20))
    }
}

extension BoardManifest {
    /// Why a board keeps no sequences, as a sentence for people; nil if it does.
    package var sequencesRefusal: String? {
        if (minor ?? 0) < 1 {
            return "its firmware speaks EP/1.0, which knows no sequences; flash a newer one"
        }
        return (sequenceBytes ?? 0) > 0 ? nil : "it has no memory for sequences"
    }

    /// Why the board cannot keep all of these at once; nil if it can.
    package func refusal(ofAll sequences: some Swift.Sequence<ChannelSequence>) -> String? {
        let room = sequenceBytes ?? 0
        let size = sequences.reduce(0) { $0 + $1.sizeBytes }
        return size <= room
            ? nil : "the device's sequences take \(size) bytes together; it has \(room) for them"
    }
}

/// Walks a sequence and collects what is wrong.
private struct SequenceCheck {
    typealias Limits = ChannelSequence.Limits

    let manifest: BoardManifest
    var problems: [ChannelSequence.Problem] = []
    private var steps = 0

    init(manifest: BoardManifest) { self.manifest = manifest }

    mutating func check(_ sequence: ChannelSequence) {
        check(sequence.steps, "steps", depth: 0)
        if steps > Limits.stepsMax {
            add("steps", "must be at most \(Limits.stepsMax) in all, not \(steps)")
        }
        if sequence.channels.isEmpty { add("steps", "must command a channel") }
        if sequence.milliseconds > Limits.timeMaxMilliseconds {
            add("steps", "must take at most \(Limits.timeMaxMilliseconds) ms in all")
        }
        if let refusal = manifest.sequencesRefusal {
            add("steps", "the board keeps no sequences: \(refusal)")
        } else if let refusal = manifest.refusal(ofAll: [sequence]) {
            add("steps", refusal)
        }
    }

    private mutating func check(_ steps: [ChannelSequence.Step], _ path: String, depth: Int) {
        for (index, step) in steps.enumerated() {
            self.steps += 1
            guard problems.count < 20 else { return }
            let place = "\(path)[\(index)]"
            switch step {
            case .command(let channel, let operation): check(operation, channel, place)
            case .wait(let milliseconds):
                range(milliseconds, "\(place).wait_ms", 1...Limits.waitMaxMilliseconds)
            case .loop(let rounds, let inner):
                range(rounds, "\(place).rounds", 1...Limits.roundsMax)
                guard depth < Limits.depthMax else {
                    add(place, "must not be a loop: they stand at most \(Limits.depthMax) deep")
                    continue
                }
                check(inner, "\(place).steps", depth: depth + 1)
                let round = ChannelSequence.milliseconds(of: inner)
                if round < Limits.roundMinMilliseconds {
                    add(
                        "\(place).steps",
                        "must take \(Limits.roundMinMilliseconds) ms or longer, not \(round)")
                }
            }
        }
    }

    private mutating func check(_ operation: Operation, _ name: String, _ place: String) {
        guard name != Channel.boardName, let channel = manifest.channel(named: name) else {
            return add("\(place).channel", "must be a channel of the board")
        }
        if let refusal = channel.refusal(of: operation) {
            return add("\(place).operation", refusal)
        }
        var duration = operation.durationMilliseconds
        if case .level(_, let fade, _) = operation { duration = max(duration, fade) }
        if duration > channel.onMaxMilliseconds {
            add(
                "\(place).operation",
                "\(name) may be on for \(channel.onMaxMilliseconds) ms at most, not \(duration)")
        }
    }

    private mutating func range(_ value: Int, _ path: String, _ range: ClosedRange<Int>) {
        if !range.contains(value) {
            add(path, "must be \(range.lowerBound) to \(range.upperBound), not \(value)")
        }
    }

    private mutating func add(_ path: String, _ message: String) {
        problems.append(ChannelSequence.Problem(path: path, message: message))
    }
}
