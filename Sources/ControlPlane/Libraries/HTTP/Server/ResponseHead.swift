/// Writes the head of an answer (RFC 9112 §4).
enum ResponseHead {
    /// How the length of the body is told.
    enum Framing {
        case length(Int)
        case chunked
        /// Until the connection closes.
        case close
        /// 101, 204, 304: there is none.
        case none
    }

    static func append(
        _ response: Response, framing: Framing, requestID: String, date: [UInt8],
        connection: StaticString?, to out: inout [UInt8]
    ) {
        out.append(contentsOf: "HTTP/1.1 ".utf8)
        append(response.status.rawValue, to: &out)
        out.append(0x20)
        out.append(contentsOf: response.status.phrase.utf8)
        out.append(contentsOf: "\r\nX-Request-Id: ".utf8)
        out.append(contentsOf: requestID.utf8)
        out.append(contentsOf: date)
        switch framing {
        case .length(let count):
            out.append(contentsOf: "\r\nContent-Length: ".utf8)
            append(count, to: &out)
        case .chunked: out.append(contentsOf: "\r\nTransfer-Encoding: chunked".utf8)
        case .close, .none: break
        }
        if let connection {
            out.append(contentsOf: "\r\nConnection: ".utf8)
            connection.withUTF8Buffer { out.append(contentsOf: $0) }
        }
        for (name, value) in response.headers {
            out.append(contentsOf: "\r\n".utf8)
            out.append(contentsOf: name.utf8)
            out.append(contentsOf: ": ".utf8)
            out.append(contentsOf: value.utf8)
        }
        out.append(contentsOf: "\r\n\r\n".utf8)
    }

    /// One chunk of a chunked body; an empty one would end it and is never made here.
    static func chunk(_ bytes: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count + 16)
        out.append(contentsOf: String(bytes.count, radix: 16).utf8)
        out.append(contentsOf: "\r\n".utf8)
        out.append(contentsOf: bytes)
        out.append(contentsOf: "\r\n".utf8)
        return out
    }

    static let lastChunk = Array("0\r\n\r\n".utf8)

    static func append(_ number: Int, to out: inout [UInt8]) {
        out.append(contentsOf: String(number).utf8)
    }
}
