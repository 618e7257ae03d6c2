import Foundation
import SharedModels
import Testing

/// The JSON that crosses wires, as `Tests/Golden/payloads` holds it; `make golden` rewrites it.
@Suite("Golden payloads")
struct GoldenPayloadTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Golden/payloads")

    private static var isWriting: Bool {
        ProcessInfo.processInfo.environment["CUELIGHT_GOLDEN"] == "write"
    }

    @Test("each is written and read exactly as in its file", arguments: PayloadSamples.all)
    func golden(sample: PayloadSamples.Sample) throws {
        let file = Self.folder.appending(path: sample.name + ".json")
        let written = try sample.write() + Data("\n".utf8)
        if Self.isWriting {
            try FileManager.default.createDirectory(
                at: Self.folder, withIntermediateDirectories: true)
            try written.write(to: file)
        }
        let golden = try Data(contentsOf: file)
        #expect(String(decoding: written, as: UTF8.self) == String(decoding: golden, as: UTF8.self))
        #expect(try sample.reads(golden))
    }

    @Test("no file is left over, and no two samples share one")
    func complete() throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path())
        let names = PayloadSamples.all.map { $0.name + ".json" }
        #expect(files.sorted() == names.sorted())
    }

    @Test("what may be left out of a rule's guards and a channel is what it always was")
    func defaults() throws {
        let guards = try JSONDecoder().decode(Guards.self, from: Data("{}".utf8))
        #expect(guards == Guards())
        let channel = try JSONDecoder().decode(
            Channel.self, from: Data(#"{"id":1,"name":"a","kind":"relay","pin":3}"#.utf8))
        #expect(channel == Channel(id: 1, name: "a", kind: .relay, pin: 3))
    }

    @Test("a viewer, a source's time or a guest that is not known may be missing")
    func optionals() throws {
        let text = """
            {"id":"0190b5a0-1234-7000-8000-000000000004","livestream_id":\
            "0190b5a0-1234-7000-8000-000000000005","source":"native","source_message_id":"",\
            "happening":{"type":"viewers","count":0},"created_at_ms":0,"is_history":true}
            """
        let event = try JSONDecoder().decode(LiveEvent.self, from: Data(text.utf8))
        #expect(event.viewer == nil)
        #expect(event.isHistory)
    }
}
