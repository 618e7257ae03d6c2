import Glibc
import Platform
import TestSupport
import Testing

@Suite("Sockets")
struct SocketTests {
    @Test(
        "addresses read and write themselves",
        arguments: [
            ("127.0.0.1:8080", "127.0.0.1:8080"), ("*:80", "0.0.0.0:80"),
            ("[::1]:65535", "[::1]:65535"), ("unix:/run/a.sock", "unix:/run/a.sock"),
        ])
    func addresses(text: String, written: String) throws {
        #expect(try #require(SocketAddress(text)).description == written)
    }

    @Test(
        "what is no address is refused",
        arguments: [
            "", ":", ":80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1",
            "127.0.0.1:+1", "::1:80", "[127.0.0.1]:80", "localhost:80", "unix:", "1.2.3:80",
            "unix:" + String(repeating: "a", count: 108), "127.0.0.1:80 ", "[::1]", "unix:a\0b",
        ])
    func noAddress(text: String) { #expect(SocketAddress(text) == nil) }

    @Test(
        "a connection comes about, and both ends know each other", arguments: ["127.0.0.1", "::1"])
    func connection(host: String) async throws {
        let listener = try Socket.listen(.ip(host, port: 0))
        defer { close(listener) }
        let port = try Socket.localPort(listener)
        #expect(port > 0)
        #expect(try Socket.accept(listener) == nil)
        let client = try Socket.connect(.ip(host, port: port))
        defer { close(client) }
        try await readiness(of: client, .writable)
        try Socket.connectResult(client)
        try await readiness(of: listener, .readable)
        let server = try #require(try Socket.accept(listener))
        defer { close(server) }
        try Socket.setNoDelay(server)
        #expect(try Socket.peer(server) == .ip(host, port: Socket.localPort(client)))
        #expect(try Socket.peer(client) == .ip(host, port: port))
    }

    @Test("a connection that is refused says so")
    func refused() async throws {
        let port = try freePort()
        let client = try Socket.connect(.ip("127.0.0.1", port: port))
        defer { close(client) }
        try await readiness(of: client, .writable)
        #expect(throws: LinuxError("connect", code: ECONNREFUSED)) {
            try Socket.connectResult(client)
        }
    }

    @Test("what listens on all IPv6 addresses serves IPv4 too, whose peers are told as such")
    func bothFamilies() throws {
        let listener = try Socket.listen(.ip("::", port: 0))
        defer { close(listener) }
        let port = try Socket.localPort(listener)
        for host in ["127.0.0.1", "::1"] {
            let client = try Socket.connect(.ip(host, port: port))
            defer { close(client) }
            let server = try #require(try Socket.accept(listener))
            defer { close(server) }
            #expect(try Socket.peer(server) == .ip(host, port: try Socket.localPort(client)))
        }
    }

    @Test("an address may have a scope, as the local ones of IPv6 do")
    func scope() throws {
        let listener = try Socket.listen(.ip("::1%lo", port: 0))
        defer { close(listener) }
        close(try Socket.connect(.ip("::1%lo", port: try Socket.localPort(listener))))
        for host in ["::1%none", "::1%", "127.0.0.1%lo", String(repeating: "1", count: 100)] {
            #expect(throws: LinuxError("connect to \(host)", code: EINVAL)) {
                do throws(LinuxError) { _ = try Socket.connect(.ip(host, port: 1)) } catch {
                    throw LinuxError("connect to \(host)", code: error.code)
                }
            }
        }
    }

    @Test("a port that is taken is an error, unless both share it")
    func taken() throws {
        let first = try Socket.listen(.ip("127.0.0.1", port: 0), sharesPort: true)
        defer { close(first) }
        let address = SocketAddress.ip("127.0.0.1", port: try Socket.localPort(first))
        #expect(throws: LinuxError("listen on \(address)", code: EADDRINUSE)) {
            try Socket.listen(address)
        }
        close(try Socket.listen(address, sharesPort: true))
    }

    @Test("a socket file gets its mode, a stale one is replaced, a living or foreign one is not")
    func socketFile() throws {
        let folder = try TemporaryFolder()
        let address = SocketAddress.unix(path: folder.file("s"))
        let first = try Socket.listen(address, mode: 0o660)
        var found = stat()
        #expect(stat(folder.file("s"), &found) == 0)
        #expect(found.st_mode & 0o777 == 0o660)
        let client = try Socket.connect(address)
        let server = try #require(try Socket.accept(first))
        #expect(try Socket.peer(server) == nil)
        try Socket.setNoDelay(server)
        #expect(try Socket.localPort(first) == 0)
        #expect(throws: LinuxError("listen on \(address)", code: EADDRINUSE)) {
            try Socket.listen(address)
        }
        for descriptor in [first, client, server] { close(descriptor) }
        close(try Socket.listen(address))

        let text = SocketAddress.unix(path: try folder.write("text", to: "file"))
        #expect(throws: LinuxError("listen on \(text)", code: EADDRINUSE)) {
            try Socket.listen(text)
        }
        #expect(try SmallFile.read(folder.file("file"), sizeMax: 10) == Array("text".utf8))
    }

    @Test("names are looked up, numbers are their own answer, nonsense is an error")
    func names() async throws {
        let names = try HostName(threads: 2, waitingMax: 4)
        #expect(
            try await names.addresses(of: "127.0.0.1", port: 1) == [.ip("127.0.0.1", port: 1)])
        let local = try await names.addresses(of: "localhost", port: 7)
        #expect(local.contains(.ip("127.0.0.1", port: 7)) || local.contains(.ip("::1", port: 7)))
        for host in ["", "a\0b", String(repeating: "a", count: 300), "no such host.invalid"] {
            await #expect(throws: HostName.Problem.self) {
                try await names.addresses(of: host, port: 1)
            }
        }
    }

    /// Waits for a descriptor by a loop of its own.
    private func readiness(of descriptor: Int32, _ wanted: Readiness) async throws {
        let loop = try EventLoop.start(name: "ready")
        defer { loop.stop() }
        await withCheckedContinuation { continuation in
            loop.submit {
                var watch: Watch?
                watch = try? loop.watch(descriptor, for: wanted) { _ in
                    watch?.cancel()
                    watch = nil
                    continuation.resume()
                }
            }
        }
    }
}

@Suite("Small files")
struct SmallFileTests {
    @Test("a file is replaced whole, with its mode")
    func replace() throws {
        let folder = try TemporaryFolder()
        let path = folder.file("state")
        for size in [0, 1, 70_000] {
            let bytes = [UInt8](repeating: 7, count: size)
            try SmallFile.replace(path, with: bytes, mode: 0o640)
            #expect(try SmallFile.read(path, sizeMax: 70_000) == bytes)
        }
        var found = stat()
        #expect(stat(path, &found) == 0)
        #expect(found.st_mode & 0o777 == 0o640)
        #expect(throws: LinuxError.self) { try SmallFile.read(path, sizeMax: 69_999) }
    }

    @Test("what is not there, or no file, is an error, and nothing is left behind")
    func errors() throws {
        let folder = try TemporaryFolder()
        #expect(throws: LinuxError.self) { try SmallFile.read(folder.file("no"), sizeMax: 1) }
        #expect(throws: LinuxError.self) { try SmallFile.read(folder.path, sizeMax: 1) }
        #expect(throws: LinuxError.self) {
            try SmallFile.replace(folder.file("no/such"), with: [1])
        }
        mkdir(folder.file("taken"), 0o700)
        #expect(throws: LinuxError.self) { try SmallFile.replace(folder.file("taken"), with: [1]) }
        var count = 0
        if let listing = opendir(folder.path) {
            while readdir(listing) != nil { count += 1 }
            closedir(listing)
        }
        #expect(count == 3)  // with "." and ".."
    }

    @Test("a secret that others may read is refused", arguments: [0o644, 0o640, 0o604, 0o620])
    func secret(mode: UInt32) throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("hush\n", to: "key", mode: mode)
        #expect(throws: LinuxError.self) { try SmallFile.readSecret(path, sizeMax: 100) }
        chmod(path, 0o400)
        #expect(try SmallFile.readSecret(path, sizeMax: 100) == Array("hush\n".utf8))
    }
}
