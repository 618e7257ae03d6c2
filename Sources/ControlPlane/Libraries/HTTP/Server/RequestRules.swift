internal import HTTPMessage

/// What a syntactically right head must also fulfil before it is handled (RFC 9112 §3, §6).
/// Everything here that fails also closes the connection: two readers could disagree about it.
enum RequestRules {
    struct Refusal: Error, Equatable {
        let status: Status
        let code: String
        let message: String

        init(_ status: Status, _ code: String, _ message: String) {
            self.status = status
            self.code = code
            self.message = message
        }
    }

    /// What a head asks for once it is accepted.
    struct Accepted {
        let method: Method
        let target: RequestTarget
        let expectsContinue: Bool
    }

    static func check(_ head: MessageHead) throws(Refusal) -> Accepted {
        try checkFraming(head)
        try checkHost(head)
        guard let method = Method(rawValue: head.method) else {
            throw Method.refused.contains(head.method)
                ? Refusal(.methodNotAllowed, "method_not_allowed", "This method is not served.")
                : Refusal(.notImplemented, "unknown_method", "This method is not known.")
        }
        return Accepted(
            method: method, target: try target(head, method),
            expectsContinue: try expectation(head))
    }

    /// What the client is told when the bytes themselves are wrong.
    static func refusal(for error: MessageError) -> Refusal {
        switch error {
        case .headTooLarge, .tooManyFields:
            Refusal(.headTooLarge, "head_too_large", "The header fields are too large or too many.")
        case .version:
            Refusal(.versionNotSupported, "http_version", "Only HTTP/1.1 and HTTP/1.0 are served.")
        case .bodyTooLarge:
            Refusal(.contentTooLarge, "body_too_large", "The body is too large.")
        case .outOfMemory:
            Refusal(.serviceUnavailable, "unavailable", "The server is overloaded.")
        case .syntax, .chunk, .foldedField, .length, .truncated:
            Refusal(.badRequest, "malformed_request", "The request is not valid HTTP.")
        }
    }

    private static func checkFraming(_ head: MessageHead) throws(Refusal) {
        let codings = head.fields.count(of: "transfer-encoding")
        if codings > 0 {
            guard head.minorVersion >= 1, codings == 1, head.contentLength == nil else {
                throw Refusal(.badRequest, "framing", "The length of the body is ambiguous.")
            }
            guard head.isChunked,
                head.fields["transfer-encoding"]?.lowercased() == "chunked"
            else {
                throw Refusal(.notImplemented, "transfer_coding", "Only chunked is understood.")
            }
        }
        // The parser takes `3, 3` for 3, which others may read differently.
        let length = head.fields["content-length"] ?? "0"
        guard head.fields.count(of: "content-length") <= 1,
            length.utf8.allSatisfy({ (0x30...0x39).contains($0) })
        else { throw Refusal(.badRequest, "framing", "The length of the body is ambiguous.") }
    }

    private static func checkHost(_ head: MessageHead) throws(Refusal) {
        let hosts = head.fields.count(of: "host")
        guard hosts == 1 || hosts == 0 && head.minorVersion == 0 else {
            throw Refusal(.badRequest, "host", "Exactly one Host field is needed.")
        }
        guard let host = head.fields["host"] else { return }
        guard host.utf8.allSatisfy(isHostByte) else {
            throw Refusal(.badRequest, "host", "The Host field is not valid.")
        }
    }

    private static func isHostByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "."), UInt8(ascii: "-"),
            UInt8(ascii: "_"), UInt8(ascii: ":"), UInt8(ascii: "["), UInt8(ascii: "]"),
            UInt8(ascii: "%"), UInt8(ascii: "~"):
            true
        default: false
        }
    }

    private static func target(
        _ head: MessageHead, _ method: Method
    ) throws(Refusal) -> RequestTarget {
        guard head.target.utf8.count <= 8 * 1024 else {
            throw Refusal(.targetTooLong, "target_too_long", "The address is too long.")
        }
        if head.target == "*", method == .options, let all = RequestTarget("/") { return all }
        guard let target = RequestTarget(head.target) else {
            throw Refusal(.badRequest, "target", "The address is not valid.")
        }
        return target
    }

    private static func expectation(_ head: MessageHead) throws(Refusal) -> Bool {
        guard let expect = head.fields["expect"] else { return false }
        guard expect.lowercased() == "100-continue" else {
            throw Refusal(.expectationFailed, "expectation", "Only 100-continue is understood.")
        }
        return head.minorVersion >= 1
    }
}
