import Crypto
import FoundationEssentials
import Glibc
import HTTP
import Platform
import TestSupport
import Testing

private let endpoints: [Endpoint] = [
    .text("/hello"),
    .text("/stream") { _ in
        .stream(type: "text/plain") { writer in
            for index in 0..<1000 { try await writer.write("line \(index)\n") }
        }
    },
    Endpoint(
        .post, "/count", "Counts.", tag: "test", access: .open, rate: .write,
        body: .bytes(type: "application/octet-stream"), answer: .content(type: "text/plain")
    ) { call in
        var count = 0
        while let piece = try await call.request.body.next() { count += piece.count }
        return .text("\(count)")
    },
    Endpoint(
        .get, "/echo", "Echoes.", tag: "test", access: .open, rate: .stream,
        answer: .webSocket(.text)
    ) { call in
        try call.webSocket(
            WebSocketHandler(received: { socket, message in
                switch message {
                case .text(let text): socket.send(text)
                case .binary(let bytes): socket.send(binary: bytes)
                }
            }))
    },
]

/// Clients that others wrote. `curl` is part of the set-up; the Python packages are looked for.
@Suite("Third-party clients")
struct ThirdPartyTests {
    /// Runs a shell command off the shared pool; its output and status.
    private static func shell(_ command: String) async throws -> (text: String, status: Int32) {
        let pool = try BlockingPool(name: "shell", threads: 1, waitingMax: 1)
        return try await pool.run {
            guard let stream = popen(command, "r") else { return ("", -1) }
            var text: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 65536)
            while true {
                let count = fread(&buffer, 1, buffer.count, stream)
                if count == 0 { break }
                text += buffer[..<count]
            }
            return (String(decoding: text, as: UTF8.self), pclose(stream))
        }
    }

    private static func has(_ package: String) -> Bool {
        system("python3 -c 'import \(package)' 2>/dev/null") == 0
    }

    @Test(
        "curl: keep-alive, 100 Continue, chunked upload, large upload, HEAD, TLS 1.3, unix socket")
    func curl() async throws {
        let made = try TLSContext.selfSigned(names: ["localhost"])
        let folder = FileManager.default.temporaryDirectory.path + "/cuelight-\(UUID())"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Data(made.certificatePEM.utf8).write(to: URL(filePath: folder + "/ca.pem"))
        try Data(count: 20_000_000).write(to: URL(filePath: folder + "/big"))
        let application = Application(endpoints: endpoints, hooks: Hooks(), log: .quiet)
        let tls = try TLSContext.server(
            certificateChainPEM: made.certificatePEM, privateKeyPEM: made.privateKeyPEM)
        let server = HTTPServer(
            HTTPConfiguration(listeners: [
                .init(.ip("127.0.0.1", port: 0)),
                .init(.ip("127.0.0.1", port: 0), tls: tls),
                .init(.unix(path: folder + "/socket")),
            ]), log: .quiet
        ) { await application.respond(to: $0) }
        let addresses = try await server.listen()
        guard case .ip(_, let plain) = addresses[0], case .ip(_, let secure) = addresses[1]
        else { return }
        let running = Task { try await server.run() }
        let base = "http://127.0.0.1:\(plain)"
        let twice = try await Self.shell("curl -sv \(base)/hello \(base)/hello 2>&1")
        #expect(twice.text.contains("Re-using existing connection"))
        let upload = try await Self.shell(
            "curl -s --data-binary @\(folder)/big -H 'Expect: 100-continue' \(base)/count")
        #expect(upload.text == "20000000")
        let chunked = try await Self.shell(
            "curl -s -T - \(base)/count -X POST < \(folder)/big")
        #expect(chunked.text == "20000000")
        let head = try await Self.shell("curl -sI \(base)/hello")
        #expect(head.text.contains("Content-Length: 5"))
        let tlsAnswer = try await Self.shell(
            "curl -sv --tlsv1.3 --cacert \(folder)/ca.pem https://localhost:\(secure)/stream "
                + "--resolve localhost:\(secure):127.0.0.1 2>&1")
        #expect(tlsAnswer.text.contains("line 999"))
        #expect(tlsAnswer.text.contains("TLSv1.3"))
        let tlsUpload = try await Self.shell(
            "curl -s --cacert \(folder)/ca.pem --data-binary @\(folder)/big "
                + "https://localhost:\(secure)/count --resolve localhost:\(secure):127.0.0.1")
        #expect(tlsUpload.text == "20000000")
        let local = try await Self.shell("curl -s --unix-socket \(folder)/socket http://a/hello")
        #expect(local.text == "hello")
        running.cancel()
        try await running.value
    }

    @Test(
        "Python websockets: sizes, fragments, ping, close",
        .enabled(if: has("websockets"), "SKIPPED: the Python package websockets is not there"))
    func websockets() async throws {
        try await TestServer.run(endpoints) { server in
            let script = """
                import asyncio, websockets
                async def main():
                    async with websockets.connect("ws://127.0.0.1:\(server.port)/echo", max_size=None) as s:
                        for size in (0, 1, 125, 126, 127, 65535, 65536):
                            await s.send("x" * size)
                            assert await s.recv() == "x" * size
                        await s.send(["frag", "ments", ""])
                        assert await s.recv() == "fragments"
                        await (await s.ping())
                        assert s.protocol.extensions == []
                    print("closed", s.close_code)
                    async with websockets.connect("ws://127.0.0.1:\(server.port)/echo") as s:
                        await s.send("x" * 65537)
                        try:
                            await s.recv()
                        except websockets.ConnectionClosed as e:
                            print("too big", e.rcvd.code)
                asyncio.run(main())
                """
            let answer = try await Self.shell("python3 - <<'END' 2>&1\n\(script)\nEND")
            #expect(answer.text == "closed 1000\ntoo big 1009\n")
        }
    }

    @Test(
        "Python httpx: pooled connections, streams, uploads from a generator",
        .enabled(if: has("httpx"), "SKIPPED: the Python package httpx is not there"))
    func httpx() async throws {
        try await TestServer.run(endpoints) { server in
            let script = """
                import httpx
                with httpx.Client(base_url="http://127.0.0.1:\(server.port)") as c:
                    for _ in range(50):
                        assert c.get("/hello").text == "hello"
                    assert len(c.get("/stream").text.splitlines()) == 1000
                    def parts():
                        for _ in range(100):
                            yield b"y" * 1000
                    assert c.post("/count", content=parts()).text == "100000"
                    assert c.get("/none").json()["error"]["code"] == "not_found"
                print("done")
                """
            let answer = try await Self.shell("python3 - <<'END' 2>&1\n\(script)\nEND")
            #expect(answer.text == "done\n")
        }
    }
}
