internal import Glibc

/// One frame of a capture, with when it arrived.
package struct CapturedFrame: Hashable, Sendable {
    /// Microseconds since the start of the capture; never less than the frame before.
    package let offsetMicroseconds: Int64
    /// One Webcast push frame as it came from the socket.
    package let bytes: [UInt8]

    package init(offsetMicroseconds: Int64, bytes: [UInt8]) {
        self.offsetMicroseconds = offsetMicroseconds
        self.bytes = bytes
    }
}

/// The capture file: a header of 16 bytes, then one record for each frame. Integers are
/// little-endian.
///
///     header: "CUECAP" (6 bytes) · version u16 = 1 · start u64, Unix milliseconds UTC
///     record: size u32, 0 … captureRecordBytes · offset u64, microseconds · size bytes
///
/// A file may end anywhere (a recorder was killed); what is cut off is one record.
package enum CaptureFormat {
    package static let magic = Array("CUECAP".utf8)
    package static let version: UInt16 = 1
    package static let headerBytes = 16
    package static let recordHeaderBytes = 12

    /// The start of a file.
    package static func header(startUnixMilliseconds: Int64) -> [UInt8] {
        var bytes = magic
        bytes.append(littleEndian: version)
        bytes.append(littleEndian: startUnixMilliseconds)
        return bytes
    }

    /// One record; nil if the frame is larger than `LiveLimits.captureRecordBytes`.
    package static func record(_ frame: CapturedFrame) -> [UInt8]? {
        guard frame.bytes.count <= LiveLimits.captureRecordBytes else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(recordHeaderBytes + frame.bytes.count)
        bytes.append(littleEndian: UInt32(frame.bytes.count))
        bytes.append(littleEndian: frame.offsetMicroseconds)
        bytes.append(contentsOf: frame.bytes)
        return bytes
    }
}

/// Why a capture or a recording could not be read.
package enum CaptureError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Neither a capture nor lines of recorded messages.
    case unknownFormat
    /// A capture of a version that we do not know.
    case unknownVersion(UInt16)
    /// A record or line above `LiveLimits.captureRecordBytes`, by its number from 1.
    case tooLarge(record: Int)
    /// A record or line that is not what it should be, by its number from 1.
    case malformed(record: Int)
    /// The system refused to open, read or write the file.
    case system(errno: Int32)

    package var description: String {
        switch self {
        case .unknownFormat:
            "the file is neither a capture (docs/webcast.md) nor recorded messages as JSON lines"
        case .unknownVersion(let version):
            "the capture is of version \(version), which this release cannot read"
        case .tooLarge(let record):
            "record \(record) of the file is above \(LiveLimits.captureRecordBytes) bytes"
        case .malformed(let record): "record \(record) of the file cannot be read"
        case .system(let code): "the file cannot be used: \(String(cString: strerror(code)))"
        }
    }
}
