internal import HTTPMessage
internal import Platform

/// A request as its handler sees it.
package struct Request: Sendable {
    /// Ours, unique, on every answer as `X-Request-Id` and in every log line.
    package let id: String
    package let method: Method
    package let target: RequestTarget
    /// The address of the peer without its port, as text; `unix` for a unix socket.
    package let peer: String
    /// Whether the bytes came through TLS.
    package let isSecure: Bool
    package let body: RequestBody
    /// When the last bytes of its head were read, `CLOCK_MONOTONIC`.
    package let arrivedNanoseconds: Int64
    private let fields: HeaderFields

    /// A request made in memory, for tests and for calls inside the process.
    package init?(
        _ method: Method, _ target: String, headers: [(name: String, value: String)] = [],
        body: [UInt8] = [], peer: String = "memory", id: String = "memory"
    ) {
        guard let target = RequestTarget(target) else { return nil }
        self.init(
            id: id, method: method, target: target, peer: peer, isSecure: false,
            body: RequestBody(body), fields: HeaderFields(headers),
            arrivedNanoseconds: SystemTime.monotonicNanoseconds)
    }

    init(
        id: String, method: Method, target: RequestTarget, peer: String, isSecure: Bool,
        body: RequestBody, fields: HeaderFields, arrivedNanoseconds: Int64
    ) {
        self.id = id
        self.method = method
        self.target = target
        self.peer = peer
        self.isSecure = isSecure
        self.body = body
        self.arrivedNanoseconds = arrivedNanoseconds
        self.fields = fields
    }

    /// The same request with an empty body.
    func withoutBody() -> Request {
        Request(
            id: id, method: method, target: target, peer: peer, isSecure: isSecure,
            body: RequestBody(), fields: fields, arrivedNanoseconds: arrivedNanoseconds)
    }

    /// The value of the first header field of this name, in any case.
    package func header(_ name: StaticString) -> String? { fields[name] }

    /// How many header fields have this name.
    package func headerCount(_ name: StaticString) -> Int { fields.count(of: name) }

    /// All header fields, in order.
    package var headers: [(name: String, value: String)] { fields.all }

    /// The value of a cookie (RFC 6265 §4.2); nil if it is absent.
    package func cookie(_ name: String) -> String? {
        guard let line = header("cookie") else { return nil }
        for pair in line.split(separator: ";") {
            let sides = pair.drop { $0 == " " }.split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if sides.count == 2, sides[0] == name { return String(sides[1]) }
        }
        return nil
    }

    /// The token of `Authorization: Bearer …`; nil if there is none.
    package var bearerToken: String? {
        guard let value = header("authorization"), value.utf8.count > 7,
            value.prefix(7).lowercased() == "bearer "
        else { return nil }
        return String(value.dropFirst(7))
    }
}
