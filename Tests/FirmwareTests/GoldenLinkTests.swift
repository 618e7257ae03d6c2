import Foundation
import Hardware
import Testing

/// The C codec, called from Swift, against the bytes that both sides agree on (docs/link.md §9).
@Suite("Golden link frames")
struct GoldenLinkTests {
    struct Golden: Sendable, CustomTestStringConvertible {
        let name: String
        let lines: [(key: String, value: String)]

        var testDescription: String { name }

        func values(_ key: String) -> [String] {
            lines.filter { $0.key == key }.map(\.value)
        }

        func bytes(_ key: String) throws -> [UInt8] {
            try #require(values(key).first.flatMap(Self.bytes), "\(name) has no \(key)")
        }

        static func bytes(_ text: String) -> [UInt8]? {
            guard text.utf8.count.isMultiple(of: 2) else { return nil }
            var bytes: [UInt8] = []
            var rest = Substring(text)
            while !rest.isEmpty {
                guard let byte = UInt8(rest.prefix(2), radix: 16) else { return nil }
                bytes.append(byte)
                rest = rest.dropFirst(2)
            }
            return bytes
        }
    }

    static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Golden/link")

    static func load(_ prefix: String) -> [Golden] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path())) ?? []
        return names.filter { $0.hasPrefix(prefix) && $0.hasSuffix(".hex") }.sorted().map { name in
            let url = folder.appending(path: name)
            let text = (try? String(contentsOf: url, encoding: .utf8)) ?? ""
            let lines = text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
                let parts = line.split(separator: " ", maxSplits: 1)
                return (key: String(parts[0]), value: parts.count > 1 ? String(parts[1]) : "")
            }
            return Golden(name: name, lines: lines)
        }
    }

    static let frames = load("frame-")
    static let bad = load("bad-")
    static let streams = load("stream-")

    @Test("there are golden files of every kind")
    func present() {
        #expect(Self.frames.count >= 5 && Self.bad.count >= 3 && Self.streams.count >= 3)
    }

    @Test("a frame is written and read as agreed", arguments: frames)
    func frame(_ golden: Golden) throws {
        let frame = Frame(
            type: try golden.bytes("type")[0], sequence: try golden.bytes("seq")[0],
            payload: golden.values("payload").first.flatMap(Golden.bytes) ?? [])
        #expect(frame.wire == (try golden.bytes("wire")))
        #expect(Self.findings(in: try golden.bytes("wire")) == [.frame(frame)])
    }

    @Test("a damaged frame is one error of its kind", arguments: bad)
    func damaged(_ golden: Golden) throws {
        let expected: FrameDecoder.Finding =
            golden.values("error").first == "crc" ? .badCRC : .badFraming
        #expect(Self.findings(in: try golden.bytes("wire")) == [expected])
    }

    @Test("frames are found in noise", arguments: streams)
    func stream(_ golden: Golden) throws {
        let found = Self.findings(in: try golden.bytes("wire"))
        let frames = golden.values("frame").compactMap(Golden.bytes).map {
            Frame(type: $0[0], sequence: $0[1], payload: Array($0.dropFirst(2)))
        }
        let inOrder = found.compactMap { finding in
            if case .frame(let frame) = finding { frame } else { nil }
        }
        #expect(inOrder == frames)
        #expect(golden.values("crc_errors") == ["\(found.filter { $0 == .badCRC }.count)"])
        #expect(golden.values("framing_errors") == ["\(found.filter { $0 == .badFraming }.count)"])
    }

    @Test("bytes give the same findings however they are cut")
    func cuts() throws {
        for golden in Self.streams {
            let wire = try golden.bytes("wire")
            for cut in 0...wire.count {
                var decoder = FrameDecoder()
                var found: [FrameDecoder.Finding] = []
                decoder.feed(wire[..<cut]) { found.append($0) }
                decoder.feed(wire[cut...]) { found.append($0) }
                #expect(found == Self.findings(in: wire))
            }
        }
    }

    @Test("a payload that is too long has no wire form")
    func tooLong() {
        let most = Frame.payloadMaxBytes
        #expect(
            Frame(type: 1, sequence: 2, payload: [UInt8](repeating: 0, count: most)).wire != nil)
        #expect(
            Frame(type: 1, sequence: 2, payload: [UInt8](repeating: 0, count: most + 1)).wire == nil
        )
    }

    @Test("CRC-32 is the one of zlib")
    func crc32() { #expect(CRC32.of("123456789".utf8) == 0xCBF4_3926) }

    static func findings(in bytes: [UInt8]) -> [FrameDecoder.Finding] {
        var decoder = FrameDecoder()
        var found: [FrameDecoder.Finding] = []
        decoder.feed(bytes) { found.append($0) }
        return found
    }
}
