import HTTP
import Platform
import TestSupport
import Testing

private struct Thing: Codable, Sendable {
    let name: String
    let size: Int
}

private let thing = Schema.object([
    .required("name", .string(1...20)), .required("size", .integer(0...10)),
])

private let endpoints: [Endpoint] = [
    .text("/hello"),
    Endpoint(
        .post, "/things", "Makes a thing.", tag: "test", access: .open, rate: .write,
        body: .json(thing, limit: 1000), answer: .item(thing), status: .created
    ) { call in try .item(call.body(Thing.self), status: .created) },
    Endpoint(
        .post, "/echo", "Echoes.", tag: "test", access: .open, rate: .write,
        body: .bytes(type: "application/octet-stream"), answer: .content(type: "text/plain")
    ) { call in
        var count = 0
        while let piece = try await call.request.body.next() { count += piece.count }
        return .text("\(count)")
    },
    .text("/stream") { _ in
        .stream(type: "text/plain") { writer in
            for index in 0..<3 { try await writer.write("piece \(index);") }
        }
    },
    .text("/fail") { _ in
        struct Odd: Error {}
        throw Odd()
    },
    .text("/slow-yield") { _ in
        await Task.yield()
        return .text("later")
    },
]

@Suite("HTTP server")
struct ServerTests {
    @Test("a request is answered, and the connection serves another")
    func keepAlive() async throws {
        try await TestServer.run(endpoints) { server in
            let client = try server.connect()
            client.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
            try await client.wait(for: "hello")
            #expect(client.take().hasPrefix("HTTP/1.1 200 OK\r\nX-Request-Id: "))
            client.send("GET /slow-yield HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            try await client.waitForClose()
            #expect(client.text.contains("Connection: close"))
            #expect(client.text.hasSuffix("\r\n\r\nlater"))
        }
    }

    @Test("pipelined requests are answered in order")
    func pipelining() async throws {
        try await TestServer.run(endpoints) { server in
            let request = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
            let last = "GET /slow-yield HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
            let answer = try await server.exchange(
                String(repeating: request, count: 5000) + last)
            #expect(answer.components(of: "HTTP/1.1 200 OK") == 5001)
            #expect(answer.hasSuffix("later"))
        }
    }

    @Test("a JSON body is validated, decoded and answered in the envelope")
    func json() async throws {
        try await TestServer.run(endpoints) { server in
            let answer = try await server.post("/things", #"{"name":"Ann","size":3}"#)
            #expect(answer.hasPrefix("HTTP/1.1 201 Created\r\n"))
            #expect(answer.contains(#"{"data":{"name":"Ann","size":3},"request_id":""#))
            let wrong = try await server.post("/things", #"{"name":"","size":11,"x":1}"#)
            #expect(wrong.hasPrefix("HTTP/1.1 422 "))
            #expect(wrong.contains(#"{"path":"name","message":"must have 1 to 20 characters"}"#))
            #expect(wrong.contains(#"{"path":"size","message":"must be 0 to 10"}"#))
            #expect(wrong.contains(#"{"path":"x","message":"is not known"}"#))
            let big = try await server.post("/things", String(repeating: " ", count: 1001))
            #expect(big.hasPrefix("HTTP/1.1 413 "))
        }
    }

    @Test("a body is pulled, with a length or in chunks, dribbled or at once")
    func bodies() async throws {
        try await TestServer.run(endpoints) { server in
            let bytes = String(repeating: "x", count: 300_000)
            let plain = try await server.exchange(
                "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 300000\r\n\r\n"
                    + bytes)
            #expect(plain.hasSuffix("\r\n\r\n300000"))
            let client = try server.connect()
            client.send(
                "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            for byte in "5\r\nabcde\r\n3;x=y\r\nfgh\r\n0\r\nTrailer: t\r\n\r\n".utf8 {
                client.send([byte])
            }
            try await client.waitForClose()
            #expect(client.text.hasSuffix("\r\n\r\n8"))
        }
    }

    @Test("100 Continue is sent when the handler asks for the body")
    func expectContinue() async throws {
        try await TestServer.run(endpoints) { server in
            let client = try server.connect()
            client.send(
                "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
            )
            try await client.wait(for: "100 Continue\r\n\r\n")
            client.send("abc")
            try await client.wait(for: "\r\n\r\n3")
        }
    }

    @Test("a streamed answer comes in chunks, and until the end for HTTP/1.0")
    func streams() async throws {
        try await TestServer.run(endpoints) { server in
            let chunked = try await server.exchange(
                "GET /stream HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            #expect(chunked.contains("Transfer-Encoding: chunked"))
            #expect(
                chunked.hasSuffix("8\r\npiece 0;\r\n8\r\npiece 1;\r\n8\r\npiece 2;\r\n0\r\n\r\n"))
            let old = try await server.exchange("GET /stream HTTP/1.0\r\n\r\n")
            #expect(old.hasSuffix("\r\n\r\npiece 0;piece 1;piece 2;"))
        }
    }

    @Test("HEAD has the head of GET and no body")
    func head() async throws {
        try await TestServer.run(endpoints) { server in
            let answer = try await server.exchange(
                "HEAD /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            #expect(answer.contains("Content-Length: 5\r\n"))
            #expect(answer.hasSuffix("\r\n\r\n"))
        }
    }

    @Test("an unknown error is 500, and the log names it with the request id")
    func failure() async throws {
        try await TestServer.run(endpoints) { server in
            let answer = try await server.exchange(
                "GET /fail HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            #expect(answer.hasPrefix("HTTP/1.1 500 "))
            #expect(!answer.contains("Odd"))
            let id = try #require(answer.split(separator: "\r\n")[1].split(separator: " ").last)
            #expect(server.log.all.contains { $0.contains(id) && $0.contains("Odd()") })
        }
    }
}

extension String {
    /// How often `part` occurs.
    func components(of part: String) -> Int {
        var count = 0
        var rest = self[...]
        while let range = rest.firstRange(of: part) {
            count += 1
            rest = rest[range.upperBound...]
        }
        return count
    }
}

extension TestServer {
    func post(_ path: String, _ json: String, headers: String = "") async throws -> String {
        try await exchange(
            "POST \(path) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                + "Content-Type: application/json\r\n\(headers)"
                + "Content-Length: \(json.utf8.count)\r\n\r\n\(json)")
    }
}
