internal import Glibc

/// Reads the frames of a capture or of a recording from a file, never more than one record and
/// one piece of 64 KiB at a time. Blocking: for the command line and for tests, or on a thread
/// of its own.
package struct CaptureReader: ~Copyable {
    private let descriptor: Int32
    private var parser = CaptureParser()
    private var isEnd = false
    private var piece = [UInt8](repeating: 0, count: 64 << 10)

    package init(path: String) throws(CaptureError) {
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system(errno: errno) }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// The start of the capture, Unix milliseconds; 0 for recordings and before the first frame.
    package var startUnixMilliseconds: Int64 { parser.startUnixMilliseconds }

    /// The next frame; nil at the end of the file.
    package mutating func next() throws(CaptureError) -> CapturedFrame? {
        while true {
            if let frame = try parser.next(isEnd: isEnd) { return frame }
            guard !isEnd else { return nil }
            let count = piece.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                parser.feed(piece[..<count])
            } else if count == 0 {
                isEnd = true
            } else if errno != EINTR {
                throw .system(errno: errno)
            }
        }
    }
}

/// Writes a capture. Each frame goes to the file with one write, so a reader that comes while
/// we write, or after we died, finds whole records but for the last.
package struct CaptureWriter: ~Copyable {
    private let descriptor: Int32
    private var lastOffset: Int64 = 0

    /// Makes the file; fails with EEXIST if it is there.
    package init(path: String, startUnixMilliseconds: Int64) throws(CaptureError) {
        descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .system(errno: errno) }
        try write(CaptureFormat.header(startUnixMilliseconds: startUnixMilliseconds))
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Appends a frame. An offset before the last one is written as the last one.
    package mutating func append(
        _ bytes: [UInt8], offsetMicroseconds: Int64
    ) throws(CaptureError) {
        lastOffset = max(lastOffset, offsetMicroseconds)
        let frame = CapturedFrame(offsetMicroseconds: lastOffset, bytes: bytes)
        guard let record = CaptureFormat.record(frame) else { throw .tooLarge(record: 0) }
        try write(record)
    }

    private func write(_ bytes: [UInt8]) throws(CaptureError) {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress.map { $0 + written }, $0.count - written)
            }
            if count >= 0 {
                written += count
            } else if errno != EINTR {
                throw .system(errno: errno)
            }
        }
    }
}
