internal import Crypto
internal import Glibc

/// TLS on a stream socket. The handshake happens inside the first reads and writes.
final class TLSTransport: Transport {
    private let session: TLSSession
    private let descriptor: Int32

    init(context: TLSContext, descriptor: Int32) throws(TLSError) {
        self.descriptor = descriptor
        session = try TLSSession(server: context, descriptor: descriptor)
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) -> TransferOutcome {
        outcome { () throws(TLSError) in try session.read(into: buffer) }
    }

    func write(_ bytes: UnsafeRawBufferPointer) -> TransferOutcome {
        outcome { () throws(TLSError) in try session.write(bytes) }
    }

    func shutdownWriting() {
        // The farewell is a courtesy; a peer that has gone does not need it.
        _ = try? session.shutdown()
        _ = Glibc.shutdown(descriptor, Int32(SHUT_WR))
    }

    /// A call that wants the other direction is tried again at the socket's next event, whichever
    /// it is, so both wants are the same here.
    private func outcome(
        _ call: () throws(TLSError) -> TLSSession.Progress
    ) -> TransferOutcome {
        do throws(TLSError) {
            return switch try call() {
            case .moved(let count): .bytes(count)
            case .wantsRead, .wantsWrite: .wouldBlock
            case .closed: .closed
            }
        } catch {
            return .closed
        }
    }
}
