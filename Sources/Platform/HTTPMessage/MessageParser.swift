internal import CBeast

/// Why a message was refused.
package enum MessageError: Error, Hashable, Sendable {
    case syntax, version, chunk
    /// Head or chunk header over the limit.
    case headTooLarge
    case tooManyFields
    /// Obsolete line folding, RFC 9112 §5.2.
    case foldedField
    /// Content-Length and Transfer-Encoding that are wrong or contradict each other.
    case length
    /// A chunk announces more than `limitChunks` allows.
    case bodyTooLarge
    /// The peer closed in the middle.
    case truncated
    case outOfMemory

    init(_ code: Int32) {
        switch Int(code) {
        case Int(CUE_HTTP_ERROR_HEAD_SIZE): self = .headTooLarge
        case Int(CUE_HTTP_ERROR_FIELD_COUNT): self = .tooManyFields
        case Int(CUE_HTTP_ERROR_FOLD): self = .foldedField
        case Int(CUE_HTTP_ERROR_VERSION): self = .version
        case Int(CUE_HTTP_ERROR_LENGTH): self = .length
        case Int(CUE_HTTP_ERROR_CHUNK): self = .chunk
        case Int(CUE_HTTP_ERROR_TRUNCATED): self = .truncated
        case Int(CUE_HTTP_ERROR_BODY_SIZE): self = .bodyTooLarge
        case Int(CUE_HTTP_ERROR_MEMORY): self = .outOfMemory
        default: self = .syntax
        }
    }
}

/// Parses HTTP/1 messages as their bytes arrive, one message at a time; keeps no input. Used by
/// one thread at a time, and reused through `reset`.
package final class MessageParser {
    package enum Kind: Sendable { case request, response }

    /// What a step of parsing found.
    package enum Event {
        /// Give the rest again, with more behind it.
        case needsMore
        case head(MessageHead)
        /// A piece of the body, as a range of the bytes given.
        case body(Range<Int>)
    }

    /// One step.
    package struct Step {
        package let consumed: Int
        package let event: Event
        /// Whether the message ends here; what follows belongs to the next one.
        package let isDone: Bool
    }

    private let parser: OpaquePointer

    /// - Parameters:
    ///   - headMax: bytes of a start line, and of all fields; also of one chunk header.
    ///   - fieldsMax: how many fields a head may have.
    package init(_ kind: Kind, headMax: Int, fieldsMax: Int) throws(MessageError) {
        guard
            let parser = cue_http_parser_create(
                kind == .response ? 1 : 0, UInt32(clamping: headMax), UInt32(clamping: fieldsMax))
        else { throw .outOfMemory }
        self.parser = parser
    }

    deinit { cue_http_parser_destroy(parser) }

    /// Makes ready for the next message.
    /// - Parameter hasNoBody: the message is the response to HEAD.
    package func reset(hasNoBody: Bool = false) { cue_http_parser_reset(parser, hasNoBody ? 1 : 0) }

    /// Refuses a chunk (`MessageError.bodyTooLarge`) whose announced size, with those before it
    /// since this call, is more than so many bytes. Lasts until `reset`; a Content-Length is for
    /// the reader of the head to judge.
    package func limitChunks(_ sizeMax: Int) {
        cue_http_parser_limit_chunks(parser, UInt64(clamping: sizeMax))
    }

    /// Parses until something happens. Not to be called after the end or an error without `reset`.
    package func feed(_ bytes: UnsafeBufferPointer<UInt8>) throws(MessageError) -> Step {
        let event = cue_http_parser_feed(parser, bytes.baseAddress, bytes.count)
        let isDone = event.is_done != 0
        switch Int(event.kind) {
        case Int(CUE_HTTP_HEAD):
            return Step(consumed: event.consumed, event: .head(head()), isDone: isDone)
        case Int(CUE_HTTP_BODY):
            let range = event.body_at..<event.body_at + event.body_size
            return Step(consumed: event.consumed, event: .body(range), isDone: isDone)
        case Int(CUE_HTTP_MORE):
            return Step(consumed: event.consumed, event: .needsMore, isDone: isDone)
        default: throw MessageError(event.error)
        }
    }

    /// The peer closed: right only for a response whose body lasts until then.
    package func end() throws(MessageError) {
        let error = cue_http_parser_end(parser)
        if error != 0 { throw MessageError(error) }
    }

    private func head() -> MessageHead {
        let head = cue_http_parser_head(parser)
        let bytes = UnsafeBufferPointer(start: head.text, count: head.text_size)
        let methodEnd = Int(head.method_size)
        let targetEnd = methodEnd + Int(head.target_size)
        return MessageHead(
            method: String(decoding: bytes[..<methodEnd], as: UTF8.self),
            target: String(decoding: bytes[methodEnd..<targetEnd], as: UTF8.self),
            status: Int(head.status), minorVersion: Int(head.minor_version),
            fields: HeaderFields(head, text: Array(bytes)),
            contentLength: head.content_length < 0 ? nil : head.content_length,
            isChunked: head.is_chunked != 0, keepsAlive: head.keeps_alive != 0,
            isUpgrade: head.is_upgrade != 0)
    }
}
