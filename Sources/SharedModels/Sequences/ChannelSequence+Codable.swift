extension ChannelSequence.Step: Codable {
    private enum Kind: String, Codable { case command, wait, loop }

    private enum CodingKeys: String, CodingKey {
        case type, channel, operation, wait = "wait_ms", rounds, steps
    }

    /// Loops deeper than a board knows are refused while they are read, so that no text of a
    /// stranger leads arbitrarily deep.
    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        switch try values.decode(Kind.self, forKey: .type) {
        case .command:
            self = .command(
                channel: try values.decode(String.self, forKey: .channel),
                try values.decode(Operation.self, forKey: .operation))
        case .wait: self = .wait(milliseconds: try values.decode(Int.self, forKey: .wait))
        case .loop:
            // A loop adds a key and an index to the path of what is in it.
            let depth = decoder.codingPath.lazy.filter { $0.intValue != nil }.count
            guard depth <= ChannelSequence.Limits.depthMax + 8 else {
                throw DecodingError.dataCorruptedError(
                    forKey: .steps, in: values, debugDescription: "loops stand too deep")
            }
            self = .loop(
                rounds: try values.decode(Int.self, forKey: .rounds),
                try values.decode([Self].self, forKey: .steps))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .command(let channel, let operation):
            try values.encode(Kind.command, forKey: .type)
            try values.encode(channel, forKey: .channel)
            try values.encode(operation, forKey: .operation)
        case .wait(let milliseconds):
            try values.encode(Kind.wait, forKey: .type)
            try values.encode(milliseconds, forKey: .wait)
        case .loop(let rounds, let steps):
            try values.encode(Kind.loop, forKey: .type)
            try values.encode(rounds, forKey: .rounds)
            try values.encode(steps, forKey: .steps)
        }
    }
}
