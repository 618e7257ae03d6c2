import FoundationEssentials
import Glibc
import HTTP
import Platform
import TestSupport
import Testing

@Suite("Files over HTTP")
struct FileTests {
    /// A folder with a file of 1 MB, a link out of it and a secret beside it.
    private func withFolder(_ body: (String, [UInt8]) async throws -> Void) async throws {
        let top = FileManager.default.temporaryDirectory.path + "/cuelight-\(UUID())"
        try FileManager.default.createDirectory(
            atPath: top + "/files/sub", withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: top) }
        let bytes = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7 / 256 ^ $0) }
        try Data(bytes).write(to: URL(filePath: top + "/files/sub/big.bin"))
        try Data("secret".utf8).write(to: URL(filePath: top + "/secret"))
        symlink(top + "/secret", top + "/files/link")
        symlink("/etc", top + "/files/etc")
        mkfifo(top + "/files/pipe", 0o600)
        try await body(top + "/files", bytes)
    }

    private func endpoint(_ folder: FileFolder) -> Endpoint {
        Endpoint(
            .get, "/files/{path:rest}", "A file.", tag: "test", access: .open, rate: .read,
            answer: .content(type: "application/octet-stream")
        ) { call in try await folder.respond(to: call.request, path: call.path("path")) }
    }

    private func get(
        _ server: TestServer, _ path: String, _ headers: String = "", method: String = "GET"
    ) async throws -> (head: String, body: [UInt8]) {
        let client = try server.connect()
        client.send("\(method) \(path) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\(headers)\r\n")
        try await client.waitForClose()
        let bytes = client.bytes
        let end = try #require(bytes.firstRange(of: Array("\r\n\r\n".utf8)))
        return (
            String(decoding: bytes[..<end.lowerBound], as: UTF8.self) + "\r\n",
            Array(bytes[end.upperBound...])
        )
    }

    @Test("a file comes whole, in ranges, as a head, and not at all if it is known already")
    func file() async throws {
        try await withFolder { path, bytes in
            let folder = try FileFolder(path: path)
            try await TestServer.run([endpoint(folder)]) { server in
                let whole = try await get(server, "/files/sub/big.bin")
                #expect(whole.head.hasPrefix("HTTP/1.1 200 "))
                #expect(whole.body == bytes)
                #expect(whole.head.contains("Content-Length: 1000000\r\n"))
                let head = try await get(server, "/files/sub/big.bin", method: "HEAD")
                #expect(head.head.contains("Content-Length: 1000000\r\n") && head.body.isEmpty)
                for (range, expected) in [
                    ("0-0", 0..<1), ("10-99", 10..<100), ("999999-", 999_999..<1_000_000),
                    ("-5", 999_995..<1_000_000), ("5-99999999", 5..<1_000_000),
                    ("-9999999", 0..<1_000_000),
                ] {
                    let part = try await get(
                        server, "/files/sub/big.bin", "Range: bytes=\(range)\r\n")
                    #expect(part.head.hasPrefix("HTTP/1.1 206 "), "\(range)")
                    #expect(part.body == Array(bytes[expected]), "\(range)")
                    #expect(
                        part.head.contains(
                            "Content-Range: bytes \(expected.lowerBound)-\(expected.upperBound - 1)/1000000\r\n"
                        ))
                }
                for range in ["1000000-", "-0"] {
                    let none = try await get(
                        server, "/files/sub/big.bin", "Range: bytes=\(range)\r\n")
                    #expect(none.head.hasPrefix("HTTP/1.1 416 "))
                    #expect(none.head.contains("Content-Range: bytes */1000000\r\n"))
                }
                for range in ["bytes=5-4", "bytes=a-b", "lines=1-2", "bytes=0-1,3-4", "bytes=-"] {
                    let all = try await get(server, "/files/sub/big.bin", "Range: \(range)\r\n")
                    #expect(all.head.hasPrefix("HTTP/1.1 200 "), "\(range)")
                }
                let etag = try #require(field("ETag", whole.head))
                let date = try #require(field("Last-Modified", whole.head))
                for condition in [
                    "If-None-Match: \(etag)", "If-None-Match: \"x\", W/\(etag)",
                    "If-None-Match: *", "If-Modified-Since: \(date)",
                ] {
                    let same = try await get(server, "/files/sub/big.bin", condition + "\r\n")
                    #expect(same.head.hasPrefix("HTTP/1.1 304 "), "\(condition)")
                    #expect(same.body.isEmpty)
                }
                let failed = try await get(server, "/files/sub/big.bin", "If-Match: \"x\"\r\n")
                #expect(failed.head.hasPrefix("HTTP/1.1 412 "))
                let stale = try await get(
                    server, "/files/sub/big.bin", "Range: bytes=0-1\r\nIf-Range: \"x\"\r\n")
                #expect(stale.head.hasPrefix("HTTP/1.1 200 "))
                let fresh = try await get(
                    server, "/files/sub/big.bin", "Range: bytes=0-1\r\nIf-Range: \(etag)\r\n")
                #expect(fresh.head.hasPrefix("HTTP/1.1 206 "))
            }
        }
    }

    @Test(
        "nothing outside the folder can be had, nor anything that is not a regular file",
        arguments: [
            "link", "etc/passwd", "sub", "pipe", "none", "sub//big.bin", "sub/big.bin/x",
            "sub/%2e%2e/link", "", "sub/",
        ])
    func escapes(path: String) async throws {
        try await withFolder { folderPath, _ in
            let folder = try FileFolder(path: folderPath)
            try await TestServer.run([endpoint(folder)]) { server in
                let answer = try await get(server, "/files/\(path)")
                let isRefused =
                    answer.head.hasPrefix("HTTP/1.1 404 ") || answer.head.hasPrefix("HTTP/1.1 400 ")
                #expect(isRefused, "\(answer.head)")
                #expect(!String(decoding: answer.body, as: UTF8.self).contains("secret"))
            }
        }
    }

    @Test("embedded pages have an ETag and security headers")
    func embedded() async throws {
        let files = EmbeddedFiles([
            ("/index.html", Array("<p>".utf8)), ("/app.js", Array("let a".utf8)),
        ])
        try await TestServer.run([], fallback: { files.respond(to: $0) }) { server in
            let page = try await get(server, "/")
            #expect(page.head.hasPrefix("HTTP/1.1 200 "))
            #expect(page.head.contains("Content-Type: text/html; charset=utf-8\r\n"))
            #expect(page.head.contains("frame-ancestors 'none'"))
            #expect(page.head.contains("X-Content-Type-Options: nosniff\r\n"))
            #expect(page.body == Array("<p>".utf8))
            let etag = try #require(field("ETag", page.head))
            let same = try await get(server, "/index.html", "If-None-Match: \(etag)\r\n")
            #expect(same.head.hasPrefix("HTTP/1.1 304 "))
            let part = try await get(server, "/app.js", "Range: bytes=1-2\r\n")
            #expect(part.body == Array("et".utf8))
            let none = try await get(server, "/nothing")
            #expect(none.head.hasPrefix("HTTP/1.1 404 "))
        }
    }

    private func field(_ name: String, _ head: String) -> String? {
        for line in head.split(separator: "\r\n") where line.hasPrefix(name + ": ") {
            return String(line.dropFirst(name.count + 2))
        }
        return nil
    }
}
