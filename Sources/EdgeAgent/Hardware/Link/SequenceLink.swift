internal import FirmwareCore
internal import SharedModels

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
        self.init(type: UInt8(truncatingIfNeeded: CUE_SEQUENCE_START), payload: bytes)
    }
}
