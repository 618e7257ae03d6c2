internal import Glibc

/// What came of a non-blocking read or write.
enum TransferOutcome: Equatable {
    case bytes(Int)
    case wouldBlock
    /// The peer closed, or the connection failed.
    case closed
}

/// The bytes below HTTP: a socket, or TLS on it. Used on its loop alone.
protocol Transport: AnyObject {
    func read(into buffer: UnsafeMutableRawBufferPointer) -> TransferOutcome
    func write(_ bytes: UnsafeRawBufferPointer) -> TransferOutcome
    /// Tells the peer that no more bytes come; what it sends is still read.
    func shutdownWriting()
}

/// A stream socket.
final class PlainTransport: Transport {
    private let descriptor: Int32

    init(descriptor: Int32) { self.descriptor = descriptor }

    func read(into buffer: UnsafeMutableRawBufferPointer) -> TransferOutcome {
        while true {
            let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
            if count > 0 { return .bytes(count) }
            if count == 0 { return .closed }
            if errno == EINTR { continue }
            return errno == EAGAIN ? .wouldBlock : .closed
        }
    }

    func write(_ bytes: UnsafeRawBufferPointer) -> TransferOutcome {
        while true {
            let count = send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
            if count >= 0 { return .bytes(count) }
            if errno == EINTR { continue }
            return errno == EAGAIN ? .wouldBlock : .closed
        }
    }

    func shutdownWriting() { _ = shutdown(descriptor, Int32(SHUT_WR)) }
}
