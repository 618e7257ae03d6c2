import Crypto
import Glibc
import Testing

/// Two sessions over memory, and the wire between them.
private struct Conversation {
    let server: TLSSession
    let client: TLSSession

    init(
        certificate: SelfSignedCertificate, name: String, trusted: String? = nil,
        serverProtocols: [String] = ["http/1.1"], clientProtocols: [String] = ["http/1.1"]
    ) throws {
        server = try TLSSession(
            server: .server(
                certificateChainPEM: certificate.certificatePEM,
                privateKeyPEM: certificate.privateKeyPEM, protocols: serverProtocols))
        client = try TLSSession(
            client: .client(
                trustedPEM: trusted ?? certificate.certificatePEM, protocols: clientProtocols),
            name: name)
    }

    /// Carries what one has to send to the other, `chunk` bytes at a time.
    func carry(chunk: Int = 16384) {
        var moved = true
        while moved {
            moved = false
            for (from, to) in [(client, server), (server, client)] {
                var buffer = [UInt8](repeating: 0, count: chunk)
                let count = buffer.withUnsafeMutableBytes { from.takeOutput(into: $0) }
                guard count > 0 else { continue }
                moved = true
                let taken = buffer.withUnsafeBytes {
                    to.feed(UnsafeRawBufferPointer(rebasing: $0[..<count]))
                }
                #expect(taken == count)
            }
        }
    }

    func shakeHands(chunk: Int = 16384) throws {
        var states: [TLSSession.Progress] = []
        for _ in 0..<10 where states != [.moved(0), .moved(0)] {
            states = [try client.handshake(), try server.handshake()]
            carry(chunk: chunk)
        }
        #expect(states == [.moved(0), .moved(0)])
    }
}

private func write(_ bytes: [UInt8], to session: TLSSession) throws -> TLSSession.Progress {
    let (status, error) = bytes.withUnsafeBytes { buffer in
        do throws(TLSError) { return (try session.write(buffer), nil as TLSError?) } catch {
            return (.closed, error)
        }
    }
    if let error { throw error }
    return status
}

private func read(_ session: TLSSession, max: Int = 65536) throws -> (
    TLSSession.Progress, [UInt8]
) {
    var buffer = [UInt8](repeating: 0, count: max)
    let (status, error) = buffer.withUnsafeMutableBytes { bytes in
        do throws(TLSError) { return (try session.read(into: bytes), nil as TLSError?) } catch {
            return (.closed, error)
        }
    }
    if let error { throw error }
    guard case .moved(let count) = status else { return (status, []) }
    return (status, Array(buffer[..<count]))
}

@Suite("TLS over memory")
struct TLSMemoryTests {
    private static let certificate = Result {
        try TLSContext.selfSigned(names: ["stage.example", "127.0.0.1", "::1"])
    }

    @Test(
        "both agree on TLS 1.3 and http/1.1, under any of the certificate's names",
        arguments: ["stage.example", "127.0.0.1", "::1"])
    func agree(name: String) throws {
        let talk = try Conversation(certificate: Self.certificate.get(), name: name)
        try talk.shakeHands()
        #expect(talk.server.version == "TLSv1.3")
        #expect(talk.client.negotiatedProtocol == "http/1.1")
        #expect(talk.server.negotiatedProtocol == "http/1.1")
    }

    @Test("a handshake that dribbles in byte by byte goes through", arguments: [1, 7, 1000])
    func dribble(chunk: Int) throws {
        let talk = try Conversation(certificate: Self.certificate.get(), name: "stage.example")
        try talk.shakeHands(chunk: chunk)
        #expect(try write([1, 2, 3], to: talk.client) == .moved(3))
        talk.carry(chunk: chunk)
        #expect(try read(talk.server).1 == [1, 2, 3])
        #expect(try read(talk.server).0 == .wantsRead)
    }

    @Test("a megabyte arrives whole, with both sides held to their limits")
    func large() throws {
        let talk = try Conversation(certificate: Self.certificate.get(), name: "stage.example")
        try talk.shakeHands()
        let sent = SecureRandom.bytes(1_000_003)
        var rest = sent[...]
        var received: [UInt8] = []
        while received.count < sent.count {
            if !rest.isEmpty, case .moved(let count) = try write(Array(rest), to: talk.server) {
                rest = rest.dropFirst(count)
            }
            #expect(talk.server.outputCount <= TLSSession.pendingMax + 20_000)
            var buffer = [UInt8](repeating: 0, count: 10_000)
            let count = buffer.withUnsafeMutableBytes { talk.server.takeOutput(into: $0) }
            let taken = buffer.withUnsafeBytes {
                talk.client.feed(UnsafeRawBufferPointer(rebasing: $0[..<count]))
            }
            #expect(taken == count)
            received += try read(talk.client, max: 5000).1
            while talk.client.readableCount > 0 { received += try read(talk.client).1 }
        }
        #expect(received == sent)
    }

    @Test("more than the limit is not taken in")
    func feedLimit() throws {
        let talk = try Conversation(certificate: Self.certificate.get(), name: "stage.example")
        let flood = [UInt8](repeating: 0x16, count: TLSSession.pendingMax + 1000)
        #expect(flood.withUnsafeBytes { talk.server.feed($0) } == TLSSession.pendingMax)
        #expect(flood.withUnsafeBytes { talk.server.feed($0) } == 0)
        #expect(throws: TLSError.self) { try talk.server.handshake() }
    }

    @Test("a farewell is told apart from a connection that was cut")
    func farewell() throws {
        let orderly = try Conversation(certificate: Self.certificate.get(), name: "stage.example")
        try orderly.shakeHands()
        _ = try write([9], to: orderly.client)
        #expect(try orderly.client.shutdown() == .moved(0))
        orderly.carry()
        #expect(try read(orderly.server).1 == [9])
        #expect(try read(orderly.server).0 == .closed)
        #expect(try read(orderly.server).0 == .closed)

        let cut = try Conversation(certificate: Self.certificate.get(), name: "stage.example")
        try cut.shakeHands()
        cut.server.feedEnd()
        #expect(throws: TLSError.truncated) { try read(cut.server) }
        #expect(throws: TLSError.truncated) { try read(cut.server) }
        #expect(try cut.server.shutdown() == .moved(0))
    }

    @Test("a certificate for another name, or by a stranger, is not trusted")
    func distrust() throws {
        let certificate = try Self.certificate.get()
        let stranger = try TLSContext.selfSigned(names: ["stage.example"])
        for talk in [
            try Conversation(certificate: certificate, name: "other.example"),
            try Conversation(certificate: certificate, name: "127.0.0.2"),
            try Conversation(
                certificate: certificate, name: "stage.example", trusted: stranger.certificatePEM),
        ] {
            _ = try talk.client.handshake()
            talk.carry()
            _ = try talk.server.handshake()
            talk.carry()
            do {
                _ = try talk.client.handshake()
                Issue.record("trusted")
            } catch {
                guard case .untrusted = error else {
                    Issue.record("\(error)")
                    continue
                }
            }
        }
    }

    @Test("a certificate that has ended is not trusted")
    func expired() throws {
        let certificate = try TLSContext.selfSigned(names: ["stage.example"], validDays: 0)
        let talk = try Conversation(certificate: certificate, name: "stage.example")
        #expect(throws: TLSError.self) { try talk.shakeHands() }
    }

    @Test("a client that offers other protocols only is refused; one that offers none is served")
    func protocols() throws {
        let certificate = try Self.certificate.get()
        let other = try Conversation(
            certificate: certificate, name: "stage.example", clientProtocols: ["spdy/9"])
        #expect(throws: TLSError.self) { try other.shakeHands() }
        let none = try Conversation(
            certificate: certificate, name: "stage.example", clientProtocols: [])
        try none.shakeHands()
        #expect(none.server.negotiatedProtocol == nil)
    }

    @Test("plain HTTP, noise and silence on a TLS port are failures, not traps")
    func noise() throws {
        let inputs: [[UInt8]] =
            [Array("GET / HTTP/1.1\r\n\r\n".utf8), [0x16, 3, 1, 0xff, 0xff], [0x80, 0x2e, 1]]
            + (0..<50).map { _ in SecureRandom.bytes(300) }
        for input in inputs {
            let talk = try Conversation(certificate: Self.certificate.get(), name: "stage.example")
            #expect(input.withUnsafeBytes { talk.server.feed($0) } == input.count)
            talk.server.feedEnd()
            #expect(throws: TLSError.self) {
                for _ in 0..<10 { _ = try talk.server.handshake() }
            }
        }
    }

    @Test("bytes changed on the way end the conversation")
    func tampering() throws {
        let talk = try Conversation(certificate: Self.certificate.get(), name: "stage.example")
        try talk.shakeHands()
        _ = try write(Array("pay 10".utf8), to: talk.client)
        var record = [UInt8](repeating: 0, count: 1000)
        let count = record.withUnsafeMutableBytes { talk.client.takeOutput(into: $0) }
        record[count - 3] ^= 1
        _ = record.withUnsafeBytes {
            talk.server.feed(UnsafeRawBufferPointer(rebasing: $0[..<count]))
        }
        #expect(throws: TLSError.self) { try read(talk.server) }
    }

    @Test("certificates and keys that do not fit are refused with a reason")
    func badContexts() throws {
        let one = try Self.certificate.get()
        let other = try TLSContext.selfSigned(names: ["other.example"])
        for (chain, key) in [
            (one.certificatePEM, other.privateKeyPEM), ("", one.privateKeyPEM),
            (one.certificatePEM, ""), (one.privateKeyPEM, one.certificatePEM),
            (String(one.certificatePEM.dropLast(100)), one.privateKeyPEM),
            (one.certificatePEM + "-----BEGIN CERTIFICATE-----\nxxx\n", one.privateKeyPEM),
        ] {
            #expect(throws: TLSError.self) {
                try TLSContext.server(certificateChainPEM: chain, privateKeyPEM: key)
            }
        }
        #expect(throws: TLSError.self) { try TLSContext.client(trustedPEM: "nothing") }
        for names in [[], ["a,DNS:evil"], [""], ["a b"], ["1.2.3.4.5"]] {
            #expect(throws: TLSError.self) { try TLSContext.selfSigned(names: names) }
        }
        let client = try TLSContext.client(trustedPEM: one.certificatePEM)
        for name in ["", "a\0b"] {
            #expect(throws: TLSError.self) { try TLSSession(client: client, name: name) }
        }
        #expect(try TLSContext.client().expiresAtSeconds == 0)
    }

    @Test("a context knows when its certificate ends")
    func expiry() throws {
        let certificate = try TLSContext.selfSigned(names: ["a.example"], validDays: 10)
        let context = try TLSContext.server(
            certificateChainPEM: certificate.certificatePEM,
            privateKeyPEM: certificate.privateKeyPEM)
        #expect(abs(context.expiresAtSeconds - Int64(time(nil)) - 864_000) < 60)
    }
}

@Suite("TLS over a socket")
struct TLSSocketTests {
    private func pair() throws -> (server: TLSSession, client: TLSSession, ends: [Int32]) {
        let certificate = try TLSContext.selfSigned(names: ["stage.example"])
        var ends: [Int32] = [0, 0]
        try #require(
            socketpair(
                AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0, &ends)
                == 0)
        let server = try TLSSession(
            server: .server(
                certificateChainPEM: certificate.certificatePEM,
                privateKeyPEM: certificate.privateKeyPEM), descriptor: ends[0])
        let client = try TLSSession(
            client: .client(trustedPEM: certificate.certificatePEM), name: "stage.example",
            descriptor: ends[1])
        for _ in 0..<10 {
            let states = [try client.handshake(), try server.handshake()]
            if states == [.moved(0), .moved(0)] { return (server, client, ends) }
        }
        throw TLSError.failed("no handshake")
    }

    @Test("a writer that outruns its reader is held up, and nothing is lost")
    func backPressure() throws {
        let (server, client, ends) = try pair()
        defer { for end in ends { close(end) } }
        let sent = SecureRandom.bytes(2_000_000)
        var rest = sent[...]
        var wasHeldUp = false
        var received: [UInt8] = []
        while received.count < sent.count {
            sending: while !rest.isEmpty {
                switch try write(Array(rest.prefix(100_000)), to: server) {
                case .moved(let count): rest = rest.dropFirst(count)
                case let other:
                    #expect(other == .wantsWrite)
                    wasHeldUp = true
                    break sending
                }
            }
            received += try read(client, max: 30_000).1
        }
        #expect(wasHeldUp)
        #expect(received == sent)
    }

    @Test("a peer that vanished is an error, not a signal")
    func vanished() throws {
        let (server, client, ends) = try pair()
        close(ends[1])
        defer { close(ends[0]) }
        _ = client
        #expect(throws: TLSError.truncated) {
            for _ in 0..<3 { _ = try write([1, 2, 3], to: server) }
        }
    }
}
