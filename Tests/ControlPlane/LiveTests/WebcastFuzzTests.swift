import Platform
import SharedModels
import Testing

@testable import Live

/// Hostile bytes from seeds. A failure prints its seed; a trap would end the whole run.
@Suite("Webcast under hostile bytes")
struct WebcastFuzzTests {
    private static let good = Frames.envelope(
        "WebcastChatMessage", Frames.chat("good", id: 1, identity: [1, 4]), messageID: 1)

    private static let methods = [
        "WebcastChatMessage", "WebcastGiftMessage", "WebcastLikeMessage", "WebcastSocialMessage",
        "WebcastMemberMessage", "WebcastRoomUserSeqMessage", "WebcastControlMessage",
        "WebcastImDeleteMessage", "WebcastSubNotifyMessage",
    ]

    private func goodCount(_ decoded: Decoded) -> Int {
        decoded.messages.filter { $0.content == .chat(text: "good") }.count
    }

    /// A message with fields of random numbers, types and lengths, often nested.
    private func structured(_ chance: inout SplitMix, depth: Int = 0) -> [UInt8] {
        let hot: [Int64] = [0, 1, -1, .max, .min, 1 << 31, 1 << 53]
        let numbers: [UInt32] = [
            1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 15, 16, 18, 22, 23, 32, 38, 63, 64, 1_028, 1_090,
        ]
        var writer = ProtobufWriter()
        for _ in 0..<(1 + chance.below(8)) {
            let number = numbers[chance.below(numbers.count)]
            switch chance.below(4) {
            case 0: writer.integer(number, hot[chance.below(hot.count)])
            case 1 where depth < 4: writer.content(number, structured(&chance, depth: depth + 1))
            case 2:
                writer.content(
                    number,
                    (0..<chance.below(40)).map { _ in UInt8(truncatingIfNeeded: chance.next()) })
            default: writer.integer(number, Int64(bitPattern: chance.next()))
            }
        }
        return writer.bytes
    }

    @Test("random bodies of every method leave the neighbours unhurt", arguments: 1...200)
    func randomBodies(seed: UInt64) {
        var chance = SplitMix(seed: seed)
        var decoder = WebcastDecoder()
        var room = WebcastNormaliser(
            livestream: LivestreamID(high: 1, low: 1), source: .tiktok, seed: seed)
        for method in Self.methods {
            for _ in 0..<20 {
                let body =
                    chance.below(2) == 0
                    ? structured(&chance)
                    : (0..<chance.below(64)).map { _ in UInt8(truncatingIfNeeded: chance.next()) }
                let decoded = Decoded(
                    Frames.push([Self.good, Frames.envelope(method, body), Self.good]), &decoder)
                #expect(goodCount(decoded) == 2, "seed \(seed) \(method)")
                var events: [LiveEvent] = []
                for message in decoded.messages {
                    room.add(message, isHistory: false, now: .at(1), to: &events)
                }
                for event in events { check(event, seed) }
            }
        }
    }

    private func check(_ event: LiveEvent, _ seed: UInt64) {
        #expect(event.sourceMessageID.utf8.count <= LiveLimits.wordBytes, "seed \(seed)")
        if let viewer = event.viewer {
            #expect(viewer.id.utf8.count <= LiveLimits.wordBytes, "seed \(seed)")
            #expect(viewer.handle.utf8.count <= LiveLimits.wordBytes, "seed \(seed)")
            #expect(viewer.name.utf8.count <= LiveLimits.nameBytes, "seed \(seed)")
        }
        switch event.happening {
        case .comment(let text): #expect(text.utf8.count <= LiveLimits.commentBytes)
        case .gift(let increment):
            #expect(increment.count > 0, "seed \(seed)")
            #expect((0...LiveLimits.counter).contains(increment.coins), "seed \(seed)")
        case .like(let increment):
            #expect((0...LiveLimits.likesPerFrame).contains(increment.count), "seed \(seed)")
        case .deleted(let messageIDs, let viewerIDs):
            #expect(messageIDs.count <= LiveLimits.deletionsPerMessage, "seed \(seed)")
            #expect(viewerIDs.count <= LiveLimits.deletionsPerMessage, "seed \(seed)")
        default: break
        }
    }

    @Test("frames with flipped bits never trap", arguments: 1...100)
    func bitFlips(seed: UInt64) {
        var chance = SplitMix(seed: seed)
        var decoder = WebcastDecoder()
        for gzip in [false, true] {
            let frame = Frames.push([Self.good, Self.good, Self.good], reply: "x", gzip: gzip)
            for _ in 0..<100 {
                var broken = frame
                for _ in 0...chance.below(4) {
                    broken[chance.below(broken.count)] ^= 1 << UInt8(chance.below(8))
                }
                let decoded = Decoded(broken, &decoder)
                #expect(decoded.messages.count <= 3, "seed \(seed)")
            }
        }
        #expect(Decoded(Frames.push([Self.good]), &decoder).messages.count == 1)
    }

    @Test("frames cut at every byte never trap, and a cut gzip is refused")
    func truncation() {
        var decoder = WebcastDecoder()
        for gzip in [false, true] {
            let frame = Frames.push([Self.good, Self.good], reply: "x", gzip: gzip)
            for size in frame.indices {
                let decoded = Decoded(Array(frame[..<size]), &decoder)
                #expect(decoded.messages.count <= 2)
                if gzip, size > 30 { #expect(decoded.error != nil, "\(size)") }
            }
        }
        let packed = Gzip.compress(Frames.result([Self.good, Self.good]))
        for size in 3..<packed.count {
            let frame = OutgoingFrame.frame(type: "msg", payload: Array(packed[..<size]))
            #expect(Decoded(frame, &decoder).error == .badGzip, "\(size)")
        }
    }

    @Test("random bytes as frames, and as gzip, never trap", arguments: 1...100)
    func randomBytes(seed: UInt64) {
        var chance = SplitMix(seed: seed)
        var decoder = WebcastDecoder()
        for _ in 0..<100 {
            let bytes = (0..<chance.below(300)).map { _ in UInt8(truncatingIfNeeded: chance.next())
            }
            _ = Decoded(bytes, &decoder)
            _ = Decoded(OutgoingFrame.frame(type: "msg", payload: bytes), &decoder)
            let gzip = OutgoingFrame.frame(type: "msg", payload: [0x1F, 0x8B, 8, 0] + bytes)
            _ = Decoded(gzip, &decoder)
        }
        #expect(Decoded(Frames.push([Self.good]), &decoder).messages.count == 1)
    }
}
