internal import Glibc
internal import Platform

/// A part of an open file, as the body of an answer.
final class FileContent: Sendable {
    private static let pieceBytes = 256 * 1024
    private let descriptor: Int32
    let range: Range<Int>

    /// Takes over the descriptor.
    init(descriptor: Int32, range: Range<Int>) {
        self.descriptor = descriptor
        self.range = range
    }

    deinit { close(descriptor) }

    /// Reads piece by piece on a thread of `disk`, so that a slow disk stops no connection.
    func read(on disk: BlockingPool, _ send: ([UInt8]) async throws -> Void) async throws {
        var offset = range.lowerBound
        while offset < range.upperBound {
            let count = min(Self.pieceBytes, range.upperBound - offset)
            let at = offset
            let piece = try await disk.run { try self.piece(at: at, count: count) }
            try await send(piece)
            offset += piece.count
        }
    }

    private func piece(at offset: Int, count: Int) throws(LinuxError) -> [UInt8] {
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = max(0, pread(descriptor, buffer.baseAddress, count, off_t(offset)))
        }
        // The file shrank or cannot be read: the length was promised, so the answer must break.
        guard !bytes.isEmpty else { throw LinuxError("read a file to send", code: EIO) }
        return bytes
    }
}
