/// The head of an HTTP/1 request or response, as it was received. Its syntax is right; whether
/// it makes sense is for the reader to judge.
package struct MessageHead: Sendable {
    /// The method of a request, or the reason phrase of a response.
    package let method: String
    /// The target of a request; empty in a response.
    package let target: String
    /// The status of a response; 0 in a request.
    package let status: Int
    /// 0 for HTTP/1.0, 1 for HTTP/1.1.
    package let minorVersion: Int
    package let fields: HeaderFields
    /// Bytes; nil if no Content-Length was given.
    package let contentLength: Int64?
    /// Whether the last transfer coding is `chunked`.
    package let isChunked: Bool
    /// Whether the connection may serve another message, by version and Connection field.
    package let keepsAlive: Bool
    /// Whether the Connection field names Upgrade.
    package let isUpgrade: Bool
}
