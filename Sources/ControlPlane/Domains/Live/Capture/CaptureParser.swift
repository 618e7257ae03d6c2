/// Takes the bytes of a capture in pieces of any size and gives back frames: captures of our own
/// format, or JSON lines of recorded messages, told apart by the first bytes. Holds at most one
/// record and what was fed since.
package struct CaptureParser: Sendable {
    private enum Format {
        case undecided, capture, recordings
    }

    private var format = Format.undecided
    private var buffer: [UInt8] = []
    private var position = 0
    /// Bytes before this hold no line feed from `position` on.
    private var searched = 0
    private var records = 0
    private var lastOffset: Int64 = 0
    private var lines = RecordedLines()
    /// The start of the capture, Unix milliseconds; 0 until known, and for recordings.
    package private(set) var startUnixMilliseconds: Int64 = 0

    package init() {}

    package mutating func feed(_ bytes: some Collection<UInt8>) {
        buffer.removeFirst(position)
        searched = max(0, searched - position)
        position = 0
        buffer.append(contentsOf: bytes)
    }

    /// The next frame; nil if more bytes are needed.
    /// - Parameter isEnd: that no more bytes will come; a cut record at the end of a capture is
    ///   left out, a last line without its line feed is read.
    package mutating func next(isEnd: Bool = false) throws(CaptureError) -> CapturedFrame? {
        if format == .undecided { try decide(isEnd: isEnd) }
        switch format {
        case .undecided: return nil
        case .capture: return try record()
        case .recordings: return try line(isEnd: isEnd)
        }
    }

    private mutating func decide(isEnd: Bool) throws(CaptureError) {
        let probe = buffer.prefix(CaptureFormat.magic.count)
        if probe.first == UInt8(ascii: "{") {
            format = .recordings
        } else if !CaptureFormat.magic.starts(with: probe) {
            throw .unknownFormat
        } else if buffer.count >= CaptureFormat.headerBytes {
            let version: UInt16 = buffer.littleEndian(at: 6)
            guard version == CaptureFormat.version else { throw .unknownVersion(version) }
            startUnixMilliseconds = buffer.littleEndian(at: 8)
            position = CaptureFormat.headerBytes
            format = .capture
        } else if isEnd {
            throw .unknownFormat
        }
    }

    private mutating func record() throws(CaptureError) -> CapturedFrame? {
        guard buffer.count - position >= CaptureFormat.recordHeaderBytes else { return nil }
        let size: UInt32 = buffer.littleEndian(at: position)
        let offset: Int64 = buffer.littleEndian(at: position + 4)
        guard size <= LiveLimits.captureRecordBytes else {
            throw .tooLarge(record: records + 1)
        }
        guard offset >= lastOffset else { throw .malformed(record: records + 1) }
        let start = position + CaptureFormat.recordHeaderBytes
        guard buffer.count - start >= Int(size) else { return nil }
        position = start + Int(size)
        records += 1
        lastOffset = offset
        return CapturedFrame(
            offsetMicroseconds: offset, bytes: Array(buffer[start..<position]))
    }

    private mutating func line(isEnd: Bool) throws(CaptureError) -> CapturedFrame? {
        while position < buffer.count {
            let end = buffer[max(position, searched)...].firstIndex(of: UInt8(ascii: "\n"))
            searched = end ?? buffer.count
            guard (end ?? buffer.count) - position <= LiveLimits.captureRecordBytes else {
                throw .tooLarge(record: records + 1)
            }
            guard let end = end ?? (isEnd ? buffer.count : nil) else { return nil }
            let text = Array(buffer[position..<end])
            position = min(end + 1, buffer.count)
            guard text.contains(where: { $0 != 0x20 && $0 != 0x0D }) else { continue }
            records += 1
            return try lines.frame(text, record: records)
        }
        return nil
    }
}

extension [UInt8] {
    /// The integer at `offset`, which the caller has checked to lie inside.
    func littleEndian<Value: FixedWidthInteger>(at offset: Int) -> Value {
        withUnsafeBytes {
            Value(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Value.self))
        }
    }
}
