internal import COpenSSL

/// One TLS conversation, driven by a non-blocking loop. It belongs to the thread or actor that
/// drives it.
///
/// Over a socket it reads and writes the descriptor itself, which stays the caller's to watch
/// and close. Over memory the caller carries the bytes: `feed` what came, send what
/// `takeOutput` gives after every other call.
///
/// Any call may want either direction, whatever it does itself. With an edge-triggered watch
/// call `read` until it wants to read: a short read does not mean that nothing is left.
package final class TLSSession {
    /// What a call came to.
    package enum Progress: Equatable, Sendable {
        /// So many bytes were read or written, or the step is done (0).
        case moved(Int)
        /// Call again once the peer's bytes are there.
        case wantsRead
        /// Call again once bytes can be sent, or the output was taken.
        case wantsWrite
        /// The peer ended the conversation in order; nothing more will come.
        case closed
    }

    /// Bytes that may wait in a session over memory, in each direction.
    package static let pendingMax = Int(CUE_TLS_PENDING_MAX)

    private let context: TLSContext
    private let handle: OpaquePointer

    /// A server's session.
    /// - Parameter descriptor: a connected, non-blocking socket; nil for memory.
    package init(server context: TLSContext, descriptor: Int32? = nil) throws(TLSError) {
        precondition(context.isServer, "a server's session needs a server's context")
        guard let handle = cue_tls_new(context.handle, descriptor ?? -1, nil) else {
            throw .failed("no memory for a session")
        }
        self.context = context
        self.handle = handle
    }

    /// A client's session.
    /// - Parameter name: the host name or address that the server's certificate must bear.
    package init(client context: TLSContext, name: String, descriptor: Int32? = nil)
        throws(TLSError)
    {
        precondition(!context.isServer, "a client's session needs a client's context")
        guard !name.isEmpty, !name.utf8.contains(0),
            let handle = cue_tls_new(context.handle, descriptor ?? -1, name)
        else { throw .badName(name) }
        self.context = context
        self.handle = handle
    }

    deinit { cue_tls_free(handle) }

    /// Goes on with the handshake; `.moved(0)` once it is through. `read` and `write` do it too,
    /// but only this says when.
    package func handshake() throws(TLSError) -> Progress {
        try progress(Int64(cue_tls_handshake(handle)))
    }

    /// Reads what is there, as much as fits.
    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(TLSError) -> Progress {
        guard let base = buffer.baseAddress, buffer.count > 0 else { return .moved(0) }
        return try progress(
            cue_tls_read(handle, base.assumingMemoryBound(to: UInt8.self), buffer.count))
    }

    /// Writes as much as can be sent now. What was not moved must be given again, from its first
    /// byte on; more may have been added behind it.
    package func write(_ bytes: UnsafeRawBufferPointer) throws(TLSError) -> Progress {
        guard let base = bytes.baseAddress, bytes.count > 0 else { return .moved(0) }
        return try progress(
            cue_tls_write(handle, base.assumingMemoryBound(to: UInt8.self), bytes.count))
    }

    /// Decrypted bytes that wait inside; no event of the socket will tell of them.
    package var readableCount: Int { cue_tls_readable(handle) }

    /// Tells the peer that nothing more will be written; `.moved(0)` once it is told. Close the
    /// socket afterwards; the peer's own farewell need not be awaited (RFC 8446 §6.1).
    package func shutdown() throws(TLSError) -> Progress {
        try progress(Int64(cue_tls_shutdown(handle)))
    }

    /// Takes what the peer sent. Returns how many bytes were taken: fewer than given when
    /// `pendingMax` wait to be read.
    package func feed(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard let base = bytes.baseAddress else { return 0 }
        return cue_tls_feed(handle, base.assumingMemoryBound(to: UInt8.self), bytes.count)
    }

    /// The connection has ended; nothing more will be fed.
    package func feedEnd() { cue_tls_feed_end(handle) }

    /// Puts what must be sent to the peer into the buffer. Returns how many bytes.
    package func takeOutput(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        guard let base = buffer.baseAddress else { return 0 }
        return cue_tls_output(handle, base.assumingMemoryBound(to: UInt8.self), buffer.count)
    }

    /// How many bytes wait to be sent to the peer.
    package var outputCount: Int { cue_tls_output_size(handle) }

    /// `TLSv1.3` or `TLSv1.2`, after the handshake.
    package var version: String { String(cString: cue_tls_version(handle)) }

    /// The ALPN name both sides agreed on; nil before the handshake and if there is none.
    package var negotiatedProtocol: String? {
        var size = 0
        guard let name = cue_tls_alpn(handle, &size) else { return nil }
        return String(decoding: UnsafeBufferPointer(start: name, count: size), as: UTF8.self)
    }

    private func progress(_ result: Int64) throws(TLSError) -> Progress {
        switch Int(result) {
        case 0...: return .moved(Int(result))
        case Int(CUE_TLS_WANTS_READ): return .wantsRead
        case Int(CUE_TLS_WANTS_WRITE): return .wantsWrite
        case Int(CUE_TLS_CLOSED): return .closed
        case Int(CUE_TLS_TRUNCATED): throw .truncated
        case Int(CUE_TLS_UNTRUSTED): throw .untrusted(problem)
        default: throw .failed(problem)
        }
    }

    private var problem: String { String(cString: cue_tls_problem(handle)) }
}
