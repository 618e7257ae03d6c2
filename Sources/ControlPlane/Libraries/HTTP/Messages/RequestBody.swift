internal import Platform

/// The body of a request, pulled by whoever handles it. What is not pulled stays with the sender:
/// the socket is not read meanwhile.
package final class RequestBody: Sendable {
    private enum Source {
        case bytes(OneShot)
        case connection(Connection)
    }

    private let source: Source
    /// What Content-Length announced; nil for a chunked body.
    package let announcedBytes: Int64?

    /// A body that is at hand, for requests made in memory.
    package init(_ bytes: [UInt8] = []) {
        source = .bytes(OneShot(bytes))
        announcedBytes = Int64(bytes.count)
    }

    init(connection: Connection, announcedBytes: Int64?) {
        source = .connection(connection)
        self.announcedBytes = announcedBytes
    }

    /// The next piece, at most 64 KiB; nil at the end. One caller at a time.
    /// Throws `HTTPError` if the body is malformed or too slow, `CancellationError` if the peer
    /// has gone.
    package func next() async throws -> [UInt8]? {
        switch source {
        case .bytes(let once): once.take()
        case .connection(let connection): try await connection.nextBodyPiece()
        }
    }

    /// The whole body; throws `HTTPError` 413 as soon as it is known to exceed `limit` bytes,
    /// which is when a length that is too large is announced.
    package func collect(upTo limit: Int) async throws -> [UInt8] {
        if let announcedBytes, announcedBytes > Int64(limit) { throw HTTPError.bodyTooLarge(limit) }
        if case .connection(let connection) = source { connection.limitBody(limit) }
        var all: [UInt8] = []
        while let piece = try await next() {
            guard all.count + piece.count <= limit else { throw HTTPError.bodyTooLarge(limit) }
            if all.isEmpty { all = piece } else { all.append(contentsOf: piece) }
        }
        return all
    }
}
