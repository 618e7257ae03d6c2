/// Writes the pieces of a streamed answer. A `write` waits while the peer is slow: at most
/// `HTTPLimits.queueBytes` are unsent.
package final class ResponseWriter: Sendable {
    private let send: @Sendable ([UInt8]) async throws -> Void

    init(_ send: @escaping @Sendable ([UInt8]) async throws -> Void) { self.send = send }

    /// Throws `CancellationError` once the peer has gone.
    package func write(_ bytes: [UInt8]) async throws { try await send(bytes) }

    package func write(_ text: String) async throws { try await send(Array(text.utf8)) }
}
