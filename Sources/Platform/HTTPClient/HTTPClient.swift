package import Crypto
internal import HTTPMessage
package import Platform

/// A small HTTP/1.1 client: one connection a request, no redirects, whole bodies. It is meant for
/// the rare calls of a device (pairing, downloads of a few megabytes) and for tests.
package final class HTTPClient: Sendable {
    package struct Limits: Sendable {
        /// The whole exchange: names, connection, TLS, answer.
        package var deadline: Duration = .seconds(30)
        /// Of one answer's body, bytes.
        package var bodyBytes = 16 * 1024 * 1024
        package var headBytes = 64 * 1024
        package var fields = 100

        package init() {}
    }

    /// An answer, whatever its status.
    package struct Answer: Sendable {
        package let status: Int
        package let headers: [(name: String, value: String)]
        package let body: [UInt8]

        /// The first value of a header field, in any case.
        package func header(_ name: String) -> String? {
            headers.first { $0.name.lowercased() == name.lowercased() }?.value
        }

        package var text: String { String(decoding: body, as: UTF8.self) }
    }

    private let loop: EventLoop
    private let names: HostName
    private let tls: TLSContext?
    private let limits: Limits

    /// - Parameters:
    ///   - loop: where the sockets live; it must outlive the client.
    ///   - tls: whom to trust; nil makes a context with the machine's store.
    package init(
        loop: EventLoop, tls: TLSContext? = nil, limits: Limits = Limits()
    ) throws {
        self.loop = loop
        self.tls = try tls ?? TLSContext.client()
        self.limits = limits
        names = try HostName(threads: 1, waitingMax: 64)
    }

    package func get(
        _ url: String, headers: [(name: String, value: String)] = []
    ) async throws(HTTPClientError) -> Answer {
        try await send("GET", url, headers: headers, body: nil)
    }

    /// POST of a JSON text.
    package func post(
        _ url: String, json: [UInt8], headers: [(name: String, value: String)] = []
    ) async throws(HTTPClientError) -> Answer {
        try await send(
            "POST", url, headers: headers + [("Content-Type", "application/json")], body: json)
    }

    /// Any method. Header fields with control characters are a programmer's error and stop the
    /// process: a request can never be split.
    package func send(
        _ method: String, _ url: String, headers: [(name: String, value: String)] = [],
        body: [UInt8]?
    ) async throws(HTTPClientError) -> Answer {
        guard let parsed = HTTPURL(url) else { throw .badURL(String(url.prefix(200))) }
        let bytes = Self.encode(method, parsed, headers, body)
        let start = SystemTime.monotonicNanoseconds
        let addresses = try await resolve(parsed)
        let spent = Duration.nanoseconds(SystemTime.monotonicNanoseconds - start)
        let exchange = ClientExchange(
            loop: loop, addresses: addresses, host: parsed.host,
            tls: parsed.isSecure ? tls : nil, request: bytes, isHead: method == "HEAD",
            limits: limits, deadline: max(.zero, limits.deadline - spent))
        return try await exchange.run()
    }

    private func resolve(_ url: HTTPURL) async throws(HTTPClientError) -> [SocketAddress] {
        let (host, port, deadline) = (url.host, url.port, limits.deadline)
        let found: [SocketAddress]
        do {
            found = try await withThrowingTaskGroup(of: [SocketAddress].self) { group in
                group.addTask { [names] in
                    try await names.addresses(of: host, port: port)
                }
                group.addTask {
                    try await Task.sleep(for: deadline)
                    throw HTTPClientError.timeout
                }
                defer { group.cancelAll() }
                return try await group.next() ?? []
            }
        } catch let error as HTTPClientError {
            throw error
        } catch {
            throw error is CancellationError ? .cancelled : .unknownHost(host)
        }
        guard !found.isEmpty else { throw .unknownHost(host) }
        return found
    }

    private static func encode(
        _ method: String, _ url: HTTPURL, _ headers: [(name: String, value: String)],
        _ body: [UInt8]?
    ) -> [UInt8] {
        var text = "\(method) \(url.target) HTTP/1.1\r\nHost: \(url.authority)\r\n"
        text += "Connection: close\r\n"
        for (name, value) in headers {
            precondition(
                (name + value).utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F },
                "a header field with a control character")
            text += "\(name): \(value)\r\n"
        }
        if let body { text += "Content-Length: \(body.count)\r\n" }
        return Array((text + "\r\n").utf8) + (body ?? [])
    }
}
