internal import SharedModels

/// The numbers of docs/link.md §3 for sequences and the board's clock.
enum SequenceLink {
    // Requests.
    static let write = 0x0B
    static let commit = 0x0C
    static let read = 0x0D
    static let start = 0x0E
    static let clockRead = 0x11
    // Answers.
    static let sequence = 0x8D
    static let clock = 0x91
    /// Kind of an EVENT, whose channel is the program.
    static let event = 4
}

/// What a board keeps committed in its program memory.
package struct CommittedPrograms: Hashable, Sendable {
    package let sizeBytes: UInt16
    package let crc32: UInt32

    package init(sizeBytes: UInt16, crc32: UInt32) {
        self.sizeBytes = sizeBytes
        self.crc32 = crc32
    }
}

/// A board's clock, read when the request's last byte had come.
package struct ClockReading: Hashable, Sendable {
    /// Since the board's boot; modulo 2³² microseconds (71 minutes).
    package let microseconds: UInt32
    /// The same clock in whole milliseconds; modulo 2³² (49 days).
    package let milliseconds: UInt32

    package init(microseconds: UInt32, milliseconds: UInt32) {
        self.microseconds = microseconds
        self.milliseconds = milliseconds
    }

    /// The microseconds beyond the whole millisecond; nil if the two numbers are not one clock.
    package var rest: Int64? {
        let rest = microseconds &- milliseconds &* 1000
        return rest < 1000 ? Int64(rest) : nil
    }
}

/// What a board tells of a sequence that it plays.
package enum SequenceNews: Int16, Hashable, Sendable {
    case started = 1
    case ended = 2
    /// Before its end: an E-stop, disarming, or an off.
    case stopped = 3
}

extension LinkCommand {
    /// Starts a program.
    /// - Parameter startAtMilliseconds: by the board's clock; 0 for now.
    package init(program: UInt8, startAtMilliseconds: UInt32) {
        var bytes: [UInt8] = [program]
        bytes.append(u32: startAtMilliseconds)
        self.init(type: UInt8(SequenceLink.start), payload: bytes)
    }
}
