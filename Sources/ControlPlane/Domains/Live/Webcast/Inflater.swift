internal import CDeflate

/// Inflates gzip into a buffer of its own that is used again for the next payload. One
/// livestream owns one; it is used by one task at a time.
// Safe: the pointers are owned by this value alone, which cannot be copied.
package struct Inflater: ~Copyable, @unchecked Sendable {
    private var handle: OpaquePointer?
    private var buffer: UnsafeMutableRawBufferPointer

    package init() {
        handle = nil
        buffer = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    }

    deinit {
        buffer.deallocate()
        if let handle { cue_inflater_free(handle) }
    }

    /// Whether bytes start like gzip with deflate (RFC 1952 §2.3.1).
    package static func isGzip(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.count >= 3 && bytes[0] == 0x1F && bytes[1] == 0x8B && bytes[2] == 0x08
    }

    /// Inflates `bytes`, which may be several gzip members behind each other. What it returns
    /// is valid until the next call.
    mutating func inflate(
        _ bytes: UnsafeRawBufferPointer
    ) throws(WebcastError) -> UnsafeRawBufferPointer {
        try prepare(hint: Self.sizeHint(bytes))
        var read = 0
        var written = 0
        repeat {
            var readNow = 0
            var writtenNow = 0
            let status = cue_inflater_gzip(
                handle, bytes.baseAddress.map { $0 + read }, bytes.count - read,
                buffer.baseAddress.map { $0 + written }, buffer.count - written,
                &readNow, &writtenNow)
            switch Int(status) {
            case Int(CUE_INFLATE_OK):
                guard readNow > 0 else { throw .badGzip }
                read += readNow
                written += writtenNow
            case Int(CUE_INFLATE_NO_SPACE): try grow(keeping: written)
            default: throw .badGzip
            }
        } while read < bytes.count
        return UnsafeRawBufferPointer(rebasing: buffer[..<written])
    }

    /// What the trailer says the size is (modulo 2^32), held within limits; the trailer may lie.
    private static func sizeHint(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard bytes.count >= 18 else { return 64 }
        let tail = bytes.loadUnaligned(fromByteOffset: bytes.count - 4, as: UInt32.self)
        return min(max(Int(UInt32(littleEndian: tail)), 64), LiveLimits.inflatedBytes)
    }

    private mutating func prepare(hint: Int) throws(WebcastError) {
        if handle == nil { handle = cue_inflater_make() }
        guard handle != nil else { throw .outOfMemory }
        let isOversized = buffer.count > LiveLimits.inflateBufferKeptBytes
        guard hint > buffer.count || isOversized else { return }
        let size = max(hint, min(buffer.count, LiveLimits.inflateBufferKeptBytes))
        buffer.deallocate()
        buffer = .allocate(byteCount: size, alignment: 16)
    }

    private mutating func grow(keeping used: Int) throws(WebcastError) {
        guard buffer.count < LiveLimits.inflatedBytes else { throw .inflatedTooLarge }
        let size = min(max(buffer.count * 4, 4_096), LiveLimits.inflatedBytes)
        let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)
        larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[..<used]))
        buffer.deallocate()
        buffer = larger
    }
}

/// Writes gzip (RFC 1952).
package enum Gzip {
    /// Compresses with libdeflate, `level` 1 to 12. The bytes may differ between versions of
    /// the library. Empty if there was no memory.
    package static func compress(_ bytes: [UInt8], level: Int32 = 6) -> [UInt8] {
        let capacity = cue_gzip_bound(bytes.count)
        return [UInt8](unsafeUninitializedCapacity: capacity) { output, size in
            size = bytes.withUnsafeBytes {
                cue_gzip_compress(level, $0.baseAddress, $0.count, output.baseAddress, capacity)
            }
        }
    }

    /// Wraps without compressing, in stored blocks (RFC 1951 §3.2.4): the same bytes on every
    /// machine, which golden files need.
    package static func store(_ bytes: [UInt8]) -> [UInt8] {
        var output: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255]
        var start = 0
        repeat {
            let end = min(start + 0xFFFF, bytes.count)
            let size = UInt16(truncatingIfNeeded: end - start)
            output.append(end == bytes.count ? 1 : 0)
            output.append(littleEndian: size)
            output.append(littleEndian: ~size)
            output.append(contentsOf: bytes[start..<end])
            start = end
        } while start < bytes.count
        output.append(littleEndian: checksum(bytes))
        output.append(littleEndian: UInt32(truncatingIfNeeded: bytes.count))
        return output
    }

    /// CRC-32 as gzip uses it.
    package static func checksum(_ bytes: [UInt8]) -> UInt32 {
        bytes.withUnsafeBytes { cue_crc32(0, $0.baseAddress, $0.count) }
    }
}

extension [UInt8] {
    mutating func append(littleEndian value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }
}
