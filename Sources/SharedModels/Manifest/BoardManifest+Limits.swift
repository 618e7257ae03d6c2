extension BoardManifest {
    /// What is out of its limits, as a sentence for people; nil if nothing is. Manifests come
    /// from boards and agents, so whoever takes one asks first.
    package var problem: String? {
        if linkVersion != 1 { return "the protocol is \(linkVersion), not 1" }
        guard Limits.isPlain(board, 1...32) else { return "the board's name is not plain text" }
        guard Limits.isPlain(firmware, 0...32), Limits.isPlain(build, 0...32) else {
            return "the firmware's version is not plain text"
        }
        guard (0...65_535).contains(receiveWindowBytes) else { return "rx_window is out of range" }
        guard (0...255).contains(minor ?? 0), (0...1_048_576).contains(sequenceBytes ?? 0) else {
            return "minor or sequence_bytes is out of range"
        }
        guard channels.count <= Self.channelsMax else {
            return "there are more than \(Self.channelsMax) channels"
        }
        guard Set(channels.map(\.id)).count == channels.count,
            Set(channels.map(\.name)).count == channels.count
        else { return "two channels have the same id or name" }
        for channel in channels {
            if let problem = channel.problem { return problem }
        }
        return nil
    }
}

extension Channel {
    /// What is out of its limits, as a sentence for people; nil if nothing is.
    package var problem: String? {
        guard Limits.isWord(name, 1...24) else { return "a channel's name is not a plain word" }
        guard Limits.isWord(kind.name, 1...16) else {
            return "the kind of channel \(name) is not a plain word"
        }
        let milliseconds = 0...60_000
        let centidegrees = 0...36_000
        guard (-1...1023).contains(pin), milliseconds.contains(onMaxMilliseconds),
            milliseconds.contains(pauseMinMilliseconds), (0...255).contains(pixels ?? 0),
            centidegrees.contains(angleMinCentidegrees ?? 0),
            centidegrees.contains(angleMaxCentidegrees ?? 0),
            (angleMinCentidegrees ?? 0) <= (angleMaxCentidegrees ?? 36_000)
        else { return "a limit of channel \(name) is out of its range" }
        guard bounds.isPlausible else { return "a limit of channel \(name) is out of its range" }
        return nil
    }
}

/// Which texts other machines may send us.
enum Limits {
    /// Printable ASCII of so many bytes.
    static func isPlain(_ text: String, _ bytes: ClosedRange<Int>) -> Bool {
        bytes.contains(text.utf8.count) && text.utf8.allSatisfy { (0x20...0x7E).contains($0) }
    }

    /// `[a-z0-9_]` of so many bytes.
    static func isWord(_ text: String, _ bytes: ClosedRange<Int>) -> Bool {
        bytes.contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                    UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }

    /// The text without control characters, cut at a scalar to at most so many bytes.
    static func cut(_ text: String, bytes: Int) -> String {
        var result = ""
        var size = 0
        for scalar in text.unicodeScalars where scalar.properties.generalCategory != .control {
            size += UTF8.width(scalar)
            guard size <= bytes else { break }
            result.unicodeScalars.append(scalar)
        }
        return result
    }
}
